"""Dramatiq on Redis: one main process, which starts a process for each worker. It has no priorities across processes."""

from __future__ import annotations

import importlib.metadata
import os
import signal
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionError as BrokerAwayError

from engine_jobs.plan import Plan, Ready, Record, Task, planned
from engine_jobs.work import do, prepare_early

BROKER = "redis"
GENTLY = signal.SIGTERM
_HEARTBEAT_SECONDS = 5.0  # with safe settings, after which a worker counts as lost; 60 without


def version() -> str:
    """Which one is installed."""
    return importlib.metadata.version("dramatiq")


def processes(plan: Plan) -> list[int]:
    """One main process; each of its workers says that it is ready."""
    return [plan.workers]


def _broker(plan: Plan, ready: Ready | None = None) -> Any:
    """A broker and its task `do`. It acknowledges after the work by itself."""
    if plan.safe:
        os.environ["dramatiq_queue_prefetch"] = "1"  # noqa: SIM112  # this is its name
        more = {"heartbeat_timeout": int(_HEARTBEAT_SECONDS * 1000), "maintenance_chance": 100_000}
        options: dict[str, Any] = {"max_retries": 0, "time_limit": int(plan.task_limit_seconds * 1000)}
    else:
        more, options = {}, {}
    broker = RedisBroker(url=plan.broker, namespace=plan.prefix, **more)
    if ready is not None:
        broker.add_middleware(_Boot(ready))
    actor = dramatiq.actor(do_one, actor_name="do", queue_name=plan.prefix, broker=broker, **options)
    return broker, actor


def do_one(key: str, payload: str) -> None:
    """The task."""
    do(key, payload)


class _Boot(dramatiq.Middleware):  # type: ignore[misc,unused-ignore]  # untyped where it is not installed
    """Says that a worker is there."""

    def __init__(self, ready: Ready) -> None:
        self._ready = ready

    def after_worker_boot(self, _: Any, __: Any) -> None:
        """When it can take tasks."""
        self._ready()


def worker_broker() -> None:
    """What each process of a worker calls first."""
    from engine_jobs.worker import ready

    broker, _ = _broker(planned(), ready)
    dramatiq.set_broker(broker)
    prepare_early()


def serve(plan: Plan, _: int, __: Ready) -> None:
    """The main process."""
    from dramatiq.cli import main, make_argument_parser

    words = [f"{__name__}:worker_broker", "--processes", str(plan.workers), "--threads", "1", "--queues", plan.prefix]
    raise SystemExit(main(make_argument_parser().parse_args(words)))


class sender:  # noqa: N801  # as the other modules' functions
    """The submitter's end."""

    errors: tuple[type[Exception], ...] = (BrokerAwayError, redis.ConnectionError, redis.TimeoutError)

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._broker, self._do = _broker(plan)

    def submit(self, tasks: list[Task]) -> None:
        """One by one; it has no way for many."""
        for task in tasks:
            self._do.send(task.key, task.payload)

    def waiting(self) -> int:
        """What no worker has fetched."""
        return int(self._broker.client.llen(f"{self._plan.prefix}:{self._plan.prefix}"))

    def arrived(self) -> list[Record]:
        """Workers keep results themselves."""
        return []

    def close(self) -> None:
        """Let go of the connections."""
        self._broker.close()
        self._broker.client.close()


def forget(plan: Plan) -> None:
    """All its keys begin with our prefix."""
    client: Any = redis.Redis.from_url(plan.broker)
    for key in client.scan_iter(f"{plan.prefix}:*"):
        client.delete(key)
    client.close()
