"""Finding interpreters: fake trees of scripts that answer as a Python does, and some that do not."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.host import Interpreter, Survey, cache_dir, find_interpreters, interpreters, survey_interpreters

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="fake interpreters are shell scripts")


def answer(version: str = "3.13.5", **changes: Any) -> str:
    """The JSON that an interpreter of this version prints."""
    major, minor = version.split(".")[:2]
    facts = {
        "version": version, "release": [int(major), int(minor)], "implementation": "cpython", "free_threaded": False,
        "gil_enabled": True, "bits": 64, "executable": "/nowhere/python",
    }  # fmt: skip
    return json.dumps(facts | changes)


class Machine:
    """A fake machine: scripts for interpreters, a home and a cache of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.log = root / "asked.log"
        self.environ = {"CONCURRENCY_SELECTOR_CACHE_DIR": str(root / "cache"), "PATH": str(root / "bin")}
        self.cache = root / "cache" / "interpreters.json"

    def script(self, path: str, body: str) -> Path:
        """An executable shell script that notes each time it is run."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.fsencode(f"#!/bin/sh\nPATH=/usr/bin:/bin\necho {path} >> '{self.log}'\n{body}\n"))
        file.chmod(0o755)
        return file

    def python(self, path: str, version: str = "3.13.5", **changes: Any) -> Path:
        return self.script(path, f"echo '{answer(version, **changes)}'")

    def survey(self, **options: Any) -> Survey:
        options = {"timeout_seconds": 30.0} | options
        return survey_interpreters(self.environ, self.root, self.home, running=False, **options)

    def tags(self) -> list[str]:
        return [i.tag for i in self.survey().interpreters]

    def asked(self) -> list[str]:
        """Which scripts ran since the last call."""
        lines = sorted(self.log.read_text().split()) if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(Path(os.path.realpath(tmp_path)))


pytestmark = posix_only


@pytest.mark.parametrize(
    ("path", "found_in"),
    [
        ("bin/python3.13", "PATH"),
        ("bin/python", "PATH"),
        ("home/.local/share/uv/python/cpython-3.13.5-linux-x86_64-gnu/bin/python3.13", "uv"),
        ("home/Library/Application Support/uv/python/cpython-3.13.5-macos-aarch64-none/bin/python3.13", "uv"),
        ("home/.pyenv/versions/3.13.5/bin/python3.13", "pyenv"),
        ("home/.asdf/installs/python/3.13.5/bin/python3.13", "asdf"),
        ("home/.local/share/mise/installs/python/3.13.5/bin/python3.13", "mise"),
        ("opt/python-3.13/bin/python3.13", "/opt"),
        ("opt/python-3.13/usr/bin/python3.13", "/opt"),
        ("opt/python/cp313-cp313/bin/python3", "/opt"),
        ("opt/hostedtoolcache/Python/3.13.5/x64/bin/python3.13", "/opt"),
        ("usr/local/bin/python3.13", "/usr/local"),
        ("Library/Frameworks/Python.framework/Versions/3.13/bin/python3.13", "framework"),
        ("Library/Frameworks/PythonT.framework/Versions/3.13/bin/python3.13t", "framework"),
        (
            "Library/Developer/CommandLineTools/Library/Frameworks/Python3.framework/Versions/3.9/bin/python3.9",
            "Xcode tools",
        ),
    ],
)
def test_every_place_is_looked_at(machine: Machine, path: str, found_in: str) -> None:
    file = machine.python(path)
    (found,) = machine.survey().interpreters
    assert (found.path, found.found_in) == (str(file), found_in)


@pytest.mark.parametrize(
    ("variable", "value", "path", "found_in"),
    [
        ("UV_PYTHON_INSTALL_DIR", "uvs", "uvs/cpython-3.13/bin/python3.13", "uv"),
        ("XDG_DATA_HOME", "data", "data/uv/python/cpython-3.13/bin/python3.13", "uv"),
        ("PYENV_ROOT", "envs", "envs/versions/3.13.5/bin/python3.13", "pyenv"),
        ("ASDF_DATA_DIR", "asdf", "asdf/installs/python/3.13.5/bin/python3.13", "asdf"),
        ("MISE_DATA_DIR", "mise", "mise/installs/python/3.13.5/bin/python3.13", "mise"),
    ],
)
def test_variables_of_the_version_managers(
    machine: Machine, variable: str, value: str, path: str, found_in: str
) -> None:
    machine.environ[variable] = str(machine.root / value)
    machine.python(path)
    assert [i.found_in for i in machine.survey().interpreters] == [found_in]


def test_windows_places(machine: Machine) -> None:
    expected = {
        "roaming/uv/python/cpython-3.13-windows": "uv",
        "roaming/uv/data/python/cpython-3.12-windows": "uv",
        "home/.pyenv/pyenv-win/versions/3.11.9": "pyenv",
        "local/Programs/Python/Python313": "Programs",
        "local/Python/pythoncore-3.14-64": "Programs",
        "programs/Python310": "Programs",
    }
    for path in [*expected, "programs/Git"]:
        (machine.root / path).mkdir(parents=True)
    environ = {
        k: str(machine.root / v)
        for k, v in {"APPDATA": "roaming", "LOCALAPPDATA": "local", "PROGRAMFILES": "programs"}.items()
    }
    found = interpreters._windows_directories(environ, str(machine.home))
    assert {str(Path(d).relative_to(machine.root)): place for place, d in found} == expected
    assert interpreters._NAME.fullmatch("python3.13t.exe")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("python3", True), ("python", True), ("python3.14t", True), ("pypy3", True), ("pypy3.10", True),
        ("python2", False), ("python2.7", False), ("python3-config", False), ("python3.11-gdb.py", False),
        ("pythonw", False), ("ipython3", False), ("python3.13d", False), ("pypy", False),
    ],
)  # fmt: skip
def test_names(machine: Machine, name: str, wanted: bool) -> None:
    machine.python(f"bin/{name}")
    assert bool(machine.survey().interpreters) is wanted
    assert bool(machine.asked()) is wanted


def test_what_an_interpreter_says_is_what_is_listed(machine: Machine) -> None:
    machine.python("bin/python3.14t", "3.14.0rc2", free_threaded=True, gil_enabled=False)
    machine.python("bin/pypy3", "3.11.13", implementation="pypy", bits=32)
    pypy, cpython = machine.survey().interpreters
    assert (pypy.tag, pypy.implementation, pypy.bits) == ("3.11", "PyPy", 32)
    assert (cpython.tag, cpython.version, cpython.implementation) == ("3.14t", "3.14.0rc2", "CPython")
    assert (cpython.free_threaded, cpython.gil_enabled) == (True, False)
    assert Interpreter.model_validate_json(cpython.model_dump_json()) == cpython


def test_order_is_by_version_then_by_place(machine: Machine) -> None:
    machine.python("opt/a/bin/python3", "3.9.1")
    machine.python("opt/b/bin/python3", "3.14.1", free_threaded=True)
    machine.python("opt/c/bin/python3", "3.14.2")
    machine.python("bin/python3", "3.14.3")
    machine.python("opt/d/bin/pypy3", "3.9.2", implementation="pypy")
    assert [i.version for i in machine.survey().interpreters] == ["3.9.1", "3.9.2", "3.14.3", "3.14.2", "3.14.1"]


@pytest.mark.parametrize(
    "changes", [{"version": "3.7.9"}, {"version": "3.6.1"}, {"version": "4.0.0"}, {"implementation": "graalpy"}]
)
def test_what_is_not_wanted_is_left_out_silently(machine: Machine, changes: dict[str, str]) -> None:
    machine.python("bin/python3", **changes)
    assert machine.survey() == Survey((), ())
    assert machine.survey() == Survey((), ())
    assert machine.asked() == ["bin/python3"]  # and not asked again


# One interpreter, many names ------------------------------------------------------------------------------------------


def test_links_are_one_interpreter(machine: Machine) -> None:
    real = machine.python("opt/python-3.13/bin/python3.13")
    os.link(real, real.with_name("python3.13t"))
    real.with_name("python3").symlink_to("python3.13")
    (machine.root / "bin").mkdir()
    (machine.root / "bin/python3.13").symlink_to(real)
    (machine.root / "usr").symlink_to(machine.root / "opt/python-3.13")
    (found,) = machine.survey().interpreters
    assert (found.path, found.found_in) == (str(real), "PATH")
    assert len(machine.asked()) == 1


def test_a_virtual_environment_counts_as_its_interpreter(machine: Machine) -> None:
    base = machine.python("opt/python-3.13/bin/python3.13")
    linked = machine.root / "linked/bin"
    linked.mkdir(parents=True)
    (linked / "python").symlink_to(base)
    copied = machine.python("copied/bin/python3.13").parent
    (copied.parent / "pyvenv.cfg").write_text(f"home = {base.parent}\nversion = 3.13.5\n")
    machine.environ["PATH"] = f"{copied}:{linked}"
    (found,) = machine.survey().interpreters
    assert (found.path, found.found_in) == (str(base), "PATH")
    assert machine.asked() == ["opt/python-3.13/bin/python3.13"]


@pytest.mark.parametrize(
    "config", ["", "home = \n", "home = relative\n", "home = /nowhere\n", "=", "\xff", "executable ="]
)
def test_an_odd_pyvenv_cfg_changes_nothing(machine: Machine, config: str) -> None:
    file = machine.python("env/bin/python3")
    (file.parent.parent / "pyvenv.cfg").write_bytes(config.encode("latin-1"))
    machine.environ["PATH"] = str(file.parent)
    assert [i.path for i in machine.survey().interpreters] == [str(file)]


@pytest.mark.parametrize("odd", ["fifo", "zero", "folder", "large"])
def test_a_pyvenv_cfg_that_is_no_small_file_is_not_read(machine: Machine, odd: str) -> None:
    file = machine.python("env/bin/python3")
    config = file.parent.parent / "pyvenv.cfg"
    make: dict[str, Callable[[], Any]] = {
        "fifo": lambda: os.mkfifo(config),
        "zero": lambda: config.symlink_to("/dev/zero"),
        "folder": config.mkdir,
        "large": lambda: config.write_text(f"home = {machine.python('opt/x/bin/python3').parent}\n" + "# \n" * 100_000),
    }
    make[odd]()
    machine.environ["PATH"] = str(file.parent)
    assert str(file) in [i.path for i in machine.survey().interpreters]


def test_a_script_that_starts_a_listed_interpreter_is_left_out(machine: Machine) -> None:
    target = machine.root / "opt/x/bin/python3.13"
    machine.python("opt/x/bin/python3.13", executable=str(target))
    machine.python("bin/python3", executable=str(target))
    assert [i.path for i in machine.survey().interpreters] == [str(target)]


def test_path_entries_that_are_not_looked_at(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.python("shims/python3")
    machine.python("here/python3")
    monkeypatch.chdir(machine.root / "here")
    shims = machine.root / "shims"
    machine.environ["PATH"] = f"::.:../here:{shims}:{shims}/:/nowhere:a\x00b:{machine.root / 'asked.log'}"
    assert machine.survey() == Survey((), ())
    assert machine.asked() == []


def test_windows_directories_in_wsl_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []

    def stat(path: str) -> os.stat_result:
        looked_at.append(path)
        raise OSError

    environ = {"PATH": "/mnt/c/Windows/System32:/usr/bin", "WSL_DISTRO_NAME": "Debian"}
    monkeypatch.setattr(os, "stat", stat)
    assert list(interpreters._path_directories(environ)) == []
    monkeypatch.undo()
    assert looked_at == ["/usr/bin"]


def test_files_that_cannot_be_run_are_not_tried(machine: Machine) -> None:
    machine.python("bin/python3").chmod(0o644)
    os.mkfifo(machine.root / "bin/python3.12")
    (machine.root / "bin/python3.11").mkdir()
    (machine.root / "bin/python3.10").symlink_to("nowhere")
    (machine.root / "bin/python3.9").symlink_to("python3.9")
    assert machine.survey() == Survey((), ())


def test_a_path_that_is_not_text_is_left_out(machine: Machine) -> None:
    directory = os.fsencode(machine.root) + b"/caf\xe9"
    try:
        os.mkdir(directory)
    except OSError:
        pytest.skip("this file system stores UTF-8 names only")
    machine.python("caf\udce9/python3.13")
    machine.environ["PATH"] = os.fsdecode(directory)
    assert machine.survey() == Survey((), ())


# Broken ones ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
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
    ],
)
def test_a_broken_interpreter_is_a_problem_and_no_error(machine: Machine, body: str, reason: str) -> None:
    broken = machine.script("bin/python3", body)
    machine.python("opt/good/bin/python3")
    found = machine.survey()
    assert [i.found_in for i in found.interpreters] == ["/opt"]
    assert found.problems == (f"{broken}: {reason}",)


def test_a_file_without_an_interpreter_of_its_own(machine: Machine) -> None:
    file = machine.python("bin/python3")
    file.write_bytes(b"\x00\x01\x02 no format at all")
    (problem,) = machine.survey().problems
    assert problem.startswith(f"{file}: cannot be run: ")


@pytest.mark.parametrize("body", ["sleep 600", "yes", "sleep 600 & echo $! > '{child}'; wait"])
def test_one_that_never_ends_is_killed(machine: Machine, body: str) -> None:
    pid_file = machine.root / "pid"
    child_file = machine.root / "child"
    machine.script("bin/python3", f"echo $$ > '{pid_file}'\n{body.format(child=child_file)}")
    (problem,) = machine.survey(timeout_seconds=1.0).problems
    assert problem.endswith("no answer in time")
    for file in (pid_file, child_file):
        if file.exists() and file.read_text().strip():
            assert is_gone(int(file.read_text()))


@pytest.mark.parametrize(("last", "tags"), [(f"echo '{answer()}'", ["3.13"]), ("exit 0", [])])
def test_something_left_running_does_not_hold_the_answer_up(machine: Machine, last: str, tags: list[str]) -> None:
    child_file = machine.root / "child"
    machine.script("bin/python3", f"sleep 60 & echo $! > '{child_file}'\n{last}")
    try:
        assert machine.tags() == tags
    finally:
        os.kill(int(child_file.read_text()), signal.SIGKILL)


def test_no_child_survives_an_interrupt(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = interpreters._start

    def remember(path: str, environ: dict[str, str]) -> subprocess.Popen[bytes]:
        started.append(start(path, environ))
        return started[-1]

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(interpreters, "_start", remember)
    monkeypatch.setattr(interpreters, "_wait", interrupt)
    for minor in range(8, 12):
        machine.script(f"bin/python3.{minor}", "sleep 600")
    with pytest.raises(KeyboardInterrupt):
        machine.survey()
    assert len(started) == 4
    assert all(child.returncode is not None and is_gone(child.pid) for child in started)


def is_gone(pid: int) -> bool:
    """Whether a process ends within some seconds (a killed grandchild is reaped by init, or stays a zombie)."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_many_that_hang_share_one_time_limit_and_do_not_hide_a_good_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time is counted and not passed: at 16 at once 64 took four limits."""
    clock = [1000.0]
    monkeypatch.setattr(interpreters, "_wait", lambda: (clock.append(clock[-1] + 0.05), time.sleep(0.01)))
    monkeypatch.setattr(interpreters, "time", FakeTime(clock))
    for number in range(40):
        machine.script(f"opt/a{number:02}/bin/python3", "exec sleep 600")
    machine.python("opt/z/bin/python3")
    found = machine.survey(timeout_seconds=20.0)
    assert [i.path for i in found.interpreters] == [str(machine.root / "opt/z/bin/python3")]
    assert clock[-1] - clock[0] < 20.5
    assert len(found.problems) == 40
    assert all(problem.endswith("no answer in time") for problem in found.problems)
    machine.asked()
    assert machine.survey() == found  # remembered
    assert machine.asked() == []


