"""What a comparison measured, as data: kept in a file, read again, and asked for speedups.

A file of results has what was measured and nothing that follows from it: speedups and their intervals are reckoned when
it is read, by the statistics of the selector.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from measures import Run
from records import built, read_json
from shared import shared

SCHEMA = 1
PROGRAM = "todo_batch"
MARK = '"program": "todo_batch"'  # near the begin of every file of results


class Machine(NamedTuple):
    """Where it ran. `cpus` are those that may be used, `cpu_numbers` which they are, such as 0-1."""

    cpus: int
    cpu_model: str
    cpu_numbers: str
    memory_mb: float | None
    system: str
    pythons: tuple[str, ...]  # versions, the first is that of the baseline


class Work(NamedTuple):
    """What was done in each measurement. A task's CPU time and its time with waits are as it was tried out beforehand."""

    kind: str
    tasks: int
    tasks_asked: int
    task_ms: float  # of CPU
    task_wall_ms: float
    effort: int
    batch_size: int
    uneven: int
    source: str | None = None

    @property
    def computes(self) -> bool:
        """Whether a task computes for more than half of its time: else waits overlap, whoever takes turns."""
        return self.task_ms > 0.5 * self.task_wall_ms


class Measured(NamedTuple):
    """One way to do the batch, with so many processors: each measurement in `samples`, else why there is none.

    Times are in seconds, medians of the measurements; `peak_memory_mb` is the highest. What is not known is None.
    """

    execution: str  # an id of executions.EXECUTIONS
    name: str  # for people: the execution, and its Python where there are several
    title: str  # the same, with the schedule and the way to hand in where these differ
    schedule: str
    collect: str
    python: str
    processors: int
    baseline: bool  # plain sequential code on the first Python
    samples: tuple[float, ...]
    reason: str = ""
    cpu_seconds: float | None = None  # of all its processes
    work_cpu_seconds: float | None = None  # of that, what the tasks took
    startup_seconds: float | None = None  # until the first task began
    busy_seconds: float | None = None  # of all processors
    busiest_seconds: float | None = None
    peak_memory_mb: float | None = None
    memory_metric: str | None = None
    cpus_taken: float | None = None  # by other programs, on average
    task_p95_ms: float | None = None

    @property
    def seconds(self) -> float:
        """What the batch took: the median of all measurements."""
        ordered, middle = sorted(self.samples), len(self.samples) // 2
        return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2

    @property
    def cpu_percent(self) -> float | None:
        """Of one CPU: 200 is two CPUs busy."""
        return None if self.cpu_seconds is None else 100 * self.cpu_seconds / self.seconds

    @property
    def busy_share(self) -> float | None:
        """The part of its processors' time in which they had a batch."""
        return None if self.busy_seconds is None else min(1.0, self.busy_seconds / self.seconds / self.processors)


class Trial(NamedTuple):
    """What was thrown at a run on purpose, and what came of its tasks."""

    thrown_in: str  # such as "processes: kill"
    tasks: int
    done: int
    failed: int
    not_processed: int
    lost: int = 0
    twice: int = 0
    orphans: int | None = 0  # processes that outlived the run; None: nobody could look
    errors: tuple[str, ...] = ()  # what some of the tasks that failed said


class Interval(NamedTuple):
    """A value with the ends of its 95 % interval; both ends are the value where one measurement is all there is."""

    low: float
    mid: float
    high: float


class Code(NamedTuple):
    """What something takes to read: lines of code, and what one has to know for them: our classes, names of modules."""

    lines: int
    concepts: tuple[str, ...]

    def __add__(self, other: object) -> Code:
        """Both together; what they share in concepts counts once."""
        if not isinstance(other, Code):
            return NotImplemented
        return Code(self.lines + other.lines, tuple(dict.fromkeys([*self.concepts, *other.concepts])))


