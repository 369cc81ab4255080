"""Latency against throughput: the same 240 tasks, three ways, and no way is best at both.

    python latency_or_throughput.py                               any Python 3.10 or later, two free CPUs or more

Look at when the first answer is there, and at the tasks in a second. Plain code answers at once and takes the longest.
Processes have to start, then use all CPUs. Large chunks hand over less often, and every answer waits for its chunk. So
the requirement chooses: an answer within 20 ms takes the first way (or a pool that is kept warm), a deadline for all of
them one of the others.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

TASKS, TASK_MS = 240, 4.0


def task(size: int) -> int:
    return sum(number * number % 7 for number in range(size))


def size_of(milliseconds: float) -> int:
    """How much computing takes so long here."""
    start = time.process_time()
    task(1_000_000)
    return int(1_000_000 * milliseconds / 1000 / max(time.process_time() - start, 1e-6))


def told(name: str, start: float, answers: Iterable[int]) -> None:
    """Take the answers as they come, and print when they came."""
    came = [time.perf_counter() - start for _ in answers]
    half, whole = came[len(came) // 2], came[-1]
    print(f"{name:28} {came[0] * 1000:6.0f} ms {half * 1000:6.0f} ms {len(came) / whole:6.0f} tasks/s")


def main() -> None:
    sizes = [size_of(TASK_MS)] * TASKS
    print(f"{TASKS} tasks of {TASK_MS:.0f} ms        first answer  half of them  throughput")
    told("plain code", time.perf_counter(), map(task, sizes))
    for chunk in (1, TASKS // 8):
        start = time.perf_counter()
        with ProcessPoolExecutor() as pool:
            told(f"processes, chunks of {chunk}", start, pool.map(task, sizes, chunksize=chunk))
    with ProcessPoolExecutor() as pool:
        list(pool.map(task, sizes[:20]))  # they have started
        told("the same processes, warm", time.perf_counter(), pool.map(task, sizes))
    print(f"(workers start by {multiprocessing.get_start_method()})")


if __name__ == "__main__":
    main()
