"""Classify records on a Dask cluster: futures as in the standard library, over one machine or many.

Without DASK_SCHEDULER_ADDRESS it starts a cluster of its own on this machine.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

try:
    from dask.distributed import Client
except ImportError:
    print('needs Dask: pip install "dask[distributed]"', file=sys.stderr)
    sys.exit(3)

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]


def fetch(record: int) -> list[int]:
    """Stands for a network call."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


def process(records: range, weights: list[list[int]]) -> list[int]:
    """One task: a batch, so that the work outweighs the scheduler's share. It may run twice and changes nothing."""
    labels: list[int] = []
    for features in map(fetch, records):
        scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in weights]
        labels.append(scores.index(max(scores)))
    return labels


def main() -> None:
    """Send all batches to the cluster, and collect the results."""
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    batches = [range(start, start + 6) for start in range(0, RECORDS, 6)]
    totals: Counter[int] = Counter()
    with Client(address) if address else Client(processes=True, threads_per_worker=1) as client:
        weights = client.scatter(WEIGHTS, broadcast=True)  # once to each worker, not once for each task
        futures = client.map(process, batches, weights=weights, retries=3)
        for records, labels in zip(batches, client.gather(futures), strict=True):
            for record, label in zip(records, labels, strict=True):
                totals[label] += record
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":  # the local cluster spawns its workers
    main()
