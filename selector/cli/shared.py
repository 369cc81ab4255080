"""What the commands have in common: options, words they accept, printing, and how errors are told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from selector.cli.completion import setting_words, workload_files
from selector.errors import SelectorError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from selector.readiness.models import DepsReport
    from selector.report.blocks import Document
    from selector.validation import ValidationReport

Report = TypeVar("Report", bound="BaseModel")
Command = TypeVar("Command", bound=Callable[..., Any])
INTERRUPTED = 130
_ASKS_FOR_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())  # of click 8.2 and later
FORMATS = click.Choice(["text", "json", "markdown", "html"])


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
        case click.ClickException() if isinstance(error, _ASKS_FOR_HELP):
            click.echo(error.format_message(), err=True)
            return 2
        case click.ClickException():
            return report_error(_in_our_words(error))
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
    if (
        KeyboardInterrupt.__name__ in detail
    ):  # a library made an error of its own of it: pydantic, while it builds a model
        return report_error(KeyboardInterrupt())
    click.echo(
        f"error: this should not have happened: {detail}\n  hint: run it again with --debug and report it", err=True
    )
    return 1


def _in_our_words(error: click.ClickException) -> SelectorError:
    """What click says of wrong arguments, in the form that all errors have; click's own hints stay."""
    message = " ".join(error.format_message().split()).rstrip(".").replace(". (Did you mean", " (did you mean")
    if message[:2].istitle() and not message[:2].isupper():
        message = message[0].lower() + message[1:]
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"`{context.command_path} --help` says what it takes" if context is not None else ""
    return SelectorError(message, hint, error.exit_code)


class Commands(click.Group):
    """A group of commands that says which one was meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, or a usage error that names the nearest."""
        from selector.text import quoted, suggestion

        names = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in names:
            ctx.fail(f"no command {quoted(args[0])}{suggestion(args[0], names)}; one of {', '.join(names)}")
        return super().resolve_command(ctx, args)


def rules_option(command: Command) -> Command:
    """`--rules DIR`, for commands that ask the tables: a file in it that replaces none of ours is told of."""
    return _rules_option(_folder_for_answers)(command)


def tables_option(command: Command) -> Command:
    """`--rules DIR`, for commands that are about the tables themselves."""
    return _rules_option(_folder)(command)


def _rules_option(callback: Callable[..., Any]) -> Callable[[Command], Command]:
    return click.option(
        "--rules",
        metavar="DIR",
        type=click.Path(path_type=Path),
        callback=callback,
        help="A folder of your own tables; a table of the same name replaces ours.",
    )


def _folder(_: click.Context, __: click.Parameter, folder: Path | None) -> Path | None:
    """The folder; an error if nothing is in it, or a file that is only nearly called as one of ours.

    What is no folder is said where it is read.
    """
    from selector.files import resource_dir
    from selector.recommend.user_rules import check_folder

    if folder is not None and folder.is_dir():
        check_folder(folder, resource_dir("rules"))
    return folder


def _folder_for_answers(context: click.Context, option: click.Parameter, folder: Path | None) -> Path | None:
    """The same; and a note which of its files no recommendation asks."""
    from selector.files import resource_dir
    from selector.recommend.user_rules import strangers

    if _folder(context, option, folder) is not None and (names := strangers(Path(str(folder)), resource_dir("rules"))):
        say(f"note: {folder}: no recommendation asks {', '.join(names)} (`rules list` has the names of ours)", err=True)
    return folder


def format_option(command: Command) -> Command:
    """`--format`, or `--json` for short, handed over as `form`."""
    return forms_option(*FORMATS.choices)(command)


def forms_option(*forms: str) -> Callable[[Command], Command]:
    """`--format` with these forms, the first by default; `--json` is short for `--format json`."""

    def with_forms(command: Command) -> Command:
        """The command with both options."""

        @wraps(command)
        def choosing(*arguments: Any, as_json: bool, form: str, **options: Any) -> Any:
            """The command, told one form."""
            if as_json and form not in ("json", forms[0]):
                raise click.UsageError(f"--json prints JSON: leave --format {form} out.")
            return command(*arguments, form="json" if as_json else form, **options)

        with_json = click.option("--json", "as_json", is_flag=True, help="Short for --format json.")(choosing)
        option = click.option(
            "--format", "form", type=click.Choice(forms), default=forms[0], show_default=True, help="How to print it."
        )
        return cast("Command", option(with_json))

    return with_forms


