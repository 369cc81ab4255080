"""The measures and the dashboard of the todo batch template: laws, figures that add up, text that harms nobody."""

from __future__ import annotations

import ast
import importlib
import json
import math
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.workload.profile import WorkloadProfile

FOLDER = Path(__file__).resolve().parent.parent / "programs" / "todo_batch"
HOSTILE = (
    '<script>alert("x")</script> & \x1b[31m\x00\u202e\ud800 ]]> `x` | [a](http://b) **c** 待办事项 \n# not a title'
)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def todo() -> Iterator[Any]:
    """The modules of the template, which have common names: they are gone again afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        before = set(sys.modules)
        names = ("measures", "dashboard", "coordinator", "executions", "tasks")
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(FOLDER)):
                del sys.modules[name]


def make_run(todo: Any, **fields: Any) -> Any:
    """A run of two processors: the first worked for 1.5 of 2 seconds, the second for 0.5."""
    spans = [todo.coordinator.Span(*span) for span in ((0, 0.0, 1.0, 10), (1, 0.25, 0.75, 5), (0, 1.5, 2.0, 5))]
    shares = {0: todo.coordinator.Share(15, 2, 1.5, 1.5), 1: todo.coordinator.Share(5, 1, 0.5, 0.5)}
    report = todo.coordinator.Report(done=20, seconds=2.0, shares=shares, spans=spans)
    known = {
        "execution": "threads", "title": "Threads (GIL)", "processors": 2, "schedule": "queue", "collect": "queue",
        "tasks": 20, "seconds": 2.0, "cpu_percent": 100.0, "peak_memory_mb": 20.0, "memory_metric": "pss",
        "speedup": 1.0, "efficiency": 0.5, "overhead": 0.5, "idle_seconds": {0: 0.5, 1: 1.5}, "critical_seconds": 1.5,
        "report": report,
    }  # fmt: skip
    return todo.measures.Run(**{**known, **fields})


def do_batches(todo: Any, execution: str = "threads", count: int = 400, **how: Any) -> Any:
    settings = todo.tasks.Settings("validate", 20)
    coordinator = todo.coordinator.Coordinator(
        todo.executions.crew_for(execution, settings), todo.coordinator.Options(), lambda outcomes: None
    )
    batches = list(todo.tasks.batches(todo.tasks.make_tasks(count), 20))
    return todo.measures.measure(
        lambda: coordinator.run(batches, len(batches)), execution=execution, processors=2, **how
    )


# Measuring ------------------------------------------------------------------------------------------------------------


def test_a_run_in_threads_is_measured(todo: Any) -> None:
    begun, cpu = time.perf_counter(), time.process_time()
    run = do_batches(todo, baseline_seconds=1.0)
    passed, used = time.perf_counter() - begun, time.process_time() - cpu
    assert run.tasks == run.report.done == 400
    assert 0 < run.report.seconds <= run.seconds <= passed
    assert 0 < run.cpu_percent * run.seconds / 100 <= used + 0.02
    assert run.memory_metric in ("pss", "rss") and 5 < run.peak_memory_mb < 2000
    assert run.speedup == pytest.approx(1 / run.seconds) and run.efficiency == pytest.approx(run.speedup / 2)
    busy = {number: share.busy_seconds for number, share in run.report.shares.items()}
    assert set(busy) == {0, 1} and run.critical_seconds == max(busy.values()) < run.seconds
    for number, seconds in busy.items():
        assert run.idle_seconds[number] + seconds == pytest.approx(run.seconds)
    assert run.overhead == pytest.approx(1 - sum(busy.values()) / (2 * run.seconds))
    assert run.title == todo.measures.title_of("threads") and (run.schedule, run.collect) == ("queue", "queue")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the tree is known from /proc")
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_the_cpu_time_and_memory_of_processes_count_however_they_were_started(tmp_path: Path, method: str) -> None:
    program = """
        import json, multiprocessing, os, sys, time

        def work(_):
            held = b"x" * 64_000_000
            until = time.process_time() + 0.3
            while time.process_time() < until:
                pass
            return len(held)

        if __name__ == "__main__":
            sys.path.insert(0, sys.argv[2])
            from coordinator import Report
            from measures import measure

            def run():
                with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                    assert sum(pool.map(work, [1, 2], chunksize=1)) == 128_000_000
                    pool.close()
                    pool.join()
                return Report()

            found = measure(run, execution="processes", processors=2)
            print(json.dumps([found.seconds, found.cpu_percent, found.peak_memory_mb]))
    """
    file = tmp_path / "program.py"  # what is spawned has to import it
    file.write_text(textwrap.dedent(program), "utf-8")
    command = [sys.executable, str(file), method, str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seconds, percent, peak = json.loads(done.stdout)
    assert 0.6 <= percent * seconds / 100 < 5
    assert peak > 64  # one of them, at least


def test_a_peak_between_the_ends_is_seen(todo: Any) -> None:
    def run() -> Any:
        held = b"x" * 100_000_000
        time.sleep(0.2)
        del held
        return todo.coordinator.Report()

    before = do_nothing(todo).peak_memory_mb
    assert todo.measures.measure(run, execution="threads", processors=1).peak_memory_mb > before + 80


def do_nothing(todo: Any) -> Any:
    return todo.measures.measure(todo.coordinator.Report, execution="sequential", processors=1)


def test_a_run_that_does_nothing_has_figures(todo: Any) -> None:
    run = do_nothing(todo)
    assert (run.tasks, run.critical_seconds, run.overhead, run.idle_seconds) == (0, 0.0, 1.0, {})
    assert run.speedup is None and run.efficiency is None and math.isfinite(run.cpu_percent)
    assert "tasks" not in todo.measures.profile_of(run, 0, 2)


def test_an_exception_goes_on_and_leaves_no_thread(todo: Any) -> None:
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError):
        todo.measures.measure(lambda: 1 // 0, execution="threads", processors=1)
    assert set(threading.enumerate()) <= before


def test_memory_that_cannot_be_read_is_unknown(todo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(todo.measures, "_read", lambda path: "")
    monkeypatch.setitem(sys.modules, "psutil", None)
    run = do_nothing(todo)
    assert (run.peak_memory_mb, run.memory_metric) == (None, None)


def test_without_proc_psutil_knows_the_memory(todo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(todo.measures, "_pss_mb", lambda pid: 0.0)
    run = do_nothing(todo)
    assert run.memory_metric == "rss" and run.peak_memory_mb > 5


@pytest.mark.parametrize(("gil", "title"), [(True, "Threads (GIL)"), (False, "Free threads")])
def test_threads_are_called_what_they_are(todo: Any, monkeypatch: pytest.MonkeyPatch, gil: bool, title: str) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: gil, raising=False)
    assert todo.measures.title_of("threads") == title
    assert {todo.measures.title_of(name) for name in todo.executions.EXECUTIONS} == {
        "Sequential", title, "Processes", "Subinterpreters", "asyncio"
    }  # fmt: skip


# Laws -----------------------------------------------------------------------------------------------------------------

COUNTS = st.lists(st.integers(2, 100), min_size=2, max_size=6, unique=True)


@given(serial=st.floats(0, 1), counts=COUNTS)
def test_amdahls_serial_part_is_found(todo: Any, serial: float, counts: list[int]) -> None:
    points = [(n, 1 / (serial + (1 - serial) / n)) for n in [1, *counts]]
    assert todo.measures.amdahl(points) == pytest.approx(serial, abs=1e-9)


@given(contention=st.floats(0, 1), coherence=st.floats(0, 0.1), counts=COUNTS)
def test_contention_and_coherence_are_found(todo: Any, contention: float, coherence: float, counts: list[int]) -> None:
    points = [(n, n / (1 + contention * (n - 1) + coherence * n * (n - 1))) for n in [1, *counts]]
    found = todo.measures.usl(points)
    for n, speedup in points:
        assert n / (1 + found[0] * (n - 1) + found[1] * n * (n - 1)) == pytest.approx(speedup, rel=1e-6)
    assert found == pytest.approx((contention, coherence), abs=1e-5)


@given(points=st.lists(st.tuples(st.integers(-2, 100), st.floats(-1, 200) | st.just(math.inf) | st.just(math.nan))))
def test_laws_stay_in_their_bounds_whatever_was_measured(todo: Any, points: list[tuple[int, float]]) -> None:
    kept = [(n, speedup) for n, speedup in points if not speedup > 0 or speedup > 1e-3]
    assert 0 <= todo.measures.amdahl(kept) <= 1
    assert min(todo.measures.usl(kept)) >= 0
    assert todo.measures.stops_paying_at(kept) in {None, *(n for n, _ in kept)}
    text = todo.dashboard.scalability(make_run(todo), kept, todo.measures.usl(kept))
    assert max(map(len, text.splitlines())) <= 80


@given(points=st.lists(st.tuples(st.integers(2, 64), st.floats(0.5, 64)), min_size=1, max_size=6))
def test_no_other_law_with_both_parts_at_least_0_fits_better(todo: Any, points: list[tuple[int, float]]) -> None:
    def error(contention: float, coherence: float) -> float:
        return sum((contention * (n - 1) + coherence * n * (n - 1) - (n / s - 1)) ** 2 for n, s in points)

    a, b = todo.measures.usl(points)
    least = error(a, b)
    for other in ((a + 1e-3, b), (a, b + 1e-3), (max(0, a - 1e-3), b), (a, max(0, b - 1e-3)), (0.0, 0.0)):
        assert least <= error(*other) * (1 + 1e-9) + 1e-9


def test_one_count_gives_contention_alone(todo: Any) -> None:
    assert todo.measures.usl([(1, 1.0), (4, 2.0)]) == pytest.approx((1 / 3, 0.0))
    assert todo.measures.usl([]) == todo.measures.usl([(1, 1.0)]) == (0.0, 0.0)
    assert todo.measures.amdahl([(1, 1.0)]) == 0.0


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(1, 1.0), (2, 1.9), (4, 1.92), (8, 1.8)], 2),
        ([(8, 1.8), (1, 1.0), (4, 1.92), (2, 1.9)], 2),  # in any order
        ([(1, 1.0), (2, 2.0), (4, 4.0)], None),
        ([(1, 1.0), (2, 0.9)], 1),
        ([(1, 1.0), (2, 1.04), (4, 3.0)], None),  # a hump is no end
        ([(1, 1.0)], None),
        ([], None),
    ],
)
def test_where_it_stops_paying(todo: Any, points: list[tuple[int, float]], expected: int | None) -> None:
    assert todo.measures.stops_paying_at(points) == expected


def test_the_profile_is_one_that_recommend_takes(todo: Any) -> None:
    found = todo.measures.profile_of(make_run(todo), 1.2345, 2)
    profile = WorkloadProfile.model_validate(json.loads(json.dumps(found)))
    assert profile.cpu_ms_per_task == 100  # 2 s of CPU time for 20 tasks
    assert (profile.tasks, profile.cpu_cores, profile.name) == (20, 2, "Todo batch: validate")
    assert profile.payload_kb_per_task == 1.23 and profile.io_wait_ms_per_task == 0
    assert todo.measures.profile_of(make_run(todo), 1, 2, "report")["name"] == "Todo batch: report"


# The table ------------------------------------------------------------------------------------------------------------

MISSING = {"cpu_percent": None, "peak_memory_mb": None, "memory_metric": None, "speedup": None, "efficiency": None}
NUMBERS = st.none() | st.floats(0, 1e12)


@given(
    titles=st.lists(st.text(max_size=60), min_size=1, max_size=5),
    numbers=st.lists(NUMBERS, min_size=3, max_size=3),
    seconds=st.floats(1e-9, 1e9),
    utf8=st.booleans(),
)
def test_a_table_fits_whatever_is_in_it(
    todo: Any, titles: list[str], numbers: list[float | None], seconds: float, utf8: bool
) -> None:
    fields = dict(zip(("cpu_percent", "peak_memory_mb", "speedup"), numbers, strict=True))
    runs = [make_run(todo, title=title, seconds=seconds * (place + 1), **fields) for place, title in enumerate(titles)]
    text = todo.dashboard.table(runs, utf8=utf8)
    lines = text.split("\n")
    assert all(todo.dashboard._columns(line) <= 80 and line.isprintable() for line in lines)
    box = lines[: lines.index("")]
    assert len({todo.dashboard._columns(line) for line in box}) == 1 and len(box) == 6 + len(runs)
    assert utf8 or text.isascii()
    assert 3 <= len(lines) - len(box) <= 6  # an empty line and up to 5


def test_the_table_says_who_won_and_why(todo: Any) -> None:
    runs = [
        make_run(todo, execution="sequential", title="Sequential", processors=1),
        make_run(todo, title="Free threads", seconds=0.5, speedup=4.0, cpu_percent=390.0),
        make_run(todo, execution="processes", title="Processes", seconds=0.75, speedup=2.667, peak_memory_mb=61.25),
    ]
    lines = todo.dashboard.table(runs).splitlines()
    assert lines[0].startswith("╔═")
    assert lines[6].startswith("║ Free threads │     2 │    0.500 │   4.00x │   390 │        20.0 ║")
    assert lines[-5:] == [
        "Winner: Free threads",
        "  └─ 4.00 times as fast as sequential",
        "  └─ 1.50 times as fast as the next (Processes)",
        "  └─ CPU 390 % of one, memory 20.0 MB (Processes: 61.2)",
        "  └─ free threads compute at the same time, on the same objects: no copies",
    ]
    assert todo.dashboard.table(runs, utf8=False).splitlines()[0].startswith("+--")


def test_who_did_not_come_to_the_end_does_not_win(todo: Any) -> None:
    slow = make_run(todo, seconds=9.0)
    halted = make_run(todo, report=todo.coordinator.Report(done=3, stopped=True), seconds=0.1)
    partial = make_run(todo, report=todo.coordinator.Report(done=3, not_processed=[4]), seconds=0.1)
    assert todo.dashboard.winner([halted, slow, partial]) is slow
    assert todo.dashboard.winner([halted]) is halted
    assert todo.dashboard.winner([]) is None


def test_a_small_lead_is_called_small(todo: Any) -> None:
    runs = [make_run(todo), make_run(todo, execution="asyncio", title="asyncio", seconds=2.04)]
    assert "too close to call" in todo.dashboard.table(runs)
    assert "other reasons may decide" in todo.dashboard.markdown(runs)


def test_a_lead_without_computing_at_the_same_time_is_chance_and_a_busy_machine_is_told(todo: Any) -> None:
    runs = [make_run(todo, execution="sequential", title="Sequential", cpu_percent=61.0), make_run(todo, seconds=1.0)]
    for text in (todo.dashboard.table(runs), todo.dashboard.markdown(runs)):
        assert "the GIL lets one thread compute at a time: its lead is chance" in text
        assert "Other programs were busy: sequential got 61 % of a CPU. Measure again." in text
    runs[0] = runs[0]._replace(seconds=0.5, cpu_percent=99.0)
    assert "more processors cost more than they gave" in todo.dashboard.table(runs)
    assert "Other programs" not in todo.dashboard.table(runs) + todo.dashboard.markdown(runs)


def test_missing_values_are_dashes_and_nothing_is_said_of_them(todo: Any) -> None:
    text = todo.dashboard.table([make_run(todo, **MISSING)])
    row = next(line for line in text.splitlines() if "Threads" in line)
    assert row.split("│")[3:] == ["       - ", "     - ", "           - ║"]
    assert "None" not in text and "nan" not in text
    assert todo.dashboard.table([]) == "Nothing was measured."


# Timelines ------------------------------------------------------------------------------------------------------------


def bars(text: str) -> list[str]:
    return [line.split("|")[1] for line in text.splitlines() if line.count("|") == 2]


def test_a_timeline_shows_who_worked_when(todo: Any) -> None:
    lines = todo.dashboard.timeline(make_run(todo), width=55).splitlines()
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
    text = todo.dashboard.timeline(run, width)
    (bar,) = bars(text)
    assert set(bar) <= {"#", "."} and max(map(len, text.splitlines())) <= width
    assert bar.count("#") == pytest.approx(len(bar) * busy / 10, abs=0.51)
    assert int(text.partition("| ")[2].partition("%")[0]) == pytest.approx(100 - 10 * busy, abs=1)
    drawn = sum(float(rect.get("width", 0)) for rect in svg_bars(todo.dashboard.timeline_svg(run)))
    assert drawn == pytest.approx(72 * busy, abs=0.6 * len(spans) + 0.1)  # of 720 pixels for 10 s


def svg_bars(svg: str) -> list[ET.Element]:
    return [rect for rect in ET.fromstring(svg).iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]


def test_a_run_with_more_batches_than_spans_says_so(todo: Any) -> None:
    run = make_run(todo, seconds=100.0)
    run.report.shares[0].batches = 1000
    text = todo.dashboard.timeline(run)
    assert "the first 3 of 1,001 batches" in text and "2.000 s" in text
    assert "the first 3 of 1,001 batches" in todo.dashboard.timeline_svg(run)


def test_waiting_for_the_gil_is_said(todo: Any) -> None:
    run = make_run(todo)
    for share in run.report.shares.values():
        share.cpu_seconds /= 2
    assert "50 % was computing" in todo.dashboard.timeline(run)
    assert max(map(len, todo.dashboard.timeline(run).splitlines())) <= 80


@pytest.mark.parametrize("title", ["Processes", HOSTILE])
def test_pictures_are_well_formed_and_need_nothing_else(todo: Any, title: str) -> None:
    run = make_run(todo, title=title, schedule=title)
    svg, page = todo.dashboard.timeline_svg(run), todo.dashboard.timeline_html(run)
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
    ticks = list(todo.dashboard._ticks(until))
    assert ticks[0] == 0 and 2 <= len(ticks) <= 11 and ticks == sorted(set(ticks)) and ticks[-1] <= until * (1 + 1e-5)


def test_a_million_spans_are_no_million_rectangles(todo: Any) -> None:
    spans = [todo.coordinator.Span(0, place / 20_000, (place + 0.9) / 20_000, 1) for place in range(20_000)]
    report = todo.coordinator.Report(done=20_000, spans=spans, shares={0: todo.coordinator.Share(20_000, 20_000, 0.9)})
    svg = todo.dashboard.timeline_svg(make_run(todo, seconds=1.0, report=report, idle_seconds={0: 0.1}))
    assert len(svg_bars(svg)) < 2000


def test_an_empty_run_has_a_timeline(todo: Any) -> None:
    run = make_run(todo, report=todo.coordinator.Report(), idle_seconds={}, seconds=0.0)
    assert todo.dashboard.timeline(run) and ET.fromstring(todo.dashboard.timeline_svg(run)).tag


# How it scales, and the report ----------------------------------------------------------------------------------------


def test_the_chart_has_bars_the_ideal_and_the_laws_in_words(todo: Any) -> None:
    points = [(1, 1.0), (2, 1.9), (4, 1.92), (8, 1.8)]
    processes = make_run(todo, execution="processes", title="Processes")
    lines = todo.dashboard.scalability(processes, points, todo.measures.usl(points)).splitlines()
    one, two, four, eight = lines[1:5]
    assert one.endswith("1.00x") and "|" in one and "|" in two and ">" in four and ">" in eight
    assert two.count("#") > 1.8 * one.count("#")
    assert lines[-1] == "It stops paying at 2 processors: from there on, one more adds under 5 %."
    assert any(line.startswith("Amdahl's law: ") for line in lines)
    assert todo.dashboard.scalability(processes, [], (0, 0)) == "No scaling was measured."


def test_what_takes_turns_has_no_ideal_and_what_is_one_has_no_chart(todo: Any) -> None:
    points = [(1, 1.0), (2, 1.02)]
    for execution, title in (("threads", "Threads (GIL)"), ("asyncio", "asyncio")):
        run = make_run(todo, execution=execution, title=title)
        text = todo.dashboard.scalability(run, points, todo.measures.usl(points))
        assert "chance" in text and "|" not in text and ">" not in text and "ideal" not in text and "law" not in text
    free = make_run(todo, title=todo.measures.FREE_THREADED)
    assert "the ideal (|)" in todo.dashboard.scalability(free, points, todo.measures.usl(points))
    sequential = make_run(todo, execution="sequential", title="Sequential", processors=1)
    assert not todo.dashboard.can_have_more(sequential)
    assert (
        todo.dashboard.scalability(sequential, [], (0, 0)) == "Sequential has one processor: there is nothing to scale."
    )


SECTIONS = (
    "Measured speedups", "CPU use", "Memory", "Error handling confirmed", "Scalability", "Timeline", "Recommendation",
)  # fmt: skip


def test_the_report_has_the_sections_and_what_was_thrown_in(todo: Any) -> None:
    runs = [make_run(todo, execution="sequential", title="Sequential"), make_run(todo, seconds=0.5, speedup=4.0)]
    trial = todo.dashboard.Trial("a worker killed | mid-batch", 20, 18, 2, 0, errors=("ValueError: no",))
    besides = {"Schedules": [make_run(todo, title="Threads (GIL), static", schedule="static")]}
    text = todo.dashboard.markdown(runs, [(1, 1.0), (2, 1.9), (4, 1.92)], trials=[trial], besides=besides)
    found = tuple(line[3:] for line in text.splitlines() if line.startswith("## "))
    assert found == (*SECTIONS[:4], "Schedules", *SECTIONS[4:])
    assert "| Threads (GIL), static | 2 | static |" in text
    assert "| 0 | 15 | 2 | 1.500 | 1.500 | 75 % | 0.500 | 0 |" in todo.dashboard.markdown([make_run(todo)])
    assert "| a worker killed \\| mid-batch | 20 | 18 | 2 | 0 | 0 | 0 | 0 |" in text
    assert "- said: ValueError: no" in text and "**Threads (GIL)** with 2 processors" in text
    assert "The next, Sequential, took 4.00 times as long. Beyond 2 processors, one more is not worth" in text
    assert (
        tuple(line[3:] for line in todo.dashboard.markdown(runs[:1]).splitlines() if line.startswith("## ")) == SECTIONS
    )
    assert "Nothing was measured" in todo.dashboard.markdown([])


def test_tasks_without_an_outcome_are_told(todo: Any) -> None:
    run = make_run(todo, tasks=23)
    assert "| Threads (GIL) | 23 | 20 | 0 | 0 | 0 | 0 | 3 | 0 |" in todo.dashboard.markdown([run])


def test_text_of_tasks_is_no_markup_in_the_report(todo: Any) -> None:
    run = make_run(todo, title=HOSTILE)
    trial = todo.dashboard.Trial(HOSTILE, 1, 1, 0, 0, errors=(HOSTILE, "www.evil.example"))
    text = todo.dashboard.markdown([run], trials=[trial], besides={HOSTILE: [run]})
    text.encode()
    outside = "\n".join(line for line in text.split("\n") if not line.startswith("    "))  # of code
    for mark in ("<script", " `x`", "[a]", "**c**", "http://", "www.", " | [", "& "):
        assert mark not in outside, mark
    assert all(c.isprintable() or c == "\n" for c in text)
    assert not any(line.startswith("# not") for line in text.splitlines())


@pytest.mark.parametrize("file", [file.name for file in sorted(FOLDER.glob("*.py"))])
def test_functions_fit_a_screen(file: str) -> None:
    text = (FOLDER / file).read_text("utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None and node.end_lineno - node.lineno < 50, node.name
