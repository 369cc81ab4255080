"""Shares the CPUs and the memory of a system out among its parts, by what each needs. Pure, with a sentence for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from selector.text import cut, listed, percent

LIGHT_CPUS = 0.5  # a part that needs less than so much of a CPU has none to itself


class Need(NamedTuple):
    """What a part needs of the CPUs: the CPU time that it takes of all (in any unit; None: not known), or what it was given."""

    name: str
    cpu_time: float | None
    computes: bool  # it is more than waiting
    own_cores: int | None = None


class CpuShare(NamedTuple):
    """The CPUs of a part, how many it needs when all are busy (None: not known), and why."""

    cores: int
    needed: float | None
    why: str

    @property
    def is_light(self) -> bool:
        """Whether it is known to need so little that it has no CPU to itself."""
        return self.needed is not None and self.needed < LIGHT_CPUS


def share_cpus(needs: Sequence[Need], whole: int) -> dict[str, CpuShare]:
    """The CPUs of each part. What a part was given it keeps; the others share the rest, each at least one.

    They share by the CPU time that each takes, where that is known of all; parts that need less than half a CPU share
    one. Else those that compute have as many each, and those that wait share one.
    """
    given = {need.name: need for need in needs if need.own_cores is not None}
    free = max(1, whole - sum(need.own_cores or 0 for need in given.values()))
    others = [need for need in needs if need.name not in given]
    total = sum(need.cpu_time or 0.0 for need in others)
    known = bool(total) and all(need.cpu_time is not None for need in others)
    found = _by_need(others, free, total) if known else _evenly(others, free)
    kept = {name: CpuShare(need.own_cores or 1, None, "As its own cpu_cores says.") for name, need in given.items()}
    return {need.name: {**found, **kept}[need.name] for need in needs}


def _by_need(needs: Sequence[Need], free: int, total: float) -> dict[str, CpuShare]:
    wanted = {need.name: free * (need.cpu_time or 0.0) / total for need in needs}
    parts = {name: cpus / free for name, cpus in wanted.items()}
    light = [name for name, cpus in wanted.items() if cpus < LIGHT_CPUS]
    heavy = {name: cpus for name, cpus in wanted.items() if name not in light}
    kept = min(math.floor(sum(wanted[name] for name in light) + 1e-9), max(0, free - len(heavy)))  # whole ones only
    cores = _whole_numbers(heavy, free - kept)
    found = {}
    for name, cpus in wanted.items():
        computing = f"It takes {percent(parts[name])} of the computing"
        if name in light:
            found[name] = CpuShare(1, cpus, f"{computing}{_together(name, light, kept, bool(heavy))}")
        elif len(heavy) > free:
            found[name] = CpuShare(1, cpus, f"{computing}, and there are fewer CPUs than parts that need one.")
        else:
            found[name] = CpuShare(cores[name], cpus, f"{computing}: {cores[name]} of {_cpus(free)}.")
    return found


def _together(name: str, light: Sequence[str], kept: int, beside_others: bool) -> str:
    """With whom a part that needs little shares a CPU."""
    others = [cut(other, 30) for other in light if other != name]
    if not beside_others:
        return f", and has no CPU to itself: it takes turns with {listed(others)}." if others else ": one CPU."
    if not kept:
        return ", too little to keep a CPU for: it runs beside the others."
    return f": it shares {_cpus(kept)} with {listed(others)}." if others else f": {_cpus(kept)} is kept for it."


def _cpus(count: int) -> str:
    return f"{count} CPUs" if count > 1 else "one CPU"


def _whole_numbers(wanted: Mapping[str, float], room: int) -> dict[str, int]:
    """CPUs for each, at least one, `room` in all if there are as many: by largest remainder."""
    total = sum(wanted.values())
    exact = {name: room * cpus / total for name, cpus in wanted.items()}
    cores = {name: max(1, math.floor(cpus)) for name, cpus in exact.items()}
    for name in sorted(exact, key=lambda n: cores[n] - exact[n])[: max(0, room - sum(cores.values()))]:
        cores[name] += 1
    while sum(cores.values()) > room and max(cores.values()) > 1:  # at least one each was more than there was
        cores[max(cores, key=lambda n: (cores[n] > 1, cores[n] - exact[n]))] -= 1
    return cores


def _evenly(needs: Sequence[Need], free: int) -> dict[str, CpuShare]:
    computing = [need.name for need in needs if need.computes]
    waiting = [need.name for need in needs if not need.computes]
    kept = 1 if waiting and free > len(computing) else 0
    each, more = divmod(free - kept, max(1, len(computing)))
    found = {}
    for need in needs:
        if need.computes:
            cores = max(1, each + (computing.index(need.name) < more))
            why = "How much each part computes is not known: those that compute share the CPUs evenly."
        else:
            others = [cut(name, 30) for name in waiting if name != need.name]
            cores, why = 1, f"It mostly waits: it shares a CPU{f' with {listed(others)}' if others else ''}."
        found[need.name] = CpuShare(cores, None, why)
    return found


class MemoryNeed(NamedTuple):
    """What is predicted for a part that may use all the memory, and what it was given itself."""

    name: str
    megabytes: float
    own_budget_mb: float | None


def share_memory(needs: Sequence[MemoryNeed], budget_mb: float | None) -> dict[str, float | None]:
    """The memory budget of each part: its own, else its share of the rest by what it is predicted to take, in whole MB."""
    own = {need.name: need.own_budget_mb for need in needs}
    if budget_mb is None:
        return own
    free = max(0.0, budget_mb - sum(value for value in own.values() if value is not None))
    total = sum(need.megabytes for need in needs if need.own_budget_mb is None)
    shares = {need.name: _rounded_down(free * need.megabytes / total if total else free) for need in needs}
    return {name: shares[name] if value is None else value for name, value in own.items()}


def _rounded_down(megabytes: float) -> float:
    """A budget that can be said; at least 1 MB, as a budget is over 0."""
    return float(max(1, math.floor(megabytes + 1e-6)))
