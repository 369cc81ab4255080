"""Numbers along an axis: their order and middles, and edges and ranges as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.errors import SelectorError
from selector.recommend.changes import input_names
from selector.recommend.line import is_number
from selector.recommend.numbers import Number, axis_of, plain_number, rounded_away
from selector.workload.reading import profile_from_mapping

POSITIVE = st.floats(1e-9, 1e12) | st.integers(1, 10**12)


@settings(max_examples=60)
@given(POSITIVE, st.booleans())
def test_an_edge_is_rounded_away_from_what_is_inside(edge: Number, above: bool) -> None:
    inside = edge / 2 if above else edge * 2
    value = rounded_away(edge, inside, lambda _: True)
    assert value >= edge if above else value <= edge
    assert abs(value - edge) <= 0.011 * edge
    assert type(value) is type(edge)
    assert float(f"{value:.2e}") == value


@settings(max_examples=60)
@given(POSITIVE, st.booleans(), st.floats(0, 0.01))
def test_a_rounded_edge_still_holds(edge: Number, above: bool, width: float) -> None:
    inside = edge / 2 if above else edge * 2
    ends = sorted((edge, edge * (1 + width if above else 1 - width)))
    value = rounded_away(edge, inside, lambda v: ends[0] <= v <= ends[1])
    assert ends[0] <= value <= ends[1]


@pytest.mark.parametrize(
    ("edge", "inside", "value"),
    [(9.8123, 1.0, 9.9), (9.8123, 20.0, 9.8), (100.1, 1.0, 101.0), (98.23, 1.0, 99.0),
     (1003, 5, 1010), (1003, 5000, 1000), (0.0, 1.0, 0.0),
     (17, 1, 17), (5e-324, 1.0, 5e-324)],
)  # fmt: skip
def test_edges_as_they_are_reported(edge: Number, inside: Number, value: Number) -> None:
    assert rounded_away(edge, inside, lambda _: True) == value


@settings(max_examples=60)
@given(POSITIVE, st.floats(1, 10))
def test_a_plain_number_is_in_the_range(low: Number, factor: float) -> None:
    whole = isinstance(low, int)
    high = round(low * factor) if whole else low * factor
    value = plain_number(low, high, whole=whole)
    assert low <= value <= high
    assert isinstance(value, int) == whole


@pytest.mark.parametrize(
    ("low", "high", "value"),
    [(3.14, 3.149, 3.14), (3.1412, 3.149, 3.142), (0.0, 1e12, 1.0), (0.011, 0.4, 0.4),
     (1001.0, 1e6, 2000.0), (0.0, 0.0, 0.0)],
)  # fmt: skip
def test_plain_numbers(low: float, high: float, value: float) -> None:
    assert plain_number(low, high, whole=False) == value


def test_the_ends_of_an_axis_are_those_of_the_schema() -> None:
    for field in filter(is_number, input_names()):
        _, low, high = axis_of(field)
        assert profile_from_mapping({"workload_type": "io", field: low})
        assert profile_from_mapping({"workload_type": "io", field: high})
        for outside in (low - 1 if isinstance(low, int) else math.nextafter(low, -1), high * 2):
            with pytest.raises(SelectorError, match=field):
                profile_from_mapping({"workload_type": "io", field: outside})


def test_numbers_have_neighbours_and_middles() -> None:
    counts, amounts = axis_of("tasks"), axis_of("cpu_ms_per_task")
    assert (counts.beside(4, 1), counts.middle(4, 9), counts.middle(4, 5)) == (5, 6, 5)
    assert amounts.beside(1.0, 1) == math.nextafter(1.0, 2.0)
    assert amounts.middle(1.0, 4.0) == 2.0
    assert amounts.at(amounts.rank(0.1)) == 0.1
