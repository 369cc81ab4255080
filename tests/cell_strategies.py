"""Cells of every shape, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from selector.decision.cells import ANYTHING, Cell, Compare, Interval, Not, OneOf, Scalar

INTEGERS = st.integers(-20, 20) | st.integers() | st.sampled_from([2**53 + 1, 10**20 + 5, -(10**20)])
NUMBERS = INTEGERS | st.floats(allow_nan=False, allow_infinity=False)
STRINGS = st.text(st.characters(), max_size=5) | st.text('ab"\\,- \0\n', max_size=3)  # surrogates among the first
SCALARS: st.SearchStrategy[Scalar] = st.none() | st.booleans() | NUMBERS | STRINGS


@st.composite
def intervals(draw: st.DrawFn) -> Cell:
    low, high = sorted(draw(st.tuples(NUMBERS, NUMBERS) | st.tuples(STRINGS, STRINGS)))
    if low == high:
        return Interval(low, high, True, True)
    return Interval(low, high, draw(st.booleans()), draw(st.booleans()))


SIMPLE = (
    st.builds(Compare, st.sampled_from(["=", "!="]), SCALARS)
    | st.builds(Compare, st.sampled_from(["<", "<=", ">", ">="]), NUMBERS | STRINGS)
    | intervals()
)
TESTS = st.recursive(
    SIMPLE,
    lambda inner: st.builds(Not, inner) | st.builds(OneOf, st.lists(inner, min_size=2, max_size=4).map(tuple)),
    max_leaves=8,
)
CELLS: st.SearchStrategy[Cell] = st.just(ANYTHING) | TESTS
