"""The wizard in a pipe: five answers, one a line, by the real command."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from command import call, measured

from selector.files import resource_dir

TRANSCRIPT = b"hybrid\n100\n256\n4\nn\n"
PROMPTS = (
    "Enter workload type: hybrid\nLatency requirement (ms): 100\nMemory budget (mb): 256\n"
    "CPU cores: 4\nHas expensive startup (y/n): n\n"
)


class Ended(NamedTuple):
    """What a run came to."""

    returncode: int
    stdout: bytes
    stderr: bytes


@pytest.fixture
def wizard(tmp_path, monkeypatch):
    """The wizard fed with lines, in this process; as a process of its own where it is given its standard input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(lines: bytes, *arguments: str, stdin=None) -> Ended:
        if stdin is None:
            done = call(*arguments, stdin=lines)
            return Ended(done.code, done.out.encode(), done.err.encode())
        command = [sys.executable, "-m", "selector", *arguments]
        fed = subprocess.run(command, stdin=stdin, capture_output=True, timeout=60, check=False, env=measured())
        return Ended(fed.returncode, fed.stdout, fed.stderr)

    return run


def refused(result) -> str:
    """The message of a run that ended in exit code 2, with nothing on standard output and no traceback."""
    error = result.stderr.decode()
    assert result.returncode == 2, error
    assert result.stdout == b""
    assert "Traceback" not in error and "error: " in error and "  hint: " in error
    return error[error.index("error: ") :]


def test_the_transcript_of_the_seed(wizard):
    reading, writing = os.pipe()
    os.write(writing, TRANSCRIPT)
    os.close(writing)
    result = wizard(b"", stdin=reading)
    os.close(reading)
    out, err = result.stdout.decode(), result.stderr.decode()
    assert result.returncode == 0, err
    assert err.startswith(PROMPTS)
    assert out.startswith("=== Recommendation ===\nApproach: ")
    for label in ("Reasoning:", "Expected speedup:", "Memory overhead:", "Migration effort:"):
        assert f"\n{label}" in out
    assert "\n=== Alternatives ===\n1. " in out
    assert "Enter workload type" not in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_the_command_at_the_end_gives_the_same_recommendation(wizard):
    first = wizard(TRANSCRIPT, "--format", "json")
    command = shlex.split(first.stderr.decode().splitlines()[-1])
    assert command[0] == "concurrency-selector"
    assert wizard(b"", *command[1:]).stdout == first.stdout
    assert json.loads(first.stdout)["profile"]["cpu_cores"] == 4


def test_blank_lines_are_defaults_or_unknown(wizard):
    result = wizard(b"io\n\n\n\n\n", "--format", "json")
    answer = json.loads(result.stdout)
    assert set(answer["profile"]) == {"workload_type", "cpu_cores", "platform"}
    assert answer == json.loads(wizard(b"", "--no-input", "--set", "workload_type=io", "--format", "json").stdout)


def test_the_end_says_what_a_prediction_needs(wizard):
    told = "The speedup is predicted where these are given, too: --set tasks=... --set io_wait_ms_per_task=..."
    given = ("--no-input", "--set", "workload_type=io")
    assert told in wizard(b"", *given).stderr.decode()
    assert told in wizard(b"", *given, "--set", "durable=true").stderr.decode()  # an engine is predicted as well
    assert "is predicted where" not in wizard(b"", *given, "--set", "gpu=true").stderr.decode()


@pytest.mark.parametrize(
    "lines",
    [
        b"hybrid\r\n100\r\n256\r\n4\r\nn\r\n",
        b"\xef\xbb\xbfhybrid\n100\n256\n4\nn\n",
        b"hybrid\n100\n256\n4\nn",
        b"  Mixed \n 100.0\n2.56e2\n+4\nNO\n\n   \n\n",
        b"hybrid\n0.1s\n0.25 GB\n4 cores\nn\n",
    ],
)
def test_other_spellings_of_the_same_answers(wizard, lines):
    result = wizard(lines, "--format", "json")
    assert result.returncode == 0, result.stderr.decode()
    profile = json.loads(result.stdout)["profile"]
    assert (profile["workload_type"], profile["latency_requirement_ms"], profile["cpu_cores"]) == ("hybrid", 100, 4)


