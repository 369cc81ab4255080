"""Each way to call a function on many items, kept ready: its workers are there, and work batch after batch."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from subject import (
    Raised,
    _call,
    _calls,
    _calls_async,
    _calls_on_own_loop,
    _calls_there,
    _here,
    _load,
    _loop_here,
    _prepare,
    _ready,
)
from target import module_of
from timing import Done, timed

if TYPE_CHECKING:
    from concurrent.futures import Executor


class Way(NamedTuple):
    """How an approach calls a function. `pool`: threads, processes, interpreters, or none; `loop`: from an event loop."""

    pool: str = ""
    loop: bool = False
    parallel: bool = False  # its workers compute at the same time
    free_threaded: bool = False  # only on a build without the GIL
    since: tuple[int, int] = (3, 10)
    own_threads: bool = False  # what the function calls may use threads of its own

    @property
    def pickles(self) -> bool:
        """Whether items and results go from one process or interpreter to another."""
        return self.pool in ("processes", "interpreters")


WAYS: dict[str, Way] = {
    "single_threaded": Way(),
    "native_parallel": Way(parallel=True, own_threads=True),
    "asyncio": Way(loop=True),
    "threads": Way("threads"),
    "asyncio_threads": Way("threads", loop=True),
    "free_threaded": Way("threads", parallel=True, free_threaded=True),
    "asyncio_free_threaded": Way("threads", loop=True, parallel=True, free_threaded=True),
    "subinterpreters": Way("interpreters", parallel=True, since=(3, 14)),
    "multiprocessing": Way("processes", parallel=True),
    "asyncio_processes": Way("processes", loop=True, parallel=True),
}


def _executor(kind: str, workers: int, settings: dict[str, Any]) -> Executor:
    """A pool of that kind, each worker of which finds the function and sets itself up."""
    if kind == "threads":
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(workers, initializer=_prepare, initargs=(settings,))
    if kind == "processes":
        from concurrent.futures import ProcessPoolExecutor

        _preload(settings)
        return ProcessPoolExecutor(workers, initializer=_prepare, initargs=(settings,))
    if sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        return InterpreterPoolExecutor(workers, initializer=_prepare, initargs=(settings,))
    raise NotImplementedError("subinterpreters need Python 3.14")


def _preload(settings: dict[str, Any]) -> None:
    """Let a fork server import what is the user's, once for all workers, as it does for a program that imports it."""
    import multiprocessing

    if multiprocessing.get_start_method() == "forkserver":
        named = [settings[name] for name in ("function", "async_function", "setup") if settings[name]]
        multiprocessing.set_forkserver_preload(["__main__", *dict.fromkeys(map(module_of, named))])


class _Ready:
    """An approach whose workers are prepared. `at_once`: calls in flight on an event loop."""

    def __init__(self, way: Way, settings: dict[str, Any], workers: int, at_once: int) -> None:
        self.way, self.settings, self.workers, self.at_once = way, settings, workers, at_once
        self.pool: Executor | None = None
        self.seen: set[int] = set()  # threads that work
        self.slept_seconds = 0.0  # of the start, for the sake of seeing every worker
        self.failure: tuple[str, str] | None = None

    def load(self) -> None:
        """What a program has done before it begins: its imports."""
        _load(self.settings)
        if self.way.loop or self.settings["coroutine"]:
            _loop_here()

    def start(self) -> None:
        """Start every worker, each with its imports and set-up; `failure` is why one cannot work."""
        if not self.way.pool:
            _prepare(self.settings)
            self.failure = _here.failure
            self.seen.add(threading.get_native_id())
            return
        self.pool = _executor(self.way.pool, self.workers, self.settings)
        if self.way.pool == "threads":
            self._start_threads(self.pool)
            return
        for _ in range(5):
            seconds = 0.002 + 0.0005 * self.workers  # so long that none is ready again before all have begun
            self.slept_seconds += seconds
            for worker, failure in self.pool.map(_ready, [seconds] * self.workers):
                self.seen.add(worker)
                self.failure = self.failure or failure
            if self.failure or len(self.seen) >= self.workers:
                return

    def _start_threads(self, pool: Executor) -> None:
        """Start every thread; each waits until all are there, and what that takes is no part of the start."""
        all_there = threading.Barrier(self.workers)

        def arrive() -> tuple[int, float]:
            begun = time.perf_counter()
            all_there.wait()
            return threading.get_native_id(), begun

        arrived = [each.result() for each in [pool.submit(arrive) for _ in range(self.workers)]]
        self.slept_seconds = time.perf_counter() - max(begun for _, begun in arrived)
        self.seen = {worker for worker, _ in arrived}
        self.failure = _here.failure

    def run(self, items: list[Any]) -> list[Done]:
        """All of the items; what came of each, in their order."""
        if self.way.loop and not self.way.pool:
            return self._on_loop(_calls_async(items, self.at_once))
        if self.pool is None:
            return self._on_loop(_calls_async(items, 1)) if self.settings["coroutine"] else _calls(items)
        if self.settings["coroutine"] and self.way.loop:
            return self._on_loops_of_workers(self.pool, items)
        if self.way.loop:
            return self._on_loop(self._behind_loop(self.pool, items))
        if self.way.pickles:
            return _joined(self.pool.map(_calls_there, _chunks(items, self.workers)))
        return list(self.pool.map(_timed_call, items))

    def _on_loop(self, coroutine: Any) -> list[Done]:
        found: list[Done] = _loop_here().run_until_complete(coroutine)
        return found

    async def _behind_loop(self, pool: Executor, items: list[Any]) -> list[Done]:
        """An event loop hands each call to the pool, as `to_thread` and `run_in_executor` do."""
        import asyncio

        loop = asyncio.get_running_loop()
        return list(await asyncio.gather(*[loop.run_in_executor(pool, _timed_call, item) for item in items]))

    def _on_loops_of_workers(self, pool: Executor, items: list[Any]) -> list[Done]:
        """Each worker runs an event loop of its own, for its part of the items: every so-manieth."""
        parts = [items[first :: self.workers] for first in range(min(self.workers, len(items)))]
        each = max(1, self.at_once // len(parts))
        found = list(pool.map(_calls_on_own_loop, [(part, each) for part in parts]))
        return [found[number % len(parts)][number // len(parts)] for number in range(len(items))]

    def close(self) -> None:
        """Let the workers go."""
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)


def _timed_call(item: Any) -> Done:
    return timed(_call, item)


def _chunks(items: list[Any], workers: int) -> list[list[Any]]:
    """Four chunks a worker: few messages, yet they even out."""
    size = max(1, len(items) // (workers * 4))
    return [items[first : first + size] for first in range(0, len(items), size)]


def _joined(parts: Any) -> list[Done]:
    return [(Raised(*value) if raised else value, *times) for part in parts for raised, value, *times in part]


def _clearly_computes(cpu_seconds: float, wall_seconds: float) -> bool:
    """Whether a call computes nearly all of its time."""
    return cpu_seconds > 0.85 * wall_seconds


def pool_size(way: Way, cpus: int, cpu_seconds: float, wall_seconds: float, most: int) -> int:
    """Workers for calls of that CPU and wall time: one a CPU for computing, so many more as fit into its waits."""
    if not way.pool:
        return 1
    at_once = cpus
    if not _clearly_computes(cpu_seconds, wall_seconds):
        at_once = round(cpus * wall_seconds / max(cpu_seconds, wall_seconds * cpus / 64))
    limit = 64 if way.pool == "threads" else max(cpus, 8)  # processes take long to start
    return max(1, min(at_once, limit, most))
