"""Capacity: what it takes to do so many requests in a second, how it is said, and which server runs it."""

from __future__ import annotations

from typing import Any

import pytest
from example_answers import summary_of
from hypothesis import given, settings
from hypothesis import strategies as st
from printed import text_of
from servers import ASYNCIO_API, SHOP, capacity, recommended

from selector import Recommendation
from selector.recommend.pools import PLANNED
from selector.report.recommendation import recommendation_document

pytestmark = pytest.mark.one_python

SERVES: dict[str, Any] = {
    "workload_type": "hybrid", "event_loop": True, "async_library": True, "cpu_ms_per_task": 5, "io_wait_ms_per_task": 50,
    "latency_requirement_ms": 1000, "cpu_cores": 4, "platform": "linux", "interpreters": ["3.14"],
}  # fmt: skip


def service(rate: float, **fields: Any) -> Recommendation:
    return recommended(**(SERVES | {"requests_per_second": rate} | fields))


# The figures ----------------------------------------------------------------------------------------------------------


def test_by_littles_law() -> None:
    found = capacity(service(40))
    assert found.rate_per_s == 40
    assert found.cpus_busy == pytest.approx(0.2, rel=0.1)  # 40/s x 5 ms, and what the loop does
    assert found.cpus_needed == pytest.approx(0.2 / PLANNED, rel=0.1)
    assert found.in_flight == pytest.approx(40 * 0.055)
    assert found.utilisation == pytest.approx(40 / found.saturation_per_s, rel=0.01)  # type: ignore[operator]
    assert (found.processes, found.machines) == (1, 1)


def test_one_machine_cannot_do_it() -> None:
    result = recommended(
        workload_type="cpu", cpu_ms_per_task=10_000, requests_per_second=100, cpu_cores=8, platform="linux"
    )
    found = capacity(result)
    assert result.approach == "distributed"
    assert found.cpus_busy == 1000
    assert found.saturation_per_s == 0.8
    assert found.utilisation == 125
    assert (found.workers, found.machines) == (1528, 191)  # those of one machine hold each other up
    assert found.text == "1,000 CPUs busy, where there are 8; planned for 75 %: 191 machines of 8 CPUs"
    assert any("1,528 workers that take from one queue" in said for said in found.details)
    assert found.server is None


def test_enough_machines_were_given() -> None:
    fields = {"workload_type": "cpu", "cpu_ms_per_task": 1000, "requests_per_second": 10, "cpu_cores": 8, "machines": 3}
    found = capacity(recommended(**fields))
    assert (found.machines, found.utilisation) == (2, pytest.approx(10 / 24, rel=0.01))
    assert any("The 3 machines given are enough." in said for said in found.details)


@settings(max_examples=5)
@given(st.floats(0.1, 5000), st.floats(1.1, 10))
def test_more_requests_never_take_less(rate: float, more: float) -> None:
    fields = {"workload_type": "cpu", "cpu_ms_per_task": 40, "cpu_cores": 4, "platform": "linux"}
    one, other = (capacity(recommended(**fields, requests_per_second=r)) for r in (rate, rate * more))
    assert (one.cpus_busy or 0) <= (other.cpus_busy or 0)
    assert (one.machines or 0) <= (other.machines or 0)


@settings(max_examples=6, deadline=None)
@given(
    st.sampled_from([SHOP, SHOP | {"async_library": False}, ASYNCIO_API]), st.integers(100, 1900), st.integers(1, 25)
)
def test_within_an_approach_more_requests_take_no_less(profile: dict[str, Any], rate: int, step: int) -> None:
    most: dict[str, tuple[float, int]] = {}
    for arrives in (rate, rate + step, rate + 4 * step):
        result = recommended(**profile, requests_per_second=arrives)
        assert result.approach != "distributed"
        found = capacity(result)
        busy, machines = most.get(result.approach, (0.0, 0))
        assert (found.cpus_busy or 0) >= busy and (found.machines or 0) >= machines
        most[result.approach] = found.cpus_busy or 0, found.machines or 0


@pytest.mark.parametrize("profile", [SHOP, SHOP | {"async_library": False}, ASYNCIO_API])
@pytest.mark.parametrize("rate", [400, 2000])
def test_a_web_api_of_short_requests_is_served_by_more_machines(profile: dict[str, Any], rate: int) -> None:
    result = recommended(**profile, requests_per_second=rate)
    found = capacity(result)
    assert result.approach != "distributed" and result.fits.throughput is False
    assert (found.machines or 0) > 1
    assert found.text.endswith(f"{found.machines} machines of 2 CPUs behind a load balancer")
    summary, whole = summary_of(result), " ".join(text_of(recommendation_document(result)).split())
    assert "NOT keep up" in summary and f"{found.machines} machines behind a load balancer" in summary
    assert found.server is not None and f"On each:  {found.server.command}" in summary
    assert f"on each of {found.machines} machines, if it is a web service" in whole


