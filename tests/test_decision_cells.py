"""Cells of a decision table: what every form accepts."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from cell_strategies import CELLS, SCALARS
from hypothesis import strategies as st
from properties import property_test

from selector.decision import load_table, unary_test
from selector.decision.cells import (
    ANYTHING,
    Anything,
    Cell,
    Compare,
    Interval,
    Not,
    OneOf,
    Scalar,
    cell_text,
    kind_of,
    literals,
    matches,
)
from selector.decision.parser import parse_cell

EVERY_KIND = [0, 1, -1, 2.5, 10**30, True, False, "", "a", "1", "true", "null", None]
FACE = "\U0001f600"


# --- what each form accepts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["-", " - ", "\t-\n"])
def test_a_dash_accepts_every_value_and_a_missing_one(text: str) -> None:
    assert all(map(unary_test(text), EVERY_KIND))


ACCEPTED: list[tuple[str, list[Scalar], list[Scalar]]] = [
    # a literal
    ("5", [5, 5.0], [4, 6, math.nextafter(5, 6), True, "5", None]),
    ("-5", [-5], [5, "-5"]),
    ("0", [0, 0.0, -0.0], [False, "", None, 5e-324]),
    ("1", [1, 1.0], [True, "1"]),
    ("2.50", [2.5], [2, 3]),
    (".5", [0.5], [5, 0]),
    ("-.5", [-0.5], [0.5]),
    ("1e3", [1000], [1, "1e3"]),
    ("1.5E-2", [0.015], [1.5]),
    ("2e+2", [200], [2]),
    ("100000000000000000005", [10**20 + 5], [10**20, float(10**20)]),
    ('"a"', ["a"], ["A", "a ", "", None]),
    ('""', [""], [" ", None, 0, False]),
    ("a", ["a"], ["A", None]),
    ("cpu-bound", ["cpu-bound"], ["cpu", "bound"]),
    ("I/O", ["I/O"], ["I", "O"]),
    ("disjoint_writes", ["disjoint_writes"], ["disjoint"]),
    ("gr\u00f6\u00dfe", ["gr\u00f6\u00dfe"], ["grosse"]),
    ("\u65e5\u672c", ["\u65e5\u672c"], ["\u65e5"]),
    ("true", [True], [False, 1, "true", None]),
    ("false", [False], [True, 0, "false", None]),
    ('"true"', ["true"], [True]),
    ("True", ["True"], [True, "true"]),
    ("not", ["not"], ["", None]),
    ("null", [None], [0, "", False, "null"]),
    ('"null"', ["null"], [None]),
    # escapes
    (r'"a\"b"', ['a"b'], ["ab", 'a\\"b']),
    (r'"a\\b"', ["a\\b"], ["ab"]),
    (r'"\n\t\/"', ["\n\t/"], ["nt/"]),
    (r'"\u00e9"', ["\u00e9"], ["e"]),
    (r'"\ud83d\ude00"', [FACE], ["\ud83d"]),
    (f'"{FACE}"', [FACE], [""]),
    ('"two\nlines"', ["two\nlines"], ["two lines"]),
    ('"a,b)]"', ["a,b)]"], ["a"]),
    ('"-"', ["-"], ["", None, 1]),
    ('"> 5"', ["> 5"], [6, "6"]),
    # comparisons
    ("= 5", [5], [4]),
    ("=5", [5], [4]),
    ("!= 5", [4, 5.5], [5, 5.0, None, "5", True]),
    ('!= "a"', ["b", ""], ["a", None, 1]),
    ("!= true", [False], [True, 1, 0, None]),
    ("= null", [None], [0, ""]),
    ("!= null", [0, "", False, "x"], [None]),
    ("< 5", [4, math.nextafter(5, 0), -(10**400)], [5, 6, None, "4", True]),
    ("<= 5", [5, 4], [math.nextafter(5, 6), None]),
    ("> 5", [6, math.nextafter(5, 6), 10**400], [5, 4, None, "6"]),
    (">= 5", [5, 6], [math.nextafter(5, 0), None]),
    (">=-2.5", [-2.5, 0], [-3]),
    ("> 0", [1], [True, False, "1"]),
    ('> "a"', ["a\0", "b", "\u00e9", FACE], ["a", "Z", "", None, 5]),
    ('<= "Z"', ["Z", "A", "", "9"], ["Z\0", "a", None]),
    # intervals: closed, open and the reversed brackets of open ends
    ("[1..5]", [1, 3, 5], [0, 6, math.nextafter(1, 0), math.nextafter(5, 6), None, "3", True]),
    ("(1..5]", [2, 5, math.nextafter(1, 2)], [1, 6]),
    ("[1..5)", [1, 4, math.nextafter(5, 4)], [5, 0]),
    ("(1..5)", [2, 4], [1, 5]),
    ("]1..5]", [2, 5], [1, 6]),
    ("[1..5[", [1, 4], [5]),
    ("]1..5[", [2, 4], [1, 5]),
    ("]1..5)", [2], [1, 5]),
    ("(1..5[", [2], [1, 5]),
    ("[5..5]", [5], [4, 6]),
    ("[-5..-1]", [-5, -1, -3.5], [0, -6]),
    ("[.5.. .75]", [0.5, 0.75], [0.4, 0.8]),
    ("[1.5..2.5]", [1.5, 2, 2.5], [1, 3]),
    ("[ 1 .. 5 ]", [1, 5], [0]),
    ('["a".."f"]', ["a", "f", "ezz", "a\0"], ["f\0", "g", "Z", None, 5]),
    ("(a..f)", ["b", "a\0"], ["a", "f"]),
    ("[100000000000000000000..100000000000000000010]", [10**20 + 5], [10**20 + 11, 10**20 - 1]),
    # lists
    ("1, 2", [1, 2], [3, None]),
    ('"a","b"', ["a", "b"], ["c", "a,b", None]),
    ("a, b", ["a", "b"], ["c"]),
    ("< 1, > 5", [0, 6], [1, 3, 5, None]),
    ("[1..2], (4..5], 9", [1, 2, 5, 9], [3, 4, 8]),
    ('null, "a"', [None, "a"], ["b"]),
    ("(1, 2)", [1, 2], [3]),
    ("[1, 2]", [1, 2], [3]),
    ("(1)", [1], [2]),
    ("(1, 2), 3", [1, 2, 3], [4]),
    ('1, "a", true', [1, "a", True], [False, "1", None]),
    # not
    ("not(5)", [4, "5", True, None], [5, 5.0]),
    ("not (5)", [4], [5]),
    ("not(1, 2)", [3, None], [1, 2]),
    ("not([1..5])", [0, 6, None], [1, 5]),
    ("not(null)", [0, "", False], [None]),
    ("not(not(5))", [5], [4, None]),
    ("not(> 5), 7", [5, 7, None], [6]),
    ("not(< 5, null)", [5, 6, "a"], [4, None]),
]


def test_a_form_accepts_exactly_what_it_says() -> None:
    for text, good, bad in ACCEPTED:
        test = unary_test(text)
        assert [value for value in good if test(value) is not True] == [], ascii(text)
        assert [value for value in bad if test(value) is not False] == [], ascii(text)


@pytest.mark.parametrize(
    ("low", "high"),
    [("Z", "a"), ("a", "a\0"), ("z", "\u00e9"), ("\uffff", FACE), ("", "\0"), ("10", "9"), ("a-b", "a_b")],
    ids=ascii,
)
def test_strings_are_ordered_by_code_point_not_by_language(low: str, high: str) -> None:
    assert matches(Compare("<", high), low)
    assert matches(Compare(">", low), high)
    assert not matches(Compare("<", low), high)


def test_integers_are_compared_exactly_next_to_floats() -> None:
    assert not unary_test("9007199254740993")(2.0**53)
    assert unary_test("> 9007199254740992")(2**53 + 1)
    assert not unary_test("<= 9007199254740992")(2**53 + 1)
    assert unary_test("[100000000000000000000..100000000000000000010]")(10**20 + 5)
    assert not unary_test("(1e20..1.0000000000000002e20)")(10**20)


@pytest.mark.parametrize("text", ["= 1", "!= 1", "< 1", "<= 1", "> 1", ">= 1", "[0..2]", '!= "a"', '< "a"', "1, 2"])
def test_a_comparison_with_a_missing_value_is_false(text: str) -> None:
    assert not unary_test(text)(None)
    assert unary_test(f"not({text})")(None)


def test_native_yaml_values_are_cells() -> None:
    table = load_table(
        "table: native\nhit_policy: first\n"
        "inputs: {n: {type: number, optional: true}, b: {type: boolean}, s: {type: string}}\n"
        "outputs: {o: {type: number}}\n"
        "rules:\n"
        "  - {when: {n: 5, b: true, s: word}, then: {o: 1}}\n"
        "  - {when: {n: -2.5e1, b: [true, false], s: [a, 'b', '\"c d\"']}, then: {o: 2}}\n"
        "  - {when: {n: [1, '> 7', [3, 4]]}, then: {o: 3}}\n"
        "  - {when: {n: null}, then: {o: 4}}\n"
        "  - {when: {n: [9], s: '-'}, then: {o: 5}}\n"
    )
    assert [[cell_text(cell) for cell in rule.cells] for rule in table.rules] == [
        ["5", "true", '"word"'],
        ["-25.0", "true, false", '"a", "b", "c d"'],
        ["1, > 7, (3, 4)", "-", "-"],
        ["null", "-", "-"],
        ["9", "-", "-"],
    ]
    assert table.decide({"n": 4, "b": False, "s": ""}).output == {"o": 3}
    assert table.decide({"b": False, "s": ""}).output == {"o": 4}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("-", []),
        ("5", [5]),
        ('["a".."f"]', ["a", "f"]),
        ("not(1, > 2), null, (3..4]", [1, 2, None, 3, 4]),
    ],
)
def test_literals_are_the_values_where_an_answer_can_change(text: str, wanted: list[Scalar]) -> None:
    assert literals(parse_cell(text)) == wanted


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, "boolean"), (1, "number"), (1.5, "number"), ("", "string"), (None, "null")],
    ids=repr,
)
def test_a_boolean_is_never_a_number(value: Scalar, kind: str) -> None:
    assert kind_of(value) == kind


def test_cells_are_immutable_and_hashable() -> None:
    cell = parse_cell('not([1..5], "a")')
    with pytest.raises(AttributeError):
        cell.test = ANYTHING
    assert len({cell, parse_cell('not( [1..5] , "a" )')}) == 1


# --- for any cell -----------------------------------------------------------------------------------------------------


def key(value: Scalar) -> tuple[str, Any]:
    """A value as what it is and something exact to order it by."""
    if value is None or isinstance(value, bool):
        return ("nothing" if value is None else "truth"), value
    return ("text", [ord(c) for c in value]) if isinstance(value, str) else ("quantity", Fraction(value))


def accepts(cell: Cell, value: Scalar) -> bool:
    """An oracle for `matches`: exact fractions, lists of code points, no operators of Python on the raw values."""
    if isinstance(cell, OneOf):
        return True in [accepts(test, value) for test in cell.tests]
    if isinstance(cell, Not):
        return accepts(cell.test, value) is False
    if isinstance(cell, Interval):
        above = Compare(">=" if cell.low_closed else ">", cell.low)
        below = Compare("<=" if cell.high_closed else "<", cell.high)
        return accepts(above, value) and accepts(below, value)
    if isinstance(cell, Anything):
        return True
    (kind, place), (wanted_kind, wanted) = key(value), key(cell.value)
    if cell.operator == "=":
        return (kind, place) == (wanted_kind, wanted)
    if kind == "nothing" or wanted_kind not in (kind, "nothing"):
        return False
    if cell.operator == "!=":
        return kind != wanted_kind or place != wanted
    order = (place > wanted) - (place < wanted)
    return order in {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}[cell.operator]


@property_test(st.data(), few=80, many=600)
def test_matches_agrees_with_an_independent_oracle(data: st.DataObject) -> None:
    cell = data.draw(CELLS)
    value = data.draw(st.sampled_from(literals(cell)) | SCALARS if literals(cell) else SCALARS)
    near = [value]
    if isinstance(value, str):
        near += [value + "\0", value[:-1]]
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**300:
        near += [math.nextafter(value, math.inf), math.nextafter(value, -math.inf), int(value) + 1, float(value)]
    for one in near:
        assert matches(cell, one) is accepts(cell, one)


@property_test(CELLS, SCALARS, few=40, many=400)
def test_not_is_the_opposite_and_a_list_the_union(cell: Cell, value: Scalar) -> None:
    assert matches(Not(cell), value) is not matches(cell, value)
    assert matches(OneOf((cell, Compare("=", value))), value)
