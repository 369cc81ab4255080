"""Services in several processes: when, how many, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest
from example_answers import summary_of
from plans import tables
from printed import text_of
from servers import ASYNCIO_API, HOST, SHOP, capacity, recommended

from selector import Selector, WorkloadProfile
from selector.recommend.chain import Situation
from selector.recommend.facts import HostFacts
from selector.report.recommendation import recommendation_document

pytestmark = pytest.mark.one_python


def test_where_one_process_has_no_room_several_serve() -> None:
    few, many = (recommended(**SHOP, async_library=False, requests_per_second=rate) for rate in (80, 200))
    summary, whole = summary_of(many), " ".join(text_of(recommendation_document(many)).split())
    assert [(r.approach, r.processes) for r in (few, many)] == [("threads", 1), ("threads", 2)]
    assert few.workers < many.workers < 2.5 * few.workers  # each has its half of the requests
    assert (capacity(many).processes, capacity(many).machines, many.fits.throughput) == (2, 1, True)
    assert f"Threads in 2 processes, {many.workers} workers each" in summary
    assert "2 processes do" in summary and f"--workers 2 --threads {many.workers}" in summary
    assert "Each has its own memory" not in summary_of(few)
    assert f"Workers: {many.workers} in each process" in whole and "each has its own memory" in whole
    assert many.current is not None and (many.current.verdict, many.current.text) == (
        "right",
        "It is right in 2 processes.",
    )
    assert [reason.rule for reason in many.reasons if reason.rule.startswith("replicas")] == ["replicas/shared-out"]


def test_a_loop_serves_in_several_processes_too() -> None:
    result = recommended(**(ASYNCIO_API | {"cpu_ms_per_task": 1}), requests_per_second=700)
    assert (result.approach, result.processes, result.workers) == ("asyncio", 2, 1)
    assert capacity(result).server is not None
    assert capacity(result).server.command == "uvicorn app:app --workers 2"  # type: ignore[union-attr]
    assert "Approach: asyncio in 2 processes\n" in summary_of(result)


A_STRANGERS_SHOP: dict[str, Any] = {
    "workload_type": "hybrid", "mode": "service", "cpu_ms_per_task": 4, "io_wait_ms_per_task": 30,
    "requests_per_second": 230, "cpu_cores": 4, "platform": "linux",
}  # fmt: skip


def test_several_answer_sooner_than_as_few_as_have_room() -> None:
    result = recommended(**A_STRANGERS_SHOP)
    assert (result.approach, result.processes) == ("asyncio", 3)
    assert "planned for 75 %: 2 processes do, 3 answer sooner" in capacity(result).text
    assert capacity(result).server.command == "uvicorn app:app --workers 3"  # type: ignore[union-attr]


def test_a_more_complex_approach_that_answers_less_than_twice_as_soon_is_not_worth_it() -> None:
    result = recommended(**A_STRANGERS_SHOP)
    (reason,) = (r for r in result.reasons if r.rule.startswith("speedup_bands"))
    assert (
        reason.rule == "speedup_bands/not-worth-an-earlier-answer"
        and "asyncio_processes is predicted to answer 1." in reason.text
    )
    batch = {"tasks": 5000, "mode": "batch", "requests_per_second": None}
    assert recommended(**A_STRANGERS_SHOP | batch).approach != "asyncio"  # there it is throughput


@pytest.mark.parametrize(("latency", "processes"), [(None, 1), (150, 1), (44, 2), (35, 1)])
def test_several_serve_where_one_would_answer_too_late_if_that_helps(latency: float | None, processes: int) -> None:
    profile = A_STRANGERS_SHOP | {"cpu_ms_per_task": 10, "requests_per_second": 10, "latency_requirement_ms": latency}
    given = {name: value for name, value in profile.items() if value is not None}
    found = {p.approach: p.processes for p in Selector(host=HOST).predict(given)}
    assert (found["threads"], found["asyncio"]) == (
        processes,
        processes,
    )  # a task takes 40 ms, and nobody does it in 35


@pytest.mark.parametrize("ready", [None, True])
def test_a_service_is_put_on_an_experimental_build_only_if_it_is_known_to_be_ready(ready: bool | None) -> None:
    host = HostFacts("linux", 8, (("3.14", "/x/python3.14"), ("3.13t", "/x/python3.13t")))
    profile = WorkloadProfile.model_validate(A_STRANGERS_SHOP | {"free_threading_ready": ready})
    situation = Situation(profile, host, tables())
    objections = [rule.id for rule in situation.candidate("free_threaded").ruled_out]
    assert objections == ([] if ready else ["experimental-build-for-a-service"])


@pytest.mark.parametrize(
    "fields",
    [
        {"shared_state": "hot_writes"},  # what requests write a second process would not see
        {"cpu_cores": 1},
        {"memory_budget_mb": 60, "startup_memory_mb": 30, "has_expensive_startup": True},
        {"concurrency": 1},
        {"workload_type": "cpu", "io_wait_ms_per_task": 0, "requests_per_second": 150},  # processes alone do as much
    ],
)
def test_one_process_stays_where_a_second_is_no_way(fields: dict[str, Any]) -> None:
    profile = SHOP | {"async_library": False, "requests_per_second": 200, "platform": "linux"} | fields
    found = {p.approach: p.processes for p in Selector(host=HOST).predict(profile)}
    assert found["threads"] == 1


@pytest.mark.parametrize("approach", ["single_threaded", "multiprocessing", "asyncio_processes"])
def test_what_is_processes_already_or_would_be_another_approach_is_one(approach: str) -> None:
    found = {p.approach: p.processes for p in Selector(host=HOST).predict(SHOP | {"requests_per_second": 200})}
    assert found[approach] == 1
