"""Bad input: more than ten thousand spoilt workloads and tables give a polite error or an answer, nothing else.

In process through the functions the command uses, and some through the command. Every spoilt text comes from a seed, so
that a failure can be made again; most of the seeds are for `make test-all`.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import COMMAND, Run, call, posix_only
from shared import pressed_until_it_ends
from strategies import FIELDS, FIXED_HOST, random_profile

from selector import Selector
from selector.approaches import load_approaches, load_costs
from selector.decision import DecisionTable, load_table
from selector.decision.proofs.examples import run_examples
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.migration.guide import migration_guide
from selector.text import printable
from selector.workload.fields import accepted, field_kind
from selector.workload.reading import decode_json, profile_from_mapping

RULES = resource_dir("rules")

WEIRD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**12, 10**12 + 1, 10**18, 10**400, -(10**400), 0.0, -0.0, 0.5, 5e-324,
    1e308, math.inf, -math.inf, math.nan, "", " ", "0", "1", "-", "null", "true", "NaN", "1e999", "x" * 300, "\x00",
    "\ud800", "\u202e", "🙂", "=cmd()", "${x}", "{{x}}", "%s%n", "../../etc/passwd", "'; --", [], [[]], [None],
    [1, "a", {}], {}, {"a": 1}, {"workload_type": "io"}, [[[[[[[[[[]]]]]]]]]],
)  # fmt: skip
SCRAPS = (
    b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\", b'"', b"'", b"{", b"}", b"[", b"]", b":", b",", b"-", b"#",
    b"&a", b"*a", b"!!python/object:os.system", b"!", b"|", b">", b"%", b"@", b"`", b"\t", b"\r", b"\n", b"\n\n", b"---\n", b"...\n",
    b"? ", b"<<: ", b"~", b"1e999", b"-1e999", b"9" * 400, b"0x1F", b"1_000", b"NaN", b"Infinity", b".nan", b".inf", b"null", b"true",
    b"yes", b"\\ud800", b"\\u0000", b"/*", b"//", b"[" * 2000, b'{"a":' * 2000, b"- " * 300, b"\xe2\x80\xae", b"\xe2\x80\xa8",
    b">= 5", b"[1..", b"not(", b'"a","b', b"..", b"<>", b"==", b"(" * 100,
)  # fmt: skip


_ENCODINGS = ("utf-16", "utf-32", "utf-16-be", "latin-1", "cp037")


def spoilt(rng: random.Random, text: bytes) -> bytes:
    """The text with one to three accidents."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        place = rng.randrange(len(text) + 1)
        end = min(len(text), place + rng.choice((1, 2, 5, 30)))
        match rng.randrange(9):
            case 0:
                text = text[:place]
            case 1:
                text = text[:place] + text[end:]
            case 2 | 3:
                text = text[:place] + rng.choice(SCRAPS) + text[place:]
            case 4:
                text = text[:place] + rng.choice(SCRAPS) + text[end:]
            case 5:
                text = text[:place] + rng.randbytes(rng.choice((1, 4, 50))) + text[end:]
            case 6:
                text = text[:place] + text[place:end] * rng.choice((2, 50)) + text[end:]
            case 7:
                text = text.decode("utf-8", "replace").encode(rng.choice(_ENCODINGS), "replace")
            case 8:
                text = b"".join(rng.sample(text.splitlines(keepends=True), text.count(b"\n"))) or text[::-1]
    return text


def seeds(first: int, last: int, quick: int) -> list[Any]:
    """Seeds from the first to the one before the last, all but a few of them for `make test-all`."""
    return [pytest.param(n, marks=() if n < first + quick else pytest.mark.slow) for n in range(first, last)]


def outcome(make: Callable[[], object]) -> SelectorError | None:
    """None where it succeeds, else the polite error; any other exception fails the test."""
    try:
        make()
    except SelectorError as error:
        return error
    return None


def polite(error: SelectorError) -> bool:
    """For the user's eyes: exit code 2, a message and a hint of a readable length, as the command prints them."""
    shown = printable(f"{error.message}{error.hint}")
    return error.exit_code == 2 and 0 < len(shown) < 3000


# Workloads ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def selector() -> Selector:
    return Selector(host=FIXED_HOST)


def answer(selector: Selector, text: bytes) -> str:
    """What `recommend` does with the bytes of a file."""
    return selector.recommend_json(profile_from_mapping(decode_json(text, "work.json"), "work.json"))


PLACE_IN_JSON = re.compile(
    r"not valid JSON at line \d+, column \d+: |not UTF-8 text \(byte \d+\)|nested too deeply|larger than|"
    r"unknown field |the key .* appears twice|a workload is a JSON object, not |"
    rf"\b({'|'.join(FIELDS)}) is "
)


