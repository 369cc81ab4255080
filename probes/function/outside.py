"""The GIL of another process, looked at from outside: how much of its computing it holds it for.

The share is one of CPU time, so that neither waiting nor a busy machine counts: only looks between which the process
was on a CPU all the time are taken, by its CPU clock, which Linux lets others read.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .clocks import clock_of_process

LOOK_SECONDS = 0.0005  # between looks
SHORT_LOOK_SECONDS = 0.0001  # at what mostly waits: its computing is short
ENOUGH = 200  # looks that met it computing
MOST_SPANS = 4  # times as long as asked for, where there are fewer
LEAST_COMPUTING = 0.02  # of the time: below it there is too little to be met
OFF_CPU_SECONDS = (
    0.0001  # between two looks that may be missing where a process computed without a break: clocks of other CPUs lag
)


class Look(NamedTuple):
    """When (seconds), whether the GIL was held, and what the process had computed until then."""

    at: float
    held: bool
    cpu: float = 0.0


def look(process: int, seconds: float) -> dict[str, Any]:
    """The message of the mode sampler: looks at a process of this Python, for longer where few of them met it computing."""
    try:
        holds = _holder(process)
    except Exception as error:
        return {"sampler_error": f"{type(error).__name__}: {error}"[:200], "samples": 0}
    clock = clock_of_process(process)
    computed = clock or (lambda: 0.0)
    begun = Look(time.perf_counter(), held=False, cpu=computed())
    looks: list[Look] = []
    failed = 0
    for span in range(1, MOST_SPANS + 1):
        failed += _look_on(looks, holds, computed, begun, begun.at + span * seconds)
        if clock is None or not _needs_more(looks, begun):
            break
    found = {"held": held_part(looks), "samples": len(looks), "failed": failed}
    return {**found, "on_cpu": on_cpu(looks)} if clock is not None else found


def _look_on(
    looks: list[Look], holds: Callable[[], bool], computed: Callable[[], float], begun: Look, end: float
) -> int:
    """Look again and again until a time; how often it failed."""
    failed, now = 0, time.perf_counter()
    while now < end:
        cpu = computed()
        try:
            looks.append(Look(now, holds(), cpu))
        except Exception:  # what is looked at changes meanwhile
            failed += 1
        mostly_waits = cpu - begun.cpu < (now - begun.at) / 2
        time.sleep(SHORT_LOOK_SECONDS if mostly_waits else LOOK_SECONDS)
        now = time.perf_counter()
    return failed


def _needs_more(looks: Sequence[Look], begun: Look) -> bool:
    """Whether too few looks met it computing, though it does."""
    if not looks or looks[-1].cpu - begun.cpu < LEAST_COMPUTING * (looks[-1].at - begun.at):
        return False
    return bool(on_cpu(looks)["looks"] < ENOUGH)


def on_cpu(looks: Sequence[Look]) -> dict[str, Any]:
    """How much of its time on a CPU it held the GIL for: the looks before and after which it computed without a break.

    Each stands for what it computed from halfway since the look before to halfway to the next.
    """
    used = [
        ((after.cpu - before.cpu) / 2, here.held)
        for before, here, after in zip(looks, looks[1:], looks[2:])  # noqa: B905  # not of one length
        if _computes(before, here) and _computes(here, after)
    ]
    seen = sum(seconds for seconds, _ in used)
    held = sum(seconds for seconds, was in used if was)
    return {"held": round(held / seen, 4) if seen > 0 else None, "looks": len(used), "seconds": round(seen, 4)}


def _computes(one: Look, other: Look) -> bool:
    """Whether a process was on a CPU from one look to the other."""
    passed, cpu = other.at - one.at, other.cpu - one.cpu
    return passed - cpu < min(OFF_CPU_SECONDS, passed / 2)


def held_part(looks: Sequence[Look]) -> float | None:
    """The part of the time in which it is held: each look stands for the time around it.

    They are not as many in each second: on a busy machine whoever looks gets no CPU just when the other computes.
    """
    pairs = list(itertools.pairwise(looks))
    total = sum(b.at - a.at for a, b in pairs)
    held = sum((b.at - a.at) * (a.held + b.held) / 2 for a, b in pairs)
    return round(held / total, 4) if total > 0 else None


def _holder(process: int) -> Callable[[], bool]:
    """A function that tells whether the GIL of a process is held now; raises where this cannot be had. The one door to a private module."""
    import _remote_debugging

    make: Any = _remote_debugging.RemoteUnwinder
    try:
        unwinder = make(process, mode=2)  # 3.15: threads that hold the GIL
    except TypeError:
        unwinder = make(process, only_active_thread=True)

    def holds() -> bool:
        return any(threads_of(each) for each in unwinder.get_stack_trace())

    holds()
    return holds


def threads_of(found: Any) -> Any:
    """The threads in one entry of a stack trace: of an interpreter (3.15, and later releases of 3.14), or the thread itself."""
    return found.threads if hasattr(found, "threads") else [found]
