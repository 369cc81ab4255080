"""Cells of a decision table: what every form accepts, what its mistakes are told, and that text and cell agree."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.decision import CellError, load_table, unary_test
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


@pytest.mark.parametrize("value", EVERY_KIND, ids=repr)
@pytest.mark.parametrize("text", ["-", " - ", "\t-\n"])
def test_a_dash_accepts_every_value_and_a_missing_one(text: str, value: Scalar) -> None:
    assert unary_test(text)(value)


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


@pytest.mark.parametrize(
    ("text", "value", "wanted"),
    [(text, v, True) for text, good, _ in ACCEPTED for v in good]
    + [(text, v, False) for text, _, bad in ACCEPTED for v in bad],
    ids=lambda x: ascii(x)[:40],
)
def test_a_form_accepts_exactly_what_it_says(text: str, value: Scalar, wanted: bool) -> None:
    assert unary_test(text)(value) is wanted


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("-", Anything()),
        ("5", Compare("=", 5)),
        ("5.0", Compare("=", 5.0)),
        ("x", Compare("=", "x")),
        ("null", Compare("=", None)),
        ("!= null", Compare("!=", None)),
        (">= 2", Compare(">=", 2)),
        ("]1..5[", Interval(1, 5, False, False)),
        ('["a".."b")', Interval("a", "b", True, False)),
        ("1, 2", OneOf((Compare("=", 1), Compare("=", 2)))),
        ("(1, 2), 3", OneOf((OneOf((Compare("=", 1), Compare("=", 2))), Compare("=", 3)))),
        ("((5))", Compare("=", 5)),
        ("not(1, 2)", Not(OneOf((Compare("=", 1), Compare("=", 2))))),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_text_becomes_one_of_five_shapes(text: str, cell: Cell) -> None:
    assert repr(parse_cell(text)) == repr(cell)


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


# --- what its mistakes are told ---------------------------------------------------------------------------------------

MISTAKES: list[tuple[str, int, str, str]] = [  # text, character from 1, problem, hint
    ("", 1, "an empty cell", "write - for any value"),
    ("   ", 1, "an empty cell", "'> 5'"),
    ("== 5", 1, "==", "write = for equal"),
    ("= = 5", 1, "==", "write = for equal"),
    ("=> 5", 1, "=>", "write >="),
    ("=< 5", 1, "=<", "write <="),
    ("<> 5", 1, "<>", "write !="),
    ("> > 5", 3, "expected a value", "a number, a string"),
    ("\u2265 5", 1, "\u2265", "write >="),
    ("\u2264 5", 1, "\u2264", "write <="),
    ("\u2260 5", 1, "\u2260", "write !="),
    ("!a", 1, "!", "not(...)"),
    ("\u201ca\u201d", 1, "\u201c", "straight quotes"),
    ("\u2018a\u2019", 1, "\u2018", "straight quotes"),
    ("'a'", 1, "'", "double quotes"),
    ("\u22125", 1, "\u2212", "minus"),
    ('"a', 1, "closing quote", 'end it with "'),
    ('"a","b', 5, "closing quote", 'end it with "'),
    (r'"\x41"', 1, "unknown escape", r"\""),
    ("a b", 3, "unexpected 'b'", "commas"),
    ("1 2", 3, "unexpected '2'", "commas"),
    ("5-3", 2, "unexpected '-3'", "commas"),
    ("a | b", 3, "|", "commas"),
    ("a || b", 3, "|", "commas"),
    ("a; b", 2, ";", "commas"),
    ('"a" or "b"', 5, "unexpected 'or'", "commas"),
    ('"a", or "b"', 6, "expected a value", "commas"),
    ('> "a" and < "f"', 7, "unexpected 'and'", "[a..b]"),
    ("> 1 and < 5", 5, "'and'", "[a..b]"),
    ("> 1 && < 5", 5, "&", "[a..b]"),
    ("between 1 and 5", 1, "'between'", "[a..b]"),
    ("1 to 5", 3, "'to'", "[a..b]"),
    ("1..5", 2, "unexpected '..'", "[1..5]"),
    ("[1...5]", 3, "...", "two dots"),
    ("[0...5]", 3, "...", "two dots"),
    ("[1\u20265]", 3, "\u2026", "two dots"),
    ("[1.5]..", 6, "unexpected '..'", "[1..5]"),
    ("[1..5", 6, "without its end", "close it"),
    ("[1..5}", 6, "'}'", "tests look like"),
    ("[..5]", 2, "expected a value", "[1..5]"),
    ("[1..]", 5, "expected a value", "a number"),
    ("[5..1]", 5, "no value can be in", "smaller bound first"),
    ("(5..5)", 5, "no value can be in", "smaller bound first"),
    ("[5..5)", 5, "no value can be in", "smaller bound first"),
    ('[1.."a"]', 5, "two numbers or two strings", "[1..5]"),
    ("[true..false]", 8, "two numbers or two strings", "[1..5]"),
    ("[null..5]", 8, "two numbers or two strings", "[1..5]"),
    (")1..5(", 1, "expected a value", "a number"),
    ("]1, 2[", 2, "expected an interval", "]1..5["),
    ("(1, 2", 6, "expected ) but found the end", "close with )"),
    ("[1, 2)", 6, "expected ] but found ')'", "close with ]"),
    ("not(1", 6, "expected ) but found the end", "close with )"),
    ("not 1", 5, "unexpected '1'", "not(...)"),
    ("not()", 5, "expected a value", "a number"),
    ("not(-)", 5, "- stands alone", "the whole cell"),
    ("-, 1", 1, "- stands alone", "the whole cell"),
    ("1, -", 4, "- stands alone", "the whole cell"),
    ("- 5", 1, "- stands alone", "the whole cell"),
    ("1,", 3, "the end of the cell", "a number"),
    (",1", 1, "expected a value", "a number"),
    (">", 2, "the end of the cell", "a number"),
    ("5 >", 3, "unexpected '>'", "starts with its operator"),
    ("x > 5", 3, "unexpected '>'", "does not name its input"),
    ("? > 5", 1, "?", "no variable"),
    ("*", 1, "*", "written -"),
    ("in [1..5]", 1, "'in'", "leave `in` out"),
    ("5ms", 2, "a number followed by 'ms'", "the input's name"),
    ("5 MB", 3, "a number followed by 'MB'", "the input's name"),
    ("50%", 3, "%", "the input's name"),
    ("1_000", 2, "'_000'", "1000, not 1_000"),
    ("1,000", 3, "starts with 0", "1000, not 1,000"),
    ("007", 1, "starts with 0", "not 01"),
    ("1e400", 1, "too large", "smaller"),
    ("-1e999", 1, "too large", "smaller"),
    ("9" * 301, 1, "too many digits", "300"),
    ("\u0663", 1, "\u0663", "tests look like"),
    ('date("2024-01-01")', 1, "'date'", "not supported"),
    ("time(1)", 1, "'time'", "not supported"),
    ('duration("P1D")', 1, "'duration'", "a number with its unit"),
    ("> true", 3, "true has no order", "= or !="),
    ("<= null", 4, "null has no order", "= or !="),
    ("$5", 1, "'$'", "tests look like"),
    ("a, #b", 4, "'#'", "tests look like"),
    ("(" * 30 + "1" + ")" * 30, 21, "nested too deeply", "simplify"),
]


@pytest.mark.parametrize(("text", "character", "problem", "hint"), MISTAKES, ids=lambda x: ascii(x)[:30])
def test_a_mistake_is_told_with_its_place_and_a_remedy(text: str, character: int, problem: str, hint: str) -> None:
    with pytest.raises(CellError) as caught:
        parse_cell(text)
    error = caught.value
    assert (error.offset + 1, problem in error.problem, hint in error.hint) == (character, True, True), str(error)
    assert f"(at character {character})" in str(error)


def test_a_cell_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="an empty cell"):
        unary_test("")


# --- text and cell agree, for any cell --------------------------------------------------------------------------------

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
checked = settings(max_examples=400, deadline=None, database=None)


@checked
@given(CELLS)
def test_the_text_of_any_cell_reads_back_as_the_same_cell(cell: Cell) -> None:
    again = parse_cell(cell_text(cell))
    assert again == cell
    assert repr(again) == repr(cell), "also the types of the literals"


def test_two_lone_surrogates_are_not_joined_by_writing_and_reading() -> None:
    cell = Compare("=", "\ud83d\ude00")
    assert parse_cell(cell_text(cell)) == cell


@checked
@given(CELLS, st.text(" \t\n", max_size=2))
def test_space_around_a_cell_means_nothing(cell: Cell, space: str) -> None:
    assert parse_cell(space + cell_text(cell) + space) == cell


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


@checked
@given(st.data())
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


@checked
@given(CELLS, SCALARS)
def test_not_is_the_opposite_and_a_list_the_union(cell: Cell, value: Scalar) -> None:
    assert matches(Not(cell), value) is not matches(cell, value)
    assert matches(OneOf((cell, Compare("=", value))), value)


@settings(max_examples=800, deadline=None, database=None)
@given(
    st.text(max_size=20)
    | st.text(st.characters(), max_size=10)
    | st.lists(
        st.sampled_from([*"-,()[]<>=!.\"\\'e05a \n", "..", "not(", "null", "true", "and", "1.5", '"a"', "\u0663"]),
        max_size=12,
    ).map("".join)
)
def test_any_text_is_a_cell_or_a_cell_error_with_a_place_inside_it(text: str) -> None:
    found = read(text)
    if isinstance(found, CellError):
        assert 0 <= found.offset <= len(text)
        assert found.problem
        assert found.hint
    else:
        assert parse_cell(cell_text(found)) == found
        assert matches(found, 5) in (True, False)


def read(text: str) -> Cell | CellError:
    try:
        return parse_cell(text)
    except CellError as error:
        return error


@pytest.mark.parametrize(
    "text",
    ["(" * 100_000, "[" * 100_000, "not(" * 50_000, '"' + "\\" * 99_999, "-" * 100_000, "a," * 50_000, " " * 100_000],
    ids=["(", "[", "not(", "backslashes", "-", "a,", "spaces"],
)
def test_a_long_hostile_text_is_a_cell_error(text: str) -> None:
    with pytest.raises(CellError):
        parse_cell(text)
