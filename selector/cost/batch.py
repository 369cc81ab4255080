"""The time of a batch under one approach, by where it goes.

Waits overlap as far as the approach lets them; CPU work is divided among the workers that can run it at once (the
slowest worker decides) and takes longer the more of them compute; what the parent does for each task (dispatch,
pickling) comes on top, one task after the other, and so do the starts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from selector.approaches import Traits
from selector.cost.terms import IN_TURNS, Costs, Quantities, at_once_of, contention_of, loss, runs_single, slowed, under

if TYPE_CHECKING:
    from selector.cost.sheet import Sheet


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
    batch = batch_of(traits, work)
    return batch.parts(workers) if batch else None


def batch_of(traits: Traits, work: Quantities, terms: Terms | None = None) -> Batch | None:
    """A batch under one approach, for any number of workers; None where the quantities are not known."""
    if work.tasks is None or work.cpu_ms is None or work.wait_ms is None or traits.runs_in == "cluster":
        return None
    return Batch(work, terms or terms_of(traits, shape_of(work)))


class Batch:
    """A batch under one approach: what does not depend on how many workers there are, worked out once."""

    __slots__ = ("_copying", "_cores", "_cpu", "_flight", "_startup", "_tasks", "_terms", "_wait", "_work")

    def __init__(self, work: Quantities, terms: Terms) -> None:
        assert work.tasks is not None and work.cpu_ms is not None and work.wait_ms is not None
        self._work, self._terms = work, terms
        self._tasks = tasks = work.tasks
        self._cores = work.cores if terms.contention else 1  # at most that many compute
        self._cpu = own_cpu_ms(terms, work)
        self._wait = work.wait_ms + terms.overshoot if work.wait_ms else 0.0
        self._flight = 1 if terms.one_by_one else min(work.in_flight or tasks, tasks)
        self._copying = tasks * work.payload_kb * terms.copy_per_kb
        self._startup = work.startup_ms

    def _at_once(self, pool: int) -> tuple[int, int]:
        """(How many tasks are in flight, how many compute) with a pool of so many."""
        terms, flight = self._terms, self._flight
        slots = pool if terms.in_pool and pool < flight else flight
        if not terms.contention:
            return slots, 1
        return slots, min(self._cores, pool, slots) if terms.pooled else self._cores

    def parts(self, workers: int) -> Parts:
        """Where the milliseconds go with so many workers."""
        tasks, wait, terms = self._tasks, self._wait, self._terms
        pool = min(tasks, workers)
        slots, at_once = self._at_once(pool)
        each = apart = self._cpu
        if terms.contention:
            if wait and terms.pooled:
                apart *= self._loss_between_waits(slots, at_once)
            if at_once > 1:
                each *= loss(terms.contention, at_once, terms.costs)
            if not terms.pooled:  # one task after the other, each of them on every core
                each, at_once = each / at_once, 1
                apart = each
        dispatch = tasks * terms.dispatch
        if terms.message:
            dispatch += min(tasks, _CHUNKS_PER_WORKER * workers) * terms.message
        parent = dispatch + self._copying
        computing = -(-tasks // at_once) * each
        busy = wait + computing + parent
        if wait and (rounds := _in_rounds(tasks, slots, at_once, wait, apart, each, parent / tasks)) > busy:
            busy, computing = rounds, -(-tasks // at_once) * apart
        waiting = busy - computing - parent
        startup = self.startup_ms(pool) if self._startup else 0.0
        return Parts(computing, waiting if waiting > 0 else 0.0, self.start_ms(pool), startup, dispatch, self._copying)

    def _loss_between_waits(self, slots: int, at_once: int) -> float:
        """How many times as long a task computes that meets others only now and then, as most wait.

        Where one computes at a time, who has to wait for the other loses at least as much as beside it.
        """
        terms, most = self._terms, min(slots, max(at_once, 2))
        met = most if terms.contention in IN_TURNS else min(most, computing_at_once(slots, self._cpu, self._wait))
        return loss(terms.contention, met, terms.costs)

    def start_ms(self, workers: int) -> float:
        """To start the pool and the loop."""
        terms = self._terms
        if terms.start_beyond is None:
            return terms.first_start + (workers - 1) * terms.start_more
        side_by_side = min(workers, self._work.cores)
        beyond = (workers - side_by_side) * terms.start_beyond
        return terms.first_start + (side_by_side - 1) * terms.start_more + beyond

    def startup_ms(self, workers: int) -> float:
        """The workload's own costly start: once a process or subinterpreter, as many at a time as there are cores.

        Threads share it. But those of one pool begin it together, and where they are more than the cores the last begin
        when the first have nearly done (measured with 2 to 64 threads on 2 CPUs: 1.0 times as long with 2, 1.3 with 4, 1.7
        with 8, 1.9 with 16 or more).
        """
        cores, terms = self._work.cores, self._terms
        if terms.startup_each:
            return self._startup * -(-workers // cores)
        return self._startup * (2 - min(workers, cores) / workers if terms.pooled else 1)

    def off(self, workers: int, sheet: Sheet, slow: bool) -> Parts:
        """How many times as long each part takes where its costs are as high (or low) as what they rest on leaves open."""
        at_once = self._at_once(min(workers, self._tasks))[1]
        terms = self._terms
        return _off(terms.names, terms.contention, at_once, terms.slowed, sheet, slow)

    def best_size(self, most: int) -> tuple[int, Parts]:
        """The size of the pool, up to `most`, with which it ends soonest, and where its time goes then.

        A worker is worth its start, or not made.

        Up to 16 every size is tried, beyond them `most` and sizes a fifth apart; and no smaller ones where even a pool
        that starts at once would gain next to nothing.
        """
        terms = self._terms
        if most == 1 or not terms.pooled:
            return most, self.parts(most)
        if not terms.contention and not (terms.in_pool and self._wait):
            return 1, self.parts(1)  # one computes at a time and nothing waits in the pool: more hold each other up
        at_least = self.start_ms(1) + self.startup_ms(1)
        best: tuple[int, Parts] | None = None
        least = math.inf
        for workers in _sizes(min(most, self._tasks), self._tasks):
            parts = self.parts(workers)
            total = sum(parts)
            if total < least:
                best, least = (workers, parts), total
            could_save = parts.pool_start + parts.startup - at_least
            if total - could_save >= least * (1 - _NEXT_TO_NOTHING) and terms.contention not in IN_TURNS:
                break
        assert best is not None, "one size is tried at least"
        return best


def computing_at_once(slots: int, cpu: float, wait: float) -> float:
    """How many of so many in flight compute, or would, while one does: each other one for its share of the time."""
    return 1 + (slots - 1) * cpu / (cpu + wait) if cpu else 1.0


def _in_rounds(
    tasks: int, slots: int, at_once: int, wait: float, apart: float, together: float, parent: float
) -> float:
    """The time of a batch whose narrow place is the waits: rounds of as many as may be in flight.

    A task computes for `apart` between the waits of others. The last ones to wake up compute `together`, in turn, and the
    parent, which takes `parent` for each, serves one after the other.
    """
    rounds = -(-tasks // slots)
    last = tasks - (rounds - 1) * slots
    return rounds * (wait + apart + parent) + (-(-last // at_once) - 1) * together + (last - 1) * parent


def _sizes(most: int, tasks: int) -> Iterator[int]:
    """The sizes tried, each once, the largest first; each the smallest that does the tasks in as many rounds."""
    last = most + 1
    for size in chain((most,), _sizes_below(most)):
        same = -(-tasks // -(-tasks // size))
        if same < last:
            yield same
            last = same


@lru_cache(maxsize=512)
def _sizes_below(most: int) -> tuple[int, ...]:
    """Those below it that are worth a try, the largest first: the same whatever the most, so that more never is worse."""
    steps = range(math.ceil(4 * math.log2(max(most, _EVERY_SIZE) / _EVERY_SIZE)), 0, -1)
    sizes = [*(math.ceil(_EVERY_SIZE * 2 ** (step / 4)) for step in steps), *range(_EVERY_SIZE, 0, -1)]
    return tuple(size for size in sizes if size < most)


_NEXT_TO_NOTHING = 0.005  # of the time of a batch
_EVERY_SIZE = 16  # up to which every size is tried


class Terms(NamedTuple):
    """What an approach comes to for all workloads of one shape: everything of a batch and its memory that is no amount."""

    costs: Costs
    pooled: bool  # it has a pool
    used: bool  # ... and something is handed to it
    in_pool: bool  # a wait takes a worker of the pool
    one_by_one: bool  # nothing overlaps
    contention: str  # what those hold each other up by who compute at once; empty where one does
    slowed: bool  # by the free-threaded build
    on_every_core: bool  # a library divides each task
    overshoot: float
    first_start: float  # of the first worker (with the loop)
    start_more: float  # of each further one, and of those beyond the cores where that is another figure
    start_beyond: float | None
    startup_each: bool  # each worker makes the workload's own costly start
    dispatch: float  # for each task, beside copying its data
    message: float  # for each message with tasks in it
    copy_per_kb: float  # ms to copy a KB there and back
    convoy: float  # ms by which one thread that computes holds the others up, at most; 0 where none does
    names: tuple[str, str, str]  # of the costs that mostly make up the start of the pool, the dispatch and the copying


@lru_cache(maxsize=4096)
def terms_of(traits: Traits, shape: Quantities) -> Terms:
    """What an approach comes to for all workloads of a shape (see `shape_of`)."""
    costs = under(traits, shape)
    parallel = at_once_of(traits, 2, shape._replace(cores=2, in_flight=None)) > 1
    first, more, beyond = _start_terms(traits, shape, costs)
    dispatch, message = _dispatch_terms(traits, shape, costs)
    return Terms(
        costs=costs,
        pooled=traits.pool != "none",
        used=uses_pool(traits, shape),
        in_pool=traits.pool != "none" and (traits.overlaps_waits == "pool" or shape.blocks),
        one_by_one=traits.overlaps_waits == "none",
        contention=contention_of(traits, shape) if parallel else "",
        slowed=slowed(traits, shape),
        on_every_core=shape.library_parallel and not runs_single(traits),
        overshoot=costs["sleep_overshoot_ms"],
        first_start=first,
        start_more=more,
        start_beyond=beyond,
        startup_each=traits.runs_in == "workers" or traits.needs == "subinterpreters",
        dispatch=dispatch,
        message=message,
        copy_per_kb=copy_ms(traits, shape._replace(payload_kb=1.0), costs),
        convoy=costs["gil_switch_ms"] if traits.convoy and not shape.releases_gil else 0.0,
        names=_names(traits, shape),
    )


def own_cpu_ms(terms: Terms, work: Quantities) -> float:
    """CPU part of a task that nobody holds up: slower on a free-threaded build, divided where a library does that."""
    cpu = work.cpu_ms or 0.0
    if terms.slowed:
        cpu *= terms.costs["free_threaded_slowdown"]
    if terms.on_every_core:
        return cpu * loss("contention_threads_native", work.cores, terms.costs) / work.cores
    return cpu


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


@lru_cache(maxsize=4096)
def _off(names: tuple[str, str, str], contention: str, at_once: int, slowed: bool, sheet: Sheet, slow: bool) -> Parts:
    other, middle = sheet.slow if slow else sheet.fast, sheet.middle
    computing = other["free_threaded_slowdown"] / middle["free_threaded_slowdown"] if slowed else 1.0
    if contention and at_once > 1:
        computing *= loss(contention, at_once, other) / loss(contention, at_once, middle)
    start, dispatch, rate = (other[name] / middle[name] if name else 1.0 for name in names)
    return Parts(computing, 1.0, start, 1.0, dispatch, 1 / rate)


def _names(traits: Traits, work: Quantities) -> tuple[str, str, str]:
    """The costs that mostly make up the start of the pool, the dispatch and the copying; empty where there is none."""
    dispatch = dispatch_cost_of(traits, work)
    if not uses_pool(traits, work):
        return ("asyncio_start_ms" if traits.runs_loop else ""), dispatch, ""
    return _start_costs(traits, False, work)[0], dispatch, _copy_cost_of(traits) if traits.pickles else ""


_CHUNKS_PER_WORKER = 4  # as the scripts we generate divide tasks among processes


def copy_ms(traits: Traits, work: Quantities, costs: Costs) -> float:
    """To copy the payload of one task to a worker and back; 0 where it stays where it is."""
    if not traits.pickles or not work.payload_kb or not uses_pool(traits, work):
        return 0.0
    return 2 * work.payload_kb / 1024 / costs[_copy_cost_of(traits)] * 1000


def _copy_cost_of(traits: Traits) -> str:
    """The name of what says how fast data goes to its workers, where it is copied."""
    return f"{'subinterpreter' if traits.needs == 'subinterpreters' else 'process'}_copy_mb_per_s"


def shape_of(work: Quantities) -> Quantities:
    """A workload without its amounts: only which of them there are. What holds for a shape holds for all that have it."""
    return work._replace(
        tasks=None, in_flight=None, cores=1, task_mb=0.0, startup_ms=0.0, startup_mb=0.0, data_kb=0.0,
        cpu_ms=1.0 if work.cpu_ms else 0.0, wait_ms=1.0 if work.wait_ms else 0.0, payload_kb=1.0 if work.payload_kb else 0.0,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def costs_used(traits: Traits, several: bool, parallel: bool, shape: Quantities) -> tuple[str, ...]:
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
        if parallel:
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
