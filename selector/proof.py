"""From a recommendation to its proof: plan -> script -> run on this host -> verdict. The effects of `validate` are here.

Every measurement is in the folder of the run as soon as it is finished, so that nothing is lost when a run is cut off.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from selector.approaches import Engine
from selector.benchmark.engine_arm import EngineArm, engine_arm, with_engine
from selector.benchmark.events import Event, collect, event_line
from selector.benchmark.folders import new_folder, write_text
from selector.benchmark.interpreters import asked_for, one_of_each_kind
from selector.benchmark.plan import BenchmarkPlan, IoKind, PlannedPython, plan_benchmark
from selector.benchmark.programs import Program, files_for, programs, script_for, templates
from selector.benchmark.render import template_parameters
from selector.benchmark.run import BenchmarkRun, run_benchmark, stopped_by_signals
from selector.benchmark.server import check_server
from selector.benchmark.subject import Subject, plan_function, pythons_to_try
from selector.calibration.kept import keep_entry, kept_entries, this_machine, usable_costs
from selector.errors import SelectorError
from selector.files import write_folder, write_script
from selector.host import Interpreter, find_interpreters, interpreter_at
from selector.host.checks import warnings_after, warnings_before
from selector.host.others import busiest, process_times
from selector.host.state import host_state
from selector.measure import measure_function
from selector.measure.models import Request
from selector.measure.python import ChosenPython
from selector.measure.request import profile_as_asked, with_items_at_hand
from selector.pipeline import Selector, application_tag, example_profiles
from selector.recommend.chain import Situation
from selector.recommend.recommendation import Recommendation
from selector.report.blocks import Document
from selector.report.saved import run_files
from selector.report.validation import validation_document
from selector.validation import ValidationReport, validate_results
from selector.validation.learning import Fold, folded, folds, refusal
from selector.workload.profile import APPROACHES, WorkloadProfile

#: What shows a run: a context that gives what is to be called with each event.
View = Callable[[], AbstractContextManager[Callable[[Event], None]]]

_MEASURING_SHARE = 1 / 3  # of the budget, for measuring a function before it is called in every way
_LEAST_MEASURING_SECONDS = 5.0
_LEAST_SHARE = 0.5  # of the budget, for the benchmark, however long measuring took


@dataclass(frozen=True)
class BenchmarkOptions:
    """How to measure. `interpreters` are tags or paths (none: the profile's, else the newest found); `server`: a real one.

    `engine` is measured as well, in the Python `engine_python` (a path, or the folder of an environment).
    """

    budget_seconds: float = 60.0
    interpreters: tuple[str, ...] = ()
    io: IoKind = "socket"
    seed: int | None = None
    save: Path | None = None
    force: bool = False
    server: str | None = None
    engine: Engine | None = None
    engine_python: str | None = None


@dataclass(frozen=True)
class Proof:
    """What came of a run: the report, the folder with all that it rests on, and whether Ctrl-C (or `kill`) ended it.

    `document` is the report to be shown, `page` the same as HTML. `script` is the benchmark in the folder, or the program
    it belongs to. `unsaved` is why the report could not be written into the folder: no reason to lose it.
    """

    report: ValidationReport
    document: Document
    folder: Path
    script: str
    interrupted: bool
    page: str | None = None
    unsaved: SelectorError | None = None


def prove(
    selector: Selector,
    profile: WorkloadProfile,
    options: BenchmarkOptions,
    view: View,
    program: Program | None = None,
) -> Proof:
    """Measure the recommendation and what else was possible on this host, and judge it.

    `program`: what does the work, whose profile it is; without one, work is made as the profile says.
    Ctrl-C ends the measuring, not the judging: the report is then of what there is (`complete` is False). SelectorError
    where nothing could be measured; KeyboardInterrupt where Ctrl-C came before the script had begun.
    """
    recommendation, plan = plan_for(selector, profile, options, "sampled")
    arm = _engine_arm(selector, recommendation, options, None)
    if program is not None:
        plan = program.plan(plan)
    return _proof(selector, recommendation, plan, new_folder(options.save, options.force), options, view, program, arm)


def prove_function(
    selector: Selector,
    request: Request,
    profile: WorkloadProfile | None,
    options: BenchmarkOptions,
    view: View,
    tell: Callable[[str], None],
) -> Proof:
    """Call a user's function in every way that can run here, and judge what its profile recommends.

    Without a profile the function is measured first, in a part of the budget; `tell` gets what is being done then.
    SelectorError where it cannot be measured.
    """
    folder = new_folder(options.save, options.force)
    request = with_items_at_hand(request, folder.absolute(), sys.stdin)
    notes: tuple[str, ...] = ()
    if profile is None:
        profile, notes, seconds = _profile_of(selector, request, options.budget_seconds, tell)
        left = max(options.budget_seconds - seconds, _LEAST_SHARE * options.budget_seconds)
        options = replace(options, budget_seconds=left)
    recommendation, plan = plan_for_function(selector, request, profile, options, "sampled")
    arm = _engine_arm(selector, recommendation, options, request)
    plan = plan.model_copy(update={"notes": (*notes, *plan.notes)})
    return _proof(selector, recommendation, plan, folder, options, view, arm=arm)


def _engine_arm(
    selector: Selector, recommendation: Recommendation, options: BenchmarkOptions, request: Request | None
) -> EngineArm | None:
    """The engine to measure beside the rest, if any; SelectorError where a queue is recommended and none can be."""
    python = request.python if request is not None else None
    situation = selector.situation(recommendation.profile.model_copy(update={"machines": 1}))
    arm = engine_arm(situation, recommendation, options.engine, options.engine_python, python, options.budget_seconds)
    return arm if arm is None else replace(arm, request=request)


def _profile_of(
    selector: Selector, request: Request, budget_seconds: float, tell: Callable[[str], None]
) -> tuple[WorkloadProfile, tuple[str, ...], float]:
    """(Profile, what to bear in mind, the seconds it took) of a function; SelectorError where it cannot be measured."""
    budget = min(request.budget_seconds, max(_LEAST_MEASURING_SECONDS, _MEASURING_SHARE * budget_seconds))
    found = measure_function(replace(request, budget_seconds=budget), selector, tell)
    return found.known_profile(), tuple(problem.text for problem in found.problems), found.seconds


def _proof(
    selector: Selector,
    recommendation: Recommendation,
    plan: BenchmarkPlan,
    folder: Path,
    options: BenchmarkOptions,
    view: View,
    program: Program | None = None,
    arm: EngineArm | None = None,
) -> Proof:
    """Write the script of a plan, run it, and judge the recommendation by what it measured."""
    plan = plan if arm is None else arm.beside(plan)
    before, others_before = host_state(), process_times()
    script = _write_benchmark(plan, program, folder, options.force)
    write_text(folder / "plan.json", plan.model_dump_json(indent=2))
    run = _measured(plan, script, folder / "events.jsonl", view)
    events: tuple[Event, ...] = tuple(run.events)
    if arm is not None and not run.interrupted:
        events = with_engine(events, arm)
        write_text(folder / "events.jsonl", b"".join(map(event_line, events)).decode())
    after = host_state()
    own = after.own_cpu_seconds - before.own_cpu_seconds
    warnings = (*plan.notes, *warnings_before(before), *warnings_after(before, after, own), *run.warnings)
    others = busiest(others_before, process_times())
    report = validate_results(recommendation, collect(events), selector.knowledge, warnings, others)
    document = validation_document(report)
    name = script.name if program is None else f"{program.name}/"
    try:
        for file, page in run_files(report, document, recommendation, lambda: selector.explain(recommendation.profile)):
            write_text(folder / file, page)
    except SelectorError as error:
        return Proof(report, document, folder, name, run.interrupted, unsaved=error)
    return Proof(report, document, folder, name, run.interrupted, page)


def plan_for_function(
    selector: Selector,
    request: Request,
    profile: WorkloadProfile,
    options: BenchmarkOptions,
    changes: Literal["none", "sampled"] = "none",
) -> tuple[Recommendation, BenchmarkPlan]:
    """The recommendation for a function on this host, and the plan to call it in every way that can run here."""
    here = replace(selector.here, application=request.python.tag)  # nobody is sent to another that may be used as well
    selector = replace(selector, host=here, tables=selector.knowledge)
    most = {"cpu_cores": min(profile.cpu_cores or here.usable_cpus, here.usable_cpus), "platform": here.platform}
    situation = selector.situation(profile_as_asked(profile, request).model_copy(update=most))
    recommendation = selector.recommend(situation, changes)
    return recommendation, _function_plan(selector, request, options, (situation, recommendation))


def plan_without_profile(selector: Selector, request: Request, options: BenchmarkOptions) -> BenchmarkPlan:
    """The plan to call a function in every way, where nothing is known of it: nothing is recommended."""
    return _function_plan(selector, request, options, None)


def _function_plan(
    selector: Selector, request: Request, options: BenchmarkOptions, known: tuple[Situation, Recommendation] | None
) -> BenchmarkPlan:
    further = None if request.interpreters is None else [_planned(python) for python in request.interpreters]
    catalogue = selector.knowledge.approaches
    return plan_function(
        _subject_of(request),
        pythons_to_try(_planned(request.python), further, dict(selector.here.interpreters)),
        known=known,
        approaches=[name for name in APPROACHES if catalogue[name].traits.runs_in != "cluster"],
        budget_seconds=options.budget_seconds,
        usable_cpus=selector.here.usable_cpus,
        seed=options.seed,
    )


def _planned(python: ChosenPython) -> PlannedPython:
    """A Python by the path that it was named by: an environment has packages of its own."""
    return PlannedPython(tag=python.tag, path=python.path, free_threaded=python.interpreter.free_threaded)


def _subject_of(request: Request) -> Subject:
    named = {
        "items": request.items and request.items.text,
        "setup": request.setup,
        "async_function": request.async_function,
    }
    texts = {name: str(value) for name, value in named.items() if value is not None}
    return Subject(function=str(request.target), folder=request.folder, **texts)


def plan_for(
    selector: Selector,
    profile: WorkloadProfile,
    options: BenchmarkOptions,
    changes: Literal["none", "sampled"] = "none",
) -> tuple[Recommendation, BenchmarkPlan]:
    """The recommendation for this host, whatever the profile was written for, and the plan to measure it here.

    `changes` also asks which inputs would change the recommendation: a verdict has a use for that, a plan has none.
    """
    available, wanted = _interpreters(options.interpreters)
    chosen = asked_for(wanted, available)
    tags = tuple(interpreter.tag for interpreter in available if interpreter in chosen)
    here = selector.here
    on_this_host = profile.model_copy(
        update={
            "cpu_cores": min(profile.cpu_cores or here.usable_cpus, here.usable_cpus),
            "platform": here.platform,
            "interpreters": tags or profile.interpreters,  # what may be used is what is measured
        }
    )
    situation = selector.situation(on_this_host)
    recommendation = selector.recommend(situation, changes)
    plan = plan_benchmark(
        situation,
        recommendation,
        available,
        budget_seconds=options.budget_seconds,
        usable_cpus=here.usable_cpus,
        wanted=wanted,
        io=options.io,
        seed=options.seed,
        cpus_asked=profile.cpu_cores,
        application=here.application,
        server=options.server,
    )
    check_server(plan, options.server)
    return recommendation, plan


def _write_benchmark(plan: BenchmarkPlan, program: Program | None, folder: Path, force: bool) -> Path:
    """Write the script that measures a plan, with the program that it runs, if there is one."""
    if program is None:
        script = folder / "bench.py"
        write_script(script_for(plan), script, force)
        return script
    write_folder(files_for(program, plan), folder / program.name, force)
    return folder / program.name / "bench.py"


def _measured(plan: BenchmarkPlan, script: Path, events: Path, view: View) -> BenchmarkRun:
    """Run the script of a plan to its end, which signals to us may hasten; each event is saved, then shown."""
    with (
        view() as show,
        stopped_by_signals() as stop,
        run_benchmark(
            script,
            python=sys.executable,
            interpreters=[python.path for python in plan.pythons],
            budget_seconds=plan.budget_seconds,
            io=plan.io,
            seed=plan.seed,
            log=events,
        ) as run,
    ):
        stop(run)
        for event in run:
            show(event)
    return run


# Which Pythons --------------------------------------------------------------------------------------------------------


def _interpreters(wanted: tuple[str, ...]) -> tuple[list[Interpreter], tuple[str, ...]]:
    """The interpreters to choose from and the paths asked for, of those that are given by a path or as a version.

    One that is given by its path stands for its version. A version that is not here the plan refuses.
    """
    given = {name: interpreter_at(name) for name in wanted if os.sep in name or not name.strip().startswith("3.")}
    tags = {i.tag for i in given.values()}
    found = [i for i in find_interpreters() if i.implementation == "CPython" and i.tag not in tags]
    paths = tuple(given[name].path if name in given else name for name in wanted)
    return [*found, *given.values()], paths


def interpreters_to_calibrate(wanted: tuple[str, ...]) -> list[Interpreter]:
    """Those asked for, or the application's and the newest of the other kind; SelectorError for one not here.

    Recommendations are for the application's Python, so that is the one whose costs they rest on. Where it is not known
    the newest one stands in.
    """
    available, names = _interpreters(wanted)
    if names:
        return asked_for(names, available)
    found = {i.tag: i.path for i in available if i.implementation == "CPython"}
    return one_of_each_kind(available, [application_tag(found)])


def interpreters_to_compare(template: str) -> list[Interpreter]:
    """The newest Python of each kind here, for a template that compares free threads with the rest; else none.

    Run by one Python alone, such a script leaves out one half of what it is about. SelectorError where there is no
    free-threaded one.
    """
    program = programs().get(template)
    approaches = template_parameters(program.bench if program else templates()[template])["APPROACHES"]
    if not isinstance(approaches, tuple) or not {"free_threaded", "asyncio_free_threaded"} & {*approaches}:
        return []
    found = interpreters_to_calibrate(())
    if not any(interpreter.free_threaded for interpreter in found):
        raise SelectorError(
            "no free-threaded Python was found here, and this compares one with the others",
            "install one, and give its path to the script with --interpreter",
        )
    return found


# What it teaches ------------------------------------------------------------------------------------------------------


def learn_from(report: ValidationReport) -> tuple[Fold, ...]:
    """Fold what a benchmark measured on this machine into the calibration that is kept; returns what was changed.

    SelectorError where there is nothing to fold it into, it was not measured under the conditions of now, or cannot be
    believed: the calibration stays as it is then.
    """
    if refused := refusal(report):
        raise SelectorError(f"nothing was learned: {refused.why}", f"{refused.remedy}; the calibration is as it was")
    selector = Selector()
    machine = this_machine(selector.here.usable_cpus)
    paths = {os.path.realpath(path) for _, path in selector.here.interpreters}
    entries = {entry["tag"]: entry for path, entry in kept_entries(machine).items() if path in paths}
    if not entries:
        raise SelectorError("this machine is not calibrated", "first: concurrency-selector calibrate")
    if report.cpus != machine.cpus:
        raise SelectorError(
            f"the results are of a run with {report.cpus} CPUs, and {machine.cpus} may be used here",
            "fold in what `validate` measured on this machine",
        )
    costs = {tag: usable_costs(entry) for tag, entry in entries.items()}
    found = folds(report, selector.knowledge, selector.here, costs)
    for tag, entry in entries.items():
        changed = {fold.cost: folded(entry["costs"][fold.cost], fold) for fold in found if fold.interpreter == tag}
        if changed:
            keep_entry(machine, {**entry, "costs": {**entry["costs"], **changed}})
    return found


def example_answers() -> dict[str, str]:
    """The approach for each of the workloads that ship, by what is known of this machine now."""
    selector = Selector()
    return {name: selector.recommend(profile, "none").approach for name, profile in example_profiles()}
