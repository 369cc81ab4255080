"""What is printed of a comparison: a table in a box, the winner with what made it win, and how each way scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from limits import limit_of
from results import Comparison, Measured, points, ways
from text import WIDTH, clipped, columns, figure, in_lines, plural, printable
from winner import CLOSE, choice, fastest, gains, racing, short_title, warning_of_other_programs, why_fastest, winner

_HEADS = ("Approach", "Procs", "Time (s)", "Speedup", "95 %", "CPU %", "MB")
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


def table(found: Comparison, *, utf8: bool = True) -> str:
    """Each way with its best number of processors in a box, and which was best and why; 80 columns at most.

    Without `utf8` it is ASCII.
    """
    box = _BOX if utf8 else _ASCII_BOX
    shown = [winner(rows) for rows in ways(found.rows)]
    rows = [_row(row, found) for row in shown if row is not None]
    widths = [max(columns(row[column]) for row in [_HEADS, *rows]) for column in range(len(_HEADS))]
    widths[0] = min(widths[0], WIDTH - sum(widths[1:]) - 3 * len(widths) - 1)
    inner = sum(widths) + 3 * len(widths) - 1

    def line(ends: str) -> str:
        return ends[0] + ends[2].join(ends[1] * (width + 2) for width in widths) + ends[3]

    def cells(row: Sequence[str]) -> str:
        name = clipped(row[0], widths[0], utf8=utf8)
        parts = [name + " " * (widths[0] - columns(name))]
        parts += [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
        return box.edge + box.between.join(f" {part} " for part in parts) + box.edge

    head = [line(box.top), f"{box.edge}{_TITLE:^{inner}}{box.edge}", line(box.middle), cells(_HEADS), line(box.thin)]
    lines = [*head, *map(cells, rows), line(box.bottom), ""]
    disturbed = warning_of_other_programs(found.rows)
    return "\n".join([*lines, *_analysis(found, box.branch, utf8=utf8), *(["", disturbed] if disturbed else [])])


def _row(row: Measured, found: Comparison) -> tuple[str, ...]:
    speedup = found.speedup(row)
    between = f"{figure(speedup.low, 2)}-{figure(speedup.high, 2)}" if speedup.low < speedup.high else "-"
    return (
        printable(row.title),
        figure(row.processors, 0),
        figure(row.seconds, 3),
        figure(speedup.mid, 2, "x"),
        between,
        figure(row.cpu_percent, 0),
        figure(row.peak_memory_mb, 1),
    )


def _analysis(found: Comparison, branch: str = "-", *, utf8: bool = True) -> list[str]:
    """Which was best, and why: a few lines."""
    best = fastest(found)
    others = [row for row in racing(found) if row.name != best.name]
    said = [
        "" if best.baseline else f"{figure(found.speedup(best).mid, 2)} times as fast as sequential",
        _against(winner(others), best, utf8=utf8),
        _resources(best, others, utf8=utf8),
        why_fastest(found),
    ]
    lines = [f"Winner: {short_title(best, utf8=utf8)}", *(f"  {branch} {text}" for text in said if text)]
    return [clipped(line, WIDTH, utf8=utf8) for line in lines]


def _against(following: Measured | None, best: Measured, *, utf8: bool = True) -> str:
    """How many times as fast as the next execution."""
    if following is None:
        return ""
    times = following.seconds / best.seconds
    close = ": too close to call" if times < CLOSE else ""
    return f"{figure(times, 2)} times as fast as the next ({short_title(following, utf8=utf8)}){close}"


def _resources(best: Measured, others: Sequence[Measured], *, utf8: bool = True) -> str:
    """Its CPU use, and its peak of memory beside the one that took most of the others."""
    said = [] if best.cpu_percent is None else [f"CPU {figure(best.cpu_percent, 0)} % of one"]
    if best.peak_memory_mb is not None:
        most = max(others, key=lambda row: row.peak_memory_mb or 0, default=best)
        beside = f" ({short_title(most, utf8=utf8)}: {figure(most.peak_memory_mb, 1)})" if most is not best else ""
        said.append(f"memory {figure(best.peak_memory_mb, 1)} MB{beside}")
    return ", ".join(said)


# How each way scales, and what to take --------------------------------------------------------------------------------


def scaled(found: Comparison, *, utf8: bool = True) -> str:
    """The speedup of every way against one processor of its own, by processors, and what limits the best of each."""
    kept = [(rows[0], dict(points(rows))) for rows in ways(found.rows) if len(rows) > 1 and points(rows)]
    if not kept:
        return "No scaling was measured."
    sizes = sorted({size for _, speedups in kept for size in speedups})
    shown = sizes[:6] if len(sizes) <= 6 else [*sizes[:5], sizes[-1]]
    name = WIDTH - 8 * len(shown)
    lines = ["Speedup by processors, against one".ljust(name) + "".join(f"{size:>8,}" for size in shown)]
    for row, speedups in kept:
        figures = (figure(speedups.get(size), 2, "x" if size in speedups else "") for size in shown)
        lines.append(_padded(clipped(row.title, name - 1, utf8=utf8), name) + "".join(f"{each:>8}" for each in figures))
    return "\n".join(lines)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def limits(found: Comparison, *, utf8: bool = True) -> str:
    """What limits the fastest schedule of every execution, a sentence each."""
    said = []
    best = {}
    for rows in sorted(ways(found.rows), key=lambda rows: -min(row.seconds for row in rows)):
        best[rows[0].name] = rows  # the fastest is last, and stays
    for name, rows in best.items():
        if len(rows) > 1:
            said.append(in_lines(f"What limits {printable(name)}: {limit_of(rows, found).text}.", utf8=utf8))
    return "\n".join(reversed(said))


def worth(found: Comparison, *, utf8: bool = True) -> str:
    """What each schedule and execution gains beside its code, and which way to take."""
    lines = [f"{'Complexity against gain':<38}{'Lines':>7}{'Concepts':>10}{'Gain':>9}"]
    for gain in gains(found):
        code = ("-", "-") if gain.code is None else (f"{gain.code.lines:,}", f"{len(gain.code.concepts):,}")
        name = _padded(clipped(f"{gain.what} {gain.name}", 37, utf8=utf8), 38)
        lines.append(f"{name}{code[0]:>7}{code[1]:>10}{figure(gain.gain[1], 2, 'x'):>9}")
        lines.append(clipped(f"    {gain.verdict}", WIDTH, utf8=utf8))
    chosen = choice(found)
    told = f"Take {chosen.taken.title} with {plural(chosen.taken.processors, 'processor')}: {chosen.because}."
    return "\n".join([*lines, "", in_lines(told, utf8=utf8)])
