"""Random decision tables: all cell forms, all policies, optional inputs, domains. The same seed makes the same table.

`python -m tests.random_tables SEED [INPUTS [ROWS [POLICY]]]` prints one.
"""

from __future__ import annotations

import json
import math
import sys
from random import Random
from typing import Any

from selector.decision import DecisionTable, load_table
from selector.decision.cells import ANYTHING, Cell, Compare, Interval, Not, OneOf, Scalar, cell_text, matches

POLICIES = ("first", "first", "unique", "any", "priority", "rule_order", "output_order", "collect")
NUMBERS = [-2, 0, 0.3, math.nextafter(0.3, 1), 0.5, 1, 1.5, 2, 3, 5, 5.5, 8, 10, 20, 100, 2**53, 2**53 + 1]
STRINGS = ["", "\0", "a", "a\0", "aa", "b", "c", "d"]
LITERALS: dict[str, list[Any]] = {"number": NUMBERS, "string": STRINGS, "boolean": [True, False]}


def random_table(
    rng: Random, inputs: int | None = None, rows: int | None = None, policy: str | None = None
) -> DecisionTable:
    """A table; what is not given is chosen: up to 6 inputs, up to 20 rows."""
    return load_table(random_table_text(rng, inputs, rows, policy))


def random_table_text(
    rng: Random, inputs: int | None = None, rows: int | None = None, policy: str | None = None
) -> str:
    """The table in JSON, which is YAML too: a row is a line."""
    inputs, rows = inputs or rng.randint(1, 6), rows or rng.randint(1, 20)
    policy = policy or rng.choice(POLICIES)
    columns = [_Column(rng, f"in{i}") for i in range(inputs)]
    anything = rng.choice([0.1, 0.3, 0.5, 0.7])  # of the cells
    outputs: dict[str, Any] = {"answer": {"values": list("vwxyz")[: rng.randint(2, 5)]}, "other": {}}
    lines = [
        {
            "when": {column.name: _spec(column.cell()) for column in columns if rng.random() > anything},
            "then": _row(rng, outputs),
        }
        for _ in range(rows)
    ]
    if rng.random() < 0.3:
        lines[-1]["when"] = {}
    default = _row(rng, outputs) if rng.random() < 0.3 else None
    parts = {
        "table": "random",
        "hit_policy": policy,
        "inputs": {column.name: column.spec() for column in columns},
        "outputs": outputs,
        "default": default,
    }
    start = "".join(f"{_json(key)}: {_json(value)},\n" for key, value in parts.items())
    return "{" + start + '"rules": [\n' + ",\n".join(map(_json, lines)) + "]}\n"


def wide_table(rng: Random, inputs: int, rows: int, asked: int, policy: str = "first") -> DecisionTable:
    """A table of numbers, where each row asks about so many inputs, with bounds all over: many cells, wide rows."""
    names = [f"in{i}" for i in range(inputs)]
    lines = []
    for number in range(rows):
        when = {}
        for name in sorted(rng.sample(names, asked)):
            low = rng.randint(0, 99)
            when[name] = rng.choice([f"[{low}..{rng.randint(low + 1, 100)})", f"< {low}", f">= {low}"])
        lines.append(_json({"when": when, "then": {"o": number % 3}}))
    given = _json({name: {"type": "number"} for name in names})
    start = f'{{"table": "wide", "hit_policy": "{policy}", "inputs": {given}, "outputs": {{"o": {{}}}},\n"rules": [\n'
    return load_table(start + ",\n".join(lines) + "]}\n")


class _Column:
    """An input and the cells that fit it."""

    def __init__(self, rng: Random, name: str) -> None:
        self.rng, self.name = rng, name
        self.kind = rng.choice(["number", "number", "string", "boolean"])
        self.optional = rng.random() < 0.4
        self.literals = rng.sample(LITERALS[self.kind], min(len(LITERALS[self.kind]), rng.randint(1, 6)))
        self.domain: list[Scalar] | Cell | None = None
        shape = rng.random()
        if shape < 0.3:
            self.domain = self.literals
        elif shape < 0.6 and self.kind != "boolean":
            test = rng.choice([self.comparison, self.interval])()
            self.domain = test if any(matches(test, value) for value in LITERALS[self.kind]) else None

    def spec(self) -> dict[str, Any]:
        """The input in the file."""
        spec: dict[str, Any] = {"type": self.kind, "optional": self.optional}
        if isinstance(self.domain, list):
            spec["values"] = [_json(value) if isinstance(value, str) else value for value in self.domain]
        elif self.domain is not None:
            spec["values"] = cell_text(self.domain)
        return spec

    def cell(self, depth: int = 2) -> Cell:
        """A cell of any form."""
        forms = [self.equal, self.equal]
        if self.kind != "boolean":
            forms += [self.comparison, self.comparison, self.interval, self.interval]
        if depth:
            forms += [lambda: OneOf((self.cell(depth - 1), self.cell(depth - 1))), lambda: Not(self.cell(depth - 1))]
        return self.rng.choice(forms)()

    def equal(self) -> Cell:
        """A literal, or what it is not."""
        values = [*self.literals, None] if self.optional else self.literals
        return Compare(self.rng.choice(["=", "=", "=", "!="]), self.rng.choice(values))  # type: ignore[arg-type]

    def comparison(self) -> Cell:
        """Below or above a literal."""
        return Compare(self.rng.choice(["<", "<=", ">", ">="]), self.rng.choice(self.literals))  # type: ignore[arg-type]

    def interval(self) -> Cell:
        """Between two literals."""
        low, high = sorted(self.rng.choices(self.literals, k=2))
        return Interval(low, high, *((True, True) if low == high else self.rng.choices([True, False], k=2)))


def _row(rng: Random, outputs: dict[str, Any]) -> dict[str, Scalar]:
    return {"answer": rng.choice(outputs["answer"]["values"]), "other": rng.choice([1, 1, 1, True, "one"])}


def _spec(cell: Cell) -> Any:
    """A cell as a person writes it: native literals and lists where YAML has them, else its text."""
    if isinstance(cell, Compare) and cell.operator == "=" and not isinstance(cell.value, str):
        return cell.value
    if isinstance(cell, OneOf) and cell.tests[0] != ANYTHING:
        return [_spec(test) for test in cell.tests]
    return cell_text(cell)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


if __name__ == "__main__":
    seed, *rest = sys.argv[1:]
    sizes = [int(word) for word in rest[:2]] + [None, None]
    sys.stdout.write(random_table_text(Random(int(seed)), sizes[0], sizes[1], rest[2] if len(rest) > 2 else None))
