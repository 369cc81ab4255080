"""Boundary cases: which there are, that the compiled table agrees with its cells, what is recorded and that it holds."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from random_tables import random_table

from selector.decision import DecisionTable, load_table
from selector.decision.cells import ANYTHING, Compare
from selector.decision.proofs.boundaries import (
    BoundaryCase,
    boundary_failures,
    boundary_inputs,
    case_of,
    cases_file,
    read_cases,
    record_cases,
    recorded_cases,
)
from selector.decision.proofs.examples import run_table_test
from selector.decision.proofs.verify import verify_table
from selector.decision.table import Input
from selector.errors import SelectorError
from selector.recommend.cache import state_of
from selector.recommend.knowledge import all_tables
from selector.recommend.witnesses import WHOLE

pytestmark = pytest.mark.one_python

UP, DOWN = math.inf, -math.inf
OURS = {Path(table.source).stem: table for table in all_tables()}


def table_of(inputs: str, rules: str, policy: str = "first") -> DecisionTable:
    head = f"table: t\nhit_policy: {policy}\ninputs: {{{inputs}}}\noutputs: {{o: {{}}}}\n"
    return load_table(f"{head}rules: [{rules}]\n")


def tried(spec: str, cell: str, *, whole: bool = False) -> list[Any]:
    """The values at which one cell is tried, in their order; the rows below it are not looked at."""
    table = table_of(f"a: {spec}", f"{{when: {{a: {cell}}}, then: {{o: 1}}}}")
    values = [given["a"] for given in boundary_inputs(table, frozenset("a") if whole else frozenset())]
    assert len({(type(value), value) for value in values}) == len(values)
    return sorted(values[1:], key=lambda value: (value is None, value))  # the first is where the row fires


def near(value: float) -> list[float]:
    return [math.nextafter(value, DOWN), value, math.nextafter(value, UP)]


def test_numbers_are_tried_at_each_bound_and_at_the_floats_next_to_it() -> None:
    assert tried("{type: number}", "'< 5'") == near(5)
    assert tried("{type: number}", "'[1..2.5)'") == [*near(1)[:1], *near(1)[2:], *near(2.5)]  # 1 is where it fires
    assert tried("{type: number, values: '>= 1'}", "'>= 1, 7'") == [*near(1)[2:], *near(7)]


def test_counts_are_tried_at_the_whole_numbers_next_to_a_bound() -> None:
    assert tried("{type: number, values: '>= 1'}", "'[3..9]'", whole=True) == [2, 4, 8, 9, 10]  # 3 is where it fires
    assert tried("{type: number}", "'> 2.5'", whole=True) == [2]  # and 3 is where it fires


def test_strings_truth_values_lists_and_missing_values() -> None:
    assert tried("{type: string}", "'>= \"b\"'") == ["", "b\0"]  # "b" is where it fires
    assert tried("{type: string, values: [x, y, z]}", "[x, y]") == ["y", "z"]
    assert tried("{type: boolean, optional: true}", "false") == [True, None]
    assert tried("{type: number, optional: true}", "'null'") == []
    assert tried("{type: number}", "'-'") == []


def test_the_order_of_two_rows_is_seen_where_it_decides() -> None:
    rules = [
        "{id: x, when: {a: '< 9'}, then: {o: 1}}",
        "{id: y, when: {b: '> 5'}, then: {o: 2}}",
        "{id: z, then: {o: 1}}",
    ]
    inputs = "a: {type: number}, b: {type: number}"
    for policy in ("first", "rule_order"):
        cases = recorded_cases(table_of(inputs, ", ".join(rules), policy))
        swapped = table_of(inputs, ", ".join([rules[1], rules[0], rules[2]]), policy)
        assert any(case.failure(swapped) for case in cases)


def test_a_row_that_cannot_fire_has_no_cases() -> None:
    rules = "{id: all, then: {o: 1}}, {id: never, when: {a: '< 5'}, then: {o: 2}}"
    assert len(list(boundary_inputs(table_of("a: {type: number}", rules)))) == 1


def test_one_input_moves_and_the_others_stay_where_the_row_fires() -> None:
    rules = "{id: low, when: {a: '< 5', b: true}, then: {o: 1}}, {id: high, then: {o: 2}}"
    table = table_of("a: {type: number}, b: {type: boolean}", rules)
    base, *others = boundary_inputs(table)
    assert table.decide(base).matched == ["low"]
    assert all(sum(given[name] != base[name] for name in base) == 1 for given in others[:-1])


@pytest.mark.parametrize("seeds", [range(25), pytest.param(range(25, 300), marks=pytest.mark.slow)])
def test_compiled_random_tables_agree_with_their_cells(seeds: range) -> None:
    for seed in seeds:
        table = random_table(Random(seed))
        refusing = any(finding.kind == "conflict" for finding in verify_table(table).findings)
        failures = [each for each in boundary_failures(table, boundary_inputs(table)) if each]
        assert not failures or refusing, seed
        assert all("match" in failure for failure in failures), seed


def test_a_compiled_table_that_does_not_agree_with_its_cells_is_noticed() -> None:
    table = table_of("a: {type: number}", "{id: low, when: {a: '< 5'}, then: {o: 1}}, {id: high, then: {o: 2}}")
    other = table_of("a: {type: number}", "{id: low, when: {a: '<= 5'}, then: {o: 1}}, {id: high, then: {o: 2}}")
    broken = replace(table)
    broken.__dict__["_columns"] = other._columns
    (failure,) = filter(None, boundary_failures(broken, boundary_inputs(table)))
    assert failure == 'given {"a": 5}: {"o": 1} from low, but by its cells it is {"o": 2} from high'


def test_a_table_made_of_another_begins_without_its_decisions() -> None:
    table = table_of("a: {type: number}", "{id: low, when: {a: '< 5'}, then: {o: 1}}, {id: high, then: {o: 2}}")
    assert table.decide({"a": 1}).output == {"o": 1}
    other = replace(table, rules=(replace(table.rules[0], outputs=table.rules[1].outputs), table.rules[1]))
    assert other.decide({"a": 1}).output == {"o": 2}


# Recorded cases -------------------------------------------------------------------------------------------------------


def test_every_cell_of_every_row_is_pinned_at_its_bounds() -> None:
    rules = "{id: low, when: {a: '[1..5)'}, then: {o: 1}}, {id: high, when: {a: '> 9', b: true}, then: {o: 2}}"
    table = table_of("a: {type: number}, b: {type: boolean}", rules)
    cases = recorded_cases(table)
    for row, i, cell in [
        (0, 0, Compare("<", 5)), (0, 0, Compare(">=", 1)), (1, 0, Compare(">=", 9)), (1, 1, ANYTHING), (0, 1, Compare("=", True)),
    ]:  # fmt: skip
        cells: list[Any] = list(table.rules[row].cells)
        cells[i] = cell
        rows = list(table.rules)
        rows[row] = replace(rows[row], cells=tuple(cells))
        changed = replace(table, rules=tuple(rows))
        assert any(case.failure(changed) for case in cases), (row, i, cell)


def test_no_recorded_case_is_superfluous() -> None:
    """Where the rows fire pins nothing that their bounds do not."""
    table = table_of("a: {type: number}", "{when: {a: '< 5'}, then: {o: 1}}, {when: {a: '[5..9]'}, then: {o: 2}}")
    found: list[Any] = [case.given["a"] for case in recorded_cases(table)]
    assert sorted(found) == [*near(5), *near(9)]
    assert len(list(boundary_inputs(table))) == len([*near(5), *near(9)]) + 1


def test_a_recorded_case_says_how_the_answer_changed() -> None:
    table = table_of("a: {type: number}, b: {type: boolean, optional: true}", "{id: r, when: {a: '< 5'}, then: {o: 1}}")
    case = case_of(table, {"a": 4, "b": None})
    assert case == BoundaryCase({"a": 4}, {"o": 1}, ("r",))
    assert case.line == '{"given":{"a":4},"output":{"o":1},"rows":["r"]}'
    assert case.failure(table) is None
    other = table_of("a: {type: number}, b: {type: boolean, optional: true}", "{id: r, when: {a: '< 3'}, then: {o: 1}}")
    assert case.failure(other) == 'given {"a": 4}: {"o": 1} from r was recorded, now it is null from no row'
    narrower = replace(table, inputs=(Input("a", "number", Compare(">=", 9)), table.inputs[1]))
    assert "outside >= 9" in (case.failure(narrower) or "")


def test_one_is_not_true_in_a_recorded_answer() -> None:
    one, true = (table_of("a: {type: number}", f"{{id: r, then: {{o: {value}}}}}") for value in ("1", "true"))
    assert case_of(one, {"a": 1}).failure(true) is not None


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "table: x/../../y\nhit_policy: first\ninputs: {a: {type: number}}\noutputs: {o: {}}\n"
        "rules: [{id: low, when: {a: '< 5'}, then: {o: 1}}, {id: high, then: {o: 2}}]\n",
        "utf-8",
    )
    return path


def test_cases_are_recorded_beside_the_table_and_compared(file: Path) -> None:
    table = load_table(file)
    assert run_table_test(table).recorded is None
    done = record_cases(table)
    assert (done.cases, done.new, done.changed, done.gone) == (3, 3, 0, 0)
    recorded = file.parent / "cases" / "mine.jsonl"
    assert cases_file(table) == recorded and list(recorded.parent.iterdir()) == [recorded]
    assert read_cases(recorded) == recorded_cases(table)
    assert (run_table_test(table).recorded, run_table_test(table).failed) == (3, False)
    file.write_text(file.read_text("utf-8").replace("< 5", "<= 5"), "utf-8")
    changed = load_table(file)
    (failure,) = run_table_test(changed).recorded_failures
    assert failure.startswith(f"{recorded}:") and "given {" in failure
    done = record_cases(changed)
    assert (done.cases, done.new, done.changed, done.gone) == (3, 0, 1, 0)
    file.write_text(file.read_text("utf-8").replace("<= 5", "<= 7"), "utf-8")
    done = record_cases(load_table(file))
    assert (done.cases, done.new, done.gone) == (3, 3, 3)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "1",
        '{"given":[],"output":1,"rows":[]}',
        '{"given": {}}',
        '{"given":{},"output":1,"rows":5}',
        "[" * 100_000,
    ],
)
def test_a_broken_file_of_cases_names_the_line_and_can_be_written_anew(file: Path, line: str) -> None:
    table = load_table(file)
    record_cases(table)
    path = cases_file(table)
    path.write_text(f"{path.read_text('utf-8')}{line}\n", "utf-8")
    with pytest.raises(SelectorError, match=r"mine\.jsonl:4: .* is no recorded case"):
        run_table_test(table)
    assert record_cases(table).cases == 3
    assert not run_table_test(table).failed


def test_a_folder_that_cannot_be_written_is_an_error(file: Path) -> None:
    (file.parent / "cases").write_text("in the way", "utf-8")
    with pytest.raises(SelectorError, match="cannot be written"):
        record_cases(load_table(file))


@pytest.mark.slow  # `rules test` of our own tables fails on them, too
@pytest.mark.parametrize("name", OURS)
def test_the_cases_recorded_for_our_tables_are_up_to_date(name: str) -> None:
    """After an edit of a table that is meant: `concurrency-selector rules test --record`."""
    table = OURS[name]
    assert read_cases(cases_file(table)) == recorded_cases(table, WHOLE)


@pytest.mark.slow  # so does this, and says more
@pytest.mark.parametrize("name", OURS)
def test_our_tables_are_what_their_cells_say(name: str) -> None:
    result = run_table_test(OURS[name], WHOLE)
    assert not result.failed
    assert result.boundaries >= len(OURS[name].rules)
    assert result.examples.unreached == ()


def test_recorded_cases_are_there_for_tables_only_and_not_read_to_recommend() -> None:
    folder = cases_file(OURS["classify"]).parent
    assert "jsonl" not in str(state_of((folder.parent, folder)))
    assert {path.name for path in folder.iterdir()} == {f"{name}.jsonl" for name in OURS}
