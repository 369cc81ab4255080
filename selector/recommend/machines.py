"""One machine and several: what an engine comes to on its machines, and from which size on one machine is outgrown."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from selector.approaches import Engine
from selector.cost.cluster import Cluster, capacity_per_s, cluster_seconds, dispatch_bound_ms, machines_within
from selector.cost.terms import Costs
from selector.models import Saved
from selector.recommend.chain import Situation
from selector.recommend.derive import time_limit
from selector.recommend.expected import short
from selector.recommend.pools import Pool
from selector.text import counted, duration, memory, number, significant
from selector.workload.profile import LARGEST, ApproachId

_Plain = dict[str, Any]  # what a model is made from

_GAIN = 1.2  # times as fast: from there on more machines are worth what they cost (speedup_bands)
_STEPS = 40  # halvings at most
_BEYOND = 4  # times as many as there are: one machine more is asked about for that size at most
_NEAR = 1.01  # two sizes that differ by less are one


class ClusterPlan(Saved):
    """An engine on its machines; None where that is not known.

    `workers` are those on all `machines`. A batch takes `seconds`, the start of the workers among them; a warm cluster does
    `throughput_per_s` tasks at most. Tasks shorter than `dispatch_bound_ms` are bound by submitting them and handing them
    out, so that more workers gain nothing. `in_time` is whether a batch meets its limit. Memory is that of all workers of one machine, and of the broker or
    scheduler. `recovery_seconds` is what a killed worker costs. `text` says it in a line, `details` why.
    """

    engine: Engine
    machines: int
    workers: int
    workers_per_machine: int
    seconds: float | None
    throughput_per_s: float | None
    dispatch_bound_ms: float | None
    in_time: bool | None
    workers_mb: float
    broker_mb: float
    recovery_seconds: float | None
    text: str
    details: tuple[str, ...] = ()


class Outgrown(Saved):
    """From which size on one machine is not enough: with `at` tasks, or so many a second, where now there are `now`.

    `approach` is the best way on one machine, `engine` the one that does it on `machines`; None where no number of them
    does, as its start, or submitting the tasks, takes too long by itself. `by` is what one machine misses first: the
    limit of time, or what several machines would gain.
    """

    input: Literal["tasks", "throughput_requirement_per_s"]
    at: float
    now: float
    by: Literal["deadline", "rate", "gain"]
    approach: ApproachId
    engine: Engine
    machines: int | None
    text: str


# An engine on its machines --------------------------------------------------------------------------------------------


def cluster_of(situation: Situation) -> _Plain | None:
    """The fields of ClusterPlan for the answer; None where it is no engine, or one of which nothing is known."""
    chosen = situation.choice.chosen
    cluster, work = chosen.cluster, situation.work
    if cluster is None:
        return None
    engine, costs = cluster.engine, work.builds.gil
    rate, bound = capacity_per_s(cluster, work, costs), dispatch_bound_ms(cluster, work, costs)
    seconds, limit = chosen.predicted.seconds, time_limit(situation.facts)
    in_time = None if limit is None or seconds is None else short(seconds) <= limit
    footprint = situation.footprint(chosen.approach)
    return {
        "engine": engine.name,
        "machines": cluster.machines,
        "workers": cluster.all_workers,
        "workers_per_machine": cluster.workers,
        "seconds": None if seconds is None else short(seconds),
        "throughput_per_s": None if rate is None else short(rate),
        "dispatch_bound_ms": None if bound is None else short(bound),
        "in_time": in_time,
        "workers_mb": short(footprint.worker * cluster.workers),
        "broker_mb": short(engine.broker_mb),
        "recovery_seconds": engine.recovery_s,
        "text": _cluster_text(cluster, seconds, rate),
        "details": tuple(_cluster_details(situation, cluster, bound, in_time)),
    }


def _cluster_text(cluster: Cluster, seconds: float | None, rate: float | None) -> str:
    """`3 machines of 4 workers: 12 s, at most 340 tasks a second`."""
    told = f"{counted(cluster.machines, 'machine')} of {counted(cluster.workers, 'worker')}"
    figures = [duration(seconds)] if seconds is not None else []
    figures += [f"at most {_figure(rate)} tasks a second"] if rate is not None else []
    return f"{told}: {', '.join(figures)}" if figures else told


def _cluster_details(situation: Situation, cluster: Cluster, bound: float | None, in_time: bool | None) -> list[str]:
    """Why, a sentence each: what bounds short tasks, whether more machines would help, what memory, start and recovery take."""
    engine, work, costs = cluster.engine, situation.work, situation.work.builds.gil
    found = []
    if bound is not None and work.cpu_ms is not None and work.wait_ms is not None:
        own = work.cpu_ms + work.wait_ms
        each = max(engine.submit_ms, engine.dispatch_ms)
        if own < bound:
            found.append(
                f"Tasks of {duration(own / 1000)} are too short for {counted(cluster.all_workers, 'worker')}: submitting and"
                f" handing out takes {duration(each / 1000)} for each, one after the other; from {duration(bound / 1000)} on the"
                " workers would be the limit. Put several items into one task."
            )
        else:
            found.append(
                f"The engine takes {duration(engine.task_ms / 1000)} for a task in all its processes; submitting and handing out"
                f" takes {duration(each / 1000)}, one after the other."
            )
    if in_time is False:
        found.append(_not_in_time(situation, cluster, costs))
    parts = f"{duration(engine.start_s)} until the workers are ready"
    parts += f", {duration(engine.recovery_s)} lost with a worker that is killed" if engine.recovery_s else ""
    found.append(f"It takes {parts}.")
    broker = f", the broker or scheduler {memory(engine.broker_mb)}" if engine.broker_mb else ""
    found.append(f"A worker takes {memory(engine.worker_mb)} without its task{broker}.")
    return found


def _not_in_time(situation: Situation, cluster: Cluster, costs: Costs) -> str:
    """What it takes to be in time, where these machines are not."""
    limit = time_limit(situation.facts) or 0.0
    needed = machines_within(
        lambda machines: cluster_seconds(cluster._replace(machines=machines), situation.work, costs), limit
    )
    if needed is None:
        return (
            "No number of machines is in time: the start, and submitting one task after the other, take too long by"
            " themselves. Keep workers warm, and put several items into one task."
        )
    return f"It takes {counted(needed, 'machine')} to be in time."


def _figure(value: float) -> str:
    return "under 0.01" if value < 0.01 else number(significant(value, 2))


# The crossing ---------------------------------------------------------------------------------------------------------


class _Size(NamedTuple):
    """A size of the work: what it is on one machine and with an engine."""

    situation: Situation
    seconds: float | None  # of the best way on one machine
    limit: float | None
    pool: Pool | None


def outgrown_of(situation: Situation) -> _Plain | None:
    """The fields of Outgrown; None for a service, where work must survive a restart, or no limit or machine is given."""
    profile, alone = situation.profile, situation.alone
    best = alone.best_on_one_machine
    if profile.durable or alone.work.serves or best is None or best.seconds is None or alone.with_engine() is None:
        return None
    if not profile.parallelizable or profile.gpu or best.predicted.seconds is None or profile.tasks is None:
        return None
    rate = profile.throughput_requirement_per_s
    if profile.finish_within_s is not None:
        return _by_tasks(situation, "deadline")
    if rate is not None:
        return _by_rate(situation, profile.tasks / best.predicted.seconds, rate)
    return _by_tasks(situation, "gain") if profile.machines > 1 else None


def _sized(situation: Situation, tasks: int) -> tuple[float | None, Pool | None]:
    """With so many tasks: the seconds of the best way on one machine, and an engine on the machines it takes."""
    alone = situation.alone
    best = alone.best_on_one_machine
    at = alone.changed(tasks=tasks)
    seconds = at.seconds(best.approach) if best is not None else None
    machines = situation.profile.machines
    return seconds, at.with_engine(machines if machines > 1 else None)


def _misses(situation: Situation, tasks: int, by: str) -> bool:
    """Whether one machine is too slow for so many tasks."""
    seconds, pool = _sized(situation, tasks)
    if seconds is None:
        return False
    if by == "deadline":
        return seconds > (situation.profile.finish_within_s or 0.0)
    return pool is not None and pool.parts is not None and seconds > _GAIN * sum(pool.parts) / 1000


def _by_tasks(situation: Situation, by: Literal["deadline", "gain"]) -> _Plain | None:
    """From how many tasks on; None where that is never so."""
    now = situation.profile.tasks or 1
    low, high = (0, 1) if _misses(situation, 1, by) else (1, now)
    while not _misses(situation, high, by):
        low, high = high, high * 4
        if high > LARGEST:
            return None
    for _ in range(_STEPS):
        if high - low <= 1 or high < low * _NEAR:
            break
        middle = (low + high) // 2
        low, high = (low, middle) if _misses(situation, middle, by) else (middle, high)
    _, pool = _sized(situation, high)
    assert pool is not None and pool.cluster is not None, "its costs are known"
    cluster, limit = pool.cluster, situation.profile.finish_within_s
    seconds = sum(pool.parts) / 1000 if pool.parts else None
    done = by == "gain" or (seconds is not None and limit is not None and seconds <= limit)
    return _outgrown(situation, "tasks", high, now, by, cluster, done=done)


def _by_rate(situation: Situation, most: float, asked: float) -> _Plain | None:
    """From how many tasks a second on: what the best way on one machine does."""
    tasks = situation.profile.tasks or 1
    pool = situation.alone.changed(throughput_requirement_per_s=most * _NEAR).with_engine()
    if pool is None or pool.cluster is None or pool.parts is None:
        return None
    done = sum(pool.parts) / 1000 <= tasks / most
    return _outgrown(situation, "throughput_requirement_per_s", most, asked, "rate", pool.cluster, done=done)


def _outgrown(
    situation: Situation, what: str, at: float, now: float, by: str, cluster: Cluster, *, done: bool
) -> _Plain:
    best = situation.alone.best_on_one_machine
    assert best is not None, "it was compared"
    machines = cluster.machines if done else None
    found = {
        "input": what,
        "at": short(at) if what != "tasks" else at,
        "now": now,
        "by": by,
        "approach": best.approach,
        "engine": cluster.engine.name,
        "machines": machines,
    }
    return {**found, "text": _text(found, situation)}


def _text(found: _Plain, situation: Situation) -> str:
    """`One machine does up to 2,300 tasks in 60 s (multiprocessing); from there on it takes 2 machines with dask`."""
    at, tasks = number(significant(found["at"], 2)), found["input"] == "tasks"
    size = f"{at} {'such task' if found['at'] == 1 else 'such tasks'}" if tasks else f"{at} tasks a second"
    way, machines, engine = found["approach"], found["machines"], found["engine"]
    if found["by"] == "gain":
        given = situation.profile.machines
        return f"Up to about {size} one machine is as good ({way}): {given} of them with {engine} would gain a fifth at most."
    within = f" in {duration(situation.profile.finish_within_s or 0.0, None)}" if found["by"] == "deadline" else ""
    here = f"One machine does up to about {size}{within} ({way})"
    if machines is None:
        return (
            f"{here}; beyond that no number of machines with {engine} does at once, as its start and one submission after the"
            " other take too long."
        )
    if machines == 1:
        return f"{here}; {engine} on it does a little more."
    return f"{here}; from there on it takes {counted(machines, 'machine')} with {engine}."
