"""The terms of the cost model: the costs of a host, what is known of a workload, and what both come to for one task.

Times are milliseconds, memory is megabytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from selector.catalogue import Traits

Costs = Mapping[str, float]


class Builds(NamedTuple):
    """The costs under a Python with a GIL, and under a free-threaded one."""

    gil: Costs
    free: Costs


class Quantities(NamedTuple):
    """What the model needs to know of a workload; None where nothing is known.

    `cpu_ms` and `wait_ms` are per task on a GIL build; `in_flight` is how many operations may overlap, or do in a service;
    `startup_shared` says that workers inherit the start-up memory (copy-on-write after fork).
    """

    serves: bool  # a stream of requests; else a batch of tasks
    tasks: int | None
    cpu_ms: float | None
    wait_ms: float | None
    in_flight: int | None
    cores: int
    payload_kb: float
    task_mb: float
    startup_ms: float
    startup_mb: float
    startup_shared: bool
    releases_gil: bool
    shared_state: str | None
    start_method: str
    gil_build: bool  # whether a build with a GIL may be used; else everything runs on the free-threaded one
    free_threaded_version: str  # "3.13t", "3.14t", ...


def under(traits: Traits, work: Quantities, builds: Builds) -> Costs:
    """The costs under the Python that an approach runs on."""
    return builds.free if traits.needs == "free_threaded" or not work.gil_build else builds.gil


def at_once_of(traits: Traits, workers: int, work: Quantities) -> int:
    """How many workers compute at the same time."""
    parallel = traits.parallel_python or (traits.parallel_native and work.releases_gil)
    parallel = parallel or (traits.pool != "none" and not work.gil_build)
    return min(work.cores, workers if traits.pool != "none" else work.cores) if parallel else 1


def cpu_ms_of(traits: Traits, cpu: float, at_once: int, work: Quantities, costs: Costs, factor: float) -> float:
    """CPU part of a task while so many compute: by the universal scalability law, of which contention is measured."""
    if (traits.needs == "free_threaded" or not work.gil_build) and not work.releases_gil:
        cpu *= _slowdown(work, costs, factor)
    return cpu * (1 + costs[contention_of(traits, work)] * factor * (at_once - 1))


def contention_of(traits: Traits, work: Quantities) -> str:
    """The cost that says how much workers of this kind hold each other up."""
    if traits.runs_in == "workers":
        return "contention_processes"
    if traits.needs == "subinterpreters":
        return "contention_subinterpreters"
    if work.releases_gil:
        return "contention_threads_native"
    return {"read_only": "contention_read_only", "hot_writes": "contention_hot"}.get(
        work.shared_state or "", "contention_threads_python"
    )


def _slowdown(work: Quantities, costs: Costs, factor: float) -> float:
    """How much longer pure Python takes on the free-threaded build; how much depends on what the code does."""
    middle = costs["free_threaded_slowdown_313" if work.free_threaded_version == "3.13t" else "free_threaded_slowdown"]
    spread = costs["free_threaded_spread"]
    return middle if factor == 1 else middle * spread if factor > 1 else max(1.0, middle / spread)
