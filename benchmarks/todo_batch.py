"""Measures what the todo batch system promises: the same results, speedups, even work, little overhead, bounded memory.

    python benchmarks/todo_batch.py [--quick]

Speedups are medians of runs in fresh processes, each against the sequential runs of the same Python in the same round.
The overhead of the coordinator is the median of pairs in one process: the plain loop over the batches, then the same
through the coordinator.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from selector.host import find_interpreters

FOLDER = Path(__file__).resolve().parent.parent / "programs" / "todo_batch"
ROUNDS = 7
EXECUTIONS = ("sequential", "threads", "processes", "subinterpreters", "asyncio")
SCHEDULES = ("queue", "static", "stealing")

OVERHEAD = r"""
import statistics, sys, time
from coordinator import Coordinator, Options
from executions import crew_for
from tasks import Settings, batches, effort_for, make_tasks, process_batch

def plain():
    begun = time.perf_counter()
    for batch in work:
        process_batch(settings, batch)
    return time.perf_counter() - begun

def coordinated(execution):
    chief = Coordinator(crew_for(execution, settings), Options(1), lambda outcomes: None)
    begun = time.perf_counter()
    report = chief.run(work, len(work))
    whole = time.perf_counter() - begun
    # processes take their time to start, and the first batch waits for that: it is not the coordinator's
    return whole - report.spans[0].began if execution == "processes" else whole

if __name__ == "__main__":
    settings = Settings("process", effort_for("process", 1.0))
    work = list(batches(make_tasks(500), 50))
    for execution in ("sequential", "threads", "processes"):
        pairs = [(plain(), coordinated(execution)) for _ in range(int(sys.argv[1]))]
        print(execution, statistics.median(with_it / without - 1 for without, with_it in pairs))
"""


def run(python: str, *options: str) -> dict[str, Any]:
    """One run of the system; {} where this Python cannot do it."""
    done = subprocess.run(
        [python, str(FOLDER), "run", "--json", *options], capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode not in (0, 1):
        return {}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def same_results(pythons: dict[str, str]) -> Iterator[str]:
    """10,000 tasks in every way there is: the digests of all outcomes."""
    for kind in ("validate", "process", "report"):
        digests: dict[int, int] = {}
        for tag, python in pythons.items():
            for execution in EXECUTIONS:
                for schedule in SCHEDULES if execution != "sequential" else SCHEDULES[:1]:
                    how = ("--execution", execution, "--schedule", schedule, "--processors", "3")
                    found = run(python, "--kind", kind, "--tasks", "10000", "--effort", "2", *how)
                    if found:
                        assert found["tasks"] == found["report"]["done"] + found["report"]["failed"] == 10_000, tag
                        digests[found["digest"]] = digests.get(found["digest"], 0) + 1
        yield f"{kind:<10} {sum(digests.values())} ways on {len(pythons)} Pythons, {len(digests)} different results"


def speedups(pythons: dict[str, str], rounds: int) -> Iterator[str]:
    """2 processors against sequential, 2,000 tasks of about 1 ms."""
    for kind in ("process", "validate", "report"):
        for tag, python in pythons.items():
            first = run(python, "--kind", kind, "--tasks", "50", "--task-ms", "1", "--execution", "sequential")
            base = ("--kind", kind, "--tasks", "2000", "--effort", str(first["effort"]), "--processors", "2")
            found: dict[str, list[float]] = {}
            for _ in range(rounds):
                seconds = {e: run(python, *base, "--execution", e).get("seconds") for e in EXECUTIONS}
                for execution, took in seconds.items():
                    if took:
                        found.setdefault(execution, []).append(seconds["sequential"] / took)
            yield f"{kind:<10} {tag:<6} " + "  ".join(
                f"{e} {median(r):.2f}x" for e, r in found.items() if e != EXECUTIONS[0]
            )


def uneven(pythons: dict[str, str], rounds: int) -> Iterator[str]:
    """The first tenth of the tasks costs 10 times as much: the time of a static split over that of the others."""
    ways = [(tag, e) for tag in pythons for e in ("threads", "processes", "subinterpreters")]
    for tag, execution in ways:
        if execution == "threads" and not tag.endswith("t"):
            continue  # they take turns, whoever has what
        ratios: dict[str, list[float]] = {"queue": [], "stealing": []}
        stolen = 0
        for _ in range(rounds):
            base = ("--kind", "process", "--tasks", "2000", "--effort", "150", "--uneven", "10", "--processors", "2")
            seconds = {s: run(pythons[tag], *base, "--execution", execution, "--schedule", s) for s in SCHEDULES}
            if not seconds["static"]:
                break
            stolen = seconds["stealing"]["report"]["stolen"]
            for schedule, found in ratios.items():
                found.append(seconds["static"]["seconds"] / seconds[schedule]["seconds"])
        if ratios["queue"]:
            told = ", ".join(f"{schedule} {median(found):.2f}x" for schedule, found in ratios.items())
            yield f"{tag:<6} {execution:<16} {told} as fast as static ({stolen} batches stolen)"


def overhead(pythons: dict[str, str], rounds: int) -> Iterator[str]:
    """What the coordinator adds to a plain loop, one processor, 1 ms tasks in batches of 50."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "overhead.py")  # what is spawned has to import it
        file.write_text(OVERHEAD, "utf-8")
        for tag, python in pythons.items():
            environment = {"PYTHONPATH": str(FOLDER), "PATH": "/usr/bin:/bin"}
            done = subprocess.run(
                [python, str(file), str(3 * rounds)], capture_output=True, text=True, env=environment, check=True
            )
            lines = [line.split() for line in done.stdout.splitlines()]
            yield f"{tag:<6} " + ", ".join(f"{execution} {100 * float(part):.2f} %" for execution, part in lines)


