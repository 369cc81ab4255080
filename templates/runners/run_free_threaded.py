"""Runs a function over items in a pool of threads of a free-threaded Python."""

from __future__ import annotations

import sys

from batches import run
from free_threads import open_pool
from processes import stop

# --- parameters: begin ---
WORKERS: int = 4
BATCH: int = 1  # items of one trip to a worker
# --- parameters: end ---


def main() -> int:
    """All items; the exit code."""
    with open_pool(WORKERS) as pool:
        return run(pool, 3 * WORKERS, BATCH, stop)


if __name__ == "__main__":
    sys.exit(main())
