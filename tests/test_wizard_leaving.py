"""Leaving the real wizard in a pseudo-terminal, anywhere: exit code 130, and nothing is written."""

from __future__ import annotations

import os
import signal

import pytest
from pseudo_terminal import (
    ANSWERED,
    MAY_FORK,
    REVIEW,
    SAVE,
    terminal,
)

__all__ = ["terminal"]  # a fixture
pytestmark = MAY_FORK


QUICK = ("line", "ctrl-c")
PLACES = ["menu", "line", "follow-up", "review", "save", "file name", "overwrite"]


@pytest.mark.parametrize(
    ("place", "key"),
    [
        pytest.param(place, key, id=f"{place}-{name}", marks=[pytest.mark.slow] * ((place, name) != QUICK))
        for place in PLACES
        for key, name in (("\x03", "ctrl-c"), ("\x04", "ctrl-d"))
    ],
)
def test_leaving_is_130_and_writes_nothing(terminal, place, key):
    user = terminal(*(() if place in ("menu", "line", "follow-up") else ANSWERED))
    (user.folder / "workload.json").write_text("mine")
    if place in ("menu", "line", "follow-up"):
        user.sees("Enter workload type")
    if place in ("line", "follow-up"):
        user.types("io\r")
        user.sees("Latency requirement (ms)")
    if place == "follow-up":
        user.types("100\r")
        user.answers("Memory budget (mb)", "")
        user.answers("CPU cores", "4")
        user.answers("Has expensive startup (y/n)", "n")
        user.sees("This one may lead to")
        user.sees("? ")
    if place in ("review", "save", "file name", "overwrite"):
        user.sees(REVIEW)
    if place in ("save", "file name", "overwrite"):
        user.types("\r")
        user.sees(SAVE)
    if place in ("file name", "overwrite"):
        user.types("yes\r")
        user.sees("File name")
    if place == "overwrite":
        user.types("\r")
        user.sees("Replace it?")
    user.types(key)
    user.sees("interrupted")
    assert user.ends() == 130
    assert user.files() == ["workload.json"]
    assert (user.folder / "workload.json").read_text() == "mine"
    assert "Traceback" not in user.shown


@pytest.mark.parametrize(
    "place", ["Enter workload type", pytest.param("Latency requirement (ms)", marks=pytest.mark.slow)]
)
def test_a_signal_from_outside_leaves_too(terminal, place):
    user = terminal()
    user.sees("Enter workload type")
    if place != "Enter workload type":
        user.types("io\r")
        user.sees(place)
    os.killpg(os.getpgid(user.child.pid), signal.SIGINT)
    user.sees("interrupted")
    assert user.ends() == 130


@pytest.mark.parametrize("key", ["\x03", pytest.param("\x04", marks=pytest.mark.slow)], ids=["ctrl-c", "ctrl-d"])
def test_a_dumb_terminal_can_be_left_too(terminal, key):
    user = terminal(term="dumb")
    user.sees("Number or word: ")
    user.types(key)
    user.sees("interrupted")
    assert user.ends() == 130
