"""Child processes: the one way to start, read, watch and end them, with all that they have started themselves.

A `Child` is a program that is read line by line until it ends or its time is over. Whoever has many children at once
starts each by `start_child` and ends it by `end_child`. No child outlasts what it was started for, however that ends;
whether one outlasts us, where we are killed, is for the child to see: its input closes then (`stdin=PIPE`).
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    import queue
    import subprocess

    import psutil

#: What to do where no process or thread can be started.
RAISE_THE_LIMIT = "raise the limit of processes and threads (ulimit -u, pids.max), or end some"
GRACE_SECONDS = 5.0  # to stop and report, once asked to
MAX_LINE_BYTES = 1_000_000
_MAX_ERROR_BYTES = 65_536  # of standard error, the end is kept
_MOST_WAITING = 1000  # lines that were read and not asked for; then the child has to wait
_POLL_SECONDS = 0.2  # a line wakes us at once; only clocks and ends are looked for so often
_DRAIN_SECONDS = 1.0  # a pipe that is open and silent for longer after the end is held by a process that got away
_FLOOD_SECONDS = 10.0  # if lines still come: they may be its own, for whoever takes long over each
_CHUNK_BYTES = 65_536


class NotStartedError(Exception):
    """A child that cannot be started, or not be read; the text says why, as a sentence without its subject."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


class Child(Iterator[bytes | None]):
    """A program that runs, as an iterator over the lines that it writes, in a context that no process of it outlives.

    A line comes without its end, and is None where it had more than MAX_LINE_BYTES. The child is stopped after
    `deadline_seconds`, and by `stop`: it is asked to by the signal `asked_by`, and killed after its grace. An exception
    in the caller's loop, also KeyboardInterrupt, loses no line that was not handed on. `options` are those of Popen.
    NotStartedError where it cannot be run.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        deadline_seconds: float,
        grace_seconds: float = GRACE_SECONDS,
        asked_by: int = signal.SIGTERM,
        **options: Any,
    ) -> None:
        import queue
        from subprocess import PIPE

        self.deadline_seconds, self.grace_seconds = deadline_seconds, grace_seconds
        self.asked = self.overdue = self.killed = self.over = False
        self._asked_by = asked_by
        self._started_at = time.monotonic()
        self._kill_at = self._ended_at = math.inf  # not known yet
        self._read_at = -math.inf  # the last line
        self._family: list[psutil.Process] = []  # what it had started when it was asked to stop
        self._said_all = self._closed = False
        self._lines: queue.Queue[Any] = queue.Queue(_MOST_WAITING)  # after the last comes an ellipsis
        self._error_tail = b""
        self.process = start_child(command, bufsize=0, stdout=PIPE, stderr=PIPE, **options)
        self._readers = [
            threading.Thread(target=read, args=(stream,), daemon=True)
            for read, stream in ((self._read_lines, self.process.stdout), (self._read_errors, self.process.stderr))
        ]
        self._begin_reading()

    def _begin_reading(self) -> None:
        """Start the threads that read; NotStartedError, and no child, where this user may not have as many."""
        try:
            for reader in self._readers:
                reader.start()
        except RuntimeError:
            end_child(self.process)
            for reader, stream in zip(self._readers, (self.process.stdout, self.process.stderr), strict=True):
                if stream is not None and not reader.is_alive():  # one that reads closes its pipe itself
                    stream.close()
            raise NotStartedError("cannot be watched: no more threads may be started", RAISE_THE_LIMIT) from None

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self._started_at

    @property
    def errors(self) -> str:
        """The end of what it wrote to standard error."""
        return self._error_tail.decode("utf-8", "replace")

    @property
    def fault(self) -> str:
        """What went wrong with a child that has ended; empty where its exit code is 0."""
        if self.overdue:
            return f"it did not end within {self.deadline_seconds:.3g} s"
        return "it did not end in time and was killed" if self.killed else how_it_ended(self.process.returncode)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> bytes | None:
        import queue
        import subprocess

        while True:
            self._watch()
            if self.over:
                raise StopIteration
            with contextlib.suppress(queue.Empty, subprocess.TimeoutExpired):
                if self._said_all:
                    self.process.wait(_POLL_SECONDS)
                elif (line := self._lines.get(timeout=_POLL_SECONDS)) is ...:
                    self._said_all = True
                else:
                    self._read_at = time.monotonic()
                    return cast("bytes | None", line)

    def stop(self, grace_seconds: float | None = None) -> None:
        """Ask it to end, by itself and within the grace (else its own). What it still says is there for the iterator.

        Safe in a signal handler.
        """
        grace_seconds = self.grace_seconds if grace_seconds is None else grace_seconds
        self.asked = True
        self._kill_at = min(self._kill_at, time.monotonic() + grace_seconds)
        self._family = self._family or descendants(self.process.pid)
        ask_to_end(self.process, self._asked_by)

    def give_up(self, asked_by: int) -> None:
        """Take it for overdue now, whatever time it has left, and ask it to end by a signal."""
        if not self.asked and self.process.poll() is None:
            self._asked_by, self.overdue = asked_by, True
            self.stop()

    def expect_end(self) -> None:
        """Kill it after its grace: it has said all that it had to say."""
        self._kill_at = min(self._kill_at, time.monotonic() + self.grace_seconds)

    def close(self) -> None:
        """Stop a child that still runs, and leave no process of it."""
        try:
            if not (self.over or self.asked):
                self.stop()
            for _ in self:
                pass
        finally:
            if self.process.poll() is None:  # interrupted while waiting
                self._kill()
                self.process.wait()
            self._let_go()

    def _watch(self) -> None:
        """Kill a child that is overdue or lingers, and notice its end. Cheap, because every line comes by here."""
        now = time.monotonic()
        if now >= self._started_at + self.deadline_seconds and self._kill_at == math.inf:
            self.overdue = True
            self.stop()
        if self._said_all:
            self.expect_end()
        if now >= self._kill_at and self.process.poll() is None:
            self._kill()
        if self.process.poll() is None:
            return
        if self._ended_at == math.inf:
            kill_group(self.process.pid)  # what it left, at once: its number cannot be another group's yet
            kill_each(self._family)
            self._ended_at = now
        all_read = self._said_all and not self._readers[1].is_alive()
        silent = self._lines.empty() and now >= max(self._ended_at, self._read_at) + _DRAIN_SECONDS
        if all_read or silent or now >= self._ended_at + _FLOOD_SECONDS:
            self._let_go()

    def _kill(self) -> None:
        self.killed = True
        kill_tree(self.process)

    def _let_go(self) -> None:
        """Read and write no more."""
        self.over = self._closed = True
        if self.process.stdin is not None:
            self.process.stdin.close()
        while not self._lines.empty():  # a reader that waits for room sees then that nobody wants more
            self._lines.get_nowait()

    def _read_lines(self, stream: IO[bytes]) -> None:
        """Take every line of a pipe, until it ends or nobody wants more."""
        with stream:
            for line in split_lines(iter(lambda: stream.read(_CHUNK_BYTES), b"")):
                if self._closed:
                    return
                self._lines.put(line)
        self._lines.put(...)

    def _read_errors(self, stream: IO[bytes]) -> None:
        """Read a pipe to its end, and keep the last of it."""
        with stream:
            for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b""):
                self._error_tail = (self._error_tail + chunk)[-_MAX_ERROR_BYTES:]


def split_lines(chunks: Iterable[bytes], most_bytes: int = MAX_LINE_BYTES) -> Iterator[bytes | None]:
    """The lines of a text that comes in chunks, without their ends; None for one over `most_bytes`, which is dropped."""
    rest, dropping = b"", False
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield None if dropping or len(line) > most_bytes else line
            dropping = False
        if len(rest) > most_bytes:
            rest, dropping = b"", True
    if rest or dropping:
        yield None if dropping else rest


# One step at a time ---------------------------------------------------------------------------------------------------


def start_child(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own: Ctrl-C is for us, and it goes down with what it has started.

    It has no input unless `options`, those of Popen, say otherwise. NotStartedError where it cannot be run; its cause
    is the OSError or ValueError.
    """
    import subprocess

    own_group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # of Windows; elsewhere the session is one
    options = {"stdin": subprocess.DEVNULL, **options}
    try:
        return subprocess.Popen(command, start_new_session=True, creationflags=own_group, **options)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        hint = RAISE_THE_LIMIT if isinstance(error, BlockingIOError) else "give the path of a Python"
        raise NotStartedError(f"cannot be run: {reason}", hint) from error


