"""Which inputs would change the answer, and where: the nearest values of each at which it is another one.

Along a number there are two ways, as one is exact and the other is fast. Exactly is `along`, which takes 20 to 300 ms for
all inputs. Whoever did not ask for an explanation gets an answer in a fifth of that: by the powers of ten, and the places
between two of them where the answer differs, to 2 %, which can miss what happens and is undone between two.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import Any

from selector.recommend.along import Stretch, stretches
from selector.recommend.candidates import Answer
from selector.recommend.chain import Situation
from selector.recommend.facts import FACTS
from selector.recommend.knowledge import Knowledge
from selector.recommend.line import Line, is_number
from selector.recommend.numbers import Number, plain_number, rounded_away
from selector.recommend.recommendation import InputChange
from selector.workload.fields import field_kind
from selector.workload.profile import WorkloadProfile

#: Numbers that stand for what people may answer: a fair sample.
_LADDER = tuple(10.0**exponent for exponent in range(-2, 7))
_FAR = 1000  # a number that far off is another workload, not a change of this one
_SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)  # the same of a part of a whole
_NOT_INPUTS = ("name", "description", "current_approach")
#: What nobody knows who has not measured it. It is no question, and is looked along only where it is given.
MEASURED = ("pickle_ms_per_task", "import_ms", "gil_share", "gil_hold_ms", "free_threaded_ratio")
_SEEN_THROUGH_OTHERS = ("interpreters", "team_knows")  # lists, which tables see as facts of other names
_INTERPRETER_CHOICES = (("3.14",), ("3.14", "3.14t"))


def input_names() -> list[str]:
    """The fields of a profile that the tables can see, and that somebody may know without measuring."""
    return [f for f in WorkloadProfile.model_fields if _is_seen(f) and f not in MEASURED]


def _inputs_of(situation: Situation) -> list[str]:
    """The inputs that may change an answer: without what a task waits for where none does, with what was measured."""
    pointless = () if situation.facts["waits"] else ("io_kind",)
    given = [f for f in MEASURED if getattr(situation.profile, f) is not None]
    return [f for f in input_names() if f not in pointless] + given


def _is_seen(field: str) -> bool:
    return field not in _NOT_INPUTS and (field in FACTS or field in _SEEN_THROUGH_OTHERS)


def alternatives_of(field: str) -> tuple[Any, ...]:
    """Values a field may have: every id of a fixed set, both booleans, or the ladder for numbers."""
    kind = field_kind(field)
    if kind.kind == "versions":
        return _INTERPRETER_CHOICES
    if kind.kind == "several":
        return tuple((choice,) for choice in kind.choices)
    if kind.kind == "flag":
        return (True, False)
    if kind.kind == "count":
        return tuple(int(v) for v in _LADDER if v >= 1)
    return kind.choices or (_SHARES if kind.largest <= 1 else _LADDER)


@lru_cache(maxsize=512)
def values_to_try(knowledge: Knowledge, field: str) -> tuple[Any, ...]:
    """The same without words that a table in use does not know: one of a user's own may be older than the word."""
    values = alternatives_of(field)
    if field_kind(field).kind != "choice":
        return values
    asked = [c for t in knowledge.tables.values() for c in t.inputs if c.name == field]
    return tuple(v for v in values if not any(column.problem(v) for column in asked))


def would_change(situation: Situation, *, exact: bool) -> tuple[InputChange, ...]:
    """For each input, the nearest values at which the answer is another one.

    For a known number that is the nearest change below and above it, up to a factor of 1,000; for an unknown number,
    where it would begin to matter; for anything else, the first value that gives each other answer. Numbers are as a
    person would write them, on the side where the answer is the other one.
    """
    found: list[dict[str, Any]] = []
    for field in _inputs_of(situation):
        line, answer = Line(situation, field), situation.answer
        current: Any = situation.facts.get(field, getattr(situation.profile, field))
        if not is_number(field):
            others = [v for v in values_to_try(situation.knowledge, field) if v != current]
            places = _first_of_each(others, answer, line)
        elif current is None:
            low, high = line.axis.least, line.axis.largest
            places = _boundaries(stretches(line, low, high) if exact else _sampled(line), answer, line)
        elif exact:
            places = _nearest(stretches(line, *_near(line, current)), current, answer, line)
        else:
            places = _found_outwards(line, current, answer)
        found += [{"input": field, "to": value, "approach": then[0], "engine": then[1]} for value, then in places]
    return tuple(map(InputChange.model_validate, found))


