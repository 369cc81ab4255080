"""The whole dialogue with the real advisor and the real tables: whatever plain answers are given, it ends.

Each dialogue takes two seconds of computing, most of it to prove that no pair of answers can change the outcome any
more. So `make test` holds one, and `make test-all` twenty more, and some that go back.
"""

# ruff: noqa: ARG002  # the partners take what the real ones take

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from strategies import slow_after

from selector import Selector
from selector.recommend.facts import HostFacts
from selector.wizard.advisor import TableAdvisor
from selector.wizard.answers import Answers, Default
from selector.wizard.dialogue import MOST_FOLLOW_UPS, Option, Reply, converse
from selector.wizard.words import FIRST

pytestmark = pytest.mark.one_python

QUICK, ALL, GROUPS = 1, 21, 10
HOST = HostFacts("linux", 2, (("3.11", "/x/python3.11"), ("3.14", "/x/python3.14"), ("3.13t", "/x/python3.13t")))
DEFAULTS = {
    "latency_requirement_ms": Default(None, "no requirement"),
    "memory_budget_mb": Default(None, "no requirement"),
    "cpu_cores": Default(2, "usable here"),
    "has_expensive_startup": Default(False, ""),
}
PLAIN = ("", "", "1", "2", "20", "100", "5000", "10k", "0.5s", "1GB", "3.14", "3.13, 3.14t", "0", "unknown")
REVIEW = "Your answers"


@pytest.fixture(scope="module")
def selector() -> Selector:
    return Selector(host=HOST)


class Partner:
    """Somebody who answers each question in a plain way, by chance, and accepts the review."""

    def __init__(self, rng: random.Random, workload_type: str, goes_back: float = 0.0) -> None:
        self.rng, self.workload_type, self.goes_back = rng, workload_type, goes_back
        self.asked: list[str] = []
        self.reviews = 0

    def say(self, text: str) -> None:
        pass

    def choose(self, question: str, options: Sequence[Option], default: str | None = None) -> str:
        self.asked.append(question)
        if question.startswith(REVIEW):
            return self.reviewed([option.key for option in options])
        keys = [option.key for option in options if option.key not in (Reply.ENOUGH.name, Reply.BACK.name)]
        if Reply.BACK.name in (option.key for option in options) and self.rng.random() < self.goes_back:
            return Reply.BACK.name
        if len(self.asked) == 1:
            return self.workload_type
        return default if default is not None and self.rng.random() < 0.3 else self.rng.choice(keys)

    def type_in(self, question: str, enter: str, problem: Callable[[str], str | None]) -> str:
        self.asked.append(question)
        if self.rng.random() < self.goes_back and problem("back") is None:
            return "back"
        return self.rng.choice([typed for typed in PLAIN if problem(typed) is None])

    def reviewed(self, keys: list[str]) -> str:
        """What is picked in the review: to go on as often as there is something left, then the recommendation."""
        self.reviews += 1
        assert self.reviews < 5
        return "go on" if "go on" in keys else "show"


def dialogue(advisor: TableAdvisor, seed: int, goes_back: float = 0.0) -> tuple[Partner, Answers]:
    """One dialogue from its beginning to its end: who took part, and what was answered."""
    partner = Partner(random.Random(seed), ("cpu", "io", "hybrid")[seed % 3], goes_back)
    return partner, converse(Answers(), partner, advisor, DEFAULTS)


def ends_and_asks_nothing_twice(seed: int, selector: Selector) -> None:
    advisor = TableAdvisor(selector)
    partner, answers = dialogue(advisor, seed)
    asked = [question for question in partner.asked if not question.startswith(REVIEW)]
    assert len(asked) == len(set(asked)), seed
    assert advisor.open_questions(answers) == (), seed
    assert selector.recommend(answers.profile(), changes="none").approach


@pytest.mark.parametrize("seed", range(QUICK))
def test_a_dialogue_ends_and_asks_nothing_twice(seed: int, selector: Selector) -> None:
    ends_and_asks_nothing_twice(seed, selector)


@pytest.mark.slow
@pytest.mark.parametrize("group", range(GROUPS))
def test_every_dialogue_ends_and_asks_nothing_twice(group: int, selector: Selector) -> None:
    for seed in range(QUICK + group, ALL, GROUPS):
        ends_and_asks_nothing_twice(seed, selector)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_going_back_now_and_then_ends_too(seed: int, selector: Selector) -> None:
    partner, answers = dialogue(TableAdvisor(selector), seed, goes_back=0.25)
    assert len(partner.asked) < 200
    assert answers.answered >= set(FIRST)


@pytest.mark.parametrize("workload_type", slow_after(1, ["hybrid", "cpu", "io"]))
def test_enter_everywhere_is_a_recommendation_after_a_bearable_number_of_questions(
    workload_type: str, selector: Selector
) -> None:
    class Enter(Partner):
        """Somebody who only presses Enter, once the type of work is said."""

        def choose(self, question: str, options: Sequence[Option], default: str | None = None) -> str:
            self.asked.append(question)
            return default or self.workload_type

        def type_in(self, question: str, enter: str, problem: Callable[[str], str | None]) -> str:
            self.asked.append(question)
            assert problem("") is None
            return ""

    partner = Enter(random.Random(0), workload_type)
    answers = converse(Answers(), partner, TableAdvisor(selector), DEFAULTS)
    assert len(partner.asked) <= len(FIRST) + MOST_FOLLOW_UPS + 1
    assert selector.recommend(answers.profile(), changes="none").approach


@pytest.mark.parametrize(
    "field", slow_after(1, ["machines", "mode", "durable", "parallelizable", "has_expensive_startup"])
)
def test_an_answer_that_is_what_would_be_taken_anyway_is_an_answer(field: str, selector: Selector) -> None:
    """Found in use: `1` to "Over how many machines" was asked for again for ever."""
    plain = Answers({"workload_type": "io", "cpu_cores": 2, "has_expensive_startup": False})
    advisor = TableAdvisor(selector)
    advisor.open_questions(plain)
    default = {"machines": 1, "mode": "batch", "parallelizable": True}.get(field, False)
    then = advisor.open_questions(plain.having(field, default))
    assert field not in {question.field for question in then}
    assert then == TableAdvisor(selector).open_questions(plain.having(field, default))
