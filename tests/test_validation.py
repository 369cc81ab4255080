"""A run judged as a whole: any run ends in a report, and the tables of the user count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from events import Row, baseline, control, run, steady
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import COMPUTING, IN_A_LOOP, LOOPING, THREADING, THREADS, WAITING, judged, knowledge, recommended, selector
from strategies import profiles

from selector import SelectorError, WorkloadProfile
from selector.benchmark.events import TaskLatency
from selector.decision import load_table
from selector.recommend.knowledge import Knowledge
from selector.validation import validate_results
from selector.workload.profile import APPROACHES


def test_these_tests_are_about_these_recommendations() -> None:
    assert (recommended(WAITING).approach, recommended(WAITING).workers) == ("threads", 32)
    assert recommended(LOOPING).approach == "asyncio"
    assert THREADS in [a.approach for a in recommended(LOOPING).alternatives if a.rejected_by is None]
    assert (recommended(COMPUTING).approach, recommended(COMPUTING).interpreter) == ("multiprocessing", "3.14")
    assert recommended(THREADING).approach == "free_threaded"


# Tables of the user's -------------------------------------------------------------------------------------------------

BANDS = """
table: speedup_bands
title: Ours
hit_policy: first
inputs: {speedup: {type: number}}
outputs: {verdict: {type: string, values: [avoid, stay_simple, consider, use]}}
rules:
  - {id: fast, when: {speedup: '>= 3'}, then: {verdict: use}, because: Fast}
"""


def with_bands(text: str) -> Knowledge:
    ours = knowledge()
    return replace(ours, tables={**ours.tables, "speedup_bands": load_table(text)})


def test_the_bands_may_be_the_users() -> None:
    session = run([baseline(3.2), control(3.2), steady(THREADS, 0.4), steady("asyncio_processes", 0.2)])
    lenient = with_bands(BANDS + "default: {verdict: avoid}\n")
    report = validate_results(recommended(WAITING), session, lenient)
    assert (report.verdict, report.winner) == ("confirmed", "asyncio_processes")
    assert report.reason.endswith("The table's default applies.")
    with pytest.raises(SelectorError, match="no rule matches a speedup of 1"):
        validate_results(recommended(WAITING), session, with_bands(BANDS))


def test_what_nobody_knows_must_be_measured_to_be_twice_as_fast() -> None:
    """Threads where the team knows no asyncio: a loop that is 1.5 times as fast refutes them no more than a prediction."""
    people = LOOPING.model_copy(update={"team_knows": ("threads",)})
    assert recommended(people).approach == THREADS
    for loop, verdict in ((0.4, "confirmed"), (0.2, "refuted")):
        session = run([baseline(3.2), control(3.2), steady(THREADS, 0.6), steady("asyncio", loop)])
        assert validate_results(recommended(people), session, knowledge()).verdict == verdict


# Any run --------------------------------------------------------------------------------------------------------------

amounts = st.none() | st.sampled_from([0.0, 1e-9, 0.05, 1.0, 99.0, 210.0, 1e12]) | st.floats(0, 1e12)
times_or_failures = st.lists(
    st.sampled_from([0.0, 0.2, 0.2, 0.21, 1.0, 1.05, 1e12, "crash", "mismatch", "timeout", "not_run", "out_of_memory"])
    | st.floats(0, 1e12),
    max_size=6,
)
some_figures = st.fixed_dictionaries(
    dict.fromkeys(("startup_seconds", "cpu_seconds", "cpu_percent", "peak_memory_mb", "imbalance"), amounts),
    optional={
        "gil_enabled": st.none() | st.booleans(),
        "short": st.none() | st.booleans(),
        "workers_seen": st.none() | st.integers(0, 99),
        "task_latency_ms": st.none()
        | st.builds(TaskLatency, **dict.fromkeys(("p50", "p95", "p99"), st.floats(0, 1e12))),
    },
)
rows_of_any_kind = st.lists(
    st.builds(
        Row,
        approach=st.sampled_from(APPROACHES),
        seconds=times_or_failures,
        role=st.sampled_from(["baseline", "control", "candidate", "candidate", "scaling"]),
        interpreter=st.sampled_from(["3.14", "3.14t", "3.13", "odd"]),
        workers=st.sampled_from([1, 2, 4, 32, 10**6]),
        variant=st.sampled_from(["", "", "", "other"]),
        figures=some_figures,
    ),
    max_size=8,
)
milliseconds = st.none() | st.floats(0, 1e12)


any_run = st.tuples(
    st.sampled_from([WAITING, COMPUTING, THREADING, IN_A_LOOP]) | profiles(),
    rows_of_any_kind,
    st.sampled_from(["done", "budget", "interrupted", "failed", None]),
    st.tuples(milliseconds, milliseconds),
    st.integers(1, 64),
    st.integers(1, 10**12),
    st.booleans(),
)


def check_report(
    profile: WorkloadProfile, rows: list[Row], ended: str | None, task_ms: Any, cpus: int, tasks: int, own: bool
) -> None:
    result = selector().recommend(profile, changes="none")
    if own:  # otherwise most runs hold nothing of what was recommended
        rows = [row._replace(approach=result.approach) if i == 0 else row for i, row in enumerate(rows)]
    report = judged(rows, result=result, ended=ended, task_ms=task_ms, cpus=cpus, tasks=tasks)
    assert report.reason.endswith(".")
    assert all(text.endswith(".") for text in (*report.analysis, *report.advice, *report.warnings))
    assert len(report.analysis) <= 6
    measured = {(m.approach, m.interpreter) for m in report.measurements if m.status == "ok" and m.role != "scaling"}
    assert report.winner is None or (report.winner, report.winner_interpreter) in measured
    assert report.winner is not None or not measured or report.verdict == "inconclusive"
    if report.verdict != "inconclusive":
        assert (report.recommended, report.recommended_interpreter) in measured
    for m in report.measurements:
        assert (m.seconds is not None) == (m.status == "ok") == (m.samples > 0)


@settings(max_examples=20)
@given(any_run)
def test_any_run_ends_in_a_report(run: Any) -> None:
    check_report(*run)


@pytest.mark.slow
@settings(max_examples=300)
@given(any_run)
def test_hundreds_of_runs_end_in_reports(run: Any) -> None:
    check_report(*run)


def test_a_run_is_always_judged_alike() -> None:
    rows = [baseline(3.2), control(3.2), steady(THREADS, 0.4), steady("asyncio_processes", 0.2)]
    assert judged(rows) == judged(rows)
