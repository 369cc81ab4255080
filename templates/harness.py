"""Fresh processes, random rounds, a time budget, every failure a result. Nothing here needs changing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from approaches import APPROACHES_BY_ID
from child import _child
from command_line import _parsed, _parser
from ending import _run_to_its_end
from keeper import _keep, _wait_protocol
from processes import _listen_to_signals
from rounds import _Run
from shown import _Events, _printable, _Table
from workload import Workload

if TYPE_CHECKING:
    import argparse


def main(workload: Workload) -> int:
    """Run the command line; returns the exit code: 0 done, 1 failed, 130 interrupted (argparse: 2 for bad usage)."""
    options = _arguments(workload)
    if options.keeper:
        _keep(workload.protocol or _wait_protocol)
    if options.child is not None:
        return _child(workload, json.loads(options.child[0]), options.child[1])
    _listen_to_signals()
    show = _Events() if options.json else _Table(workload.name)
    return _run_to_its_end(_Run(_as_asked(workload, options), options, show.event), show.event)


def _as_asked(workload: Workload, options: argparse.Namespace) -> Workload:
    """The workload with what the command line says instead: the budget, the approaches, the tasks of each variant."""
    variants = workload.variants or {"": workload.tasks}
    return workload._replace(
        approaches=tuple(options.approach or workload.approaches),
        variants={name: options.tasks or tasks for name, tasks in variants.items()},
        budget_seconds=options.budget,
        scaling=options.scaling or workload.scaling,
        recommended=None if options.scaling else workload.recommended,
        rounds=options.rounds,
        settings={**workload.settings, **options.settings},
    )


def _arguments(workload: Workload) -> argparse.Namespace:
    about = _printable(workload.name)  # argparse fills in "%(prog)s", and then takes "%%" for "%"
    about = about.replace("%", "%%") if "%(prog)" in about else about
    parser = _parser(about, workload.budget_seconds, APPROACHES_BY_ID, "order of the measurements")
    parser.add_argument("--io", choices=("socket", "sleep"), default="socket", help="wait for a server, or just sleep")
    parser.add_argument("--tasks", type=int, default=workload.tasks, metavar="N", help="tasks in one measurement")
    parser.add_argument("--scaling", metavar="N,N", help="measure all approaches with these pool sizes")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="drop nothing as slow before so many rounds")
    parser.add_argument("--settings", type=json.loads, default={}, help="of the work, as a JSON object")
    options = _parsed(parser)
    if options.tasks is not None and options.tasks < 1:
        parser.error("--tasks: a whole number from 1")
    if options.rounds < 1:
        parser.error("--rounds: a whole number from 1")
    sizes = options.scaling.split(",") if options.scaling else []
    if not all(size.isdecimal() and int(size) for size in sizes):
        parser.error("--scaling: whole numbers from 1, such as 1,2,4,8")
    if not isinstance(options.settings, dict):
        parser.error("--settings: a JSON object, with what is told to the work")
    options.scaling = tuple(map(int, sizes))
    return options
