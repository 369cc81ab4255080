"""Which questions are still worth asking: those whose answer can change the recommendation, worked out from the tables.

No list of questions is kept by hand. Every unanswered field is tried with every value it may have, a number with one of
each stretch that has an answer of its own (`along`), and the chain of tables says what would come of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from selector.recommend.along import stretches, values_apart
from selector.recommend.candidates import Answer
from selector.recommend.chain import Situation
from selector.recommend.changes import alternatives_of, input_names, values_to_try
from selector.recommend.line import Line, is_number
from selector.recommend.numbers import plain_number
from selector.workload.profile import WorkloadProfile


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A field whose value can still change the answer.

    `answers` are the other answers (approach and engine) that it can lead to, in the order of its values. `alone` says
    whether it can do so with everything else as it is, or only together with one other field that is not answered.
    """

    field: str
    answers: tuple[Answer, ...]
    alone: bool


class Memory:
    """What the tables have said so far on one host, so that a dialogue works nothing out twice.

    An answer leaves most of what was found out as it was: "I don't know" all of it, a value what was tried with it. What
    the tables say depends on values alone; which fields were answered is no part of it.
    """

    def __init__(self) -> None:
        self.answers: dict[_Values, Answer] = {}
        self.to_try: dict[tuple[_Values, str, bool], tuple[Any, ...]] = {}


#: The values of a profile that are not those taken without an answer.
_Values = frozenset[tuple[str, Any]]


def questions(
    situation: Situation, answered: AbstractSet[str], memory: Memory | None = None
) -> tuple[OpenQuestion, ...]:
    """The fields worth asking about, the most decisive first; empty if nothing that is left matters.

    Candidates are the fields the tables can see (`input_names`) that the profile does not set, be it to what is taken
    without an answer, and that are not in `answered` (with "I don't know", say). A field matters if one of its values
    changes the answer with everything else as it is: any value that it may have, a number as exactly as `along` says.
    If no field does, those are returned that do so together with one value of one other candidate; of numbers some
    values are tried (`values_in_pairs`). That is complete for every fact of the workload that depends on one of the two
    alone, not for what depends on both, such as the CPU time of all tasks, and not for predictions.

    Fields that matter alone are ordered by how many of the other open questions their answer settles, on average over
    their values (`values_alone`); then by the share of their values that change the answer. Fields that matter in pairs
    are ordered by the share of the pairs that change it. Ties are in the order of the model.

    `memory` is for calls with the same host and knowledge, as in a dialogue: the second call finds most of it there.
    """
    tried = _Trials(situation, memory or Memory())
    fields = [f for f in input_names() if f not in answered and f not in situation.profile.model_fields_set]
    values = {f: tried.values(f, alone=True) for f in fields}
    alone = [f for f in values if any(tried.changed((f, v)) for v in values[f])]
    if alone:
        ranks = {f: (_settled(f, alone, values, tried), _share(f, values, tried)) for f in alone}
        ordered = sorted(alone, key=ranks.__getitem__, reverse=True)  # a stable sort: ties stay in the model's order
        return tuple(OpenQuestion(f, tried.others(((f, v),) for v in values[f]), alone=True) for f in ordered)
    return _in_pairs({f: tried.values(f, alone=False) for f in values}, tried)


def values_alone(situation: Situation, field: str) -> tuple[Any, ...]:
    """Values of a field that lead to every answer it can lead to: of numbers the rungs, and what lies between them."""
    values, line = values_to_try(situation.knowledge, field), Line(situation, field)
    if not is_number(field):
        return values
    along = stretches(line, line.axis.least, line.axis.largest)
    reached = {s.answer for s in along if any(s.low <= value <= s.high for value in values)}
    others = {s.answer: plain_number(s.low, s.high, whole=line.axis.whole) for s in reversed(along)}
    return tuple(sorted({*values, *(number for answer, number in others.items() if answer not in reached)}))


