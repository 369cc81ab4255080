"""The program of the todo batch system compares its own ways of running, and tells the selector what its work is."""

from __future__ import annotations

import argparse
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from benchmark_scripts import Script
from pages_read import check_it_stands_alone
from todo_program import FOLDER, call_program, modules, only_posix

from selector import WorkloadProfile, recommend

SMALL = ("--tasks", "60", "--effort", "1", "--batch-size", "10", "--processors", "2", "--budget", "40")
todo = pytest.fixture(scope="module")(modules)


@pytest.mark.slow
def test_every_execution_is_compared_and_what_was_asked_for_is_written(todo: Any, tmp_path: Path) -> None:
    files = ("--report", "report.md", "--results", "results.json")
    done = call_program(todo, tmp_path, "compare", *SMALL, "--scaling", "1,2", "--vary", "execution", *files)
    assert done.code == 0, done.err
    assert "All ways gave the same results, " in done.out and "Winner:" in done.out
    report = (tmp_path / "report.md").read_text("utf-8")
    for title in ("Error handling confirmed", "Schedules, where the first tenth", "Ways to hand in results"):
        assert f"## {title}" in report
    for name in ("queue", "lock", "merge", "static", "stealing"):
        assert f", {name} |" in report
    page = check_it_stands_alone((tmp_path / "report.html").read_text("utf-8"))
    assert len(page.figures) >= 3 and "Timeline" in page.headings()
    decided = call_program(todo, tmp_path, "report", "results.json", "--decision")
    assert decided.code == 0 and "- [x] Every way gives correct results" in decided.out
    assert "- [x] Failures (threads: raise; processes: raise, kill, hang) are survived" in decided.out


@pytest.mark.slow
def test_todos_of_a_file_are_compared_with_those_that_fail(todo: Any, tmp_path: Path) -> None:
    (tmp_path / "todos.csv").write_text("title,priority\n" + "Buy milk,1\nWrite,x\n" * 20, "utf-8")
    words = ("--from", "todos.csv", "--effort", "1", "--batch-size", "5", "--processors", "2", "--vary", "schedule")
    done = call_program(todo, tmp_path, "compare", *words, "--budget", "20", "--scaling", "2", "--json")
    assert done.code == 0, done.err
    data = json.loads(done.out)
    assert data["work"]["tasks_asked"] == 40 and data["work"]["source"] == "todos.csv" and data["same_results"]
    assert {row["schedule"] for row in data["measured"] if row["samples"]} == {"queue", "static", "stealing"}


@only_posix
@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_nothing_outlives_a_comparison(tmp_path: Path, name: str) -> None:
    words = ["todos", "compare", *SMALL]
    begin = f"import runpy, sys\nsys.argv[:] = {words!r}\nrunpy.run_path({str(FOLDER)!r}, run_name='__main__')\n"
    script = Script(tmp_path, begin)
    try:
        deadline = time.monotonic() + 60
        # it, the harness, its keeper, and what is measured
        while len(script.processes()) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        script.process.send_signal(getattr(signal, name))
        assert script.process.wait(60) == (-9 if name == "SIGKILL" else 130)
        assert script.left_behind(30) == ([], [])
    finally:
        for process in script.processes():
            process.kill()
        script.process.communicate()
        script.reader.join(60)


def test_ways_are_those_that_vary(todo: Any) -> None:
    options = argparse.Namespace(schedule="queue", collect="queue", engine=["celery"])
    ways = {
        vary: list(todo.comparing._ways(vary, "threads", options))
        for vary in ("all", "execution", "schedule", "collect")
    }
    executions = len(todo.executions.EXECUTIONS)
    assert {vary: len(found) for vary, found in ways.items()} == {
        "all": 3 * executions + 1, "execution": executions + 1, "schedule": 3, "collect": 3,
    }  # fmt: skip
    assert ways["collect"][0] == ("threads", "queue", "lock")


def test_the_workload_is_told_and_the_selector_takes_it(todo: Any, tmp_path: Path) -> None:
    told = call_program(todo, tmp_path, "profile", "--tasks", "100", "--task-ms", "1", "--processors", "2")
    assert 0.3 < json.loads(told.out)["cpu_ms_per_task"] < 3
    assert recommend(WorkloadProfile.model_validate(json.loads(told.out))).approach
