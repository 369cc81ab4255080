"""Which inputs would change the answer, and where: the nearest values of each at which it is another one.

Along a number either exactly (`critical`), or by the powers of ten and the places between two of them where the answer
differs: a fifth of the time, which can miss what happens and is undone between two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from selector.recommend.along import Answer, Number, Stretch, admitted, plain_number, rounded_away, stretches
from selector.recommend.chain import Choice, choose
from selector.recommend.facts import FACTS, HostFacts
from selector.recommend.knowledge import Knowledge
from selector.recommend.recommendation import Change
from selector.workload.fields import field_kind
from selector.workload.profile import WorkloadProfile

#: Numbers that stand for what people may answer: a fair sample.
_LADDER = tuple(10.0**exponent for exponent in range(-2, 7))
_FAR = 1000  # a number that far off is another workload, not a change of this one
_NOT_INPUTS = ("name", "description", "current_approach")
_INTERPRETER_CHOICES = (("3.14",), ("3.14", "3.14t"))


def input_names() -> list[str]:
    """The fields of a profile that the tables can see."""
    return [f for f in WorkloadProfile.model_fields if f not in _NOT_INPUTS and (f in FACTS or f == "interpreters")]


def alternatives_of(field: str) -> tuple[Any, ...]:
    """Values a field may have: every id of a fixed set, both booleans, or the ladder for numbers."""
    kind = field_kind(field)
    if kind.kind == "versions":
        return _INTERPRETER_CHOICES
    if kind.kind == "flag":
        return (True, False)
    if kind.kind == "count":
        return tuple(int(v) for v in _LADDER if v >= 1)
    return kind.choices or _LADDER


def would_change(
    profile: WorkloadProfile, choice: Choice, host: HostFacts, knowledge: Knowledge, *, exact: bool
) -> tuple[Change, ...]:
    """For each input, the nearest values at which the answer is another one.

    For a known number that is the nearest change below and above it, up to a factor of 1,000; for an unknown number,
    where it would begin to matter; for anything else, the first value that gives each other answer. Numbers are as a
    person would write them, on the side where the answer is the other one.
    """
    found: list[dict[str, Any]] = []
    for field in input_names():
        current = choice.facts.get(field, getattr(profile, field))
        ask = _answerer(profile, field, host, knowledge)
        if field_kind(field).kind not in ("count", "number"):
            places = _first_of_each([v for v in alternatives_of(field) if v != current], choice.answer, ask)
        else:
            low, high = admitted(field) if current is None else _near(field, current)
            if exact:
                along = stretches(profile, field, host, knowledge, low, high)
            else:
                along = _between_rungs(field, current, low, high, ask)
            places = (
                _boundaries(along, choice.answer, ask)
                if current is None
                else _nearest(along, current, choice.answer, ask)
            )
        found += [{"input": field, "to": value, "approach": answer[0], "engine": answer[1]} for value, answer in places]
    return tuple(map(Change.model_validate, found))


def _answerer(profile: WorkloadProfile, field: str, host: HostFacts, knowledge: Knowledge) -> Callable[[Any], Answer]:
    """The answer at a value of a field, each asked for once."""
    return cache(lambda value: choose(profile.model_copy(update={field: value}), host, knowledge).answer)


def _near(field: str, current: float) -> tuple[float, float]:
    """The numbers that are changes of the same workload, not another one."""
    least, largest = admitted(field)
    if field_kind(field).kind == "count":
        return max(least, math.ceil(current / _FAR)), min(largest, int(current * _FAR))
    return max(least, current / _FAR), min(largest, current * _FAR)


def _first_of_each(values: list[Any], answer: Answer, ask: Callable[[Any], Answer]) -> list[tuple[Any, Answer]]:
    seen = {answer}
    found = []
    for value in values:
        if (other := ask(value)) not in seen:
            seen.add(other)
            found.append((value, other))
    return found


def _nearest(
    along: tuple[Stretch, ...], current: float, answer: Answer, ask: Callable[[Any], Answer]
) -> list[tuple[Any, Answer]]:
    """The change next below a known number, and the one next above it."""
    below = [s for s in along if s.high < current and s.answer != answer][-1:]
    above = [s for s in along if s.low > current and s.answer != answer][:1]
    return [_written(s, s.high, current, ask) for s in below] + [_written(s, s.low, current, ask) for s in above]


def _boundaries(along: tuple[Stretch, ...], answer: Answer, ask: Callable[[Any], Answer]) -> list[tuple[Any, Answer]]:
    """For an unknown number: the value nearest to where the answer stays, on each side where it does not."""
    if all(stretch.answer != answer for stretch in along):  # knowing it at all changes the answer
        plain = [plain_number(s.low, s.high, whole=isinstance(s.low, int)) for s in along]
        return _first_of_each(plain, answer, ask)
    found = []
    for one, other in pairwise(along):
        if one.answer == answer:
            found.append(_written(other, other.low, one.high, ask))
        elif other.answer == answer:
            found.append(_written(one, one.high, other.low, ask))
    return list(dict.fromkeys(found))  # a stretch of one number is met from both sides


def _written(stretch: Stretch, edge: float, inside: float, ask: Callable[[Any], Answer]) -> tuple[Any, Answer]:
    """A stretch by its edge, rounded away from `inside`, where the answer is another one."""

    def holds(value: float) -> bool:
        """Whether a rounded edge is still in the stretch."""
        return stretch.low <= value <= stretch.high and ask(value) == stretch.answer

    return rounded_away(edge, inside, holds), stretch.answer


def _between_rungs(
    field: str, current: Number | None, low: Number, high: Number, ask: Callable[[Any], Answer]
) -> tuple[Stretch, ...]:
    """The answers along a number by its rungs from `low` to `high`, and by itself."""
    rungs = [value for value in alternatives_of(field) if low <= value <= high]
    points = sorted({*(rungs if current is None else [*rungs, current])})
    return _sampled(points[::2] if current is None else points, ask)


def _sampled(points: Sequence[Number], ask: Callable[[Any], Answer]) -> tuple[Stretch, ...]:
    """The answers at some values, and the place between two neighbours that differ, to 2 %."""
    found: list[Stretch] = []
    start = points[0]
    for one, other in pairwise(points):
        if ask(other) != ask(start):
            last, first = _narrowed(one, other, ask)
            found.append(Stretch(start, last, ask(start)))
            if ask(first) != ask(other):
                found.append(Stretch(first, first, ask(first)))
            start = first if ask(first) == ask(other) else other
    return (*found, Stretch(start, points[-1], ask(start)))


def _narrowed(inside: Number, outside: Number, ask: Callable[[Any], Answer]) -> tuple[Number, Number]:
    """Two values with different answers, of which the first has that of `inside`, within 2 %; whole ones next door."""
    answer, whole = ask(inside), isinstance(outside, int)
    while abs(outside - inside) > max(1 if whole else 1e-9, abs(outside) * 0.02):
        middle = _middle(inside, outside, whole=whole)
        if middle in (inside, outside):
            break
        if ask(middle) == answer:
            inside = middle
        else:
            outside = middle
    return inside, outside


def _middle(a: Number, b: Number, *, whole: bool) -> Number:
    """The middle of two numbers as people see it: by ratio, to three digits; by difference near zero."""
    middle = math.sqrt(a * b) if a > 0 and b > 0 else (a + b) / 2
    if not whole:
        return float(f"{middle:.3g}")
    return int(a + b) // 2 if abs(a - b) < 20 else round(middle)
