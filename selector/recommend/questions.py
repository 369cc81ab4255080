"""Which questions are still worth asking: those whose answer can change the recommendation, worked out from the tables.

No list of questions is kept by hand. Every unanswered field is tried with every value it may have, and the chain of
tables says what would come of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from selector.profile import WorkloadProfile, field_kind
from selector.recommend.choose import choose
from selector.recommend.explain import Answer, alternatives_of, input_names
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import Knowledge


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A field whose value can still change the answer.

    `answers` are the other answers (approach and engine) that it can lead to, in the order of its values. `alone` says
    whether it can do so with everything else as it is, or only together with one other field that is not answered.
    """

    field: str
    answers: tuple[Answer, ...]
    alone: bool


def questions(
    profile: WorkloadProfile, asked: frozenset[str], host: HostFacts, knowledge: Knowledge
) -> tuple[OpenQuestion, ...]:
    """The fields worth asking about, the most decisive first; empty if nothing that is left matters.

    Candidates are the fields the tables can see (`input_names`) that the profile does not set and that are not in
    `asked` (skipped, say). A field matters if one of its values (`alternatives_of`: all of them, for numbers a rung for
    each power of ten) changes the answer with everything else as it is. If no field does, those are returned that do so
    together with one value of one other candidate (of the rungs, every other one: `values_in_pairs`).

    Fields that matter alone are ordered by how many of the other open questions their answer settles, on average over
    their values; then by the share of their values that change the answer. Fields that matter in pairs are ordered by
    the share of the pairs that change it. Ties are in the order of the model. Takes about 20 ms, and
    0.1 to 0.2 s where pairs are tried.
    """
    tried = _Trials(profile, host, knowledge)
    values = {f: alternatives_of(f) for f in input_names() if f not in asked and f not in profile.model_fields_set}
    alone = [f for f in values if any(tried.changed((f, v)) for v in values[f])]
    if alone:
        ranks = {f: (_settled(f, alone, values, tried), _share(f, values, tried)) for f in alone}
        ordered = sorted(alone, key=ranks.__getitem__, reverse=True)  # a stable sort: ties stay in the model's order
        return tuple(OpenQuestion(f, tried.others(((f, v),) for v in values[f]), alone=True) for f in ordered)
    return _in_pairs({f: values_in_pairs(f) for f in values}, tried)


def values_in_pairs(field: str) -> tuple[Any, ...]:
    """The values tried together with those of another field: of numbers every other rung, a quarter of the pairs."""
    values = alternatives_of(field)
    return values[::2] if field_kind(field).kind in ("count", "number") else values


class _Trials:
    """The answers for the profile with some fields changed, each asked of the tables once."""

    def __init__(self, profile: WorkloadProfile, host: HostFacts, knowledge: Knowledge) -> None:
        self._profile, self._host, self._knowledge = profile, host, knowledge
        self._known: dict[frozenset[tuple[str, Any]], Answer] = {}
        self.now = self.answer()

    def answer(self, *changes: tuple[str, Any]) -> Answer:
        """The answer with these changes of the profile; each is asked for once."""
        key = frozenset(change for change in changes if change[1] != getattr(self._profile, change[0]))
        if key not in self._known:
            changed = self._profile.model_copy(update=dict(key))
            self._known[key] = choose(changed, self._host, self._knowledge).answer
        return self._known[key]

    def changed(self, *changes: tuple[str, Any]) -> bool:
        """Whether these changes lead to another answer."""
        return self.answer(*changes) != self.now

    def others(self, trials: Iterable[tuple[tuple[str, Any], ...]]) -> tuple[Answer, ...]:
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


def _in_pairs(values: dict[str, tuple[Any, ...]], tried: _Trials) -> tuple[OpenQuestion, ...]:
    """The fields that change the answer together with one value of one other field."""
    found: dict[str, list[tuple[tuple[str, Any], ...]]] = {field: [] for field in values}
    pairs = dict.fromkeys(values, 0)
    for one, other in combinations(values, 2):
        trials = [((one, v), (other, w)) for v in values[one] for w in values[other]]
        changing = [trial for trial in trials if tried.changed(*trial)]
        for field in (one, other):
            pairs[field] += len(trials)
            found[field] += changing
    ordered = sorted((f for f in values if found[f]), key=lambda f: len(found[f]) / pairs[f], reverse=True)
    return tuple(OpenQuestion(f, tried.others(found[f]), alone=False) for f in ordered)
