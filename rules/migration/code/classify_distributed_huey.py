"""Classify records as huey tasks: they wait in a SQLite file on this machine, and no server is needed.

A consumer must run beside it, in this folder: huey_consumer classify_distributed_huey.huey -k process -w 2
"""

from __future__ import annotations

import sys
import time
from collections import Counter

try:
    from huey import SqliteHuey
    from huey.exceptions import ResultTimeout, TaskException
except ImportError:
    print("needs huey: pip install huey", file=sys.stderr)
    sys.exit(3)

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]
ATTEMPTS = 3

huey = SqliteHuey("classify", filename="classify.db", timeout=30)


def fetch(record: int) -> list[int]:
    """Stands for a network call."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


@huey.task(retries=2, retry_delay=5)  # for exceptions; who is killed takes his task along
def process(record: int) -> int:
    """One task. It may run twice, so it returns a value and changes nothing: running it again does no harm."""
    features = fetch(record)
    scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in WEIGHTS]
    return scores.index(max(scores))


def main() -> None:
    """Submit all records, and again those that have no result in time: their worker was killed."""
    labels: dict[int, int] = {}
    for _ in range(ATTEMPTS):
        sent = {record: process(record) for record in range(RECORDS) if record not in labels}
        for record, result in sent.items():
            try:
                labels[record] = result.get(blocking=True, timeout=30)
            except (ResultTimeout, TaskException) as error:
                print(f"record {record}: {error or 'no result'}", file=sys.stderr)
    if len(labels) < RECORDS:
        sys.exit(f"{RECORDS - len(labels)} records have no result: is a consumer running?")
    totals: Counter[int] = Counter()
    for record, label in labels.items():
        totals[label] += record
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    import classify_distributed_huey as module  # as the consumer imports it: a task is known by its module

    module.main()
