"""Who worked when: of the recommended approach and of the fastest other one the measurement that is nearest to its median."""

from __future__ import annotations

from collections.abc import Iterator

from selector.validation.evidence import ArmResult, Evidence
from selector.validation.models import Timeline
from selector.validation.verdict import Judgement


def timelines(evidence: Evidence, judgement: Judgement) -> tuple[Timeline, ...]:
    """A timeline of each of the two; fewer where one has no result, none of a service."""
    return tuple(found for result in _shown(evidence, judgement.recommended) if (found := _timeline(evidence, result)))


def _shown(evidence: Evidence, recommended: ArmResult | None) -> Iterator[ArmResult]:
    if recommended is not None and recommended.ok:
        yield recommended
    approach = recommended.arm.approach if recommended is not None else None
    others = [result for result in evidence.compared if result.ok and result.arm.approach != approach]
    if others:
        yield min(others, key=lambda result: result.seconds)


def _timeline(evidence: Evidence, result: ArmResult) -> Timeline | None:
    arm, cells = result.arm, evidence.case.session.cells
    known = [
        (abs(cell.seconds - result.seconds), cell.busy)
        for cell in cells
        if cell.arm == arm.arm and cell.status == "ok" and cell.seconds is not None and cell.busy is not None
    ]
    if not known:
        return None
    _, busy = min(known, key=lambda each: each[0])
    return Timeline(approach=arm.approach, title=result.measurement.title, interpreter=arm.interpreter, busy=busy)
