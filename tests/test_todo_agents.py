"""Agents of the todo batch program, and the service that they wait for: what it answers, and a service that is not there."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from todo_program import call, modules, only_posix

todo = pytest.fixture(scope="module")(modules)


class Writer:
    """What an answer is written to."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    write = property(lambda self: self.lines.append)

    def is_closing(self) -> bool:
        return False


def answered(todo: Any, line: bytes, **settings: Any) -> list[Any]:
    writer = Writer()
    asyncio.run(todo.service._answer(todo.tasks.Settings(**settings), line, writer))
    (said,) = writer.lines
    assert said.endswith(b"\n")
    return json.loads(said)  # type: ignore[no-any-return]


def test_the_service_answers_what_a_loop_would_compute(todo: Any) -> None:
    odd = todo.tasks.Task(7, "half \ud800 a character, " + "x" * 1000, tags=("a", "b"))
    for task in (*todo.tasks.make_tasks(5), odd):
        number, status, value, error, cpu = answered(todo, todo.service.request(task, "validate", 1), effort=2)
        assert (number, status, error) == (task.number, "done", "") and cpu >= 0
        assert todo.journal.frozen(value) == todo.tasks.TaskValidator(2).process(task)


def test_settings_get_to_the_service_whole(todo: Any) -> None:
    settings = todo.tasks.Settings("report", 3, {4: "raise!"}, 5, 6, {"report": 7}, 8.0)
    assert todo.service._settings(todo.service.settings_line(settings)) == settings
    task = todo.tasks.Task(4, "a")
    said = answered(todo, todo.service.request(task, "report", 2), trouble={4: "raise!"})
    assert said[:4] == [4, "failed", None, "Trouble: told to raise"]


@pytest.mark.parametrize("line", [b"", b"\xff\n", b"[1]\n", b"[1, 2, 3, 4]\n", b'[1, "cook", 1, {}]\n', b"[" * 9999])
def test_a_request_that_makes_no_sense_is_answered(todo: Any, line: bytes) -> None:
    assert answered(todo, line)[1] == "failed"


def test_a_value_that_is_no_plain_data_is_that_tasks_failure(todo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Strange(todo.tasks.TaskReporter):  # type: ignore[misc, name-defined]
        def process(self, task: Any) -> Any:
            return {task.title}

    monkeypatch.setitem(todo.tasks.KINDS, "strange", Strange)
    said = answered(todo, todo.service.request(todo.tasks.Task(3, "a"), "strange", 1))
    assert said[:3] == [3, "failed", None] and "set is not JSON serializable" in said[3]


def test_malformed_todos_are_not_asked_for_and_fail_alone(todo: Any, tmp_path: Path) -> None:
    (tmp_path / "todos.csv").write_text("title,priority\na,1\nb,high\nc,2\n", "utf-8")
    (tmp_path / "notes.html").write_text("mine", "utf-8")
    words = [
        "--from",
        "todos.csv",
        "--execution",
        "agents",
        "--answer-ms",
        "1",
        "--report",
        "r.md",
        "--report",
        "t.html",
    ]
    done = call(todo, tmp_path, *words)
    assert done.code == 1 and "2 done, 1 failed, 0 not processed, 0 tried again" in done.out
    assert "task 1: line 3 (row 2), column priority: 'high' is not a whole number" in done.out
    assert "Critical path: " in (tmp_path / "r.md").read_text("utf-8")
    assert "Critical path: " in (tmp_path / "t.html").read_text("utf-8")
    again = call(todo, tmp_path, *words[:-1], "notes.html")
    assert again.code == 2 and "this program did not write it" in again.err


@only_posix
def test_a_service_that_does_not_start_is_said(todo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = shutil.which("true")
    assert nothing is not None
    monkeypatch.setattr(sys, "executable", nothing)
    done = call(todo, tmp_path, "--execution", "agents", "--tasks", "3")
    assert done.code == 3 and "cannot be started (the service of the agents does not start)" in done.err
