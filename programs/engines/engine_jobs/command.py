"""The command line: run, worker, submit, collect, status, stop."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TextIO

from engine_jobs import apart, yours
from engine_jobs.crew import CannotGoOnError
from engine_jobs.given import NotGivenError
from engine_jobs.plan import REQUIREMENTS, Plan
from engine_jobs.results import told_to_people
from engine_jobs.running import Wishes, run, runs_here
from engine_jobs.session import Tell, check_engine
from engine_jobs.work import clean

FOLDER = Path(__file__).resolve().parent.parent  # of the project: results are kept here
BAD_INPUT, STOPPED = 2, 130
DEBUG = "ENGINE_JOBS_DEBUG"
_MOST_WORKERS = 1000
_LOOK_SECONDS = 0.2  # between two looks for whoever started us


def main() -> int:
    """Run the command line; returns the exit code, and says in a line what went wrong."""
    _listen_to_signals()
    options = _arguments()
    options.out = _standard_output()
    try:
        return _COMMANDS[options.command](options)
    except (CannotGoOnError, NotGivenError, ValueError) as error:
        print(f"error: {clean(str(error))}", file=sys.stderr)
        return BAD_INPUT if isinstance(error, ValueError) and not isinstance(error, NotGivenError) else 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # whoever read it has gone
        return 1
    except Exception as error:  # engines and brokers raise their own
        if os.environ.get(DEBUG):
            raise
        print(f"error: {clean(f'{type(error).__name__}: {error}')} ({DEBUG}=1 shows where)", file=sys.stderr)
        return 1


def _standard_output() -> TextIO:
    """What was standard output, for us alone: what engines print there goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)
    return out


def _run(options: argparse.Namespace) -> int:
    plan, tell = _plan(options), _teller(options)
    wishes = Wishes(options.fresh, options.failed_again, options.patience, options.limit)
    if options.parent is not None:
        _follow(options.parent)
    outcome, failures = run(plan, wishes, FOLDER, tell)
    print(outcome.as_json() if options.json else told_to_people(outcome, failures), file=options.out, flush=True)
    tell("end", code=outcome.code)
    return outcome.code


def _worker(options: argparse.Namespace) -> int:
    return apart.serve(_apart(options), _teller(options))


def _submit(options: argparse.Namespace) -> int:
    return _say(options, apart.submit(_apart(options), fresh=options.fresh))


def _collect(options: argparse.Namespace) -> int:
    return _say(options, apart.collect(_apart(options), FOLDER, wait=options.wait, tell=_teller(options)))


def _status(options: argparse.Namespace) -> int:
    return _say(options, {**apart.status(_plan(options)), "runs": runs_here(FOLDER)})


def _stop(options: argparse.Namespace) -> int:
    """End a run of this folder and wait until it has; with a broker of others, delete what is ours in it."""
    pid, plan = runs_here(FOLDER), _plan(options)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        while runs_here(FOLDER) is not None:
            time.sleep(0.05)
    if plan.foreign:
        apart.forget(plan)
    return _say(options, {"stopped": pid, "forgotten": plan.foreign})


def _say(options: argparse.Namespace, found: dict[str, Any]) -> int:
    """Print what was found; 1 where something failed or is missing."""
    words = (f"{name.replace('_', ' ')}: {value}" for name, value in found.items())
    said = json.dumps({"schema": 1, **found}, indent=2) if options.json else "\n".join(words)
    print(said, file=options.out, flush=True)
    return int(bool(found.get("failed") or found.get("missing")))


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "worker": _worker,
    "submit": _submit,
    "collect": _collect,
    "status": _status,
    "stop": _stop,
}


def _plan(options: argparse.Namespace) -> Plan:
    """What is asked for; ValueError for what does not go together."""
    engine = options.engine
    module = check_engine(engine)
    broker = options.broker or (os.environ.get("REDIS_URL", "") if module.BROKER == "redis" else "")
    kinds = {"redis": ("redis", "rediss", "unix"), "own": ("tcp", "tls", "ray"), "file": ()}[module.BROKER]
    if broker and broker.partition("://")[0] not in kinds:
        known = f"give one of {', '.join(f'{kind}://' for kind in kinds)}" if kinds else f"{engine} needs none"
        raise ValueError(f"--broker {clean(broker)}: {known}")
    return Plan(
        engine=engine,
        workers=options.workers,
        safe=options.settings == "safe",
        broker=broker,
        keeping=broker if broker and module.BROKER == "redis" else str(FOLDER / "kept.db"),
        prefix=yours.NAME,
        task_limit_seconds=options.task_limit,
        foreign=bool(broker),
    )


