"""Classify records on threads of a free-threaded build: Python code runs in parallel, and nothing hot is shared."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]


def fetch(record: int) -> list[int]:
    """Stands for a network call: mostly waiting."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


def classify(features: list[int]) -> int:
    """Stands for the work on the CPU; it only reads WEIGHTS, which no thread changes."""
    scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in WEIGHTS]
    return scores.index(max(scores))


def classify_share(records: Sequence[int]) -> Counter[int]:
    """One thread's share, counted in a Counter of its own: one shared Counter would make the threads queue for it."""
    totals: Counter[int] = Counter()
    for record in records:
        totals[classify(fetch(record))] += record
    return totals


def warn_if_gil() -> None:
    """Ask after all imports: an extension that does not declare support turns the GIL back on."""
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        print("warning: the GIL is on; threads will not compute in parallel", file=sys.stderr)


def main() -> None:
    """A share for each thread, and their totals merged at the end."""
    warn_if_gil()
    workers = min(RECORDS, (os.cpu_count() or 1) * 4)  # the waits overlap too; for CPU work alone: one per core
    shares = [range(start, RECORDS, workers) for start in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        totals = sum(pool.map(classify_share, shares), Counter[int]())
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    main()
