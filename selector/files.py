"""Files written whole or not at all."""

from __future__ import annotations

import os
import time
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the file in one step: whoever reads it sees the old bytes or the new ones, never half of them.

    Raises OSError where the folder cannot be written; nothing is left behind then.
    """
    temporary = path.with_name(f".{path.name[:100]}-{os.getpid()}-{time.monotonic_ns()}")
    try:
        with temporary.open("xb") as stream:  # the user's umask applies, as to any file of theirs
            stream.write(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
