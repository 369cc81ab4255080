"""Why the winner won, in sentences on traits and measured numbers."""

from __future__ import annotations

import pytest
from events import Row, baseline, control, figures, steady
from judging import COMPUTING, FREE, PROCESSES, SINGLE, THREADING, THREADS, found, having, judged, recommended

pytestmark = pytest.mark.one_python


def test_the_analysis_tells_why() -> None:
    rows = [
        baseline(0.64, figures=figures(98, 15, cpu_seconds=0.64)), control(0.64),
        steady(FREE, 0.34, interpreter="3.14t", workers=2, figures=figures(190, 22, gil_enabled=False)),
        steady(PROCESSES, 0.55, workers=2, figures=figures(170, 44, 0.16)),
        steady(THREADS, 0.66, workers=2, figures=figures(101, 16)),
    ]  # fmt: skip
    report = judged(rows, THREADING)
    assert report.verdict == "confirmed"
    assert report.analysis[0].startswith(
        "The fastest was free-threaded Python: 340 ms, 1.88x as fast as single-threaded (1.8"
    )
    assert report.analysis[0].endswith("1.62x as fast as multiprocessing, the next.")
    assert report.analysis[1:] == (
        "Free-threaded Python kept 1.9 of 2 CPUs busy.",
        "Free-threaded Python needed 22 MB at its peak, 7 MB more than single-threaded.",
        "Threads kept 1.0 of 2 CPUs busy with 2 workers: the GIL lets one compute at a time.",
        "Multiprocessing spent 160 ms of 550 ms on starting its workers.",
    )


def test_the_analysis_of_waits_that_overlap() -> None:
    rows = [baseline(3.2, figures=figures(2, 15)), steady(THREADS, 0.1, workers=32, figures=figures(30, 15.5))]
    report = judged(rows, task_ms=(50.0, 0.2))
    assert "Threads kept 30 % of one CPU busy: its time is waiting, and the waits overlapped." in report.analysis
    assert "Threads needed 15.5 MB at its peak, no more than single-threaded." in report.analysis
    assert report.analysis[0].endswith("32.0x as fast as single-threaded (31.5x to 32.5x), the next.")


def test_the_analysis_of_an_uneven_pool_that_mostly_starts() -> None:
    uneven = steady(PROCESSES, 0.3, workers=2, figures=figures(120, 40, 0.2, imbalance=1.5))
    report = judged([baseline(0.6), control(0.6), uneven], COMPUTING, cpus=1)
    assert (
        "The start-up of multiprocessing was 67 % of its time (200 ms), which more tasks would spread."
        in report.analysis
    )
    assert (
        "The busiest worker of multiprocessing did 1.50x the mean of the work: smaller pieces would even that out."
        in report.analysis
    )
    assert "Multiprocessing kept the CPU busy for 120 % of the time." in report.analysis
    assert found(report, PROCESSES).oversubscribed


def test_the_analysis_of_processes_that_burn_time() -> None:
    rows = [
        baseline(0.6, figures=figures(cpu_seconds=0.6)), control(0.6), steady(THREADS, 0.3, figures=figures()),
        steady("asyncio_processes", 0.5, figures=figures(cpu_seconds=1.2)),
    ]  # fmt: skip
    report = judged(rows)
    assert having(report.analysis, "asyncio + processes used 2.0x the CPU time of single-threaded: starting workers")


def test_the_gil_is_not_blamed_for_code_that_releases_it_or_waits() -> None:
    rows = [baseline(0.6), control(0.6), steady(THREADS, 0.7, workers=2, figures=figures(100)), steady(PROCESSES, 0.4)]
    assert having(judged(rows, COMPUTING).analysis, "the GIL")
    native = recommended(COMPUTING).model_copy(update={"profile": COMPUTING.model_copy(update={"releases_gil": True})})
    assert not having(judged(rows, result=native).analysis, "the GIL")
    assert not having(judged(rows, COMPUTING, task_ms=(50.0, 5.0)).analysis, "the GIL")
    assert not having(judged(rows, COMPUTING, cpus=1).analysis, "the GIL")
    unknown = [*rows[:2], steady(THREADS, 0.7, workers=2), rows[3]]
    assert not having(judged(unknown, COMPUTING).analysis, "the GIL")


def test_times_without_any_scatter_have_a_range_of_one_point() -> None:
    report = judged([Row(SINGLE, (1.0,) * 6, "baseline"), Row(THREADS, (0.2,) * 6)])
    assert (
        report.analysis[0]
        == "The fastest was threads: 200 ms, 5.00x as fast as single-threaded (5.00x to 5.00x), the next."
    )


def test_there_is_an_analysis_of_the_baseline_too() -> None:
    report = judged([baseline(0.3, figures=figures()), control(0.3), steady(PROCESSES, 0.5)], COMPUTING)
    assert (report.verdict, report.winner) == ("refuted", SINGLE)
    assert report.analysis[0] == "The fastest was single-threaded: 300 ms, 1.67x as fast as multiprocessing, the next."
