"""A user at the keyboard of a pseudo-terminal of 80 by 24, and what such users do again and again."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest
from conftest import COVERAGE

pexpect = pytest.importorskip("pexpect", reason="pseudo-terminals need POSIX", exc_type=ImportError)
if sys.platform == "win32":
    pytest.skip("pseudo-terminals need POSIX", allow_module_level=True)

#: pytest-xdist's workers have threads, and Python 3.12 and later warn about forking them; the child calls exec at once.
MAY_FORK = pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning")
DOWN, BACKSPACE = "\x1b[B", "\x7f"
MACHINES = "Over how many machines"
REVIEW, SAVE, AGAIN = "Pick one to change it", "Save the answers", "same again without questions:"
#: Nothing is left to ask: the review is the first that is seen.
ANSWERED = tuple(f"--set={setting}" for setting in (
    "workload_type=cpu", "latency_requirement_ms=null", "memory_budget_mb=null", "cpu_cores=4", "has_expensive_startup=n",
    "durable=true", "machines=3", "isolation=none", "platform=linux",
))  # fmt: skip
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A user at the keyboard: types, and waits for what must appear."""

    def __init__(self, folder: Path, *arguments: str, term="xterm-256color", shell="", **more: str):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
        environment |= {"TERM": term, **COVERAGE, **more}
        command = shlex.join([sys.executable, "-m", "selector", *arguments]) + shell
        self.child = pexpect.spawn(
            "/bin/sh", ["-c", command], cwd=folder, env=environment, dimensions=(24, 80), timeout=30, encoding="utf-8"
        )
        self.child.delaybeforesend = None  # what is typed is read when the prompt is there: no need to wait for it
        self.shown = ""

    def sees(self, text: str) -> str:
        """Wait until the text has appeared; returns what came before it, without colours."""
        self.child.expect_exact(text)
        self.shown += self.child.before + text
        return CODES.sub("", self.child.before)

    def types(self, text: str) -> None:
        self.child.send(text)

    def answers(self, question: str, text: str) -> None:
        """Wait for a question, and answer it with Enter."""
        self.sees(question)
        self.types(f"{text}\r")

    def ends(self) -> int:
        """The exit status, once it has ended."""
        self.child.expect(pexpect.EOF)
        self.shown += self.child.before
        self.child.close()
        return self.child.exitstatus if self.child.exitstatus is not None else 128 + self.child.signalstatus

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def start(*arguments: str, **more) -> Terminal:
        opened.append(Terminal(tmp_path / "here", *arguments, **more))
        return opened[-1]

    yield start
    for one in opened:
        one.child.close(force=True)


def five(user: Terminal, workload_type="hyb") -> None:
    """The answers of the seed."""
    user.answers("Enter workload type", workload_type)
    user.answers("Latency requirement (ms)", "100")
    user.answers("Memory budget (mb)", "256")
    user.answers("CPU cores", "4")
    user.answers("Has expensive startup (y/n)", "n")


def enough(user: Terminal) -> None:
    """Stop the questions at the next one: the word does it in a line, and finds its option in a menu."""
    user.sees("This one may lead to")
    user.sees("? ")
    user.types("enough\r")


def command_of(user: Terminal) -> list[str]:
    return shlex.split(CODES.sub("", user.shown).rpartition(AGAIN)[2].replace("\r\n", " "))
