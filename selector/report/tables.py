"""The decision tables as documents: a list of them, one of them with all of its rows, and the facts they ask about."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from selector.decision import DecisionTable
from selector.decision.cells import ANYTHING, Cell, cell_text
from selector.decision.table import Input, Output
from selector.report.blocks import Bullets, Document, Fields, Section, Table, bullets
from selector.text import value_text

ALWAYS = "always"  # the condition of a row without tests


def tables_document(tables: Sequence[DecisionTable]) -> Document:
    """The tables in use, a line each, and the folders they come from."""
    folders = list(dict.fromkeys(str(Path(t.source).parent) for t in tables))
    many = len(folders) > 1
    rows = tuple(
        (
            t.name,
            t.hit_policy,
            str(len(t.rules)),
            *((str(folders.index(str(Path(t.source).parent)) + 1),) if many else ()),
            t.title,
        )
        for t in tables
    )
    header = ("table", "policy", "rules", *(("folder",) if many else ()), "title")
    where = bullets(*folders, numbered=many)
    return Document((Section("Decision tables", (Table(header, rows),)), Section("Folders", (where,))))


def table_document(table: DecisionTable, meanings: Mapping[str, str] | None = None) -> Document:
    """One table: inputs (with their meanings, if given), outputs, and each rule with its tests, outputs and reason."""
    policy = f"{table.hit_policy}, {table.aggregate}" if table.aggregate else table.hit_policy
    head = Fields((("Title", table.title), ("Hit policy", policy), ("File", table.source)))
    inputs = Table(
        ("input", "type", "values", *(("meaning",) if meanings else ())),
        tuple(
            (c.name, c.type + _optional(c), _domain(c), *((meanings.get(c.name, ""),) if meanings else ()))
            for c in table.inputs
        ),
    )
    outputs = Table(
        ("output", "values"),
        tuple((c.name, ", ".join(map(str, c.values)) if c.values else c.type or "any") for c in table.outputs),
    )
    default = (Fields((("Where no row matches", _output(table.default)),)),) if table.default is not None else ()
    rules = tuple(
        (
            f"{rule.id}: {_then(rule.outputs)}",
            (f"when {when_text(table, rule.cells)}", *((rule.because,) if rule.because else ())),
        )
        for rule in table.rules
    )
    return Document(
        (
            Section(f"Table {table.name}", (head,)),
            Section("Inputs", (inputs,)),
            Section("Outputs", (outputs, *default)),
            Section("Rules", (Bullets(rules, numbered=True),)),
        )
    )


def _optional(column: Input) -> str:
    return ", may be unknown" if column.optional else ""


def _domain(column: Input) -> str:
    if column.values is None:
        return "any"
    return ", ".join(map(str, column.values)) if isinstance(column.values, tuple) else cell_text(column.values)


def _then(outputs: dict[str, bool | int | float | str | None]) -> str:
    return ", ".join(f"{name} = {value_text(value)}" for name, value in outputs.items())


def _output(output: Output) -> str:
    """What a table answers, in the shape that its hit policy gives."""
    if isinstance(output, dict):
        return _then(output)
    return "; ".join(map(_then, output)) or "none" if isinstance(output, list) else value_text(output)


def when_text(table: DecisionTable, cells: tuple[Cell, ...], without: Container[str] = ()) -> str:
    """The tests of a row, but for those of some inputs."""
    asked = zip(table.inputs, cells, strict=True)
    tests = [f"{c.name}: {cell_text(t)}" for c, t in asked if t is not ANYTHING and c.name not in without]
    return "; ".join(tests) if tests else ALWAYS


def facts_document(facts: dict[str, str]) -> Document:
    """Every fact that a table may ask about."""
    return Document((Section("Facts", (Table(("fact", "meaning"), tuple(facts.items())),)),))
