# /// script
# requires-python = ">=3.10"
# dependencies = []
# ///
"""Measure what concurrency costs on this machine, under the Python that runs this.

    python calibration.py OUT.json|- [--budget SECONDS] [--cpus N] [--all]

OUT.json (or, with `-`, the last line of standard output) gets the figures listed in COSTS. They are made to be added
up: the start of a pool, so much for each further worker, so much for each task, so much for each byte. While it runs,
a line of JSON is printed for each step and, at the end, for each figure; standard error has the warnings. What cannot be
measured here is left out.

Every worker loads this file, as it would load any script. That is part of what a worker costs, so this one imports what
usual scripts do: asyncio, hashlib, json and the pools.

The figures come in rounds. In each, every part of the measurement runs in a fresh process, because the first pool of a
program costs more than the next; and what disturbs the machine for a while disturbs one round of everything, not all
of one figure. Rounds go on until the budget is used up, first of all with the parts whose figures are not good yet;
there is always one.

Each sample is watched: did the thread that measures wait for a CPU, and did other programs use the CPUs that it takes?
Only undisturbed samples make a figure. A figure is `usable` where there are enough of them and they agree, else `noisy`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import argparse
    import subprocess

SCHEMA = 2
BUDGET_SECONDS = 8.5
FIRST_ROUND_SECONDS = 20.0  # or the budget, if that is longer: then a part that was not begun is left out
PART_SECONDS = 20.0  # a part that takes longer hangs; a second or less is usual
MOST_WORKERS = 16  # in a pool of CPUs: more of them would cost the time for everything else
DISTURBED = 0.1  # is a sample that waited for a CPU in this part of its time, or lacked this part of the CPUs it takes
WINDOW_SECONDS = 0.25  # over which the CPUs that others use are counted: the system counts hundredths of a second
UNCOUNTED = 0.05  # CPUs: that much the count is usually wrong by
BEYOND = 1.05  # times what is possible may be chance; what is more is no figure at all

Sample = tuple[str, float]  # what, and how much
Watched = tuple[str, float, float]  # and the part of its time in which it was disturbed


class Summary(NamedTuple):
    """How samples become a figure and its range, and when it is good enough to be used.

    `value`, `low` and `high` are parts of all samples in order of size: 0.5 is the middle one. `alone` says that one CPU
    is enough to measure it, so that other programs on the others do no harm. `spread` is how wide the range may be, as a
    part of the value, and `slack` how wide it may be in any case: a difference of times may be next to nothing.
    """

    value: float
    low: float
    high: float
    alone: bool = False
    least: int = 2
    spread: float = 0.6
    slack: float = 0.0


#: Whatever disturbs a measurement makes it longer, so a quarter of the way up is nearer to the truth than the middle.
TIME = Summary(0.25, 0.0, 0.75)
ALONE = TIME._replace(alone=True)
#: What a program does once, so that each round has one sample of it: a long one, or of many that were taken together.
ONCE = TIME._replace(least=1)
#: The same, upside down: disturbances only make it slower.
RATE = Summary(0.75, 0.25, 1.0)
EFFICIENCY = RATE._replace(spread=0.25)
#: What goes from thread to thread depends on where the system runs them, and a difference or a ratio of two times is
#: disturbed either way.
MIDDLE = Summary(0.5, 0.25, 0.75)
MANY = MIDDLE._replace(least=1)  # of very many at once, in each round
START = MIDDLE._replace(least=1, slack=5.0)
#: Memory is what it is, whoever computes meanwhile.
MEMORY = Summary(0.5, 0.25, 0.75, alone=True, least=1)
#: A delay that varies by its nature; the worst one in twenty is what a requirement is missed by.
DELAY = Summary(0.5, 0.25, 0.95, spread=float("inf"))

#: What is measured. W is the number of CPUs, but MOST_WORKERS at most.
COSTS: dict[str, Summary] = {
    # Computing. The ratio of two Pythons tells how much slower one is.
    "python_loop_ns": ALONE,  # a step of `count_up`, which most measurements compute with
    "python_arithmetic_ns": ALONE,  # a step of `arithmetic`: with numbers of three kinds
    "python_objects_ns": ALONE,  # a step of `make_rows`: calls, and objects that are made, filled and dropped
    "native_block_us": ALONE,  # to hash 64 KiB: native code that releases the GIL
    # Threads. A pool takes start x threads + dispatch x tasks.
    "thread_start_ms": TIME,  # a thread of a pool: made, woken, joined; without the dispatch of its first task
    "thread_dispatch_ms": MIDDLE,  # a task through `map` of a pool of W threads
    "thread_wait_ms": MANY,  # of tasks that sleep 1 ms, on 128 threads: what bounds how many can wait in turn
    # asyncio. A program takes start + task x tasks, and for each task what it hands over.
    "asyncio_start_ms": ALONE._replace(least=1),  # the first `asyncio.run` of a program, of nothing
    "asyncio_task_ms": ALONE,  # a coroutine in `gather`, behind a semaphore, that yields once
    "asyncio_wait_ms": ALONE,  # CPU time of one that sleeps 1 ms instead
    "loop_handover_ms": MIDDLE,  # more for a task that goes to a pool of W threads and back, in a stream of them
    "loop_process_ms": MIDDLE,  # more for a task that goes to a pool of W processes and back, in a stream of them
    # Processes. A pool takes pool + start x (workers - 1, up to W) + extra x (workers over W).
    # In it: what this script imports, and every worker (or their server) with it.
    **{f"process_pool_{method}_ms": ONCE for method in ("fork", "forkserver", "spawn")},  # the first, of one worker
    **{f"process_start_{method}_ms": START for method in ("fork", "forkserver", "spawn")},
    **{f"process_extra_{method}_ms": START for method in ("fork", "forkserver", "spawn")},
    "process_pool_unused_ms": ONCE,  # a pool that nothing is given to, the first of a program
    "process_dispatch_ms": MIDDLE,  # a message with a task to a worker, and with its result back
    "chunked_dispatch_ms": MANY,  # an item more in chunks, without their messages: there are four for each worker
    "process_copy_mb_per_s": RATE._replace(
        least=1
    ),  # bytes, counted both ways, beside the dispatch: in messages of 8 MB ...
    "process_copy_64kb_mb_per_s": RATE,  # ... and of 64 KB, which fit the caches
    "object_pickle_mb_per_s": RATE,  # a list of small dicts, by its pickled size
    # Subinterpreters. A pool takes start + more x (workers - 1, up to W) + extra x (workers over W). Each of them loads
    # this script.
    "subinterpreter_start_ms": ONCE,  # the first pool of a program, of one worker
    "subinterpreter_more_ms": START,
    "subinterpreter_extra_ms": START,
    "subinterpreter_dispatch_ms": MIDDLE,
    "subinterpreter_copy_mb_per_s": RATE,  # bytes, counted both ways, in pieces of 1 MB
    # Efficiency: how many times as much W workers do than one, divided by W. 1 is perfect; with a GIL it is 1/W.
    # It is made of the time of one at its undisturbed best, and of the times of all. More than that is impossible.
    "efficiency_processes": EFFICIENCY,
    "efficiency_subinterpreters": EFFICIENCY,
    "efficiency_threads_python": EFFICIENCY,  # each computes with data of its own
    "efficiency_threads_native": EFFICIENCY,
    "efficiency_read_only": EFFICIENCY,  # free-threaded builds only: all read one dict every 50 steps
    "efficiency_hot": EFFICIENCY,  # free-threaded builds only: all write to one dict behind a lock every 50 steps
    # Delays.
    "gil_convoy_ms": DELAY,  # how much later a sleep of 1 ms ends in one thread while W threads compute
    "sleep_overshoot_ms": MIDDLE,  # how much longer than 1 ms `time.sleep` takes
    "asyncio_sleep_overshoot_ms": MIDDLE,
    # Memory of the process tree, where the system tells what is shared (Linux).
    "base_memory_mb": MEMORY,  # a script that has imported what this one does, and shares with no other program
    "base_shared_mb": MEMORY,  # the part of it that further processes of this Python have in common with it
    "thread_memory_mb": MEMORY,  # a thread of a pool
    "process_pool_memory_mb": MEMORY,  # what a pool of processes takes beside its workers: helpers, modules
    "process_memory_mb": MEMORY,  # a worker of it
    "subinterpreter_memory_mb": MEMORY,  # a worker of a pool of subinterpreters
}


# The work of the measurements, in functions that workers find by their name -------------------------------------------

STEPS = 10_000  # of a loop: a fraction of a millisecond, with numbers below 2**30, which Python keeps in one piece
BLOCK = bytes(65_536)


def nothing(value: Any) -> Any:
    """What a worker does where only the way there and back counts.

    It looks at a global name, as real functions do: only then does a subinterpreter have to load this file.
    """
    return value if SCHEMA else None


def nap(seconds: float) -> int:
    """Keep a worker busy without computing; returns which one it was."""
    time.sleep(seconds)
    return threading.get_native_id()


def count_up(value: int, begin: int, end: int) -> int:
    """Pure Python that holds the GIL, much as in compare_approaches.py.

    The divisor is a number that every Python shares without counting references: Python 3.13t counts those to larger
    constants where it compiled a file by itself, and two threads that do then take four times as long as one.
    """
    for step in range(begin, end):
        value = (value + step * step) % 251
    return value


def arithmetic(steps: int) -> float:
    """Pure Python with small numbers, with numbers of several digits in base 2**30, and with fractions."""
    small, large, real = 0, 0, 0.0
    for step in range(steps):
        small = (small + step * step) % 251
        large = (large + step * 2_305_843) % 2_305_843_009_213_693_951
        real = real * 0.5 + step
    return small + large + real


def price(row: dict[str, Any]) -> int:
    """A call with a look into an object."""
    return row["id"] + len(row["name"])  # type: ignore[no-any-return]


def make_rows(steps: int) -> int:
    """Pure Python that makes objects and calls functions, as programs do between their arithmetic."""
    value = 0
    for step in range(steps):
        row = {"id": step, "name": str(step), "tags": [step, value]}
        value = (value + price(row) + len(row["tags"])) % 251
    return value


def loops(times: int) -> int:
    """Compute with data of its own."""
    value = 0
    for _ in range(times):
        value = count_up(value, 0, STEPS)
    return value


def hashes(times: int) -> int:
    """Native code that releases the GIL, as in compare_approaches.py."""
    digest = hashlib.sha256()
    for _ in range(times):
        digest.update(BLOCK)
    return digest.digest()[0]


table = {key: key * 7919 for key in range(256)}
counts: dict[int, int] = {}
lock = threading.Lock()


def read_only(times: int) -> int:
    """Compute with a look into a dict that all threads read."""
    value = 0
    for step in range(times * STEPS // 50):
        value = (count_up(value, step % 200 * 50, step % 200 * 50 + 50) + table[value]) % 251
    return value


def hot(times: int) -> int:
    """Compute and write to a dict that all threads write to."""
    value = 0
    for step in range(times * STEPS // 50):
        value = count_up(value, step % 200 * 50, step % 200 * 50 + 50)
        with lock:
            counts[value % 16] = counts.get(value % 16, 0) + 1
    return value


# What all measurements use ------------------------------------------------------------------------------------------


def milliseconds(function: Callable[..., object], *arguments: Any) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    function(*arguments)
    return (time.perf_counter() - begun) * 1000


def run_all(pool: Executor, work: Callable[[Any], Any], items: Iterable[Any], chunk: int = 1) -> None:
    """Have a pool do a task for each item, and take all results, as a program does."""
    list(pool.map(work, items, chunksize=chunk))


def wake_all(pool: Executor, workers: int) -> None:
    """Wait until every worker of a pool has done something."""
    seen: set[int] = set()
    until = time.monotonic() + 5
    while len(seen) < workers and time.monotonic() < until:
        seen.update(pool.map(nap, [0.01] * workers))


def loop_samples() -> Iterator[Sample | Watched]:
    """The speed of computing: taken in every process, as it differs a little between them; it tells noise, too."""
    for _ in range(5):
        yield "python_loop_ns", milliseconds(loops, 5) * 1e6 / (5 * STEPS)
        yield "python_arithmetic_ns", milliseconds(arithmetic, 10_000) * 1e6 / 10_000
        yield "python_objects_ns", milliseconds(make_rows, 2000) * 1e6 / 2000


def further_workers(
    pool_ms: Callable[[int], float], one: float, width: int, keys: tuple[str, str]
) -> Iterator[Sample | Watched]:
    """What each further worker of a pool costs, up to one for each CPU and beyond that: by pools of different sizes."""
    full, double = pool_ms(width), pool_ms(2 * width)
    if width > 1:
        yield keys[0], (full - one) / (width - 1)
    yield keys[1], (double - full) / width


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


def together_and_alone(pool: Executor, width: int, key: str, work: Callable[[int], Any]) -> Iterator[Watched]:
    """How long work takes one worker alone, and how long when each of them has as much to do: in turn, some 20 ms each.

    Each worker tells how long it waited for a CPU.
    """
    times = max(1, round(4 * 20 / min(milliseconds(work, 4) for _ in range(2))))
    task = partial(watched_work, work)
    run_all(pool, task, [times] * width)  # the first time, the system has yet to find a CPU for each of them
    for _ in range(3):
        for name, workers in (("alone", 1), ("together", width)):
            begun = time.perf_counter()
            waited = list(pool.map(task, [times] * workers))
            yield f"{key} {name}", (time.perf_counter() - begun) * 1000 / times, max(waited)


# Who else uses the machine --------------------------------------------------------------------------------------------


def cpu_delay() -> float | None:
    """For how many seconds this thread was ready to run and had no CPU, since it began; None where unknown.

    All systems but Linux do not say.
    """
    try:
        with open("/proc/thread-self/schedstat", "rb", buffering=0) as stream:
            return int(stream.read(100).split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def watched_work(work: Callable[[int], Any], times: int) -> float:
    """Do work; returns the part of the time in which the thread had no CPU though it was ready.

    Where the system does not say, it is what the CPU time lacks of the time: also what locks and the GIL took.
    """
    begun, cpu, delay = time.perf_counter(), time.thread_time(), cpu_delay()
    work(times)
    took = time.perf_counter() - begun
    now = cpu_delay()
    lost = took - (time.thread_time() - cpu) if delay is None or now is None else now - delay
    return min(1.0, max(0.0, lost / took))


def cpus_of_others() -> tuple[int, float] | None:
    """How many CPUs this program may run on, and the seconds that all others ever used of them; None where unknown.

    What a hypervisor took is counted with the others. All systems but Linux do not say.
    """
    try:
        allowed = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        with open("/proc/stat", encoding="ascii") as stream:
            rows = [words for line in stream if (words := line.split()) and words[0] in allowed]
        used = sum(sum(map(int, (*words[1:4], words[8]))) for words in rows)  # user, nice, system, steal
        if len(rows) != len(allowed) or not used:
            return None
        return len(rows), (used - own_ticks()) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError, IndexError):
        return None


def own_ticks() -> int:
    """The CPU time of this process, its descendants, and those of them that have ended."""
    total = 0
    for pid in family():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as stream:
            total += sum(map(int, stream.read().rpartition(b")")[2].split()[11:15]))
    return total


def family() -> Iterator[int]:
    """This process and all its descendants; OSError where the system does not say who they are."""
    os.stat(f"/proc/self/task/{os.getpid()}/children")
    todo = [os.getpid()]
    while todo:
        pid = todo.pop()
        yield pid
        with contextlib.suppress(OSError, ValueError):
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as stream:
                    todo += map(int, stream.read().split())


class Watch:
    """Tells how much each sample of a part was disturbed. `cpus` may be used, and `width` workers use them."""

    def __init__(self, width: int, cpus: int) -> None:
        """Begin to watch."""
        self.takes = min(width + 1, cpus)  # CPUs: a pool and the thread that feeds it
        self.samples: list[tuple[str, float, float]] = []  # of the window that is open
        self.computing: list[float] = [0.0]  # parts of the time lost while this thread did nothing but compute
        self.lacked: float | None = None  # the part of the CPUs that others used in the last window
        self.opened, self.others = time.perf_counter(), cpus_of_others()
        self.waited = 0.0
        self.mark()

    def mark(self) -> None:
        """What comes now belongs to the next sample."""
        self.begun, self.cpu, self.delay = time.perf_counter(), time.thread_time(), cpu_delay()

    def take(self, sample: Sample | Watched) -> list[Watched]:
        """A sample that was just taken; returns those of which everything is known now."""
        key, value, *own = sample
        took, delay = time.perf_counter() - self.begun, cpu_delay()
        if key in COMPUTING:
            self.waited = 1 - (time.thread_time() - self.cpu) / took
            self.computing.append(self.waited)
        elif own:
            self.waited = own[0]
        elif self.others is not None and not takes_one_cpu(key):
            self.waited = 0.0  # for CPUs that our own threads take; what others take is known
        elif delay is None or self.delay is None:
            self.waited = sum(self.computing) / len(self.computing)
        elif took > 1e-4:  # else it was measured together with the one before
            self.waited = (delay - self.delay) / took
        self.samples.append((key, value, self.waited))
        done = self.close() if time.perf_counter() - self.opened >= WINDOW_SECONDS else []
        self.mark()
        return done

    def close(self) -> list[Watched]:
        """End the window: by now the CPUs that others used are known, as far as the system tells."""
        now, others = time.perf_counter(), cpus_of_others()
        if others is None or self.others is None:
            self.lacked = sum(self.computing) / len(self.computing)
        elif self.lacked is None or now - self.opened >= WINDOW_SECONDS / 2:  # shorter ones cannot be told
            free = others[0] - (others[1] - self.others[1]) / (now - self.opened) + UNCOUNTED
            self.lacked = max(0.0, 1 - free / self.takes)
        done = [(key, value, round(self.disturbance(key, waited), 4)) for key, value, waited in self.samples]
        self.samples, self.opened, self.others = [], now, others
        return done

    def disturbance(self, key: str, waited: float) -> float:
        """The part of the time, or of the CPUs that it takes, which a sample lacked."""
        if COSTS.get(key) is MEMORY:
            return 0.0
        return max(waited, 0.0 if takes_one_cpu(key) else self.lacked or 0.0)


def takes_one_cpu(key: str) -> bool:
    """Whether one CPU is enough to measure something."""
    return key.endswith(" alone") or (key in COSTS and COSTS[key].alone)


COMPUTING = ("python_loop_ns", "python_arithmetic_ns", "python_objects_ns")  # of which the thread does nothing else


# The parts, each in a process of its own: W to samples ----------------------------------------------------------------


def thread_costs(width: int) -> Iterator[Sample | Watched]:
    """Threads, what they can do at once, and how late they wake up."""
    hashes(1)
    for _ in range(5):
        yield "native_block_us", milliseconds(hashes, 16) * 1000 / 16
    with ThreadPoolExecutor(width) as pool:
        wake_all(pool, width)
        dispatch = [milliseconds(run_all, pool, nothing, range(1000)) / 1000 for _ in range(3)]
        yield from (("thread_dispatch_ms", sample) for sample in dispatch)
        if width > 1:
            yield from together_and_alone(pool, width, "efficiency_threads_native", hashes)
        if width > 1 and gil_enabled():
            yield from together_and_alone(pool, width, "efficiency_threads_python", loops)
    for _ in range(3):
        yield "thread_start_ms", max(0.0, milliseconds(full_thread_pool, 64) / 64 - min(dispatch))
    with ThreadPoolExecutor(128) as pool:
        wake_all(pool, 128)
        yield "thread_wait_ms", milliseconds(run_all, pool, time.sleep, [0.001] * 1280) / 1280
    yield from delays(width)


def scaling(width: int) -> Iterator[Sample | Watched]:
    """How free threads share the CPUs: it differs from one process to the next, so each round has several of them."""
    if width > 1:
        with ThreadPoolExecutor(width) as pool:
            wake_all(pool, width)
            yield from together_and_alone(pool, width, "efficiency_threads_python", loops)


def sharing(width: int) -> Iterator[Sample | Watched]:
    """The same with objects that all threads read, or write."""
    if width > 1:
        with ThreadPoolExecutor(width) as pool:
            wake_all(pool, width)
            yield from together_and_alone(pool, width, "efficiency_read_only", read_only)
            yield from together_and_alone(pool, width, "efficiency_hot", hot)


def full_thread_pool(threads: int) -> None:
    """A pool with a task for each of its threads, all of which must be there before the first can end."""
    barrier = threading.Barrier(threads)
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):
            pool.submit(barrier.wait)


def delays(width: int) -> Iterator[Sample | Watched]:
    """How late a thread wakes up, when nothing else happens and while others compute."""
    idle = [milliseconds(time.sleep, 0.001) - 1 for _ in range(12)]
    yield from (("sleep_overshoot_ms", sample) for sample in idle)
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            count_up(0, 0, STEPS)

    threads = [threading.Thread(target=compute, daemon=True) for _ in range(width)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        yield "gil_convoy_ms", max(0.0, milliseconds(time.sleep, 0.001) - 1 - sorted(idle)[6])
    stop.set()
    for thread in threads:
        thread.join()


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
    for _ in range(12):
        yield "asyncio_sleep_overshoot_ms", run(gathered_ms(1, partial(asyncio.sleep, 0.001))) - 1
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


def process_costs(width: int) -> Iterator[Sample | Watched]:
    """Processes, started as this platform and version does it by default."""
    method = multiprocessing.get_start_method()
    yield from process_start(method, width)
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
        for _ in range(2):
            yield from copy_samples(pool, "process_copy_64kb_mb_per_s", pieces(100, 65_536), 1 / 16)
            yield from object_samples(pool)
        if width > 1:
            yield from together_and_alone(pool, width, "efficiency_processes", loops)
        for _ in range(2):
            yield "loop_process_ms", asyncio.run(handover_ms(pool, 200))


def process_start(method: str, width: int) -> Iterator[Sample | Watched]:
    """The first pool of a program with a start method, from before it is made until it is shut down; then others."""

    def pool_ms(workers: int) -> float:
        begun = time.perf_counter()
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method)) as pool:
            run_all(pool, nothing, range(workers))
        return (time.perf_counter() - begun) * 1000

    yield f"process_pool_{method}_ms", pool_ms(1)
    keys = f"process_start_{method}_ms", f"process_extra_{method}_ms"
    yield from further_workers(pool_ms, pool_ms(1), width, keys)  # helpers and modules are there now


def object_samples(pool: Executor) -> Iterator[Sample | Watched]:
    """Objects are slower to copy than bytes: each is taken apart and made anew, twice."""
    import pickle

    rows = [{"id": number, "name": f"item {number}", "price": number / 4} for number in range(1000)]
    megabytes = len(pickle.dumps(rows)) / 1024 / 1024
    yield from copy_samples(pool, "object_pickle_mb_per_s", [rows] * 10, megabytes)


def interpreter_pool(workers: int) -> Executor:
    """A pool of subinterpreters."""
    if sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        return InterpreterPoolExecutor(workers)
    raise NotImplementedError("subinterpreters need Python 3.14")


def subinterpreter_costs(width: int) -> Iterator[Sample | Watched]:
    """Subinterpreters, much like processes."""
    __import__("concurrent.futures.interpreter")

    def pool_ms(workers: int) -> float:
        begun = time.perf_counter()
        with interpreter_pool(workers) as pool:
            run_all(pool, nothing, range(workers))
        return (time.perf_counter() - begun) * 1000

    first = pool_ms(1)
    yield "subinterpreter_start_ms", first
    yield from further_workers(pool_ms, first, width, ("subinterpreter_more_ms", "subinterpreter_extra_ms"))
    with interpreter_pool(width) as pool:
        wake_all(pool, width)
        for _ in range(3):
            yield "subinterpreter_dispatch_ms", milliseconds(run_all, pool, nothing, range(200)) / 200
        for _ in range(2):
            yield from copy_samples(pool, "subinterpreter_copy_mb_per_s", pieces(12, 1024 * 1024), 1)
        if width > 1:
            yield from together_and_alone(pool, width, "efficiency_subinterpreters", loops)


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
        memory = memory_mb(child.pid)
        child.communicate(b"\n")
    yield "base_memory_mb", memory["Rss"]
    yield "base_shared_mb", memory["Shared_Clean"] + memory["Shared_Dirty"]


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


def tree_mb() -> float:
    """Memory of this process and all its descendants; what they share is counted once, by shares (PSS)."""
    return sum(memory_mb(pid).get("Pss", 0.0) for pid in family())


def memory_mb(pid: int) -> dict[str, float]:
    """Rss, Pss and the like of a process, from the Linux kernel; empty elsewhere."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as stream:
            lines = [line.split() for line in stream]
    except OSError:
        return {}
    return {words[0].rstrip(":"): int(words[1]) / 1024 for words in lines if words[-1] == "kB"}


