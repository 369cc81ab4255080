"""Classify records on a pool of processes: each has its own memory, and what crosses is pickled."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

RECORDS, FEATURES, CLASSES = 48, 64, 16
weights: list[list[int]] = []  # filled in each worker by its initialiser, never sent with a task


def load_weights() -> None:
    """The costly start, once a worker."""
    weights[:] = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]


def fetch(record: int) -> list[int]:
    """Stands for a network call."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


def process(record: int) -> int:
    """One task, at the top of a module so that it pickles by name; small in, small out."""
    features = fetch(record)
    scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in weights]
    return scores.index(max(scores))


def main() -> None:
    """All records over one pool; the parent merges the results."""
    totals: Counter[int] = Counter()
    context = multiprocessing.get_context("spawn")  # the one start method that every platform has
    pool = ProcessPoolExecutor(os.cpu_count() or 1, mp_context=context, initializer=load_weights)
    try:
        labels = pool.map(process, range(RECORDS), chunksize=6)  # several records a trip
        for record, label in enumerate(labels):
            totals[label] += record  # only the parent keeps totals
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C or an error: finish what runs, drop what waits
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":  # a spawned worker imports this file: without the guard it would start a pool of its own
    main()
