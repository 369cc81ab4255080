"""Measures what an engine costs on this machine, by runs of our project on it; kept beside the other costs of its Python.

Each run has a broker and workers of its own. A run of few tasks shows the start, the first result and the memory; runs of
many empty ones, of 1 KB and of 1 MB, what one takes: by the CPU time of all processes, which others on the machine hardly
change, or by the time of the run where that is more and nobody disturbed it. The last run loses a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json

from selector.approaches import Engine
from selector.calibration.engine_run import EngineRun, StandIn, project, run_engine, stand_in_text
from selector.calibration.kept import keep_entry, kept_entries, this_machine
from selector.calibration.models import Cost, InterpreterCosts

_FEW = 4  # tasks, of the run that shows the start
_MANY = 400  # empty tasks
_LARGE, _LARGE_KB = 24, 1024.0
_SECONDS = 240.0  # that one run may take
_QUIET_CPUS = 0.25  # that others may use while wall time counts
_LEAST_MS, _LEAST_SECONDS = 0.01, 0.01
_WAITS = StandIn(40, wait_ms=50)  # of the run that loses a worker


class EngineStep(NamedTuple):
    """What is being run, and how many of the runs are done."""

    engine: Engine
    part: str
    done: int
    of: int


class Runs(NamedTuple):
    """What was run: a few tasks, empty ones again and again (the last of 1 KB), and large ones."""

    few: tuple[EngineRun, ...]
    empty: tuple[EngineRun, ...]
    large: EngineRun


def measure_engine(
    python: str, engine: Engine, cpus: int, tell: Callable[[EngineStep], None] = lambda _: None
) -> dict[str, Cost]:
    """What an engine costs under a Python that has it: the figures by their names in costs.yaml.

    SelectorError (exit code 1) where it is not installed there or cannot be run.
    """
    workers = min(2, cpus)
    planned = (
        ("few tasks", StandIn(_FEW)),
        ("few tasks again", StandIn(_FEW)),
        ("empty tasks", StandIn(_MANY)),
        ("empty tasks again", StandIn(_MANY)),
        ("tasks of 1 KB", StandIn(_MANY, payload_kb=1.0)),
        ("tasks of 1 MB", StandIn(_LARGE, payload_kb=_LARGE_KB)),
    )
    found = []
    for done, (part, work) in enumerate(planned):
        tell(EngineStep(engine, part, done, len(planned) + 1))
        with project(stand_in_text(engine, work)) as jobs:
            found.append(run_engine(python, engine, jobs, workers=workers, deadline_seconds=_SECONDS))
    runs = Runs(tuple(found[:2]), tuple(found[2:5]), found[5])
    tell(EngineStep(engine, "a worker that is killed", len(planned), len(planned) + 1))
    with project(stand_in_text(engine, _WAITS)) as jobs:
        whole, lost = (
            run_engine(python, engine, jobs, workers=workers, deadline_seconds=_SECONDS, lose_worker=lose)
            for lose in (False, True)
        )
    return {**costs_from(engine, runs, cpus), f"{engine}_recovery_s": recovery(whole, lost)}


def recovery(whole: EngineRun, lost: EngineRun) -> Cost:
    """What a killed worker costs a batch: how much longer it took than without."""
    return _cost([max(_LEAST_SECONDS, lost.seconds - whole.seconds)], _disturbed((whole, lost)))


def costs_from(engine: Engine, runs: Runs, cpus: int) -> dict[str, Cost]:
    """The figures that runs come to; pure."""
    every = (*runs.few, *runs.empty)
    at_once = min(every[0].workers, cpus)
    starting = min(run.cpu_seconds for run in runs.few)
    submit = _cost([1000 * run.submit_seconds / run.tasks for run in runs.empty], _disturbed(runs.empty))
    eaches = [_each_ms(run, starting, at_once) for run in runs.empty]
    task = _cost([max(_LEAST_MS, each) for each in eaches], "")
    large = (_each_ms(runs.large, starting, at_once) - min(eaches)) / _LARGE_KB
    costs = {
        "submit_ms": submit,
        "task_ms": task,
        "kb_ms": _cost([max(1e-5, large)], ""),
        "start_s": _cost([run.worker_start_seconds for run in every], _disturbed(runs.few)),
        "first_s": _cost([max(1e-4, run.first_result_seconds) for run in every], _disturbed(runs.few)),
    }
    for name in ("worker_mb", "broker_mb"):
        if known := [mb for run in every if (mb := getattr(run, name))]:
            costs[name] = _cost(known, "")
    return {f"{engine}_{name}": cost for name, cost in costs.items()}


def _each_ms(run: EngineRun, starting: float, at_once: int) -> float:
    """What one task took of the CPUs in all processes, its submission among it: by CPU time, or by the time of the run where that is more."""
    by_cpu = 1000 * max(0.0, run.cpu_seconds - starting) / run.tasks
    if run.others_cpus > _QUIET_CPUS:
        return by_cpu
    steady = max(0.0, run.seconds - run.first_result_seconds)
    return max(by_cpu, 1000 * steady * at_once / run.tasks)


def _cost(values: Sequence[float], disturbed: str) -> Cost:
    """The least of them, which is what the others would have been undisturbed."""
    noisy = {"quality": "noisy", "note": disturbed} if disturbed else {}
    return Cost.model_validate(
        {"value": min(values), "low": min(values), "high": max(values), "samples": len(values), **noisy}
    )


def _disturbed(runs: Sequence[EngineRun]) -> str:
    """Why times of these runs cannot be used; empty where they can."""
    least = min(run.others_cpus for run in runs)
    return f"other programs took {least:.1f} CPUs meanwhile" if least > _QUIET_CPUS else ""


def keep_engine_costs(costs: dict[str, Cost], of: InterpreterCosts, cpus: int) -> InterpreterCosts:
    """Keep them beside the other costs of their Python; returns all that is known of it now. OSError if they cannot be."""
    machine = this_machine(cpus)
    entry: dict[str, Any] = kept_entries(machine).get(of.path) or from_json(of.model_dump_json())
    plain = {name: from_json(cost.model_dump_json()) for name, cost in costs.items()}
    keep_entry(machine, {**entry, "costs": {**entry["costs"], **plain}})
    return of.model_copy(update={"costs": {**of.costs, **costs}})
