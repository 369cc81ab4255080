"""A report in Markdown. Text that came with the tasks, or with a file of results, is data: nothing of it is mark-up."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from blocks import Block, Bullets, Characters, Code, Fields, Paragraph, Section, Table
from text import printable


def markdown(title: str, sections: Iterable[Section]) -> str:
    """The sections under a title; what has none stands before the others."""
    parts = [f"# {escaped(title)}"]
    for section in sections:
        parts += [f"## {escaped(section.title)}"] * bool(section.title) + [told(section.blocks)]
    return "\n\n".join(parts) + "\n"


def told(blocks: Iterable[Block]) -> str:
    """Blocks in their order; of pictures those in characters, as the figures of all stand in tables."""
    return "\n\n".join(filter(None, map(_told, blocks)))


def _told(block: Block) -> str:
    if isinstance(block, Paragraph):
        return escaped(block.text)
    if isinstance(block, Fields):
        return "\n".join(f"- {escaped(label)}: {escaped(text)}" for label, text in block.pairs)
    if isinstance(block, Bullets):
        return "\n".join(
            "\n".join([f"- {escaped(text)}", *(f"  - {escaped(point)}" for point in points)])
            for text, points in block.items
        )
    if isinstance(block, Table):
        rows = tuple(tuple(map(escaped, row)) for row in block.rows)
        return written(block._replace(header=tuple(map(escaped, block.header)), rows=rows))
    if isinstance(block, (Code, Characters)):
        # by indentation: no text can end it
        return "\n".join(f"    {printable(line)}" for line in block.text.split("\n"))
    return ""


def written(table: Table) -> str:
    """A table whose cells are Markdown already."""
    rule = ["---" if side == "l" else "---:" for side in table.align]
    return "\n".join(f"| {' | '.join(line)} |" for line in (table.header, rule, *table.rows))


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: no mark-up, no HTML, no link, no end of a table's cell."""
    shown = html.escape(re.sub(r"([\\`*_\[\]|~#!$])", r"\\\1", printable(text)), quote=False)
    return re.sub(r"(?i)(\bwww)\.|:(?=//)", lambda found: f"{found[1]}\\." if found[1] else "\\:", shown)
