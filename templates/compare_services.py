# /// script
# requires-python = ">=3.10"
# dependencies = []
# ///
"""Compare concurrency approaches for one service on this machine, under requests that arrive at random.

    python bench.py                          every approach that this Python can run, as a table
    python bench.py --interpreter python3.14 --interpreter python3.14t
    python bench.py --json                   one JSON object a line, as it happens

Each approach is a server on a socket of this machine, warm. A process of its own sends it requests at planned moments,
whether or not the ones before are answered. The latency of one runs from that moment to its answer.

The requests below have the quantities of a profile: computing, waiting, data for a worker, memory. Put your own code into
`work` and `work_async` to measure that.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from computing import _least_cpu_seconds, _StandIn, _uses, _usual_cpu_seconds
from native import hash_pieces, touched_memory
from servers import offload
from service_harness import serve_and_measure
from workload import workload_of

# --- parameters: begin ---
NAME = "Requests that compute and wait"
RECOMMENDED: str | None = None
APPROACHES: tuple[str, ...] = (
    "single_threaded",
    "asyncio",
    "threads",
    "asyncio_threads",
    "free_threaded",
    "asyncio_free_threaded",
    "subinterpreters",
    "multiprocessing",
    "asyncio_processes",
)
WORKERS: dict[str, int] = {"threads": 16, "free_threaded": 16}  # pool sizes; the others have CPUS workers
SCALING: tuple[int, ...] = ()  # not used here: a service is measured at other rates, not with other pools
PROCESSES: dict[str, int] = {}  # that share what arrives, each with such a pool; the others are one
CPUS = 2
REQUESTS_PER_SECOND = 100.0
SERVER: str | None = None  # or uvicorn, gunicorn: what it can run is run by it
CPU_MS_PER_TASK = 2.0
IO_WAIT_MS_PER_TASK = 50.0
PAYLOAD_KB_PER_TASK = 0.0
TASK_MEMORY_MB = 0.0
STARTUP_MS = 0.0
STARTUP_MEMORY_MB = 0.0
RELEASES_GIL = False  # the computing is native code that releases the GIL
NATIVE_PARALLEL = False  # and its library can use every CPU by itself
ASYNC_LIBRARY = True  # there is an async client for what is waited for
MEMORY_BUDGET_MB: float | None = None
ASSUMED: tuple[str, ...] = ()  # parameters that nobody gave
BUDGET_SECONDS = 60.0
# --- parameters: end ---

Item = tuple[int, bytes]
Result = tuple[int, bytes]

# --- your code: begin ---
# One request, twice: blocking, and for an event loop. Both must be functions of this file, take one item and return a
# value that pickles. Imports that a worker needs go to the top of the file, what it loads once into `start_worker`.


def work(item: Item) -> Result:
    """One request, blocking: what plain code, threads, processes and subinterpreters run."""
    wait()
    return compute(item)


async def work_async(item: Item) -> Result:
    """The same request for an event loop: it awaits what it waits for and hands computing to `offload`."""
    if not ASYNC_LIBRARY:
        result: Result = await offload(work, item)  # a blocking library holds a thread while it waits
        return result
    await wait_async()
    return await offload(compute, item) if CPU_MS_PER_TASK else compute(item)


def start_worker() -> None:
    """The costly start, once in each process and subinterpreter: it computes for STARTUP_MS and keeps its memory."""
    worker.kept = touched_memory(STARTUP_MEMORY_MB)
    end = time.thread_time() + STARTUP_MS / 1000
    while time.thread_time() < end:
        pass


def items(count: int) -> list[Item]:
    """What so many requests bring with them: a number, and the data that goes to the worker and comes back."""
    return [(number, bytes(int(PAYLOAD_KB_PER_TASK * 1024))) for number in range(count)]


# --- your code: end ---


class _Process:
    """What one process (or subinterpreter) has: its settings, and what the costly start left."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.started = False
        self.lock = threading.Lock()
        self.kept = bytearray()


worker = _Process()


def configure(settings: dict[str, Any]) -> None:
    """Take the settings of this run: `steps` of computing a request, `library_threads`."""
    worker.settings = settings


def start(settings: dict[str, Any]) -> None:
    """Prepare a worker: its settings, and the costly start if no other thread of the process has done it."""
    with worker.lock:
        if not worker.started:
            configure(settings)
            start_worker()
            worker.started = True


def wait() -> None:
    """Wait as a blocking client does: the thread sleeps."""
    if IO_WAIT_MS_PER_TASK:
        time.sleep(IO_WAIT_MS_PER_TASK / 1000)


async def wait_async() -> None:
    """Wait without holding the loop."""
    if IO_WAIT_MS_PER_TASK:
        import asyncio

        await asyncio.sleep(IO_WAIT_MS_PER_TASK / 1000)


async def close_async() -> None:
    """There is nothing to close."""


def compute(item: Item) -> Result:
    """The computing part of a request, in memory of its own."""
    number, payload = item
    memory = touched_memory(TASK_MEMORY_MB)
    steps, threads = worker.settings["steps"], worker.settings["library_threads"]
    value = hash_pieces(steps, threads) if RELEASES_GIL or NATIVE_PARALLEL else count_up(number, steps)
    return value + len(memory) % 1, payload


def count_up(value: int, steps: int) -> int:
    """Pure Python that holds the GIL."""
    for step in range(steps):
        value = (value + step * step) % 65_521
    return value


def merge(_results: list[Any]) -> dict[int, int]:
    """Requests leave no state that is shared."""
    return {}


# How much computing makes a request -----------------------------------------------------------------------------------


_SHORT_SECONDS = 0.1  # of a request that is done often enough while it is tried out


def calibrate() -> dict[str, Any]:
    """The settings that make a request compute for CPU_MS_PER_TASK on this Python; none where `work` is your own.

    What counts is the CPU time of this thread, which is the same however busy the machine is, and of a short request what it
    usually takes, with a pause before it as between requests: a CPU that is shared with others has more than one speed, and
    how long requests queue hangs on all of them, not on the fastest.
    """
    if not _uses(work, compute):
        return {}
    steps, made = _StandIn(CPU_MS_PER_TASK / 1000, task_seconds, steps_seconds).made()
    if steps and made < _SHORT_SECONDS:
        usual = _usual_cpu_seconds(lambda: compute((0, b"")))
        steps = max(1, round(steps * made / usual))
    return {"steps": steps, "stand_in": {"cpu_ms": CPU_MS_PER_TASK, "made_cpu_ms": made * 1000}}


def task_seconds(steps: int) -> float:
    """The CPU time of a request of that many steps."""
    configure({"steps": steps, "library_threads": 1})
    return _least_cpu_seconds(lambda: compute((0, b"")))


def steps_seconds(steps: int) -> float:
    """The CPU time of the steps of a request alone."""
    return max(task_seconds(steps) - task_seconds(0), 1e-9)


if __name__ == "__main__":
    sys.exit(serve_and_measure(workload_of(globals(), tasks=None, processes=PROCESSES), REQUESTS_PER_SECOND, SERVER))
