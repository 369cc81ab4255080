"""The command line of a benchmark of a service, and the processes that it starts. Nothing here needs changing."""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from arrivals import _closed_loop, _open_loop
from command_line import _parsed, _parser
from ending import _run_to_its_end
from here import _gil_enabled, _leave, _own_peak_mb, _probe
from keeper import _keep, _wait_protocol
from processes import _listen_to_signals, _more_files
from real_servers import real_server
from servers import SERVERS, Serving, listening, serve_in
from service_run import _ServiceRun
from service_shown import _ServiceTable
from shown import _Events
from trial import _calibrate
from workload import Workload

if TYPE_CHECKING:
    import argparse


def serve_and_measure(workload: Workload, requests_per_second: float, server: str | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 failed, 130 interrupted (argparse: 2 for bad usage)."""
    options = _service_arguments(workload, requests_per_second, server)
    if options.keeper:
        _keep(_wait_protocol)
    if options.child is not None:
        _do(workload, json.loads(options.child[0]), options.child[1])
    _listen_to_signals()
    workload = workload._replace(
        approaches=tuple(options.approach or workload.approaches), budget_seconds=options.budget
    )
    show = _Events() if options.json else _ServiceTable(workload.name, options.rate)
    return _run_to_its_end(_ServiceRun(workload, options, show.event), show.event)


def _service_arguments(workload: Workload, requests_per_second: float, server: str | None) -> argparse.Namespace:
    import argparse

    about = "Serve requests that arrive at random in every way, and compare."
    parser = _parser(about, workload.budget_seconds, SERVERS, "arrivals and the order")
    parser.add_argument("--rate", type=float, default=requests_per_second, metavar="N", help="requests per second")
    known = ("uvicorn", "gunicorn")
    parser.add_argument("--server", choices=known, default=server, help="serve by it what it can; it must be installed")
    parser.add_argument("--io", help=argparse.SUPPRESS)
    options = _parsed(parser)
    if not 0 < options.rate < 1e6:
        parser.error("--rate: a number of requests per second, over 0 and under a million")
    return options


def _do(workload: Workload, order: dict[str, Any], out: str) -> NoReturn:
    """Do what the order says: `probe` a Python, `calibrate` the work, `serve` it, or `load` servers as orders say."""
    if order["kind"] == "load":
        _send_loads(out)
    elif order["kind"] == "serve":
        _leave(lambda: _serve_approach(workload, order, f"{out}.0"), f"{out}.0")
    else:
        kinds = {"probe": lambda: _probe(order), "calibrate": lambda: _calibrate(workload, order)}
        _leave(kinds[order["kind"]], out)
    os._exit(0)  # threads that the work left behind do not keep us


def _serve_approach(workload: Workload, order: dict[str, Any], out: str) -> dict[str, Any]:
    """Serve until we are ended; `out` tells at which port as soon as all workers are there."""
    server = SERVERS[order["approach"]]
    if server.free_threaded and _gil_enabled():
        return {"status": "gil_enabled", "reason": "the GIL is on: an extension module, or PYTHON_GIL, turned it on"}
    begun = time.perf_counter()
    settings = {**order["settings"], "library_threads": workload.cpus if server.library_threads else 1}
    workload.configure(settings)
    _more_files()
    listener = listening()

    def ready() -> None:
        _leave(
            lambda: {
                "port": listener.getsockname()[1],
                "startup_seconds": time.perf_counter() - begun,
                "gil_enabled": _gil_enabled(),
                "own_peak_mb": _own_peak_mb(),
            },
            out,
        )

    work, start = workload.work, workload.start
    sizes = order["workers"], order["processes"]
    serving = Serving(workload.items(1)[0], work, workload.work_async, start, settings, *sizes)
    serve = real_server(order["server"], order["approach"]) or partial(serve_in, server.serve)
    serve(listener, serving, ready)
    raise ChildProcessError("the server has ended")


def _send_loads(out: str) -> None:
    """Send what each order says, a line of standard input, until there is no more; the answers go to numbered files."""
    _more_files()
    kinds = {"open": _open_loop, "closed": _closed_loop}
    _leave(dict, f"{out}.0")
    for number, line in enumerate(sys.stdin, 1):
        order = json.loads(line)
        send = kinds[order.pop("kind")]
        _leave(lambda send=send, order=order: send(**order), f"{out}.{number}")  # type: ignore[misc]
