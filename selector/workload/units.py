"""Amounts as people write them: `20ms`, `0.5 s`, `1GB`, `1,000`, `10k`, `3000/min`. The one place where typed numbers are read.

The unit a field is kept in stands in its name (`latency_requirement_ms`, `payload_kb_per_task`); without a unit behind
the number that one is meant. 1 MB is 1024 KB, here as everywhere in this tool, and 1 MiB is the same. What is refused
is said shortly: a terminal shows it in one line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TIMES = {  # milliseconds
    1e-6: "ns nanosecond nanoseconds",
    1e-3: "us \u00b5s \u03bcs microsecond microseconds",
    1.0: "ms msec msecs millisecond milliseconds",
    1e3: "s sec secs second seconds",
    6e4: "min mins minute minutes",
    3.6e6: "h hr hrs hour hours",
    8.64e7: "d day days",
}
_SIZES = {  # kilobytes
    1 / 1024: "b byte bytes",
    1.0: "kb kib k kilobyte kilobytes",
    1024.0: "mb mib m megabyte megabytes",
    1024.0**2: "gb gib g gigabyte gigabytes",
    1024.0**3: "tb tib t terabyte terabytes",
}
# A small m is left out: 500m are half of a CPU to some.
_COUNTS = {1e3: "k K thousand", 1e6: "M million millions", 1e9: "billion billions"}


class _Kind:
    """What can be measured in the same units."""

    def __init__(self, units: Mapping[float, str], named: str, *, any_case: bool) -> None:
        self._factors = {word: factor for factor, words in units.items() for word in words.split()}
        self._named, self._any_case = named, any_case

    def factor(self, unit: str) -> float:
        """A unit in the first one of its kind; ValueError names those that there are."""
        word = unit.casefold() if self._any_case else unit
        if word not in self._factors:
            raise ValueError(f"units: {self._named}")
        return self._factors[word]


_TIME = _Kind(_TIMES, "ns us ms s min h d", any_case=True)
_SIZE = _Kind(_SIZES, "B KB MB GB TB", any_case=True)
_COUNT = _Kind(_COUNTS, "k for thousand, M for million", any_case=False)
_PER = _Kind(
    {each / 1e3: words for each, words in _TIMES.items() if each >= 1e3}, "per s, min, h or d", any_case=True
)  # seconds
_KINDS = {"ms": _TIME, "s": _TIME, "kb": _SIZE, "mb": _SIZE}

_AMOUNT = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:_[0-9]+)*|[1-9][0-9]{0,2}(?:[, ][0-9]{3})+)?(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)"
    r"\s*(?P<unit>[^\W\d_]*)"
)
_RATE = re.compile(
    r"(?P<count>.*?)\s*(?:/|\bper\b|\brp)\s*(?P<time>[^\W\d_]+)", re.IGNORECASE
)  # 50/s, 50 per second, 50 rps
_COUNTED = ("request", "requests", "req", "reqs", "task", "tasks")  # what a rate may count
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+\s*[^\W\d_]*")
_GROUPS = str.maketrans("", "", ", _")
_LONGEST_NUMBER = 300  # digits; longer ones fit no field, and no float either
_DIGITS = 15  # of a product of two floats that are as they were written
_EXAMPLES = {"ms": "20ms, 0.5s, 2min", "s": "30s, 5min, 2h", "kb": "64KB, 1MB", "mb": "512MB, 1.5GB"}
_RATE_EXAMPLES = "50/s, 3000/min, 10k/h"


def unit_of(field: str) -> str | None:
    """The unit in the name of a field: ms, s, kb or mb; None for a count, a share or a rate such as `tasks_per_s`."""
    words = field.split("_")
    return next((w for before, w in zip(["", *words], words, strict=False) if w in _KINDS and before != "per"), None)


def amount(field: str, text: str) -> int | float:
    """The number that a text means for a field, in the field's unit, whole where it is; ValueError says why it is none.

    A count may have its own name behind it: `4 cores`; a rate the time that it is for: `3000/min`, `50 requests per second`.
    """
    text, unit = text.strip(), unit_of(field)
    if _is_rate(field):
        return _rate(text)
    found = _AMOUNT.fullmatch(text)
    number = found["number"].translate(_GROUPS) if found else ""
    if found is None or not any(map(str.isdigit, number.casefold().partition("e")[0])):
        raise ValueError(_why_no_number(text, unit))
    if found["unit"] and not (unit is None and found["unit"].casefold() in _own_words(field)):
        kind = _KINDS[unit] if unit else _COUNT
        return _times(float(number), kind.factor(found["unit"]) / (kind.factor(unit) if unit else 1))
    return int(number[:_LONGEST_NUMBER]) if number.lstrip("+-").isdigit() else float(number)


def _is_rate(field: str) -> bool:
    return field.endswith(("_per_second", "_per_s"))


def _rate(text: str) -> int | float:
    """A rate in a second; without a time behind it, it is one. ValueError says why it is none."""
    why = f"such as {_RATE_EXAMPLES}"
    found = _RATE.fullmatch(text)
    words = (found["count"] if found else text).split()
    if words and words[-1].casefold() in _COUNTED:
        words.pop()
    try:
        count = amount("tasks", " ".join(words))
        return _times(count, 1 / _PER.factor(found["time"])) if found else count
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith("write") else why) from None


def _own_words(field: str) -> set[str]:
    """The words in the name of a field, one and many of each: what a count counts."""
    return {form for word in field.split("_") for form in (word, word.removesuffix("s"), f"{word}s")}


def _times(number: float, factor: float) -> int | float:
    """A product without the noise of its last digits: 1.1 s are 1100 ms."""
    product = float(f"{number * factor:.{_DIGITS}g}")
    return int(product) if product.is_integer() else product


def _why_no_number(text: str, unit: str | None) -> str:
    if _DECIMAL_COMMA.fullmatch(text):
        return f"write {text.replace(',', '.')}"
    return f"such as {_EXAMPLES[unit] if unit else '500, 1,000, 10k'}"
