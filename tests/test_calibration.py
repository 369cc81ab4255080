"""Calibration: the file that keeps it, the process that measures, and the script itself in a short real run."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shared import is_gone, wait_until

from selector import SelectorError
from selector.calibration import kept as cache
from selector.calibration import measure as room
from selector.calibration.kept import (
    Machine,
    MeasuredCosts,
    calibration_folder,
    keep_entry,
    kept_entries,
    load_calibration,
)
from selector.calibration.measure import Calibration, Progress, calibrate
from selector.host import Interpreter, usable_cpus

SCRIPT = Path(__file__).resolve().parent.parent / "probes" / "calibration.py"
CPUS = usable_cpus().count
HERE = cache.this_machine(CPUS)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals, sessions and shell scripts")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test."""
    monkeypatch.setenv("CONCURRENCY_SELECTOR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def python(folder: Path) -> Callable[..., Interpreter]:
    """`python("3.14")` is an interpreter with a file of its own, which starts the one that runs the tests."""

    def make(tag: str = "3.14", body: str = f'exec {sys.executable} "$@"') -> Interpreter:
        file = folder / f"python{tag}"
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)
        return Interpreter(
            path=os.path.realpath(file), version=f"{tag.rstrip('t')}.0", tag=tag, implementation="CPython",
            free_threaded=tag.endswith("t"), gil_enabled=not tag.endswith("t"), bits=64, found_in="PATH",
        )  # fmt: skip

    return make


COST = {"value": 0.25, "low": 0.125, "high": 0.5, "samples": 9, "quality": "usable"}
VALUES = {"thread_start_ms": 0.25}


def entry(path: str | Path, **changes: Any) -> dict[str, Any]:
    """What the file has of one Python."""
    return {
        "tag": "3.14", "version": "3.14.0", "path": str(path), "stamp": list(cache.stamp_of(str(path)) or (0, 0)),
        "free_threaded": False, "gil_enabled": True, "start_method": "fork", "noise": 0.01, "rounds": 3,
        "seconds": 8.1, "warnings": [], "measured_at": "2026-11-21T22:00:00Z", "costs": {"thread_start_ms": COST},
    } | changes  # fmt: skip


def a_file(folder: Path, name: str) -> str:
    file = folder / name
    file.write_text(name)
    return os.path.realpath(file)


# What is kept ---------------------------------------------------------------------------------------------------------


def loaded(environ: dict[str, str] | None = None) -> dict[str, dict[str, float]]:
    """What is known of this host with its usable CPUs, by path."""
    return {found.path: found.costs for found in load_calibration(environ) if found.cpus == CPUS}


def write_file(text: bytes, name: str = "python-2cpu-0.json") -> Path:
    calibration_folder().mkdir(parents=True, exist_ok=True)
    file = calibration_folder() / name
    file.write_bytes(text)
    return file


def as_kept(python: str, **changes: Any) -> dict[str, Any]:
    return {"schema": 2, **HERE._asdict(), "interpreter": entry(python)} | changes


def test_what_is_kept_is_loaded_with_what_it_was_measured_under(folder):
    one, other = a_file(folder, "one"), a_file(folder, "other")
    keep_entry(HERE, entry(one))
    keep_entry(HERE, entry(other, tag="3.14t", free_threaded=True, measured_at="2026-11-28T01:00:00Z"))
    assert load_calibration() == (
        MeasuredCosts("3.14t", "3.14.0", other, True, "fork", CPUS, "2026-11-28", VALUES),  # the newest first
        MeasuredCosts("3.14", "3.14.0", one, False, "fork", CPUS, "2026-11-21", VALUES),
    )


def test_a_cost_that_is_too_noisy_is_kept_and_not_used(folder):
    python = a_file(folder, "python")
    noisy = {"value": 9.0, "low": 1.0, "high": 90.0, "samples": 2, "quality": "noisy"}
    keep_entry(HERE, entry(python, costs={"thread_start_ms": COST, "asyncio_task_ms": noisy}))
    assert loaded() == {python: VALUES}
    assert set(kept_entries(HERE)[python]["costs"]) == {"thread_start_ms", "asyncio_task_ms"}


def test_without_a_file_nothing_is_known(folder):
    assert load_calibration() == ()
    assert kept_entries(HERE) == {}


def test_an_environment_may_be_given(folder):
    environ = {"CONCURRENCY_SELECTOR_CACHE_DIR": str(folder / "elsewhere")}
    python = a_file(folder, "python")
    keep_entry(HERE, entry(python), environ)
    assert loaded(environ) == {python: VALUES}
    assert loaded() == {}


def test_a_python_that_was_replaced_is_not_known_any_more(folder):
    python, other = a_file(folder, "python"), a_file(folder, "other")
    keep_entry(HERE, entry(python))
    Path(python).write_text("a newer one")
    assert loaded() == {}
    keep_entry(HERE, entry(other))
    assert list(kept_entries(HERE)) == [other]
    keep_entry(HERE, entry(python))
    Path(other).unlink()
    assert loaded() == {python: VALUES}


def test_a_python_that_is_measured_again_is_replaced(folder):
    python = a_file(folder, "python")
    first = keep_entry(HERE, entry(python, rounds=1))
    assert keep_entry(HERE, entry(python, rounds=2)) == first
    assert [kept["rounds"] for kept in kept_entries(HERE).values()] == [2]
    assert os.listdir(calibration_folder()) == [first.name]


@pytest.mark.parametrize(
    "change", [{"cpu_model": "another"}, {"system": "Linux 2.6 x86_64"}, {"memory_mb": (HERE.memory_mb or 0) * 2 + 9}]
)
def test_two_hosts_that_share_a_home_directory_keep_both(folder, change):
    python = a_file(folder, "python")
    there = HERE._replace(**change)
    keep_entry(there, entry(python))
    assert load_calibration() == ()
    assert list(kept_entries(there)) == [python]
    keep_entry(HERE, entry(python, rounds=7))
    assert [kept_entries(host)[python]["rounds"] for host in (there, HERE)] == [3, 7]