# The run --------------------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """One process of each round, or of the first few."""

    name: str
    measure: Callable[[int], Iterator[Sample]]
    rounds: int = 1000


def all_parts(*, more_methods: bool) -> list[Part]:
    """The parts that this Python can measure; with `more_methods` also the start methods that are not the default."""
    parts = [Part("memory", memory_costs, rounds=1)]  # first, as it also reads from the disk what all others need
    parts += [Part("processes", process_costs), Part("threads", thread_costs), Part("asyncio", asyncio_costs)]
    if sys.version_info >= (3, 14):
        parts.append(Part("subinterpreters", subinterpreter_costs))
    if not gil_enabled():
        parts += [Part("scaling", scaling)] * 3 + [Part("sharing", sharing, rounds=2)]
    if more_methods:
        others = multiprocessing.get_all_start_methods()[1:]  # the first is the default
        parts += [Part(f"processes by {method}", partial(process_start, method)) for method in others]
    return parts


def main() -> int:
    """Run the command line; returns the exit code: 0 done, 1 nothing measured, 130 interrupted."""
    options = arguments()
    if options.part:
        return measure_part(options)
    import signal
    import tempfile

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda number, _: told.append(number))
    if options.while_open:
        threading.Thread(target=wait_for_the_end_of_input, daemon=True).start()
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="calibration-") as folder:
            samples, warnings, rounds = measure_all(options, folder)
    except KeyboardInterrupt:
        return 130
    costs = figures(samples, options.cpus)
    for key, cost in costs.items():
        say(cost=key, **cost)
    if costs:
        run = {"rounds": rounds, "seconds": round(time.monotonic() - begun, 3), "warnings": warnings}
        result = {"schema": SCHEMA, **facts(), "cpus": options.cpus, **run, "noise": noise(samples), "costs": costs}
        if options.out == "-":
            say(result=result)
        else:
            write(options.out, result)
    return 0 if costs else 1


