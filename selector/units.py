"""Amounts as people write them: `20ms`, `0.5 s`, `1GB`, `1,000`, `10k`. The one place where typed numbers are read.

The unit a field is kept in stands in its name (`latency_requirement_ms`, `payload_kb_per_task`); without a unit behind
the number that one is meant. 1 MB is 1024 KB, here as everywhere in this tool, and 1 MiB is the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from selector.text import quoted

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

    def __init__(self, units: Mapping[float, str], no_unit: str, *, any_case: bool) -> None:
        self._factors = {word: factor for factor, words in units.items() for word in words.split()}
        self._no_unit, self._any_case = no_unit, any_case

    def factor(self, unit: str) -> float:
        """A unit in the first one of its kind; ValueError says which there are."""
        word = unit.casefold() if self._any_case else unit
        if word not in self._factors:
            raise ValueError(f"{quoted(unit)} is {self._no_unit}")
        return self._factors[word]


_TIME = _Kind(_TIMES, "no unit of time: ns, us, ms, s, min, h and d are", any_case=True)
_SIZE = _Kind(_SIZES, "no unit of size: B, KB, MB, GB and TB are", any_case=True)
_COUNT = _Kind(_COUNTS, "no unit of a count: only k (thousand) and M (million) may follow", any_case=False)
_KINDS = {"ms": _TIME, "s": _TIME, "kb": _SIZE, "mb": _SIZE}

_AMOUNT = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:_[0-9]+)*|[1-9][0-9]{0,2}(?:[, ][0-9]{3})+)?(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)"
    r"\s*(?P<unit>[^\W\d_]*)"
)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+\s*[^\W\d_]*")
_GROUPS = str.maketrans("", "", ", _")
_LONGEST_NUMBER = 300  # digits; longer ones fit no field, and no float either
_DIGITS = 15  # of a product of two floats that are as they were written
_EXAMPLES = {"ms": "20ms, 0.5s or 2min", "s": "30s, 5min or 2h", "kb": "64KB or 1MB", "mb": "512MB or 1.5GB"}


def unit_of(field: str) -> str | None:
    """The unit in the name of a field: ms, s, kb or mb; None for a count, a share or a rate such as `tasks_per_s`."""
    words = field.split("_")
    return next((w for before, w in zip(["", *words], words, strict=False) if w in _KINDS and before != "per"), None)


def amount(field: str, text: str) -> int | float:
    """The number that a text means for a field, in the field's unit, whole where it is; ValueError says why it is none.

    A count may have its own name behind it: `4 cores`.
    """
    text, unit = text.strip(), unit_of(field)
    found = _AMOUNT.fullmatch(text)
    number = found["number"].translate(_GROUPS) if found else ""
    if found is None or not any(map(str.isdigit, number.casefold().partition("e")[0])):
        raise ValueError(_why_no_number(text, unit))
    if found["unit"] and not (unit is None and found["unit"].casefold() in _own_words(field)):
        kind = _KINDS[unit] if unit else _COUNT
        return _times(float(number), kind.factor(found["unit"]) / (kind.factor(unit) if unit else 1))
    return int(number[:_LONGEST_NUMBER]) if number.lstrip("+-").isdigit() else float(number)


def _own_words(field: str) -> set[str]:
    """The words in the name of a field, one and many of each: what a count counts."""
    return {form for word in field.split("_") for form in (word, word.removesuffix("s"), f"{word}s")}


def _times(number: float, factor: float) -> int | float:
    """A product without the noise of its last digits: 1.1 s are 1100 ms."""
    product = float(f"{number * factor:.{_DIGITS}g}")
    return int(product) if product.is_integer() else product


def _why_no_number(text: str, unit: str | None) -> str:
    if _DECIMAL_COMMA.fullmatch(text):
        return "commas stand between thousands, as in 1,000; a fraction has a point, as in 1.5"
    return f"such as {_EXAMPLES[unit] if unit else '500, 1,000 or 10k'}"
