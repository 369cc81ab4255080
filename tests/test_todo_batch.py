"""The parts of the todo batch system one by one: tasks, schedules, collectors, and the coordinator with a made-up crew."""

from __future__ import annotations

import importlib
import itertools
import json
import pickle
import random
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

FOLDER = Path(__file__).resolve().parent.parent / "programs" / "todo_batch"
MODULES = ("tasks", "scheduling", "executions", "collecting", "coordinator", "reading")
KINDS = ("validate", "process", "report")
SCHEDULES = ("static", "queue", "stealing")


@pytest.fixture(scope="module")
def todo() -> Iterator[SimpleNamespace]:
    """The modules, which have common names: nothing of them stays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        for name in MODULES:
            patch.delitem(sys.modules, name, raising=False)
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
        for name in MODULES:
            sys.modules.pop(name, None)


# Tasks ----------------------------------------------------------------------------------------------------------------


def test_made_tasks_are_always_the_same_and_few_have_something_wrong(todo: Any) -> None:
    made = list(todo.tasks.make_tasks(2000))
    assert made[:700] == list(todo.tasks.make_tasks(700))
    assert [task.number for task in made] == list(range(2000))
    result = todo.tasks.process_batch(todo.tasks.Settings(), todo.tasks.Batch(0, made))
    assert 20 <= sum(bool(outcome.value[0]) for outcome in result.outcomes) <= 100


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_an_outcome_for_every_task_that_depends_on_the_task_alone(todo: Any, kind: str) -> None:
    made = list(todo.tasks.make_tasks(60))
    settings = todo.tasks.Settings(kind, 2)
    whole = todo.tasks.process_batch(settings, todo.tasks.Batch(4, made, 3))
    assert (whole.batch, whole.attempt) == (4, 3)
    assert whole.began <= whole.ended
    assert [outcome.number for outcome in whole.outcomes] == list(range(60))
    single = [todo.tasks.process_batch(settings, todo.tasks.Batch(0, [task])).outcomes[0] for task in reversed(made)]
    assert single[::-1] == whole.outcomes
    assert pickle.loads(pickle.dumps(whole)) == whole
    assert json.loads(json.dumps(whole.outcomes[0].value)) is not None
    values = [outcome.value for outcome in whole.outcomes]
    assert todo.tasks.summary(kind, values) == todo.tasks.summary(kind, values[::-1])


def test_the_validator_says_what_is_wrong_and_what_a_title_is_like(todo: Any) -> None:
    task, validator = todo.tasks.Task, todo.tasks.TaskValidator(1)
    assert validator.process(task(0, todo.tasks._title(7 * 4 + 3))) == ((), 4, 100)
    wrong = task(0, " ", priority=11, due=5, created=6, estimate=0, tags=("two words",))
    assert validator.process(wrong)[0] == ("title", "priority", "due", "estimate", "tags")
    assert validator.process(task(0, "Pay\x1b[2J"))[0] == ("title",)


def test_the_processor_moves_a_task_on_until_it_is_done(todo: Any) -> None:
    process = todo.tasks.TaskProcessor(20).process
    assert process(todo.tasks.Task(0, "a", done=True)) == ("done", 10, 0)
    state, priority, changes = process(todo.tasks.Task(0, "a", due=todo.tasks.TODAY + 3))
    assert (state, priority) == ("done", 10)
    assert changes >= 2


def test_the_reporter_puts_a_task_in_its_group(todo: Any) -> None:
    report, task, today = todo.tasks.TaskReporter(1).process, todo.tasks.Task, todo.tasks.TODAY
    groups = [report(task(0, "abc", done=done, due=due))[0] for done, due in [(True, 5), (False, 5), (False, today)]]
    assert groups == ["done", "late", "open"]
    assert sum(report(task(0, "abc", tags=("x",)))[3]) == len("abc x")


anything = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.binary())


@given(
    fields=st.fixed_dictionaries(
        {"title": anything},
        optional=dict.fromkeys(("priority", "done", "due", "created", "estimate", "tags"), anything),
    ),
    kind=st.sampled_from(KINDS),
)
def test_a_malformed_task_is_its_own_failure_and_nobody_elses(todo: Any, fields: dict[str, Any], kind: str) -> None:
    batch = todo.tasks.Batch(0, [todo.tasks.Task(0, "one"), todo.tasks.Task(1, **fields), todo.tasks.Task(2, "two")])
    assert isinstance(batch.priority, int)
    outcomes = todo.tasks.process_batch(todo.tasks.Settings(kind), batch).outcomes
    assert [outcome.number for outcome in outcomes] == [0, 1, 2]
    assert outcomes[0].status == outcomes[2].status == "done"
    if outcomes[1].status == "failed":
        assert outcomes[1].error and outcomes[1].error.isprintable() and len(outcomes[1].error) <= 300
        assert outcomes[1].value is None


def test_an_error_is_one_printable_line_whatever_it_is(todo: Any) -> None:
    class Silent(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise ValueError("no text")

    described = todo.tasks.described
    assert described(Silent()) == "Silent: (it has no text)"
    assert described(ValueError("two\nlines \x1b[31m \udc80")) == "ValueError: two lines ?[31m ?"
    assert len(described(ValueError("x" * 9999))) == 300


def test_troubles_befall_a_task_once_or_always(todo: Any) -> None:
    settings = todo.tasks.Settings(trouble={0: "raise", 1: "raise!"})
    made = list(todo.tasks.make_tasks(3))

    def statuses(attempt: int) -> list[str]:
        result = todo.tasks.process_batch(settings, todo.tasks.Batch(0, made, attempt))
        return [outcome.status for outcome in result.outcomes]

    assert statuses(1) == ["failed", "failed", "done"]
    assert statuses(2) == ["done", "failed", "done"]


def test_a_batch_that_is_told_to_stop_leaves_out_the_rest(todo: Any) -> None:
    answers = iter([False, False, True])
    batch = todo.tasks.Batch(0, list(todo.tasks.make_tasks(9)))
    result = todo.tasks.process_batch(todo.tasks.Settings(), batch, lambda: next(answers))
    assert [outcome.number for outcome in result.outcomes] == [0, 1]


@given(count=st.integers(0, 60), size=st.integers(1, 20))
def test_batches_have_all_tasks_in_order(todo: Any, count: int, size: int) -> None:
    found = list(todo.tasks.batches(todo.tasks.make_tasks(count), size))
    assert [task.number for batch in found for task in batch.tasks] == list(range(count))
    assert [batch.number for batch in found] == list(range(len(found)))
    assert all(len(batch.tasks) == size for batch in found[:-1])


# Files ----------------------------------------------------------------------------------------------------------------

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


json_values = st.recursive(anything.filter(lambda it: not isinstance(it, bytes)), st.lists, max_leaves=4)


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


# Schedules ------------------------------------------------------------------------------------------------------------


def batch_of(todo: Any, number: int, priority: int = 5, attempt: int = 1) -> Any:
    return todo.tasks.Batch(number, [todo.tasks.Task(number, "a", priority)], attempt)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("known", [True, False])
@given(data=st.data())
def test_a_schedule_gives_back_everything_once(todo: Any, name: str, known: bool, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 20))
    processors = data.draw(st.integers(1, 5))
    schedule = todo.scheduling.SCHEDULES[name](processors, count if known else None)
    added, given_back = 0, Counter[int]()
    for _ in range(data.draw(st.integers(0, 50))):
        step = data.draw(st.sampled_from(("add", "next", "next", "resize", "again")))
        if step == "add" and added < count:
            schedule.add(batch_of(todo, added, data.draw(st.integers(1, 10))))
            added += 1
        elif step == "next" and (batch := schedule.next(data.draw(st.integers(0, processors - 1)))) is not None:
            given_back[batch.number] += 1
        elif step == "again" and given_back:  # it was lost, and comes again
            number = data.draw(st.sampled_from(sorted(given_back)))
            given_back[number] -= 1
            given_back += Counter()
            schedule.add(batch_of(todo, number, attempt=2))
        elif step == "resize":
            processors = data.draw(st.integers(1, 5))
            schedule.resize(processors)
        assert schedule.waiting == added - given_back.total()
    for processor in range(processors):
        while (batch := schedule.next(processor)) is not None:
            given_back[batch.number] += 1
    assert given_back == Counter(range(added))
    assert schedule.waiting == 0


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_most_urgent_comes_first_and_a_malformed_priority_last(todo: Any, name: str) -> None:
    schedule = todo.scheduling.SCHEDULES[name](1, 6)
    for number, priority in enumerate([7, 3, "high", 3, True, 1]):
        schedule.add(batch_of(todo, number, priority))  # type: ignore[arg-type]
    order = [schedule.next(0).number for _ in range(6)]
    assert order == [5, 1, 3, 0, 2, 4]


def test_static_parts_are_blocks_or_dealt_and_nobody_helps(todo: Any) -> None:
    blocks, dealt = todo.scheduling.StaticSplit(2, 5), todo.scheduling.StaticSplit(2)
    assert [blocks.owner(batch_of(todo, number)) for number in range(6)] == [0, 0, 0, 1, 1, 1]
    assert [dealt.owner(batch_of(todo, number)) for number in range(4)] == [0, 1, 0, 1]
    dealt.add(batch_of(todo, 1))
    assert dealt.next(0) is None
    assert dealt.waiting == 1


def test_a_thief_takes_from_the_longest_part_and_is_counted(todo: Any) -> None:
    schedule = todo.scheduling.WorkStealing(3)
    for number in (0, 1, 4, 7):  # 1, 4 and 7 are of processor 1
        schedule.add(batch_of(todo, number))
    assert schedule.next(2).number == 1
    assert schedule.next(0).number == 0
    assert schedule.stolen == 1
    assert [schedule.next(1).number for _ in range(2)] == [4, 7]
    assert schedule.next(1) is None
    assert schedule.stolen == 1


# Collectors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lock", "queue", "merge"])
def test_a_collector_gives_every_message_once_and_those_of_a_processor_in_order(todo: Any, name: str) -> None:
    results = todo.collecting.COLLECTORS[name]()
    assert results.next(0.0) is None
    assert results.next(0.001) is None

    def add(processor: int) -> None:
        for number in range(500):
            results.add(processor, (processor, number))

    threads = [threading.Thread(target=add, args=(processor,)) for processor in range(4)]
    for thread in threads:
        thread.start()
    found = [results.next(30) for _ in range(2000)]
    for thread in threads:
        thread.join()
    assert results.next(0.0) is None
    for processor in range(4):
        assert [number for one, number in found if one == processor] == list(range(500))


@pytest.mark.parametrize("name", ["lock", "queue", "merge"])
def test_a_collector_without_a_timeout_waits_for_the_next_message(todo: Any, name: str) -> None:
    results = todo.collecting.COLLECTORS[name]()
    timer = threading.Timer(0.02, results.add, (1, "late"))
    timer.start()
    assert results.next(None) == "late"
    timer.join()


# Coordinator ----------------------------------------------------------------------------------------------------------


class Clock:
    """Time that passes when a crew has nothing to say."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic


