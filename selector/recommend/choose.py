"""The chain of tables: from a profile and a host to the approach, with every row that had a say.

classify -> strategy -> (sizing, estimate, eligibility for each candidate) -> speedup bands -> engine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from selector.cost.batch import Batch, batch_of
from selector.cost.calibrated import Sheet
from selector.cost.predict import CostEstimate, estimate
from selector.cost.terms import Builds, Quantities
from selector.decision import DecisionTable
from selector.decision.table import Rule
from selector.errors import SelectorError
from selector.profile import APPROACHES, ApproachId, WorkloadProfile
from selector.recommend.facts import (
    HostFacts,
    add_cost_facts,
    add_prediction_facts,
    build_facts,
    quantities,
    tag_for,
    workers_that_fit,
)
from selector.recommend.knowledge import Knowledge

#: Threads for waits when nothing says how many are in flight: the default cap of ThreadPoolExecutor (docs).
_DEFAULT_WAITING_THREADS = 32
#: More threads than this are no plan for waits, with their stacks and their scheduling, and `calibrate` measures no more;
#: `advice` says what to do instead.
_MOST_THREADS = 128
#: Workers that each make a costly start of unknown length: with few of them it is made few times, and they stay warm.
_FEW = 4
_PLACE = {approach: place for place, approach in enumerate(APPROACHES)}


class Candidate(NamedTuple):
    """One approach that was considered, with what was predicted for it and what rules it out (nothing: eligible)."""

    approach: ApproachId
    row: Rule | None  # of strategy; None if no row of it named the approach
    workers: int
    sizing: Rule
    predicted: CostEstimate
    ruled_out: tuple[Rule, ...]
    facts: dict[str, Any]

    @property
    def standing(self) -> str:
        """contender, or fallback (also for an approach no row of strategy named)."""
        return str(self.row.outputs["standing"]) if self.row else "fallback"

    @property
    def seconds(self) -> float | None:
        """What tells how fast it is: the seconds predicted for a batch, of a service those for each request."""
        return self.predicted.seconds_each


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
    facts, work = workload_facts(profile, host, knowledge)
    classified = _one(knowledge.tables["classify"], facts)
    facts["workload_class"] = classified.outputs["workload_class"]
    named: dict[ApproachId, Rule] = {}
    for row in knowledge.tables["strategy"].decide_among(facts).rules:
        named.setdefault(row.outputs["approach"], row)  # type: ignore[arg-type]  # knowledge checked the values
    candidates = [consider(a, row, facts, work, knowledge) for a, row in named.items()]
    if any(c.seconds for c in candidates):  # then whatever is eligible takes part, named or not
        candidates += _others_near_the_fastest(candidates, facts, work, knowledge)
    eligible = [c for c in candidates if not c.ruled_out]
    predicted = [c for c in eligible if c.seconds]
    compared = None
    if predicted:
        chosen, compared = _nearest_to_fastest(predicted, knowledge)
    elif contenders := [c for c in eligible if c.standing == "contender"]:
        chosen = contenders[0]
    else:
        chosen = _least_bad(candidates, facts, work, knowledge)
    others = tuple(c for c in candidates if c.approach != chosen.approach)
    on_a_cluster = knowledge.approaches[chosen.approach].traits.runs_in == "cluster"
    engine = _one(knowledge.tables["engine"], facts) if on_a_cluster else None
    return Choice(facts, work, classified, chosen, others, compared, engine)


def workload_facts(
    profile: WorkloadProfile, host: HostFacts, knowledge: Knowledge
) -> tuple[dict[str, Any], Quantities]:
    """What there is to ask about a workload before any table has said something, and its quantities."""
    facts = build_facts(profile, host)
    sheets = cost_sheets(profile, host, knowledge)
    work = quantities(profile, facts, Builds(*(sheet.middle for sheet in sheets)))
    add_cost_facts(facts, work, knowledge.approaches["multiprocessing"].traits)
    return facts, work


def cost_sheets(profile: WorkloadProfile, host: HostFacts, knowledge: Knowledge) -> tuple[Sheet, Sheet, Sheet]:
    """The costs under each Python that an approach may run on, as in `Builds`."""
    gil = tag_for("any", profile, host) or "3.14"
    platform = profile.platform or host.platform
    tags = gil, tag_for("free_threaded", profile, host) or gil, tag_for("subinterpreters", profile, host) or gil
    return tuple(knowledge.costs.sheet(tag, gil, platform) for tag in tags)  # type: ignore[return-value]  # three


def _others_near_the_fastest(
    named: list[Candidate], facts: dict[str, Any], work: Quantities, knowledge: Knowledge
) -> list[Candidate]:
    """The approaches that no row named but that may be the answer: eligible, and as near to the fastest as the bands ask.

    What is predicted to be slower is not considered any further, as that takes most of the time.
    """
    fastest = min((c.seconds for c in named if c.seconds and not c.ruled_out), default=math.inf)
    known = {c.approach for c in named}
    pools = [(a, _pool_of(a, facts, work, knowledge)) for a in APPROACHES if a not in known]
    timed = sorted((seconds, a) for a, pool in pools if (seconds := _seconds_with(a, pool, work, knowledge)))
    found = []
    for seconds, approach in timed:
        if seconds <= fastest * _near_enough(knowledge):
            candidate = consider(approach, None, facts, work, knowledge)
            if not candidate.ruled_out:
                fastest = min(fastest, seconds)
                found.append(candidate)
    return found


@lru_cache(maxsize=8)
def _near_enough(knowledge: Knowledge) -> float:
    """The largest speedup for which the bands keep a simpler approach; endless where they ask about more than that."""
    table = knowledge.tables["speedup_bands"]
    if set(table.input_names) != {"speedup"}:
        return math.inf
    bounds = sorted(float(b) for b in table.thresholds("speedup") if isinstance(b, int | float))
    kept = [b for b in bounds if _one(table, {"speedup": b}).outputs["verdict"] in ("avoid", "stay_simple")]
    return max(kept, default=math.inf)


class _Pool(NamedTuple):
    """The pool of an approach: its size, what sized it, what made it smaller, and the batch it was sized for."""

    workers: int
    sizing: Rule
    limit: Literal["nothing", "memory", "pay"]
    batch: Batch | None


def consider(
    approach: ApproachId, row: Rule | None, facts: dict[str, Any], work: Quantities, knowledge: Knowledge
) -> Candidate:
    """One approach with its pool, what is predicted for it, and what rules it out."""
    traits = knowledge.approaches[approach].traits
    pool = _pool_of(approach, facts, work, knowledge)
    predicted = estimate(traits, pool.workers, work, pool.batch)
    asked = {**facts, **traits.__dict__, "approach": approach}
    add_prediction_facts(asked, pool.workers, pool.limit, predicted)
    ruled_out = knowledge.tables["eligibility"].decide_among(asked).rules
    return Candidate(approach, row, pool.workers, pool.sizing, predicted, ruled_out, asked)


def _seconds_with(approach: ApproachId, pool: _Pool, work: Quantities, knowledge: Knowledge) -> float | None:
    """What tells how fast an approach is, with its pool: the seconds of a batch, of a service those for each request."""
    if pool.batch is not None:
        return sum(pool.batch.parts(pool.workers)) / 1000
    return estimate(knowledge.approaches[approach].traits, pool.workers, work).seconds_each


def _pool_of(approach: ApproachId, facts: dict[str, Any], work: Quantities, knowledge: Knowledge) -> _Pool:
    """The size of a pool: as large as CPUs or waits ask for, memory allows, and pays."""
    traits = knowledge.approaches[approach].traits
    sizing = _one(knowledge.tables["sizing"], {**facts, **traits.__dict__, "approach": approach})
    batch = batch_of(traits, work)
    wanted = _workers_wanted(str(sizing.outputs["basis"]), facts)
    if wanted == 1 or traits.pool == "none":
        return _Pool(wanted, sizing, "nothing", batch)
    fitting = workers_that_fit(facts["memory_budget_mb"], traits, work)
    most = wanted if fitting is None else max(1, min(wanted, fitting))
    workers = batch.best_size(most) if batch else most
    return _Pool(workers, sizing, "pay" if workers < most else "memory" if most < wanted else "nothing", batch)


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


def _nearest_to_fastest(predicted: list[Candidate], knowledge: Knowledge) -> tuple[Candidate, Comparison | None]:
    """The simplest candidate that the bands call near enough to the fastest, and the comparison that settled it."""
    fastest = min(predicted, key=_seconds)
    if len(predicted) == 1:
        return fastest, None
    beaten: Comparison | None = None  # the last one that spoke against a simpler candidate
    for candidate in sorted(predicted, key=lambda c: _PLACE[c.approach]):
        if candidate is fastest:
            return candidate, beaten or _compare(candidate, fastest, knowledge)
        compared = _compare(candidate, fastest, knowledge)
        if compared.band.outputs["verdict"] in ("avoid", "stay_simple"):
            return candidate, compared
        beaten = compared
    raise AssertionError("the fastest candidate is one of them")


def _compare(simpler: Candidate, fastest: Candidate, knowledge: Knowledge) -> Comparison:
    """What the bands say of taking the fastest candidate instead of a simpler one."""
    facts = {**simpler.facts, "speedup": _seconds(simpler) / max(_seconds(fastest), 1e-9)}
    return Comparison(simpler, fastest, facts, _one(knowledge.tables["speedup_bands"], facts))


def _seconds(candidate: Candidate) -> float:
    assert candidate.seconds is not None
    return candidate.seconds


def _least_bad(candidates: list[Candidate], facts: dict[str, Any], work: Quantities, knowledge: Knowledge) -> Candidate:
    """With no eligible contender: an eligible fallback, else any eligible approach, else the least objectionable one.

    That is the one whose first objection stands lowest in eligibility, which puts what cannot be mended first; of several
    with the same objection the one that exceeds a requirement by least, or the first.
    """
    considered = {c.approach for c in candidates}
    others = [consider(a, None, facts, work, knowledge) for a in APPROACHES if a not in considered]
    rows = knowledge.tables["eligibility"].rules
    place = {rule.id: number for number, rule in enumerate(rows)}

    def merit(candidate: Candidate) -> tuple[int, float]:
        """Where its first objection stands, and how little it exceeds what is required."""
        objection = min((place[rule.id] for rule in candidate.ruled_out), default=len(rows))
        used = [candidate.facts[name] or 0.0 for name in USES]
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
