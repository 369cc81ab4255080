"""The commands that measure: generate, validate, and recommend --with, in process and as a user's shell runs them."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import pytest
from command import COMMAND, COMPLETE, Run, call, in_a_shell, refused, run
from conftest import CACHE_VARIABLE
from test_proof import parts, values

from selector import proof as benchmarking
from selector.benchmark.events import read_events
from selector.host import find_interpreters
from selector.proof import Proof
from selector.validation import ValidationReport

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")
TINY = {"workload_type": "cpu", "tasks": 8, "cpu_ms_per_task": 3, "name": "tiny", "free_threading_ready": False}
HERE = ["--interpreter", sys.executable]  # one Python is enough, and faster
VERDICTS = ("confirmed", "tie", "refuted", "inconclusive")
FILES = ["bench.py", "events.jsonl", "plan.json", "report.md", "results.json"]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps(TINY), "utf-8")
    return file


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """One run of the tiny workload for all who only look at its results: what it said, and where it is kept."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "tiny.json").write_text(json.dumps(TINY), "utf-8")
    where = folder / "results"
    for seconds in (3, 12, 48):  # a busy machine needs more for everything to run once
        arguments = ["--budget", f"{seconds}s", "--json", "--seed", "7", "--save", str(where), "--force"]
        result = call("validate", str(folder / "tiny.json"), *arguments)
        if result.code == 0 and result.json["complete"]:
            break
    return result, where


# generate -------------------------------------------------------------------------------------------------------------


def numbers_of(script: Path) -> dict[str, Any]:
    return values(parts(script.read_text("utf-8"))[1])


