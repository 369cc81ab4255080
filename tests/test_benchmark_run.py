"""Running a benchmark script: small fake scripts that behave, and many that do not."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import is_gone, wait_until

from selector import SelectorError
from selector.benchmark import run as room
from selector.benchmark.events import (
    MAX_LINE_BYTES,
    CellEvent,
    EndEvent,
    Event,
    UnknownSchemaError,
    collect,
    event_line,
    read_events,
)
from selector.benchmark.run import BenchmarkRun, run_benchmark, split_lines

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are those of POSIX")

ROOT = Path(__file__).parent.parent

#: What the fake scripts begin with.
PRELUDE = """
import json, os, signal, subprocess, sys, time

def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)

ARM = {"approach": "single_threaded", "interpreter": "3.14", "workers": 1, "role": "baseline", "variant": ""}
MEASURED = [
    "tasks", "seconds", "launch_seconds", "startup_seconds", "first_result_seconds", "steady_seconds", "cpu_seconds",
    "cpu_percent", "peak_memory_mb", "memory_metric", "task_latency_ms", "gil_enabled", "checksum", "workers_seen",
    "imbalance", "short", "extrapolated_from",
]

def start(**changes):
    fields = dict(schema=1, name="fake", seed=1, budget_seconds=1.0, io="sleep", cpus=2, recommended=None, assumed=[])
    say("start", **fields, memory_limit_mb=None, python="3.14.0", **changes)
    say("plan", tasks=1, tasks_asked=None, task_wall_ms=1.0, task_cpu_ms=1.0, arms=[{"arm": 0, **ARM}])

def cell(round=0):
    say("cell", arm=0, round=round, **ARM, status="ok", reason="", **{**dict.fromkeys(MEASURED), "seconds": 0.5})

def end(reason="done", detail=""):
    say("end", reason=reason, detail=detail, seconds=1.0)

def report_and_exit(*ignored):
    cell(99)
    end("interrupted")
    sys.exit(130)

def sleep():
    while os.getppid() != 1:
        time.sleep(0.05)
