"""The fast form of a table: for each input, which rules a value lets through, as bits of an integer.

A column is compiled to a lookup over its *places*: the values its tests mention and the gaps between them. Rule i
matches when bit i survives the AND over all columns. Values outside the domain have no entry, so that the lookup itself
is the validation; whatever it cannot place raises, and the table then says exactly what is wrong.

The matcher of a table is one generated function without loops. Its source holds nothing but numbered names: every
name, literal and text of the table stays data in the namespace, so no table can put code into it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selector.decision.cells import ANYTHING, Cell, Compare, Interval, Not, OneOf, Scalar, kind_of, literals, matches

if TYPE_CHECKING:
    from selector.decision.table import Input


@dataclass(frozen=True, slots=True)
class Column:
    """One compiled input. Exactly one of the two lookups is used, by the type of the input.

    `by_value` maps a value to the rules it lets through (`booleans` are looked up by identity, as `1 == True`).
    `bounds` and `by_gap` serve ordered values: with n bounds there are 2n + 1 places, an odd place is a bound itself;
    a place outside the domain holds None.
    """

    kind: str  # "boolean", "values", "number" or "string"
    optional: bool
    missing: int
    by_value: dict[Scalar, int]
    bounds: list[Any]
    by_gap: list[int | None]

    def rules_passing(self, value: Scalar) -> int:
        """The rules that a checked value lets through, as bits."""
        if value is None:
            return self.missing
        if self.kind in ("boolean", "values"):
            return self.by_value[value]
        found = self.by_gap[bisect_left(self.bounds, value) + bisect_right(self.bounds, value)]
        assert found is not None, "the value was checked against the domain"
        return found


def compile_column(column: Input, cells: Sequence[Cell]) -> Column:
    """The lookup for one input, given the cells of all rows in it."""
    missing = _rows(cells, None)
    if column.type == "boolean":
        allowed: list[Scalar] = [value for value in (True, False) if column.problem(value) is None]
        passing = {value: _rows(cells, value) for value in allowed}
        return Column("boolean", column.optional, missing, passing, [], [])
    line = line_of(column, cells)
    by_place = _rows_by_place([line.passing(cell) for cell in cells], line.places)
    if isinstance(column.values, tuple):
        listed = {value: by_place[line.place(value)] for value in column.values}
        return Column("values", column.optional, missing, listed, [], [])
    by_gap: list[int | None] = [None] * line.places
    for low, high in line.passing(ANYTHING if column.values is None else column.values):
        by_gap[low:high] = by_place[low:high]
    return Column(column.type, column.optional, missing, {}, line.bounds, by_gap)


def _rows(cells: Sequence[Cell], value: Scalar) -> int:
    """The rows whose cell lets a value through, as bits."""
    passing = ["1" if cell is ANYTHING or matches(cell, value) else "0" for cell in cells]
    return int("".join(passing)[::-1] or "0", 2)


def _rows_by_place(passing: Sequence[Ranges], places: int) -> list[int]:
    """For each place the rows that let it through, as bits: swept from place to place, which few rows tell apart."""
    turning: dict[int, list[int]] = {}
    for row, ranges in enumerate(passing):
        for place in (place for ends in ranges for place in ends):
            turning.setdefault(place, []).append(row)
    found, rows = [], 0
    for place in range(places):
        for row in turning.get(place, ()):
            rows ^= 1 << row
        found.append(rows)
    return found


# The line of an input that has an order -------------------------------------------------------------------------------

Ranges = list[tuple[int, int]]  # of places: from the first up to, and without, the second; ascending and apart


@dataclass(frozen=True, slots=True)
class Line:
    """The values of an input in their order, cut at the n bounds that its cells and its domain mention.

    There are 2n + 1 places: an odd place is a bound, an even one what lies between two.
    """

    kind: str  # "number" or "string"
    bounds: list[Any]

    @property
    def places(self) -> int:
        """How many places there are."""
        return 2 * len(self.bounds) + 1

    def place(self, value: Any) -> int:
        """Where a value lies."""
        return bisect_left(self.bounds, value) + bisect_right(self.bounds, value)

    def passing(self, cell: Cell) -> Ranges:
        """The places that a cell lets through. The literals of the cell are among the bounds."""
        match cell:
            case OneOf(tests=tests):
                return _united(ends for test in tests for ends in self.passing(test))
            case Not(test=test):
                return self._others(self.passing(test))
            case Interval():
                return [(self.place(cell.low) + (not cell.low_closed), self.place(cell.high) + cell.high_closed)]
            case Compare():
                return self._passing_comparison(cell)
        return [(0, self.places)]

    def _passing_comparison(self, cell: Compare) -> Ranges:
        """The places that a comparison lets through: with a bound, or with null, which is at no place."""
        if cell.value is None:
            return [(0, self.places)] if cell.operator == "!=" else []
        place = self.place(cell.value)
        ranges = {
            "=": [(place, place + 1)], "!=": [(0, place), (place + 1, self.places)], "<": [(0, place)],
            "<=": [(0, place + 1)], ">": [(place + 1, self.places)], ">=": [(place, self.places)],
        }  # fmt: skip
        return ranges[cell.operator]

    def _others(self, ranges: Ranges) -> Ranges:
        """All places but these."""
        ends = [0, *(end for both in ranges for end in both), self.places]
        return [(low, high) for low, high in zip(ends[::2], ends[1::2], strict=True) if low < high]


def line_of(column: Input, cells: Sequence[Cell]) -> Line:
    """The line of a column of numbers or strings, given the cells of all rows in it."""
    found = {value for cell in cells for value in literals(cell) if kind_of(value) == column.type}
    if isinstance(column.values, tuple):
        found.update(column.values)
    elif column.values is not None:
        found.update(value for value in literals(column.values) if kind_of(value) == column.type)
    return Line(column.type, sorted(found))


def _united(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Ranges in their order, those that touch joined."""
    found: Ranges = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        elif low < high:
            found.append((low, high))
    return found


