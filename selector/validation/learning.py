"""Corrects calibrated costs by a measured workload: which of them to change, and by how much.

Pure. A benchmark tells how long an approach took as a whole. Where one cost makes up a good part of that, what the
prediction was wrong by is put down to it; where none does, nothing is learned. Half of the way (by ratio) is gone at a
time, so that one odd run does no harm and several that agree are believed. Nothing is learned from a run that was
disturbed, nor from figures that no run can have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from selector.approaches import Traits
from selector.cost.batch import Parts, batch_parts
from selector.cost.shape import dispatch_cost_of
from selector.cost.terms import Quantities, contention_of, costs_under, loss
from selector.host.checks import tells_of_others
from selector.models import Saved
from selector.recommend.chain import Situation
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import Knowledge
from selector.text import of_cpus
from selector.validation.models import Measurement, ValidationReport

_WRONG_BY = 0.05  # a prediction that is nearer than that, or than the noise of the host, is right
_DOMINANT = 0.25  # the part of the time from which on a cost is held responsible
_FARTHEST = 2.0  # a cost is changed by that factor at most
_MOST_NOISE = 0.1  # of the host: from there on `validate` warns that a difference may be chance
_MOST_TAKEN = 0.1  # of the CPUs, by other programs
_FEW = 3  # runs of an approach say nothing
_INCREDIBLE = 10.0  # a time that is so many times the predicted one, or so small a part of it, has another reason
_SHORTEST_MS, _LONGEST_MS = 1e-6, 1e11  # of what can be measured: a nanosecond, three years


class Fold(Saved):
    """A cost to change under one Python (its tag): from what to what, because of what."""

    interpreter: str
    cost: str
    before: float
    after: float
    why: str


class _Arm(NamedTuple):
    """One measured approach, with what the model says of it, the tasks' own time corrected."""

    measured: Measurement
    traits: Traits
    work: Quantities
    parts: Parts

    @property
    def free_threaded(self) -> bool:
        return self.measured.interpreter.endswith("t")


class Refusal(NamedTuple):
    """Why nothing may be learned from a run, and what to do instead."""

    why: str
    remedy: str


def refusal(report: ValidationReport) -> Refusal | None:
    """Why nothing may be learned from a run: it was disturbed, or has figures that no run can have; else None."""
    if figure := _no_figure(report):
        return Refusal(figure, "give the results.json of `validate --save DIR` as it was written")
    if doubt := _doubt(report):
        return Refusal(doubt, "close other programs and `validate` again, or with a longer --budget")
    return None


def _doubt(report: ValidationReport) -> str | None:
    """What the run says of having been disturbed, if anything."""
    if report.verdict == "inconclusive":
        return f"that run came to no verdict ({report.reason.rstrip('.')})"
    taken = report.cpus_taken
    if told := [warning for warning in report.warnings if tells_of_others(warning, watched=taken is not None)]:
        return f"that run was disturbed ({told[0]})"
    if taken is not None and taken > _MOST_TAKEN * report.cpus:
        return f"that run was disturbed (other programs took {of_cpus(taken, report.cpus)} meanwhile)"
    if report.noise_floor is None:
        return "that run could not tell how noisy the machine was"
    if report.noise_floor > _MOST_NOISE:
        return f"that run was disturbed (a difference under {report.noise_floor:.0%} may be chance in it)"
    return None


def _no_figure(report: ValidationReport) -> str | None:
    """The first figure that no run can have, if there is one."""
    for name, value in _times_ms(report):
        if not (value == 0 and name.startswith("profile.")) and not _SHORTEST_MS <= value <= _LONGEST_MS:
            return f"{name} comes to {value:.3g} ms, and nothing that can be measured takes that"
    return None


def _times_ms(report: ValidationReport) -> Iterator[tuple[str, float]]:
    """All times of a report that predictions are made of or held against."""
    for name, value in report.profile.given().items():
        if name.endswith(("_ms_per_task", "startup_ms", "import_ms")):
            yield f"profile.{name}", value
    for place, measured in enumerate(report.measurements):
        if measured.predicted_seconds is not None:
            yield f"measurements.{place}.predicted_seconds", measured.predicted_seconds * 1000
        for end in ("low", "median", "high") if measured.seconds else ():
            yield f"measurements.{place}.seconds.{end}", getattr(measured.seconds, end) * 1000


