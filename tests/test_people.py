"""What the people know who keep it running, and what must be easy to maintain, have a say; nothing said of them has none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from asked import PANELS, on, tables
from strategies import FIXED_HOST

from selector.decision import load_table
from selector.pipeline import Selector
from selector.recommend.along import stretches
from selector.recommend.asking import limit_of_staying
from selector.recommend.chain import Situation
from selector.recommend.changes import input_names
from selector.recommend.line import Line
from selector.workload.reading import profile_from_mapping

pytestmark = pytest.mark.one_python

#: 200 waits of 50 ms at once: a loop is 1.6 times as fast as as many threads as there may be.
WAITING = {"workload_type": "io", "tasks": 1000, "io_wait_ms_per_task": 50, "concurrency": 200}
COMPUTING = {"workload_type": "cpu", "tasks": 1000, "cpu_ms_per_task": 50, "free_threading_ready": True}

BANDS = """
table: speedup_bands
hit_policy: first
inputs: {speedup: {type: number}}
outputs: {verdict: {type: string, values: [avoid, stay_simple, consider, use]}}
rules:
  - {id: stay, when: {speedup: '<= 1.3'}, then: {verdict: stay_simple}}
  - {id: use, then: {verdict: use}}
"""


def answer(selector: Selector | None = None, **fields: Any) -> str:
    return (selector or on(FIXED_HOST)).recommend(fields, changes="none").approach


def test_up_to_twice_as_fast_does_not_pay_for_what_nobody_knows() -> None:
    assert answer(**WAITING) == "asyncio"
    result = on(FIXED_HOST).recommend({**WAITING, "team_knows": ["threads"]}, changes="none")
    assert result.approach == "threads"
    assert [r.rule for r in result.reasons if "bands" in r.rule] == ["speedup_bands/not-worth-learning"]
    assert answer(**{**WAITING, "tasks": 10_000, "concurrency": 1000, "team_knows": ["threads"]}) == "asyncio"


def test_of_what_is_as_fast_the_one_that_people_know_is_simple() -> None:
    assert answer(**COMPUTING) == "free_threaded"
    assert answer(**COMPUTING, team_knows=["processes"]) == "multiprocessing"
    assert answer(**COMPUTING, team_knows=["threads"]) == "free_threaded"


def test_what_is_hard_to_debug_must_gain_more_where_it_must_be_easy_to_maintain() -> None:
    assert answer(**COMPUTING, maintainability="high") == "multiprocessing"
    assert answer(**COMPUTING, maintainability="normal") == "free_threaded"


@pytest.mark.parametrize(
    ("fields", "without", "with_them"),
    [
        ({"workload_type": "io", "team_knows": ["threads"]}, "asyncio", "threads"),
        ({"workload_type": "hybrid", "team_knows": ["processes"]}, "asyncio_free_threaded", "multiprocessing"),
        ({"workload_type": "hybrid", "maintainability": "high"}, "asyncio_free_threaded", "multiprocessing"),
        ({"workload_type": "hybrid", "team_knows": ["asyncio"]}, "asyncio_free_threaded", "asyncio_free_threaded"),
        ({"workload_type": "io", "event_loop": True, "team_knows": ["threads"]}, "asyncio", "asyncio"),
        ({"workload_type": "cpu", "team_knows": ["asyncio"]}, "multiprocessing", "multiprocessing"),
    ],
)
def test_where_nothing_is_predicted_what_people_know_is_preferred(
    fields: dict[str, Any], without: str, with_them: str
) -> None:
    silent = {name: value for name, value in fields.items() if name not in ("team_knows", "maintainability")}
    assert (answer(**silent), answer(**fields)) == (without, with_them)


def test_who_says_nothing_of_people_gets_the_answer_of_those_who_know_all_and_the_fast_way() -> None:
    everything = {"team_knows": ("asyncio", "threads", "processes", "queues"), "maintainability": "normal"}
    for panel in PANELS:
        for case in json.loads(panel.read_text("utf-8"))[::5]:
            situation = Situation(profile_from_mapping(case["profile"]), FIXED_HOST, tables())
            assert situation.answer == situation.changed(**everything).answer, case["id"]
    assert limit_of_staying(tables()) == 1.2


def test_bands_that_ask_nothing_of_people_are_asked_as_ever() -> None:
    ours = tables()
    own = replace(ours, tables={**ours.tables, "speedup_bands": load_table(BANDS)})
    assert limit_of_staying(own) == limit_of_staying(own, people=True) == 1.3
    assert limit_of_staying(ours, people=True) is None
    assert answer(Selector(host=FIXED_HOST, tables=own), **WAITING, team_knows=["threads"]) == "asyncio"


@pytest.mark.slow
def test_both_are_inputs_that_may_change_an_answer() -> None:
    assert {"team_knows", "maintainability"} <= {*input_names()}
    changes = on(FIXED_HOST).recommend(WAITING, changes="exact").would_change or ()
    assert ("team_knows", ("threads",), "threads") in [(c.input, c.to, c.approach) for c in changes]
    changes = on(FIXED_HOST).recommend(COMPUTING, changes="sampled").would_change or ()
    assert ("maintainability", "high", "multiprocessing") in [(c.input, c.to, c.approach) for c in changes]


def test_where_waves_of_tasks_turn_the_answer_back_for_one_count_it_is_found() -> None:
    """Five tasks on four workers take two waves: what is easy to debug is then within 2x again."""
    fields = {"workload_type": "hybrid", "cpu_ms_per_task": 200, "io_wait_ms_per_task": 20, "concurrency": 50}
    fields |= {"team_knows": ["queues", "threads"], "maintainability": "high", "free_threading_ready": False}
    profile = profile_from_mapping({**fields, "tasks": 10, "current_approach": "asyncio"})
    line = Line(Situation(profile, FIXED_HOST, tables()), "tasks")
    found = [(s.low, s.high, s.answer[0]) for s in stretches(line, 1, 1000)]
    assert found[1:3] == [(4, 4, "multiprocessing"), (5, 5, "single_threaded")]
