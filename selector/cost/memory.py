"""The memory of the whole process tree under one approach, in megabytes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from selector.catalogue import Traits
from selector.cost.batch import uses_pool
from selector.cost.terms import Quantities, under


class Footprint(NamedTuple):
    """The memory of an approach, in parts: of plain code without a task, of the approach without a worker, of a worker."""

    plain: float
    fixed: float
    worker: float
    own_anyway: float  # of a worker: what a task takes without the approach, too

    def whole_mb(self, workers: int) -> float:
        """Of the process tree with so many workers, as far as it is known."""
        return self.fixed + workers * self.worker

    def overhead_mb(self, workers: int) -> float:
        """The part of it that concurrency adds."""
        return max(0.0, self.fixed - self.plain + workers * (self.worker - self.own_anyway))

    def workers_within(self, budget_mb: float) -> int:
        """How many workers fit a budget; 0 if not one does."""
        return max(0, int((budget_mb - self.fixed) // max(self.worker, 1e-9)))


def footprint_of(traits: Traits, work: Quantities) -> Footprint:
    """The memory of an approach. The data of a task is there twice where it is copied to the worker."""
    costs, in_pool = under(traits, work), uses_pool(traits, work)
    plain = (work.builds.gil if work.gil_build else work.builds.free)["base_memory_mb"]
    fixed, worker = max(plain, costs["base_memory_mb"]), work.task_mb
    if in_pool and traits.runs_in == "workers":
        fixed, worker = fixed + costs["process_pool_memory_mb"], worker + costs["process_memory_mb"]
    elif in_pool:
        worker += costs["subinterpreter_memory_mb" if traits.needs == "subinterpreters" else "thread_memory_mb"]
    data = work.payload_kb / 1024
    worker += data * (2 if traits.pickles else 1)
    own_anyway = work.task_mb + data
    if not work.startup_mb:
        return Footprint(plain, fixed, worker, own_anyway)
    if _start_up_in_each_worker(traits, work):
        return Footprint(plain, fixed, worker + work.startup_mb, own_anyway)
    return Footprint(plain + work.startup_mb, fixed + work.startup_mb, worker, own_anyway)


def _start_up_in_each_worker(traits: Traits, work: Quantities) -> bool:
    if traits.needs == "subinterpreters":
        return True
    return traits.runs_in != "own" and not (work.startup_shared and traits.runs_in == "workers")


@lru_cache(maxsize=4096)
def memory_costs_used(traits: Traits, shape: Quantities) -> tuple[str, ...]:
    """The names of the costs that the memory of an approach rests on."""
    if not uses_pool(traits, shape):
        return ("base_memory_mb",)
    if traits.runs_in == "workers":
        return "base_memory_mb", "process_pool_memory_mb", "process_memory_mb"
    return "base_memory_mb", "subinterpreter_memory_mb" if traits.needs == "subinterpreters" else "thread_memory_mb"
