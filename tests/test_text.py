"""Figures in words: durations, memory, numbers and ratios as people say them, each on its side of a limit."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector import text
from selector.text import MEMORY, MILLISECONDS, beside, duration, memory, number, times, unit_for

SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "day": 86_400, "days": 86_400, "years": 31_557_600}


def read(words: str) -> float:
    """The seconds that a duration says."""
    return sum(float(n.replace(",", "")) * SECONDS[unit] for n, unit in re.findall(r"([\d.,e-]+) (\w+)", words))


@pytest.mark.parametrize(
    ("seconds", "predicted", "measured"),
    [
        (0, "0 s", "0 s"),
        (0.0000005, "0.5 us", "0.5 us"),
        (0.0004, "0.4 ms", "0.4 ms"),
        (0.01234, "12 ms", "12.3 ms"),
        (0.8503, "850 ms", "850 ms"),
        (0.9996, "1 s", "1 s"),
        (1.34, "1.3 s", "1.34 s"),
        (45.31, "45 s", "45.3 s"),
        (99.6, "1 min 40 s", "99.6 s"),
        (138, "2 min 20 s", "2 min 18 s"),
        (250, "4 min 10 s", "4 min 10 s"),
        (599, "10 min", "9 min 59 s"),
        (3590, "1 h", "59 min 50 s"),
        (8220, "2 h 17 min", "2 h 17 min"),
        (66_240, "18 h", "18 h 24 min"),
        (156_000, "1 day 19 h", "1 day 19 h 20 min"),
        (273_600, "3 days 4 h", "3 days 4 h"),
        (40 * 86_400, "40 days", "40 days"),
        (1e9, "32 years", "11,574 days"),
        (1e300, "over 1,000 years", "over 1,000 years"),
        (math.inf, "over 1,000 years", "over 1,000 years"),
    ],
)
def test_a_duration_is_what_people_say(seconds: float, predicted: str, measured: str) -> None:
    assert (duration(seconds), duration(seconds, text.MEASURED)) == (predicted, measured)


def test_a_duration_that_was_given_is_said_as_it_is() -> None:
    given_ = (0.0948, 12.345, 60, 90, 3661.5, 0.3)
    assert [duration(s, None) for s in given_] == ["94.8 ms", "12.345 s", "60 s", "90 s", "1 h 1 min 1.5 s", "300 ms"]


@given(st.floats(1e-6, 3e10))
def test_a_duration_is_never_far_from_the_truth(seconds: float) -> None:
    whole_years = SECONDS["years"] / 2 if seconds >= 2 * SECONDS["years"] else 0  # 3.2 years are 3 years
    assert read(duration(seconds)) == pytest.approx(seconds, rel=0.06, abs=whole_years)
    assert read(duration(seconds, text.MEASURED)) == pytest.approx(seconds, rel=0.006)


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_longer_time_never_reads_as_a_shorter_one(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert read(duration(low)) <= read(duration(high)) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("megabytes", "said", "exact"),
    [
        (0.4, "under 1 MB", "0.4 MB"),
        (4.71, "4.7 MB", "4.71 MB"),
        (344, "340 MB", "344 MB"),
        (999, "1,000 MB", "999 MB"),
        (1024, "1 GB", "1 GB"),
        (2000, "2 GB", "2,000 MB"),
        (2048, "2 GB", "2 GB"),
        (2400, "2.3 GB", "2,400 MB"),
        (24_576, "24 GB", "24 GB"),
        (2_500_000, "2.4 TB", "2,500,000 MB"),
    ],
)
def test_memory_is_what_people_say(megabytes: float, said: str, exact: str) -> None:
    assert (memory(megabytes), memory(megabytes, None)) == (said, exact)


@pytest.mark.parametrize(
    ("value", "said"),
    [(10_000, "10,000"), (1_000_000.0, "1,000,000"), (0.25, "0.25"), (12_345.5, "12,345.5"), (1e-9, "1e-09"), (1e20, "1e+20"), (-1234, "-1,234")],
)  # fmt: skip
def test_numbers_have_separators(value: float, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (0.0043, "0.0043x"), (0.151, "0.15x"), (0.997, "0.997x"), (0.99999, "just under 1x"), (1, "1x"), (1.024, "1.02x"), (1.196, "1.196x"),
        (1.2, "1.2x"), (1.64, "1.6x"), (1.97, "1.97x"), (2.04, "2.04x"), (4, "4x"), (7.55, "7.6x"), (22.4, "22x"), (5880, "5,900x"),
    ],
)  # fmt: skip
def test_a_predicted_ratio_has_two_digits_and_more_where_advice_changes(ratio: float, said: str) -> None:
    assert times(ratio) == said


@given(st.floats(0.001, 1e6), st.floats(0.001, 1e6))
def test_a_figure_beside_its_limit_is_on_the_right_side(value: float, limit: float) -> None:
    limit = float(f"{limit:.6g}")
    said = beside(value, limit, MEMORY)
    found = re.match(r"([\d.,e+-]+)(?: (\w\w), over| of) ([\d.,e+-]+) (\w\w)$", said)
    if found is None:
        assert said.startswith("just over" if value > limit else "just under")
        return
    figure, allowed = (float(found[n].replace(",", "")) for n in (1, 3))
    assert (figure > allowed) == (value > limit)


def test_a_limit_is_said_in_the_unit_that_it_was_given_in() -> None:
    assert beside(95, 300, MILLISECONDS) == "95 of 300 ms"
    assert beside(344, 2048, MEMORY) == "0.34 of 2 GB"
    assert beside(900, 1500, MILLISECONDS) == "0.9 of 1.5 s"
    assert beside(300.4, 300, MILLISECONDS) == "300.4 ms, over 300 ms"
    assert beside(1e-9 + 300, 300, MILLISECONDS) == "just over 300 ms"
    assert text.part_of(10.2, 60) == "10 of 60 s" and text.part_of(132, 300) == "2 min 12 s of 5 min"


def test_a_figure_is_rounded_alike_in_every_unit() -> None:
    assert duration(0.265) == "270 ms" and beside(265, 300, MILLISECONDS) == "270 of 300 ms"
    assert beside(265, 1500, MILLISECONDS) == "0.27 of 1.5 s"
    assert [text.significant(v, 2) for v in (0.0, -1.25, 2.45, 1e-9, 1.7e300, math.inf)] == [
        0,
        -1.3,
        2.5,
        1e-9,
        1.7e300,
        math.inf,
    ]


def test_figures_that_are_compared_have_one_unit() -> None:
    assert unit_for([0.2, None, 61.0], (("ms", 0.001), ("s", 1.0))) == ("ms", 0.001)
    assert unit_for([3.1, 61.0], (("ms", 0.001), ("s", 1.0))) == ("s", 1.0)
    assert unit_for([], MEMORY) == ("MB", 1.0)


# Sentences and values -------------------------------------------------------------------------------------------------


def test_a_reason_of_a_page_becomes_a_part_of_a_sentence() -> None:
    assert text.one_line("a\n  b\tc ") == "a b c"
    assert text.one_line("x" * 301, 300) == "x" * 297 + "..."
    assert text.clause("No module\n named x.\n") == "No module named x"
    assert len(text.clause("word " * 1000)) == 200
    assert [text.sentence(words) for words in ("It failed", "It failed.", "Why?")] == [
        "It failed.",
        "It failed.",
        "Why?",
    ]
    assert [text.counted(n, "worker") for n in (0, 1, 2)] == ["0 workers", "1 worker", "2 workers"]


@pytest.mark.parametrize(
    ("value", "as_it_is", "said"),
    [
        (True, "true", "true"),
        (12_000, "12000", "12,000"),
        (0.5, "0.5", "0.5"),
        (1234.56789, "1234.57", "1,234.57"),
        (("3.14", "3.14t"), "3.14, 3.14t", "3.14, 3.14t"),
        ("asyncio", "asyncio", "asyncio"),
        (None, "None", "None"),
    ],
)
def test_a_value_is_written_as_a_table_has_it_or_said_to_people(
    value: bool | float | str | tuple[str, ...] | None, as_it_is: str, said: str
) -> None:
    assert (text.value_text(value), text.value_words(value)) == (as_it_is, said)


# Measured figures -----------------------------------------------------------------------------------------------------


def test_measured_figures_in_sentences() -> None:
    assert [text.measured_times(ratio) for ratio in (0.953, 1.42, 1.996, 4.14, 37.7)] == ["0.95x", "1.42x", "2.0x", "4.1x", "38x"]  # fmt: skip
    assert text.measured_range(4.08, 4.14, 4.19) == ("4.14x", "4.08x to 4.19x")
    assert text.measured_range(3.9, 4.1, 4.3) == ("4.1x", "3.9x to 4.3x")
    assert text.measured_range(5.0, 5.0, 5.0) == ("5.00x", "5.00x to 5.00x")
    assert [text.percent(share) for share in (0.0213, 0.0994, 0.0995, 1.2)] == ["2.1 %", "9.9 %", "10 %", "120 %"]
    assert (text.measured_duration(0.41234), text.measured_memory(1240.0)) == ("412 ms", "1.21 GB")


def test_measured_figures_in_columns() -> None:
    assert [text.column_figure(n) for n in (0.41234, 5.4, 99.96, 1234.5)] == ["0.412", "5.40", "100", "1,234"]
    assert text.column_figure(5400.0, 1000.0, digits=2) == "5.4"
    ratios = (0.0123, 0.96, 1.9996, 12.46, 1234.5)
    assert [text.column_times(ratio) for ratio in ratios] == ["0.0123x", "0.96x", "1.9996x", "12.5x", "1,234x"]


def test_what_is_left_out_is_told() -> None:
    assert text.some(["a", "b", "c"], 3) == "a, b and c"
    assert text.some(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert (text.cut("abc", 3), text.cut("abcd", 3)) == ("abc", "abc...")
