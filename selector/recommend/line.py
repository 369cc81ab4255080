"""A situation along one of its inputs: what the tables say with each value, asked once."""

from __future__ import annotations

from typing import Any

from selector.recommend.candidates import Answer, Candidate
from selector.recommend.chain import Situation
from selector.recommend.facts import Facts
from selector.recommend.numbers import Number, axis_of
from selector.workload.fields import field_kind
from selector.workload.profile import APPROACHES, ApproachId


def is_number(field: str) -> bool:
    """Whether an input is a number, so that it has an axis."""
    return field_kind(field).kind in ("count", "number")


class Line:
    """A situation along one of its inputs: the same with each value that is asked about, kept."""

    def __init__(self, situation: Situation, field: str) -> None:
        self.situation, self.field = situation, field
        self.axis = axis_of(field)  # of an input that is a number
        self._at: dict[Any, Situation] = {}

    def at(self, value: Any) -> Situation:
        """The situation with that value."""
        if value not in self._at:
            self._at[value] = self.situation.changed(**{self.field: value})
        return self._at[value]

    def answer(self, value: Any) -> Answer:
        """The answer with that value."""
        return self.at(value).answer

    def facts(self, value: Number) -> Facts:
        """The facts that do not depend on an approach: far cheaper than a choice."""
        return self.at(value).facts

    def candidate(self, approach: ApproachId, value: Number) -> Candidate:
        """One approach, whether strategy names it there or not."""
        return self.at(value).candidate(approach)

    def open_at(self, value: Number) -> list[ApproachId]:
        """The approaches that neither the workload nor their own traits rule out."""
        situation = self.at(value)
        return [a for a in APPROACHES if situation.may_be_eligible(a)]

    def timed(self, value: Number) -> dict[ApproachId, float]:
        """The times that are compared at a value, none if there is nothing to compare.

        Whatever is eligible and predicted takes part, named by a row of strategy or not; also what is too slow there
        for the choice to look at, as it may not be a little further on.
        """
        choice = self.at(value).choice
        if choice.chosen.ruled_out or not any(c.seconds for c in (choice.chosen, *choice.others)):
            return {}
        eligible = [c for a in self.open_at(value) if not (c := self.candidate(a, value)).ruled_out]
        times = {c.approach: c.seconds for c in eligible if c.seconds}
        return times if len(times) > 1 else {}

    def room(self, approach: ApproachId, value: Number) -> dict[str, float]:
        """How many workers of an approach the memory budget has room for at a value, with a fraction."""
        situation = self.at(value)
        budget = situation.unclassified["memory_budget_mb"]
        if budget is None:
            return {}
        footprint = situation.footprint(approach)
        return {"workers": (budget - footprint.fixed) / max(footprint.worker, 1e-9)}
