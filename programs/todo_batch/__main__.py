"""A batch of todos, worked through in parallel, by processors that may fail; and a benchmark of the ways to do that.

    python todo_batch run                         work through 2,000 made-up tasks, in threads
    python todo_batch run --from todos.csv --execution processes --journal run.db --out results.jsonl
                                                  again, it goes on where it was, and results.jsonl has every task once
    python todo_batch run --crew validate=1,report=2 --execution processes
                                                  a pipeline of several kinds: which is the bottleneck, who waits for whom
    python todo_batch run --execution celery      by workers of Celery, with a redis-server of this run
    python todo_batch compare                     every way this Python has, side by side, for three minutes
    python todo_batch compare --interpreter python3.14t --report report.md --report report.html
    python todo_batch compare --vary schedule --execution processes --uneven 10 --budget 60
    python todo_batch compare --results results.json
    python todo_batch report results.json --decision -o DECISION.md --core-hour-price 0.04 --gb-hour-price 0.005
    python todo_batch race                        what a collector without a lock loses, and why a lock or a queue does not
    python todo_batch profile                     the workload, as concurrency-selector takes it

Exit codes: 0 done; 1 some tasks failed, or results differ; 2 bad input or usage; 3 the run could not go on (a full
disk, a locked journal, no room for the processors); 130 stopped by Ctrl-C or SIGTERM.

Read the modules in this order: tasks, scheduling, crew and its kinds (crew_threads, crew_processes, crew_asyncio, service,
crew_agents, crew_engines and engine_work), executions, collecting, racing, mixed, coordinator, journal, reading, writing, running, measures, waits;
then, of comparing them, measuring, results, winner, scaling, limits, complexity, dashboard, timelines, blocks, contents, markdown, page, decision,
comparing. text has what they print with, records reads their files, machine says where they ran.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from collecting import COLLECTORS
from comparing import compare, report, workload_of
from executions import AWAITING, ENGINES, EXECUTIONS
from journal import begun_with
from mixed import ARRANGEMENTS, Part, parts_of
from racing import race
from running import BAD_INPUT, CANNOT_GO_ON, STOPPED, run
from scheduling import SCHEDULES
from tasks import KINDS, CannotGoOn, effort_for
from text import printable
from writing import check_apart


def main() -> int:
    """Run the command line; returns the exit code, and says in a line what went wrong."""
    _open_streams()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell lets what runs in the background ignore the first
        signal.signal(number, _interrupt)
    try:
        return _command(_arguments())
    except (ValueError, TypeError) as error:
        return _refused(error, BAD_INPUT)
    except CannotGoOn as error:
        return _refused(error, CANNOT_GO_ON)
    except MemoryError:
        return _refused("there is no memory left: take fewer --processors, or smaller batches", CANNOT_GO_ON)
    except KeyboardInterrupt:
        return _refused("stopped", STOPPED)


def _command(options: argparse.Namespace) -> int:
    """Do it, and print all of it: what cannot be printed is said."""
    if options.command != "race":
        _prepare(options)
    commands = {"run": run, "compare": compare, "report": report, "race": race, "profile": _profile}
    try:
        code = commands[options.command](options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has gone (`| head`): that is its right
        _drop_output()
        return 0
    except OSError as error:
        _drop_output()
        return _refused(f"the output cannot be written: {error.strerror or error}", CANNOT_GO_ON)
    return code


def _prepare(options: argparse.Namespace) -> None:
    """What is to be done with tasks: its files are apart, and it is known what a task costs."""
    files = {f"--{name}": getattr(options, name, None) for name in ("journal", "out", "results", "output")}
    files |= {f"--report {file}": file for file in getattr(options, "report", ())}
    check_apart({"--from": getattr(options, "source", None), **files})
    if options.command == "report":
        return
    before = None if options.effort else _effort_before(options)
    parts: tuple[Part, ...] = getattr(options, "crew", ())
    if parts:
        kept = before if isinstance(before, dict) else {}
        given = {part.kind: options.effort or kept.get(part.kind) for part in parts}
        options.efforts = {p.kind: given[p.kind] or effort_for(p.kind, p.task_ms or options.task_ms) for p in parts}
        options.kind, options.effort = parts[0].kind, options.efforts[parts[0].kind]
        options.processors = sum(part.processors for part in parts)
    else:
        before = before if isinstance(before, int) else None
        options.efforts = {}
        options.effort = options.effort or before or effort_for(options.kind, options.task_ms)


def _refused(error: object, code: int) -> int:
    print(f"error: {printable(str(error))}", file=sys.stderr)
    return code


def _interrupt(_: int, __: Any) -> None:
    """Ctrl-C and SIGTERM are one."""
    raise KeyboardInterrupt


def _open_streams() -> None:
    """Where a standard stream is closed (`>&-`), open nothing in its place: else the next file would get its number.

    What a stream cannot show it shows as an escape.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if not _is_open(descriptor):
            nothing = os.open(os.devnull, os.O_RDWR)  # it gets this number, the lowest that is free
            os.set_inheritable(nothing, True)
            setattr(sys, name, os.fdopen(nothing, "r" if name == "stdin" else "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _drop_output() -> None:
    """What is still to be printed goes nowhere, or the interpreter would try it again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _effort_before(options: argparse.Namespace) -> int | dict[str, int] | None:
    """The effort of the run that this one goes on with (by kind, where there are several): measured again, it would be
    another, and other work.
    """
    journal = getattr(options, "journal", None)
    effort = begun_with(journal).get("effort") if journal else None
    found = effort.values() if isinstance(effort, dict) else [effort]
    if effort is not None and any(type(each) is not int or each < 1 for each in found):
        raise ValueError(f"{journal}: a journal of another program, or a damaged one: its effort is {effort!r}")
    return effort


def _profile(options: argparse.Namespace) -> int:
    print(json.dumps(workload_of(options), indent=2))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="todo_batch", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    _add_run(commands.add_parser("run", help="work through tasks"))
    comparison = commands.add_parser("compare", help="do so in every way, and compare")
    _common(comparison)
    add = comparison.add_argument
    add("--vary", choices=("all", "execution", "schedule", "collect"), default="all", help="what to compare")
    add("--interpreter", action="append", default=[], metavar="PATH", help="also under this Python")
    add(
        "--engine", action="append", choices=ENGINES, default=[], help="also workers of this engine, which is installed"
    )
    add("--scaling", type=_numbers, default=[1, 2, 4, 8], metavar="N,N", help="processor counts for every way")
    add("--budget", type=_above_0, default=180.0, metavar="SECONDS", help="for the measurements")
    add("--seed", type=int, metavar="N", help="of the order of the measurements")
    _reports(comparison, "compare more, throw failures in, and write a report")
    add("--results", type=Path, metavar="FILE", help="the same, as JSON that `report` reads, and as a page beside it")
    told = commands.add_parser("report", help="what `compare --results FILE` measured, as a report or a decision")
    told.add_argument("results", type=Path, metavar="FILE")
    told.add_argument("--decision", action="store_true", help="the document that says what you run, and why")
    told.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write it to a file: a page where it ends in .html"
    )
    told.add_argument("--core-hour-price", type=_above_0, metavar="PRICE", help="of a core for an hour, for --decision")
    told.add_argument("--gb-hour-price", type=_above_0, metavar="PRICE", help="of a GB of memory for an hour")
    profile = commands.add_parser("profile", help="print the workload of a sequential run, for concurrency-selector")
    _common(profile)
    contest = commands.add_parser("race", help="show what a collector without a lock loses")
    contest.add_argument("--processors", type=_positive, default=4, metavar="N", help="threads that hand in results")
    contest.add_argument("--results", type=_positive, default=25_000, metavar="N", help="that each of them hands in")
    contest.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    _check_together(options, parser)
    return options


def _add_run(run: argparse.ArgumentParser) -> None:
    """What a run may be told."""
    _common(run, (*EXECUTIONS, *AWAITING, *ENGINES))
    add = run.add_argument
    add("--crew", type=_crew, default=(), metavar="KIND=N,...", help="of several kinds (N:MS: MS is what a task costs)")
    add("--arrangement", choices=ARRANGEMENTS, default="pipeline", help="how a task gets through the kinds of --crew")
    add("--answer-ms", type=_above_0, default=5.0, metavar="MS", help="what the service of agents waits for a task")
    add("--broker", default="", metavar="URL", help="a Redis for celery, rq or dramatiq (default: one of this run)")
    add("--journal", type=Path, metavar="FILE", help="go on where a killed run was")
    add("--out", type=Path, metavar="FILE", help="write all outcomes, a line of JSON each")
    _reports(run, "write who worked when, and who waited for whom")
    add("--trouble", type=json.loads, default={}, help=argparse.SUPPRESS)


def _reports(command: argparse.ArgumentParser, what: str) -> None:
    told = f"{what}: a page where FILE ends in .html, else Markdown; again for both"
    command.add_argument("--report", action="append", default=[], type=Path, metavar="FILE", help=told)


def _check_together(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Options that exclude each other end the program; those that nobody gave get their defaults."""
    if options.command in ("race", "report"):
        return
    if options.uneven > 1 and options.source:
        parser.error("--uneven is for made-up tasks: leave --from out")
    if getattr(options, "crew", ()) and (options.kind or options.processors):
        parser.error(
            "--crew says which kinds there are, and how many processors of each: leave --kind and --processors out"
        )
    if options.execution in ENGINES and (options.schedule != "queue" or getattr(options, "crew", ())):
        parser.error(
            f"--execution {options.execution}: its broker hands out to workers that are all alike: leave --schedule and --crew out"
        )
    if getattr(options, "broker", "") and options.execution not in ENGINES:
        parser.error(f"--broker is for {', '.join(ENGINES)}: leave it out")
    options.kind = options.kind or "validate"
    options.processors = options.processors or _cpus()


def _common(command: argparse.ArgumentParser, executions: tuple[str, ...] = EXECUTIONS) -> None:
    """What every command may be told about the tasks and how to do them."""
    add = command.add_argument
    add("--kind", choices=sorted(KINDS), help="what processors do (default: validate)")
    add("--tasks", type=_positive, default=2000, metavar="N", help="so many made-up tasks")
    add("--from", dest="source", type=Path, metavar="FILE", help="the todos of a CSV or JSON file (-: standard input)")
    add("--strict", action="store_true", help="a todo that cannot be read ends the run, instead of failing alone")
    add("--effort", type=_positive, metavar="N", help="what a task costs (default: as --task-ms)")
    add("--task-ms", type=_above_0, default=1.0, metavar="MS", help="what a task is to cost")
    add("--uneven", type=_positive, default=1, metavar="N", help="the first tenth of the tasks costs N times as much")
    add("--execution", choices=executions, default="threads")
    add("--processors", type=_positive, metavar="N", help="how many (default: the CPUs that may be used)")
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


def _crew(text: str) -> tuple[Part, ...]:
    try:
        return parts_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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


if __name__ == "__main__":
    sys.exit(main())
