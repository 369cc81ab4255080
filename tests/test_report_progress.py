"""How far a run is, and the lines of a log, on a made-up clock."""

from __future__ import annotations

import itertools
import re

import pytest
from events import (
    ARMS,
    HOSTILE,
    KILLED,
    Timed,
    after,
    cell,
    dropped,
    end,
    hostile_run,
    plan,
    running,
    start,
    timed_run,
    told,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.benchmark.events import Event, RunningEvent
from selector.report.live import display
from selector.report.progress import PlainLines, seconds_text

# The state ------------------------------------------------------------------------------------------------------------


def test_the_ranking_holds_what_competes_fastest_first() -> None:
    ranked = after(timed_run()).ranked_arms()
    assert [s.arm.approach for s in ranked] == [
        "free_threaded", "multiprocessing", "single_threaded", "threads", "asyncio_processes"
    ]  # fmt: skip
    assert [s.ratio and round(s.ratio, 2) for s in ranked] == [1.0, 1.43, 1.95, 2.05, None]
    assert [s.note for s in ranked] == ["", "", "", "dropped", f"crash: {KILLED}"]
    assert ranked[0].samples > 10 and ranked[3].samples == 2 and ranked[4].samples == 0


def test_the_ranking_goes_by_the_median() -> None:
    progress = after([(0, start()), (1, plan(ARMS)), *((2, cell(ARMS[0], 0, s)) for s in (0.4, 9.0, 0.5))])
    assert progress.ranked_arms()[0].median_seconds == 0.5


def test_a_wrong_result_is_no_time() -> None:
    progress = after([(0, start()), (1, plan(ARMS)), (2, cell(ARMS[2], 0, 0.1, "mismatch", "another checksum"))])
    (only,) = progress.ranked_arms()
    assert (only.median_seconds, only.ratio, only.samples, only.note) == (None, None, 0, "mismatch: another checksum")


def test_an_arm_keeps_its_times_when_a_later_run_of_it_fails() -> None:
    events = [(0, start()), (1, plan(ARMS)), (2, cell(ARMS[2], 0, 0.2)), (3, cell(ARMS[2], 1, None, "timeout"))]
    (only,) = after(events).ranked_arms()  # type: ignore[arg-type]
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
    assert progress.ranked_arms() == []
    assert display(progress, 2, 80, 24)
    assert all(isinstance(line, str) for line in PlainLines().lines(event, 1))


# Lines in a log -------------------------------------------------------------------------------------------------------


def test_a_log_has_every_cell_of_the_first_round_and_then_rankings() -> None:
    lines = [line for _, line in told(timed_run())]
    assert lines[:2] == ["measuring images for at most 60 s", "Python 3.15t left out: it does not start"]
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
    times = [now for now, line in told(timed_run(pause_seconds))[2 + len(ARMS) : -1]]
    assert all(later - sooner >= 5 for sooner, later in itertools.pairwise(times))
    assert len(times) <= 12


def test_what_fails_later_is_told_with_the_next_line() -> None:
    events: list[Timed] = [(0, start()), (0, plan(ARMS))]
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
    events: list[Timed] = [(0, start(name="")), (0, plan(ARMS))]
    events += [(10.0 * n, cell(ARMS[2], n, None, "crash", KILLED)) for n in range(3)]
    lines = [line for _, line in told([*events, (40.0, end(40.0, "failed", "no cell worked"))])]
    assert lines[0] == "measuring for at most 60 s"
    assert "round 2: nothing has worked so far; free_threaded" in lines[2]
    assert lines[-1] == "[40 s] 3 runs: failed: no cell worked"


# Hostile texts --------------------------------------------------------------------------------------------------------


def test_a_hostile_text_is_inert() -> None:
    assert all(line.isprintable() for _, line in told(hostile_run(HOSTILE)))


@settings(max_examples=30)
@given(st.text(max_size=60))
def test_any_text_is_inert(text: str) -> None:
    assert all(line.isprintable() for _, line in told(hostile_run(text)))


def test_a_time_has_three_digits_where_there_is_one() -> None:
    assert seconds_text(None) == "-" and seconds_text(1234.5) == "20 min 30 s"
