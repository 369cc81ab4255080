"""Which way to take: the simplest of those that are nearly as fast, by code that is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from todo_comparison import make_comparison, make_row, scaled_rows
from todo_program import FOLDER, modules

todo = pytest.fixture(scope="module")(modules)


def test_some_percent_for_more_code_is_not_worth_it(todo: Any) -> None:
    queue = make_row(todo, title="Processes, queue", seconds=1.06)
    stealing = make_row(todo, title="Processes, stealing", schedule="stealing")
    found = make_comparison(todo, [queue, stealing])
    chosen = todo.winner.choice(found)
    assert chosen.taken == queue and chosen.fastest == stealing
    assert chosen.because.startswith(
        "Processes, stealing with 2 processors was 1.06 times as fast, for 1.3 times the code: under 1.2x"
    )
    verdicts = {gain.name: gain.verdict for gain in todo.winner.gains(found)}
    assert verdicts["stealing"] == "6 % faster for 3.5 times the code: stay"
    assert verdicts["Processes"] == "2.00 times as fast for 5.2 times the code: worth it"


def test_what_gains_enough_is_worth_its_code(todo: Any) -> None:
    static = make_row(todo, title="Processes, static", schedule="static", seconds=1.5)
    stealing = make_row(todo, title="Processes, stealing", schedule="stealing")
    chosen = todo.winner.choice(make_comparison(todo, [static, stealing]))
    assert chosen.taken == stealing and chosen.because.startswith("it was the fastest")


def test_fewer_processors_are_simpler_and_plain_code_is_the_simplest(todo: Any) -> None:
    rows = scaled_rows(todo, "Processes", {1: 1.0, 2: 1.9, 4: 2.0})
    chosen = todo.winner.choice(make_comparison(todo, rows))
    assert chosen.taken.processors == 2 and "for 4 processors instead of 2" in chosen.because
    assert todo.winner.choice(make_comparison(todo, scaled_rows(todo, "Processes", {2: 1.15}))).taken.baseline


def test_the_lead_of_what_takes_turns_is_chance_where_tasks_compute(todo: Any) -> None:
    rows = [make_row(todo, "Threads (GIL)", seconds=1.0)]
    found = make_comparison(todo, rows)
    chosen = todo.winner.choice(found)
    assert chosen.taken.baseline and "of those that do not take turns" in chosen.because
    assert todo.winner.gains(found)[-1].verdict == "its processors take turns for 2.4 times the code: stay"
    waiting = found._replace(work=found.work._replace(task_wall_ms=9.0))
    assert todo.winner.choice(waiting).taken == rows[0]


def test_ways_to_hand_in_are_beside_each_other_and_plain_code_hides_no_schedule(todo: Any) -> None:
    rows = [
        make_row(todo, "Free threads", seconds=s, collect=collect) for collect, s in (("queue", 2.99), ("lock", 3.0))
    ]
    found = make_comparison(todo, rows)
    found = found._replace(code={**found.code, "threads/lock": todo.results.Code(13, ("a",))})
    told = [(gain.what, gain.name, gain.verdict) for gain in todo.winner.gains(found)]
    assert told == [
        ("schedule", "queue", "the simplest"), ("handing in", "queue", "the simplest"),
        ("handing in", "lock", "no faster for 1.3 times the code: stay"), ("execution", "Sequential", "the simplest"),
        ("execution", "Free threads", "slower for 2.4 times the code: stay"),
    ]  # fmt: skip


def test_a_lead_that_may_be_chance_is_not_taken(todo: Any) -> None:
    """1.22 times as fast, between 0.6 and 3.4, on a host that changes its speed: the verdicts said stay, the choice did not."""
    wild = make_row(todo, "Processes", seconds=1.6)._replace(samples=(0.6, 1.6, 3.4))
    found = make_comparison(todo, [wild])
    chosen = todo.winner.choice(found)
    assert chosen.taken.baseline and chosen.fastest == wild
    assert chosen.because.endswith("that may be chance, stay with what is simpler")


def test_a_verdict_says_than_what_where_that_is_not_the_simplest(todo: Any) -> None:
    """Subinterpreters had a gain of 1.04x, and were "slower"; sequential code of another Python had "processors that take turns"."""
    rows = [
        make_row(todo, "Free threads", seconds=1.0), make_row(todo, "Processes", seconds=2.5),
        make_row(todo, "Sequential 3.13t", execution="sequential", seconds=4.0),
    ]  # fmt: skip
    verdicts = {gain.name: gain.verdict for gain in todo.winner.gains(make_comparison(todo, rows))}
    assert verdicts["Processes"] == "slower than Free threads for 1.7 times the code: stay"
    assert verdicts["Sequential 3.13t"] == "slower for 1.0 times the code: stay"


def test_code_that_was_not_counted_is_never_the_simpler(todo: Any) -> None:
    rows = [make_row(todo, "Processes", seconds=1.0), make_row(todo, "Agents", execution="agents", seconds=1.0)]
    assert todo.winner.choice(make_comparison(todo, rows)).taken == rows[0]
    assert todo.winner.code_of(rows[1], make_comparison(todo, rows)) is None


def test_lines_and_concepts_are_those_of_the_source(todo: Any, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("class Batch:\n    x = 1\n", "utf-8")
    (tmp_path / "own.py").write_text(
        "import threading\nfrom tasks import Batch\n\n"
        'class Lock:\n    """Two\n    lines."""\n\n    # a comment\n    lock = threading.Lock()\n    of = Batch\n\n'
        "def helper():\n    return Lock\n\nclass Other:\n    def run(self):\n        return helper()\n",
        "utf-8",
    )
    kinds = {name: type(name, (), {"__module__": "own"}) for name in ("Lock", "Other")}
    counted = todo.complexity.counted(tmp_path, kinds, [], {})
    assert counted["Lock"] == (3, ("Lock", "threading.Lock"))
    assert counted["Other"].lines == 3 + 2 + 3 and counted["Other"].concepts == ("Other", "Lock", "threading.Lock")


def test_each_schedule_and_execution_of_the_program_is_counted(todo: Any) -> None:
    schedules, executions = todo.scheduling.SCHEDULES, todo.executions.EXECUTIONS
    counted = todo.complexity.counted(FOLDER, schedules, executions, todo.collecting.COLLECTORS)
    assert {*schedules, "sequential", "threads", "processes", "subinterpreters", "asyncio"} <= set(counted)
    assert counted["queue"].lines < counted["static"].lines < counted["stealing"].lines
    assert counted["sequential"].lines < min(counted[name].lines for name in ("threads", "processes", "asyncio"))
    assert {"threads/queue", "threads/lock"} <= set(counted) and "processes/queue" not in counted
    assert "threading.Thread" in counted["threads"].concepts
