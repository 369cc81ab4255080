"""Why four processors are 3.4 times as fast and not four: what is done by one alone, and what workers share.

    python why_not_four.py                                        any Python 3.10 or later

Amdahl: if a share s of the time is done by one alone (reading, handing out, merging), N workers are N / (1 + s x (N - 1))
times as fast. What they share otherwise (caches, memory, a core that is sold as two CPUs) takes its part, too. Look at s,
which is worked out for as many workers as CPUs, and at the line with twice as many: they add nothing. 3.4x of four is
s = 6 %. Where s is far above what it is told to be, others use the CPUs: try again.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor

TASKS, SIZE = 48, 100_000
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def task(size: int) -> int:
    return sum(number * number % 7 for number in range(size))


def seconds(workers: int, alone: float) -> float:
    """The best of three runs in a warm pool, in which the parent does a share of the work alone before the rest."""
    best = float("inf")
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(task, [1000] * workers * 4))  # the workers are there
        for _ in range(3):
            start = time.perf_counter()
            task(int(TASKS * SIZE * alone))
            list(pool.map(task, [int(SIZE * (1 - alone))] * TASKS))
            best = min(best, time.perf_counter() - start)
    return best


if __name__ == "__main__":
    print(f"{CPUS} CPUs are usable here")
    for alone in (0, 0.2):
        print(f"{alone:.0%} of the work is done by the parent alone")
        one = seconds(1, alone)
        for workers in sorted({2, CPUS, 2 * CPUS}):
            told, faster = "", one / seconds(workers, alone)
            if workers == CPUS > 1:
                share = max(0.0, (workers / faster - 1) / (workers - 1))
                told = f" of {workers}: s = {share:.0%}, with which four CPUs would be {4 / (1 + 3 * share):.1f}x"
                told += "; others use the CPUs, too: try again" if share > alone + 0.2 else ""
            print(f"  {workers} workers: {faster:.2f}x{told}")
    print("by the formula:", *(f"s = {s} %: {4 / (1 + 0.03 * s):.1f}x," for s in (0, 2, 6, 8, 20)), "of four")
