# /// script
# requires-python = ">=3.10"
# dependencies = []
# ///
"""Compare concurrency approaches for one workload on this machine.

    python bench.py                          every approach that this Python can run, as a table
    python bench.py --interpreter python3.14 --interpreter python3.14t
    uv run --python 3.14t bench.py
    python bench.py --json                   one JSON object a line, as it happens

The workload below has the quantities of a profile: computing, waiting for a server, data that goes to a worker and
comes back, a costly start, memory, shared state. Put your own code into `work` and `work_async` to measure that.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from approaches import offload
from computing import _least_cpu_seconds, _StandIn, _uses
from harness import main
from native import hash_pieces, touched_memory
from workload import workload_of

if TYPE_CHECKING:
    import socket

# --- parameters: begin ---
NAME = "Sixty-four tasks that compute and wait"
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
SCALING: tuple[int, ...] = ()  # further pool sizes for the recommended approach
CPUS = 2
TASKS: int | None = 64
CONCURRENCY: int | None = None  # operations in flight at once
CPU_MS_PER_TASK = 5.0
IO_WAIT_MS_PER_TASK = 20.0
PAYLOAD_KB_PER_TASK = 0.0
TASK_MEMORY_MB = 0.0
STARTUP_MS = 0.0
STARTUP_MEMORY_MB = 0.0
SHARED_STATE = "none"  # or read_only, disjoint_writes, hot_writes, hot_reads
RELEASES_GIL = False  # the computing is native code that releases the GIL
NATIVE_PARALLEL = False  # and its library can use every CPU by itself
ASYNC_LIBRARY = True  # there is an async client for what is waited for
MEMORY_BUDGET_MB: float | None = None
ASSUMED: tuple[str, ...] = ()  # parameters that nobody gave
BUDGET_SECONDS = 60.0
# --- parameters: end ---

Item = tuple[int, bytes]
Result = tuple[int, bytes, dict[int, int]]

# --- your code: begin ---
# One task, twice: blocking, and for an event loop. Both must be functions of this file, take one item and return a
# value that pickles. Imports that a worker needs go to the top of the file, what it loads once into `start_worker`.


def work(item: Item) -> Result:
    """One task, blocking: what plain code, threads, processes and subinterpreters run."""
    wait()
    return compute(item)


async def work_async(item: Item) -> Result:
    """The same task for an event loop: it awaits what it waits for and hands computing to `offload`."""
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
    """The tasks: a number, and the data that goes to the worker and comes back."""
    size = int(PAYLOAD_KB_PER_TASK * 1024)
    return [(number, number.to_bytes(8, "little") * (size // 8) + bytes(size % 8)) for number in range(count)]


# --- your code: end ---


class _Worker(threading.local):
    """What one thread of a worker has for itself."""

    connection: socket.socket | None = None


class _Process:
    """What one process (or subinterpreter) has: its settings, what the costly start left, the state that is shared."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.started = False
        self.lock = threading.Lock()
        self.kept = bytearray()
        self.memory: list[bytearray] = []  # of tasks that have ended, where the next ones take it over
        self.connections: list[Any] = []  # of the event loop, not in use at the moment
        self.counts: dict[int, int] = {}  # written by every task
        self.own: dict[int, dict[int, int]] = {}  # written by its task only
        self.table = {key: key * 7919 for key in range(256)}  # only read


worker = _Process()
thread = _Worker()


def configure(settings: dict[str, Any]) -> None:
    """Take the settings of this run: `steps` of computing a task, whether it `keeps_memory`, `io`, `port`,
    `library_threads`, `shares_memory`.
    """
    worker.settings = settings
    for module in ("socket",) * bool(IO_WAIT_MS_PER_TASK) + ("hashlib",) * (RELEASES_GIL or NATIVE_PARALLEL):
        importlib.import_module(module)  # before the clock runs; and only what is needed, as workers import it again


def start(settings: dict[str, Any]) -> None:
    """Prepare a worker: its settings, and the costly start if no other thread of the process has done it."""
    with worker.lock:
        if not worker.started:
            configure(settings)
            start_worker()
            worker.started = True


def wait() -> None:
    """Wait for the server (or sleep), as a blocking client does."""
    if not IO_WAIT_MS_PER_TASK:
        return
    if worker.settings["io"] == "sleep":
        time.sleep(IO_WAIT_MS_PER_TASK / 1000)
        return
    if thread.connection is None:
        import socket

        thread.connection = socket.create_connection(("127.0.0.1", worker.settings["port"]))
        thread.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    thread.connection.sendall(b"%f\n" % IO_WAIT_MS_PER_TASK)
    if not thread.connection.recv(16):
        raise ConnectionError("the server closed the connection")


async def wait_async() -> None:
    """Wait for the server (or sleep) without holding the loop; connections are used again."""
    if not IO_WAIT_MS_PER_TASK:
        return
    import asyncio

    if worker.settings["io"] == "sleep":
        await asyncio.sleep(IO_WAIT_MS_PER_TASK / 1000)
        return
    if worker.connections:
        reader, writer = worker.connections.pop()
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", worker.settings["port"])
    writer.write(b"%f\n" % IO_WAIT_MS_PER_TASK)
    await writer.drain()
    await reader.readexactly(3)
    worker.connections.append((reader, writer))


