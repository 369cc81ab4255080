"""Where along an input the answer changes: held against trying every number of a dense grid, and against narrow bands."""

from __future__ import annotations

import math
import random
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import FIXED_HOST, random_profile, slow_after

from selector.recommend.along import Stretch, stretches, values_apart
from selector.recommend.chain import Situation
from selector.recommend.changes import input_names, would_change
from selector.recommend.knowledge import Knowledge, load_knowledge, read_knowledge, rules_folders
from selector.recommend.line import Line, is_number
from selector.recommend.numbers import axis_of
from selector.recommend.questions import questions
from selector.workload.profile import WorkloadProfile
from selector.workload.reading import profile_from_mapping

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import changes as benchmark  # it lies beside the package

pytestmark = pytest.mark.one_python

NUMBERS = [field for field in input_names() if is_number(field)]
THREADS, ASYNCIO = ("threads", None), ("asyncio", None)
SAME_PLACE = 1.0005  # as near as predicted times are told apart


@cache
def tables() -> Knowledge:
    return load_knowledge()


def situation(profile: WorkloadProfile, knowledge: Knowledge | None = None) -> Situation:
    return Situation(profile, FIXED_HOST, knowledge or tables())


def workload(seed: int) -> Situation:
    return situation(profile_from_mapping(random_profile(random.Random(seed))))


def along(one: Situation, field: str) -> tuple[Stretch, ...]:
    line = Line(one, field)
    return stretches(line, line.axis.least, line.axis.largest)


def changes_of(one: Situation) -> list[tuple[str, Any, str]]:
    return [(c.input, c.to, c.approach) for c in would_change(one, exact=True)]


# Against brute force --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", slow_after(1, [1006, *range(1000, 1006), *range(1007, 1020)]))
def test_a_dense_grid_finds_nothing_that_was_missed(seed: int) -> None:
    assert list(benchmark.misses_of(workload(seed))) == []


def timed_workload(seed: int) -> Situation:
    """One whose times are predicted, so that approaches are compared by them: a batch, or every third a service."""
    rng = random.Random(seed)
    size = {"mode": "service", "concurrency": rng.randint(1, 300)} if seed % 3 == 0 else {"tasks": rng.randint(2, 9999)}
    more = {
        "free_threading_ready": True, "subinterpreter_ready": True, "releases_gil": True, "picklable": False,
        "event_loop": True, "startup_ms": 300.0, "payload_kb_per_task": 500.0, "memory_budget_mb": 200.0,
    }  # fmt: skip
    profile = WorkloadProfile(
        workload_type="hybrid", cpu_cores=rng.choice([2, 4, 16]), cpu_ms_per_task=10 ** rng.uniform(-1, 2),
        io_wait_ms_per_task=10 ** rng.uniform(-1, 2), **size, **{f: v for f, v in more.items() if rng.random() < 0.3},
    )  # fmt: skip
    return situation(profile)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_nor_where_everything_is_compared_by_its_time(seed: int) -> None:
    """But for what is narrower than 5 % along a count: where two are as good as tied, rounds let them take turns (seed 1)."""
    assert list(benchmark.misses_of(timed_workload(seed))) == []


@pytest.mark.slow
def test_the_grid_finds_what_powers_of_ten_miss() -> None:
    found = benchmark.misses_of(workload(21), benchmark.by_ladder)
    assert [(miss.kind, miss.field) for miss in found] == [("overlooked", "concurrency")]


