"""Random tables for hypothesis, inputs at every bound, and a naive interpreter: row by row, straight from the definitions."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from selector.decision.cells import (
    ANYTHING,
    Cell,
    Compare,
    Interval,
    Not,
    OneOf,
    Scalar,
    cell_text,
    kind_of,
    literals,
    matches,
)

BIG = 10**20
NUMBERS = (
    st.integers(-4, 4)
    | st.sampled_from([0.1, 0.2, 0.1 + 0.2, 0.3, 0.5, 1.0, 1.5, -0.0, -2.5, 5e-324, 1e-323, 1.7e308, -1.7e308])
    | st.sampled_from([math.nextafter(1, 0), math.nextafter(1, 2), math.nextafter(0.3, 1), -5e-324, 2.2250738585072014e-308])
    | st.sampled_from([BIG, BIG + 5, BIG + 10, float(BIG), -BIG, 2**53, 2**53 + 1, 2.0**53, 2**53 + 2, 10**299, 1e299])
)  # fmt: skip
STRINGS = st.text("ab\0z\u00e9\ufffd\U0001f600 ", max_size=3)  # nothing in it that is a test in itself
KINDS: dict[str, st.SearchStrategy[Any]] = {"number": NUMBERS, "string": STRINGS, "boolean": st.booleans()}


# --- random tables ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """An input as the test means it: what is written into the table and what the interpreter goes by."""

    name: str
    kind: str
    domain: tuple[Scalar, ...] | Cell | None
    optional: bool


@dataclass(frozen=True)
class Spec:
    """A table as the test means it."""

    policy: str
    aggregate: str | None
    inputs: tuple[Column, ...]
    orders: dict[str, list[Scalar] | None]  # of each output: its values in order
    rows: list[tuple[list[Cell], dict[str, Scalar]]]
    default: Any

    def text(self) -> str:
        """The table in JSON, which is YAML too."""
        table: dict[str, Any] = {"table": "random", "hit_policy": self.policy, "aggregate": self.aggregate}
        table["inputs"] = {column.name: column_spec(column) for column in self.inputs}
        table["outputs"] = {name: {} if values is None else {"values": values} for name, values in self.orders.items()}
        table["rules"] = [
            {
                "when": {
                    c.name: cell_spec(cell) for c, cell in zip(self.inputs, cells, strict=True) if cell != ANYTHING
                },
                "then": outputs,
            }
            for cells, outputs in self.rows
        ]
        table["default"] = self.default
        return json.dumps(table, ensure_ascii=False)


def column_spec(column: Column) -> dict[str, Any]:
    spec: dict[str, Any] = {"type": column.kind, "optional": column.optional}
    if isinstance(column.domain, tuple):
        spec["values"] = [json.dumps(v, ensure_ascii=False) if isinstance(v, str) else v for v in column.domain]
    elif column.domain is not None:
        spec["values"] = cell_text(column.domain)
    return spec


def cell_spec(cell: Cell) -> Any:
    """A cell as a person writes it: native numbers, booleans, null and lists where YAML has them, else its text."""
    if isinstance(cell, Compare) and cell.operator == "=" and not isinstance(cell.value, str):
        return cell.value
    if isinstance(cell, OneOf) and len(cell.tests) % 2:
        return [cell_spec(test) for test in cell.tests]
    return cell_text(cell)


@st.composite
def domains(draw: st.DrawFn, kind: str) -> tuple[Scalar, ...] | Cell | None:
    which = draw(st.sampled_from(["none", "none", "list", "test"]))
    if which == "list":
        return tuple(draw(st.lists(KINDS[kind], min_size=1, max_size=4, unique=True)))
    return draw(cells(kind, None, optional=False)) if which == "test" else None


@st.composite
def cells(draw: st.DrawFn, kind: str, domain: tuple[Scalar, ...] | None, optional: bool, depth: int = 2) -> Cell:
    """Any form of a cell whose literals fit the input; values of a comparison by order need not be in its domain."""
    forms = ["equal", "equal", "unlike"] + ["order", "interval"] * (kind != "boolean") + ["list", "not"] * (depth > 0)
    form = draw(st.sampled_from(forms))
    values = KINDS[kind] if domain is None else st.sampled_from(domain)
    if form == "interval":
        low, high = sorted([draw(KINDS[kind]), draw(KINDS[kind])])
        ends = (True, True) if low == high else (draw(st.booleans()), draw(st.booleans()))
        return Interval(low, high, *ends)
    if form == "order":
        return Compare(draw(st.sampled_from(["<", "<=", ">", ">="])), draw(KINDS[kind]))
    if form in ("equal", "unlike"):
        value = draw(st.none() | values if optional else values)
        return Compare("=" if form == "equal" else "!=", value)
    inner = cells(kind, domain, optional, depth - 1)
    return Not(draw(inner)) if form == "not" else OneOf(tuple(draw(st.lists(inner, min_size=2, max_size=3))))


@st.composite
def columns(draw: st.DrawFn, name: str) -> Column:
    kind = draw(st.sampled_from(["number", "number", "string", "boolean"]))
    return Column(name, kind, draw(domains(kind)), draw(st.booleans()))


@st.composite
def tables(draw: st.DrawFn, policies: tuple[str, ...]) -> Spec:
    policy, _, aggregate = draw(st.sampled_from(policies)).partition(" ")
    inputs = tuple(draw(columns(f"in{i}")) for i in range(draw(st.integers(1, 5))))
    if aggregate in ("sum", "min", "max"):
        orders: dict[str, list[Scalar] | None] = {"o": None}
    else:
        orders = {
            "o": draw(st.sampled_from([["x", "y", "z"], ["z", "x", "y"]])),
            "p": draw(st.sampled_from([None, [2, 1]])),
        }
    row = {
        name: st.sampled_from(values) if values else (st.integers(1, 2) if name == "p" else NUMBERS.filter(moderate))
        for name, values in orders.items()
    }
    rows = []
    for _ in range(draw(st.integers(1, 12))):
        line = [
            draw(st.just(ANYTHING) | cells(c.kind, c.domain if isinstance(c.domain, tuple) else None, c.optional))
            for c in inputs
        ]
        rows.append((line, draw(st.fixed_dictionaries(row))))
    default = None
    if draw(st.booleans()):
        default = 7 if aggregate else draw(st.fixed_dictionaries(row))
    return Spec(policy, aggregate or None, inputs, orders, rows, default)


def moderate(value: float) -> bool:
    return abs(value) < 1e300


def neighbours(value: Scalar) -> list[Scalar]:
    """A bound itself, what lies just below and just above it, and its twin of the other type."""
    if value is None or isinstance(value, bool):
        return [value]
    if isinstance(value, str):
        return [value, f"{value}\0", value[:-1], f"{value[:-1]}\uffff", f"{value}a"]
    near: list[Scalar] = [value, math.nextafter(value, -math.inf), math.nextafter(value, math.inf), float(value)]
    return near + [int(value) + step for step in (-1, 0, 1, 5)]


@st.composite
def inputs_of(draw: st.DrawFn, spec: Spec) -> dict[str, Any]:
    """Inputs at and around everything the table mentions; a missing one is absent or null."""
    given_: dict[str, Any] = {}
    for position, column in enumerate(spec.inputs):
        mentioned = [value for line, _ in spec.rows for value in literals(line[position])]
        if isinstance(column.domain, tuple):
            choices: list[Scalar] = list(column.domain) * 3
        else:
            mentioned += literals(column.domain) if column.domain is not None else []
            choices = [near for value in mentioned for near in neighbours(value) if near is not None]
        value = draw(st.sampled_from(choices) | KINDS[column.kind] if choices else KINDS[column.kind])
        if isinstance(value, float) and not math.isfinite(value):
            value = 0.0
        if column.optional:
            value = draw(st.sampled_from([value, value, None, "absent"]))
        if not (column.optional and value == "absent"):
            given_[column.name] = value
    return given_


# --- the interpreter --------------------------------------------------------------------------------------------------


class Refused(Exception):  # noqa: N818
    """The definitions give no answer here."""


def interpret(spec: Spec, given_: dict[str, Any]) -> tuple[Any, list[str], set[str]]:
    """Output, the rules it comes from and all rules that match: row by row, straight from the definitions."""
    for column in spec.inputs:
        value = given_.get(column.name)
        if value is None:
            accepted = column.optional
        elif isinstance(column.domain, tuple):
            accepted = any(matches(Compare("=", one), value) for one in column.domain)
        else:
            accepted = kind_of(value) == column.kind and (column.domain is None or matches(column.domain, value))
        if not accepted:
            raise Refused
    hits = [
        number
        for number, (line, _) in enumerate(spec.rows, start=1)
        if all(matches(cell, given_.get(column.name)) for cell, column in zip(line, spec.inputs, strict=True))
    ]
    outputs = {number: spec.rows[number - 1][1] for number in hits}
    if not hits:
        return spec.default, [], set()
    used = choose(spec, hits, outputs)
    names = [f"rule-{number}" for number in used]
    return result(spec, [outputs[number] for number in used]), names, {f"rule-{number}" for number in hits}


def choose(spec: Spec, hits: list[int], outputs: dict[int, dict[str, Scalar]]) -> list[int]:
    """The rules whose outputs are used, in their order."""

    def rank(number: int) -> list[int]:
        return [values.index(outputs[number][name]) for name, values in spec.orders.items() if values is not None]

    if spec.policy == "first":
        return hits[:1]
    if spec.policy == "unique" and len(hits) > 1:
        raise Refused
    if spec.policy == "any" and any(outputs[number] != outputs[hits[0]] for number in hits):
        raise Refused
    if spec.policy in ("priority", "output_order"):
        hits = sorted(hits, key=rank)
    return hits[:1] if spec.policy == "priority" else hits


def result(spec: Spec, rows: list[dict[str, Scalar]]) -> Any:
    if spec.aggregate == "count":
        return len(rows)
    if spec.aggregate:
        values: list[Any] = [row["o"] for row in rows]
        if spec.aggregate == "sum":
            total = sum(map(Fraction, values))
            return int(total) if all(isinstance(value, int) for value in values) else float(total)
        ordered = sorted(values)
        return ordered[0] if spec.aggregate == "min" else ordered[-1]
    return rows if spec.policy in ("rule_order", "output_order", "collect") else rows[0]
