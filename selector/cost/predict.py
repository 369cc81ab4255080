"""Predicts what a workload takes under one approach, and how far off that may be.

Pure functions of the quantities of the workload (with the costs it meets) and the traits of the approach: the time of a
batch (`batch`), the throughput and latency of a service (`service`, `queueing`) and memory (`memory`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from selector.catalogue import Traits
from selector.cost.batch import Batch, Parts, batch_of, batch_seconds
from selector.cost.memory import memory_mb
from selector.cost.service import latency_ms, service_of
from selector.cost.terms import Quantities, at_once_of

Dominant = Literal["computing", "GIL", "waiting", "pool start", "expensive start", "dispatch", "pickling"]


class CostEstimate(NamedTuple):
    """Predicted for one approach; None where the quantities for it are not known.

    `seconds` is for the whole batch, and `dominant` the part that most of it goes into. `latency_ms` is that of one
    task by itself, 95th percentile; a service has a `throughput` (requests per second), and `queued_ms`, which is that
    latency among all that are in flight. `memory_mb` has the data of the tasks in work, and `data_mb` is that of all
    others, if they and their results are in memory, too.
    """

    seconds: float | None
    memory_mb: float
    overhead_mb: float
    data_mb: float
    latency_ms: float | None
    dominant: Dominant | None
    throughput: float | None
    queued_ms: float | None

    @property
    def seconds_each(self) -> float | None:
        """What tells how fast it is: the seconds of a batch, of a service those for each request."""
        return self.seconds if not self.throughput else 1 / self.throughput


def estimate(traits: Traits, workers: int, work: Quantities, batch: Batch | None = None) -> CostEstimate:
    """The middle estimate for one approach with so many workers (`batch`: as `batch_of` gives it, where that is at hand)."""
    memory, overhead = memory_mb(traits, workers, work)
    batch = batch or batch_of(traits, work)
    parts = batch.parts(workers) if batch else None
    alone = latency_ms(traits, workers, work)
    throughput, queued = service_of(traits, workers, work, alone) if work.serves else (None, None)
    return CostEstimate(
        sum(parts) / 1000 if parts else None,
        memory,
        overhead,
        max(0, (work.tasks or 0) - workers) * work.payload_kb / 1024 * (2 if traits.pickles else 1),
        alone,
        _dominant(parts, traits, workers, work) if parts else None,
        throughput,
        queued,
    )


def speedup_range(
    traits: Traits, workers: int, baseline_seconds: float | None, slow: Quantities, fast: Quantities, margin: float
) -> tuple[float, float] | None:
    """The lowest and highest speedup to expect over a baseline, or None where the quantities are not known.

    `slow` and `fast` are the workload with the costs as high and as low as what they rest on leaves open, `margin` is how
    far everything may be off. Computing alone is never faster than by as many as compute at once.
    """
    longest, shortest = batch_seconds(traits, workers, slow), batch_seconds(traits, workers, fast)
    if not (baseline_seconds and longest and shortest):
        return None
    low, high = baseline_seconds / (longest * margin), baseline_seconds / shortest * margin
    at_once = at_once_of(traits, min(workers, fast.tasks or workers), fast)
    return low, min(high, at_once) if at_once > 1 and not fast.wait_ms else high


#: The parts in words, in the order of Parts.
_NAMES: tuple[Dominant, ...] = ("computing", "waiting", "pool start", "expensive start", "dispatch", "pickling")


def _dominant(parts: Parts, traits: Traits, workers: int, work: Quantities) -> Dominant:
    """What most of the time goes into, in a word."""
    name = _NAMES[parts.index(max(parts))]
    in_turns = traits.pool != "none" and min(workers, work.cores) > 1 and at_once_of(traits, workers, work) == 1
    return "GIL" if name == "computing" and in_turns and not work.library_parallel else name