@pytest.mark.parametrize(
    ("lines", "line", "question", "value", "wanted"),
    [
        (b"disk\n100\n256\n4\nn\n", 1, "Enter workload type", '"disk"', "one of cpu, io, hybrid"),
        (b"\n100\n256\n4\nn\n", 1, "Enter workload type", "", "one of cpu, io, hybrid"),
        (b"hybird\n", 1, "Enter workload type", '"hybird"', 'did you mean "hybrid"'),
        (b"io\nfast\n256\n4\nn\n", 2, "Latency requirement (ms)", '"fast"', "a number over 0"),
        (
            b"io\n20kg\n256\n4\nn\n",
            2,
            "Latency requirement (ms)",
            '"20kg"',
            "a number over 0 to 10^12 (units: ns us ms s min h d)",
        ),
        (b"io\n-1\n256\n4\nn\n", 2, "Latency requirement (ms)", '"-1"', "a number over 0"),
        (b"io\nNaN\n256\n4\nn\n", 2, "Latency requirement (ms)", '"NaN"', "a number over 0"),
        (b"io\n100\n0\n4\nn\n", 3, "Memory budget (mb)", '"0"', "a number over 0"),
        (b"io\n100\n1e999\n4\nn\n", 3, "Memory budget (mb)", '"1e999"', "a number over 0"),
        (b"io\n100\n256\n2.5\nn\n", 4, "CPU cores", '"2.5"', "a whole number from 1"),
        (b"io\n100\n256\n4\nmaybe\n", 5, "Has expensive startup (y/n)", '"maybe"', "y or n"),
        (b"io\n100\n256\n4\ny\n\nx\n", 7, "", '"x"', "only 5 answers are read"),
        (b"h\0y\0\n", 1, "Enter workload type", '"h\\u0000y\\u0000"', "one of cpu, io, hybrid"),
        (b"io\n\x1b[31m100\n", 2, "Latency requirement (ms)", '"\\u001b[31m100"', "a number over 0"),
        ("²\n".encode(), 1, "Enter workload type", '"\\u00b2"', "one of cpu, io, hybrid"),
    ],
)
def test_a_bad_line_names_the_question_the_value_and_what_is_accepted(wizard, lines, line, question, value, wanted):
    error = refused(wizard(lines))
    assert f"standard input, line {line}" in error
    assert question in error and value in error and wanted in error
    assert "\x1b" not in error


@pytest.mark.parametrize("count", range(5))
def test_too_few_lines_name_the_question_without_an_answer(wizard, count):
    error = refused(wizard(b"".join(TRANSCRIPT.splitlines(keepends=True)[:count])))
    missing = PROMPTS.splitlines()[count].rpartition(":")[0]
    assert f"standard input ends before line {count + 1}" in error and missing in error


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (b"hybrid\n\xff\xfe\n", "line 2 (Latency requirement (ms)): not UTF-8 text"),
        ("hybrid\n100\n".encode("utf-16"), "line 1 (Enter workload type): not UTF-8 text"),
        (b"io" * 5000, "line 1 (Enter workload type): longer than 1,000 bytes"),
        (b"\0" * 20_000_000, "line 1 (Enter workload type): longer than 1,000 bytes"),
        (b"io\n" + b"9" * 999 + b"\n", "line 2 (Latency requirement (ms)): "),
        (TRANSCRIPT + b"\n" * 20_000, "line 1005"),
        (TRANSCRIPT + b"x" * 20_000, "line 6: longer than 1,000 bytes"),
    ],
    ids=["bytes", "utf-16", "long", "nul", "digits", "blank lines", "long after"],
)
def test_odd_input_is_an_error_and_never_a_traceback(wizard, lines, said):
    assert said in refused(wizard(lines))


@pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/zero")
def test_endless_input_is_not_read_to_its_end(wizard):
    with Path("/dev/zero").open("rb") as zeros:
        assert "longer than 1,000 bytes" in refused(wizard(b"", stdin=zeros))


def test_standard_input_that_cannot_be_read(wizard, tmp_path):
    write_only = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    try:
        assert "standard input cannot be read" in refused(wizard(b"", stdin=write_only))
    finally:
        os.close(write_only)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_closed_standard_input():
    command = f"{shlex.quote(sys.executable)} -m selector <&-"
    result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=60, check=False, env=measured())
    assert "standard input ends before line 1" in refused(result)


# Flags ---------------------------------------------------------------------------------------------------------------


def test_what_is_set_is_not_asked(wizard, tmp_path):
    (tmp_path / "answers.json").write_text('{"workload_type": "io", "cpu_cores": 2, "tasks": 500, "gpu": null}')
    result = wizard(
        b"250\n\ny\n", "--answers", "answers.json", "--set", "workload_type=hybrid", "--set", "cpu_cores=8",
        "--format", "json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr.decode()
    prompts = [line.partition(":")[0] for line in result.stderr.decode().splitlines()]
    assert prompts[:3] == ["Latency requirement (ms)", "Memory budget (mb)", "Has expensive startup (y/n)"]
    profile = json.loads(result.stdout)["profile"]
    assert profile["workload_type"] == "hybrid" and profile["cpu_cores"] == 8 and profile["tasks"] == 500
    assert profile["latency_requirement_ms"] == 250 and profile["has_expensive_startup"] is True


def test_nothing_is_read_when_nothing_is_asked(wizard):
    reading, writing = os.pipe()  # nobody ever writes: reading from it would wait for ever
    try:
        five = [f"--set={s}" for s in ("workload_type=io", "latency_requirement_ms=null", "memory_budget_mb=1e3",
                                       "cpu_cores=2", "has_expensive_startup=n")]  # fmt: skip
        assert wizard(b"", *five, stdin=reading).returncode == 0
        assert wizard(b"", "--no-input", "--set", "workload_type=io", stdin=reading).returncode == 0
    finally:
        os.close(reading)
        os.close(writing)


def test_no_input_needs_the_workload_type(wizard):
    assert "workload_type is not given and has no default" in refused(wizard(b"io\n", "--no-input"))


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_every_format_keeps_standard_output_clean(wizard, form):
    result = wizard(TRANSCRIPT, "--format", form)
    out = result.stdout.decode()
    assert out.startswith({"text": "=== Recommendation", "json": "{", "markdown": "## Recommendation"}[form])
    assert "without questions" not in out and "without questions" in result.stderr.decode()


def test_own_rules_are_used_and_named_in_the_command(wizard, tmp_path):
    (tmp_path / "my rules").mkdir()
    shutil.copy(resource_dir("rules") / "engine.yaml", tmp_path / "my rules")
    result = wizard(TRANSCRIPT, "--rules", "my rules")
    assert result.stderr.decode().splitlines()[-1].endswith("--rules 'my rules'")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "tasks"), "write KEY=VALUE"),
        (("--set", "task=3"), "did you mean"),
        (("--set", "tasks=none"), "tasks is"),
        (("--answers", "missing.json"), "missing.json: cannot be read"),
        (("--answers", "list.json"), "a workload is a JSON object, not a list"),
        (("--answers", "broken.json"), "not valid JSON"),
        (("--set", "tasks=3", "host"), "only --rules and --debug go before host"),
        (("--no-input", "host"), "only --rules and --debug go before host"),
    ],
)
def test_bad_flags(wizard, tmp_path, arguments, said):
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "broken.json").write_text("{")
    result = wizard(TRANSCRIPT, *arguments)
    assert result.returncode == 2 and result.stdout == b""
    assert said in result.stderr.decode() and b"Traceback" not in result.stderr
