"""Recommendations: what holds for every workload on every host, and that every row of every table has its case."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from asked import FREE_THREADED, GIL_TAGS, IN_PROCESS, LOOP, answer_of, objections, on, tables
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from strategies import FIXED_HOST, hosts, profiles, workloads

from selector import Recommendation, Selector, WorkloadProfile, recommend
from selector.errors import SelectorError
from selector.pipeline import this_host
from selector.recommend.chain import Situation
from selector.recommend.changes import input_names
from selector.recommend.expected import missing
from selector.recommend.facts import HostFacts, tag_for
from selector.recommend.knowledge import CHAIN, rules_folders
from selector.report.wording import requirements_text
from selector.workload.profile import APPROACHES
from selector.workload.reading import profile_from_mapping

pytestmark = pytest.mark.one_python

# What holds for every workload ----------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(profiles(), hosts())
def test_every_workload_gets_one_recommendation_with_figures_and_alternatives(
    profile: WorkloadProfile, host: HostFacts
) -> None:
    selector = on(host)
    result = selector.recommend(profile, changes="none")
    fast = selector.recommend_json(profile)
    assert "\n" not in fast and json.loads(fast) == json.loads(result.model_dump_json())
    exactly_one_recommendation(profile, result)
    expectations_are_finite_and_in_order(result)
    alternatives_are_other_approaches_each_once_and_the_eligible_first(result)


def exactly_one_recommendation(profile: WorkloadProfile, result: Recommendation) -> None:
    assert result.approach in APPROACHES
    assert (result.engine is not None) == (result.approach == "distributed")
    assert result.workers >= 1
    assert result.reasons and all(reason.rule.split("/")[0] in CHAIN and reason.text for reason in result.reasons)
    assert result.migration.from_approach == (profile.current_approach or "single_threaded")
    assert (result.migration.effort == "none") == (result.migration.from_approach == result.approach)


def expectations_are_finite_and_in_order(result: Recommendation) -> None:
    for expected in (result.expected, *(a.expected for a in result.alternatives)):
        numbers = [expected.seconds, expected.memory_mb, expected.memory_overhead_mb]
        if expected.speedup:
            numbers += [expected.speedup.low, expected.speedup.mid, expected.speedup.high]
            assert expected.speedup.low <= expected.speedup.mid <= expected.speedup.high
        assert all(math.isfinite(n) and n >= 0 for n in numbers if n is not None)
        known = any(n is not None for n in numbers)
        assert (expected.source == "documented") == known


@settings(max_examples=15)
@given(profiles(), hosts())
def test_a_recommendation_survives_json(profile: WorkloadProfile, host: HostFacts) -> None:
    result = on(host).recommend(profile)  # with what would change it
    text = result.model_dump_json()
    assert Recommendation.model_validate_json(text) == result
    assert json.loads(text)["schema"] == 1


@settings(max_examples=30)
@given(profiles(), hosts(), profiles())
def test_the_same_workload_gets_the_same_answer_whatever_was_asked_before(
    profile: WorkloadProfile, host: HostFacts, other: WorkloadProfile
) -> None:
    first = on(host).recommend(profile, changes="none")
    selector = on(host)
    selector.recommend(other, changes="none")
    assert selector.recommend(profile, changes="none") == first
    renamed = profile.model_copy(update={"name": "x", "description": "y"})
    assert selector.recommend(renamed, changes="none").approach == first.approach


def alternatives_are_other_approaches_each_once_and_the_eligible_first(result: Recommendation) -> None:
    names = [alternative.approach for alternative in result.alternatives]
    assert result.approach not in names and len(set(names)) == len(names)
    rejected = [alternative.rejected_by is not None for alternative in result.alternatives]
    assert rejected == sorted(rejected)
    for alternative in result.alternatives:
        assert alternative.tradeoffs and all(alternative.tradeoffs)


@settings(max_examples=50)
@given(profiles(), hosts())
def test_what_is_ruled_out_is_chosen_only_if_everything_is_and_by_the_mildest_objection(
    profile: WorkloadProfile, host: HostFacts
) -> None:
    situation = Situation(profile, host, tables())
    choice = situation.choice
    if choice.chosen.ruled_out:
        gravest = {approach: min(objections(approach, situation), default=math.inf) for approach in APPROACHES}
        assert gravest[choice.chosen.approach] == max(gravest.values()) < math.inf
    elif choice.weighing is None:
        eligible = [c for c in (choice.chosen, *choice.others) if c.standing == "contender" and not c.ruled_out]
        assert choice.chosen in eligible or not eligible or choice.chosen.seconds


@settings(max_examples=30)
@given(profiles(durable=True) | profiles(machines=st.integers(2, 1000)), hosts())
def test_durable_work_gets_an_engine_and_so_does_what_several_machines_gain_from(
    profile: WorkloadProfile, host: HostFacts
) -> None:
    result, facts = on(host).recommend(profile, changes="none"), Situation(profile, host, tables()).facts
    used, gain = facts["one_machine_use"], facts["machines_gain"]  # of one machine in time; of all together
    enough = used <= 1 if used is not None else gain is not None and gain <= 1.2
    assume(profile.durable or not enough)
    assert result.approach == "distributed"
    keeps = result.engine in ("celery", "rq", "dramatiq", "huey")
    assert keeps == profile.durable or (profile.interpreters is not None and result.engine == "dramatiq")


@settings(max_examples=30)
@given(profiles(isolation=st.sampled_from(["crash", "security"])), hosts())
def test_isolation_is_never_met_within_the_process(profile: WorkloadProfile, host: HostFacts) -> None:
    assert on(host).recommend(profile, changes="none").approach not in IN_PROCESS


@settings(max_examples=15)
@given(profiles(interpreters=st.lists(st.sampled_from(GIL_TAGS), min_size=1, max_size=3)), hosts())
def test_free_threads_are_never_advised_where_no_such_build_may_be_used(
    profile: WorkloadProfile, host: HostFacts
) -> None:
    result = on(host).recommend(profile)
    assert result.approach not in FREE_THREADED
    assert result.interpreter in (profile.interpreters or ())
    for change in result.would_change or ():
        assert change.approach not in FREE_THREADED or change.input == "interpreters"


@settings(max_examples=30)
@given(profiles(free_threading_ready=False), hosts())
def test_free_threads_are_never_advised_where_a_dependency_is_not_ready(
    profile: WorkloadProfile, host: HostFacts
) -> None:
    assert on(host).recommend(profile, changes="none").approach not in FREE_THREADED


@settings(max_examples=50)
@given(profiles(event_loop=True), hosts())
def test_from_an_event_loop_nothing_is_advised_that_blocks_the_loop(profile: WorkloadProfile, host: HostFacts) -> None:
    choice = Situation(profile, host, tables()).choice
    assert choice.chosen.approach in LOOP | {"distributed"}
    if choice.chosen.approach == "asyncio" and not choice.chosen.ruled_out:
        assert profile.async_library is not False
        assert (profile.cpu_ms_per_task or 0) < 100
        assert (profile.cpu_ms_per_task or 0) <= (profile.latency_requirement_ms or math.inf)


@settings(max_examples=30)
@given(profiles(picklable=False, isolation=st.sampled_from([None, "none"])), hosts())
def test_what_does_not_pickle_is_never_sent_to_workers(profile: WorkloadProfile, host: HostFacts) -> None:
    result = on(host).recommend(profile, changes="none")
    assert result.approach not in ("multiprocessing", "asyncio_processes", "subinterpreters")


@settings(max_examples=12)
@given(workloads(), hosts())
def test_every_answer_in_would_change_is_true(data: dict[str, Any], host: HostFacts) -> None:
    selector = on(host)
    result = selector.recommend(profile_from_mapping(data))
    for change in result.would_change or ():
        assert change.input in {*input_names(), *data}  # measured fields: where they are given
        value = list(change.to) if isinstance(change.to, tuple) else change.to
        other = selector.recommend(profile_from_mapping({**data, change.input: value}), changes="none")
        assert answer_of(other) == answer_of(change) != answer_of(result)


@settings(max_examples=12)
@given(profiles(), hosts())
def test_the_explanation_agrees_with_the_recommendation(profile: WorkloadProfile, host: HostFacts) -> None:
    selector = on(host)
    result, explanation = selector.recommend(profile, changes="none"), selector.explain(profile)
    fired = {f"{t.table}/{row.rule}" for t in explanation.tables for row in t.rows if row.fired}
    assert {reason.rule for reason in result.reasons if "/" in reason.rule} <= fired
    for table in explanation.tables:
        for row in table.rows:
            assert not row.fired or row.matched
            assert row.matched == (row.cell is None)
    assert explanation.facts["workload_class"] == result.workload_class


# Cases ----------------------------------------------------------------------------------------------------------------


def advice(**fields: Any) -> Recommendation:
    return on(FIXED_HOST).recommend(profile_from_mapping({"workload_type": "cpu", **fields}), changes="none")


def test_free_threads_that_are_not_here_say_what_to_install_and_come_with_something_that_runs() -> None:
    host = HostFacts("linux", 4, (("3.13", "/x/python3.13"), ("3.14", "/x/python3.14")))
    profile = WorkloadProfile(
        workload_type="cpu", shared_state="disjoint_writes", tasks=1000, cpu_ms_per_task=20, free_threading_ready=True
    )
    result = on(host).recommend(profile)
    assert (result.approach, result.interpreter) == ("free_threaded", "3.14t")
    assert (result.runs_here.available, result.runs_here.interpreter) == (False, None)
    first = result.alternatives[0]
    assert (first.approach, first.rejected_by) == ("multiprocessing", None)
    assert on(FIXED_HOST).recommend(profile).runs_here.interpreter == "/x/python3.14t"


@settings(max_examples=30, suppress_health_check=[HealthCheck.filter_too_much])  # few choices are not here
@given(profiles(interpreters=None), hosts(GIL_TAGS).filter(lambda host: host.interpreters))
def test_where_the_choice_does_not_run_here_an_eligible_alternative_that_does_comes_first(
    profile: WorkloadProfile, host: HostFacts
) -> None:
    result = on(host).recommend(profile, changes="none")
    assume(not result.runs_here.available)
    traits = tables().approaches
    runs = [
        a.rejected_by is None and tag_for(traits[a.approach].traits.needs, profile, host) in host.tags
        for a in result.alternatives
    ]
    assert runs[:1] == [True] or not any(runs)


@pytest.mark.parametrize(
    ("fields", "tag"),
    [
        ({}, "3.14"),
        ({"interpreters": ["3.12", "3.13"]}, "3.13"),
        ({"interpreters": ["3.9", "3.10"]}, "3.10"),
        ({"shared_state": "read_only", "interpreters": ["3.13t", "3.14t", "3.14"]}, "3.14t"),
        ({"interpreters": ["3.13t"], "workload_type": "io"}, "3.13t"),
    ],
    ids=["newest here", "newest listed", "3.10 after 3.9", "newest free-threaded", "only a free-threaded one"],
)
def test_the_newest_fitting_interpreter_is_named(fields: dict[str, Any], tag: str) -> None:
    assert advice(**fields).interpreter == tag


def test_the_pool_is_no_larger_than_tasks_cores_or_memory_allow() -> None:
    fields: dict[str, Any] = {"tasks": 1000, "cpu_ms_per_task": 1000, "free_threading_ready": False}
    assert advice(**fields).workers == 4
    assert advice(**fields, cpu_cores=16).workers == 16
    assert advice(**{**fields, "tasks": 3}, cpu_cores=16).workers == 3
    small = advice(**fields, cpu_cores=16, task_memory_mb=50, memory_budget_mb=23 + 24 + 3.5 * (9 + 50))
    assert (small.approach, small.workers) == ("multiprocessing", 3)
    assert small.fits.memory is True


def test_waiting_threads_are_not_sized_by_the_cpu_quota() -> None:
    result = advice(workload_type="io", async_library=False, event_loop=False, tasks=500, concurrency=60, cpu_cores=1)
    assert (result.approach, result.workers) == ("threads", 60)


def test_unknown_quantities_leave_expectations_open() -> None:
    result = advice()
    assert (result.expected.speedup, result.expected.seconds, result.expected.latency_ms) == (None, None, None)
    assert (result.fits.memory, result.fits.latency) == (None, None)


def test_a_service_has_no_time_of_a_batch() -> None:
    result = advice(mode="service", tasks=100, cpu_ms_per_task=50)
    assert (result.expected.speedup, result.expected.seconds) == (None, None)


def test_a_service_has_a_throughput_where_it_is_known_how_many_requests_are_in_flight() -> None:
    fields: dict[str, Any] = {
        "workload_type": "hybrid",
        "mode": "service",
        "cpu_ms_per_task": 5,
        "io_wait_ms_per_task": 40,
    }
    assert advice(**fields).expected.throughput is None
    expected = advice(**fields, concurrency=40, event_loop=True, latency_requirement_ms=200).expected
    assert expected.seconds is None
    assert expected.speedup is not None
    assert (expected.throughput or 0) > 300  # a loop alone could do 200
    assert 45 < (expected.latency_ms or 0) < 200


def test_a_queue_that_misses_the_latency_rules_an_approach_out() -> None:
    fields: dict[str, Any] = {
        "workload_type": "hybrid",
        "mode": "service",
        "cpu_ms_per_task": 5,
        "io_wait_ms_per_task": 40,
    }
    result = advice(**fields, concurrency=100, latency_requirement_ms=200, free_threading_ready=False)
    by_loop = next(a for a in result.alternatives if a.approach == "asyncio")
    assert by_loop.rejected_by == "eligibility/queue-misses-latency"
    assert (by_loop.expected.latency_ms or 0) > 200
    assert result.fits.latency is True
    late = advice(**fields, concurrency=1000, latency_requirement_ms=200)
    assert late.fits.latency is False
    assert any(reason.rule == "eligibility/queue-misses-latency" for reason in late.reasons)


def test_memory_counts_the_data_of_all_tasks_and_a_budget_without_room_for_it_is_an_open_question() -> None:
    fields: dict[str, Any] = {"tasks": 100, "cpu_ms_per_task": 50, "task_memory_mb": 1, "releases_gil": True}
    few, many = (advice(**fields, payload_kb_per_task=kb, memory_budget_mb=100) for kb in (1, 10_000))
    assert (few.fits.memory, many.fits.memory) == (True, None)
    assert (many.expected.memory_mb or 0) > 900


def test_memory_counts_every_task_in_flight_and_is_not_met_without_knowing_how_many() -> None:
    fields: dict[str, Any] = {"workload_type": "io", "async_library": True, "io_wait_ms_per_task": 100}
    many = advice(**fields, tasks=100_000, concurrency=1000, task_memory_mb=3, memory_budget_mb=512)
    assert (many.approach, many.fits.memory) == ("asyncio", None)
    assert 3000 < (many.expected.memory_mb or 0) < 3100
    roomy = advice(**fields, tasks=100_000, concurrency=1000, task_memory_mb=3, memory_budget_mb=4096)
    assert roomy.fits.memory is True
    unknown = advice(**fields, mode="service", task_memory_mb=3, memory_budget_mb=512)
    assert unknown.fits.memory is None
    assert requirements_text(unknown) == "memory 512 MB not known (needs concurrency)"
    assert "the memory of one task at a time, as concurrency is not given" in unknown.expected.assumed


@pytest.mark.parametrize("load", [{}, {"tasks": 100}])
@pytest.mark.parametrize("kind", ["cpu", "io", "hybrid"])
@pytest.mark.parametrize("mode", ["batch", "service"])
def test_with_what_is_said_to_be_missing_a_speedup_is_predicted(kind: str, mode: str, load: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"workload_type": kind, "mode": mode, **load}
    open_ = advice(**fields)
    assert open_.expected.speedup is None
    given = {
        name: 1 if name == "requests_per_second" else 100 for name in missing(open_.profile)
    }  # that it keeps up with
    assert advice(**fields, **given).expected.speedup is not None
    for name in given:
        assert advice(**fields, **{n: v for n, v in given.items() if n != name}).expected.speedup is None, name


def test_what_a_gpu_takes_is_not_said_to_be_in_time() -> None:
    result = advice(gpu=True, tasks=10, cpu_ms_per_task=5, latency_requirement_ms=100)
    assert (result.expected.speedup, result.fits.latency) == (None, None)
    assert requirements_text(result) == "latency 100 ms not known (it depends on the GPU)"


def test_requirements_are_held_against_the_prediction() -> None:
    fields: dict[str, Any] = {"tasks": 100, "cpu_ms_per_task": 50, "task_memory_mb": 10, "isolation": "crash"}
    met = advice(**fields, latency_requirement_ms=100, memory_budget_mb=1000).fits
    assert (met.memory, met.latency) == (True, True)
    missed = advice(**fields, latency_requirement_ms=10, memory_budget_mb=1000)
    assert missed.fits.latency is False
    assert "advice/task-too-slow" in [reason.rule for reason in missed.reasons]


def test_a_batch_without_any_work_is_no_measure_of_speed() -> None:
    result = advice(gpu=True, releases_gil=True, tasks=5, cpu_ms_per_task=0, io_wait_ms_per_task=0)
    assert not any(reason.rule.startswith("speedup_bands") for reason in result.reasons)


@pytest.mark.parametrize("tiny", [5e-324, 1e-300, 1e-30])
def test_requirements_next_to_nothing_are_missed_and_break_nothing(tiny: float) -> None:
    result = advice(memory_budget_mb=tiny, latency_requirement_ms=tiny, cpu_ms_per_task=5, payload_kb_per_task=1e12)
    assert result.fits.latency is False


def test_a_listed_interpreter_that_is_not_here_is_not_called_available() -> None:
    result = advice(interpreters=["3.12"])
    assert (result.interpreter, result.runs_here.available) == ("3.12", False)


def test_the_public_function_uses_the_python_of_the_application_on_this_machine() -> None:
    here = this_host()
    assert here.application in here.tags  # the tests run on one of them
    result = recommend(WorkloadProfile(workload_type="io"))
    assert (result.interpreter, result.runs_here.interpreter) == (
        here.application,
        dict(here.interpreters)[here.application],
    )


def test_the_public_function_takes_a_folder_of_rules(tmp_path: Path) -> None:
    with pytest.raises(SelectorError, match="not a folder"):
        recommend(WorkloadProfile(workload_type="io"), rules=str(tmp_path / "missing"))
    (tmp_path / "engine.yaml").write_text((rules_folders(None)[-1] / "engine.yaml").read_text("utf-8"), "utf-8")
    assert recommend(WorkloadProfile(workload_type="io"), rules=tmp_path).approach == "asyncio"


def test_a_fallback_of_a_users_table_needs_no_better_reason(tmp_path: Path) -> None:
    (tmp_path / "strategy.yaml").write_text(
        "table: strategy\nhit_policy: rule_order\ninputs: {durable: {type: boolean}}\n"
        "outputs: {approach: {}, standing: {}}\n"
        "rules: [{id: mine, when: {durable: false}, then: {approach: asyncio, standing: fallback}}]\n",
        "utf-8",
    )
    mine = Selector(tmp_path, FIXED_HOST)
    result = mine.recommend(WorkloadProfile(workload_type="io"))
    assert result.approach == "asyncio"
    assert [r.text for r in result.reasons if r.rule == "strategy"] == ["No row of the table suits better."]
    unnamed = mine.recommend(WorkloadProfile(workload_type="io", durable=True))  # no row names any approach
    assert (unnamed.approach, unnamed.alternatives) == ("distributed", ())
