"""Collect and its aggregates, alone and in a chain of tables."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from boat_hire import (
    HIRE,
    RICH_BOY_IN_A_STORM,
    ROUTING,
    label,
)
from hypothesis import strategies as st
from properties import property_test

from selector.decision import load_table
from selector.errors import SelectorError

FEES = """
table: fees
hit_policy: collect
aggregate: {aggregate}
inputs: {{days: {{type: number, values: '>= 0'}}, lost: {{type: boolean}}}}
outputs: {{fee: {{type: number}}}}
rules:
  - {{id: late, when: {{days: '> 0'}}, then: {{fee: 3}}}}
  - {{id: very-late, when: {{days: '>= 10'}}, then: {{fee: 3}}}}
  - {{id: forgotten, when: {{days: '> 90'}}, then: {{fee: 12.5}}}}
  - {{id: lost, when: {{lost: true}}, then: {{fee: -1}}}}
"""


@pytest.mark.parametrize(
    ("aggregate", "given_", "output", "matched"),
    [
        ("sum", {"days": 91, "lost": True}, 17.5, ["late", "very-late", "forgotten", "lost"]),
        ("sum", {"days": 10, "lost": False}, 6, ["late", "very-late"]),
        ("sum", {"days": 10, "lost": True}, 5, ["late", "very-late", "lost"]),
        ("min", {"days": 91, "lost": True}, -1, ["late", "very-late", "forgotten", "lost"]),
        ("min", {"days": 91, "lost": False}, 3, ["late", "very-late", "forgotten"]),
        ("max", {"days": 91, "lost": True}, 12.5, ["late", "very-late", "forgotten", "lost"]),
        ("max", {"days": 1, "lost": True}, 3, ["late", "lost"]),
        ("count", {"days": 91, "lost": True}, 4, ["late", "very-late", "forgotten", "lost"]),
        ("count", {"days": 10, "lost": False}, 2, ["late", "very-late"]),
        ("count", {"days": 0, "lost": True}, 1, ["lost"]),
        ("sum", {"days": 0, "lost": False}, None, []),
        ("count", {"days": 0, "lost": False}, None, []),
        ("min", {"days": 0, "lost": False}, None, []),
    ],
    ids=label,
)
def test_an_aggregate_makes_one_number_of_all_rules_that_match(
    aggregate: str, given_: dict[str, Any], output: Any, matched: list[str]
) -> None:
    decision = load_table(FEES.format(aggregate=aggregate)).decide(given_)
    assert decision.output == output
    assert decision.matched == matched


@pytest.mark.parametrize("aggregate", ["sum", "min", "max", "count"])
def test_an_aggregate_may_have_a_number_for_its_default(aggregate: str) -> None:
    table = load_table(FEES.format(aggregate=aggregate) + "default: 0\n")
    assert table.decide({"days": 0, "lost": False}).output == 0


@pytest.mark.parametrize("aggregate", ["null", "~", ""], ids=["null", "tilde", "no such key"])
def test_collect_without_an_aggregate_keeps_every_output_also_equal_ones(aggregate: str) -> None:
    text = FEES.format(aggregate=aggregate)
    table = load_table(text if aggregate else text.replace("aggregate: \n", ""))
    assert table.decide({"days": 10, "lost": False}).output == [{"fee": 3}, {"fee": 3}]


def aggregated(aggregate: str, outputs: str, *values: str) -> Any:
    rules = "".join(f"  - {{then: {{o: {value}}}}}\n" for value in values)
    head = f"table: t\nhit_policy: collect\naggregate: {aggregate}\ninputs: {{x: {{type: number}}}}\n"
    return load_table(f"{head}outputs: {{o: {outputs}}}\nrules:\n{rules}").decide({"x": 1}).output


def test_a_sum_of_fractions_does_not_drift_and_a_sum_of_integers_is_exact() -> None:
    assert aggregated("sum", "{type: number}", *["0.1"] * 10) == 1.0
    assert aggregated("sum", "{type: number}", "0.5", str(2**53 + 1)) == 2.0**53 + 2
    total = aggregated("sum", "{type: number}", str(10**20), "5")
    assert total == 10**20 + 5
    assert isinstance(total, int)


@pytest.mark.parametrize("outputs", ["{}", "{type: number}", "{values: [1, 2, 3]}"])
def test_numbers_are_aggregated_whether_or_not_their_type_is_given(outputs: str) -> None:
    assert [aggregated(a, outputs, "2", "3", "1") for a in ("sum", "min", "max", "count")] == [6, 1, 3, 3]


def test_min_and_max_also_take_text_in_the_order_of_code_points() -> None:
    assert aggregated("min", "{type: string}", "b", "Z", "a") == "Z"
    assert aggregated("max", "{type: string}", "b", "Z", "\u00e9") == "\u00e9"


def test_count_takes_rows_of_any_outputs() -> None:
    text = HIRE.format(policy="collect\naggregate: count")
    assert load_table(text).decide(RICH_BOY_IN_A_STORM).output == 3


def test_a_sum_beyond_every_number_is_an_error_and_not_a_traceback() -> None:
    with pytest.raises(SelectorError, match="too large"):
        aggregated("sum", "{type: number}", "1e308", "1e308")


@property_test(
    st.lists(st.integers(-(10**20), 10**20) | st.floats(-1e9, 1e9), min_size=1, max_size=8), few=15, many=200
)
def test_aggregates_are_the_ones_of_arithmetic(values: list[float]) -> None:
    texts = [repr(v) for v in values]
    assert aggregated("min", "{type: number}", *texts) == min(values)
    assert aggregated("max", "{type: number}", *texts) == max(values)
    assert aggregated("count", "{type: number}", *texts) == len(values)
    total = sum(map(Fraction, values))
    assert aggregated("sum", "{type: number}", *texts) == (
        int(total) if all(isinstance(v, int) for v in values) else float(total)
    )


# --- a chain of tables, as in a lending decision ----------------------------------------------------------------------

SCORE = """
table: score
hit_policy: collect
aggregate: sum
inputs:
  age: {type: number, values: '[18..120]'}
  home: {type: string, values: [owner, tenant, guest]}
  member: {type: boolean}
