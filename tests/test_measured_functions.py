"""What the tables say about functions that were measured, and about each of the fields that measuring gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from strategies import FIXED_HOST

from selector import Recommendation, Selector
from selector.files import resource_dir
from selector.recommend.changes import MEASURED, input_names, values_to_try
from selector.recommend.facts import HostFacts
from selector.workload.reading import profile_from_mapping

pytestmark = pytest.mark.one_python

TWO_CPUS = HostFacts("linux", 2, (("3.14", "/x/3.14"), ("3.13t", "/x/3.13t")), "3.14")
NAMES = ("tasks", "cpu_ms_per_task", "gil_share", "pickle_ms_per_task", "import_ms", "free_threaded_ratio")
PLAIN = {"workload_type": "cpu", "tasks": 200, "cpu_ms_per_task": 20}


def asked(host: HostFacts = FIXED_HOST, **fields: Any) -> Recommendation:
    return Selector(host=host).recommend(profile_from_mapping(fields), changes="none")


def rows(result: Recommendation) -> set[str]:
    return {reason.rule for reason in result.reasons}


def rejected(result: Recommendation, approach: str) -> str | None:
    return next(a.rejected_by for a in result.alternatives if a.approach == approach)


# Functions with real libraries ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "others", "best"),
    [
        # Pillow: threads 1.97x of plain code, free threads 1.84, processes 1.45
        ((48, 60, 0.03, 0.01, 120, 1.0), {"free_threading_ready": True}, {"threads"}),
        # fields out of BeautifulSoup objects, which take 24 ms to pickle: threads 0.92, free threads 0.71, processes 0.26
        (
            (400, 3.5, 1.0, 24, 150, 1.94),
            {"free_threading_ready": True, "subinterpreter_ready": True, "payload_kb_per_task": 24},
            {"single_threaded"},
        ),
        # pandas, 1.4 s to import: threads 1.25, free threads 1.01, processes 0.68
        ((60, 40, 0.77, 0.3, 1400, 1.75), {"free_threading_ready": True}, {"threads"}),
        # SQLite: threads 1.99, processes 1.61, free threads 1.45
        ((96, 25, 0.09, 0.02, 20, 1.02), {"free_threading_ready": True, "subinterpreter_ready": True}, {"threads"}),
        # small arrays of NumPy: free threads 1.43, processes 1.15, threads 0.98
        ((100, 25, 1.0, 0.05, 200, 1.15), {"free_threading_ready": True}, {"free_threaded"}),
        # pdfminer.six: processes 1.23, free threads 0.96, threads 0.82
        ((40, 90, 0.99, 0.05, 350, 1.84), {"free_threading_ready": True}, {"multiprocessing"}),
        # SHA-256 by the kilobyte: free threads 1.51, subinterpreters 1.45, processes 1.31, threads 1.06
        (
            (60, 60, 0.85, 0.01, 10, 1.1),
            {"free_threading_ready": True, "subinterpreter_ready": True},
            {"free_threaded", "subinterpreters", "multiprocessing"},
        ),
        # lxml: threads 1.46, processes 0.90
        ((100, 15, 0.34, 0.2, 80, None), {"free_threading_ready": False, "payload_kb_per_task": 300}, {"threads"}),
    ],
)
def test_what_was_fastest_of_a_real_function_is_recommended(
    figures: tuple[float | None, ...], others: dict[str, Any], best: set[str]
) -> None:
    """On two CPUs: shares, ratios, pickling and imports as they were measured, the size of the batch about so."""
    told = {"subinterpreter_ready": False, "picklable": True, "shared_state": "none", "interpreters": ["3.14", "3.13t"]}
    fields = {"workload_type": "cpu", "cpu_cores": 2, **told, **dict(zip(NAMES, figures, strict=True)), **others}
    assert asked(TWO_CPUS, **fields).approach in best


# Field by field -------------------------------------------------------------------------------------------------------


def test_the_share_counts_before_the_word_for_it() -> None:
    few = {**PLAIN, "cpu_cores": 4, "releases_gil": False}
    assert asked(**few, gil_share=0.05).approach == "threads"
    assert asked(**{**few, "releases_gil": True}, gil_share=1.0).approach == asked(**few).approach != "threads"
    assert asked(**few, gil_share=0.25).workload_class == "cpu_native"  # four threads on four CPUs
    assert asked(**few, gil_share=0.26).workload_class == "cpu_independent"


def test_what_threads_can_gain_at_most_is_said_where_nothing_else_is_known() -> None:
    result = asked(workload_type="cpu", gil_share=0.4, cpu_cores=2, picklable=False, free_threading_ready=False)
    assert (result.approach, result.expected.at_most) == ("threads", 2.0)
    result = asked(workload_type="cpu", gil_share=0.4, cpu_cores=16)
    threads = next((a for a in result.alternatives if a.approach == "threads"), None)
    assert threads is None or threads.expected.at_most == 2.5


def test_a_function_that_keeps_the_gil_is_not_run_in_threads_beside_a_loop() -> None:
    called = {"workload_type": "cpu", "event_loop": True, "gil_share": 0.1, "cpu_ms_per_task": 300, "tasks": 500}
    assert asked(**called).approach == "asyncio_threads"
    held = asked(**called, gil_hold_ms=250)
    assert held.approach == "asyncio_processes"
    assert rejected(held, "asyncio_threads") == "eligibility/gil-held-beside-a-loop"
    assert "advice/gil-held" in rows(asked(**called, gil_hold_ms=20))
    assert "advice/gil-held" not in rows(asked(**called, gil_hold_ms=5))


def test_a_gil_held_past_the_latency_requirement_rules_threads_out() -> None:
    result = asked(workload_type="cpu", releases_gil=True, latency_requirement_ms=50, gil_hold_ms=80)
    assert result.approach != "threads"
    assert rejected(result, "threads") == "eligibility/gil-held-past-latency"


def test_free_threads_that_gain_nothing_are_not_recommended_even_where_nothing_is_predicted() -> None:
    ready = {"workload_type": "cpu", "free_threading_ready": True, "cpu_cores": 2}
    assert asked(**ready).approach == "free_threaded"
    slow = asked(**ready, free_threaded_ratio=1.94)
    assert slow.approach != "free_threaded"
    assert rejected(slow, "free_threaded") == "eligibility/free-threads-gain-nothing"


def test_threads_that_read_the_same_objects_are_not_freed() -> None:
    ready = {"workload_type": "cpu", "free_threading_ready": True}
    assert asked(**ready, shared_state="read_only").approach == "free_threaded"
    result = asked(**ready, shared_state="hot_reads")
    assert (result.workload_class, result.approach) == ("cpu_shared", "multiprocessing")
    assert rejected(result, "free_threaded") == "eligibility/hot-reading"


def test_files_have_no_way_through_a_loop() -> None:
    reads = {"workload_type": "io", "tasks": 500, "concurrency": 100, "io_wait_ms_per_task": 20}
    assert asked(**reads, async_library=True).approach == "asyncio"
    for said in (None, True):
        result = asked(**reads, io_kind="disk", async_library=said)
        assert result.approach == "threads"
        assert not {a.approach for a in result.alternatives if a.rejected_by is None} & {"asyncio"}
    on_a_loop = asked(**reads, cpu_ms_per_task=5, io_kind="disk", event_loop=True)
    assert on_a_loop.approach == "asyncio_threads"


def test_no_more_children_than_cpus() -> None:
    calls = {"workload_type": "io", "tasks": 500, "io_wait_ms_per_task": 400, "io_kind": "subprocess", "cpu_cores": 4}
    result = asked(**calls)
    assert (result.approach, result.workers) == ("threads", 4)
    assert "sizing/waits-for-children" in rows(result)
    assert result.expected.speedup is not None
    assert result.expected.speedup.high <= 4
    assert not result.expected.assumed
    on_a_loop = asked(**calls, event_loop=True)
    assert on_a_loop.approach == "asyncio"
    assert "advice/bound-the-children" in rows(on_a_loop)


def test_a_database_has_a_bounded_number_of_connections() -> None:
    queries = {"workload_type": "io", "tasks": 5000, "io_wait_ms_per_task": 20, "io_kind": "database"}
    assert "advice/bound-the-connections" in rows(asked(**queries, concurrency=300))
    assert "advice/bound-the-connections" not in rows(asked(**queries, concurrency=100))


@pytest.mark.parametrize(
    ("python", "platform", "row"),
    [
        ("3.14", "linux", "import-once-in-the-server"),
        ("3.14", "macos", "import-in-each-process"),
        ("3.13", "linux", None),
    ],
)
def test_how_imports_of_workers_are_saved(python: str, platform: str, row: str | None) -> None:
    fields = {**PLAIN, "cpu_ms_per_task": 300, "import_ms": 1400, "interpreters": [python], "platform": platform}
    result = asked(**fields)
    assert result.approach == "multiprocessing"
    assert {r for r in rows(result) if "import" in r} == ({f"advice/{row}"} if row else set())


def test_pickling_that_takes_its_time_is_named() -> None:
    fields = {**PLAIN, "cpu_ms_per_task": 60, "interpreters": ["3.14"]}
    assert "advice/pickle-less" in rows(asked(**fields, pickle_ms_per_task=15))
    assert "advice/pickle-less" not in rows(asked(**fields, pickle_ms_per_task=1))


def test_beside_workers_a_parallel_library_gets_one_thread() -> None:
    result = asked(workload_type="hybrid", native_parallel=True, event_loop=True, concurrency=20)
    assert "advice/one-thread-in-the-library" in rows(result)


# What is asked, and what would change -------------------------------------------------------------------------------


def test_what_takes_a_measurement_is_no_question_and_changes_nothing_until_it_is_given() -> None:
    assert not set(MEASURED) & set(input_names())
    selector = Selector(host=FIXED_HOST)

    def inputs(**more: Any) -> set[str]:
        return {c.input for c in selector.recommend(profile_from_mapping({**PLAIN, **more})).would_change or ()}

    assert not set(MEASURED) & inputs()
    assert "gil_share" in inputs(gil_share=0.9, free_threading_ready=False)
    assert "io_kind" in input_names()


def test_a_table_of_a_users_own_that_is_older_than_a_word_still_says_what_would_change(tmp_path: Path) -> None:
    ours = resource_dir("rules") / "strategy.yaml"
    older = ours.read_text("utf-8").replace(", hot_reads]", "]")
    (tmp_path / "strategy.yaml").write_text(older, "utf-8")
    selector = Selector(tmp_path, FIXED_HOST)
    assert "hot_reads" not in values_to_try(selector.knowledge, "shared_state")
    assert selector.recommend(profile_from_mapping(PLAIN)).would_change
