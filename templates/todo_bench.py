# /// script
# requires-python = ">=3.10"
# dependencies = []
# ///
"""The todo batch system as a benchmark: each of its executions, again and again, in fresh processes.

    python bench.py                                  every execution that this Python has, as a table
    python bench.py --interpreter python3.14 --interpreter python3.14t
    python bench.py --json                           one JSON object a line, as it happens

It lies beside the modules of the system and runs them as they are: the coordinator hands out batches of todos, and the
clock runs from before the processors are hired until they are gone. `concurrency-selector validate --template
todo-batch` runs it, and judges its own recommendation by it; `compare` of the system runs it with every schedule, by
approaches such as `multiprocessing/stealing/queue`: an execution, a schedule, a way to hand in.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from approaches import APPROACHES_BY_ID, Approach, Done, Job
from harness import main
from workload import workload_of

# --- parameters: begin ---
NAME = "The todo batch system"
RECOMMENDED: str | None = None
APPROACHES: tuple[str, ...] = (
    "single_threaded",  # one batch after the other
    "asyncio",  # coroutines on one event loop, which compute in turn
    "threads",  # threads that share the GIL
    "free_threaded",  # the same on a build without the GIL
    "subinterpreters",  # an interpreter for each processor
    "multiprocessing",  # a process for each processor
)
WORKERS: dict[str, int] = {}  # processors; the others have CPUS
SCALING: tuple[int, ...] = ()  # further numbers of processors for the recommended execution
CPUS = 2
TASKS: int | None = 2000  # todos in one run
CPU_MS_PER_TASK = 1.0  # on the first Python; the others do the same work
KIND = "validate"  # what processors do: validate, process or report
SCHEDULE = "queue"  # who gets which batch: queue, static or stealing
COLLECT = "queue"  # how threads hand in results: queue, lock or merge
BATCH_SIZE = 50
MEMORY_BUDGET_MB: float | None = None
ASSUMED: tuple[str, ...] = ()  # parameters that nobody gave
BUDGET_SECONDS = 60.0
# --- parameters: end ---

EXECUTIONS = {  # of the system, by approach
    "single_threaded": "sequential",
    "asyncio": "asyncio",
    "threads": "threads",
    "free_threaded": "threads",
    "subinterpreters": "subinterpreters",
    "multiprocessing": "processes",
}


class _Error(str):
    """What a task that failed said, in the place of its value."""

    __slots__ = ()


class _Worker:
    """What one process has: the settings of this run, and what its last one told of itself."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.figures: dict[str, float] = {}

    def said(self, name: str) -> Any:
        """A setting; where nobody gave it, the parameter of this script."""
        own = {"kind": KIND, "batch_size": BATCH_SIZE, "effort": 1, "uneven": 1, "source": None, "strict": False}
        return self.settings.get(name, own[name])

    def of_system(self, tasks: int) -> Any:
        """The settings as the system takes them; the first tenth of so many tasks may cost more."""
        make = system("tasks").Settings
        return make(self.said("kind"), self.said("effort"), heavy=tasks // 10, weight=self.said("uneven"))


worker = _Worker()


def system(module: str) -> Any:
    """A module of the system: beside this script, or in programs/ beside the folder of this one."""
    for place in [*sys.path]:
        own = os.path.join(os.path.dirname(place), "programs", "todo_batch")
        if own not in sys.path and os.path.isfile(os.path.join(own, "coordinator.py")):
            sys.path.append(own)
    return import_module(module)


def run_system(execution: str, schedule: str, collect: str, job: Job) -> list[Done]:
    """All tasks through the coordinator, each tried once. A task's time is the time of its batch, divided evenly."""
    coordinator, executions, tasks = system("coordinator"), system("executions"), system("tasks")
    recorded: list[list[Any]] = []
    size = worker.said("batch_size")
    crew = executions.crew_for(execution, worker.of_system(len(job.items)), collect)
    chief = coordinator.Coordinator(crew, coordinator.Options(job.workers, schedule, attempts=1), recorded.append)
    report = chief.run(tasks.batches(job.items, size), -(-len(job.items) // size))
    if report.retried or (report.failed and not worker.said("source")):  # a user's todos may fail
        raise RuntimeError(f"{report.failed} tasks failed, such as {recorded[0]}"[:300])
    shares = report.shares.values()
    worker.figures = {
        "work_cpu_seconds": sum(share.cpu_seconds for share in shares),
        "busy_seconds": sum(share.busy_seconds for share in shares),
        "busiest_seconds": max(share.busy_seconds for share in shares),
        "stolen": float(report.stolen),
    }
    done: dict[int, Done] = {}
    for outcomes, span in zip(recorded, report.spans, strict=True):  # of the same batches, in the same order
        each = (span.ended - span.began) / len(outcomes)
        for place, outcome in enumerate(outcomes):
            began = chief.begun + span.began + place * each
            value = outcome.value if outcome.status == "done" else _Error(outcome.error)
            done[outcome.number] = (value, span.processor, began, began + each)
    return [done[task.number] for task in job.items]


def use_executions() -> None:
    """From now on the approaches are the executions of the system, alone and with each schedule and way to hand in."""
    known = system("executions")
    others = {name: name for name in (*known.EXECUTIONS, *known.ENGINES) if name not in EXECUTIONS.values()}
    for approach, execution in {**EXECUTIONS, **others}.items():
        of_harness = APPROACHES_BY_ID.get(approach) or Approach(run=lambda _: [], parallel=True)
        APPROACHES_BY_ID[approach] = of_harness._replace(run=partial(run_system, execution, SCHEDULE, COLLECT))
        for schedule in system("scheduling").SCHEDULES:
            for collect in system("collecting").COLLECTORS:
                run = partial(run_system, execution, schedule, collect)
                way = of_harness._replace(run=run, pool=execution != "sequential")
                APPROACHES_BY_ID[f"{approach}/{schedule}/{collect}"] = way


def configure(settings: dict[str, Any]) -> None:
    """Take the settings and import the system, before the clock starts, as a program would."""
    worker.settings = settings
    for name in ("tasks", "executions", "coordinator"):
        system(name)


def calibrate() -> dict[str, Any]:
    """The effort with which a task takes as long as it should, and what tasks of that effort take (`stand_in`).

    Where somebody gave the effort, that is it.
    """
    if "effort" in worker.settings:
        return {}
    tasks = system("tasks")
    effort = tasks.effort_for(worker.said("kind"), CPU_MS_PER_TASK)
    worker.settings = {**worker.settings, "effort": effort}
    batch = tasks.Batch(0, items(20))
    seconds = min(tasks.process_batch(worker.of_system(0), batch).cpu_seconds for _ in range(3))
    made_ms = seconds * 1000 / len(batch.tasks)
    return {"effort": effort, "stand_in": {"cpu_ms": CPU_MS_PER_TASK, "made_cpu_ms": made_ms}}


def items(count: int) -> list[Any]:
    """The tasks: made-up todos, or as many of a file as it has."""
    if source := worker.said("source"):
        return list(islice(system("reading").Todos(Path(source), strict=worker.said("strict")), count))
    return list(system("tasks").make_tasks(count))


def work(task: Any) -> Any:
    """One task, to see what it takes."""
    tasks = system("tasks")
    (outcome,) = tasks.process_batch(worker.of_system(0), tasks.Batch(0, [task])).outcomes
    return outcome.value


async def work_async(task: Any) -> Any:
    """The same: nothing is waited for."""
    return work(task)


def start(_: dict[str, Any]) -> None:
    """Nothing to prepare: the crews start their processors themselves."""


async def close_async() -> None:
    """Nothing to close."""


def merge(values: list[Any]) -> Any:
    """What all tasks come to; what failed is in none of its counts."""
    return system("tasks").summary(worker.said("kind"), [value for value in values if not isinstance(value, _Error)])


def figures() -> dict[str, float]:
    """What the last run told of itself: seconds of computing and of work, of all processors and of the busiest."""
    return worker.figures


if __name__ == "__main__":
    use_executions()
    sys.exit(main(workload_of(globals(), tasks=TASKS, figures=figures)))
