"""Questions answered line by line: at a terminal that can do no more (TERM=dumb), and through a pipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

import click

from selector.errors import SelectorError
from selector.text import printable, quoted
from selector.wizard.answers import Answers, Default, parsed
from selector.wizard.dialogue import Option
from selector.wizard.words import FIRST, WORDS

_LONGEST_LINE = 1000
_MOST_LINES_AFTER = 1000


class LinePrompts:
    """Prompts as plain lines: menus are numbered, a bad answer is asked again with the reason."""

    def __init__(self, stdin: BinaryIO) -> None:
        self._stdin = stdin

    def say(self, text: str) -> None:
        """Show a line of text."""
        click.echo(printable(text), err=True)

    def choose(self, question: str, options: Sequence[Option], default: str | None = None) -> str:
        """The key of the option whose number or word was typed."""
        self.say(question)
        for number, option in enumerate(options, start=1):
            self.say(f"  {number}) {option.label}{' (Enter)' if option.key == default else ''}")
        while True:
            typed = self._line("Number or word: ")
            key = _picked(typed, options, default)
            if key is not None:
                return key
            self.say(f"{quoted(typed)} is none of them: type a number from 1 to {len(options)}, or the word")

    def type_in(self, question: str, enter: str, problem: Callable[[str], str | None]) -> str:
        """The line typed, once there is nothing wrong with it."""
        prompt = f"{question} [Enter: {enter}]: " if enter else f"{question}: "
        while (wrong := problem(typed := self._line(prompt))) is not None:
            self.say(wrong)
        return typed

    def _line(self, prompt: str) -> str:
        click.echo(printable(prompt), nl=False, err=True)
        line = self._stdin.readline(_LONGEST_LINE)
        if not line:
            raise KeyboardInterrupt
        return line.decode("utf-8", errors="replace").strip()


def _picked(typed: str, options: Sequence[Option], default: str | None) -> str | None:
    if not typed:
        return default
    if typed.isdecimal() and 1 <= int(typed[:9]) <= len(options):
        return options[int(typed[:9]) - 1].key
    word = typed.casefold()
    fitting = [o.key for o in options if word in (o.key.casefold(), o.label.casefold())]
    fitting = fitting or [o.key for o in options if o.label.casefold().startswith(word)]
    return fitting[0] if len(fitting) == 1 else None


def answers_from_lines(stdin: BinaryIO | None, answers: Answers, defaults: Mapping[str, Default]) -> Answers:
    """The first questions that are open, each answered by one line; a blank line takes the default, or "I don't know".

    Nothing is read if nothing is open; otherwise the input is read to its end, and a line too many is an error like a
    bad one or a missing one: SelectorError names the line, the question, the value and what is accepted.
    """
    names = [name for name in FIRST if answers.is_open(name)]
    if not names:
        return answers
    for number, name in enumerate(names, start=1):
        prompt = WORDS[name].question
        click.echo(f"{prompt}: ", nl=False, err=True)
        where = f"standard input, line {number} ({prompt})"
        text = None
        try:
            text = _read_line(stdin, where)
        finally:  # the answer stands behind its question, as if it had been typed there
            click.echo(printable(text[:80]) if text else "", err=True)
        if text is None:
            raise SelectorError(
                f"standard input ends before line {number}: no answer to {quoted(prompt)}", _needed(names)
            )
        answers = answers.having(name, _answer(name, text, where, defaults, names))
    _refuse_more(stdin, len(names), names)
    return answers


def _answer(name: str, text: str, where: str, defaults: Mapping[str, Default], names: Sequence[str]) -> object:
    if not text and name in defaults:
        return defaults[name].value
    try:
        return parsed(name, text)
    except SelectorError as error:
        raise SelectorError(f"{where}: {error.message}", _needed(names)) from None


def _needed(names: Sequence[str]) -> str:
    """Which lines are read, for a hint."""
    lines = ", ".join(name.replace("_", " ") for name in names)
    return f"one line each is read for {lines}; a blank line is the default or unknown"


def _read_line(stdin: BinaryIO | None, where: str) -> str | None:
    """The next line without blanks at its ends, or None at the end of the input."""
    try:
        line = stdin.readline(_LONGEST_LINE + 1) if stdin is not None else b""
    except OSError as error:
        raise SelectorError(
            f"standard input cannot be read: {error.strerror or error}", "pipe the answers in, one a line"
        ) from None
    if len(line) > _LONGEST_LINE:
        raise SelectorError(f"{where}: longer than {_LONGEST_LINE:,} bytes", "give one short answer a line")
    try:
        return line.decode("utf-8").removeprefix("\ufeff").strip() if line else None
    except UnicodeDecodeError:
        raise SelectorError(f"{where}: not UTF-8 text", "give plain text, one answer a line") from None


def _refuse_more(stdin: BinaryIO | None, read: int, names: Sequence[str]) -> None:
    """Blank lines may follow, but no more answers: they would be ignored, which nobody wants to find out later."""
    for number in range(read + 1, read + 1 + _MOST_LINES_AFTER):
        text = _read_line(stdin, f"standard input, line {number}")
        if text is None:
            return
        if text:
            break
    raise SelectorError(
        f"standard input, line {number}: {quoted(text)} is too much: only {read} answers are read",
        f"{_needed(names)} Everything else can be given by --set KEY=VALUE.",
    )
