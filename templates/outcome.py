"""What came of a measurement: times, who did the tasks, what they returned, how they failed."""

from __future__ import annotations

import zlib
from typing import Any

from timing import Done

SHORT_SECONDS = 0.1  # steady work below this is mostly noise


def _times(done: list[Done], begun: float, ended: float) -> dict[str, Any]:
    first, last = min(end for *_, end in done), max(end for *_, end in done)
    latencies = sorted((end - start) * 1000 for _, _, start, end in done)

    def percentile(part: float) -> float:
        """By linear interpolation between the two nearest tasks."""
        place = part * (len(latencies) - 1)
        low = int(place)
        high = min(low + 1, len(latencies) - 1)
        return latencies[low] + (latencies[high] - latencies[low]) * (place - low)

    return {
        "seconds": ended - begun,
        "startup_seconds": min(start for _, _, start, _ in done) - begun,
        "first_result_seconds": first - begun,
        "steady_seconds": last - first,
        "task_latency_ms": {"p50": percentile(0.5), "p95": percentile(0.95), "p99": percentile(0.99)},
        "short": last - first < SHORT_SECONDS,
    }


def _balance(done: list[Done], workers: int) -> dict[str, Any]:
    """How many workers took part, and how much more the busiest did than the average of all."""
    counts: dict[int, int] = {}
    for _, worker, *_ in done:
        counts[worker] = counts.get(worker, 0) + 1
    return {"workers_seen": len(counts), "imbalance": max(counts.values()) * min(workers, len(done)) / len(done)}


def _checksum(value: Any, crc: int = 0) -> int:
    """A checksum of what the tasks returned: the same for the same values, whoever computed them."""
    if isinstance(value, (bytes, bytearray)):
        return zlib.crc32(value, zlib.crc32(b"bytes", crc))
    if isinstance(value, (set, frozenset)):  # whose order is another one in each process
        value = sorted(_checksum(part) for part in value)
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, (list, tuple)):
        for part in value:
            crc = _checksum(part, crc)
        return zlib.crc32(b"list of %d" % len(value), crc)
    return zlib.crc32(_without_addresses(repr(value)).encode("utf-8", "backslashreplace"), crc)


def _without_addresses(text: str) -> str:
    """`<Page object at 0x7f0c>` is `<Page object>` wherever it lies."""
    if " at 0x" not in text:
        return text
    import re

    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _cut(text: str, most: int) -> str:
    """A text in one line; where it is longer, so many characters and `...`."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}..."


def _failure(error: BaseException) -> tuple[str, str]:
    """What kind of failure an exception is, and a line about it."""
    while isinstance(parts := getattr(error, "exceptions", None), tuple) and parts:  # a TaskGroup's
        error = parts[0]
    name = type(error).__name__
    try:
        line = f"{name}: {error}".splitlines()[0].strip(" :")
    except Exception:  # noqa: BLE001  # it is the user's, and may be broken
        line = name
    names = {kind.__name__ for kind in type(error).__mro__}
    if "MemoryError" in line:
        return "out_of_memory", line
    if "BrokenExecutor" in names:
        cause = str(error.__cause__ or "").strip(" \n\"'")
        if "_ForkingPickler.loads" in cause:
            return "unpicklable", f"a result did not unpickle ({cause.splitlines()[-1]})"
        return "crash", f"a worker ended abruptly ({line})"
    if "ImportError" in names or "ModuleNotFoundError" in line:
        return "missing_dependency", line
    if "PickleError" in names or "NotShareable" in line:
        return "unpicklable", line
    if ("TypeError" in names or "AttributeError" in names) and "pickle" in line.lower():
        return "unpicklable", line
    return "error", line
