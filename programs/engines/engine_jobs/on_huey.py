"""huey with its queue in an SQLite file: no server, one machine.

It takes a task out of the queue before it runs it, so a worker that is killed loses it; the desk puts it out again.
"""

from __future__ import annotations

import signal
import sqlite3
from typing import Any

import huey

from engine_jobs.plan import Plan, Ready, Record, Task
from engine_jobs.work import do, prepare_early

BROKER = "file"
GENTLY = signal.SIGINT  # it ends its tasks then; SIGTERM interrupts them


def version() -> str:
    """Which one is installed."""
    return str(huey.__version__)


def processes(plan: Plan) -> list[int]:
    """One consumer, which forks a process for each worker."""
    return [plan.workers]


def _queue(plan: Plan) -> Any:
    return huey.SqliteHuey(plan.prefix, filename=plan.broker)


def serve(plan: Plan, _: int, ready: Ready) -> None:
    """A consumer. With safe settings it looks for tasks every 0.1 s at least, and for dead workers every second."""
    queue = _queue(plan)
    queue.task(name="do")(do)

    def begin() -> None:
        prepare_early()
        ready()

    queue.on_startup()(begin)

    ours = {"max_delay": 0.1, "health_check_interval": 1, "periodic": False} if plan.safe else {}
    queue.create_consumer(workers=plan.workers, worker_type="process", **ours).run()


class sender:  # noqa: N801  # as the other modules' functions
    """The submitter's end."""

    errors: tuple[type[Exception], ...] = (sqlite3.OperationalError,)

    def __init__(self, plan: Plan) -> None:
        self._queue = _queue(plan)
        self._do = self._queue.task(name="do")(do)

    def submit(self, tasks: list[Task]) -> None:
        """One by one; it has no way for many."""
        for task in tasks:
            self._do(task.key, task.payload, priority=task.priority)

    def waiting(self) -> int:
        """What no worker has taken out."""
        return int(self._queue.pending_count())

    def arrived(self) -> list[Record]:
        """Workers keep results themselves."""
        return []

    def close(self) -> None:
        """Close the file."""
        self._queue.storage.close()


def forget(plan: Plan) -> None:
    """Empty the queue."""
    queue = _queue(plan)
    queue.flush()
    queue.storage.close()
