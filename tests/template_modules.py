"""Modules of templates/ for tests: imported as they lie there, and forgotten afterwards."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from selector.files import resource_dir

TEMPLATES = resource_dir("templates")
PARTS = resource_dir("probes") / "function"  # where some lie that scripts share with the probe
POOLS = ("threads", "asyncio_threads", "multiprocessing", "asyncio_processes")
HERE = ("single_threaded", "native_parallel", "asyncio", *POOLS)  # what every Python can run


@contextlib.contextmanager
def template_module(name: str) -> Iterator[ModuleType]:
    """One of them, with those that it imports; inside of one context another gives the same modules.

    A library may have a module of the same name (Trio's `outcome`): it is away meanwhile.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PARTS))
        patch.syspath_prepend(str(TEMPLATES))
        for file in (*PARTS.glob("*.py"), *TEMPLATES.glob("*.py")):
            if not _is_ours(sys.modules.get(file.stem)):
                patch.delitem(sys.modules, file.stem, raising=False)
        before = set(sys.modules)
        yield importlib.import_module(name)
        for each in set(sys.modules) - before:
            if _is_ours(sys.modules[each]):
                del sys.modules[each]


def _is_ours(module: ModuleType | None) -> bool:
    return str(getattr(module, "__file__", "")).startswith((str(TEMPLATES), str(PARTS)))


def workload(kind: Any, **changes: Any) -> Any:
    """A workload (of this class) whose tasks are turned into text; nothing of it takes time."""
    fields: dict[str, Any] = dict.fromkeys(kind._fields[:12]) | {
        "name": "unit",
        "approaches": HERE,
        "tasks": 100,
        "cpus": 2,
        "work": str,
        "items": lambda count: list(range(count)),
        "configure": lambda settings: None,
        "start": lambda settings: None,
        "merge": lambda results: None,
    }
    return kind(**fields | changes)


def child_of(script: Any) -> Any:
    """`measure(approach, settings, tasks)`: one measurement of a template that is loaded, in this process."""
    child = importlib.import_module("child")
    work = script.workload_of(vars(script), tasks=None, concurrency=None)

    def measure(approach: str, settings: dict[str, Any], tasks: int) -> dict[str, Any]:
        order = {"approach": approach, "settings": settings, "tasks": tasks, "checked": tasks, "workers": 2}
        answer: dict[str, Any] = child._measure(work, order)
        approaches = importlib.import_module("approaches")
        approaches._pools.clear(), approaches.offloaded.clear()  # as the end of a process does
        return answer

    return measure
