"""Where the tables may begin to tell one number of an input from another: the axis cut into regions.

A table sees a number only through the literals of its cells, so the axis is cut at its *critical values*: where some fact
that depends on the input meets a literal of some table. Between two of them no table can tell one value from another.
All of them are found to the last digit, as far as a fact turns only at `_stops` and at `_pool_steps`. That is all that
ours ask with a say in the answer. A pool also changes where one worker more begins to pay: what it takes leaps there,
which a table of a user's own may miss if it asks how much that is other than whether it is over a requirement.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from selector.recommend.asking import numbers_asked
from selector.recommend.derive import ASSUMED_IN_FLIGHT
from selector.recommend.line import Line
from selector.recommend.numbers import NOTHING, SMALLEST, Number
from selector.workload.profile import ApproachId

_STEP = 1000  # facts are looked at in steps of so much, and in between only where they differ
_COUNTS_STEP = 4  # the same along a count, where facts have more turns
_SECANTS = 8  # steps at most, which find what is a power of the input, or nearly
_FURTHEST_NEIGHBOUR = 2**20  # that is tried about where a secant ends
_LARGEST_POOL = 16  # whose steps are looked at: those of larger ones are small


class Region(NamedTuple):
    """Values from `low` to `high`, both among them, that no table can tell apart."""

    low: Number
    high: Number


def regions_of(line: Line, low: Number, high: Number) -> list[Region]:
    """The axis cut at every critical value; a critical value itself is a region of one number."""
    starts, stops = shared_starts(line, low, high), _stops(line, low, high)
    asked = numbers_asked(line.situation.knowledge)
    tables = line.situation.knowledge.tables
    if any(asked[name] for table in ("sizing", "replicas") for name in tables[table].input_names):
        stops = sorted({*stops, *starts, *(line.axis.beside(start, -1) for start in starts if start > low)})
    known: set[ApproachId] = set()
    while (
        more := _considered(line, _between_starts(line, starts, high)) - known
    ):  # with new regions come new candidates
        for approach in more:
            starts |= _starts_by_approach(line, stops, approach)
        known |= more
    return _between_starts(line, starts, high)


def shared_starts(line: Line, low: Number, high: Number) -> set[Number]:
    """Where regions begin because of facts that do not depend on an approach."""
    asked, shared = numbers_asked(line.situation.knowledge), line.facts(low)
    bounds = {name: bounds for name, bounds in asked.items() if name in shared and name != line.field}
    own = _own_starts(line, asked.get(line.field, []), low, high)
    return {low, *own, *_starts(line, _stops(line, low, high), line.facts, bounds)}


def _starts_by_approach(line: Line, stops: list[Number], approach: ApproachId) -> set[Number]:
    """Where regions begin because of what is predicted for an approach."""

    def facts(value: Number) -> Mapping[str, Any]:
        """The facts about the approach at a value."""
        return line.candidate(approach, value).facts

    shared, own = line.facts(stops[0]), facts(stops[0])
    bounds = {
        name: bounds
        for name, bounds in numbers_asked(line.situation.knowledge).items()
        if name in own and name not in shared
    }
    return _starts(line, sorted({*stops, *_pool_steps(line, stops, approach)}), facts, bounds)


def _own_starts(line: Line, bounds: list[float], low: Number, high: Number) -> Iterator[Number]:
    """Where regions begin because a table asks about the input itself: at its literals, and right behind them.

    And right behind 0, as nothing to wait for is another thing than a little.
    """
    for bound in (*bounds, *([0.0] if low == 0 else [])):
        if low <= bound <= high:
            first = math.ceil(bound) if line.axis.whole else float(bound)
            yield from (first, line.axis.beside(first, 1)) if first == bound else (first,)


def _stops(line: Line, low: Number, high: Number) -> list[Number]:
    """Both ends, and values between them that are so near each other that facts turn only there.

    Other counts are among them: with more tasks than may be in flight at once, say, the rest comes in waves.
    """
    found = {low, high, *([SMALLEST] if low == 0 else [])}
    value = float(max(low, NOTHING))
    while (value := value * (_COUNTS_STEP if line.axis.whole else _STEP)) < high:
        found.add(round(value) if line.axis.whole else value)
    if line.axis.whole:
        facts = line.facts(low)
        counts = {"tasks": facts["tasks"], "concurrency": facts["concurrency"], "cpu_cores": facts["cpu_cores"]}
        others = [count for name, count in counts.items() if name != line.field]
        found |= {count for count in (*others, ASSUMED_IN_FLIGHT) if count and low < count < high}
    return sorted(found)


def _considered(line: Line, regions: Iterable[Region]) -> set[ApproachId]:
    """The approaches whose facts have a say: the candidates, with times whatever is open, all where nothing is eligible."""
    found: set[ApproachId] = set()
    for region in regions:
        choice = line.at(region.low).choice
        candidates = (choice.chosen, *choice.others)
        timed = any(candidate.seconds for candidate in candidates)
        if choice.chosen.ruled_out or (choice.chosen.row is None and not timed):
            return set(line.situation.knowledge.approaches)
        found |= {candidate.approach for candidate in candidates}
        found |= set(line.open_at(region.low)) if timed else set()
    return found


def _pool_steps(line: Line, stops: list[Number], approach: ApproachId) -> set[Number]:
    """Where memory makes the pool of an approach one worker larger or smaller, on both sides of it; or what arrives its processes.

    What the pool takes rises between two such places and falls at them, or the other way round.
    """
    sizes = [line.candidate(approach, stop).workers for stop in stops]
    bounds: list[float] = [*range(min(sizes) + 1, min(max(sizes), _LARGEST_POOL) + 1)]
    starts = _starts(line, stops, partial(line.room, approach), {"workers": bounds}) if bounds else set()
    starts |= _starts(line, stops, partial(line.processes, approach), {"processes": [*range(1, _LARGEST_POOL + 1)]})
    return {side for start in starts for side in (line.axis.beside(start, -1), start)}


def _between_starts(line: Line, starts: Iterable[Number], high: Number) -> list[Region]:
    """The regions that begin at these values."""
    ordered = [start for start in sorted(starts) if start <= high]
    return [Region(a, line.axis.beside(b, -1)) for a, b in pairwise(ordered)] + [Region(ordered[-1], high)]


def _starts(
    line: Line, stops: list[Number], facts: Callable[[Number], Mapping[str, Any]], asked: Mapping[str, list[float]]
) -> set[Number]:
    """The first value of each region, by what is asked about these facts, after the first one."""
    read = [(stop, facts(stop)) for stop in stops]
    found: set[Number] = set()
    for name, bounds in asked.items():
        for (low, before), (high, after) in pairwise(read):
            if before.get(name) != after.get(name):
                found |= set(_leaps(line, low, high, _Reading(facts, name, bounds)))
    return found


class _Reading(NamedTuple):
    """One fact along the axis, and the numbers it is held against."""

    facts: Callable[[Number], Mapping[str, Any]]
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


def _leaps(line: Line, low: Number, high: Number, reading: _Reading) -> Iterator[Number]:
    """Each value between two where a fact comes to another place among the numbers it is held against."""
    last = reading.place(high)
    while reading.place(low) != last:
        low = _first_beyond(line, low, high, reading)
        yield low


def _first_beyond(line: Line, low: Number, high: Number, reading: _Reading) -> Number:
    """The first value after `low` where a fact has left the place it has there; at `high` it has.

    Halving would do, in 60 steps. A secant is there in a few, as most facts are a power of the input or nearly so; then
    the neighbours of where it ends are tried, further and further off.
    """
    first = reading.place(low)
    inside, beyond = line.axis.rank(low), line.axis.rank(high)

    def narrow(rank: int) -> None:
        """Try one more value."""
        nonlocal inside, beyond
        if inside < rank < beyond:
            if reading.place(line.axis.at(rank)) == first:
                inside = rank
            else:
                beyond = rank

    narrow(inside + 1)
    if beyond - inside > _SECANTS and (guess := _secant(line, low, high, reading)) is not None:
        narrow(line.axis.rank(guess))
        step = 1
        while beyond - inside > 4 * step and step < _FURTHEST_NEIGHBOUR:
            narrow(inside + step)
            narrow(beyond - step)
            step *= 4
    while beyond - inside > 1:
        narrow((inside + beyond) // 2)
    return line.axis.at(beyond)


def _secant(line: Line, low: Number, high: Number, reading: _Reading) -> Number | None:
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
        fact = reading.at(line.axis.as_number(math.exp(x)))
        if not fact or x == x1:
            break
        (x0, y0), (x1, y1) = (x1, y1), (x, math.log(fact) - target)
    return line.axis.as_number(math.exp(x1))
