"""Projects of engines for tests: a function with its items, run by the Python that has the engines."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import IN_CI

from selector.benchmark.engine_project import ENGINES, engine_files
from selector.files import write_folder
from selector.measure.request import request_from

#: Where they are, if not in the Python that runs the tests.
PYTHON = os.environ.get("ENGINES_PYTHON", sys.executable)
IN_EVERY_CI = ("celery", "rq", "dask", "dramatiq", "huey")  # Ray has no wheel for every Python
WORK = '''
"""A function that raises for one item, and leaves a line for each call that came to its end."""
import os, time

def divide(item):
    time.sleep(float(os.environ.get("TASK_SECONDS", "0")))
    ledger = os.environ.get("LEDGER")
    if ledger:
        descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{item}\\n".encode())
        os.close(descriptor)
    return 12 / (item - 3)

def load():
    with open(os.environ["LEDGER"], "a") as stream:
        stream.write("loaded\\n")

def dies(item):
    if item == 3:
        os.kill(os.getpid(), 9)
    return item

def numbers():
    return range(int(os.environ.get("TASKS", "200")))
'''


@cache
def why_not(engine: str) -> str:
    """Why an engine cannot be run here; nothing where it can."""
    module = "distributed" if engine == "dask" else engine
    done = subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"{engine} cannot be imported by {PYTHON} (ENGINES_PYTHON names another)"
    if ENGINES[engine].waits_in == "redis" and not shutil.which("redis-server"):
        return "there is no redis-server"
    return ""


def needs_engine(engine: str) -> None:
    """Skip the test where the engine is not here; in CI it fails then, but for Ray."""
    if reason := why_not(engine):
        pytest.fail(reason) if IN_CI and engine in IN_EVERY_CI else pytest.skip(reason)


def project(folder: Path, engine: str, function: str = "divide", **more: str) -> Path:
    """A project in a folder that has the function beside it."""
    (folder / "work.py").write_text(WORK, "utf-8")
    request = request_from(f"work.py:{function}", items="work.py:numbers", python=sys.executable, folder=folder, **more)
    write_folder(engine_files(request, engine, folder / "jobs"), folder / "jobs", force=False)
    return folder / "jobs"


def environment(jobs: Path, **more: str) -> dict[str, str]:
    """Nothing of a broker that the developer has; temporary files where they can be counted."""
    ours = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "PYTHONPATH")}
    temporary = jobs.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    return {**ours, "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1", **more}


def command(jobs: Path, *words: str) -> list[str]:
    return [PYTHON, "-W", "ignore", str(jobs), *words]


def run(jobs: Path, *words: str, **more: str) -> tuple[int, dict[str, Any], str]:
    """`python jobs run --json`: the exit code, what it printed, and what it said on the side."""
    done = subprocess.run(
        command(jobs, "run", "--json", "--workers", "2", *words), capture_output=True, text=True, timeout=150,
        check=False, env=environment(jobs, **more),
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def say(jobs: Path, *words: str) -> dict[str, Any]:
    """What another command prints."""
    done = subprocess.run(
        command(jobs, *words, "--json"), capture_output=True, text=True, timeout=150, check=False,
        env=environment(jobs),
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def running(jobs: Path, *words: str, **more: str) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """A run that goes on."""
    return apart(jobs, "run", "--json", *words, **more)


@contextlib.contextmanager
def apart(jobs: Path, *words: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on: its events are lines of standard error. It is gone at the end, however the test ends."""
    child = subprocess.Popen(
        command(jobs, *words, "--events", "--workers", "2"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=environment(jobs, **more), start_new_session=True,
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        child.communicate(timeout=60)


@contextlib.contextmanager
def redis_server(socket: Path) -> Iterator[str]:
    """A Redis that is there before us; its URL."""
    words = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(socket.parent)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + 30
            while not socket.exists() and time.monotonic() < until:
                time.sleep(0.01)
            yield f"unix://{socket}"
        finally:
            server.kill()


@contextlib.contextmanager
def dask_scheduler(folder: Path) -> Iterator[str]:
    """A scheduler that is there before us and has none of our modules; its URL."""
    file = folder / "scheduler.json"
    words = [PYTHON, "-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        [*words, "--scheduler-file", str(file)], cwd=folder, env=clean, stderr=subprocess.DEVNULL
    ) as server:
        try:
            until = time.monotonic() + 60
            while not file.exists() and time.monotonic() < until:
                time.sleep(0.05)
            yield str(json.loads(file.read_text("utf-8"))["address"])
        finally:
            server.kill()


def in_redis(url: str, *words: str) -> str:
    """What it answers to a command."""
    done = subprocess.run(
        ["redis-cli", "-s", url.partition("://")[2], *words], capture_output=True, text=True, check=True
    )
    return done.stdout


def event(child: subprocess.Popen[str], name: str) -> dict[str, Any]:
    """The next event of that name."""
    assert child.stderr is not None
    for line in child.stderr:
        with contextlib.suppress(ValueError):
            if (said := json.loads(line))["event"] == name:
                return said
    raise AssertionError(f"it ended before {name}")


def results(jobs: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (jobs / "results.jsonl").read_text("utf-8").splitlines()]


def nothing_is_left(jobs: Path, seconds: float = 20.0) -> None:
    """No process whose environment names this test's folder, no temporary file, no trace of a run in the project."""
    until = time.monotonic() + seconds
    while (left := _left(jobs)) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == [], left


def _left(jobs: Path) -> list[str]:
    mark = f"TMPDIR={jobs.parent / 'tmp'}".encode()
    found = [str(path) for path in (jobs.parent / "tmp").glob("*")]
    for pid in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (pid / "environ").read_bytes():
                found.append(f"{pid.name} {(pid / 'cmdline').read_bytes()!r}")
    usual = {"README.md", "__main__.py", "compose.yaml", "requirements.txt", "engine_jobs", "kept.db", "results.jsonl"}
    return found + [path.name for path in jobs.iterdir() if path.name not in usual and path.name != "__pycache__"]
