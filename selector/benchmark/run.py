"""Runs a benchmark script and hands on its events; however that ends, no process of it is left behind.

The script has the schedule, the workers and their limits. This side starts it as a `Child`, saves each event as it comes,
and finds out what its end means.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from selector.benchmark.events import (
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
from selector.processes import GRACE_SECONDS, Child, NotStartedError, signals_handled
from selector.text import cut, printable, quoted

MAX_EVENTS = 200_000  # a run of a minute has some thousand
_GOOD_CODES = (0, 130)  # done, interrupted
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


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[Callable[[BenchmarkRun], None]]:
    """Ctrl-C (or `kill`) asks the run that is handed over to stop and report, or to be killed the second time.

    The third time is as everywhere else. An exception in the middle of anything could lose a process that has just been
    started, or leave a lock taken: with that of Popen.poll nothing would end.
    """
    runs: list[BenchmarkRun] = []
    asked: list[int] = []

    def ask(number: int, _: object) -> None:
        asked.append(number)
        if len(asked) > 1:
            signal.signal(number, before[number])
        for run in runs:
            run.interrupt()

    def stop(run: BenchmarkRun) -> None:
        runs.append(run)
        if asked and not run.interrupted:
            run.interrupt()

    with signals_handled(("SIGINT", "SIGTERM"), ask) as before:
        yield stop


class BenchmarkRun(Iterator[Event]):
    """A script that runs: an iterator over its events, in a context that no process of the script outlives.

    Each event is saved before it is handed on. To stop early call `interrupt` and go on iterating: the events up to its
    end still come. `events` has all that came, also one that was lost to an exception in the caller's loop. The
    iterator raises SelectorError (exit code 1) where the script failed before it measured anything, and
    KeyboardInterrupt where it was interrupted before it said anything; otherwise the last event is an EndEvent, made
    here if the script did not get to it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path | None = None,
        deadline_seconds: float,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self.events: list[Event] = []
        self.interrupted = False
        self._command = command
        self._over = False
        self._failure: SelectorError | None = None  # events of another schema: nothing more is taken
        self._stray, self._broken, self._notes = _Lost(), _Lost(), list[str]()
        self._unsaved = ""  # why
        self._log = _opened(log) if log is not None else None
        try:
            self.child = Child(
                command, deadline_seconds=deadline_seconds, grace_seconds=grace_seconds, asked_by=signal.SIGINT
            )
        except NotStartedError as error:
            self._close_log()
            raise SelectorError(f"{command[0]}: {error}", error.hint, 1) from None

    @property
    def errors(self) -> str:
        """The end of what the script wrote to standard error, fit for a terminal."""
        return printable(self.child.errors)

    @property
    def skipped(self) -> int:
        """How many lines of the script's output were no events."""
        return self._stray.lines + self._broken.lines

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong without ending the run, in sentences."""
        said = []
        if self._stray.lines:
            which = f"{self._stray.lines:,}, such as {quoted(self._stray.first)}"
            said.append(f"lines of the benchmark script's output that are no events: {which}")
        if self._broken.lines:
            which = f"{self._broken.lines:,}, such as: {self._broken.first}"
            said.append(f"events of the benchmark script that could not be read: {which}")
        if self._unsaved:
            said.append(f"the events are not saved from some point on: {self._unsaved}")
        return (*said, *self._notes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __next__(self) -> Event:
        for line in self.child:
            if event := self._taken(line):
                return event
        if self._over:
            raise StopIteration
        return self._last_event()

    def interrupt(self) -> None:
        """Ask the script to stop and report, and go on iterating for what it reports. Asked twice, it is killed."""
        self.child.stop(0.0 if self.interrupted else None)
        self.interrupted = True

    def close(self) -> None:
        """Let a script that still runs stop and report (to the log), for the grace it has; then leave no process."""
        try:
            if not (self._over or self.interrupted):
                self.interrupt()
            for line in self.child:
                self._taken(line)
            if not self._over:
                with contextlib.suppress(SelectorError, KeyboardInterrupt, StopIteration):
                    self._last_event()
        finally:
            self.child.close()
            self._close_log()

    def _taken(self, line: bytes | None) -> Event | None:
        """The event that a line is, saved; what is none is counted."""
        begin = -1 if line is None else line.find(_EVENT_BEGIN)  # what stands before it was printed without a newline
        if self._failure is not None:
            return None
        if line is None or begin < 0 or self._ended:
            self._stray.count("..." if line is None else cut(line[:1000].decode("utf-8", "replace").strip(), 100))
            return None
        try:
            event = parse_event(line[begin:])
        except UnknownSchemaError as error:
            self._failure = error
            self.child.expect_end()
            return None
        except SelectorError as error:
            self._broken.count(error.message)
            return None
        if isinstance(event, EndEvent):
            self.child.expect_end()
            if self.child.overdue and event.reason == "interrupted":
                event = event.model_copy(update={"reason": "failed", "detail": self._how_it_failed()})
        elif len(self.events) >= MAX_EVENTS:
            self._broken.count(f"there are more than {MAX_EVENTS:,}")
            return None
        self._save(event)
        return event

    @property
    def _ended(self) -> bool:
        """Whether the script has said its last event."""
        return bool(self.events) and isinstance(self.events[-1], EndEvent)

    def _save(self, event: Event) -> None:
        if self._log is not None:
            try:
                self._log.write(event_line(event))
                self._log.flush()
            except OSError as error:  # a full disk is no reason to lose the measurements
                self._unsaved = error.strerror or "it cannot be written"
                self._close_log()
        self.events.append(event)

    def _close_log(self) -> None:
        if self._log is not None:
            with contextlib.suppress(OSError):
                self._log.close()
            self._log = None

    def _last_event(self) -> EndEvent:
        """The event that a script which is gone did not get to; raises what its end means where there is none to make."""
        self._over = True
        wrong = self._how_it_failed()
        if self._failure is not None:
            raise self._failure
        if self.interrupted and not any(isinstance(event, StartEvent) for event in self.events):
            raise KeyboardInterrupt
        if wrong and not self.interrupted and not any(isinstance(event, CellEvent) for event in self.events):
            raise self._error(wrong)
        if self._ended:
            if wrong:
                self._notes.append(f"after its last event the benchmark script failed: {wrong}")
            raise StopIteration
        reason: EndReason = "interrupted" if self.interrupted else "failed"
        detail = "; ".join([wrong, *self._last_words(1)])
        last = EndEvent(reason=reason, detail=detail, seconds=self.child.seconds)
        self._save(last)
        return last

    def _how_it_failed(self) -> str:
        """How the script ended, if not as it should; of one that was interrupted nothing but its last event is asked."""
        child = self.child
        if child.over and self._ended and (self.interrupted or child.killed or child.process.returncode in _GOOD_CODES):
            return ""
        if child.overdue:
            return f"{child.fault} and was stopped"
        return child.fault or "it ended with exit code 0"

    def _last_words(self, lines: int) -> list[str]:
        """The last lines of standard error that are not blank, shortened."""
        return [cut(line.strip(), 500) for line in self.errors.splitlines() if line.strip()][-lines:]

    def _error(self, wrong: str) -> SelectorError:
        said = [event.detail for event in self.events if isinstance(event, EndEvent) and event.detail]
        message = "\n".join([f"the benchmark script failed: {wrong}", *map(printable, said), *self._last_words(5)])
        return SelectorError(message, f"run it alone to see more: {self._command[1]}", 1)


class _Lost:
    """Lines that were no events: how many, and what the first of them was."""

    lines = 0
    first = ""

    def count(self, what: str) -> None:
        self.lines += 1
        self.first = self.first or what


def _opened(log: Path) -> IO[bytes]:
    """A new file. What had its name is removed and not emptied: it may have another name elsewhere (a hard link)."""
    hint = "name a file in a folder of yours"
    refuse_special(log, hint)
    try:
        log.unlink(missing_ok=True)
        return log.open("xb")
    except (OSError, ValueError) as error:
        raise cannot_write(log, error, hint) from None
