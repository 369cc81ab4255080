"""How the tables of the chain are asked: for the one row that fires, or in parts that many approaches have in common."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from selector.approaches import Traits
from selector.decision import DecisionTable
from selector.decision.table import LIST_POLICIES, Rule
from selector.errors import SelectorError
from selector.recommend.derive import approach_facts
from selector.recommend.facts import OF_A_PAIR, PREDICTED, Facts, PredictedFacts
from selector.recommend.knowledge import CHAIN, Knowledge
from selector.workload.profile import ApproachId

#: The verdicts of speedup_bands under which the simpler approach stays.
STAYING = ("avoid", "stay_simple")
_NO_SAY = ("advice", "wrong_turns")  # tables of the chain that have no say in the answer


def fired_rule(table: DecisionTable, facts: Mapping[str, Any]) -> Rule:
    """The first row that fires (under a default: the default as a row); SelectorError where none does."""
    decision = table.decide_among(facts)
    if decision.rules:
        return decision.rules[0]
    if decision.output is None:
        given = ", ".join(f"{k}={v}" for k, v in table.inputs_among(facts).items() if v is not None)
        raise SelectorError(f"table {table.name} in {table.source}: no rule matches {given}", "add a rule or a default")
    return Rule("default", (), decision.output, "No rule matched: the table's default.")


@lru_cache(maxsize=32)
def in_parts(knowledge: Knowledge, name: str) -> TableInParts:
    """A table of the chain, to be asked in parts."""
    return TableInParts(knowledge.tables[name], knowledge)


class TableInParts:
    """One table, asked in parts: about the workload, about the traits of an approach, and about what is predicted.

    What the table says to the facts of the workload is worked out once, what it says to the traits of an approach once
    for all workloads: only what is predicted for an approach is looked at each time.
    """

    def __init__(self, table: DecisionTable, knowledge: Knowledge) -> None:
        self._table, self._approaches = table, knowledge.approaches
        of_traits = {"approach", *Traits.__annotations__}
        self._shared = table.part(n for n in table.input_names if n not in of_traits and n not in PREDICTED)
        by_traits = table.part(of_traits)
        self._by_traits = {
            approach: by_traits({**entry.traits.__dict__, "approach": approach})
            for approach, entry in knowledge.approaches.items()
        }
        self._predicted = table.part(PREDICTED)
        self._without_predictions = table.rules_without(PREDICTED)
        self._first: dict[int, Rule] = {}
        self._last: tuple[Facts | None, int] = None, 0

    def _rows(self, facts: Facts, approach: ApproachId) -> int:
        """The rows that the workload and the traits let through, as bits."""
        last, rows = self._last
        if last is not facts:
            rows = self._shared(facts)
            self._last = facts, rows
        return rows & self._by_traits[approach]

    def rules(self, facts: Facts, approach: ApproachId, predicted: PredictedFacts | None) -> tuple[Rule, ...]:
        """The rows that fire for an approach (under a default: the default as a row)."""
        try:
            matched = self._rows(facts, approach) & self._predicted(predicted or {})
            decision = self._table.decision_of(matched, {})
        except (LookupError, TypeError, ValueError, SelectorError):
            decision = None  # for the error that says what is wrong, or a list policy of a user's own
        if decision is not None and decision.rules:
            return decision.rules
        as_a_list = self._table.hit_policy in LIST_POLICIES
        if as_a_list and decision is not None:
            return ()
        everything = approach_facts(facts, approach, self._approaches[approach].traits, predicted)
        return self._table.decide_among(everything).rules if as_a_list else (fired_rule(self._table, everything),)

    def first_rule(self, facts: Facts, approach: ApproachId) -> Rule:
        """The row that fires for an approach, of a table that asks nothing that is predicted; each asked for once."""
        try:
            rows = self._rows(facts, approach)
        except (LookupError, TypeError, ValueError):
            return self.rules(facts, approach, None)[0]
        if rows not in self._first:
            self._first[rows] = self.rules(facts, approach, None)[0]
        return self._first[rows]

    def settled_without_predictions(self, facts: Facts, approach: ApproachId) -> bool:
        """Whether a row fires that asks nothing that is predicted."""
        try:
            return bool(self._rows(facts, approach) & self._without_predictions)
        except (LookupError, TypeError, ValueError):
            return False


@lru_cache(maxsize=8)
def limit_of_staying(knowledge: Knowledge, *, people: bool = False, arrives: bool = False) -> float | None:
    """The speedup up to which the bands keep a simpler approach; None where they ask for more than that, and what `arrives` says.

    What they ask about people is nothing more where the profile says nothing of any, that is without `people`. None, too,
    where they do not go from one to the other once, at a bound that belongs to those that stay.
    """
    table = knowledge.tables["speedup_bands"]
    if not set(table.input_names) <= ({"speedup", "arrives"} if people else {*OF_A_PAIR}):
        return None
    bounds = sorted(float(b) for b in table.thresholds("speedup") if isinstance(b, int | float))
    around = sorted({*bounds, *(b * 1.0001 for b in bounds), *(b * 0.9999 for b in bounds)})
    stays = [
        fired_rule(table, {"speedup": b, "arrives": arrives}).outputs["verdict"] in STAYING for b in around if b >= 0
    ]
    if stays != sorted(stays, reverse=True) or not any(stays):
        return None
    limit = max(b for b, stay in zip(around, stays, strict=True) if stay)
    return limit if limit in bounds else None


@lru_cache(maxsize=8)
def numbers_asked(knowledge: Knowledge) -> dict[str, list[float]]:
    """Every fact that a table with a say in the answer asks about, with the numbers it is held against."""
    found: dict[str, set[float]] = {}
    for name in CHAIN:
        if name not in _NO_SAY:
            table = knowledge.tables[name]
            for fact in table.input_names:
                numbers = (v for v in table.thresholds(fact) if isinstance(v, int | float) and not isinstance(v, bool))
                found.setdefault(fact, set()).update(numbers)
    return {fact: sorted(numbers) for fact, numbers in found.items()}
