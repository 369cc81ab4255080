"""Runs a function over items from an event loop, which hands each call to a pool of threads of a free-threaded Python."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import Executor

from free_threads import open_pool
from handed_over import in_order
from processes import stop
from reports import Report

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
    with open_pool(WORKERS) as pool:
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
