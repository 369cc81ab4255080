"""An approach in a process of its own: it tries the function out, or does batch after batch as it is told."""

from __future__ import annotations

import copy
import json
import os
import pickle
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, NoReturn

from busy import _busy
from here import _gil_enabled, _leave, _own_peak_mb, _probe, _queued_seconds
from meter import _MB, process_tree, read_proc
from outcome import SHORT_SECONDS, _balance, _checksum, _times
from pickling import _fault_in, _function_fault
from processes import _more_files
from subject import Raised, _call, _here, _load, _prepare, _why
from target import iterate_items
from timing import Done
from ways import WAYS, _Ready

_MOST_SUMS = 200  # results of a batch that are compared
_PLAIN = (str, bytes, int, float, bool, type(None))  # what no call can change
_MOST_ITEMS = 20_000


def _serve_orders(order: dict[str, Any], out: str) -> NoReturn:
    """Do what the order says: `probe` a Python, `try` the function, or `ready` an approach and then do batches."""
    if order["kind"] == "ready":
        orders = os.fdopen(os.dup(0), encoding="utf-8")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)  # what the function reads is not ours
        _answer_orders(order, orders, out)
    elif order["kind"] == "try":
        _leave(lambda: _as_result(_tried, order), out)
    else:
        _leave(lambda: _as_result(_probed, order), out)
    os._exit(0)  # threads that the work left behind do not keep us


def _as_result(what: Any, order: dict[str, Any]) -> dict[str, Any]:
    """What comes of it; a failure of the user's code with what to do about it."""
    try:
        found: dict[str, Any] = what(order)
    except BaseException as error:  # noqa: BLE001  # SystemExit, too
        status, reason = _why(error)
        return {"status": status, "reason": reason}
    return found


def _probed(order: dict[str, Any]) -> dict[str, Any]:
    """What this Python is, and whether the function can be imported in it."""
    found = _probe(order)
    begun = time.perf_counter()
    try:
        _load(order["settings"])
    except BaseException as error:  # noqa: BLE001  # SystemExit, too
        status, reason = _why(error)
        return {**found, "status": status, "reason": reason}
    return {**found, "import_seconds": time.perf_counter() - begun, "gil_enabled": _gil_enabled()}


class _Items:
    """The items, as many as are taken: up to a count, a time in seconds, and memory in MB."""

    def __init__(self, settings: dict[str, Any], most: int, seconds: float, megabytes: float) -> None:
        source: Iterator[Any] = iter(range(most))
        if settings["items"] is not None:
            source = iterate_items(settings["items"], settings["folder"])
        begun, before = time.perf_counter(), _resident_mb()
        self.known: list[Any] = []
        for item in islice(source, most):
            self.known.append(item)
            if time.perf_counter() - begun > seconds:
                break
            if len(self.known) % 16 == 1 and _resident_mb() - before > megabytes:
                break
        self.seconds = time.perf_counter() - begun
        self.all = settings["items"] is not None and next(source, self) is self

    def batch(self, first: int, count: int, *, copies: bool) -> list[Any]:
        """So many items from that number on, and from the beginning again where there are no more."""
        items = [self.known[number % len(self.known)] for number in range(first, first + count)]
        return [item if isinstance(item, _PLAIN) else copy.deepcopy(item) for item in items] if copies else items


def _resident_mb() -> float:
    fields = read_proc("/proc/self/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / _MB if len(fields) > 1 else 0.0


# Trying the function out ----------------------------------------------------------------------------------------------


def _tried(order: dict[str, Any]) -> dict[str, Any]:
    """What a call takes on this Python, what keeps it from some approaches, how many items there are.

    Times are without what the thread waited for a CPU. `status` is not ok where every call raises.
    """
    import inspect

    settings = order["settings"]
    begun = time.perf_counter()
    _load(settings)
    import_seconds = time.perf_counter() - begun
    items = _Items(settings, _MOST_ITEMS, order["items_seconds"], order["items_mb"])
    if not items.known:
        return {"status": "error", "reason": f"{settings['items']} gives no items"}
    begun = time.perf_counter()
    _prepare(settings)
    if _here.failure:
        return dict(zip(("status", "reason"), _here.failure, strict=True))
    setup_seconds = time.perf_counter() - begun
    calls = _some_calls(items.known, order["calls_seconds"])
    raised = [value for value in calls["values"] if isinstance(value, Raised)]
    if len(raised) == len(calls["values"]):
        return {"status": "error", "reason": f"every call raises, such as {_said(raised[0])}"}
    function, item = _here.function, items.known[0]
    good = next(value for value in calls.pop("values") if not isinstance(value, Raised))
    faults = [_function_fault(function), _fault_in(item, "the item"), _fault_in(good, "the result")]
    return {
        **calls,
        "import_seconds": import_seconds,
        "setup_seconds": setup_seconds,
        "items": len(items.known),
        "items_seconds": items.seconds,
        "all_items": items.all,
        "coroutine": inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__),
        "unpicklable": next(filter(None, faults), ""),
        "own_peak_mb": _own_peak_mb(),
    }


