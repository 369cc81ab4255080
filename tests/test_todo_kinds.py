"""A kind of one's own, as the README of the program shows it: the very text, put into a copy of the program, works."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from todo_program import FOLDER, modules

from selector.benchmark.programs import programs

todo = pytest.fixture(scope="module")(modules)


OTHERS = {"validate valid", "validate invalid", "validate nearness"}


@pytest.fixture(scope="module")
def shown() -> str:
    """The lines of code in the README, without their indentation."""
    text = (FOLDER / "README.md").read_text("utf-8")
    block = re.search(r"^    class TaskPlanner.*?^    KINDS\[\"plan\"\] = TaskPlanner$", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    return "\n".join(line[4:] for line in block[0].splitlines()) + "\n"


def test_a_new_kind_takes_ten_lines_and_runs_everywhere(shown: str, tmp_path: Path) -> None:
    assert len([line for line in shown.splitlines() if line.strip()]) == 10
    copy = tmp_path / "todos"  # as `generate` writes it
    (copy / "engine_jobs").mkdir(parents=True)
    for name, content in programs()["todo_batch"].files({}, "Made here.").items():
        (copy / name).write_bytes(content)
    with (copy / "tasks.py").open("a", encoding="utf-8") as file:
        file.write(f"\n\n{shown}")
    for words in (["--kind", "plan"], ["--crew", "plan=1,validate=1:0.01", "--execution", "processes"]):
        command = [sys.executable, "-B", str(copy), "run", "--tasks", "60", "--json", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["report"]["done"] == 60 and sum(said["summary"].values()) >= 60
        assert {"in time", "too late", "no day"} == {name.removeprefix("plan ") for name in said["summary"]} - OTHERS


def test_a_kind_whose_tasks_cost_what_they_cost_has_an_effort(todo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Free:
        def __init__(self, effort: int) -> None:
            pass

        def process(self, task: Any) -> Any:
            return task.number

    monkeypatch.setitem(todo.tasks.KINDS, "free", Free)
    assert todo.tasks.effort_for("free", 1.0) == 1