def test_a_container_with_one_cpu_does_not_overwrite_the_machine(folder):
    python = a_file(folder, "python")
    keep_entry(HERE, entry(python))
    keep_entry(HERE._replace(cpus=CPUS + 1), entry(python, rounds=1))
    assert sorted(found.cpus for found in load_calibration()) == [CPUS, CPUS + 1]
    assert kept_entries(HERE)[python]["rounds"] == 3
    assert kept_entries(HERE._replace(cpus=CPUS + 2)) == {}


def test_a_little_more_memory_is_the_same_host_and_its_older_file_goes(folder):
    python = a_file(folder, "python")
    old = keep_entry(HERE._replace(memory_mb=int((HERE.memory_mb or 0) * 0.95)), entry(python))
    assert loaded() == {python: VALUES}
    new = keep_entry(HERE, entry(python, rounds=1))
    assert (new.exists(), old.exists()) == (True, False)


def test_the_oldest_go_where_there_are_too_many(folder, monkeypatch):
    monkeypatch.setattr(cache, "_MOST_FILES", 3)
    pythons = [a_file(folder, f"python{number}") for number in range(4)]
    for age, python in enumerate(pythons):
        os.utime(keep_entry(HERE, entry(python)), (age, age))
    keep_entry(HERE, entry(pythons[3]))
    assert sorted(loaded()) == pythons[1:]


def test_the_machine_is_described():
    assert HERE.cpus == CPUS
    assert (HERE.memory_mb or 0) > 100
    assert sys.platform in {"win32", "darwin"} or HERE.system.startswith(os.uname().sysname)


def test_a_machine_that_says_nothing_of_itself_is_one_too(folder, monkeypatch):
    known = cache.memory()
    monkeypatch.setattr(cache, "memory", lambda: known.model_copy(update={"total_mb": None}))
    monkeypatch.setattr(cache, "cpu_model_of", lambda *_: None)
    python = a_file(folder, "python")
    keep_entry(HERE, entry(python))
    assert loaded() == {}
    keep_entry(cache.this_machine(CPUS), entry(python))
    assert loaded() == {python: VALUES}


BROKEN_ENTRIES: list[Any] = [
    None, [], {}, "text", {"costs": {}}, {"costs": []}, {"costs": {"x": 1}}, {"costs": {"x": {"value": 1}}},
    {"costs": {"x": COST | {"value": "1,"}}}, {"costs": {"x": COST | {"value": -1}}},
    {"costs": {"x": COST | {"value": None}}}, {"costs": {"x": COST | {"value": 10**400}}},
    {"costs": {"x": COST | {"quality": "fine"}}}, {"path": 7}, {"path": "\0"}, {"stamp": None}, {"stamp": 3},
    {"path": []}, {"tag": None}, {"version": 3.14}, {"measured_at": "today"}, {"free_threaded": 1},
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN_ENTRIES, ids=lambda broken: repr(broken)[:60])
def test_what_is_no_entry_counts_as_nothing(folder, broken):
    python = a_file(folder, "python")
    whole = entry(python) | broken if isinstance(broken, dict) and broken else broken
    write_file(json.dumps(as_kept(python, interpreter=whole)).encode())
    assert load_calibration() == ()
    keep_entry(HERE, entry(python))
    assert loaded() == {python: VALUES}


@pytest.mark.parametrize("changes", [{"schema": 1}, {"cpus": 0}, {"cpus": True}, {"cpus": "2"}, {"memory_mb": "2"}])
def test_a_file_of_another_kind_counts_as_nothing(folder, changes):
    write_file(json.dumps(as_kept(a_file(folder, "python"), **changes)).encode())
    assert load_calibration() == ()


@pytest.mark.parametrize(
    "text",
    [
        b"", b"null", b"[]", b"7", b"\xff\xfe", b"{", b'{"schema": 2}', b"[" * 100_000, b'{"schema": 2, "cpus": 2}',
        b'{"a": 1}' + b" " * 1_000_000,
    ],
    ids=lambda text: repr(text[:20]),
)  # fmt: skip
def test_a_file_that_is_not_ours_counts_as_none(folder, text):
    write_file(text)
    python = a_file(folder, "python")
    assert loaded() == {}
    assert kept_entries(HERE) == {}
    keep_entry(HERE, entry(python))
    assert loaded() == {python: VALUES}


def test_the_file_of_older_versions_is_left_alone(folder):
    python = a_file(folder, "python")
    old = calibration_folder().parent / "calibration.json"
    old.parent.mkdir()
    old.write_text(json.dumps({"schema": 1, **HERE._asdict(), "interpreters": [entry(python)]}), "utf-8")
    assert load_calibration() == ()
    assert old.exists()


@posix_only
def test_a_generous_umask_does_no_harm(folder):
    before = os.umask(0)
    try:
        python = a_file(folder, "python")
        keep_entry(HERE, entry(python))
    finally:
        os.umask(before)
    assert loaded() == {python: VALUES}


@posix_only
def test_a_file_that_is_not_the_users_own_is_not_read(folder):
    python = a_file(folder, "python")
    text = json.dumps(as_kept(python)).encode()
    file = write_file(text)
    assert loaded() == {python: VALUES}
    file.chmod(0o666)
    assert loaded() == {}
    file.unlink()
    elsewhere = folder / "elsewhere.json"
    elsewhere.write_bytes(text)
    file.symlink_to(elsewhere)
    assert loaded() == {}
    file.unlink()
    os.mkfifo(file)  # opening one waits for somebody who writes
    assert loaded() == {}
    file.unlink()
    file.symlink_to("/dev/zero")
    assert loaded() == {}
    file.unlink()
    file.mkdir()
    assert loaded() == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(["schema", *Machine._fields, "interpreter"]), value=JSON, cut=st.integers(0, 400))
def test_a_file_that_is_torn_or_altered_does_no_harm(folder, key, value, cut):
    python = a_file(folder, "python")
    write_file(json.dumps(as_kept(python, **{key: value})).encode())
    assert loaded() in ({}, {python: VALUES})
    write_file(json.dumps(as_kept(python)).encode()[:cut])
    assert loaded() == {}


