"""What the commands have in common: options, words they accept, printing, and how errors are told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from selector.errors import SelectorError

if TYPE_CHECKING:
    from selector.report.document import Document
    from selector.validation import ValidationReport

Command = TypeVar("Command", bound=Callable[..., Any])
INTERRUPTED = 130
FORMATS = click.Choice(["text", "json", "markdown"])


def report_error(error: BaseException) -> int:
    """Say on standard error what went wrong, and what to do; returns the exit code."""
    from selector.text import printable

    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case BrokenPipeError():
            # The reader of our output has gone (`| head`): that is its right, and nothing to report.
            sys.stdout = None  # or the interpreter reports the pipe again at exit
            return 0
        case SystemExit():
            return error.code if isinstance(error.code, int) else 1
        case SelectorError():
            message = "\n       ".join(error.message.splitlines())
            click.echo(printable(f"error: {message}"), err=True)
            if error.hint:
                click.echo(printable(f"  hint: {error.hint}"), err=True)
            return error.exit_code
        case click.ClickException():
            error.show()
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            click.echo("interrupted", err=True)
            return INTERRUPTED
        case RuntimeError(args=("can't start new thread",)):
            from selector.processes import RAISE_THE_LIMIT

            click.echo(f"error: no more threads may be started\n  hint: {RAISE_THE_LIMIT}", err=True)
            return 1
        case OSError(filename=None, strerror=str(reason)):  # reading is reported with the file's name where it is done
            sys.stdout = None  # as above
            click.echo(f"error: the output cannot be written: {reason}", err=True)
            return 1
    detail = printable(f"{type(error).__name__}: {error}")
    click.echo(
        f"error: this should not have happened: {detail}\n  hint: run it again with --debug and report it", err=True
    )
    return 1


def rules_option(command: Command) -> Command:
    """`--rules DIR`."""
    return click.option(
        "--rules",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="A folder of your own tables; a table of the same name replaces ours.",
    )(command)


def format_option(command: Command) -> Command:
    """`--format`, handed over as `form`."""
    return click.option("--format", "form", type=FORMATS, default="text", show_default=True, help="How to print it.")(
        command
    )


def set_option(command: Command) -> Command:
    """`--set KEY=VALUE`, any number of times."""
    return click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set a field of the profile (null: unknown)."
    )(command)


class ApproachType(click.ParamType):  # type: ignore[type-arg]
    """An approach id; hyphens and upper case are accepted, unknown ids get a suggestion, and the shell completes it."""

    name = "approach"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The id, or a usage error that lists what there is."""
        from selector.profile import APPROACHES
        from selector.text import printable, quoted, suggestion

        word = str(value).strip().casefold().replace("-", "_")
        if word not in APPROACHES:
            near = suggestion(word, APPROACHES)
            self.fail(printable(f"{quoted(value)} is no approach{near}; one of {', '.join(APPROACHES)}"), param, ctx)
        return word

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """The ids that begin like that."""
        from selector.profile import APPROACHES

        return [click.shell_completion.CompletionItem(a) for a in APPROACHES if a.startswith(incomplete)]


def example_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The examples that begin like that, for the shell."""
    from selector.pipeline import example_files

    return [name for name in example_files() if name.startswith(incomplete)]


def table_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The tables that begin like that, and `facts`, for the shell."""
    from selector.recommend.knowledge import CHAIN

    return [name for name in (*CHAIN, "migration_effort", "facts") if name.startswith(incomplete)]


def read_results(file: str) -> ValidationReport:
    """What `validate` left: its results.json, or what it printed with --json."""
    import json

    from pydantic import ValidationError

    from selector.inputs import named, read_answers
    from selector.validation import ValidationReport

    hint = "give the results.json of `validate --save DIR`, or what `validate --json` printed"
    try:
        return ValidationReport.model_validate_json(json.dumps(read_answers(file, ())))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        what = f"{named(file)}: these are no results of `validate` ({where}: {first['msg']})"
        raise SelectorError(what, hint) from None
    except SelectorError as error:
        raise SelectorError(error.message, hint) from None


def say(line: str, *, err: bool = False) -> None:
    """A line with names out of somebody's file: what is not printable in it is escaped.

    A note on standard error that nobody can read is no reason to fail.
    """
    from selector.text import printable

    with suppress(OSError) if err else nullcontext():
        click.echo(printable(line), err=err)


def print_json(text: str) -> None:
    """One JSON value, at once, in UTF-8 whatever the locale: JSON has no other encoding (RFC 8259)."""
    sys.stdout.buffer.write(f"{text}\n".encode())
    sys.stdout.buffer.flush()


def print_as(document: Document, form: str) -> None:
    """A document on standard output, as text or Markdown."""
    if form == "markdown":
        from selector.report.markdown import render_markdown

        click.echo(render_markdown(document), nl=False)
        return
    from selector.report.terminal import console_for, print_document

    print_document(document, console_for())
