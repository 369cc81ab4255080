"""Proves one decision table: gaps, conflicts, rows that never fire, values never used.

All of it is exact. Pairs of rows are compared column by column; whether rows together cover a box is a search
(`cover`), which counts its steps: where they run out, the finding `not_proven` says what is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from selector.decision.cells import Cell, Not, OneOf, cell_text, kind_of
from selector.decision.proofs.cover import (
    OutOfSteps,
    Steps,
    containing,
    intersection,
    is_empty,
    meeting,
    uncovered,
    widened,
)
from selector.decision.proofs.findings import Finding, Severity, finding_at, where_text
from selector.decision.proofs.masks import Masks, bits
from selector.decision.proofs.space import Box, TableSpace, space_of
from selector.decision.table import LIST_POLICIES, ONE_WINS, DecisionTable, Outputs, typed
from selector.text import count_text, cut, quoted

_MOST_GAPS = 5  # regions reported for a table
_MOST_WORDS = 8  # of a list in a sentence
_MOST_CONFLICTS = 200  # pairs reported one by one, as all of a table of 20 rows
_MOST_PAIRS = 10_000  # pairs of rows listed with a finding that stands for many
_SHARE_OF_ROWS = 0.4  # of the time: what becomes of each row
_SHARE_OF_GAPS = 0.5  # of the time then left; the rest is for pairs of rows


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


def prove(table: DecisionTable, *, whole: frozenset[str], steps: Steps) -> Proof:
    """The findings about one table and what they rest on, as far as the steps reach."""
    space = space_of(table, whole)
    with steps.part(_SHARE_OF_ROWS):
        fates = row_fates(space, steps)
    doubts: list[str] = []
    if unknown := [table.rules[row].id for row, fate in enumerate(fates) if not fate.never and fate.fires is None]:
        doubts.append(f"whether these rows can fire: {_some(unknown)}")
    with steps.part(_SHARE_OF_GAPS):
        gaps, more = _gaps(space, steps)
    if more is None:
        doubts.append("that there is no gap" if not gaps else "that there is no other gap")
    findings = [
        *_conflicts(space, steps, doubts),
        *_gap_findings(space, gaps, more=bool(more)),
        *_never_fires(space, fates, steps),
        *_never_matches_value(space),
        *_duplicates(space, steps),
        *_output_never_produced(space, fates, gap_possible=bool(gaps) or more is None),
        *_overlaps(space, steps, doubts),
        *_catch_all(space, steps, doubts),
    ]
    if doubts:
        findings.append(_not_proven(space, steps, doubts))
    return Proof(space, fates, gaps, tuple(findings), proven=not doubts)


# Rows -----------------------------------------------------------------------------------------------------------------


def row_fates(space: TableSpace, steps: Steps) -> tuple[Fate, ...]:
    """What becomes of each row, in the order of the rows."""
    fates, better = (
        dict[int, Fate](),
        0,
    )  # those that win where both match: earlier rows, under priority those of a better rank
    for row in space.table.winning_order:
        fates[row] = _fate(space, row, better, steps)
        if space.table.hit_policy in ONE_WINS:
            better |= 1 << row
    return tuple(fates[row] for row in range(len(fates)))


def _fate(space: TableSpace, row: int, rivals: int, steps: Steps) -> Fate:
    """Where a row fires, or what keeps it from it: an empty cell, one row, or the fewest that do it together."""
    box = space.boxes[row]
    if is_empty(box):
        return Fate(dead_input=next(i for i, classes in enumerate(box) if not classes))
    if not rivals:
        return Fate(fires=box)
    try:
        steps.check()
        if alone := containing(space.masks, box) & rivals:
            return Fate(hidden_by=(next(bits(alone)),))
        rivals &= meeting(space.masks, box)
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


def _never_fires(space: TableSpace, fates: Sequence[Fate], steps: Steps) -> Iterator[Finding]:
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
        yield (
            found
            if is_empty(box) or steps.is_over
            else replace(found, witness=space.witness(box), region=space.region(box))
        )


def _never_matches_value(space: TableSpace) -> Iterator[Finding]:
    """Cells, and alternatives in a cell, that no value of the domain passes."""
    for row, rule in enumerate(space.table.rules):
        for axis, cell, classes in zip(space.axes, rule.cells, space.boxes[row], strict=True):
            if not classes:
                message = f"{rule.id}: no value of {axis.name} passes {cut(cell_text(cell))}"
                yield finding_at(space, "never_matches_value", "error", message, (row,))
            if not isinstance(cell, OneOf | Not):
                continue
            dead = [part for part in _alternatives(cell) if not axis.admits(part)]
            for number, part in enumerate(dead[:_MOST_WORDS], start=1):
                more = f", nor {len(dead) - number:,} others of it" if number == _MOST_WORDS < len(dead) else ""
                passed = f"no value of {axis.name} passes {cut(cell_text(part))}{more}"
                message = f"{rule.id}: in {cut(cell_text(cell))}, {passed}"
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


def _duplicates(space: TableSpace, steps: Steps) -> Iterator[Finding]:
    """Rows of a table that answers with all of them, which say the same twice."""
    if space.table.hit_policy not in LIST_POLICIES:
        return
    rules, first = space.table.rules, dict[object, int]()
    for row, (rule, box) in enumerate(zip(rules, space.boxes, strict=True)):
        same = first.setdefault((box, tuple(typed(rule.outputs).items())), row)
        if same != row and not is_empty(box):
            message = f"{rule.id} says the same as {rules[same].id}, for the same inputs"
            yield finding_at(space, "duplicate", "warning", message, (same, row), None if steps.is_over else box)


# Pairs of rows --------------------------------------------------------------------------------------------------------


def partners_of(space: TableSpace, steps: Steps, *, other_outputs: bool) -> list[int]:
    """For each row, the later rows that match together with it somewhere, as bits; perhaps only those that say other things."""
    said = [tuple(typed(rule.outputs).items()) for rule in space.table.rules]
    saying: dict[object, int] = {}
    for row, outputs in enumerate(said if other_outputs else ()):
        saying[outputs] = saying.get(outputs, 0) | 1 << row
    found = []
    for row, box in enumerate(space.boxes):
        steps.check()
        near = 0 if is_empty(box) else meeting(space.masks, box) & ~saying.get(said[row], 0)
        found.append(near >> row + 1 << row + 1)
    return found


def _each(partners: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The pairs of rows, in their order."""
    return ((one, other) for one, later in enumerate(partners) for other in bits(later))


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
    try:
        partners = partners_of(space, steps, other_outputs=policy != "unique")
    except OutOfSteps:
        doubts.append("which rows match together")
        return
    if policy == "priority":
        pairs = list(_pairs_of_equal_rank(space, partners, steps, doubts))
        count = len(pairs)
    else:
        shared = ((one, other, intersection(space.boxes[one], space.boxes[other])) for one, other in _each(partners))
        pairs = list(islice(shared, _MOST_PAIRS))
        count = sum(map(int.bit_count, partners))
    told = 0
    for one, other, box in pairs[:_MOST_CONFLICTS]:
        if steps.is_over:
            break
        told += 1
        yield finding_at(
            space, "conflict", "error", f"{rules[one].id} and {rules[other].id} {law[policy]}", (one, other), box
        )
    if others := pairs[told:]:
        one, other, box = others[0]
        more = "more pairs" if told else "pairs of rows"
        message = f"{count - told:,} {more} {law[policy]}: {rules[one].id} and {rules[other].id}, ..."
        found = finding_at(space, "conflict", "error", message, (one, other), box)
        yield replace(found, pairs=tuple((rules[one].id, rules[other].id) for one, other, _ in others))


