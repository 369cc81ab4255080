"""The pool of an approach: as large as CPUs or waits ask for, memory allows, and pays; and how many processes have one."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from selector.approaches import Traits
from selector.cost.batch import Batch, Parts, batch_of
from selector.cost.cluster import (
    MOST_MACHINES,
    Cluster,
    EngineCosts,
    capacity_per_s,
    cluster_footprint,
    cluster_parts,
    cluster_seconds,
    machines_within,
)
from selector.cost.memory import Footprint, footprint_of
from selector.cost.predict import estimate
from selector.cost.service import is_bound, share_of, workers_in_time
from selector.cost.shape import Shape, Terms, terms_of
from selector.cost.terms import Quantities, costs_under
from selector.decision.table import Rule
from selector.recommend.derive import rate_asked, time_limit
from selector.recommend.facts import PoolLimit, WorkloadFacts

#: How busy something may be that is planned: at 70 to 80 % a request waits about as long as it takes, and a burst is soon
#: worked off; towards 100 % queues grow without bound. In a line for one server that takes the same for each request
#: (M/D/1) it waits r / (2 (1 - r)) times its own time: 1.5 times at 75 %, 9.5 times at 95 %.
PLANNED = 0.75
NOISE = 1e-9  # of floats, that must not make it one more
_MORE = 1.01  # times as much, or it is no more
#: Times as long is nearly as soon: some more as measured, as predictions of p95 are 10 to 15 % low (benchmarks/service_check.py).
_NEARLY_AS_SOON = 1.15
#: Threads for waits when nothing says how many are in flight: the default cap of ThreadPoolExecutor (docs).
_DEFAULT_WAITING_THREADS = 32
#: More threads than this are no plan for waits, with their stacks and their scheduling, and `calibrate` measures no more;
#: `advice` says what to do instead.
_MOST_THREADS = 128
#: Workers that each make a costly start of unknown length: with few of them it is made few times, and they stay warm.
_FEW = 4
_NO_GAIN = 1.05  # times the shortest time: what more machines would gain is next to nothing


class Pool(NamedTuple):
    """The pool of an approach: its size, what sized it, what made it smaller, and what it was sized by.

    In so many `processes` there is one each, as the row `replicas` says. Of an engine, `workers` are those on each machine of
    its `cluster`.
    """

    workers: int
    sizing: Rule
    limit: PoolLimit
    terms: Terms
    batch: Batch | None
    parts: Parts | None  # where the time of the batch goes with as many workers
    footprint: Footprint
    processes: int
    replicas: Rule
    cluster: Cluster | None = None


class _Approach(NamedTuple):
    """An approach to size: its traits, the rows of `sizing` and `replicas`, and the workload."""

    traits: Traits
    sizing: Rule
    replicas: Rule
    facts: WorkloadFacts
    work: Quantities
    shape: Shape


def pool_of(traits: Traits, sizing: Rule, replicas: Rule, facts: WorkloadFacts, work: Quantities, shape: Shape) -> Pool:
    """The pool of an approach with these traits, by its row of `sizing`; `shape` is that of the workload.

    In as many processes as it takes, where its row of `replicas` says so.
    """
    approach = _Approach(traits, sizing, replicas, facts, work, shape)
    one = _pool_in(1, approach)
    return _in_enough(one, approach) if replicas.outputs["processes"] == "as_needed" else one


def _pool_in(processes: int, approach: _Approach) -> Pool:
    """The pool in each of so many processes."""
    traits, sizing, replicas, facts, work, shape = approach
    terms = terms_of(traits, shape)
    mine = share_of(work, processes, terms)
    batch, footprint = batch_of(traits, work, terms), footprint_of(traits, work, shape, processes)
    in_flight = facts["in_flight"] if processes == 1 else mine.in_flight
    wanted = _workers_wanted(str(sizing.outputs["basis"]), facts, mine.cores, in_flight)
    if wanted == 1 or traits.pool == "none":
        parts = batch.parts(1) if batch else None
        return Pool(1, sizing, "nothing", terms, batch, parts, footprint, processes, replicas)
    budget = facts["memory_budget_mb"]
    fit = wanted if budget is None else max(1, min(wanted, footprint.workers_within(budget)))
    most = workers_in_time(fit, mine, terms, facts["latency_requirement_ms"])
    workers, parts = batch.best_size(most) if batch else (most, None)
    limit: PoolLimit = "nothing"
    if workers < wanted:
        limit = "pay" if workers < most else "latency" if most < fit else "memory"
    return Pool(workers, sizing, limit, terms, batch, parts, footprint, processes, replicas)


def _in_enough(one: Pool, approach: _Approach) -> Pool:
    """The fewest processes that have room above what arrives, as planned, and answer in time and nearly as soon as all would.

    At most one for each CPU, as memory allows. Where none have, those that do most of it.
    """
    facts, work = approach.facts, approach.work
    rate = rate_asked(facts)
    if rate is None or work.arrivals_per_ms is None or work.cpu_ms is None or work.wait_ms is None:
        return one
    most = _most_processes(approach)
    if most < 2:
        return one

    @cache
    def served_in(processes: int) -> _Served:
        return _served(one if processes == 1 else _pool_in(processes, approach), approach, rate)

    soonest, limit = served_in(most).queued_ms, facts["latency_requirement_ms"]
    in_time = limit if limit is not None and soonest <= limit else math.inf  # what none keeps is not asked of any
    longest = min(in_time, _NEARLY_AS_SOON * soonest)

    def is_enough(processes: int) -> bool:
        served = served_in(processes)
        return served.use <= PLANNED and served.queued_ms <= longest

    if is_enough(1):
        return one
    several = served_in(_first(is_enough, 2, most))
    return several.pool if several.use * _MORE < served_in(1).use else one


def _most_processes(approach: _Approach) -> int:
    """One for each CPU, if no fewer are in flight where that is bound, and memory allows."""
    facts, work = approach.facts, approach.work
    budget, cores = facts["memory_budget_mb"], facts["cpu_cores"]
    most = min(cores, work.in_flight or 1) if is_bound(work) else cores
    if budget is None or most < 2:
        return most
    return _first(lambda processes: not _fits(_pool_in(processes, approach), budget), 2, most + 1) - 1


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first number from `low` for which something holds, that does for all beyond it; `high` if it does for none below."""
    if low >= high or holds(low):
        return min(low, high)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