def _near(line: Line, current: Number) -> tuple[Number, Number]:
    """The numbers that are changes of the same workload, not another one."""
    axis = line.axis
    if axis.whole:
        return max(axis.least, math.ceil(current / _FAR)), min(axis.largest, int(current * _FAR))
    return max(axis.least, current / _FAR), min(axis.largest, current * _FAR)


def _first_of_each(values: list[Any], answer: Answer, line: Line) -> list[tuple[Any, Answer]]:
    seen = {answer}
    found = []
    for value in values:
        if (other := line.answer(value)) not in seen:
            seen.add(other)
            found.append((value, other))
    return found


def _nearest(along: tuple[Stretch, ...], current: float, answer: Answer, line: Line) -> list[tuple[Any, Answer]]:
    """The change next below a known number, and the one next above it."""
    below = [s for s in along if s.high < current and s.answer != answer][-1:]
    above = [s for s in along if s.low > current and s.answer != answer][:1]
    return [_written(s, s.high, current, line) for s in below] + [_written(s, s.low, current, line) for s in above]


def _boundaries(along: tuple[Stretch, ...], answer: Answer, line: Line) -> list[tuple[Any, Answer]]:
    """For an unknown number: the value nearest to where the answer stays, on each side where it does not."""
    if all(stretch.answer != answer for stretch in along):  # knowing it at all changes the answer
        plain = [plain_number(s.low, s.high, whole=isinstance(s.low, int)) for s in along]
        return _first_of_each(plain, answer, line)
    found = []
    for one, other in pairwise(along):
        if one.answer == answer:
            found.append(_written(other, other.low, one.high, line))
        elif other.answer == answer:
            found.append(_written(one, one.high, other.low, line))
    return list(dict.fromkeys(found))  # a stretch of one number is met from both sides


def _written(stretch: Stretch, edge: float, inside: float, line: Line) -> tuple[Any, Answer]:
    """A stretch by its edge, rounded away from `inside`, where the answer is another one."""

    def holds(value: float) -> bool:
        """Whether a rounded edge is still in the stretch."""
        return stretch.low <= value <= stretch.high and line.answer(value) == stretch.answer

    return rounded_away(edge, inside, holds), stretch.answer


def _found_outwards(line: Line, current: Number, answer: Answer) -> list[tuple[Any, Answer]]:
    """The change next below a known number, and next above it: from it to the first rung that differs, narrowed to 2 %."""
    low, high = _near(line, current)
    rungs = sorted(value for value in alternatives_of(line.field) if low <= value <= high)
    found = []
    for side in ([r for r in reversed(rungs) if r < current], [r for r in rungs if r > current]):
        inside = current
        for rung in side:
            if line.answer(rung) != answer:
                first = _narrowed(inside, rung, line)[1]
                stretch = Stretch(min(first, rung), max(first, rung), line.answer(first))
                found.append(_written(stretch, first, current, line))
                break
            inside = rung
    return found


def _sampled(line: Line) -> tuple[Stretch, ...]:
    """The answers along an unknown number by every other rung, and the place between two that differ, to 2 %."""
    points: list[Number] = sorted({*alternatives_of(line.field)})[::2]
    found: list[Stretch] = []
    start = points[0]
    for one, other in pairwise(points):
        if line.answer(other) != line.answer(start):
            last, first = _narrowed(one, other, line)
            found.append(Stretch(start, last, line.answer(start)))
            if line.answer(first) != line.answer(other):
                found.append(Stretch(first, first, line.answer(first)))
            start = first if line.answer(first) == line.answer(other) else other
    return (*found, Stretch(start, points[-1], line.answer(start)))


def _narrowed(inside: Number, outside: Number, line: Line) -> tuple[Number, Number]:
    """Two values with different answers, of which the first has that of `inside`, within 2 %; whole ones next door."""
    answer, whole = line.answer(inside), isinstance(outside, int)
    while abs(outside - inside) > max(1 if whole else 1e-9, abs(outside) * 0.02):
        middle = _middle(inside, outside, whole=whole)
        if middle in (inside, outside):
            break
        if line.answer(middle) == answer:
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
