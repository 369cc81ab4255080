"""How the recommended approach scales with its pool, in numbers and words."""

from __future__ import annotations

from typing import Any

import pytest
from events import Row, baseline, control, steady
from judging import COMPUTING, FREE, PROCESSES, THREADING, THREADS, found, judged

from selector import WorkloadProfile

pytestmark = pytest.mark.one_python


def scaling(approach: str, *points: tuple[int, float], **others: Any) -> list[Row]:
    return [steady(approach, seconds, role="scaling", workers=workers, **others) for workers, seconds in points]


@pytest.mark.parametrize(
    ("points", "cpus", "stop", "text"),
    [
        (
            [(1, 1.0), (2, 0.52), (4, 0.52), (8, 0.53)], 2, 2,
            "2 workers: 1.92x; 4 and 8 workers add nothing (2 usable CPUs: more than 2 oversubscribe).",
        ),
        (
            [(1, 1.0), (2, 0.5), (4, 0.5), (8, 0.8)], 2, 2,
            "2 workers: 2.0x; 4 workers add nothing; 8 workers are slower: 1.25x (2 usable CPUs: more than 2 oversubscribe).",
        ),
        (
            [(1, 1.0), (2, 0.5), (4, 0.26), (8, 0.14)], 8, None,
            "2 workers: 2.0x; 4 workers: 3.8x; 8 workers: 7.1x, and more may gain more.",
        ),
        (
            [(1, 1.0), (2, 0.9), (4, 0.8)], 2, None,
            "2 workers: 1.11x; 4 workers: 1.25x (2 usable CPUs: more than 2 oversubscribe).",
        ),
        ([(1, 1.0), (2, 1.0), (4, 1.01)], 4, 1, "2 and 4 workers add nothing."),
        ([(1, 1.0), (2, 1.2)], 1, 1, "2 workers are slower: 0.83x (1 usable CPU: more than 1 oversubscribe)."),
        ([(2, 0.5), (4, 0.5)], 8, 2, "2 workers: 500 ms; 4 workers add nothing."),
    ],
)  # fmt: skip
def test_scaling_in_words(points: list[tuple[int, float]], cpus: int, stop: int | None, text: str) -> None:
    rows = [baseline(), control(), *scaling(FREE, *points, interpreter="3.14t")]
    report = judged(
        [*rows, steady(FREE, points[1][1], workers=points[1][0], interpreter="3.14t")], THREADING, cpus=cpus
    )
    found_scaling = report.scalability
    assert found_scaling is not None
    assert (found_scaling.text, found_scaling.stops_paying_at) == (text, stop)
    assert [p.workers for p in found_scaling.points] == [n for n, _ in points]
    assert [p.oversubscribed for p in found_scaling.points] == [n > cpus for n, _ in points]
    assert [p.speedup is None for p in found_scaling.points] == [points[0][0] != 1] * len(points)


def test_the_law_is_fitted_to_pools_that_have_their_cpus() -> None:
    points = [(1, 1.0), (2, 0.55), (4, 0.325), (8, 5.0)]
    rows = [baseline(), control(), *scaling(FREE, *points, interpreter="3.14t")]
    law = judged([*rows, steady(FREE, 0.55, workers=2, interpreter="3.14t")], THREADING, cpus=4).scalability
    assert law is not None and law.contention is not None
    assert law.contention == pytest.approx(0.1, abs=1e-6)
    assert law.coherence == pytest.approx(0.0, abs=1e-6)
    assert law.best_workers is None
    alone = judged([*rows, steady(FREE, 0.55, workers=2, interpreter="3.14t")], THREADING, cpus=1).scalability
    assert alone is not None and (alone.contention, alone.coherence) == (None, None)


def test_waiting_pools_are_not_oversubscribed_and_computing_ones_are() -> None:
    rows = [baseline(3.2), steady(THREADS, 0.1, workers=32)]
    assert not found(judged(rows, task_ms=(50.0, 0.2)), THREADS).oversubscribed
    assert found(judged(rows, task_ms=(50.0, 49.0)), THREADS).oversubscribed
    assert not found(judged(rows, task_ms=(None, None)), THREADS).oversubscribed  # the profile says it waits
    assert found(judged(rows, WorkloadProfile(workload_type="cpu"), task_ms=(None, None)), THREADS).oversubscribed
    assert not found(judged(rows, WorkloadProfile(workload_type="io"), task_ms=(None, None)), THREADS).oversubscribed
    nothing = WorkloadProfile(workload_type="io", cpu_ms_per_task=0, io_wait_ms_per_task=0)
    assert not found(judged(rows, nothing, task_ms=(None, None)), THREADS).oversubscribed


def test_another_size_of_the_pool_may_be_advised() -> None:
    rows = [baseline(), control(), steady(PROCESSES, 0.6, workers=2), *scaling(PROCESSES, (1, 1.1), (4, 0.4), (8, 0.5))]
    report = judged(rows, COMPUTING, cpus=8)
    assert report.verdict == "confirmed"
    assert report.advice == (
        "With 4 instead of 2 workers, multiprocessing took 400 ms instead of 600 ms: 1.50x as fast.",
    )
    same = [*rows[:3], *scaling(PROCESSES, (1, 1.1), (4, 0.59))]
    assert judged(same, COMPUTING, cpus=8).advice == ()


def test_scaling_stands_without_the_recommended_size() -> None:
    failed = [baseline(), Row(PROCESSES, ("crash",), workers=2), *scaling(PROCESSES, (1, 1.1), (4, 0.4))]
    report = judged(failed, COMPUTING)
    assert report.scalability is not None and len(report.scalability.points) == 2
    missing = judged([baseline(), *scaling(PROCESSES, (1, 1.1), (4, 0.4))], COMPUTING)
    assert missing.scalability is not None and missing.scalability.interpreter == "3.14"
    assert judged([baseline(), *scaling(PROCESSES, (1, 1.1))], COMPUTING).scalability is None
