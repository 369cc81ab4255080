"""The pool of an approach: as large as CPUs or waits ask for, memory allows, and pays."""

from __future__ import annotations

from collections.abc import Callable
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
from selector.cost.service import workers_in_time
from selector.cost.shape import Shape, Terms, terms_of
from selector.cost.terms import Quantities, costs_under
from selector.decision.table import Rule
from selector.recommend.derive import time_limit
from selector.recommend.facts import PoolLimit, WorkloadFacts

#: How busy something may be that is planned: at 70 to 80 % a request waits about as long as it takes, and a burst is soon
#: worked off; towards 100 % queues grow without bound. In a line for one server that takes the same for each request
#: (M/D/1) it waits r / (2 (1 - r)) times its own time: 1.5 times at 75 %, 9.5 times at 95 %.
PLANNED = 0.75
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

    Of an engine, `workers` are those on each machine of its `cluster`.
    """

    workers: int
    sizing: Rule
    limit: PoolLimit
    terms: Terms
    batch: Batch | None
    parts: Parts | None  # where the time of the batch goes with as many workers
    footprint: Footprint
    cluster: Cluster | None = None


def pool_of(traits: Traits, sizing: Rule, facts: WorkloadFacts, work: Quantities, shape: Shape) -> Pool:
    """The pool of an approach with these traits, by its row of `sizing`; `shape` is that of the workload."""
    terms = terms_of(traits, shape)
    batch, footprint = batch_of(traits, work, terms), footprint_of(traits, work, shape)
    wanted = _workers_wanted(str(sizing.outputs["basis"]), facts)
    if wanted == 1 or traits.pool == "none":
        return Pool(1, sizing, "nothing", terms, batch, batch.parts(1) if batch else None, footprint)
    budget = facts["memory_budget_mb"]
    fit = wanted if budget is None else max(1, min(wanted, footprint.workers_within(budget)))
    most = workers_in_time(fit, work, terms, facts["latency_requirement_ms"])
    workers, parts = batch.best_size(most) if batch else (most, None)
    limit: PoolLimit = "nothing"
    if workers < wanted:
        limit = "pay" if workers < most else "latency" if most < fit else "memory"
    return Pool(workers, sizing, limit, terms, batch, parts, footprint)


def cluster_pool_of(
    traits: Traits, sizing: Rule, facts: WorkloadFacts, work: Quantities, shape: Shape, engine: EngineCosts
) -> Pool:
    """The workers of an engine, on the machines that are given, or on as many as it takes where that is one."""
    terms, costs = terms_of(traits, shape), costs_under(traits, shape)
    footprint = cluster_footprint(engine, work, costs["base_memory_mb"])
    wanted, budget = _workers_wanted(str(sizing.outputs["basis"]), facts), facts["memory_budget_mb"]
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
    return Pool(cluster.workers, sizing, limit, terms, None, parts, footprint, cluster)


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


def _workers_wanted(basis: str, facts: WorkloadFacts) -> int:
    """The size of a pool by CPUs or by waits, no larger than the tasks, nor than what may be in flight."""
    cores, tasks = facts["cpu_cores"], facts["tasks"]
    if basis == "one" or not facts["parallelizable"]:
        return 1
    if basis == "few":  # each of them starts at a cost that nobody has told
        return min(_FEW, cores, tasks or cores)
    size = cores if basis == "cores" else facts["in_flight"] or max(cores, min(_DEFAULT_WAITING_THREADS, cores + 4))
    most = size if basis == "cores" else max(_MOST_THREADS, cores)
    return min(size, tasks or size, facts["concurrency"] or size, most)