def test_generate_writes_a_script_with_the_numbers_of_the_profile(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "my bench.py"
    result = call("generate", str(tiny), "-o", str(out), "--budget", "2m", *HERE)
    assert (result.code, result.out) == (0, "")
    said, command = result.err.rstrip().split(" approaches. Run it with: ")
    assert said == f"{out}: {len(numbers_of(out)['APPROACHES'])}"
    assert shlex.split(command) == ["python", str(out), "--interpreter", os.path.abspath(sys.executable)]
    compile(out.read_bytes(), out.name, "exec")
    expected = {"NAME": "tiny", "TASKS": 8, "CPU_MS_PER_TASK": 3, "IO_WAIT_MS_PER_TASK": 0, "BUDGET_SECONDS": 120}
    assert numbers_of(out) | expected == numbers_of(out)


def test_the_script_runs_alone_and_prints_a_table(tiny: Path, tmp_path: Path) -> None:
    assert call("generate", str(tiny), "-o", str(tmp_path / "bench.py"), *HERE).code == 0
    for seconds in ("2", "10", "50"):  # a busy machine needs more for everything to run once
        command = [sys.executable, "bench.py", "--budget", seconds, "--seed", "1"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        if "not_run" not in done.stdout:
            break
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert re.search(r"^tiny\napproach +Python +workers +seconds", done.stdout, re.MULTILINE)
    assert re.search(r"^single_threaded +3\.\d+t? +1 +\d+\.\d+ +\d+\.\d\dx ", done.stdout, re.MULTILINE)
    assert sorted(os.listdir(tmp_path)) == ["bench.py", "tiny.json"]


def test_the_workload_may_come_from_standard_input_or_settings_alone(tiny: Path, tmp_path: Path) -> None:
    made = [tmp_path / name for name in ("file.py", "stdin.py", "set.py")]
    settings = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    for out, arguments in zip(made, ([str(tiny)], ["-"], settings), strict=True):
        assert call("generate", *arguments, "-o", str(out), *HERE, stdin=tiny.read_bytes()).code == 0
    assert len({out.read_bytes() for out in made}) == 1
    changed = tmp_path / "changed.py"
    assert call("generate", str(tiny), "--set", "tasks=9", "-o", str(changed), *HERE).code == 0
    assert numbers_of(changed)["TASKS"] == 9


def test_a_script_that_is_there_is_only_replaced_by_force(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "bench.py"
    out.write_text("mine\n")
    refused(call("generate", str(tiny), "-o", str(out)), f"{out}: there is a file already", "--force to replace it")
    refused(call("generate", "--template", "agents", "-o", str(out)), f"{out}: there is a file already")
    assert out.read_text() == "mine\n"
    assert call("generate", str(tiny), "-o", str(out), "--force").code == 0
    assert numbers_of(out)["NAME"] == "tiny"
    assert sorted(os.listdir(tmp_path)) == ["bench.py", "tiny.json"]


@posix_only
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "force"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/bench.py", ["cannot be written: No such file or directory", "a folder you may write to"]),
        ("tiny.json/bench.py", ["cannot be written: Not a directory"]),
        ("", ["this is no file", "for example bench.py"]),
        ("/dev/stdout", ["/dev/stdout: this is no file but a", "or - for standard output"]),
        ("/dev/null", ["/dev/null: this is no file but a device", "or - for standard output"]),
    ],
    ids=["no folder", "below a file", "a folder", "standard output", "a device"],
)
def test_where_no_script_can_be_written(
    tiny: Path, tmp_path: Path, name: str, words: list[str], force: list[str]
) -> None:
    refused(call("generate", str(tiny), "-o", os.path.join(tmp_path, name), *force), *words)
    assert os.listdir(tmp_path) == ["tiny.json"]


@posix_only
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "force"])
def test_links_and_fifos_are_neither_written_through_nor_replaced(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("precious").write_text("mine")
    Path("link").symlink_to("precious")
    Path("nowhere").symlink_to("missing.py")
    Path("folder").mkdir()
    Path("way").symlink_to("folder")
    os.mkfifo("pipe")
    before = sorted(tmp_path.rglob("*"))
    for name, what in {"link": "a link to precious", "nowhere": "a link to missing.py", "pipe": "a FIFO"}.items():
        refused(call("generate", str(tiny), "-o", name, *force), f"{name}: this is no file but {what}")
    refused(
        call("generate", "--template", "todo-batch", "-o", "way", *force), "way: this is no file but a link to folder"
    )
    assert sorted(tmp_path.rglob("*")) == before
    assert Path("precious").read_text() == "mine"
    assert Path("link").is_symlink()
    assert call("generate", str(tiny), "-o", "way/bench.py").code == 0  # a folder may be reached by a link


@posix_only
def test_a_folder_with_a_link_in_the_place_of_a_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "todos").mkdir()
    (tmp_path / "todos" / "tasks.py").symlink_to(tmp_path / "precious")
    result = call("generate", "--template", "todo-batch", "-o", str(tmp_path / "todos"), "--force")
    refused(result, "tasks.py: this is no file but a link to ")
    assert os.listdir(tmp_path / "todos") == ["tasks.py"]
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_hyphen_prints_the_script(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = call("generate", str(tiny), "-o", "-", *HERE)
    assert printed.code == 0
    assert os.listdir() == ["tiny.json"]
    assert call("generate", str(tiny), "-o", "bench.py", *HERE).code == 0
    assert printed.out == Path("bench.py").read_text("utf-8")
    assert re.search(
        r"^standard output: \d approaches. Save it as bench.py and run it with: python bench.py", printed.err
    )
    own = call("generate", "--template", "agents", "-o", "-")
    assert compile(own.out, "agents.py", "exec")
    # for a template that compares free threads, with the Pythons that are here, or a note that there is none
    assert "standard output: Save it as bench.py and run it with: python bench.py" in own.err
    refused(call("generate", "--template", "todo-batch", "-o", "-"), "is a folder of files: give -o FOLDER")


@posix_only
@pytest.mark.parametrize("name", ["-x.py", "--json", "-", "-c"])
def test_the_command_for_a_name_that_begins_with_a_hyphen_works(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("generate", str(tiny), "-o", f"./{name}", *HERE)
    assert result.code == 0
    assert sorted(os.listdir()) == sorted([name, "tiny.json"])
    words = shlex.split(result.err.rpartition("un it with: ")[2])
    assert words[:2] == ["python", f"./{name}"]
    done = subprocess.run(
        [sys.executable, *words[1:], "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert "--budget" in done.stdout
    folder = call("generate", "--template", "todo-batch", "-o", "./-todos")
    assert "python ./-todos compare" in folder.err


@posix_only
def test_names_of_many_bytes_can_be_written(tiny: Path, tmp_path: Path) -> None:
    name = "日" * 80 + ".py"
    assert call("generate", str(tiny), "-o", str(tmp_path / name), *HERE).code == 0
    assert call("generate", str(tiny), "-o", str(tmp_path / name), "--force", *HERE).code == 0
    assert call("generate", "--template", "todo-batch", "-o", str(tmp_path / ("日" * 83))).code == 0
    assert sorted(os.listdir(tmp_path)) == sorted([name, "日" * 83, "tiny.json"])


def test_what_is_assumed_is_a_note(tmp_path: Path) -> None:
    work = ["--set", "workload_type=hybrid", "--set", "cpu_cores=512", "--set", "name=\x1b[31mred"]
    result = call("generate", *work, "-o", str(tmp_path / "\x1b[2J.py"), *HERE)
    assert (result.code, result.out) == (0, "")
    assert "note: The CPU time of a task is not known: 5 ms are assumed.\n" in result.err
    assert re.search(
        r"^note: The profile has 512 CPU cores, this machine \d+: everything is ", result.err, re.MULTILINE
    )
    assert result.err.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["web-scraper", "agents", "Web_Scraper.py"])
def test_a_template_has_a_workload_of_its_own(name: str, tmp_path: Path) -> None:
    out = tmp_path / "bench.py"
    result = call("generate", "--template", name, "-o", str(out), "--budget", "10s", "--io", "sleep", "--seed", "3")
    assert (result.code, result.out) == (0, "")
    assert f"{out}: run it with: python {out} " in result.err and result.err.endswith(" --io sleep --seed 3\n")
    # free threads are a part of what it compares: the command has such a Python, or it is said that there is none
    kinds = {i.free_threaded for i in find_interpreters() if i.path in result.err}
    assert True in kinds or "no free-threaded Python was found here" in result.err
    assert numbers_of(out)["BUDGET_SECONDS"] == 10
    compile(out.read_bytes(), out.name, "exec")


def test_the_template_for_any_workload_is_the_one_that_is_taken(tiny: Path, tmp_path: Path) -> None:
    for name, option in {"a.py": [], "b.py": ["--template", "Compare-Approaches"]}.items():
        assert call("generate", str(tiny), *option, "-o", str(tmp_path / name), *HERE).code == 0
    assert (tmp_path / "a.py").read_bytes() == (tmp_path / "b.py").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--template", "nonsense"],
            ['no template "nonsense"', "one of agents, compare-approaches, todo-batch, web-scraper"],
        ),
        (["--template", "nonsense", "FILE"], ['no template "nonsense"']),
        (["--template", "webscraper"], ['(did you mean "web-scraper"?)']),
        (["--template", "../\x1b[31m"], ['no template "../\\u001b[31m"']),
        (["--template", "agents", "FILE"], ["agents has a workload of its own: leave FILE and --set out"]),
        (["--template", "agents", "--set", "tasks=5"], ["leave FILE and --set out"]),
        (["--template", "agents", "--interpreter", "3.14"], ["give --interpreter PATH to the script"]),
        (["--template", "compare-approaches"], ["error: give a FILE"]),
        ([], ["error: give a FILE"]),
        (["FILE", "--budget", "soon"], ['budget "soon" is no length of time', "60s, 2m, 1m30s"]),
        (["FILE", "--interpreter", "3.9"], ["the benchmark needs 3.10 or later"]),
        (["FILE", "--io", "carrier-pigeon"], ["'socket', 'sleep'"]),
        (["FILE", "--seed", "-1"], ["--seed"]),
        (["missing.json"], ["missing.json: cannot be read"]),
    ],
    ids=lambda value: " ".join(value) if value and "--" in value[0] else None,
)
def test_what_generate_refuses(arguments: list[str], words: list[str], tiny: Path, tmp_path: Path) -> None:
    given = [str(tiny) if a == "FILE" else a for a in arguments]
    refused(call("generate", *given, "-o", str(tmp_path / "bench.py")), *words)
    assert os.listdir(tmp_path) == ["tiny.json"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_the_templates(shell: str) -> None:
    for word, found in {
        "": {"agents", "compare-approaches", "todo-batch", "web-scraper"},
        "we": {"web-scraper"},
        "x": set(),
    }.items():
        line = f"concurrency-selector generate --template {word}".rstrip()
        variables = {COMPLETE: f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": word if shell == "fish" else "3"}
        with mock.patch.dict(os.environ, variables):
            result = call()
        lines = result.out.splitlines()
        answers = set(lines[1::3]) if shell == "zsh" else {re.split(r"[,\t]", line)[1] for line in lines if line}
        assert (result.code, answers) == (0, found)


# validate: what it prints and keeps -----------------------------------------------------------------------------------


def test_validate_prints_one_json_object(measured: tuple[Run, Path]) -> None:
    result, _ = measured
    assert result.code == 0
    data = result.json  # one object, and nothing after it
    assert data["verdict"] in VERDICTS
    assert data["recommended"] == "single_threaded"
    assert data["winner"] in {m["approach"] for m in data["measurements"]} | {None}  # None: no verdict
    assert (data["schema"], data["complete"], data["seed"]) == (1, True, 7)
    assert data["budget_seconds"] in (3, 12, 48)
    assert data["profile"] | TINY == data["profile"]
    assert data["measurements"][0]["approach"] == "single_threaded"
    for m in data["measurements"]:
        assert {"approach", "interpreter", "workers", "status", "seconds", "speedup"} < set(m)
        if m["status"] == "ok":
            assert 0 < m["seconds"]["low"] <= m["seconds"]["median"] <= m["seconds"]["high"]
            assert m["cpu_percent"] > 0 and m["peak_memory_mb"] > 0 and m["speedup"] > 0
            latency = m["task_latency_ms"]
            assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
        else:
            assert (m["seconds"], m["speedup"], m["cpu_percent"], m["task_latency_ms"]) == (None,) * 4


def test_what_it_prints_is_the_report_itself(measured: tuple[Run, Path]) -> None:
    result, folder = measured
    report = ValidationReport.model_validate_json(result.out)
    assert json.loads(report.model_dump_json()) == result.json
    assert (folder / "results.json").read_text("utf-8") == result.out


def test_all_that_it_rests_on_is_kept(measured: tuple[Run, Path]) -> None:
    result, folder = measured
    assert sorted(os.listdir(folder)) == FILES
    assert result.err.endswith(f"kept in {folder}: bench.py, plan.json, events.jsonl, results.json, report.md\n")
    session = read_events(folder / "events.jsonl")
    assert (session.start.seed, session.end and session.end.reason) == (7, "budget")
    ran = {(m["approach"], m["interpreter"]) for m in result.json["measurements"]}
    assert ran == {(cell.approach, cell.interpreter) for cell in session.cells}
    assert numbers_of(folder / "bench.py")["TASKS"] == 8
    assert json.loads((folder / "plan.json").read_text())["recommended"] == "single_threaded"
    markdown = (folder / "report.md").read_text("utf-8")
    assert markdown.startswith("No verdict: ") == (result.json["verdict"] == "inconclusive")
    assert "## Verdict\n\n- **Workload:** tiny\n" in markdown
    assert f"**Verdict:** {result.json['verdict'].upper()}" in markdown


def test_progress_is_told_on_standard_error(measured: tuple[Run, Path]) -> None:
    lines = measured[0].err.splitlines()
    assert re.fullmatch(r"measuring tiny for at most \d+ s", lines[0])
    assert any(re.match(r"\[\d+ s, \d+ s left\] single_threaded on 3\.\d+t?, 1 worker: \d", line) for line in lines)
    assert re.match(r"\[\d+ s\] \d+ runs: the time budget is used up", lines[-2])


def test_a_folder_that_is_not_empty_is_refused_and_stays_as_it_is(measured: tuple[Run, Path], tiny: Path) -> None:
    _, folder = measured
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}
    result = call("validate", str(tiny), "--save", str(folder))
    refused(result, f"{folder}: the folder is not empty", "hint: take another one, or --force to write into it")
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()} == before


