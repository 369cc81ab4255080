"""Decision tables in YAML, based on DMN: load one, decide with it, ask why."""

from selector.decision.cells import CellError, unary_test
from selector.decision.load import load_table
from selector.decision.table import Decision, DecisionTable, RowTrace

__all__ = ["CellError", "Decision", "DecisionTable", "RowTrace", "load_table", "unary_test"]
