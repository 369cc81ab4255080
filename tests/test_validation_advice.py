"""What to do about a verdict."""

from __future__ import annotations

from typing import Any

import pytest
from events import baseline, control, figures, steady
from judging import COMPUTING, IN_A_LOOP, PROCESSES, SINGLE, THREADS, having, judged, recommended

from selector.recommend.expected import Expected, Speedup
from selector.recommend.recommendation import InputChange

pytestmark = pytest.mark.one_python


def test_advice_compares_the_task_with_what_the_profile_says() -> None:
    rows = [baseline(0.3), control(0.3), steady(PROCESSES, 0.5)]
    report = judged(rows, COMPUTING, task_ms=(30.0, 2.0), own_code=True)
    assert (
        "A task computes for 2 ms here, and the profile says cpu_ms_per_task = 20: correct it and ask again."
        in report.advice
    )
    profile = IN_A_LOOP.model_copy(update={"event_loop": None})
    waits = judged(
        [baseline(0.3), control(0.3), steady(recommended(profile).approach, 0.5)],
        profile,
        task_ms=(15.0, 10.0),
        own_code=True,
    )
    assert having(waits.advice, "A task waits for 5 ms here, and the profile says io_wait_ms_per_task = 20")


def test_work_that_was_made_is_no_witness_against_its_profile() -> None:
    rows = [baseline(0.3), control(0.3), steady(PROCESSES, 0.5)]
    made = judged(rows, COMPUTING, task_ms=(30.0, 2.0))
    assert made.verdict == "refuted"
    assert not having(made.advice, "correct it")
    assert having(judged(rows, COMPUTING, task_ms=(30.0, 2.0), own_code=True).advice, "correct it")


def test_advice_compares_start_up_and_speedup_with_the_prediction() -> None:
    rows = [baseline(0.64), control(0.64), steady(PROCESSES, 0.9, workers=2, figures=figures(start=0.5))]
    report = judged(rows, COMPUTING)
    assert having(report.advice, "Multiprocessing was expected to be", "as fast as sequential and was 0.71x.")
    assert having(report.advice, "The start-up of multiprocessing took 500 ms, predicted 90", "more tasks in a run")


def test_advice_names_the_row_to_edit_where_no_field_leads_there() -> None:
    result = recommended(COMPUTING)
    rows = [baseline(), control(), steady(PROCESSES, 0.9), steady(THREADS, 0.3)]
    for changes in ((), None):
        report = judged(rows, result=result.model_copy(update={"would_change": changes}))
        assert report.winner == THREADS
        assert having(report.advice, "No single field", "change the row strategy/", "(--rules DIR)")
    bare = judged(rows, result=result.model_copy(update={"would_change": None, "reasons": ()}))
    assert having(bare.advice, "change the rows of strategy in a folder")


def test_advice_writes_values_as_a_profile_has_them() -> None:
    values: list[tuple[str, Any]] = [
        ("picklable", False),
        ("cpu_ms_per_task", 0.5),
        ("interpreters", ("3.14", "3.14t")),
    ]
    changes = tuple(InputChange(input=name, to=value, approach=SINGLE) for name, value in [*values, ("tasks", 3)])
    result = recommended(COMPUTING).model_copy(update={"would_change": changes})
    report = judged([baseline(0.3), control(0.3), steady(PROCESSES, 0.5)], result=result)
    assert having(report.advice, "with picklable = false, cpu_ms_per_task = 0.5 or interpreters = 3.14, 3.14t: check")
    whole = result.model_copy(update={"would_change": changes[3:]})
    assert having(judged([baseline(0.3), control(0.3), steady(PROCESSES, 0.5)], result=whole).advice, "with tasks = 3:")


def test_advice_on_a_speedup_that_kept_its_promise_says_nothing() -> None:
    promised = Expected(speedup=Speedup(low=0.1, mid=0.5, high=1.0))
    result = recommended(COMPUTING).model_copy(update={"expected": promised})
    report = judged([baseline(0.3), control(0.3), steady(PROCESSES, 0.5)], result=result)
    assert not having(report.advice, "was expected")
    assert report.expected == promised
