"""Pairs of rows that match together: those for which the hit policy has no answer, and those whose order decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from selector.decision.proofs.cover import intersection, is_empty, meeting, uncovered
from selector.decision.proofs.findings import Finding, finding_at
from selector.decision.proofs.limits import OutOfSteps, Steps
from selector.decision.proofs.masks import bits
from selector.decision.proofs.space import Box, TableSpace
from selector.decision.table import typed

_MOST_CONFLICTS = 200  # pairs reported one by one, as all of a table of 20 rows
_MOST_PAIRS = 10_000  # pairs of rows listed with a finding that stands for many


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


def conflicts(space: TableSpace, steps: Steps, doubts: list[str]) -> Iterator[Finding]:
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


def overlaps(space: TableSpace, steps: Steps, doubts: list[str]) -> Iterator[Finding]:
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
