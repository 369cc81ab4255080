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
    DroppedEvent,
    EndEvent,
    Event,
    InterpreterEvent,
    RunningEvent,
    StartEvent,
)
from selector.report.progress import RunProgress, Standing, arm_text, ending_text, inert, outcome_text, seconds_text
from selector.text import duration, part_of

if TYPE_CHECKING:
    from rich.console import Console

#: A line of the display and the style of the whole line.
Line = tuple[str, str]

_DRAWS_PER_SECOND = 4.0
_SECONDS_BETWEEN_LINES = 5.0
_MOST_COLUMNS = 100
_MOST_ROWS = 12


def _clock(seconds: float) -> str:
    """A time that passes, in whole seconds: `48 s`, `2 min 12 s`."""
    return duration(round(seconds), None)


# Lines in a log -------------------------------------------------------------------------------------------------------


class PlainLines:
    """The lines that tell a run in a log: every cell of the first round, then a ranking every five seconds at most."""

    def __init__(self) -> None:
        self.progress = RunProgress()
        self._round: int | None = None
        self._rounds_done = 0
        self._told_at = 0.0
        self._gone: list[str] = []

    def lines(self, event: Event, now: float) -> list[str]:
        """What to say after this event."""
        progress = self.progress
        progress.feed(event, now)
        match event:
            case StartEvent():
                self._told_at = now
                named = f" {progress.name}" if progress.name else ""
                return [f"measuring{named} for at most {duration(event.budget_seconds, None)}"]
            case InterpreterEvent() if event.status != "ok":
                return [
                    f"Python {inert(event.interpreter or event.path)} left out: {inert(event.reason or event.status)}"
                ]
            case RunningEvent() | CellEvent():
                told = self._ranking(event.round, now)
                if isinstance(event, CellEvent) and not self._rounds_done:
                    told.append(f"{self._stamp(now)} {arm_text(event)}: {outcome_text(event)}")
                elif isinstance(event, CellEvent) and event.status != "ok":
                    self._gone.append(f"{arm_text(event)}: {outcome_text(event)}")
                if told:
                    self._told_at = now
                return told
            case DroppedEvent() if event.arm in progress.arms:
                self._gone.append(f"dropped: {arm_text(progress.arms[event.arm])}: {inert(event.reason)}")
            case EndEvent():
                return [f"[{_clock(event.seconds)}] {progress.cells:,} runs: {ending_text(event)}"]
        return []

    def _ranking(self, number: int, now: float) -> list[str]:
        """The three fastest, where a round after the first has just ended and the last line is old enough."""
        if self._round is None or number == self._round:
            self._round = number
            return []
        done, self._round = self._round, number
        self._rounds_done += 1
        if self._rounds_done == 1 or now - self._told_at < _SECONDS_BETWEEN_LINES:
            return []
        best = [
            f"{s.arm.approach} on {inert(s.arm.interpreter)} {seconds_text(s.median_seconds)}"
            + (f" ({s.ratio:.2f}x)" if s.ratio and n else "")
            for n, s in enumerate(self.progress.standings()[:3])
            if s.median_seconds is not None
        ]
        told, self._gone = [", ".join(best) or "nothing has worked so far", *self._gone], []
        return [f"{self._stamp(now)} round {done + 1}: {'; '.join(told)}"]

    def _stamp(self, now: float) -> str:
        used, left = self.progress.elapsed_seconds(now), self.progress.seconds_left(now)
        return f"[{_clock(used)}, {_clock(left)} left]"


# The display ----------------------------------------------------------------------------------------------------------


def display(progress: RunProgress, now: float, columns: int, rows: int, *, ascii_only: bool = False) -> list[Line]:
    """The lines of the display, at most `rows` of them; a line may be longer than `columns`, and is to be cut."""
    head = [
        (f"Measuring {progress.name}" if progress.name else "Measuring", "bold"),
        (_now_text(progress), ""),
        (_bar(progress, now, columns, ascii_only), "cyan"),
    ]
    return (head + _ranking(progress.standings(), max(min(rows, _MOST_ROWS + 5) - len(head), 0)))[:rows]


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
    text = f" {part_of(used, used + left)}, {_clock(left)} left"
    room = max(min(columns - len(text) - 1, 40), 5)
    full = round(room * used / (used + left)) if used + left else 0
    done, rest = ("#", "-") if ascii_only else ("━", "╌")
    return f"{done * full}{rest * (room - full)}{text}"


def _ranking(standings: list[Standing], rows: int) -> list[Line]:
    """A header and the first rows; what does not fit is counted."""
    if not standings or rows < 2:
        return []
    room = rows - 1 if len(standings) <= rows - 1 else rows - 2
    names = [f"{s.arm.approach}{f' ({inert(s.arm.variant)})' if s.arm.variant else ''}" for s in standings]
    widest = max(map(len, ["Approach", *names]))
    lines = [(f"{'Approach':<{widest}}  Python  Workers      Median  vs best  Runs", "dim")]
    for number, (name, s) in enumerate(zip(names[:room], standings, strict=False)):
        against = "" if s.ratio is None else "fastest" if not number else f"{s.ratio:.2f}x"
        line = f"{name:<{widest}}  {inert(s.arm.interpreter):>6}  {s.arm.workers:>7}  "
        if s.median_seconds is not None:
            line += f"{seconds_text(s.median_seconds):>10}  {against:>7}  {s.samples:>4}  "
        style = "red" if s.median_seconds is None else "green" if not number else ""
        lines.append((f"{line}{s.note}".rstrip(), style))
    if len(standings) > room:
        more = standings[room:]
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
