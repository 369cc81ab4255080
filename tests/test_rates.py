"""Rates as people write them, and the wizard that asks for what arrives rather than for what is in flight."""

from __future__ import annotations

import pytest
from asked import on
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import FIXED_HOST

from selector.errors import SelectorError
from selector.wizard.advisor import TableAdvisor
from selector.wizard.answers import Answers, answers_from, parsed
from selector.workload.profile import WorkloadProfile
from selector.workload.units import amount

RATES = ("requests_per_second", "throughput_requirement_per_s")


@pytest.mark.parametrize("field", RATES)
@pytest.mark.parametrize(
    ("text", "per_second"),
    [
        ("50", 50), ("0.5", 0.5), ("50/s", 50), ("50 / s", 50), ("50 per second", 50), ("50 requests/s", 50), ("50 rps", 50),
        ("3000/min", 50), ("3,000 per minute", 50), ("3000 rpm", None), ("1.8k/h", 0.5), ("1M/day", 11.5740740740741),
        ("2 req/s", 2), ("7 tasks per second", 7), ("10k", 10_000), ("60 requests", 60), ("3000 RPS", 3000),
    ],
)  # fmt: skip
def test_a_rate_is_read_for_the_time_that_it_is_for(field: str, text: str, per_second: float | None) -> None:
    if per_second is None:
        with pytest.raises(ValueError, match="such as 50/s, 3000/min, 10k/h"):
            amount(field, text)
    else:
        assert amount(field, text) == per_second


@pytest.mark.parametrize("text", ["50/ms", "50 s", "50 per", "/s", "fast", "50/fortnight", "5/s/s", "50 seconds", ""])
def test_what_is_no_rate_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="such as 50/s, 3000/min, 10k/h"):
        amount("requests_per_second", text)


def test_a_decimal_comma_is_mended() -> None:
    with pytest.raises(ValueError, match=r"write 1\.5"):
        amount("requests_per_second", "1,5/s")


def test_the_wizard_takes_a_rate_and_says_what_it_accepts() -> None:
    assert parsed("requests_per_second", "3000/min") == 50
    with pytest.raises(SelectorError, match="such as 50/s"):
        parsed("requests_per_second", "many")


@settings(max_examples=20)
@given(st.floats(1e-3, 1e6))
def test_a_number_by_itself_is_a_rate_in_a_second(rate: float) -> None:
    assert amount("requests_per_second", repr(rate)) == rate


# A service ------------------------------------------------------------------------------------------------------------

FIVE = {
    "workload_type": "hybrid", "latency_requirement_ms": 300.0, "memory_budget_mb": None, "cpu_cores": 4,
    "has_expensive_startup": False,
}  # fmt: skip


def asked(answers: Answers) -> list[str]:
    """What the wizard would still ask."""
    return [question.field for question in TableAdvisor(on(FIXED_HOST)).open_questions(answers)]


def test_a_service_is_asked_what_arrives_and_not_what_is_in_flight() -> None:
    known = {"mode": "service", "cpu_ms_per_task": 5.0, "io_wait_ms_per_task": 50.0, "event_loop": True}
    answers = answers_from({**FIVE, **known}, "here")
    assert "concurrency" in answers.answered
    assert "concurrency" not in answers.having("requests_per_second", None).answered  # who does not know may know that


@pytest.mark.slow
def test_what_arrives_is_a_question_as_it_decides() -> None:
    known = {"mode": "service", "cpu_ms_per_task": 5.0, "io_wait_ms_per_task": 50.0, "event_loop": True}
    fields = asked(answers_from({**FIVE, **known}, "here"))
    assert "requests_per_second" in fields and "concurrency" not in fields


def test_a_batch_is_not_asked_what_arrives() -> None:
    batch = answers_from({**FIVE, "mode": "batch", "tasks": 100}, "here")
    assert {"requests_per_second"} <= batch.answered
    assert "concurrency" not in batch.answered
    assert "tasks" in answers_from({**FIVE, "mode": "service"}, "here").answered


def test_who_says_what_arrives_has_a_service() -> None:
    answers = answers_from({**FIVE, "requests_per_second": 50.0}, "here")
    assert answers.profile().mode == "service"
    assert "concurrency" in answers.answered


def test_a_batch_stays_one_where_requests_are_said_to_arrive() -> None:
    profile = WorkloadProfile.model_validate({"workload_type": "io", "mode": "batch", "requests_per_second": 5.0})
    assert profile.given()["mode"] == "batch"
    assert WorkloadProfile.model_validate(profile.given()) == profile
