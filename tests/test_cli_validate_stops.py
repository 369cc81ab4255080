"""The command validate as a process: signals, and a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from command import COMMAND, measured, posix_only
from fake_script import FILES, HERE, TINY, saved

from selector.validation import ValidationReport


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps(TINY), "utf-8")
    return file


# validate: signals ----------------------------------------------------------------------------------------------------


def family(marker: str) -> list[str]:
    """The processes that have the marker in their environment, wherever they are now."""
    found = []
    for process in psutil.process_iter():
        try:
            if marker in process.environ().values() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
        except psutil.Error:
            continue
    return found


def wait_for(fact: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


class Measuring:
    """`validate` as a process of its own, in a group of its own, until some cells are finished."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], marker: str) -> None:
        self.folder, self.process, self.marker = folder, process, marker

    def cells(self) -> int:
        try:
            return (self.folder / "events.jsonl").read_bytes().count(b'"event":"cell"')
        except FileNotFoundError:
            return 0

    def ends(self) -> tuple[int, bytes, bytes]:
        out, err = self.process.communicate(timeout=30)
        assert b"Traceback" not in err
        return self.process.returncode, out, err


@contextmanager
def measuring(tmp_path: Path) -> Iterator[Measuring]:
    """A run that would take a minute; whatever happens, none of its processes is left at the end."""
    file, folder, marker = tmp_path / "work.json", tmp_path / "run", f"run-{uuid.uuid4()}"
    (tmp_path / "tmp").mkdir()
    file.write_text(json.dumps({**TINY, "tasks": 20, "cpu_ms_per_task": 10}), "utf-8")
    arguments = ["validate", str(file), "--budget", "60s", "--json", "--save", str(folder), *HERE]
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**measured(), "SELECTOR_TEST_MARKER": marker, "TMPDIR": str(tmp_path / "tmp")},
    ) as process:  # fmt: skip
        run = Measuring(folder, process, marker)
        try:
            wait_for(lambda: run.cells() >= 2 or process.poll() is not None)
            assert len(family(marker)) >= 3  # the tool, the script, its server, and what is measured just now
            yield run
        finally:
            for line in [str(process.pid), *family(marker)]:
                try:
                    psutil.Process(int(line.split()[0])).kill()
                except psutil.Error:
                    continue


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize(
    ("kill", "number"),
    [
        (os.killpg, signal.SIGINT),
        pytest.param(os.kill, signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(os.kill, signal.SIGTERM, marks=pytest.mark.slow),
    ]
    if sys.platform != "win32"
    else [],
    ids=["ctrl-c", "SIGINT", "SIGTERM"],
)
def test_being_stopped_gives_a_partial_report_and_leaves_no_process(
    tmp_path: Path, kill: Callable[[int, int], None], number: int
) -> None:
    with measuring(tmp_path) as run:
        kill(run.process.pid, number)
        code, out, err = run.ends()
        left = family(run.marker)
    assert (code, left) == (130, [])
    report = ValidationReport.model_validate_json(out)
    assert report.measurements and not report.complete
    assert ValidationReport.model_validate_json((run.folder / "results.json").read_bytes()) == report
    session = saved(run.folder / "events.jsonl")
    assert len(session.cells) >= 2 and session.end is not None and session.end.reason == "interrupted"
    assert sorted(os.listdir(run.folder)) == FILES
    assert b"kept in " in err
    assert os.listdir(tmp_path / "tmp") == []


@posix_only
def test_when_the_tool_is_killed_its_processes_die_with_it(tmp_path: Path) -> None:
    with measuring(tmp_path) as run:
        known = run.cells()
        run.process.kill()
        run.process.wait(30)
        wait_for(lambda: not family(run.marker), 10)
    session = saved(run.folder / "events.jsonl")
    assert len(session.cells) >= known >= 2
    assert all(cell.status == "ok" for cell in session.cells)
    wait_for(lambda: not os.listdir(tmp_path / "tmp"), 5)


# validate: a terminal -------------------------------------------------------------------------------------------------

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"  # the cursor


@contextmanager
def terminal(arguments: list[str]) -> Iterator[Any]:
    pexpect = pytest.importorskip("pexpect", reason="pseudo-terminals need POSIX", exc_type=ImportError)
    environment = {k: v for k, v in measured().items() if k not in ("NO_COLOR", "COLUMNS", "LINES", "CI")}
    child = pexpect.spawn(
        COMMAND[0], [*COMMAND[1:], *arguments], env={**environment, "TERM": "xterm-256color"}, dimensions=(24, 90),
        timeout=30, encoding="utf-8",
    )  # fmt: skip
    try:
        yield child
    finally:
        child.close(force=True)


@posix_only
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning")
def test_a_terminal_shows_the_run_and_then_the_report(tiny: Path) -> None:
    import pexpect

    with terminal(["validate", str(tiny), "--budget", "2s", *HERE]) as user:
        user.expect_exact("Measuring tiny")
        user.expect_exact("Now: ")
        user.expect(r" of 2 s, \d s left")
        user.expect_exact("=== Verdict ===")
        live = user.before
        user.expect_exact("kept in ")
        report = CODES.sub("", user.before)
        user.expect(pexpect.EOF)
        user.close()
    assert user.exitstatus == 0
    assert SHOWN in live  # the display is gone, and the cursor back
    for title in ("=== Measurements ===", "Single-threaded", "tiny"):
        assert title in report
    for word in ("Now: ", "Measuring tiny"):
        assert word not in report


@pytest.mark.slow
@posix_only
@pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning")
def test_ctrl_c_in_a_terminal_ends_in_the_report_with_the_cursor_back(tiny: Path) -> None:
    import pexpect

    with terminal(["validate", str(tiny), "--budget", "60s", *HERE]) as user:
        user.expect(r"single_threaded.*\d m?s")
        user.send("\x03")
        user.expect_exact("=== Verdict ===")
        assert user.before.rfind(SHOWN) > user.before.rfind(HIDDEN)
        user.expect(pexpect.EOF)
        said = CODES.sub("", user.before)
        user.close()
    assert user.exitstatus == 130
    assert "incomplete" in said and "kept in " in said
    assert "Traceback" not in said
