"""Running a benchmark script: small fake scripts that behave, and many that do not."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_script import fake_runs, kinds, last, next_cell, saved, script
from shared import wait_until

from selector import SelectorError
from selector.benchmark import run as room
from selector.benchmark.events import (
    EndEvent,
    UnknownSchemaError,
    collect,
    event_line,
)
from selector.benchmark.run import BenchmarkRun, run_benchmark

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are those of POSIX")


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Callable[..., BenchmarkRun]]:
    with fake_runs(tmp_path) as begin:
        yield begin


# A run that goes well -------------------------------------------------------------------------------------------------


def test_the_events_come_in_order_and_are_saved(fake, tmp_path):
    log = tmp_path / "run.jsonl"
    log.write_text("from an earlier run\n")
    run = fake("start(); cell(0); cell(1); end()", log=log)
    events = list(run)
    assert kinds(events) == ["start", "plan", "cell", "cell", "end"]
    assert events == run.events
    assert saved(log) == collect(events)
    assert log.read_bytes() == b"".join(map(event_line, events))
    assert (run.errors, run.warnings, run.skipped) == ("", (), 0)
    assert list(run) == []


def test_an_event_is_handed_on_and_saved_before_the_next_is_there(fake, tmp_path):
    log, go = tmp_path / "run.jsonl", tmp_path / "go"
    run = fake(
        f"""
        start(); cell()
        while not os.path.exists({str(go)!r}): time.sleep(0.01)
        end()
        """,
        log=log,
    )
    assert kinds(next(run) for _ in range(3)) == ["start", "plan", "cell"]
    assert [len(saved(log).cells), saved(log).end] == [1, None]
    go.touch()
    assert kinds(run) == ["end"]


def test_the_command_line_of_a_script(tmp_path):
    file = script(tmp_path, 'start(); cell(); end("done", json.dumps([sys.argv, os.getsid(0) == os.getpid()]))')
    with run_benchmark(
        Path(os.path.relpath(file)), python=sys.executable, interpreters=["/a b/python3.14", "/c/python3.14t"],
        budget_seconds=0.1234567, io="sleep", seed=7, extra=["--tasks", "5"],
    ) as run:  # fmt: skip
        arguments, own_session = json.loads(last(run).detail)
    assert arguments == [
        str(file), "--json", "--budget", "0.1234567", "--interpreter", "/a b/python3.14", "--interpreter",
        "/c/python3.14t", "--io", "sleep", "--parent", str(os.getpid()), "--seed", "7", "--tasks", "5",
    ]  # fmt: skip
    assert own_session


def test_no_seed_is_none_of_ours(tmp_path):
    file = script(tmp_path, 'start(); cell(); end("done", " ".join(sys.argv))')
    with run_benchmark(file, python=sys.executable, interpreters=[], budget_seconds=60, io="socket") as run:
        assert last(run).detail == f"{file} --json --budget 60.0 --io socket --parent {os.getpid()}"


def test_standard_input_is_closed_and_the_environment_passed_on(fake, monkeypatch):
    monkeypatch.setenv("PYTHON_GIL", "1")
    run = fake('start(); end("done", repr(sys.stdin.read()) + os.environ["PYTHON_GIL"])')
    assert last(run).detail == "''1"


def test_a_script_may_end_without_having_measured(fake):
    assert kinds(fake('start(); end("failed", "no interpreter runs")')) == ["start", "plan", "end"]


def test_the_exit_code_of_an_interruption_is_no_failure(fake):
    run = fake('start(); end("interrupted"); sys.exit(130)')
    assert last(run).reason == "interrupted"


# Output that is no event ----------------------------------------------------------------------------------------------


def test_what_the_users_code_prints_is_skipped_and_counted(fake):
    run = fake(
        r"""
        print("\x1b[31mloading\u202e")
        start(); print(); print('{"event": "cell"}'); print('{"loss": 0.5}'); cell()
        sys.stdout.buffer.write(b"\xff\n"); print("x" * 1_100_000); print('"no end')
        end(); print("bye"); cell()
        """
    )
    assert kinds(run) == ["start", "plan", "cell", "end"]
    assert run.skipped == 9
    first, second = run.warnings
    assert first.startswith("lines of the benchmark script's output that are no events: 8, such as ")
    assert first.endswith(r'"\u001b[31mloading\u202e"')
    assert second.startswith(
        "events of the benchmark script that could not be read: 1, such as: no benchmark event: cell."
    )


def test_an_event_behind_a_print_without_an_end_is_not_lost(fake):
    run = fake('start(); print("50 % ...", end=""); cell(); print(".", end=""); end()')
    assert kinds(run) == ["start", "plan", "cell", "end"]
    assert run.skipped == 0


def test_the_last_event_may_lack_the_end_of_its_line(fake):
    assert (
        kinds(fake("""start(); print('{"event":"end","reason":"done","detail":"","seconds":1}', end="")"""))[-1]
        == "end"
    )


def test_an_output_of_a_single_endless_line_is_stopped_in_time(fake):
    run = fake('start(); cell()\nwhile True: sys.stdout.write("x" * 65536)', grace_seconds=0.1)
    next_cell(run)
    run.child.deadline_seconds = 0.0
    assert last(run).reason == "failed"
    assert run.skipped <= 1


def test_events_without_end_are_stopped_in_time(fake, monkeypatch, tmp_path):
    monkeypatch.setattr(room, "MAX_EVENTS", 100)
    many = tmp_path / "many"
    run = fake(
        f"""
        signal.signal(signal.SIGINT, lambda *_: (end("interrupted"), os._exit(130)))
        start()
        for number in range(300): cell(number)
        open({str(many)!r}, "w").close()
        while True: cell()
        """
    )
    next_cell(run)
    wait_until(many.exists)
    assert all(next(run).event == "cell" for _ in range(97))  # after the start, the plan and a cell
    run.child.deadline_seconds = 0.0
    assert kinds(run) == ["end"]
    assert len(run.events) == 101
    assert last(run.events).reason == "failed"
    assert "such as: there are more than 100" in run.warnings[0]


def test_much_on_standard_error_neither_blocks_nor_is_kept(fake):
    run = fake('start(); sys.stderr.write("x" * 3_000_000 + "\\x1b[2Jlast words\\n"); cell(); end()')
    assert kinds(run)[-1] == "end"
    assert run.errors.endswith("x\\x1b[2Jlast words\n")
    assert len(run.errors) < 70_000


def test_events_of_another_schema_end_the_run(fake):
    run = fake('print(json.dumps({"event": "start", "schema": 2}), flush=True); sleep()', grace_seconds=0.1)
    with pytest.raises(UnknownSchemaError, match="schema 2"):
        list(run)


# Scripts that fail ----------------------------------------------------------------------------------------------------


def failure(run: BenchmarkRun) -> SelectorError:
    with pytest.raises(SelectorError) as caught:
        list(run)
    assert caught.value.exit_code == 1
    assert list(run) == []
    return caught.value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "the benchmark script failed: it ended with exit code 0"),
        ("sys.exit('bench.py: no \\x1b[1mtasks')", "failed: it ended with exit code 1\nbench.py: no \\x1b[1mtasks"),
        ("start(); sys.exit(2)", "failed: it ended with exit code 2"),
        ("start(); os.kill(os.getpid(), signal.SIGKILL)", "failed: it was ended by signal 9"),
        ("start(); 1 / 0", "ZeroDivisionError: division by zero"),
        ("start(); end('failed', 'no interpreter'); sys.exit(1)", "failed: it ended with exit code 1\nno interpreter"),
        ("start(); end('failed'); sys.exit(1)", "failed: it ended with exit code 1"),
    ],
)
def test_a_script_that_fails_before_it_has_measured_is_an_error(fake, body, message):
    error = failure(fake(body))
    assert message in error.message
    assert error.hint.startswith("run it alone to see more: ") and error.hint.endswith("bench.py")


def test_of_a_long_traceback_the_end_is_shown(fake):
    error = failure(fake("for n in range(50): print(n, 'x' * 600 if n == 48 else '', '\\n\\n', file=sys.stderr)"))
    lines = error.message.splitlines()
    assert lines[1:] == ["45", "46", "47", "48 " + "x" * 497 + "...", "49"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("raise ValueError('lost')", "it ended with exit code 1; ValueError: lost"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "it was ended by signal 9"),
        ('print(\'{"event": "cell", "arm"\', end=\'\', flush=True); os._exit(0)', "it ended with exit code 0"),
        ("os.close(1); os.dup2(2, 1); os._exit(3)", "it ended with exit code 3"),
    ],
)
def test_a_script_that_fails_later_keeps_what_it_measured(fake, tmp_path, body, detail):
    run = fake(f"start(); cell()\n{body}", log=tmp_path / "run.jsonl")
    events = list(run)
    assert kinds(events) == ["start", "plan", "cell", "end"]
    assert (last(events).reason, last(events).detail) == ("failed", detail)
    assert last(events).seconds > 0
    assert saved(tmp_path / "run.jsonl") == collect(events)


def test_a_failure_after_the_last_event_is_a_warning(fake):
    run = fake("start(); cell(); end(); sys.exit(1)")
    assert last(run).reason == "done"
    assert run.warnings == ("after its last event the benchmark script failed: it ended with exit code 1",)


def test_a_script_killed_from_outside(fake):
    run = fake("start(); cell(); sleep()")
    next_cell(run)
    os.kill(run.child.process.pid, signal.SIGKILL)
    assert [event.detail for event in run if isinstance(event, EndEvent)] == ["it was ended by signal 9"]


@pytest.mark.parametrize("python", ["/nowhere/python", "a\0b", "/"])
def test_a_python_that_cannot_be_started(tmp_path, python):
    log = tmp_path / "run.jsonl"
    with pytest.raises(SelectorError, match="cannot be run: ") as caught:
        run_benchmark(tmp_path, python=python, interpreters=[], budget_seconds=1, io="sleep", log=log)
    assert caught.value.exit_code == 1


# The log --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"), [("no/folder", "No such file"), (".", "Is a directory"), ("a\0b", "the name is not one")]
)
def test_a_log_that_cannot_be_written(tmp_path, name, reason):
    with pytest.raises(SelectorError, match=f"cannot be written: {reason}"):
        BenchmarkRun([sys.executable, "-c", ""], log=tmp_path / name, deadline_seconds=9)


def test_a_log_is_a_new_file_and_no_way_to_another(tmp_path, fake):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "link").symlink_to("precious")
    os.mkfifo(tmp_path / "pipe")
    os.link(tmp_path / "precious", tmp_path / "same")
    for name in ("link", "pipe", "/dev/full"):
        with pytest.raises(SelectorError, match="this is no file but a"):
            fake("start(); end()", log=tmp_path / name)
    assert kinds(fake("start(); end()", log=tmp_path / "same")) == ["start", "plan", "end"]
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "same").read_text().count("\n") == 3


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")
def test_a_full_disk_costs_no_measurement(fake, monkeypatch):
    monkeypatch.setattr(room, "_opened", lambda log: log.open("wb"))
    run = fake("start(); cell(); end()", log=Path("/dev/full"))
    assert kinds(run) == ["start", "plan", "cell", "end"]
    assert run.warnings == ("the events are not saved from some point on: No space left on device",)
