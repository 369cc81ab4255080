"""The real wizard in a pseudo-terminal, as a user meets it."""

from __future__ import annotations

import json
import re

import pytest
from command import call
from pseudo_terminal import (
    AGAIN,
    ANSWERED,
    BACKSPACE,
    DOWN,
    MACHINES,
    MAY_FORK,
    REVIEW,
    SAVE,
    Terminal,
    command_of,
    enough,
    five,
    terminal,
)

from selector.wizard.dialogue import MOST_FOLLOW_UPS

__all__ = ["terminal"]  # a fixture
pytestmark = MAY_FORK


@pytest.mark.slow
def test_the_five_answers_give_the_recommendation(terminal):
    user = terminal()
    five(user)
    enough(user)
    user.answers(REVIEW, "")
    user.sees("=== Recommendation ===")
    assert "asyncio + free-threaded Python" in user.sees("=== Alternatives ===")
    user.answers(SAVE, "")
    user.sees(AGAIN)
    assert user.ends() == 0
    assert user.files() == []
    assert "Traceback" not in user.shown


@pytest.mark.slow
def test_the_last_command_gives_the_same(terminal, monkeypatch):
    user = terminal("--format", "json", "--set", "memory_budget_mb=256", *ANSWERED[:2], *ANSWERED[3:])
    user.answers(REVIEW, "")
    shown = user.sees(SAVE)
    user.types("\r")
    assert user.ends() == 0
    words = command_of(user)
    assert words[:2] == ["concurrency-selector", "recommend"] and words[-2:] == ["--format", "json"]
    monkeypatch.chdir(user.folder)
    again = call(*words[1:])
    assert again.json == json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
    assert again.json["profile"]["memory_budget_mb"] == 256


@pytest.mark.slow
def test_a_bad_number_is_asked_again_in_place(terminal):
    user = terminal()
    user.answers("Enter workload type", "io")
    user.answers("Latency requirement (ms)", "fast")
    user.sees('"fast" is not accepted: a number over 0')
    user.types(BACKSPACE * 4 + "-5\r" + BACKSPACE * 2 + "50\r")
    user.sees("Memory budget (mb)")
    user.types("\r")
    user.answers("CPU cores", "2.5")
    user.sees("a whole number from 1")
    user.types("\x15" + "2\r")
    user.answers("Has expensive startup", "")
    enough(user)
    assert "latency requirement ms: 50" in user.sees("has expensive startup: no")
    user.types("\x03")
    assert user.ends() == 130


@pytest.mark.slow
def test_typing_a_word_that_fits_nothing_chooses_nothing(terminal):
    user = terminal()
    user.answers("Enter workload type", "disk")
    user.types("\r\r" + BACKSPACE * 4 + "io\r")
    user.sees("Latency requirement (ms)")
    assert "io - it waits" in user.shown
    user.types("\x03")
    assert user.ends() == 130


@pytest.mark.slow
def test_going_back_through_review_changes_one_answer(terminal):
    user = terminal()
    five(user)
    enough(user)
    user.sees(REVIEW)
    user.sees("cpu cores: 4")
    user.types("cores\r")
    user.answers("CPU cores", "16")
    user.sees(REVIEW)
    user.sees("cpu cores: 16")
    user.types("workload type\r")
    user.sees("Enter workload type")
    user.types("cpu\r")
    enough(user)  # what only matters for this type of workload is asked now
    user.sees(REVIEW)
    user.types("\r")
    user.sees("=== Recommendation ===")
    user.answers(SAVE, "")
    assert user.ends() == 0
    assert {"workload_type=cpu", "cpu_cores=16"} <= set(command_of(user))


@pytest.mark.slow
def test_arrow_keys_choose(terminal):
    user = terminal()
    user.answers("Enter workload type", DOWN)
    user.sees("io - it waits")
    user.answers("Latency requirement (ms)", "")
    user.answers("Memory budget (mb)", "")
    user.answers("CPU cores", "")
    user.answers("Has expensive startup (y/n)", "")
    user.sees("So far: ")
    user.types("\x03")
    assert user.ends() == 130


@pytest.mark.slow
@pytest.mark.parametrize(
    "workload_type", ["hybrid", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("cpu", "io"))]
)
def test_every_question_can_be_skipped(terminal, workload_type):
    user = terminal()
    five(user, workload_type)
    skipped = 0
    while user.child.expect_exact(["This one may lead to", REVIEW]) == 0:
        user.child.expect_exact(["I don't know"])
        user.types("\r")
        skipped += 1
        assert skipped <= MOST_FOLLOW_UPS
    assert skipped >= 5
    user.types("\r")
    user.sees("=== Recommendation ===")
    user.answers(SAVE, "")
    assert user.ends() == 0


@pytest.mark.slow
def test_an_answer_that_is_the_default_is_not_asked_for_again(terminal):
    """Found in use: io, Enter four times, then 1 to "Over how many machines", and so on for ever."""
    user = terminal(term="dumb")
    user.answers("Number or word: ", "io")
    for question in ("Latency requirement", "Memory budget", "CPU cores", "Number or word: "):
        user.answers(question, "")
    asked = []
    while user.child.expect_exact([MACHINES, "[Enter: I don't know]: ", "Number or word: "]) != 2 or not reviewed(user):
        text = user.child.before + user.child.after
        if MACHINES in text:
            asked.append(text)
            user.answers(": ", "1")
        else:
            user.types("\r")
    assert len(asked) == 1
    user.types("\r")
    user.sees("=== Recommendation ===")
    user.answers("Number or word: ", "")
    assert user.ends() == 0


def reviewed(user: Terminal) -> bool:
    """Whether the menu just shown is the review."""
    return REVIEW in user.child.before