@pytest.mark.parametrize("seed", seeds(0, 10, 2))
def test_spoilt_json_gives_an_answer_or_names_the_place(seed: int, selector: Selector) -> None:
    rng = random.Random(seed)
    refused = 0
    for _ in range(500):
        good = json.dumps(random_profile(rng), indent=rng.choice((None, 2)), ensure_ascii=rng.random() < 0.5).encode()
        text = spoilt(rng, good)
        if error := outcome(lambda text=text: answer(selector, text)):  # type: ignore[misc]
            refused += 1
            assert polite(error), text
            assert error.message.startswith("work.json: "), text
            assert PLACE_IN_JSON.search(error.message), (error.message, text)
            assert error.hint, text
    assert refused > 300  # or the accidents are too mild


@pytest.mark.parametrize("seed", seeds(10, 15, 1))
def test_a_spoilt_value_gives_an_answer_or_names_the_field(seed: int, selector: Selector) -> None:
    rng = random.Random(seed)
    refused = 0
    for _ in range(500):
        field, value = rng.choice(FIELDS), rng.choice(WEIRD)
        data = {**random_profile(rng), field: value}
        text = json.dumps(data).encode()
        if error := outcome(lambda text=text: answer(selector, text)):  # type: ignore[misc]
            refused += 1
            assert polite(error), text
            words = f"{field} is missing" if value is None else f"{field} is "
            assert words in error.message, (error.message, text)
            assert accepted(field) in error.message
    assert refused > 300


@pytest.mark.parametrize("seed", seeds(15, 17, 1))
def test_spoilt_names_of_fields_are_named(seed: int, selector: Selector) -> None:
    rng = random.Random(seed)
    for _ in range(250):
        data = random_profile(rng)
        name = rng.choice(list(data))
        wrong = spoilt(rng, name.encode()).decode("utf-8", "replace")
        data = {(wrong if key == name else key): value for key, value in data.items()}
        text = json.dumps(data).encode()
        error = outcome(lambda text=text: answer(selector, text))  # type: ignore[misc]
        if wrong not in FIELDS:
            assert error is not None and polite(error), text
            assert "unknown field " in error.message


def test_every_field_refuses_every_kind_of_value_but_its_own(selector: Selector) -> None:
    samples = {"flag": True, "count": 5, "number": 5.5, "text": "some text", "versions": ["3.14"], "none": {}}
    fitting = {"choice": set(), "number": {"number", "count"}}
    for field in FIELDS:
        kind = field_kind(field).kind
        for name, value in samples.items():
            data = {"workload_type": "io", field: value}
            error = outcome(lambda data=data: answer(selector, json.dumps(data).encode()))  # type: ignore[misc]
            assert (error is None) == (name in fitting.get(kind, {kind})), (field, value)


# Tables ---------------------------------------------------------------------------------------------------------------

TABLES = {name: (RULES / f"{name}.yaml").read_bytes() for name in ("engine", "sizing", "speedup_bands")}
TABLES["every form"] = b"""\
table: forms
title: "Every form a cell can have"
hit_policy: collect
aggregate: null
inputs:
  word: {type: string, values: [a, b, "c d"]}
  number: {type: number, values: '[0..100]'}
  flag: {type: boolean, optional: true}
outputs:
  out: {type: string, values: [x, y]}
  size: {type: number}
rules:
  - id: one
    when: {word: '"a","b"', number: '[1..5), > 10', flag: 'true, null'}
    then: {out: x, size: 1}
    because: Some sentence.
  - {id: two, when: {word: [a, "c d"], number: not(3), flag: "-"}, then: {out: y, size: 2.5}}
  - {when: {number: ']5..10['}, then: {out: y, size: -3e2}}
default: [{out: x, size: 0}]
examples:
  - given: {word: a, number: 2}
    expect: [{out: x, size: 1}, {out: y, size: 2.5}]
"""


def decide_with(table: DecisionTable, rng: random.Random) -> None:
    """Its own examples, and a decision on odd inputs: an answer or a polite error."""
    run_examples(table)
    for _ in range(3):
        given = {column.name: rng.choice(WEIRD) for column in table.inputs}
        error = outcome(lambda given=given: table.decide(given, trace=True))  # type: ignore[misc]
        assert error is None or polite(error)


