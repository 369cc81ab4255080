"""The table of runs and its winner: it fits whatever is in it, and says why."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from todo_comparison import make_comparison, make_row
from todo_program import FOLDER, modules

todo = pytest.fixture(scope="module")(modules)


def report_of(todo: Any, found: Any) -> str:
    return str(todo.markdown.markdown("Todo", todo.contents.sections_of(found)))


NUMBERS = st.none() | st.floats(0, 1e12)


@given(
    titles=st.lists(st.text(max_size=60), min_size=1, max_size=5, unique=True),
    numbers=st.lists(NUMBERS, min_size=2, max_size=2),
    seconds=st.floats(1e-9, 1e9),
    utf8=st.booleans(),
)
@settings(max_examples=50)
def test_a_table_fits_whatever_is_in_it(
    todo: Any, titles: list[str], numbers: list[float | None], seconds: float, utf8: bool
) -> None:
    fields = dict(zip(("cpu_seconds", "peak_memory_mb"), numbers, strict=True))
    rows = [
        make_row(todo, name=title, title=title, samples=(seconds * (place + 1),), baseline=False, **fields)
        for place, title in enumerate(titles)
    ]
    found = make_comparison(todo, rows)
    text = todo.dashboard.table(found, utf8=utf8)
    lines = text.split("\n")
    assert all(todo.text.columns(line) <= 80 and line.isprintable() for line in lines)
    box = lines[: lines.index("")]
    assert len({todo.text.columns(line) for line in box}) == 1 and len(box) == 7 + len(rows)
    assert utf8 or text.isascii()
    assert 3 <= len(lines) - len(box) <= 8  # an empty line, and up to 5, and up to 2 of a busy machine
    for other in (todo.dashboard.scaled, todo.dashboard.limits, todo.dashboard.worth):
        told = other(found, utf8=utf8)
        assert all(line.isprintable() for line in told.split("\n")) and (utf8 or told.isascii())


def test_the_table_says_who_won_and_why(todo: Any) -> None:
    rows = [
        make_row(todo, "Free threads", seconds=0.5, cpu_seconds=0.975, peak_memory_mb=20.0),
        make_row(todo, seconds=0.75, peak_memory_mb=61.25),
    ]
    lines = todo.dashboard.table(make_comparison(todo, rows)).splitlines()
    assert lines[0].startswith("╔═")
    assert lines[6].startswith("║ Free threads │     2 │    0.500 │   4.00x │ 3.88-4.12 │   195 │ 20.0 ║")
    assert lines[-5:] == [
        "Winner: Free threads",
        "  └─ 4.00 times as fast as sequential",
        "  └─ 1.50 times as fast as the next (Processes)",
        "  └─ CPU 195 % of one, memory 20.0 MB (Processes: 61.2)",
        "  └─ free threads compute at the same time, on the same objects: no copies",
    ]
    assert todo.dashboard.table(make_comparison(todo, rows), utf8=False).splitlines()[0].startswith("+--")


def test_each_way_has_its_best_number_of_processors_and_the_others_below(todo: Any) -> None:
    found = make_comparison(todo)
    assert todo.dashboard.table(found).count("║ Processes") == 1
    assert "║ Processes  │     4 │" in todo.dashboard.table(found)
    title, row = todo.dashboard.scaled(found).splitlines()
    assert title.split() == ["Speedup", "by", "processors,", "against", "one", "1", "2", "4"]
    assert row.split() == ["Processes", "1.00x", "1.94x", "1.96x"]
    assert todo.dashboard.limits(found) == "What limits Processes: the cores: 4 processors kept 1.92 of 2 CPUs busy."
    assert todo.dashboard.worth(found).endswith("under 1.2x, stay with what is simpler.")
    assert todo.dashboard.scaled(make_comparison(todo, [])) == "No scaling was measured."


def test_a_small_lead_is_called_small(todo: Any) -> None:
    rows = [make_row(todo, "Processes", seconds=1.0), make_row(todo, "Subinterpreters", seconds=1.02)]
    found = make_comparison(todo, rows)
    assert "too close to call" in todo.dashboard.table(found)
    assert "other reasons may decide" in report_of(todo, found)


def test_what_takes_turns_does_not_win_by_chance_and_a_busy_machine_is_told(todo: Any) -> None:
    found = make_comparison(todo, [make_row(todo, "Threads (GIL)", seconds=1.0)])
    busy = found._replace(measured=(found.measured[0]._replace(cpu_seconds=1.22), found.measured[1]))
    for text in (todo.dashboard.table(busy), report_of(todo, busy)):
        assert "more processors cost more than they gave" in text
        assert "Other programs were busy: sequential got 61 % of a CPU. Measure again." in text
    assert "Winner: Sequential" in todo.dashboard.table(found) and "whose lead is chance" in report_of(todo, found)
    assert "Other programs" not in todo.dashboard.table(found) + report_of(todo, found)
    waiting = found._replace(work=found.work._replace(task_wall_ms=9.0))
    assert "Winner: Threads (GIL)" in todo.dashboard.table(waiting)
    assert "processors that take turns wait at the same time" in todo.dashboard.table(waiting)


def test_missing_values_are_dashes_and_nothing_is_said_of_them(todo: Any) -> None:
    text = todo.dashboard.table(
        make_comparison(todo, [make_row(todo, cpu_seconds=None, peak_memory_mb=None, memory_metric=None)])
    )
    row = next(line for line in text.splitlines() if "Processes" in line)
    assert row.endswith("│     - │    - ║")
    assert "None" not in text and "nan" not in text


@pytest.mark.parametrize("file", [file.name for file in sorted(FOLDER.glob("*.py"))])
def test_functions_fit_a_screen(file: str) -> None:
    text = (FOLDER / file).read_text("utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None and node.end_lineno - node.lineno < 50, node.name
