"""What a worker of an engine does with a batch: the user's part of `engine_jobs`, loaded in the worker's own process."""

from __future__ import annotations

import os

from engine_jobs.plan import planned
from tasks import Batch, ProcessingResult, Settings, process_batch

setup = None  # nothing to prepare


def function(item: tuple[Settings, Batch]) -> tuple[int, ProcessingResult]:
    """The process of the worker, and what came of the batch."""
    settings, batch = item
    # RQ forks a process for each job: the worker is the one above
    return os.getppid() if planned().engine == "rq" else os.getpid(), process_batch(settings, batch)
