"""The command line: every command and option, exit codes, what goes to which stream, pipes, signals, completion."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

import click
import pytest
from command import COMMAND, Run, call, posix_only, refused, run
from conftest import CACHE_VARIABLE
from shared import pressed_until_it_ends
from strategies import FIELDS, random_profile

from selector import Selector, SelectorError, __version__, recommend
from selector.cli import cli
from selector.cli.shared import report_error
from selector.files import resource_dir
from selector.host import Host
from selector.migration.guide import MigrationGuide
from selector.recommend.recommendation import Recommendation
from selector.workload.fields import field_kind
from selector.workload.profile import APPROACHES, WorkloadProfile

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def workload(tmp_path: Path) -> Path:
    file = tmp_path / "workload.json"
    file.write_text('{"workload_type": "io", "name": "my work"}\n', "utf-8")
    return file


def lines_of(count: int) -> bytes:
    return b'{"workload_type": "io", "tasks": 50}\n' * count


INSTEAD = "this command with validate in the place of recommend"


# recommend ------------------------------------------------------------------------------------------------------------


def test_a_file_gives_a_recommendation_on_standard_output_and_nothing_else(workload: Path) -> None:
    result = run("recommend", str(workload))
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert len(lines) <= 8
    assert lines[0] == "Approach: asyncio"
    assert f"Next:     concurrency-selector validate {workload}" in lines or f"Next:     {INSTEAD}" in lines


def test_the_workload_may_come_from_standard_input(workload: Path) -> None:
    piped, read = call("recommend", "-", stdin=workload.read_bytes()), call("recommend", str(workload))
    assert "Next:     concurrency-selector validate -\n" in piped.out
    assert piped.out.partition("Next:")[0] == read.out.partition("Next:")[0]
    assert call("recommend", "-", "--format", "json", stdin=workload.read_bytes()) == call(
        "recommend", str(workload), "--format", "json"
    )


def test_settings_alone_are_a_workload_and_win_over_the_file(workload: Path) -> None:
    named = ["--set", "workload_type=io", "--set", "name=my work"]
    assert call("recommend", *named, "--format", "json") == call("recommend", str(workload), "--format", "json")
    assert f"Next:     {INSTEAD}" in call("recommend", *named).out.splitlines()  # the command would be broken
    brief = call("recommend", "--set", "workload_type=io").out.splitlines()
    assert "Next:     concurrency-selector validate --set workload_type=io" in brief
    changed = call("recommend", str(workload), "--set", "workload_type=cpu", "--set", "name=", "--format", "json").json
    assert (changed["profile"]["workload_type"], changed["profile"].get("name")) == ("cpu", None)


def test_formats(workload: Path) -> None:
    text, markdown = (
        call("recommend", str(workload), "--full").out,
        call("recommend", str(workload), "--format", "markdown").out,
    )
    data = call("recommend", str(workload), "--format", "json").out
    assert text.startswith("=== Summary ===\nApproach: asyncio\n")
    assert "\n=== Recommendation ===\nWorkload:         my work\nApproach:         asyncio\n" in text
    assert markdown.startswith("## Summary\n\n- **Approach:** asyncio\n")
    assert "\n## Recommendation\n\n- **Workload:** my work\n" in markdown
    for title in ("Alternatives", "What would change the answer"):
        assert f"\n=== {title} ===\n" in text and f"\n## {title}\n" in markdown
    result = Recommendation.model_validate_json(data)
    assert result == Selector().recommend(WorkloadProfile(workload_type="io", name="my work"))
    assert list(json.loads(data)) == [
        "schema", "profile", "workload_class", "approach", "title", "engine", "interpreter", "workers", "reasons",
        "expected", "fits", "migration", "alternatives", "would_change", "runs_here",
    ]  # fmt: skip


def test_explain_in_every_format(workload: Path) -> None:
    text = call("recommend", str(workload), "--explain").out
    assert "=== Table classify ===" in text
    assert re.search(r"^io +fired +The time goes into waiting", text, re.MULTILINE)
    markdown = call("recommend", str(workload), "--explain", "--format", "markdown").out
    assert "## Table strategy" in markdown and "| io | fired | The time goes" in markdown
    data = call("recommend", str(workload), "--explain", "--format", "json").json
    tables = {table["table"]: table["rows"] for table in data["explanation"]["tables"]}
    assert {"classify", "strategy", "eligibility", "sizing", "advice"} <= set(tables)
    assert [row["rule"] for row in tables["classify"] if row["fired"]] == ["io"]
    cpu = next(row for row in tables["classify"] if row["rule"] == "cpu-independent")
    assert (cpu["matched"], cpu["input"], cpu["cell"], cpu["value"]) == (False, "workload_type", '"cpu"', "io")
    plain = call("recommend", str(workload), "--format", "json").json
    assert {key for key in data if data[key] != plain.get(key)} <= {"explanation", "would_change"}
    # a plain recommend looks for changes in fewer places, so it can miss some, and finds no others
    fields = [{change["input"] for change in found["would_change"]} for found in (plain, data)]
    assert fields[0] <= fields[1]


SETTINGS = {
    "choice": ("shared_state=Hot-Writes", "hot_writes"),
    "flag": ("releases_gil=y", True),
    "count": ("tasks=500", 500),
    "number": ("cpu_ms_per_task=2.5", 2.5),
    "text": ("name=a=b", "a=b"),
    "versions": ("interpreters=3.13,3.14t", ["3.13", "3.14t"]),
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_every_kind_of_field_can_be_set(kind: str) -> None:
    setting, value = SETTINGS[kind]
    field = setting.partition("=")[0]
    assert field_kind(field).kind == kind
    profile = call("recommend", "--set", "workload_type=cpu", "--set", setting, "--format", "json").json["profile"]
    assert profile[field] == value


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["tasks"], ["--set 'tasks': write KEY=VALUE"]),
        (["=5"], ['--set: unknown field ""']),
        (["taks=5"], ['unknown field "taks" (did you mean "tasks"?)', "recommend --help"]),
        (["taks="], ['unknown field "taks"']),
        (["tasks=many"], ['tasks is "many": expected a whole number from 1 to 10^12']),
        (["tasks=0"], ["tasks is 0: expected a whole number"]),
        (["tasks=1.5"], ["tasks is 1.5: expected a whole number"]),
        (["gpu=maybe"], ['gpu is "maybe": expected true or false']),
        (["cpu_ms_per_task=-1"], ["cpu_ms_per_task is -1.0: expected a number from 0"]),
        (["latency_requirement_ms=nan"], ["latency_requirement_ms is NaN"]),
        (["mode=servce"], ['mode is "servce"', '(did you mean "service"?)']),
        (["interpreters=3.14,2.7"], ['interpreters is "2.7"']),
        (["tasks=0", "gpu=x", "mode=y"], ["tasks is", "gpu is", "mode is"]),
    ],
    ids=lambda value: value[0] if value and "=" in value[0] else "",
)
def test_a_setting_that_does_not_fit_is_refused(settings: list[str], words: list[str]) -> None:
    options = [part for setting in settings for part in ("--set", setting)]
    refused(call("recommend", "--set", "workload_type=io", *options), *words)


def test_settings_do_not_turn_a_list_into_a_workload() -> None:
    refused(call("recommend", "-", "--set", "tasks=5", stdin=b"[]"), "a workload is a JSON object, not a list")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["error: give a FILE", "hint: `concurrency-selector recommend --help` says what it takes"]),
        (["missing.json"], ["missing.json: cannot be read: No such file", "hint: give a workload file"]),
        (["."], [".: cannot be read: Is a directory"]),
        (["a\0b"], ["cannot be read: the name has a NUL character"]),
        (["missing\x1b[31m.json"], ["missing\\x1b[31m.json: cannot be read"]),
        (["x.json", "y.json"], ["unexpected extra argument"]),
        (["--format", "xml", "x.json"], ["'xml' is not one of 'text', 'json', 'markdown'"]),
        (["--colour", "x.json"], ["error: no such option", "hint: "]),
        (["--rules", "missing", "x.json"], ["cannot be read"]),
        (["--rules", "missing", "--set", "workload_type=io"], ["--rules missing: not a folder"]),
    ],
    ids=["nothing", "missing", "folder", "NUL", "escape", "two", "format", "option", "file first", "rules"],
)
@posix_only
def test_what_cannot_be_done_is_said(
    arguments: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(call("recommend", *arguments), *words)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_file_without_permission_to_read_is_said(workload: Path) -> None:
    workload.chmod(0)
    refused(call("recommend", str(workload)), "cannot be read: Permission denied")


def test_names_that_the_terminal_cannot_show_are_escaped_and_json_is_utf_8(workload: Path) -> None:
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    arguments = ["recommend", "--set", "workload_type=io", "--set", "name=né→🙂"]
    assert "Workload:         n\\xe9\\u2192\\U0001f642\n" in run(*arguments, "--full", env=ascii_only).out
    assert run(*arguments, "--format", "json", env=ascii_only).json["profile"]["name"] == "né→🙂"
    line = '{"workload_type": "io", "name": "né→🙂"}\n'.encode()
    assert run("recommend", "--jsonl", stdin=line, env=ascii_only).json["profile"]["name"] == "né→🙂"


# rules of one's own ---------------------------------------------------------------------------------------------------


@pytest.fixture
def my_rules(tmp_path: Path) -> Path:
    """A folder in which Dask gives way to Ray, and one example is not true any more."""
    folder = tmp_path / "my-rules"
    folder.mkdir()
    text = (resource_dir("rules") / "engine.yaml").read_text("utf-8")
    (folder / "engine.yaml").write_text(text.replace("then: {engine: dask}", "then: {engine: ray}"), "utf-8")
    return folder


@pytest.mark.parametrize("before", [True, False], ids=["before the command", "after it"])
def test_rules_of_ones_own_are_used_everywhere(my_rules: Path, before: bool) -> None:
    def with_rules(*arguments: str) -> Run:
        option = ["--rules", str(my_rules)]
        return call(*option, *arguments) if before else call(*arguments, *option)

    work = ["recommend", "--set", "workload_type=cpu", "--set", "machines=3", "--format", "json"]
    assert (call(*work).json["engine"], with_rules(*work).json["engine"]) == ("dask", "ray")
    assert str(my_rules)[:30] in with_rules("rules", "list").out
    assert "several-machines: engine = ray" in with_rules("rules", "show", "engine").out
    assert with_rules("rules", "check").code == 0
    assert with_rules("examples", "--format", "json").json["distributed-inference"]["engine"] == "ray"
    failed = with_rules("rules", "test")
    assert failed.code == 1
    assert re.search(r"^FAIL +engine: 5 of 6 examples, .*\n +.*engine\.yaml:\d+: expected", failed.out, re.MULTILINE)
    assert failed.err == "error: examples that failed: 1\n  hint: mend the table or the example\n"


def test_the_rules_after_the_command_win(my_rules: Path, tmp_path: Path) -> None:
    work = ["recommend", "--set", "workload_type=cpu", "--set", "machines=3", "--format", "json"]
    (tmp_path / "engine.yaml").write_text((resource_dir("rules") / "engine.yaml").read_text("utf-8"), "utf-8")
    assert call("--rules", str(tmp_path), *work, "--rules", str(my_rules)).json["engine"] == "ray"


def test_a_broken_table_is_refused_wherever_it_is_used(my_rules: Path) -> None:
    file = my_rules / "engine.yaml"
    file.write_text(file.read_text("utf-8").replace("mode: service}", "mode: > 5}"), "utf-8")
    for arguments in (["recommend", "--set", "workload_type=io"], ["rules", "list"], ["rules", "check"], ["examples"]):
        refused(call(*arguments, "--rules", str(my_rules)), f"error: {file}:")


def test_rules_list_show_check_and_test_of_ours() -> None:
    listed = call("rules", "list").out
    for name in ("classify", "strategy", "eligibility", "speedup_bands", "sizing", "engine", "advice"):
        assert re.search(rf"^{name} ", listed, re.MULTILINE)
        assert f"=== Table {name} ===" in call("rules", "show", name).out
        assert f"## Table {name}".replace("_", "\\_") in call("rules", "show", name, "--format", "markdown").out
    assert "in_flight" in call("rules", "show", "facts").out
    assert call("rules", "show", "engine", "--format", "yaml").out == (resource_dir("rules") / "engine.yaml").read_text(
        "utf-8"
    )
    assert call("rules", "check").out.count("ok  ") == call("rules", "test").out.count("ok  ") >= 8
    refused(call("rules", "show", "clasify"), 'no table "clasify" (did you mean "classify"?)', "or facts")
    refused(call("rules"), "Usage: ")


def test_rows_that_no_example_reaches_are_named(tmp_path: Path) -> None:
    text = "table: mine\nhit_policy: first\ninputs: {a: {type: number}}\noutputs: {b: {}}\n"
    rules = "rules: [{id: low, when: {a: '< 5'}, then: {b: 1}}, {id: high, then: {b: 2}}]\n"
    (tmp_path / "mine.yaml").write_text(f"{text}{rules}examples: [{{given: {{a: 1}}, expect: {{b: 1}}}}]\n", "utf-8")
    result = call("rules", "test", "--rules", str(tmp_path))
    assert (result.code, result.err) == (0, "")
    assert (
        "ok  mine: 1 of 1 examples, rows 1 of 2, 4 boundary cases\n      rows no example reaches: high\n" in result.out
    )


def test_check_takes_files_and_goes_on_after_a_bad_one(tmp_path: Path) -> None:
    good = resource_dir("rules") / "engine.yaml"
    bad = tmp_path / "bad.yaml"
    bad.write_text("table: \x1b[31m\n", "utf-8")
    result = call("rules", "check", str(bad), str(good), str(tmp_path / "missing.yaml"))
    assert result.code == 2
    assert result.out == f"ok  {good}: 6 rules, 8 inputs, 2,160 cells, proven, 2 notes\n"
    assert f"error: {bad}:1:8: not valid YAML: the character U+001B is not allowed" in result.err
    assert "missing.yaml: cannot be read" in result.err
    assert "error: 2 of 3 files cannot be used" in result.err


def test_a_table_with_a_hostile_name_cannot_reach_the_terminal(tmp_path: Path) -> None:
    text = 'table: "\\e[31mred"\nhit_policy: first\ninputs: {a: {type: number}}\noutputs: {b: {}}\nrules: [{then: {b: 1}}]\n'
    (tmp_path / "mine.yaml").write_text(text, "utf-8")
    for arguments in (["check"], ["test"], ["list"], ["show", "\x1b[31mred"]):
        result = call("rules", *arguments, "--rules", str(tmp_path))
        assert result.code == 0
        assert "\\x1b[31mred" in result.out
        assert "\x1b" not in result.out + result.err


# migrate, examples, host ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_migrate_gives_a_guide(form: str) -> None:
    result = call("migrate", "multiprocessing", "Free-Threaded", "--format", form)
    assert (result.code, result.err) == (0, "")
    if form == "json":
        assert MigrationGuide.model_validate_json(result.out).to_approach == "free_threaded"
    else:
        assert result.out.startswith({"text": "=== From Multi", "markdown": "## From Multi"}[form])
        assert "import multiprocessing" in result.out or "ProcessPoolExecutor" in result.out


def test_migrate_from_an_approach_to_itself_changes_nothing() -> None:
    assert "Nothing changes" in call("migrate", "threads", "threads").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["threads"], ["error: missing argument 'TO'"]),
        (["thread", "asyncio"], ['"thread" is no approach (did you mean "threads"?)', "one of single_threaded"]),
        (["threads", "\x1b[31m"], ['"\\u001b[31m" is no approach']),
    ],
    ids=["one end", "near miss", "escape"],
)
def test_migrate_refuses_what_is_no_approach(arguments: list[str], words: list[str]) -> None:
    refused(call("migrate", *arguments), *words)


def test_examples_lists_all_and_prints_one() -> None:
    names = [file.stem for file in sorted(resource_dir("examples").glob("*.json"))]
    listed, data = call("examples").out, call("examples", "--format", "json").json
    assert [name for name in names if name not in listed] == []
    assert list(data) == names
    assert {entry["approach"] for entry in data.values()} == set(APPROACHES)
    assert call("examples", "--format", "markdown").out.startswith("## Example workloads")
    one = call("examples", "web-scraper")
    assert one.out == (resource_dir("examples") / "web-scraper.json").read_text("utf-8")
    assert call("recommend", "-", stdin=one.out.encode()).code == 0
    refused(call("examples", "web-scrapper"), '(did you mean "web-scraper"?)')


def test_host_shows_this_machine() -> None:
    text, data = call("host"), call("host", "--json")
    assert text.out.startswith("=== This host ===\nPlatform: ")
    found = Host.model_validate_json(data.out)
    assert f"Python {found.python}" in text.out
    assert found.cpus.count >= 1


# --jsonl --------------------------------------------------------------------------------------------------------------


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
    with subprocess.Popen([*COMMAND, "recommend", "--jsonl"], bufsize=0, **pipes) as process:
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


@posix_only
def test_memory_does_not_grow_with_the_number_or_the_length_of_lines(tmp_path: Path) -> None:
    script = (
        "import atexit, resource, sys\n"
        "from selector.cli import main\n"
        "atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))\n"
        "main()"
    )

    def peak(file: Path) -> int:
        command = [sys.executable, "-c", script, "recommend", "--jsonl", str(file)]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        return int(done.stderr.split()[-1]) // (1024 if sys.platform == "darwin" else 1)

    few, many, long = (tmp_path / name for name in ("few", "many", "long"))
    few.write_bytes(lines_of(20))
    many.write_bytes(lines_of(3000))
    with long.open("wb") as stream:
        stream.truncate(100_000_000)
    at_rest = peak(few)
    assert peak(many) < at_rest + 10_000  # kilobytes
    assert peak(long) < at_rest + 20_000


# Streams --------------------------------------------------------------------------------------------------------------

OUTPUTS = {
    "text": ["recommend", "--set", "workload_type=io"],
    "json": ["recommend", "--set", "workload_type=io", "--format", "json"],
    "markdown": ["migrate", "threads", "asyncio", "--format", "markdown"],
    "lines": ["recommend", "--jsonl"],
    "help": ["--help"],
    "an example": ["examples", "web-scraper"],
}
each_output = pytest.mark.parametrize("arguments", OUTPUTS.values(), ids=OUTPUTS)


@posix_only
@each_output
def test_a_reader_that_has_gone_is_no_error(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, *arguments], input=lines_of(5), stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False
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


def in_a_shell(redirection: str, arguments: Sequence[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *COMMAND, *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)


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


def test_a_line_of_settings_that_no_shell_decodes_is_refused() -> None:
    if sys.platform != "linux":
        pytest.skip("arguments are bytes on Linux")
    done = subprocess.run(
        [*(part.encode() for part in COMMAND), b"recommend", b"--set", b"workload_type=io", b"--set", b"name=\xff"],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert b'name is "\\udcff"' in done.stderr


# Help, version, debug, completion -------------------------------------------------------------------------------------


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, by the words that call it."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def example_of(path: tuple[str, ...]) -> str:
    """The example that ends the help of a command."""
    text = " ".join(call(*path, "--help").out.split())
    return text.split("Example: ")[1]


@pytest.mark.parametrize("path", list(commands()), ids=lambda path: " ".join(path) or "(none)")
def test_the_help_of_every_command_ends_in_an_example_that_works(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = call(*path, "-h")
    assert (shown.code, shown.err) == (0, "")
    assert all(len(line) <= 100 for line in shown.out.splitlines())
    shutil.copytree(resource_dir("examples"), tmp_path / "examples")
    shutil.copy(tmp_path / "examples" / "api-server.json", tmp_path / "workload.json")
    shutil.copy(resource_dir("rules") / "engine.yaml", tmp_path / "my-table.yaml")
    (tmp_path / "my-rules").mkdir()
    shutil.copy(tmp_path / "my-table.yaml", tmp_path / "my-rules" / "engine.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))  # what calibrate finds is for nobody else
    example = re.split(" > | && ", example_of(path))[0].replace("--budget 30s", "--budget 2s")
    words = shlex.split(example)
    assert words[0] == "concurrency-selector"
    assert words[1 : 1 + len(path)] == list(path)
    result = call(*words[1:])
    assert result.code == 0
    assert bool(result.out) == (path != ("generate",))
    assert bool(result.err) == (
        path in (("generate",), ("validate",), ("calibrate",))
    )  # what they do, and where it went


def test_the_help_of_recommend_lists_every_field() -> None:
    text = call("recommend", "--help").out
    for field in FIELDS:
        assert re.search(rf"^  {field}  ", text, re.MULTILINE), field


def test_version() -> None:
    assert call("--version").out == f"concurrency-selector {__version__}\n"


def test_both_ways_to_start_it_are_the_same() -> None:
    script = Path(sys.executable).with_name("concurrency-selector")
    if not script.exists():
        pytest.skip("the command is not installed beside this Python")
    by_name = subprocess.run([script, "rules", "list"], capture_output=True, text=True, timeout=60, check=True)
    assert by_name.stdout == run("rules", "list").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], ['error: no command "nonsense"', "one of calibrate, examples"]),
        (["recomend"], ['error: no command "recomend" (did you mean "recommend"?)']),
        (
            ["rules", "chek"],
            ['error: no command "chek" (did you mean "check"?)', "`concurrency-selector rules --help`"],
        ),
        (["--nonsense"], ["error: no such option"]),
        (["--format", "json", "rules", "list"], ["error: only --rules and --debug go before rules"]),
        (["--set", "tasks=5", "recommend", "x.json"], ["error: only --rules and --debug go before recommend"]),
    ],
    ids=["command", "near miss", "near miss in a group", "option", "format before", "set before"],
)
def test_wrong_usage_is_exit_2(arguments: list[str], words: list[str]) -> None:
    refused(call(*arguments), *words)


def test_debug_shows_the_traceback() -> None:
    done = subprocess.run([*COMMAND, "--debug", "recommend", "x"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Traceback") and b"SelectorError: x: cannot be read" in done.stderr


def test_a_fault_of_ours_is_one_line_and_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("boom\x1b[31m")

    monkeypatch.setattr(Selector, "recommend", fail)
    refused(
        call("recommend", "--set", "workload_type=io"),
        "error: this should not have happened: RuntimeError: boom\\x1b[31m\n", "--debug", code=1,
    )  # fmt: skip


COMPLETE = "_CONCURRENCY_SELECTOR_COMPLETE"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_set_up(shell: str) -> None:
    if shell == "bash" and not shutil.which("bash"):
        pytest.skip("bash tells its version while completion is set up")
    result = run(env={**os.environ, COMPLETE: f"{shell}_source"})
    assert (result.code, result.err) == (0, "")
    assert f"{COMPLETE}={shell}_complete" in result.out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("mi", {"migrate"}),
        ("migrate multi", {"multiprocessing"}),
        ("migrate threads asyncio_", {"asyncio_threads", "asyncio_processes", "asyncio_free_threaded"}),
        ("recommend --exp", {"--explain"}),
        ("recommend --format m", {"markdown"}),
        ("rules ch", {"check"}),
        ("rules show fa", {"facts"}),
        ("examples running", {"running-sum"}),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_options_and_approaches(shell: str, words: str, found: set[str]) -> None:
    last = words.rsplit(maxsplit=1)[-1]
    assert completions(shell, words, last if shell == "fish" else str(len(words.split()))) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["recommend", "mi"], {"mine.json"}),
        (["validate", "inner"], {"inner/"}),
        (["generate", "inner/"], {"inner/x.json"}),
        (["recommend", "runn"], {"running-sum"}),
        (["recommend", "--set", "workload_t"], {f"workload_type={word}" for word in ("cpu", "io", "hybrid")}),
        (["recommend", "--set", "task"], {"tasks=", "task_memory_mb="}),
        (["recommend", "--set", "tasks=1"], set()),
        (["recommend", "--set", "nonsense"], set()),
        (["--set", "durable=t"], {"durable=true"}),
        (["--answers", "mi"], {"mine.json"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",  # sets have no order to name them by
)
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_shell_completes_files_examples_and_settings(
    shell: str, words: list[str], found: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner").mkdir()
    for name in ("mine.json", "mind.txt", ".mist.json", "inner/x.json"):
        (tmp_path / name).write_text("{}", "utf-8")
    assert completions(shell, " ".join(words), words[-1] if shell == "fish" else str(len(words))) == found


@pytest.mark.parametrize(
    ("line", "position", "found"),
    [
        ("recommend --set workload_type =", 4, {"cpu", "io", "hybrid"}),
        ("recommend --set workload_type = h", 5, {"hybrid"}),
        ("recommend --set durable = true --set gpu = f", 9, {"false"}),
        ("recommend --set workload_type = io --exp", 6, {"--explain"}),
        ("recommend --set task", 3, {"tasks=", "task_memory_mb="}),
    ],
)
def test_bash_parts_a_setting_at_its_sign(line: str, position: int, found: set[str]) -> None:
    assert completions("bash", line, str(position)) == found


def completions(shell: str, line: str, position: str) -> set[str]:
    """What a shell is offered for the last word of a line."""
    variables = {COMPLETE: f"{shell}_complete", "COMP_WORDS": f"concurrency-selector {line}", "COMP_CWORD": position}
    with mock.patch.dict(os.environ, variables):
        result = call()
    assert (result.code, result.err) == (0, "")
    if shell == "zsh":  # three lines for each: kind, word, help
        return set(result.out.splitlines()[1::3])
    return {re.split(r"[,\t]", line)[1] for line in result.out.splitlines() if line}


# One way to say things, in every command ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-input", "--set", "workload_type=io"],
        ["recommend", "--set", "workload_type=io"],
        ["migrate", "threads", "asyncio"],
        ["examples"],
        ["host"],
        ["rules", "list"],
        ["rules", "show", "engine"],
        ["rules", "show", "facts"],
        ["rules", "check", "FEE"],
        ["rules", "test", "FEE"],
        ["rules", "diff", "FEE", "FEE"],
        ["schema", "table"],
    ],
    ids=" ".join,
)
def test_json_is_asked_for_in_the_same_two_ways_everywhere(arguments: list[str]) -> None:
    arguments = [word.replace("FEE", str(resource_dir("rules") / "speedup_bands.yaml")) for word in arguments]
    short, long = call(*arguments, "--json"), call(*arguments, "--format", "json")
    assert (short.code, long.code) == (0, 0)
    found = [
        {k: v for k, v in got.items() if k != "memory"} if isinstance(got, dict) else got
        for got in (short.json, long.json)
    ]
    assert found[0] == found[1]  # but for the memory that is free, which changes from one moment to the next
    assert call(*arguments, "--json", "--format", "json").json == long.json


def test_every_command_that_prints_a_result_has_both_ways() -> None:
    without = {"generate"}  # it writes a file
    for name, command in commands(cli):
        options = {option for param in command.params for option in param.opts}
        assert (name in without) or {"--json", "--format"} <= options, name


def commands(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Every command that is no group, by name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command)
        else:
            yield name, command


def test_two_forms_at_once_are_refused() -> None:
    for command in (["recommend", "--set", "workload_type=io"], ["host"], ["rules", "show", "engine"]):
        refused(
            call(*command, "--json", "--format", "markdown"), "error: --json prints JSON: leave --format markdown out"
        )


def test_the_version_has_a_short_option() -> None:
    assert call("-V") == call("--version")
    assert call("-V").out == f"concurrency-selector {__version__}\n"


def test_help_says_what_each_field_means_and_accepts() -> None:
    text = " ".join(call("recommend", "--help").out.split())
    for name, field in WorkloadProfile.model_fields.items():
        assert f"{name} " in text
        assert str(field.description).split(":")[0] in text, name
    assert "tasks Independent units of work in one run: a whole number from 1 to 10^12" in text


# Examples by name -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web-scraper", "web-scraper.json"])
def test_an_example_may_be_named_where_there_is_no_such_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("recommend", name, "--json")
    assert result.json["profile"]["name"] == "Web scraper that parses what it fetches"
    assert "note: there is no file web-scraper" in result.err
    assert "`concurrency-selector examples web-scraper`" in result.err
    (tmp_path / name).write_text('{"workload_type": "cpu", "name": "mine"}', "utf-8")
    mine = call("recommend", name, "--json")
    assert (mine.json["profile"]["name"], mine.err) == ("mine", "")
    refused(call("recommend", "web-scrapper"), "web-scrapper: cannot be read")
    refused(call("recommend", "elsewhere/web-scraper.json"), "elsewhere/web-scraper.json: cannot be read")


# Rules by name --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("stratgey.yaml", "table: mine\n", ['(did you mean "strategy"?)', "call the file strategy.yaml"]),
        ("Speedup-Bands.yaml", "", ["call the file speedup_bands.yaml"]),
        ("engine.yml", "table: engine\n", ["call the file engine.yaml"]),
        ("my-first-try.yaml", "# mine\ntable: 'engine'\n", ['its table is "engine"', "call the file engine.yaml"]),
        ("cost.yaml", "", ['(did you mean "costs"?)']),
        ("migration/thread.yaml", "", ['(did you mean "threads"?)']),
        ("readme.txt", "no table", ["my-rules: no table is in it"]),
    ],
    ids=["near", "spelling", "suffix", "name inside", "catalogue", "guide", "none"],
)
def test_a_file_that_was_meant_for_a_table_of_ours_is_not_passed_over(
    file: str, text: str, words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "my-rules" / file).parent.mkdir(parents=True)
    (tmp_path / "my-rules" / file).write_text(text, "utf-8")
    folder = str(tmp_path / "my-rules")
    refused(call("recommend", "--set", "workload_type=io", "--rules", folder), "error: ", *words)
    refused(call("--rules", folder, "rules", "list"), *words)
    with pytest.raises(SelectorError, match=re.escape(words[0])):
        recommend({"workload_type": "io"}, rules=folder)


def test_a_table_of_the_users_own_is_told_where_it_has_no_say(tmp_path: Path) -> None:
    text = (resource_dir("rules") / "engine.yaml").read_text("utf-8")
    (tmp_path / "pricing.yaml").write_text(text.replace("table: engine", "table: pricing"), "utf-8")
    result = call("recommend", "--set", "workload_type=io", "--rules", str(tmp_path))
    assert (result.code, result.err.count("no recommendation asks pricing.yaml")) == (0, 1)
    checked = call("rules", "list", "--rules", str(tmp_path))
    assert (checked.code, checked.err) == (0, "")
    assert "pricing" in checked.out


# From Python ----------------------------------------------------------------------------------------------------------


def test_a_profile_may_be_a_mapping() -> None:
    fields = {"workload_type": "io", "tasks": 500, "io_wait_ms_per_task": 100, "interpreters": ["3.13"]}
    selector, profile = Selector(), WorkloadProfile(**fields)  # type: ignore[arg-type]
    assert recommend(fields) == recommend(profile)
    assert recommend(MappingProxyType(fields)).approach == "asyncio"
    assert selector.recommend_json(fields) == selector.recommend_json(profile)
    assert selector.explain(fields) == selector.explain(profile)
    assert selector.predict(fields) == selector.predict(profile)
    for wrong, words in (
        ({"workload_type": "io", "task": 5}, 'unknown field "task" (did you mean "tasks"?)'),
        ({}, "workload_type"),
        ("io", "a workload is"),
        (None, "a workload is"),
    ):
        with pytest.raises(SelectorError, match=re.escape(words)):
            recommend(wrong)  # type: ignore[arg-type]
