"""Renders a document for a terminal or a pipe with rich: at most 100 columns, colours only where they are welcome."""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING, Literal, TextIO

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
from selector.text import one_line, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_PIPE_COLUMNS = 80
_MOST_COLUMNS = 100


def console_for(file: TextIO | None = None) -> Console:
    """A console on `file` (standard output): the terminal's width up to 100, 80 in a pipe.

    With NO_COLOR (no-color.org) it is plain text: neither colours nor bold.
    """
    from rich.console import Console

    out = file or sys.stdout
    plain = Console(file=out, highlight=False, markup=False, emoji=False, soft_wrap=False)
    width = min(plain.width, _MOST_COLUMNS) if plain.is_terminal else _PIPE_COLUMNS
    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return Console(file=out, width=max(width, 40), color_system=colours, highlight=False, markup=False, emoji=False)


def print_document(document: Document, console: Console) -> None:
    """Print every section under its heading, without blanks at the ends of lines."""
    with console.capture() as captured:
        for number, section in enumerate(document.sections):
            if number:
                console.print()
            if section.title:
                console.print(f"=== {printable(section.title)} ===", style="bold")
            for block in section.blocks:
                if isinstance(block, (Curve, Lanes)):
                    continue  # a terminal has no room for one: what it shows stands in words beside it
                # Code stays in whole lines, so that it can be copied.
                console.print(_renderable(block, console.width), soft_wrap=isinstance(block, Code))
    console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _renderable(block: Block, columns: int) -> RenderableType:
    from rich.text import Text

    match block:
        case Paragraph(text):
            return Text(printable(text))
        case Fields(pairs):
            return _grid([(Text(f"{printable(k)}:" if k else "", style="cyan"), Text(printable(v))) for k, v in pairs])
        case Bullets(items, numbered):
            return _list(items, numbered)
        case Table(header, rows, align) if align:
            return _figures(block, columns)
        case Table(header, rows):
            return _table(header, rows)
        case Bands():
            return _bands(block, columns)
        case Code(text, _):
            return Text(printable(text).rstrip())
        case Path():
            return _list(block.items(), numbered=True)
        case Bars():
            return _bars(block, columns)
        case Curve() | Lanes():
            return Text("")


def _grid(rows: list[tuple[RenderableType, RenderableType]]) -> RenderableType:
    from rich.table import Table as Grid

    grid = Grid.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid


def _list(items: tuple[tuple[str, tuple[str, ...]], ...], numbered: bool) -> RenderableType:
    from rich.text import Text

    rows: list[tuple[RenderableType, RenderableType]] = []
    for number, (text, points) in enumerate(items, start=1):
        rows.append((Text(f"{number}." if numbered else "-"), Text(printable(text))))
        rows += [(Text(""), _grid([(Text("-", style="dim"), Text(printable(point)))])) for point in points]
    return _grid(rows)


