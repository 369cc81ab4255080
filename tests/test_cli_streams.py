"""`recommend --jsonl`, and what goes to which stream: pipes, readers that have gone, full disks, signals."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, Run, call, in_a_shell, measured, posix_only, refused
from conftest import CACHE_VARIABLE
from shared import pressed_until_it_ends
from strategies import random_profile

from selector import Selector
from selector.cli.shared import report_error
from selector.recommend.recommendation import Recommendation
from selector.workload.profile import WorkloadProfile

ROOT = Path(__file__).resolve().parent.parent


def lines_of(count: int) -> bytes:
    return b'{"workload_type": "io", "tasks": 50}\n' * count


def test_each_line_is_answered_by_a_line_in_order() -> None:
    import random

    rng = random.Random(7)
    data = [random_profile(rng) for _ in range(40)]
    text = "".join(json.dumps(item) + "\n" for item in data).encode()
    result = call("recommend", "--jsonl", stdin=text)
    assert (result.code, result.err) == (0, "")
    selector = Selector()
    for item, line in zip(data, result.out.splitlines(), strict=True):
        profile = WorkloadProfile.model_validate(item)
        assert json.loads(line) == json.loads(selector.recommend(profile, changes="none").model_dump_json())


def test_a_bad_line_is_reported_by_number_and_the_rest_goes_on() -> None:
    good = '{"workload_type": "io"}'
    text = "\n".join(["", good, "{", "   ", '{"workload_type": "oi"}', good, "[]", '{"tasks": NaN}', "\ufeff" + good])
    result = call("recommend", "--jsonl", "-", stdin=text.encode())
    assert result.code == 2
    assert len(result.out.splitlines()) == 3
    numbers = re.findall(r"^error: standard input, line (\d+): ", result.err, re.MULTILINE)
    assert numbers == ["3", "5", "7", "8"]
    assert result.err.endswith(
        "error: lines that could not be used: 4\n  hint: they are named above; the others are done\n"
    )


def test_lines_of_a_file_with_settings_and_changes(tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    file.write_bytes(lines_of(3).rstrip())
    result = call("recommend", "--jsonl", str(file), "--set", "workload_type=cpu", "--explain")
    answers = [Recommendation.model_validate_json(line) for line in result.out.splitlines()]
    assert [answer.profile.workload_type for answer in answers] == ["cpu"] * 3
    assert answers[0].would_change
    refused(call("recommend", "--jsonl", str(file), "--set", "tasks=x"), "many.jsonl, line 3: tasks is")
    assert call("recommend", "--jsonl", stdin=b"") == Run(0, "", "")


@pytest.mark.parametrize("size", [999_999, 1_000_000, 1_000_001, 1_000_002, 1_000_003, 2_000_004, 3_500_000])
def test_an_overlong_line_is_one_bad_line(size: int) -> None:
    line = b'{"workload_type": "io"}'
    long = line + b" " * (size - len(line))
    result = call("recommend", "--jsonl", stdin=b"\n".join([line, long, line, b""]))
    fits = size <= 1_000_000
    assert (result.code, len(result.out.splitlines())) == ((0, 3) if fits else (2, 2))
    assert ("line 2: larger than 1,000,000 bytes" in result.err) == (not fits)
    at_the_end = call("recommend", "--jsonl", stdin=b"\n".join([line, long]))
    assert len(at_the_end.out.splitlines()) == (2 if fits else 1)


@contextlib.contextmanager
def streaming() -> Iterator[subprocess.Popen[bytes]]:
    """`recommend --jsonl` on pipes, ended by its id whatever happens."""
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([*COMMAND, "recommend", "--jsonl"], bufsize=0, env=measured(), **pipes) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def ask(process: subprocess.Popen[bytes], line: bytes) -> Any:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(line)
    answer = b""
    while not answer.endswith(b"\n"):
        part = process.stdout.read(65_536)
        assert part, "the process ended"
        answer += part
    return json.loads(answer)


def test_an_answer_comes_before_the_next_line_is_asked_for() -> None:
    with streaming() as process:
        for kind, approach in (("io", "asyncio"), ("cpu", "multiprocessing"), ("io", "asyncio")):
            line = json.dumps({"workload_type": kind}).encode() + b"\n"
            assert ask(process, line)["approach"] == approach
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, b"", b"")


@posix_only
def test_ctrl_c_ends_it_with_130() -> None:
    with streaming() as process:
        ask(process, lines_of(1))  # it is up and reading
        err = pressed_until_it_ends(process)
        assert process.returncode == 130
        assert err.split() == [b"interrupted"]


PEAK = """
import atexit, re, resource, sys
from selector.cli import main

