"""Classify records as Dramatiq messages: acknowledged after the work, so that they survive the death of a worker.

Redis and a worker must run first: dramatiq classify_distributed_dramatiq --processes 2 --threads 1
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

try:
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker
    from dramatiq.results import Results
    from dramatiq.results.backends import RedisBackend
    from redis.exceptions import ConnectionError as NoRedis
except ImportError:
    print('needs Dramatiq: pip install "dramatiq[redis]"', file=sys.stderr)
    sys.exit(3)

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]

REDIS = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
broker = RedisBroker(url=REDIS)
broker.add_middleware(Results(backend=RedisBackend(url=REDIS)))
dramatiq.set_broker(broker)


def fetch(record: int) -> list[int]:
    """Stands for a network call."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


# one module for both sides: run as a script, it would be another actor than the worker's without this name
@dramatiq.actor(actor_name="process", max_retries=3, time_limit=30_000, store_results=True)
def process(record: int) -> int:
    """One task. It may run twice, so it returns a value and changes nothing: running it again does no harm."""
    features = fetch(record)
    scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in WEIGHTS]
    return scores.index(max(scores))


def main() -> None:
    """Send all records as messages, and collect the results."""
    try:
        messages = [process.send(record) for record in range(RECORDS)]
    except NoRedis as error:
        print(f"no Redis at {REDIS}: {error}", file=sys.stderr)
        sys.exit(3)
    totals: Counter[int] = Counter()
    for record, message in enumerate(messages):
        totals[message.get_result(block=True, timeout=60_000)] += record
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    main()
