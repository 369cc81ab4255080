"""The view of a run: the state behind it, the lines in a log, and the display, on a made-up terminal and clock."""

from __future__ import annotations

import io
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

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
from selector.report import live
from selector.report.live import PlainLines, Progress, display, progress_view

Timed = tuple[float, Event]


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


# A made-up run --------------------------------------------------------------------------------------------------------

_ARMS = (
    ("single_threaded", "3.14", 1, "baseline", 0.41),
    ("single_threaded", "3.14", 1, "control", 0.42),
    ("free_threaded", "3.13t", 2, "candidate", 0.21),
    ("multiprocessing", "3.14", 2, "candidate", 0.30),
    ("threads", "3.14", 2, "candidate", 0.43),
    ("asyncio_processes", "3.14", 2, "candidate", 0.31),
    ("free_threaded", "3.13t", 4, "scaling", 0.22),
)
ARMS = tuple(
    Arm.model_validate({"arm": n, "approach": a, "interpreter": i, "workers": w, "role": r, "variant": ""})
    for n, (a, i, w, r, _) in enumerate(_ARMS)
)
SECONDS = [seconds for *_, seconds in _ARMS]
KILLED = "a worker was killed by signal 9"


def start(**changes: Any) -> StartEvent:
    data = {
        "schema": 1, "name": "Thumbnails", "seed": 42, "budget_seconds": 60.0, "io": "socket", "cpus": 2,
        "recommended": "free_threaded", "assumed": (), "memory_limit_mb": None, "python": "3.14.10",
    }  # fmt: skip
    return StartEvent.model_validate(data | changes)


def interpreter(tag: str | None, **changes: Any) -> InterpreterEvent:
    data = {
        "interpreter": tag, "path": f"/x/python{tag}", "version": None, "free_threaded_build": None, "gil_enabled": None,
        "reference": False, "status": "ok", "reason": "",
    }  # fmt: skip
    return InterpreterEvent.model_validate(data | changes)


def plan(arms: tuple[Arm, ...] = ARMS) -> PlanEvent:
    return PlanEvent(tasks=64, tasks_asked=100, task_wall_ms=6.4, task_cpu_ms=6.4, arms=arms)


def running(arm: Arm, number: int, now: float, budget: float = 60.0) -> RunningEvent:
    return RunningEvent(arm=arm.arm, round=number, elapsed_seconds=now, seconds_left=budget - now)


def cell(arm: Arm, number: int, seconds: float | None, status: str = "ok", reason: str = "") -> CellEvent:
    unknown = dict.fromkeys(set(CellEvent.model_fields) - {"event"})
    found = {"round": number, "status": status, "reason": reason, "seconds": seconds}
    return CellEvent.model_validate({**unknown, **arm.model_dump(), **found})


def dropped(arm: Arm, reason: str = "2.0x slower than free_threaded") -> DroppedEvent:
    return DroppedEvent(arm=arm.arm, reason=reason)


def end(now: float, reason: str = "budget", detail: str = "") -> EndEvent:
    return EndEvent.model_validate({"reason": reason, "detail": detail, "seconds": now})


def whole_run(pause_seconds: float = 0.1, most_rounds: int = 100) -> Iterator[Timed]:
    """Rounds until the budget is used, each in an order of its own; processes crash, threads are dropped in round 2."""
    now = 2.0
    yield 0.0, start()
    yield 0.1, interpreter("3.14", reference=True)
    yield 0.2, interpreter("3.15t", status="error", reason="it does not start")
    yield now, plan()
    left = list(ARMS)
    for number in range(most_rounds):
        for arm in sorted(left, key=lambda a: (a.arm + number) % 4):
            if now > 59:
                break
            yield now, running(arm, number, now)
            now += SECONDS[arm.arm] + pause_seconds
            if arm.approach == "asyncio_processes":
                left.remove(arm)
                yield now, cell(arm, number, None, "crash", KILLED)
            else:
                yield now, cell(arm, number, SECONDS[arm.arm])
            if arm.approach == "threads" and number == 1:
                left.remove(arm)
                yield now, dropped(arm)
    yield now, end(now)


