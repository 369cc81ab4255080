"""Runs a function over items from an event loop, which hands each call to a pool of threads."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from handed_over import run
from threads_end import stop
from yours import setup

# --- parameters: begin ---
WORKERS: int = 4
# --- parameters: end ---


def main() -> int:
    """All items; the exit code."""
    with ThreadPoolExecutor(WORKERS, initializer=setup) as pool:
        return run(pool, 3 * WORKERS, stop)


if __name__ == "__main__":
    sys.exit(main())
