"""The harness inside the scripts: its pure functions, and whole runs of scripts whose work, interpreters or surroundings fail.

A whole run is stopped (as by Ctrl-C) as soon as it has said what the test wants to know, so nothing here depends on how
fast the machine is. After each run there must be no process and no file left of it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from pickle import PicklingError
from types import ModuleType
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.benchmark.events import CellEvent, Event, PlanEvent, collect, parse_event
from selector.benchmark.render import render
from selector.files import resource_dir

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are those of POSIX")

TEMPLATES = resource_dir("templates")
MARK = "HARNESS_TEST"
POOLS = ("threads", "asyncio_threads", "multiprocessing", "asyncio_processes")
HERE = ("single_threaded", "native_parallel", "asyncio", *POOLS)  # what every Python can run


@pytest.fixture(scope="module")
def harness() -> Iterator[ModuleType]:
    """The harness as a module, as it is in the templates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TEMPLATES))
        yield importlib.import_module("harness")
    for name in ("harness", "approaches"):
        sys.modules.pop(name, None)


# Failures, times, checksums -------------------------------------------------------------------------------------------


class TextlessError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class NotShareableError(Exception):
    pass


class TaskGroupError(Exception):
    """As ExceptionGroup, which Python 3.10 does not have."""

    def __init__(self, *exceptions: BaseException) -> None:
        super().__init__("unhandled errors in a TaskGroup (1 sub-exception)")
        self.exceptions = exceptions


def broken_pool(cause: str) -> BrokenProcessPool:
    error = BrokenProcessPool("A process in the process pool was terminated abruptly")
    error.__cause__ = RuntimeError(f"\n'''\n{cause}'''")
    return error


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ValueError("wrong\nvery"), "error", "ValueError: wrong"),
        (ValueError(), "error", "ValueError"),
        (ValueError("\n"), "error", "ValueError"),
        (SystemExit(3), "error", "SystemExit: 3"),
        (KeyboardInterrupt(), "error", "KeyboardInterrupt"),
        (TextlessError(), "error", "TextlessError"),
        (FileNotFoundError("data.pickle"), "error", "FileNotFoundError: data.pickle"),
        (MemoryError(), "out_of_memory", "MemoryError"),
        (ModuleNotFoundError("No module named 'x'"), "missing_dependency", "ModuleNotFoundError: No module named 'x'"),
        (PicklingError("no"), "unpicklable", "PicklingError: no"),
        (TypeError("cannot pickle 'lock'"), "unpicklable", "TypeError: cannot pickle 'lock'"),
        (AttributeError("Can't pickle local object 'f'"), "unpicklable", "AttributeError: Can't pickle local object 'f'"),
        (NotShareableError("no"), "unpicklable", "NotShareableError: no"),
        (BrokenProcessPool("gone"), "crash", "a worker ended abruptly (BrokenProcessPool: gone)"),
        (broken_pool("in recv\n    _ForkingPickler.loads(b)\nValueError: bad"), "unpicklable", "a result did not unpickle (ValueError: bad)"),
        (TaskGroupError(TaskGroupError(MemoryError("big"))), "out_of_memory", "MemoryError: big"),
        (TaskGroupError(), "error", "TaskGroupError: unhandled errors in a TaskGroup (1 sub-exception)"),
    ],
)  # fmt: skip
def test_an_exception_is_a_status_and_a_line(harness: ModuleType, error: BaseException, status: str, line: str) -> None:
    assert harness._failure(error) == (status, line)


def test_times_of_tasks(harness: ModuleType) -> None:
    done = [(None, 1, 10.5, 10.6), (None, 2, 10.5, 10.8), (None, 1, 10.6, 11.0)]
    times = harness._times(done, begun=10.0, ended=11.5)
    assert times["short"] is False
    assert {name: pytest.approx(times[name]) for name in times if name.endswith("seconds")} == {
        "seconds": 1.5,
        "startup_seconds": 0.5,
        "first_result_seconds": 0.6,
        "steady_seconds": 0.4,
    }
    assert times["task_latency_ms"] == {"p50": pytest.approx(300), "p95": pytest.approx(390), "p99": pytest.approx(398)}


def test_times_of_a_single_task(harness: ModuleType) -> None:
    times = harness._times([(None, 1, 1.0, 1.25)], begun=1.0, ended=2.0)
    assert times["task_latency_ms"] == {"p50": 250, "p95": 250, "p99": 250}
    assert (times["steady_seconds"], times["short"]) == (0, True)


@pytest.mark.parametrize(
    ("workers_of_tasks", "pool", "seen", "imbalance"),
    [([1, 2, 1, 2], 2, 2, 1.0), ([1, 1, 1, 2], 2, 2, 1.5), ([1, 1], 4, 1, 2.0), ([7], 4, 1, 1.0), ([1, 1, 1], 1, 1, 1.0)],
)  # fmt: skip
def test_balance_between_workers(
    harness: ModuleType, workers_of_tasks: list[int], pool: int, seen: int, imbalance: float
) -> None:
    done = [(None, worker, 0.0, 1.0) for worker in workers_of_tasks]
    assert harness._balance(done, pool) == {"workers_seen": seen, "imbalance": pytest.approx(imbalance)}


class Plain:
    pass


def test_equal_results_have_equal_checksums(harness: ModuleType) -> None:
    pairs: list[tuple[object, object]] = [
        ([1, b"ab"], (1, bytearray(b"ab"))),
        ({"a", "b", "c", "d"}, frozenset("dcba")),
        ({"k": {"x", "y"}}, {"k": {"y", "x"}}),
        (Plain(), Plain()),
        (lambda: 0, lambda: 0),
    ]
    for one, other in pairs:
        assert harness._checksum(one) == harness._checksum(other)


