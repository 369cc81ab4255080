"""Numbers and names as a sentence has them."""

from __future__ import annotations

from selector import text
from selector.approaches import Approach
from selector.benchmark.stats import Interval
from selector.text import listed

__all__ = [
    "duration", "inverse", "listed", "megabytes", "one_line", "percent", "said", "sentence", "times", "times_with_span",
    "with_span",
]  # fmt: skip

_MOST_REASON = 200


def said(approach: Approach) -> str:
    """The title inside a sentence: `threads` of `Threads`, without its examples; `asyncio` and `MPI` as they are."""
    title = approach.title.partition(" (")[0]
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def duration(seconds: float) -> str:
    """A measured time: `410 ms`, `2.31 s`, `2 min 15 s`."""
    return text.duration(seconds, text.MEASURED)


def times(ratio: float) -> str:
    """`1.42x`, `4.1x`, `38x`."""
    return f"{ratio:.{_digits(ratio)}f}x"


def _digits(ratio: float) -> int:
    return 2 if ratio < 1.995 else 1 if ratio < 9.95 else 0


def inverse(interval: Interval) -> Interval:
    """The same comparison the other way round."""
    return Interval(1 / interval.high, 1 / interval.mid, 1 / interval.low)


def with_span(interval: Interval) -> tuple[str, str]:
    """`1.42x` and `1.35x to 1.50x`, with as many digits as tell the ends from the middle (two at most)."""
    for digits in range(_digits(interval.mid), 3):
        low, mid, high = (f"{ratio:.{digits}f}x" for ratio in interval)
        if low != mid != high:
            break
    return mid, f"{low} to {high}"


def times_with_span(interval: Interval) -> str:
    """`1.42x (1.35x to 1.50x)`."""
    mid, span = with_span(interval)
    return f"{mid} ({span})"


def percent(share: float) -> str:
    """`2.4 %` of 0.024; whole numbers from 10 on."""
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"


def megabytes(amount: float) -> str:
    """Measured memory: `15.5 MB`, `1.21 GB`."""
    return text.memory(amount, text.MEASURED)


def one_line(reason: str) -> str:
    """A reason out of a script, which may be a page long, as part of a sentence."""
    line = " ".join(reason.split()).rstrip(".")
    return line if len(line) <= _MOST_REASON else f"{line[: _MOST_REASON - 3]}..."


def sentence(words: str) -> str:
    """Text with a full stop, whatever it ends in."""
    return words if words.endswith((".", "!", "?")) else f"{words}."
