"""The program of the todo batch system as a user runs it: it goes on, it is stopped, there is no room, input is strange."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from shared import wait_until
from strategies import slow_after
from todo_program import FOLDER, Done, call, call_program, command, count_ended, modules, numbers, only_posix, run

todo = pytest.fixture(scope="module")(modules)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a run in the folder, whose errors go to a file; it is ended with the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        with (tmp_path / "errors").open("w", encoding="utf-8") as errors:
            processes.append(
                subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=errors, text=True, cwd=tmp_path)
            )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


# Going on -------------------------------------------------------------------------------------------------------------


#: 30 tasks that take some 15 ms each, and then 270 that take none: time to disturb the run in.
LONG = ("--tasks", "300", "--effort", "2", "--uneven", "1500", "--batch-size", "1")


def result(done: Done) -> str:
    return next(line for line in done.out.splitlines() if line.startswith("Result:"))


@pytest.fixture(scope="module")
def undisturbed(todo: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The result of the long run when it is done at once."""
    return result(call(todo, tmp_path_factory.mktemp("alone"), *LONG))


@only_posix
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_goes_on_leaves_every_task_in_its_file_once(
    todo: Any, tmp_path: Path, started: Callable[..., subprocess.Popen[str]], undisturbed: str, number: int
) -> None:
    words = (*LONG, "--journal", "run.db", "--out", "out.jsonl")
    first = started(*words)
    wait_until(lambda: count_ended(tmp_path / "run.db") > 2)
    first.send_signal(number)
    said, _ = first.communicate(timeout=60)
    had = count_ended(tmp_path / "run.db")
    assert 2 < had < 300
    if number == signal.SIGKILL:
        assert not (tmp_path / "out.jsonl").exists()
    else:
        assert first.returncode == 130
        assert f"{had:,} done, 0 failed, {300 - had:,} not processed" in said
        kept = numbers(tmp_path / "out.jsonl")
        assert kept == sorted(kept) and had == len(kept)
    for before in (had, 300):  # the second of them has nothing left to do
        done = call(todo, tmp_path, *words)
        assert done.code == 0, done.err
        assert "300 done, 0 failed, 0 not processed" in done.out
        assert f"  {before:,} of them had ended before this run, by run.db" in done.out
        assert numbers(tmp_path / "out.jsonl") == list(range(300))
        assert result(done) == undisturbed
    assert not list(tmp_path.glob("*.part"))


def test_failures_of_the_run_before_are_failures_of_the_job(todo: Any, tmp_path: Path) -> None:
    words = ("--tasks", "20", "--journal", "run.db", "--json")
    first = call(todo, tmp_path, *words, "--trouble", '{"3": "raise!"}')
    again = call(todo, tmp_path, *words)
    assert [first.code, again.code] == [1, 1]
    told = json.loads(again.out)
    assert told["before"] == {"done": 19, "failed": 1} and told["report"]["done"] == 0 and told["twice"] == 0
    assert told["job"] == {"done": 19, "failed": 1, "not_processed": 0, "and_the_rest": False}
    assert (told["digest"], told["summary"]) == (
        json.loads(first.out)["digest"],
        json.loads(first.out)["summary"],
    )


def test_a_file_of_more_outcomes_is_not_replaced_by_a_run_that_did_not_end(todo: Any, tmp_path: Path) -> None:
    assert call(todo, tmp_path, "--tasks", "90", "--out", "out.jsonl").code == 0
    todos = tmp_path / "todos.csv"
    todos.write_text("title,priority\n" + "a,1\n" * 80 + "b,high\n", "utf-8")
    short = call(
        todo,
        tmp_path,
        "--from",
        "todos.csv",
        "--strict",
        "--batch-size",
        "5",
        "--processors",
        "1",
        "--out",
        "out.jsonl",
    )
    assert short.code == 2 and "stays; those of this one are in out.jsonl.stopped" in short.err
    assert sorted(numbers(tmp_path / "out.jsonl")) == list(range(90))
    assert 0 < len(numbers(tmp_path / "out.jsonl.stopped")) < 80
    assert call(todo, tmp_path, "--tasks", "5", "--out", "out.jsonl").code == 0  # a whole one does
    assert sorted(numbers(tmp_path / "out.jsonl")) == list(range(5))


# Input and output -----------------------------------------------------------------------------------------------------


