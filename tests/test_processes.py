"""Processes of a run: watched while they live, gone when they should be. Those that tests start are shells that sleep."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest
from shared import is_gone, wait_until
from template_modules import template_module

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are those of POSIX")


@pytest.fixture(scope="module")
def processes() -> Iterator[ModuleType]:
    with template_module("processes") as module:
        yield module


@pytest.fixture
def group(processes: ModuleType, tmp_path: Path) -> Callable[..., Any]:
    """`group(*command)` starts one; `group.told` is what the keeper was told."""
    told: list[str] = []
    before = set(processes.process_tree(os.getpid()))

    def start(*command: str) -> Any:
        return processes._Group(list(command), str(tmp_path), told.append, before)

    start.told = told  # type: ignore[attr-defined]
    return start


def shell(script: str) -> tuple[str, str, str]:
    return "/bin/sh", "-c", script


def test_what_ends_by_itself_is_told_to_the_keeper_and_its_cpu_time_is_known(group: Any) -> None:
    one = group(*shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 3"))
    assert one.watch(60, 1e6, None) is None
    assert (one.code, one.obituary()) == (3, ("crash", "ended with code 3 and no result"))
    assert one.cpu_seconds > 0
    assert group.told == [f"+{one.process.pid}", f"-{one.process.pid}"]


def test_what_hangs_is_stopped_even_if_it_is_deaf(group: Any) -> None:
    one = group(*shell("trap '' TERM; sleep 1000 & sleep 1000; sleep 1000"))
    wait_until(lambda: len(psutil.Process(one.process.pid).children()) == 2)
    members = [one.process.pid, *(child.pid for child in psutil.Process(one.process.pid).children())]
    status, reason = one.watch(0.05, 1e6, None)
    assert (status, reason[:14]) == ("timeout", "stopped after ")
    assert all(map(is_gone, members))


def test_what_a_process_leaves_in_its_group_goes_with_it(group: Any, tmp_path: Path) -> None:
    one = group(*shell(f"sleep 1000 & echo $! > '{tmp_path}/pid'"))
    assert one.watch(60, 1e6, None) is None
    assert one.code == 0
    assert is_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_what_takes_too_much_memory_is_stopped(group: Any) -> None:
    one = group(sys.executable, "-S", "-c", "import time; kept = b'x' * 60_000_000; time.sleep(1000)")
    status, reason = one.watch(60, 40.0, None)
    assert status == "out_of_memory"
    assert reason.endswith("MB (limit 40 MB)")
    assert one.metric == "pss" and one.peak_mb > 40


def test_whoever_is_told_to_stop_leaves_nothing(
    processes: ModuleType, group: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for told, parent in (([15], None), ([], 1 if os.getppid() != 1 else 2)):
        monkeypatch.setattr(processes, "_told", told)
        one = group(*shell("sleep 1000"))
        with pytest.raises(KeyboardInterrupt):
            one.watch(60, 1e6, parent)
        assert is_gone(one.process.pid)


def test_what_cannot_be_started_is_an_error_of_the_system(group: Any, tmp_path: Path) -> None:
    for path in ("/nothing/python", "/", ""):
        with pytest.raises(OSError) as raised:
            group(path)
        assert raised.value.filename == path
    assert group.told == []


def test_standard_error_is_cut_before_it_fills_the_disk(processes: ModuleType, tmp_path: Path) -> None:
    group = processes._Group.__new__(processes._Group)
    group.errors = str(tmp_path / "errors.txt")
    group._cut_errors()  # not there
    with open(group.errors, "ab") as stream:
        stream.write(b"x" * 20_000_000)
        stream.flush()
        group._cut_errors()
        stream.write(b"\nthe end\n\n")
    assert os.path.getsize(group.errors) < 100
    assert group._last_line() == "the end"


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (-9, "", "crash: killed by signal 9"),
        (3, "", "crash: ended with code 3 and no result"),
        (1, "Traceback...\nModuleNotFoundError: No module named 'x'\n", "missing_dependency: ModuleNotFoundError: No module named 'x'"),
        (1, "MemoryError\n", "out_of_memory: MemoryError"),
        (1, "  File\nOSError: full \udc80\n", "crash: ended with code 1: OSError: full \\xed\\xb2\\x80"),
        (0, "Exception in initializer:\nTraceback:\n  File\nValueError: no\nTraceback:\nOther: x\n", "error: a worker did not start (ValueError: no)"),
        (0, "Exception in initializer:\n", "error: a worker did not start (Exception in initializer:)"),
    ],
)  # fmt: skip
def test_what_a_process_without_a_result_died_of(
    processes: ModuleType, tmp_path: Path, code: int, said: str, words: str
) -> None:
    group = processes._Group.__new__(processes._Group)
    group.errors, group.code = str(tmp_path / "errors.txt"), code
    Path(group.errors).write_bytes(said.encode("utf-8", "surrogatepass"))
    found = dict(zip(("status", "reason"), group.obituary(), strict=True)) | group.last_words()
    assert f"{found['status']}: {found['reason']}" == words


def test_the_environment_has_our_folder_and_the_modules_beside_the_script(
    processes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/a/bench.py"])
    monkeypatch.setenv("PYTHONPATH", "/own")
    environment = processes._environment("/run")
    assert environment["PYTHONPATH"] == os.pathsep.join(["/a", "/own"])
    assert {environment[name] for name in ("TMPDIR", "TEMP", "TMP", processes._MARK)} == {"/run"}
