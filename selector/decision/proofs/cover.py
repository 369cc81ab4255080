"""Whether boxes cover a box: the one hard question behind gaps and hidden rows.

A box is, for each column, a set of classes as bits; `masks[column][class]` are the rows (boxes) that a class lets
through. The sweep over the columns is that of Calvanese et al., "Semantics and analysis of DMN decision tables" (BPM
2016), turned into a search: a column is chosen, its classes are the branches, and the rows still *alive* shrink.
"""

from __future__ import annotations

from functools import reduce
from operator import and_

from selector.decision.proofs.limits import Memory, OutOfSteps, Steps
from selector.decision.proofs.masks import Masks, bits
from selector.decision.proofs.space import Box

_SHARE = 4  # one search may take a quarter of what is left, so that a hard one leaves some for the others
_DEEPEST = 500  # columns chosen one below the other; Python itself goes no deeper than 1,000 calls
_COMPARED_IN_A_STEP = 64  # sets of rows, each with another
_Branch = tuple[int, int]  # the rows left alive, and the classes that leave them


def intersection(one: Box, other: Box) -> Box:
    """What two boxes share."""
    return tuple(a & b for a, b in zip(one, other, strict=True))


def is_empty(box: Box) -> bool:
    """Whether nothing is in a box: a column has no class left."""
    return not all(box)


def meeting(masks: Masks, box: Box) -> int:
    """The rows that match somewhere in the box, as bits."""
    return reduce(and_, (masks.any_of(axis, classes) for axis, classes in enumerate(box)))


def containing(masks: Masks, box: Box) -> int:
    """The rows that match everywhere in the box, as bits."""
    return reduce(and_, (masks.all_of(axis, classes) for axis, classes in enumerate(box)))


def uncovered(masks: Masks, box: Box, rows: int, steps: Steps) -> Box | None:
    """A part of the box where none of the rows matches, or None if they cover it.

    Raises OutOfSteps if it is not known after a share of the steps.
    """
    if is_empty(box):
        return None
    steps.check()
    rows &= meeting(masks, box)
    kept = steps.left - steps.left // _SHARE
    steps.left -= kept
    try:
        with steps.part(1 / _SHARE):
            chosen = _Search(masks, box, steps).find(rows, tuple(range(len(box))))
    finally:
        steps.left += kept
    if chosen is None:
        return None
    return widened(masks, box, tuple(chosen.get(i, held) for i, held in enumerate(box)), rows)


def widened(masks: Masks, limits: Box, box: Box, rows: int) -> Box:
    """A box that none of the rows meets, made as wide as it can be within limits, with few columns that restrict it."""
    kept = _restricting_columns(masks, box, rows)
    wide = [classes if i in kept else limits[i] for i, classes in enumerate(box)]
    for i in kept:
        wide[i] = limits[i]
        near = meeting(masks, tuple(wide)) & rows
        wide[i] = sum(1 << k for k in bits(limits[i]) if not masks[i][k] & near)
    return tuple(wide)


def _restricting_columns(masks: Masks, box: Box, rows: int) -> list[int]:
    """Few columns that together keep every row out of the box: the one that keeps most out comes first."""
    kept_out = [rows & ~masks.any_of(axis, classes) for axis, classes in enumerate(box)]
    chosen: list[int] = []
    while rows:
        best = max(range(len(box)), key=lambda i: (kept_out[i] & rows).bit_count())
        chosen.append(best)
        rows &= ~kept_out[best]
    return chosen


class _Search:
    """Depth first over the columns, with what is known to be covered."""

    def __init__(self, masks: Masks, box: Box, steps: Steps) -> None:
        self.masks, self.box, self.steps = masks, box, steps
        self.columns: dict[int, list[_Branch]] = {}
        self.let_all_through = [masks.all_of(axis, classes) for axis, classes in enumerate(box)]
        self.covered = Memory[None]()

    def column(self, axis: int) -> list[_Branch]:
        """The classes of one column that are in the box, each with the rows it lets through."""
        if axis not in self.columns:
            self.columns[axis] = [(self.masks[axis][k], 1 << k) for k in bits(self.box[axis])]
        return self.columns[axis]

    def find(self, alive: int, open_columns: tuple[int, ...], depth: int = 0) -> dict[int, int] | None:
        """Classes for some of the open columns with which no row is left alive, or None if there are none."""
        if not alive:
            return {}
        if depth > _DEEPEST:
            raise OutOfSteps
        open_columns = tuple(i for i in open_columns if alive & ~self.let_all_through[i])
        state = (alive, open_columns)
        if state in self.covered:
            return None
        column, branches = self.choose(alive, open_columns)
        others = tuple(i for i in open_columns if i != column)
        for left, classes in branches:
            found = self.find(left, others, depth + 1)
            if found is not None:
                found[column] = classes
                return found
        self.covered.keep(state, None)
        return None

    def choose(self, alive: int, open_columns: tuple[int, ...]) -> tuple[int, list[_Branch]]:
        """The column with the fewest branches to look at, and these; no branch means that all is covered."""
        best: tuple[int, list[_Branch]] = (-1, [])
        fewest = (1 << 30, 0)
        for column, covering in zip(open_columns, self.covering(alive, open_columns), strict=True):
            branches = self.branches(column, alive, covering)
            size = (len(branches), sum(left.bit_count() for left, _ in branches))
            if not branches or not branches[0][0]:
                return column, branches[:1]
            if size < fewest:
                best, fewest = (column, branches), size
        return best

    def covering(self, alive: int, open_columns: tuple[int, ...]) -> list[int]:
        """For each open column, the rows alive that let all the other open columns through."""
        found, before, after = [], alive, -1
        for column in open_columns:
            found.append(before)
            before &= self.let_all_through[column]
        for at in range(len(open_columns) - 1, -1, -1):
            found[at] &= after
            after &= self.let_all_through[open_columns[at]]
        return found

    def branches(self, column: int, alive: int, covering: int) -> list[_Branch]:
        """The distinct sets of rows that the classes leave alive, fewest rows first.

        A set with a row that lets all the rest through is covered. A set that holds another is covered if that one is.
        """
        self.steps.take(self.box[column].bit_count())
        distinct: dict[int, int] = {}
        for mask, bit in self.column(column):
            left = mask & alive
            if not left & covering:
                distinct[left] = distinct.get(left, 0) | bit
        least: list[_Branch] = []
        for left in sorted(distinct, key=int.bit_count):
            self.steps.take(len(least) // _COMPARED_IN_A_STEP)
            if all(smaller & ~left for smaller, _ in least):
                least.append((left, distinct[left]))
        return least
