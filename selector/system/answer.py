"""From a system to its answer: flow -> CPUs -> memory -> an approach for each part -> places -> joints -> the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from selector.pipeline import Selector
from selector.recommend.chain import Situation
from selector.recommend.expected import missing, short
from selector.recommend.recommendation import Recommendation, build_recommendation
from selector.system.diagram import mermaid
from selector.system.flow import Flow, flow_of
from selector.system.joints import Side, joint_of, joints_table
from selector.system.models import (
    Joint,
    PartAnswer,
    Process,
    Share,
    SystemExpected,
    SystemFits,
    SystemRecommendation,
)
from selector.system.placing import Place, places_of
from selector.system.sharing import CpuShare, MemoryNeed, Need, share_cpus, share_memory
from selector.system.whole import Limit, Stage, Steady, in_turns_ms, limit_of, memory_mb, steady_of
from selector.workload.system import SystemPart, SystemProfile

_ALONE = Place(own_process=True, python=None)


class Planned(NamedTuple):
    """A system worked out: what was shared out, and what the tables say of each part by its name."""

    system: SystemProfile
    flow: Flow
    cores: int
    shares: Mapping[str, CpuShare]
    budgets: Mapping[str, float | None]
    situations: Mapping[str, Situation]
    places: Mapping[str, Place]
    steady: Mapping[str, Steady]


def recommend_system(selector: Selector, system: SystemProfile) -> SystemRecommendation:
    """The answer to a system on this host, by the tables that the selector has."""
    return answer_of(plan_system(selector, system), selector)


def plan_system(selector: Selector, system: SystemProfile) -> Planned:
    """A system with its CPUs and its memory shared out, and the situation of each part."""
    flow = flow_of(system)
    cores = _whole_cores(system, selector.here.usable_cpus)
    shares = cpu_shares(system, flow, cores)

    def situations(budgets: Mapping[str, float | None]) -> dict[str, Situation]:
        return {
            part.name: Situation(
                _profile(part, system, flow, shares[part.name], budgets[part.name]),
                selector.here,
                selector.knowledge,
                joined=True,
            )
            for part in system.parts
        }

    own = {part.name: part.profile.memory_budget_mb for part in system.parts}
    found, budgets = situations(own), own
    if system.memory_budget_mb is not None:
        needs = [MemoryNeed(n, s.choice.chosen.predicted.whole_mb, own[n]) for n, s in found.items()]
        budgets = share_memory(needs, system.memory_budget_mb)
        found = situations(budgets)
    steady = {name: steady_of(situation) for name, situation in found.items()}
    plan = Planned(system, flow, cores, shares, budgets, found, {}, steady)
    return plan._replace(places=places_of(found, _loads(plan), cores))


def cpu_shares(system: SystemProfile, flow: Flow, cores: int) -> dict[str, CpuShare]:
    """The CPUs of each part, of so many."""
    return share_cpus([_need(part, flow) for part in system.parts], cores)


def _whole_cores(system: SystemProfile, usable: int) -> int:
    """The CPUs for all parts: as the system says, else those here, or as many as its parts say that they have."""
    own = [part.profile.cpu_cores for part in system.parts]
    said = sum(cores for cores in own if cores is not None) + (None in own)
    return system.cpu_cores or max(usable, said if any(own) else 0)


def _need(part: SystemPart, flow: Flow) -> Need:
    profile, volume = part.profile, flow.volumes[part.name]
    cpu = 0.0 if profile.cpu_ms_per_task is None and profile.workload_type == "io" else profile.cpu_ms_per_task
    time = volume * cpu if volume is not None and cpu is not None else None
    return Need(part.name, time, profile.workload_type != "io", profile.cpu_cores)


def _profile(part: SystemPart, system: SystemProfile, flow: Flow, share: CpuShare, budget_mb: float | None) -> Any:
    """The workload of a part as it is in the system: with its share, and what the parts before it hand over."""
    profile, volume = part.profile, flow.volumes[part.name]
    more: dict[str, Any] = {"mode": system.mode} if system.mode == "service" else {}
    if flow.amounts and volume:
        more |= {"requests_per_second": volume} if system.mode == "service" else {"tasks": math.ceil(volume)}
    return profile.model_copy(
        update={
            **more,
            "cpu_cores": share.cores,
            "memory_budget_mb": budget_mb,
            "platform": profile.platform or system.platform,
            "interpreters": profile.interpreters or system.interpreters,
        }
    )


# The answer -----------------------------------------------------------------------------------------------------------


def answer_of(plan: Planned, selector: Selector) -> SystemRecommendation:
    """The answer that a system worked out comes to."""
    limit = limit_of(_stages(plan), plan.cores)
    joints = _joints(plan, selector)
    parts = tuple(_part(part, plan, limit) for part in plan.system.in_order())
    bottleneck = limit.bottleneck if limit else None
    expected = _expected(plan, limit)
    return SystemRecommendation(
        name=plan.system.name,
        system=plan.system,
        cpu_cores=plan.cores,
        parts=parts,
        processes=_processes(plan),
        joints=joints,
        bottleneck=bottleneck,
        expected=expected,
        fits=_fits(plan, expected, limit),
        unknown=_unknown(plan),
        diagram=mermaid(parts, joints, bottleneck),
    )


def _loads(plan: Planned) -> dict[str, float]:
    """The CPUs that each part keeps busy in the whole; where that is not known, those that it has by its share."""
    scale = _scale(plan, limit_of(_stages(plan), plan.cores))
    found = {}
    for name, situation in plan.situations.items():
        busy = _product(plan.flow.volumes[name], situation.work.cpu_ms)
        share = plan.shares[name]
        needed = share.needed if share.needed is not None else float(share.cores) if _computes(situation) else 0.0
        found[name] = needed if busy is None or scale is None else busy * scale / 1000
    return found


def _computes(situation: Situation) -> bool:
    return bool(situation.work.cpu_ms) if situation.work.cpu_ms is not None else not situation.facts["waits"]


def _stages(plan: Planned) -> list[Stage]:
    """The parts as the whole sees them; before they have places, as if each had a process of its own."""
    found = []
    for name, situation in plan.situations.items():
        place = plan.places.get(name, _ALONE)
        free_threaded = bool(place.python and place.python.endswith("t"))
        turns = in_turns_ms(situation, place.own_process, free_threaded)
        volume, steady = plan.flow.volumes[name], plan.steady[name]
        found.append(Stage(name, volume, steady.most_per_s, situation.work.cpu_ms, turns, steady.limit))
    return found


def _processes(plan: Planned) -> tuple[Process, ...]:
    """The main process first, if any part is in it, then those of one part each."""
    main = [name for name, place in plan.places.items() if not place.own_process]
    loops = [name for name in main if plan.situations[name].choice.chosen.traits.runs_loop]
    found = []
    if main:
        shared = tuple(loops) if len(loops) > 1 else ()
        found.append(Process(parts=tuple(main), python=plan.places[main[0]].python, on_one_loop=shared))
    others = [(name, place.python) for name, place in plan.places.items() if place.own_process]
    return (*found, *(Process(parts=(name,), python=python, on_one_loop=()) for name, python in others))


def _joints(plan: Planned, selector: Selector) -> tuple[Joint, ...]:
    sides = {n: Side(n, s, plan.places[n], plan.steady[n].at_once) for n, s in plan.situations.items()}
    pairs = [(sender.name, receiver.name) for sender, receiver in plan.system.joints()]
    if not pairs:
        return ()
    table = joints_table(selector.knowledge)
    return tuple(joint_of(table, sides[a], sides[b], plan.flow.passes[a, b]) for a, b in pairs)


def _part(part: SystemPart, plan: Planned, limit: Limit | None) -> PartAnswer:
    name, situation = part.name, plan.situations[part.name]
    answer = build_recommendation(situation)
    place, steady, volume = plan.places[name], plan.steady[name], plan.flow.volumes[name]
    scale = _scale(plan, limit)
    budget = plan.budgets[name]
    return PartAnswer(
        **{field: getattr(answer, field) for field in Recommendation.model_fields},
        name=name,
        feeds=part.feeds,
        share=Share(
            cpu_cores=plan.shares[name].cores,
            memory_mb=None if budget is None else short(budget),
            why=plan.shares[name].why,
        ),
        own_process=place.own_process,
        runs_on=place.python,
        at_once=steady.at_once,
        most_per_s=_short(steady.most_per_s),
        throughput_per_s=_short(_product(volume, scale)),
    )


def _scale(plan: Planned, limit: Limit | None) -> float | None:
    """How many of its volumes a system does in a second: all that arrives, if it can; a batch as many as it can."""
    if limit is None:
        return None
    return min(1.0, limit.scale) if plan.system.mode == "service" and plan.flow.amounts else limit.scale


def _expected(plan: Planned, limit: Limit | None) -> SystemExpected:
    entering, scale = plan.flow.entering(plan.system), _scale(plan, limit)
    serves, amounts = plan.system.mode == "service", plan.flow.amounts
    own = {name: place.own_process for name, place in plan.places.items()}
    on_a_cluster = any(s.choice.chosen.traits.runs_in == "cluster" for s in plan.situations.values())
    return SystemExpected(
        throughput_per_s=_short(_product(entering, scale)),
        saturation_per_s=_short(_product(entering, limit and limit.scale)),
        utilisation=_short(1 / limit.scale) if limit and serves and amounts else None,
        seconds=_short(1 / limit.scale) if limit and amounts and not serves else None,
        memory_mb=None if on_a_cluster else short(memory_mb(plan.situations, own)),
        limited_by=limit.why if limit else None,
    )


def _fits(plan: Planned, expected: SystemExpected, limit: Limit | None) -> SystemFits:
    budget, serves = plan.system.memory_budget_mb, plan.system.mode == "service"
    memory = None if budget is None or expected.memory_mb is None else expected.memory_mb <= budget
    keeps_up = limit.scale > 1 if limit and serves and plan.flow.amounts else None
    return SystemFits(memory=memory, throughput=keeps_up)


def _unknown(plan: Planned) -> tuple[str, ...]:
    """What is not known of a part and would be needed to predict the whole, as PART.FIELD."""
    found = []
    for name, situation in plan.situations.items():
        if plan.steady[name].most_per_s is None and not situation.profile.gpu:
            fields = missing(situation.profile)
            found += [f"{name}.{field}" for field in fields if field.endswith("_per_task")]
        if plan.flow.volumes[name] is None and not plan.system.feeders(name):
            found.append(f"{name}.{'requests_per_second' if plan.system.mode == 'service' else 'tasks'}")
    return tuple(found)


def _product(a: float | None, b: float | None) -> float | None:
    """Of two amounts, as far as both are known."""
    return None if a is None or b is None else a * b


def _short(value: float | None) -> float | None:
    return None if value is None else short(value)
