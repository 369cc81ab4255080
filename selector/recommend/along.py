"""Where along one numeric input the answer changes, all else as the profile says: exactly, not by trying numbers.

Tables see a number only through the literals of their cells, so the axis of an input is cut at its *critical values*:
where some fact that depends on it meets a literal of some table. Between two of them no table can tell one value from
another; what still moves are the predicted times of all that is eligible, which `speedup_bands` compares. Of a batch those
are, along a time or a size, straight lines with a few bends (where a pool of another size pays, say), so that the ratio
of two meets a bound where a line says it does.

To the last digit: everything the tables ask about, as far as a fact turns only at `_stops` and at `_pool_steps`. That is
all that ours ask with a say in the answer. A pool also changes where one worker more begins to pay: what it takes leaps
there, which a table of a user's own may miss if it asks how much that is other than whether it is over a requirement.
To 0.05 %: where predicted times of batches cross.
Not proven, only narrowed down by halves: times that go in steps or curves (along a count, where memory limits a pool, the
throughput of a service, which no formula gives), by 5 %; and which approach is least bad where none is eligible, by a
factor of 2.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import groupby, pairwise, permutations
from typing import Any, NamedTuple

from selector.cost.memory import footprint_of
from selector.recommend.chain import AS_FAST, USES, Asked, Candidate, Choice, choose_for, workload_facts
from selector.recommend.facts import ASSUMED_IN_FLIGHT, HostFacts
from selector.recommend.knowledge import CHAIN, Knowledge
from selector.workload.fields import field_kind
from selector.workload.profile import APPROACHES, ApproachId, WorkloadProfile

Number = int | float
Answer = tuple[str, str | None]

_LARGEST = 10**12  # that a profile takes (selector.workload.profile)
_SMALLEST = 5e-324  # number above zero that there is
_NOTHING = 1e-6  # below it no bend of a predicted time is looked for
_STEP = 1000  # facts and times are looked at in steps of so much, and in between only where they differ
_COUNTS_STEP = 4  # the same along a count, where facts have more turns
_SAME_PLACE = 1.0005  # two values whose ratio is below that, where predicted times cross
_NARROW_STEPS = 1.05  # where times go in steps
_NARROW_MERITS = 2.0  # where nothing is eligible
_STRAIGHT_TO = 1e-9  # part of a time by which it may be off a straight line
_STRAIGHT_TO_IN_COUNTS = 0.01  # whole waves of tasks make small steps
_SECANTS = 8  # steps at most, which find what is a power of the input, or nearly
_FURTHEST_NEIGHBOUR = 2**20  # that is tried about where a secant ends
_LARGEST_POOL = 16  # whose steps are looked at: those of larger ones are small
_ADVICE = "advice"  # the one table of the chain that has no say in the answer


class Stretch(NamedTuple):
    """Values from `low` to `high`, both among them, that all have the same answer."""

    low: Number
    high: Number
    answer: Answer


class _Cell(NamedTuple):
    """Values that no table can tell apart."""

    low: Number
    high: Number


def admitted(field: str) -> tuple[Number, Number]:
    """The least and the largest number a field takes."""
    kind = field_kind(field)
    return (1, _LARGEST) if kind.kind == "count" else (_SMALLEST if kind.above_zero else 0.0, float(_LARGEST))


def stretches(
    profile: WorkloadProfile, field: str, host: HostFacts, knowledge: Knowledge, low: Number, high: Number
) -> tuple[Stretch, ...]:
    """The answers along a numeric field from `low` to `high`, in order; neighbours differ."""
    line = _Line(profile, field, host, knowledge)
    pieces = [piece for cell in _cells(line, low, high) for piece in _pieces(line, cell)]
    joined = [list(same) for _, same in groupby(pieces, key=lambda piece: piece.answer)]
    return tuple(Stretch(same[0].low, same[-1].high, same[0].answer) for same in joined)


def values_apart(profile: WorkloadProfile, field: str, host: HostFacts, knowledge: Knowledge) -> tuple[Number, ...]:
    """A value of each set that the tables tell apart by facts of the workload, and of each set that rules out others.

    The former are complete whatever the other inputs are that those facts do not depend on; the latter, which go by
    what is predicted for the present candidates, only with all else as the profile says. Plain numbers, if there are.
    """
    line = _Line(profile, field, host, knowledge)
    cells = _cells(line, *admitted(field))
    starts = sorted(_shared_starts(line, *admitted(field)))
    kinds = {(bisect_right(starts, cell.low), _ruled_out(line.choice(cell.low))): cell for cell in reversed(cells)}
    return tuple(sorted(plain_number(cell.low, cell.high, whole=line.whole) for cell in kinds.values()))


def _ruled_out(choice: Choice) -> tuple[tuple[ApproachId, tuple[str, ...]], ...]:
    """What rules out each candidate."""
    candidates = sorted((choice.chosen, *choice.others), key=lambda c: c.approach)
    return tuple((c.approach, tuple(rule.id for rule in c.ruled_out)) for c in candidates)


def plain_number(low: Number, high: Number, *, whole: bool) -> Number:
    """The number from `low` to `high` that a person would write: 1, else the nearest to it of those with few digits."""
    low, high = (low, high) if whole else (float(low), float(high))
    if low <= 1 <= high:
        return 1 if whole else 1.0
    start = high if high < 1 else low
    for digits in range(1, 17):
        for value in _rounded_both_ways(start, digits):
            if low <= value <= high:
                return value
    return start


def rounded_away(edge: Number, inside: Number, holds: Callable[[Number], bool]) -> Number:
    """An edge as a person would write it: itself if it has three digits, else two within 1 %, three or more if need be.

    Rounded away from `inside`, where the answer is another one; `holds` says whether the answer beyond the edge still
    is that of a rounded number.
    """
    if edge in _rounded_both_ways(edge, 3):
        return edge
    for digits in range(2, 17):
        value = _rounded_both_ways(edge, digits)[edge > inside]
        near = digits > 2 or abs(value - edge) <= 0.01 * abs(edge)
        if near and holds(value):
            return value
    return edge


def _rounded_both_ways(value: Number, digits: int) -> tuple[Number, Number]:
    """The numbers of so many digits next to a value, below and above it (or the value itself, if it has no more)."""
    if value == 0:
        return value, value
    if isinstance(value, int):
        unit = 10 ** max(0, len(str(value)) - digits)
        return value // unit * unit, -(-value // unit) * unit
    middle = float(f"{value:.{digits - 1}e}")
    if middle == value:
        return value, value
    unit = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    other = float(f"{middle + (unit if middle < value else -unit):.{digits - 1}e}")
    return min(middle, other), max(middle, other)


# --- what is read along the axis -----------------------------------------------------------------------------------


class _Line:
    """A profile along one of its fields: facts and choices, each worked out once."""

    def __init__(self, profile: WorkloadProfile, field: str, host: HostFacts, knowledge: Knowledge) -> None:
        self.field, self.knowledge = field, knowledge
        self.whole = field_kind(field).kind == "count"
        self._profile, self._host = profile, host
        self._choices: dict[Number, Choice] = {}
        self._candidates: dict[tuple[ApproachId, Number], Candidate] = {}
        self._asked: dict[Number, Asked] = {}

    def _profile_at(self, value: Number) -> WorkloadProfile:
        return self._profile.model_copy(update={self.field: value})

    def choice(self, value: Number) -> Choice:
        """What the tables choose at a value."""
        if value not in self._choices:
            self._choices[value] = choose_for(self._profile_at(value), self._asked_at(value))
        return self._choices[value]

    def answer(self, value: Number) -> Answer:
        """The answer at a value."""
        return self.choice(value).answer

    def facts(self, value: Number) -> dict[str, Any]:
        """The facts at a value that do not depend on an approach: far cheaper than a choice."""
        return self._asked_at(value).facts

    def candidate(self, approach: ApproachId, value: Number) -> Candidate:
        """One approach at a value, whether strategy names it there or not."""
        if (approach, value) not in self._candidates:
            self._candidates[approach, value] = self._asked_at(value).candidate(approach, None)
        return self._candidates[approach, value]

    def open_at(self, value: Number) -> list[ApproachId]:
        """The approaches that neither the workload at a value nor their own traits rule out."""
        asked = self._asked_at(value)
        return [a for a in APPROACHES if not asked.ruled_out_whatever_is_predicted(a)]

    def timed(self, value: Number) -> dict[ApproachId, float]:
        """The times that are compared at a value, none if there is nothing to compare.

        Whatever is eligible and predicted takes part, named by a row of strategy or not; also what is too slow there
        for `choose` to look at, as it may not be a little further on.
        """
        choice = self.choice(value)
        if choice.chosen.ruled_out or not any(c.seconds for c in (choice.chosen, *choice.others)):
            return {}
        for candidate in (choice.chosen, *choice.others):
            self._candidates.setdefault((candidate.approach, value), candidate)
        eligible = [c for a in self.open_at(value) if not (c := self.candidate(a, value)).ruled_out]
        times = {c.approach: c.seconds for c in eligible if c.seconds}
        return times if len(times) > 1 else {}

    def facts_of(self, approach: ApproachId, value: Number) -> dict[str, Any]:
        """The facts about one approach at a value."""
        return self.candidate(approach, value).facts

    def room(self, approach: ApproachId, value: Number) -> dict[str, Any]:
        """How many workers of an approach the memory budget has room for at a value, with a fraction."""
        asked = self._asked_at(value)
        budget = asked.facts["memory_budget_mb"]
        if budget is None:
            return {}
        footprint = footprint_of(self.knowledge.approaches[approach].traits, asked.work)
        return {"workers": (budget - footprint.fixed) / max(footprint.worker, 1e-9)}

    def _asked_at(self, value: Number) -> Asked:
        """What there is to ask about at a value, as `choose` works it out before it asks about approaches."""
        if value not in self._asked:
            facts, work = workload_facts(self._profile_at(value), self._host, self.knowledge)
            classified = self.knowledge.tables["classify"].decide_among(facts).output
            facts["workload_class"] = classified["workload_class"] if classified else None
            self._asked[value] = Asked(facts, work, self.knowledge)
        return self._asked[value]

    def rank(self, value: Number) -> int:
        """The place of a number among all numbers there are: those of neighbours differ by one."""
        return int(value) if self.whole else int(struct.unpack("<q", struct.pack("<d", value))[0])

    def at(self, rank: int) -> Number:
        """The number with a rank."""
        return rank if self.whole else float(struct.unpack("<d", struct.pack("<q", rank))[0])

    def beside(self, value: Number, steps: int) -> Number:
        """The number so many numbers further on."""
        return self.at(self.rank(value) + steps)

    def middle(self, low: Number, high: Number) -> Number:
        """The middle of two numbers by ratio; of whole ones strictly between them if there is one."""
        middle = math.sqrt(max(low, _NOTHING if high > _NOTHING else low)) * math.sqrt(high)
        return min(max(round(middle), low + 1), high) if self.whole else min(max(middle, low), high)


@lru_cache(maxsize=8)
def _asked(knowledge: Knowledge) -> dict[str, list[float]]:
    """Every fact that a table with a say in the answer asks about, with the numbers it is held against."""
    found: dict[str, set[float]] = {}
    for name in CHAIN:
        if name != _ADVICE:
            table = knowledge.tables[name]
            for fact in table.input_names:
                numbers = (v for v in table.thresholds(fact) if isinstance(v, int | float) and not isinstance(v, bool))
                found.setdefault(fact, set()).update(numbers)
    return {fact: sorted(numbers) for fact, numbers in found.items()}


# --- critical values -----------------------------------------------------------------------------------------------


def _cells(line: _Line, low: Number, high: Number) -> list[_Cell]:
    """The axis cut at every critical value; a critical value itself is a cell of one number."""
    starts, stops = _shared_starts(line, low, high), _stops(line, low, high)
    asked = _asked(line.knowledge)
    if any(asked[name] for name in line.knowledge.tables["sizing"].input_names):
        stops = sorted({*stops, *starts, *(line.beside(start, -1) for start in starts if start > low)})
    known: set[ApproachId] = set()
    while more := _considered(line, _between_starts(line, starts, high)) - known:  # with new cells come new candidates
        for approach in more:
            starts |= _starts_by_approach(line, stops, approach)
        known |= more
    return _between_starts(line, starts, high)


def _shared_starts(line: _Line, low: Number, high: Number) -> set[Number]:
    """Where cells begin because of facts that do not depend on an approach."""
    asked, shared = _asked(line.knowledge), line.facts(low)
    bounds = {name: bounds for name, bounds in asked.items() if name in shared and name != line.field}
    own = _own_starts(line, asked.get(line.field, []), low, high)
    return {low, *own, *_starts(line, _stops(line, low, high), line.facts, bounds)}


def _starts_by_approach(line: _Line, stops: list[Number], approach: ApproachId) -> set[Number]:
    """Where cells begin because of what is predicted for an approach."""
    facts = partial(line.facts_of, approach)
    shared, own = line.facts(stops[0]), facts(stops[0])
    bounds = {name: bounds for name, bounds in _asked(line.knowledge).items() if name in own and name not in shared}
    return _starts(line, sorted({*stops, *_pool_steps(line, stops, approach)}), facts, bounds)


def _own_starts(line: _Line, bounds: list[float], low: Number, high: Number) -> Iterator[Number]:
    """Where cells begin because a table asks about the input itself: at its literals, and right behind them.

    And right behind 0, as nothing to wait for is another thing than a little.
    """
    for bound in (*bounds, *([0.0] if low == 0 else [])):
        if low <= bound <= high:
            first = math.ceil(bound) if line.whole else float(bound)
            yield from (first, line.beside(first, 1)) if first == bound else (first,)


def _stops(line: _Line, low: Number, high: Number) -> list[Number]:
    """Both ends, and values between them that are so near each other that facts turn only there.

    Other counts are among them: with more tasks than may be in flight at once, say, the rest comes in waves.
    """
    found = {low, high, *([_SMALLEST] if low == 0 else [])}
    value = float(max(low, _NOTHING))
    while (value := value * (_COUNTS_STEP if line.whole else _STEP)) < high:
        found.add(round(value) if line.whole else value)
    if line.whole:
        others = [line.facts(low)[name] for name in ("tasks", "concurrency", "cpu_cores") if name != line.field]
        found |= {count for count in (*others, ASSUMED_IN_FLIGHT) if count and low < count < high}
    return sorted(found)


def _considered(line: _Line, cells: Iterable[_Cell]) -> set[ApproachId]:
    """The approaches whose facts have a say: the candidates, with times whatever is open, all where nothing is eligible."""
    found: set[ApproachId] = set()
    for cell in cells:
        choice = line.choice(cell.low)
        candidates = (choice.chosen, *choice.others)
        timed = any(candidate.seconds for candidate in candidates)
        if choice.chosen.ruled_out or (choice.chosen.row is None and not timed):
            return set(line.knowledge.approaches)
        found |= {candidate.approach for candidate in candidates}
        found |= set(line.open_at(cell.low)) if timed else set()
    return found


def _pool_steps(line: _Line, stops: list[Number], approach: ApproachId) -> set[Number]:
    """Where memory makes the pool of an approach one worker larger or smaller, on both sides of it.

    What the pool takes rises between two such places and falls at them, or the other way round.
    """
    sizes = [line.candidate(approach, stop).workers for stop in stops]
    bounds: list[float] = [*range(min(sizes) + 1, min(max(sizes), _LARGEST_POOL) + 1)]
    starts = _starts(line, stops, partial(line.room, approach), {"workers": bounds}) if bounds else set()
    return {side for start in starts for side in (line.beside(start, -1), start)}


def _between_starts(line: _Line, starts: Iterable[Number], high: Number) -> list[_Cell]:
    """The cells that begin at these values."""
    ordered = [start for start in sorted(starts) if start <= high]
    return [_Cell(a, line.beside(b, -1)) for a, b in pairwise(ordered)] + [_Cell(ordered[-1], high)]


def _starts(
    line: _Line, stops: list[Number], facts: Callable[[Number], dict[str, Any]], asked: Mapping[str, list[float]]
) -> set[Number]:
    """The first value of each cell, by what is asked about these facts, after the first one."""
    read = [(stop, facts(stop)) for stop in stops]
    found: set[Number] = set()
    for name, bounds in asked.items():
        for (low, before), (high, after) in pairwise(read):
            if before.get(name) != after.get(name):
                found |= set(_leaps(line, low, high, _Reading(facts, name, bounds)))
    return found


class _Reading(NamedTuple):
    """One fact along the axis, and the numbers it is held against."""

    facts: Callable[[Number], dict[str, Any]]
    name: str
    bounds: list[float]

    def at(self, value: Number) -> Any:
        """The fact at a value of the input."""
        return self.facts(value).get(self.name)

    def place(self, value: Number) -> int:
        """Where it lies there among the numbers; unknown, yes and no have places of their own."""
        fact = self.at(value)
        if fact is None or isinstance(fact, bool | str):
            return -1 if fact is None else -2 if fact is True else -3
        return bisect_left(self.bounds, fact) + bisect_right(self.bounds, fact)


def _leaps(line: _Line, low: Number, high: Number, reading: _Reading) -> Iterator[Number]:
    """Each value between two where a fact comes to another place among the numbers it is held against."""
    last = reading.place(high)
    while reading.place(low) != last:
        low = _first_beyond(line, low, high, reading)
        yield low


def _first_beyond(line: _Line, low: Number, high: Number, reading: _Reading) -> Number:
    """The first value after `low` where a fact has left the place it has there; at `high` it has.

    Halving would do, in 60 steps. A secant is there in a few, as most facts are a power of the input or nearly so; then
    the neighbours of where it ends are tried, further and further off.
    """
    first = reading.place(low)
    inside, beyond = line.rank(low), line.rank(high)

    def narrow(rank: int) -> None:
        """Try one more value."""
        nonlocal inside, beyond
        if inside < rank < beyond:
            if reading.place(line.at(rank)) == first:
                inside = rank
            else:
                beyond = rank

    narrow(inside + 1)
    if beyond - inside > _SECANTS and (guess := _secant(line, low, high, reading)) is not None:
        narrow(line.rank(guess))
        step = 1
        while beyond - inside > 4 * step and step < _FURTHEST_NEIGHBOUR:
            narrow(inside + step)
            narrow(beyond - step)
            step *= 4
    while beyond - inside > 1:
        narrow((inside + beyond) // 2)
    return line.at(beyond)


def _secant(line: _Line, low: Number, high: Number, reading: _Reading) -> Number | None:
    """About where a fact meets the first of its bounds after `low`; None where logarithms do not lead there."""
    one, other = reading.at(low), reading.at(high)
    if isinstance(one, bool | None) or isinstance(other, bool | None) or min(one, other, low) <= 0:
        return None
    passed = [b for b in reading.bounds if b > 0 and min(one, other) <= b <= max(one, other)]
    if not passed:
        return None
    target = math.log(min(passed) if one < other else max(passed))
    (x0, y0), (x1, y1) = (math.log(low), math.log(one) - target), (math.log(high), math.log(other) - target)
    for _ in range(_SECANTS):
        if y1 in (0, y0):
            break
        x = min(max(x1 - y1 * (x1 - x0) / (y1 - y0), math.log(low)), math.log(high))
        fact = reading.at(_number(line, x))
        if not fact or x == x1:
            break
        (x0, y0), (x1, y1) = (x1, y1), (x, math.log(fact) - target)
    return _number(line, x1)


def _number(line: _Line, logarithm: float) -> Number:
    value = math.exp(logarithm)
    return round(value) if line.whole else value


# --- predicted times inside a cell ---------------------------------------------------------------------------------


def _pieces(line: _Line, cell: _Cell) -> Iterator[Stretch]:
    """The stretches of a cell, in which only predicted times, and merits where nothing is eligible, can differ."""
    start = cell.low
    if not _decided_by_tables(line, cell):
        points = sorted(set(_points(line, *cell)))
        for low, high in pairwise(points):
            if line.answer(low) != line.answer(high):
                for last, first in _changes(line, low, high):
                    yield Stretch(start, last, line.answer(start))
                    start = first
    yield Stretch(start, cell.high, line.answer(start))


def _decided_by_tables(line: _Line, cell: _Cell) -> bool:
    """Whether the tables alone settle the answer of a cell: no times are compared, and no merits that differ there."""
    chosen = line.choice(cell.low).chosen
    if cell.low == cell.high:
        return True
    if not chosen.ruled_out:
        return not line.timed(cell.low)
    objection = chosen.ruled_out[0]
    considered = [line.candidate(approach, cell.low) for approach in line.knowledge.approaches]
    rivals = [c for c in considered if c.ruled_out[:1] == (objection,)]
    return len(rivals) == 1 or all(_uses(c) == _uses(line.candidate(c.approach, cell.high)) for c in rivals)


def _uses(candidate: Candidate) -> list[float]:
    """How much it takes of each requirement that it exceeds."""
    return [max(1.0, candidate.facts[name] or 0.0) for name in USES]


def _points(line: _Line, low: Number, high: Number) -> list[Number]:
    """Values between two of which that have the same answer, all in between have it too."""
    timed = bool(line.timed(low))
    ratio = high / max(low, _NOTHING)
    if line.rank(high) - line.rank(low) <= 1 or ratio < (_NARROW_STEPS if timed else _NARROW_MERITS):
        return [low, high]
    if timed and ratio <= _STEP and (crossings := _crossings(line, low, high)) is not None:
        return [low, *crossings, high]
    middle = line.middle(low, high)
    if middle in (low, high):
        return [low, high]
    return _points(line, low, middle) + _points(line, middle, high)


def _crossings(line: _Line, low: Number, high: Number) -> list[Number] | None:
    """Values on both sides of where the ratio of two times meets a bound; None unless all times are straight lines."""
    middle = (low + high) // 2 if line.whole else low + (high - low) / 2
    times = [line.timed(value) for value in (low, middle, high)]
    if not times[0].keys() == times[1].keys() == times[2].keys():
        return None
    share = (middle - low) / (high - low)
    for at_low, at_middle, at_high in zip(*(t.values() for t in times), strict=True):
        off = abs(at_low + (at_high - at_low) * share - at_middle)
        if off > at_middle * (_STRAIGHT_TO_IN_COUNTS if line.whole else _STRAIGHT_TO):
            return None
    found: list[Number] = []
    for one, other in permutations(times[0], 2):
        for bound in {1.0, AS_FAST, *_asked(line.knowledge).get("speedup", ())}:
            before = times[0][one] - bound * times[0][other]
            after = times[2][one] - bound * times[2][other]
            if (before > 0) != (after > 0):
                found += _both_sides(line, low + (high - low) * (before / (before - after)), low, high)
    return found


def _both_sides(line: _Line, value: float, low: Number, high: Number) -> list[Number]:
    """A value a little lower and a little higher, if they are between the ends; whole ones where the field is."""
    reach = (_SAME_PLACE - 1) / 3
    around = (value * (1 - reach), value * (1 + reach))
    sides = (math.floor(around[0]), math.ceil(around[1])) if line.whole else around
    return [side for side in sides if low < side < high]


def _changes(line: _Line, low: Number, high: Number) -> list[tuple[Number, Number]]:
    """Each place between two values where the answer changes: the last value before it and the first after it."""
    near = high - low <= 1 if line.whole else high <= max(low * _SAME_PLACE, _NOTHING)
    middle = line.middle(low, high)
    if near or middle in (low, high):
        return [(low, high)]
    answers = [line.answer(v) for v in (low, middle, high)]
    found = _changes(line, low, middle) if answers[0] != answers[1] else []
    return found + (_changes(line, middle, high) if answers[1] != answers[2] else [])
