"""The journal of the todo batch system: what it has, it has; what it has not is done again; nothing twice."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from shared import wait_until
from todo_program import FOLDER, call, call_program, count_ended, modules, only_posix

ABOUT = {"kind": "validate", "effort": 1, "tasks": 100}
todo = pytest.fixture(scope="module")(modules)


def test_what_was_recorded_is_there_in_order_and_is_left_out_next_time(todo: Any, tmp_path: Path) -> None:
    tasks, journal = todo.tasks, todo.journal
    outcomes = [tasks.Outcome(7, "done", ((), 3, 4)), tasks.Outcome(2, "failed", None, "ValueError: no")]
    with closing(journal.Journal(tmp_path / "run.db", ABOUT)) as book:
        book.record(outcomes)
    with closing(journal.Journal(tmp_path / "run.db", ABOUT)) as again:
        assert list(again.outcomes()) == [outcomes[1], outcomes[0]]
        assert again.counts() == {"done": 1, "failed": 1}
        left = [task.number for batch in again.left(tasks.make_tasks(10), 3) for task in batch.tasks]
    assert left == [0, 1, 3, 4, 5, 6, 8, 9]


def test_a_task_that_ended_cannot_end_again_and_nothing_of_its_batch_is_kept(todo: Any, tmp_path: Path) -> None:
    tasks, journal = todo.tasks, todo.journal
    with closing(journal.Journal(tmp_path / "run.db", ABOUT)) as book:
        book.record([tasks.Outcome(1, "done", 5)])
        with pytest.raises(tasks.CannotGoOn, match="another run has ended the same task"):
            book.record([tasks.Outcome(0, "done", 5), tasks.Outcome(1, "done", 5)])
        assert [o.number for o in book.outcomes()] == [1]


def test_the_journal_of_other_work_is_refused(todo: Any, tmp_path: Path) -> None:
    journal = todo.journal
    journal.Journal(tmp_path / "run.db", ABOUT).close()
    with pytest.raises(ValueError, match='kind "validate", now "report"'):
        journal.Journal(tmp_path / "run.db", {**ABOUT, "kind": "report"})


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\0" * 4096])
def test_a_file_that_is_no_journal_is_refused_and_stays(todo: Any, tmp_path: Path, content: bytes) -> None:
    journal = todo.journal
    file = tmp_path / "mine.txt"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="no journal"):
        journal.Journal(file, ABOUT)
    assert file.read_bytes() == content


def test_a_million_numbers_take_little_room(todo: Any) -> None:
    numbers = todo.journal.Numbers()
    for number in range(0, 1_000_000, 37):
        numbers.add(number)
    assert numbers.has(999_999) and not numbers.has(1_000_000) and not numbers.has(1)
    assert len(numbers._bits) < 140_000


KILLED = """
    import sys, time
    from pathlib import Path
    import coordinator, executions, journal, tasks
    if __name__ == "__main__":
        book = journal.Journal(Path(sys.argv[1]), {"tasks": 2000})
        crew = executions.crew_for(sys.argv[2], tasks.Settings("validate", int(sys.argv[3])))
        run = coordinator.Coordinator(crew, coordinator.Options(2), book.record)
        print(run.run(book.left(tasks.make_tasks(2000), 20)).done, flush=True)
"""


@only_posix
@pytest.mark.parametrize("execution", ["threads", pytest.param("processes", marks=pytest.mark.slow)])
def test_a_coordinator_that_was_killed_goes_on_where_it_was(todo: Any, tmp_path: Path, execution: str) -> None:
    journal = todo.journal
    script = tmp_path / "run.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(FOLDER)!r})\n{textwrap.dedent(KILLED)}", "utf-8")
    file = tmp_path / "run.db"
    command = [sys.executable, str(script), str(file), execution]

    with subprocess.Popen([*command, "40"], stdout=subprocess.DEVNULL) as slow:
        wait_until(lambda: count_ended(file) > 100)
        slow.send_signal(signal.SIGKILL)
    with closing(journal.Journal(file, {"tasks": 2000})) as book:
        had = sum(book.counts().values())
    assert 100 < had < 2000
    done = subprocess.run([*command, "40"], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) == 2000 - had
    with closing(journal.Journal(file, {"tasks": 2000})) as book:
        assert [o.number for o in book.outcomes()] == list(range(2000))


def test_the_program_goes_on_with_the_effort_that_the_journal_was_begun_with(todo: Any, tmp_path: Path) -> None:
    words = ("--tasks", "60", "--json", "--journal", "run.db")
    first = call(todo, tmp_path, *words, "--effort", "7")
    again = call_program(todo, tmp_path, "run", *words)  # what a task costs is not said
    assert [json.loads(done.out)["effort"] for done in (first, again)] == [7, 7]
    assert [json.loads(done.out)["report"]["done"] for done in (first, again)] == [60, 0]
    other = call(todo, tmp_path, *words, "--effort", "8")
    assert other.code == 2 and "the journal of other work (effort 7, now 8)" in other.err


# Journals that are not as they should be ------------------------------------------------------------------------------


def sql(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


@pytest.mark.parametrize(
    ("statements", "code", "said"),
    [
        (["UPDATE ended SET value = '{'"], 3, "the journal is damaged: take a copy of it that is not"),
        (["INSERT INTO ended VALUES (1 << 60, 'done', '5', '')"], 3, "the journal is damaged"),
        (["UPDATE ended SET status = 'dnoe'"], 3, "the journal is damaged"),
        (["DROP TABLE ended", "CREATE TABLE ended (a, b)"], 2, "its table ended has the columns a, b"),
        (["UPDATE about SET value = '\"x\"' WHERE name = 'effort'"], 2, "the journal of other work"),
    ],
)
def test_a_journal_that_is_not_as_it_should_be_is_said(
    todo: Any, tmp_path: Path, statements: list[str], code: int, said: str
) -> None:
    words = ("--tasks", "20", "--journal", "run.db")
    assert call(todo, tmp_path, *words).code == 0
    sql(tmp_path / "run.db", *statements)
    done = call(todo, tmp_path, *words)
    assert done.code == code and said in done.err


def test_damaged_pages_are_said(todo: Any, tmp_path: Path) -> None:
    words = ("--tasks", "2000", "--journal", "run.db")
    assert call(todo, tmp_path, *words).code == 0
    with (tmp_path / "run.db").open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 20_000)
    done = call(todo, tmp_path, *words)
    assert done.code == 3 and "run.db: the journal is damaged" in done.err
