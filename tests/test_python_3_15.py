"""What the guides say of Python 3.15 (and of `Executor.map(buffersize=)` of 3.14), asked of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Needs = Callable[[str], str]


def run(python: str, *command: str) -> str:
    """What a command under that Python prints; the test fails where it does."""
    done = subprocess.run([python, *command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


GROUP = """
import asyncio

async def main():
    async def task(number):
        await asyncio.sleep(number)
        done.append(number)
    done = []
    async with asyncio.TaskGroup() as group:
        for number in (0, 60):
            group.create_task(task(number))
        await asyncio.sleep(0.01)
        group.cancel()
    return done

assert asyncio.run(main()) == [0]
"""

ITERATORS = """
import threading, time

def numbers():
    for number in range(40):
        time.sleep(0.0002)  # the other threads come by meanwhile
        yield number

def taken(iterator):
    found, errors = [], []
    def take():
        try:
            found.extend(iterator)
        except ValueError as error:
            errors.append(str(error))
    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return sorted(found), set(errors)

assert taken(numbers())[1] == {"generator already executing"}
assert taken(threading.serialize_iterator(numbers())) == (list(range(40)), set())
assert taken(threading.synchronized_iterator(numbers)()) == (list(range(40)), set())
one, other = threading.concurrent_tee(iter(range(5)), n=2)
assert list(one) == list(other) == list(range(5))
"""

BUFFERED = """
from concurrent.futures import ThreadPoolExecutor

taken = []
items = (taken.append(number) or number for number in range(1000))
with ThreadPoolExecutor(2) as pool:
    results = pool.map(abs, items, buffersize=8)
    next(results)
    assert len(taken) <= 10, taken
    results.close()
"""

LAZY = """
lazy import decimal
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def before(): return "decimal" in sys.modules
def after(): return decimal.Decimal(1), "decimal" in sys.modules

if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        print(pool.submit(before).result(), pool.submit(after).result()[1])
"""

IGNORED_BEFORE = """
__lazy_modules__ = ["decimal"]
import sys
import decimal
print("decimal" in sys.modules)
"""

BOTH = """
import hashlib, threading, time

def python_part():
    end = time.thread_time() + 0.15
    while time.thread_time() < end:
        sum(number * number for number in range(100))

def native_part(data=b"x" * 20_000_000):
    end = time.thread_time() + 0.15
    while time.thread_time() < end:
        hashlib.sha256(data).digest()

threads = [threading.Thread(target=part) for part in (python_part, native_part)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.parametrize("claim", [GROUP, ITERATORS], ids=["TaskGroup.cancel", "iterators"])
def test_claims_about_python_3_15(claim: str, needs: Needs) -> None:
    run(needs("3.15"), "-c", claim)


@pytest.mark.parametrize("tag", ["3.14", "3.15"])
def test_a_buffer_bounds_what_map_takes(tag: str, needs: Needs) -> None:
    run(needs(tag), "-c", BUFFERED)


@pytest.mark.slow
def test_lazy_imports_keep_out_of_a_worker_what_its_task_does_not_touch(tmp_path: Path, needs: Needs) -> None:
    script = tmp_path / "lazily.py"
    script.write_text(LAZY)
    assert run(needs("3.15"), str(script)) == "False True\n"
    assert run(needs("3.15"), "-c", IGNORED_BEFORE) == "False\n"
    assert run(needs("3.14"), "-c", IGNORED_BEFORE) == "True\n"


def test_stable_abi_for_both_kinds_of_build(needs: Needs) -> None:
    suffixes = run(needs("3.15"), "-c", "import _imp; print(*_imp.extension_suffixes())")
    assert ".abi3t.so" in suffixes.split()


@pytest.mark.slow
def test_the_sampling_profiler_tells_who_holds_the_gil(tmp_path: Path, needs: Needs) -> None:
    script = tmp_path / "both.py"
    script.write_text(BOTH)
    holding, computing = (_sampled(needs("3.15"), mode, script) for mode in ("gil", "cpu"))
    assert "python_part" in holding and "python_part" in computing
    assert "native_part" in computing
    assert holding.get("native_part", 0) < computing["native_part"] / 4


def _sampled(python: str, mode: str, script: Path) -> dict[str, int]:
    """How often a function was seen in that mode, by its name."""
    stacks = script.with_suffix(f".{mode}")
    options = ["run", "-a", "--mode", mode, "--collapsed", "-o", str(stacks), str(script)]
    run(python, "-m", "profiling.sampling", *options)
    seen: dict[str, int] = {}
    for line in stacks.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        for name in ("python_part", "native_part"):
            if f":{name}:" in stack:
                seen[name] = seen.get(name, 0) + int(count)
    return seen


@pytest.mark.slow
def test_profiler_options_that_the_guides_name(needs: Needs) -> None:
    text = run(needs("3.15"), "-m", "profiling.sampling", "run", "--help")
    attach = run(needs("3.15"), "-m", "profiling.sampling", "attach", "--help")
    assert all(option in text for option in ("--mode {wall,cpu,gil,exception}", "--subprocesses", "--all-threads"))
    assert "--async-aware" in attach