def after(events: Iterable[Timed]) -> Progress:
    progress = Progress()
    for now, event in events:
        progress.feed(event, now)
    return progress


def until(events: Iterable[Timed], stop: Callable[[Event], bool]) -> list[Timed]:
    """The events up to the first that is asked for, it included."""
    found = []
    for timed in events:
        found.append(timed)
        if stop(timed[1]):
            return found
    raise AssertionError("no such event")


# The state ------------------------------------------------------------------------------------------------------------


def test_the_ranking_holds_what_competes_fastest_first() -> None:
    standings = after(whole_run()).standings()
    assert [s.arm.approach for s in standings] == [
        "free_threaded", "multiprocessing", "single_threaded", "threads", "asyncio_processes"
    ]  # fmt: skip
    assert [s.ratio and round(s.ratio, 2) for s in standings] == [1.0, 1.43, 1.95, 2.05, None]
    assert [s.note for s in standings] == ["", "", "", "dropped", f"crash: {KILLED}"]
    assert standings[0].samples > 10 and standings[3].samples == 2 and standings[4].samples == 0


def test_the_ranking_goes_by_the_median() -> None:
    progress = after([(0, start()), (1, plan()), *((2, cell(ARMS[0], 0, s)) for s in (0.4, 9.0, 0.5))])
    assert progress.standings()[0].median_seconds == 0.5


def test_a_wrong_result_is_no_time() -> None:
    progress = after([(0, start()), (1, plan()), (2, cell(ARMS[2], 0, 0.1, "mismatch", "another checksum"))])
    (only,) = progress.standings()
    assert (only.median_seconds, only.ratio, only.samples, only.note) == (None, None, 0, "mismatch: another checksum")


def test_an_arm_keeps_its_times_when_a_later_run_of_it_fails() -> None:
    events = [(0, start()), (1, plan()), (2, cell(ARMS[2], 0, 0.2)), (3, cell(ARMS[2], 1, None, "timeout"))]
    (only,) = after(events).standings()  # type: ignore[arg-type]
    assert (only.median_seconds, only.samples, only.note) == (0.2, 1, "timeout")


def test_time_goes_by_what_the_script_says_and_on_between_its_events() -> None:
    progress = after([(100, start(budget_seconds=30.0))])
    assert (progress.elapsed_seconds(101), progress.seconds_left(101)) == (1, 29)
    progress.feed(RunningEvent(arm=0, round=0, elapsed_seconds=5.0, seconds_left=20.0), 104)
    assert (progress.elapsed_seconds(106), progress.seconds_left(106)) == (7, 18)
    assert progress.seconds_left(500) == 0


@pytest.mark.parametrize("event", [cell(ARMS[0], 0, 0.4), running(ARMS[3], 0, 1.0), dropped(ARMS[1]), end(1.0)])
def test_events_of_a_run_whose_beginning_was_missed_break_nothing(event: Event) -> None:
    progress = after([(1, event)])
    assert progress.standings() == []
    assert display(progress, 2, 80, 24)
    assert all(isinstance(line, str) for line in PlainLines().lines(event, 1))


# Lines in a log -------------------------------------------------------------------------------------------------------


def told(events: Iterable[Timed]) -> list[tuple[float, str]]:
    plain = PlainLines()
    return [(now, line) for now, event in events for line in plain.lines(event, now)]


