"""`--rules DIR`: tables of one's own at the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command import Run, call, refused

from selector import SelectorError, recommend
from selector.files import resource_dir

ROOT = Path(__file__).resolve().parent.parent

# rules of one's own ---------------------------------------------------------------------------------------------------


@pytest.fixture
def my_rules(tmp_path: Path) -> Path:
    """A folder in which Dask gives way to Ray, and one example is not true any more."""
    folder = tmp_path / "my-rules"
    folder.mkdir()
    text = (resource_dir("rules") / "engine.yaml").read_text("utf-8")
    (folder / "engine.yaml").write_text(text.replace("then: {engine: dask}", "then: {engine: ray}"), "utf-8")
    return folder


@pytest.mark.parametrize(
    "before", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["before the command", "after it"]
)
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
    assert re.search(r"^FAIL +engine: 9 of 11 examples, .*\n +.*engine\.yaml:\d+: expected", failed.out, re.MULTILINE)
    assert failed.err == "error: examples that failed: 2\n  hint: mend the table or the example\n"


def test_the_rules_after_the_command_win(my_rules: Path, tmp_path: Path) -> None:
    work = ["recommend", "--set", "workload_type=cpu", "--set", "machines=3", "--format", "json"]
    (tmp_path / "engine.yaml").write_text((resource_dir("rules") / "engine.yaml").read_text("utf-8"), "utf-8")
    assert call("--rules", str(tmp_path), *work, "--rules", str(my_rules)).json["engine"] == "ray"


def test_a_broken_table_is_refused_wherever_it_is_used(my_rules: Path) -> None:
    file = my_rules / "engine.yaml"
    file.write_text(file.read_text("utf-8").replace("mode: service}", "mode: > 5}"), "utf-8")
    for arguments in (["recommend", "--set", "workload_type=io"], ["rules", "list"], ["rules", "check"], ["examples"]):
        refused(call(*arguments, "--rules", str(my_rules)), f"error: {file}:")


@pytest.mark.slow
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
    refused(call("rules", "show", "clasify"), 'no table "clasify" (did you mean "classify"?)', "facts, classes")
    refused(call("rules"), "Usage: ")


@pytest.mark.slow
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
    assert result.out == f"ok  {good}: 10 rules, 12 inputs, 103,680 cells, proven, 2 notes\n"
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
