"""The command line for tests: in this process where that is enough, as a process of its own where it must be."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import click
import pytest
from conftest import COVERAGE

from selector.cli import cli, main

COMMAND = [sys.executable, "-m", "selector"]
COMPLETE = "_CONCURRENCY_SELECTOR_COMPLETE"  # the variable by which a shell asks for completions
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="pipes and signals of POSIX")


@dataclass(frozen=True)
class Run:
    """What a run of the command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def call(*arguments: str, stdin: bytes = b"") -> Run:
    """Run the command within this process: same function, same streams, no start."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    source = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    with mock.patch.object(sys, "stdin", source), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        sys.stdout.flush()
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]  # type: ignore[attr-defined]
    assert "Traceback" not in texts[1]
    assert isinstance(ended.value.code, int)
    return Run(ended.value.code, *texts)


def parsed(words: Sequence[str]) -> click.Command:
    """The command that words of a command line mean, whose options and arguments they are; nothing is run."""
    command, context, rest = cli, click.Context(cli, **cli.context_settings), list(words)
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    assert not command.make_parser(context).parse_args(rest)[1], "words that are left over"
    return command


def measured(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for a command whose coverage counts, where `make coverage` runs us."""
    return {**environment, **COVERAGE}


def run(*arguments: str, stdin: bytes = b"", **options: Any) -> Run:
    """Run the command as a process of its own."""
    options["env"] = measured(options.get("env", os.environ))
    done = subprocess.run([*COMMAND, *arguments], input=stdin, capture_output=True, timeout=120, check=False, **options)
    assert b"Traceback" not in done.stderr
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def in_a_shell(redirection: str, arguments: Sequence[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command with a stream redirected as a shell does."""
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *COMMAND, *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False, env=measured())


def refused(result: Run, *words: str, code: int = 2) -> None:
    """It failed as it should: nothing on standard output, these words on standard error."""
    assert (result.code, result.out) == (code, "")
    for word in words:
        assert word in result.err
