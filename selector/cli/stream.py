"""`recommend --jsonl`: one profile a line in, one answer a line out, in order; many lines on every CPU.

Lines of a pipe are answered one by one, as whoever writes them may wait for each. Of a large file all but the first go to
worker processes in pieces, which take a tenth of a second to start, as long as the first take here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from selector.errors import SelectorError
from selector.pipeline import Selector
from selector.workload.reading import STANDARD_INPUT, numbered_lines, profile_of_line

_ALONE = 300  # lines, which take as long as it takes to start workers
_PIECE = 250  # lines that are handed over together
Line = tuple[int, bytes]


class Task(NamedTuple):
    """What is asked about each line, beside its profile."""

    rules: Path | None
    file: str
    settings: tuple[str, ...]
    explain: bool


def answers(selector: Selector, task: Task, on_error: Callable[[SelectorError], None]) -> Iterator[str]:
    """The answer to each line as JSON; a bad line is handed to `on_error` instead, and the rest goes on."""
    lines = numbered_lines(task.file)
    alone: Iterable[Line] = lines
    pieces: Iterator[list[Line]] = iter(())
    if _may_use_workers(selector, task):
        alone, pieces = list(islice(lines, _ALONE)), iter(lambda: list(islice(lines, _PIECE)), [])
    here = (_answer(selector, task, line) for line in alone)
    if (first := next(pieces, None)) is not None:
        yield from _told(_by_workers(selector.here.usable_cpus, task, here, chain([first], pieces)), on_error)
    else:
        yield from _told(here, on_error)


def _may_use_workers(selector: Selector, task: Task) -> bool:
    """Whether there are CPUs to use, and nobody waits for the answer to each line (a file is there as a whole)."""
    regular = task.file != STANDARD_INPUT and Path(task.file).is_file()
    return regular and selector.here.usable_cpus > 1 and selector.host is None


def _told(found: Iterable[str | SelectorError], on_error: Callable[[SelectorError], None]) -> Iterator[str]:
    for answer in found:
        if isinstance(answer, SelectorError):
            on_error(answer)
        else:
            yield answer


def _answered(selector: Selector, task: Task, piece: list[Line]) -> list[str | SelectorError]:
    return [_answer(selector, task, line) for line in piece]


def _answer(selector: Selector, task: Task, line: Line) -> str | SelectorError:
    try:
        profile = profile_of_line(task.file, line, task.settings)
        return (
            selector.recommend(profile, "exact").model_dump_json() if task.explain else selector.recommend_json(profile)
        )
    except SelectorError as error:
        return error


# Workers --------------------------------------------------------------------------------------------------------------


def _by_workers(
    workers: int, task: Task, here: Iterator[str | SelectorError], pieces: Iterator[list[Line]]
) -> Iterator[str | SelectorError]:
    """The answers that are made here, while workers start, then those to all pieces, in order.

    No more of them are read ahead than keep the workers busy.
    """
    from concurrent.futures import Future, ProcessPoolExecutor

    pool = ProcessPoolExecutor(workers, initializer=_begin, initargs=(task,))
    try:
        with _ctrl_c_after():
            ahead: deque[Future[list[str | SelectorError]]] = deque(
                pool.submit(_answered_by_worker, piece) for piece in islice(pieces, 2 * workers)
            )
        yield from here
        while ahead:
            yield from ahead.popleft().result()
            ahead.extend(pool.submit(_answered_by_worker, piece) for piece in islice(pieces, 1))
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _ctrl_c_after() -> Iterator[None]:
    """Ctrl-C comes after this: what Python runs after a fork takes an exception for its own, and the key would be lost."""
    if hasattr(signal, "pthread_sigmask"):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        yield


_worker: tuple[Selector, Task] | None = None


def _begin(task: Task) -> None:
    """Make a worker ready: it leaves Ctrl-C to the parent, and ends when that has ended in whatever way."""
    global _worker  # noqa: PLW0603  # what a worker of a pool keeps between pieces
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = Selector(task.rules), task


def _end_with_parent() -> None:
    """End when the process that made the pool has, be it before this one had begun."""
    from multiprocessing import parent_process

    parent = parent_process()
    assert parent is not None, "a worker has one"
    parent.join()
    os._exit(1)


def _answered_by_worker(piece: list[Line]) -> list[str | SelectorError]:
    assert _worker is not None, "the pool began it"
    return _answered(*_worker, piece)
