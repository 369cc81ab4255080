"""The function as a worker sees it: in a process of its own, or in a subinterpreter."""

from __future__ import annotations

import pickle
import time
from typing import Any

from .apart import in_subinterpreters, refused
from .channel import Channel, ProblemError, first_line
from .loading import load
from .settings import Settings, guard_start
from .subject import Subject
from .target import TargetError
from .values import digest

ITEMS = 12


def worker(settings: Settings, channel: Channel) -> None:
    """The mode worker: all calls in an order, what goes there and back pickled if it can be."""
    subject = load(settings, channel, settings.count or ITEMS)
    channel.phase("worker")
    guard_start(settings, channel)
    error = _through_pickle(subject)
    numbers = list(range(len(subject.items)))
    if settings.order == "reverse":
        numbers.reverse()
    found, cpu = {}, 0.0
    for number in numbers:
        begun = time.thread_time()
        good, result = call(subject, number, channel)
        cpu += time.thread_time() - begun
        if not found:
            channel.guard()  # from now on a call has the time of one
        found[number] = digest(result) if good else f"error {type(result).__name__}"
    channel.say(
        digests=[found[number] for number in range(len(numbers))],
        results_pickle=error is None,
        worker_error=error,
        worker_cpu_ms=round(1000 * cpu / len(numbers), 5),
        errors=subject.errors.kinds,
        attempts=subject.errors.attempts,
        calls=subject.errors.attempts,
    )


def _through_pickle(subject: Subject) -> str | None:
    """Replace function and items by what comes out of pickle; why not, if they cannot be."""
    try:
        subject.function, subject.items = pickle.loads(pickle.dumps((subject.function, subject.items), 5))  # noqa: S301
    except Exception as error:
        return first_line(f"{type(error).__name__}: {error}")
    return None


def call(subject: Subject, number: int, channel: Channel) -> tuple[bool, Any]:
    """One call, in the way that its first result asks for: (whether it came to a result, that or the error)."""
    channel.beat()
    good, result = subject.attempt(number)
    if good and subject.understand(result):
        good, result = subject.attempt(number)
    return good, result


# Subinterpreters ------------------------------------------------------------------------------------------------------


def subinterpreter(settings: Settings, channel: Channel) -> None:
    """The mode subinterpreter: load and call the function in one."""
    channel.phase("subinterpreter")
    guard_start(settings, channel)
    in_subinterpreters("worker", settings, channel)


def inside(settings: Settings, channel: Channel) -> None:
    """What runs in the subinterpreter."""
    try:
        worker(settings, channel)
        channel.say(subinterpreter=True)
    except (TargetError, ProblemError) as error:
        module, why = refused(error)
        channel.say(subinterpreter=False, module=module, why=why)
