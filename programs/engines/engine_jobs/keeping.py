"""Results by key, of which the first counts, and who has begun what: in a file on one machine, in Redis where several share.

Whatever an engine does twice, there is one result.
"""

from __future__ import annotations

import contextlib
import enum
import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from engine_jobs.plan import Plan, Record

_WAIT_SECONDS = 30.0  # for others who write to the same file
_AT_A_TIME = 500


class Begin(enum.Enum):
    """What is to be done with a task that a worker has taken."""

    RUN = 1
    DONE = 2  # it has a result, or somebody else is at it
    GIVEN_UP = 3  # its workers died


class Begun(NamedTuple):
    """A task that somebody runs, or ran when it died: how often it was begun, and when at last (Unix seconds)."""

    key: str
    times: int
    owner: str
    at: float


Taken = Callable[[str, float], bool]  # whether who began it, and then (Unix seconds), is still at it


class Keeping(Protocol):
    """Where results are kept. What cannot be reached raises OSError, sqlite3.Error or what Redis raises."""

    def begin(self, key: str, owner: str, *, once: bool, most: int, taken: Taken) -> Begin:
        """Say that one takes a task. With `once` it may have a result, or have been begun more than `most` times.

        Or somebody else may be at it, as `taken` says of who has begun it: an engine gives a task twice where it was lost and
        put out again. On one machine the second one leaves it, so that what hangs takes one worker and not all of them.
        """

    def put(self, record: Record) -> None:
        """Keep what came of a task, if nothing is kept; else count that it came twice."""

    def drop(self, key: str, owner: str) -> None:
        """One does not run it any longer, and has no result."""

    def begun(self) -> list[Begun]:
        """What was begun and has no result."""

    def nobody_works(self) -> None:
        """Forget who has begun what: they are of a run that has ended."""

    def news(self) -> list[Record]:
        """What was put since the last call, by whomever; at first all there is."""

    def record(self, key: str) -> Record | None:
        """What is kept of a task."""

    def twice(self) -> int:
        """How many tasks came to their end more than once."""

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """Forget these, or all."""

    def close(self) -> None:
        """Let go of it."""


def keeping_at(plan: Plan) -> Keeping:
    """Where a plan keeps its results."""
    if "://" in plan.keeping:
        return RedisKeeping(plan.keeping, plan.prefix)
    return FileKeeping(plan.keeping)


class FileKeeping:
    """An SQLite file. Everything that is said of a task is written at once; what a killed process wrote is there."""

    def __init__(self, path: str) -> None:
        self._seen = 0
        self._base = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = NORMAL")
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS results"
            " (number INTEGER PRIMARY KEY, key TEXT UNIQUE, ok INTEGER, text TEXT, at REAL, times INTEGER)"
        )
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS begun (key TEXT PRIMARY KEY, times INTEGER, owner TEXT, at REAL)"
        )

    def begin(self, key: str, owner: str, *, once: bool, most: int, taken: Taken) -> Begin:
        """One transaction that writes, so that two workers cannot both be first."""
        self._base.execute("BEGIN IMMEDIATE")
        with self._base:
            if once:
                if self._base.execute("SELECT 1 FROM results WHERE key = ?", (key,)).fetchone():
                    return Begin.DONE
                other = self._base.execute(
                    "SELECT owner, at FROM begun WHERE key = ? AND owner <> ?", (key, owner)
                ).fetchone()
                if other and taken(*other):
                    return Begin.DONE
            self._base.execute(
                "INSERT INTO begun VALUES (?, 1, ?, ?) ON CONFLICT (key)"
                " DO UPDATE SET times = times + 1, owner = excluded.owner, at = excluded.at",
                (key, owner, time.time()),
            )
            (times,) = self._base.execute("SELECT times FROM begun WHERE key = ?", (key,)).fetchone()
        return Begin.GIVEN_UP if once and times > most else Begin.RUN

    def put(self, record: Record) -> None:
        """The result, and that nobody runs it any longer, in one step."""
        self._base.execute("BEGIN IMMEDIATE")
        with self._base:
            self._base.execute(
                "INSERT INTO results (key, ok, text, at, times) VALUES (?, ?, ?, ?, 1)"
                " ON CONFLICT (key) DO UPDATE SET times = times + 1",
                (record.key, record.ok, record.text, record.at),
            )
            self._base.execute("DELETE FROM begun WHERE key = ?", (record.key,))

    def drop(self, key: str, owner: str) -> None:
        """It may have been begun by somebody else since."""
        self._base.execute("DELETE FROM begun WHERE key = ? AND owner = ?", (key, owner))

    def begun(self) -> list[Begun]:
        """What was begun and has no result."""
        return [Begun(*row) for row in self._base.execute("SELECT key, times, owner, at FROM begun")]

    def nobody_works(self) -> None:
        """Also how often it was begun: whoever stops a run is not to blame the task."""
        self._base.execute("DELETE FROM begun")

    def news(self) -> list[Record]:
        """Rows are numbered in the order in which they became visible."""
        rows = self._base.execute(
            "SELECT number, key, ok, text, at FROM results WHERE number > ? ORDER BY number", (self._seen,)
        ).fetchall()
        if rows:
            self._seen = rows[-1][0]
        return [_record(row[1:]) for row in rows]

    def record(self, key: str) -> Record | None:
        """What is kept of a task."""
        row = self._base.execute("SELECT key, ok, text, at FROM results WHERE key = ?", (key,)).fetchone()
        return _record(row) if row else None

    def twice(self) -> int:
        """How many tasks came to their end more than once."""
        found: int = self._base.execute("SELECT count(*) FROM results WHERE times > 1").fetchone()[0]
        return found

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """Of all, the numbers begin anew, too."""
        self._base.execute("BEGIN IMMEDIATE")
        with self._base:
            for table in ("results", "begun"):
                if keys is None:
                    self._base.execute(f"DELETE FROM {table}")  # noqa: S608  # our own names
                else:
                    self._base.executemany(f"DELETE FROM {table} WHERE key = ?", ((key,) for key in keys))  # noqa: S608
        if keys is None:
            self._seen = 0

    def close(self) -> None:
        """The last one who closes it leaves a single file."""
        self._base.close()


