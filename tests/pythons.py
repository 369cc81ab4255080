"""Interpreters that are on no machine, for plans that nobody runs."""

from __future__ import annotations

from typing import Any

from strategies import FIXED_HOST

from selector.host import Interpreter


def interpreter(tag: str, path: str = "", implementation: Any = "CPython") -> Interpreter:
    free = tag.endswith("t")
    return Interpreter(
        path=path or f"/x/python{tag}", version=f"{tag.rstrip('t')}.1", tag=tag, implementation=implementation,
        free_threaded=free, gil_enabled=not free, bits=64, found_in="PATH",
    )  # fmt: skip


def found_here() -> tuple[Interpreter, ...]:
    """The interpreters of FIXED_HOST, and some that are not to be measured."""
    tags = [tag for tag, _ in FIXED_HOST.interpreters]
    return (interpreter("3.9"), interpreter("3.14", "/x/pypy", "PyPy"), *map(interpreter, tags))
