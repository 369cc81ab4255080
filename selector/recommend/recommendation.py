"""Recommendation: the answer as a model that can be saved, read back and rendered; built from a choice of the chain."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from selector.catalogue import Effort, Engine
from selector.cost.batch import batch_seconds
from selector.cost.predict import MARGIN, Dominant, estimate, speedup_range
from selector.decision.table import Rule
from selector.profile import ApproachId, WorkloadProfile
from selector.recommend.choose import Candidate, Choice, Comparison, interpreter_for
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import Knowledge

_Plain = dict[str, Any]  # what a model below is made from


class _Saved(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True, defer_build=True
    )


class Reason(_Saved):
    """Why: the rule that said it (TABLE/ROW) and its sentence."""

    rule: str
    text: str


class Speedup(_Saved):
    """Times as fast as single-threaded; low and high allow for what is uncertain about the costs."""

    low: float
    mid: float
    high: float


class Expected(_Saved):
    """What to expect; None where nothing is known to base a figure on.

    `seconds` is for the whole batch, and `dominant` what most of them go into; a service has requests per second
    (`throughput`) instead. `latency_ms` is the 95th percentile for one task: of a batch by itself with a warm pool, of a
    service among all requests in flight. `memory_mb` is for the whole process tree with the data of all tasks, as far as
    the profile tells; `memory_overhead_mb` is the part of it that the approach adds. `source` tells what the figures
    rest on, `basis` and `memory_basis` the same in a sentence each: of the times, and of the memory. `at_most` is a bound
    on the speedup where nothing closer is known, and `assumed` names what was assumed because the profile does not say.
    """

    speedup: Speedup | None = None
    seconds: float | None = None
    dominant: Dominant | None = None
    throughput: float | None = None
    latency_ms: float | None = None
    memory_mb: float | None = None
    memory_overhead_mb: float | None = None
    source: Literal["calibrated", "documented", "given"] | None = None
    basis: str | None = None
    memory_basis: str | None = None
    at_most: float | None = None
    assumed: tuple[str, ...] = ()


class Fits(_Saved):
    """Whether the requirements are met; None where that is not known."""

    memory: bool | None
    latency: bool | None


class Migration(_Saved):
    """How to get there from where the code is (single-threaded if the profile does not say)."""

    from_approach: ApproachId = Field(alias="from")
    effort: Effort
    steps: tuple[str, ...]
    pitfalls: tuple[str, ...]


class Alternative(_Saved):
    """Another approach: what to expect of it, its trade-offs, and the rule that rejects it (None: it is eligible)."""

    approach: ApproachId
    title: str
    expected: Expected
    tradeoffs: tuple[str, ...]
    rejected_by: str | None


class Change(_Saved):
    """An input that would change the answer: to which value, and what the answer would be then."""

    input: str
    to: bool | int | float | str | tuple[str, ...]
    approach: ApproachId
    engine: Engine | None = None


class RunsHere(_Saved):
    """Whether the Python it needs was found on this host, and where."""

    available: bool
    interpreter: str | None


class Recommendation(_Saved):
    """The answer to a profile. `would_change` is None where it was not asked for."""

    schema_version: Literal[1] = Field(1, alias="schema")
    profile: WorkloadProfile
    workload_class: str
    approach: ApproachId
    title: str
    engine: Engine | None
    interpreter: str | None
    workers: int
    reasons: tuple[Reason, ...]
    expected: Expected
    fits: Fits
    migration: Migration
    alternatives: tuple[Alternative, ...]
    would_change: tuple[Change, ...] | None
    runs_here: RunsHere

    @field_serializer("profile")
    def _only_what_is_given(self, profile: WorkloadProfile) -> dict[str, Any]:
        return profile.given()


def build_recommendation(
    profile: WorkloadProfile,
    choice: Choice,
    host: HostFacts,
    knowledge: Knowledge,
    would_change: tuple[Change, ...] | None = None,
) -> Recommendation:
    """The recommendation that a choice amounts to."""
    data = recommendation_data(profile, choice, host, knowledge)
    data["profile"] = profile.model_copy(update=_resolved(choice))
    data["would_change"] = would_change
    return Recommendation.model_validate(data)


def recommendation_data(profile: WorkloadProfile, choice: Choice, host: HostFacts, knowledge: Knowledge) -> _Plain:
    """The recommendation as plain JSON data, without `would_change`: for streams, where models would cost a third.

    The profile in it carries the CPUs and the platform it was made for.
    """
    chosen = choice.chosen
    origin = profile.current_approach or "single_threaded"
    move = knowledge.moves[origin, chosen.approach]
    interpreter = interpreter_for(knowledge.approaches[chosen.approach].traits, profile, host)
    here = _runs_here(interpreter, host)
    baseline = baseline_of(choice, knowledge)
    return {
        "schema": 1,
        "profile": {**profile.given(), **_resolved(choice)},
        "workload_class": choice.facts["workload_class"],
        "approach": chosen.approach,
        "title": knowledge.approaches[chosen.approach].title,
        "engine": choice.answer[1],
        "interpreter": interpreter,
        "workers": chosen.workers,
        "reasons": _reasons(choice, knowledge),
        "expected": expected_of(chosen, choice, baseline, knowledge),
        "fits": _fits(chosen, choice, profile),
        "migration": {"from": origin, "effort": move.effort, "steps": move.steps, "pitfalls": move.pitfalls},
        "alternatives": _alternatives(choice, baseline, here["available"], knowledge),
        "would_change": None,
        "runs_here": here,
    }


def _resolved(choice: Choice) -> _Plain:
    return {"cpu_cores": choice.facts["cpu_cores"], "platform": choice.facts["platform"]}


def _reasons(choice: Choice, knowledge: Knowledge) -> list[_Plain]:
    chosen = choice.chosen
    found = [_reason("classify", choice.classified)]
    if chosen.row is not None:
        found.append(_reason("strategy", chosen.row))
    if chosen.standing == "fallback":
        found.append(_last_resort(choice))
    if choice.compared is not None:
        found.append(_reason("speedup_bands", choice.compared.band, _band_text(choice, choice.compared)))
    found += [_reason("eligibility", rule, f"Not met even so: {rule.because}") for rule in chosen.ruled_out]
    if choice.engine is not None:
        found.append(_reason("engine", choice.engine))
    if chosen.workers > 1:
        found.append(_reason("sizing", chosen.sizing))
    return found + [_reason("advice", rule) for rule in knowledge.tables["advice"].decide_among(chosen.facts).rules]


def _reason(table: str, rule: Rule, text: str = "") -> _Plain:
    return {"rule": f"{table}/{rule.id}", "text": text or rule.because}


def _last_resort(choice: Choice) -> _Plain:
    """Why a fallback was taken: what ruled the first contender out."""
    for candidate in choice.others:
        if candidate.standing == "contender" and candidate.ruled_out:
            rule = candidate.ruled_out[0]
            return _reason("eligibility", rule, f"{candidate.approach} would come first, but: {rule.because}")
    return {"rule": "strategy", "text": "No row of the table suits better."}


def _band_text(choice: Choice, compared: Comparison) -> str:
    """What was compared with what; the row's own sentence follows where it kept the simpler candidate."""
    chosen, fastest = choice.chosen, compared.fastest
    if chosen is not fastest:
        gain = (chosen.predicted.seconds or 0.0) / max(fastest.predicted.seconds or 0.0, 1e-9)
        said = f"predicted {gain:.2f}x as fast" if gain >= 1.01 else "predicted just as fast"
        return f"{fastest.approach} is {said}. {compared.band.because}"
    rivals = [c for c in choice.others if c.standing == "contender" and not c.ruled_out]
    next_best = min(rivals, key=lambda c: c.predicted.seconds or 0.0)
    gain = (next_best.predicted.seconds or 0.0) / max(fastest.predicted.seconds or 0.0, 1e-9)
    return f"Predicted the fastest: {gain:.2f}x as fast as {next_best.approach}, the next."