def folds(
    report: ValidationReport, knowledge: Knowledge, host: HostFacts, costs: Mapping[str, Mapping[str, float]]
) -> tuple[Fold, ...]:
    """The changes that a report suggests to the costs of each Python, each cost once: by the arm it weighs most in."""
    suggested: dict[tuple[str, str], tuple[float, Fold]] = {}
    for arm in _arms(report, knowledge, host):
        known = costs.get(arm.measured.interpreter, {})
        for name, part, factor in _responsible(arm, max(_WRONG_BY, report.noise_floor or 0.0)):
            if name in known:
                before = known[name]
                why = f"{arm.measured.approach} took {_seconds(arm.measured):.3g} s, predicted {_predicted(arm):.3g} s"
                after = float(f"{before * factor:.4g}")
                fold = Fold(interpreter=arm.measured.interpreter, cost=name, before=before, after=after, why=why)
                place = (arm.measured.interpreter, name)
                if place not in suggested or part > suggested[place][0]:
                    suggested[place] = part, fold
    return tuple(fold for _, fold in suggested.values())


def _arms(report: ValidationReport, knowledge: Knowledge, host: HostFacts) -> Iterator[_Arm]:
    """The approaches that were measured and can be predicted."""
    found = []
    for measured in report.measurements:
        if measured.seconds is None or measured.predicted_seconds is None or measured.oversubscribed:
            continue
        if measured.samples < _FEW:
            continue
        profile = report.profile.model_copy(update={"interpreters": (measured.interpreter,)})
        work = Situation(profile, host, knowledge).work._replace(tasks=report.tasks)
        traits = knowledge.approaches[measured.approach].traits
        if parts := batch_parts(traits, measured.workers, work):
            found.append(_Arm(measured, traits, work, parts))
    found = [
        arm for arm in found if 1 / _INCREDIBLE <= _seconds(arm.measured) / max(_predicted(arm), 1e-9) <= _INCREDIBLE
    ]
    alone = [a for a in found if a.traits.pool == "none" and not a.traits.runs_loop and not a.free_threaded]
    own = _seconds(alone[0].measured) / _predicted(alone[0]) if alone else 1.0
    yield from (arm._replace(parts=arm.parts._replace(computing=arm.parts.computing * own)) for arm in found)


def _seconds(measured: Measurement) -> float:
    assert measured.seconds is not None
    return measured.seconds.median


def _predicted(arm: _Arm) -> float:
    return sum(arm.parts) / 1000


def _responsible(arm: _Arm, wrong_by: float) -> Iterator[tuple[str, float, float]]:
    """(The cost that made the difference, its part of the time, the factor by which to change it), if one did."""
    total, error = sum(arm.parts), _seconds(arm.measured) * 1000 - sum(arm.parts)
    if abs(error) < wrong_by * total:
        return
    overheads = {
        _start_cost(arm): arm.parts.pool_start,
        dispatch_cost_of(arm.traits, arm.work): arm.parts.dispatch,
        _copy_cost(arm): arm.parts.copying,
    }
    name, part = max(overheads.items(), key=lambda item: item[1])
    if name and part >= _DOMINANT * total:
        factor = _half_way((part + error) / part)
        yield name, part / total, 1 / factor if name.endswith("_per_s") else factor
    elif arm.parts.computing >= 2 * _DOMINANT * total:
        factor = _half_way((arm.parts.computing + error) / arm.parts.computing)
        yield from _of_computing(arm, arm.parts.computing / total, factor)


def _of_computing(arm: _Arm, part: float, factor: float) -> Iterator[tuple[str, float, float]]:
    """Computing that took longer: by a slower build, or as workers held each other up."""
    at_once = min(arm.measured.workers, arm.work.cores)
    if arm.traits.pool == "none":
        if arm.free_threaded and arm.work.gil_share:
            yield "python_arithmetic_ns", part, factor
    elif at_once > 1 and (arm.traits.parallel_python or not arm.work.gil_share):
        contention = contention_of(arm.traits, arm.work)
        before = loss(contention, at_once, costs_under(arm.traits, arm.work))
        after = max(1.0, before * factor)
        yield contention.replace("contention", "efficiency"), part, before / after


def _start_cost(arm: _Arm) -> str:
    if arm.traits.runs_in == "workers":
        return f"process_pool_{arm.work.start_method}_ms"
    if arm.traits.needs == "subinterpreters":
        return "subinterpreter_start_ms"
    return "thread_start_ms" if arm.traits.pool != "none" else "asyncio_start_ms"


def _copy_cost(arm: _Arm) -> str:
    kind = "subinterpreter" if arm.traits.needs == "subinterpreters" else "process"
    return f"{kind}_copy_mb_per_s"


def _half_way(ratio: float) -> float:
    """Half of the way to a ratio, within bounds."""
    return math.sqrt(min(max(ratio, 1 / _FARTHEST**2), _FARTHEST**2))


def folded(cost: dict[str, Any], fold: Fold) -> dict[str, Any]:
    """A cost with another value, which its range has room for, and what corrected it."""
    value = fold.after
    room = {"low": min(cost["low"], value), "high": max(cost["high"], value)}
    return {**cost, "value": value, **room, "note": f"was {fold.before:.3g}: {fold.why}"}
