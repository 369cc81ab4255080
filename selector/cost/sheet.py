"""The costs under one interpreter: measured under it, measured under another one here, or documented, each for itself.

Pure. What the script measured is in the terms of one Python (probes/calibration/figures.py) and mostly under the name that
the model has for it; what compares two Pythons, or depends on how many CPUs there are, is reckoned here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from selector.cost.terms import IN_TURNS, Builds, Costs
from selector.host import default_start_method

Kind = Literal["measured", "taken", "given", "documented"]  # from the surest to the least sure
Source = Literal["calibrated", "documented", "given"]


class Sureness(NamedTuple):
    """How far costs may be off either way, and what is left over (what the model leaves out, what disturbs a host)."""

    costs: float
    margin: float


#: By what a cost rests on. Documented ones: the figures of facts.md and those measured on 3.14.10 on the same machine differ
#: by up to that much for most of them. What was taken from another Python of this machine lies between.
SURENESS: dict[Kind, Sureness] = {
    "measured": Sureness(1.3, 1.1),
    "taken": Sureness(1.5, 1.15),
    "given": Sureness(1.5, 1.15),
    "documented": Sureness(2.0, 1.25),
}

_LEAST = 1e-6  # a cost is over 0
_MOST_WORKERS = 16  # that efficiencies are measured with (probes/calibration/figures.py)
_DOCUMENTED_WORKERS = 2  # that the documented contentions were measured with (costs.yaml)
_GROWTH = 0.5  # of the loss for each worker beyond those measured, in the slow estimate
_FIXED = {"gil_switch_ms": "sys.getswitchinterval()"}  # the same in every CPython, so as good as measured


class Basis(NamedTuple):
    """What one cost rests on, for the program and in words."""

    kind: Kind
    text: str


@dataclass(frozen=True, eq=False)
class Sheet:
    """The costs under one interpreter: the middle, as high and as low as what they rest on leaves open, and what that is."""

    middle: Costs
    slow: Costs
    fast: Costs
    basis: Mapping[str, Basis]


class MeasuredCosts(NamedTuple):
    """What was measured under one build of Python on this host with so many usable CPUs.

    `costs` has only figures that are good enough to use, with the names and units of probes/calibration/figures.py.
    """

    tag: str
    version: str
    path: str  # its real file
    free_threaded: bool
    start_method: str  # of multiprocessing, where none is asked for
    cpus: int
    measured_at: str  # ISO date, such as "2026-11-28"
    costs: dict[str, float]


@dataclass(frozen=True, eq=False)
class HostCosts:
    """All that is known of costs: documented (or a user's own), and measured under interpreters of this host."""

    documented: Costs
    source: Literal["documented", "given"] = "documented"
    measured: tuple[MeasuredCosts, ...] = ()  # of one tag the one to use first
    platform: str = ""  # that the measured ones are of
    # not of the constructor, or other costs made of these by `replace` would begin with the sheets of these
    _sheets: dict[tuple[str, str, str], Sheet] = field(default_factory=dict, init=False, repr=False)
    _builds: dict[tuple[str, str, str, str], Builds] = field(default_factory=dict, init=False, repr=False)

    def sheet(self, tag: str, gil_tag: str, platform: str) -> Sheet:
        """The costs under an interpreter, beside one with a GIL that the workload's CPU time is told for."""
        key = tag, gil_tag, platform
        if key not in self._sheets:
            self._sheets[key] = _sheet(self, *key)
        return self._sheets[key]

    def sheets(self, gil: str, free: str, sub: str, platform: str) -> tuple[Sheet, Sheet, Sheet]:
        """The costs under the Pythons that approaches run on, as in Builds."""
        return self.sheet(gil, gil, platform), self.sheet(free, gil, platform), self.sheet(sub, gil, platform)

    def builds(self, gil: str, free: str, sub: str, platform: str) -> Builds:
        """The middle estimate of the costs under the Pythons that approaches run on; the same object for the same ones."""
        key = gil, free, sub, platform
        if key not in self._builds:
            self._builds[key] = Builds(*(sheet.middle for sheet in self.sheets(*key)))
        return self._builds[key]


def _sheet(known: HostCosts, tag: str, gil_tag: str, platform: str) -> Sheet:
    """Each cost by the best that there is for it."""
    free_threaded = tag.endswith("t")
    here = known.measured if platform == known.platform else ()
    sources = sorted((m for m in here if m.tag.endswith("t") == free_threaded), key=lambda m: _distance(m.tag, tag))
    base = {**known.documented, "free_threaded_slowdown": _documented_slowdown(known.documented, tag)}
    if free_threaded:
        base["base_memory_mb"] *= base["free_threaded_memory_factor"]
    fallback = Basis(known.source, "the costs given" if known.source == "given" else "documented")
    middle = dict(base)
    basis = dict.fromkeys(base, fallback) | {name: Basis("measured", why) for name, why in _FIXED.items()}
    known_to = float(_DOCUMENTED_WORKERS)
    for measured in reversed(sources):  # the nearest one has the last word
        found = {**measured.costs, **dict(_contentions(measured)), **dict(_slowdown(measured, here, gil_tag))}
        others = _BY_START_METHOD if measured.start_method != default_start_method(platform, (3, _minor(tag))) else ()
        used = {name: max(found[name], _LEAST) for name in base if name in found and name not in others}
        middle.update(used)
        basis.update(dict.fromkeys(used, _basis(measured, tag)))
        if any(name.startswith("contention") for name in used):
            known_to = float(min(measured.cpus, _MOST_WORKERS))
    slow, fast = _ends(middle, basis)
    shared = {"scaling_known_to": known_to}
    return Sheet(
        {**middle, **shared, "scaling_growth": 0.0},
        {**slow, **shared, "scaling_growth": _GROWTH},
        {**fast, **shared, "scaling_growth": 0.0},
        basis,
    )


#: What is another figure with another way of starting processes than the one it was measured with.
_BY_START_METHOD = ("process_pool_memory_mb", "process_memory_mb", "process_pool_unused_ms")


def _minor(tag: str) -> int:
    """14 of `3.14t`."""
    return int(tag.rstrip("t").partition(".")[2])


def _distance(tag: str, wanted: str) -> tuple[int, int]:
    """How far a version is from another one; of two as far the newer one is nearer."""
    return abs(_minor(tag) - _minor(wanted)), -_minor(tag)


def _documented_slowdown(documented: Costs, tag: str) -> float:
    return documented["free_threaded_slowdown_313" if tag == "3.13t" else "free_threaded_slowdown"]


def _basis(measured: MeasuredCosts, tag: str) -> Basis:
    if measured.tag == tag:
        return Basis("measured", f"costs measured here on {measured.measured_at} under {tag}")
    return Basis("taken", f"measured under {measured.tag}, taken for {tag}")


def _ends(middle: Mapping[str, float], basis: Mapping[str, Basis]) -> tuple[dict[str, float], dict[str, float]]:
    """The costs as high and as low as each may be; what the slowdown of a build may be has a spread of its own."""
    slow, fast = {}, {}
    for name, value in middle.items():
        factor = SURENESS[basis[name].kind].costs
        if name.endswith("_per_s"):
            slow[name], fast[name] = value / factor, value * factor
        else:
            slow[name], fast[name] = value * factor, value / factor
    slowdown, spread = middle["free_threaded_slowdown"], middle["free_threaded_spread"]
    slow["free_threaded_slowdown"], fast["free_threaded_slowdown"] = slowdown * spread, max(1.0, slowdown / spread)
    slow["gil_switch_ms"] = fast["gil_switch_ms"] = middle["gil_switch_ms"]
    return slow, fast


def _contentions(measured: MeasuredCosts) -> Iterator[tuple[str, float]]:
    """What an efficiency with a worker for each CPU comes to (see `loss` in terms)."""
    workers = min(measured.cpus, _MOST_WORKERS)
    for name, efficiency in measured.costs.items():
        if name.startswith("efficiency_") and workers > 1 and efficiency > 0:
            contention, lost = name.replace("efficiency", "contention"), 1 / max(efficiency, 0.01) - 1
            yield contention, lost / (workers - 1 if contention in IN_TURNS else 2 - 2 / workers)


def _slowdown(measured: MeasuredCosts, here: Sequence[MeasuredCosts], gil_tag: str) -> Iterator[tuple[str, float]]:
    """How much longer pure Python takes on the free-threaded build; as the spread, how much more it does with objects."""
    beside = [m for m in here if not m.tag.endswith("t")] if measured.tag.endswith("t") else []
    if not beside:
        return
    gil = min(beside, key=lambda m: _distance(m.tag, gil_tag))
    arithmetic, objects = (_ratio(measured.costs, gil.costs, f"python_{kind}_ns") for kind in ("arithmetic", "objects"))
    if arithmetic is not None:
        yield "free_threaded_slowdown", arithmetic
    if arithmetic is not None and objects is not None:
        yield "free_threaded_spread", max(objects / arithmetic, 1.0)


def _ratio(free: Costs, gil: Costs, name: str) -> float | None:
    return min(max(1.0, free[name] / gil[name]), 100.0) if gil.get(name) and free.get(name) else None


# What a figure rests on -----------------------------------------------------------------------------------------------


class Rest(NamedTuple):
    """What a figure rests on: the least sure of its costs decides how far it may be off."""

    source: Source
    kind: Kind
    text: str


_ORDER: tuple[Kind, ...] = get_args(Kind)
_SOURCES: dict[Kind, Source] = {
    "measured": "calibrated",
    "taken": "documented",
    "given": "given",
    "documented": "documented",
}
_NAMED = 2  # costs of a group that are named


@lru_cache(maxsize=4096)
def rest_on(sheet: Sheet, names: tuple[str, ...], workers: int) -> Rest:
    """What the costs of these names rest on under an interpreter, with so many workers computing at once."""
    groups: dict[Basis, list[str]] = {}
    known_to, beyond = int(sheet.middle["scaling_known_to"]), False
    for name in names:
        if name not in _FIXED:
            groups.setdefault(sheet.basis[name], []).append(name)
            beyond = beyond or (name.startswith("contention") and workers > known_to)
    if not groups:
        return Rest(_SOURCES[sheet.basis["base_memory_mb"].kind], "measured", "the task's own times alone")
    ordered = sorted(groups.items(), key=lambda group: _ORDER.index(group[0].kind))
    kind = ordered[-1][0].kind
    if beyond and kind == "measured":
        kind = "taken"
    texts = [ordered[0][0].text, *(f"{basis.text} ({_some(found)})" for basis, found in ordered[1:])]
    if [basis.kind for basis, _ in ordered] == ["documented"]:
        texts = ["documented costs of concurrency, not measured"]
    if beyond:
        texts.append(f"{workers} CPUs reckoned from {known_to}")
    return Rest(_SOURCES[kind], kind, "; ".join(texts))


def _some(names: list[str]) -> str:
    """Some costs by name, the others by number."""
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
