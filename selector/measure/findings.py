"""What the probe found, as it is read from what its children said: typed, and None where it said nothing.

The keys are those of probes/function/__init__.py. What a child says is data: a figure that is none counts as not said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selector.text import one_line, printable

Facts = Mapping[str, Any]
_MOST_CHARACTERS = 200  # of a user's text
_MOST_LACK = 0.3  # of their time without a CPU: above it two threads say nothing of each other
_MOST_NAMES = 1000


@dataclass(frozen=True)
class Calls:
    """Calls one after the other, in ms each, medians: `wait` is what was neither CPU nor lack of a CPU (`delay`).

    `cpu_low` and `cpu_high` are what nine of ten calls lie above and below. `spread` is that of repeated calls on one item.
    """

    count: int
    attempts: int
    cpu_ms: float
    cpu_low_ms: float
    cpu_high_ms: float
    wall_ms: float
    wait_ms: float
    wait_low_ms: float
    wait_high_ms: float
    delay_ms: float
    delay_known: bool
    helper_ms: float
    children_ms: float
    spread: float | None
    cached: bool


@dataclass(frozen=True)
class Steps:
    """A coroutine, in ms a call: in its awaits, and blocking between them; how well its waits overlap (1: not at all)."""

    cpu_ms: float | None
    await_ms: float
    blocking_ms: float
    longest_ms: float
    gather_of: int
    gather_ratio: float | None


@dataclass(frozen=True)
class OnCpu:
    """Looks from outside at what was on a CPU: the part in which it held the GIL, and how many there were."""

    held: float | None
    looks: int


@dataclass(frozen=True)
class Gil:
    """Three looks at the GIL: from outside (part of the looks in which it was held), by a late thread, by two threads.

    `where` is the Python that it was looked at from outside in, where that is another one.
    """

    held: float | None
    looks: int
    on_cpu: OnCpu | None
    held_wait_share: float
    late: float | None
    late_idle: float
    holds_ms: tuple[float, ...]
    switch_ms: float
    blocked: float | None
    where: str = ""


@dataclass(frozen=True)
class Crossing:
    """What crossing to a worker takes: errors by what they are of, sizes in KB, and ms a task both ways."""

    errors: Mapping[str, str]
    all_tried: bool
    item_kb: float | None
    result_kb: float | None
    milliseconds: float | None


@dataclass(frozen=True)
class Start:
    """What comes before the first call, in ms of CPU (import) and of time (the rest), and MB; what that call imports."""

    import_ms: float | None
    setup_ms: float | None
    setup_mb: float | None
    first_ms: float | None
    first_imports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Two:
    """Two threads against one: CPU of a call with two over that alone, and how much faster both are."""

    cpu_ratio: float | None
    speedup: float | None
    errors: int


@dataclass(frozen=True)
class Writes:
    """Global names that changed: by the first call, by some calls after it, by some more."""

    first: Mapping[str, Any]
    later: Mapping[str, Any]
    again: Mapping[str, Any]
    looked: bool


@dataclass(frozen=True)
class Findings:
    """All that one child found; what was not looked at is None or empty."""

    version: str
    free_threaded: bool
    gil_on: bool | None
    gil_module: str
    coroutine: bool
    lazy: bool
    has_items: bool
    items_why: str
    tasks: int | None
    taken: int
    calls: Calls | None
    steps: Steps | None
    gil: Gil | None
    crossing: Crossing | None
    start: Start
    own: Two | None
    same: Two | None
    writes: Writes
    mutated: tuple[int, ...]
    errors: Mapping[str, tuple[int, str]]
    touches: Mapping[str, float]
    clients: tuple[str, ...]
    seen: frozenset[str]
    skipped: tuple[str, ...]


def number(facts: Facts, key: str) -> float | None:
    """A finite number that was said; None for anything else."""
    value = facts.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def words(value: object, limit: int = _MOST_CHARACTERS) -> str:
    """A text of the user's, as a part of a sentence: one line, nothing that a terminal obeys."""
    return printable(one_line(str(value), limit))


def findings_from(facts: Facts) -> Findings:
    """What a child of the modes main and again said."""
    tasks = number(facts, "tasks")
    return Findings(
        version=words(facts.get("version", "")),
        free_threaded=facts.get("free_threaded") is True,
        gil_on=_flag(facts, "gil_after_run", _flag(facts, "gil_after_import", None)),
        gil_module=words(facts.get("gil_module") or ""),
        coroutine=facts.get("coroutine") is True,
        lazy=facts.get("lazy") == "generator",
        has_items=facts.get("has_items") is not False,
        items_why=words(facts.get("items_why") or ""),
        tasks=int(tasks) if tasks else None,
        taken=int(number(facts, "taken") or 0),
        calls=_calls(_mapping(facts, "solo"), facts),
        steps=_steps(_mapping(facts, "steps")),
        gil=_gil(facts),
        crossing=_crossing(facts),
        start=_start(facts),
        own=_two(_mapping(_mapping(facts, "two"), "own")),
        same=_two(_mapping(_mapping(facts, "two"), "same")),
        writes=_writes(facts),
        mutated=tuple(n for n in _list(facts, "mutated") if isinstance(n, int)),
        errors=_errors(_mapping(facts, "errors")),
        touches={
            words(k): v for k in _mapping(facts, "audit") if (v := number(_mapping(facts, "audit"), k)) is not None
        },
        clients=tuple(map(words, _list(facts, "clients")[:_MOST_NAMES])),
        seen=frozenset(map(words, _list(facts, "io_seen")[:_MOST_NAMES])),
        skipped=tuple(map(words, _list(facts, "skipped")[:_MOST_NAMES])),
    )


