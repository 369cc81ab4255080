"""An engine as one more arm of a benchmark: a project on it is run on this machine, and told as cells beside the others.

The same tasks as every other approach: work that stands in, or the user's function. What a run of fewer tasks took is
reckoned for all of them, its start apart.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selector.approaches import Engine
from selector.benchmark.engine_project import engine_files
from selector.benchmark.events import Arm, CellEvent, EndEvent, Event, PlanEvent, collect
from selector.benchmark.plan import BenchmarkPlan
from selector.calibration.engine_run import NEEDS, EngineRun, StandIn, not_installed, project, run_engine, stand_in_text
from selector.errors import SelectorError
from selector.files import write_folder
from selector.measure.models import Request
from selector.measure.python import ChosenPython, choose_python
from selector.processes import Child, NotStartedError
from selector.recommend.chain import Situation
from selector.recommend.recommendation import Recommendation
from selector.temporary import temporary_folder
from selector.workload.profile import APPROACHES, ApproachId, WorkloadProfile

_SHARE = 0.3  # of the budget
_MOST_PROCESSES = 8  # as of the other approaches: more would mostly measure how they start
_ASKING_SECONDS = 20.0
_MOST_RUNS = 3
_LEAST_TASKS = 20
_LEAST_SECONDS = 20.0  # that a run may take: an engine's start takes seconds by itself


@dataclass(frozen=True)
class EngineArm:
    """What is measured: an engine in a Python (its path and tag) with so many workers, for so many seconds in all.

    `approach` is the one of the catalogue that engines belong to. `request` names the user's function, if that is run;
    else tasks as in `profile` stand in. `task_seconds` is about what one takes of the whole, as far as that is known.
    """

    engine: Engine
    approach: ApproachId
    python: str
    tag: str
    workers: int
    budget_seconds: float
    profile: WorkloadProfile
    request: Request | None = None
    task_seconds: float | None = None

    def beside(self, plan: BenchmarkPlan) -> BenchmarkPlan:
        """The plan for the others, in the time that is left to them; what said that a queue is not measured goes."""
        left = plan.budget_seconds - self.budget_seconds
        notes = tuple(
            note for note in plan.notes if not note.startswith(f"Not measured: the recommendation, {self.approach}.")
        )
        parameters = {**plan.parameters, "BUDGET_SECONDS": left}
        return plan.model_copy(update={"budget_seconds": left, "parameters": parameters, "notes": notes})


def engine_arm(
    situation: Situation,
    recommendation: Recommendation,
    engine: Engine | None,
    given: str | None,
    python: ChosenPython | None,
    budget_seconds: float,
) -> EngineArm | None:
    """The engine that is asked for, or that is recommended and installed, in a share of the budget; None where neither is.

    `python` is that of a user's function; else the one `given`, or the application's. SelectorError where a queue is
    recommended, and its engine is not installed there.
    """
    named = engine or recommendation.engine
    if named is None:
        return None
    python = python or choose_python(given, os.environ, Path.cwd())
    if recommendation.profile.mode == "service":
        raise SelectorError(
            "a service is not measured on an engine, as how long its requests queue there is not known",
            "with mode: batch and tasks its throughput is",
            1,
        )
    if not _is_installed(named, python.path):
        raise not_installed(python.path, named) if engine is not None else _refusal(recommendation, named)
    pool = situation.with_engine(engine=named)
    parts, tasks = pool.parts if pool else None, situation.profile.tasks
    workers = min(pool.workers if pool else situation.host.usable_cpus, _MOST_PROCESSES)
    approach = next(a for a in APPROACHES if situation.traits(a).runs_in == "cluster")
    each = (sum(parts) - parts.pool_start) / 1000 / tasks if parts is not None and tasks else None
    share = budget_seconds * _SHARE
    return EngineArm(named, approach, python.path, python.tag, workers, share, recommendation.profile, None, each)


def _is_installed(engine: Engine, python: str) -> bool:
    """Whether a Python finds the package of an engine; nothing of it is imported."""
    package = "distributed" if engine == "dask" else engine
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    try:
        with Child([python, "-c", code], deadline_seconds=_ASKING_SECONDS) as child:
            for _ in child:
                pass
    except NotStartedError:
        return False
    return child.process.returncode == 0


def _refusal(recommendation: Recommendation, engine: Engine) -> SelectorError:
    """Exit code 1 where a whole budget would say nothing: what is recommended is not installed."""
    profile = recommendation.profile
    asks = [f"{name}={value}" for name, value in (("durable", "false"), ("machines", 1)) if name in profile.given()]
    without = " ".join(f"--set {each}" for each in asks)
    other = f"leave out what asks for it: {without}" if asks else "write the script: concurrency-selector generate"
    return SelectorError(
        f"the recommendation is a {recommendation.title.lower()} on {engine}, which is not installed: nothing was run",
        f"--engine {engine} --python PATH of an environment that has {NEEDS[engine]}; to compare what runs here without, {other}",
        1,
    )


def with_engine(events: Sequence[Event], what: EngineArm) -> tuple[Event, ...]:
    """The events of a benchmark with those of an engine before its end; the same ones where it came to no plan."""
    plan = collect(events).plan
    if plan is None or plan.requests_per_second is not None:
        return tuple(events)
    number = max((arm.arm for arm in plan.arms), default=-1) + 1
    arm = Arm(
        arm=number,
        approach=what.approach,
        interpreter=what.tag,
        workers=what.workers,
        role="candidate",
        variant=plan.arms[0].variant if plan.arms else "",
        engine=what.engine,
    )
    more = plan.model_copy(update={"arms": (*plan.arms, arm)})
    cells = list(_cells(arm, plan, what))
    before = [more if event is plan else event for event in events if not isinstance(event, EndEvent)]
    return (*before, *cells, *(event for event in events if isinstance(event, EndEvent)))


def _cells(arm: Arm, plan: PlanEvent, what: EngineArm) -> Iterator[CellEvent]:
    """A cell for each run, as long as there is time for one more like the last."""
    started = time.monotonic()
    tasks = _tasks_to_run(plan, what)
    with _jobs(what, plan, tasks) as jobs:
        for number in range(_MOST_RUNS):
            begun = time.monotonic()
            try:
                run = run_engine(
                    what.python,
                    what.engine,
                    jobs,
                    workers=what.workers,
                    deadline_seconds=max(_LEAST_SECONDS, what.budget_seconds),
                )
            except SelectorError as error:
                yield _failed(arm, number, str(error))
                return
            yield _cell(arm, number, plan, run)
            now = time.monotonic()
            if now - started + (now - begun) > what.budget_seconds:
                return


def _tasks_to_run(plan: PlanEvent, what: EngineArm) -> int:
    """As many of the tasks as a third of the time is enough for; of a user's function all of its items run."""
    if not what.task_seconds:
        return plan.tasks
    fit = int(what.budget_seconds / _MOST_RUNS / what.task_seconds)
    return min(plan.tasks, max(_LEAST_TASKS, fit))


