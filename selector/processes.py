"""Ends the processes that we start, with all that they started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

#: What to do where no process or thread can be started.
RAISE_THE_LIMIT = "raise the limit of processes and threads (ulimit -u, pids.max), or end some"


def kill_tree(script: subprocess.Popen[bytes]) -> None:
    """Kill a script that runs, its group, and those it started that have left the group. It is still to be reaped."""
    family = descendants(script.pid)
    kill_group(script.pid)
    script.kill()
    kill_each(family)


def descendants(number: int) -> list[psutil.Process]:
    """All processes that one has started, and that those have, as far as the system tells."""
    import psutil

    with contextlib.suppress(psutil.Error, OSError):  # OSError: without /proc it may fail in ways of its own
        return psutil.Process(number).children(recursive=True)
    return []


def kill_each(family: list[psutil.Process]) -> None:
    """Kill those of them that still run."""
    import psutil

    for member in family:
        with contextlib.suppress(psutil.Error):
            member.kill()


def kill_group(number: int) -> None:
    """Kill a process group, if there is one of that number (there are none on Windows)."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.killpg(number, signal.SIGKILL)
