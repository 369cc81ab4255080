"""A pool of threads where there is no GIL, else one of processes."""

from __future__ import annotations

import sys
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

from processes import start_worker
from yours import setup


def open_pool(workers: int) -> Executor:
    """Asked when all is imported, as a module that is imported may turn the GIL on."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return ThreadPoolExecutor(workers, initializer=setup)
    print(f"the GIL is on in {sys.executable}: processes instead of threads", file=sys.stderr)
    return ProcessPoolExecutor(workers, initializer=start_worker)
