"""What a task queue or scheduler makes of a batch: its time, memory and limits with one engine on so many machines.

Pure. Somebody submits the tasks, one after the other; one broker or scheduler hands them out, one after the other; workers
take them, as many as there are. On one machine all three share its CPUs. Which of them is narrowest decides, as tasks flow:
one is submitted while others run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from selector.cost.batch import Parts
from selector.cost.memory import Footprint
from selector.cost.terms import Costs, Quantities, loss

MOST_MACHINES = 10_000  # that are reckoned with


class EngineCosts(NamedTuple):
    """What one engine costs. Milliseconds are for one task, seconds once, memory is megabytes.

    `submit_ms` is the submitter's, `dispatch_ms` that of the one broker or scheduler, `task_ms` all that the engine does for
    it in all its processes (its submission, too), `kb_ms` for each KB that crosses to a worker and back. `start_s` is from nothing to
    workers that are ready, `first_s` from there to the first result, `recovery_s` what a killed worker costs the batch.
    """

    name: str
    submit_ms: float
    dispatch_ms: float
    task_ms: float
    kb_ms: float
    start_s: float
    first_s: float
    worker_mb: float
    broker_mb: float
    recovery_s: float | None


#: The costs of an engine, as they end in costs.yaml and in what `calibrate` keeps: `celery_submit_ms`.
NEEDED = ("submit_ms", "dispatch_ms", "task_ms", "kb_ms", "start_s", "first_s", "worker_mb")
OTHERS = ("broker_mb", "recovery_s")  # not every engine has a broker, nor was each killed


def engine_costs(costs: Costs, engine: str) -> EngineCosts | None:
    """What is known of one engine; None where that is not enough to predict anything."""
    found = {name: costs.get(f"{engine}_{name}") for name in (*NEEDED, *OTHERS)}
    if any(found[name] is None for name in NEEDED):
        return None
    return EngineCosts(engine, **{**found, "broker_mb": found["broker_mb"] or 0.0})  # type: ignore[arg-type]  # none is None


def costs_of(engine: str, costs: Costs) -> tuple[str, ...]:
    """The names of the costs that the time of an engine rests on, beside what workers take from one another."""
    return tuple(name for cost in NEEDED if not cost.endswith("_mb") and (name := f"{engine}_{cost}") in costs)


class Cluster(NamedTuple):
    """One engine with so many workers on each of so many machines, all as large as this one."""

    engine: EngineCosts
    machines: int
    workers: int  # on each of them

    @property
    def all_workers(self) -> int:
        """Of all machines."""
        return self.machines * self.workers


class Each(NamedTuple):
    """What one task takes, in milliseconds: of its worker, of the CPUs of all machines, of who is not there twice."""

    computing: float
    held: float
    busy: float
    in_turn: float
    copying: float


def each_of(cluster: Cluster, work: Quantities, costs: Costs) -> Each | None:
    """What one task takes on a cluster; None where its own time is not known."""
    if work.cpu_ms is None or work.wait_ms is None:
        return None
    engine = cluster.engine
    copying = max(engine.kb_ms * work.payload_kb, work.pickle_ms or 0.0)
    beside = max(0.0, engine.task_ms - engine.submit_ms) + copying / 2
    computing = work.cpu_ms * loss("contention_processes", min(cluster.workers, work.cores), costs)
    return Each(
        computing,
        computing + work.wait_ms + beside,
        computing + (engine.task_ms + copying if cluster.machines == 1 else beside),
        max(engine.submit_ms, engine.dispatch_ms) + copying / 2,
        copying,
    )


def cluster_parts(cluster: Cluster, work: Quantities, costs: Costs) -> Parts | None:
    """Where the milliseconds of a batch go, from before the first worker starts to the last result; None if unknown."""
    each = each_of(cluster, work, costs)
    if each is None or work.tasks is None:
        return None
    engine, tasks, cores = cluster.engine, work.tasks, work.cores
    start = (engine.start_s + engine.first_s) * 1000
    startup = (work.startup_ms + work.import_ms) * -(-cluster.workers // cores)
    in_turn = tasks * each.in_turn
    by_workers = -(-tasks // cluster.all_workers) * each.held
    by_cpus = tasks * each.busy / (cores * cluster.machines)
    own = each.computing + (work.wait_ms or 0.0)  # of the last one, when it has had its turn
    if in_turn + own >= max(by_workers, by_cpus):
        copying = min(in_turn, tasks * each.copying / 2)
        return Parts(each.computing, work.wait_ms or 0.0, start, startup, in_turn - copying, copying)
    steady, whole = (by_workers, each.held) if by_workers >= by_cpus else (by_cpus, each.busy)
    waiting = (work.wait_ms or 0.0) / whole * steady if by_workers >= by_cpus else 0.0
    computing, copying = (steady * part / whole for part in (each.computing, min(each.copying, whole - each.computing)))
    return Parts(computing, waiting, start, startup, max(0.0, steady - computing - waiting - copying), copying)


def cluster_seconds(cluster: Cluster, work: Quantities, costs: Costs) -> float | None:
    """The same in seconds, in all."""
    parts = cluster_parts(cluster, work, costs)
    return sum(parts) / 1000 if parts else None


def capacity_per_s(cluster: Cluster, work: Quantities, costs: Costs) -> float | None:
    """The tasks that a warm cluster does in a second at most; None where the time of one is not known."""
    each = each_of(cluster, work, costs)
    if each is None:
        return None
    rates = (
        1 / each.in_turn,
        cluster.all_workers / each.held,
        work.cores * cluster.machines / each.busy,
    )
    return min(rates) * 1000


def dispatch_bound_ms(cluster: Cluster, work: Quantities, costs: Costs) -> float | None:
    """The length of a task below which submitting it, or handing it out, and not the workers bound how many are done."""
    each = each_of(cluster, work, costs)
    if each is None:
        return None
    own = each.computing + (work.wait_ms or 0.0)
    return max(0.0, cluster.all_workers * each.in_turn - (each.held - own))


def machines_within(seconds_with: Callable[[int], float | None], limit_seconds: float) -> int | None:
    """The fewest machines that end in time, where more never take longer; None where no number does, or none is known."""

    def in_time(machines: int) -> bool:
        """Whether so many do."""
        seconds = seconds_with(machines)
        return seconds is not None and seconds <= limit_seconds

    if not in_time(MOST_MACHINES):
        return None
    low, high = 0, 1
    while not in_time(high):
        low, high = high, min(2 * high, MOST_MACHINES)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if in_time(middle) else (middle, high)
    return high


def cluster_footprint(engine: EngineCosts, work: Quantities, plain_mb: float) -> Footprint:
    """The memory on one machine: of the program that submits, of the broker beside it, and of a worker with its task."""
    data = work.data_kb / 1024
    own_anyway = work.task_mb + data
    worker = engine.worker_mb + own_anyway + data + work.startup_mb
    return Footprint(plain_mb, plain_mb + engine.broker_mb, worker, own_anyway)
