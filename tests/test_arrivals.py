"""Open arrivals: what holds for a service of which it is known how many requests arrive in a second."""

from __future__ import annotations

import math

import pytest
from asked import on
from hypothesis import given, settings
from hypothesis import strategies as st
from round_costs import TRAITS, WORK
from strategies import FIXED_HOST

from selector.cost.predict import CostEstimate, estimate
from selector.cost.queueing import serve_arrivals
from selector.recommend.along import stretches
from selector.recommend.line import Line
from selector.workload.profile import APPROACHES, WorkloadProfile

SERVICE = WORK._replace(serves=True, tasks=None, wait_ms=40.0, in_flight=10**6)
LOCAL = [a for a in APPROACHES if a != "distributed"]

approaches = st.sampled_from(LOCAL)
workers = st.integers(1, 32)
times = st.floats(0.1, 1000)


def served(approach: str, size: int, rate_per_s: float, **changes: float) -> CostEstimate:
    """What is predicted where so many requests arrive in a second."""
    return estimate(TRAITS[approach], size, SERVICE._replace(arrivals_per_ms=rate_per_s / 1000, **changes))


# The queue ------------------------------------------------------------------------------------------------------------


def queued_by_the_book(load: float) -> float:
    """The 95th percentile of the time in the queue of M/D/1, in times of one request (Erlang's formula)."""

    def within(limit: float) -> float:
        terms = (
            (load * (k - limit)) ** k / math.factorial(k) * math.exp(-load * (k - limit)) for k in range(int(limit) + 1)
        )
        return (1 - load) * math.fsum(terms)

    low, high = 0.0, 14.0  # above, its terms are too large for floats
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < 0.95 else (low, middle)
    return high


def test_the_book_is_read_rightly() -> None:
    assert queued_by_the_book(0.04) == pytest.approx(0, abs=1e-6)  # 96 % find nobody before them
    assert queued_by_the_book(0.5) == pytest.approx(2.06, abs=0.02)
    assert queued_by_the_book(0.8) == pytest.approx(6.62, abs=0.02)


@pytest.mark.parametrize("load", [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85])
def test_requests_that_are_alike_wait_about_as_long_as_the_exact_formula_says(load: float) -> None:
    queued = serve_arrivals(load, servers=1, capacity=1.0)
    assert queued is not None
    assert 1 + queued == pytest.approx(1 + queued_by_the_book(load), rel=0.15)


@settings(max_examples=30)
@given(st.floats(0.001, 10), st.integers(1, 300), st.floats(0.01, 0.98), st.floats(1.001, 1.02))
def test_the_queue_rises_with_the_rate(capacity: float, servers: int, load: float, more: float) -> None:
    once, again = (serve_arrivals(capacity * part, servers, capacity) for part in (load, load * more))
    assert once is not None and again is not None
    assert 0 <= once <= again


@settings(max_examples=30)
@given(st.floats(0.001, 10), st.integers(1, 300), st.floats(1, 1000))
def test_at_saturation_there_is_no_end_of_it(capacity: float, servers: int, load: float) -> None:
    assert serve_arrivals(capacity * load, servers, capacity) is None


# The service ----------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(approaches, times, times)
def test_hardly_any_requests_take_the_time_of_one_by_itself(approach: str, cpu: float, wait: float) -> None:
    """And what a socket and handing over cost, and slower free threads."""
    queued = served(approach, 1, 1e-6, cpu_ms=cpu, wait_ms=wait).queued_ms
    assert queued is not None
    assert cpu + wait <= queued <= 1.1 * cpu + wait + 1.5


