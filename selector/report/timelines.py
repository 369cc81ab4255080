"""Who worked when, and where the gaps are: a lane for each worker of a measurement."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from selector.benchmark.events import Busy, BusyWorker
from selector.report.blocks import Block, Lane, Lanes, Paragraph, bullets
from selector.report.wording import short_title
from selector.text import Units, measured_duration, number, percent, significant, unit_for
from selector.validation import Timeline, ValidationReport

_SECONDS: Units = (("ms", 0.001), ("s", 1.0))
_TOGETHER = 1.05  # tasks at once: from there on a worker has several of them in flight
_LOOP = "event loop"
_FIRST, _LAST = "before its first task", "after its last task"
_HOW = (
    "One measurement of each, the one nearest to its median. A worker is busy while it has a task: while that computes,"
    " and also while it waits, for an answer, a CPU or the GIL. It is drawn from times that are taken of every task anyway."
)
_FROM_START = " The time begins when the workers are started, and ends when they are gone."
_BATCH = " The time is that of a batch of calls, by workers that had been started before."


class _Gap(NamedTuple):
    """How long a worker had no task, and when."""

    seconds: float
    when: str


def timeline_blocks(report: ValidationReport) -> list[Block]:
    """What the timelines show in words, a picture for each, and how they were come by; nothing where there is none."""
    shown = report.timelines
    blocks: list[Block] = [_lanes(timeline) for timeline in shown]
    if not shown:
        return []
    how = _HOW + (_BATCH if report.io == "function" else _FROM_START)
    return [bullets(*map(_told, shown)), *blocks, Paragraph(how)]


def _lanes(timeline: Timeline) -> Lanes:
    busy = timeline.busy
    unit, size = unit_for([busy.seconds], _SECONDS)
    several = any(worker.at_once > _TOGETHER for worker in busy.workers)
    lanes = []
    for name, worker in zip(_names(busy), busy.workers, strict=True):
        gap = _longest_gap(worker, busy.seconds)
        figures = (
            f"{worker.tasks:,}",
            percent(worker.seconds / busy.seconds),
            *((number(significant(worker.at_once, 3)),) if several else ()),
            measured_duration(gap.seconds) if gap.seconds else "none",
            gap.when if gap.seconds else "",
        )
        lanes.append(Lane(name, tuple((begun / size, ended / size) for begun, ended in worker.spans), figures))
    heads = ("tasks", "busy", *(("at once",) if several else ()), "longest gap", "when")
    title = f"Workers of {_name(timeline)}: {measured_duration(busy.seconds)}"
    return Lanes(
        title, f"{unit}; filled: it has a task", busy.seconds / size, tuple(lanes), heads, f"{'r' * (len(heads) - 1)}l"
    )


def _told(timeline: Timeline) -> str:
    """The whole in a sentence: how busy the workers were, and the longest gap of all."""
    busy = timeline.busy
    named = list(zip(_names(busy), busy.workers, strict=True))
    workers = [each for each in named if each[0] != _LOOP] or named
    share = sum(worker.seconds for _, worker in workers) / busy.seconds / len(workers)
    gap, name = max((_longest_gap(worker, busy.seconds), name) for name, worker in workers)
    who = "its worker" if len(workers) == 1 else f"its {len(workers)} workers"
    told = f"{who if name != _LOOP else 'its event loop'} had tasks for {percent(share)} of {measured_duration(busy.seconds)}"
    if gap.seconds:
        told += f"; the longest gap, {measured_duration(gap.seconds)} ({name}), was {gap.when}"
    more = f" {len(busy.workers)} of {len(busy.workers) + busy.more_workers} workers are shown, evenly chosen."
    return f"{_name(timeline)}: {told}.{more if busy.more_workers else ''}"


def _name(timeline: Timeline) -> str:
    return f"{short_title(timeline.title)} {timeline.interpreter}"


def _names(busy: Busy) -> list[str]:
    """`worker 1`, `worker 2`; the one that has many tasks in flight is an event loop, beside its pool."""
    loops = [place for place, worker in enumerate(busy.workers) if worker.at_once > _TOGETHER]
    loop = loops[0] if len(loops) == 1 else len(busy.workers)
    return [_LOOP if at == loop else f"worker {at + (at < loop)}" for at in range(len(busy.workers))]


def _longest_gap(worker: BusyWorker, seconds: float) -> _Gap:
    """The longest time without a task, its start and its end among them."""
    spans = worker.spans
    gaps = [_Gap(spans[0][0], _FIRST), _Gap(max(0.0, seconds - spans[-1][1]), _LAST)]
    gaps += [_Gap(after[0] - before[1], f"at {measured_duration(before[1])}") for before, after in pairwise(spans)]
    return max(gaps, key=lambda gap: gap.seconds)