class FakeTime:
    """The clocks of the time module, of which one is set by hand."""

    def __init__(self, clock: list[float]) -> None:
        self.monotonic = lambda: clock[-1]
        self.time = time.time
        self.sleep = time.sleep


def test_those_that_were_not_reached_come_first_the_next_time(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "_AT_ONCE", 1)
    for number in range(8):
        machine.script(f"opt/a{number}/bin/python3", "exec sleep 600")
    machine.python("opt/z/bin/python3")
    found = machine.survey(timeout_seconds=0.3)
    assert found.interpreters == ()
    assert found.problems[0].endswith("no answer in time")
    assert found.problems[-1].endswith("not asked yet: others did not answer")
    monkeypatch.setattr(interpreters, "_AT_ONCE", 16)
    assert machine.survey(timeout_seconds=2.0).interpreters


def test_one_that_hangs_again_and_again_is_asked_less_and_less_often(machine: Machine) -> None:
    machine.script("bin/python3", "exec sleep 600")
    waits = []
    for _ in range(8):
        machine.survey(timeout_seconds=0.05)
        data = json.loads(machine.cache.read_text())
        (entry,) = data["entries"].values()
        waits.append(interpreters._remembered_seconds(entry))
        entry["asked_at"] -= waits[-1] + 1
        machine.cache.write_text(json.dumps(data))
    assert waits == [120, 240, 480, 960, 1920, 3600, 3600, 3600]
    machine.python("bin/python3")
    assert machine.tags() == ["3.13"]  # it is another file now


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE])
def test_no_room_for_a_process_is_no_fault_of_the_file(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_room(path: str, environ: dict[str, str]) -> subprocess.Popen[bytes]:
        raise OSError(number, os.strerror(number))

    machine.python("bin/python3")
    monkeypatch.setattr(interpreters, "_start", no_room)
    (problem,) = machine.survey().problems
    assert problem.endswith(f"cannot be run: {os.strerror(number)}")
    monkeypatch.undo()
    assert machine.tags() == ["3.13"]


def test_more_than_one_batch(machine: Machine) -> None:
    for number in range(interpreters._AT_ONCE + 3):
        machine.python(f"opt/p{number}/bin/python3", f"3.13.{number}")
    assert len(machine.tags()) == interpreters._AT_ONCE + 3


def test_children_get_no_python_variables_and_no_input(machine: Machine) -> None:
    seen = machine.root / "seen"
    machine.script("bin/python3", f"env > '{seen}'; cat >> '{seen}'; echo \"ARGS $*\" >> '{seen}'\necho '{answer()}'")
    machine.environ |= {"PYTHONHOME": "/wrong", "PYTHONPATH": "/wrong", "PYTHON_GIL": "1", "OTHER": "kept"}
    assert machine.tags() == ["3.13"]
    text = seen.read_text()
    assert not re.search("^PYTHON", text, re.MULTILINE)
    assert "OTHER=kept" in text
    assert "ARGS -I -S -B -c" in text


# The cache ------------------------------------------------------------------------------------------------------------


def test_a_known_interpreter_is_not_run_again(machine: Machine) -> None:
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


def test_a_changed_interpreter_is_run_again(machine: Machine) -> None:
    machine.python("bin/python3", "3.13.5")
    assert machine.tags() == ["3.13"]
    machine.python("bin/python3", "3.14.55")
    assert machine.tags() == ["3.14"]


def test_the_place_is_that_of_today(machine: Machine) -> None:
    machine.python("opt/x/bin/python3")
    assert machine.survey().interpreters[0].found_in == "/opt"
    machine.environ["PATH"] = str(machine.root / "opt/x/bin")
    assert machine.survey().interpreters[0].found_in == "PATH"
    assert len(machine.asked()) == 1


def test_a_failure_is_remembered_for_a_while(machine: Machine) -> None:
    machine.script("bin/python3", "exit 1")
    first = machine.survey()
    assert machine.survey() == first
    assert len(machine.asked()) == 1
    for asked_at in (time.time() - interpreters._RETRY_SECONDS - 1, time.time() + 1000, "yesterday"):
        data = json.loads(machine.cache.read_text())
        next(iter(data["entries"].values()))["asked_at"] = asked_at
        machine.cache.write_text(json.dumps(data))
        assert machine.survey() == first
        assert len(machine.asked()) == 1


@pytest.mark.parametrize(
    "spoil",
    [
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
    ],
)
def test_a_spoilt_cache_is_no_error(machine: Machine, spoil: Callable[[str], str]) -> None:
    machine.python("bin/python3")
    first = machine.survey()
    machine.cache.write_text(spoil(machine.cache.read_text()), encoding="latin-1")
    assert machine.survey() == first
    assert len(machine.asked()) == 2
    assert machine.survey() == first  # and it is mended
    assert machine.asked() == []


def test_a_fifo_a_device_or_a_link_where_the_cache_should_be_is_not_read(machine: Machine) -> None:
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


def test_a_cache_that_others_may_write_to_is_not_read(machine: Machine) -> None:
    machine.python("bin/python3")
    machine.survey()
    machine.cache.parent.chmod(0o777)
    machine.asked()
    assert machine.tags() == ["3.13"]
    assert machine.asked() == ["bin/python3"]


def test_a_cache_that_cannot_be_written_is_no_error(machine: Machine) -> None:
    machine.python("bin/python3")
    (machine.root / "cache").write_text("a file where the directory should be")
    assert machine.tags() == ["3.13"]
    machine.environ["CONCURRENCY_SELECTOR_CACHE_DIR"] = str(machine.root / "other")
    (machine.root / "other/interpreters.json").mkdir(parents=True)
    assert machine.tags() == ["3.13"]
    assert os.listdir(machine.root / "other") == ["interpreters.json"]  # no temporary file is left


def test_files_that_are_gone_leave_the_cache(machine: Machine) -> None:
    machine.python("bin/python3.12").parent.joinpath("x")
    machine.survey()
    (machine.root / "bin/python3.12").unlink()
    machine.python("bin/python3.13")
    machine.survey()
    assert list(json.loads(machine.cache.read_text())["entries"]) == [str(machine.root / "bin/python3.13")]


def test_many_at_once_agree(machine: Machine) -> None:
    for minor in range(8, 14):
        machine.python(f"bin/python3.{minor}", f"3.{minor}.1")
    with ThreadPoolExecutor(6) as pool:
        surveys = list(pool.map(lambda _: machine.survey(), range(12)))
    assert all(found == surveys[0] and len(found.interpreters) == 6 for found in surveys)
    assert len(json.loads(machine.cache.read_text())["entries"]) == 6
    assert os.listdir(machine.cache.parent) == ["interpreters.json"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_keys = ["version", "release", "implementation", "free_threaded", "gil_enabled", "bits", "executable"]
_CANDIDATE = interpreters._Candidate("/x/python3", "PATH", (1, 2, 3))


@settings(deadline=None)
@given(st.binary() | _json.map(lambda v: json.dumps(v).encode()))
def test_no_answer_raises(text: bytes) -> None:
    found = interpreters._understand(text, _CANDIDATE)
    assert found.interpreter is None


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(_keys, _json)))
def test_no_wrong_fact_raises(changes: dict[str, Any]) -> None:
    facts = json.loads(answer()) | changes
    found = interpreters._understand(json.dumps(facts).encode(), _CANDIDATE)
    assert found.interpreter is None or found.interpreter.path == "/x/python3"


