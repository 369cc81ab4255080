"""`recommend`, `migrate`, `examples` and `host` at the command line, and the same from Python."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from types import MappingProxyType

import pytest
from command import call, posix_only, refused, run

from selector import Selector, SelectorError, recommend
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


INSTEAD = "this command with validate in the place of recommend"


# recommend ------------------------------------------------------------------------------------------------------------


def test_a_file_gives_a_recommendation_on_standard_output_and_nothing_else(workload: Path) -> None:
    result = run("recommend", str(workload))
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert len(lines) <= 10
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
    whole = call("recommend", *named, "--full").out.splitlines()
    assert f"Next:     {INSTEAD}, without --full" in whole  # which validate does not have
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
        "schema", "profile", "workload_class", "approach", "title", "engine", "interpreter", "workers", "processes", "reasons",
        "expected", "fits", "capacity", "cluster", "outgrown", "notes", "migration", "alternatives", "would_change", "runs_here", "current",
        "good_enough", "wrong_turns",
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
    assert {entry["approach"] for entry in data.values() if "parts" not in entry} == set(APPROACHES)
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
