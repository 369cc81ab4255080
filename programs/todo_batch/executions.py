"""The crews: processors that run one after the other, in threads, processes or subinterpreters, or on an event loop.

A crew takes batches for its processors and gives a message for each. It does not know which tasks there are, what was
lost or what comes again: that is the coordinator's. Every crew leaves nothing behind when it is closed, and no process of
it outlives this one, however this one ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import itertools
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from multiprocessing import connection
from typing import Any, NamedTuple, Protocol

from collecting import COLLECTORS, Results
from tasks import Batch, ProcessingResult, Settings, described, process_batch

_GRACE_SECONDS = 1.0  # to end after being asked to
_LONGEST_START_SECONDS = 60.0  # for a process to be there; on a busy machine it takes some
_generations = itertools.count(1)


class Message(NamedTuple):
    """What a processor says: the result of a batch, or (None) why it ended before it had one."""

    processor: int
    result: ProcessingResult | None
    reason: str = ""
    generation: int = 0  # of those that had the number one after the other: which it was
    began: bool = True  # if not, it ended before it could take a batch: it did nothing, and nothing happened to a task


class Crew(Protocol):
    """Processors with numbers, each of which does its batches in the order it got them."""

    turn: tuple[int, float] | None  # whose it is and since when, if they take turns: the others cannot but wait
    there: dict[
        int, float
    ]  # since when a processor can work, where it takes time to start: until then it does not hang

    def hire(self, processor: int) -> None:
        """Start a processor of that number; there is none. Where there is no room for it, one of NO_ROOM is raised."""

    def give(self, processor: int, batch: Batch) -> None:
        """A batch for a processor that is there."""

    def next_message(self, timeout: float | None) -> Message | None:
        """The next message, or None after so many seconds without one."""

    def discharge(self, processor: int) -> None:
        """End a processor now, whatever it does. Nothing is heard of it any more."""

    def halt(self) -> None:
        """Whoever does its work in the coordinator's own thread ends before the next task. May come from a signal."""

    def close(self) -> None:
        """End them all."""


#: What `hire` raises where threads, processes, descriptors or memory are used up.
NO_ROOM = (OSError, RuntimeError, MemoryError, EOFError)


def why_no_room(error: BaseException) -> str:
    """One of NO_ROOM in words."""
    if isinstance(error, MemoryError):
        return "there is no memory left"
    if isinstance(error, (EOFError, ConnectionError, BlockingIOError)):  # the fork server died of it, or fork says so
        return "no more processes can be started"
    return getattr(error, "strerror", None) or described(error).partition(": ")[2]


class Sequential:
    """One processor after the other, here and now: the baseline. It cannot end what hangs."""

    def __init__(self, settings: Settings) -> None:
        self.turn: tuple[int, float] | None = None  # it never lets anybody wait for a message
        self.there: dict[int, float] = {}
        self._settings = settings
        self._halted = False
        self._given: deque[tuple[int, Batch]] = deque()

    def hire(self, processor: int) -> None:
        """Nothing to start."""

    def give(self, processor: int, batch: Batch) -> None:
        """Note it; the work is done when its message is asked for."""
        self._given.append((processor, batch))

    def next_message(self, timeout: float | None) -> Message | None:  # noqa: ARG002  # it never waits
        """Do the next batch."""
        if not self._given:
            return None
        processor, batch = self._given.popleft()
        return Message(processor, process_batch(self._settings, batch, lambda: self._halted))

    def halt(self) -> None:
        """End before the next task."""
        self._halted = True

    def discharge(self, processor: int) -> None:
        """Forget what it was given."""
        self._given = deque(entry for entry in self._given if entry[0] != processor)

    def close(self) -> None:
        """Nothing to end."""
        self._given.clear()


Work = Callable[[Batch, Callable[[], bool]], ProcessingResult]


