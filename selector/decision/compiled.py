"""The fast form of a table: for each input, which rules a value lets through, as bits of an integer.

A column is compiled to a lookup over its *elementary cells*: the values its tests mention and the gaps between
them. Rule i matches when bit i survives the AND over all columns. Values outside the domain have no entry, so that
the lookup itself is the validation; whatever it cannot place raises, and the table then says exactly what is wrong.

The matcher of a table is one generated function without loops. Its source holds nothing but numbered names: every
name, literal and text of the table stays data in the namespace, so no table can put code into it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from selector.decision.cells import Cell, Scalar, literals, matches

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


def compile_column(column: Input, cells: Sequence[Cell], everything: int) -> Column:
    """The lookup for one input, given the cells of all rules in it; `everything` has a bit for each rule."""

    def passing(value: Scalar) -> int:
        """The rules whose cell lets the value through."""
        return sum(1 << i for i, cell in enumerate(cells) if matches(cell, value)) & everything

    missing = passing(None)
    if column.type == "boolean":
        allowed = [value for value in (True, False) if column.problem(value) is None]
        return Column("boolean", column.optional, missing, {v: passing(v) for v in allowed}, [], [])
    if isinstance(column.values, tuple):
        return Column("values", column.optional, missing, {v: passing(v) for v in column.values}, [], [])
    mentioned: list[Any] = [value for cell in cells for value in literals(cell) if value is not None]
    domain = column.values
    if domain is not None:
        mentioned += [value for value in literals(domain) if value is not None]
    bounds = sorted(set(mentioned))
    by_gap = [
        passing(value) if domain is None or matches(domain, value) else None
        for value in _one_from_each_place(bounds, column.type)
    ]
    return Column(column.type, column.optional, missing, {}, list(bounds), by_gap)


def _one_from_each_place(bounds: list[Any], kind: str) -> list[Any]:
    """A value below the first bound, the bound, one between it and the next, ..., one above the last.

    Where nothing lies between two bounds the value does not matter: no input can be there.
    """
    if not bounds:
        return ["" if kind == "string" else 0]
    between = (lambda low, _: f"{low}\0") if kind == "string" else _number_between
    places: list[Any] = ["" if kind == "string" else -math.inf]
    for low, high in pairwise(bounds):
        places += [low, between(low, high)]
    return [*places, bounds[-1], f"{bounds[-1]}\0" if kind == "string" else math.inf]


def _number_between(low: float, high: float) -> float:
    """A whole number between the two if there is one (exact also where floats are sparse), else their middle."""
    whole = (int(low) + int(high)) // 2
    return whole if low < whole < high else low / 2 + high / 2


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
