"""A run on this machine, from the items to the results."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine_jobs import given
from engine_jobs.crew import CannotGoOnError
from engine_jobs.guard import Guard
from engine_jobs.plan import Plan, Record, Task, module_of
from engine_jobs.results import Outcome, write_results
from engine_jobs.session import Session, Tell
from engine_jobs.work import is_gone, owner_name

_PAUSE_SECONDS = 0.02
_TELL_SECONDS = 0.5


@dataclass(frozen=True)
class Wishes:
    """How a run goes on and ends."""

    fresh: bool = False
    failed_again: bool = False
    patience_seconds: float = 10.0
    limit_seconds: float | None = None


@dataclass
class Progress:
    """What has come so far."""

    before: dict[str, bool] = field(default_factory=dict)  # key: ok
    came: dict[str, bool] = field(default_factory=dict)
    failures: list[Record] = field(default_factory=list)
    first: float | None = None
    last: float | None = None

    def take(self, news: list[Record]) -> None:
        """Results of this run."""
        for record in news:
            self.came[record.key] = record.ok
            self.first = min(record.at, self.first or record.at)
            self.last = max(record.at, self.last or record.at)
            if not record.ok:
                self.failures.append(record)


def run(plan: Plan, wishes: Wishes, folder: Path, tell: Tell) -> tuple[Outcome, list[Record]]:
    """Broker and workers up, all tasks without a result out, all results in, everything down again.

    The outcome, and what failed. Ctrl-C (KeyboardInterrupt) ends it, with what is there. CannotGoOnError, NotGivenError.
    """
    with Guard(plan) as guard, _alone(folder) as running:
        guard.remove(running)
        tasks = list(given.tasks(guard.plan.environment()))
        progress, stopped, twice_before = Progress(), False, 0
        with Session(guard.plan, tell=tell, guard=guard) as session:
            begun = time.time()
            try:
                twice_before = session.kept.twice()
                missing = _missing(session, tasks, wishes, progress)
                begun = time.time()
                _work(session, missing, wishes, progress, tell)
            except KeyboardInterrupt:
                stopped = True
            progress.take(session.desk.news())
            write_results(tasks, session.kept, folder / "results.jsonl")
            outcome = _outcome(session, tasks, progress, begun, folder, stopped=stopped, twice_before=twice_before)
    return outcome, progress.failures


def _missing(session: Session, tasks: list[Task], wishes: Wishes, progress: Progress) -> list[Task]:
    """The tasks without a result; what is to be forgotten is."""
    if wishes.fresh:
        session.kept.forget()
    if not session.plan.foreign:
        session.kept.nobody_works()
    keys = {task.key for task in tasks}
    there = [record for record in session.kept.news() if record.key in keys]
    if wishes.failed_again:
        session.kept.forget([record.key for record in there if not record.ok])
        there = [record for record in there if record.ok]
    progress.before = {record.key: record.ok for record in there}
    progress.failures += [record for record in there if not record.ok]
    return [task for task in tasks if task.key not in progress.before]


def _work(session: Session, missing: list[Task], wishes: Wishes, progress: Progress, tell: Tell) -> None:
    """All of it out, all of it in, or as much as comes."""
    desk, all_of_it = session.desk, len(missing)
    until = None if wishes.limit_seconds is None else time.monotonic() + wishes.limit_seconds
    told = 0.0

    def see() -> None:
        nonlocal told
        progress.take(desk.news())
        session.tend()
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            tell("progress", done=len(progress.came), tasks=all_of_it)

    desk.submit(missing, see)
    tell("submitted", tasks=all_of_it, seconds=round(desk.submit_seconds, 6))
    while desk.out and (until is None or time.monotonic() < until):
        see()
        if not session.plan.safe and desk.nothing_more_comes(wishes.patience_seconds):
            break
        time.sleep(_PAUSE_SECONDS if desk.out else 0)
    tell("progress", done=len(progress.came), tasks=all_of_it)


def _outcome(
    session: Session,
    tasks: list[Task],
    progress: Progress,
    begun: float,
    folder: Path,
    *,
    stopped: bool,
    twice_before: int,
) -> Outcome:
    ok = {**progress.before, **progress.came}
    done = sum(ok[task.key] for task in tasks if task.key in ok)
    seconds = None if progress.last is None else max(progress.last - begun, 1e-6)
    plan = session.plan
    return Outcome(
        engine=plan.engine,
        version=module_of(plan.engine).version(),
        settings="safe" if plan.safe else "default",
        tasks=len(tasks),
        done=done,
        failed=len(ok) - done,
        lost=len(tasks) - len(ok),
        twice=session.kept.twice() - twice_before,
        before=len(progress.before),
        submitted_again=session.desk.submitted_again,
        seconds=seconds,
        submit_seconds=session.desk.submit_seconds,
        first_result_seconds=None if progress.first is None else max(progress.first - begun, 0.0),
        worker_start_seconds=session.worker_start_seconds,
        tasks_per_s=None if seconds is None else len(progress.came) / seconds,
        workers=plan.workers,
        worker_mb=session.worker_mb,
        broker_mb=session.broker_mb,
        stopped=stopped,
        results=str(folder / "results.jsonl"),
    )


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """The file that says who runs here; CannotGoOnError where somebody does."""
    file = folder / "running.json"
    said = json.dumps({"pid": os.getpid(), "owner": owner_name(os.getpid())})
    for _ in range(2):
        try:
            with file.open("x", encoding="utf-8") as stream:
                stream.write(said)
            break
        except FileExistsError:
            if (pid := runs_here(folder)) is not None:
                raise CannotGoOnError(f"a run of this folder goes on (process {pid}): `stop` ends it") from None
            file.unlink(missing_ok=True)
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def runs_here(folder: Path) -> int | None:
    """The process of the run of a folder, if one goes on."""
    try:
        said = json.loads((folder / "running.json").read_text("utf-8"))
        pid, owner = int(said["pid"]), str(said["owner"])
        return None if is_gone(owner) else pid
    except (OSError, ValueError, KeyError, TypeError):
        return None
