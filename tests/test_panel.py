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


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, str]]:
    """Our approach for each case of each panel, on the fixed host."""
    selector = Selector(host=FIXED_HOST)

    def answer(case: dict[str, Any]) -> str:
        return selector.recommend(profile_from_mapping(case["profile"]), changes="none").approach

    return {panel: {case["id"]: answer(case) for case in cases} for panel, cases in CASES.items()}


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{panel}-{case['id']}") for panel, cases in CASES.items() for case in cases]
)
def test_a_case_is_a_valid_workload_with_a_source_and_a_verdict(case: dict[str, Any]) -> None:
    profile_from_mapping(case["profile"], case["id"])
    assert set(case) == {"id", "source", "says", "profile", "acceptable", "wrong"}
    assert case["source"] and case["says"]
    assert case["acceptable"] and {*case["acceptable"], *case["wrong"]} <= set(APPROACHES)
    assert not {*case["acceptable"]} & {*case["wrong"]}


def test_the_panels_are_large_and_every_case_of_one_has_its_own_name() -> None:
    assert sum(map(len, CASES.values())) >= 119
    for cases in CASES.values():
        assert len({case["id"] for case in cases}) == len(cases)


@pytest.mark.parametrize("panel", CASES)
def test_the_sources_accept_our_approach_in_85_of_100_cases(panel: str, answers: dict[str, dict[str, str]]) -> None:
    ours = answers[panel]
    missed = {case["id"]: ours[case["id"]] for case in CASES[panel] if ours[case["id"]] not in case["acceptable"]}
    assert len(missed) / len(CASES[panel]) <= 0.15, missed


@pytest.mark.parametrize("panel", CASES)
def test_the_sources_call_our_approach_wrong_in_no_more_than_2_of_100_cases(
    panel: str, answers: dict[str, dict[str, str]]
) -> None:
    ours = answers[panel]
    wrong = {case["id"]: ours[case["id"]] for case in CASES[panel] if ours[case["id"]] in case["wrong"]}
    assert len(wrong) / len(CASES[panel]) <= 0.02, wrong
