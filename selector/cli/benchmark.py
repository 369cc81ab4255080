"""The commands that measure: generate writes the benchmark script, validate runs it and judges the recommendation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selector.cli.shared import INTERRUPTED, Command, print_as, print_json, rules_option, say, set_option

if TYPE_CHECKING:
    from selector.benchmarking import BenchmarkOptions

REFUTED = 3


def _measuring_options(command: Command) -> Command:
    """What both commands may be told about the measuring."""
    for option in (
        click.option("--budget", default="60s", show_default=True, metavar="TIME", help="Time for the whole run."),
        click.option(
            "--interpreter",
            "interpreters",
            multiple=True,
            metavar="VERSION|PATH",
            help="Measure with this Python, such as 3.14t (default: the profile's, else the newest found).",
        ),
        click.option(
            "--io",
            type=click.Choice(["socket", "sleep"]),
            default="socket",
            show_default=True,
            help="Wait for a server on this machine, or just sleep.",
        ),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of the order of the measurements."),
    ):
        command = option(command)
    return command


def _options(budget: str, **given: Any) -> BenchmarkOptions:
    from selector.benchmark.plan import budget_from_text
    from selector.benchmarking import BenchmarkOptions

    return BenchmarkOptions(budget_from_text(budget), **given)


@click.command(epilog="Example: concurrency-selector generate workload.json -o bench.py && python bench.py")
@click.argument("file", metavar="FILE|-")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="OUT", help="The file to write."
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@set_option
@_measuring_options
@rules_option
@click.pass_obj
def generate(
    outer_rules: Path | None,
    file: str,
    output: Path,
    force: bool,
    settings: tuple[str, ...],
    budget: str,
    interpreters: tuple[str, ...],
    io: Any,
    seed: int | None,
    rules: Path | None,
) -> None:
    """Write a benchmark script for the workload in FILE: one file, standard library only, yours to read and change."""
    from selector.benchmark.render import write_script
    from selector.benchmarking import plan_for, script_for
    from selector.inputs import read_profile
    from selector.pipeline import Selector

    options = _options(budget, interpreters=interpreters, io=io, seed=seed)
    _, plan = plan_for(Selector(rules or outer_rules), read_profile(file, settings), options)
    write_script(script_for(plan), output, force)
    for note in plan.notes:
        say(f"note: {note}", err=True)
    pythons = " ".join(f"--interpreter {python.path}" for python in plan.pythons)
    say(f"{output}: {len(plan.approaches)} approaches. Run it with: python {output} {pythons}", err=True)


@click.command(epilog="Example: concurrency-selector validate workload.json --budget 30s --save results")
@click.argument("file", metavar="FILE|-")
@set_option
@_measuring_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
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
    file: str,
    settings: tuple[str, ...],
    budget: str,
    interpreters: tuple[str, ...],
    io: Any,
    seed: int | None,
    as_json: bool,
    form: str,
    save: Path | None,
    force: bool,
    fail_on_refuted: bool,
    rules: Path | None,
) -> int:
    """Measure the recommendation for the workload in FILE, and what else was possible, on this host: a verdict."""
    from selector.benchmarking import prove
    from selector.inputs import read_profile
    from selector.pipeline import Selector
    from selector.report.live import progress_view
    from selector.report.validation_documents import validation_document

    options = _options(budget, interpreters=interpreters, io=io, seed=seed, save=save, force=force)
    proof = prove(Selector(rules or outer_rules), read_profile(file, settings), options, progress_view)
    if as_json:
        print_json(proof.report.model_dump_json(indent=2))
    else:
        print_as(validation_document(proof.report), form)
    say(f"kept in {proof.folder}: bench.py, events.jsonl, results.json, report.md", err=True)
    if proof.interrupted:
        return INTERRUPTED
    return REFUTED if fail_on_refuted and proof.report.verdict == "refuted" else 0
