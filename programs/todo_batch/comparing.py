"""All ways side by side: each a run in a process of its own, checked to give the same results, and shown."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from collecting import COLLECTORS
from coordinator import Report, Share, Span
from dashboard import table
from executions import EXECUTIONS
from markdown import Trial, markdown
from measures import Run, processes_of_session, profile_of
from reading import Todos
from scaling import can_have_more, scalability, usl
from scheduling import SCHEDULES
from tasks import Settings, batches, make_tasks, process_batch
from text import print_whole
from timelines import timeline, timeline_html, timeline_svg
from winner import winner
from writing import SHOWN, check_replaceable, write_whole

_GRACE_SECONDS = 2.0  # after which a process that is still there counts as left behind
_LONGEST_RUN_SECONDS = 600  # a run that takes longer hangs
_UNEVEN = 10  # how much the first tenth of the tasks costs where the report compares schedules


class Way(NamedTuple):
    """One way to do the batch."""

    python: str
    execution: str
    schedule: str
    collect: str


class SideBySide(NamedTuple):
    """Runs beside each other, with the Python of each, and whether their results are the same."""

    runs: list[Run]
    pythons: list[str]
    same: bool


def compare(options: Namespace) -> int:
    """Measure and show; returns the exit code: 0 if all ways gave the same results, else 1."""
    _check_files(options)
    pythons = dict.fromkeys([sys.executable, *options.interpreter])
    found = _measured(_ways(pythons, options.execution, options.vary, options), options, options.vary)
    best = winner(found.runs)
    if best is None:
        raise ValueError("nothing could be measured")
    python = found.pythons[found.runs.index(best)]
    scaling = _scaling(Way(python, best.execution, best.schedule, best.collect), best, options)
    besides = _besides(python, best, options) if options.report else {}
    trials = _trials(options) if options.report else []
    _say(found, best, scaling, options)
    _write(found, best, scaling, besides, trials, options)
    return 0 if found.same and all(others.same for others in besides.values()) else 1


def workload_of(options: Namespace) -> dict[str, Any]:
    """The workload as concurrency-selector takes it: what a sequential run computes for a task, and what is pickled."""
    _check_source(options.source)
    run, _ = _run_alone(Way(sys.executable, "sequential", "queue", "queue"), 1, options)
    if run is None:
        raise ValueError("the sequential run gave no result")
    (batch,) = batches(make_tasks(50), 50)
    result = process_batch(Settings(options.kind, 1), batch)
    payload_kb = (len(pickle.dumps(batch)) + len(pickle.dumps(result))) / 2 / 50 / 1024
    return profile_of(run, round(payload_kb, 3), options.processors, options.kind)


def _check_files(options: Namespace) -> None:
    """ValueError for files that cannot be used: said before anything is measured, and not by every run."""
    _check_source(options.source)
    for file in (options.report, options.timeline):
        if file is not None:
            check_replaceable(file, SHOWN)


def _check_source(source: Path | None) -> None:
    """Every run reads it anew, so it must be a file, with a todo that can be read at its begin."""
    if source is None:
        return
    todos = Todos(source)
    if todos.may_wait:
        raise ValueError(f"{todos.name}: each run reads the todos anew, so --from must be a file on a disk here")
    if next(iter(todos), None) is None:
        raise ValueError(f"{todos.name}: there are no todos in it")


# What is measured -----------------------------------------------------------------------------------------------------


def _ways(pythons: Iterable[str], execution: str, vary: str, options: Namespace) -> list[Way]:
    """The ways to compare; the first of each Python is the sequential one, the baseline."""
    found = []
    for python in pythons:
        base = Way(python, "sequential", options.schedule, options.collect)
        chosen = base._replace(execution=execution)
        if vary == "execution":
            found += [base._replace(execution=each) for each in EXECUTIONS]
        elif vary == "schedule":
            found += [base, *(chosen._replace(schedule=schedule) for schedule in SCHEDULES)]
        else:
            found += [base, *(chosen._replace(collect=collect) for collect in COLLECTORS)]
    return found


def _measured(ways: Iterable[Way], options: Namespace, vary: str) -> SideBySide:
    """A run of each way that its Python has, with its speedup over the sequential one of that Python."""
    found: list[tuple[Way, Run, dict[str, Any]]] = []
    for way in ways:
        run, data = _run_alone(way, options.processors, options)
        if run is not None:
            print(f"{_named(way, run, vary)}, Python {data['python']}: {run.seconds:.2f} s", file=sys.stderr)
            found.append((way, run, data))
    several = len({way.python for way, *_ in found}) > 1
    base = {way.python: run.seconds for way, run, _ in found if way.execution == "sequential"}
    runs = []
    for way, run, data in found:
        title = _named(way, run, vary) + f" {data['python']}" * several
        speedup = base[way.python] / run.seconds if way.python in base else None
        efficiency = speedup / run.processors if speedup else None
        runs.append(run._replace(title=title, speedup=speedup, efficiency=efficiency))
    return SideBySide(runs, [way.python for way, *_ in found], len({data["digest"] for *_, data in found}) == 1)


def _named(way: Way, run: Run, vary: str) -> str:
    """The run's title, with what is varied."""
    what = {"schedule": way.schedule, "collect": way.collect}.get(vary, "")
    return f"{run.title}, {what}" if what and way.execution != "sequential" else run.title


