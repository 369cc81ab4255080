"""The advisor of the dialogue: what the decision tables recommend so far, and what could still change it."""

from __future__ import annotations

from typing import Any

from selector.pipeline import Selector
from selector.recommend.questions import Memory, OpenQuestion, questions
from selector.wizard.answers import Answers
from selector.wizard.dialogue import said_answer


class TableAdvisor:
    """Asks the tables. What is open depends on which fields were answered, also with what they would have been anyway."""

    def __init__(self, selector: Selector) -> None:
        self._selector = selector
        self._memory = Memory()
        self._open: dict[tuple[frozenset[str], frozenset[tuple[str, Any]]], tuple[OpenQuestion, ...]] = {}

    def answer(self, answers: Answers) -> str:
        """The approach recommended as things stand."""
        return said_answer(self._selector.situation(answers.profile()).answer)

    def open_questions(self, answers: Answers) -> tuple[OpenQuestion, ...]:
        """What can still change it; the same situation is only worked out once."""
        key = answers.answered, frozenset(answers.values.items())
        if key not in self._open:
            situation = self._selector.situation(answers.profile())
            self._open[key] = questions(situation, answers.answered, self._memory)
        return self._open[key]