FAST = ["--budget", "1s", *HERE]


def test_runs_that_nobody_asked_to_keep_are_in_the_cache(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    result = call("validate", str(tiny), *FAST, "--format", "markdown")
    assert result.code == 0
    (kept,) = (tmp_path / "cache" / "runs").iterdir()
    assert sorted(os.listdir(kept)) == sorted([".made-by-validate", *FILES])
    assert f"kept in {kept}: bench.py" in result.err
    assert (kept / "report.md").read_text("utf-8") == result.out


def test_nothing_hostile_gets_through_a_pipe(tmp_path: Path) -> None:
    name = "\x1b[31m\x1b]0;x\x07\u202e\x9b2J\r\n# --- parameters: end ---"
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps({**TINY, "name": name, "description": name}), "utf-8")
    save = tmp_path / "\x1b[2J"
    result = run("validate", str(file), *FAST, "--save", str(save))
    assert result.code == 0
    assert (result.out + result.err).replace("\n", "").isprintable()
    assert "=== Verdict ===\nWorkload: " in result.out
    assert "\\x1b[31m" in result.out and "\\x1b[31m" in result.err
    assert ValidationReport.model_validate_json((save / "results.json").read_bytes()).profile.name == name


@posix_only
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"], ids=["closed", "full"])
def test_a_standard_error_that_takes_nothing_is_no_reason_to_fail(tiny: Path, redirection: str) -> None:
    if not Path("/dev/full").exists() and "full" in redirection:
        pytest.skip("no /dev/full")
    done = in_a_shell(redirection, ["validate", str(tiny), "--json", *FAST])
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["verdict"] in VERDICTS


