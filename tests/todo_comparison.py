"""Comparisons of the todo batch program that were made up: two CPUs, tasks of 1 ms."""

from __future__ import annotations

from typing import Any

from todo_program import HOSTILE, make_run


def make_row(todo: Any, name: str = "Processes", processors: int = 2, seconds: float = 1.0, **fields: Any) -> Any:
    """A row of three measurements, whose processors compute all the time."""
    execution = {"Processes": "processes", "Sequential": "sequential", "Subinterpreters": "subinterpreters"}
    known = {
        "execution": execution.get(name, "threads"), "name": name, "title": name, "schedule": "queue", "collect": "queue",
        "python": "3.14", "processors": processors, "baseline": name == "Sequential",
        "samples": (seconds * 0.99, seconds, seconds * 1.01), "cpu_seconds": 2.0, "work_cpu_seconds": 1.95,
        "startup_seconds": 0.01, "busy_seconds": min(processors, 2) * seconds * 0.98, "busiest_seconds": seconds * 0.98,
        "peak_memory_mb": 20.0 * processors, "memory_metric": "pss", "cpus_taken": 0.01, "task_p95_ms": 1.2,
    }  # fmt: skip
    return todo.results.Measured(**{**known, **fields})


def scaled_rows(todo: Any, name: str, speedups: dict[int, float], **fields: Any) -> list[Any]:
    """Rows of one way by processors, of which one takes 2 seconds."""
    return [make_row(todo, name, n, 2 / speedup, **fields) for n, speedup in speedups.items()]


def make_comparison(todo: Any, rows: list[Any] | None = None, **fields: Any) -> Any:
    """Plain sequential code of 2 seconds, and rows: without any, processes on two CPUs."""
    if rows is None:
        rows = scaled_rows(todo, "Processes", {1: 0.98, 2: 1.9, 4: 1.92})
    results = todo.results
    sequential = make_row(todo, "Sequential", 1, 2.0, peak_memory_mb=15.0)
    code = {"queue": (14, 3), "static": (38, 4), "stealing": (49, 5), "sequential": (19, 1), "threads": (56, 4)}
    code |= {"processes": (121, 9), "threads/queue": (10, 3), "subinterpreters": (64, 5), "asyncio": (77, 13)}
    known = {
        "program": results.PROGRAM, "schema": results.SCHEMA, "at": "2026-11-29 18:00 UTC",
        "machine": results.Machine(2, "EPYC", "0-1", 8000.0, "Linux", ("3.14.10",)),
        "work": results.Work("validate", 2000, 2000, 1.0, 1.0, 20, 50, 1),
        "measured": (sequential, *rows), "same_results": True, "measurements": 12, "differed": 0, "seconds": 60.0,
        "seed": 1, "noise": 0.01,
        "code": {name: results.Code(lines, tuple(map(str, range(n)))) for name, (lines, n) in code.items()},
        "trials": (results.Trial("processes: kill", 20, 19, 1, 0),), "besides": {}, "shown": make_run(todo),
    }  # fmt: skip
    return results.Comparison(**{**known, **fields})


def page_of(todo: Any, found: Any) -> str:
    return str(
        todo.page.page("Todo batch processing", todo.contents.sections_of(found), todo.results.as_json(found, None))
    )


def hostile(todo: Any) -> Any:
    """A comparison in which every text would do harm if it were markup."""
    row = make_row(todo, name=HOSTILE, title=HOSTILE, schedule=HOSTILE, python=HOSTILE)
    bad = make_row(todo, name=HOSTILE, title=HOSTILE, samples=(), reason="n" * 10_000)
    trial = todo.results.Trial(HOSTILE, 1, 1, 0, 0, errors=(HOSTILE,))
    here = todo.results.Machine(2, HOSTILE, HOSTILE, None, HOSTILE, (HOSTILE,))
    run = make_run(todo, title=HOSTILE, schedule=HOSTILE)
    run.report.shares[0].kind = HOSTILE
    return make_comparison(
        todo, [row, bad], trials=(trial,), machine=here, at=HOSTILE, shown=run, besides={HOSTILE: (row, row)}
    )
