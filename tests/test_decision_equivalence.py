"""The compiled table decides like a naive interpreter of the definitions, for random tables and inputs at every bound."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import strategies as st
from interpreted_tables import BIG, NUMBERS, Column, Refused, Spec, cells, inputs_of, interpret, neighbours, tables
from properties import property_test

from selector.decision import load_table, unary_test
from selector.decision.cells import Scalar, cell_text, literals, matches
from selector.errors import SelectorError

pytestmark = pytest.mark.one_python

# --- they agree -------------------------------------------------------------------------------------------------------

SINGLE = ("first", "first", "priority", "unique", "any")
MANY = ("rule_order", "output_order", "collect", "collect sum", "collect min", "collect max", "collect count")


def assert_agreement(spec: Spec, all_given: list[dict[str, Any]]) -> None:
    table = load_table(spec.text())
    assert [rule.cells for rule in table.rules] == [tuple(line) for line, _ in spec.rows], "the loader kept every cell"
    for given_ in all_given:
        try:
            output, used, hits = interpret(spec, given_)
        except Refused:
            for trace in (False, True):
                with pytest.raises(SelectorError):
                    table.decide(given_, trace=trace)
            with pytest.raises(SelectorError):
                table.decide_among({**given_, "another": 1})
            continue
        among = table.decide_among({**given_, "another": 1})
        for decision in (among, table.decide(given_), table.decide(given_), table.decide(given_, trace=True)):
            assert decision.output == output, given_
            assert decision.matched == used, given_
        assert [row.rule for row in decision.trace] == [rule.id for rule in table.rules]
        assert {row.rule for row in decision.trace if row.fired} == set(used)
        assert {row.rule for row in decision.trace if row.matched} == hits
        for (line, _), row in zip(spec.rows, decision.trace, strict=True):
            if not row.matched:
                names = [column.name for column in spec.inputs]
                failed = next(i for i, name in enumerate(names) if not matches(line[i], given_.get(name)))
                assert (row.input, row.cell) == (names[failed], cell_text(line[failed]))
                assert row.value == given_.get(names[failed])
                assert not unary_test(str(row.cell))(row.value)


@property_test(st.data(), few=12, many=250)
def test_a_table_of_one_answer_decides_like_the_interpreter(data: st.DataObject) -> None:
    spec = data.draw(tables(SINGLE))
    assert_agreement(spec, data.draw(st.lists(inputs_of(spec), min_size=4, max_size=8)))


@property_test(st.data(), few=12, many=250)
def test_a_table_of_many_answers_decides_like_the_interpreter(data: st.DataObject) -> None:
    spec = data.draw(tables(MANY))
    assert_agreement(spec, data.draw(st.lists(inputs_of(spec), min_size=4, max_size=8)))


@property_test(st.data(), few=12, many=250)
def test_one_column_agrees_at_just_below_and_just_above_every_bound(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["number", "string"]))
    domain = data.draw(st.none() | cells(kind, None, optional=False))
    optional = data.draw(st.booleans())
    rows = data.draw(st.lists(cells(kind, None, optional), min_size=1, max_size=6))
    column = Column("x", kind, domain, optional)
    spec = Spec("collect", None, (column,), {"p": None}, [([cell], {"p": 1}) for cell in rows], None)
    mentioned = [v for cell in [*rows, *([domain] if domain else [])] for v in literals(cell)]
    places = [near for value in mentioned for near in neighbours(value)]
    finite = [place for place in places if not isinstance(place, float) or math.isfinite(place)]
    assert_agreement(spec, [{"x": place} for place in finite] + [{}])


# --- places worth naming ----------------------------------------------------------------------------------------------


def hits(kind: str, tests: list[str], values: list[Scalar]) -> list[list[bool]]:
    """For each test, which of the values the compiled table lets through; it must say the same as the test itself."""
    rules = "".join(
        f"  - {{when: {{x: {json.dumps(test, ensure_ascii=False)}}}, then: {{o: {i}}}}}\n"
        for i, test in enumerate(tests)
    )
    table = load_table(
        f"table: t\nhit_policy: collect\ninputs: {{x: {{type: {kind}, optional: true}}}}\n"
        f"outputs: {{o: {{type: number}}}}\nrules:\n{rules}"
    )
    decided = [[row["o"] for row in table.decide({"x": value}).output or []] for value in values]
    found = [[i in rows for rows in decided] for i in range(len(tests))]
    assert found == [[unary_test(test)(value) for value in values] for test in tests]
    return found


def test_an_integer_between_two_huge_ones_is_between_them() -> None:
    tests = [f"({BIG}..{BIG + 10})", f"> {BIG + 5}", f"{BIG + 5}", f"< {BIG}", f"> {BIG + 10}"]
    assert hits("number", tests, [BIG, BIG + 5, BIG + 6, BIG + 10, float(BIG), BIG + 11]) == [
        [False, True, True, False, False, False],
        [False, False, True, True, False, True],
        [False, True, False, False, False, False],
        [False, False, False, False, False, False],
        [False, False, False, False, False, True],
    ]


def test_neighbouring_floats_have_nothing_between_them_but_themselves() -> None:
    low, high = 0.3, math.nextafter(0.3, 1)
    tests = [f"({low!r}..{high!r})", f"[{low!r}..{high!r})", f"({low!r}..{high!r}]", f"> {low!r}", f"< {high!r}"]
    assert hits("number", tests, [math.nextafter(low, 0), low, high, math.nextafter(high, 1)]) == [
        [False, False, False, False],
        [False, True, False, False],
        [False, False, True, False],
        [False, False, True, True],
        [True, True, False, False],
    ]


def test_integers_and_floats_meet_where_floats_are_sparse() -> None:
    tests = [
        "9007199254740993",
        "> 9007199254740992.0",
        "(9007199254740992.0..9007199254740994.0)",
        "9007199254740992.0",
    ]
    assert hits("number", tests, [2**53, 2.0**53, 2**53 + 1, 2**53 + 2, 2.0**53 + 2]) == [
        [False, False, True, False, False],
        [False, False, True, True, True],
        [False, False, True, False, False],
        [True, True, False, False, False],
    ]


def test_the_smallest_and_the_largest_numbers_are_told_apart() -> None:
    tests = ["> 0", "(0..1e-323)", "5e-324", "< 0", ">= 1.7e308", "(-5e-324..5e-324)"]
    assert hits("number", tests, [0, -0.0, 5e-324, 1e-323, -5e-324, 1.7e308, 10**400, -(10**400)]) == [
        [False, False, True, True, False, True, True, False],
        [False, False, True, False, False, False, False, False],
        [False, False, True, False, False, False, False, False],
        [False, False, False, False, True, False, False, True],
        [False, False, False, False, False, True, True, False],
        [True, True, False, False, False, False, False, False],
    ]


def test_strings_next_to_a_bound_fall_on_its_right_side() -> None:
    tests = ['> "a"', '["a".."a\\u0000"]', '("a".."b")', '"a\\u0000"', '< "a"', '>= "\U0001f600"', 'not("a")', "null"]
    values: list[Scalar] = ["a", "a\0", "a\0\0", "b", "", "\uffff", "\U0001f600", None]
    assert hits("string", tests, values) == [
        [False, True, True, True, False, True, True, False],
        [True, True, False, False, False, False, False, False],
        [False, True, True, False, False, False, False, False],
        [False, True, False, False, False, False, False, False],
        [False, False, False, False, True, False, False, False],
        [False, False, False, False, False, False, True, False],
        [False, True, True, True, True, True, True, True],
        [False, False, False, False, False, False, False, True],
    ]


def test_the_empty_string_may_be_a_bound() -> None:
    assert hits("string", ['""', '> ""', '<= ""', '[""..""]'], ["", "\0", "a", None]) == [
        [True, False, False, False],
        [False, True, True, False],
        [True, False, False, False],
        [True, False, False, False],
    ]


def test_a_missing_value_passes_only_what_says_so() -> None:
    tests = [
        "-",
        "null",
        "not(null)",
        "!= null",
        "1",
        "!= 1",
        "not(1)",
        "< 5",
        "not(< 5)",
        "[1..2]",
        "null, 3",
        "not(null, 3)",
    ]
    passed = {"-", "null", "not(1)", "not(< 5)", "null, 3"}
    assert hits("number", tests, [None]) == [[test in passed] for test in tests]


@property_test(st.lists(NUMBERS, min_size=2, max_size=2, unique=True).map(sorted), st.fractions(0, 1), few=40, many=500)
def test_any_number_between_two_bounds_is_found_there(bounds: list[Any], place: Fraction) -> None:
    low, high = bounds
    exact = Fraction(low) + (Fraction(high) - Fraction(low)) * place
    near = [float(exact), math.floor(exact), math.ceil(exact)]
    hits("number", [f"({low!r}..{high!r})", f"[{low!r}..{high!r}]", f"< {low!r}", f"> {high!r}"], [low, high, *near])
