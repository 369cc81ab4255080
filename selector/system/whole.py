"""The whole of a system: what each part can do at most, what limits all of them together, and the memory. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from selector.cost.predict import estimate
from selector.cost.terms import runs_single
from selector.recommend.candidates import Candidate
from selector.recommend.chain import Situation

_UNBOUNDED = 10_000  # in flight where nothing bounds it: more than any pool has workers
_MOST_AT_ONCE = 1000  # items on a loop of which nobody says how many there may be
_HEADROOM = 2.0  # as many items on a loop as keep it busy, twice


class Steady(NamedTuple):
    """What a part does when there is always something to do: items a second (None: not known), how many at a time.

    `limit` is what does not allow for more, in words.
    """

    most_per_s: float | None
    at_once: int
    limit: str = ""


def steady_of(situation: Situation) -> Steady:
    """What the approach that was chosen for a part does with its workers, once they are warm."""
    chosen, work = situation.choice.chosen, situation.work
    bound = situation.profile.concurrency if work.serves else work.in_flight
    bound = bound if situation.profile.parallelizable else 1
    serving = work._replace(serves=True, tasks=None, arrivals_per_ms=None, in_flight=bound or _UNBOUNDED)
    found = None if situation.profile.gpu else estimate(chosen.traits, chosen.workers, serving)
    all_at_once = chosen.traits.overlaps_waits == "all"
    if found is None or found.capacity is None or found.latency_ms is None:
        return Steady(None, bound or chosen.workers if all_at_once else chosen.workers)
    alone_s = max(found.latency_ms, 1e-6) / 1000
    in_flight_per_s = bound / alone_s if bound else math.inf
    most = min(found.capacity, in_flight_per_s)
    limit = f"the {bound:,} that it has in flight" if in_flight_per_s < found.capacity else _limit_of(chosen)
    if not all_at_once:
        at_once = 1 if runs_single(chosen.traits) else min(chosen.workers, bound or chosen.workers)
        return Steady(most, at_once, limit)
    enough = math.ceil(_HEADROOM * most * alone_s)
    return Steady(most, min(bound or _MOST_AT_ONCE, max(chosen.workers, enough, 1)), limit)


def _limit_of(chosen: Candidate) -> str:
    """What a part has too little of when all of it is busy."""
    if chosen.workers > 1:
        return f"its {chosen.workers:,} workers"
    return "its loop, which computes one item at a time" if chosen.traits.runs_loop else "that it does one at a time"


class Stage(NamedTuple):
    """A part as far as the whole goes: its volume, what it can do, and the CPU time (ms) of an item, None: not known.

    `in_turns_ms` is how long an item holds what the parts of the main process take turns at: its GIL, or its loop.
    """

    name: str
    volume: float | None
    most_per_s: float | None
    cpu_ms: float | None
    in_turns_ms: float
    limit: str = "its own workers"


class Limit(NamedTuple):
    """What limits a system: the volumes that it does in a second, the part it is about, and a sentence."""

    scale: float
    bottleneck: str
    why: str


def in_turns_ms(situation: Situation, own_process: bool, free_threaded: bool) -> float:
    """How long an item holds the GIL of the main process, or on a free-threaded build its loop."""
    traits, cpu = situation.choice.chosen.traits, situation.work.cpu_ms or 0.0
    if own_process or traits.runs_in != "own" or (traits.parallel_python and not traits.blocks_loop):
        return 0.0
    if free_threaded:
        return cpu if traits.blocks_loop else 0.0
    return cpu if traits.blocks_loop else cpu * situation.work.gil_share


def limit_of(stages: Sequence[Stage], cores: int) -> Limit | None:
    """What limits the system most; None where a part is not known well enough."""
    limits = []
    for stage in stages:
        if stage.volume is None or stage.most_per_s is None:
            return None
        if stage.volume:
            limits.append(Limit(stage.most_per_s / stage.volume, stage.name, stage.limit))
    in_turns = {s.name: (s.volume or 0.0) * s.in_turns_ms for s in stages}
    computing = {s.name: (s.volume or 0.0) * (s.cpu_ms or 0.0) for s in stages}
    for times, room, what in (
        (in_turns, 1, "the one thread at a time that computes in the main process"),
        (computing, cores, "the CPUs"),
    ):
        total = sum(times.values())
        if total:
            most = max(times, key=times.__getitem__)
            limits.append(Limit(room * 1000 / total, most, f"{what}, of which it takes the most"))
    return min(limits, key=lambda limit: limit.scale) if limits else None


def memory_mb(situations: Mapping[str, Situation], own_process: Mapping[str, bool]) -> float:
    """The memory of all processes: parts of one process have the interpreter once."""
    in_main = [name for name, own in own_process.items() if not own]
    total = 0.0
    for name, situation in situations.items():
        whole, base = situation.choice.chosen.predicted.whole_mb, situation.sheets[0].middle["base_memory_mb"]
        total += whole - (base if name in in_main[1:] else 0.0)
    return total
