"""Runs a function over items in a pool of interpreters of one process, each with a GIL of its own."""

from __future__ import annotations

import sys
from concurrent.futures import Executor, ProcessPoolExecutor

from batches import run
from processes import start_worker, stop
from yours import setup

# --- parameters: begin ---
WORKERS: int = 4
BATCH: int = 1  # items of one trip to a worker
# --- parameters: end ---


def open_pool(workers: int) -> Executor:
    """Interpreters where this Python has them, else processes."""
    if sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        return InterpreterPoolExecutor(workers, initializer=start_interpreter)
    print(f"{sys.executable} is before 3.14: processes instead of subinterpreters", file=sys.stderr)
    return ProcessPoolExecutor(workers, initializer=start_worker)


def start_interpreter() -> None:
    """Once in each interpreter; a function of this file, as one that writes its module's globals must be called there."""
    if setup is not None:
        setup()


def main() -> int:
    """All items; the exit code."""
    with open_pool(WORKERS) as pool:
        return run(pool, 3 * WORKERS, BATCH, stop)


if __name__ == "__main__":
    sys.exit(main())
