"""Runners for tests: a function that fails on some items, and a script that runs it in one way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from selector.benchmark.runner import Runner, runner_script
from selector.measure.target import parse_items, parse_target

FAMILIES = (
    "single_threaded",
    "native_parallel",
    "threads",
    "free_threaded",
    "multiprocessing",
    "subinterpreters",
    "asyncio",
    "asyncio_threads",
    "asyncio_processes",
    "asyncio_free_threaded",
)
WORK = '''
"""A function with a set-up that writes a global of its module."""
import asyncio, itertools, os, sys, time

def load():
    global FACTOR
    FACTOR = 12

def divide(item):
    return FACTOR / (item - 3)

async def divide_async(item):
    await asyncio.sleep(0.001)
    return divide(item)

def slow(item):
    time.sleep(0.05)
    return item

def dies(item):
    if item == 3:
        os._exit(9)
    return item

def endless():
    for number in itertools.count():
        print("taken", file=sys.stderr, flush=True)
        yield number

def broken():
    yield from range(3)
    raise OSError("the disk is gone")
'''


def make(folder: Path, approach: Any, function: str = "divide", items: str = "8", **more: Any) -> Path:
    """A runner in a folder, for a function of a module in a folder below it."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "work.py").write_text(WORK, "utf-8")
    source = parse_items(items, folder)
    runner = Runner(approach, parse_target(f"src/work.py:{function}", folder), source, folder, **{"workers": 2} | more)
    script = folder / "run.py"
    script.write_text(runner_script(runner, script), "utf-8")
    return script


def run(script: Path, python: str = sys.executable, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [python, "-W", "error", str(script)]
    return subprocess.run(
        command, input=stdin, cwd=script.parent, capture_output=True, text=True, timeout=60, check=False
    )


def interrupted(script: Path, python: str, lines: int) -> tuple[int, str]:
    """Run it in a session of its own, send that Ctrl-C after so many results; the exit code and what it said.

    Every process of the session must be gone soon after.
    """
    errors = script.with_name("errors.txt")
    with errors.open("w") as sink:
        process = subprocess.Popen(
            [python, str(script)], stdout=subprocess.PIPE, stderr=sink, start_new_session=True, cwd=script.parent
        )
        with process:
            assert process.stdout is not None
            for _ in range(lines):
                assert process.stdout.readline()
            os.killpg(process.pid, signal.SIGINT)
            process.stdout.read()
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return process.returncode, errors.read_text()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError("a process is left")
