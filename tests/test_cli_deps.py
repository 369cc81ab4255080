"""The command deps: packages really imported, what it prints and refuses, how it ends; small extensions in a slow test."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest
from command import COMMAND, call, posix_only
from conftest import IN_CI
from extensions import EXTENSIONS, Extension, Target, install, target_of

from selector.measure.models import MeasureReport, Problem
from selector.pipeline import Selector
from selector.readiness import DepsReport, LoopFinding, PackageReadiness, SubinterpreterReadiness
from selector.readiness.models import BuildReadiness
from selector.readiness.worth import blocking, profile_with, with_worth
from selector.recommend.facts import HostFacts
from selector.report.markdown import render_markdown
from selector.report.readiness import readiness_document
from selector.workload.profile import WorkloadProfile

HOST = HostFacts("linux", 4, (("3.14", "/x/python3.14"), ("3.14t", "/x/python3.14t")))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two small packages, whose code blocks its loop once, and an environment that has them."""
    (tmp_path / "requirements.txt").write_text("tiny\nabsent-package==1 ; python_version < '3'\n")
    (tmp_path / "app.py").write_text("import time\n\nasync def wait():\n    time.sleep(1)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@posix_only
def test_packages_are_imported_and_the_loop_is_looked_at(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], check=True, timeout=60)
    site = next(project.glob(".venv/lib/python*/site-packages"))
    tiny = Extension("tiny", "import base_of_tiny\n", requires=("base-of-tiny",), native=False)
    base = Extension("base-of-tiny", "raise ValueError('broken \x1b[31m')\n", native=False)
    install([tiny, base], Target("", site, "", False, ""))
    python = str(project / ".venv" / "bin" / "python")
    (project / "uv").write_text("#!/bin/sh\necho ' + base-of-tiny==2.0' >&2\n")
    (project / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{project}{os.pathsep}{os.environ['PATH']}")
    done = call("deps", ".", "--interpreter", python, "--json", "--fail-on", "loop")
    found = DepsReport.model_validate_json(done.out)
    states = {package.name: next(iter(package.builds.values())) for package in found.packages}
    assert [(name, build.status, build.package) for name, build in states.items()] == [
        ("tiny", "fails", "base-of-tiny"), ("base-of-tiny", "fails", "base-of-tiny")
    ]  # fmt: skip
    assert "ValueError: broken \\x1b[31m" in states["tiny"].reason
    assert found.packages[0].chain == ("tiny", "base-of-tiny") and found.packages[1].fixed_in == "2.0"
    assert [(each.file, each.line, each.rule) for each in found.loop] == [("app.py", 4, "ASYNC251")]
    assert done.code == 3 and "importing 2 packages" in done.err
    assert not list(site.glob("**/__pycache__")) and left_running(python) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("absent",), "this is no folder"),
        (("-r", "absent.txt"), "there is no such file"),
        (("--group", "dev"), "only pyproject.toml has groups"),
        (("--workload", "absent.json"), "absent.json"),
        (("--items", "40"), "give --function"),
        (("--workload", "x.json", "--function", "a:b"), "give one"),
        (("--fail-on", "gil"), "'gil' is not one of"),
        (("--interpreter", "3.99t"), 'no interpreter "3.99t"'),
    ],
)
def test_what_cannot_be_meant_is_refused(project: Path, arguments: tuple[str, ...], words: str) -> None:
    done = call("deps", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err and "hint: " in done.err


# The report -----------------------------------------------------------------------------------------------------------


def package(name: str, status: Any = "ready", *chain: str, apart: Any = "ready", **build: Any) -> PackageReadiness:
    return PackageReadiness(
        name=name,
        version="1.0",
        builds={
            "3.14": BuildReadiness(status="ready", reason="imported", installed="1.0", import_ms=12.0, memory_mb=3.2),
            "3.14t": BuildReadiness(status=status, reason="for a reason", **build),
        },
        subinterpreters=SubinterpreterReadiness(status=apart, reason="for another", build="3.14"),
        chain=(*chain, name),
        fixed_in=build.get("fixed_in"),
    )


def report(*packages: PackageReadiness, **changes: Any) -> DepsReport:
    plain: dict[str, Any] = {
        "source": "pyproject.toml", "python": "/x/python3.14", "loop": (), "loop_checked_by": None, "settings": {}, "why": {},
        "interpreters": {"3.14": "/x/python3.14", "3.14t": "/x/python3.14t"}, "worth": (), "notes": (), "seconds": 1.0,
    }  # fmt: skip
    return DepsReport(packages=packages, **{**plain, **changes})


def test_the_report_names_the_guilty_once_with_the_chain(plain_environment: None) -> None:
    guilty = package("low", "gil", "app", module="low._x", package="low", fixed_in="2.0", apart="fails")
    needs = package("app", "gil", module="low._x", package="low")
    call_ = LoopFinding(file="a.py", line=3, rule="ASYNC251", text="time.sleep(1)", remedy="await asyncio.sleep(...)")
    known = {"settings": {"free_threading_ready": False}, "why": {"free_threading_ready": "low stands in the way"}}
    text = render_markdown(
        readiness_document(report(needs, guilty, loop=(call_,), loop_checked_by="ruff 1", notes=("Note",), **known))
    )
    assert text.count("for a reason") == 1 and "Needed by: app -\\> low" in text and "Needed directly" not in text
    assert "First version with a wheel: 2.0." in text and "Subinterpreters (3.14): for another" in text
    assert "not ready: low stands in the way" in text and "time.sleep(1)" in text and "Note." in text
    assert re.search(r"\| low \| 1\.0 \| ready \| GIL on \| fails \| 12 ms \| 3\.2 MB \|", text)


def test_the_report_says_what_is_not_known(plain_environment: None) -> None:
    text = render_markdown(readiness_document(report(package("low", "unknown", apart="unknown"))))
    assert "1 of 1 package is not known under 3.14t" in text and "install it for that Python" in text
    assert "wheel" not in text  # nobody could say
    fits, source = (package(name, "unknown", wheel=wheel) for name, wheel in (("low", True), ("app", False)))
    told = render_markdown(readiness_document(report(fits, source)))
    assert "- 3.14t: a wheel fits of low, none does of app." in told
    assert "- 3.14t: no wheel fits of app." in render_markdown(readiness_document(report(source)))
    assert "Nothing is required." in render_markdown(readiness_document(report(loop_checked_by="ruff 1")))


def test_the_report_says_what_cannot_be_sent_to_a_worker(plain_environment: None) -> None:
    names = ("low.A", "low.B", "low.C", "low.D")
    low, app = package("low", unpicklable=names), package("app", unpicklable=())
    found = report(low, app)
    text = render_markdown(readiness_document(found))
    assert "low: instances of low.A, low.B, low.C and 1 more cannot be pickled: make them in the worker." in text
    assert "What stands in the way" not in text and not any(map(found.blocks, ("free_threading", "subinterpreters")))
    assert "For processes" not in render_markdown(readiness_document(report(app)))


def test_the_schema_is_one_of_what_is_printed() -> None:
    schema = call("schema", "deps").json
    guilty = package("low", "gil", "app", module="low._x", package="low", apart="fails")
    data = json.loads(with_worth(report(guilty), WORK, Selector(host=HOST)).model_dump_json(by_alias=True))
    jsonschema.validate(data, schema)
    for key, value in (("schema", 2), ("packages", {}), ("settings", {"tasks": True})):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**data, key: value}, schema)