def how_it_ended(code: int) -> str:
    """What is wrong with an exit code; empty if it is 0."""
    if code < 0:
        return f"it was ended by signal {-code}"
    return f"it ended with exit code {code}" if code else ""


def ask_to_end(child: subprocess.Popen[bytes], asked_by: int = signal.SIGTERM) -> None:
    """Ask a child to end. Nothing gentle reaches one in a group of its own on Windows: there it is ended."""
    if sys.platform == "win32":  # not tested
        child.terminate()
    else:
        child.send_signal(asked_by)


def end_child(child: subprocess.Popen[bytes]) -> None:
    """Kill a child that still runs, with all that it started, and reap it. Its pipes are the caller's to close."""
    if child.poll() is None:
        kill_tree(child)
        child.wait()


def kill_tree(child: subprocess.Popen[bytes]) -> None:
    """Kill a child that runs, its group, and those it started that have left the group. It is still to be reaped."""
    family = descendants(child.pid)
    kill_group(child.pid)
    child.kill()
    kill_each(family)


def descendants(number: int) -> list[psutil.Process]:
    """All processes that one has started, and that those have, as far as the system tells."""
    import psutil

    with contextlib.suppress(psutil.Error, OSError):  # OSError: without /proc it may fail in ways of its own
        return psutil.Process(number).children(recursive=True)
    return []


def kill_each(family: list[psutil.Process]) -> None:
    """Kill those of them that still run."""
    if family:
        import psutil

        for member in family:
            with contextlib.suppress(psutil.Error):
                member.kill()


def kill_group(number: int) -> None:
    """Kill a process group, if there is one of that number (there are none on Windows)."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.killpg(number, signal.SIGKILL)


# Signals to us --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def signals_handled(names: Sequence[str], handler: Callable[[int, Any], object]) -> Iterator[dict[int, Any]]:
    """Have a handler for some signals, by name, that still do what they do by default; gives those, with what they did.

    Whoever ignores one, or has a handler of their own, keeps that; and so does everybody outside the main thread.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler)
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) in usual}
    for number in before:
        signal.signal(number, handler)
    try:
        yield before
    finally:
        for number, own in before.items():
            signal.signal(number, own)
