"""A crew for the coordinator of the todo batch program that has no threads: chance says who answers next, dies or hangs."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any


class Clock:
    """Time that passes when a crew has nothing to say."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic


class Made:
    """A crew without threads: who answers next, dies or hangs is drawn from a seed. It checks how it is used."""

    turn = None
    ahead = 2

    def __init__(self, todo: Any, clock: Clock, seed: int, trouble: dict[int, str], mishaps: float = 0.0) -> None:
        self.ready_since: dict[int, float] = {}
        self.todo, self.clock, self.chance = todo, clock, random.Random(seed)
        self.trouble, self.mishaps = trouble, mishaps
        self.given: dict[int, deque[Any]] = {}
        self.hung: set[int] = set()
        self.hired = 0
        self.most = 0
        self.closed = False
        self.before: Callable[[], None] = lambda: None

    def hire(self, processor: int) -> None:
        assert processor not in self.given and not self.closed
        self.given[processor] = deque()
        self.hired += 1

    def give(self, processor: int, batch: Any) -> None:
        assert batch.tasks
        self.given[processor].append(batch)
        self.most = max(self.most, len(self.given[processor]))

    def discharge(self, processor: int) -> None:
        del self.given[processor]
        self.hung.discard(processor)

    def take_back(self) -> list[Any]:
        return []

    def close(self) -> None:
        self.closed = True

    def next_message(self, timeout: float | None) -> Any:
        assert timeout is not None and timeout >= 0
        self.before()
        message, lost = self.todo.crew.Message, self.chance.random() < self.mishaps
        able = [processor for processor, given in self.given.items() if given and processor not in self.hung]
        if lost and self.given:  # also one that has nothing to do
            processor = self.chance.choice(sorted(self.given))
            self.discharge(processor)
            return message(processor, None, "it was killed")
        if not able:
            self.clock.now += timeout + 0.001
            return None
        processor = self.chance.choice(able)
        batch = self.given[processor][0]
        for task in batch.tasks:
            trouble = self.trouble.get(task.number, "")
            if batch.attempt == 1 or trouble.endswith("!"):
                if trouble.startswith("hang"):
                    self.hung.add(processor)
                    return self.next_message(timeout)
                if trouble.startswith("kill"):
                    self.discharge(processor)
                    return message(processor, None, "it was killed")
        self.given[processor].popleft()
        raises = {number: it for number, it in self.trouble.items() if it.startswith("raise")}
        settings = self.todo.tasks.Settings(trouble=raises)
        return message(processor, self.todo.tasks.process_batch(settings, batch))


class NoRoom(Made):
    """A crew in which some processors cannot be started, from a time on."""

    allowed = 1000

    def hire(self, processor: int) -> None:
        if self.hired >= self.allowed:
            raise RuntimeError("can't start new thread")
        super().hire(processor)
