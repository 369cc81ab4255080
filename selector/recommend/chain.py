"""The chain of tables: from a profile and a host to the approach, with every row that had a say.

classify -> strategy -> (sizing, estimate, eligibility for each candidate) -> speedup bands -> engine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from selector.approaches import Traits
from selector.cost.batch import Batch, Parts, batch_of
from selector.cost.memory import Footprint, footprint_of
from selector.cost.predict import CostEstimate, estimate
from selector.cost.service import workers_in_time
from selector.cost.shape import shape_of, terms_of
from selector.cost.sheet import Sheet
from selector.cost.terms import Quantities, runs_single
from selector.decision import DecisionTable
from selector.decision.table import LIST_POLICIES, Rule
from selector.errors import SelectorError
from selector.recommend.facts import (
    PREDICTED,
    HostFacts,
    add_cost_facts,
    build_facts,
    prediction_facts,
    quantities,
    tag_for,
)
from selector.recommend.knowledge import Knowledge
from selector.workload.profile import APPROACHES, ApproachId, WorkloadProfile

#: Threads for waits when nothing says how many are in flight: the default cap of ThreadPoolExecutor (docs).
_DEFAULT_WAITING_THREADS = 32
#: More threads than this are no plan for waits, with their stacks and their scheduling, and `calibrate` measures no more;
#: `advice` says what to do instead.
_MOST_THREADS = 128
#: Workers that each make a costly start of unknown length: with few of them it is made few times, and they stay warm.
_FEW = 4


class Candidate(NamedTuple):
    """One approach that was considered, with what was predicted for it and what rules it out (nothing: eligible)."""

    approach: ApproachId
    row: Rule | None  # of strategy; None if no row of it named the approach
    workers: int
    sizing: Rule
    predicted: CostEstimate
    seconds: float | None  # what tells how fast it is: predicted for a batch, of a service those for each request
    ruled_out: tuple[Rule, ...]
    batch: Batch | None  # that its time was predicted from
    own: dict[str, Any]  # the facts about it that are predicted
    asked: Asked

    @property
    def facts(self) -> dict[str, Any]:
        """All that the tables may ask about it."""
        return self.asked.facts_of(self.approach, self.own)

    @property
    def standing(self) -> str:
        """contender, or fallback (also for an approach no row of strategy named)."""
        return str(self.row.outputs["standing"]) if self.row else "fallback"


class Comparison(NamedTuple):
    """What speedup_bands was asked about a simpler candidate and the fastest one, and the row that answered."""

    simpler: Candidate
    fastest: Candidate
    facts: dict[str, Any]
    band: Rule


class Choice(NamedTuple):
    """The outcome of the chain for one profile on one host."""

    facts: Mapping[str, Any]
    work: Quantities
    classified: Rule
    chosen: Candidate
    others: tuple[Candidate, ...]  # every other candidate, as strategy ordered them
    compared: Comparison | None  # what settled it, if the predictions had a say
    engine: Rule | None

    @property
    def answer(self) -> tuple[str, str | None]:
        """What a user would call the answer: the approach and the engine."""
        return self.chosen.approach, str(self.engine.outputs["engine"]) if self.engine else None


def choose(profile: WorkloadProfile, host: HostFacts, knowledge: Knowledge) -> Choice:
    """The approach for a workload on a host, by the tables."""
    return choose_for(profile, Asked(*workload_facts(profile, host, knowledge), knowledge))


def choose_for(profile: WorkloadProfile, asked: Asked) -> Choice:
    """The same where what there is to ask about the workload is known already."""
    facts, work, knowledge = asked.facts, asked.work, asked.knowledge
    classified = _one(knowledge.tables["classify"], facts)
    facts["workload_class"] = classified.outputs["workload_class"]
    named: dict[ApproachId, Rule] = {}
    for row in knowledge.tables["strategy"].decide_among(facts).rules:
        named.setdefault(row.outputs["approach"], row)  # type: ignore[arg-type]  # knowledge checked the values
    candidates = [asked.candidate(approach, row) for approach, row in named.items()]
    if any(c.seconds for c in candidates):  # then whatever is eligible takes part, named or not
        candidates += _others_near_the_fastest(candidates, asked)
    eligible = [c for c in candidates if not c.ruled_out]
    predicted = [c for c in eligible if c.seconds is not None]
    if not all(c.seconds for c in predicted):  # nothing to do: no time is no measure of another
        predicted = []
    compared = None
    if predicted:
        chosen, compared = _nearest_to_fastest(predicted, profile.origin, knowledge)
    elif contenders := [c for c in eligible if c.standing == "contender"]:
        chosen = contenders[0]
    else:
        chosen = _least_bad(candidates, asked)
    others = tuple(c for c in candidates if c.approach != chosen.approach)
    on_a_cluster = knowledge.approaches[chosen.approach].traits.runs_in == "cluster"
    engine = _one(knowledge.tables["engine"], facts) if on_a_cluster else None
    return Choice(facts, work, classified, chosen, others, compared, engine)


def workload_facts(
    profile: WorkloadProfile, host: HostFacts, knowledge: Knowledge
) -> tuple[dict[str, Any], Quantities]:
    """What there is to ask about a workload before any table has said something, and its quantities."""
    facts = build_facts(profile, host)
    work = quantities(profile, facts, knowledge.costs.builds(*_tags(profile, host)))
    add_cost_facts(facts, work, knowledge.approaches["multiprocessing"].traits)
    return facts, work


def cost_sheets(profile: WorkloadProfile, host: HostFacts, knowledge: Knowledge) -> tuple[Sheet, Sheet, Sheet]:
    """The costs under each Python that an approach may run on, as in `Builds`."""
    return knowledge.costs.sheets(*_tags(profile, host))


def _tags(profile: WorkloadProfile, host: HostFacts) -> tuple[str, str, str, str]:
    """The Pythons that approaches run on (with a GIL, free-threaded, for subinterpreters), and the platform."""
    gil = tag_for("any", profile, host) or "3.14"
    free, sub = (tag_for(needs, profile, host) or gil for needs in ("free_threaded", "subinterpreters"))
    return gil, free, sub, profile.platform or host.platform


def _others_near_the_fastest(named: list[Candidate], asked: Asked) -> list[Candidate]:
    """The approaches that no row named but that may be the answer: eligible, and as near to the fastest as the bands ask.

    What is predicted to be slower is not considered any further, as that takes most of the time.
    """
    fastest = min((c.seconds for c in named if c.seconds and not c.ruled_out), default=math.inf)
    known = {c.approach for c in named}
    open_to = [a for a in APPROACHES if a not in known and not asked.ruled_out_whatever_is_predicted(a)]
    limit = _near_enough(asked.knowledge)
    timed = sorted((seconds, a) for a in open_to if (seconds := asked.seconds(a)))
    found = []
    for seconds, approach in timed:
        plain = runs_single(asked.knowledge.approaches[approach].traits)
        if plain or limit is None or seconds <= fastest * limit:
            candidate = asked.candidate(approach, None)
            if not candidate.ruled_out:
                fastest = min(fastest, seconds)
                found.append(candidate)
    return found


@lru_cache(maxsize=8)
def _near_enough(knowledge: Knowledge) -> float | None:
    """The speedup up to which the bands keep a simpler approach; None where they ask for more than that one figure.

    Or where they do not go from one to the other once, at a bound that belongs to those that stay.
    """
    table = knowledge.tables["speedup_bands"]
    if table.input_names != ("speedup",):
        return None
    bounds = sorted(float(b) for b in table.thresholds("speedup") if isinstance(b, int | float))
    around = sorted({*bounds, *(b * 1.0001 for b in bounds), *(b * 0.9999 for b in bounds)})
    stays = [_one(table, {"speedup": b}).outputs["verdict"] in _STAYING for b in around if b >= 0]
    if stays != sorted(stays, reverse=True) or not any(stays):
        return None
    limit = max(b for b, stay in zip(around, stays, strict=True) if stay)
    return limit if limit in bounds else None


_Limit = Literal["nothing", "memory", "latency", "pay"]


class _Pool(NamedTuple):
    """The pool of an approach: its size, what sized it, what made it smaller, and what it was sized by."""

    workers: int
    sizing: Rule
    limit: _Limit
    batch: Batch | None
    parts: Parts | None  # where the time of the batch goes with as many workers
    footprint: Footprint


class Asked:
    """A workload about which the tables are asked, approach by approach.

    What the tables say to the facts of the workload is worked out once, what they say to the traits of an approach once
    for all workloads: only what is predicted for an approach is looked at each time.
    """

    def __init__(self, facts: dict[str, Any], work: Quantities, knowledge: Knowledge) -> None:
        self.facts, self.work, self.knowledge = facts, work, knowledge
        self.shape = shape_of(work)
        self._pools: dict[ApproachId, _Pool] = {}
        self._predicted: dict[ApproachId, CostEstimate] = {}
        self._eligibility, self._sizing = _by_parts(knowledge, "eligibility"), _by_parts(knowledge, "sizing")

    def facts_of(self, approach: ApproachId, predicted: dict[str, Any]) -> dict[str, Any]:
        """All facts about an approach, with those that are predicted."""
        traits = self.knowledge.approaches[approach].traits
        return {**self.facts, **traits.__dict__, "approach": approach, **predicted}

    def candidate(self, approach: ApproachId, row: Rule | None) -> Candidate:
        """One approach with its pool, what is predicted for it, and what rules it out."""
        pool, predicted = self._pool(approach), self.predicted(approach)
        own = prediction_facts(self.facts, pool.workers, pool.limit, predicted)
        ruled_out = self._eligibility.rules(self, approach, own)
        return Candidate(
            approach,
            row,
            pool.workers,
            pool.sizing,
            predicted,
            predicted.seconds_each,
            ruled_out,
            pool.batch,
            own,
            self,
        )

    def predicted(self, approach: ApproachId) -> CostEstimate:
        """What is predicted for an approach with its pool."""
        if approach not in self._predicted:
            pool, traits = self._pool(approach), self.knowledge.approaches[approach].traits
            self._predicted[approach] = estimate(
                traits, pool.workers, self.work, self.shape, pool.parts, pool.footprint
            )
        return self._predicted[approach]

    def seconds(self, approach: ApproachId) -> float | None:
        """What tells how fast an approach is: the seconds of a batch, of a service those for each request."""
        parts = self._pool(approach).parts
        return sum(parts) / 1000 if parts is not None else self.predicted(approach).seconds_each

    def ruled_out_whatever_is_predicted(self, approach: ApproachId) -> bool:
        """Whether the workload and the traits of the approach rule it out by themselves."""
        return self._eligibility.settled_without_predictions(self, approach)

    def _pool(self, approach: ApproachId) -> _Pool:
        """The pool of an approach: as large as CPUs or waits ask for, memory allows, and pays."""
        if approach not in self._pools:
            self._pools[approach] = self._pool_of(approach)
        return self._pools[approach]

    def _pool_of(self, approach: ApproachId) -> _Pool:
        traits = self.knowledge.approaches[approach].traits
        sizing = self._sizing.first_rule(self, approach)
        terms = terms_of(traits, self.shape)
        batch, footprint = batch_of(traits, self.work, terms), footprint_of(traits, self.work, self.shape)
        wanted = _workers_wanted(str(sizing.outputs["basis"]), self.facts)
        if wanted == 1 or traits.pool == "none":
            return _Pool(1, sizing, "nothing", batch, batch.parts(1) if batch else None, footprint)
        budget = self.facts["memory_budget_mb"]
        fit = wanted if budget is None else max(1, min(wanted, footprint.workers_within(budget)))
        most = workers_in_time(fit, self.work, terms, self.facts["latency_requirement_ms"])
        workers, parts = batch.best_size(most) if batch else (most, None)
        limit: _Limit = "nothing"
        if workers < wanted:
            limit = "pay" if workers < most else "latency" if most < fit else "memory"
        return _Pool(workers, sizing, limit, batch, parts, footprint)


class _Parts:
    """One table, asked in parts: about the workload, about the traits of an approach, and about what is predicted."""

    def __init__(self, table: DecisionTable, knowledge: Knowledge) -> None:
        self._table = table
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
        self._last: tuple[dict[str, Any] | None, int] = None, 0

    def _rows(self, asked: Asked, approach: ApproachId) -> int:
        """The rows that the workload and the traits let through, as bits."""
        facts, rows = self._last
        if facts is not asked.facts:
            rows = self._shared(asked.facts)
            self._last = asked.facts, rows
        return rows & self._by_traits[approach]

    def rules(self, asked: Asked, approach: ApproachId, predicted: dict[str, Any]) -> tuple[Rule, ...]:
        """The rows that fire for an approach (under a default: the default as a row)."""
        try:
            matched = self._rows(asked, approach) & self._predicted(predicted)
            decision = self._table.decision_of(matched, {})
        except (LookupError, TypeError, ValueError, SelectorError):
            decision = None  # for the error that says what is wrong, or a list policy of a user's own
        if decision is not None and decision.rules:
            return decision.rules
        if self._table.hit_policy in LIST_POLICIES:
            return self._table.decide_among(asked.facts_of(approach, predicted)).rules if decision is None else ()
        return (_one(self._table, asked.facts_of(approach, predicted)),)

    def first_rule(self, asked: Asked, approach: ApproachId) -> Rule:
        """The row that fires for an approach, of a table that asks nothing that is predicted; each asked for once."""
        try:
            rows = self._rows(asked, approach)
        except (LookupError, TypeError, ValueError):
            return self.rules(asked, approach, {})[0]
        if rows not in self._first:
            self._first[rows] = self.rules(asked, approach, {})[0]
        return self._first[rows]

    def settled_without_predictions(self, asked: Asked, approach: ApproachId) -> bool:
        """Whether a row fires that asks nothing that is predicted."""
        try:
            return bool(self._rows(asked, approach) & self._without_predictions)
        except (LookupError, TypeError, ValueError):
            return False


@lru_cache(maxsize=32)
def _by_parts(knowledge: Knowledge, name: str) -> _Parts:
    return _Parts(knowledge.tables[name], knowledge)


def consider(
    approach: ApproachId, row: Rule | None, facts: dict[str, Any], work: Quantities, knowledge: Knowledge
) -> Candidate:
    """One approach by itself, as `choose` considers it."""
    return Asked(facts, work, knowledge).candidate(approach, row)


def _workers_wanted(basis: str, facts: dict[str, Any]) -> int:
    """The size of a pool by CPUs or by waits, no larger than the tasks, nor than what may be in flight."""
    cores: int
    cores, tasks = facts["cpu_cores"], facts["tasks"]
    if basis == "one" or not facts["parallelizable"]:
        return 1
    if basis == "few":  # each of them starts at a cost that nobody has told
        return min(_FEW, cores, tasks or cores)
    size = cores if basis == "cores" else facts["in_flight"] or max(cores, min(_DEFAULT_WAITING_THREADS, cores + 4))
    return min(
        size, tasks or size, facts["concurrency"] or size, size if basis == "cores" else max(_MOST_THREADS, cores)
    )


def _nearest_to_fastest(
    predicted: list[Candidate], origin: ApproachId, knowledge: Knowledge
) -> tuple[Candidate, Comparison | None]:
    """The simplest candidate that the bands call near enough to the fastest, and the comparison that settled it.

    Simplest is what takes the least effort from where the code is; of several that take the same, those as fast as the
    fastest of them, and the first in the order of APPROACHES.
    """
    fastest = min(predicted, key=_seconds)
    if len(predicted) == 1:
        return fastest, None
    near = [c for c in predicted if c is fastest or _stays(c, fastest, knowledge)]
    simplicity = {c.approach: knowledge.simplicity(origin, c.approach) for c in near}
    least = min(effort for effort, _ in simplicity.values())
    simple = [c for c in near if simplicity[c.approach][0] == least]
    as_fast = min(map(_seconds, simple)) * AS_FAST
    chosen = min((c for c in simple if _seconds(c) <= as_fast), key=lambda c: simplicity[c.approach])
    if chosen is not fastest:
        return chosen, _compare(chosen, fastest, knowledge)
    beaten = [c for c in predicted if c not in near]  # what spoke against the nearest of them
    return chosen, _compare(min(beaten or [c for c in near if c is not fastest], key=_seconds), fastest, knowledge)


AS_FAST = 1.1  # a smaller difference is within what the best of costs leave open (SURENESS: a margin of 1.1)


def _stays(simpler: Candidate, fastest: Candidate, knowledge: Knowledge) -> bool:
    """Whether the bands let a simpler candidate stay."""
    limit = _near_enough(knowledge)
    if limit is not None:
        return _seconds(simpler) <= _seconds(fastest) * limit
    return _compare(simpler, fastest, knowledge).band.outputs["verdict"] in _STAYING


_STAYING = ("avoid", "stay_simple")


def _compare(simpler: Candidate, fastest: Candidate, knowledge: Knowledge) -> Comparison:
    """What the bands say of taking the fastest candidate instead of a simpler one."""
    table, speedup = knowledge.tables["speedup_bands"], _seconds(simpler) / max(_seconds(fastest), 1e-9)
    facts = {"speedup": speedup}
    if len(table.input_names) > 1:  # of a user's own
        facts = {**simpler.facts, **facts}
    return Comparison(simpler, fastest, facts, _one(table, facts))


def _seconds(candidate: Candidate) -> float:
    assert candidate.seconds is not None
    return candidate.seconds


def _least_bad(candidates: list[Candidate], asked: Asked) -> Candidate:
    """With no eligible contender: an eligible fallback, else any eligible approach, else the least objectionable one.

    That is the one whose first objection stands lowest in eligibility, which puts what cannot be mended first; of several
    with the same objection the one that exceeds a requirement by least, or the first.
    """
    considered = {c.approach for c in candidates}
    others = [asked.candidate(a, None) for a in APPROACHES if a not in considered]
    rows = asked.knowledge.tables["eligibility"].rules
    place = {rule.id: number for number, rule in enumerate(rows)}

    def merit(candidate: Candidate) -> tuple[int, float]:
        """Where its first objection stands, and how little it exceeds what is required."""
        objection = min((place[rule.id] for rule in candidate.ruled_out), default=len(rows))
        used = [candidate.own[name] or 0.0 for name in USES]
        return objection, -max(1.0, *used) if candidate.ruled_out else 0.0

    return max([*candidates, *others], key=merit)


#: How much of a requirement an approach takes.
USES = ("memory_use", "latency_use", "queued_latency_use")


def _one(table: DecisionTable, facts: dict[str, Any]) -> Rule:
    """The row that fired (under a default: the default as a row)."""
    decision = table.decide_among(facts)
    if decision.rules:
        return decision.rules[0]
    if decision.output is None:
        given = ", ".join(f"{k}={v}" for k, v in table.inputs_among(facts).items() if v is not None)
        raise SelectorError(f"table {table.name} in {table.source}: no rule matches {given}", "add a rule or a default")
    return Rule("default", (), decision.output, "No rule matched: the table's default.")
