"""Each kind of finding on a small table, and every finding on random tables against brute force."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
from brute_force import disagreements
from random_tables import random_table, wide_table
from short_tables import NEXT, kinds, only, table_of

from selector.decision.proofs.findings import Verification
from selector.decision.proofs.verify import verify_table
from selector.errors import SelectorError

pytestmark = pytest.mark.one_python

# --- against brute force ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [range(60), pytest.param(range(60, 400), marks=pytest.mark.slow)])
def test_findings_of_random_tables_agree_with_brute_force(seeds: range) -> None:
    for seed in seeds:
        table = random_table(Random(seed))
        whole = frozenset(table.input_names) if seed % 3 == 0 else frozenset()
        assert not disagreements(table, verify_table(table, whole=whole), whole), f"seed {seed}"


@pytest.mark.parametrize("seeds", [range(8), pytest.param(range(8, 80), marks=pytest.mark.slow)])
def test_findings_of_tables_with_bounds_all_over_agree_with_brute_force(seeds: range) -> None:
    """Many branches in the search, and rows that only many others hide together."""
    for seed in seeds:
        table = wide_table(Random(seed), inputs=5, rows=16, asked=2)
        assert not disagreements(table, verify_table(table)), f"seed {seed}"


@pytest.mark.parametrize("seeds", [range(6), pytest.param(range(6, 60), marks=pytest.mark.slow)])
def test_brute_force_sees_what_is_left_out_or_made_up(seeds: range) -> None:
    """The checker is checked: without one finding, or with the findings of another table, it disagrees."""
    for seed in seeds:
        table, other = random_table(Random(seed), policy="first"), random_table(Random(seed + 1000), policy="unique")
        found = verify_table(table)
        for finding in found.findings:
            rest = tuple(
                each for each in found.findings if each != finding and (each.kind, finding.kind) != ("gap", "gap")
            )
            assert disagreements(table, Verification("t", rest, found.size, proven=True)), finding
        if other.input_names == table.input_names and verify_table(other).findings != found.findings:
            assert disagreements(table, verify_table(other))


# --- gaps -------------------------------------------------------------------------------------------------------------


def test_a_gap_is_an_error_with_a_witness_and_its_region() -> None:
    table = table_of(
        "x: {type: number}, b: {type: boolean}", "low: x: '< 5' -> o: 1", "high: x: '> 5', b: true -> o: 2"
    )
    found = verify_table(table)
    gaps = [finding for finding in found.findings if finding.kind == "gap"]
    assert [gap.region for gap in gaps] == [{"x": "5"}, {"x": ">= 5", "b": "false"}]
    assert [gap.witness for gap in gaps] == [{"x": 5, "b": False}, {"x": 5, "b": False}]
    assert gaps[0].message == "no row matches where x is 5: there is no answer"
    assert all(table.decide(gap.witness or {}).output is None for gap in gaps)
    assert (found.size, found.proven, found.table) == (6, True, "t")


@pytest.mark.parametrize(
    ("policy", "more", "severity", "answer"),
    [
        ("first", "default: {o: 3}\n", "note", "the default decides, not a row"),
        ("collect", "", "note", "the answer is empty"),
        ("collect", "default: {o: 3}\n", "note", "the default decides, not a row"),
        ("unique", "", "error", "there is no answer"),
    ],
)
def test_a_gap_with_a_default_or_in_a_list_is_a_note(policy: str, more: str, severity: str, answer: str) -> None:
    gap = only(verify_table(table_of("x: {type: number}", "a: x: 1 -> o: 1", policy=policy, more=more)), "gap")
    assert (gap.severity, gap.message.partition(": ")[2]) == (severity, answer)


def test_missing_is_part_of_the_space() -> None:
    rows = ("a: x: '< 5' -> o: 1", "b: x: '>= 5' -> o: 2")
    assert kinds(table_of("x: {type: number}", *rows)) == []
    gap = only(verify_table(table_of("x: {type: number, optional: true}", *rows)), "gap")
    assert (gap.witness, gap.region) == ({"x": None}, {"x": "null"})
    assert kinds(table_of("x: {type: number, optional: true}", *rows, "c: x: 'null' -> o: 3")) == []
    assert kinds(table_of("x: {type: number, optional: true}", rows[0], "b: x: 'not(< 5)' -> o: 2")) == []


def test_an_input_that_does_not_matter_is_missing_if_it_may_be() -> None:
    inputs = (
        "x: {type: boolean}, y: {type: number, optional: true}, z: {type: string}, w: {type: number, values: '> 2'}"
    )
    gap = only(verify_table(table_of(inputs, "a: x: true, w: 7 -> o: 1", "b: x: true, w: 'not(7)' -> o: 1")), "gap")
    assert gap.witness == {"x": False, "y": None, "z": "a", "w": 3}


def test_neighbouring_floats_leave_no_gap() -> None:
    rows = ("a: x: '<= 0.3' -> o: 1", f"b: x: '>= {NEXT!r}' -> o: 2")
    found = verify_table(table_of("x: {type: number}", *rows))
    assert found.findings == () and found.size == 4, "below, the two bounds, above: nothing between them"
    after = math.nextafter(NEXT, 1)
    gap = only(verify_table(table_of("x: {type: number}", rows[0], f"b: x: '>= {after!r}' -> o: 2")), "gap")
    assert gap.witness == {"x": NEXT}


def test_strings_next_to_each_other_leave_no_gap() -> None:
    rows = ("a: x: '<= \"a\"' -> o: 1", "b: x: '>= \"a\\u0000\"' -> o: 2")
    found = verify_table(table_of("x: {type: string}", *rows))
    assert found.findings == () and found.size == 4, "below, the two bounds, above: nothing between them"
    gap = only(verify_table(table_of("x: {type: string}", rows[0], "b: x: '>= \"b\"' -> o: 2")), "gap")
    assert gap.region == {"x": '("a".."b")'} and gap.witness == {"x": "aa"}
    assert kinds(table_of("x: {type: string}", "a: x: '>= \"\"' -> o: 1")) == [("note", "catch_all")]
    below = only(verify_table(table_of("x: {type: string}", "a: x: '> \"\"' -> o: 1")), "gap")
    assert below.witness == {"x": ""}


def test_a_domain_cuts_the_space() -> None:
    rows = ("a: x: '[1..5)' -> o: 1", "b: x: '>= 5' -> o: 2")
    assert kinds(table_of("x: {type: number, values: '>= 1'}", *rows)) == []
    assert only(verify_table(table_of("x: {type: number, values: '> 0'}", *rows)), "gap").region == {"x": "(0..1)"}
    listed = table_of("x: {type: string, values: [a, b, c, d]}", "a: x: a -> o: 1")
    assert only(verify_table(listed), "gap").region == {"x": 'not("a")'}


def test_whole_numbers_have_nothing_between_them() -> None:
    table = table_of("x: {type: number, values: '>= 1'}", "a: x: 1 -> o: 1", "b: x: '>= 2' -> o: 2")
    gap = only(verify_table(table), "gap")
    assert (gap.region, gap.witness) == ({"x": "(1..2)"}, {"x": 1.1})
    assert kinds(table, whole=frozenset({"x"})) == []
    halves = table_of("x: {type: number}", "a: x: 2.5 -> o: 1", "b: x: '(2.2..2.8)' -> o: 2", "c: -> o: 3")
    assert ("error", "never_fires") not in kinds(halves)
    never = [f.rules for f in verify_table(halves, whole=frozenset({"x"})).findings if f.kind == "never_fires"]
    assert never == [("a",), ("b",)]


def test_true_is_not_one_and_a_boolean_has_two_values() -> None:
    assert kinds(table_of("x: {type: boolean}", "a: x: true -> o: 1", "b: x: false -> o: true")) == []
    assert only(verify_table(table_of("x: {type: boolean}", "a: x: true -> o: 1")), "gap").witness == {"x": False}


def test_of_many_gaps_five_are_told_and_that_there_are_more() -> None:
    table = table_of("x: {type: number}", *(f"r{i}: x: '({i}..{i + 1})' -> o: 1" for i in range(3)))
    gaps = [finding for finding in verify_table(table).findings if finding.kind == "gap"]
    assert len(gaps) == 1 and gaps[0].region == {"x": "<= 0, 1, 2, >= 3"}
    inputs = ", ".join(f"x{i}: {{type: boolean}}" for i in range(8))
    pairs = table_of(inputs, *(f"r{i}: x{i}: true, x{i + 1}: true -> o: 1" for i in range(7)))
    gaps = [finding for finding in verify_table(pairs).findings if finding.kind == "gap"]
    assert len(gaps) == 5 and gaps[-1].message.endswith("there are more such regions")
    assert not disagreements(pairs, verify_table(pairs))


# --- pairs of rows ----------------------------------------------------------------------------------------------------


def test_a_conflict_under_unique_names_both_rows_and_their_lines() -> None:
    table = table_of("x: {type: number}", "a: x: '<= 5' -> o: 1", "b: x: '>= 5' -> o: 1", policy="unique")
    conflict = only(verify_table(table), "conflict")
    assert (conflict.severity, conflict.rules, conflict.places) == ("error", ("a", "b"), ("table:6", "table:7"))
    assert (conflict.region, conflict.witness) == ({"x": "5"}, {"x": 5})
    with pytest.raises(SelectorError):
        table.decide(conflict.witness or {})


def test_of_very_many_conflicts_the_last_finding_holds_the_rest() -> None:
    table = table_of("x: {type: boolean}", *(f"r{i}: -> o: {i}" for i in range(25)), policy="any")
    conflicts = [finding for finding in verify_table(table).findings if finding.kind == "conflict"]
    assert len(conflicts) == 201 and len(conflicts[-1].pairs) == 100
    assert conflicts[-1].message.startswith("100 more pairs match together")
    assert len({*conflicts[-1].pairs, *(finding.rules for finding in conflicts[:-1])}) == 300


def test_under_any_only_different_outputs_are_a_conflict() -> None:
    rows = ("a: x: '<= 5' -> o: 1", "b: x: '>= 5' -> o: 1")
    assert kinds(table_of("x: {type: number}", *rows, policy="any")) == []
    third = table_of("x: {type: number}", *rows, "c: x: 7 -> o: true", policy="any")
    assert only(verify_table(third), "conflict").rules == ("b", "c")


def test_under_priority_the_same_rank_with_different_outputs_is_a_conflict_unless_a_better_row_decides() -> None:
    outputs = "o: {values: [best, good]}, p: {}"
    rows = ("a: x: '<= 5' -> o: good, p: 1", "b: x: '>= 5' -> o: good, p: 2")
    options: Any = {"policy": "priority", "outputs": outputs}
    found = verify_table(table_of("x: {type: number}", *rows, **options))
    assert only(found, "conflict").witness == {"x": 5}
    decided = verify_table(table_of("x: {type: number}", *rows, "c: x: 5 -> o: best, p: 3", **options))
    assert decided.findings == ()


def test_overlaps_under_first_are_one_note_with_all_pairs() -> None:
    table = table_of("x: {type: number}", "a: x: '< 5' -> o: 1", "b: x: '< 9' -> o: 2", "c: -> o: 2")
    note = only(verify_table(table), "overlap")
    assert (note.severity, note.pairs, note.rules) == ("note", (("a", "b"), ("a", "c")), ("a", "b"))
    assert table.decide(note.witness or {}).matched == ["a"]
    assert note.message.endswith("decides: 2, for example a before b")


def test_list_policies_may_overlap_but_a_row_said_twice_is_a_warning() -> None:
    rows = ("a: x: '< 5' -> o: 1", "b: x: '< 9' -> o: 2", "c: x: '>= 9' -> o: 1", "d: x: 'not(>= 5)' -> o: 1")
    found = verify_table(table_of("x: {type: number}", *rows, policy="rule_order"))
    assert [(f.severity, f.kind, f.rules) for f in found.findings] == [("warning", "duplicate", ("a", "d"))]


# --- rows and values that do nothing ----------------------------------------------------------------------------------


def test_a_row_hidden_by_an_earlier_one_names_it() -> None:
    table = table_of("x: {type: number}", "a: x: '< 5' -> o: 1", "b: x: '[1..4]' -> o: 2", "c: -> o: 3")
    never = only(verify_table(table), "never_fires")
    assert (never.rules, never.places) == (("b", "a"), ("table:7", "table:6"))
    assert never.message == "b never fires: hidden by a"
    assert table.decide(never.witness or {}).matched == ["a"]


def test_a_row_hidden_only_by_several_rows_together_names_those_that_are_needed() -> None:
    inputs = "x: {type: number}, b: {type: boolean, optional: true}"
    rows = ("far: x: '> 50' -> o: 0", "yes: b: true -> o: 1", "no: b: 'false, null', x: '< 9' -> o: 2")
    table = table_of(inputs, *rows, "never: x: '[1..5]' -> o: 3", "rest: -> o: 4")
    never = only(verify_table(table), "never_fires")
    assert never.rules == ("never", "yes", "no")
    assert never.message == "never never fires: hidden by yes, no together, by none of them alone"
    without = table_of(inputs, *rows[:2], "no: b: false, x: '< 9' -> o: 2", "now: x: '[1..5]' -> o: 3", "rest: -> o: 4")
    assert ("error", "never_fires") not in kinds(without)


def test_under_priority_a_row_is_hidden_by_rows_of_a_better_rank_wherever_they_stand() -> None:
    rows = ("a: x: '< 5' -> o: poor", "b: x: '< 9' -> o: good", "c: x: '>= 9' -> o: poor")
    table = table_of("x: {type: number}", *rows, policy="priority", outputs="o: {values: [good, poor]}")
    assert only(verify_table(table), "never_fires").rules == ("a", "b")


def test_a_cell_that_nothing_passes_and_one_alternative_of_a_list() -> None:
    inputs = "x: {type: number, values: '[0..10]'}"
    table = table_of(inputs, "a: x: '> 10' -> o: 1", "b: x: '< 0, [3..4], 12' -> o: 2", "c: -> o: 3")
    found = verify_table(table)
    values = [(f.severity, f.rules, f.message) for f in found.findings if f.kind == "never_matches_value"]
    assert values == [
        ("error", ("a",), "a: no value of x passes > 10"),
        ("warning", ("b",), "b: in < 0, [3..4], 12, no value of x passes < 0"),
        ("warning", ("b",), "b: in < 0, [3..4], 12, no value of x passes 12"),
    ]
    assert only(found, "never_fires").message == "a never fires: no value of x passes > 10"
    assert only(found, "never_fires").witness is None


def test_a_value_that_no_row_which_fires_gives_is_never_produced() -> None:
    options: Any = {"outputs": "o: {values: [a, b, c]}"}
    rows = ("one: x: '< 5' -> o: a", "two: x: '< 3' -> o: b")
    found = verify_table(table_of("x: {type: number}", *rows, **options, more="default: {o: c}\n"))
    assert only(found, "output_never_produced").message == 'output o: no row gives "b"'
    full = table_of("x: {type: number}", rows[0], "two: x: '>= 5' -> o: b", **options, more="default: {o: c}\n")
    assert only(verify_table(full), "output_never_produced").message == 'output o: no row gives "c"'


def test_the_last_row_tells_what_it_alone_decides() -> None:
    table = table_of("x: {type: number}, b: {type: boolean}", "a: x: '< 5' -> o: 1", "rest: x: '-' -> o: 2")
    note = only(verify_table(table), "catch_all")
    assert (note.severity, note.rules, note.region) == ("note", ("rest",), {"x": ">= 5"})
    assert table.decide(note.witness or {}).matched == ["rest"]
    assert ("note", "catch_all") not in kinds(table_of("x: {type: number}", "a: -> o: 1", "b: x: 1 -> o: 2"))


# --- the limit --------------------------------------------------------------------------------------------------------


def test_where_the_steps_end_it_says_what_is_not_proven() -> None:
    inputs = "x: {type: number}, b: {type: boolean}"
    rows = ("yes: b: true -> o: 1", "no: b: false, x: '< 9' -> o: 2", "never: x: '[1..5]' -> o: 3")
    found = verify_table(table_of(inputs, *rows), limit=0)
    assert not found.proven
    doubt = only(found, "not_proven")
    assert doubt.severity == "warning"
    assert doubt.message.startswith("not proven beyond 0 steps, of 14 cells: ")
    assert "whether these rows can fire: never;" in doubt.message and "that there is no gap" in doubt.message
    assert {finding.kind for finding in found.findings} == {"not_proven", "overlap"}


def test_nothing_is_claimed_where_the_steps_end() -> None:
    rows = ("a: x: '<= 5' -> o: good, p: 1", "b: x: '>= 5' -> o: good, p: 2", "c: x: '[5..6]' -> o: best, p: 3")
    outputs = "o: {values: [best, good]}, p: {}"
    table = table_of("x: {type: number}", *rows, "rest: -> o: good, p: 1", policy="priority", outputs=outputs)
    doubt = only(verify_table(table, limit=0), "not_proven").message
    assert "whether b and rest are in conflict" in doubt and "what rest alone decides" in doubt


def test_a_table_of_many_wide_rows_ends_within_its_steps() -> None:
    """All rows together cover nearly everything: the hardest kind."""
    table = wide_table(Random(1), inputs=10, rows=150, asked=2)
    found = verify_table(table, limit=20_000)
    assert not found.proven and verify_table(table, limit=20_000) == found


def test_an_input_without_any_value_has_no_gap_and_no_row_that_fires() -> None:
    found = verify_table(
        table_of("x: {type: number, values: [0.5]}", "a: x: 0.5 -> o: 1", "b: -> o: 2"), whole=frozenset({"x"})
    )
    assert found.size == 0
    assert {finding.kind for finding in found.findings} == {"never_fires", "never_matches_value"}


def test_text_of_a_table_is_escaped_in_messages() -> None:
    table = table_of("x: {type: boolean}", '"a\\u202e\\u001b": x: true -> o: 1')
    message = only(
        verify_table(table_of("x: {type: boolean}", "a: -> o: 1", '"b\\e[0m\\u202e": -> o: 2')), "never_fires"
    )
    assert message.message.isascii() and message.message.isprintable()
    assert verify_table(table).findings[0].message.isprintable()
