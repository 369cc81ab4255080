"""The command line: arguments to pipeline to output. The only place that prints results, handles errors and exits.

Results go to standard output; prompts, progress and warnings to standard error. Modules that take time to import are
imported by the command that needs them.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from selector.cli import ask, calibrate, compare, completion, deps, generate, measure, proof, rules, schema, skill
from selector.cli.shared import (
    Commands,
    format_option,
    print_as,
    print_json,
    report_error,
    rules_option,
    set_option,
)
from selector.errors import SelectorError

if TYPE_CHECKING:
    from selector.pipeline import Selector
    from selector.recommend.recommendation import Recommendation
    from selector.workload.profile import WorkloadProfile

COMPLETE = "_CONCURRENCY_SELECTOR_COMPLETE"  # by which a shell asks for completions


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command and exit: 0 done, 1 it failed, 2 bad input or usage, 130 interrupted. No traceback without --debug."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments  # wherever it stands
    arguments = [a for a in arguments if a != "--debug"]
    gc.freeze()  # what the imports made lives to the end: walking it at every collection and at exit is a tenth of a run
    output = sys.stdout
    if COMPLETE in os.environ:
        completion.prepare()
    try:
        _prepare_output()
        code = cli.main(arguments, prog_name="concurrency-selector", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        if debug:
            raise
        # Where click meets a broken pipe it replaces the stream and exits 1.
        code = report_error(error if sys.stdout is output else BrokenPipeError())
    sys.exit(code if isinstance(code, int) else 0)


def _prepare_output() -> None:
    """Text that the locale's encoding has no sign for is written as its escape, not refused.

    A standard error that is closed swallows what goes there: some of it would come out of standard output else.
    """
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # to the end
    if sys.stdout is None:  # closed by whoever started us
        raise SelectorError("standard output is closed", "give the result somewhere to go", 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: concurrency-selector recommend examples/web-scraper.json",
)
@click.version_option(None, "-V", "--version", package_name="concurrency-selector", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--answers",
    metavar="FILE",
    shell_complete=completion.workload_files,
    help="A profile (JSON) whose answers are not asked for.",
)
@set_option
@click.option("--no-input", is_flag=True, help="Ask nothing: what is not given takes its default.")
@format_option
@rules_option
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
    from selector.pipeline import Selector
    from selector.wizard import run_wizard
    from selector.wizard.answers import answers_from, command_for
    from selector.workload.reading import named, read_answers

    def show(selector: Selector, profile: WorkloadProfile) -> Recommendation:
        """Print the recommendation in the form asked for: as text a few lines, at a terminal with a summary at its end."""
        result = selector.recommend(profile, "none" if form == "text" else "sampled")
        if form == "json":
            print_json(result.model_dump_json(indent=2))
            return result
        if form in ("markdown", "html"):
            from selector.report.recommendation import recommendation_document

            print_as(recommendation_document(result), form)
            return result
        from selector.report.blocks import Document
        from selector.report.summary import Command, brief_document, summary_section

        document = brief_document(result)
        if ask and sys.stdin.isatty() and sys.stdout.isatty():
            again = command_for(profile, str(rules) if rules is not None else None).replace(
                " recommend", " validate", 1
            )
            summary = summary_section(result, Command(again, "the command at the end, with validate for recommend"))
            document = Document((*document.sections, summary))
        print_as(document, form)
        return result

    given = answers_from(read_answers(file, settings), named(file))
    run_wizard(given, Selector(rules), show, form, ask, calibrate.measure_costs)


for _command in (
    measure.measure,
    ask.recommend,
    generate.generate,
    proof.validate,
    deps.deps,
    compare.compare,
    calibrate.calibrate,
    ask.migrate,
    ask.examples,
    ask.host,
    rules.rules,
    schema.schema,
    skill.skill,
):
    cli.add_command(_command)
