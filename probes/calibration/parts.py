"""The parts of the measurement, each for a process of its own: each gives samples for a pool of W workers."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from figures import gil_enabled
from tree import memory_mb, tree_mb
from work import Sample, Watched, hashes, hot, loops, milliseconds, nap, nothing, read_only, watched_work

SAME_SPEED = 0.1  # a CPU's speeds are further apart, chance is less


class Part(NamedTuple):
    """One process of each round, or of the first few."""

    name: str
    measure: Callable[[int], Iterator[Sample]]
    rounds: int = 1000


def all_parts() -> list[Part]:
    """The parts that this Python can measure."""
    parts = [Part("memory", memory_costs, rounds=1)]  # first, as it also reads from the disk what all others need
    parts += [Part("processes", process_costs), Part("threads", thread_costs), Part("asyncio", asyncio_costs)]
    if sys.version_info >= (3, 14):
        parts.append(Part("subinterpreters", subinterpreter_costs))
    if not gil_enabled():
        parts += [Part("scaling", scaling)] * 3 + [Part("sharing", sharing, rounds=2)]
    return parts


# What all measurements use --------------------------------------------------------------------------------------------


def run_all(pool: Executor, work: Callable[[Any], Any], items: Iterable[Any], chunk: int = 1) -> None:
    """Have a pool do a task for each item, and take all results, as a program does."""
    list(pool.map(work, items, chunksize=chunk))


def wake_all(pool: Executor, workers: int) -> None:
    """Wait until every worker of a pool has done something."""
    seen: set[int] = set()
    until = time.monotonic() + 5
    while len(seen) < workers and time.monotonic() < until:
        seen.update(pool.map(nap, [0.01] * workers))


def pool_ms(make: Callable[[int], Executor], workers: int) -> float:
    """How long a pool takes from before it is made until it is shut down, with a task for each worker."""
    begun = time.perf_counter()
    with make(workers) as pool:
        run_all(pool, nothing, range(workers))
    return (time.perf_counter() - begun) * 1000


def copy_samples(
    pool: Executor, key: str, items: list[Any], megabytes: float, chunk: int = 1
) -> Iterator[Sample | Watched]:
    """How fast data goes to the workers and back, without the cost of the messages that carry it."""
    empty = min(milliseconds(run_all, pool, nothing, [b""] * len(items), chunk) for _ in range(2))
    full = milliseconds(run_all, pool, nothing, items, chunk)
    if full > empty:
        yield key, 2 * megabytes * len(items) / (full - empty) * 1000


def pieces(count: int, size: int) -> list[bytes]:
    """So many pieces of data, each with memory of its own."""
    return [bytes([number % 255 + 1]) * size for number in range(count)]


def efficiency(pool: Executor, width: int, key: str, work: Callable[[int], Any]) -> Iterator[Watched]:
    """The time of one worker alone as a part of the time of all, when each of them has as much to do: in turn, some 20 ms each.

    CPUs change their speed, so a time of all is told by those of one just before and just after it; where these two differ,
    nobody knows. Each worker tells how long it waited for a CPU.
    """
    times = max(1, round(4 * 20 / min(milliseconds(work, 4) for _ in range(2))))
    task = partial(watched_work, work)

    def took(workers: int) -> tuple[float, float]:
        begun = time.perf_counter()
        waited = list(pool.map(task, [times] * workers))
        return time.perf_counter() - begun, max(waited)

    run_all(pool, task, [times] * width)  # the first time, the system has yet to find a CPU for each of them
    before, waited = took(1)
    for _ in range(3):
        together, waited_together = took(width)
        after, waited_after = took(1)
        same_speed = abs(after - before) <= SAME_SPEED * min(before, after)
        disturbance = max(waited, waited_together, waited_after) if same_speed else 1.0
        yield key, (before + after) / 2 / together, disturbance
        before, waited = after, waited_after


# Threads and event loops ----------------------------------------------------------------------------------------------


def thread_costs(width: int) -> Iterator[Sample | Watched]:
    """Threads, what they can do at once, and how late they wake up."""
    with ThreadPoolExecutor(width) as pool:
        wake_all(pool, width)
        dispatch = [milliseconds(run_all, pool, nothing, range(1000)) / 1000 for _ in range(3)]
        yield from (("thread_dispatch_ms", sample) for sample in dispatch)
        if width > 1:
            yield from efficiency(pool, width, "efficiency_threads_native", hashes)
        if width > 1 and gil_enabled():
            yield from efficiency(pool, width, "efficiency_threads_python", loops)
    for _ in range(3):
        yield "thread_start_ms", max(0.0, milliseconds(full_thread_pool, 64) / 64 - min(dispatch))
    with ThreadPoolExecutor(128) as pool:
        wake_all(pool, 128)
        yield "thread_wait_ms", milliseconds(run_all, pool, time.sleep, [0.001] * 1280) / 1280
    for _ in range(12):
        yield "sleep_overshoot_ms", milliseconds(time.sleep, 0.001) - 1


def scaling(width: int) -> Iterator[Sample | Watched]:
    """How free threads share the CPUs: it differs from one process to the next, so each round has several of them."""
    if width > 1:
        with ThreadPoolExecutor(width) as pool:
            wake_all(pool, width)
            yield from efficiency(pool, width, "efficiency_threads_python", loops)


def sharing(width: int) -> Iterator[Sample | Watched]:
    """The same with objects that all threads read, or write."""
    if width > 1:
        with ThreadPoolExecutor(width) as pool:
            wake_all(pool, width)
            yield from efficiency(pool, width, "efficiency_read_only", read_only)
            yield from efficiency(pool, width, "efficiency_hot", hot)


def full_thread_pool(threads: int) -> None:
    """A pool with a task for each of its threads, all of which must be there before the first can end."""
    barrier = threading.Barrier(threads)
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):
            pool.submit(barrier.wait)


def asyncio_costs(width: int) -> Iterator[Sample | Watched]:
    """An event loop, and the way from it to threads and back."""
    yield "asyncio_start_ms", milliseconds(asyncio.run, asyncio.sleep(0))
    loop = asyncio.new_event_loop()
    try:
        yield from loop_costs(loop.run_until_complete, width)
    finally:
        loop.close()
    yield "process_pool_unused_ms", milliseconds(unused_pool, width)


def loop_costs(run: Callable[[Awaitable[float]], float], width: int) -> Iterator[Sample | Watched]:
    """What a task costs on a loop, which `run` has run a coroutine."""
    for _ in range(3):
        yield "asyncio_task_ms", run(gathered_ms(500, partial(asyncio.sleep, 0))) / 500
        yield "asyncio_wait_ms", run(waits_cpu_ms(500)) / 500
    with ThreadPoolExecutor(width) as pool:
        wake_all(pool, width)
        for _ in range(3):
            yield "loop_handover_ms", run(handover_ms(pool, 300))


async def waits_cpu_ms(count: int) -> float:
    """The CPU time of so many coroutines that sleep 1 ms each."""
    begun = time.process_time()
    await gathered_ms(count, partial(asyncio.sleep, 0.001))
    return (time.process_time() - begun) * 1000


def unused_pool(workers: int) -> None:
    """A pool of processes that is there in case something has to be computed."""
    with ProcessPoolExecutor(workers):
        pass


async def gathered_ms(count: int, make: Callable[[], Awaitable[Any]]) -> float:
    """How long so many coroutines take together."""
    gate = asyncio.Semaphore(count)

    async def one() -> None:
        async with gate:
            await make()

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return (time.perf_counter() - begun) * 1000


async def handover_ms(pool: Executor, count: int) -> float:
    """How much longer a coroutine takes that has a pool do nothing than one that only yields."""
    plain = await gathered_ms(count, partial(asyncio.sleep, 0))
    handed = await gathered_ms(count, partial(asyncio.get_running_loop().run_in_executor, pool, nothing, 0))
    return max(0.0, handed - plain) / count


# Processes and subinterpreters ----------------------------------------------------------------------------------------


def process_costs(width: int) -> Iterator[Sample | Watched]:
    """Processes, started as this platform and version does it by default."""
    yield from process_start(width)
    with ProcessPoolExecutor(width) as pool:
        wake_all(pool, width)
        for _ in range(3):
            yield "process_dispatch_ms", milliseconds(run_all, pool, nothing, range(200)) / 200
        few, many = (
            min(milliseconds(run_all, pool, nothing, range(n), n // (4 * width)) for _ in range(2))
            for n in (80 * width, 4080 * width)
        )
        yield "chunked_dispatch_ms", (many - few) / (4000 * width)
        yield from copy_samples(pool, "process_copy_mb_per_s", pieces(32, 1024 * 1024), 1, chunk=8)
        if width > 1:
            yield from efficiency(pool, width, "efficiency_processes", loops)
        for _ in range(2):
            yield "loop_process_ms", asyncio.run(handover_ms(pool, 200))


def process_start(width: int) -> Iterator[Sample | Watched]:
    """The first pool of a program, and what each further worker costs: helpers and modules are there then."""
    method = multiprocessing.get_start_method()
    yield f"process_pool_{method}_ms", pool_ms(ProcessPoolExecutor, 1)
    if width > 1:
        one, full = pool_ms(ProcessPoolExecutor, 1), pool_ms(ProcessPoolExecutor, width)
        yield f"process_start_{method}_ms", (full - one) / (width - 1)


def interpreter_pool(workers: int) -> Executor:
    """A pool of subinterpreters."""
    if sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        return InterpreterPoolExecutor(workers)
    raise NotImplementedError("subinterpreters need Python 3.14")


def subinterpreter_costs(width: int) -> Iterator[Sample | Watched]:
    """Subinterpreters, much like processes."""
    __import__("concurrent.futures.interpreter")
    first, full, double = (pool_ms(interpreter_pool, workers) for workers in (1, width, 2 * width))
    yield "subinterpreter_start_ms", first
    if width > 1:
        yield "subinterpreter_more_ms", (full - first) / (width - 1)
    yield "subinterpreter_extra_ms", (double - full) / width
    with interpreter_pool(width) as pool:
        wake_all(pool, width)
        for _ in range(3):
            yield "subinterpreter_dispatch_ms", milliseconds(run_all, pool, nothing, range(200)) / 200
        for _ in range(2):
            yield from copy_samples(pool, "subinterpreter_copy_mb_per_s", pieces(12, 1024 * 1024), 1)
        if width > 1:
            yield from efficiency(pool, width, "efficiency_subinterpreters", loops)


# Memory ---------------------------------------------------------------------------------------------------------------


def memory_costs(_: int) -> Iterator[Sample | Watched]:
    """What each kind of worker takes; nothing where the system does not tell what processes share, or who they are."""
    if not memory_mb(os.getpid()) or not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        return
    yield from bare_memory()
    yield from process_memory()
    begun = tree_mb()
    with ThreadPoolExecutor(64) as pool:
        wake_all(pool, 64)
        yield "thread_memory_mb", max(0.0, tree_mb() - begun) / 64
    if sys.version_info >= (3, 14):
        alone, three = (pool_mb(interpreter_pool, workers) for workers in (1, 3))
        yield "subinterpreter_memory_mb", (three - alone) / 2


def bare_memory() -> Iterator[Sample | Watched]:
    """A script that does nothing. All its resident memory counts: that others run here at this moment is our doing."""
    import subprocess

    imports = "import asyncio, concurrent.futures.process, concurrent.futures.thread, hashlib, json"
    code = f"{imports}; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield "base_memory_mb", memory_mb(child.pid)["Rss"]
        child.communicate(b"\n")


def process_memory() -> Iterator[Sample | Watched]:
    """A pool of processes, and a worker more."""
    begun = tree_mb()
    first, alone, three = (pool_mb(ProcessPoolExecutor, workers) for workers in (1, 1, 3))
    yield "process_memory_mb", (three - alone) / 2
    yield "process_pool_memory_mb", max(0.0, first - begun - (three - alone) / 2)


def pool_mb(make: Callable[[int], Executor], workers: int) -> float:
    """Memory of this process and its descendants while a pool is there."""
    with make(workers) as pool:
        wake_all(pool, workers)
        return tree_mb()
