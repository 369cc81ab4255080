"""The chain of tables: from a workload on a host to the approach, with every row that had a say.

classify -> strategy -> (sizing, replicas, estimate, eligibility for each candidate) -> speedup bands -> engine.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from selector.approaches import Traits
from selector.cost.cluster import engine_costs
from selector.cost.memory import Footprint
from selector.cost.predict import CostEstimate, estimate, estimate_cluster
from selector.cost.shape import Shape, shape_of
from selector.cost.sheet import Sheet
from selector.cost.terms import Quantities, runs_single
from selector.decision.table import Rule
from selector.recommend.asking import fired_rule, in_parts, limit_of_staying
from selector.recommend.candidates import (
    AS_FAST,
    Answer,
    Candidate,
    Choice,
    excess,
    nearest_to_fastest,
    seconds_of,
    speaks_of_people,
)
from selector.recommend.derive import (
    add_cost_facts,
    add_machine_facts,
    approach_facts,
    arrives,
    build_facts,
    burden,
    prediction_facts,
    quantities,
)
from selector.recommend.facts import Facts, HostFacts, WorkloadFacts, tag_for
from selector.recommend.knowledge import Knowledge
from selector.recommend.pools import Pool, cluster_pool_of, pool_of
from selector.workload.profile import APPROACHES, ApproachId, WorkloadProfile


class Situation:
    """A workload on a host, by these tables: what is known of it, what the tables say, and what if it were different.

    Whoever wants to know something about a workload asks here. Each thing is worked out when it is first asked for, and
    once. `joined` says that it is a part of a system. SelectorError where a table of the user's has no answer.
    """

    def __init__(
        self, profile: WorkloadProfile, host: HostFacts, knowledge: Knowledge, *, joined: bool = False
    ) -> None:
        self.profile, self.host, self.knowledge, self.joined = profile, host, knowledge, joined
        self._eligibility, self._sizing = in_parts(knowledge, "eligibility"), in_parts(knowledge, "sizing")
        self._replicas = in_parts(knowledge, "replicas")
        self._pools: dict[ApproachId, Pool] = {}
        self._predicted: dict[ApproachId, CostEstimate] = {}
        self._candidates: dict[ApproachId, Candidate] = {}
        self._tags = _tags(profile, host)
        facts = build_facts(profile, host, self._tags[0], joined=joined)
        work = quantities(profile, facts, knowledge.costs.builds(*self._tags))
        add_cost_facts(facts, work, knowledge.approaches["multiprocessing"].traits)
        self.work: Quantities = work  # what the cost model needs
        self.shape: Shape = shape_of(work)  # the same without the amounts
        self.unclassified: WorkloadFacts = facts  # what there is to ask before any table has said something
        if profile.machines > 1 and not profile.durable and facts["workload_known"]:
            self._compare_machines(facts)

    def _compare_machines(self, facts: WorkloadFacts) -> None:
        """What one machine makes of the work, and how much faster all that are given are."""
        alone = self.alone
        if (best := alone.best_on_one_machine) is not None:
            more = alone.with_engine(self.profile.machines)
            together = sum(more.parts) / 1000 if more is not None and more.parts is not None else None
            add_machine_facts(facts, best.own, best.predicted.seconds, together)

    def changed(self, **fields: Any) -> Situation:
        """The same with some fields of the profile changed; their values are not checked."""
        return Situation(self.profile.model_copy(update=fields), self.host, self.knowledge, joined=self.joined)

    # What is known ----------------------------------------------------------------------------------------------------

    @cached_property
    def classified(self) -> Rule:
        """What kind of workload it is: the row of `classify`."""
        return fired_rule(self.knowledge.tables["classify"], self.unclassified)

    @cached_property
    def facts(self) -> Facts:
        """What there is to ask about the workload, with its class."""
        return {**self.unclassified, "workload_class": self.classified.outputs["workload_class"]}  # type: ignore[typeddict-item]  # text in every table there is

    @property
    def sheets(self) -> tuple[Sheet, Sheet, Sheet]:
        """The costs under each Python that an approach may run on, as in `Builds`."""
        return self.knowledge.costs.sheets(*self._tags)

    def traits(self, approach: ApproachId) -> Traits:
        """The traits of an approach."""
        return self.knowledge.approaches[approach].traits

    def interpreter(self, approach: ApproachId) -> str | None:
        """The tag of the Python that an approach would run on."""
        return tag_for(self.traits(approach).needs, self.profile, self.host)

    # Approach by approach ---------------------------------------------------------------------------------------------

    @cached_property
    def named(self) -> dict[ApproachId, Rule]:
        """The approaches that `strategy` names, in its order, each with its first row."""
        found: dict[ApproachId, Rule] = {}
        for row in self.knowledge.tables["strategy"].decide_among(self.facts).rules:
            found.setdefault(row.outputs["approach"], row)  # type: ignore[arg-type]  # knowledge checked the values
        return found

    def candidate(self, approach: ApproachId) -> Candidate:
        """One approach, named or not, with its pool, what is predicted for it, and what rules it out."""
        found = self._candidates.get(approach)
        if found is not None:
            return found
        facts, predicted = self.facts, self.predicted(approach)
        pool = self._pools[approach]
        own = prediction_facts(facts, pool.workers, pool.processes, pool.limit, predicted)
        found = Candidate(
            approach,
            self.named.get(approach),
            pool.workers,
            pool.sizing,
            pool.processes,
            pool.replicas,
            predicted,
            predicted.seconds_each,
            self._eligibility.rules(facts, approach, own),
            pool.batch,
            own,
            self.traits(approach),
            facts,
            pool.cluster,
        )
        self._candidates[approach] = found
        return found

    def predicted(self, approach: ApproachId) -> CostEstimate:
        """What is predicted for an approach with its pool."""
        found = self._predicted.get(approach)
        if found is None:
            pool, traits = self._pool(approach), self.traits(approach)
            if pool.cluster is not None:
                found = estimate_cluster(pool.cluster, self.work, pool.parts, pool.footprint)
                self._predicted[approach] = found
                return found
            ways = pool.terms, pool.parts, pool.footprint, pool.processes
            found = estimate(traits, pool.workers, self.work, *ways)
            self._predicted[approach] = found
        return found

    def seconds(self, approach: ApproachId) -> float | None:
        """What tells how fast an approach is: the seconds of a batch, of a service those for each request."""
        parts = self._pool(approach).parts
        return sum(parts) / 1000 if parts is not None else self.predicted(approach).seconds_each

    def may_be_eligible(self, approach: ApproachId) -> bool:
        """Whether the workload and the traits of an approach do not rule it out by themselves, whatever is predicted."""
        return not self._eligibility.settled_without_predictions(self.facts, approach)

    def facts_with(self, approach: ApproachId, workers: int, processes: int) -> dict[str, Any]:
        """All that the tables may ask about an approach with so many workers, whatever they would say themselves."""
        traits = self.traits(approach)
        predicted = estimate(traits, workers, self.work, processes=processes)
        own = prediction_facts(self.facts, workers, processes, "nothing", predicted)
        return approach_facts(self.facts, approach, traits, own)

    def _pool(self, approach: ApproachId) -> Pool:
        found = self._pools.get(approach)
        if found is None:
            sizing = self._sizing.first_rule(self.facts, approach)
            replicas = self._replicas.first_rule(self.facts, approach)
            traits = self.traits(approach)
            on_engine = self.with_engine() if traits.runs_in == "cluster" else None
            found = on_engine or pool_of(traits, sizing, replicas, self.facts, self.work, self.shape)
            self._pools[approach] = found
        return found

    def footprint(self, approach: ApproachId) -> Footprint:
        """The memory of an approach, in parts."""
        return self._pool(approach).footprint

    # On more machines -------------------------------------------------------------------------------------------------

    @cached_property
    def engine(self) -> Rule:
        """Which engine it would be: the row of `engine`."""
        return fired_rule(self.knowledge.tables["engine"], self.facts)

    @cached_property
    def alone(self) -> Situation:
        """The same with one machine."""
        return self if self.profile.machines == 1 else self.changed(machines=1)

    @cached_property
    def best_on_one_machine(self) -> Candidate | None:
        """The answer, if it runs on one machine; else what is fastest there of all that nothing forbids, if predicted."""
        chosen = self.choice.chosen
        if chosen.traits.runs_in != "cluster":
            return chosen
        local = [self.candidate(a) for a in APPROACHES if self.traits(a).runs_in != "cluster"]
        possible = [
            c for c in local if c.seconds and not any(r.outputs.get("kind") == "forbidden" for r in c.ruled_out)
        ]
        return min(possible, key=seconds_of, default=None)

    def with_engine(self, machines: int | None = None, engine: str | None = None) -> Pool | None:
        """What an engine makes of it, on so many machines and this engine if that is said; None where its costs are not known."""
        facts, row = self.facts, self.engine
        if machines is not None:
            facts = {**facts, "machines": machines}
            row = fired_rule(self.knowledge.tables["engine"], facts)
        approach = next(a for a in APPROACHES if self.traits(a).runs_in == "cluster")
        costs = engine_costs(self.work.builds.gil, engine or str(row.outputs["engine"]))
        if costs is None:
            return None
        sizing = self._sizing.first_rule(facts, approach)
        replicas = self._replicas.first_rule(facts, approach)
        return cluster_pool_of(self.traits(approach), sizing, replicas, facts, self.work, self.shape, costs)

    # The answer -------------------------------------------------------------------------------------------------------

    @cached_property
    def choice(self) -> Choice:
        """The approach, by the tables."""
        candidates = [self.candidate(approach) for approach in self.named]
        if any(c.seconds for c in candidates):  # then whatever is eligible takes part, named or not
            candidates += self._others_near_the_fastest(candidates)
        eligible = [c for c in candidates if not c.ruled_out]
        predicted = [c for c in eligible if c.seconds is not None]
        if not all(c.seconds for c in predicted):  # nothing to do: no time is no measure of another
            predicted = []
        weighing = None
        if predicted:
            chosen, weighing = nearest_to_fastest(predicted, self.profile, self.knowledge)
        elif contenders := [c for c in eligible if c.standing == "contender"]:
            chosen = contenders[0]
        else:
            chosen = self._least_bad(candidates)
        others = tuple(c for c in candidates if c.approach != chosen.approach)
        on_a_cluster = chosen.traits.runs_in == "cluster"
        engine = self.engine if on_a_cluster else None
        return Choice(self.facts, chosen, others, weighing, engine)

    @property
    def answer(self) -> Answer:
        """What a user would call the answer: the approach and the engine."""
        return self.choice.answer

    def _others_near_the_fastest(self, named: list[Candidate]) -> list[Candidate]:
        """The approaches that no row named but that may be the answer: eligible, and as near to the fastest as the bands ask.

        What is predicted to be slower is not considered any further, as that takes most of the time.
        """
        fastest = min((c.seconds for c in named if c.seconds and not c.ruled_out), default=math.inf)
        open_to = [a for a in APPROACHES if a not in self.named and self.may_be_eligible(a)]
        people, arriving = speaks_of_people(self.profile), arrives(self.facts)
        limit = limit_of_staying(self.knowledge, people=people, arrives=arriving)
        timed = sorted((seconds, a) for a in open_to if (seconds := self.seconds(a)))
        found = []
        for seconds, approach in timed:
            if limit is None or seconds <= fastest * limit or runs_single(self.traits(approach)):
                candidate = self.candidate(approach)
                if not candidate.ruled_out:
                    fastest = min(fastest, seconds)
                    found.append(candidate)
        return found

    def _least_bad(self, candidates: list[Candidate]) -> Candidate:
        """With no eligible contender: an eligible fallback, else any eligible approach, else the least objectionable one.

        That is the one whose first objection stands lowest in eligibility, which puts what cannot be mended first; of
        several with the same objection the one that exceeds a requirement by least, or the first. Of a service, which
        more machines are to be had for, it is the simplest of those that exceed it by about as much.
        """
        considered = {c.approach for c in candidates}
        everyone = [*candidates, *(self.candidate(a) for a in APPROACHES if a not in considered)]
        rows = self.knowledge.tables["eligibility"].rules
        place = {rule.id: number for number, rule in enumerate(rows)}

        def objection(candidate: Candidate) -> int:
            """Where its first objection stands."""
            return min((place[rule.id] for rule in candidate.ruled_out), default=len(rows))

        lowest = max(map(objection, everyone))
        as_bad = [c for c in everyone if objection(c) == lowest]
        least = min(map(excess, as_bad))
        if least <= 1 or not self.work.serves:
            return min(as_bad, key=excess)
        return min((c for c in as_bad if excess(c) <= least * AS_FAST), key=self._simplicity)

    def _simplicity(self, candidate: Candidate) -> tuple[Any, ...]:
        """What a candidate asks of the people, where the profile speaks of any, and of who moves there; least first."""
        people = burden(candidate.workload, candidate.traits) if speaks_of_people(self.profile) else ()
        return people, self.knowledge.simplicity(self.profile.origin, candidate.approach)


def _tags(profile: WorkloadProfile, host: HostFacts) -> tuple[str, str, str, str]:
    """The Pythons that approaches run on (with a GIL, free-threaded, for subinterpreters), and the platform."""
    gil = tag_for("any", profile, host) or "3.14"
    free = tag_for("free_threaded", profile, host) or gil
    return gil, free, tag_for("subinterpreters", profile, host) or gil, profile.platform or host.platform
