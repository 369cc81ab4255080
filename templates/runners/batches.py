"""Calls in a pool: a bounded number of them at a time, results in the order of the items."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import Any

from calls import outcome
from yours import items


def outcomes(batch: list[Any]) -> list[tuple[Any, str]]:
    """Those of several items: one trip to a worker."""
    return [outcome(item) for item in batch]


def in_order(pool: Executor, ahead: int, size: int) -> Iterator[tuple[Any, Any, str]]:
    """(Item, result, error) of each item; no more than `ahead` batches of this size are out at a time."""
    out: deque[tuple[list[Any], Future[Any]]] = deque()
    stopped = ""
    try:
        source = iter(items())
        while batch := list(islice(source, size)):
            out.append((batch, pool.submit(outcomes, batch)))
            while out and (len(out) >= ahead or out[0][1].done()):
                yield from _answers(*out.popleft())
    except Exception as error:  # the items themselves, or a pool that lost a worker
        stopped = repr(error)[:500]
    for each in out:
        yield from _answers(*each)
    if stopped:
        yield "all that follow", None, stopped


def _answers(batch: list[Any], call: Future[Any]) -> Iterator[tuple[Any, Any, str]]:
    try:
        found = call.result()
    except Exception as error:  # a worker that died, a result that does not pickle
        found = [(None, repr(error)[:500])] * len(batch)
    for item, (result, error) in zip(batch, found, strict=True):
        yield item, result, error