@pytest.mark.parametrize(("rate", "verdict"), [(200, "right"), (2000, "breaks")])
def test_of_today_it_breaks_only_what_no_number_of_processes_here_mends(rate: float, verdict: str) -> None:
    current = recommended(**SHOP, async_library=False, requests_per_second=rate).current
    assert current is not None and current.verdict == verdict


@settings(max_examples=10)
@given(st.floats(0.1, 5000), st.floats(0.1, 500), st.sampled_from(["cpu", "io", "hybrid"]))
def test_what_is_planned_has_room(rate: float, cpu: float, kind: str) -> None:
    found = capacity(service(rate, cpu_ms_per_task=cpu, workload_type=kind))
    if found.processes is not None and found.utilisation is not None:
        assert found.utilisation / (found.machines or 1) <= PLANNED * 1.01
    if found.machines is not None and found.cpus_needed is not None:
        assert found.cpus_needed <= found.machines * 4 * 1.01


@pytest.mark.parametrize(
    "fields",
    [
        {"requests_per_second": None, "mode": "service", "concurrency": 10},  # no rate is asked for
        {"gpu": True},  # what its device does is not known
    ],
)
def test_nothing_is_said_where_nothing_is_asked_or_known(fields: dict[str, Any]) -> None:
    assert recommended(**(SERVES | {"requests_per_second": 5} | fields)).capacity is None


def test_cpus_are_not_reckoned_from_a_time_that_is_not_given() -> None:
    found = capacity(service(50, workload_type="io", cpu_ms_per_task=None))
    assert (found.cpus_busy, found.cpus_needed) == (None, None)
    assert found.text.startswith("how many CPUs is not known without cpu_ms_per_task")


def test_one_after_the_other_no_worker_helps() -> None:
    result = service(50, parallelizable=False)
    assert capacity(result).workers is None
    assert capacity(result).text.endswith("at most 1 in flight: no worker more helps")
    assert result.fits.throughput is False


@pytest.mark.parametrize(("required", "enough"), [(20, True), (60, False)])
def test_no_more_is_done_than_those_in_flight_can_be(required: float, enough: bool) -> None:
    result = service(50, requests_per_second=None, mode="service", concurrency=2, throughput_requirement_per_s=required)
    assert result.fits.throughput is enough
    assert capacity(result).text.endswith("at most 2 in flight: no worker more helps") is not enough


def test_memory_takes_machines_too() -> None:
    fields = {"workload_type": "cpu", "cpu_ms_per_task": 100, "requests_per_second": 20, "task_memory_mb": 300}
    roomy, tight = (capacity(recommended(**fields, cpu_cores=8, memory_budget_mb=mb)) for mb in (8000, 800))
    assert roomy.machines == 1
    assert (tight.machines or 0) > 1
    assert "It scales by machines, as the memory budget of one holds no more processes." in tight.details


# Batches --------------------------------------------------------------------------------------------------------------

BATCH: dict[str, Any] = {
    "workload_type": "cpu",
    "tasks": 1000,
    "cpu_ms_per_task": 100,
    "cpu_cores": 4,
    "platform": "linux",
}


def test_a_batch_that_is_in_time() -> None:
    result = recommended(**BATCH, finish_within_s=60)
    assert result.fits.deadline is True
    assert capacity(result).utilisation == pytest.approx((result.expected.seconds or 0) / 60, rel=0.01)
    assert capacity(result).text == "1.9 of 4 CPUs busy; this machine does it in time"
    assert "deadline met (" in summary_of(result)


def test_a_batch_that_takes_more_machines() -> None:
    result = recommended(**BATCH, finish_within_s=5)
    found = capacity(result)
    assert found.cpus_busy == pytest.approx(20)
    assert result.cluster is not None
    assert found.machines == result.cluster.machines >= 7  # more, as the workers of an engine have to start
    assert result.approach == "distributed"


def test_a_rate_that_a_batch_must_reach() -> None:
    met, not_met = (recommended(**BATCH, throughput_requirement_per_s=rate) for rate in (20, 39.9))
    assert (met.fits.throughput, not_met.fits.throughput) == (True, False)
    assert "20/s met" in summary_of(met)
    assert "39.9/s NOT met" in summary_of(not_met)


# In words -------------------------------------------------------------------------------------------------------------


def test_what_arrives_is_set_against_what_it_can_do() -> None:
    text = " ".join(text_of(recommendation_document(service(40))).split())
    assert "40 requests/s arrive, 21 % of the 190/s it can do; 95 % within" in text
    assert "keeps up with 40/s" in text
    assert "Capacity: 0.21 of 4 CPUs busy; planned for 75 %: one process does" in text
    assert "9.5 times at 95 % (M/D/1)" in text


