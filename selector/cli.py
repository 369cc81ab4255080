"""The command line: arguments to pipeline to output. The only place that prints results, handles errors and exits.

Results go to standard output; prompts, progress and warnings to standard error. Modules that take time to import are
imported by the command that needs them.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from selector.errors import SelectorError

if TYPE_CHECKING:
    from selector.profile import WorkloadProfile
    from selector.report.document import Document

Command = TypeVar("Command", bound=Callable[..., Any])
INTERRUPTED = 130
_FORMATS = click.Choice(["text", "json", "markdown"])


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command and exit: 0 done, 1 it failed, 2 bad input or usage, 130 interrupted. No traceback without --debug."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments  # wherever it stands
    arguments = [a for a in arguments if a != "--debug"]
    gc.freeze()  # what the imports made lives to the end: walking it at every collection and at exit is a tenth of a run
    output = sys.stdout
    try:
        _prepare_output()
        code = cli.main(arguments, prog_name="concurrency-selector", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        if debug:
            raise
        # Where click meets a broken pipe it replaces the stream and exits 1.
        code = _report(error if sys.stdout is output else BrokenPipeError())
    sys.exit(code if isinstance(code, int) else 0)


def _prepare_output() -> None:
    """Text that the locale's encoding has no sign for is written as its escape, not refused."""
    if sys.stdout is None:  # closed by whoever started us
        raise SelectorError("standard output is closed", "give the result somewhere to go", 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _report(error: BaseException) -> int:
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
        case OSError(filename=None, strerror=str(reason)):  # reading is reported with the file's name where it is done
            sys.stdout = None  # as above
            click.echo(f"error: the output cannot be written: {reason}", err=True)
            return 1
    detail = printable(f"{type(error).__name__}: {error}")
    click.echo(
        f"error: this should not have happened: {detail}\n  hint: run it again with --debug and report it", err=True
    )
    return 1


def _rules_option(command: Command) -> Command:
    return click.option(
        "--rules",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="A folder of your own tables; a table of the same name replaces ours.",
    )(command)


def _format_option(command: Command) -> Command:
    return click.option("--format", "form", type=_FORMATS, default="text", show_default=True, help="How to print it.")(
        command
    )


def _set_option(command: Command) -> Command:
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


def _example_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The examples that begin like that, for the shell."""
    from selector.pipeline import example_files

    return [name for name in example_files() if name.startswith(incomplete)]


def _table_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The tables that begin like that, and `facts`, for the shell."""
    from selector.recommend.knowledge import CHAIN

    return [name for name in (*CHAIN, "migration_effort", "facts") if name.startswith(incomplete)]


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: concurrency-selector recommend examples/web-scraper.json",
)
@click.version_option(package_name="concurrency-selector", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("--answers", metavar="FILE", help="A profile (JSON) whose answers are not asked for.")
@_set_option
@click.option("--no-input", is_flag=True, help="Ask nothing: what is not given takes its default.")
@_format_option
@_rules_option
@click.pass_context
def cli(
    context: click.Context,
    debug: bool,
    answers: str | None,
    settings: tuple[str, ...],
    no_input: bool,
    form: str,
    rules: Path | None,
) -> None:
    """Which concurrency approach fits a Python workload, why, and how to get there.

    Without a command it asks: five questions, then those whose answer can still change the outcome. In a pipe it reads
    the five answers from standard input, one a line. What --set or --answers says is not asked (--set wins), and a
    null there means "I don't know".
    """
    _ = debug  # read by main(), before anything can fail
    context.obj = rules
    if context.invoked_subcommand is None:
        _interview(answers, settings, rules, form, ask=not no_input)
    elif answers is not None or settings or no_input or form != "text":
        raise click.UsageError(f"Only --rules and --debug go before {context.invoked_subcommand}.")


def _interview(file: str | None, settings: tuple[str, ...], rules: Path | None, form: str, ask: bool) -> None:
    """The wizard: what is given, what is asked, and the recommendation for both."""
    from selector.inputs import named, read_answers
    from selector.pipeline import Selector
    from selector.wizard import run_wizard
    from selector.wizard.answers import answers_from

    selector = Selector(rules)

    def show(profile: WorkloadProfile) -> None:
        """Print the recommendation in the form asked for."""
        result = selector.recommend(profile)
        if form == "json":
            _print_json(result.model_dump_json(indent=2))
            return
        from selector.report.documents import recommendation_document

        _print(recommendation_document(result), form)

    run_wizard(answers_from(read_answers(file, settings), named(file)), selector, show, form, ask)


class RecommendCommand(click.Command):
    """`recommend`, whose help ends in the fields of a profile."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The fields with what they accept, then the example."""
        from selector.profile import WorkloadProfile, accepted

        with formatter.section("Fields of FILE and --set (all but workload_type may be left out)"):
            formatter.write_dl([(name, accepted(name)) for name in WorkloadProfile.model_fields])
        super().format_epilog(ctx, formatter)


@cli.command(
    cls=RecommendCommand, epilog="Example: concurrency-selector recommend workload.json --set tasks=500 --format json"
)
@click.argument("file", required=False, metavar="FILE|-")
@_set_option
@_format_option
@click.option("--explain", is_flag=True, help="Every row of every table, and all inputs that would change the answer.")
@click.option(
    "--jsonl", is_flag=True, help="One profile a line in, one JSON object a line out (would_change: --explain)."
)
@_rules_option
@click.pass_obj
def recommend(
    outer_rules: Path | None,
    file: str | None,
    settings: tuple[str, ...],
    form: str,
    explain: bool,
    jsonl: bool,
    rules: Path | None,
) -> None:
    """Recommend an approach for the workload in FILE (JSON; - for standard input), or given by --set alone."""
    from selector.inputs import read_profile
    from selector.pipeline import Selector

    selector = Selector(rules or outer_rules)
    if jsonl and form == "markdown":
        raise click.UsageError("--jsonl prints JSON, a line each: leave --format out.")
    if jsonl:
        _recommend_lines(selector, file, settings, explain)
        return
    if file is None and not settings:
        raise click.UsageError("Give a FILE (- for standard input), or the fields by --set KEY=VALUE.")
    profile = read_profile(file, settings)
    result = selector.recommend(profile)
    explanation = selector.explain(profile) if explain else None
    if form == "json":
        if explanation is None:
            _print_json(result.model_dump_json(indent=2))
        else:
            import json

            click.echo(
                json.dumps({**result.model_dump(mode="json"), "explanation": explanation.model_dump()}, indent=2)
            )
        return
    from selector.report.documents import recommendation_document

    _print(recommendation_document(result, explanation), form)


def _recommend_lines(selector: Any, file: str | None, settings: tuple[str, ...], explain: bool) -> None:
    """Stream: each line a profile, each answer a line. A bad line is reported by number and the rest goes on."""
    from selector.inputs import STANDARD_INPUT, read_profiles

    bad = 0

    def report(error: SelectorError) -> None:
        """Count a line that could not be used, and say why."""
        nonlocal bad
        bad += 1
        _report(error)

    for profile in read_profiles(file or STANDARD_INPUT, settings, report):
        _print_json(selector.recommend(profile).model_dump_json() if explain else selector.recommend_json(profile))
    if bad:
        raise SelectorError(f"lines that could not be used: {bad}", "they are named above; the others are done")


def _say(line: str) -> None:
    """A line with names out of somebody's file: what is not printable in it is escaped."""
    from selector.text import printable

    click.echo(printable(line))


def _print_json(text: str) -> None:
    """One JSON value, at once, in UTF-8 whatever the locale: JSON has no other encoding (RFC 8259)."""
    sys.stdout.buffer.write(f"{text}\n".encode())
    sys.stdout.buffer.flush()


def _print(document: Document, form: str) -> None:
    if form == "markdown":
        from selector.report.markdown import render_markdown

        click.echo(render_markdown(document), nl=False)
        return
    from selector.report.terminal import console_for, print_document

    print_document(document, console_for())


@cli.command(epilog="Example: concurrency-selector migrate multiprocessing free-threaded")
@click.argument("origin", metavar="FROM", type=ApproachType())
@click.argument("target", metavar="TO", type=ApproachType())
@_format_option
@_rules_option
@click.pass_obj
def migrate(outer_rules: Path | None, origin: Any, target: Any, form: str, rules: Path | None) -> None:
    """How to move code from one approach to another: effort, steps, code, pitfalls, rollback, what to measure."""
    from selector.recommend.knowledge import rules_folders
    from selector.recommend.migration import migration_guide
    from selector.resources import resource_dir

    guide = migration_guide(origin, target, rules_folders(rules or outer_rules), resource_dir("templates"))
    if form == "json":
        _print_json(guide.model_dump_json(indent=2))
        return
    from selector.report.documents import migration_document

    _print(migration_document(guide), form)


@cli.command(epilog="Example: concurrency-selector examples web-scraper > workload.json")
@click.argument("name", required=False, shell_complete=_example_names)
@_format_option
@_rules_option
@click.pass_obj
def examples(outer_rules: Path | None, name: str | None, form: str, rules: Path | None) -> None:
    """The workloads that ship, with the approach the tables give each; with a NAME, its JSON to start from."""
    from selector.pipeline import Selector, example_profiles, example_text

    if name is not None:
        click.echo(example_text(name), nl=False)
        return
    selector = Selector(rules or outer_rules)
    results = [(stem, selector.recommend(profile, changes=False)) for stem, profile in example_profiles()]
    if form == "json":
        import json

        click.echo(json.dumps({stem: result.model_dump(mode="json") for stem, result in results}, indent=2))
        return
    from selector.report.documents import examples_document

    _print(examples_document(results), form)


@cli.command(epilog="Example: concurrency-selector host --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def host(as_json: bool) -> None:
    """What this machine has: usable CPUs, memory and its limit, start methods, Python interpreters."""
    from selector.host import probe_host

    found = probe_host()
    if as_json:
        _print_json(found.model_dump_json(indent=2))
        return
    from selector.report.documents import host_document

    _print(host_document(found), "text")


@cli.group(epilog="Example: concurrency-selector rules show strategy")
def rules() -> None:
    """The decision tables: list them, show one, check them, run their examples."""


@rules.command("list", epilog="Example: concurrency-selector rules list --rules ./my-rules")
@_rules_option
@click.pass_obj
def list_tables(outer_rules: Path | None, rules: Path | None) -> None:
    """The tables in use, and the file each comes from."""
    from selector.recommend.knowledge import all_tables
    from selector.report.documents import tables_document

    _print(tables_document(all_tables(rules or outer_rules)), "text")


@rules.command("show", epilog="Example: concurrency-selector rules show classify --format markdown")
@click.argument("name", shell_complete=_table_names)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "yaml"]),
    default="text",
    show_default=True,
    help="How to print it; yaml is the file itself, to start your own from.",
)
@_rules_option
@click.pass_obj
def show_table(outer_rules: Path | None, name: str, form: str, rules: Path | None) -> None:
    """One table with its rules and their reasons; `facts` lists what a table may ask about."""
    from selector.recommend.facts import FACTS
    from selector.recommend.knowledge import all_tables
    from selector.report.documents import facts_document, table_document
    from selector.text import quoted, suggestion

    if name == "facts":
        _print(facts_document(FACTS), form)
        return
    tables = {table.name: table for table in all_tables(rules or outer_rules)}
    if name not in tables:
        raise SelectorError(
            f"no table {quoted(name)}{suggestion(name, tables)}", f"one of {', '.join(tables)}, or facts"
        )
    if form == "yaml":
        click.echo(Path(tables[name].source).read_text(encoding="utf-8"), nl=False)
        return
    _print(table_document(tables[name]), form)