def test_other_results_have_other_checksums(harness: ModuleType) -> None:
    values = [
        0,
        1,
        "0",
        b"0",
        [],
        [[]],
        [0],
        [0, 0],
        [[0], 0],
        {},
        {0: 0},
        {0},
        {1},
        None,
        0.0,
        -0.0,
        math.nan,
        "\udc80",
    ]
    assert len({harness._checksum([value]) for value in values}) == len(values) - 1  # [] and {}
    assert len({harness._checksum([value]) for value in ([1, 2], [2, 1], {"a": 1, "b": 2}, {"b": 2, "a": 1})}) == 4


TEXTS = st.text(alphabet=st.characters(codec=None), max_size=20)  # with halves of characters


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
        lambda x: st.lists(x) | st.dictionaries(TEXTS, x),
    )
)
def test_whatever_is_said_is_json_for_every_reader(harness: ModuleType, value: object) -> None:  # fmt: skip
    json.dumps(harness._plain({"a": value}["a"]), allow_nan=False).encode().decode("utf-8").encode()


def test_half_characters_are_told_as_escapes(harness: ModuleType) -> None:
    assert harness._plain({"a": ["\udc80", math.inf, -math.inf, math.nan, 1.5, 7, True, None]}) == {
        "a": ["\\udc80", None, None, None, 1.5, 7, True, None]
    }


# Planning -------------------------------------------------------------------------------------------------------------


def workload(harness: ModuleType, **changes: Any) -> Any:
    fields: dict[str, Any] = dict.fromkeys(harness.Workload._fields[:12]) | {
        "name": "unit",
        "approaches": HERE,
        "tasks": 100,
        "cpus": 2,
        "work": str,
        "items": lambda count: list(range(count)),
        "configure": lambda settings: None,
        "start": lambda settings: None,
        "merge": lambda results: None,
    }
    return harness.Workload(**fields | changes)


