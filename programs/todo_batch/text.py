"""Text that a terminal can show, whatever it came from: printable, of a width; and figures in few characters."""

from __future__ import annotations

import math
import sys
import textwrap
import unicodedata

WIDTH = 80  # columns, at most, of what is printed


def printable(text: str) -> str:
    """The text with every control character, line break and half character as an escape."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def print_whole(text: str) -> None:
    """Print text of any length, also where a signal comes in the middle of it.

    A standard output that is not buffered (PYTHONUNBUFFERED) then forgets what the pipe had no room for.
    """
    sys.stdout.flush()
    with open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False) as stream:
        stream.write(f"{text}\n")


def columns(text: str) -> int:
    """How many columns a terminal needs for it."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def clipped(text: str, width: int, *, utf8: bool = True) -> str:
    """Printable text of at most so many columns."""
    shown = printable(text)
    if not utf8:
        shown = shown.encode("ascii", "backslashreplace").decode()
    if columns(shown) <= width:
        return shown
    while shown and columns(shown) > width - 2:
        shown = shown[:-1]
    return f"{shown}.."


def in_lines(text: str, *, utf8: bool = True) -> str:
    """Text of any length in lines of at most 80 columns, as far as its words fit."""
    shown = printable(text)
    if not utf8:
        shown = shown.encode("ascii", "backslashreplace").decode()
    lines = textwrap.wrap(shown, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(clipped(line, WIDTH, utf8=utf8) for line in lines)


def figure(value: float | None, decimals: int, unit: str = "") -> str:
    """A number of at most 8 characters and its unit; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "-"
    text = f"{value:.{decimals}f}"
    return (text if len(text) <= 8 else f"{value:.1e}") + unit


def plural(number: int, what: str) -> str:
    """A number with what it is of: `1 task`, `2,000 tasks`."""
    return f"{number:,} {what}" + "s" * (number != 1)
