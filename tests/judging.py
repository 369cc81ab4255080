"""Runs judged: workloads with what is recommended for them, and the report on a run made of rows (see events.py)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from events import Row, run

from selector import HostFacts, Recommendation, Selector, WorkloadProfile
from selector.recommend.knowledge import Knowledge
from selector.validation import ValidationReport, validate_results

SINGLE, THREADS, PROCESSES, FREE = "single_threaded", "threads", "multiprocessing", "free_threaded"
HOST = HostFacts("linux", 2, (("3.14", "/x/python3.14"),))
WAITING = WorkloadProfile(workload_type="io", tasks=64, io_wait_ms_per_task=50, cpu_ms_per_task=0.2, concurrency=32)
#: Waits so short that a pool of threads starts for longer: for a loop, which is not the simplest way to wait.
LOOPING = WorkloadProfile(
    workload_type="io", tasks=64, io_wait_ms_per_task=5, cpu_ms_per_task=0.01, concurrency=64, async_library=True
)
COMPUTING = WorkloadProfile(workload_type="cpu", tasks=64, cpu_ms_per_task=20, picklable=True)
THREADING = COMPUTING.model_copy(update={"free_threading_ready": True})
IN_A_LOOP = WorkloadProfile(
    workload_type="hybrid", tasks=64, cpu_ms_per_task=10, io_wait_ms_per_task=20, event_loop=True
)


@cache
def selector() -> Selector:
    return Selector(host=HOST)


@cache
def recommended(profile: WorkloadProfile) -> Recommendation:
    return selector().recommend(profile)


def knowledge() -> Knowledge:
    return selector().knowledge


def judged(
    rows: Sequence[Row],
    profile: WorkloadProfile = WAITING,
    *,
    result: Recommendation | None = None,
    warnings: Sequence[str] = (),
    others: Sequence[str] = (),
    **options: Any,
) -> ValidationReport:
    """The report on a run; it reads back from its JSON as it was."""
    session = run(rows, **options)
    result = result or recommended(profile)
    report = validate_results(result, session, knowledge(), warnings, others)
    assert ValidationReport.model_validate_json(report.model_dump_json()) == report
    return report


def found(report: ValidationReport, approach: str, role: str = "candidate") -> Any:
    """The measurement of an approach."""
    return next(m for m in report.measurements if (m.approach, m.role) == (approach, role))


def having(texts: Sequence[str], *words: str) -> list[str]:
    return [text for text in texts if all(word in text for word in words)]