# Worth it -------------------------------------------------------------------------------------------------------------

WORK = WorkloadProfile(
    workload_type="cpu", tasks=10_000, cpu_ms_per_task=20, io_wait_ms_per_task=0, shared_state="disjoint_writes",
    picklable=False, cpu_cores=4,
)  # fmt: skip


def test_what_readiness_would_gain_stands_beside_what_blocks_it() -> None:
    blocked = report(package("low", "gil", module="low._x", package="low"), settings={"free_threading_ready": False})
    free, apart = with_worth(blocked, WORK, Selector(host=HOST)).worth
    assert (free.goal, free.ready, free.blocked_by) == ("free_threading", False, ("low",))
    assert free.today == "single_threaded" and free.approach == "free_threaded"
    assert free.worth_it and free.gain is not None and free.gain > 2
    assert re.fullmatch(
        r"low blocks free threads; single_threaded reaches 0\.\d+x of the speed .*: worth mending\.", free.text
    )
    assert apart.goal == "subinterpreters" and not apart.worth_it and "is not known" in apart.text


def test_what_gains_nothing_is_not_worth_waiting_for() -> None:
    shared = WORK.model_copy(update={"picklable": True, "shared_state": "none", "interpreters": ("3.14",)})
    blocked = report(package("low", "gil", package="low"), settings={"free_threading_ready": False})
    free, _ = with_worth(blocked, shared, Selector(host=HOST)).worth
    assert not free.worth_it and free.text.endswith("not worth waiting.")
    ready = report(package("low"), settings={"free_threading_ready": True, "subinterpreter_ready": True})
    free, _ = with_worth(ready, WORK, Selector(host=HOST)).worth
    assert free.ready and free.text.startswith("Nothing blocks free threads; without them,")
    unknown = WorkloadProfile(workload_type="cpu", picklable=False, shared_state="disjoint_writes")
    free, _ = with_worth(blocked, unknown, Selector(host=HOST)).worth
    assert free.gain is None


