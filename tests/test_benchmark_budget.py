"""How long a benchmark may take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plans import CPU, plan_of, tried

from selector import SelectorError
from selector.benchmark.budget import budget_from_text


def test_a_budget_in_which_not_one_round_fits_is_refused_with_the_one_that_would_do() -> None:
    slow = {**CPU, "tasks": 4, "cpu_ms_per_task": 30_000, "startup_ms": 1_000, "has_expensive_startup": True}
    with pytest.raises(SelectorError, match=r"a budget of 60 s is too short: one task, .* takes 31 s") as caught:
        plan_of(slow, "3.13")
    # the baseline twice, and multiprocessing once
    assert caught.value.hint == "--budget 93s would do for two tasks of the baseline and one of each other approach"
    assert plan_of(slow, "3.13", budget_seconds=93.0).approaches == ("single_threaded", "multiprocessing")


def test_a_task_that_takes_days_fits_no_budget() -> None:
    with pytest.raises(SelectorError, match="is too short") as caught:
        plan_of({**CPU, "cpu_ms_per_task": 1e9}, "3.13", budget_seconds=86400.0)
    assert caught.value.hint.startswith("no budget up to 24h would do")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60), ("2m", 120), ("90", 90), ("1m30s", 90), ("2500ms", 2.5), ("1.5h", 5400), (" 10S ", 10),
        ("1h2m3s4ms", 3723.004), ("2.5", 2.5), ("24h", 86400), ("1", 1),
    ],
)  # fmt: skip
def test_a_budget_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert budget_from_text(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "s",
        "soon",
        "1m30",
        "10 s",
        "-5",
        "1e3",
        "nan",
        "inf",
        "1d",
        "30s1m",
        "5.",
        ".5s",
        "٣s",
        "1s\n2s",
        "\x1b",
    ],
)
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(SelectorError, match="is no length of time") as caught:
        budget_from_text(text)
    assert caught.value.message.isprintable()
    assert "1m30s" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "problem"), [("500ms", "short"), ("0", "short"), ("25h", "long"), ("9" * 400, "long")]
)
def test_a_budget_out_of_bounds_is_refused(text: str, problem: str) -> None:
    with pytest.raises(SelectorError, match=f"is too {problem}") as caught:
        budget_from_text(text)
    assert caught.value.hint == "from 1s to 24h"


@given(st.text(max_size=30) | st.from_regex(r"\A[0-9.hms]{0,12}\Z"))
def test_any_text_is_a_budget_within_bounds_or_an_error(text: str) -> None:
    seconds = tried(lambda: budget_from_text(text))
    assert seconds.hint if isinstance(seconds, SelectorError) else 1 <= seconds <= 86400
