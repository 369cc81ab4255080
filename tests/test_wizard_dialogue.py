"""The wizard's dialogue: with a scripted partner, then through questionary on a pretended terminal, and by plain lines."""

# ruff: noqa: ARG002  # the scripted partners take what the real ones take

from __future__ import annotations

import io
import json
import random
import shlex
from collections import deque
from pathlib import Path

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from selector.errors import SelectorError
from selector.pipeline import Selector
from selector.recommend.changes import alternatives_of, input_names
from selector.recommend.facts import HostFacts
from selector.recommend.questions import OpenQuestion
from selector.wizard.advisor import TableAdvisor
from selector.wizard.answers import (
    Answers,
    Default,
    accepted_words,
    answers_from,
    command_for,
    host_defaults,
    parsed,
    round_down,
    shown_value,
    with_defaults,
)
from selector.wizard.dialogue import (
    MOST_FOLLOW_UPS,
    Interview,
    Option,
    Reply,
    ask,
    converse,
    edited,
    first_questions,
    follow_ups,
    review,
)
from selector.wizard.lines import LinePrompts
from selector.wizard.save import offer_to_save, profile_json
from selector.wizard.terminal import TerminalPrompts, wrapped
from selector.wizard.words import FIRST, POINTLESS_AFTER, WORDS
from selector.workload.fields import field_kind
from selector.workload.profile import WorkloadProfile
from selector.workload.reading import profile_from_json, profile_from_mapping, with_settings