# validate: refusals and odd workloads ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--budget", "nonsense"], ['budget "nonsense" is no length of time', "60s, 2m, 1m30s"]),
        (["--budget", "0s"], ["too short", "from 1s to 24h"]),
        (["--budget", "25h"], ["too long"]),
        (["--budget", "1s", "--set", "cpu_ms_per_task=60000"], ["a budget of 1 s is too short", "--budget "]),
        (
            ["--interpreter", "3.9"],
            ['interpreter "3.9" is Python 3.9: the benchmark needs 3.10 or later', "here are: "],
        ),
        (["--interpreter", "3.99"], ['no interpreter "3.99" on this machine', "here are: "]),
        (["--interpreter", "snake"], ["snake: cannot be run: No such file", "hint: a version such as 3.14t"]),
        (["--interpreter", "/bin/sh"], ["/bin/sh: ended with exit code 2", "the path of a Python"]),
        (["--interpreter", "/"], ["/: cannot be run: Permission denied"]),
        (["--set", "interpreters=3.98,3.99t"], ["none of the profile's interpreters", "3.98, 3.99t", "--interpreter"]),
        (["--set", "tasks=0"], ["tasks is 0: expected a whole number"]),
        (["--json", "--format", "markdown"], ["--json prints JSON: leave --format markdown out"]),
        (["--format", "yaml"], ["'yaml' is not one of 'text', 'json', 'markdown'"]),
        (["--rules", "missing"], ["--rules missing: not a folder"]),
        (["--save", __file__], ["cannot be used: File exists", "--save with a folder you may write to"]),
    ],
    ids=lambda value: " ".join(value)[:40] if value and value[0].startswith("--") else None,
)
@posix_only
def test_what_validate_refuses(
    arguments: list[str], words: list[str], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with mock.patch.object(benchmarking, "run_benchmark", side_effect=AssertionError("it must not be run")):
        refused(call("validate", str(tiny), *arguments), *words)


def test_validate_needs_a_workload() -> None:
    refused(call("validate"), "error: give a FILE")
    refused(call("validate", "missing.json"), "missing.json: cannot be read")
    refused(call("validate", "-", stdin=b"[]"), "a workload is a JSON object, not a list")


def test_a_workload_from_standard_input_with_more_cores_than_here() -> None:
    text = json.dumps({**TINY, "cpu_cores": 512, "platform": "windows"}).encode()
    result = call("validate", "-", "--json", *FAST, stdin=text)
    assert result.code == 0
    report = ValidationReport.model_validate_json(result.out)
    assert report.warnings[0].startswith("The profile has 512 CPU cores, this machine ")
    assert report.cpus == report.profile.cpu_cores < 512
    assert all(m.workers <= report.cpus for m in report.measurements if m.role == "candidate")


def test_what_cannot_be_tried_on_one_machine_is_said_at_once() -> None:
    work = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    result = call("validate", *work, "--set", "machines=3", "--budget", "24h", *HERE)
    assert (result.code, result.out) == (1, "")
    assert "a distributed task queue, which cannot be measured on one machine: nothing was run" in result.err
    assert "leave out what asks for it: --set machines=1" in result.err


def test_only_a_gil_build_makes_another_recommendation_of_what_wants_none(
    needs: Callable[[str], str], tmp_path: Path
) -> None:
    needs("3.14"), needs("3.13t")
    work = [
        "--set",
        "workload_type=cpu",
        "--set",
        "tasks=64",
        "--set",
        "cpu_ms_per_task=10",
        "--set",
        "picklable=false",
    ]
    assert call("recommend", *work, "--format", "json").json["approach"] == "free_threaded"
    report = ValidationReport.model_validate_json(
        call("validate", *work, "--budget", "8s", "--json", "--interpreter", "3.14").out
    )
    assert {m.interpreter for m in report.measurements} == {"3.14"}
    assert report.recommended != "free_threaded"
    assert report.profile.interpreters == ("3.14",)
    assert report.recommended in {m.approach for m in report.measurements}
    assert report.verdict in VERDICTS and report.reason


# validate: exit codes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "interrupted", "option", "code"),
    [
        ("refuted", False, True, 3),
        ("refuted", False, False, 0),
        ("refuted", True, True, 130),
        ("confirmed", False, True, 0),
        ("tie", False, True, 0),
        ("inconclusive", False, True, 0),
        ("inconclusive", True, False, 130),
    ],
)
def test_the_exit_code(
    verdict: Any, interrupted: bool, option: bool, code: int,
    measured: tuple[Run, Path], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    report = ValidationReport.model_validate_json(measured[0].out).model_copy(update={"verdict": verdict})
    monkeypatch.setattr(benchmarking, "prove", lambda *_: Proof(report, tmp_path, "bench.py", interrupted))
    options = ["--fail-on-refuted"] if option else []
    for form in ([], ["--json"], ["--format", "markdown"]):
        result = call("validate", str(tiny), *options, *form)
        assert result.code == code
        assert verdict in result.out.lower()


def test_a_report_that_cannot_be_saved_is_printed_and_the_exit_code_is_1(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "results.json").mkdir(parents=True)
    result = call("validate", str(tiny), "--json", "--save", str(tmp_path / "mine"), "--force", *FAST)
    assert result.code == 1
    assert ValidationReport.model_validate_json(result.out).verdict in VERDICTS
    assert f"error: {tmp_path / 'mine' / 'results.json'}: cannot be written: " in result.err
    assert "kept in" not in result.err


# validate: signals ----------------------------------------------------------------------------------------------------


def family(marker: str) -> list[str]:
    """The processes that have the marker in their environment, wherever they are now."""
    found = []
    for process in psutil.process_iter():
        try:
            if marker in process.environ().values() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
        except psutil.Error:
            continue
    return found


def wait_for(fact: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


class Measuring:
    """`validate` as a process of its own, in a group of its own, until some cells are finished."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], marker: str) -> None:
        self.folder, self.process, self.marker = folder, process, marker

    def cells(self) -> int:
        try:
            return (self.folder / "events.jsonl").read_bytes().count(b'"event":"cell"')
        except FileNotFoundError:
            return 0

    def ends(self) -> tuple[int, bytes, bytes]:
        out, err = self.process.communicate(timeout=30)
        assert b"Traceback" not in err
        return self.process.returncode, out, err


@contextmanager
def measuring(tmp_path: Path) -> Iterator[Measuring]:
    """A run that would take a minute; whatever happens, none of its processes is left at the end."""
    file, folder, marker = tmp_path / "work.json", tmp_path / "run", f"run-{uuid.uuid4()}"
    (tmp_path / "tmp").mkdir()
    file.write_text(json.dumps({**TINY, "tasks": 20, "cpu_ms_per_task": 10}), "utf-8")
    arguments = ["validate", str(file), "--budget", "60s", "--json", "--save", str(folder), *HERE]
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "SELECTOR_TEST_MARKER": marker, "TMPDIR": str(tmp_path / "tmp")},
    ) as process:  # fmt: skip
        run = Measuring(folder, process, marker)
        try:
            wait_for(lambda: run.cells() >= 2 or process.poll() is not None)
            assert len(family(marker)) >= 3  # the tool, the script, its server, and what is measured just now
            yield run
        finally:
            for line in [str(process.pid), *family(marker)]:
                try:
                    psutil.Process(int(line.split()[0])).kill()
                except psutil.Error:
                    continue


@posix_only
@pytest.mark.parametrize(
    ("kill", "number"),
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGINT), (os.kill, signal.SIGTERM)]
    if sys.platform != "win32"
    else [],
    ids=["ctrl-c", "SIGINT", "SIGTERM"],
)
def test_being_stopped_gives_a_partial_report_and_leaves_no_process(
    tmp_path: Path, kill: Callable[[int, int], None], number: int
) -> None:
    with measuring(tmp_path) as run:
        kill(run.process.pid, number)
        code, out, err = run.ends()
        left = family(run.marker)
    assert (code, left) == (130, [])
    report = ValidationReport.model_validate_json(out)
    assert report.measurements and not report.complete
    assert ValidationReport.model_validate_json((run.folder / "results.json").read_bytes()) == report
    session = read_events(run.folder / "events.jsonl")
    assert len(session.cells) >= 2 and session.end is not None and session.end.reason == "interrupted"
    assert sorted(os.listdir(run.folder)) == FILES
    assert b"kept in " in err
    assert os.listdir(tmp_path / "tmp") == []


@posix_only
def test_when_the_tool_is_killed_its_processes_die_with_it(tmp_path: Path) -> None:
    with measuring(tmp_path) as run:
        known = run.cells()
        run.process.kill()
        run.process.wait(30)
        wait_for(lambda: not family(run.marker), 10)
    session = read_events(run.folder / "events.jsonl")
    assert len(session.cells) >= known >= 2
    assert all(cell.status == "ok" for cell in session.cells)
    wait_for(lambda: not os.listdir(tmp_path / "tmp"), 5)


# validate: a terminal -------------------------------------------------------------------------------------------------

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"  # the cursor


@contextmanager
def terminal(arguments: list[str]) -> Iterator[Any]:
    pexpect = pytest.importorskip("pexpect", reason="pseudo-terminals need POSIX", exc_type=ImportError)
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES", "CI")}
    child = pexpect.spawn(
        COMMAND[0], [*COMMAND[1:], *arguments], env={**environment, "TERM": "xterm-256color"}, dimensions=(24, 90),
        timeout=30, encoding="utf-8",
    )  # fmt: skip
    try:
        yield child
    finally:
        child.close(force=True)


@posix_only
@pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning")
def test_a_terminal_shows_the_run_and_then_the_report(tiny: Path) -> None:
    import pexpect

    with terminal(["validate", str(tiny), "--budget", "2s", *HERE]) as user:
        user.expect_exact("Measuring tiny")
        user.expect_exact("Now: ")
        user.expect(r" of 2 s, \d s left")
        user.expect_exact("=== Verdict ===")
        live = user.before
        user.expect_exact("kept in ")
        report = CODES.sub("", user.before)
        user.expect(pexpect.EOF)
        user.close()
    assert user.exitstatus == 0
    assert SHOWN in live  # the display is gone, and the cursor back
    for title in ("=== Measurements ===", "Single-threaded", "tiny"):
        assert title in report
    for word in ("Now: ", "Measuring tiny"):
        assert word not in report


@posix_only
@pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning")
def test_ctrl_c_in_a_terminal_ends_in_the_report_with_the_cursor_back(tiny: Path) -> None:
    import pexpect

    with terminal(["validate", str(tiny), "--budget", "60s", *HERE]) as user:
        user.expect(r"single_threaded.*\d m?s")
        user.send("\x03")
        user.expect_exact("=== Verdict ===")
        assert user.before.rfind(SHOWN) > user.before.rfind(HIDDEN)
        user.expect(pexpect.EOF)
        said = CODES.sub("", user.before)
        user.close()
    assert user.exitstatus == 130
    assert "incomplete" in said and "kept in " in said
    assert "Traceback" not in said


# recommend --with -----------------------------------------------------------------------------------------------------


def test_recommend_shows_what_was_measured(measured: tuple[Run, Path], tiny: Path) -> None:
    data, folder = measured[0].json, measured[1]
    results = str(folder / "results.json")
    with_file, without = call("recommend", str(tiny), "--with", results), call("recommend", "--with", results)
    plain = call("recommend", str(tiny))
    assert (with_file.code, with_file.err, without.code, without.err) == (0, "", 0, "")
    summary, _, measured_text = with_file.out.partition("\n\n")
    assert summary.partition("Next:")[0] == plain.out.partition("Next:")[0]
    assert "validate" in plain.out and "validate" not in summary  # it was validated
    assert measured_text.startswith("=== Measured ===\nVerdict: ")
    assert data["verdict"].upper() in measured_text
    assert without.out.endswith(measured_text)
    markdown = call("recommend", str(tiny), "--with", results, "--format", "markdown").out
    assert "\n## Measured\n" in markdown and f"**Verdict:** {data['verdict'].upper()}" in markdown


def test_recommend_has_what_was_measured_in_json(measured: tuple[Run, Path], tiny: Path) -> None:
    results = str(measured[1] / "results.json")
    plain = call("recommend", str(tiny), "--format", "json").json
    data = call("recommend", str(tiny), "--with", results, "--format", "json").json
    assert data == {**plain, "measured": measured[0].json}
    assert list(data)[-1] == "measured"
    data = call("recommend", str(tiny), "--with", results, "--format", "json", "--explain").json
    assert list(data)[-2:] == ["explanation", "measured"]
    alone = call("recommend", "--with", results, "--format", "json").json
    assert alone["approach"] == plain["approach"]


def test_results_of_another_workload_are_noted(measured: tuple[Run, Path], tiny: Path) -> None:
    results = str(measured[1] / "results.json")
    differing = call("recommend", str(tiny), "--set", "tasks=9", "--set", "gpu=yes", "--with", results)
    assert differing.code == 0
    assert differing.err == "note: the results were measured for another workload: it differs in tasks, gpu\n"
    assert "=== Measured ===" in differing.out
    elsewhere = ["--set", "name=other", "--set", "cpu_cores=7", "--set", "platform=windows"]
    assert call("recommend", str(tiny), *elsewhere, "--with", results).err == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", ["not valid JSON at line 1, column 1"]),
        (b'{"schema": 1,', ["not valid JSON at line 1"]),
        (b"\xff", ["not UTF-8 text"]),
        (b"[]", ["these are no results of `validate` (the whole: "]),
        (json.dumps(TINY).encode(), ["these are no results of `validate` (verdict: "]),
        (b'{"schema": 2}', ["these are no results of `validate`"]),
        (b'{"\\u001b[31m": 1}', ["these are no results of `validate`"]),
        (b'{"reason": "\\ud800"}', ["these are no results of `validate`"]),
        (b'{"seed": 1e999, "tasks": NaN}', ["these are no results of `validate`"]),
        (b'{"cpus": ' + b"9" * 5000 + b"}", ["these are no results of `validate`"]),
        (b'{"a":' * 190_000, ["JSON nested too deeply"]),
        (b" " * 1_000_001, ["larger than 1,000,000 bytes"]),
    ],
    ids=[
        "empty", "cut off", "bytes", "a list", "a workload", "schema", "escape", "surrogate", "no number", "huge", "deep", "long"
    ],
)  # fmt: skip
def test_other_files_are_no_results(text: bytes, words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_bytes(text)
    result = call("recommend", "--with", str(file))
    refused(result, f"error: {file}: ", "hint: give the results.json of `validate --save DIR`", *words)
    assert result.err.replace("\n", "").isprintable()


def test_each_wrong_value_in_results_is_named(measured: tuple[Run, Path], tmp_path: Path) -> None:
    data = measured[0].json
    spoilt = {
        "verdict": {"verdict": "maybe"},
        "winner": {"winner": "hope"},
        "profile.tasks": {"profile": {**data["profile"], "tasks": -1}},
        "measurements.0.seconds": {"measurements": [{**data["measurements"][0], "seconds": 5}]},
        "tasks": {"tasks": "8"},
        "used_seconds": {"used_seconds": None},
        "more": {"more": 1},
    }
    for place, change in spoilt.items():
        file = tmp_path / "results.json"
        file.write_text(json.dumps({**data, **change}), "utf-8")
        refused(call("recommend", "--with", str(file)), f"these are no results of `validate` ({place}")


def test_results_that_cannot_be_had(tmp_path: Path, measured: tuple[Run, Path]) -> None:
    hint = "hint: give the results.json of `validate --save DIR`"
    refused(call("recommend", "--with", "missing.json"), "missing.json: cannot be read: No such file", hint)
    refused(call("recommend", "--with", str(tmp_path)), "cannot be read: Is a directory", hint)
    refused(call("recommend", "--with", "a\0b"), "the name has a NUL character", hint)
    refused(call("recommend", "--with", "-", stdin=b"{}"), "standard input: these are no results", hint)
    refused(call("recommend", "--jsonl", "--with", "results.json"), "leave --format, --with and --full out")
    from_pipe = call("recommend", "--with", "-", stdin=measured[0].out.encode())
    assert (from_pipe.code, "=== Measured ===" in from_pipe.out) == (0, True)


def test_a_template_of_several_files_becomes_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "todos"
    done = call("generate", "--template", "todo-batch", "-o", str(out))
    assert done.code == 0, done.err
    assert f"python {out} compare" in done.err
    assert "__main__.py" in os.listdir(out)
    assert os.listdir(tmp_path) == ["todos"]
    refused(call("generate", "--template", "todo-batch", "-o", str(out)), f"{out}: it is there already")
    (out / "mine.txt").write_text("mine")
    (out / "tasks.py").write_text("changed")
    assert call("generate", "--template", "todo-batch", "-o", str(out), "--force").code == 0
    assert (out / "mine.txt").read_text() == "mine"
    assert "class Task" in (out / "tasks.py").read_text()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(call("generate", "--template", "todo-batch", "-o", str(tmp_path / "file" / "x")), "cannot be written")
    assert (tmp_path / "file").read_text() == ""
