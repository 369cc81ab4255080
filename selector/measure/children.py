"""Runs the probe in the user's Python: a mode is a child process that says what it finds, line by line, and then is gone.

The user's code runs only there. However a child ends, what it said until then is kept, with the phase it was in; and
nothing that it started is left. Where we are killed, its input closes, and it ends itself.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic_core import from_json, to_json

from selector.files import resource_dir
from selector.measure.python import ChosenPython
from selector.processes import Child, NotStartedError
from selector.temporary import temporary_folder
from selector.text import printable

SAMPLER_SECONDS = 0.5
STOPPING_SECONDS = 0.05  # between looks at children that are to end
LOOK_SECONDS = 0.5  # between looks at whether children compute
_COMPUTED_SECONDS = 0.02  # that count as computing
GRACE_SECONDS = 0.3  # a function that does not end when asked to is killed
_SAMPLER_LIMIT_SECONDS = 4.0
_LOOKED_AT = ("main", "look")  # modes that call on for whoever looks at the GIL
_HELD = "held"
Tell = Callable[[str], None]
Enough = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Said:
    """What a child said: all its messages as one, the phase it ended in, and what went wrong (empty: it did all).

    `errors` is the end of what Python itself wrote: the stack of a call that hangs, or of a crash.
    """

    mode: str
    python: ChosenPython
    facts: Mapping[str, Any]
    phase: str = "start"
    fault: str = ""
    errors: str = ""
    overdue: bool = False
    code: int | None = None
    stopped: bool = False  # by us: what it had said was enough

    @property
    def done(self) -> bool:
        """Whether it came to its end, or was stopped as it had said enough."""
        return self.stopped or self.cut or (self.phase == "done" and not self.fault)

    @property
    def timed_out(self) -> bool:
        """Whether a step took longer than it may, so that it ended itself, or was ended."""
        return self.overdue or "Timeout (" in self.errors

    @property
    def cut(self) -> bool:
        """Whether there was time for one call only: it took long and ended, and a second one would have taken too long."""
        return self.phase == "second call" and self.timed_out


@dataclass
class Job:
    """A mode to be run: under a Python, with options for the probe and variables, planned for so many seconds.

    It is ended after `most_seconds` (as many more as it takes to start and to end).
    """

    mode: str
    python: ChosenPython
    seconds: float
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    most_seconds: float | None = None

    @property
    def limit_seconds(self) -> float:
        """When it is ended, whatever it does."""
        return self.seconds + 4.0 if self.most_seconds is None else self.most_seconds


class Laboratory:
    """Where children are run: a folder for what they leave, in a context that ends with it.

    `common` are the options that every child gets: the target, its items, the working folder.
    """

    def __init__(self, common: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._common, self._environ = dict(common), dict(environ)
        self._stack = ExitStack()
        self._place = Path()

    def __enter__(self) -> Self:
        self._place = self._stack.enter_context(temporary_folder())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, job: Job, tell: Tell = lambda _: None, enough: Enough = lambda _: False) -> Said:
        """Run one mode to its end, or until it has said enough; `tell` gets each phase as it begins."""
        with ExitStack() as running:
            return self._heard(job, self._started(job, running), tell, enough)

    def run_together(self, jobs: list[Job]) -> list[Said]:
        """Run several modes at once, whose times do not matter; what each said, in their order."""
        with ExitStack() as running:
            children = [(job, self._started(job, running)) for job in jobs]
            return [self._heard(job, child, lambda _: None, lambda _: False) for job, child in children]

    def run_all(
        self,
        jobs: Sequence[Job],
        at_once: int,
        tell: Callable[[int], None] = lambda _: None,
        idle_seconds: float = math.inf,
    ) -> list[Said]:
        """Run many modes, some at a time; what each said, in their order. `tell` gets how many have ended.

        One that computes nothing for `idle_seconds` is overdue, and made to write its stack.
        """
        live: dict[Child, Progress] = {}

        def ran(job: Job) -> Said:
            with ExitStack() as running:
                child = self._started(job, running)
                if isinstance(child, Child):
                    live[child] = Progress(child.process.pid)
                return self._heard(job, child, lambda _: None, lambda _: False)

        with ThreadPoolExecutor(at_once) as pool:
            waiting = [pool.submit(ran, job) for job in jobs]
            try:
                left = set(waiting)
                while left:
                    ended, left = wait(left, LOOK_SECONDS, FIRST_COMPLETED)
                    for _ in ended:
                        tell(len(jobs) - len(left))
                    for child in [each for each, progress in list(live.items()) if progress.idle_for() > idle_seconds]:
                        child.give_up(signal.SIGABRT)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                while not all(each.done() for each in waiting):  # one may just be starting
                    for child in list(live):
                        child.stop(0)
                    time.sleep(STOPPING_SECONDS)
                raise
            return [each.result() for each in waiting]

    def _started(self, job: Job, running: ExitStack) -> Child | NotStartedError:
        most = max(0.5, job.limit_seconds - GRACE_SECONDS - 0.2)  # it ends itself before, with the line that it is in
        options = {**self._common, "cache": str(self._place / "cache"), "while_open": True}
        options |= {"budget": min(job.seconds, most), "most": most, "begun": time.monotonic(), **job.options}
        if job.mode in _LOOKED_AT and can_be_looked_at(job.python):
            options["stop"] = str(self._place / "stop")
        script = str(resource_dir("probes") / "function")
        command = [job.python.path, "-B", script, job.mode, to_json(options).decode()]
        try:
            return running.enter_context(
                Child(
                    command,
                    deadline_seconds=job.limit_seconds,
                    grace_seconds=GRACE_SECONDS,
                    stdin=subprocess.PIPE,
                    cwd=options["folder"],
                    env=self._environ | job.environment,
                )
            )
        except NotStartedError as error:
            return error

    def _heard(self, job: Job, child: Child | NotStartedError, tell: Tell, enough: Enough) -> Said:
        """All that a child says until it ends, or has said enough."""
        if isinstance(child, NotStartedError):
            return Said(job.mode, job.python, {}, fault=f"it {child}")
        facts: dict[str, Any] = {}
        phase = "start"
        for message in _messages(child):
            facts |= message
            if enough(message):
                return Said(job.mode, job.python, facts, phase, stopped=True)
            if "phase" in message:
                phase = str(message["phase"])
                tell(phase)
            if phase == _HELD and "sampler" not in facts:
                facts["sampler"] = self._sampled(job, child)
        code = child.process.returncode
        errors = printable(child.errors)
        return Said(job.mode, job.python, facts, phase, child.fault, errors, child.overdue, code)

    def _sampled(self, job: Job, child: Child) -> dict[str, Any]:
        """Look at the GIL of a child while it calls the function, then let it go on."""
        options = {"pid": child.process.pid, "seconds": SAMPLER_SECONDS}
        limit = min(_SAMPLER_LIMIT_SECONDS, max(0.1, child.deadline_seconds - child.seconds))
        try:
            return dict(self.run(Job("sampler", job.python, limit, options, most_seconds=limit)).facts)
        finally:
            with contextlib.suppress(OSError):
                (self._place / "stop").touch()


class Progress:
    """Whether a process computes, with those that it has started: how long ago it was last seen to, in seconds."""

    def __init__(self, number: int) -> None:
        self._number, self._computed, self._at = number, 0.0, time.monotonic()

    def idle_for(self) -> float:
        """The seconds; 0 where nobody can say."""
        import psutil

        try:
            process = psutil.Process(self._number)
            computed = sum(sum(each.cpu_times()[:2]) for each in [process, *process.children(recursive=True)])
        except (psutil.Error, OSError):
            return 0.0
        if computed > self._computed + _COMPUTED_SECONDS:
            self._computed, self._at = computed, time.monotonic()
        return time.monotonic() - self._at


def can_be_looked_at(python: ChosenPython) -> bool:
    """Whether this Python can look at the GIL of another process of it."""
    return int(python.tag[2:].rstrip("t")) >= 14 and not python.interpreter.free_threaded


def _messages(child: Child) -> Iterator[dict[str, Any]]:
    """The messages of a child; a line that is none is left out."""
    for line in child:
        with contextlib.suppress(ValueError):
            message = from_json(line or b"")
            if isinstance(message, dict):
                yield message


def environment_for_children(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The user's environment, without what is meant for the Python that this tool runs in."""
    left_out = ("PYTHONHOME", "__PYVENV_LAUNCHER__", "PYTHONDEVMODE", "PYTHONWARNINGS", "PYTHONSTARTUP")
    return {name: value for name, value in environ.items() if name not in left_out}
