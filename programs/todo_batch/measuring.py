"""Measures ways side by side, by the harness that `concurrency-selector validate` has: bench.py, beside this file in a copy.

It is told what to measure, measures in random rounds and fresh processes, and says what it found in events, a line of
JSON each; here these become the rows of a comparison.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from measures import FREE_THREADED, title_of
from results import Measured, noise_floor

_GRACE_SECONDS = 10.0  # for the harness to end all that it started
_ROUNDS = 3  # of each way, before it may be dropped as slow
_APPROACHES = {  # what the harness calls an execution
    "sequential": "single_threaded",
    "processes": "multiprocessing",
}
_EXECUTIONS = {name: execution for execution, name in _APPROACHES.items()} | {"free_threaded": "threads"}


class Way(NamedTuple):
    """One way to do the batch."""

    execution: str
    schedule: str
    collect: str


class Session(NamedTuple):
    """What the harness found: rows without a title in common, and what is true of all of them."""

    rows: list[Measured]
    pythons: tuple[str, ...]  # their versions
    paths: dict[str, str]  # of the Pythons, by their tags
    tasks: int
    task_ms: float
    task_wall_ms: float
    measurements: int
    differed: int
    seconds: float
    seed: int
    noise: float | None


def measured(ways: Iterable[Way], options: Namespace, tasks: int, scaling: Sequence[int], budget: float) -> Session:
    """Measure them, with each number of processors, and the baseline; ValueError if nothing could be."""
    command = [sys.executable, str(_bench()), "--json", "--parent", str(os.getpid()), "--budget", str(budget)]
    command += ["--tasks", str(tasks), "--scaling", ",".join(map(str, scaling)), "--rounds", str(_ROUNDS)]
    command += ["--settings", json.dumps(_settings(options))]
    command += ["--seed", str(options.seed)] if options.seed is not None else []
    for python in dict.fromkeys([sys.executable, *options.interpreter]) if options.interpreter else ():
        command += ["--interpreter", python]
    for name in _approaches(ways, alone=not options.interpreter):
        command += ["--approach", name]
    return session_of(_events(command), _tell)


def _bench() -> Path:
    """bench.py beside this file, else the template that it is made of."""
    here = Path(__file__).resolve()
    own = here.with_name("bench.py")
    return own if own.is_file() else here.parents[2] / "templates" / "todo_bench.py"


def _settings(options: Namespace) -> dict[str, Any]:
    """What the work is told in every process."""
    return {
        "kind": options.kind,
        "effort": options.effort,
        "batch_size": options.batch_size,
        "uneven": options.uneven,
        "source": str(options.source.resolve()) if options.source else None,
        "strict": options.strict,
    }


def _approaches(ways: Iterable[Way], *, alone: bool) -> Iterator[str]:
    """As the harness calls them; threads are there as those with a GIL and as free ones, and it knows which Python has which.

    `alone`: this Python is the only one, so only one of both can be.
    """
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    yield _APPROACHES["sequential"]  # on further Pythons, too
    for way in dict.fromkeys(ways):
        names = [_APPROACHES.get(way.execution, way.execution)]
        if way.execution == "threads":
            names = ["threads", "free_threaded"]
            if alone:
                names = ["threads"] if gil else ["free_threaded"]
        yield from (f"{name}/{way.schedule}/{way.collect}" for name in names if way.execution != "sequential")


# The harness ----------------------------------------------------------------------------------------------------------


def _events(command: list[str]) -> Iterator[dict[str, Any]]:
    """What it says, as it says it. It ends when we do, and everything that it started with it."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                with contextlib.suppress(ValueError):  # a line that was cut off
                    yield json.loads(line)
            process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_GRACE_SECONDS)
                process.kill()
    if process.returncode == 130:
        raise KeyboardInterrupt


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def session_of(events: Iterable[dict[str, Any]], tell: Callable[[str], None]) -> Session:
    """The rows of a run by its events; `tell` gets a line for each that is new."""
    cells: dict[int, list[dict[str, Any]]] = {}
    seen: dict[str, dict[str, Any]] = {}
    pythons: dict[str, tuple[str, str]] = {}  # version and path, by the tag
    for event in events:
        seen[event["event"]] = event
        if event["event"] == "interpreter":
            if event["status"] == "ok":
                pythons[event["interpreter"]] = (event["version"] + "t" * event["free_threaded_build"], event["path"])
            else:
                tell(f"{event['path']} was left out: {event['reason']}")
        elif event["event"] == "plan":
            until = f"for {seen['start']['budget_seconds']:g} s"
            tell(f"{event['tasks']:,} tasks in each measurement, {len(event['arms'])} ways in random order, {until}")
        elif event["event"] == "cell":
            cells.setdefault(event["arm"], []).append(event)
            if len(cells[event["arm"]]) == 1:
                tell(_told(event))
    end, plan = seen.get("end", {}), seen.get("plan")
    if plan is None or end.get("reason") == "failed":
        raise ValueError(f"nothing could be measured: {end.get('detail') or 'the harness ended without a word'}")
    return _session(cells, seen["start"], plan, end, pythons)