@contextmanager
def _jobs(what: EngineArm, plan: PlanEvent, tasks: int) -> Iterator[Path]:
    """The project, in a folder that goes with the context."""
    if what.request is None:
        with project(stand_in_text(what.engine, _stand_in(what.profile, plan, tasks))) as jobs:
            yield jobs
        return
    with temporary_folder() as folder:
        jobs = folder / "jobs"
        write_folder(engine_files(what.request, what.engine, jobs), jobs, force=True)
        yield jobs


def _stand_in(profile: WorkloadProfile, plan: PlanEvent, tasks: int) -> StandIn:
    """Tasks as the profile says; what it does not say as the script found its own to be."""
    cpu, wait = profile.cpu_ms_per_task, profile.io_wait_ms_per_task
    if cpu is None:
        cpu = 0.0 if profile.workload_type == "io" else plan.task_cpu_ms or 0.0
    if wait is None:
        wait = 0.0 if profile.workload_type == "cpu" else max(0.0, (plan.task_wall_ms or 0.0) - cpu)
    return StandIn(tasks, cpu, wait, profile.payload_kb_per_task or 0.0)


def _cell(arm: Arm, number: int, plan: PlanEvent, run: EngineRun) -> CellEvent:
    """A run as a cell: what all tasks would take at its pace, from before the workers were started."""
    whole = plan.tasks / run.tasks
    seconds = run.worker_start_seconds + run.seconds * whole
    fewer = run.tasks != plan.tasks
    return _CELL.model_copy(
        update={
            **_shared(arm, number),
            "status": "ok",
            "tasks": plan.tasks,
            "seconds": seconds,
            "launch_seconds": 0.0,
            "startup_seconds": run.worker_start_seconds,
            "first_result_seconds": run.worker_start_seconds + run.first_result_seconds,
            "steady_seconds": max(0.0, run.seconds - run.first_result_seconds) * whole,
            "cpu_seconds": run.cpu_seconds,
            "cpu_percent": 100 * run.cpu_seconds / run.whole_seconds,
            "peak_memory_mb": None if run.worker_mb is None else run.workers * run.worker_mb + (run.broker_mb or 0.0),
            "workers_seen": run.workers,
            "extrapolated_from": run.tasks if fewer else None,
            "cpus_taken": run.others_cpus,
        }
    )


def _failed(arm: Arm, number: int, reason: str) -> CellEvent:
    return _CELL.model_copy(update={**_shared(arm, number), "status": "error", "reason": reason[:2000]})


def _shared(arm: Arm, number: int) -> dict[str, object]:
    fields = ("arm", "approach", "interpreter", "workers", "role", "variant")
    return {**{name: getattr(arm, name) for name in fields}, "round": number}


_CELL = CellEvent(
    arm=0, round=0, approach="single_threaded", interpreter="", workers=1, role="candidate", variant="",
    status="not_run", reason="", tasks=None, seconds=None, launch_seconds=None, startup_seconds=None,
    first_result_seconds=None, steady_seconds=None, cpu_seconds=None, cpu_percent=None, peak_memory_mb=None,
    memory_metric=None, task_latency_ms=None, gil_enabled=None, checksum=None, workers_seen=None, imbalance=None,
    short=None, extrapolated_from=None,
)  # fmt: skip
