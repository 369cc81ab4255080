"""Todos from a file, a pipe or standard input: CSV with a header, a JSON list, or a JSON object in each line.

Whatever comes, little of it is in memory at a time, and a todo that is wrong is a `Malformed` task, which fails alone.
Only what makes the rest unreadable, such as a line without end, ends the reading, with a ValueError.
"""

from __future__ import annotations

import csv
import json
import math
import os
import queue
import re
import stat
import threading
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tasks import Batch, Malformed, Task, in_a_line

_LONGEST_ROW = 1_000_000  # characters of a line, or of a CSV row, which may have several
_LARGEST_LIST = 100_000_000  # characters of a JSON list: it is read whole
_LONGEST_NUMBER = 18  # digits
_LONGEST_SHOWN = 40  # characters of a value in an error
_AHEAD = 4  # batches that are read before they are asked for, where reading may have to wait
_KINDS = {".csv": "csv", ".json": "json", ".jsonl": "lines", ".ndjson": "lines"}
_COLUMNS = sorted({field.name for field in fields(Task)} - {"number"})
_STDIN = Path("-")


class Entry(NamedTuple):
    """What a file has for one task: its fields, or (a text) what is wrong with it as a whole."""

    place: str
    content: dict[str, Any] | str
    field: str = "field"  # what a field is called in such a file


