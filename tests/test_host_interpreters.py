"""What is found: interpreters by what they say, once for each, and what is kept of that."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fake_pythons import FakeMachine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selector.host import Interpreter, Survey, find_interpreters

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="fake interpreters are shell scripts")
_KEYS = ("interpreter", "executable", "asked_at", "problem", "hung", "stamp")
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(Path(os.path.realpath(tmp_path)))


pytestmark = posix_only


def test_what_an_interpreter_says_is_what_is_listed(machine: FakeMachine) -> None:
    machine.python("bin/python3.14t", "3.14.0rc2", free_threaded=True, gil_enabled=False)
    machine.python("bin/pypy3", "3.11.13", implementation="pypy", bits=32)
    pypy, cpython = machine.survey().interpreters
    assert (pypy.tag, pypy.implementation, pypy.bits) == ("3.11", "PyPy", 32)
    assert (cpython.tag, cpython.version, cpython.implementation) == ("3.14t", "3.14.0rc2", "CPython")
    assert (cpython.free_threaded, cpython.gil_enabled) == (True, False)
    assert Interpreter.model_validate_json(cpython.model_dump_json()) == cpython


def test_order_is_by_version_then_by_place(machine: FakeMachine) -> None:
    machine.python("opt/a/bin/python3", "3.9.1")
    machine.python("opt/b/bin/python3", "3.14.1", free_threaded=True)
    machine.python("opt/c/bin/python3", "3.14.2")
    machine.python("bin/python3", "3.14.3")
    machine.python("opt/d/bin/pypy3", "3.9.2", implementation="pypy")
    assert [i.version for i in machine.survey().interpreters] == ["3.9.1", "3.9.2", "3.14.3", "3.14.2", "3.14.1"]


def test_what_is_not_wanted_is_left_out_silently(machine: FakeMachine) -> None:
    unwanted = [{"version": "3.7.9"}, {"version": "3.6.1"}, {"version": "4.0.0"}, {"implementation": "graalpy"}]
    for number, changes in enumerate(unwanted):
        machine.python(f"opt/p{number}/bin/python3", **changes)
    assert machine.survey() == Survey((), ())
    assert len(machine.asked()) == 4
    assert machine.survey() == Survey((), ())
    assert machine.asked() == []  # and not asked again


def test_a_script_that_starts_a_listed_interpreter_is_left_out(machine: FakeMachine) -> None:
    target = machine.root / "opt/x/bin/python3.13"
    machine.python("opt/x/bin/python3.13", executable=str(target))
    machine.python("bin/python3", executable=str(target))
    assert [i.path for i in machine.survey().interpreters] == [str(target)]


def test_the_running_interpreter_is_found(machine: FakeMachine) -> None:
    (found,) = find_interpreters(machine.environ, machine.root, machine.home)
    assert found.found_in == "running"
    assert found.version == sys.version.split()[0]
    assert found.tag.startswith(f"3.{sys.version_info.minor}")
    assert os.path.samefile(found.path, getattr(sys, "_base_executable", sys.executable))
    assert not machine.cache.exists()  # known without asking


def test_the_running_interpreter_says_the_same_when_asked(machine: FakeMachine) -> None:
    (own,) = find_interpreters(machine.environ, machine.root, machine.home)
    machine.environ["PATH"] = os.path.dirname(sys.executable)
    asked = machine.survey().interpreters
    assert own.model_copy(update={"found_in": "PATH"}) in asked


# The cache ------------------------------------------------------------------------------------------------------------


def test_a_known_interpreter_is_not_run_again(machine: FakeMachine) -> None:
    machine.python("bin/python3.13")
    first = machine.survey()
    assert machine.asked() == ["bin/python3.13"]
    assert machine.survey() == first
    assert machine.asked() == []
    machine.python("bin/python3.14", "3.14.1")
    assert machine.tags() == ["3.13", "3.14"]
    assert machine.asked() == ["bin/python3.14"]
    machine.survey(refresh=True)
    assert machine.asked() == ["bin/python3.13", "bin/python3.14"]


def test_a_changed_interpreter_is_run_again(machine: FakeMachine) -> None:
    machine.python("bin/python3", "3.13.5")
    assert machine.tags() == ["3.13"]
    machine.python("bin/python3", "3.14.55")
    assert machine.tags() == ["3.14"]


def test_the_place_is_that_of_today(machine: FakeMachine) -> None:
    machine.python("opt/x/bin/python3")
    assert machine.survey().interpreters[0].found_in == "/opt"
    machine.environ["PATH"] = str(machine.root / "opt/x/bin")
    assert machine.survey().interpreters[0].found_in == "PATH"
    assert len(machine.asked()) == 1


def test_a_failure_is_remembered_for_a_while(machine: FakeMachine) -> None:
    machine.script("bin/python3", "exit 1")
    first = machine.survey()
    assert machine.survey() == first
    assert len(machine.asked()) == 1
    for asked_at in (time.time() - 121, time.time() + 1000, "yesterday"):
        data = json.loads(machine.cache.read_text())
        next(iter(data["entries"].values()))["asked_at"] = asked_at
        machine.cache.write_text(json.dumps(data))
        assert machine.survey() == first
        assert len(machine.asked()) == 1


SPOILING: list[Callable[[str], str]] = [
    lambda text: "",
    lambda text: text[: len(text) // 2],
    lambda text: "\x00\xff",
    lambda text: "null",
    lambda text: "[]",
    lambda text: '{"version": 1}',
    lambda text: '{"version": 1, "entries": 5}',
    lambda text: '{"version": 1, "entries": ["ab"]}',
    lambda text: text.replace('"version":2', '"version":1'),
    lambda text: text.replace("CPython", "Monty"),
    lambda text: text.replace('"stamp"', '"stomp"'),
    lambda text: text.replace('"executable"', '"x"'),
    lambda text: "[" * 100_000,
    lambda text: re.sub(r'"asked_at":[0-9.e+]+', f'"asked_at":{"9" * 400}', text).replace(
        '"problem":""', '"problem":"x"'
    ),
    lambda text: text.replace('"hung":0', '"hung":1e999').replace('"problem":""', '"problem":"x"'),
]


def test_a_spoilt_cache_is_no_error(machine: FakeMachine) -> None:
    machine.python("bin/python3")
    first = machine.survey()
    for number, spoil in enumerate(SPOILING):
        machine.asked()
        machine.cache.write_text(spoil(machine.cache.read_text()), encoding="latin-1")
        assert machine.survey() == first, number
        assert len(machine.asked()) == 1, number
        assert machine.survey() == first  # and it is mended
        assert machine.asked() == []


def test_a_fifo_a_device_or_a_link_where_the_cache_should_be_is_not_read(machine: FakeMachine) -> None:
    machine.python("bin/python3")
    machine.survey()
    text = machine.cache.read_text()
    (machine.root / "copy").write_text(text)
    for make in (
        lambda: os.mkfifo(machine.cache),
        lambda: machine.cache.symlink_to("/dev/zero"),
        lambda: machine.cache.symlink_to(machine.root / "copy"),
    ):
        machine.cache.unlink()
        make()
        machine.asked()
        assert machine.tags() == ["3.13"]
        assert machine.asked() == ["bin/python3"]
        assert machine.cache.is_file()
        assert not machine.cache.is_symlink()
    assert (machine.root / "copy").read_text() == text


def test_a_cache_that_others_may_write_to_is_not_read(machine: FakeMachine) -> None:
    machine.python("bin/python3")
    machine.survey()
    machine.cache.parent.chmod(0o777)
    machine.asked()
    assert machine.tags() == ["3.13"]
    assert machine.asked() == ["bin/python3"]


def test_a_cache_that_cannot_be_written_is_no_error(machine: FakeMachine) -> None:
    machine.python("bin/python3")
    (machine.root / "cache").write_text("a file where the directory should be")
    assert machine.tags() == ["3.13"]
    machine.environ["CONCURRENCY_SELECTOR_CACHE_DIR"] = str(machine.root / "other")
    (machine.root / "other/interpreters.json").mkdir(parents=True)
    assert machine.tags() == ["3.13"]
    assert os.listdir(machine.root / "other") == ["interpreters.json"]  # no temporary file is left


def test_files_that_are_gone_leave_the_cache(machine: FakeMachine) -> None:
    machine.python("bin/python3.12").parent.joinpath("x")
    machine.survey()
    (machine.root / "bin/python3.12").unlink()
    machine.python("bin/python3.13")
    machine.survey()
    assert list(json.loads(machine.cache.read_text())["entries"]) == [str(machine.root / "bin/python3.13")]


def test_many_at_once_agree(machine: FakeMachine) -> None:
    for minor in range(8, 14):
        machine.python(f"bin/python3.{minor}", f"3.{minor}.1")
    with ThreadPoolExecutor(6) as pool:
        surveys = list(pool.map(lambda _: machine.survey(), range(12)))
    assert all(found == surveys[0] and len(found.interpreters) == 6 for found in surveys)
    assert len(json.loads(machine.cache.read_text())["entries"]) == 6
    assert os.listdir(machine.cache.parent) == ["interpreters.json"]


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entry=_json | st.fixed_dictionaries({}, optional=dict.fromkeys(_KEYS, _json)), right=st.booleans())
def test_no_cache_entry_raises(machine: FakeMachine, entry: Any, right: bool) -> None:
    file = machine.python("bin/python3")
    if right and isinstance(entry, dict):
        status = file.stat()
        entry |= {"stamp": [status.st_mtime_ns, status.st_size, status.st_ino]}
    machine.cache.parent.mkdir(exist_ok=True)
    machine.cache.write_text(json.dumps({"version": 2, "entries": {str(file): entry}}))
    machine.survey()
