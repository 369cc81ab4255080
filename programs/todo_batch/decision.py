"""The user's own document of a comparison: what runs, why, what it does and costs, what limits it, when to decide anew.

Every figure in it was measured in this comparison, or is reckoned from such figures and says so; what was not measured is
named as that. Prices are the user's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from blocks import table
from checklist import readiness, risks, triggers
from contents import complexity, limits, scale_of, where
from limits import limit_told
from markdown import escaped, told, written
from results import Comparison, Measured, ways
from scaling import amdahl, stops_paying_at
from text import figure, plural
from winner import (
    Choice,
    best_of_each,
    choice,
    code_of,
    fastest_crew,
    speedup_told,
    warning_of_other_programs,
    why,
)

_MANY = 100  # processors, of which everybody asks
_FEW = 4  # cores, of which they ask


class Prices(NamedTuple):
    """What a core and a GB of memory cost for an hour, in whatever money; None where nobody said."""

    core_hour: float | None = None
    gb_hour: float | None = None


def decision(found: Comparison, prices: Prices) -> str:
    """The document, in Markdown."""
    chosen = choice(found)
    row = chosen.taken
    sections = {
        "In short": _in_short(chosen, found),
        "Why this approach": _why(chosen, found),
        "The metric that mattered": _metric(chosen, found),
        "What it does": _figures(row, found),
        "The bottleneck": _bottleneck(row, found),
        "How it grows": "\n\n".join(_growth(row, found)),
        "What a million tasks cost": _costs(found, prices),
        "When to decide anew": "\n".join(f"- {each}" for each in triggers(row, found)),
        "Risks": written(table(("Risk", "What we do", "In this run"), list(risks(row, found)))),
        "Readiness": _checked(row, found),
    }
    parts = (f"## {title}\n\n{text}\n" for title, text in sections.items())
    return "\n".join([f"# Decision: how the todo batch runs\n\n{told(where(found))}\n", *parts])


def _named(row: Measured) -> str:
    return f"{escaped(row.title)} with {plural(row.processors, 'processor')}"


def _in_short(chosen: Choice, found: Comparison) -> str:
    row = chosen.taken
    limit = limit_told(row, found)
    return (
        f"We run the batch as **{_named(row)}**, because {escaped(chosen.because)}. It does"
        f" {figure(found.rate(row), 0)} tasks a second, {speedup_told(row, found)} as many as plain sequential code, on"
        f" {plural(found.machine.cpus, 'CPU')}. What limits it: {escaped(limit)}."
        f" To grow, {_way_to_grow(row, found)}.{_disturbed(found)}"
    )


def _disturbed(found: Comparison) -> str:
    disturbed = warning_of_other_programs(found.rows)
    return f"\n\n**{disturbed}**" if disturbed else ""


def _way_to_grow(row: Measured, found: Comparison) -> str:
    if row.processors < found.machine.cpus and not row.baseline:
        return "it may have more processors, up to the CPUs of this machine; then more cores; then several machines"
    return "take a machine with more cores, and measure again; beyond one machine, a task queue"


def _why(chosen: Choice, found: Comparison) -> str:
    """The reason, and every other execution beside it."""
    row = chosen.taken
    heads = ("Approach", "Processors", "Time (s)", "Against ours", "Memory (MB)", "Lines", "Concepts", "Why")
    rows = []
    for other in best_of_each(found):
        code = code_of(other, found)
        times = "ours" if other is row else f"{figure(other.seconds / row.seconds, 2)}x the time"
        counts = ("-", "-") if code is None else (f"{code.lines:,}", f"{len(code.concepts):,}")
        cells = (figure(other.seconds, 3), times, figure(other.peak_memory_mb, 1), *counts, why(other))
        rows.append((escaped(other.title), f"{other.processors:,}", *cells))
    return (
        f"{_named(row)}: {why(row)}. Taken, as {escaped(chosen.because)}.\n\n{written(table(heads, rows))}"
        f"\n\n### Complexity against gain\n\n{told(complexity(found))}"
    )


def _metric(chosen: Choice, found: Comparison) -> str:
    row, least = chosen.taken, min(found.rows, key=lambda row: row.peak_memory_mb or float("inf"))
    latency = "not measured" if row.task_p95_ms is None else f"{figure(row.task_p95_ms, 2)} ms (95 %)"
    memory = "" if least is row else f", {figure(least.peak_memory_mb, 1)} MB with {_named(least)}"
    return (
        "The time until the whole batch is done, so tasks a second: nobody waits for a single todo of a batch."
        f" Memory did not decide ({figure(row.peak_memory_mb, 1)} MB with ours{memory}), nor did the time of one task"
        f" ({latency}). Where a user waits for one todo, or memory is what is paid for, decide by those."
    )


def _figures(row: Measured, found: Comparison) -> str:
    cpu = "not measured" if row.cpu_percent is None else f"{figure(row.cpu_percent, 0)} % (100 % is one CPU)"
    start = "not measured" if row.startup_seconds is None else f"{figure(row.startup_seconds, 3)} s"
    busy = "not measured" if row.busy_share is None else f"{figure(100 * row.busy_share, 0)} %"
    one = next((other for other in _of_way(row, found) if other.processors == 1), None)
    against_one = "not measured" if one is None or one is row else f"{speedup_told(row, found, one)} as fast"
    rows = [
        (
            "Speedup over plain sequential code",
            f"{speedup_told(row, found)} as fast, on {plural(found.machine.cpus, 'CPU')}",
        ),
        ("Speedup over one processor of its own", against_one),
        ("Time of the batch", f"{figure(row.seconds, 3)} s, median of {plural(len(row.samples), 'run')}"),
        ("Throughput", f"{figure(found.rate(row), 0)} tasks a second"),
        ("CPU use", cpu),
        ("Processors had work", f"{busy} of the time" if row.busy_share is not None else busy),
        (
            "Peak memory of all processes",
            "not measured" if row.peak_memory_mb is None else f"{figure(row.peak_memory_mb, 1)} MB",
        ),
        ("First task began after", start),
    ]
    return written(table(("What", "Figure"), rows))


def _of_way(row: Measured, found: Comparison) -> list[Measured]:
    return next(rows for rows in ways(found.rows) if row in rows)


def _bottleneck(row: Measured, found: Comparison) -> str:
    return f"Of ours: {escaped(limit_told(row, found))}.\n\nOf all ways:\n\n{told(limits(found))}"


# How it grows ---------------------------------------------------------------------------------------------------------


def _growth(row: Measured, found: Comparison) -> Iterator[str]:
    """More processors, more cores, very many processors, more machines."""
    grown = fastest_crew(found) if row.baseline else row
    if grown is None:
        yield "Only plain sequential code was measured: how more processors would do is not known."
        return
    rows, cpus = _of_way(grown, found), found.machine.cpus
    if grown is not row:
        yield f"Ours has one processor. The fastest of the others, {escaped(grown.title)}, grows like this:"
    scale = scale_of(grown, found)
    sizes = dict(scale)
    heads = ("Processors", "Speedup over one", "Tasks a second", "Memory (MB)")
    cells = (
        (
            f"{r.processors:,}",
            figure(sizes.get(r.processors), 2, "x"),
            figure(found.rate(r), 0),
            figure(r.peak_memory_mb, 1),
        )
        for r in rows
    )
    yield written(table(heads, list(cells)))
    stop = stops_paying_at(scale)
    told = (
        "More processors paid up to the most that were measured"
        if stop is None
        else f"It stops paying at {plural(stop, 'processor')}"
    )
    yield f"**More processors here.** {told} (under 5 % for one more)."
    yield f"**More cores.** {_more_cores(scale, cpus)}"
    yield f"**{_MANY} processors on {plural(cpus, 'core')}.** {_very_many(rows, sizes, cpus)}"
    yield (
        "**More machines.** Not measured in this comparison. A task queue costs each task a message and its result, and"
        " is for work that outgrows one machine or must survive it; `concurrency-selector recommend` says which and when:"
        " `python todos profile | concurrency-selector recommend - --set machines=3`."
    )


def _more_cores(scale: Sequence[tuple[int, float]], cpus: int) -> str:
    upto = [(n, speedup) for n, speedup in scale if n <= cpus]
    if len(upto) < 2:
        return "Not measured, and with one CPU nothing of it can be reckoned."
    serial, more = amdahl(upto), 2 * cpus
    expected = 1 / (serial + (1 - serial) / more)
    return (
        f"Not measured: this machine has {cpus:,}. Reckoned by Amdahl's law from up to {plural(cpus, 'processor')}"
        f" ({figure(100 * serial, 1)} % of it serial), {more:,} cores would give {figure(expected, 2)}x at most, if memory and"
        " contention stay as they are."
    )


def _very_many(rows: Sequence[Measured], sizes: dict[int, float], cpus: int) -> str:
    """As measured, where it was; else what follows from the most that were."""
    most, first = rows[-1], rows[0]
    of_them = next((row for row in rows if row.processors == _MANY), None)
    if of_them is not None:
        told = f"Measured: {figure(sizes.get(_MANY), 2)}x one processor, {figure(of_them.peak_memory_mb, 1)} MB."
    else:
        told = f"Not measured (`compare --scaling 1,2,4,8,{_MANY}` would)."
        if most.processors > first.processors and most.peak_memory_mb and first.peak_memory_mb:
            each = (most.peak_memory_mb - first.peak_memory_mb) / (most.processors - first.processors)
            whole = first.peak_memory_mb + max(0.0, each) * (_MANY - first.processors)
            told += f" Memory, reckoned from {figure(max(0.0, each), 1)} MB for each further one here: {figure(whole, 0)} MB."
        if most.processors > cpus and most.processors in sizes:
            told += f" {plural(most.processors, 'processor')} gave {figure(sizes[most.processors], 2)}x."
    return (
        f"{told} No more than {cpus:,} of them can compute at the same time; the others wait and"
        f" take memory. It is the same with {_MANY} processors on {_FEW} cores (not measured here): work that computes wants"
        " as many processors as there are cores, and then other machines, not more processors."
    )


# What it costs --------------------------------------------------------------------------------------------------------


class Amounts(NamedTuple):
    """What a million tasks take, reckoned from one batch: its start once, the rest in proportion."""

    hours: float
    core_hours: float  # of the cores that are held for it
    computed: float | None  # core-hours in which something computed
    gb_hours: float | None


def amounts(row: Measured, found: Comparison) -> Amounts:
    """Of a row."""
    start = min(row.startup_seconds or 0.0, row.seconds)
    seconds = start + (row.seconds - start) * 1e6 / found.work.tasks
    cores = min(row.processors, found.machine.cpus)
    computed = None if row.cpu_seconds is None else row.cpu_seconds / found.work.tasks * 1e6 / 3600
    memory = None if row.peak_memory_mb is None else row.peak_memory_mb / 1024 * seconds / 3600
    return Amounts(seconds / 3600, seconds * cores / 3600, computed, memory)


def _costs(found: Comparison, prices: Prices) -> str:
    heads = ("Approach", "Processors", "Hours", "Core-hours", "of them computing", "GB-hours")
    priced = prices.core_hour is not None or prices.gb_hour is not None
    rows = []
    for row in best_of_each(found):
        took = amounts(row, found)
        numbers = [figure(each, 3) for each in took]
        cost = (took.core_hours * (prices.core_hour or 0.0)) + ((took.gb_hours or 0.0) * (prices.gb_hour or 0.0))
        rows.append((escaped(row.title), f"{row.processors:,}", *numbers, *((figure(cost, 4),) if priced else ())))
    text = written(table((*heads, *(("Cost",) if priced else ())), rows))
    return (
        f"{text}\n\nReckoned from the batch that was measured: its start once, the rest in proportion. Core-hours are those of"
        f" the cores that are held (as many as processors, at most {found.machine.cpus:,}), whether they compute or not;"
        f" GB-hours are the peak memory, held all the time. {_at_prices(prices)}"
    )


def _at_prices(prices: Prices) -> str:
    known = [
        f"{figure(price, 4)} for {what}"
        for price, what in ((prices.core_hour, "a core-hour"), (prices.gb_hour, "a GB-hour"))
        if price is not None
    ]
    if not known:
        return "No prices were given: `--core-hour-price` and `--gb-hour-price` make a cost of it."
    other = "" if len(known) == 2 else ", and nothing for the other, as no price was given"
    return f"At {' and '.join(known)}{other}."


def _checked(row: Measured, found: Comparison) -> str:
    lines = (f"- [{'x' if proved else ' '}] {text}" for proved, text in readiness(row, found))
    return "Ticked is what this comparison showed; the rest is yours to do.\n\n" + "\n".join(lines)
