"""What this process says of itself: its Python, what it has used, what came of what it was asked."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from meter import _MB, read_proc
from outcome import _cut, _failure
from processes import _script


def _leave(answer: Callable[[], dict[str, Any]], out: str) -> None:
    """Leave as JSON in a file what comes of a call; a failure is a result, whatever it is: SystemExit, too."""
    process = os.getpid()
    try:
        text = json.dumps({"status": "ok", "reason": "", **answer()}, allow_nan=False)
    except BaseException as error:  # noqa: BLE001
        status, reason = _failure(error)
        text = json.dumps({"status": status, "reason": _cut(reason, 400)})
    if os.getpid() == process:  # and not a copy of it that the work has forked
        with open(f"{out}.part", "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(f"{out}.part", out)


def _probe(order: dict[str, Any]) -> dict[str, Any]:
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


def _queued_seconds() -> float:
    """How long this thread has been ready to run without getting a CPU, since it began (Linux; else 0)."""
    fields = read_proc("/proc/thread-self/schedstat").split()
    return int(fields[1]) / 1e9 if len(fields) > 1 else 0.0


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
