"""Validation: compares what was measured here with what was recommended. Pure functions: a run in, a report out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selector.benchmark.events import Session
from selector.recommend.knowledge import Knowledge
from selector.recommend.recommendation import Recommendation
from selector.validation.advice import advise, requirements
from selector.validation.analysis import analyse
from selector.validation.case import Case
from selector.validation.caveats import caveats
from selector.validation.evidence import MOST_NOISE, ArmResult, Evidence, gather
from selector.validation.models import (
    Measurement,
    Requirement,
    Scalability,
    ScalingPoint,
    SecondsRange,
    SpeedupRange,
    Timeline,
    ValidationReport,
    Verdict,
)
from selector.validation.scaling import scalability, scaled_arms
from selector.validation.service import advise_service, analyse_service, judge_service, throughput
from selector.validation.timelines import timelines
from selector.validation.verdict import Judgement, judge

__all__ = [
    "Measurement",
    "Requirement",
    "Scalability",
    "ScalingPoint",
    "SecondsRange",
    "SpeedupRange",
    "Timeline",
    "ValidationReport",
    "Verdict",
    "validate_results",
]


def validate_results(
    recommendation: Recommendation,
    session: Session,
    knowledge: Knowledge,
    warnings: Sequence[str] = (),
    others: Sequence[str] = (),
) -> ValidationReport:
    """Judge a recommendation by the run that was made for it, finished or not.

    `warnings` are those of the caller (about the host, the plan); they come before those about the figures. `others`
    names the programs that took CPUs meanwhile, most first.
    SelectorError only where a table of the user's has no answer.
    """
    evidence = gather(Case(recommendation, session, knowledge, tuple(others)))
    serves = evidence.case.serves
    judgement = judge_service(evidence) if serves else judge(evidence)
    recommended, winner = judgement.recommended, judgement.winner
    sizes = scaled_arms(evidence, recommended)
    latency, memory = requirements(evidence, recommended)
    return ValidationReport(
        verdict=judgement.verdict,
        reason=judgement.reason,
        recommended=recommendation.approach,
        recommended_interpreter=recommended.arm.interpreter if recommended else recommendation.interpreter,
        winner=winner.arm.approach if winner else None,
        winner_interpreter=winner.arm.interpreter if winner else None,
        measurements=tuple(r.measurement for r in sorted(evidence.arms, key=lambda r: _order(r, evidence, judgement))),
        latency=latency,
        throughput=throughput(evidence, recommended),
        memory=memory,
        noise_floor=evidence.noise if evidence.noise is None or evidence.noise <= MOST_NOISE else None,
        cpus_taken=evidence.cpus_taken,
        analysis=analyse_service(evidence, judgement) if serves else analyse(evidence, judgement),
        advice=advise_service(evidence, judgement) if serves else advise(evidence, judgement, sizes),
        scalability=scalability(evidence, judgement, sizes),
        warnings=tuple(dict.fromkeys((*warnings, *caveats(evidence, judgement)))),
        complete=_complete(evidence),
        profile=recommendation.profile,
        expected=recommendation.expected,
        workload_class=recommendation.workload_class,
        timelines=timelines(evidence, judgement),
        **_of_the_run(session, recommendation.profile.tasks),
    )


def _of_the_run(session: Session, tasks: int | None) -> dict[str, Any]:
    """What was run, for how long; `tasks` are those of the profile, for a run that came to no plan."""
    start, plan = session.start, session.plan
    return {
        "tasks": plan.tasks if plan else None,
        "tasks_asked": plan.tasks_asked if plan else tasks,
        "server": start.server,
        "requests_per_second": plan.requests_per_second if plan else None,
        "task_wall_ms": plan.task_wall_ms if plan else None,
        "task_cpu_ms": plan.task_cpu_ms if plan else None,
        "budget_seconds": start.budget_seconds,
        "used_seconds": _used_seconds(session),
        "io": start.io,
        "seed": start.seed,
        "assumed": start.assumed,
        "cpus": start.cpus,
    }


def _order(result: ArmResult, evidence: Evidence, judgement: Judgement) -> tuple[int, bool, float]:
    """The baseline, the recommended arm, the others by time (those without one last), then other pool sizes by size."""
    if result.arm.role == "scaling":
        return 3, False, result.arm.workers
    rank = 0 if result is evidence.baseline else 1 if result is judgement.recommended else 2
    return rank, not result.ok, result.seconds if result.ok else 0.0


def _used_seconds(session: Session) -> float:
    """How long the run took; where it was cut off, what its cells took."""
    if session.end is not None:
        return session.end.seconds
    return sum((cell.launch_seconds or 0.0) + (cell.seconds or 0.0) for cell in session.cells)


def _complete(evidence: Evidence) -> bool:
    """Whether the run came to its own end, and everything that competes ran at least once."""
    end = evidence.case.session.end
    ended = end is not None and end.reason in ("budget", "done")
    return ended and all(r.measurement.status != "not_run" for r in evidence.compared)
