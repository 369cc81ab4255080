"""The verdict on what the code has today, what would be good enough, and what goes wrong with other choices."""

from __future__ import annotations

from typing import Any

import pytest
from asked import on, tables
from printed import text_of
from strategies import FIXED_HOST

from selector import Recommendation
from selector.pipeline import example_profiles
from selector.report.recommendation import recommendation_document
from selector.report.summary import Command, summary_document
from selector.report.turns import turns_texts

pytestmark = pytest.mark.one_python

COMPUTING = {"workload_type": "cpu", "tasks": 1000, "cpu_ms_per_task": 50, "interpreters": ["3.13"]}
NEXT = Command("concurrency-selector validate workload.json", "the same with validate")


def advice(**fields: Any) -> Recommendation:
    return on(FIXED_HOST).recommend(fields, changes="none")


@pytest.mark.parametrize(
    ("fields", "verdict", "text"),
    [
        ({**COMPUTING, "current_approach": "multiprocessing"}, "right", "It is right."),
        ({**COMPUTING, "current_approach": "threads"}, "slower", "It takes 3.6x the time of multiprocessing."),
        ({**COMPUTING, "picklable": False, "current_approach": "multiprocessing"}, "breaks", "It breaks: Functions,"),
        (
            {"workload_type": "io", "event_loop": True, "async_library": False, "current_approach": "asyncio"},
            "breaks",
            "It breaks: The library blocks",
        ),
        (
            {"workload_type": "io", "current_approach": "multiprocessing"},
            "slower",
            "Here it is a wrong turn: a process",
        ),
        (
            {"workload_type": "cpu", "current_approach": "single_threaded"},
            "slower",
            "Here it is a wrong turn: computes",
        ),
        ({"workload_type": "io", "current_approach": "asyncio_threads"}, "unknown", "How much slower"),
        (
            {"workload_type": "io", "requests_per_second": 5, "io_wait_ms_per_task": 50, "current_approach": "asyncio"},
            "right",
            "It is right.",
        ),
    ],
)
def test_the_choice_of_today_gets_a_verdict(fields: dict[str, Any], verdict: str, text: str) -> None:
    result = advice(**fields)
    assert result.current is not None
    assert (result.current.approach, result.current.verdict) == (fields["current_approach"], verdict)
    assert result.current.text.startswith(text)
    assert f"Today:    {result.current.approach}: " in text_of(summary_document(result, NEXT))


def test_what_is_over_a_requirement_breaks_and_what_nobody_asks_about_gets_no_verdict() -> None:
    late = advice(**COMPUTING, finish_within_s=20, cpu_cores=4, current_approach="threads")
    assert late.current is not None and late.current.verdict == "breaks"
    assert advice(**COMPUTING).current is None


def test_what_meets_the_deadline_anyway_is_said_to_be_right_too() -> None:
    assert advice(**COMPUTING).good_enough is None
    assert advice(**COMPUTING, finish_within_s=20, cpu_cores=4).good_enough is None  # plain code takes 50 s
    found = advice(**COMPUTING, finish_within_s=100, cpu_cores=4).good_enough
    assert found is not None and found.approach == "single_threaded"
    assert found.text.startswith("single_threaded meets the deadline (50 s of 1 min 40 s), too. It is right, simpler,")
    today = advice(**COMPUTING, finish_within_s=100, cpu_cores=4, current_approach="threads")
    assert today.good_enough is not None and today.good_enough.approach == "threads"
    assert "Enough:   threads meets the deadline" in text_of(summary_document(today, NEXT))
    assert "Good enough:" in text_of(recommendation_document(today))


def test_a_service_that_answers_in_time_anyway_is_good_enough() -> None:
    serving = {"workload_type": "io", "requests_per_second": 5, "cpu_ms_per_task": 1, "io_wait_ms_per_task": 50}
    found = advice(**serving, latency_requirement_ms=500).good_enough
    assert found is not None and found.text.startswith("single_threaded meets the latency (")
    assert advice(**serving, latency_requirement_ms=60).good_enough is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"workload_type": "cpu"}, ["threads", "asyncio", "single_threaded"]),
        ({"workload_type": "io"}, ["single_threaded", "multiprocessing"]),
        ({"workload_type": "hybrid"}, ["threads", "asyncio", "single_threaded"]),
        ({"workload_type": "io", "event_loop": True, "async_library": False}, ["asyncio", "single_threaded"]),
        ({"workload_type": "cpu", "event_loop": True}, ["asyncio", "single_threaded", "asyncio_threads"]),
        ({"workload_type": "io", "durable": True}, ["multiprocessing", "threads"]),
        ({"workload_type": "cpu", "native_parallel": True}, ["multiprocessing"]),
    ],
)
def test_the_most_tempting_mistakes_are_told_first(fields: dict[str, Any], told: list[str]) -> None:
    found = [turn.approach for turn in advice(**fields).wrong_turns]
    assert found[: len(told)] == told and len(found) <= 3


def test_what_is_about_as_fast_as_the_answer_is_no_wrong_turn() -> None:
    few = advice(workload_type="io", tasks=10, io_wait_ms_per_task=100, concurrency=10)
    assert few.approach == "threads"
    assert not {"threads", "asyncio", "asyncio_threads"} & {turn.approach for turn in few.wrong_turns}


def test_each_turn_is_a_line_and_the_summary_has_ten_at_most() -> None:
    traits = {approach: entry.traits.__dict__ for approach, entry in tables().approaches.items()}
    table = tables().tables["wrong_turns"]
    fires = table.part({"approach", *traits["threads"]})
    for place, rule in enumerate(table.rules):
        named = [a for a in traits if fires({**traits[a], "approach": a}) >> place & 1]
        assert named, rule.id
        assert max(map(len, named)) + len(": ") + len(rule.because) <= 70, rule.id
    for _, profile in example_profiles()[::3]:
        result = on(FIXED_HOST).recommend(profile, changes="none")
        lines = text_of(summary_document(result, NEXT)).splitlines()
        most = 10 + (result.capacity is not None)  # a line more where a rate is asked for
        assert len(lines) <= most and all(len(line) <= 80 for line in lines)
        assert all(f"- {text}" in text_of(recommendation_document(result)) for text in turns_texts(result))
        assert Recommendation.model_validate_json(result.model_dump_json()) == result
