"""Runs a function over items in a pool of threads of a free-threaded Python."""

from __future__ import annotations

import sys

from batches import in_order
from free_threads import open_pool
from processes import stop
from reports import Report

# --- parameters: begin ---
WORKERS: int = 4
BATCH: int = 1  # items of one trip to a worker
# --- parameters: end ---


def main() -> int:
    """All items; the exit code."""
    report = Report()
    with open_pool(WORKERS) as pool:
        try:
            for each in in_order(pool, 3 * WORKERS, BATCH):
                report.add(*each)
        except KeyboardInterrupt:
            stop(pool)
            return 130
        finally:
            report.say()
    return min(1, report.failed)


if __name__ == "__main__":
    sys.exit(main())