class Comparison(NamedTuple):
    """All that was measured in one go. `noise` is how far apart two rows of the same thing came out (0.03: 3 %)."""

    program: str
    schema: int
    at: str  # when, as people write it
    machine: Machine
    work: Work
    measured: tuple[Measured, ...]
    same_results: bool
    measurements: int
    differed: int  # measurements whose results were others than the baseline's
    seconds: float
    seed: int
    noise: float | None
    code: dict[str, Code]  # of each schedule and execution, by its name
    trials: tuple[Trial, ...] = ()
    besides: dict[str, tuple[Measured, ...]] = {}  # noqa: RUF012  # other comparisons, by what they are
    shown: Run | None = None  # one more run of the fastest, to see who worked when

    @property
    def rows(self) -> list[Measured]:
        """Those that have a result."""
        return [row for row in self.measured if row.samples]

    @property
    def baseline(self) -> Measured:
        """Plain sequential code on the first Python."""
        return next(row for row in self.rows if row.baseline)

    def rate(self, row: Measured) -> float:
        """Tasks a second."""
        return self.work.tasks / row.seconds

    def speedup(self, row: Measured, against: Measured | None = None) -> Interval:
        """How many times as fast a row is as the baseline, or as another row."""
        base = self.baseline if against is None else against
        if row is base:
            return Interval(1.0, 1.0, 1.0)
        if min(len(base.samples), len(row.samples)) < 2:
            return Interval(*[base.seconds / row.seconds] * 3)
        return _ratio(base.samples, row.samples, self.noise)


def way(row: Measured) -> tuple[str, str, str, str]:
    """What rows that differ in their processors alone have in common."""
    return row.name, row.schedule, row.collect, row.python


def ways(rows: Iterable[Measured]) -> list[list[Measured]]:
    """The rows of each way, by processors."""
    found: dict[tuple[str, ...], list[Measured]] = {}
    for row in rows:
        found.setdefault(way(row), []).append(row)
    return [sorted(each, key=lambda row: row.processors) for each in found.values()]


def points(rows: Iterable[Measured]) -> list[tuple[int, float]]:
    """(Processors, speedup over one processor) of one way; nothing where one processor was not measured."""
    by_size = {row.processors: row.seconds for row in rows if row.samples}
    return [(size, by_size[1] / seconds) for size, seconds in sorted(by_size.items())] if 1 in by_size else []


def left_out(found: Comparison) -> dict[str, list[str]]:
    """Which rows have no result, by the reason; after how many seconds one was stopped makes no other reason of it."""
    reasons: dict[str, list[str]] = {}
    for row in found.measured:
        if not row.samples:
            reason = re.sub(r"[\d.]+ s\b", "some seconds", row.reason)
            reasons.setdefault(reason, []).append(f"{row.title} {row.processors:,}")
    return reasons


def noise_floor(one: Iterable[float], other: Iterable[float]) -> float | None:
    """How far apart two rows of the same thing may come out; None if too few measurements say so."""
    found: float | None = shared("stats").noise_floor(tuple(one), tuple(other))
    return found


# The file -------------------------------------------------------------------------------------------------------------


def as_json(found: Comparison, indent: int | None = 1) -> str:
    """For a file, or a reader of JSON; what follows from the figures is there for readers, too: `speedup`."""
    return json.dumps({**_plain(found), "speedups": list(_speedups(found))}, indent=indent)


def _speedups(found: Comparison) -> Iterator[dict[str, Any]]:
    for row in found.rows:
        yield {"title": row.title, "processors": row.processors, "speedup": found.speedup(row)._asdict()}


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def read_results(file: Path) -> Comparison:
    """The comparison of a file; ValueError that says what is wrong with it, and what to do."""
    data = read_json(file)
    ours = isinstance(data, dict) and data.get("program") == PROGRAM
    if not ours or data.get("schema") != SCHEMA:
        what = f"of another version: schema is not {SCHEMA}" if ours else "no results of this program"
        raise ValueError(f"{file}: {what}: `compare --results FILE` writes them")
    try:
        found = built(Comparison, data)
        _check(found)
    except ValueError as error:
        raise ValueError(f"{file}: {error}: `compare --results FILE` writes it anew") from None
    return found


def _check(found: Comparison) -> None:
    """ValueError for figures that cannot be: what is reckoned from them takes them for granted."""
    rows = [*found.measured, *(row for others in found.besides.values() for row in others)]
    for row in rows:
        if row.processors < 1:
            raise ValueError("measured: 0 processors did nothing")
        if any(sample <= 0 for sample in row.samples):
            raise ValueError("measured: a batch that took 0 s")
    if not any(row.baseline for row in found.rows):
        raise ValueError("measured: the baseline, plain sequential code, is not there")
    if min(found.machine.cpus, found.work.tasks, found.work.batch_size) < 1:
        raise ValueError("machine and work: there are no CPUs, no tasks or no batches")


# The selector's statistics --------------------------------------------------------------------------------------------


@lru_cache(10_000)
def _ratio(slow: tuple[float, ...], fast: tuple[float, ...], noise: float | None) -> Interval:
    statistics = shared("stats")
    return Interval(*statistics.bootstrap_ratio(slow, fast, noise=statistics.LEAST_NOISE if noise is None else noise))
