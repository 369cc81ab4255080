"""Scripts that use the modules of the todo batch program, each in an interpreter and a session of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import psutil
from shared import is_gone, wait_until
from todo_program import FOLDER

#: What all scripts have: `run` is one run, and gives its outcomes and its report.
COMMON = """
import json, os, signal, sys, threading, time
from coordinator import Coordinator, Options
from executions import AWAITING, EXECUTIONS, crew_for
from tasks import Settings, batches, make_tasks

HERE = [name for name in (*EXECUTIONS, *AWAITING) if name != "subinterpreters" or sys.version_info >= (3, 14)]

class Run:
    def __init__(self, execution, settings=Settings(), collect="queue", crew=None, **options):
        self.outcomes = []
        self.crew = crew or crew_for(execution, settings, collect)
        self.coordinator = Coordinator(self.crew, Options(**options), self.record)
        self.before_recording = lambda: None

    def record(self, outcomes):
        self.before_recording()
        self.outcomes += outcomes

    def __call__(self, count, size, known=True):
        source = batches(make_tasks(count), size)
        self.report = self.coordinator.run(source, -(-count // size) if known else None)
        ended = sorted([o.number for o in self.outcomes] + self.report.not_processed)
        assert ended == list(range(len(ended))), "lost or twice"
        assert self.report.stopped or len(ended) == count and not self.report.not_processed
        assert self.report.done + self.report.failed == len(self.outcomes)
        self.outcomes.sort()
        return self

    @property
    def failed(self):
        return {o.number: o.error for o in self.outcomes if o.status == "failed"}

    @property
    def lost(self):
        return sum(share.lost for share in self.report.shares.values())

"""


class Script:
    """A script in an interpreter and a session of its own."""

    def __init__(self, python: str, text: str, *arguments: str) -> None:
        program = COMMON + "if __name__ == '__main__':\n" + textwrap.indent(textwrap.dedent(text), "    ")
        self.process = subprocess.Popen(
            [python, "-c", program, *arguments], env={**os.environ, "PYTHONPATH": str(FOLDER)}, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def line(self) -> str:
        """What it prints next."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        """Send the line that it waits for."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def all(self) -> set[int]:
        """Its processes that live, whoever their parents are: those of its session."""
        if sys.platform == "win32":
            return set()
        found = set()
        for pid in psutil.pids():
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(pid) == self.process.pid and not is_gone(pid):
                    found.add(pid)
        return found

    def workers(self) -> set[int]:
        """Those that do batches: not what multiprocessing has to serve them."""
        helpers = ("resource_tracker", "forkserver")
        found = set()
        for pid in self.all() - {self.process.pid}:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                parent = " ".join(process.parent().cmdline()) if process.parent() else ""  # type: ignore[union-attr]
                served = "forkserver" in parent
                if served or not any(helper in " ".join(process.cmdline()) for helper in helpers):
                    found.add(pid)
        return found

    def ended(self) -> str:
        """What it printed until its end, which has to be a good one that leaves nothing behind."""
        out, errors = self.process.communicate(timeout=100)
        assert self.process.returncode == 0, errors
        assert errors == "", repr(errors)
        wait_until(lambda: not self.all())
        return out


def started() -> Iterator[Callable[..., Script]]:
    """A fixture: starts a script; it is ended with all that is its."""
    scripts: list[Script] = []

    def start(python: str, text: str, *arguments: str) -> Script:
        scripts.append(Script(python, text, *arguments))
        return scripts[-1]

    yield start
    for script in scripts:
        for pid in script.all():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        script.process.communicate()
