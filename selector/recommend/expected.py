"""What to expect of an approach: time, speedup and memory, how far off they may be, and what they rest on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from selector.cost.batch import batch_of
from selector.cost.cluster import Cluster, cluster_seconds, costs_of, engine_costs
from selector.cost.memory import memory_costs_used
from selector.cost.predict import Dominant, spread_of
from selector.cost.shape import costs_used
from selector.cost.sheet import SURENESS, Rest, Sheet, rest_on
from selector.cost.terms import Costs, Quantities, at_once_of, build_of, most_gained, runs_single, slots_of
from selector.recommend.candidates import Candidate
from selector.recommend.chain import Situation
from selector.recommend.derive import (
    ASSUMED_STARTUP_MS,
    PLAUSIBLE_IN_FLIGHT,
    PLAUSIBLE_STARTUP_MS,
    assumes_in_flight,
    assumes_startup,
)
from selector.workload.profile import WorkloadProfile

_Plain = dict[str, Any]  # what a model below is made from


class Speedup(BaseModel):
    """Times as fast as single-threaded; low and high allow for what is uncertain about the costs."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    low: float
    mid: float
    high: float


class Expected(BaseModel):
    """What to expect; None where nothing is known to base a figure on.

    `seconds` is for the whole batch, and `dominant` what most of them go into; a service has requests per second
    (`throughput`) instead, and the most that it could do (`saturation_per_s`); where its arrivals are known, `utilisation`
    is their part of that, 1 or more where it cannot keep up. `latency_ms` is the 95th percentile for one task: of a batch by itself with a warm pool, of a
    service among all requests in flight. `memory_mb` is for the whole process tree with the memory of all tasks in flight
    and the data of all, as far as the profile tells; `memory_overhead_mb` is the part of it that the approach adds. `source` tells what the figures
    rest on, `basis` and `memory_basis` the same in a sentence each: of the times, and of the memory. `at_most` is a bound
    on the speedup where nothing closer is known, and `assumed` names what was assumed because the profile does not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    speedup: Speedup | None = None
    seconds: float | None = None
    dominant: Dominant | None = None
    throughput: float | None = None
    saturation_per_s: float | None = None
    utilisation: float | None = None
    latency_ms: float | None = None
    memory_mb: float | None = None
    memory_overhead_mb: float | None = None
    source: Literal["calibrated", "documented", "given"] | None = None
    basis: str | None = None
    memory_basis: str | None = None
    at_most: float | None = None
    assumed: tuple[str, ...] = ()


TASK_TIMES = ("cpu_ms_per_task", "io_wait_ms_per_task")


def missing(profile: WorkloadProfile) -> tuple[str, ...]:
    """The quantities that a prediction of times needs and a profile does not give; none for a GPU, which has none."""
    if profile.gpu:
        return ()
    serves = profile.mode == "service"
    load = "requests_per_second" if serves and profile.concurrency is None else "concurrency" if serves else "tasks"
    return not_given(profile, (load, *TASK_TIMES))


def not_given(profile: WorkloadProfile, names: Sequence[str]) -> tuple[str, ...]:
    """Those that are not given; without the one that counts as 0 then: the waits of computing, the computing of waits."""
    nothing = {"cpu": "io_wait_ms_per_task", "io": "cpu_ms_per_task"}.get(profile.workload_type)
    return tuple(name for name in names if getattr(profile, name) is None and name != nothing)


_NOTHING_KNOWN: _Plain = {**dict.fromkeys(Expected.model_fields), "assumed": ()}


class Outlook(NamedTuple):
    """What every candidate of one situation is expected from: what it may be at best and worst, and plain code.

    `work` are the quantities; `best` and `worst` differ from them only where something had to be assumed. `baseline` is
    what is predicted for doing it single-threaded: the seconds of a batch, the requests per second of a service. `sheets`
    are named as in `Builds`.
    """

    situation: Situation
    work: Quantities
    best: Quantities
    worst: Quantities
    sheets: Mapping[str, Sheet]
    baseline: float | None
    assumed_flight: tuple[str, ...]
    assumed: tuple[str, ...]

    def sheet(self, candidate: Candidate) -> Sheet:
        """The costs under the Python that a candidate runs on."""
        return self.sheets[build_of(candidate.traits, self.work)]


def outlook_of(situation: Situation) -> Outlook:
    """What to expect the candidates of a situation from."""
    profile, work = situation.profile, situation.work
    best = worst = work
    if assumes_in_flight(profile):
        fewest, most = (min(number, work.tasks or number) for number in PLAUSIBLE_IN_FLIGHT)
        best, worst = best._replace(in_flight=most), worst._replace(in_flight=fewest)
    if assumes_startup(profile):
        shortest, longest = PLAUSIBLE_STARTUP_MS
        best, worst = best._replace(startup_ms=shortest), worst._replace(startup_ms=longest)
    plain = situation.predicted("single_threaded")
    baseline = plain.rate if work.serves else plain.seconds
    sheets = dict(zip(("gil", "free", "sub"), situation.sheets, strict=True))
    return Outlook(situation, work, best, worst, sheets, baseline, _assumed_flight(situation), _assumptions(situation))


def _assumed_flight(situation: Situation) -> tuple[str, ...]:
    """How many operations are assumed to be in flight, if that is assumed."""
    if not assumes_in_flight(situation.profile):
        return ()
    few, many = PLAUSIBLE_IN_FLIGHT
    return (
        f"{situation.facts['in_flight']:,} operations in flight, as concurrency is not given (plausible: {few} to {many:,})",
    )


def _assumptions(situation: Situation) -> tuple[str, ...]:
    """What else was assumed because the profile does not say, each with what is plausible."""
    profile = situation.profile
    found = []
    if assumes_startup(profile):
        assumed, least, most = (ms / 1000 for ms in (ASSUMED_STARTUP_MS, *PLAUSIBLE_STARTUP_MS))
        plausible = f"plausible: {least:g} to {most:g} s"
        found.append(f"an expensive start of {assumed:g} s, as startup_ms is not given ({plausible})")
    if not situation.facts["workload_known"] and profile.mode == "batch" and profile.workload_type != "io":
        if profile.cpu_ms_per_task is None and not profile.gpu and profile.parallelizable:
            found.append("tasks that compute for 1 ms or more each")
        if profile.tasks is None and profile.parallelizable:
            found.append("many more tasks than CPUs")
    return tuple(found)


def expected_of(candidate: Candidate, outlook: Outlook) -> _Plain:
    """What to expect of a candidate, as the fields of Expected."""
    traits, predicted, work = candidate.traits, candidate.predicted, outlook.work
    if traits.runs_in == "cluster":
        return (
            _NOTHING_KNOWN if candidate.cluster is None else _expected_of_engine(candidate, candidate.cluster, outlook)
        )
    sheet = outlook.sheet(candidate)
    at_once = at_once_of(traits, candidate.workers, work)
    used = costs_used(traits, candidate.workers > 1, at_once > 1, outlook.situation.shape)
    rest = rest_on(sheet, used, work.cores if work.library_parallel and not runs_single(traits) else at_once)
    latency = predicted.queued_ms if work.serves else predicted.latency_ms
    speedup = _speedup(candidate, outlook, rest, at_once)
    return {
        "speedup": speedup,
        "seconds": _short_or_none(predicted.seconds),
        "dominant": predicted.dominant,
        "throughput": _short_or_none(predicted.throughput),
        "saturation_per_s": _short_or_none(predicted.capacity),
        "utilisation": _short_or_none(candidate.own["utilisation"]),
        "latency_ms": _short_or_none(latency),
        "memory_mb": short(predicted.whole_mb),
        "memory_overhead_mb": short(predicted.overhead_mb),
        "source": rest.source,
        "basis": rest.text if speedup or latency is not None else None,
        "memory_basis": rest_on(sheet, memory_costs_used(traits, outlook.situation.shape), 1).text,
        "at_most": None if speedup else _at_most(candidate, at_once, work),
        "assumed": (*_flight_assumed_for(candidate, outlook), *outlook.assumed, *_memory_assumed(predicted.waiting_mb)),
    }


def _expected_of_engine(candidate: Candidate, cluster: Cluster, outlook: Outlook) -> _Plain:
    """What to expect of an engine on its machines: of a batch its time; the memory is that of one machine."""
    predicted, sheet, name = candidate.predicted, outlook.sheet(candidate), cluster.engine.name
    rest = rest_on(
        sheet, (*costs_of(name, sheet.middle), "contention_processes"), min(cluster.workers, outlook.work.cores)
    )
    of_memory = tuple(n for n in ("base_memory_mb", f"{name}_worker_mb", f"{name}_broker_mb") if n in sheet.middle)
    speedup = None
    if predicted.seconds and outlook.baseline:
        margin = SURENESS[rest.kind].margin
        ends = (_engine_seconds(cluster, outlook.best, sheet.fast), _engine_seconds(cluster, outlook.worst, sheet.slow))
        low, middle, high = (
            outlook.baseline / (ends[1] * margin),
            outlook.baseline / predicted.seconds,
            outlook.baseline / ends[0] * margin,
        )
        speedup = {"low": short(min(low, middle)), "mid": short(middle), "high": short(max(high, middle))}
    return {
        **_NOTHING_KNOWN,
        "speedup": speedup,
        "seconds": _short_or_none(predicted.seconds),
        "dominant": predicted.dominant,
        "memory_mb": short(predicted.whole_mb),
        "memory_overhead_mb": short(predicted.overhead_mb),
        "source": rest.source,
        "basis": rest.text if speedup else None,
        "memory_basis": rest_on(sheet, of_memory, 1).text,
        "assumed": outlook.assumed,
    }


def _engine_seconds(cluster: Cluster, work: Quantities, costs: Costs) -> float:
    """What a batch takes with an engine whose costs are such."""
    engine = engine_costs(costs, cluster.engine.name)
    assert engine is not None, "its middle costs are known"
    return cluster_seconds(cluster._replace(engine=engine), work, costs) or math.inf


def _flight_assumed_for(candidate: Candidate, outlook: Outlook) -> tuple[str, ...]:
    """How many operations are assumed to be in flight, if so many can be: a pool of few workers has no more than those."""
    if not outlook.assumed_flight:
        return ()
    traits = candidate.traits
    slots = slots_of(traits, candidate.workers, outlook.work)
    return outlook.assumed_flight if slots is None or slots >= (candidate.workload["in_flight"] or 0) else ()


def _memory_assumed(waiting_mb: float | None) -> tuple[str, ...]:
    """Of how many tasks the memory is, where nobody says how many hold theirs while they wait."""
    return ("the memory of one task at a time, as concurrency is not given",) if waiting_mb is None else ()


def _at_most(candidate: Candidate, at_once: int, work: Quantities) -> float | None:
    """The most that computing alone can gain by an approach; None where waits, or nothing, may be gained."""
    facts = candidate.workload
    computes_only = facts["workload_type"] == "cpu" and not work.wait_ms
    return (
        float(most_gained(candidate.traits, at_once, work))
        if computes_only and at_once > 1 and not facts["gpu"]
        else None
    )


def _speedup(candidate: Candidate, outlook: Outlook, rest: Rest, at_once: int) -> _Plain | None:
    """How many times as fast as single-threaded: of a batch its time, of a service its requests per second."""
    predicted, baseline = candidate.predicted, outlook.baseline
    done = predicted.seconds or predicted.rate
    if not done or not baseline:
        return None
    if done == baseline:
        return {"low": 1.0, "mid": 1.0, "high": 1.0}  # the same thing, or as good as
    margin = SURENESS[rest.kind].margin
    if predicted.rate:
        middle = predicted.rate / baseline
        low, high = middle / margin, min(middle * margin, _bound(candidate, at_once, outlook))
    else:
        middle = baseline / done
        shortest, longest = _time_range(candidate, outlook)
        low, high = baseline / (longest * margin), baseline / shortest * margin
        high = min(high, _bound(candidate, at_once, outlook))
    return {"low": short(min(low, middle)), "mid": short(middle), "high": short(max(high, middle))}


def _bound(candidate: Candidate, at_once: int, outlook: Outlook) -> float:
    """What no speedup can be over: as many as compute at once, or, where tasks wait, as are in flight."""
    traits, work = candidate.traits, outlook.best
    if work.library_parallel:
        return max(work.cores, work.in_flight or work.tasks or 1) if work.wait_ms else work.cores
    if not work.wait_ms:
        return most_gained(traits, at_once, work) if at_once > 1 else math.inf
    slots = slots_of(traits, candidate.workers, work)
    return min(slots or math.inf, work.tasks or math.inf)


def _time_range(candidate: Candidate, outlook: Outlook) -> tuple[float, float]:
    """The shortest and the longest time of a candidate, as far as its costs and what was assumed leave it open."""
    sheet = outlook.sheet(candidate)

    def end(work: Quantities, slow: bool) -> float:
        """The time at one end of the range."""
        batch = candidate.batch
        assert batch is not None, "its seconds are predicted"
        if work is not outlook.work:
            batch = batch_of(candidate.traits, work) or batch
        return spread_of(candidate.workers, batch, sheet, slow)

    return end(outlook.best, slow=False), end(outlook.worst, slow=True)


def short(value: float) -> float:
    """Three significant digits: more would claim what nobody measured."""
    return float(f"{value:.3g}")


def _short_or_none(value: float | None) -> float | None:
    return None if value is None else short(value)