class _Fault(Exception):  # noqa: N818  # of a todo
    """What is wrong with a field, in words."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class Todos:
    """The tasks of a file (`-`: standard input), read as they are needed; `count`: how many there are, once it is known.

    A todo that is wrong comes as Malformed; if `strict`, it is a ValueError that names the place, as is all else that
    cannot be read.
    """

    def __init__(self, file: Path, *, strict: bool = False) -> None:
        self.name = "standard input" if file == _STDIN else str(file)
        self.count: int | None = None
        self._file, self._strict = file, strict

    @property
    def may_wait(self) -> bool:
        """Whether reading may have to wait for somebody who writes: all but files on a disk."""
        try:
            return self._file == _STDIN or not stat.S_ISREG(self._file.stat().st_mode)
        except OSError:
            return False  # opening it says why

    def __iter__(self) -> Iterator[Task]:
        try:
            with self._opened() as stream:
                for number, entry in enumerate(self._entries(_Lines(stream))):
                    yield self._task(number, entry)
        except ValueError as error:
            raise ValueError(f"{self.name}, {error}") from None
        except OSError as error:
            raise ValueError(f"{self.name}: it cannot be read: {error.strerror or error}") from None

    def _opened(self) -> TextIO:
        """As text; bytes that are no UTF-8 are kept as they are, so that only their todo fails."""
        # a file of our own for standard input: sys.stdin is locked while it waits, and then the program cannot end
        where: Any = os.dup(0) if self._file == _STDIN else self._file
        return open(where, newline="", encoding="utf-8-sig", errors="surrogateescape")

    def _entries(self, lines: _Lines) -> Iterator[Entry]:
        kind = _KINDS.get(self._file.suffix.lower()) or lines.kind()
        if kind == "json":
            found = _list(lines)
            self.count = len(found)
            return (_object(f"entry {number}", value) for number, value in enumerate(found, 1))
        return _rows(lines) if kind == "csv" else _objects(lines)

    def _task(self, number: int, entry: Entry) -> Task:
        place, content, field = entry
        try:
            return _task(number, content)
        except _Fault as fault:
            where = f"{place}, {field} {fault.name}: " if fault.name else f"{place}: "
            said = in_a_line(f"{where}{fault}")
        if self._strict:
            raise ValueError(said)
        return Malformed(number, "", fault=said)


# What files have ------------------------------------------------------------------------------------------------------


class _Lines:
    """The lines of a file, of which none is longer than it may be; `row_ends` allows as much again."""

    def __init__(self, stream: TextIO) -> None:
        self.number = 0
        self._stream = stream
        self._left = _LONGEST_ROW
        self._held: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._held.pop() if self._held else self._stream.readline(self._left + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self._left -= len(line)
        if self._left < 0:
            raise ValueError(f"line {self.number}: a todo has at most {_LONGEST_ROW:,} characters, and this goes on")
        return line

    def row_ends(self) -> None:
        """The next line may be as long as any."""
        self._left = _LONGEST_ROW

    def kind(self) -> str:
        """What a file looks like whose name does not say it: csv, json or lines. No line is used up."""
        held = []
        kind = "lines"
        for line in self:
            held.append(line)
            if begin := line.strip():
                kind = {"[": "json", "{": "lines"}.get(begin[0], "csv")
                break
        self._held = held[::-1]
        self.number = 0
        self.row_ends()
        return kind

    def rest(self, limit: int) -> str:
        """All that is left, or so much of it and a character more."""
        held = "".join(reversed(self._held))
        return held + self._stream.read(limit + 1 - len(held))


def _rows(lines: _Lines) -> Iterator[Entry]:
    """The rows of CSV under its header; empty ones do not count."""
    reader = csv.reader(lines)
    count, begin = 0, 1
    try:
        columns = _columns(next((row for row in reader if row), []))
        while True:
            begin = reader.line_num + 1
            lines.row_ends()
            row = next(reader, None)
            if row is None:
                return
            if row:
                count += 1
                yield Entry(f"line {begin} (row {count})", _cells(columns, row), "column")
    except csv.Error as error:
        closed = " (was a quote never closed?)" if "field limit" in str(error) else ""
        raise ValueError(f"line {begin}: {error}{closed}") from None


def _columns(header: list[str]) -> list[str]:
    """The names in a header; ValueError for one that todos cannot have."""
    names = [name.strip() for name in header]
    known = f"the columns may be {', '.join(_COLUMNS)}"
    if "title" not in names:
        raise ValueError(f"line 1: the header has no column title: {known}")
    for name in names:
        if name not in _COLUMNS:
            raise ValueError(f"line 1: the header has an unknown column {_shown(name)}: {known}")
        if names.count(name) > 1:
            raise ValueError(f"line 1: the header has the column {name} twice")
    return names


def _cells(columns: list[str], row: list[str]) -> dict[str, Any] | str:
    """The cells of a row by column; those that are empty say nothing."""
    if any(row[len(columns) :]):
        return f"it has {len(row)} cells, and the header {len(columns)} columns (a comma in a text needs quotes)"
    return dict(zip(columns, row, strict=False))


def _list(lines: _Lines) -> list[Any]:
    """A JSON list, which has to be read whole."""
    text = lines.rest(_LARGEST_LIST)
    if len(text) > _LARGEST_LIST:
        raise ValueError(
            f"line 1: a JSON list may have {_LARGEST_LIST:,} characters, as it is read whole: write one todo a line (.jsonl)"
        )
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: no valid JSON ({error.msg} at character {error.colno})") from None
    except (ValueError, RecursionError):
        raise ValueError("line 1: it is nested too deeply, or has a number of too many digits") from None
    if not isinstance(found, list):
        raise ValueError("line 1: a list of todos is needed, which are objects with a title")  # noqa: TRY004  # bad input, as all
    return found


def _objects(lines: _Lines) -> Iterator[Entry]:
    """A JSON object in each line; empty lines do not count."""
    for line in lines:
        if text := line.strip():
            place = f"line {lines.number}"
            try:
                yield _object(place, json.loads(text))
            except json.JSONDecodeError as error:
                yield Entry(place, f"no valid JSON ({error.msg} at character {error.colno})")
            except (ValueError, RecursionError):
                yield Entry(place, "it is nested too deeply, or has a number of too many digits")
        lines.row_ends()


def _object(place: str, value: Any) -> Entry:
    return Entry(place, value if isinstance(value, dict) else "a todo is an object with a title")


# From fields to a task ------------------------------------------------------------------------------------------------


def _task(number: int, entry: dict[str, Any] | str) -> Task:
    """A task from what a file says; what is empty takes its default."""
    if isinstance(entry, str):
        raise _Fault("", entry)
    if unknown := sorted(entry.keys() - _COLUMNS):
        raise _Fault("", f"unknown field {_shown(unknown[0])} (there are {', '.join(_COLUMNS)})")
    if entry.get("title") is None:
        raise _Fault("title", "it is missing")
    found: dict[str, Any] = {
        name: _READ[name](name, value) for name, value in entry.items() if value not in (None, "", [])
    }
    found.setdefault("title", "")
    return Task(number, **found)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _Fault(name, f"{_shown(value)} is not a text")
    try:
        text = str(value)
        text.encode()
    except ValueError:  # half a character, or a number of too many digits
        raise _Fault(name, "it is not text in UTF-8") from None
    return text


def _whole(name: str, value: Any) -> int:
    """A whole number, as a number or as text; nothing is cut off silently."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    text = "" if isinstance(value, bool) or not isinstance(value, (str, int)) else _text(name, value).strip()
    match = re.fullmatch(r"([+-]?[0-9]+)(\.0*)?", text)
    if match is None or len(match[1]) > _LONGEST_NUMBER:
        raise _Fault(name, f"{_shown(value)} is not a whole number{' that can be' if match else ''}")
    return int(match[1])


