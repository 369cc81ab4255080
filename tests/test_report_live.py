"""The display of a run, on a made-up terminal and clock, and what a pipe gets instead."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from events import ARMS, HOSTILE, Timed, after, cell, end, hostile_run, plan, running, start, timed_run, told, until
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from selector.benchmark.events import (
    CellEvent,
    DroppedEvent,
    RunningEvent,
)
from selector.report.live import display, progress_view


@pytest.fixture(autouse=True)
def known_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that can do everything, whatever the developer's is."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


# The lines of the display ---------------------------------------------------------------------------------------------


def shown(events: Iterable[Timed], columns: int = 80, rows: int = 24, **options: Any) -> list[str]:
    timed = list(events)
    return [line for line, _ in display(after(timed), timed[-1][0], columns, rows, **options)]


def test_the_display_in_the_middle_of_a_run() -> None:
    third_round = until(timed_run(), lambda e: isinstance(e, RunningEvent) and e.round == 3)
    assert shown(third_round) == [
        "Measuring images",
        "Now: single_threaded on 3.14, 1 worker, control, round 4",
        "━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 10 of 60 s, 50 s left",
        "Approach           Python  Workers      Median  vs best  Runs",
        "free_threaded       3.13t        2      210 ms  fastest     3",
        "multiprocessing      3.14        2      300 ms    1.43x     3",
        "single_threaded      3.14        1      410 ms    1.95x     3",
        "threads              3.14        2      430 ms    2.05x     2  dropped",
        "asyncio_processes    3.14        2  crash: a worker was killed by signal 9",
    ]


def test_the_display_before_anything_is_measured_and_after_the_end() -> None:
    assert shown([(0, start(name=""))]) == ["Measuring", "Now: getting ready", f"{'╌' * 40} 0 of 60 s, 60 s left"]
    assert shown([(0, start()), (3, end(3.0, "interrupted"))])[1] == "Ended: interrupted"


def test_the_bar_is_plain_where_the_terminal_knows_no_better() -> None:
    assert shown([(0, start()), (30, plan(ARMS))], ascii_only=True)[2] == f"{'#' * 20}{'-' * 20} 30 of 60 s, 30 s left"


def test_the_display_fits_a_low_terminal() -> None:
    for rows in range(1, 12):
        lines = shown(timed_run(), rows=rows)
        assert len(lines) <= rows
        if rows in (6, 7):
            assert re.fullmatch(r"and \d more, 1 of them without a result", lines[-1])


def test_many_arms_are_cut_to_the_best() -> None:
    arms = tuple(ARMS[2].model_copy(update={"arm": n}) for n in range(40))
    lines = shown([(0, start()), (0, plan(arms)), *((1, cell(arm, 0, 1.0 + arm.arm)) for arm in arms)], rows=60)
    assert len(lines) == 17
    assert lines[-1] == "and 28 more"


# On a terminal --------------------------------------------------------------------------------------------------------

_CONTROL = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|(\n)|(\r)|([^\x1b\n\r]+)")


def screen_of(output: str) -> tuple[list[str], bool]:
    """What a terminal shows after that output, and whether its cursor can be seen; any unknown control is an error."""
    rows, row, visible = [""], 0, True
    for found in _CONTROL.finditer(output):
        number, command, newline, carriage_return, text = found.groups()
        if newline:
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif text:
            assert text.isprintable()
            rows[row] += text
        elif command == "A":
            row -= int(number or 1)
            assert row >= 0
        elif command == "K":
            rows[row] = ""
        elif number == "?25" and command:
            visible = command == "h"
        else:
            assert carriage_return or command == "m", found.group()
    assert _CONTROL.sub("", output) == ""
    return [line.rstrip() for line in rows], visible


def drawn(events: Iterable[Timed], terminal: Terminal, at_end: Callable[[], None] = lambda: None) -> None:
    clock = Clock()
    with progress_view(terminal, clock) as show:
        for clock.now, event in events:
            show(event)
        at_end()


def test_a_terminal_shows_the_last_state_only_and_is_clean_at_the_end() -> None:
    terminal, frames = Terminal(), []
    events = until(timed_run(), lambda e: isinstance(e, RunningEvent) and e.round == 3)
    drawn(events, terminal, lambda: frames.append(screen_of(terminal.getvalue())))
    (rows, visible) = frames[0]
    expected = shown(events)
    assert [row for row in rows if row] == expected
    assert not visible
    rows, visible = screen_of(terminal.getvalue())
    assert not any(rows)
    assert visible


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_whatever_ends_a_run_leaves_the_terminal_as_it_was(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    terminal, before = Terminal(), sys.stderr
    with pytest.raises(error):
        drawn(until(timed_run(), lambda e: isinstance(e, CellEvent)), terminal, fail)
    rows, visible = screen_of(terminal.getvalue())
    assert not any(rows) and visible
    assert sys.stderr is before


def test_an_interrupt_while_the_display_goes_still_brings_the_cursor_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rich.live.Live.stop", interrupted)
    terminal = Terminal()
    with pytest.raises(KeyboardInterrupt):
        drawn([(0, start())], terminal)
    assert screen_of(terminal.getvalue())[1]


def test_nothing_is_drawn_where_nothing_happens() -> None:
    terminal = Terminal()
    drawn([], terminal)
    assert not any(screen_of(terminal.getvalue())[0])


@pytest.mark.parametrize(("events_a_second", "seconds"), [(1000, 5), (10, 60), (2, 60)])
def test_at_most_four_draws_a_second(events_a_second: int, seconds: int) -> None:
    terminal = Terminal()
    times = [n / events_a_second for n in range(events_a_second * seconds)]
    drawn([(0, start()), (0, plan(ARMS)), *((now, running(ARMS[2], 0, now)) for now in times)], terminal)
    draws = terminal.getvalue().count("Measuring")
    assert draws <= 4 * seconds + 5
    assert draws >= min(events_a_second, 4) * seconds - 4


def test_a_cell_that_begins_right_after_another_is_shown_at_once() -> None:
    terminal, frames = Terminal(), []
    events: list[Timed] = [(0, start()), (0, plan(ARMS))]
    for n in (2, 3, 4):
        events += [(5.0 + n / 100, running(ARMS[n], 0, 5.0)), (5.005 + n / 100, cell(ARMS[n], 0, 0.004))]
    drawn(events, terminal, lambda: frames.append(screen_of(terminal.getvalue())[0]))
    assert "Now: threads on 3.14, 2 workers, round 1" in frames[0]


def test_neither_colours_nor_bold_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    drawn(timed_run(), terminal)
    assert re.search(r"\x1b\[[\d;]*m", terminal.getvalue())
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    drawn(timed_run(), terminal)
    assert "Measuring images" in terminal.getvalue()
    assert not re.search(r"\x1b\[[\d;]*m", terminal.getvalue())


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    drawn(timed_run(), terminal)
    assert terminal.getvalue().splitlines() == [line for _, line in told(timed_run())]


def test_a_pipe_gets_lines() -> None:
    stream, clock = io.StringIO(), Clock()
    with progress_view(stream, clock) as show:
        for clock.now, event in timed_run():
            show(event)
    assert stream.getvalue().splitlines() == [line for _, line in told(timed_run())]


def test_standard_error_is_where_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_view() as show:
        show(start())
    captured = capsys.readouterr()
    assert captured == ("", "measuring images for at most 60 s\n")


def test_a_warning_on_standard_error_appears_above_the_display(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, frames = Terminal(), []
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_view(clock=Clock()) as show:
        show(start())
        sys.stderr.write("a warning\n")
        frames.append(screen_of(terminal.getvalue())[0])
    assert sys.stderr is terminal
    assert frames[0][:2] == ["a warning", "Measuring images"]
    assert [row for row in screen_of(terminal.getvalue())[0] if row] == ["a warning"]


class Broken(io.StringIO):
    """A stream nobody reads any more, from the first write or after some."""

    def __init__(self, terminal: bool, error: Exception, good_writes: int) -> None:
        super().__init__()
        self.terminal, self.error, self.good_writes = terminal, error, good_writes

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        if self.good_writes <= 0:
            raise self.error
        self.good_writes -= 1
        return super().write(text)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
@pytest.mark.parametrize("good_writes", [0, 1, 7])
def test_a_stream_that_breaks_does_not_break_the_run(terminal: bool, error: Exception, good_writes: int) -> None:
    clock, seen, before = Clock(), 0, sys.stderr
    with progress_view(Broken(terminal, error, good_writes), clock) as show:
        for clock.now, event in timed_run()[:80]:
            show(event)
            seen += 1
    assert seen == 80
    assert sys.stderr is before


def test_a_closed_stream_does_not_break_the_run() -> None:
    stream = io.StringIO()
    stream.close()
    with progress_view(stream) as show:
        show(start())


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_real_terminal_that_becomes_narrower() -> None:
    import fcntl
    import pty
    import struct
    import termios

    def resize(rows: int, columns: int) -> None:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    master, slave = pty.openpty()
    try:
        resize(30, 100)
        clock, written = Clock(), []
        with open(slave, "w", encoding="utf-8", closefd=False) as stream, progress_view(stream, clock) as show:
            for n, (clock.now, event) in enumerate(until(timed_run(), lambda e: isinstance(e, DroppedEvent))):
                if n == 20:
                    resize(12, 50)
                show(event)
                stream.flush()
                written.append(os.read(master, 100_000).decode() if isinstance(event, RunningEvent) else "")
        frames = [re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", frame) for frame in written if frame]
        longest = [max(cell_len(line) for line in frame.splitlines()) for frame in frames]
        assert max(longest) > 60 and longest[-1] <= 50
        assert len(frames[-1].splitlines()) <= 13
    finally:
        os.close(master)
        os.close(slave)


# Hostile texts --------------------------------------------------------------------------------------------------------


def assert_inert(text: str) -> None:
    for n in range(1, len(hostile_run(text))):
        assert all(line.isprintable() for line in shown(hostile_run(text)[:n]))


def test_a_hostile_text_is_inert() -> None:
    assert_inert(HOSTILE)
    terminal, frames = Terminal(), []
    drawn(hostile_run(HOSTILE), terminal, lambda: frames.append(screen_of(terminal.getvalue())[0]))
    assert all(cell_len(row) <= 80 for row in frames[0])
    assert not any(screen_of(terminal.getvalue())[0])


@settings(max_examples=30)
@given(st.text(max_size=60))
def test_any_text_is_inert(text: str) -> None:
    assert_inert(text)


# Cost -----------------------------------------------------------------------------------------------------------------


def test_rich_is_imported_only_where_something_is_drawn() -> None:
    code = (
        "import io, sys\n"
        "from selector.report.live import progress_view\n"
        "with progress_view(io.StringIO()) as show: pass\n"
        "assert not any(name.partition('.')[0] == 'rich' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_draw_neither_makes_tables_nor_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("too dear to be drawn while something is measured")

    monkeypatch.setattr("rich.table.Table.__rich_console__", refuse)
    monkeypatch.setattr("threading.Thread.start", refuse)
    terminal = Terminal()
    drawn(timed_run(), terminal)
    assert terminal.getvalue().count("Measuring") > 50
