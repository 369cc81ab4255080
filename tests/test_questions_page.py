"""The questions of the lessons: each has one command or page, which is there and answers."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest
from command import call
from pages import ROOT, codes, table_rows
from strategies import FIXED_HOST

from selector import pipeline
from selector.benchmark.programs import template_names
from selector.pipeline import example_files

PAGE = ROOT / "docs" / "questions.md"
ROWS = list(table_rows(PAGE.read_text("utf-8")))
ANSWERS = [codes(answer)[0] for _, answer, _ in ROWS if codes(answer)]
READING = sorted({a for a in ANSWERS if re.match(r"concurrency-selector (recommend|rules|migrate|examples)", a)})


def test_every_question_has_one_command_or_page_and_says_what_comes_out() -> None:
    assert len(ROWS) > 40
    for question, answer, outcome in ROWS:
        links = re.findall(r"\]\(([^)]+)\)", answer)
        assert len(codes(answer)) + len(links) == 1, question
        assert question and outcome


@pytest.mark.slow
@pytest.mark.parametrize("command", READING)
def test_a_command_that_only_reads_answers(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "this_host", lambda: FIXED_HOST)
    assert call(*shlex.split(command)[1:]).code == 0


@pytest.mark.slow
def test_the_commands_of_the_todo_program_are_commands_of_it() -> None:
    commands = [answer for answer in ANSWERS if answer.startswith("python todos ")]
    assert len(commands) > 5
    for command in commands:
        words = [str(ROOT / "programs" / "todo_batch"), *shlex.split(command)[2:], "--help"]
        assert subprocess.run([sys.executable, *words], capture_output=True, check=False).returncode == 0, command


def test_what_other_commands_name_is_there() -> None:
    text = PAGE.read_text("utf-8")
    assert set(re.findall(r"--template ([a-z-]+)", text)) <= set(template_names())
    named = {word for _, _, outcome in ROWS for word in codes(outcome) if re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", word)}
    assert named <= set(example_files())
    assert set(re.findall(r"validate ([a-z][a-z-]+)", text)) <= set(example_files())
