"""Runs a coroutine over items as tasks of one event loop."""

from __future__ import annotations

import asyncio
import sys

from reports import Report
from tasks import in_order
from yours import setup

# --- parameters: begin ---
AT_ONCE: int = 100  # tasks that run at a time: what the other side can take
# --- parameters: end ---


async def run(report: Report) -> None:
    """All items: await this where an event loop is running already."""
    if setup is not None:
        setup()
    async for each in in_order(AT_ONCE):
        report.add(*each)


def main() -> int:
    """All items; the exit code."""
    report = Report()
    try:
        asyncio.run(run(report))
    except (KeyboardInterrupt, BrokenPipeError):  # or nobody reads the results any more
        return 130
    finally:
        report.say()
    return min(1, report.failed)


if __name__ == "__main__":
    sys.exit(main())
