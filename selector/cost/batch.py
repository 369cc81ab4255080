"""The time of a batch under one approach, by where it goes.

Waits overlap as far as the approach lets them; CPU work is divided among the workers that can run it at once (the
slowest worker decides) and takes longer the more of them compute (universal scalability law); what the parent does for
each task (dispatch, pickling) comes on top, one task after the other, and so do the starts.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from selector.catalogue import Traits
from selector.cost.terms import Builds, Costs, Quantities, at_once_of, cpu_ms_of, under


class Parts(NamedTuple):
    """Where the milliseconds of a batch go; together they are its time."""

    computing: float
    waiting: float
    pool_start: float
    startup: float
    dispatch: float
    copying: float


def batch_seconds(traits: Traits, workers: int, work: Quantities, builds: Builds, factor: float = 1.0) -> float | None:
    """Seconds from before the pool is made to the last result; `factor` scales every overhead."""
    parts = batch_parts(traits, workers, work, builds, factor)
    return sum(parts) / 1000 if parts else None


def batch_parts(traits: Traits, workers: int, work: Quantities, builds: Builds, factor: float = 1.0) -> Parts | None:
    """The same in milliseconds, by where they go; None where the quantities are not known."""
    tasks, cpu, wait = work.tasks, work.cpu_ms, work.wait_ms
    if tasks is None or cpu is None or wait is None or traits.runs_in == "cluster":
        return None
    costs = under(traits, work, builds)
    at_once = at_once_of(traits, min(workers, tasks), work)
    each = cpu_ms_of(traits, cpu, at_once, work, costs, factor)
    if traits.pool == "none":  # a library that uses every core for one task after the other
        each, at_once = each / at_once, 1
    waits = wait + costs["sleep_overshoot_ms"] * factor if wait else 0.0
    dispatch = dispatch_ms(traits, workers, tasks, work, costs) * factor
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


def dispatch_ms(traits: Traits, workers: int, tasks: int, work: Quantities, costs: Costs) -> float:
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
