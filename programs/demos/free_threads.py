"""What free threading changed: the same computing, one after the other and in threads.

    python3.14 free_threads.py; python3.14t free_threads.py      any ordinary Python, then any free-threaded one

Look at the speedup, and at how many CPUs were busy. With the GIL the threads take turns: about 1.0x, one CPU. Without it
they compute at the same time: nearly as many times as fast as there are CPUs that others leave free. Then compare the
first lines of the two runs: one thread alone is slower on a free-threaded build, which the others must make up for.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

TASKS, SIZE = 8, 400_000


def task() -> int:
    total = 0
    for number in range(SIZE):
        total += number * number % 7
    return total


def one_after_the_other() -> None:
    for _ in range(TASKS):
        task()


def in_threads() -> None:
    threads = [threading.Thread(target=task) for _ in range(TASKS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def seconds(way: Callable[[], None]) -> float:
    """The best of three, as others use this machine, too."""
    found = []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        way()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    best, cpu = min(found)
    others = " (others use the CPUs, too: try again)" if cpu / best < 0.8 else ""
    print(f"{way.__name__:20} {best:.2f} s, {cpu / best:.1f} CPUs busy{others}")
    return best


if __name__ == "__main__":
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"Python {sys.version.split()[0]}, the GIL is {'on' if gil else 'off'}, {usable} CPUs")
    print(f"speedup: {seconds(one_after_the_other) / seconds(in_threads):.2f}x")
    if gil:
        print("With the GIL threads cannot be faster at this: run it under a free-threaded Python as well.")
