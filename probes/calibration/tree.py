"""This process and its descendants: who they are and what memory they take, where the system tells (Linux)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


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
