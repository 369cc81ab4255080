"""Files that a run writes: whole or not at all, and nothing of the user's is lost for them.

What is there already is replaced only if it is such a file; links, devices and files of any other kind are refused.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import combinations
from pathlib import Path

from tasks import CannotGoOn, Outcome

_BEGIN = 1000  # bytes of a file that say what it is
OUTCOMES = '{"number": '  # what the lines of --out begin with
SHOWN = "odo batch"  # what is near the begin of every report and picture


def check_apart(files: Mapping[str, Path | None]) -> None:
    """ValueError if two of the files, by the options that name them, are one: the second would be written over the first."""
    named = [(option, file) for option, file in files.items() if file is not None]
    for (option, file), (other, its) in combinations(named, 2):
        if _same(file, its):
            raise ValueError(f"{option} and {other} are the same file, {file}: name another for one of them")


def _same(file: Path, other: Path) -> bool:
    with suppress(OSError):
        return file.samefile(other)
    return os.path.realpath(file) == os.path.realpath(other)


def check_replaceable(file: Path, mark: str) -> None:
    """ValueError unless `file` is not there, or is empty, or a file that has `mark` near its begin: one of ours."""
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            raise ValueError(f"{file}: no file but a link, folder or device: it stays as it is, name a new file")
        with file.open("rb") as stream:
            begin = stream.read(_BEGIN)
    except FileNotFoundError:
        if not file.parent.is_dir():
            raise ValueError(f"{file}: there is no folder {file.parent}: make it, or name another") from None
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror or error}: name another file") from None
    else:
        if begin and mark.encode() not in begin:
            raise ValueError(f"{file}: it is there, and this program did not write it: name a new file")


class Out:
    """A file that is written in parts and takes its name at the end, from `finish`. Without that, nothing is left."""

    def __init__(self, file: Path, mark: str = OUTCOMES) -> None:
        """ValueError if it cannot be written."""
        check_replaceable(file, mark)
        self._file, self._mark, self._count = file, mark, 0
        self._part = file.with_name(f"{file.stem[:20]}.{secrets.token_hex(4)}.part")
        try:
            self._stream = self._part.open("x", encoding="utf-8")
        except OSError as error:
            raise ValueError(f"{file}: {error.strerror or error}: name a file where you may write") from None

    def write(self, outcomes: Iterable[Outcome]) -> None:
        """Add outcomes, a line of JSON each; CannotGoOn if there is no room."""
        for outcome in outcomes:
            self.write_text(json.dumps(outcome._asdict()) + "\n")
            self._count += 1

    def write_text(self, text: str) -> None:
        """Add text; CannotGoOn if there is no room."""
        try:
            self._stream.write(text)
        except OSError as error:
            raise self._cannot(error) from None

    def finish(self, *, whole: bool = True) -> str:
        """Give the file its name; returns what there is to say. If not `whole`, it replaces no file that has more."""
        file = self._file
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            if not whole and _count_lines(file) > self._count:
                file = file.with_name(f"{file.name}.stopped")
            check_replaceable(file, self._mark)
            self._part.replace(file)
        except OSError as error:
            raise self._cannot(error) from None
        if file is self._file:
            return ""
        return f"{self._file} has more outcomes, of an earlier run, and stays; those of this one are in {file}"

    def _cannot(self, error: OSError) -> CannotGoOn:
        self.discard()
        return CannotGoOn(f"{self._file}: it cannot be written: {error.strerror or error}: make room, and run it again")

    def discard(self) -> None:
        """Leave nothing of what is not finished."""
        with suppress(OSError):  # what could not be written before cannot be now
            self._stream.close()
        self._part.unlink(missing_ok=True)


def write_whole(file: Path, text: str, mark: str) -> None:
    """Write a file; `mark` is near the begin of all of its kind."""
    out = Out(file, mark)
    try:
        out.write_text(text)
        out.finish()
    finally:
        out.discard()


def _count_lines(file: Path) -> int:
    try:
        with file.open("rb") as stream:
            return sum(1 for _ in stream)
    except FileNotFoundError:
        return 0