HOST = HostFacts("linux", 4, (("3.13", "/usr/bin/python3.13"), ("3.14", "/usr/bin/python3.14")))
DEFAULTS = {
    "latency_requirement_ms": Default(None, "no requirement"),
    "memory_budget_mb": Default(8000.0, "usable here"),
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


# The first five ------------------------------------------------------------------------------------------------------


def test_the_five_come_first_in_the_order_of_the_seed():
    script = Script(*SEED)
    answers = first_questions(Answers(), Interview(script), DEFAULTS)
    assert script.asked == [
        "Enter workload type",
        "Latency requirement (ms)",
        "Memory budget (mb)",
        "CPU cores",
        "Has expensive startup (y/n)",
    ]
    assert answers == Answers(SEED_VALUES)
    assert answers.profile() == WorkloadProfile(**SEED_VALUES)


def test_enter_takes_what_this_host_has():
    answers = first_questions(Answers(), Interview(Script("io", "", "", "", "")), DEFAULTS)
    assert answers.values == {
        "workload_type": "io", "memory_budget_mb": 8000.0, "cpu_cores": 4, "has_expensive_startup": False,
    }  # fmt: skip
    assert answers.unknown == {"latency_requirement_ms"}


def test_what_was_given_is_not_asked():
    given = answers_from({"workload_type": "I/O bound", "cpu_cores": 2, "memory_budget_mb": None}, "--set")
    script = Script("50", "yes")
    answers = first_questions(given, Interview(script), DEFAULTS)
    assert script.asked == ["Latency requirement (ms)", "Has expensive startup (y/n)"]
    assert answers.values["workload_type"] == "io"
    assert answers.unknown == {"memory_budget_mb"}


@pytest.mark.parametrize("bad", ["fast", "-5", "0", "nan", "inf", "1e400", "10 kg", "12,5", "0x10", "²"])
def test_a_bad_number_is_asked_again_with_the_reason(bad):
    script = Script("io", bad, "100", "", "", "")
    answers = first_questions(Answers(), Interview(script), DEFAULTS)
    assert answers.values["latency_requirement_ms"] == 100.0
    assert len(script.refused) == 1 and "is not accepted: a number over 0" in script.refused[0]


def test_the_five_can_be_unknown_but_for_the_workload_type():
    script = Script("io", "unknown", "?", "I don't know", "UNKNOWN")
    answers = first_questions(Answers(), Interview(script), DEFAULTS)
    assert answers.unknown == set(FIRST) - {"workload_type"}
    assert "I don't know" not in script.menus[0] and "I don't know" in script.menus[1]


# What follows --------------------------------------------------------------------------------------------------------


def test_questions_go_on_until_nothing_can_change_the_answer():
    answers, script = Answers(SEED_VALUES), Script("yes", "12", "3.13, 3.14t", "read_only")
    answers = follow_ups(answers, Interview(script), Listed("gpu", "tasks", "interpreters", "shared_state"))
    assert script.asked == [WORDS[f].question for f in ("gpu", "tasks", "interpreters", "shared_state")]
    assert {k: v for k, v in answers.values.items() if k not in SEED_VALUES} == {
        "gpu": True, "tasks": 12, "interpreters": ("3.13", "3.14t"), "shared_state": "read_only",
    }  # fmt: skip
    assert not script.replies


def test_each_question_says_why_it_is_asked():
    script = Script("no", "")
    follow_ups(Answers(SEED_VALUES), Interview(script), Listed("gpu", "tasks"))
    assert script.said[0] == (
        "\nSo far: asyncio; 2 questions could change that.\nThis one may lead to threads or distributed (celery)."
    )
    assert script.said[1].startswith("\nSo far: asyncio; 1 question could change that.")
    assert WORDS["tasks"].hint in script.said[1]
    assert "enough" in script.said[2]


def test_a_question_that_matters_only_with_another_says_so():
    class Pair(Listed):
        def open_questions(self, answers):
            many = tuple((a, None) for a in ("threads", "asyncio", "multiprocessing", "free_threaded"))
            return tuple(OpenQuestion(q.field, many, alone=False) for q in super().open_questions(answers))

    script = Script("no")
    follow_ups(Answers(SEED_VALUES), Interview(script), Pair("gpu"))
    assert "threads or asyncio or multiprocessing, among others, together with another answer." in script.said[0]


def test_i_do_not_know_is_an_answer_and_not_asked_again():
    script = Script("UNKNOWN", "", "unknown", "")
    answers = follow_ups(Answers(SEED_VALUES), Interview(script), Listed("gpu", "durable", "tasks", "concurrency"))
    assert answers.unknown == {"gpu", "durable", "tasks", "concurrency"}
    assert answers.values == SEED_VALUES
    assert len(script.asked) == 4


@pytest.mark.parametrize("enough", [("ENOUGH",), ("UNKNOWN", "enough"), ("UNKNOWN", " STOP ")])
def test_enough_stops_the_questions(enough):
    script = Script(*enough)
    answers = follow_ups(Answers(SEED_VALUES), Interview(script), Listed("gpu", "tasks", "durable"))
    assert answers.values == SEED_VALUES
    assert answers.set_aside >= {"tasks", "durable"}
    assert follow_ups(answers, Interview(Script()), Listed("gpu", "tasks", "durable")) == answers


def test_so_many_questions_in_a_row_and_the_review_offers_the_rest():
    fields = [f for f in input_names() if f not in FIRST and not f.startswith("startup")]
    menus = ("choice", "flag")
    script = Script(*("unknown" if field_kind(f).kind in menus else "" for f in fields[:MOST_FOLLOW_UPS]))
    answers = follow_ups(Answers(SEED_VALUES), Interview(script), Listed(*fields))
    assert answers.unknown == set(fields[:MOST_FOLLOW_UPS]) and answers.set_aside == set(fields[MOST_FOLLOW_UPS:])
    assert review(answers, Script("go on"), Listed(*fields)) == "go on"
    assert follow_ups(answers, Interview(Script()), Listed(*fields)) == answers  # after a change in the review, say


# Back ----------------------------------------------------------------------------------------------------------------


def test_back_asks_the_question_before_again_and_keeps_what_was_said():
    script = Script("io", "100", "back", "", "256", " BACK ", "512", "4", "BACK", "8", "no")
    answers = first_questions(Answers(), Interview(script), DEFAULTS)
    assert script.asked == [WORDS[f].question for f in (
        "workload_type", "latency_requirement_ms", "memory_budget_mb", "latency_requirement_ms", "memory_budget_mb",
        "cpu_cores", "memory_budget_mb", "cpu_cores", "has_expensive_startup", "cpu_cores", "has_expensive_startup",
    )]  # fmt: skip
    assert answers.values == {**SEED_VALUES, "workload_type": "io", "memory_budget_mb": 512.0, "cpu_cores": 8}


def test_back_goes_as_far_as_the_first_question_and_then_on_where_it_was_left():
    script = Script("io", "100", "256", "back", "back", "back", "cpu", "4", "no")
    answers = first_questions(Answers(), Interview(script), DEFAULTS)
    assert answers.values == {**SEED_VALUES, "workload_type": "cpu"}
    assert [WORDS[f].question for f in FIRST[2::-1]] == script.asked[4:7]
    assert "Back" not in script.menus[0] and "Back" not in script.menus[1] and "Back" in script.menus[2]


def test_back_leads_from_what_follows_to_the_five():
    script = Script(*SEED, "BACK", "BACK", "8", "yes", "back", "no", "12")
    interview = Interview(script)
    answers = follow_ups(first_questions(Answers(), interview, DEFAULTS), interview, Listed("gpu", "tasks"))
    assert answers.values == {**SEED_VALUES, "cpu_cores": 8, "gpu": False, "tasks": 12}


def test_back_in_the_review_leaves_the_answer():
    script = Script(*SEED, "cpu_cores", "back", "workload_type", "BACK", "")
    assert converse(Answers(), script, NothingOpen(), DEFAULTS).values == SEED_VALUES


def test_a_line_says_what_may_be_typed():
    script = Script("io", "100", "256", "4", "no", "enough")
    interview = Interview(script)
    follow_ups(first_questions(Answers(), interview, DEFAULTS), interview, Listed("tasks"))
    told = [said for said in script.said if said.startswith("Type ")]
    assert told == ["Type back to return."] * 3 + ["Type back to return, enough to stop the questions."]


def test_answers_that_settle_everything_end_the_questions():
    answers = Answers({**SEED_VALUES, "durable": True, "machines": 3})
    assert follow_ups(answers, Interview(Script()), tables()) == answers


@pytest.mark.parametrize("value", [True, False])
def test_no_costly_start_makes_its_questions_pointless(value):
    answers = Answers({**SEED_VALUES, "has_expensive_startup": value})
    assert ("startup_ms" in answers.answered) is not value
    for (field, _), names in POINTLESS_AFTER.items():
        assert field in input_names() and set(names) <= set(input_names())


# Review --------------------------------------------------------------------------------------------------------------


def test_review_lists_every_answer_and_ends_the_dialogue():
    answers = Answers(SEED_VALUES).having("gpu", None).having("durable", None).having("interpreters", ("3.13", "3.14t"))
    script = Script("")
    assert review(answers, script, NothingOpen()) == "show"
    assert script.menus[0] == [
        "All right: show the recommendation",
        "workload type: hybrid",
        "latency requirement ms: 100",
        "memory budget mb: 256",
        "cpu cores: 4",
        "has expensive startup: no",
        "interpreters: 3.13, 3.14t",
        "durable: not known, taken as no",
        "gpu: not known",
    ]


def test_going_back_changes_one_answer():
    script = Script(*SEED, "cpu_cores", "8", "")
    answers = converse(Answers(), script, NothingOpen(), DEFAULTS)
    assert answers.values == {**SEED_VALUES, "cpu_cores": 8}
    assert script.asked[-3:] == ["Your answers. Pick one to change it.", "CPU cores", script.asked[5]]


def test_a_changed_answer_brings_the_questions_it_opens():
    script = Script("io", "100", "256", "4", "no", "enough", "workload_type", "cpu", "unknown", "enough", "")
    answers = converse(Answers(), script, tables(), DEFAULTS)
    before = tables().open_questions(Answers({**SEED_VALUES, "workload_type": "io"}))
    asked = script.asked[script.asked.index("Enter workload type", 1) + 1 :]
    assert len(asked) == 3 and asked[-1] == script.asked[6]
    assert not set(asked) & {WORDS[q.field].question for q in before}  # set aside before: only new ones are asked
    assert answers.values["workload_type"] == "cpu"


def test_the_questions_can_go_on_after_enough():
    script = Script(*SEED, "ENOUGH", "go on", "yes", "12", "")
    answers = converse(Answers(), script, Listed("gpu", "tasks"), DEFAULTS)
    assert answers.values["gpu"] is True and answers.values["tasks"] == 12
    assert "Go on with the questions (2 could still change the answer)" in script.menus[3]
    assert not any("Go on" in line for line in script.menus[-1])


def test_editing_keeps_or_forgets_an_answer():
    answers = Answers(SEED_VALUES)
    assert edited(answers, "cpu_cores", Script("")) == answers
    assert edited(answers, "workload_type", Script("")) == answers
    assert edited(answers, "has_expensive_startup", Script("")) == answers
    forgotten = edited(answers, "cpu_cores", Script("unknown"))
    assert "cpu_cores" not in forgotten.values and forgotten.unknown == {"cpu_cores"}
    assert edited(forgotten, "cpu_cores", Script("")) == forgotten
    assert edited(forgotten, "cpu_cores", Script("4")).values == SEED_VALUES
    assert edited(answers, "has_expensive_startup", Script("UNKNOWN")).unknown == {"has_expensive_startup"}


def test_the_workload_type_cannot_be_forgotten():
    script = Script("")
    edited(Answers(SEED_VALUES), "workload_type", script)
    assert "I don't know" not in script.menus[0]
    with pytest.raises(SelectorError, match="an answer is needed: one of cpu, io, hybrid"):
        parsed("workload_type", "unknown")


def test_ctrl_c_leaves_from_anywhere():
    whole = (*SEED, "gpu", "12", "cpu_cores", "8", "")
    for count in range(len(SEED)):
        with pytest.raises(KeyboardInterrupt):
            converse(Answers(), Script(*whole[:count]), NothingOpen(), DEFAULTS)


@pytest.mark.parametrize("name", list(WorkloadProfile.model_fields))
def test_every_field_can_be_asked_about(name):
    kind = field_kind(name)
    reply = {"flag": "yes", "count": "3", "number": "3.5", "text": "words", "versions": "3.14t"}.get(kind.kind)
    reply = reply or kind.choices[-1]
    value = ask(name, Script(reply), None, (Reply.UNKNOWN,))
    assert getattr(profile_from_mapping({"workload_type": "cpu", name: value}), name) == value


# Words ---------------------------------------------------------------------------------------------------------------


def test_every_field_has_words_and_every_choice_a_meaning():
    assert set(WORDS) == set(WorkloadProfile.model_fields)
    for name, words in WORDS.items():
        assert words.question and len(words.question) <= 54
        if words.choices:
            assert tuple(words.choices) == field_kind(name).choices


@pytest.mark.parametrize("name", [n for n in WORDS if field_kind(n).kind in ("choice", "flag")])
def test_typing_a_choice_or_its_beginning_finds_it_first(name):
    keys = field_kind(name).choices or ("yes", "no")
    script = Script(keys[0])
    ask(name, script, None, (Reply.UNKNOWN, Reply.ENOUGH))
    labels = [label.casefold() for label in script.menus[0]]
    for key, label in zip(keys, labels, strict=False):
        assert next(other for other in labels if key in other) == label


# Answers as values ---------------------------------------------------------------------------------------------------


def test_given_answers_are_checked():
    with pytest.raises(SelectorError, match="tasks is -1"):
        answers_from({"tasks": -1}, "--set")
    with pytest.raises(SelectorError, match="did you mean"):
        answers_from({"task": 1}, "--set")
    with pytest.raises(SelectorError, match="a list"):
        answers_from([1], "answers.json")
    assert answers_from({"interpreters": ["3.13"], "workload_type": None}, "x") == Answers({"interpreters": ("3.13",)})


def test_defaults_fill_what_is_open():
    answers = with_defaults(answers_from({"workload_type": "cpu", "cpu_cores": 9}, "--set"), DEFAULTS)
    assert answers.values == {
        "workload_type": "cpu", "cpu_cores": 9, "memory_budget_mb": 8000.0, "has_expensive_startup": False,
    }  # fmt: skip
    with pytest.raises(SelectorError, match="workload_type is not given"):
        with_defaults(Answers(), DEFAULTS)


def test_the_defaults_of_this_host_are_accepted_answers():
    for name, default in host_defaults().items():
        if default.value is not None:
            assert parsed(name, shown_value(default.value)) == default.value


@pytest.mark.parametrize(
    ("found", "default"), [(23_777, 23_000), (512, 510), (99, 99), (7, 7), (0, None), (1_048_576, 1_000_000)]
)
def test_the_memory_default_is_steady(found, default):
    assert round_down(found) == default


@pytest.mark.parametrize(
    ("value", "text"), [(True, "yes"), (2.0, "2"), (2.5, "2.5"), (("3.13",), "3.13"), ("io", "io")]
)
def test_values_are_shown_as_people_write_them(value, text):
    assert shown_value(value) == text


@pytest.mark.parametrize("name", input_names())
def test_what_is_shown_can_be_typed(name):
    for value in alternatives_of(name):
        assert parsed(name, shown_value(value)) == value
    with pytest.raises(SelectorError, match=r'"\?!" is not accepted') as error:
        parsed(name, "?!")
    assert accepted_words(name) in error.value.message


def test_a_near_word_is_suggested():
    with pytest.raises(SelectorError, match='did you mean "hybrid"'):
        parsed("workload_type", "hybird")


@pytest.mark.parametrize("seed", range(80))
def test_the_command_says_the_same_as_the_answers(seed):
    rng = random.Random(seed)
    values = {n: rng.choice(alternatives_of(n)) for n in input_names() if rng.random() < 0.5}
    values["workload_type"] = rng.choice(["cpu", "io", "hybrid"])
    values["latency_requirement_ms"] = rng.choice([0.1 + 0.2, 1e-7, 1e12, 99.5, 12345678.9])
    if rng.random() < 0.5:
        values |= {"name": rng.choice(["it's $HOME `x`", "-v", 'a "b"', "é ü"]), "current_approach": "threads"}
    profile = WorkloadProfile(**values)
    assert from_command(command_for(profile)) == profile


def from_command(command):
    words = shlex.split(command)
    assert words[:2] == ["concurrency-selector", "recommend"]
    settings = tuple(words[i + 1] for i, word in enumerate(words) if word == "--set")
    return profile_from_mapping(with_settings({}, settings))


def test_the_command_names_rules_and_format_and_leaves_out_what_it_cannot_carry():
    profile = WorkloadProfile(workload_type="io", name="null", description="two\nlines \x1b[31m")
    assert command_for(profile) == "concurrency-selector recommend --set workload_type=io"
    assert command_for(profile, "my rules", "json").endswith(" --rules 'my rules' --format json")


# Saving --------------------------------------------------------------------------------------------------------------

PROFILE = WorkloadProfile(**SEED_VALUES, interpreters=("3.13",), durable=False)


def test_saving_is_offered_and_can_be_declined(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for replies in (("no",), ("",)):
        offer_to_save(PROFILE, Script(*replies))
    assert list(tmp_path.iterdir()) == []


def test_the_saved_file_is_the_profile_with_every_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = Script("yes", "")
    offer_to_save(PROFILE, script)
    saved = (tmp_path / "workload.json").read_bytes()
    assert profile_from_json(saved) == PROFILE
    assert json.loads(saved)["durable"] is False
    assert script.said[-1] == f"Wrote {tmp_path / 'workload.json'}"


def test_a_file_is_replaced_only_on_request(tmp_path):
    taken, free = tmp_path / "taken.json", tmp_path / "free.json"
    taken.write_text("mine")
    offer_to_save(PROFILE, Script("yes", str(taken), "no"))
    assert taken.read_text() == "mine"
    offer_to_save(PROFILE, Script("yes", str(taken), "", str(free)))
    assert taken.read_text() == "mine" and free.read_bytes() == profile_json(PROFILE)
    offer_to_save(PROFILE, Script("yes", str(taken), "yes"))
    assert taken.read_bytes() == profile_json(PROFILE)
    assert {path.name for path in tmp_path.iterdir()} == {"taken.json", "free.json"}


def test_names_that_cannot_be_files_are_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "link").symlink_to("precious")  # neither written through nor replaced
    bad = [
        str(tmp_path / "folder"),
        str(tmp_path / "link"),
        str(tmp_path / "no" / "x.json"),
        "a\x00b",
        "\x1b[2J",
        "~nobody-here/x",
        "x" * 5000,
    ]
    script = Script("yes", *bad, str(tmp_path / "good.json"))
    offer_to_save(PROFILE, script)
    assert len(script.refused) == len(bad)
    assert (tmp_path / "good.json").exists()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_file_that_cannot_be_written_is_asked_for_again(tmp_path, monkeypatch):
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("selector.wizard.save.write_atomically", full)
    script = Script("yes", str(tmp_path / "a.json"))
    with pytest.raises(KeyboardInterrupt):
        offer_to_save(PROFILE, script)
    assert "No space left on device" in script.said[-1]
    assert list(tmp_path.iterdir()) == []


# Questionary on a pretended terminal ---------------------------------------------------------------------------------

MENU = (Option("cpu", "cpu - computes"), Option("io", "io - waits"), Option("hybrid", "hybrid - both"))
DOWN, UP, BACKSPACE = "\x1b[B", "\x1b[A", "\x7f"


@pytest.fixture
def keyboard():
    with create_pipe_input() as keys:
        yield keys


@pytest.fixture
def terminal(keyboard):
    return TerminalPrompts(keys=keyboard, screen=DummyOutput())


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        ("\r", "cpu"),
        (f"{DOWN}\r", "io"),
        (f"{DOWN}{DOWN}\r", "hybrid"),
        (f"{UP}\r", "hybrid"),
        ("io\r", "io"),
        ("hybrid\r", "hybrid"),
        ("HYB\r", "hybrid"),
        (f"iox\r{BACKSPACE}\r", "io"),
        (f"network\r\r{BACKSPACE * 7}io\r", "io"),
        ("jk\r" + BACKSPACE * 2 + "\r", "cpu"),
    ],
)
def test_menus_take_arrows_and_typing_and_never_guess(keyboard, terminal, typed, chosen):
    keyboard.send_text(typed)
    assert terminal.choose("Type", MENU) == chosen


