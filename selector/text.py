"""Text for people: values quoted, near words suggested, control characters made harmless, and figures as people say them.

A predicted figure has two digits, as nobody knows a third one; a measured one has three. JSON has all of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

PREDICTED, MEASURED = 2, 3  # digits

_MINUTE, _HOUR, _DAY, _YEAR = 60.0, 3600.0, 86_400.0, 31_557_600.0
_NEAR_ONE = 1.3  # up to here a hundredth matters
TURNS = (1.0, 1.2, 2.0)  # where the advice changes: rules/speedup_bands.yaml
_SECONDS_BELOW = 100.0  # people say 90 s, and 2 min 30 s
_MOST_SECONDS = 1000 * _YEAR
#: Seconds that longer times are rounded to, coarsest first; a digit more is one step further.
_STEPS = (_YEAR, _DAY, _HOUR, _MINUTE, 10.0, 1.0, 0.1, 0.01, 0.001)
#: Below so many seconds two digits are about the step at that place of _STEPS.
_COARSEST = ((10 * _MINUTE, 4), (10 * _HOUR, 3), (10 * _DAY, 2), (2 * _YEAR, 1), (math.inf, 0))

#: Units with their size, smallest first: of times in milliseconds, of memory in MB.
Units = tuple[tuple[str, float], ...]
MILLISECONDS: Units = (("ms", 1.0), ("s", 1000.0), ("min", 60_000.0))
MEMORY: Units = (("MB", 1.0), ("GB", 1024.0), ("TB", 1024.0**2))

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


def one_line(text: str, limit: int | None = None) -> str:
    """A text with every run of blanks and line breaks as one blank; `limit` is how many characters it may have."""
    line = " ".join(text.split())
    return line if limit is None or len(line) <= limit else f"{line[: limit - 3]}..."


def clause(reason: str) -> str:
    """A reason out of a script, which may be a page long, as a part of a sentence: one line without a full stop."""
    return one_line(reason.rstrip().rstrip("."), 200)


def sentence(words: str) -> str:
    """Text with a full stop, whatever it ends in."""
    return words if words.endswith((".", "!", "?")) else f"{words}."


def counted(count: int, noun: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def in_processes(count: int) -> str:
    """` in 2 processes`: behind the name of an approach; nothing where it is one."""
    return f" in {count:,} processes" if count > 1 else ""


def value_text(value: bool | float | str | tuple[str, ...] | None) -> str:
    """A value as a table or a profile has it: `true`, `0.5`, `3.14, 3.14t`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def value_words(value: bool | float | str | tuple[str, ...] | None) -> str:
    """The same for people: numbers have separators, and six digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value_text(value)
    return number(value if value == int(value) else significant(value, 6))


def count_text(count: int) -> str:
    """A count for people: written out up to a million, else rounded (however large it is: no float need hold it)."""
    if count <= _WRITTEN_OUT:
        return f"{count:,}"
    return f"{Decimal(count):.1e}".replace("e+", "e")


def printable(text: str) -> str:
    """Text as it may go to a terminal: every control, format and surrogate character is written as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def of_cpus(taken: float, cpus: int) -> str:
    """How busy CPUs were, wherever that is told: `1.2 of 2 CPUs`."""
    return f"{min(taken, cpus):.1f} of {counted(cpus, 'CPU')}"


def some(words: Sequence[str], most: int) -> str:
    """`a, b and 4 more`: so many of them, and how many more there are."""
    more = len(words) - most
    return listed([*words[:most], *([f"{more:,} more"] if more > 0 else [])])


# Figures --------------------------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """A number as it was given, with separators: `1,000,000`, `0.25`, `12,345.5`; an exponent beyond 15 digits."""
    if not math.isfinite(value) or abs(value) >= 1e15:
        return f"{value:g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.10g}" if abs(value) >= 1e-4 else f"{value:g}"


def significant(value: float, digits: int) -> float:
    """Rounded to so many significant digits, half away from zero: the same in whatever unit it is (265 ms, 0.265 s)."""
    if not value or not math.isfinite(value):
        return value
    exact = Decimal(repr(float(value)))
    last = Decimal((0, (1,), exact.adjusted() - digits + 1))
    return float(exact.quantize(last, ROUND_HALF_UP))


def duration(seconds: float, digits: int | None = PREDICTED) -> str:
    """A time as people say it: `0.4 ms`, `12 ms`, `1.3 s`, `4 min 10 s`, `2 h 17 min`, `3 days 4 h`, `32 years`.

    `digits` is how many mean something; None says the time as it is.
    """
    if seconds < 0:
        return f"-{duration(-seconds, digits)}"
    if seconds >= _MOST_SECONDS or math.isnan(seconds):
        return "over 1,000 years" if seconds >= _MOST_SECONDS else "unknown"
    return _said(seconds if digits is None else _rounded(seconds, digits))


def _rounded(seconds: float, digits: int) -> float:
    """What is said in seconds by significant digits, then to whole units that people count in."""
    near = significant(seconds, digits)
    if near < _SECONDS_BELOW:
        return near
    coarsest = next(place for below, place in _COARSEST if seconds < below)
    step = _STEPS[min(coarsest + digits - PREDICTED, len(_STEPS) - 1)]
    return round(seconds / step) * step


