"""Which batch a processor gets next. Three ways, to be compared; none of them knows of threads.

A schedule is asked by the coordinator alone. What it was given it gives back exactly once, the most urgent first.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Protocol

from tasks import Batch


class Schedule(Protocol):
    """Holds the batches that wait. `processors` may change while it is in use."""

    @property
    def waiting(self) -> int:
        """How many batches wait."""

    def add(self, batch: Batch) -> None:
        """A batch more, which waits for a processor."""

    def next(self, processor: int) -> Batch | None:
        """The batch that a processor is to do next, which waits no more; None: there is nothing for it."""

    def resize(self, processors: int) -> None:
        """From now on there are processors 0 to processors - 1; what waited for others goes to these."""

    def drain(self) -> list[Batch]:
        """All that waits, which waits no more."""


class SharedQueue:
    """One queue for all: whoever is free takes the most urgent batch. Even by itself, at the price of one place for all."""

    def __init__(self, processors: int, batches: int | None = None) -> None:
        self._heap: list[tuple[int, int, int, Batch]] = []
        self._added = 0
        _ = processors, batches  # it does not matter how many they are

    @property
    def waiting(self) -> int:
        """How many batches wait."""
        return len(self._heap)

    def add(self, batch: Batch) -> None:
        """A batch more, behind those as urgent as it is."""
        self._added += 1
        heapq.heappush(self._heap, (batch.priority, batch.number, self._added, batch))

    def next(self, processor: int) -> Batch | None:  # noqa: ARG002  # all are alike
        """The most urgent batch, whoever asks."""
        return heapq.heappop(self._heap)[-1] if self._heap else None

    def resize(self, processors: int) -> None:
        """Nothing to do: the queue is everybody's."""

    def drain(self) -> list[Batch]:
        """All that waits, the most urgent first."""
        found = [entry[-1] for entry in sorted(self._heap, key=lambda entry: entry[:-1])]
        self._heap.clear()
        return found


class StaticSplit:
    """Every processor has its part from the beginning, and nobody helps: cheap, and even only where the tasks are.

    If the number of batches is known, the parts are blocks of neighbours; else the batches are dealt in turn.
    """

    def __init__(self, processors: int, batches: int | None = None) -> None:
        self._batches = batches
        self._queues = [SharedQueue(1) for _ in range(processors)]

    @property
    def waiting(self) -> int:
        """How many batches wait."""
        return sum(queue.waiting for queue in self._queues)

    def owner(self, batch: Batch) -> int:
        """The processor whose part a batch belongs to."""
        count = len(self._queues)
        return min(count - 1, batch.number * count // self._batches) if self._batches else batch.number % count

    def add(self, batch: Batch) -> None:
        """A batch more for its owner."""
        self._queues[self.owner(batch)].add(batch)

    def next(self, processor: int) -> Batch | None:
        """The most urgent batch of the processor's own part."""
        return self._queues[processor].next(processor)

    def resize(self, processors: int) -> None:
        """Deal what waits anew."""
        left = self.drain()
        self._queues = [SharedQueue(1) for _ in range(processors)]
        for batch in left:
            self.add(batch)

    def drain(self) -> list[Batch]:
        """All that waits, part by part."""
        return [batch for queue in self._queues for batch in queue.drain()]


class WorkStealing(StaticSplit):
    """Every processor has its part; whose own is done takes from whoever has most left: even, and seldom in the way."""

    def __init__(self, processors: int, batches: int | None = None) -> None:
        super().__init__(processors, batches)
        self.stolen = 0

    def next(self, processor: int) -> Batch | None:
        """The most urgent batch of its own, else of the longest part there is."""
        own = super().next(processor)
        if own is not None:
            return own
        victim = max(self._queues, key=lambda queue: queue.waiting)
        self.stolen += victim.waiting > 0
        return victim.next(processor)


class ByKind:
    """For processors of several kinds: each is asked for its own kind's batches only, by a schedule for each kind.

    `kinds` has how many there are of each; the first ones are of the first kind.
    """

    def __init__(
        self, make: Callable[[int, int | None], Schedule], kinds: Sequence[tuple[str, int]], batches: int | None
    ) -> None:
        self._of = {kind: make(count, batches) for kind, count in kinds}
        self._places = [(kind, place) for kind, count in kinds for place in range(count)]

    @property
    def waiting(self) -> int:
        """How many batches wait, of all kinds."""
        return sum(schedule.waiting for schedule in self._of.values())

    @property
    def stolen(self) -> int:
        """How many were taken from another of the same kind."""
        return sum(getattr(schedule, "stolen", 0) for schedule in self._of.values())

    @property
    def longest(self) -> str:
        """The kind for which most batches wait."""
        return max(self._of, key=lambda kind: self._of[kind].waiting)

    def add(self, batch: Batch) -> None:
        """A batch more for those of its kind."""
        self._of[batch.kind].add(batch)

    def next(self, processor: int) -> Batch | None:
        """The next batch of the processor's kind."""
        kind, place = self._places[processor]
        return self._of[kind].next(place)

    def resize(self, processors: int) -> None:
        """Nobody knows of which kind they would be: a ValueError."""
        raise ValueError(f"a crew of several kinds has the processors that were asked for, and not {processors}")

    def drain(self) -> list[Batch]:
        """All that waits, kind by kind."""
        return [batch for schedule in self._of.values() for batch in schedule.drain()]


SCHEDULES: dict[str, type[SharedQueue | StaticSplit | WorkStealing]] = {
    "static": StaticSplit,
    "queue": SharedQueue,
    "stealing": WorkStealing,
}