@pytest.mark.slow
def test_the_grid_finds_what_is_too_far_off_or_untrue() -> None:
    def too_far(one: Situation) -> list[Any]:
        """Every change of a number above the present one, three times as far off."""
        return [(f, v * 3 if f in NUMBERS else v, a) for f, v, a in benchmark.reported(one)]

    kinds = {miss.kind for seed in range(4) for miss in benchmark.misses_of(workload(seed), too_far)}
    assert {"further", "untrue"} <= kinds


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from(NUMBERS), st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_what_lies_in_a_stretch_has_its_answer(seed: int, field: str, shares: list[float]) -> None:
    one = workload(seed)
    for stretch in along(one, field):
        low = max(stretch.low, min(1e-6, stretch.high))
        inside = [low * (stretch.high / low) ** share for share in shares] if low else []
        if isinstance(stretch.low, int):
            inside = [round(value) for value in inside]
        for value in {stretch.low, stretch.high, *(v for v in inside if stretch.low <= v <= stretch.high)}:
            assert one.changed(**{field: value}).answer == stretch.answer, value


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from(NUMBERS))
def test_stretches_cover_the_axis_and_neighbours_differ(seed: int, field: str) -> None:
    found = along(workload(seed), field)
    assert (found[0].low, found[-1].high) == axis_of(field)[1:]
    for one, other in pairwise(found):
        assert one.low <= one.high < other.low
        assert one.answer != other.answer
        step = 1 if isinstance(one.high, int) else max(math.ulp(one.high), 1e-6)
        assert other.low - one.high <= step or other.low / one.high <= SAME_PLACE


# Narrow bands ---------------------------------------------------------------------------------------------------------


STRATEGY = """
table: strategy
hit_policy: rule_order
inputs:
  {input}
outputs:
  approach: {{type: string, values: [threads, asyncio]}}
  standing: {{type: string, values: [contender, fallback]}}
rules:
  - {{id: a, when: {when}, then: {{approach: threads, standing: contender}}}}
  - {{id: b, then: {{approach: asyncio, standing: fallback}}}}
"""
ELIGIBILITY = """
table: eligibility
hit_policy: collect
inputs:
  approach: {{type: string}}
  {input}
outputs:
  ruled_out: {{type: boolean, values: [true]}}
  kind: {{type: string, values: [slow]}}
rules:
  - {{id: others, when: {{approach: {others}}}, then: {{ruled_out: true, kind: slow}}}}
  - {{id: c, when: {when}, then: {{ruled_out: true, kind: slow}}}}
"""


def with_band(folder: Path, fact: str, cell: str, *, of_approach: bool = False) -> Knowledge:
    """Our knowledge with tables that answer threads where a fact is in a band, and asyncio elsewhere.

    Where times are predicted, threads must be as good as asyncio for that: the code is there already, say.
    """
    asked, machines = f"{fact}: {{type: number, optional: true}}", "machines: {type: number}"
    if of_approach:
        named = STRATEGY.format(input=machines, when="{}")
        when = f"{{approach: threads, {fact}: 'not({cell})'}}"
        refused = ELIGIBILITY.format(input=asked, when=when, others="'not(threads, asyncio)'")
    else:
        named = STRATEGY.format(input=asked, when=f"{{{fact}: '{cell}'}}")
        refused = ELIGIBILITY.format(input=machines, when="{machines: '< 0'}", others="none")
    (folder / "strategy.yaml").write_text(named)
    (folder / "eligibility.yaml").write_text(refused)
    return read_knowledge(rules_folders(folder))


#: Nothing is predicted of these workloads (of one on a GPU never), so that strategy alone decides.
#: The fact and its band, the rest of the profile, the input, a number below the band, the first and the last in it as
#: they are reported (inside the band), a number above.
BANDS = [
    ("cpu_ms_per_task", "[3.1..3.2]", {}, "cpu_ms_per_task", 1.0, 3.1, 3.2, 50.0),
    ("io_wait_ms_per_task", "7.25", {}, "io_wait_ms_per_task", 1.0, 7.25, 7.25, 900.0),
    ("tasks", "4321", {}, "tasks", 5, 4321, 4321, 10**6),
    ("tasks", "[4321.5..4322.5]", {}, "tasks", 5, 4322, 4322, 10**6),
    ("in_flight", "[70..71]", {"tasks": 1000}, "concurrency", 10, 70, 71, 900),
    ("total_cpu_ms", "[31..31.5]", {"tasks": 10}, "cpu_ms_per_task", 1.0, 3.1, 3.15, 50.0),
    ("total_cpu_ms", "35", {"tasks": 10}, "cpu_ms_per_task", 1.0, 3.5, 3.5, 50.0),
    ("total_work_ms", "(60..61)", {"cpu_ms_per_task": 1.0, "io_wait_ms_per_task": 2.0, "gpu": True}, "tasks", 1, None, None, 1000),
    ("cpu_share", "[0.5..0.505]", {"io_wait_ms_per_task": 10.0}, "cpu_ms_per_task", 0.1, 10.0, 10.2, 90.0),
    ("cpu_over_latency", "[0.25..0.26]", {"cpu_ms_per_task": 10.0}, "latency_requirement_ms", 1.0, 38.5, 40.0, 900.0),
    ("thread_start_share", "[1..1.01]", {"tasks": 10**6, "io_wait_ms_per_task": 1.0}, "concurrency", 1, None, None, 10**4),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "cell", "rest", "field", "low", "first", "last", "high"), slow_after(3, BANDS))