@settings(max_examples=30)
@given(approaches, workers, times, times, st.floats(0.01, 0.9), st.floats(1, 1.1))
def test_latency_rises_with_the_rate_and_capacity_stays(
    approach: str, size: int, cpu: float, wait: float, load: float, more: float
) -> None:
    most = served(approach, size, 1.0, cpu_ms=cpu, wait_ms=wait).capacity or 0.0
    once, again = (served(approach, size, most * part, cpu_ms=cpu, wait_ms=wait) for part in (load, load * more))
    assert once.capacity == again.capacity == most
    assert once.queued_ms is not None and again.queued_ms is not None
    assert once.queued_ms <= again.queued_ms * (1 + 1e-9)
    assert once.throughput == pytest.approx(most * load)  # all that arrive are served
    assert once.seconds_each == pytest.approx(once.queued_ms / 1000)


@settings(max_examples=30)
@given(approaches, workers, times, times, st.floats(1.001, 100))
def test_what_arrives_beyond_its_capacity_has_no_latency(
    approach: str, size: int, cpu: float, wait: float, load: float
) -> None:
    most = served(approach, size, 1.0, cpu_ms=cpu, wait_ms=wait).capacity or 0.0
    found = served(approach, size, most * load, cpu_ms=cpu, wait_ms=wait)
    assert (found.queued_ms, found.seconds_each) == (None, None)
    assert found.throughput == pytest.approx(most)


def test_a_loop_is_full_when_its_one_thread_computes_all_the_time() -> None:
    on_loop = 10 + 0.25 + 0.3  # its work, what a loop does for a wait, and to answer on a socket
    assert served("asyncio", 1, 1.0).capacity == pytest.approx(1000 / on_loop)
    assert served("single_threaded", 1, 1.0).capacity == pytest.approx(1000 / 50.13)  # it waits for each


def test_more_processes_do_more_until_who_hands_over_is_full() -> None:
    one, four = (served("multiprocessing", size, 1.0, wait_ms=0.0).capacity or 0.0 for size in (1, 4))
    assert one * 2 < four <= one * 4
    tiny = served("asyncio_processes", 4, 1.0, cpu_ms=0.1, wait_ms=0.0)
    assert tiny.capacity == pytest.approx(1000 / (0.2 + 0.5 + 0.3))  # what the loop does for each


def test_steps_on_a_loop_wait_for_what_it_computes_and_not_for_what_may_be_in_flight() -> None:
    free = estimate(TRAITS["asyncio"], 1, SERVICE._replace(arrivals_per_ms=0.03))
    bound = estimate(TRAITS["asyncio"], 1, SERVICE._replace(arrivals_per_ms=0.03, in_flight=2))
    queues = [serve_arrivals(0.03, 1, 1 / 10.55), serve_arrivals(0.03, 2, 2 / 50.55)]
    assert free.queued_ms and bound.queued_ms and queues[0] and queues[1] and queues[1] > queues[0]
    assert bound.queued_ms - free.queued_ms == pytest.approx(queues[1] - queues[0])


def test_no_more_is_done_than_may_be_in_flight() -> None:
    bound = served("asyncio", 1, 60.0)
    few = estimate(TRAITS["asyncio"], 1, SERVICE._replace(arrivals_per_ms=0.06, in_flight=2))
    assert bound.capacity == pytest.approx(1000 / 10.55)
    assert few.capacity == pytest.approx(2 * 1000 / 50.55)
    assert few.queued_ms is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["io", "hybrid", "cpu"])
def test_the_answers_along_the_rate_are_those_of_each_rate(kind: str) -> None:
    fields = {
        "workload_type": kind,
        "cpu_ms_per_task": 4.0,
        "io_wait_ms_per_task": 60.0,
        "latency_requirement_ms": 300.0,
    }
    profile = WorkloadProfile.model_validate({**fields, "requests_per_second": 50.0, "event_loop": True})
    line = Line(on(FIXED_HOST).situation(profile), "requests_per_second")
    along = stretches(line, 0.1, 1e5)
    assert len(along) > 1
    for step in range(120):
        rate = 10 ** (step / 20 - 1)
        found = next(stretch for stretch in along if stretch.high >= rate)
        if found.low * 1.05 < rate < found.high / 1.05:
            assert line.answer(rate) == found.answer
