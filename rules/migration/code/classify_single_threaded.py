"""Classify records one after the other: the baseline every other version must match."""

from __future__ import annotations

import time
from collections import Counter

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]


def fetch(record: int) -> list[int]:
    """Stands for a network call: it waits, and blocks its thread meanwhile."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


def classify(features: list[int]) -> int:
    """Stands for the work on the CPU: the class with the highest score."""
    scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in WEIGHTS]
    return scores.index(max(scores))


def main() -> None:
    """All records, in order."""
    totals: Counter[int] = Counter()
    for record in range(RECORDS):
        totals[classify(fetch(record))] += record
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    main()
