"""How much of its computing a function holds the GIL for, and for how long at a time. Pure.

The look from outside (CPython 3.14 and later) gives the share of CPU time itself, to 0.1 at any load. Without it two hints
are left, a thread that wakes late and two threads that block each other: both together can say that the GIL is held, and
neither that it is not, since short holds escape them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import median

from selector.measure.children import Said
from selector.measure.findings import Findings, Gil, findings_from
from selector.measure.models import Evidence
from selector.text import percent, significant

LEAST_LOOKS = 100
RELEASES_BELOW = 0.6  # two threads gain at least 1.2x if the rest releases it
LATE, BLOCKED = 0.3, 0.3  # from there on it is held; in between and below is unknown
LITTLE_GAIN = (
    1.15  # of two threads over one; of more, what the looks say counts: neighbours on the machine cost as much
)
_GAIN_ERROR, _HARDLY_WAITS = 0.1, 0.1
_MOST_ERROR = 0.2  # of a share that is told
_LEAST_CPU_MS = 0.001
#: From there on little computing is seen, and on a busy machine less of it than there is: a wider range; where the CPU time
#: of what is looked at is not known, a share in the middle is unknown.
_MOSTLY_WAITING = 0.5
_SWITCH_MS = 5.0  # sys.getswitchinterval() of CPython as it starts: Python code hands the GIL over by then
_NATIVE_MS = 6.0  # held longer, though the interval was shorter in the probe: that is native code


@dataclass(frozen=True)
class Share:
    """The part of its computing in which a function holds the GIL, how far it may be off, and what it rests on."""

    value: float
    error: float
    how: str


def gil_evidence(found: Findings, wait_ms: float, *, native: bool) -> dict[str, Evidence]:
    """`gil_share`, `releases_gil` and `gil_hold_ms`, as far as they are known."""
    gil, calls = found.gil, found.calls
    if gil is None or calls is None:
        return {}
    seen = held_share(gil)
    share = _as_threads_gain(seen, found, wait_ms)
    if calls.cpu_ms < _LEAST_CPU_MS and (share is None or share.value < 1):  # calling it takes more than it does
        return {}
    looked = gil.held is not None and gil.looks >= LEAST_LOOKS  # else the hints are all there is
    hints = _by_hints(gil, native=native)
    if share is not None and gil.where and hints and share.value < LATE:
        share = None  # elsewhere it releases what it holds here
    fields = _by_looks(share) if share is not None else {} if looked and not gil.where else hints
    if not native:
        most_ms = max(calls.cpu_ms, calls.cpu_high_ms)  # no call holds it longer than it computes
        fields |= _hold(gil, seen.value if seen is not None else None, most_ms, waits=wait_ms > 0)
    return fields


def _as_threads_gain(share: Share | None, found: Findings, wait_ms: float) -> Share | None:
    """The share, or the larger one that two threads gain as little by: who takes the GIL often waits for it each time."""
    gain = found.own.speedup if found.own is not None and found.gil_on else None
    computes = found.calls is not None and wait_ms <= _HARDLY_WAITS * found.calls.cpu_ms
    if share is None or not gain or not computes or gain >= LITTLE_GAIN or 1 / gain <= share.value + share.error:
        return share
    how = f"two threads did {gain:.2g} times the work of one, as if it held the GIL for so much of its computing; {share.how}"
    return Share(min(1.0, 1 / gain), _GAIN_ERROR, f"{how}, but it takes it often")


def with_look(found: Findings, looked: Said | None) -> Findings:
    """What was found, with the looks from outside that were taken in another Python, as its own has none."""
    there = findings_from(looked.facts).gil if looked is not None and looked.done else None
    if looked is None or there is None or found.gil is None:
        return found
    here = found.gil
    there = replace(there, late=here.late, late_idle=here.late_idle, holds_ms=here.holds_ms, switch_ms=here.switch_ms)
    return replace(found, gil=replace(there, blocked=here.blocked, where=looked.python.tag))


def held_share(gil: Gil) -> Share | None:
    """The share of its computing in which the GIL was held, by the looks from outside; None where they are too few."""
    where = f", seen in Python {gil.where}" if gil.where else ""
    if gil.on_cpu is not None:
        part, looks = gil.on_cpu.held, gil.on_cpu.looks
        if part is None or not looks:
            return None
        how = f"held in {percent(part)} of {looks:,} looks from outside at its computing{where}"
        spread = part * (1 - part) + 0.5 / looks  # of one look; where all are alike, that of one that is not
        least = 0.05 if gil.held_wait_share <= _MOSTLY_WAITING else 0.1  # it may be ready, and not yet have a CPU
        return _sure_enough(part, least + 3 * math.sqrt(spread / looks), how)
    if gil.held is None or gil.looks < LEAST_LOOKS or gil.held_wait_share > 0.97:
        return None
    share = min(1.0, gil.held / (1.0 - gil.held_wait_share))
    how = f"held in {percent(gil.held)} of {gil.looks:,} looks from outside{where}"
    if gil.held_wait_share > 0.02:
        how += f", {percent(gil.held_wait_share)} of the time being waiting"
    if gil.held_wait_share <= _MOSTLY_WAITING:
        return _sure_enough(share, 0.05, how)
    return None if 0.1 < share < 0.9 else _sure_enough(share, 0.2, how)


def _sure_enough(share: float, error: float, how: str) -> Share | None:
    """A share, where it is known well enough to be told; what is as good as none or all is none or all."""
    share = 1.0 if share > 0.97 else 0.0 if share < 0.02 else share
    return Share(share, error, how) if error <= _MOST_ERROR else None


def _by_looks(share: Share) -> dict[str, Evidence]:
    value = significant(share.value, 2)
    most = "threads add up" if value < 0.02 else f"threads can be at most {1 / value:.2g} times as fast"
    most = "threads take turns" if value > 0.9 else most
    releases = Evidence(value=value < RELEASES_BELOW, basis="inferred", how=f"from that share: {most}")
    low, high = round(max(0.0, value - share.error), 2), round(min(1.0, value + share.error), 2)
    known = Evidence(value=value, basis="measured", how=share.how, low=low, high=high)
    return {"gil_share": known, "releases_gil": releases}


def _by_hints(gil: Gil, *, native: bool) -> dict[str, Evidence]:
    """That it is held, where both hints or one clear one say so; nothing else."""
    if native:
        return {}
    late, blocked = (gil.late or 0.0) - gil.late_idle, gil.blocked or 0.0
    if late > LATE or (blocked > BLOCKED and late > LATE / 2) or blocked > 2 * BLOCKED:
        how = (
            f"a thread beside it woke late {percent(max(0.0, late))} of the time, and two threads blocked each other for"
            f" {percent(max(0.0, min(1.0, blocked)))} of their computing"
        )
        return {"releases_gil": Evidence(value=False, basis="inferred", how=how)}
    return {}


def _hold(gil: Gil, share: float | None, most_ms: float, *, waits: bool) -> dict[str, Evidence]:
    """The longest stretch: of native code as it was measured, of Python code the switch interval."""
    if len(gil.holds_ms) < 3 or gil.late is None:
        return {}
    longest, typical = max(gil.holds_ms), median(gil.holds_ms)
    if typical < 2 * most_ms:  # else some calls are longer than nine of ten
        typical = min(typical, most_ms)
    held_back = gil.late - gil.late_idle
    if typical > max(_NATIVE_MS, 2 * gil.switch_ms) and (share is None or share > 0.02) and (held_back > 0.02 or waits):
        how = f"a thread beside it waited so long for the GIL (the median of the {len(gil.holds_ms)} longest times)"
        value = significant(typical, 3)
        high = significant(longest, 3)
        return {"gil_hold_ms": Evidence(value=value, basis="measured", how=how, low=value, high=max(value, high))}
    hands_over = typical > 0.8 * gil.switch_ms  # the interval of the probe is a short one
    if (share is not None and share > LATE) or held_back > LATE or hands_over:
        how = f"it is handed over within the switch interval, which is {_SWITCH_MS:g} ms in CPython"
        return {"gil_hold_ms": Evidence(value=_SWITCH_MS, basis="inferred", how=how)}
    value = significant(min(typical, _SWITCH_MS), 2)
    how = "the longest times that a thread beside it waited for the GIL"
    return {"gil_hold_ms": Evidence(value=value, basis="measured", how=how)}
