"""What the cells of a run come to: each arm, its Python, and the requirements it meets."""

from __future__ import annotations

import pytest
from events import Row, baseline, control, figures, interpreter, run, steady
from judging import (
    COMPUTING,
    FREE,
    PROCESSES,
    SINGLE,
    THREADING,
    THREADS,
    WAITING,
    found,
    having,
    judged,
    knowledge,
    recommended,
)

from selector.validation import validate_results

pytestmark = pytest.mark.one_python

# Interpreters ---------------------------------------------------------------------------------------------------------


def test_the_recommended_arm_is_the_one_on_the_python_that_the_plan_names() -> None:
    pythons = [interpreter("3.13"), interpreter("3.14", reference=True), interpreter("3.14t")]
    rows = [
        baseline(), control(), baseline(1.2, interpreter="3.14t"), baseline(1.1, interpreter="3.13"),
        steady(PROCESSES, 0.6), steady(PROCESSES, 0.55, interpreter="3.13"), steady(PROCESSES, 0.4, interpreter="3.14t"),
    ]  # fmt: skip
    report = judged(rows, COMPUTING, interpreters=pythons)
    assert (report.recommended, report.recommended_interpreter) == (PROCESSES, "3.14")
    assert report.measurements[0].interpreter == "3.14"  # the reference
    assert (report.measurements[1].approach, report.measurements[1].interpreter) == (PROCESSES, "3.14")
    assert report.reason.startswith("Multiprocessing on 3.14 took 600 ms, the fastest here.")
    assert having(report.advice, "Multiprocessing on 3.14t took 400 ms: 1.50x as fast as on 3.14.")
    failing = [*rows[:4], Row(PROCESSES, ("crash",)), *rows[5:]]
    report = judged(failing, COMPUTING, interpreters=pythons)
    assert (report.verdict, report.recommended_interpreter) == ("inconclusive", "3.14")
    assert [m.speedup for m in report.measurements if m.interpreter == "3.14" and m.role == "baseline"] == [1.0]


def test_another_kind_of_python_stands_in_where_the_right_one_has_no_arm() -> None:
    report = judged([baseline(), control(), steady(FREE, 0.5, interpreter="3.14")], THREADING)
    assert (report.verdict, report.recommended_interpreter) == ("confirmed", "3.14")


def test_an_interpreter_that_is_given_by_path_is_named_by_it() -> None:
    report = judged([baseline()], interpreters=[interpreter("3.14", reference=True), interpreter(None, status="error")])
    assert having(report.warnings, "Python /x/pythonNone could not be used: error.")


def test_any_python_will_do_where_the_recommendation_names_none() -> None:
    result = recommended(COMPUTING).model_copy(update={"interpreter": None})
    report = judged([baseline(), control(), steady(PROCESSES, 0.5, interpreter="odd")], result=result)
    assert (report.verdict, report.recommended_interpreter) == ("confirmed", "odd")
    assert found(report, PROCESSES).predicted_seconds is None


# Measurements ---------------------------------------------------------------------------------------------------------


def test_a_measurement_is_the_median_of_its_cells_and_its_largest_peak() -> None:
    cells = [
        Row(
            THREADS, figures=figures(size, size, p95=size, workers_seen=int(size), steady_seconds=size, imbalance=1.0)
        ).cell(number, 1, seconds)
        for number, (size, seconds) in enumerate(((10.0, 0.5), (30.0, 0.4), (20.0, 0.6)))
    ]
    session = run([baseline(2.0), Row(THREADS, workers=4)])
    session = session._replace(cells=(*session.cells, *cells, Row(THREADS).cell(3, 1, "timeout")))
    report = validate_results(recommended(WAITING), session, knowledge())
    m = found(report, THREADS)
    assert m.seconds is not None and (m.seconds.median, m.speedup) == (0.5, pytest.approx(4))
    assert m.seconds.low < 0.5 < m.seconds.high
    assert m.speedup_range is not None and m.speedup_range.low < 4 < m.speedup_range.high
    assert (m.peak_memory_mb, m.memory_metric, m.cpu_percent, m.workers_seen, m.steady_seconds) == (
        30,
        "pss",
        20,
        20,
        20,
    )
    assert (m.task_latency_ms.p95, m.task_latency_ms.p50, m.gil_enabled) == (20, 16, True)
    assert (m.samples, m.failures, m.status, m.reason, m.band) == (3, 1, "ok", "reason 3", "use")
    assert (m.cpu_seconds, m.launch_seconds, m.first_result_seconds) == (None, None, None)
    assert having(report.warnings, "Threads failed in 1 of 4 runs (reason 3).")


def test_the_control_counts_for_the_baseline() -> None:
    report = judged([baseline(1.0), control(1.01), steady(THREADS, 0.5)])
    assert found(report, SINGLE, "baseline").samples == 12
    assert not [m for m in report.measurements if m.role == "control"]
    assert report.noise_floor == pytest.approx(0.03, abs=0.01)


