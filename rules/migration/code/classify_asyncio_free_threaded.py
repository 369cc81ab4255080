"""Classify records on several event loops, one a thread, in parallel on a free-threaded build."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]
IN_FLIGHT = 8  # for each loop
TIMEOUT_SECONDS = 5.0


async def fetch(record: int) -> list[int]:
    """Stands for a call of an async client made by this loop; clients are not shared between loops."""
    await asyncio.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


def classify(features: list[int]) -> int:
    """Stands for the work on the CPU: it holds up its own loop, and no other."""
    scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in WEIGHTS]
    return scores.index(max(scores))


async def process(record: int, totals: Counter[int], slots: asyncio.Semaphore) -> None:
    """One record: wait for a slot, fetch under a timeout, add the result."""
    async with slots, asyncio.timeout(TIMEOUT_SECONDS):
        features = await fetch(record)
    totals[classify(features)] += record  # this loop's own Counter


async def classify_share(records: Sequence[int]) -> Counter[int]:
    """One thread's share of the records, on the loop of that thread."""
    totals: Counter[int] = Counter()
    slots = asyncio.Semaphore(IN_FLIGHT)  # made inside the loop that uses it
    async with asyncio.TaskGroup() as group:
        for record in records:
            group.create_task(process(record, totals, slots))
    return totals


def main() -> None:
    """A loop in each thread, and their totals merged at the end."""
    if getattr(sys, "_is_gil_enabled", lambda: True)():  # asked after all imports
        print("warning: the GIL is on; the loops will take turns", file=sys.stderr)
    workers = os.cpu_count() or 1
    shares = [range(start, RECORDS, workers) for start in range(workers)]
    with ThreadPoolExecutor(workers, thread_name_prefix="loop") as pool:
        parts = pool.map(lambda share: asyncio.run(classify_share(share)), shares)
        totals = sum(parts, Counter[int]())
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    main()
