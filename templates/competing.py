"""Who competes with how many workers, and how much each does at a time. It reckons with what is known, and starts nothing."""

from __future__ import annotations

import statistics
from typing import Any, NamedTuple

from arms import _Arm, _Python
from ways import WAYS, Way, pool_size

_MOST_CALLS = 50_000  # in one batch
_TARGET_SECONDS = (0.25, 1.0)  # of a batch, at least and at most
_ROUNDS = 8  # that should fit the budget
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Subject(NamedTuple):
    """What is measured: the user's function, and how. `left_out` says why an approach is not measured."""

    name: str
    function: str
    async_function: str | None
    items: str | None
    setup: str | None
    folder: str
    recommended: str | None
    approaches: tuple[str, ...]
    workers: dict[str, int]  # pool sizes; for the others they follow from what a call takes
    cpus: int
    tasks: int | None  # of the whole job; None: as many as there are items
    concurrency: int | None  # calls in flight at once, where that is limited
    gil_share: float | None  # of its CPU time that a call holds the GIL, where that is known
    memory_budget_mb: float | None
    budget_seconds: float

    def settings(self) -> dict[str, Any]:
        """What each process is told of the function."""
        return {
            "function": self.function,
            "async_function": self.async_function,
            "items": self.items,
            "setup": self.setup,
            "folder": self.folder,
            "coroutine": False,
            "copies": False,
        }


def competitors(subject: Subject, pythons: list[_Python], cost: dict[str, Any], tasks: int) -> list[_Arm]:
    """Plain code twice on the reference, then each approach on each Python that it is for. `cost` is of one call."""
    reference = pythons[0]
    found = [("single_threaded", reference, role) for role in ("baseline", "control")]
    for name in subject.approaches:
        if not why_left_out(name, subject, cost):
            found += [(name, python, "candidate") for python in pythons if _can_run(name, python, reference, cost)]
    most = min(tasks, subject.concurrency or tasks)
    return [
        _Arm(number, name, python.tag, _size(name, subject, cost, most), role, "", python.path)
        for number, (name, python, role) in enumerate(found)
    ]


def _size(name: str, subject: Subject, cost: dict[str, Any], most: int) -> int:
    """The workers of an approach: as asked for where calls wait, else by what a call takes."""
    way, cpu, wall = WAYS[name], cost["cpu_seconds"], cost["wall_seconds"]
    reckoned = pool_size(way, subject.cpus, cpu, wall, most)
    if cost["coroutine"] and way.loop and way.pool:  # each worker has a loop of its own, which does the waiting
        return max(1, min(subject.cpus, most))
    asked = subject.workers.get(name, reckoned)
    return min(asked, most) if reckoned > subject.cpus and way.pool else reckoned


def _can_run(name: str, python: _Python, reference: _Python, cost: dict[str, Any]) -> bool:
    """On a free-threaded build what it is for and plain code, on a second one with a GIL what the first cannot do."""
    way = WAYS[name]
    if python.version < way.since or way.free_threaded > python.free_threaded:
        return False
    if name == "single_threaded":  # on the reference it is the baseline; elsewhere it shows what computing costs there
        return python is not reference and cost["cpu_seconds"] > 0.5 * cost["wall_seconds"]
    if python is reference:
        return True
    return way.free_threaded if python.free_threaded else True


def why_left_out(name: str, subject: Subject, cost: dict[str, Any]) -> str:
    """Why an approach cannot be measured with this function, as a sentence; empty where it can."""
    way = WAYS[name]
    if name == "native_parallel" and not cost["native_parallel"]:
        return "The function uses no threads of its own."
    if name == "asyncio" and not cost["coroutine"] and not subject.async_function:
        return "The function blocks, so an event loop alone would do one call after the other: give its asynchronous twin by --async-function."
    if cost["coroutine"] and way.pool and not way.loop:
        return "The function is an `async def`: it is measured on event loops, also on one in each worker."
    return ""


def at_once(name: str, workers: int, coroutine: bool, most: int) -> int:
    """Calls in flight: one for each worker, but on an event loop as many as may be, where the calls are awaited."""
    way = WAYS[name]
    return most if way.loop and (coroutine or not way.pool) else workers


