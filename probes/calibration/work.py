# /// script
# requires-python = ">=3.10"
# dependencies = []
# ///
"""The script that the process of one part runs, and with it every worker of its pools: work to measure with.

    python work.py OUT.json PART CPUS

Every worker loads this file, as it would load any script. That is part of what a worker costs, so this one imports what
usual scripts do: asyncio, hashlib, json and the pools. What workers do not need lies beside it.
"""

from __future__ import annotations

import asyncio  # noqa: F401  # see above
import hashlib
import json
import multiprocessing  # noqa: F401
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor  # noqa: F401
from typing import Any

Sample = tuple[str, float]  # what, and how much
Watched = tuple[str, float, float]  # and the part of its time in which it was disturbed

# The work of the measurements, in functions that workers find by their name -------------------------------------------

STEPS = 10_000  # of a loop: a fraction of a millisecond, with numbers below 2**30, which Python keeps in one piece
BLOCK = bytes(65_536)


def nothing(value: Any) -> Any:
    """What a worker does where only the way there and back counts.

    It looks at a global name, as real functions do: only then does a subinterpreter have to load this file.
    """
    return value if STEPS else None


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


# The process of one part ----------------------------------------------------------------------------------------------


def milliseconds(function: Callable[..., object], *arguments: Any) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    function(*arguments)
    return (time.perf_counter() - begun) * 1000


def computing_samples() -> Iterator[Sample | Watched]:
    """The speed of computing: taken in every process, as it differs a little between them; it tells noise, too."""
    for _ in range(5):
        yield "python_arithmetic_ns", milliseconds(arithmetic, 10_000) * 1e6 / 10_000
        yield "python_objects_ns", milliseconds(make_rows, 2000) * 1e6 / 2000


def measure_part(out: str, name: str, cpus: int) -> None:
    """Leave the samples of a part, and what went wrong after them, in a file."""
    from figures import MOST_WORKERS
    from parts import all_parts
    from watch import Watch

    measure = next(part.measure for part in all_parts() if part.name == name)
    width = min(cpus, MOST_WORKERS)
    samples: list[Watched] = []
    problem = ""
    loops(1), arithmetic(100), make_rows(100)
    watch = Watch(width, cpus)
    try:
        for step in (computing_samples(), measure(width), computing_samples()):
            for sample in step:
                samples += watch.take(sample)  # at once: what comes before a failure is kept
    except Exception as error:  # noqa: BLE001  # such as a system that forbids processes: the other parts go on
        problem = f"{type(error).__name__}: {error}"
    write(out, {"samples": samples + watch.close(), "problem": problem})


def write(file: str, result: dict[str, Any]) -> None:
    """Write a file whole or not at all."""
    with open(f"{file}.part", "w", encoding="utf-8") as stream:
        json.dump(result, stream, allow_nan=False)
    os.replace(f"{file}.part", file)


if __name__ == "__main__":
    sys.modules["work"] = sys.modules["__main__"]  # what lies beside this file has workers do the work of this very one
    measure_part(sys.argv[1], sys.argv[2], int(sys.argv[3]))
