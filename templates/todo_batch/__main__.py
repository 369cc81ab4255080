"""A batch of todos, worked through in parallel, by processors that may fail; and a benchmark of the ways to do that.

    python todo_batch run                         work through 2,000 made-up tasks, in threads
    python todo_batch run --from todos.csv --execution processes --journal run.db --out results.jsonl
    python todo_batch compare                     every way this Python has, side by side
    python todo_batch compare --interpreter python3.14t --report report.md --timeline timeline.html
    python todo_batch compare --vary schedule --execution processes --uneven 10
    python todo_batch profile                     the workload, as concurrency-selector takes it

Read the modules in this order: tasks, scheduling, executions, collecting, coordinator, journal, measures, dashboard,
comparing.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import sysconfig
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dashboard
from collecting import COLLECTORS
from comparing import compare, workload_of
from coordinator import Coordinator, Options
from executions import EXECUTIONS, crew_for
from journal import Journal, Numbers, begun_with
from measures import Run, measure
from scheduling import SCHEDULES
from tasks import KINDS, Outcome, Settings, Task, batches, effort_for, make_tasks, read_tasks, summary


def main() -> int:
    """Run the command line; returns the exit code: 0 done, 1 some tasks failed or results differ, 2 bad input, 130 told to stop."""
    options = _arguments()
    commands = {"run": _run, "compare": compare, "profile": _profile}
    try:
        options.effort = options.effort or _effort_before(options) or effort_for(options.kind, options.task_ms)
        return commands[options.command](options)
    except (ValueError, TypeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _effort_before(options: argparse.Namespace) -> int | None:
    """The effort of the run that this one goes on with: measured again, it would be another, and other work."""
    journal = getattr(options, "journal", None)
    return begun_with(journal).get("effort") if journal else None


def _profile(options: argparse.Namespace) -> int:
    print(json.dumps(workload_of(options), indent=2))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="todo_batch", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="work through tasks")
    _common(run)
    run.add_argument("--journal", type=Path, metavar="FILE", help="go on where a killed run was")
    run.add_argument("--out", type=Path, metavar="FILE", help="write each outcome, a line of JSON")
    run.add_argument("--trouble", type=json.loads, default={}, help=argparse.SUPPRESS)
    comparison = commands.add_parser("compare", help="do so in every way, and compare")
    _common(comparison)
    add = comparison.add_argument
    add("--vary", choices=("execution", "schedule", "collect"), default="execution", help="what to compare")
    add("--interpreter", action="append", default=[], metavar="PATH", help="also under this Python")
    add("--scaling", type=_numbers, default=[1, 2, 4, 8], metavar="N,N", help="processor counts for the fastest")
    add("--report", type=Path, metavar="FILE", help="compare everything, and write a Markdown report")
    add("--timeline", type=Path, metavar="FILE", help="write who worked when (.svg or .html)")
    profile = commands.add_parser("profile", help="print the workload of a sequential run, for concurrency-selector")
    _common(profile)
    options = parser.parse_args()
    if options.uneven > 1 and options.source:
        parser.error("--uneven is for made-up tasks: leave --from out")
    return options


def _common(command: argparse.ArgumentParser) -> None:
    """What every command may be told about the tasks and how to do them."""
    add = command.add_argument
    add("--kind", choices=sorted(KINDS), default="validate", help="what processors do")
    add("--tasks", type=_positive, default=2000, metavar="N", help="so many made-up tasks")
    add("--from", dest="source", type=Path, metavar="FILE", help="the todos of a CSV or JSON file")
    add("--effort", type=_positive, metavar="N", help="what a task costs (default: as --task-ms)")
    add("--task-ms", type=_above_0, default=1.0, metavar="MS", help="what a task is to cost")
    add("--uneven", type=_positive, default=1, metavar="N", help="the first tenth of the tasks costs N times as much")
    add("--execution", choices=EXECUTIONS, default="threads")
    add("--processors", type=_positive, default=_cpus(), metavar="N")
    add("--schedule", choices=sorted(SCHEDULES), default="queue")
    add("--collect", choices=sorted(COLLECTORS), default="queue", help="how threads hand in results")
    add("--batch-size", type=_positive, default=50, metavar="N")
    add("--timeout", type=_above_0, metavar="SECONDS", help="for a batch, before it counts as hanging")
    add("--attempts", type=_positive, default=2, metavar="N", help="how often a task is tried")
    add("--json", action="store_true", help="print JSON")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _above_0(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def _numbers(text: str) -> list[int]:
    return [_positive(part) for part in text.split(",")]


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# One run --------------------------------------------------------------------------------------------------------------


class _Outcomes:
    """Takes the outcomes as they come; keeps counts only, and a bit for each task: a million take hardly more room."""

    def __init__(self, kind: str, write: Callable[[list[Outcome]], None]) -> None:
        self.counts: Counter[str] = Counter()
        self.digest = 0  # the same for the same outcomes in any order
        self.errors: list[str] = []
        self.twice = 0  # outcomes of tasks that had one: must stay 0
        self.ended = Numbers()
        self._kind, self._write = kind, write

    def record(self, outcomes: list[Outcome]) -> None:
        """Count them, and pass them on."""
        self._write(outcomes)
        self.counts.update(summary(self._kind, (o.value for o in outcomes if o.status == "done")))
        for outcome in outcomes:
            self.twice += self.ended.has(outcome.number)
            self.ended.add(outcome.number)
            self.digest = (self.digest + zlib.crc32(repr(outcome).encode())) % 2**64
            if outcome.status == "failed" and len(self.errors) < 5:
                self.errors.append(f"task {outcome.number}: {outcome.error}")


def _run(options: argparse.Namespace) -> int:
    trouble = {int(number): what for number, what in options.trouble.items()}
    settings = Settings(options.kind, options.effort, trouble, options.tasks // 10, options.uneven)
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    if not options.json:
        print(
            f"Python {sys.version.split()[0]}: free-threading is {'not ' if gil else ''}active (the GIL is {'on' if gil else 'off'})"
        )
    with _Files(options) as (source, count, write):
        outcomes = _Outcomes(options.kind, write)
        crew = crew_for(options.execution, settings, options.collect)
        how = Options(options.processors, options.schedule, options.timeout, options.attempts)
        coordinator = Coordinator(crew, how, outcomes.record)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: coordinator.stop())
        run = measure(
            lambda: coordinator.run(source, count),
            execution=options.execution,
            processors=options.processors,
            schedule=options.schedule,
            collect=options.collect,
            tasks=None if options.source or options.journal else options.tasks,
        )
    _say_run(run, outcomes, options)
    return 130 if run.report.stopped else 1 if run.report.failed or run.report.not_processed else 0


class _Files:
    """Where tasks come from and outcomes go: (batches, how many if that is known, what records outcomes)."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._out: Any = None
        self._journal: Journal | None = None

    def __enter__(self) -> tuple[Iterator[Any], int | None, Callable[[list[Outcome]], None]]:
        o = self._options
        tasks: Iterator[Task] = read_tasks(o.source) if o.source else make_tasks(o.tasks)
        if o.journal:
            source = str(o.source.resolve()) if o.source else o.tasks
            about = {"kind": o.kind, "effort": o.effort, "tasks": source, "uneven": o.uneven}
            self._journal = Journal(o.journal, about)
        if o.out:
            self._out = o.out.with_name(f"{o.out.name}.part").open("w", encoding="utf-8")
        if self._journal is not None:
            return self._journal.left(tasks, o.batch_size), None, self._write
        return batches(tasks, o.batch_size), None if o.source else -(-o.tasks // o.batch_size), self._write

    def _write(self, outcomes: list[Outcome]) -> None:
        if self._journal is not None:
            self._journal.record(outcomes)  # before anything else: what it has, counts
        if self._out is not None:
            self._out.writelines(json.dumps(outcome._asdict()) + "\n" for outcome in outcomes)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._journal is not None:
            self._journal.close()
        if self._out is not None:
            self._out.close()
            part = Path(self._out.name)
            if kind is None:
                part.replace(self._options.out)
            else:
                part.unlink()


def _say_run(run: Run, outcomes: _Outcomes, options: argparse.Namespace) -> None:
    report = run.report
    if options.json:
        python = sys.version.split()[0] + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")
        data = {
            **run._asdict(),
            "report": asdict(report),
            "digest": outcomes.digest,
            "effort": options.effort,
            "python": python,
            "twice": outcomes.twice,
        }
        dashboard.print_whole(json.dumps({**data, "summary": dict(outcomes.counts), "errors": outcomes.errors}))
        return
    print(
        f"{report.done:,} done, {report.failed:,} failed, {len(report.not_processed):,} not processed, {report.retried:,} tried again"
    )
    print(f"{run.title}, {run.processors} processors, {run.schedule}: {run.seconds:.3f} s, effort {options.effort}")
    for processor, share in sorted(report.shares.items()):
        lost = f", lost {share.lost} times" if share.lost else ""
        print(
            f"  processor {processor}: {share.tasks:,} tasks, busy {share.busy_seconds:.3f} s"
            f" ({100 * share.busy_seconds / run.seconds:.0f} %), computing {share.cpu_seconds:.3f} s{lost}"
        )
    for error in outcomes.errors:
        print(f"  {error}")
    print(f"Result: {', '.join(f'{name} {count:,}' for name, count in sorted(outcomes.counts.items()))}")
    print(dashboard.timeline(run))


if __name__ == "__main__":
    sys.exit(main())
