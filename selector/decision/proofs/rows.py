"""What becomes of each row: where it fires, or what hides it; cells that nothing passes, and rows said twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from selector.decision.cells import Cell, Not, OneOf, cell_text
from selector.decision.proofs.cover import containing, is_empty, meeting, uncovered
from selector.decision.proofs.findings import MOST_WORDS, Finding, few_words, finding_at
from selector.decision.proofs.limits import OutOfSteps, Steps
from selector.decision.proofs.masks import bits
from selector.decision.proofs.space import Box, TableSpace
from selector.decision.table import LIST_POLICIES, ONE_WINS, typed
from selector.text import cut


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


def row_fates(space: TableSpace, steps: Steps) -> tuple[Fate, ...]:
    """What becomes of each row, in the order of the rows."""
    fates, better = dict[int, Fate](), 0  # the rows that win where both match: earlier ones, or those of a better rank
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


def never_fires(space: TableSpace, fates: Sequence[Fate], steps: Steps) -> Iterator[Finding]:
    """Rows that are known never to fire, each with what keeps it from it."""
    rules, inputs = space.table.rules, space.table.inputs
    for row, fate in enumerate(fates):
        if fate.dead_input is not None:
            name, cell = inputs[fate.dead_input].name, rules[row].cells[fate.dead_input]
            why = f"no value of {name} passes {cell_text(cell)}"
        elif fate.hidden_by:
            ids = few_words([rules[i].id for i in fate.hidden_by])
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


def never_matches_value(space: TableSpace) -> Iterator[Finding]:
    """Cells, and alternatives in a cell, that no value of the domain passes."""
    for row, rule in enumerate(space.table.rules):
        for axis, cell, classes in zip(space.axes, rule.cells, space.boxes[row], strict=True):
            if not classes:
                message = f"{rule.id}: no value of {axis.name} passes {cut(cell_text(cell))}"
                yield finding_at(space, "never_matches_value", "error", message, (row,))
            if not isinstance(cell, OneOf | Not):
                continue
            dead = [part for part in _alternatives(cell) if not axis.admits(part)]
            for number, part in enumerate(dead[:MOST_WORDS], start=1):
                more = f", nor {len(dead) - number:,} others of it" if number == MOST_WORDS < len(dead) else ""
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


def duplicates(space: TableSpace, steps: Steps) -> Iterator[Finding]:
    """Rows of a table that answers with all of them, which say the same twice."""
    if space.table.hit_policy not in LIST_POLICIES:
        return
    rules, first = space.table.rules, dict[object, int]()
    for row, (rule, box) in enumerate(zip(rules, space.boxes, strict=True)):
        same = first.setdefault((box, tuple(typed(rule.outputs).items())), row)
        if same != row and not is_empty(box):
            message = f"{rule.id} says the same as {rules[same].id}, for the same inputs"
            yield finding_at(space, "duplicate", "warning", message, (same, row), None if steps.is_over else box)
