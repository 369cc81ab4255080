"""Predicts time and memory of one workload under one approach, from costs per start, task and byte.

Pure functions. Times are milliseconds inside, seconds in the result; memory is megabytes of the whole process tree.
The model: waits overlap as far as the approach lets them, CPU work is divided among the workers that can run it at once
(the slowest worker decides), and what the parent does for each task (dispatch, pickling) comes on top, one task after
the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from selector.catalogue import Traits

Costs = Mapping[str, float]

#: How far costs per start and per task may be off either way, by where they are from. Documented ones: the figures of
#: facts.md and those measured on 3.14.10 on the same machine differ by up to that much for most of them.
UNCERTAINTY = {"documented": 2.0, "given": 1.5, "calibrated": 1.5}


class Quantities(NamedTuple):
    """What the model needs to know of a workload; None where nothing is known.

    `cpu_ms` and `wait_ms` are per task on a GIL build; `in_flight` is how many operations may overlap;
    `startup_shared` says that workers inherit the start-up memory (copy-on-write after fork).
    """

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
    start_method: str
    free_threaded_version: str  # "3.13t", "3.14t", ...


class CostEstimate(NamedTuple):
    """Predicted for one approach: `seconds` for the whole batch (None if unknown), memory, and latency of one task."""

    seconds: float | None
    memory_mb: float
    overhead_mb: float
    latency_ms: float | None


def estimate(traits: Traits, workers: int, work: Quantities, costs: Costs) -> CostEstimate:
    """The middle estimate for one approach with so many workers."""
    memory, overhead = memory_mb(traits, workers, work, costs)
    return CostEstimate(
        batch_seconds(traits, workers, work, costs), memory, overhead, latency_ms(traits, workers, work, costs)
    )


def speedup_range(
    traits: Traits,
    workers: int,
    baseline_seconds: float | None,
    work: Quantities,
    costs: Costs,
    source: str = "documented",
) -> tuple[float, float] | None:
    """The lowest and highest speedup to expect over a baseline, or None where the quantities are not known.

    They take the costs, and the loss of parallel efficiency, as so much more and less as their `source` leaves open.
    """
    slow = batch_seconds(traits, workers, work, costs, UNCERTAINTY[source])
    fast = batch_seconds(traits, workers, work, costs, 1 / UNCERTAINTY[source])
    return (baseline_seconds / slow, baseline_seconds / fast) if baseline_seconds and slow and fast else None


def batch_seconds(traits: Traits, workers: int, work: Quantities, costs: Costs, factor: float = 1.0) -> float | None:
    """Seconds from before the pool is made to the last result; `factor` scales every overhead."""
    tasks, cpu, wait = work.tasks, work.cpu_ms, work.wait_ms
    if tasks is None or cpu is None or wait is None or traits.runs_in == "cluster":
        return None
    if traits.needs == "free_threaded" and not work.releases_gil:
        cpu *= 1 + (_slowdown(work, costs) - 1) * factor
    computing = _cpu_ms(traits, workers, tasks, cpu, work, costs, factor)
    if traits.overlaps_waits == "none":
        busy = computing + tasks * wait
    else:
        overlap = workers if traits.overlaps_waits == "pool" else min(work.in_flight or tasks, tasks)
        busy = max(computing + wait, math.ceil(tasks / overlap) * (wait + cpu))
    overhead = _start_ms(traits, workers, work, costs) + tasks * _per_task_ms(traits, work, costs)
    return (busy + overhead * factor + _startup_ms(traits, workers, work)) / 1000


def _slowdown(work: Quantities, costs: Costs) -> float:
    return costs["free_threaded_slowdown_313" if work.free_threaded_version == "3.13t" else "free_threaded_slowdown"]


def _cpu_ms(
    traits: Traits, workers: int, tasks: int, cpu: float, work: Quantities, costs: Costs, factor: float
) -> float:
    """Wall time of all CPU work: divided among the workers that run at once, no faster than the busiest of them."""
    parallel = traits.parallel_python or (traits.parallel_native and work.releases_gil)
    at_once = min(work.cores, tasks, workers) if parallel else 1
    efficiency = max(0.0, 1 - (1 - costs["parallel_efficiency"]) * factor)
    return cpu * max(tasks / (1 + (at_once - 1) * efficiency), math.ceil(tasks / at_once))


def _start_ms(traits: Traits, workers: int, work: Quantities, costs: Costs) -> float:
    """To start the pool, until its first result; processes beside a loop are not started before something computes."""
    if traits.runs_in == "workers" and traits.runs_loop and not work.cpu_ms:
        return 0.0
    if traits.runs_in == "workers":
        method = work.start_method
        return costs[f"process_pool_{method}_ms"] + max(0, workers - 2) * costs[f"process_start_{method}_ms"]
    if traits.needs == "subinterpreters":
        return costs["subinterpreter_start_ms"] * math.ceil(workers / work.cores)
    return workers * costs["thread_start_ms"] if traits.pool != "none" else 0.0


def _per_task_ms(traits: Traits, work: Quantities, costs: Costs) -> float:
    """What the parent does for each task, one after the other."""
    spent = costs["asyncio_task_ms"] if traits.runs_loop else 0.0
    if traits.runs_in == "workers" and traits.runs_loop and not work.cpu_ms:
        return spent
    if traits.pickles:
        spent += copy_ms(work, costs)
    if traits.needs == "subinterpreters":
        return spent + costs["subinterpreter_dispatch_ms"]
    if traits.runs_in == "workers":
        return spent + costs["process_dispatch_ms" if traits.runs_loop else "chunked_dispatch_ms"]
    if traits.pool == "none":
        return spent
    return spent + costs["loop_handover_ms" if traits.runs_loop else "thread_dispatch_ms"]


def copy_ms(work: Quantities, costs: Costs) -> float:
    """To copy the payload of one task to a worker and back."""
    return 2 * work.payload_kb / 1024 / costs["process_copy_mb_per_s"] * 1000


def _startup_ms(traits: Traits, workers: int, work: Quantities) -> float:
    """The workload's own costly start: once where workers share memory, else once a worker, cores at a time."""
    if traits.runs_in == "own" and traits.needs != "subinterpreters":
        return work.startup_ms
    return work.startup_ms * math.ceil(workers / work.cores)


