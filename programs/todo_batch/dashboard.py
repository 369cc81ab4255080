"""What measured runs look like: a table with its winner, timelines, a chart of how it scales, and a report.

Everything is made of text, from what was measured alone. Text that came with the tasks is data: it is escaped where it
is shown, and nothing of it reaches a terminal but printable characters.
"""

from __future__ import annotations

import html
import math
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from coordinator import Span
from measures import FREE_THREADED, Points, Run, amdahl, stops_paying_at, usable, usl

MARK = "odo batch"  # is near the begin of every file that is written here, so that it is known as one
_WIDTH = 80
_CLOSE = 1.05  # a difference of one run to another below that says nothing

_WHY = {
    "sequential": "one task after the other",
    "threads": "the GIL lets one thread compute at a time",
    FREE_THREADED: "free threads compute at the same time, on the same objects: no copies",
    "processes": "processes compute at the same time; starting and copying is their price",
    "subinterpreters": "interpreters compute at the same time, a GIL each; tasks are copied",
    "asyncio": "one event loop computes one batch at a time",
}
_LEAD = {  # what it means when one that computes nothing at the same time is the fastest
    "sequential": "more processors cost more than they gave",
    "threads": "its lead is chance",
    "asyncio": "its lead is chance",
}
_BUSY_PERCENT = 90  # a sequential run that got less of its CPU shared it with other programs


class Trial(NamedTuple):
    """What was thrown at a run on purpose, and what came of its tasks."""

    thrown_in: str  # such as "a worker killed in the middle of a batch"
    tasks: int
    done: int
    failed: int
    not_processed: int
    lost: int = 0
    twice: int = 0
    orphans: int | None = 0  # processes that outlived the run; None: nobody could look
    errors: tuple[str, ...] = ()  # what some of the tasks that failed said


# Text -----------------------------------------------------------------------------------------------------------------


def printable(text: str) -> str:
    """The text with every control character, line break and half character as an escape."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def print_whole(text: str) -> None:
    """Print text of any length, also where a signal comes in the middle of it.

    A standard output that is not buffered (PYTHONUNBUFFERED) then forgets what the pipe had no room for.
    """
    sys.stdout.flush()
    with open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False) as stream:
        stream.write(f"{text}\n")


def _columns(text: str) -> int:
    """How many columns a terminal needs for it."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _clipped(text: str, width: int, *, utf8: bool = True) -> str:
    """Printable text of at most so many columns."""
    shown = printable(text)
    if not utf8:
        shown = shown.encode("ascii", "backslashreplace").decode()
    if _columns(shown) <= width:
        return shown
    while shown and _columns(shown) > width - 2:
        shown = shown[:-1]
    return f"{shown}.."


