"""Where the lock goes: 160 results of eight threads, collected in five ways.

    python lock_scope.py                                          any Python 3.10 or later

Look at `kept` and at the time. A copy that is written back when others have written meanwhile throws theirs away, though
each access held the lock. A lock that is held during the work keeps all, and lets one thread work at a time. Right is:
work first, without the lock; hold it to hand in. A queue has that lock inside; results that are returned need none.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

THREADS, TASKS, WORK_SECONDS = 8, 160, 0.005
LOCK = threading.Lock()
kept: list[int] = []
inbox: SimpleQueue[int] = SimpleQueue()


def work(number: int) -> int:
    """Ask somebody for a result: a wait, so that it takes as long with the GIL as without."""
    time.sleep(WORK_SECONDS)
    return number


def copied_and_written_back(number: int) -> None:
    with LOCK:
        mine = list(kept)
    mine.append(work(number))  # meanwhile the others append to copies of their own
    with LOCK:
        kept[:] = mine  # what they have written since the copy was made is gone


def held_during_the_work(number: int) -> None:
    with LOCK:
        kept.append(work(number))


def held_to_hand_in(number: int) -> None:
    result = work(number)
    with LOCK:
        kept.append(result)


def through_a_queue(number: int) -> None:
    inbox.put(work(number))


if __name__ == "__main__":
    for way in (copied_and_written_back, held_during_the_work, held_to_hand_in, through_a_queue, work):
        kept.clear()
        start = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            results = [result for result in pool.map(way, range(TASKS)) if result is not None]
        count = inbox.qsize() if way is through_a_queue else len(results or kept)
        name = "returned" if way is work else way.__name__
        print(f"{name:23} kept {count:3} of {TASKS}  {time.perf_counter() - start:.2f} s")
