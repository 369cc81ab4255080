"""Children of the probe, really run on the lab's functions: what they find, and how they end."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time

import psutil
import pytest
from function_probe import LAB, PROBE, ask

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sessions and signals")
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("probe")


@pytest.mark.slow
def test_a_function_of_less_than_a_microsecond_is_measured_whole(folder):
    said = ask(folder, "main", "computing.py:micro", items="20", seconds=0.15)
    assert said.code == 0 and said["phase"] == "done" and said["skipped"] == []
    assert 0 < said["solo"]["cpu_ms"] < 0.01 and said["solo"]["wait_ms"] < 0.01
    assert said["function_pickles"] and said["items_pickle"] and said["result_pickles"]
    assert said["first_imports"] == []
    assert said["tasks"] == said["taken"] == 20 and said["mutated"] == [] and said["io_seen"] == []
    assert {"own"} <= said["two"].keys() and said["gil"] == ("probe" in said.all)


def test_what_the_function_prints_and_reads_is_kept_apart(folder):
    said = ask(folder, "worker", "failing.py:talks", items="2")
    assert said.code == 0 and len(said["digests"]) == 2
    assert said.log.splitlines() == [
        "hello 0",
        '{"phase": "forged"}',
        "noise",
        "hello 1",
        '{"phase": "forged"}',
        "noise",
    ]
    assert all(message.get("phase") != "forged" for message in said.messages)


@pytest.mark.parametrize(
    ("target", "options", "kind"),
    [
        ("failing.py:exits", {"items": "5"}, "exits"),
        ("failing.py:always", {"items": "5"}, "raises_always"),
        ("failing.py:some", {"items": "failing.py:FILES"}, "items_used_up"),
        ("failing.py:some", {"items": "5", "setup": "failing.py:fails_to_start"}, "setup_fails"),
        ("failing.py:two", {"items": "5"}, "arguments"),
        ("keeping.py:Model.of_number", {"items": "5"}, "arguments"),
        ("failing.py:absent", {}, "no_such_name"),
    ],
)
def test_what_cannot_be_measured_ends_in_a_problem(folder, target, options, kind):
    said = ask(folder, "main", target, seconds=0.1, **options)
    assert said.code == 1 and said["problem"]["kind"] == kind and "done" not in said["phase"]


def test_a_child_that_dies_leaves_what_it_said_and_its_phase(folder):
    said = ask(folder, "main", "failing.py:leaves", items="5")
    assert (said.code, said["phase"], said["taken"]) == (7, "first call", 5)
    said = ask(folder, "main", "failing.py:killed", items="5")
    assert (said.code, said["phase"]) == (-9, "first call")


def test_a_call_that_hangs_leaves_its_stack(folder):
    said = ask(folder, "worker", "failing.py:hangs", items="7", call_seconds=0.6)
    assert said.code == 1 and said["phase"] == "worker" and "problem" not in said.all
    assert said.stacks.startswith("Timeout (0:00:00") and "in hangs" in said.stacks


def test_a_first_call_that_takes_long_does_not_hang(folder):
    said = ask(folder, "main", "waiting.py:warms_up", items="9", seconds=0.1, budget=1.0, call_seconds=0.8, most=20)
    assert said.code == 0 and said["phase"] == "done"
    assert said["first_ms"] >= 1200 and said["solo"]["wall_ms"] < 100
    assert {"phase": "second call"} in said.messages
    cut = ask(folder, "main", "waiting.py:warms_up", items="9", seconds=0.1, budget=0.5, call_seconds=0.4, most=0.6)
    assert cut.code == 1 and cut["phase"] == "first call" and "in warms_up" in cut.stacks


def test_items_that_take_long_after_easy_ones_are_no_hang(folder):
    said = ask(folder, "again", "waiting.py:uneven", items="8", seconds=0.1, call_seconds=1.0)
    assert said.code == 0 and said["solo"]["batch"] <= 8


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the processes below are not known")
def test_what_calls_start_and_leave_ends_with_them(folder):
    said = ask(folder, "worker", "failing.py:leaves_a_child", items="2")
    left = [int(line) for line in said.log.split()]
    assert said.code == 0 and len(left) == 2
    end = time.monotonic() + 10
    while {process.pid for process in psutil.process_iter(["status"]) if process.info["status"] != "zombie"} & {*left}:
        assert time.monotonic() < end


def test_what_only_raises_is_called_with_each_item_once(folder):
    said = ask(folder, "main", "failing.py:always", items="40")
    assert said["problem"]["kind"] == "raises_always" and "every item tried (12)" in said["problem"]["text"]


def test_calls_that_only_raise_are_not_looked_at(folder):
    said = ask(folder, "look", "failing.py:always", items="50", seconds=0.1)
    assert said.code == 1 and said["problem"]["kind"] == "raises_always" and "held" not in said["phase"]


def test_results_that_depend_on_the_order_differ_in_reverse(folder):
    forward, reverse = (
        ask(folder, "worker", "keeping.py:depends", items="keeping.py:ITEMS", order=order)
        for order in ("forward", "reverse")
    )
    assert forward["digests"] != reverse["digests"] and len(forward["digests"]) == 12
    assert forward["results_pickle"]


def test_a_user_may_have_modules_with_the_names_of_ours(folder, tmp_path):
    (tmp_path / "target.py").write_text("def memory(x): return x\n")
    said = ask(folder, "worker", "target.py:memory", folder=str(tmp_path), items="2")
    assert said.code == 0 and len(said["digests"]) == 2


def test_a_child_ends_when_whoever_started_it_is_gone(folder):
    options = {
        "target": "failing.py:hangs",
        "items": "7",
        "folder": str(LAB),
        "while_open": True,
        "cache": str(folder / "cache"),
    }
    command = [sys.executable, "-B", str(PROBE), "worker", json.dumps(options)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        while b'"worker"' not in child.stdout.readline():
            pass
        child.stdin.close()
        assert child.wait(10) == 1


# Slow: the whole lab, under all Pythons that are here ---------------------------------------------------------------------


def found() -> list[str]:
    """This Python, and those of the names that we support if they are here."""
    names = [path for name in ("python3.14", "python3.15", "python3.13t") if (path := shutil.which(name))]
    return [sys.executable, *names]


def has_gil(python: str) -> bool:
    code = "import sys; print(getattr(sys, '_is_gil_enabled', lambda: True)())"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "True"


def measured(folder, python: str, name: str, items: str, **more):
    said = ask(folder, "main", name, python=python, items=items, look=0.5, seconds=0.6, **more)
    assert said.code == 0, said
    return said


@slow
@pytest.mark.parametrize("python", found())
@pytest.mark.parametrize(
    ("name", "items", "share"),
    [
        ("computing.py:loops", "computing.py:NUMBERS", 1.0),
        ("computing.py:large_blocks", "computing.py:BLOCKS", 0.0),
        ("computing.py:small_blocks", "computing.py:SMALL", 1.0),
        ("computing.py:native_hold", "computing.py:DIGITS", 1.0),
        ("waiting.py:naps_and_computes", "waiting.py:ITEMS", 1.0),
    ],
)
def test_the_share_of_the_gil_is_seen_from_outside(folder, python, name, items, share):
    said = measured(folder, python, name, items)
    assert said["solo"]["cpu_ms"] > 0
    looked = said.all.get("on_cpu") or {}  # 3.14 and later, on Linux
    if looked.get("looks", 0) >= 50:  # on a busy machine few looks meet it computing
        rough = 0.3 if name.startswith("waiting") else 0.2  # a thread that is ready may not have a CPU yet
        assert looked["held"] == pytest.approx(share, abs=rough)
    if said["gil"] and name.endswith("native_hold"):
        assert said["probe"]["hold_ms"] > 20
    elif (
        said["gil"] and said["probe"]["hold_ms"] >= 15
    ):  # an accident on a busy machine does not happen again and again
        again = (measured(folder, python, name, items)["probe"]["hold_ms"] for _ in range(4))
        assert any(hold_ms < 15 for hold_ms in again)


@slow
@pytest.mark.parametrize("python", found())
@pytest.mark.parametrize(
    ("name", "more", "wait", "seen"),
    [
        ("naps", {}, 20, "sleep"),
        ("naps_and_computes", {}, 10, "sleep"),
        ("asks", {"setup": "waiting.py:serve"}, 15, "network"),
        ("queries", {}, 0, "database"),
        ("reads", {}, 0, "disk"),
    ],
)
def test_waiting_is_measured_and_what_for(folder, python, name, more, wait, seen):
    said = measured(folder, python, f"waiting.py:{name}", "waiting.py:ITEMS", **more)
    assert said["solo"]["wait_ms"] == pytest.approx(wait, abs=max(0.3, 0.3 * wait))
    assert seen in said["io_seen"]


@slow
@pytest.mark.parametrize("python", found())
def test_coroutines_are_timed_between_awaits(folder, python):
    waits = measured(folder, python, "waiting.py:gives_awaitable", "waiting.py:ITEMS")
    assert waits["coroutine"] and waits["steps"]["block_ms"] < 5 and waits["steps"]["gather_ratio"] < 0.5
    blocks = measured(folder, python, "waiting.py:blocks_async", "waiting.py:ITEMS")
    assert blocks["steps"]["block_ms"] == pytest.approx(25, abs=5)
    assert blocks["steps"]["block_wait_ms"] > 15 and blocks["steps"]["gather_ratio"] > 0.6


@slow
@pytest.mark.parametrize("python", found())
def test_what_calls_keep_and_change_is_named(folder, python):
    counts = measured(folder, python, "keeping.py:counts", "keeping.py:ITEMS")
    assert counts["globals_later"] == counts["globals_again"] == {"keeping.TOTAL": "value"}
    caches = measured(folder, python, "keeping.py:caches", "keeping.py:ITEMS")
    assert caches["globals_first"] == {"keeping.TABLE": "value"} and caches["globals_later"] == {}
    assert measured(folder, python, "keeping.py:memo", "keeping.py:ITEMS")["solo"]["cached"]
    assert measured(folder, python, "computing.py:sorts", "computing.py:LISTS")["mutated"] == [0, 1, 2]
    endless = measured(folder, python, "keeping.py:of_endless", "keeping.py:endless")
    assert endless["taken"] == 200 and endless["tasks"] is None
    locks = measured(folder, python, "keeping.py:gives_lock", "keeping.py:ITEMS")
    assert locks["result_pickle_error"].startswith("result['lock']")


@slow
@pytest.mark.parametrize("python", found())
def test_memory_helpers_children_and_subinterpreters(folder, python):
    assert ask(folder, "memory", "computing.py:allocates", python=python, items="5")["task_mb"] == pytest.approx(
        96, abs=8
    )
    helpers = measured(folder, python, "computing.py:helpers", "computing.py:BLOCKS")
    assert helpers["solo"]["helper_ms"] > 5 * helpers["solo"]["cpu_ms"]
    child = measured(folder, python, "waiting.py:child", "waiting.py:ITEMS")
    assert child["solo"]["children_cpu_ms"] > 3 and "subprocess" in child["io_seen"]
    inside = ask(folder, "subinterpreter", "keeping.py:notes", python=python, items="5")
    assert inside["subinterpreter"] in (True, None) and inside.code == 0


@slow
def test_free_threads_run_at_once_and_contention_is_looked_for(folder):
    free = [python for python in found() if not has_gil(python)]
    if not free:
        pytest.skip("no free-threaded build here")
    said = ask(folder, "again", "computing.py:loops", python=free[0], items="computing.py:NUMBERS")
    assert said["free_threaded"] and not said["gil_after_run"] and {"own", "same"} == said["two"].keys()
    assert said["two"]["own"]["blocked_share"] < 0.3
    shared = ask(folder, "again", "keeping.py:reads_item", python=free[0], items="keeping.py:MODELS")["two"]
    if max(way["lack"] for way in shared.values()) < 0.1:  # both had a CPU
        assert shared["same"]["cpu_ratio"] > shared["own"]["cpu_ratio"]
