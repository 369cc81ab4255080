"""Runs a benchmark script and hands on its events; however that ends, no process of it is left behind.

The script has the schedule, the workers and their limits. This side starts it in a session of its own, so that Ctrl-C
reaches only us and the script can be asked to stop and report; it saves each event as it comes, and watches the clock.
Two threads read the two pipes, so that neither can fill up; everything else happens in the thread of the caller.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from selector.benchmark.events import (
    MAX_LINE_BYTES,
    CellEvent,
    EndEvent,
    EndReason,
    Event,
    StartEvent,
    UnknownSchemaError,
    event_line,
    parse_event,
)
from selector.errors import SelectorError
from selector.files import cannot_write, refuse_special
from selector.processes import RAISE_THE_LIMIT, kill_group, kill_tree
from selector.text import printable, quoted

GRACE_SECONDS = 5.0  # to stop and report, once asked to
MAX_EVENTS = 200_000  # a run of a minute has some thousand
_MAX_ERROR_BYTES = 65_536  # of standard error, the end is kept
_POLL_SECONDS = 0.2  # an event wakes us at once; only clocks and ends are looked for so often
_DRAIN_SECONDS = 1.0  # a pipe that is open for longer after the script has ended is held by a process that got away
_CHUNK_BYTES = 65_536
_GOOD_CODES = (0, 130)  # done, interrupted
_OWN_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # of Windows; elsewhere the session is one
_EVENT_BEGIN = b'{"event":'


def run_benchmark(
    script: Path,
    *,
    python: str,
    interpreters: Sequence[str],
    budget_seconds: float,
    io: str,
    seed: int | None = None,
    log: Path | None = None,
    extra: Sequence[str] = (),
) -> BenchmarkRun:
    """Start a script under `python`; the run is to be used in a `with` statement and iterated for its events.

    Each event is appended to `log`, a new file, before it is handed on. A script that takes half as long again as its
    budget and a minute more is stopped. SelectorError where the script cannot be started or the log not be written.
    """
    command = [python, os.path.abspath(script), "--json", "--budget", repr(float(budget_seconds))]  # noqa: PTH100
    for path in interpreters:
        command += ["--interpreter", path]
    command += ["--io", io, "--parent", str(os.getpid())]
    if seed is not None:
        command += ["--seed", str(seed)]
    return BenchmarkRun([*command, *extra], log=log, deadline_seconds=budget_seconds * 1.5 + 60)


class BenchmarkRun(Iterator[Event]):
    """A script that runs: an iterator over its events, in a context that no process of the script outlives.

    To stop it early call `interrupt` and go on iterating: the events up to its end still come. `events` has all that
    came, also one that was lost to an exception in the caller's loop. The iterator raises SelectorError (exit code 1)
    where the script failed before it measured anything, and KeyboardInterrupt where it was interrupted before it said
    anything; otherwise the last event is an EndEvent, made here if the script did not get to it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path | None = None,
        deadline_seconds: float,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self.interrupted = False
        self._script_file = command[1]
        self._started_at = time.monotonic()
        self._deadline_seconds, self._grace_seconds = deadline_seconds, grace_seconds
        self._kill_at = self._drained_by = math.inf  # not known yet
        self._killed = self._over = False
        self._given = 0  # of the events
        self._failure: BaseException | None = None
        self._notes: list[str] = []
        self._intake = _Intake(log)
        self._errors = _Tail()
        try:
            self._script = _start(command)
        except SelectorError:
            self._intake.close()
            raise
        self._readers = [
            threading.Thread(target=reader.read, args=(stream,), daemon=True)
            for reader, stream in ((self._intake, self._script.stdout), (self._errors, self._script.stderr))
        ]
        self._begin_reading()

    def _begin_reading(self) -> None:
        """Start the threads that read; SelectorError, and no script, where this user may not have as many."""
        try:
            for reader in self._readers:
                reader.start()
        except RuntimeError:
            kill_tree(self._script)
            self._script.wait()
            for reader, stream in zip(self._readers, (self._script.stdout, self._script.stderr), strict=True):
                if stream is not None and not reader.is_alive():  # one that reads closes its pipe itself
                    stream.close()
            self._intake.close()
            what = "the benchmark script cannot be watched: no more threads may be started"
            raise SelectorError(what, RAISE_THE_LIMIT, 1) from None

    @property
    def events(self) -> list[Event]:
        """All events so far."""
        return self._intake.events

    @property
    def errors(self) -> str:
        """The end of what the script wrote to standard error, fit for a terminal."""
        return printable(self._errors.text.decode("utf-8", "replace"))

    @property
    def skipped(self) -> int:
        """How many lines of the script's output were no events."""
        return self._intake.strays + self._intake.broken

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong without ending the run, in sentences."""
        return (*self._intake.warnings(), *self._notes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __next__(self) -> Event:
        while True:
            self._intake.news.clear()
            self._watch()
            if self._given < len(self.events):
                self._given += 1
                return self.events[self._given - 1]
            if self._over:
                failure, self._failure = self._failure, None
                raise failure or StopIteration
            self._wait()

    def interrupt(self) -> None:
        """Ask the script to stop and report, and go on iterating for what it reports. Asked twice, it is killed."""
        self._stop(0.0 if self.interrupted else self._grace_seconds)
        self.interrupted = True

    def close(self) -> None:
        """Let a script that still runs stop and report (to the log), for the grace it has; then leave no process."""
        try:
            if not self._over and not self.interrupted:
                self.interrupt()
            while not self._over:
                self._wait()
                self._intake.news.clear()
                self._watch()
        finally:
            if self._script.poll() is None:  # interrupted while waiting
                kill_tree(self._script)
                self._script.wait()
            self._intake.close()

    def _wait(self) -> None:
        """Until an event comes or the script ends, but no longer than until the next look at the clock."""
        if self._readers[0].is_alive():
            self._intake.news.wait(_POLL_SECONDS)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._script.wait(_POLL_SECONDS)

    def _watch(self) -> None:
        """Stop a script that is overdue or lingers, and notice its end. Cheap, because every event comes by here."""
        if self._over:
            return
        now = time.monotonic()
        if now >= self._started_at + self._deadline_seconds and self._kill_at == math.inf:
            self._intake.overdue = f"it did not end within {self._deadline_seconds:.3g} s and was stopped"
            self._stop(self._grace_seconds)
        if self._intake.ended or not self._readers[0].is_alive():  # it has nothing more to say
            self._kill_at = min(self._kill_at, now + self._grace_seconds)
        if now >= self._kill_at and self._script.poll() is None:
            self._killed = True
            kill_tree(self._script)
        if self._script.poll() is not None:
            if self._drained_by == math.inf:
                kill_group(self._script.pid)  # what it left, at once: its number cannot be another group's yet
                self._drained_by = now + _DRAIN_SECONDS
            if now >= self._drained_by or not any(reader.is_alive() for reader in self._readers):
                self._finish()

    def _stop(self, grace_seconds: float) -> None:
        self._kill_at = min(self._kill_at, time.monotonic() + grace_seconds)
        if sys.platform == "win32":  # not tested; nothing gentler reaches a process in a group of its own
            self._script.terminate()
        else:
            self._script.send_signal(signal.SIGINT)

    def _finish(self) -> None:
        """The script is gone and has said all: find out what that means."""
        wrong = self._what_is_wrong()
        last: EndEvent | None = None
        if self._intake.failure is not None:
            self._failure = self._intake.failure
        elif self.interrupted and not any(isinstance(event, StartEvent) for event in self.events):
            self._failure = KeyboardInterrupt()
        elif wrong and not self.interrupted and not any(isinstance(event, CellEvent) for event in self.events):
            self._failure = self._error(wrong)
        elif wrong and self._intake.ended:
            self._notes.append(f"after its last event the benchmark script failed: {wrong}")
        elif wrong:
            seconds = time.monotonic() - self._started_at
            reason: EndReason = "interrupted" if self.interrupted else "failed"
            last = EndEvent(reason=reason, detail="; ".join([wrong, *self._last_words(1)]), seconds=seconds)
        self._intake.close(last)
        self._over = True

    def _what_is_wrong(self) -> str:
        """How the script ended, if not as it should; of one that was interrupted nothing but its last event is asked."""
        code = self._script.returncode
        if self._intake.ended and (self.interrupted or self._killed or code in _GOOD_CODES):
            return ""
        if self._intake.overdue:
            return self._intake.overdue
        if self._killed:
            return "it did not end in time and was killed"
        if code < 0:
            return f"it was ended by signal {-code}"
        return f"it ended with exit code {code}"

    def _last_words(self, lines: int) -> list[str]:
        """The last lines of standard error that are not blank, shortened."""
        return [line.strip()[:500] for line in self.errors.splitlines() if line.strip()][-lines:]

    def _error(self, wrong: str) -> SelectorError:
        said = [event.detail for event in self.events if isinstance(event, EndEvent) and event.detail]
        message = "\n".join([f"the benchmark script failed: {wrong}", *map(printable, said), *self._last_words(5)])
        return SelectorError(message, f"run it alone to see more: {self._script_file}", 1)


class _Intake:
    """What the script says: its events, each saved as it comes, and the lines between them that are none.

    `read` runs in a thread of its own, which may outlast `close`: what comes later is dropped.
    """

    def __init__(self, log: Path | None) -> None:
        self.events: list[Event] = []
        self.news = threading.Event()  # set whenever an event has come, and at the end
        self.overdue = ""  # why the script is being stopped, if that is so and nobody asked for it
        self.failure: SelectorError | None = None
        self.strays = self.broken = 0
        self._stray = self._problem = self._unsaved = ""  # the first of each
        self._log = _opened(log) if log is not None else None
        self._closed = False
        self._lock = threading.Lock()

    @property
    def ended(self) -> bool:
        """Whether the script has said its last event."""
        return bool(self.events) and isinstance(self.events[-1], EndEvent)

    def read(self, stream: IO[bytes]) -> None:
        """Take every line of a pipe, until it ends or nobody wants more."""
        with stream:
            for line in split_lines(iter(lambda: stream.read(_CHUNK_BYTES), b"")):
                with self._lock:
                    if self._closed:
                        break
                    self._take(line)
                    if self.failure is not None:
                        break
        self.news.set()

    def close(self, last: EndEvent | None = None) -> None:
        """Take nothing more, after a last event of our own if the script's did not come."""
        with self._lock:
            if last is not None and not self._closed:
                self._add(last)
            self._closed = True
            self._close_log()

    def warnings(self) -> Iterator[str]:
        """What was lost, in sentences."""
        if self.strays:
            yield f"lines of the benchmark script's output that are no events: {self.strays:,}, such as {quoted(self._stray)}"
        if self.broken:
            yield f"events of the benchmark script that could not be read: {self.broken:,}, such as: {self._problem}"
        if self._unsaved:
            yield f"the events are not saved from some point on: {self._unsaved}"

    def _take(self, line: bytes | None) -> None:
        begin = -1 if line is None else line.find(_EVENT_BEGIN)  # what stands before it was printed without a newline
        if line is None or begin < 0 or self.ended:
            self.strays += 1
            self._stray = self._stray or ("..." if line is None else line[:100].decode("utf-8", "replace").strip())
            return
        try:
            event = parse_event(line[begin:])
        except UnknownSchemaError as error:
            self.failure = error
            return
        except SelectorError as error:
            self.broken += 1
            self._problem = self._problem or error.message
            return
        if isinstance(event, EndEvent):
            if self.overdue and event.reason == "interrupted":
                event = event.model_copy(update={"reason": "failed", "detail": self.overdue})
        elif len(self.events) >= MAX_EVENTS:
            self.broken += 1
            self._problem = self._problem or f"there are more than {MAX_EVENTS:,}"
            return
        self._add(event)

    def _add(self, event: Event) -> None:
        if self._log is not None:
            try:
                self._log.write(event_line(event))
                self._log.flush()
            except OSError as error:  # a full disk is no reason to lose the measurements
                self._unsaved = error.strerror or "it cannot be written"
                self._close_log()
        self.events.append(event)
        self.news.set()

    def _close_log(self) -> None:
        if self._log is not None:
            with contextlib.suppress(OSError):
                self._log.close()
            self._log = None