@given(key=st.sampled_from(sorted(entry("x"))), value=JSON)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_entry_that_was_altered_does_no_harm(folder, key, value):
    python = a_file(folder, "python")
    write_file(json.dumps(as_kept(python, interpreter=entry(python) | {key: value})).encode())
    for found in load_calibration():
        assert all(0 <= cost < math.inf for cost in found.costs.values())
    room._known(HERE)


def test_of_many_that_keep_at_once_nothing_is_lost(folder):
    pythons = [a_file(folder, f"python{number}") for number in range(4)]

    def keep_and_load(python: str) -> None:
        for _ in range(20):
            keep_entry(HERE, entry(python))
            assert loaded()[python] == VALUES

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep_and_load, pythons))
    assert set(loaded()) == set(pythons)
    assert len(list(calibration_folder().iterdir())) == 4


# Running the script ---------------------------------------------------------------------------------------------------

#: What the fake scripts begin with.
PRELUDE = """
import json, os, signal, subprocess, sys, time

def say(**fields):
    print(json.dumps(fields), flush=True)

def result(**changes):
    cost = {"value": 0.25, "low": 0.125, "high": 0.5, "samples": 9, "quality": "usable", "note": ""}
    python = {"version": "3.14.1", "free_threaded": False, "gil_enabled": True}
    return {"schema": 2, "python": python, "start_method": "fork", "cpus": 2, "rounds": 3, "seconds": 1.5,
            "noise": 0.01, "warnings": [], "costs": {"thread_start_ms": cost}} | changes

def done(**changes):
    say(result=result(**changes))

def sleeper():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    return child.pid
"""


@pytest.fixture
def fake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """`fake(body)` puts a script that begins with the prelude in the place of ours."""

    def put(body: str) -> Path:
        file = folder / "script.py"
        file.write_text(PRELUDE + textwrap.dedent(body), encoding="utf-8")
        monkeypatch.setattr(room, "_script", lambda: file)
        return file

    return put


def failure(python: Interpreter) -> str:
    """The message of a calibration that came to nothing."""
    with pytest.raises(SelectorError) as caught:
        calibrate([python])
    assert caught.value.exit_code == 1
    assert load_calibration() == ()
    return caught.value.message


@posix_only
def test_each_python_is_measured_and_kept(fake, python, folder):
    fake("say(part='threads', round=1, done=0.25); say(cost='thread_start_ms', value=1); done()")
    pythons = [python("3.14"), python("3.13t")]
    told: list[Progress] = []
    found = calibrate(pythons, on_progress=told.append)
    assert [costs.tag for costs in found.interpreters] == ["3.14", "3.13t"]
    assert told == [Progress(each, "threads", 0.25) for each in pythons]
    assert found.problems == ()
    first = found.interpreters[0]
    assert (first.version, first.path, first.noisy) == ("3.14.1", pythons[0].path, ())
    assert found.kept == ()
    assert first.stamp == cache.stamp_of(first.path)
    assert first.measured_at.tzinfo is not None
    assert loaded() == {each.path: VALUES for each in pythons}


@posix_only
def test_it_is_measured_once_or_by_force(fake, python, folder):
    fake(f"open({str(folder / 'runs')!r}, 'a').write('x'); done()")
    one = python()
    first = calibrate([one, one])
    assert len(first.interpreters) == 1
    again = calibrate([one])
    assert (again.interpreters, again.kept) == (first.interpreters, ("3.14",))
    assert (folder / "runs").read_text() == "x"
    calibrate([one], force=True)
    assert (folder / "runs").read_text() == "xx"


@posix_only
def test_what_was_measured_well_is_not_replaced_by_what_is_noisy(fake, python, folder):
    cost = {"value": 0.25, "low": 0.125, "high": 0.5, "samples": 9, "quality": "usable", "note": ""}
    both = {"thread_start_ms": cost, "asyncio_task_ms": cost}
    fake(f"done(costs={both!r})")
    one = python()
    first = calibrate([one])
    noisy = both | {"asyncio_task_ms": cost | {"value": 9.0, "quality": "noisy", "note": "0 of 3 undisturbed"}}
    fake(f"done(costs={noisy!r})")
    instead = "too noisy to be used, so that what is documented counts instead: asyncio_task_ms"
    assert calibrate([python("3.13")]).interpreters[0].warnings == (instead,)
    again = calibrate([one], force=True)
    assert (again.interpreters, again.kept) == (first.interpreters, ("3.14",))
    (problem,) = again.problems
    assert problem.startswith("Python 3.14: only 1 of 2 costs could be measured well now, and 2 on 20")
    assert loaded()[one.path] == {"thread_start_ms": 0.25, "asyncio_task_ms": 0.25}


@posix_only
def test_what_fails_now_leaves_what_was_known(fake, python, folder):
    fake("done()")
    one = python()
    first = calibrate([one])
    fake("sys.exit('no')")
    again = calibrate([one], force=True)
    assert (again.interpreters, len(again.problems)) == (first.interpreters, 1)


@posix_only
def test_a_calibration_can_be_saved_and_read_back(fake, python):
    fake("done(warnings=['processes: \\x1b[31mno'], noise=0.2)")
    found = calibrate([python()])
    text = found.model_dump_json()
    assert json.loads(text)["schema"] == 2
    assert Calibration.model_validate_json(text) == found
    assert found.interpreters[0].warnings == ("processes: \\x1b[31mno",)


@posix_only
def test_the_script_is_told_what_to_do(fake, python, folder, monkeypatch):
    fake("done(warnings=sys.argv[1:])")
    arguments = calibrate([python()], budget_seconds=2.5).interpreters[0].warnings
    assert arguments == ("-", "--while-open", "--budget", "2.5", "--cpus", str(CPUS))


@posix_only
def test_variables_for_another_python_are_left_out(fake, python, monkeypatch):
    for name in ("PYTHONHOME", "PYTHONPATH", "PYTHON_GIL", "PYTHONDEVMODE", "PYTHONDONTWRITEBYTECODE", "PYTHIA"):
        monkeypatch.setenv(name, "1")
    fake("done(warnings=sorted(name for name in os.environ if name.startswith('PYTH')))")
    assert calibrate([python()]).interpreters[0].warnings == ("PYTHIA", "PYTHONDONTWRITEBYTECODE")


