"""From what the probe says to fields of the profile: the thresholds, and what stays unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from measured import COMPUTES, WAITS, said, saying
from measured_fields import CLIENTS, fields, values

from selector.measure.builds import (
    free_threaded_fields,
    one_thread_will_do,
    order_of,
    other_results,
    own_build_fields,
    subinterpreter_fields,
    tried_of,
)
from selector.measure.clients import Client
from selector.measure.findings import findings_from
from selector.measure.notes import notes_on
from selector.measure.problems import problem_of
from selector.workload.profile import WorkloadProfile


def test_pure_computing() -> None:
    found = values(COMPUTES, task_mb=0.01, order="none")
    assert found == {
        "tasks": 40, "workload_type": "cpu", "cpu_ms_per_task": 1.0, "io_wait_ms_per_task": 0.0, "native_parallel": False,
        "gil_share": 1.0, "releases_gil": False, "gil_hold_ms": 5.0, "picklable": True, "pickle_ms_per_task": 0.005,
        "payload_kb_per_task": 0.02, "shared_state": "none", "parallelizable": True, "task_memory_mb": 0.0, "import_ms": 18.2,
        "has_expensive_startup": False,
    }  # fmt: skip


def test_every_field_is_one_of_the_profile_and_says_how() -> None:
    for facts in (
        COMPUTES,
        WAITS,
        saying(steps={"await_ms": 10.0, "block_ms": 25.0, "block_wait_ms": 0.0}, coroutine=True),
    ):
        found = fields(facts, task_mb=1.0, order="order", twin=True)
        WorkloadProfile.model_validate({name: each.value for name, each in found.items()})
        assert all(each.how and each.how.isprintable() for each in found.values())


def test_what_waits_is_told_from_noise_and_from_lack_of_a_cpu() -> None:
    assert values(saying(solo={"wait_ms": 0.25, "wall_ms": 9.0, "delay_ms": 7.5}))["io_wait_ms_per_task"] == 0
    waits = fields(WAITS)
    assert (waits["workload_type"].value, waits["io_wait_ms_per_task"].value) == ("io", 20.1)
    assert values(saying(solo={"wall_ms": 35.0, "cpu_ms": 15.0, "wait_ms": 20.0}))["workload_type"] == "hybrid"
    unsure = fields(saying(solo={"wall_ms": 35.0, "cpu_ms": 15.0, "wait_ms": 20.0, "delay_known": False}))
    assert unsure["io_wait_ms_per_task"].low == 0
    assert "lack of a CPU" in unsure["io_wait_ms_per_task"].how


def test_calls_that_differ_get_a_range() -> None:
    cpu = fields(saying(solo={"cpu_p10_ms": 0.5, "cpu_p90_ms": 3.0}))["cpu_ms_per_task"]
    assert (cpu.value, cpu.low, cpu.high) == (1.0, 0.5, 3.0)
    assert fields(COMPUTES)["cpu_ms_per_task"].low is None


def test_a_library_that_computes_in_threads() -> None:
    found = values(saying(solo={"cpu_ms": 20.0, "helper_ms": 18.0, "wall_ms": 21.0, "wait_ms": 1.0}))
    assert (found["native_parallel"], found["cpu_ms_per_task"], found["io_wait_ms_per_task"]) == (True, 38.0, 0.0)
    assert "gil_hold_ms" not in found
    waits = {"cpu_ms": 0.3, "helper_ms": 0.6, "wall_ms": 16.0, "wait_ms": 15.1}  # a server for it in the same process
    assert values(saying(solo=waits)).get("native_parallel") is not True


def test_what_is_too_large_to_pickle_is_unknown() -> None:
    assert "picklable" not in values(saying(result_pickles=None))


def test_a_few_sentences_that_no_field_holds() -> None:
    facts = saying(
        lazy="generator", items_why="memory", mutated=[0], solo={"children_cpu_ms": 90.0}, result_dump_ms=40.0
    )
    notes = " ".join(notes_on(findings_from(facts), "chance", CLIENTS))
    for words in (
        "generator",
        "first 40 items",
        "changes the item",
        "compute 90 ms",
        "another process",
        "pickle an item",
    ):
        assert words in notes


def test_what_does_not_pickle_is_named() -> None:
    found = fields(saying(items_pickle=False, item_pickle_error="item 0: cannot pickle 'lock'"))
    assert found["picklable"].value is False
    assert "the item does not: item 0: cannot pickle 'lock'" in found["picklable"].how
    assert "pickle_ms_per_task" not in found


@pytest.mark.parametrize(
    ("first", "later", "again", "state"),
    [
        ({}, {}, {}, "none"),
        ({"m.CACHE": "new"}, {}, {}, "read_only"),
        ({"m.TOTAL": "value"}, {"m.TOTAL": "value"}, {"m.TOTAL": "value"}, "hot_writes"),
        ({}, {"m.SEEN": ["'a'"]}, {"m.SEEN": ["'b'"]}, "disjoint_writes"),
        ({}, {"m.SEEN": ["'a'"]}, {"m.SEEN": ["'a'"]}, "hot_writes"),
        ({}, {"m.f": "cache"}, {"m.f": "cache"}, "read_only"),
        ({}, {"m.LAST": "rebound"}, {}, "disjoint_writes"),
    ],
)
def test_shared_state_by_what_changed(first: Any, later: Any, again: Any, state: str) -> None:
    assert values(saying(globals_first=first, globals_later=later, globals_again=again))["shared_state"] == state


def test_objects_that_all_read_are_seen_by_two_free_threads() -> None:
    free = findings_from(
        saying(two={"own": {"cpu_ratio": 1.0, "speedup": 1.9}, "same": {"cpu_ratio": 2.4, "speedup": 0.8}})
    )
    noise = findings_from(
        saying(two={"own": {"cpu_ratio": 1.0, "speedup": 1.9}, "same": {"cpu_ratio": 2.4, "speedup": 1.9}})
    )
    assert values(COMPUTES, own=noise.own, same=noise.same)["shared_state"] == "none"
    assert values(COMPUTES, own=free.own, same=free.same)["shared_state"] == "hot_reads"
    assert values(COMPUTES, own=free.own, same=free.own)["shared_state"] == "none"
    assert values(WAITS, own=free.own, same=free.same)["shared_state"] == "none"  # it hardly computes
    cached = saying(solo={"cached": True})
    assert values(cached, own=free.own, same=free.same)["shared_state"] == "none"  # the same item is in the cache
    assert "no contention here" in fields(COMPUTES, own=free.own, same=free.own)["shared_state"].how


def test_what_it_waits_for_and_which_client_there_is() -> None:
    found = fields(WAITS)
    assert (found["io_kind"].value, found["async_library"].value) == ("network", False)
    assert "httpx" in found["async_library"].how
    assert any("requests" in note and "httpx" in note for note in notes_on(findings_from(WAITS), None, CLIENTS))
    assert values(WAITS, twin=True)["async_library"] is True
    assert values({**WAITS, "io_seen": ["disk", "network"]})["io_kind"] == "mixed"
    assert "io_kind" not in values({**WAITS, "io_seen": ["sleep"]})
    assert "io_kind" not in values(saying(io_seen=["disk"]))  # it does not wait: it was in the page cache


def test_a_coroutine() -> None:
    steps = {
        "cpu_ms": 25.0,
        "await_ms": 10.0,
        "block_ms": 25.0,
        "block_wait_ms": 0.0,
        "gather_of": 8,
        "gather_ratio": 0.7,
    }
    facts = saying(coroutine=True, steps=steps)
    found = values(facts)
    assert (found["workload_type"], found["async_library"], found["event_loop"]) == ("hybrid", True, True)
    assert notes_on(findings_from(facts), None, CLIENTS)[0].startswith(
        "It blocks the event loop for 25 ms at a time, computing"
    )


def test_a_costly_start_is_that_of_set_up_and_first_call() -> None:
    found = values(saying(setup_ms=400.0, rss_setup_mb=80.0, first_ms=300.0))
    assert (found["has_expensive_startup"], found["startup_ms"], found["startup_memory_mb"]) == (True, 699.0, 50.0)
    assert "startup_ms" not in values(COMPUTES)
    lazy = values(saying(first_ms=301.0, first_imports=["sklearn"]))
    assert (lazy["has_expensive_startup"], lazy["startup_ms"], lazy["import_ms"]) == (True, 300.0, 18.2)
    assert "as it imports sklearn" in fields(saying(first_ms=301.0, first_imports=["sklearn"]))["startup_ms"].how


def test_a_busy_machine_is_told() -> None:
    quiet, busy = (findings_from(saying(solo={"delay_ms": ms, "wall_ms": 1.0 + ms})) for ms in (0.02, 0.6))
    assert not any("busy" in note for note in notes_on(quiet, None, CLIENTS))
    assert notes_on(busy, None, CLIENTS)[0].startswith("Other programs were busy: calls waited for a CPU for 37 %")


def test_no_figures_are_no_fields() -> None:
    assert fields({}) == {}
    assert fields({"solo": {"cpu_ms": float("nan"), "wall_ms": 1}}) == {}
    assert fields({"solo": "text", "two": [], "sampler": 5}) == {}


# Other Pythons, order, threads of the library -------------------------------------------------------------------------


def test_free_threads_by_having_run_under_them() -> None:
    calls = findings_from(COMPUTES).calls
    assert calls is not None
    there = said(
        "again",
        saying(gil=False, gil_after_run=False, solo={"cpu_ms": 1.9, "cpu_p10_ms": 1.8, "cpu_p90_ms": 2.0}),
        "3.13t",
    )
    found = free_threaded_fields(there, calls, None)
    assert {name: each.value for name, each in found.items()} == {
        "free_threading_ready": True,
        "free_threaded_ratio": 1.9,
    }
    back_on = said("again", saying(gil_after_run=True, gil_module="numpy"), "3.13t")
    assert "numpy" in free_threaded_fields(back_on, calls, None)["free_threading_ready"].how
    missing = said(
        "again", {"phase": "import", "problem": {"kind": "cannot_import", "text": "needs numpy"}}, "3.13t", code=1
    )
    assert free_threaded_fields(missing, calls, problem_of(missing)) == {}  # not installed: nothing is known
    crash = said("again", {"phase": "solo"}, "3.13t", code=-11)
    assert free_threaded_fields(crash, calls, problem_of(crash))["free_threading_ready"].value is False


def test_a_free_threaded_build_of_its_own_says_whether_the_gil_stayed_off() -> None:
    assert own_build_fields(findings_from(COMPUTES)) == {}
    off = own_build_fields(findings_from(saying(free_threaded=True, gil=False, gil_after_run=False)))
    on = own_build_fields(findings_from(saying(free_threaded=True, gil_after_run=True, gil_module="numpy")))
    assert (off["free_threading_ready"].value, on["free_threading_ready"].value) == (True, False)
    assert "numpy" in on["free_threading_ready"].how


def test_subinterpreters_by_having_tried() -> None:
    no = said("subinterpreter", {"subinterpreter": False, "why": "numpy does not support it"})
    assert "numpy" in subinterpreter_fields(no, None)["subinterpreter_ready"].how
    assert subinterpreter_fields(said("subinterpreter", {"subinterpreter": None}), None) == {}


def test_what_a_second_subinterpreter_cannot_import_is_not_ready_for_them() -> None:
    """NumPy imported inside the function: the first of a process loads it, and a pool has more than one."""
    home = said("worker", {"digests": ["a", "error ValueError"]})
    same = said("subinterpreter", {"subinterpreter": True, "digests": ["a", "error ValueError"]})
    assert subinterpreter_fields(same, home)["subinterpreter_ready"].value is True
    errors = {"ImportError": {"count": 1, "message": "cannot load numpy twice", "item": 0}}
    facts = {"subinterpreter": True, "digests": ["error ImportError", "error ValueError"], "errors": errors}
    found = subinterpreter_fields(said("subinterpreter", facts), home)["subinterpreter_ready"]
    assert found.value is False and "cannot load numpy twice" in found.how


def test_a_python_in_which_every_call_raises_does_not_run_it() -> None:
    errors = {"ModuleNotFoundError": {"count": 2, "message": "No module named 'sklearn'", "item": 0}}
    there = said("worker", saying(digests=["error ModuleNotFoundError"] * 2, errors=errors), "3.15")
    home = said("worker", saying(digests=["1", "2", "3"]))
    tried = tried_of(there, home)
    assert (tried.imports, tried.why) == (False, "every call raises ModuleNotFoundError: No module named 'sklearn'")
    assert other_results(home, {"3.15": there}, "none") == []
    assert tried_of(
        there, said("worker", saying(digests=["error ModuleNotFoundError"] * 3))
    ).imports  # as it does at home


def test_order_is_told_from_chance() -> None:
    a, b, c = (said("worker", {"digests": [name, name]}) for name in "abc")
    assert order_of(a, a, None) == "none"
    assert order_of(a, b, a) == "order"
    assert order_of(a, b, c) == "chance"
    assert order_of(a, b, None) is None
    assert order_of(a, None, None) is None


def test_one_thread_of_the_library_will_do_unless_more_gain_well_without_lack_of_a_cpu() -> None:
    many = findings_from(saying(solo={"wall_ms": 100.0, "delay_ms": 5.0}))
    assert one_thread_will_do(many, findings_from(saying(solo={"wall_ms": 50.0, "delay_ms": 5.0})))
    assert one_thread_will_do(many, findings_from(saying(solo={"wall_ms": 125.0, "delay_ms": 5.0})))
    assert not one_thread_will_do(many, findings_from(saying(solo={"wall_ms": 145.0, "delay_ms": 5.0})))
    assert not one_thread_will_do(many, replace(many, calls=None))
    own = {"helper_ms": 40.0}  # threads that the function itself starts, which no variable keeps from computing
    busy = findings_from(saying(solo={"wall_ms": 100.0, "delay_ms": 5.0, **own}))
    assert not one_thread_will_do(busy, findings_from(saying(solo={"wall_ms": 50.0, "delay_ms": 5.0, **own})))


# Problems -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "end", "kind", "words"),
    [
        ({"phase": "solo"}, {"code": -9, "fault": "killed"}, "killed", "memory runs out"),
        ({"phase": "solo"}, {"code": -11, "fault": "killed"}, "crashes", "native code"),
        ({"phase": "first call"}, {"code": 3, "fault": "exit"}, "exits", "in its first call"),
        ({"phase": "solo"}, {"code": 0}, "exits", "ends its process"),
        ({"phase": "solo"}, {"code": -15, "overdue": True, "fault": "late"}, "too_slow", "--budget"),
        ({}, {"fault": "it cannot be run: no such file", "code": None}, "cannot_run", "no such file"),
        (
            {"problem": {"kind": "no_such_name", "text": "resize.py has no f\x1b[31m"}},
            {"code": 1},
            "no_such_name",
            "\\x1b",
        ),
    ],
)
def test_each_end_of_a_child_has_its_sentence(
    facts: dict[str, Any], end: dict[str, Any], kind: str, words: str
) -> None:
    problem = problem_of(said("main", facts, **{"phase": facts.get("phase", "start"), **end}))
    assert problem is not None
    assert problem.kind == kind
    assert words in problem.text
    assert problem.text.isprintable()


def test_a_hang_names_the_line_of_the_user() -> None:
    stack = (
        'Timeout (0:00:10)!\nThread 0x1 (most recent call first):\n  File "/usr/lib/python3.14/threading.py", line 1 in run\n'
        '  File "/p/probes/function/solo.py", line 2 in call\n  File "/home/me/resize.py", line 14 in hang\n'
    )
    problem = problem_of(said("main", {"phase": "first call"}, code=1, fault="exit", errors=stack))
    assert problem is not None
    assert problem.kind == "hangs"
    assert "/home/me/resize.py, line 14, in hang" in problem.text
    assert "hangs, or takes long to start" in problem.text


def test_a_second_call_without_time_is_no_hang() -> None:
    cut = said("main", {**COMPUTES, "phase": "second call"}, code=1, fault="exit", errors="Timeout (0:00:09.500000)!\n")
    assert cut.done
    assert problem_of(cut) is None
    hangs = problem_of(replace(cut, phase="solo"))
    assert hangs is not None
    assert "nothing happened for 9.5 s" in hangs.text


def test_the_table_of_clients_has_sources_and_no_client_is_said_to_be_none() -> None:
    assert all(client.source for client in CLIENTS.values())
    assert CLIENTS["sqlite3"] == Client("sqlite3", "database", None, CLIENTS["sqlite3"].source)
