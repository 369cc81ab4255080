"""The memory of the whole process tree under one approach, in megabytes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from selector.approaches import Traits
from selector.cost.shape import Shape, shape_of, uses_pool
from selector.cost.terms import Quantities, costs_under, slots_of


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


def footprint_of(traits: Traits, work: Quantities, shape: Shape | None = None, processes: int = 1) -> Footprint:
    """The memory of an approach. The data of a task is there twice where it is copied to the worker.

    `shape` is that of the workload, where it is at hand. Where several `processes` of it serve, a worker is one in each.
    """
    shape = shape or shape_of(work)
    one = _footprint(traits, work, shape)
    if processes == 1:
        return one
    costs = costs_under(traits, shape)
    shared = work.startup_mb if work.startup_shared and not _start_up_in_each_worker(traits, work) else 0.0
    before = costs["base_memory_mb"] + shared  # what the process has that starts the others
    each = one.fixed - before + costs["process_memory_mb"]
    fixed = before + costs["process_pool_memory_mb"] + processes * each
    return Footprint(one.plain, fixed, processes * one.worker, processes * one.own_anyway)


def _footprint(traits: Traits, work: Quantities, shape: Shape) -> Footprint:
    """The memory of one process with what it starts."""
    plain, fixed, worker = _own_memory(traits, shape)
    data = work.data_kb / 1024
    own_anyway = work.task_mb + data
    worker += own_anyway + (data if traits.pickles else 0.0)
    if not work.startup_mb:
        return Footprint(plain, fixed, worker, own_anyway)
    if _start_up_in_each_worker(traits, work):
        return Footprint(plain, fixed, worker + work.startup_mb, own_anyway)
    return Footprint(plain + work.startup_mb, fixed + work.startup_mb, worker, own_anyway)


def waiting_mb(traits: Traits, active: int, work: Quantities) -> float | None:
    """What tasks hold that wait on a loop, beside those that are at work; None where nobody says how many are in flight.

    A task may hold its memory while it waits, as one in a thread does, whose worker waits with it.
    """
    if not work.task_mb or work.wait_ms == 0:
        return 0.0
    slots = slots_of(traits, active, work)
    if slots is None:
        return None if work.tasks is None else max(0, work.tasks - active) * work.task_mb
    return max(0, min(slots, work.tasks or slots) - active) * work.task_mb


@lru_cache(maxsize=4096)
def _own_memory(traits: Traits, shape: Shape) -> tuple[float, float, float]:
    """The memory of plain code, of the approach without a worker, and of a worker without a task."""
    costs = costs_under(traits, shape)
    plain = (shape.builds.gil if shape.gil_build else shape.builds.free)["base_memory_mb"]
    fixed = max(plain, costs["base_memory_mb"])
    if not uses_pool(traits, shape):
        return plain, fixed, 0.0
    *of_pool, worker = memory_costs_used(traits, shape)[1:]
    return plain, fixed + sum(costs[name] for name in of_pool), costs[worker]


def _start_up_in_each_worker(traits: Traits, work: Quantities) -> bool:
    if traits.needs == "subinterpreters":
        return True
    return traits.runs_in != "own" and not (work.startup_shared and traits.runs_in == "workers")


@lru_cache(maxsize=4096)
def memory_costs_used(traits: Traits, shape: Shape) -> tuple[str, ...]:
    """The names of the costs that the memory of an approach rests on: without workers, of its pool, of a worker last."""
    if not uses_pool(traits, shape):
        return ("base_memory_mb",)
    if traits.runs_in == "workers":
        return "base_memory_mb", "process_pool_memory_mb", "process_memory_mb"
    return "base_memory_mb", "subinterpreter_memory_mb" if traits.needs == "subinterpreters" else "thread_memory_mb"
