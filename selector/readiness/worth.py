"""Is it worth waiting for: what free threads and subinterpreters would gain a workload, beside what stands in the way. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from selector.pipeline import Selector
from selector.readiness.judging import BLOCKED
from selector.readiness.models import DepsReport, Gain, Goal, PackageReadiness, Readiness
from selector.readiness.verdicts import named
from selector.recommend.asking import STAYING
from selector.recommend.candidates import Candidate, weighed
from selector.recommend.chain import Situation
from selector.text import PREDICTED, significant, times
from selector.workload.profile import WorkloadProfile

_Kind = Literal["free_threading", "subinterpreters"]
#: The field that says it, and what people call it.
_GOALS: tuple[tuple[_Kind, Readiness, str], ...] = (
    ("free_threading", "free_threading_ready", "free threads"),
    ("subinterpreters", "subinterpreter_ready", "subinterpreters"),
)
_UNKNOWN = "nothing can be predicted: give the workload its tasks and the time of one (measure finds it)"


def with_worth(report: DepsReport, profile: WorkloadProfile, selector: Selector) -> DepsReport:
    """The report with what each kind of readiness would gain this workload."""
    gains = tuple(_gain(goal, field, name, report, profile, selector) for goal, field, name in _GOALS)
    return report.model_copy(update={"worth": gains})


def profile_with(profile: WorkloadProfile, report: DepsReport) -> WorkloadProfile:
    """The profile with what was found of its dependencies, where it does not say that itself."""
    return profile.model_copy(update=missing_in(profile, report))


def missing_in(profile: WorkloadProfile, report: DepsReport) -> dict[str, bool]:
    """The fields that were found of its dependencies and the profile does not say itself."""
    return {name: value for name, value in report.settings.items() if getattr(profile, name) is None}


def _gain(
    goal: _Kind, field: Readiness, name: str, report: DepsReport, profile: WorkloadProfile, selector: Selector
) -> Gain:
    """What readiness for one goal gains: the answer with it beside the answer without, everything else as it was found."""
    found = selector.situation(profile_with(profile, report))
    ready = report.settings.get(field)
    blocked = blocking(report.packages, goal)
    listed = found.profile.interpreters
    more = {}
    if goal == "free_threading" and listed is not None and not any(tag.endswith("t") for tag in listed):
        more = {"interpreters": (*listed, *(tag for tag in report.interpreters if tag.endswith("t")))}
    without, with_it = found.changed(**{field: False}), found.changed(**{field: True}, **more)
    today, then = without.choice.chosen, with_it.choice.chosen
    gain = today.seconds / then.seconds if today.seconds and then.seconds else None
    return Gain(
        goal=goal,
        ready=ready,
        blocked_by=tuple(blocked),
        today=today.approach,
        today_seconds=today.seconds,
        approach=then.approach,
        seconds=then.seconds,
        gain=None if gain is None else significant(gain, 3),
        worth_it=_worth_it(today, then, with_it),
        text=_text(name, ready, blocked, today, then, _worth_it(today, then, with_it)),
    )


def blocking(packages: Sequence[PackageReadiness], goal: Goal) -> list[str]:
    """The packages that stand in the way of a goal, each once: the guilty ones, not those that need them."""
    found: list[str] = []
    for package in packages:
        if goal == "subinterpreters" and package.subinterpreters.status == "fails":
            found.append(package.subinterpreters.package or package.name)
        for tag, build in package.builds.items():
            if goal == "free_threading" and tag.endswith("t") and build.status in BLOCKED:
                found.append(build.package or package.name)
    return list(dict.fromkeys(found))


def _worth_it(today: Candidate, then: Candidate, situation: Situation) -> bool | None:
    """Whether the tables would move from one to the other for the gain; None where nothing is predicted."""
    if today.approach == then.approach:
        return False
    if not today.seconds or not then.seconds:
        return None
    return weighed(today, then, situation.knowledge).band.outputs["verdict"] not in STAYING


def _text(
    name: str, ready: bool | None, blocked: Sequence[str], today: Candidate, then: Candidate, worth_it: bool | None
) -> str:
    """`pandas blocks free threads; multiprocessing reaches 0.9x of them today: not worth waiting.`."""
    if ready:
        start = f"Nothing blocks {name}"
    elif blocked:
        start = f"{named(list(blocked))} {'blocks' if len(blocked) == 1 else 'block'} {name}"
    else:
        start = f"Whether the packages are ready for {name} is not known"
    if today.approach == then.approach:
        return f"{start}; with or without, the answer is {today.approach}: {'nothing to gain' if ready else 'not worth waiting'}."
    if worth_it is None:
        return f"{start}; then the answer would be {then.approach} instead of {today.approach}, and {_UNKNOWN}."
    assert today.seconds and then.seconds
    reached = times(significant(then.seconds / today.seconds, PREDICTED))
    what = f"{today.approach} reaches {reached} of the speed of {then.approach}"
    if ready:
        return f"{start}; without them, {what}."
    return f"{start}; {what} today: {'worth mending' if worth_it else 'not worth waiting'}."
