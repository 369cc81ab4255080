"""Classify records from an event loop that waits, and a pool of processes that computes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections import Counter
from concurrent.futures import Executor, ProcessPoolExecutor

RECORDS, FEATURES, CLASSES = 48, 64, 16
IN_FLIGHT = 16  # for the waits
WORKERS = os.cpu_count() or 1  # for the CPU
weights: list[list[int]] = []  # filled in each worker by its initialiser, never sent with a task


def load_weights() -> None:
    """The costly start, once a worker."""
    weights[:] = [[(13 * label + 7 * column) % 19 - 9 for column in range(FEATURES)] for label in range(CLASSES)]


def classify(batch: list[list[int]]) -> list[int]:
    """Stands for the work on the CPU. A batch for each trip to a worker pays for the trip."""
    scores = [[sum(w * x for w, x in zip(row, features, strict=True)) for row in weights] for features in batch]
    return [row.index(max(row)) for row in scores]


async def fetch(record: int, slots: asyncio.Semaphore) -> list[int]:
    """Stands for a call of an async client: it stays on the loop."""
    async with slots:
        await asyncio.sleep(0.01)
    return [(31 * record + 17 * column) % 23 for column in range(FEATURES)]


async def process(records: range, totals: Counter[int], pool: Executor, slots: asyncio.Semaphore) -> None:
    """One batch: its waits overlap on the loop, then a worker classifies it."""
    batch = list(await asyncio.gather(*(fetch(record, slots) for record in records)))
    labels = await asyncio.get_running_loop().run_in_executor(pool, classify, batch)
    for record, label in zip(records, labels, strict=True):
        totals[label] += record


async def main() -> None:
    """All batches as tasks of one group, over one pool."""
    totals: Counter[int] = Counter()
    slots = asyncio.Semaphore(IN_FLIGHT)
    context = multiprocessing.get_context("spawn")  # not fork: the loop and its threads would come along
    with ProcessPoolExecutor(WORKERS, mp_context=context, initializer=load_weights) as pool:
        async with asyncio.TaskGroup() as group:
            for start in range(0, RECORDS, 8):
                group.create_task(process(range(start, start + 8), totals, pool, slots))
    print("totals", *(f"{label}:{totals[label]}" for label in sorted(totals)))


if __name__ == "__main__":  # a spawned worker imports this file: without the guard it would start a pool of its own
    asyncio.run(main())
