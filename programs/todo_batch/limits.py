"""What keeps more processors from being more speed, in one sentence, from what was measured; if that does not show it, so it says.

A way's computing is looked at where more processors stopped paying: how many CPUs were busy, what the tasks cost there
against what they cost with one processor, how long processors had nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from results import Comparison, Measured, points, way, ways
from scaling import amdahl, stops_paying_at
from text import figure, plural
from winner import takes_turns

_BUSY = 0.85  # of all CPUs: they are taken
_MORE = 1.15  # times the CPU time of the same tasks: they are in each other's way
_SAME = 1.08  # not so
_PART = 0.15  # of the time, or of the CPUs: enough to matter
_TURN = 1.15  # CPUs, at most, where one computes at a time
_FULL = 0.8  # of the memory


class Limit(NamedTuple):
    """What it is (cores, gil, event loop, batches, memory, contention, start, uneven, serial; none; unclear), and a sentence."""

    kind: str
    text: str


def limit_of(rows: Sequence[Measured], found: Comparison) -> Limit:
    """Of one way, measured with several numbers of processors; `found` has the others, to compare with."""
    kept = sorted((row for row in rows if row.samples), key=lambda row: row.processors)
    scaled = points(kept)
    if not scaled or len(kept) < 2:
        return _unclear("it was not measured with one processor and with more")
    stop = stops_paying_at(scaled)
    if limit := _disturbed(max(kept, key=lambda row: row.cpus_taken or 0.0), found) or _turns(kept[-1], found):
        return limit
    if stop is None:
        most, gained = scaled[-1]
        return Limit(
            "none", f"nothing up to {plural(most, 'processor')}, the most that were measured: {figure(gained, 2)}x"
        )
    at = next(row for row in kept if row.processors > stop)
    for reason in (_batches, _memory, _contention, _cores, _start, _idle):
        if limit := reason(at, kept[0], found):
            return limit
    used = _cpus_used(at)
    busy = "" if at.busy_share is None else f", its processors had a batch {100 * at.busy_share:.0f} % of the time"
    return _unclear("the CPU time is not known" if used is None else f"{figure(used, 2)} CPUs were used{busy}")


def limit_told(row: Measured, found: Comparison) -> str:
    """What limits the way of a row, in words."""
    if row.baseline:
        return "it computes on one CPU, by choice"
    return limit_of(next(rows for rows in ways(found.rows) if row in rows), found).text


def _unclear(why: str) -> Limit:
    return Limit("unclear", f"not clear from this run: {why}")


def _cpus_used(row: Measured) -> float | None:
    return None if row.cpu_seconds is None else row.cpu_seconds / row.seconds


def _growth(row: Measured, one: Measured) -> float | None:
    """How many times the CPU time the tasks took that they took with one processor."""
    return row.work_cpu_seconds / one.work_cpu_seconds if row.work_cpu_seconds and one.work_cpu_seconds else None


def _disturbed(at: Measured, found: Comparison) -> Limit | None:
    cpus = found.machine.cpus
    if at.cpus_taken is None or at.cpus_taken < _PART * cpus:
        return None
    return _unclear(f"other programs took {figure(at.cpus_taken, 1)} of {plural(cpus, 'CPU')}; measure again")


def _batches(at: Measured, _: Measured, found: Comparison) -> Limit | None:
    batches = -(-found.work.tasks // found.work.batch_size)
    if batches >= at.processors:
        return None
    return Limit(
        "batches", f"the batches: there are {batches:,} for {plural(at.processors, 'processor')}; take smaller ones"
    )


def _memory(at: Measured, _: Measured, found: Comparison) -> Limit | None:
    whole = found.machine.memory_mb
    if whole is None or at.peak_memory_mb is None or at.peak_memory_mb < _FULL * whole:
        return None
    return Limit("memory", f"memory: {figure(at.peak_memory_mb, 0)} of {figure(whole, 0)} MB were taken")


def _turns(at: Measured, found: Comparison) -> Limit | None:
    """With one CPU it could as well be that CPU."""
    used = _cpus_used(at)
    if not takes_turns(at) or used is None or used > _TURN or found.machine.cpus < 2:
        return None
    kind = "gil" if at.execution == "threads" else "event loop"
    name = "the GIL" if kind == "gil" else "its event loop"
    told = f"{plural(at.processors, 'processor')} used {figure(used, 2)} of {found.machine.cpus:,} CPUs"
    return Limit(kind, f"{name}, which lets one compute at a time: {told}")


def _contention(at: Measured, one: Measured, found: Comparison) -> Limit | None:
    """Tasks that cost more beside each other wait for what they share: objects, or the machine's caches and memory."""
    growth = _growth(at, one)
    if growth is None or growth < _MORE:
        return None
    told = f"the same tasks took {figure(growth, 2)} times the CPU time beside each other"
    if at.execution != "threads":
        return Limit(
            "memory", f"caches, memory or hyper-threads of the machine: {told}, and these processors share no objects"
        )
    apart = [_growth(row, rows[0]) for rows in ways(found.rows) for row in rows if _shares_nothing(row, at)]
    known = [each for each in apart if each is not None]
    if known and min(known) <= _SAME:
        return Limit(
            "contention",
            f"contention: {told}, which those of processes did not; threads wait for objects that they share",
        )
    if known and min(known) >= _MORE:
        return Limit(
            "memory",
            f"caches, memory or hyper-threads of the machine: {told}, and so did those of processes, which share no objects",
        )
    return Limit(
        "contention", f"contention for objects or for memory, which of them is not clear from this run: {told}"
    )


