"""What is measured: the function, its items, how it is called, and what goes wrong in calls."""

from __future__ import annotations

import contextlib
import copy
import inspect
import itertools
import operator
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from .channel import Channel, ProblemError, first_line
from .clocks import resident_mb
from .values import bounded_pickle, digest, used_up

ASYNC_GENERATOR = "{} is an asynchronous generator; give an async def that returns a result"
COUNTED = (".jsonl", ".csv", ".txt")  # sources that have an end: what is left of them is counted


class Errors:
    """The calls that raised: {kind: {"count", "message", "item"}}."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, Any]] = {}
        self.attempts = self.failed = 0
        self.items: set[int] = set()

    def note(self, error: BaseException, item: int) -> None:
        """One more, with the number of its item."""
        self.failed += 1
        self.items.add(item)
        text = first_line(error)
        kind = self.kinds.setdefault(type(error).__name__, {"count": 0, "message": text, "item": item})
        kind["count"] += 1


class Subject:
    """A function with items. `items` has at least one; where it is called without an argument, it has one that is unused."""

    def __init__(self, function: Any, items: list[Any], name: str, *, has_items: bool) -> None:
        self.function, self.items, self.name, self.has_items = function, items, name, has_items
        calls = (function, vars(type(function)).get("__call__"))  # what a decorator hides, the first result tells
        self.coroutine = any(map(inspect.iscoroutinefunction, calls))
        self.lazy = inspect.isgeneratorfunction(function)
        self.errors = Errors()
        self.mutates = False
        self._kept: dict[int, bytes] = {}
        self.call = self.caller()

    def caller(self) -> Callable[[Any], Any]:
        """A way to call it with an item, to the end, for the thread that uses it; a coroutine gets a loop of its own."""
        function = self.function if self.has_items else lambda _: self.function()
        if self.coroutine:
            import asyncio

            run = asyncio.new_event_loop().run_until_complete
            return lambda item: run(_awaited(function(item)))
        if self.lazy:
            return lambda item: list(function(item))
        return function  # type: ignore[no-any-return]

    def attempt(self, number: int) -> tuple[bool, Any]:
        """One call with an item: (whether it came to a result, that or the error)."""
        return self.attempt_with(self.fresh(number), number)

    def attempt_with(self, item: Any, number: int) -> tuple[bool, Any]:
        """One call."""
        self.errors.attempts += 1
        try:
            return True, self.call(item)
        except Exception as error:
            self.errors.note(error, number)
            return False, error

    def understand(self, result: Any) -> bool:
        """See from a first result how it must be called: it may be awaited, or run to its end; whether that was new."""
        if not self.coroutine and hasattr(result, "__await__"):
            self.coroutine = True
            close = getattr(result, "close", None)
            if close is not None:
                close()
        elif not self.lazy and inspect.isgenerator(result):
            self.lazy = True
        elif inspect.isasyncgen(result):
            raise ProblemError("async_generator", ASYNC_GENERATOR.format(self.name))
        else:
            return False
        self.call = self.caller()
        return True

    # Items that calls change ------------------------------------------------------------------------------------------

    def keep(self, numbers: Iterator[int] | range) -> None:
        """Keep some items as they are now."""
        for number in numbers:
            with contextlib.suppress(Exception):
                self._kept[number] = bounded_pickle(self.items[number])

    def changes_items(self, called: int) -> None:
        """From now on each call gets a fresh copy; the first `called` items have been kept before."""
        self.mutates = True
        self.keep(range(called, len(self.items)))

    def fresh(self, number: int) -> Any:
        """An item as it was given."""
        if self.mutates:
            with contextlib.suppress(Exception):
                return pickle.loads(self._kept[number]) if number in self._kept else copy.deepcopy(self.items[number])  # noqa: S301
        return self.items[number]

    def digests(self, numbers: range) -> list[str]:
        """What items are at this moment."""
        return [digest(self.items[number]) for number in numbers]


async def _awaited(result: Any) -> Any:
    """What comes of a call, awaited if it can be."""
    return await result if hasattr(result, "__await__") else result


def check_callable(function: Any, name: str, *, has_items: bool) -> None:
    """Raise ProblemError for what cannot be called with one item, before anything is called."""
    if not callable(function):
        text = f"{name} is {type(function).__name__}, not a function"
        raise ProblemError("not_callable", text)
    if inspect.isasyncgenfunction(function):
        raise ProblemError("async_generator", ASYNC_GENERATOR.format(name))
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*([None] if has_items else []))
    except TypeError:
        raise ProblemError("arguments", f"{name}{_arguments(signature, has_items=has_items)}") from None


def _arguments(signature: inspect.Signature, *, has_items: bool) -> str:
    """What is wrong with the arguments of a function, and what to do."""
    values = signature.parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [each.name for each in values if each.default is each.empty and each.kind not in variable]
    names = ", ".join(needed)
    if not signature.parameters:
        return "() takes no argument, but items are given: leave the items out, or give it a parameter"
    if needed[:1] == ["self"]:
        return " is a method, and needs an object: keep one in the module (made = Class()), and name its method (made.method)"
    if not has_items and len(needed) == 1:
        return f" needs an argument ({names}): say where its items come from"
    if not needed:
        return "() takes its arguments by name only: write a function of one item that calls it, and measure that"
    what = "is called with one item" if has_items else "is called without one"
    return f" needs {len(needed)} arguments ({names}), and {what}: write a function of one item that calls it, and measure that"


def take_items(stream: Iterator[Any], count: int, most_mb: float, seconds: float) -> tuple[list[Any], str]:
    """Some items, and why no more: `end`, `count`, `memory`, or `time`."""
    items: list[Any] = []
    base, end, apparent = resident_mb() or 0.0, time.monotonic() + seconds, 0
    for item in itertools.islice(stream, count):
        items.append(item)
        apparent += sys.getsizeof(item, 0)
        if len(items) & 7 == 0 or len(items) < 8:
            if max((resident_mb() or 0.0) - base, apparent / 1e6) > most_mb:
                return items, "memory"
            if time.monotonic() > end:
                return items, "time"
    return items, "count" if len(items) == count else "end"


def count_tasks(stream: Iterator[Any], taken: int, why: str, source: str) -> int | None:
    """How many items there are, with those taken; None where only taking all of them would tell."""
    if why == "end":
        return taken
    left = operator.length_hint(stream, -1)
    if left >= 0:
        return taken + left
    if source.endswith(COUNTED):
        more, end = 0, time.monotonic() + 1
        for _ in stream:
            more += 1
            if time.monotonic() > end:
                return None
        return taken + more
    return None


def check_items(items: list[Any], source: str, channel: Channel) -> None:
    """Raise ProblemError where there are none, or where a call would use one up."""
    if not items:
        raise ProblemError("no_items", f"{source} has no items")
    for number in (0, len(items) - 1):
        kind = used_up(items[number])
        if kind:
            text = f"items of {source} are {kind}: a call uses it up, and it cannot go to a worker; give what it is made of, such as a path"
            raise ProblemError("items_used_up", text, number)
    channel.beat()