def test_todos_are_read_outcomes_written_and_bad_input_is_named(todo: Any, tmp_path: Path) -> None:
    todos, out = tmp_path / "todos.csv", tmp_path / "out.jsonl"
    todos.write_text("title,priority,due\nBuy milk,3,2026-11-22\nCall Ana,99,\n", "utf-8")
    done = call(todo, tmp_path, "--from", str(todos), "--out", str(out))
    assert (done.code, len(out.read_text("utf-8").splitlines())) == (0, 2), done.err
    assert "valid 1" in done.out and "free-threading is" in done.out
    todos.write_text("title,priority\nBuy milk,soon\nCall Ana,3\n", "utf-8")
    fault = "line 2 (row 1), column priority: 'soon' is not a whole number"
    bad = call(todo, tmp_path, "--from", str(todos))
    assert (bad.code, bad.err) == (1, "")
    assert "1 done, 1 failed, 0 not processed, 0 tried again" in bad.out and f"  task 0: {fault}" in bad.out
    bad = call(todo, tmp_path, "--from", str(todos), "--strict")
    assert (bad.code, bad.err) == (2, f"error: {todos}, {fault}\n")
    assert "0 done, 0 failed, 0 not processed and the rest of" in bad.out


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
def test_bad_options_are_said_in_a_line(todo: Any, tmp_path: Path, options: list[str], said: str) -> None:
    done = call_program(todo, tmp_path, "run", *options)
    assert done.code == 2 and said in done.err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@only_posix