told: list[int] = []  # the signals that told this program to stop: it obeys where no process can slip away


def wait_for_the_end_of_input() -> None:
    """Stop when whoever started this program is gone, killed or not: their end of the pipe is closed then."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    told.append(0)


def facts() -> dict[str, Any]:
    """What this Python is."""
    import sysconfig

    return {
        "python": {
            "version": sys.version.split()[0],
            "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
            "gil_enabled": gil_enabled(),
        },
        "start_method": multiprocessing.get_start_method(),
    }


def arguments() -> argparse.Namespace:
    """What the command line says."""
    import argparse

    parser = argparse.ArgumentParser(description="Measure what concurrency costs on this machine.")
    parser.add_argument("out", metavar="OUT.json|-")
    parser.add_argument("--budget", type=float, default=BUDGET_SECONDS, metavar="SECONDS")
    parser.add_argument("--cpus", type=int, default=usable_cpus(), metavar="N", help="that this program may use")
    parser.add_argument("--all", action="store_true", help="also start methods that are not the default")
    parser.add_argument("--while-open", action="store_true", help="stop where standard input is closed")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 0 < options.budget < 3600:
        parser.error("--budget: a number of seconds over 0")
    if options.cpus < 1:
        parser.error("--cpus: a whole number from 1")
    if options.out == "-":
        return options
    if os.path.isdir(options.out) or not os.access(os.path.dirname(os.path.abspath(options.out)), os.W_OK):
        parser.error(f"{options.out}: cannot be written")  # better now than after all the work
    return options


def usable_cpus() -> int:
    """CPUs that this process may run on; limits of a container are for the caller to know."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gil_enabled() -> bool:
    """Whether threads of this process take turns."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def measure_part(options: argparse.Namespace) -> int:
    """The process of one part: leaves its samples, and what went wrong after them, in a file."""
    measure = next(part.measure for part in all_parts(more_methods=True) if part.name == options.part)
    width = min(options.cpus, MOST_WORKERS)
    samples: list[Watched] = []
    problem = ""
    loops(1), arithmetic(100), make_rows(100)
    watch = Watch(width, options.cpus)
    try:
        for step in (loop_samples(), measure(width), loop_samples()):
            for sample in step:
                samples += watch.take(sample)  # at once: what comes before a failure is kept
    except Exception as error:  # noqa: BLE001  # such as a system that forbids processes: the other parts go on
        problem = f"{type(error).__name__}: {error}"
    write(options.out, {"samples": samples + watch.close(), "problem": problem})
    return 0


class Progress:
    """The rounds so far: what was found, how often each part ran, and how long it took the last time."""

    def __init__(self, parts: list[Part], budget_seconds: float, cpus: int) -> None:
        """Nothing yet."""
        self.parts, self.budget_seconds, self.cpus = parts, budget_seconds, cpus
        self.samples: dict[str, list[tuple[float, float]]] = {}
        self.keys: dict[str, set[str]] = {}  # the figures of each part
        self.runs, self.took = [0] * len(parts), [0.0] * len(parts)
        self.warnings: list[str] = []
        self.begun = time.monotonic()

    def passed(self) -> float:
        """The seconds since the beginning."""
        return time.monotonic() - self.begun

    def next_part(self) -> int | None:
        """The place of the part to measure now, if there is time for one: the first round is completed, if that can be.

        Afterwards whatever was measured least comes first, and parts whose figures are not good yet a round sooner.
        """
        passed = self.passed()
        if 0 in self.runs:
            return self.runs.index(0) if passed <= max(FIRST_ROUND_SECONDS, self.budget_seconds) else None
        costs = figures(self.samples, self.cpus)
        noisy = {key for key, cost in costs.items() if cost["quality"] != "usable"}
        found = [
            (runs - bool(noisy & self.keys[part.name]), place)
            for place, (part, runs) in enumerate(zip(self.parts, self.runs, strict=True))
            if runs < part.rounds and passed + self.took[place] <= self.budget_seconds
        ]
        return min(found)[1] if found else None

    def add(self, place: int, found: list[Watched], problem: str, seconds: float) -> None:
        """What one run of a part came to. One that failed is not tried again."""
        part = self.parts[place]
        keys = self.keys.setdefault(part.name, set())
        for key, sample, disturbance in found:
            self.samples.setdefault(key, []).append((sample, disturbance))
            keys.add(key.removesuffix(" alone").removesuffix(" together"))
        self.runs[place] += 1
        self.took[place] = float("inf") if problem else seconds
        if problem:
            self.warnings.append(f"{part.name}: {problem}")


def measure_all(
    options: argparse.Namespace, folder: str
) -> tuple[dict[str, list[tuple[float, float]]], list[str], int]:
    """Rounds of all parts until the budget is used up: samples by figure, warnings, and how many rounds there were."""
    import py_compile

    script = py_compile.compile(__file__, cfile=os.path.join(folder, "calibration.pyc"), doraise=True)
    progress = Progress(all_parts(more_methods=options.all), options.budget, options.cpus)
    while (place := progress.next_part()) is not None:
        part, passed = progress.parts[place], progress.passed()
        most = place / len(progress.parts) if 0 in progress.runs else 1.0
        say(part=part.name, round=progress.runs[place] + 1, done=round(min(most, passed / options.budget), 3))
        found, problem = run_part(part, options, str(script), os.path.join(folder, "part.json"))
        progress.add(place, found, problem, progress.passed() - passed)
        if problem:
            print(progress.warnings[-1], file=sys.stderr, flush=True)
    late = dict.fromkeys(part.name for part in progress.parts if part.name not in progress.keys)
    progress.warnings += [f"{name}: not measured, as everything else took so long" for name in late]
    return progress.samples, progress.warnings, max(progress.runs, default=0)


def run_part(part: Part, options: argparse.Namespace, script: str, out: str) -> tuple[list[Watched], str]:
    """The samples of a part, and what went wrong. However this ends, no process of the part is left behind."""
    import subprocess

    command = [sys.executable, script, out, "--part", part.name, "--cpus", str(options.cpus)]
    with open(f"{out}.err", "w+b") as errors:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
            cwd=os.path.dirname(script),  # where nothing of the user's can be imported by mistake
        )
        try:
            problem = wait_for(child)
        finally:
            end_group(child)
        errors.seek(0)
        last_words = errors.read()[-400:].decode("utf-8", "replace").strip().splitlines()
    try:
        with open(out, encoding="utf-8") as stream:
            result = json.load(stream)
        os.remove(out)
    except FileNotFoundError:
        return [], problem or f"it ended with exit code {child.returncode}: {(last_words or [''])[-1]}"
    return [(key, value, disturbance) for key, value, disturbance in result["samples"]], problem or result["problem"]


def wait_for(child: subprocess.Popen[bytes]) -> str:
    """Wait until a part has ended, or too long, or until somebody tells us to stop. Says what went wrong."""
    import subprocess

    until = time.monotonic() + PART_SECONDS
    while time.monotonic() < until:
        if told:
            raise KeyboardInterrupt
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.25)
            return ""
    return f"it did not end within {PART_SECONDS:g} s"


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End a part and its workers: they are in a session of their own."""
    if sys.platform != "win32":
        import signal

        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.wait()


