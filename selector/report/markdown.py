"""Renders a document as Markdown (CommonMark with pipe tables). Text from users cannot become markup."""

from __future__ import annotations

import re

from selector.report.blocks import (
    Bands,
    Bars,
    Block,
    Bullets,
    Code,
    Curve,
    Document,
    Fields,
    Lanes,
    Paragraph,
    Path,
    Table,
)
from selector.text import printable

_CODE = re.compile(r"(`[^`|]+`)")
_WORD = r"(?:[\w./:=~+,-]*[\w/~-]|>|'[^'`|]*')"
_COMMAND = re.compile(rf"(?<![\w`/])(concurrency-selector(?: {_WORD})+)")  # one that a reader copies
_MARKUP = re.compile(r"([\\`*_\[\]<>|#~&])")
_BLOCK_START = re.compile(r"^(\d*)([-+.)=])(?=[-=\s]|$)")  # what would begin a list, a rule or a heading


def render_markdown(document: Document) -> str:
    """The document as Markdown text, ending in a line break."""
    parts = []
    for section in document.sections:
        parts.append(f"## {_escaped(section.title)}" if section.title else "")
        parts += [_block(block) for block in section.blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


def _escaped(text: str) -> str:
    """One line of inert text; what stands between backticks, and a command of ours, is code: nothing in it is escaped."""
    parts = code_and_words(" ".join(printable(text).split()))
    escaped = "".join(f"`{part}`" if is_code else _MARKUP.sub(r"\\\1", part) for part, is_code in parts)
    return _BLOCK_START.sub(r"\1\\\2", escaped)


def code_and_words(text: str) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether it is code: what stands between backticks, and commands of ours."""
    halves = _CODE.split(text)
    pieces = [
        piece
        for i, half in enumerate(halves)
        for piece in ([(half[1:-1], True)] if i % 2 else [(p, bool(j % 2)) for j, p in enumerate(_COMMAND.split(half))])
    ]
    return [piece for piece in pieces if piece[0]]


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return _escaped(text)
        case Fields(pairs):
            return "\n".join(
                f"- **{_escaped(label)}:** {_escaped(value)}" if label else f"  - {_escaped(value)}"
                for label, value in pairs
            )
        case Bullets(items, numbered):
            return "\n".join(_item(i, text, points, numbered) for i, (text, points) in enumerate(items, start=1))
        case Table(header, rows, align):
            rule = " | ".join("---:" if side == "r" else "---" for side in align or "l" * len(header))
            head, *lines = (" | ".join(map(_escaped, line)) for line in (header, *rows))
            return "\n".join(f"| {line} |" for line in (head, rule, *lines))
        case Bands(axis, _, _):
            return _block(Table((axis, "answer"), block.rows()))
        case Code(text, language):
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
            return f"{fence}{language}\n{printable(text).rstrip()}\n{fence}"
        case Path():
            return _block(Bullets(block.items(), numbered=True))
        case Bars() | Curve() | Lanes():
            return ""


def _item(number: int, text: str, points: tuple[str, ...], numbered: bool) -> str:
    mark = f"{number}. " if numbered else "- "
    return "\n".join([f"{mark}{_escaped(text)}", *(f"{' ' * len(mark)}- {_escaped(point)}" for point in points)])
