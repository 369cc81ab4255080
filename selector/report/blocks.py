"""A document as plain data: titled sections of blocks. Renderers turn it into terminal text, Markdown or HTML."""

from __future__ import annotations

from dataclasses import dataclass

from selector.text import number, significant


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


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure: whose it is, its size, how it is said, the ends of its range where they are known, and the kind of it.

    Bars of one `kind` have one colour: what was predicted, say, and what was measured.
    """

    name: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    kind: str = ""

    def range_text(self) -> str:
        """`1.8 to 2.1`, nothing where it is not known."""
        if self.low is None or self.high is None or self.low == self.high:
            return ""
        return f"{number(significant(self.low, 3))} to {number(significant(self.high, 3))}"


@dataclass(frozen=True, slots=True)
class Bars:
    """Figures as bars that begin at zero; `axis` is what they are, with its unit, `limit` one that matters, with its name.

    A picture of what stands in words elsewhere: Markdown leaves it out. HTML has a table of the figures beside it.
    """

    title: str
    axis: str
    bars: tuple[Bar, ...]
    limit: tuple[float, str] | None = None

    def table(self) -> Table:
        """The figures, a row each; the limit is in the last."""
        ranged = any(map(Bar.range_text, self.bars))
        kinds = any(bar.kind for bar in self.bars)
        rows = [
            (bar.name, *((bar.kind,) if kinds else ()), bar.text, *((bar.range_text(),) if ranged else ()))
            for bar in self.bars
        ]
        if self.limit is not None:
            rows.append((self.limit[1], *(("",) if kinds else ()), number(self.limit[0]), *(("",) if ranged else ())))
        header = ("", *(("which",) if kinds else ()), self.axis, *(("range",) if ranged else ()))
        return Table(header, tuple(rows), f"l{'l' * kinds}r{'r' * ranged}")


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (across, up, note) and the law that was fitted to them as a line of such points without a note.

    `limit` is a place across that matters, with its name. Like bars, it shows what stands in words elsewhere.
    """

    title: str
    across: str
    up: str
    points: tuple[tuple[float, float, str], ...]
    law: tuple[tuple[float, float], ...] = ()
    limit: tuple[float, str] | None = None

    def table(self) -> Table:
        """The points, a row each, with what the law says there."""
        said = dict(self.law)
        rows = tuple(
            (number(x), number(significant(y, 3)), number(significant(said[x], 3)) if x in said else "", note)
            for x, y, note in self.points
        )
        return Table((self.across, self.up, "by the law", "note"), rows, "rrrl")


@dataclass(frozen=True, slots=True)
class Lane:
    """Somebody who was busy from time to time: the stretches (from, until), and figures about them, in words."""

    name: str
    spans: tuple[tuple[float, float], ...]
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lanes:
    """Who was busy when, a lane each, from 0 to `end`; `axis` says what is counted along it.

    `heads` are the titles of the lanes' figures, `align` as in a table. Like a curve, it is for pages alone.
    """

    title: str
    axis: str
    end: float
    lanes: tuple[Lane, ...]
    heads: tuple[str, ...]
    align: str

    def table(self) -> Table:
        """The figures of each lane."""
        return Table(("", *self.heads), tuple((lane.name, *lane.figures) for lane in self.lanes), f"l{self.align}")


@dataclass(frozen=True, slots=True)
class Path:
    """A way through decisions: (who decides, what is decided, why), in order."""

    steps: tuple[tuple[str, str, str], ...]

    def items(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The same as items of a list."""
        return tuple(
            (f"{who}{' ' if who.endswith('?') else ': '}{what}" if what else who, (why,) if why else ())
            for who, what, why in self.steps
        )


Block = Paragraph | Fields | Bullets | Table | Bands | Code | Bars | Curve | Lanes | Path


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
