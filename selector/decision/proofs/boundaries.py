"""Boundary cases of a table: inputs at, just inside and just outside each bound of each cell, and what they give.

A case starts from inputs for which a row fires, and moves one input to a value where the row's cell may change its mind.
Cases find faults in two ways: the compiled table must answer them as its cells do when they are read one by one, and
those that were recorded beside the table must still be answered as recorded.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from pathlib import Path
from typing import Any

from selector.decision.cells import ANYTHING, Cell, Scalar, kind_of, literals, matches
from selector.decision.proofs.cover import intersection, uncovered
from selector.decision.proofs.findings import given_text
from selector.decision.proofs.limits import LIMIT_STEPS, OutOfSteps, Steps
from selector.decision.proofs.masks import bits
from selector.decision.proofs.pairs import partners_of
from selector.decision.proofs.rows import row_fates
from selector.decision.proofs.space import TableSpace, space_of
from selector.decision.source import read_text
from selector.decision.table import ONE_WINS, DecisionTable, Input
from selector.errors import SelectorError
from selector.files import write_atomically
from selector.text import quoted

Given = dict[str, Scalar]
_MOST_BYTES = 20_000_000
_SHARE_OF_PROOF = 0.4  # of the time: finding inputs for which each row fires; the rest is for trying cases
_MOST_PINS = 1_000_000  # 200 MB
_SEEN_ORDER = ("first", "rule_order")  # the policies under which the order of rows is seen
_Pin = tuple[Any, ...]


@dataclass(frozen=True)
class BoundaryCase:
    """Inputs (those that are missing left out), and what a table answers: its output and the ids of the rows that made it."""

    given: Given
    output: Any
    rows: tuple[str, ...]

    @property
    def line(self) -> str:
        """The case as a line of JSON."""
        return json.dumps({"given": self.given, "output": self.output, "rows": self.rows}, separators=(",", ":"))

    def failure(self, table: DecisionTable) -> str | None:
        """How the table answers otherwise, in words; None if it does not."""
        try:
            found = case_of(table, self.given)
        except SelectorError as error:
            return f"given {given_text(self.given)}: {error.message}"
        if found.line == self.line:
            return None
        return f"given {given_text(self.given)}: {_answer(self)} was recorded, now it is {_answer(found)}"


def case_of(table: DecisionTable, given: Mapping[str, Scalar]) -> BoundaryCase:
    """What the table answers to these inputs; raises SelectorError if it refuses."""
    decision = table.decide(given)
    there: Given = {name: value for name, value in given.items() if value is not None}
    return BoundaryCase(there, decision.output, tuple(decision.matched))


def boundary_inputs(
    table: DecisionTable,
    whole: frozenset[str] = frozenset(),
    steps: Steps | None = None,
    left_out: list[str] | None = None,
) -> Iterator[Given]:
    """For each row that can fire, inputs for which it does, and these with one input at each place that its cell tells apart.

    And inputs for each two rows whose order decides. Each once. Inputs named in `whole` are counts, without fractions.
    Where the time of `steps` is over they end, and `left_out` is told for what there are none.
    """
    steps, left_out = steps or Steps(LIMIT_STEPS), [] if left_out is None else left_out
    seen: set[int] = set()
    for given in _all_inputs(table, whole, steps, left_out):
        key = hash(tuple((kind_of(value), value) for value in given.values()))  # 1 is not true
        if key not in seen:
            seen.add(key)
            yield given


def _all_inputs(table: DecisionTable, whole: frozenset[str], steps: Steps, left_out: list[str]) -> Iterator[Given]:
    """The inputs of `boundary_inputs`, some of them more than once."""
    space, rows = space_of(table, whole), len(table.rules)
    with steps.part(_SHARE_OF_PROOF):
        fates = row_fates(space, steps)
    if unknown := sum(fate.fires is None and not fate.never for fate in fates):
        left_out.append(f"{unknown:,} of {rows:,} rows: it is not known whether they can fire")
    for row, (rule, fate) in enumerate(zip(table.rules, fates, strict=True)):
        if fate.fires is None:
            continue
        base = space.witness(fate.fires)
        for given in (base, *_moved(table, rule.cells, base, whole)):
            if steps.is_over:
                left_out.append(f"{rows - row:,} of {rows:,} rows, and the order of rows")
                return
            yield given
    try:
        yield from _order_inputs(space, steps)
    except OutOfSteps:
        left_out.append("further pairs of rows whose order decides")


def _order_inputs(space: TableSpace, steps: Steps) -> Iterator[Given]:
    """For each two rows that match together and say different things, inputs for which their order is seen, if any."""
    if space.table.hit_policy not in _SEEN_ORDER:
        return
    for one, later in enumerate(partners_of(space, steps, other_outputs=True)):
        before = (1 << one) - 1 if space.table.hit_policy == "first" else 0
        for other in bits(later):
            steps.check()
            with suppress(OutOfSteps):
                box = intersection(space.boxes[one], space.boxes[other])
                if (where := uncovered(space.masks, box, before, steps)) is not None:
                    yield space.witness(where)


def boundary_failures(table: DecisionTable, inputs: Iterable[Given]) -> Iterator[str | None]:
    """For each of the inputs: how the table does not answer as its cells, read one by one, say; None where it does."""
    for given in inputs:
        values = list(given.values())
        rules = [rule for rule in table.rules if all(map(matches, rule.cells, values))]
        try:
            output, made_by = table.apply_policy(rules, given)
            decision = table.decide(given)
        except SelectorError as error:
            yield f"given {given_text(given)}: {error.message}"
            continue
        expected = BoundaryCase(given, output, tuple(rule.id for rule in made_by))
        found = BoundaryCase(given, decision.output, tuple(decision.matched))
        same = found.line == expected.line
        yield (
            None if same else f"given {given_text(given)}: {_answer(found)}, but by its cells it is {_answer(expected)}"
        )


# Recorded cases -------------------------------------------------------------------------------------------------------


def cases_file(table: DecisionTable) -> Path:
    """Where the cases of a table are recorded: in the folder `cases` beside it."""
    file = Path(table.source)
    return file.with_name("cases") / f"{file.stem}.jsonl"


def read_cases(file: Path) -> tuple[BoundaryCase, ...]:
    """The cases recorded in a file; raises SelectorError naming the line that is none."""
    cases = []
    for number, line in enumerate(read_text(file, _MOST_BYTES).splitlines(), start=1):
        try:
            entry = json.loads(line)
            case = BoundaryCase(dict(entry["given"].items()), entry["output"], tuple(entry["rows"]))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            hint = "`rules test --record` writes the file anew"
            raise SelectorError(f"{file}:{number}: {quoted(line)} is no recorded case", hint) from None
        cases.append(case)
    return tuple(cases)


def recorded_cases(
    table: DecisionTable, whole: frozenset[str] = frozenset(), steps: Steps | None = None
) -> tuple[BoundaryCase, ...]:
    """The boundary cases worth keeping: few of them, by which every change is noticed that all of them together notice.

    Raises SelectorError if there is no time to look at all of them.
    """
    steps, left_out = steps or Steps(LIMIT_STEPS), list[str]()
    try:
        wanted = _Pins(table, whole, steps)
        cases, pins = [], []
        for given in boundary_inputs(table, whole, steps, left_out):
            steps.check()
            try:
                case = case_of(table, given)
            except SelectorError:  # the hit policy refuses, of which `rules check` tells
                continue
            cases.append(case)
            pins.append(wanted.pinned(given, case.rows))
    except OutOfSteps:
        left_out.append("too many cells")
    if left_out and steps.is_over:
        what = f"{table.source}: its cases are not recorded: {'; '.join(left_out)} {steps.limit}"
        raise SelectorError(what, "allow more time by --budget, or split the table", 1)
    return tuple(cases[i] for i in _few_that_cover(pins))


@dataclass(frozen=True)
class Recorded:
    """What recording came to: how many cases there are now, and how many of them are new or changed, or are no more."""

    cases: int
    new: int
    changed: int
    gone: int


def record_cases(table: DecisionTable, whole: frozenset[str] = frozenset(), steps: Steps | None = None) -> Recorded:
    """Write the file of recorded cases of a table; raises SelectorError if that cannot be done."""
    file = cases_file(table)
    try:
        before = {given_text(case.given): case.line for case in (read_cases(file) if file.exists() else ())}
    except SelectorError:  # it is written anew
        before = {}
    now = {given_text(case.given): case.line for case in recorded_cases(table, whole, steps)}
    try:
        file.parent.mkdir(exist_ok=True)
        write_atomically(file, "".join(f"{line}\n" for line in now.values()).encode())
    except OSError as error:
        raise SelectorError(f"{file}: cannot be written: {error.strerror}", "record where you may write", 1) from None
    changed = sum(before[given] != line for given, line in now.items() if given in before)
    return Recorded(len(now), len(now.keys() - before.keys()), changed, len(before.keys() - now.keys()))


class _Pins:
    """What a case pins: a change there would be noticed, as the case would be answered otherwise.

    It pins a row that fires; a cell at a value, if another answer of that cell there would change which rows fire; and the
    order of two rows, if other rows would fire had they changed places.
    """

    def __init__(self, table: DecisionTable, whole: frozenset[str], steps: Steps) -> None:
        self.table = table
        self.number = {rule.id: row for row, rule in enumerate(table.rules)}
        self.place = {row: place for place, row in enumerate(table.winning_order)}
        self.one_wins = table.hit_policy in ONE_WINS
        self.wanted: set[_Pin] = set()
        for row, rule in enumerate(table.rules):
            steps.check()
            for i, (column, cell) in enumerate(zip(table.inputs, rule.cells, strict=True)):
                around = _values_around(cell, column, whole=column.name in whole)
                self.wanted.update((row, i, kind_of(value), value) for value in around)
            if len(self.wanted) > _MOST_PINS:
                raise OutOfSteps

    def pinned(self, given: Given, fired: Sequence[str]) -> set[_Pin]:
        """All that one case pins."""
        firing = [self.number[rule] for rule in fired]
        failing = [
            [
                i
                for i, (cell, value) in enumerate(zip(rule.cells, given.values(), strict=True))
                if not matches(cell, value)
            ]
            for rule in self.table.rules
        ]
        pins: set[_Pin] = {("fires", row) for row in firing}
        values = list(given.values())
        for row, columns in enumerate(failing):
            if row in firing:
                asked: Iterable[int] = range(len(values))
            elif len(columns) == 1 and self.would_tell(row, firing):
                asked = columns
            else:
                continue
            pins |= {(row, i, kind_of(values[i]), values[i]) for i in asked} & self.wanted
        for one in firing:
            pins |= {(one, row) for row, columns in enumerate(failing) if not columns and row != one}
        return pins

    def would_tell(self, row: int, firing: Sequence[int]) -> bool:
        """Whether other rows would fire if this one matched too."""
        return not self.one_wins or all(self.place[row] < self.place[winner] for winner in firing)


def _few_that_cover(pins: Sequence[set[_Pin]]) -> list[int]:
    """A choice of these sets, by their numbers, ascending, with everything in it that is in any of them.

    The one that adds most is taken first (what a set adds only shrinks, so that an old count is a bound). At the end
    those are left out that later ones made superfluous.
    """
    heap = [(-len(found), i) for i, found in enumerate(pins)]
    heapify(heap)
    covered: set[_Pin] = set()
    taken: list[int] = []
    while heap:
        count, i = heap[0]
        added = len(pins[i] - covered)
        if added < -count:
            heapreplace(heap, (-added, i))
            continue
        heappop(heap)
        if added:
            taken.append(i)
            covered |= pins[i]
    times = Counter(pin for i in taken for pin in pins[i])
    for i in list(taken):
        if all(times[pin] > 1 for pin in pins[i]):
            taken.remove(i)
            times.subtract(pins[i])
    return sorted(taken)


# Values ---------------------------------------------------------------------------------------------------------------


def _moved(table: DecisionTable, cells: Sequence[Cell], base: Given, whole: frozenset[str]) -> Iterator[Given]:
    """The inputs with one of them elsewhere."""
    for column, cell in zip(table.inputs, cells, strict=True):
        for value in _values_around(cell, column, whole=column.name in whole):
            yield {**base, column.name: value}


def _values_around(cell: Cell, column: Input, *, whole: bool) -> list[Scalar]:
    """Values of the input at which a cell may change its mind: none for one that takes anything."""
    if cell == ANYTHING:
        return []
    tried: list[Any] = [None]
    if column.type == "boolean":
        tried += [True, False]
    elif isinstance(column.values, tuple):
        tried += column.values
    for value in literals(cell):
        tried += _neighbours(value, whole=whole)
    accepted = [v for v in tried if column.problem(v) is None and not (whole and isinstance(v, float) and v % 1)]
    return list({(kind_of(value), value): value for value in accepted}.values())


def _neighbours(value: Scalar, *, whole: bool) -> list[Scalar]:
    """A literal and the values next to it; nothing comes right before a string, so one that is shorter."""
    if isinstance(value, str):
        return [value, f"{value}\0", value[:-1]]
    if value is None or isinstance(value, bool):
        return [value]
    if whole:
        return [value, math.ceil(value) - 1, math.floor(value) + 1]
    return [value, math.nextafter(value, -math.inf), math.nextafter(value, math.inf)]


def _answer(case: BoundaryCase) -> str:
    return f"{quoted(case.output)} from {', '.join(case.rows) or 'no row'}"
