"""One run: where its tasks come from, what is kept of them, how it is told to stop, and what it says in the end.

Every task is in one count: done, failed, or not processed, those that were never read too. A run that goes on from a
journal speaks of the whole job, not of its own part.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import sysconfig
import zlib
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from types import FrameType

from contents import sections_of_run
from coordinator import Coordinator, Options, Report
from crew import NO_ROOM, Crew, why_no_room
from executions import crew_for
from journal import Journal, Numbers
from measures import Run, measure
from mixed import summary_of
from page import written_for
from reading import Arriving, Todos
from tasks import Batch, CannotGoOn, Outcome, Settings, batches, make_tasks, summary
from text import print_whole, printable
from timelines import timeline
from waits import as_json
from writing import SHOWN, Out, check_replaceable, write_whole

_SHOWN_ERRORS = 5
_SHOWN_PROCESSORS = 16
BAD_INPUT, CANNOT_GO_ON, STOPPED = 2, 3, 130  # exit codes; 0: done, 1: some tasks failed


def run(options: Namespace) -> int:
    """Work through the tasks, and say what came of them; returns the exit code."""
    for file in options.report:
        if file is not None:
            check_replaceable(file, SHOWN)
    with _out_of(options) as out, _journal_of(options) as journal:
        if not options.json:
            gil = getattr(sys, "_is_gil_enabled", lambda: True)()
            active = "not active (the GIL is on)" if gil else "active (the GIL is off)"
            print(f"Python {sys.version.split()[0]}: free-threading is {active}", flush=True)
        job = _Job(options, journal, out)
        run = job.measured()
        notes = job.finish(out)
    _write(run, options)
    (_print_json if options.json else _print)(run, job)
    for note in notes:
        print(note, file=sys.stderr)
    return job.exit_code


@contextmanager
def _journal_of(options: Namespace) -> Iterator[Journal | None]:
    """The journal, if there is to be one."""
    if options.journal is None:
        yield None
        return
    source = options.tasks
    if options.source:
        source = "-" if str(options.source) == "-" else str(options.source.resolve())
    kind = "+".join(_kinds(options)) or options.kind
    about = {"kind": kind, "effort": options.efforts or options.effort, "tasks": source, "uneven": options.uneven}
    journal = Journal(options.journal, about)
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def _out_of(options: Namespace) -> Iterator[Out | None]:
    """The file of outcomes, if there is to be one; what is not finished leaves nothing."""
    out = Out(options.out) if options.out else None
    if out is not None and options.journal:
        out.discard()  # it could be written; it will be at the end, from the journal
        out = None
    try:
        yield out
    finally:
        if out is not None:
            out.discard()


def _kinds(options: Namespace) -> tuple[str, ...]:
    """Of a crew of several kinds, in the order of the values that its tasks get."""
    return tuple(part.kind for part in options.crew)


class _Tally:
    """Takes the outcomes as they come; keeps counts only, and a bit for each task: a million take hardly more room."""

    def __init__(self, kind: str, kinds: tuple[str, ...] = ()) -> None:
        self.statuses: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.digest = 0  # the same for the same outcomes in any order
        self.errors: list[str] = []
        self.twice = 0  # outcomes of tasks that had one: must stay 0
        self._ended = Numbers()
        self._kind, self._kinds = kind, kinds

    def add(self, outcomes: list[Outcome]) -> None:
        """Count them."""
        values = (outcome.value for outcome in outcomes if outcome.status == "done")
        self.counts.update(summary_of(self._kinds, values) if self._kinds else summary(self._kind, values))
        for outcome in outcomes:
            self.statuses[outcome.status] += 1
            self.twice += self._ended.has(outcome.number)
            self._ended.add(outcome.number)
            self.digest = (self.digest + zlib.crc32(repr(outcome).encode())) % 2**64
            if outcome.status == "failed" and len(self.errors) < _SHOWN_ERRORS:
                self.errors.append(f"task {outcome.number}: {outcome.error}")


class _Job:
    """All tasks of the input: what had ended before, what this run does, and what is left."""

    def __init__(self, options: Namespace, journal: Journal | None, out: Out | None) -> None:
        self.options, self.tally = options, _Tally(options.kind, _kinds(options))
        self.error: Exception | None = None
        self.report = Report()
        self._journal, self._out = journal, out
        self._kept = False  # whether --out has what ended
        self._todos = Todos(options.source, strict=options.strict) if options.source else None
        for outcome in journal.outcomes() if journal else ():
            self.tally.add([outcome])
        self.before = Counter(self.tally.statuses)

    # What is done -----------------------------------------------------------------------------------------------------

    def measured(self) -> Run:
        """Do what is left. What ends it before its time is in `error`; what ended until then, counts."""
        o = self.options
        trouble = {int(number): what for number, what in o.trouble.items()}
        crew = _crew(o, Settings(o.kind, o.effort, trouble, o.tasks // 10, o.uneven, o.efforts, o.answer_ms))
        kinds = tuple((part.kind, part.processors) for part in o.crew)
        how = Options(o.processors, o.schedule, o.timeout, o.attempts, kinds, o.arrangement)
        coordinator = Coordinator(crew, how, self._record)
        self.report = coordinator.report
        known = None if o.source or self._journal else -(-o.tasks // o.batch_size)

        def done() -> Report:
            try:
                with _stopped_by_signals(coordinator):
                    return coordinator.run(self._batches(), known)
            except (ValueError, CannotGoOn) as error:
                self.error = error
            except NO_ROOM as error:
                self.error = CannotGoOn(
                    f"this machine has no room for it ({why_no_room(error)}): take fewer --processors"
                )
            return coordinator.report

        run = measure(done, execution=o.execution, processors=o.processors, schedule=o.schedule, collect=o.collect)
        self._count_unread()
        return run._replace(tasks=run.tasks + (self.report.unread or 0))

    def _batches(self) -> Iterable[Batch | None]:
        """What is to be done, as it comes."""
        size = self.options.batch_size
        tasks = make_tasks(self.options.tasks) if self._todos is None else self._todos
        left = batches(tasks, size) if self._journal is None else self._journal.left(tasks, size)
        return Arriving(left) if self._todos is not None and self._todos.may_wait else left

    def _record(self, outcomes: list[Outcome]) -> None:
        if self._journal is not None:
            self._journal.record(outcomes)  # before anything else: what it has, counts
        if self._out is not None:
            self._out.write(outcomes)
        self.tally.add(outcomes)

    def _count_unread(self) -> None:
        """Where it is known how many tasks there are, so is how many were not read."""
        total = self.options.tasks if self._todos is None else self._todos.count
        if self.report.unread is None and total is not None:
            self.report.unread = max(0, total - self.done - self.failed - len(self.report.not_processed))

    # What there is to say ---------------------------------------------------------------------------------------------

    @property
    def done(self) -> int:
        """How many tasks are done, before and now."""
        return self.tally.statuses["done"]

    @property
    def failed(self) -> int:
        """How many failed, before and now."""
        return self.tally.statuses["failed"]

    @property
    def not_processed(self) -> int:
        """How many are known to be left; with `rest`, there may be more."""
        return len(self.report.not_processed) + (self.report.unread or 0)

    @property
    def rest(self) -> str:
        """What of the input nobody has counted, in words."""
        return f"the rest of {self._todos.name}" if self._todos and self.report.unread is None else ""

    @property
    def exit_code(self) -> int:
        """Of the program: what is most in the way of a whole result."""
        if self.error is not None:
            return CANNOT_GO_ON if isinstance(self.error, CannotGoOn) else BAD_INPUT
        if self.report.stopped:
            return STOPPED
        return 1 if self.failed or self.not_processed else 0

    def finish(self, out: Out | None) -> list[str]:
        """Give --out its name, with all that ended, each once; returns what there is to say."""
        notes = []
        if self.options.out and (self.error is None or self.tally.statuses):
            try:
                if self._journal is not None:
                    out = Out(self.options.out)
                    out.write(self._journal.outcomes())
                if out is not None:
                    notes.append(out.finish(whole=not (self.error or self.not_processed or self.rest)))
                    self._kept = True
            except (ValueError, CannotGoOn) as error:
                self.error = self.error or CannotGoOn(str(error))
            finally:
                if out is not None:
                    out.discard()
        if self.error is not None:
            notes.append(f"error: {self.error}")
            if self._journal is not None:
                notes.append(f"What has ended is in {self.options.journal}: the same command goes on from there.")
            elif self.options.out and self.tally.statuses and not self._kept:
                notes.append("The outcomes of this run are lost; with --journal FILE they would be kept.")
        return [printable(note) for note in notes if note]


def _crew(options: Namespace, settings: Settings) -> Crew:
    try:
        return crew_for(
            options.execution, settings, options.collect, broker=options.broker, timeout_seconds=options.timeout
        )
    except NO_ROOM as error:
        raise CannotGoOn(f"this machine has no room for {options.execution} ({why_no_room(error)})") from None


@contextmanager
def _stopped_by_signals(coordinator: Coordinator) -> Iterator[None]:
    """Ctrl-C (or SIGTERM) stops; a second one does not wait for what is being done; a third one is as if nobody cared."""
    told: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        if len(told) > 1:
            raise KeyboardInterrupt
        coordinator.stop(at_once=bool(told))
        if not told:
            _say("stopping: what is being done comes to its end; Ctrl-C again does not wait for it")
        told.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    """On standard error, from a signal handler: a stream may be in the middle of something."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())


