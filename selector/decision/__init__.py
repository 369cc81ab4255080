"""Decision tables in YAML, based on DMN: load one, decide with it, ask why."""

from __future__ import annotations

from pathlib import Path

from selector.decision.cells import CellError, unary_test
from selector.decision.table import Decision, DecisionTable, RowTrace

__all__ = ["CellError", "Decision", "DecisionTable", "RowTrace", "load_table", "unary_test"]


def load_table(path_or_text: str | Path) -> DecisionTable:
    """A decision table from a YAML file, or from the YAML text itself (recognised by a line break or a brace).

    Raises SelectorError naming file, line and column, what is wrong, and what to write instead.
    """
    from selector.decision.load import load_table as load  # brings the YAML parser, 10 ms that deciding does not need

    return load(path_or_text)