def figures(samples: dict[str, list[tuple[float, float]]], cpus: int) -> dict[str, dict[str, Any]]:
    """What all samples come to, for each figure that has some; each sample with the part of it that was disturbed."""
    found = {key: samples[key] for key in COSTS if key in samples}
    impossible: dict[str, int] = {}
    for key in COSTS:
        if samples.get(f"{key} alone") and samples.get(f"{key} together"):
            ratios, most = efficiencies(key, samples, cpus)
            found[key] = [(min(ratio, most), disturbance) for ratio, disturbance in ratios if ratio <= most * BEYOND]
            impossible[key] = len(ratios) - len(found[key])
    return {key: figure(found[key], COSTS[key], impossible.get(key, 0)) for key in COSTS if key in found}


def efficiencies(
    key: str, samples: dict[str, list[tuple[float, float]]], cpus: int
) -> tuple[list[tuple[float, float]], float]:
    """The time of one at its undisturbed best as a part of each time of all together; and the most that is possible."""
    alone = samples[f"{key} alone"]
    best = summarised(undisturbed(alone) or [time for time, _ in alone], TIME)["value"]
    spoilt = 0.0 if undisturbed(alone) else 1.0
    takes_turns = key == "efficiency_threads_python" and gil_enabled()
    ratios = [(best / time, max(disturbance, spoilt)) for time, disturbance in samples[f"{key} together"]]
    return ratios, 1 / min(cpus, MOST_WORKERS) if takes_turns else 1.0


