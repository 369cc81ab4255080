"""A batch of todos, worked through in parallel, by processors that may fail; and a benchmark of the ways to do that.

    python todo_batch run                         work through 2,000 made-up tasks, in threads
    python todo_batch run --from todos.csv --execution processes --journal run.db --out results.jsonl
    python todo_batch compare                     every way this Python has, side by side
    python todo_batch compare --interpreter python3.14t --report report.md --timeline timeline.html

Read the modules in this order: tasks, scheduling, executions, collecting, coordinator, journal, measures, dashboard.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import signal
import subprocess
import sys
import sysconfig
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dashboard
from collecting import COLLECTORS
from coordinator import Coordinator, Options, Report, Share, Span
from executions import EXECUTIONS, crew_for
from journal import Journal, Numbers
from measures import Run, measure, processes_of_session, profile_of, usl
from scheduling import SCHEDULES
from tasks import KINDS, Outcome, Settings, Task, batches, make_tasks, process_batch, read_tasks, summary

_GRACE_SECONDS = 2.0  # after which a process that is still there counts as left behind
_CELL_SECONDS = 600  # a run of `compare` that takes longer hangs


def main() -> int:
    """Run the command line; returns the exit code: 0 done, 1 some tasks failed or results differ, 2 bad input, 130 told to stop."""
    options = _arguments()
    try:
        return _run(options) if options.command == "run" else _compare(options)
    except (ValueError, TypeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="todo_batch", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (("run", "work through tasks"), ("compare", "do so in every way, and compare")):
        command = commands.add_parser(name, help=about)
        command.add_argument("--kind", choices=sorted(KINDS), default="validate", help="what processors do")
        command.add_argument("--tasks", type=_positive, default=2000, metavar="N", help="so many made-up tasks")
        command.add_argument("--from", dest="source", type=Path, metavar="FILE", help="the todos of a CSV or JSON file")
        command.add_argument("--effort", type=_positive, metavar="N", help="what a task costs (default: as --task-ms)")
        command.add_argument("--task-ms", type=float, default=1.0, metavar="MS", help="what a task is to cost")
        command.add_argument("--processors", type=_positive, default=_cpus(), metavar="N")
        command.add_argument("--schedule", choices=sorted(SCHEDULES), default="queue")
        command.add_argument(
            "--collect", choices=sorted(COLLECTORS), default="queue", help="how threads hand in results"
        )
        command.add_argument("--batch-size", type=_positive, default=50, metavar="N")
        command.add_argument(
            "--timeout", type=float, metavar="SECONDS", help="for a batch, before it counts as hanging"
        )
        command.add_argument("--attempts", type=_positive, default=2, metavar="N", help="how often a task is tried")
        command.add_argument("--json", action="store_true", help="print JSON")
        if name == "run":
            command.add_argument("--execution", choices=EXECUTIONS, default="threads")
            command.add_argument("--journal", type=Path, metavar="FILE", help="go on where a killed run was")
            command.add_argument("--out", type=Path, metavar="FILE", help="write each outcome, a line of JSON")
            command.add_argument("--trouble", type=json.loads, default={}, help=argparse.SUPPRESS)
        else:
            command.add_argument(
                "--interpreter", action="append", default=[], metavar="PATH", help="also under this Python"
            )
            command.add_argument(
                "--scaling", type=_numbers, default=[1, 2, 4, 8], metavar="N,N", help="processor counts"
            )
            command.add_argument("--report", type=Path, metavar="FILE", help="write a Markdown report")
            command.add_argument("--timeline", type=Path, metavar="FILE", help="write who worked when (.svg or .html)")
            command.add_argument(
                "--profile", type=Path, metavar="FILE", help="write the workload, for concurrency-selector"
            )
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


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
    effort = options.effort or _effort_for(options.kind, options.task_ms)
    settings = Settings(options.kind, effort, {int(number): what for number, what in options.trouble.items()})
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    if not options.json:
        print(
            f"Python {sys.version.split()[0]}: free-threading is {'not ' if gil else ''}active (the GIL is {'on' if gil else 'off'})"
        )
    with _Files(options, effort) as (source, count, write):
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
    _say_run(run, outcomes, effort, options)
    return 130 if run.report.stopped else 1 if run.report.failed or run.report.not_processed else 0


class _Files:
    """Where tasks come from and outcomes go: (batches, how many if that is known, what records outcomes)."""

    def __init__(self, options: argparse.Namespace, effort: int) -> None:
        self._options, self._effort = options, effort
        self._out: Any = None
        self._journal: Journal | None = None

    def __enter__(self) -> tuple[Iterator[Any], int | None, Callable[[list[Outcome]], None]]:
        o = self._options
        tasks: Iterator[Task] = read_tasks(o.source) if o.source else make_tasks(o.tasks)
        if o.journal:
            source = str(o.source.resolve()) if o.source else o.tasks
            self._journal = Journal(o.journal, {"kind": o.kind, "effort": self._effort, "tasks": source})
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


def _effort_for(kind: str, task_ms: float) -> int:
    """The effort with which a task costs so much on this Python."""
    (batch,) = batches(make_tasks(20), 20)
    effort, took = 1, 0.0
    while took < 0.02:
        effort *= 4
        result = min((process_batch(Settings(kind, effort), batch) for _ in range(2)), key=lambda r: r.cpu_seconds)
        took = result.cpu_seconds
    return max(1, round(effort * task_ms / (took * 1000 / 20)))


def _say_run(run: Run, outcomes: _Outcomes, effort: int, options: argparse.Namespace) -> None:
    report = run.report
    if options.json:
        python = sys.version.split()[0] + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")
        data = {
            **run._asdict(),
            "report": asdict(report),
            "digest": outcomes.digest,
            "effort": effort,
            "python": python,
            "twice": outcomes.twice,
        }
        print(json.dumps({**data, "summary": dict(outcomes.counts), "errors": outcomes.errors}))
        return
    print(
        f"{report.done:,} done, {report.failed:,} failed, {len(report.not_processed):,} not processed, {report.retried:,} tried again"
    )
    print(f"{run.title}, {run.processors} processors, {run.schedule}: {run.seconds:.3f} s, effort {effort}")
    for processor, share in sorted(report.shares.items()):
        lost = f", lost {share.lost} times" if share.lost else ""
        print(
            f"  processor {processor}: {share.tasks:,} tasks, busy {share.busy_seconds:.3f} s, idle {run.idle_seconds[processor]:.3f} s{lost}"
        )
    for error in outcomes.errors:
        print(f"  {error}")
    print(f"Result: {', '.join(f'{name} {count:,}' for name, count in sorted(outcomes.counts.items()))}")
    print(dashboard.timeline(run))


# All ways -------------------------------------------------------------------------------------------------------------


def _compare(options: argparse.Namespace) -> int:
    effort = options.effort or _effort_for(options.kind, options.task_ms)
    pythons = list(dict.fromkeys([sys.executable, *options.interpreter]))
    found: list[tuple[str, Run]] = []  # with its Python
    digests: set[int] = set()
    for python in pythons:
        cells = [_cell(python, execution, options.processors, effort, options) for execution in EXECUTIONS]
        measured = [(_titled(run, data, pythons), data["digest"]) for run, data in cells if run is not None]
        digests.update(digest for _, digest in measured)
        found += [(python, run) for run in _with_speedups([run for run, _ in measured])]
    if not found:
        raise ValueError("nothing could be measured")
    python, best = min(found, key=lambda pair: pair[1].seconds)
    points = [
        (n, run.seconds) for n in options.scaling if (run := _cell(python, best.execution, n, effort, options)[0])
    ]
    scaling = [(n, points[0][1] * points[0][0] / seconds) for n, seconds in points]
    trials = _trials(effort, options) if options.report else []
    _say_comparison([run for _, run in found], best, scaling, trials, same=len(digests) == 1, options=options)
    return 0 if len(digests) == 1 else 1


def _titled(run: Run, data: dict[str, Any], pythons: Sequence[str]) -> Run:
    """The run with its Python in the title, where there are several."""
    print(f"{run.title}, Python {data['python']}: {run.seconds:.2f} s", file=sys.stderr)
    return run._replace(title=f"{run.title} {data['python']}") if len(pythons) > 1 else run


def _cell(
    python: str, execution: str, processors: int, effort: int, options: argparse.Namespace, *more: str
) -> tuple[Run | None, dict[str, Any]]:
    """One run in a process of its own, and all that it said; (None, {}) where this Python cannot do it."""
    if execution == "sequential":
        processors = 1
    command = [python, os.path.dirname(os.path.abspath(__file__)), "run", "--json", "--execution", execution]
    command += ["--kind", options.kind, "--effort", str(effort), "--processors", str(processors)]
    command += ["--schedule", options.schedule, "--collect", options.collect, "--batch-size", str(options.batch_size)]
    command += ["--attempts", str(options.attempts)]
    command += ["--timeout", str(options.timeout)] if options.timeout else []
    command += ["--from", str(options.source)] if options.source else ["--tasks", str(options.tasks)]
    try:
        done, orphans = _completed([*command, *more])
        data = {**json.loads(done.stdout), "orphans": orphans}
    except subprocess.TimeoutExpired:
        print(f"{execution} under {python} was left out: it took over {_CELL_SECONDS} s", file=sys.stderr)
    except ValueError:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        print(f"{execution} under {python} was left out: {said}", file=sys.stderr)
    else:
        return _run_from(data), data
    return None, {}


def _completed(command: list[str]) -> tuple[subprocess.CompletedProcess[str], int | None]:
    """What a command said in the end, and how many of its processes are still there then (None: that cannot be seen)."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, errors = process.communicate(timeout=_CELL_SECONDS)
        except BaseException:
            process.kill()
            raise
    until = time.monotonic() + _GRACE_SECONDS
    while (left := processes_of_session(process.pid)) and time.monotonic() < until:
        time.sleep(0.01)  # multiprocessing's own helpers end when they notice that the program has
    return subprocess.CompletedProcess(command, process.returncode, out, errors), left


