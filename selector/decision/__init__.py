"""Decision tables in YAML, based on DMN: load one, decide with it, ask why.

What decides is here, what proves, tests and compares tables in `proofs`, which nothing here needs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from selector.decision.cells import CellError, Scalar, matches
from selector.decision.table import Decision, DecisionTable, RowTrace

__all__ = ["CellError", "Decision", "DecisionTable", "RowTrace", "load_table", "unary_test"]


def load_table(path_or_text: str | Path) -> DecisionTable:
    """A decision table from a YAML file, or from the YAML text itself (recognised by a line break or a brace).

    Raises SelectorError naming file, line and column, what is wrong, and what to write instead.
    """
    from selector.decision.load import load_table as load  # brings the YAML parser, 10 ms that deciding does not need

    return load(path_or_text)


def unary_test(text: str) -> Callable[[Scalar], bool]:
    """The test a cell's text stands for, as a function.

    >>> unary_test("[1..5), > 10")(3)
    True

    Raises CellError (a ValueError) for text that is no test.
    """
    from selector.decision.parser import parse_cell  # nor does it need the parser of cells

    cell = parse_cell(text)
    return lambda value: matches(cell, value)
