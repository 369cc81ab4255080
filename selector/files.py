"""Files written whole or not at all, and files read as data: regular, bounded, and of nobody else where that matters.

What is no file (a link, a device, a FIFO) is never written to nor replaced: its owner meant something by it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from selector.errors import SelectorError

_PACKAGE = Path(__file__).resolve().parent
_NAME_BYTES = 100  # of a name that a temporary file keeps: with what is added it stays below the usual 255
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
#: No waiting for whoever writes a FIFO, no terminal taken over, no descriptor for children.
_READ = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
#: What is no fault of the name that was given: it failed.
_NO_ROOM = {
    getattr(errno, name, -1) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EMFILE", "ENFILE", "ENOMEM")
}  # fmt: skip
_SPECIAL = {stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}


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


def refuse_special(path: Path, hint: str) -> None:
    """SelectorError where something is there already that is neither a file nor a folder, a link for example."""
    with contextlib.suppress(OSError, ValueError):  # nothing there; what is wrong with the name is said in writing
        kind = stat.S_IFMT(path.lstat().st_mode)
        what = f"a link to {path.readlink()}" if kind == stat.S_IFLNK else _SPECIAL.get(kind)
        if what is not None:
            raise SelectorError(f"{path}: this is no file but {what}: it is neither written to nor replaced", hint)


def cannot_write(path: Path, error: OSError | ValueError, hint: str) -> SelectorError:
    """The error to raise where a file of the user's cannot be written: a full disk is a failure, not a wrong name."""
    reason = error.strerror if isinstance(error, OSError) else "the name is not one a file can have"
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return SelectorError(f"{path}: cannot be written: {reason}", "make room, or write to another disk", 1)
    return SelectorError(f"{path}: cannot be written: {reason}", hint)


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


def own_folder(path: Path) -> bool:
    """Make a folder for this user alone, if there is none; whether there is one now and it is the user's alone."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _own_folder(path):
            return True
    except (OSError, ValueError):
        return False


def shared_with_others(path: Path) -> bool:
    """Whether there is a folder, but not of this user alone: what is kept in it is not read, and nothing is kept there."""
    try:
        with _own_folder(path):
            return False
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False


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


def find_rules(folders: Iterable[Path], name: str) -> Path:
    """The first of the folders' files of that name."""
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise SelectorError(
        f"no {name} in {', '.join(map(str, folders))}", "the installation is incomplete: install it again", 1
    )


def resource_dir(kind: str) -> Path:
    """The folder of `rules`, `templates`, `programs`, `probes` or `examples`.

    A wheel carries them as `selector/_data/KIND`; a checkout and an editable install have them beside
    the package, where they are edited.
    """
    shipped = _PACKAGE / "_data" / kind
    return shipped if shipped.is_dir() else _PACKAGE.parent / kind