def _mapping(facts: Facts, key: str) -> Facts:
    value = facts.get(key)
    return value if isinstance(value, dict) else {}


def _list(facts: Facts, key: str) -> list[Any]:
    value = facts.get(key)
    return value if isinstance(value, list) else []


def _flag(facts: Facts, key: str, otherwise: bool | None) -> bool | None:
    value = facts.get(key)
    return value if isinstance(value, bool) else otherwise


def _calls(solo: Facts, facts: Facts) -> Calls | None:
    cpu, wall = number(solo, "cpu_ms"), number(solo, "wall_ms")
    if cpu is None or wall is None:
        return None

    def of(key: str, otherwise: float = 0.0) -> float:
        """A figure that may be missing."""
        value = number(solo, key)
        return otherwise if value is None else value

    wait = of("wait_ms")
    return Calls(
        count=int(of("calls")),
        attempts=int(number(facts, "attempts") or of("calls")),
        cpu_ms=cpu,
        cpu_low_ms=of("cpu_p10_ms", cpu),
        cpu_high_ms=of("cpu_p90_ms", cpu),
        wall_ms=wall,
        wait_ms=wait,
        wait_low_ms=of("wait_p10_ms", wait),
        wait_high_ms=of("wait_p90_ms", wait),
        delay_ms=of("delay_ms"),
        delay_known=solo.get("delay_known") is not False,
        helper_ms=of("helper_ms"),
        children_ms=of("children_cpu_ms"),
        spread=number(solo, "spread"),
        cached=solo.get("cached") is True,
    )


def _steps(steps: Facts) -> Steps | None:
    if number(steps, "await_ms") is None:
        return None
    waiting, blocking = number(steps, "await_ms") or 0.0, number(steps, "block_wait_ms") or 0.0
    longest, together = number(steps, "block_ms") or 0.0, int(number(steps, "gather_of") or 0)
    return Steps(number(steps, "cpu_ms"), waiting, blocking, longest, together, number(steps, "gather_ratio"))


def _gil(facts: Facts) -> Gil | None:
    """The looks, where there was a GIL to look at."""
    sampler, probe = _mapping(facts, "sampler"), _mapping(facts, "probe")
    if facts.get("gil") is False:
        return None
    on_cpu = _mapping(sampler, "on_cpu")
    waited = number(_mapping(facts, "held_run"), "wait_share") or 0.0
    return Gil(
        held=number(sampler, "held"),
        looks=int(number(sampler, "samples") or 0),
        on_cpu=OnCpu(number(on_cpu, "held"), int(number(on_cpu, "looks") or 0)) if on_cpu else None,
        held_wait_share=min(0.99, max(0.0, waited)),
        late=number(probe, "late_share"),
        late_idle=number(probe, "idle_late_share") or 0.0,
        holds_ms=tuple(float(h) for h in _list(probe, "holds_ms") if isinstance(h, int | float)),
        switch_ms=number(probe, "switch_ms") or 5.0,
        blocked=number(_mapping(_mapping(facts, "two"), "own"), "blocked_share"),
    )


def _crossing(facts: Facts) -> Crossing | None:
    """What pickling came to; None where it was not tried."""
    parts = ("function", "items", "result")
    if not any(isinstance(facts.get(f"{part}_{end}"), bool) for part in parts for end in ("pickles", "pickle")):
        return None
    errors = {}
    for part in parts:
        if facts.get(f"{part}_pickles", facts.get(f"{part}_pickle")) is False:
            key = "item" if part == "items" else part
            errors[key] = words(facts.get(f"{key}_pickle_error") or "it does not pickle")
    keys = ("item_dump_ms", "item_load_ms", "result_dump_ms", "result_load_ms")
    times = [value for key in keys if (value := number(facts, key)) is not None]
    whole = not errors and number(facts, "result_dump_ms") is not None
    known = (facts.get(f"{part}_pickles", facts.get(f"{part}_pickle")) for part in parts)
    all_tried = all(isinstance(each, bool) for each in known)
    return Crossing(
        errors, all_tried, number(facts, "item_kb"), number(facts, "result_kb"), sum(times) if whole else None
    )


def _start(facts: Facts) -> Start:
    before, after = number(facts, "rss_items_mb"), number(facts, "rss_setup_mb")
    grown = after - before if before is not None and after is not None else None
    late = tuple(map(words, _list(facts, "first_imports")[:_MOST_NAMES]))
    return Start(number(facts, "import_cpu_ms"), number(facts, "setup_ms"), grown, number(facts, "first_ms"), late)


def _two(two: Facts) -> Two | None:
    if number(two, "cpu_ratio") is None or (number(two, "lack") or 0.0) > _MOST_LACK:
        return None
    return Two(number(two, "cpu_ratio"), number(two, "speedup"), int(number(two, "errors") or 0))


def _writes(facts: Facts) -> Writes:
    looked = isinstance(facts.get("globals_again"), dict)
    keys = ("globals_first", "globals_later", "globals_again")
    first, later, again = (_mapping(facts, key) for key in keys)
    return Writes(first, later, again, looked)


def _errors(errors: Facts) -> dict[str, tuple[int, str]]:
    """Exceptions of calls by kind: how many, and what one of them said."""
    found = {}
    for kind in list(errors)[:_MOST_NAMES]:
        each = _mapping(errors, kind)
        found[words(kind)] = int(number(each, "count") or 1), words(each.get("message", ""))
    return found