# What is printed ------------------------------------------------------------------------------------------------------


def _print_json(run: Run, job: _Job) -> None:
    python = sys.version.split()[0] + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")
    found = job.tally
    data = {
        **run._asdict(),
        "report": asdict(job.report),
        "before": {"done": job.before["done"], "failed": job.before["failed"]},
        "job": {
            "done": job.done,
            "failed": job.failed,
            "not_processed": job.not_processed,
            "and_the_rest": bool(job.rest),
        },
        "digest": found.digest,
        "effort": job.options.effort,
        "python": python,
        "twice": found.twice,
        "summary": dict(found.counts),
        "errors": found.errors,
        "error": None if job.error is None else str(job.error),
        "waits": as_json(run),
    }
    print_whole(json.dumps(data))


def _write(run: Run, options: Namespace) -> None:
    """The files that were asked for."""
    for file in options.report:
        write_whole(file, written_for(file, "Todo batch, one run", sections_of_run(run)), SHOWN)


def _effort(options: Namespace) -> str:
    return ", ".join(f"{kind} {effort}" for kind, effort in options.efforts.items()) or str(options.effort)


def _print(run: Run, job: _Job) -> None:
    report, found = job.report, job.tally
    rest = f" and {job.rest}" if job.rest else ""
    print(
        f"{job.done:,} done, {job.failed:,} failed, {job.not_processed:,} not processed{rest},"
        f" {report.retried:,} tried again"
    )
    if ended := job.before.total():
        print(f"  {ended:,} of them had ended before this run, by {printable(str(job.options.journal))}")
    print(
        f"{run.title}, {run.processors:,} processors, {run.schedule}: {run.seconds:.3f} s, effort {_effort(job.options)}"
    )
    worked = sorted((number, share) for number, share in report.shares.items() if share.batches or share.lost)
    for processor, share in worked[:_SHOWN_PROCESSORS]:
        lost = f", lost {share.lost} times" if share.lost else ""
        print(
            f"  processor {processor}{f' ({share.kind})' if share.kind else ''}: {share.tasks:,} tasks, busy {share.busy_seconds:.3f} s"
            f" ({100 * share.busy_seconds / run.seconds:.0f} %), computing {share.cpu_seconds:.3f} s{lost}"
        )
    if (more := len(worked) - _SHOWN_PROCESSORS) > 0:
        print(f"  and {more:,} more processors")
    for error in found.errors:
        print(f"  {error}")
    if (more := job.failed - len(found.errors)) > 0:
        print(f"  and {more:,} more that failed (--out FILE has them all)")
    print(f"Result: {', '.join(f'{name} {count:,}' for name, count in sorted(found.counts.items())) or 'nothing'}")
    if report.spans and len(worked) <= _SHOWN_PROCESSORS:
        print(timeline(run))
