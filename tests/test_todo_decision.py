"""The user's own document: every figure from the run, or named as not measured; text that came with it is no mark-up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from todo_comparison import make_comparison, make_row, scaled_rows
from todo_program import HOSTILE, call_program, make_run, modules

todo = pytest.fixture(scope="module")(modules)

SECTIONS = (
    "In short", "Why this approach", "The metric that mattered", "What it does", "The bottleneck", "How it grows",
    "What a million tasks cost", "When to decide anew", "Risks", "Readiness",
)  # fmt: skip


def document(todo: Any, found: Any, core: float | None = None, gb: float | None = None) -> str:
    return str(todo.decision.decision(found, todo.decision.Prices(core, gb)))


def test_the_document_has_its_sections_and_says_in_short_what_it_comes_to(todo: Any) -> None:
    text = document(todo, make_comparison(todo))
    assert tuple(line[3:] for line in text.splitlines() if line.startswith("## ")) == SECTIONS
    short = text.partition("## In short\n\n")[2].partition("\n")[0]
    assert short.startswith(
        "We run the batch as **Processes with 2 processors**, because Processes with 4 processors was"
    )
    assert "It does 1900 tasks a second, 1.90 times (1.8" in short and "on 2 CPUs." in short
    assert "What limits it: the cores: 4 processors kept 1.92 of 2 CPUs busy." in short
    assert "To grow, take a machine with more cores" in short


def test_a_million_tasks_cost_hours_and_money_if_there_are_prices(todo: Any) -> None:
    found = make_comparison(todo, [make_row(todo, seconds=1.0, startup_seconds=0.1)])
    took = todo.decision.amounts(found.measured[1], found)
    seconds = 0.1 + 0.9 * 500
    assert took.hours == pytest.approx(seconds / 3600) and took.core_hours == pytest.approx(2 * seconds / 3600)
    assert took.computed == pytest.approx(1000 / 3600) and took.gb_hours == pytest.approx(40 / 1024 * seconds / 3600)
    assert "No prices were given" in document(todo, found)
    both = document(todo, found, core=2.0, gb=100.0)
    assert f"| {2 * took.core_hours + 100 * took.gb_hours:.4f} |" in both
    assert "At 2.0000 for a core-hour and 100.0000 for a GB-hour." in both
    assert "nothing for the other" in document(todo, found, core=2.0)


def test_a_hundred_processors_are_as_measured_or_said_not_to_be(todo: Any) -> None:
    text = document(todo, make_comparison(todo))
    assert (
        "**100 processors on 2 cores.** Not measured" in text and "20.0 MB for each further one here: 2000 MB" in text
    )
    rows = scaled_rows(todo, "Processes", {1: 1.0, 2: 1.9, 100: 0.24})
    assert "Measured: 0.24x one processor, 2000.0 MB." in document(todo, make_comparison(todo, rows))
    assert "100 processors on 4 cores (not measured here)" in text


def test_ticked_is_what_the_run_proved(todo: Any) -> None:
    text = document(todo, make_comparison(todo))
    for proved in (
        "It is three quarters as many times as fast as it has CPUs (3x on 4): 1.90x",
        "Every way gives correct results: 12 measurements, all the same",
        "Failures (processes: kill) are survived: 0 tasks lost",
        "The scaling is understood: it stops paying at 2 processors",
        "The bottleneck is identified: the cores",
        "Measured often enough, on a quiet machine: 3 runs",
    ):
        assert f"- [x] {proved}" in text
    for left in (
        "Shared state: not enough",
        "Measured with your own todos",
        "Deployment",
        "A kill of the whole program",
    ):
        assert f"- [ ] {left}" in text


def test_what_did_not_go_well_is_not_ticked(todo: Any) -> None:
    row = make_row(todo, cpus_taken=1.0, samples=(1.5,))
    lost = todo.results.Trial("processes: kill", 20, 18, 1, 0, lost=1)
    found = make_comparison(todo, [row], same_results=False, differed=2, trials=(lost,))
    text = document(todo, found)
    assert "- [x]" not in text
    assert "**Other programs were busy: they took up to 1.0 CPUs. Measure again.**" in text
    assert "- [ ] Failures: nothing was thrown in." in document(todo, found._replace(trials=()))


def test_plain_code_can_be_the_decision_and_unknown_figures_are_said_to_be(todo: Any) -> None:
    unknown = dict.fromkeys(("cpu_seconds", "work_cpu_seconds", "startup_seconds", "busy_seconds", "peak_memory_mb"))
    rows = [row._replace(**unknown, busiest_seconds=None) for row in scaled_rows(todo, "Processes", {1: 0.5, 2: 0.9})]
    text = document(todo, make_comparison(todo, rows))
    assert "**Sequential with 1 processor**" in text and "it computes on one CPU, by choice" in text
    ours = document(todo, make_comparison(todo, [make_row(todo, **unknown, busiest_seconds=None)]))
    assert "| CPU use | not measured |" in ours and "| First task began after | not measured |" in ours
    assert "None" not in ours and "nan" not in ours
    assert "Only plain sequential code was measured" in document(todo, make_comparison(todo, []))


def test_text_of_results_is_no_markup_in_the_document(todo: Any) -> None:
    row = make_row(todo, name=HOSTILE, title=HOSTILE, schedule=HOSTILE, python=HOSTILE)
    bad = make_row(todo, name=HOSTILE, title=HOSTILE, samples=(), reason=HOSTILE)
    trial = todo.results.Trial(HOSTILE, 1, 1, 0, 0, errors=(HOSTILE,))
    here = todo.results.Machine(2, HOSTILE, HOSTILE, None, HOSTILE, (HOSTILE,))
    found = make_comparison(
        todo, [row, bad], trials=(trial,), at=HOSTILE, machine=here, shown=make_run(todo, title=HOSTILE)
    )
    found = found._replace(
        work=found.work._replace(source=HOSTILE, kind=HOSTILE), besides={f"Schedules {HOSTILE}": (row, bad, row)}
    )
    for text in (document(todo, found), todo.markdown.markdown("Todo", todo.contents.sections_of(found))):
        text.encode()
        outside = "\n".join(line for line in text.split("\n") if not line.startswith("    "))  # of code
        for mark in ("<script", " `x`", "[a]", "**c**", "http://", " | [a", "& "):
            assert mark not in outside, mark
        assert all(c.isprintable() or c == "\n" for c in text)
        assert not any(line.startswith("# not") for line in text.splitlines())
    for text in (
        todo.dashboard.table(found),
        todo.dashboard.limits(found),
        todo.dashboard.worth(found),
        todo.dashboard.scaled(found),
    ):
        assert all(c.isprintable() or c == "\n" for c in text)


def test_the_command_writes_the_document_and_replaces_only_its_own(todo: Any, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(todo.results.as_json(make_comparison(todo)), "utf-8")
    words = ("report", "results.json", "--decision")
    for _ in range(2):
        assert call_program(todo, tmp_path, *words, "-o", "DECISION.md", "--core-hour-price", "0.04").code == 0
    text = (tmp_path / "DECISION.md").read_text("utf-8")
    assert text.startswith("# Decision: how the todo batch runs") and "At 0.0400 for a core-hour" in text
    assert call_program(todo, tmp_path, "report", "results.json").out.startswith("# Todo batch processing")
    (tmp_path / "mine.md").write_text("My own notes.", "utf-8")
    refused = call_program(todo, tmp_path, *words, "-o", "mine.md")
    assert refused.code == 2 and (tmp_path / "mine.md").read_text("utf-8") == "My own notes."
    assert call_program(todo, tmp_path, *words, "-o", "results.json").code == 2
    assert call_program(todo, tmp_path, *words, "--gb-hour-price", "-1").code == 2
