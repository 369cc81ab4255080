"""The journal of the todo batch system: what it has, it has; what it has not is done again; nothing twice."""

from __future__ import annotations

import importlib
import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from shared import wait_until

FOLDER = Path(__file__).parent.parent / "programs" / "todo_batch"
ABOUT = {"kind": "validate", "effort": 1, "tasks": 100}


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`tasks` and `journal`, which have common names: they are gone again afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield [importlib.import_module(name) for name in ("tasks", "journal")]
    for name in ("tasks", "journal"):
        sys.modules.pop(name, None)


def test_what_was_recorded_is_there_in_order_and_is_left_out_next_time(modules: Any, tmp_path: Path) -> None:
    tasks, journal = modules
    outcomes = [tasks.Outcome(7, "done", ((), 3, 4)), tasks.Outcome(2, "failed", None, "ValueError: no")]
    with closing(journal.Journal(tmp_path / "run.db", ABOUT)) as book:
        book.record(outcomes)
    with closing(journal.Journal(tmp_path / "run.db", ABOUT)) as again:
        assert list(again.outcomes()) == [outcomes[1], outcomes[0]]
        assert again.counts() == {"done": 1, "failed": 1}
        left = [task.number for batch in again.left(tasks.make_tasks(10), 3) for task in batch.tasks]
    assert left == [0, 1, 3, 4, 5, 6, 8, 9]


def test_a_task_that_ended_cannot_end_again_and_nothing_of_its_batch_is_kept(modules: Any, tmp_path: Path) -> None:
    tasks, journal = modules
    with closing(journal.Journal(tmp_path / "run.db", ABOUT)) as book:
        book.record([tasks.Outcome(1, "done", 5)])
        with pytest.raises(tasks.CannotGoOn, match="another run has ended the same task"):
            book.record([tasks.Outcome(0, "done", 5), tasks.Outcome(1, "done", 5)])
        assert [o.number for o in book.outcomes()] == [1]


def test_the_journal_of_other_work_is_refused(modules: Any, tmp_path: Path) -> None:
    _, journal = modules
    journal.Journal(tmp_path / "run.db", ABOUT).close()
    with pytest.raises(ValueError, match='kind "validate", now "report"'):
        journal.Journal(tmp_path / "run.db", {**ABOUT, "kind": "report"})


def test_the_program_goes_on_with_the_effort_that_the_journal_was_begun_with(tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER), "run", "--tasks", "60", "--execution", "sequential", "--json"]
    command += ["--journal", str(tmp_path / "run.db")]
    first = subprocess.run([*command, "--effort", "7"], capture_output=True, text=True, timeout=60, check=True)
    again = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True
    )  # what a task costs is not said
    assert [json.loads(done.stdout)["effort"] for done in (first, again)] == [7, 7]
    assert [json.loads(done.stdout)["report"]["done"] for done in (first, again)] == [60, 0]
    other = subprocess.run([*command, "--effort", "8"], capture_output=True, text=True, timeout=60, check=False)
    assert other.returncode == 2 and "the journal of other work (effort 7, now 8)" in other.stderr


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\0" * 4096])
def test_a_file_that_is_no_journal_is_refused_and_stays(modules: Any, tmp_path: Path, content: bytes) -> None:
    _, journal = modules
    file = tmp_path / "mine.txt"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="no journal"):
        journal.Journal(file, ABOUT)
    assert file.read_bytes() == content


def test_a_million_numbers_take_little_room(modules: Any) -> None:
    numbers = modules[1].Numbers()
    for number in range(0, 1_000_000, 3):
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


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("execution", ["threads", "processes"])
def test_a_coordinator_that_was_killed_goes_on_where_it_was(modules: Any, tmp_path: Path, execution: str) -> None:
    _, journal = modules
    script = tmp_path / "run.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(FOLDER)!r})\n{textwrap.dedent(KILLED)}", "utf-8")
    file = tmp_path / "run.db"
    command = [sys.executable, str(script), str(file), execution]

    def some_ended() -> bool:
        if not file.exists():
            return False
        try:
            with closing(sqlite3.connect(file, timeout=1)) as reader:
                return bool(reader.execute("SELECT count(*) FROM ended").fetchone()[0] > 100)
        except sqlite3.Error:
            return False

    with subprocess.Popen([*command, "40"], stdout=subprocess.DEVNULL) as slow:
        wait_until(some_ended)
        slow.send_signal(signal.SIGKILL)
    with closing(journal.Journal(file, {"tasks": 2000})) as book:
        had = sum(book.counts().values())
    assert 100 < had < 2000
    done = subprocess.run([*command, "40"], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) == 2000 - had
    with closing(journal.Journal(file, {"tasks": 2000})) as book:
        assert [o.number for o in book.outcomes()] == list(range(2000))


