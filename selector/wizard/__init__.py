"""The wizard: asks for a workload, shows the recommendation, and offers to keep the answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import BinaryIO, TextIO

import click

from selector.pipeline import Selector
from selector.recommend.expected import missing
from selector.recommend.recommendation import Recommendation
from selector.wizard.advisor import TableAdvisor
from selector.wizard.answers import Answers, command_for, host_defaults, with_defaults
from selector.wizard.dialogue import Option, Prompts, converse
from selector.wizard.save import offer_to_save
from selector.workload.profile import WorkloadProfile

_WELCOME = """\
Five questions, then only those that can still change the recommendation.
"back" returns to the question before, and at the end you can review and change any answer.
Numbers may have a unit: 20ms, 0.5s, 1GB. Ctrl-C leaves at any time."""


def run_wizard(
    answers: Answers,
    selector: Selector,
    show: Callable[[Selector, WorkloadProfile], Recommendation],
    form: str = "text",
    ask: bool = True,
    measure: Callable[[], object] | None = None,
) -> None:
    """Ask for what is not answered, show the recommendation (`show` does, and returns it), and say the command that gives it again.

    At a terminal this is a dialogue that ends in offers: to `measure` what concurrency costs on this machine, where that
    is not known and the prediction rests on it, and to save the answers. Elsewhere the first five questions are
    answered line by line from standard input. Without `ask` every one of them that is open takes its default.
    Raises SelectorError for a bad answer, KeyboardInterrupt when the user leaves.
    """
    prompts = _prompts() if ask else None
    defaults = host_defaults()
    if prompts is not None:
        prompts.say(_WELCOME)
        answers = converse(answers, prompts, TableAdvisor(selector), defaults)
    elif ask:
        from selector.wizard.lines import answers_from_lines

        answers = answers_from_lines(_stdin(), answers, defaults)
    else:
        answers = with_defaults(answers, defaults)
    profile = answers.profile()
    if ask:
        click.echo(err=True)
    result = show(selector, profile)
    if prompts is not None:
        if measure is not None and _rests_on_documented_costs(result) and _wants_measured(prompts):
            measure()
            show(Selector(selector.rules), profile)
        offer_to_save(profile, prompts)
    expected = result.expected
    if expected.speedup is None and expected.memory_mb is not None and (needed := missing(profile)):
        settings = " ".join(f"--set {name}=..." for name in needed)
        click.echo(f"\nThe speedup is predicted where these are given, too: {settings}", err=True)
    rules = str(selector.rules) if selector.rules is not None else None
    click.echo("\nWith `validate` in the place of `recommend`, this machine puts it to the test.", err=True)
    click.echo(f"The same again without questions:\n{command_for(profile, rules, form)}", err=True)


def _rests_on_documented_costs(result: Recommendation) -> bool:
    """Whether something is predicted from costs of other machines; what was measured and is too noisy stays so."""
    expected, basis = result.expected, result.expected.basis or ""
    known = expected.seconds is not None or expected.throughput is not None
    return known and "documented" in basis and not basis.startswith("costs measured here")


def _wants_measured(prompts: Prompts) -> bool:
    question = "The prediction rests on documented costs. Measure those of this machine (some 20 s)?"
    options = [Option("no", "No, it will do"), Option("yes", "Yes, and recommend again")]
    return prompts.choose(question, options, "no") == "yes"


def _prompts() -> Prompts | None:
    """How to ask at this terminal; None if there is nobody to ask."""
    screen = next((stream for stream in (sys.stderr, sys.stdout) if _is_terminal(stream)), None)
    stdin = _stdin()
    if screen is None or stdin is None or not _is_terminal(sys.stdin):
        return None
    if os.environ.get("TERM", "dumb" if os.name == "posix" else "") == "dumb":
        from selector.wizard.lines import LinePrompts

        return LinePrompts(stdin)
    from selector.wizard.terminal import TerminalPrompts

    return TerminalPrompts(screen)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _stdin() -> BinaryIO | None:
    return sys.stdin.buffer if sys.stdin is not None else None