def test_a_band_is_found_from_both_sides(tmp_path, fact, cell, rest, field, low, first, last, high) -> None:
    knowledge = with_band(tmp_path, fact, cell)
    one = situation(WorkloadProfile(workload_type="hybrid", **rest), knowledge)
    inside = [s for s in along(one, field) if s.answer == THREADS]
    if first is None:  # no whole number is in the band, or rounding says where
        every = [v for v in range(low, min(high, 5000)) if one.changed(**{field: v}).answer == THREADS]
        assert [v for s in inside for v in range(s.low, s.high + 1)] == every
        return
    for start, value in ((low, first), (high, last)):
        found = changes_of(one.changed(**{field: start}))
        assert [(f, v, a) for f, v, a in found if f == field] == [(field, value, "threads")]
    asked = questions(one, frozenset())
    assert [(q.answers, q.alone) for q in asked if q.field == field] == [((THREADS,), True)]
    unknown = [v for f, v, _ in changes_of(one) if f == field]
    assert unknown == sorted({first, last})


def test_no_power_of_ten_is_in_the_bands() -> None:
    """Else they would not be narrow."""
    for *_, first, last, _ in BANDS:
        assert first is None or not any(first <= 10.0**n <= last for n in (-1, 0, 2, 3, 4, 5))


@pytest.mark.parametrize(
    ("fact", "cell", "field"),
    [
        ("latency_use", "[0.900..0.901]", "cpu_ms_per_task"),
        ("latency_use", "[0.500..0.501]", "latency_requirement_ms"),
        ("memory_use", "[0.700..0.701]", "memory_budget_mb"),
        ("memory_use", "[0.700..0.701]", "task_memory_mb"),
        ("predicted_seconds", "[3..3.01]", "cpu_ms_per_task"),
    ],
)
def test_a_band_of_what_is_predicted_is_found_to_the_last_digit(tmp_path, fact, cell, field) -> None:
    knowledge = with_band(tmp_path, fact, cell, of_approach=True)
    profile = WorkloadProfile(
        workload_type="hybrid", tasks=100, cpu_ms_per_task=1.0, io_wait_ms_per_task=1.0, task_memory_mb=1.0,
        latency_requirement_ms=100.0, memory_budget_mb=5000.0, current_approach="threads",
    )  # fmt: skip
    one = situation(profile, knowledge)
    bands = [s for s in along(one, field) if s.answer == THREADS]
    assert bands
    for band in bands:
        for edge, outside in ((band.low, 0.0), (band.high, math.inf)):
            assert one.changed(**{field: edge}).answer == THREADS
            assert one.changed(**{field: math.nextafter(edge, outside)}).answer == ASYNCIO


def test_what_no_table_asks_about_does_not_matter(tmp_path) -> None:
    knowledge = with_band(tmp_path, "io_wait_ms_per_task", "[3.1..3.2]")
    one = situation(WorkloadProfile(workload_type="io", tasks=10, memory_budget_mb=100.0), knowledge)
    assert {f for f, *_ in changes_of(one)} == {"io_wait_ms_per_task"}
    assert [q.field for q in questions(one, frozenset())] == ["io_wait_ms_per_task"]


def test_a_value_of_each_set_that_tables_tell_apart(tmp_path) -> None:
    knowledge = with_band(tmp_path, "cpu_ms_per_task", "[3.1..3.2], 5")
    values = values_apart(Line(situation(WorkloadProfile(workload_type="io"), knowledge), "cpu_ms_per_task"))
    places = {v: (v >= 3.1) + (v > 3.1) + (v >= 3.2) + (v > 3.2) + (v >= 5) + (v > 5) for v in values}
    assert set(places.values()) == set(range(7))
