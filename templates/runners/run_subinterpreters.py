"""Runs a function over items in a pool of interpreters of one process, each with a GIL of its own."""

from __future__ import annotations

import sys
from concurrent.futures import Executor, ProcessPoolExecutor

from batches import in_order
from processes import INTERRUPTED, start_worker, stop
from reports import Report
from yours import setup

# --- parameters: begin ---
WORKERS: int = 4
BATCH: int = 1  # items of one trip to a worker
# --- parameters: end ---


def open_pool(workers: int) -> Executor:
    """Interpreters where this Python has them, else processes."""
    if sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        return InterpreterPoolExecutor(workers, initializer=setup)
    print(f"{sys.executable} is before 3.14: processes instead of subinterpreters", file=sys.stderr)
    return ProcessPoolExecutor(workers, initializer=start_worker)


def main() -> int:
    """All items; the exit code."""
    report = Report()
    with open_pool(WORKERS) as pool:
        try:
            for each in in_order(pool, 3 * WORKERS, BATCH):
                report.add(*each)
        except KeyboardInterrupt:
            stop(pool)
            report.end()
            return INTERRUPTED
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
