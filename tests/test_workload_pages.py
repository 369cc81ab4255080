"""A page for each class of work: what the tables say of it; UPDATE_GOLDEN=1 writes it anew. And `rules show CLASS`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from command import call, refused
from shared import check_golden
from workload_pages import class_page, index_page, names, ours

from selector.benchmark.programs import template_names
from selector.decision import load_table
from selector.pipeline import Selector, example_files
from selector.report.blocks import Bullets
from selector.report.workloads import LESSONS, class_data, class_document

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "workloads"
TEST = "tests/test_workload_pages.py"


@pytest.mark.parametrize("name", names())
def test_the_page_of_a_class_is_up_to_date(name: str) -> None:
    check_golden(PAGES / f"{name}.md", class_page(name), TEST)


def test_the_list_of_classes_is_up_to_date_and_every_page_is_one_of_them() -> None:
    check_golden(PAGES / "README.md", index_page(), TEST)
    assert {page.stem for page in PAGES.iterdir()} == {*names(), "README"}


def test_every_class_has_words_an_example_of_it_and_demonstrations_that_ship() -> None:
    assert tuple(LESSONS) == names()
    templates = template_names()
    for name, lesson in LESSONS.items():
        assert lesson.example in example_files()
        assert (
            ours().situation(dict(json.loads(example_files()[lesson.example].read_text()))).facts["workload_class"]
            == name
        )
        assert set(lesson.demonstrations) <= set(templates)


@pytest.mark.parametrize("name", names())
def test_a_page_has_each_row_that_leads_to_the_class_and_each_that_is_about_it(name: str) -> None:
    page, tables = class_page(name).replace("\\", ""), ours().knowledge.tables
    for rule in tables["classify"].rules:
        assert (f"[classify/{rule.id}]" in page) == (rule.outputs["workload_class"] == name)
    strategy = tables["strategy"]
    for example in strategy.examples:
        if example.given["workload_class"] == name:
            for matched in strategy.decide(example.given).matched:
                assert f"[strategy/{matched}]" in page


def test_what_the_others_cost_is_what_is_predicted_and_why_not_is_the_row_that_says_so() -> None:
    data = class_data("cpu_hot", ours())["example"]
    others = {other["approach"]: other for other in data["others"]}
    assert data["approach"] not in others
    plain = others["single_threaded"]
    assert plain["times_as_long"] == pytest.approx(plain["seconds"] / data["seconds"]) and plain["times_as_long"] > 1.2
    assert "eligibility/hot-sharing" in [objection["rule"] for objection in others["free_threaded"]["objections"]]
    assert data["others"][0]["approach"] in ("single_threaded", "free_threaded")  # what strategy names comes first


def test_a_service_is_told_in_requests_a_second() -> None:
    example = class_data("hybrid_native", ours())["example"]
    assert example["seconds"] is None and example["requests_per_second"] > 0
    assert all(other["times_as_long"] is None for other in example["others"])


def test_a_class_of_the_users_own_is_shown_without_an_example() -> None:
    knowledge = ours().knowledge
    classify = knowledge.tables["classify"]
    column = replace(classify.outputs[0], values=(*(classify.outputs[0].values or ()), "mine"))
    tables = {**knowledge.tables, "classify": replace(classify, outputs=(column,))}
    data = class_data("mine", Selector(host=ours().host, tables=replace(knowledge, tables=tables)))
    assert (data["title"], data["when"], data["example"], data["commands"]) == ("mine", [], None, [])
    assert class_document(data).sections[0].title == "mine (mine)"


TURNS = """table: wrong_turns
hit_policy: rule_order
inputs:
  workload_class: {type: string, values: [cpu_hot, cpu_shared]}
  convoy: {type: boolean}
  runs_loop: {type: boolean}
  cpu_cores: {type: number}
outputs: {effect: {type: string, values: [convoy, memory]}}
rules:
  - id: turns
    when: {workload_class: cpu_hot, convoy: true, runs_loop: false, cpu_cores: '> 1'}
    then: {effect: convoy}
    because: They take turns.
  - id: anywhere
    when: {convoy: true}
    then: {effect: memory}
    because: Not about a class.
  - id: elsewhere
    when: {workload_class: cpu_shared}
    then: {effect: memory}
    because: About another class.
"""


def test_wrong_turns_that_name_the_class_are_told_with_the_approaches_that_they_are_about() -> None:
    tables = {**ours().knowledge.tables, "wrong_turns": load_table(TURNS)}
    data = class_data("cpu_hot", Selector(host=ours().host, tables=replace(ours().knowledge, tables=tables)))
    turn = {
        "rule": "wrong_turns/turns",
        "approaches": ["threads"],
        "when": "cpu_cores: > 1",
        "because": "They take turns.",
    }
    assert data["wrong_turns"] == [turn]
    others = {other["approach"]: other["cost"] for other in data["example"]["others"]}
    assert others["threads"] == "They take turns." and others["asyncio_threads"] == "Not about a class."
    section = next(s for s in class_document(data).sections if s.title == "Wrong turns")
    assert section.blocks == (Bullets((("threads: They take turns.", ("when cpu_cores: > 1 [wrong_turns/turns]",)),)),)


def test_rules_show_takes_a_class_as_text_json_and_markdown() -> None:
    text, data = call("rules", "show", "too_small"), json.loads(call("rules", "show", "too_small", "--json").out)
    assert text.code == 0 and "=== Too little work to pay for anything (too_small) ===" in text.out
    assert {"workload_class", "title", "when", "recommended", "wrong_turns", "example", "ruled_out", "commands"} == set(
        data
    )
    assert data["commands"][0] == "concurrency-selector validate settings-check --budget 60s"
    assert "## What is recommended" in call("rules", "show", "too_small", "--format", "markdown").out
    listed = call("rules", "show", "classes")
    assert re.findall(r"(?m)^- (\w+):", listed.out) == list(names())
    assert list(json.loads(call("rules", "show", "classes", "--json").out)) == list(names())


def test_what_is_no_table_has_no_yaml_and_a_near_name_is_suggested() -> None:
    refused(call("rules", "show", "io_few", "--format", "yaml"), "io_few is no table: leave --format yaml out")
    refused(call("rules", "show", "io_fwe"), 'no table "io_fwe" (did you mean "io_few"?)', "one of classify, ")


@pytest.mark.parametrize("name", [*names(), "README"])
def test_links_of_a_page_lead_somewhere(name: str) -> None:
    for path in re.findall(r"\]\(([^)#]+)\)", (PAGES / f"{name}.md").read_text("utf-8")):
        assert (PAGES / path).resolve().is_file(), path
