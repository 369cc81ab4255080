"""Runs files that may be a Python, many at once, to learn what each says of itself."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from selector.processes import NotStartedError, end_child, start_child

if TYPE_CHECKING:
    import subprocess

AT_ONCE = 16  # children at a time
_LOOK_SECONDS = 0.005  # how often ends are looked for: a Python takes some 15 ms
_MOST_BYTES = 65_536  # of an answer: what fits a pipe
#: Why a file could not be started that say something of this moment and nothing of the file.
_NO_ROOM = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EINTR)

# Runs on any Python from 3.4, without site. Two signs of a free-threaded build, because Windows had no abiflags
# before 3.14; the text in sys.version is the one the free-threading HOWTO documents. sysconfig costs 20 ms more.
_QUESTION = """
import json, sys
print(json.dumps({
    "version": sys.version.split()[0],
    "release": list(sys.version_info[:2]),
    "implementation": sys.implementation.name,
    "free_threaded": "t" in getattr(sys, "abiflags", "") or "free-threading build" in sys.version,
    "gil_enabled": bool(getattr(sys, "_is_gil_enabled", lambda: True)()),
    "bits": 64 if sys.maxsize > 2**32 else 32,
    "executable": sys.executable,
}))
"""


class Reply(NamedTuple):
    """What a file printed, or what went wrong with it."""

    text: bytes
    problem: str = ""
    lasts: bool = True  # whether that is of the file, and not of a machine that had no room for one more process
    hangs: bool = False


class _Asked(NamedTuple):
    """A file that runs."""

    path: str
    process: subprocess.Popen[bytes]
    since: float  # monotonic


def ask_all(paths: Sequence[str], environ: Mapping[str, str], timeout_seconds: float) -> dict[str, Reply]:
    """Run every file and collect what each says of itself, in `timeout_seconds` however many they are.

    The children run in parallel without a thread here, 16 at a time. One that has not answered in a fifth of the time
    seems to hang and makes room for the next, so that some that hang do not keep the others from being asked. However
    this ends (an error, Ctrl-C), every child is killed and reaped first.
    """
    began = time.monotonic()
    environ = _plain(environ)
    replies: dict[str, Reply] = {}
    waiting = list(reversed(paths))
    running: list[_Asked] = []
    try:
        while (waiting or running) and (now := time.monotonic()) < began + timeout_seconds:
            hopeful = sum(now < child.since + timeout_seconds / 5 for child in running)
            for _ in range(min(len(waiting), AT_ONCE - hopeful)):
                _begin(waiting.pop(), environ, running, replies)
            time.sleep(_LOOK_SECONDS)
            for ended in [child for child in running if child.process.poll() is not None]:
                replies[ended.path] = _reply_of(ended.process)
                _let_go(ended.process)
                running.remove(ended)
        replies |= {child.path: Reply(b"", "no answer in time", hangs=True) for child in running}
        replies |= {path: Reply(b"", "not asked yet: others did not answer", lasts=False) for path in waiting}
    finally:
        for child in running:
            _let_go(child.process)
    return replies


def _plain(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what changes an interpreter's mind: PYTHONHOME, PYTHONPATH, PYTHON_GIL and the rest."""
    return {k: v for k, v in environ.items() if not k.upper().startswith("PYTHON") and k != "__PYVENV_LAUNCHER__"}


def _begin(path: str, environ: Mapping[str, str], running: list[_Asked], replies: dict[str, Reply]) -> None:
    """Start a file, or note why that cannot be done."""
    import subprocess

    command = [path, "-I", "-S", "-B", "-c", _QUESTION]
    try:
        process = start_child(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ)
    except NotStartedError as error:
        replies[path] = Reply(b"", str(error), lasts=getattr(error.__cause__, "errno", None) not in _NO_ROOM)
    else:
        running.append(_Asked(path, process, time.monotonic()))


def _reply_of(child: subprocess.Popen[bytes]) -> Reply:
    """What a child said that has ended."""
    code = child.returncode
    if code == 0:
        return Reply(_said(child))
    return Reply(b"", f"ended with exit code {code}" if code > 0 else f"was killed by signal {-code}")


def _said(child: subprocess.Popen[bytes]) -> bytes:
    """What an ended child wrote: one read, of what fits a pipe. A child that writes more blocks, and times out."""
    if child.stdout is None:
        return b""
    try:
        if sys.platform != "win32":
            os.set_blocking(child.stdout.fileno(), False)  # something it left running may hold the pipe open
        return os.read(child.stdout.fileno(), _MOST_BYTES)
    except OSError:
        return b""


def _let_go(child: subprocess.Popen[bytes]) -> None:
    """End a child that still runs, and what we have of it."""
    end_child(child)
    if child.stdout is not None:
        child.stdout.close()
