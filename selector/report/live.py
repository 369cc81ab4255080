"""What a run does while it runs: a live display on a terminal, else a line now and then; both from `Progress`.

The display must not disturb what is measured: it draws on events only (no thread, no timer), at most four times a
second, and its lines are put together here, because a table of rich costs ten times as much.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, TextIO

from selector.benchmark.events import (
    Arm,
    CellEvent,
    DroppedEvent,
    EndEvent,
    Event,
    InterpreterEvent,
    PlanEvent,
    RunningEvent,
    StartEvent,
)
from selector.text import MEASURED, duration, part_of, printable

if TYPE_CHECKING:
    from rich.console import Console

#: A line of the display and the style of the whole line.
Line = tuple[str, str]

_DRAWS_PER_SECOND = 4.0
_SECONDS_BETWEEN_LINES = 5.0
_MOST_COLUMNS = 100
_MOST_ROWS = 12
_LONGEST_TEXT = 300
_ENDS = {"budget": "the time budget is used up", "done": "everything is measured"}


class Standing(NamedTuple):
    """One row of the ranking; `ratio` is how many times the seconds of the fastest, `note` what went wrong."""

    arm: Arm
    median_seconds: float | None
    ratio: float | None
    samples: int
    note: str


class Progress:
    """How far a run is, from its events. Times are seconds of any one clock, given with each event."""

    def __init__(self) -> None:
        self.name = ""
        self.arms: dict[int, Arm] = {}
        self.running: RunningEvent | None = None
        self.ended: EndEvent | None = None
        self.cells = 0
        self._seconds: dict[int, list[float]] = {}
        self._notes: dict[int, str] = {}
        self._began = self._ends = 0.0

    def feed(self, event: Event, now: float) -> None:
        """Take in the next event."""
        match event:
            case StartEvent():
                self.name = one_line(event.name)
                self._began, self._ends = now, now + event.budget_seconds
            case PlanEvent():
                self.arms = {arm.arm: arm for arm in event.arms}
            case RunningEvent():
                self.running = event
                self._began, self._ends = now - event.elapsed_seconds, now + event.seconds_left
            case CellEvent():
                self._count(event)
            case DroppedEvent():
                self._notes[event.arm] = "dropped"
            case EndEvent():
                self.running, self.ended = None, event
            case InterpreterEvent():
                pass

    def _count(self, cell: CellEvent) -> None:
        self.cells += 1
        if cell.status == "ok" and cell.seconds is not None:
            self._seconds.setdefault(cell.arm, []).append(cell.seconds)
        else:
            self._notes[cell.arm] = outcome(cell)

    def elapsed_seconds(self, now: float) -> float:
        """Seconds since the run began."""
        return max(now - self._began, 0.0)

    def seconds_left(self, now: float) -> float:
        """Seconds until the budget is used up."""
        return max(self._ends - now, 0.0)

    def standings(self) -> list[Standing]:
        """The arms that compete with each other, fastest first; those without a time last."""
        times = {arm: median(found) for arm, found in self._seconds.items()}
        ranked = [arm for arm in self.arms.values() if arm.role in ("baseline", "candidate")]
        seen = [arm for arm in ranked if arm.arm in times or arm.arm in self._notes]
        seen.sort(key=lambda arm: times.get(arm.arm, float("inf")))
        fastest = times.get(seen[0].arm) if seen else None
        return [
            Standing(
                arm,
                times.get(arm.arm),
                times[arm.arm] / fastest if fastest and arm.arm in times else None,
                len(self._seconds.get(arm.arm, ())),
                self._notes.get(arm.arm, ""),
            )
            for arm in seen
        ]


class PlainLines:
    """The lines that tell a run in a log: every cell of the first round, then a ranking every five seconds at most."""

    def __init__(self) -> None:
        self.progress = Progress()
        self._round: int | None = None
        self._rounds_done = 0
        self._said_at = 0.0
        self._gone: list[str] = []

    def lines(self, event: Event, now: float) -> list[str]:
        """What to say after this event."""
        progress = self.progress
        progress.feed(event, now)
        match event:
            case StartEvent():
                self._said_at = now
                named = f" {progress.name}" if progress.name else ""
                return [f"measuring{named} for at most {duration(event.budget_seconds, None)}"]
            case InterpreterEvent() if event.status != "ok":
                return [
                    f"Python {one_line(event.interpreter or event.path)} left out: {one_line(event.reason or event.status)}"
                ]
            case RunningEvent() | CellEvent():
                said = self._ranking(event.round, now)
                if isinstance(event, CellEvent) and not self._rounds_done:
                    said.append(f"{self._stamp(now)} {place(event)}: {outcome(event)}")
                elif isinstance(event, CellEvent) and event.status != "ok":
                    self._gone.append(f"{place(event)}: {outcome(event)}")
                if said:
                    self._said_at = now
                return said
            case DroppedEvent() if event.arm in progress.arms:
                self._gone.append(f"dropped: {place(progress.arms[event.arm])}: {one_line(event.reason)}")
            case EndEvent():
                return [f"[{_clock(event.seconds)}] {progress.cells:,} runs: {ending(event)}"]
        return []

    def _ranking(self, number: int, now: float) -> list[str]:
        """The three fastest, where a round after the first has just ended and the last line is old enough."""
        if self._round is None or number == self._round:
            self._round = number
            return []
        done, self._round = self._round, number
        self._rounds_done += 1
        if self._rounds_done == 1 or now - self._said_at < _SECONDS_BETWEEN_LINES:
            return []
        best = [
            f"{s.arm.approach} on {one_line(s.arm.interpreter)} {seconds_text(s.median_seconds)}"
            + (f" ({s.ratio:.2f}x)" if s.ratio and n else "")
            for n, s in enumerate(self.progress.standings()[:3])
            if s.median_seconds is not None
        ]
        said, self._gone = [", ".join(best) or "nothing has worked so far", *self._gone], []
        return [f"{self._stamp(now)} round {done + 1}: {'; '.join(said)}"]

    def _stamp(self, now: float) -> str:
        used, left = self.progress.elapsed_seconds(now), self.progress.seconds_left(now)
        return f"[{_clock(used)}, {_clock(left)} left]"


# Words ----------------------------------------------------------------------------------------------------------------


def one_line(text: str) -> str:
    """Somebody's text as one harmless line of bounded length."""
    short = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
    return " ".join(printable(short).split())


