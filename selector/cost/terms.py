"""The terms of the cost model: what is known of a workload, the costs it meets, and what both come to for one task.

Times are milliseconds, memory is megabytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from selector.approaches import Traits

Costs = Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Builds:
    """The costs under each Python that an approach may run on: with a GIL, free-threaded, and the one for subinterpreters."""

    gil: Costs
    free: Costs
    sub: Costs


class Quantities(NamedTuple):
    """What the model needs to know of a workload, with the costs it meets; None where nothing is known.

    `cpu_ms` and `wait_ms` are per task on a GIL build; `in_flight` is how many operations may overlap, or do in a service;
    `startup_shared` says that workers inherit the start-up memory (copy-on-write after fork).
    """

    serves: bool  # a stream of requests; else a batch of tasks
    tasks: int | None
    cpu_ms: float | None
    wait_ms: float | None
    in_flight: int | None
    cores: int
    payload_kb: float  # that is copied to a worker and back; assumed where it is not given
    data_kb: float  # of a task, as far as it is given: what its memory is reckoned from
    task_mb: float
    startup_ms: float
    startup_mb: float
    startup_shared: bool
    releases_gil: bool
    library_parallel: bool  # the library divides its own work among all cores
    blocks: bool  # the library blocks the thread that calls it: each wait takes a worker
    isolated: bool  # whatever a task does, it does in a worker process
    shared_state: str | None
    start_method: str
    gil_build: bool  # whether a build with a GIL may be used; else everything runs on the free-threaded one
    builds: Builds


def build_of(traits: Traits, work: Quantities) -> Literal["gil", "free", "sub"]:
    """The Python that an approach runs on, by its name in Builds."""
    if traits.needs == "free_threaded" or not work.gil_build:
        return "free"
    return "sub" if traits.needs == "subinterpreters" else "gil"


def costs_under(traits: Traits, work: Quantities) -> Costs:
    """The costs under the Python that an approach runs on."""
    costs: Costs = getattr(work.builds, build_of(traits, work))
    return costs


def slowed(traits: Traits, work: Quantities) -> bool:
    """Whether the free-threaded build makes its computing slower: that of Python does, native code does not."""
    return build_of(traits, work) == "free" and not work.releases_gil


def runs_single(traits: Traits) -> bool:
    """Whether it is plain code: one thread, no loop, no library that divides the work."""
    return traits.pool == "none" and not traits.runs_loop and not traits.parallel_native


def slots_of(traits: Traits, workers: int, work: Quantities) -> int | None:
    """How many tasks may be in flight at once; None: all that there are. Plain calls that wait hold a worker each."""
    if traits.overlaps_waits == "none":
        return 1
    if traits.overlaps_waits == "pool" or (work.blocks and traits.pool != "none"):
        return workers if work.in_flight is None else min(workers, work.in_flight)
    return work.in_flight


def at_once_of(traits: Traits, workers: int, work: Quantities) -> int:
    """How many workers compute at the same time; of a library that divides its work itself, one call after the other."""
    if work.library_parallel and not runs_single(traits):
        return 1
    parallel = traits.parallel_python or (traits.parallel_native and work.releases_gil)
    parallel = parallel or (traits.pool != "none" and not work.gil_build)
    if not parallel:
        return 1
    at_once = min(work.cores, workers if traits.pool != "none" else work.cores)
    slots = slots_of(traits, workers, work) if traits.pool != "none" else None
    return at_once if slots is None else min(at_once, slots)


#: What those pay who take turns at one thing, such as a lock: each worker more adds the same again (Amdahl), so that more
#: of them can take longer than fewer.
IN_TURNS = ("contention_hot",)


def loss(name: str, workers: float, costs: Costs) -> float:
    """How many times as long a task takes while so many workers compute: 1 for one, 1 + the cost `name` for two.

    Whoever takes turns pays the same again for each worker more. What workers share otherwise is the hardware (caches,
    memory, the clock of the CPUs), which is soon shared by all: the loss of two comes to at most twice that of many. What
    happens beyond as many as were measured (`scaling_known_to`) is open; `scaling_growth` is 0 in the middle estimate.
    """
    contention = costs[name]
    if name in IN_TURNS:
        return 1 + contention * (workers - 1)
    beyond = max(0.0, workers - costs["scaling_known_to"]) * costs["scaling_growth"]
    return 1 + contention * (2 - 2 / workers + beyond)


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
