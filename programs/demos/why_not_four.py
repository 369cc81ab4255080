"""Why four processors are 3.4 times as fast and not four: what cannot be divided, and what workers wait for.

    python why_not_four.py                                        any Python 3.10 or later

Amdahl: if a share s of the time is done by one at a time, N workers are N / (1 + s x (N - 1)) times as fast. What they
share otherwise (caches, memory, a core that is sold as two CPUs) takes its part, too. Look at s, which is worked out for
as many workers as CPUs, and at the line with twice as many: they add nothing. 3.4x of four is s = 6 %.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor

TASKS, SIZE = 48, 100_000
HANDED_IN = 0.002  # seconds of the parent's own for each result: what nobody else can do
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def task(size: int) -> int:
    return sum(number * number % 7 for number in range(size))


def seconds(workers: int, own_part: float) -> float:
    """The better of two runs in a warm pool; `own_part` is what the parent computes for each result."""
    best = float("inf")
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(task, [1000] * workers * 4))  # the workers are there
        for _ in range(2):
            start = time.perf_counter()
            for _ in pool.map(task, [SIZE] * TASKS):
                busy_until = time.process_time() + own_part
                while time.process_time() < busy_until:
                    pass
            best = min(best, time.perf_counter() - start)
    return best


def speedups(title: str, own_part: float) -> None:
    print(title)
    alone = seconds(1, own_part)
    for workers in sorted({2, CPUS, 2 * CPUS}):
        faster = alone / seconds(workers, own_part)
        told = f"  {workers} workers: {faster:.2f}x"
        if workers == CPUS > 1:
            share = max(0.0, (workers / faster - 1) / (workers - 1))
            told += f" of {workers}: s = {share:.0%}, with which four CPUs would be {4 / (1 + 3 * share):.1f}x"
            told += " (are the CPUs free? try again)" if share > 0.3 and not own_part else ""
        print(told)


if __name__ == "__main__":
    print(f"{CPUS} CPUs are usable here")
    speedups("nothing but the tasks", 0.0)
    speedups(f"and {HANDED_IN * 1000:.0f} ms of the parent's own for each result", HANDED_IN)
    print("by the formula:", *(f"s = {s} %: {4 / (1 + 0.03 * s):.1f}x of four;" for s in (0, 2, 6, 8, 20)))
