"""The verdict: whether the times bear the recommendation out, and who won.

What counts is the time of the whole batch, start-up included. A difference within the noise is none, and neither is one
of a few percent, which is what two harnesses differ by. A faster approach refutes the recommendation if it is also the
simpler one, or if the bands call its gain worth the complexity.

A verdict is given only where it would be the same on a quiet machine, as far as the run can tell: see doubts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selector.benchmark.events import Status
from selector.benchmark.stats import Interval
from selector.text import clause, measured_duration, measured_range, percent, sentence
from selector.validation.contest import Contest
from selector.validation.doubts import Doubt, crowd, doubt_of_stand_in, doubt_of_verdict
from selector.validation.evidence import ENOUGH_RUNS, ArmResult, Evidence, lower_title
from selector.validation.models import Verdict

_CLOSE = 1.1  # to the fastest: up to there the simpler one may be called the winner
_HELD = 0.1  # of its time: an arm that others may have cost so much is not what it would be alone
_FAILED: dict[Status, str] = {
    "timeout": "timeout",
    "crash": "crash",
    "out_of_memory": "out of memory",
    "unpicklable": "something does not pickle",
    "missing_dependency": "a dependency is missing",
    "gil_enabled": "the GIL came back on",
    "error": "error",
    "mismatch": "not the result of the others",
    "not_run": "not run",
}


@dataclass(frozen=True, eq=False)
class Judgement:
    """The verdict with its reason. `opponent` is the arm that decided it; the arms are None where there is none."""

    verdict: Verdict
    reason: str
    recommended: ArmResult | None
    opponent: ArmResult | None
    winner: ArmResult | None
    contests: tuple[Contest, ...]  # the fastest rival first
    doubt: Doubt | None = None  # why the figures allow for no verdict


def judge(evidence: Evidence) -> Judgement:
    """The verdict on the recommendation to do a batch, by time alone."""
    recommended = recommended_arm(evidence)
    if doubt := doubt_of_stand_in(evidence):
        return Judgement("inconclusive", doubt.why, recommended, None, None, (), doubt)
    if recommended is None or not recommended.ok:
        return Judgement("inconclusive", no_result(evidence, recommended), recommended, None, _left(evidence), ())
    others = [r for r in evidence.compared if r.ok and r.arm.approach != recommended.arm.approach]
    against = [Contest(evidence, recommended, r) for r in sorted(others, key=lambda r: r.seconds)]
    admitted = tuple(c for c in against if c.won or recommended.ruled_out or not c.rival.ruled_out)
    if not admitted:
        return Judgement("inconclusive", _alone(evidence, recommended, against), recommended, None, recommended, ())
    winner = winner_of(evidence, [recommended, *(c.rival for c in admitted)])
    verdict, decisive = decide(admitted)
    if verdict == "tie" and not decisive.rival_is_simpler and winner.place > recommended.place:
        winner = recommended  # as is said of a tie: it is the simpler
    if doubt := doubt_of_verdict(evidence, verdict, decisive, admitted):
        return Judgement("inconclusive", doubt.why, recommended, doubt.rival, None, admitted, doubt)
    reason = _REASONS[verdict](evidence, decisive, winner)
    if doubtful := _in_doubt(verdict, decisive, admitted):
        verdict, reason = "inconclusive", _size_matters(evidence, *doubtful)
    return Judgement(verdict, reason, recommended, decisive.rival, winner, admitted)


def recommended_arm(evidence: Evidence) -> ArmResult | None:
    """The arm that stands for the recommendation: of its approach, on the Python that it names.

    Where that Python was not measured, on the first one in the plan of its kind: the newest.
    """
    recommendation = evidence.case.recommendation
    found = [r for r in evidence.compared if r.arm.approach == recommendation.approach]
    tag = recommendation.interpreter
    if tag is not None:
        exact = [r for r in found if r.arm.interpreter == tag]
        found = exact or [r for r in found if r.arm.interpreter.endswith("t") == tag.endswith("t")] or found
    return found[0] if found else None


def winner_of(evidence: Evidence, arms: Sequence[ArmResult]) -> ArmResult:
    """The fastest arm; of those within the noise of it the simplest, and of one approach the fastest.

    However noisy the host, what took a tenth longer is not called the winner.
    """
    fastest = min(arms, key=lambda r: r.seconds)
    close = [r for r in arms if r.seconds <= fastest.seconds * _CLOSE]
    near = [r for r in close if r is fastest or Contest(evidence, r, fastest).tied]
    return min(near, key=lambda r: (r.place, r.seconds))


def _left(evidence: Evidence) -> ArmResult | None:
    """The winner among the others, where the recommended arm has no result; None if they do not tell it for sure."""
    measured = [r for r in evidence.compared if r.ok]
    fastest = [r for r in measured if not r.ruled_out] or measured
    winner = winner_of(evidence, fastest) if fastest else None
    sure = winner and len(winner.samples) >= ENOUGH_RUNS and not any(r.held_back > _HELD for r in measured)
    return winner if sure else None


def decide(contests: tuple[Contest, ...]) -> tuple[Verdict, Contest]:
    """The verdict, and the contest that decides it."""
    if refuting := [c for c in contests if c.refutes]:
        return "refuted", next((c for c in refuting if c.surely_refutes and c.enough_runs), refuting[0])
    tied = [c for c in contests if c.tied]
    if lost := [c for c in contests if c.lost]:  # to a more complex one that is not worth it
        simpler = [c for c in tied if c.rival_is_simpler]
        return ("tie", simpler[0]) if simpler else ("confirmed", lost[0])
    return ("tie", tied[0]) if tied else ("confirmed", contests[0])


def _in_doubt(verdict: Verdict, decisive: Contest, contests: tuple[Contest, ...]) -> tuple[Contest, Contest] | None:
    """Where fewer tasks ran than there are, and all would turn the verdict: the contest as measured and at full size.

    With few tasks the start of a pool counts for more than it will.
    """
    whole = [(c, c.at_full_size() if c.recommended.whole and c.rival.whole else c) for c in contests]
    refuting = [(c, then) for c, then in whole if then.refutes]
    if verdict == "refuted":
        return None if refuting else next((c, then) for c, then in whole if c is decisive)
    return refuting[0] if refuting else None


# The reasons ----------------------------------------------------------------------------------------------------------


def _against(evidence: Evidence, c: Contest) -> str:
    """`asyncio took 2.31 s, 1.42x (1.35x to 1.50x) as long as threads (1.63 s)`."""
    return (
        f"{evidence.took(c.recommended)}, {_with_range(c.ratio)} as long as"
        f" {evidence.name(c.rival)} ({measured_duration(c.rival.seconds)})"
    )


def _with_range(ratio: Interval) -> str:
    """`1.42x (1.35x to 1.50x)`."""
    mid, ends = measured_range(*ratio)
    return f"{mid} ({ends})"


def _confirmed(evidence: Evidence, c: Contest, _winner: ArmResult) -> str:
    if c.lost:
        band = evidence.case.band(c.ratio.mid, c.recommended.arm, c.rival.arm)
        return f"{_against(evidence, c)}. {sentence(band.because)}"
    behind = f"{measured_duration(c.rival.seconds)}, {_with_range(c.inverse)} as long"
    if c.inverse.low < 1:  # the range is wide, but no run of the one was as fast as any of the other
        behind = f"{measured_duration(c.rival.seconds)}, and was slower in every run"
    return f"{evidence.took(c.recommended)}, the fastest here. {evidence.subject(c.rival)}, the next, took {behind}."


def _tie(evidence: Evidence, c: Contest, winner: ArmResult) -> str:
    if winner is c.rival and c.rival_is_simpler:
        settled = f"Take {evidence.name(winner)}, the simpler of the two."
    elif winner.arm.approach in (c.recommended.arm.approach, c.rival.arm.approach) and not c.rival_is_simpler:
        settled = "The recommended one is the simpler of the two."
    else:
        settled = _crowned(evidence, winner)
    why = "to rely on, as the range goes both ways"
    if max(c.ratio.mid, 1 / c.ratio.mid) <= 1 + c.same_within:
        why = f"that counts: up to {percent(c.same_within)} is none here"
    return f"{_against(evidence, c)}: no difference {why}. {settled}"


def _refuted(evidence: Evidence, c: Contest, winner: ArmResult) -> str:
    simpler = ", which is also the simpler" if c.rival_is_simpler else ""
    more = f" {_crowned(evidence, winner)}" if winner is not c.rival else ""
    return f"{_against(evidence, c)}{simpler}.{more}"


def _crowned(evidence: Evidence, winner: ArmResult) -> str:
    name = evidence.name(winner)
    return f"The winner is {name} ({measured_duration(winner.seconds)}), the simplest within the noise of the fastest."


def _size_matters(evidence: Evidence, now: Contest, then: Contest) -> str:
    plan = evidence.case.session.plan
    assert plan is not None and plan.tasks_asked is not None
    return (
        f"{_against(evidence, now)}. But only {plan.tasks:,} of {plan.tasks_asked:,} tasks ran, and at that pace all of"
        f" them would take {measured_duration(then.recommended.seconds)} against {measured_duration(then.rival.seconds)}."
    )


_REASONS = {"confirmed": _confirmed, "tie": _tie, "refuted": _refuted}


def no_result(evidence: Evidence, recommended: ArmResult | None) -> str:
    """Why the recommended approach has no time."""
    recommendation = evidence.case.recommendation
    approach = evidence.case.knowledge.approaches[recommendation.approach]
    title, tag = approach.title, recommendation.interpreter
    if recommended is not None:
        m = recommended.measurement
        reason = f": {clause(m.reason)}" if m.reason else ""
        told = sentence(f"{title} gave no result ({_FAILED[m.status]}){reason}")
        late = m.status in ("timeout", "not_run")
        return " ".join(filter(None, (told, crowd(evidence) if late else "")))
    if approach.traits.runs_in == "cluster":
        return f"{title} was not measured: what spreads over machines cannot be tried on one."
    if evidence.case.session.plan is None:
        return sentence(f"Nothing was measured: {_end_of(evidence)}")
    if why := evidence.case.session.plan.left_out.get(recommendation.approach):
        return f"{title} was not measured. {why}"
    found = {i.interpreter for i in evidence.case.session.interpreters if i.status == "ok"}
    if tag is not None and tag not in found and approach.traits.needs != "any":
        return f"{title} was not measured: it needs Python {tag}, which did not run here."
    return f"{title} was not measured: it is not in the plan of the run."


def _end_of(evidence: Evidence) -> str:
    end = evidence.case.session.end
    if end is None or end.reason == "interrupted":
        return "the run ended before it had a plan"
    return f"the run ended before it had a plan ({clause(end.detail) or end.reason})"


def _alone(evidence: Evidence, recommended: ArmResult, against: Sequence[Contest]) -> str:
    """Why there is nothing to compare with."""
    alone = f"{evidence.took(recommended)}, but no other approach gave a result to compare it with."
    if against:
        rival = against[0].rival
        assert rival.ruled_out is not None  # else it would have been admitted
        return (
            f"{alone[:-1]} but {lower_title(rival.approach)}, which is ruled out: {sentence(rival.ruled_out.because)}"
        )
    return alone
