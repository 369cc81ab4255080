"""The command line of a benchmark of a function. Nothing here needs changing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from command_line import _parsed, _parser
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

    about = "Call a function in every way that can run here, and compare."
    parser = _parser(about, subject.budget_seconds, WAYS, "order of the measurements")
    parser.add_argument("--tasks", type=int, default=None, metavar="N", help="tasks of the whole job")
    parser.add_argument("--io", help=argparse.SUPPRESS)
    options = _parsed(parser)
    if options.tasks is not None and options.tasks < 1:
        parser.error("--tasks: a whole number from 1")
    return options
