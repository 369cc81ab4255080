"""What a service does under one approach: the latency of one request by itself, and of all that are in flight or arrive."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from selector.approaches import Traits
from selector.cost.batch import computing_at_once
from selector.cost.queueing import hardly_ever_more, in_step_ms, mean_wait_ms, serve, serve_arrivals
from selector.cost.shape import Terms, copied_ms, mix_under, own_cpu_ms
from selector.cost.terms import Quantities, at_once_of, loss, slots_of

_SHORTEST_MS = 1e-6  # nothing takes no time at all
#: Threads of one GIL that a request goes through beside its computing, each of which has to get it: who accepts, who answers.
_PASSAGES = 2


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

    A request queues for a slot that it holds while it waits and computes, for a CPU to compute on, and for the parent, which
    hands one request over after the other: mostly for what is scarcest of these.
    """
    if alone_ms is None:
        return None
    if work.arrivals_per_ms is not None:
        return _open(traits, workers, work, terms, work.arrivals_per_ms)
    if not work.in_flight:
        return None
    alone_ms = max(alone_ms, _SHORTEST_MS)
    _, servers, capacity = narrowest(traits, workers, work, terms)
    served = serve(work.in_flight, alone_ms, servers, capacity)
    return Service(served.rate * 1000, capacity * 1000, alone_ms + served.queue_p95_ms)


def _open(traits: Traits, workers: int, work: Quantities, terms: Terms, arrivals_per_ms: float) -> Service:
    """A service that requests arrive at, on a socket. What arrives at random may need every worker, however few are busy.

    The slowest in twenty are those that compute beside others, as soon as a request in seven meets one: they take as long
    as all do when every CPU is busy. With a GIL, each thread that a request passes through has to wait for it once more.
    """
    assert work.wait_ms is not None, "a latency is known"
    answering = answering_ms(traits, work, terms)
    places = _places(traits, workers, work, terms)
    capacity = min(place.capacity for place in places)
    done = min(arrivals_per_ms, capacity)
    queues = [serve_arrivals(arrivals_per_ms, place.servers, place.capacity) for place in places]
    queued = [queue for queue in queues if queue is not None]
    if len(queued) < len(queues):
        return Service(done * 1000, capacity * 1000, None)
    cpu, at_once = own_cpu_ms(terms, work), at_once_of(traits, workers, work)
    alone = computing_ms(at_once, work, terms) + work.wait_ms + overhead_ms(traits, work, terms)
    steps_behind = 1 / places[0].capacity if traits.runs_loop and not terms.pooled else 0.0  # what its one thread does
    if terms.convoy and cpu > 0:
        held = cpu * work.gil_share
        held_up = _held_up_ms(held, work, terms)
        alone += _PASSAGES * min(mean_wait_ms(arrivals_per_ms, held + answering), held_up)
        if traits.runs_loop:  # its thread needs the GIL for every step
            steps_behind = held_up + overhead_ms(traits, work, terms)
    if steps_behind:
        alone += in_step_ms(arrivals_per_ms, steps_behind, work.wait_ms)
    return Service(done * 1000, capacity * 1000, alone + max(queued))