def matcher(
    names: Sequence[str], columns: Sequence[Column], lowest_bit_only: bool, *, others_allowed: bool = False
) -> Callable[[Mapping[str, Any]], int]:
    """One function from a dict of inputs to the rules that match, as bits (only the first rule's if asked).

    It raises LookupError, TypeError or ValueError for anything but a dict of exactly these inputs (unless others are
    allowed) with plain, finite values inside their domains.
    """
    space: dict[str, Any] = {"left": bisect_left, "right": bisect_right}
    lines = [
        "def match(inputs):",
        " if inputs.__class__ is not dict: raise TypeError",
        " found = -1",
        *([] if others_allowed else [" absent = 0"]),
    ]
    for i, (name, column) in enumerate(zip(names, columns, strict=True)):
        space |= {f"name{i}": name, f"value{i}": column.by_value, f"bounds{i}": column.bounds}
        space |= {f"gap{i}": column.by_gap, f"missing{i}": column.missing}
        if column.kind == "boolean":
            space |= {f"true{i}": column.by_value.get(True), f"false{i}": column.by_value.get(False)}
        if others_allowed and column.optional:
            space[f"value{i}"] = {**column.by_value, None: column.missing}
        lines += _column_source(i, column, count_absent=not others_allowed)
    if not others_allowed:  # all inputs that are there were met above: one more is no input
        absent = " - absent" if any(column.optional for column in columns) else ""
        lines.append(f" if len(inputs) != {len(names)}{absent}: raise LookupError")
    lines.append(" return found & -found" if lowest_bit_only else " return found")
    exec("\n".join(lines), space)  # numbered names only: see the module's docstring
    match: Callable[[Mapping[str, Any]], int] = space["match"]
    return match


def _column_source(i: int, column: Column, *, count_absent: bool) -> list[str]:
    """The statements that narrow `found` by input number i, and count it if it is not there at all."""
    fetch = f" x = inputs.get(name{i})" if column.optional else f" x = inputs[name{i}]"
    if column.kind == "values":
        test = [f" found &= value{i}[x] if x.__class__ is int or x.__class__ is float else None"]
        if all(isinstance(v, str) for v in column.by_value):
            test = [f" found &= value{i}[x]"]
            if column.optional and not count_absent:  # None has an entry of its own
                return [fetch, *test]
    elif column.kind == "boolean":
        test = [f" found &= true{i} if x is True else false{i} if x is False else None"]
    elif column.kind == "number":
        place = f"gap{i}[left(bounds{i}, x) + right(bounds{i}, x)]"
        test = [
            f" if x.__class__ is int: found &= {place}",
            " elif x.__class__ is float:",
            "  if x - x != 0.0: raise ValueError",
            f"  found &= {place}",
            " else: raise TypeError",
        ]
    else:
        test = [
            " if x.__class__ is not str: raise TypeError",
            f" found &= gap{i}[left(bounds{i}, x) + right(bounds{i}, x)]",
        ]
    if not column.optional:
        return [fetch, *test]
    absent = [" if x is None:", f"  found &= missing{i}"]
    if count_absent:
        absent.append(f"  if name{i} not in inputs: absent += 1")
    return [fetch, *absent, " else:", *(f" {line}" for line in test)]
