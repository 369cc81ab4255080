"""Classify records as RQ jobs: plain functions queued in Redis, each run in a process of its own.

Redis and a worker must run first, the worker in this folder: rq worker --with-scheduler classify
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

try:
    from redis import Redis
    from redis.exceptions import ConnectionError as NoRedis
    from rq import Queue, Retry
except ImportError:
    print("needs RQ: pip install rq", file=sys.stderr)
    sys.exit(3)

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]
REDIS = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
JOB = "classify_distributed_rq.process"  # by name: a worker imports the job, and cannot import __main__


def fetch(record: int) -> list[int]:
    """Stands for a network call."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


def process(records: list[int]) -> list[int]:
    """One job: a batch, since the default worker forks for each job. It may run twice and changes nothing."""
    labels: list[int] = []
    for features in map(fetch, records):
        scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in WEIGHTS]
        labels.append(scores.index(max(scores)))
    return labels


def main() -> None:
    """Queue all batches, and collect the results."""
    queue = Queue("classify", connection=Redis.from_url(REDIS), default_timeout=30)
    batches = [list(range(start, start + 12)) for start in range(0, RECORDS, 12)]
    try:
        jobs = [queue.enqueue(JOB, batch, retry=Retry(max=3, interval=[5, 30, 120])) for batch in batches]
    except NoRedis as error:
        print(f"no Redis at {REDIS}: {error}", file=sys.stderr)
        sys.exit(3)
    totals: Counter[int] = Counter()
    for batch, job in zip(batches, jobs, strict=True):
        result = job.latest_result(timeout=60)
        if result is None or result.return_value is None:
            sys.exit(f"job {job.id} gave no result: is a worker running? A failed one is in the FailedJobRegistry")
        for record, label in zip(batch, result.return_value, strict=True):
            totals[label] += record
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    main()
