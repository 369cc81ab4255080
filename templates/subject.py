"""The user's function where it is called: found by its name in each process and interpreter, and set up there once."""

from __future__ import annotations

import re
import threading
import time
import types
import warnings
from typing import Any, NamedTuple

from outcome import _cut, _failure
from target import TargetError, load_target
from timing import Done


class Raised(NamedTuple):
    """What a call gives that raises: one bad item ends nothing."""

    kind: str
    message: str


class _Here:
    """What this process or interpreter has of the user's."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.prepared = False
        self.function: Any = None
        self.async_function: Any = None
        self.takes_item = True
        self.gil_module = ""  # that has turned the GIL on
        self.failure: tuple[str, str] | None = None  # (status, reason) of what went wrong before the first call


_here = _Here()


def _load(settings: dict[str, Any]) -> None:
    """Find the functions by their names; TargetError where that cannot be done."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        _here.function = load_target(settings["function"], settings["folder"])
        if settings["async_function"]:
            _here.async_function = load_target(settings["async_function"], settings["folder"])
        if settings["setup"]:
            load_target(settings["setup"], settings["folder"])
    _here.takes_item = settings["items"] is not None
    told = [re.search(r"global interpreter lock.* to load module '([^']+)'", str(one.message)) for one in said]
    _here.gil_module = next((found[1] for found in told if found), _here.gil_module)


def _prepare(settings: dict[str, Any]) -> None:
    """Find the function and do the costly start, if no other thread of this process has; what goes wrong is kept."""
    with _here.lock:
        if _here.prepared:
            return
        _here.prepared = True
        try:
            _load(settings)
            if settings["setup"]:
                _run_to_end(load_target(settings["setup"], settings["folder"])())
        except BaseException as error:  # noqa: BLE001  # SystemExit, too: a pool would only say that it is broken
            _here.failure = _why(error)


def _why(error: BaseException) -> tuple[str, str]:
    """(Status, reason) of what keeps the user's code from being called here."""
    status, reason = _failure(error)
    if isinstance(error, TargetError):
        status, reason = "missing_dependency" if isinstance(error.__cause__, ImportError) else "error", error.text
    if found := re.search(r"module (\S+) does not support loading in subinterpreters", reason):
        return "error", f"the module {found[1]} does not load in a subinterpreter"
    return status, _cut(reason, 400)


def _ready(seconds: float) -> tuple[int, tuple[str, str] | None]:
    """Who this worker is, and what went wrong in its preparation; it takes so long, so that each worker gets one."""
    time.sleep(seconds)
    return threading.get_native_id(), _here.failure


def _call(item: Any) -> Any:
    """The user's function on one item, a generator or coroutine run to its end; what it raises is a value."""
    try:
        return _run_to_end(_here.function(item) if _here.takes_item else _here.function())
    except (Exception, SystemExit) as error:  # noqa: BLE001  # what it raises is the user's
        return _raised(error)


def _run_to_end(value: Any) -> Any:
    if isinstance(value, types.GeneratorType):
        return list(value)
    if isinstance(value, types.CoroutineType):
        import asyncio

        return asyncio.run(value)
    return value


def _raised(error: BaseException) -> Raised:
    try:
        message = _cut(str(error), 200)
    except Exception:  # noqa: BLE001  # it is the user's, and may be broken
        message = ""
    return Raised(type(error).__name__, message)


def _calls(items: list[Any]) -> list[Done]:
    """Some calls one after the other, where the worker is."""
    worker = threading.get_native_id()
    done: list[Done] = []
    for item in items:
        begun = time.perf_counter()
        value = _call(item)
        done.append((value, worker, begun, time.perf_counter()))
    return done


def _calls_there(items: list[Any]) -> list[tuple[bool, Any, int, float, float]]:
    """The same in a process or interpreter of its own, each with whether it raised: our classes may not be known there."""
    done = _calls(items)
    return [
        (isinstance(value, Raised), tuple(value) if isinstance(value, Raised) else value, worker, begun, ended)
        for value, worker, begun, ended in done
    ]


async def _call_async(item: Any) -> Any:
    """The same for the asynchronous twin, or for a function that is an `async def` itself."""
    try:
        function = _here.async_function or _here.function
        return await (function(item) if _here.takes_item else function())
    except (Exception, SystemExit) as error:  # noqa: BLE001  # what it raises is the user's
        return _raised(error)


async def _calls_async(items: list[Any], at_once: int) -> list[Done]:
    """Calls on an event loop, so many in flight."""
    import asyncio

    gate = asyncio.Semaphore(at_once)
    worker = threading.get_native_id()

    async def one(item: Any) -> Done:
        async with gate:
            begun = time.perf_counter()
            value = await _call_async(item)
            return value, worker, begun, time.perf_counter()

    return list(await asyncio.gather(*map(one, items)))


class _Thread(threading.local):
    """What a thread has for itself."""

    loop: Any = None


_thread = _Thread()


def _loop_here() -> Any:
    """The event loop of this thread, which lasts: what clients keep is bound to it."""
    import asyncio

    if _thread.loop is None:
        _thread.loop = asyncio.new_event_loop()
    return _thread.loop


def _calls_on_own_loop(part: tuple[list[Any], int]) -> list[Done]:
    """A worker's part of the calls, on an event loop of its own."""
    items, at_once = part
    found: list[Done] = _loop_here().run_until_complete(_calls_async(items, at_once))
    return found
