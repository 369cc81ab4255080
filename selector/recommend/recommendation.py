"""Recommendation: the answer as a model that can be saved, read back and rendered; built from a choice of the chain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from selector.approaches import Effort, Engine
from selector.cost.batch import batch_of, costs_used
from selector.cost.memory import memory_costs_used
from selector.cost.predict import Dominant, spread_of
from selector.cost.sheet import SURENESS, Rest, Sheet, rest_on
from selector.cost.terms import Quantities, at_once_of, build_of, runs_single, slots_of
from selector.decision.table import Rule
from selector.recommend.chain import AS_FAST, Candidate, Choice, Comparison, cost_sheets
from selector.recommend.facts import (
    ASSUMED_STARTUP_MS,
    PLAUSIBLE_IN_FLIGHT,
    PLAUSIBLE_STARTUP_MS,
    HostFacts,
    assumes_in_flight,
    assumes_startup,
    tag_for,
)
from selector.recommend.knowledge import Knowledge
from selector.workload.profile import ApproachId, WorkloadProfile

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

    def _repr_markdown_(self) -> str:
        """What a notebook shows: the recommendation as `recommend --format markdown` prints it."""
        from selector.report.markdown import render_markdown
        from selector.report.recommendation import recommendation_document

        return render_markdown(recommendation_document(self))

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
    move = knowledge.move(profile.origin, chosen.approach)
    interpreter = tag_for(knowledge.approaches[chosen.approach].traits.needs, profile, host)
    here = _runs_here(interpreter, host)
    outlook = outlook_of(profile, choice, host, knowledge)
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
        "expected": expected_of(chosen, outlook),
        "fits": _fits(chosen, choice, profile),
        "migration": {"from": profile.origin, "effort": move.effort, "steps": move.steps, "pitfalls": move.pitfalls},
        "alternatives": _alternatives(choice, outlook, here["available"]),
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
    if chosen.standing == "fallback" and choice.compared is None:
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
        gain = (chosen.seconds or 0.0) / max(fastest.seconds or 0.0, 1e-9)
        said = f"predicted {gain:.2f}x as fast" if gain >= 1.01 else "predicted just as fast"
        return f"{fastest.approach} is {said}. {compared.band.because}"
    rivals = [c for c in choice.others if c.seconds and not c.ruled_out and c.row is not None]  # that are shown
    if not rivals:
        return "Predicted the fastest of what is eligible."
    next_best = min(rivals, key=lambda c: c.seconds or 0.0)
    gain = (next_best.seconds or 0.0) / max(fastest.seconds or 0.0, 1e-9)
    if gain < AS_FAST:
        return f"Predicted as fast as {next_best.approach}, the next, and no harder to get to."
    return f"Predicted the fastest: {gain:.2f}x as fast as {next_best.approach}, the next."


_NOTHING_KNOWN: _Plain = {**dict.fromkeys(Expected.model_fields), "assumed": ()}


class Outlook(NamedTuple):
    """What every candidate of one choice is expected from: the workload, what it may be at best and worst, and plain code.

    `best` and `worst` differ from `work` only where something had to be assumed. `baseline` is what is predicted for doing
    it single-threaded: the seconds of a batch, the requests per second of a service. `sheets` are named as in `Builds`.
    """

    work: Quantities
    best: Quantities
    worst: Quantities
    sheets: Mapping[str, Sheet]
    baseline: float | None
    assumed_flight: tuple[str, ...]
    assumed: tuple[str, ...]
    shape: Quantities
    knowledge: Knowledge

    def sheet(self, candidate: Candidate) -> Sheet:
        """The costs under the Python that a candidate runs on."""
        return self.sheets[build_of(self.knowledge.approaches[candidate.approach].traits, self.work)]


def outlook_of(profile: WorkloadProfile, choice: Choice, host: HostFacts, knowledge: Knowledge) -> Outlook:
    """What to expect the candidates of a choice from."""
    work = choice.work
    best = worst = work
    if assumes_in_flight(profile):
        fewest, most = (min(number, work.tasks or number) for number in PLAUSIBLE_IN_FLIGHT)
        best, worst = best._replace(in_flight=most), worst._replace(in_flight=fewest)
    if assumes_startup(profile):
        shortest, longest = PLAUSIBLE_STARTUP_MS
        best, worst = best._replace(startup_ms=shortest), worst._replace(startup_ms=longest)
    plain = choice.chosen.asked.predicted("single_threaded")
    baseline = plain.throughput if work.serves else plain.seconds
    sheets = dict(zip(("gil", "free", "sub"), cost_sheets(profile, host, knowledge), strict=True))
    assumed = _assumed_flight(profile, choice), _assumptions(profile, choice)
    return Outlook(work, best, worst, sheets, baseline, *assumed, choice.chosen.asked.shape, knowledge)


def _assumed_flight(profile: WorkloadProfile, choice: Choice) -> tuple[str, ...]:
    """How many operations are assumed to be in flight, if that is assumed."""
    if not assumes_in_flight(profile):
        return ()
    few, many = PLAUSIBLE_IN_FLIGHT
    return (
        f"{choice.facts['in_flight']:,} operations in flight, as concurrency is not given (plausible: {few} to {many:,})",
    )


def _assumptions(profile: WorkloadProfile, choice: Choice) -> tuple[str, ...]:
    """What else was assumed because the profile does not say, each with what is plausible."""
    found = []
    if assumes_startup(profile):
        assumed, least, most = (ms / 1000 for ms in (ASSUMED_STARTUP_MS, *PLAUSIBLE_STARTUP_MS))
        plausible = f"plausible: {least:g} to {most:g} s"
        found.append(f"an expensive start of {assumed:g} s, as startup_ms is not given ({plausible})")
    if not choice.facts["workload_known"] and profile.mode == "batch" and profile.workload_type != "io":
        if profile.cpu_ms_per_task is None and not profile.gpu and profile.parallelizable:
            found.append("tasks that compute for 1 ms or more each")
        if profile.tasks is None and profile.parallelizable:
            found.append("many more tasks than CPUs")
    return tuple(found)


def expected_of(candidate: Candidate, outlook: Outlook) -> _Plain:
    """What to expect of a candidate, as the fields of Expected."""
    traits, predicted, work = outlook.knowledge.approaches[candidate.approach].traits, candidate.predicted, outlook.work
    if traits.runs_in == "cluster":
        return _NOTHING_KNOWN
    sheet = outlook.sheet(candidate)
    at_once = at_once_of(traits, candidate.workers, work)
    rest = rest_on(sheet, costs_used(traits, candidate.workers > 1, at_once > 1, outlook.shape), at_once)
    latency = predicted.queued_ms if work.serves else predicted.latency_ms
    speedup = _speedup(candidate, outlook, rest, at_once)
    return {
        "speedup": speedup,
        "seconds": _short_or_none(predicted.seconds),
        "dominant": predicted.dominant,
        "throughput": _short_or_none(predicted.throughput),
        "latency_ms": _short_or_none(latency),
        "memory_mb": _short(predicted.memory_mb + predicted.data_mb),
        "memory_overhead_mb": _short(predicted.overhead_mb),
        "source": rest.source,
        "basis": rest.text if speedup or latency is not None else None,
        "memory_basis": rest_on(sheet, memory_costs_used(traits, outlook.shape), 1).text,
        "at_most": None if speedup else _at_most(candidate, at_once, work),
        "assumed": (*_flight_assumed_for(candidate, outlook), *outlook.assumed),
    }


def _flight_assumed_for(candidate: Candidate, outlook: Outlook) -> tuple[str, ...]:
    """How many operations are assumed to be in flight, if so many can be: a pool of few workers has no more than those."""
    if not outlook.assumed_flight:
        return ()
    traits = outlook.knowledge.approaches[candidate.approach].traits
    slots = slots_of(traits, candidate.workers, outlook.work)
    return outlook.assumed_flight if slots is None or slots >= candidate.asked.facts["in_flight"] else ()


def _at_most(candidate: Candidate, at_once: int, work: Quantities) -> float | None:
    """The most that computing alone can gain by an approach; None where waits, or nothing, may be gained."""
    facts = candidate.asked.facts
    computes_only = facts["workload_type"] == "cpu" and not work.wait_ms
    return float(at_once) if computes_only and at_once > 1 and not facts["gpu"] else None


def _speedup(candidate: Candidate, outlook: Outlook, rest: Rest, at_once: int) -> _Plain | None:
    """How many times as fast as single-threaded: of a batch its time, of a service its requests per second."""
    predicted, baseline = candidate.predicted, outlook.baseline
    done = predicted.seconds or predicted.throughput
    if not done or not baseline:
        return None
    if done == baseline:
        return {"low": 1.0, "mid": 1.0, "high": 1.0}  # the same thing, or as good as
    margin = SURENESS[rest.kind].margin
    if predicted.throughput:
        middle = predicted.throughput / baseline
        low, high = middle / margin, min(middle * margin, _bound(candidate, at_once, outlook))
    else:
        middle = baseline / done
        shortest, longest = _time_range(candidate, outlook)
        low, high = baseline / (longest * margin), baseline / shortest * margin
        high = min(high, _bound(candidate, at_once, outlook))
    return {"low": _short(min(low, middle)), "mid": _short(middle), "high": _short(max(high, middle))}


def _bound(candidate: Candidate, at_once: int, outlook: Outlook) -> float:
    """What no speedup can be over: as many as compute at once, or, where tasks wait, as are in flight."""
    traits, work = outlook.knowledge.approaches[candidate.approach].traits, outlook.best
    if work.library_parallel:
        return max(work.cores, work.in_flight or work.tasks or 1) if work.wait_ms else work.cores
    if not work.wait_ms:
        return at_once if at_once > 1 else math.inf
    slots = slots_of(traits, candidate.workers, work)
    return min(slots or math.inf, work.tasks or math.inf)


def _time_range(candidate: Candidate, outlook: Outlook) -> tuple[float, float]:
    """The shortest and the longest time of a candidate, as far as its costs and what was assumed leave it open."""
    sheet = outlook.sheet(candidate)

    def end(work: Quantities, slow: bool) -> float:
        """The time at one end of the range."""
        batch, parts = candidate.batch, candidate.predicted.parts
        assert batch is not None and parts is not None, "its seconds are predicted"
        if work is not outlook.work:
            traits = outlook.knowledge.approaches[candidate.approach].traits
            batch = batch_of(traits, work) or batch
            parts = batch.parts(candidate.workers)
        return spread_of(candidate.workers, batch, parts, sheet, slow)

    return end(outlook.best, slow=False), end(outlook.worst, slow=True)


def _short(value: float) -> float:
    """Three significant digits: more would claim what nobody measured."""
    return float(f"{value:.3g}")


def _short_or_none(value: float | None) -> float | None:
    return None if value is None else _short(value)


def _fits(candidate: Candidate, choice: Choice, profile: WorkloadProfile) -> _Plain:
    """Whether the requirements are met; by the figures as they are shown, too, which are rounded."""
    if candidate.asked.knowledge.approaches[candidate.approach].traits.runs_in == "cluster":
        return {"memory": None, "latency": None}  # nothing is predicted of it
    memory, latency = candidate.own["memory_use"], candidate.own["latency_use"]
    if memory is not None and memory <= 1 and not _all_memory_fits(candidate, profile):
        memory = None  # what is known fits, but a task's own memory is not known, or whether all data is there at once
    if latency is not None and latency <= 1 and choice.work.serves:
        latency = candidate.own["queued_latency_use"]  # one alone is fast enough; unknown without knowing the load
    predicted = candidate.predicted
    shown_ms = predicted.queued_ms if choice.work.serves else predicted.latency_ms
    return {
        "memory": None if memory is None else memory <= 1,
        "latency": None
        if latency is None
        else latency <= 1 and _shown_within(shown_ms, profile.latency_requirement_ms),
    }


def _shown_within(value: float | None, limit: float | None) -> bool:
    return value is None or limit is None or _short(value) <= limit


def _all_memory_fits(candidate: Candidate, profile: WorkloadProfile) -> bool:
    known = profile.task_memory_mb is not None and profile.memory_budget_mb is not None
    whole = candidate.predicted.memory_mb + candidate.predicted.data_mb
    return known and max(whole, _short(whole)) <= (profile.memory_budget_mb or 0.0)


def _alternatives(choice: Choice, outlook: Outlook, runs_here: bool) -> list[_Plain]:
    """The other candidates: what runs here first if the choice does not, then eligible before rejected, fast before slow.

    Of those that no row of strategy named, the ones that are faster than the choice, which is simpler, and plain code.
    """

    def order(candidate: Candidate) -> tuple[bool, bool, float, bool]:
        """Eligible first, then what runs here, then by the time predicted, then contenders."""
        needs_other_python = outlook.knowledge.approaches[candidate.approach].traits.needs != "any"
        seconds = candidate.seconds or 0.0
        return (
            bool(candidate.ruled_out),
            not runs_here and needs_other_python,
            seconds,
            candidate.standing != "contender",
        )

    least = (choice.chosen.seconds or 0.0) / AS_FAST
    shown = [c for c in choice.others if c.row is not None or _worth_a_word(c, least, outlook)]
    return [_alternative(c, outlook) for c in sorted(shown, key=order)]


def _worth_a_word(candidate: Candidate, least: float, outlook: Outlook) -> bool:
    """Whether a candidate that no row named could be taken, and is faster than that, or what all are measured by."""
    plain = runs_single(outlook.knowledge.approaches[candidate.approach].traits)
    return bool(candidate.seconds) and not candidate.ruled_out and (plain or (candidate.seconds or 0.0) < least)


def _alternative(candidate: Candidate, outlook: Outlook) -> _Plain:
    approach = outlook.knowledge.approaches[candidate.approach]
    if candidate.ruled_out:
        tradeoffs = tuple(rule.because for rule in candidate.ruled_out)
    else:
        tradeoffs = (candidate.row.because if candidate.row else approach.gain, approach.cost)
    return {
        "approach": candidate.approach,
        "title": approach.title,
        "expected": expected_of(candidate, outlook),
        "tradeoffs": tradeoffs,
        "rejected_by": f"eligibility/{candidate.ruled_out[0].id}" if candidate.ruled_out else None,
    }


def _runs_here(tag: str | None, host: HostFacts) -> _Plain:
    path = dict(host.interpreters).get(tag) if tag else None
    return {"available": path is not None, "interpreter": path}
