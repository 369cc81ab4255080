"""The verdict: what the times say to the recommendation, and who won.

What counts is the time of the whole batch, start-up included. A difference within the noise is none, and neither is one
of a few percent, which is what two harnesses differ by. A faster approach refutes the recommendation if it is also the
simpler one, or if the bands call its gain worth the complexity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from selector.benchmark.events import Status
from selector.benchmark.stats import Interval
from selector.validation.case import worth_it
from selector.validation.evidence import ArmResult, Evidence
from selector.validation.models import Verdict
from selector.validation.wording import duration, inverse, one_line, percent, said, sentence, times, times_with_span

_CLOSE = 1.1  # to the fastest: up to there the simpler one may be called the winner
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
class Comparison:
    """The recommended arm against a rival: `ratio` is its time over the rival's, so above 1 the rival is faster."""

    evidence: Evidence
    recommended: ArmResult
    rival: ArmResult

    @cached_property
    def ratio(self) -> Interval:
        """How many times as long the recommended arm took as the rival."""
        return self.evidence.ratio(self.recommended, self.rival)

    @property
    def lost(self) -> bool:
        """Whether the rival is faster beyond the noise."""
        return self.ratio.low > 1 and self.ratio.mid > 1 + self.evidence.same_within

    @property
    def won(self) -> bool:
        """Whether the recommended arm is faster beyond the noise."""
        return self.ratio.high < 1 and self.ratio.mid < 1 / (1 + self.evidence.same_within)

    @property
    def tied(self) -> bool:
        """Whether neither is."""
        return not self.lost and not self.won

    @property
    def rival_is_simpler(self) -> bool:
        """Whether the rival comes first in the order of simplicity."""
        return self.rival.place < self.recommended.place

    @property
    def refutes(self) -> bool:
        """Whether the rival should have been recommended."""
        return self.lost and (self.rival_is_simpler or self._worth_it(self.ratio.mid))

    @property
    def unclear(self) -> bool:
        """Whether the samples allow for a tie as well as for a loss that would matter."""
        return self.tied and self._worth_it(self.ratio.high)

    def at_full_size(self) -> Comparison:
        """The same with the times that all tasks would take."""
        ours, theirs = (replace(r, samples=r.whole) for r in (self.recommended, self.rival))
        return Comparison(self.evidence, ours, theirs)

    def _worth_it(self, speedup: float) -> bool:
        return worth_it(self.evidence.case.band(speedup, self.recommended.arm))


@dataclass(frozen=True, eq=False)
class Judgement:
    """The verdict with its reason. `opponent` is the arm that decided it; the arms are None where there is none."""

    verdict: Verdict
    reason: str
    recommended: ArmResult | None
    opponent: ArmResult | None
    winner: ArmResult | None
    comparisons: tuple[Comparison, ...]  # the fastest rival first


def judge(evidence: Evidence) -> Judgement:
    """The verdict on the recommendation, for time."""
    recommended = recommended_arm(evidence)
    if recommended is None or not recommended.ok:
        fastest = [r for r in evidence.compared if r.ok and not r.ruled_out] or [r for r in evidence.compared if r.ok]
        winner = _winner(evidence, fastest) if fastest else None
        return Judgement("inconclusive", _no_result(evidence, recommended), recommended, None, winner, ())
    others = [r for r in evidence.compared if r.ok and r.arm.approach != recommended.arm.approach]
    against = [Comparison(evidence, recommended, r) for r in sorted(others, key=lambda r: r.seconds)]
    admitted = tuple(c for c in against if c.won or recommended.ruled_out or not c.rival.ruled_out)
    if not admitted:
        return Judgement("inconclusive", _alone(evidence, recommended, against), recommended, None, recommended, ())
    winner = _winner(evidence, [recommended, *(c.rival for c in admitted)])
    verdict, decisive = _decide(admitted)
    reason = _REASONS[verdict](evidence, decisive, winner)
    if doubtful := _in_doubt(verdict, decisive, admitted):
        verdict, reason = "inconclusive", _size_matters(evidence, *doubtful)
    return Judgement(verdict, reason, recommended, decisive.rival, winner, admitted)


def recommended_arm(evidence: Evidence) -> ArmResult | None:
    """The arm that stands for the recommendation: of its approach, on the kind of Python it asks for, the fastest."""
    recommendation = evidence.case.recommendation
    found = [r for r in evidence.compared if r.arm.approach == recommendation.approach]
    tag = recommendation.interpreter
    if tag is not None:
        found = [r for r in found if r.arm.interpreter.endswith("t") == tag.endswith("t")] or found
    measured = [r for r in found if r.ok]
    return min(measured, key=lambda r: r.seconds) if measured else found[0] if found else None


def _winner(evidence: Evidence, arms: Sequence[ArmResult]) -> ArmResult:
    """The fastest arm; of those within the noise of it the simplest, and of one approach the fastest.

    However noisy the host, what took a tenth longer is not called the winner.
    """
    fastest = min(arms, key=lambda r: r.seconds)
    close = [r for r in arms if r.seconds <= fastest.seconds * _CLOSE]
    near = [r for r in close if r is fastest or Comparison(evidence, r, fastest).tied]
    return min(near, key=lambda r: (r.place, r.seconds))


def _decide(comparisons: tuple[Comparison, ...]) -> tuple[Verdict, Comparison]:
    """The verdict, and the comparison that decides it."""
    if refuting := [c for c in comparisons if c.refutes]:
        return "refuted", refuting[0]
    if unclear := [c for c in comparisons if c.unclear]:
        return "inconclusive", max(unclear, key=lambda c: c.ratio.high)
    tied = [c for c in comparisons if c.tied]
    if lost := [c for c in comparisons if c.lost]:  # to a more complex one that is not worth it
        simpler = [c for c in tied if c.rival_is_simpler]
        return ("tie", simpler[0]) if simpler else ("confirmed", lost[0])
    return ("tie", tied[0]) if tied else ("confirmed", comparisons[0])


