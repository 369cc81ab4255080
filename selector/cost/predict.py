"""Predicts time and memory of one workload under one approach, from costs per start, task and byte.

Pure functions. Times are milliseconds inside, seconds in the result; memory is megabytes of the whole process tree.
The model: waits overlap as far as the approach lets them; CPU work is divided among the workers that can run it at once
(the slowest worker decides) and takes longer the more of them compute (universal scalability law); what the parent does
for each task (dispatch, pickling) comes on top, one task after the other, and so do the starts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from selector.catalogue import Traits
from selector.cost.queueing import serve

Costs = Mapping[str, float]

#: How far costs per start and per task may be off either way, by where they are from. Documented ones: the figures of
#: facts.md and those measured on 3.14.10 on the same machine differ by up to that much for most of them.
UNCERTAINTY = {"documented": 2.0, "given": 1.5, "calibrated": 1.3}
#: How far everything may be off, as what the model leaves out and what disturbs a host: see docs/predictions.md.
MARGIN = {"documented": 1.25, "given": 1.15, "calibrated": 1.1}

Dominant = Literal["computing", "GIL", "waiting", "pool start", "expensive start", "dispatch", "pickling"]


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


class CostEstimate(NamedTuple):
    """Predicted for one approach; None where the quantities for it are not known.

    `seconds` is for the whole batch, and `dominant` the part that most of it goes into. `latency_ms` is that of one
    task by itself, 95th percentile; a service has a `throughput` (requests per second), and `queued_ms`, which is that
    latency among all that are in flight. `memory_mb` has the data of the tasks in work, and `data_mb` is that of all
    others, if they and their results are in memory, too.
    """

    seconds: float | None
    memory_mb: float
    overhead_mb: float
    data_mb: float
    latency_ms: float | None
    dominant: Dominant | None
    throughput: float | None
    queued_ms: float | None


class Parts(NamedTuple):
    """Where the milliseconds of a batch go; together they are its time."""

    computing: float
    waiting: float
    pool_start: float
    startup: float
    dispatch: float
    copying: float


def estimate(traits: Traits, workers: int, work: Quantities, builds: Builds) -> CostEstimate:
    """The middle estimate for one approach with so many workers."""
    memory, overhead = memory_mb(traits, workers, work, builds)
    parts = batch_parts(traits, workers, work, builds)
    alone = latency_ms(traits, workers, work, builds)
    throughput, queued = _service(traits, workers, work, builds, alone) if work.serves else (None, None)
    return CostEstimate(
        seconds=sum(parts) / 1000 if parts else None,
        memory_mb=memory,
        overhead_mb=overhead,
        data_mb=max(0, (work.tasks or 0) - workers) * work.payload_kb / 1024 * (2 if traits.pickles else 1),
        latency_ms=alone,
        dominant=_dominant(parts, traits, workers, work) if parts else None,
        throughput=throughput,
        queued_ms=queued,
    )


def speedup_range(
    traits: Traits,
    workers: int,
    baseline_seconds: float | None,
    work: Quantities,
    builds: Builds,
    source: str = "documented",
) -> tuple[float, float] | None:
    """The lowest and highest speedup to expect over a baseline, or None where the quantities are not known.

    They take the costs, the loss of parallel efficiency and the slowdown of the free-threaded build as so much more and
    less as their `source` leaves open. Computing alone is never faster than by as many as compute at once.
    """
    slow = batch_seconds(traits, workers, work, builds, UNCERTAINTY[source])
    fast = batch_seconds(traits, workers, work, builds, 1 / UNCERTAINTY[source])
    if not (baseline_seconds and slow and fast):
        return None
    low, high = baseline_seconds / (slow * MARGIN[source]), baseline_seconds / fast * MARGIN[source]
    at_once = _at_once(traits, min(workers, work.tasks or workers), work)
    return low, min(high, at_once) if at_once > 1 and not work.wait_ms else high


def batch_seconds(traits: Traits, workers: int, work: Quantities, builds: Builds, factor: float = 1.0) -> float | None:
    """Seconds from before the pool is made to the last result; `factor` scales every overhead."""
    parts = batch_parts(traits, workers, work, builds, factor)
    return sum(parts) / 1000 if parts else None


def batch_parts(traits: Traits, workers: int, work: Quantities, builds: Builds, factor: float = 1.0) -> Parts | None:
    """The same in milliseconds, by where they go; None where the quantities are not known."""
    tasks, cpu, wait = work.tasks, work.cpu_ms, work.wait_ms
    if tasks is None or cpu is None or wait is None or traits.runs_in == "cluster":
        return None
    costs = _under(traits, work, builds)
    at_once = _at_once(traits, min(workers, tasks), work)
    each = _cpu_ms(traits, cpu, at_once, work, costs, factor)
    waits = wait + costs["sleep_overshoot_ms"] * factor if wait else 0.0
    dispatch = _dispatch_ms(traits, workers, tasks, work, costs) * factor
    copying = tasks * copy_ms(traits, work, costs) * factor
    slots = {"none": 1, "pool": min(workers, tasks), "all": min(work.in_flight or tasks, tasks)}[traits.overlaps_waits]
    computing, busy = _overlapped(tasks, slots, at_once, waits, each, (dispatch + copying) / tasks)
    return Parts(
        computing=computing,
        waiting=max(0.0, busy - computing - dispatch - copying),
        pool_start=_start_ms(traits, min(workers, tasks), work, costs) * factor,
        startup=_startup_ms(traits, min(workers, tasks), work),
        dispatch=dispatch,
        copying=copying,
    )


def _overlapped(tasks: int, slots: int, at_once: int, wait: float, each: float, parent: float) -> tuple[float, float]:
    """(Time of all computing, time until all is done) with so many tasks in flight and so many computing at once.

    Either the computing is the narrow place, after a first wait; or the waits are, in rounds of as many as may be in
    flight, and the last ones to wake up compute in turn. `parent` is what the parent does for each.
    """
    computing = math.ceil(tasks / at_once) * each
    rounds = math.ceil(tasks / slots)
    last = tasks - (rounds - 1) * slots
    in_rounds = rounds * (wait + each + parent) + (math.ceil(last / at_once) - 1) * (each + parent)
    return computing, max(wait + computing + tasks * parent, in_rounds)


def _under(traits: Traits, work: Quantities, builds: Builds) -> Costs:
    """The costs under the Python that an approach runs on."""
    return builds.free if traits.needs == "free_threaded" or not work.gil_build else builds.gil


def _at_once(traits: Traits, workers: int, work: Quantities) -> int:
    """How many workers compute at the same time."""
    parallel = traits.parallel_python or (traits.parallel_native and work.releases_gil)
    parallel = parallel or (traits.pool != "none" and not work.gil_build)
    return min(work.cores, workers if traits.pool != "none" else work.cores) if parallel else 1


def _cpu_ms(traits: Traits, cpu: float, at_once: int, work: Quantities, costs: Costs, factor: float) -> float:
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


def _start_ms(traits: Traits, workers: int, work: Quantities, costs: Costs) -> float:
    """To start the pool and the loop; processes beside a loop are not started before something computes."""
    loop = costs["asyncio_start_ms"] if traits.runs_loop else 0.0
    if traits.runs_in == "workers" and traits.runs_loop and not work.cpu_ms:
        return loop + costs["process_pool_unused_ms"]
    if traits.pool == "none" or (traits.runs_loop and not work.cpu_ms):
        return loop
    if traits.runs_in == "workers":
        kind, more = f"process_pool_{work.start_method}_ms", f"process_start_{work.start_method}_ms"
        return loop + costs[kind] + (workers - 1) * costs[more]
    if traits.needs == "subinterpreters":
        side_by_side = min(workers, work.cores)
        return (
            costs["subinterpreter_start_ms"]
            + (side_by_side - 1) * costs["subinterpreter_more_ms"]
            + (workers - side_by_side) * costs["subinterpreter_extra_ms"]
        )
    return loop + workers * costs["thread_start_ms"]


def _dispatch_ms(traits: Traits, workers: int, tasks: int, work: Quantities, costs: Costs) -> float:
    """What the parent does for all tasks, one after the other, beside copying their data."""
    name = dispatch_cost_of(traits, work)
    if not name:
        return 0.0
    if traits.runs_loop:
        on_loop = costs["asyncio_wait_ms" if work.wait_ms else "asyncio_task_ms"]
        return tasks * (on_loop + (costs[name] if not name.startswith("asyncio") else 0.0))
    if traits.runs_in == "workers":
        messages = min(tasks, _CHUNKS_PER_WORKER * workers)
        return messages * costs[name] + tasks * costs["chunked_dispatch_ms"]
    return tasks * costs[name]


def dispatch_cost_of(traits: Traits, work: Quantities) -> str:
    """The name of what handing a task over costs beyond what a loop does for it; empty where nothing is handed over."""
    if traits.runs_loop and (traits.pool == "none" or not work.cpu_ms):
        return "asyncio_wait_ms" if work.wait_ms else "asyncio_task_ms"
    if traits.pool == "none":
        return ""
    if traits.runs_in == "workers":
        return "loop_process_ms" if traits.runs_loop else "process_dispatch_ms"
    if traits.needs == "subinterpreters":
        return "subinterpreter_dispatch_ms"
    if traits.runs_loop:
        return "loop_handover_ms"
    return "thread_wait_ms" if work.wait_ms else "thread_dispatch_ms"


_CHUNKS_PER_WORKER = 4  # as the scripts we generate divide tasks among processes


def copy_ms(traits: Traits, work: Quantities, costs: Costs) -> float:
    """To copy the payload of one task to a worker and back; 0 where it stays where it is."""
    if not traits.pickles or (traits.runs_loop and not work.cpu_ms):
        return 0.0
    kind = "subinterpreter" if traits.needs == "subinterpreters" else "process"
    return 2 * work.payload_kb / 1024 / costs[f"{kind}_copy_mb_per_s"] * 1000


def _startup_ms(traits: Traits, workers: int, work: Quantities) -> float:
    """The workload's own costly start: once a process or subinterpreter, as many at a time as there are cores.

    Threads share it. But those of one pool begin it together, and where they are more than the cores the last begin when
    the first have nearly done (measured with 2 to 64 threads on 2 CPUs: 1.0 times as long with 2, 1.3 with 4, 1.7 with
    8, 1.9 with 16 or more).
    """
    if traits.runs_in == "workers" or traits.needs == "subinterpreters":
        return work.startup_ms * math.ceil(workers / work.cores)
    return work.startup_ms * (2 - min(workers, work.cores) / workers if traits.pool != "none" else 1)


def _dominant(parts: Parts, traits: Traits, workers: int, work: Quantities) -> Dominant:
    """What most of the time goes into, in a word."""
    names: tuple[Dominant, ...] = ("computing", "waiting", "pool start", "expensive start", "dispatch", "pickling")
    name = max(zip(parts, names, strict=True), key=lambda pair: pair[0])[1]
    in_turns = traits.pool != "none" and min(workers, work.cores) > 1 and _at_once(traits, workers, work) == 1
    return "GIL" if name == "computing" and in_turns else name


def memory_mb(traits: Traits, workers: int, work: Quantities, builds: Builds) -> tuple[float, float]:
    """(Memory of the process tree as far as it is known, the part of it that concurrency adds)."""
    costs = _under(traits, work, builds)
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
    own = _under(traits, work, builds)[f"{kind}_memory_mb"] if traits.pool != "none" else 0.0
    return own + work.task_mb + (work.startup_mb if _start_up_in_each_worker(traits, work) else 0.0)


def _start_up_in_each_worker(traits: Traits, work: Quantities) -> bool:
    if traits.needs == "subinterpreters":
        return True
    return traits.runs_in != "own" and not (work.startup_shared and traits.runs_in == "workers")


def latency_ms(traits: Traits, workers: int, work: Quantities, builds: Builds) -> float | None:
    """How long one task takes with a warm pool, 95th percentile; the GIL convoy counts where threads compute.

    A thread of a GIL build waits for each thread that computes before it: its task, up to one switch interval
    (facts: 5 ms behind one CPU thread, 38 ms at p95 behind four).
    """
    if work.cpu_ms is None or traits.runs_in == "cluster":
        return None
    costs = _under(traits, work, builds)
    cpu = _cpu_ms(traits, work.cpu_ms, 1, work, costs, 1.0)
    spent = cpu + (work.wait_ms or 0.0) + _dispatch_ms(traits, 1, 1, work, costs) + copy_ms(traits, work, costs)
    if traits.convoy and not work.releases_gil and cpu > 0:
        spent += min(costs["gil_switch_ms"], cpu) * min(workers, work.cores)
    return spent


def _service(
    traits: Traits, workers: int, work: Quantities, builds: Builds, alone_ms: float | None
) -> tuple[float | None, float | None]:
    """(Requests per second, latency of one at the 95th percentile) with as many in flight as the workload says.

    A request queues for what is scarcest: a slot that it holds while it waits and computes, or a CPU to compute on.
    """
    if alone_ms is None or work.cpu_ms is None or work.wait_ms is None or not work.in_flight:
        return None, None
    costs = _under(traits, work, builds)
    at_once = _at_once(traits, workers, work)
    parent = _dispatch_ms(traits, workers, 1, work, costs) + copy_ms(traits, work, costs)
    each = max(_cpu_ms(traits, work.cpu_ms, at_once, work, costs, 1.0) + parent, _SHORTEST_MS)
    servers, capacity = at_once, at_once / each
    if traits.overlaps_waits != "all":
        slots = workers if traits.overlaps_waits == "pool" else 1
        servers, capacity = min((servers, capacity), (slots, slots / (each + work.wait_ms)), key=lambda s: s[1])
    served = serve(work.in_flight, max(alone_ms, _SHORTEST_MS), servers, capacity)
    return served.rate * 1000, alone_ms + served.queue_p95_ms


_SHORTEST_MS = 1e-6
