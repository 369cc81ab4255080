"""Why four processors are 3.4 times as fast and not four: what is done by one at a time, and what workers share.

    python why_not_four.py                                        any Python 3.10 or later

Amdahl: if a share s of the time is done by one at a time, N workers are N / (1 + s x (N - 1)) times as fast. What they
share otherwise (caches, memory, a core that is sold as two CPUs) takes its part, too. Look at s, which is worked out for
as many workers as CPUs, and at the line with twice as many: they add nothing. 3.4x of four is s = 6 %.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

TASKS, SIZE = 48, 100_000
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
one_at_a_time: Any = contextlib.nullcontext()  # of a worker: the lock that all of them share


def start(lock: Any) -> None:
    globals()["one_at_a_time"] = lock


def task(size: int, held: float) -> None:
    with one_at_a_time:
        sum(number * number % 7 for number in range(int(size * held)))
    sum(number * number % 7 for number in range(int(size * (1 - held))))


def seconds(workers: int, held: float) -> float:
    """The better of three runs in a warm pool, where a share of each task is done under a lock."""
    best = float("inf")
    with ProcessPoolExecutor(workers, initializer=start, initargs=(multiprocessing.Lock(),)) as pool:
        list(pool.map(task, [1000] * workers * 4, [0] * workers * 4))  # the workers are there
        for _ in range(3):
            begin = time.perf_counter()
            list(pool.map(task, [SIZE] * TASKS, [held] * TASKS))
            best = min(best, time.perf_counter() - begin)
    return best


if __name__ == "__main__":
    print(f"{CPUS} CPUs are usable here")
    for held in (0, 0.2):
        print(f"{held:.0%} of each task under a lock that all workers take")
        alone = seconds(1, held)
        for workers in sorted({2, CPUS, 2 * CPUS}):
            told, faster = "", alone / seconds(workers, held)
            if workers == CPUS > 1:
                share = max(0.0, (workers / faster - 1) / (workers - 1))
                told = f" of {workers}: s = {share:.0%}, with which four CPUs would be {4 / (1 + 3 * share):.1f}x"
            print(f"  {workers} workers: {faster:.2f}x{told}")
    print("by the formula:", *(f"s = {s} %: {4 / (1 + 0.03 * s):.1f}x of four;" for s in (0, 2, 6, 8, 20)))