def _pairs_of_equal_rank(
    space: TableSpace, partners: Sequence[int], steps: Steps, doubts: list[str]
) -> Iterator[tuple[int, int, Box]]:
    """Under priority: pairs of the same rank with different outputs, where no row of a better rank matches too."""
    rules = space.table.rules
    ranks = [space.table.rank(rule) for rule in rules]
    peers = {rank: sum(1 << row for row, other in enumerate(ranks) if other == rank) for rank in set(ranks)}
    better = {rank: sum(rows for other, rows in peers.items() if other < rank) for rank in peers}
    found = unknown = 0
    for one, other in _each(later & peers[ranks[row]] for row, later in enumerate(partners)):
        if _MOST_PAIRS in (found, unknown):
            doubts.append("whether further pairs of rows of one rank are in conflict")
            return
        try:
            box = intersection(space.boxes[one], space.boxes[other])
            where = uncovered(space.masks, box, better[ranks[one]], steps)
        except OutOfSteps:
            unknown += 1
            doubts.append(f"whether {rules[one].id} and {rules[other].id} are in conflict")
            continue
        if where is not None:
            found += 1
            yield one, other, where


def _overlaps(space: TableSpace, steps: Steps, doubts: list[str]) -> Iterator[Finding]:
    """Under first: the pairs whose order decides, and one place where it does.

    Where the first pair matches no earlier row does: it would differ from one of the two, and be in an earlier pair.
    """
    if space.table.hit_policy != "first":
        return
    try:
        partners = partners_of(space, steps, other_outputs=True)
    except OutOfSteps:
        doubts.append("which rows match together")
        return
    listed = list(islice(_each(partners), _MOST_PAIRS))
    if not listed:
        return
    rules = space.table.rules
    one, other = listed[0]
    message = (
        f"pairs of rows that match together with different outputs, so that their order decides: "
        f"{sum(map(int.bit_count, partners)):,}, for example {rules[one].id} before {rules[other].id}"
    )
    pairs = tuple((rules[one].id, rules[other].id) for one, other in listed)
    box = intersection(space.boxes[one], space.boxes[other])
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
        while (gap := uncovered(Masks(masks), space.everything, rows, steps)) is not None and len(found) < _MOST_GAPS:
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


def _catch_all(space: TableSpace, steps: Steps, doubts: list[str]) -> Iterator[Finding]:
    """What only the row that matches everything decides, where that row comes last."""
    table, everyone = space.table, (1 << len(space.boxes)) - 1
    if table.hit_policy in LIST_POLICIES:
        return
    last = table.winning_order[-1] if table.hit_policy in ONE_WINS else len(space.boxes) - 1
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


def _not_proven(space: TableSpace, steps: Steps, doubts: Sequence[str]) -> Finding:
    message = f"not proven {steps.limit}, of {count_text(space.cells)} cells: {_some(doubts, '; ')}"
    return finding_at(space, "not_proven", "warning", message, ())
