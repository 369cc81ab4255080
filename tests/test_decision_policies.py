"""Hit policies of DMN: which rules win, in what order, and what is told where there is no answer."""

from __future__ import annotations

from typing import Any

import pytest
from boat_hire import (
    CAN_PAY,
    HIRE,
    MINOR,
    OLD_HAND,
    POOR_ADULT,
    POOR_VETERAN,
    RICH_BOY_IN_A_STORM,
    RICH_VETERAN,
    STORMY,
    hire,
    label,
)
from hypothesis import strategies as st
from properties import property_test

from selector.decision import Decision, load_table
from selector.errors import SelectorError


@pytest.mark.parametrize(
    ("policy", "given_", "output", "matched"),
    [
        ("first", RICH_BOY_IN_A_STORM, CAN_PAY, ["can-pay"]),
        ("first", RICH_VETERAN, CAN_PAY, ["can-pay"]),
        ("first", POOR_VETERAN, OLD_HAND, ["old-hand"]),
        ("priority", RICH_BOY_IN_A_STORM, MINOR, ["minor"]),
        ("priority", RICH_VETERAN, OLD_HAND, ["old-hand"]),
        ("priority", POOR_VETERAN, OLD_HAND, ["old-hand"]),
        ("rule_order", RICH_BOY_IN_A_STORM, [CAN_PAY, MINOR, STORMY], ["can-pay", "minor", "stormy"]),
        ("rule_order", RICH_VETERAN, [CAN_PAY, OLD_HAND], ["can-pay", "old-hand"]),
        ("rule_order", POOR_VETERAN, [OLD_HAND], ["old-hand"]),
        ("output_order", RICH_BOY_IN_A_STORM, [MINOR, STORMY, CAN_PAY], ["minor", "stormy", "can-pay"]),
        ("output_order", RICH_VETERAN, [OLD_HAND, CAN_PAY], ["old-hand", "can-pay"]),
        ("output_order", POOR_VETERAN, [OLD_HAND], ["old-hand"]),
        ("collect", RICH_BOY_IN_A_STORM, [CAN_PAY, MINOR, STORMY], ["can-pay", "minor", "stormy"]),
        ("collect", POOR_VETERAN, [OLD_HAND], ["old-hand"]),
        ("unique", POOR_VETERAN, OLD_HAND, ["old-hand"]),
        ("any", POOR_VETERAN, OLD_HAND, ["old-hand"]),
    ],
    ids=label,
)
def test_each_policy_chooses_among_the_rules_that_match(
    policy: str, given_: dict[str, Any], output: Any, matched: list[str]
) -> None:
    decision = hire(policy).decide(given_)
    assert decision.output == output
    assert decision.matched == matched


POLICIES = ["unique", "any", "priority", "first", "rule_order", "output_order", "collect"]


@pytest.mark.parametrize("policy", POLICIES)
def test_where_nothing_matches_there_is_no_output(policy: str) -> None:
    decision = hire(policy).decide(POOR_ADULT)
    assert decision.output is None
    assert decision.matched == []
    assert decision.rules == ()


@pytest.mark.parametrize("policy", POLICIES)
def test_where_nothing_matches_the_default_is_given_and_no_rule_named(policy: str) -> None:
    decision = hire(policy, "default: {approval: referred, band: standard}\n").decide(POOR_ADULT)
    assert decision.output == {"approval": "referred", "band": "standard"}
    assert decision.matched == []


@pytest.mark.parametrize("policy", ["rule_order", "output_order", "collect"])
def test_a_list_policy_may_have_a_list_for_its_default(policy: str) -> None:
    table = hire(policy, "default: [{approval: referred, band: standard}]\n")
    assert table.decide(POOR_ADULT).output == [{"approval": "referred", "band": "standard"}]
    assert hire(policy, "default: []\n").decide(POOR_ADULT).output == []


@pytest.mark.parametrize("policy", POLICIES)
def test_the_default_is_for_no_match_and_never_for_a_wrong_input(policy: str) -> None:
    table = hire(policy, "default: {approval: referred, band: standard}\n")
    for wrong in ({"risk": "extreme"}, {"age": -1}, {"age": "17"}, {"affordable": "yes"}, {"affordable": None}):
        with pytest.raises(SelectorError):
            table.decide(POOR_ADULT | wrong)


@pytest.mark.parametrize(
    "spelling", ["First", "FIRST", "'first '", "output order", "OUTPUT-ORDER", "Rule Order", "collect", "Priority"]
)
def test_a_policy_may_be_written_in_the_usual_ways(spelling: str) -> None:
    assert hire(spelling).hit_policy == spelling.strip("' ").lower().replace(" ", "_").replace("-", "_")


# --- priority and output order ----------------------------------------------------------------------------------------


def ranked(policy: str, outputs: str, *rows: str) -> Decision:
    """The decision of a table in which every row matches."""
    rules = "".join(f"  - {{id: r{i}, then: {{{row}}}}}\n" for i, row in enumerate(rows, start=1))
    text = (
        f"table: ranked\nhit_policy: {policy}\ninputs: {{x: {{type: number}}}}\noutputs: {{{outputs}}}\nrules:\n{rules}"
    )
    return load_table(text).decide({"x": 1})


TWO = "a: {type: string, values: [hi, mid, lo]}, b: {type: number, values: [3, 1, 2]}"


