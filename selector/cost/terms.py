"""The terms of the cost model: what is known of a workload, the costs it meets, and what both come to for one task.

Times are milliseconds, memory is megabytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
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
    `startup_shared` says that workers inherit the start-up memory (copy-on-write after fork). `gil_share` is the part of a
    task's CPU time in which it holds the GIL (1: Python code, 0: native code that releases it), `gil_hold_ms` the longest
    time it does without a break.
    """

    serves: bool  # a stream of requests; else a batch of tasks
    tasks: int | None
    cpu_ms: float | None
    wait_ms: float | None
    in_flight: int | None
    arrivals_per_ms: float | None  # of a service: requests that arrive; None: as many are in flight as `in_flight` says
    cores: int
    payload_kb: float  # that is copied to a worker and back; assumed where it is not given
    pickle_ms: float | None  # to pickle and unpickle the data of a task, both ways; None: reckoned from its size
    data_kb: float  # of a task, as far as it is given: what its memory is reckoned from
    task_mb: float
    startup_ms: float
    startup_mb: float
    startup_shared: bool
    import_ms: float  # what each new process or subinterpreter imports; plain code and threads have it already
    gil_share: float
    gil_hold_ms: float | None
    free_threaded_ratio: float | None  # CPU time of a task on a free-threaded build over that with a GIL, if measured
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
    """Whether its computing is slower by the costs of the free-threaded build: Python is, native code is not.

    Where it has been measured how much slower the task is, those costs do not count.
    """
    return build_of(traits, work) == "free" and bool(work.gil_share) and work.free_threaded_ratio is None


def is_partial(share: float) -> bool:
    """Whether code holds the GIL for a part of its time only."""
    return 0 < share < 1


@lru_cache(maxsize=4096)
def computing_in_turns(share: float, workers: int) -> float:
    """How many of so many threads compute at once that hold the GIL for a share of their time: at most 1 / share.

    One at a time holds the GIL, and who needs it queues; what does not hold it runs side by side: the machine repair
    model, by mean value analysis. Two threads gain 1.26 with a share of 0.77 (pandas, measured 1.25), 1.98 with 0.09
    (SQLite, 1.99).
    """
    if workers > _EXACTLY:
        exact, about = computing_in_turns(share, _EXACTLY), _about_in_turns(share, _EXACTLY)
        return min(exact / about * _about_in_turns(share, workers), 1 / share if share else workers)
    queue = done = 0.0
    for number in range(1, workers + 1):
        holding = share * (1 + queue)
        done = number / (holding + 1 - share)
        queue = done * holding
    return done


_EXACTLY = 256  # workers up to which it is worked out one by one


def _about_in_turns(share: float, workers: int) -> float:
    """The same in one formula (Schweitzer's approximation), a few percent less in the middle."""
    elsewhere = 1 - share
    busy = share * workers - elsewhere
    root = math.sqrt(busy * busy + 4 * share * elsewhere)
    holding = (root + busy) / 2 if busy > 0 else 2 * share * elsewhere / (root - busy)
    return workers / (holding + elsewhere)


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
    parallel = traits.parallel_python or (traits.parallel_native and work.gil_share < 1)
    parallel = parallel or (traits.pool != "none" and not work.gil_build)
    if not parallel:
        return 1
    at_once = min(work.cores, workers if traits.pool != "none" else work.cores)
    slots = slots_of(traits, workers, work) if traits.pool != "none" else None
    return at_once if slots is None else min(at_once, slots)


#: What those pay who take turns at one thing, such as a lock: each worker more adds the same again (Amdahl), so that more
#: of them can take longer than fewer.
IN_TURNS = ("contention_hot", "contention_hot_reads")


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
    if not work.gil_share or (work.gil_share < 1 and build_of(traits, work) != "free"):
        return _NATIVE
    return _BY_SHARED_STATE.get(work.shared_state or "", "contention_threads_python")


_NATIVE = "contention_threads_native"
_BY_SHARED_STATE = {
    "read_only": "contention_read_only",
    "hot_reads": "contention_hot_reads",
    "hot_writes": "contention_hot",
}


class Mix(NamedTuple):
    """What a task is made of where it is partly Python and partly native code; nothing where it is all one.

    `held` is the part in which threads take turns for the GIL, `native` the part that does not contend as Python does.
    """

    held: float = 0.0
    native: float = 0.0

    def at_once(self, workers: float) -> float:
        """How many of so many workers, that there are CPUs for, compute at once."""
        if not self.held:
            return workers
        whole, rest = divmod(workers, 1)
        few = computing_in_turns(self.held, int(whole))
        return few + rest * (computing_in_turns(self.held, int(whole) + 1) - few) if rest else few

    def turns(self, tasks: int, at_once: int) -> float:
        """How many times as long as one task so many take, with so many workers that there are CPUs for."""
        if not self.held:
            return -(-tasks // at_once)
        full, rest = divmod(tasks, at_once)
        return full * at_once / self.at_once(at_once) + (rest / self.at_once(rest) if rest else 0.0)

    def loss(self, name: str, workers: float, costs: Costs) -> float:
        """How many times as long a task takes while so many compute (see `loss`)."""
        whole = loss(name, self.at_once(workers), costs)
        return whole if not self.native else (1 - self.native) * whole + self.native * loss(_NATIVE, workers, costs)


ALL_ONE = Mix()


def mix_of(traits: Traits, work: Quantities) -> Mix:
    """What a task of an approach is made of: of workers with a GIL each, nothing."""
    if not is_partial(work.gil_share):
        return ALL_ONE
    if build_of(traits, work) == "free":
        return Mix(native=1 - work.gil_share)
    return ALL_ONE if traits.parallel_python or not traits.parallel_native else Mix(held=work.gil_share)


def most_gained(traits: Traits, at_once: int, work: Quantities) -> float:
    """How many times as fast so many that compute at once can be at most: with the GIL no more than 1 / its share."""
    held = mix_of(traits, work).held
    return min(at_once, 1 / held) if held else at_once
