"""recommend --with: what was measured, beside the recommendation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import Run, call, refused
from fake_script import HERE, TINY, script_that_says_it


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps(TINY), "utf-8")
    return file


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """What `validate` printed of a run, and where it is kept."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "tiny.json").write_text(json.dumps(TINY), "utf-8")
    with script_that_says_it():
        done = call("validate", str(folder / "tiny.json"), "--json", "--save", str(folder / "results"), *HERE)
    assert done.code == 0
    return done, folder / "results"


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
    refused(call("recommend", "--jsonl", "--with", "results.json"), "leave --format, --with, --deps and --full out")
    from_pipe = call("recommend", "--with", "-", stdin=measured[0].out.encode())
    assert (from_pipe.code, "=== Measured ===" in from_pipe.out) == (0, True)
