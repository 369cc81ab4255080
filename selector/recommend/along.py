"""Where along one numeric input the answer changes, all else as the profile says: exactly, not by trying numbers.

The axis is cut into regions in which no table can tell one value from another (`critical`). What still moves in a region
are the predicted times of all that is eligible, which `speedup_bands` compares. Of a batch those are, along a time or a
size, straight lines with a few bends (where a pool of another size pays, say), so that the ratio of two meets a bound
where a line says it does.

To the last digit: where a region begins. To 0.05 %: where predicted times of batches cross.
Not proven, only narrowed down by halves: times that go in steps or curves (along a count, where memory limits a pool, the
throughput of a service, which no formula gives), by 5 %; and which approach is least bad where none is eligible, by a
factor of 2.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise, permutations
from typing import NamedTuple

from selector.recommend.asking import numbers_asked
from selector.recommend.candidates import AS_FAST, Answer, Candidate, Choice, used_by
from selector.recommend.critical import Region, regions_of, shared_starts
from selector.recommend.line import Line
from selector.recommend.numbers import NOTHING, Number, plain_number
from selector.workload.profile import ApproachId

_STEP = 1000  # predicted times are looked at in steps of so much
_SAME_PLACE = 1.0005  # two values whose ratio is below that, where predicted times cross
_NARROW_STEPS = 1.05  # where times go in steps
_NARROW_MERITS = 2.0  # where nothing is eligible
_STRAIGHT_TO = 1e-9  # part of a time by which it may be off a straight line
_STRAIGHT_TO_IN_COUNTS = 0.01  # whole waves of tasks make small steps


class Stretch(NamedTuple):
    """Values from `low` to `high`, both among them, that all have the same answer."""

    low: Number
    high: Number
    answer: Answer


def stretches(line: Line, low: Number, high: Number, through: Sequence[Number] = ()) -> tuple[Stretch, ...]:
    """The answers along a numeric input from `low` to `high`, in order; neighbours differ.

    It also looks at the values of `through`: where times go in steps, one of them may lie in a stretch not found else.
    """
    pieces = [piece for region in regions_of(line, low, high) for piece in _pieces(line, region, through)]
    joined = [list(same) for _, same in groupby(pieces, key=lambda piece: piece.answer)]
    return tuple(Stretch(same[0].low, same[-1].high, same[0].answer) for same in joined)


def values_apart(line: Line) -> tuple[Number, ...]:
    """A value of each set that the tables tell apart by facts of the workload, and of each set that rules out others.

    The former are complete whatever the other inputs are that those facts do not depend on; the latter, which go by
    what is predicted for the present candidates, only with all else as the profile says. Plain numbers, if there are.
    """
    low, high = line.axis.least, line.axis.largest
    regions = regions_of(line, low, high)
    starts = sorted(shared_starts(line, low, high))
    kinds = {(bisect_right(starts, r.low), _ruled_out(line.at(r.low).choice)): r for r in reversed(regions)}
    return tuple(sorted(plain_number(r.low, r.high, whole=line.axis.whole) for r in kinds.values()))


def _ruled_out(choice: Choice) -> tuple[tuple[ApproachId, tuple[str, ...]], ...]:
    """What rules out each candidate."""
    candidates = sorted((choice.chosen, *choice.others), key=lambda c: c.approach)
    return tuple((c.approach, tuple(rule.id for rule in c.ruled_out)) for c in candidates)


def _pieces(line: Line, region: Region, through: Sequence[Number]) -> Iterator[Stretch]:
    """The stretches of a region, in which only predicted times, and merits where nothing is eligible, can differ."""
    start = region.low
    if not _decided_by_tables(line, region):
        inside = (value for value in through if region.low < value < region.high)
        points = sorted({*_points(line, *region), *inside})
        for low, high in pairwise(points):
            if line.answer(low) != line.answer(high):
                for last, first in _places(line, low, high):
                    yield Stretch(start, last, line.answer(start))
                    start = first
    yield Stretch(start, region.high, line.answer(start))


def _decided_by_tables(line: Line, region: Region) -> bool:
    """Whether the tables alone settle the answer of a region: no times are compared, and no merits that differ there."""
    chosen = line.at(region.low).choice.chosen
    if region.low == region.high:
        return True
    if not chosen.ruled_out:
        return not line.timed(region.low)
    objection = chosen.ruled_out[0]
    considered = [line.candidate(approach, region.low) for approach in line.situation.knowledge.approaches]
    rivals = [c for c in considered if c.ruled_out[:1] == (objection,)]
    return len(rivals) == 1 or all(_exceeds(c) == _exceeds(line.candidate(c.approach, region.high)) for c in rivals)


def _exceeds(candidate: Candidate) -> list[float]:
    """How much it takes of each requirement that it exceeds."""
    return [max(1.0, used) for used in used_by(candidate)]


def _points(line: Line, low: Number, high: Number) -> list[Number]:
    """Values between two of which that have the same answer, all in between have it too."""
    timed = bool(line.timed(low))
    ratio = high / max(low, NOTHING)
    if line.axis.rank(high) - line.axis.rank(low) <= 1 or ratio < (_NARROW_STEPS if timed else _NARROW_MERITS):
        return [low, high]
    if timed and ratio <= _STEP and (crossings := _crossings(line, low, high)) is not None:
        return [low, *crossings, high]
    middle = line.axis.middle(low, high)
    if middle in (low, high):
        return [low, high]
    return _points(line, low, middle) + _points(line, middle, high)


def _crossings(line: Line, low: Number, high: Number) -> list[Number] | None:
    """Values on both sides of where the ratio of two times meets a bound; None unless all times are straight lines."""
    first, last = line.timed(low), line.timed(high)
    if first.keys() != last.keys() or not all(
        _straight(line, value, (low, first), (high, last)) for value in _between(line, low, high)
    ):
        return None
    found: list[Number] = []
    for one, other in permutations(first, 2):
        for bound in {1.0, AS_FAST, *numbers_asked(line.situation.knowledge).get("speedup", ())}:
            before = first[one] - bound * first[other]
            after = last[one] - bound * last[other]
            if (before > 0) != (after > 0):
                found += _both_sides(line, low + (high - low) * (before / (before - after)), low, high)
    return found


_Times = tuple[Number, dict[ApproachId, float]]  # a value, and the times that are compared there


def _between(line: Line, low: Number, high: Number) -> list[Number]:
    """Where times are looked at to see whether they are straight: of counts at more places, as waves of tasks make steps."""
    if line.axis.whole:
        return [low + int((high - low) * quarter / 4) for quarter in (2, 1, 3)]
    return [low + (high - low) / 2]


def _straight(line: Line, value: Number, low: _Times, high: _Times) -> bool:
    """Whether the times at a value lie on the straight lines between those of two others."""
    times, share = line.timed(value), (value - low[0]) / (high[0] - low[0])
    straight_to = _STRAIGHT_TO_IN_COUNTS if line.axis.whole else _STRAIGHT_TO
    return times.keys() == low[1].keys() and all(
        abs(low[1][a] + (high[1][a] - low[1][a]) * share - there) <= there * straight_to for a, there in times.items()
    )


def _both_sides(line: Line, value: float, low: Number, high: Number) -> list[Number]:
    """A value a little lower and a little higher, if they are between the ends; whole ones where the field is."""
    reach = (_SAME_PLACE - 1) / 3
    around = (value * (1 - reach), value * (1 + reach))
    sides = (math.floor(around[0]), math.ceil(around[1])) if line.axis.whole else around
    return [side for side in sides if low < side < high]


def _places(line: Line, low: Number, high: Number) -> list[tuple[Number, Number]]:
    """Each place between two values where the answer changes: the last value before it and the first after it."""
    near = high - low <= 1 if line.axis.whole else high <= max(low * _SAME_PLACE, NOTHING)
    middle = line.axis.middle(low, high)
    if near or middle in (low, high):
        return [(low, high)]
    answers = [line.answer(v) for v in (low, middle, high)]
    found = _places(line, low, middle) if answers[0] != answers[1] else []
    return found + (_places(line, middle, high) if answers[1] != answers[2] else [])
