"""What a decision hands out: the trace of every rule, and copies that no caller can spoil."""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import Any

import pytest
from boat_hire import (
    OLD_HAND,
    POOR_ADULT,
    POOR_VETERAN,
    RICH_BOY_IN_A_STORM,
    RICH_VETERAN,
    ROUTING,
    hire,
    label,
)

from selector.decision import RowTrace, load_table
from selector.errors import SelectorError

# --- the trace --------------------------------------------------------------------------------------------------------


def test_a_trace_tells_for_every_rule_in_order_what_became_of_it() -> None:
    assert hire("first").decide(RICH_BOY_IN_A_STORM, trace=True).trace == (
        RowTrace("can-pay", matched=True, fired=True),
        RowTrace("minor", matched=True, fired=False),
        RowTrace("stormy", matched=True, fired=False),
        RowTrace("old-hand", matched=False, fired=False, input="age", cell=">= 65", value=17),
    )


def test_a_trace_shows_the_first_cell_that_failed_in_the_order_of_the_inputs() -> None:
    trace = hire("first").decide({"affordable": False, "risk": "high", "age": 70}, trace=True).trace
    assert [(row.input, row.cell, row.value) for row in trace] == [
        ("affordable", "true", False),
        ("age", "< 18", 70),
        (None, None, None),
        ("risk", '"low", "medium"', "high"),
    ]


@pytest.mark.parametrize(
    ("policy", "fired"),
    [
        ("first", ["can-pay"]),
        ("priority", ["minor"]),
        ("rule_order", ["can-pay", "minor", "stormy"]),
        ("output_order", ["can-pay", "minor", "stormy"]),
        ("collect", ["can-pay", "minor", "stormy"]),
        ("collect\naggregate: count", ["can-pay", "minor", "stormy"]),
    ],
    ids=label,
)
def test_the_rules_that_fired_are_those_whose_output_was_used(policy: str, fired: list[str]) -> None:
    table = hire(policy)
    decision = table.decide(RICH_BOY_IN_A_STORM, trace=True)
    assert [row.rule for row in decision.trace if row.fired] == fired
    assert [row.rule for row in decision.trace if row.matched] == ["can-pay", "minor", "stormy"]
    assert (decision.output, decision.matched) == (
        table.decide(RICH_BOY_IN_A_STORM).output,
        table.decide(RICH_BOY_IN_A_STORM).matched,
    )


def test_a_trace_of_the_default_shows_why_no_rule_matched() -> None:
    decision = hire("first", "default: {approval: referred, band: standard}\n").decide(POOR_ADULT, trace=True)
    assert [(row.rule, row.cell) for row in decision.trace] == [
        ("can-pay", "true"),
        ("minor", "< 18"),
        ("stormy", '"high"'),
        ("old-hand", ">= 65"),
    ]
    assert not any(row.matched or row.fired for row in decision.trace)


def test_a_missing_input_is_traced_as_none() -> None:
    rows = load_table(ROUTING).decide({"risk": "medium", "affordable": True}, trace=True).trace
    assert rows[2] == RowTrace("middling", False, False, "arrears", "> 0", None)


def test_without_being_asked_for_there_is_no_trace() -> None:
    assert hire("first").decide(RICH_VETERAN).trace == ()


# --- decisions are shared and safe ------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["first", "priority", "rule_order", "output_order", "collect"])
@pytest.mark.parametrize("given_", [RICH_VETERAN, POOR_ADULT], ids=["matched", "default"])
@pytest.mark.parametrize("trace", [False, True], ids=["", "traced"])
def test_what_a_caller_does_to_an_output_does_not_reach_the_next_caller(
    policy: str, given_: dict[str, Any], trace: bool
) -> None:
    table = hire(policy, "default: {approval: referred, band: standard}\n")
    decision = table.decide(given_, trace=trace)
    wanted = copy.deepcopy(decision.output), list(decision.matched)
    spoiled = decision.output
    for row in spoiled if isinstance(spoiled, list) else [spoiled]:
        row["approval"] = "spoiled"
        row.clear()
    if isinstance(spoiled, list):
        spoiled.clear()
    decision.matched.append("spoiled")
    decision.matched.clear()
    for again in (decision, table.decide(given_), table.decide(given_, trace=True)):
        assert (again.output, again.matched) == wanted


def test_a_list_default_is_not_shared_with_its_callers() -> None:
    table = hire("collect", "default: [{approval: referred, band: standard}]\n")
    table.decide(POOR_ADULT).output[0]["band"] = "spoiled"
    table.decide(POOR_ADULT).output.append("spoiled")
    assert table.decide(POOR_ADULT).output == [{"approval": "referred", "band": "standard"}]


def test_two_tables_of_the_same_text_share_nothing() -> None:
    first, second = hire("first"), hire("unique")
    assert first.decide(RICH_VETERAN).matched == ["can-pay"]
    with pytest.raises(SelectorError):
        second.decide(RICH_VETERAN)


def test_the_inputs_are_left_as_they_were_and_may_be_any_mapping_in_any_order() -> None:
    given_ = dict(reversed(RICH_VETERAN.items()))
    before = dict(given_)
    table = hire("first")
    assert table.decide(given_).matched == ["can-pay"]
    assert given_ == before
    assert table.decide(MappingProxyType(RICH_VETERAN)).matched == ["can-pay"]
    assert table.decide(MappingProxyType(RICH_VETERAN), trace=True).trace[0].fired


def test_a_decision_shows_what_it_is() -> None:
    assert repr(hire("first").decide(POOR_VETERAN)) == f"Decision(output={OLD_HAND!r}, matched=['old-hand'])"


def test_thresholds_are_the_literals_of_one_input_each_once() -> None:
    table = hire("first")
    assert table.thresholds("age") == [18, 65]
    assert table.thresholds("risk") == ["high", "low", "medium"]
    assert table.thresholds("affordable") == [True]


def test_a_table_of_many_rules_keeps_deciding_after_it_stopped_remembering() -> None:
    count = 13
    names = [f"x{i}" for i in range(count)]
    inputs = ", ".join(f"{name}: {{type: boolean}}" for name in names)
    rules = "".join(f"  - {{id: {name}, when: {{{name}: true}}, then: {{o: 1}}}}\n" for name in names)
    table = load_table(
        f"table: wide\nhit_policy: collect\ninputs: {{{inputs}}}\noutputs: {{o: {{type: number}}}}\nrules:\n{rules}"
    )
    for bits in range(1 << count):
        given_ = {name: bool(bits >> i & 1) for i, name in enumerate(names)}
        assert table.decide(given_).matched == [name for name in names if given_[name]]
