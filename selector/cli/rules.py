"""The commands about decision tables: list, show, check, test, diff."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from selector.cli.shared import print_as, print_json, report_error, rules_option, say, table_names
from selector.errors import SelectorError

if TYPE_CHECKING:
    from selector.decision import DecisionTable
    from selector.recommend.knowledge import Knowledge

    Tables = list[tuple[str, DecisionTable]]  # each with what to call it: its name, or the file that was given


@click.group(epilog="Example: concurrency-selector rules show strategy")
def rules() -> None:
    """The decision tables: list them, show one, check and test them, compare two."""


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
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--notes", is_flag=True, help="Also show the notes: what is usual, and good to know.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all findings.")
@rules_option
@click.pass_obj
def check_tables(
    outer_rules: Path | None, files: tuple[str, ...], strict: bool, notes: bool, as_json: bool, rules: Path | None
) -> None:
    """Prove the tables in use, or the table FILEs given: no gap, no conflict, no row that can never fire."""
    from selector.recommend.witnesses import shown, verified, with_tables
    from selector.report.rules_documents import check_data, check_lines

    tables, bad = _read(files, rules or outer_rules)
    knowledge = with_tables([table for _, table in tables], rules or outer_rules)
    found = [
        (label, table, proof, shown(proof.findings, table.name, knowledge, notes=notes or as_json))
        for (label, table), proof in zip(tables, verified([table for _, table in tables], knowledge), strict=True)
    ]
    if as_json:
        _print_data([check_data(*each) for each in found])
    for line in (line for each in found for line in check_lines(*each)) if not as_json else ():
        say(line)
    _refuse_if(bad, files)
    counting = ("error", "warning") if strict else ("error",)
    if count := sum(finding.severity in counting for *_, proof, _ in found for finding in proof.findings):
        raise SelectorError(f"{' and '.join(f'{word}s' for word in counting)}: {count}", "mend the rows named above", 1)


@rules.command("test", epilog="Example: concurrency-selector rules test --rules ./my-rules")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--record", is_flag=True, help="Record the boundary cases as they are answered now (cases/NAME.jsonl).")
@rules_option
@click.pass_obj
def test_tables(outer_rules: Path | None, files: tuple[str, ...], record: bool, rules: Path | None) -> None:
    """Run the examples of the tables in use, or of the table FILEs given, and cases at every bound of their cells."""
    from selector.decision.boundaries import record_cases
    from selector.decision.examples import run_table_test
    from selector.recommend.witnesses import WHOLE
    from selector.report.rules_documents import failure_text, test_lines

    folder = rules or outer_rules
    tables, bad = _read(files, folder)
    results = []
    for label, table in tables:
        if record and (files or folder is None or Path(table.source).parent == folder):
            done = record_cases(table, WHOLE)
            say(f"recorded  {label}: {done.cases} cases, {done.new} new, {done.changed} changed, {done.gone} gone")
        results.append(run_table_test(table, WHOLE))
        for line in test_lines(label, results[-1]):
            say(line)
    _refuse_if(bad, files)
    if any(result.failed for result in results):
        raise SelectorError(*failure_text(results), 1)


@rules.command("diff", epilog="Example: concurrency-selector rules diff my-table.yaml my-rules/engine.yaml")
@click.argument("old", type=click.Path(exists=True, path_type=Path))
@click.argument("new", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all regions.")
def diff_tables(old: Path, new: Path, as_json: bool) -> int:
    """Which inputs two tables, or two folders of tables, answer differently. Exit code 0: none; 1: some."""
    from selector.decision.diff import TABLE_GONE, TABLE_NEW, table_changes
    from selector.pipeline import example_profiles
    from selector.recommend.witnesses import WHOLE, flipped, shown
    from selector.report.rules_documents import diff_data, diff_lines, flip_lines

    (before, was), (after, now) = _sides(old, new)
    found = []
    for label in dict.fromkeys([*before, *after]):
        if label in before and label in after:
            changes = table_changes(before[label], after[label], whole=WHOLE)
        else:
            changes = (TABLE_GONE if label in before else TABLE_NEW,)
        found.append((label, shown(changes, label, now)))
    profiles = example_profiles()
    flips = flipped(profiles, was, now)
    if as_json:
        examples = {name: {"old": was, "new": now} for name, (was, now) in flips.items()}
        _print_data({"tables": [diff_data(*each) for each in found], "examples": examples})
    for line in (
        (*(line for each in found for line in diff_lines(*each)), *flip_lines(flips, len(profiles)))
        if not as_json
        else ()
    ):
        say(line)
    return int(bool(flips) or any(change.matters for _, changes in found for change, _ in changes))


def _read(files: Sequence[str], rules: Path | None) -> tuple[Tables, int]:
    """The tables in the files, or those in use if there are none; errors in files are told, and counted."""
    from selector.decision import load_table
    from selector.recommend.knowledge import all_tables

    if not files:
        return [(table.name, table) for table in all_tables(rules)], 0
    tables = []
    for file in files:
        try:
            tables.append((file, load_table(Path(file))))
        except SelectorError as error:
            report_error(error)
    return tables, len(files) - len(tables)


def _refuse_if(bad: int, files: Sequence[str]) -> None:
    if bad:
        raise SelectorError(f"{bad} of {len(files)} files cannot be used", "the places are named above")


def _sides(old: Path, new: Path) -> list[tuple[dict[str, DecisionTable], Knowledge]]:
    """The tables of either side by name, and all that the tool knows with them: a folder stands before ours."""
    from selector.decision import load_table
    from selector.recommend.knowledge import all_tables, load_knowledge
    from selector.recommend.witnesses import with_tables

    if old.is_dir() != new.is_dir():
        raise SelectorError(
            f"{old} and {new}: one is a folder, one a file", "give two tables, or two folders of tables"
        )
    if old.is_dir():
        return [({Path(t.source).stem: t for t in all_tables(side)}, load_knowledge(side)) for side in (old, new)]
    tables = [load_table(side) for side in (old, new)]
    return [({tables[0].name: table}, with_tables([table], None)) for table in tables]


def _print_data(data: object) -> None:
    import json

    print_json(json.dumps(data, indent=2))
