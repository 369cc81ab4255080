"""Renders a document as one HTML page that stands alone: no script runs in it, and it loads nothing (its CSP says so).

All text is data: escaped by Jinja2, with control and bidi characters as their escapes, and cut where nobody would read
on. Beside each picture is a table of its figures. The JSON that a page was made from lies in it as data, so that a page
can be read back (`data_of`).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from selector.errors import SelectorError
from selector.report.blocks import Bands, Bars, Block, Curve, Document, Lanes, Table
from selector.report.charts import Picture, drawn, letter, title_of
from selector.report.markdown import code_and_words
from selector.text import cut, one_line, printable
from selector.version import VERSION

if TYPE_CHECKING:
    from jinja2 import Template

MOST_BYTES = 300_000
DATA_ID = "concurrency-selector-data"
_OPENS, _CLOSES = f'<script type="application/json" id="{DATA_ID}">', "</script>"
_LONGEST_LINE, _LONGEST_TEXT, _LONGEST_CODE = 160, 1_200, 20_000
#: What is in it is shown by what shows no frames: a notebook that is not trusted.
_FRAME = (
    '<iframe sandbox="" srcdoc="{page}" title="{title}" style="width: 100%; height: 36rem; border: 1px solid #8888;'
    ' resize: vertical; overflow: auto">{title}: trust this notebook to see it, or print(..._repr_markdown_())</iframe>'
)
_TOO_LARGE = "The JSON that this was made from is too large to be in here, too."


def render_html(document: Document, title: str, data: str | None = None) -> str:
    """The document as a whole page under a title; `data` is the JSON that it was made from.

    Its first section is the answer, which stands out. At most 300,000 bytes: a page that would be larger is left without
    its data.
    """
    page = _rendered(document, title, data)
    return page if len(page.encode()) <= MOST_BYTES else _rendered(document, title, None, _TOO_LARGE)


def render_frame(document: Document, title: str) -> str:
    """The page in a frame, for a notebook: styles, names and text in it reach nothing of the notebook, nor these it."""
    from markupsafe import Markup

    values = {"page": _rendered(document, title, None), "title": one_line(printable(title), _LONGEST_LINE)}
    return str(Markup(_FRAME).format_map(values))  # noqa: S704  # escapes what is put into it


def data_of(page: str) -> str | None:
    """The JSON that a page was made from; None where none is in it."""
    _, opened, rest = page.partition(_OPENS)
    return rest.partition(_CLOSES)[0] if opened else None


def _rendered(document: Document, title: str, data: str | None, note: str = "") -> str:
    from markupsafe import Markup

    inert = "".join(_in_json(sign) for sign in data or "")
    page: str = _template().render(title=title, note=note, sections=document.sections, data=Markup(inert))  # noqa: S704
    return page


def _in_json(sign: str) -> str:
    """A character of JSON text, which nothing of HTML is in and nothing invisible: only strings have such."""
    if sign in "&<>":
        return f"\\u{ord(sign):04x}"
    return sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1]


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def side(table: Table, place: int) -> Markup:
        """The class of a cell of numbers."""
        return Markup(' class="r"') if table.align[place : place + 1] == "r" else Markup()

    def draw(block: Picture, key: str) -> Markup:
        """The picture."""
        return Markup(drawn(block, key))  # noqa: S704  # made by us, of shapes and words

    known: dict[str, Any] = {
        "draw": draw,
        "version": VERSION,
        "data_id": DATA_ID,
        "pieces": lambda text: code_and_words(cut(" ".join(printable(text).split()), _LONGEST_TEXT)),
        "line": lambda text: one_line(printable(text), _LONGEST_LINE),
        "code": lambda text: cut(printable(text).rstrip(), _LONGEST_CODE),
        "kind_of": lambda block: type(block).__name__,
        "title_of": title_of,
        "table_of": table_of,
        "side": side,
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.globals |= known
    return environment.from_string(File(__file__).with_name("page.html").read_text("utf-8"))


def table_of(block: Block) -> Table:
    """The table that holds the figures of a picture."""
    match block:
        case Bars() | Curve() | Lanes():
            return block.table()
        case Bands(axis, current, stretches):
            rows = []
            for place, ((where, what), (low, high, _)) in enumerate(zip(block.rows(), stretches, strict=True)):
                here = "here" if current is not None and low <= current < high else ""
                rows.append((letter(place), where, what, here))
            return Table(("", axis, "answer", "now"), tuple(rows), "llll")
        case _:
            raise SelectorError("only pictures have a table", exit_code=1)