def _in_doubt(
    verdict: Verdict, decisive: Comparison, comparisons: tuple[Comparison, ...]
) -> tuple[Comparison, Comparison] | None:
    """Where fewer tasks ran than there are, and all of them would turn the verdict: that comparison now and then.

    With few tasks the start of a pool counts for more than it will.
    """
    whole = [(c, c.at_full_size() if c.recommended.whole and c.rival.whole else c) for c in comparisons]
    refuting = [(c, then) for c, then in whole if then.refutes]
    if verdict == "refuted":
        return None if refuting else next((c, then) for c, then in whole if c is decisive)
    return refuting[0] if refuting else None


# The reasons ----------------------------------------------------------------------------------------------------------


def _against(evidence: Evidence, c: Comparison) -> str:
    """`asyncio took 2.31 s, 1.42x (1.35x to 1.50x) as long as threads (1.63 s)`."""
    return (
        f"{_took(evidence, c.recommended)}, {times_with_span(c.ratio)} as long as"
        f" {evidence.name(c.rival)} ({duration(c.rival.seconds)})"
    )


def _took(evidence: Evidence, result: ArmResult) -> str:
    return f"{evidence.subject(result)} took {duration(result.seconds)}"


def _confirmed(evidence: Evidence, c: Comparison, _winner: ArmResult) -> str:
    if c.lost:
        band = evidence.case.band(c.ratio.mid, c.recommended.arm)
        return f"{_against(evidence, c)}. {sentence(band.because)}"
    behind = f"{duration(c.rival.seconds)}, {times_with_span(inverse(c.ratio))} as long"
    return f"{_took(evidence, c.recommended)}, the fastest here. {evidence.subject(c.rival)}, the next, took {behind}."


def _tie(evidence: Evidence, c: Comparison, winner: ArmResult) -> str:
    if winner is c.rival:
        settled = f"Take {evidence.name(winner)}, the simpler of the two."
    elif winner.arm.approach == c.recommended.arm.approach and not c.rival_is_simpler:
        settled = "The recommended one is the simpler of the two."
    else:
        settled = _crowned(evidence, winner)
    why = "to rely on, as the range goes both ways"
    if max(c.ratio.mid, 1 / c.ratio.mid) <= 1 + evidence.same_within:
        why = f"that counts: up to {percent(evidence.same_within)} is none here"
    return f"{_against(evidence, c)}: no difference {why}. {settled}"


def _refuted(evidence: Evidence, c: Comparison, winner: ArmResult) -> str:
    simpler = ", which is also the simpler" if c.rival_is_simpler else ""
    more = f" {_crowned(evidence, winner)}" if winner is not c.rival else ""
    return f"{_against(evidence, c)}{simpler}.{more}"


def _crowned(evidence: Evidence, winner: ArmResult) -> str:
    name = evidence.name(winner)
    return f"The winner is {name} ({duration(winner.seconds)}), the simplest within the noise of the fastest."


def _unclear(evidence: Evidence, c: Comparison, _winner: ArmResult) -> str:
    few = min(len(c.recommended.samples), len(c.rival.samples))
    after = f"after as few as {few} run{'s' if few != 1 else ''}"
    return f"{_against(evidence, c)}: {after}, that range does not tell a tie from a loss of {times(c.ratio.high)}."


def _size_matters(evidence: Evidence, now: Comparison, then: Comparison) -> str:
    plan = evidence.case.session.plan
    assert plan is not None and plan.tasks_asked is not None
    return (
        f"{_against(evidence, now)}. But only {plan.tasks:,} of {plan.tasks_asked:,} tasks ran, and at that pace all of"
        f" them would take {duration(then.recommended.seconds)} against {duration(then.rival.seconds)}."
    )


_REASONS = {"confirmed": _confirmed, "tie": _tie, "refuted": _refuted, "inconclusive": _unclear}


def _no_result(evidence: Evidence, recommended: ArmResult | None) -> str:
    """Why the recommended approach has no time."""
    recommendation = evidence.case.recommendation
    approach = evidence.case.knowledge.approaches[recommendation.approach]
    title, tag = approach.title, recommendation.interpreter
    if recommended is not None:
        m = recommended.measurement
        reason = f": {one_line(m.reason)}" if m.reason else ""
        return sentence(f"{title} gave no result ({_FAILED[m.status]}){reason}")
    if approach.traits.runs_in == "cluster":
        return f"{title} was not measured: what spreads over machines cannot be tried on one."
    if evidence.case.session.plan is None:
        return sentence(f"Nothing was measured: {_end_of(evidence)}")
    found = {i.interpreter for i in evidence.case.session.interpreters if i.status == "ok"}
    if tag is not None and tag not in found and approach.traits.needs != "any":
        return f"{title} was not measured: it needs Python {tag}, which did not run here."
    return f"{title} was not measured: it is not in the plan of the run."


def _end_of(evidence: Evidence) -> str:
    end = evidence.case.session.end
    if end is None or end.reason == "interrupted":
        return "the run ended before it had a plan"
    return f"the run ended before it had a plan ({one_line(end.detail) or end.reason})"


def _alone(evidence: Evidence, recommended: ArmResult, against: Sequence[Comparison]) -> str:
    """Why there is nothing to compare with."""
    alone = f"{_took(evidence, recommended)}, but no other approach gave a result to compare it with."
    if against:
        rival = against[0].rival
        assert rival.ruled_out is not None  # else it would have been admitted
        return f"{alone[:-1]} but {said(rival.approach)}, which is ruled out: {sentence(rival.ruled_out.because)}"
    return alone
