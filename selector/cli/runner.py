"""What `generate --runner` does: the short code that runs a user's function over its items the recommended way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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


def check_runner(request: Request | None, template: str | None, runner: bool, approach: str | None) -> None:
    """UsageError where options of a runner come without what they are about, or a template for a function."""
    if request is not None and template is not None:
        raise click.UsageError("A function has a template of its own: leave --template out.")
    if approach is not None and not runner:
        raise click.UsageError("--approach says how a runner runs: give --runner.")
    if runner and request is None:
        raise click.UsageError("--runner writes code that runs a function: give --function TARGET and --items SOURCE.")


class Made(NamedTuple):
    """A runner that can be written: its text, what to bear in mind, what it is in short, and the Python it is meant for."""

    text: str
    notes: list[str]
    about: str
    python: str


def runner_made(
    selector: Selector, request: Request, profile: WorkloadProfile | None, approach: ApproachId | None, out: Path | None
) -> Made:
    """What runs a function as is recommended, or in the way asked for; without a profile it is measured first.

    SelectorError where it cannot be measured, or there is no short code for the approach.
    """
    from selector.benchmark.runner import check_names, runner_of, runner_script
    from selector.measure.request import profile_as_asked

    if request.items is None:
        raise click.UsageError("--runner writes code that runs the function over items: give --items SOURCE.")
    check_names(request, approach)
    if profile is None:
        profile = _measured(selector, request)
    situation = selector.situation(profile_as_asked(profile, request))
    runner = runner_of(situation, request, approach)
    title, tag = selector.knowledge.approaches[runner.approach].title, situation.interpreter(runner.approach)
    about = f"{title} on {tag or request.python.tag}{f', {runner.workers} at a time' if runner.workers > 1 else ''}. "
    python, notes = _python_at(tag, situation, request), _notes(runner, situation)
    if python is None:
        python = request.python.path
        notes.append(f"Python {tag} was not found here: this runs it with {python}")
    return Made(runner_script(runner, out), notes, about, python)


def _measured(selector: Selector, request: Request) -> WorkloadProfile:
    """The profile of a function."""
    from selector.cli.measure import teller
    from selector.measure import measure_function

    if request.items is not None and request.items.kind == "stdin":
        raise SelectorError(
            "what comes on standard input is for the runner: it cannot be measured before",
            "give the profile as FILE: `concurrency-selector measure TARGET --items FILE.jsonl -o workload.json`",
        )
    say(f"no FILE was given: {request.target} is measured first, and really called", err=True)
    return measure_function(request, selector, teller()).known_profile()


def _notes(runner: Runner, situation: Situation) -> list[str]:
    """What to bear in mind of an approach that was asked for: what rules it out, and what is recommended."""
    recommended = situation.answer[0]
    if runner.approach == recommended:
        return []
    ruled_out = situation.candidate(runner.approach).ruled_out
    return [f"recommended is {recommended}", *(f"{runner.approach}: {rule.because}" for rule in ruled_out)]


def _python_at(tag: str | None, situation: Situation, request: Request) -> str | None:
    """The path of the Python that the recommendation names: the function's own, or one that was given, or found here."""
    named = {python.tag: python.path for python in (*(request.interpreters or ()), request.python)}
    return {**dict(situation.host.interpreters), **named}.get(tag or request.python.tag)
