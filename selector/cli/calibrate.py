"""The command calibrate, which measures what concurrency costs on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from selector.cli.engine import EngineType
from selector.cli.shared import format_option, print_as, print_json, read_results, say
from selector.errors import SelectorError

if TYPE_CHECKING:
    from selector.approaches import Engine
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
@click.option(
    "--engine",
    type=EngineType(),
    metavar="NAME",
    help="Measure this one, too (celery, rq, dask, ray, dramatiq or huey), in the environment of --python: some 20 seconds to a minute.",
)
@click.option(
    "--python",
    metavar="PATH",
    help="With --engine: the Python, or the folder of an environment, that has it (default: the application's).",
)
@format_option
def calibrate(
    interpreters: tuple[str, ...],
    force: bool,
    results: str | None,
    engine: Engine | None,
    python: str | None,
    form: str,
) -> None:
    """Measure what concurrency costs on this machine, some 9 seconds for each Python; `recommend` then uses that."""
    if python is not None and engine is None:
        raise click.UsageError("--python says which Python has the engine: give --engine, or --interpreter instead.")
    if engine is not None and interpreters:
        raise click.UsageError("--engine is measured under one Python: --python instead of --interpreter.")
    if results is not None:
        if interpreters or force or engine:
            raise click.UsageError("--from measures nothing: leave --interpreter, --engine and --force out.")
        _learn(results, form)
        return
    from selector.calibration.models import answers_changed
    from selector.proof import example_answers
    from selector.report.calibration import calibration_document

    before = example_answers()
    found = measure_costs(interpreters, force=force) if engine is None else _with_engine(engine, python, force=force)
    if engine is not None or len(found.kept) < len(found.interpreters):
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


def _with_engine(engine: Engine, python: str | None, *, force: bool) -> Calibration:
    """Calibrate the Python that has an engine, where it is not, and measure the engine."""
    from pathlib import Path

    from selector.calibration.engines import EngineStep, keep_engine_costs, measure_engine
    from selector.measure.python import choose_python

    chosen = choose_python(python, os.environ, Path.cwd())
    found = measure_costs((chosen.path,), force=force)

    def tell(step: EngineStep) -> None:
        """What is being run."""
        say(f"measuring {step.engine}: {step.part} ({step.done + 1} of {step.of})", err=True)

    costs = measure_engine(chosen.path, engine, found.cpus, tell)
    try:
        known = keep_engine_costs(costs, found.interpreters[0], found.cpus)
    except OSError as error:
        raise SelectorError(f"what was measured cannot be kept: {error}", exit_code=1) from None
    return found.model_copy(update={"interpreters": (known,), "kept": ()})


def _learn(results: str, form: str) -> None:
    """Correct the costs by a benchmark, and say which."""
    from selector.calibration.models import answers_changed
    from selector.proof import example_answers, learn_from
    from selector.report.calibration import Learned, learned_document

    before = example_answers()
    changed = learn_from(read_results(results))
    learned = Learned(changed=changed, answers=answers_changed(before, example_answers()))
    if form == "json":
        print_json(learned.model_dump_json(indent=2))
        return
    print_as(learned_document(learned), form)