@pytest.fixture
def planned(harness: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A run that has been calibrated and not begun: `planned(wall_ms, cpu_ms, budget_seconds, **workload)`."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def make(wall_ms: float, cpu_ms: float, budget_seconds: float = 60.0, **changes: Any) -> Any:
        options = argparse.Namespace(seed=1, budget=budget_seconds, tasks=None, approach=None, io="sleep", parent=None)
        run = harness._Run(workload(harness, **changes), options, lambda **fields: None)
        cost = {"wall_seconds": wall_ms / 1000, "cpu_seconds": cpu_ms / 1000, "startup_seconds": 0.0, "status": "ok"}
        run.costs[""], run.tasks[""], run.fewer[""] = cost, run.workload.tasks or 0, 10**9
        monkeypatch.setattr(run, "elapsed", lambda: 0.0)
        return run

    return make


def arms_of(harness: ModuleType, run: Any, *tags: str) -> list[Any]:
    pythons = [harness._Python(tag, f"/{tag}", (3, int(tag[2:].rstrip("t"))), tag.endswith("t")) for tag in tags]
    return [arm._replace(arm=number) for number, arm in enumerate(run._arms(pythons, ""))]


def test_a_free_threaded_build_runs_what_it_is_for(harness: ModuleType) -> None:
    old, new, free = (harness._Python(tag, tag, (3, int(tag[2:4])), "t" in tag) for tag in ("3.10", "3.14", "3.14t"))
    can = harness._can_run
    assert all(can(name, new, new) for name in (*HERE[1:], "subinterpreters"))
    assert not can("subinterpreters", old, old)
    assert not can("single_threaded", new, new)  # there it is the baseline
    assert not can("free_threaded", new, new)
    assert can("free_threaded", free, new)
    assert can("single_threaded", free, new)
    assert not can("threads", free, new)
    assert can("threads", old, new)
    assert can("threads", free, free)  # where there is no other build


def test_estimates_overlap_waits_and_share_computing(harness: ModuleType, planned: Callable[..., Any]) -> None:
    run = planned(wall_ms=15, cpu_ms=10, workers={"threads": 5, "multiprocessing": 2})
    seconds = {arm.approach: run._estimate(arm, 100) - 0.2 for arm in arms_of(harness, run, "3.14")}
    assert seconds["single_threaded"] == pytest.approx(1.5)
    assert seconds["threads"] == pytest.approx(1.0 + 0.5 / 5)
    assert seconds["asyncio"] == pytest.approx(1.0 + 0.5 / 1000)
    assert seconds["multiprocessing"] == pytest.approx(0.5 + 0.5 / 2)


@pytest.mark.parametrize("wall_ms", [0.0, 0.001, 1.0, 100.0, 1e6])
@pytest.mark.parametrize("budget_seconds", [0.5, 5.0, 600.0])
@pytest.mark.parametrize("tasks", [None, 1, 7, 100, 10_000_000])
def test_the_number_of_tasks_fits_the_budget(
    harness: ModuleType, planned: Callable[..., Any], wall_ms: float, budget_seconds: float, tasks: int | None
) -> None:
    for cpu_ms in (0.0, wall_ms):
        run = planned(wall_ms, cpu_ms, budget_seconds, tasks=tasks)
        arms = arms_of(harness, run, "3.14")
        number = run._tasks(arms, "")
        assert 1 <= number <= (tasks or 10**6 * 2)
        if number > run.workload.cpus:
            one_round = sum(
                run._estimate(arm, min(number, 10**9 if run._overlaps(arm) else run.fewer[""])) for arm in arms
            )
            assert one_round <= budget_seconds * 0.51
        assert all(0.5 <= run._limit(arm, waiting=1) <= max(0.5, budget_seconds * 1.02) for arm in arms)


def test_losers_are_dropped_and_accidents_forgiven_once(harness: ModuleType, planned: Callable[..., Any]) -> None:
    run = planned(1, 1, recommended="asyncio")
    arms = {arm.approach: arm for arm in arms_of(harness, run, "3.14") if arm.role == "candidate"}
    baseline, *_ = arms_of(harness, run, "3.14")
    fast, slow, recommended = arms["threads"], arms["multiprocessing"], arms["asyncio"]
    run.seconds = {fast.arm: [1.0], slow.arm: [2.5], baseline.arm: [3.0], recommended.arm: [9.0]}
    run.took = run.seconds
    medians = {arm: values[0] for arm, values in run.seconds.items()}
    assert run._why_drop(slow, fast, medians) == "2.5x as long as threads"
    assert run._why_drop(fast, fast, medians) == ""
    assert run._why_drop(baseline, fast, medians) == ""  # the speedups need it three times
    assert run._why_drop(recommended, fast, medians) == ""
    assert run._why_drop(arms["asyncio_threads"], fast, medians) == ""  # not measured yet
    run.failed[fast.arm], run.failures[fast.arm] = "crash", 1
    assert run._why_drop(fast, fast, medians) == ""
    run.failures[fast.arm] = 2
    assert run._why_drop(fast, fast, medians) == "failed: crash"
    run.failed[slow.arm], run.failures[slow.arm] = "timeout", 1
    assert run._why_drop(slow, None, {}) == "failed: timeout"


def test_beside_others_a_measurement_may_take_longer(harness: ModuleType, planned: Callable[..., Any]) -> None:
    run = planned(wall_ms=10, cpu_ms=10, budget_seconds=600.0)
    arm = arms_of(harness, run, "3.14")[0]
    run.tasks[""] = 100
    alone = run._limit(arm, waiting=1)
    run.crowding = 5.0
    assert run._limit(arm, waiting=1) == pytest.approx(5 * alone)
    run.elapsed = lambda: 595.0
    assert run._limit(arm, waiting=1) < 20  # the budget holds all the same


def test_a_process_may_overrun_the_budget_by_a_moment_only(harness: ModuleType, planned: Callable[..., Any]) -> None:
    run = planned(1, 1, budget_seconds=100.0)
    assert run._at_most(30.0) == 30.0
    assert run._at_most(1000.0) == 105.0
    run.elapsed = lambda: 200.0
    assert run._at_most(1000.0) == 0.1


def test_the_gil_may_come_back_with_an_import_of_the_work(harness: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*states: bool) -> Any:
        said = iter(states)
        monkeypatch.setattr(harness, "_gil_enabled", lambda: next(said))
        order = {"approach": "free_threaded", "settings": {}, "tasks": 3, "checked": 3, "workers": 2}
        return harness._measure(workload(harness), order)

    assert measured(True)["status"] == "gil_enabled"
    assert measured(False, True)["status"] == "gil_enabled"
    assert measured(False, False)["gil_enabled"] is False


# Other programs -------------------------------------------------------------------------------------------------------

STAT = """cpu  999 0 999 999 0 0 0 0 0 0
cpu0 {0} 10 20 1000 5 1 2 {1} 0 0
cpu1 100 10 20 1000 5 1 2 0 0 0
cpu10 7 7 7 7 7 7 7 7 7 7
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_the_cpus_that_others_took_are_what_is_neither_ours_nor_measured(
    harness: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick = os.sysconf("SC_CLK_TCK")
    clock = iter([10.0, 20.0])
    monkeypatch.setattr(harness.os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(harness.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(harness.time, "process_time", lambda: 0.0)
    files = {"/proc/stat": STAT.format(0, 0), "/proc/7/stat": f"7 (a) b) S {'0 ' * 10}0 0 0 0"}
    fake_proc(monkeypatch, harness, files)
    before = harness._look_at_cpus(7)
    files["/proc/stat"], files["/proc/7/stat"] = STAT.format(15 * tick, tick), f"7 (a) b) S {'0 ' * 10}{tick} 0 0 0"
    after = harness._look_at_cpus(7)
    monkeypatch.undo()
    assert before is not None and after is not None
    assert (before.cpus, after.used - before.used, after.ours - before.ours) == (2, pytest.approx(16), 1)
    assert harness._cpus_taken(before, after, 5.0, 2) == pytest.approx(1.0)  # 16 s, of them 1 s ours and 5 s measured
    assert harness._cpus_taken(before, after, 5.0, 1) == 0.0  # on the CPU that is not planned for
    assert harness._cpus_taken(before, after, 99.0, 2) == 0.0
    for one, other in ((None, after), (before, None), (after, before), (before, after._replace(cpus=3))):
        assert harness._cpus_taken(one, other, 1.0, 2) is None


@pytest.mark.parametrize("stat", ["", "cpu0 1 2 3\n", "intr 1 2 3\n"])
def test_a_system_that_does_not_say_what_its_cpus_do_is_no_failure(
    harness: ModuleType, monkeypatch: pytest.MonkeyPatch, stat: str
) -> None:
    fake_proc(monkeypatch, harness, {"/proc/stat": stat})
    assert harness._look_at_cpus(7) is None
    assert harness._queued_seconds() == 0.0


# Processes and memory -------------------------------------------------------------------------------------------------


def fake_proc(monkeypatch: pytest.MonkeyPatch, harness: ModuleType, files: dict[str, str]) -> None:
    monkeypatch.setattr(harness, "_read", lambda path: files.get(path, ""))
    monkeypatch.setattr(harness.os, "listdir", lambda path: ["1"] if any(f.startswith(path) for f in files) else [])
    monkeypatch.setattr(harness.os.path, "exists", lambda path: path in files)


def test_a_tree_of_processes(harness: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    children = {10: "11 12 ", 11: "13 ", 12: "", 13: ""}
    with monkeypatch.context() as patch:
        fake_proc(patch, harness, {f"/proc/{pid}/task/1/children": text for pid, text in children.items()})
        assert sorted(harness._tree(10)) == [10, 11, 12, 13]
        assert sorted(harness._tree(10, without={11})) == [10, 12]
        assert harness._tree(99) == [99]


def test_the_meter_keeps_the_peak_of_the_proportional_size(
    harness: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "/proc/10/smaps_rollup": "Rss: 900 kB\nPss:    2048 kB\nPss_Anon: 9 kB\n",
        "/proc/10/statm": "99 500 1 1 0 1 0",
    }
    with monkeypatch.context() as patch:
        fake_proc(patch, harness, files)
        meter = harness._Meter(10)
        assert (meter.metric, meter.sample(0.0)) == ("pss", 2.0)
        files["/proc/10/smaps_rollup"] = "Pss: 4096 kB\n"
        assert meter.sample(0.01) == 2.0  # no more pages than before, and looked at just now
        files["/proc/10/statm"] = "99 900 1 1 0 1 0"
        assert meter.sample(0.02) == 4.0
        files["/proc/10/smaps_rollup"] = ""  # it has ended
        assert meter.sample(1.0) == 4.0


def test_the_memory_limit(harness: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"/proc/meminfo": "MemTotal: 9 kB\nMemFree: 7 kB\nMemAvailable:    10240000 kB\n"}
    monkeypatch.setattr(harness, "_read", lambda path: files.get(path, ""))
    limit = harness._memory_limit_mb
    assert (limit(None), limit(10.0), limit(500.0), limit(1e9)) == (5000, 512, 2000, 8000)
    files["/sys/fs/cgroup/memory.max"] = f"{2000 * 1024 * 1024}\n"
    assert (limit(None), limit(1e9)) == (1000, 1600)
    files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert limit(None) == 5000
    files.clear()
    assert limit(None) > 0


def test_standard_error_is_cut_before_it_fills_the_disk(harness: ModuleType, tmp_path: Path) -> None:
    group = harness._Group.__new__(harness._Group)
    group.errors = str(tmp_path / "errors.txt")
    group._cut_errors()  # not there
    with open(group.errors, "ab") as stream:
        stream.write(b"x" * 20_000_000)
        stream.flush()
        group._cut_errors()
        stream.write(b"\nthe end\n\n")
    assert os.path.getsize(group.errors) < 100
    assert group._last_line() == "the end"


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (-9, "", "crash: killed by signal 9"),
        (3, "", "crash: ended with code 3 and no result"),
        (1, "Traceback...\nModuleNotFoundError: No module named 'x'\n", "missing_dependency: ModuleNotFoundError: No module named 'x'"),
        (1, "MemoryError\n", "out_of_memory: MemoryError"),
        (1, "  File\nOSError: full \udc80\n", "crash: ended with code 1: OSError: full \\xed\\xb2\\x80"),
        (0, "Exception in initializer:\nTraceback:\n  File\nValueError: no\nTraceback:\nOther: x\n", "error: a worker did not start (ValueError: no)"),
        (0, "Exception in initializer:\n", "error: a worker did not start (Exception in initializer:)"),
    ],
)  # fmt: skip
def test_what_a_process_without_a_result_died_of(
    harness: ModuleType, tmp_path: Path, code: int, said: str, words: str
) -> None:
    group = harness._Group.__new__(harness._Group)
    group.errors, group.code = str(tmp_path / "errors.txt"), code
    Path(group.errors).write_bytes(said.encode("utf-8", "surrogatepass"))
    found = dict(zip(("status", "reason"), group.obituary(), strict=True)) | group.last_words()
    assert f"{found['status']}: {found['reason']}" == words


def test_the_table_escapes_what_a_terminal_might_obey(harness: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    table = harness._Table(workload(harness, name="\x1b[2Jevil\u202e"))
    cell = {"event": "cell", "arm": 0, "approach": "threads", "interpreter": "3.14", "workers": 2, "variant": ""}
    table.event(**cell, role="candidate", status="error", reason="\x1b]0;title\x07", seconds=None)
    table.event(event="interpreter", status="error", reason="\x1b[31m", path="/\x9b", gil_enabled=None, version=None)
    table.event(event="end", reason="failed", detail="\x1b[5m", seconds=1.0)
    shown = "".join(capsys.readouterr())
    assert "\\x1b[2Jevil\\u202e" in shown
    assert "failed: \\x1b[5m" in shown
    assert all(c.isprintable() or c == "\n" for c in shown)


# Whole runs -----------------------------------------------------------------------------------------------------------

WORK = '''
import os
import random
import signal

IN_CELL = "measure" in str(sys.argv)


def cell():
    """The approach of this cell, in each of its processes."""
    return json.loads(sys.argv[sys.argv.index("--child") + 1])["approach"] if IN_CELL else "none"


def misbehave(item):
    BODY


def work(item: Item) -> Result:
    odd = misbehave(item)
    if odd is not None:
        return odd
    wait()
    return compute(item)


async def work_async(item: Item) -> Result:
    odd = await offload(misbehave, item)
    if odd is not None:
        return odd
    await wait_async()
    return await offload(compute, item)


def start_worker() -> None:
    pass


def items(count: int) -> list[Item]:
    return [(number, b"data") for number in range(count)]


'''


def text_of(body: str = "return None", **values: Any) -> str:
    """A script with small quantities and this body of `misbehave`, which returns None or another result."""
    quantities = {
        "TASKS": 8,
        "CPU_MS_PER_TASK": 1.0,
        "IO_WAIT_MS_PER_TASK": 0.0,
        "APPROACHES": HERE,
        "WORKERS": {"threads": 2},
    }
    text = render(TEMPLATES / "compare_approaches.py", quantities | values)
    before, rest = text.split("# --- your code: begin ---\n")
    _, after = rest.split("# --- your code: end ---\n")
    return before + WORK.replace("BODY", textwrap.indent(textwrap.dedent(body).strip(), "    ").strip()) + after


class Script:
    """A script that runs, in an environment by which its processes can be found and with a temporary folder of its own."""

    def __init__(
        self, folder: Path, text: str, *args: str, json: bool = True, cwd: Path | None = None, **env: str
    ) -> None:
        self.mark = uuid.uuid4().hex
        self.temporary = folder / f"tmp {self.mark[:4]}"
        self.temporary.mkdir(parents=True)
        self.path = folder / "bench.py"
        if not self.path.exists():
            self.path.write_text(text, encoding="utf-8")
        self.events: list[Event] = []
        self.process = subprocess.Popen(
            [sys.executable, str(self.path), *["--json"] * json, "--seed", "1", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, MARK: self.mark, "TMPDIR": str(self.temporary), **env},
        )
        self.errors: list[bytes] = []
        assert self.process.stderr is not None
        self.reader = threading.Thread(target=lambda: self.errors.append(self.process.stderr.read()))  # type: ignore[union-attr]
        self.reader.start()

    def until(self, enough: Callable[[list[Event]], bool]) -> list[Event]:
        """All events up to the one that is enough, or the last."""
        assert self.process.stdout is not None
        while not (self.events and enough(self.events)):
            line = self.process.stdout.readline()
            if not line:
                break
            if line.startswith(b'{"event"'):  # or else the user's part has printed it
                self.events.append(parse_event(line))
        return self.events

    def finish(self, number: int | None = signal.SIGINT) -> int:
        """Tell it to stop, unless the signal is None, and see that nothing is left; returns the exit code."""
        if number is not None:
            self.process.send_signal(number)
        self.until(lambda events: False)
        assert self.process.stdout is not None
        self.process.stdout.close()
        code = self.process.wait(60)
        self.reader.join(60)
        assert self.process.stderr is not None
        self.process.stderr.close()
        assert self.left_behind() == ([], [])
        return code

    def processes(self) -> list[psutil.Process]:
        """Those of this run that live."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                pass
        return found

    def left_behind(self, seconds: float = 10.0) -> tuple[list[psutil.Process], list[str]]:
        """The processes and files that are still there after a time for them to go."""
        until = time.monotonic() + seconds
        while (found := (self.processes(), os.listdir(self.temporary))) != ([], []) and time.monotonic() < until:
            time.sleep(0.02)
        return found

    def statuses(self) -> dict[str, str]:
        """How the first cell of each approach ended."""
        return {event.approach: event.status for event in reversed(self.events) if isinstance(event, CellEvent)}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Script]]:
    """`start(text, *arguments)` runs a script; whatever a test does, no process of it outlives the test."""
    begun: list[Script] = []

    def begin(text: str, *args: str, folder: Path = tmp_path, **options: Any) -> Script:
        begun.append(Script(folder, text, *args, **options))
        return begun[-1]

    yield begin
    for one in begun:
        for process in one.processes():
            process.kill()
        one.process.wait(60)
        one.reader.join(60)
        for stream in (one.process.stdout, one.process.stderr):
            assert stream is not None
            stream.close()


