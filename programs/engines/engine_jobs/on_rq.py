"""RQ on Redis: a worker is a process, which forks another one for each job."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import redis
import rq

from engine_jobs.plan import Plan, Ready, Record, Task
from engine_jobs.work import MOST_BEGINS, prepare_early

BROKER = "redis"
GENTLY = signal.SIGTERM  # a warm shutdown: it ends its job
_DO = "engine_jobs.work.do"  # by name: a worker imports it


def version() -> str:
    """Which one is installed."""
    return str(rq.__version__)


def processes(plan: Plan) -> list[int]:
    """A worker each."""
    return [1] * plan.workers


def _queues(plan: Plan, client: Any) -> list[Any]:
    """A queue for each priority that is used, the highest first: workers look into them in this order."""
    names = (plan.prefix, *(f"{plan.prefix}-{priority}" for priority in range(1, 10)))
    return [rq.Queue(name, connection=client) for name in reversed(names)]


def serve(plan: Plan, number: int, ready: Ready) -> None:
    """A worker. The user's costly start is made before it forks, so that all its jobs have it."""
    client = redis.Redis.from_url(plan.broker)
    name = f"{plan.prefix}-{os.uname().nodename}-{os.getpid()}-{number}"
    worker = rq.Worker(_queues(plan, client), name=name, connection=client)
    prepare_early()
    ready()
    worker.work(logging_level="WARNING")


class sender:  # noqa: N801  # as the other modules' functions
    """The submitter's end."""

    errors: tuple[type[Exception], ...] = (redis.ConnectionError, redis.TimeoutError)

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._redis: Any = redis.Redis.from_url(plan.broker)
        self._queues = _queues(plan, self._redis)

    def submit(self, tasks: list[Task]) -> None:
        """Many in one trip. With safe settings a job whose process dies is tried again."""
        more: dict[str, Any] = {}
        if self._plan.safe:
            limit = int(self._plan.task_limit_seconds)
            more = {"retry": rq.Retry(max=MOST_BEGINS - 1), "timeout": limit, "result_ttl": 0}
        for priority in sorted({task.priority for task in tasks}, reverse=True):
            jobs = [
                rq.Queue.prepare_data(_DO, (task.key, task.payload), job_id=f"{self._plan.prefix}-{task.key}", **more)
                for task in tasks
                if task.priority == priority
            ]
            self._queues[-1 - priority].enqueue_many(jobs)

    def waiting(self) -> int:
        """What no worker has taken."""
        with self._redis.pipeline(transaction=False) as step:
            for queue in self._queues:
                step.llen(queue.key)
            return sum(step.execute())

    def arrived(self) -> list[Record]:
        """Workers keep results themselves."""
        return []

    def close(self) -> None:
        """Let go of the connection."""
        self._redis.close()


def forget(plan: Plan) -> None:
    """All keys whose last part is our prefix, or begins with it and a hyphen; and our names in RQ's sets."""
    client: Any = redis.Redis.from_url(plan.broker)
    for key in _ours(plan, client.scan_iter(f"rq:*{plan.prefix}*")):
        client.delete(key)
    for place in ("rq:queues", "rq:workers"):
        for name in _ours(plan, client.smembers(place)):
            client.srem(place, name)
    client.close()


def _ours(plan: Plan, names: Any) -> Iterator[bytes]:
    prefix = plan.prefix.encode()
    for name in names:
        if any(part == prefix or part.startswith(prefix + b"-") for part in name.split(b":")):
            yield name
