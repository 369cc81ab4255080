"""Who worked when, as text and as a picture: both add up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from todo_program import make_run, modules

todo = pytest.fixture(scope="module")(modules)


def bars(text: str) -> list[str]:
    return [line.split("|")[1] for line in text.splitlines() if line.count("|") == 2]


def test_a_timeline_shows_who_worked_when(todo: Any) -> None:
    lines = todo.timelines.timeline(make_run(todo), width=55).splitlines()
    assert bars("\n".join(lines)) == ["#" * 20 + "." * 10 + "#" * 10, "." * 5 + "#" * 10 + "." * 25]
    assert lines[1].endswith("|  25 % idle") and lines[2].endswith("|  75 % idle")
    assert lines[3].strip().startswith("0 ") and lines[3].endswith("2.000 s")


@given(
    cuts=st.lists(st.floats(0, 10, allow_subnormal=False), min_size=2, max_size=60, unique=True),
    width=st.integers(30, 140),
)
def test_a_timeline_adds_up(todo: Any, cuts: list[float], width: int) -> None:
    times = sorted(cuts)
    spans = [todo.coordinator.Span(0, began, ended, 1) for began, ended in spans_of(times)]
    busy = sum(span.ended - span.began for span in spans)
    report = todo.coordinator.Report(
        done=len(spans), spans=spans, shares={0: todo.coordinator.Share(len(spans), len(spans), busy, busy)}
    )
    run = make_run(todo, seconds=10.0, report=report, idle_seconds={0: 10.0 - busy}, processors=1)
    text = todo.timelines.timeline(run, width)
    (bar,) = bars(text)
    assert set(bar) <= {"#", "."} and max(map(len, text.splitlines())) <= width
    assert bar.count("#") == pytest.approx(len(bar) * busy / 10, abs=0.51)
    assert int(text.partition("| ")[2].partition("%")[0]) == pytest.approx(100 - 10 * busy, abs=1)
    (lane,) = todo.timelines.lanes_of(run).lanes
    assert sum(until - since for since, until in lane.spans) == pytest.approx(busy, abs=len(spans) / 30 + 1e-6)
    idle = [
        span[0] - before for before, span in zip([0.0, *times[1::2]], [*spans_of(times), (10.0, 10.0)], strict=False)
    ]
    assert lane.figures[3] == f"{max(idle):.3f}"


def spans_of(times: list[float]) -> list[tuple[float, float]]:
    """Pairs of them, from when to when."""
    return list(zip(times[::2], times[1::2], strict=False))


def test_a_run_with_more_batches_than_spans_says_so(todo: Any) -> None:
    run = make_run(todo, seconds=100.0)
    run.report.shares[0].batches = 1000
    text = todo.timelines.timeline(run)
    assert "the first 3 of 1,001 batches" in text and "2.000 s" in text


def test_waiting_for_the_gil_is_said(todo: Any) -> None:
    run = make_run(todo)
    for share in run.report.shares.values():
        share.cpu_seconds /= 2
    assert "50 % was computing" in todo.timelines.timeline(run)
    assert max(map(len, todo.timelines.timeline(run).splitlines())) <= 80


def test_a_picture_has_a_lane_for_each_processor_and_its_longest_gap(todo: Any) -> None:
    lanes = todo.timelines.lanes_of(make_run(todo))
    assert (lanes.title, lanes.end) == ("Threads (GIL), 2 processors: 2.000 s", 2.0)
    assert lanes.table().header == ("", "tasks", "busy", "computing (s)", "longest gap (s)")
    assert lanes.table().rows == (
        ("processor 0", "15", "75 %", "1.500", "0.500"),
        ("processor 1", "5", "25 %", "0.500", "1.250"),
    )
    assert lanes.lanes[1].spans == ((0.25, 0.75),)


def test_a_processor_that_was_lost_is_told(todo: Any) -> None:
    run = make_run(todo)
    run.report.shares[1].lost = 2
    assert [row[-1] for row in todo.timelines.lanes_of(run).table().rows] == ["0", "2"]


def test_a_million_spans_are_no_million_boxes(todo: Any) -> None:
    spans = [todo.coordinator.Span(n % 40, n / 40_000, (n + 30) / 40_000, 1) for n in range(40_000)]
    shares = {n: todo.coordinator.Share(1000, 1000, 0.9) for n in range(40)}
    report = todo.coordinator.Report(done=40_000, spans=spans, shares=shares)
    lanes = todo.timelines.lanes_of(make_run(todo, seconds=1.0, report=report, idle_seconds={}, processors=40))
    assert len(lanes.lanes) == 24 and "40 processors, 24 of them" in lanes.title
    assert sum(len(lane.spans) for lane in lanes.lanes) <= 2400


def test_an_empty_run_has_a_timeline(todo: Any) -> None:
    run = make_run(todo, report=todo.coordinator.Report(), idle_seconds={}, seconds=0.0)
    assert todo.timelines.timeline(run) and todo.timelines.lanes_of(run).lanes == ()
