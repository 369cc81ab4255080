"""The command validate: what it prints and keeps, what it refuses, its exit codes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from command import Run, call, in_a_shell, posix_only, refused
from conftest import CACHE_VARIABLE
from fake_script import FILES, HERE, TINY, VERDICTS, saved, script_that_says_it
from sample_template import parameters_in

from selector import proof as benchmarking
from selector.proof import Proof
from selector.report.validation import validation_document
from selector.validation import ValidationReport


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
    assert result.err.endswith(
        f"kept in {folder}: bench.py, plan.json, events.jsonl, results.json, report.md, report.html\n"
    )
    session = saved(folder / "events.jsonl")
    assert (session.start.seed, session.end and session.end.reason) == (7, "budget")
    ran = {(m["approach"], m["interpreter"]) for m in result.json["measurements"]}
    assert ran == {(cell.approach, cell.interpreter) for cell in session.cells}
    assert parameters_in((folder / "bench.py").read_text("utf-8"))["TASKS"] == 8
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


BUDGETS = ("1s", "10s", "50s")  # a busy machine needs more


def test_runs_that_nobody_asked_to_keep_are_in_the_cache(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    with script_that_says_it():
        result = call("validate", str(tiny), *HERE, "--format", "markdown")
    assert result.code == 0
    (kept,) = (tmp_path / "cache" / "runs").iterdir()
    assert sorted(os.listdir(kept)) == sorted([".made-by-validate", *FILES])
    assert f"kept in {kept}: bench.py" in result.err
    assert (kept / "report.md").read_text("utf-8") == result.out


@pytest.mark.slow
def test_nothing_hostile_gets_through_a_pipe(tmp_path: Path) -> None:
    name = "\x1b[31m\x1b]0;x\x07\u202e\x9b2J\r\n# --- parameters: end ---"
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps({**TINY, "name": name, "description": name}), "utf-8")
    save = tmp_path / "\x1b[2J"
    for budget in BUDGETS:
        result = call("validate", str(file), "--budget", budget, *HERE, "--save", str(save), "--force")
        if result.code == 0:
            break
    assert result.code == 0
    assert (result.out + result.err).replace("\n", "").isprintable()
    assert "=== Verdict ===\nWorkload: " in result.out
    assert "\\x1b[31m" in result.out and "\\x1b[31m" in result.err
    assert ValidationReport.model_validate_json((save / "results.json").read_bytes()).profile.name == name


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"], ids=["closed", "full"])
def test_a_standard_error_that_takes_nothing_is_no_reason_to_fail(tiny: Path, redirection: str) -> None:
    if not Path("/dev/full").exists() and "full" in redirection:
        pytest.skip("no /dev/full")
    for budget in BUDGETS:
        done = in_a_shell(redirection, ["validate", str(tiny), "--json", "--budget", budget, *HERE])
        if done.returncode == 0:
            break
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
    with script_that_says_it():
        result = call("validate", "-", "--json", *HERE, stdin=text)
    assert result.code == 0
    report = ValidationReport.model_validate_json(result.out)
    assert report.warnings[0].startswith("The profile has 512 CPU cores, this machine ")
    assert report.profile.cpu_cores < 512 and report.profile.platform != "windows"


def test_what_cannot_be_tried_on_one_machine_is_said_at_once() -> None:
    work = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    with mock.patch("selector.benchmark.engine_arm._is_installed", return_value=False):
        result = call("validate", *work, "--set", "durable=true", "--budget", "24h", *HERE)
    assert (result.code, result.out) == (1, "")
    assert "a distributed task queue on huey, which is not installed: nothing was run" in result.err
    assert "leave out what asks for it: --set durable=false" in result.err


@pytest.mark.slow
def test_only_a_gil_build_makes_another_recommendation_of_what_wants_none(
    needs: Callable[[str], str], tmp_path: Path
) -> None:
    needs("3.14"), needs("3.13t")
    fields = ("workload_type=cpu", "tasks=64", "cpu_ms_per_task=10", "picklable=false")
    work = [word for field in fields for word in ("--set", field)]
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
    monkeypatch.setattr(
        benchmarking, "prove", lambda *_: Proof(report, validation_document(report), tmp_path, "bench.py", interrupted)
    )
    options = ["--fail-on-refuted"] if option else []
    for form in ([], ["--json"], ["--format", "markdown"]):
        result = call("validate", str(tiny), *options, *form)
        assert result.code == code
        assert verdict in result.out.lower()


def test_a_report_that_cannot_be_saved_is_printed_and_the_exit_code_is_1(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "results.json").mkdir(parents=True)
    with script_that_says_it():
        result = call("validate", str(tiny), "--json", "--save", str(tmp_path / "mine"), "--force", *HERE)
    assert result.code == 1
    assert ValidationReport.model_validate_json(result.out).verdict in VERDICTS
    assert f"error: {tmp_path / 'mine' / 'results.json'}: cannot be written: " in result.err
    assert "kept in" not in result.err