def every_arm(events: list[Event]) -> bool:
    """Whether every arm of the plan has a cell."""
    arms = {arm.arm for event in events if isinstance(event, PlanEvent) for arm in event.arms}
    return bool(arms) and arms == {event.arm for event in events if isinstance(event, CellEvent)}


def a_cell(events: list[Event]) -> bool:
    return isinstance(events[-1], CellEvent)


def running(approach: str) -> Callable[[list[Event]], bool]:
    """Whether a cell of this approach has begun."""

    def begun(events: list[Event]) -> bool:
        arms = [arm for event in events if isinstance(event, PlanEvent) for arm in event.arms]
        return events[-1].event == "running" and arms[events[-1].arm].approach == approach

    return begun


def test_every_approach_does_the_same_work(start: Callable[..., Script]) -> None:
    script = start(
        text_of(IO_WAIT_MS_PER_TASK=1.0, SHARED_STATE="hot_writes", PAYLOAD_KB_PER_TASK=3.0), "--budget", "60"
    )
    script.until(every_arm)
    assert script.finish() == 130
    session = collect(script.events)
    assert session.end is not None and session.end.reason == "interrupted"
    first = {cell.arm: cell for cell in reversed(session.cells)}
    assert {cell.status for cell in first.values()} == {"ok"}, script.statuses()
    assert len({cell.checksum for cell in first.values()}) == 1
    assert {cell.approach for cell in first.values()} == set(HERE)
    assert session.start.seed == 1
    for cell in first.values():
        assert cell.seconds and cell.launch_seconds and cell.cpu_seconds is not None and cell.peak_memory_mb
        assert cell.memory_metric == "pss" or sys.platform != "linux"
        assert cell.workers_seen and cell.workers_seen <= cell.workers


