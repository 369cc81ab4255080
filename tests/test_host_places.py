"""Where interpreters are looked for: fake trees of files, none of which is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_pythons import FakeMachine

from selector.host import environment_python
from selector.host.places import candidates

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="fake interpreters are shell scripts")


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(Path(os.path.realpath(tmp_path)))


def found(machine: FakeMachine) -> list[tuple[str, str]]:
    """What there is on a machine: path from its root, and place."""
    files = candidates(machine.environ, str(machine.root), str(machine.home), running=False)
    return [(os.path.relpath(file.path, machine.root), file.found_in) for file in files]


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
def test_every_place_is_looked_at(machine: FakeMachine, path: str, found_in: str) -> None:
    machine.python(path)
    assert found(machine) == [(path, found_in)]


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
    machine: FakeMachine, variable: str, value: str, path: str, found_in: str
) -> None:
    machine.environ[variable] = str(machine.root / value)
    machine.python(path)
    assert found(machine) == [(path, found_in)]


def test_windows_places(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    expected = {
        "roaming/uv/data/python/cpython-3.12-windows": "uv",
        "roaming/uv/python/cpython-3.13-windows": "uv",
        "home/.pyenv/pyenv-win/versions/3.11.9": "pyenv",
        "local/Programs/Python/Python313": "Programs",
        "local/Python/pythoncore-3.14-64": "Programs",
        "programs/Python310": "Programs",
    }
    for path in [*expected, "programs/Git"]:
        machine.python(f"{path}/python3.13t.exe")
    variables = {"APPDATA": "roaming", "LOCALAPPDATA": "local", "PROGRAMFILES": "programs"}
    machine.environ |= {name: str(machine.root / folder) for name, folder in variables.items()}
    assert found(machine) == [(f"{path}/python3.13t.exe", place) for path, place in expected.items()]
    machine.environ["UV_PYTHON_INSTALL_DIR"] = str(machine.root / "uvs")
    machine.python("uvs/cpython-3.14/python.exe")
    assert found(machine)[0] == ("uvs/cpython-3.14/python.exe", "uv")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("python3", True), ("python", True), ("python3.14t", True), ("pypy3", True), ("pypy3.10", True),
        ("python2", False), ("python2.7", False), ("python3-config", False), ("python3.11-gdb.py", False),
        ("pythonw", False), ("ipython3", False), ("python3.13d", False), ("pypy", False),
    ],
)  # fmt: skip
def test_names(machine: FakeMachine, name: str, wanted: bool) -> None:
    machine.python(f"bin/{name}")
    assert bool(found(machine)) is wanted


# One interpreter, many names ------------------------------------------------------------------------------------------


def test_links_are_one_interpreter(machine: FakeMachine) -> None:
    real = machine.python("opt/python-3.13/bin/python3.13")
    os.link(real, real.with_name("python3.13t"))
    real.with_name("python3").symlink_to("python3.13")
    (machine.root / "bin").mkdir()
    (machine.root / "bin/python3.13").symlink_to(real)
    (machine.root / "usr").symlink_to(machine.root / "opt/python-3.13")
    assert found(machine) == [("opt/python-3.13/bin/python3.13", "PATH")]


def test_a_virtual_environment_counts_as_its_interpreter(machine: FakeMachine) -> None:
    base = machine.python("opt/python-3.13/bin/python3.13")
    linked = machine.root / "linked/bin"
    linked.mkdir(parents=True)
    (linked / "python").symlink_to(base)
    copied = machine.python("copied/bin/python3.13").parent
    (copied.parent / "pyvenv.cfg").write_text(f"home = {base.parent}\nversion = 3.13.5\n")
    machine.environ["PATH"] = f"{copied}:{linked}"
    assert found(machine) == [("opt/python-3.13/bin/python3.13", "PATH")]
    assert environment_python(str(machine.root / "linked")) == str(linked / "python")


def test_an_odd_pyvenv_cfg_changes_nothing(machine: FakeMachine) -> None:
    file = machine.python("env/bin/python3")
    machine.environ["PATH"] = str(file.parent)
    for config in ("", "home = \n", "home = relative\n", "home = /nowhere\n", "=", "\xff", "executable ="):
        (file.parent.parent / "pyvenv.cfg").write_bytes(config.encode("latin-1"))
        assert found(machine) == [("env/bin/python3", "PATH")], config


@pytest.mark.parametrize("odd", ["fifo", "zero", "folder", "large"])
def test_a_pyvenv_cfg_that_is_no_small_file_is_not_read(machine: FakeMachine, odd: str) -> None:
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
    assert ("env/bin/python3", "PATH") in found(machine)


def test_path_entries_that_are_not_looked_at(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.python("shims/python3")
    machine.python("here/python3")
    monkeypatch.chdir(machine.root / "here")
    shims = machine.root / "shims"
    machine.environ["PATH"] = f"::.:../here:{shims}:{shims}/:/nowhere:a\x00b:{machine.root / 'asked.log'}"
    assert found(machine) == []


def test_windows_directories_in_wsl_are_not_listed(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []

    def stat(path: str) -> os.stat_result:
        looked_at.append(path)
        raise OSError

    machine.environ |= {"PATH": "/mnt/c/Windows/System32:/usr/bin", "WSL_DISTRO_NAME": "Debian"}
    monkeypatch.setattr(os, "stat", stat)
    assert found(machine) == []
    monkeypatch.undo()
    assert looked_at == ["/usr/bin"]


def test_files_that_cannot_be_run_are_not_tried(machine: FakeMachine) -> None:
    machine.python("bin/python3").chmod(0o644)
    os.mkfifo(machine.root / "bin/python3.12")
    (machine.root / "bin/python3.11").mkdir()
    (machine.root / "bin/python3.10").symlink_to("nowhere")
    (machine.root / "bin/python3.9").symlink_to("python3.9")
    assert found(machine) == []


def test_a_path_that_is_not_text_is_left_out(machine: FakeMachine) -> None:
    directory = os.fsencode(machine.root) + b"/caf\xe9"
    try:
        os.mkdir(directory)
    except OSError:
        pytest.skip("this file system stores UTF-8 names only")
    machine.python("caf\udce9/python3.13")
    machine.environ["PATH"] = os.fsdecode(directory)
    assert found(machine) == []


def test_the_one_that_runs_this_comes_first(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.python("bin/python3")
    files = list(candidates(machine.environ, str(machine.root), str(machine.home), running=True))
    assert [file.found_in for file in files] == ["running", "PATH"]
    assert os.path.samefile(files[0].path, getattr(sys, "_base_executable", sys.executable))
    monkeypatch.setattr(sys, "frozen", True, raising=False)  # the file of an application that has one inside
    files = list(candidates(machine.environ, str(machine.root), str(machine.home), running=True))
    assert [file.found_in for file in files] == ["PATH"]