def _some_calls(items: list[Any], seconds: float) -> dict[str, Any]:
    """Calls on distinct items, for so long: their values, what one takes, and whether it changes its item.

    The first call, which loads what it needs, is apart where there are others.
    """
    values: list[Any] = []
    times: list[tuple[float, float, float]] = []
    mutated = False
    for item in items[:200]:
        before = _dump(item)
        queued, cpu, own, wall = _queued_seconds(), _process_seconds(), time.thread_time(), time.perf_counter()
        values.append(_call(item))
        wall, own, cpu = time.perf_counter() - wall, time.thread_time() - own, _process_seconds() - cpu
        times.append((max(wall - (_queued_seconds() - queued), min(own, wall)), own, cpu))
        mutated = mutated or _dump(item) != before
        if sum(wall for wall, *_ in times) > seconds and len(times) > 1:
            break
    later = times[1:] or times
    again = time.perf_counter()
    for item in items[1 : min(len(times), 9)]:
        _call(item)
    again = time.perf_counter() - again
    wall, own, cpu = (statistics.median(each) for each in zip(*later, strict=True))
    helpers = max(0.0, cpu - own)
    return {
        "values": values,
        "first_seconds": times[0][0],
        "wall_seconds": max(wall, 1e-7),
        "cpu_seconds": min(cpu, max(wall, 1e-7)),
        "native_parallel": helpers > 0.25 * cpu and helpers > 0.0005,
        "mutated": mutated,
        "cached": again < 0.4 * sum(each[0] for each in times[1:9]),  # a second call on an item takes much less
    }


def _process_seconds() -> float:
    """CPU time of all threads and of child processes that have ended."""
    used = os.times()
    return time.process_time() + used.children_user + used.children_system


def _dump(item: Any) -> bytes | None:
    """An item as it is now, to see whether a call changes it; None where that cannot be told."""
    if isinstance(item, _PLAIN):
        return None
    try:
        return pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001  # whatever the user's own reducers raise
        return None


# Batch after batch ----------------------------------------------------------------------------------------------------


def _answer_orders(order: dict[str, Any], orders: Any, out: str) -> None:
    """Make the approach ready, then do a batch for each line; each answer is a file, numbered from 0."""
    kept: list[Any] = []
    _leave(lambda: _as_result(lambda order: _opened(order, kept), order), f"{out}.0")
    for number, line in enumerate(orders, 1):
        asked = json.loads(line)
        _leave(lambda asked=asked: _as_result(lambda order: _batch(order, *kept), asked), f"{out}.{number}")  # type: ignore[misc]


def _opened(order: dict[str, Any], kept: list[Any]) -> dict[str, Any]:
    """Import, make the items, start the workers and let them do a few calls; keeps both in `kept`."""
    settings, way = order["settings"], WAYS[order["approach"]]
    ready = _Ready(way, settings, order["workers"], order["at_once"])
    begun = time.perf_counter()
    ready.load()
    imported = time.perf_counter()
    if way.free_threaded and _gil_enabled():
        return _with_gil()
    items = _Items(settings, order["items"], 1e9, 1e9)
    _more_files()
    made, cpu = time.perf_counter(), _Used()
    ready.start()
    started, (start_cpu, start_waited) = time.perf_counter(), cpu.since(ready.seen)
    _, own_waited = cpu.since({threading.get_native_id()})  # who starts them
    if ready.failure:
        return dict(zip(("status", "reason"), ready.failure, strict=True))
    count = order["warm"]
    warm = ready.run(items.batch(-count % len(items.known), count, copies=settings["copies"]))
    warmed = time.perf_counter()
    if way.free_threaded and _gil_enabled():
        return _with_gil()
    kept += [ready, items, way, settings["copies"]]
    return {
        "import_seconds": imported - begun,
        "items_seconds": made - imported,
        "start_seconds": max(0.0, started - made - ready.slept_seconds),
        "start_cpu_seconds": start_cpu,
        "start_no_cpu_seconds": max(start_waited or 0.0, own_waited or 0.0),
        "warm_seconds": warmed - started,
        "warm_slowest_ms": 1000 * max(end - start for *_, start, end in warm),
        "warm": count,
    }


