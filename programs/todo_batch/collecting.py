"""Three ways for threads to hand in what they have, to be compared: a lock, a queue, and a place of one's own.

Each gives every message exactly once, to one reader.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from typing import Any, Protocol


class Results(Protocol):
    """Many threads add, one takes."""

    def add(self, processor: int, message: Any) -> None:
        """A message of a processor."""

    def next(self, timeout: float | None) -> Any:
        """The next message, or None after so many seconds."""


class LockedResults:
    """One list and one lock: everybody waits for everybody, for as long as an append takes."""

    def __init__(self) -> None:
        self._messages: deque[Any] = deque()  # a list that gives its first without moving all others
        self._changed = threading.Condition()

    def add(self, processor: int, message: Any) -> None:  # noqa: ARG002  # all share the list
        """Append under the lock."""
        with self._changed:
            self._messages.append(message)
            self._changed.notify()

    def next(self, timeout: float | None) -> Any:
        """Take the oldest under the lock."""
        with self._changed:
            if not self._messages:
                self._changed.wait_for(lambda: self._messages, timeout)
            return self._messages.popleft() if self._messages else None


class QueuedResults:
    """A queue that does the locking: what to take if nothing speaks against it."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def add(self, processor: int, message: Any) -> None:  # noqa: ARG002  # all share the queue
        """Put it in."""
        self._messages.put(message)

    def next(self, timeout: float | None) -> Any:
        """Take the oldest."""
        try:
            return self._messages.get(timeout=timeout)
        except queue.Empty:
            return None


class MergedResults:
    """A place of its own for every processor, merged by the reader: no processor ever waits for another.

    A deque takes an append at one end and gives at the other without a lock (Python docs); the reader looks around.
    """

    def __init__(self) -> None:
        self._places: dict[int, deque[Any]] = {}
        self._something = threading.Event()

    def add(self, processor: int, message: Any) -> None:
        """Append to one's own."""
        self._places.setdefault(processor, deque()).append(message)
        self._something.set()

    def next(self, timeout: float | None) -> Any:
        """The oldest of the first place that has one."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            self._something.clear()  # before looking: what comes meanwhile sets it again
            for place in list(self._places.values()):
                if place:
                    return place.popleft()
            if not self._something.wait(None if until is None else max(0.0, until - time.monotonic())):
                return None


COLLECTORS: dict[str, type[LockedResults | QueuedResults | MergedResults]] = {
    "lock": LockedResults,
    "queue": QueuedResults,
    "merge": MergedResults,
}