def _trials(effort: int, options: argparse.Namespace) -> list[dashboard.Trial]:
    """What happens when things go wrong: runs into which failures are thrown, for the report."""
    trials = []
    for execution, what in (("threads", ("raise!",)), ("processes", ("raise!", "kill", "hang!"))):
        trouble = {str(5 + 40 * place): event for place, event in enumerate(what)}
        more = ("--trouble", json.dumps(trouble), "--timeout", "2")
        run, data = _cell(sys.executable, execution, options.processors, effort, options, *more)
        if run is not None:
            report = run.report
            told = f"{execution}: {', '.join(event.rstrip('!') for event in what)}"
            left, twice = len(report.not_processed), data["twice"]
            lost = run.tasks - (report.done + report.failed - twice) - left
            counts = (run.tasks, report.done, report.failed, left, lost, twice, data["orphans"])
            trials.append(dashboard.Trial(told, *counts))
    return trials


def _run_from(data: dict[str, Any]) -> Run:
    report = data["report"]
    shares = {int(number): Share(**share) for number, share in report["shares"].items()}
    spans = [Span(*span) for span in report["spans"]]
    idle = {int(number): seconds for number, seconds in data["idle_seconds"].items()}
    made = Report(**{**report, "shares": shares, "spans": spans})
    return Run(**{name: data[name] for name in Run._fields} | {"report": made, "idle_seconds": idle})


