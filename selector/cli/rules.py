"""The commands about decision tables: list, show, check, test, diff."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selector.cli.shared import (
    Commands,
    format_option,
    forms_option,
    print_as,
    print_json,
    report_error,
    say,
    table_names,
    tables_option,
)
from selector.errors import SelectorError

if TYPE_CHECKING:
    from selector.decision import DecisionTable
    from selector.recommend.knowledge import Knowledge
    from selector.report.blocks import Document

    Tables = list[tuple[str, DecisionTable]]  # each with what to call it: its name, or the file that was given

_SHARE_OF_PROOFS = 0.8  # of the time; the rest is for workloads that show what was found


def _budget_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--budget`, handed over in seconds."""
    return click.option(
        "--budget", default="20s", show_default=True, metavar="TIME", callback=_seconds,
        help="Time for the proofs and cases; what it does not reach is named as not proven.",
    )(command)  # fmt: skip


def _seconds(_: click.Context, __: click.Parameter, budget: str) -> float:
    from selector.benchmark.budget import budget_from_text

    return budget_from_text(budget)


@click.group(cls=Commands, epilog="Example: concurrency-selector rules show strategy")
def rules() -> None:
    """The decision tables: list them, show one, check and test them, compare two."""


@rules.command("list", epilog="Example: concurrency-selector rules list --rules ./my-rules")
@format_option
@tables_option
@click.pass_obj
def list_tables(outer_rules: Path | None, form: str, rules: Path | None) -> None:
    """The tables in use, and the file each comes from."""
    from selector.recommend.knowledge import all_tables
    from selector.report.rules import list_data
    from selector.report.tables import tables_document

    tables = all_tables(rules or outer_rules)
    if form == "json":
        _print_data(list_data(tables))
        return
    print_as(tables_document(tables), form)


@rules.command("show", epilog="Example: concurrency-selector rules show classify --format markdown")
@click.argument("name", shell_complete=table_names)
@forms_option("text", "json", "markdown", "html", "yaml")
@tables_option
@click.pass_obj
def show_table(outer_rules: Path | None, name: str, form: str, rules: Path | None) -> None:
    """One table with its rules and their reasons. `facts` lists what a table may ask about, `classes` the classes of work;
    the name of a class shows when a workload is of it, what is recommended, and what else would cost.

    yaml is the file itself, to start your own from; json is what it holds.
    """
    from selector.decision.source import parse_yaml, read_text
    from selector.recommend.knowledge import all_tables
    from selector.report.tables import table_document
    from selector.text import quoted, suggestion

    tables = {table.name: table for table in all_tables(rules or outer_rules)}
    if name not in tables:
        beside = _beside_the_tables(tables["classify"], rules or outer_rules)
        if name not in beside:
            known = (*tables, *beside)
            raise SelectorError(f"no table {quoted(name)}{suggestion(name, known)}", f"one of {', '.join(known)}")
        if form == "yaml":
            raise click.UsageError(f"{name} is no table: leave --format yaml out.")
        data, document = beside[name]()
        _print_data(data) if form == "json" else print_as(document, form)
        return
    text = read_text(Path(tables[name].source))
    if form == "yaml":
        click.echo(text, nl=False)
        return
    if form == "json":
        _print_data(parse_yaml(text, tables[name].source).plain())
        return
    print_as(table_document(tables[name]), form)


def _beside_the_tables(classify: DecisionTable, folder: Path | None) -> dict[str, Callable[[], tuple[Any, Document]]]:
    """What can be shown beside the tables, by name: as data, and as a document."""
    from selector.pipeline import Selector
    from selector.recommend.facts import FACTS
    from selector.report.tables import facts_document
    from selector.report.workloads import class_data, class_document, classes_data, classes_document, classes_of

    def of_class(name: str) -> tuple[Any, Document]:
        """A class of work."""
        data = class_data(name, Selector(folder))
        return data, class_document(data)

    classes = classes_of(classify)
    return {
        "facts": lambda: (dict(FACTS), facts_document(FACTS)),
        "classes": lambda: (classes_data(classes), classes_document(classes)),
        **{name: partial(of_class, name) for name in classes},
    }


@rules.command("check", epilog="Example: concurrency-selector rules check my-table.yaml")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--notes", is_flag=True, help="Also show the notes: what is usual, and good to know.")
@forms_option("text", "json")
@_budget_option
@tables_option
@click.pass_obj
def check_tables(
    outer_rules: Path | None,
    files: tuple[str, ...],
    strict: bool,
    notes: bool,
    form: str,
    budget: float,
    rules: Path | None,
) -> None:
    """Prove the tables in use, or the table FILEs given: no gap, no conflict, no row that can never fire.

    Exit code 1: an error was found. Not proven in time is a warning, an error only with --strict.
    """
    from selector.decision.proofs.limits import Steps
    from selector.recommend.witnesses import verify_chain, with_tables, with_workloads
    from selector.report.rules import check_data, check_lines

    steps = Steps.within(budget)
    tables, bad = _read(files, rules or outer_rules)
    knowledge = with_tables([table for _, table in tables], rules or outer_rules)
    proofs = verify_chain([table for _, table in tables], knowledge, _SHARE_OF_PROOFS * steps.seconds_left)
    found = [
        (
            label,
            table,
            proof,
            with_workloads(proof.findings, table.name, knowledge, steps, notes=notes or form == "json"),
        )
        for (label, table), proof in zip(tables, proofs, strict=True)
    ]
    if form == "json":
        _print_data([check_data(*each) for each in found])
    for line in (line for each in found for line in check_lines(*each)) if form == "text" else ():
        say(line)
    _refuse_if(bad, files)
    counting = ("error", "warning") if strict else ("error",)
    if count := sum(finding.severity in counting for *_, each, _ in found for finding in each.findings):
        raise SelectorError(f"{' and '.join(f'{word}s' for word in counting)}: {count}", "mend the rows named above", 1)


