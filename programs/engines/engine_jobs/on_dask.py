"""Dask: a scheduler and a process for each worker, of one thread. All is in memory: the scheduler holds the queue.

The crew starts a worker again that has ended, so there is no nanny.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import dask
import distributed

from engine_jobs.plan import Plan, Ready, Record, Task
from engine_jobs.work import clean, do, prepare_early

BROKER = "own"
GENTLY = signal.SIGTERM
_HERE = "127.0.0.1"
_LOOK_SECONDS = 0.1
_RETRIES = 3


def version() -> str:
    """Which one is installed."""
    return str(distributed.__version__)


def processes(plan: Plan) -> list[int]:
    """A worker each."""
    return [1] * plan.workers


def serve_broker(plan: Plan, ready: Ready) -> None:
    """The scheduler. Its address is written to the file that the plan names; started again, it has the same."""
    asyncio.run(_schedule(plan, ready))


async def _schedule(plan: Plan, ready: Ready) -> None:
    _use_folder(plan)
    port = int(_address(plan).rpartition(":")[2] or 0)
    async with distributed.Scheduler(host=_HERE, port=port, dashboard=False, dashboard_address=f"{_HERE}:0") as it:
        _tell_address(plan, it.address)
        ready()
        await it.finished()


def _use_folder(plan: Plan) -> None:
    """What it writes goes with the run."""
    dask.config.set(temporary_directory=plan.folder)


def _tell_address(plan: Plan, address: str) -> None:
    with open(f"{plan.broker}.part", "w", encoding="ascii") as stream:
        stream.write(address)
    os.replace(f"{plan.broker}.part", plan.broker)


def _address(plan: Plan) -> str:
    """Where the scheduler is; nothing before its first start."""
    if plan.foreign:
        return plan.broker
    try:
        with open(plan.broker, encoding="ascii") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def serve(plan: Plan, number: int, ready: Ready) -> None:
    """A worker."""
    asyncio.run(_work(plan, number, ready))


async def _work(plan: Plan, number: int, ready: Ready) -> None:
    logging.getLogger("distributed").setLevel(logging.WARNING)
    _use_folder(plan)
    where = {} if plan.foreign else {"host": _HERE, "dashboard_address": f"{_HERE}:0"}
    name = f"{os.uname().nodename}-{os.getpid()}-{number}"
    place = _address(plan)
    async with distributed.Worker(place, nthreads=1, name=name, local_directory=plan.folder, **where) as it:
        ended = []
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: ended.append(loop.create_task(it.close())))
        prepare_early()
        ready()
        await it.finished()


def _do_and_say_nothing(key: str, payload: str) -> None:
    """The task on one machine: workers keep results themselves."""
    do(key, payload)


def _carried() -> Callable[[str, str], Record]:
    """The task for other machines. It travels whole, not by its name: a scheduler reads tasks, and need not have our modules."""

    def run(key: str, payload: str) -> Record:
        from engine_jobs.work import called

        return called(key, payload)

    return run


class sender:  # noqa: N801  # as the other modules' functions
    """The submitter's end. Futures tell what became of tasks; from other machines they bring the results."""

    errors: tuple[type[Exception], ...] = (TimeoutError, RuntimeError)

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        _use_folder(plan)
        self._client = self._connected()
        self._out: dict[str, Any] = {}
        self._number = 0
        self._looked = 0.0

    def _connected(self) -> Any:
        return distributed.Client(_address(self._plan), timeout=30, set_as_default=False)

    def submit(self, tasks: list[Task]) -> None:
        """Many at once, under names that no earlier attempt had."""
        if self._client.status == "closed":
            self._client = self._connected()
        self._number += 1
        for priority in sorted({task.priority for task in tasks}, reverse=True):
            some = [task for task in tasks if task.priority == priority]
            futures = self._client.map(
                _carried() if self._plan.foreign else _do_and_say_nothing,
                [task.key for task in some],
                [task.payload for task in some],
                key=[f"{self._plan.prefix}-{task.key}-{self._number}" for task in some],
                retries=_RETRIES if self._plan.safe else None,
                priority=priority,
                pure=False,
            )
            self._out.update((task.key, future) for task, future in zip(some, futures, strict=True))

    def waiting(self) -> int:
        """What the scheduler has, whether it runs or not: it knows who has died."""
        return sum(future.status == "pending" for future in self._out.values())

    def arrived(self) -> list[Record]:
        """What came back, or cannot; what a lost scheduler took with it is forgotten."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return []
        self._looked = time.monotonic()
        ended = {key: future for key, future in self._out.items() if future.status != "pending"}
        for key in ended:
            del self._out[key]
        records = [_failed(key, future) for key, future in ended.items() if future.status == "error"]
        if self._plan.foreign:
            records += self._client.gather([future for future in ended.values() if future.status == "finished"])
        return records

    def close(self) -> None:
        """Cancel what is out, and hang up."""
        self._client.cancel(list(self._out.values()))
        self._client.close(timeout=2)


def _failed(key: str, future: Any) -> Record:
    """Dask gave it up: its workers died."""
    error = future.exception()
    return Record(key, False, clean(f"{type(error).__name__}: {error}"), time.time())


def forget(_: Plan) -> None:
    """A scheduler forgets what its client no longer wants."""
