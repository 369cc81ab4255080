"""The dialogue itself, without a terminal: the first five questions, the ones that still matter, and the review.

It talks through `Prompts`, so that a terminal, a plain line printer and a test can each play the other part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol

from selector.errors import SelectorError
from selector.recommend.expected import missing
from selector.recommend.questions import OpenQuestion
from selector.text import listed
from selector.wizard.answers import REQUIRED, Answers, Default, parsed, shown_value
from selector.wizard.words import FIRST, WORDS
from selector.workload.fields import field_kind
from selector.workload.profile import WorkloadProfile


class Option(NamedTuple):
    """One line of a menu: what choosing it returns, and what it says."""

    key: str
    label: str


class Prompts(Protocol):
    """Somebody to ask. Every method raises KeyboardInterrupt when the user leaves (Ctrl-C or Ctrl-D)."""

    def say(self, text: str) -> None:
        """Show a line of text."""

    def choose(self, question: str, options: Sequence[Option], default: str | None = None) -> str:
        """The key of the option chosen; `default` is the key that the menu starts at."""

    def type_in(self, question: str, enter: str, problem: Callable[[str], str | None]) -> str:
        """The text typed, for which `problem` finds nothing to say; `enter` tells what an empty answer means."""


class Advisor(Protocol):
    """What the tables say at this point."""

    def answer(self, answers: Answers) -> str:
        """The approach recommended as things stand."""

    def open_questions(self, answers: Answers) -> tuple[OpenQuestion, ...]:
        """The fields that can still change it, most decisive first."""


class Reply(Enum):
    """An answer that is no value."""

    UNKNOWN = "I don't know"
    BACK = "Back"
    ENOUGH = "That is enough: on to the review"


class Enter(NamedTuple):
    """What an empty answer means: a value or "I don't know", and how to say so."""

    value: Any
    words: str


_SHOW, _GO_ON, _PREDICT = "show", "go on", "predict"
#: What may be typed in a line for an answer that is no value, and what it is good for.
_WORDS_FOR: Mapping[Reply, tuple[tuple[str, ...], str]] = {
    Reply.ENOUGH: (("enough", "stop"), "to stop the questions"),
    Reply.BACK: (("back",), "to return"),
}
#: Follow-up questions in a row; then the review offers those that are left.
MOST_FOLLOW_UPS = 10
_MOST_NAMED = 3


def converse(answers: Answers, prompts: Prompts, advisor: Advisor, defaults: Mapping[str, Default]) -> Answers:
    """The whole conversation: what was given is not asked; ends when the review is accepted."""
    interview = Interview(prompts)
    answers = first_questions(answers, interview, defaults)
    while True:
        answers = follow_ups(answers, interview, advisor)
        choice = review(answers, prompts, advisor)
        if choice == _SHOW:
            return answers
        if choice == _PREDICT:
            answers = quantities(answers, interview)
        else:
            on = answers.resumed() if choice == _GO_ON else edited(answers, choice, prompts, (Reply.BACK,))
            answers = on or answers


class Interview:
    """Questions one after the other, from any of which the user may go back to those before."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts
        self._asked: list[str] = []

    @property
    def count(self) -> int:
        """How many questions were answered, each counted once."""
        return len(self._asked)

    def put(
        self, name: str, answers: Answers, enter: Enter | None, others: tuple[Reply, ...] = (), why: str = ""
    ) -> Answers | None:
        """The answers with that to one more question, or with another one to a question before; None: that is enough."""
        others = (*_not_known(name), *((Reply.BACK,) if self._asked else ()), *others)
        reply = ask(name, self._prompts, enter, others, why)
        if reply is Reply.ENOUGH:
            return None
        if reply is Reply.BACK:
            return self._back(answers)
        self._asked.append(name)
        return answers.having(name, _value(reply))

    def _back(self, answers: Answers) -> Answers:
        """Ask the question before once more, or one further back. All other answers stay."""
        for place in reversed(range(len(self._asked))):
            name = self._asked[place]
            changed = edited(answers, name, self._prompts, (Reply.BACK,) if place else ())
            if changed is not None:
                return changed
        raise AssertionError("the first question has nothing before it")


def first_questions(answers: Answers, interview: Interview, defaults: Mapping[str, Default]) -> Answers:
    """The five questions everybody is asked, unless answered already."""
    while name := next(filter(answers.is_open, FIRST), None):
        default = defaults.get(name)
        answers = interview.put(name, answers, _enter(default) if default else None) or answers
    return answers


def _enter(default: Default) -> Enter:
    value = Reply.UNKNOWN if default.value is None else default.value
    words = [shown_value(default.value) if default.value is not None else "", default.origin]
    return Enter(value, ", ".join(filter(None, words)))


def follow_ups(answers: Answers, interview: Interview, advisor: Advisor) -> Answers:
    """Ask what can still change the answer, most decisive first, until nothing can or the user has had enough.

    After so many in a row the rest is left to the review, where the user may go on.
    """
    enter = Enter(Reply.UNKNOWN, "I don't know")
    most = interview.count + MOST_FOLLOW_UPS
    while questions := _left(answers, advisor):
        more = None
        if interview.count < most:
            why = _reason(questions, advisor.answer(answers))
            more = interview.put(questions[0].field, answers, enter, (Reply.ENOUGH,), why)
        if more is None:
            return answers.without_asking(q.field for q in questions)
        answers = more
    return answers