def figure(samples: list[tuple[float, float]], summary: Summary, impossible: int) -> dict[str, Any]:
    """A figure made of its undisturbed samples, and whether they are good enough for it to be used.

    Where none is undisturbed, it is made of all, so that one can see what it came to.
    """
    good = undisturbed(samples)
    taken = len(samples) + impossible
    if not samples:
        note = "beyond what is possible"
        return {"value": 0.0, "low": 0.0, "high": 0.0, "samples": taken, "quality": "noisy", "note": note}
    made = summarised(good or [sample for sample, _ in samples], summary)
    note = ""
    if len(good) < summary.least:
        note = f"{len(good)} of {taken} undisturbed" + (f", {impossible} beyond what is possible" if impossible else "")
    elif made["high"] - made["low"] > max(summary.spread * made["value"], summary.slack):
        note = f"{made['low']:.3g} to {made['high']:.3g}"
    return {**made, "quality": "noisy" if note else "usable", "note": note}


def undisturbed(samples: list[tuple[float, float]]) -> list[float]:
    """The samples that nothing disturbed."""
    return [sample for sample, disturbance in samples if disturbance <= DISTURBED]


def noise(samples: dict[str, list[tuple[float, float]]]) -> float:
    """The part of all samples that was disturbed by other programs, each figure counted once."""
    parts = [1 - len(undisturbed(found)) / len(found) for found in samples.values()]
    return round(sum(parts) / len(parts), 4)


def summarised(samples: list[float], summary: Summary) -> dict[str, float]:
    """The figure made of samples, its range, and how many they were. No cost is below nothing."""
    ordered = sorted(max(0.0, sample) for sample in samples)

    def at(part: float) -> float:
        place = part * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return float(f"{ordered[below] + (ordered[above] - ordered[below]) * (place - below):.5g}")

    return {"value": at(summary.value), "low": at(summary.low), "high": at(summary.high), "samples": len(ordered)}


def say(**fields: object) -> None:
    """A line of JSON on standard output. Where nobody reads it, the file is still wanted."""
    try:
        print(json.dumps(fields), flush=True)
    except BrokenPipeError:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def write(file: str, result: dict[str, Any]) -> None:
    """Write a file whole or not at all."""
    with open(f"{file}.part", "w", encoding="utf-8") as stream:
        json.dump(result, stream, allow_nan=False)
    os.replace(f"{file}.part", file)


if __name__ == "__main__":
    sys.exit(main())
