"""Recommendation: the answer as a model that can be saved, read back and rendered; built from a choice of the chain."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from selector.approaches import Effort, Engine
from selector.cost.terms import runs_single
from selector.decision.table import Rule
from selector.recommend.candidates import AS_FAST, Candidate, Choice, Weighing
from selector.recommend.capacity import Capacity, capacity_of
from selector.recommend.chain import Situation
from selector.recommend.expected import Expected, Outlook, expected_of, outlook_of, short
from selector.recommend.facts import HostFacts
from selector.recommend.machines import ClusterPlan, Outgrown, cluster_of, outgrown_of
from selector.recommend.notes import notes_of
from selector.recommend.turns import Verdict, current_of, good_enough_of, wrong_turns_of
from selector.workload.given import GivenProfile
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


class Fits(_Saved):
    """Whether the requirements are met; None where that is not known, or not asked for.

    `throughput` says whether it keeps up with what arrives, or must be done in a second, and `deadline` whether a batch is
    done in time.
    """

    memory: bool | None
    latency: bool | None
    throughput: bool | None = None
    deadline: bool | None = None


class Migration(_Saved):
    """How to get there from where the code is (single-threaded if the profile does not say)."""

    from_approach: ApproachId = Field(alias="from")
    effort: Effort
    steps: tuple[str, ...]
    pitfalls: tuple[str, ...]


class Alternative(_Saved):
    """Another approach: what to expect of it in so many processes, its trade-offs, and the rule that rejects it (None: it is eligible)."""

    approach: ApproachId
    title: str
    processes: int = 1
    expected: Expected
    tradeoffs: tuple[str, ...]
    rejected_by: str | None


class InputChange(_Saved):
    """An input that would change the answer: to which value, and what the answer would be then."""

    input: str
    to: bool | int | float | str | tuple[str, ...]
    approach: ApproachId
    engine: Engine | None = None


class Current(_Saved):
    """What becomes of the approach that the code has today: right, near (enough), slower, breaks or unknown, in a sentence."""

    approach: ApproachId
    verdict: Verdict
    text: str


class GoodEnough(_Saved):
    """A simpler approach that meets the requirements on time as well, in a sentence."""

    approach: ApproachId
    text: str


class WrongTurn(_Saved):
    """What goes wrong with another approach, by which row of the table wrong_turns, in a clause."""

    approach: ApproachId
    effect: str
    rule: str
    text: str


class RunsHere(_Saved):
    """Whether the Python it needs was found on this host, and where."""

    available: bool
    interpreter: str | None


class Recommendation(_Saved):
    """The answer to a profile. `would_change` is None where it was not asked for.

    `workers` is the size of its pool, in each of so many `processes` that share the requests of a service.
    `capacity` is None where no rate is asked for, `cluster` where no engine is recommended whose costs are known, `outgrown`
    where no limit is given that one machine could miss, or it was not asked for; `notes` say what was given and does not count.
    """

    schema_version: Literal[1] = Field(1, alias="schema")
    profile: GivenProfile
    workload_class: str
    approach: ApproachId
    title: str
    engine: Engine | None
    interpreter: str | None
    workers: int
    processes: int = 1
    reasons: tuple[Reason, ...]
    expected: Expected
    fits: Fits
    capacity: Capacity | None = None
    cluster: ClusterPlan | None = None
    outgrown: Outgrown | None = None
    notes: tuple[str, ...] = ()
    migration: Migration
    alternatives: tuple[Alternative, ...]
    would_change: tuple[InputChange, ...] | None
    runs_here: RunsHere
    current: Current | None = None
    good_enough: GoodEnough | None = None
    wrong_turns: tuple[WrongTurn, ...] = ()

    def _repr_html_(self) -> str:
        """What a notebook shows: the recommendation as a page in a frame."""
        from selector.report.html import render_frame
        from selector.report.recommendation import recommendation_document
        from selector.report.saved import page_title

        return render_frame(recommendation_document(self), page_title(self.profile.name))

    def _repr_markdown_(self) -> str:
        """What it shows where it takes no HTML: the recommendation as `recommend --format markdown` prints it."""
        from selector.report.markdown import render_markdown
        from selector.report.recommendation import recommendation_document

        return render_markdown(recommendation_document(self))


def build_recommendation(situation: Situation, would_change: tuple[InputChange, ...] | None = None) -> Recommendation:
    """The recommendation that a situation amounts to."""
    data = recommendation_data(situation)
    data["profile"] = situation.profile.model_copy(update=_resolved(situation))
    data["would_change"] = would_change
    data["outgrown"] = None if would_change is None else outgrown_of(situation)  # asked together
    return Recommendation.model_validate(data)


def recommendation_data(situation: Situation) -> _Plain:
    """The recommendation as plain JSON data, without `would_change`: for streams, where models would cost a third.

    The profile in it carries the CPUs and the platform it was made for.
    """
    profile, knowledge, choice = situation.profile, situation.knowledge, situation.choice
    chosen = choice.chosen
    capacity = capacity_of(situation)
    served = capacity is not None and capacity["server"] is not None
    move = knowledge.move(profile.origin, chosen.approach, served=served)
    interpreter = situation.interpreter(chosen.approach)
    here = _runs_here(interpreter, situation.host)
    outlook = outlook_of(situation)
    return {
        "schema": 1,
        "profile": {**profile.given(), **_resolved(situation)},
        "workload_class": situation.facts["workload_class"],
        "approach": chosen.approach,
        "title": knowledge.approaches[chosen.approach].title,
        "engine": choice.answer[1],
        "interpreter": interpreter,
        "workers": chosen.workers,
        "processes": chosen.processes,
        "reasons": _reasons(situation),
        "expected": expected_of(chosen, outlook),
        "fits": _fits(chosen, situation),
        "capacity": capacity,
        "cluster": cluster_of(situation),
        "notes": notes_of(profile),
        "migration": {"from": profile.origin, "effort": move.effort, "steps": move.steps, "pitfalls": move.pitfalls},
        "alternatives": _alternatives(choice, outlook, here["available"]),
        "would_change": None,
        "outgrown": None,
        "runs_here": here,
        "current": current_of(situation),
        "good_enough": good_enough_of(situation),
        "wrong_turns": wrong_turns_of(situation),
    }


def _resolved(situation: Situation) -> _Plain:
    return {"cpu_cores": situation.facts["cpu_cores"], "platform": situation.facts["platform"]}


def _reasons(situation: Situation) -> list[_Plain]:
    choice, advice = situation.choice, situation.knowledge.tables["advice"]
    chosen = choice.chosen
    found = [_reason("classify", situation.classified)]
    if chosen.row is not None:
        found.append(_reason("strategy", chosen.row))
    if chosen.standing == "fallback" and choice.weighing is None:
        found.append(_last_resort(choice))
    if choice.weighing is not None:
        found.append(_reason("speedup_bands", choice.weighing.band, _band_text(choice, choice.weighing)))
    found += [_reason("eligibility", rule, f"Not met even so: {rule.because}") for rule in chosen.ruled_out]
    if choice.engine is not None:
        found.append(_reason("engine", choice.engine))
    if chosen.workers > 1:
        found.append(_reason("sizing", chosen.sizing))
    if chosen.processes > 1:
        found.append(_reason("replicas", chosen.replicas))
    return found + [_reason("advice", rule) for rule in advice.decide_among(chosen.facts).rules]


def _reason(table: str, rule: Rule, text: str = "") -> _Plain:
    return {"rule": f"{table}/{rule.id}", "text": text or rule.because}


def _last_resort(choice: Choice) -> _Plain:
    """Why a fallback was taken: what ruled the first contender out."""
    for candidate in choice.others:
        if candidate.standing == "contender" and candidate.ruled_out:
            rule = candidate.ruled_out[0]
            return _reason("eligibility", rule, f"{candidate.approach} would come first, but: {rule.because}")
    return {"rule": "strategy", "text": "No row of the table suits better."}


def _band_text(choice: Choice, weighing: Weighing) -> str:
    """What was compared with what; the row's own sentence follows where it kept the simpler candidate.

    Where requests arrive, all that keep up do as many: what is compared is how soon they answer.
    """
    chosen, fastest = choice.chosen, weighing.fastest
    first, fast = ("to answer soonest", "as soon") if weighing.facts["arrives"] else ("the fastest", "as fast")
    answers = "to answer " if weighing.facts["arrives"] else ""
    if chosen is not fastest:
        gain = (chosen.seconds or 0.0) / max(fastest.seconds or 0.0, 1e-9)
        said = f"predicted {answers}{f'{gain:.2f}x' if gain >= 1.01 else 'just'} {fast}"
        return f"{fastest.approach} is {said}. {weighing.band.because}"
    rivals = [c for c in choice.others if c.seconds and not c.ruled_out and c.row is not None]  # that are shown
    if not rivals:
        return f"Predicted {first} of what is eligible."
    next_best = min(rivals, key=lambda c: c.seconds or 0.0)
    gain = (next_best.seconds or 0.0) / max(fastest.seconds or 0.0, 1e-9)
    if gain < AS_FAST:
        return f"Predicted {answers}{fast} as {next_best.approach}, the next, and no harder to get to."
    return f"Predicted {first}: {gain:.2f}x {fast} as {next_best.approach}, the next."


def _fits(candidate: Candidate, situation: Situation) -> _Plain:
    """Whether the requirements are met; by the figures as they are shown, too, which are rounded."""
    if candidate.traits.runs_in == "cluster":
        return _fits_on_machines(candidate, situation)
    profile, serves = situation.profile, situation.work.serves
    memory, latency = candidate.own["memory_use"], candidate.own["latency_use"]
    if memory is not None and memory <= 1 and not _all_memory_fits(candidate, profile):
        memory = None  # what is known fits, but not what tasks take, or whether all hold theirs at once
    if latency is not None and latency <= 1 and serves:
        latency = candidate.own["queued_latency_use"]  # one alone is fast enough; unknown without knowing the load
    used = candidate.own["utilisation"]
    if serves and used is not None and used >= 1 and latency is None:
        latency = (
            math.inf if profile.requests_per_second and profile.latency_requirement_ms else None
        )  # it queues without end
    if latency is not None and latency <= 1 and profile.gpu:
        latency = None  # what its device takes is not known
    predicted = candidate.predicted
    shown_ms = predicted.queued_ms if serves else predicted.latency_ms
    return {
        "memory": None if memory is None else memory <= 1,
        "latency": None
        if latency is None
        else latency <= 1 and _shown_within(shown_ms, profile.latency_requirement_ms),
        **_in_time(candidate, profile),
    }


def _fits_on_machines(candidate: Candidate, situation: Situation) -> _Plain:
    """The same of an engine: whether a batch is in time, and one machine has the memory; how long one queues is not known."""
    found: _Plain = dict.fromkeys(Fits.model_fields)
    if candidate.cluster is None:
        return found
    memory, serves = candidate.own["memory_use"], situation.work.serves
    if memory is not None and (memory > 1 or _all_memory_fits(candidate, situation.profile)):
        found["memory"] = memory <= 1
    return {**found, **({} if serves else _in_time(candidate, situation.profile))}


def _in_time(candidate: Candidate, profile: WorkloadProfile) -> _Plain:
    """Whether it does as much in a second as is asked for, and a batch by its deadline."""
    used, predicted = candidate.own["utilisation"], candidate.predicted
    within, rate, tasks = profile.finish_within_s, profile.throughput_requirement_per_s, candidate.workload["tasks"]
    if profile.mode == "service":
        done = math.inf if predicted.arrives or predicted.throughput is None else short(predicted.throughput)
        enough = None if used is None else used < 1 and done >= (rate or 0.0)  # with as many in flight as are given
        return {"throughput": enough, "deadline": None}
    seconds = predicted.seconds
    reached = None if not rate or not tasks or seconds is None else tasks >= short(seconds) * rate
    return {"throughput": reached, "deadline": None if within is None or seconds is None else short(seconds) <= within}


def _shown_within(value: float | None, limit: float | None) -> bool:
    return value is None or limit is None or short(value) <= limit


def _all_memory_fits(candidate: Candidate, profile: WorkloadProfile) -> bool:
    known = profile.task_memory_mb is not None and candidate.predicted.waiting_mb is not None
    whole, budget = candidate.predicted.whole_mb, profile.memory_budget_mb
    return known and budget is not None and max(whole, short(whole)) <= budget


def _alternatives(choice: Choice, outlook: Outlook, runs_here: bool) -> list[_Plain]:
    """The other candidates: what runs here first if the choice does not, then eligible before rejected, fast before slow.

    Of those that no row of strategy named, the ones that are faster than the choice, which is simpler, and plain code.
    """

    def order(candidate: Candidate) -> tuple[bool, bool, float, bool]:
        """Eligible first, then what runs here, then by the time predicted, then contenders."""
        needs_other_python = candidate.traits.needs != "any"
        seconds = candidate.seconds or 0.0
        return (
            bool(candidate.ruled_out),
            not runs_here and needs_other_python,
            seconds,
            candidate.standing != "contender",
        )

    least = (choice.chosen.seconds or 0.0) / AS_FAST
    shown = [c for c in choice.others if c.row is not None or _worth_a_word(c, least)]
    return [_alternative(c, outlook) for c in sorted(shown, key=order)]


def _worth_a_word(candidate: Candidate, least: float) -> bool:
    """Whether a candidate that no row named could be taken, and is faster than that, or what all are measured by."""
    plain = runs_single(candidate.traits)
    return bool(candidate.seconds) and not candidate.ruled_out and (plain or (candidate.seconds or 0.0) < least)


def _alternative(candidate: Candidate, outlook: Outlook) -> _Plain:
    approach = outlook.situation.knowledge.approaches[candidate.approach]
    if candidate.ruled_out:
        tradeoffs = tuple(rule.because for rule in candidate.ruled_out)
    else:
        tradeoffs = (candidate.row.because if candidate.row else approach.gain, approach.cost)
    return {
        "approach": candidate.approach,
        "title": approach.title,
        "processes": candidate.processes,
        "expected": expected_of(candidate, outlook),
        "tradeoffs": tradeoffs,
        "rejected_by": f"eligibility/{candidate.ruled_out[0].id}" if candidate.ruled_out else None,
    }


def _runs_here(tag: str | None, host: HostFacts) -> _Plain:
    path = dict(host.interpreters).get(tag) if tag else None
    return {"available": path is not None, "interpreter": path}
