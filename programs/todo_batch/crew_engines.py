"""Processors as workers of an engine (Celery, RQ, Dask, Dramatiq, huey), on this machine.

A batch is a task of the engine: its broker holds the batches, gives the most urgent ones out first, and gives them again
if a worker dies. How that is done safely is in `engine_jobs`, beside this file in a copy of this program; it is the
same that `concurrency-selector generate --engine` writes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import os
import secrets
import signal
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from crew import Crew, Message
from shared import engines
from tasks import Batch, CannotGoOn, Settings

if (_PLACE := engines()) not in sys.path:
    sys.path.append(_PLACE)

from engine_jobs.crew import CannotGoOnError
from engine_jobs.guard import Guard
from engine_jobs.keeping import keeping_at
from engine_jobs.plan import Plan, Record, Task
from engine_jobs.session import Session, check_engine
from engine_jobs.work import clean, decoded, encoded, is_gone

_PAUSE_SECONDS = 0.005  # between two looks at what has come
_LOOK_SECONDS = 0.2  # between two looks for batches that take too long
_LONGEST_BATCH_SECONDS = 86_400.0  # where nobody gives a timeout
_SCHEMES = ("redis://", "rediss://", "unix://")  # a Dask scheduler of others would need our modules


class Engine(Crew):
    """Workers of an engine: as many as there are processors when the first batch is given.

    Who of them does a batch is the broker's affair, so a processor's batches come back in any order, and `by` says who it was.
    """

    ahead = 100  # all of these wait in the broker, which knows who is urgent

    def __init__(self, settings: Settings, engine: str, broker: str = "", timeout_seconds: float | None = None) -> None:
        """ValueError where the engine is not installed, or has no such broker."""
        self._settings, self._timeout = settings, timeout_seconds
        self._module, self._plan = _planned(engine, broker, timeout_seconds)
        self._open = contextlib.ExitStack()
        self._session: Any = None
        self.ready_since: dict[int, float] = {}
        self._keys: dict[int, list[str]] = {}  # of what each processor was given, in their order
        self._batches: dict[str, tuple[int, Batch]] = {}
        self._outgoing: list[Task] = []
        self._heard: deque[tuple[str, Message]] = deque()  # with the key of the batch
        self._workers: dict[int, int] = {}  # numbers by process; who was heard of last is the last
        self._names = itertools.count()
        self._looked = 0.0

    def hire(self, processor: int) -> None:
        """Note it: the workers are started together."""
        self._keys[processor] = []
        self.ready_since[processor] = math.inf  # its batches wait in the broker, and not for it: they do not hang there

    def give(self, processor: int, batch: Batch) -> None:
        """It goes to the broker with the others that are given now."""
        key = f"{batch.number}-{next(self._names)}"
        self._keys[processor].append(key)
        self._batches[key] = processor, batch
        priority = max(0, min(9, 10 - batch.priority))  # of todos, 1 is the first; of an engine's tasks, 9
        self._outgoing.append(Task(key, encoded((self._settings, batch)), priority))

    def next_message(self, timeout: float | None) -> Message | None:
        """Send what was given, and listen. The first time, broker and workers are started."""
        until = math.inf if timeout is None else time.monotonic() + timeout
        with self._explained():
            if self._outgoing:
                outgoing, self._outgoing = self._outgoing, []
                self._started().desk.submit(outgoing)
            while not self._heard:
                if self._session is not None:
                    self._listen()
                if not self._heard and time.monotonic() >= until:
                    return None
                time.sleep(0 if self._heard else _PAUSE_SECONDS)
        key, message = self._heard.popleft()
        return message._replace(place=self._place(message.processor, key))

    def _place(self, processor: int, key: str) -> int:
        """Which of those that it was given, and were not read of yet; from now on it is none of them."""
        place = self._keys[processor].index(key)
        del self._keys[processor][place]
        return place

    def _started(self) -> Session:
        if self._session is None:
            plan = dataclasses.replace(self._plan, workers=max(1, len(self._keys)))
            if plan.foreign:
                with contextlib.closing(keeping_at(plan)) as kept:
                    kept.twice()  # does it answer?
            guard = self._open.enter_context(Guard(plan))
            if plan.foreign:
                guard.forget()
            else:
                guard.plan = dataclasses.replace(guard.plan, keeping=os.path.join(guard.plan.folder, "kept.db"))
            self._session = self._open.enter_context(Session(guard.plan, guard=guard))
        return self._session  # type: ignore[no-any-return]

    def _listen(self) -> None:
        self._session.tend()
        if self._timeout is not None and time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._end_what_hangs(self._timeout)
        for record in self._session.desk.news():
            processor, _ = self._batches.pop(record.key)
            message = Message(processor, None, record.text)
            if record.ok:
                process, result = decoded(record.text)
                message = Message(processor, result, by=self._number(process))
            self._heard.append((record.key, message))

    def _number(self, process: int) -> int:
        """The number of a worker. A new one has a free number, else that of the one that was heard of longest ago: it is gone."""
        number = self._workers.pop(process, None)
        if number is None and len(self._workers) < self._session.plan.workers:
            number = len(self._workers)
        if number is None:
            number = self._workers.pop(next(iter(self._workers)))
        self._workers[process] = number
        return number

    def _end_what_hangs(self, limit: float) -> None:
        """End the process of a batch that takes too long. It has a result then, so no worker takes it up again."""
        kept, now = self._session.kept, time.time()
        for begun in kept.begun():
            if begun.key in self._batches and now - begun.at > limit:
                kept.put(Record(begun.key, False, f"no answer within {limit:g} s", now))
                if not is_gone(begun.owner):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(begun.owner.split("/")[-2]), signal.SIGKILL)

    def take_back(self) -> list[tuple[int, Batch]]:
        """What no worker has begun; one that takes it nevertheless finds that it has a result."""
        if self._session is None:
            begun = set()
        else:
            with self._explained():
                begun = {begun.key for begun in self._session.kept.begun()}
                self._listen()  # what has come meanwhile, has come
        back = [(key, *given) for key, given in self._batches.items() if key not in begun]
        for key, processor, _ in back:
            del self._batches[key]
            self._place(processor, key)
            if self._session is not None:
                self._session.desk.out.pop(key, None)
                self._session.kept.put(Record(key, False, "taken back", time.time()))
        self._outgoing = []
        return [(processor, batch) for _, processor, batch in back]

    def discharge(self, processor: int) -> None:
        """It had nothing to do."""
        del self._keys[processor]
        self.ready_since.pop(processor, None)

    def close(self) -> None:
        """End broker and workers: nobody works any more, or nobody wants what they do."""
        if self._session is not None:
            self._session.hurry()
        self._open.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """What ends a run of an engine, as what ends ours."""
        try:
            yield
        except CannotGoOnError as error:
            raise CannotGoOn(str(error)) from None
        except (sqlite3.Error, *self._module.sender.errors) as error:
            raise CannotGoOn(clean(f"{self._plan.engine}: {type(error).__name__}: {error}")) from None


def _planned(engine: str, broker: str, timeout_seconds: float | None) -> tuple[Any, Plan]:
    """The engine's module, and what the run is to be; ValueError where that cannot be."""
    try:
        module = check_engine(engine)
    except CannotGoOnError as error:
        raise ValueError(f"--execution {engine}: {error}") from None
    if broker and module.BROKER != "redis":
        raise ValueError(f"--broker {clean(broker)}: {engine} has one of its own here: leave it out")
    if broker and not broker.startswith(_SCHEMES):
        raise ValueError(f"--broker {clean(broker)}: give one of {', '.join(_SCHEMES)}")
    return module, Plan(
        engine=engine,
        broker=broker,
        keeping=broker,
        prefix=f"todos-{secrets.token_hex(4)}",
        task_limit_seconds=_LONGEST_BATCH_SECONDS if timeout_seconds is None else 10 * timeout_seconds,
        foreign=bool(broker),
        yours=os.path.join(os.path.dirname(os.path.abspath(__file__)), "engine_work.py"),
    )
