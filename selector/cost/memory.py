"""The memory of the whole process tree under one approach, in megabytes."""

from __future__ import annotations

from selector.catalogue import Traits
from selector.cost.batch import uses_pool
from selector.cost.terms import Quantities, under


def memory_mb(traits: Traits, workers: int, work: Quantities) -> tuple[float, float]:
    """(Memory of the process tree as far as it is known, the part of it that concurrency adds)."""
    base, fixed = fixed_memory_mb(traits, work)
    active = workers if traits.pool != "none" else 1
    whole = fixed + active * worker_memory_mb(traits, work)
    alone = work.task_mb + work.payload_kb / 1024  # the same, for one that does without the approach
    return whole, max(0.0, whole - base - active * alone - _shared_start_up_mb(traits, work))


def fixed_memory_mb(traits: Traits, work: Quantities) -> tuple[float, float]:
    """(Memory of plain code before it has a task, that of the approach before it has a worker)."""
    base = (work.builds.gil if work.gil_build else work.builds.free)["base_memory_mb"]
    costs = under(traits, work)
    helpers = costs["process_pool_memory_mb"] if traits.runs_in == "workers" and uses_pool(traits, work) else 0.0
    return base, max(base, costs["base_memory_mb"]) + helpers + _shared_start_up_mb(traits, work)


def worker_memory_mb(traits: Traits, work: Quantities) -> float:
    """What one more worker adds: itself, its start-up where it is not shared, a task's working set and its data.

    The data of a task is there twice where it is copied to the worker.
    """
    data = work.payload_kb / 1024 * (2 if traits.pickles else 1)
    own = 0.0
    if traits.pool != "none" and uses_pool(traits, work):
        kind = "process" if traits.runs_in == "workers" else "thread"
        own = under(traits, work)[f"{'subinterpreter' if traits.needs == 'subinterpreters' else kind}_memory_mb"]
    return own + work.task_mb + data + (work.startup_mb if _start_up_in_each_worker(traits, work) else 0.0)


def _shared_start_up_mb(traits: Traits, work: Quantities) -> float:
    return 0.0 if _start_up_in_each_worker(traits, work) else work.startup_mb


def _start_up_in_each_worker(traits: Traits, work: Quantities) -> bool:
    if traits.needs == "subinterpreters":
        return True
    return traits.runs_in != "own" and not (work.startup_shared and traits.runs_in == "workers")


def memory_costs_used(traits: Traits, work: Quantities) -> tuple[str, ...]:
    """The names of the costs that the memory of an approach rests on."""
    if not uses_pool(traits, work):
        return ("base_memory_mb",)
    if traits.runs_in == "workers":
        return "base_memory_mb", "process_pool_memory_mb", "process_memory_mb"
    return "base_memory_mb", "subinterpreter_memory_mb" if traits.needs == "subinterpreters" else "thread_memory_mb"
