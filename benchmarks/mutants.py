"""How many mistakes in our own tables would be noticed: mutants of rules/*.yaml, and what catches them.

    python benchmarks/mutants.py [N [SEED]]

A mutant drops a row, swaps two, shifts a bound, changes a value of a cell or changes an output. It is caught if it does not
load, if `rules check` finds an error or a warning in it that is not in the original, if an example fails, or a recorded
case. A mutant for which every input gets the same output from the same rows is the original, written in another way: it is
told apart and not counted. Prints the rate by table and by kind of mutation, and every survivor.
"""

from __future__ import annotations

import copy
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import yaml

from selector.decision import DecisionTable, load_table
from selector.decision.cells import Cell, Compare, Interval, Not, OneOf, Scalar, cell_text
from selector.decision.proofs.boundaries import recorded_cases
from selector.decision.proofs.diff import table_changes
from selector.decision.proofs.examples import run_examples
from selector.decision.proofs.verify import verify_table
from selector.errors import SelectorError
from selector.recommend.knowledge import all_tables
from selector.recommend.witnesses import WHOLE

Data = dict[str, Any]


@dataclass(frozen=True)
class Mutant:
    """A table with one mistake: `text` is JSON, which is YAML too."""

    kind: str
    what: str
    text: str


# Mutations ------------------------------------------------------------------------------------------------------------


def mutant(rng: Random, table: DecisionTable, data: Data) -> Mutant | None:
    """A mutant of a table, given also as the data of its file; None if the mutation chosen cannot be made in it."""
    kind = rng.choice(list(MUTATIONS))
    data = copy.deepcopy(data)
    what = MUTATIONS[kind](rng, table, data)
    return None if what is None else Mutant(kind, what, json.dumps(data))


def drop_row(rng: Random, table: DecisionTable, data: Data) -> str | None:
    """A row less."""
    row = rng.randrange(len(table.rules))
    if len(table.rules) == 1:
        return None
    del data["rules"][row]
    return f"without row {table.rules[row].id}"


def swap_rows(rng: Random, table: DecisionTable, data: Data) -> str | None:
    """Two rows in each other's place."""
    if len(table.rules) == 1:
        return None
    one, other = rng.sample(range(len(table.rules)), 2)
    rows = data["rules"]
    rows[one], rows[other] = rows[other], rows[one]
    return f"{table.rules[one].id} and {table.rules[other].id} swapped"


def shift_bound(rng: Random, table: DecisionTable, data: Data) -> str | None:
    """A number in a cell moved, or an end of an interval or of a comparison that is in or out."""
    return _other_cell(rng, table, data, _shifted)


def change_value(rng: Random, table: DecisionTable, data: Data) -> str | None:
    """Another literal in a cell, one less, or the opposite."""
    return _other_cell(rng, table, data, _with_another_value)


def change_output(rng: Random, table: DecisionTable, data: Data) -> str | None:
    """Another value in the outputs of a row."""
    row, column = rng.randrange(len(table.rules)), rng.choice(table.outputs)
    was = table.rules[row].outputs[column.name]
    others = [value for value in column.values or () if value != was]
    if not others:
        return None
    value = data["rules"][row]["then"][column.name] = rng.choice(others)
    return f"{table.rules[row].id} gives {column.name} {value!r}"


MUTATIONS = {
    "drop a row": drop_row,
    "swap two rows": swap_rows,
    "shift a bound": shift_bound,
    "change a value": change_value,
    "change an output": change_output,
}


def _other_cell(rng: Random, table: DecisionTable, data: Data, mutations: Any) -> str | None:
    """One mutation of one cell, each as likely as any other."""
    found = [
        (row, i, cell)
        for row, rule in enumerate(table.rules)
        for i, was in enumerate(rule.cells)
        for cell in mutations(was, table.inputs[i].type, _values(table, i))
    ]
    if not found:
        return None
    row, i, cell = rng.choice(found)
    name, was = table.input_names[i], table.rules[row].cells[i]
    data["rules"][row]["when"][name] = cell_text(cell)
    return f"{table.rules[row].id}: {name} {cell_text(cell)} instead of {cell_text(was)}"


def _values(table: DecisionTable, i: int) -> tuple[Scalar, ...]:
    """What a cell of that input may mention."""
    column = table.inputs[i]
    if column.type == "boolean":
        return (True, False)
    return column.values if isinstance(column.values, tuple) else ()


def _shifted(cell: Cell, kind: str, values: tuple[Scalar, ...]) -> Iterator[Cell]:
    """The cell with one of its bounds elsewhere."""
    flipped: dict[str, Any] = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
    match cell:
        case Compare(operator="=" | "!="):
            return
        case Compare(operator=operator, value=bound):
            yield Compare(flipped[operator], bound)
            yield from (Compare(operator, moved) for moved in _moved(bound))
        case Interval():
            yield replace(cell, low_closed=not cell.low_closed)
            yield replace(cell, high_closed=not cell.high_closed)
            yield from (replace(cell, low=low) for low in _moved(cell.low) if low < cell.high)
            yield from (replace(cell, high=high) for high in _moved(cell.high) if high > cell.low)
        case OneOf(tests=tests):
            yield from _one_changed(tests, kind, values, _shifted)
        case Not(test=test):
            yield from (Not(changed) for changed in _shifted(test, kind, values))


