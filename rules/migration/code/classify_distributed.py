"""Classify records as Celery tasks: they wait in a broker, and survive the death of a worker.

A broker, here Redis, and a worker must run first, on this machine or another one:
celery --app classify_distributed worker
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

try:
    from celery import Celery, group
    from kombu.exceptions import OperationalError
except ImportError:
    print('needs Celery: pip install "celery[redis]"', file=sys.stderr)
    sys.exit(3)

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]

BROKER = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")
app = Celery("classify_distributed", broker=BROKER, backend=os.environ.get("CELERY_RESULT_BACKEND", BROKER))
app.conf.update(
    task_acks_late=True,  # acknowledge when the work is done, so that a lost worker's task comes back
    task_reject_on_worker_lost=True,  # also when only the child process dies
    worker_prefetch_multiplier=1,  # take one task at a time, so that the others stay free for idle workers
    task_soft_time_limit=30,  # seconds; far below the broker's visibility timeout, or a slow task runs twice
    result_expires=3600,
)


def fetch(record: int) -> list[int]:
    """Stands for a network call."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


@app.task(autoretry_for=(OSError,), retry_backoff=True, max_retries=5)
def process(record: int) -> int:
    """One task. It may run twice, so it returns a value and changes nothing: running it again does no harm."""
    features = fetch(record)
    scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in WEIGHTS]
    return scores.index(max(scores))


def main() -> None:
    """Send all records as tasks, and collect the results."""
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1)  # say at once that nobody listens, rather than retry for long
    except OperationalError as error:
        print(f"no broker at {BROKER}: {error}", file=sys.stderr)
        sys.exit(3)
    labels = group(process.s(record) for record in range(RECORDS)).apply_async().get(timeout=60)
    totals: Counter[int] = Counter()
    for record, label in enumerate(labels):
        totals[label] += record
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    main()