class _Served(NamedTuple):
    """A pool, how much of what it can do in all its processes is asked for, and how long 95 of 100 requests take at most."""

    pool: Pool
    use: float
    queued_ms: float  # endless where it cannot keep up


def _served(pool: Pool, approach: _Approach, rate_per_s: float) -> _Served:
    ways = pool.terms, pool.parts, pool.footprint, pool.processes
    predicted = estimate(approach.traits, pool.workers, approach.work, *ways)
    assert predicted.capacity is not None, "requests arrive, and what one takes is known"
    queued_ms = math.inf if predicted.queued_ms is None else predicted.queued_ms
    return _Served(pool, rate_per_s / predicted.capacity, queued_ms)


def _fits(pool: Pool, budget_mb: float | None) -> bool:
    active = pool.workers if pool.terms.pooled else 1
    return budget_mb is None or pool.footprint.whole_mb(active) <= budget_mb


def cluster_pool_of(
    traits: Traits,
    sizing: Rule,
    replicas: Rule,
    facts: WorkloadFacts,
    work: Quantities,
    shape: Shape,
    engine: EngineCosts,
) -> Pool:
    """The workers of an engine, on the machines that are given, or on as many as it takes where that is one."""
    terms, costs = terms_of(traits, shape), costs_under(traits, shape)
    footprint = cluster_footprint(engine, work, costs["base_memory_mb"])
    budget = facts["memory_budget_mb"]
    wanted = _workers_wanted(str(sizing.outputs["basis"]), facts, work.cores, facts["in_flight"])
    workers = wanted if budget is None else max(1, min(wanted, footprint.workers_within(budget)))
    cluster = Cluster(engine, 1, workers)

    def with_machines(machines: int) -> Cluster:
        """The same on so many; no more is in flight on all of them than may be."""
        most = facts["concurrency"]
        return cluster._replace(
            machines=machines, workers=workers if most is None else max(1, min(workers, -(-most // machines)))
        )

    def seconds(machines: int) -> float | None:
        """What a batch takes on so many."""
        return cluster_seconds(with_machines(machines), work, costs)

    def seconds_each(machines: int) -> float | None:
        """What a service takes for each request at most, as full as is planned."""
        rate = capacity_per_s(with_machines(machines), work, costs)
        return None if rate is None else 1 / (rate * PLANNED)

    needed = _machines_that_serve(seconds_each, facts) if work.serves else _machines_needed(seconds, facts)
    cluster = with_machines(facts["machines"] if facts["machines"] > 1 else needed)
    limit: PoolLimit = "memory" if workers < wanted else "nothing"
    parts = cluster_parts(cluster, work, costs)
    return Pool(cluster.workers, sizing, limit, terms, None, parts, footprint, 1, replicas, cluster)


def _machines_needed(seconds: Callable[[int], float | None], facts: WorkloadFacts) -> int:
    """The machines that a batch takes to be in time; where no number is in time, those beyond which more gain nothing."""
    limit, one = time_limit(facts), seconds(1)
    if limit is None or one is None or one <= limit:
        return 1
    least = seconds(MOST_MACHINES)
    return machines_within(seconds, limit) or machines_within(seconds, (least or 0.0) * _NO_GAIN) or 1


def _machines_that_serve(seconds_each: Callable[[int], float | None], facts: WorkloadFacts) -> int:
    """The machines that a service takes to keep up with what arrives, or must be done in a second; 1 if no number does."""
    rates = [r for r in (facts["requests_per_second"], facts["throughput_requirement_per_s"]) if r]
    return machines_within(seconds_each, 1 / max(rates)) or 1 if rates else 1


def _workers_wanted(basis: str, facts: WorkloadFacts, cores: int, in_flight: int | None) -> int:
    """The size of a pool by CPUs or by waits, no larger than the tasks, nor than what may be in flight."""
    tasks = facts["tasks"]
    if basis == "one" or not facts["parallelizable"]:
        return 1
    if basis == "few":  # each of them starts at a cost that nobody has told
        return min(_FEW, cores, tasks or cores)
    size = cores if basis == "cores" else in_flight or max(cores, min(_DEFAULT_WAITING_THREADS, cores + 4))
    most = size if basis == "cores" else max(_MOST_THREADS, cores)
    return min(size, tasks or size, facts["concurrency"] or size, most)