def set_option(command: Command) -> Command:
    """`--set KEY=VALUE`, any number of times."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        shell_complete=setting_words,
        help="Set a field of the profile (null: unknown).",
    )(command)


def file_argument(command: Command) -> Command:
    """`FILE`, a workload: a JSON file, `-` for standard input, or the name of an example that ships."""
    return click.argument(
        "file", required=False, metavar="FILE|-", shell_complete=workload_files, callback=file_or_example
    )(command)


def file_or_example(_: click.Context, __: click.Parameter, file: str | None) -> str | None:
    """The file; if there is none of that name but an example, that, which is told."""
    if file is None or file == "-" or Path(file).name != file or Path(file).exists():
        return file
    from selector.pipeline import example_files

    found = example_files().get(file.removesuffix(".json"))
    if found is None:
        return file
    say(
        f"note: there is no file {file}: taken is the example that ships (`concurrency-selector examples {found.stem}`"
        " prints it, to start your own from)",
        err=True,
    )
    return str(found)


class NameType(click.ParamType):  # type: ignore[type-arg]
    """One of some names; upper case is accepted, unknown names get a suggestion, and the shell completes it."""

    def known(self) -> Iterable[str]:
        """The names."""
        raise NotImplementedError

    def word(self, text: str) -> str:
        """A name as it may be typed, as it is kept."""
        return text.strip().casefold()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name, or a usage error that lists what there is."""
        from selector.text import printable, quoted, suggestion

        word, known = self.word(str(value)), list(self.known())
        if word not in known:
            near = suggestion(word, known)
            self.fail(printable(f"{quoted(value)} is no {self.name}{near}; one of {', '.join(known)}"), param, ctx)
        return word

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """The names that begin like that."""
        return [click.shell_completion.CompletionItem(name) for name in self.known() if name.startswith(incomplete)]


class ApproachType(NameType):
    """An approach id; hyphens are accepted, too."""

    name = "approach"

    def known(self) -> Iterable[str]:
        """The ids."""
        from selector.workload.profile import APPROACHES

        return APPROACHES

    def word(self, text: str) -> str:
        """Ids have no hyphens."""
        return super().word(text).replace("-", "_")


def example_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The examples that begin like that, for the shell."""
    from selector.pipeline import example_files

    return [name for name in example_files() if name.startswith(incomplete)]


def table_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The tables that begin like that, `facts`, and the classes of work, for the shell."""
    from selector.recommend.knowledge import CHAIN
    from selector.report.workloads import LESSONS

    known = (*CHAIN, "migration_effort", "joints", "facts", "classes", *LESSONS)
    return [name for name in known if name.startswith(incomplete)]


def read_results(file: str) -> ValidationReport:
    """What `validate` left: its results.json, or what it printed with --json."""
    from selector.validation import ValidationReport

    hint = "give the results.json of `validate --save DIR`, its report.html, or what `validate --json` printed"
    return _read_report(file, ValidationReport, "results of `validate`", hint)


def read_dependencies(file: str) -> DepsReport:
    """What `deps --json` printed."""
    from selector.readiness.models import DepsReport

    return _read_report(file, DepsReport, "results of `deps`", "give what `deps --json` printed")


def _read_report(file: str, model: type[Report], what: str, hint: str) -> Report:
    """A saved result of a command; SelectorError, with the hint, for a file that is none."""
    import json

    from pydantic import ValidationError

    from selector.workload.reading import named, read_bytes

    try:
        return model.model_validate_json(json.dumps(_results_in(read_bytes(file), named(file))))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise SelectorError(f"{named(file)}: these are no {what} ({where}: {first['msg']})", hint) from None
    except SelectorError as error:
        raise SelectorError(error.message, hint) from None


def _results_in(data: bytes, source: str) -> object:
    """What JSON or a page of ours holds; of a recommendation with results, those."""
    from selector.report.html import data_of
    from selector.workload.reading import decode_json

    if not data.lstrip()[:9].lower().startswith(b"<!doctype"):
        return decode_json(data, source)
    inner = data_of(data.decode("utf-8", "replace"))
    if inner is None:
        raise SelectorError(f"{source}: this page holds no results")
    found = decode_json(inner, source)
    return found["measured"] if isinstance(found, dict) and "measured" in found else found


def say(line: str, *, err: bool = False) -> None:
    """A line with names out of somebody's file: what is not printable in it is escaped.

    A note on standard error that nobody can read is no reason to fail.
    """
    from selector.text import printable

    with suppress(OSError) if err else nullcontext():
        click.echo(printable(line), err=err)


def print_bytes(text: str) -> None:
    """Text on standard output, at once, in UTF-8 whatever the locale."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def print_json(text: str) -> None:
    """One JSON value, at once, in UTF-8 whatever the locale: JSON has no other encoding (RFC 8259)."""
    print_bytes(f"{text}\n")


def print_page(document: Document, name: str | None, data: str | None = None) -> None:
    """A document on standard output as one HTML page in UTF-8; `data` is the JSON that it was made from."""
    from selector.report.html import render_html
    from selector.report.saved import page_title

    print_bytes(render_html(document, page_title(name), data))


def print_as(document: Document, form: str) -> None:
    """A document on standard output, as text, Markdown or a page under the title of its first section."""
    if form == "html":
        print_page(document, next((section.title for section in document.sections if section.title), None))
        return
    if form == "markdown":
        from selector.report.markdown import render_markdown

        click.echo(render_markdown(document), nl=False)
        return
    from selector.report.terminal import console_for, print_document

    print_document(document, console_for())