def _figure(value: float | None, decimals: int, unit: str = "") -> str:
    """A number of at most 8 characters and its unit; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "-"
    text = f"{value:.{decimals}f}"
    return (text if len(text) <= 8 else f"{value:.1e}") + unit


# The table ------------------------------------------------------------------------------------------------------------

_HEADS = ("Approach", "Procs", "Time (s)", "Speedup", "CPU %", "Memory (MB)")
_TITLE = "Todo batch processing: benchmark results"


class _Box(NamedTuple):
    """The lines of a box: each is left end, line, crossing, right end."""

    top: str
    middle: str
    thin: str
    bottom: str
    edge: str
    between: str
    branch: str


_BOX = _Box("╔══╗", "╠══╣", "╟─┼╢", "╚══╝", "║", "│", "└─")
_ASCII_BOX = _Box("+--+", "+--+", "+-++", "+--+", "|", "|", "-")


def table(runs: Sequence[Run], *, utf8: bool = True) -> str:
    """All runs in a box, and which was best and why; no line has more than 80 columns. Without `utf8` it is ASCII."""
    if not runs:
        return "Nothing was measured."
    box = _BOX if utf8 else _ASCII_BOX
    rows = [_row(run) for run in runs]
    widths = [max(_columns(row[column]) for row in [_HEADS, *rows]) for column in range(len(_HEADS))]
    widths[0] = min(widths[0], _WIDTH - sum(widths[1:]) - 3 * len(widths) - 1)
    inner = sum(widths) + 3 * len(widths) - 1

    def line(ends: str) -> str:
        return ends[0] + ends[2].join(ends[1] * (width + 2) for width in widths) + ends[3]

    def cells(row: Sequence[str]) -> str:
        name = _clipped(row[0], widths[0], utf8=utf8)
        parts = [name + " " * (widths[0] - _columns(name))]
        parts += [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
        return box.edge + box.between.join(f" {part} " for part in parts) + box.edge

    head = [line(box.top), f"{box.edge}{_TITLE:^{inner}}{box.edge}", line(box.middle), cells(_HEADS), line(box.thin)]
    lines = [*head, *map(cells, rows), line(box.bottom), ""]
    disturbed = _disturbed(runs)
    return "\n".join([*lines, *_analysis(runs, box.branch, utf8=utf8), *(["", disturbed] if disturbed else [])])


def _row(run: Run) -> tuple[str, ...]:
    return (
        printable(run.title),
        _figure(run.processors, 0),
        _figure(run.seconds, 3),
        _figure(run.speedup, 2, "x"),
        _figure(run.cpu_percent, 0),
        _figure(run.peak_memory_mb, 1),
    )


def winner(runs: Sequence[Run]) -> Run | None:
    """The fastest of those that came to the end; of all, if none did."""
    whole = [run for run in runs if not run.report.stopped and not run.report.not_processed]
    return min(whole or runs, key=lambda run: run.seconds, default=None)


def why(run: Run) -> str:
    """What makes this execution as fast as it is, when it computes."""
    return _WHY.get(_way(run), "no more is known of it")


def _way(run: Run) -> str:
    free = run.execution == "threads" and run.title.startswith(FREE_THREADED)
    return FREE_THREADED if free else run.execution


def _why_fastest(best: Run) -> str:
    return ": ".join(filter(None, [why(best), _LEAD.get(_way(best), "")]))


def _disturbed(runs: Iterable[Run]) -> str:
    """A warning, if other programs had the CPU while this was measured."""
    used = [run.cpu_percent for run in runs if run.execution == "sequential" and run.cpu_percent is not None]
    if not used or min(used) >= _BUSY_PERCENT:
        return ""
    return f"Other programs were busy: sequential got {min(used):.0f} % of a CPU. Measure again."


def _analysis(runs: Sequence[Run], branch: str = "-", *, utf8: bool = True) -> list[str]:
    """Which was best, and why: five lines at most."""
    best = winner(runs)
    if best is None:
        return []
    others = [run for run in runs if run is not best]
    said = [
        _against_sequential(best),
        _against(winner(others), best, utf8=utf8),
        _resources(best, others, utf8=utf8),
        _why_fastest(best),
    ]
    lines = [f"Winner: {_name(best, utf8=utf8)}", *(f"  {branch} {text}" for text in said if text)]
    return [_clipped(line, _WIDTH, utf8=utf8) for line in lines]


def _name(run: Run, width: int = 24, *, utf8: bool = True) -> str:
    return _clipped(run.title, width, utf8=utf8)


def _against_sequential(best: Run) -> str:
    if best.speedup is None or best.execution == "sequential":
        return ""
    return f"{_figure(best.speedup, 2)} times as fast as sequential"


def _against(following: Run | None, best: Run, *, utf8: bool = True) -> str:
    """How many times as fast as the next one."""
    if following is None:
        return ""
    times = following.seconds / best.seconds
    close = ": too close to call" if times < _CLOSE else ""
    return f"{_figure(times, 2)} times as fast as the next ({_name(following, utf8=utf8)}){close}"


def _resources(best: Run, others: Iterable[Run], *, utf8: bool = True) -> str:
    """Its CPU use, and its peak of memory beside the one that took most of the others."""
    said = [] if best.cpu_percent is None else [f"CPU {_figure(best.cpu_percent, 0)} % of one"]
    if best.peak_memory_mb is not None:
        most = max(others, key=lambda run: run.peak_memory_mb or 0, default=best)
        beside = f" ({_name(most, utf8=utf8)}: {_figure(most.peak_memory_mb, 1)})" if most is not best else ""
        said.append(f"memory {_figure(best.peak_memory_mb, 1)} MB{beside}")
    return ", ".join(said)


# Timelines ------------------------------------------------------------------------------------------------------------


def timeline(run: Run, width: int = _WIDTH) -> str:
    """A line for each processor: # where it worked, . where it was idle, and how much of the time that was.

    The part of # is the part of the time shown in which it worked (to the nearest character), about where it did.
    """
    until = _until(run)
    label = max((len(str(number)) for number in _numbers(run)), default=1)
    size = max(10, width - label - len(" || 100 % idle"))
    lines = [_clipped(f"{_name(run)}, {_count(run.processors, 'processor')}: # worked, . idle", width)]
    for number in _numbers(run):
        bar = _bar([span for span in run.report.spans if span.processor == number], until, size)
        lines.append(f"{number:>{label}} |{bar}| {_idle_percent(run, number):3.0f} % idle")
    end = f"{until:.3f} s"
    lines.append(f"{'':{label}} 0{end:>{size + 1}}")
    return "\n".join([*lines, *(_clipped(note, width) for note in _notes(run))])


def _bar(spans: Iterable[Span], until: float, size: int) -> str:
    worked = [0.0] * size  # the part of each character's time
    for span in spans:
        began, ended = (min(size, max(0.0, size * at / until)) for at in (span.began, span.ended))
        for place in range(int(began), min(size, math.ceil(ended))):
            worked[place] += max(0.0, min(ended, place + 1) - max(began, place))
    text, due = "", 0.0
    for part in worked:  # what one character shows too much or too little, the next ones make good
        due += part
        text += "#" if due >= 0.5 else "."
        due -= text[-1] == "#"
    return text


def _numbers(run: Run) -> list[int]:
    return sorted(run.report.shares.keys() | {span.processor for span in run.report.spans})


def _until(run: Run) -> float:
    """The end of the axis: the whole run, or as much of it as the report has spans of."""
    ends = [span.ended for span in run.report.spans]
    return max([1e-6, *ends] if _is_cut(run) else [1e-6, run.seconds, *ends])


def _is_cut(run: Run) -> bool:
    return 0 < len(run.report.spans) < sum(share.batches for share in run.report.shares.values())


def _idle_percent(run: Run, number: int) -> float:
    idle = run.idle_seconds.get(number, 0.0)
    return 100 * min(1.0, idle / run.seconds) if run.seconds > 0 else 0.0


def _notes(run: Run) -> Iterator[str]:
    """What the picture does not show."""
    shares = run.report.shares.values()
    if _is_cut(run):
        yield f"It shows the first {len(run.report.spans):,} of {sum(share.batches for share in shares):,} batches."
    busy, cpu = sum(share.busy_seconds for share in shares), sum(share.cpu_seconds for share in shares)
    if busy > 0 and cpu < 0.8 * busy:
        yield f"Of that work, {100 * cpu / busy:.0f} % was computing; the rest was waiting for a CPU or the GIL."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + "s" * (number != 1)


_LEFT, _RIGHT, _PICTURE, _ROW, _TOP = 96, 80, 720, 22, 56  # of the picture, in pixels


def timeline_svg(run: Run) -> str:
    """The timeline as a picture that needs nothing else: one SVG element, with an axis in seconds and a legend."""
    until, numbers = _until(run), _numbers(run)
    bottom = _TOP + _ROW * len(numbers)
    width, height = _LEFT + _PICTURE + _RIGHT, bottom + 34 + 16 * len([*_notes(run)])
    title = _xml(f"{_name(run, 60)}, {_count(run.processors, 'processor')}, {run.schedule}: {run.seconds:.3f} s")
    described = _xml(f"Todo batch: {_name(run, 60)}")
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    style = 'font-family="sans-serif" font-size="12" fill="#222"'
    square = 'y="32" width="12" height="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {style}>',
        f"<title>{described}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-size="14" font-weight="bold">{title}</text>',
        f'<rect x="{_LEFT}" {square} fill="#2166ac"/><text x="{_LEFT + 18}" y="42">worked</text>',
        f'<rect x="{_LEFT + 84}" {square} fill="#e4e4e4"/><text x="{_LEFT + 102}" y="42">idle</text>',
    ]
    for row, number in enumerate(numbers):
        parts += _svg_row(run, number, _TOP + _ROW * row, until)
    for at in _ticks(until):
        x = _LEFT + _PICTURE * at / until
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom + 4}" stroke="#0003"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{at:g} s</text>')
    for line, note in enumerate(_notes(run)):
        parts.append(f'<text x="{_LEFT}" y="{bottom + 38 + 16 * line}">{_xml(note)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _svg_row(run: Run, number: int, top: int, until: float) -> Iterator[str]:
    """One processor: its name, when it worked, how much it was idle."""
    middle, height = top + _ROW - 7, _ROW - 4
    yield f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">processor {number}</text>'
    yield f'<rect x="{_LEFT}" y="{top}" width="{_PICTURE}" height="{height}" fill="#e4e4e4"/>'
    for block in _blocks((span for span in run.report.spans if span.processor == number), until / _PICTURE / 2):
        x, end = (_LEFT + _PICTURE * min(1.0, max(0.0, at / until)) for at in (block.began, block.ended))
        said = f"{block.began:.4f} to {block.ended:.4f} s, {_count(block.tasks, 'task')}"
        yield (
            f'<rect x="{x:.2f}" y="{top}" width="{max(0.1, end - x):.2f}" height="{height}" fill="#2166ac">'
            f"<title>{said}</title></rect>"
        )
    yield f'<text x="{_LEFT + _PICTURE + 8}" y="{middle}">{_idle_percent(run, number):.0f} % idle</text>'


def _blocks(spans: Iterable[Span], gap: float) -> Iterator[Span]:
    """Spans of one processor; those without a gap that could be seen are one: a picture has few pixels."""
    block: Span | None = None
    for span in sorted(spans, key=lambda span: span.began):
        if block is not None and span.began - block.ended <= gap:
            block = block._replace(ended=max(block.ended, span.ended), tasks=block.tasks + span.tasks)
        else:
            if block is not None:
                yield block
            block = span
    if block is not None:
        yield block


def _ticks(until: float) -> Iterator[float]:
    """From 0 on in round steps, up to 10 of them."""
    power = 10.0 ** math.floor(math.log10(until))
    step = next(part * power for part in (0.1, 0.2, 0.5, 1.0) if until / (part * power) <= 10)
    for count in range(int(until / step + 1e-9) + 1):
        yield float(f"{count * step:.6g}")


def timeline_html(run: Run) -> str:
    """The timeline as a page that needs nothing else, with its figures in a table for those who cannot see it."""
    rows = "".join(
        f"<tr><td>{number}</td><td>{share.tasks:,}</td><td>{share.batches:,}</td><td>{share.busy_seconds:.3f}</td>"
        f"<td>{share.cpu_seconds:.3f}</td><td>{_idle_percent(run, number):.0f}</td><td>{share.lost}</td></tr>\n"
        for number, share in sorted(run.report.shares.items())
    )
    heads = ("Processor", "Tasks", "Batches", "Busy (s)", "Computing (s)", "Idle (%)", "Times lost")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width"/><title>Todo batch, timeline: {_xml(_name(run, 60))}</title>
<style>body {{ font: 14px system-ui, sans-serif; margin: 2em; color: #222; background: #fff }}
svg {{ max-width: 100%; height: auto }} td, th {{ text-align: right; padding: 2px 12px }}</style></head><body>
{timeline_svg(run)}<table><thead><tr>{head}</tr></thead><tbody>
{rows}</tbody></table></body></html>
"""


