"""The summary where people meet it: in a pseudo-terminal it ends the wizard, in a pipe it is all that `recommend` says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pseudo_terminal import CODES, MAY_FORK, REVIEW, SAVE, Terminal, enough, five

pytestmark = MAY_FORK
LABELS = ["Approach", "Python", "Expected", "Fits", "Effort", "Instead", "Not", "Next"]


@pytest.mark.slow
def test_the_wizard_ends_with_the_summary_before_it_offers_to_save(tmp_path: Path) -> None:
    user = Terminal(tmp_path / "work")
    five(user)
    enough(user)
    user.answers(REVIEW, "")
    user.sees("=== Recommendation ===")
    user.sees("=== Alternatives ===")
    user.sees("=== Summary ===")
    user.answers(SAVE, "")
    ended = user.ends()
    told = CODES.sub("", user.shown).replace("\r", "")
    summary = told.partition("=== Summary ===\n")[2].partition("\n\n")[0].splitlines()
    summary = [line for line in summary if re.match(r"[A-Z]\w+: +\S| {10}\S", line)]
    assert [line.partition(":")[0] for line in summary if not line.startswith(" ")] == LABELS
    assert len(summary) <= 10
    assert ended == 0


def test_a_pipe_gets_the_ten_lines_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "selector", "recommend", "--set", "workload_type=io"], cwd=tmp_path, check=True, capture_output=True, text=True
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == LABELS
    assert len(lines) <= 10 and done.stderr == ""