def share_of(work: Quantities, processes: int, terms: Terms) -> Quantities:
    """What each of so many processes has that take requests from one port: its part of them, and of the CPUs.

    The kernel hands connections out as they come: what arrives at each is at random, too. While all compute they hold each
    other up as processes do.
    """
    if processes == 1 or work.arrivals_per_ms is None:
        return work
    mine = work._replace(
        arrivals_per_ms=work.arrivals_per_ms / processes,
        cores=max(1, work.cores // processes),
        cpu_ms=None if work.cpu_ms is None else work.cpu_ms * loss("contention_processes", processes, terms.costs),
    )
    if work.in_flight is None:
        return mine
    return mine._replace(in_flight=max(1, work.in_flight // processes) if is_bound(work) else _arrived(mine))


def is_bound(work: Quantities) -> bool:
    """Whether fewer may be in flight than arrive meanwhile."""
    return work.in_flight is not None and work.in_flight < _arrived(work)


def _preforked(traits: Traits) -> bool:
    """Whether the kernel hands requests to its workers: processes that accept from one socket, and no loop before them."""
    return traits.runs_in == "workers" and not traits.runs_loop


def handed_over_ms(work: Quantities, terms: Terms) -> float:
    """What the process that hands requests over does for each of them."""
    return terms.dispatch + terms.message + (copied_ms(terms, work) if terms.copies else 0.0)


def overhead_ms(traits: Traits, work: Quantities, terms: Terms) -> float:
    """What is done for one beside its own work: to hand it over, where somebody does, and to answer it."""
    answering = answering_ms(traits, work, terms)
    return answering + (0.0 if answering and _preforked(traits) else handed_over_ms(work, terms))


def computing_ms(at_once: int, work: Quantities, terms: Terms) -> float:
    """The CPU time of one while so many compute: they hold each other up."""
    each = own_cpu_ms(terms, work)
    return each if at_once <= 1 else each * mix_under(terms, work).loss(terms.contention, at_once, terms.costs)


def answering_ms(traits: Traits, work: Quantities, terms: Terms) -> float:
    """What taking a request from a socket and answering it costs: 0 where nobody says that it has one."""
    return 0.0 if work.arrivals_per_ms is None else terms.costs[answering_cost(traits)]


def answering_cost(traits: Traits) -> str:
    """The name of what taking a request from a socket and answering it costs."""
    return "answer_on_loop_ms" if traits.runs_loop else "answer_blocking_ms"


class Place(NamedTuple):
    """What a request has to get hold of: what it is, how many there are, the requests per millisecond that all of them do.

    `in_flight` is not a place of the approach, but a bound of the workload: its concurrency, or that one comes after another.
    """

    name: Literal["computing", "slots", "hand_over", "in_flight"]
    servers: int
    capacity: float


def narrowest(traits: Traits, workers: int, work: Quantities, terms: Terms) -> Place:
    """What is scarcest to a request; its CPU time and its waits must be known."""
    return min(_places(traits, workers, work, terms), key=lambda place: place.capacity)


def _places(traits: Traits, workers: int, work: Quantities, terms: Terms) -> list[Place]:
    """All that a request has to get hold of. What arrives at random may need every worker, however few are busy."""
    wait = work.wait_ms
    assert wait is not None, "a latency is known"
    bound = work.in_flight if is_bound(work) else None
    if work.arrivals_per_ms is not None:
        work = work._replace(in_flight=None)
    at_once, mix, answering = (
        at_once_of(traits, workers, work),
        mix_under(terms, work),
        answering_ms(traits, work, terms),
    )
    each = computing_ms(at_once, work, terms)
    parent = 0.0 if answering and _preforked(traits) else handed_over_ms(work, terms)
    if not terms.pooled:  # its one thread does all of it
        each, at_once, parent = each / mix.at_once(at_once) + parent, 1, 0.0
    if traits.runs_loop and terms.pooled and not terms.convoy:  # its thread is beside those that compute
        parent += answering
    else:
        each += answering
    each = max(each, _SHORTEST_MS)
    found = [Place("computing", at_once, mix.at_once(at_once) / each)]
    if parent:
        found.append(Place("hand_over", 1, 1 / parent))
    if traits.overlaps_waits != "all" or terms.in_pool:
        slots = slots_of(traits, workers, work) or workers
        found.append(Place("slots", slots, slots / (each + wait)))
    return found if bound is None else [*found, Place("in_flight", bound, bound / (each + wait))]


def _arrived(work: Quantities) -> int:
    """How many would be in flight if nothing held requests up, by Little's law; 0 where it is not known how many arrive."""
    if work.arrivals_per_ms is None:
        return 0
    return hardly_ever_more(work.arrivals_per_ms * ((work.cpu_ms or 0.0) + (work.wait_ms or 0.0)))