class Made:
    """A crew without threads: who answers next, dies or hangs is drawn from a seed. It checks how it is used."""

    turn = None

    def __init__(self, todo: Any, clock: Clock, seed: int, trouble: dict[int, str], mishaps: float = 0.0) -> None:
        self.there: dict[int, float] = {}
        self.todo, self.clock, self.chance = todo, clock, random.Random(seed)
        self.trouble, self.mishaps = trouble, mishaps
        self.given: dict[int, deque[Any]] = {}
        self.hung: set[int] = set()
        self.hired = 0
        self.most = 0
        self.closed = False
        self.before: Callable[[], None] = lambda: None

    def hire(self, processor: int) -> None:
        assert processor not in self.given and not self.closed
        self.given[processor] = deque()
        self.hired += 1

    def give(self, processor: int, batch: Any) -> None:
        assert batch.tasks
        self.given[processor].append(batch)
        self.most = max(self.most, len(self.given[processor]))

    def discharge(self, processor: int) -> None:
        del self.given[processor]
        self.hung.discard(processor)

    def close(self) -> None:
        self.closed = True

    def next_message(self, timeout: float | None) -> Any:
        assert timeout is not None and timeout >= 0
        self.before()
        message, lost = self.todo.executions.Message, self.chance.random() < self.mishaps
        able = [processor for processor, given in self.given.items() if given and processor not in self.hung]
        if lost and self.given:  # also one that has nothing to do
            processor = self.chance.choice(sorted(self.given))
            self.discharge(processor)
            return message(processor, None, "it was killed")
        if not able:
            self.clock.now += timeout + 0.001
            return None
        processor = self.chance.choice(able)
        batch = self.given[processor][0]
        for task in batch.tasks:
            trouble = self.trouble.get(task.number, "")
            if batch.attempt == 1 or trouble.endswith("!"):
                if trouble.startswith("hang"):
                    self.hung.add(processor)
                    return self.next_message(timeout)
                if trouble.startswith("kill"):
                    self.discharge(processor)
                    return message(processor, None, "it was killed")
        self.given[processor].popleft()
        raises = {number: it for number, it in self.trouble.items() if it.startswith("raise")}
        settings = self.todo.tasks.Settings(trouble=raises)
        return message(processor, self.todo.tasks.process_batch(settings, batch))


