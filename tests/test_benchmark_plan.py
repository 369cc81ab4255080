"""Benchmark plans: what holds for every workload and machine, and the cases that each rule of planning is for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import TAGS, hosts, profiles

from selector import HostFacts, SelectorError, WorkloadProfile
from selector.benchmark import plan as planning
from selector.benchmark.plan import BASELINE, BenchmarkPlan, budget_from_text, plan_benchmark
from selector.host import Interpreter
from selector.pipeline import example_profiles
from selector.recommend.chain import Situation
from selector.recommend.knowledge import Knowledge, load_knowledge
from selector.recommend.recommendation import build_recommendation
from selector.workload.profile import APPROACHES

#: The parameters of templates/compare_approaches.py, in its order.
PARAMETERS = (
    "NAME", "RECOMMENDED", "APPROACHES", "WORKERS", "SCALING", "CPUS", "TASKS", "CONCURRENCY", "CPU_MS_PER_TASK",
    "IO_WAIT_MS_PER_TASK", "PAYLOAD_KB_PER_TASK", "TASK_MEMORY_MB", "STARTUP_MS", "STARTUP_MEMORY_MB", "SHARED_STATE",
    "RELEASES_GIL", "NATIVE_PARALLEL", "ASYNC_LIBRARY", "MEMORY_BUDGET_MB", "ASSUMED", "BUDGET_SECONDS",
)  # fmt: skip
MACHINES = {"3.14 and 3.13t": ("3.14", "3.13t"), "only 3.11": ("3.11",), "only 3.13t": ("3.13t",)}
EXAMPLES = dict(example_profiles())
CPU: dict[str, Any] = {"workload_type": "cpu", "tasks": 200, "cpu_ms_per_task": 20, "releases_gil": False}
IO: dict[str, Any] = {"workload_type": "io", "tasks": 500, "io_wait_ms_per_task": 50, "cpu_ms_per_task": 0.1}
TINY: dict[str, Any] = {"workload_type": "cpu", "tasks": 2, "cpu_ms_per_task": 0.01}
ALONE = {**CPU, "parallelizable": False}


@cache
def tables() -> Knowledge:
    """The shipped knowledge, loaded once."""
    return load_knowledge()


def interpreter(tag: str, path: str = "", implementation: Any = "CPython") -> Interpreter:
    """An interpreter that was found."""
    return Interpreter(
        path=path or f"/x/python{tag}",
        version=f"{tag.rstrip('t')}.1",
        tag=tag,
        implementation=implementation,
        free_threaded=tag.endswith("t"),
        gil_enabled=not tag.endswith("t"),
        bits=64,
        found_in="PATH",
    )


def plan_of(
    profile: WorkloadProfile | dict[str, Any],
    *tags: str,
    cpus: int = 2,
    host: HostFacts | None = None,
    available: tuple[Interpreter, ...] | None = None,
    **options: Any,
) -> BenchmarkPlan:
    """The plan for a workload on a Linux machine with these interpreters, or on that host."""
    if isinstance(profile, dict):
        profile = WorkloadProfile.model_validate(profile)
    host = host or HostFacts("linux", cpus, tuple((tag, f"/x/python{tag}") for tag in tags))
    if available is None:
        available = tuple(map(interpreter, host.tags))
    situation = Situation(profile, host, tables())
    recommendation = build_recommendation(situation)
    options = {"budget_seconds": 60.0, "usable_cpus": host.usable_cpus} | options
    return plan_benchmark(situation, recommendation, available, **options)


def tried(call: Callable[[], Any]) -> Any:
    """What a call returns, or the error it ends in."""
    try:
        return call()
    except SelectorError as error:
        return error


def notes_of(plan: BenchmarkPlan) -> str:
    return "\n".join(plan.notes)


def check(plan: BenchmarkPlan) -> None:
    """What every plan keeps."""
    traits = {a: tables().approaches[a].traits for a in plan.approaches}
    tags = [p.tag for p in plan.pythons]
    assert plan.approaches[0] == BASELINE
    assert len(set(plan.approaches)) == len(plan.approaches)
    assert plan.recommended in plan.approaches[
        :2
    ] or f"Not measured: the recommendation, {plan.recommended}." in notes_of(plan)
    assert all(t.runs_in != "cluster" for t in traits.values())
    assert tuple(plan.workers) == plan.approaches
    assert all(1 <= size <= 256 for size in plan.workers.values())
    assert all(plan.workers[a] == 1 for a, t in traits.items() if t.pool == "none")
    assert all(plan.workers[a] <= 61 for a, t in traits.items() if t.runs_in == "workers")
    assert plan.scaling in ((), (1, 2, 4, 8))
    assert len(set(tags)) == len(tags)
    assert plan.pythons == tuple(sorted(plan.pythons, key=lambda p: (p.free_threaded, -int(p.tag[2:].rstrip("t")))))
    assert not any(t.needs == "free_threaded" for t in traits.values()) or any(p.free_threaded for p in plan.pythons)
    assert not any(t.convoy for t in traits.values()) or not plan.pythons[0].free_threaded
    assert len(set(plan.notes)) == len(plan.notes)
    check_parameters(plan)
    assert BenchmarkPlan.model_validate_json(plan.model_dump_json()) == plan


def check_parameters(plan: BenchmarkPlan) -> None:
    """The parameters are those of the template, of the types that it has, and agree with the plan."""
    given_ = plan.parameters
    assert tuple(given_) == PARAMETERS
    assert all(type(given_[name]) is float for name in PARAMETERS if name.endswith(("_MS", "_TASK", "MEMORY_MB")))
    assert all(type(given_[name]) is bool for name in ("RELEASES_GIL", "NATIVE_PARALLEL", "ASYNC_LIBRARY"))
    assert given_["RECOMMENDED"] == (plan.recommended if plan.recommended in plan.approaches else None)
    expected = (plan.name, plan.approaches, plan.workers, plan.scaling, plan.budget_seconds)
    assert tuple(given_[n] for n in ("NAME", "APPROACHES", "WORKERS", "SCALING", "BUDGET_SECONDS")) == expected
    assert isinstance(given_["ASSUMED"], tuple) and set(given_["ASSUMED"]) <= {
        "CPU_MS_PER_TASK", "IO_WAIT_MS_PER_TASK", "CONCURRENCY",
    }  # fmt: skip


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
    known = (profile.cpu_ms_per_task, profile.io_wait_ms_per_task, profile.concurrency)
    assert not plan.parameters["ASSUMED"] or None in known
    assert len(plan.approaches) > 1 or not profile.parallelizable or "nothing to compare" in notes_of(plan)


@settings(max_examples=300)
@given(profiles(), hosts(), st.lists(st.sampled_from(TAGS), max_size=2, unique=True), st.none() | st.integers(0, 2**32))
def test_every_workload_gets_a_plan_or_an_error_that_says_what_to_do(
    profile: WorkloadProfile, host: HostFacts, wanted: list[str], seed: int | None
) -> None:
    plan = tried(lambda: plan_of(profile, host=host, wanted=wanted, seed=seed, budget_seconds=86400.0))
    if isinstance(plan, SelectorError):
        known = ("no interpreter", "none of the profile's", "no Python", "is too short", "the benchmark needs 3.10")
        assert any(part in plan.message for part in known), plan
        assert plan.hint
        return
    check(plan)
    assert plan.seed == seed
    assert not wanted or {p.tag for p in plan.pythons} == set(wanted)
    assert profile.parallelizable or (set(plan.workers.values()) == {1} and plan.parameters["CONCURRENCY"] == 1)


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


# Interpreters ---------------------------------------------------------------------------------------------------------

MANY = ("3.9", "3.11", "3.13", "3.13t", "3.14", "3.14t")


def tags_of(plan: BenchmarkPlan) -> list[str]:
    return [python.tag for python in plan.pythons]


def test_the_newest_of_each_kind_are_measured_and_the_one_with_the_gil_is_the_reference() -> None:
    assert tags_of(plan_of(CPU, *MANY)) == ["3.14", "3.14t"]
    assert tags_of(plan_of(CPU, "3.11", "3.14t")) == ["3.11", "3.14t"]


def test_the_python_that_the_recommendation_is_for_is_measured_and_the_newest_of_the_other_kind() -> None:
    """An application on 3.11 is not told what 3.14 does, though that is here too."""
    host = HostFacts("linux", 2, tuple((tag, f"/x/python{tag}") for tag in MANY), application="3.11")
    plan = plan_of({**CPU, "free_threading_ready": False}, host=host, application="3.11")
    assert (plan.recommended_tag, tags_of(plan)) == ("3.11", ["3.11", "3.14t"])
    assert "instead" not in notes_of(plan)
    free = plan_of({**CPU, "free_threading_ready": True}, host=host, application="3.11")
    assert (free.recommended_tag, tags_of(free)) == ("3.14t", ["3.11", "3.14t"])  # against what runs today
    newer = plan_of(
        {**CPU, "picklable": False, "subinterpreter_ready": True, "free_threading_ready": False},
        host=host,
        application="3.11",
    )
    assert newer.recommended_tag == tags_of(newer)[0]


def test_the_interpreters_of_the_profile_win_over_those_found() -> None:
    plan = plan_of({**CPU, "interpreters": ["3.13t", "3.12", "3.11", "3.13"]}, *MANY)
    assert tags_of(plan) == ["3.13", "3.11", "3.13t"]
    assert plan.notes[0] == "In the profile, but not to be measured on this machine: Python 3.12."


def test_the_interpreters_asked_for_win_over_the_profile() -> None:
    plan = plan_of({**CPU, "interpreters": ["3.13"]}, *MANY, wanted=("3.14T", "/x/python3.11", "3.11", "3.14t"))
    assert tags_of(plan) == ["3.11", "3.14t"]
    assert plan.pythons[0].path == "/x/python3.11"


def test_only_free_threaded_builds_make_one_of_them_the_reference() -> None:
    plan = plan_of(CPU, *MANY, wanted=("3.13t", "3.14t"))
    assert tags_of(plan) == ["3.14t", "3.13t"]
    assert plan.notes[0] == (
        "Only free-threaded builds are measured: the baseline runs on 3.14t, and the times per task are those of that build."
    )


def test_one_interpreter_a_tag_is_measured_the_one_that_the_recommendation_names() -> None:
    found = (interpreter("3.14", "/a"), interpreter("3.14", "/b"), interpreter("3.14", "/c", "PyPy"))
    for options in ({}, {"wanted": ("3.14",)}):
        assert [p.path for p in plan_of(CPU, available=found, **options).pythons] == ["/b"]
    assert [p.path for p in plan_of(CPU, available=found, wanted=("/a",)).pythons] == ["/a"]


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        (("3.12",), r'no interpreter "3.12" on this machine', "here are: 3.14 (/x/python3.14), 3.13t (/x/python3.13t)"),
        (("\x1b[31m",), r'no interpreter "\\u001b\[31m" on this machine', "here are: 3.14"),
        (("3.9",), r'interpreter "3.9" is Python 3.9: the benchmark needs 3.10 or later', "here are: 3.14"),
        (("3.11",), r'interpreter "3.11" is PyPy: builds of CPython are compared', "here are: 3.14"),
        (("3.14", "/other"), "two interpreters of one version, 3.14: /x/python3.14 and /other", "give one of them"),
    ],
)
def test_interpreters_that_cannot_be_measured_are_refused(wanted: tuple[str, ...], message: str, hint: str) -> None:
    found = (
        interpreter("3.9"), interpreter("3.11", implementation="PyPy"), interpreter("3.14", "/other"),
        interpreter("3.14"), interpreter("3.13t"),
    )  # fmt: skip
    with pytest.raises(SelectorError, match=message) as caught:
        plan_of(CPU, available=found, wanted=wanted)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(("listed", "install"), [(["3.12", "3.13t"], "3.13t"), (["3.8"], "3.15")])
def test_a_profile_whose_interpreters_are_elsewhere_is_refused(listed: list[str], install: str) -> None:
    with pytest.raises(SelectorError, match="none of the profile's interpreters can be measured") as caught:
        plan_of({**CPU, "interpreters": listed}, "3.8", "3.14")
    assert caught.value.hint == (
        f"uv python install {install}, or --interpreter with one that is here: 3.14 (/x/python3.14)"
    )


def test_a_machine_without_a_python_that_is_new_enough_is_refused() -> None:
    with pytest.raises(SelectorError, match="no Python that the benchmark can run on") as caught:
        plan_of(CPU, "3.8", "3.9")
    assert (caught.value.exit_code, caught.value.hint) == (1, "uv python install 3.15")
    with pytest.raises(SelectorError) as caught:
        plan_of(CPU, "3.8", wanted=("3.14",))
    assert caught.value.hint == "here are: none that the benchmark can run on"


# The workload ---------------------------------------------------------------------------------------------------------


def test_the_parameters_are_the_quantities_of_the_profile() -> None:
    plan = plan_of(
        {
            **CPU, "name": "Ten \x1b[31m {{ 7*7 }} \"'", "concurrency": 7, "io_wait_ms_per_task": 3,
            "payload_kb_per_task": 4, "task_memory_mb": 5, "has_expensive_startup": True, "startup_ms": 6,
            "startup_memory_mb": 7, "shared_state": "hot_writes", "memory_budget_mb": 800, "async_library": False,
        },
        "3.13",
        budget_seconds=30.0,
        io="sleep",
        seed=5,
    )  # fmt: skip
    assert plan.parameters == {
        "NAME": "Ten \x1b[31m {{ 7*7 }} \"'", "RECOMMENDED": "multiprocessing",
        "APPROACHES": plan.approaches, "WORKERS": plan.workers, "SCALING": (1, 2, 4, 8), "CPUS": 2, "TASKS": 200,
        "CONCURRENCY": 7, "CPU_MS_PER_TASK": 20.0, "IO_WAIT_MS_PER_TASK": 3.0, "PAYLOAD_KB_PER_TASK": 4.0,
        "TASK_MEMORY_MB": 5.0, "STARTUP_MS": 6.0, "STARTUP_MEMORY_MB": 7.0, "SHARED_STATE": "hot_writes",
        "RELEASES_GIL": False, "NATIVE_PARALLEL": False, "ASYNC_LIBRARY": False, "MEMORY_BUDGET_MB": 800.0,
        "ASSUMED": (), "BUDGET_SECONDS": 30.0,
    }  # fmt: skip
    assert (plan.name, plan.io, plan.seed, plan.budget_seconds) == (plan.parameters["NAME"], "sleep", 5, 30.0)


@pytest.mark.parametrize(
    ("kind", "cpu_ms", "wait_ms", "assumed"),
    [
        ("cpu", 5.0, 0.0, ("CPU_MS_PER_TASK",)),
        ("io", 0.0, 20.0, ("IO_WAIT_MS_PER_TASK", "CONCURRENCY")),
        ("hybrid", 5.0, 20.0, ("CPU_MS_PER_TASK", "IO_WAIT_MS_PER_TASK", "CONCURRENCY")),
    ],
)
def test_what_nobody_gave_is_assumed_and_named(
    kind: str, cpu_ms: float, wait_ms: float, assumed: tuple[str, ...]
) -> None:
    plan = plan_of({"workload_type": kind}, "3.14")
    parameters = plan.parameters
    assert (parameters["CPU_MS_PER_TASK"], parameters["IO_WAIT_MS_PER_TASK"]) == (cpu_ms, wait_ms)
    assert parameters["ASSUMED"] == assumed
    in_flight = 100 if "CONCURRENCY" in assumed else None
    assert (parameters["TASKS"], parameters["CONCURRENCY"], parameters["MEMORY_BUDGET_MB"]) == (None, in_flight, None)
    assert (parameters["NAME"], parameters["SHARED_STATE"], parameters["ASYNC_LIBRARY"]) == ("Workload", "none", True)
    assert sum("not known" in note for note in plan.notes) == len(assumed)


@pytest.mark.parametrize(
    ("more", "in_flight", "assumed"),
    [
        ({"tasks": 50_000}, 100, True),
        ({"tasks": 50_000, "concurrency": 7}, 7, False),
        ({"tasks": 12}, 12, False),  # which are in flight at once anyway
        ({"tasks": 50_000, "cpu_ms_per_task": 900}, None, False),  # it hardly waits
    ],
)
def test_unknown_concurrency_is_never_all_tasks_at_once_in_silence(
    more: dict[str, Any], in_flight: int | None, assumed: bool
) -> None:
    plan = plan_of({"workload_type": "io", "io_wait_ms_per_task": 50, **more}, "3.15")
    assert plan.parameters["CONCURRENCY"] == in_flight
    assert ("CONCURRENCY" in plan.parameters["ASSUMED"]) == assumed  # type: ignore[operator]
    assert ("How many operations are in flight at once is not known: 100 are assumed." in plan.notes) == assumed


def test_a_startup_of_unknown_length_is_not_invented() -> None:
    plan = plan_of({**CPU, "has_expensive_startup": True}, "3.14")
    assert plan.parameters["STARTUP_MS"] == 0.0
    assert "How long the expensive startup takes is not known: it is not measured." in plan.notes


# The budget -----------------------------------------------------------------------------------------------------------


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


def test_approaches_are_told_apart_by_their_traits() -> None:
    """The baseline is the one approach that planning knows by name; the other two words are values of a trait."""
    text = Path(planning.__file__).read_text("utf-8")
    assert [a for a in APPROACHES if f'"{a}"' in text] == [BASELINE, "free_threaded", "subinterpreters"]
