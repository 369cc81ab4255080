"""Pages say true things about each other and about the code: links, and lists that must be complete."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest
from pages import PAGES, ROOT, TABLES, blocks_of, codes, make_targets, prose_of, section, table_rows

import selector
from selector.approaches import Traits
from selector.benchmark import events
from selector.cli import cli
from selector.decision import load_table, unary_test
from selector.decision.table import Aggregate, DecisionTable, HitPolicy
from selector.errors import SelectorError
from selector.recommend.facts import FACTS
from selector.recommend.knowledge import CHAIN
from selector.validation import Measurement, ValidationReport
from selector.workload.fields import field_kind
from selector.workload.profile import APPROACHES, WorkloadProfile

pytestmark = pytest.mark.one_python

# What pages say about each other --------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.+)$", prose_of(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", prose_of(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name}: {target}"


def test_the_readme_begins_with_its_two_commands() -> None:
    first = next(b for b in blocks_of(ROOT / "README.md") if b.language == "bash")
    assert re.findall(r"make \w+", first.text) == ["make demo", "make test"]


def test_contributing_names_make_targets_and_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= make_targets()
    four = list(table_rows(section(ROOT / "CONTRIBUTING.md", "## Read these four files first")))
    assert len(four) == 4
    for row in four:
        assert (ROOT / codes(row[0])[0]).is_file()


def test_the_changelog_has_this_version_first() -> None:
    versions = re.findall(r"(?m)^## \[?([^\]\s]+)\]?", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert versions[0] == selector.__version__ == project["version"]


# Lists that must be complete ------------------------------------------------------------------------------------------


def test_profile_page_has_every_field() -> None:
    rows = {codes(row[0])[0]: row for row in table_rows((ROOT / "docs/profile.md").read_text(encoding="utf-8"))}
    fields = {name: row for name, row in rows.items() if len(row) == 4}
    assert list(fields) == list(WorkloadProfile.model_fields)
    for name, (_, accepted, default, meaning) in fields.items():
        kind, field = field_kind(name), WorkloadProfile.model_fields[name]
        assert codes(accepted) == list(kind.choices or codes(accepted)), name
        words = {"count": "whole number", "number": "number", "flag": "`true`, `false`", "text": "text"}
        assert words.get(kind.kind, "") in accepted, name
        wanted = (
            "required" if field.is_required() else "" if field.default is None else f"`{json.dumps(field.default)}`"
        )
        assert default == wanted, name
        assert meaning, name


def test_facts_page_has_every_fact_with_the_type_our_tables_give_it() -> None:
    rows = {codes(row[0])[0]: row for row in table_rows((ROOT / "docs/facts.md").read_text(encoding="utf-8"))}
    assert set(rows) == set(FACTS)
    for table in chain_tables():
        for column in table.inputs:
            _, kind, *_ = rows[column.name]
            assert kind.startswith(column.type), f"{column.name} in {table.name}"
            assert column.optional or "may be unknown" not in kind, f"{column.name} in {table.name}"
            if column.type == "string" and isinstance(column.values, tuple) and column.name != "workload_class":
                assert set(codes(kind)) in (set(column.values), set()), f"{column.name} in {table.name}"


def chain_tables() -> list[DecisionTable]:
    return [load_table(ROOT / "rules" / f"{name}.yaml") for name in CHAIN]


def test_commands_page_has_every_command_and_option() -> None:
    page = ROOT / "docs" / "commands.md"
    headings = []
    for path, command in walk("concurrency-selector", cli):
        headings.append(path)
        text = section(page, f"## `{path}`")
        options = [o for p in command.params if isinstance(p, click.Option) for o in p.opts if o.startswith("--")]
        listed = [c.split()[0] for row in table_rows(text) for c in codes(row[0]) if c.startswith("--")]
        assert sorted(listed) == sorted(options), path
        if not isinstance(command, click.Group):
            assert f"$ {path}" in text or f"| {path}" in text, f"{path} has no example"
    assert re.findall(r"(?m)^## `(.+)`$", page.read_text(encoding="utf-8")) == headings


def walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from walk(f"{path} {name}", command.commands[name])


def test_script_page_has_every_event_field_and_status() -> None:
    page = ROOT / "docs" / "benchmark-script.md"
    for model in get_args(events.Event):
        name = model.model_fields["event"].default
        fields = [field.alias or key for key, field in model.model_fields.items() if key != "event"]
        assert [c for row in table_rows(section(page, f"### `{name}`")) for c in codes(row[0])] == fields, name
    statuses = [codes(row[0])[0] for row in table_rows(section(page, "## Failures are results"))]
    assert statuses == list(get_args(events.Status))


def test_validate_page_has_every_field_of_the_results() -> None:
    page = ROOT / "docs" / "validate.md"
    for heading, model in (
        ("### Fields of the report", ValidationReport),
        ("### Fields of a measurement", Measurement),
    ):
        fields = [field.alias or key for key, field in model.model_fields.items()]
        assert [c for row in table_rows(section(page, heading)) for c in codes(row[0])] == fields, heading


def test_tables_page_names_every_key() -> None:
    keys = ("table", "title", "hit_policy", "aggregate", "inputs", "outputs", "rules", "default", "examples")
    assert [codes(row[0])[0] for row in table_rows(section(TABLES, "## Keys"))] == list(keys)


def test_hit_policies_and_aggregates_give_what_the_tables_page_says() -> None:
    text = section(TABLES, "## Hit policies and aggregates")
    table = next(b.text for b in blocks_of(TABLES) if b.named("file") == "fee.yaml")
    rows = {codes(row[0])[0]: codes(row[2])[0] for row in table_rows(text)}
    assert list(rows) == [*get_args(HitPolicy), *get_args(Aggregate)]
    for name, shown in rows.items():
        policy = name if name in get_args(HitPolicy) else f"collect\naggregate: {name}"
        asked = load_table(table.replace("hit_policy: first", f"hit_policy: {policy}"))
        if shown == "error":
            with pytest.raises(SelectorError):
                asked.decide({"age": 10, "member": True})
        else:
            assert asked.decide({"age": 10, "member": True}).output == json.loads(shown), name


def test_cells_match_what_the_tables_page_says() -> None:
    rows = list(table_rows(section(TABLES, "## Cells")))
    assert len(rows) > 10
    for cell, _, passing, failing in rows:
        test = unary_test(codes(cell)[0])
        assert all(test(json.loads(value)) for value in codes(passing)), cell
        assert not any(test(json.loads(value)) for value in codes(failing)), cell


def test_how_it_decides_names_every_table_class_approach_and_trait() -> None:
    page = ROOT / "docs" / "how-it-decides.md"
    words = set(codes(prose_of(page)))
    classes = next(t for t in chain_tables() if t.name == "classify").outputs[0].values
    assert classes is not None
    assert {*CHAIN, *classes, *APPROACHES, *Traits.__annotations__} <= words
    order = [codes(row[0])[0] for row in table_rows(section(page, "## The nine tables"))]
    assert order == list(CHAIN)
