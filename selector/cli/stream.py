"""`recommend --jsonl`: one profile a line in, one answer a line out, in order; many lines on every CPU.

The first lines are answered at once, one by one, as whoever writes them into a pipe may wait for each. The rest of a large
file goes to worker processes in pieces: that takes a tenth of a second to start and is twice as fast on two CPUs.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from selector.errors import SelectorError
from selector.inputs import STANDARD_INPUT, numbered_lines, profile_of_line
from selector.pipeline import Selector

_ALONE = 1000  # lines, which take less than it takes to start workers
_PIECE = 250  # lines that are handed over together
_WATCH_SECONDS = 0.5
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
    alone = islice(lines, _ALONE) if _may_use_workers(selector, task) else lines
    for line in alone:
        yield from _told([_answer(selector, task, line)], on_error)
    pieces = iter(lambda: list(islice(lines, _PIECE)), [])
    if (first := next(pieces, None)) is not None:
        yield from _by_workers(selector.here.usable_cpus, task, chain([first], pieces), on_error)


def _may_use_workers(selector: Selector, task: Task) -> bool:
    """Whether there are CPUs to use, and nobody waits for the answer to each line (a file is there as a whole)."""
    regular = task.file != STANDARD_INPUT and Path(task.file).is_file()
    return regular and selector.here.usable_cpus > 1 and selector.host is None


def _told(found: list[str | SelectorError], on_error: Callable[[SelectorError], None]) -> Iterator[str]:
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
    workers: int, task: Task, pieces: Iterator[list[Line]], on_error: Callable[[SelectorError], None]
) -> Iterator[str]:
    """The answers to all further pieces, in order; no more of them are read ahead than keep the workers busy."""
    from concurrent.futures import Future, ProcessPoolExecutor

    pool = ProcessPoolExecutor(workers, initializer=_begin, initargs=(task, os.getpid()))
    ahead: deque[Future[list[str | SelectorError]]] = deque()
    try:
        for piece in pieces:
            ahead.append(pool.submit(_answered_by_worker, piece))
            if len(ahead) > 2 * workers:
                yield from _told(ahead.popleft().result(), on_error)
        while ahead:
            yield from _told(ahead.popleft().result(), on_error)
    finally:
        pool.shutdown(cancel_futures=True)


_worker: tuple[Selector, Task] | None = None


def _begin(task: Task, parent: int) -> None:
    """Make a worker ready: it leaves Ctrl-C to the parent, and ends when that has ended in whatever way."""
    global _worker  # noqa: PLW0603  # what a worker of a pool keeps between pieces
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent, os.getppid()), daemon=True).start()
    _worker = Selector(task.rules), task


def _end_with(parent: int, started_by: int) -> None:
    """End when whoever started this process has (the parent, or a fork server that ends with it)."""
    while os.getppid() in (parent, started_by):
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


def _answered_by_worker(piece: list[Line]) -> list[str | SelectorError]:
    assert _worker is not None, "the pool began it"
    return _answered(*_worker, piece)
