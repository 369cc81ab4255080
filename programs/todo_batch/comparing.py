"""All ways side by side: measured by the harness, shown, and written as a report, as results or as a decision."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from collecting import COLLECTORS
from complexity import counted
from contents import sections_of
from dashboard import limits, scaled, table, worth
from decision import Prices, decision
from executions import EXECUTIONS, crew_for
from machine import machine
from measures import Run, processes_of_session, profile_of
from measuring import Session, Way, measured
from page import PAGES, written_for
from reading import Todos
from records import built
from results import (
    MARK,
    PROGRAM,
    SCHEMA,
    Comparison,
    Measured,
    Trial,
    Work,
    as_json,
    left_out,
    points,
    read_results,
    ways,
)
from scaling import scalability, usl
from scheduling import SCHEDULES
from tasks import Settings, batches, make_tasks, process_batch
from text import in_lines, print_whole
from timelines import timeline
from winner import fastest
from writing import SHOWN, check_replaceable, write_whole

TITLE = "Todo batch processing"
_GRACE_SECONDS = 2.0  # after which a process that is still there counts as left behind
_LONGEST_RUN_SECONDS = 600  # a run that takes longer hangs
_UNEVEN = 10  # how much the first tenth of the tasks costs where the report compares schedules
_BESIDES_PART = 0.25  # of the budget, for each comparison beside the main one


def compare(options: Namespace) -> int:
    """Measure and show; returns the exit code: 0 if all ways gave the same results, else 1."""
    _check(options)
    tasks = _count(options)
    sizes = sorted({1, options.processors, *options.scaling})
    session = measured(_ways(options.vary, options.execution, options), options, tasks, sizes, options.budget)
    whole = bool(options.report or options.results)
    found = _comparison(session, tasks, options)
    best = fastest(found)
    found = found._replace(
        besides=_besides(best, tasks, options) if whole else {},
        trials=tuple(_trials(options)) if whole else (),
        shown=_shown(best, session.paths[best.python], options),
    )
    _say(found, options)
    _write(found, options)
    return 0 if found.same_results else 1


def report(options: Namespace) -> int:
    """The report, or the user's own document, of results that `compare` has kept."""
    if options.output is not None:
        check_replaceable(options.output, SHOWN)
        if options.decision and options.output.suffix.lower() in PAGES:
            raise ValueError(
                f"{options.output}: the decision is Markdown: name a .md, or leave --decision out for a page"
            )
    found = read_results(options.results)
    prices = Prices(options.core_hour_price, options.gb_hour_price)
    if options.decision:
        text = decision(found, prices)
    else:
        text = written_for(options.output or Path("report.md"), TITLE, sections_of(found), as_json(found, indent=None))
    if options.output is None:
        print_whole(text)
    else:
        write_whole(options.output, text, SHOWN)
        print(f"{options.output}: written", file=sys.stderr)
    return 0


def workload_of(options: Namespace) -> dict[str, Any]:
    """The workload as concurrency-selector takes it: what a sequential run computes for a task, and what is pickled."""
    _check_source(options.source)
    run, _ = _run_alone(Way("sequential", "queue", "queue"), 1, options)
    if run is None:
        raise ValueError("the sequential run gave no result")
    (batch,) = batches(make_tasks(50), 50)
    result = process_batch(Settings(options.kind, 1), batch)
    payload_kb = (len(pickle.dumps(batch)) + len(pickle.dumps(result))) / 2 / 50 / 1024
    return profile_of(run, round(payload_kb, 3), options.processors, options.kind)


def _check(options: Namespace) -> None:
    """ValueError for files and engines that cannot be used: said before anything is measured, and not by every run."""
    _check_source(options.source)
    for engine in options.engine:
        crew_for(engine, Settings(options.kind, 1)).close()
    if options.results is not None and options.results.suffix.lower() in PAGES:
        raise ValueError(f"{options.results}: --results are JSON: name a .json, and the page lies beside it")
    for file, mark in _files(options):
        check_replaceable(file, mark)


def _files(options: Namespace) -> list[tuple[Path, str]]:
    """What is to be written, each with what is near its begin: the reports, the results, and the page beside these."""
    files = [(file, SHOWN) for file in options.report]
    kept = [(options.results, MARK), (page_beside(options.results), SHOWN)] if options.results else []
    return list(dict.fromkeys([*kept, *files]))


def page_beside(results: Path) -> Path:
    """`report.html` beside `results.json`, `report-2.html` beside `results-2.json`; else the same name."""
    return results.with_name(f"{results.stem.replace('results', 'report')}.html")


def _check_source(source: Path | None) -> None:
    """Every run reads it anew, so it must be a file, with a todo that can be read at its begin."""
    if source is None:
        return
    todos = Todos(source)
    if todos.may_wait:
        raise ValueError(f"{todos.name}: each run reads the todos anew, so --from must be a file on a disk here")
    if next(iter(todos), None) is None:
        raise ValueError(f"{todos.name}: there are no todos in it")


def _count(options: Namespace) -> int:
    """How many tasks there are: of a file, at most as many as --tasks says, so that a measurement has an end."""
    if options.source is None:
        return int(options.tasks)
    return sum(1 for _ in islice(Todos(options.source, strict=options.strict), options.tasks))


# What is measured -----------------------------------------------------------------------------------------------------


