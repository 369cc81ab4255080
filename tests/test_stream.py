"""`recommend --jsonl` of many lines: workers answer what one process does, in the same order, and end with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import measured
from strategies import slow_after

from selector.cli import stream
from selector.host import usable_cpus

LINES = 1300  # the last 300 go to workers, where there is more than one CPU
COMMAND = [sys.executable, "-m", "selector", "recommend", "--jsonl"]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    file = tmp_path / "many.jsonl"
    kinds = ("cpu", "io", "hybrid", "nonsense")
    rows = [
        {"workload_type": kinds[n % 4 if n % 50 == 3 else n % 3], "name": str(n), "tasks": n + 1} for n in range(LINES)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


@pytest.mark.slow
def test_a_large_file_is_answered_as_a_pipe_is(many: Path) -> None:
    assert stream._ALONE < LINES
    by_workers = subprocess.run([*COMMAND, str(many)], capture_output=True, text=True, check=False, env=measured())
    with many.open("rb") as pipe:
        alone = subprocess.run([*COMMAND, "-"], stdin=pipe, capture_output=True, text=True, check=False)
    assert by_workers.returncode == alone.returncode == 2
    assert by_workers.stdout == alone.stdout
    assert by_workers.stderr.replace(str(many), "standard input") == alone.stderr
    names = [int(json.loads(line)["profile"]["name"]) for line in by_workers.stdout.splitlines()]
    assert names == sorted(names) and len(names) == LINES - by_workers.stderr.count("nonsense")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("end", slow_after(1, [signal.SIGKILL, signal.SIGINT]))
def test_workers_end_with_the_command(many: Path, end: signal.Signals) -> None:
    if usable_cpus().count < 2:
        pytest.skip("there are no workers with one CPU")
    many.write_text(many.read_text("utf-8") * 40, "utf-8")
    command = subprocess.Popen(
        [*COMMAND, str(many)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert command.stdout is not None
    try:
        command.stdout.readline()  # then workers are under way
        assert len(in_session(command.pid)) >= 3
        deadline = time.monotonic() + 60
        os.kill(command.pid, end)
        assert command.wait(30) == (-end if end == signal.SIGKILL else 128 + end)  # not 2: it did not run to its end
        while in_session(command.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert in_session(command.pid) == []
    finally:
        command.stdout.close()
        for pid in in_session(command.pid):
            os.kill(pid, signal.SIGKILL)


def in_session(session: int) -> list[int]:
    """The processes of a session that are alive."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry.name))
    return found
