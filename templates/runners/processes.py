"""Worker processes: how they start, and how they end after Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import Executor

from yours import setup


def start_worker() -> None:
    """Once in each process: Ctrl-C is for the main process, which ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if setup is not None:
        setup()


def stop(pool: Executor) -> None:
    """Drop what waits and end the processes; calls in threads come to their end, and Ctrl-C again leaves at once."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    for process in multiprocessing.active_children():
        process.terminate()
    pool.shutdown(cancel_futures=True)
