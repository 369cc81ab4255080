"""The program of the todo batch system compares its own ways of running, and tells the selector what its work is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from todo_program import call_program, modules

from selector import WorkloadProfile, recommend

SMALL = ("--tasks", "60", "--effort", "1", "--batch-size", "10", "--processors", "2")
todo = pytest.fixture(scope="module")(modules)


@pytest.mark.slow
def test_every_execution_is_compared_and_what_was_asked_for_is_written(todo: Any, tmp_path: Path) -> None:
    files = ("--report", "report.md", "--timeline", "timeline.html")
    done = call_program(todo, tmp_path, "compare", *SMALL, "--scaling", "1,2", *files)
    assert done.code == 0, done.err
    assert "All ways gave the same results." in done.out
    assert "Winner:" in done.out
    report = (tmp_path / "report.md").read_text("utf-8")
    for title in ("Error handling confirmed", "Schedules, where the first tenth", "Ways to hand in results"):
        assert f"## {title}" in report
    for name in ("queue", "lock", "merge", "static", "stealing"):
        assert f", {name} |" in report
    assert "<svg" in (tmp_path / "timeline.html").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("vary", "names"), [("schedule", ("queue", "static", "stealing")), ("collect", ("lock", "merge"))]
)
def test_schedules_and_ways_to_hand_in_are_compared(
    todo: Any, tmp_path: Path, vary: str, names: tuple[str, ...]
) -> None:
    done = call_program(todo, tmp_path, "compare", "--vary", vary, *SMALL, "--uneven", "5", "--scaling", "1")
    assert done.code == 0, done.err
    assert all(f"Threads (GIL), {name}" in done.out for name in names)
    assert "All ways gave the same results." in done.out


def test_the_workload_is_told_and_the_selector_takes_it(todo: Any, tmp_path: Path) -> None:
    told = call_program(todo, tmp_path, "profile", "--tasks", "100", "--task-ms", "1", "--processors", "2")
    assert 0.3 < json.loads(told.out)["cpu_ms_per_task"] < 3
    assert recommend(WorkloadProfile.model_validate(json.loads(told.out))).approach
