"""Memory of processes, in MB: their proportional share on Linux, else what psutil says, if it is there."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable

_SHARE = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)


def memory_mb(pids: Iterable[int]) -> float | None:
    """What these take together; None where it cannot be read."""
    return _shares(pids) if os.path.exists("/proc/self/smaps_rollup") else _by_psutil(pids)


def _shares(pids: Iterable[int]) -> float | None:
    total = 0.0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as stream:
                found = _SHARE.search(stream.read())
        except OSError:  # it has ended
            continue
        total += int(found[1]) / 1024 if found else 0.0
    return total or None


def _by_psutil(pids: Iterable[int]) -> float | None:
    try:
        import psutil  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return None
    total = 0.0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss / 2**20
    return total or None
