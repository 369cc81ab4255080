"""What a search may take: steps, time, and room to remember what it found."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

LIMIT_STEPS = 4_000_000  # that proving one table may take: about 2 seconds
MOST_WORDS = 20_000_000  # words of 64 bits that one search may remember: 160 MB

Found = TypeVar("Found")
State = tuple[int, tuple[int, ...]]  # the rows still alive in a search, as bits, and the columns still open


class OutOfSteps(Exception):  # noqa: N818  # not an error: the answer is "not known"
    """The search ended before it knew."""


class Steps:
    """How much work is left: a step looks at one class of one column.

    Steps are counted, so that the result is the same anywhere. Who waits for it may set an end in time instead: then
    the result is what was found out by then.
    """

    def __init__(self, left: int, seconds: float = math.inf) -> None:
        self.left = left
        self.until = monotonic() + seconds
        self.limit = f"beyond {left:,} steps" if seconds == math.inf else "in the time given"

    @classmethod
    def within(cls, seconds: float) -> Steps:
        """As many steps as can be taken in that time."""
        return cls(sys.maxsize, seconds)

    @classmethod
    def of(cls, left: int, seconds: float | None) -> Steps:
        """So many, or as many as can be taken in a time, where one is given."""
        return cls(left) if seconds is None else cls.within(seconds)

    @property
    def seconds_left(self) -> float:
        """The time that is left; endless where only steps are counted."""
        return self.until - monotonic()

    def take(self, steps: int) -> None:
        """Spend steps; raises OutOfSteps when there are none left, or no time."""
        if self.left < steps:
            raise OutOfSteps
        self.left -= steps
        self.check()

    def check(self) -> None:
        """Raise OutOfSteps if the time is over."""
        if self.is_over:
            raise OutOfSteps

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return monotonic() > self.until

    @contextmanager
    def part(self, share: float) -> Iterator[None]:
        """Inside, only this share of the time is left, so that there is some for what comes after."""
        until = self.until
        self.until = monotonic() + share * self.seconds_left
        try:
            yield
        finally:
            self.until = until


class Memory(dict[State, Found]):
    """What a search found out for each state, as far as there is room: without it the search only takes longer."""

    words = 0

    def keep(self, state: State, found: Found, words: int = 0) -> None:
        """Remember it, if there is room for it; `words` is what `found` takes."""
        self.words += state[0].bit_length() // 64 + len(state[1]) + 20 + words
        if self.words < MOST_WORDS:
            self[state] = found
