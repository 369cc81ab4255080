"""What a service does under one approach: the latency of one request by itself, and of all that are in flight."""

from __future__ import annotations

from selector.catalogue import Traits
from selector.cost.batch import copy_ms, dispatch_ms
from selector.cost.queueing import serve
from selector.cost.terms import Builds, Quantities, at_once_of, cpu_ms_of, under

_SHORTEST_MS = 1e-6  # nothing takes no time at all


def latency_ms(traits: Traits, workers: int, work: Quantities, builds: Builds) -> float | None:
    """How long one task takes with a warm pool, 95th percentile; the GIL convoy counts where threads compute.

    A thread of a GIL build waits for each thread that computes before it: its task, up to one switch interval
    (facts: 5 ms behind one CPU thread, 38 ms at p95 behind four).
    """
    if work.cpu_ms is None or traits.runs_in == "cluster":
        return None
    costs = under(traits, work, builds)
    cpu = cpu_ms_of(traits, work.cpu_ms, 1, work, costs, 1.0)
    spent = cpu + (work.wait_ms or 0.0) + dispatch_ms(traits, 1, 1, work, costs) + copy_ms(traits, work, costs)
    if traits.convoy and not work.releases_gil and cpu > 0:
        spent += min(costs["gil_switch_ms"], cpu) * min(workers, work.cores)
    return spent


def service_of(
    traits: Traits, workers: int, work: Quantities, builds: Builds, alone_ms: float | None
) -> tuple[float | None, float | None]:
    """(Requests per second, latency of one at the 95th percentile) with as many in flight as the workload says.

    A request queues for what is scarcest: a slot that it holds while it waits and computes, or a CPU to compute on.
    """
    if alone_ms is None or work.cpu_ms is None or work.wait_ms is None or not work.in_flight:
        return None, None
    costs = under(traits, work, builds)
    at_once = at_once_of(traits, workers, work)
    parent = dispatch_ms(traits, workers, 1, work, costs) + copy_ms(traits, work, costs)
    each = max(cpu_ms_of(traits, work.cpu_ms, at_once, work, costs, 1.0) + parent, _SHORTEST_MS)
    servers, capacity = at_once, at_once / each
    if traits.overlaps_waits != "all":
        slots = workers if traits.overlaps_waits == "pool" else 1
        servers, capacity = min((servers, capacity), (slots, slots / (each + work.wait_ms)), key=lambda s: s[1])
    served = serve(work.in_flight, max(alone_ms, _SHORTEST_MS), servers, capacity)
    return served.rate * 1000, alone_ms + served.queue_p95_ms
