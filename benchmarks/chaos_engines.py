"""Kills workers, brokers and submitters of every engine in the middle of a run, and counts what was lost or done twice.

    python benchmarks/chaos_engines.py --runs 50 --at-once 8

Each run is a project that `generate --engine` writes: 40 tasks of 50 ms on 2 workers, each of which writes a line at its
end. After some of them, at a random moment, something is killed with `kill -9`; what the project starts again, it starts
again. Then the run may go on for as long as something happens. Runs are appended to a file; those that are there are not
done again, so that a table can be continued. The exit code is 1 if a run with safe settings lost a task or had one twice
in effect, or if anything went wrong.

    python benchmarks/chaos_engines.py --runs 0        only the table
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from engine_faults import Case, project, run_case
from loss_table import FAULTS, NOT_THERE, table

ENGINES = ("huey", "celery", "rq", "dramatiq", "dask", "ray")
USUAL = ENGINES[:-1]  # Ray has no wheel for every Python
SETTINGS = ("safe", "default")
#: Dramatiq gives what a lost worker had to another one after a minute, if one happens to look for it then.
PATIENCE_SECONDS = {("dramatiq", "default"): 90.0}
_PATIENCE_SECONDS = 15.0


def main() -> int:
    """Do what is missing, print the table."""
    options = _options()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler)
    records = read(options.file)
    cases = missing(records, wanted(options), options.runs)
    lock, count = threading.Lock(), 0

    def one(case: Case) -> None:
        nonlocal count
        found = run_case(case, templates / case.engine, options.python)
        with lock:
            records.append(found)
            append(options.file, found)
            count += 1
            words = f"{count}/{len(cases)} {case.engine} {case.settings} {case.fault} {case.number}"
            told = ", ".join(
                f"{name} {found[name]}" for name in ("lost", "failed", "twice", "in_effect", "all_s", "said")
            )
            print(f"{words}: {told} {'; '.join(found['wrong'])}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="chaos-engines-") as made:
        templates = Path(made)
        for engine in sorted({case.engine for case in cases}):
            project(templates / engine, engine, options.python)
        crew = ThreadPoolExecutor(options.at_once)
        try:
            for _ in crew.map(one, cases):
                pass
        finally:  # also by Ctrl-C and SIGTERM: the runs that go on end
            crew.shutdown(cancel_futures=True)
    print(table(records))
    faults = broken(records)
    print("\n".join(faults), end="\n" if faults else "")
    return int(bool(faults))


def wanted(options: argparse.Namespace) -> list[tuple[str, str, str]]:
    """The cells of the table."""
    cells = [(e, s, f) for f in options.faults for s in options.settings for e in options.engines]
    return [(e, s, f) for e, s, f in cells if (e, f) not in NOT_THERE]


def missing(records: Iterable[dict[str, Any]], cells: list[tuple[str, str, str]], runs: int) -> list[Case]:
    """What is to be run so that each cell has so many runs that went as planned: a first of each, a second of each, ..."""
    there = Counter[tuple[str, str, str]]()
    numbers = Counter[tuple[str, str, str]]()
    for record in records:
        cell = (record["engine"], record["settings"], record["fault"])
        numbers[cell] = max(numbers[cell], record["number"] + 1)
        there[cell] += not record["wrong"]
    found = []
    for turn in range(runs):
        for cell in cells:
            if there[cell] + turn < runs:
                patience = PATIENCE_SECONDS.get(cell[:2], _PATIENCE_SECONDS)
                found.append(Case(*cell, numbers[cell] + turn, 40, 0.05, 2, patience))
    return found


def broken(records: Iterable[dict[str, Any]]) -> list[str]:
    """Where a promise was not kept."""
    found = []
    for record in records:
        name = f"{record['engine']} {record['settings']} {record['fault']} {record['number']}"
        if record["wrong"]:
            found.append(f"{name}: {'; '.join(record['wrong'])}")
        elif record["settings"] == "safe" and (record["lost"] or record["failed"] or record["in_effect"]):
            found.append(
                f"{name}: {record['lost']} lost, {record['failed']} failed, {record['in_effect']} twice in effect"
            )
    return found


def read(file: Path) -> list[dict[str, Any]]:
    """The records that are there; a last line that was cut off is not."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text("utf-8").split("\n")[:-1]]


def append(file: Path, record: dict[str, Any]) -> None:
    """One line, in one write."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{json.dumps(record)}\n".encode())
    finally:
        os.close(descriptor)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50, help="of each cell of the table")
    parser.add_argument("--engines", type=_some(ENGINES), default=USUAL)
    parser.add_argument("--settings", type=_some(SETTINGS), default=SETTINGS)
    parser.add_argument("--faults", type=_some(tuple(FAULTS)), default=tuple(FAULTS))
    parser.add_argument("--at-once", type=int, default=4, help="runs at the same time")
    parser.add_argument(
        "--python", default=os.environ.get("ENGINES_PYTHON", sys.executable), help="that has the engines"
    )
    parser.add_argument("--file", type=Path, default=Path("chaos-engines.jsonl"), help="of the records")
    return parser.parse_args()


def _some(known: tuple[str, ...]) -> Any:
    """Names with commas between them."""

    def parsed(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if wrong := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{wrong[0]!r}: {', '.join(known)}")
        return names

    return parsed


if __name__ == "__main__":
    sys.exit(main())
