"""The page of every shipped table is what the table says; UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from shared import check_golden
from table_pages import table_page

from selector.decision import DecisionTable, load_table
from selector.files import resource_dir
from selector.recommend.facts import FACTS
from selector.recommend.knowledge import CHAIN, all_tables
from selector.report.markdown import render_markdown
from selector.report.tables import table_document

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "tables"
NAMES = (*CHAIN, "migration_effort", "joints")


def ours(name: str) -> DecisionTable:
    return load_table(resource_dir("rules") / f"{name}.yaml")


def page_of(name: str) -> str:
    return table_page(ours(name), FACTS)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_table_is_up_to_date(name: str) -> None:
    check_golden(PAGES / f"{name}.md", page_of(name), "tests/test_table_pages.py")


def test_every_table_has_a_page_and_every_page_a_table() -> None:
    assert {table.name for table in all_tables()} == set(NAMES)
    assert {page.stem for page in PAGES.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_what_the_table_is_for_asks_and_answers(name: str) -> None:
    table, page = ours(name), page_of(name)
    plain = page.replace("\\", "")
    assert page.startswith(f"# {table.title}\n")
    assert f"rules/{name}.yaml" in plain
    assert "yaml-language-server" not in page
    assert str(ROOT) not in page
    for number, rule in enumerate(table.rules, start=1):
        assert f"\n{number}. {rule.id}: " in plain
        assert " ".join(rule.because.split()) in plain
    for column in table.inputs:
        assert f"\n| {column.name} | " in plain
        assert FACTS.get(column.name, "") in plain


def test_a_page_says_which_step_asks_the_table() -> None:
    assert "Step 1 of 9 of [the chain](../how-it-decides.md#the-nine-tables), before [`strategy`](strategy.md)." in (
        page_of("classify")
    )
    assert ", after [`strategy`](strategy.md) and before [`replicas`](replicas.md)." in page_of("sizing")
    assert "It is beside [the chain]" in page_of("migration_effort")


def test_a_page_begins_with_the_comment_of_the_file() -> None:
    assert "\n\nHow much work a move is. low: one place changes;" in page_of("migration_effort")


def test_the_examples_of_a_page_are_the_first_of_the_file_as_yaml() -> None:
    table, page = ours("engine"), page_of("engine")
    (shown,) = re.findall(r"(?s)```yaml\n(.*?)```", page)
    assert yaml.safe_load(shown) == [{"given": e.given, "expect": e.expect} for e in table.examples[:3]]
    assert f"{len(table.examples)} in the file" in page
    assert "## Examples" not in table_page(replace(table, examples=()), FACTS)


@pytest.mark.parametrize("name", NAMES)
def test_links_of_a_page_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)", page_of(name))
    assert links
    for path, anchor in links:
        target = (PAGES / path).resolve()
        assert target.is_file(), path
        headings = re.findall(r"(?m)^#+ (.+)$", target.read_text("utf-8"))
        assert not anchor or anchor in {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_the_page_on_tables_links_each_of_them() -> None:
    text = (ROOT / "docs" / "tables.md").read_text("utf-8")
    assert set(re.findall(r"\]\(tables/(\w+)\.md\)", text)) == set(NAMES)


@pytest.mark.parametrize(
    ("policy", "default", "shown"),
    [
        ("first", "{price: 9}", "price = 9"),
        ("collect", "[{price: 9}, {price: 8}]", "price = 9; price = 8"),
        ("rule_order", "[]", "none"),
        ("collect\naggregate: sum", "0", "0"),
    ],
)
def test_a_table_is_shown_with_its_default_and_its_aggregate(policy: str, default: str, shown: str) -> None:
    text = f"table: t\nhit_policy: {policy}\ninputs: {{kg: {{type: number}}}}\noutputs: {{price: {{type: number}}}}\n"
    table = load_table(text + f"rules: [{{then: {{price: 3}}}}]\ndefault: {default}\n")
    page = render_markdown(table_document(table, {"kg": "its weight"})).replace("\\", "")
    assert f"- **Where no row matches:** {shown}\n" in page
    assert f"- **Hit policy:** {policy.replace(chr(10) + 'aggregate:', ',')}\n" in page
    assert "| kg | number | any | its weight |" in page
    assert "meaning" not in render_markdown(table_document(table))
