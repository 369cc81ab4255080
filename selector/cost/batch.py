"""The time of a batch under one approach, by where it goes.

Waits overlap as far as the approach lets them; CPU work is divided among the workers that can run it at once (the
slowest worker decides) and takes longer the more of them compute; what the parent does for each task (dispatch,
pickling) comes on top, one task after the other, and so do the starts.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from selector.catalogue import Traits
from selector.cost.terms import Costs, Quantities, at_once_of, contention_of, cpu_ms_of, slots_of, under


class Parts(NamedTuple):
    """Where the milliseconds of a batch go; together they are its time."""

    computing: float
    waiting: float
    pool_start: float
    startup: float
    dispatch: float
    copying: float


def batch_seconds(traits: Traits, workers: int, work: Quantities) -> float | None:
    """Seconds from before the pool is made to the last result."""
    parts = batch_parts(traits, workers, work)
    return sum(parts) / 1000 if parts else None


def batch_parts(traits: Traits, workers: int, work: Quantities) -> Parts | None:
    """The same in milliseconds, by where they go; None where the quantities are not known."""
    tasks, cpu, wait = work.tasks, work.cpu_ms, work.wait_ms
    if tasks is None or cpu is None or wait is None or traits.runs_in == "cluster":
        return None
    costs = under(traits, work)
    pool = min(workers, tasks)
    at_once = at_once_of(traits, pool, work)
    each = cpu_ms_of(traits, cpu, at_once, work, costs)
    if traits.pool == "none":  # one task after the other, each of them on every core where a library divides it
        each, at_once = each / at_once, 1
    waits = wait + costs["sleep_overshoot_ms"] if wait else 0.0
    dispatch = dispatch_ms(traits, workers, tasks, work, costs)
    copying = tasks * copy_ms(traits, work, costs)
    slots = min(slots_of(traits, pool, work) or tasks, tasks)
    computing, busy = _overlapped(tasks, slots, at_once, waits, each, (dispatch + copying) / tasks)
    return Parts(
        computing,
        max(0.0, busy - computing - dispatch - copying),
        start_ms(traits, pool, work, costs),
        _startup_ms(traits, pool, work),
        dispatch,
        copying,
    )


def _overlapped(tasks: int, slots: int, at_once: int, wait: float, each: float, parent: float) -> tuple[float, float]:
    """(Time of all computing, time until all is done) with so many tasks in flight and so many computing at once.

    Either the computing is the narrow place, after a first wait; or the waits are, in rounds of as many as may be in
    flight, and the last ones to wake up compute in turn. `parent` is what the parent does for each.
    """
    computing = -(-tasks // at_once) * each
    all_of_it = wait + computing + tasks * parent
    if not wait:
        return computing, all_of_it
    rounds = -(-tasks // slots)
    last = tasks - (rounds - 1) * slots
    in_rounds = rounds * (wait + each + parent) + (-(-last // at_once) - 1) * (each + parent)
    return computing, max(all_of_it, in_rounds)


def start_ms(traits: Traits, workers: int, work: Quantities, costs: Costs) -> float:
    """To start the pool and the loop; processes beside a loop are not started before something must run in them."""
    loop = costs["asyncio_start_ms"] if traits.runs_loop else 0.0
    if traits.pool == "none":
        return loop
    if traits.runs_in == "workers":
        if not uses_pool(traits, work):
            return loop + costs["process_pool_unused_ms"]
        kind, more = f"process_pool_{work.start_method}_ms", f"process_start_{work.start_method}_ms"
        return loop + costs[kind] + (workers - 1) * costs[more]
    if not uses_pool(traits, work):
        return loop
    if traits.needs == "subinterpreters":
        side_by_side = min(workers, work.cores)
        return (
            costs["subinterpreter_start_ms"]
            + (side_by_side - 1) * costs["subinterpreter_more_ms"]
            + (workers - side_by_side) * costs["subinterpreter_extra_ms"]
        )
    return loop + workers * costs["thread_start_ms"]


def uses_pool(traits: Traits, work: Quantities) -> bool:
    """Whether anything is handed to its pool: what only waits stays on the loop, unless the library blocks."""
    if traits.pool == "none":
        return False
    return not traits.runs_loop or bool(work.cpu_ms) or work.blocks or (work.isolated and traits.runs_in == "workers")


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
    if traits.runs_loop and not uses_pool(traits, work):
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
    if not traits.pickles or not work.payload_kb or not uses_pool(traits, work):
        return 0.0
    kind = "subinterpreter" if traits.needs == "subinterpreters" else "process"
    return 2 * work.payload_kb / 1024 / costs[f"{kind}_copy_mb_per_s"] * 1000


def _startup_ms(traits: Traits, workers: int, work: Quantities) -> float:
    """The workload's own costly start: once a process or subinterpreter, as many at a time as there are cores.

    Threads share it. But those of one pool begin it together, and where they are more than the cores the last begin when
    the first have nearly done (measured with 2 to 64 threads on 2 CPUs: 1.0 times as long with 2, 1.3 with 4, 1.7 with
    8, 1.9 with 16 or more).
    """
    if not work.startup_ms:
        return 0.0
    if traits.runs_in == "workers" or traits.needs == "subinterpreters":
        return work.startup_ms * -(-workers // work.cores)
    return work.startup_ms * (2 - min(workers, work.cores) / workers if traits.pool != "none" else 1)


def workers_that_pay(traits: Traits, most: int, work: Quantities) -> int:
    """The size of a pool, up to `most`, with which a batch ends soonest: a worker is worth its start, or not made.

    Up to 16 every size is tried, beyond them sizes a fifth apart, down from `most` (so that twice as many CPUs are never
    worse). `most` where nothing is predicted, and where starting all of them is next to nothing.
    """
    parts = batch_parts(traits, most, work) if most > 1 and traits.pool != "none" else None
    if parts is None:
        return most
    total, costs = sum(parts), under(traits, work)
    saved = start_ms(traits, min(most, work.tasks or most), work, costs) - start_ms(traits, 1, work, costs)
    saved += parts.startup - _startup_ms(traits, 1, work)
    in_turns = contention_of(traits, work) in _MAY_SLOW_DOWN
    if saved <= _NEXT_TO_NOTHING * total and not in_turns:
        return most
    best, least = most, total
    for workers in _sizes(min(most, work.tasks or most)):
        found = batch_parts(traits, workers, work)
        assert found is not None
        if (took := sum(found)) < least:
            best, least = workers, took
    return best


_MAY_SLOW_DOWN = ("contention_hot",)  # more workers can take longer than fewer
_NEXT_TO_NOTHING = 0.005  # of the time of a batch


def _sizes(most: int) -> list[int]:
    """The sizes tried, each once, the largest first."""
    if most <= 16:
        return list(range(most, 0, -1))
    steps = math.ceil(4 * math.log2(most)) + 1
    return list(dict.fromkeys(math.ceil(most / 2 ** (step / 4)) for step in range(steps)))


def costs_used(traits: Traits, workers: int, work: Quantities) -> tuple[str, ...]:
    """The names of the costs that the time of an approach rests on, beside what the task takes by itself."""
    found: list[str] = []
    if traits.runs_loop:
        found += ["asyncio_start_ms", "asyncio_wait_ms" if work.wait_ms else "asyncio_task_ms"]
    if uses_pool(traits, work):
        found.append(dispatch_cost_of(traits, work))
        found += _start_costs(traits, workers, work)
        if traits.pickles and work.payload_kb:
            found.append(f"{'subinterpreter' if traits.needs == 'subinterpreters' else 'process'}_copy_mb_per_s")
    elif traits.runs_in == "workers":
        found.append("process_pool_unused_ms")
    if work.cpu_ms:
        if at_once_of(traits, workers, work) > 1:
            found.append(contention_of(traits, work))
        if (traits.needs == "free_threaded" or not work.gil_build) and not work.releases_gil:
            found.append("free_threaded_slowdown")
    if work.wait_ms:
        found.append("sleep_overshoot_ms")
    return tuple(dict.fromkeys(found))


def _start_costs(traits: Traits, workers: int, work: Quantities) -> list[str]:
    """What starting its pool costs, by name."""
    if traits.runs_in == "workers":
        more = [f"process_start_{work.start_method}_ms"] if workers > 1 else []
        return [f"process_pool_{work.start_method}_ms", *more]
    if traits.needs == "subinterpreters":
        return ["subinterpreter_start_ms", *(["subinterpreter_more_ms"] if workers > 1 else [])]
    return ["thread_start_ms"]
