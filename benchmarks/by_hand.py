"""The approaches as somebody would write them without the harness: `python by_hand.py APPROACH STEPS TASKS` prints seconds."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

WORKERS = 2


def count_up(steps: int) -> int:
    """The same loop as in templates/compare_approaches.py."""
    value = 0
    for step in range(steps):
        value = (value + step * step) % 65_521
    return value


def run(approach: str, items: list[int]) -> list[int]:
    """Every item under one approach."""
    if approach == "single_threaded":
        return [count_up(item) for item in items]
    if approach == "multiprocessing":
        with ProcessPoolExecutor(WORKERS) as pool:
            return list(pool.map(count_up, items, chunksize=max(1, len(items) // (WORKERS * 4))))
    if approach == "subinterpreters" and sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        with InterpreterPoolExecutor(WORKERS) as pool:
            return list(pool.map(count_up, items))
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(count_up, items))


if __name__ == "__main__":
    begun = time.perf_counter()
    run(sys.argv[1], [int(sys.argv[2])] * int(sys.argv[3]))
    print(time.perf_counter() - begun)