def quantities(answers: Answers, interview: Interview) -> Answers:
    """Ask for what a speedup is predicted from, whether it can change the answer or not."""
    while name := next(iter(unasked_quantities(answers)), None):
        answers = interview.put(name, answers, Enter(Reply.UNKNOWN, "I don't know")) or answers
    return answers


def unasked_quantities(answers: Answers) -> list[str]:
    """What a prediction needs and nobody has been asked for; nothing where a cluster does the work, of which there is none."""
    profile = answers.profile()
    on_a_cluster = profile.durable or profile.machines > 1
    return [] if on_a_cluster else [name for name in missing(profile) if answers.is_open(name)]


def _left(answers: Answers, advisor: Advisor) -> tuple[OpenQuestion, ...]:
    return tuple(q for q in advisor.open_questions(answers) if q.field not in answers.set_aside)


def _reason(questions: Sequence[OpenQuestion], now: str) -> str:
    """Why the next question is asked: what the answer is now, and what it could become."""
    others = [said_answer(answer) for answer in questions[0].answers]
    named = " or ".join(others[:_MOST_NAMED]) + (", among others" if len(others) > _MOST_NAMED else "")
    count = "1 question" if len(questions) == 1 else f"{len(questions)} questions"
    together = "" if questions[0].alone else ", together with another answer"
    return f"So far: {now}; {count} could change that.\nThis one may lead to {named}{together}."


def said_answer(answer: tuple[str, str | None]) -> str:
    """An answer of the chain in words: the approach, with its engine if it has one."""
    return f"{answer[0]} ({answer[1]})" if answer[1] else answer[0]


def review(answers: Answers, prompts: Prompts, advisor: Advisor) -> str:
    """Show every answer; returns the field to change, or that all is well, or which questions should go on."""
    options = [Option(_SHOW, "All right: show the recommendation")]
    if left := len(advisor.open_questions(answers)):
        options.append(Option(_GO_ON, f"Go on with the questions ({left} could still change the answer)"))
    if needed := unasked_quantities(answers):
        options.append(Option(_PREDICT, f"Say what the speedup is predicted from: {listed(list(map(_label, needed)))}"))
    options += [Option(name, f"{_label(name)}: {_said(answers, name)}") for name in answers.shown]
    prompts.say("")
    return prompts.choose("Your answers. Pick one to change it.", options, _SHOW)


def _label(name: str) -> str:
    return name.replace("_", " ")


def _said(answers: Answers, name: str) -> str:
    if name in answers.values:
        return shown_value(answers.values[name])
    default = WorkloadProfile.model_fields[name].default
    return "not known" if default is None else f"not known, taken as {shown_value(default)}"


def edited(answers: Answers, name: str, prompts: Prompts, others: tuple[Reply, ...] = ()) -> Answers | None:
    """Ask one question again; an empty answer leaves things as they are. None is the wish to go back instead."""
    current = answers.values.get(name, Reply.UNKNOWN)
    reply = ask(name, prompts, Enter(current, f"leave it at {_said(answers, name)}"), (*_not_known(name), *others))
    return None if reply is Reply.BACK else answers.having(name, _value(reply))


def _not_known(name: str) -> tuple[Reply, ...]:
    return () if name in REQUIRED else (Reply.UNKNOWN,)


def ask(name: str, prompts: Prompts, enter: Enter | None, others: tuple[Reply, ...], why: str = "") -> Any:
    """Ask about one field: a value, or one of the `others`. Without `enter` an empty answer is no answer."""
    prompts.say("\n".join(["", *filter(None, (why, WORDS[name].hint))]))
    if field_kind(name).kind in ("choice", "flag"):
        return _choose(name, prompts, enter, others)
    return _type_in(name, prompts, enter, others)


def _choose(name: str, prompts: Prompts, enter: Enter | None, others: tuple[Reply, ...]) -> Any:
    replies: dict[str, Any] = {"yes": True, "no": False}
    if choices := field_kind(name).choices:
        replies = {choice: choice for choice in choices}
    meaning = WORDS[name].choices
    options = [Option(key, f"{key} - {meaning[key]}" if key in meaning else key) for key in replies]
    options += [Option(reply.name, reply.value) for reply in others]
    replies |= {reply.name: reply for reply in others}
    start = next((key for key, reply in replies.items() if enter is not None and reply == enter.value), None)
    return replies[prompts.choose(WORDS[name].question, options, start)]


def _type_in(name: str, prompts: Prompts, enter: Enter | None, others: tuple[Reply, ...]) -> Any:
    spoken = {other: _WORDS_FOR[other] for other in others if other in _WORDS_FOR}

    def reply(text: str) -> Any:
        """What the words typed mean."""
        word = text.strip().casefold()
        if not word and enter is not None:
            return enter.value
        if (other := next((o for o in spoken if word in spoken[o][0]), None)) is not None:
            return other
        value = parsed(name, text)
        return Reply.UNKNOWN if value is None else value

    def problem(text: str) -> str | None:
        """Why they are not accepted, or None."""
        try:
            reply(text)
        except SelectorError as error:
            return error.message
        return None

    if spoken:
        prompts.say(f"Type {', '.join(f'{words[0]} {purpose}' for words, purpose in spoken.values())}.")
    return reply(prompts.type_in(WORDS[name].question, enter.words if enter is not None else "", problem))


def _value(reply: Any) -> Any:
    return None if reply is Reply.UNKNOWN else reply
