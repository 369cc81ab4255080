"""What processes take: the memory of a tree of them, and the CPUs that others take.

It needs nothing beside it, so that programs can use it as well. Without /proc (elsewhere than on Linux) it needs psutil.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from typing import NamedTuple

_MB = 1024 * 1024


class MemoryMeter:
    """Peak memory of a process tree: proportional set size on Linux; else with psutil, if that is installed.

    Resident size is cheap to read, so it is read often; the proportional one when that has grown, or has not been read
    for a while (pages that were shared may no longer be).
    """

    def __init__(self, root: int) -> None:
        self.root = root
        self.metric: str | None = None
        self.peak_mb: float | None = None
        self.members = [root]
        self.looked = self.read = -1.0
        self.resident = 0
        if os.path.exists(f"/proc/{root}/smaps_rollup"):
            self.metric = "pss"
        else:
            try:
                import psutil  # type: ignore[import-untyped,unused-ignore]  # noqa: F401

                self.metric = "uss"
            except ImportError:
                pass

    def sample(self, passed_seconds: float) -> float | None:
        """Look at the tree as it is now; returns the highest so far in MB."""
        if self.metric == "uss":
            if passed_seconds - self.read > 0.1:
                self.read = passed_seconds
                self._note(_psutil_mb(self.root))
        elif self.metric == "pss":
            if passed_seconds - self.looked > min(0.1, passed_seconds / 10):
                self.looked = passed_seconds
                self.members = process_tree(self.root)
            resident = sum(_pages(pid) for pid in self.members)
            if resident > self.resident * 1.005 or passed_seconds - self.read > 0.1:
                self.read, self.resident = passed_seconds, max(resident, self.resident)
                self._note(sum(pss_mb(pid) for pid in self.members))
        return self.peak_mb

    def _note(self, megabytes: float) -> None:
        self.peak_mb = max(self.peak_mb or 0.0, megabytes)


def process_tree(root: int, without: Iterable[int] = ()) -> list[int]:
    """A process and all its descendants, from /proc; some of them, and theirs, can be left out."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            tasks = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for task in tasks:
            children = [int(child) for child in read_proc(f"/proc/{pid}/task/{task}/children").split()]
            todo += [child for child in children if child not in without]
    return found


def _pages(pid: int) -> int:
    fields = read_proc(f"/proc/{pid}/statm").split()
    return int(fields[1]) if len(fields) > 1 else 0


def pss_mb(pid: int) -> float:
    """The proportional set size of one process: pages that several share are divided among them (Linux; else 0)."""
    for line in read_proc(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def tree_cpu_seconds(root: int) -> float | None:
    """User and system time of a process, all its descendants, and those of them that have ended (Linux; else None)."""
    if sys.platform != "linux":
        return None
    rows = [read_proc(f"/proc/{pid}/stat").rpartition(")")[2].split() for pid in process_tree(root)]
    return sum(sum(map(int, row[11:15])) for row in rows if len(row) > 14) / os.sysconf("SC_CLK_TCK")


def _psutil_mb(root: int) -> float:
    import psutil

    total = 0
    try:
        for process in [psutil.Process(root), *psutil.Process(root).children(recursive=True)]:
            total += process.memory_full_info().uss
    except psutil.Error:  # one of them has ended
        pass
    return total / _MB


def read_proc(path: str) -> str:
    """What a file of the system says; nothing where there is none."""
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read()
    except OSError:  # it has ended
        return ""


class _CpuLook(NamedTuple):
    """What the CPUs that we may use have done, up to one moment."""

    at: float  # time.monotonic
    cpus: int
    used: float  # CPU seconds, by processes or taken by the hypervisor
    ours: float  # by this process and the keeper: neither what is measured nor somebody else


def _look_at_cpus(keeper: int) -> _CpuLook | None:
    """A look now; None where the system does not say (elsewhere than on Linux)."""
    if sys.platform != "linux":
        return None
    names = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    rows = [line.split() for line in read_proc("/proc/stat").splitlines() if line.partition(" ")[0] in names]
    if not rows or any(len(row) < 9 for row in rows):
        return None
    tick = 1 / os.sysconf("SC_CLK_TCK")  # rows: user, nice, system, idle, iowait, irq, softirq, steal
    used = sum(int(row[column]) for row in rows for column in (1, 2, 3, 8)) * tick
    of_keeper = read_proc(f"/proc/{keeper}/stat").rpartition(")")[2].split()
    kept = sum(map(int, of_keeper[11:13])) * tick if len(of_keeper) > 12 else 0.0
    return _CpuLook(time.monotonic(), len(rows), used, kept + time.process_time())


def _cpus_taken(before: _CpuLook | None, after: _CpuLook | None, own_seconds: float, usable: int) -> float | None:
    """How many of the CPUs to plan for others took meanwhile, on average; None if that is not known.

    `own_seconds` is what was measured. CPUs beyond those to plan for are out of the way (a quota of 2 on 64 CPUs).
    """
    if before is None or after is None or before.cpus != after.cpus or after.at <= before.at:
        return None
    others = after.used - before.used - (after.ours - before.ours) - own_seconds
    taken = others / (after.at - before.at) - max(0, after.cpus - usable)
    return round(min(max(taken, 0.0), usable), 3)
