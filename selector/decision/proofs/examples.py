"""Tests a decision table: the examples that it carries, its boundary cases, and those recorded beside it."""

from __future__ import annotations

from dataclasses import dataclass

from selector.decision import DecisionTable
from selector.decision.proofs.boundaries import boundary_failures, boundary_inputs, cases_file, read_cases
from selector.decision.proofs.limits import Steps
from selector.errors import SelectorError
from selector.text import quoted

_MOST_FAILURES = 1000  # boundary cases of one table; then it is known to be wrong


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """How many examples passed, what failed (a line each), and the ids of rows that no example reached."""

    passed: int
    failures: tuple[str, ...]
    unreached: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableTest:
    """What testing a table came to: how many of each there are, and what failed, a line each.

    `recorded` is None where no cases are recorded beside the table; `left_out` is for what there was no time.
    """

    rows: int
    examples: ExampleResult
    boundaries: int
    boundary_failures: tuple[str, ...]
    recorded: int | None
    recorded_failures: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether anything failed."""
        return bool(self.examples.failures or self.boundary_failures or self.recorded_failures)


def run_table_test(
    table: DecisionTable, whole: frozenset[str] = frozenset(), seconds: float | None = None
) -> TableTest:
    """Run all tests of a table that was read from a file; raises SelectorError for a broken file of recorded cases.

    `seconds` is the time for the boundary cases; without it they take what they need.
    """
    file = cases_file(table)
    cases = read_cases(file) if file.exists() else ()
    where = (f"{file}:{number}: {failure}" for number, case in enumerate(cases, 1) if (failure := case.failure(table)))
    steps, left_out = None if seconds is None else Steps.within(seconds), list[str]()
    tried, failures = 0, list[str]()
    for failure in boundary_failures(table, boundary_inputs(table, whole, steps, left_out)):
        tried += 1
        failures += [failure] if failure else []
        if len(failures) == _MOST_FAILURES:
            left_out.append(f"the cases after the {_MOST_FAILURES:,}th that failed")
            break
    recorded = len(cases) if file.exists() else None
    return TableTest(
        len(table.rules), run_examples(table), tried, tuple(failures), recorded, tuple(where), tuple(left_out)
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
