"""The input space of a table: where an axis is cut, what its parts are called, and the simplest value in each."""

from __future__ import annotations

from typing import Any

import pytest
from short_tables import NEXT

from selector.decision.cells import Compare, cell_text, matches
from selector.decision.parser import parse_cell
from selector.decision.proofs.space import axis_of
from selector.decision.table import Input


@pytest.mark.parametrize(
    ("kind", "domain", "cells", "expected"),
    [
        ("number", None, ["< 5", "[1..9]"], ["< 1", "[1..5)", "[5..9]", "> 9"]),
        ("number", ">= 1", ["<= 2.5"], ["[1..2.5]", "> 2.5"]),
        ("number", "[0..1]", ["0.5"], ["not(0.5)", "0.5"]),
        ("string", None, ['"b","d"'], ['not("b", "d")', '"b", "d"']),
        ("boolean", None, ["true"], ["true", "false"]),
        ("number", None, [f"0.3, {NEXT!r}"], [f"< 0.3, > {NEXT!r}", f"[0.3..{NEXT!r}]"]),
        ("number", None, ["-"], ["-"]),
    ],
)
def test_an_axis_is_cut_where_cells_change_and_says_so_in_cells(
    kind: Any, domain: str | None, cells: list[str], expected: list[str]
) -> None:
    column = Input("x", kind, parse_cell(domain) if domain else None)
    axis = axis_of(column, [parse_cell(cell) for cell in cells])
    assert [cell_text(axis.cell(1 << i)) for i in range(len(axis.classes))] == expected
    for i, found in enumerate(axis.classes):
        test = axis.cell(1 << i)
        assert all(matches(test, place.witness) == (place in found.places) for place in axis.places)


@pytest.mark.parametrize(
    ("kind", "test", "witness"),
    [
        ("number", "> 5", 6), ("number", "> 100", 200), ("number", "(0..0.05)", 0.01), ("number", "(1..1.2)", 1.1),
        ("number", "< -3", -4), ("number", "(-2..-1)", -1.1), ("number", "(-1..2)", 0), ("number", "(3..8)", 4),
        ("number", "(9007199254740992..9007199254740994)", 9007199254740993), ("number", f"> {10**299}", 2 * 10**299),
        ("number", "(0..1e-323)", 5e-324), ("number", "not(< 2.5)", 3), ("string", '> "zz"', "zza"),
        ("string", '< "\\u0001"', ""), ("string", '("a".."a\\u0000\\u0000")', "a\0"), ("string", 'not("a")', "b"),
    ],
)  # fmt: skip
def test_a_witness_is_as_simple_as_can_be(kind: Any, test: str, witness: Any) -> None:
    axis = axis_of(Input("x", kind, None, optional=True), [parse_cell(test)])
    assert axis.witness(axis.rows[0]) == witness
    assert matches(parse_cell(test), witness)


def test_a_class_that_holds_only_missing_is_null() -> None:
    axis = axis_of(Input("x", "number", parse_cell("<= 3"), optional=True), [Compare("=", None)], whole=True)
    assert {cell_text(axis.cell(1 << i)) for i in range(2)} == {"null", "<= 3"}
