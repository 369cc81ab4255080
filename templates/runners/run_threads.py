"""Runs a function over items in a pool of threads."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from batches import in_order
from reports import Report
from threads_end import stop
from yours import setup

# --- parameters: begin ---
WORKERS: int = 4
BATCH: int = 1  # items of one trip to a worker
# --- parameters: end ---


def main() -> int:
    """All items; the exit code."""
    report = Report()
    with ThreadPoolExecutor(WORKERS, initializer=setup) as pool:
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
