"""Who else uses the CPUs: the programs that computed most between two looks, for a sentence about them."""

from __future__ import annotations

import contextlib
import os
import time
from typing import NamedTuple

from selector.text import printable

_MOST = 3
_WORTH_NAMING = 0.1  # of a CPU


class ProcessTimes(NamedTuple):
    """The CPU seconds of every process so far, by its number, start and name; empty where nothing says so."""

    at: float  # time.monotonic
    seconds: dict[tuple[int, float, str], float]


def process_times() -> ProcessTimes:
    """Look at every process of this machine, as far as this user may: some milliseconds for a hundred."""
    import psutil

    found = {}
    with contextlib.suppress(OSError, psutil.Error):
        for process in psutil.process_iter(["name", "create_time", "cpu_times"]):
            info = process.info
            if info["cpu_times"] is not None:
                who = process.pid, info["create_time"], info["name"] or ""
                found[who] = info["cpu_times"].user + info["cpu_times"].system
    return ProcessTimes(time.monotonic(), found)


def busiest(before: ProcessTimes, after: ProcessTimes) -> tuple[str, ...]:
    """Such as `python3 (process 4242)`: who computed between two looks, the most first; not ourselves.

    Without figures: they are of the whole time and machine, and beside what was taken from a measurement would not add up.
    """
    passed = max(after.at - before.at, 1e-9)
    used = [
        ((seconds - before.seconds.get(who, 0.0)) / passed, who)
        for who, seconds in after.seconds.items()
        if who[0] != os.getpid()
    ]
    most = sorted(used, reverse=True)[:_MOST]
    return tuple(
        f"{' '.join(printable(name).split())[:40]} (process {pid})"
        for cpus, (pid, _, name) in most
        if cpus >= _WORTH_NAMING
    )
