"""A service measured as one: what sends the requests, the servers, and the verdict on made-up figures."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest
from judging import found, having
from served import API, PLAIN, judged_service, serves
from template_modules import template_module

from selector.report.markdown import render_markdown
from selector.report.validation import validation_document

# What sends the requests ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def arrivals() -> Iterator[ModuleType]:
    with template_module("arrivals") as module:
        yield module


def test_requests_are_planned_at_random_and_the_same_again(arrivals: ModuleType) -> None:
    planned = arrivals._planned_moments(200.0, 5.0, 7)
    assert planned == sorted(planned) == arrivals._planned_moments(200.0, 5.0, 7)
    assert len(planned) == 1000 and 0 <= planned[0] < planned[-1] <= 5
    gaps = [after - before for before, after in pairwise(planned)]
    assert sum(gap < 0.0025 for gap in gaps) / len(gaps) == pytest.approx(0.39, abs=0.05)  # 1 - exp(-1/2)
    assert len(arrivals._planned_moments(0.1, 1.0, 7)) == 1


def row_of(arrivals: ModuleType, latencies: Sequence[float | None], seconds: float = 10.0) -> dict[str, Any]:
    """The row of requests that are planned evenly, each with its latency in seconds; None: not answered."""
    planned = [seconds * number / len(latencies) for number in range(len(latencies))]
    done = {n: planned[n] + took for n, took in enumerate(latencies) if took is not None}
    row: dict[str, Any] = arrivals._as_row(planned, done, [0.0] * len(planned), seconds)
    return row


def test_a_latency_runs_from_the_planned_arrival(arrivals: ModuleType) -> None:
    steady = row_of(arrivals, [0.05] * 1000)
    assert (steady["kept_up"], steady["errors"], steady["requests"]) == (True, 0, 1000)
    assert [steady[p] for p in ("p50_ms", "p95_ms", "p99_ms")] == pytest.approx([50.0] * 3)
    stalled = [max(0.05, 0.05 + 1.0 - number * 0.01) if number < 100 else 0.05 for number in range(100)]
    behind = row_of(arrivals, [*[0.05] * 100, *stalled, *[0.05] * 50], 2.5)  # all who came meanwhile have waited
    assert behind["p95_ms"] > 800


def test_a_server_that_falls_behind_is_told_from_one_that_does_not(arrivals: ModuleType) -> None:
    slower = row_of(arrivals, [0.01 + 0.002 * number for number in range(1000)])  # does 100 while 120 come
    assert not slower["kept_up"]
    assert slower["done_per_s"] < 95
    some_lost = row_of(arrivals, [0.05 if number % 10 else None for number in range(1000)])
    assert (some_lost["kept_up"], some_lost["errors"]) == (False, 100)
    none = row_of(arrivals, [None] * 10)
    assert (none["p95_ms"], none["errors"], none["kept_up"]) == (None, 10, False)


def test_the_most_that_is_done_is_told_from_bursts(arrivals: ModuleType) -> None:
    steady = [0.01 * number for number in range(1, 101)]
    assert arrivals._rate_of(steady, 0.1, 0.5) == pytest.approx(100, rel=0.03)
    bursts = [0.1 * (1 + number // 50) + 1e-5 * (number % 50) for number in range(250)]  # fifty at once, each 0.1 s
    assert arrivals._rate_of(bursts, 0.15, 0.55) == pytest.approx(500, rel=0.01)
    at_the_end = [0.3 + 1e-5 * number for number in range(150)]  # nothing between, and all at once then
    assert arrivals._rate_of(at_the_end, 0.1, 0.5) == pytest.approx(375)
    assert (arrivals._rate_of([], 0.1, 0.5), arrivals._rate_of([0.5], 0.6, 1.0)) == (0.0, 2.0)


# The servers ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(name: str, milliseconds: float) -> Iterator[int]:
    """The port of a server of that kind in a thread of this process, whose work takes that long."""
    with template_module("servers") as servers:

        async def work_async(item: object) -> None:
            import asyncio

            await asyncio.sleep(milliseconds / 1000)

        def work(item: object) -> None:
            time.sleep(milliseconds / 1000)

        listener, ready = servers.listening(), threading.Event()
        serving = servers.Serving(None, work, work_async, lambda settings: None, {}, 3)
        run = servers.SERVERS[name].serve
        threading.Thread(target=run, args=(listener, serving, ready.set), daemon=True).start()
        assert ready.wait(10)
        yield listener.getsockname()[1]


def test_a_server_is_served_in_as_many_processes_as_there_are_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with template_module("servers") as servers:
        asked: list[Any] = []
        monkeypatch.setattr(servers, "in_processes", lambda *of: asked.append(of))
        alone = servers.Serving(None, str, str, print, {}, 3)
        for processes in (1, 2):
            serving = alone._replace(processes=processes)
            servers.serve_in(lambda *of: asked.append(of), None, serving, print)
        servers.prefork(None, alone, print)
    assert [len(of) for of in asked] == [3, 5, 5]
    assert (asked[1][1], asked[2][1]) == (2, 3)  # a process for each worker, where that is the approach


@pytest.mark.parametrize("name", ["single_threaded", "threads", "asyncio"])
def test_a_server_answers_and_the_sender_sees_how_long_it_took(arrivals: ModuleType, name: str) -> None:
    with served(name, 5.0) as port:
        row = arrivals._open_loop(port, 40.0, 0.5, 1, 5.0)
        most = arrivals._closed_loop(port, 4, 0.2, 5.0)
    assert (row["errors"], row["requests"]) == (0, 20)
    assert row["p50_ms"] >= 5.0
    assert row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    assert 0 < most["done_per_s"] < 1000 and most["errors"] == 0


def test_nobody_who_answers_is_an_error_and_no_end(arrivals: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        row = arrivals._open_loop(port, 100.0, 0.1, 1, 0.2)
    assert (row["errors"], row["requests"], row["p95_ms"], row["kept_up"]) == (10, 10, None, False)
    gone = arrivals._open_loop(port, 100.0, 0.1, 1, 0.2)
    assert (gone["errors"], gone["kept_up"]) == (10, False)


# The verdict ----------------------------------------------------------------------------------------------------------


def test_who_keeps_up_in_time_and_is_not_beaten_is_confirmed() -> None:
    report = judged_service([PLAIN, serves("asyncio", 24.0, 400.0), serves("threads", 40.0, 300.0)])
    assert (report.verdict, report.winner) == ("confirmed", "asyncio")
    assert report.reason.startswith(
        "asyncio answers 95 of 100 requests in 24 ms at 100 requests a second, threads 40 ms"
    )
    assert report.latency is not None and (report.latency.measured, report.latency.met) == (24.0, True)
    assert having(report.analysis, "do not keep up", "single-threaded (45)")
    assert having(report.analysis, "0.3 ms of CPU time beside its own 2 ms")
    service = found(report, "asyncio").service
    assert [row.rate for row in service.arrivals_per_s] == [50.0, 80.0, 100.0, 120.0]
    assert (service.saturation_per_s, service.open_loop, service.keeps_up) == (400.0, True, True)
    assert all(row.predicted_p95_ms and row.predicted_p95_ms > 22 for row in service.arrivals_per_s)
    assert found(report, "asyncio").speedup == pytest.approx(400 / 45)
    behind = found(report, "single_threaded", "baseline").service
    assert (behind.keeps_up, len(behind.arrivals_per_s)) == (False, 1)


def test_percentiles_are_of_the_requests_of_all_visits_together() -> None:
    """One visit of five with a long queue: it has a fifth of the requests, more than the slowest twentieth."""
    asyncio = serves("asyncio", 24.0, 400.0)
    for number, visit in enumerate(asyncio.visits):
        for row in visit["service"]["arrivals_per_s"]:
            row["latencies_ms"] = (50.0, 90.0) if number == 0 else (20.0, 24.0)
    report = judged_service([PLAIN, asyncio, serves("threads", 200.0, 300.0)])
    row = found(report, "asyncio").service.arrivals_per_s[2]
    assert (row.p50_ms, row.p95_ms, row.p99_ms) == (24.0, 90.0, 90.0)
    assert report.latency is not None and report.latency.measured == pytest.approx(90.0)
    assert report.reason.startswith("asyncio answers 95 of 100 requests in 90 ms")


def test_what_ran_in_several_processes_is_named_so_and_predicted_so() -> None:
    loops = serves("asyncio", 24.0, 400.0)._replace(processes=2)
    report = judged_service([PLAIN, loops, serves("threads", 40.0, 300.0)])
    assert report.reason.startswith("asyncio in 2 processes answers 95 of 100 requests in 24 ms")
    measured = found(report, "asyncio")
    assert (measured.processes, found(report, "threads").processes) == (2, 1)
    one = found(judged_service([PLAIN, serves("asyncio", 24.0, 400.0)]), "asyncio").service
    assert measured.service.predicted_saturation_per_s > 1.7 * one.predicted_saturation_per_s
    page = render_markdown(validation_document(report))
    assert "| 2 x 1 |" in page and "asyncio in 2 processes on 3.14: most, per s" in page


def test_who_falls_behind_while_another_keeps_up_is_refuted() -> None:
    report = judged_service([PLAIN, serves("asyncio", 300.0, 80.0), serves("threads", 40.0, 300.0)])
    assert (report.verdict, report.winner) == ("refuted", "threads")
    assert report.reason.startswith("asyncio does not keep up with 100 requests a second: it does 80. Threads keeps up")
    assert report.latency is not None and (report.latency.measured, report.latency.met) == (None, False)


def test_where_none_keeps_up_a_promise_is_broken_and_who_does_most_is_named() -> None:
    report = judged_service([PLAIN, serves("asyncio", 300.0, 80.0), serves("threads", 400.0, 60.0)])
    assert (report.verdict, report.winner) == ("refuted", "asyncio")  # it was to keep up
    assert report.reason.endswith("were expected of it.") and not having(report.advice, "Take ")
    assert having(report.advice, "it takes about 2 such machines")
    report = judged_service([PLAIN, serves("asyncio", 300.0, 60.0), serves("threads", 400.0, 90.0)])
    assert (report.verdict, report.winner) == ("refuted", "threads")


def test_a_clearly_lower_p95_refutes_and_one_within_the_noise_does_not() -> None:
    slower = judged_service([PLAIN, serves("asyncio", 60.0, 400.0), serves("threads", 24.0, 300.0)])
    assert (slower.verdict, slower.winner) == ("refuted", "threads")
    alike = judged_service([PLAIN, serves("asyncio", 24.1, 400.0), serves("threads", 24.0, 300.0)])
    assert alike.verdict == "tie" and alike.reason.endswith("Take asyncio, the simpler of the two.")


def test_a_tie_with_what_is_more_complex_names_the_simpler_one_throughout() -> None:
    slow, fast = serves("asyncio_processes", 30.0, 300.0), serves("asyncio_processes", 17.0, 300.0)
    shaky = fast._replace(visits=fast.visits[:3] + slow.visits[:2])
    report = judged_service([PLAIN, serves("asyncio", 24.1, 400.0), shaky])
    assert (report.verdict, report.winner) == ("tie", "asyncio"), report.reason
    assert report.reason.endswith("Take asyncio, the simpler of the two.") and not having(report.advice, "Take ")


def test_a_more_complex_approach_that_answers_less_than_twice_as_soon_does_not_refute() -> None:
    sooner = judged_service([PLAIN, serves("asyncio", 40.0, 400.0), serves("asyncio_processes", 24.0, 300.0)])
    assert sooner.verdict == "confirmed"
    assert sooner.reason.endswith("to answer up to 2x sooner does not pay for the added complexity.")
    far = judged_service([PLAIN, serves("asyncio", 60.0, 400.0), serves("asyncio_processes", 24.0, 300.0)])
    assert (far.verdict, far.winner) == ("refuted", "asyncio_processes")


@pytest.mark.parametrize(("current", "verdict"), [(None, "confirmed"), ("threads", "refuted")])
def test_where_nothing_runs_yet_no_approach_is_nearer_than_the_recommended_one(current: Any, verdict: str) -> None:
    rows = [PLAIN, serves("asyncio", 35.0, 400.0), serves("threads", 24.0, 300.0)]
    assert judged_service(rows, API.model_copy(update={"current_approach": current})).verdict == verdict


def test_who_is_late_while_another_is_in_time_is_refuted() -> None:
    report = judged_service([PLAIN, serves("asyncio", 110.0, 400.0), serves("threads", 95.0, 300.0)])
    assert (report.verdict, report.winner) == ("refuted", "threads")
    assert "over the 100 ms that are allowed" in report.reason
    assert report.latency is not None and report.latency.met is False


def test_beside_other_programs_there_is_no_verdict_that_they_may_have_turned() -> None:
    busy: dict[str, Any] = {"cpus_taken": 1.2}
    behind = judged_service([PLAIN, serves("asyncio", 300.0, 80.0, **busy), serves("threads", 40.0, 300.0)])
    assert behind.verdict == "inconclusive" and "may keep up" in behind.reason
    plain = serves("single_threaded", 5000.0, 30.0, **busy)  # of 22 ms each it cannot do more than 45, whoever is there
    kept = judged_service([plain, serves("asyncio", 24.0, 400.0)])
    assert kept.verdict == "confirmed" and "no other approach keeps up" in kept.reason
    late = judged_service([PLAIN, serves("asyncio", 110.0, 400.0, **busy), serves("threads", 95.0, 300.0)])
    assert late.verdict == "inconclusive" and "may answer in time" in late.reason
    slower = judged_service([PLAIN, serves("asyncio", 60.0, 400.0, **busy), serves("threads", 24.0, 300.0)])
    assert slower.verdict == "inconclusive"


def test_where_every_request_took_far_more_cpu_time_than_it_was_made_for_there_is_no_verdict() -> None:
    """Two virtual CPUs that others of the machine share: the same steps took 11 ms at one moment and 17 at another."""
    slow = [serves("single_threaded", 5000.0, 30.0, cpu_ms=3.3), serves("asyncio", 158.0, 240.0, cpu_ms=3.4)]
    report = judged_service(slow)
    assert (report.verdict, report.winner) == ("inconclusive", None)
    assert report.reason.startswith("A request took 1.5 times the CPU time that it was made to take, or more")
    one = [serves("single_threaded", 5000.0, 45.0), serves("asyncio", 30.0, 300.0, cpu_ms=3.4)]
    assert judged_service(one).verdict != "inconclusive"  # it may be what answering costs


def test_what_was_sent_late_is_not_judged() -> None:
    report = judged_service([PLAIN, serves("asyncio", 24.0, 400.0, late_ms=3.0), serves("threads", 40.0, 300.0)])
    assert report.verdict == "inconclusive" and "was late itself, by 3 ms" in report.reason
    (late,) = having(report.warnings, "sent late to ")  # what its Decision says is judged all the same
    assert " a second: their latencies there" in late and "keeps up, does not hang on that" in late
    assert all(row.late for row in found(report, "asyncio").service.arrivals_per_s)
    rival = judged_service([PLAIN, serves("asyncio", 24.0, 400.0), serves("threads", 26.0, 300.0, late_ms=3.0)])
    assert rival.verdict == "inconclusive" and "was late itself" in rival.reason


def test_a_throughput_that_is_required_is_held_against_the_most_that_it_does() -> None:
    asked = API.model_copy(update={"throughput_requirement_per_s": 350.0})
    report = judged_service([PLAIN, serves("asyncio", 24.0, 400.0), serves("threads", 40.0, 300.0)], asked)
    assert report.throughput is not None and (report.throughput.measured, report.throughput.met) == (400.0, True)
    less = judged_service([PLAIN, serves("asyncio", 24.0, 300.0), serves("threads", 40.0, 290.0)], asked)
    assert less.throughput is not None and less.throughput.met is False