def _said(seconds: float) -> str:
    if 0 < seconds < 1:
        return f"{seconds * 1000:.6g} ms" if seconds >= 1e-4 else f"{seconds * 1e6:.6g} us"
    if seconds < _SECONDS_BELOW:
        return f"{seconds:.6g} s"
    if seconds >= 2 * _YEAR and not seconds % _YEAR:
        return f"{seconds / _YEAR:,.0f} years"
    days, rest = divmod(round(seconds, 3), _DAY)
    hours, rest = divmod(rest, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    parts = ((days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number(round(amount, 3))} {unit}" for amount, unit in parts if round(amount, 3))


def part_of(part_seconds: float, whole_seconds: float) -> str:
    """How much of a time has passed, in whole seconds: `10 of 60 s`, `72 s of 5 min`."""
    part, whole = round(part_seconds), round(whole_seconds)
    return f"{part if whole < _SECONDS_BELOW else duration(part, None)} of {duration(whole, None)}"


def memory(megabytes: float, digits: int | None = PREDICTED) -> str:
    """Memory as people say it, 1 GB being 1024 MB: `4.7 MB`, `340 MB`, `2.3 GB`; None for `digits` says it as it is."""
    if digits is None:
        return given(megabytes, MEMORY)
    if megabytes < 1:
        return "under 1 MB"
    near = max(megabytes, significant(megabytes, digits))
    name, size = next(unit for unit in reversed(MEMORY) if near >= unit[1])
    return f"{number(significant(megabytes / size, digits))} {name}"


def _amount(value: float, name: str, size: float) -> str:
    return f"{number(significant(value / size, 12))} {name}"


def _unit_of(value: float, units: Units) -> tuple[str, float]:
    """The largest unit that says it with two decimals at most: 2 GB, but 2,000 MB."""

    def plain(size: float) -> bool:
        return value >= size and math.isclose(round(value / size, 2), value / size, rel_tol=1e-12)

    return next((unit for unit in reversed(units) if plain(unit[1])), units[0])


def given(value: float, units: Units) -> str:
    """A figure that was given, as it is: `300 ms`, `1.5 s`, `2 GB`, `2,000 MB`."""
    return _amount(value, *_unit_of(value, units))


def beside(value: float, limit: float, units: Units, *, over: bool | None = None, digits: int = PREDICTED) -> str:
    """A figure beside its limit, in the unit of the limit: `230 of 512 MB`, `600 MB, over 512 MB`, `just under 300 ms`.

    It has as many digits as are needed to stand on the side of the limit that is true; `over` says which that is, where
    it was judged by a figure with more digits than `value` has.
    """
    over = value > limit if over is None else over
    name, size = _unit_of(limit, units)
    allowed = _amount(limit, name, size)
    for places in range(digits, 7):
        near = significant(value / size, places)
        if (near > limit / size) == over and (near == limit / size) == (value == limit):
            figure = number(near)
            return f"{figure} {name}, over {allowed}" if over else f"{figure} of {allowed}"
    return f"just {'over' if over else 'under'} {allowed}"


def times(ratio: float) -> str:
    """A predicted ratio: `0.15x`, `1.02x`, `4.6x`, `22x`, `5,900x`.

    Two digits; more near one, and where they would make it one of the ratios at which the advice changes.
    """
    if not math.isfinite(ratio) or ratio >= 9.95:
        return f"{number(significant(ratio, PREDICTED))}x"
    digits = PREDICTED + (0.995 <= ratio < _NEAR_ONE)
    while digits < 4 and (near := significant(ratio, digits)) in TURNS and not math.isclose(near, ratio, rel_tol=1e-6):
        digits += 1
    near = significant(ratio, digits)
    return f"{near:g}x" if near != 1 or ratio >= 1 else "just under 1x"


def unit_for(values: Iterable[float | None], units: Units) -> tuple[str, float]:
    """The unit for a column of figures that are to be compared: the largest of which there is one of each at least."""
    smallest = min((value for value in values if value), default=0.0)
    return next((unit for unit in reversed(units) if smallest >= unit[1]), units[0])


# Measured figures -----------------------------------------------------------------------------------------------------


def measured_duration(seconds: float) -> str:
    """A measured time: `410 ms`, `2.31 s`, `2 min 15 s`."""
    return duration(seconds, MEASURED)


def measured_memory(megabytes: float) -> str:
    """Measured memory: `15.5 MB`, `1.21 GB`."""
    return memory(megabytes, MEASURED)


def measured_times(ratio: float) -> str:
    """A measured ratio in a sentence: `1.42x`, `4.1x`, `38x`."""
    return f"{ratio:.{_decimals(ratio)}f}x"


def _decimals(ratio: float) -> int:
    return 2 if ratio < 1.995 else 1 if ratio < 9.95 else 0


def measured_range(low: float, mid: float, high: float) -> tuple[str, str]:
    """A measured ratio and its range: `1.42x` and `1.35x to 1.50x`; as many decimals as tell them apart, two at most."""
    for digits in range(_decimals(mid), 3):
        least, middle, most = (f"{ratio:.{digits}f}x" for ratio in (low, mid, high))
        if least != middle != most:
            break
    return middle, f"{least} to {most}"


def percent(share: float) -> str:
    """`2.4 %` of 0.024; whole numbers from 10 on."""
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"


def column_figure(value: float, unit: float = 1.0, digits: int = MEASURED) -> str:
    """A measured figure in a column of that unit, with so many significant digits: `0.412`, `5.40`, `1,234`."""
    amount = value / unit
    text = f"{amount:#.{digits}g}" if abs(amount) < 10 ** (digits - 1) - 0.5 else f"{amount:,.0f}"
    return text.rstrip(".")


def column_times(ratio: float) -> str:
    """A measured ratio in a column: `0.96x`, `12.5x`, `1,234x`; more decimals where two would change the advice."""
    if not 0.095 <= ratio < 9.995:
        return f"{ratio:,.0f}x" if ratio >= 99.95 else f"{ratio:#.3g}x"
    digits = next(n for n in range(2, 7) if n == 6 or round(ratio, n) not in TURNS or round(ratio, n) == ratio)
    return f"{ratio:.{digits}f}x"
