"""Validates workloads whose winner is known beside a busy process, and counts the verdicts that are wrong.

    python benchmarks/busy_verdicts.py [RUNS] [BUDGET_SECONDS] [BUSY]

BUSY processes (1) compute for ever while `validate` runs RUNS times (20) with BUDGET_SECONDS (10). Each workload has
approaches that are at least 1.5x as fast as all others on two quiet CPUs, by arithmetic: waits that overlap, computing
on two CPUs, tasks that are over before a pool has started. No verdict is fine. A verdict is wrong where it crowns,
confirms or prefers something else, or refutes one of these in favour of something else. Exit code 1 if any is wrong.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from selector.host import find_interpreters

ROOT = Path(__file__).resolve().parent.parent
POOLS = {"threads", "asyncio", "asyncio_threads", "free_threaded", "asyncio_free_threaded"}
SPINNER = "while True: pass"


class Known(NamedTuple):
    """A workload, and the approaches that win it."""

    winners: set[str]
    settings: dict[str, Any]


WORKLOADS = {
    "waits": Known(
        POOLS | {"asyncio_processes"},
        {"workload_type": "io", "tasks": 200, "io_wait_ms_per_task": 20, "cpu_ms_per_task": 0.1, "concurrency": 50},
    ),
    "computes": Known(
        {"multiprocessing", "free_threaded", "subinterpreters"},
        {"workload_type": "cpu", "tasks": 200, "cpu_ms_per_task": 10, "free_threading_ready": "false"},
    ),
    "native": Known(
        {"threads", "multiprocessing", "native_parallel", "free_threaded", "asyncio_threads", "subinterpreters"},
        {"workload_type": "cpu", "tasks": 200, "cpu_ms_per_task": 10, "releases_gil": "true"},
    ),
    "tiny": Known({"single_threaded"}, {"workload_type": "cpu", "tasks": 20, "cpu_ms_per_task": 0.01}),
    "blocks": Known(
        POOLS,
        {
            "workload_type": "io", "tasks": 100, "io_wait_ms_per_task": 50, "cpu_ms_per_task": 0.5, "concurrency": 20,
            "async_library": "false",
        },
    ),
}  # fmt: skip


def validated(known: Known, budget_seconds: float) -> dict[str, Any]:
    """The report on a workload, as `validate --json` prints it."""
    command = [sys.executable, "-m", "selector", "validate", "--json", "--budget", f"{budget_seconds:g}s"]
    for name, value in known.settings.items():
        command += ["--set", f"{name}={value}"]
    newest = max((i for i in find_interpreters() if not i.free_threaded), key=lambda i: i.order())
    command += ["--interpreter", newest.path]
    with tempfile.TemporaryDirectory() as folder:
        command += ["--save", f"{folder}/run"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def is_wrong(report: dict[str, Any], winners: set[str]) -> bool:
    """Whether the report says something of the winner that is not so."""
    if report["verdict"] == "inconclusive":
        return False
    stands = report["verdict"] != "refuted"
    return report["winner"] not in winners or (stands and report["recommended"] not in winners)


def main(runs: int = 20, budget_seconds: float = 10.0, busy: int = 1) -> int:
    """Print a row for each run, then how many were right, wrong, or no verdict; returns the exit code."""
    spinners = [subprocess.Popen([sys.executable, "-c", SPINNER]) for _ in range(busy)]
    counts: Counter[str] = Counter()
    print(f"{'workload':<10}{'verdict':<14}{'recommended':<17}{'winner':<17}{'taken':>6}{'noise':>7}  reason")
    try:
        for number in range(runs):
            name, known = list(WORKLOADS.items())[number % len(WORKLOADS)]
            begun = time.monotonic()
            report = validated(known, budget_seconds)
            wrong = is_wrong(report, known.winners)
            counts["wrong" if wrong else "none" if report["verdict"] == "inconclusive" else "right"] += 1
            taken, noise = report["cpus_taken"], report["noise_floor"]
            print(
                f"{name:<10}{report['verdict']:<14}{report['recommended']:<17}{report['winner'] or '-':<17}"
                f"{'-' if taken is None else f'{taken:.2f}':>6}{'-' if noise is None else f'{100 * noise:.0f} %':>7}"
                f"  {'WRONG: ' * wrong}{report['reason'][:100]} ({time.monotonic() - begun:.0f} s)",
                flush=True,
            )
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
    print(f"beside {busy} busy: {counts['right']} right, {counts['none']} without a verdict, {counts['wrong']} wrong")
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:]]
    sys.exit(main(*(int(value) if place != 1 else value for place, value in enumerate(given))))
