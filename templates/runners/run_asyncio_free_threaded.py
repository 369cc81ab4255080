"""Runs a function over items from an event loop, which hands each call to a pool of threads of a free-threaded Python."""

from __future__ import annotations

import sys

from free_threads import open_pool
from handed_over import run
from processes import stop

# --- parameters: begin ---
WORKERS: int = 4
# --- parameters: end ---


def main() -> int:
    """All items; the exit code."""
    with open_pool(WORKERS) as pool:
        return run(pool, 3 * WORKERS, stop)


if __name__ == "__main__":
    sys.exit(main())
