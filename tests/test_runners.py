"""Runners that run: in each way, with items that fail, without end, interrupted, under other Pythons."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command import posix_only
from runner_files import FAMILIES, interrupted, make, run
from strategies import slow_after

from selector.files import resource_dir
from selector.measure.target import parse_target

TEMPLATES = sorted((resource_dir("templates") / "runners").glob("run_*.py"))
RESULTS = [{"item": n, "result": 12 / (n - 3)} for n in range(8) if n != 3]
SHORT_POOLS = ("threads", "multiprocessing", "asyncio_threads")


def made(folder: Path, approach: str) -> Path:
    function = "divide_async" if approach == "asyncio" else "divide"
    return make(folder, approach, function, setup=parse_target("src/work.py:load", folder), batch=2)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    make(tmp_path, "threads")  # writes the module
    return tmp_path


def has_all_but_the_failed(done: subprocess.CompletedProcess[str], said: str = "") -> None:
    assert [json.loads(line) for line in done.stdout.splitlines()] == RESULTS
    wanted = ["failed: 3: ZeroDivisionError('division by zero')", "8 done, 1 failed"]
    assert [line for line in done.stderr.splitlines() if not said or said not in line] == wanted
    assert said in done.stderr
    assert done.returncode == 1


def test_every_family_has_a_template() -> None:
    assert [path.stem.removeprefix("run_") for path in TEMPLATES] == sorted(FAMILIES)


@pytest.mark.parametrize("template", slow_after(4, TEMPLATES), ids=lambda path: path.stem)
def test_a_template_runs_as_it_lies(template: Path) -> None:
    done = subprocess.run([sys.executable, template], capture_output=True, text=True, timeout=60, check=False)
    assert [json.loads(line)["item"] for line in done.stdout.splitlines()] == [n for n in range(10) if n != 3]
    assert done.stderr.splitlines()[-2:] == ["failed: 3: ZeroDivisionError('division by zero')", "10 done, 1 failed"]
    assert done.returncode == 1


@pytest.mark.parametrize("approach", slow_after(4, FAMILIES))
def test_results_keep_their_order_and_a_failing_item_is_named(work: Path, approach: str) -> None:
    said = "processes instead of" if sys.version_info < (3, 14) and approach == "subinterpreters" else ""
    if approach.endswith("free_threaded") and getattr(sys, "_is_gil_enabled", lambda: True)():
        said = "processes instead of threads"
    has_all_but_the_failed(run(made(work, approach)), said)


def test_subinterpreters_run_where_there_are_some(work: Path, needs: Callable[[str], str]) -> None:
    has_all_but_the_failed(run(made(work, "subinterpreters"), needs("3.14")))


def test_free_threads_run_where_the_gil_is_off(work: Path, needs: Callable[[str], str]) -> None:
    has_all_but_the_failed(run(made(work, "free_threaded"), needs("3.13t")))


@pytest.mark.slow
@pytest.mark.parametrize("tag", ["3.13t", "3.14", "3.15"])
@pytest.mark.parametrize("approach", FAMILIES)
def test_every_family_runs_under_every_python(work: Path, needs: Callable[[str], str], approach: str, tag: str) -> None:
    done = run(made(work, approach), needs(tag))
    assert [json.loads(line) for line in done.stdout.splitlines()] == RESULTS
    assert done.returncode == 1


# What goes wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("approach", [*SHORT_POOLS, "single_threaded"])
def test_items_that_break_off_leave_the_results_so_far(work: Path, approach: str) -> None:
    done = run(make(work, approach, "slow", "src/work.py:broken"))
    assert [json.loads(line)["result"] for line in done.stdout.splitlines()] == [0, 1, 2]
    assert "OSError('the disk is gone')" in done.stderr or "OSError: the disk is gone" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("approach", ["multiprocessing", "asyncio_processes"])
def test_a_worker_that_dies_ends_the_run_with_what_is_known(work: Path, approach: str) -> None:
    done = run(make(work, approach, "dies", "src/work.py:endless", workers=1))
    assert "BrokenProcessPool" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def test_a_failing_item_is_shown_in_one_line_that_a_terminal_does_not_obey(work: Path) -> None:
    (work / "items.jsonl").write_text('"a\\u001b[31m"\n{"b": 1}\n', "utf-8")
    script = make(work, "threads", "endless", "items.jsonl")  # it takes no item
    done = run(script)
    assert done.stdout == ""
    assert r"failed: 'a\x1b[31m': TypeError('endless() takes 0 positional arguments but 1 was given')" in done.stderr


# Without end, and Ctrl-C ----------------------------------------------------------------------------------------------


def taken_until_interrupted(script: Path, python: str = sys.executable) -> int:
    """How many items were taken for five results; the run ends as it should."""
    code, said = interrupted(script, python, 5)
    assert (code, "Traceback" in said) == (130, False)
    done = re.search(r"(\d+) done, 0 failed$", said.splitlines()[-1])  # a line that was begun may stand before it
    assert done is not None
    return said.count("taken") - int(done[1])


@posix_only
def test_ctrl_c_ends_an_endless_run_of_which_little_was_taken_ahead(work: Path) -> None:
    assert 0 < taken_until_interrupted(make(work, "multiprocessing", "slow", "src/work.py:endless")) <= 3 * 2 + 1


@posix_only
@pytest.mark.parametrize("approach", ["multiprocessing", "asyncio"])
def test_it_ends_where_nobody_reads_the_results_any_more(work: Path, approach: str) -> None:
    function = "divide_async" if approach == "asyncio" else "slow"
    script = make(work, approach, function, "src/work.py:endless", setup=parse_target("src/work.py:load", work))
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=work
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
    assert (process.returncode, "Traceback" in said) == (130, False), said


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize("tag", ["3.13t", "3.14"])
@pytest.mark.parametrize("approach", sorted({*FAMILIES} - {"asyncio", "native_parallel"}))
def test_ctrl_c_ends_every_family(work: Path, needs: Callable[[str], str], approach: str, tag: str) -> None:
    assert 0 <= taken_until_interrupted(make(work, approach, "slow", "src/work.py:endless"), needs(tag)) <= 3 * 2 + 1


def test_a_long_item_is_cut_where_a_result_names_it(work: Path) -> None:
    done = run(
        make(work, "threads", "slow", "-"), stdin=f'"{"a" * 300}"\n{json.dumps(list(range(200)))}\n"{"b" * 200}"\n'
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["item"] for each in said] == [
        f"{'a' * 200}...", f"{json.dumps(list(range(200)))[:200]}...", "b" * 200,
    ]  # fmt: skip
    assert all(set(each) == {"item", "result"} for each in said)


@posix_only
def test_on_a_terminal_a_line_says_how_far_it_is(work: Path) -> None:
    script, (leader, follower) = make(work, "threads", "slow", "4"), os.openpty()
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=follower, cwd=work) as process:
        os.close(follower)
        assert process.stdout is not None
        assert len(process.stdout.readlines()) == 4
    said = os.read(leader, 10_000).decode()
    os.close(leader)
    assert said.replace("\r\n", "\n").split("\r") == [f"{n} done, 0 failed" for n in range(1, 5)] + [
        "4 done, 0 failed\n"
    ]


def test_items_may_come_on_standard_input(work: Path) -> None:
    done = run(make(work, "multiprocessing", "slow", "-"), stdin='"a"\n\n[1]\n')
    assert [json.loads(line)["item"] for line in done.stdout.splitlines()] == ["a", [1]]
    assert (done.returncode, done.stderr) == (0, "2 done, 0 failed\n")
