"""Hit policies and aggregates of DMN: which rules win, in what order, what is handed out and what is told."""

from __future__ import annotations

import copy
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.decision import Decision, DecisionTable, RowTrace, load_table
from selector.errors import SelectorError

# A hire desk for boats. The order of `approval` is its priority: the strictest answer first.
HIRE = """
table: hire
title: May this person hire a boat
hit_policy: {policy}
inputs:
  age: {{type: number, values: '>= 0'}}
  risk: {{type: string, values: [low, medium, high]}}
  affordable: {{type: boolean}}
outputs:
  approval: {{type: string, values: [declined, referred, approved]}}
  band: {{type: string, values: [premium, standard]}}
rules:
  - id: can-pay
    when: {{affordable: true}}
    then: {{approval: approved, band: standard}}
  - id: minor
    when: {{age: '< 18'}}
    then: {{approval: declined, band: standard}}
  - id: stormy
    when: {{risk: high}}
    then: {{approval: referred, band: premium}}
  - id: old-hand
    when: {{age: '>= 65', risk: 'low, medium'}}
    then: {{approval: approved, band: premium}}
"""
CAN_PAY = {"approval": "approved", "band": "standard"}
MINOR = {"approval": "declined", "band": "standard"}
STORMY = {"approval": "referred", "band": "premium"}
OLD_HAND = {"approval": "approved", "band": "premium"}

RICH_BOY_IN_A_STORM = {"age": 17, "risk": "high", "affordable": True}  # can-pay, minor, stormy
RICH_VETERAN = {"age": 65, "risk": "low", "affordable": True}  # can-pay, old-hand
POOR_VETERAN = {"age": 65, "risk": "medium", "affordable": False}  # old-hand
POOR_ADULT = {"age": 18, "risk": "low", "affordable": False}  # nothing


def label(part: Any) -> str:
    """A readable id of a test case."""
    if isinstance(part, dict):
        return "/".join(str(value) for value in part.values())
    if isinstance(part, list):
        return "+".join(x if isinstance(x, str) else label(x) for x in part) or "none"
    return str(part).replace("\n", " ")


def hire(policy: str, default: str = "") -> DecisionTable:
    return load_table(HIRE.format(policy=policy) + default)


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


@given(st.lists(st.tuples(st.sampled_from("hml"), st.integers(0, 2)), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None, database=None)
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


# --- collect and its aggregates ---------------------------------------------------------------------------------------

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


@given(st.lists(st.integers(-(10**20), 10**20) | st.floats(-1e9, 1e9), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None, database=None)
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
ROUTING = """
table: routing
hit_policy: priority
inputs:
  risk: {type: string, values: [high, medium, low]}
  affordable: {type: boolean}
  arrears: {type: number, optional: true}
outputs:
  route: {type: string, values: [refuse, ask, lend]}
  note: {type: string}
rules:
  - {id: fallback, then: {route: lend, note: nothing against it}}
  - {id: unknown-arrears, when: {arrears: null}, then: {route: ask, note: arrears are unknown}}
  - {id: middling, when: {risk: '"medium"', arrears: '> 0'}, then: {route: ask, note: look at it}}
  - {id: cannot-pay, when: {affordable: false}, then: {route: refuse, note: beyond the means}}
  - {id: too-risky, when: {risk: high}, then: {route: refuse, note: too risky}}
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
