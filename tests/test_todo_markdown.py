"""The report in Markdown: its sections, what was thrown in, and no mark-up but its own."""

from __future__ import annotations

from typing import Any

import pytest
from todo_program import HOSTILE, make_run, modules

todo = pytest.fixture(scope="module")(modules)

SECTIONS = (
    "Measured speedups", "CPU use", "Memory", "Error handling confirmed", "Scalability", "Timeline", "Recommendation",
)  # fmt: skip


def test_the_report_has_the_sections_and_what_was_thrown_in(todo: Any) -> None:
    runs = [make_run(todo, execution="sequential", title="Sequential"), make_run(todo, seconds=0.5, speedup=4.0)]
    trial = todo.markdown.Trial("a worker killed | mid-batch", 20, 18, 2, 0, errors=("ValueError: no",))
    besides = {"Schedules": [make_run(todo, title="Threads (GIL), static", schedule="static")]}
    text = todo.markdown.markdown(runs, [(1, 1.0), (2, 1.9), (4, 1.92)], trials=[trial], besides=besides)
    found = tuple(line[3:] for line in text.splitlines() if line.startswith("## "))
    assert found == (*SECTIONS[:4], "Schedules", *SECTIONS[4:])
    assert "| Threads (GIL), static | 2 | static |" in text
    assert "| 0 | 15 | 2 | 1.500 | 1.500 | 75 % | 0.500 | 0 |" in todo.markdown.markdown([make_run(todo)])
    assert "| a worker killed \\| mid-batch | 20 | 18 | 2 | 0 | 0 | 0 | 0 |" in text
    assert "- said: ValueError: no" in text and "**Threads (GIL)** with 2 processors" in text
    assert "The next, Sequential, took 4.00 times as long. Beyond 2 processors, one more is not worth" in text
    assert (
        tuple(line[3:] for line in todo.markdown.markdown(runs[:1]).splitlines() if line.startswith("## ")) == SECTIONS
    )
    assert "Nothing was measured" in todo.markdown.markdown([])


def test_tasks_without_an_outcome_are_told(todo: Any) -> None:
    run = make_run(todo, tasks=23)
    assert "| Threads (GIL) | 23 | 20 | 0 | 0 | 0 | 0 | 3 | 0 |" in todo.markdown.markdown([run])


def test_text_of_tasks_is_no_markup_in_the_report(todo: Any) -> None:
    run = make_run(todo, title=HOSTILE)
    trial = todo.markdown.Trial(HOSTILE, 1, 1, 0, 0, errors=(HOSTILE, "www.evil.example"))
    text = todo.markdown.markdown([run], trials=[trial], besides={HOSTILE: [run]})
    text.encode()
    outside = "\n".join(line for line in text.split("\n") if not line.startswith("    "))  # of code
    for mark in ("<script", " `x`", "[a]", "**c**", "http://", "www.", " | [", "& "):
        assert mark not in outside, mark
    assert all(c.isprintable() or c == "\n" for c in text)
    assert not any(line.startswith("# not") for line in text.splitlines())
