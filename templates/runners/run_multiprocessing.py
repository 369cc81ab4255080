"""Runs a function over items in a pool of processes."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor

from batches import in_order
from processes import start_worker, stop
from reports import Report

# --- parameters: begin ---
WORKERS: int = 4
BATCH: int = 1  # items of one trip to a worker
# --- parameters: end ---


def main() -> int:
    """All items; the exit code."""
    report = Report()
    with ProcessPoolExecutor(WORKERS, initializer=start_worker) as pool:
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