EVERYTHING = """
    how = {
        "native_parallel": "mismatch", "asyncio": "exit", "threads": "raise", "asyncio_threads": "import",
        "multiprocessing": "lambda", "asyncio_processes": "kill",
    }.get(cell())
    if how == "mismatch":
        return 7, b"", {}
    if how == "exit":
        os._exit(3)
    if how == "raise":
        raise SystemExit("wrong \\udc80")
    if how == "import":
        import nothing_of_that_name
    if how == "lambda":
        return 7, lambda: 0, {}
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_failures_are_results_and_do_not_end_the_others(start: Callable[..., Script]) -> None:
    script = start(text_of(EVERYTHING), "--budget", "60")
    script.until(lambda events: events[-1].event == "cell" and events[-1].round == 2)
    assert script.finish() == 130
    assert script.statuses() == {
        "single_threaded": "ok",
        "native_parallel": "mismatch",
        "asyncio": "crash",
        "threads": "error",
        "asyncio_threads": "missing_dependency",
        "multiprocessing": "unpicklable",
        "asyncio_processes": "crash",
    }
    cells = [event for event in script.events if isinstance(event, CellEvent) and event.status != "ok"]
    reasons = {cell.approach: cell.reason for cell in cells}
    assert reasons["asyncio"] == "ended with code 3 and no result"
    assert reasons["threads"] == "SystemExit: wrong \\udc80"
    assert reasons["asyncio_threads"] == "ModuleNotFoundError: No module named 'nothing_of_that_name'"
    assert all(cell.seconds is None for cell in cells if cell.status != "mismatch")
    assert {cell.approach for cell in cells if cell.round} == {"asyncio", "asyncio_processes"}  # a crash is tried again


def test_what_hangs_is_stopped_within_the_budget(start: Callable[..., Script]) -> None:
    script = start(text_of("if IN_CELL: time.sleep(1000)"), "--budget", "2.5", "--approach", "multiprocessing")
    assert script.finish(None) == 0
    session = collect(script.events)
    assert session.end is not None and session.end.reason == "budget"
    assert {cell.status for cell in session.cells} <= {"timeout", "not_run"}
    assert session.cells[0].status == "timeout"
    assert every_arm(script.events)
    assert session.end.seconds < 10


EATER = """
    if IN_CELL:
        eaten = [touched_memory(50) for _ in range(40) if time.sleep(0.02) is None]
