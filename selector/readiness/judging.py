"""What is said of each package: by what was seen of it, by what an index says, and by what it needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from selector.host import Interpreter
from selector.readiness.environments import Environment
from selector.readiness.installing import Answer
from selector.readiness.looking import Found, with_subinterpreters
from selector.readiness.models import BuildReadiness, PackageReadiness, Readiness, SubinterpreterReadiness
from selector.readiness.plan import Plan
from selector.readiness.verdicts import build_readiness, end_of, named, subinterpreter_readiness
from selector.readiness.wheels import fitting, has_source

BLOCKED = ("gil", "not_installable", "fails")
NOWHERE = SubinterpreterReadiness(
    status="unknown", reason="it is installed for no Python here that has subinterpreters (3.12 and later)"
)
_HOW = re.compile(r"importing \S+|, at \S+$")  # what differs between two failures of one cause
_ONCE_INSTALLED = "whether the GIL stays off is seen once it is installed there"


class Judged(NamedTuple):
    """The verdicts: by tag and package under builds, by package in subinterpreters."""

    builds: dict[tuple[str, str], BuildReadiness]
    apart: dict[str, SubinterpreterReadiness]


def judge(plan: Plan, looks: Found) -> Judged:
    """Every package under every build that it is installed for: what fails because of what it needs is said so."""
    environments = {environment.tag: environment for environment in plan.environments}
    builds: dict[tuple[str, str], BuildReadiness] = {}
    apart: dict[str, SubinterpreterReadiness] = {}
    for (tag, name), look in looks.items():
        environment = environments[tag]
        package = environment.packages[name]
        builds[tag, name] = build_readiness(package, environment, look.imports, plan.provides)
        if with_subinterpreters(plan.environments, name) is environment:
            apart[name] = subinterpreter_readiness(package, environment, look, plan.provides)
    for tag in environments:
        _blame(plan, {name: key for name in plan.ways if (key := (tag, name)) in builds}, builds)
    ended = {key[1] for key, look in looks.items() if look.isolated is None or end_of(look.isolated) is not None}
    blamed = {name: _apart_blamed(plan, name, apart) for name in apart if name in ended}
    return Judged(builds, apart | blamed)


def _blame(plan: Plan, keys: Mapping[str, tuple[str, str]], builds: dict[tuple[str, str], BuildReadiness]) -> None:
    """Where importing a package fails as importing one that it needs does, that one is guilty."""
    failing = {name: builds[key] for name, key in keys.items() if builds[key].status == "fails"}
    for name, own in failing.items():
        alike = {other for other, build in failing.items() if _alike(build.reason, own.reason)}
        if (guilty := _guilty(plan, name, alike)) is not None:
            why = failing[guilty]
            reason = f"it needs {guilty}: {why.reason}"
            builds[keys[name]] = own.model_copy(update={"module": why.module, "package": guilty, "reason": reason})


def _alike(one: str, other: str) -> bool:
    """Whether two imports failed in the same way: by the same signal or error, wherever that was noticed."""
    return _HOW.sub("", one) == _HOW.sub("", other)


def _apart_blamed(plan: Plan, name: str, found: Mapping[str, SubinterpreterReadiness]) -> SubinterpreterReadiness:
    """The same for subinterpreters, where importing a package ends the process."""
    verdict = found[name]
    failing = {e for e, other in found.items() if other.status == "fails" and _alike(other.reason, verdict.reason)}
    if verdict.status != "fails" or verdict.package != name or (guilty := _guilty(plan, name, failing)) is None:
        return verdict
    why = found[guilty]
    reason = f"it needs {guilty}: {why.reason}"
    return verdict.model_copy(update={"module": why.module, "package": guilty, "reason": reason})


def _guilty(plan: Plan, name: str, failing: set[str]) -> str | None:
    """The package at the root of a failure: the nearest that fails of those needed, and needs none that fails itself."""
    seen, ahead = {name}, list(plan.graph.needs(name))
    last: str | None = None
    while ahead:
        each = ahead.pop(0)
        if each in seen or each not in failing:
            continue
        seen.add(each)
        last = each
        ahead = list(plan.graph.needs(each))
    return last


# The whole of a package -----------------------------------------------------------------------------------------------


Answers = Mapping[str, Mapping[str, Answer]]


def packages_of(plan: Plan, judged: Judged, answers: Answers) -> tuple[PackageReadiness, ...]:
    """Every package with all that is known of it, in the order that the requirements lead to them."""
    builds = {
        name: {
            e.tag: _under(name, e, plan, judged, answers.get(e.tag, {}).get(name))
            for e in plan.environments
            if name in plan.under[e.tag][1]
        }
        for name in plan.ways
    }
    for environment in plan.environments:
        _pass_on(plan, environment, builds)
    return tuple(_package(name, plan, builds[name], judged) for name in plan.ways)


def _package(name: str, plan: Plan, builds: dict[str, BuildReadiness], judged: Judged) -> PackageReadiness:
    apart = judged.apart.get(name) or NOWHERE
    free_first = sorted(builds.items(), key=lambda item: not item[0].endswith("t"))
    blocked = [build for _, build in free_first if build.status in BLOCKED]
    blocker = next((build.package for build in blocked if build.package), None)
    if not blocked and apart.status == "fails":
        blocker = apart.package
    way = plan.ways[name]
    if blocker is not None and blocker != name:
        way = (*way, *plan.graph.way(name, blocker)[1:])
    return PackageReadiness(
        name=name,
        version=plan.version(name),
        builds=builds,
        subinterpreters=apart,
        chain=way,
        fixed_in=next((build.fixed_in for build in blocked if build.fixed_in), None),
    )


def _under(name: str, environment: Environment, plan: Plan, judged: Judged, answer: Answer | None) -> BuildReadiness:
    """A package under a build: as it was seen there, else as an index or the lock says."""
    seen = judged.builds.get((environment.tag, name))
    if seen is None:
        return _not_seen(name, environment, plan, answer)
    if (wanted := plan.version(name)) is not None and seen.installed != wanted:
        seen = seen.model_copy(update={"reason": f"installed there is {seen.installed}, not {wanted}: {seen.reason}"})
    later = answer.version if answer is not None else None
    if later is None or seen.installed is None or not _is_later(later, seen.installed):
        return seen
    told = f"{seen.reason}; {seen.installed} has no wheel for {environment.tag} and {later} is the first that has one"
    return seen.model_copy(update={"fixed_in": later, "reason": told})


def _not_seen(name: str, environment: Environment, plan: Plan, answer: Answer | None) -> BuildReadiness:
    """A package that is not installed for a build."""
    lock, version, tag = plan.locked.get(name), plan.version(name), environment.tag
    if plan.goes_anywhere(name, environment.python.interpreter.version):
        told = f"it is not installed for {tag}; it is pure Python, of one wheel for all builds"
        return BuildReadiness(status="unknown", reason=_with_gil(told, tag), wheel=True)
    if lock is not None and lock.files and (wheel := fitting(lock.files, tag)) is not None:
        told = f"it is not installed for {tag}; the lock has a wheel that fits ({wheel})"
        return BuildReadiness(status="unknown", reason=_with_gil(told, tag), wheel=True)
    if answer is None or answer.problem:
        told = f"it is not installed for {tag}, and {answer.problem if answer is not None else 'nobody was asked'}"
        if lock is not None and lock.files and plan.is_native(name):
            told = _no_wheel(name, tag, version, has_source(lock.files))
            return BuildReadiness(status="not_installable", reason=told, wheel=False)
        return BuildReadiness(status="unknown", reason=told)
    if answer.version is None:
        source = answer.source if answer.source is not None or lock is None else has_source(lock.files)
        if plan.is_native(name) or source is False:
            last = f"; {answer.earlier} is the last that has one" if answer.earlier is not None else ""
            return BuildReadiness(
                status="not_installable", reason=_no_wheel(name, tag, version, source) + last, wheel=False
            )
        told = f"it is not installed for {tag}, and there is no wheel of it, only its source: whether it builds is not known"
        return BuildReadiness(status="unknown", reason=told, wheel=False)
    if version is not None and _is_later(answer.version, version):
        if not plan.is_native(name):
            told = f"it is not installed for {tag}, and {version} comes as source only: whether it builds is not known"
            return BuildReadiness(status="unknown", reason=told, fixed_in=answer.version, wheel=False)
        told = f"{version} has no wheel for {tag}; {answer.version} is the first that has one"
        return BuildReadiness(status="not_installable", reason=told, fixed_in=answer.version, wheel=False)
    told = f"it is not installed for {tag}; there is a wheel that fits ({name} {answer.version})"
    return BuildReadiness(status="unknown", reason=_with_gil(told, tag), wheel=True)


def _with_gil(told: str, tag: str) -> str:
    return f"{told}: {_ONCE_INSTALLED}" if tag.endswith("t") else f"{told}: whether it imports is not known"


def _no_wheel(name: str, tag: str, version: str | None, source: bool | None) -> str:
    """`no wheel of numpy 2.1 or later fits 3.13t; there is its source, which would have to be built`."""
    since = f" {version} or later" if version is not None else ""
    built = {
        True: "; there is its source, which would have to be built there",
        False: ", and there is no source either",
        None: ", and its source, if there is one, would have to be built there",
    }[source]
    return f"no wheel of {name}{since} fits {tag}{built}"


def _pass_on(plan: Plan, environment: Environment, builds: dict[str, dict[str, BuildReadiness]]) -> None:
    """What needs a package that cannot be installed cannot be installed either."""
    tag = environment.tag
    graph, needed = plan.under[tag]
    missing = [name for name in builds if name in needed and name not in environment.packages]
    changed = True
    while changed:
        changed = False
        for name in missing:
            needs = [need for need in graph.needs(name) if need in needed]
            lacks = next((need for need in needs if builds[need][tag].status == "not_installable"), None)
            if lacks is not None and builds[name][tag].status != "not_installable":
                guilty = builds[lacks][tag].package or lacks
                reason = f"it needs {guilty}, which cannot be installed for {tag}: {builds[guilty][tag].reason}"
                builds[name][tag] = BuildReadiness(status="not_installable", package=guilty, reason=reason)
                changed = True


def _is_later(version: str, than: str) -> bool:
    try:
        return Version(version) > Version(Version(than).public)
    except InvalidVersion:
        return False


# What follows for a workload ------------------------------------------------------------------------------------------


def readiness_settings(
    packages: Sequence[PackageReadiness], interpreters: Sequence[Interpreter]
) -> tuple[dict[Readiness, bool], dict[Readiness, str]]:
    """The fields of a profile that follow, with why: what is not known is not there."""
    settings: dict[Readiness, bool] = {}
    why: dict[Readiness, str] = {}
    blockers: dict[str, list[str]] = {}
    for build in (each for each in interpreters if each.free_threaded):
        states = {p.name: p.builds[build.tag] for p in packages if build.tag in p.builds}
        blocked = [s.package or name for name, s in states.items() if s.status in BLOCKED]
        blockers[build.tag] = list(dict.fromkeys(blocked))
        if states and all(s.status == "ready" for s in states.values()):
            settings["free_threading_ready"] = True
            why["free_threading_ready"] = (
                f"under {build.tag} all {len(states)} packages were imported, and the GIL stayed off"
            )
            break
    else:
        if blockers and all(blockers.values()):
            tag, names = next(iter(blockers.items()))
            settings["free_threading_ready"] = False
            why["free_threading_ready"] = (
                f"under {tag} {named(names)} {'stands' if len(names) == 1 else 'stand'} in the way"
            )
    apart = [p.subinterpreters for p in packages]
    failing = [p.subinterpreters.package or p.name for p in packages if p.subinterpreters.status == "fails"]
    if failing:
        names = list(dict.fromkeys(failing))
        settings["subinterpreter_ready"] = False
        why["subinterpreter_ready"] = f"{named(names)} cannot be loaded in subinterpreters"
    elif apart and all(each.status == "ready" for each in apart):
        settings["subinterpreter_ready"] = True
        why["subinterpreter_ready"] = f"all {len(apart)} packages were imported in two subinterpreters"
    return settings, why
