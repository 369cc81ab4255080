"""What a run came to: counted, written as lines of JSON, and told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from engine_jobs.keeping import Keeping
from engine_jobs.plan import Record, Task
from engine_jobs.work import clean, decoded

_FAILURES_TOLD = 5


@dataclass(frozen=True)
class Outcome:
    """The JSON of `run`; README.md says what each field is."""

    engine: str
    version: str
    settings: str
    tasks: int
    done: int
    failed: int
    lost: int
    twice: int
    before: int
    submitted_again: int
    seconds: float | None
    submit_seconds: float
    first_result_seconds: float | None
    worker_start_seconds: float
    tasks_per_s: float | None
    workers: int
    worker_mb: float | None
    broker_mb: float | None
    stopped: bool
    results: str

    def as_json(self) -> str:
        """One object, with rounded figures."""
        found = {name: round(each, 6) if isinstance(each, float) else each for name, each in asdict(self).items()}
        return json.dumps({"schema": 1, **found}, indent=2)

    @property
    def code(self) -> int:
        """The exit code."""
        return 130 if self.stopped else int(bool(self.failed or self.lost))


def write_results(tasks: Iterable[Task], kept: Keeping, path: Path) -> None:
    """A line for each task that has a result, in the order of the items; the file is whole or as it was before."""
    part = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with part.open("w", encoding="utf-8") as stream:
            for record in results(tasks, kept):
                stream.write(f"{line_of(record)}\n")
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def results(tasks: Iterable[Task], kept: Keeping) -> Iterator[Record]:
    """What is kept of these tasks, in their order."""
    for task in tasks:
        record = kept.record(task.key)
        if record is not None:
            yield record


def line_of(record: Record) -> str:
    """A result as JSON; what JSON does not have is shown as Python would."""
    if not record.ok:
        return json.dumps({"key": record.key, "ok": False, "error": record.text})
    try:
        return json.dumps({"key": record.key, "ok": True, "value": decoded(record.text)}, default=repr)
    except (TypeError, ValueError, RecursionError):  # keys of a dictionary that are no text, or a circle
        return json.dumps({"key": record.key, "ok": True, "value": repr(decoded(record.text))})


def told_to_people(outcome: Outcome, failures: list[Record]) -> str:
    """The outcome in a few lines."""
    o = outcome
    speed = f" in {o.seconds:.2f} s, {o.tasks_per_s:,.0f} a second" if o.seconds and o.tasks_per_s else ""
    counts = f"{o.done:,} done, {o.failed:,} failed, {o.lost:,} {'missing' if o.stopped else 'lost'} of {o.tasks:,}"
    lines = [f"{o.engine} {o.version}, {o.settings} settings, {o.workers} workers: {counts}{speed}"]
    if o.before:
        lines.append(f"{o.before:,} had a result before; --fresh begins anew")
    if o.submitted_again or o.twice:
        lines.append(f"submitted again: {o.submitted_again:,}; run twice: {o.twice:,}")
    memory = [f"{mb:,.0f} MB {what}" for mb, what in ((o.worker_mb, "a worker"), (o.broker_mb, "the broker")) if mb]
    if memory:
        lines.append(f"workers ready after {o.worker_start_seconds:.2f} s; memory: {', '.join(memory)}")
    lines += [f"failed: {record.key}: {clean(record.text)}"[:200] for record in failures[:_FAILURES_TOLD]]
    if len(failures) > _FAILURES_TOLD:
        lines.append(f"... and {len(failures) - _FAILURES_TOLD:,} more: see the results")
    return "\n".join([*lines, f"results: {clean(o.results)}"])
