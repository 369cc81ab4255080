"""When a worker process crashes, and how to ask one to stop: what the pool says, and who carries on.

    python worker_crash.py                                        any Python 3.10 or later

Look at the second line: a worker that dies breaks the whole ProcessPoolExecutor, and each task without an answer fails
with BrokenProcessPool, the innocent, too. So keep the results that are in, and give the rest to new pools, one by one.
(multiprocessing.Pool starts another worker, and waits forever for the lost answer.) The end stops a worker gracefully.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event


def task(number: int) -> int:
    if number == 3:
        os._exit(1)  # as a crash in native code would, or the kernel when memory is short
    time.sleep(0.01)
    return number * number


def in_a_pool(numbers: list[int], workers: int) -> tuple[dict[int, int], list[int]]:
    """The results that came, and the numbers that have none."""
    done, left = {}, []
    with ProcessPoolExecutor(workers) as pool:
        for number, future in [(number, pool.submit(task, number)) for number in numbers]:
            try:
                done[number] = future.result()
            except BrokenProcessPool:
                left.append(number)
    return done, left


def patient(ready: Event) -> None:
    try:
        ready.set()
        time.sleep(60)
    except KeyboardInterrupt:
        print("the worker was interrupted, and tidies up")


if __name__ == "__main__":
    done, left = in_a_pool(list(range(8)), 2)
    print(f"one pool: {len(done)} results, {len(left)} tasks failed with BrokenProcessPool")
    for number in left:
        done.update(in_a_pool([number], 1)[0])
    print(f"the rest, each in a pool of its own: {len(done)} results, lost: {sorted({*range(8)} - {*done})}")
    worker = multiprocessing.Process(target=patient, args=(ready := multiprocessing.Event(),))
    worker.start()
    ready.wait()
    interrupt = getattr(worker, "interrupt", None)  # Process.interrupt is new in Python 3.14
    (interrupt or (lambda: os.kill(worker.pid or 0, signal.SIGINT)))()
    worker.join()
    print("by", "Process.interrupt()" if interrupt else "SIGINT, as Process.interrupt() does", "->", worker.exitcode)
