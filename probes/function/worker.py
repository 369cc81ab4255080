"""The function as a worker sees it: in a process of its own, or in a subinterpreter."""

from __future__ import annotations

import json
import pickle
import re
import time
from typing import Any

from .channel import Channel, ProblemError
from .loading import Settings, guard_start, load, settings_of
from .subject import Subject
from .target import TargetError
from .values import digest

ITEMS = 12
_REFUSED = re.compile(r"module (\S+) does not support loading in subinterpreters")


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
        return f"{type(error).__name__}: {error}"[:200]
    return None


def call(subject: Subject, number: int, channel: Channel) -> tuple[bool, Any]:
    """One call, in the way that its first result asks for: (whether it came to a result, that or the error)."""
    channel.beat()
    good, result = subject.attempt(number)
    if good and subject.understand(result):
        good, result = subject.attempt(number)
    return good, result


# Subinterpreters ------------------------------------------------------------------------------------------------------

_INSIDE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("_function_probe", PLACE, submodule_search_locations=[FOLDER])
package = sys.modules["_function_probe"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
sys.path[:] = PATH
from _function_probe import worker
worker.inside(OPTIONS, OUT)
"""


def subinterpreter(settings: Settings, channel: Channel) -> None:
    """The mode subinterpreter: load and call the function in one."""
    import os
    import sys

    try:
        from concurrent import interpreters
    except ImportError:
        channel.say(subinterpreter=None, why="this Python has no concurrent.interpreters (3.14 and later have)")
        return
    channel.phase("subinterpreter")
    guard_start(settings, channel)
    folder = os.path.dirname(os.path.abspath(__file__))
    values = {
        "PLACE": os.path.join(folder, "__init__.py"),
        "FOLDER": folder,
        "PATH": sys.path,
        "OPTIONS": json.dumps(settings._asdict()),
        "OUT": channel.out,
    }
    lines = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    try:
        for _ in range(2):  # a pool has more than one: some libraries load in the first of a process alone
            interpreters.create().exec(lines + _INSIDE)
    except interpreters.ExecutionFailed as error:
        channel.say(subinterpreter=False, why=str(error).strip().partition("\n")[0][:300])


def inside(options: str, out: int) -> None:
    """What runs in the subinterpreter: it says itself what it finds."""
    channel = Channel(out, None, 10.0)
    try:
        worker(settings_of(json.loads(options)), channel)
        channel.say(subinterpreter=True)
    except (TargetError, ProblemError) as error:
        module, why = refused(error)
        channel.say(subinterpreter=False, module=module, why=why)
    except BaseException as error:
        channel.say(subinterpreter=False, why=f"{type(error).__name__}: {error}"[:300])


def refused(error: BaseException) -> tuple[str | None, str]:
    """The module that cannot be loaded in a subinterpreter, if that is the reason, and a sentence."""
    cause: Any = error
    while cause is not None:
        found = _REFUSED.search(str(cause))
        if found:
            return found[1], f"{found[1]} does not support loading in subinterpreters"
        cause = cause.__cause__ or cause.__context__
    return None, str(error).strip().partition("\n")[0][:300]