class _Thread:
    """A thread with an inbox. Nobody can end a thread: once discharged, it stops before its next task and is not heard."""

    def __init__(self, number: int, worker: Callable[[], AbstractContextManager[Work]], results: Results) -> None:
        self.number, self.generation = number, next(_generations)
        self.inbox: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self.stopped = False
        self._worker, self._results = worker, results
        self.thread = threading.Thread(target=self._run, name=f"processor-{number}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        began = False
        try:
            with self._worker() as work:
                began = True
                while (batch := self.inbox.get()) is not None and not self.stopped:
                    self._say(Message(self.number, work(batch, lambda: self.stopped), "", self.generation))
        except BaseException as error:  # noqa: BLE001  # such as MemoryError: the processor is lost, not the system
            self._say(Message(self.number, None, described(error), self.generation, began))

    def _say(self, message: Message) -> None:
        if not self.stopped:
            self._results.add(self.number, message)


class Threads:
    """Threads of this process: with the GIL they take turns, on a free-threaded build they compute at the same time."""

    def __init__(self, settings: Settings, collect: str = "queue") -> None:
        self.turn: tuple[int, float] | None = None
        self.there: dict[int, float] = {}
        self._settings = settings
        self._results: Results = COLLECTORS[collect]()
        self._threads: dict[int, _Thread] = {}

    @contextlib.contextmanager
    def _worker(self) -> Iterator[Work]:
        """What a thread has for itself while it is there: how it does a batch."""
        yield partial(process_batch, self._settings)

    def hire(self, processor: int) -> None:
        """Start a thread."""
        self._threads[processor] = _Thread(processor, self._worker, self._results)

    def give(self, processor: int, batch: Batch) -> None:
        """Into its inbox."""
        self._threads[processor].inbox.put(batch)

    def next_message(self, timeout: float | None) -> Message | None:
        """The next message of a thread that is still ours: a late one of its predecessor is dropped."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            message: Message | None = self._results.next(None if until is None else max(0.0, until - time.monotonic()))
            if message is None:
                return None
            thread = self._threads.get(message.processor)
            if thread is not None and thread.generation == message.generation:
                if message.result is None:
                    self.discharge(message.processor)
                return message

    def discharge(self, processor: int) -> None:
        """Tell it to stop, and listen to it no more."""
        thread = self._threads.pop(processor)
        thread.stopped = True
        thread.inbox.put(None)

    def halt(self) -> None:
        """They are not in our thread."""

    def close(self) -> None:
        """Tell all of them, and give them a moment: threads that hang are daemons and end with the program."""
        leaving = [thread.thread for thread in self._threads.values()]
        for processor in list(self._threads):
            self.discharge(processor)
        until = time.monotonic() + _GRACE_SECONDS
        for thread in leaving:
            thread.join(max(0.0, until - time.monotonic()))


class Subinterpreters(Threads):
    """A thread and an interpreter each, with a GIL of its own (Python 3.14): they compute at the same time."""

    @contextlib.contextmanager
    def _worker(self) -> Iterator[Work]:
        """An interpreter that finds our modules where we do."""
        own = importlib.import_module("concurrent.interpreters").create()  # of Python 3.14
        try:
            own.exec(f"import sys; sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})")
            yield lambda batch, _: own.call(process_batch, self._settings, batch)
        finally:
            own.close()


class Processes:
    """A process each, with a pipe. One that is killed is noticed at once; one whose parent is gone ends by itself."""

    def __init__(self, settings: Settings, method: str | None = None) -> None:
        self.turn: tuple[int, float] | None = None
        self.there: dict[int, float] = {}
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
        self.there[processor] = time.monotonic() + _LONGEST_START_SECONDS
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
                self.there[processor] = time.monotonic()
                return None
            self.discharge(processor)
            return Message(processor, None, str(said), began=False)
        except (EOFError, OSError):
            process = self._processes[processor]
            process.join(_GRACE_SECONDS)
            code, began = process.exitcode, processor in self._began
            self.discharge(processor)
            said = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            return Message(processor, None, f"the process ended ({said})", began=began)

    def discharge(self, processor: int) -> None:
        """Interrupt it, then terminate it, then kill it: the first that works."""
        process = self._processes.pop(processor)
        self._pipes.pop(processor).close()
        self.there.pop(processor, None)
        self._ready = deque(number for number in self._ready if number != processor)
        for end in (_interrupt, type(process).terminate, type(process).kill):
            if process.is_alive():
                end(process)
                process.join(_GRACE_SECONDS / 4)
        process.join()

    def halt(self) -> None:
        """They are not in our process."""

    def close(self) -> None:
        """Hang up, and end whoever does not take that for an answer."""
        for pipe in self._pipes.values():
            pipe.close()
        until = time.monotonic() + _GRACE_SECONDS
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


class _Loop:
    """An event loop in a thread of its own. Told to stop, it cancels what is on it and is closed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="loop", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self.loop.run_until_complete(task)
        self.loop.close()

    def stop(self) -> None:
        """As soon as nobody computes on it."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)


class _Coroutine:
    """What belongs to a coroutine: its inbox, and the batches whose results nobody has taken yet."""

    def __init__(self) -> None:
        self.generation = next(_generations)
        self.inbox: asyncio.Queue[Batch | None] = asyncio.Queue()
        self.unanswered: deque[Batch] = deque()


class Asyncio:
    """Coroutines on one loop, which runs in a thread of its own. Computing holds the loop: they take turns by batches.

    A batch that hangs holds them all. When it is discharged, the others go on with what they have on a new loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._coroutines: dict[int, _Coroutine] = {}
        self._loop = _Loop()
        self.turn: tuple[int, float] | None = None
        self.there: dict[int, float] = {}

    def hire(self, processor: int) -> None:
        """Start a coroutine."""
        hired = self._coroutines[processor] = _Coroutine()
        asyncio.run_coroutine_threadsafe(self._run(processor, hired), self._loop.loop)

    async def _run(self, processor: int, me: _Coroutine) -> None:
        def stopped() -> bool:
            return self._coroutines.get(processor) is not me

        while True:
            batch = await me.inbox.get()
            if batch is None or stopped():
                return
            self.turn = processor, time.monotonic()
            result = process_batch(self._settings, batch, stopped)
            self._messages.put(Message(processor, result, "", me.generation))
            await asyncio.sleep(0)  # the others have their turn

    def give(self, processor: int, batch: Batch) -> None:
        """Into its inbox."""
        self._coroutines[processor].unanswered.append(batch)
        self._put(self._coroutines[processor], batch)

    def _put(self, to: _Coroutine, batch: Batch | None) -> None:
        self._loop.loop.call_soon_threadsafe(to.inbox.put_nowait, batch)

    def next_message(self, timeout: float | None) -> Message | None:
        """The next message of a coroutine that is still ours."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                message = self._messages.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
            except queue.Empty:
                return None
            sender = self._coroutines.get(message.processor)
            if sender is not None and sender.generation == message.generation:
                sender.unanswered.popleft()
                return message

    def discharge(self, processor: int) -> None:
        """Tell it to stop: it does before its next task, and is not heard. If it holds the loop, the others leave it."""
        gone = self._coroutines.pop(processor)
        self._put(gone, None)
        if not gone.unanswered or self.turn is None or self.turn[0] != processor:
            return
        left = self._dismissed()
        self._loop = _Loop()
        for other, old in left.items():
            self.hire(other)
            for batch in old.unanswered:
                self.give(other, batch)

    def _dismissed(self) -> dict[int, _Coroutine]:
        """All of them, who come to an end as soon as nobody holds the loop, and it with them."""
        gone, self._coroutines = self._coroutines, {}
        for coroutine in gone.values():
            self._put(coroutine, None)
        self._loop.stop()
        return gone

    def halt(self) -> None:
        """They are not in our thread."""

    def close(self) -> None:
        """Stop the loop; its thread is a daemon, in case something on it hangs."""
        self._dismissed()
        self._loop.thread.join(_GRACE_SECONDS)


#: What can run the processors; what each needs is checked by `crew_for`.
EXECUTIONS = ("sequential", "threads", "processes", "subinterpreters", "asyncio")


def crew_for(execution: str, settings: Settings, collect: str = "queue") -> Crew:
    """The crew of an execution, without processors yet; ValueError for one that this Python does not have."""
    if execution == "subinterpreters" and sys.version_info < (3, 14):
        raise ValueError("subinterpreters need Python 3.14 or later")
    if execution in ("threads", "subinterpreters"):
        return (Threads if execution == "threads" else Subinterpreters)(settings, collect)
    if execution == "processes":
        return Processes(settings)
    if execution not in EXECUTIONS:
        raise ValueError(f"no execution {execution!r}: there are {', '.join(EXECUTIONS)}")
    return Asyncio(settings) if execution == "asyncio" else Sequential(settings)
