"""A run's broker, workers and desk, together: started in order, watched, and ended whatever happens."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable
from typing import Any

from engine_jobs.broker import Broker, location
from engine_jobs.crew import GRACE_SECONDS, CannotGoOnError, Crew
from engine_jobs.desk import Desk
from engine_jobs.guard import Guard
from engine_jobs.keeper import members
from engine_jobs.keeping import Keeping, keeping_at
from engine_jobs.meter import memory_mb
from engine_jobs.plan import REQUIREMENTS, Plan, module_of

_MEASURE_SECONDS = 0.5
Tell = Callable[..., object]  # tell("restarted", what="worker", pid=..., ended=...)


def _nobody(_: str, **__: Any) -> None:
    """Who listens where nobody does."""


class Session:
    """A context in which workers serve and tasks can be submitted; `guard` is one that is open, if there is.

    CannotGoOnError where the engine, its broker or its workers cannot be had; ImportError where it is not installed.
    """

    def __init__(self, plan: Plan, *, tell: Tell = _nobody, guard: Guard | None = None) -> None:
        self._module = module_of(plan.engine)
        self.plan, self.tell, self._guard = plan, tell, guard
        self.worker_start_seconds = 0.0
        self.worker_mb: float | None = None
        self.broker_mb: float | None = None
        self._measured = 0.0
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Session:  # noqa: PYI034  # typing.Self is of Python 3.11
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _start(self) -> None:
        guard = self._guard or self._open.enter_context(Guard(self.plan))
        plan, keeper = guard.plan, guard.keeper
        self.plan = plan = dataclasses.replace(plan, broker=location(plan, self._module))
        self.broker = Broker(plan, self._module, keeper)
        self._open.callback(self.broker.close)
        self.broker.start()
        self.kept: Keeping = keeping_at(plan)  # before workers do: its tables are there then
        self._open.callback(self.kept.close)
        self.crew = Crew(plan, keeper, self._module.processes(plan), self._module.GENTLY)
        self._grace_seconds = GRACE_SECONDS
        self._open.callback(lambda: self.crew.close(self._grace_seconds))
        begun = time.perf_counter()
        self.crew.start()
        self.worker_start_seconds = time.perf_counter() - begun
        sender = self._sender(plan)
        self._open.callback(sender.close)
        if not self.crew.mains:  # it was the sender that started them
            self.worker_start_seconds = time.perf_counter() - begun
        self.desk = Desk(plan, self.kept, sender, revive=self._tend_broker)
        self._measure()
        workers, _ = self._processes()
        ready = self.crew.ready if self.crew.mains else workers
        self.tell("ready", workers=self.crew.pids, processes=ready, broker=self.broker.pid)

    def _sender(self, plan: Plan) -> Any:
        try:
            return self._module.sender(plan)
        except Exception as error:  # each engine has its own
            raise CannotGoOnError(f"{plan.engine} cannot be reached: {type(error).__name__}: {error}") from error

    def tend(self) -> None:
        """Start again what has ended, put out again what was lost, see what it takes. To be called often."""
        self._tend_broker()
        before = self.crew.pids
        for main in self.crew.tend():
            number = self.crew.mains.index(main)
            self.tell("restarted", what="worker", ended=before[number], pid=main.process.pid)
        if again := self.desk.look_after():
            self.tell("again", tasks=again)
        if time.monotonic() - self._measured > _MEASURE_SECONDS:
            self._measure()

    def hurry(self) -> None:
        """At the end, wait for nobody."""
        self._grace_seconds = 0.0

    def _tend_broker(self) -> None:
        ended = self.broker.pid
        if self.broker.tend():
            self.tell("restarted", what="broker", ended=ended, pid=self.broker.pid)

    def _processes(self) -> tuple[list[int], list[int]]:
        """Those of the workers, and those of the broker, of all that were started here."""
        if self.crew.mains or self.plan.foreign:
            return self.crew.everybody(), [] if self.broker.pid is None else [self.broker.pid]
        all_of_them = members(set(), self.plan.mark)
        workers = [pid for pid in all_of_them if self._module.is_worker(pid)]
        return workers, [pid for pid in all_of_them if pid not in workers]

    def _measure(self) -> None:
        self._measured = time.monotonic()
        workers, broker = self._processes()
        taken = memory_mb(workers)
        if taken is not None:
            self.worker_mb = max(self.worker_mb or 0.0, taken / self.plan.workers)
        if broker:
            self.broker_mb = max(self.broker_mb or 0.0, memory_mb(broker) or 0.0) or None
        elif taken is not None and not self.plan.foreign:
            self.broker_mb = 0.0


def check_engine(engine: str) -> Any:
    """The module of an engine that can be used here; CannotGoOnError, with what to install, where it cannot."""
    if os.name == "nt":
        raise CannotGoOnError("jobs run on Linux and macOS: their workers are forked and told by signals")
    try:
        module = module_of(engine)
        module.version()
    except ImportError as error:
        wanted = REQUIREMENTS[engine]
        raise CannotGoOnError(f"{engine} cannot be imported here ({error}): pip install '{wanted}'") from None
    return module
