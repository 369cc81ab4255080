"""What an approach comes to for all workloads of one shape: which costs it meets, by name and in milliseconds.

A shape says which amounts a workload has (CPU time, waits, data), not how much of each.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from selector.approaches import Traits
from selector.cost.terms import (
    ALL_ONE,
    Costs,
    Mix,
    Quantities,
    at_once_of,
    build_of,
    contention_of,
    costs_under,
    is_partial,
    loss,
    mix_of,
    runs_single,
    slowed,
)


class Shape(Quantities):
    """A workload without its amounts. There is one object for all workloads of a shape, which tells it from others.

    So that a cache that is asked for it, some twenty times for each recommendation, need not look at its parts.
    """

    __slots__ = ()
    __hash__ = object.__hash__
    __eq__ = object.__eq__


_shape = lru_cache(maxsize=4096)(Shape._make)


def shape_of(work: Quantities) -> Shape:
    """A workload without its amounts: only which of them there are. What holds for a shape holds for all that have it."""
    plain = work._replace(
        tasks=None, in_flight=None, arrivals_per_ms=None, cores=1, task_mb=0.0, startup_ms=0.0, startup_mb=0.0, data_kb=0.0,
        cpu_ms=1.0 if work.cpu_ms else 0.0, wait_ms=1.0 if work.wait_ms else 0.0, payload_kb=1.0 if work.payload_kb else 0.0,
    )  # fmt: skip
    measured = (
        work.pickle_ms or work.import_ms or work.gil_hold_ms or work.free_threaded_ratio or 0 < work.gil_share < 1
    )
    return _shape(_without_what_was_measured(plain) if measured else plain)


def _without_what_was_measured(work: Quantities) -> Quantities:
    return work._replace(
        pickle_ms=None, import_ms=0.0, gil_hold_ms=None,
        gil_share=0.5 if is_partial(work.gil_share) else work.gil_share,
        free_threaded_ratio=None if work.free_threaded_ratio is None else 1.0,
    )  # fmt: skip


class Terms(NamedTuple):
    """What an approach comes to for all workloads of one shape: everything of a batch and its memory that is no amount."""

    costs: Costs
    pooled: bool  # it has a pool
    used: bool  # ... and something is handed to it
    in_pool: bool  # a wait takes a worker of the pool
    one_by_one: bool  # nothing overlaps
    contention: str  # what those hold each other up by who compute at once; empty where one does
    slowed: bool  # by the costs of the free-threaded build
    by_ratio: bool  # by what was measured of the task on such a build
    mixed: Literal["", "held", "native"]  # what part of a task counts (see Mix), where it is partly native code
    on_every_core: bool  # a library divides each task
    overshoot: float
    first_start: float  # of the first worker (with the loop)
    start_more: float  # of each further one, and of those beyond the cores where that is another figure
    start_beyond: float | None
    startup_each: bool  # each worker makes the workload's own costly start
    imports_each: bool  # each worker imports what the task needs
    dispatch: float  # for each task, beside copying its data
    message: float  # for each message with tasks in it
    copies: bool  # what a task takes and gives is pickled
    copy_per_kb: float  # ms to copy a KB there and back
    convoy: float  # ms by which one thread that computes holds the others up, at most; 0 where none does
    names: tuple[str, str, str]  # of the costs that mostly make up the start of the pool, the dispatch and the copying


@lru_cache(maxsize=4096)
def terms_of(traits: Traits, shape: Shape) -> Terms:
    """What an approach comes to for all workloads of a shape (see `shape_of`)."""
    costs = costs_under(traits, shape)
    parallel = at_once_of(traits, 2, shape._replace(cores=2, in_flight=None)) > 1
    first, more, beyond = _start_terms(traits, shape, costs)
    dispatch, message = _dispatch_terms(traits, shape, costs)
    used, mix = uses_pool(traits, shape), mix_of(traits, shape)
    return Terms(
        costs=costs,
        pooled=traits.pool != "none",
        used=used,
        in_pool=traits.pool != "none" and (traits.overlaps_waits == "pool" or shape.blocks),
        one_by_one=traits.overlaps_waits == "none",
        contention=contention_of(traits, shape) if parallel else "",
        slowed=slowed(traits, shape),
        by_ratio=build_of(traits, shape) == "free" and shape.free_threaded_ratio is not None,
        mixed="held" if mix.held else "native" if mix.native else "",
        on_every_core=shape.library_parallel and not runs_single(traits),
        overshoot=costs["sleep_overshoot_ms"],
        first_start=first,
        start_more=more,
        start_beyond=beyond,
        startup_each=traits.runs_in == "workers" or traits.needs == "subinterpreters",
        imports_each=used and _imports_in_workers(traits, shape.start_method),
        dispatch=dispatch,
        message=message,
        copies=traits.pickles and used,
        copy_per_kb=copy_ms(traits, shape._replace(payload_kb=1.0), costs),
        convoy=costs["gil_switch_ms"] if traits.convoy and shape.gil_share else 0.0,
        names=_names(traits, shape),
    )


def own_cpu_ms(terms: Terms, work: Quantities) -> float:
    """CPU part of a task that nobody holds up: slower on a free-threaded build, divided where a library does that."""
    cpu = work.cpu_ms or 0.0
    if terms.slowed:
        cpu *= work.gil_share * terms.costs["free_threaded_slowdown"] + (1 - work.gil_share)
    elif terms.by_ratio:
        cpu *= work.free_threaded_ratio or 1.0
    if terms.on_every_core:
        return cpu * loss("contention_threads_native", work.cores, terms.costs) / work.cores
    return cpu


def mix_under(terms: Terms, work: Quantities) -> Mix:
    """What a task is made of, by what counts of it."""
    if not terms.mixed:
        return ALL_ONE
    return Mix(held=work.gil_share) if terms.mixed == "held" else Mix(native=1 - work.gil_share)


def copied_ms(terms: Terms, work: Quantities) -> float:
    """To copy the data of one task to a worker and back: what pickling it takes, but no less than its size does."""
    by_size = work.payload_kb * terms.copy_per_kb
    return by_size if work.pickle_ms is None or not terms.copies else max(by_size, work.pickle_ms)


def imports_again(start_method: str) -> bool:
    """Whether a new process imports again what its parent has imported: one that is forked from it has it already."""
    return start_method != "fork"


def _imports_in_workers(traits: Traits, start_method: str) -> bool:
    return traits.needs == "subinterpreters" or (traits.runs_in == "workers" and imports_again(start_method))


def _start_terms(traits: Traits, work: Quantities, costs: Costs) -> tuple[float, float, float | None]:
    """What the first worker (with the loop) takes to start, each further one, and those beyond the cores.

    Processes beside a loop are not started before something must run in them.
    """
    loop = costs["asyncio_start_ms"] if traits.runs_loop else 0.0
    if not uses_pool(traits, work):
        return loop + (costs["process_pool_unused_ms"] if traits.runs_in == "workers" else 0.0), 0.0, None
    if traits.runs_in == "workers":
        return (
            loop + costs[f"process_pool_{work.start_method}_ms"],
            costs[f"process_start_{work.start_method}_ms"],
            None,
        )
    if traits.needs == "subinterpreters":
        return costs["subinterpreter_start_ms"], costs["subinterpreter_more_ms"], costs["subinterpreter_extra_ms"]
    return loop + costs["thread_start_ms"], costs["thread_start_ms"], None


def _dispatch_terms(traits: Traits, work: Quantities, costs: Costs) -> tuple[float, float]:
    """What the parent does for each task, beside copying its data, and for each message with tasks in it."""
    name = dispatch_cost_of(traits, work)
    if not name:
        return 0.0, 0.0
    if traits.runs_loop:
        on_loop = costs["asyncio_wait_ms" if work.wait_ms else "asyncio_task_ms"]
        return on_loop + (costs[name] if not name.startswith("asyncio") else 0.0), 0.0
    return (costs["chunked_dispatch_ms"], costs[name]) if traits.runs_in == "workers" else (costs[name], 0.0)


def uses_pool(traits: Traits, work: Quantities) -> bool:
    """Whether anything is handed to its pool: what only waits stays on the loop, unless the library blocks."""
    if traits.pool == "none":
        return False
    return not traits.runs_loop or bool(work.cpu_ms) or work.blocks or (work.isolated and traits.runs_in == "workers")


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


def copy_ms(traits: Traits, work: Quantities, costs: Costs) -> float:
    """To copy the payload of one task to a worker and back; 0 where it stays where it is.

    No less than pickling takes it, where that is given.
    """
    if not traits.pickles or not (work.payload_kb or work.pickle_ms) or not uses_pool(traits, work):
        return 0.0
    by_size = 2 * work.payload_kb / 1024 / costs[_copy_cost_of(traits)] * 1000
    return max(by_size, work.pickle_ms or 0.0)


def _copy_cost_of(traits: Traits) -> str:
    """The name of what says how fast data goes to its workers, where it is copied."""
    return f"{'subinterpreter' if traits.needs == 'subinterpreters' else 'process'}_copy_mb_per_s"


def _names(traits: Traits, work: Quantities) -> tuple[str, str, str]:
    """The costs that mostly make up the start of the pool, the dispatch and the copying; empty where there is none."""
    dispatch = dispatch_cost_of(traits, work)
    if not uses_pool(traits, work):
        return ("asyncio_start_ms" if traits.runs_loop else ""), dispatch, ""
    return _start_costs(traits, False, work)[0], dispatch, _copy_cost_of(traits) if traits.pickles else ""


@lru_cache(maxsize=4096)
def costs_used(traits: Traits, several: bool, parallel: bool, shape: Shape) -> tuple[str, ...]:
    """The names of the costs that the time of an approach rests on, beside what the task takes by itself.

    `several` says whether its pool has more than one worker, `parallel` whether more than one computes at a time.
    """
    found: list[str] = []
    if traits.runs_loop:
        found += ["asyncio_start_ms", "asyncio_wait_ms" if shape.wait_ms else "asyncio_task_ms"]
    if uses_pool(traits, shape):
        found += [dispatch_cost_of(traits, shape), *_start_costs(traits, several, shape)]
        if traits.pickles and shape.payload_kb:
            found.append(_copy_cost_of(traits))
    elif traits.runs_in == "workers":
        found.append("process_pool_unused_ms")
    if shape.cpu_ms:
        if shape.library_parallel and not runs_single(traits):
            found.append("contention_threads_native")  # its own threads
        elif parallel:
            found.append(contention_of(traits, shape))
        if slowed(traits, shape):
            found.append("free_threaded_slowdown")
    if shape.wait_ms:
        found.append("sleep_overshoot_ms")
    return tuple(dict.fromkeys(found))


def _start_costs(traits: Traits, several: bool, work: Quantities) -> list[str]:
    """What starting its pool costs, by name."""
    if traits.runs_in == "workers":
        more = [f"process_start_{work.start_method}_ms"] if several else []
        return [f"process_pool_{work.start_method}_ms", *more]
    if traits.needs == "subinterpreters":
        return ["subinterpreter_start_ms", *(["subinterpreter_more_ms"] if several else [])]
    return ["thread_start_ms"]
