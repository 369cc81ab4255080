"""When each worker was busy, from the times that tasks have anyway: what has no place in a picture is left out."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from timing import Done

_MOST_WORKERS, _MOST_SPANS = 24, 240
_MOST_TASKS = 50_000  # to go through more would take time that measuring needs; none of them would be seen
_SHORTEST_GAP = 1 / 500  # of the whole time: a shorter one is not seen


def _busy(done: list[Done], begun: float, ended: float) -> dict[str, Any] | None:
    """From when to when each worker had a task, in seconds from the begin; some of the workers, where they are many.

    None of very many tasks.

    An event loop has its tasks from their begin to their end, its pool what it was handed.

    It is reckoned after the clock has stopped, and makes nothing that is larger than what the tasks left.
    """
    if len(done) > _MOST_TASKS:
        return None
    seconds = max(ended - begun, 1e-9)
    every: dict[int, _BusyWorker] = {}
    for place in sorted(range(len(done)), key=lambda place: done[place][2]):
        _, name, start, end = done[place]
        worker = every.setdefault(name, _BusyWorker())
        worker.add(max(0.0, start - begun), min(seconds, end - begun), seconds * _SHORTEST_GAP)
    count = min(len(every), _MOST_WORKERS)
    shown = [list(every.values())[place * len(every) // count] for place in range(count)]
    gaps = sorted((after[0] - before[1] for worker in shown for before, after in pairwise(worker.spans)), reverse=True)
    room = _MOST_SPANS - count
    told = [worker.told(gaps[room] if len(gaps) > room else 0.0) for worker in shown]
    return {"seconds": seconds, "workers": told, "more_workers": len(every) - count}


class _BusyWorker:
    """One worker while its tasks are gone through, the first to begin first."""

    def __init__(self) -> None:
        self.tasks = 0
        self.seconds = self.task_seconds = 0.0
        self.spans: list[list[float]] = []

    def add(self, begun: float, ended: float, gap: float) -> None:
        """A task; what begins within that gap after the one before makes its span longer."""
        until = self.spans[-1][1] if self.spans else 0.0
        self.tasks += 1
        self.task_seconds += ended - begun
        self.seconds += max(0.0, ended - max(begun, until))
        _add_span(self.spans, begun, ended, gap)

    def told(self, gap: float) -> dict[str, Any]:
        """What a picture needs of it, without gaps up to that long."""
        spans: list[list[float]] = []
        for begun, ended in self.spans:
            _add_span(spans, round(begun, 6), round(ended, 6), gap)
        at_once = round(self.task_seconds / self.seconds, 2) if self.seconds else 1.0
        return {"tasks": self.tasks, "seconds": round(self.seconds, 6), "at_once": at_once, "spans": spans}


def _add_span(spans: list[list[float]], begun: float, ended: float, gap: float) -> None:
    if spans and begun - spans[-1][1] <= gap:
        spans[-1][1] = max(spans[-1][1], ended)
    else:
        spans.append([begun, ended])