outputs: {points: {type: number}}
rules:
  - {when: {age: '[18..22)'}, then: {points: 30}}
  - {when: {age: '[22..26)'}, then: {points: 36}}
  - {when: {age: '[26..40)'}, then: {points: 42}}
  - {when: {age: '>= 40'}, then: {points: 50}}
  - {when: {home: owner}, then: {points: 45}}
  - {when: {home: 'not("owner")'}, then: {points: 20}}
  - {when: {member: true}, then: {points: 15}}
"""
CATEGORY = """
table: category
hit_policy: unique
inputs: {known: {type: boolean}, points: {type: number}}
outputs: {risk: {type: string, values: [high, medium, low]}}
rules:
  - {id: new-high, when: {known: false, points: '< 70'}, then: {risk: high}}
  - {id: new-medium, when: {known: false, points: '[70..100]'}, then: {risk: medium}}
  - {id: new-low, when: {known: false, points: '> 100'}, then: {risk: low}}
  - {id: known-high, when: {known: true, points: '<= 50'}, then: {risk: high}}
  - {id: known-medium, when: {known: true, points: ']50..65]'}, then: {risk: medium}}
  - {id: known-low, when: {known: true, points: '> 65'}, then: {risk: low}}
"""


@pytest.mark.parametrize(
    ("age", "home", "member", "known", "affordable", "arrears", "points", "risk", "route", "rule"),
    [
        (18, "guest", False, False, True, 0, 50, "high", "refuse", "too-risky"),
        (18, "guest", False, True, True, 0, 50, "high", "refuse", "too-risky"),
        (22, "guest", False, True, True, 0, 56, "medium", "lend", "fallback"),
        (25.5, "guest", False, True, True, 1, 56, "medium", "ask", "middling"),
        (40, "tenant", False, False, True, 0, 70, "medium", "lend", "fallback"),
        (40, "owner", False, False, True, None, 95, "medium", "ask", "unknown-arrears"),
        (40, "owner", True, False, True, 0, 110, "low", "lend", "fallback"),
        (39.9, "owner", True, False, False, None, 102, "low", "refuse", "cannot-pay"),
        (18, "tenant", False, False, False, None, 50, "high", "refuse", "cannot-pay"),
    ],
)
def test_a_chain_of_tables_sums_a_score_finds_its_class_and_routes_it(
    age: float,
    home: str,
    member: bool,
    known: bool,
    affordable: bool,
    arrears: float | None,
    points: float,
    risk: str,
    route: str,
    rule: str,
) -> None:
    score = load_table(SCORE).decide({"age": age, "home": home, "member": member}).output
    category = load_table(CATEGORY).decide({"known": known, "points": score})
    routing = load_table(ROUTING).decide({**category.output, "affordable": affordable, "arrears": arrears})
    assert (score, category.output, routing.output["route"], routing.matched) == (points, {"risk": risk}, route, [rule])
