"""What a script measures: its parameters and its functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple


class Workload(NamedTuple):
    """What is measured. A number of tasks of None means: as many as make a measurement long enough.

    `work`, `work_async`, `start` and the items must pickle. `variants` (name to tasks) are measured and compared each by
    itself; settings["variant"] tells which one it is. `protocol` makes the asyncio protocol of the server that the work
    waits for, at settings["port"] of 127.0.0.1; without one, the server answers each line, a number of ms, after that time.
    Where nothing is `recommended`, all approaches are measured with the pool sizes of `scaling`, and compete with them.
    """

    name: str
    approaches: tuple[str, ...]
    tasks: int | None
    cpus: int
    work: Callable[[Any], Any]
    work_async: Callable[[Any], Awaitable[Any]]
    items: Callable[[int], list[Any]]
    calibrate: Callable[[], dict[str, Any]]  # settings that make the work as long as it should be; see _calibrate
    configure: Callable[[dict[str, Any]], None]  # take the settings, in every process
    start: Callable[[dict[str, Any]], None]  # configure, and the costly start of a worker
    close_async: Callable[[], Awaitable[None]]
    merge: Callable[[list[Any]], Any]  # the values of all tasks to the state they leave
    workers: dict[str, int] = {}  # noqa: RUF012  # pool size by approach; cpus for the others
    recommended: str | None = None
    scaling: tuple[int, ...] = ()  # further pool sizes for the recommended approach
    concurrency: int | None = None
    memory_budget_mb: float | None = None
    assumed: tuple[str, ...] = ()
    budget_seconds: float = 60.0
    variants: dict[str, int | None] = {}  # noqa: RUF012
    protocol: Callable[[], Any] | None = None
    settings: dict[str, Any] = {}  # noqa: RUF012  # what every process is told besides, before it calibrates
    rounds: int = 1  # so often each is measured before it may be dropped as slow, if there is time
    figures: Callable[[], dict[str, float]] | None = None  # what the work tells of itself, after each measurement
    processes: dict[str, int] = {}  # noqa: RUF012  # of a service: those that share what arrives, by approach; 1 for the others


_PARAMETERS = (
    "NAME", "RECOMMENDED", "APPROACHES", "WORKERS", "SCALING", "CPUS", "MEMORY_BUDGET_MB", "ASSUMED", "BUDGET_SECONDS",
)  # fmt: skip
_FUNCTIONS = ("work", "work_async", "items", "calibrate", "configure", "start", "close_async", "merge")


def workload_of(script: dict[str, Any], tasks: int | None, **more: Any) -> Workload:
    """The workload of a script: the parameters and functions that every script has, by their names, and what else it says."""
    named = {name.lower(): script[name] for name in (*_PARAMETERS, *_FUNCTIONS)}
    return Workload(**named, tasks=tasks, **more)
