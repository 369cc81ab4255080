"""The text of a runner: short, valid, every source of items, hostile names as literals; and how it is sized."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import call, refused
from runner_files import FAMILIES, make

from selector import HostFacts, pipeline
from selector.benchmark.runner import Runner, batch_size, environment_for, runner_script
from selector.errors import SelectorError
from selector.host import interpreter_at
from selector.measure.target import ItemsSource, Target, parse_target
from selector.pipeline import as_profile

MOST_LINES = 115  # that are not empty; 99 of a pool of processes, 56 of plain code


def profile(**fields: Any) -> Any:
    return as_profile({"workload_type": "cpu", **fields})


def items_of(script: Path, monkeypatch: pytest.MonkeyPatch, stdin: str = "") -> list[Any]:
    """What the function `items` of a runner gives, run where it lies."""
    monkeypatch.chdir(script.parent)
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    monkeypatch.setattr(sys, "path", [*sys.path])
    names: dict[str, Any] = {"__name__": "runner", "__file__": str(script)}
    exec(compile(script.read_text("utf-8"), script.name, "exec"), names)
    sys.modules.pop("work", None)
    return list(names["items"]())


@pytest.mark.parametrize("approach", FAMILIES)
def test_a_runner_is_short_and_clean(tmp_path: Path, approach: str) -> None:
    function = "divide_async" if approach == "asyncio" else "divide"
    script = make(tmp_path, approach, function, environment={"OMP_NUM_THREADS": "1"})
    text = script.read_text("utf-8")
    assert len([line for line in text.splitlines() if line]) <= MOST_LINES
    assert "# ---" not in text
    ast.parse(text, feature_version=(3, 10))
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--target-version", "py310", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("rows.json", '[1, {"a": 2}]', [1, {"a": 2}]),
        ("rows.jsonl", "1\n\n[2]\n", [1, [2]]),
        ("rows.csv", 'a,b\n1,"x\ny"\n', [{"a": "1", "b": "x\ny"}]),
        ("rows.txt", "\ufeffone\n two \n", ["one", " two "]),
        ('it\'s "quoted"\\ and \u00fcber.txt', "one\n", ["one"]),
    ],
)
def test_items_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, expected: list[Any]
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert items_of(make(tmp_path, "threads", items=name), monkeypatch) == expected


def test_items_of_other_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.png", "a.png"):
        (tmp_path / name).touch()
    assert items_of(make(tmp_path, "threads", items="*.png"), monkeypatch) == ["a.png", "b.png"]
    assert items_of(make(tmp_path, "threads", items="1_0"), monkeypatch) == list(range(10))
    assert items_of(make(tmp_path, "threads", items="-"), monkeypatch, "1\n[2]\n") == [1, [2]]
    (tmp_path / "paths.py").write_text("PATHS = ('x', 'y')\nclass All:\n    def given(): return iter('ab')\n")
    assert items_of(make(tmp_path, "threads", items="paths.py:PATHS"), monkeypatch) == ["x", "y"]
    assert items_of(make(tmp_path, "threads", items="paths:All.given"), monkeypatch) == ["a", "b"]
    sys.modules.pop("paths")


@pytest.mark.parametrize("hostile", ['"""\nimport os', "'''+boom()+'''", "a\\", "{boom()}", "\u2028boom()", "\x1b[31m"])
def test_what_a_user_named_stays_text(tmp_path: Path, hostile: str) -> None:
    source = ItemsSource(f"{hostile}*.txt", "glob")
    folder = tmp_path / hostile.replace("/", "_")
    text = runner_script(Runner("threads", Target("work.py", "run"), source, folder), None)
    calls = [ast.unparse(n) for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)]
    assert "boom()" not in calls
    assert f"glob.glob({source.text!r}, recursive=True)" in calls
    assert text.isascii()


def test_a_name_that_no_import_can_have_is_refused(tmp_path: Path) -> None:
    for target in (Target("class.py", "run"), Target("a.b", "None"), Target("a b", "c"), Target("a", "b;c")):
        with pytest.raises(SelectorError, match="no import can name"):
            runner_script(Runner("threads", target, ItemsSource("3", "number"), tmp_path), None)


def test_folders_are_seen_from_the_script(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "work.py").write_text("def run(item): ...")

    def path_in(out: Path | None) -> list[str]:
        runner = Runner("threads", Target("src/work.py", "run"), ItemsSource("3", "number"), tmp_path)
        return [line[19:-1] for line in runner_script(runner, out).splitlines() if line.startswith("sys.path")]

    here = "str(Path(__file__).resolve().parent"
    assert path_in(tmp_path / "run.py") == [f'{here} / "src")']
    assert path_in(tmp_path / "src" / "run.py") == [f"{here})"]
    assert path_in(tmp_path / "src" / "deep" / "run.py") == [f"{here}.parent)"]
    assert path_in(tmp_path / "elsewhere" / "run.py") == [f'{here}.parent / "src")']
    assert path_in(Path("/elsewhere/run.py")) == path_in(None) == [f'"{tmp_path}{os.sep}src"']


def test_an_async_function_is_run_on_a_loop_where_nothing_awaits_it(tmp_path: Path) -> None:
    assert "asyncio.run(coroutine(item))" in make(tmp_path, "threads", "divide_async").read_text()
    assert "asyncio" not in make(tmp_path, "threads").read_text()


def test_asyncio_alone_needs_something_to_await(tmp_path: Path) -> None:
    with pytest.raises(SelectorError, match="is no `async def`"):
        make(tmp_path, "asyncio")
    twin = parse_target("src/work.py:divide_async", tmp_path)
    assert "import divide_async as coroutine" in make(tmp_path, "asyncio", coroutine=twin).read_text()


def test_short_tasks_travel_together() -> None:
    assert batch_size(profile(), 4) == 1
    assert batch_size(profile(cpu_ms_per_task=50), 4) == 1
    assert batch_size(profile(cpu_ms_per_task=0.1), 4) == 100
    assert batch_size(profile(cpu_ms_per_task=0.1, payload_kb_per_task=100), 4) == 10
    assert batch_size(profile(cpu_ms_per_task=0.1, tasks=160), 4) == 10
    assert batch_size(profile(cpu_ms_per_task=0.0001), 4) == 1000
    assert batch_size(profile(cpu_ms_per_task=0.1, tasks=3), 4) == 1


def test_a_library_has_one_thread_beside_workers() -> None:
    names = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}
    assert set(environment_for(profile(native_parallel=True), 4)) == names
    assert environment_for(profile(native_parallel=True), 1) == environment_for(profile(), 4) == {}
    assert set(environment_for(profile(library_threads=2), 1).values()) == {"2"}


def test_variables_are_set_before_the_import(tmp_path: Path) -> None:
    lines = make(tmp_path, "threads", environment={"OMP_NUM_THREADS": "1"}).read_text().splitlines()
    assert lines.index('os.environ.setdefault("OMP_NUM_THREADS", "1")') < lines.index(
        "from work import divide as function"
    )


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make(tmp_path, "threads").unlink()
    (tmp_path / "work.json").write_text('{"workload_type": "cpu", "cpu_ms_per_task": 20, "tasks": 400, "cpu_cores": 4}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


FUNCTION = ("generate", "work.json", "--function", "src/work.py:divide", "--python", sys.executable)
GIVEN = (*FUNCTION, "--items", "8", "--runner", "-o", "run.py")


def test_the_command_writes_the_recommended_way_or_another(folder: Path) -> None:
    done = call(*GIVEN)
    assert (done.code, done.out) == (0, "")
    assert "at a time. Run it with:" in done.err
    assert "ProcessPoolExecutor(WORKERS" in (folder / "run.py").read_text()
    done = call(*GIVEN, "--force", "--approach", "threads")
    assert "note: recommended is multiprocessing" in done.err
    assert "ThreadPoolExecutor(WORKERS" in (folder / "run.py").read_text()
    printed = call(*FUNCTION, "--items", "8", "--runner", "-o", "-")
    assert printed.out.startswith("# Written by concurrency-selector")
    assert "Save it as" in printed.err


def test_wrong_uses_of_the_command_are_refused(folder: Path) -> None:
    refused(call(*FUNCTION, "--runner", "-o", "run.py"), "give --items SOURCE")
    refused(call(*GIVEN[:-3], "-o", "run.py", "--approach", "threads"), "give --runner")
    refused(call("generate", "work.json", "--runner", "-o", "run.py"), "give --function TARGET")
    refused(call(*GIVEN, "--template", "agents"), "leave --template out")
    refused(call(*GIVEN, "--approach", "distributed"), "no short runner for distributed", "--engine NAME")
    refused(call(*GIVEN, "--approach", "asyncio"), "is no `async def`", "--async-function")
    (folder / "run.py").write_text("mine")
    refused(call(*GIVEN), "there is a file already")


def test_the_python_is_the_one_that_a_recommendation_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = interpreter_at(sys.executable).tag
    host = HostFacts("linux", 4, ((own, "/other/python"), ("3.99", "/x/python3.99")), application=own)
    monkeypatch.setattr(pipeline, "this_host", lambda: host)

    def told(*tags: str) -> str:
        return call(*GIVEN, "--force", "--set", f"interpreters={json.dumps(tags)}", "--approach", "multiprocessing").err

    recommended = call("recommend", "work.json", "--set", 'interpreters=["3.10", "3.99"]', "--json").json
    assert recommended["interpreter"] == "3.99"
    assert "Multiprocessing on 3.99, 4 at a time. Run it with: /x/python3.99 run.py" in told("3.10", "3.99")
    for tags in ((own,), (own, "3.99")):  # nobody is sent away from his own
        assert f"Multiprocessing on {own}, 4 at a time. Run it with: {sys.executable} run.py" in told(*tags)
    missing = told("3.98")
    assert f"note: Python 3.98 was not found here: this runs it with {sys.executable}" in missing