def test_menus_start_at_the_default(keyboard, terminal):
    keyboard.send_text("\r")
    assert terminal.choose("Type", MENU, "hybrid") == "hybrid"


def test_a_bad_line_is_corrected_in_place(keyboard, terminal):
    seen = []

    def problem(text):
        seen.append(text)
        return None if text.isdigit() else "digits please"

    keyboard.send_text(f"12x\r{BACKSPACE}\r")
    assert terminal.type_in("Number", "7", problem) == "12"
    assert seen == ["12x", "12"]


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_and_ctrl_d_leave(keyboard, terminal, key):
    keyboard.send_text(key)
    with pytest.raises(KeyboardInterrupt):
        terminal.choose("Type", MENU)
    keyboard.send_text(key)
    with pytest.raises(KeyboardInterrupt):
        terminal.type_in("Number", "7", lambda _: None)


def test_the_whole_dialogue_by_keyboard(keyboard, terminal):
    keyboard.send_text("hyb\r100\r256\r4\rn\r" + "enough\r" + "\r")
    answers = converse(Answers(), terminal, tables(), DEFAULTS)
    assert answers.values == SEED_VALUES


def test_text_is_broken_between_words_and_made_harmless():
    assert wrapped("\none two three four five six", 22) == "\none two three four\nfive six"
    assert wrapped("red \x1b[31m", 80) == "red \\x1b[31m"


