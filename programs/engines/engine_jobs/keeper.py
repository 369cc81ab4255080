"""A process that outlives the one it guards by a moment: if that one is gone, however, it clears away what is left.

It is told on standard input: `+SESSION` of processes to be ended, `-SESSION` when they have, `=PATH` to be removed,
`~PATH` of a database to be closed; a path is a JSON string, so that it is one line whatever is in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

_LONGEST_SECONDS = 10.0  # until what cannot be killed is left to the kernel


class Keeper:
    """The guard of this process, while it lives. `mark` is in the environment of what it is to end (Linux)."""

    def __init__(self, mark: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", os.path.abspath(__file__), mark],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is not for it
        )

    def tell(self, line: str) -> None:
        """A line as above; without a keeper (it was killed) we go on."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    def close(self) -> None:
        """It clears away what it still knows of, and goes."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()


def end_all(sessions: set[int], mark: str) -> None:
    """Kill every process of these sessions, and (on Linux) every one that carries the mark in its environment."""
    until = time.monotonic() + _LONGEST_SECONDS
    while (left := members(sessions, mark)) and time.monotonic() < until:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def members(sessions: set[int], mark: str = "") -> list[int]:
    """The processes that belong to these sessions or carry the mark; no zombies, and never we ourselves."""
    found = []
    for pid in _processes():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if pid != os.getpid() and (os.getsid(pid) in sessions or _carries(pid, mark)) and not _is_zombie(pid):
                found.append(pid)
    return found


def _processes() -> list[int]:
    if os.path.isdir("/proc/self"):
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    said = subprocess.run(["ps", "-axo", "pid="], capture_output=True, check=False).stdout  # noqa: S607  # macOS
    return [int(word) for word in said.split()]


def _carries(pid: int, mark: str) -> bool:
    if not mark:
        return False
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            return mark.encode() in stream.read()
    except OSError:
        return False


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return False


def _keep(mark: str) -> None:
    """The keeper's own life."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    sessions: set[int] = set()
    places: dict[str, None] = {}
    database = ""
    for line in sys.stdin:
        kind, what = line[0], line[1:].rstrip("\n")
        if kind == "+":
            sessions.add(int(what))
        elif kind == "-":
            sessions.discard(int(what))
        elif kind == "~":
            database = json.loads(what)
        else:
            places[json.loads(what)] = None
    end_all(sessions, mark)
    if sessions:  # one that was just being started may have been overlooked
        time.sleep(0.1)
        end_all(sessions, mark)
    for place in places:
        shutil.rmtree(place, ignore_errors=True) if os.path.isdir(place) else _remove(place)
    if database:
        _fold(database)


def _remove(file: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(file)


def _fold(database: str) -> None:
    """Killed processes leave what they wrote last in files beside the database: it goes in, they go."""
    import sqlite3

    with contextlib.suppress(sqlite3.Error):
        base = sqlite3.connect(f"file:{database}?mode=rw", uri=True)
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        base.close()


if __name__ == "__main__":
    _keep(sys.argv[1])
