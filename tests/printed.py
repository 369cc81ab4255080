"""What is printed, for tests: a document as text of some width, and what a Markdown text is made of."""

from __future__ import annotations

import io

from markdown_it import MarkdownIt

from selector.report.blocks import Document
from selector.report.terminal import console_for, print_document

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
#: What our own documents are made of; whatever else appears was smuggled in.
OURS = {
    "heading", "paragraph", "bullet_list", "ordered_list", "list_item", "inline", "text", "strong", "softbreak", "fence",
    "table", "thead", "tbody", "tr", "th", "td", "code_inline",
}  # fmt: skip


def text_of(document: Document, columns: int = 80) -> str:
    """What goes into a pipe, or to a terminal of that width."""
    stream = io.StringIO()
    console = console_for(stream)
    console.width = columns
    print_document(document, console)
    return stream.getvalue()


def flat(document: Document, columns: int = 80) -> str:
    """The text with every run of blanks as one."""
    return " ".join(text_of(document, columns).split())


def kinds(markdown: str) -> set[str]:
    """The kinds of elements in a Markdown text, without `_open` and `_close`."""
    tokens = [t for token in MARKDOWN.parse(markdown) for t in (token, *(token.children or ()))]
    return {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}


def shown_by(markdown: str) -> str:
    """The text that a reader of the rendered Markdown sees."""
    lines = [
        "".join(t.content if t.type in ("text", "code_inline") else " " for t in token.children or ())
        for token in MARKDOWN.parse(markdown)
    ]
    return "\n".join(lines)
