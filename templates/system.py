# /// script
# requires-python = ">=3.10"
# dependencies = []
# ///
"""A system of several parts that hand items to one another through queues of limited size: a skeleton to start from.

    python system.py                  until all items are done; of a service until Ctrl-C, at the rates that are given
    python system.py --seconds 10     for so long
    python system.py --flat-out       as many items as the parts can take: the slowest part sets the pace
    python system.py --measure 30     every part by itself, then all together, as --flat-out: where is the bottleneck?
    python system.py --json           one JSON object a line

The parts are below, with how each runs and how it is joined to the others. What each does stands in for your code: it
waits and computes for as long as its description says. Put your own into `start`, `wait`, `wait_async` and `compute`.

Whoever hands over to a queue that is full waits: so the slowest part slows down those before it, and no queue grows
without end. Ctrl-C lets no more in, what is on its way is finished, and a table tells what each part did; a second Ctrl-C
ends it at once. An item that fails is counted, and goes no further.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from stages import Part, Work
from standing_in import burn
from system_run import run_command

# --- parameters: begin ---
NAME = "Ten agents"
PARTS: tuple[dict[str, object], ...] = (
    {
        "name": "fetch",
        "feeds": (("infer", 1.0),),  # each part that gets what this one has done, and how many items for each
        "approach": "asyncio",
        "loop": True,  # it runs on the event loop of its process
        "pool": "none",  # where it computes: none (itself), threads, processes, interpreters
        "own_process": False,
        "workers": 1,
        "at_once": 5,  # items that it works on at a time
        "bound": 5,  # items that may wait for it
        "cpu_ms": 1.0,
        "gil_share": 1.0,  # of its computing: Python code, the rest is native code that releases the GIL
        "io_wait_ms": 40.0,
        "blocks": False,  # it waits by calls that block their thread
        "payload_kb": 1.0,
        "per_second": None,  # that arrive; None: what the parts before it hand over, or as many as it takes
        "items": None,  # in all; None: without end
    },
    {
        "name": "infer",
        "feeds": (),
        "approach": "threads",
        "loop": False,
        "pool": "none",
        "own_process": False,
        "workers": 5,
        "at_once": 5,
        "bound": 10,
        "cpu_ms": 10.0,
        "gil_share": 1.0,
        "io_wait_ms": 0.0,
        "blocks": False,
        "payload_kb": 1.0,
        "per_second": None,
        "items": None,
    },
)
# --- parameters: end ---

# --- your code: begin ---
# What a part does with an item; `part.name` tells which one it is. All must be functions of this file, and what they take
# and give must pickle where a part computes in processes.


def start(_part: Part) -> None:
    """What a part needs before its first item, such as a model: once in each process or subinterpreter that computes for it."""


def first_item(part: Part, number: int) -> Any:
    """What enters the system at a part that nobody feeds."""
    return number.to_bytes(8, "little") + bytes(int(part.payload_kb * 1024))


def wait(part: Part, _item: Any) -> None:
    """What a part waits for, blocking."""
    if part.io_wait_ms:
        time.sleep(part.io_wait_ms / 1000)


async def wait_async(part: Part, _item: Any) -> None:
    """The same for an event loop."""
    if part.io_wait_ms:
        await asyncio.sleep(part.io_wait_ms / 1000)


def compute(part: Part, _item: Any) -> Any:
    """What a part computes; returns what goes on to the parts that it feeds."""
    burn(part.steps)
    return bytes(int(part.payload_kb * 1024))


# --- your code: end ---


if __name__ == "__main__":
    sys.exit(run_command(NAME, PARTS, Work(start, first_item, wait, wait_async, compute)))
