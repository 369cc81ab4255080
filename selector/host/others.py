"""Who else uses the CPUs: the programs that computed most between two looks, for a sentence about them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from selector.host.probe import system_text
from selector.text import printable

_MOST = 3
_WORTH_NAMING = 0.1  # of a CPU


class ProcessTimes(NamedTuple):
    """The CPU seconds of every process so far, by its number, start and name; empty where there is no /proc."""

    at: float  # time.monotonic
    seconds: dict[tuple[int, str, str], float]


def process_times(root: Path = Path("/")) -> ProcessTimes:
    """Look at every process of this machine: a few milliseconds for some hundred."""
    try:
        pids = [int(name) for name in os.listdir(root / "proc") if name.isdecimal()]
    except OSError:
        pids = []
    found = dict(each for pid in pids if (each := _times_of(pid, root)) is not None)
    return ProcessTimes(time.monotonic(), found)


def _times_of(pid: int, root: Path) -> tuple[tuple[int, str, str], float] | None:
    """From /proc/PID/stat: `PID (NAME) STATE ...`, in which a name may hold anything; None if it has ended."""
    head, _, rest = system_text(f"/proc/{pid}/stat", root).rpartition(")")
    fields = rest.split()
    if len(fields) < 20 or not all(field.isdecimal() for field in (fields[11], fields[12])):
        return None
    ticks = int(fields[11]) + int(fields[12])
    return (pid, fields[19], head.partition("(")[2]), ticks / os.sysconf("SC_CLK_TCK")


def busiest(before: ProcessTimes, after: ProcessTimes) -> tuple[str, ...]:
    """Such as `python3 (process 4242) 0.98`: who used how many CPUs between two looks, the most first; not ourselves."""
    passed = max(after.at - before.at, 1e-9)
    used = [
        ((seconds - before.seconds.get(who, 0.0)) / passed, who)
        for who, seconds in after.seconds.items()
        if who[0] != os.getpid()
    ]
    most = sorted(used, reverse=True)[:_MOST]
    return tuple(
        f"{' '.join(printable(name).split())[:40]} (process {pid}) {cpus:.1f}"
        for cpus, (pid, _, name) in most
        if cpus >= _WORTH_NAMING
    )
