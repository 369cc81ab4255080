"""Benchmark plans: what holds for every workload and machine, and the cases that each rule of planning is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import ALONE, CPU, EXAMPLES, IO, MACHINES, TINY, check, notes_of, plan_of, tables, tried
from pythons import interpreter
from strategies import TAGS, hosts, profiles

from selector import HostFacts, SelectorError, WorkloadProfile
from selector.benchmark import plan as planning
from selector.benchmark.plan import BASELINE
from selector.recommend.chain import Situation
from selector.workload.profile import APPROACHES

# What holds for every workload ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tags", MACHINES.values(), ids=MACHINES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_plan_of_an_example_holds_together(name: str, tags: tuple[str, ...]) -> None:
    profile = EXAMPLES[name]
    if profile.interpreters and not set(profile.interpreters) & set(tags):
        with pytest.raises(SelectorError, match="none of the profile's interpreters can be measured"):
            plan_of(profile, *tags)
        return
    plan = plan_of(profile, *tags)
    check(plan)
    assert plan == plan_of(profile, *tags)
    load = profile.requests_per_second if profile.mode == "service" else profile.concurrency
    known = (profile.cpu_ms_per_task, profile.io_wait_ms_per_task, load)
    assert not plan.parameters["ASSUMED"] or None in known
    assert len(plan.approaches) > 1 or not profile.parallelizable or "nothing to compare" in notes_of(plan)


ANY_PLAN = (
    profiles(),
    hosts(),
    st.lists(st.sampled_from(TAGS), max_size=2, unique=True),
    st.none() | st.integers(0, 2**32),
)


@settings(max_examples=60)
@given(*ANY_PLAN)
def test_every_workload_gets_a_plan_or_an_error_that_says_what_to_do(
    profile: WorkloadProfile, host: HostFacts, wanted: list[str], seed: int | None
) -> None:
    check_any_plan(profile, host, wanted, seed)


@pytest.mark.slow
@settings(max_examples=600)
@given(*ANY_PLAN)
def test_many_workloads_get_a_plan_or_an_error_that_says_what_to_do(
    profile: WorkloadProfile, host: HostFacts, wanted: list[str], seed: int | None
) -> None:
    check_any_plan(profile, host, wanted, seed)


def check_any_plan(profile: WorkloadProfile, host: HostFacts, wanted: list[str], seed: int | None) -> None:
    plan = tried(lambda: plan_of(profile, host=host, wanted=wanted, seed=seed, budget_seconds=86400.0))
    if isinstance(plan, SelectorError):
        known = ("no interpreter", "none of the profile's", "no Python", "is too short", "the benchmark needs 3.10")
        assert any(part in plan.message for part in known), plan
        assert plan.hint
        return
    check(plan)
    assert plan.seed == seed
    assert not wanted or {p.tag for p in plan.pythons} == set(wanted)
    assert profile.parallelizable or set(plan.workers.values()) == {1}
    assert profile.parallelizable or plan.parameters.get("CONCURRENCY", 1) == 1


# Approaches -----------------------------------------------------------------------------------------------------------


def test_the_baseline_comes_first_then_the_recommendation_then_its_eligible_alternatives() -> None:
    plan = plan_of(EXAMPLES["web-scraper-balanced"], "3.14", "3.14t", cpus=4)
    assert plan.recommended == "free_threaded"  # as fast as its twin with a loop, and less to change
    assert plan.approaches == (
        "single_threaded", "free_threaded", "asyncio_processes", "asyncio_free_threaded", "multiprocessing", "asyncio_threads",
    )  # fmt: skip
    assert plan.recommended_tag == "3.14t"
    assert plan.notes == ()


def test_alternatives_that_a_rule_rejects_are_left_out_without_a_word() -> None:
    plan = plan_of({**CPU, "picklable": False, "free_threading_ready": True}, "3.14", "3.14t")
    assert plan.approaches == ("single_threaded", "free_threaded")
    assert "multiprocessing" not in notes_of(plan)


def test_contenders_come_before_fallbacks() -> None:
    profile = EXAMPLES["web-scraper-balanced"]
    choice = Situation(profile, HostFacts("linux", 2, (("3.14", "/x"), ("3.14t", "/y"))), tables()).choice
    standing = {c.approach: c.standing for c in choice.others}
    plan = plan_of(profile, "3.14", "3.14t")
    named = [standing[a] for a in plan.approaches[2:] if a in standing]
    assert named == sorted(named)
    assert set(named) == {"contender", "fallback"}


def test_what_runs_on_a_cluster_is_not_measured_and_challengers_stand_in() -> None:
    plan = plan_of(EXAMPLES["durable-email-jobs"], "3.11")
    assert plan.recommended == "distributed"
    assert plan.parameters["RECOMMENDED"] is None
    assert plan.scaling == ()
    assert plan.approaches == ("single_threaded", "threads", "multiprocessing")
    assert plan.notes == (
        "Not measured: the recommendation, distributed. It spreads over machines, and this benchmark runs on one.",
        "The baseline is compared with threads and multiprocessing, which the rules do not recommend here, to have a comparison.",
    )


def test_a_recommendation_that_cannot_run_here_stays_the_recommendation() -> None:
    plan = plan_of(EXAMPLES["database-million-rows"], "3.11")
    assert (plan.recommended, plan.recommended_tag) == ("free_threaded", "3.14t")
    assert plan.approaches == ("single_threaded", "multiprocessing")
    assert (
        "Not measured: the recommendation, free_threaded. It needs a free-threaded build, which is not on this machine: "
        "uv python install 3.14t"
    ) in plan.notes


def test_subinterpreters_need_3_14() -> None:
    profile = {**EXAMPLES["pricing-plugins"].given(), "interpreters": None}
    assert plan_of(profile, "3.14").approaches[1] == "subinterpreters"
    assert plan_of(profile, "3.11", "3.14t").approaches[1] == "subinterpreters"
    older = plan_of(profile, "3.13")
    assert "subinterpreters" not in older.approaches
    assert "It needs Python 3.14 or later, which is not on this machine: uv python install 3.15" in notes_of(older)


def test_a_build_that_is_here_but_was_not_asked_for_is_offered() -> None:
    plan = plan_of(EXAMPLES["database-million-rows"], "3.14", "3.13t", "3.14t", wanted=("3.14",))
    assert [p.tag for p in plan.pythons] == ["3.14"]
    assert (
        "Not measured: the recommendation, free_threaded. It needs a free-threaded build: --interpreter 3.14t adds one."
    ) in plan.notes


def test_what_to_install_is_a_build_of_the_profile() -> None:
    plan = plan_of({**CPU, "picklable": False, "interpreters": ["3.13", "3.13t"]}, "3.13")
    assert "which is not on this machine: uv python install 3.13t" in notes_of(plan)
    assert "In the profile, but not to be measured on this machine: Python 3.13t." in plan.notes


def test_another_build_stands_in_for_the_recommended_one() -> None:
    plan = plan_of({**CPU, "picklable": False, "interpreters": ["3.14", "3.13t", "3.14t"]}, "3.14", "3.13t")
    assert plan.recommended_tag == "3.14t"
    said = (
        "Python 3.14t, which the recommendation is for, cannot be measured on this machine: 3.13t is measured instead."
    )
    assert said in plan.notes


def test_a_build_that_was_asked_for_stands_in_for_the_recommended_one() -> None:
    plan = plan_of(IO, "3.13", "3.14", wanted=("3.13",))
    assert plan.recommended_tag == "3.14"
    assert "Python 3.14, which the recommendation is for, was not asked for: 3.13 is measured instead." in plan.notes


def test_no_build_stands_in_where_none_is_recommended() -> None:
    plan = plan_of(IO, available=(interpreter("3.14"),))
    assert plan.recommended_tag is None
    assert "instead" not in notes_of(plan)


@pytest.mark.parametrize("said", ["native_parallel", "releases_gil"])
def test_a_parallel_library_is_measured_only_where_the_profile_has_one(said: str) -> None:
    """Eligibility lets it through only where the profile has one; what is said to run today asks the plan itself."""
    today = {**TINY, "current_approach": "native_parallel"}
    assert "native_parallel" in plan_of({**today, said: True}, "3.14").approaches
    assert "native_parallel" in plan_of({**TINY, "native_parallel": True}, "3.14").approaches
    assert "native_parallel" not in plan_of(TINY, "3.14").approaches
    without = plan_of(today, "3.14")
    assert "native_parallel" not in without.approaches
    assert without.notes[0].startswith("Not measured: what runs today, native_parallel. Nothing in the profile says")


def test_threads_of_a_gil_build_are_not_measured_without_one() -> None:
    plan = plan_of(EXAMPLES["file-compression-zlib"], "3.13t")
    assert plan.recommended == "threads"
    assert plan.approaches == ("single_threaded", "multiprocessing")
    assert "It needs a build with the GIL, which is not on this machine: uv python install 3.15" in notes_of(plan)


HYBRID: dict[str, Any] = {
    "workload_type": "hybrid", "tasks": 500, "concurrency": 20, "cpu_ms_per_task": 20, "io_wait_ms_per_task": 60,
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "pools"),
    [
        ({}, {"threads", "multiprocessing"}),
        ({"picklable": False}, {"threads"}),
        ({"isolation": "crash"}, {"multiprocessing"}),
        ({"event_loop": True}, set()),
        ({"concurrency": None}, {"multiprocessing"}),  # of waits that nothing bounds, threads would hold too many
        ({"mode": "service", "concurrency": 20}, None),
    ],
)
def test_a_hybrid_batch_is_tried_with_pools_that_block(more: dict[str, Any], pools: set[str] | None) -> None:
    measured = set(plan_of({**HYBRID, **more}, "3.15").approaches) & {"threads", "multiprocessing"}
    assert pools is None or measured == pools


def test_what_runs_today_is_measured_whatever_the_tables_say_of_it() -> None:
    profile = {**CPU, "picklable": False, "free_threading_ready": True, "current_approach": "multiprocessing"}
    plan = plan_of(profile, "3.15", "3.14t")
    assert plan.approaches == ("single_threaded", "free_threaded", "multiprocessing")
    today = plan_of({**CPU, "current_approach": "distributed"}, "3.15")
    assert "Not measured: what runs today, distributed. It spreads over machines" in notes_of(today)
    same = plan_of({**CPU, "current_approach": "multiprocessing"}, "3.13")
    assert same.approaches.count("multiprocessing") == 1


# Challengers ----------------------------------------------------------------------------------------------------------

#: A workload that only the baseline is left of: the recommendation needs a cluster, and a rule rejects the rest.
DURABLE: dict[str, Any] = {**CPU, "durable": True}


@pytest.mark.parametrize(
    ("tags", "more", "challengers"),
    [
        (("3.13",), {}, ("threads", "multiprocessing")),
        (("3.14",), {"free_threading_ready": False}, ("threads", "multiprocessing")),
        (("3.14", "3.14t"), {"workload_type": "io", "io_wait_ms_per_task": 5}, ("threads", "free_threaded")),
        (("3.14",), {"workload_type": "io", "io_wait_ms_per_task": 5}, ("threads", "subinterpreters")),
        (("3.13",), {"isolation": "crash"}, ("multiprocessing",)),
        (("3.13",), {"isolation": "security", "picklable": False}, ()),
        (("3.13",), {"picklable": False}, ("threads",)),
        (("3.13",), {"event_loop": True}, ("asyncio_threads", "asyncio_processes")),
        (("3.13", "3.13t"), {"picklable": False, "free_threading_ready": False}, ("threads",)),
        (("3.13",), {"parallelizable": False}, ()),
        (("3.13t",), {"picklable": False}, ("free_threaded",)),
    ],
)
def test_challengers_are_what_a_sceptic_would_try(
    tags: tuple[str, ...], more: dict[str, Any], challengers: tuple[str, ...]
) -> None:
    plan = plan_of({**DURABLE, **more}, *tags)
    assert plan.recommended == "distributed"
    assert plan.approaches == ("single_threaded", *challengers)
    named = " and ".join(challengers)
    said = f"The baseline is compared with {named}," if named else "There is nothing to compare the baseline with."
    assert sum(note.startswith(said) for note in plan.notes) == 1


def test_nobody_challenges_where_an_alternative_is_left() -> None:
    plan = plan_of(TINY, "3.14")
    assert plan.recommended == "single_threaded"
    assert plan.approaches == ("single_threaded", "threads")
    assert "compare" not in notes_of(plan)


# Pools ----------------------------------------------------------------------------------------------------------------


def test_pools_are_those_of_the_recommendation() -> None:
    plan = plan_of(EXAMPLES["object-store-backup"].model_copy(update={"concurrency": 8}), "3.14", cpus=2)
    assert plan.workers == {
        "single_threaded": 1, "threads": 8, "asyncio_threads": 8, "asyncio_processes": 2,
    }  # fmt: skip
    assert plan.notes == ()


@pytest.mark.parametrize(("cpus", "processes"), [(2, 8), (16, 16), (64, 61)])
def test_a_hundred_processes_are_no_plan(cpus: int, processes: int) -> None:
    many = {**IO, "tasks": 5000}  # so many that the start of a hundred processes pays
    plan = plan_of({**many, "concurrency": 100, "isolation": "crash", "async_library": False}, "3.14", cpus=cpus)
    assert plan.recommended == "multiprocessing"
    assert plan.workers["multiprocessing"] == processes
    assert (
        f"multiprocessing is measured with {processes} processes, not 100, which would take too long to start."
    ) in plan.notes


def test_nor_are_a_hundred_interpreters() -> None:
    many = {**CPU, "tasks": 50_000}  # so many that the start of a hundred interpreters pays
    plan = plan_of({**many, "subinterpreter_ready": True, "free_threading_ready": False}, "3.14", cpus=100)
    assert plan.workers["subinterpreters"] == plan.workers["multiprocessing"] == 61
    assert (
        "subinterpreters is measured with 61 interpreters, not 100, which would take too long to start." in plan.notes
    )


@pytest.mark.parametrize(("async_library", "workers"), [(True, 2), (None, 2), (False, 30)])
def test_the_pool_beside_a_loop_that_waits_has_a_worker_a_cpu(async_library: bool | None, workers: int) -> None:
    computing = {**IO, "tasks": 5000, "cpu_ms_per_task": 10, "io_wait_ms_per_task": 90, "releases_gil": True}
    plan = plan_of({**computing, "concurrency": 30, "async_library": async_library}, "3.14")
    assert plan.workers["asyncio_threads"] == workers
    said = "asyncio_threads is measured with a pool of 2, not 30: the event loop does the waiting."
    assert (said in plan.notes) == (workers == 2)


def test_more_cores_in_the_profile_than_here_are_measured_with_those_of_here() -> None:
    plan = plan_of({**CPU, "cpu_cores": 8}, "3.13", cpus=2)
    assert plan.parameters["CPUS"] == plan.workers["multiprocessing"] == 2
    assert "The profile has 8 CPU cores, this machine 2: everything is measured with 2." in plan.notes
    assert plan_of({**CPU, "cpu_cores": 2}, "3.13", cpus=8).parameters["CPUS"] == 2


def test_it_also_says_so_where_the_recommendation_was_made_for_the_cores_of_here() -> None:
    plan = plan_of({**CPU, "cpu_cores": 2}, "3.13", cpus=2, cpus_asked=8)
    assert plan.parameters["CPUS"] == 2
    assert plan.notes[0] == "The profile has 8 CPU cores, this machine 2: everything is measured with 2."


def test_a_machine_with_a_million_cores_has_no_say_in_how_many_threads_wait_here() -> None:
    plan = plan_of({**IO, "cpu_cores": 10**6, "async_library": False}, "3.13", cpus=2)
    assert plan.workers["threads"] == 100  # which is what is assumed to be in flight
    assert plan_of({**IO, "tasks": None, "cpu_cores": 500}, "3.13", cpus=2).workers["threads"] == 6


def test_tasks_that_depend_on_each_other_have_one_worker_and_one_in_flight() -> None:
    plan = plan_of({**ALONE, "concurrency": 9, "isolation": "crash"}, "3.14")
    assert plan.workers == {"single_threaded": 1, "multiprocessing": 1}
    assert plan.parameters["CONCURRENCY"] == 1
    assert plan.scaling == ()
    assert "The tasks depend on each other: one is in flight at a time, and every pool has one worker." in plan.notes


@pytest.mark.parametrize(
    ("profile", "tags", "recommended", "scales"),
    [
        (CPU, ("3.13",), "multiprocessing", True),
        ({**CPU, "free_threading_ready": True}, ("3.14t", "3.14"), "free_threaded", True),
        ({**CPU, "releases_gil": True}, ("3.13",), "threads", True),
        ({**IO, "async_library": False}, ("3.13",), "threads", False),
        (IO, ("3.13",), "asyncio", False),
        (TINY, ("3.13",), "single_threaded", False),
        ({**CPU, "free_threading_ready": True}, ("3.13",), "free_threaded", False),  # it cannot run here
    ],
)
def test_a_pool_that_computes_is_scaled(
    profile: dict[str, Any], tags: tuple[str, ...], recommended: str, scales: bool
) -> None:
    plan = plan_of(profile, *tags)
    assert plan.recommended == recommended
    assert plan.scaling == ((1, 2, 4, 8) if scales else ())


def test_approaches_are_told_apart_by_their_traits() -> None:
    """The baseline is the one approach that planning knows by name; the other two words are values of a trait."""
    text = Path(planning.__file__).read_text("utf-8")
    assert [a for a in APPROACHES if f'"{a}"' in text] == [BASELINE, "free_threaded", "subinterpreters"]
