"""The metadata at the top of generated scripts (PEP 723): what `uv run` and `pipx run` make of them is what the script needs."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from command import call
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from runner_files import FAMILIES, make

from selector.benchmark.programs import demonstrations, files_of, programs
from selector.host import find_interpreters

#: As PEP 723 has it.
BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
PYTHONS = [f"3.{minor}" for minor in range(10, 16)]
TINY = ["--set", "workload_type=cpu", "--set", "tasks=8", "--set", "cpu_ms_per_task=3"]
TODO_FILES = files_of(programs()["todo_batch"], 5, 2)


def generated(*words: str) -> str:
    done = call("generate", *words, "-o", "-")
    assert done.code == 0, done.err
    return done.out


#: Scripts that stand alone, or beside the modules that they come with.
ALONE: dict[str, Callable[[], str]] = {
    "a workload": lambda: generated(*TINY),
    "a service": lambda: generated("api-server"),
    "a web service": lambda: generated("api-server", "--template", "api-service"),
    "a system": lambda: generated("ten-agents"),
    "agents": lambda: generated("--template", "agents"),
    "web-scraper": lambda: generated("--template", "web-scraper"),
    "todo-batch": TODO_FILES["bench.py"].decode,
}


@cache
def script(name: str) -> str:
    return ALONE[name]()


def metadata_of(text: str) -> dict[str, object] | None:
    """What the block says, read as tools read it; None where there is none."""
    found = [match for match in BLOCK.finditer(text) if match["type"] == "script"]
    assert len(found) <= 1, "tools must refuse two"
    return tomllib.loads(re.sub(r"(?m)^# ?", "", found[0]["content"])) if found else None


def imported(statements: Iterable[ast.AST]) -> Iterator[str]:
    """The packages that some statements import."""
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield str(statement.module).partition(".")[0]


@pytest.mark.parametrize("name", ALONE)
def test_a_script_that_stands_alone_says_what_it_needs(name: str) -> None:
    metadata = metadata_of(script(name))
    assert metadata is not None and metadata.keys() == {"requires-python", "dependencies"}
    assert [python for python in PYTHONS if python in SpecifierSet(str(metadata["requires-python"]))] == PYTHONS
    assert "3.9" not in SpecifierSet(str(metadata["requires-python"]))
    beside = {Path(file).parts[0].removesuffix(".py") for file in TODO_FILES} if name == "todo-batch" else set()
    tree = ast.parse(script(name))
    needed, used = (set(imported(some)) - sys.stdlib_module_names - beside for some in (tree.body, ast.walk(tree)))
    named = {Requirement(str(each)).name for each in metadata["dependencies"]}  # type: ignore[attr-defined]
    assert needed <= named <= used  # what is imported in a function, or in a `try`, may be missing


def test_what_imports_code_of_the_user_has_none_as_an_environment_by_itself_would_lack_what_that_needs(
    tmp_path: Path,
) -> None:
    for approach in FAMILIES:
        function = "divide_async" if approach == "asyncio" else "divide"
        assert metadata_of(make(tmp_path, approach, function).read_text("utf-8")) is None
    for file in demonstrations().values():  # for any Python, as they are
        assert metadata_of(file.read_text("utf-8")) is None
    (tmp_path / "shop.py").write_text("def price(x):\n    return x\n")
    assert metadata_of(generated("--function", f"{tmp_path}/shop.py:price", "--items", "3")) is None


def uv() -> str:
    """The uv beside this Python, or on PATH."""
    found = Path(sys.executable).with_name("uv")
    return str(found) if found.exists() else "uv"


@pytest.mark.slow
@pytest.mark.parametrize("tag", [*PYTHONS, "3.13t", "3.14t"])
def test_uv_runs_it_under_every_python(tag: str, tmp_path: Path) -> None:
    here = [each.path for each in find_interpreters() if each.tag == tag and each.implementation == "CPython"]
    if not here:
        pytest.skip(f"Python {tag} is not here")
    (tmp_path / "bench.py").write_text(script("a workload"), "utf-8")
    environment = {**os.environ, "UV_CACHE_DIR": str(tmp_path / "cache"), "UV_OFFLINE": "1"}
    environment = {name: value for name, value in environment.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    command = [uv(), "run", "--python", here[-1], "bench.py", "--budget", "8", "--rounds", "1"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(rf"(?m)^single_threaded +{re.escape(tag)} ", done.stdout)


@pytest.mark.slow
def test_uv_runs_the_script_of_a_function_in_the_environment_that_has_what_it_needs(tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True, timeout=60)
    (site,) = tmp_path.glob(".venv/lib/python*/site-packages")
    (site / "needed.py").write_text("FACTOR = 3\n")
    (tmp_path / "shop.py").write_text("from needed import FACTOR\ndef price(x):\n    return x * FACTOR\n")
    text = generated("--function", f"{tmp_path}/shop.py:price", "--items", "30", "--python", str(python))
    (tmp_path / "bench.py").write_text(text, "utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        [uv(), "run", "--no-project", "bench.py", "--budget", "2"],
        cwd=tmp_path, env={**environment, "UV_OFFLINE": "1"}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
