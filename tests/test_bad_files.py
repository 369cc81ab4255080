"""Files that no command may read: devices, pipes, folders, gigabytes; and the memory it takes to refuse them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import COMMAND, Run, call, measured, posix_only
from shared import pressed_until_it_ends
from spoilt import TABLES

# The command ------------------------------------------------------------------------------------------------------------


def refused(*arguments: str | Path, words: tuple[str, ...] = ()) -> str:
    """The command ends with exit code 2, and prints nothing but one message with these words on standard error."""
    return polite_end(call(*map(str, arguments)), words)


def refused_in_little_memory(*arguments: str | Path, words: tuple[str, ...] = ()) -> str:
    """The same of a process of its own, which has 2 GB."""
    command = [*COMMAND, *map(str, arguments)]
    if sys.platform == "linux":
        command = ["sh", "-c", 'ulimit -v 2000000; exec "$@"', "sh", *command]  # kilobytes
    done = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
    return polite_end(Run(done.returncode, done.stdout.decode(), done.stderr.decode()), words)


def polite_end(run: Run, words: tuple[str, ...]) -> str:
    assert (run.code, run.out) == (2, ""), run.err
    assert "Traceback" not in run.err
    assert run.err.replace("\n", "").isprintable()
    for word in words:
        assert word in run.err
    return run.err


def file_cases() -> Iterator[tuple[bytes, str]]:
    """Files, and the place or the field that the message must name."""
    good = b'{"workload_type": "io", "tasks": 50, "name": "x"}'
    yield b"", "line 1, column 1"
    yield good[:-1], "line 1, column 49"
    yield b"\n\n" + good[:20], "line 3, column"
    yield good + good, "line 1, column 50: Extra data"
    yield good.decode().encode("utf-16"), "not UTF-8 text (byte 0)"
    yield good.replace(b"x", b"\xff"), "not UTF-8 text (byte 46)"
    yield bytes(range(256)), "not UTF-8 text"
    yield b"[" * 500_000, "nested too deeply"
    yield b'{"a":' * 190_000, "nested too deeply"
    yield good.replace(b"50", b"9" * 5000), "tasks is 9999"
    yield good.replace(b"50", b"1e999"), "tasks is Infinity"
    yield good.replace(b"50", b"NaN"), "tasks is NaN"
    yield good.replace(b"50", b"-5"), "tasks is -5"
    yield good.replace(b"50", b'"50"'), 'tasks is "50"'
    yield good.replace(b"tasks", b"task"), '"task" (did you mean "tasks"?)'
    yield good.replace(b"tasks", b"name"), 'the key "name" appears twice'
    yield good.replace(b"io", b"oi"), 'workload_type is "oi"'
    yield good.replace(b'"x"', b'"' + b"x" * 100_000 + b'"'), 'name is "xxx'
    yield good.replace(b'"x"', b'"\\ud800"'), 'name is "\\ud800"'
    yield b"null", "not null"


def table_cases() -> Iterator[tuple[bytes, str]]:
    """Tables, and the place that the message must name."""
    good = TABLES["every form"]
    yield b"", ":1:1: a table must be a mapping"
    yield b"\t", ":1:1: not valid YAML"
    yield b"\xff\xfe", ": not UTF-8 text (byte 0)"
    yield b"a: &a [*a, *a]", "has no finished anchor"
    yield (
        b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n"
        + b"".join(b"k%d: &k%d [*k%d,*k%d]\n" % (n, n, n - 1, n - 1) if n else b"k0: &k0 [*c,*c]\n" for n in range(40)),
        "values",
    )
    yield good.replace(b"hit_policy: collect", b"hit_policy: collects"), ":3:13: hit_policy is"
    yield good.replace(b"'true, null'", b"> 5"), ":"
    yield good.replace(b"not(3)", b"not(3"), ":17:53: rule two, input number: cell"
    yield good.replace(b"word: {type: string", b"word: {type: strin"), ":6:16: input word: type is"
    yield b"{" * 5000, ":1:"
    yield b"!!python/object/apply:os.system ['echo hacked']", ":1:1: the tag"
    yield b"table: x\n---\ntable: y\n", ":2:1: a second document"


def test_the_process_refuses_what_would_take_much_memory(tmp_path: Path) -> None:
    (tmp_path / "work.json").write_bytes(b'{"a":' * 190_000)
    refused_in_little_memory("recommend", tmp_path / "work.json", words=("nested too deeply",))
    text = next(text for text, place in table_cases() if place == "values")
    (tmp_path / "engine.yaml").write_bytes(text)
    refused_in_little_memory("rules", "check", tmp_path / "engine.yaml", words=("values",))


@pytest.mark.parametrize(("text", "place"), list(file_cases()), ids=[place for _, place in file_cases()])
def test_the_command_refuses_a_bad_file(text: bytes, place: str, tmp_path: Path) -> None:
    file = tmp_path / "work.json"
    file.write_bytes(text)
    assert refused("recommend", file, words=(place,)).startswith(f"error: {file}: ")


@pytest.mark.parametrize(("text", "place"), list(table_cases()), ids=[place for _, place in table_cases()])
def test_the_command_refuses_a_bad_table(text: bytes, place: str, tmp_path: Path) -> None:
    file = tmp_path / "engine.yaml"
    file.write_bytes(text)
    assert refused("rules", "check", file, words=(place,)).startswith(f"error: {file}:")


@pytest.mark.parametrize("arguments", [("recommend",), ("recommend", "--jsonl"), ("rules", "check")], ids=" ".join)
def test_a_file_of_100_mb_is_refused_without_being_read(arguments: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(100_000_000)
    refused(*arguments, file, words=(f"{file}", "larger than 1,000,000 bytes"))


@posix_only
@pytest.mark.parametrize(
    "arguments",
    [
        ("recommend",),
        *(pytest.param(words, marks=pytest.mark.slow) for words in (("recommend", "--jsonl"), ("rules", "check"))),
    ],
    ids=" ".join,
)
def test_a_device_without_an_end_is_refused(arguments: tuple[str, ...]) -> None:
    refused_in_little_memory(*arguments, "/dev/zero", words=("/dev/zero",))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file that opens and cannot be read")
@pytest.mark.parametrize("arguments", [("recommend",), ("recommend", "--jsonl"), ("rules", "check")], ids=" ".join)
def test_a_file_that_fails_while_it_is_read_is_refused(arguments: tuple[str, ...]) -> None:
    refused(*arguments, "/proc/self/mem", words=("/proc/self/mem: cannot be read: Input/output error",))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("recommend",), ("cannot be read",)),
        (("recommend", "--jsonl"), ("cannot be read",)),
        (("rules", "check"), ("a folder, not a table", "--rules FOLDER")),
    ],
    ids=["recommend", "jsonl", "check"],
)
def test_a_folder_is_refused(arguments: tuple[str, ...], words: tuple[str, ...], tmp_path: Path) -> None:
    refused(*arguments, tmp_path, words=(f"{tmp_path}", *words))


@posix_only
def test_a_large_table_in_the_users_folder_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "engine.yaml").open("wb") as stream:
        stream.truncate(100_000_000)
    refused("recommend", "--set", "workload_type=io", "--rules", tmp_path, words=("engine.yaml: larger than",))


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def write_into(pipe: Path, chunks: Iterator[bytes]) -> threading.Thread:
    """Writes until the reader has gone."""

    def write() -> None:
        with pipe.open("wb", buffering=0) as stream:
            try:
                for chunk in chunks:
                    stream.write(chunk)
            except BrokenPipeError:
                return

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


@posix_only
def test_a_pipe_is_read_like_a_file(pipe: Path) -> None:
    writer = write_into(pipe, iter([b'{"workload_type"', b': "io"}']))
    done = subprocess.run([*COMMAND, "recommend", pipe], capture_output=True, timeout=60, check=False, env=measured())
    writer.join(60)
    assert (done.returncode, done.stderr) == (0, b"")


@posix_only
def test_a_pipe_without_an_end_is_refused(pipe: Path) -> None:
    writer = write_into(pipe, iter(lambda: b" " * 65_536, b""))
    refused_in_little_memory("recommend", pipe, words=("larger than 1,000,000 bytes",))
    writer.join(60)
    assert not writer.is_alive()


@posix_only
def test_waiting_for_a_pipe_that_nobody_writes_into_ends_with_ctrl_c(pipe: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "recommend", pipe], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=measured()
    ) as process:
        try:
            writing = None
            while writing is None and process.poll() is None:
                try:  # this fails until somebody has the pipe open for reading
                    writing = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
                except OSError:
                    time.sleep(0.02)
            assert writing is not None
            err = pressed_until_it_ends(process)
            os.close(writing)
        finally:
            if process.poll() is None:
                process.kill()
    assert (process.returncode, err.split()) == (130, [b"interrupted"])
