"""Clocks and meters: CPU time, time without a CPU, memory. What a platform does not tell is None, or 0 where said."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

READINGS = 5  # tries to read all clocks at one moment
LINUX = sys.platform.startswith("linux")


class Delay:
    """How long a thread of this process was ready to run and had no CPU, in seconds since its start (Linux); else 0.

    It keeps its file open: a reading takes 2 us.
    """

    def __init__(self, thread: int | None = None) -> None:
        self._file: int | None = None
        with contextlib.suppress(OSError):
            if LINUX:
                self._file = os.open(f"/proc/self/task/{thread or threading.get_native_id()}/schedstat", os.O_RDONLY)
                self()
        self.known = self._file is not None

    def __call__(self) -> float:
        """The seconds so far."""
        if self._file is None:
            return 0.0
        try:
            return int(os.pread(self._file, 80, 0).split()[1]) / 1e9
        except (OSError, IndexError):  # the thread is gone, or the kernel does not count
            self.close()
            return 0.0

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Reading(NamedTuple):
    """Seconds at a moment: by the clock, of this thread, of the process, of children that ended, and without a CPU."""

    wall: float
    cpu: float
    process: float
    children: float
    delay: float


class Meter:
    """Reads all clocks at once, for the thread that made it."""

    def __init__(self) -> None:
        self.delay = Delay()

    def __call__(self) -> Reading:
        """What the clocks say now; once more where the thread lost its CPU meanwhile, as they would not agree."""
        before = self.delay()
        for _ in range(READINGS):
            wall, cpu, process = time.perf_counter(), time.thread_time(), time.process_time()
            children, after = _children_seconds(), self.delay()
            if after == before:
                break
            before = after
        return Reading(wall, cpu, process, children, after)


def _children_seconds() -> float:
    """CPU of child processes that ended, as finely as the platform tells."""
    if resource is None:
        times = os.times()
        return times.children_user + times.children_system
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def clock_of_process(process: int) -> Callable[[], float] | None:
    """The CPU clock of another process, in seconds, exact at the moment that it is read (Linux); else None."""
    clock = (~process << 3) | 2  # what clock_getcpuclockid(3) gives: the scheduler's time of the whole process
    try:
        time.clock_gettime(clock)
    except (AttributeError, OSError, OverflowError):
        return None
    return lambda: time.clock_gettime(clock)


def clock_tick_seconds() -> float:
    """The real step of the CPU clock of a thread: on Windows 16 ms, whatever it says of itself."""
    steps = []
    for _ in range(3):
        begun = now = time.thread_time()
        while now == begun:
            now = time.thread_time()
        steps.append(now - begun)
    return min(steps)


# Memory ---------------------------------------------------------------------------------------------------------------


def _status_mb(field: str, process: int | str = "self") -> float | None:
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{process}/status") as stream:
        for line in stream:
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    return None


def resident_mb() -> float | None:
    """Memory of this process that is in RAM."""
    if LINUX:
        return _status_mb("VmRSS")
    with contextlib.suppress(Exception):
        import psutil

        return float(psutil.Process().memory_info().rss) / 1e6
    return None


def forget_peak() -> bool:
    """Let the peak of this process's memory begin anew; whether that can be."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")
        return True
    return False


def peak_mb() -> float | None:
    """The most that was in RAM, since the start or since the peak was forgotten."""
    found = _status_mb("VmHWM") if LINUX else None
    if found is None and resource is not None:
        found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1024)
    return found


def children_mb() -> float:
    """What the processes that this one has started take, without what they share with others (Linux); else 0."""
    found = 0.0
    for process in processes_below(os.getpid()):
        with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{process}/smaps_rollup") as stream:
            found += sum(int(line.split()[1]) for line in stream if line.startswith("Pss:")) / 1024
    return found


def processes_below(process: int) -> list[int]:
    """The processes that one has started, and those that they have (Linux); else none."""
    found: list[int] = []
    ahead = _children_of(process)
    while ahead:
        found.append(ahead.pop())
        ahead += _children_of(found[-1])
    return found


def _children_of(process: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{process}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{process}/task/{task}/children") as stream:
                found += map(int, stream.read().split())
    return found


def give_back() -> None:
    """Drop what is garbage, and let the C library give freed memory back to the system, where it can."""
    import gc

    gc.collect()
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
