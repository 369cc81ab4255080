"""Who competes, with how many workers, and how much each does at a time: pure, so no process is started."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from template_modules import template_module

WAITS = {"cpu_seconds": 0.001, "wall_seconds": 0.05, "native_parallel": False, "coroutine": False}
COMPUTES = {**WAITS, "cpu_seconds": 0.05}


@pytest.fixture(scope="module")
def competing() -> Iterator[ModuleType]:
    with template_module("competing") as module:
        yield module


def subject(competing: ModuleType, **changes: Any) -> Any:
    given = dict.fromkeys(competing.Subject._fields) | {
        "name": "unit", "function": "m:f", "items": "9", "folder": "/", "workers": {}, "cpus": 2, "budget_seconds": 60.0,
        "approaches": tuple(competing.WAYS),
    }  # fmt: skip
    return competing.Subject(**given | changes)


def pythons(competing: ModuleType, *tags: str) -> list[Any]:
    return [competing._Python(t, f"/{t}", (3, int(t[2:].rstrip("t"))), t.endswith("t")) for t in tags]


def arms(competing: ModuleType, cost: dict[str, Any], *tags: str, tasks: int = 1000, **changes: Any) -> set[Any]:
    found = competing.competitors(subject(competing, **changes), pythons(competing, *tags), cost, tasks)
    assert [one.arm for one in found] == list(range(len(found)))
    assert [one.role for one in found[:2]] == ["baseline", "control"]
    return {(one.approach, one.interpreter, one.workers) for one in found[2:]}


def test_every_approach_that_can_run_competes_whatever_is_recommended(competing: ModuleType) -> None:
    assert arms(competing, COMPUTES, "3.14", "3.13t") == {
        ("threads", "3.14", 2), ("asyncio_threads", "3.14", 2), ("subinterpreters", "3.14", 2), ("multiprocessing", "3.14", 2),
        ("asyncio_processes", "3.14", 2), ("free_threaded", "3.13t", 2), ("asyncio_free_threaded", "3.13t", 2),
        ("single_threaded", "3.13t", 1),
    }  # fmt: skip
    assert not any(name == "subinterpreters" for name, *_ in arms(competing, COMPUTES, "3.12"))
    assert ("subinterpreters", "3.15", 2) in arms(competing, COMPUTES, "3.12", "3.15")


def test_pools_are_a_worker_a_cpu_for_computing_and_as_large_as_waits_need(competing: ModuleType) -> None:
    found = {name: workers for name, _, workers in arms(competing, WAITS, "3.14", "3.13t")}
    assert found["threads"] == found["free_threaded"] == found["asyncio_threads"] == 64
    assert found["multiprocessing"] == found["subinterpreters"] == 8  # more would take too long to start
    asked = arms(competing, WAITS, "3.14", workers={"threads": 30})
    assert ("threads", "3.14", 30) in asked
    assert ("threads", "3.14", 2) in arms(competing, COMPUTES, "3.14", workers={"threads": 30})
    assert ("threads", "3.14", 12) in arms(competing, WAITS, "3.14", concurrency=12)
    assert {workers for *_, workers in arms(competing, WAITS, "3.14", tasks=3)} == {3}


def test_what_a_function_cannot_show_is_named(competing: ModuleType) -> None:
    def why(name: str, cost: dict[str, Any], **changes: Any) -> str:
        return str(competing.why_left_out(name, subject(competing, **changes), cost))

    assert "--async-function" in why("asyncio", WAITS)
    assert why("asyncio", WAITS, async_function="m:g") == ""
    coroutine = {**WAITS, "coroutine": True}
    assert why("asyncio", coroutine) == why("asyncio_threads", coroutine) == ""
    assert "`async def`" in why("threads", coroutine)
    assert why("native_parallel", WAITS) and not why("native_parallel", {**WAITS, "native_parallel": True})
    assert {(name, workers) for name, _, workers in arms(competing, coroutine, "3.14")} == {
        ("asyncio", 1), ("asyncio_threads", 2), ("asyncio_processes", 2)
    }  # fmt: skip  # each worker has a loop, which does the waiting


def test_a_batch_takes_about_the_target_and_is_the_same_for_each_worker(competing: ModuleType) -> None:
    assert competing.batch_size(4, 0.01, 1.0, 100_000) == 100
    assert competing.batch_size(4, 0.3, 1.0, 100_000) == 4  # one each at least
    assert competing.batch_size(4, 1e-9, 1.0, 10**9) == 50_000
    assert competing.batch_size(4, 0.01, 1.0, 150) == 150  # all of a small job
    assert competing.batch_size(4, 0.01, 1.0, 12) == 96  # or some times all of it
    assert competing.target_seconds(60.0, 10) == 0.75
    assert competing.target_seconds(1.0, 10) == 0.25 and competing.target_seconds(1000.0, 2) == 1.0


def test_a_batch_has_as_many_calls_as_may_wait_at_once(competing: ModuleType) -> None:
    assert competing.at_once("asyncio", 1, coroutine=False, most=500) == 500
    assert competing.at_once("asyncio_threads", 2, coroutine=True, most=500) == 500  # on a loop of each worker
    assert competing.at_once("asyncio_threads", 50, coroutine=False, most=500) == 50

    def guess(seconds: float, slowest_ms: float, in_flight: int, workers: int = 1) -> tuple[float, int]:
        """Of four first calls that took so long in all."""
        opened = {"warm": 4, "warm_seconds": seconds, "warm_slowest_ms": slowest_ms}
        each, slots = competing.first_guess(opened, in_flight, workers, cpu_seconds=0.0002)
        return pytest.approx(each), slots

    assert guess(0.041, 40.0, 100) == (0.0004, 100)  # they overlapped: 100 take as long as 4
    assert guess(0.041, 40.0, 1000) == (0.0002, 200)  # up to what they compute
    assert guess(0.160, 40.0, 1000) == (0.04, 1)  # each blocked the loop
    assert guess(0.012, 3.0, 2, workers=2) == (0.003, 2)
    assert guess(0.041, 40.0, 50, workers=50) == (0.0008, 50)


def test_all_tasks_take_the_start_and_the_batch_by_proportion(competing: ModuleType) -> None:
    answer = {
        "seconds": 0.5,
        "first_result_seconds": 0.01,
        "cpu_seconds": 0.4,
        "no_cpu_seconds": 0.1,
        "task_latency_ms": {"p99": 40.0},
    }
    opened = {"start_seconds": 0.2, "start_cpu_seconds": 0.1, "warm_slowest_ms": 50.0}
    found = competing.whole_job(answer, opened, count=50, tasks=200)
    assert found["seconds"] == pytest.approx(2.2) and found["startup_seconds"] == 0.2
    assert found["cpu_seconds"] == pytest.approx(1.7)
    assert (found["cpu_percent"], found["no_cpu_percent"], found["batch"]) == (pytest.approx(80), pytest.approx(20), 50)
    slow_first = competing.whole_job(answer, opened | {"warm_slowest_ms": 1000.0}, count=50, tasks=200)
    assert slow_first["startup_seconds"] == pytest.approx(1.16)  # what first calls load belongs to the start
    unknown = competing.whole_job(answer | {"cpu_seconds": None, "no_cpu_seconds": None}, opened, count=50, tasks=200)
    assert unknown["cpu_seconds"] is unknown["cpu_percent"] is unknown["no_cpu_percent"] is None


def test_the_time_without_a_cpu_is_taken_off_down_to_what_computing_takes(competing: ModuleType) -> None:
    opened = {"start_no_cpu_seconds": 0.1}
    answer = {"startup_seconds": 0.3, "steady_seconds": 2.0, "cpu_percent": 80.0, "no_cpu_percent": 50.0}

    def quiet(name: str, gil_share: float | None = None, **changes: Any) -> Any:
        return competing.with_its_cpus(answer | changes, opened, competing.WAYS[name], 2, gil_share)

    assert quiet("multiprocessing") == quiet("threads") == quiet("threads", 0.2) == pytest.approx(0.2 + 1.0)
    assert quiet("threads", 1.0) == pytest.approx(0.2 + 1.6)  # one at a time
    assert quiet("multiprocessing", 1.0) == pytest.approx(0.2 + 1.0)
    assert quiet("single_threaded") == pytest.approx(0.2 + 1.6)
    assert quiet("threads", no_cpu_percent=0.0) == pytest.approx(0.2 + 2.0)
    assert quiet("threads", no_cpu_percent=None) is None


def test_clear_losers_are_dropped_but_not_the_recommended(competing: ModuleType) -> None:
    roles = ("baseline", "candidate", "candidate", "candidate")
    names = ("single_threaded", "threads", "multiprocessing", "asyncio")
    running = [competing._Arm(n, names[n], "3.14", 1, roles[n], "", "/") for n in range(4)]
    seconds = {0: [9.0], 1: [1.0], 2: [3.0], 3: [2.0]}
    assert [one.approach for one, _ in competing.losers(running, seconds, seconds, None)] == ["multiprocessing"]
    assert competing.losers(running, seconds, seconds, "multiprocessing") == []
    held_up = seconds | {2: [1.2]}  # so fast it might have been
    assert competing.losers(running, seconds, held_up, None) == []
    often = seconds | {0: [9.0] * 3}
    assert [one.arm for one, _ in competing.losers(running, often, often, None)] == [0, 2]
    assert competing.losers(running, {}, {}, None) == []
