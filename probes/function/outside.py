"""The GIL of another process, looked at from outside: how much of its computing it holds it for.

The share is one of CPU time, so that neither waiting nor a busy machine counts: only looks at which the process was on
a CPU are taken, by the state of its thread and its CPU clock, which Linux lets others read.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .channel import Channel
from .clocks import clock_of_process
from .settings import Settings

LOOK_SECONDS = 0.0005  # between looks
SHORT_LOOK_SECONDS = 0.0001  # at what mostly waits: its computing is short
ENOUGH = 200  # looks that met it computing
MOST_SPANS = 4  # times as long as asked for, where there are fewer
LEAST_COMPUTING = 0.02  # of the time: below it there is too little to be met
OFF_CPU_SECONDS = (
    0.0001  # that may be missing where a process computed without a break, beside the time between two looks
)


class Look(NamedTuple):
    """When (seconds), whether the GIL was held, what the process had computed until then, and whether its main thread was ready to run."""

    at: float
    held: bool
    cpu: float = 0.0
    ready: bool = True


def sampler(settings: Settings, channel: Channel) -> None:
    """The mode sampler: look at another process."""
    channel.unguarded()
    channel.say(**look(settings.pid, settings.seconds))


def look(process: int, seconds: float) -> dict[str, Any]:
    """The message of the mode sampler: looks at a process of this Python, for longer where few of them met it computing."""
    try:
        holds = _holder(process)
    except Exception as error:
        return {"sampler_error": f"{type(error).__name__}: {error}"[:200], "samples": 0}
    clock = clock_of_process(process)
    computed, ready = clock or (lambda: 0.0), readiness(process)
    begun = Look(time.perf_counter(), held=False, cpu=computed())
    looks: list[Look] = []
    failed = 0
    for span in range(1, MOST_SPANS + 1):
        failed += _look_on(looks, holds, computed, ready, begun, begun.at + span * seconds)
        if clock is None or not _needs_more(looks, begun):
            break
    found = {"held": held_part(looks), "samples": len(looks), "failed": failed}
    return {**found, "on_cpu": on_cpu(looks)} if clock is not None else found


def _look_on(
    looks: list[Look],
    holds: Callable[[], bool],
    computed: Callable[[], float],
    ready: Callable[[], bool],
    begun: Look,
    end: float,
) -> int:
    """Look again and again until a time; how often it failed."""
    failed, now = 0, time.perf_counter()
    while now < end:
        cpu = computed()
        try:
            looks.append(Look(now, holds(), cpu, ready()))
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
    """How much of its time on a CPU it held the GIL for: the looks at which it was ready to run, and had a CPU.

    Its clock goes on at ticks and when it gives up its CPU, or others want one: from one step to the next it must have
    computed for as long as it was ready, and what it computed is shared by the looks between.
    """
    steps = [number for number in range(1, len(looks)) if looks[number].cpu != looks[number - 1].cpu]
    seen = held = 0.0
    count = 0
    for begin, end in itertools.pairwise(steps):
        span = looks[begin : end + 1]
        used = [look for look in span[1:] if look.ready]
        computed = looks[end].cpu - looks[begin].cpu
        if used and _had_a_cpu(span, computed):
            count += len(used)
            seen += computed
            held += computed * sum(look.held for look in used) / len(used)
    return {"held": round(held / seen, 4) if seen > 0 else None, "looks": count, "seconds": round(seen, 4)}


def _had_a_cpu(span: Sequence[Look], computed: float) -> bool:
    """Whether a process computed whenever it was ready to; when exactly its clock went on is not known better than from look to look."""
    gaps = [(b.at - a.at, a.ready and b.ready) for a, b in itertools.pairwise(span)]
    ready = sum(seconds for seconds, both in gaps if both)
    return ready - computed < OFF_CPU_SECONDS + min(gaps[-1][0], 2 * LOOK_SECONDS)


def held_part(looks: Sequence[Look]) -> float | None:
    """The part of the time in which it is held: each look stands for the time around it.

    They are not as many in each second: on a busy machine whoever looks gets no CPU just when the other computes.
    """
    pairs = list(itertools.pairwise(looks))
    total = sum(b.at - a.at for a, b in pairs)
    held = sum((b.at - a.at) * (a.held + b.held) / 2 for a, b in pairs)
    return round(held / total, 4) if total > 0 else None


def readiness(process: int) -> Callable[[], bool]:
    """A function that tells whether the main thread of a process runs, or waits for nothing but a CPU (Linux); else always."""
    try:
        stream = os.open(f"/proc/{process}/task/{process}/stat", os.O_RDONLY)
    except OSError:
        return lambda: True
    return lambda: os.pread(stream, 300, 0).rpartition(b") ")[2][:1] == b"R"


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
