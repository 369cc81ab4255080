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
from selector.cost.shape import Terms, copied_ms, mix_under, own_cpu_ms, shape_of, terms_of
from selector.cost.terms import ALL_ONE, IN_TURNS, Mix, Quantities, loss

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

    __slots__ = (
        "_copying", "_cores", "_cpu", "_flight", "_imports", "_mix", "_startup", "_tasks", "_terms", "_wait",
        "_work",
    )  # fmt: skip

    def __init__(self, work: Quantities, terms: Terms) -> None:
        assert work.tasks is not None and work.cpu_ms is not None and work.wait_ms is not None
        self._work, self._terms = work, terms
        self._tasks = tasks = work.tasks
        self._cores = work.cores if terms.contention else 1  # at most that many compute
        self._cpu = own_cpu_ms(terms, work)
        self._wait = work.wait_ms + terms.overshoot if work.wait_ms else 0.0
        self._flight = 1 if terms.one_by_one else min(work.in_flight or tasks, tasks)
        self._copying = tasks * copied_ms(terms, work) if terms.copies else 0.0
        self._startup = work.startup_ms
        self._imports = work.import_ms if terms.imports_each else 0.0
        self._mix = mix_under(terms, work) if terms.mixed else ALL_ONE

    def _at_once(self, pool: int) -> tuple[int, int]:
        """(How many tasks are in flight, how many compute) with a pool of so many."""
        terms, flight = self._terms, self._flight
        slots = pool if terms.in_pool and pool < flight else flight
        if not terms.contention:
            return slots, 1
        return slots, min(self._cores, pool, slots) if terms.pooled else self._cores

    def parts(self, workers: int) -> Parts:
        """Where the milliseconds go with so many workers, on the path that takes longest."""
        busy, rounds = self.paths(workers)
        return busy if rounds is None or sum(busy) >= sum(rounds) else rounds

    def paths(self, workers: int) -> tuple[Parts, Parts | None]:
        """What a batch cannot be faster than: who computes and hands over without a pause; rounds of waits, if any wait."""
        tasks, wait, terms, mix = self._tasks, self._wait, self._terms, self._mix
        pool = min(tasks, workers)
        slots, at_once = self._at_once(pool)
        each = apart = self._cpu
        if terms.contention:
            if wait and terms.pooled:
                apart *= self._loss_between_waits(slots, at_once)
            if at_once > 1:
                lost = loss if mix is ALL_ONE else mix.loss
                each *= lost(terms.contention, at_once, terms.costs)
            if not terms.pooled:  # one task after the other, each of them on every core
                each, at_once = each / mix.at_once(at_once), 1
                apart = each
        dispatch = tasks * terms.dispatch
        if terms.message:
            dispatch += min(tasks, _CHUNKS_PER_WORKER * workers) * terms.message
        turns = -(-tasks // at_once) if mix is ALL_ONE else mix.turns(tasks, at_once)
        startup = self.startup_ms(pool) if self._startup or self._imports else 0.0
        busy = Parts(turns * each, wait, self.start_ms(pool), startup, dispatch, self._copying)
        return busy, _in_rounds(busy, tasks, slots, at_once, mix, apart, each) if wait else None

    def _loss_between_waits(self, slots: int, at_once: int) -> float:
        """How many times as long a task computes that meets others only now and then, as most wait.

        Where one computes at a time, who has to wait for the other loses at least as much as beside it.
        """
        terms, most = self._terms, min(slots, max(at_once, 2))
        met = most if terms.contention in IN_TURNS else min(most, computing_at_once(slots, self._cpu, self._wait))
        return self._mix.loss(terms.contention, met, terms.costs)

    def start_ms(self, workers: int) -> float:
        """To start the pool and the loop."""
        terms = self._terms
        if terms.start_beyond is None:
            return terms.first_start + (workers - 1) * terms.start_more
        side_by_side = min(workers, self._work.cores)
        beyond = (workers - side_by_side) * terms.start_beyond
        return terms.first_start + (side_by_side - 1) * terms.start_more + beyond

    def startup_ms(self, workers: int) -> float:
        """The workload's own costly start, and imports: once a process or subinterpreter, as many at a time as cores.

        Threads share it. But those of one pool begin it together, and where they are more than the cores the last begin
        when the first have nearly done (measured with 2 to 64 threads on 2 CPUs: 1.0 times as long with 2, 1.3 with 4, 1.7
        with 8, 1.9 with 16 or more).
        """
        cores, terms = self._work.cores, self._terms
        if terms.startup_each:
            return (self._startup + self._imports) * -(-workers // cores)
        return self._startup * (2 - min(workers, cores) / workers if terms.pooled else 1)

    def off(self, workers: int, sheet: Sheet, slow: bool) -> Parts:
        """How many times as long each part takes where its costs are as high (or low) as what they rest on leaves open."""
        at_once = self._at_once(min(workers, self._tasks))[1]
        terms, pickling = self._terms, self._work.pickle_ms
        names = terms.names
        if pickling and self._copying <= self._tasks * pickling:  # what was given decides, not what its size costs
            names = (*names[:2], "")
        if terms.on_every_core:  # by the library's own threads
            return _off(names, "contention_threads_native", self._work.cores, terms.slowed, ALL_ONE, sheet, slow)
        return _off(names, terms.contention, at_once, terms.slowed, self._mix, sheet, slow)

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


def _in_rounds(busy: Parts, tasks: int, slots: int, at_once: int, mix: Mix, apart: float, together: float) -> Parts:
    """The time of a batch whose narrow place is the waits: rounds of as many as may be in flight.

    A task computes for `apart` between the waits of others. The last ones to wake up compute `together`, in turn, and the
    parent serves them one after the other: what it does for others meanwhile (see `busy`) falls into waits.
    """
    rounds = -(-tasks // slots)
    last = tasks - (rounds - 1) * slots
    computing = rounds * apart + (mix.turns(last, at_once) - 1) * together
    served = (rounds + last - 1) / tasks
    _, wait, pool_start, startup, dispatch, copying = busy
    return Parts(computing, rounds * wait, pool_start, startup, dispatch * served, copying * served)


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


@lru_cache(maxsize=4096)
def _off(
    names: tuple[str, str, str], contention: str, at_once: int, slowed: bool, mix: Mix, sheet: Sheet, slow: bool
) -> Parts:
    other, middle = sheet.slow if slow else sheet.fast, sheet.middle
    computing = other["free_threaded_slowdown"] / middle["free_threaded_slowdown"] if slowed else 1.0
    if contention and at_once > 1:
        computing *= mix.loss(contention, at_once, other) / mix.loss(contention, at_once, middle)
    start, dispatch, rate = (other[name] / middle[name] if name else 1.0 for name in names)
    return Parts(computing, 1.0, start, 1.0, dispatch, 1 / rate)


_CHUNKS_PER_WORKER = 4  # as the scripts we generate divide tasks among processes
