"""The workload of a profile as parameters of a script."""

from __future__ import annotations

from typing import Any

import pytest
from plans import CPU, plan_of


def test_the_parameters_are_the_quantities_of_the_profile() -> None:
    plan = plan_of(
        {
            **CPU, "name": "Ten \x1b[31m {{ 7*7 }} \"'", "concurrency": 7, "io_wait_ms_per_task": 3,
            "payload_kb_per_task": 4, "task_memory_mb": 5, "has_expensive_startup": True, "startup_ms": 6,
            "startup_memory_mb": 7, "shared_state": "hot_writes", "memory_budget_mb": 800, "async_library": False,
        },
        "3.13",
        budget_seconds=30.0,
        io="sleep",
        seed=5,
    )  # fmt: skip
    assert plan.parameters == {
        "NAME": "Ten \x1b[31m {{ 7*7 }} \"'", "RECOMMENDED": "multiprocessing",
        "APPROACHES": plan.approaches, "WORKERS": plan.workers, "SCALING": (1, 2, 4, 8), "CPUS": 2, "TASKS": 200,
        "CONCURRENCY": 7, "CPU_MS_PER_TASK": 20.0, "IO_WAIT_MS_PER_TASK": 3.0, "PAYLOAD_KB_PER_TASK": 4.0,
        "TASK_MEMORY_MB": 5.0, "STARTUP_MS": 6.0, "STARTUP_MEMORY_MB": 7.0, "SHARED_STATE": "hot_writes",
        "RELEASES_GIL": False, "NATIVE_PARALLEL": False, "ASYNC_LIBRARY": False, "MEMORY_BUDGET_MB": 800.0,
        "ASSUMED": (), "BUDGET_SECONDS": 30.0,
    }  # fmt: skip
    assert (plan.name, plan.io, plan.seed, plan.budget_seconds) == (plan.parameters["NAME"], "sleep", 5, 30.0)


@pytest.mark.parametrize(
    ("kind", "cpu_ms", "wait_ms", "assumed"),
    [
        ("cpu", 5.0, 0.0, ("CPU_MS_PER_TASK",)),
        ("io", 0.0, 20.0, ("IO_WAIT_MS_PER_TASK", "CONCURRENCY")),
        ("hybrid", 5.0, 20.0, ("CPU_MS_PER_TASK", "IO_WAIT_MS_PER_TASK", "CONCURRENCY")),
    ],
)
def test_what_nobody_gave_is_assumed_and_named(
    kind: str, cpu_ms: float, wait_ms: float, assumed: tuple[str, ...]
) -> None:
    plan = plan_of({"workload_type": kind}, "3.14")
    parameters = plan.parameters
    assert (parameters["CPU_MS_PER_TASK"], parameters["IO_WAIT_MS_PER_TASK"]) == (cpu_ms, wait_ms)
    assert parameters["ASSUMED"] == assumed
    in_flight = 100 if "CONCURRENCY" in assumed else None
    assert (parameters["TASKS"], parameters["CONCURRENCY"], parameters["MEMORY_BUDGET_MB"]) == (None, in_flight, None)
    assert (parameters["NAME"], parameters["SHARED_STATE"], parameters["ASYNC_LIBRARY"]) == ("Workload", "none", True)
    assert sum("not known" in note for note in plan.notes) == len(assumed)


@pytest.mark.parametrize(
    ("more", "in_flight", "assumed"),
    [
        ({"tasks": 50_000}, 100, True),
        ({"tasks": 50_000, "concurrency": 7}, 7, False),
        ({"tasks": 12}, 12, False),  # which are in flight at once anyway
        ({"tasks": 50_000, "cpu_ms_per_task": 900}, None, False),  # it hardly waits
    ],
)
def test_unknown_concurrency_is_never_all_tasks_at_once_in_silence(
    more: dict[str, Any], in_flight: int | None, assumed: bool
) -> None:
    plan = plan_of({"workload_type": "io", "io_wait_ms_per_task": 50, **more}, "3.15")
    assert plan.parameters["CONCURRENCY"] == in_flight
    assert ("CONCURRENCY" in plan.parameters["ASSUMED"]) == assumed  # type: ignore[operator]
    assert ("How many operations are in flight at once is not known: 100 are assumed." in plan.notes) == assumed


def test_a_startup_of_unknown_length_is_not_invented() -> None:
    plan = plan_of({**CPU, "has_expensive_startup": True}, "3.14")
    assert plan.parameters["STARTUP_MS"] == 0.0
    assert "How long the expensive startup takes is not known: it is not measured." in plan.notes