_NOTHING_KNOWN: _Plain = {**dict.fromkeys(Expected.model_fields), "assumed": ()}


def baseline_of(choice: Choice, knowledge: Knowledge) -> float | None:
    """What is predicted for doing it single-threaded: the seconds of a batch, the requests per second of a service."""
    traits = knowledge.approaches["single_threaded"].traits
    if choice.work.serves:
        return estimate(traits, 1, choice.work, knowledge.builds).throughput
    return batch_seconds(traits, 1, choice.work, knowledge.builds)


def expected_of(candidate: Candidate, choice: Choice, baseline: float | None, knowledge: Knowledge) -> _Plain:
    """What to expect of a candidate, as the fields of Expected; `baseline` is that of single-threaded."""
    traits, predicted = knowledge.approaches[candidate.approach].traits, candidate.predicted
    if traits.runs_in == "cluster":
        return _NOTHING_KNOWN
    latency = predicted.queued_ms if choice.work.serves else predicted.latency_ms
    return {
        "speedup": _speedup(candidate, choice, baseline, knowledge),
        "seconds": _short_or_none(predicted.seconds),
        "dominant": predicted.dominant,
        "throughput": _short_or_none(predicted.throughput),
        "latency_ms": _short_or_none(latency),
        "memory_mb": _short(predicted.memory_mb + predicted.data_mb),
        "memory_overhead_mb": _short(predicted.overhead_mb),
        "source": knowledge.costs_source,
        "basis": None,
        "memory_basis": None,
        "at_most": None,
        "assumed": (),
    }


