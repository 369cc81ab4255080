"""What machine this is: which CPUs may be used, what they are called, how much memory there is."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from contextlib import suppress

from results import Machine


def machine(pythons: Sequence[str]) -> Machine:
    """This machine; `pythons` are the versions that were measured."""
    numbers = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return Machine(len(numbers), _model(), ranges(numbers), _memory_mb(), platform.platform(), tuple(pythons))


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in a row as `0-3, 6`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def _model() -> str:
    """What the system calls its CPUs."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "unknown"


def _memory_mb() -> float | None:
    """What the machine has, or the control group may take, if that is less."""
    if not hasattr(os, "sysconf"):  # Windows
        return None
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**2
    with suppress(OSError, ValueError), open("/sys/fs/cgroup/memory.max", encoding="ascii") as stream:
        found = min(found, int(stream.read()) / 1024**2)  # ValueError: "max", which is no limit
    return found
