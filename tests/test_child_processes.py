"""Child processes: read line by line, stopped in time, and no process of them left behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from subprocess import PIPE
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import is_gone, wait_until

from selector import processes as room
from selector.processes import (
    MAX_LINE_BYTES,
    Child,
    NotStartedError,
    end_child,
    signals_handled,
    split_lines,
    start_child,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are those of POSIX")

PRELUDE = """
import os, signal, subprocess, sys, time

def say(*words):
    print(*words, flush=True)

def sleep():
    while os.getppid() != 1: time.sleep(0.05)

"""
GRANDCHILD = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(30)"


def child(code: str, **options: Any) -> Child:
    options = {"deadline_seconds": 20.0, **options}
    return Child([sys.executable, "-c", PRELUDE + textwrap.dedent(code)], **options)


def test_a_child_is_read_to_its_end_in_a_session_of_its_own():
    before = threading.active_count()
    with child("say(os.getsid(0) == os.getpid()); say(repr(sys.stdin.read())); sys.exit('why')") as program:
        assert list(program) == [b"True", b"''"]
    assert (program.fault, program.errors) == ("it ended with exit code 1", "why\n")
    assert program.over and not (program.asked or program.killed or program.overdue)
    assert list(program) == []
    wait_until(lambda: threading.active_count() <= before)


def test_many_lines_wait_for_whoever_reads_them_slowly():
    with child("for n in range(5000): print(n)") as program:
        first = next(program)
        time.sleep(0.2)
        assert [first, *program] == [str(n).encode() for n in range(5000)]
    assert program.fault == ""


def test_what_got_away_and_never_stops_to_write_is_not_listened_to_for_ever(monkeypatch):
    monkeypatch.setattr(room, "_FLOOD_SECONDS", 0.3)
    flood = "import os, sys\nwhile True: print(1)"
    with child(f"say(subprocess.Popen([sys.executable, '-c', {flood!r}], start_new_session=True).pid)") as program:
        got_away = psutil.Process(int(next(program) or b""))
        try:
            assert set(program) <= {b"1"}
        finally:
            got_away.kill()


@pytest.mark.parametrize("polite", [True, False])
def test_a_child_that_is_overdue_is_asked_and_then_killed(polite):
    does = "(say('bye'), sys.exit())" if polite else "None"
    code = f"signal.signal(signal.SIGTERM, lambda *_: {does}); say('ready'); sleep()"
    with child(code, grace_seconds=5.0 if polite else 0.1) as program:
        assert next(program) == b"ready"
        program.deadline_seconds = 0.01
        assert list(program) == ([b"bye"] if polite else [])
    assert program.fault == "it did not end within 0.01 s"
    assert (program.overdue, program.killed) == (True, not polite)


@pytest.mark.parametrize("code", ["os.close(1)", "say('last')"])
def test_a_child_that_has_said_all_is_given_its_grace(code):
    with child(f"{code}; sleep()", grace_seconds=0.1) as program:
        if code != "os.close(1)":
            assert next(program) == b"last"
            program.expect_end()
        assert list(program) == []
    assert program.fault == "it did not end in time and was killed"


@pytest.mark.parametrize("own_session", [False, True])
def test_what_a_child_started_ends_with_it(own_session):
    start = f"subprocess.Popen([sys.executable, '-c', {GRANDCHILD!r}], start_new_session={own_session}).pid"
    with child(f"signal.signal(signal.SIGTERM, signal.SIG_IGN); say({start}); sleep()", grace_seconds=0.1) as program:
        grandchild = int(next(program) or b"")
        assert not is_gone(grandchild)
    wait_until(lambda: is_gone(grandchild))
    assert is_gone(program.process.pid)


def test_what_a_child_leaves_when_it_is_asked_to_end_is_ended():
    start = f"subprocess.Popen([sys.executable, '-c', {GRANDCHILD!r}], start_new_session=True).pid"
    with child(f"say({start}); sleep()") as program:
        grandchild = int(next(program) or b"")
    wait_until(lambda: is_gone(grandchild))
    assert program.fault == "it was ended by signal 15"


def test_a_process_that_got_away_and_holds_the_pipes_is_not_waited_for(monkeypatch, tmp_path):
    go = tmp_path / "go"
    monkeypatch.setattr(room, "_DRAIN_SECONDS", 0.2)
    late = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\nprint(1, flush=True)\ntime.sleep(30)"
    before = threading.active_count()
    with child(f"say(subprocess.Popen([sys.executable, '-c', {late!r}], start_new_session=True).pid)") as program:
        got_away = psutil.Process(int(next(program) or b""))
        try:
            assert list(program) == []
            go.touch()  # the first late word ends the reader
            wait_until(lambda: threading.active_count() <= before + 1)
        finally:
            got_away.kill()
    wait_until(lambda: threading.active_count() <= before)


def test_an_interruption_while_closing_kills_at_once(monkeypatch):
    program = child("signal.signal(signal.SIGTERM, signal.SIG_IGN); say('ready'); sleep()", grace_seconds=60)
    assert next(program) == b"ready"

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "stop", interrupted)
    with pytest.raises(KeyboardInterrupt):
        program.close()
    assert is_gone(program.process.pid)


@pytest.mark.parametrize("command", ["/nowhere/python", "a\0b", "/"])
def test_what_cannot_be_started(command):
    with pytest.raises(NotStartedError, match=r"^cannot be run: ") as caught:
        Child([command], deadline_seconds=9)
    assert caught.value.hint == "give the path of a Python"
    assert isinstance(caught.value.__cause__, OSError | ValueError)


@pytest.mark.parametrize("allowed", [0, 1])
def test_no_thread_to_read_with_is_an_error_and_leaves_nothing(monkeypatch, allowed):
    started: list[subprocess.Popen[bytes]] = []
    threads: list[threading.Thread] = []
    start, begin = start_child, threading.Thread.start
    monkeypatch.setattr(room, "start_child", lambda *a, **k: started.append(start(*a, **k)) or started[-1])

    def none_left(self):
        if len(threads) == allowed:
            raise RuntimeError("can't start new thread")
        threads.append(self)
        begin(self)

    monkeypatch.setattr(threading.Thread, "start", none_left)
    with pytest.raises(NotStartedError, match="no more threads may be started") as failed:
        child("sleep()")
    assert "ulimit -u" in failed.value.hint
    assert started[0].returncode is not None
    for thread in threads:
        thread.join(10)
    assert started[0].stdout.closed and started[0].stderr.closed


def test_a_child_sees_its_input_end_with_us():
    with child("say('ready'); sys.stdin.read(); say('alone'); time.sleep(9)", stdin=PIPE, grace_seconds=0.2) as program:
        assert next(program) == b"ready"
        program.process.stdin.close()
        assert next(program) == b"alone"


def test_a_child_is_ended_and_reaped_by_hand():
    process = start_child([sys.executable, "-c", "import time; time.sleep(60)"])
    end_child(process)
    assert process.returncode == -signal.SIGKILL
    end_child(process)


# Signals to us --------------------------------------------------------------------------------------------------------


@pytest.fixture
def handlers() -> Iterator[Callable[[int], Any]]:
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)}
    yield signal.getsignal
    for number, handler in before.items():
        signal.signal(number, handler)


def test_signals_are_handled_for_a_while_where_nobody_else_does(handlers):
    own = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    came: list[int] = []
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGWHATEVER")
    with signals_handled(names, lambda number, _: came.append(number)) as before:
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(lambda: bool(came))
        assert before == {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
        assert handlers(signal.SIGHUP) == signal.SIG_IGN
    assert came == [signal.SIGTERM]
    assert handlers(signal.SIGTERM) == signal.SIG_DFL
    signal.signal(signal.SIGHUP, own)


# Lines out of chunks --------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=8) | st.just(b"\n") | st.just(b"a\nb")))
def test_lines_do_not_depend_on_the_chunks(chunks):
    expected = [line.removesuffix(b"\n") for line in io.BytesIO(b"".join(chunks))]
    assert list(split_lines(chunks)) == expected


@given(sizes=st.lists(st.integers(0, 12)), step=st.integers(1, 9))
def test_lines_that_are_too_long_are_dropped_whole(sizes, step):
    text = b"".join(b"x" * size + b"\n" for size in sizes)
    found = list(split_lines((text[i : i + step] for i in range(0, len(text), step)), 5))
    assert found == [b"x" * size if size <= 5 else None for size in sizes]


def test_an_endless_line_takes_no_memory():
    chunk = b"x" * 65536
    assert list(split_lines(chunk for _ in range(MAX_LINE_BYTES // 10_000))) == [None]
