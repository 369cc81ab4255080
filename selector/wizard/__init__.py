"""The wizard: asks for a workload, shows the recommendation, and offers to keep the answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import BinaryIO, TextIO

import click

from selector.pipeline import Selector
from selector.profile import WorkloadProfile
from selector.recommend.choose import choose
from selector.recommend.questions import OpenQuestion, questions
from selector.wizard.answers import Answers, command_for, host_defaults, with_defaults
from selector.wizard.dialogue import Option, Prompts, converse, said_answer
from selector.wizard.save import offer_to_save

_WELCOME = "Five questions, then only those that can still change the recommendation.\nCtrl-C leaves at any time."


def run_wizard(
    answers: Answers,
    selector: Selector,
    show: Callable[[Selector, WorkloadProfile], None],
    form: str = "text",
    ask: bool = True,
    measure: Callable[[], object] | None = None,
) -> None:
    """Ask for what is not answered, show the recommendation, and say the command that gives it again.

    At a terminal this is a dialogue that ends in offers: to `measure` what concurrency costs on this machine, where that
    is not known and the prediction rests on it, and to save the answers. Elsewhere the first five questions are
    answered line by line from standard input. Without `ask` every one of them that is open takes its default.
    Raises SelectorError for a bad answer, KeyboardInterrupt when the user leaves.
    """
    prompts = _prompts() if ask else None
    defaults = host_defaults()
    if prompts is not None:
        prompts.say(_WELCOME)
        answers = converse(answers, prompts, _Tables(selector), defaults)
    elif ask:
        from selector.wizard.lines import answers_from_lines

        answers = answers_from_lines(_stdin(), answers, defaults)
    else:
        answers = with_defaults(answers, defaults)
    profile = answers.profile()
    if ask:
        click.echo(err=True)
    show(selector, profile)
    if prompts is not None:
        if measure is not None and _rests_on_documented_costs(profile, selector) and _wants_measured(prompts):
            measure()
            show(Selector(selector.rules), profile)
        offer_to_save(profile, prompts)
    rules = str(selector.rules) if selector.rules is not None else None
    click.echo("\nWith `validate` in the place of `recommend`, this machine puts it to the test.", err=True)
    click.echo(f"The same again without questions:\n{command_for(profile, rules, form)}", err=True)


def _rests_on_documented_costs(profile: WorkloadProfile, selector: Selector) -> bool:
    """Whether something is predicted, and from costs of other machines."""
    predicted = choose(profile, selector.here, selector.knowledge).chosen.predicted
    known = predicted.seconds is not None or predicted.throughput is not None
    return known and not selector.knowledge.costs.measured and selector.knowledge.costs.source == "documented"


def _wants_measured(prompts: Prompts) -> bool:
    question = "The prediction rests on documented costs. Measure those of this machine (some 20 s)?"
    options = [Option("no", "No, it will do"), Option("yes", "Yes, and recommend again")]
    return prompts.choose(question, options, "no") == "yes"


class _Tables:
    """The advisor of the dialogue: the decision tables."""

    def __init__(self, selector: Selector) -> None:
        self._selector = selector
        self._known: dict[tuple[WorkloadProfile, frozenset[str]], tuple[OpenQuestion, ...]] = {}

    def answer(self, answers: Answers) -> str:
        """The approach recommended as things stand."""
        return said_answer(choose(answers.profile(), self._selector.here, self._selector.knowledge).answer)

    def open_questions(self, answers: Answers) -> tuple[OpenQuestion, ...]:
        """What can still change it; the same situation is only worked out once."""
        key = answers.profile(), answers.closed
        if key not in self._known:
            self._known[key] = questions(*key, self._selector.here, self._selector.knowledge)
        return self._known[key]


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
