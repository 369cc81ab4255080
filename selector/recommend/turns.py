"""What other choices would do: the one that is made today, what people are tempted by, and what would be good enough."""

from __future__ import annotations

from typing import Any, Literal

from selector.decision.table import Rule
from selector.recommend.asking import STAYING, in_parts
from selector.recommend.candidates import Candidate, used_by, weighed
from selector.recommend.capacity import Prefork, prefork_of
from selector.recommend.chain import Situation
from selector.text import MILLISECONDS, beside, counted, duration, listed, number, significant, times
from selector.workload.profile import APPROACHES, ApproachId, WorkloadProfile

Verdict = Literal["right", "near", "slower", "breaks", "unknown"]
_Plain = dict[str, Any]  # what a model of recommendation.py is made from

_MOST_TURNS = 3
_BREAKS = ("forbidden", "memory")  # kinds of objection that are no forecast of being slow


# Where the code is today ----------------------------------------------------------------------------------------------


def current_of(situation: Situation) -> _Plain | None:
    """The verdict on the approach that the code has today; None where the profile does not say which."""
    approach = situation.profile.current_approach
    if approach is None:
        return None
    verdict, text = _judged(situation, approach)
    return {"approach": approach, "verdict": verdict, "text": text}


def _judged(situation: Situation, approach: ApproachId) -> tuple[Verdict, str]:
    chosen = situation.choice.chosen
    current = situation.candidate(approach)
    if (more := _takes_more(situation, current)) is not None and (more.here or approach == chosen.approach):
        return "slower" if more.here else "breaks", _more_text(more)
    if approach == chosen.approach:
        if chosen.ruled_out:
            return "breaks", f"Nothing suits better, yet: {chosen.ruled_out[0].because}"
        return "right", "It is right."
    broken = [rule for rule in current.ruled_out if rule.outputs.get("kind") in _BREAKS]
    if broken or _misses_what_is_met(current, chosen):
        return "breaks", f"It breaks: {(broken or current.ruled_out)[0].because}"
    if current.seconds and chosen.seconds:
        return _compared(current, chosen, situation)
    if current.ruled_out:
        return "slower", f"It is slower: {current.ruled_out[0].because}"
    if wrong := _goes_wrong(situation, approach):
        return "slower", f"Here it is a wrong turn: {wrong[0].because[0].lower()}{wrong[0].because[1:]}"
    if current.standing == "contender":
        return "near", f"It suits the work as well, as far as is known; {chosen.approach} comes first."
    return "unknown", "How much slower it is cannot be predicted with what is given."


def _takes_more(situation: Situation, current: Candidate) -> Prefork | None:
    """The processes that keep up, where nothing else speaks against an approach than that one of them does not."""
    return prefork_of(situation, current) if len(current.ruled_out) == 1 else None


def _more_text(more: Prefork) -> str:
    """`One process of it does not keep up with 200/s: it takes 2 of them.`."""
    rate = f"{number(significant(more.rate, 6))}/s"
    where = f", on {counted(more.machines, 'machine')}" if more.machines > 1 else ""
    return f"One process of it does not keep up with {rate}: it takes {more.processes:,} of them{where}."


def _misses_what_is_met(current: Candidate, chosen: Candidate) -> bool:
    """Whether it is ruled out, and over a requirement that the choice keeps to."""
    return bool(current.ruled_out) and max(used_by(current)) > 1 >= max(used_by(chosen))


def _compared(current: Candidate, chosen: Candidate, situation: Situation) -> tuple[Verdict, str]:
    """By the times that are predicted of both."""
    ratio = (current.seconds or 0.0) / (chosen.seconds or 1.0)
    why = f" {current.ruled_out[0].because}" if current.ruled_out else ""
    if ratio < 1:
        return "slower" if why else "near", f"Predicted to be as fast as {chosen.approach}.{why}"
    serves = situation.work.serves
    rival = chosen.approach
    told = (
        f"It serves a request in {times(ratio)} the time of {rival}."
        if serves
        else f"It takes {times(ratio)} the time of {rival}."
    )
    near = weighed(current, chosen, situation.knowledge).band.outputs["verdict"] in STAYING and not why
    return ("near", f"{told[:-1]}: near enough.") if near else ("slower", f"{told}{why}")


# What would do ---------------------------------------------------------------------------------------------------------


def good_enough_of(situation: Situation) -> _Plain | None:
    """What runs today, or plain code, if it meets the deadline or the latency of a service though it is not the answer."""
    profile, chosen = situation.profile, situation.choice.chosen
    for approach in dict.fromkeys((profile.origin, APPROACHES[0])):
        if approach != chosen.approach and (met := _met_by(situation.candidate(approach), profile)):
            as_it_is = "as the code is today" if profile.current_approach == approach else "simpler"
            text = f"{approach} meets {listed(met)}, too. It is right, {as_it_is}, where more speed is worth nothing."
            return {"approach": approach, "text": text}
    return None


def _met_by(candidate: Candidate, profile: WorkloadProfile) -> list[str]:
    """The requirements on time that a candidate is predicted to meet, all there are, in words; none if one is missed."""
    own, predicted = candidate.own, candidate.predicted
    if candidate.ruled_out or max(used_by(candidate)) > 1:
        return []
    found = []
    if own["deadline_use"] is not None and profile.finish_within_s is not None and predicted.seconds is not None:
        found.append(f"the deadline ({duration(predicted.seconds)} of {duration(profile.finish_within_s)})")
    limit = profile.latency_requirement_ms
    if own["queued_latency_use"] is not None and limit is not None and predicted.queued_ms is not None:
        found.append(f"the latency ({beside(predicted.queued_ms, limit, MILLISECONDS, over=False)})")
    return found


# What people are tempted by -------------------------------------------------------------------------------------------


def wrong_turns_of(situation: Situation) -> list[_Plain]:
    """What goes wrong with other approaches, by the table wrong_turns: the most tempting first, at most three.

    One that is predicted to be about as fast as the answer is no wrong turn.
    """
    table, facts, good = in_parts(situation.knowledge, "wrong_turns"), situation.facts, _about_as_good(situation)
    found: dict[str, tuple[Rule, ApproachId]] = {}
    for approach in APPROACHES:
        rows = table.rules(facts, approach, None)
        if rows and approach not in good:
            found.setdefault(rows[0].id, (rows[0], approach))
    tempting = sorted(found.values(), key=lambda turn: turn[0].line)[:_MOST_TURNS]
    return [
        {"approach": a, "effect": r.outputs["effect"], "rule": f"wrong_turns/{r.id}", "text": r.because}
        for r, a in tempting
    ]


def _goes_wrong(situation: Situation, approach: ApproachId) -> tuple[Rule, ...]:
    """The rows of wrong_turns that fire for an approach, the most tempting mistake first."""
    return in_parts(situation.knowledge, "wrong_turns").rules(situation.facts, approach, None)


def _about_as_good(situation: Situation) -> set[ApproachId]:
    """The answer, and what is eligible and about as fast."""
    chosen = situation.choice.chosen
    longest = (chosen.seconds or 0.0) * _AS_GOOD
    near = {c.approach for c in situation.choice.others if not c.ruled_out and c.seconds and c.seconds <= longest}
    return {chosen.approach, *near}


#: What is slower by no more than that is no mistake: where speedup_bands says that it does not matter.
_AS_GOOD = 1.2
