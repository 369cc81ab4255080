"""What a command may be told of a user's own function: one set of options wherever a target is taken."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from selector.cli.shared import Command
from selector.errors import SelectorError

if TYPE_CHECKING:
    from selector.measure.models import Request

_OPTIONS = ("function", "async_function", "items", "setup", "python")


def function_options(command: Command) -> Command:
    """The options that name a function, its items and its Python; `request_of` takes what comes of them."""
    for option in (
        click.option(
            "--python", metavar="PATH", help="The Python that has what the function imports (default: the project's)."
        ),
        click.option("--setup", metavar="TARGET", help="Its costly start, once in each worker."),
        click.option(
            "--items",
            metavar="SOURCE",
            help="module:name, file.py:name, FILE.json|jsonl|csv|txt, a quoted glob, a number, -.",
        ),
        click.option("--async-function", metavar="TARGET", help="Its asynchronous twin, for event loops."),
        click.option(
            "--function",
            metavar="TARGET",
            help="Your own function, module:name or file.py:name: it is really called, many times.",
        ),
    ):
        command = option(command)
    return command


def stray_words(command: Command) -> Command:
    """Words after all others, handed over as `unquoted`: there are some where the shell has replaced a pattern."""
    return click.argument("unquoted", nargs=-1, required=False, metavar="")(command)


def check_quoted(items: str | None, words: tuple[str, ...], file: str | None = None) -> None:
    """SelectorError for words that are no option: the shell has replaced a pattern by names of files, if there are items.

    The first of them may have been taken for FILE, the profile.
    """
    if items is not None and file is not None and _alike(items, file):
        words = (file, *words)
    if not words:
        return
    if items is None:
        raise SelectorError(
            f"one word too many: {words[0]}",
            "put a pattern, or what has spaces, into quotes; items are given by --items SOURCE",
        )
    raise SelectorError(
        f"--items takes one source, and more words follow: {words[0]}{' ...' if words[1:] else ''}",
        "put a pattern into quotes, as the shell replaces it else: --items 'photos/*.jpg'",
    )


def _alike(items: str, file: str) -> bool:
    """Whether both are names that one pattern has been replaced by: of one folder and kind, which is not a profile's."""
    one, other = PurePath(items), PurePath(file)
    return (one.parent, one.suffix) == (other.parent, other.suffix) and one.suffix not in ("", ".json")


def request_of(
    given: dict[str, Any],
    interpreters: tuple[str, ...],
    settings: tuple[str, ...],
    file: str | None,
    unquoted: tuple[str, ...],
) -> Request | None:
    """What the options of a function ask for; None where none is named. Takes its options out of `given`.

    SelectorError for what cannot be meant; UsageError where options of a function come without one.
    """
    named = {name: given.pop(name) for name in _OPTIONS}
    check_quoted(named["items"], unquoted, file)
    target = named.pop("function")
    if target is None:
        if stray := [name for name, value in named.items() if value is not None]:
            raise click.UsageError(
                f"--{stray[0].replace('_', '-')} says something of a function: give --function TARGET."
            )
        return None
    from selector.measure.request import request_from

    return request_from(target, option="--function", interpreters=interpreters, settings=settings, **named)
