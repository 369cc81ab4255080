"""What to bear in mind when reading the figures."""

from __future__ import annotations

from typing import Any

import pytest
from events import Row, baseline, control, figures, run, steady
from judging import FREE, SINGLE, THREADING, THREADS, WAITING, found, having, judged, knowledge, recommended

from selector.validation import validate_results

pytestmark = pytest.mark.one_python


def test_warnings_of_the_caller_come_first_and_once() -> None:
    report = judged(
        [baseline(3.2), control(3.2), steady(THREADS, 0.2)], warnings=["The battery is low.", "The battery is low."]
    )
    assert report.warnings == ("The battery is low.",)


def test_short_cells_few_runs_and_unknown_noise() -> None:
    brief = Row(THREADS, (0.02, 0.02), figures=figures(short=True))
    report = judged([Row(SINGLE, (3.0,), "baseline"), brief], ended="interrupted")
    assert report.noise_floor is None
    assert having(report.warnings, "Under 100 ms of steady work in threads")
    assert having(report.warnings, "Fewer than 3 runs of threads")
    assert having(report.warnings, "How noisy this host is could not be measured; 10 % is assumed.")
    assert having(report.warnings, "The run was interrupted")
    assert report.verdict == "confirmed"


def test_a_gil_that_came_back_is_told() -> None:
    rows = [baseline(), control(), steady(FREE, 0.5, interpreter="3.14t", figures=figures(gil_enabled=True))]
    assert having(judged(rows, THREADING).warnings, "The GIL was on in a free-threaded build, in free-threaded Python")


@pytest.mark.parametrize(("tasks", "words"), [(64, "weighs more"), (2000, "weighs less")])
def test_another_number_of_tasks_is_told(tasks: int, words: str) -> None:
    report = judged([baseline(), steady(THREADS, 0.5)], tasks=tasks, tasks_asked=1000)
    assert having(report.warnings, f"{tasks:,} tasks were measured, the profile says 1,000: start-up {words}")
    assert (report.tasks, report.tasks_asked, report.task_cpu_ms) == (tasks, 1000, 10)


@pytest.mark.parametrize(("concurrency", "told"), [(500, True), (50, False), (None, False)])
def test_fewer_tasks_than_would_be_in_flight_are_told(concurrency: int | None, told: bool) -> None:
    result = recommended(WAITING).model_copy(
        update={"profile": WAITING.model_copy(update={"concurrency": concurrency})}
    )
    report = judged([baseline(), steady(THREADS, 0.5)], result=result, tasks_asked=1000)
    assert bool(having(report.warnings, "With 64 tasks no more than that were in flight", "500")) == told


@pytest.mark.parametrize(
    ("assumed", "words"),
    [(("TASKS",), "tasks was assumed"), (("TASKS", "CPU_MS_PER_TASK"), "tasks and cpu_ms_per_task were assumed")],
)
def test_what_was_assumed_is_told(assumed: tuple[str, ...], words: str) -> None:
    report = judged([baseline(), steady(THREADS, 0.5)], assumed=assumed)
    assert having(report.warnings, words)
    assert report.assumed == assumed


def test_a_script_for_another_recommendation_is_told() -> None:
    assert having(
        judged([baseline(), steady(THREADS, 0.5)], recommended="asyncio").warnings, "another recommendation (asyncio)"
    )
    assert not having(
        judged([baseline(), steady(THREADS, 0.5)], recommended=THREADS).warnings, "another recommendation"
    )


def test_reasons_of_a_page_become_a_line() -> None:
    session = run([baseline(), Row(THREADS, ("error",))])
    page = session.cells[-1].model_copy(update={"reason": "Traceback\n  line\n" * 50})
    report = validate_results(recommended(WAITING), session._replace(cells=(*session.cells[:-1], page)), knowledge())
    assert "\n" not in report.reason
    assert len(report.reason) < 300
    assert report.reason.endswith("...")


def raising(raised: int, calls: int = 40, first: str = "ValueError: bad 0") -> dict[str, Any]:
    return figures(batch=calls, raised=raised, raised_first=first if raised else "")


def test_calls_that_raised_are_counted_once_where_that_is_alike() -> None:
    rows = [steady(SINGLE, 1.0, role="baseline", figures=raising(10)), steady(THREADS, 0.5, figures=raising(11))]
    report = judged(rows)
    runs = sum(len(row.seconds) for row in rows)
    calls = f"{10.5 * runs:.0f} of the {40 * runs} calls that were timed raised"
    assert having(report.warnings, f"{calls}, about as many in every approach, such as ValueError: bad 0.")
    assert (found(report, THREADS).raised, found(report, THREADS).calls) == (11 * runs / 2, 40 * runs / 2)
    assert not having(judged([baseline(), steady(THREADS, 0.5)]).warnings, "raised")


def test_calls_that_raise_in_one_approach_alone_are_told_of_each() -> None:
    rows = [steady(SINGLE, 1.0, role="baseline", figures=raising(0)), steady(THREADS, 0.5, figures=raising(20))]
    told = having(judged(rows).warnings, "not as many in every approach, such as ValueError: bad 0.")
    assert told and "single-threaded 0 of 240 and threads 120 of 240" in told[0]
