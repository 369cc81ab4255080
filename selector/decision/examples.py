"""Runs the examples that a decision table carries, and finds the rows that none of them reaches."""

from __future__ import annotations

from dataclasses import dataclass

from selector.decision import DecisionTable
from selector.errors import SelectorError
from selector.text import quoted


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """How many examples passed, what failed (a line each), and the ids of rows that no example reached."""

    passed: int
    failures: tuple[str, ...]
    unreached: tuple[str, ...]


def run_examples(table: DecisionTable) -> ExampleResult:
    """Decide every example of a table and compare with what it expects."""
    failures = []
    reached: set[str] = set()
    for example in table.examples:
        where = f"{table.source}:{example.line}"
        try:
            decision = table.decide(example.given)
        except SelectorError as error:
            failures.append(f"{where}: {error.message}")
            continue
        reached.update(decision.matched)
        if decision.output != example.expect:
            failures.append(f"{where}: expected {quoted(example.expect)}, got {quoted(decision.output)}")
    unreached = tuple(rule.id for rule in table.rules if rule.id not in reached) if table.examples else ()
    return ExampleResult(len(table.examples) - len(failures), tuple(failures), unreached)