def test_a_log_has_every_cell_of_the_first_round_and_then_rankings() -> None:
    lines = [line for _, line in told(whole_run())]
    assert lines[:2] == ["measuring Thumbnails for at most 60 s", "Python 3.15t left out: it does not start"]
    first = lines[2 : 2 + len(ARMS)]
    assert all(re.fullmatch(r"\[\d s, 5\d s left\] \w+ on 3\.1\dt?, \d workers?(, \w+)?: .+", line) for line in first)
    assert any(line.endswith("free_threaded on 3.13t, 2 workers: 210 ms") for line in first)
    assert any(line.endswith("free_threaded on 3.13t, 4 workers, scaling: 220 ms") for line in first)
    assert any(line.endswith(f"asyncio_processes on 3.14, 2 workers: crash: {KILLED}") for line in first)
    assert any(line.endswith("single_threaded on 3.14, 1 worker, control: 420 ms") for line in first)
    ranking = (
        "free_threaded on 3.13t 210 ms, multiprocessing on 3.14 300 ms (1.43x), single_threaded on 3.14 410 ms (1.95x)"
    )
    rounds = lines[2 + len(ARMS) : -1]
    assert rounds
    assert all(re.match(r"\[\d+ s, \d+ s left\] round \d+: ", line) and ranking in line for line in rounds)
    assert rounds[0].endswith("; dropped: threads on 3.14, 2 workers: 2.0x slower than free_threaded")
    assert not any("dropped" in line for line in rounds[1:])
    assert re.fullmatch(r"\[59 s\] \d+ runs: the time budget is used up", lines[-1])


@pytest.mark.parametrize("pause_seconds", [0.0, 0.1, 0.7, 3.0])
def test_a_log_is_not_flooded(pause_seconds: float) -> None:
    times = [now for now, line in told(whole_run(pause_seconds))[2 + len(ARMS) : -1]]
    assert all(later - sooner >= 5 for sooner, later in itertools.pairwise(times))
    assert len(times) <= 12


def test_what_fails_later_is_told_with_the_next_line() -> None:
    events: list[Timed] = [(0, start()), (0, plan())]
    for number in range(3):
        now = 10.0 * number
        failed = number == 1
        events += [
            (now, running(ARMS[2], number, now)),
            (now + 6, cell(ARMS[2], number, None if failed else 6.0, "out_of_memory" if failed else "ok")),
        ]
    assert [line for _, line in told(events)][1:] == [
        "[6 s, 54 s left] free_threaded on 3.13t, 2 workers: 6 s",
        "[20 s, 40 s left] round 2: free_threaded on 3.13t 6 s; free_threaded on 3.13t, 2 workers: out of memory",
    ]


def test_where_nothing_works_the_log_says_so() -> None:
    events: list[Timed] = [(0, start(name="")), (0, plan())]
    events += [(10.0 * n, cell(ARMS[2], n, None, "crash", KILLED)) for n in range(3)]
    lines = [line for _, line in told([*events, (40.0, end(40.0, "failed", "no cell worked"))])]
    assert lines[0] == "measuring for at most 60 s"
    assert "round 2: nothing has worked so far; free_threaded" in lines[2]
    assert lines[-1] == "[40 s] 3 runs: failed: no cell worked"


# The lines of the display ---------------------------------------------------------------------------------------------


def shown(events: Iterable[Timed], columns: int = 80, rows: int = 24, **options: Any) -> list[str]:
    timed = list(events)
    return [line for line, _ in display(after(timed), timed[-1][0], columns, rows, **options)]


