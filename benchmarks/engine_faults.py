"""One run of a project of programs/engines that is disturbed in its middle, as files show it: ledger, results, what is kept."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from loss_table import Line, counted, invented, read_ledger, task_of

from selector.benchmark.engine_project import engine_files
from selector.files import write_folder
from selector.measure.request import request_from

MARK = "CHAOS_ENGINES_RUN"
_PAUSE_SECONDS = 0.01
_LOOK_SECONDS = 0.1  # between two looks at what is kept
_START_SECONDS = 90.0  # to the first results, on a machine that others use
_LIMIT_SECONDS = 180.0  # of a run after its start
_GONE_SECONDS = 15.0  # for everything to be gone after it

WORK = '''"""A task that leaves a line when it comes to its end, and returns the same."""
import os, time

def work(item):
    time.sleep(float(os.environ["CHAOS_TASK_SECONDS"]))
    said = f"{item} {os.getpid()}-{time.time_ns()}"
    descriptor = os.open(os.environ["CHAOS_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{said}\\n".encode())
    os.close(descriptor)
    return said

def items():
    return range(int(os.environ["CHAOS_TASKS"]))
'''


class Case(NamedTuple):
    """What is done in one run. `patience_s`: how long nothing must happen until what is missing counts as lost."""

    engine: str
    settings: str
    fault: str
    number: int
    tasks: int
    task_s: float
    workers: int
    patience_s: float


class NotDisturbedError(Exception):
    """The run was over, or never began, when it should have been disturbed: why."""


def project(folder: Path, engine: str, python: str) -> None:
    """Write what `generate --engine` writes, and the module with the function beside it."""
    folder.mkdir(parents=True)
    (folder / "work.py").write_text(WORK, "utf-8")
    request = request_from("work.py:work", items="work.py:items", python=python, folder=folder)
    write_folder(engine_files(request, engine, folder / "jobs"), folder / "jobs", force=False)


def run_case(case: Case, template: Path, python: str) -> dict[str, Any]:
    """Run a project's copy, disturb it, wait, count; what was found, for the file of records."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    run = _Run(case, folder, python)
    begun, wrong, fault_at, ended = time.time(), list[str](), 0.0, 0
    try:
        shutil.copytree(template, folder, dirs_exist_ok=True)
        (folder / "tmp").mkdir()
        run.start()
        try:
            fault_at, ended = run.disturb(random.Random())
            run.wait()
        except NotDisturbedError as error:
            wrong.append(str(error))
        wrong += run.clear()
        results, ledger = run.results(), run.ledger()
        wrong += [f"no task came to the result of {key}" for key in invented(ledger, results)]
        counts = counted(case.tasks, ledger, results, run.seen, fault_at)
        outcome, said = run.outcome(), run.last_words()
    finally:
        run.clear()
        shutil.rmtree(folder, ignore_errors=True)
    found = {"schema": 1, "engine": case.engine, "version": outcome.get("version"), "settings": case.settings}
    found |= {"fault": case.fault, "number": case.number, "tasks": case.tasks, "task_s": case.task_s}
    found |= {"workers": case.workers, "patience_s": case.patience_s, "ended_before": ended, **counts._asdict()}
    again = outcome.get("submitted_again")
    return found | {
        "again": again,
        "at": round(begun),
        "seconds": round(time.time() - begun, 1),
        "said": said,
        "wrong": wrong,
    }


