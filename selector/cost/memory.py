"""The memory of the whole process tree under one approach, in megabytes."""

from __future__ import annotations

from selector.catalogue import Traits
from selector.cost.terms import Builds, Quantities, under


def memory_mb(traits: Traits, workers: int, work: Quantities, builds: Builds) -> tuple[float, float]:
    """(Memory of the process tree as far as it is known, the part of it that concurrency adds)."""
    costs = under(traits, work, builds)
    per_worker = worker_memory_mb(traits, work, builds)
    active = workers if traits.pool != "none" else 1
    overhead = active * (per_worker - work.task_mb) if traits.pool != "none" else 0.0
    if traits.runs_in == "workers":
        overhead += costs["process_pool_memory_mb"]
    base = (builds.gil if work.gil_build else builds.free)["base_memory_mb"]  # of the same thing single-threaded
    overhead += max(0.0, costs["base_memory_mb"] - base)
    shared = work.startup_mb if not _start_up_in_each_worker(traits, work) else 0.0
    data = active * work.payload_kb / 1024
    if traits.pickles:
        overhead += data  # a worker has its copy
    return base + shared + active * work.task_mb + data + overhead, overhead


def worker_memory_mb(traits: Traits, work: Quantities, builds: Builds) -> float:
    """What one more worker adds: itself, its start-up where it cannot be shared, and a task's working set."""
    kind = "process" if traits.runs_in == "workers" else "thread"
    if traits.needs == "subinterpreters":
        kind = "subinterpreter"
    own = under(traits, work, builds)[f"{kind}_memory_mb"] if traits.pool != "none" else 0.0
    return own + work.task_mb + (work.startup_mb if _start_up_in_each_worker(traits, work) else 0.0)


def _start_up_in_each_worker(traits: Traits, work: Quantities) -> bool:
    if traits.needs == "subinterpreters":
        return True
    return traits.runs_in != "own" and not (work.startup_shared and traits.runs_in == "workers")
