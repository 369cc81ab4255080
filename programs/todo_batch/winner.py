"""Which way is the fastest, and why; and which one to take: what is simpler, unless more code gains enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from measures import FREE_THREADED
from results import Code, Comparison, Interval, Measured
from text import clipped, figure, plural

CLOSE = 1.05  # a difference of one way to another below that says nothing
WORTH = 1.2  # below that, more code is not worth its gain: the selector's rule for approaches, here for schedules too

_WHY = {
    "sequential": "one task after the other",
    "threads": "the GIL lets one thread compute at a time",
    FREE_THREADED: "free threads compute at the same time, on the same objects: no copies",
    "processes": "processes compute at the same time; starting and copying is their price",
    "subinterpreters": "interpreters compute at the same time, a GIL each; tasks are copied",
    "asyncio": "one event loop computes one batch at a time",
}
_TURNS = ("sequential", "threads", "asyncio")  # whose processors compute one after the other
_TAKEN = 0.3  # CPUs by others: more than a moment's work of the system
_BUSY_PERCENT = 90  # a sequential run that got less of its CPU shared it with other programs


class Titled(Protocol):
    """A run, or a row of a comparison."""

    @property
    def execution(self) -> str:
        """An id of executions.EXECUTIONS."""

    @property
    def title(self) -> str:
        """For people."""


def winner(rows: Sequence[Measured]) -> Measured | None:
    """The fastest of those that have a result."""
    return min((row for row in rows if row.samples), key=lambda row: row.seconds, default=None)


def racing(found: Comparison) -> list[Measured]:
    """The rows that can gain something: where tasks compute, those that take turns have a lead by chance alone."""
    return [row for row in found.rows if row.baseline or not (takes_turns(row) and found.work.computes)]


def fastest(found: Comparison) -> Measured:
    """The fastest of those whose lead is not chance; the baseline is always there."""
    best = winner(racing(found))
    assert best is not None
    return best


def fastest_crew(found: Comparison) -> Measured | None:
    """The fastest with several processors to have, if any was measured: of those that can gain something, else of all."""
    crews = [row for row in found.rows if not row.baseline]
    return winner([row for row in racing(found) if not row.baseline]) or winner(crews)


def why(run: Titled) -> str:
    """What makes this execution as fast as it is, when it computes."""
    return _WHY.get(_way(run), "no more is known of it")


def _way(run: Titled) -> str:
    free = run.execution == "threads" and run.title.startswith(FREE_THREADED)
    return FREE_THREADED if free else run.execution


def why_fastest(found: Comparison) -> str:
    """Why the fastest is as fast as it is, and what that is worth."""
    best = fastest(found)
    if best.execution == "sequential":
        return f"{why(best)}: more processors cost more than they gave"
    return "processors that take turns wait at the same time" if takes_turns(best) else why(best)


def warning_of_other_programs(rows: Sequence[Measured]) -> str:
    """A warning, if other programs had the CPU while this was measured."""
    used = [row.cpu_percent for row in rows if row.baseline and row.cpu_percent is not None]
    if used and min(used) < _BUSY_PERCENT:
        return f"Other programs were busy: sequential got {min(used):.0f} % of a CPU. Measure again."
    taken = max((row.cpus_taken or 0.0 for row in rows), default=0.0)
    return f"Other programs were busy: they took up to {taken:.1f} CPUs. Measure again." if taken > _TAKEN else ""


def takes_turns(run: Titled) -> bool:
    """Whether its processors compute one after the other: they were never to be as many times as fast."""
    return _way(run) in _TURNS


def short_title(run: Titled, width: int = 24, *, utf8: bool = True) -> str:
    """The title of a run, which may be of any length."""
    return clipped(run.title, width, utf8=utf8)


# What to take ---------------------------------------------------------------------------------------------------------


class Choice(NamedTuple):
    """What to take, what was the fastest (often the same), and why, in a sentence or two."""

    taken: Measured
    fastest: Measured
    because: str


def choice(found: Comparison) -> Choice:
    """The simplest of those that take at most 1.2 times as long as the fastest, or longer by chance: fewest lines, then processors."""
    best = fastest(found)
    near = [
        row for row in racing(found) if row.seconds <= WORTH * best.seconds or _may_be_chance(found.speedup(best, row))
    ]
    taken = min(near, key=lambda row: (_lines(row, found), row.processors, row.seconds))
    return Choice(taken, best, _because(taken, best, found))


def best_of_each(found: Comparison) -> list[Measured]:
    """The fastest row of every execution, and what is taken of its own; by time."""
    taken = choice(found).taken
    best = {}
    for row in sorted(found.rows, key=lambda row: -row.seconds):
        best[row.name] = row
    return sorted({**best, taken.name: taken}.values(), key=lambda row: row.seconds)


def speedup_told(row: Measured, found: Comparison, against: Measured | None = None) -> str:
    """`1.90 times (1.85 to 1.95)`: as fast as the baseline, or as another row."""
    speedup = found.speedup(row, against)
    between = f" ({figure(speedup.low, 2)} to {figure(speedup.high, 2)})" if speedup.low < speedup.high else ""
    return f"{figure(speedup.mid, 2)} times{between}"


def code_of(row: Measured, found: Comparison) -> Code | None:
    """The code of its execution, its schedule and its way to hand in; None where that was not counted."""
    parts = [found.code.get(row.execution), found.code.get(row.schedule)]
    if None in parts:
        return None
    handing_in = found.code.get(f"{row.execution}/{row.collect}", Code(0, ()))
    return sum((part for part in parts if part is not None), handing_in)


def _lines(row: Measured, found: Comparison) -> float:
    code = code_of(row, found)
    return math.inf if code is None else code.lines


def _because(taken: Measured, best: Measured, found: Comparison) -> str:
    if taken is best:
        turns = "" if winner(found.rows) is best else " of those that do not take turns, whose lead is chance"
        return f"it was the fastest{turns}, and nothing simpler came within {WORTH}x of it"
    gain = found.speedup(best, taken)
    unsure = gain.high >= WORTH and gain.low < gain.high
    between = f", between {figure(gain.low, 2)} and {figure(gain.high, 2)}" if unsure else ""
    small = f"under {WORTH}x" if taken.seconds <= WORTH * best.seconds else "that may be chance"
    return (
        f"{best.title} with {plural(best.processors, 'processor')} was {figure(gain.mid, 2)} times as fast{between},"
        f" {_price(best, taken, found)}: {small}, stay with what is simpler"
    )


def _price(dear: Measured, simple: Measured, found: Comparison) -> str:
    """What one costs more than another: in code, else in processors."""
    more, less = code_of(dear, found), code_of(simple, found)
    if more is None or less is None:
        return "for code that was not counted"
    if more.lines > less.lines:
        return f"for {figure(more.lines / max(1, less.lines), 1)} times the code"
    return f"for {plural(dear.processors, 'processor')} instead of {simple.processors:,}"


class Gain(NamedTuple):
    """What one schedule or execution gains over the simplest of its kind, beside what it takes to read."""

    what: str  # schedule, handing in or execution
    name: str
    code: Code | None
    row: Measured  # its fastest
    gain: tuple[float, float, float]  # low, mid, high of how many times as fast as the simplest
    verdict: str


def gains(found: Comparison) -> list[Gain]:
    """Each schedule, and each way to hand in, under the fastest crew; then each execution with its fastest schedule.

    The simplest of each kind is first.
    """
    best = fastest_crew(found) or found.baseline
    fastest_last = sorted(found.rows, key=lambda row: -row.seconds)  # a dict keeps the last of those with the same key
    alike = [row for row in fastest_last if (row.name, row.processors) == (best.name, best.processors)]
    handing_in = {row.collect: row for row in alike if row.schedule == best.schedule}
    return [
        *_gains("schedule", {row.schedule: row for row in alike}, found),
        *(_gains("handing in", handing_in, found) if len(handing_in) > 1 else ()),
        *_gains("execution", {row.name: row for row in fastest_last}, found),
    ]


def _gains(what: str, rows: dict[str, Measured], found: Comparison) -> list[Gain]:
    def code(row: Measured) -> Code | None:
        names = {"schedule": row.schedule, "handing in": f"{row.execution}/{row.collect}"}
        return found.code.get(names[what]) if what in names else code_of(row, found)

    def lines(row: Measured) -> float:
        own = code(row)
        return math.inf if own is None else own.lines

    ordered = sorted(rows.items(), key=lambda named: (lines(named[1]), named[1].seconds))
    made: list[Gain] = []
    best: Measured | None = None  # the fastest of those that are simpler, and worth it
    beaten = ""  # its name, where it is not the simplest
    for name, row in ordered:
        if best is None:
            made.append(Gain(what, name, code(row), row, (1.0, 1.0, 1.0), "the simplest"))
            best = row
            continue
        gain, worth = found.speedup(row, ordered[0][1]), found.speedup(row, best)
        chance = row.execution != "sequential" and row not in racing(found)
        verdict = _verdict(worth, beaten, lines(row) / max(1.0, lines(best)), chance=chance)
        made.append(Gain(what, name, code(row), row, (gain.low, gain.mid, gain.high), verdict))
        if _gains_enough(worth) and not chance:
            best, beaten = row, name
    return made


def _gains_enough(gain: Interval) -> bool:
    """By the middle, and not by chance alone."""
    return gain.mid >= WORTH and not _may_be_chance(gain)


def _may_be_chance(gain: Interval) -> bool:
    """Whether the other one may be as fast; of what was measured once nobody knows."""
    return gain.low <= 1 < gain.high


def _verdict(gain: Interval, beaten: str, code: float, *, chance: bool) -> str:
    """Of what gains so much over the best that is simpler, which is named where it is not the simplest, for so many times its code."""
    for_code = f"for {figure(code, 1)} times the code" if math.isfinite(code) else "for code that was not counted"
    if chance:
        return f"its processors take turns {for_code}: stay"
    if _gains_enough(gain):
        return f"{figure(gain.mid, 2)} times as fast{f' as {beaten}' if beaten else ''} {for_code}: worth it"
    than = f" than {beaten}" if beaten else ""
    if gain.mid > CLOSE:
        return f"{figure(100 * gain.mid - 100, 0)} % faster{than} {for_code}: stay"
    return f"{'no faster' if gain.mid > 1 / CLOSE else 'slower'}{than} {for_code}: stay"
