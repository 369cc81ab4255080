"""What a service does under one approach: the latency of one request by itself, and of all that are in flight."""

from __future__ import annotations

import math
from typing import NamedTuple

from selector.approaches import Traits
from selector.cost.batch import computing_at_once
from selector.cost.queueing import serve, serve_arrivals
from selector.cost.shape import Terms, copied_ms, mix_under, own_cpu_ms
from selector.cost.terms import Quantities, at_once_of, slots_of

_SHORTEST_MS = 1e-6  # nothing takes no time at all


def latency_ms(workers: int, work: Quantities, terms: Terms) -> float | None:
    """How long one task takes with a warm pool, 95th percentile; the GIL convoy counts where threads compute.

    A thread of a GIL build waits for each thread that computes before it: its task, up to one switch interval
    (facts: 5 ms behind one CPU thread, 38 ms at p95 behind four), or as long as native code keeps the GIL.
    """
    if work.cpu_ms is None or work.wait_ms is None:
        return None
    cpu, wait = own_cpu_ms(terms, work), work.wait_ms
    spent = cpu + wait + terms.dispatch + terms.message + (copied_ms(terms, work) if terms.copies else 0.0)
    if terms.convoy and cpu > 0:
        held = cpu * work.gil_share
        spent += _held_up_ms(held, work, terms) * computing_at_once(workers, held, wait + (cpu - held))
    return spent


def _held_up_ms(held: float, work: Quantities, terms: Terms) -> float:
    """How long a thread that holds the GIL for so long in all holds another one up, before it lets it go on."""
    return min(terms.convoy if work.gil_hold_ms is None else work.gil_hold_ms, held)


def workers_in_time(most: int, work: Quantities, terms: Terms, limit_ms: float | None) -> int:
    """As many of the workers, at least one, as let one task by itself end in time: with the GIL they hold each other up."""
    if limit_ms is None or not terms.convoy or most == 1:
        return most
    alone = latency_ms(1, work, terms)
    wait, cpu = work.wait_ms or 0.0, own_cpu_ms(terms, work)
    held = cpu * work.gil_share
    if alone is None or not (held_up := _held_up_ms(held, work, terms)):
        return most
    others = (limit_ms - alone) / held_up  # that may compute beside the first one
    if others < 0:
        return most  # it is late by itself: fewer workers do not mend it
    return 1 + math.floor(min(most - 1, others * (cpu + wait) / held))


class Service(NamedTuple):
    """What a service does: requests per second, the most that it could do, and the latency of one, 95th percentile.

    The latency is None where more requests arrive than it can do.
    """

    throughput: float
    capacity: float
    queued_ms: float | None


def service_of(traits: Traits, workers: int, work: Quantities, terms: Terms, alone_ms: float | None) -> Service | None:
    """The service with as many requests as arrive, or are in flight, as the workload says; None where it does not.

    A request queues for what is scarcest: a slot that it holds while it waits and computes, a CPU to compute on, or the
    parent, which hands one request over after the other.
    """
    if alone_ms is None or not (work.in_flight or work.arrivals_per_ms):
        return None
    alone_ms = max(alone_ms, _SHORTEST_MS)
    if work.arrivals_per_ms is not None:
        work = work._replace(
            in_flight=None
        )  # what arrives at random may need every worker, however few are busy on average
    servers, capacity = _narrowest(traits, workers, work, terms)
    if work.arrivals_per_ms is None:
        assert work.in_flight, "one of both is known"
        served = serve(work.in_flight, alone_ms, servers, capacity)
        return Service(served.rate * 1000, capacity * 1000, alone_ms + served.queue_p95_ms)
    queued = serve_arrivals(work.arrivals_per_ms, servers, capacity)
    done = min(work.arrivals_per_ms, capacity)
    return Service(done * 1000, capacity * 1000, None if queued is None else alone_ms + queued)


def _narrowest(traits: Traits, workers: int, work: Quantities, terms: Terms) -> tuple[int, float]:
    """(How many there are of what is scarcest to a request, the requests per millisecond that all of them do)."""
    assert work.wait_ms is not None, "a latency is known"
    at_once = at_once_of(traits, workers, work)
    each, mix = own_cpu_ms(terms, work), mix_under(terms, work)
    if at_once > 1:
        each *= mix.loss(terms.contention, at_once, terms.costs)
    parent = terms.dispatch + terms.message + (copied_ms(terms, work) if terms.copies else 0.0)
    if not terms.pooled:  # its one thread does all of it
        each, at_once, parent = each / mix.at_once(at_once) + parent, 1, 0.0
    each = max(each, _SHORTEST_MS)
    narrow = [(at_once, mix.at_once(at_once) / each)]
    if parent:
        narrow.append((1, 1 / parent))
    if traits.overlaps_waits != "all" or terms.in_pool:
        slots = slots_of(traits, workers, work) or workers
        narrow.append((slots, slots / (each + work.wait_ms)))
    return min(narrow, key=lambda s: s[1])
