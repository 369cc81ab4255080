"""What is predicted of a service, against servers that are simulated: requests that arrive at random, CPUs, and a GIL."""

from __future__ import annotations

import heapq
import random
from functools import cache

import pytest
from round_costs import COSTS, TRAITS, WORK

from selector.cost.predict import CostEstimate, estimate
from selector.cost.queueing import mean_wait_ms, serve_arrivals
from selector.workload.profile import ApproachId

REQUESTS = 20_000
WITHIN = 0.3  # of the p95 that is simulated, below 0.8 of what can be done


@cache
def arrivals(rate: float, seed: int = 7) -> tuple[float, ...]:
    """When requests arrive, in ms, at so many in a millisecond."""
    chance, at, found = random.Random(seed), 0.0, []
    for _ in range(REQUESTS):
        at += chance.expovariate(rate)
        found.append(at)
    return tuple(found)


def simulated(rate: float, servers: int, each_ms: float) -> float:
    """The p95 of requests that wait in line for one of so many servers, from arrival to answer."""
    free, took = [0.0] * servers, []
    for at in arrivals(rate):
        begun = max(at, heapq.heappop(free))
        heapq.heappush(free, begun + each_ms)
        took.append(begun + each_ms - at)
    return sorted(took)[int(0.95 * len(took))]


@pytest.mark.parametrize("load", [0.3, 0.5, 0.7, 0.8])
@pytest.mark.parametrize("servers", [1, 2, 8])
def test_a_queue_of_requests_alike_is_as_long_as_one_that_is_simulated(servers: int, load: float) -> None:
    rate = load * servers / 10
    queued = serve_arrivals(rate, servers, servers / 10)
    assert queued is not None
    assert 10 + queued == pytest.approx(simulated(rate, servers, 10.0), rel=0.12)


def test_the_mean_wait_is_that_of_pollaczek_and_khinchine() -> None:
    at, free, waited = 0.0, 0.0, 0.0
    for at in arrivals(0.05):
        waited += max(0.0, free - at)
        free = max(at, free) + 10.0
    assert waited / REQUESTS == pytest.approx(mean_wait_ms(0.05, 10.0), rel=0.1)
    assert mean_wait_ms(0.1, 10.0) == float("inf")


def predicted(approach: ApproachId, workers: int, rate: float, cpu_ms: float, wait_ms: float) -> tuple[float, float]:
    """(p95 in ms, the most that is done in a ms) of a service on two CPUs, of tasks that pure Python computes."""
    work = WORK._replace(
        serves=True, tasks=None, cpu_ms=cpu_ms, wait_ms=wait_ms, cores=2, in_flight=None, payload_kb=0.0
    )
    found = estimate(TRAITS[approach], workers, work._replace(arrivals_per_ms=rate))
    assert found.capacity is not None
    return found.queued_ms or float("inf"), found.capacity / 1000


@pytest.mark.parametrize("load", [0.3, 0.5, 0.7, 0.79])
@pytest.mark.parametrize(
    ("approach", "workers", "cpu_ms", "wait_ms", "servers"),
    [
        ("single_threaded", 1, 20.0, 0.0, 1),
        ("asyncio", 1, 20.0, 0.0, 1),
        ("multiprocessing", 2, 20.0, 0.0, 2),
        ("threads", 14, 1.0, 30.0, 14),
        ("free_threaded", 2, 20.0, 0.0, 2),
    ],
)
def test_a_service_answers_as_one_that_is_simulated(
    approach: ApproachId, workers: int, cpu_ms: float, wait_ms: float, servers: int, load: float
) -> None:
    _, most = predicted(approach, workers, 1e-6, cpu_ms, wait_ms)
    p95, _ = predicted(approach, workers, load * most, cpu_ms, wait_ms)
    waits_in_line = wait_ms if approach == "threads" else 0.0  # a thread is held while it waits
    each = servers / most
    assert each >= (cpu_ms + waits_in_line)
    assert p95 == pytest.approx(simulated(load * most, servers, each) + wait_ms - waits_in_line, rel=WITHIN)


def test_every_queue_counts_and_not_only_that_for_what_is_scarcest() -> None:
    few, many = (predicted("threads", workers, 0.35, 2.0, 50.0)[0] for workers in (19, 200))
    assert many > 52 + mean_wait_ms(0.35, 2.0)  # for the GIL, however many threads there are
    assert few > many  # and for a thread


def test_a_prefork_has_no_parent_and_a_loop_with_processes_has_one() -> None:
    alone, handed = (predicted(approach, 2, 1e-6, 1.0, 0.0)[0] for approach in ("multiprocessing", "asyncio_processes"))
    assert alone < handed
    assert handed - alone >= COSTS["loop_process_ms"]


# Several processes ----------------------------------------------------------------------------------------------------


def of_processes(approach: ApproachId, processes: int, rate: float, **fields: float) -> CostEstimate:
    """What is predicted of so many processes, on four CPUs, of tasks of 4 ms that wait for 30."""
    work = WORK._replace(
        serves=True, tasks=None, cpu_ms=4.0, wait_ms=30.0, cores=4, in_flight=None, payload_kb=0.0, arrivals_per_ms=rate
    )
    return estimate(TRAITS[approach], 16, work._replace(**fields), processes=processes)


@pytest.mark.parametrize("approach", ["asyncio", "threads", "asyncio_threads"])
def test_each_process_has_its_share_of_what_arrives_and_they_hold_each_other_up(approach: ApproachId) -> None:
    one, two = of_processes(approach, 1, 0.1), of_processes(approach, 2, 0.2)
    same = of_processes(approach, 1, 0.1, cpu_ms=4.0 * (1 + COSTS["contention_processes"]))  # as two processes compute
    assert two.queued_ms == pytest.approx(same.queued_ms)
    assert two.capacity == pytest.approx(2 * (same.capacity or 0.0))
    assert 1.6 * (one.capacity or 0.0) < (two.capacity or 0.0) < 2 * (one.capacity or 0.0)
    assert two.throughput == pytest.approx(200)
    four = of_processes(approach, 4, 0.2)
    assert (four.queued_ms or 0.0) < (two.queued_ms or 0.0)


def test_all_together_compute_on_no_more_cpus_than_there_are() -> None:
    one, four = (of_processes("free_threaded", processes, 0.1, wait_ms=0.0) for processes in (1, 4))
    assert (four.capacity or 0.0) <= (one.capacity or 0.0) * 1.01


def test_what_a_process_has_is_there_in_each_but_for_what_is_shared_after_a_fork() -> None:
    def memory(processes: int, *, shared: bool) -> float:
        return of_processes("threads", processes, 0.1, startup_mb=300.0, task_mb=2.0, startup_shared=shared).memory_mb

    own, shared = ([memory(n, shared=how) for n in (1, 2, 3)] for how in (False, True))
    each = COSTS["process_memory_mb"] + 16 * (COSTS["thread_memory_mb"] + 2.0)
    assert own[2] - own[1] == pytest.approx(each + 300)
    assert shared[2] - shared[1] == pytest.approx(each)
    assert own[0] == shared[0] < shared[1] < own[1]
