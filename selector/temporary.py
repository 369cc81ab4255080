"""Temporary folders of ours: each goes with its context, and also where this process is killed."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: Its input closes when we end. A folder that is there then was left behind; its children need a moment to see it, too.
_KEEPER = 'trap "" INT TERM HUP; cat >/dev/null; [ -d "$1" ] || exit 0; sleep 1; rm -rf -- "$1"'


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder, for the context. Where there is a shell (POSIX), it is removed a second after `kill -9`, too."""
    folder = tempfile.TemporaryDirectory(prefix="concurrency-selector-")
    with contextlib.ExitStack() as kept:  # first the folder goes, then the shell, which has nothing left to do
        with contextlib.suppress(OSError):
            kept.enter_context(_keeper(folder.name))
        with folder as name:
            yield Path(name)


def _keeper(folder: str) -> subprocess.Popen[bytes]:
    """The shell, as a context that waits for its end."""
    silent = subprocess.DEVNULL
    return subprocess.Popen(
        ["/bin/sh", "-c", _KEEPER, "keeper", folder],
        stdin=subprocess.PIPE,
        stdout=silent,
        stderr=silent,
        start_new_session=True,  # Ctrl-C is not for it
    )
