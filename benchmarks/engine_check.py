"""Predicted engine seconds against measured ones, on this machine: 1,000 tasks of 1, 20 and 200 ms on 2 workers.

    python benchmarks/engine_check.py [--python ENV] [--engines huey,rq,...] [--tasks 1000] [--ms 1,20,200] [--waits]

What is predicted rests on the costs that `calibrate --engine` has kept for that Python, else on the documented ones. Seconds
are from before the workers start to the last result. On a busy machine the time says little: then look at the last two
columns, the CPU time that the run took of all its processes against the CPU time that is predicted for it. Exit code 1 where
one is off by more than the 30 % that is promised; on a machine where others computed, by its CPU time.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple

from selector import Selector
from selector.calibration.engine_run import EngineRun, StandIn, project, run_engine, stand_in_text
from selector.cost.cluster import Cluster, cluster_seconds, engine_costs
from selector.errors import SelectorError
from selector.measure.python import choose_python
from selector.recommend.chain import Situation
from selector.workload.profile import WorkloadProfile

ENGINES = ("huey", "rq", "celery", "dramatiq", "dask")
PROMISED = 0.30
QUIET_CPUS = 0.25  # that others may use while time is judged
WORKERS = 2


class Row(NamedTuple):
    """One engine with tasks of one length: seconds, and CPU seconds beyond the start."""

    engine: str
    task_ms: float
    predicted: float
    measured: float
    predicted_cpu: float
    cpu: float
    others_cpus: float
    waits: bool

    @property
    def ratio(self) -> float:
        """Predicted over measured, by what can be judged: waits hardly need a CPU."""
        by_time = self.waits or self.others_cpus <= QUIET_CPUS
        return self.predicted / self.measured if by_time else self.predicted_cpu / self.cpu

    def __str__(self) -> str:
        off = "" if abs(self.ratio - 1) <= PROMISED else "  OFF"
        return (
            f"{self.engine:9} {self.task_ms:6g} {self.predicted:10.2f} {self.measured:9.2f}"
            f" {self.predicted / self.measured:6.2f} {self.others_cpus:7.1f} {self.predicted_cpu:9.2f} {self.cpu:8.2f}"
            f" {self.predicted_cpu / self.cpu:6.2f}{off}"
        )


def situation_of(python: str, tag: str, tasks: int, task_ms: float, waits: bool) -> Situation:
    """The workload under that Python, with what is known of this machine."""
    times = {"cpu_ms_per_task": 0.0 if waits else task_ms, "io_wait_ms_per_task": task_ms if waits else 0.0}
    profile = WorkloadProfile(
        workload_type="io" if waits else "cpu", tasks=tasks, interpreters=(tag,), payload_kb_per_task=0, cpu_cores=WORKERS,
        **times,
    )  # fmt: skip
    del python
    return Selector().situation(profile)


def row(python: str, tag: str, engine: str, tasks: int, task_ms: float, *, waits: bool, start_cpu: float) -> Row:
    """Predict and run one."""
    work = situation_of(python, tag, tasks, task_ms, waits).work
    costs = engine_costs(work.builds.gil, engine)
    if costs is None:
        raise SelectorError(f"no costs of {engine}")
    predicted = cluster_seconds(Cluster(costs, 1, WORKERS), work, work.builds.gil) or 0.0
    stand_in = StandIn(tasks, cpu_ms=0.0 if waits else task_ms, wait_ms=task_ms if waits else 0.0)
    run = ran(python, engine, stand_in)
    predicted_cpu = tasks * (costs.task_ms + stand_in.cpu_ms) / 1000
    return Row(
        engine,
        task_ms,
        predicted,
        run.whole_seconds,
        predicted_cpu,
        max(1e-3, run.cpu_seconds - start_cpu),
        run.others_cpus,
        waits,
    )


def ran(python: str, engine: str, work: StandIn) -> EngineRun:
    """One run of a project."""
    with project(stand_in_text(engine, work)) as jobs:
        return run_engine(python, engine, jobs, workers=WORKERS, deadline_seconds=3600)


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Predicted engine seconds against measured ones.")
    parser.add_argument("--python")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--ms", default="1,20,200")
    parser.add_argument("--waits", action="store_true", help="tasks wait instead of computing")
    options = parser.parse_args()
    python = choose_python(options.python, os.environ, Path.cwd())
    print("engine       ms  predicted  measured  ratio  others  CPU pred.  CPU met  ratio", flush=True)
    off = 0
    for engine in options.engines.split(","):
        try:
            start_cpu = ran(python.path, engine, StandIn(WORKERS)).cpu_seconds
            for ms in map(float, options.ms.split(",")):
                found = row(
                    python.path, python.tag, engine, options.tasks, ms, waits=options.waits, start_cpu=start_cpu
                )
                off += abs(found.ratio - 1) > PROMISED
                print(found, flush=True)
        except SelectorError as error:
            print(f"{engine:9} {error}", flush=True)
    print(f"{off} of the rows are off by more than {PROMISED:.0%}")
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
