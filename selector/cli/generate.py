"""The command generate, which writes a benchmark script, a skeleton, a program that ships or the code that runs a function."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selector.cli.engine import check_engine, engine_option, generate_project
from selector.cli.measuring import benchmark_options, measuring_options
from selector.cli.runner import check_runner, runner_options
from selector.cli.shared import (
    file_argument,
    rules_option,
    say,
    set_option,
)
from selector.cli.target import function_options, request_of, stray_words
from selector.errors import SelectorError

if TYPE_CHECKING:
    from selector.benchmark.plan import PlannedPython
    from selector.host import Interpreter
    from selector.measure.models import Request
    from selector.pipeline import Selector
    from selector.proof import BenchmarkOptions
    from selector.workload.profile import ApproachId, WorkloadProfile
    from selector.workload.system import SystemProfile

_PRINT = "-"  # as an output: standard output


def _template_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The templates that begin like that, for the shell."""
    from selector.benchmark.programs import template_names

    return [name for name in template_names() if name.startswith(incomplete)]


@click.command(epilog="Example: concurrency-selector generate workload.json -o bench.py && python bench.py")
@file_argument
@stray_words
@click.option("-o", "--output", required=True, metavar="OUT|-", help="The file to write; - prints it.")
@click.option(
    "--template",
    metavar="NAME",
    shell_complete=_template_names,
    help="A program that needs no FILE: agents, todo-batch, web-scraper, or a demonstration, such as lost-updates; or api-service, a web service for FILE (default: compare-approaches, for FILE).",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@function_options
@runner_options
@engine_option
@set_option
@measuring_options
@rules_option
@click.pass_obj
def generate(
    outer_rules: Path | None,
    /,
    file: str | None,
    unquoted: tuple[str, ...],
    output: str,
    template: str | None,
    force: bool,
    engine: str | None,
    settings: tuple[str, ...],
    budget: str,
    interpreters: tuple[str, ...],
    io: Any,
    seed: int | None,
    rules: Path | None,
    **function: Any,
) -> None:
    """Write a benchmark script for the workload in FILE, or for your own function: one file, standard library only.

    For a system of several parts, it is a skeleton in which they run as recommended.

    With --runner, the short code that runs the function as is recommended; without FILE it is measured first. With
    --engine, a folder that runs it on a distributed engine.
    """
    from selector.benchmark.programs import FOR_PROFILES, TEMPLATE, template_named
    from selector.pipeline import Selector
    from selector.workload.reading import read_profile, read_workload

    options = benchmark_options(budget, function, interpreters=interpreters, io=io, seed=seed)
    request = request_of(function, interpreters, settings, file, unquoted)
    check_engine(engine, request, output, file, template, function["runner"], settings)
    check_runner(request, template, **function)
    if request and engine is not None:
        generate_project(request, engine, output, force)
        return
    if request:
        profile, selector = read_profile(file, settings) if file is not None else None, Selector(rules or outer_rules)
        if function["runner"]:
            _generate_runner(selector, request, profile, function["approach"], output, force)
        else:
            _generate_for_function(selector, request, profile, options, output, force)
        return
    name = TEMPLATE if template is None else template_named(template)
    if name not in FOR_PROFILES:
        _check_own(name, file, settings, interpreters)
        _generate_of_its_own(name, options, output, force)
        return
    if file is None and not settings:
        raise click.UsageError("Give a FILE (- for standard input), the fields by --set KEY=VALUE, or a --function.")
    _generate_for_file(Selector(rules or outer_rules), read_workload(file, settings), name, options, output, force)


def _check_own(name: str, file: str | None, settings: tuple[str, ...], interpreters: tuple[str, ...]) -> None:
    """UsageError where a template that needs no FILE is given more than it takes."""
    if file is not None or settings:
        raise click.UsageError(f"The template {name} has a workload of its own: leave FILE and --set out.")
    if interpreters:
        raise click.UsageError(f"The template {name} is for any Python: give --interpreter PATH to the script.")


def _generate_for_file(
    selector: Selector,
    workload: WorkloadProfile | SystemProfile,
    template: str,
    options: BenchmarkOptions,
    output: str,
    force: bool,
) -> None:
    """Write what a template makes of a workload, or the skeleton of a system."""
    from selector.benchmark.programs import TEMPLATE, script_for
    from selector.cli.system import write_skeleton
    from selector.proof import plan_for
    from selector.workload.profile import WorkloadProfile

    if not isinstance(workload, WorkloadProfile):
        if template != TEMPLATE:
            raise click.UsageError(f"The template {template} is for one workload, and FILE is a system of several.")
        write_skeleton(selector, workload, options, output, force)
        return
    _, plan = plan_for(selector, workload, options)
    _put(script_for(plan, template), output, force)
    if template != TEMPLATE:
        about = "It needs starlette and uvicorn. "
        say(_how_to_run(output, about, lambda script: f"python {shlex.quote(_as_argument(script))}"), err=True)
        return
    for note in plan.notes:
        say(f"note: {note}", err=True)
    approaches = f"{len(plan.approaches)} approaches. "
    say(_how_to_run(output, approaches, lambda script: command_for(script, options, plan.pythons)), err=True)


def _generate_for_function(
    selector: Selector,
    request: Request,
    profile: WorkloadProfile | None,
    options: BenchmarkOptions,
    output: str,
    force: bool,
) -> None:
    """Write the script that calls a function in every way; nothing is run."""
    from selector.benchmark.programs import script_for
    from selector.benchmark.subject import for_a_script_in
    from selector.proof import plan_for_function, plan_without_profile

    if request.items is not None and request.items.kind == "stdin":
        raise click.UsageError(
            "A script cannot keep what comes on standard input: save it as FILE.jsonl, and give that."
        )
    plan = (
        plan_for_function(selector, request, profile, options)[1]
        if profile is not None
        else plan_without_profile(selector, request, options)
    )
    if output != _PRINT:
        plan = for_a_script_in(plan, Path(output).absolute().parent)
    _put(script_for(plan), output, force)
    for note in plan.notes:
        say(f"note: {note}", err=True)
    own = plan.pythons[0].path
    say(_how_to_run(output, "", lambda script: command_for(script, options, plan.pythons, own)), err=True)


def _generate_runner(
    selector: Selector,
    request: Request,
    profile: WorkloadProfile | None,
    approach: ApproachId | None,
    output: str,
    force: bool,
) -> None:
    """Write the short code that runs a function over its items."""
    from selector.cli.runner import runner_made
    from selector.files import refuse_existing

    if output != _PRINT:
        refuse_existing(Path(output), force)  # before the function is measured
    made = runner_made(selector, request, profile, approach, None if output == _PRINT else Path(output))
    _put(made.text, output, force)
    for note in made.notes:
        say(f"note: {note}", err=True)
    say(_how_to_run(output, made.about, lambda script: shlex.join([made.python, _as_argument(script)])), err=True)


def _generate_of_its_own(name: str, options: BenchmarkOptions, output: str, force: bool) -> None:
    """Write what a template has that needs no FILE: a script, or the folder of a program."""
    from selector.benchmark.programs import demonstrations, files_of, programs, script_of
    from selector.files import write_folder
    from selector.pipeline import Selector
    from selector.proof import BenchmarkOptions

    if demonstration := demonstrations().get(name):
        if options != BenchmarkOptions():
            raise click.UsageError(f"{name} is a demonstration, always the same: leave --budget, --io and --seed out.")
        _put(demonstration.read_text("utf-8"), output, force)
        say(_how_to_run(output, "", _command_of_each_python), err=True)
        return
    program, cpus = programs().get(name), Selector().here.usable_cpus
    if program is None:
        _put(script_of(name, options.budget_seconds, cpus), output, force)
        pythons = _to_compare(name)
        say(_how_to_run(output, "", lambda script: command_for(script, options, pythons)), err=True)
        return
    if output == _PRINT:
        raise click.UsageError(f"The template {name} is a folder of files: give -o FOLDER.")
    write_folder(files_of(program, options.budget_seconds, cpus), Path(output), force)
    pythons = [python for python in _to_compare(name) if python.free_threaded]  # and the one that runs it
    words = ["python", _as_argument(Path(output)), "compare", *_with_interpreters(pythons)]
    say(f"{output}: run it with: {shlex.join(words)}", err=True)


def _command_of_each_python(script: Path) -> str:
    """How to run a demonstration: as one pleases, or under the newest Python of each kind that is here."""
    from selector.benchmark.interpreters import one_of_each_kind
    from selector.host import find_interpreters

    pythons = ("python", *(python.path for python in one_of_each_kind(find_interpreters(), ())))
    return " or ".join(shlex.join([python, _as_argument(script)]) for python in pythons)


def _put(text: str, output: str, force: bool) -> None:
    """Write a script to its file, or print it."""
    from selector.files import write_script

    if output != _PRINT:
        write_script(text, Path(output), force)
        return
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def command_for(
    script: Path, options: BenchmarkOptions, pythons: Iterable[Interpreter | PlannedPython], python: str = "python"
) -> str:
    """The command that runs a script as it was asked for, under these Pythons, for a shell."""
    words = [python, _as_argument(script), *_with_interpreters(pythons)]
    words += ["--io", options.io] if options.io != "socket" else []
    words += ["--seed", str(options.seed)] if options.seed is not None else []
    return shlex.join(words)


def _as_argument(path: Path) -> str:
    """A path as an argument of a command, which takes one that begins with a hyphen for an option."""
    return f".{os.sep}{path}" if str(path).startswith("-") else str(path)


def _with_interpreters(pythons: Iterable[Interpreter | PlannedPython]) -> list[str]:
    """The options by which a script is told of them."""
    return [word for python in pythons for word in ("--interpreter", python.path)]


def _how_to_run(output: str, about: str, command: Callable[[Path], str]) -> str:
    """What to do with a script now. From a pipe it does not run: the processes that it starts have to import it."""
    if output != _PRINT:
        return f"{output}: {about}{'R' if about else 'r'}un it with: {command(Path(output))}"
    return f"standard output: {about}Save it as bench.py and run it with: {command(Path('bench.py'))}"


def _to_compare(template: str) -> list[Interpreter]:
    """The Pythons that a template is to be run under, if it compares them; what is missing is a note."""
    from selector.proof import interpreters_to_compare

    try:
        return interpreters_to_compare(template)
    except SelectorError as error:
        say(f"note: {error.message}: {error.hint}", err=True)
        return []
