"""Tasks of an event loop: a bounded number of them at a time, results in the order of the items."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from yours import coroutine, items


async def outcome(item: Any, slots: asyncio.Semaphore) -> tuple[Any, str]:
    """(Result, "") of a call, or (None, what it raised)."""
    async with slots:
        try:
            return await coroutine(item), ""
        except Exception as error:  # noqa: BLE001
            return None, repr(error)[:500]


async def in_order(at_once: int) -> AsyncIterator[tuple[Any, Any, str]]:
    """(Item, result, error) of each item; no more than `at_once` run, and twice as many are out."""
    slots = asyncio.Semaphore(at_once)
    out: deque[tuple[Any, asyncio.Task[Any]]] = deque()
    stopped = ""
    try:
        for item in items():
            out.append((item, asyncio.create_task(outcome(item, slots))))
            await asyncio.sleep(0)  # it starts
            while out and (len(out) >= 2 * at_once or out[0][1].done()):
                first, task = out.popleft()
                yield (first, *await task)
    except Exception as error:  # noqa: BLE001  # of the items themselves
        stopped = repr(error)[:500]
    for first, task in out:
        yield (first, *await task)
    if stopped:
        yield "all that follow", None, stopped
