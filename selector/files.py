"""Files written whole or not at all, and files read as data: regular, bounded, and of nobody else where that matters.

What is no file (a link, a device, a FIFO) is never written to nor replaced: its owner meant something by it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from selector.errors import SelectorError

CACHE_DIR_VARIABLE = "CONCURRENCY_SELECTOR_CACHE_DIR"
_APP = "concurrency-selector"
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


def refuse_existing(out: Path, force: bool) -> None:
    """SelectorError where a file is there that is not to be replaced."""
    if out.exists() and not force:
        raise _there_already(out)


def _there_already(out: Path) -> SelectorError:
    return SelectorError(f"{out}: there is a file already", "take another name, or --force to replace it")


def write_script(text: str, out: Path, force: bool) -> None:
    """Write the script whole or not at all; a file that is there is only replaced with `force`.

    SelectorError where the file exists or cannot be written, and for a link or a device, whatever is asked. Of several
    that write the same new file at once, one does.
    """
    refuse_special(out, "name a file, for example bench.py, or - for standard output")
    try:
        if out.exists() and not out.is_file():
            raise SelectorError(f"{out}: this is no file", "name a file, for example bench.py")
        if force:
            write_atomically(out, text.encode())
        else:
            _write_new(out, text.encode())
    except FileExistsError:
        raise _there_already(out) from None
    except (OSError, ValueError) as error:
        raise cannot_write(out, error, "name a file in a folder you may write to") from None


def write_folder(files: Mapping[str, bytes], out: Path, force: bool) -> None:
    """Write files, by name, to a folder of the user's, whole or not at all; a name may have folders: `part/file.py`.

    A folder that is there is refused; with `force` our files in it are replaced, and nothing else is touched.
    SelectorError where it cannot be written, and where a link or a device has its name or one of a file's.
    """
    hint = "name a new folder where you may write"
    parts = dict.fromkeys(name.partition("/")[0] for name in files)
    for place in (out, *(out / name for name in (*parts, *files))):
        refuse_special(place, hint)
    try:
        if force and out.is_dir():
            for name, data in files.items():
                (out / name).parent.mkdir(exist_ok=True)
                write_atomically(out / name, data)
            return
        with tempfile.TemporaryDirectory(prefix=f"{hidden_name(out.name)}-", dir=out.parent) as part:
            for name, data in files.items():
                Path(part, name).parent.mkdir(exist_ok=True)
                Path(part, name).write_bytes(data)
            out.mkdir()  # takes the name in one step, or fails because somebody has it
            for name in parts:
                Path(part, name).replace(out / name)
    except FileExistsError:
        raise SelectorError(
            f"{out}: it is there already", "take another name, or --force to replace our files"
        ) from None
    except (OSError, ValueError) as error:
        raise cannot_write(out, error, hint) from None


def _write_new(out: Path, data: bytes) -> None:
    out.open("xb").close()  # takes the name in one step, or fails because somebody has it
    try:
        write_atomically(out, data)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


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


def cache_dir(environ: Mapping[str, str] | None = None, home: Path | None = None) -> Path:
    """Where this tool keeps what it may lose: CONCURRENCY_SELECTOR_CACHE_DIR, else the user's cache directory.

    On Linux platformdirs' rule is spelled out, because importing platformdirs costs 4 to 8 ms of a 50 ms start.
    """
    environ = os.environ if environ is None else environ
    if chosen := environ.get(CACHE_DIR_VARIABLE):
        return Path(chosen)
    if sys.platform in ("darwin", "win32"):
        import platformdirs

        return Path(platformdirs.user_cache_dir(_APP))
    base = environ.get("XDG_CACHE_HOME", "").strip()
    if Path(base).is_absolute():  # the XDG specification: a relative path is to be ignored
        return Path(base, _APP)
    home = Path(os.path.expanduser("~")) if home is None else home  # noqa: PTH111  # Path raises where there is none
    return Path(home, ".cache", _APP)


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
