"""The commands about decision tables: list, show, check, test."""

from __future__ import annotations

from pathlib import Path

import click

from selector.cli.shared import print_as, report_error, rules_option, say, table_names
from selector.errors import SelectorError


@click.group(epilog="Example: concurrency-selector rules show strategy")
def rules() -> None:
    """The decision tables: list them, show one, check them, run their examples."""


@rules.command("list", epilog="Example: concurrency-selector rules list --rules ./my-rules")
@rules_option
@click.pass_obj
def list_tables(outer_rules: Path | None, rules: Path | None) -> None:
    """The tables in use, and the file each comes from."""
    from selector.recommend.knowledge import all_tables
    from selector.report.documents import tables_document

    print_as(tables_document(all_tables(rules or outer_rules)), "text")


@rules.command("show", epilog="Example: concurrency-selector rules show classify --format markdown")
@click.argument("name", shell_complete=table_names)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "yaml"]),
    default="text",
    show_default=True,
    help="How to print it; yaml is the file itself, to start your own from.",
)
@rules_option
@click.pass_obj
def show_table(outer_rules: Path | None, name: str, form: str, rules: Path | None) -> None:
    """One table with its rules and their reasons; `facts` lists what a table may ask about."""
    from selector.recommend.facts import FACTS
    from selector.recommend.knowledge import all_tables
    from selector.report.documents import facts_document, table_document
    from selector.text import quoted, suggestion

    if name == "facts":
        print_as(facts_document(FACTS), form)
        return
    tables = {table.name: table for table in all_tables(rules or outer_rules)}
    if name not in tables:
        raise SelectorError(
            f"no table {quoted(name)}{suggestion(name, tables)}", f"one of {', '.join(tables)}, or facts"
        )
    if form == "yaml":
        click.echo(Path(tables[name].source).read_text(encoding="utf-8"), nl=False)
        return
    print_as(table_document(tables[name]), form)


@rules.command("check", epilog="Example: concurrency-selector rules check my-table.yaml")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@rules_option
@click.pass_obj
def check_tables(outer_rules: Path | None, files: tuple[str, ...], rules: Path | None) -> None:
    """Read and type-check every cell of the tables in use, or of the table FILEs given."""
    from selector.decision import load_table
    from selector.recommend.knowledge import all_tables

    if not files:
        for table in all_tables(rules or outer_rules):
            say(f"ok  {table.name}: {len(table.rules)} rules, {len(table.inputs)} inputs")
        return
    bad = 0
    for file in files:
        try:
            table = load_table(Path(file))
            say(f"ok  {file}: {len(table.rules)} rules, {len(table.inputs)} inputs")
        except SelectorError as error:
            bad += 1
            report_error(error)
    if bad:
        raise SelectorError(f"{bad} of {len(files)} files cannot be used", "the places are named above")


@rules.command("test", epilog="Example: concurrency-selector rules test --rules ./my-rules")
@rules_option
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
        say(f"{mark}{table.name}: {result.passed} of {result.passed + len(result.failures)} examples")
        for failure in result.failures:
            say(f"      {failure}")
        if result.unreached:
            say(f"      rows no example reaches: {', '.join(result.unreached)}")
    if failed:
        raise SelectorError(f"examples that failed: {failed}", "mend the table or the example", 1)