def test_a_profile_keeps_what_it_says_itself() -> None:
    found = report(settings={"free_threading_ready": False, "subinterpreter_ready": True})
    said = profile_with(WORK.model_copy(update={"free_threading_ready": True}), found)
    assert said.free_threading_ready is True and said.subinterpreter_ready is True
    guilty = (package("a", "not_installable", package="b"), package("b", "not_installable", apart="fails"))
    assert blocking(guilty, "free_threading") == ["b"] and blocking(guilty, "subinterpreters") == ["b"]


def test_recommend_takes_from_a_report_what_the_workload_does_not_say(tmp_path: Path) -> None:
    found = report(settings={"free_threading_ready": False}, why={"free_threading_ready": "low stands in the way"})
    file = tmp_path / "deps.json"
    file.write_text(found.model_dump_json(by_alias=True))
    done = call("recommend", "--set", "workload_type=cpu", "--deps", str(file), "--json")
    assert json.loads(done.out)["profile"]["free_threading_ready"] is False
    assert done.err == "note: free_threading_ready is false: low stands in the way\n"
    text = call("recommend", "--set", "workload_type=cpu", "--deps", str(file)).out
    assert "free_threading_ready=false" in text
    own = call("recommend", "--set", "workload_type=cpu", "--set", "free_threading_ready=true", "--deps", str(file))
    assert "says nothing that the profile does not say itself" in own.err
    for words, text in (
        ("settings.tasks", found.model_dump_json(by_alias=True).replace('"free_threading_ready":', '"tasks":')),
        ("JSON", "no"),
    ):
        file.write_text(text)
        refused = call("recommend", "--set", "workload_type=cpu", "--deps", str(file))
        assert refused.code == 2 and words in refused.err and "hint: give what `deps --json` printed" in refused.err


