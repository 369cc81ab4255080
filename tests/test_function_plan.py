"""The plan to measure a user's function: which Pythons, which approaches, what is known; and how it stands in a script."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from strategies import FIXED_HOST

from selector import Selector, SelectorError
from selector.benchmark.plan import BenchmarkPlan, PlannedPython
from selector.benchmark.programs import script_for
from selector.benchmark.subject import Subject, for_a_script_in, plan_function, pythons_to_try
from selector.workload.profile import WorkloadProfile

OWN = PlannedPython(tag="3.12", path="/env/bin/python", free_threaded=False)
SUBJECT = Subject(function="lab.py:f", folder=Path("/work/lab"), items="40")
LOCAL = (
    "single_threaded",
    "asyncio",
    "threads",
    "asyncio_threads",
    "free_threaded",
    "asyncio_free_threaded",
    "multiprocessing",
)


def planned(profile: WorkloadProfile | None = None, **changes: Any) -> BenchmarkPlan:
    known = None
    if profile is not None:
        selector = Selector(host=FIXED_HOST)
        situation = selector.situation(profile)
        known = (situation, selector.recommend(situation, "none"))
    options: dict[str, Any] = {"known": known, "approaches": LOCAL, "budget_seconds": 30.0, "usable_cpus": 4}
    return plan_function(SUBJECT, [OWN], **options | changes)


def test_without_a_profile_nothing_is_recommended_and_everything_is_measured() -> None:
    plan = planned()
    assert (plan.recommended, plan.workers, plan.template, plan.io) == (None, {}, "own_function", "function")
    assert plan.approaches == LOCAL and plan.parameters["CPUS"] == 4
    assert BenchmarkPlan.model_validate_json(plan.model_dump_json()) == plan
    script = script_for(plan)
    ast.parse(script, feature_version=(3, 10))
    assert "FUNCTION = 'lab.py:f'" in script and "def load_target(" in script


def test_what_asyncio_is_measured_with_is_told() -> None:
    assert planned().notes == ()
    twin = SUBJECT.model_copy(update={"async_function": "lab.py:g"})
    plan = plan_function(twin, [OWN], known=None, approaches=LOCAL, budget_seconds=30.0, usable_cpus=4)
    assert plan.notes == ("asyncio is measured with lab.py:g, all else with lab.py:f",)


def test_a_profile_adds_what_it_says_of_the_job_and_of_waits() -> None:
    profile = WorkloadProfile(
        workload_type="io", cpu_ms_per_task=1, io_wait_ms_per_task=50, tasks=500, concurrency=40, cpu_cores=2,
        memory_budget_mb=900, async_library=False, latency_requirement_ms=1000,
    )  # fmt: skip
    plan = planned(profile)
    assert plan.recommended == plan.parameters["RECOMMENDED"] == "threads"
    asked = {name: plan.parameters[name] for name in ("TASKS", "CONCURRENCY", "MEMORY_BUDGET_MB", "CPUS")}
    assert asked == {"TASKS": 500, "CONCURRENCY": 40, "MEMORY_BUDGET_MB": 900.0, "CPUS": 2}
    assert plan.workers["threads"] == plan.workers["asyncio_threads"] > 2  # a blocking call holds a thread, loop or not
    assert "multiprocessing" not in plan.workers
    assert planned(WorkloadProfile(workload_type="io")).workers == {}
    one_by_one = planned(profile.model_copy(update={"parallelizable": False}))
    assert (one_by_one.parameters["CONCURRENCY"], one_by_one.workers) == (1, {})


def test_the_pythons_are_the_users_own_and_those_that_can_do_more() -> None:
    here = {tag: f"/x/python{tag}" for tag in ("3.9", "3.11", "3.14", "3.15", "3.13t", "3.14t")}
    found = pythons_to_try(OWN, None, here)
    assert [(p.tag, p.free_threaded) for p in found] == [("3.12", False), ("3.14t", True), ("3.15", False)]
    assert found[1].path == here["3.14t"]
    new = PlannedPython(tag="3.14", path="/env/bin/python", free_threaded=False)
    assert [p.tag for p in pythons_to_try(new, None, here)] == ["3.14", "3.14t"]
    assert pythons_to_try(new, [OWN], here) == (new, OWN)  # those that were named, and no others
    assert pythons_to_try(OWN, [], here) == (OWN,)  # no other, as the user said
    assert pythons_to_try(OWN, None, {}) == (OWN,)
    free = PlannedPython(tag="3.14t", path="/t", free_threaded=True)
    assert [p.tag for p in pythons_to_try(free, None, here)] == ["3.14t"]
    with pytest.raises(SelectorError) as refused:
        pythons_to_try(OWN, [PlannedPython(tag="3.12", path="/other", free_threaded=False)], here)
    assert refused.value.message == "two interpreters of one version, 3.12: /env/bin/python and /other"


def test_a_script_finds_the_function_from_where_it_lies() -> None:
    assert for_a_script_in(planned(), Path("/work/lab")).parameters["FOLDER"] == "."
    assert for_a_script_in(planned(), Path("/work/lab/bench")).parameters["FOLDER"] == ".."
