r"""What MkDocs does to our pages before it renders them: they are written as GitHub reads them, and Python-Markdown differs.

It takes a list as nested where that stands four deep, as begun only after an empty line, and `\|` in code of a table as
two characters.
"""

from __future__ import annotations

import re
from typing import Any

_FENCE = re.compile(r"(?ms)^(```.*?^```)$")
_MARKER = re.compile(r"(?:[-*]|\d+\.) +")
_CODE = re.compile(r"`[^`]*`")
_DEEP = 4


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The text of a page as Python-Markdown reads it; MkDocs calls this of each."""
    pieces = _FENCE.split(markdown)
    return "".join(piece if place % 2 else _reindented(piece) for place, piece in enumerate(pieces))


def _reindented(text: str) -> str:
    """Text without code blocks, each line of a list four deep for each list that it is in."""
    lines = [""]
    columns: list[int] = []  # where the text begins of each item that this line may belong to
    for line in text.split("\n"):
        bare = line.lstrip(" ")
        indent = len(line) - len(bare)
        marker = _MARKER.match(bare)
        if marker and lines[-1] and not columns:
            lines.append("")
        if bare and (marker or indent or not lines[-1]):
            columns = [column for column in columns if column <= indent]
        deep = " " * _DEEP * len(columns) if columns else line[:indent]
        lines.append(deep + _with_plain_pipes(bare) if bare else "")
        if marker:
            columns.append(indent + len(marker[0]))
    return "\n".join(lines[1:])


def _with_plain_pipes(line: str) -> str:
    """A row of a table with the pipes of its code as they are."""
    return _CODE.sub(lambda code: code[0].replace(r"\|", "|"), line) if line.startswith("|") else line
