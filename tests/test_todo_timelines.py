"""Who worked when, as text and as a picture: it adds up, and text that came with the tasks harms nobody."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from todo_program import HOSTILE, make_run, modules

SVG = "{http://www.w3.org/2000/svg}"

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
    spans = [todo.coordinator.Span(0, began, ended, 1) for began, ended in zip(times[::2], times[1::2], strict=False)]
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
    drawn = sum(float(rect.get("width", 0)) for rect in svg_bars(todo.timelines.timeline_svg(run)))
    assert drawn == pytest.approx(72 * busy, abs=0.6 * len(spans) + 0.1)  # of 720 pixels for 10 s


def svg_bars(svg: str) -> list[ET.Element]:
    return [rect for rect in ET.fromstring(svg).iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]


def test_a_run_with_more_batches_than_spans_says_so(todo: Any) -> None:
    run = make_run(todo, seconds=100.0)
    run.report.shares[0].batches = 1000
    text = todo.timelines.timeline(run)
    assert "the first 3 of 1,001 batches" in text and "2.000 s" in text
    assert "the first 3 of 1,001 batches" in todo.timelines.timeline_svg(run)


def test_waiting_for_the_gil_is_said(todo: Any) -> None:
    run = make_run(todo)
    for share in run.report.shares.values():
        share.cpu_seconds /= 2
    assert "50 % was computing" in todo.timelines.timeline(run)
    assert max(map(len, todo.timelines.timeline(run).splitlines())) <= 80


@pytest.mark.parametrize("title", ["Processes", HOSTILE])
def test_pictures_are_well_formed_and_need_nothing_else(todo: Any, title: str) -> None:
    run = make_run(todo, title=title, schedule=title)
    svg, page = todo.timelines.timeline_svg(run), todo.timelines.timeline_html(run)
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg" and len(svg_bars(svg)) == 3
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert {"worked", "idle", "0 s", "2 s", "processor 0", "25 % idle", "75 % idle"} <= set(texts)
    assert texts[0].startswith(title[:8])
    ET.fromstring(page.encode())
    assert page.startswith("<!DOCTYPE html>")
    for text in (svg, page):
        text.encode()  # no half characters
        assert all(word not in text for word in ("<script", "\x1b", "\x00", "\u202e", "href", "src=", "url("))
        assert text.count("http") == text.count("http://www.w3.org/2000/svg") + text.count("http-equiv") + text.count(
            "(http://b)"
        )


@given(until=st.floats(1e-6, 1e7))
def test_ticks_are_few_and_within(todo: Any, until: float) -> None:
    ticks = list(todo.timelines._ticks(until))
    assert ticks[0] == 0 and 2 <= len(ticks) <= 11 and ticks == sorted(set(ticks)) and ticks[-1] <= until * (1 + 1e-5)


def test_a_million_spans_are_no_million_rectangles(todo: Any) -> None:
    spans = [todo.coordinator.Span(0, place / 20_000, (place + 0.9) / 20_000, 1) for place in range(20_000)]
    report = todo.coordinator.Report(done=20_000, spans=spans, shares={0: todo.coordinator.Share(20_000, 20_000, 0.9)})
    svg = todo.timelines.timeline_svg(make_run(todo, seconds=1.0, report=report, idle_seconds={0: 0.1}))
    assert len(svg_bars(svg)) < 2000


def test_an_empty_run_has_a_timeline(todo: Any) -> None:
    run = make_run(todo, report=todo.coordinator.Report(), idle_seconds={}, seconds=0.0)
    assert todo.timelines.timeline(run) and ET.fromstring(todo.timelines.timeline_svg(run)).tag
