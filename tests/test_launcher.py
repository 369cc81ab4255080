"""The launcher and its keeper: what processes really started answer, and what cannot be started."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from shared import is_gone, wait_until
from template_modules import TEMPLATES, template_module

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are those of POSIX")


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with template_module("launcher") as found:
        yield found


@pytest.fixture
def launcher(module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """One that runs the agents; this process adopts nobody."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(module, "_adopt_orphans", lambda: None)
    monkeypatch.setattr(sys, "argv", [str(TEMPLATES / "agents.py")])
    taken: list[float | None] = []
    made = module._Launcher(None, 2, taken.append, None)
    made.taken = taken
    made.begin()
    yield made
    made.close()
    assert list(tmp_path.iterdir()) == []
    assert is_gone(made.keeper.process.pid)


PROBE = {"kind": "probe", "compiled": ""}


def test_an_answer_has_what_it_took(launcher: Any) -> None:
    answer = launcher.probe(sys.executable, 60.0)
    assert answer["version"] == sys.version.split()[0]
    assert (answer["status"], answer["free_threaded_build"]) == ("ok", False)
    assert answer["peak_memory_mb"] > 1 or sys.platform != "linux"
    assert launcher.taken == [answer["cpus_taken"]]


def test_no_answer_is_a_status_with_a_reason(launcher: Any, tmp_path: Path) -> None:
    text = tmp_path / "no program"
    text.write_text("text")
    text.chmod(0o755)
    found = {path: launcher.probe(path, 60.0) for path in ("/nothing/python", "/", "", str(text), "/bin/true")}
    text.unlink()
    assert [answer["status"] for answer in found.values()] == ["missing_dependency"] * 4 + ["error"]
    assert found["/nothing/python"]["reason"] == "/nothing/python: No such file or directory"
    assert found["/bin/true"]["reason"] == "this does not run the script: ended with code 0 and no result"
    unknown = launcher.ask(sys.executable, {"kind": "nonsense"}, 60.0)
    assert (unknown["status"], unknown["reason"]) == ("error", "KeyError: 'nonsense'")
    stopped = launcher.ask(sys.executable, PROBE, 0.001)
    assert (stopped["status"], stopped["reason"][:14]) == ("timeout", "stopped after ")


def test_a_keeper_that_was_killed_is_replaced(launcher: Any) -> None:
    first = launcher.keeper
    assert first.port > 0
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    first.tell("+1")  # nobody hears it, and that is no failure
    assert launcher.ask("/nothing/python", PROBE, 60.0)["status"] == "missing_dependency"
    assert launcher.keeper.process.pid != first.process.pid
    assert launcher.keeper.port > 0


def test_the_keeper_clears_away_what_its_owner_left(launcher: Any, module: ModuleType) -> None:
    """As it does when the owner is killed: its input ends."""
    keeper = launcher.keeper
    group = module._Group(["/bin/sh", "-c", "sleep 1000"], launcher.folder, keeper.tell, set())
    wait_until(lambda: not is_gone(group.process.pid))
    keeper.process.stdin.close()
    wait_until(lambda: is_gone(keeper.process.pid) and is_gone(group.process.pid))
    group.process.wait()
    assert not os.path.exists(launcher.folder)


def test_the_memory_limit(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"/proc/meminfo": "MemTotal: 9 kB\nMemFree: 7 kB\nMemAvailable:    10240000 kB\n"}
    monkeypatch.setattr(module, "read_proc", lambda path: files.get(path, ""))
    limit = module._memory_limit_mb
    assert (limit(None), limit(10.0), limit(500.0), limit(1e9)) == (5000, 512, 2000, 8000)
    files["/sys/fs/cgroup/memory.max"] = f"{2000 * 1024 * 1024}\n"
    assert (limit(None), limit(1e9)) == (1000, 1600)
    files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert limit(None) == 5000
    files.clear()
    assert limit(None) > 0
