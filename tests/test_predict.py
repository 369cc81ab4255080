"""The cost model: cases worked out by hand, and the laws that every prediction keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from round_costs import BUILDS, COSTS, PLAIN, POOLS, SHEET, TRAITS, WAITS, WORK, batch, latency, seconds

from selector.cost.batch import batch_parts, batch_seconds
from selector.cost.memory import footprint_of
from selector.cost.predict import estimate, spread_of
from selector.cost.shape import costs_used, shape_of
from selector.cost.sheet import HostCosts
from selector.cost.terms import Quantities
from selector.recommend.knowledge import load_knowledge
from selector.workload.profile import APPROACHES


def test_the_costs_of_this_test_are_the_ones_that_the_model_asks_for() -> None:
    assert set(COSTS) == set(load_knowledge().costs.documented)


# By hand --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approach", "by_hand_ms"),
    [
        # 100 tasks of 10 ms, one after the other
        ("single_threaded", 1000),
        # the same on the loop, which takes 3 ms to start and 0.2 ms for each task
        ("asyncio", 1000 + 3 + 100 * 0.2),
        # the GIL lets one thread compute; 4 threads to start, 0.1 ms for each task
        ("threads", 1000 + 4 * 1 + 100 * 0.1),
        # 4 workers hold each other up: a task takes 1 + 0.2 x (2 - 2/4) = 1.3 times as long; 25 for each; 1.1 on this build
        ("free_threaded", 1.1 * 1.3 * 250 + 4 * 1 + 100 * 0.1),
        # four messages with tasks for each of 4 workers, 0.01 ms for each task
        ("multiprocessing", 1.3 * 250 + 10 + 3 * 5 + 16 * 0.5 + 100 * 0.01),
        ("asyncio_processes", 1.3 * 250 + 3 + 10 + 3 * 5 + 100 * (0.2 + 0.5)),
        ("asyncio_free_threaded", 1.1 * 1.3 * 250 + 3 + 4 * 1 + 100 * (0.2 + 0.3)),
        ("subinterpreters", 1.3 * 250 + 40 + 3 * 2 + 100 * 0.4),
    ],
)
def test_computing(approach: str, by_hand_ms: float) -> None:
    assert seconds(approach) == pytest.approx(by_hand_ms / 1000)


@pytest.mark.parametrize(
    ("approach", "workers", "by_hand_ms"),
    [
        # each wait takes 0.1 ms longer than asked for
        ("single_threaded", 1, 100 * 50.1),
        ("native_parallel", 1, 100 * 50.1),
        # 20 in flight: 5 rounds of 50.1 ms; at the end of each, the loop does something for all 20
        ("asyncio", 1, 3 + 5 * (50.1 + 0.25) + 19 * 0.25),
        # a pool of 10 overlaps 10: 10 rounds
        ("threads", 10, 10 * 1 + 10 * (50.1 + 0.15) + 9 * 0.15),
        # nothing computes, so nothing is handed to the pool and its threads are not started
        ("asyncio_threads", 4, 3 + 5 * (50.1 + 0.25) + 19 * 0.25),
        ("asyncio_processes", 4, 3 + 7 + 5 * (50.1 + 0.25) + 19 * 0.25),
        ("multiprocessing", 4, 10 + 3 * 5 + (25 + 3) * (0.01 + 16 * 0.5 / 100) + 25 * 50.1),
    ],
)
def test_waiting(approach: str, workers: int, by_hand_ms: float) -> None:
    assert seconds(approach, workers, WAITS) == pytest.approx(by_hand_ms / 1000)


def test_waits_and_computing_overlap_and_the_longer_one_decides() -> None:
    # on the loop: 100 x 10 ms of CPU, and the first result waits 50 ms; 5 rounds of 60 ms are less
    assert seconds("asyncio", 1, wait_ms=50.0, in_flight=20) == pytest.approx((3 + 1000 + 50.1 + 25) / 1000)
    # with 2 in flight the rounds decide: 50 x 60 ms, and the second of the last two computes after the first
    by_hand = 3 + 50 * (50.1 + 10.25) + 10.25
    assert seconds("asyncio", 1, wait_ms=50.0, in_flight=2) == pytest.approx(by_hand / 1000)


def test_code_that_releases_the_gil_scales_on_threads_and_loses_nothing_on_a_free_threaded_build() -> None:
    assert seconds("threads", gil_share=0.0) == pytest.approx((1.3 * 250 + 4 + 10) / 1000)
    assert seconds("free_threaded", gil_share=0.0) == seconds("threads", gil_share=0.0)


def test_what_threads_share_decides_how_much_they_hold_each_other_up() -> None:
    assert seconds("free_threaded", shared_state="read_only") == pytest.approx((1.1 * 1.6 * 250 + 4 + 10) / 1000)
    assert seconds("free_threaded", shared_state="hot_writes") == pytest.approx((1.1 * 10 * 250 + 4 + 10) / 1000)
    assert seconds("free_threaded", shared_state="disjoint_writes") == seconds("free_threaded")
    assert seconds("multiprocessing", shared_state="hot_writes") == seconds("multiprocessing")


def test_the_slowest_worker_decides_where_tasks_do_not_divide_evenly() -> None:
    assert seconds("threads", 4, tasks=5, gil_share=0.0) == pytest.approx((2 * 1.3 * 10 + 4 + 0.5) / 1000)


def test_no_more_workers_start_than_there_are_tasks() -> None:
    assert seconds("multiprocessing", 4, tasks=1) == pytest.approx((10 + 10 + 0.5 + 0.01) / 1000)


@pytest.mark.parametrize(
    ("method", "by_hand_ms"), [("fork", 10 + 7 * 5), ("forkserver", 100 + 7 * 50), ("spawn", 200 + 7 * 60)]
)
def test_a_pool_starts_as_its_method_does(method: str, by_hand_ms: float) -> None:
    parts = batch_parts(TRAITS["multiprocessing"], 8, WORK._replace(start_method=method))
    assert parts is not None
    assert parts.pool_start == pytest.approx(by_hand_ms)


def test_subinterpreters_beyond_the_cores_start_after_the_others() -> None:
    parts = batch_parts(TRAITS["subinterpreters"], 6, WORK)
    assert parts is not None
    assert parts.pool_start == pytest.approx(40 + 3 * 2 + 2 * 30)


def test_the_payload_is_copied_there_and_back_where_workers_get_it_pickled() -> None:
    for approach, by_hand in (("multiprocessing", 2.0), ("asyncio_processes", 2.0), ("subinterpreters", 0.2)):
        more = seconds(approach, payload_kb=1024.0) - seconds(approach)  # 100 tasks x 2 MB at 100 or 1000 MB/s
        assert more == pytest.approx(by_hand)
    for approach in ("single_threaded", "threads", "free_threaded", "asyncio"):
        assert seconds(approach, payload_kb=1024.0) == seconds(approach)


def test_the_costly_start_is_paid_once_in_a_process_and_in_each_worker_of_a_pool_of_processes() -> None:
    assert seconds("free_threaded", startup_ms=500.0) - seconds("free_threaded") == pytest.approx(0.5)
    assert seconds("multiprocessing", 8, startup_ms=500.0) - seconds("multiprocessing", 8) == pytest.approx(1.0)
    assert seconds("subinterpreters", 4, startup_ms=500.0) - seconds("subinterpreters", 4) == pytest.approx(0.5)


def test_threads_that_all_start_up_at_once_take_up_to_twice_as_long() -> None:
    sixteen = seconds("threads", 16, WAITS, startup_ms=500.0) - seconds("threads", 16, WAITS)
    assert sixteen == pytest.approx(0.5 * (2 - 4 / 16))
    assert seconds("asyncio", 1, WAITS, startup_ms=500.0) - seconds("asyncio", 1, WAITS) == pytest.approx(0.5)


def test_where_only_free_threaded_builds_may_be_used_everything_runs_on_one() -> None:
    own = replace(BUILDS, free=PLAIN | {"thread_start_ms": 2.0})
    both = [
        batch_seconds(TRAITS[a], 4, WORK._replace(gil_build=False, builds=own)) for a in ("threads", "free_threaded")
    ]
    assert both == [pytest.approx((1.1 * 1.3 * 250 + 8 + 10) / 1000)] * 2
    assert seconds("single_threaded", gil_build=False) == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("approach", "changes", "said"),
    [
        ("single_threaded", {}, "computing"),
        ("threads", {}, "GIL"),
        ("asyncio", {"wait_ms": 50.0, "cpu_ms": 0.1, "in_flight": 2}, "waiting"),
        # 25 rounds of 51 ms: the others compute while the four wait, in all for 100 ms
        ("threads", {"wait_ms": 50.0, "cpu_ms": 1.0}, "waiting"),
        ("threads", {"wait_ms": 10.0, "cpu_ms": 10.0}, "GIL"),
        ("multiprocessing", {"start_method": "spawn", "cpu_ms": 1.0}, "pool start"),
        ("multiprocessing", {"startup_ms": 5000.0}, "expensive start"),
        ("subinterpreters", {"cpu_ms": 0.01, "tasks": 10_000}, "dispatch"),
        ("multiprocessing", {"payload_kb": 10_000.0}, "pickling"),
        ("threads", {"gil_share": 0.0}, "computing"),
        ("threads", {"gil_share": 0.2}, "computing"),
        ("threads", {"gil_share": 0.3}, "GIL"),
        ("multiprocessing", {"pickle_ms": 24.0}, "pickling"),
        ("multiprocessing", {"import_ms": 1400.0, "start_method": "spawn"}, "expensive start"),
    ],
)
def test_what_most_of_the_time_goes_into(approach: str, changes: dict[str, Any], said: str) -> None:
    assert estimate(TRAITS[approach], 4, WORK._replace(**changes)).dominant == said


@pytest.mark.parametrize("unknown", ["tasks", "cpu_ms", "wait_ms"])
def test_nothing_is_predicted_from_unknown_quantities(unknown: str) -> None:
    for approach in APPROACHES:
        assert batch_seconds(TRAITS[approach], 4, WORK._replace(**{unknown: None})) is None


def test_nothing_is_predicted_for_a_cluster() -> None:
    assert batch_seconds(TRAITS["distributed"], 4, WORK) is None
    assert latency("distributed", 4, WORK) is None


# Memory and latency by hand -------------------------------------------------------------------------------------------

HEAVY = WORK._replace(task_mb=3.0, startup_mb=100.0)


def memory(approach: str, work: Quantities, workers: int = 4) -> tuple[float, float]:
    """The whole memory, and what the approach adds."""
    found = estimate(TRAITS[approach], workers, work)
    return found.memory_mb, found.overhead_mb


@pytest.mark.parametrize(
    ("approach", "whole", "added"),
    [
        ("single_threaded", 20 + 100 + 3, 0),
        ("asyncio", 20 + 100 + 3, 0),
        ("threads", 20 + 100 + 4 * 3 + 4 * 0.5, 4 * 0.5),
        ("free_threaded", 20 + 100 + 4 * 3 + 4 * 0.5 + 5, 4 * 0.5 + 5),
        ("multiprocessing", 20 + 30 + 4 * (10 + 100 + 3), 30 + 4 * 110),
        ("subinterpreters", 20 + 4 * (8 + 100 + 3), 4 * 108),
    ],
)
def test_memory(approach: str, whole: float, added: float) -> None:
    assert memory(approach, HEAVY) == pytest.approx((whole, added))


def test_forked_workers_share_what_they_only_read() -> None:
    shared = HEAVY._replace(startup_shared=True)
    assert memory("multiprocessing", shared) == pytest.approx((20 + 30 + 100 + 4 * 13, 70))
    assert footprint_of(TRAITS["multiprocessing"], shared).worker == 13
    assert footprint_of(TRAITS["subinterpreters"], shared).worker == 8 + 3 + 100


def test_as_many_workers_fit_as_their_tasks_and_the_copies_of_their_data_leave_room_for() -> None:
    work = WORK._replace(task_mb=50.0, payload_kb=10_240.0, data_kb=10_240.0)  # 10 MB, twice in a worker
    footprint = footprint_of(TRAITS["multiprocessing"], work)
    assert footprint.worker == 10 + 50 + 20
    assert [footprint.workers_within(budget) for budget in (129, 130, 209, 210, 50 + 4 * 80)] == [0, 1, 1, 2, 4]
    for budget in range(140, 600, 7):
        workers = footprint.workers_within(budget)
        assert footprint.whole_mb(workers) <= budget < footprint.whole_mb(workers + 1)


def test_the_data_of_the_tasks_counts_and_twice_where_it_is_copied() -> None:
    with_data = WORK._replace(payload_kb=1024.0, data_kb=1024.0)
    here, copied = (estimate(TRAITS[a], 4, with_data) for a in ("threads", "multiprocessing"))
    assert here.memory_mb == pytest.approx(20 + 4 * 0.5 + 4)  # four tasks in work
    assert here.data_mb == pytest.approx(96)
    assert copied.data_mb == pytest.approx(192)


@pytest.mark.parametrize(
    ("approach", "changes", "others"),
    [
        ("asyncio", {}, 29),  # all in flight but the one at work
        ("asyncio_threads", {}, 26),
        ("threads", {}, 0),  # each in flight has a worker, which counts it
        ("single_threaded", {}, 0),
        ("asyncio_threads", {"blocks": True}, 0),
        ("asyncio", {"tasks": 10}, 9),
        ("asyncio", {"wait_ms": 0.0}, 0),  # what does not wait is done one by one
        ("asyncio", {"in_flight": None}, 99),
        ("asyncio", {"in_flight": None, "tasks": None}, None),
        ("asyncio", {"in_flight": None, "tasks": None, "task_mb": 0.0}, 0),
    ],
)
def test_tasks_that_wait_on_a_loop_may_hold_their_memory(
    approach: str, changes: dict[str, Any], others: int | None
) -> None:
    work = WORK._replace(wait_ms=50.0, in_flight=30, task_mb=3.0)
    found = estimate(TRAITS[approach], 4, work._replace(**changes))
    assert found.waiting_mb == (None if others is None else others * 3)
    assert found.whole_mb == found.memory_mb + (found.waiting_mb or 0)


@pytest.mark.parametrize(
    ("approach", "by_hand_ms"),
    [
        ("single_threaded", 10 + 50),
        ("asyncio", 60 + 0.25),
        # each of 3 other threads computes for a sixth of the time, and holds this one up for a switch interval of 5 ms
        ("threads", 60 + 0.15 + 1.5 * 5),
        ("asyncio_threads", 60 + 0.55 + 1.5 * 5),
        ("free_threaded", 61 + 0.15),
        ("multiprocessing", 60 + 0.5 + 0.01),
    ],
)
def test_latency(approach: str, by_hand_ms: float) -> None:
    assert latency(approach, 4, WORK._replace(wait_ms=50.0)) == pytest.approx(by_hand_ms)


def test_short_tasks_hold_others_up_for_no_longer_than_they_run() -> None:
    assert latency("threads", 3, WORK._replace(cpu_ms=2.0)) == pytest.approx(2 + 0.1 + 3 * 2)
    assert latency("threads", 3, WORK._replace(gil_share=0.0)) == pytest.approx(10.1)
    assert latency("threads", 3, WORK._replace(cpu_ms=None)) is None


def test_the_range_takes_each_part_as_much_longer_and_shorter_as_its_costs_may_be_off() -> None:
    found = batch("multiprocessing", WORK)
    # documented costs may be off by 2: overheads of 34 ms; contention 0.1 or 0.4, and beyond two workers half of it more each
    shortest = 1 + 0.1 * (2 - 2 / 4)
    longest = 1 + 0.4 * (2 - 2 / 4 + 2 * 0.5)
    assert spread_of(4, found, SHEET, slow=False) == pytest.approx((shortest * 250 + 17) / 1000)
    assert spread_of(4, found, SHEET, slow=True) == pytest.approx((longest * 250 + 68) / 1000)


def test_what_happens_while_others_wait_is_no_part_of_the_time() -> None:
    found = batch("threads", WORK._replace(wait_ms=40.0, cpu_ms=1.0, in_flight=4))
    parts, (busy, rounds) = found.parts(4), found.paths(4)
    assert parts == rounds
    assert parts.computing == pytest.approx(25 * 1 + 3 * 1)  # one of each round, and the others of the last
    assert parts.waiting == pytest.approx(25 * 40.1)  # and each wakes up a little late
    assert busy.computing == pytest.approx(100)


def test_either_path_may_be_the_longest_at_the_ends_of_the_range() -> None:
    work = WORK._replace(wait_ms=10.0, cpu_ms=10.0, in_flight=8, payload_kb=1.0)
    found = batch("free_threaded", work)
    off = found.off(4, SHEET, slow=True)
    longest = max(sum(a * b for a, b in zip(path, off, strict=True)) for path in found.paths(4) if path)
    assert spread_of(4, found, SHEET, slow=True) == pytest.approx(longest / 1000)
    assert spread_of(4, found, SHEET, slow=False) * 1000 >= max(p.waiting for p in found.paths(4) if p)


def test_the_range_of_a_free_threaded_build_takes_what_the_code_may_do() -> None:
    free = HostCosts(COSTS).sheet("3.14t", "3.14", "linux")
    work = WORK._replace(builds=replace(BUILDS, free=free.middle))
    found = batch("free_threaded", work)
    assert found.parts(1).computing == pytest.approx(1100)
    assert found.off(1, free, slow=True).computing == pytest.approx(1.2)
    assert found.off(1, free, slow=False).computing == pytest.approx(1 / 1.1)  # never faster than 3.14


def test_the_older_free_threaded_build_is_slower() -> None:
    assert HostCosts(COSTS).sheet("3.13t", "3.14", "linux").middle["free_threaded_slowdown"] == 1.5


# Pools ----------------------------------------------------------------------------------------------------------------


def test_a_pool_is_as_large_as_pays() -> None:
    found = batch("multiprocessing", WORK._replace(cores=64, start_method="spawn"))  # 60 ms for each more of them
    size, parts = found.best_size(64)
    times = {workers: sum(found.parts(workers)) for workers in range(1, 65)}
    assert times[size] == min(times.values()) == sum(parts)
    assert 1 < size < 10


def test_a_pool_whose_start_is_next_to_nothing_has_all_workers() -> None:
    assert batch("free_threaded", WORK._replace(tasks=64_000, cores=64)).best_size(64)[0] == 64
    assert batch("multiprocessing", WORK._replace(tasks=100_000, cores=8)).best_size(8)[0] == 8


def test_threads_that_compute_in_turns_need_not_be_many() -> None:
    assert batch("threads", WORK._replace(cpu_ms=1.0)).best_size(4)[0] == 1


def test_concurrency_binds_every_approach() -> None:
    two = WORK._replace(wait_ms=50.0, cpu_ms=50.0, tasks=1000, in_flight=2, cores=16)
    for approach in POOLS:
        assert seconds(approach, 16, two) >= 1000 / 2 * 0.1 * (1 - 1e-9)


def test_what_only_waits_is_not_held_up_by_more_cores() -> None:
    waits = WORK._replace(wait_ms=500.0, cpu_ms=5.0, in_flight=50, tasks=500, shared_state="read_only")
    assert seconds("free_threaded", 50, waits, cores=16) <= seconds("free_threaded", 50, waits, cores=2)


def test_a_library_that_blocks_holds_a_worker_while_it_waits() -> None:
    blocking = WAITS._replace(blocks=True, cpu_ms=1.0)
    assert seconds("asyncio_processes", 4, blocking) > seconds("asyncio_processes", 4, WAITS._replace(cpu_ms=1.0)) * 4
    assert seconds("asyncio_threads", 20, blocking) == pytest.approx(
        seconds("asyncio_threads", 20, WAITS._replace(cpu_ms=1.0))
    )


def test_isolated_work_starts_processes_though_nothing_computes() -> None:
    loop = WAITS._replace(isolated=True)
    assert batch_parts(TRAITS["asyncio_processes"], 4, loop).pool_start == pytest.approx(3 + 10 + 3 * 5)  # type: ignore[union-attr]


def test_a_library_that_divides_its_work_gains_nothing_by_a_pool() -> None:
    blas = WORK._replace(library_parallel=True)
    plain, library, pool = (seconds(a, 4, blas) for a in ("single_threaded", "native_parallel", "threads"))
    assert plain == 1.0
    assert library == pytest.approx(1.3 / 4)
    assert costs_used(TRAITS["native_parallel"], False, False, shape_of(blas)) == ("contention_threads_native",)
    found = batch("native_parallel", blas)
    assert spread_of(1, found, SHEET, slow=False) < library < spread_of(1, found, SHEET, slow=True)
    assert pool > library
