"""validate and generate with a function of the user: what is written, measured and refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command import call, refused
from function_lab import LAB
from sample_template import parameters_in

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
        refused(call(command, "--items", "40", *more), "--items says something of a function: give --function TARGET")
        refused(call(command, "--function", "lab.py", *more), "names no function")
        refused(call(command, "--function", "lab.py:naps", "--items", "none.csv", *more), "no such file")
    function = ("--function", "lab.py:naps")
    refused(call("generate", *function, "--items", "-", "-o", "b.py", *PYTHON), "save it as FILE.jsonl")
    refused(call("generate", *function, "--template", "agents", "-o", "b.py", *PYTHON), "leave --template out")
    refused(call("validate", *function, "--template", "todo-batch", *PYTHON), "--function or --template")
    assert sorted(path.name for path in lab.iterdir()) == ["lab.py"]


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