def test_the_display_in_the_middle_of_a_run() -> None:
    third_round = until(whole_run(), lambda e: isinstance(e, RunningEvent) and e.round == 3)
    assert shown(third_round) == [
        "Measuring Thumbnails",
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
    assert shown([(0, start()), (30, plan())], ascii_only=True)[2] == f"{'#' * 20}{'-' * 20} 30 of 60 s, 30 s left"


@pytest.mark.parametrize("rows", range(1, 12))
def test_the_display_fits_a_low_terminal(rows: int) -> None:
    lines = shown(whole_run(), rows=rows)
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
    events = until(whole_run(), lambda e: isinstance(e, RunningEvent) and e.round == 3)
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
        drawn(until(whole_run(), lambda e: isinstance(e, CellEvent)), terminal, fail)
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
    drawn([(0, start()), (0, plan()), *((now, running(ARMS[2], 0, now)) for now in times)], terminal)
    draws = terminal.getvalue().count("Measuring")
    assert draws <= 4 * seconds + 5
    assert draws >= min(events_a_second, 4) * seconds - 4


def test_a_cell_that_begins_right_after_another_is_shown_at_once() -> None:
    terminal, frames = Terminal(), []
    events: list[Timed] = [(0, start()), (0, plan())]
    for n in (2, 3, 4):
        events += [(5.0 + n / 100, running(ARMS[n], 0, 5.0)), (5.005 + n / 100, cell(ARMS[n], 0, 0.004))]
    drawn(events, terminal, lambda: frames.append(screen_of(terminal.getvalue())[0]))
    assert "Now: threads on 3.14, 2 workers, round 1" in frames[0]


def test_neither_colours_nor_bold_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    drawn(whole_run(), terminal)
    assert re.search(r"\x1b\[[\d;]*m", terminal.getvalue())
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    drawn(whole_run(), terminal)
    assert "Measuring Thumbnails" in terminal.getvalue()
    assert not re.search(r"\x1b\[[\d;]*m", terminal.getvalue())


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    drawn(whole_run(), terminal)
    assert terminal.getvalue().splitlines() == [line for _, line in told(whole_run())]


def test_a_pipe_gets_lines() -> None:
    stream, clock = io.StringIO(), Clock()
    with progress_view(stream, clock) as show:
        for clock.now, event in whole_run():
            show(event)
    assert stream.getvalue().splitlines() == [line for _, line in told(whole_run())]


def test_standard_error_is_where_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_view() as show:
        show(start())
    captured = capsys.readouterr()
    assert captured == ("", "measuring Thumbnails for at most 60 s\n")


def test_a_warning_on_standard_error_appears_above_the_display(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, frames = Terminal(), []
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_view(clock=Clock()) as show:
        show(start())
        sys.stderr.write("a warning\n")
        frames.append(screen_of(terminal.getvalue())[0])
    assert sys.stderr is terminal
    assert frames[0][:2] == ["a warning", "Measuring Thumbnails"]
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
        for clock.now, event in whole_run():
            show(event)
            seen += 1
    assert seen == len(list(whole_run()))
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
            for n, (clock.now, event) in enumerate(until(whole_run(), lambda e: isinstance(e, DroppedEvent))):
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

HOSTILE = (
    "\x1b[31mred\x1b]0;t\x07\x1b[2J\x9b1m\nsecond line\r\u202eexe\u2066 [bold]x[/bold] [/] :skull: 日本語" + "x" * 900
)


def hostile_run(text: str) -> list[Timed]:
    arm = Arm(arm=0, approach="threads", interpreter=text[:200], workers=2, role="candidate", variant=text[:200])
    return [
        (0, start(name=text)),
        (0, interpreter(text[:200], status="error", reason=text)),
        (0, interpreter(None, path=text, status="error")),
        (1, plan((arm,))),
        (1, running(arm, 0, 1.0)),
        (2, cell(arm, 0, 0.5)),
        (9, cell(arm, 1, None, "crash", text)),
        (17, running(arm, 2, 9.0)),
        (17, dropped(arm, text)),
        (20, end(10.0, "failed", text)),
    ]


def assert_inert(text: str) -> None:
    assert all(line.isprintable() for _, line in told(hostile_run(text)))
    for n in range(1, len(hostile_run(text))):
        assert all(line.isprintable() for line in shown(hostile_run(text)[:n]))


def test_a_hostile_text_is_inert() -> None:
    assert_inert(HOSTILE)
    terminal, frames = Terminal(), []
    drawn(hostile_run(HOSTILE), terminal, lambda: frames.append(screen_of(terminal.getvalue())[0]))
    assert all(cell_len(row) <= 80 for row in frames[0])
    assert not any(screen_of(terminal.getvalue())[0])


@settings(max_examples=100)
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
    drawn(whole_run(), terminal)
    assert terminal.getvalue().count("Measuring") > 50
    assert live.seconds_text(None) == "-" and live.seconds_text(1234.5) == "20 min 30 s"
