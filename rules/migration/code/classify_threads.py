"""Classify records on a pool of threads: the waits overlap, Python code still runs one thread at a time."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]
WORKERS = 16  # by how many waits should overlap, not by cores


class Totals:
    """The state the threads share. `+=` reads and then writes, so the lock covers both."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[int] = Counter()

    def add(self, label: int, amount: int) -> None:
        """Add under the lock."""
        with self._lock:
            self._counts[label] += amount

    def snapshot(self) -> Counter[int]:
        """A copy that no thread changes any more."""
        with self._lock:
            return self._counts.copy()


def fetch(record: int) -> list[int]:
    """Stands for a network call: it waits, and lets the other threads run meanwhile."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


def classify(features: list[int]) -> int:
    """Stands for the work on the CPU; it runs outside the lock."""
    scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in WEIGHTS]
    return scores.index(max(scores))


def main() -> None:
    """All records over one pool of threads."""
    shared = Totals()
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="classify") as pool:
        futures = [pool.submit(lambda r: shared.add(classify(fetch(r)), r), record) for record in range(RECORDS)]
        for future in futures:
            future.result()  # raises here what a worker raised; without it the error is lost
    totals = shared.snapshot()
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    main()
