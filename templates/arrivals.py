"""Requests that arrive at planned moments, whether or not those before are answered. A process of its own sends them.

A request is one connection: a line goes out, a line comes back. Its latency runs from its planned moment, so that a
server which is slow to take it, or a sender that is late, cannot hide what a client waits for (coordinated omission).
"""

from __future__ import annotations

import errno
import gc
import os
import select
import selectors
import socket
import struct
import time
from typing import Any

_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)
_AT_ONCE = struct.pack(
    "hh" if os.name == "nt" else "ii", 1, 0
)  # SO_LINGER: a connection that is done leaves no port behind
_KEPT_UP = 0.95  # of what arrives, done by the time that the last is answered


class _Requests:
    """Requests to one port: which are under way, when each was answered, how many failed."""

    def __init__(self, port: int, http: bool) -> None:
        self.asks = b"GET /%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" if http else b"%d\n"
        self.heard: dict[int, bytes] = {}  # of answers that came in parts
        self.address = ("127.0.0.1", port)
        self.selector = selectors.DefaultSelector()
        self.under_way = 0
        self.answered: dict[int, float] = {}
        self.failed: dict[int, str] = {}

    def send(self, number: int) -> None:
        """Begin a request. On the loopback device a connection is there at once, unless the backlog is full."""
        try:
            connection = socket.socket()
        except OSError as error:  # no file descriptor is left
            self.failed[number] = str(error)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        code = connection.connect_ex(self.address)
        self.under_way += 1
        if code not in _UNDER_WAY:
            self._end(connection, number, errno.errorcode.get(code, str(code)))
        elif code == 0:
            self._say(connection, number, known=False)
        else:
            self.selector.register(connection, selectors.EVENT_WRITE, number)

    def _say(self, connection: socket.socket, number: int, *, known: bool) -> None:
        try:
            connection.send(self.asks % number)
        except OSError as error:
            self._end(connection, number, str(error), known=known)
            return
        change = self.selector.modify if known else self.selector.register
        change(connection, selectors.EVENT_READ, number)

    def _hear(self, connection: socket.socket, number: int) -> None:
        try:
            part = connection.recv(4096)
        except OSError as error:
            self._end(connection, number, str(error), known=True)
            return
        said = self.heard.pop(number, b"") + part
        if said.endswith(b"ok %d\n" % number):
            self._end(connection, number, "", known=True)
        elif part:
            self.heard[number] = said
        else:
            self._end(connection, number, "no answer", known=True)

    def _end(self, connection: socket.socket, number: int, fault: str, *, known: bool = False) -> None:
        if fault:
            self.failed[number] = fault
        else:
            self.answered[number] = time.perf_counter()
        if known:
            self.selector.unregister(connection)
        connection.close()
        self.under_way -= 1

    def attend(self, seconds: float) -> None:
        """See to the answers that come within that time; returns when some have come.

        `select` waits to the microsecond, what it watches only to the millisecond.
        """
        if seconds > 0 and hasattr(select, "epoll"):
            select.select([self.selector], [], [], seconds)  # the file of the epoll, which tells of all
            seconds = 0.0
        for key, _ in self.selector.select(max(0.0, seconds)):
            assert isinstance(key.fileobj, socket.socket)
            if key.events == selectors.EVENT_WRITE:
                self._say(key.fileobj, key.data, known=True)
            else:
                self._hear(key.fileobj, key.data)

    def close(self) -> None:
        """Drop what is still under way."""
        for key in list(self.selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            self._end(key.fileobj, key.data, "not answered", known=True)
        self.selector.close()


def _planned_moments(rate: float, seconds: float, seed: int) -> list[float]:
    """When requests arrive, in seconds: at random, as many as come at that rate (a Poisson process of that number)."""
    import random

    chance = random.Random(seed)
    return sorted(chance.uniform(0.0, seconds) for _ in range(max(1, round(rate * seconds))))


def _open_loop(
    port: int, rate: float, seconds: float, seed: int, limit_seconds: float, *, http: bool = False
) -> dict[str, Any]:
    """Requests at that rate for so long, and until all are answered or it takes too long; what a client would see."""
    planned = _planned_moments(rate, seconds, seed)
    requests = _Requests(port, http)
    late: list[float] = []
    gc.disable()
    cpu, begun = time.process_time(), time.perf_counter()
    count = len(planned)
    while len(late) < count or requests.under_way:
        now = time.perf_counter() - begun
        while len(late) < count and planned[len(late)] <= now:
            late.append(now - planned[len(late)])
            requests.send(len(late) - 1)
            now = time.perf_counter() - begun
        if now > seconds + limit_seconds:
            break
        until = planned[len(late)] if len(late) < count else seconds + limit_seconds
        requests.attend(until - now)
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    requests.close()
    gc.enable()
    answered = {number: at - begun for number, at in requests.answered.items()}
    return {**_as_row(planned, answered, late, seconds), "rate": rate, "cpu_seconds": cpu, "seconds": took}


_WARM = 0.15  # of the requests: until the queue is as long as it will be
_TOLD = 200  # latencies of a load, so that those of several visits can be put together


def _as_row(planned: list[float], answered: dict[int, float], late: list[float], seconds: float) -> dict[str, Any]:
    """What came of planned requests: `answered` is when, for those that were. Percentiles are of all but the first ones.

    A server keeps up if it is done with all soon after the last has come: by what one mostly takes, and a twentieth more
    time. Where it does not, each waits longer than the one before, and half of that is left over.
    """
    first = int(_WARM * len(planned))
    latencies = sorted(1000 * (at - planned[number]) for number, at in answered.items() if number >= first)
    last = max((at for at in answered.values()), default=seconds)
    over = max(0.0, last - max(seconds, planned[-1]) - (_part_of(latencies, 0.5) or 0.0) / 1000)
    done = len(answered) / (seconds + over)
    errors = len(planned) - len(answered)
    return {
        **{f"p{part}_ms": _part_of(latencies, part / 100) for part in (50, 95, 99)},
        "done_per_s": done,
        "errors": errors,
        "requests": len(planned),
        "kept_up": errors <= 0.01 * len(planned) and done >= _KEPT_UP * len(planned) / seconds,
        "late_ms": 1000 * (_part_of(sorted(late), 0.95) or 0.0),
        "latencies_ms": [round(each, 3) for each in _thinned(latencies)],
    }


def _thinned(ordered: list[float]) -> list[float]:
    """The same values if they are few, else as many as tell all percentiles, evenly spread from the least to the most."""
    if len(ordered) <= _TOLD:
        return ordered
    return [ordered[round(place * (len(ordered) - 1) / (_TOLD - 1))] for place in range(_TOLD)]


def _part_of(ordered: list[float], part: float) -> float | None:
    """A percentile, by linear interpolation between the two nearest; None of nothing."""
    if not ordered:
        return None
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _closed_loop(
    port: int, in_flight: int, seconds: float, limit_seconds: float, ramp_seconds: float = 0.0, *, http: bool = False
) -> dict[str, Any]:
    """So many requests under way all the time: how many a server does in a second when it has always enough to do.

    They begin one after the other in `ramp_seconds`, as those that begin together end together, and are counted after that.
    """
    requests = _Requests(port, http)
    sent = 0
    gc.disable()
    cpu, begun = time.process_time(), time.perf_counter()
    while (now := time.perf_counter() - begun) < seconds and len(requests.failed) < 1000:
        allowed = in_flight if now >= ramp_seconds else max(1, int(in_flight * now / ramp_seconds))
        while requests.under_way < allowed:
            requests.send(sent)
            sent += 1
        requests.attend(min(seconds - now, 0.1, ramp_seconds / in_flight if now < ramp_seconds else 0.1))
    while requests.under_way and time.perf_counter() - begun < seconds + limit_seconds:
        requests.attend(0.1)
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    requests.close()
    gc.enable()
    done = sorted(at - begun for at in requests.answered.values())
    rate = _rate_of(done, 2 * ramp_seconds, seconds)
    return {"done_per_s": rate, "errors": len(requests.failed), "cpu_seconds": cpu, "seconds": took}


def _rate_of(done: list[float], begin: float, end: float) -> float:
    """How many are done in a second between two moments, by when each was; if none was then, of all that were done."""
    inside = sum(begin < at <= end for at in done)
    if inside:
        return inside / (end - begin)
    return len(done) / done[-1] if done else 0.0
