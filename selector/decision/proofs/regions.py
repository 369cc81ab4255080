"""Where two tables answer differently: the search behind `diff`, exact as far as its steps reach.

The rows of both are laid over one space. A search goes through it column by column with the rows of either table that
are still *alive*, and stops wherever the answers are the same or different whatever the other columns hold. Regions of
neighbouring branches are joined on the way back, so that few are left, none of which overlap.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import and_
from typing import Any

from selector.decision.cells import ANYTHING, Cell, Not, OneOf
from selector.decision.proofs.alignment import frozen, rows_that_stayed
from selector.decision.proofs.limits import MOST_WORDS, Memory, OutOfSteps, Steps
from selector.decision.proofs.masks import bits
from selector.decision.proofs.space import Box, TableSpace, space_of
from selector.decision.table import LIST_POLICIES, ONE_WINS, DecisionTable, Input, Output, Rule
from selector.errors import SelectorError

_STEPS_A_REGION = 30  # that is found: so many more must be told at the end
_MOST_REGIONS = 200_000  # that are found on the way, those of each step counted: 200 MB
_DEEPEST = 350  # columns chosen one below the other, two calls each; Python itself goes no deeper than 1,000
_SHARE_OF_SEARCH = 0.6  # of the time: finding the regions; the rest is for telling them
_REFUSED = ("refused",)  # the answer where a hit policy has none: UNIQUE or ANY is violated

_Region = tuple[tuple[int, int], ...]  # classes, as bits, for each column that matters; ascending


# One space for both ---------------------------------------------------------------------------------------------------


def _joint_space(old: DecisionTable, new: DecisionTable, whole: frozenset[str]) -> TableSpace:
    """The space of what both tables accept, with the rows of the old table and then those of the new one."""
    columns = {column.name: column for column in old.inputs}
    columns |= {c.name: _both_accept(columns[c.name], c) if c.name in columns else c for c in new.inputs}
    rules = tuple(
        Rule(rule.id, tuple(cells.get(name, ANYTHING) for name in columns), {}, line=rule.line)
        for table in (old, new)
        for rule in table.rules
        for cells in (dict(zip(table.input_names, rule.cells, strict=True)),)
    )
    return space_of(DecisionTable(new.name, "collect", tuple(columns.values()), (), rules, source=new.source), whole)


def _both_accept(one: Input, other: Input) -> Input:
    """The input with the values that both columns take."""
    values = one.values if other.values is None else other.values
    if isinstance(one.values, tuple):
        accepted = [v for v in one.values if other.problem(v) is None]
        values = tuple(accepted)
    elif isinstance(other.values, tuple):
        values = tuple(v for v in other.values if one.problem(v) is None)
    elif isinstance(one.values, Cell) and isinstance(other.values, Cell) and one.values != other.values:
        values = Not(OneOf((Not(one.values), Not(other.values))))  # both: cells have no "and"
    return Input(one.name, one.type, values, one.optional and other.optional)


# What one table can still answer --------------------------------------------------------------------------------------


def _places(order: Sequence[int]) -> list[int]:
    """The place of each row in an order of them."""
    places = [0] * len(order)
    for place, row in enumerate(order):
        places[row] = place
    return places


class _Side:
    """One of the two tables: `shift` is the number of its first row among the bits.

    `unordered` says that the order of a list of outputs means nothing.
    """

    def __init__(self, table: DecisionTable, shift: int, *, unordered: bool) -> None:
        self.table, self.shift, self.unordered = table, shift, unordered
        self.in_order = table.hit_policy in ONE_WINS
        self.order = table.winning_order
        self.all_rows = (1 << len(self.order)) - 1
        self.sorted_by = None if self.order == tuple(range(len(self.order))) else _places(self.order)
        self.outputs = [frozen(rule.outputs) for rule in table.rules]
        self.nothing = self._told(table.default)
        self.lists = table.hit_policy in LIST_POLICIES and table.aggregate is None

    def rows(self, alive: int) -> list[int]:
        """Its rows among those alive, as numbers of their own, in the order in which they win."""
        mine = alive >> self.shift & self.all_rows
        if self.sorted_by is None:
            return list(bits(mine))
        return sorted(bits(mine), key=self.sorted_by.__getitem__)

    def trimmed(self, alive: int, certain: int) -> int:
        """The rows alive without those that a row which surely matches hides."""
        if not self.in_order:
            return alive
        hidden = 0
        found = False
        for row in self.rows(alive):
            bit = 1 << (self.shift + row)
            hidden |= bit if found else 0
            found = found or bool(certain & bit)
        return alive & ~hidden

    def answers(self, alive: int, certain: int) -> set[Any] | None:
        """All that it may answer if some of the rows alive match, and surely those that are certain; None: too many."""
        rows = self.rows(alive)
        sure = [row for row in rows if certain >> (self.shift + row) & 1]
        if self.in_order:
            return {self.outputs[row] for row in rows} | (set() if sure else {self.nothing})
        if len(sure) == len(rows):
            return {self._decided(rows)}
        if self.table.hit_policy not in ("unique", "any"):
            return None
        clash = {self.outputs[row] for row in (sure if self.table.hit_policy == "any" else ())}
        if len(clash) > 1 or (self.table.hit_policy == "unique" and len(sure) > 1):
            return {_REFUSED}
        if sure:
            return {self.outputs[sure[0]], _REFUSED}
        return {*(self.outputs[row] for row in rows), self.nothing, _REFUSED}

    def _decided(self, rows: list[int]) -> Any:
        """The answer if just these rows match, as the table itself has it."""
        try:
            output, _ = self.table.apply_policy([self.table.rules[row] for row in rows], {})
        except SelectorError:
            return _REFUSED
        return self._told(output)

    def _told(self, output: Output) -> Any:
        """An output to compare."""
        if isinstance(output, list) and self.unordered:
            return ("list", *sorted(map(frozen, output), key=repr))
        return frozen(output)


# The search -----------------------------------------------------------------------------------------------------------


class RegionSearch:
    """Two tables over one space, and where they differ."""

    def __init__(self, old: DecisionTable, new: DecisionTable, whole: frozenset[str], steps: Steps) -> None:
        self.unordered = "collect" in (old.hit_policy, new.hit_policy)  # which promises none
        self.old = _Side(old, 0, unordered=self.unordered)
        self.new = _Side(new, len(old.rules), unordered=self.unordered)
        self.sides = (self.old, self.new)
        self.space = _joint_space(old, new, whole)
        self.outputs = [*self.old.outputs, *self.new.outputs]
        self.let_all_through = [reduce(and_, column, -1) for column in self.space.masks]
        self.steps, self.complete = steps, True
        self.regions = 0
        self.same_policy = (old.hit_policy, old.aggregate, old.outputs) == (new.hit_policy, new.aggregate, new.outputs)
        self.keys_by_columns: dict[tuple[int, ...], list[int]] = {}
        self.known = Memory[tuple[_Region, ...]]()
        self.odd = self._odd_rows()

    def boxes(self) -> list[Box]:
        """Boxes where the answers differ, none of which overlap, largest first; all of them if `complete` is left True."""
        everything = self.space.everything
        alive = sum(1 << row for row, box in enumerate(self.space.boxes) if all(box))
        with self.steps.part(_SHARE_OF_SEARCH):
            found = self.differing(alive, tuple(range(len(everything)))) if all(everything) else ()
        boxes = _joined(
            {tuple(dict(region).get(i, held) for i, held in enumerate(everything)) for region in found}, self.steps
        )
        return sorted(boxes, key=lambda box: (-self.size(box), box))

    def size(self, box: Box) -> int:
        """How many of the smallest regions are in a box."""
        return math.prod(
            sum(len(axis.classes[i].places) for i in bits(classes))
            for axis, classes in zip(self.space.axes, box, strict=True)
        )

    def differing(self, alive: int, columns: tuple[int, ...], depth: int = 0) -> tuple[_Region, ...]:
        """Where, within the open columns, the answers differ."""
        if depth > _DEEPEST:
            self.complete = False
            return ()
        alive, certain, columns = self.reduced(alive, columns)
        state = (alive, columns)
        if state in self.known:
            return self.known[state]
        differ = self.verdict(alive, certain, columns)
        found = self.split(alive, certain, columns, depth) if differ is None else ((),) if differ else ()
        if self.complete:
            self.known.keep(state, found, len(found))
        return found

    def reduced(self, alive: int, columns: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
        """Rows that can still matter, those of them that surely match, and the columns that can still tell."""
        while True:
            columns = tuple(i for i in columns if alive & ~self.let_all_through[i])
            certain = reduce(and_, (self.let_all_through[i] for i in columns), alive)
            kept = self.new.trimmed(self.old.trimmed(alive, certain), certain)
            if kept == alive:
                return alive, certain, columns
            alive = kept

    def split(self, alive: int, certain: int, columns: tuple[int, ...], depth: int) -> tuple[_Region, ...]:
        """Where the answers differ for each class of one column, joined where the rest is the same."""
        column = self.chosen_column(alive, certain, columns)
        others = tuple(i for i in columns if i != column)
        joined: dict[_Region, int] = {}
        branches: dict[int, int] = {}
        for k, mask in enumerate(self.space.masks[column]):
            branches[mask & alive] = branches.get(mask & alive, 0) | 1 << k
        for left, classes in branches.items():
            if not self.may_go_on(len(branches) + alive.bit_count()):
                break
            for region in self.differing(left, others, depth + 1):
                joined[region] = joined.get(region, 0) | classes
        self.regions += len(joined)
        self.may_go_on(_STEPS_A_REGION * len(joined))
        every = self.space.everything[column]
        return tuple(
            rest if classes == every else tuple(sorted((*rest, (column, classes)))) for rest, classes in joined.items()
        )

    def may_go_on(self, steps: int) -> bool:
        """Whether there are steps left; spends them."""
        try:
            self.steps.take(steps)
        except OutOfSteps:
            self.complete = False
        if self.regions > _MOST_REGIONS:
            self.complete = False
        return self.complete

    def chosen_column(self, alive: int, certain: int, columns: tuple[int, ...]) -> int:
        """The column that keeps out most of one row that is not certain: one in which the tables differ, if any."""
        open_rows = alive & ~certain
        focus = next(bits(open_rows & self.odd or open_rows))
        box, axes = self.space.boxes[focus], self.space.axes
        asked = (i for i in columns if box[i] != axes[i].all_classes)
        return min(asked, key=lambda i: box[i].bit_count() / len(axes[i].classes))

    def verdict(self, alive: int, certain: int, columns: tuple[int, ...]) -> bool | None:
        """Whether the answers differ, whatever the open columns hold; None if that depends on them."""
        before, after = (side.answers(alive, certain) for side in self.sides)
        if before is not None and after is not None:
            if before.isdisjoint(after):
                return True
            if len(before) == 1 and before == after:
                return False
        keys = self.keys(columns)
        one, other = ([keys[side.shift + row] for row in side.rows(alive)] for side in self.sides)
        if self.says_the_same(one, other) and (self.old.nothing == self.new.nothing or certain):
            return False
        answered = all(certain >> side.shift & side.all_rows for side in self.sides)
        if self.old.lists and self.new.lists and (answered or self.old.nothing is self.new.nothing is None):
            return self.counts_differ(alive, certain, keys) or None
        return None

    def says_the_same(self, one: list[int], other: list[int]) -> bool:
        """Whether two sequences of rows answer the same: the same rows, in an order that has the same meaning."""
        if self.old.in_order and self.new.in_order:
            return one == other
        if self.unordered:
            one, other = sorted(one), sorted(other)
        return one == other and (self.same_policy or (self.unordered and self.old.lists and self.new.lists))

    def counts_differ(self, alive: int, certain: int, keys: list[int]) -> bool:
        """Whether some row of outputs surely stands in one list more often than in the other."""
        least, most = Counter[Any](), Counter[Any]()
        common = Counter(keys[row] for row in bits(alive) if row < self.new.shift)
        common &= Counter(keys[row] for row in bits(alive) if row >= self.new.shift)
        cancelled = (common, common.copy())
        for row in bits(alive):
            is_new = row >= self.new.shift
            if cancelled[is_new][keys[row]]:
                cancelled[is_new][keys[row]] -= 1
                continue
            sure = certain >> row & 1
            (least if is_new else most)[self.outputs[row]] += -1 if is_new else 1
            if sure:
                (most if is_new else least)[self.outputs[row]] += -1 if is_new else 1
        return any(count > 0 for count in least.values()) or any(count < 0 for count in most.values())

    def keys(self, columns: tuple[int, ...]) -> list[int]:
        """A number for each row: equal for rows that say the same and, in these columns, match the same."""
        if columns not in self.keys_by_columns:
            if len(self.keys_by_columns) * len(self.outputs) > MOST_WORDS:
                self.keys_by_columns.clear()
            numbers: dict[Any, int] = {}
            self.keys_by_columns[columns] = [
                numbers.setdefault((self.outputs[row], *(box[i] for i in columns)), len(numbers))
                for row, box in enumerate(self.space.boxes)
            ]
        return self.keys_by_columns[columns]

    def _odd_rows(self) -> int:
        """The rows of either table that the other does not have at that place, as bits."""
        keys = self.keys(tuple(range(len(self.space.axes))))
        one, other = ([keys[side.shift + row] for row in side.order] for side in self.sides)
        stayed = rows_that_stayed(one, other)
        places = set(stayed.values())
        odd = sum(1 << row for at, row in enumerate(self.old.order) if at not in stayed)
        return odd | sum(1 << (self.new.shift + row) for at, row in enumerate(self.new.order) if at not in places)


def _joined(boxes: Iterable[Box], steps: Steps) -> set[Box]:
    """Boxes that differ in one column are one box, as long as there are any (and time)."""
    found = set(boxes)
    while True:
        before = len(found)
        for column in range(len(next(iter(found), ()))):
            if steps.is_over:
                return found
            by_rest: dict[Box, int] = {}
            for box in found:
                rest = (*box[:column], 0, *box[column + 1 :])
                by_rest[rest] = by_rest.get(rest, 0) | box[column]
            found = {(*rest[:column], classes, *rest[column + 1 :]) for rest, classes in by_rest.items()}
        if len(found) == before:
            return found
