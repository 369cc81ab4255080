"""A report as a page that needs nothing else: drawn by concurrency-selector where it is installed, else as tables.

Its text is data: none of it is markup. The results that it was made from lie in it (`records.read_json` finds them).
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from blocks import Block, Bullets, Characters, Code, Fields, Lanes, Paragraph, Section, Table
from markdown import markdown
from records import DATA
from text import printable

PAGES = (".html", ".htm")
_NO_PICTURES = (
    "There are no pictures in this page, as the Python that wrote it has no concurrency-selector. One that has it draws"
    " them: python todos report results.json -o report.html"
)
_LOOK = """:root { color-scheme: light dark; } body { font: 1rem/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto;
padding: 1rem; overflow-wrap: anywhere; } table { border-collapse: collapse; font-size: .9rem; } th, td { text-align: left;
vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #8888; overflow-wrap: normal; } .r { text-align:
right; } .wide, pre { overflow-x: auto; } dt { font-weight: 600; } dd { margin: 0 0 .4rem; } h1 { font-size: 1.5rem; } h2 {
font-size: 1.15rem; margin-top: 2rem; } @media print { .wide, pre { overflow: visible; } pre { white-space: pre-wrap; } }"""


def written_for(file: Path, title: str, sections: Iterable[Section], data: str = "") -> str:
    """The sections as the name of the file asks for: a page for .html, else Markdown."""
    return page(title, sections, data) if file.suffix.lower() in PAGES else markdown(title, sections)


def page(title: str, sections: Iterable[Section], data: str = "") -> str:
    """The page; `data` is the JSON that it was made from."""
    kept = list(sections)
    try:
        from selector.report import blocks
        from selector.report.html import render_html

        document = blocks.Document(tuple(_theirs(section, blocks) for section in kept))
        return render_html(document, title, data or None)
    except (ImportError, AttributeError, TypeError):  # it is not there, or a version that knows other blocks
        return _plain(title, kept, data)


def _theirs(value: Any, blocks: ModuleType) -> Any:
    """A block as concurrency-selector has it: the class of the same name, with the same fields."""
    if not isinstance(value, tuple):
        return value
    parts = (_theirs(part, blocks) for part in value if not isinstance(part, Characters))
    return getattr(blocks, type(value).__name__)(*parts) if hasattr(value, "_fields") else tuple(parts)


# Without it -----------------------------------------------------------------------------------------------------------


def _plain(title: str, sections: Iterable[Section], data: str) -> str:
    body = [f"<h1>{_text(title)}</h1>", f"<p>{_text(_NO_PICTURES)}</p>"]
    for section in sections:
        body += [f"<h2>{_text(section.title)}</h2>"] * bool(section.title) + [_html(block) for block in section.blocks]
    inert = data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")  # only strings have such
    script = f"{DATA}{inert}</script>\n" if data else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{_text(title)}</title>\n<style>{_LOOK}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, body))
        + f"\n</main>\n{script}</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    """A block; of pictures their figures, where no table has them."""
    if isinstance(block, Paragraph):
        return f"<p>{_text(block.text)}</p>"
    if isinstance(block, Fields):
        return f"<dl>{''.join(f'<dt>{_text(label)}</dt><dd>{_text(text)}</dd>' for label, text in block.pairs)}</dl>"
    if isinstance(block, Bullets):
        return f"<ul>{''.join(f'<li>{_text(text)}{_list(points)}</li>' for text, points in block.items)}</ul>"
    if isinstance(block, Lanes):
        return _table(block.table())
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, (Code, Characters)):
        return f'<pre tabindex="0">{html.escape(chr(10).join(map(printable, block.text.split(chr(10)))))}</pre>'
    return ""


def _list(points: tuple[str, ...]) -> str:
    return f"<ul>{''.join(f'<li>{_text(point)}</li>' for point in points)}</ul>" if points else ""


def _table(table: Table) -> str:
    sides = [' class="r"' if side == "r" else "" for side in table.align]

    def row(cells: tuple[str, ...], tag: str) -> str:
        return "".join(f"<{tag}{side}>{_text(cell)}</{tag}>" for cell, side in zip(cells, sides, strict=True))

    body = "\n".join(f"<tr>{row(cells, 'td')}</tr>" for cells in table.rows)
    return f'<div class="wide" tabindex="0"><table>\n<thead><tr>{row(table.header, "th")}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _text(text: str) -> str:
    return html.escape(" ".join(printable(text).split()))
