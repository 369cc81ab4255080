"""Runs that allow for no verdict: work that could not be made, others that took CPUs, too few runs."""

from __future__ import annotations

from typing import Any

import pytest
from events import Row, baseline, control, figures, run, steady
from judging import COMPUTING, FREE, PROCESSES, SINGLE, THREADS, WAITING, found, having, judged, knowledge, recommended

from selector.validation import validate_results
from selector.workload.profile import WorkloadProfile

pytestmark = pytest.mark.one_python


def beside(taken: float, cpu: float, **more: Any) -> dict[str, Any]:
    """What a cell says that ran beside others: how many CPUs they took, and how much of one it got itself (in %)."""
    return figures(cpu=cpu, cpus_taken=taken, **more)


def test_a_task_that_could_not_be_made_gives_no_verdict() -> None:
    rows = [baseline(), control(), steady(PROCESSES, 0.5, workers=2)]
    report = judged(rows, COMPUTING, made_cpu_ms=7.1)
    assert (report.verdict, report.winner, report.analysis, report.scalability) == ("inconclusive", None, (), None)
    assert report.reason == (
        "A task that computes for 10 ms could not be made here: what was made takes 7.1 ms of CPU time."
    )
    assert report.advice == ("Validate again when the machine is quiet.",)
    assert judged(rows, COMPUTING, made_cpu_ms=10.9).verdict == "confirmed"


def test_processes_that_others_held_back_do_not_lose() -> None:
    """One busy process on two CPUs leaves two workers 1.33x instead of 2x, or less where it is unfair."""
    alone, crowded = beside(1.0, 99.0), beside(1.0, 100.0)
    rows = [
        baseline(1.0, figures=alone), control(1.0), steady(PROCESSES, 1.05, workers=2, figures=crowded),
        steady(THREADS, 1.0, workers=2, figures=alone),
    ]  # fmt: skip
    report = judged(rows, COMPUTING, others=("stress (process 42)",))
    assert (report.verdict, report.winner, report.cpus_taken) == ("inconclusive", None, 1.0)
    assert report.reason == (
        "Other programs took 1.0 of 2 CPUs meanwhile; the busiest on this machine: stress (process 42)."
        " Multiprocessing took 1.05 s beside them and may take as little as 446 ms alone."
    )
    assert report.advice == ("Close what else computes, or wait until it is done, and validate again.",)
    quiet = [row._replace(figures=figures(cpu=100.0, cpus_taken=0.1)) for row in rows]
    assert judged(quiet, COMPUTING).verdict != "inconclusive"


@pytest.mark.parametrize(("beside_plain", "doubtful"), [(0.03, False), (0.4, True)])
def test_a_server_on_this_machine_that_answers_the_work_is_no_other_program(
    beside_plain: float, doubtful: bool
) -> None:
    """It has little to do beside one task at a time, and more where many ask at once; another program runs beside all."""
    waiting = WorkloadProfile(
        workload_type="io", tasks=64, cpu_ms_per_task=1, io_wait_ms_per_task=20, async_library=False, concurrency=32
    )
    assert recommended(waiting).approach == THREADS
    asking, elsewhere = figures(cpu=60.0, cpus_taken=0.1), figures(cpu=60.0, cpus_taken=0.4)
    rows = [
        baseline(1.4, figures=figures(cpu=5.0, cpus_taken=beside_plain)),
        steady(THREADS, 0.1, workers=32, figures=asking),
        steady("asyncio_threads", 0.1, workers=32, figures=asking),
        steady("multiprocessing", 0.1, workers=8, figures=elsewhere),
    ]
    assert (judged(rows, waiting).verdict == "inconclusive") == doubtful


def test_a_rival_that_others_held_back_confirms_nothing() -> None:
    single = COMPUTING.model_copy(update={"tasks": 64, "cpu_ms_per_task": 2})
    assert recommended(single).approach == SINGLE
    rows = [baseline(1.0, figures=beside(1.0, 99.0)), steady(PROCESSES, 1.2, workers=2, figures=beside(1.0, 100.0))]
    assert judged(rows, single).verdict == "inconclusive"
    unknown = [row._replace(figures=figures()) for row in rows]  # elsewhere than on Linux nobody can say
    assert judged(unknown, single).verdict == "confirmed"