def test_a_baseline_that_ran_once_leaves_the_noise_to_the_arm_that_ran_most() -> None:
    once = [Row(SINGLE, (3.0,), "baseline"), Row(SINGLE, (3.06,), "control")]
    alone = judged([*once, Row(THREADS, (0.2,))]).noise_floor
    beside = judged([*once, steady(THREADS, 0.2)]).noise_floor
    assert alone is None  # two or three runs in all tell nothing
    assert beside == pytest.approx(0.02, abs=0.003)
    apart = judged([once[0], Row(SINGLE, (3.9,), "control"), steady(THREADS, 0.2)]).noise_floor
    assert apart == pytest.approx(0.3)


@pytest.mark.parametrize(("seconds", "band"), [(1.1, "avoid"), (0.9, "stay_simple"), (0.6, "consider"), (0.3, "use")])
def test_the_bands_judge_the_measured_speedup(seconds: float, band: str) -> None:
    report = judged([baseline(1.0), control(1.0), steady(THREADS, seconds)])
    assert found(report, THREADS).band == band
    assert found(report, SINGLE, "baseline").band == "stay_simple"


def test_without_a_baseline_there_are_verdicts_but_no_speedups() -> None:
    for first in ([], [Row(SINGLE, ("crash",), "baseline"), control(1.0)], [Row(SINGLE, (), "baseline")]):
        report = judged([*first, steady(THREADS, 0.2), steady("asyncio", 0.3)])
        m = found(report, THREADS)
        assert (m.speedup, m.speedup_range, m.band) == (None, None, None) or first[1:]
        assert (report.verdict, report.winner) == ("confirmed", THREADS)
        assert report.analysis[0].endswith("1.50x as fast as asyncio, the next.")
        assert report.noise_floor is not None


def test_the_cost_model_predicts_what_was_run() -> None:
    report = judged([baseline(3.2), steady(THREADS, 0.1, workers=32)], tasks=64)
    whole = found(report, SINGLE, "baseline").predicted_seconds
    assert whole == pytest.approx(64 * 0.05028)  # each wait takes 0.08 ms longer than asked for
    half = judged([baseline(3.2), steady(THREADS, 0.1, workers=32)], tasks=32)
    assert found(half, SINGLE, "baseline").predicted_seconds == pytest.approx(whole / 2)
    assert found(half, THREADS).predicted_seconds < whole / 8


def test_variants_of_the_work_are_left_out() -> None:
    plain = [baseline(1.0), steady(THREADS, 0.5)]
    uneven = [baseline(2.0, variant="uneven"), steady(THREADS, 3.0, variant="uneven")]
    report = judged([*plain, *uneven])
    assert [m.seconds.median for m in report.measurements if m.seconds] == [1.0, 0.5]
    only = judged([*uneven, baseline(5.0, variant="other")])
    assert [m.seconds.median for m in only.measurements if m.seconds] == [2.0, 3.0]


def test_others_are_listed_by_time_and_failures_last() -> None:
    rows = [
        Row("asyncio_processes", ("crash",)), steady("asyncio_threads", 0.4), steady("asyncio", 0.3), steady(THREADS, 0.5),
        baseline(), steady(THREADS, 0.6, role="scaling", workers=4), steady(THREADS, 0.9, role="scaling", workers=2),
    ]  # fmt: skip
    report = judged(rows)
    assert [(m.approach, m.workers) for m in report.measurements] == [
        (SINGLE, 1), (THREADS, 1), ("asyncio", 1), ("asyncio_threads", 1), ("asyncio_processes", 1), (THREADS, 2), (THREADS, 4),
    ]  # fmt: skip


# Requirements ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p95", "memory", "met"), [(60.0, 20.0, (True, True)), (120.0, 80.0, (False, False))])
def test_requirements_are_judged_apart_from_the_time(p95: float, memory: float, met: tuple[bool, bool]) -> None:
    profile = WAITING.model_copy(update={"latency_requirement_ms": 100.0, "memory_budget_mb": 64.0})
    result = recommended(WAITING).model_copy(update={"profile": profile})
    report = judged([baseline(3.2), steady(THREADS, 0.1, figures=figures(p95=p95, memory=memory))], result=result)
    assert report.verdict == "confirmed"
    assert report.latency is not None and report.memory is not None
    assert (report.latency.met, report.memory.met) == met
    assert (report.latency.measured, report.memory.measured, report.memory.required) == (p95, memory, 64)
    unmeasured = judged([baseline(3.2), steady(THREADS, 0.1)], result=result)
    assert unmeasured.latency is not None and (unmeasured.latency.met, unmeasured.latency.measured) == (None, None)


def test_the_winner_may_miss_what_the_recommendation_met() -> None:
    profile = WAITING.model_copy(update={"latency_requirement_ms": 100.0, "memory_budget_mb": 64.0})
    result = recommended(WAITING).model_copy(update={"profile": profile})
    big = steady("asyncio", 0.1, figures=figures(memory=500, p95=150))
    report = judged([baseline(3.2), control(3.2), steady(THREADS, 0.2, figures=figures()), big], result=result)
    assert report.advice[0] == (
        "Take asyncio: 2.0x as fast here. But it misses the latency requirement: 150 ms, over 100 ms."
        " But it misses the memory budget: 500 MB, over 64 MB."
    )