def place(arm: Arm | CellEvent) -> str:
    """`threads on 3.14, 2 workers`; with `control` or `scaling` for what is no candidate."""
    extra = [one_line(arm.variant)] if arm.variant else []
    extra += [arm.role] if arm.role in ("control", "scaling") else []
    workers = f"{arm.workers} worker{'' if arm.workers == 1 else 's'}"
    return ", ".join([f"{arm.approach} on {one_line(arm.interpreter)}", workers, *extra])


def outcome(cell: CellEvent) -> str:
    """`412 ms`, or `crash: killed by signal 9`."""
    if cell.status == "ok":
        return seconds_text(cell.seconds)
    reason = one_line(cell.reason)
    return f"{cell.status.replace('_', ' ')}{': ' if reason else ''}{reason}"


def ending(event: EndEvent) -> str:
    """Why the run ended."""
    detail = one_line(event.detail)
    return f"{_ENDS.get(event.reason, event.reason)}{': ' if detail else ''}{detail}"


def seconds_text(seconds: float | None) -> str:
    """Three digits: `412 ms`, `1.34 s`, `2 min 18 s`."""
    return "-" if seconds is None else duration(seconds, MEASURED)


def _clock(seconds: float) -> str:
    """A time that passes, in whole seconds: `48 s`, `2 min 12 s`."""
    return duration(round(seconds), None)


# The display ----------------------------------------------------------------------------------------------------------


def display(progress: Progress, now: float, columns: int, rows: int, *, ascii_only: bool = False) -> list[Line]:
    """The lines of the display, at most `rows` of them; a line may be longer than `columns`, and is to be cut."""
    head = [
        (f"Measuring {progress.name}" if progress.name else "Measuring", "bold"),
        (_now_text(progress), ""),
        (_bar(progress, now, columns, ascii_only), "cyan"),
    ]
    return (head + _ranking(progress.standings(), max(min(rows, _MOST_ROWS + 5) - len(head), 0)))[:rows]


def _now_text(progress: Progress) -> str:
    """What runs now."""
    if progress.ended is not None:
        return f"Ended: {ending(progress.ended)}"
    if progress.running is None:
        return "Now: getting ready"
    arm = progress.arms.get(progress.running.arm)
    what = place(arm) if arm else f"arm {progress.running.arm}"
    return f"Now: {what}, round {progress.running.round + 1}"


def _bar(progress: Progress, now: float, columns: int, ascii_only: bool) -> str:
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
    names = [f"{s.arm.approach}{f' ({one_line(s.arm.variant)})' if s.arm.variant else ''}" for s in standings]
    widest = max(map(len, ["Approach", *names]))
    lines = [(f"{'Approach':<{widest}}  Python  Workers      Median  vs best  Runs", "dim")]
    for number, (name, s) in enumerate(zip(names[:room], standings, strict=False)):
        against = "" if s.ratio is None else "fastest" if not number else f"{s.ratio:.2f}x"
        line = f"{name:<{widest}}  {one_line(s.arm.interpreter):>6}  {s.arm.workers:>7}  "
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

    progress = Progress()
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