def peak():  # what Linux has in ru_maxrss begins with the memory of whoever started us
    try:
        with open("/proc/self/status") as stream:
            return int(re.search(r"VmHWM:\\s*(\\d+)", stream.read())[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)

atexit.register(lambda: print(peak(), file=sys.stderr))
main()
"""


@pytest.mark.slow
@posix_only
def test_memory_does_not_grow_with_the_number_or_the_length_of_lines(tmp_path: Path) -> None:
    def peak(file: Path) -> int:
        command = [sys.executable, "-c", PEAK, "recommend", "--jsonl", str(file)]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False, env=measured())
        return int(done.stderr.split()[-1])

    few, many, refused, endless = (tmp_path / name for name in ("few", "many", "refused", "endless"))
    few.write_bytes(lines_of(20))
    many.write_bytes(lines_of(3000))
    for file, size in ((refused, 2_000_000), (endless, 100_000_000)):
        with file.open("wb") as stream:
            stream.truncate(size)
    assert peak(many) < peak(few) + 10_000  # kilobytes
    assert peak(endless) < peak(refused) + 10_000  # both have to say what is wrong


# Streams --------------------------------------------------------------------------------------------------------------

OUTPUTS = {
    "text": ["recommend", "--set", "workload_type=io"],
    "json": ["recommend", "--set", "workload_type=io", "--format", "json"],
    "markdown": ["migrate", "threads", "asyncio", "--format", "markdown"],
    "lines": ["recommend", "--jsonl"],
    "help": ["--help"],
    "an example": ["examples", "web-scraper"],
}
each_output = pytest.mark.parametrize(
    "arguments",
    [pytest.param(words, id=name, marks=[pytest.mark.slow] * (name != "lines")) for name, words in OUTPUTS.items()],
)


@posix_only
@each_output
def test_a_reader_that_has_gone_is_no_error(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, *arguments],
            input=lines_of(5),
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
            env=measured(),
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@posix_only
def test_head_takes_a_line_of_an_endless_answer(tmp_path: Path) -> None:
    many = tmp_path / "many.jsonl"
    many.write_bytes(lines_of(5000))
    command = shlex.join([*COMMAND, "recommend", "--jsonl", str(many)])
    script = f'{command} | head -1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run([shutil.which("bash") or "bash", "-c", script], capture_output=True, timeout=60, check=False)
    answer, code = done.stdout.splitlines()
    assert json.loads(answer)["schema"] == 1
    assert (code, done.stderr) == (b"0", b"")


@posix_only
@each_output
def test_a_closed_standard_output_is_said(arguments: list[str]) -> None:
    done = in_a_shell(">&-", arguments, lines_of(5))
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: standard output is closed\n")


@posix_only
@pytest.mark.parametrize("arguments", [["recommend", "-"], ["recommend", "--jsonl"]], ids=["one", "lines"])
def test_a_closed_standard_input_is_said(arguments: list[str]) -> None:
    done = in_a_shell("<&-", arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: standard input is closed\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@each_output
def test_a_full_disk_is_said(arguments: list[str]) -> None:
    done = in_a_shell(">/dev/full", arguments, lines_of(5))
    assert done.returncode == 1
    assert done.stderr == b"error: the output cannot be written: No space left on device\n"


@posix_only
def test_host_says_that_a_shared_cache_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    tmp_path.chmod(0o777)
    warned = call("host")
    assert (warned.code, warned.out.splitlines()[0]) == (0, "=== This host ===")
    assert warned.err.startswith(f"warning: {tmp_path}: others may write to this folder")
    assert f"hint: chmod go-w {tmp_path}" in warned.err
    tmp_path.chmod(0o700)
    assert (call("host").code, call("host").err) == (0, "")


def test_no_thread_left_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_error(RuntimeError("can't start new thread")) == 1
    assert capsys.readouterr().err.startswith("error: no more threads may be started\n  hint: raise the limit")
    assert report_error(RuntimeError("something else")) == 1
    assert "this should not have happened" in capsys.readouterr().err


def test_ctrl_c_that_a_library_takes_for_an_error_of_its_own_is_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_error(ValueError("Error building the model:\n  KeyboardInterrupt: ")) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_line_of_settings_that_no_shell_decodes_is_refused() -> None:
    if sys.platform != "linux":
        pytest.skip("arguments are bytes on Linux")
    done = subprocess.run(
        [*(part.encode() for part in COMMAND), b"recommend", b"--set", b"workload_type=io", b"--set", b"name=\xff"],
        capture_output=True, timeout=60, check=False, env=measured(),
    )  # fmt: skip
    assert done.returncode == 2
    assert b'name is "\\udcff"' in done.stderr