@posix_only
def test_lines_that_say_nothing_are_passed_over(fake, python):
    fake(
        "print('hello'); print('{'); print('[]'); print('7'); say(part='x'); say(part='x', done='y'); say(part=3, done=7); done()"
    )
    told: list[Progress] = []
    calibrate([python()], on_progress=told.append)
    assert [(progress.part, progress.done) for progress in told] == [("3", 1.0)]


@posix_only
def test_one_that_fails_does_not_keep_the_other(fake, python):
    fake("if 'python3.13' in os.environ['WHO']: sys.exit('no way')\ndone()")
    body = f'WHO=$0 exec {sys.executable} "$@"'
    bad, good = python("3.13", body), python("3.14", body)
    found = calibrate([bad, good])
    assert [costs.tag for costs in found.interpreters] == ["3.14"]
    assert found.problems == (f"Python 3.13 ({bad.path}) could not be measured: it ended with exit code 1: no way",)
    assert "problems" in json.loads(found.model_dump_json())
    assert calibrate([good]).problems == ()


@posix_only
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('first\\nlast\\x1b[2J')", "it ended with exit code 1: last\\x1b[2J"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "it was ended by signal 9"),
        ("", "it left no figures that can be read"),
        ("say(result=[])", "it left no figures that can be read"),
        ("say(result=7)", "it left no figures that can be read"),
        ("print(json.dumps({'result': result()})[:-9])", "it left no figures that can be read"),
        ("done(schema=1)", "it left no figures that can be read"),
        ("done(costs={})", "it left no figures that can be read"),
        ("done(costs={'x': 1})", "it left no figures that can be read"),
        ("done(costs={'x': {'value': -1, 'low': 0, 'high': 0, 'samples': 1}})", "it left no figures that can be read"),
        ("done(noise=None)", "it left no figures that can be read"),
        ("done(noise=float('nan'))", "it left no figures that can be read"),
        ("done(python=None)", "it left no figures that can be read"),
        ("done(rounds='3')", "it left no figures that can be read"),
    ],
)
def test_a_script_that_fails_is_named_with_its_last_words(fake, python, body, said):
    fake(body)
    assert failure(python()).endswith(f"could not be measured: {said}")


@posix_only
def test_what_cannot_be_run_is_named(fake, python, folder):
    fake("done()")
    assert "that takes Python 3.10 or later" in failure(python("3.9"))
    nowhere = python().model_copy(update={"path": str(folder / "nowhere")})
    assert "it cannot be run: No such file" in failure(nowhere)
    assert "it ended with exit code 5" in failure(python(body="exit 5"))


def test_nothing_to_measure_is_an_error():
    with pytest.raises(SelectorError, match="no Python to measure"):
        calibrate([])


@posix_only
def test_a_cache_that_cannot_be_written_is_a_problem_but_no_failure(fake, python, folder):
    fake("done()")
    (folder / "cache").write_text("a file where the folder should be")
    found = calibrate([python()])
    assert len(found.interpreters) == 1
    assert found.problems[0].startswith("what was measured cannot be kept: ")


@posix_only
def test_a_script_that_hangs_is_ended_with_all_it_started(fake, python, monkeypatch, folder):
    monkeypatch.setattr(room, "_SLOWEST_SECONDS", 1.0)
    fake(f"open({str(folder / 'pid')!r}, 'w').write(str(sleeper())); time.sleep(600)")
    with pytest.raises(SelectorError, match="it did not end within"):
        calibrate([python()], budget_seconds=0.1)
    wait_until(lambda: is_gone(int((folder / "pid").read_text())))


@posix_only
@pytest.mark.parametrize("obeys", [True, False])
def test_no_process_is_left_after_an_interrupt(fake, python, monkeypatch, obeys):
    monkeypatch.setattr(room, "_GRACE_SECONDS", 10.0 if obeys else 0.2)
    obey = "" if obeys else "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    end = "os.kill(child, signal.SIGKILL); sys.exit(130)"
    fake(f"""
        child = sleeper()
        signal.signal(signal.SIGTERM, lambda *_: ({end.replace("; ", ", ")}))
        {obey}
        say(part=f"{{os.getpid()}} {{child}}", done=0.5)
        time.sleep(600)
    """)
    pids: list[int] = []

    def interrupt(progress: Progress) -> None:
        pids.extend(map(int, progress.part.split()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate([python()], on_progress=interrupt)
    wait_until(lambda: all(map(is_gone, pids)))
    assert len(pids) == 2
    assert load_calibration() == ()


#: A program that calibrates with the script at argv[1] and the Python at argv[2].
CALIBRATING = """
import os, sys
from pathlib import Path
from selector.calibration import measure as room
from selector.host import Interpreter

room._script = lambda: Path(sys.argv[1])
python = Interpreter(path=sys.argv[2], version="3.14.0", tag="3.14", implementation="CPython", free_threaded=False,
                     gil_enabled=True, bits=64, found_in="PATH")
room.calibrate([python])
"""


@posix_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_however_it_is_ended_no_process_and_no_file_of_it_is_left(folder, number):
    pids, temporary = folder / "pids", folder / "tmp"
    temporary.mkdir()
    start = "import subprocess; child = subprocess.Popen(['sleep', '60'])"
    note = f"open({str(pids)!r}, 'w').write(f'{{os.getppid()}} {{os.getpid()}} {{child.pid}} '); time.sleep(600)"
    command = [sys.executable, "-c", CALIBRATING, str(altered(folder, f"{start}; {note}")), sys.executable]
    environ = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(SCRIPT.parent.parent)}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environ) as process:
        wait_until(lambda: pids.exists() and pids.read_text().endswith(" "))
        process.send_signal(number)
        assert process.wait(20) != 0
    wait_until(lambda: all(map(is_gone, map(int, pids.read_text().split()))))
    wait_until(lambda: not list(temporary.iterdir()))