"""


def test_what_eats_memory_is_stopped(start: Callable[..., Script]) -> None:
    script = start(text_of(EATER, MEMORY_BUDGET_MB=10.0), "--approach", "multiprocessing", "--budget", "60")
    script.until(a_cell)
    assert script.finish() == 130
    assert script.statuses() == {"single_threaded": "out_of_memory"}
    assert script.events[0].memory_limit_mb == 512.0  # type: ignore[union-attr]


LEAVERS = """
    import subprocess
    if IN_CELL and item[0] == 0:
        threading.Thread(target=time.sleep, args=(1000,)).start()
        subprocess.Popen(["sleep", "1000"])
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(1000)
            os._exit(0)
        os.fork()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody knows of processes outside the group")
def test_what_the_work_leaves_behind_goes_with_its_cell(start: Callable[..., Script]) -> None:
    script = start(text_of(LEAVERS), "--approach", "asyncio", "--budget", "60")
    script.until(lambda events: events[-1].event == "cell")
    assert len(script.processes()) < 12
    assert script.finish() == 130
    assert script.statuses()["single_threaded"] == "ok"


HANGING = """
    import subprocess
    if cell() == "multiprocessing":
        subprocess.Popen(["sleep", "1000"], start_new_session=sys.platform == "linux")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["told", "killed"])
def test_nothing_outlives_the_scheduler(start: Callable[..., Script], number: int) -> None:
    script = start(text_of(HANGING), "--approach", "multiprocessing", "--budget", "60")
    script.until(running("multiprocessing"))
    until = time.monotonic() + 60
    while (
        len(script.processes()) < 6 and time.monotonic() < until
    ):  # with the keeper, the cell, and what workers started
        time.sleep(0.02)
    assert len(script.processes()) >= 6
    code = script.finish(number)
    if number == signal.SIGKILL:
        assert (code, script.events[-1].event) == (-signal.SIGKILL, "running")
    else:
        session = collect(script.events)
        assert code == 130
        assert session.end is not None and session.end.reason == "interrupted"


def test_it_stops_when_its_parent_is_another(start: Callable[..., Script]) -> None:
    script = start(text_of(), "--parent", "1" if os.getpid() != 1 else "2")
    assert script.finish(None) == 130
    assert [event.event for event in script.events] == ["start", "end"]


def test_it_stops_quietly_when_nobody_reads_any_more(start: Callable[..., Script]) -> None:
    script = start(text_of(), "--budget", "60")
    assert script.process.stdout is not None
    assert script.process.stdout.readline().startswith(b'{"event": "start"')
    script.process.stdout.close()
    assert script.process.wait(60) == 130
    script.reader.join()
    assert script.errors == [b""]
    assert script.left_behind() == ([], [])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
@pytest.mark.parametrize("options", [["--json"], []], ids=["json", "table"])
def test_results_that_cannot_be_written_end_it_with_one_sentence(tmp_path: Path, options: list[str]) -> None:
    script = tmp_path / "bench.py"
    script.write_text(text_of(), encoding="utf-8")
    command = [sys.executable, str(script), *options, "--budget", "2", "--approach", "single_threaded"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 1
    *progress, last = done.stderr.splitlines()
    assert last == "error: the results cannot be written to standard output: No space left on device"
    assert bool(progress) != bool(options)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
@pytest.mark.parametrize("how", ["full", "closed"])
def test_progress_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path, how: str) -> None:
    script = tmp_path / "bench.py"
    script.write_text(text_of(), encoding="utf-8")
    command = [sys.executable, str(script), "--budget", "2", "--approach", "single_threaded"]
    shell = f"exec {shlex.join(command)} {'2> /dev/full' if how == 'full' else '2>&-'}"
    done = subprocess.run(["sh", "-c", shell], stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    assert "Measured for" in done.stdout
    assert "interrupted" not in done.stdout
    assert "Errno" not in done.stdout
    assert "order by seed" not in done.stdout  # nor does progress get among the results


def test_a_keeper_that_was_killed_is_replaced(start: Callable[..., Script]) -> None:
    script = start(text_of(IO_WAIT_MS_PER_TASK=1.0), "--approach", "asyncio", "--budget", "60")
    script.until(a_cell)
    (keeper,) = (process for process in script.processes() if "--keeper" in process.cmdline())
    keeper.kill()
    seen = len(script.events)
    script.until(lambda events: sum(isinstance(event, CellEvent) for event in events[seen:]) == 4)
    (new,) = (process for process in script.processes() if "--keeper" in process.cmdline())
    assert new.pid != keeper.pid
    assert script.finish() == 130
    assert script.errors == [b""]
    assert [event.status for event in script.events[seen:] if isinstance(event, CellEvent)][2] == "ok"


def test_work_that_cannot_be_tried_out_ends_the_run(start: Callable[..., Script]) -> None:
    script = start(text_of("raise KeyboardInterrupt"))
    assert script.finish(None) == 1
    session = collect(script.events)
    assert session.plan is None
    assert session.end is not None
    assert (session.end.reason, session.end.detail) == (
        "failed",
        "the work could not be tried out: error: KeyboardInterrupt",
    )


def test_work_that_hangs_when_it_is_tried_out_ends_the_run(start: Callable[..., Script]) -> None:
    script = start(text_of("time.sleep(1000)"), "--budget", "1")
    assert script.finish(None) == 1
    session = collect(script.events)
    assert session.end is not None
    assert session.end.detail.startswith("the work could not be tried out: timeout: stopped after ")


@pytest.mark.parametrize(
    "arguments",
    [["--budget", "0"], ["--budget", "inf"], ["--budget", "nan"], ["--tasks", "0"], ["--approach", "magic"], ["more"]],
)
def test_bad_usage(start: Callable[..., Script], arguments: list[str]) -> None:
    script = start(text_of(), *arguments)
    assert script.finish(None) == 2
    assert script.events == []
    assert b"usage: " in script.errors[0]


def test_interpreters_that_are_none_are_told_and_left_out(start: Callable[..., Script], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    (tmp_path / "\udc80").symlink_to("/bin/cat")
    paths = ["/nothing/python", "/", "", "/bin/true", str(tmp_path / "text"), str(tmp_path / "\udc80"), sys.executable]
    arguments = [part for path in paths for part in ("--interpreter", path)]
    script = start(text_of(), *arguments, "--approach", "asyncio", "--budget", "60")
    script.until(a_cell)
    assert script.finish() == 130
    told = collect(script.events).interpreters
    missing, error = ("missing_dependency", True), ("error", True)
    assert [(one.status, one.interpreter is None) for one in told] == [
        missing, missing, missing, error, missing, error, ("ok", False),
    ]  # fmt: skip
    assert told[3].reason == "this does not run the script: ended with code 0 and no result"
    assert told[5].path.endswith("\\udc80")


def test_no_interpreter_at_all(start: Callable[..., Script]) -> None:
    script = start(text_of(), "--interpreter", "/nothing")
    assert script.finish(None) == 1
    session = collect(script.events)
    assert session.end is not None and session.end.detail == "no interpreter can run this script"


def test_a_script_in_an_odd_place_that_is_removed_while_it_runs(start: Callable[..., Script], tmp_path: Path) -> None:
    folder = tmp_path / "a föl der, 文"
    folder.mkdir()
    (folder / "beside.py").write_text("VALUE = 5\n")
    text = text_of("import beside\nif beside.VALUE != 5: raise ValueError", IO_WAIT_MS_PER_TASK=1.0)
    text = text.replace("import random\n", "import random\nprint('half a line, said by every process: ', end='')\n", 1)
    script = start(text, "--budget", "60", folder=folder, cwd=Path("/"))
    script.process.stdout.read(len("half a line, said by every process: "))  # type: ignore[union-attr]
    script.until(lambda events: events[-1].event == "running")
    script.path.unlink()
    script.until(every_arm)
    assert script.finish() == 130
    assert set(script.statuses().values()) == {"ok"}


def test_two_runs_of_one_script_in_a_folder_that_cannot_be_written(
    start: Callable[..., Script], tmp_path: Path
) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir()
    (folder / "bench.py").write_text(text_of())
    runs = [start("", "--approach", "multiprocessing", "--budget", "60", folder=folder) for _ in range(2)]
    folder.chmod(0o555)
    for script in runs:
        script.until(every_arm)
    assert [script.finish() for script in runs] == [130, 130]
    assert [set(script.statuses().values()) for script in runs] == [{"ok"}, {"ok"}]
    folder.chmod(0o755)


def test_more_workers_than_tasks(start: Callable[..., Script]) -> None:
    workers = dict.fromkeys(POOLS, 5)
    script = start(text_of(WORKERS=workers), "--tasks", "1", "--budget", "60")
    script.until(every_arm)
    assert script.finish() == 130
    cells = [event for event in script.events if isinstance(event, CellEvent)]
    assert {(cell.status, cell.tasks, cell.workers_seen, cell.imbalance) for cell in cells} == {("ok", 1, 1, 1.0)}


def test_a_budget_that_is_too_small_is_kept_all_the_same(start: Callable[..., Script]) -> None:
    script = start(text_of(TASKS=None, CPU_MS_PER_TASK=50.0), "--budget", "1")
    code = script.finish(None)
    session = collect(script.events)
    assert session.end is not None
    assert (code, session.end.reason) in ((0, "budget"), (0, "done"), (1, "failed"))
    assert session.plan is None or every_arm(script.events)
    assert session.end.seconds < 10


def test_the_table_reads_well(start: Callable[..., Script]) -> None:
    script = start(
        text_of(NAME="Würfel 文"), "--approach", "threads", "--budget", "2.5", json=False, PYTHONIOENCODING="ascii"
    )
    assert script.process.stdout is not None
    lines = script.process.stdout.read().decode("ascii").splitlines()
    assert script.finish(None) == 0
    assert lines[1] == "W\\xfcrfel \\u6587"
    assert lines[2].split() == ["approach", "Python", "workers", "seconds", "speedup", "CPU", "%", "MB", "p95", "ms"]
    rows = [line.split() for line in lines[3:6]]
    assert {row[0] for row in rows} == {"single_threaded", "threads"}
    assert all(len(row) == 8 and row[4].endswith("x") for row in rows if "not_run:" not in row), rows
    assert lines[6] == ""
    assert lines[-1].startswith("Measured for ")
    told = script.errors[0].decode().splitlines()
    assert re.fullmatch("[1-8] tasks in each measurement; order by seed", told[1])  # as the machine has time for
    assert told[2].startswith("  single_threaded on 3.")


def test_subinterpreters(start: Callable[..., Script], needs: Callable[[str], str]) -> None:
    arguments = ["--interpreter", needs("3.14"), "--approach", "subinterpreters", "--approach", "multiprocessing"]
    script = start(text_of(SHARED_STATE="hot_writes", IO_WAIT_MS_PER_TASK=1.0), *arguments, "--budget", "60")
    script.until(every_arm)
    assert script.finish() == 130
    assert script.statuses() == dict.fromkeys(("single_threaded", "subinterpreters", "multiprocessing"), "ok")
    assert len({event.checksum for event in script.events if isinstance(event, CellEvent)}) == 1


@pytest.mark.parametrize("forced", [False, True], ids=["without the GIL", "with PYTHON_GIL=1"])
def test_free_threading(start: Callable[..., Script], needs: Callable[[str], str], forced: bool) -> None:
    wanted = [part for name in ("free_threaded", "asyncio_free_threaded") for part in ("--approach", name)]
    environment = {"PYTHON_GIL": "1"} if forced else {}
    script = start(
        text_of(SHARED_STATE="hot_writes"), "--interpreter", needs("3.13t"), *wanted, "--budget", "60", **environment
    )
    script.until(every_arm)
    assert script.finish() == 130
    cells = [event for event in script.events if isinstance(event, CellEvent) and event.round == 0]
    status = "gil_enabled" if forced else "ok"
    assert script.statuses() == {"single_threaded": "ok", "free_threaded": status, "asyncio_free_threaded": status}
    assert {cell.gil_enabled for cell in cells if cell.status == "ok"} == {forced}


def calibrated(folder: Path, script: str) -> dict[str, Any]:
    """What `calibrate` of a script says, in a process of its own."""
    (folder / "bench.py").write_text(script, "utf-8")
    code = "import bench, json; print(json.dumps(bench.calibrate()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "values",
    [
        {"CPU_MS_PER_TASK": 40.0},
        {"CPU_MS_PER_TASK": 400.0, "TASK_MEMORY_MB": 30.0},
        {"CPU_MS_PER_TASK": 2.0, "TASK_MEMORY_MB": 100.0},
        {"CPU_MS_PER_TASK": 3.0, "RELEASES_GIL": True},
        {"CPU_MS_PER_TASK": 3.0, "SHARED_STATE": "hot_writes"},
        {"CPU_MS_PER_TASK": 0.0001},
        {"CPU_MS_PER_TASK": 0.0},
    ],
    ids="-".join,
)
def test_the_stand_in_takes_the_cpu_time_of_the_task_and_has_been_looked_at(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    template = TEMPLATES / "compare_approaches.py"
    found = calibrated(tmp_path, render(template, {"IO_WAIT_MS_PER_TASK": 0.0, **values}))
    wanted, made = found["stand_in"]["cpu_ms"], found["stand_in"]["made_cpu_ms"]
    assert wanted == values["CPU_MS_PER_TASK"]
    assert abs(made - wanted) <= max(0.1 * wanted, 0.005)
    assert found["keeps_memory"] == (values.get("TASK_MEMORY_MB") == 100.0)  # touching it takes longer than the task


OWN = """
def helper(item):
    return [part.compute() for part in []] + [item]


