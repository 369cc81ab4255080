"""One task with its times, where the worker is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

#: What came of one task: its value, the thread that did it, when it began and ended (time.perf_counter, which the
#: processes of a machine share).
Done = tuple[Any, int, float, float]


def timed(work: Callable[[Any], Any], item: Any) -> Done:
    """Do one task where the worker is, with its times."""
    started = time.perf_counter()
    value = work(item)
    return value, threading.get_native_id(), started, time.perf_counter()