def _xml(text: str) -> str:
    return html.escape(printable(text))


# How it scales --------------------------------------------------------------------------------------------------------


def can_have_more(run: Run) -> bool:
    """Whether more processors are more than a number: sequential code has one, however many are asked for."""
    return run.execution != "sequential"


def scalability(run: Run, points: Points, fit: tuple[float, float], width: int = _WIDTH) -> str:
    """Speedup by processors as bars, and what it means; `fit` is what measures.usl makes of the points.

    Where processors compute at the same time, each bar has a mark at the ideal (> if that is further right). Where they
    take turns there is none, because as many times as fast was never to be had.
    """
    if not can_have_more(run):
        return f"{_name(run)} has one processor: there is nothing to scale."
    kept = usable(points)
    if not kept:
        return "No scaling was measured."
    turns = _way(run) in _LEAD
    size = width - 18
    most = 1.25 * max(speedup for _, speedup in kept)
    lines = [f"{_name(run)}: speedup by processors (#){'' if turns else ', and the ideal (|)'}"]
    lines += [f"({why(run)}: what is more than 1x is chance)"] * turns
    for n, speedup in kept:
        bar = list(("#" * round(size * speedup / most)).ljust(size))
        if not turns:
            ideal = round(size * n / most)
            bar[min(ideal, size) - 1 if ideal else 0] = "|" if ideal <= size else ">"
        lines.append(f"{n:>6} {''.join(bar)} {_figure(speedup, 2, 'x'):>9}")
    return "\n".join([*lines, *(() if turns else _laws(kept, fit))])