def _shares_nothing(row: Measured, at: Measured) -> bool:
    return row.execution in ("processes", "subinterpreters") and row.processors == at.processors


def _cores(at: Measured, _: Measured, found: Comparison) -> Limit | None:
    cpus, used = found.machine.cpus, _cpus_used(at)
    if used is None or used < _BUSY * cpus or at.processors < cpus:
        return None
    told = f"{plural(at.processors, 'processor')} kept {figure(used, 2)} of {plural(cpus, 'CPU')} busy"
    other = _not_work(at)
    if other is not None and other >= _PART:
        told += f", {100 * other:.0f} % of that with starting, copying and handing out"
    return Limit("cores", f"the cores: {told}")


def _not_work(row: Measured) -> float | None:
    """The part of its CPU time that no task took."""
    if not row.cpu_seconds or row.work_cpu_seconds is None:
        return None
    return max(0.0, 1 - row.work_cpu_seconds / row.cpu_seconds)


def _start(at: Measured, _: Measured, __: Comparison) -> Limit | None:
    if at.startup_seconds is None or at.startup_seconds < _PART * at.seconds:
        return None
    part = 100 * at.startup_seconds / at.seconds
    return Limit(
        "start",
        f"their start: {part:.0f} % of the time had passed before the first task began; with more tasks at once it counts for less",
    )


def _idle(at: Measured, _: Measured, found: Comparison) -> Limit | None:
    """Processors without a batch: the busiest had too much, or all waited for the part that one does alone."""
    if at.busy_share is None or at.busy_seconds is None or at.busy_share > 1 - _PART:
        return None
    idle = f"processors had nothing to do for {100 - 100 * at.busy_share:.0f} % of the time"
    mean = at.busy_seconds / at.processors
    if at.busiest_seconds is not None and at.busiest_seconds > (1 + 2 * _PART) * mean:
        more = figure(at.busiest_seconds / mean, 1)
        return Limit("uneven", f"uneven work: {idle}, while the busiest had {more} times its share")
    serial = amdahl(points(row for row in found.rows if way(row) == way(at)))
    return Limit("serial", f"the serial part: {idle}; by Amdahl's law {100 * serial:.0f} % is done by one alone")