def _speedup(candidate: Candidate, choice: Choice, baseline: float | None, knowledge: Knowledge) -> _Plain | None:
    """How many times as fast as single-threaded: of a batch its time, of a service its requests per second."""
    predicted, source = candidate.predicted, knowledge.costs_source
    done = predicted.seconds or predicted.throughput
    if not done or not baseline:
        return None
    if done == baseline:
        return {"low": 1.0, "mid": 1.0, "high": 1.0}  # the same thing, or as good as
    if predicted.throughput:
        middle, margin = predicted.throughput / baseline, MARGIN[source]
        low, high = middle / margin, middle * margin
    else:
        traits = knowledge.approaches[candidate.approach].traits
        spread = speedup_range(traits, candidate.workers, baseline, choice.work, knowledge.builds, source)
        assert spread is not None, "its seconds are predicted"
        middle, (low, high) = baseline / done, spread
    return {"low": _short(low), "mid": _short(middle), "high": _short(high)}


def _short(value: float) -> float:
    """Three significant digits: more would claim what nobody measured."""
    return float(f"{value:.3g}")


def _short_or_none(value: float | None) -> float | None:
    return None if value is None else _short(value)


def _fits(candidate: Candidate, choice: Choice, profile: WorkloadProfile) -> _Plain:
    memory, latency = candidate.facts["memory_use"], candidate.facts["latency_use"]
    if memory is not None and memory <= 1 and not _all_memory_fits(candidate, profile):
        memory = None  # what is known fits, but a task's own memory is not known, or whether all data is there at once
    if latency is not None and latency <= 1 and choice.work.serves:
        latency = candidate.facts["queued_latency_use"]  # one alone is fast enough; unknown without knowing the load
    return {"memory": None if memory is None else memory <= 1, "latency": None if latency is None else latency <= 1}


def _all_memory_fits(candidate: Candidate, profile: WorkloadProfile) -> bool:
    known = profile.task_memory_mb is not None and profile.memory_budget_mb is not None
    whole = candidate.predicted.memory_mb + candidate.predicted.data_mb
    return known and whole <= (profile.memory_budget_mb or 0.0)


def _alternatives(choice: Choice, baseline: float | None, runs_here: bool, knowledge: Knowledge) -> list[_Plain]:
    """The other candidates: what runs here first if the choice does not, then eligible before rejected."""

    def order(candidate: Candidate) -> tuple[bool, bool, bool]:
        """Eligible first, then what runs here, then contenders."""
        needs_other_python = knowledge.approaches[candidate.approach].traits.needs != "any"
        return bool(candidate.ruled_out), not runs_here and needs_other_python, candidate.standing != "contender"

    return [_alternative(c, choice, baseline, knowledge) for c in sorted(choice.others, key=order)]


def _alternative(candidate: Candidate, choice: Choice, baseline: float | None, knowledge: Knowledge) -> _Plain:
    approach = knowledge.approaches[candidate.approach]
    if candidate.ruled_out:
        tradeoffs = tuple(rule.because for rule in candidate.ruled_out)
    else:
        tradeoffs = (candidate.row.because if candidate.row else approach.gain, approach.cost)
    return {
        "approach": candidate.approach,
        "title": approach.title,
        "expected": expected_of(candidate, choice, baseline, knowledge),
        "tradeoffs": tradeoffs,
        "rejected_by": f"eligibility/{candidate.ruled_out[0].id}" if candidate.ruled_out else None,
    }


def _runs_here(tag: str | None, host: HostFacts) -> _Plain:
    path = dict(host.interpreters).get(tag) if tag else None
    return {"available": path is not None, "interpreter": path}
