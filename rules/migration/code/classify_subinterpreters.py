"""Classify records on a pool of subinterpreters: parallel Python in one process, each with its own globals."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

if sys.version_info < (3, 14):
    print("needs Python 3.14 or later: concurrent.futures.InterpreterPoolExecutor", file=sys.stderr)
    sys.exit(3)

from concurrent.futures import InterpreterPoolExecutor

RECORDS, FEATURES, CLASSES = 48, 64, 16
weights: list[list[int]] = []  # one list in each interpreter, filled by its initialiser


def load_weights() -> None:
    """The costly start, once an interpreter. Every import happens again there too."""
    weights[:] = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]


def fetch(record: int) -> list[int]:
    """Stands for a network call."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


def process(records: range) -> list[int]:
    """A batch of tasks. Numbers, text and bytes cross cheaply; other arguments and results are pickled."""
    labels: list[int] = []
    for record in records:
        features = fetch(record)
        scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in weights]
        labels.append(scores.index(max(scores)))
    return labels


def main() -> None:
    """All batches over one pool; the main interpreter merges the results."""
    totals: Counter[int] = Counter()
    batches = [range(start, start + 6) for start in range(0, RECORDS, 6)]
    with InterpreterPoolExecutor(os.process_cpu_count() or 1, initializer=load_weights) as pool:
        for records, labels in zip(batches, pool.map(process, batches), strict=True):
            for record, label in zip(records, labels, strict=True):
                totals[label] += record
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    main()