class _Tail:
    """The end of what a pipe carries."""

    def __init__(self) -> None:
        self.text = b""

    def read(self, stream: IO[bytes]) -> None:
        """Read a pipe to its end."""
        with stream:
            for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b""):
                self.text = (self.text + chunk)[-_MAX_ERROR_BYTES:]


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes | None]:
    """The lines of a text that comes in chunks, without their ends; None for one over MAX_LINE_BYTES, which is dropped."""
    rest, dropping = b"", False
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield None if dropping or len(line) > MAX_LINE_BYTES else line
            dropping = False
        if len(rest) > MAX_LINE_BYTES:
            rest, dropping = b"", True
    if rest or dropping:
        yield None if dropping else rest


def _opened(log: Path) -> IO[bytes]:
    """A new file. What had its name is removed and not emptied: it may have another name elsewhere (a hard link)."""
    hint = "name a file in a folder of yours"
    refuse_special(log, hint)
    try:
        log.unlink(missing_ok=True)
        return log.open("xb")
    except (OSError, ValueError) as error:
        raise cannot_write(log, error, hint) from None


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            creationflags=_OWN_GROUP,
        )
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        hint = RAISE_THE_LIMIT if isinstance(error, BlockingIOError) else "give the path of a Python"
        raise SelectorError(f"{command[0]}: cannot be run: {reason}", hint, 1) from None
