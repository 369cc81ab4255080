"""The advisor of the dialogue: what the decision tables recommend so far, and what could still change it."""

from __future__ import annotations

from typing import Any

from selector.pipeline import Selector
from selector.recommend.chain import choose
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
        return said_answer(choose(answers.profile(), self._selector.here, self._selector.knowledge).answer)

    def open_questions(self, answers: Answers) -> tuple[OpenQuestion, ...]:
        """What can still change it; the same situation is only worked out once."""
        key = answers.answered, frozenset(answers.values.items())
        if key not in self._open:
            here, knowledge = self._selector.here, self._selector.knowledge
            self._open[key] = questions(answers.profile(), answers.answered, here, knowledge, self._memory)
        return self._open[key]
