"""Runs a function over items from an event loop, which hands each call to a pool of threads."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import Executor, ThreadPoolExecutor

from handed_over import in_order
from reports import Report
from threads_end import stop
from yours import setup

# --- parameters: begin ---
WORKERS: int = 4
# --- parameters: end ---


async def run(pool: Executor, report: Report) -> None:
    """All items: await this where an event loop is running already."""
    async for each in in_order(pool, 3 * WORKERS):
        report.add(*each)


def main() -> int:
    """All items; the exit code."""
    report = Report()
    with ThreadPoolExecutor(WORKERS, initializer=setup) as pool:
        try:
            asyncio.run(run(pool, report))
        except KeyboardInterrupt:
            stop(pool)
            return 130
        finally:
            report.say()
    return min(1, report.failed)


if __name__ == "__main__":
    sys.exit(main())
