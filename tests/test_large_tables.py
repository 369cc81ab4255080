"""Tables as large as a file may be end in the time given, say what is not proven, and what is plain is proven all the same."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from command import call
from large_tables import alike, alternatives, booleans, columns, intervals, saved, strings

from selector.benchmark import budget
from selector.benchmark.budget import budget_from_text as budget_in_full
from selector.decision import DecisionTable, load_table
from selector.decision.cells import ANYTHING, matches
from selector.decision.compiled import compile_column, line_of
from selector.decision.proofs.diff import table_changes
from selector.decision.proofs.examples import run_table_test
from selector.decision.proofs.limits import OutOfSteps, Steps
from selector.decision.proofs.masks import Masks
from selector.decision.proofs.verify import Finding, verify_table, verify_tables
from selector.errors import SelectorError
from selector.report.rules import check_data, check_lines
from selector.text import count_text

pytestmark = pytest.mark.one_python

#: What a search would take hours for, in a size that is still quick to read.
HARD = {
    "booleans, unique": booleans(800, 40, "unique"),
    "booleans, first": booleans(500, 40, "first"),
    "intervals, any": intervals(300, 12, "any"),
    "intervals, first": intervals(300, 12, "first"),
    "words": strings(2000, "unique"),
    "listed words": strings(1500, "unique", listed=True),
    "long lists": alternatives(150, 60, "any"),
    "many inputs": columns(550, "unique"),
    "rows that say the same": alike(2000, "rule_order"),
}
#: The same in every run: those that are quick to read, and harder to prove than the others.
QUICK = ("booleans, first", "intervals, any", "intervals, first", "rows that say the same")
names = pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in HARD])


def loaded(text: str) -> DecisionTable:
    return load_table(text)


def of_kind(findings: tuple[Finding, ...], kind: str) -> list[Finding]:
    return [finding for finding in findings if finding.kind == kind]


@names
def test_a_proof_ends_in_the_time_given_and_says_what_it_left_out(name: str) -> None:
    found = verify_table(loaded(HARD[name]), seconds=0.1)
    doubts = of_kind(found.findings, "not_proven")
    assert found.proven == (not doubts)
    assert all(doubt.severity == "warning" for doubt in doubts)
    assert all(doubt.message.startswith("not proven in the time given, of ") for doubt in doubts)


def test_pairs_are_counted_and_the_first_are_told() -> None:
    table = loaded(booleans(170, 40, "unique"))
    found = verify_table(table, seconds=60)
    conflicts = of_kind(found.findings, "conflict")
    *_, rest = conflicts
    assert len(conflicts) == 201
    assert len(rest.pairs) == 10_000 - 200  # of all that there are, which the message counts
    pairs = sum(
        all(map(_meet, one.cells, other.cells))
        for row, one in enumerate(table.rules)
        for other in table.rules[row + 1 :]
    )
    assert rest.message.startswith(f"{pairs - 200:,} more pairs match together, and only one may: ")


def _meet(one: object, other: object) -> bool:
    """Whether two cells of a boolean have a value in common."""
    return ANYTHING in (one, other) or any(matches(one, value) and matches(other, value) for value in (True, False))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (strings(600, "unique"), {"gap"}), (strings(600, "unique", listed=True), set()), (alike(600, "any"), {"gap"}),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in (
            (strings(3000, "unique"), {"gap"}), (strings(3000, "unique", listed=True), set()), (alike(3000, "any"), {"gap"}),
        )),
    ],
    ids=["words", "listed words", "alike", "more words", "more listed words", "more alike"],
)  # fmt: skip
def test_what_is_plain_is_proven_however_long(text: str, kinds: set[str]) -> None:
    found = verify_table(loaded(text), seconds=60)
    assert found.proven
    assert {finding.kind for finding in found.findings} == kinds
    assert all(len(finding.message) < 1000 for finding in found.findings)


def test_tables_share_the_time_and_a_hard_one_leaves_some() -> None:
    hard, easy = loaded(HARD["booleans, first"]), loaded(strings(20, "unique", listed=True))
    _, second = verify_tables([hard, easy], seconds=1)
    assert second.proven


@names
def test_the_tests_of_a_table_end_in_the_time_given(name: str) -> None:
    tested = run_table_test(loaded(HARD[name]), seconds=0.1)
    assert tested.boundaries >= 0
    assert all(" rows" in left or "cases after" in left for left in tested.left_out)
    assert not tested.examples.failures


@names
def test_a_comparison_ends_in_the_time_given_and_says_what_it_left_out(name: str) -> None:
    old = loaded(HARD[name])
    head, rows = HARD[name].split("rules:\n")
    first, *others = rows.splitlines(keepends=True)
    new = loaded(f"{head}rules:\n{''.join(others[::-1])}{first.replace('o: ', 'o: 1')}")
    changes = table_changes(old, new, seconds=0.1)
    assert any(change.kind in ("answer", "not_proven") for change in changes)
    for change in changes:
        if change.kind == "not_proven":
            assert "in the time given" in change.message


def test_no_time_at_all_is_no_error() -> None:
    table = loaded(intervals(30, 4, "first"))
    assert not verify_table(table, seconds=0).proven
    assert run_table_test(table, seconds=0).left_out
    kinds = {change.kind for change in table_changes(table, loaded(intervals(31, 4, "first")), seconds=0)}
    assert "not_proven" in kinds


def test_steps_count_or_the_time_ends() -> None:
    steps = Steps(3)
    steps.take(3)
    with pytest.raises(OutOfSteps):
        steps.take(1)
    assert steps.seconds_left == math.inf
    timed = Steps.within(1000)
    with timed.part(0), pytest.raises(OutOfSteps):
        timed.take(1)
    timed.take(10**9)
    assert 0 < timed.seconds_left <= 1000


# The commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of a budget is over after a fifth of it."""
    monkeypatch.setattr(budget, "budget_from_text", lambda text: budget_in_full(text) / 5)