def test_what_does_not_keep_up_is_told_so() -> None:
    text = " ".join(summary_of(service(150, parallelizable=False)).split())
    assert "does NOT keep up: 150/s arrive, it can do" in text
    assert "latency 1 s NOT met" in text


@pytest.mark.parametrize("rate", [50, 400, 3000])
def test_the_summary_stays_short(rate: float) -> None:
    lines = summary_of(service(rate, memory_budget_mb=512, task_memory_mb=2)).splitlines()
    assert len(lines) <= 11
    assert all(len(line) <= 80 for line in lines)
    assert any(line.startswith("Capacity:") for line in lines)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mode": "batch", "requests_per_second": 50}, "requests_per_second does not count, as mode is batch"),
        ({"mode": "service", "finish_within_s": 50}, "finish_within_s does not count, as a service has no end"),
        ({"mode": "service", "requests_per_second": 50}, None),
        ({"finish_within_s": 50, "tasks": 10}, None),
    ],
)
def test_a_field_that_does_not_apply_is_told(fields: dict[str, Any], said: str | None) -> None:
    result = recommended(workload_type="io", io_wait_ms_per_task=20, **fields)
    assert [note.partition(":")[0] for note in result.notes] == ([said] if said else [])
    assert ("Note:" in summary_of(result)) == bool(said)


def test_an_answer_survives_json() -> None:
    result = service(50)
    assert Recommendation.model_validate_json(result.model_dump_json()) == result


# Servers --------------------------------------------------------------------------------------------------------------


def test_a_loop_is_run_by_as_many_workers_as_it_takes_processes() -> None:
    few, many = capacity(service(20)), capacity(service(170))
    assert few.server is not None and many.server is not None
    assert (few.server.name, few.server.workers, few.server.threads) == ("uvicorn", 1, None)
    assert few.server.command == "uvicorn app:app --workers 1"
    assert {other.name for other in few.other_servers} >= {"gunicorn (asgi)", "granian", "hypercorn"}


def test_blocking_code_without_a_loop_is_run_in_threads() -> None:
    result = service(50, event_loop=False, async_library=False, workload_type="io", cpu_ms_per_task=1)
    server = capacity(result).server
    assert result.approach == "threads"
    assert server is not None and server.threads == result.workers
    assert server.command == f"gunicorn app:app --worker-class gthread --workers 1 --threads {result.workers}"


def test_blocking_calls_beside_a_loop_need_its_pool_of_threads() -> None:
    server = capacity(service(50, async_library=False, workload_type="io", cpu_ms_per_task=1)).server
    assert server is not None and "FastAPI" in server.note


def test_computing_without_a_loop_is_run_by_prefork_workers() -> None:
    result = recommended(
        workload_type="cpu", cpu_ms_per_task=100, requests_per_second=20, cpu_cores=8, platform="linux"
    )
    found = capacity(result)
    assert result.approach == "multiprocessing"
    assert found.server is not None
    assert (found.workers, result.workers) == (4, 8)  # 4 would do; what is recommended and measured is one for each CPU
    assert found.server.command == "gunicorn app:app --workers 8"


def test_there_is_no_gunicorn_on_windows() -> None:
    found = capacity(service(50, event_loop=False, async_library=False, workload_type="io", platform="windows"))
    assert found.server is not None
    assert found.server.name == "waitress"


def test_memory_of_a_worker_has_its_start_up_and_the_tasks_in_flight() -> None:
    bare, loaded = (
        capacity(service(50, event_loop=False, async_library=False, workload_type="io", **fields)).server
        for fields in ({}, {"has_expensive_startup": True, "startup_memory_mb": 100, "task_memory_mb": 10})
    )
    assert bare is not None and loaded is not None
    assert loaded.worker_memory_mb >= bare.worker_memory_mb + 110


@pytest.mark.parametrize("rate", [5e-324, 1e12])
@pytest.mark.parametrize("cpu", [0.0, 5e-324, 1e12])
def test_no_figure_is_too_small_or_too_large(rate: float, cpu: float) -> None:
    for result in (
        service(rate, cpu_ms_per_task=cpu, io_wait_ms_per_task=cpu),
        recommended(workload_type="cpu", tasks=10**12, cpu_ms_per_task=cpu, finish_within_s=rate),
    ):
        assert Recommendation.model_validate_json(result.model_dump_json()) == result
        assert summary_of(result)


def test_what_cannot_be_divided_needs_no_machines() -> None:
    fields = {"workload_type": "cpu", "tasks": 1000, "cpu_ms_per_task": 10, "finish_within_s": 1}
    alone = recommended(**fields, parallelizable=False)
    assert (alone.capacity, alone.approach) == (None, "single_threaded")
    assert alone.fits.deadline is False