"""


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., BenchmarkRun]:
    """`fake(body)` is a run of a script that begins with the prelude; it is closed at the end of the test."""
    with contextlib.ExitStack() as stack:

        def begin(body: str, **options: Any) -> BenchmarkRun:
            options = {"deadline_seconds": 20.0, "grace_seconds": 5.0} | options
            return stack.enter_context(BenchmarkRun([sys.executable, str(script(tmp_path, body))], **options))

        yield begin


def script(folder: Path, body: str) -> Path:
    file = folder / "bench.py"
    file.write_text(PRELUDE + textwrap.dedent(body), encoding="utf-8")
    return file


def kinds(events: Iterator[Event] | list[Event]) -> list[str]:
    return [event.event for event in events]


def next_cell(run: BenchmarkRun) -> CellEvent:
    return next(event for event in run if isinstance(event, CellEvent))


def last(events: Iterator[Event] | list[Event]) -> EndEvent:
    event = list(events)[-1]
    assert isinstance(event, EndEvent)
    return event


# A run that goes well -------------------------------------------------------------------------------------------------


def test_the_events_come_in_order_and_are_saved(fake, tmp_path):
    log = tmp_path / "run.jsonl"
    log.write_text("from an earlier run\n")
    run = fake("start(); cell(0); cell(1); end()", log=log)
    events = list(run)
    assert kinds(events) == ["start", "plan", "cell", "cell", "end"]
    assert events == run.events
    assert read_events(log) == collect(events)
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
    assert [len(read_events(log).cells), read_events(log).end] == [1, None]
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
    run._deadline_seconds = 0.0
    assert last(run).reason == "failed"
    assert run.skipped <= 1


def test_events_without_end_are_stopped_in_time(fake, monkeypatch):
    monkeypatch.setattr(room, "MAX_EVENTS", 100)
    run = fake(
        """
        signal.signal(signal.SIGINT, lambda *_: (end("interrupted"), os._exit(130)))
        start()
        for number in range(1000): cell(number)
        while True: cell()
        """
    )
    next_cell(run)
    wait_until(lambda: run.skipped > 0)
    run._deadline_seconds = 0.0
    rest = list(run)
    assert len(run.events) == 101
    assert last(rest).reason == "failed"
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
    assert lines[1:] == ["45", "46", "47", "48 " + "x" * 497, "49"]


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
    assert read_events(tmp_path / "run.jsonl") == collect(events)


def test_a_failure_after_the_last_event_is_a_warning(fake):
    run = fake("start(); cell(); end(); sys.exit(1)")
    assert last(run).reason == "done"
    assert run.warnings == ("after its last event the benchmark script failed: it ended with exit code 1",)


def test_a_script_killed_from_outside(fake):
    run = fake("start(); cell(); sleep()")
    next_cell(run)
    os.kill(run._script.pid, signal.SIGKILL)
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


@pytest.mark.parametrize("allowed", [0, 1])
def test_no_thread_to_read_with_is_an_error_and_leaves_nothing(tmp_path, monkeypatch, allowed):
    started, threads = [], []
    start, begin = room._start, threading.Thread.start
    monkeypatch.setattr(room, "_start", lambda command: started.append(start(command)) or started[-1])

    def none_left(self):
        if len(threads) == allowed:
            raise RuntimeError("can't start new thread")
        threads.append(self)
        begin(self)

    monkeypatch.setattr(threading.Thread, "start", none_left)
    with pytest.raises(SelectorError, match="no more threads may be started") as failed:
        BenchmarkRun([sys.executable, "-c", "import time; time.sleep(60)"], deadline_seconds=9)
    assert failed.value.exit_code == 1
    assert "ulimit -u" in failed.value.hint
    assert started[0].returncode is not None
    for thread in threads:
        thread.join(10)
    assert started[0].stdout.closed
    assert started[0].stderr.closed


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")
def test_a_full_disk_costs_no_measurement(fake, monkeypatch):
    monkeypatch.setattr(room, "_opened", lambda log: log.open("wb"))
    run = fake("start(); cell(); end()", log=Path("/dev/full"))
    assert kinds(run) == ["start", "plan", "cell", "end"]
    assert run.warnings == ("the events are not saved from some point on: No space left on device",)


# Stopping -------------------------------------------------------------------------------------------------------------


def test_an_interrupted_run_is_iterated_to_its_end(fake, tmp_path):
    run = fake("signal.signal(signal.SIGINT, report_and_exit); start(); cell(); sleep()", log=tmp_path / "run.jsonl")
    seen = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        for event in run:
            seen.append(event)
            if isinstance(event, CellEvent):
                raise KeyboardInterrupt
    run.interrupt()
    assert run.interrupted
    seen += run
    assert kinds(seen) == ["start", "plan", "cell", "cell", "end"]
    assert last(seen).reason == "interrupted"
    assert run.warnings == ()
    assert read_events(tmp_path / "run.jsonl") == collect(seen) == collect(run.events)


@pytest.mark.parametrize("times", [1, 2])
def test_a_script_that_does_not_stop_is_killed(fake, times):
    body = "signal.signal(signal.SIGINT, signal.SIG_IGN); start(); cell(); sleep()"
    run = fake(body, grace_seconds=0.1 if times == 1 else 60.0)
    next_cell(run)
    for _ in range(times):
        run.interrupt()
    assert [(e.reason, e.detail) for e in run if isinstance(e, EndEvent)] == [
        ("interrupted", "it did not end in time and was killed")
    ]
    assert is_gone(run._script.pid)


def test_a_script_that_dies_of_the_interruption_was_interrupted(fake):
    run = fake("start(); sleep()")
    assert kinds(next(run) for _ in range(2)) == ["start", "plan"]
    run.interrupt()
    end = last(run)
    assert end.reason == "interrupted" and end.detail.endswith("; KeyboardInterrupt")


def test_an_interruption_before_the_first_event_has_nothing_to_report(fake, tmp_path):
    ready = tmp_path / "ready"
    run = fake(f"open({str(ready)!r}, 'w').close(); sleep()")
    wait_until(ready.exists)
    run.interrupt()
    with pytest.raises(KeyboardInterrupt):
        next(run)
    assert list(run) == []


def test_an_overdue_script_is_stopped_and_its_report_kept(fake, tmp_path):
    run = fake("signal.signal(signal.SIGINT, report_and_exit); start(); cell(); sleep()", log=tmp_path / "run.jsonl")
    next_cell(run)
    run._deadline_seconds = 0.01
    events = list(run)
    assert kinds(events) == ["cell", "end"]
    assert (last(events).reason, last(events).detail) == ("failed", "it did not end within 0.01 s and was stopped")
    assert not run.interrupted
    assert read_events(tmp_path / "run.jsonl").end == last(events)


def test_an_overdue_script_that_said_nothing_is_an_error(fake):
    run = fake("signal.signal(signal.SIGINT, signal.SIG_IGN); sleep()", deadline_seconds=0.3, grace_seconds=0.1)
    assert "failed: it did not end within 0.3 s and was stopped" in failure(run).message


@pytest.mark.parametrize("body", ["end(); sleep()", "end(); os.close(1); sleep()"])
def test_a_script_that_lingers_after_its_end_is_killed(fake, body):
    run = fake(f"signal.signal(signal.SIGINT, signal.SIG_IGN); start(); cell(); {body}", grace_seconds=0.1)
    assert last(run).reason == "done"
    assert run.warnings == ()
    assert is_gone(run._script.pid)


def test_a_script_that_closes_its_output_is_killed(fake):
    run = fake("start(); cell(); os.close(1); sleep()", grace_seconds=0.1)
    assert last(run).detail == "it did not end in time and was killed"


def test_an_error_in_the_loop_lets_the_script_report_to_the_log(tmp_path):
    file = script(tmp_path, "signal.signal(signal.SIGINT, report_and_exit); start(); cell(); sleep()")
    log = tmp_path / "run.jsonl"
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        BenchmarkRun([sys.executable, str(file)], log=log, deadline_seconds=9) as run,
    ):
        next_cell(run)
        _ = 1 / 0
    assert [cell.round for cell in read_events(log).cells] == [0, 99]
    assert read_events(log).end is not None
    assert is_gone(run._script.pid)


def test_closing_twice_and_interrupting_late_do_no_harm(fake):
    run = fake("start(); cell(); end()")
    list(run)
    run.close()
    run.interrupt()
    run.close()
    assert last(run.events).reason == "done"


def test_an_interruption_while_closing_kills_at_once(tmp_path, monkeypatch):
    file = script(tmp_path, "signal.signal(signal.SIGINT, signal.SIG_IGN); start(); cell(); sleep()")
    run = BenchmarkRun([sys.executable, str(file)], deadline_seconds=60, grace_seconds=60)
    next_cell(run)

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.close()
    assert is_gone(run._script.pid)
    for reader in run._readers:
        reader.join()


# Nothing is left behind -----------------------------------------------------------------------------------------------

CHILD = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(30)"


@pytest.mark.parametrize("own_session", [False, True])
def test_closing_ends_what_the_script_started(tmp_path, own_session):
    file = script(
        tmp_path,
        f"""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], start_new_session={own_session})
        start(); cell(child.pid); sleep()
        """,
    )
    with BenchmarkRun([sys.executable, str(file)], deadline_seconds=60, grace_seconds=0.1) as run:
        child = next_cell(run).round
        assert not is_gone(child)
    wait_until(lambda: is_gone(child))
    assert is_gone(run._script.pid)


@pytest.mark.parametrize("ending", ["end()", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_what_a_script_leaves_in_its_group_ends_with_it(fake, ending):
    run = fake(f"child = subprocess.Popen([sys.executable, '-c', {CHILD!r}]); start(); cell(child.pid); {ending}")
    child = next_cell(run).round
    assert kinds(run) == ["end"]
    wait_until(lambda: is_gone(child))


def test_a_process_that_got_away_and_holds_the_pipes_is_not_waited_for(fake, monkeypatch, tmp_path):
    go = tmp_path / "go"
    monkeypatch.setattr(room, "_DRAIN_SECONDS", 0.2)
    run = fake(
        f"""
        code = '''
        import os, time
        while not os.path.exists({str(go)!r}): time.sleep(0.01)
        print("late", flush=True)
        time.sleep(30)
        '''
        child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        start(); cell(child.pid); end()
        """
    )
    child = psutil.Process(next_cell(run).round)
    try:
        assert kinds(run) == ["end"]
        run.close()
        go.touch()
        wait_until(lambda: not run._readers[0].is_alive())  # the first late word ends the reader
        assert run.skipped == 0
    finally:
        child.kill()
    run._readers[1].join()


# Our own end ----------------------------------------------------------------------------------------------------------

#: A program that runs a script as the pipeline does, and prints what it saw.
DRIVER = """
import sys
from pathlib import Path
from selector.benchmark.run import run_benchmark

