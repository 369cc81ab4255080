"""A system tried out: its skeleton is written and run on this host, every part by itself and all together."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from selector.benchmark.folders import new_folder, write_text
from selector.errors import SelectorError
from selector.files import write_script
from selector.host.checks import warnings_after, warnings_before
from selector.host.state import host_state
from selector.pipeline import Selector
from selector.processes import Child, NotStartedError, signals_handled
from selector.system.answer import Planned, answer_of, cpu_shares, plan_system
from selector.system.flow import flow_of
from selector.system.models import SystemRecommendation
from selector.system.skeleton import main_python, skeleton_notes, skeleton_script
from selector.system.verdict import SystemReport, TrialEvent, judge_system
from selector.text import counted, percent, printable, quoted
from selector.workload.system import SystemProfile

_MEASURING = 0.75  # of the budget; the rest is for starting, and for what is on its way at the end
_LEAST_SECONDS = 1.0  # for a part
_ENDING_SECONDS = 60.0


@dataclass(frozen=True)
class Trial:
    """What came of it: the report, the folder with the skeleton and its events, and whether Ctrl-C (or `kill`) ended it."""

    report: SystemReport
    folder: Path
    interrupted: bool


def try_system(
    selector: Selector,
    system: SystemProfile,
    *,
    pythons: Mapping[str, str],
    budget_seconds: float,
    save: Path | None,
    force: bool,
    tell: Callable[[str], None],
) -> Trial:
    """Run the skeleton of a system on this host, and judge what was predicted for it.

    `pythons` are the interpreters that were asked for, by tag (none: those found here). SelectorError where it cannot run.
    """
    here, notes = system_here(
        system, selector.here.usable_cpus, selector.here.platform, pythons or dict(selector.here.interpreters)
    )
    plan = plan_system(selector, here)
    answer = answer_of(plan, selector)
    tag = main_python(answer.parts)
    path = {**dict(selector.here.interpreters), **pythons}.get(tag or "")
    if path is None:
        raise SelectorError(f"Python {tag}, which the system needs, was not found here", f"uv python install {tag}", 1)
    folder = new_folder(save, force)
    script = _written(plan, answer, folder, force)
    before = host_state()
    events, interrupted, fault = _run(path, script, answer, budget_seconds, folder / "events.jsonl", tell)
    after = host_state()
    if fault and not events:
        raise SelectorError(f"the skeleton of the system failed: {fault}", f"it is {script}", 1)
    own = after.own_cpu_seconds - before.own_cpu_seconds
    disturbed = (*warnings_before(before), *warnings_after(before, after, own))
    report = judge_system(answer, events, str(tag), (*notes, *skeleton_notes(answer), *disturbed))
    write_text(folder / "results.json", report.model_dump_json(indent=2))
    return Trial(report, folder, interrupted)


def _written(plan: Planned, answer: SystemRecommendation, folder: Path, force: bool) -> Path:
    script = folder / "system.py"
    write_script(skeleton_script(plan, answer), script, force)
    write_text(folder / "plan.json", answer.model_dump_json(indent=2))
    return script


def system_here(
    system: SystemProfile, usable_cpus: int, platform: str, pythons: Mapping[str, str]
) -> tuple[SystemProfile, list[str]]:
    """The system as it can be tried here, with what was changed: no more CPUs than there are, the Pythons that are here.

    SelectorError where none of the Pythons that it may use is here.
    """
    notes = []
    cores = min(system.cpu_cores or usable_cpus, usable_cpus)
    if (system.cpu_cores or 0) > usable_cpus:
        notes.append(
            f"The system has {system.cpu_cores} CPUs, and there are {usable_cpus} here: it is predicted, and run, for those."
        )
    own = [part.profile.cpu_cores for part in system.parts]
    fits = sum(count or 1 for count in own) <= cores
    share = _share_of_rates(system, cores)
    if share < 1:
        notes.append(
            f"More arrives than {cores} CPUs can do: the parts are chosen for {percent(share)} of it, and as much is let in as they take."
        )
    if not fits and any(own):
        notes.append("The parts ask for more CPUs than there are here: they are shared out anew.")
    parts = []
    for part in system.parts:
        asked = part.profile.interpreters or system.interpreters
        tags = tuple(tag for tag in pythons if asked is None or tag in asked)
        if not tags:
            what = f"part {quoted(part.name)}: none of its interpreters is here: {', '.join(asked or ())}"
            raise SelectorError(what, f"here are: {', '.join(pythons) or 'none'}", 1)
        rates = {name: getattr(part.profile, name) for name in _RATES}
        scaled = {name: rate * share for name, rate in rates.items() if rate is not None}
        update = {"interpreters": tags, "platform": platform, **scaled, **({} if fits else {"cpu_cores": None})}
        parts.append(part.model_copy(update={"profile": part.profile.model_copy(update=update)}))
    return system.model_copy(update={"cpu_cores": cores, "platform": platform, "parts": tuple(parts)}), notes


_RATES = ("requests_per_second", "throughput_requirement_per_s")
_BUSY = 0.8  # of the CPUs: more than a service should have to do


def _share_of_rates(system: SystemProfile, cores: int) -> float:
    """How much of what arrives so many CPUs can do, and each part on its share, with some room left; 1 for all of it."""
    flow = flow_of(system)
    if system.mode == "batch" or not flow.amounts:
        return 1.0
    shares = cpu_shares(system, flow, cores)
    loads = [
        (share.cores, (flow.volumes[name] or 0.0) * (system.part(name).profile.cpu_ms_per_task or 0.0) / 1000)
        for name, share in shares.items()
    ]
    loads.append((cores, sum(busy for _, busy in loads)))
    return min(1.0, *(_BUSY * available / busy for available, busy in loads if busy))


def _run(
    python: str,
    script: Path,
    answer: SystemRecommendation,
    budget_seconds: float,
    log: Path,
    tell: Callable[[str], None],
) -> tuple[list[TrialEvent], bool, str]:
    """(What the skeleton said, whether it was interrupted, what went wrong); every line is kept in the log."""
    seconds = max(budget_seconds * _MEASURING, 2 * _LEAST_SECONDS * len(answer.parts))
    command = [python, str(script.absolute()), "--measure", f"{seconds:.3f}", "--json"]
    deadline = budget_seconds + seconds + _ENDING_SECONDS
    events: list[TrialEvent] = []
    lines: list[str] = []
    asked: list[int] = []
    tell(
        f"running each of {counted(len(answer.parts), 'part')} by itself, then all together: about {budget_seconds:.0f} s"
    )
    try:
        with Child(command, deadline_seconds=deadline, asked_by=signal.SIGINT) as child:

            def stop(number: int, _: object) -> None:
                """Ask it to end, as we were."""
                asked.append(number)
                child.stop()

            with signals_handled(("SIGINT", "SIGTERM"), stop):
                for line in child:
                    if line is not None and (event := _event(line)) is not None:
                        lines.append(line.decode("utf-8", "replace"))
                        events.append(event)
                        tell(_said(event))
    except NotStartedError as error:
        raise SelectorError(f"{python}: {error}", error.hint, 1) from None
    write_text(log, "\n".join(lines))
    fault = child.fault and (printable(child.errors).strip()[-300:] or child.fault)
    return events, bool(asked), fault


def _event(line: bytes) -> TrialEvent | None:
    try:
        return TrialEvent.model_validate_json(json.dumps(json.loads(line)))
    except (ValidationError, ValueError):
        return None


def _said(event: TrialEvent) -> str:
    what = "by itself" if event.event == "alone" else "together"
    return f"{what}: " + ", ".join(f"{row.name} {row.per_second:,.1f}/s" for row in event.parts)