@pytest.mark.parametrize(
    ("outputs", "rows", "order"),
    [
        ("a: {values: [hi, mid, lo]}", ["a: lo", "a: hi", "a: mid"], ["r2", "r3", "r1"]),
        ("a: {values: [lo, mid, hi]}", ["a: lo", "a: hi", "a: mid"], ["r1", "r3", "r2"]),
        ("a: {values: [true, false]}", ["a: false", "a: true"], ["r2", "r1"]),
        (TWO, ["a: mid, b: 2", "a: mid, b: 3", "a: mid, b: 1"], ["r2", "r3", "r1"]),
        (TWO, ["a: lo, b: 3", "a: hi, b: 2", "a: hi, b: 1"], ["r3", "r2", "r1"]),
        (TWO, ["a: mid, b: 1", "a: hi, b: 2", "a: mid, b: 1", "a: hi, b: 2"], ["r2", "r4", "r1", "r3"]),
        ("b: {type: number}, a: {values: [hi, lo]}", ["b: 1, a: lo", "b: 9, a: hi"], ["r2", "r1"]),
        ("a: {values: [hi, lo]}, b: {type: number}", ["a: hi, b: 2", "a: hi, b: 1"], ["r1", "r2"]),
        ("b: {values: [x, y]}, a: {values: [hi, lo]}", ["b: y, a: hi", "b: x, a: lo"], ["r2", "r1"]),
    ],
    ids=[
        "as the values are listed",
        "not by alphabet",
        "booleans",
        "the second output breaks a tie",
        "the first output counts more",
        "equal rows stay in rule order",
        "an output without an order is passed over",
        "and breaks no tie",
        "the order of the columns is the declared one",
    ],
)
def test_rows_are_ordered_by_the_values_of_their_outputs(outputs: str, rows: list[str], order: list[str]) -> None:
    assert ranked("output_order", outputs, *rows).matched == order
    assert ranked("priority", outputs, *rows).matched == order[:1], "priority takes the first of the output order"


@property_test(st.lists(st.tuples(st.sampled_from("hml"), st.integers(0, 2)), min_size=1, max_size=8), few=15, many=200)
def test_output_order_is_a_stable_sort_by_rank(rows: list[tuple[str, int]]) -> None:
    outputs = "a: {values: [h, m, l]}, b: {values: [2, 0, 1]}"
    decision = ranked("output_order", outputs, *[f"a: {a}, b: {b}" for a, b in rows])
    wanted = sorted(range(len(rows)), key=lambda i: ("hml".index(rows[i][0]), (2, 0, 1).index(rows[i][1])))
    assert decision.matched == [f"r{i + 1}" for i in wanted]
    assert decision.output == [{"a": rows[i][0], "b": rows[i][1]} for i in wanted]


# --- unique and any ---------------------------------------------------------------------------------------------------


def test_unique_names_every_rule_that_matched_its_line_and_the_inputs() -> None:
    with pytest.raises(SelectorError) as caught:
        hire("unique").decide(RICH_BOY_IN_A_STORM)
    message = caught.value.message
    assert "table hire" in message
    assert "can-pay (line 13), minor (line 16), stormy (line 19)" in message
    assert "old-hand" not in message
    assert 'age=17, risk="high", affordable=true' in message
    assert "hit policy" in caught.value.hint


def test_any_names_the_rules_that_contradict_each_other() -> None:
    with pytest.raises(SelectorError, match=r"can-pay \(line 13\), old-hand \(line 22\) match age=65"):
        hire("any").decide(RICH_VETERAN)


def test_a_violation_is_told_every_time_and_leaves_the_table_usable() -> None:
    table = hire("unique")
    for _ in range(3):
        with pytest.raises(SelectorError):
            table.decide(RICH_VETERAN)
        with pytest.raises(SelectorError):
            table.decide(RICH_VETERAN, trace=True)
        assert table.decide(POOR_VETERAN).matched == ["old-hand"]


def test_a_violation_names_the_file(tmp_path: Any) -> None:
    file = tmp_path / "hire.yaml"
    file.write_text(HIRE.format(policy="unique"))
    with pytest.raises(SelectorError, match=r"hire\.yaml"):
        load_table(file).decide(RICH_VETERAN)


def test_any_accepts_rules_that_agree_and_names_all_of_them() -> None:
    table = load_table(
        "table: deposit\nhit_policy: any\ninputs: {guest: {type: boolean}, nights: {type: number}}\n"
        "outputs: {deposit: {type: boolean}, cents: {type: number}}\nrules:\n"
        "  - {id: guest, when: {guest: true}, then: {deposit: true, cents: 500}}\n"
        "  - {id: long, when: {nights: '> 7'}, then: {deposit: true, cents: 500.0}}\n"
        "  - {id: short, when: {guest: false, nights: '<= 7'}, then: {deposit: false, cents: 0}}\n"
    )
    decision = table.decide({"guest": True, "nights": 8})
    assert decision.output == {"deposit": True, "cents": 500}
    assert decision.matched == ["guest", "long"]
    assert table.decide({"guest": False, "nights": 2}).matched == ["short"]


def test_any_sees_that_true_and_1_contradict_each_other() -> None:
    with pytest.raises(SelectorError, match=r"r1.*r2"):
        ranked("any", "o: {}", "o: 1", "o: true")
