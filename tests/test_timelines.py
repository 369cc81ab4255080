"""Who worked when, in a report: the measurement in the middle, of the recommended approach and of the best other one."""

from __future__ import annotations

from typing import Any

import pytest
from events import Row, baseline, control, report, run, steady
from judging import COMPUTING, PROCESSES, THREADS, judged, knowledge, recommended

from selector.benchmark.events import Busy
from selector.report.blocks import Bullets, Lanes, Paragraph
from selector.report.timelines import timeline_blocks
from selector.validation import Timeline, ValidationReport, validate_results

pytestmark = pytest.mark.one_python

Spans = tuple[tuple[float, float], ...]


def busy(seconds: float, *spans: Spans, at_once: float = 1.0, more: int = 0) -> Busy:
    workers = tuple(
        {"tasks": 8, "seconds": sum(until - since for since, until in each), "at_once": at_once, "spans": each}
        for each in spans
    )
    return Busy.model_validate({"seconds": seconds, "workers": workers, "more_workers": more})


def row(approach: str, *times: float, **more: Any) -> Row:
    """An arm whose cells tell a timeline, too: of one worker that is busy all the time."""
    return Row(approach, times, figures={"busy": busy(times[0], ((0.0, times[0]),))}, **more)


def test_there_is_one_of_the_recommended_approach_and_one_of_the_fastest_other() -> None:
    rows = [
        baseline(),
        control(),
        row(PROCESSES, 0.5, 0.51, 0.52),
        row(THREADS, 0.9, 0.9, 0.9),
        row("asyncio", 2.0, 2.0),
    ]
    assert [timeline.approach for timeline in judged(rows, COMPUTING).timelines] == [PROCESSES, THREADS]
    assert not judged([baseline(), control(), steady(PROCESSES, 0.5)], COMPUTING).timelines  # of an older script


def test_it_is_of_the_measurement_that_is_nearest_to_the_median() -> None:
    cells = [
        Row(PROCESSES, figures={"busy": busy(seconds, ((0.0, seconds),))}).cell(n, 2, seconds)
        for n, seconds in enumerate((0.9, 0.5, 0.51, 0.52, 0.1))
    ]
    session = run([baseline(), control(), Row(PROCESSES)])
    found = validate_results(recommended(COMPUTING), session._replace(cells=(*session.cells, *cells)), knowledge())
    assert [timeline.busy.seconds for timeline in found.timelines] == [0.51]


def shown(timeline: Busy, io: str = "socket") -> tuple[Lanes, str, str]:
    """The picture of a timeline, what is told of it, and how it was come by."""
    one = Timeline(approach="threads", title="Threads (a pool)", interpreter="3.14", busy=timeline)
    found = timeline_blocks(report(timelines=(one,), io=io))
    assert isinstance(found[0], Bullets) and isinstance(found[1], Lanes) and isinstance(found[2], Paragraph)
    return found[1], found[0].items[0][0], found[2].text


def test_the_longest_gap_is_named_with_its_place() -> None:
    lanes, told, how = shown(busy(1.0, ((0.3, 0.5), (0.6, 1.0)), ((0.1, 0.4), (0.7, 0.9))))
    assert lanes.table().header == ("", "tasks", "busy", "longest gap", "when")
    assert lanes.table().rows == (
        ("worker 1", "8", "60 %", "300 ms", "before its first task"),
        ("worker 2", "8", "50 %", "300 ms", "at 400 ms"),
    )
    assert told == "Threads 3.14: its 2 workers had tasks for 55 % of 1 s; the longest gap, 300 ms (worker 1), was before its first task."  # fmt: skip
    assert "when the workers are started" in how and "batch of calls" in shown(busy(1.0, ((0.0, 1.0),)), "function")[2]


def test_an_event_loop_is_told_from_its_pool() -> None:
    loop = busy(1.0, ((0.0, 1.0),), at_once=64.0).workers
    pool = busy(1.0, ((0.1, 0.6),), ((0.2, 0.7),), more=2)
    lanes, told, _ = shown(pool.model_copy(update={"workers": (pool.workers[0], *loop, pool.workers[1])}))
    assert [lane.name for lane in lanes.lanes] == ["worker 1", "event loop", "worker 2"]
    assert lanes.table().rows[1] == ("event loop", "8", "100 %", "64", "none", "")
    assert told.startswith("Threads 3.14: its 2 workers had tasks for 50 %") and "3 of 5 workers are shown" in told
    assert "its event loop had tasks for 100 % of 1 s." in shown(busy(1.0, ((0.0, 1.0),), at_once=64.0))[1]


def test_a_report_without_any_has_no_section() -> None:
    assert timeline_blocks(report()) == []
    assert ValidationReport.model_validate_json(report().model_dump_json()).timelines == ()
