"""Asking files what they are: scripts that answer as a Python does, hang, break, or leave something running."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_pythons import FakeMachine, answer
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import is_gone, wait_until

from selector.errors import SelectorError
from selector.host import Interpreter, asking, interpreter_at, interpreters
from selector.processes import NotStartedError, start_child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="fake interpreters are shell scripts")


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(Path(os.path.realpath(tmp_path)))


BROKEN = [
    ("exit 3", "ended with exit code 3"),
    ("kill -9 $$", "was killed by signal 9"),
    ("echo hello", "did not answer as Python does"),
    ("true", "did not answer as Python does"),
    ("echo '{}'", "did not answer as Python does"),
    ("echo '[1, 2]'", "did not answer as Python does"),
    (f"echo '{answer(bits=63)}'", "did not answer as Python does"),
    (f"echo '{answer(free_threaded=1)}'", "did not answer as Python does"),
    (f"echo '{answer(executable=None)}'", "did not answer as Python does"),
    (f"echo '{answer(release=['3', 13])}'", "did not answer as Python does"),
    (f"echo '{answer(implementation=[])}'", "did not answer as Python does"),
    ("printf '\\377\\376'", "did not answer as Python does"),
]


def test_a_broken_interpreter_is_a_problem_and_no_error(machine: FakeMachine) -> None:
    files = [machine.script(f"opt/b{number:02}/bin/python3", body) for number, (body, _) in enumerate(BROKEN)]
    good = machine.python("opt/good/bin/python3")
    unreadable = machine.python("opt/x/bin/python3")
    unreadable.write_bytes(b"\x00\x01\x02 no format at all")
    found = machine.survey()
    assert [i.path for i in found.interpreters] == [str(good)]
    assert found.problems[:-1] == tuple(f"{file}: {reason}" for file, (_, reason) in zip(files, BROKEN, strict=True))
    assert found.problems[-1].startswith(f"{unreadable}: cannot be run: ")


def test_one_that_never_ends_is_killed_with_what_it_started(machine: FakeMachine) -> None:
    bodies = ["sleep 600", "yes", f"sleep 600 & echo $! > '{machine.root}/child'; wait"]
    for number, body in enumerate(bodies):
        machine.script(f"opt/h{number}/bin/python3", f"echo $$ > '{machine.root}/pid{number}'\n{body}")
    problems = machine.survey(timeout_seconds=2.0).problems
    assert [problem.rpartition(": ")[2] for problem in problems] == ["no answer in time"] * 3
    pids = [
        int(text) for file in machine.root.glob("*") if file.is_file() and (text := file.read_text()).strip().isdigit()
    ]
    wait_until(lambda: all(map(is_gone, pids)))


def test_something_left_running_does_not_hold_the_answer_up(machine: FakeMachine) -> None:
    left = f"sleep 60 & echo $! >> '{machine.root}/children'"
    machine.script("bin/python3", f"{left}\necho '{answer()}'")
    machine.script("opt/x/bin/python3", f"{left}\nexit 0")
    try:
        assert machine.tags() == ["3.13"]
    finally:
        for pid in (machine.root / "children").read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def test_no_child_survives_an_interrupt(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def remember(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        started.append(start_child(command, **options))
        return started[-1]

    class Interrupted(FakeTime):
        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt(seconds)

    monkeypatch.setattr(asking, "start_child", remember)
    monkeypatch.setattr(asking, "time", Interrupted())
    for minor in range(8, 12):
        machine.script(f"bin/python3.{minor}", "sleep 600")
    with pytest.raises(KeyboardInterrupt):
        machine.survey()
    assert len(started) == 4
    assert all(child.returncode is not None and is_gone(child.pid) for child in started)


def test_more_than_one_batch(machine: FakeMachine) -> None:
    for number in range(asking.AT_ONCE + 3):
        machine.python(f"opt/p{number}/bin/python3", f"3.13.{number}")
    assert len(machine.tags()) == asking.AT_ONCE + 3


def test_children_get_no_python_variables_and_no_input(machine: FakeMachine) -> None:
    seen = machine.root / "seen"
    machine.script("bin/python3", f"env > '{seen}'; cat >> '{seen}'; echo \"ARGS $*\" >> '{seen}'\necho '{answer()}'")
    machine.environ |= {"PYTHONHOME": "/wrong", "PYTHONPATH": "/wrong", "PYTHON_GIL": "1", "OTHER": "kept"}
    assert machine.tags() == ["3.13"]
    text = seen.read_text()
    assert not re.search("^PYTHON", text, re.MULTILINE)
    assert "OTHER=kept" in text
    assert "ARGS -I -S -B -c" in text


# Children that are none, and a clock that is set by hand --------------------------------------------------------------


class FakeTime:
    """The clocks of the time module; sleeping sets them forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeChild:
    """A child that hangs, or has answered at once."""

    def __init__(self, text: bytes | None) -> None:
        self.returncode = None if text is None else 0
        self.stdout = None
        if text is not None:
            reader, writer = os.pipe()
            os.write(writer, text)
            os.close(writer)
            self.stdout = os.fdopen(reader, "rb")

    def poll(self) -> int | None:
        return self.returncode


