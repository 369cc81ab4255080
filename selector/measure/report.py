"""From what the children said to the report: fields, what the user gives over them, what is unknown, the recommendation."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from selector.files import resource_dir
from selector.measure import builds
from selector.measure.children import Laboratory, Said, environment_for_children
from selector.measure.clients import Clients, load_clients
from selector.measure.evidence import Beside, fields_of, milliseconds
from selector.measure.findings import Findings, findings_from, number
from selector.measure.gil import with_look
from selector.measure.models import Evidence, MeasureReport, Problem, Request, Tried
from selector.measure.notes import notes_on
from selector.measure.problems import problem_of, problems_in
from selector.measure.request import with_items_at_hand
from selector.measure.session import PINNED, Record, measure_in_children
from selector.processes import signals_handled
from selector.temporary import temporary_folder
from selector.text import listed
from selector.workload.profile import WorkloadProfile
from selector.workload.reading import profile_from_mapping, with_settings

if TYPE_CHECKING:
    from selector.pipeline import Selector

#: What only its owner can know, and the answer may hang on.
REQUIREMENTS = ("latency_requirement_ms", "memory_budget_mb")
#: What measuring finds, if it finds it.
MEASURABLE = (
    "tasks", "cpu_ms_per_task", "io_wait_ms_per_task", "gil_share", "releases_gil", "gil_hold_ms", "picklable", "payload_kb_per_task",
    "pickle_ms_per_task", "task_memory_mb", "import_ms", "shared_state", "free_threading_ready", "free_threaded_ratio",
    "subinterpreter_ready",
)  # fmt: skip


def measured_report(
    request: Request,
    selector: Selector | None,
    tell: Callable[[str], None],
    begun: float | None = None,
) -> MeasureReport:
    """Measure, and say what was found and what it recommends."""
    begun = time.monotonic() if begun is None else begun
    with temporary_folder() as place:
        ready = with_items_at_hand(request, place, sys.stdin)
        interrupts = signals_handled(("SIGTERM", "SIGHUP"), signal.default_int_handler)
        with interrupts, Laboratory(_common(ready), environment_for_children()) as laboratory:
            record = measure_in_children(ready, laboratory, tell, begun)
    folders = selector.knowledge.folders if selector is not None else (resource_dir("rules"),)
    report = report_of(request, record, load_clients(folders), time.monotonic() - begun)
    return _with_recommendation(report, request, selector)


def _common(request: Request) -> dict[str, str | None]:
    """What every child is told."""
    return {
        "target": str(request.target),
        "items": request.items.text if request.items is not None else None,
        "setup": str(request.setup) if request.setup is not None else None,
        "folder": str(request.folder),
    }


def report_of(request: Request, record: Record, clients: Clients, seconds: float) -> MeasureReport:
    """The report, without a recommendation. Pure."""
    fatal = problem_of(record.main)
    found, kept, notes = _used(record)
    tried = tuple(builds.tried_of(said, record.forward) for said in _in_other_pythons(record))
    evidence = _evidence(request, record, found, clients, tried) | kept
    problems = ([fatal] if fatal is not None else []) + _problems(request, record, found)
    profile, evidence = _with_settings(request, evidence) if "workload_type" in evidence else (None, {})
    if profile is not None:
        notes += notes_on(found, _order(record), clients)
        notes += builds.other_results(record.forward, record.others, _order(record))
        if profile.subinterpreter_ready is None:
            notes += builds.without_subinterpreters(
                request.python, tried, record.subinterpreter, coroutine=found.coroutine
            )
        if record.left_out:
            notes.append(f"There was no time for {listed(record.left_out)}: a larger --budget has it.")
        if record.main.cut:
            notes.append(
                "There was time for a single call: a larger --budget tells what later ones take, and the rest."
            )
        if found.skipped:
            notes.append(f"Left out for want of time: {listed(found.skipped)}; a larger --budget has it.")
    return MeasureReport(
        target=str(request.target),
        items=request.items.text if request.items is not None else None,
        python=request.python.path,
        profile=profile,
        evidence=evidence,
        unknown=_unknown(profile, evidence, found),
        problems=tuple(problems),
        notes=tuple(notes),
        tried=tried,
        complete=fatal is None and profile is not None,
        calls=sum(_calls_of(said) for said in record.all),
        seconds=round(seconds, 1),
        recommendation=None,
    )


def _calls_of(said: Said) -> int:
    """How often a child called the function, as far as it came to say so."""
    told = number(said.facts, "calls")
    solo = findings_from(said.facts).calls
    return int(told) if told is not None else solo.count if solo is not None else 0


def _used(record: Record) -> tuple[Findings, dict[str, Evidence], list[str]]:
    """What counts: with one thread of the library's own, where more gain little; that as a field, and the advice.

    Where it is not, the calls are those with all threads of the library; its GIL was looked at with one only.
    """
    pinned = with_look(record.found, record.looked)
    many = findings_from(record.unpinned.facts) if record.unpinned is not None else None
    if many is None or many.calls is None:
        return pinned, {}, []
    if pinned.calls is None or not builds.one_thread_will_do(many, pinned):
        return replace(pinned, calls=many.calls, start=many.start, gil=None), {}, []
    before, after = (c.wall_ms - c.delay_ms for c in (many.calls, pinned.calls))
    takes = f"a call takes {milliseconds(after)} then instead of {milliseconds(before)}"
    why = (
        "as its own threads get in each other's way" if after < before else "and workers gain more than its own threads"
    )
    advice = (
        f"First of all, keep the library to one thread, {' '.join(f'{k}={v}' for k, v in PINNED.items())} before Python"
        f" starts: {takes}, {why}. All figures here were measured so, and workers need it too."
    )
    fields = {
        "native_parallel": Evidence(
            value=False, basis="measured", how="kept to one thread, the library computes in no other"
        ),
        "library_threads": Evidence(value=1, basis="measured", how=f"with one thread of the library's own {takes}"),
    }
    return pinned, fields, [advice]


def _evidence(
    request: Request, record: Record, found: Findings, clients: Clients, tried: tuple[Tried, ...]
) -> dict[str, Evidence]:
    """All fields, with the sentence that each rests on."""
    free = findings_from(record.free_threaded.facts) if record.free_threaded is not None else None
    again = (record.memory, record.forward, record.reverse, record.unpinned)
    beside = Beside(
        task_mb=_task_mb(record),
        order=_order(record),
        own=free.own if free is not None else found.own,
        same=free.same if free is not None else found.same,
        twin=record.twin is not None and record.twin.done,
        imports_ms=tuple(ms for said in again if said and (ms := number(said.facts, "import_cpu_ms")) is not None),
    )
    fields = fields_of(found, beside, clients)
    if found.calls is None:
        return fields
    problem = problem_of(record.free_threaded) if record.free_threaded is not None else None
    fields |= builds.own_build_fields(found)
    fields |= builds.free_threaded_fields(record.free_threaded, found.calls, problem)
    fields |= builds.subinterpreter_fields(record.subinterpreter, record.forward)
    return fields | builds.version_fields(request.python, tried)


def _in_other_pythons(record: Record) -> list[Said]:
    """One child for each other Python: the measured one where there are two, or the one that failed."""
    said = dict(record.others)
    free = record.free_threaded
    if free is not None and (free.python.tag not in said or said[free.python.tag].done):
        said[free.python.tag] = free
    return list(said.values())


def _task_mb(record: Record) -> float | None:
    """Memory of a call; on a free-threaded build, which keeps its pages, that of the first one."""
    if record.memory is None or not record.memory.done:
        return None
    later, first = number(record.memory.facts, "task_mb"), number(record.memory.facts, "first_mb")
    if record.found.free_threaded and first is not None:
        return max(first, later or 0.0)
    return later


def _order(record: Record) -> str | None:
    return builds.order_of(record.forward, record.reverse, record.again)


def _problems(request: Request, record: Record, found: Findings) -> list[Problem]:
    """What is wrong beside the main child, or though it came to its end."""
    problems = problems_in(found, record.main.facts)
    if record.twin is not None and (problem := problem_of(record.twin)) is not None:
        told = f"--async-function {request.async_function}: {problem.text}"
        problems.append(Problem(kind=problem.kind, text=told, item=problem.item))
    elif record.twin is not None and not findings_from(record.twin.facts).coroutine:
        told = f"--async-function {request.async_function}: this is no coroutine; give an `async def`"
        problems.append(Problem(kind="not_async", text=told))
    for name, said in (("in a worker process", record.forward), ("for its memory", record.memory)):
        if said is not None and (problem := problem_of(said)) is not None:
            problems.append(Problem(kind=problem.kind, text=f"run {name}: {problem.text}", item=problem.item))
    return problems


# The profile ----------------------------------------------------------------------------------------------------------


def _with_settings(request: Request, evidence: dict[str, Evidence]) -> tuple[WorkloadProfile, dict[str, Evidence]]:
    """The profile of what was found, and of what the user gives over it (null: it is not to be used)."""
    values: dict[str, object] = {name: each.value for name, each in evidence.items()}
    about = f"measured under Python {request.python.interpreter.version} by concurrency-selector measure"
    values = {"name": str(request.target)[:200], "description": about, **values}
    settings = with_settings({}, request.settings)
    assert isinstance(settings, dict)
    profile = profile_from_mapping({**values, **settings}, "--set")
    kept = {name: each for name, each in evidence.items() if name not in settings}
    given = {
        name: Evidence(value=getattr(profile, name), basis="given", how="as given by --set")
        for name, value in settings.items()
        if value is not None
    }
    return profile, {**kept, **given}


def _unknown(profile: WorkloadProfile | None, evidence: dict[str, Evidence], found: Findings) -> tuple[str, ...]:
    """The fields that the answer may hang on and that nothing is known of."""
    if profile is None:
        return ()
    wanted = list(REQUIREMENTS + MEASURABLE)
    if "picklable" in evidence and evidence["picklable"].value is False:
        wanted = [name for name in wanted if name not in ("payload_kb_per_task", "pickle_ms_per_task")]
    if found.gil_on is False:
        wanted = [name for name in wanted if name not in ("gil_share", "releases_gil", "gil_hold_ms")]
    if "gil_share" in evidence:  # the word for it where no share is known
        wanted.remove("releases_gil")
    if "free_threading_ready" not in evidence or not evidence["free_threading_ready"].value:
        wanted.remove("free_threaded_ratio")  # it did not run there: nobody can know
    return tuple(name for name in wanted if name not in evidence)


def _with_recommendation(report: MeasureReport, request: Request, selector: Selector | None) -> MeasureReport:
    """The report with what its profile recommends, where there is one: the code runs in the Python it was measured in."""
    if report.profile is None:
        return report
    from selector.pipeline import Selector as Fresh

    selector = selector or Fresh()
    tried = {each.tag: each.path for each in report.tried if each.imports}
    found = {**dict(selector.here.interpreters), **tried, request.python.tag: request.python.path}
    here = replace(selector.here, interpreters=tuple(found.items()), application=request.python.tag)
    there = Fresh(selector.rules, here, selector.knowledge)
    return report.model_copy(update={"recommendation": there.recommend(report.profile)})
