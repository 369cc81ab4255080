"""Proves one decision table: gaps, conflicts, rows that never fire, values never used.

All of it is exact. Pairs of rows are compared column by column; whether rows together cover a box is a search
(`cover`), which counts its steps: where they run out, the finding `not_proven` says what is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from selector.decision.cells import kind_of
from selector.decision.proofs.cover import intersection, is_empty, uncovered, widened
from selector.decision.proofs.findings import Finding, Severity, few_words, finding_at, where_text
from selector.decision.proofs.limits import OutOfSteps, Steps
from selector.decision.proofs.masks import Masks, bits
from selector.decision.proofs.pairs import conflicts, overlaps
from selector.decision.proofs.rows import Fate, duplicates, never_fires, never_matches_value, row_fates
from selector.decision.proofs.space import Box, TableSpace, space_of
from selector.decision.table import LIST_POLICIES, ONE_WINS, DecisionTable, Outputs
from selector.text import count_text, quoted

_MOST_GAPS = 5  # regions reported for a table
_SHARE_OF_ROWS = 0.4  # of the time: what becomes of each row
_SHARE_OF_GAPS = 0.5  # of the time then left; the rest is for pairs of rows


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
        doubts.append(f"whether these rows can fire: {few_words(unknown)}")
    with steps.part(_SHARE_OF_GAPS):
        gaps, more = _gaps(space, steps)
    if more is None:
        doubts.append("that there is no gap" if not gaps else "that there is no other gap")
    findings = [
        *conflicts(space, steps, doubts),
        *_gap_findings(space, gaps, more=bool(more)),
        *never_fires(space, fates, steps),
        *never_matches_value(space),
        *duplicates(space, steps),
        *_output_never_produced(space, fates, gap_possible=bool(gaps) or more is None),
        *overlaps(space, steps, doubts),
        *_catch_all(space, steps, doubts),
    ]
    if doubts:
        findings.append(_not_proven(space, steps, doubts))
    return Proof(space, fates, gaps, tuple(findings), proven=not doubts)


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


def _not_proven(space: TableSpace, steps: Steps, doubts: Sequence[str]) -> Finding:
    message = f"not proven {steps.limit}, of {count_text(space.size)} cells: {few_words(doubts, '; ')}"
    return finding_at(space, "not_proven", "warning", message, ())
