"""Deciding: a wrong input is an error and never the default row; the usual kinds of right ones are taken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from berths import BASE, DINGHY, outcome
from hypothesis import strategies as st
from properties import property_test

from selector import decision
from selector.decision import load_table
from selector.errors import SelectorError


class Kind(StrEnum):
    SAIL = "sail"
    ROWING = "rowing"


class Size(IntEnum):
    SMALL = 3


HUGE = 10**400
WRONG: dict[str, tuple[Any, str]] = {
    "unknown": ({**DINGHY, "colour": "red"}, 'unknown input "colour"'),
    "misspelt, in the place of an optional one": ({**DINGHY, "flagg": "x"}, 'unknown input "flagg" (did you mean "flag"?)'),
    "unknown and null": ({**DINGHY, "colour": None}, 'unknown input "colour"'),
    "a name that is no text": ({**DINGHY, 5: 1}, "unknown input 5"),
    "missing": ({"kind": "rowing", "length": 3}, "input insured is missing"),
    "missing, with a stranger in its place": ({"kind": "rowing", "length": 3, "x": 1}, 'unknown input "x"'),
    "null": ({**DINGHY, "insured": None}, "input insured is missing"),
    "nothing": ({}, "input kind is missing"),
    "outside the values": ({**DINGHY, "kind": "moter"}, 'is "moter", not one of "sail", "motor", "rowing" (did you mean "motor"?)'),
    "other case": ({**DINGHY, "kind": "Sail"}, "not one of"),
    "outside the test": ({**DINGHY, "length": 0}, "input length is 0, outside > 0"),
    "text for a number": ({**DINGHY, "length": "3"}, 'input length is "3", not a number'),
    "boolean for a number": ({**DINGHY, "length": True}, "input length is true, not a number"),
    "number for a boolean": ({**DINGHY, "insured": 1}, "input insured is 1, not a boolean"),
    "text for a boolean": ({**DINGHY, "insured": "true"}, 'input insured is "true", not a boolean'),
    "number for text": ({**DINGHY, "flag": 5}, "input flag is 5, not a string"),
    "boolean for text": ({**DINGHY, "kind": True}, "input kind is true, not a string"),
    "list": ({**DINGHY, "kind": ["sail"]}, 'input kind is ["sail"], not a string'),
    "mapping": ({**DINGHY, "length": {}}, "input length is {}, not a number"),
    "bytes": ({**DINGHY, "kind": b"sail"}, "not a string"),
    "nan": ({**DINGHY, "length": float("nan")}, "input length is nan, not a finite number"),
    "inf": ({**DINGHY, "length": float("inf")}, "input length is inf, not a finite number"),
    "minus inf": ({**DINGHY, "length": float("-inf")}, "not a finite number"),
    "decimal": ({**DINGHY, "length": Decimal(3)}, "not a number"),
    "fraction": ({**DINGHY, "length": Fraction(3)}, "not a number"),
    "complex": ({**DINGHY, "length": 3 + 0j}, "not a number"),
    "object": ({**DINGHY, "kind": SimpleNamespace()}, "not a string"),
    "huge integer beside a mistake": ({**DINGHY, "length": HUGE, "insured": 1}, "input insured is 1"),
    "huge negative integer": ({**DINGHY, "length": -HUGE}, "outside > 0"),
    "no mapping": ([("kind", "sail")], "inputs are a mapping"),
    "none": (None, "inputs are a mapping"),
}  # fmt: skip


@pytest.mark.parametrize("trace", [False, True], ids=["", "traced"])
def test_a_wrong_input_is_an_error_and_never_the_default(trace: bool) -> None:
    table = load_table(BASE)
    for case, (inputs, problem) in WRONG.items():
        for _ in range(2):
            with pytest.raises(SelectorError) as caught:
                table.decide(inputs, trace=trace)
            assert caught.value.message.startswith("table berths: "), case
            assert problem in caught.value.message, case
        assert table.decide(DINGHY).matched == ["dinghy"], case


@pytest.mark.parametrize("value", [True, 1.5, "1", Decimal(1), 1 + 0j, float("nan"), None, 3, [1]], ids=repr)
def test_a_list_of_numbers_takes_its_numbers_only(value: Any) -> None:
    table = load_table(
        "table: t\nhit_policy: first\ninputs: {x: {type: number, values: [0, 1, 2.5]}}\noutputs: {o: {}}\n"
        "rules: [{when: {x: 1}, then: {o: 1}}]\ndefault: {o: 0}\n"
    )
    assert [table.decide({"x": x}).output["o"] for x in (0, 1, 1.0, 2.5)] == [0, 1, 1, 0]
    with pytest.raises(SelectorError):
        table.decide({"x": value})


@pytest.mark.parametrize("values", ["[true]", "'true'", "'not(false)'", "true"])
def test_a_boolean_may_be_held_to_one_value(values: str) -> None:
    table = load_table(
        f"table: t\nhit_policy: first\ninputs: {{x: {{type: boolean, values: {values}}}}}\noutputs: {{o: {{}}}}\n"
        "rules: [{then: {o: 1}}]\n"
    )
    assert table.decide({"x": True}).matched == ["rule-1"]
    for trace in (False, True):
        with pytest.raises(SelectorError, match="input x is false"):
            table.decide({"x": False}, trace)


@pytest.mark.parametrize(
    "inputs",
    [
        {**DINGHY, "flag": None},
        {**DINGHY, "kind": Kind.ROWING},
        {**DINGHY, "length": Size.SMALL},
        {**DINGHY, "length": 3.0},
        MappingProxyType(DINGHY),
        dict(reversed(DINGHY.items())),
    ],
    ids=["an optional null", "a string enum", "an int enum", "a float", "a mapping proxy", "another order"],
)
def test_the_usual_kinds_of_right_inputs_are_accepted(inputs: Mapping[str, Any]) -> None:
    table = load_table(BASE)
    assert table.decide(inputs).matched == ["dinghy"]
    assert table.decide(inputs, trace=True).matched == ["dinghy"]


def test_a_huge_integer_is_a_number() -> None:
    assert load_table(BASE).decide({**DINGHY, "length": HUGE}).matched == []


@property_test(
    st.dictionaries(
        st.sampled_from(["kind", "length", "insured", "flag", "x"]) | st.text(max_size=3),
        st.sampled_from(["sail", "motor", "rowing"])
        | st.integers()
        | st.floats()
        | st.booleans()
        | st.none()
        | st.text(max_size=3)
        | st.binary(max_size=2)
        | st.lists(st.integers(), max_size=2),
    ),
    few=60,
    many=500,
)
def test_any_inputs_at_all_give_a_decision_or_a_selector_error(inputs: dict[str, Any]) -> None:
    outcome(load_table(BASE), inputs)


# --- what deciding needs ----------------------------------------------------------------------------------------------


def test_what_decides_knows_nothing_of_what_proves() -> None:
    modules = list(Path(decision.__file__).parent.glob("*.py"))
    assert len(modules) > 5
    assert [file.name for file in modules if "selector.decision.proofs" in file.read_text("utf-8")] == []


def test_deciding_needs_neither_parser() -> None:
    code = "import selector.decision, sys; print([m for m in sys.modules if m in ('yaml', 'selector.decision.parser')])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
