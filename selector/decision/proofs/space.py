r"""The input space of a table, cut where the answer of any cell changes.

Each input is an *axis* of places: the bounds its cells mention, and the gaps between them that hold a value
(nothing lies between neighbouring floats, between "a" and "a\0", or below ""). Places that let the same rows through
form one class, as no row can tell them apart. A part of the space is a `Box`: for each axis some of its classes, as bits.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import compress
from operator import attrgetter
from typing import Any

from selector.decision.cells import ANYTHING, Cell, Compare, Interval, Not, OneOf, Scalar, cell_text, matches
from selector.decision.compiled import Column, Line, compile_column, line_of
from selector.decision.proofs.masks import Masks, bits
from selector.decision.table import DecisionTable, Input

Box = tuple[int, ...]

_MAX_DIGITS = 25  # more than any float needs to be told from its neighbours
_WHOLE_FLOATS_FROM = 2**53  # beyond it every float is a whole number, and not every whole number is a float


@dataclass(frozen=True, eq=False)
class Place:
    """Values that no cell of a column tells apart: those from `low` to `high`, both included or both not.

    An end of None is open; with both ends None and included it is the missing value. `rows` passes it, as bits. The
    numbers of neighbouring places follow each other; those of listed values do not, as nothing is between them.
    `position` is where it lies among the values in their order, the missing value after all others.
    """

    number: int
    position: float
    low: Any
    high: Any
    included: bool
    rows: int
    kind: str

    @cached_property
    def witness(self) -> Scalar:
        """A value in it, as simple as can be."""
        if self.included and self.low == self.high:
            return self.low  # type: ignore[no-any-return]
        if self.kind == "string":
            return _simplest_string(self.low, self.high)
        if not self.included:
            return _simplest_number(self.low, self.high)
        low = None if self.low is None else self.low - 1
        return _simplest_number(low, None if self.high is None else self.high + 1, whole=True)


@dataclass(frozen=True)
class ValueClass:
    """The places of one axis that let the same rows through."""

    rows: int
    places: tuple[Place, ...]

    @cached_property
    def witness(self) -> Scalar:
        """The simplest value in it; missing only if there is no other."""
        return min((place.witness for place in self.places), key=_simplicity)


@dataclass(frozen=True)
class Axis:
    """One input: all its places, and their classes; `rows` are the classes that each row lets through, as bits.

    `line` says where a value lies; None for booleans, whose two values are places of their own.
    """

    name: str
    places: tuple[Place, ...]
    classes: tuple[ValueClass, ...]
    rows: tuple[int, ...]
    optional: bool
    line: Line | None

    @property
    def all_classes(self) -> int:
        """Every class, as bits."""
        return (1 << len(self.classes)) - 1

    def witness(self, classes: int) -> Scalar:
        """A value in one of these classes: missing if all will do and it may be, else the simplest."""
        if self.optional and classes == self.all_classes:
            return None
        order, rank = self._simplest_first
        if classes.bit_count() ** 2 < len(order):
            best = min(bits(classes), key=rank.__getitem__)
        else:
            best = next(k for k in order if classes >> k & 1)
        return self.classes[best].witness

    @cached_property
    def _simplest_first(self) -> tuple[list[int], list[int]]:
        """The classes, that with the simplest value first; and the rank of each in that order."""
        order = sorted(range(len(self.classes)), key=lambda k: _simplicity(self.classes[k].witness))
        rank = [0] * len(order)
        for place, k in enumerate(order):
            rank[k] = place
        return order, rank

    def cell(self, classes: int) -> Cell:
        """The test that, within the domain, these classes pass and no others: what they are or, if shorter, what not."""
        if classes == self.all_classes:
            return ANYTHING
        flags = bin(classes | 1 << len(self.classes))[:2:-1]
        inside = [flags[k] == "1" for k in self._class_of_place]
        these = _any_place(compress(self.places, inside))
        not_the_others = Not(_any_place(place for place, there in zip(self.places, inside, strict=True) if not there))
        return min(these, not_the_others, key=lambda cell: len(cell_text(cell)))

    @cached_property
    def _class_of_place(self) -> list[int]:
        """The number of the class of each place."""
        numbers = {place.position: k for k, found in enumerate(self.classes) for place in found.places}
        return [numbers[place.position] for place in self.places]

    def admits(self, cell: Cell) -> bool:
        """Whether any value of the domain passes a test."""
        if self.optional and matches(cell, None):
            return True
        if self.line is None:
            return any(matches(cell, place.witness) for place in self.places)
        found = self._positions
        return any(bisect_left(found, low) < bisect_left(found, high) for low, high in self.line.passing(cell))

    @cached_property
    def _positions(self) -> list[float]:
        """Where the places are on the line, ascending."""
        return sorted(place.position for place in self.places)


@dataclass(frozen=True)
class TableSpace:
    """The space of a table and the box of each of its rows."""

    table: DecisionTable
    axes: tuple[Axis, ...]
    everything: Box
    boxes: tuple[Box, ...]

    @cached_property
    def masks(self) -> Masks:
        """For each axis, for each of its classes: the rows it lets through, as bits."""
        return Masks([[found.rows for found in axis.classes] for axis in self.axes])

    @property
    def size(self) -> int:
        """How many smallest regions there are: the product of the places of all axes."""
        return math.prod(len(axis.places) for axis in self.axes)

    def witness(self, box: Box) -> dict[str, Scalar]:
        """Inputs inside the box, all of them."""
        return {axis.name: axis.witness(classes) for axis, classes in zip(self.axes, box, strict=True)}

    def region(self, box: Box) -> dict[str, str]:
        """The box for a person: the inputs that matter, each with the text of a cell."""
        return {
            axis.name: cell_text(axis.cell(classes))
            for axis, classes in zip(self.axes, box, strict=True)
            if classes != axis.all_classes
        }


def space_of(table: DecisionTable, whole: frozenset[str] = frozenset()) -> TableSpace:
    """The space of a table; the inputs named in `whole` are counts, which take no fractions."""
    axes = tuple(
        axis_of(column, [rule.cells[i] for rule in table.rules], whole=column.name in whole)
        for i, column in enumerate(table.inputs)
    )
    boxes = tuple(zip(*(axis.rows for axis in axes), strict=True))
    return TableSpace(table, axes, tuple(axis.all_classes for axis in axes), boxes)


def axis_of(column: Input, cells: Sequence[Cell], *, whole: bool = False) -> Axis:
    """The axis of one input, given the cells of all rows in it."""
    compiled = compile_column(column, cells)
    line = None if column.type == "boolean" else line_of(column, cells)
    whole = whole and column.type == "number"
    listed = compiled.kind in ("boolean", "values")
    places = _listed_places(compiled, line, whole=whole) if listed else _ordered_places(compiled, whole=whole)
    if column.optional:
        places.append(Place(-1, math.inf, None, None, True, compiled.missing, "null"))
    by_rows: dict[int, list[Place]] = {}
    for place in sorted(places, key=attrgetter("position")):
        by_rows.setdefault(place.rows, []).append(place)
    classes = tuple(ValueClass(rows, tuple(found)) for rows, found in by_rows.items())
    return Axis(column.name, tuple(places), classes, _classes_by_row(cells, classes, line), column.optional, line)


def _classes_by_row(cells: Sequence[Cell], classes: Sequence[ValueClass], line: Line | None) -> tuple[int, ...]:
    """For each row the classes that it lets through, as bits: a class is let through where its first place is."""
    firsts = [found.places[0].position for found in classes]
    missing = 1 << len(classes) - 1 if firsts and firsts[-1] == math.inf else 0

    def passed(cell: Cell) -> int:
        """The classes of the places that a cell lets through."""
        if line is None:
            ends = [(at, at + 1) for at, value in enumerate((True, False)) if matches(cell, value)]
        else:
            ends = line.passing(cell)
        found = missing if missing and matches(cell, None) else 0
        for low, high in ends:
            found |= (1 << bisect_left(firsts, high)) - (1 << bisect_left(firsts, low))
        return found

    anything = passed(ANYTHING)
    return tuple(anything if cell is ANYTHING else passed(cell) for cell in cells)


def _listed_places(compiled: Column, line: Line | None, *, whole: bool) -> list[Place]:
    """The values of a list, each for itself."""
    values = [value for value in compiled.by_value if not whole or value == math.floor(value)]  # type: ignore[arg-type]
    return [
        Place(2 * i, int(value is False) if line is None else line.place(value), value, value, True,
              compiled.by_value[value], compiled.kind)
        for i, value in enumerate(values)
    ]  # fmt: skip


def _ordered_places(compiled: Column, *, whole: bool) -> list[Place]:
    """The bounds and the gaps around them, in order: without those that hold no value or are outside the domain."""
    bounds, places, number = compiled.bounds, [], 0
    for position, rows in enumerate(compiled.by_gap):
        at, is_bound = divmod(position, 2)
        low = bounds[at] if is_bound else bounds[at - 1] if at else None
        high = bounds[at] if at < len(bounds) else None
        if whole:
            low, high = _whole_ends(low, high, included=bool(is_bound))
            exists = low is None or high is None or low <= high
        else:
            exists = bool(is_bound) or _holds_a_value(low, high, compiled.kind)
        if not exists:
            continue
        number += 1
        if rows is not None:
            included = bool(is_bound) or (whole and bool(bounds))
            places.append(Place(number, position, low, high, included, rows, compiled.kind))
    return places


def _whole_ends(low: float | None, high: float | None, *, included: bool) -> tuple[int | None, int | None]:
    """The first and the last whole number between two bounds."""
    first = None if low is None else math.ceil(low) if included else math.floor(low) + 1
    last = None if high is None else math.floor(high) if included else math.ceil(high) - 1
    return first, last


def _holds_a_value(low: Any, high: Any, kind: str) -> bool:
    """Whether any value, an integer or a float, lies between the two bounds (None: there is no bound)."""
    if kind == "string":
        return high is None or bool(high if low is None else f"{low}\0" < high)
    if low is None or high is None or math.floor(low) + 1 < high:
        return True
    return bool(abs(low) < _WHOLE_FLOATS_FROM and math.nextafter(low, math.inf) < high)


def _simplest_number(low: float | None, high: float | None, *, whole: bool = False) -> int | float:
    """The number of fewest digits between the two bounds, which have one between them (None: no bound)."""
    if (low is None or low < 0) and (high is None or high > 0):
        return 0
    if low is None or low < 0:
        assert high is not None
        return -_simplest_number(-high, None if low is None else -low, whole=whole)
    top = math.floor(math.log10(high)) if high is not None else max(0, len(str(math.floor(low))) - 1)
    for exponent in range(top, top - _MAX_DIGITS, -1):
        found = _next_multiple(low, exponent)
        if low < found and (high is None or found < high) and not (whole and exponent < 0):
            return found
    found = math.floor(low) + 1
    return found if whole or high is None or found < high else math.nextafter(low, math.inf)


def _next_multiple(low: float, exponent: int) -> int | float:
    """The first multiple of a power of ten above a number, as nearly as a float can say it."""
    if exponent >= 0:
        step: int = 10**exponent
        return (math.floor(low) // step + 1) * step
    return float(f"{math.floor(Fraction(low) * 10**-exponent) + 1}e{exponent}")


def _simplest_string(low: str | None, high: str | None) -> str:
    """A short string between the two bounds, which have one between them; one that can be read, if there is any."""
    before = low or ""
    nearby: list[str] = [*"abcxyzAZ09", *(before + end for end in "a0 "), ""]
    for found in nearby:
        if (low is None or low < found) and (high is None or found < high):
            return found
    return f"{before}\0"


def _simplicity(value: Scalar) -> tuple[Any, ...]:
    """A key by which the simplest value comes first, and missing last."""
    if value is None:
        return (math.inf,)
    if isinstance(value, bool):
        return (0, value)
    if isinstance(value, str):
        return (not value.isprintable() or not value, not value.isalnum(), len(value), value.swapcase())
    return (0, len(repr(abs(value))), value < 0, abs(value))


def _any_place(places: Iterable[Place]) -> Cell:
    """The test for some places in their order; neighbours are one interval."""
    runs: list[list[Place]] = []
    for place in places:
        if runs and place.number == runs[-1][-1].number + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    tests = tuple(_run_test(run[0], run[-1]) for run in runs)
    return tests[0] if len(tests) == 1 else OneOf(tests)


def _run_test(first: Place, last: Place) -> Cell:
    """The test for all values from one place to another."""
    low, high = first.low, last.high
    if low is None and high is None:
        return Compare("=", None) if first.kind == "null" else Not(Compare("=", None))
    if low is None:
        return Compare("<=" if last.included else "<", high)
    if high is None:
        return Compare(">=" if first.included else ">", low)
    return Compare("=", low) if low == high else Interval(low, high, first.included, last.included)
