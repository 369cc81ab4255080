"""Results are kept and read again as they were, and a file that is none of ours is refused with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from todo_comparison import make_comparison, make_row
from todo_program import call_program, modules

todo = pytest.fixture(scope="module")(modules)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_results_are_read_as_they_were_written(todo: Any, tmp_path: Path) -> None:
    found = make_comparison(todo, besides={"Schedules": (make_row(todo, title="Processes, static"),)})
    (tmp_path / "results.json").write_text(todo.results.as_json(found), "utf-8")
    assert todo.results.read_results(tmp_path / "results.json") == found


def test_speedups_are_there_for_readers_of_json(todo: Any) -> None:
    data = json.loads(todo.results.as_json(make_comparison(todo)))
    (speedup,) = (s for s in data["speedups"] if s["title"] == "Processes" and s["processors"] == 2)
    assert speedup["speedup"]["low"] < 1.9 < speedup["speedup"]["high"] < 2.1


def test_one_measurement_has_no_interval(todo: Any) -> None:
    row = make_row(todo, samples=(1.0,))
    assert make_comparison(todo, [row]).speedup(row) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON"),
        ("[1]", "no results of this program"),
        ('{"program": "todo_batch", "schema": 2}', "of another version: schema is not 1"),
        ('{"program": "todo_batch", "schema": 1}', "at: it is missing"),
        ("[" * 100_000, "without end"),
        ('{"program": NaN}', "no number that JSON has"),
        ('{"program": "todo_batch", "schema": 1, "at": "\\u001b[31m"', "line 1, column"),
    ],
)
def test_what_is_no_file_of_results_is_refused(todo: Any, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "results.json").write_text(text, "utf-8")
    done = call_program(todo, tmp_path, "report", "results.json")
    assert done.code == 2 and said in done.err and "results.json" in done.err and "\x1b" not in done.err


def test_a_file_that_is_not_there_or_is_no_file_is_refused(todo: Any, tmp_path: Path) -> None:
    assert call_program(todo, tmp_path, "report", "none.json").code == 2
    assert call_program(todo, tmp_path, "report", ".").code == 2
    (tmp_path / "results.json").write_bytes(b"\xff\xfe")
    assert "UTF-8" in call_program(todo, tmp_path, "report", "results.json").err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measured": [{}]}, "measured[0].execution: it is missing"),
        ({"seconds": -1}, "seconds: -1 is not a number from 0"),
        ({"seed": True}, "seed: True is not a whole number from 0"),
        ({"measured": []}, "the baseline, plain sequential code, is not there"),
        ({"code": []}, "code: [] is not an object"),
        ({"at": 3}, "at: 3 is not text"),
        ({"seconds": 10**400}, "is not a number from 0"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(todo: Any, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    data = json.loads(todo.results.as_json(make_comparison(todo))) | change
    (tmp_path / "results.json").write_text(json.dumps(data), "utf-8")
    done = call_program(todo, tmp_path, "report", "results.json", "--decision")
    assert done.code == 2 and said in done.err


def test_times_of_nothing_are_refused(todo: Any) -> None:
    for row in (make_row(todo, samples=(0.0,)), make_row(todo, processors=0)):
        with pytest.raises(ValueError, match="measured: "):
            todo.results._check(make_comparison(todo, [row]))


@settings(max_examples=40)
@given(path=st.lists(st.integers(0, 30), min_size=1, max_size=4), value=JSON)
def test_whatever_stands_in_a_file_it_is_read_or_refused(todo: Any, path: list[int], value: Any) -> None:
    data = json.loads(todo.results.as_json(make_comparison(todo)))
    place: Any = data
    for step in path[:-1]:
        keys = list(place) if isinstance(place, dict) else list(range(len(place))) if isinstance(place, list) else []
        if not keys or not isinstance(place[keys[step % len(keys)]], dict | list):
            break
        place = place[keys[step % len(keys)]]
    if place:
        place[(list(place) if isinstance(place, dict) else range(len(place)))[path[-1] % len(place)]] = value
    try:
        found = todo.records.built(todo.results.Comparison, data)
        todo.results._check(found)
    except ValueError:
        return
    sections = todo.contents.sections_of(found)
    todo.markdown.markdown("Todo", sections).encode()
    todo.page.page("Todo", sections).encode()
    todo.decision.decision(found, todo.decision.Prices(1.0, None)).encode()
