"""What is run, on what, and what becomes of the results."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any


def function(item: int) -> float:
    """Stands for the function of the user, which a generated script imports."""
    return 12 / (item - 3)


async def coroutine(item: int) -> float:
    """Stands for the `async def` of the user."""
    await asyncio.sleep(0.01)
    return 12 / (item - 3)


def items() -> Iterable[Any]:
    """What it is called with, one by one: nothing is taken before there is room for it."""
    return range(10)


setup: Callable[[], Any] | None = None


def use(item: Any, result: Any) -> None:
    """What becomes of a result, in the order of the items: yours to change. A long item is cut."""
    text = item if isinstance(item, str) else json.dumps(item, default=repr)
    shown = item if len(text) <= 200 else f"{text[:200]}..."
    print(json.dumps({"item": shown, "result": result}, default=repr), flush=True)