@posix_only
def test_what_was_measured_before_an_interrupt_is_kept(fake, python):
    fake("say(part='threads', done=0.5); done()")
    first, second = python("3.14"), python("3.13t")

    def interrupt(progress: Progress) -> None:
        if progress.interpreter == second:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate([first, second], on_progress=interrupt)
    assert loaded() == {first.path: VALUES}


# The script: its parts ------------------------------------------------------------------------------------------------


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The script as a module, imported afresh."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.delitem(sys.modules, "calibration", raising=False)
    yield importlib.import_module("calibration")
    sys.modules.pop("calibration", None)


def test_it_is_no_template_for_users():
    assert "parameters: begin ---" not in SCRIPT.read_text()


@given(samples=st.lists(st.floats(-10, 1e6), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_figure_lies_within_its_range_and_its_samples(script, samples):
    for summary in set(script.COSTS.values()):
        figure = script.summarised(samples, summary)
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"]
        assert figure["high"] <= max(0, *samples) * 1.0001
        assert figure["samples"] == len(samples)


def test_figures_are_quartiles(script):
    samples = [4.0, 2.0, 3.0, 1.0, 5.0]
    assert script.summarised(samples, script.TIME) == {"value": 2.0, "low": 1.0, "high": 4.0, "samples": 5}
    assert script.summarised(samples, script.MIDDLE) == {"value": 3.0, "low": 2.0, "high": 4.0, "samples": 5}
    assert script.summarised(samples, script.RATE) == {"value": 4.0, "low": 2.0, "high": 5.0, "samples": 5}
    assert script.summarised(samples, script.DELAY)["high"] == 4.8
    assert script.summarised([7.0], script.TIME) == {"value": 7.0, "low": 7.0, "high": 7.0, "samples": 1}


def clean(*samples: float) -> list[tuple[float, float]]:
    """Samples that nothing disturbed."""
    return [(sample, 0.01) for sample in samples]


def disturbed(*samples: float) -> list[tuple[float, float]]:
    return [(sample, 0.4) for sample in samples]


def test_only_undisturbed_samples_make_a_figure(script):
    key = "thread_dispatch_ms"
    found = script.figures({key: [*clean(1.0, 1.1, 1.2), *disturbed(7.0, 8.0)]}, 2)[key]
    assert (found["value"], found["samples"], found["quality"], found["note"]) == (1.1, 3, "usable", "")
    found = script.figures({key: [*clean(1.0), *disturbed(7.0, 8.0)]}, 2)[key]
    assert (found["value"], found["quality"], found["note"]) == (1.0, "noisy", "1 of 3 undisturbed")
    found = script.figures({key: disturbed(7.0, 8.0)}, 2)[key]
    assert (found["value"], found["quality"], found["note"]) == (7.5, "noisy", "0 of 2 undisturbed")


def test_samples_that_do_not_agree_make_a_noisy_figure(script):
    def quality(key: str, *samples: float) -> Any:
        return script.figures({key: clean(*samples)}, 2)[key]["quality"]

    assert quality("thread_dispatch_ms", 1.0, 1.2, 1.4) == "usable"
    found = script.figures({"thread_dispatch_ms": clean(1.0, 2.0, 5.0)}, 2)["thread_dispatch_ms"]
    assert (found["quality"], found["note"]) == ("noisy", "1.5 to 3.5")
    assert (
        quality("subinterpreter_more_ms", 0.0, 1.0, 3.0) == "usable"
    )  # the difference of two times: some ms are noise
    assert quality("subinterpreter_more_ms", 0.0, 10.0, 30.0) == "noisy"
    assert quality("gil_convoy_ms", 1.0, 5.0, 70.0) == "usable"  # it varies by its nature
    assert quality("process_pool_spawn_ms", 90.0) == "usable"  # a program has one first pool
    assert quality("process_dispatch_ms", 0.1) == "noisy"


def test_efficiency_is_made_of_the_undisturbed_time_of_one(script):
    samples = {
        "efficiency_hot alone": [*clean(10.0, 10.0, 10.0), *disturbed(30.0, 5.0)],
        "efficiency_hot together": [*clean(20.0, 20.5, 21.0), *disturbed(40.0)],
    }
    found = script.figures(samples, 2)["efficiency_hot"]
    assert (found["value"], found["samples"], found["quality"]) == (pytest.approx(0.4939, rel=1e-3), 3, "usable")
    spoilt = samples | {"efficiency_hot alone": disturbed(10.0, 10.0)}
    assert script.figures(spoilt, 2)["efficiency_hot"]["quality"] == "noisy"
    assert script.figures({"efficiency_hot alone": clean(1.0)}, 2) == {}


def test_what_is_impossible_is_no_figure(script, monkeypatch):
    key = "efficiency_processes"
    samples = {f"{key} alone": clean(10.0, 10.0), f"{key} together": clean(10.2, 9.8, 5.0)}
    found = script.figures(samples, 2)[key]
    assert (found["high"], found["samples"], found["quality"]) == (1.0, 2, "usable")  # 1.02 is chance, 2 is nonsense
    samples[f"{key} together"] = clean(5.0, 4.0)
    found = script.figures(samples, 2)[key]
    assert (found["quality"], found["note"]) == ("noisy", "beyond what is possible")
    turns = {
        "efficiency_threads_python alone": clean(10.0),
        "efficiency_threads_python together": clean(20.0, 20.1, 12.0),
    }
    monkeypatch.setattr(script, "gil_enabled", lambda: True)
    assert (
        script.figures(turns, 2)["efficiency_threads_python"]["samples"] == 2
    )  # with a GIL, 0.83 of 2 CPUs is nonsense
    monkeypatch.setattr(script, "gil_enabled", lambda: False)
    assert script.figures(turns, 2)["efficiency_threads_python"]["samples"] == 3


def test_noise_is_the_part_of_the_measurements_that_was_disturbed(script):
    assert script.noise({"x": clean(1.0, 2.0), "y": [*clean(1.0), *disturbed(2.0)]}) == 0.25


class FakeSystem:
    """What the system says of time and CPUs, to be set by a test."""

    def __init__(self, script: Any, monkeypatch: pytest.MonkeyPatch, cpus: int = 2) -> None:
        self.now = self.cpu = 0.0
        self.delay: float | None = 0.0
        self.others: tuple[int, float] | None = (cpus, 0.0)
        monkeypatch.setattr(script.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(script.time, "thread_time", lambda: self.cpu)
        monkeypatch.setattr(script, "cpu_delay", lambda: self.delay)
        monkeypatch.setattr(script, "cpus_of_others", lambda: self.others)

    def passes(self, seconds: float, *, cpu: float = 0.0, delay: float = 0.0, others: float = 0.0) -> None:
        self.now += seconds
        self.cpu += cpu
        self.delay = None if self.delay is None else self.delay + delay
        self.others = None if self.others is None else (self.others[0], self.others[1] + others)


def test_a_sample_in_which_the_thread_waited_for_a_cpu_is_disturbed(script, monkeypatch):
    system = FakeSystem(script, monkeypatch)
    watch = script.Watch(2, 2)
    system.passes(0.1, delay=0.005)
    assert watch.take(("native_block_us", 1.0)) == []  # the window is still open
    system.passes(0.2, delay=0.1)
    assert watch.take(("native_block_us", 2.0)) == [("native_block_us", 1.0, 0.05), ("native_block_us", 2.0, 0.5)]


def test_where_workers_share_the_cpus_with_the_thread_that_feeds_them_it_may_wait(script, monkeypatch):
    system = FakeSystem(script, monkeypatch)
    watch = script.Watch(2, 2)
    system.passes(0.3, delay=0.1)
    assert watch.take(("thread_dispatch_ms", 1.0)) == [("thread_dispatch_ms", 1.0, 0.0)]


def test_a_sample_beside_others_that_use_the_cpus_is_disturbed_if_it_takes_all_of_them(script, monkeypatch):
    system = FakeSystem(script, monkeypatch)
    watch = script.Watch(2, 2)
    system.passes(0.3, others=0.3 * 1.05)
    watch.take(("native_block_us", 1.0))
    assert watch.lacked == pytest.approx(0.5)
    for key, disturbance in {"thread_dispatch_ms": 0.5, "native_block_us": 0.0, "base_memory_mb": 0.0}.items():
        assert watch.disturbance(key, 0.0) == pytest.approx(disturbance)
    assert watch.disturbance("efficiency_hot alone", 0.0) == 0.0
    assert watch.disturbance("efficiency_hot together", 0.0) == pytest.approx(0.5)


def test_others_do_no_harm_where_there_are_cpus_for_all(script, monkeypatch):
    system = FakeSystem(script, monkeypatch, cpus=64)
    watch = script.Watch(4, 4)  # a container's part of a large machine
    system.passes(0.3, others=0.3 * 50)
    assert watch.take(("thread_dispatch_ms", 1.0)) == [("thread_dispatch_ms", 1.0, 0.0)]


def test_workers_say_themselves_how_long_they_waited(script, monkeypatch):
    system = FakeSystem(script, monkeypatch)
    watch = script.Watch(2, 2)
    system.passes(0.3)
    assert watch.take(("efficiency_hot alone", 1.0, 0.2)) == [("efficiency_hot alone", 1.0, 0.2)]


def test_where_the_system_does_not_say_computing_that_lost_time_tells(script, monkeypatch):
    system = FakeSystem(script, monkeypatch)
    system.delay = system.others = None
    watch = script.Watch(2, 2)
    system.passes(0.1, cpu=0.04)
    watch.take(("python_loop_ns", 1.0))
    system.passes(0.2)
    assert watch.take(("thread_dispatch_ms", 1.0)) == [("python_loop_ns", 1.0, 0.6), ("thread_dispatch_ms", 1.0, 0.3)]


def test_what_is_left_at_the_end_is_told_by_the_window_before(script, monkeypatch):
    system = FakeSystem(script, monkeypatch)
    watch = script.Watch(2, 2)
    system.passes(0.3, others=0.3 * 1.05)
    watch.take(("thread_dispatch_ms", 1.0))
    system.passes(0.01, others=0.0)
    watch.take(("thread_dispatch_ms", 2.0))
    assert watch.close() == [("thread_dispatch_ms", 2.0, 0.5)]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say")
def test_the_system_is_asked(script):
    assert script.watched_work(script.loops, 1) <= 1
    delay, others = script.cpu_delay(), script.cpus_of_others()
    assert delay is None or delay >= 0
    if others is not None:
        assert others[0] == len(os.sched_getaffinity(0))
        script.loops(2)
        assert script.cpus_of_others()[1] >= others[1] - 0.05
    assert next(iter(script.family())) == os.getpid()


def test_the_work_is_work(script, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    assert script.count_up(3, 5, 5000) == (3 + sum(step * step for step in range(5, 5000))) % 251
    arms = importlib.import_module("compare_approaches")
    assert script.hashes(2) == arms._hash(2 * len(script.BLOCK) // arms._PIECE)  # the same bytes, in smaller steps
    assert script.loops(2) == script.count_up(script.count_up(0, 0, script.STEPS), 0, script.STEPS)
    assert script.arithmetic(3) == 5 + 3 * 2_305_843 + 2.5
    assert script.make_rows(3) == 3 * 2 + (0 + 1) + (1 + 1) + (2 + 1)
    assert isinstance(script.read_only(1), int)
    script.hot(1)
    assert sum(script.counts.values()) == script.STEPS // 50


def test_further_workers_are_the_difference_of_pools(script):
    within, beyond = "within", "beyond"
    sizes = {4: 70.0, 8: 90.0}
    found = list(script.further_workers(sizes.__getitem__, 40.0, 4, (within, beyond)))
    assert found == [(within, 10.0), (beyond, 5.0)]
    assert list(script.further_workers({1: 40.0, 2: 45.0}.__getitem__, 40.0, 1, (within, beyond))) == [(beyond, 5.0)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what processes share")
def test_memory_is_that_of_the_whole_tree(script):
    alone = script.tree_mb()
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        both = script.tree_mb()
        child.communicate(b"\n")
    assert 0 < alone < both
    assert script.memory_mb(2**31 - 1) == {}


def test_where_memory_is_not_known_it_is_left_out(script, monkeypatch):
    monkeypatch.setattr(script, "memory_mb", lambda pid: {})
    assert list(script.memory_costs(2)) == []


def test_what_comes_before_a_failure_is_kept(script, folder, monkeypatch):
    def broken(width: int) -> Iterator[tuple[str, float]]:
        yield "thread_start_ms", float(width)
        raise PermissionError("no more threads")

    monkeypatch.setattr(script, "all_parts", lambda **_: [script.Part("threads", broken)])
    out = folder / "part.json"
    assert script.measure_part(argparse.Namespace(part="threads", cpus=40, out=str(out))) == 0
    left = json.loads(out.read_text())
    assert left["samples"][-1][:2] == ["thread_start_ms", script.MOST_WORKERS]
    assert {key for key, *_ in left["samples"][:-1]} == EVERYWHERE
    assert left["problem"] == "PermissionError: no more threads"


@pytest.fixture
def rounds(script: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`rounds(parts, budget, found)`: what `measure_all` says, and which parts ran; each takes two seconds."""

    def measure(parts: list[Any], budget: float, found: Callable[[str], tuple[list[Any], str]]) -> Any:
        now = [0.0]
        ran: list[str] = []

        def run_part(part: Any, *_: Any) -> tuple[list[Any], str]:
            ran.append(part.name)
            now[0] += 2.0
            return found(part.name)

        monkeypatch.setattr(script, "all_parts", lambda **_: parts)
        monkeypatch.setattr(script, "run_part", run_part)
        monkeypatch.setattr(script.time, "monotonic", lambda: now[0])
        return script.measure_all(argparse.Namespace(budget=budget, all=False, cpus=2), str(folder)), ran

    return measure


def test_rounds_go_on_while_the_budget_lasts(script, rounds):
    def found(name: str) -> tuple[list[Any], str]:
        return [("thread_start_ms", 1.0, 0.0)], "it broke" if name == "bad" else ""

    parts = [script.Part("bad", None), script.Part("once", None, rounds=1), script.Part("good", None)]
    (samples, warnings, number), ran = rounds(parts, 10.0, found)
    assert ran == ["bad", "once", "good", "good", "good"]
    assert (samples, warnings, number) == ({"thread_start_ms": [(1.0, 0.0)] * 5}, ["bad: it broke"], 3)
    assert rounds(parts, 0.1, found)[1] == ["bad", "once", "good"]


def test_what_is_noisy_is_measured_again_before_the_rest(script, rounds):
    def found(name: str) -> tuple[list[Any], str]:
        if name == "noisy":
            return [("thread_start_ms", 1.0, 0.5), ("thread_dispatch_ms", 1.0, 0.0)], ""
        return [("asyncio_start_ms", 1.0, 0.0)], ""

    parts = [script.Part("fine", None), script.Part("noisy", None), script.Part("also fine", None)]
    (_, warnings, _), ran = rounds(parts, 12.0, found)
    assert ran == ["fine", "noisy", "also fine", "noisy", "fine", "noisy"]
    assert warnings == []


def test_a_machine_that_is_far_too_busy_does_not_hold_it_up(script, rounds):
    parts = [script.Part(str(number), None) for number in range(13)]
    (_, warnings, _), ran = rounds(parts, 8.0, lambda _: ([("asyncio_start_ms", 1.0, 0.0)], ""))
    assert len(ran) == 11  # 20 s and the part that was begun
    assert warnings == [f"{number}: not measured, as everything else took so long" for number in (11, 12)]


# The script: as a program ---------------------------------------------------------------------------------------------

#: In the place of the real parts.
PARTS = '''
def good(width):
    """Measures something."""
    yield "thread_start_ms", 1.0


def bad(width):
    """Comes to nothing, in one of many ways."""
    yield "thread_dispatch_ms", 1.0
    {bad}


def all_parts(*, more_methods):
    """Two parts."""
    return [Part("good", good, rounds=1), Part("bad", bad, rounds=1)]


PART_SECONDS = 1.5

if __name__ == "__main__":
'''


def altered(folder: Path, bad: str) -> Path:
    """The script with two parts of our own."""
    head, end = SCRIPT.read_text().split('if __name__ == "__main__":\n')
    file = folder / "altered.py"
    file.write_text(head + PARTS.format(bad=bad) + end)
    return file


def run(
    script: Path, *arguments: str, python: str = sys.executable, **options: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, str(script), *arguments], capture_output=True, text=True, timeout=150, check=False, **options
    )


@posix_only
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("raise PermissionError('fork is forbidden')", "bad: PermissionError: fork is forbidden"),
        ("os._exit(3)", "bad: it ended with exit code 3: "),
        ("os.abort()", "bad: it ended with exit code -6: "),
        ("sys.exit('told nobody')", "bad: it ended with exit code 1: told nobody"),
        ("time.sleep(600)", "bad: it did not end within 1.5 s"),
    ],
)
def test_a_part_that_fails_leaves_its_figures_out(folder, bad, said):
    out = folder / "out.json"
    done = run(altered(folder, bad), str(out), "--budget", "1")
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert result["warnings"] == [said]
    assert done.stderr.splitlines()[-1].strip() == said.strip()
    assert result["costs"]["thread_start_ms"]["value"] == 1.0
    assert ("thread_dispatch_ms" in result["costs"]) == said.startswith("bad: PermissionError")
    lines = list(map(json.loads, done.stdout.splitlines()))
    assert [line["part"] for line in lines if "part" in line] == ["good", "bad"]
    assert [line["cost"] for line in lines if "cost" in line] == list(result["costs"])


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_all_its_processes(folder, number):
    out, pids = folder / "out.json", folder / "pids"
    start = "import subprocess; child = subprocess.Popen(['sleep', '60'])"
    note = f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} '); time.sleep(600)"
    temporary = folder / "tmp"
    temporary.mkdir()
    command = [sys.executable, str(altered(folder, f"{start}; {note}")), str(out)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"TMPDIR": str(temporary)}) as process:
        wait_until(lambda: pids.exists() and pids.read_text().endswith(" "))
        process.send_signal(number)
        assert process.wait(20) == 130
    wait_until(lambda: all(map(is_gone, map(int, pids.read_text().split()))))
    assert not out.exists()
    assert list(temporary.iterdir()) == []


@posix_only
def test_it_goes_on_when_nobody_listens(folder):
    out = folder / "out.json"
    command = [sys.executable, str(altered(folder, "return")), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert json.loads(out.read_text())["rounds"] == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["."], ["no/such/folder/x"], ["x", "--budget", "0"], ["x", "--budget", "nan"], ["x", "--cpus", "0"]],
)
def test_bad_usage_is_told_at_once(folder, arguments):
    done = run(SCRIPT, *arguments, cwd=folder)
    assert done.returncode == 2
    assert "usage" in done.stderr
    assert list(folder.iterdir()) == []


# The script: a short real run -----------------------------------------------------------------------------------------

EVERYWHERE = {"python_loop_ns", "python_arithmetic_ns", "python_objects_ns"}  # taken in every process
ALWAYS = EVERYWHERE | {
    "native_block_us", "thread_start_ms", "thread_dispatch_ms", "thread_wait_ms",
    "asyncio_start_ms", "asyncio_task_ms", "asyncio_wait_ms", "loop_handover_ms",
    "loop_process_ms", "process_pool_unused_ms", "process_dispatch_ms", "chunked_dispatch_ms", "efficiency_processes",
    "efficiency_threads_python", "efficiency_threads_native", "gil_convoy_ms", "sleep_overshoot_ms",
    "asyncio_sleep_overshoot_ms",
}  # fmt: skip
MEMORY = {f"{kind}_memory_mb" for kind in ("base", "thread", "process_pool", "process")} | {"base_shared_mb"}
COPIES = {"process_copy_mb_per_s", "process_copy_64kb_mb_per_s", "object_pickle_mb_per_s"}
SUBINTERPRETERS = {
    *(f"subinterpreter_{name}" for name in ("start_ms", "more_ms", "extra_ms", "dispatch_ms", "memory_mb")),
    "efficiency_subinterpreters",
}
MAY_BE_NOTHING = {"gil_convoy_ms", "thread_memory_mb", "process_memory_mb", "process_pool_memory_mb"}


@pytest.mark.parametrize("tag", ["", "3.14", "3.15", "3.13t"])
def test_a_short_run_gives_plausible_figures(needs, folder, tag):
    out = folder / "out.json"
    patient = folder / "patient.py"  # on a machine however busy
    patient.write_text(SCRIPT.read_text().replace("ROUND_SECONDS = 20.0", "ROUND_SECONDS = 140.0"))
    done = run(patient, str(out), "--budget", "0.1", "--cpus", "2", python=needs(tag) if tag else sys.executable)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(out.read_text())
    assert result["warnings"] == []
    assert result["cpus"] == 2
    assert result["rounds"] == 1
    assert result["noise"] >= 0
    costs = result["costs"]
    assert set(costs) - COPIES - {"subinterpreter_copy_mb_per_s"} == expected(result)
    for key, cost in costs.items():
        assert 0 <= cost["low"] <= cost["value"] <= cost["high"] < 1e6, key
        assert cost["samples"] >= 1, key
        rarely_nothing = key in MAY_BE_NOTHING or "_overshoot_" in key or differs(key) or cost["quality"] == "noisy"
        assert cost["value"] > 0 or rarely_nothing, key
        assert not key.startswith("efficiency_") or cost["value"] <= 1
        assert cost["quality"] in ("usable", "noisy"), key
    method = result["start_method"]
    assert costs[f"process_pool_{method}_ms"]["value"] > costs["asyncio_task_ms"]["value"]


def differs(key: str) -> bool:
    """Whether a figure is the difference of two times, which noise can turn into nothing."""
    return key.startswith(("process_start_", "process_extra_", "chunked_", "loop_")) or key.endswith(
        ("_more_ms", "_extra_ms", "thread_start_ms")
    )


def expected(result: dict[str, Any]) -> set[str]:
    """The figures that this Python can measure here, beside copying, which is a difference of times."""
    method, python = result["start_method"], result["python"]
    keys = ALWAYS | {f"process_{name}_{method}_ms" for name in ("pool", "start", "extra")}
    if sys.platform == "linux":
        keys |= MEMORY
    if tuple(map(int, python["version"].split(".")[:2])) >= (3, 14):
        keys |= SUBINTERPRETERS - (set() if sys.platform == "linux" else {"subinterpreter_memory_mb"})
    if not python["gil_enabled"]:
        keys |= {"efficiency_read_only", "efficiency_hot"}
    return keys


@posix_only
def test_other_start_methods_are_measured_where_all_are_wanted(script, folder, monkeypatch):
    names = [part.name for part in script.all_parts(more_methods=True)]
    assert sum(name.startswith("processes by ") for name in names) == 2
    assert [part.name for part in script.all_parts(more_methods=False)] == names[:-2]
    out = folder / "spawn.json"
    done = run(SCRIPT, str(out), "--part", "processes by spawn", "--cpus", "1")
    assert done.returncode == 0, done.stderr
    left = json.loads(out.read_text())
    assert left["problem"] == ""
    assert {key for key, *_ in left["samples"]} == EVERYWHERE | {"process_pool_spawn_ms", "process_extra_spawn_ms"}


@posix_only
def test_the_tool_reads_what_the_script_writes(python, folder, monkeypatch):
    monkeypatch.setattr(room, "_script", lambda: altered(folder, "raise OSError('no')"))
    own = python()
    told: list[Progress] = []
    found = calibrate([own], budget_seconds=0.5, on_progress=told.append)
    costs = found.interpreters[0]
    assert (found.problems, costs.warnings[0]) == ((), "bad: OSError: no")
    assert costs.version == sys.version.split()[0]
    assert set(costs.costs) == EVERYWHERE | {"thread_start_ms", "thread_dispatch_ms"}
    assert costs.costs["thread_start_ms"].quality == "noisy"  # it came once
    assert told[0][1:] == ("good", 0.0)
    assert loaded() == {own.path: {k: cost.value for k, cost in costs.costs.items() if cost.quality == "usable"}}