def _day(name: str, value: Any) -> int:
    """A day, as text or as a number (date.toordinal)."""
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value.strip()):
            return date.fromisoformat(value.strip()).toordinal()
        return _whole(name, value)
    except (ValueError, _Fault):
        raise _Fault(name, f"{_shown(value)} is not a day such as 2026-11-22") from None


_SAID = {"true": True, "yes": True, "1": True, "x": True, "false": False, "no": False, "0": False}


def _flag(name: str, value: Any) -> bool:
    said = str(value).strip().casefold() if isinstance(value, (str, bool, int)) else ""
    if said not in _SAID:
        raise _Fault(name, f"{_shown(value)} is not yes or no")
    return _SAID[said]


def _tags(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (str, list)):
        raise _Fault(name, f"{_shown(value)} is not a list of words")
    return tuple(_text(name, tag) for tag in (value.split() if isinstance(value, str) else value))


_READ = {
    "title": _text,
    "priority": _whole,
    "done": _flag,
    "due": _day,
    "created": _day,
    "estimate": _whole,
    "tags": _tags,
}


def _shown(value: Any) -> str:
    """A value as the file has it, and not too much of it."""
    try:
        text = repr(value) if isinstance(value, str) else json.dumps(value)
    except (TypeError, ValueError):
        text = "it"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


# Where reading may have to wait ---------------------------------------------------------------------------------------


class Arriving:
    """Batches that are read by a thread of their own, because reading may have to wait: for a pipe, or a person.

    It gives None where nothing is there yet, so that whoever asks can look after other things, such as Ctrl-C.
    """

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._queue: queue.Queue[Batch | BaseException | None] = queue.Queue(_AHEAD)
        self._ended = False
        threading.Thread(target=self._read, args=(batches,), name="reader", daemon=True).start()

    def _read(self, batches: Iterable[Batch]) -> None:
        try:
            for batch in batches:
                self._queue.put(batch)
            self._queue.put(None)
        except BaseException as error:  # noqa: BLE001  # who asks next gets it
            self._queue.put(error)

    def __iter__(self) -> Arriving:
        return self

    def __next__(self) -> Batch | None:
        if self._ended:
            raise StopIteration
        try:
            found = self._queue.get_nowait()
        except queue.Empty:
            return None
        if isinstance(found, Batch):
            return found
        self._ended = True
        raise StopIteration if found is None else found