@pytest.mark.slow
def test_back_is_a_choice_in_menus_and_a_word_in_lines(terminal):
    user = terminal()
    assert "you can review and change any answer" in " ".join(user.sees("Enter workload type").split())
    user.types("io\r")
    user.answers("Latency requirement (ms)", "20ms")
    user.answers("Memory budget (mb)", "back")
    user.sees("Latency requirement (ms)")
    user.sees("leave it at 20")
    user.types("\r")
    user.answers("Memory budget (mb)", "1GB")
    user.answers("CPU cores", "2")
    user.sees("Has expensive startup (y/n)")
    user.sees("Back")
    user.types("back\r")
    user.answers("CPU cores", "BACK")
    user.answers("Memory budget (mb)", "2 GB")
    user.answers("Has expensive startup (y/n)", "n")
    enough(user)
    user.sees("latency requirement ms: 20")
    user.sees("memory budget mb: 2048")
    user.types("\x03")
    assert user.ends() == 130


@pytest.mark.slow
def test_saving_and_refusing_to_overwrite(terminal):
    user = terminal("--set", "memory_budget_mb=256", *ANSWERED[:2], *ANSWERED[3:])
    user.answers(REVIEW, "")
    user.answers(SAVE, "yes")
    user.answers("File name", "")
    user.sees("Wrote ")
    assert user.ends() == 0
    assert user.files() == ["workload.json"]
    saved = (user.folder / "workload.json").read_text()
    assert json.loads(saved)["memory_budget_mb"] == 256

    user = terminal("--answers", "workload.json", "--set", "cpu_cores=2", "--set", "latency_requirement_ms=null")
    user.sees("cpu cores: 2")
    user.types("\r")
    user.answers(SAVE, "yes")
    user.answers("File name", "workload.json")
    user.sees("workload.json exists. Replace it?")
    user.types("\r")
    user.answers("File name", "other.json")
    user.sees("Wrote ")
    assert user.ends() == 0
    assert (user.folder / "workload.json").read_text() == saved
    assert json.loads((user.folder / "other.json").read_text())["cpu_cores"] == 2
    assert user.files() == ["other.json", "workload.json"]


@pytest.mark.slow
def test_results_can_go_to_a_file_while_questions_stay_on_the_screen(terminal):
    user = terminal(*ANSWERED, shell=" > out.txt")
    user.answers(REVIEW, "")
    user.answers(SAVE, "")
    user.sees(AGAIN)
    assert user.ends() == 0
    out = (user.folder / "out.txt").read_text()
    assert out.startswith("=== Recommendation ===\n") and "\x1b" not in out and "?" not in out.splitlines()[1]


@pytest.mark.slow
def test_no_color_means_no_colour(terminal):
    def colours(user):
        user.sees("Latency requirement (ms)")
        user.types("\x03")
        assert user.ends() == 130
        found = [c for codes in re.findall(r"\x1b\[([0-9;]*)m", user.shown) for c in codes.split(";")]
        return {c for c in found if c in ("38", "48") or (c.isdigit() and 30 <= int(c) <= 37) or c.startswith("9")}

    plain = terminal("--set", "workload_type=io", NO_COLOR="1")
    assert colours(plain) == set()
    assert colours(terminal("--set", "workload_type=io")) != set()


@pytest.mark.slow
def test_a_dumb_terminal_gets_plain_lines(terminal):
    user = terminal(term="dumb")
    user.sees("Enter workload type")
    user.answers("Number or word: ", "disk")
    user.sees('"disk" is none of them')
    user.answers("Number or word: ", "3")
    user.answers("Latency requirement (ms) [Enter: no requirement]: ", "fast")
    user.sees('"fast" is not accepted')
    user.answers("Latency requirement (ms) [Enter: no requirement]: ", "100")
    user.answers("Memory budget (mb)", "256")
    user.answers("CPU cores", "4")
    user.answers("Number or word: ", "n")
    user.sees("This one may lead to")
    user.answers(": ", "enough")
    user.sees(REVIEW)
    user.answers("Number or word: ", "")
    user.sees("=== Recommendation ===")
    user.sees(SAVE)
    user.answers("Number or word: ", "yes")
    user.answers("File name", "")
    user.sees("Wrote ")
    assert user.ends() == 0
    assert "\x1b" not in user.shown
    assert user.files() == ["workload.json"]


def test_no_input_asks_nothing_at_a_terminal(terminal):
    user = terminal("--no-input", "--set", "workload_type=cpu")
    user.sees("=== Recommendation ===")
    user.sees(AGAIN)
    assert user.ends() == 0
    assert "?" not in user.shown.partition("===")[0]


@pytest.mark.slow
def test_a_recommendation_that_nothing_can_change_is_not_followed_by_questions(terminal):
    user = terminal(*ANSWERED)
    before = user.sees(REVIEW)
    assert "This one may lead to" not in before
    user.types("\x03")
    assert user.ends() == 130


MEASURE = "The prediction rests on documented costs"


@pytest.mark.slow
def test_a_prediction_from_documented_costs_comes_with_an_offer_to_measure(terminal):
    user = terminal("--set", "tasks=500", "--set", "cpu_ms_per_task=20", "--set", "io_wait_ms_per_task=0")
    five(user, "cpu")
    enough(user)
    user.answers(REVIEW, "")
    user.sees("=== Recommendation ===")
    user.answers(MEASURE, "")
    user.answers(SAVE, "")
    user.sees(AGAIN)
    assert user.ends() == 0
    assert "measuring Python" not in user.shown


@pytest.mark.slow
def test_where_nothing_is_predicted_there_is_nothing_to_measure_for(terminal):
    user = terminal()
    five(user)
    enough(user)
    user.answers(REVIEW, "")
    assert MEASURE not in user.sees(SAVE)
    user.types("\r")
    assert user.ends() == 0