def _told(cell: dict[str, Any]) -> str:
    took = f"{cell['seconds']:.3f} s" if cell["status"] == "ok" else f"{cell['status']}: {cell['reason']}"
    how = ", ".join(_way_of(cell)[1:]) if "/" in cell["approach"] else "plain"
    return f"  {_title(cell)} ({how}) on {cell['interpreter']}, {cell['workers']:,}: {took}"


def _session(
    cells: dict[int, list[dict[str, Any]]],
    start: dict[str, Any],
    plan: dict[str, Any],
    end: dict[str, Any],
    pythons: dict[str, tuple[str, str]],
) -> Session:
    twice = [_good(own) for own in cells.values() if own[0]["role"] in ("baseline", "control")]
    plain = [cell for own in twice for cell in own]
    if not plain:
        why = next(
            (cell["reason"] for own in cells.values() for cell in own if cell["reason"]), "there was no time for it"
        )
        raise ValueError(f"plain sequential code, the baseline, could not be measured: {why}: more --budget may help")
    named = _Named(cells.values(), several=len({cell["interpreter"] for own in cells.values() for cell in own}) > 1)
    rows = [named.row(plain, baseline=True)]
    rows += [named.row(own) for _, own in sorted(cells.items()) if own[0]["role"] == "candidate"]
    everything = [cell for own in cells.values() for cell in own if cell["status"] != "not_run"]
    return Session(
        rows=rows,
        pythons=tuple(version for version, _ in pythons.values()),
        paths={tag: path for tag, (_, path) in pythons.items()},
        tasks=plan["tasks"],
        task_ms=plan["task_cpu_ms"],
        task_wall_ms=plan["task_wall_ms"],
        measurements=len(everything),
        differed=sum(cell["status"] == "mismatch" for cell in everything),
        seconds=end.get("seconds", 0.0),
        seed=start["seed"],
        noise=noise_floor(*[[cell["seconds"] for cell in own] for own in twice]) if len(twice) == 2 else None,
    )


def _good(cells: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [cell for cell in cells if cell["status"] == "ok"]


class _Named:
    """Makes rows, whose titles say what differs among them."""

    def __init__(self, cells: Iterable[list[dict[str, Any]]], *, several: bool) -> None:
        ways = [_way_of(own[0]) for own in cells if "/" in own[0]["approach"]]
        self._several = several
        self._differ = [len({way[part] for way in ways}) > 1 for part in (1, 2)]

    def row(self, cells: Sequence[dict[str, Any]], *, baseline: bool = False) -> Measured:
        """The row of one way, by its measurements."""
        first, good = cells[0], _good(cells)
        way = _way_of(first)
        name = _title(first) + f" {first['interpreter']}" * self._several
        more = [
            part for part, differs in zip(way[1:], self._differ, strict=True) if differs and "/" in first["approach"]
        ]
        latencies = [cell["task_latency_ms"]["p95"] for cell in good if cell["task_latency_ms"]]
        return Measured(
            way.execution,
            name,
            ", ".join([name, *more]),
            way.schedule,
            way.collect,
            first["interpreter"],
            first["workers"],
            baseline,
            tuple(cell["seconds"] for cell in good),
            reason="" if good else f"{cells[-1]['status']}: {cells[-1]['reason']}",
            cpu_seconds=_median(cell["cpu_seconds"] for cell in good),
            work_cpu_seconds=_figure(good, "work_cpu_seconds"),
            startup_seconds=_median(cell["startup_seconds"] for cell in good),
            busy_seconds=_figure(good, "busy_seconds"),
            busiest_seconds=_figure(good, "busiest_seconds"),
            peak_memory_mb=max((cell["peak_memory_mb"] for cell in good if cell["peak_memory_mb"]), default=None),
            memory_metric=good[0]["memory_metric"] if good else None,
            cpus_taken=_median(cell["cpus_taken"] for cell in good),
            task_p95_ms=_median(latencies),
        )


def _way_of(cell: dict[str, Any]) -> Way:
    approach, schedule, collect = (*cell["approach"].split("/"), "queue", "queue")[:3]
    return Way(_EXECUTIONS.get(approach, approach), schedule, collect)


def _title(cell: dict[str, Any]) -> str:
    """By whether the GIL is on there, and not here."""
    approach = cell["approach"].partition("/")[0]
    if approach == "free_threaded":
        return FREE_THREADED
    return "Threads (GIL)" if approach == "threads" else title_of(_EXECUTIONS.get(approach, approach))


def _figure(cells: Iterable[dict[str, Any]], name: str) -> float | None:
    return _median((cell["figures"] or {}).get(name) for cell in cells)


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
