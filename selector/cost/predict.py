"""Predicts what a workload takes under one approach, and how far off that may be.

Pure functions of the quantities of the workload (with the costs it meets) and the traits of the approach: the time of a
batch (`batch`), the throughput and latency of a service (`service`, `queueing`) and memory (`memory`).
"""

from __future__ import annotations

from operator import mul
from typing import Literal, NamedTuple

from selector.approaches import Traits
from selector.cost.batch import Batch, Parts, batch_parts
from selector.cost.cluster import Cluster
from selector.cost.memory import Footprint, footprint_of, waiting_mb
from selector.cost.service import latency_ms, service_of
from selector.cost.shape import Terms, shape_of, terms_of
from selector.cost.sheet import Sheet
from selector.cost.terms import Quantities

Dominant = Literal["computing", "GIL", "waiting", "pool start", "expensive start", "dispatch", "pickling"]


class CostEstimate(NamedTuple):
    """Predicted for one approach; None where the quantities for it are not known.

    `seconds` is for the whole batch, and `dominant` the part that most of it goes into. `latency_ms` is that of one
    task by itself, 95th percentile; a service has a `throughput` (requests per second), its `capacity` (the most that it
    can do), and `queued_ms`, which is that latency among all that are in flight; None where more arrive than it can do,
    so that its queue grows without end. `memory_mb` has the memory and data of the tasks at work. `waiting_mb` is the
    memory of those that wait meanwhile, if they hold theirs (None: how many is not known), and `data_mb` the data of all
    others, if they and their results are in memory, too.
    """

    seconds: float | None
    memory_mb: float
    overhead_mb: float
    waiting_mb: float | None
    data_mb: float
    latency_ms: float | None
    dominant: Dominant | None
    throughput: float | None
    capacity: float | None
    queued_ms: float | None
    arrives: bool  # requests do, at a rate of their own

    @property
    def seconds_each(self) -> float | None:
        """What tells how fast it is: the seconds of a batch; of a service those for each request.

        Where requests arrive at a rate of their own, all that keep up do as many in a second: what differs is how long
        one takes.
        """
        if self.arrives:
            return None if self.queued_ms is None else self.queued_ms / 1000
        return self.seconds if not self.throughput else 1 / self.throughput

    @property
    def rate(self) -> float | None:
        """What tells how much a service can do: its capacity where requests arrive, else what it does with those in flight."""
        return self.capacity if self.arrives else self.throughput

    @property
    def whole_mb(self) -> float:
        """The memory if all tasks hold theirs at once, as far as it is known."""
        return self.memory_mb + (self.waiting_mb or 0.0) + self.data_mb


def estimate(
    traits: Traits,
    workers: int,
    work: Quantities,
    terms: Terms | None = None,
    parts: Parts | None = None,
    footprint: Footprint | None = None,
) -> CostEstimate:
    """The middle estimate for one approach with so many workers.

    `terms`, `parts` and `footprint` are what `terms_of`, `batch_parts` and `footprint_of` give, where that is at hand.
    """
    terms = terms or terms_of(traits, shape_of(work))
    parts, footprint = parts or batch_parts(traits, workers, work), footprint or footprint_of(traits, work)
    cluster = traits.runs_in == "cluster"
    alone = None if cluster else latency_ms(workers, work, terms)
    served = service_of(traits, workers, work, terms, alone) if work.serves else None
    active = workers if terms.pooled else 1
    other_data_mb = max(0, (work.tasks or 0) - workers) * work.data_kb / 1024
    return CostEstimate(
        sum(parts) / 1000 if parts else None,
        footprint.whole_mb(active),
        footprint.overhead_mb(active),
        waiting_mb(traits, active, work),
        other_data_mb * (2 if traits.pickles else 1),
        alone,
        _dominant(parts, terms, workers, work) if parts else None,
        served.throughput if served else None,
        served.capacity if served else None,
        served.queued_ms if served else None,
        work.serves and work.arrivals_per_ms is not None,
    )


def estimate_cluster(cluster: Cluster, work: Quantities, parts: Parts | None, footprint: Footprint) -> CostEstimate:
    """The same for one engine on so many machines: of a batch its time; memory is that of one machine, with the broker.

    What waits in the queue is in the broker's memory. A service is not predicted: how long a request queues is not known.
    """
    others_mb = max(0, (work.tasks or 0) - cluster.all_workers) * work.data_kb / 1024
    batch = parts if not work.serves else None
    return CostEstimate(
        sum(batch) / 1000 if batch else None,
        footprint.whole_mb(cluster.workers),
        footprint.overhead_mb(cluster.workers),
        0.0,
        others_mb,
        None,
        _NAMES[batch.index(max(batch))] if batch else None,
        None,
        None,
        None,
        work.serves and work.arrivals_per_ms is not None,
    )


def spread_of(workers: int, batch: Batch, sheet: Sheet, slow: bool) -> float:
    """The longest (`slow`) or the shortest time to expect of a batch, in seconds, before what the model leaves out.

    Each part of the time is taken as much longer or shorter as the costs that it comes from may be off. Which path is the
    longest may be another one then.
    """
    off = batch.off(workers, sheet, slow)
    return max(float(sum(map(mul, path, off))) for path in batch.paths(workers) if path) / 1000


#: The parts in words, in the order of Parts.
_NAMES: tuple[Dominant, ...] = ("computing", "waiting", "pool start", "expensive start", "dispatch", "pickling")


def _dominant(parts: Parts, terms: Terms, workers: int, work: Quantities) -> Dominant:
    """What most of the time goes into, in a word."""
    name, at_once = _NAMES[parts.index(max(parts))], min(workers, work.cores)
    if name != "computing" or terms.on_every_core or not terms.pooled:
        return name
    if terms.mixed == "held":
        return "GIL" if at_once * work.gil_share > 1 else name
    return "GIL" if at_once > 1 and not terms.contention else name
