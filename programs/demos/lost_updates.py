"""Races that the GIL hid: four threads count to 800,000 together, and some of it is lost.

    python3.14 lost_updates.py; python3.14t lost_updates.py      any ordinary Python, then any free-threaded one

Look at `lost`. `+= 1` reads, adds and writes: without the GIL another thread does the same in between, and one of the
two additions is gone. With the GIL it happens to lose nothing, as Python changes threads only between rounds of a loop
and at calls; `with_a_call` lets it change between reading and writing, and loses there, too. A lock loses nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

THREADS, ROUNDS = 4, 200_000
LOCK = threading.Lock()


class Counter:
    """What all threads write to."""

    value = 0


def unguarded(counter: Counter) -> None:
    for _ in range(ROUNDS):
        counter.value += 1


def with_a_call(counter: Counter) -> None:
    for _ in range(ROUNDS):
        counter.value = one_more(counter.value)


def one_more(value: int) -> int:
    return value + 1


def with_a_lock(counter: Counter) -> None:
    for _ in range(ROUNDS):
        with LOCK:
            counter.value += 1


if __name__ == "__main__":
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(f"Python {sys.version.split()[0]}, the GIL is {'on' if gil else 'off'}")
    sys.setswitchinterval(1e-5)  # the default is 5 ms: with the GIL, threads change places more often than they would
    for work in (unguarded, with_a_call, with_a_lock):
        start, counter = time.perf_counter(), Counter()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, [counter] * THREADS))
        lost = THREADS * ROUNDS - counter.value
        print(f"{work.__name__:12} lost {lost:7,} of {THREADS * ROUNDS:,}  {time.perf_counter() - start:.2f} s")
        if work is unguarded and gil and not lost:
            print("             (the GIL hid it: this Python cannot show the loss, a free-threaded one does)")
