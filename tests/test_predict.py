"""The cost model: cases worked out by hand, and the laws that every prediction keeps."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalogue import Traits
from selector.cost.predict import (
    CostEstimate,
    Quantities,
    batch_seconds,
    estimate,
    latency_ms,
    memory_mb,
    speedup_range,
    worker_memory_mb,
)
from selector.profile import APPROACHES
from selector.recommend.knowledge import load_knowledge

#: Costs in round numbers, so that a reader can follow the sums.
COSTS = {
    "thread_start_ms": 1.0, "thread_dispatch_ms": 0.1, "asyncio_task_ms": 0.2, "loop_handover_ms": 0.3,
    "process_pool_fork_ms": 10.0, "process_pool_forkserver_ms": 100.0, "process_pool_spawn_ms": 200.0,
    "process_start_fork_ms": 5.0, "process_start_forkserver_ms": 50.0, "process_start_spawn_ms": 60.0,
    "process_dispatch_ms": 0.5, "chunked_dispatch_ms": 0.01, "process_copy_mb_per_s": 100.0,
    "subinterpreter_start_ms": 40.0, "subinterpreter_dispatch_ms": 0.4, "gil_switch_ms": 5.0,
    "free_threaded_slowdown": 1.1, "free_threaded_slowdown_313": 1.5, "free_threaded_memory_factor": 1.25,
    "parallel_efficiency": 0.5, "base_memory_mb": 20.0, "thread_memory_mb": 0.5, "process_memory_mb": 10.0,
    "subinterpreter_memory_mb": 8.0,
}  # fmt: skip

WORK = Quantities(
    tasks=100, cpu_ms=10.0, wait_ms=0.0, in_flight=None, cores=4, payload_kb=0.0, task_mb=0.0, startup_ms=0.0,
    startup_mb=0.0, startup_shared=False, releases_gil=False, start_method="fork", free_threaded_version="3.14t",
)  # fmt: skip
WAITS = WORK._replace(cpu_ms=0.0, wait_ms=50.0, in_flight=20)
TRAITS = {key: approach.traits for key, approach in load_knowledge().approaches.items()}
POOLS = [a for a in APPROACHES if TRAITS[a].pool != "none" and a != "distributed"]


def seconds(approach: str, workers: int = 4, work: Quantities = WORK, **changes: Any) -> float:
    found = batch_seconds(TRAITS[approach], workers, work._replace(**changes), COSTS)
    assert found is not None
    return found


def test_the_costs_of_this_test_are_the_ones_that_the_model_asks_for() -> None:
    assert set(COSTS) == set(load_knowledge().costs)


# By hand --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approach", "by_hand_ms"),
    [
        # 100 tasks of 10 ms, one after the other
        ("single_threaded", 1000),
        # the same on the loop, and 0.2 ms for each task
        ("asyncio", 1000 + 100 * 0.2),
        # the GIL lets one thread compute; 4 threads to start, 0.1 ms for each task
        ("threads", 1000 + 4 * 1 + 100 * 0.1),
        # with 4 workers at 50 % efficiency 2.5 run at once; the CPU time is 1.1 times as long
        ("free_threaded", 1100 / 2.5 + 4 * 1 + 100 * 0.1),
        ("multiprocessing", 1000 / 2.5 + 10 + 2 * 5 + 100 * 0.01),
        ("asyncio_processes", 1000 / 2.5 + 10 + 2 * 5 + 100 * (0.2 + 0.5)),
        ("asyncio_free_threaded", 1100 / 2.5 + 4 * 1 + 100 * (0.2 + 0.3)),
        ("subinterpreters", 1000 / 2.5 + 40 + 100 * 0.4),
    ],
)
def test_computing(approach: str, by_hand_ms: float) -> None:
    assert seconds(approach) == pytest.approx(by_hand_ms / 1000)


@pytest.mark.parametrize(
    ("approach", "workers", "by_hand_ms"),
    [
        ("single_threaded", 1, 100 * 50),
        ("native_parallel", 1, 100 * 50),
        # 20 in flight: 5 rounds of 50 ms
        ("asyncio", 1, 5 * 50 + 100 * 0.2),
        # a pool of 10 overlaps 10: 10 rounds
        ("threads", 10, 10 * 50 + 10 * 1 + 100 * 0.1),
        ("asyncio_threads", 4, 5 * 50 + 4 * 1 + 100 * (0.2 + 0.3)),
        ("multiprocessing", 4, 25 * 50 + 10 + 2 * 5 + 100 * 0.01),
    ],
)
def test_waiting(approach: str, workers: int, by_hand_ms: float) -> None:
    assert seconds(approach, workers, WAITS) == pytest.approx(by_hand_ms / 1000)


def test_waits_and_computing_overlap_and_the_longer_one_decides() -> None:
    # on the loop: 100 x 10 ms of CPU, and the first result waits 50 ms; or 5 rounds of 60 ms, which is less
    assert seconds("asyncio", 1, wait_ms=50.0, in_flight=20) == pytest.approx((1000 + 50 + 20) / 1000)
    # with 2 in flight the rounds decide: 50 x 60 ms
    assert seconds("asyncio", 1, wait_ms=50.0, in_flight=2) == pytest.approx((50 * 60 + 20) / 1000)


def test_code_that_releases_the_gil_scales_on_threads_and_loses_nothing_on_a_free_threaded_build() -> None:
    assert seconds("threads", releases_gil=True) == pytest.approx((1000 / 2.5 + 4 + 10) / 1000)
    assert seconds("free_threaded", releases_gil=True) == seconds("threads", releases_gil=True)


def test_the_slowest_worker_decides_where_tasks_do_not_divide_evenly() -> None:
    full = COSTS | {"parallel_efficiency": 1.0}
    five = WORK._replace(tasks=5)
    assert batch_seconds(TRAITS["free_threaded"], 4, five._replace(releases_gil=True), full) == pytest.approx(
        (2 * 10 + 4 + 0.5) / 1000
    )


@pytest.mark.parametrize(
    ("method", "by_hand_ms"), [("fork", 10 + 6 * 5), ("forkserver", 100 + 6 * 50), ("spawn", 200 + 6 * 60)]
)
def test_a_pool_starts_as_its_method_does(method: str, by_hand_ms: float) -> None:
    started = seconds("multiprocessing", 8, cpu_ms=0.0, start_method=method) - 100 * 0.01 / 1000
    assert started == pytest.approx(by_hand_ms / 1000)


def test_the_payload_is_copied_there_and_back_where_workers_get_it_pickled() -> None:
    for approach in ("multiprocessing", "asyncio_processes", "subinterpreters"):
        more = seconds(approach, payload_kb=1024.0) - seconds(approach)  # 100 tasks x 2 MB at 100 MB/s
        assert more == pytest.approx(2.0)
    for approach in ("single_threaded", "threads", "free_threaded", "asyncio"):
        assert seconds(approach, payload_kb=1024.0) == seconds(approach)


def test_the_costly_start_is_paid_once_in_a_process_and_in_each_worker_of_a_pool_of_processes() -> None:
    assert seconds("free_threaded", startup_ms=500.0) - seconds("free_threaded") == pytest.approx(0.5)
    assert seconds("multiprocessing", 8, startup_ms=500.0) - seconds("multiprocessing", 8) == pytest.approx(1.0)
    assert seconds("subinterpreters", 4, startup_ms=500.0) - seconds("subinterpreters", 4) == pytest.approx(0.5)


def test_the_older_free_threaded_build_is_slower() -> None:
    assert seconds("free_threaded", free_threaded_version="3.13t") == pytest.approx((1500 / 2.5 + 4 + 10) / 1000)


@pytest.mark.parametrize("unknown", ["tasks", "cpu_ms", "wait_ms"])
def test_nothing_is_predicted_from_unknown_quantities(unknown: str) -> None:
    for approach in APPROACHES:
        assert batch_seconds(TRAITS[approach], 4, WORK._replace(**{unknown: None}), COSTS) is None


def test_nothing_is_predicted_for_a_cluster() -> None:
    assert batch_seconds(TRAITS["distributed"], 4, WORK, COSTS) is None
    assert latency_ms(TRAITS["distributed"], 4, WORK, COSTS) is None
    assert speedup_range(TRAITS["distributed"], 4, 1.0, WORK, COSTS) is None


# Memory and latency by hand -------------------------------------------------------------------------------------------

HEAVY = WORK._replace(task_mb=3.0, startup_mb=100.0)


@pytest.mark.parametrize(
    ("approach", "whole", "added"),
    [
        ("single_threaded", 20 + 100 + 3, 0),
        ("asyncio", 20 + 100 + 3, 0),
        ("threads", 20 + 100 + 4 * 3 + 4 * 0.5, 4 * 0.5),
        ("free_threaded", 20 + 100 + 4 * 3 + 4 * 0.5 + 5, 4 * 0.5 + 5),
        ("multiprocessing", 20 + 4 * (10 + 100 + 3), 4 * 110),
        ("subinterpreters", 20 + 4 * (8 + 100 + 3), 4 * 108),
    ],
)
def test_memory(approach: str, whole: float, added: float) -> None:
    assert memory_mb(TRAITS[approach], 4, HEAVY, COSTS) == pytest.approx((whole, added))


def test_forked_workers_share_what_they_only_read() -> None:
    shared = HEAVY._replace(startup_shared=True)
    assert memory_mb(TRAITS["multiprocessing"], 4, shared, COSTS) == pytest.approx((20 + 100 + 4 * 13, 40))
    assert worker_memory_mb(TRAITS["multiprocessing"], shared, COSTS) == 13
    assert worker_memory_mb(TRAITS["subinterpreters"], shared, COSTS) == 8 + 3 + 100


@pytest.mark.parametrize(
    ("approach", "by_hand_ms"),
    [
        ("single_threaded", 10 + 50),
        ("asyncio", 60 + 0.2),
        # each of 4 threads that compute holds the others up for a switch interval of 5 ms
        ("threads", 60 + 0.1 + 4 * 5),
        ("asyncio_threads", 60 + 0.5 + 4 * 5),
        ("free_threaded", 61 + 0.1),
        ("multiprocessing", 60 + 0.01),
    ],
)
def test_latency(approach: str, by_hand_ms: float) -> None:
    assert latency_ms(TRAITS[approach], 4, WORK._replace(wait_ms=50.0), COSTS) == pytest.approx(by_hand_ms)


def test_short_tasks_hold_others_up_for_no_longer_than_they_run() -> None:
    assert latency_ms(TRAITS["threads"], 3, WORK._replace(cpu_ms=2.0), COSTS) == pytest.approx(2 + 0.1 + 3 * 2)
    assert latency_ms(TRAITS["threads"], 3, WORK._replace(releases_gil=True), COSTS) == pytest.approx(10.1)
    assert latency_ms(TRAITS["threads"], 3, WORK._replace(cpu_ms=None), COSTS) is None


def test_the_range_takes_overheads_double_and_half() -> None:
    half, full, double = (batch_seconds(TRAITS["multiprocessing"], 4, WORK, COSTS, f) for f in (0.5, 1.0, 2.0))
    # efficiency 75 %, 50 %, 0 %; 21 ms of overhead
    assert (half, full, double) == pytest.approx(((1000 / 3.25 + 10.5) / 1000, 0.421, 1.042))
    assert speedup_range(TRAITS["multiprocessing"], 4, 1.0, WORK, COSTS) == pytest.approx((1 / 1.042, 1 / half))  # type: ignore[operator]


def test_there_is_no_range_without_a_baseline() -> None:
    assert speedup_range(TRAITS["multiprocessing"], 4, None, WORK, COSTS) is None
    assert speedup_range(TRAITS["multiprocessing"], 4, 0.0, WORK, COSTS) is None


@pytest.mark.parametrize("efficiency", [0.01, 0.25, 1 / 3, 0.4, 1.0])
def test_any_parallel_efficiency_a_user_may_have_measured_gives_a_range(efficiency: float) -> None:
    costs = COSTS | {"parallel_efficiency": efficiency}
    for workers in range(1, 9):
        work = WORK._replace(cores=8)
        low, high = speedup_range(TRAITS["multiprocessing"], workers, 1.0, work, costs) or (math.nan, math.nan)
        assert 0 < low <= high


# Laws -----------------------------------------------------------------------------------------------------------------

works = st.builds(
    Quantities,
    tasks=st.integers(1, 10**6),
    cpu_ms=st.floats(0, 1e5),
    wait_ms=st.floats(0, 1e5),
    in_flight=st.none() | st.integers(1, 10**5),
    cores=st.integers(1, 128),
    payload_kb=st.floats(0, 1e6),
    task_mb=st.floats(0, 1e5),
    startup_ms=st.floats(0, 1e5),
    startup_mb=st.floats(0, 1e5),
    startup_shared=st.booleans(),
    releases_gil=st.booleans(),
    start_method=st.sampled_from(["fork", "forkserver", "spawn"]),
    free_threaded_version=st.sampled_from(["3.13t", "3.14t"]),
)
approaches = st.sampled_from([a for a in APPROACHES if a != "distributed"])
sizes = st.integers(1, 256)
documented = load_knowledge().costs


@given(approaches, sizes, works)
def test_an_estimate_is_finite_and_not_negative(approach: str, workers: int, work: Quantities) -> None:
    found = estimate(TRAITS[approach], workers, work, documented)
    assert isinstance(found, CostEstimate)
    assert all(math.isfinite(value) and value >= 0 for value in found if value is not None)
    assert found.memory_mb >= found.overhead_mb


@given(approaches, sizes, works, st.integers(1, 10**6))
def test_more_tasks_never_take_less_time(approach: str, workers: int, work: Quantities, more: int) -> None:
    longer = work._replace(tasks=(work.tasks or 0) + more)
    assert seconds(approach, workers, longer) >= seconds(approach, workers, work) * (1 - 1e-12)


@given(approaches, sizes, works, st.floats(0, 1e5), st.sampled_from(["cpu_ms", "wait_ms", "payload_kb", "startup_ms"]))
def test_bigger_tasks_never_take_less_time(
    approach: str, workers: int, work: Quantities, more: float, what: str
) -> None:
    bigger = work._replace(**{what: getattr(work, what) + more})
    assert seconds(approach, workers, bigger) >= seconds(approach, workers, work) * (1 - 1e-12)


@given(approaches, sizes, works)
def test_computing_is_at_most_as_many_times_as_fast_as_there_are_cores_and_workers(
    approach: str, workers: int, work: Quantities
) -> None:
    computing = work._replace(wait_ms=0.0)
    alone = batch_seconds(TRAITS["single_threaded"], 1, computing, documented) or 0.0
    together = batch_seconds(TRAITS[approach], workers, computing, documented) or 0.0
    limit = min(workers, work.cores) if TRAITS[approach].pool != "none" else work.cores
    assert alone <= together * limit * (1 + 1e-9)


@given(st.sampled_from(POOLS), st.integers(1, 255), works)
def test_memory_grows_with_every_worker(approach: str, workers: int, work: Quantities) -> None:
    fewer, more = (memory_mb(TRAITS[approach], n, work, documented) for n in (workers, workers + 1))
    assert more[0] > fewer[0]
    assert more[1] > fewer[1]


@given(approaches, sizes, works)
def test_the_range_surrounds_the_middle(approach: str, workers: int, work: Quantities) -> None:
    traits: Traits = TRAITS[approach]
    baseline = batch_seconds(TRAITS["single_threaded"], 1, work, documented)
    middle = batch_seconds(traits, workers, work, documented)
    spread = speedup_range(traits, workers, baseline, work, documented)
    if baseline and middle and spread:
        low, high = spread
        assert low <= baseline / middle * (1 + 1e-12)
        assert baseline / middle <= high * (1 + 1e-12)


@given(approaches, sizes, works)
def test_a_task_takes_at_least_its_own_time(approach: str, workers: int, work: Quantities) -> None:
    latency = latency_ms(TRAITS[approach], workers, work, documented)
    assert latency is not None
    assert latency >= (work.cpu_ms or 0) + (work.wait_ms or 0)
