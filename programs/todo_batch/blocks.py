"""What a report is made of before it is Markdown or a page: sections of blocks, in which all text is data.

They have the names and fields that concurrency-selector has for them, so that it can draw them where it is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Union


class Paragraph(NamedTuple):
    """Running text."""

    text: str


class Fields(NamedTuple):
    """Labelled lines."""

    pairs: tuple[tuple[str, str], ...]


class Bullets(NamedTuple):
    """A list; an item may have points of its own below it."""

    items: tuple[tuple[str, tuple[str, ...]], ...]


class Table(NamedTuple):
    """Rows under a header; `align` has a letter for each column: `l` for words, `r` for numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str


class Code(NamedTuple):
    """Text that is shown as it is."""

    text: str


class Characters(NamedTuple):
    """The picture that stands before it, drawn in characters: for where it cannot be drawn otherwise."""

    text: str


class Bar(NamedTuple):
    """A figure: whose it is, its size, how it is said, the ends of its range."""

    name: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None


class Bars(NamedTuple):
    """Figures as bars from zero; `limit` is one that matters, with its name. They stand in a table, too."""

    title: str
    axis: str
    bars: tuple[Bar, ...]
    limit: tuple[float, str] | None = None


class Curve(NamedTuple):
    """Points (across, up, note), and the law that fits them."""

    title: str
    across: str
    up: str
    points: tuple[tuple[float, float, str], ...]
    law: tuple[tuple[float, float], ...] = ()
    limit: tuple[float, str] | None = None


class Lane(NamedTuple):
    """Somebody who was busy from time to time: from when to when, and figures about them."""

    name: str
    spans: tuple[tuple[float, float], ...]
    figures: tuple[str, ...]


class Lanes(NamedTuple):
    """Who was busy when, from 0 to `end`; `heads` are the titles of the lanes' figures, aligned as in a table."""

    title: str
    axis: str
    end: float
    lanes: tuple[Lane, ...]
    heads: tuple[str, ...]
    align: str

    def table(self) -> Table:
        """The figures of each lane."""
        return Table(("", *self.heads), tuple((lane.name, *lane.figures) for lane in self.lanes), f"l{self.align}")


Block = Union[Paragraph, Fields, Bullets, Table, Code, Characters, Bars, Curve, Lanes]  # noqa: UP007  # Python 3.10


class Section(NamedTuple):
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


_WORDS = {"Approach", "Schedule", "Why", "Thrown in", "Verdict", "Risk", "What we do", "In this run", "What"}


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    """A table whose numbers stand at the right of their columns."""
    return Table(header, tuple(rows), "".join("l" if title in _WORDS else "r" for title in header))


def bullets(*items: str) -> Bullets:
    """A plain list."""
    return Bullets(tuple((item, ()) for item in items))
