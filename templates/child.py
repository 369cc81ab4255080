"""One measurement, in a process of its own. It does what it is ordered to, and leaves the result as JSON in a file."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from approaches import APPROACHES_BY_ID, Job
from meter import _MB, read_proc
from outcome import _balance, _checksum, _failure, _times
from processes import _more_files, _script
from workload import Workload


def _child(workload: Workload, order: dict[str, Any], out: str) -> NoReturn:
    """Do what the order says and leave the result as JSON in a file: `probe`, `calibrate` or `measure`."""
    kinds: dict[str, Callable[[Workload, dict[str, Any]], dict[str, Any]]] = {
        "probe": _probe,
        "calibrate": _calibrate,
        "measure": _measure,
    }
    process = os.getpid()
    try:
        text = json.dumps({"status": "ok", "reason": "", **kinds[order["kind"]](workload, order)}, allow_nan=False)
    except BaseException as error:  # noqa: BLE001  # a failure is a result, whatever it is: SystemExit, too
        status, reason = _failure(error)
        text = json.dumps({"status": status, "reason": reason[:400]})
    if os.getpid() == process:  # and not a copy of it that the work has forked
        with open(f"{out}.part", "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(f"{out}.part", out)
    os._exit(0)  # threads that the work left behind do not keep us


def _probe(_: Workload, order: dict[str, Any]) -> dict[str, Any]:
    """What this Python is; it also compiles the script, as every worker that is spawned would do otherwise."""
    import py_compile
    import sysconfig

    if order["compiled"]:
        if clash := _defined_twice(_script()):
            return {"status": "error", "reason": f"{clash} means two things in this script: give yours another name"}
        py_compile.compile(_script(), cfile=order["compiled"], doraise=True)
    return {
        "version": sys.version.split()[0],
        "free_threaded_build": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil_enabled": _gil_enabled(),
    }


def _gil_enabled() -> bool:
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def _defined_twice(script: str) -> str:
    """A name that the script gives to two functions, classes or modules: ours and the user's are in one file."""
    import ast

    meanings: dict[str, str] = {}
    with open(script, encoding="utf-8") as stream:
        tree = ast.parse(stream.read())
    for node in tree.body:
        found = []
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            origin = getattr(node, "module", "")
            found = [(a.asname or a.name.partition(".")[0], f"{origin}.{a.name.partition('.')[0]}") for a in node.names]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found = [(node.name, f"line {node.lineno}")]
        for name, meaning in found:
            if meanings.setdefault(name, meaning) != meaning:
                return name
    return ""


def _calibrate(workload: Workload, order: dict[str, Any]) -> dict[str, Any]:
    """The settings that make the work right, what the costly start takes, and one task's time and CPU time.

    A time is without what its thread waited for a CPU, which says nothing of the work. `stand_in` among the settings,
    where work is made: the milliseconds of CPU that a task should take, and those that it was found to take.
    """
    workload.configure(order["settings"])
    settings = {**order["settings"], **workload.calibrate()}
    stand_in = settings.pop("stand_in", None)
    begun = time.perf_counter()
    workload.start(settings)
    startup = time.perf_counter() - begun
    walls: list[float] = []
    cpus: list[float] = []
    for item in workload.items(8):
        queued, begun, cpu = _queued_seconds(), time.perf_counter(), time.process_time()
        workload.work(item)
        took, cpu = time.perf_counter() - begun, time.process_time() - cpu
        walls.append(max(took - (_queued_seconds() - queued), min(cpu, took)))
        cpus.append(cpu)
        if sum(walls) > 0.2:
            break
    if len(walls) > 2:  # the first one opened its connection
        del walls[0], cpus[0]
    walls.sort()
    cpus.sort()
    middle = len(walls) // 2
    return {
        "settings": settings,
        "startup_seconds": startup,
        "wall_seconds": walls[middle],
        "cpu_seconds": min(cpus[middle], walls[middle]),
        "stand_in": stand_in,
    }


def _queued_seconds() -> float:
    """How long this thread has been ready to run without getting a CPU, since it began (Linux; else 0)."""
    fields = read_proc("/proc/thread-self/schedstat").split()
    return int(fields[1]) / 1e9 if len(fields) > 1 else 0.0


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
    }


def _cpu_seconds() -> float | None:
    """User and system time of this process and of its children that have ended."""
    try:
        import resource
    except ImportError:  # Windows: the children's time is not known
        return None
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _own_peak_mb() -> float | None:
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MB