@rules.command("check", epilog="Example: concurrency-selector rules check my-table.yaml")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@_rules_option
@click.pass_obj
def check_tables(outer_rules: Path | None, files: tuple[str, ...], rules: Path | None) -> None:
    """Read and type-check every cell of the tables in use, or of the table FILEs given."""
    from selector.decision import load_table
    from selector.recommend.knowledge import all_tables

    if not files:
        for table in all_tables(rules or outer_rules):
            _say(f"ok  {table.name}: {len(table.rules)} rules, {len(table.inputs)} inputs")
        return
    bad = 0
    for file in files:
        try:
            table = load_table(Path(file))
            _say(f"ok  {file}: {len(table.rules)} rules, {len(table.inputs)} inputs")
        except SelectorError as error:
            bad += 1
            _report(error)
    if bad:
        raise SelectorError(f"{bad} of {len(files)} files cannot be used", "the places are named above")


@rules.command("test", epilog="Example: concurrency-selector rules test --rules ./my-rules")
@_rules_option
@click.pass_obj
def test_tables(outer_rules: Path | None, rules: Path | None) -> None:
    """Run the examples stored in the tables, and say which rows no example reaches."""
    from selector.decision.examples import run_examples
    from selector.recommend.knowledge import all_tables

    failed = 0
    for table in all_tables(rules or outer_rules):
        result = run_examples(table)
        failed += len(result.failures)
        mark = "ok  " if not result.failures else "FAIL  "
        _say(f"{mark}{table.name}: {result.passed} of {result.passed + len(result.failures)} examples")
        for failure in result.failures:
            _say(f"      {failure}")
        if result.unreached:
            _say(f"      rows no example reaches: {', '.join(result.unreached)}")
    if failed:
        raise SelectorError(f"examples that failed: {failed}", "mend the table or the example", 1)
