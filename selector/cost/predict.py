"""Predicts what a workload takes under one approach, and how far off that may be.

Pure functions of the quantities of the workload, the traits of the approach and the costs of the host: the time of a
batch (`batch`), the throughput and latency of a service (`service`, `queueing`) and memory (`memory`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from selector.catalogue import Traits
from selector.cost.batch import Parts, batch_parts, batch_seconds
from selector.cost.memory import memory_mb
from selector.cost.service import latency_ms, service_of
from selector.cost.terms import Builds, Quantities, at_once_of

#: How far costs per start and per task may be off either way, by where they are from. Documented ones: the figures of
#: facts.md and those measured on 3.14.10 on the same machine differ by up to that much for most of them.
UNCERTAINTY = {"documented": 2.0, "given": 1.5, "calibrated": 1.3}
#: How far everything may be off, as what the model leaves out and what disturbs a host: see docs/predictions.md.
MARGIN = {"documented": 1.25, "given": 1.15, "calibrated": 1.1}

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


def estimate(traits: Traits, workers: int, work: Quantities, builds: Builds) -> CostEstimate:
    """The middle estimate for one approach with so many workers."""
    memory, overhead = memory_mb(traits, workers, work, builds)
    parts = batch_parts(traits, workers, work, builds)
    alone = latency_ms(traits, workers, work, builds)
    throughput, queued = service_of(traits, workers, work, builds, alone) if work.serves else (None, None)
    return CostEstimate(
        seconds=sum(parts) / 1000 if parts else None,
        memory_mb=memory,
        overhead_mb=overhead,
        data_mb=max(0, (work.tasks or 0) - workers) * work.payload_kb / 1024 * (2 if traits.pickles else 1),
        latency_ms=alone,
        dominant=_dominant(parts, traits, workers, work) if parts else None,
        throughput=throughput,
        queued_ms=queued,
    )


def speedup_range(
    traits: Traits,
    workers: int,
    baseline_seconds: float | None,
    work: Quantities,
    builds: Builds,
    source: str = "documented",
) -> tuple[float, float] | None:
    """The lowest and highest speedup to expect over a baseline, or None where the quantities are not known.

    They take the costs, the loss of parallel efficiency and the slowdown of the free-threaded build as so much more and
    less as their `source` leaves open. Computing alone is never faster than by as many as compute at once.
    """
    slow = batch_seconds(traits, workers, work, builds, UNCERTAINTY[source])
    fast = batch_seconds(traits, workers, work, builds, 1 / UNCERTAINTY[source])
    if not (baseline_seconds and slow and fast):
        return None
    low, high = baseline_seconds / (slow * MARGIN[source]), baseline_seconds / fast * MARGIN[source]
    at_once = at_once_of(traits, min(workers, work.tasks or workers), work)
    return low, min(high, at_once) if at_once > 1 and not work.wait_ms else high


#: The parts in words, in the order of Parts.
_NAMES: tuple[Dominant, ...] = ("computing", "waiting", "pool start", "expensive start", "dispatch", "pickling")


def _dominant(parts: Parts, traits: Traits, workers: int, work: Quantities) -> Dominant:
    """What most of the time goes into, in a word."""
    name = _NAMES[parts.index(max(parts))]
    in_turns = traits.pool != "none" and min(workers, work.cores) > 1 and at_once_of(traits, workers, work) == 1
    return "GIL" if name == "computing" and in_turns else name