class _Run:
    """`jobs run` in a folder of its own."""

    def __init__(self, case: Case, folder: Path, python: str) -> None:
        self.case, self.folder, self._mark = case, folder, uuid.uuid4().hex
        self.seen: dict[int, str] = {}  # what was kept of a task when we first saw it
        self._looked = 0.0
        words = ["run", "--json", "--events", "--workers", f"{case.workers}", "--settings", case.settings]
        waits = ["--patience", f"{case.patience_s}", "--limit", f"{_LIMIT_SECONDS}"]
        self._command = [python, "-W", "ignore", str(folder / "jobs"), *words, *waits]
        ours = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "PYTHONPATH")}
        self._environment = {
            **ours, MARK: self._mark, "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1",
            "CHAOS_LEDGER": str(folder / "ledger"), "CHAOS_TASKS": str(case.tasks), "CHAOS_TASK_SECONDS": str(case.task_s),
        }  # fmt: skip

    def start(self) -> None:
        """Begin, or begin again."""
        with (self.folder / "events").open("ab") as events, (self.folder / "outcome").open("wb") as out:
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=events, env=self._environment,
                start_new_session=True,
            )  # fmt: skip

    def disturb(self, chance: random.Random) -> tuple[float, int]:
        """Let the fault happen, a moment after some tasks; when it did (Unix seconds), and how many lines there were."""
        enough = chance.randint(1, self.case.tasks * 3 // 5)
        self._until(lambda: len(self.ledger()) >= enough, _START_SECONDS)
        time.sleep(chance.uniform(0, self.case.task_s))
        ready = self._ready()
        if self.case.engine == "ray":  # which starts its own
            ready["broker"] = next(pid for pid in _marked(self._mark) if b"/raylet\0" in _command(pid))
        victims = _victims(self.case.fault, ready, self.process.pid, chance)
        self._look()
        at = time.time()
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended = sum(line.at <= at for line in self.ledger())
        if not victims or ended >= self.case.tasks:
            raise NotDisturbedError("all was done before it was disturbed")
        if self.case.fault == "submitter":
            self.process.wait()
            self.start()
        return at, ended

    def wait(self) -> None:
        """Until it ends; NotDisturbedError where it does not."""
        until = time.monotonic() + _LIMIT_SECONDS + 60
        while self.process.poll() is None:
            self._look()
            if time.monotonic() > until:
                raise NotDisturbedError("it never ended")
            time.sleep(5 * _PAUSE_SECONDS)

    def ledger(self) -> list[Line]:
        """What tasks wrote."""
        try:
            return read_ledger((self.folder / "ledger").read_text("ascii"))
        except FileNotFoundError:
            return []

    def results(self) -> list[dict[str, Any]]:
        """What results.jsonl has; nothing where there is none."""
        try:
            return [
                json.loads(line) for line in (self.folder / "jobs" / "results.jsonl").read_text("utf-8").splitlines()
            ]
        except FileNotFoundError:
            return []

    def outcome(self) -> dict[str, Any]:
        """What the run said of itself."""
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads((self.folder / "outcome").read_text("utf-8"))
            return found
        return {}

    def last_words(self) -> str:
        """What it complained of at last."""
        lines = (self.folder / "events").read_text("utf-8", "replace").splitlines()
        return next((line[:300] for line in reversed(lines) if line.startswith("error: ")), "")

    def clear(self) -> list[str]:
        """End what is left after a moment; what that was."""
        if self.process.poll() is None:
            self.process.terminate()
        until = time.monotonic() + _GONE_SECONDS
        while (left := list(_marked(self._mark))) and time.monotonic() < until:
            time.sleep(5 * _PAUSE_SECONDS)
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        return [f"{len(left)} processes were left"] if left else []

    def _ready(self) -> dict[str, Any]:
        """Its event: the processes."""
        for line in (self.folder / "events").read_text("utf-8", "replace").splitlines():
            with contextlib.suppress(ValueError):
                said: dict[str, Any] = json.loads(line)
                if said["event"] == "ready":
                    return said
        raise NotDisturbedError("it was never ready")

    def _until(self, there: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not there():
            if self.process.poll() is not None or time.monotonic() > until:
                last = (self.folder / "events").read_text("utf-8", "replace").splitlines()[-1:]
                raise NotDisturbedError(f"it never came to its middle: {last}")
            time.sleep(_PAUSE_SECONDS)

    def _look(self) -> None:
        """Remember what is kept of each task when it is first seen there."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        base = self.folder / "jobs" / "kept.db"
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"file:{base}?mode=ro", uri=True)) as it,
        ):
            for key, text in it.execute("SELECT key, text FROM results WHERE ok"):
                self.seen.setdefault(task_of({"key": key}), json.loads(text[1:]))


# Processes ------------------------------------------------------------------------------------------------------------


def _victims(fault: str, ready: dict[str, Any], run: int, chance: random.Random) -> list[int]:
    """Whom to kill."""
    if fault == "worker":
        one = chance.choice(ready["processes"])
        return [one, *_children(one)]
    if fault == "workers":
        return _of_sessions(set(ready["workers"])) or ready["processes"]  # of Ray, nobody but Ray starts them
    return [run] if fault == "submitter" else [ready["broker"]]


def _processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208  # often, some hundred each time


def _children(parent: int) -> list[int]:
    found = []
    for pid in _processes():
        with contextlib.suppress(OSError):
            if int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1]) == parent:
                found.append(pid)
    return found


def _of_sessions(sessions: set[int]) -> list[int]:
    """All processes of the main processes of a crew: each leads a session."""
    found = []
    for pid in _processes():
        with contextlib.suppress(OSError):
            if os.getsid(pid) in sessions:
                found.append(pid)
    return found


def _command(pid: int) -> bytes:
    """The first word of its command line, and a zero."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0] + b"\0"
    except OSError:
        return b""


def _marked(mark: str) -> Iterator[int]:
    """The processes of a run that live, whoever their parents are."""
    needle = f"{MARK}={mark}".encode()
    for pid in _processes():
        with contextlib.suppress(OSError):
            if needle in Path(f"/proc/{pid}/environ").read_bytes():
                yield pid
