"""Pictures of blocks as static SVG: shapes and words, no script, nothing loaded.

They are drawn here and by no library: what draws Vega-Lite without a browser (vl-convert) was tried. It is 84 MB, has no
wheel for free-threaded Pythons, takes a second, ends the whole process at a NUL in a text and a minute at a long one.

A picture is 340 pixels wide, so that its words are as large on a phone as on a desk. Colours are variables of the
page's CSS, light and dark; what is drawn is told by its title, its description and the table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from selector.report.blocks import Bands, Bars, Curve, Lanes
from selector.text import number, one_line, printable, significant

Picture = Bars | Curve | Bands | Lanes
_WIDTH, _RIGHT = 340, 318  # of the picture, and where its axis ends: the last number of it needs room
_ROW, _BAR, _STRIP = 36, 10, 28
_LEFT, _TOP, _HEIGHT = 40, 8, 180  # of the field of a curve
_LANE, _NAMES = 18, 116  # the height of a lane, and how wide its name may be
_THIN, _WIDE = " .,:;'|!()[]ijlftrI", "mwMW@%&<>"  # letters of a sans-serif of 12 pixels: so many of them each
_THIN_PIXELS, _USUAL_PIXELS, _WIDE_PIXELS = 5.2, 7.9, 12.2
_TICKS = 5
_KINDS: Final = 4  # colours of the page


def drawn(block: Picture, key: str) -> str:
    """The picture as an <svg> element with a title and a description; `key` makes its ids its own."""
    match block:
        case Bars():
            shapes, height = _bars(block)
        case Curve():
            shapes, height = _curve(block)
        case Bands():
            shapes, height = _strip(block)
        case Lanes():
            shapes, height = _lanes(block)
    named = {"role": "img", "aria-labelledby": f"{key}-title {key}-desc"}
    svg = ET.Element("svg", {"viewBox": f"0 0 {_WIDTH} {height}", "width": str(_WIDTH), "height": str(height), **named})
    for tag, text in (("title", title_of(block)), ("desc", description_of(block))):
        ET.SubElement(svg, tag, {"id": f"{key}-{tag}"}).text = _line(text, 600)
    svg.extend(shapes)
    return ET.tostring(svg, encoding="unicode")


def title_of(block: Picture) -> str:
    """What a picture shows."""
    return f"Where {block.axis} turns the answer" if isinstance(block, Bands) else block.title


def description_of(block: Picture) -> str:
    """The picture in a sentence, for who does not see it."""
    match block:
        case Bars(bars=bars, axis=axis):
            told = "; ".join(f"{b.name}{f' {b.kind}' if b.kind else ''}: {b.text}" for b in bars[:12])
            return f"Bars of {axis}. {told}"
        case Curve(across=across, up=up, points=points):
            return f"{up} by {across}. {'; '.join(f'{number(x)}: {y:.3g}' for x, y, _ in points[:12])}"
        case Bands():
            return "; ".join(f"{where}: {what}" for where, what in block.rows())
        case Lanes(lanes=lanes, heads=heads):
            return "; ".join(f"{lane.name}: {_listed(heads, lane.figures)}" for lane in lanes[:12])


def _listed(heads: Sequence[str], figures: Sequence[str]) -> str:
    return ", ".join(f"{head} {figure}" for head, figure in zip(heads, figures, strict=True))


def letter(place: int) -> str:
    """a, b, c, ... for the stretches of a strip."""
    return chr(ord("a") + place % 26)


# Shapes and words -----------------------------------------------------------------------------------------------------


def _line(text: str, most: int) -> str:
    return one_line(printable(text), most)


def _shape(tag: str, look: str, **places: float) -> ET.Element:
    """A shape at these places, whose look is a class of the page."""
    return ET.Element(tag, {"class": look, **{name: f"{value:.1f}" for name, value in places.items()}})


def _words(text: str, x: float, y: float, look: str = "word") -> ET.Element:
    element = _shape("text", look, x=x, y=y)
    element.text = _cut(_line(text, 100), _WIDTH - x if look in ("word", "label") else _WIDTH)
    return element


def _pixels(text: str) -> float:
    """How wide a text is at most, roughly."""
    return sum(
        _THIN_PIXELS if c in _THIN else _WIDE_PIXELS if c in _WIDE or c > "\u04ff" else _USUAL_PIXELS for c in text
    )


def _cut(text: str, pixels: float) -> str:
    """As much of a text as there is room for."""
    if _pixels(text) <= pixels:
        return text
    while text and _pixels(f"{text}...") > pixels:
        text = text[:-1]
    return f"{text}..."


def _dashes(x: float, top: float, bottom: float) -> ET.Element:
    """The broken line of what matters."""
    return _shape("line", "dash", x1=x, x2=x, y1=top, y2=bottom)


def _ticks(most: float) -> list[float]:
    """Round numbers from 0 to at most that, some five of them."""
    if not 0 < most < math.inf:
        return [0.0]
    rough = most / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    return [significant(step * n, 6) for n in range(math.floor(most / step + 1e-9) + 1)]


# The pictures ---------------------------------------------------------------------------------------------------------


def _bars(block: Bars) -> tuple[list[ET.Element], int]:
    """Each bar below its name and its figure, with its range as a line over it."""
    kinds = list(dict.fromkeys(bar.kind for bar in block.bars))
    ends = [bar.value for bar in block.bars] + [bar.high for bar in block.bars if bar.high is not None]
    most = max([*ends, *([block.limit[0]] if block.limit is not None else [])], default=0.0) or 1.0
    bottom = _ROW * len(block.bars) + 4

    def across(value: float) -> float:
        return _RIGHT * min(max(value / most, 0.0), 1.0)

    shapes = [_shape("line", "grid", x1=across(at), x2=across(at), y1=0, y2=bottom) for at in _ticks(most)]
    shapes += [_words(f"{at:,.6g}", across(at), bottom + 14, "tick" if at else "word") for at in _ticks(most)]
    for place, bar in enumerate(block.bars):
        top = _ROW * place + 18
        colour = f"fill{kinds.index(bar.kind) % _KINDS + 1}"
        shapes.append(_shape("rect", colour, x=0, y=top, width=max(across(bar.value), 1), height=_BAR))
        if bar.low is not None and bar.high is not None and bar.range_text():
            low, high, middle = across(bar.low), across(bar.high), top + _BAR / 2
            shapes.append(_shape("line", "range", x1=low, x2=high, y1=middle, y2=middle))
            shapes += [_shape("line", "range", x1=x, x2=x, y1=middle - 4, y2=middle + 4) for x in (low, high)]
    if block.limit is not None:
        shapes.append(_dashes(across(block.limit[0]), 0, bottom))
    for place, bar in enumerate(block.bars):  # over the lines, so that they can be read
        rest = f"{f', {bar.kind}' if bar.kind else ''}: {bar.text}"
        name = _cut(_line(bar.name, 100), max(_WIDTH - _pixels(rest), 100.0))
        shapes.append(_words(f"{name}{_line(rest, 100)}", 0, _ROW * place + 13, "label"))
    axis = f"{block.axis} (broken line: {block.limit[1]})" if block.limit is not None else block.axis
    return [*shapes, _words(axis, 0, bottom + 32)], bottom + 38


def _curve(block: Curve) -> tuple[list[ET.Element], int]:
    """Points, the law as a line through them, and the limit as a broken line with its name."""
    places = [(x, y) for x, y, _ in block.points]
    widest = max((x for x, _ in (*places, *block.law)), default=1.0) or 1.0
    highest = max((y for _, y in (*places, *block.law)), default=1.0) or 1.0
    bottom = _TOP + _HEIGHT

    def across(value: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * value / widest

    def up(value: float) -> float:
        return bottom - _HEIGHT * max(value, 0.0) / highest

    shapes = [_shape("line", "grid", x1=_LEFT, x2=_RIGHT, y1=up(at), y2=up(at)) for at in _ticks(highest)]
    shapes += [_words(f"{at:,.6g}", _LEFT - 6, up(at) + 4, "end") for at in _ticks(highest)]
    sizes = sorted({x for x, _ in places if x == int(x)})
    shown = [x for n, x in enumerate(sizes) if not n or x == sizes[-1] or across(x) - across(sizes[n - 1]) > 18]
    shapes += [_words(number(x), across(x), bottom + 16, "tick") for x in shown]
    if block.law:
        line = ET.Element("polyline", {"class": "law"})
        line.set("points", " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in block.law))
        shapes.append(line)
    if block.limit is not None and block.limit[0] <= widest:
        shapes += [_dashes(across(block.limit[0]), _TOP, bottom)]
        late = across(block.limit[0]) > _WIDTH / 2
        at = across(block.limit[0]) + (-5 if late else 5)
        shapes.append(_words(block.limit[1], at, _TOP + 10, "end" if late else "word"))
    shapes += [_shape("circle", "fill1", cx=across(x), cy=up(y), r=5) for x, y in places]
    return [*shapes, _words(f"{block.up}, by {block.across}", 0, bottom + 36)], bottom + 42


def _strip(block: Bands) -> tuple[list[ET.Element], int]:
    """Stretches of a logarithmic axis, each with its letter, and where we are."""
    first, last = block.stretches[0][0], block.stretches[-1][1]
    scale = _RIGHT / math.log10(last / first)

    def across(value: float) -> float:
        return min(max(math.log10(max(value, first) / first) * scale, 0.0), _RIGHT)

    kinds = list(dict.fromkeys(what for *_, what in block.stretches))
    shapes, free = [], -math.inf
    for place, (low, high, what) in enumerate(block.stretches):
        wide = across(high) - across(low)
        look = f"fill{kinds.index(what) % _KINDS + 1}"
        shapes.append(_shape("rect", look, x=across(low), y=0, width=max(wide - 1, 1), height=_STRIP))
        if wide > 12:
            shapes.append(_words(letter(place), across(low) + wide / 2, _STRIP / 2 + 4, "inside"))
    for power in range(math.ceil(math.log10(first) - 1e-9), math.floor(math.log10(last) + 1e-9) + 1):
        text, x = f"{10.0**power:,.6g}", across(10.0**power)
        if x - 4 * len(text) > free:
            shapes.append(_words(text, x, _STRIP + 16, "tick" if x > 8 else "word"))
            free = x + 4 * len(text)
    if block.current is not None and first <= block.current <= last:
        shapes.append(_dashes(across(block.current), 0, _STRIP))
    return [*shapes, _words(block.axis, 0, _STRIP + 34)], _STRIP + 40


def _lanes(block: Lanes) -> tuple[list[ET.Element], int]:
    """A lane for each, beside its name: filled where it is busy."""
    left = min(max((_pixels(_line(lane.name, 100)) for lane in block.lanes), default=0.0), _NAMES) + 6
    bottom, end = _LANE * len(block.lanes) + 2, block.end or 1.0

    def across(value: float) -> float:
        return left + (_RIGHT - left) * min(max(value / end, 0.0), 1.0)

    ticks = [(f"{at:,.6g}", across(at)) for at in _ticks(block.end)]
    shapes = [_shape("line", "grid", x1=x, x2=x, y1=0, y2=bottom) for _, x in ticks]
    for place, lane in enumerate(block.lanes):
        top = _LANE * place + 3
        shapes += [_words(_cut(_line(lane.name, 100), left - 6), 0, top + 10)]
        shapes += [_shape("rect", "idle", x=left, y=top, width=_RIGHT - left, height=_BAR)]
        sides = [(across(begun), max(across(ended) - across(begun), 0.5)) for begun, ended in lane.spans]
        boxes = "".join(f"M{x:.1f} {top}h{wide:.1f}v{_BAR}h-{wide:.1f}z" for x, wide in sides)
        shapes.append(ET.Element("path", {"class": "fill1", "d": boxes}))
    shapes += [_words(text, x, bottom + 14, "tick") for text, x in ticks]
    return [*shapes, _words(block.axis, 0, bottom + 32)], bottom + 38