# Plain lines ---------------------------------------------------------------------------------------------------------


def lines(text):
    return LinePrompts(io.BytesIO(text.encode()))


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [("2\n", "io"), ("hybrid\n", "hybrid"), ("IO - waits\n", "io"), ("\n", "cpu"), ("9\n0\nx\n-1\nh\n", "hybrid")],
)
def test_numbered_menus(typed, chosen, capsys):
    assert lines(typed).choose("Type", MENU, "cpu") == chosen
    out, err = capsys.readouterr()
    assert out == "" and "  2) io - waits\n" in err


def test_plain_lines_ask_again(capsys):
    prompts = lines("x\n\n5\n")
    assert prompts.type_in("Number", "", lambda text: None if text.isdigit() else "digits please") == "5"
    assert capsys.readouterr().err == "Number: digits please\nNumber: digits please\nNumber: "


def test_an_ambiguous_or_empty_word_is_asked_again(capsys):
    assert lines("\nI\nio\n").choose("Type", (*MENU, Option("in", "inside"))) == "io"
    assert "is none of them" in capsys.readouterr().err


def test_the_end_of_the_input_leaves():
    with pytest.raises(KeyboardInterrupt):
        lines("").choose("Type", MENU)
    with pytest.raises(KeyboardInterrupt):
        lines("").type_in("Number", "", lambda _: None)


def test_odd_bytes_are_a_bad_answer_not_an_error(capsys):
    assert LinePrompts(io.BytesIO(b"\xff\x00\n2\n")).choose("Type", MENU) == "io"
    assert lines("5\n").type_in("Number\x1b[2J", "", lambda _: None) == "5"
    assert "\x1b" not in capsys.readouterr().err


def test_the_whole_dialogue_by_plain_lines(capsys):
    answers = converse(Answers(), lines("3\nfast\n100\n256\n4\nn\nenough\n\n"), tables(), DEFAULTS)
    assert answers.values == SEED_VALUES
    assert '"fast" is not accepted' in capsys.readouterr().err