def test_what_is_printed_is_whole_although_a_signal_comes_in_the_middle(tmp_path: Path) -> None:
    program = """
        import signal, sys
        sys.path.insert(0, sys.argv[1])
        from text import print_whole
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


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "a.csv", "--out", "a.csv"], "--from and --out are the same file"),
        (["--from", "a.csv", "--out", "link.csv"], "--from and --out are the same file"),
        (["--from", "a.csv", "--out", "hard.csv"], "--from and --out are the same file"),
        (["--from", "a.csv", "--journal", "a.csv"], "--from and --journal are the same file"),
        (["--journal", "run", "--out", "run"], "--journal and --out are the same file"),
        (["--out", "a.csv"], "a.csv: it is there, and this program did not write it: name a new file"),
        (["--out", "link.csv"], "link.csv: no file but a link, folder or device"),
        (["--out", "dangling"], "dangling: no file but a link, folder or device"),
        (["--out", "."], "no file but a link, folder or device"),
        (["--out", "no/where"], "no/where: there is no folder no"),
        (["--journal", "."], ".: no journal but a folder, pipe or device"),
        (["--journal", "no/where"], "no journal that can be used (unable to open database file)"),
        (["--from", "."], ".: it cannot be read: Is a directory"),
    ],
)
def test_files_of_the_user_stay_as_they_are(todo: Any, tmp_path: Path, words: list[str], said: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text("title\nmine\n", "utf-8")
    (tmp_path / "link.csv").symlink_to("a.csv")
    (tmp_path / "hard.csv").hardlink_to(file)
    (tmp_path / "dangling").symlink_to("b.csv")
    before = {it.name: it.lstat().st_ino for it in tmp_path.iterdir()}
    done = call(todo, tmp_path, *words)
    assert done.code == 2 and said in done.err
    assert {it.name: it.lstat().st_ino for it in tmp_path.iterdir()} == before
    assert file.read_text("utf-8") == "title\nmine\n"


@pytest.mark.parametrize("words", [("--report", "notes.html"), ("--results", "notes.json")])
def test_compare_writes_over_nothing_that_it_did_not_write(todo: Any, tmp_path: Path, words: tuple[str, str]) -> None:
    (tmp_path / "notes.html").write_text("mine", "utf-8")
    done = call_program(todo, tmp_path, "compare", "--effort", "1", *words)
    assert done.code == 2 and "this program did not write it" in done.err
    assert (tmp_path / "notes.html").read_text("utf-8") == "mine"


@only_posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk")
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_output_that_cannot_be_written_is_said(tmp_path: Path, option: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("--tasks", "20", *option), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (3, "error: the output cannot be written: No space left on device\n")


@only_posix
@pytest.mark.parametrize(
    ("closed", "option"),
    slow_after(2, [(">&-", ""), ("<&- >&- 2>&-", " --json"), (">&-", " --json"), ("<&- >&-", "")]),
)
def test_closed_streams_are_no_error_and_no_file_takes_their_place(tmp_path: Path, closed: str, option: str) -> None:
    words = " ".join(command("--tasks", "20", "--journal", "run.db", "--out", "out.jsonl"))
    done = subprocess.run(["sh", "-c", f"{words}{option} {closed}"], timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 0
    assert sorted(numbers(tmp_path / "out.jsonl")) == list(range(20))


@only_posix
def test_a_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen(command("--tasks", "20"), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait(60)) == (b"", 0)


# Input that is no file ------------------------------------------------------------------------------------------------


def test_todos_come_from_standard_input_too(tmp_path: Path) -> None:
    done = run(tmp_path, "--from", "-", input="title,priority\na,1\nb,x\n")
    assert done.code == 1
    assert "task 1: line 3 (row 2), column priority: 'x' is not a whole number" in done.out


@only_posix
@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="something without end")
def test_input_without_end_is_refused_after_a_bounded_part_of_it(todo: Any, tmp_path: Path) -> None:
    done = call(todo, tmp_path, "--from", "/dev/zero")
    assert done.code == 2
    assert "error: /dev/zero, line 1: a todo has at most 1,000,000 characters" in done.err


@only_posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("execution", slow_after(1, ["threads", "sequential"]))
def test_a_pipe_that_nobody_writes_to_is_waited_for_until_it_is_enough(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]], number: int, execution: str
) -> None:
    os.mkfifo(tmp_path / "todos")
    process = started("--from", "todos", "--execution", execution)
    assert process.stdout is not None
    process.stdout.readline()  # it has begun
    time.sleep(0.3)
    process.send_signal(number)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and "0 not processed and the rest of todos, 0 tried again" in said


@only_posix
def test_what_comes_through_a_pipe_slowly_is_done(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    os.mkfifo(tmp_path / "todos")
    process = started("--from", "todos", "--batch-size", "2")
    with (tmp_path / "todos").open("w", encoding="utf-8") as pipe:
        for number in range(5):
            pipe.write(f'{{"title": "todo {number}"}}\n')
            pipe.flush()
            time.sleep(0.05)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "5 done, 0 failed, 0 not processed" in said


@pytest.mark.parametrize("source", ["-", "/dev/null"])
def test_compare_needs_a_file_that_each_run_can_read(todo: Any, tmp_path: Path, source: str) -> None:
    done = call_program(todo, tmp_path, "compare", "--effort", "1", "--from", source)
    assert done.code == 2 and "each run reads the todos anew" in done.err


# Being stopped --------------------------------------------------------------------------------------------------------


@only_posix
@pytest.mark.parametrize("execution", ["threads", "processes"])
def test_every_task_is_counted_when_it_is_stopped_twice_while_one_hangs(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]], execution: str
) -> None:
    words = ("--tasks", "5000", "--execution", execution, "--processors", "2", "--batch-size", "10", "--json")
    process = started(*words, "--trouble", '{"30": "hang!"}', "--effort", "40", "--journal", "run.db")
    wait_until(lambda: count_ended(tmp_path / "run.db") > 100)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: "stopping" in (tmp_path / "errors").read_text("utf-8"))
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    job = json.loads(said)["job"]
    assert job["done"] + job["failed"] + job["not_processed"] == 5000 and not job["and_the_rest"]
    assert job["done"] == count_ended(tmp_path / "run.db") and 30 in json.loads(said)["report"]["not_processed"]


# What a machine does not have -----------------------------------------------------------------------------------------


def limited(limit: str, *words: str) -> subprocess.CompletedProcess[str]:
    line = f"ulimit {limit} && exec " + " ".join(command(*words))
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=100, check=False)
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits that Linux holds to")
def test_processors_for_which_there_is_no_room_are_said_with_what_to_do() -> None:
    done = limited("-v 1500000", "--execution", "threads", "--processors", "3000")
    assert done.returncode == 3
    assert " of 3,000 cannot be started (can't start new thread): take fewer with --processors" in done.stderr
    done = limited("-n 30", "--execution", "processes", "--processors", "40")
    # who meets the limit first, the coordinator or the fork server, is a matter of luck
    said = r" of 40 cannot be started \((Too many open files|no more processes can be started)\)"
    assert done.returncode == 3 and re.search(said, done.stderr)
    assert "0 failed" in done.stdout


# The journal ----------------------------------------------------------------------------------------------------------


@only_posix
def test_two_runs_do_not_use_one_journal(
    todo: Any, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    words = (*LONG, "--journal", "run.db")
    started(*words)
    wait_until(lambda: count_ended(tmp_path / "run.db") > 0)
    done = call(todo, tmp_path, *words)
    assert (done.code, done.err) == (
        3, "error: run.db: another run is using this journal: wait until it has ended, or take another file\n"
    )  # fmt: skip
