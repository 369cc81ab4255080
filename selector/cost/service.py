"""What a service does under one approach: the latency of one request by itself, and of all that are in flight."""

from __future__ import annotations

import math

from selector.catalogue import Traits
from selector.cost.batch import computing_at_once, copy_ms, hand_over_ms
from selector.cost.queueing import serve
from selector.cost.terms import Quantities, at_once_of, cpu_ms_of, slots_of, under

_SHORTEST_MS = 1e-6  # nothing takes no time at all


def latency_ms(traits: Traits, workers: int, work: Quantities) -> float | None:
    """How long one task takes with a warm pool, 95th percentile; the GIL convoy counts where threads compute.

    A thread of a GIL build waits for each thread that computes before it: its task, up to one switch interval
    (facts: 5 ms behind one CPU thread, 38 ms at p95 behind four).
    """
    if work.cpu_ms is None or traits.runs_in == "cluster":
        return None
    costs = under(traits, work)
    cpu = cpu_ms_of(traits, work.cpu_ms, 1, work, costs)
    spent = cpu + (work.wait_ms or 0.0) + hand_over_ms(traits, work, costs) + copy_ms(traits, work, costs)
    if traits.convoy and not work.releases_gil and cpu > 0:
        spent += min(costs["gil_switch_ms"], cpu) * computing_at_once(workers, workers, cpu, work.wait_ms or 0.0)
    return spent


def workers_in_time(traits: Traits, most: int, work: Quantities, limit_ms: float | None) -> int:
    """As many of the workers, at least one, as let one task by itself end in time: with the GIL they hold each other up."""
    if limit_ms is None or not traits.convoy or work.releases_gil or not work.cpu_ms:
        return most
    wait, cpu = work.wait_ms or 0.0, work.cpu_ms
    alone = latency_ms(traits, 1, work)
    assert alone is not None, "its CPU time is known"
    behind = min(under(traits, work)["gil_switch_ms"], cpu)
    others = (limit_ms - alone) / behind  # that may compute beside the first one
    if others < 0:
        return most  # it is late by itself: fewer workers do not mend it
    return max(1, int(min(most, (1 + math.floor(min(others, most))) * (cpu + wait) / cpu)))


def service_of(
    traits: Traits, workers: int, work: Quantities, alone_ms: float | None
) -> tuple[float | None, float | None]:
    """(Requests per second, latency of one at the 95th percentile) with as many in flight as the workload says.

    A request queues for what is scarcest: a slot that it holds while it waits and computes, a CPU to compute on, or the
    parent, which hands one request over after the other.
    """
    if alone_ms is None or work.cpu_ms is None or work.wait_ms is None or not work.in_flight:
        return None, None
    costs = under(traits, work)
    at_once = at_once_of(traits, workers, work)
    each = cpu_ms_of(traits, work.cpu_ms, at_once, work, costs)
    parent = hand_over_ms(traits, work, costs) + copy_ms(traits, work, costs)
    if traits.pool == "none":  # its one thread does all of it
        each, at_once, parent = each / at_once + parent, 1, 0.0
    each = max(each, _SHORTEST_MS)
    narrow = [(at_once, at_once / each)]
    if parent:
        narrow.append((1, 1 / parent))
    if traits.overlaps_waits != "all" or (work.blocks and traits.pool != "none"):
        slots = slots_of(traits, workers, work) or workers
        narrow.append((slots, slots / (each + work.wait_ms)))
    servers, capacity = min(narrow, key=lambda s: s[1])
    served = serve(work.in_flight, max(alone_ms, _SHORTEST_MS), servers, capacity)
    return served.rate * 1000, alone_ms + served.queue_p95_ms
