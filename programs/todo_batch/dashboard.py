"""What is printed of runs beside each other: a table in a box, and under it the winner with what made it win."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from measures import Run
from text import WIDTH, clipped, columns, figure, printable
from winner import CLOSE, short_title, warning_of_other_programs, why_fastest, winner

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
    disturbed = warning_of_other_programs(runs)
    return "\n".join([*lines, *_analysis(runs, box.branch, utf8=utf8), *(["", disturbed] if disturbed else [])])


def _row(run: Run) -> tuple[str, ...]:
    return (
        printable(run.title),
        figure(run.processors, 0),
        figure(run.seconds, 3),
        figure(run.speedup, 2, "x"),
        figure(run.cpu_percent, 0),
        figure(run.peak_memory_mb, 1),
    )


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
        why_fastest(best),
    ]
    lines = [f"Winner: {short_title(best, utf8=utf8)}", *(f"  {branch} {text}" for text in said if text)]
    return [clipped(line, WIDTH, utf8=utf8) for line in lines]


def _against_sequential(best: Run) -> str:
    if best.speedup is None or best.execution == "sequential":
        return ""
    return f"{figure(best.speedup, 2)} times as fast as sequential"


def _against(following: Run | None, best: Run, *, utf8: bool = True) -> str:
    """How many times as fast as the next one."""
    if following is None:
        return ""
    times = following.seconds / best.seconds
    close = ": too close to call" if times < CLOSE else ""
    return f"{figure(times, 2)} times as fast as the next ({short_title(following, utf8=utf8)}){close}"


def _resources(best: Run, others: Iterable[Run], *, utf8: bool = True) -> str:
    """Its CPU use, and its peak of memory beside the one that took most of the others."""
    said = [] if best.cpu_percent is None else [f"CPU {figure(best.cpu_percent, 0)} % of one"]
    if best.peak_memory_mb is not None:
        most = max(others, key=lambda run: run.peak_memory_mb or 0, default=best)
        beside = f" ({short_title(most, utf8=utf8)}: {figure(most.peak_memory_mb, 1)})" if most is not best else ""
        said.append(f"memory {figure(best.peak_memory_mb, 1)} MB{beside}")
    return ", ".join(said)