def work(item):
    return helper(item)


async def work_async(item):
    return helper(item)


def start_worker():
    pass


def items(count):
    return list(range(count))

"""


@pytest.mark.parametrize(("body", "made"), [("[item]", False), ("(lambda: compute((item, b'')))()", True)])
def test_no_stand_in_is_made_where_the_work_is_your_own(tmp_path: Path, body: str, made: bool) -> None:
    text = render(TEMPLATES / "compare_approaches.py", {"CPU_MS_PER_TASK": 5.0 if made else 400_000.0})
    before, rest = text.split("# --- your code: begin ---\n")
    own = OWN.replace("[item]", body)
    assert bool(calibrated(tmp_path, before + own + rest.split("# --- your code: end ---\n")[1])) == made


def test_memory_that_a_task_touches_is_not_taken_for_its_computing(tmp_path: Path) -> None:
    """Touching 100 MB takes longer than the first steps that calibration tries, and now longer, now shorter."""
    script = render(TEMPLATES / "compare_approaches.py", {"CPU_MS_PER_TASK": 200.0, "TASK_MEMORY_MB": 100.0})
    (tmp_path / "bench.py").write_text(script, "utf-8")
    code = """
import bench, random
touching = random.Random(1)
bench._task_seconds = lambda steps: steps * 1e-6 + (
    0 if bench.worker.settings["keeps_memory"] else touching.uniform(0.03, 0.06)
)
bench._OFF = 0.5  # what is found to be made varies as much
print(*sorted(bench.calibrate()["steps"] for _ in range(200)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    steps = [int(each) for each in done.stdout.split()]
    assert steps[0] > 138_000 and steps[-1] < 172_000, (steps[0], steps[-1])
