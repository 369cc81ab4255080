"""The whole way: what is asked for, what is installed, import and look, can it be installed, the chain, the loop."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from selector.files import resource_dir
from selector.measure.children import Laboratory, environment_for_children
from selector.processes import signals_handled
from selector.readiness.environments import Environment, read_environments
from selector.readiness.installing import Answer, Want, ask, find_resolver
from selector.readiness.judging import Judged, judge, packages_of, readiness_settings
from selector.readiness.kept import Kept
from selector.readiness.looking import at_once, look_at
from selector.readiness.loop import Loop, look_for_blocking
from selector.readiness.models import DepsReport, PackageReadiness
from selector.readiness.plan import Plan, plan_of
from selector.readiness.request import Request
from selector.readiness.wheels import fitting
from selector.temporary import temporary_folder

Tell = Callable[[str], None]
_LEFT_OUT = ("PYTHON_GIL", "PYTHON_TLBC")  # what would decide for the packages


def check_dependencies(
    request: Request, tell: Tell = lambda _: None, rules: tuple[Path, ...] | None = None
) -> DepsReport:
    """Look at every dependency of a project, and at its code. SelectorError where a Python cannot be asked."""
    begun = time.monotonic()
    environ = {name: value for name, value in environment_for_children().items() if name not in _LEFT_OUT}
    interrupts = signals_handled(("SIGTERM", "SIGHUP"), signal.default_int_handler)
    with interrupts, temporary_folder() as nowhere:
        kept = Kept(fresh=request.fresh)
        try:
            with Laboratory({"folder": str(nowhere)}, environ) as laboratory:
                tell("reading what is installed")
                environments = read_environments(request.pythons, laboratory, at_once())
                plan = plan_of(request.asked, environments)
                looks = look_at(environments, list(plan.ways), laboratory, kept, tell)
            judged = judge(plan, looks)
            answers = _asked_of_an_index(request, plan, judged, kept, tell)
        finally:
            kept.save()
        loop = Loop()
        if request.loop:
            tell("looking for calls that block the event loop")
            loop = look_for_blocking(request.folder, _places(request), rules or (resource_dir("rules"),), os.environ)
    return report_of(request, plan, packages_of(plan, judged, answers), loop, time.monotonic() - begun)


def _places(request: Request) -> list[str]:
    """Where tools may be that are not on the PATH: beside the Pythons, and beside the one that this runs in."""
    return [os.path.dirname(path) for path in (*(python.path for python in request.pythons), sys.executable)]


def _asked_of_an_index(
    request: Request, plan: Plan, judged: Judged, kept: Kept, tell: Tell
) -> dict[str, dict[str, Answer]]:
    """What an index says of each build, of what is not installed for it, or does not do there: by tag and package."""
    found: dict[str, dict[str, Answer]] = {}
    for environment in plan.environments:
        wants = wanted_of(environment, plan, judged)
        if not wants:
            continue
        if request.offline:
            found[environment.tag] = {
                want.name: Answer(None, problem="no index was asked (--offline)") for want in wants
            }
            continue
        tell(f"asking the index what fits {environment.tag}")
        resolver = find_resolver(environment.python, _places(request), os.environ)
        answers = ask(wants, environment.python, resolver, kept, request.folder)
        found[environment.tag] = {want.name: answer for want, answer in answers.items()}
    return found


def wanted_of(environment: Environment, plan: Plan, judged: Judged) -> list[Want]:
    """What an index is to be asked for a build: of what is not installed for it, and of what fails or switches the GIL on."""
    found = []
    for name in (each for each in plan.ways if each in plan.under[environment.tag][1]):
        verdict, lock = judged.builds.get((environment.tag, name)), plan.locked.get(name)
        if verdict is not None:
            if verdict.status in ("gil", "fails") and verdict.package in (name, None):
                found.append(Want(name, verdict.installed))
        elif plan.goes_anywhere(name, environment.python.interpreter.version):
            continue
        elif lock is None or fitting(lock.files, environment.tag) is None:
            found.append(Want(name, plan.version(name), plan.specifier(name)))
    return found


def report_of(
    request: Request, plan: Plan, packages: tuple[PackageReadiness, ...], loop: Loop, seconds: float
) -> DepsReport:
    """The report, without what it would gain. Pure."""
    environments = plan.environments
    settings, why = readiness_settings(packages, [e.python.interpreter for e in environments])
    notes = list(request.asked.notes) if request.asked is not None else []
    notes += [each.problem for each in environments if each.problem]
    notes += _other_versions(plan, environments[0])
    if not any(e.python.interpreter.free_threaded for e in environments):
        notes.append("No free-threaded build was looked at: --interpreter PATH names one.")
    return DepsReport(
        source=plan.source,
        python=request.pythons[0].path,
        interpreters={python.tag: python.path for python in request.pythons},
        packages=packages,
        loop=loop.found,
        loop_checked_by=loop.by,
        settings=settings,
        why=why,
        worth=(),
        notes=(*notes, *loop.notes),
        seconds=round(seconds, 1),
    )


def _other_versions(plan: Plan, home: Environment) -> list[str]:
    """A note where what is installed is not what the lock says."""
    other = [
        f"{name} {home.packages[name].version} (lock: {lock.version})"
        for name, lock in plan.locked.items()
        if name in home.packages and name in plan.ways and lock.version not in (None, home.packages[name].version)
    ]
    if not other:
        return []
    more = f" and {len(other) - 5} more" if len(other) > 5 else ""
    return [f"Installed are other versions than the lock has, and they were looked at: {', '.join(other[:5])}{more}."]