def _laws(points: Sequence[tuple[int, float]], fit: tuple[float, float]) -> Iterator[str]:
    """What the fitted laws say, a line each."""
    contention, coherence = fit
    yield f"Universal scalability law: n / (1 + {contention:.4f} (n - 1) + {coherence:.6f} n (n - 1))"
    yield f"  contention {100 * contention:.1f} % (waiting for what is shared, CPUs too)"
    yield f"  coherence {100 * coherence:.2f} % (keeping each other up to date)"
    if coherence > 0 and contention < 1:
        fastest = max(1, round(math.sqrt((1 - contention) / coherence)))
        yield f"  by this law it is fastest with {_count(fastest, 'processor')}"
    serial = amdahl(points)
    limit = f"never faster than {_figure(1 / serial, 1, 'x')}" if serial > 0 else "no limit in sight"
    yield f"Amdahl's law: {100 * serial:.1f} % of it is serial: {limit}"
    stop, most = stops_paying_at(points), max(n for n, _ in points)
    if stop is not None:
        yield f"It stops paying at {_count(stop, 'processor')}: from there on, one more adds under 5 %."
    elif len(points) > 1:
        yield f"It pays up to {_count(most, 'processor')}, the most that were measured."


# The report -----------------------------------------------------------------------------------------------------------


