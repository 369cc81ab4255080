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
todo-batch` runs it, and judges its own recommendation by it.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib import import_module
from typing import Any

from approaches import APPROACHES_BY_ID, Done, Job
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


class _Worker:
    """What one process has: the settings of this run."""

    effort = 1


worker = _Worker()


def system(module: str) -> Any:
    """A module of the system: beside this script, or in programs/ beside the folder of this one."""
    for place in [*sys.path]:
        own = os.path.join(os.path.dirname(place), "programs", "todo_batch")
        if own not in sys.path and os.path.isfile(os.path.join(own, "coordinator.py")):
            sys.path.append(own)
    return import_module(module)


def run_system(execution: str, job: Job) -> list[Done]:
    """All tasks through the coordinator. A task's time is the time of its batch, divided evenly."""
    coordinator, executions, tasks = system("coordinator"), system("executions"), system("tasks")
    recorded: list[list[Any]] = []
    crew = executions.crew_for(execution, tasks.Settings(KIND, job.settings["effort"]), COLLECT)
    chief = coordinator.Coordinator(crew, coordinator.Options(job.workers, SCHEDULE), recorded.append)
    report = chief.run(tasks.batches(job.items, BATCH_SIZE), -(-len(job.items) // BATCH_SIZE))
    if report.failed or report.retried:
        raise RuntimeError(f"{report.failed} tasks failed, such as {recorded[0]}"[:300])
    done: dict[int, Done] = {}
    for outcomes, span in zip(recorded, report.spans, strict=True):  # of the same batches, in the same order
        each = (span.ended - span.began) / len(outcomes)
        for place, outcome in enumerate(outcomes):
            began = chief.begun + span.began + place * each
            done[outcome.number] = (outcome.value, span.processor, began, began + each)
    return [done[task.number] for task in job.items]


def use_executions() -> None:
    """From now on the approaches are the executions of the system."""
    for approach, execution in EXECUTIONS.items():
        APPROACHES_BY_ID[approach] = APPROACHES_BY_ID[approach]._replace(run=partial(run_system, execution))


def configure(settings: dict[str, Any]) -> None:
    """Take the settings and import the system, before the clock starts, as a program would."""
    worker.effort = settings.get("effort", 1)
    for name in ("tasks", "executions", "coordinator"):
        system(name)


def calibrate() -> dict[str, Any]:
    """The effort with which a task takes as long as it should, and what tasks of that effort take (`stand_in`)."""
    tasks = system("tasks")
    worker.effort = tasks.effort_for(KIND, CPU_MS_PER_TASK)
    batch = tasks.Batch(0, items(20))
    seconds = min(tasks.process_batch(tasks.Settings(KIND, worker.effort), batch).cpu_seconds for _ in range(3))
    made_ms = seconds * 1000 / len(batch.tasks)
    return {"effort": worker.effort, "stand_in": {"cpu_ms": CPU_MS_PER_TASK, "made_cpu_ms": made_ms}}


def items(count: int) -> list[Any]:
    """The tasks: made-up todos."""
    return list(system("tasks").make_tasks(count))


def work(task: Any) -> Any:
    """One task, to see what it takes."""
    tasks = system("tasks")
    result = tasks.process_batch(tasks.Settings(KIND, worker.effort), tasks.Batch(0, [task]))
    return result.outcomes[0].value


async def work_async(task: Any) -> Any:
    """The same: nothing is waited for."""
    return work(task)


def start(_: dict[str, Any]) -> None:
    """Nothing to prepare: the crews start their processors themselves."""


async def close_async() -> None:
    """Nothing to close."""


def merge(values: list[Any]) -> Any:
    """What all tasks come to."""
    return system("tasks").summary(KIND, values)


if __name__ == "__main__":
    use_executions()
    sys.exit(main(workload_of(globals(), tasks=TASKS)))
