"""Classify records on Ray: tasks over one machine or many, with large inputs in a shared object store.

Without RAY_ADDRESS it starts Ray on this machine.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

try:
    import ray
except ImportError:
    print("needs Ray: pip install ray", file=sys.stderr)
    sys.exit(3)

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]
IN_FLIGHT = 4  # tasks submitted and not yet collected


def fetch(record: int) -> list[int]:
    """Stands for a network call."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


@ray.remote(max_retries=3, retry_exceptions=[OSError])  # lost workers are retried; exceptions only if listed
def process(records: range, weights: list[list[int]]) -> list[tuple[int, int]]:
    """One task: a batch, so that the work outweighs its submission. It may run twice and changes nothing."""
    labels: list[tuple[int, int]] = []
    for record, features in zip(records, map(fetch, records), strict=True):
        scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in weights]
        labels.append((record, scores.index(max(scores))))
    return labels


def main() -> None:
    """Keep a few batches in flight, and collect the results as they come."""
    ray.init(log_to_driver=False)
    totals: Counter[int] = Counter()
    weights = ray.put(WEIGHTS)  # stored once; each task gets the reference
    waiting = [range(start, start + 6) for start in range(0, RECORDS, 6)]
    running: list[ray.ObjectRef] = []
    while waiting or running:
        while waiting and len(running) < IN_FLIGHT:
            running.append(process.remote(waiting.pop(), weights))
        done, running = ray.wait(running, num_returns=1)  # as they finish, not in the order of submission
        for record, label in ray.get(done[0]):
            totals[label] += record
    ray.shutdown()
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    main()
