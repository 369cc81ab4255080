"""A coroutine function: how long it blocks its loop between two awaits, and whether its waits overlap."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Generator, Sequence
from typing import Any, NamedTuple

from .channel import Channel
from .clocks import Delay
from .subject import Subject

GATHERED = 8  # at once
MOST_CALLS = 30


class Step(NamedTuple):
    """Seconds of a coroutine between two awaits: by the clock, computing, and without a CPU."""

    wall: float
    cpu: float
    delay: float

    @property
    def block(self) -> float:
        """How long it blocked the loop."""
        return max(0.0, self.wall - self.delay)


class Timed:
    """Awaits a coroutine, and times each of its steps."""

    def __init__(self, awaitable: Awaitable[Any], delay: Delay) -> None:
        self._inner, self._delay = awaitable.__await__(), delay
        self.steps: list[Step] = []

    def __await__(self) -> Generator[Any, Any, Any]:
        value: Any = None
        error: BaseException | None = None
        while True:
            lacked, wall, cpu = self._delay(), time.perf_counter(), time.thread_time()
            try:
                if error is not None:
                    yielded = self._inner.throw(error)  # type: ignore[attr-defined]
                else:
                    yielded = self._inner.send(value) if value is not None else next(self._inner)  # type: ignore[attr-defined]
            except StopIteration as end:
                return end.value
            finally:
                now = time.perf_counter(), time.thread_time(), self._delay()
                self.steps.append(Step(now[0] - wall, now[1] - cpu, now[2] - lacked))
            value, error = None, None
            try:
                value = yield yielded
            except BaseException as thrown:  # goes to the coroutine, as it would without us
                error = thrown


class Call(NamedTuple):
    """One call: its seconds without those that it lacked a CPU, and its steps."""

    seconds: float
    steps: list[Step]


def measure(subject: Subject, channel: Channel, seconds: float) -> dict[str, Any]:
    """The message `steps`: calls one after the other for some time, then several at once."""
    loop = asyncio.new_event_loop()
    delay = Delay()
    calls: list[Call] = []
    end = time.monotonic() + seconds / 2
    while len(calls) < MOST_CALLS and (time.monotonic() < end or len(calls) < 2):
        channel.beat()
        number = len(calls) % len(subject.items)
        calls.append(loop.run_until_complete(_one(subject, number, delay)))
    found = summary(calls)
    alone = statistics.median(call.seconds for call in calls)
    if alone * GATHERED < 4 * max(seconds, 0.5):
        lacked, begun = delay(), time.perf_counter()
        channel.guard()
        loop.run_until_complete(_many(subject))
        together = time.perf_counter() - begun - (delay() - lacked)
        found |= {"gather_of": GATHERED, "gather_ratio": round(together / max(1e-9, GATHERED * alone), 3)}
    delay.close()
    return found


def summary(calls: Sequence[Call]) -> dict[str, Any]:
    """What the steps of calls come to, in ms: medians over the calls."""

    def middle(values: Any) -> float:
        return round(1000 * statistics.median(values), 4)

    return {
        "block_ms": middle(max(step.block for step in call.steps) for call in calls),
        "block_wait_ms": middle(sum(max(0.0, s.block - s.cpu) for s in call.steps) for call in calls),
        "cpu_ms": middle(sum(step.cpu for step in call.steps) for call in calls),
        "await_ms": middle(max(0.0, call.seconds - sum(step.block for step in call.steps)) for call in calls),
        "steps": statistics.median(len(call.steps) for call in calls),
    }


async def _one(subject: Subject, number: int, delay: Delay) -> Call:
    """One call, timed step by step."""
    item = subject.fresh(number)
    lacked, begun = delay(), time.perf_counter()
    timed = Timed(_started(subject, item), delay)
    subject.errors.attempts += 1
    try:
        await timed
    except Exception as error:
        subject.errors.note(error, number)
    return Call(time.perf_counter() - begun - (delay() - lacked), timed.steps)


async def _started(subject: Subject, item: Any) -> Any:
    """A coroutine of the call, whatever kind of awaitable the function gives."""
    return await (subject.function(item) if subject.has_items else subject.function())


async def _many(subject: Subject) -> None:
    """Several calls at once."""
    size = len(subject.items)
    items = [subject.fresh(number % size) for number in range(GATHERED)]
    await asyncio.gather(*(_started(subject, item) for item in items), return_exceptions=True)
