"""What is predicted of a loop that computes, against asyncio itself: its streams serve requests while a made-up clock goes on."""

from __future__ import annotations

import asyncio
import random
import selectors
import socket
from typing import Any

import pytest
from round_costs import TRAITS, WORK

from selector.cost.predict import estimate

ANSWER_MS = 0.3  # as in the costs in round numbers
WITHIN = 0.3  # of the p95, as for all services


class _Clock(selectors.DefaultSelector):
    """A selector under which time goes on by itself, in ms, only where the loop would sleep; it opens the connections, too."""

    def __init__(self, port: int, moments: list[float]) -> None:
        super().__init__()
        self.port, self.moments = port, moments
        self.now, self.clients = 0.0, list[socket.socket]()

    def select(self, timeout: float | None = None) -> list[Any]:
        while True:
            while len(self.clients) < len(self.moments) and self.moments[len(self.clients)] <= self.now:
                client = socket.create_connection(("127.0.0.1", self.port))
                client.sendall(b"%d\n" % len(self.clients))
                self.clients.append(client)
            found = super().select(0)
            if found or (timeout is not None and timeout <= 0):
                return found
            comes = [] if timeout is None else [self.now + timeout * 1000]
            comes += self.moments[len(self.clients) :][:1]
            if not comes:
                return super().select(timeout)
            self.now = min(comes) + 1e-6
            if timeout is not None and comes[0] <= self.now:
                return super().select(0)


def served(rate: float, cpu_ms: float, wait_ms: float, requests: int) -> float:
    """The p95 of so many requests that arrive at random, so many in a ms, as asyncio serves them."""
    chance, at, moments = random.Random(3), 0.0, []
    for _ in range(requests):
        at += chance.expovariate(rate)
        moments.append(at)
    listener = socket.create_server(("127.0.0.1", 0), backlog=requests)
    listener.setblocking(False)
    clock, took = _Clock(listener.getsockname()[1], moments), list[float]()
    loop = asyncio.SelectorEventLoop(clock)
    loop.time = lambda: clock.now / 1000  # type: ignore[method-assign]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = int(await reader.readline())
        if wait_ms:
            await asyncio.sleep(wait_ms / 1000)
        clock.now += cpu_ms + ANSWER_MS
        took.append(clock.now - moments[number])
        writer.close()
        clock.clients[number].close()
        if len(took) == requests:
            done.set_result(None)

    async def serve() -> None:
        async with await asyncio.start_server(answer, sock=listener, backlog=requests):
            await done

    done = loop.create_future()
    try:
        loop.run_until_complete(serve())
    finally:
        loop.close()
    return sorted(took)[int(0.95 * requests)]


@pytest.mark.parametrize(
    ("cpu_ms", "wait_ms", "load"), [(20.0, 0.0, 0.6), (4.0, 30.0, 0.3), (4.0, 30.0, 0.7), (2.0, 50.0, 0.5)]
)
def test_a_loop_answers_as_asyncio_does(cpu_ms: float, wait_ms: float, load: float) -> None:
    rate = load / (cpu_ms + ANSWER_MS)
    work = WORK._replace(
        serves=True, tasks=None, cpu_ms=cpu_ms, wait_ms=wait_ms, arrivals_per_ms=rate, cores=2, in_flight=None
    )
    predicted = estimate(TRAITS["asyncio"], 1, work).queued_ms
    assert predicted == pytest.approx(served(rate, cpu_ms, wait_ms, 1000), rel=WITHIN)
