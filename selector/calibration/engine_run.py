"""Runs one of our projects on an engine (programs/engines) on this machine, with work that stands in, and reads what it says.

The project is copied into a temporary folder with a function of ours, and run by the user's Python, which has the engine.
It ends its broker and its workers itself, also when it is killed; where we are, it ends as well.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
from pydantic import Field, ValidationError
from pydantic_core import from_json

from selector.approaches import Engine
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.models import Frozen
from selector.processes import Child, NotStartedError
from selector.temporary import temporary_folder
from selector.text import cut, printable

_GRACE_SECONDS = 15.0  # a project ends its broker and workers first
_TASK_LIMIT_SECONDS = 600
#: What pip installs for an engine: the extras of pyproject.toml.
NEEDS: dict[str, str] = {
    "celery": "celery[redis]>=5.6,<6",
    "rq": "rq>=3,<4",
    "dask": "dask[distributed]>=2026.1",
    "ray": "ray>=2.50,<3",
    "dramatiq": "dramatiq[redis]>=2,<3",
    "huey": "huey>=3,<4",
}
_LOOK_SECONDS = 0.2
_KILLED_AFTER_SECONDS = 0.3
_NOT_INSTALLED = 2  # exit code of a project


class EngineRun(Frozen):
    """What one run came to, as `run --json` says it (programs/engines/README.md).

    `others_cpus` is how many CPUs other programs used meanwhile, `cpu_seconds` what the run used in all its processes.
    """

    engine: Engine
    version: str
    tasks: int
    done: int
    failed: int
    lost: int
    twice: int
    workers: int
    seconds: float = Field(gt=0)
    submit_seconds: float = Field(ge=0)
    first_result_seconds: float = Field(ge=0)
    worker_start_seconds: float = Field(ge=0)
    worker_mb: float | None = None
    broker_mb: float | None = None
    cpu_seconds: float = Field(ge=0)
    others_cpus: float = Field(ge=0)

    @property
    def whole_seconds(self) -> float:
        """From before the workers were started to the last result, as a pool is timed."""
        return self.worker_start_seconds + self.seconds


class StandIn(NamedTuple):
    """So many tasks that compute and wait for so long, in ms, with so many KB that cross to a worker and back."""

    tasks: int
    cpu_ms: float = 0.0
    wait_ms: float = 0.0
    payload_kb: float = 0.0


_YOURS = '''"""Work that stands in for a user's, made by concurrency-selector to measure an engine."""

import time

ENGINE = {engine!r}
NAME = "measured"
setup = None


def function(item):
    """Compute so many steps, wait for so long, and give back the text that came."""
    steps, text = item
    compute(steps)
    if {wait_seconds!r}:
        time.sleep({wait_seconds!r})
    return text


def compute(steps):
    """Work, not a time: beside others it takes longer where CPUs get in each other's way."""
    value = 0
    for step in range(steps):
        value = (value * 31 + step) & 65535


def items():
    """For each task the steps that take the CPU time here, and a text of one size."""
    return [(steps_of({cpu_seconds!r}), "x" * {size!r})] * {tasks!r}


def steps_of(seconds):
    """How many steps take so much CPU time at best."""
    steps = 1000
    while took(steps) < 0.005:
        steps *= 2
    return round(steps * seconds / min(took(steps) for _ in range(7))) if seconds else 0


def took(steps):
    """The CPU seconds of some steps."""
    begun = time.thread_time()
    compute(steps)
    return time.thread_time() - begun
