"""Doubts: why the figures of a run allow for no verdict, and what to do about it.

A verdict is given only where it would be the same on a quiet machine and with more runs, as far as the run can tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from selector.text import listed, measured_duration, measured_times, of_cpus
from selector.validation.case import QUIET_CPUS
from selector.validation.contest import Contest
from selector.validation.evidence import ENOUGH_RUNS, ArmResult, Evidence
from selector.validation.models import Verdict

_UNLIKE, _LEAST_MS = 0.1, 0.005  # a stand-in that is off by so much, as a share and in ms, is another task
_TIMES = ("never", "once", "twice")


@dataclass(frozen=True, eq=False)
class Doubt:
    """Why there is no verdict, what to do about it, and the rival against whom it could turn out otherwise (if any)."""

    why: str
    remedy: str
    rival: ArmResult | None = None


def doubt_of_stand_in(evidence: Evidence) -> Doubt | None:
    """Where the work stands in for the user's, and takes another CPU time than the profile says."""
    plan = evidence.case.session.plan
    found = plan.stand_in if plan else None
    if found is None or abs(found.made_cpu_ms - found.cpu_ms) <= max(_UNLIKE * found.cpu_ms, _LEAST_MS):
        return None
    why = (
        f"A task that computes for {found.cpu_ms:.3g} ms could not be made here: what was made takes"
        f" {found.made_cpu_ms:.3g} ms of CPU time."
    )
    return Doubt(why, "Validate again when the machine is quiet.")


def doubt_of_verdict(
    evidence: Evidence, verdict: Verdict, decisive: Contest, contests: tuple[Contest, ...]
) -> Doubt | None:
    """Why the verdict might be another one on a quiet machine or with more runs; None where nothing speaks for that.

    A refutation needs one contest that is sure, everything else needs all of them. A tie gives the job to the simpler one:
    where that is the recommended one, it would have it as well if it were faster.
    """
    asked = [decisive] if verdict == "refuted" else list(contests)
    turning = [c for c in asked if not _sure(verdict, c) or (verdict == "tie" and c is decisive and c.may_turn_a_tie)]
    few = [c for c in asked if not c.enough_runs and (c is decisive or c in turning)]
    if turning and any(r.held_back for c in turning for r in (c.recommended, c.rival)):
        return _busy(evidence, max(turning, key=lambda c: max(c.recommended.held_back, c.rival.held_back)))
    if few:
        return _few_runs(evidence, few)
    return _noisy(evidence, max(turning, key=lambda c: c.possible.high / c.possible.low)) if turning else None


def _sure(verdict: Verdict, c: Contest) -> bool:
    if verdict == "refuted":
        return c.surely_refutes
    return not c.may_refute


def _busy(evidence: Evidence, c: Contest) -> Doubt:
    """Others took CPUs, and without them it might have come out otherwise."""
    held = max((c.recommended, c.rival), key=lambda r: r.held_back)
    least = measured_duration(held.seconds * (1 - held.held_back))
    taken = max(evidence.cpus_taken or 0.0, held.cpus_taken or 0.0)
    why = f"{crowd(evidence, taken)} {evidence.took(held)} beside them and may take as little as {least} alone."
    why = " ".join(filter(None, (why, _with_their_cpus(evidence))))
    return Doubt(why, "Close what else computes, or wait until it is done, and validate again.", c.rival)


def _with_their_cpus(evidence: Evidence) -> str:
    """Who would be first by an estimate: the times without what workers waited for a CPU. No verdict, but a hint."""
    known = [(r.measurement.quiet_seconds, r) for r in evidence.compared if r.ok and not r.ruled_out]
    ranked = sorted(((s, r) for s, r in known if s is not None), key=lambda pair: pair[0])
    if len(ranked) < len(known) or len(ranked) < 2:
        return ""
    (first, best), (second, after) = ranked[:2]
    return (
        f"By the time in which workers had a CPU, {evidence.name(best)} would be first ({measured_duration(first)}),"
        f" then {evidence.name(after)} ({measured_duration(second)})."
    )


def crowd(evidence: Evidence, taken: float | None = None) -> str:
    """What others took of the CPUs (on average over what was compared, if not given), and who they are.

    Empty where nobody else computed, as far as is known.
    """
    cpus, others = evidence.case.cpus, evidence.case.others
    taken = evidence.cpus_taken if taken is None else taken
    if taken is None or taken <= QUIET_CPUS:
        return ""
    who = f"; the busiest on this machine: {listed(others)}" if others else ""
    return f"Other programs took {of_cpus(taken, cpus)} meanwhile{who}."


def _few_runs(evidence: Evidence, few: list[Contest]) -> Doubt:
    """Too few runs of the recommended arm, or of some rivals, to tell which is faster."""
    short = [few[0].recommended] if len(few[0].recommended.samples) < ENOUGH_RUNS else []
    short += [c.rival for c in few if len(c.rival.samples) < ENOUGH_RUNS]
    told = listed([f"{evidence.name(r)} ran {_TIMES[len(r.samples)]}" for r in short[:3]])
    budget = evidence.case.session.start.budget_seconds
    why = f"In {budget:g} s {told}, and {ENOUGH_RUNS} runs of each are the least that tells them apart."
    why = " ".join(filter(None, (why, crowd(evidence))))
    fewer = "" if evidence.case.serves else " or fewer tasks (--set tasks=N)"
    return Doubt(why, f"Give it more time (--budget {3 * budget:g}s){fewer}.", few[0].rival)


def _noisy(evidence: Evidence, c: Contest) -> Doubt:
    """The times scatter too much to tell which is faster."""
    few = min(len(c.recommended.samples), len(c.rival.samples))
    low, high = (measured_times(min(max(ratio, 0.01), 100.0)) for ratio in (c.possible.low, c.possible.high))
    why = (
        f"After {few} runs, {evidence.name(c.recommended)} may take anything from {low} to {high} as long as"
        f" {evidence.name(c.rival)}: the times of one and the same thing scatter too much here."
    )
    budget = evidence.case.session.start.budget_seconds
    remedy = f"Give it more time (--budget {2 * budget:g}s) on a machine that does nothing else meanwhile."
    return Doubt(why, remedy, c.rival)