class Run:
    """One run of a coordinator, and what it recorded."""

    def __init__(self, todo: Any, crew: Any, **options: Any) -> None:
        self.outcomes: list[Any] = []
        self.crew = crew
        self.coordinator = todo.coordinator.Coordinator(crew, todo.coordinator.Options(**options), self.record)

    def record(self, outcomes: list[Any]) -> None:
        assert outcomes
        self.outcomes += outcomes

    def __call__(self, source: Any, batches: int | None = None) -> Any:
        report = self.coordinator.run(source, batches)
        assert self.crew.closed
        assert report.done == sum(outcome.status == "done" for outcome in self.outcomes)
        assert report.done + report.failed == len(self.outcomes)
        assert len({outcome.number for outcome in self.outcomes} | {*report.not_processed}) == len(self.outcomes) + len(
            report.not_processed
        ), "a task ended twice"
        return report

    @property
    def statuses(self) -> dict[int, str]:
        return {outcome.number: outcome.status for outcome in self.outcomes}


@pytest.fixture(scope="module")
def clock(todo: Any) -> Iterator[Clock]:
    made = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(todo.coordinator, "time", made)
        yield made


def source(todo: Any, count: int, size: int) -> Iterator[Any]:
    return todo.tasks.batches(todo.tasks.make_tasks(count), size)  # type: ignore[no-any-return]


