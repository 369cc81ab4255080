"""Files written whole or not at all, and files read as data: regular, bounded, and of nobody else where that matters."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

_NAME_BYTES = 100  # of a name that a temporary file keeps: with what is added it stays below the usual 255
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
#: No waiting for whoever writes a FIFO, no terminal taken over, no descriptor for children.
_READ = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Replace the file in one step: whoever reads it sees the old bytes or the new ones, never half of them.

    The user's umask takes from `mode` what it takes from any new file. Raises OSError where the folder cannot be
    written; nothing is left behind then.
    """
    temporary = path.with_name(hidden_name(path.name))
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
            stream.write(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def hidden_name(name: str) -> str:
    """A name that is free, for what is to become `name` in the same folder; a folder allows so many bytes, not letters."""
    begin = os.fsencode(name)[:_NAME_BYTES].decode("utf-8", "ignore")
    return f".{begin}-{os.getpid()}-{time.monotonic_ns()}"


def read_regular_file(path: Path | str, max_bytes: int) -> bytes | None:
    """A file that somebody else may have made: None where it cannot be read, is no regular file, or is larger.

    Links are followed. A FIFO or a device is not waited for, and of a file without end no more is read than fits.
    """
    with contextlib.suppress(OSError, ValueError):
        return _bounded(os.open(path, _READ), max_bytes)
    return None


def read_own_file(path: Path | str, max_bytes: int) -> bytes | None:
    """A file that we kept for this user, or None where it is missing, larger, or may be the work of somebody else.

    The folder and the file must belong to the user or to root, and nobody else may write to either; the file must be
    a regular one and no link. (Windows has no such owners: there the user's own folder is trusted.)
    """
    path = Path(path)
    with contextlib.suppress(OSError, ValueError), _own_folder(path.parent) as number:
        if number is None:
            return _bounded(os.open(path, _READ), max_bytes)
        return _bounded(os.open(path.name, _READ | _NO_LINK, dir_fd=number), max_bytes, ours=True)
    return None


def write_own_file(path: Path, data: bytes) -> None:
    """Keep a file for this user alone, so that `read_own_file` takes it; its folder is made if need be.

    Raises OSError where it cannot be written, and PermissionError where the folder is not the user's alone: what is
    written there could not be trusted when it is read.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _own_folder(path.parent):
        write_atomically(path, data, 0o600)


@contextlib.contextmanager
def _own_folder(folder: Path) -> Iterator[int | None]:
    """A descriptor of a folder that is the user's alone; None on Windows. PermissionError for any other folder."""
    if not hasattr(os, "geteuid"):
        yield None
        return
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _is_ours(os.fstat(number)):
            raise PermissionError(1, "others may write to this folder, or it is not yours", str(folder))
        yield number
    finally:
        os.close(number)


def _is_ours(status: os.stat_result) -> bool:
    """Whether a file or folder belongs to the user or root, and nobody else may write to it."""
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & _OTHERS_MAY_WRITE


def _bounded(number: int, max_bytes: int, *, ours: bool = False) -> bytes | None:
    """What a descriptor holds, which is closed; None for anything but a regular file of no more than `max_bytes`."""
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes or (ours and not _is_ours(status)):
            return None
        data = bytearray()
        while len(data) <= max_bytes and (part := os.read(number, max_bytes + 1 - len(data))):
            data += part
        return bytes(data) if len(data) <= max_bytes else None
    finally:
        os.close(number)
