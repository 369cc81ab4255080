"""The journal: what has ended is written down, so that a run that was killed goes on where it was."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from tasks import Batch, CannotGoOn, Outcome, Task, batches

try:
    import fcntl
except ImportError:  # Windows: there, a task that ends twice is all that two runs on a journal are told by
    fcntl = None  # type: ignore[assignment]

_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ended (number INTEGER PRIMARY KEY, status TEXT NOT NULL, value TEXT NOT NULL, error TEXT NOT NULL);
"""
_COLUMNS = {"about": ["name", "value"], "ended": ["number", "status", "value", "error"]}
_LARGEST_NUMBER = 2**32  # of a task: more than that no input has, and nobody could keep them apart in memory

#: What SQLite says, in part, and what that means to the user: what happened, what to do.
_CANNOT_GO_ON = {
    "locked": "another program holds the journal locked: end that one, and run it again",
    "full": "the disk is full: make room, and run it again",
    "disk I/O": "the disk does not take it: make room, and run it again (or is it a share of another machine? They lock badly)",
    "malformed": "the journal is damaged: take a copy of it that is not, or a new file, with which all is done again",
    "readonly": "the journal may not be written: see to its rights, and run it again",
    "UNIQUE": "another run has ended the same task: run it again when that one has come to its end",
}


class Journal:
    """The outcomes of one set of tasks in a file. What `record` has returned from is there, whatever happens then.

    A task is in it once: a second outcome of it is an error, because it would mean that the task was counted twice. One
    run at a time has it; others may read it meanwhile.
    """

    def __init__(self, file: Path, about: dict[str, Any]) -> None:
        """Open or make the file; ValueError if it is of other work than `about` says or no journal, else CannotGoOn."""
        self._file, self._lock = file, -1
        _check_kind(file)
        try:
            with _explained(file, ValueError):
                self._database = sqlite3.connect(file, isolation_level=None)
            with _explained(file, ValueError):
                self._database.execute("PRAGMA schema_version")  # is it a database?
                self._take()
                self._database.execute("PRAGMA journal_mode = WAL")  # a reader may look while we write
                # safe against a kill; a power cut may cost the last batch
                self._database.execute("PRAGMA synchronous = NORMAL")
                self._database.executescript(_TABLES)
                self._check(about)
        except BaseException:
            self.close()
            raise

    def _take(self) -> None:
        """Keep other runs away until the file is closed, in whatever way we end; SQLite's own locks are of another kind."""
        if fcntl is None:
            return
        self._lock = os.open(self._file, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotGoOn(
                f"{self._file}: another run is using this journal: wait until it has ended, or take another file"
            ) from None
        except OSError:  # a file system that has no such locks
            return

    def _check(self, about: dict[str, Any]) -> None:
        for table, columns in _COLUMNS.items():
            has = [row[1] for row in self._database.execute(f"PRAGMA table_info({table})")]
            if has != columns:
                raise ValueError(
                    f"{self._file}: no journal of this program: its table {table} has the columns {', '.join(has)}"
                )
        said = {name: json.dumps(value) for name, value in about.items()}
        kept = dict(self._database.execute("SELECT name, value FROM about"))
        if not kept:
            self._database.executemany("INSERT INTO about VALUES (?, ?)", said.items())
        elif other := sorted(name for name in said.keys() | kept.keys() if said.get(name) != kept.get(name)):
            apart = ", ".join(f"{name} {kept.get(name)}, now {said.get(name)}" for name in other)
            raise ValueError(f"{self._file}: the journal of other work ({apart}): take another file")
        elif self._database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("malformed")

    def record(self, outcomes: list[Outcome]) -> None:
        """Write down outcomes, all of them or none; CannotGoOn if that cannot be."""
        rows = [(o.number, o.status, json.dumps(o.value), o.error) for o in outcomes]
        with _explained(self._file, CannotGoOn):
            self._database.execute("BEGIN")
            try:
                self._database.executemany("INSERT INTO ended VALUES (?, ?, ?, ?)", rows)
                self._database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled it back already
                    self._database.execute("ROLLBACK")
                raise

    def left(self, tasks: Iterable[Task], size: int) -> Iterator[Batch]:
        """The tasks that have not ended, in batches: what a run that goes on has to do."""
        ended = Numbers()
        for (number,) in self._rows("SELECT number FROM ended"):
            ended.add(number)
        return batches((task for task in tasks if not ended.has(task.number)), size)

    def outcomes(self) -> Iterator[Outcome]:
        """All that ended, in the order of the tasks."""
        for number, status, value, error in self._rows(
            "SELECT number, status, value, error FROM ended ORDER BY number"
        ):
            if status not in ("done", "failed") or not isinstance(error, str):
                raise self._damaged(number)
            yield Outcome(number, status, self._value(number, value), error)

    def _value(self, number: int, text: str) -> Any:
        try:
            return frozen(json.loads(text))
        except (ValueError, TypeError, RecursionError):
            raise self._damaged(number) from None

    def _rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, whose first column is the number of a task."""
        with _explained(self._file, CannotGoOn), closing(self._database.execute(query)) as rows:
            for row in rows:
                if not 0 <= row[0] < _LARGEST_NUMBER:
                    raise self._damaged(row[0])
                yield row

    def _damaged(self, number: int) -> CannotGoOn:
        return CannotGoOn(f"{self._file}: {_CANNOT_GO_ON['malformed']} (what it has of task {number} is no outcome)")

    def counts(self) -> dict[str, int]:
        """How many ended as what."""
        with _explained(self._file, CannotGoOn):
            return dict(self._database.execute("SELECT status, count(*) FROM ended GROUP BY status"))

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_database"):
            with suppress(sqlite3.Error):
                self._database.close()
        if self._lock >= 0:  # after the database: closing any descriptor of a file ends the locks that SQLite has on it
            os.close(self._lock)
            self._lock = -1


def _check_kind(file: Path) -> None:
    """ValueError for what is there and no file: a pipe would be waited for, a device written to."""
    if file.exists() and not file.is_file():
        raise ValueError(f"{file}: no journal but a folder, pipe or device: take another file")


@contextmanager
def _explained(file: Path, otherwise: Callable[[str], Exception]) -> Iterator[None]:
    """What SQLite says, in a sentence with what to do: CannotGoOn where it is known why, else `otherwise`."""
    try:
        yield
    except sqlite3.Error as error:
        for part, meaning in _CANNOT_GO_ON.items():
            if part in str(error):
                raise CannotGoOn(f"{file}: {meaning}") from None
        raise otherwise(f"{file}: no journal that can be used ({error}): take another file") from None
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror or error}: take another file") from None


def begun_with(file: Path) -> dict[str, Any]:
    """What the journal in a file is of; empty where there is none that can be read, of which Journal tells."""
    if not file.is_file():
        return {}
    try:
        with closing(sqlite3.connect(file)) as database:
            return {name: json.loads(value) for name, value in database.execute("SELECT name, value FROM about")}
    except (sqlite3.Error, ValueError, TypeError):
        return {}


class Numbers:
    """A set of task numbers, a bit each: a million of them take an eighth of a megabyte."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Put a number in."""
        if number // 8 >= len(self._bits):
            self._bits.extend(bytes(max(1024, number // 8 + 1 - len(self._bits))))
        self._bits[number // 8] |= 1 << number % 8

    def has(self, number: int) -> bool:
        """Whether it is in."""
        return number // 8 < len(self._bits) and bool(self._bits[number // 8] & 1 << number % 8)


def frozen(value: Any) -> Any:
    """JSON knows lists only; values are tuples."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value
