"""`generate --engine`: the files of a project, what is refused, and that all extras are what pip installs for it."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import COMPLETE, Run, call, refused

from selector.benchmark.engine_project import ENGINES, engine_files
from selector.calibration.engine_run import NEEDS
from selector.measure.models import Request
from selector.measure.request import request_from

ROOT = Path(__file__).resolve().parent.parent


def asked(folder: Path, function: str = "run", items: str = "3", **more: Any) -> Request:
    (folder / "work.py").write_text(
        "def run(item): ...\nasync def wait(item): ...\nclass A:\n    ITEMS = [1]\n", "utf-8"
    )
    return request_from(f"work.py:{function}", items=items, python=sys.executable, folder=folder, **more)


def commands_in(words: list[str]) -> list[str]:
    """What compose hands to the shell."""
    assert words[:2] == ["sh", "-c"]
    return shlex.split(words[2].replace("$$", "$"))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_project_has_the_common_modules_and_one_of_its_engine(tmp_path: Path, engine: str) -> None:
    files = engine_files(asked(tmp_path), engine, tmp_path / "jobs")
    names = {path.name for path in (ROOT / "programs" / "engines" / "engine_jobs").glob("*.py")}
    own = {name for name in names if not name.startswith("on_")} | {f"on_{engine}.py"}
    outside = {"__main__.py", "README.md", "compose.yaml", "requirements.txt"}
    assert set(files) == {f"engine_jobs/{name}" for name in own} | outside
    yours = files["engine_jobs/yours.py"].decode()
    assert f'ENGINE = "{engine}"' in yours and "from work import run as function" in yours
    for name, data in files.items():
        if name.endswith(".py"):
            ast.parse(data, feature_version=(3, 10))
    compose = yaml.safe_load(files["compose.yaml"])
    jobs = compose["services"]["jobs"]
    assert jobs["volumes"] == ["..:/code"] and commands_in(jobs["entrypoint"])[-3:] == ["python", "jobs", "$@"]
    assert commands_in(compose["services"]["worker"]["command"])[:4] == [
        "pip",
        "install",
        "-qr",
        "jobs/requirements.txt",
    ]
    python = [service for service in compose["services"].values() if service["image"].startswith("python:")]
    assert all(service["init"] for service in python), "as process 1 a shell that runs pip would not hear SIGTERM"
    assert "${" not in files["README.md"].decode() and "## Modules" not in files["README.md"].decode()


def test_every_extra_is_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"]
    assert {name: [needed] for name, needed in NEEDS.items()} == extras
    group = project["dependency-groups"]["engines"]
    assert sorted(group) == sorted(needed for name, needed in NEEDS.items() if name != "ray")


def test_engine_names_are_those_of_the_program() -> None:
    plan = ast.parse((ROOT / "programs" / "engines" / "engine_jobs" / "plan.py").read_text("utf-8"))
    (found,) = [n.value for n in plan.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "REQUIREMENTS"]
    plain = {name: needed.partition(">")[0] for name, needed in NEEDS.items()}
    assert ast.literal_eval(found) == plain


def test_the_users_part_is_as_a_runner_has_it(tmp_path: Path) -> None:
    request = asked(tmp_path, "wait", "work.py:A.ITEMS", setup="work.py:A.load")
    yours = engine_files(request, "huey", tmp_path / "jobs")["engine_jobs/yours.py"].decode()
    assert (
        "asyncio.run(coroutine(item))" in yours and "setup = setup.load" in yours and "source = source.ITEMS" in yours
    )
    assert "Path(__file__).resolve().parent.parent.parent" in yours


@pytest.mark.parametrize("name", ["$HOME", "it's", 'a "b"', "a b", "\u00fc`", "\U0001f600", "a #b", "a\x7f"])
def test_folders_of_any_name_stay_names(tmp_path: Path, name: str) -> None:
    files = engine_files(asked(tmp_path), "celery", tmp_path / name)
    compose = yaml.safe_load(files["compose.yaml"])
    assert commands_in(compose["services"]["jobs"]["entrypoint"])[-2:] == [name, "$@"]


@pytest.mark.parametrize(
    ("function", "items", "out"),
    [
        ("work.py:run", "lines.txt", "jobs"),
        ("src/work.py:run", "src/work.py:A.ITEMS", "jobs"),
        ("src/work.py:run", "lines.txt", "../of jobs/$1"),
        ("../lib/work.py:run", "lines.txt", "jobs"),
        ("work.py:run", "lines.txt", "."),
    ],
)  # fmt: skip
def test_containers_see_all_that_a_worker_needs(tmp_path: Path, function: str, items: str, out: str) -> None:
    folder, project = tmp_path / "home" / "mine", tmp_path / "home" / "mine" / out
    for place in (folder, (folder / function).parent, project):
        place.mkdir(parents=True, exist_ok=True)
    asked((folder / function).parent)
    (folder / "lines.txt").write_text("1\n", "utf-8")
    request = request_from(function, items=items, python=sys.executable, folder=folder)
    for name, data in engine_files(request, "huey", project).items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_bytes(data)
    worker = yaml.safe_load((project / "compose.yaml").read_text("utf-8"))["services"]["worker"]
    source, _, target = worker["volumes"][0].partition(":")
    (project / source).resolve().rename(tmp_path / "code")
    assert not folder.exists() and target == "/code"
    looked = "import sys; sys.path.insert(0, sys.argv[1]); from engine_jobs import yours; print(*yours.items())"
    done = subprocess.run(
        [sys.executable, "-c", looked, commands_in(worker["command"])[-2]],
        cwd=tmp_path / worker["working_dir"].replace("$$", "$").lstrip("/"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "1\n", done.stderr


def test_there_are_no_containers_where_they_would_have_to_see_all(tmp_path: Path) -> None:
    files = engine_files(asked(tmp_path), "huey", Path("/elsewhere/jobs"))
    assert "compose.yaml" not in files and "there is no `compose.yaml`" in files["README.md"].decode()


def test_folders_of_one_name_have_containers_of_their_own(tmp_path: Path) -> None:
    def name(out: Path) -> str:
        return str(yaml.safe_load(engine_files(asked(tmp_path), "rq", out)["compose.yaml"])["name"])

    names = {name(tmp_path / place / "jobs") for place in ("a", "b", "\u00fc")}
    assert len(names) == 3 and all(re.fullmatch("[a-z0-9][a-z0-9_-]*", each) for each in names)


def test_keys_of_another_function_have_another_name(tmp_path: Path) -> None:
    def name(request: Request) -> str:
        text = engine_files(request, "rq", tmp_path / "jobs")["engine_jobs/yours.py"].decode()
        return next(line for line in text.splitlines() if line.startswith("NAME"))

    assert name(asked(tmp_path)) == name(asked(tmp_path)) != name(asked(tmp_path, items="4"))


def test_the_command_writes_the_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ("generate", "--engine", "Celery", "--function", "work.py:run", "--items", "3", "-o", "jobs")
    said = call(*words, "--python", sys.executable)
    assert said.code == 0, said.err
    assert said.err.splitlines()[-1] == f"jobs: Run it with: {sys.executable} jobs run"
    assert "celery[redis]" in (tmp_path / "jobs" / "requirements.txt").read_text()
    refused(call(*words, "--python", sys.executable), "it is there already")
    (tmp_path / "jobs" / "engine_jobs" / "work.py").unlink()
    assert call(*words, "--force", "--python", sys.executable).code == 0
    assert (tmp_path / "jobs" / "engine_jobs" / "work.py").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--engine", "celry"), "celery"),
        (("--engine", "rq"), "give --function TARGET"),
        (("--engine", "rq", "--function", "work.py:run"), "--items SOURCE"),
        (("--engine", "rq", "--function", "work.py:run", "--items", "-"), "read again"),
        (("--engine", "rq", "--function", "work.py:run", "--items", "3", "--runner"), "leave --runner out"),
        (("--engine", "rq", "--function", "work.py:run", "--items", "3", "--template", "agents"), "leave --template out"),
        (("--engine", "rq", "--function", "class.py:run", "--items", "3"), "no import can name"),
        (("--engine", "rq", "--function", "work.py:run", "--items", "3", "-o", f"a{os.pathsep}b"), "in its path to -o"),
    ],
)  # fmt: skip
def test_what_no_project_can_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    asked(tmp_path)
    (tmp_path / "class.py").touch()
    monkeypatch.chdir(tmp_path)
    result = call("generate", "-o", "jobs", *words, "--python", sys.executable)
    refused(Run(result.code, result.out, " ".join(result.err.split())), said)
    assert not (tmp_path / "jobs").exists()


def test_the_shell_completes_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", "concurrency-selector generate --engine d")
    monkeypatch.setenv("COMP_CWORD", "3")
    monkeypatch.setenv(COMPLETE, "bash_complete")
    assert call().out.split() == ["plain,dask", "plain,dramatiq"]


@pytest.mark.slow
def test_the_program_is_typed() -> None:
    command = [
        *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-version=3.14"),
        *(
            "--no-site-packages",
            "--ignore-missing-imports",
            "--cache-dir=/dev/null",
            ".",
        ),  # engines may be there or not
    ]
    done = subprocess.run(command, cwd=ROOT / "programs" / "engines", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