@rules.command("test", epilog="Example: concurrency-selector rules test --rules ./my-rules")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--record", is_flag=True, help="Record the boundary cases as they are answered now (cases/NAME.jsonl).")
@forms_option("text", "json")
@_budget_option
@tables_option
@click.pass_obj
def test_tables(
    outer_rules: Path | None, files: tuple[str, ...], record: bool, form: str, budget: float, rules: Path | None
) -> None:
    """Run the examples of the tables in use, or of the table FILEs given, and cases at every bound of their cells.

    Exit code 1: something failed. Cases for which there is no time are named; they fail nothing.
    """
    from selector.decision.proofs.boundaries import record_cases
    from selector.decision.proofs.examples import run_table_test
    from selector.decision.proofs.limits import Steps
    from selector.recommend.witnesses import WHOLE
    from selector.report.rules import failure_text, test_data, test_lines

    folder = rules or outer_rules
    steps, results = Steps.within(budget), []
    tables, bad = _read(files, folder)
    for left, (label, table) in zip(range(len(tables), 0, -1), tables, strict=True):
        if record and (files or folder is None or Path(table.source).parent == folder):
            done = record_cases(table, WHOLE, Steps.within(steps.seconds_left / left / 2))
            told = f"{label}: {done.cases} cases, {done.new} new, {done.changed} changed, {done.gone} gone"
            say(f"recorded  {told}", err=form == "json")
        results.append((label, run_table_test(table, WHOLE, steps.seconds_left / left)))
        for line in test_lines(*results[-1]) if form == "text" else ():
            say(line)
    if form == "json":
        _print_data([test_data(*each) for each in results])
    _refuse_if(bad, files)
    if any(result.failed for _, result in results):
        raise SelectorError(*failure_text([result for _, result in results]), 1)


@rules.command("diff", epilog="Example: concurrency-selector rules diff my-table.yaml my-rules/engine.yaml")
@click.argument("old", type=click.Path(exists=True, path_type=Path))
@click.argument("new", type=click.Path(exists=True, path_type=Path))
@forms_option("text", "json")
@_budget_option
def diff_tables(old: Path, new: Path, form: str, budget: float) -> int:
    """Which inputs two tables, or two folders of tables, answer differently.

    Exit code 0: none; 1: some, or it is not known in time.
    """
    from selector.decision.proofs.diff import TABLE_GONE, TABLE_NEW, table_changes
    from selector.decision.proofs.limits import Steps
    from selector.pipeline import example_profiles
    from selector.recommend.witnesses import WHOLE, changed_answers, with_workloads
    from selector.report.rules import diff_data, diff_lines, flip_lines

    steps, found = Steps.within(budget), []
    (before, was), (after, now) = _sides(old, new)
    labels = list(dict.fromkeys([*before, *after]))
    for left, label in zip(range(len(labels), 0, -1), labels, strict=True):
        if label in before and label in after:
            seconds = _SHARE_OF_PROOFS * steps.seconds_left / left
            changes = table_changes(before[label], after[label], whole=WHOLE, seconds=seconds)
        else:
            changes = (TABLE_GONE if label in before else TABLE_NEW,)
        found.append((label, with_workloads(changes, label, now, steps)))
    profiles = example_profiles()
    flips = changed_answers(profiles, was, now)
    if form == "json":
        _print_data(diff_data(found, flips))
    else:
        for line in (*(line for each in found for line in diff_lines(*each)), *flip_lines(flips, len(profiles))):
            say(line)
    return int(bool(flips) or any(change.matters for _, changes in found for change, _ in changes))


def _read(files: Sequence[str], rules: Path | None) -> tuple[Tables, int]:
    """The tables in the files, or those in use if there are none; errors in files are told, and counted."""
    from selector.recommend.knowledge import all_tables

    if not files:
        return [(table.name, table) for table in all_tables(rules)], 0
    tables = []
    for file in files:
        try:
            tables.append((file, _table_in(file)))
        except SelectorError as error:
            report_error(error)
    return tables, len(files) - len(tables)


def _table_in(file: str) -> DecisionTable:
    from selector.decision import load_table

    if Path(file).is_dir():
        raise SelectorError(f"{file}: a folder, not a table", "name its files, or give it by --rules FOLDER")
    return load_table(Path(file))


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
