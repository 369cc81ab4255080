"""The text of a cell: which cell it becomes, what its mistakes are told, and that text and cell agree."""

from __future__ import annotations

import pytest
from cell_strategies import CELLS
from hypothesis import strategies as st
from properties import property_test

from selector.decision import CellError, unary_test
from selector.decision.cells import Anything, Cell, Compare, Interval, Not, OneOf, cell_text, matches
from selector.decision.parser import parse_cell


def read(text: str) -> Cell | CellError:
    try:
        return parse_cell(text)
    except CellError as error:
        return error


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


def test_a_mistake_is_told_with_its_place_and_a_remedy() -> None:
    for text, character, problem, hint in MISTAKES:
        error = read(text)
        assert isinstance(error, CellError), ascii(text)
        assert (error.offset + 1, problem in error.problem, hint in error.hint) == (character, True, True), str(error)
        assert f"(at character {character})" in str(error)


def test_a_cell_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="an empty cell"):
        unary_test("")


# --- text and cell agree, for any cell --------------------------------------------------------------------------------


@property_test(CELLS, few=60, many=600)
def test_the_text_of_any_cell_reads_back_as_the_same_cell(cell: Cell) -> None:
    again = parse_cell(cell_text(cell))
    assert again == cell
    assert repr(again) == repr(cell), "also the types of the literals"


def test_two_lone_surrogates_are_not_joined_by_writing_and_reading() -> None:
    cell = Compare("=", "\ud83d\ude00")
    assert parse_cell(cell_text(cell)) == cell


@property_test(CELLS, st.text(" \t\n", max_size=2), few=40, many=400)
def test_space_around_a_cell_means_nothing(cell: Cell, space: str) -> None:
    assert parse_cell(space + cell_text(cell) + space) == cell


@property_test(
    st.text(max_size=20)
    | st.text(st.characters(), max_size=10)
    | st.lists(
        st.sampled_from([*"-,()[]<>=!.\"\\'e05a \n", "..", "not(", "null", "true", "and", "1.5", '"a"', "\u0663"]),
        max_size=12,
    ).map("".join),
    few=150,
    many=1200,
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


@pytest.mark.parametrize(
    "text",
    ["(" * 100_000, "[" * 100_000, "not(" * 50_000, '"' + "\\" * 99_999, "-" * 100_000, "a," * 50_000, " " * 100_000],
    ids=["(", "[", "not(", "backslashes", "-", "a,", "spaces"],
)
def test_a_long_hostile_text_is_a_cell_error(text: str) -> None:
    with pytest.raises(CellError):
        parse_cell(text)
