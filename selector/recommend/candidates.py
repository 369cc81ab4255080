"""Candidates: the approaches that are considered, how they are compared, and which of them the predictions settle on."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

from selector.approaches import Traits
from selector.cost.batch import Batch
from selector.cost.cluster import Cluster
from selector.cost.predict import CostEstimate
from selector.decision.table import Rule
from selector.recommend.asking import STAYING, fired_rule, limit_of_staying
from selector.recommend.derive import approach_facts, arrives, burden, pair_facts
from selector.recommend.facts import Facts, PredictedFacts
from selector.recommend.knowledge import Knowledge
from selector.workload.profile import ApproachId, WorkloadProfile

Answer = tuple[ApproachId, str | None]  # what a user would call the answer: the approach and the engine

AS_FAST = 1.1  # a smaller difference is within what the best of costs leave open (SURENESS: a margin of 1.1)


class Candidate(NamedTuple):
    """One approach that was considered, with what was predicted for it and what rules it out (nothing: eligible)."""

    approach: ApproachId
    row: Rule | None  # of strategy; None if no row of it named the approach
    workers: int  # in each of its processes
    sizing: Rule
    processes: int
    replicas: Rule
    predicted: CostEstimate
    seconds: float | None  # what tells how fast it is: predicted for a batch, of a service those for each request
    ruled_out: tuple[Rule, ...]
    batch: Batch | None  # that its time was predicted from
    own: PredictedFacts  # the facts about it that are predicted
    traits: Traits
    workload: Facts  # the facts that it shares with all candidates
    cluster: Cluster | None = None  # of an engine whose costs are known: its machines and workers

    @property
    def facts(self) -> dict[str, Any]:
        """All that the tables may ask about it."""
        return approach_facts(self.workload, self.approach, self.traits, self.own)

    @property
    def standing(self) -> str:
        """contender, or fallback (also for an approach no row of strategy named)."""
        return str(self.row.outputs["standing"]) if self.row else "fallback"


class Weighing(NamedTuple):
    """What speedup_bands was asked about a simpler candidate and the fastest one, and the row that answered."""

    simpler: Candidate
    fastest: Candidate
    facts: dict[str, Any]
    band: Rule


class Choice(NamedTuple):
    """What the chain came to."""

    facts: Facts  # of the workload
    chosen: Candidate
    others: tuple[Candidate, ...]  # every other candidate, as strategy ordered them
    weighing: Weighing | None  # what settled it, if the predictions had a say
    engine: Rule | None

    @property
    def answer(self) -> Answer:
        """What a user would call the answer: the approach and the engine."""
        return self.chosen.approach, str(self.engine.outputs["engine"]) if self.engine else None


def used_by(candidate: Candidate) -> tuple[float, ...]:
    """How much of each requirement a candidate takes: of memory, of latency by itself and among others, of rate and time."""
    own = candidate.own
    uses = (own["memory_use"], own["latency_use"], own["queued_latency_use"], own["utilisation"], own["deadline_use"])
    return tuple(use or 0.0 for use in uses)


def excess(candidate: Candidate) -> float:
    """How many times a requirement it takes, of the one that it exceeds most; 1 where it exceeds none, 0 if it is eligible."""
    return max(1.0, *used_by(candidate)) if candidate.ruled_out else 0.0


def speaks_of_people(profile: WorkloadProfile) -> bool:
    """Whether a profile says something of the people who will keep it running."""
    return profile.team_knows is not None or profile.maintainability == "high"


def nothing_to_move(profile: WorkloadProfile) -> bool:
    """Whether it is a service of which nothing says how it runs today, so that no approach is nearer than another."""
    return profile.mode == "service" and profile.current_approach is None


def nearest_to_fastest(
    predicted: list[Candidate], profile: WorkloadProfile, knowledge: Knowledge
) -> tuple[Candidate, Weighing | None]:
    """The simplest candidate that the bands call near enough to the fastest, and the comparison that settled it.

    Simplest is what asks least of the people, where the profile speaks of any, then what takes the least effort from where
    the code is; of several that take the same, those as fast as the fastest of them, and the first in the order of APPROACHES.
    A service of which nothing says how it runs today has no code to move: a contender without workers stays.
    """
    fastest = min(predicted, key=seconds_of)
    if len(predicted) == 1:
        return fastest, None
    people = speaks_of_people(profile)
    limit = limit_of_staying(knowledge, people=people, arrives=arrives(fastest.workload))
    if limit is not None:
        longest = seconds_of(fastest) * limit
        near = [c for c in predicted if seconds_of(c) <= longest or c is fastest]
    else:
        near = [
            c for c in predicted if all(_stays(c, f, knowledge) for f in predicted if seconds_of(f) < seconds_of(c))
        ]
    if people:
        burdens = {c.approach: burden(c.workload, c.traits) for c in near}
        lightest = min(burdens.values())
        near = [c for c in near if burdens[c.approach] == lightest]
    simplicity = {c.approach: knowledge.simplicity(profile.origin, c.approach) for c in near}
    least = min(effort for effort, _ in simplicity.values())
    simple = [c for c in near if simplicity[c.approach][0] == least]
    as_fast = min(map(seconds_of, simple)) * AS_FAST
    chosen = min((c for c in simple if seconds_of(c) <= as_fast), key=lambda c: simplicity[c.approach])
    if nothing_to_move(profile):
        chosen = next((c for c in near if c.standing == "contender" and c.traits.pool == "none"), chosen)
    if chosen is not fastest:
        return chosen, weighed(chosen, fastest, knowledge)
    beaten = [c for c in predicted if c not in near]  # what spoke against the nearest of them
    return chosen, weighed(min(beaten or [c for c in near if c is not fastest], key=seconds_of), fastest, knowledge)


def _stays(simpler: Candidate, fastest: Candidate, knowledge: Knowledge) -> bool:
    """Whether the bands let a simpler candidate stay, where they ask for more than how much faster the other is."""
    return weighed(simpler, fastest, knowledge).band.outputs["verdict"] in STAYING


def weighed(simpler: Candidate, fastest: Candidate, knowledge: Knowledge) -> Weighing:
    """What the bands say of taking the fastest candidate instead of a simpler one."""
    table, speedup = knowledge.tables["speedup_bands"], seconds_of(simpler) / max(seconds_of(fastest), 1e-9)
    facts = pair_facts(simpler.workload, simpler.traits, fastest.traits, speedup)
    if not set(table.input_names) <= facts.keys():  # of a user's own
        facts = {**simpler.facts, **facts}
    return Weighing(simpler, fastest, facts, fired_rule(table, facts))


#: The seconds of a candidate that has some; written in C, as it is asked for again and again.
seconds_of: Callable[[Candidate], float] = attrgetter("seconds")
