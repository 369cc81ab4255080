"""From a recommendation to its proof: plan -> script -> run on this host -> verdict. The effects of `validate` are here.

Every measurement is in the folder of the run as soon as it is finished, so that nothing is lost when a run is cut off.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selector import __version__
from selector.benchmark.events import Event, collect
from selector.benchmark.plan import BenchmarkPlan, IoKind, asked_for, one_of_each_kind, plan_benchmark
from selector.benchmark.programs import Program, programs
from selector.benchmark.render import (
    PARAMETERS_BEGIN,
    render,
    render_known,
    template_parameters,
    write_folder,
    write_script,
)
from selector.benchmark.run import BenchmarkRun, run_benchmark
from selector.calibration.kept import keep_entry, kept_entries, this_machine, usable_costs
from selector.errors import SelectorError
from selector.files import cache_dir, cannot_write, own_folder, refuse_special, resource_dir, write_atomically
from selector.host import Interpreter, find_interpreters, interpreter_at
from selector.host.checks import warnings_after, warnings_before
from selector.host.others import busiest, process_times
from selector.host.state import host_state
from selector.pipeline import Selector, application_tag, example_profiles
from selector.recommend.chain import choose
from selector.recommend.knowledge import Knowledge
from selector.recommend.recommendation import Recommendation
from selector.report.markdown import render_markdown
from selector.report.validation import validation_document
from selector.text import quoted, suggestion
from selector.validation import ValidationReport, validate_results
from selector.validation.learning import Fold, folds, refusal
from selector.workload.profile import WorkloadProfile

#: What shows a run: a context that gives what is to be called with each event.
View = Callable[[], AbstractContextManager[Callable[[Event], None]]]
_RUNS_KEPT = 10  # in the cache folder, where nobody asked for the files to be kept
_RUN_NAME = re.compile(r"\d{8}T\d{6}Z-\d{1,9}")  # of a folder there, when it was made and a number that tells two apart
_MADE_BY_US = ".made-by-validate"  # a file in each: nothing else is ever removed
_FILES = ("bench.py", "plan.json", "events.jsonl", "results.json", "report.md")
TEMPLATE = "compare_approaches"
_ABOUT = f"Written by concurrency-selector {__version__}."


@dataclass(frozen=True)
class BenchmarkOptions:
    """How to measure. `interpreters` are tags or paths (none: the profile's, else the newest found)."""

    budget_seconds: float = 60.0
    interpreters: tuple[str, ...] = ()
    io: IoKind = "socket"
    seed: int | None = None
    save: Path | None = None
    force: bool = False


@dataclass(frozen=True)
class Proof:
    """What came of a run: the report, the folder with all that it rests on, and whether Ctrl-C (or `kill`) ended it.

    `script` is the benchmark in the folder, or the program it belongs to. `unsaved` is why the report could not be
    written into the folder: no reason to lose it.
    """

    report: ValidationReport
    folder: Path
    script: str
    interrupted: bool
    unsaved: SelectorError | None = None


def plan_for(
    selector: Selector, profile: WorkloadProfile, options: BenchmarkOptions
) -> tuple[Recommendation, BenchmarkPlan]:
    """The recommendation for this host, whatever the profile was written for, and the plan to measure it here."""
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
    recommendation = selector.recommend(on_this_host)
    plan = plan_benchmark(
        choose(on_this_host, here, selector.knowledge),
        recommendation,
        available,
        selector.knowledge,
        budget_seconds=options.budget_seconds,
        usable_cpus=here.usable_cpus,
        wanted=wanted,
        io=options.io,
        seed=options.seed,
        cpus_asked=profile.cpu_cores,
        application=here.application,
    )
    return recommendation, plan


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
        changed = {fold.cost: _folded(entry["costs"][fold.cost], fold) for fold in found if fold.interpreter == tag}
        if changed:
            keep_entry(machine, {**entry, "costs": {**entry["costs"], **changed}})
    return found


def _folded(cost: dict[str, Any], fold: Fold) -> dict[str, Any]:
    """A cost with another value, which its range has room for, and what corrected it."""
    value = fold.after
    room = {"low": min(cost["low"], value), "high": max(cost["high"], value)}
    return {**cost, "value": value, **room, "note": f"was {fold.before:.3g}: {fold.why}"}


def example_answers() -> dict[str, str]:
    """The approach for each of the workloads that ship, by what is known of this machine now."""
    selector = Selector()
    return {name: selector.recommend(profile, "none").approach for name, profile in example_profiles()}


def script_for(plan: BenchmarkPlan) -> str:
    """The benchmark script of a plan."""
    return render(_templates()[TEMPLATE], plan.parameters, _ABOUT)


def script_of(template: str, options: BenchmarkOptions, cpus: int) -> str:
    """The script of a template that has a workload of its own, by the name that `template_named` gives it."""
    return render_known(_templates()[template], _own_parameters(options, cpus), _ABOUT)


def files_of(program: Program, options: BenchmarkOptions, cpus: int) -> dict[str, bytes]:
    """The files of a program that ships, by name, for a user's copy of it."""
    return program.files(_own_parameters(options, cpus), _ABOUT)


def _own_parameters(options: BenchmarkOptions, cpus: int) -> dict[str, object]:
    """What a template that has a workload of its own may be told."""
    return {"CPUS": cpus, "BUDGET_SECONDS": options.budget_seconds}


def interpreters_to_compare(template: str) -> list[Interpreter]:
    """The newest Python of each kind here, for a template that compares free threads with the rest; else none.

    Run by one Python alone, such a script leaves out one half of what it is about. SelectorError where there is no
    free-threaded one.
    """
    program = programs().get(template)
    approaches = template_parameters(program.bench if program else _templates()[template])["APPROACHES"]
    if not isinstance(approaches, tuple) or not {"free_threaded", "asyncio_free_threaded"} & {*approaches}:
        return []
    found = interpreters_to_calibrate(())
    if not any(interpreter.free_threaded for interpreter in found):
        raise SelectorError(
            "no free-threaded Python was found here, and this compares one with the others",
            "install one, and give its path to the script with --interpreter",
        )
    return found


def command_for(
    script: Path, options: BenchmarkOptions, plan: BenchmarkPlan | None = None, pythons: Iterable[Interpreter] = ()
) -> str:
    """The command that runs a script as it was asked for, under the Pythons of the plan or those given, for a shell."""
    words = ["python", as_argument(script)]
    for python in plan.pythons if plan else pythons:
        words += ["--interpreter", python.path]
    words += ["--io", options.io] if options.io != BenchmarkOptions.io else []
    words += ["--seed", str(options.seed)] if options.seed is not None else []
    return shlex.join(words)


def as_argument(path: Path) -> str:
    """A path as an argument of a command, which takes one that begins with a hyphen for an option."""
    return f".{os.sep}{path}" if str(path).startswith("-") else str(path)


def template_named(word: str) -> str:
    """The template that a user means; SelectorError with a suggestion where there is none."""
    templates = {**_templates(), **programs()}
    name = word.strip().casefold().replace("-", "_").removesuffix(".py")
    if name not in templates:
        near = suggestion(name.replace("_", "-"), template_names())
        raise SelectorError(f"no template {quoted(word)}{near}", f"one of {', '.join(template_names())}")
    return name


def template_names() -> list[str]:
    """The templates that can be generated, as they are called on the command line."""
    return sorted(name.replace("_", "-") for name in [*_templates(), *programs()])


def _templates() -> dict[str, Path]:
    """The templates of one file by name: what has a parameter block. What lies beside them is put into the scripts."""
    benches = {program.bench for program in programs().values()}
    files = [file for file in sorted(resource_dir("templates").glob("*.py")) if file not in benches]
    return {file.stem: file for file in files if PARAMETERS_BEGIN in file.read_text(encoding="utf-8")}


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
    before, others_before = host_state(), process_times()
    recommendation, plan = plan_for(selector, profile, options)
    _check_it_can_be_measured(recommendation, selector.knowledge)
    if program is not None:
        plan = program.plan(plan)
    folder = _new_folder(options.save, options.force)
    script = _write_benchmark(plan, program, folder, options.force)
    _write(folder / "plan.json", plan.model_dump_json(indent=2))
    events = folder / "events.jsonl"
    with (
        view() as show,
        _stop_signals() as stop,
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
    after = host_state()
    own = after.own_cpu_seconds - before.own_cpu_seconds
    warnings = (*plan.notes, *warnings_before(before), *warnings_after(before, after, own), *run.warnings)
    others = busiest(others_before, process_times())
    report = validate_results(recommendation, collect(run.events), selector.knowledge, warnings, others)
    name = script.name if program is None else f"{program.name}/"
    try:
        _write(folder / "results.json", report.model_dump_json(indent=2))
        _write(folder / "report.md", render_markdown(validation_document(report)))
    except SelectorError as error:
        return Proof(report, folder, name, run.interrupted, unsaved=error)
    return Proof(report, folder, name, run.interrupted)


def _check_it_can_be_measured(recommendation: Recommendation, knowledge: Knowledge) -> None:
    """SelectorError (exit code 1) where a whole budget would say nothing: what spreads over machines cannot be tried on one."""
    if knowledge.approaches[recommendation.approach].traits.runs_in != "cluster":
        return
    profile = recommendation.profile
    asks = [f"{name}={value}" for name, value in (("durable", "false"), ("machines", 1)) if name in profile.given()]
    without = " ".join(f"--set {each}" for each in asks)
    raise SelectorError(
        f"the recommendation is a {recommendation.title.lower()}, which cannot be measured on one machine: nothing was run",
        f"to compare what runs on this machine, leave out what asks for it: {without}"
        if asks
        else "to compare what runs on this machine, write the script: concurrency-selector generate",
        1,
    )


def _write_benchmark(plan: BenchmarkPlan, program: Program | None, folder: Path, force: bool) -> Path:
    """Write the script that measures a plan, with the program that it runs, if there is one."""
    if program is None:
        script = folder / "bench.py"
        write_script(script_for(plan), script, force)
        return script
    write_folder(program.files(plan.parameters, _ABOUT), folder / program.name, force)
    return folder / program.name / "bench.py"


@contextmanager
def _stop_signals() -> Iterator[Callable[[BenchmarkRun], None]]:
    """Ctrl-C (or `kill`) asks the run that is handed over to stop and report, or to be killed the second time.

    The third time is as everywhere else. An exception in the middle of anything could lose a process that has just been
    started, or leave a lock taken: with that of Popen.poll nothing would end.
    """
    runs: list[BenchmarkRun] = []
    before: dict[int, Any] = {}
    asked: list[int] = []

    def ask(number: int, _: object) -> None:
        asked.append(number)
        if len(asked) > 1:
            signal.signal(number, before[number])
        for run in runs:
            run.interrupt()

    def stop(run: BenchmarkRun) -> None:
        runs.append(run)
        if asked and not run.interrupted:
            run.interrupt()

    if threading.current_thread() is threading.main_thread():
        usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
        # Whoever ignores one, or has a handler of their own, keeps that.
        before = {number: handler for number, handler in usual.items() if signal.getsignal(number) == handler}
    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _new_folder(save: Path | None, force: bool) -> Path:
    """The folder asked for, which must be new or empty without `force`; else a new one of our own."""
    if save is None:
        return _own_run_folder()
    try:
        save.mkdir(parents=True, exist_ok=True)
        if any(save.iterdir()) and not force:
            raise SelectorError(f"{save}: the folder is not empty", "take another one, or --force to write into it")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name is not one a folder can have"
        failed = cannot_write(save, error, "--save with a folder you may write to")
        raise SelectorError(f"{save}: cannot be used: {reason}", failed.hint, failed.exit_code) from None
    for name in _FILES:
        refuse_special(save / name, "remove it, or take another folder")
    return save


def _own_run_folder() -> Path:
    """A new folder in the cache, where the last few runs are kept; in the temporary folder where there is no such place.

    A script that runs must not lie where somebody else may write.
    """
    runs = cache_dir() / "runs"
    if not (own_folder(runs.parent) and own_folder(runs)):
        return Path(tempfile.mkdtemp(prefix="concurrency-selector-"))
    ours = [old for old in runs.iterdir() if _RUN_NAME.fullmatch(old.name) and (old / _MADE_BY_US).is_file()]
    for old in sorted(ours)[: 1 - _RUNS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    folder = runs / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{time.monotonic_ns() % 10**9}"
    try:
        folder.mkdir()
        (folder / _MADE_BY_US).touch()
    except OSError as error:
        raise cannot_write(folder, error, "--save with a folder you may write to") from None
    return folder


def _write(file: Path, text: str) -> None:
    refuse_special(file, "remove it, or take another folder")
    try:
        write_atomically(file, f"{text.rstrip()}\n".encode())
    except OSError as error:
        raise SelectorError(f"{file}: cannot be written: {error.strerror}", "is the disk full?", 1) from None
