# /// script
# requires-python = ">=3.10"
# dependencies = []
# ///
"""Measure what concurrency costs on this machine, under the Python that runs this.

    python calibration OUT.json|- [--budget SECONDS] [--cpus N]

OUT.json (or, with `-`, the last line of standard output) gets the figures listed in COSTS. They are made to be added
up: the start of a pool, so much for each further worker, so much for each task, so much for each byte. While it runs,
a line of JSON is printed for each step and, at the end, for each figure; standard error has the warnings. What cannot be
measured here is left out.

The figures come in rounds. In each, every part of the measurement runs in a fresh process, because the first pool of a
program costs more than the next; and what disturbs the machine for a while disturbs one round of everything, not all
of one figure. Rounds go on until the budget is used up, first of all with the parts whose figures are not good yet;
there is always one.

Each sample is watched: did the thread that measures wait for a CPU, and did other programs use the CPUs that it takes?
Only undisturbed samples make a figure.

Beside this file: rounds.py runs the parts, parts.py has them, work.py is what they and their workers run, watch.py and
tree.py tell what else goes on, figures.py judges.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import signal
import sys
import sysconfig
import tempfile
import threading
import time
from typing import Any

from figures import figures, gil_enabled, noise
from rounds import measure_all, say, told
from work import write

SCHEMA = 2
BUDGET_SECONDS = 8.5


def main() -> int:
    """Run the command line; returns the exit code: 0 done, 1 nothing measured, 130 interrupted."""
    options = arguments()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda number, _: told.append(number))
    if options.while_open:
        threading.Thread(target=wait_for_the_end_of_input, daemon=True).start()
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="calibration-") as folder:
            rounds = measure_all(options.budget, options.cpus, folder)
    except KeyboardInterrupt:
        return 130
    costs = figures(rounds.samples, options.cpus)
    for key, cost in costs.items():
        say(cost=key, **cost)
    if costs:
        run = {"rounds": max(rounds.runs), "seconds": round(time.monotonic() - begun, 3), "warnings": rounds.warnings}
        result = {
            "schema": SCHEMA,
            **facts(),
            "cpus": options.cpus,
            **run,
            "noise": noise(rounds.samples),
            "costs": costs,
        }
        if options.out == "-":
            say(result=result)
        else:
            write(options.out, result)
    return 0 if costs else 1


def wait_for_the_end_of_input() -> None:
    """Stop when whoever started this program is gone, killed or not: their end of the pipe is closed then."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    told.append(0)


def facts() -> dict[str, Any]:
    """What this Python is."""
    return {
        "python": {
            "version": sys.version.split()[0],
            "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
            "gil_enabled": gil_enabled(),
        },
        "start_method": multiprocessing.get_start_method(),
    }


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="Measure what concurrency costs on this machine.")
    parser.add_argument("out", metavar="OUT.json|-")
    parser.add_argument("--budget", type=float, default=BUDGET_SECONDS, metavar="SECONDS")
    parser.add_argument("--cpus", type=int, default=usable_cpus(), metavar="N", help="that this program may use")
    parser.add_argument("--while-open", action="store_true", help="stop where standard input is closed")
    options = parser.parse_args()
    if not 0 < options.budget < 3600:
        parser.error("--budget: a number of seconds over 0")
    if options.cpus < 1:
        parser.error("--cpus: a whole number from 1")
    if options.out == "-":
        return options
    if os.path.isdir(options.out) or not os.access(os.path.dirname(os.path.abspath(options.out)), os.W_OK):
        parser.error(f"{options.out}: cannot be written")  # better now than after all the work
    return options


def usable_cpus() -> int:
    """CPUs that this process may run on; limits of a container are for the caller to know."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
