"""What a service does under one approach: the latency of one request by itself, and of all that are in flight."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from selector.approaches import Traits
from selector.cost.batch import computing_at_once
from selector.cost.queueing import hardly_ever_more, serve, serve_arrivals
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
    spent = cpu + wait + handed_over_ms(work, terms)
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
    if alone_ms is None or not work.in_flight:
        return None
    alone_ms = max(alone_ms, _SHORTEST_MS)
    _, servers, capacity = narrowest(traits, workers, work, terms)
    if work.arrivals_per_ms is None:
        served = serve(work.in_flight, alone_ms, servers, capacity)
        return Service(served.rate * 1000, capacity * 1000, alone_ms + served.queue_p95_ms)
    queued = serve_arrivals(work.arrivals_per_ms, servers, capacity)
    done = min(work.arrivals_per_ms, capacity)
    return Service(done * 1000, capacity * 1000, None if queued is None else alone_ms + queued)


class Place(NamedTuple):
    """A place that each request goes through: what it is, how many it serves at once, the requests per millisecond it does.

    `in_flight` is not a place of the approach, but a bound of the workload: its concurrency, or that one comes after another.
    """

    name: Literal["computing", "slots", "hand_over", "in_flight"]
    servers: int
    capacity: float


def narrowest(traits: Traits, workers: int, work: Quantities, terms: Terms) -> Place:
    """What is scarcest to a request; its CPU time and its waits must be known."""
    assert work.wait_ms is not None, "a latency is known"
    at_once, mix = at_once_of(traits, workers, work), mix_under(terms, work)
    each, parent = computing_ms(at_once, work, terms), handed_over_ms(work, terms)
    if not terms.pooled:  # its one thread does all of it
        each, at_once, parent = each / mix.at_once(at_once) + parent, 1, 0.0
    each = max(each, _SHORTEST_MS)
    narrow = [Place("computing", at_once, mix.at_once(at_once) / each)]
    if parent:
        narrow.append(Place("hand_over", 1, 1 / parent))
    if traits.overlaps_waits != "all" or terms.in_pool:
        slots = slots_of(traits, workers, work) or workers
        narrow.append(Place("slots", slots, slots / (each + work.wait_ms)))
    if work.in_flight is not None and work.in_flight < _arrived(work):
        narrow.append(Place("in_flight", work.in_flight, work.in_flight / (each + work.wait_ms)))
    return min(narrow, key=lambda place: place.capacity)


def _arrived(work: Quantities) -> int:
    """How many would be in flight if nothing held requests up, by Little's law; 0 where it is not known how many arrive."""
    if work.arrivals_per_ms is None:
        return 0
    return hardly_ever_more(work.arrivals_per_ms * ((work.cpu_ms or 0.0) + (work.wait_ms or 0.0)))


def computing_ms(at_once: int, work: Quantities, terms: Terms) -> float:
    """The CPU time of one while so many compute: they hold each other up."""
    each = own_cpu_ms(terms, work)
    return each if at_once <= 1 else each * mix_under(terms, work).loss(terms.contention, at_once, terms.costs)


def handed_over_ms(work: Quantities, terms: Terms) -> float:
    """What the process that hands requests over does for each of them."""
    return terms.dispatch + terms.message + (copied_ms(terms, work) if terms.copies else 0.0)
