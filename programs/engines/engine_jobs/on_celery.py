"""Celery on Redis: one main process, which forks a process for each worker."""

from __future__ import annotations

import signal
import tempfile
from typing import Any

import celery
import kombu.exceptions
import redis
from billiard.util import get_temp_dir
from celery.signals import worker_process_init, worker_ready

from engine_jobs.plan import Plan, Ready, Record, Task
from engine_jobs.work import do, prepare_early

BROKER = "redis"
GENTLY = signal.SIGTERM  # a warm shutdown: it ends its tasks
_STEPS = ("", *(f"\x06\x16{step}" for step in (3, 6, 9)))  # of the name of a queue: its priorities, the first first


def version() -> str:
    """Which one is installed."""
    return str(celery.__version__)


def processes(plan: Plan) -> list[int]:
    """One main process, which says that it is ready, as each of its workers does."""
    return [1 + plan.workers]


def _app(plan: Plan) -> tuple[Any, Any]:
    """The application, and its task `do`. With safe settings nothing is acknowledged before it is done."""
    app = celery.Celery(
        "engine_jobs", broker=plan.broker.replace("unix://", "redis+socket://", 1), set_as_current=False
    )
    options: dict[str, Any] = {"global_keyprefix": f"{plan.prefix}:"}
    app.conf.task_default_queue = plan.prefix
    if plan.safe:
        options["visibility_timeout"] = plan.visibility_seconds  # later than the longest task
        app.conf.update(
            task_acks_late=True,
            task_reject_on_worker_lost=True,  # also when only the process of the task dies
            worker_prefetch_multiplier=1,
            task_time_limit=plan.task_limit_seconds,
            broker_connection_max_retries=None,  # a broker that is away comes back
            worker_cancel_long_running_tasks_on_connection_loss=False,
        )
    app.conf.broker_transport_options = options
    return app, app.task(name="engine_jobs.do", ignore_result=True)(do_one)


def do_one(key: str, payload: str) -> None:
    """The task."""
    do(key, payload)


def serve(plan: Plan, _: int, ready: Ready) -> None:
    """The main process."""
    app, _task = _app(plan)
    app.set_default()

    def begin(**_: object) -> None:
        prepare_early()
        ready()

    worker_process_init.connect(begin, weak=False)
    worker_ready.connect(lambda **_: ready(oversees=True), weak=False)
    tempfile.tempdir = plan.folder  # as `worker` does for multiprocessing
    get_temp_dir()
    tempfile.tempdir = None
    app.worker_main(["worker", f"--concurrency={plan.workers}", "--loglevel=WARNING"])


class sender:  # noqa: N801  # as the other modules' functions
    """The submitter's end."""

    errors: tuple[type[Exception], ...] = (kombu.exceptions.OperationalError, redis.ConnectionError)

    def __init__(self, plan: Plan) -> None:
        self._app, self._do = _app(plan)
        self._names = [f"{plan.prefix}:{plan.prefix}{step}" for step in _STEPS]
        self._redis: Any = redis.Redis.from_url(plan.broker)
        with self._app.producer_pool.acquire(block=True) as producer:  # it connects now, not with the first task
            producer.connection.ensure_connection(max_retries=3)

    def submit(self, tasks: list[Task]) -> None:
        """Over one connection. On Redis the lowest number is the first: 9 - priority."""
        with self._app.producer_pool.acquire(block=True) as producer:
            for task in tasks:
                self._do.apply_async(
                    (task.key, task.payload), producer=producer, priority=9 - task.priority, retry=False
                )

    def waiting(self) -> int:
        """What no worker has fetched, of every priority."""
        with self._redis.pipeline(transaction=False) as step:
            for name in self._names:
                step.llen(name)
            return sum(step.execute())

    def arrived(self) -> list[Record]:
        """Workers keep results themselves."""
        return []

    def close(self) -> None:
        """Let go of the connections."""
        self._app.close()
        self._redis.close()


def forget(plan: Plan) -> None:
    """All keys of the application begin with our prefix."""
    client: Any = redis.Redis.from_url(plan.broker)
    for key in client.scan_iter(f"{plan.prefix}:*"):
        client.delete(key)
    client.close()