@pytest.mark.usefixtures("hurried")
def test_check_says_what_is_not_proven_and_how_to_learn_it(tmp_path: Path) -> None:
    file = saved(HARD["booleans, first"], tmp_path)
    result = call("rules", "check", str(file), "--budget", "1s", "--strict")
    assert result.code == 1
    assert ", not proven, " in result.out
    assert "warning: not proven in the time given, of 1.1e12 cells: whether these rows can fire: " in result.out
    assert "(allow more by --budget)" in result.out


@pytest.mark.usefixtures("hurried")
def test_test_says_which_cases_are_left_out(tmp_path: Path) -> None:
    file = saved(HARD["intervals, first"], tmp_path)
    result = call("rules", "test", str(file), "--budget", "1s")
    assert (result.code, result.err) == (0, "")
    assert "      no time to try the cases of: " in result.out
    assert "(allow more by --budget)\n" in result.out


@pytest.mark.slow
def test_the_json_says_so_too(tmp_path: Path) -> None:
    file = saved(HARD["intervals, first"], tmp_path)
    (entry,) = call("rules", "check", str(file), "--budget", "1s", "--json").json
    assert entry["proven"] is False
    (entry,) = call("rules", "test", str(file), "--budget", "1s", "--json").json
    assert entry["boundary_cases"]["left_out"]


@pytest.mark.usefixtures("hurried")
def test_cases_are_not_recorded_in_part(tmp_path: Path) -> None:
    file = saved(HARD["intervals, first"], tmp_path)
    result = call("rules", "test", str(file), "--record", "--budget", "1s")
    assert result.code == 1
    assert "its cases are not recorded: " in result.err and "hint: allow more time by --budget" in result.err
    assert not (tmp_path / "cases").exists()


@pytest.mark.usefixtures("hurried")
def test_diff_that_knows_too_little_is_exit_code_1(tmp_path: Path) -> None:
    old = saved(columns(380, "unique"), tmp_path)
    new = saved(columns(379, "unique"), tmp_path, "new.yaml")
    result = call("rules", "diff", str(old), str(new), "--budget", "1s")
    assert result.code == 1
    assert "no other answers were found" in result.out
    assert "not compared in the time given, of " in result.out and "(allow more by --budget)" in result.out


def test_a_thousand_rows_that_moved_are_counted_not_listed(tmp_path: Path) -> None:
    head, rows = strings(1000, "unique", listed=True).split("rules:\n")
    old = saved(f"{head}rules:\n{rows}", tmp_path)
    new = saved(f"{head}rules:\n{''.join(rows.splitlines(keepends=True)[::-1])}", tmp_path, "new.yaml")
    result = call("rules", "diff", str(old), str(new))
    assert result.code == 0
    assert result.out.count("         row ") == 50
    assert re_more(result.out) == 951


def re_more(text: str) -> int:
    """How many lines are counted instead."""
    (line,) = (line for line in text.splitlines() if "more such lines" in line)
    return int(line.split()[1].replace(",", ""))


# The limits -----------------------------------------------------------------------------------------------------------


def test_a_table_that_would_not_fit_is_refused_with_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SelectorError, match=r"3,000 rows of 3,000 inputs: more than 2,000,000 cells"):
        load_table(columns(3000, "unique"))
    monkeypatch.setattr("selector.decision.load.MAX_BOUNDS", 10_000)
    with pytest.raises(SelectorError, match=r"101 rows and 101 different values in their cells: more than 10,000"):
        load_table(strings(101, "any"))
    load_table(strings(100, "any"))


@pytest.mark.slow
def test_a_count_of_cells_has_no_largest_one() -> None:
    assert [count_text(count) for count in (1_000_000, 1_234_567, 2**40, 3**20_000)] == [
        "1,000,000", "1.2e6", "1.1e12", "2.7e9542",
    ]  # fmt: skip
    table = loaded(columns(1030, "any"))
    found = verify_table(table, seconds=0)
    assert "1030 inputs, 1.2e310 cells" in next(check_lines("large", table, found, []))
    entry = check_data("large", table, found, [])
    assert entry["cells"] is None
    assert json.dumps(entry)


# What it is made of ---------------------------------------------------------------------------------------------------


def test_many_classes_together_are_what_each_of_them_is() -> None:
    column = [(k * 2654435761) % 2**20 for k in range(500)]
    masks = Masks([column])
    for classes in (1, 2**499, 2**500 - 1, 2**300 - 2**17, int("01" * 250, 2), (2**40 - 1) << 60 | 7):
        held = [mask for k, mask in enumerate(column) if classes >> k & 1]
        some, every = 0, -1
        for mask in held:
            some, every = some | mask, every & mask
        assert (masks.any_of(0, classes), masks.all_of(0, classes)) == (some, every)
    assert (masks.any_of(0, 0), masks.all_of(0, 0)) == (0, -1)


@pytest.mark.parametrize("text", [HARD["long lists"], intervals(60, 3, "any"), HARD["listed words"]])
def test_a_column_lets_through_what_its_cells_do(text: str) -> None:
    table = loaded(text)
    for i, column in enumerate(table.inputs):
        cells = [rule.cells[i] for rule in table.rules[:60]]
        compiled = compile_column(column, cells)
        for value in [*line_of(column, cells).bounds[:100], *(["", "zz"] if column.type == "string" else [-1, 0.5])]:
            if column.problem(value) is None:
                passing = compiled.rules_passing(value)
                assert [passing >> row & 1 == 1 for row in range(len(cells))] == [matches(c, value) for c in cells]