'''


def stand_in_text(engine: Engine, work: StandIn) -> str:
    """The user's part of a project (`yours.py`) for work that stands in."""
    return _YOURS.format(
        engine=engine,
        cpu_seconds=work.cpu_ms / 1000,
        wait_seconds=work.wait_ms / 1000,
        size=round(work.payload_kb * 1024),
        tasks=work.tasks,
    )


@contextlib.contextmanager
def project(yours: str) -> Iterator[Path]:
    """A project with this user's part, in a folder that goes with the context."""
    with temporary_folder() as folder:
        jobs = folder / "jobs"
        shutil.copytree(resource_dir("programs") / "engines", jobs, ignore=shutil.ignore_patterns("__pycache__"))
        (jobs / "engine_jobs" / "yours.py").write_text(yours, encoding="utf-8")
        yield jobs


def run_engine(
    python: str,
    engine: Engine,
    jobs: Path,
    *,
    workers: int,
    deadline_seconds: float,
    lose_worker: bool = False,
) -> EngineRun:
    """Run a project to its end; SelectorError (exit code 1) where it fails, or the engine is not installed there.

    With `lose_worker` one of its workers is killed soon after they are ready.
    """
    command = [python, "-B", str(jobs), "run", "--engine", engine, "--workers", str(workers), "--fresh", "--json"]
    command += ["--task-limit", f"{_TASK_LIMIT_SECONDS}", "--limit", f"{deadline_seconds:.0f}"]
    command += ["--parent", f"{os.getpid()}", *(["--events"] if lose_worker else [])]
    said: list[bytes] = []
    before, started = _used(), time.monotonic()
    try:
        with (
            Child(
                command,
                deadline_seconds=deadline_seconds + _GRACE_SECONDS,
                grace_seconds=_GRACE_SECONDS,
                stdin=subprocess.DEVNULL,
                env=_environ(),
            ) as child,
            _watched(child.process.pid) as family,
        ):
            if lose_worker:
                threading.Thread(target=_lose_a_worker, args=(child, workers), daemon=True).start()
            said += [line or b"" for line in child]
    except NotStartedError as error:
        raise SelectorError(f"{engine} cannot be measured: {printable(python)} {error}", exit_code=1) from None
    after, wall = _used(), max(time.monotonic() - started, 1e-3)
    if child.process.returncode == _NOT_INSTALLED and "install" in child.errors:
        raise not_installed(python, engine)
    try:
        found = from_json(b"\n".join(said))
        known = {name: value for name, value in found.items() if name in EngineRun.model_fields}
        own, busy = max(after.own - before.own, family.cpu_seconds), after.busy - before.busy
        run = EngineRun(**known, cpu_seconds=max(0.0, own), others_cpus=max(0.0, busy - own) / wall)
    except (ValueError, AttributeError, ValidationError):
        last = printable(child.errors).strip().splitlines()[-1:] or [child.fault or "it said nothing"]
        raise SelectorError(f"{engine} cannot be measured: {cut(last[0])}", exit_code=1) from None
    if run.done < run.tasks:
        raise SelectorError(
            f"{engine} cannot be measured: {run.tasks - run.done} of {run.tasks} tasks failed", exit_code=1
        )
    return run


def not_installed(python: str, engine: Engine) -> SelectorError:
    """What to install, and where."""
    name = printable(python)
    return SelectorError(
        f"{engine} is not installed in {name}",
        f"{name} -m pip install '{NEEDS[engine]}'   (or --python PATH of an environment that has it)",
        1,
    )


def _lose_a_worker(child: Child, workers: int) -> None:
    """Kill one of the workers soon after they are ready: a process of one that has several, as each of them is one."""
    while not (mains := _ready_workers(child.errors)):
        if child.process.poll() is not None:
            return
        time.sleep(_LOOK_SECONDS / 4)
    time.sleep(_KILLED_AFTER_SECONDS)
    with contextlib.suppress(psutil.Error, OSError):
        main = psutil.Process(mains[0])
        below = main.children()
        (below[-1] if len(below) >= workers > 1 and len(mains) < workers else main).kill()


def _ready_workers(said: str) -> list[int]:
    """The main processes of workers, as the event says that they are ready; none before."""
    for line in said.splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            event = from_json(line)
            if event["event"] == "ready":
                return [int(pid) for pid in event["workers"]]
    return []


class _Family:
    """The CPU seconds of a process with all it started, as far as they were seen.

    Some engines end their workers without asking what they used, so that it is lost with them.
    """

    def __init__(self, pid: int) -> None:
        self.cpu_seconds = 0.0
        self._pid, self._over = pid, threading.Event()

    def watch(self) -> None:
        """Look again and again, until told to stop."""
        while not self._over.wait(_LOOK_SECONDS):
            with contextlib.suppress(psutil.Error, OSError):
                first = psutil.Process(self._pid)
                self.cpu_seconds = max(
                    self.cpu_seconds, sum(map(_cpu_seconds, [first, *first.children(recursive=True)]))
                )

    def stop(self) -> None:
        """Look no more."""
        self._over.set()


def _cpu_seconds(process: psutil.Process) -> float:
    """Of a process, with those of its children that it asked about when they ended; 0 where it is gone."""
    with contextlib.suppress(psutil.Error):
        return float(sum(process.cpu_times()[:4]))
    return 0.0


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[_Family]:
    family = _Family(pid)
    watcher = threading.Thread(target=family.watch, daemon=True)
    watcher.start()
    try:
        yield family
    finally:
        family.stop()
        watcher.join()


class _Used(NamedTuple):
    """CPU seconds so far: of children of ours that have ended, and of everything on this machine."""

    own: float
    busy: float


def _used() -> _Used:
    ours, times = os.times(), psutil.cpu_times()
    return _Used(ours.children_user + ours.children_system, times.user + times.system + getattr(times, "nice", 0.0))


def _environ() -> dict[str, str]:
    """The environment without what is meant for another Python, and without somebody's broker."""
    left_out = re.compile(r"PYTHON.*|__PYVENV_LAUNCHER__|REDIS_URL|CELERY_.*")
    return {name: value for name, value in os.environ.items() if not left_out.fullmatch(name)}