def _ways(vary: str, execution: str, options: Namespace) -> Iterator[Way]:
    """The ways to compare; the harness adds the sequential one, the baseline."""
    chosen = Way(execution, options.schedule, options.collect)
    for name in EXECUTIONS if vary in ("all", "execution") else [execution]:
        for schedule in SCHEDULES if vary in ("all", "schedule") else [options.schedule]:
            for collect in COLLECTORS if vary == "collect" else [options.collect]:
                yield chosen._replace(execution=name, schedule=schedule, collect=collect)
    for engine in options.engine if vary in ("all", "execution") else ():
        yield Way(engine, "queue", "queue")  # its broker hands out


def _comparison(session: Session, tasks: int, options: Namespace) -> Comparison:
    folder = Path(__file__).resolve().parent
    source = None if options.source is None else options.source.name
    kind, size = options.kind, options.batch_size
    return Comparison(
        program=PROGRAM,
        schema=SCHEMA,
        at=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        machine=machine(session.pythons),
        work=Work(
            kind,
            session.tasks,
            tasks,
            session.task_ms,
            session.task_wall_ms,
            options.effort,
            size,
            options.uneven,
            source,
        ),
        measured=tuple(session.rows),
        same_results=session.differed == 0,
        measurements=session.measurements,
        differed=session.differed,
        seconds=session.seconds,
        seed=session.seed,
        noise=session.noise,
        code=counted(folder, SCHEDULES, EXECUTIONS, COLLECTORS),
    )


def _besides(best: Measured, tasks: int, options: Namespace) -> dict[str, tuple[Measured, ...]]:
    """Schedules with batches that are not even, and ways to hand in results, by what they are called."""
    uneven = max(options.uneven, 1 if options.source else _UNEVEN)
    execution = best.execution if not best.baseline else "threads"
    changed = Namespace(**{**vars(options), "uneven": uneven})
    budget = _BESIDES_PART * options.budget
    named = f"Schedules, where the first tenth of the tasks costs {uneven} times as much" if uneven > 1 else "Schedules"
    found = {}
    for title, vary, name, how in (
        (named, "schedule", execution, changed),
        ("Ways to hand in results", "collect", "threads", options),
    ):
        print(f"{title}:", file=sys.stderr)
        try:
            session = measured(_ways(vary, name, options), how, tasks, [options.processors], budget)
        except ValueError as error:  # the budget was too short for it: the rest counts all the same
            print(f"{title} were left out: {error}", file=sys.stderr)
        else:
            found[title] = tuple(session.rows)
    return found


# Runs in a process of their own: to see who worked when, and what comes of failures -----------------------------------


def _shown(best: Measured, python: str, options: Namespace) -> Run | None:
    """One more run of the fastest way, with who worked when."""
    run, _ = _run_alone(Way(best.execution, best.schedule, best.collect), best.processors, options, python=python)
    return run


def _trials(options: Namespace) -> Iterator[Trial]:
    """What happens when things go wrong: runs into which failures are thrown."""
    for execution, what in (("threads", ("raise!",)), ("processes", ("raise!", "kill", "hang!"))):
        trouble = {str(5 + 40 * place): event for place, event in enumerate(what)}
        way = Way(execution, options.schedule, options.collect)
        run, data = _run_alone(way, options.processors, options, "--trouble", json.dumps(trouble), "--timeout", "2")
        if run is not None:
            done = run.report
            told = f"{execution}: {', '.join(event.rstrip('!') for event in what)}"
            left, twice = len(done.not_processed), data["twice"]
            lost = max(0, run.tasks - (done.done + done.failed - twice) - left)
            counts = (run.tasks, done.done, done.failed, left, lost, twice, data["orphans"])
            yield Trial(told, *counts, tuple(data["errors"]))


def _run_alone(
    way: Way, processors: int, options: Namespace, *more: str, python: str = sys.executable
) -> tuple[Run | None, dict[str, Any]]:
    """One run, and all that it said; (None, {}) where this Python cannot do it."""
    command = [python, os.path.dirname(os.path.abspath(__file__)), "run", "--json", "--execution", way.execution]
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
        print(f"{way.execution} was left out: it took over {_LONGEST_RUN_SECONDS} s", file=sys.stderr)
    except ValueError:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        print(f"{way.execution} was left out: {said}", file=sys.stderr)
    else:
        if data["error"] is None:
            return built(Run, data), data
        print(f"{way.execution} was left out: {data['error']}", file=sys.stderr)
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


# What is shown --------------------------------------------------------------------------------------------------------


def _say(found: Comparison, options: Namespace) -> None:
    """The dashboard."""
    if options.json:
        print_whole(as_json(found))
        return
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(table(found, utf8=utf8))
    same = f"All ways gave the same results, {found.measurements:,} measurements."
    print(f"\n{same if found.same_results else 'The results DIFFER: that must not be.'}")
    for reason, names in left_out(found).items():
        print(in_lines(f"Not measured ({reason}): {'; '.join(names)}", utf8=utf8))
    if found.shown is not None:
        print(f"\n{timeline(found.shown, whole=True)}")
    print(f"\n{scaled(found, utf8=utf8)}")
    for rows in ways(found.rows):
        if fastest(found) in rows and len(scale := points(rows)) > 1:
            print(f"\n{scalability(rows[0], scale, usl(scale), cpus=found.machine.cpus)}")
    for text in (limits(found, utf8=utf8), worth(found, utf8=utf8)):
        if text:
            print(f"\n{text}")


def _write(found: Comparison, options: Namespace) -> None:
    """The files that were asked for, whole or not at all."""
    sections, data = sections_of(found), as_json(found, indent=None)
    for file, mark in _files(options):
        text = as_json(found) + "\n" if mark == MARK else written_for(file, TITLE, sections, data)
        write_whole(file, text, mark)
        print(f"{file}: written", file=sys.stderr)
