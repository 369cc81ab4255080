"""What every crew is: processors with numbers that take batches, and give a message for each.

A crew does not know which tasks there are, what was lost or what comes again: that is the coordinator's. Every crew
leaves nothing behind when it is closed, and no process of it outlives this one, however this one ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tasks import Batch, ProcessingResult, described

GRACE_SECONDS = 1.0  # to end after being asked to


class Message(NamedTuple):
    """What a processor says: the result of a batch, or (None) why it ended before it had one."""

    processor: int
    result: ProcessingResult | None
    reason: str = ""
    generation: int = 0  # of those that had the number one after the other: which it was
    began: bool = True  # if not, it ended before it could take a batch: it did nothing, and nothing happened to a task
    place: int | None = None  # where another hands out: which of its batches it is. If that is lost, the rest is not
    by: int | None = None  # likewise: the processor that did it


class Crew(ABC):
    """Processors with numbers, each of which does its batches in the order it got them."""

    #: Whose turn it is and since when, if they take turns: the others cannot but wait.
    turn: tuple[int, float] | None = None
    #: Batches that a processor has: one that it does, and the next, so that it need not wait for us.
    ahead: int = 2
    #: Since when a processor can work, where it takes time to start: until then it does not hang.
    ready_since: Mapping[int, float] = MappingProxyType({})

    @abstractmethod
    def hire(self, processor: int) -> None:
        """Start a processor of that number; there is none. Where there is no room for it, one of NO_ROOM is raised."""

    @abstractmethod
    def give(self, processor: int, batch: Batch) -> None:
        """A batch for a processor that is there."""

    @abstractmethod
    def next_message(self, timeout: float | None) -> Message | None:
        """The next message, or None after so many seconds without one."""

    @abstractmethod
    def discharge(self, processor: int) -> None:
        """End a processor now, whatever it does. Nothing is heard of it any more."""

    def halt(self) -> None:  # noqa: B027  # most have nobody there
        """Whoever does its work in the coordinator's own thread ends before the next task. May come from a signal."""

    def take_back(self) -> list[tuple[int, Batch]]:
        """Where another hands out: what nobody has begun, with the processor that was given it. It is not heard of any more."""
        return []

    @abstractmethod
    def close(self) -> None:
        """End them all."""


#: What `hire` raises where threads, processes, descriptors or memory are used up.
NO_ROOM = (OSError, RuntimeError, MemoryError, EOFError)


def why_no_room(error: BaseException) -> str:
    """One of NO_ROOM in words."""
    if isinstance(error, MemoryError):
        return "there is no memory left"
    if isinstance(error, (EOFError, ConnectionError, BlockingIOError)):  # the fork server died of it, or fork says so
        return "no more processes can be started"
    return getattr(error, "strerror", None) or described(error).partition(": ")[2]
