"""What changed between two tables: the regions of input that they answer differently, exactly, each with a witness.

`regions` finds where the answers differ; what is said here about columns, policy and rows explains them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from selector.decision.cells import ANYTHING, Scalar
from selector.decision.proofs.alignment import frozen, rows_that_stayed
from selector.decision.proofs.findings import where_text
from selector.decision.proofs.limits import Steps
from selector.decision.proofs.regions import RegionSearch
from selector.decision.table import DecisionTable
from selector.errors import SelectorError
from selector.text import count_text, printable, quoted

LIMIT_STEPS = 1_000_000  # that comparing may take: about 2 seconds

Kind = Literal["answer", "table", "input", "output", "policy", "row", "not_proven"]


@dataclass(frozen=True)
class TableAnswer:
    """What a table says: its output and the rows that made it, or why it refuses to answer."""

    output: Any
    rules: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class TableChange:
    """Something in which the new table differs from the old one.

    Of kind `answer`: everywhere in `region` (input to cell text, only inputs that matter) the output is another one, for
    example for the inputs `given`; `size` counts the smallest regions in it. The others are about the table, and
    `message` says it.
    """

    kind: Kind
    message: str
    region: dict[str, str] = field(default_factory=dict)
    size: int = 0
    given: dict[str, Scalar] | None = None
    old: TableAnswer | None = None
    new: TableAnswer | None = None

    @property
    def matters(self) -> bool:
        """Whether somebody who asks the table can notice."""
        return self.kind in ("answer", "table", "input", "not_proven")


TABLE_NEW = TableChange("table", "a new table")
TABLE_GONE = TableChange("table", "there is no such table any more")


def table_changes(
    old: DecisionTable, new: DecisionTable, *, whole: frozenset[str] = frozenset(), limit: int = LIMIT_STEPS,
    seconds: float | None = None,
) -> tuple[TableChange, ...]:  # fmt: skip
    """Every difference: inputs, outputs, policy, regions with another answer (largest first), rows.

    Inputs named in `whole` are counts, which take no fractions. An input that only one table has is one that the other
    ignores; compared is what both accept. `limit` is the number of steps that the search may take; `seconds`, where
    given, ends it instead.
    """
    steps = Steps.of(limit, seconds)
    found = [*_column_changes(old, new), *_policy_changes(old, new)]
    if other_types := _other_types(old, new):
        names = ", ".join(other_types)
        found.append(_told("not_proven", f"the answers cannot be compared: {names} changed its type"))
    else:
        found += _answer_changes(old, new, whole, steps)
    return (*found, *_row_changes(old, new))


def answer_of(table: DecisionTable, given: Mapping[str, Scalar]) -> TableAnswer:
    """What a table says to those of the inputs that it has."""
    try:
        decision = table.decide(table.inputs_among(given))
    except SelectorError as error:
        return TableAnswer(None, error=error.message)
    return TableAnswer(decision.output, tuple(decision.matched))


def _answer_changes(
    old: DecisionTable, new: DecisionTable, whole: frozenset[str], steps: Steps
) -> Iterator[TableChange]:
    """The regions where the answers differ, largest first; and whether the search ended before it knew all."""
    search = RegionSearch(old, new, whole, steps)
    boxes, told = search.boxes(), 0
    for box in boxes:
        if steps.is_over:
            break
        told += 1
        given = search.space.witness(box)
        where, region = where_text(search.space, box), search.space.region(box)
        yield TableChange(
            "answer", where, region, search.size(box), given, answer_of(old, given), answer_of(new, given)
        )
    if told < len(boxes):
        more = "at least " if not search.complete else ""
        left_out = f"{more}{len(boxes) - told:,} regions with other answers"
        yield _told("not_proven", f"not listed {steps.limit}: {left_out}")
    if not search.complete:
        yield _told("not_proven", f"not compared {steps.limit}, of {count_text(search.space.size)} cells")


# What is said about the tables themselves -----------------------------------------------------------------------------


def _told(kind: Kind, message: str) -> TableChange:
    return TableChange(kind, printable(message).replace("\n", "\\n"))


def _column_changes(old: DecisionTable, new: DecisionTable) -> Iterator[TableChange]:
    """Inputs and outputs that came, went, or take something else."""
    sides: tuple[tuple[Kind, Any, Any], ...] = (("input", old.inputs, new.inputs), ("output", old.outputs, new.outputs))
    for kind, *columns in sides:
        before, after = ({column.name: column for column in some} for some in columns)
        for name in dict.fromkeys([*before, *after]):
            if name not in after:
                yield _told(kind, f"{kind} {name} is gone")
            elif name not in before:
                yield _told(kind, f"{kind} {name} is new")
            elif before[name] != after[name]:
                yield _told(kind, f"{kind} {name} takes other values")


def _policy_changes(old: DecisionTable, new: DecisionTable) -> Iterator[TableChange]:
    before, after = ((table.hit_policy, table.aggregate) for table in (old, new))
    if before != after:
        words = [" ".join(filter(None, policy)) for policy in (before, after)]
        yield _told("policy", f"the hit policy was {words[0]} and is {words[1]}")
    if frozen(old.default) != frozen(new.default):
        yield _told("policy", f"the default was {quoted(old.default)} and is {quoted(new.default)}")


def _row_changes(old: DecisionTable, new: DecisionTable) -> Iterator[TableChange]:
    """Rows that were added, removed, renamed, moved or changed."""
    before, after = _row_texts(old), _row_texts(new)
    stayed = rows_that_stayed(before, after)
    for row, place in stayed.items():
        one, other = old.rules[row], new.rules[place]
        if one.id != other.id:
            yield _told("row", f"row {one.id} is renamed {other.id}")
    places = set(stayed.values())
    gone = {rule.id: row for row, rule in enumerate(old.rules) if row not in stayed}
    come = {rule.id: row for row, rule in enumerate(new.rules) if row not in places}
    for name, row in gone.items():
        if name not in come:
            yield _told("row", f"row {name} is gone")
        else:
            yield _told("row", f"row {name} is {'moved' if before[row] == after[come[name]] else 'changed'}")
    yield from (_told("row", f"row {name} is new") for name in come if name not in gone)


def _row_texts(table: DecisionTable) -> list[Any]:
    """What each row says, in a form that does not depend on the order of columns."""
    return [
        (frozenset((n, c) for n, c in zip(table.input_names, rule.cells, strict=True) if c != ANYTHING), frozen(rule.outputs))
        for rule in table.rules
    ]  # fmt: skip


def _other_types(old: DecisionTable, new: DecisionTable) -> list[str]:
    types = {column.name: column.type for column in old.inputs}
    return [column.name for column in new.inputs if types.get(column.name, column.type) != column.type]
