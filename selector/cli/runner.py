"""What `generate --runner` does: the short code that runs a user's function over its items the recommended way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from selector.cli.shared import ApproachType, Command, say
from selector.errors import SelectorError

if TYPE_CHECKING:
    from selector.benchmark.runner import Runner
    from selector.measure.models import Request
    from selector.pipeline import Selector
    from selector.recommend.chain import Situation
    from selector.workload.profile import ApproachId, WorkloadProfile


def runner_options(command: Command) -> Command:
    """`--runner`, and `--approach` for another way than the recommended one."""
    for option in (
        click.option(
            "--approach",
            type=ApproachType(),
            metavar="ID",
            help="With --runner: this approach, whatever is recommended.",
        ),
        click.option(
            "--runner",
            is_flag=True,
            help="Write the short code that runs the function over its items, not a benchmark.",
        ),
    ):
        command = option(command)
    return command


def runner_for(
    selector: Selector, request: Request, profile: WorkloadProfile | None, approach: ApproachId | None
) -> tuple[Runner, Situation]:
    """What runs a function as is recommended; without a profile it is measured first. SelectorError where that fails."""
    from selector.benchmark.runner import runner_of

    environment: dict[str, str] = {}
    if profile is None:
        say(f"no FILE was given: {request.target} is measured first, and really called", err=True)
        profile, environment = _measured(selector, request)
    if request.async_function is None and not profile.event_loop:  # whatever client there may be: the function blocks
        profile = profile.model_copy(update={"async_library": False})
    situation = selector.situation(profile)
    return runner_of(situation, request, approach, environment), situation


def _measured(selector: Selector, request: Request) -> tuple[WorkloadProfile, dict[str, str]]:
    """The profile of a function, and the variables that make it faster."""
    from selector.measure import measure_function

    if request.items is not None and request.items.kind == "stdin":
        raise SelectorError(
            "what comes on standard input is for the runner: it cannot be measured before",
            "give the profile as FILE: `concurrency-selector measure TARGET --items FILE.jsonl -o workload.json`",
        )
    report = measure_function(request, selector, lambda step: say(f"  {step} ...", err=True))
    if report.profile is None:
        told = [problem.text for problem in report.problems] or ["no reason is known"]
        raise SelectorError(f"{report.target} cannot be measured: {told[0]}", exit_code=1)
    return report.profile, report.environment


def runner_notes(runner: Runner, situation: Situation) -> list[str]:
    """What to bear in mind of an approach that was asked for: what rules it out, and what is recommended."""
    recommended = situation.answer[0]
    notes = [f"{runner.approach}: {rule.because}" for rule in situation.candidate(runner.approach).ruled_out]
    if runner.approach != recommended:
        notes.append(f"recommended is {recommended}")
    return notes


def python_for(runner: Runner, situation: Situation, request: Request) -> str:
    """The Python that a runner is meant for: the function's own, unless the approach needs another build."""
    needs, own = situation.traits(runner.approach).needs, request.python
    if needs == "any" or situation.interpreter(runner.approach) == own.tag:
        return own.path
    found = dict(situation.host.interpreters).get(situation.interpreter(runner.approach) or "")
    return found or own.path


def script_of(runner: Runner, output: str) -> str:
    """The text of a runner for where it goes: a path, or - for standard output."""
    from selector.benchmark.runner import runner_script

    return runner_script(runner, None if output == "-" else Path(output))