def markdown(
    runs: Sequence[Run],
    scaling: Sequence[tuple[int, float]] = (),
    *,
    trials: Sequence[Trial] = (),
    besides: Mapping[str, Sequence[Run]] = {},
) -> str:
    """The report, with the sections of the capstone.

    `trials`: failures thrown in on purpose; `besides`: other runs that were compared, by what they are.
    """
    best = winner(runs)
    if best is None:
        return "# Todo batch processing\n\nNothing was measured.\n"
    sections = {
        "Measured speedups": f"{_speedups(runs)}\n\n{_LEGEND}",
        "CPU use": f"{_cpu_use(runs)}\n\n{_processors(best)}",
        "Memory": _memory_use(runs),
        "Error handling confirmed": _errors(runs, trials),
        **{_md(title): _speedups(others) for title, others in besides.items()},
        "Scalability": _code(scalability(best, scaling, usl(scaling))),
        "Timeline": _code(timeline(best)),
        "Recommendation": _recommendation(runs, best, scaling),
    }
    parts = (f"## {title}\n\n{text}\n" for title, text in sections.items())
    return "\n".join([f"# Todo batch processing\n\n{_count(best.tasks, 'task')}, each way one run.\n", *parts])


def _md(text: str) -> str:
    """Text that Markdown shows as it is: no mark-up, no HTML, no link, no end of a table's cell."""
    shown = html.escape(re.sub(r"([\\`*_\[\]|~#!$])", r"\\\1", printable(text)), quote=False)
    return re.sub(r"(?i)(\bwww)\.|:(?=//)", lambda found: f"{found[1]}\\." if found[1] else "\\:", shown)


def _code(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())  # by indentation: no text can end it


