"""The report in Markdown: its sections, and what was thrown in."""

from __future__ import annotations

from typing import Any

import pytest
from todo_comparison import make_comparison, make_row
from todo_program import make_run, modules

todo = pytest.fixture(scope="module")(modules)


def report_of(todo: Any, found: Any) -> str:
    return str(todo.markdown.markdown("Todo batch processing", todo.contents.sections_of(found)))


SECTIONS = (
    "Answer", "Measured speedups", "CPU use", "Memory", "Error handling confirmed", "Scalability", "What limits it",
    "Complexity against gain", "Timeline", "Recommendation", "How it was measured",
)  # fmt: skip


def test_the_report_has_the_sections_and_what_was_thrown_in(todo: Any) -> None:
    trial = todo.results.Trial("a worker killed | mid-batch", 20, 18, 2, 0, errors=("ValueError: no",))
    static = make_row(todo, title="Processes, static", schedule="static")
    bad = make_row(todo, "Agents", 4, samples=(), reason="error: no service")
    found = make_comparison(todo, besides={"Schedules": (static,)}, trials=(trial,))
    found = found._replace(measured=(*found.measured, bad))
    text = report_of(todo, found)
    titles = tuple(line[3:] for line in text.splitlines() if line.startswith("## "))
    assert titles == (*SECTIONS[:5], "Schedules", *SECTIONS[5:])
    assert "| Processes, static | 2 | static | 3 | 1.000 | 2.00x |" in text
    assert "| a worker killed \\| mid-batch | 20 | 18 | 2 | 0 | 0 | 0 | 0 |" in text
    assert "- said: ValueError: no" in text and "- not measured (error: no service): Agents 4" in text
    stopped = [bad._replace(reason=f"timeout: stopped after {seconds} s", processors=8) for seconds in (0.5, 12)]
    assert "(timeout: stopped after some seconds): Agents 8; Agents 8" in report_of(
        todo, found._replace(measured=(*found.measured, *stopped))
    )
    assert "2 CPUs, numbers 0-1: EPYC; Linux; Python 3.14.10." in text
    assert "Processes with 4 processors was the fastest" in text
    assert "The next, Sequential, took 1.92 times as long. Beyond 2 processors, one more is not worth" in text
    assert "But take Processes, 2 processors: Processes with 4 processors was 1.01 times as fast" in text


def test_a_report_of_plain_code_alone_has_what_there_is(todo: Any) -> None:
    text = report_of(todo, make_comparison(todo, [], shown=None, trials=()))
    titles = tuple(line[3:] for line in text.splitlines() if line.startswith("## "))
    assert titles == tuple(title for title in SECTIONS if title != "Timeline")
    assert "Nothing was thrown into these runs on purpose." in text and "No way was measured with several" in text


def test_the_processors_of_the_run_that_was_looked_at(todo: Any) -> None:
    text = report_of(todo, make_comparison(todo, shown=make_run(todo)))
    assert "| 0 | 15 | 2 | 1.500 | 1.500 | 75 % | 0.500 | 0 |" in text


def test_results_that_differ_are_told(todo: Any) -> None:
    text = report_of(todo, make_comparison(todo, same_results=False, differed=2))
    assert "The results DIFFER: 2 of 12 measurements gave other results" in text
