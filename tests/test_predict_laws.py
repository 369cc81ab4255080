"""What holds for every prediction: of batches, and of services."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from round_costs import BUILDS, COSTS, POOLS, SHEET, TRAITS, WORK, batch, latency, seconds

from selector.cost.batch import batch_seconds
from selector.cost.predict import CostEstimate, estimate, spread_of
from selector.cost.queueing import serve, waits_at_all
from selector.cost.terms import Quantities
from selector.recommend.knowledge import load_knowledge
from selector.workload.profile import APPROACHES

pytestmark = pytest.mark.one_python


def test_the_costs_of_this_test_are_the_ones_that_the_model_asks_for() -> None:
    assert set(COSTS) == set(load_knowledge().costs.documented)


# Laws -----------------------------------------------------------------------------------------------------------------

works = st.builds(
    Quantities,
    serves=st.booleans(),
    tasks=st.integers(1, 10**6),
    cpu_ms=st.floats(0, 1e5),
    wait_ms=st.floats(0, 1e5),
    in_flight=st.none() | st.integers(1, 10**5),
    arrivals_per_ms=st.none() | st.floats(1e-6, 100),
    cores=st.integers(1, 128),
    payload_kb=st.floats(0, 1e6),
    data_kb=st.floats(0, 1e6),
    task_mb=st.floats(0, 1e5),
    startup_ms=st.floats(0, 1e5),
    startup_mb=st.floats(0, 1e5),
    startup_shared=st.booleans(),
    gil_share=st.sampled_from([0.0, 1.0]) | st.floats(0, 1),
    gil_hold_ms=st.none() | st.floats(0, 1000),
    free_threaded_ratio=st.none() | st.floats(0.5, 5),
    pickle_ms=st.none() | st.floats(0, 1000),
    import_ms=st.floats(0, 5000),
    library_parallel=st.booleans(),
    blocks=st.booleans(),
    isolated=st.booleans(),
    shared_state=st.sampled_from([None, "none", "read_only", "disjoint_writes", "hot_writes", "hot_reads"]),
    gil_build=st.booleans(),
    start_method=st.sampled_from(["fork", "forkserver", "spawn"]),
    builds=st.just(BUILDS),
)
approaches = st.sampled_from([a for a in APPROACHES if a != "distributed"])
sizes = st.integers(1, 256)


@given(approaches, sizes, works)
def test_an_estimate_is_finite_and_not_negative(approach: str, workers: int, work: Quantities) -> None:
    found = estimate(TRAITS[approach], workers, work)
    assert isinstance(found, CostEstimate)
    figures = found._replace(dominant=None)
    assert all(math.isfinite(value) and value >= 0 for value in figures if value is not None)
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
    alone = batch_seconds(TRAITS["single_threaded"], 1, computing) or 0.0
    together = batch_seconds(TRAITS[approach], workers, computing) or 0.0
    own = TRAITS[approach].pool != "none" and not work.library_parallel
    limit = (min(workers, work.cores) if own else work.cores) / min(work.free_threaded_ratio or 1.0, 1.0)
    assert alone <= together * limit * (1 + 1e-9)  # unless it was measured to be faster on the free-threaded build


@given(st.sampled_from(POOLS), st.integers(1, 255), works)
def test_memory_grows_with_every_worker(approach: str, workers: int, work: Quantities) -> None:
    fewer, more = (estimate(TRAITS[approach], n, work) for n in (workers, workers + 1))
    assert more.memory_mb >= fewer.memory_mb
    assert more.overhead_mb >= fewer.overhead_mb


@given(approaches, sizes, works)
def test_the_range_surrounds_the_middle(approach: str, workers: int, work: Quantities) -> None:
    found = batch(approach, work)
    parts = found.parts(workers)
    shortest, longest = (spread_of(workers, found, SHEET, slow) for slow in (False, True))
    assert shortest * (1 - 1e-9) <= sum(parts) / 1000 <= longest * (1 + 1e-9)


@given(st.sampled_from(POOLS), st.integers(1, 64), works)
def test_twice_the_cores_are_never_worse(approach: str, cores: int, work: Quantities) -> None:
    few, many = work._replace(cores=cores), work._replace(cores=2 * cores)
    once, twice = (sum(batch(approach, w).best_size(w.cores)[1]) for w in (few, many))
    assert twice <= once * 1.02  # sizes over 16 are tried in steps


@given(approaches, sizes, works)
def test_a_task_takes_at_least_its_own_time(approach: str, workers: int, work: Quantities) -> None:
    took = latency(approach, workers, work)
    assert took is not None
    computing = (work.cpu_ms or 0) / (work.cores if work.library_parallel else 1)
    computing *= min(1.0, work.free_threaded_ratio or 1.0)
    assert took >= (computing + (work.wait_ms or 0)) * (1 - 1e-12)


# Services -------------------------------------------------------------------------------------------------------------

SERVICE = WORK._replace(serves=True, tasks=None, wait_ms=40.0, in_flight=8)


def test_erlang_c_by_hand() -> None:
    assert waits_at_all(1, 0.5) == pytest.approx(0.5)  # one server: as often as it is busy
    assert waits_at_all(2, 0.5) == pytest.approx(1 / 3)
    assert waits_at_all(3, 2 / 3) == pytest.approx(4 / 9)


def test_the_rate_is_what_littles_law_makes_of_the_requests_in_flight() -> None:
    served = serve(in_flight=8, alone_ms=50, servers=4, capacity=0.4)
    queued = waits_at_all(4, served.load) * served.load / (1 - served.load)
    assert served.rate * 50 + queued == pytest.approx(8, rel=1e-3)
    assert served.load == pytest.approx(served.rate / 0.4)


def test_a_busier_service_serves_more_and_later() -> None:
    rates, delays = zip(*[serve(n, 50, 4, 0.4)[::2] for n in (1, 4, 16, 64, 256)], strict=True)
    assert list(rates) == sorted(rates)
    assert list(delays) == sorted(delays)
    assert rates[-1] == pytest.approx(0.4, rel=0.02)


def test_nobody_queues_behind_more_requests_than_there_are() -> None:
    assert serve(in_flight=4, alone_ms=50, servers=4, capacity=0.4).queue_p95_ms == 0
    assert serve(in_flight=104, alone_ms=50, servers=4, capacity=0.4).queue_p95_ms == pytest.approx(100 / 0.4)


def test_a_service_that_computes_on_more_cores_serves_more() -> None:
    by_loop, by_processes = (estimate(TRAITS[a], 4, SERVICE) for a in ("asyncio", "asyncio_processes"))
    assert by_loop.throughput == pytest.approx(1000 / 10.25, rel=0.2)  # the loop computes all the time
    assert by_processes.throughput == pytest.approx(8000 / 51, rel=0.2)  # hardly anyone queues
    assert (by_loop.queued_ms or 0) > (by_processes.queued_ms or 0)
    assert by_loop.seconds is None


def test_a_request_holds_a_worker_while_it_waits() -> None:
    few, many = (estimate(TRAITS["threads"], n, SERVICE).throughput or 0 for n in (2, 8))
    assert few == pytest.approx(2 * 1000 / 50.05, rel=0.2)
    assert many > few


@pytest.mark.parametrize("unknown", ["cpu_ms", "wait_ms", "in_flight"])
def test_nothing_is_predicted_of_a_service_from_unknown_quantities(unknown: str) -> None:
    found = estimate(TRAITS["asyncio"], 1, SERVICE._replace(**{unknown: None}))
    assert (found.throughput, found.queued_ms) == (None, None)
