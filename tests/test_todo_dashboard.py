"""The table of runs and its winner: it fits whatever is in it, and says why."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from todo_program import FOLDER, make_run, modules

todo = pytest.fixture(scope="module")(modules)

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
    assert all(todo.text.columns(line) <= 80 and line.isprintable() for line in lines)
    box = lines[: lines.index("")]
    assert len({todo.text.columns(line) for line in box}) == 1 and len(box) == 6 + len(runs)
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
    assert todo.winner.winner([halted, slow, partial]) is slow
    assert todo.winner.winner([halted]) is halted
    assert todo.winner.winner([]) is None


def test_a_small_lead_is_called_small(todo: Any) -> None:
    runs = [make_run(todo), make_run(todo, execution="asyncio", title="asyncio", seconds=2.04)]
    assert "too close to call" in todo.dashboard.table(runs)
    assert "other reasons may decide" in todo.markdown.markdown(runs)


def test_a_lead_without_computing_at_the_same_time_is_chance_and_a_busy_machine_is_told(todo: Any) -> None:
    runs = [make_run(todo, execution="sequential", title="Sequential", cpu_percent=61.0), make_run(todo, seconds=1.0)]
    for text in (todo.dashboard.table(runs), todo.markdown.markdown(runs)):
        assert "the GIL lets one thread compute at a time: its lead is chance" in text
        assert "Other programs were busy: sequential got 61 % of a CPU. Measure again." in text
    runs[0] = runs[0]._replace(seconds=0.5, cpu_percent=99.0)
    assert "more processors cost more than they gave" in todo.dashboard.table(runs)
    assert "Other programs" not in todo.dashboard.table(runs) + todo.markdown.markdown(runs)


def test_missing_values_are_dashes_and_nothing_is_said_of_them(todo: Any) -> None:
    text = todo.dashboard.table([make_run(todo, **MISSING)])
    row = next(line for line in text.splitlines() if "Threads" in line)
    assert row.split("│")[3:] == ["       - ", "     - ", "           - ║"]
    assert "None" not in text and "nan" not in text
    assert todo.dashboard.table([]) == "Nothing was measured."


@pytest.mark.parametrize("file", [file.name for file in sorted(FOLDER.glob("*.py"))])
def test_functions_fit_a_screen(file: str) -> None:
    text = (FOLDER / file).read_text("utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None and node.end_lineno - node.lineno < 50, node.name