def _with_speedups(runs: Sequence[Run]) -> list[Run]:
    """The runs of one Python, with their speedup over its sequential one."""
    base = next((run.seconds for run in runs if run.execution == "sequential"), None)
    if base is None:
        return list(runs)
    return [run._replace(speedup=base / run.seconds, efficiency=base / run.seconds / run.processors) for run in runs]


def _say_comparison(
    runs: list[Run],
    best: Run,
    scaling: list[tuple[int, float]],
    trials: Sequence[dashboard.Trial],
    *,
    same: bool,
    options: argparse.Namespace,
) -> None:
    """The dashboard, and the files that were asked for."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    if options.json:
        print(
            json.dumps(
                {
                    "runs": [{**run._asdict(), "report": asdict(run.report)} for run in runs],
                    "scaling": scaling,
                    "same_results": same,
                }
            )
        )
    else:
        print(dashboard.table(runs, utf8=utf8))
        print("\nAll ways gave the same results." if same else "\nThe results DIFFER: that must not be.")
        print(f"\n{best.title}:\n{dashboard.timeline(best)}")
        if len(scaling) > 1:
            print(f"\n{dashboard.scalability(scaling, usl(scaling))}")
    html = options.timeline is not None and options.timeline.suffix == ".html"
    picture = dashboard.timeline_html if html else dashboard.timeline_svg
    files: list[tuple[Path | None, Callable[[], str]]] = [
        (options.report, lambda: dashboard.markdown(runs, scaling, trials=trials)),
        (options.timeline, lambda: picture(best)),
        (options.profile, lambda: json.dumps(_profile(runs[0], options), indent=2) + "\n"),
    ]
    for file, text in files:
        if file is not None:
            part = file.with_name(f"{file.name}.part")
            part.write_text(text(), encoding="utf-8")
            part.replace(file)
            print(f"{file}: written", file=sys.stderr)


def _profile(run: Run, options: argparse.Namespace) -> dict[str, Any]:
    """The workload as concurrency-selector takes it, with what a task and its outcome come to when they are pickled."""
    (batch,) = batches(make_tasks(50), 50)
    result = process_batch(Settings(options.kind, 1), batch)
    payload_kb = (len(pickle.dumps(batch)) + len(pickle.dumps(result))) / 2 / 50 / 1024
    return profile_of(run, round(payload_kb, 3), _cpus(), options.kind)


if __name__ == "__main__":
    sys.exit(main())
