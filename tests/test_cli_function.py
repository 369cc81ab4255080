"""validate and generate with a function of the user: what is written, measured and refused."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command import call, refused
from fake_script import script_that_says_it
from function_lab import LAB
from sample_template import parameters_in

from selector import HostFacts, pipeline
from selector import proof as room
from selector.cli.measure import teller
from selector.measure.models import MeasureReport, Problem
from selector.measure.request import profile_as_asked, request_from
from selector.workload.profile import WorkloadProfile

PYTHON = ("--python", sys.executable, "--interpreter", sys.executable)  # no other one that may be here


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lab.py").write_text(LAB, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_generate_writes_a_script_that_imports_the_function(lab: Path) -> None:
    (lab / "out").mkdir()
    options = [
        "--items",
        "40",
        "--setup",
        "lab.py:costly",
        "--async-function",
        "lab.py:naps_async",
        "--budget",
        "9s",
        *PYTHON,
    ]
    result = call("generate", "--function", "lab.py:naps", *options, "-o", "out/bench.py")
    assert (result.code, result.out) == (0, ""), result.err
    found = parameters_in((lab / "out" / "bench.py").read_text("utf-8"))
    expected = {
        "FUNCTION": "lab.py:naps", "ITEMS": "40", "SETUP": "lab.py:costly", "ASYNC_FUNCTION": "lab.py:naps_async",
        "FOLDER": "..", "RECOMMENDED": None, "TASKS": None, "BUDGET_SECONDS": 9,
    }  # fmt: skip
    assert found | expected == found
    assert f"run it with: {sys.executable} out/bench.py --interpreter" in result.err


def test_generate_takes_what_a_profile_says_of_the_function(lab: Path) -> None:
    profile = {
        "workload_type": "io",
        "cpu_ms_per_task": 0.1,
        "io_wait_ms_per_task": 50,
        "tasks": 500,
        "latency_requirement_ms": 900,
    }
    (lab / "naps.json").write_text(json.dumps(profile))
    result = call("generate", "naps.json", "--function", "lab.py:naps", "--items", "40", *PYTHON, "-o", "bench.py")
    assert result.code == 0, result.err
    found = parameters_in((lab / "bench.py").read_text("utf-8"))
    assert (found["RECOMMENDED"], found["TASKS"], found["FOLDER"]) == ("threads", 500, ".")  # it blocks: no asyncio
    assert found["WORKERS"]["threads"] > 2


def test_what_cannot_be_meant_is_refused(lab: Path) -> None:
    for command, *more in (("generate", "-o", "b.py"), ("validate",)):
        refused(call(command, "--function", "nofile.py:f", *more), '--function "nofile.py:f": "nofile.py"')
        refused(call(command, "--items", "40", *more), "--items says something of a function: give --function TARGET")
        refused(call(command, "--function", "lab.py", *more), "names no function")
        refused(call(command, "--function", "lab.py:naps", "--items", "none.csv", *more), "no such file")
    function = ("--function", "lab.py:naps")
    refused(call("generate", *function, "--items", "-", "-o", "b.py", *PYTHON), "save it as FILE.jsonl")
    refused(call("generate", *function, "--template", "agents", "-o", "b.py", *PYTHON), "leave --template out")
    refused(call("validate", *function, "--template", "todo-batch", *PYTHON), "--function or --template")
    assert sorted(path.name for path in lab.iterdir()) == ["lab.py"]


@pytest.mark.parametrize("command", [("generate", "-o", "b.py"), ("validate",)])
def test_a_pattern_that_the_shell_has_replaced_is_to_be_quoted(lab: Path, command: tuple[str, ...]) -> None:
    items = (*command, "--function", "lab.py:naps", "--items")
    for names in (("photos/a.jpg", "photos/b.jpg", "photos/c.jpg"), ("photos/a.jpg", "photos/b.jpg")):
        refused(call(*items, *names), "--items takes one source, and more words follow: photos/b.jpg", "into quotes")
    refused(call(*items, "a.json", "b.json", "c.json"), "more words follow: c.json", "into quotes")
    refused(call(*command, "one.json", "two"), "one word too many: two")


def test_the_python_of_the_function_named_again_means_no_other(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = HostFacts("linux", 2, (("3.13t", "/x/python3.13t"), ("3.15", "/x/python3.15")))
    monkeypatch.setattr(pipeline, "this_host", lambda: host)
    function = ("generate", "--function", "lab.py:naps", "--items", "40", "--force", "-o", "bench.py", *PYTHON[:2])
    assert "--interpreter /x/python3.13t" in call(*function).err
    assert "/x/" not in call(*function, *PYTHON[2:]).err
    assert request_from("lab.py:naps", python=sys.executable, interpreters=(sys.executable,)).interpreters == ()
    own = request_from("lab.py:naps", python=sys.executable)
    assert own.interpreters is None


def test_a_recommendation_is_for_the_pythons_that_are_named(lab: Path) -> None:
    known = WorkloadProfile(workload_type="cpu", interpreters=["3.13t", "3.15"], async_library=True)
    own = request_from("lab.py:naps", python=sys.executable)
    alone = request_from("lab.py:naps", python=sys.executable, interpreters=(sys.executable,))
    assert profile_as_asked(known, own).interpreters == known.interpreters
    assert profile_as_asked(known, alone).interpreters == (own.python.tag,)
    assert profile_as_asked(known, own).async_library is False
    twin = request_from("lab.py:naps", python=sys.executable, async_function="lab.py:naps_async")
    assert profile_as_asked(known, twin).async_library is True


def measured(**found: Any) -> MeasureReport:
    """What measuring came to, with nothing measured."""
    profile = WorkloadProfile(
        workload_type="io", cpu_ms_per_task=0.1, io_wait_ms_per_task=50, tasks=500, async_library=True
    )
    given = {
        "target": "lab.py:naps", "items": "40", "python": sys.executable, "profile": profile, "evidence": {}, "unknown": (),
        "problems": (), "notes": (), "tried": (), "complete": True, "calls": 9, "seconds": 8.0, "recommendation": None,
    }  # fmt: skip
    return MeasureReport(**given | found)


def test_without_a_profile_the_function_is_measured_from_the_same_budget(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def measure(request: Any, *_: Any) -> MeasureReport:
        asked.append(request)
        return measured(problems=(Problem(kind="raises", text="3 of 40 items raise"),))

    monkeypatch.setattr(room, "measure_function", measure)
    with script_that_says_it():
        result = call(
            "validate", "--function", "lab.py:naps", "--items", "-", *PYTHON, "--budget", "60s", "--json", "--save", "kept",
            stdin=b"1\n2\n",
        )  # fmt: skip
    assert result.code == 0, result.err
    plan = json.loads((lab / "kept" / "plan.json").read_text())
    assert (asked[0].budget_seconds, plan["budget_seconds"]) == (20.0, 52.0)
    assert (plan["template"], plan["recommended"]) == ("own_function", "threads")  # it blocks, whatever client there is
    assert plan["parameters"]["ITEMS"] == str(lab / "kept" / "items.jsonl") and plan["notes"] == ["3 of 40 items raise"]


def test_a_function_that_measuring_refuses_is_not_called_any_more(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = measured(
        profile=None, complete=False, problems=(Problem(kind="raises_always", text="every item raises"),)
    )
    monkeypatch.setattr(room, "measure_function", lambda *_: refusal)
    result = call("validate", "--function", "lab.py:naps", "--items", "40", *PYTHON)
    assert result.code == 1 and "lab.py:naps cannot be measured: every item raises" in result.err


@pytest.mark.slow
def test_validate_measures_a_function_and_proves_what_that_recommends(lab: Path) -> None:
    for seconds in (20, 80):  # a busy machine needs more for everything to run once
        command = [sys.executable, "-m", "selector", "validate", "--function", "lab.py:naps", "--items", "100", *PYTHON]
        command += ["--budget", f"{seconds}s", "--json", "--save", "kept", "--force"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        if report["complete"]:
            break
    measured = {m["approach"]: m for m in report["measurements"]}
    assert report["io"] == "function" and report["tasks"] == 100
    assert measured["threads"]["status"] == "ok" and measured["threads"]["predicted_seconds"]
    assert any("--async-function" in warning for warning in report["warnings"])
    assert {path.name for path in (lab / "kept").iterdir()} >= {"bench.py", "events.jsonl", "plan.json", "results.json"}
    assert sorted(path.name for path in lab.iterdir()) == ["kept", "lab.py"], "nothing of ours beside the function"


@pytest.mark.slow
def test_a_function_that_cannot_be_measured_is_told(lab: Path) -> None:
    result = call("validate", "--function", "lab.py:raises", "--items", "10", *PYTHON, "--budget", "10s")
    assert result.code == 1
    assert "lab.py:raises cannot be measured" in result.err and "\x1b" not in result.err


def test_each_step_of_measuring_is_told_once_with_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    tell = teller(time.monotonic() + 12.2)
    for step in ("solo", "solo", "done"):
        tell(step)
    assert capsys.readouterr().err == "  calls one after the other ... (at most 12 s left)\n"
    teller()("loop")
    assert capsys.readouterr().err == "  the event loop ...\n"
