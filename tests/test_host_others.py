"""Who else computes: found in /proc, told most first, ourselves and idlers left out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from selector.host.others import ProcessTimes, busiest, process_times

ME = os.getpid()


def stat(root: Path, pid: int, name: str, user: int, system: int, start: int = 77) -> None:
    folder = root / "proc" / str(pid)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stat").write_text(
        f"{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 {user} {system} 0 0 20 0 1 0 {start} 0\n", "utf-8"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="ticks are those of POSIX")
def test_the_busiest_come_first_and_neither_we_nor_idlers(tmp_path: Path) -> None:
    tick = os.sysconf("SC_CLK_TCK")
    for pid, name in ((4, "idle"), (ME, "python3"), (5, "make) (x"), (6, "gone"), (8, "old")):
        stat(tmp_path, pid, name, 0, 0)
    (tmp_path / "proc" / "9").mkdir()
    (tmp_path / "proc" / "self").mkdir()
    before = process_times(tmp_path)
    assert set(before.seconds) == {
        (4, "77", "idle"),
        (ME, "77", "python3"),
        (5, "77", "make) (x"),
        (6, "77", "gone"),
        (8, "77", "old"),
    }
    (tmp_path / "proc" / "6" / "stat").unlink()
    stat(tmp_path, ME, "python3", 9 * tick, 0)
    stat(tmp_path, 5, "make) (x", 4 * tick, tick)
    stat(tmp_path, 7, "new\x1b[31m", 9 * tick, 0)
    stat(tmp_path, 8, "other", 3 * tick, 0, start=78)  # another process of the same number
    after = process_times(tmp_path)
    told = busiest(before._replace(at=0.0), after._replace(at=10.0))
    assert told == ("new\\x1b[31m (process 7) 0.9", "make) (x (process 5) 0.5", "other (process 8) 0.3")
    assert busiest(after, after) == ()


def test_a_machine_without_proc_has_nobody_to_name(tmp_path: Path) -> None:
    nobody = process_times(tmp_path)
    assert nobody.seconds == {}
    assert busiest(nobody, ProcessTimes(nobody.at + 1, {})) == ()
