"""Classify records from an event loop, with the blocking client on a pool of threads."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from concurrent.futures import Executor, ThreadPoolExecutor

RECORDS, FEATURES, CLASSES = 48, 64, 16
WEIGHTS = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]
WORKERS = 16  # a pool of its own: the default one also resolves host names, and fills up
TIMEOUT_SECONDS = 5.0


def fetch(record: int) -> list[int]:
    """Stands for a blocking client library; it never runs on the loop's thread."""
    time.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


def classify(features: list[int]) -> int:
    """Stands for the work on the CPU; on a worker thread it leaves the loop free."""
    scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in WEIGHTS]
    return scores.index(max(scores))


def fetch_and_classify(record: int) -> int:
    """All that one thread does for a record. It touches nothing that belongs to the loop."""
    return classify(fetch(record))


async def process(record: int, totals: Counter[int], pool: Executor, slots: asyncio.Semaphore) -> None:
    """One record: wait for a slot, then for the thread that works on it."""
    loop = asyncio.get_running_loop()
    async with slots, asyncio.timeout(TIMEOUT_SECONDS):  # a timeout frees the task; the thread runs on to its end
        label = await loop.run_in_executor(pool, fetch_and_classify, record)
    totals[label] += record  # back on the loop's thread: no lock needed


async def main() -> None:
    """All records as tasks of one group, over one pool."""
    totals: Counter[int] = Counter()
    slots = asyncio.Semaphore(WORKERS)  # wait here, not in the pool's queue, so that the timeout counts work only
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="blocking") as pool:
        async with asyncio.TaskGroup() as group:
            for record in range(RECORDS):
                group.create_task(process(record, totals, pool, slots))
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":
    asyncio.run(main())