script, log = map(Path, sys.argv[1:])
with run_benchmark(script, python=sys.executable, interpreters=[], budget_seconds=9, io="sleep", log=log) as run:
    while True:
        try:
            for event in run:
                print(event.event, flush=True)
            break
        except KeyboardInterrupt:
            run.interrupt()
print(run.events[-1].reason)
"""


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that runs a script until it is stopped; its first cell is there."""
    file = script(tmp_path, "signal.signal(signal.SIGINT, report_and_exit); start(); cell(os.getpid()); sleep()")
    command = [sys.executable, "-c", DRIVER, str(file), str(tmp_path / "run.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)] == ["start\n", "plan\n", "cell\n"]
        yield process
        process.kill()


def test_ctrl_c_while_waiting_ends_in_a_whole_report(driver, tmp_path):
    driver.send_signal(signal.SIGINT)
    assert driver.stdout.read().split() == ["cell", "end", "interrupted"]
    assert driver.wait() == 0
    session = read_events(tmp_path / "run.jsonl")
    assert len(session.cells) == 2 and session.end is not None


def test_the_log_is_whole_after_we_are_killed(driver, tmp_path):
    driver.kill()
    driver.wait()
    session = read_events(tmp_path / "run.jsonl")
    assert (len(session.cells), session.end) == (1, None)
    os.kill(session.cells[0].round, signal.SIGKILL)  # a real script sees by --parent that we are gone


# Lines out of chunks --------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=8) | st.just(b"\n") | st.just(b"a\nb")))
def test_lines_do_not_depend_on_the_chunks(chunks):
    expected = [line.removesuffix(b"\n") for line in io.BytesIO(b"".join(chunks))]
    assert list(split_lines(chunks)) == expected


@given(sizes=st.lists(st.integers(0, 12)), step=st.integers(1, 9))
def test_lines_that_are_too_long_are_dropped_whole(sizes, step):
    text = b"".join(b"x" * size + b"\n" for size in sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "MAX_LINE_BYTES", 5)
        found = list(split_lines(text[i : i + step] for i in range(0, len(text), step)))
    assert found == [b"x" * size if size <= 5 else None for size in sizes]


def test_an_endless_line_takes_no_memory():
    chunk = b"x" * 65536
    assert list(split_lines(chunk for _ in range(MAX_LINE_BYTES // 1000))) == [None]


def test_threads_end_with_their_runs(fake):
    before = threading.active_count()
    list(fake("start(); cell(); end()"))
    wait_until(lambda: threading.active_count() <= before)
