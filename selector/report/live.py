"""What a run does while it runs: a live display on a terminal, else a line now and then; both from `RunProgress`.

The display must not disturb what is measured: it draws on events only (no thread, no timer), at most four times a
second, and its lines are put together here, because a table of rich costs ten times as much.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from selector.benchmark.events import (
    CellEvent,
    Event,
)
from selector.report.progress import (
    PlainLines,
    RankedArm,
    RunProgress,
    arm_text,
    clock_text,
    ending_text,
    inert,
    seconds_text,
)
from selector.text import in_processes, part_of

if TYPE_CHECKING:
    from rich.console import Console

#: A line of the display and the style of the whole line.
Line = tuple[str, str]

_DRAWS_PER_SECOND = 4.0
_MOST_COLUMNS = 100
_MOST_ROWS = 12


# The display ----------------------------------------------------------------------------------------------------------


def display(progress: RunProgress, now: float, columns: int, rows: int, *, ascii_only: bool = False) -> list[Line]:
    """The lines of the display, at most `rows` of them; a line may be longer than `columns`, and is to be cut."""
    head = [
        (f"Measuring {progress.name}" if progress.name else "Measuring", "bold"),
        (_now_text(progress), ""),
        (_bar(progress, now, columns, ascii_only), "cyan"),
    ]
    return (head + _ranking(progress.ranked_arms(), max(min(rows, _MOST_ROWS + 5) - len(head), 0)))[:rows]


def _now_text(progress: RunProgress) -> str:
    """What runs now."""
    if progress.ended is not None:
        return f"Ended: {ending_text(progress.ended)}"
    if progress.running is None:
        return "Now: getting ready"
    arm = progress.arms.get(progress.running.arm)
    what = arm_text(arm) if arm else f"arm {progress.running.arm}"
    return f"Now: {what}, round {progress.running.round + 1}"


def _bar(progress: RunProgress, now: float, columns: int, ascii_only: bool) -> str:
    """How much of the time budget is used."""
    used, left = progress.elapsed_seconds(now), progress.seconds_left(now)
    text = f" {part_of(used, used + left)}, {clock_text(left)} left"
    room = max(min(columns - len(text) - 1, 40), 5)
    full = round(room * used / (used + left)) if used + left else 0
    done, rest = ("#", "-") if ascii_only else ("━", "╌")
    return f"{done * full}{rest * (room - full)}{text}"


def _ranking(ranked: list[RankedArm], rows: int) -> list[Line]:
    """A header and the first rows; what does not fit is counted."""
    if not ranked or rows < 2:
        return []
    room = rows - 1 if len(ranked) <= rows - 1 else rows - 2
    names = [
        f"{s.arm.approach}{in_processes(s.arm.processes)}{f' ({inert(s.arm.variant)})' if s.arm.variant else ''}"
        for s in ranked
    ]
    widest = max(map(len, ["Approach", *names]))
    lines = [(f"{'Approach':<{widest}}  Python  Workers      Median  vs best  Runs", "dim")]
    for number, (name, s) in enumerate(zip(names[:room], ranked, strict=False)):
        against = "" if s.ratio is None else "fastest" if not number else f"{s.ratio:.2f}x"
        line = f"{name:<{widest}}  {inert(s.arm.interpreter):>6}  {s.arm.workers:>7}  "
        if s.median_seconds is not None:
            line += f"{seconds_text(s.median_seconds):>10}  {against:>7}  {s.samples:>4}  "
        style = "red" if s.median_seconds is None else "green" if not number else ""
        lines.append((f"{line}{s.note}".rstrip(), style))
    if len(ranked) > room:
        more = ranked[room:]
        failed = sum(s.median_seconds is None for s in more)
        lines.append((f"and {len(more)} more{f', {failed} of them without a result' if failed else ''}", "dim"))
    return lines


# Where it goes --------------------------------------------------------------------------------------------------------


@contextmanager
def progress_view(
    stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Event], None]]:
    """Shows a run on `stream` (standard error): call what this gives with each event.

    A stream that cannot be written to is no reason to stop a run: what cannot be shown is left out. At the end, also
    after an error or Ctrl-C, the display is gone and the cursor is back.
    """
    out = stream or sys.stderr
    console = _live_console(out)
    if console is None:
        told = PlainLines()

        def say(event: Event) -> None:
            with suppress(OSError, ValueError):
                for line in told.lines(event, clock()):
                    print(line, file=out, flush=True)

        yield say
        return
    with _drawn(console, clock) as show:
        yield show


def _live_console(out: TextIO) -> Console | None:
    """A console that can draw over what it has drawn, or None."""
    with suppress(OSError, ValueError):
        if out.isatty():
            from selector.report.terminal import console_for

            console = console_for(out)
            return console if console.is_terminal and not console.is_dumb_terminal else None
    return None


@contextmanager
def _drawn(console: Console, clock: Callable[[], float]) -> Iterator[Callable[[Event], None]]:
    from rich.live import Live
    from rich.text import Text

    progress = RunProgress()
    draws = _Allowance(clock())
    ascii_only = not (console.encoding or "").lower().startswith("utf")
    console.on_broken_pipe = lambda: None  # type: ignore[method-assign]  # rich's own would end the program
    live = Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=console.file is sys.stderr
    )  # fmt: skip

    def show(event: Event) -> None:
        now = clock()
        progress.feed(event, now)
        if isinstance(event, CellEvent) or not draws.one_more(now):
            return  # after a cell, the next thing to run is announced at once
        with suppress(OSError, ValueError):
            _follow_the_width(console)
            lines = display(progress, now, console.width, console.height - 1, ascii_only=ascii_only)
            text = Text(no_wrap=True, overflow="ellipsis")
            for number, (line, style) in enumerate(lines):
                text.append("\n" * bool(number) + line, style)
            live.update(text, refresh=True)

    try:
        with suppress(OSError, ValueError):
            live.start()
        yield show
    finally:
        try:
            with suppress(OSError, ValueError):
                live.stop()
        finally:  # also if a second Ctrl-C comes just now
            with suppress(OSError, ValueError):
                console.show_cursor(True)


def _follow_the_width(console: Console) -> None:
    """A line that the terminal breaks cannot be drawn over, so its width now counts, not that at the beginning."""
    with suppress(OSError, ValueError):
        console.width = min(os.get_terminal_size(console.file.fileno()).columns, _MOST_COLUMNS)


class _Allowance:
    """Lets so many draws a second pass on average, and a few at once: the one before a long cell must not be missed."""

    def __init__(self, now: float) -> None:
        self._left, self._at = _DRAWS_PER_SECOND, now

    def one_more(self, now: float) -> bool:
        """Whether one more may pass."""
        self._left = min(self._left + (now - self._at) * _DRAWS_PER_SECOND, _DRAWS_PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
