"""Processors in threads of this process, which share its GIL or have none; or with an interpreter and a GIL each."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from collecting import COLLECTORS, Results
from crew import GRACE_SECONDS, Crew, Message
from tasks import Batch, ProcessingResult, Settings, described, process_batch

_generations = itertools.count(1)

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


class Threads(Crew):
    """Threads of this process: with the GIL they take turns, on a free-threaded build they compute at the same time."""

    def __init__(self, settings: Settings, collect: str = "queue") -> None:
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

    def close(self) -> None:
        """Tell all of them, and give them a moment: threads that hang are daemons and end with the program."""
        leaving = [thread.thread for thread in self._threads.values()]
        for processor in list(self._threads):
            self.discharge(processor)
        until = time.monotonic() + GRACE_SECONDS
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