def test_the_gain_of_a_function_is_of_what_it_measures(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    function = ("--function", "app.py:wait", "--python", sys.executable)
    found = {"target": "app.py:wait", "profile": WORK, "problems": ()}
    monkeypatch.setattr(
        sys.modules["selector.measure"], "measure_function", lambda *_: MeasureReport.model_construct(**found)
    )
    monkeypatch.setattr(
        "selector.readiness.check_dependencies", lambda *_: report(package("low", "gil", package="low"))
    )
    done = call("deps", ".", *function, "--format", "markdown")
    assert "low blocks free threads" in done.out and "app.py:wait: it is really called" in done.err
    for kind, code in (("raises_always", 1), ("no_such_module", 2)):
        found |= {"profile": None, "problems": (Problem(kind=kind, text="for a reason"),)}
        failed = call("deps", ".", *function)
        assert failed.code == code and "app.py:wait cannot be measured: for a reason" in failed.err


def test_a_workload_is_a_file_or_an_example(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "selector.readiness.check_dependencies", lambda *_: report(package("low", "gil", package="low"))
    )
    python = ("--python", sys.executable)
    done = call(
        "deps", ".", *python, "--workload", "batch-image-resizing", "--set", "tasks=9", "--fail-on", "free_threading"
    )
    assert "low blocks free threads" in done.out and done.code == 0
    assert "Is it worth it" not in call("deps", ".", *python).out


# Small extensions -----------------------------------------------------------------------------------------------------

EXPECTED = {  # under 3.13t, elsewhere, in subinterpreters, the module, the chain
    "ext-ready": ("ready", "ready", "ready", None, ["ext-ready"]),
    "ext-gil": ("gil", "ready", "ready", "ext_gil._native", ["app", "middle", "ext-gil"]),
    "middle": ("gil", "ready", "ready", "ext_gil._native", ["app", "middle", "ext-gil"]),
    "app": ("gil", "ready", "ready", "ext_gil._native", ["app", "middle", "ext-gil"]),
    "ext-late": ("gil", "ready", "ready", "ext_late._native", ["ext-late"]),
    "ext-liar": ("gil", "ready", "ready", "ext_liar._native", ["ext-liar"]),
    "ext-state": ("ready", "ready", "ready", None, ["ext-state"]),
    "ext-single": ("ready", "ready", "fails", "ext_single._native", ["ext-single"]),
    "ext-crash": ("fails", "fails", "fails", "ext_crash._native", ["uses-crash", "ext-crash"]),
    "uses-crash": ("fails", "fails", "fails", "ext_crash._native", ["uses-crash", "ext-crash"]),
    "ext-hang": ("fails", "fails", "fails", "ext_hang._native", ["ext-hang"]),
}


@pytest.fixture(scope="module")
def pythons(tmp_path_factory: pytest.TempPathFactory, needs: Callable[[str], str]) -> dict[str, str]:
    """An environment of each Python, with all the extensions."""
    place, found = tmp_path_factory.mktemp("environments"), {}
    for tag in ("3.14", "3.15", "3.13t"):
        subprocess.run([needs(tag), "-m", "venv", "--without-pip", place / tag], check=True, timeout=120)
        found[tag] = str(place / tag / "bin" / "python")
        target = target_of(found[tag])
        if isinstance(target, str):
            pytest.fail(target) if IN_CI else pytest.skip(target)
        install(EXTENSIONS, target)
    return found


def left_running(*pythons: str) -> list[str]:
    """The processes of these Pythons that still run."""
    commands = [process.info["cmdline"] or [""] for process in psutil.process_iter(["cmdline"])]
    return [" ".join(command) for command in commands if command[0] in pythons]


@posix_only
@pytest.mark.slow
def test_every_extension_is_judged_rightly_and_the_guilty_module_is_named(pythons: dict[str, str]) -> None:
    others = [word for tag in ("3.15", "3.13t") for word in ("--interpreter", pythons[tag])]
    command = [*COMMAND, "deps", "--python", pythons["3.14"], *others, "--offline", "--json"]
    cold = subprocess.run(command, capture_output=True, timeout=170, check=False)
    assert cold.returncode == 0, cold.stderr.decode()
    found = {package["name"]: package for package in json.loads(cold.stdout)["packages"]}
    assert set(found) == set(EXPECTED)
    for name, (free, elsewhere, apart, module, chain) in EXPECTED.items():
        builds = {tag: build["status"] for tag, build in found[name]["builds"].items()}
        assert builds == {"3.14": elsewhere, "3.15": elsewhere, "3.13t": free}, name
        assert found[name]["subinterpreters"]["status"] == apart, name
        named = {build["module"] for build in found[name]["builds"].values()} | {
            found[name]["subinterpreters"]["module"]
        }
        assert named - {None} == ({module} if module else set()), name
        assert found[name]["chain"] == chain
        states = ["ext_state.Handle"] if name == "ext-state" else []
        for build in found[name]["builds"].values():
            assert build["unpicklable"] == (None if build["status"] == "fails" else states), name
    assert "tagged for free-threaded builds" in found["ext-liar"]["builds"]["3.13t"]["reason"]
    kept = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert b"importing" not in kept.stderr
    again = json.loads(kept.stdout)
    assert again["packages"] == json.loads(cold.stdout)["packages"]
    assert left_running(*pythons.values()) == []


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_run_that_is_stopped(pythons: dict[str, str], how: int, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("ext-hang\next-ready\n")
    command = [
        *COMMAND,
        "deps",
        "-r",
        str(tmp_path / "r.txt"),
        "--interpreter",
        pythons["3.14"],
        "--offline",
        "--fresh",
    ]
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment) as running:
        assert running.stderr is not None
        while b"importing" not in running.stderr.readline():
            pass
        time.sleep(1.5)
        running.send_signal(how)
        assert running.wait(30) == (130 if how == signal.SIGINT else -how)
    end = time.monotonic() + (
        5 if sys.platform == "linux" else 70
    )  # elsewhere what hangs in native code ends by its own clock
    while left_running(*pythons.values()) or list(temporary.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.2)
