"""Processes that are started, watched, started again when they end, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import Any

from engine_jobs.keeper import Keeper, end_all, members
from engine_jobs.plan import READY, Plan
from engine_jobs.work import clean

LONGEST_START_SECONDS = 60.0
GRACE_SECONDS = 5.0  # for a worker to end what it does, when it is told to stop
_MOST_FALSE_STARTS = 3  # one after the other


class CannotGoOnError(Exception):
    """What the run needs cannot be had: what, and what to do."""


class Main:
    """A process and all that it starts, in a session of their own: Ctrl-C is for us. `expected`: how often it says ready."""

    def __init__(self, what: str, command: list[str], plan: Plan, keeper: Keeper, expected: int = 1) -> None:
        self.what, self._command, self._plan, self._keeper = what, command, plan, keeper
        self.expected, self.sessions = expected, set[int]()
        self.false_starts = 0
        self._log = os.path.join(plan.folder, f"{what.replace(' ', '-')}.log")
        self._said = os.path.join(plan.folder, f"{what.replace(' ', '-')}.ready")
        self.process: Any = None

    def start(self) -> None:
        """Start it, and do not wait for it. What is left of an earlier start goes first: its number may become that of others."""
        if self.sessions:
            self.end()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._said)
        try:
            with open(self._log, "ab") as log:
                self.process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**self._plan.environment(), READY: self._said},
                    start_new_session=True,
                )
        except OSError as error:
            raise CannotGoOnError(f"{self.what} cannot be started: {error.strerror or error}") from None
        self._keeper.tell(f"+{self.process.pid}")
        self.sessions.add(self.process.pid)

    @property
    def ready(self) -> list[int]:
        """The processes of it that said that they are ready, without one that only oversees others."""
        return [int(line) for line in self._lines() if line.isdigit()]

    @property
    def is_ready(self) -> bool:
        """Whether as many said so as are expected."""
        return len(self._lines()) >= self.expected

    def _lines(self) -> list[str]:
        try:
            with open(self._said, encoding="ascii") as stream:
                return stream.read().split("\n")[:-1]
        except FileNotFoundError:
            return []

    @property
    def has_ended(self) -> bool:
        """Whether the main process is gone; what it started may go on."""
        return self.process is None or self.process.poll() is not None

    def start_again(self) -> None:
        """After it has ended; CannotGoOnError where it does so each time before it is ready."""
        if self.is_ready:
            self.false_starts = 0
        else:
            self.false_starts += 1
            if self.false_starts >= _MOST_FALSE_STARTS:
                raise CannotGoOnError(f"{self.what} ended {self.false_starts} times as it started: {self.last_words()}")
        self.start()

    def last_words(self) -> str:
        """The last line that it wrote, or how it ended."""
        with contextlib.suppress(OSError), open(self._log, "rb") as stream:
            stream.seek(max(0, os.path.getsize(self._log) - 10_000))
            lines = [line.strip() for line in stream.read().decode("utf-8", "replace").splitlines() if line.strip()]
            if lines:
                return clean(lines[-1])
        return f"exit code {self.process.returncode}"

    def ask(self, how: signal.Signals) -> None:
        """Ask the main process to end."""
        if not self.has_ended:
            self.process.send_signal(how)

    def end(self) -> None:
        """Kill what is left of it."""
        end_all(self.sessions, "")
        if self.process is not None:
            self.process.wait()
        for session in self.sessions:
            self._keeper.tell(f"-{session}")
        self.sessions.clear()


class Crew:
    """The main processes of the workers: one for each of them, or one for all, as the engine has it."""

    def __init__(self, plan: Plan, keeper: Keeper, expected: list[int], gently: signal.Signals) -> None:
        self._gently = gently
        self.mains = [
            Main(f"worker {number}", serving(number), plan, keeper, count) for number, count in enumerate(expected)
        ]

    def start(self) -> None:
        """Start all, and wait until they are ready; CannotGoOnError, with what one said last, where one cannot be."""
        for main in self.mains:
            main.start()
        until = time.monotonic() + LONGEST_START_SECONDS
        while not all(main.is_ready for main in self.mains):
            for main in self.mains:
                if main.has_ended:
                    raise CannotGoOnError(f"{main.what} ended as it started: {main.last_words()}")
            if time.monotonic() > until:
                raise CannotGoOnError(f"the workers are not ready after {LONGEST_START_SECONDS:g} s")
            time.sleep(0.005)

    def tend(self) -> list[Main]:
        """Start again whoever has ended; who that was."""
        ended = [main for main in self.mains if main.has_ended]
        for main in ended:
            main.start_again()
        return ended

    @property
    def pids(self) -> list[int]:
        """The main processes."""
        return [main.process.pid for main in self.mains if main.process is not None]

    @property
    def ready(self) -> list[int]:
        """The processes that run tasks, as far as they say so themselves."""
        return [pid for main in self.mains for pid in main.ready]

    @property
    def sessions(self) -> set[int]:
        """All that belong to the crew do so by their session."""
        return set[int]().union(*(main.sessions for main in self.mains))

    def close(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Let them end what they do, as long as that; then kill them."""
        for main in self.mains:
            main.ask(self._gently)
        until = time.monotonic() + grace_seconds
        while time.monotonic() < until and not all(main.has_ended for main in self.mains):
            time.sleep(0.01)
        for main in self.mains:
            main.end()

    def everybody(self) -> list[int]:
        """Every process of the crew."""
        return members(self.sessions)


def serving(number: int) -> list[str]:
    """The command of a main process."""
    return [sys.executable, "-m", "engine_jobs.worker", str(number)]
