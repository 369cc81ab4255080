"""From which size of a task, number of tasks or payload on the answer is another one, all else as the profile says."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict

from selector.approaches import Engine
from selector.recommend.chain import choose
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import Knowledge
from selector.workload.fields import field_kind
from selector.workload.profile import ApproachId, WorkloadProfile

Answer = tuple[ApproachId, Engine | None]

#: The inputs that are looked along, with the powers of ten between which: from what is nothing to what is a lot.
AXES = {"cpu_ms_per_task": (-3, 4), "tasks": (0, 6), "payload_kb_per_task": (-1, 6)}
_POINTS_A_DECADE = 6
_NARROWED_TO = 1.02  # two values whose ratio is below that are the same place


class Span(BaseModel):
    """A stretch of values that all have the same answer; `low` and `high` are the first and the last of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    low: float
    high: float
    approach: ApproachId
    engine: Engine | None = None


class Crossover(BaseModel):
    """The answers along one input, and its value in the profile (None: not known)."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    input: str
    current: float | None
    spans: tuple[Span, ...]


def crossovers(profile: WorkloadProfile, host: HostFacts, knowledge: Knowledge) -> tuple[Crossover, ...]:
    """The answers along each axis, as far as the answer changes there."""
    found = []
    for field, (lowest, highest) in AXES.items():
        whole = field_kind(field).kind == "count"

        def answer(value: float, field: str = field, whole: bool = whole) -> Answer:
            """What the tables say with that value."""
            changed = profile.model_copy(update={field: round(value) if whole else value})
            return choose(changed, host, knowledge).answer  # type: ignore[return-value]  # ids of the catalogue

        points = _points(lowest, highest, whole)
        spans = _spans(points, answer, whole)
        if len(spans) > 1:
            current: Any = getattr(profile, field)
            found.append(Crossover(input=field, current=current, spans=spans))
    return tuple(found)


def _points(lowest: int, highest: int, whole: bool) -> list[float]:
    """So many values a decade, the same distance from each other by ratio."""
    steps = range(lowest * _POINTS_A_DECADE, highest * _POINTS_A_DECADE + 1)
    values = [10 ** (step / _POINTS_A_DECADE) for step in steps]
    return sorted({float(round(value)) for value in values}) if whole else values


def _spans(points: list[float], answer: Any, whole: bool) -> tuple[Span, ...]:
    """The stretches of equal answers: each change between two points is narrowed down to its place."""
    answers = [answer(point) for point in points]
    edges = [(points[0], answers[0])]
    for (low, before), (high, after) in pairwise(zip(points, answers, strict=True)):
        if before != after:
            edges.append((_place(low, high, after, answer, whole), after))
    ends = [low for low, _ in edges[1:]] + [points[-1]]
    return tuple(
        Span(low=_rounded(low, whole), high=_rounded(high, whole), approach=found[0], engine=found[1])
        for (low, found), high in zip(edges, ends, strict=True)
    )


def _place(low: float, high: float, after: Answer, answer: Any, whole: bool) -> float:
    """The first value with the answer that `high` has, to 2 %; of whole numbers the exact one where they are small."""
    while high / low > _NARROWED_TO and (not whole or high - low > 1):
        middle = (low * high) ** 0.5
        middle = float(round(middle)) if whole else middle
        if middle in (low, high):
            middle = low + 1
        low, high = (low, middle) if answer(middle) == after else (middle, high)
    return high


def _rounded(value: float, whole: bool) -> float:
    return round(value) if whole else float(f"{value:.3g}")
