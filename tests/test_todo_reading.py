"""Todos from files and pipes: all kinds of them, and what is wrong fails alone with its place."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from todo_program import IN_JSON, KINDS, modules

todo = pytest.fixture(scope="module")(modules)

TODO = {
    "title": "Räum auf, ja",
    "priority": 2,
    "done": True,
    "due": "2026-11-22",
    "estimate": 15,
    "tags": ["home", "x"],
}


def read(todo: Any, file: Path, content: str | bytes) -> list[Any]:
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return list(todo.reading.Todos(file))


@pytest.mark.parametrize("name", ["todos.csv", "todos.json", "todos.jsonl", "TODOS.CSV", "TODOS.JSON", "todos.txt"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_every_kind_of_file_gives_the_same_tasks(todo: Any, tmp_path: Path, name: str, mark: str) -> None:
    kind = name.lower().partition(".")[2]
    if kind == "csv":
        content = 'title,priority,done,due,estimate,tags\n"Räum auf, ja",2,yes,2026-11-22,15,home x\n\nplain,,,,,\n'
    elif kind == "json":
        content = json.dumps([TODO, {"title": "plain"}])
    else:
        content = f'{json.dumps(TODO)}\n\n{{"title": "plain"}}\n'
    task = todo.tasks.Task
    assert read(todo, tmp_path / name, mark + content) == [
        task(0, "Räum auf, ja", 2, done=True, due=date(2026, 11, 22).toordinal(), estimate=15, tags=("home", "x")),
        task(1, "plain"),
    ]


BAD_TODOS = {
    "csv short row": ("a.csv", "priority,title\n\n\n5\n", "line 4 (row 1), column title: it is missing"),
    "csv long row": (
        "a.csv",
        "title,priority\nmilk, eggs,3\n",
        "line 2 (row 1): it has 3 cells, and the header 2 columns",
    ),
    "csv no number": (
        "a.csv",
        'title,priority\n"two\nlines",high\n',
        "line 2 (row 1), column priority: 'high' is not a whole",
    ),
    "csv half a number": (
        "a.csv",
        "title,estimate\na,2.5\n",
        "line 2 (row 1), column estimate: '2.5' is not a whole number",
    ),
    "csv no day": (
        "a.csv",
        "title,due\na,1\nb,soon\n",
        "line 3 (row 2), column due: 'soon' is not a day such as 2026-11-22",
    ),
    "csv no such day": ("a.csv", "title,due\na,2026-02-30\n", "line 2 (row 1), column due: '2026-02-30' is not a day"),
    "csv no flag": ("a.csv", "title,done\na,maybe\n", "line 2 (row 1), column done: 'maybe' is not yes or no"),
    "csv no text": ("a.csv", b"title\nok\n\xff\xfe\n", "line 3 (row 2), column title: it is not text in UTF-8"),
    "json text": ("a.json", '["buy milk"]', "entry 1: a todo is an object with a title"),
    "json null": ("a.json", '[{"title": "a"}, {"title": null}]', "entry 2, field title: it is missing"),
    "json title": ("a.json", '[{"title": ["a"]}]', 'entry 1, field title: ["a"] is not a text'),
    "json unknown field": (
        "a.json",
        '[{"title": "a", "colour": 1}]',
        "entry 1: unknown field 'colour' (there are created,",
    ),
    "json endless": (
        "a.json",
        '[{"title": "a", "priority": 1e999}]',
        "entry 1, field priority: Infinity is not a whole number",
    ),
    "json tags": ("a.json", '[{"title": "a", "tags": 5}]', "entry 1, field tags: 5 is not a list of words"),
    "json list as number": (
        "a.json",
        '[{"title": "a", "priority": [1]}]',
        "entry 1, field priority: [1] is not a whole number",
    ),
    "json half a character": ("a.json", '[{"title": "\\ud800"}]', "entry 1, field title: it is not text in UTF-8"),
    "lines cut off": ("a.jsonl", '{"title": "a"}\n\n{"title"\n', "line 3: no valid JSON (Expecting ':' delimiter at"),
    "lines deep": ("a.jsonl", '{"title": "a"}\n' + "[" * 200_000, "line 2: it is nested too deeply"),
    "lines number": ("a.jsonl", "5", "line 1: a todo is an object with a title"),
    "lines long number": ("a.jsonl", '{"title": "a", "due": "' + "9" * 5000 + '"}', "line 1, field due: '9999"),
}


@pytest.mark.parametrize("case", BAD_TODOS)
def test_a_todo_that_cannot_be_read_fails_alone_with_its_place_in_plain_words(
    todo: Any, tmp_path: Path, case: str
) -> None:
    name, content, said = BAD_TODOS[case]
    found = read(todo, tmp_path / name, content)
    assert [task.number for task in found] == list(range(len(found)))
    faults = [task for task in found if isinstance(task, todo.tasks.Malformed)]
    assert len(faults) == 1 and said in faults[0].fault and "int()" not in faults[0].fault
    batch = todo.tasks.Batch(0, [*found, todo.tasks.Task(99, "good")])
    outcomes = todo.tasks.process_batch(todo.tasks.Settings(), batch).outcomes
    assert [(o.number, o.error) for o in outcomes if o.status == "failed"] == [(faults[0].number, faults[0].fault)]
    with pytest.raises(ValueError) as caught:
        list(todo.reading.Todos(tmp_path / name, strict=True))
    assert str(caught.value).startswith(f"{tmp_path / name}, ") and said in str(caught.value)


BAD_FILES = {
    "csv no title": ("a.csv", "priority\n5\n", ", line 1: the header has no column title: the columns may be created"),
    "csv empty": ("a.csv", "", ", line 1: the header has no column title"),
    "csv unknown column": ("a.csv", "title,colour\na,red\n", ", line 1: the header has an unknown column 'colour'"),
    "csv twice": ("a.csv", "title,due,due\n", ", line 1: the header has the column due twice"),
    "csv long field": ("a.csv", "title\nok\n" + "x" * 200_000, ", line 3: field larger than field limit"),
    "csv never closed": ("a.csv", 'title\nok\n"' + "x\n" * 100_000, "(was a quote never closed?)"),
    "csv row without end": ("a.csv", 'title\n"' + '\n","' * 1_000_000, "a todo has at most 1,000,000 characters"),
    "json cut off": ("a.json", '[{"title": "a"}', ", line 1: no valid JSON (Expecting ',' delimiter at character"),
    "json no list": ("a.json", '{"title": "a"}', ", line 1: a list of todos is needed"),
    "json deep": ("a.json", "[" * 200_000, ", line 1: it is nested too deeply"),
    "json empty": ("a.json", "", ", line 1: no valid JSON (Expecting value"),
    "line without end": ("a.jsonl", '{"title": "a"}\n' + "x" * 1_000_001, ", line 2: a todo has at most 1,000,000"),
    "neither": ("a.txt", "buy milk\n", ", line 1: the header has no column title"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_what_makes_a_file_unreadable_is_said_with_its_place(todo: Any, tmp_path: Path, case: str) -> None:
    name, content, said = BAD_FILES[case]
    with pytest.raises(ValueError) as caught:
        read(todo, tmp_path / name, content)
    assert str(caught.value).startswith(str(tmp_path / name)) and said in str(caught.value)


def test_a_list_that_is_too_long_to_be_read_whole_is_refused(
    todo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(todo.reading, "_LARGEST_LIST", 20)
    assert len(read(todo, tmp_path / "a.json", '[{"title": "1234"}]')) == 1
    with pytest.raises(ValueError, match=r"a JSON list may have 20 characters.*\.jsonl"):
        read(todo, tmp_path / "a.json", '[{"title": "123456"}]')


def test_files_are_read_as_they_are_needed(todo: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"title": "first"}\nnonsense\n', encoding="utf-8")
    tasks = iter(todo.reading.Todos(file, strict=True))
    assert next(tasks).title == "first"
    with pytest.raises(ValueError, match="line 2"):
        next(tasks)
    with pytest.raises(ValueError, match=r"nothing\.csv: it cannot be read: No such file"):
        list(todo.reading.Todos(tmp_path / "nothing.csv"))
    with pytest.raises(ValueError, match="it cannot be read: Is a directory"):
        list(todo.reading.Todos(tmp_path))


def test_a_list_says_how_many_todos_it_has(todo: Any, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"title": "a"}, {"title": "b"}]', "utf-8")
    todos = todo.reading.Todos(tmp_path / "a.json")
    assert todos.count is None and not todos.may_wait
    next(iter(todos))
    assert todos.count == 2


@pytest.mark.parametrize(
    "content", ["title,priority\nx,1\n", '[{"title": "x", "priority": 1}]', '\n{"title": "x", "priority": 1}\n']
)
def test_a_name_that_does_not_say_what_it_is_is_looked_into(todo: Any, tmp_path: Path, content: str) -> None:
    assert read(todo, tmp_path / "todos", content) == [todo.tasks.Task(0, "x", 1)]


@pytest.mark.parametrize(("cell", "number"), [(" 7 ", 7), ("7.0", 7), ("-1", -1), ("+2", 2)])
def test_whole_numbers_as_spreadsheets_write_them(todo: Any, tmp_path: Path, cell: str, number: int) -> None:
    assert read(todo, tmp_path / "a.csv", f"title,priority\nx,{cell}\n")[0].priority == number


json_values = st.recursive(IN_JSON, st.lists, max_leaves=4)


@given(
    entries=st.lists(
        st.dictionaries(st.sampled_from([*TODO, "created", "other"]), json_values) | json_values, max_size=4
    ),
    suffix=st.sampled_from(["json", "jsonl"]),
)
def test_json_of_any_kind_is_read_and_what_is_wrong_fails_alone(
    todo: Any, tmp_path_factory: pytest.TempPathFactory, entries: list[Any], suffix: str
) -> None:
    content = json.dumps(entries) if suffix == "json" else "\n".join(map(json.dumps, entries))
    file = tmp_path_factory.getbasetemp() / f"any.{suffix}"
    tasks = read(todo, file, content)
    assert [task.number for task in tasks] == list(range(len(entries)))
    for kind in KINDS:
        outcomes = todo.tasks.process_batch(todo.tasks.Settings(kind), todo.tasks.Batch(0, tasks)).outcomes
        assert [outcome.number for outcome in outcomes] == list(range(len(entries)))


@given(content=st.text(alphabet=st.sampled_from('title,priority\n\r"0;é\0 ')) | st.text())
@example("title\n\0")
def test_csv_of_any_kind_is_read_or_refused(todo: Any, tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    try:
        data = content.encode("utf-8")
    except UnicodeEncodeError:
        data = content.encode("utf-8", "surrogatepass")
    try:
        tasks = read(todo, file, data)
    except ValueError as error:
        assert str(error).startswith(f"{file}, ")  # noqa: PT017  # both are right
    else:
        assert [task.number for task in tasks] == list(range(len(tasks)))


# Where reading may have to wait ---------------------------------------------------------------------------------------


def test_what_is_not_there_yet_is_none_and_an_error_comes_in_its_place(todo: Any) -> None:
    gate = threading.Event()

    def slow() -> Iterator[Any]:
        yield todo.tasks.Batch(0, [])
        gate.wait(30)
        yield todo.tasks.Batch(1, [])
        raise ValueError("line 7")

    arriving = todo.reading.Arriving(slow())
    found: list[Any] = []
    while not found:
        found += [batch for batch in [next(arriving)] if batch is not None]
    assert next(arriving) is None
    gate.set()
    while len(found) < 2:
        found += [batch for batch in [next(arriving)] if batch is not None]
    with pytest.raises(ValueError, match="line 7"):
        list(itertools.takewhile(lambda batch: batch is None, arriving))
    assert [batch.number for batch in found] == [0, 1] and list(arriving) == []
