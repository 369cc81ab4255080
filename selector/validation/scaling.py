"""How the recommended approach scales with its pool, and whether another size of it would have been better."""

from __future__ import annotations

from collections.abc import Sequence

from selector.benchmark.stats import fit_scaling, stops_paying
from selector.text import counted, listed, measured_duration, measured_times
from selector.validation.evidence import ArmResult, Evidence
from selector.validation.models import Scalability, ScalingPoint
from selector.validation.verdict import Judgement

_GAIN = 0.05  # what a larger pool must gain to pay, where the noise is not more than that


def scaled_arms(evidence: Evidence, recommended: ArmResult | None) -> list[ArmResult]:
    """The recommended arm and those that tried another size of its pool, by size, one of each."""
    found: dict[int, ArmResult] = {}
    for result in ([recommended] if recommended else []) + [r for r in evidence.arms if r.arm.role == "scaling"]:
        same = recommended is None or result.arm.interpreter == recommended.arm.interpreter
        if result.ok and same and result.arm.approach == evidence.case.recommendation.approach:
            found.setdefault(result.arm.workers, result)
    return [found[workers] for workers in sorted(found)]


def scalability(evidence: Evidence, judgement: Judgement, arms: Sequence[ArmResult]) -> Scalability | None:
    """The law fitted to what `scaled_arms` found, in words too; None with fewer than two sizes or a doubt about them."""
    if len(arms) < 2 or judgement.doubt is not None or any(r.held_back for r in arms):
        return None
    alone = arms[0].seconds if arms[0].arm.workers == 1 else None
    points = tuple(
        ScalingPoint(
            workers=r.arm.workers,
            seconds=r.seconds,
            speedup=alone / max(r.seconds, 1e-9) if alone is not None else None,
            oversubscribed=r.measurement.oversubscribed,
        )
        for r in arms
    )
    law = fit_scaling([(p.workers, p.speedup) for p in points if p.speedup is not None and not p.oversubscribed])
    pace = [(p.workers, 1 / max(p.seconds, 1e-9)) for p in points]
    gain = 1 + max(_GAIN, evidence.reckoned_noise)
    stop = stops_paying(pace, gain)
    return Scalability(
        approach=arms[0].arm.approach,
        interpreter=arms[0].arm.interpreter,
        points=points,
        contention=law.contention,
        coherence=law.coherence,
        best_workers=law.best_workers,
        stops_paying_at=stop,
        text=_text(points, stop, gain, evidence.case.cpus),
    )


def _text(points: Sequence[ScalingPoint], stop: int | None, gain: float, cpus: int) -> str:
    """Such as `2 workers: 1.9x; 4 and 8 workers add nothing (2 usable CPUs: more than 2 oversubscribe)`."""
    paying = [p for p in points if stop is None or p.workers <= stop]
    parts = [f"{counted(p.workers, 'worker')}: {_pace(p)}" for p in paying if p.workers > 1]
    limit = gain * paying[-1].seconds
    idle = [p for p in points if p not in paying and p.seconds <= limit]
    slower = [p for p in points if p not in paying and p.seconds > limit]
    if idle:
        parts.append(f"{_sizes(idle)} {'add' if _many(idle) else 'adds'} nothing")
    if slower:
        parts.append(
            f"{_sizes(slower)} {'are' if _many(slower) else 'is'} slower: {listed([_pace(p) for p in slower])}"
        )
    crowded = any(p.oversubscribed for p in points)
    more = ", and more may gain more" if stop is None and not crowded else ""
    why = f" ({counted(cpus, 'usable CPU')}: more than {cpus} oversubscribe)" if crowded else ""
    return f"{'; '.join(parts)}{more}{why}."


def _pace(point: ScalingPoint) -> str:
    return measured_times(point.speedup) if point.speedup is not None else measured_duration(point.seconds)


def _sizes(points: Sequence[ScalingPoint]) -> str:
    return f"{listed([str(p.workers) for p in points])} worker{'s' if _many(points) else ''}"


def _many(points: Sequence[ScalingPoint]) -> bool:
    return len(points) > 1 or points[0].workers > 1
