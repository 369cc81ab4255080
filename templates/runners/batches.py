"""Calls in a pool: a bounded number of them at a time, results in the order of the items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import Any

from calls import outcome
from reports import Report
from yours import items


def outcomes(batch: list[Any]) -> list[tuple[Any, str]]:
    """Those of several items: one trip to a worker."""
    return [outcome(item) for item in batch]


def run(pool: Executor, ahead: int, size: int, stop: Callable[[Executor], None]) -> int:
    """All items; the exit code. `stop` ends the pool after Ctrl-C."""
    report = Report()
    try:
        for each in in_order(pool, ahead, size):
            report.add(*each)
    except (KeyboardInterrupt, BrokenPipeError):  # or nobody reads the results any more
        stop(pool)
        return 130
    finally:
        report.say()
    return min(1, report.failed)


def in_order(pool: Executor, ahead: int, size: int) -> Iterator[tuple[Any, Any, str]]:
    """(Item, result, error) of each item; no more than `ahead` batches of this size are out at a time."""
    out: deque[tuple[list[Any], Future[Any]]] = deque()
    try:
        source = iter(items())
        while batch := list(islice(source, size)):
            out.append((batch, pool.submit(outcomes, batch)))
            while out and (len(out) >= ahead or out[0][1].done()):
                yield from answers(*out.popleft())
    except Exception as error:  # noqa: BLE001  # of the items themselves, or of a pool that lost a worker
        out.append((["all that follow"], Future()))
        out[-1][1].set_exception(error)
    for each in out:
        yield from answers(*each)


def answers(batch: list[Any], call: Future[Any]) -> Iterator[tuple[Any, Any, str]]:
    """(Item, result, error) of a batch, once it is done."""
    try:
        found = call.result()
    except Exception as error:  # noqa: BLE001  # a worker died, or a result does not pickle
        found = [(None, repr(error)[:500])] * len(batch)
    yield from ((item, *each) for item, each in zip(batch, found, strict=True))