def _apart(options: argparse.Namespace) -> Plan:
    """A plan whose parts are started each by itself: its broker must be there."""
    plan = _plan(options)
    kind = check_engine(plan.engine).BROKER
    if kind == "file":
        return replace(plan, broker=str(FOLDER / "queue.db"))
    if not plan.foreign:
        raise ValueError(f"{options.command} needs a broker that is there: --broker URL (or take `run`)")
    if kind == "own" and options.command != "worker":
        raise ValueError(f"{plan.engine} brings results back to whoever submitted: take `run --broker URL`")
    return plan


def _teller(options: argparse.Namespace) -> Tell:
    """Who tells how it goes on standard error: as JSON, or on a terminal as a line."""

    def as_json(event: str, **what: Any) -> None:
        print(json.dumps({"event": event, **what}), file=sys.stderr, flush=True)

    def as_line(event: str, **what: Any) -> None:
        if event == "progress" and sys.stderr.isatty():
            print(f"\r{what['done']:,} of {what['tasks']:,}", end="", file=sys.stderr, flush=True)
        elif event in ("restarted", "again"):
            words = ", ".join(f"{name} {value}" for name, value in what.items())
            print(f"{'submitted again' if event == 'again' else event}: {words}", file=sys.stderr, flush=True)
        elif event == "end" and sys.stderr.isatty():
            print(file=sys.stderr)

    return as_json if options.events else as_line


def _listen_to_signals() -> None:
    """Ctrl-C, SIGTERM and SIGHUP are one: tidy up, and leave. A second one leaves at once, and the rest to the keeper."""
    told = 0

    def stop(*_: object) -> None:
        nonlocal told
        told += 1
        if told > 1:
            os._exit(STOPPED)
        raise KeyboardInterrupt

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and not (name == "SIGHUP" and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN):
            signal.signal(getattr(signal, name), stop)


def _follow(process: int) -> None:
    """End as if told to when whoever started us, to measure, is gone."""

    def follow() -> None:
        while os.getppid() == process:
            time.sleep(_LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()


# The options ----------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"error: {clean(message)} (see --help)\n")


def _arguments() -> argparse.Namespace:
    parser = _Parser(prog="jobs", description="One function over many items, on an engine.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    about = {
        "run": "broker and workers on this machine, all tasks, all results",
        "worker": "only workers, for a broker that is there",
        "submit": "only put tasks without a result into the broker",
        "collect": "write results.jsonl of what is there",
        "status": "how far it is",
        "stop": "end the run of this folder; with --broker, delete our keys there",
    }
    for name, words in about.items():
        command = commands.add_parser(name, help=words, description=words)
        command.add_argument("--engine", choices=tuple(REQUIREMENTS), default=yours.ENGINE)
        command.add_argument("--settings", choices=("safe", "default"), default="safe")
        command.add_argument("--workers", type=_workers, default=_usable_cpus(), metavar="N")
        command.add_argument("--broker", default="", metavar="URL")
        command.add_argument("--task-limit", type=_seconds, default=600.0, metavar="SECONDS")
        command.add_argument("--json", action="store_true")
        command.add_argument("--events", action="store_true")
        if name in ("run", "submit"):
            command.add_argument("--fresh", action="store_true", help="forget kept results")
        if name == "run":
            command.add_argument("--failed-again", action="store_true", help="try again what failed before")
            command.add_argument("--patience", type=_seconds, default=10.0, metavar="SECONDS")
            command.add_argument("--limit", type=_seconds, metavar="SECONDS")
            command.add_argument("--parent", type=int, help=argparse.SUPPRESS)
        if name == "collect":
            command.add_argument(
                "--wait", action="store_true", help="until all is there; what is lost is put out again"
            )
    typed = sys.argv[1:]
    asks_for_help = typed[:1] in (["-h"], ["--help"])
    only_options = not typed or typed[0].startswith("-")
    return parser.parse_args(["run", *typed] if only_options and not asks_for_help else typed)


def _workers(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text!r}: a number from 1 to {_MOST_WORKERS}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e8:
        raise argparse.ArgumentTypeError(f"{text!r}: a number of seconds above 0")
    return seconds


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
