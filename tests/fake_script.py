"""A fake benchmark script that says what it is told to, and the events of its run."""

from __future__ import annotations

import contextlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from selector import proof
from selector.benchmark.events import CellEvent, EndEvent, Event, Session, collect, parse_event
from selector.benchmark.run import BenchmarkRun

#: What the fake scripts begin with.
PRELUDE = """
import json, os, signal, subprocess, sys, time

def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)

ARM = {"approach": "single_threaded", "interpreter": "3.14", "workers": 1, "role": "baseline", "variant": ""}
MEASURED = [
    "tasks", "seconds", "launch_seconds", "startup_seconds", "first_result_seconds", "steady_seconds", "cpu_seconds",
    "cpu_percent", "peak_memory_mb", "memory_metric", "task_latency_ms", "gil_enabled", "checksum", "workers_seen",
    "imbalance", "short", "extrapolated_from",
]

def start(**changes):
    fields = dict(schema=1, name="fake", seed=1, budget_seconds=1.0, io="sleep", cpus=2, recommended=None, assumed=[])
    say("start", **fields, memory_limit_mb=None, python="3.14.0", **changes)
    say("plan", tasks=1, tasks_asked=None, task_wall_ms=1.0, task_cpu_ms=1.0, arms=[{"arm": 0, **ARM}])

def cell(round=0):
    say("cell", arm=0, round=round, **ARM, status="ok", reason="", **{**dict.fromkeys(MEASURED), "seconds": 0.5})

def end(reason="done", detail=""):
    say("end", reason=reason, detail=detail, seconds=1.0)

def report_and_exit(*ignored):
    cell(99)
    end("interrupted")
    sys.exit(130)

def sleep():
    while os.getppid() != 1:
        time.sleep(0.05)
"""


@contextlib.contextmanager
def fake_runs(folder: Path) -> Iterator[Callable[..., BenchmarkRun]]:
    """`fake(body)` is a run of a script that begins with the prelude; it is closed at the end."""
    with contextlib.ExitStack() as stack:

        def begin(body: str, **options: Any) -> BenchmarkRun:
            options = {"deadline_seconds": 20.0, "grace_seconds": 5.0} | options
            return stack.enter_context(BenchmarkRun([sys.executable, str(script(folder, body))], **options))

        yield begin


def script(folder: Path, body: str) -> Path:
    file = folder / "bench.py"
    file.write_text(PRELUDE + textwrap.dedent(body), encoding="utf-8")
    return file


def saved(log: Path) -> Session:
    """The run that a log holds, whose last line may be cut off."""
    *lines, _ = log.read_bytes().split(b"\n")
    return collect(map(parse_event, lines))


def kinds(events: Iterator[Event] | list[Event]) -> list[str]:
    return [event.event for event in events]


def next_cell(run: BenchmarkRun) -> CellEvent:
    return next(event for event in run if isinstance(event, CellEvent))


def last(events: Iterator[Event] | list[Event]) -> EndEvent:
    event = list(events)[-1]
    assert isinstance(event, EndEvent)
    return event


#: A script that says at once what a real one would, of 8 tasks with a baseline of 1 s.
FAKE = """
import json, os, signal, sys, time

def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)

def arm(number, approach, role):
    at = {"approach": approach, "interpreter": "3.14", "workers": 1, "role": role, "variant": ""}
    return {"arm": number, **at}

ARMS = [
    arm(0, "single_threaded", "baseline"), arm(1, "single_threaded", "control"), arm(2, "multiprocessing", "candidate")
]
NOTHING = dict.fromkeys([
    "launch_seconds", "startup_seconds", "first_result_seconds", "steady_seconds", "cpu_seconds", "cpu_percent",
    "peak_memory_mb", "memory_metric", "task_latency_ms", "gil_enabled", "checksum", "workers_seen", "imbalance", "short",
    "extrapolated_from",
])

def start():
    said = dict(zip(sys.argv, sys.argv[1:]))
    seed, budget = int(said.get("--seed", 1)), float(said["--budget"])
    about = {"schema": 1, "name": "fake", "seed": seed, "budget_seconds": budget, "io": said["--io"], "cpus": 2}
    say("start", **about, recommended="multiprocessing", assumed=[], memory_limit_mb=None, python="3.14.0")
    say("interpreter", interpreter="3.14", path="/x/python3.14", version="3.14.0", free_threaded_build=False,
        gil_enabled=True, reference=True, status="ok", reason="")
    say("plan", tasks=8, tasks_asked=8, task_wall_ms=1.0, task_cpu_ms=1.0, arms=ARMS)

def round(number):
    for arm, seconds in zip(ARMS, (1.0, 1.01, 0.5)):
        say("cell", round=number, status="ok", reason="", tasks=8, seconds=seconds + number / 1000, **arm, **NOTHING)

def end(reason="done"):
    say("end", reason=reason, detail="", seconds=2.0)

def interrupted(*_):
    end("interrupted")
    sys.exit(130)

signal.signal(signal.SIGINT, interrupted)
"""
GOOD = "start(); round(0); round(1); round(2); end()"

#: A workload that is measured in no time.
TINY = {"workload_type": "cpu", "tasks": 8, "cpu_ms_per_task": 3, "name": "tiny", "free_threading_ready": False}
HERE = ["--interpreter", sys.executable]  # one Python is enough, and faster
VERDICTS = ("confirmed", "tie", "refuted", "inconclusive")
FILES = ["bench.py", "events.jsonl", "plan.json", "report.html", "report.md", "results.json"]


def script_that_says_it() -> Any:
    """While this is active, `validate` in this process writes and runs a script that says at once what a real one would."""
    return mock.patch.object(proof, "script_for", return_value=FAKE + GOOD)
