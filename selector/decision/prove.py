"""Proves one decision table: gaps, conflicts, rows that never fire, values never used.

All of it is exact. Pairs of rows are compared column by column; whether rows together cover a box is a search
(`cover`), which counts its steps: where they run out, the finding `not_proven` says what is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, islice

from selector.decision.cells import Cell, Not, OneOf, cell_text, kind_of, matches
from selector.decision.cover import (
    OutOfSteps,
    Steps,
    bits,
    containing,
    intersection,
    is_empty,
    meeting,
    uncovered,
    widened,
)
from selector.decision.findings import Finding, Severity, finding_at, where_text
from selector.decision.space import Box, TableSpace, space_of
from selector.decision.table import LIST_POLICIES, ONE_WINS, DecisionTable, Outputs, typed
from selector.text import quoted

_MOST_GAPS = 5  # regions reported for a table
_MOST_WORDS = 8  # of a list in a sentence
_MOST_CONFLICTS = 200  # pairs reported one by one, as all of a table of 20 rows


@dataclass(frozen=True)
class Fate:
    """What becomes of a row: a box where it fires, or why there is none. Neither: the search ended before it knew."""

    fires: Box | None = None
    hidden_by: tuple[int, ...] = ()
    dead_input: int | None = None

    @property
    def never(self) -> bool:
        """Whether the row is known never to fire."""
        return bool(self.hidden_by) or self.dead_input is not None


@dataclass(frozen=True)
class Proof:
    """All that was found out about one table: its findings, and what tables below it ask."""

    space: TableSpace
    fates: tuple[Fate, ...]
    gaps: tuple[Box, ...]
    findings: tuple[Finding, ...]
    proven: bool


def prove(table: DecisionTable, *, whole: frozenset[str], limit: int) -> Proof:
    """The findings about one table and what they rest on."""
    space, steps = space_of(table, whole), Steps(limit)
    winners = _winners(table)
    fates = tuple(_fate(space, row, rivals, steps) for row, rivals in enumerate(winners))
    doubts: list[str] = []
    if unknown := [table.rules[row].id for row, fate in enumerate(fates) if not fate.never and fate.fires is None]:
        doubts.append(f"whether these rows can fire: {_some(unknown)}")
    gaps, more = _gaps(space, steps)
    if more is None:
        doubts.append("that there is no gap" if not gaps else "that there is no other gap")
    findings = [
        *_conflicts(space, steps, doubts),
        *_gap_findings(space, gaps, more=bool(more)),
        *_never_fires(space, fates),
        *_never_matches_value(space),
        *_duplicates(space),
        *_output_never_produced(space, fates, gap_possible=bool(gaps) or more is None),
        *_overlaps(space),
        *_catch_all(space, winners, steps, doubts),
    ]
    if doubts:
        findings.append(_not_proven(space, limit, doubts))
    return Proof(space, fates, gaps, tuple(findings), proven=not doubts)


# Rows -----------------------------------------------------------------------------------------------------------------


def _winners(table: DecisionTable) -> list[int]:
    """For each row, the rows that win where both match, as bits: by the order of rows, under priority by rank first."""
    winners, better = [0] * len(table.rules), 0
    for row in table.winning_order if table.hit_policy in ONE_WINS else ():
        winners[row] = better
        better |= 1 << row
    return winners


def _fate(space: TableSpace, row: int, rivals: int, steps: Steps) -> Fate:
    """Where a row fires, or what keeps it from it: an empty cell, one row, or the fewest that do it together."""
    box = space.boxes[row]
    if is_empty(box):
        return Fate(dead_input=next(i for i, classes in enumerate(box) if not classes))
    if alone := containing(space.masks, box) & rivals:
        return Fate(hidden_by=(next(bits(alone)),))
    rivals &= meeting(space.masks, box)
    try:
        found = uncovered(space.masks, box, rivals, steps)
        if found is not None:
            return Fate(fires=found)
    except OutOfSteps:
        return Fate()
    return Fate(hidden_by=tuple(bits(_all_needed(space, box, rivals, steps))))


def _all_needed(space: TableSpace, box: Box, rows: int, steps: Steps) -> int:
    """Rows that cover the box, without those that are not needed for it (as far as the steps reach)."""
    try:
        for row in bits(rows):
            if uncovered(space.masks, box, rows & ~(1 << row), steps) is None:
                rows &= ~(1 << row)
    except OutOfSteps:
        pass
    return rows


def _never_fires(space: TableSpace, fates: Sequence[Fate]) -> Iterator[Finding]:
    rules, inputs = space.table.rules, space.table.inputs
    for row, fate in enumerate(fates):
        if fate.dead_input is not None:
            name, cell = inputs[fate.dead_input].name, rules[row].cells[fate.dead_input]
            why = f"no value of {name} passes {cell_text(cell)}"
        elif fate.hidden_by:
            ids = _some([rules[i].id for i in fate.hidden_by])
            why = f"hidden by {ids}" if len(fate.hidden_by) == 1 else f"hidden by {ids} together, by none of them alone"
        else:
            continue
        box = space.boxes[row]
        found = finding_at(space, "never_fires", "error", f"{rules[row].id} never fires: {why}", (row, *fate.hidden_by))
        yield found if is_empty(box) else replace(found, witness=space.witness(box), region=space.region(box))


def _never_matches_value(space: TableSpace) -> Iterator[Finding]:
    """Cells, and alternatives in a cell, that no value of the domain passes."""
    for row, rule in enumerate(space.table.rules):
        for axis, cell, classes in zip(space.axes, rule.cells, space.boxes[row], strict=True):
            text = cell_text(cell)
            if not classes:
                message = f"{rule.id}: no value of {axis.name} passes {text}"
                yield finding_at(space, "never_matches_value", "error", message, (row,))
            for part in _alternatives(cell) if isinstance(cell, OneOf | Not) else ():
                if not any(matches(part, place.witness) for place in axis.places):
                    message = f"{rule.id}: in {text}, no value of {axis.name} passes {cell_text(part)}"
                    yield finding_at(space, "never_matches_value", "warning", message, (row,))


def _alternatives(cell: Cell) -> Iterator[Cell]:
    """The single tests that a cell is made of."""
    match cell:
        case OneOf(tests=tests):
            for test in tests:
                yield from _alternatives(test)
        case Not(test=test):
            yield from _alternatives(test)
        case _:
            yield cell


def _duplicates(space: TableSpace) -> Iterator[Finding]:
    """Rows of a table that answers with all of them, which say the same twice."""
    if space.table.hit_policy not in LIST_POLICIES:
        return
    rules, first = space.table.rules, dict[object, int]()
    for row, (rule, box) in enumerate(zip(rules, space.boxes, strict=True)):
        same = first.setdefault((box, tuple(typed(rule.outputs).items())), row)
        if same != row and not is_empty(box):
            message = f"{rule.id} says the same as {rules[same].id}, for the same inputs"
            yield finding_at(space, "duplicate", "warning", message, (same, row), box)


# Pairs of rows --------------------------------------------------------------------------------------------------------


def _meeting_pairs(space: TableSpace, *, other_outputs: bool) -> Iterator[tuple[int, int, Box]]:
    """The pairs of rows that match together somewhere, and where; perhaps only those that say different things."""
    outputs = [typed(rule.outputs) for rule in space.table.rules]
    near = [0 if is_empty(box) else meeting(space.masks, box) for box in space.boxes]
    for one, other in combinations(range(len(space.boxes)), 2):
        if near[one] >> other & 1 and not (other_outputs and outputs[one] == outputs[other]):
            yield one, other, intersection(space.boxes[one], space.boxes[other])


def _conflicts(space: TableSpace, steps: Steps, doubts: list[str]) -> Iterator[Finding]:
    """Pairs of rows for which the hit policy has no answer: a finding for each, beyond a number one for all others."""
    law = {
        "unique": "match together, and only one may",
        "any": "match together with different outputs",
        "priority": "match together with different outputs of the same rank",
    }
    policy, rules = space.table.hit_policy, space.table.rules
    if policy not in law:
        return
    if policy == "priority":
        pairs = _pairs_of_equal_rank(space, steps, doubts)
    else:
        pairs = _meeting_pairs(space, other_outputs=policy == "any")
    for one, other, box in islice(pairs, _MOST_CONFLICTS):
        yield finding_at(
            space, "conflict", "error", f"{rules[one].id} and {rules[other].id} {law[policy]}", (one, other), box
        )
    if others := list(pairs):
        one, other, box = others[0]
        message = f"{len(others):,} more pairs {law[policy]}: {rules[one].id} and {rules[other].id}, ..."
        found = finding_at(space, "conflict", "error", message, (one, other), box)
        yield replace(found, pairs=tuple((rules[one].id, rules[other].id) for one, other, _ in others))


def _pairs_of_equal_rank(space: TableSpace, steps: Steps, doubts: list[str]) -> Iterator[tuple[int, int, Box]]:
    """Under priority: pairs of the same rank with different outputs, where no row of a better rank matches too."""
    ranks = [space.table.rank(rule) for rule in space.table.rules]
    for one, other, box in _meeting_pairs(space, other_outputs=True):
        if ranks[one] != ranks[other]:
            continue
        better = sum(1 << row for row, rank in enumerate(ranks) if rank < ranks[one])
        try:
            where = uncovered(space.masks, box, better, steps)
        except OutOfSteps:
            doubts.append(f"whether {space.table.rules[one].id} and {space.table.rules[other].id} are in conflict")
            continue
        if where is not None:
            yield one, other, where


def _overlaps(space: TableSpace) -> Iterator[Finding]:
    """Under first: the pairs whose order decides, and one place where it does.

    Where the first pair matches no earlier row does: it would differ from one of the two, and be in an earlier pair.
    """
    found = list(_meeting_pairs(space, other_outputs=True)) if space.table.hit_policy == "first" else []
    if not found:
        return
    rules = space.table.rules
    one, other, box = found[0]
    message = (
        f"pairs of rows that match together with different outputs, so that their order decides: {len(found):,}, "
        f"for example {rules[one].id} before {rules[other].id}"
    )
    pairs = tuple((rules[one].id, rules[other].id) for one, other, _ in found)
    yield replace(finding_at(space, "overlap", "note", message, (one, other), box), pairs=pairs)


# What no row decides --------------------------------------------------------------------------------------------------


def _gaps(space: TableSpace, steps: Steps) -> tuple[tuple[Box, ...], bool | None]:
    """Regions that no row matches, simplest first, and whether there are more (None: not known).

    A region that is found counts as a row from then on, so that the next search finds what it leaves.
    """
    found: list[Box] = []
    masks = [list(column) for column in space.masks]
    everyone = rows = (1 << len(space.boxes)) - 1
    more: bool | None = None
    try:
        while (gap := uncovered(masks, space.everything, rows, steps)) is not None and len(found) < _MOST_GAPS:
            gap = widened(space.masks, space.everything, gap, everyone)
            bit = 1 << (len(space.boxes) + len(found))
            for column, classes in zip(masks, gap, strict=True):
                for k in bits(classes):
                    column[k] |= bit
            rows |= bit
            found.append(gap)
        more = gap is not None
    except OutOfSteps:
        pass
    widest = [gap for gap in found if not any(gap != other and intersection(gap, other) == gap for other in found)]
    return tuple(sorted(widest, key=partial(_size, space))), more


def _size(space: TableSpace, box: Box) -> tuple[int, int]:
    """A key by which boxes that few inputs restrict come first, and of these the larger."""
    restricting = sum(classes != every for classes, every in zip(box, space.everything, strict=True))
    return restricting, -math.prod(classes.bit_count() for classes in box)


def _gap_findings(space: TableSpace, gaps: Sequence[Box], *, more: bool) -> Iterator[Finding]:
    """An error where a table of one answer has none; else a note."""
    table = space.table
    severity: Severity = "error"
    answer = "there is no answer"
    if table.default is not None:
        severity, answer = "note", "the default decides, not a row"
    elif table.hit_policy in LIST_POLICIES:
        severity, answer = "note", "the answer is empty"
    for number, gap in enumerate(gaps, start=1):
        others = "; there are more such regions" if more and number == len(gaps) else ""
        message = f"no row matches {where_text(space, gap)}: {answer}{others}"
        yield finding_at(space, "gap", severity, message, (), gap)


def _catch_all(space: TableSpace, winners: Sequence[int], steps: Steps, doubts: list[str]) -> Iterator[Finding]:
    """What only the row that matches everything decides, where that row comes last."""
    table, everyone = space.table, (1 << len(space.boxes)) - 1
    if table.hit_policy in LIST_POLICIES:
        return
    last = max(range(len(space.boxes)), key=lambda row: (winners[row].bit_count(), row))
    if space.boxes[last] != space.everything or is_empty(space.everything):
        return
    try:
        alone = uncovered(space.masks, space.everything, everyone & ~(1 << last), steps)
    except OutOfSteps:
        doubts.append(f"what {table.rules[last].id} alone decides")
        return
    if alone is not None:
        message = f"{table.rules[last].id} matches everything and alone decides {where_text(space, alone)}"
        yield finding_at(space, "catch_all", "note", message, (last,), alone)


def _output_never_produced(space: TableSpace, fates: Sequence[Fate], *, gap_possible: bool) -> Iterator[Finding]:
    """Declared values of an output that neither a row that fires gives nor a default that is reached."""
    rows = [rule.outputs for rule, fate in zip(space.table.rules, fates, strict=True) if not fate.never]
    rows += default_rows(space.table) if gap_possible else []
    for column in space.table.outputs:
        produced = {(kind_of(outputs[column.name]), outputs[column.name]) for outputs in rows}
        for value in column.values or ():
            if (kind_of(value), value) not in produced:
                message = f"output {column.name}: no row gives {quoted(value)}"
                yield finding_at(space, "output_never_produced", "warning", message, ())


def default_rows(table: DecisionTable) -> list[Outputs]:
    """The default as rows of outputs; none for an aggregate."""
    found = table.default if isinstance(table.default, list) else [table.default]
    return [outputs for outputs in found if isinstance(outputs, dict)]


def _some(words: Sequence[str], separator: str = ", ") -> str:
    """A few of the words, and how many more there are."""
    more = [f"and {len(words) - _MOST_WORDS} more"] if len(words) > _MOST_WORDS else []
    return separator.join([*words[:_MOST_WORDS], *more])


def _not_proven(space: TableSpace, limit: int, doubts: Sequence[str]) -> Finding:
    message = f"not proven beyond {limit:,} steps, of {space.cells:,} cells: {_some(doubts, '; ')}"
    return finding_at(space, "not_proven", "warning", message, ())