def _scaling(way: Way, best: Run, options: Namespace) -> list[tuple[int, float]]:
    """(Processors, speedup over one processor) of one way; nothing where there is only ever one.

    One processor is always measured: what the others are compared with is never taken for granted.
    """
    if not can_have_more(best):
        return []
    base, _ = _run_alone(way, 1, options)
    if base is None:
        return []
    others = [(n, _run_alone(way, n, options)[0]) for n in sorted({*options.scaling} - {1})]
    return [(1, 1.0), *((n, base.seconds / run.seconds) for n, run in others if run is not None)]


def _besides(python: str, best: Run, options: Namespace) -> dict[str, SideBySide]:
    """For the report: schedules with batches that are not even, and ways to hand in results, by what they are called."""
    uneven = max(options.uneven, 1 if options.source else _UNEVEN)
    execution = best.execution if best.execution != "sequential" else "threads"
    changed = Namespace(**{**vars(options), "uneven": uneven})
    named = f"Schedules, where the first tenth of the tasks costs {uneven} times as much" if uneven > 1 else "Schedules"
    return {
        named: _measured(_ways([python], execution, "schedule", options), changed, "schedule"),
        "Ways to hand in results": _measured(_ways([python], "threads", "collect", options), options, "collect"),
    }


def _trials(options: Namespace) -> list[Trial]:
    """What happens when things go wrong: runs into which failures are thrown, for the report."""
    trials = []
    for execution, what in (("threads", ("raise!",)), ("processes", ("raise!", "kill", "hang!"))):
        trouble = {str(5 + 40 * place): event for place, event in enumerate(what)}
        way = Way(sys.executable, execution, options.schedule, options.collect)
        run, data = _run_alone(way, options.processors, options, "--trouble", json.dumps(trouble), "--timeout", "2")
        if run is not None:
            report = run.report
            told = f"{execution}: {', '.join(event.rstrip('!') for event in what)}"
            left, twice = len(report.not_processed), data["twice"]
            lost = run.tasks - (report.done + report.failed - twice) - left
            counts = (run.tasks, report.done, report.failed, left, lost, twice, data["orphans"])
            trials.append(Trial(told, *counts, tuple(data["errors"])))
    return trials


# One run in a process of its own --------------------------------------------------------------------------------------