def _record(row: Iterable[Any]) -> Record:
    key, ok, text, at = row
    return Record(key, bool(ok), text, at)


class RedisKeeping:
    """Keys of Redis that begin with the project's prefix. Commands of one step are sent together."""

    def __init__(self, url: str, prefix: str) -> None:
        from redis import Redis

        self._redis: Any = Redis.from_url(url, decode_responses=True)
        self._results, self._order, self._twice, self._times, self._owners = (
            f"{prefix}:kept:{what}" for what in ("results", "order", "twice", "times", "owners")
        )
        self._seen = 0

    def begin(self, key: str, owner: str, *, once: bool, most: int, taken: Taken) -> Begin:  # noqa: ARG002
        """As one step. Where several machines take part nobody knows who is at it: it is done twice, and counts once."""
        with self._redis.pipeline() as step:
            step.hexists(self._results, key)
            step.hincrby(self._times, key, 1)
            step.hset(self._owners, key, json.dumps([owner, time.time()]))
            there, times, _ = step.execute()
        if once and there:
            self.drop(key, owner)
            return Begin.DONE
        return Begin.GIVEN_UP if once and times > most else Begin.RUN

    def put(self, record: Record) -> None:
        """The result and its place in the order as one step: a killed worker leaves both or none."""
        text = json.dumps([record.ok, record.text, record.at])
        with self._redis.pipeline() as step:
            step.hsetnx(self._results, record.key, text)
            step.rpush(self._order, record.key)
            step.hdel(self._owners, record.key)
            step.hdel(self._times, record.key)
            first, *_ = step.execute()
        if not first:
            self._redis.sadd(self._twice, record.key)

    def drop(self, key: str, owner: str) -> None:
        """Whoever has begun it since says so again when it dies."""
        said = self._redis.hget(self._owners, key)
        if said is not None and json.loads(said)[0] == owner:
            with self._redis.pipeline() as step:
                step.hdel(self._owners, key)
                step.hdel(self._times, key)
                step.execute()

    def begun(self) -> list[Begun]:
        """What was begun and has no result."""
        with self._redis.pipeline() as step:
            step.hgetall(self._owners)
            step.hgetall(self._times)
            owners, times = step.execute()
        return [Begun(key, int(times.get(key, 1)), *json.loads(said)) for key, said in owners.items()]

    def nobody_works(self) -> None:
        """Also how often it was begun."""
        self._redis.delete(self._owners, self._times)

    def news(self) -> list[Record]:
        """By their order."""
        found: list[Record] = []
        while keys := self._redis.lrange(self._order, self._seen, self._seen + _AT_A_TIME - 1):
            self._seen += len(keys)
            texts = zip(keys, self._redis.hmget(self._results, keys), strict=True)
            found += [Record(key, *json.loads(text)) for key, text in texts if text is not None]
        return found

    def record(self, key: str) -> Record | None:
        """What is kept of a task."""
        text = self._redis.hget(self._results, key)
        return Record(key, *json.loads(text)) if text is not None else None

    def twice(self) -> int:
        """How many tasks came to their end more than once."""
        return int(self._redis.scard(self._twice))

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """Of some, the order keeps their names, which have no result."""
        if keys is None:
            self._seen = 0
            self._redis.delete(self._results, self._order, self._twice, self._times, self._owners)
            return
        for key in keys:
            for place in (self._results, self._times, self._owners):
                self._redis.hdel(place, key)
            self._redis.srem(self._twice, key)

    def close(self) -> None:
        """Let go of the connection."""
        with contextlib.suppress(Exception):
            self._redis.close()
