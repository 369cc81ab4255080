"""Classify records on one event loop: thousands of waits overlap in one thread."""

from __future__ import annotations

import asyncio
from collections import Counter

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]
IN_FLIGHT = 16  # what the other side can take; without a limit every task starts at once
TIMEOUT_SECONDS = 5.0


async def fetch(record: int) -> list[int]:
    """Stands for a call of an async client: the loop serves other tasks while this one waits."""
    await asyncio.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


def classify(features: list[int]) -> int:
    """Stands for work on the CPU. The loop stands still meanwhile, so it must stay well under a millisecond."""
    scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in WEIGHTS]
    return scores.index(max(scores))


async def process(record: int, totals: Counter[int], slots: asyncio.Semaphore) -> None:
    """One record: wait for a slot, fetch under a timeout, add the result."""
    async with slots, asyncio.timeout(TIMEOUT_SECONDS):
        features = await fetch(record)
    totals[classify(features)] += record  # no await between read and write: no lock needed


async def main() -> None:
    """All records as tasks of one group."""
    totals: Counter[int] = Counter()
    slots = asyncio.Semaphore(IN_FLIGHT)
    async with asyncio.TaskGroup() as group:  # the first failure cancels the rest and is raised here
        for record in range(RECORDS):
            group.create_task(process(record, totals, slots), name=f"record-{record}")
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    asyncio.run(main())
