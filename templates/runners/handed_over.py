"""Calls that an event loop hands to a pool: a bounded number of them at a time, results in the order of the items."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from typing import Any

from calls import outcome
from reports import Report
from yours import items


def run(pool: Executor, ahead: int, stop: Callable[[Executor], None]) -> int:
    """All items; the exit code. `stop` ends the pool after Ctrl-C."""
    report = Report()
    try:
        asyncio.run(run_on_loop(pool, ahead, report))
    except (KeyboardInterrupt, BrokenPipeError):  # or nobody reads the results any more
        stop(pool)
        return 130
    finally:
        report.say()
    return min(1, report.failed)


async def run_on_loop(pool: Executor, ahead: int, report: Report) -> None:
    """All items: await this where an event loop is running already."""
    async for each in in_order(pool, ahead):
        report.add(*each)


async def in_order(pool: Executor, ahead: int) -> AsyncIterator[tuple[Any, Any, str]]:
    """(Item, result, error) of each item; no more than `ahead` are out at a time, and the loop is free meanwhile."""
    out: deque[tuple[Any, asyncio.Future[Any]]] = deque()
    stopped = ""
    try:
        for item in items():
            out.append((item, asyncio.wrap_future(pool.submit(outcome, item))))
            await asyncio.sleep(0)  # others have their turn
            while out and (len(out) >= ahead or out[0][1].done()):
                yield await answer(*out.popleft())
    except Exception as error:  # noqa: BLE001  # of the items themselves, or of a pool that lost a worker
        stopped = repr(error)[:500]
    for each in out:
        yield await answer(*each)
    if stopped:
        yield "all that follow", None, stopped


async def answer(item: Any, call: asyncio.Future[Any]) -> tuple[Any, Any, str]:
    """(Item, result, error) of a call, once it is done."""
    try:
        return (item, *await call)
    except Exception as error:  # noqa: BLE001  # a worker died, or a result does not pickle
        return item, None, repr(error)[:500]