@pytest.fixture
def hanging(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """Nothing is started: what lies in hang* hangs, everything else is a Python; the clock is returned."""
    clock = FakeTime()

    def start(command: list[str], **_: Any) -> FakeChild:
        machine.started.append(command[0])
        return FakeChild(None if "/opt/hang" in command[0] else answer().encode())

    monkeypatch.setattr(asking, "start_child", start)
    monkeypatch.setattr(asking, "end_child", lambda child: None)
    monkeypatch.setattr(asking, "time", clock)
    monkeypatch.setattr(interpreters, "time", clock)
    return clock


def test_many_that_hang_share_one_time_limit_and_do_not_hide_a_good_one(
    machine: FakeMachine, hanging: FakeTime
) -> None:
    """At 16 at once 64 took four limits."""
    for number in range(40):
        machine.script(f"opt/hang{number:02}/bin/python3", "")
    good = machine.python("opt/z/bin/python3")
    begun = hanging.now
    found = machine.survey(timeout_seconds=20.0)
    assert [i.path for i in found.interpreters] == [str(good)]
    assert hanging.now - begun < 20.5
    assert len(found.problems) == 40
    assert all(problem.endswith("no answer in time") for problem in found.problems)
    machine.started.clear()
    assert machine.survey() == found  # remembered
    assert machine.started == []


def test_those_that_were_not_reached_come_first_the_next_time(
    machine: FakeMachine, hanging: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "AT_ONCE", 1)
    for number in range(8):
        machine.script(f"opt/hang{number}/bin/python3", "")
    good = machine.python("opt/z/bin/python3")
    found = machine.survey(timeout_seconds=0.3)
    assert found.interpreters == ()
    assert found.problems[0].endswith("no answer in time")
    assert found.problems[-1].endswith("not asked yet: others did not answer")
    machine.started.clear()
    assert machine.survey(timeout_seconds=0.3).interpreters
    assert str(good) in machine.started[:4]


def test_one_that_hangs_again_and_again_is_asked_less_and_less_often(machine: FakeMachine, hanging: FakeTime) -> None:
    machine.script("opt/hang/bin/python3", "")
    machine.survey()
    for seconds in (120, 240, 480, 960, 1920, 3600, 3600, 3600):
        asked_at = hanging.now
        machine.started.clear()
        hanging.now = asked_at + seconds - 6.0  # 5 s is what asking takes
        machine.survey()
        assert machine.started == [], seconds
        hanging.now = asked_at + seconds + 1.0
        machine.survey()
        assert len(machine.started) == 1, seconds
    machine.script("opt/hang/bin/python3", "# it is another file now")
    machine.started.clear()
    machine.survey()
    assert len(machine.started) == 1


def test_no_room_for_a_process_is_no_fault_of_the_file(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.python("bin/python3")
    for number in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE):

        def no_room(command: list[str], number: int = number, **_: Any) -> Any:
            raise NotStartedError(f"cannot be run: {os.strerror(number)}", "") from OSError(number, "")

        monkeypatch.setattr(asking, "start_child", no_room)
        (problem,) = machine.survey().problems
        assert problem.endswith(f"cannot be run: {os.strerror(number)}")
    monkeypatch.undo()
    assert machine.tags() == ["3.13"]


# Whatever they say ----------------------------------------------------------------------------------------------------

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_keys = ["version", "release", "implementation", "free_threaded", "gil_enabled", "bits", "executable"]


def said(text: bytes) -> Interpreter | None:
    """What is made of an answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "start_child", lambda command, **_: FakeChild(text))
        patch.setattr(asking, "end_child", lambda child: None)
        patch.setattr(asking, "time", FakeTime())
        try:
            return interpreter_at("/x/python3")
        except SelectorError:
            return None


@settings(deadline=None, max_examples=50)
@given(st.binary() | _json.map(lambda value: json.dumps(value).encode()))
def test_no_answer_raises(text: bytes) -> None:
    assert said(text) is None


@settings(deadline=None, max_examples=50)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(_keys, _json)))
def test_no_wrong_fact_raises(changes: dict[str, Any]) -> None:
    assert said(answer().encode()) is not None
    found = said(json.dumps(json.loads(answer()) | changes).encode())
    assert found is None or found.path == "/x/python3"
