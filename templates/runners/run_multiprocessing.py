"""Runs a function over items in a pool of processes."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor

from batches import run
from processes import start_worker, stop

# --- parameters: begin ---
WORKERS: int = 4
BATCH: int = 1  # items of one trip to a worker
# --- parameters: end ---


def main() -> int:
    """All items; the exit code."""
    with ProcessPoolExecutor(WORKERS, initializer=start_worker) as pool:
        return run(pool, 3 * WORKERS, BATCH, stop)


if __name__ == "__main__":
    sys.exit(main())
