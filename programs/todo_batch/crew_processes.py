"""Processors in processes: they are started, listened to, and ended whatever they do."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import connection
from typing import Any

from crew import GRACE_SECONDS, Crew, Message, why_no_room
from tasks import Batch, ProcessingResult, Settings, process_batch

_LONGEST_START_SECONDS = 60.0  # for a process to be there; on a busy machine it takes some


class Processes(Crew):
    """A process each, with a pipe. One that is killed is noticed at once; one whose parent is gone ends by itself."""

    def __init__(self, settings: Settings, method: str | None = None) -> None:
        self.ready_since: dict[int, float] = {}
        self._settings = settings
        # a program that has threads, as ours may, must not fork
        usual = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else None
        self._context = multiprocessing.get_context(method or usual)
        self._pipes: dict[int, connection.Connection] = {}
        self._processes: dict[int, Any] = {}
        self._ready: deque[int] = deque()  # whose pipe has something
        self._began: set[int] = set()  # who said that it is there

    def hire(self, processor: int) -> None:
        """Start a process. It is in a group of its own: Ctrl-C is for us."""
        ours, theirs = self._context.Pipe()
        silent = _silent_fork_server if self._context.get_start_method() == "forkserver" else contextlib.nullcontext
        try:
            with silent() as errors:
                arguments = (theirs, ours, self._settings, errors)
                process = self._context.Process(target=_serve, args=arguments, daemon=True)  # type: ignore[attr-defined]
                process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()  # so that its end is the last one, and closes with it
        self._began.discard(processor)
        self.ready_since[processor] = time.monotonic() + _LONGEST_START_SECONDS
        self._pipes[processor], self._processes[processor] = ours, process

    def give(self, processor: int, batch: Batch) -> None:
        """Through the pipe; that it is broken, the next message will say."""
        with contextlib.suppress(OSError):
            self._pipes[processor].send(batch)

    def next_message(self, timeout: float | None) -> Message | None:
        """The next message of any of them; that one is there now is none."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            if not self._ready:
                numbers = {pipe: number for number, pipe in self._pipes.items()}
                left = None if until is None else max(0.0, until - time.monotonic())
                self._ready.extend(numbers[pipe] for pipe in connection.wait(list(numbers), left))  # type: ignore[index]
            if not self._ready:
                return None
            if (message := self._received(self._ready.popleft())) is not None:
                return message

    def _received(self, processor: int) -> Message | None:
        """What it says; None: that it is there."""
        try:
            said = self._pipes[processor].recv()
            if isinstance(said, ProcessingResult):
                return Message(processor, said)
            if said is None:
                self._began.add(processor)
                self.ready_since[processor] = time.monotonic()
                return None
            self.discharge(processor)
            return Message(processor, None, str(said), began=False)
        except (EOFError, OSError):
            process = self._processes[processor]
            process.join(GRACE_SECONDS)
            code, began = process.exitcode, processor in self._began
            self.discharge(processor)
            said = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            return Message(processor, None, f"the process ended ({said})", began=began)

    def discharge(self, processor: int) -> None:
        """Interrupt it, then terminate it, then kill it: the first that works."""
        process = self._processes.pop(processor)
        self._pipes.pop(processor).close()
        self.ready_since.pop(processor, None)
        self._ready = deque(number for number in self._ready if number != processor)
        for end in (_interrupt, type(process).terminate, type(process).kill):
            if process.is_alive():
                end(process)
                process.join(GRACE_SECONDS / 4)
        process.join()

    def close(self) -> None:
        """Hang up, and end whoever does not take that for an answer."""
        for pipe in self._pipes.values():
            pipe.close()
        until = time.monotonic() + GRACE_SECONDS
        for process in self._processes.values():
            process.join(max(0.0, until - time.monotonic()))
        for processor in list(self._processes):
            self.discharge(processor)


def _interrupt(process: Any) -> None:
    """As Ctrl-C would (Process.interrupt is of Python 3.14)."""
    if hasattr(process, "interrupt"):
        process.interrupt()
    elif sys.platform != "win32" and process.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)


@contextlib.contextmanager
def _silent_fork_server() -> Iterator[_Errors]:
    """While a process is started, which may start the fork server: that one gets no standard error, its children ours.

    Where it cannot fork, it dies with a traceback. Whoever asked it gets an EOFError, and says so in a sentence.
    """
    ours = os.dup(2)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield _Errors(ours)
    finally:
        os.dup2(ours, 2)
        os.close(ours)


class _Errors:
    """A standard error for a child of the fork server: the child has it when this is unpickled there."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Callable[[Any], None], tuple[Any]]:
        from multiprocessing import reduction

        return _take_errors, (reduction.DupFd(self._descriptor),)  # type: ignore[attr-defined,unused-ignore]  # POSIX


def _take_errors(ours: Any) -> None:
    descriptor = ours.detach()
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _serve(pipe: connection.Connection, parents: connection.Connection, settings: Settings, _: Any = None) -> None:
    """A process: batches in, results out, until the other end is closed; it is, when the parent ends in any way.

    First it says that it is there (None), or why it cannot be.
    """
    parents.close()  # fork gave us that end, too
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    inbox: queue.SimpleQueue[Batch] = queue.SimpleQueue()
    with contextlib.suppress(OSError, KeyboardInterrupt):
        try:
            threading.Thread(target=_listen, args=(pipe, inbox), daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            pipe.send(why_no_room(error))
            return
        pipe.send(None)
        while True:
            pipe.send(process_batch(settings, inbox.get()))


def _listen(pipe: connection.Connection, inbox: queue.SimpleQueue[Batch]) -> None:
    """Take in what comes while another batch is done: so the parent never waits for us to read, nor we both for each other.

    If the parent is gone, nobody wants what we do, even if it hangs.
    """
    with contextlib.suppress(EOFError, OSError):
        while True:
            inbox.put(pipe.recv())
    os._exit(0)