def _with_gil() -> dict[str, Any]:
    """What turned the GIL on in a free-threaded build."""
    by = f"importing {_here.gil_module} turned it on" if _here.gil_module else "PYTHON_GIL or -X gil turned it on"
    return {"status": "gil_enabled", "reason": f"the GIL is on: {by}"}


def _batch(order: dict[str, Any], ready: _Ready, items: _Items, way: Any, copies: bool) -> dict[str, Any]:
    """Do some items and say how it went."""
    first = order["first"]
    batch = items.batch(first, order["count"], copies=copies)
    used = _Used()
    begun = time.perf_counter()
    done = ready.run(batch)
    ended = time.perf_counter()
    cpu, waited = used.since({worker for _, worker, *_ in done})
    if way.free_threaded and _gil_enabled():
        return _with_gil()
    raised = {number: _said(value) for number, (value, *_) in enumerate(done) if isinstance(value, Raised)}
    known = len(items.known)
    return {
        **_times(done, begun, ended),
        **_balance(done, ready.workers if way.pool else 1),
        "cpu_seconds": cpu,
        "no_cpu_seconds": waited,
        "short": ended - begun < SHORT_SECONDS,
        "gil_enabled": _gil_enabled(),
        "own_peak_mb": _own_peak_mb(),
        "raised": len(raised),
        "raised_first": next(iter(raised.values()), ""),
        "raised_items": {(first + number) % known: said for number, said in raised.items() if number < _MOST_SUMS},
        "sums": _sums(done, first, known),
        "busy": _busy(done, begun, ended),
    }


def _sums(done: list[Done], first: int, known: int) -> dict[int, int]:
    """What the first results come to, by the number of the item; of what is raised its kind, as Pythons word it differently."""
    results = [value.kind if isinstance(value, Raised) else value for value, *_ in done[:_MOST_SUMS]]
    return {(first + number) % known: _checksum(value) for number, value in enumerate(results)}


def _said(raised: Raised) -> str:
    return f"{raised.kind}: {raised.message}"


class _Used:
    """The CPU time of this process and its workers, and how long threads were ready to run without a CPU, from now on."""

    def __init__(self) -> None:
        self.before = _threads()
        self.own = _process_seconds()

    def since(self, workers: set[int]) -> tuple[float | None, float | None]:
        """(CPU seconds, seconds without a CPU of the average of these threads); None where the system does not say."""
        own, after, here = _process_seconds() - self.own, _threads(), os.getpid()
        if not after:
            return (own if sys.platform == "win32" else None), None
        cpu, waited = own, dict.fromkeys(workers, 0.0)
        for (pid, thread), (ran, queued) in after.items():
            ran_before, queued_before = self.before.get((pid, thread), (0.0, 0.0))
            cpu += ran - ran_before if pid != here else 0.0
            if thread in waited:
                waited[thread] += queued - queued_before
        return cpu, sum(waited.values()) / max(1, len(waited))


def _threads() -> dict[tuple[int, int], tuple[float, float]]:
    """(Process, thread) to (seconds on a CPU, seconds ready without one), of this process and all below it (Linux)."""
    found = {}
    for pid in process_tree(os.getpid()) if os.path.isdir("/proc/self/task") else ():
        for thread in _listed(f"/proc/{pid}/task"):
            fields = read_proc(f"/proc/{pid}/task/{thread}/schedstat").split()
            if len(fields) > 1:
                found[pid, int(thread)] = int(fields[0]) / 1e9, int(fields[1]) / 1e9
    return found


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # it has ended
        return []