async def close_async() -> None:
    """Close the connections of the event loop."""
    while worker.connections:
        _, writer = worker.connections.pop()
        writer.close()
        await writer.wait_closed()


def compute(item: Item) -> Result:
    """The computing part of a task. The dictionary is what it wrote to shared state where nothing can be shared."""
    number, payload = item
    memory = task_memory()
    value, written = computed(number, worker.settings["steps"])
    if worker.settings["keeps_memory"]:
        worker.memory.append(memory)
    return value, payload, {} if worker.settings["shares_memory"] else written


def computed(number: int, steps: int) -> tuple[int, dict[int, int]]:
    """The value of a task, and what it wrote to shared state."""
    if RELEASES_GIL or NATIVE_PARALLEL:
        return hash_pieces(steps, worker.settings["library_threads"]), {}
    if SHARED_STATE == "none":
        return count_up(number, 0, steps), {}
    return share(number, steps)


def task_memory() -> bytearray:
    """The memory that a task works in: its own, or that of one that has ended, where touching takes too long."""
    try:
        return worker.memory.pop()
    except IndexError:
        return touched_memory(TASK_MEMORY_MB)


def count_up(value: int, begin: int, end: int) -> int:
    """Pure Python that holds the GIL."""
    for step in range(begin, end):
        value = (value + step * step) % 65_521
    return value


_STEPS_BETWEEN_ACCESSES = 50  # some 2 us of computing: shared state that matters


def share(number: int, steps: int) -> tuple[int, dict[int, int]]:
    """Computing with an access to shared state every few steps; also returns what was written to it."""
    value, written = number, dict[int, int]()
    own = worker.own.setdefault(number, {}) if SHARED_STATE == "disjoint_writes" else written
    between = 1 if SHARED_STATE == "hot_reads" else _STEPS_BETWEEN_ACCESSES
    for begin in range(0, steps, between):
        value = count_up(value, begin, min(begin + between, steps))
        key = value % 16
        if SHARED_STATE in ("read_only", "hot_reads"):
            value = (value + worker.table[value % 256]) % 65_521
        elif SHARED_STATE == "disjoint_writes" or not worker.settings["shares_memory"]:
            own[key] = own.get(key, 0) + 1
        else:
            with worker.lock:
                worker.counts[key] = worker.counts.get(key, 0) + 1
    return value, own


def merge(results: list[Any]) -> dict[int, int]:
    """The shared state after all tasks: what threads wrote to it, and what workers without shared memory sent along."""
    if SHARED_STATE == "none":
        return {}
    sent = [parts[2] for parts in results if isinstance(parts, tuple) and len(parts) == 3]
    total = dict(worker.counts)
    for written in [*worker.own.values(), *(part for part in sent if isinstance(part, dict))]:
        for key, count in written.items():
            total[key] = total.get(key, 0) + count
        written.clear()  # it has arrived: the results are the same as everybody's
    return dict(sorted(total.items()))


# How much computing makes a task -------------------------------------------------------------------------------------


def calibrate() -> dict[str, Any]:
    """The settings that make a task compute for CPU_MS_PER_TASK on this Python; none where `work` is your own.

    `stand_in` says what the task should take and what it was found to take. What counts is the CPU time of this thread,
    which is the same however busy the machine is. Where touching the memory of a task alone takes longer than the task,
    tasks take over the memory of those before.
    """
    if not _uses(work, compute):
        return {}
    target_seconds = CPU_MS_PER_TASK / 1000
    configure({"steps": 0, "library_threads": 1, "shares_memory": True, "keeps_memory": False})
    worker.settings["keeps_memory"] = bool(TASK_MEMORY_MB) and task_seconds(0) > target_seconds
    steps, made = _StandIn(target_seconds, task_seconds, steps_seconds).made()
    stand_in = {"cpu_ms": CPU_MS_PER_TASK, "made_cpu_ms": made * 1000}
    return {"steps": steps, "keeps_memory": worker.settings["keeps_memory"], "stand_in": stand_in}


def task_seconds(steps: int) -> float:
    """The CPU time of a task of that many steps."""
    worker.settings["steps"] = steps
    return _least_cpu_seconds(lambda: compute((0, b"")))


def steps_seconds(steps: int) -> float:
    """The CPU time of the steps of a task alone, in memory that is there: touching it varies by more than steps take."""
    kept, worker.settings["keeps_memory"] = worker.settings["keeps_memory"], True
    try:
        beside = task_seconds(0)
        return max(task_seconds(steps) - beside, 1e-9)
    finally:
        worker.settings["keeps_memory"] = kept
        worker.memory.clear()


if __name__ == "__main__":
    sys.exit(main(workload_of(globals(), tasks=TASKS, concurrency=CONCURRENCY)))
