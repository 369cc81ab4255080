"""The chain of tables: from a profile and a host to the approach, with every row that had a say.

classify -> strategy -> (sizing, estimate, eligibility for each candidate) -> speedup bands -> engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from selector.catalogue import Traits
from selector.cost.predict import CostEstimate, estimate
from selector.cost.terms import Quantities
from selector.decision import DecisionTable
from selector.decision.table import Rule
from selector.errors import SelectorError
from selector.profile import APPROACHES, ApproachId, WorkloadProfile
from selector.recommend.facts import (
    HostFacts,
    add_cost_facts,
    add_prediction_facts,
    build_facts,
    newest,
    quantities,
    workers_that_fit,
)
from selector.recommend.knowledge import Knowledge

#: Threads for waits when nothing says how many are in flight: the default cap of ThreadPoolExecutor (docs).
_DEFAULT_WAITING_THREADS = 32
#: More threads than this are no plan for waits, with their stacks and their scheduling, and `calibrate` measures no more;
#: `advice` says what to do instead.
_MOST_THREADS = 128
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
    contenders = [c for c in candidates if c.standing == "contender" and not c.ruled_out]
    if contenders:
        chosen, compared = _nearest_to_fastest(contenders, knowledge)
    else:
        chosen, compared = _least_bad(candidates, facts, work, knowledge), None
    others = tuple(c for c in candidates if c.approach != chosen.approach)
    on_a_cluster = knowledge.approaches[chosen.approach].traits.runs_in == "cluster"
    engine = _one(knowledge.tables["engine"], facts) if on_a_cluster else None
    return Choice(facts, work, classified, chosen, others, compared, engine)


def workload_facts(
    profile: WorkloadProfile, host: HostFacts, knowledge: Knowledge
) -> tuple[dict[str, Any], Quantities]:
    """What there is to ask about a workload before any table has said something, and its quantities."""
    facts = build_facts(profile, host)
    work = quantities(profile, facts, host)
    add_cost_facts(facts, work, knowledge.approaches["multiprocessing"].traits, knowledge.builds)
    return facts, work


def consider(
    approach: ApproachId, row: Rule | None, facts: dict[str, Any], work: Quantities, knowledge: Knowledge
) -> Candidate:
    """One approach with its pool, what is predicted for it, and what rules it out."""
    traits = knowledge.approaches[approach].traits
    asked = {**facts, **traits.__dict__, "approach": approach}
    sizing = _one(knowledge.tables["sizing"], asked)
    wanted = _workers_wanted(str(sizing.outputs["basis"]), facts)
    workers = _workers_in_memory(wanted, traits, facts, work, knowledge)
    predicted = estimate(traits, workers, work, knowledge.builds)
    add_prediction_facts(asked, workers, wanted, predicted)
    ruled_out = knowledge.tables["eligibility"].decide_among(asked).rules
    return Candidate(approach, row, workers, sizing, predicted, ruled_out, asked)


def _workers_wanted(basis: str, facts: dict[str, Any]) -> int:
    """The size of a pool by CPUs or by waits, no larger than the tasks."""
    cores: int
    cores, tasks = facts["cpu_cores"], facts["tasks"]
    if basis == "one":
        return 1
    size = cores if basis == "cores" else facts["in_flight"] or max(cores, min(_DEFAULT_WAITING_THREADS, cores + 4))
    return min(size, tasks or size, size if basis == "cores" else max(_MOST_THREADS, cores))


def _workers_in_memory(
    wanted: int, traits: Traits, facts: dict[str, Any], work: Quantities, knowledge: Knowledge
) -> int:
    """As many of the workers as the memory budget allows, at least one."""
    if traits.pool == "none" or not (work.task_mb or traits.runs_in == "workers" or traits.needs == "subinterpreters"):
        return wanted
    fitting = workers_that_fit(facts["memory_budget_mb"], traits, work, knowledge.builds)
    return wanted if fitting is None else max(1, min(wanted, fitting))


def _nearest_to_fastest(contenders: list[Candidate], knowledge: Knowledge) -> tuple[Candidate, Comparison | None]:
    """The simplest contender that the bands call near enough to the fastest, and the comparison that settled it.

    The first one where nothing is predicted, or that there is nothing to do: no time is no measure of another.
    """
    if len(contenders) == 1 or not all(c.predicted.seconds for c in contenders):
        return contenders[0], None
    fastest = min(contenders, key=_seconds)
    beaten: Comparison | None = None  # the last one that spoke against a simpler candidate
    for candidate in sorted(contenders, key=lambda c: _PLACE[c.approach]):
        compared = _compare(candidate, fastest, knowledge)
        if candidate is fastest:
            return candidate, beaten or compared
        if compared.band.outputs["verdict"] in ("avoid", "stay_simple"):
            return candidate, compared
        beaten = compared
    raise AssertionError("the fastest contender is one of them")


def _compare(simpler: Candidate, fastest: Candidate, knowledge: Knowledge) -> Comparison:
    """What the bands say of taking the fastest candidate instead of a simpler one."""
    facts = {**simpler.facts, "speedup": _seconds(simpler) / max(_seconds(fastest), 1e-9)}
    return Comparison(simpler, fastest, facts, _one(knowledge.tables["speedup_bands"], facts))


def _seconds(candidate: Candidate) -> float:
    assert candidate.predicted.seconds is not None
    return candidate.predicted.seconds


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


def interpreter_for(traits: Traits, profile: WorkloadProfile, host: HostFacts) -> str | None:
    """The tag of the Python to use: the newest fitting one of the profile's, else of the host's, else what to install."""
    tags = profile.interpreters or host.tags
    if traits.needs == "free_threaded":
        return newest(tags, free_threaded=True) or "3.14t"
    if traits.needs == "subinterpreters":
        return newest(tags, free_threaded=False, at_least=14) or newest(tags, free_threaded=True, at_least=14) or "3.14"
    return newest(tags, free_threaded=False) or newest(tags, free_threaded=True)


def _one(table: DecisionTable, facts: dict[str, Any]) -> Rule:
    """The row that fired (under a default: the default as a row)."""
    decision = table.decide_among(facts)
    if decision.rules:
        return decision.rules[0]
    if decision.output is None:
        given = ", ".join(f"{k}={v}" for k, v in table.inputs_among(facts).items() if v is not None)
        raise SelectorError(f"table {table.name} in {table.source}: no rule matches {given}", "add a rule or a default")
    return Rule("default", (), decision.output, "No rule matched: the table's default.")
