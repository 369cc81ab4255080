"""How a pool of threads ends after Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import Executor

INTERRUPTED = 130


def stop(pool: Executor) -> None:
    """Drop what waits and let the calls under way end, which nothing can stop; Ctrl-C again leaves at once."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    print("\ninterrupted: the calls under way come to their end", file=sys.stderr)
    pool.shutdown(cancel_futures=True)