def test_the_program_compares_every_execution_and_writes_what_was_asked_for(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("report.md", "timeline.html")}
    command = [sys.executable, str(FOLDER), "compare", "--tasks", "120", "--effort", "2", "--batch-size", "20"]
    command += ["--scaling", "1,2", "--processors", "2"]
    command += [word for name, file in files.items() for word in (f"--{name.partition('.')[0]}", str(file))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "All ways gave the same results." in done.stdout
    assert "Winner:" in done.stdout
    report = files["report.md"].read_text("utf-8")
    for title in ("Error handling confirmed", "Schedules, where the first tenth", "Ways to hand in results"):
        assert f"## {title}" in report
    assert "<svg" in files["timeline.html"].read_text("utf-8")


@pytest.mark.parametrize(
    ("vary", "names"), [("schedule", ("queue", "static", "stealing")), ("collect", ("lock", "merge"))]
)
def test_the_program_compares_schedules_and_ways_to_hand_in(vary: str, names: tuple[str, ...]) -> None:
    command = [sys.executable, str(FOLDER), "compare", "--vary", vary, "--tasks", "200", "--effort", "2"]
    command += ["--uneven", "5", "--scaling", "1", "--processors", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert all(f"Threads (GIL), {name}" in done.stdout for name in names)
    assert "All ways gave the same results." in done.stdout


def test_the_program_tells_its_workload_and_the_selector_takes_it(tmp_path: Path) -> None:
    profile = [sys.executable, str(FOLDER), "profile", "--tasks", "200", "--task-ms", "1", "--processors", "2"]
    told = subprocess.run(profile, capture_output=True, text=True, timeout=60, check=True).stdout
    assert 0.3 < json.loads(told)["cpu_ms_per_task"] < 3
    (tmp_path / "workload.json").write_text(told, "utf-8")
    recommend = [sys.executable, "-m", "selector", "recommend", str(tmp_path / "workload.json"), "--format", "json"]
    assert '"approach"' in subprocess.run(recommend, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_program_reads_todos_writes_outcomes_and_names_bad_input(tmp_path: Path) -> None:
    todos, out = tmp_path / "todos.csv", tmp_path / "out.jsonl"
    todos.write_text("title,priority,due\nBuy milk,3,2026-11-22\nCall Ana,99,\n", "utf-8")
    run = [sys.executable, str(FOLDER), "run", "--effort", "1", "--execution", "sequential"]
    done = subprocess.run(
        [*run, "--from", str(todos), "--out", str(out)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, len(out.read_text("utf-8").splitlines())) == (0, 2), done.stderr
    assert "valid 1" in done.stdout and "free-threading is" in done.stdout
    todos.write_text("title,priority\nBuy milk,soon\nCall Ana,3\n", "utf-8")
    fault = "line 2 (row 1), column priority: 'soon' is not a whole number"
    bad = subprocess.run([*run, "--from", str(todos)], capture_output=True, text=True, timeout=60, check=False)
    assert (bad.returncode, bad.stderr) == (1, "")
    assert "1 done, 1 failed, 0 not processed, 0 tried again" in bad.stdout and f"  task 0: {fault}" in bad.stdout
    strict = [*run, "--from", str(todos), "--strict"]
    bad = subprocess.run(strict, capture_output=True, text=True, timeout=60, check=False)
    assert (bad.returncode, bad.stderr) == (2, f"error: {todos}, {fault}\n")
    assert "0 done, 0 failed, 0 not processed and the rest of" in bad.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--task-ms", "-1"], "'-1' is no number above 0"),
        (["--processors", "0"], "'0' is no whole number from 1"),
        (["--uneven", "3", "--from", "x.csv"], "--uneven is for made-up tasks"),
        (["--from", "not-there.csv"], "not-there.csv"),
        (["--schedule", "chance"], "invalid choice"),
    ],
)
def test_bad_options_are_said_in_a_line(tmp_path: Path, options: list[str], said: str) -> None:
    command = [sys.executable, str(FOLDER), "run", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_what_is_printed_is_whole_although_a_signal_comes_in_the_middle(tmp_path: Path) -> None:
    program = """
        import signal, sys
        sys.path.insert(0, sys.argv[1])
        from dashboard import print_whole
        signal.signal(signal.SIGTERM, lambda *_: None)
        print("begins", flush=True)
        print_whole("x" * 1_000_000)  # more than a pipe holds
    """
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(program), "utf-8")
    command = [sys.executable, "-u", str(file), str(FOLDER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        found = process.stdout.read(len("begins\n"))
        for _ in range(20):
            time.sleep(0.01)
            process.terminate()
            found += process.stdout.read(1000)
        found += b"".join(iter(lambda: process.stdout.read(65536), b""))
    assert found == b"begins\n" + b"x" * 1_000_000 + b"\n"
