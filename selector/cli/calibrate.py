"""The command calibrate, which measures what concurrency costs on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from selector.cli.shared import format_option, print_as, print_json, read_results, say

if TYPE_CHECKING:
    from selector.calibration.models import Calibration


@click.command(epilog="Example: concurrency-selector calibrate")
@click.option(
    "--interpreter",
    "interpreters",
    multiple=True,
    metavar="VERSION|PATH",
    help="Measure this Python (default: the application's and the newest of the other kind, GIL or free-threaded).",
)
@click.option("--force", is_flag=True, help="Measure again what is known.")
@click.option(
    "--from",
    "results",
    metavar="RESULTS",
    help="Instead of measuring, correct what is known by what `validate` measured (its results.json).",
)
@format_option
def calibrate(interpreters: tuple[str, ...], force: bool, results: str | None, form: str) -> None:
    """Measure what concurrency costs on this machine, some 9 seconds for each Python; `recommend` then uses that."""
    if results is not None:
        if interpreters or force:
            raise click.UsageError("--from measures nothing: leave --interpreter and --force out.")
        _learn(results, form)
        return
    from selector.calibration.models import answers_changed
    from selector.proof import example_answers
    from selector.report.calibration import calibration_document

    before = example_answers()
    found = measure_costs(interpreters, force=force)
    if len(found.kept) < len(found.interpreters):
        found = found.model_copy(update={"answers": answers_changed(before, example_answers())})
    if form == "json":
        print_json(found.model_dump_json(indent=2))
    else:
        print_as(calibration_document(found), form)


def measure_costs(interpreters: tuple[str, ...] = (), *, force: bool = False) -> Calibration:
    """Calibrate, and say on standard error how far it is and what went wrong."""
    from selector.calibration.measure import CalibrationStep, calibrate
    from selector.proof import interpreters_to_calibrate

    told: set[tuple[str, int]] = set()

    def tell(step: CalibrationStep) -> None:
        """How far it is, in quarters."""
        quarter = int(step.done * 4) * 25
        if (step.interpreter.tag, quarter) not in told:
            told.add((step.interpreter.tag, quarter))
            say(f"measuring Python {step.interpreter.tag}: {quarter} %", err=True)

    found = calibrate(interpreters_to_calibrate(interpreters), force=force, on_step=tell)
    for problem in found.problems:
        say(f"warning: {problem}", err=True)
    return found


def _learn(results: str, form: str) -> None:
    """Correct the costs by a benchmark, and say which."""
    from selector.calibration.models import answers_changed
    from selector.proof import example_answers, learn_from

    before = example_answers()
    changed = learn_from(read_results(results))
    answers = answers_changed(before, example_answers())
    if form == "json":
        import json

        found = {"changed": [fold.model_dump() for fold in changed], "answers": answers.model_dump()}
        print_json(json.dumps({"schema": 1, **found}, indent=2))
        return
    from selector.report.calibration import folds_document

    print_as(folds_document(changed, answers), form)
