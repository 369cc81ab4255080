"""The adapters that ask: questionary on a pretended terminal, and plain lines."""

from __future__ import annotations

import io

import pytest
from partners import DEFAULTS, SEED_VALUES, tables
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from selector.wizard.answers import (
    Answers,
)
from selector.wizard.dialogue import (
    Option,
    converse,
)
from selector.wizard.lines import LinePrompts
from selector.wizard.terminal import TerminalPrompts, wrapped

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


@pytest.mark.slow
def test_the_whole_dialogue_by_plain_lines(capsys):
    answers = converse(Answers(), lines("3\nfast\n100\n256\n4\nn\nenough\n\n"), tables(), DEFAULTS)
    assert answers.values == SEED_VALUES
    assert '"fast" is not accepted' in capsys.readouterr().err
