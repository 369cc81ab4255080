"""The user's items, read in a process of its own: what his module prints, breaks or waits for stays there."""

from __future__ import annotations

import hashlib
import os
import select
import subprocess
import sys
from collections.abc import Iterator

from engine_jobs.plan import Task

MOST_ITEMS = 1_000_000  # all are held in memory until they have a result
LONGEST_WAIT_SECONDS = 60.0  # for the import, and for each item
_ITEM, _END, _ERROR = "i", "e", "x"  # the first character of a line


class NotGivenError(ValueError):
    """The items cannot be read: why, in a sentence."""


def tasks(environment: dict[str, str], longest_seconds: float = LONGEST_WAIT_SECONDS) -> Iterator[Task]:
    """A task for each item. Its key is its place and what it is, so that a changed item is another task.

    NotGivenError where the items cannot be had, or break off.
    """
    command = [sys.executable, "-m", "engine_jobs.given"]
    known = {**environment, "PYTHONHASHSEED": "0"}  # a set of texts is the same each time
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=known, start_new_session=True) as child:
        try:
            for number, line in enumerate(_lines(child, longest_seconds)):
                if number == MOST_ITEMS:
                    raise NotGivenError(f"there are more than {MOST_ITEMS:,} items: put several into one")
                yield Task(f"{number}-{hashlib.sha256(line.encode()).hexdigest()[:8]}", line)
        finally:
            child.kill()


def _lines(child: subprocess.Popen[bytes], longest_seconds: float) -> Iterator[str]:
    """The items as text, until it says that this is all."""
    assert child.stdout is not None
    rest = b""
    while True:
        *whole, rest = rest.split(b"\n")
        for line in whole:
            kind, text = line[:1].decode(), line[1:].decode()
            if kind == _END:
                return
            if kind == _ERROR:
                raise NotGivenError(text)
            yield text
        if not _can_be_read(child.stdout.fileno(), longest_seconds):
            raise NotGivenError(f"the items: nothing came for {longest_seconds:g} s")
        part = os.read(child.stdout.fileno(), 1 << 20)
        if not part:
            raise NotGivenError(f"the items: the process that reads them ended with exit code {child.wait()}")
        rest += part


def _can_be_read(descriptor: int, seconds: float) -> bool:
    """Whether something comes in time (Windows cannot wait for a pipe: there it is just read)."""
    return sys.platform == "win32" or bool(select.select([descriptor], [], [], seconds)[0])


def _give() -> None:
    """In the child: all items, to what was standard output; what the user's code prints goes to standard error."""
    lines = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
    os.dup2(2, 1)
    from engine_jobs.work import encoded, told

    try:
        from engine_jobs import yours

        for item in yours.items():
            lines.write(f"{_ITEM}{encoded(item)}\n")
        lines.write(f"{_END}\n")
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a user's code may raise anything
        lines.write(f"{_ERROR}the items: {told(error).encode('ascii', 'backslashreplace').decode()}\n")
    lines.close()


if __name__ == "__main__":
    _give()