_WORDS = ("Approach", "Schedule", "Why", "Run", "Thrown in")  # columns that hold text


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Figures stand at the right of their columns."""
    lines = [heads, ["---" if head in _WORDS else "---:" for head in heads], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _speedups(runs: Iterable[Run]) -> str:
    heads = ("Approach", "Processors", "Schedule", "Time (s)", "Speedup", "Efficiency", "Unused", "Critical path (s)")
    rows = (
        (
            _md(run.title),
            f"{run.processors}",
            _md(run.schedule),
            _figure(run.seconds, 3),
            _figure(run.speedup, 2, "x"),
            _figure(None if run.efficiency is None else 100 * run.efficiency, 0, " %"),
            _figure(100 * run.overhead, 1, " %"),
            _figure(run.critical_seconds, 3),
        )
        for run in runs
    )
    return _table(heads, rows)


_LEGEND = (
    "Speedup is against the sequential run, efficiency the speedup for each processor. Unused is the part of the "
    "processors' time in which they did not work: starting, waiting for a batch, handing in. The critical path is "
    "the time of the busiest processor: with that split of the work, no run can be shorter."
)


def _cpu_use(runs: Iterable[Run]) -> str:
    rows = ((_md(run.title), _figure(run.cpu_percent, 0, " %"), why(run)) for run in runs)
    return f"{_table(('Approach', 'CPU use', 'Why'), rows)}\n\n100 % is one CPU; all processes are counted."


def _processors(run: Run) -> str:
    """What each processor of a run did, and how much of the time it worked."""
    heads = ("Processor", "Tasks", "Batches", "Busy (s)", "Computing (s)", "Busy", "Idle (s)", "Times lost")
    rows = (
        (
            f"{number}",
            f"{share.tasks:,}",
            f"{share.batches:,}",
            _figure(share.busy_seconds, 3),
            _figure(share.cpu_seconds, 3),
            _figure(100 - _idle_percent(run, number), 0, " %"),
            _figure(run.idle_seconds.get(number), 3),
            f"{share.lost}",
        )
        for number, share in sorted(run.report.shares.items())
    )
    return f"The processors of {_md(run.title)}:\n\n{_table(heads, rows)}"


def _memory_use(runs: Sequence[Run]) -> str:
    metrics = {"pss": "PSS: shared pages are counted once", "rss": "resident size", None: "unknown"}
    named = "; ".join(dict.fromkeys(metrics.get(run.memory_metric, "unknown") for run in runs))
    rows = ((_md(run.title), _figure(run.peak_memory_mb, 1)) for run in runs)
    return f"{_table(('Approach', 'Peak (MB)'), rows)}\n\nOf the whole process tree ({named})."


def _errors(runs: Iterable[Run], trials: Sequence[Trial]) -> str:
    """What every run counted, and what came of what was thrown in."""
    heads: Sequence[str] = (
        "Run",
        "Tasks",
        "Done",
        "Failed",
        "Not processed",
        "Tried again",
        "Processors lost",
        "Missing",
        "Too many",
    )
    text = _table(heads, (_account(run) for run in runs))
    text += "\n\nMissing and too many: tasks that no outcome was counted for, and outcomes beyond the number of tasks."
    if trials:
        heads = ("Thrown in", "Tasks", "Done", "Failed", "Not processed", "Lost", "Done twice", "Orphan processes")
        text += "\n\n" + _table(
            heads,
            (
                (_md(trial.thrown_in), *("not known" if count is None else f"{count:,}" for count in trial[1:8]))
                for trial in trials
            ),
        )
    else:
        text += "\n\nNothing was thrown into these runs on purpose."
    if errors := [error for trial in trials for error in trial.errors]:
        text += "\n\nErrors of tasks:\n\n" + "\n".join(f"- said: {_md(error)}" for error in errors)
    return text


def _account(run: Run) -> tuple[str, ...]:
    report = run.report
    left = run.tasks - report.done - report.failed - len(report.not_processed)
    lost = sum(share.lost for share in report.shares.values())
    counts = (run.tasks, report.done, report.failed, len(report.not_processed), report.retried, lost)
    return _md(run.title), *(f"{count:,}" for count in (*counts, max(0, left), max(0, -left)))


def _recommendation(runs: Sequence[Run], best: Run, scaling: Sequence[tuple[int, float]]) -> str:
    """What to take for work like this, where it was measured."""
    text = f"**{_md(best.title)}** with {_count(best.processors, 'processor')}: {_why_fastest(best)}."
    following = winner([run for run in runs if run is not best])
    if following is not None:
        times = following.seconds / best.seconds
        if times < _CLOSE:
            text += (
                f" {_md(following.title)} came so close ({_figure(times, 2)}x the time) that other reasons may decide."
            )
        else:
            text += f" The next, {_md(following.title)}, took {_figure(times, 2)} times as long."
    stop = stops_paying_at(scaling)
    if stop is not None:
        text += f" Beyond {_count(stop, 'processor')}, one more is not worth its memory here."
    disturbed = _disturbed(runs)
    text += f"\n\n{disturbed}" if disturbed else ""
    return f"{text}\n\nThis holds for this machine and these tasks; measure again when either changes."
