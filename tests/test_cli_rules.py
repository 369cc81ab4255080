"""`rules check`, `rules test` and `rules diff`: what they print, their exit codes, their JSON, and the workloads they name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command import Run, call

from selector.decision import load_table
from selector.decision.cells import matches
from selector.decision.parser import parse_cell
from selector.files import resource_dir
from selector.recommend.chain import Situation
from selector.recommend.knowledge import all_tables, load_knowledge
from selector.recommend.witnesses import PLAIN_HOST
from selector.workload.profile import APPROACHES
from selector.workload.reading import profile_from_mapping

RULES = resource_dir("rules")
AMPLE = ("--budget", "1h")  # for tables as large as ours on a busy machine
TABLE = """table: fee
hit_policy: first
inputs: {age: {type: number, values: '>= 0'}, member: {type: boolean, optional: true}}
outputs: {fee: {type: number}}
rules:
  - {id: child, when: {age: '< 18'}, then: {fee: 5}}
  - {id: member, when: {member: true}, then: {fee: 8}}
  - {id: other, when: {member: 'false, null'}, then: {fee: 10}}
examples:
  - {given: {age: 3}, expect: {fee: 5}}
"""


@pytest.fixture
def fee(tmp_path: Path) -> Path:
    file = tmp_path / "fee.yaml"
    file.write_text(TABLE, "utf-8")
    return file


def edit(file: Path, before: str, after: str, to: Path | None = None) -> Path:
    text = file.read_text("utf-8")
    assert before in text
    (to or file).write_text(text.replace(before, after), "utf-8")
    return to or file


def copy_of(name: str, folder: Path, before: str, after: str) -> Path:
    """One of our tables with an edit."""
    folder.mkdir(exist_ok=True)
    return edit(RULES / f"{name}.yaml", before, after, folder / f"{name}.yaml")


# check ----------------------------------------------------------------------------------------------------------------


def test_our_own_tables_are_proven_without_an_error_or_a_warning() -> None:
    result = call("rules", "check", "--strict", *AMPLE)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert len(lines) == len(all_tables())
    line = r"ok  \w+: \d+ rules, \d+ inputs, .* cells, proven(, \d+ notes?)?"
    assert all(re.fullmatch(line, each) for each in lines)


def test_a_gap_is_an_error_with_place_region_and_witness(fee: Path) -> None:
    edit(fee, "'false, null'", "false")
    result = call("rules", "check", str(fee))
    assert result.code == 1
    assert result.err == "error: errors: 1\n  hint: mend the rows named above\n"
    assert result.out == (
        f"FAIL  {fee}: 3 rules, 2 inputs, 12 cells, proven, 1 error, 1 note\n"
        f"      error: no row matches where age is >= 18, member is null: there is no answer\n"
        f"        in {fee}\n"
        '        given {"age": 18}\n'
    )


def test_rows_are_named_with_their_lines_and_the_region_where_the_message_has_none(fee: Path) -> None:
    edit(fee, "hit_policy: first", "hit_policy: unique")
    result = call("rules", "check", str(fee))
    assert result.code == 1
    assert (
        "      error: child and member match together, and only one may\n"
        f"        rows child ({fee}:6), member ({fee}:7)\n"
        "        where age is [0..18), member is true\n"
        '        given {"age": 0, "member": true}\n'
    ) in result.out


def test_warnings_count_only_if_strict(fee: Path) -> None:
    edit(fee, "fee: {type: number}", "fee: {type: number, values: [5, 8, 10, 11]}")
    for options, code, errors in (([], 0, ""), (["--strict"], 1, "error: errors and warnings: 1\n")):
        result = call("rules", "check", str(fee), *options)
        assert "proven, 1 warning" in result.out and "      warning: output fee: no row gives 11\n" in result.out
        assert result.code == code
        assert result.err.startswith(errors)


def test_notes_are_counted_and_shown_on_demand(fee: Path) -> None:
    assert call("rules", "check", str(fee)).out == f"ok  {fee}: 3 rules, 2 inputs, 12 cells, proven, 1 note\n"
    shown = call("rules", "check", str(fee), "--notes").out
    assert "      note: pairs of rows that match together with different outputs" in shown
    assert "workload" not in shown


def test_all_findings_are_in_the_json(fee: Path) -> None:
    edit(fee, "'false, null'", "false")
    result = call("rules", "check", "--json", str(fee), str(fee.parent / "missing.yaml"))
    assert result.code == 2
    assert "missing.yaml: cannot be read" in result.err
    (entry,) = result.json
    assert (entry["table"], entry["file"], entry["proven"], entry["cells"]) == ("fee", str(fee), True, 12)
    assert [finding["severity"] for finding in entry["findings"]] == ["error", "note"]
    gap = entry["findings"][0]
    assert (gap["kind"], gap["region"]) == ("gap", {"age": ">= 18", "member": "null"})
    assert load_table(fee).decide(gap["witness"]).matched == []


def test_several_files_are_checked_as_a_chain_and_versions_of_one_are_not(fee: Path) -> None:
    lower = fee.parent / "lower.yaml"
    text = "table: lower\nhit_policy: first\ninputs: {fee: {type: number, values: '< 10'}}\noutputs: {o: {}}\nrules: [{then: {o: 1}}]\n"
    lower.write_text(text, "utf-8")
    result = call("rules", "check", str(fee), str(lower))
    assert result.code == 1
    assert "output fee is 10, outside < 10: table lower does not accept it" in result.out
    assert call("rules", "check", str(fee)).code == 0
    assert call("rules", "check", str(fee), str(edit(fee, "5}", "6}", fee.parent / "other.yaml"))).code == 0


@pytest.mark.slow
def test_a_finding_about_facts_comes_with_a_workload_for_recommend(tmp_path: Path) -> None:
    file = copy_of("classify", tmp_path, "when: {gpu: true}", "when: {gpu: true, mode: batch}")
    edit(file, "when: {workload_type: io}", "when: {workload_type: io, gpu: not(true)}")
    result = call("rules", "check", "--json", "--rules", str(tmp_path))
    assert result.code == 1
    entry = next(each for each in result.json if each["table"] == "classify")
    assert entry["file"] == str(file)
    gaps = [finding for finding in entry["findings"] if finding["kind"] == "gap"]
    with_one = [gap for gap in gaps if gap["workload"] is not None]
    assert with_one
    for gap in gaps:  # a workload that is predicted to be such is not always found
        assert gap in with_one or {"one_machine_use", "machines_gain"} & gap["region"].keys()
    for gap in with_one:
        facts: Any = Situation(profile_from_mapping(gap["workload"]), PLAIN_HOST, load_knowledge()).unclassified
        assert all(matches(parse_cell(text), facts[name]) for name, text in gap["region"].items())
        given = tmp_path / "given.json"
        given.write_text(json.dumps(gap["workload"]), "utf-8")
        assert "no rule matches" in call("recommend", str(given), "--rules", str(tmp_path)).err
    assert "        for example the workload {" in call("rules", "check", str(file)).out


def test_what_no_approach_can_be_is_no_fault_of_a_table(tmp_path: Path) -> None:
    file = copy_of(
        "sizing", tmp_path, "  - id: cores\n    then:", "  - id: cores\n    when: {pool: [cores, waits]}\n    then:"
    )
    assert call("rules", "check", str(file)).code == 0
    row = "when: {pool: none}"
    edit(file, row, "when: {pool: none, runs_in: own}")  # the cluster has no pool? it has one: nothing else has none
    found = call("rules", "check", "--notes", str(file))
    knowledge = load_knowledge()
    without = {a for a in APPROACHES if (t := knowledge.approaches[a].traits).pool == "none" and t.runs_in != "own"}
    assert (found.code == 1) == bool(without)
    if not without:
        assert "(these never hold together)" in found.out


def test_a_table_that_does_not_fit_the_chain_is_still_checked(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(TABLE.replace("table: fee", "table: classify").replace("'false, null'", "false"), "utf-8")
    result = call("rules", "check", str(file))
    assert result.code == 1
    assert "no workload was found that has these facts" in result.out


# test -----------------------------------------------------------------------------------------------------------------


def test_our_own_tables_pass_all_their_tests() -> None:
    result = call("rules", "test", *AMPLE)
    assert (result.code, result.err) == (0, "")
    line = r"ok  \w+: (\d+) of \1 examples, rows (\d+) of \2, \d+ boundary cases, \d+ recorded"
    assert all(re.fullmatch(line, each) for each in result.out.splitlines())


def test_files_are_tested_and_those_that_cannot_be_used_are_told(fee: Path) -> None:
    result = call("rules", "test", str(fee), str(fee.parent / "missing.yaml"))
    assert result.code == 2
    assert result.out.startswith(f"ok  {fee}: 1 of 1 examples, rows 1 of 3, ")
    assert "error: 1 of 2 files cannot be used" in result.err


def test_recorded_cases_are_compared_until_they_are_recorded_anew(fee: Path) -> None:
    recorded = call("rules", "test", "--record", str(fee))
    assert recorded.code == 0
    assert re.match(rf"recorded  {re.escape(str(fee))}: (\d+) cases, \1 new, 0 changed, 0 gone\nok  ", recorded.out)
    edit(fee, "fee: 8", "fee: 9")
    failed = call("rules", "test", str(fee))
    assert failed.code == 1
    assert re.search(
        r'      .*cases/fee\.jsonl:\d+: given \{.*\}: \{"fee": 8\} from member was recorded, now it is', failed.out
    )
    assert re.match(
        r"error: recorded cases that failed: \d+\n  hint: mend .*; if the new answers are right, .*--record\n",
        failed.err,
    )
    assert re.search(r"cases, 0 new, \d+ changed, 0 gone", call("rules", "test", "--record", str(fee)).out)
    assert call("rules", "test", str(fee)).code == 0


@pytest.mark.slow
def test_recording_with_rules_of_ones_own_leaves_ours_alone(tmp_path: Path) -> None:
    copy_of("engine", tmp_path, "Ray schedules", "Ray plans")
    before = {path: path.stat().st_mtime_ns for path in (RULES / "cases").iterdir()}
    result = call("rules", "test", "--record", "--rules", str(tmp_path), *AMPLE)
    assert (result.code, result.out.count("recorded  ")) == (0, 1)
    assert (tmp_path / "cases" / "engine.jsonl").read_bytes() == (RULES / "cases" / "engine.jsonl").read_bytes()
    assert before == {path: path.stat().st_mtime_ns for path in (RULES / "cases").iterdir()}


def test_a_broken_file_of_recorded_cases_is_refused(fee: Path) -> None:
    (fee.parent / "cases").mkdir()
    (fee.parent / "cases" / "fee.jsonl").write_text("\n", "utf-8")
    result = call("rules", "test", str(fee))
    assert result.code == 2
    assert 'fee.jsonl:1: "" is no recorded case' in result.err


def test_many_failures_are_not_all_shown(fee: Path) -> None:
    example = "  - {given: {age: 3}, expect: {fee: 5}}\n"
    edit(fee, example, example.replace("fee: 5", "fee: 6") * 13)
    result = call("rules", "test", str(fee))
    assert result.out.count("expected") == 10
    assert "      and 3 more\n" in result.out
    assert "examples that failed: 13\n" in result.err


# diff -----------------------------------------------------------------------------------------------------------------


def diff(old: Path, new: Path, *options: str) -> Run:
    return call("rules", "diff", str(old), str(new), *options)


def test_a_table_is_the_same_as_itself(fee: Path) -> None:
    result = diff(fee, fee)
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(
        r"same     fee\nsame     recommendations: 0 of \d+ example workloads get another one\n", result.out
    )


def test_a_region_with_another_answer_is_shown_with_a_witness(fee: Path) -> None:
    new = edit(fee, "< 18", "< 21", fee.parent / "new.yaml")
    result = diff(fee, new)
    assert result.code == 1
    assert result.out.startswith(
        "changed  fee: 1 region of input with other answers, 6 cells\n"
        "         row child is changed\n"
        "         where age is [18..21)\n"
        '           given {"age": 18}\n'
        '           was {"fee": 10} from other\n'
        '           is  {"fee": 5} from child\n'
        "same     recommendations"
    )


def test_another_way_to_say_the_same_is_no_difference(fee: Path) -> None:
    result = diff(fee, edit(fee, "id: child", "id: young", fee.parent / "new.yaml"))
    assert result.code == 0
    assert result.out.startswith("same     fee: the same answers\n         row child is renamed young\nsame ")


def test_of_many_regions_the_largest_are_shown_and_all_are_in_the_json(fee: Path) -> None:
    rows = "".join(f"  - {{id: r{n}, when: {{age: {n}}}, then: {{fee: {n}}}}}\n" for n in range(30, 90, 3))
    new = edit(fee, "rules:\n", f"rules:\n{rows}", fee.parent / "new.yaml")
    result = diff(fee, new)
    assert re.search(r"changed  fee: \d+ regions? of input with other answers", result.out)
    data = diff(fee, new, "--json").json
    changes = [change for change in data["tables"][0]["changes"] if change["kind"] == "answer"]
    assert result.out.count("           given ") == min(5, len(changes))
    assert data["examples"] == {}
    assert all(load_table(new).decide(c["given"]).output == c["new"]["output"] for c in changes)


def test_folders_stand_before_ours_and_flipped_examples_are_named(tmp_path: Path) -> None:
    copy_of("engine", tmp_path / "mine", "then: {engine: celery}", "then: {engine: dask}")
    result = diff(RULES, tmp_path / "mine", *AMPLE)
    assert result.code == 1
    assert len(re.findall("^same     ", result.out, re.MULTILINE)) == len(all_tables()) - 1
    assert re.search(r"^changed  engine: \d+ regions? of input with other answers", result.out, re.MULTILINE)
    assert re.search(r"^changed  recommendations: \d+ of \d+ ", result.out, re.MULTILINE)
    assert "         durable-email-jobs: distributed with celery, now distributed with dask\n" in result.out
    examples = diff(RULES, tmp_path / "mine", "--json").json["examples"]
    assert examples == {"durable-email-jobs": {"old": "distributed with celery", "new": "distributed with dask"}}


@pytest.mark.slow
def test_a_changed_fact_comes_with_a_workload(tmp_path: Path) -> None:
    new = copy_of("classify", tmp_path, "total_work_ms: '<= 5'", "total_work_ms: '<= 50'")
    changes = diff(RULES / "classify.yaml", new, "--json").json["tables"][0]["changes"]
    answers = [change for change in changes if change["kind"] == "answer"]
    assert answers[0]["workload"] is not None
    old, knowledge = load_knowledge(), load_knowledge(tmp_path)
    profile = profile_from_mapping(answers[0]["workload"])
    then, now = (Situation(profile, PLAIN_HOST, known).classified.id for known in (old, knowledge))
    assert then != now


@pytest.mark.slow
def test_examples_that_get_no_answer_are_named(tmp_path: Path) -> None:
    new = copy_of("classify", tmp_path, "when: {workload_type: io}", "when: {workload_type: io, mode: service}")
    result = diff(RULES / "classify.yaml", new)
    assert result.code == 1
    assert re.search(r"\n         [\w-]+: \w+, now an error \(table classify in .*: no rule matches", result.out)


@pytest.mark.slow
def test_tables_that_come_and_go_are_a_difference(tmp_path: Path, fee: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with_fee = tmp_path / "with"
    with_fee.mkdir()
    (with_fee / "fee.yaml").write_text(TABLE, "utf-8")
    for old, new, message in ((empty, with_fee, "a new table"), (with_fee, empty, "there is no such table any more")):
        result = diff(old, new)
        assert result.code == 1
        assert f"changed  fee: {message}\n" in result.out


def test_trouble_is_exit_code_2(tmp_path: Path, fee: Path) -> None:
    for old, new, message in (
        (fee, tmp_path, "one is a folder, one a file"),
        (fee, tmp_path / "missing.yaml", "does not exist"),
        (fee, edit(fee, "fee: 5", "fee: five", tmp_path / "bad.yaml"), "is not a number"),
    ):
        result = diff(old, new)
        assert (result.code, result.out) == (2, "")
        assert message in result.err


EXTREMES = ["1e300", "-1e300", "1.7976931348623157e308", "5e-324", "1e-310", "9007199254740993", "9" * 299, "1e22", "0"]


FORMS = ["{}", "'>= {}'", "'< {}, null'", "'not({})'"]
EVERY = [(bound, form) for bound in EXTREMES for form in FORMS]
SOME = [(bound, FORMS[number % len(FORMS)]) for number, bound in enumerate(EXTREMES[::2])]


@pytest.mark.slow
@pytest.mark.parametrize("cells", [SOME, pytest.param(EVERY, marks=pytest.mark.slow)], ids=["some", "all"])
def test_figures_of_any_size_are_checked_tested_and_compared(cells: list[tuple[str, str]], tmp_path: Path) -> None:
    """Beside a bound of a count lies a whole number that may have more digits than one may write."""
    before = (RULES / "engine.yaml").read_text("utf-8")
    optional = before.replace("machines: {type: number, values: '>= 1'}", "machines: {type: number, optional: true}")
    old, new = tmp_path / "engine.yaml", tmp_path / "new.yaml"
    old.write_text(optional, "utf-8")
    for number, (bound, form) in enumerate(cells):
        cell, output = form.format(bound), ("text", "json")[number % 2]
        new.write_text(optional.replace("machines: 1,", f"machines: {cell},", 1), "utf-8")
        for command in (["check", "--notes"], ["test"]):
            result = call("rules", *command, str(new), "--format", output)
            assert result.code in (0, 1), cell
            assert result.json if output == "json" else f" {new}: " in result.out, cell
            assert "should not have happened" not in result.err, cell
        assert re.search(r"changed  engine: \d+ regions? of input", diff(old, new).out), cell
