"""The command validate, which runs the benchmark and judges the recommendation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selector.cli.engine import EngineType
from selector.cli.measure import teller
from selector.cli.measuring import benchmark_options, measuring_options
from selector.cli.shared import (
    INTERRUPTED,
    file_argument,
    format_option,
    print_as,
    print_bytes,
    print_json,
    rules_option,
    say,
    set_option,
)
from selector.cli.target import function_options, request_of, stray_words
from selector.errors import SelectorError

if TYPE_CHECKING:
    from selector.approaches import Engine
    from selector.benchmark.programs import Program
    from selector.measure.models import Request
    from selector.proof import Proof

REFUTED = 3


@click.command(epilog="Example: concurrency-selector validate workload.json --budget 30s --save results")
@file_argument
@stray_words
@click.option("--template", metavar="NAME", help="Measure a program that ships instead, and its own work: todo-batch.")
@function_options
@set_option
@measuring_options
@click.option(
    "--engine",
    type=EngineType(),
    metavar="NAME",
    help="Measure a task queue, too, on this machine: celery, rq, dask, ray, dramatiq or huey, in the Python of --python.",
)
@format_option
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the script, every event, the results and the report in this folder.",
)
@click.option("--force", is_flag=True, help="Write into the folder even if it is not empty.")
@click.option("--fail-on-refuted", is_flag=True, help="Exit with code 3 if the recommendation is refuted.")
@rules_option
@click.pass_obj
def validate(
    outer_rules: Path | None,
    /,
    file: str | None,
    unquoted: tuple[str, ...],
    template: str | None,
    settings: tuple[str, ...],
    budget: str,
    interpreters: tuple[str, ...],
    io: Any,
    seed: int | None,
    engine: Engine | None,
    form: str,
    save: Path | None,
    force: bool,
    fail_on_refuted: bool,
    rules: Path | None,
    **function: Any,
) -> int:
    """Measure the recommendation for the workload in FILE, and what else was possible, on this host: a verdict.

    Of a system of several parts, its skeleton is run: each part by itself, then all together.

    With --function it is your own function that is measured, in every way that can run here: it is really called, many
    hundred times, in child processes, and what it does beside returning a value happens as often. FILE is its profile;
    without one, it is measured first.
    """
    from selector.pipeline import Selector
    from selector.proof import prove, prove_function
    from selector.report.live import progress_view
    from selector.workload.profile import WorkloadProfile
    from selector.workload.reading import read_profile, read_workload

    more: dict[str, Any] = {"io": io, "seed": seed, "save": save, "force": force, "engine": engine}
    options = benchmark_options(budget, function, interpreters=interpreters, **more)
    program, request = _program_named(template), request_of(function, interpreters, settings, file, unquoted)
    _check_what_is_measured(file, settings, template if program is not None else None, request)
    selector = Selector(rules or outer_rules)
    if request is not None:
        known = read_profile(file, settings) if file is not None else None
        proof = prove_function(selector, request, known, options, progress_view, teller())
    else:
        profile = read_workload(file, settings) if program is None else program.workload(settings)
        if not isinstance(profile, WorkloadProfile):
            from selector.cli.system import try_out

            return try_out(selector, profile, options, form, fail_on_refuted=fail_on_refuted)
        proof = prove(selector, profile, options, progress_view, program)
    return _told(proof, form, fail_on_refuted=fail_on_refuted)


def _told(proof: Proof, form: str, *, fail_on_refuted: bool) -> int:
    """Print what came of a run; returns the exit code."""
    if form == "json":
        print_json(proof.report.model_dump_json(indent=2))
    elif form == "html" and proof.page is not None:
        print_bytes(proof.page)
    else:
        print_as(proof.document, form)
    if proof.unsaved is not None:
        raise proof.unsaved
    say(
        f"kept in {proof.folder}: {proof.script}, plan.json, events.jsonl, results.json, report.md, report.html",
        err=True,
    )
    if proof.interrupted:
        return INTERRUPTED
    return REFUTED if fail_on_refuted and proof.report.verdict == "refuted" else 0


def _check_what_is_measured(
    file: str | None, settings: tuple[str, ...], program: str | None, request: Request | None
) -> None:
    """UsageError where it is not said what to measure, or two things are."""
    if request is not None and program is not None:
        raise click.UsageError("Measure a function or a program that ships: --function or --template.")
    if file is not None and program is not None:
        raise click.UsageError(f"The program {program} has a workload of its own: leave FILE out.")
    if file is None and not settings and program is None and request is None:
        raise click.UsageError("Give a FILE (- for standard input), the fields by --set KEY=VALUE, or a --function.")


def _program_named(template: str | None) -> Program | None:
    """The program that --template of validate means; SelectorError for a template that is none."""
    from selector.benchmark.programs import programs, template_named

    if template is None:
        return None
    found = programs().get(template_named(template))
    if found is None:
        names = ", ".join(name.replace("_", "-") for name in programs())
        raise SelectorError(
            f"the template {template} does not say what its work is", f"a template to validate: {names}"
        )
    return found