def _moved(bound: Any) -> list[Any]:
    """A number a little and a lot further on; nothing for a string."""
    if isinstance(bound, str):
        return []
    step = 1 if isinstance(bound, int) else 10.0 ** math.floor(math.log10(abs(bound)) - 1) if bound else 0.01
    return [bound - step, bound + step, bound * 2 or 1, bound / 2 if isinstance(bound, float) else bound // 2]


def _with_another_value(cell: Cell, kind: str, values: tuple[Scalar, ...]) -> Iterator[Cell]:
    """The cell with one of its literals replaced or left out, or turned into its opposite."""
    match cell:
        case Compare(operator="=", value=value):
            yield Not(cell)
            if value is None:
                return
            others: Iterable[Any] = values or (_moved(value) if kind == "number" else ())
            yield from (Compare("=", other) for other in others if other != value)
        case OneOf(tests=tests):
            yield from (OneOf((*tests[:i], *tests[i + 1 :])) for i in range(len(tests)) if len(tests) > 1)
            yield from _one_changed(tests, kind, values, _with_another_value)
        case Not(test=test):
            yield test


def _one_changed(tests: tuple[Cell, ...], kind: str, values: tuple[Scalar, ...], mutations: Any) -> Iterator[Cell]:
    for i, test in enumerate(tests):
        for changed in mutations(test, kind, values):
            if changed not in tests:
                yield OneOf((*tests[:i], changed, *tests[i + 1 :]))


# What catches them ----------------------------------------------------------------------------------------------------


class Judge:
    """An original and what is known of it."""

    def __init__(self, table: DecisionTable) -> None:
        self.table = table
        self.data: Data = yaml.safe_load(Path(table.source).read_text("utf-8"))
        self.known = Counter(self.faults(table))
        self.cases = recorded_cases(table, WHOLE)

    def faults(self, table: DecisionTable) -> list[tuple[str, str]]:
        """The errors and warnings of `rules check`."""
        findings = verify_table(table, whole=WHOLE).findings
        return [(finding.kind, finding.message) for finding in findings if finding.severity != "note"]

    def caught_by(self, found: Mutant) -> str:
        """What notices the mutant first; `equivalent` if there is nothing to notice, nothing if it survives."""
        try:
            table = replace(load_table(found.text), source=self.table.source)
        except SelectorError:
            return "load"
        if Counter(self.faults(table)) - self.known:
            return "check"
        if run_examples(table).failures:
            return "examples"
        if any(case.failure(table) for case in self.cases):
            return "cases"
        return "equivalent" if is_equivalent(self.table, table) else ""


def is_equivalent(table: DecisionTable, other: DecisionTable) -> bool:
    """Whether every input gets the same output from the same rows."""
    rows = [
        replace(t, rules=tuple(replace(r, outputs={**r.outputs, "row": r.id}) for r in t.rules)) for t in (table, other)
    ]
    return not any(change.matters for change in table_changes(*rows, whole=WHOLE))


def run(count: int, seed: int) -> tuple[Counter[tuple[str, str, str]], list[str]]:
    """So many mutants, by table, kind and what caught them; and the survivors."""
    rng = Random(seed)
    judges = [Judge(table) for table in all_tables()]
    weights = [len(judge.table.rules) for judge in judges]
    found: Counter[tuple[str, str, str]] = Counter()
    survivors = []
    while found.total() < count:
        judge = rng.choices(judges, weights)[0]
        made = mutant(rng, judge.table, judge.data)
        if made is None:
            continue
        caught = judge.caught_by(made)
        found[judge.table.name, made.kind, caught] += 1
        if not caught:
            survivors.append(f"{judge.table.name}: {made.what}")
    return found, survivors


def rate(found: Counter[tuple[str, str, str]]) -> tuple[int, int]:
    """How many were caught, of how many that are no equivalents."""
    counted = {key: number for key, number in found.items() if key[2] != "equivalent"}
    return sum(number for (*_, caught), number in counted.items() if caught), sum(counted.values())


def main() -> None:
    """Print the rates and the survivors."""
    count, seed = (int(word) for word in [*sys.argv[1:], *("500", "1")[len(sys.argv) - 1 :]])
    found, survivors = run(count, seed)
    for position, title in enumerate(("by table", "by mutation")):
        print(title)
        for name in sorted({key[position] for key in found}):
            part = Counter({key: number for key, number in found.items() if key[position] == name})
            caught, counted = rate(part)
            by = Counter[str]()
            for (*_, reason), number in part.items():
                by[reason or "survived"] += number
            print(f"  {name:18} {caught:4} of {counted:4}  {dict(by.most_common())}")
    caught, counted = rate(found)
    print(f"caught {caught} of {counted} ({caught / counted:.1%}); {count - counted} equivalent mutants not counted")
    for survivor in survivors:
        print(f"survived: {survivor}")


if __name__ == "__main__":
    main()