@pytest.mark.parametrize("seed", seeds(20, 28, 1))
def test_a_spoilt_table_is_read_or_refused_with_its_place(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    file = tmp_path / "table.yaml"
    place = re.compile(rf"{re.escape(str(file))}(:\d+:\d+: |: not UTF-8 text \(byte \d+\)|: larger than )")
    refused = 0
    for _ in range(250):
        text = spoilt(rng, rng.choice(list(TABLES.values())))
        file.write_bytes(text)
        tables: list[DecisionTable] = []
        if error := outcome(lambda: tables.append(load_table(file))):  # noqa: B023
            refused += 1
            assert polite(error), text
            assert place.match(error.message), (error.message, text)
        else:
            decide_with(tables[0], rng)
    assert refused > 150


def spoilt_data(rng: random.Random, value: Any) -> Any:
    """YAML data with one of its values replaced by something else, or one of its keys renamed."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.15:
            return {(f"{k}s" if k == key else k): v for k, v in value.items()}
        return {k: (spoilt_data(rng, v) if k == key else v) for k, v in value.items()}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        return [*value[:place], spoilt_data(rng, value[place]), *value[place + 1 :]]
    return rng.choice([w for w in WEIRD if w != "\ud800"])


@pytest.mark.parametrize("seed", seeds(30, 33, 1))
def test_a_table_with_a_wrong_value_is_read_or_refused_with_its_place(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    file = tmp_path / "table.yaml"
    for _ in range(100):
        data = spoilt_data(rng, yaml.load(rng.choice(list(TABLES.values())), yaml.CSafeLoader))
        file.write_text(yaml.dump(data, Dumper=yaml.CSafeDumper, allow_unicode=True), "utf-8")
        tables: list[DecisionTable] = []
        if error := outcome(lambda: tables.append(load_table(file))):  # noqa: B023
            assert polite(error), data
            assert re.match(rf"{re.escape(str(file))}:\d+:\d+: ", error.message), error.message
        else:
            decide_with(tables[0], rng)


@pytest.mark.parametrize("name", ["approaches", "costs"])
def test_a_spoilt_catalogue_is_read_or_refused_with_its_file(name: str, tmp_path: Path) -> None:
    rng = random.Random(name)
    load: Callable[[Path], object] = {"approaches": load_approaches, "costs": load_costs}[name]
    file = tmp_path / f"{name}.yaml"
    good = (RULES / file.name).read_bytes()
    data = yaml.safe_load(good)
    for number in range(60):
        if number % 2:
            file.write_bytes(spoilt(rng, good))
        else:
            file.write_text(yaml.safe_dump(spoilt_data(rng, data), allow_unicode=True), "utf-8")
        if error := outcome(lambda: load(file)):
            assert polite(error), file.read_bytes()
            assert error.message.startswith(str(file))


def test_a_spoilt_migration_text_is_read_or_refused_with_its_file(tmp_path: Path) -> None:
    rng = random.Random(40)
    files = ("threads.yaml", "asyncio.yaml", "pairs.yaml")
    for number in range(30):
        name = rng.choice(files)
        folder = tmp_path / str(number)  # what is read is remembered by its path
        (folder / "migration").mkdir(parents=True)
        file = folder / "migration" / name
        good = (RULES / "migration" / name).read_bytes()
        if number % 2:
            file.write_bytes(spoilt(rng, good))
        else:
            file.write_text(yaml.safe_dump(spoilt_data(rng, yaml.safe_load(good)), allow_unicode=True), "utf-8")
        error = outcome(lambda folder=folder: migration_guide("threads", "asyncio", (folder, RULES)))  # type: ignore[misc]
        assert error is None or (polite(error) and error.message.startswith(str(file)))


@pytest.mark.parametrize("name", ["engine", *(pytest.param(n, marks=pytest.mark.slow) for n in ("sizing", "advice"))])
def test_a_spoilt_table_in_the_chain_gives_answers_or_a_polite_error(name: str, tmp_path: Path) -> None:
    rng = random.Random(name)
    good = (RULES / f"{name}.yaml").read_bytes()
    for _ in range(8):
        (tmp_path / f"{name}.yaml").write_bytes(spoilt(rng, good))
        broken = Selector(tmp_path, FIXED_HOST)
        for _ in range(3):
            profile = profile_from_mapping(random_profile(rng))
            error = outcome(lambda profile=profile, broken=broken: broken.recommend(profile, changes="none"))  # type: ignore[misc]
            assert error is None or polite(error)


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
@pytest.mark.parametrize("arguments", [("recommend",), ("recommend", "--jsonl"), ("rules", "check")], ids=" ".join)
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
    done = subprocess.run([*COMMAND, "recommend", pipe], capture_output=True, timeout=60, check=False)
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
    with subprocess.Popen([*COMMAND, "recommend", pipe], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
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
