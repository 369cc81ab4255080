"""One measurement, in a process of its own. It does what it is ordered to, and leaves the result as JSON in a file."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from typing import Any, NoReturn

from approaches import APPROACHES_BY_ID, Job, offloaded
from busy import _busy
from here import _cpu_seconds, _gil_enabled, _leave, _own_peak_mb, _probe
from outcome import _balance, _checksum, _times
from processes import _more_files
from trial import _calibrate
from workload import Workload


def _child(workload: Workload, order: dict[str, Any], out: str) -> NoReturn:
    """Do what the order says and leave the result as JSON in a file: `probe`, `calibrate` or `measure`."""
    kinds: dict[str, Callable[[Workload, dict[str, Any]], dict[str, Any]]] = {
        "probe": lambda _, order: _probe(order),
        "calibrate": _calibrate,
        "measure": _measure,
    }
    _leave(lambda: kinds[order["kind"]](workload, order), out)
    os._exit(0)  # threads that the work left behind do not keep us


def _measure(workload: Workload, order: dict[str, Any]) -> dict[str, Any]:
    """One approach once: the clock runs from before its pool is made until that is shut down."""
    approach = APPROACHES_BY_ID[order["approach"]]
    for module in approach.imports:
        importlib.import_module(module)
    with_gil = {"status": "gil_enabled", "reason": "the GIL is on: an extension module, or PYTHON_GIL, turned it on"}
    if approach.free_threaded and _gil_enabled():
        return with_gil
    settings = {
        **order["settings"],
        "library_threads": workload.cpus if approach.library_threads else 1,
        "shares_memory": approach.shares_memory,
    }
    workload.configure(settings)
    items = workload.items(order["tasks"])
    _more_files()
    job = Job(
        items=items,
        work=workload.work,
        work_async=workload.work_async,
        start=workload.start,
        close_async=workload.close_async,
        settings=settings,
        workers=order["workers"],
        concurrency=workload.concurrency,
    )
    cpu_begun, begun = _cpu_seconds(), time.perf_counter()
    done = approach.run(job)
    state = workload.merge([value for value, *_ in done])
    ended, cpu_ended = time.perf_counter(), _cpu_seconds()
    gil = _gil_enabled()
    if approach.free_threaded and gil:  # since something was imported by the work
        return with_gil
    return {
        **_times(done, begun, ended),
        **_balance(done, order["workers"] if approach.pool and not approach.loop else 1),
        "begun": begun,
        "cpu_seconds": None if cpu_begun is None or cpu_ended is None else cpu_ended - cpu_begun,
        "own_peak_mb": _own_peak_mb(),
        "gil_enabled": gil,
        "checksum": f"{_checksum([value for value, *_ in done[: order['checked']]]):08x}",
        "state_checksum": f"{_checksum(state):08x}",
        "figures": workload.figures() if workload.figures else None,
        "busy": _busy([*done, *offloaded], begun, ended),
    }
