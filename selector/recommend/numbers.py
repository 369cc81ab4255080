"""Numbers along the axis of a numeric input: their order, the middle of two, halving, and how a person writes them."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import NamedTuple

from selector.workload.fields import field_kind

Number = int | float

LARGEST = 10**12  # that a profile takes (selector.workload.profile)
SMALLEST = 5e-324  # number above zero that there is
NOTHING = 1e-6  # below it two numbers are the same to anybody


class Axis(NamedTuple):
    """The numbers that a field may have: whole ones, or all of them."""

    whole: bool
    least: Number
    largest: Number

    def rank(self, value: Number) -> int:
        """The place of a number among all numbers there are: those of neighbours differ by one."""
        return int(value) if self.whole else int(struct.unpack("<q", struct.pack("<d", value))[0])

    def at(self, rank: int) -> Number:
        """The number with a rank."""
        return rank if self.whole else float(struct.unpack("<d", struct.pack("<q", rank))[0])

    def beside(self, value: Number, steps: int) -> Number:
        """The number so many numbers further on."""
        return self.at(self.rank(value) + steps)

    def middle(self, low: Number, high: Number) -> Number:
        """The middle of two numbers by ratio; of whole ones strictly between them if there is one."""
        middle = math.sqrt(max(low, NOTHING if high > NOTHING else low)) * math.sqrt(high)
        return min(max(round(middle), low + 1), high) if self.whole else min(max(middle, low), high)

    def as_number(self, value: float) -> Number:
        """The nearest number there is."""
        return round(value) if self.whole else float(value)


def axis_of(field: str) -> Axis:
    """The numbers that a field of a profile takes."""
    kind = field_kind(field)
    if kind.kind == "count":
        return Axis(True, 1, LARGEST)
    return Axis(False, SMALLEST if kind.above_zero else 0.0, float(kind.largest))


def plain_number(low: Number, high: Number, *, whole: bool) -> Number:
    """The number from `low` to `high` that a person would write: 1, else the nearest to it of those with few digits."""
    low, high = (low, high) if whole else (float(low), float(high))
    if low <= 1 <= high:
        return 1 if whole else 1.0
    start = high if high < 1 else low
    for digits in range(1, 17):
        for value in _rounded_both_ways(start, digits):
            if low <= value <= high:
                return value
    return start


def rounded_away(edge: Number, inside: Number, holds: Callable[[Number], bool]) -> Number:
    """An edge as a person would write it: itself if it has three digits, else two within 1 %, three or more if need be.

    Rounded away from `inside`, where the answer is another one; `holds` says whether the answer beyond the edge still
    is that of a rounded number.
    """
    if edge in _rounded_both_ways(edge, 3):
        return edge
    for digits in range(2, 17):
        value = _rounded_both_ways(edge, digits)[edge > inside]
        near = digits > 2 or abs(value - edge) <= 0.01 * abs(edge)
        if near and holds(value):
            return value
    return edge


def _rounded_both_ways(value: Number, digits: int) -> tuple[Number, Number]:
    """The numbers of so many digits next to a value, below and above it (or the value itself, if it has no more)."""
    if value == 0:
        return value, value
    if isinstance(value, int):
        unit = 10 ** max(0, len(str(value)) - digits)
        return value // unit * unit, -(-value // unit) * unit
    middle = float(f"{value:.{digits - 1}e}")
    if middle == value:
        return value, value
    unit = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    other = float(f"{middle + (unit if middle < value else -unit):.{digits - 1}e}")
    return min(middle, other), max(middle, other)
