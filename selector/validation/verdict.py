"""The verdict: what the times say to the recommendation, and who won.

What counts is the time of the whole batch, start-up included. A difference within the noise is none, and neither is one
of a few percent, which is what two harnesses differ by. A faster approach refutes the recommendation if it is also the
simpler one, or if the bands call its gain worth the complexity.

A verdict is given only where it would be the same on a quiet machine, as far as the run can tell: see doubts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from selector.benchmark.events import Status
from selector.benchmark.stats import Interval
from selector.validation.case import worth_it
from selector.validation.evidence import ENOUGH_RUNS, QUIET_CPUS, ArmResult, Evidence
from selector.validation.models import Verdict
from selector.validation.wording import (
    duration,
    inverse,
    listed,
    one_line,
    percent,
    said,
    sentence,
    times,
    times_with_span,
)

_CLOSE = 1.1  # to the fastest: up to there the simpler one may be called the winner
_CLEAR = 2.0  # times as long in every run: that much is no accident, even where one of the two ran only once
_HELD = 0.1  # of its time: an arm that others may have cost so much is not what it would be alone
_UNLIKE, _LEAST_MS = 0.1, 0.005  # a stand-in that is off by so much, as a share and in ms, is another task
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
        """Whether the rival is simpler: less effort to get to from what runs today, or as much and first in the order."""
        return self.rival.place < self.recommended.place

    @property
    def refutes(self) -> bool:
        """Whether the rival should have been recommended."""
        return self.lost and (self.rival_is_simpler or self._worth_it(self.ratio.mid))

    @cached_property
    def possible(self) -> Interval:
        """What the ratio may be on a machine where nobody else runs: what others may have cost either, and the noise."""
        noise = 1 + self.evidence.reckoned_noise
        low, mid, high = self.ratio
        ours, theirs = (max(1e-3, 1 - r.held_back) for r in (self.recommended, self.rival))
        return Interval(min(low, mid / noise) * ours, mid, max(high, mid * noise) / theirs)

    @property
    def enough_runs(self) -> bool:
        """Whether both ran often enough to tell which is faster."""
        runs = sorted((len(self.recommended.samples), len(self.rival.samples)))
        slow, fast = sorted((self.recommended, self.rival), key=lambda r: -r.seconds)
        clear = min(slow.samples) >= _CLEAR * max(fast.samples) and sum(runs) >= ENOUGH_RUNS
        return runs[0] >= ENOUGH_RUNS or clear

    @property
    def surely_refutes(self) -> bool:
        """Whether it refutes, whatever others may have cost the recommended arm."""
        mid = self.ratio.mid * (1 - self.recommended.held_back)
        far = self.ratio.low * (1 - self.recommended.held_back) > 1 and mid > 1 + self.evidence.same_within
        return self.refutes and far and (self.rival_is_simpler or self._worth_it(mid))

    @property
    def may_refute(self) -> bool:
        """Whether a rival that does not refute might do so where nobody else runs, or with more runs."""
        if self.rival.ruled_out and not self.recommended.ruled_out:
            return False  # however fast
        if self.lost:  # by too little to matter, which others may have hidden
            return self._worth_it(self.ratio.mid / max(1e-3, 1 - self.rival.held_back))
        if self.won:
            return self._worth_it(self.ratio.high / max(1e-3, 1 - self.rival.held_back))
        return self._worth_it(self.possible.high)

    @property
    def may_be_won(self) -> bool:
        """Whether the recommended arm may be faster by so much that it counts, though the two seem tied."""
        return self.tied and self._worth_it(1 / self.possible.low)

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
    doubt: Doubt | None = None  # why the figures allow for no verdict


def judge(evidence: Evidence) -> Judgement:
    """The verdict on the recommendation, for time."""
    recommended = recommended_arm(evidence)
    if doubt := unmade(evidence):
        return Judgement("inconclusive", doubt.why, recommended, None, None, (), doubt)
    if recommended is None or not recommended.ok:
        return Judgement("inconclusive", _no_result(evidence, recommended), recommended, None, _left(evidence), ())
    others = [r for r in evidence.compared if r.ok and r.arm.approach != recommended.arm.approach]
    against = [Comparison(evidence, recommended, r) for r in sorted(others, key=lambda r: r.seconds)]
    admitted = tuple(c for c in against if c.won or recommended.ruled_out or not c.rival.ruled_out)
    if not admitted:
        return Judgement("inconclusive", _alone(evidence, recommended, against), recommended, None, recommended, ())
    winner = _winner(evidence, [recommended, *(c.rival for c in admitted)])
    verdict, decisive = _decide(admitted)
    if doubt := doubts(evidence, verdict, decisive, admitted):
        return Judgement("inconclusive", doubt.why, recommended, doubt.about.rival, None, admitted, doubt)
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


def _winner(evidence: Evidence, arms: Sequence[ArmResult]) -> ArmResult:
    """The fastest arm; of those within the noise of it the simplest, and of one approach the fastest.

    However noisy the host, what took a tenth longer is not called the winner.
    """
    fastest = min(arms, key=lambda r: r.seconds)
    close = [r for r in arms if r.seconds <= fastest.seconds * _CLOSE]
    near = [r for r in close if r is fastest or Comparison(evidence, r, fastest).tied]
    return min(near, key=lambda r: (r.place, r.seconds))


def _left(evidence: Evidence) -> ArmResult | None:
    """The winner among the others, where the recommended arm has no result; None if they do not tell it for sure."""
    measured = [r for r in evidence.compared if r.ok]
    fastest = [r for r in measured if not r.ruled_out] or measured
    winner = _winner(evidence, fastest) if fastest else None
    sure = winner and len(winner.samples) >= ENOUGH_RUNS and not any(r.held_back > _HELD for r in measured)
    return winner if sure else None


def _decide(comparisons: tuple[Comparison, ...]) -> tuple[Verdict, Comparison]:
    """The verdict, and the comparison that decides it."""
    if refuting := [c for c in comparisons if c.refutes]:
        return "refuted", next((c for c in refuting if c.surely_refutes and c.enough_runs), refuting[0])
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


# Doubts ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Doubt:
    """Why there is no verdict, what to do about it, and the comparison that could turn out otherwise (if any)."""

    kind: Literal["stand-in", "busy", "runs", "noise"]
    why: str
    remedy: str
    comparison: Comparison | None = None

    @property
    def about(self) -> Comparison:
        """The comparison, of a doubt that has one."""
        assert self.comparison is not None
        return self.comparison


def unmade(evidence: Evidence) -> Doubt | None:
    """Where the work was made, and is not what the profile describes."""
    plan = evidence.case.session.plan
    found = plan.stand_in if plan else None
    if found is None or abs(found.made_cpu_ms - found.cpu_ms) <= max(_UNLIKE * found.cpu_ms, _LEAST_MS):
        return None
    why = (
        f"A task that computes for {found.cpu_ms:.3g} ms could not be made here: what was made takes"
        f" {found.made_cpu_ms:.3g} ms of CPU time."
    )
    return Doubt("stand-in", why, "Validate again when the machine is quiet.")


def doubts(
    evidence: Evidence, verdict: Verdict, decisive: Comparison, comparisons: tuple[Comparison, ...]
) -> Doubt | None:
    """Why the verdict might be another one on a quiet machine or with more runs; None where nothing speaks for that.

    A refutation needs one comparison that is sure, everything else needs all of them.
    """
    asked = [decisive] if verdict == "refuted" else list(comparisons)
    turning = [c for c in asked if not _sure(verdict, c)]
    few = [c for c in asked if not c.enough_runs]
    if turning and any(r.held_back for c in turning for r in (c.recommended, c.rival)):
        return _busy(evidence, max(turning, key=lambda c: max(c.recommended.held_back, c.rival.held_back)))
    if few:
        return _few_runs(evidence, few)
    return _noisy(evidence, max(turning, key=lambda c: c.possible.high / c.possible.low)) if turning else None


def _sure(verdict: Verdict, c: Comparison) -> bool:
    if verdict == "refuted":
        return c.surely_refutes
    return not c.may_refute and not (verdict == "tie" and c.may_be_won)


def _busy(evidence: Evidence, c: Comparison) -> Doubt:
    """Others took CPUs, and without them it might have come out otherwise."""
    held = max((c.recommended, c.rival), key=lambda r: r.held_back)
    least = held.seconds * (1 - held.held_back)
    taken = max(evidence.cpus_taken or 0.0, held.cpus_taken or 0.0)
    why = f"{crowd(evidence, taken)} {_took(evidence, held)} beside them and may take as little as {duration(least)} alone."
    return Doubt("busy", why, "Close what else computes, or wait until it is done, and validate again.", c)


def crowd(evidence: Evidence, taken: float | None = None) -> str:
    """What others took of the CPUs (on average over what was compared, if not given), and who they are.

    Empty where nobody else computed, as far as is known.
    """
    cpus, others = evidence.case.cpus, evidence.case.others
    taken = evidence.cpus_taken if taken is None else taken
    if taken is None or taken <= QUIET_CPUS:
        return ""
    who = f" ({listed(others)})" if others else ""
    return f"Other programs took {taken:.1f} of {cpus} CPU{'s' * (cpus > 1)} meanwhile{who}."


def _few_runs(evidence: Evidence, few: list[Comparison]) -> Doubt:
    """Too few runs of the recommended arm, or of some rivals, to tell which is faster."""
    short = [few[0].recommended] if len(few[0].recommended.samples) < ENOUGH_RUNS else []
    short += [c.rival for c in few if len(c.rival.samples) < ENOUGH_RUNS]
    told = listed([f"{evidence.name(r)} ran {_TIMES[len(r.samples)]}" for r in short[:3]])
    budget = evidence.case.session.start.budget_seconds
    why = f"In {budget:g} s {told}, and {ENOUGH_RUNS} runs of each are the least that tells them apart."
    why = " ".join(filter(None, (why, crowd(evidence))))
    return Doubt("runs", why, f"Give it more time (--budget {3 * budget:g}s) or fewer tasks (--set tasks=N).", few[0])


_TIMES = ("never", "once", "twice")


def _noisy(evidence: Evidence, c: Comparison) -> Doubt:
    """The times scatter so much that the verdict is anybody's guess."""
    few = min(len(c.recommended.samples), len(c.rival.samples))
    low, high = (times(min(max(ratio, 0.01), 100.0)) for ratio in (c.possible.low, c.possible.high))
    why = (
        f"After {few} runs, {evidence.name(c.recommended)} may take anything from {low} to {high} as long as"
        f" {evidence.name(c.rival)}: the times of one and the same thing scatter too much here."
    )
    budget = evidence.case.session.start.budget_seconds
    remedy = f"Give it more time (--budget {2 * budget:g}s) on a machine that does nothing else meanwhile."
    return Doubt("noise", why, remedy, c)


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


def _size_matters(evidence: Evidence, now: Comparison, then: Comparison) -> str:
    plan = evidence.case.session.plan
    assert plan is not None and plan.tasks_asked is not None
    return (
        f"{_against(evidence, now)}. But only {plan.tasks:,} of {plan.tasks_asked:,} tasks ran, and at that pace all of"
        f" them would take {duration(then.recommended.seconds)} against {duration(then.rival.seconds)}."
    )


_REASONS = {"confirmed": _confirmed, "tie": _tie, "refuted": _refuted}


def _no_result(evidence: Evidence, recommended: ArmResult | None) -> str:
    """Why the recommended approach has no time."""
    recommendation = evidence.case.recommendation
    approach = evidence.case.knowledge.approaches[recommendation.approach]
    title, tag = approach.title, recommendation.interpreter
    if recommended is not None:
        m = recommended.measurement
        reason = f": {one_line(m.reason)}" if m.reason else ""
        told = sentence(f"{title} gave no result ({_FAILED[m.status]}){reason}")
        late = m.status in ("timeout", "not_run")
        return " ".join(filter(None, (told, crowd(evidence) if late else "")))
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
