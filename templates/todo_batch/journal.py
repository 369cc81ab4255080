"""The journal: what has ended is written down, so that a run that was killed goes on where it was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tasks import Batch, Outcome, Task, batches

_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ended (number INTEGER PRIMARY KEY, status TEXT NOT NULL, value TEXT NOT NULL, error TEXT NOT NULL);
"""


class Journal:
    """The outcomes of one set of tasks in a file. What `record` has returned from is there, whatever happens then.

    A task is in it once: a second outcome of it is an error, because it would mean that the task was counted twice.
    """

    def __init__(self, file: Path, about: dict[str, Any]) -> None:
        """Open or make the file; ValueError if it is of other work than `about` says, or no journal."""
        try:
            self._database = sqlite3.connect(file, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")  # a reader may look while we write
            self._database.execute(
                "PRAGMA synchronous = NORMAL"
            )  # safe against a kill; a power cut may cost the last batch
            self._database.executescript(_TABLES)
            self._check(file, about)
        except (sqlite3.Error, ValueError) as error:
            if hasattr(self, "_database"):
                self._database.close()
            said = str(error) if isinstance(error, ValueError) else f"{file}: no journal that can be used ({error})"
            raise ValueError(said) from None

    def _check(self, file: Path, about: dict[str, Any]) -> None:
        said = {name: json.dumps(value) for name, value in about.items()}
        kept = dict(self._database.execute("SELECT name, value FROM about"))
        if not kept:
            self._database.executemany("INSERT INTO about VALUES (?, ?)", said.items())
        elif other := sorted(name for name in said.keys() | kept.keys() if said.get(name) != kept.get(name)):
            apart = ", ".join(f"{name} {kept.get(name)}, now {said.get(name)}" for name in other)
            raise ValueError(f"{file}: the journal of other work ({apart}): take another file")

    def record(self, outcomes: list[Outcome]) -> None:
        """Write down outcomes, all of them or none."""
        rows = [(o.number, o.status, json.dumps(o.value), o.error) for o in outcomes]
        self._database.execute("BEGIN")
        try:
            self._database.executemany("INSERT INTO ended VALUES (?, ?, ?, ?)", rows)
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def left(self, tasks: Iterable[Task], size: int) -> Iterator[Batch]:
        """The tasks that have not ended, in batches: what a run that goes on has to do."""
        ended = self._ended()
        return batches((task for task in tasks if not ended.has(task.number)), size)

    def _ended(self) -> Numbers:
        found = Numbers()
        with closing(self._database.execute("SELECT number FROM ended")) as rows:
            for (number,) in rows:
                found.add(number)
        return found

    def outcomes(self) -> Iterator[Outcome]:
        """All that ended, in the order of the tasks."""
        with closing(self._database.execute("SELECT number, status, value, error FROM ended ORDER BY number")) as rows:
            for number, status, value, error in rows:
                yield Outcome(number, status, _frozen(json.loads(value)), error)

    def counts(self) -> dict[str, int]:
        """How many ended as what."""
        return dict(self._database.execute("SELECT status, count(*) FROM ended GROUP BY status"))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def begun_with(file: Path) -> dict[str, Any]:
    """What the journal in a file is of; empty where there is none that can be read, of which Journal tells."""
    if not file.is_file():
        return {}
    try:
        with closing(sqlite3.connect(file)) as database:
            return {name: json.loads(value) for name, value in database.execute("SELECT name, value FROM about")}
    except (sqlite3.Error, ValueError):
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


def _frozen(value: Any) -> Any:
    """JSON knows lists only; values are tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
