"""Runs a function over items in a pool of threads."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from batches import run
from threads_end import stop
from yours import setup

# --- parameters: begin ---
WORKERS: int = 4
BATCH: int = 1  # items of one trip to a worker
# --- parameters: end ---


def main() -> int:
    """All items; the exit code."""
    with ThreadPoolExecutor(WORKERS, initializer=setup) as pool:
        return run(pool, 3 * WORKERS, BATCH, stop)


if __name__ == "__main__":
    sys.exit(main())
