"""Answers as values, in words, and saved."""

from __future__ import annotations

import json
import random
import shlex
from pathlib import Path

import pytest
from partners import DEFAULTS, SEED_VALUES, Script

from selector.errors import SelectorError
from selector.recommend.changes import alternatives_of, input_names
from selector.wizard.answers import (
    Answers,
    accepted_words,
    answers_from,
    command_for,
    host_defaults,
    parsed,
    shown_value,
    with_defaults,
)
from selector.wizard.dialogue import (
    Reply,
    ask,
)
from selector.wizard.save import offer_to_save, profile_json
from selector.wizard.words import WORDS
from selector.workload.fields import field_kind
from selector.workload.profile import WorkloadProfile
from selector.workload.reading import profile_from_json, profile_from_mapping, with_settings

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
        "workload_type": "cpu", "cpu_cores": 9, "has_expensive_startup": False,
    }  # fmt: skip
    with pytest.raises(SelectorError, match="workload_type is not given"):
        with_defaults(Answers(), DEFAULTS)


def test_the_defaults_of_this_host_are_accepted_answers():
    for name, default in host_defaults().items():
        if default.value is not None:
            assert parsed(name, shown_value(default.value)) == default.value


def test_what_nobody_asked_for_is_no_requirement():
    found = with_defaults(Answers({"workload_type": "io"}), host_defaults()).profile()
    assert (found.latency_requirement_ms, found.memory_budget_mb) == (None, None)


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