def _run_alone(way: Way, processors: int, options: Namespace, *more: str) -> tuple[Run | None, dict[str, Any]]:
    """One run, and all that it said; (None, {}) where this Python cannot do it."""
    command = [way.python, os.path.dirname(os.path.abspath(__file__)), "run", "--json", "--execution", way.execution]
    command += ["--processors", str(1 if way.execution == "sequential" else processors)]
    command += ["--kind", options.kind, "--effort", str(options.effort), "--uneven", str(options.uneven)]
    command += ["--schedule", way.schedule, "--collect", way.collect, "--batch-size", str(options.batch_size)]
    command += ["--attempts", str(options.attempts)]
    command += ["--timeout", str(options.timeout)] if options.timeout else []
    command += ["--from", str(options.source)] if options.source else ["--tasks", str(options.tasks)]
    command += ["--strict"] if options.strict else []
    try:
        done, orphans = _completed([*command, *more])
        data = {**json.loads(done.stdout), "orphans": orphans}
    except subprocess.TimeoutExpired:
        print(
            f"{way.execution} under {way.python} was left out: it took over {_LONGEST_RUN_SECONDS} s", file=sys.stderr
        )
    except ValueError:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        print(f"{way.execution} under {way.python} was left out: {said}", file=sys.stderr)
    else:
        if data["error"] is None:
            return _run_from(data), data
        print(f"{way.execution} under {way.python} was left out: {data['error']}", file=sys.stderr)
    return None, {}


def _completed(command: list[str]) -> tuple[subprocess.CompletedProcess[str], int | None]:
    """What a command said in the end, and how many of its processes are still there then (None: that cannot be seen)."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, errors = process.communicate(timeout=_LONGEST_RUN_SECONDS)
        except BaseException:
            process.terminate()  # it ends its processors, and then itself
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
            process.kill()
            raise
    until = time.monotonic() + _GRACE_SECONDS
    while (left := processes_of_session(process.pid)) and time.monotonic() < until:
        time.sleep(0.01)  # multiprocessing's own helpers end when they notice that the program has
    return subprocess.CompletedProcess(command, process.returncode, out, errors), left


def _run_from(data: dict[str, Any]) -> Run:
    report = data["report"]
    shares = {int(number): Share(**share) for number, share in report["shares"].items()}
    spans = [Span(*span) for span in report["spans"]]
    idle = {int(number): seconds for number, seconds in data["idle_seconds"].items()}
    made = Report(**{**report, "shares": shares, "spans": spans})
    return Run(**{name: data[name] for name in Run._fields} | {"report": made, "idle_seconds": idle})


# What is shown --------------------------------------------------------------------------------------------------------


def _say(found: SideBySide, best: Run, scaling: list[tuple[int, float]], options: Namespace) -> None:
    """The dashboard."""
    if options.json:
        runs = [{**run._asdict(), "report": asdict(run.report)} for run in found.runs]
        print_whole(json.dumps({"runs": runs, "scaling": scaling, "same_results": found.same}))
        return
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(table(found.runs, utf8=utf8))
    print("\nAll ways gave the same results." if found.same else "\nThe results DIFFER: that must not be.")
    print(f"\n{timeline(best)}")
    if len(scaling) != 1:
        print(f"\n{scalability(best, scaling, usl(scaling))}")


def _write(
    found: SideBySide,
    best: Run,
    scaling: Sequence[tuple[int, float]],
    besides: dict[str, SideBySide],
    trials: Sequence[Trial],
    options: Namespace,
) -> None:
    """The files that were asked for, whole or not at all."""
    html = options.timeline is not None and options.timeline.suffix == ".html"
    picture = timeline_html if html else timeline_svg
    others = {title: compared.runs for title, compared in besides.items()}
    files: list[tuple[Path | None, Callable[[], str]]] = [
        (options.report, lambda: markdown(found.runs, scaling, trials=trials, besides=others)),
        (options.timeline, lambda: picture(best)),
    ]
    for file, text in files:
        if file is not None:
            write_whole(file, text(), SHOWN)
            print(f"{file}: written", file=sys.stderr)
