"""Functions of users for tests of their benchmark: a module's text, and runs of the script that measures one."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from template_modules import TEMPLATES

from selector.benchmark.render import render

LAB = """
import asyncio
import hashlib
import threading
import time


def computes(number):
    total = 0
    for step in range(3000):
        total = (total + step * number) % 65521
    return total


def naps(number):
    time.sleep(0.002)
    return number


def hashes(number):
    return hashlib.sha256(b"x" * 100_000 + b"%d" % number).hexdigest()


async def naps_async(number):
    await asyncio.sleep(0.002)
    return number


nameless = lambda number: number + 1  # noqa


def made():
    def inner(number):
        return number * 2
    return inner


closure = made()


class Locked:
    def __init__(self, number):
        self.number, self.kept = number, {"lock": threading.Lock()}


def locked_items():
    return [Locked(number) for number in range(20)]


def unlocks(item):
    return item.number


def gives_lock(number):
    return {"all": [number, threading.Lock()]}


def raises(number):
    raise ValueError(f"bad {number}\\x1b[2J")


def some_raise(number):
    if number % 5 == 0:
        raise KeyError(number)
    return number


LOADED = None


def load():
    global LOADED
    LOADED = {0: "never"}


def some_raise_with(number):
    if number % 5 == 0:
        raise KeyError(number)
    return len(LOADED) + number


def exits(number):
    raise SystemExit(3)


seen = []


def keeps(number):
    time.sleep(0.002)  # so long that every worker gets some
    seen.append(number)
    return len(seen)


def costly():
    time.sleep(0.05)
"""


@functools.cache
def rendered(values: tuple[tuple[str, Any], ...]) -> str:
    """The script with these parameters; many tests want the same."""
    return render(TEMPLATES / "own_function.py", dict(values))


def script_of(folder: Path, function: str, items: str | None = "40", **more: Any) -> str:
    """The script for a function of the lab, which it puts into a folder."""
    (folder / "lab.py").write_text(LAB, encoding="utf-8")
    values = {"NAME": function, "FUNCTION": f"lab.py:{function}", "ITEMS": items, "FOLDER": str(folder), **more}
    return rendered(tuple(values.items()))
