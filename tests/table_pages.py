"""The documentation page of a decision table, made from the table: docs/tables/NAME.md, which a test holds to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from selector.decision import DecisionTable
from selector.decision.source import read_text
from selector.recommend.knowledge import CHAIN
from selector.report.blocks import Code, Document, Paragraph, Section
from selector.report.markdown import render_markdown
from selector.report.tables import table_document

_CHAIN_LINK = "[the chain](../how-it-decides.md#the-nine-tables)"
_BESIDE_THE_CHAIN = {
    "migration_effort": "Asked for the way from the approach of today to the one recommended, and by `migrate`.",
    "joints": "Asked for each pair of parts of [a system](../systems.md) of which one feeds the other.",
}
_EXAMPLES_SHOWN = 3


def table_page(table: DecisionTable, meanings: Mapping[str, str]) -> str:
    """The page as Markdown: what the table is for, who asks it, then all that `rules show` says, and some examples."""
    file = Path(table.source)
    known = {column.name: meanings[column.name] for column in table.inputs if column.name in meanings}
    shown = table_document(replace(table, source=f"{file.parent.name}/{file.name}"), known)
    head = [f"# {table.title}", "<!-- made by `UPDATE_GOLDEN=1 pytest tests/test_table_pages.py` -->"]
    body = render_markdown(Document((*shown.sections, *_examples(table))))
    return "\n\n".join([*head, *_purpose(file), _place(table.name), body])


def _purpose(file: Path) -> Iterator[str]:
    """The comment that the file begins with, if it does; not the line for editors."""
    comment = takewhile(lambda line: line.startswith("#"), read_text(file).splitlines())
    lines = [line.removeprefix("#").strip() for line in comment if not line.startswith("# yaml-language-server:")]
    if lines:
        yield "\n".join(lines)


def _place(name: str) -> str:
    """Which step of the chain asks the table."""
    if name not in CHAIN:
        return f"It is beside {_CHAIN_LINK}. {_BESIDE_THE_CHAIN.get(name, '')}".rstrip()
    names = list(CHAIN)
    place = names.index(name)
    around = [f"{word} [`{names[i]}`]({names[i]}.md)" for word, i in (("after", place - 1), ("before", place + 1))
              if 0 <= i < len(names)]  # fmt: skip
    return f"Step {place + 1} of {len(names)} of {_CHAIN_LINK}, {' and '.join(around)}."


def _examples(table: DecisionTable) -> Iterator[Section]:
    """How many cases the table carries, and the first of them."""
    shown = table.examples[:_EXAMPLES_SHOWN]
    if shown:
        lines = [f"- {json.dumps({'given': case.given, 'expect': case.expect})}" for case in shown]
        count = Paragraph(f"{len(table.examples)} in the file, to which `rules test` holds the table. The first:")
        yield Section("Examples", (count, Code("\n".join(lines), "yaml")))