def memory_mb(traits: Traits, workers: int, work: Quantities, costs: Costs) -> tuple[float, float]:
    """(Memory of the process tree as far as it is known, the part of it that concurrency adds)."""
    per_worker = worker_memory_mb(traits, work, costs)
    active = workers if traits.pool != "none" else 1
    overhead = active * (per_worker - work.task_mb) if traits.pool != "none" else 0.0
    base = costs["base_memory_mb"]
    if traits.needs == "free_threaded":
        overhead += base * (costs["free_threaded_memory_factor"] - 1)
    shared = work.startup_mb if not _start_up_in_each_worker(traits, work) else 0.0
    return base + shared + overhead + active * work.task_mb, overhead


def worker_memory_mb(traits: Traits, work: Quantities, costs: Costs) -> float:
    """What one more worker adds: itself, its start-up where it cannot be shared, and a task's working set."""
    kind = "process" if traits.runs_in == "workers" else "thread"
    if traits.needs == "subinterpreters":
        kind = "subinterpreter"
    own = costs[f"{kind}_memory_mb"] if traits.pool != "none" else 0.0
    return own + work.task_mb + (work.startup_mb if _start_up_in_each_worker(traits, work) else 0.0)


def _start_up_in_each_worker(traits: Traits, work: Quantities) -> bool:
    if traits.needs == "subinterpreters":
        return True
    return traits.runs_in != "own" and not (work.startup_shared and traits.runs_in == "workers")


def latency_ms(traits: Traits, workers: int, work: Quantities, costs: Costs) -> float | None:
    """How long one task takes with a warm pool, 95th percentile; the GIL convoy counts where threads compute.

    A thread of a GIL build waits for each thread that computes before it: its task, up to one switch interval
    (facts: 5 ms behind one CPU thread, 38 ms at p95 behind four).
    """
    if work.cpu_ms is None or traits.runs_in == "cluster":
        return None
    cpu = work.cpu_ms
    if traits.needs == "free_threaded" and not work.releases_gil:
        cpu *= _slowdown(work, costs)
    spent = cpu + (work.wait_ms or 0.0) + _per_task_ms(traits, work, costs)
    if traits.convoy and not work.releases_gil and cpu > 0:
        spent += min(costs["gil_switch_ms"], cpu) * min(workers, work.cores)
    return spent
