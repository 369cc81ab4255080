"""How a service answers: requests arrive at random and queue for servers (M/M/c, Erlang's C formula).

Pure functions; times are milliseconds. What is known of a service is how many requests are in flight. By Little's law
that is the arrival rate times the time a request takes, its time in the queue among it: the rate follows from it. And
as no more are in flight at once, no request finds more than those before it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_PERCENTILE = 0.95
_MOST_SERVERS = 256  # that are reckoned with: of more than that hardly one is ever waited for
_RARELY_MORE = 3.0  # standard deviations
_ALIKE = 0.5  # (Ca^2 + Cs^2) / 2: arrivals at random, requests that all take the same
_FULL = 0.99
_STEPS = 16  # halvings of the interval that the arrival rate is looked for in: to a hundred-thousandth of it


class Served(NamedTuple):
    """What a service does: requests per millisecond, which part of its capacity that is, and how long they queue."""

    rate: float
    load: float
    queue_p95_ms: float


def serve(in_flight: float, alone_ms: float, servers: int, capacity: float) -> Served:
    """The service with so many requests in flight on average, each of which takes `alone_ms` without a queue.

    `capacity` is what all servers do in a millisecond. The more are in flight, the nearer the rate comes to it.
    """
    servers = min(servers, _MOST_SERVERS)
    low, high = 0.0, min(capacity, in_flight / alone_ms)
    for _ in range(_STEPS):
        rate = (low + high) / 2
        load = rate / capacity
        queued = waits_at_all(servers, load) * load / (1 - load)
        low, high = (rate, high) if rate * alone_ms + queued < in_flight else (low, rate)
    load = low / capacity
    most_ms = max(0.0, in_flight - servers) / capacity
    return Served(low, load, min(most_ms, _queue_ms(servers, load, capacity)))


def hardly_ever_more(mean: float) -> int:
    """How many are hardly ever exceeded of those that come at random, so many on average: a Poisson number.

    99.9 % of them lie below the mean and three times its root.
    """
    return max(1, math.ceil(mean + _RARELY_MORE * math.sqrt(mean)))


def serve_arrivals(rate: float, servers: int, capacity: float) -> float | None:
    """How long requests queue that arrive at random, 95th percentile, in ms; None where more arrive than can be done.

    `rate` is the requests that arrive in a millisecond. All take about as long as one another, which is all that is known
    of them: their queue is half as long as that of M/M/c, where they differ as chance has it (Allen and Cunneen).
    """
    servers = min(servers, _MOST_SERVERS)
    load = rate / capacity
    return None if load >= 1 else _ALIKE * _queue_ms(servers, load, capacity)


def mean_wait_ms(rate: float, each_ms: float) -> float:
    """How long requests wait on average for one server that takes `each_ms` with each of them (Pollaczek and Khinchine).

    Without end where more arrive than it can do.
    """
    load = rate * each_ms
    return load * each_ms / (2 * (1 - load)) if load < 1 else math.inf


def in_step_ms(rate: float, each_ms: float, wait_ms: float) -> float:
    """How much longer requests take on a loop that computes between their waits than in a queue alone, 95th percentile.

    Whoever comes while it computes begins to wait when it has done that for all who came before, together with others, and is
    back together with them. Where all are in step, a round is computing for load / (1 - load) times the wait; with little
    load they are not. The second figure is fitted to asyncio's streams under a virtual clock, with loads up to 0.8 and waits
    of 1 to 100 times the computing: tests/test_loop_model.py.
    """
    load = min(rate * each_ms, _FULL)
    by_chance = 2 * load * each_ms / ((1 - load) ** 3 * (1 + load))
    return min(load / (1 - load) * wait_ms, by_chance)


def _queue_ms(servers: int, load: float, capacity: float) -> float:
    """The time in the queue that 95 % of the requests stay below."""
    waits = waits_at_all(servers, load)
    beyond = 1 - _PERCENTILE
    return math.log(waits / beyond) / (capacity * (1 - load)) if waits > beyond else 0.0


def waits_at_all(servers: int, load: float) -> float:
    """The probability that a request finds all servers busy (Erlang C); `load` is below 1."""
    offered = load * servers
    blocked = 1.0  # Erlang B, by the usual recurrence
    for number in range(1, servers + 1):
        met = offered * blocked
        blocked = met / (number + met)
    return blocked / (1 - load * (1 - blocked))