def test_a_rival_that_is_ruled_out_raises_no_doubt_however_fast_it_may_be_alone() -> None:
    profile = COMPUTING.model_copy(update={"picklable": False, "free_threading_ready": True})
    assert recommended(profile).approach == FREE
    rows = [
        baseline(1.0, figures=beside(0.1, 99.0)), control(1.0),
        steady(FREE, 0.5, interpreter="3.14t", workers=2, figures=beside(0.1, 195.0)),
        steady(PROCESSES, 0.7, workers=2, figures=beside(1.0, 100.0)),
    ]  # fmt: skip
    assert judged(rows, profile).verdict == "confirmed"


def test_what_would_hold_without_the_others_too_is_a_verdict() -> None:
    """Waits hardly need a CPU, and processes that win beside others win by more without them."""
    waits = [
        baseline(3.2, figures=beside(1.0, 2.0)), control(3.2), steady(THREADS, 0.1, figures=beside(1.0, 8.0)),
        steady("asyncio", 0.2, figures=beside(1.0, 5.0)),
    ]  # fmt: skip
    report = judged(waits)
    assert report.verdict == "confirmed"
    assert not having(report.warnings, "would hold")
    wins = [
        baseline(1.0, figures=beside(1.0, 99.0)),
        control(1.0),
        steady(PROCESSES, 0.7, workers=2, figures=beside(1.0, 130.0)),
    ]
    report = judged(wins, COMPUTING)
    assert report.verdict == "confirmed"
    assert having(report.warnings, "Other programs took 1.0 of 2 CPUs meanwhile.", "might be faster.")


def test_runs_that_nobody_disturbed_are_preferred() -> None:
    session = run([baseline(), control(), steady(PROCESSES, 0.5, workers=2)])
    busy = [Row(PROCESSES, workers=2, figures=beside(1.5, 60.0)).cell(9, 2, 1.8) for _ in range(9)]
    quiet = [c.model_copy(update={"cpus_taken": 0.0, "cpu_percent": 190.0}) for c in session.cells]
    report = validate_results(recommended(COMPUTING), session._replace(cells=(*quiet, *busy)), knowledge())
    assert (found(report, PROCESSES).samples, report.verdict, report.cpus_taken) == (6, "confirmed", 0.0)


def test_too_few_runs_give_no_verdict_but_where_the_difference_is_no_accident() -> None:
    rows = [Row(SINGLE, (1.0, 1.0), "baseline"), Row(PROCESSES, (1.46, 1.46), workers=2)]
    report = judged(rows, COMPUTING, ended="budget")
    assert (report.verdict, report.winner) == ("inconclusive", None)
    assert report.reason == (
        "In 60 s multiprocessing ran twice and single-threaded ran twice, and 3 runs of each are the least that tells"
        " them apart."
    )
    assert report.advice == ("Give it more time (--budget 180s) or fewer tasks (--set tasks=N).",)
    clear = [Row(SINGLE, (1.0,), "baseline"), steady(PROCESSES, 0.5 / 1.02, workers=2)]
    assert judged(clear, COMPUTING).verdict == "confirmed"
    near = [Row(SINGLE, (1.0,), "baseline"), steady(PROCESSES, 0.6, workers=2)]
    assert judged(near, COMPUTING).verdict == "inconclusive"


def test_a_service_gets_no_verdict_on_latency_from_a_batch() -> None:
    service = WAITING.model_copy(update={"mode": "service", "latency_requirement_ms": 10.0})
    report = judged(
        [baseline(3.2), control(3.2), steady(recommended(service).approach, 0.2, figures=figures())], service
    )
    assert report.latency is not None and (report.latency.measured, report.latency.met) == (None, None)
    assert having(report.warnings, "not requests that arrive")
    batch = WAITING.model_copy(update={"latency_requirement_ms": 10.0})
    answer = steady(recommended(batch).approach, 0.2, figures=figures())
    judged_batch = judged([baseline(3.2), control(3.2), answer], batch)
    assert judged_batch.latency is not None and judged_batch.latency.met is False


def test_what_runs_today_is_held_against_the_recommendation() -> None:
    profile = WAITING.model_copy(update={"current_approach": "asyncio_processes"})
    assert recommended(profile).approach == "asyncio"
    rows = [baseline(3.2), control(3.2), steady("asyncio", 0.1), steady("asyncio_processes", 0.2)]
    report = judged(rows, profile)
    assert having(
        report.analysis, "asyncio + processes, which runs today, took 200 ms, 2.0x as long as the recommended"
    )
    rows[-1] = steady("asyncio_processes", 0.1)
    assert having(judged(rows, profile).analysis, "which runs today", "within the noise: it may stay.")