def million(pythons: dict[str, str]) -> Iterator[str]:
    """A million tasks: the peak memory of all processes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "todos.csv")
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["title", "priority", "due"])
            writer.writerows([f"Todo number {number}", number % 10 + 1, "2026-11-22"] for number in range(1_000_000))
        sources = (
            ("--tasks", "1000000"),
            ("--from", str(file)),
            ("--tasks", "1000000", "--journal", f"{folder}/run.db"),
        )
        for tag, python in pythons.items():
            for execution in ("threads", "processes"):
                for source in sources:
                    Path(folder, "run.db").unlink(missing_ok=True)
                    how = ("--execution", execution, "--batch-size", "500", "--effort", "1", "--processors", "2")
                    found = run(python, "--kind", "report", *source, *how)
                    yield (
                        f"{tag:<6} {execution:<10} {source[-2]:<10} {found['report']['done']:,} done in"
                        f" {found['seconds']:.0f} s, {found['peak_memory_mb']:.0f} MB ({found['memory_metric']})"
                    )


def hundred(pythons: dict[str, str]) -> Iterator[str]:
    """1 to 100 processors: speedup over the first, and memory."""
    for tag, python in pythons.items():
        for execution in ("threads", "processes", "subinterpreters"):
            base = ("--kind", "process", "--tasks", "4000", "--effort", "60", "--batch-size", "10")
            found = {n: run(python, *base, "--execution", execution, "--processors", str(n)) for n in (1, 2, 4, 8, 100)}
            if found[1]:
                told = (
                    f"{n}: {found[1]['seconds'] / r['seconds']:.2f}x {r['peak_memory_mb']:.0f} MB"
                    for n, r in found.items()
                )
                yield f"{tag:<6} {execution:<16} {', '.join(told)}"


def main(quick: bool = False) -> None:
    """Print all figures."""
    here: dict[str, str] = {
        i.tag: i.path for i in find_interpreters() if i.implementation == "CPython" and int(i.tag[2:].rstrip("t")) >= 10
    }
    newest: dict[str, str] = {tag: here[tag] for tag in ("3.14", "3.14t", "3.13t") if tag in here}
    rounds = 1 if quick else ROUNDS
    for title, lines in (
        ("Identical results, 10,000 tasks", same_results(here)),
        ("Coordinator overhead against a plain loop, 1 ms tasks in batches of 50", overhead(newest, rounds)),
        ("Speedup over sequential on the same Python, 2 processors", speedups(newest, rounds)),
        ("Uneven batches: the first tenth of the tasks costs 10 times as much", uneven(newest, rounds)),
        ("A million tasks", million(newest)),
        ("Up to 100 processors, 4,000 tasks in batches of 10", hundred(newest)),
    ):
        print(title, flush=True)
        for line in lines:
            print(f"  {line}", flush=True)


if __name__ == "__main__":
    main("--quick" in sys.argv)
