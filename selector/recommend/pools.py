"""The pool of an approach: as large as CPUs or waits ask for, memory allows, and pays."""

from __future__ import annotations

from typing import NamedTuple

from selector.approaches import Traits
from selector.cost.batch import Batch, Parts, batch_of
from selector.cost.memory import Footprint, footprint_of
from selector.cost.service import workers_in_time
from selector.cost.shape import Shape, Terms, terms_of
from selector.cost.terms import Quantities
from selector.decision.table import Rule
from selector.recommend.facts import PoolLimit, WorkloadFacts

#: Threads for waits when nothing says how many are in flight: the default cap of ThreadPoolExecutor (docs).
_DEFAULT_WAITING_THREADS = 32
#: More threads than this are no plan for waits, with their stacks and their scheduling, and `calibrate` measures no more;
#: `advice` says what to do instead.
_MOST_THREADS = 128
#: Workers that each make a costly start of unknown length: with few of them it is made few times, and they stay warm.
_FEW = 4


class Pool(NamedTuple):
    """The pool of an approach: its size, what sized it, what made it smaller, and what it was sized by."""

    workers: int
    sizing: Rule
    limit: PoolLimit
    terms: Terms
    batch: Batch | None
    parts: Parts | None  # where the time of the batch goes with as many workers
    footprint: Footprint


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