troubles = st.dictionaries(
    st.integers(0, 39), st.sampled_from(("raise", "raise!", "kill", "kill!", "hang", "hang!")), max_size=8
)


@given(
    count=st.integers(0, 40),
    size=st.integers(1, 10),
    processors=st.integers(1, 5),
    schedule=st.sampled_from(SCHEDULES),
    known=st.booleans(),
    attempts=st.integers(1, 3),
    trouble=troubles,
    sizes=st.lists(st.integers(1, 6), max_size=6),
    seed=st.integers(0, 1000),
)
def test_every_task_ends_once_and_as_it_should(
    todo: Any, clock: Clock, count: int, size: int, processors: int, schedule: str, known: bool, attempts: int,
    trouble: dict[int, str], sizes: list[int], seed: int,
) -> None:  # fmt: skip
    crew = Made(todo, clock, seed, trouble)
    run = Run(todo, crew, processors=processors, schedule=schedule, timeout_seconds=1.0, attempts=attempts)
    resizes = iter(sizes)
    crew.before = lambda: run.coordinator.resize(next(resizes, processors))
    report = run(source(todo, count, size), -(-count // size) if known else None)
    assert sorted(run.statuses) == list(range(count))
    assert report.not_processed == []
    assert crew.most <= 2
    for number, status in run.statuses.items():
        befell = trouble.get(number, "")
        if befell.endswith("!"):
            assert status == "failed"
        elif not befell or attempts > 1:
            assert status == "done"
    assert sum(share.tasks for share in report.shares.values()) >= report.done


@given(
    count=st.integers(0, 60),
    schedule=st.sampled_from(SCHEDULES),
    known=st.booleans(),
    trouble=troubles,
    sizes=st.lists(st.integers(1, 6), max_size=30),
    stop_after=st.none() | st.integers(0, 25),
    seed=st.integers(0, 1000),
)
def test_tasks_are_neither_lost_nor_done_twice_whatever_befalls_the_processors(
    todo: Any, clock: Clock, count: int, schedule: str, known: bool, trouble: dict[int, str], sizes: list[int],
    stop_after: int | None, seed: int,
) -> None:  # fmt: skip
    crew = Made(todo, clock, seed, trouble, mishaps=0.2)
    run = Run(todo, crew, processors=3, schedule=schedule, timeout_seconds=1.0)
    steps, resizes = itertools.count(), iter(sizes)

    def before() -> None:
        run.coordinator.resize(next(resizes, 2))
        if next(steps) == stop_after:
            run.coordinator.stop()

    crew.before = before
    report = run(source(todo, count, 4), -(-count // 4) if known else None)
    ended = {*run.statuses, *report.not_processed}
    assert report.stopped or not report.not_processed
    assert ended == set(range(len(ended) if report.stopped else count)), "what was read is the first part"


def test_who_does_it_is_found_and_the_others_are_done(todo: Any, clock: Clock) -> None:
    run = Run(todo, Made(todo, clock, 0, {5: "kill!"}), processors=2)
    report = run(source(todo, 20, 10))
    assert [number for number, status in run.statuses.items() if status == "failed"] == [5]
    assert next(outcome.error for outcome in run.outcomes if outcome.number == 5) == "it was killed"
    assert report.retried == 10
    assert sum(share.lost for share in report.shares.values()) == 2


def test_a_batch_that_hangs_is_overdue_after_its_time_and_says_so(todo: Any, clock: Clock) -> None:
    run = Run(todo, Made(todo, clock, 0, {0: "hang!"}), processors=1, timeout_seconds=2.5, attempts=3)
    began = clock.now
    run(source(todo, 3, 1))
    assert run.statuses == {0: "failed", 1: "done", 2: "done"}
    assert next(outcome.error for outcome in run.outcomes if outcome.number == 0) == "no answer within 2.5 s"
    assert 7.5 <= clock.now - began < 8


def test_who_waits_for_anothers_turn_is_not_overdue(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {0: "hang!"})
    run = Run(todo, crew, processors=4, timeout_seconds=1.0, attempts=1, schedule="static")

    def before() -> None:
        """As on an event loop: while processor 0 has its turn, nobody answers."""
        held = crew.given.get(0)
        crew.hung = set(crew.given) if held and held[0].tasks[0].number == 0 else set()
        crew.turn = (0, turn_since) if crew.hung else None  # type: ignore[assignment]

    turn_since = clock.now
    crew.before = before
    report = run(source(todo, 8, 1))
    assert run.statuses == {number: "done" if number else "failed" for number in range(8)}
    assert [report.shares[processor].lost for processor in range(4)] == [1, 0, 0, 0]


def test_nothing_more_is_given_out_after_stop(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {})
    run = Run(todo, crew, processors=2, schedule="stealing")
    crew.before = run.coordinator.stop
    report = run(source(todo, 40, 2), 20)
    assert report.stopped
    assert len(run.outcomes) == 8  # two batches each were given
    assert report.not_processed == sorted({*range(40)} - {*run.statuses})
    assert report.stolen == 0


def test_what_was_not_read_is_known_to_be_unknown_and_nothing_else_is(todo: Any, clock: Clock) -> None:
    whole = Run(todo, Made(todo, clock, 0, {}))
    assert whole(source(todo, 40, 2)).unread == 0
    crew = Made(todo, clock, 0, {})
    run = Run(todo, crew, processors=2)
    crew.before = run.coordinator.stop
    report = run(source(todo, 400, 2))
    assert report.unread is None and len(run.outcomes) + len(report.not_processed) < 400


def test_who_is_told_to_stop_at_once_gives_up_what_is_being_done(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {0: "hang!"})
    run = Run(todo, crew, processors=1)
    halted: list[bool] = []
    crew.halt = lambda: halted.append(True)  # type: ignore[attr-defined]
    steps = itertools.count()
    crew.before = lambda: run.coordinator.stop(at_once=next(steps) > 2)
    report = run(source(todo, 8, 2), 4)
    assert halted and report.done == 0 and report.not_processed == list(range(8))


def test_a_source_that_has_nothing_yet_is_asked_again(todo: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "sleep", lambda seconds: None, raising=False)
    batches = list(source(todo, 12, 2))
    slow = itertools.chain.from_iterable((None, None, batch) for batch in batches)
    run = Run(todo, Made(todo, clock, 0, {}), processors=2)
    assert run(slow).done == 12


class NoRoom(Made):
    """A crew in which some processors cannot be started, from a time on."""

    allowed = 1000

    def hire(self, processor: int) -> None:
        if self.hired >= self.allowed:
            raise RuntimeError("can't start new thread")
        super().hire(processor)


def test_processors_that_cannot_be_started_end_the_run_with_what_to_do(todo: Any, clock: Clock) -> None:
    crew = NoRoom(todo, clock, 0, {})
    crew.allowed = 3
    run = Run(todo, crew, processors=5)
    with pytest.raises(todo.tasks.CannotGoOn, match=r"processor 4 of 5 .*can't start new thread.*--processors"):
        run(source(todo, 4000, 2))
    report = run.coordinator.report
    assert crew.closed and {*run.statuses, *report.not_processed} == set(
        range(len(run.statuses) + len(report.not_processed))
    )


def test_one_that_cannot_be_replaced_is_done_without(todo: Any, clock: Clock) -> None:
    crew = NoRoom(todo, clock, 0, {30: "kill!"})
    crew.allowed = 2
    run = Run(todo, crew, processors=2, attempts=1)
    report = run(source(todo, 40, 1))
    assert sorted(run.statuses) == list(range(40)) and not report.not_processed
    assert [number for number, status in run.statuses.items() if status == "failed"] == [30]


def test_who_ended_before_it_began_did_nothing_to_a_task(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {})
    ends = iter([True, True])
    usual = crew.next_message

    def next_message(timeout: float | None) -> Any:
        if next(ends, False):
            crew.discharge(0)
            return todo.executions.Message(0, None, "no memory", began=False)
        return usual(timeout)

    crew.next_message = next_message  # type: ignore[method-assign]
    run = Run(todo, crew, processors=1, attempts=1)
    report = run(source(todo, 6, 2))
    assert report.done == 6 and report.retried == 0


def test_a_todo_that_could_not_be_read_is_not_tried_again(todo: Any, clock: Clock) -> None:
    bad = todo.tasks.Malformed(1, "", fault="line 2: no")
    run = Run(todo, Made(todo, clock, 0, {}), attempts=3)
    report = run([todo.tasks.Batch(0, [todo.tasks.Task(0, "a"), bad])], 1)
    assert (report.done, report.failed, report.retried) == (1, 1, 0)
    assert run.outcomes[1] == todo.tasks.Outcome(1, "failed", None, "line 2: no")


def test_the_source_is_read_as_it_is_needed(todo: Any, clock: Clock) -> None:
    made, read_ahead = 0, 0

    def counted() -> Iterator[Any]:
        nonlocal made
        for batch in source(todo, 3000, 3):
            made += 1
            yield batch

    crew = Made(todo, clock, 0, {})
    run = Run(todo, crew, processors=4)

    def before() -> None:
        nonlocal read_ahead
        read_ahead = max(read_ahead, made - len(run.outcomes) // 3)

    crew.before = before
    run(counted())
    assert len(run.outcomes) == 3000
    assert read_ahead <= 6 * 4 + 1


def test_who_is_not_wanted_any_more_ends_what_it_has(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {})
    run = Run(todo, crew, processors=4, schedule="static")
    seen: list[int] = []

    def before() -> None:
        seen.append(len(crew.given))
        run.coordinator.resize(1 if len(run.outcomes) < 40 else 3)

    crew.before = before
    run(source(todo, 100, 1), 100)
    assert seen[0] == 4
    assert min(seen) == 1
    assert seen[-1] == 3
    assert crew.hired == 6


def test_a_record_that_fails_ends_the_run_and_its_tasks_did_not_end(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {})
    recorded: list[Any] = []

    def record(outcomes: list[Any]) -> None:
        if len(recorded) >= 5:
            raise OSError("disk full")
        recorded.extend(outcomes)

    coordinator = todo.coordinator.Coordinator(crew, todo.coordinator.Options(), record)
    with pytest.raises(OSError, match="disk full"):
        coordinator.run(source(todo, 10, 1), 10)
    assert crew.closed
    assert coordinator.report.done == 5
    assert sorted({outcome.number for outcome in recorded} | {*coordinator.report.not_processed}) == list(range(10))


def test_a_source_that_fails_ends_the_run(todo: Any, clock: Clock) -> None:
    def failing() -> Iterator[Any]:
        yield from source(todo, 40, 1)
        raise ValueError("line 41")

    crew = Made(todo, clock, 0, {})
    run = Run(todo, crew)
    with pytest.raises(ValueError, match="line 41"):
        run(failing())
    assert crew.closed
    assert sorted({*run.statuses, *run.coordinator.report.not_processed}) == list(range(40))


@pytest.mark.parametrize("processors", [0, -1])
def test_nobody_can_do_nothing(todo: Any, clock: Clock, processors: int) -> None:
    with pytest.raises(ValueError, match="processors cannot do anything"):
        Run(todo, Made(todo, clock, 0, {}), processors=processors)
    run = Run(todo, Made(todo, clock, 0, {}))
    with pytest.raises(ValueError, match="processors cannot do anything"):
        run.coordinator.resize(processors)


def test_the_report_says_who_did_what(todo: Any, clock: Clock) -> None:
    run = Run(todo, Made(todo, clock, 0, {3: "raise"}), processors=2)
    report = run(source(todo, 20, 5), 4)
    assert (report.done, report.failed, report.retried) == (20, 0, 1)
    assert sum(share.batches for share in report.shares.values()) == len(report.spans) == 5
    assert sum(span.tasks for span in report.spans) == sum(share.tasks for share in report.shares.values()) == 21


def test_executions_that_are_not_there_are_refused(todo: Any) -> None:
    with pytest.raises(ValueError, match="no execution 'magic': there are sequential, threads"):
        todo.executions.crew_for("magic", todo.tasks.Settings())
    if sys.version_info < (3, 14):
        with pytest.raises(ValueError, match=r"3\.14"):
            todo.executions.crew_for("subinterpreters", todo.tasks.Settings())
