"""How the run of a benchmark script ends: by itself, interrupted, overdue, killed; and that nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_script import fake_runs, kinds, last, next_cell, saved, script
from shared import is_gone, wait_until

from selector import SelectorError
from selector.benchmark.events import CellEvent, EndEvent, collect
from selector.benchmark.run import BenchmarkRun

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are those of POSIX")

ROOT = Path(__file__).parent.parent


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Callable[..., BenchmarkRun]]:
    with fake_runs(tmp_path) as begin:
        yield begin


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
    assert saved(tmp_path / "run.jsonl") == collect(seen) == collect(run.events)


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
    assert is_gone(run.child.process.pid)


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
    run.child.deadline_seconds = 0.01
    events = list(run)
    assert kinds(events) == ["cell", "end"]
    assert (last(events).reason, last(events).detail) == ("failed", "it did not end within 0.01 s and was stopped")
    assert not run.interrupted
    assert saved(tmp_path / "run.jsonl").end == last(events)


def test_an_overdue_script_that_said_nothing_is_an_error(fake):
    run = fake("signal.signal(signal.SIGINT, signal.SIG_IGN); sleep()", deadline_seconds=0.3, grace_seconds=0.1)
    with pytest.raises(SelectorError, match=r"failed: it did not end within 0\.3 s and was stopped"):
        list(run)


@pytest.mark.parametrize("body", ["end(); sleep()", "end(); os.close(1); sleep()"])
def test_a_script_that_lingers_after_its_end_is_killed(fake, body):
    run = fake(f"signal.signal(signal.SIGINT, signal.SIG_IGN); start(); cell(); {body}", grace_seconds=0.1)
    assert last(run).reason == "done"
    assert run.warnings == ()
    assert is_gone(run.child.process.pid)


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
    assert [cell.round for cell in saved(log).cells] == [0, 99]
    assert saved(log).end is not None
    assert is_gone(run.child.process.pid)


def test_closing_twice_and_interrupting_late_do_no_harm(fake):
    run = fake("start(); cell(); end()")
    list(run)
    run.close()
    run.interrupt()
    run.close()
    assert last(run.events).reason == "done"


# Nothing is left behind -----------------------------------------------------------------------------------------------

CHILD = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(30)"


@pytest.mark.parametrize("ending", ["end()", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_what_a_script_leaves_in_its_group_ends_with_it(fake, ending):
    run = fake(f"child = subprocess.Popen([sys.executable, '-c', {CHILD!r}]); start(); cell(child.pid); {ending}")
    child = next_cell(run).round
    assert kinds(run) == ["end"]
    wait_until(lambda: is_gone(child))


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
    session = saved(tmp_path / "run.jsonl")
    assert len(session.cells) == 2 and session.end is not None


def test_the_log_is_whole_after_we_are_killed(driver, tmp_path):
    driver.kill()
    driver.wait()
    session = saved(tmp_path / "run.jsonl")
    assert (len(session.cells), session.end) == (1, None)
    os.kill(session.cells[0].round, signal.SIGKILL)  # a real script sees by --parent that we are gone
