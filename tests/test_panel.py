"""Two panels of published cases: how often our approach is one that the source accepts, and one that it calls wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from strategies import FIXED_HOST

from selector import Selector
from selector.profile import APPROACHES, profile_from_mapping

PANEL = Path(__file__).parent / "panel"
CASES: dict[str, list[dict[str, Any]]] = {
    name: json.loads((PANEL / f"{name}.json").read_text("utf-8")) for name in ("cases_a", "cases_b")
}
EVERY = [case for cases in CASES.values() for case in cases]


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    """Our approach for each case, on the fixed host."""
    selector = Selector(host=FIXED_HOST)
    return {c["id"]: selector.recommend(profile_from_mapping(c["profile"]), changes=False).approach for c in EVERY}


@pytest.mark.parametrize("case", EVERY, ids=[case["id"] for case in EVERY])
def test_a_case_is_a_valid_workload_with_a_source_and_a_verdict(case: dict[str, Any]) -> None:
    profile_from_mapping(case["profile"], case["id"])
    assert set(case) == {"id", "source", "says", "profile", "acceptable", "wrong"}
    assert case["source"] and case["says"]
    assert case["acceptable"] and {*case["acceptable"], *case["wrong"]} <= set(APPROACHES)
    assert not {*case["acceptable"]} & {*case["wrong"]}


def test_every_case_has_its_own_name() -> None:
    assert len({case["id"] for case in EVERY}) == len(EVERY) >= 119


@pytest.mark.parametrize("panel", CASES)
def test_the_sources_accept_our_approach_in_85_of_100_cases(panel: str, answers: dict[str, str]) -> None:
    missed = {case["id"]: answers[case["id"]] for case in CASES[panel] if answers[case["id"]] not in case["acceptable"]}
    assert len(missed) / len(CASES[panel]) <= 0.15, missed


@pytest.mark.parametrize("panel", CASES)
def test_the_sources_call_our_approach_wrong_in_no_more_than_2_of_100_cases(
    panel: str, answers: dict[str, str]
) -> None:
    wrong = {case["id"]: answers[case["id"]] for case in CASES[panel] if answers[case["id"]] in case["wrong"]}
    assert len(wrong) / len(CASES[panel]) <= 0.02, wrong