def first_guess(opened: dict[str, Any], in_flight: int, workers: int, cpu_seconds: float) -> tuple[float, int]:
    """(Seconds a call, calls in flight that keep it busy) of an approach of which no more is known than some first calls.

    Where these overlapped, more at a time take no longer, up to so many in flight or to what they compute.
    """
    each, slowest = opened["warm_seconds"] / opened["warm"], opened["warm_slowest_ms"] / 1000
    if in_flight <= opened["warm"] or opened["warm_seconds"] > 2 * slowest:  # they waited for each other
        return each, workers
    each = min(each, max(cpu_seconds, slowest / in_flight))
    return each, max(workers, min(in_flight, round(slowest / max(each, 1e-7))))


def batch_size(slots: int, seconds_a_call: float, target_seconds: float, tasks: int) -> int:
    """So many calls that a batch takes about the target: full turns of those in flight, or the whole job some times over."""
    count = min(_MOST_CALLS, max(1.0, target_seconds / max(seconds_a_call, 1e-7)))
    if count >= tasks / 2:
        return tasks * max(1, round(count / tasks))
    return max(slots, round(count / slots) * slots)


def target_seconds(left_seconds: float, competitors: int) -> float:
    """How long a batch should take: short enough that several rounds fit the budget."""
    least, most = _TARGET_SECONDS
    return min(most, max(least, left_seconds / (competitors * _ROUNDS)))


def whole_job(answer: dict[str, Any], opened: dict[str, Any], count: int, tasks: int) -> dict[str, Any]:
    """What all tasks take, from a batch of some and the start of the workers.

    What one of the first calls took more than later ones (it loads what it needs) belongs to the start.
    """
    each = answer["seconds"] / count
    slowest = opened["warm_slowest_ms"] / 1000
    first = slowest - answer["task_latency_ms"]["p99"] / 1000
    start = opened["start_seconds"] + (first if first > max(0.02, 0.5 * slowest) else 0.0)
    cpu, waited = answer["cpu_seconds"], answer["no_cpu_seconds"]
    scaled = None if cpu is None else (opened["start_cpu_seconds"] or 0.0) + cpu * tasks / count
    return {
        **answer,
        "took_seconds": answer["seconds"],
        "seconds": start + each * tasks,
        "startup_seconds": start,
        "first_result_seconds": start + answer["first_result_seconds"],
        "steady_seconds": each * tasks,
        "cpu_seconds": scaled,
        "cpu_percent": None if cpu is None else 100 * cpu / answer["seconds"],
        "no_cpu_percent": None if waited is None else min(100.0, 100 * waited / answer["seconds"]),
        "batch": count,
    }


def with_its_cpus(
    answer: dict[str, Any], opened: dict[str, Any], way: Way, cpus: int, gil_share: float | None
) -> float | None:
    """What the whole job might take if each worker got a CPU whenever it is ready to run; None where that is unknown.

    The time that the average worker was ready without a CPU is taken off, down to what its computing takes at least: on
    all CPUs, and under the GIL one worker at a time for that share of it.
    """
    if answer["no_cpu_percent"] is None or answer["cpu_percent"] is None:
        return None
    steady = answer["steady_seconds"]
    computing = steady * answer["cpu_percent"] / 100
    under_gil = computing * (gil_share or 0.0) if way.pool == "threads" and not way.parallel else 0.0
    least = max(computing / (cpus if way.pool or way.own_threads else 1), under_gil)
    start = answer["startup_seconds"]
    start = max(start - opened["start_no_cpu_seconds"], 0.1 * start)
    return float(start + min(steady, max(steady * (1 - answer["no_cpu_percent"] / 100), least)))


def losers(
    running: list[_Arm], seconds: dict[int, list[float]], quiet: dict[int, list[float]], kept: str | None
) -> list[tuple[_Arm, str]]:
    """Those that are clearly slower than the fastest, each with how much; plain code stays for some rounds.

    `seconds` are those of the whole job, `quiet` what they might have been with a CPU for each worker all the time: who
    was held up by others is not dropped for that.
    """
    medians = {c.arm: statistics.median(seconds[c.arm]) for c in running if seconds.get(c.arm)}
    if not medians:
        return []
    best = min((c for c in running if c.arm in medians), key=lambda c: medians[c.arm])
    found = []
    for competitor in running:
        samples = quiet.get(competitor.arm, [])
        if not samples or competitor.approach == kept or (competitor.role != "candidate" and len(samples) < 3):
            continue
        ratio = min(samples) / medians[best.arm]
        if ratio > (2.5 if len(samples) == 1 else 1.6 if len(samples) < 4 else 1.35):
            found.append((competitor, f"{ratio:.1f}x as long as {best.approach}"))
    return found
