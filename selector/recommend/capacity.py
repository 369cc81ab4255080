"""Capacity: what it takes to do so many requests, or tasks, in a second, by Little's law and utilisation.

Pure functions of a situation. What keeps CPUs busy is the rate times the CPU time of one; what is in flight is the rate
times the time of one (Little). How busy the recommended way is says its narrowest place (`cost.service`).
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

from pydantic import Field

from selector.cost.service import Place, computing_ms, narrowest, overhead_ms, share_of
from selector.cost.shape import Terms, terms_of
from selector.cost.terms import Quantities, at_once_of
from selector.models import Saved
from selector.recommend.candidates import Candidate
from selector.recommend.chain import Situation
from selector.recommend.derive import rate_asked, task_ms
from selector.recommend.expected import short
from selector.recommend.facts import Facts
from selector.recommend.pools import NOISE, PLANNED
from selector.recommend.servers import Server, servers_for
from selector.text import PREDICTED, counted, duration, number, percent, significant
from selector.workload.profile import LARGEST

_MOST = 1e15  # of anything
BALANCED = " behind a load balancer"


class Capacity(Saved):
    """What it takes to do what arrives, or must be done in a second (`rate_per_s`); None where that is not known.

    `cpus_busy` are the CPUs that are kept busy, `cpus_needed` those to plan with, so that they are busy for no more than
    `planned_utilisation` of the time. `in_flight` is how many are at work at once on average, without those that queue.
    `saturation_per_s` is the most that the recommended way does on this machine, and `utilisation` the part of it that is
    asked for: both of its `narrowest` place: computing, slots (workers that are held while they wait), hand_over (what one
    process does to hand it over), or in_flight (no more may be: the concurrency, or one comes after another). `workers` are those needed in all, in so many `processes` of the recommended way,
    on so many `machines` of this size. `text` says it in a line, and `details` why, a sentence each. `server` runs it as
    a web service, if it is one.
    """

    rate_per_s: float
    cpus_busy: float | None = None
    cpus_needed: float | None = None
    planned_utilisation: float = PLANNED
    in_flight: float | None = None
    saturation_per_s: float | None = None
    utilisation: float | None = None
    narrowest: Literal["computing", "slots", "hand_over", "in_flight"] | None = None
    processes: int | None = None
    workers: int | None = None
    machines: int | None = None
    text: str
    details: tuple[str, ...] = ()
    server: Server | None = None
    other_servers: tuple[Server, ...] = Field(())


class _Plan(NamedTuple):
    """What it takes (see Capacity); exact, not rounded."""

    busy: float | None = None
    saturation: float | None = None
    utilisation: float | None = None
    place: Place | None = None
    processes: int | None = None
    workers: int | None = None
    machines: int | None = None

    @property
    def needed(self) -> float | None:
        """The CPUs to plan with."""
        return None if self.busy is None else self.busy / PLANNED


def capacity_of(situation: Situation) -> dict[str, Any] | None:
    """The fields of Capacity for the recommended way; None where no rate is asked for, or nothing is known."""
    facts, work = situation.facts, situation.work
    rate = rate_asked(facts)
    if rate is None or facts["gpu"] or (facts["mode"] == "batch" and not facts["parallelizable"]):
        return None  # where each step needs the one before, more CPUs and machines do nothing
    chosen = situation.choice.chosen
    terms = terms_of(chosen.traits, situation.shape)
    on_cluster = chosen.traits.runs_in == "cluster"
    each_ms = task_ms(situation.profile)
    plan = _on_cluster(chosen, facts, rate, each_ms) if on_cluster else _here(chosen, work, terms, rate)
    flight = None if each_ms is None else rate * each_ms / 1000  # by Little's law
    if plan.busy is None and plan.utilisation is None and flight is None:
        return None  # what it takes is not known
    serves = facts["mode"] == "service"
    takes = plan.processes, plan.workers, plan.machines
    servers = servers_for(situation, *takes, flight) if serves else []
    return {
        "rate_per_s": short(rate),
        "cpus_busy": _short(plan.busy),
        "cpus_needed": _short(plan.needed),
        "planned_utilisation": PLANNED,
        "in_flight": _short(flight),
        "saturation_per_s": _short(plan.saturation),
        "utilisation": _short(plan.utilisation),
        "narrowest": plan.place.name if plan.place else None,
        "processes": plan.processes,
        "workers": plan.workers,
        "machines": plan.machines,
        "text": _text(plan, chosen, facts),
        "details": tuple(_details(plan, rate, flight, chosen, facts)),
        "server": servers[0] if servers else None,
        "other_servers": tuple(servers[1:]),
    }


def _short(value: float | None) -> float | None:
    """A figure as it is shown; finite, which is all that JSON takes."""
    return None if value is None else short(min(value, _MOST))


def _ceiling(value: float) -> int:
    return max(1, math.ceil(min(value, LARGEST) - NOISE))


def _machines_that_compute(busy: float | None, facts: Facts) -> int:
    """The machines of this size that keep their CPUs below what is planned."""
    return 1 if busy is None else _ceiling(busy / PLANNED / facts["cpu_cores"])


def _on_cluster(chosen: Candidate, facts: Facts, rate: float, each_ms: float | None) -> _Plan:
    """What it takes in workers on other machines: each holds a task while it computes and waits.

    A batch also has the start of its workers to wait for, and what an engine does for each task: it may take more.
    """
    cpu = facts["cpu_ms_per_task"]
    if cpu is None:
        return _Plan()
    busy = rate * cpu / 1000
    there = facts["cpu_cores"] * facts["machines"]
    workers = None if each_ms is None else _ceiling(rate * each_ms / 1000 / PLANNED)
    saturation = there * 1000 / cpu if cpu else None
    machines = _machines_that_compute(busy, facts)
    if chosen.cluster is not None and chosen.cluster.machines > max(machines, facts["machines"]):
        machines, workers = chosen.cluster.machines, max(workers or 1, chosen.cluster.all_workers)
    return _Plan(busy, saturation, busy / there, None, workers, workers, machines)


def _here(chosen: Candidate, work: Quantities, terms: Terms, rate: float) -> _Plan:
    """What it takes of the recommended way, on machines such as this one."""
    facts, own, predicted = chosen.workload, chosen.own, chosen.predicted
    busy, mine = None, share_of(work, chosen.processes, terms)
    if facts["cpu_ms_per_task"] is not None:  # 0 is reckoned with where it is not given
        at_once = at_once_of(chosen.traits, chosen.workers, mine)
        each = computing_ms(at_once, mine, terms) * (mine.cores if terms.on_every_core else 1)
        busy = rate * (each + overhead_ms(chosen.traits, mine, terms)) / 1000
    more = machines if (machines := _machines_that_compute(busy, facts)) > 1 else None  # at least
    if not work.serves:
        used, seconds = own["deadline_use"], predicted.seconds
        done = facts["tasks"] / seconds if facts["tasks"] and seconds else None
        enough = used is not None and used <= 1
        return _Plan(busy, done, used, None, *((1, chosen.workers, 1) if enough else (None, None, more)))
    used = own["utilisation"]
    if used is None:
        return _Plan(busy, machines=more)
    place, done = narrowest(chosen.traits, chosen.workers, mine, terms), predicted.throughput
    if not predicted.arrives and done is not None and done < rate and used < 1:  # with so many in flight it is no more
        place, used = Place("in_flight", work.in_flight or 1, done / 1000), rate / done
        return _Plan(busy, done, used, place)
    return _scaled(_Plan(busy, predicted.capacity, used, place), chosen, facts)


def _scaled(plan: _Plan, chosen: Candidate, facts: Facts) -> _Plan:
    """A plan for a service with as many processes, workers and machines as it takes."""
    used, place = plan.utilisation or 0.0, plan.place
    if place is not None and place.name == "in_flight" and used > PLANNED:
        return plan._replace(processes=1, workers=chosen.workers, machines=1) if used < 1 else plan
    machines = _machines_that_compute(plan.busy, facts)
    if chosen.traits.runs_in == "workers" and place is not None and place.name != "hand_over":
        workers = _ceiling(chosen.workers * used / PLANNED)
        fit = facts["process_workers_that_fit"]
        machines = max(machines, -(-workers // max(1, fit)) if fit is not None else 1)
        return plan._replace(processes=machines, workers=max(workers, machines), machines=machines)
    replicas, more = chosen.replicas.outputs["processes"], _ceiling(used / PLANNED)
    if replicas == "only_one" and more > 1:
        return plan
    if replicas == "as_needed":  # one machine has as many as it takes, or has room for
        machines = max(machines, more)
        processes = machines * chosen.processes
    else:
        budget = facts["memory_budget_mb"]
        on_each = more if budget is None else max(1, int(budget / chosen.predicted.whole_mb))
        machines = max(machines, -(-more // on_each))
        processes = max(more, machines)
    return plan._replace(processes=processes, workers=processes * chosen.workers, machines=machines)


# In words -------------------------------------------------------------------------------------------------------------


def _figure(value: float) -> str:
    """A predicted amount, in two digits."""
    return "under 0.01" if value < 0.01 else number(significant(value, 2))


def _text(plan: _Plan, chosen: Candidate, facts: Facts) -> str:
    """What it takes, in a line."""
    cores = facts["cpu_cores"]
    if plan.busy is None:
        busy = "how many CPUs is not known without cpu_ms_per_task"
    elif plan.busy <= cores:
        busy = f"{_figure(plan.busy)} of {_cpus(facts)} busy"
    else:
        busy = f"{_over(plan.busy, cores)} CPUs busy, where there {'is' if cores == 1 else 'are'} {cores:,}"
    takes = _takes(plan, chosen, facts)
    return f"{busy}; {takes}" if takes else busy


def _over(value: float, limit: float) -> str:
    """An amount over a limit, in as many digits as put it there."""
    near = (significant(value, digits) for digits in range(PREDICTED, 5))
    return next((number(figure) for figure in near if figure > limit), f"just over {number(limit)}")


def _takes(plan: _Plan, chosen: Candidate, facts: Facts) -> str:
    """How many machines, processes or workers of it are enough; nothing where that is not known."""
    planned, machines, processes = f"planned for {percent(PLANNED)}", plan.machines, plan.processes
    if plan.place is not None and plan.place.name == "in_flight" and (plan.utilisation or 0.0) > PLANNED:
        return f"at most {plan.place.servers:,} in flight: no worker more helps"
    if machines is not None and machines > 1:
        serving = facts["mode"] == "service" and chosen.traits.runs_in != "cluster"
        return f"{planned}: {machines:,} machines of {_cpus(facts)}{BALANCED if serving else ''}"
    if facts["mode"] == "batch" and plan.utilisation is not None:
        return f"{'this' if chosen.traits.runs_in != 'cluster' else 'one'} machine does it in time" if machines else ""
    if machines is None or processes is None or plan.workers is None:
        return f"{planned}: {_figure(plan.needed)} CPUs" if plan.needed is not None and plan.needed > 1 else ""
    if chosen.traits.runs_in != "own":
        return f"{planned}: {plan.workers:,} worker{'' if plan.workers == 1 else 's'}"
    enough = min(processes, _ceiling(processes * (plan.utilisation or 0.0) / PLANNED))
    sooner = f", {processes:,} answer sooner" if enough < processes else ""
    return f"{planned}: {f'{enough:,} processes do' if enough > 1 else 'one process does'}{sooner}"


def _cpus(facts: Facts) -> str:
    """`8 CPUs`: those of one machine."""
    cores = facts["cpu_cores"]
    return f"{cores:,} CPU{'' if cores == 1 else 's'}"


_PLACES = {
    "computing": "computing",
    "slots": "its workers, each held while a request waits",
    "in_flight": "what may be in flight at once",
    "hand_over": "the process that hands requests over",
}


def _details(plan: _Plan, asked: float, flight: float | None, chosen: Candidate, facts: Facts) -> list[str]:
    """Why, a sentence each: what is in flight, what is narrowest, what scales, and what the room above is for."""
    serves = facts["mode"] == "service"
    what, rate = "requests" if serves else "tasks", f"{_figure(asked)}/s"
    found = []
    if flight is not None and asked:
        each = duration(flight / asked)
        found.append(f"By Little's law {_figure(flight)} {what} are at work at once on average: {rate} x {each} each.")
    if plan.place is not None and plan.saturation is not None and plan.utilisation is not None:
        busy = percent(plan.utilisation) if plan.utilisation < 1 else "more than 100 %"
        found.append(
            f"The narrowest place is {_PLACES[plan.place.name]}: {busy} busy, full at {_figure(plan.saturation)}/s."
        )
    found += _what_scales(plan, chosen, facts)
    if serves:
        found.append(
            f"Planned for {percent(PLANNED)}, as queues grow without bound towards 100 %: in a line for one server a"
            " request waits 1.5 times its own time at 75 %, and 9.5 times at 95 % (M/D/1)."
        )
    elif plan.machines != 1:
        found.append(f"Planned for {percent(PLANNED)} of the time there is: a prediction may be off, a machine busy.")
    return found


def _what_scales(plan: _Plan, chosen: Candidate, facts: Facts) -> list[str]:
    """What more of it takes, where one process, or one machine, is not enough."""
    if plan.machines is None or (plan.processes is None and plan.machines == 1):
        return []
    here = facts["machines"]
    if chosen.traits.runs_in == "cluster":
        workers = (
            f"{plan.workers:,} workers that take from one queue" if plan.workers else "Workers that take from one queue"
        )
        enough = f" The {here:,} machines given are enough." if plan.machines <= here > 1 else ""
        return [f"It scales by {workers[0].lower() + workers[1:]}, on {counted(plan.machines, 'machine')}.{enough}"]
    by_memory = facts["memory_budget_mb"] is not None and chosen.processes < facts["cpu_cores"]
    if plan.processes is not None and by_memory and plan.machines > _machines_that_compute(plan.busy, facts):
        return ["It scales by machines, as the memory budget of one holds no more processes."]
    if plan.machines > 1:
        return [f"It scales by machines: {plan.machines:,} of this size{BALANCED}, or workers on a queue."]
    if plan.processes is not None and plan.processes > 1 and chosen.traits.runs_in == "own":
        return [f"It scales by processes: {plan.processes:,} of them take requests from one port (prefork workers)."]
    return []
