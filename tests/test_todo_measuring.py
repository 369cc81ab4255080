"""Events of the harness become the rows of a comparison."""

from __future__ import annotations

from typing import Any

import pytest
from todo_program import modules

todo = pytest.fixture(scope="module")(modules)

FIGURES = {"work_cpu_seconds": 0.9, "busy_seconds": 1.8, "busiest_seconds": 0.95, "stolen": 0.0}


def cell(approach: str, arm: int, seconds: float = 1.0, role: str = "candidate", **fields: Any) -> dict[str, Any]:
    known = {
        "event": "cell", "arm": arm, "approach": approach, "interpreter": "3.14", "workers": 2, "role": role, "status": "ok",
        "reason": "", "seconds": seconds, "cpu_seconds": 1.0, "startup_seconds": 0.1, "peak_memory_mb": 20.0,
        "memory_metric": "pss", "cpus_taken": 0.1, "task_latency_ms": {"p95": 1.5}, "figures": FIGURES,
    }  # fmt: skip
    return {**known, **fields}


def events(*cells: dict[str, Any], **end: Any) -> list[dict[str, Any]]:
    python = {
        "event": "interpreter",
        "interpreter": "3.14",
        "path": "/x",
        "version": "3.14.1",
        "free_threaded_build": False,
    }
    return [
        {"event": "start", "seed": 7, "budget_seconds": 9.0},
        {**python, "status": "ok", "reason": ""},
        {**python, "path": "/y", "status": "error", "reason": "too old"},
        {"event": "plan", "tasks": 100, "task_cpu_ms": 1.0, "task_wall_ms": 1.1, "arms": []},
        *cells,
        {"event": "end", "reason": "budget", "detail": "", "seconds": 9.0, **end},
    ]


BASE = (
    cell("single_threaded", 0, 2.0, "baseline", workers=1), cell("single_threaded", 1, 2.2, "control", workers=1),
    cell("single_threaded", 0, 2.1, "baseline", workers=1),
)  # fmt: skip


def test_cells_of_an_arm_are_a_row(todo: Any) -> None:
    told: list[str] = []
    cells = (cell("multiprocessing/queue/queue", 3, 1.2), cell("multiprocessing/queue/queue", 3, 1.0))
    found = todo.measuring.session_of(events(*BASE, *cells), told.append)
    plain, processes = found.rows
    assert plain.baseline and plain.samples == (2.0, 2.1, 2.2) and plain.title == "Sequential"
    assert (processes.execution, processes.samples, processes.processors) == ("processes", (1.2, 1.0), 2)
    assert processes.seconds == 1.1 and processes.busy_seconds == 1.8 and processes.work_cpu_seconds == 0.9
    assert (found.tasks, found.measurements, found.seed, found.pythons) == (100, 5, 7, ("3.14.1",))
    assert found.noise is not None and "/y was left out: too old" in told
    assert (
        "  Processes (queue, queue) on 3.14, 2: 1.200 s" in told and "  Sequential (plain) on 3.14, 1: 2.000 s" in told
    )


def test_titles_say_what_differs(todo: Any) -> None:
    cells = (
        cell("threads/queue/queue", 3), cell("threads/stealing/queue", 4), cell("agents/queue/queue", 5),
        cell("free_threaded/static/queue", 6, interpreter="3.14t"), cell("single_threaded", 2, interpreter="3.14t"),
    )  # fmt: skip
    rows = todo.measuring.session_of(events(*BASE, *cells), [].append).rows
    assert [row.title for row in rows] == [
        "Sequential 3.14", "Sequential 3.14t", "Threads (GIL) 3.14, queue", "Threads (GIL) 3.14, stealing",
        "Agents (asyncio) 3.14, queue", "Free threads 3.14t, static",
    ]  # fmt: skip


def test_what_failed_has_its_reason_and_what_differs_is_counted(todo: Any) -> None:
    none = dict.fromkeys(("seconds", "cpu_seconds", "startup_seconds", "peak_memory_mb", "task_latency_ms", "figures"))
    bad = cell("subinterpreters/queue/queue", 3, status="error", reason="no such thing", **none)
    other = cell("threads/queue/queue", 4, status="mismatch", reason="others")
    found = todo.measuring.session_of(events(*BASE, bad, other), [].append)
    assert [(row.samples, row.reason) for row in found.rows[1:]] == [
        ((), "error: no such thing"),
        ((), "mismatch: others"),
    ]
    assert found.differed == 1


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([], "the harness ended without a word"),
        (events(*BASE, reason="failed", detail="no Python"), "nothing could be measured: no Python"),
        (events(cell("threads/queue/queue", 3)), "the baseline, could not be measured"),
    ],
)
def test_without_a_baseline_there_is_nothing(todo: Any, told: list[Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        todo.measuring.session_of(told, [].append)


def test_one_python_is_asked_for_the_threads_that_it_has(todo: Any) -> None:
    ways = [todo.measuring.Way(name, "queue", "lock") for name in ("sequential", "threads", "processes")]
    assert list(todo.measuring._approaches(ways, alone=False)) == [
        "single_threaded", "threads/queue/lock", "free_threaded/queue/lock", "multiprocessing/queue/lock",
    ]  # fmt: skip
    assert len(list(todo.measuring._approaches(ways, alone=True))) == 3


def test_cpus_are_named_in_ranges(todo: Any) -> None:
    assert todo.machine.ranges([0, 1, 2, 5, 7, 8]) == "0-2, 5, 7-8"
    assert todo.machine.ranges([]) == ""
    assert todo.machine.machine(["3.14.1"]).cpus >= 1
