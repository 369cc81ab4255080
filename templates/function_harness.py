"""The command line of a benchmark of a function. Nothing here needs changing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from competing import Subject
from ending import _run_to_its_end
from function_run import _FunctionRun
from keeper import _keep, _wait_protocol
from processes import _listen_to_signals, _script
from serving import _serve_orders
from shown import _Events, _Table
from ways import WAYS

if TYPE_CHECKING:
    import argparse


def measure(script: dict[str, Any]) -> int:
    """Measure what the parameters of a script say; returns the exit code: 0 done, 1 failed, 130 interrupted."""
    subject = Subject(**{name: script[name.upper()] for name in Subject._fields})
    options = _arguments(subject)
    if options.keeper:
        _keep(_wait_protocol)
    if options.child is not None:
        _serve_orders(json.loads(options.child[0]), options.child[1])
    _listen_to_signals()
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # the user's folders stay as they are
    show = _Events() if options.json else _Table(subject.name)
    return _run_to_its_end(_FunctionRun(_as_asked(subject, options), options, show.event), show.event)


def _as_asked(subject: Subject, options: argparse.Namespace) -> Subject:
    """The subject with what the command line says instead, and its folder as all processes see it."""
    folder = os.path.join(os.path.dirname(_script()), subject.folder)
    return subject._replace(
        folder=os.path.abspath(folder),
        approaches=tuple(options.approach or subject.approaches),
        budget_seconds=options.budget,
    )


def _arguments(subject: Subject) -> argparse.Namespace:
    import argparse

    parser = argparse.ArgumentParser(description="Call a function in every way that can run here, and compare.")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, as it happens")
    parser.add_argument("--budget", type=float, default=subject.budget_seconds, metavar="SECONDS")
    parser.add_argument("--interpreter", action="append", default=[], metavar="PATH", help="default: this Python")
    parser.add_argument("--tasks", type=int, default=None, metavar="N", help="tasks of the whole job")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="of the order of the measurements")
    parser.add_argument("--approach", action="append", choices=sorted(WAYS), help="only these")
    parser.add_argument("--io", help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--keeper", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 0 < options.budget < 1e9:
        parser.error("--budget: a number of seconds over 0")
    if options.tasks is not None and options.tasks < 1:
        parser.error("--tasks: a whole number from 1")
    return options
