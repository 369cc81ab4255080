"""Text for people: values quoted, near words suggested, control characters made harmless."""

from __future__ import annotations

import json
from collections.abc import Iterable

_WRITTEN_OUT = 1_000_000


def quoted(value: object, limit: int = 60) -> str:
    """A value as it may be shown in a message: JSON text, escaped to ASCII, shortened."""
    try:
        text = json.dumps(value, ensure_ascii=True, default=repr)
    except (ValueError, TypeError, RecursionError):
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean "tasks"?)`, or nothing when no known word is near."""
    import difflib  # 5 ms to import, and only errors need it

    near = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.6)
    return f' (did you mean "{near[0]}"?)' if near else ""


def cut(text: str, limit: int = 300) -> str:
    """As much of a text as a sentence has room for."""
    return text if len(text) <= limit else f"{text[:limit]}..."


def count_text(count: int) -> str:
    """A count for people: written out up to a million, else rounded (however large it is: no float need hold it)."""
    if count <= _WRITTEN_OUT:
        return f"{count:,}"
    from decimal import Decimal

    return f"{Decimal(count):.1e}".replace("e+", "e")


def printable(text: str) -> str:
    """Text as it may go to a terminal: every control, format and surrogate character is written as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)
