"""Runs a function over items from an event loop, which hands each call to a pool of processes."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor

from handed_over import run
from processes import start_worker, stop

# --- parameters: begin ---
WORKERS: int = 4
# --- parameters: end ---


def main() -> int:
    """All items; the exit code."""
    with ProcessPoolExecutor(WORKERS, initializer=start_worker) as pool:
        return run(pool, 3 * WORKERS, stop)


if __name__ == "__main__":
    sys.exit(main())