@settings(deadline=None)
@given(
    _json
    | st.fixed_dictionaries(
        {"stamp": st.just([1, 2, 3]), "problem": _json},
        optional={"interpreter": _json, "executable": _json, "asked_at": _json},
    )
)
def test_no_cache_entry_raises(entry: Any) -> None:
    known = interpreters._known(entry, _CANDIDATE)
    assert known is None or known.interpreter is None


# Where the cache lies, and this machine -------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [None, "", "relative/path", "  ", "/tmp/some cache"])
def test_cache_directory_is_the_one_of_platformdirs(monkeypatch: pytest.MonkeyPatch, base: str | None) -> None:
    platformdirs = pytest.importorskip("platformdirs")
    monkeypatch.delenv("CONCURRENCY_SELECTOR_CACHE_DIR", raising=False)
    if base is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", base)
    if base != "relative/path":  # the XDG specification says to ignore it; platformdirs changed its mind once
        assert cache_dir() == Path(platformdirs.user_cache_dir("concurrency-selector"))
    assert cache_dir().is_absolute()


def test_cache_directory_can_be_chosen(tmp_path: Path) -> None:
    assert cache_dir({"CONCURRENCY_SELECTOR_CACHE_DIR": str(tmp_path)}) == tmp_path


def test_the_running_interpreter_is_found(machine: Machine) -> None:
    (found,) = find_interpreters(machine.environ, machine.root, machine.home)
    assert found.found_in == "running"
    assert found.version == sys.version.split()[0]
    assert found.tag.startswith(f"3.{sys.version_info.minor}")
    assert os.path.samefile(found.path, getattr(sys, "_base_executable", sys.executable))
    assert not machine.cache.exists()  # known without asking


def test_the_running_interpreter_says_the_same_when_asked(machine: Machine) -> None:
    (own,) = find_interpreters(machine.environ, machine.root, machine.home)
    machine.environ["PATH"] = os.path.dirname(sys.executable)
    asked = machine.survey().interpreters
    assert own.model_copy(update={"found_in": "PATH"}) in asked


def test_without_a_running_file(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert find_interpreters(machine.environ, machine.root, machine.home) == ()
