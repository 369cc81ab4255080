"""A document as plain data: titled sections of blocks. Renderers turn it into terminal text or Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from selector.text import number


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Fields:
    """Labelled lines: `Approach: asyncio`."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list, numbered or not; an item may have points of its own below it."""

    items: tuple[tuple[str, tuple[str, ...]], ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; every row has as many cells as the header.

    `align` makes it a table of figures: a letter for each column, `l` for words and `r` for numbers. Numbers are never
    broken over two lines; the header and words are, where there is little room. `spare` are the titles of columns that
    are left out, the first first, where there is no room for all of them even so.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str = ""
    spare: tuple[str, ...] = ()

    def without(self, title: str) -> Table:
        """The same without a column."""
        place = self.header.index(title)

        def rest(line: tuple[str, ...]) -> tuple[str, ...]:
            return line[:place] + line[place + 1 :]

        align = self.align[:place] + self.align[place + 1 :]
        spare = tuple(other for other in self.spare if other != title)
        return Table(rest(self.header), tuple(map(rest, self.rows)), align, spare)


@dataclass(frozen=True, slots=True)
class Bands:
    """Stretches of a logarithmic axis, each with what holds there: (first value, last value, what), without gaps.

    `current` is where we are, if anywhere.
    """

    axis: str
    current: float | None
    stretches: tuple[tuple[float, float, str], ...]

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Each stretch in words, with what holds there."""
        last = len(self.stretches) - 1

        def where(place: int, low: float, high: float) -> str:
            """`below 10`, `10 to 100`, `from 100`."""
            if place == 0:
                return f"below {number(high)}" if last else "everywhere"
            return f"from {number(low)}" if place == last else f"{number(low)} to {number(high)}"

        return tuple((where(i, low, high), what) for i, (low, high, what) in enumerate(self.stretches))


@dataclass(frozen=True, slots=True)
class Code:
    """Program text, shown as it is."""

    text: str
    language: str = "python"


Block = Paragraph | Fields | Bullets | Table | Bands | Code


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it; without a title there is no heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """Sections in reading order."""

    sections: tuple[Section, ...]


def bullets(*items: str, numbered: bool = False) -> Bullets:
    """A plain list of sentences."""
    return Bullets(tuple((item, ()) for item in items), numbered)
