"""Cells of a decision table: DMN unary tests (S-FEEL, based on DMN), what they match and how they are written.

A cell is one of five shapes, all immutable. `parser` makes them from text, `cell_text` writes the text back, `matches`
evaluates one. Strings are ordered by code point; a comparison with a missing value (None) is false.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Scalar = bool | int | float | str | None
Operator = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True)
class Anything:
    """`-`: matches every value, also a missing one."""


@dataclass(frozen=True)
class Compare:
    """`= v`, `!= v`, `< v`, ...; a bare literal is `=`. `Compare("=", None)` is the test `null`."""

    operator: Operator
    value: Scalar


@dataclass(frozen=True)
class Interval:
    """`[low..high]`, with either end open or closed."""

    low: int | float | str
    high: int | float | str
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True)
class OneOf:
    """`a, b, c`: matches when any of its tests does."""

    tests: tuple[Cell, ...]


@dataclass(frozen=True)
class Not:
    """`not(a, b)`: matches when its test does not."""

    test: Cell


Cell = Anything | Compare | Interval | OneOf | Not

ANYTHING = Anything()
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class CellError(ValueError):
    """A cell that cannot be read: what is wrong, at which character (from 0), and what to write instead."""

    def __init__(self, problem: str, offset: int, hint: str) -> None:
        super().__init__(f"{problem} (at character {offset + 1}); {hint}")
        self.problem = problem
        self.offset = offset
        self.hint = hint


def matches(cell: Cell, value: Scalar) -> bool:
    """Whether `value` passes the test. Values of another type than the test's pass only `-` and `not(...)`."""
    match cell:
        case Anything():
            return True
        case Compare(operator="=", value=wanted):
            return wanted is None if value is None else _same(value, wanted)
        case Compare(operator="!=", value=None):
            return value is not None
        case Compare(operator="!=", value=wanted):
            return _comparable(value, wanted) and not _same(value, wanted)
        case Compare(operator=order, value=bound):
            return _comparable(value, bound) and _ORDER[order](value, bound)
        case Interval():
            if not _comparable(value, cell.low):
                return False
            above = _ORDER[">=" if cell.low_closed else ">"](value, cell.low)
            return above and _ORDER["<=" if cell.high_closed else "<"](value, cell.high)
        case OneOf(tests=tests):
            return any(matches(test, value) for test in tests)
        case Not(test=test):
            return not matches(test, value)


def kind_of(value: Scalar) -> str:
    """The table type of a value: `boolean` (never a number), `number`, `string` or `null`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def _comparable(value: Scalar, other: Scalar) -> bool:
    return value is not None and other is not None and kind_of(value) == kind_of(other)


def _same(value: Scalar, wanted: Scalar) -> bool:
    return kind_of(value) == kind_of(wanted) and value == wanted


def literals(cell: Cell) -> list[Scalar]:
    """Every literal in a cell, in the order of its text: the places where its answer can change."""
    match cell:
        case Compare(value=value):
            return [value]
        case Interval(low=low, high=high):
            return [low, high]
        case OneOf(tests=tests):
            return [value for test in tests for value in literals(test)]
        case Not(test=test):
            return literals(test)
    return []


def cell_text(cell: Cell) -> str:
    """The text of a cell, such that `parse_cell` makes the same cell of it."""
    match cell:
        case Anything():
            return "-"
        case Compare(operator="=", value=value):
            return literal_text(value)
        case Compare(operator=order, value=value):
            return f"{order} {literal_text(value)}"
        case Interval():
            start, end = "[" if cell.low_closed else "(", "]" if cell.high_closed else ")"
            return f"{start}{literal_text(cell.low)}..{literal_text(cell.high)}{end}"
        case OneOf(tests=tests):
            return ", ".join(f"({cell_text(t)})" if isinstance(t, OneOf) else cell_text(t) for t in tests)
        case Not(test=test):
            return f"not({cell_text(test)})"


def literal_text(value: Scalar) -> str:
    """A literal as a cell has it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