def values_in_pairs(situation: Situation, field: str) -> tuple[Any, ...]:
    """The values tried together with those of another field: of numbers one of each set that the tables can tell apart.

    And every other rung, or all beside a field that is no number, as predicted times tell more apart.
    """
    values, line = values_to_try(situation.knowledge, field), Line(situation, field)
    return tuple(sorted({*values[::2], *values_apart(line)})) if is_number(field) else values


_DEFAULTS = {name: field.default for name, field in WorkloadProfile.model_fields.items()}
_Trial = tuple[tuple[str, Any], ...]  # fields and the values they are changed to


class _Trials:
    """The answers for a situation with some fields changed, each asked of the tables once."""

    def __init__(self, situation: Situation, memory: Memory) -> None:
        self._situation, self._memory = situation, memory
        self._given = {f: v for f, v in situation.profile.__dict__.items() if v != _DEFAULTS[f]}
        self.now = self.answer()

    def answer(self, *changes: tuple[str, Any]) -> Answer:
        """The answer with these changes of the profile; each is asked for once."""
        values = {**self._given, **dict(changes)}
        key = frozenset(item for item in values.items() if item[1] != _DEFAULTS[item[0]])
        if key not in self._memory.answers:
            self._memory.answers[key] = self._situation.changed(**dict(changes)).answer
        return self._memory.answers[key]

    def values(self, field: str, *, alone: bool) -> tuple[Any, ...]:
        """The values of a field to try, by itself or in pairs."""
        key = frozenset(self._given.items()), field, alone
        if key not in self._memory.to_try:
            to_try = values_alone if alone else values_in_pairs
            self._memory.to_try[key] = to_try(self._situation, field)
        return self._memory.to_try[key]

    def changed(self, *changes: tuple[str, Any]) -> bool:
        """Whether these changes lead to another answer."""
        return self.answer(*changes) != self.now

    def others(self, trials: Iterable[_Trial]) -> tuple[Answer, ...]:
        """The answers other than the present one, each once."""
        return tuple(dict.fromkeys(a for trial in trials if (a := self.answer(*trial)) != self.now))


def _share(field: str, values: dict[str, tuple[Any, ...]], tried: _Trials) -> float:
    """The share of a field's values that change the answer."""
    return sum(tried.changed((field, v)) for v in values[field]) / len(values[field])


def _settled(field: str, questions: list[str], values: dict[str, tuple[Any, ...]], tried: _Trials) -> float:
    """How many of the other open questions cannot change the answer any more, on average over the field's values."""
    settled = 0
    for value in values[field]:
        then = tried.answer((field, value))
        for other in questions:
            if other != field:
                # What changes the answer now most likely still does: trying that first ends most searches at once.
                likely = sorted(values[other], key=lambda v: not tried.changed((other, v)))
                settled += all(tried.answer((field, value), (other, v)) == then for v in likely)
    return settled / len(values[field])


def _paired(one: str, other: str, values: dict[str, tuple[Any, ...]]) -> Iterator[_Trial]:
    """The values of two fields tried together: beside a field that is no number, all rungs of one that is."""
    mixed = is_number(one) != is_number(other)
    each = [sorted({*values[f], *alternatives_of(f)}) if mixed and is_number(f) else values[f] for f in (one, other)]
    yield from (((one, v), (other, w)) for v, w in product(*each))


def _in_pairs(values: dict[str, tuple[Any, ...]], tried: _Trials) -> tuple[OpenQuestion, ...]:
    """The fields that change the answer together with one value of one other field."""
    found: dict[str, list[_Trial]] = {field: [] for field in values}
    pairs = dict.fromkeys(values, 0)
    for one, other in combinations(values, 2):
        trials = list(_paired(one, other, values))
        changing = [trial for trial in trials if tried.changed(*trial)]
        for field in (one, other):
            pairs[field] += len(trials)
            found[field] += changing
    ordered = sorted((f for f in values if found[f]), key=lambda f: len(found[f]) / pairs[f], reverse=True)
    return tuple(OpenQuestion(f, tried.others(found[f]), alone=False) for f in ordered)
