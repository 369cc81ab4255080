"""Tests a decision table: the examples that it carries, its boundary cases, and those recorded beside it."""

from __future__ import annotations

from dataclasses import dataclass

from selector.decision import DecisionTable
from selector.decision.boundaries import boundary_failures, boundary_inputs, cases_file, read_cases
from selector.errors import SelectorError
from selector.text import quoted


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """How many examples passed, what failed (a line each), and the ids of rows that no example reached."""

    passed: int
    failures: tuple[str, ...]
    unreached: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableTest:
    """What testing a table came to: how many of each there are, and what failed, a line each.

    `recorded` is None where no cases are recorded beside the table.
    """

    rows: int
    examples: ExampleResult
    boundaries: int
    boundary_failures: tuple[str, ...]
    recorded: int | None
    recorded_failures: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether anything failed."""
        return bool(self.examples.failures or self.boundary_failures or self.recorded_failures)


def run_table_test(table: DecisionTable, whole: frozenset[str] = frozenset()) -> TableTest:
    """Run all tests of a table that was read from a file; raises SelectorError for a broken file of recorded cases."""
    inputs, file = boundary_inputs(table, whole), cases_file(table)
    cases = read_cases(file) if file.exists() else ()
    where = (f"{file}:{number}: {failure}" for number, case in enumerate(cases, 1) if (failure := case.failure(table)))
    return TableTest(
        len(table.rules),
        run_examples(table),
        len(inputs),
        boundary_failures(table, inputs),
        len(cases) if file.exists() else None,
        tuple(where),
    )


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
