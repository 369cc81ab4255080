"""The benchmark of a user's own function, run as users run it: every way a result, every failure told in words."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from benchmark_scripts import Script, scripts
from function_lab import script_of
from template_modules import template_module

from selector.benchmark.events import CellEvent, EndEvent, InterpreterEvent, PlanEvent

PYTHON_313T, PYTHON_314 = Path("/usr/local/bin/python3.13t"), Path("/usr/local/bin/python3.14")
OK_HERE = ("single_threaded", "threads", "multiprocessing", "asyncio_threads", "asyncio_processes")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Script]]:
    with scripts(tmp_path) as begin:
        yield begin


def ran(start: Callable[..., Script], text: str, *options: str, budget: str = "20", code: int = 0) -> Script:
    """A script that has ended by itself, or was stopped once everything was measured."""
    script = start(text, "--budget", budget, *options)
    script.until(lambda events: isinstance(events[-1], EndEvent) or all_measured(events))
    if isinstance(script.events[-1], EndEvent):
        assert script.finish(None) == code
    else:
        assert script.finish() == 130
    return script


def all_measured(events: list[Any]) -> bool:
    arms = {arm.arm for event in events if isinstance(event, PlanEvent) for arm in event.arms}
    return bool(arms) and arms == {event.arm for event in events if isinstance(event, CellEvent)}


def reasons(script: Script) -> dict[str, str]:
    return {event.approach: event.reason for event in reversed(script.events) if isinstance(event, CellEvent)}


def detail(script: Script) -> str:
    end = script.events[-1]
    assert isinstance(end, EndEvent)
    return end.detail


def only(*approaches: str) -> list[str]:
    return [word for approach in approaches for word in ("--approach", approach)]


def test_a_function_in_threads_and_processes(start: Callable[..., Script], tmp_path: Path) -> None:
    text = script_of(tmp_path, "hashes", SETUP="lab.py:costly", RECOMMENDED="multiprocessing")
    script = ran(start, text, *only("threads", "multiprocessing", "asyncio"))
    assert script.statuses() == dict.fromkeys(("single_threaded", "threads", "multiprocessing"), "ok")
    plan = next(event for event in script.events if isinstance(event, PlanEvent))
    assert plan.tasks == plan.tasks_asked == 40 and "--async-function" in plan.left_out["asyncio"]
    cells = [event for event in script.events if isinstance(event, CellEvent)]
    assert [cell.approach for cell in cells[:3]] == ["single_threaded", "single_threaded", "multiprocessing"]
    for cell in cells:
        assert cell.seconds and cell.startup_seconds and cell.startup_seconds >= 0.04, "each worker is set up"
        assert cell.batch and cell.workers_seen and cell.cpu_seconds
        assert cell.no_cpu_percent is not None  # Linux


@pytest.mark.slow
def test_what_cannot_be_called_ends_with_a_sentence(start: Callable[..., Script], tmp_path: Path) -> None:
    script = ran(start, script_of(tmp_path, "raises"), code=1)
    assert "every call raises, such as ValueError: bad 0" in detail(script)
    assert [event.event for event in script.events] == ["start", "interpreter", "end"]


def test_a_module_that_is_not_there_is_a_missing_dependency(start: Callable[..., Script], tmp_path: Path) -> None:
    text = script_of(tmp_path, "computes")
    lab = tmp_path / "lab.py"
    lab.write_text("import no_such_module_here\n" + lab.read_text())
    script = ran(start, text, code=1)
    (python,) = (event for event in script.events if isinstance(event, InterpreterEvent))
    assert python.status == "missing_dependency"
    assert "it needs no_such_module_here, which is not installed" in python.reason == detail(script)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "items", "why"),
    [
        ("nameless", "40", "the function is a lambda"),
        ("closure", "40", "(a closure)"),
        ("unlocks", "lab.py:locked_items", "the item.kept['lock'] does not pickle (lock)"),
        ("gives_lock", "40", "the result['all'][1] does not pickle (lock)"),
    ],
)
def test_what_does_not_pickle_is_a_result_for_processes_alone(
    start: Callable[..., Script], tmp_path: Path, function: str, items: str, why: str
) -> None:
    script = ran(start, script_of(tmp_path, function, items), *only("threads", "multiprocessing"))
    assert script.statuses() == {"single_threaded": "ok", "threads": "ok", "multiprocessing": "unpicklable"}
    assert why in reasons(script)["multiprocessing"]


@pytest.mark.slow
def test_some_calls_that_raise_are_told_and_the_run_goes_on(start: Callable[..., Script], tmp_path: Path) -> None:
    script = ran(start, script_of(tmp_path, "some_raise"), *only("threads"))
    assert script.statuses() == {"single_threaded": "ok", "threads": "ok"}
    assert "calls raise, such as KeyError: 0" in reasons(script)["threads"]


@pytest.mark.slow
def test_results_that_depend_on_earlier_calls_are_no_result(start: Callable[..., Script], tmp_path: Path) -> None:
    script = ran(start, script_of(tmp_path, "keeps"), *only("multiprocessing"))
    assert script.statuses() == {"single_threaded": "ok", "multiprocessing": "mismatch"}


@pytest.mark.slow
def test_every_way_on_every_python(start: Callable[..., Script], tmp_path: Path) -> None:
    here = [str(python) for python in (PYTHON_314, PYTHON_313T) if python.exists()]
    if len(here) < 2:
        pytest.skip("needs Python 3.14 and 3.13t")
    options = [word for path in here for word in ("--interpreter", path)]
    script = ran(start, script_of(tmp_path, "hashes"), *options, budget="60")
    free = ("free_threaded", "asyncio_free_threaded", "subinterpreters")
    assert script.statuses() == dict.fromkeys((*OK_HERE, *free), "ok")
    checked = {event.approach for event in script.events if isinstance(event, CellEvent) and event.reason}
    assert checked == set()


@pytest.mark.slow
def test_coroutines_run_on_loops_also_on_one_in_each_worker(start: Callable[..., Script], tmp_path: Path) -> None:
    script = ran(start, script_of(tmp_path, "naps_async"))
    loops = ("single_threaded", "asyncio", "asyncio_threads", "asyncio_processes")
    assert script.statuses() == dict.fromkeys(loops, "ok")


@pytest.mark.slow
def test_an_asynchronous_twin_lets_a_loop_be_measured(start: Callable[..., Script], tmp_path: Path) -> None:
    twin = ran(start, script_of(tmp_path, "naps", ASYNC_FUNCTION="lab.py:naps_async"), *only("asyncio"))
    assert twin.statuses() == {"single_threaded": "ok", "asyncio": "ok"}


def compared(baseline: dict[str, Any], other: dict[str, Any], python: str = "3.11") -> dict[str, Any]:
    """What becomes of the results of an approach beside those of single-threaded code, each by the number of the item."""
    single, threads = (
        SimpleNamespace(role=role, approach="threads", interpreter=python)
        for role, python in (("baseline", "3.11"), ("candidate", python))
    )
    run = SimpleNamespace(sums={}, raised=set(), settled=True, subject=SimpleNamespace(async_function=None))
    for one, answer in ((single, baseline), (threads, other)):
        answer |= {"status": "ok", "reason": ""}
        with template_module("function_run") as module:
            module._FunctionRun._compare(run, one, answer)
    return other


def test_calls_that_raise_in_an_approach_alone_are_told_as_that() -> None:
    plain = {"sums": {"0": 1, "1": 2}, "raised_items": {"1": "KeyError: 1"}}
    said = {"1": "KeyError: 1", "0": "ProgrammingError: made in another thread"}
    found = compared(plain, {"sums": {"0": 9, "1": 2}, "raised_items": said})
    assert found["status"] == "mismatch"
    assert found["reason"].startswith(
        "1 of 2 calls raise here that do not in single-threaded code, such as Programming"
    )
    other = compared(plain, {"sums": {"0": 9, "1": 2}, "raised_items": {"1": "KeyError: 1"}})
    assert other["reason"].endswith("the function keeps something from call to call")
    newer = compared(plain, {"sums": {"0": 9, "1": 2}, "raised_items": {}}, "3.14")
    assert newer["reason"].endswith("or Python 3.14 computes otherwise than 3.11 (sums of floats do from 3.12 on)")


def test_what_raises_is_compared_by_its_kind_as_pythons_word_it_differently() -> None:
    with template_module("serving") as serving:
        one, two, other = (
            serving._sums([(serving.Raised(*raised), 1, 0.0, 1.0)], 0, 5)
            for raised in (
                ("ValueError", "Expecting a name"),
                ("ValueError", "Illegal comma"),
                ("KeyError", "Illegal comma"),
            )
        )
    assert one == two != other


@pytest.mark.slow
@pytest.mark.parametrize("tag", ["3.14", "3.15"])
def test_subinterpreters_run_where_items_raise_and_with_a_set_up(
    start: Callable[..., Script], tmp_path: Path, needs: Callable[[str], str], tag: str
) -> None:
    options = ("--interpreter", needs(tag), *only("subinterpreters"))
    script = ran(start, script_of(tmp_path, "some_raise_with", SETUP="lab.py:load"), *options)
    assert script.statuses() == {"single_threaded": "ok", "subinterpreters": "ok"}
    cell = next(
        event for event in script.events if isinstance(event, CellEvent) and event.approach != "single_threaded"
    )
    assert cell.raised and cell.batch and cell.raised / cell.batch == pytest.approx(0.2, abs=0.05)
    assert cell.raised_first == "KeyError: 0"


def test_a_fork_server_imports_the_users_modules_once_for_all_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(multiprocessing, "set_forkserver_preload", asked.append)
    named = {"function": "src/lab.py:f", "async_function": None, "setup": "pkg.parts:Cache.fill"}
    with template_module("ways") as ways:
        for method in ("fork", "forkserver"):
            monkeypatch.setattr(multiprocessing, "get_start_method", lambda method=method: method)
            ways._preload(named)
    assert asked == [["__main__", "lab", "pkg.parts"]]


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({}, True),
        ({"starts": 4}, False),  # enough, as it is not cheap
        ({"starts": 4, "open_seconds": 1.0}, True),
        ({"each": 0.1}, False),  # the start is nothing beside the work
        ({"open_seconds": 5.0}, False),  # too dear, for two approaches
        ({"session": None}, True),
    ],
)
def test_a_start_that_counts_is_sampled_some_times(changes: dict[str, Any], again: bool) -> None:
    start = {"start_seconds": 0.1}
    known = {"session": "it", "starts": 1, "each": 0.001, "open_seconds": 2.0, "batches": 1, "first": 100}
    kept = SimpleNamespace(**known | changes)
    kept.starts = [start] * kept.starts
    other = SimpleNamespace(session="another")
    run = SimpleNamespace(cost={"cached": False}, tasks=200, kept={0: kept, 1: other}, left=lambda: 20.0)
    with template_module("function_run") as module:
        assert module._FunctionRun._stale(run, kept) is again


def test_threads_are_started_all_of_them_and_their_waiting_is_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab_of_threads.py").write_text("def f(n): return n\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    names = ("function", "async_function", "items", "setup", "folder", "coroutine")
    settings = dict(zip(names, ("lab_of_threads.py:f", None, "9", None, str(tmp_path), False), strict=True))
    with template_module("ways") as ways:
        ready = ways._Ready(ways.WAYS["threads"], settings, 20, 1)
        ready.load()
        ready.start()
        done = ready.run([1, 2, 3])
        ready.close()
    sys.modules.pop("lab_of_threads")
    assert (len(ready.seen), ready.failure, [value for value, *_ in done]) == (20, None, [1, 2, 3])
    assert ready.slept_seconds > 0
