"""Services that were measured, made up: arms with their visits, and the report on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from events import arm, cell, end, interpreter, plan, start
from judging import knowledge, recommended

from selector import WorkloadProfile
from selector.benchmark.events import collect
from selector.report.markdown import render_markdown
from selector.report.validation import validation_document
from selector.validation import ValidationReport, validate_results

RATE = 100.0
API = WorkloadProfile(
    workload_type="io", mode="service", requests_per_second=RATE, cpu_ms_per_task=2, io_wait_ms_per_task=20,
    async_library=True, latency_requirement_ms=100,
)  # fmt: skip


class Served(NamedTuple):
    """An arm of a service and the figures of its visits."""

    approach: str
    workers: int
    visits: tuple[dict[str, Any], ...]
    processes: int = 1


def serves(
    approach: str,
    p95: float,
    most: float,
    *,
    visits: int = 5,
    late_ms: float = 0.0,
    cpu_ms: float = 2.3,
    **figures: Any,
) -> Served:
    """An arm with its p95 at the full rate in ms, and the requests a second that it does at most."""
    found = []
    for number in range(visits):
        shaken = p95 * (1 + 0.004 * (number % 3 - 1))
        each = {"p50": 0.8 * shaken, "p95": shaken, "p99": 1.2 * shaken}
        rows = []
        for rate in (0.5 * RATE, 0.8 * RATE, RATE, 1.2 * RATE):
            more = {"errors": 0, "requests": 200, "kept_up": rate <= most, "late_ms": late_ms}
            rows.append(
                {"rate": rate, "done_per_s": min(rate, most), **more, **{f"{p}_ms": ms for p, ms in each.items()}}
            )
            if rate > most:
                break
        load = {"arrivals_per_s": tuple(rows), "saturation_per_s": most, "open_loop": True}
        load |= {"cpu_ms_per_request": cpu_ms, "sender_cpus": 0.02}
        beside = {"cpus_taken": 0.02, "cpu_percent": 30.0, "peak_memory_mb": 20.0, "memory_metric": "pss", **figures}
        found.append({"service": load, "task_latency_ms": each, **beside})
    return Served(approach, 1, tuple(found))


def judged_service(
    rows: Sequence[Served], profile: WorkloadProfile = API, recommend: str = "asyncio"
) -> ValidationReport:
    """The report on such arms, where that approach is recommended."""
    roles = ["baseline" if row.approach == "single_threaded" else "candidate" for row in rows]
    arms = [
        arm(n, row.approach, workers=row.workers, role=role).model_copy(update={"processes": row.processes})
        for n, (row, role) in enumerate(zip(rows, roles, strict=True))
    ]
    made = {"cpu_ms": 2.0, "made_cpu_ms": 2.0}
    planned = plan(
        arms, tasks=1, tasks_asked=None, task_wall_ms=22.0, task_cpu_ms=2.0, stand_in=made, requests_per_second=RATE
    )
    events = [
        start(io="sleep", recommended=recommend),
        interpreter("3.14", reference=True),
        planned,
        *(cell(arms[n], number, 3.0, **visit) for n, row in enumerate(rows) for number, visit in enumerate(row.visits)),
        end(59.0),
    ]
    answer = recommended(profile).model_copy(update={"approach": recommend, "interpreter": "3.14"})
    report = validate_results(answer, collect(events), knowledge())
    assert ValidationReport.model_validate_json(report.model_dump_json()) == report
    assert "Predicted and measured" in render_markdown(validation_document(report))
    return report


PLAIN = serves("single_threaded", 5000.0, 45.0)
