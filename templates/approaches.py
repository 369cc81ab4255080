"""Each approach, written the way one would by hand.

Every approach takes a Job and returns one `Done` for each item, in the order of the items. Imports stand inside the
functions because every spawned worker imports this file again: what it does not use should cost it nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from timing import Done, timed

if TYPE_CHECKING:
    from concurrent.futures import Executor


class Job(NamedTuple):
    """The work of one measurement. `start(settings)` prepares a worker; `concurrency` limits what is in flight."""

    items: list[Any]
    work: Callable[[Any], Any]
    work_async: Callable[[Any], Awaitable[Any]]
    start: Callable[[dict[str, Any]], None]
    close_async: Callable[[], Awaitable[None]]
    settings: dict[str, Any]
    workers: int
    concurrency: int | None


def single_threaded(job: Job) -> list[Done]:
    """One task after the other: the baseline, and the way to call a library that has threads of its own."""
    job.start(job.settings)
    return [timed(job.work, item) for item in job.items]


def threads(job: Job) -> list[Done]:
    """A pool of threads; on a free-threaded build they compute at the same time."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(job.workers, initializer=job.start, initargs=(job.settings,)) as pool:
        return list(pool.map(partial(timed, job.work), job.items))


def processes(job: Job) -> list[Done]:
    """A pool of processes, started as this platform and version of Python does by default; items go in chunks."""
    from concurrent.futures import ProcessPoolExecutor

    chunk = max(1, len(job.items) // (job.workers * 4))  # four chunks a worker: few messages, yet they even out
    with ProcessPoolExecutor(job.workers, initializer=job.start, initargs=(job.settings,)) as pool:
        return list(pool.map(partial(timed, job.work), job.items, chunksize=chunk))


def subinterpreters(job: Job) -> list[Done]:
    """A pool of interpreters in one process, each with a GIL of its own (Python 3.14)."""
    if sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        with InterpreterPoolExecutor(job.workers, initializer=job.start, initargs=(job.settings,)) as pool:
            return list(pool.map(partial(timed, job.work), job.items))
    raise NotImplementedError("subinterpreters need Python 3.14")


def asyncio_only(job: Job) -> list[Done]:
    """An event loop: waits overlap, computing happens on the loop."""
    job.start(job.settings)
    return _run_loop(job)


def asyncio_threads(job: Job) -> list[Done]:
    """An event loop for the waits and a pool of threads for what `offload` hands over."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(job.workers, initializer=job.start, initargs=(job.settings,)) as pool:
        return _run_loop(job, pool)


def asyncio_processes(job: Job) -> list[Done]:
    """An event loop for the waits and a pool of processes for what `offload` hands over."""
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(job.workers, initializer=job.start, initargs=(job.settings,)) as pool:
        return _run_loop(job, pool)


_pools: list[Executor] = []  # where `offload` hands work to; empty: the loop does it itself
offloaded: list[Done] = []  # when the pool did what it was handed, without its values


async def offload(function: Callable[..., Any], *arguments: Any) -> Any:
    """Compute without holding the loop, where the approach has a pool for that; else here and now."""
    if not _pools:
        return function(*arguments)
    import asyncio

    loop = asyncio.get_running_loop()
    value, worker, begun, ended = await loop.run_in_executor(_pools[-1], timed, _called, (function, *arguments))
    offloaded.append((None, worker, begun, ended))
    return value


def _called(call: tuple[Any, ...]) -> Any:
    function, *arguments = call
    return function(*arguments)


def _run_loop(job: Job, pool: Executor | None = None) -> list[Done]:
    import asyncio

    if pool is not None:
        _pools.append(pool)
    return asyncio.run(_all_items(job))


async def _all_items(job: Job) -> list[Done]:
    import asyncio

    gate = asyncio.Semaphore(job.concurrency or len(job.items) or 1)
    this_thread = threading.get_native_id()

    async def one(item: Any) -> Done:
        """One task, once it may be in flight."""
        async with gate:
            started = time.perf_counter()
            value = await job.work_async(item)
            return value, this_thread, started, time.perf_counter()

    try:
        return await _together(one(item) for item in job.items)
    finally:
        await job.close_async()


async def _together(coroutines: Iterable[Coroutine[Any, Any, Done]]) -> list[Done]:
    """All of them at once; when one fails, the others are cancelled."""
    import asyncio

    if not hasattr(asyncio, "TaskGroup"):  # Python 3.10
        return await asyncio.gather(*coroutines)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(coroutine) for coroutine in coroutines]
    return [task.result() for task in tasks]


class Approach(NamedTuple):
    """How an approach runs, and what it does at the same time: waits (`overlaps`) and computing (`parallel`)."""

    run: Callable[[Job], list[Done]]
    imports: tuple[str, ...] = ()  # what it imports, as a program would before it begins
    overlaps: bool = True
    parallel: bool = False
    pool: bool = True
    loop: bool = False
    free_threaded: bool = False  # only on a build without the GIL
    since: tuple[int, int] = (3, 10)
    library_threads: bool = False  # the library it calls computes on every CPU
    shares_memory: bool = True  # workers see the same objects


_POOL, _PROCESS_POOL = ("concurrent.futures.thread",), ("concurrent.futures.process",)
_LOOP = ("asyncio",)
APPROACHES_BY_ID: dict[str, Approach] = {
    "single_threaded": Approach(single_threaded, overlaps=False, pool=False),
    "native_parallel": Approach(
        single_threaded, _POOL, overlaps=False, pool=False, parallel=True, library_threads=True
    ),
    "asyncio": Approach(asyncio_only, _LOOP, pool=False, loop=True),
    "threads": Approach(threads, _POOL),
    "asyncio_threads": Approach(asyncio_threads, _LOOP + _POOL, loop=True),
    "free_threaded": Approach(threads, _POOL, parallel=True, free_threaded=True),
    "asyncio_free_threaded": Approach(asyncio_threads, _LOOP + _POOL, parallel=True, loop=True, free_threaded=True),
    "subinterpreters": Approach(
        subinterpreters, ("concurrent.futures.interpreter",), parallel=True, since=(3, 14), shares_memory=False
    ),
    "multiprocessing": Approach(processes, _PROCESS_POOL, parallel=True, shares_memory=False),
    "asyncio_processes": Approach(
        asyncio_processes, _LOOP + _PROCESS_POOL, parallel=True, loop=True, shares_memory=False
    ),
}
