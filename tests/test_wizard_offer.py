"""The wizard's offer to measure the costs of this machine: what is said yes to happens, before it recommends again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from shared import measured_here

import selector.pipeline
import selector.wizard
from selector import Selector, WorkloadProfile
from selector.proof import interpreters_to_calibrate
from selector.recommend.knowledge import load_knowledge
from selector.recommend.recommendation import Recommendation
from selector.wizard import run_wizard
from selector.wizard.answers import answers_from
from selector.wizard.dialogue import Option

QUANTIFIED = {"workload_type": "cpu", "tasks": 500, "cpu_ms_per_task": 20}
ALL = dict(load_knowledge().costs.documented)  # a figure is as sure as the least sure of its costs


class Says:
    """Somebody who takes every default but says yes or no to measuring."""

    def __init__(self, measure: str) -> None:
        self.measure = measure
        self.asked: list[str] = []

    def say(self, text: str) -> None:
        pass

    def choose(self, question: str, options: Sequence[Option], default: str | None = None) -> str:
        self.asked.append(question)
        return self.measure if "documented costs" in question else str(default or options[0].key)

    def type_in(self, question: str, enter: str, problem: Callable[[str], str | None]) -> str:
        self.asked.append(question)
        return "" if problem(enter) is None else enter


def interview(monkeypatch: pytest.MonkeyPatch, says: Says, measured: dict[str, float]) -> list[str]:
    """What happens, in order: `measured`, and the source of each recommendation that is shown."""
    happened: list[str] = []
    ours = next(i.tag for i in interpreters_to_calibrate(()) if not i.free_threaded)  # what `calibrate` measures
    monkeypatch.setattr(
        selector.pipeline, "load_calibration", lambda: measured_here(ours, measured) if measured else ()
    )
    monkeypatch.setattr(selector.wizard, "_prompts", lambda: says)
    monkeypatch.setattr(selector.wizard, "converse", lambda answers, *_: answers)

    def show(selector: Selector, profile: WorkloadProfile) -> Recommendation:
        result = selector.recommend(profile)
        happened.append(str(result.expected.source))
        return result

    def measure() -> None:
        happened.append("measured")
        measured.update(ALL)
        monkeypatch.setattr(selector.pipeline, "load_calibration", lambda: measured_here(ours, measured))

    run_wizard(answers_from(QUANTIFIED, "test"), Selector(), show, measure=measure)
    return happened


def test_yes_measures_and_recommends_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert interview(monkeypatch, Says("yes"), {}) == ["documented", "measured", "calibrated"]


def test_no_leaves_it_at_that(monkeypatch: pytest.MonkeyPatch) -> None:
    assert interview(monkeypatch, Says("no"), {}) == ["documented"]


def test_what_is_measured_already_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    says = Says("yes")
    assert interview(monkeypatch, says, dict(ALL)) == ["calibrated"]
    assert not any("documented costs" in question for question in says.asked)


def test_a_cost_that_was_too_noisy_is_no_reason_to_measure_again(monkeypatch: pytest.MonkeyPatch) -> None:
    says, noisy = Says("yes"), {name: cost for name, cost in ALL.items() if not name.startswith("contention")}
    assert "measured" not in interview(monkeypatch, says, noisy)