def _table(header: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> RenderableType:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=box.ASCII2 if not _utf8() else box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in header:
        grid.add_column(Text(printable(title)), overflow="fold")
    for row in rows:
        grid.add_row(*(Text(printable(cell)) for cell in row))
    return grid


def _figures(table: Table, columns: int) -> RenderableType:
    """A table of numbers, which are never broken. Where there is little room, the header breaks between its words, then
    the columns move closer, then the words in the cells break, then what can be spared is left out; what is still too
    wide becomes a list, with all columns, an item each row.
    """
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    table, fits = _spared(table, columns)
    head, *body = _shown(table)
    if not fits:
        return _list(tuple(_told(head, line) for line in body), numbered=False)
    align, gaps = table.align, len(head) - 1
    wide, broken, narrowest = _widths(head, body, align)
    widths, gap = next(
        ((w, g) for w, g in ((wide, 2), (broken, 2), (broken, 1)) if sum(w) + g * gaps <= columns), (broken, 1)
    )
    while sum(widths) + gap * gaps > columns:
        widths[max((i for i, least in enumerate(narrowest) if widths[i] > least), key=widths.__getitem__)] -= 1
    style = box.SIMPLE_HEAD if _utf8() else box.ASCII2
    grid = Grid(box=style, pad_edge=False, show_edge=False, padding=(0, gap - 1, 0, 0))
    for title, side, width in zip(head, align, widths, strict=True):
        grid.add_column(Text(title), justify="right" if side == "r" else "left", width=width, overflow="fold")
    for line in body:
        grid.add_row(*map(Text, line))
    return grid


def _shown(table: Table) -> list[list[str]]:
    """The lines of a table as they are shown, the header first."""
    plus_minus = "±" if _utf8() else "+/-"
    return [[printable(cell).replace("±", plus_minus) for cell in line] for line in (table.header, *table.rows)]


def _spared(table: Table, columns: int) -> tuple[Table, bool]:
    """A table with as many of its spare columns as there is room for, and whether it fits; whole where none helps."""
    left = table
    while True:
        head, *body = _shown(left)
        if sum(_widths(head, body, left.align)[2]) + len(head) - 1 <= columns:
            return left, True
        if not left.spare:
            return table, False
        left = left.without(left.spare[0])


def _widths(head: list[str], body: list[list[str]], align: str) -> tuple[list[int], list[int], list[int]]:
    """The width of each column with its header in one line, with the header broken, and with words broken as well."""
    from rich.cells import cell_len

    def longest(texts: list[str]) -> int:
        return max((cell_len(line) for text in texts for line in text.split("\n")), default=0)

    wide, broken, narrowest = [], [], []
    for i, (title, side) in enumerate(zip(head, align, strict=True)):
        cells = [line[i] for line in body]
        word, cell = longest(title.split()), longest(cells)
        wide.append(max(longest([title]), cell, 1))
        broken.append(max(word, cell, 1))
        narrowest.append(max(word, longest([w for text in cells for w in text.split()]) if side == "l" else cell, 1))
    return wide, broken, narrowest


_BAND_COLUMNS = 60  # the width of an axis; with its margin it fits a terminal of 64 columns
_BAND_COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")


def _bands(block: Bands, columns: int) -> RenderableType:
    """An axis with its powers of ten, below it a letter for what holds at each place, and what the letters mean."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    width = min(_BAND_COLUMNS, columns - 4)
    low, high = block.stretches[0][0], block.stretches[-1][1]
    scale = width / math.log10(high / low)

    def column(value: float) -> int:
        return max(0, min(width - 1, int(math.log10(value / low) * scale))) if value > low else 0

    powers = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    ticks = Text("  ")
    for power in powers:
        label = f"{10.0**power:g}" if power < 5 else f"1e{power}"
        ticks.append(" " * (2 + column(10.0**power) - len(ticks)) + label)
    band, words = Text("  "), Text()
    for place, (begin, _, _) in enumerate(block.stretches):
        end = column(block.stretches[place + 1][0]) if place + 1 < len(block.stretches) else width
        band.append(chr(ord("a") + place) * max(0, end - column(begin)), _BAND_COLOURS[place % len(_BAND_COLOURS)])
    known = block.current is not None and block.current > 0
    here = Text(" " * (2 + column(block.current or low)) + "^ here" if known else "")
    for place, (where, what) in enumerate(block.rows()):
        words.append(f"{', ' if place else ''}{chr(ord('a') + place)} {where}: {printable(what)}")
    return Group(Text(printable(block.axis)), ticks, band, *([here] if known else []), Padding(words, (0, 0, 0, 2)))


_BAR_COLUMNS = 40
_NAME_COLUMNS = 32
_KIND_COLOURS = ("cyan", "yellow", "magenta", "green")


def _bars(block: Bars, columns: int) -> RenderableType:
    """A line for each figure: whose it is, a bar from zero, and the figure; bars of one kind have one colour."""
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    names = [
        one_line(printable(f"{bar.name}{f', {bar.kind}' if bar.kind else ''}"), min(_NAME_COLUMNS, columns // 2))
        for bar in block.bars
    ]
    figures = [printable(bar.text) for bar in block.bars]
    kinds = list(dict.fromkeys(bar.kind for bar in block.bars))
    widest, most = max(map(cell_len, names), default=0), max((bar.value for bar in block.bars), default=0.0)
    room = min(columns - widest - max(map(cell_len, figures), default=0) - 3, _BAR_COLUMNS)
    text = Text(printable(f"{block.title}, {block.axis}" if block.axis else block.title), no_wrap=True)
    for bar, name, figure in zip(block.bars, names, figures, strict=True):
        long = max(1, round(room * bar.value / most)) if most > 0 and room > 0 else 0
        text.append(f"\n{set_cell_size(name, widest)} ")
        text.append(("━" if _utf8() else "#") * long, _KIND_COLOURS[kinds.index(bar.kind) % len(_KIND_COLOURS)])
        text.append(f" {figure}" if long else figure)
    return text


def _told(head: list[str], line: list[str]) -> tuple[str, tuple[str, ...]]:
    """A row of a table as an item of a list: the words before the first number, then every other cell with its title."""
    pairs = [(title, cell) for title, cell in zip(head, line, strict=True) if cell]
    first = next((i for i, (title, _) in enumerate(pairs) if title), 0)
    return " ".join(cell for _, cell in pairs[: first + 1]), (
        ", ".join(f"{title} {cell}" for title, cell in pairs[first + 1 :]),
    )


def _utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
