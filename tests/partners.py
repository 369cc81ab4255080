"""Those who take part in a dialogue of the wizard: a user with prepared replies, and advisors."""

# ruff: noqa: ARG002  # they take what the real ones take

from __future__ import annotations

from collections import deque

from selector.pipeline import Selector
from selector.recommend.facts import HostFacts
from selector.recommend.questions import OpenQuestion
from selector.wizard.advisor import TableAdvisor
from selector.wizard.answers import (
    Default,
)
from selector.wizard.dialogue import (
    Reply,
)

HOST = HostFacts("linux", 4, (("3.13", "/usr/bin/python3.13"), ("3.14", "/usr/bin/python3.14")))
DEFAULTS = {
    "latency_requirement_ms": Default(None, "no requirement"),
    "memory_budget_mb": Default(None, "no requirement"),
    "cpu_cores": Default(4, "usable here"),
    "has_expensive_startup": Default(False, ""),
}
SEED = ("hybrid", "100", "256", "4", "no")
SEED_VALUES = {
    "workload_type": "hybrid",
    "latency_requirement_ms": 100.0,
    "memory_budget_mb": 256.0,
    "cpu_cores": 4,
    "has_expensive_startup": False,
}


class Script:
    """A partner with prepared replies: text for lines, the key or the whole label for menus; Ctrl-C at the end."""

    def __init__(self, *replies: str):
        self.replies = deque(replies)
        self.said, self.asked, self.menus, self.refused = [], [], [], []

    def say(self, text):
        self.said.append(text)

    def choose(self, question, options, default=None):
        self.asked.append(question)
        self.menus.append([option.label for option in options])
        reply = self._next()
        reply = {"enough": Reply.ENOUGH.name, "unknown": Reply.UNKNOWN.name}.get(reply, reply)
        if reply == "" and default is not None:
            return default
        keys = {option.key for option in options}
        assert reply in keys, f"{reply!r} is not offered by {question!r}: {keys}"
        return reply

    def type_in(self, question, enter, problem):
        self.asked.append(question)
        while (wrong := problem(typed := self._next())) is not None:
            self.refused.append(wrong)
        return typed

    def _next(self):
        if not self.replies:
            raise KeyboardInterrupt
        return self.replies.popleft()


class NothingOpen:
    """An advisor for whom nothing can change the answer."""

    def answer(self, answers):
        return "asyncio"

    def open_questions(self, answers):
        return ()


class Listed(NothingOpen):
    """An advisor with a fixed list of questions, of which the closed and answered ones fall away."""

    def __init__(self, *fields):
        self.fields = fields

    def open_questions(self, answers):
        left = [f for f in self.fields if f not in answers.answered]
        return tuple(OpenQuestion(f, (("threads", None), ("distributed", "celery")), alone=True) for f in left)


def tables():
    """The advisor that asks our tables."""
    return TableAdvisor(Selector(host=HOST))
