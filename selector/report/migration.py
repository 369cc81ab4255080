"""A migration guide as a document."""

from __future__ import annotations

from collections.abc import Iterable

from selector.migration.guide import MigrationGuide
from selector.report.blocks import Block, Code, Document, Fields, Paragraph, Section, Table, bullets


def migration_document(guide: MigrationGuide) -> Document:
    """The whole guide from one approach to another."""
    title = f"From {guide.from_title} to {guide.to_title}"
    effort = Fields((("Effort", guide.effort.capitalize()), ("Why", guide.effort_reason)))
    if guide.effort == "none":
        return Document((Section(title, (effort, bullets(*guide.steps))),))
    head = Section(title, (effort, *_list_if("Needs:", guide.needs)))
    sections = [head, Section("Steps", (bullets(*guide.steps, numbered=True),))]
    if guide.engines:
        rows = tuple((e.title, e.choose_when) for e in guide.engines)
        sections.append(Section("Which engine", (Table(("engine", "when"), rows),)))
    for heading, lines in (
        ("Pitfalls", guide.pitfalls),
        ("How to roll back", guide.rollback),
        ("What to measure", guide.measure),
        ("Sources", guide.sources),
    ):
        if lines:
            sections.append(Section(heading, (bullets(*lines),)))
    sections.append(Section(f"Before: {guide.from_title}", (Code(guide.before_code),)))
    sections.append(Section(f"After: {guide.to_title}", (Code(guide.after_code),)))
    return Document(tuple(sections))


def _list_if(title: str, lines: Iterable[str]) -> tuple[Block, ...]:
    found = tuple(lines)
    return (Paragraph(title), bullets(*found)) if found else ()
