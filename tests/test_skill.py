"""The instruction for coding assistants is true: its commands run, and each field and word it names is in the schemas."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from command import Run, call, parsed, run
from pages import ROOT, codes, table_rows
from three_reports import REPORTS

from selector.cli import cli
from selector.cli.schema import OUTPUTS, published

SKILL = ROOT / "selector" / "cli" / "skill.md"
TEXT = SKILL.read_text("utf-8")
#: Words set as code that are no field, no word of a field, no option and no command.
NO_FIELD = {"concurrency-selector"}


def commands() -> list[list[str]]:
    """The commands in it, each as the words after the name of the tool."""
    lines = [line for block in re.findall(r"(?ms)^```bash\n(.*?)^```$", TEXT) for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    assert all(each[0] == "concurrency-selector" for each in words)
    return [each[1:] for each in words]


def test_it_is_short_and_a_skill() -> None:
    lines = TEXT.splitlines()
    assert len(lines) <= 60
    assert lines[0] == "---" and lines[1] == "name: concurrency-selector" and lines[2].startswith("description: ")
    assert lines[3:6] == ["---", "", "## Concurrency: measure, do not guess"]
    assert TEXT.isascii() and len(lines[2]) < 1024  # as long as a description of a skill may be


def test_the_command_prints_it_whole_or_as_a_section() -> None:
    assert call("skill") == Run(0, TEXT, "")
    section = call("skill", "--section").out
    assert section.startswith("## Concurrency: measure, do not guess\n") and TEXT.endswith(section)


def test_it_says_as_the_first_page_how_long_measuring_takes() -> None:
    """As measured: 7.1 s on a quiet machine (docs/recorded), 12 to 19 s beside a load of 14; the budget is the most."""
    budget = next(p.default for p in cli.commands["measure"].params if p.name == "budget")
    for text in (TEXT, (ROOT / "README.md").read_text("utf-8")):
        assert re.search(rf"measure\b.{{,12}} (7 to {budget.removesuffix('s')} s)", text), text[:80]


# Its commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_is_one_and_takes_these_options(words: list[str]) -> None:
    assert parsed(words).name in words


def test_every_option_is_one_of_a_command() -> None:
    options = {option for command in every_command(cli) for param in command.params for option in param.opts}
    for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT):
        assert option in options


def every_command(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from every_command(command)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the commands name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(
        "def price(order):\n    return sum(step * order['n'] for step in range(20_000))\n"
    )
    (tmp_path / "orders.jsonl").write_text("".join(f'{{"n": {number}}}\n' for number in range(40)))
    (tmp_path / "requirements.txt").write_text("click\n")
    for name in ("before", "after"):
        (tmp_path / f"{name}.json").write_text(REPORTS["confirmed-cpu"]().model_dump_json())
    return tmp_path


@pytest.mark.slow
def test_the_commands_run_in_this_order(shop: Path) -> None:
    shorter = {"measure": ["--budget", "5s"], "validate": ["--budget", "8s"], "deps": ["--offline"]}
    for words in commands():
        done = run(*words, *shorter.get(words[0], []))
        assert done.code == 0, (words, done.err)
        if "--json" in words:
            assert set(done.json) <= set(all_properties(words[0]))
    assert json.loads((shop / "workload.json").read_bytes())["tasks"] == 40
    assert (shop / "run_price.py").read_text("utf-8").count("price")


# What it says of the JSON ---------------------------------------------------------------------------------------------


def resolved(schema: Any, path: str, definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas of what lies at a path (`a.b`, `a[].b`, `a.*.b`), in any of the kinds that there are; none: no such field."""
    found = [schema]
    for step in re.findall(r"[^.\[\]]+|\[\]", path):
        found = [inner for outer in found for inner in _step(outer, step, definitions)]
    return [each for outer in found for each in _kinds(outer, definitions)]


def _kinds(schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in schema:
        yield from _kinds(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    elif "anyOf" in schema:
        for kind in schema["anyOf"]:
            yield from _kinds(kind, definitions)
    else:
        yield schema


def _step(schema: dict[str, Any], step: str, definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for kind in _kinds(schema, definitions):
        inner = {"[]": kind.get("items"), "*": kind.get("additionalProperties")}.get(step)
        if inner is None:
            inner = kind.get("properties", {}).get(step)
        if isinstance(inner, dict):
            yield inner


def all_properties(command: str) -> list[str]:
    schema = published(command)
    return [name for kind in _kinds(schema, schema["$defs"]) for name in kind["properties"]]


def enums_in(schema: Any) -> set[str]:
    """Every word that some field may be."""
    if isinstance(schema, list):
        return set().union(*map(enums_in, schema))
    if not isinstance(schema, dict):
        return set()
    return {*map(str, schema.get("enum", ()))} | set().union(*map(enums_in, schema.values()))


ROWS = [(codes(row[0])[0], codes(row[1])) for row in table_rows(TEXT)]


def test_the_table_is_about_commands_that_print_json() -> None:
    assert [command for command, _ in ROWS] == ["measure", "recommend", "validate", "deps"]


@pytest.mark.parametrize(("command", "words"), ROWS, ids=[command for command, _ in ROWS])
def test_every_field_that_decides_is_in_the_schema(command: str, words: list[str]) -> None:
    schema = published(command)
    fields = [word for word in words if resolved(schema, word, schema["$defs"])]
    assert len(fields) >= 2
    assert set(words) - set(fields) <= enums_in(schema), "neither a field nor a word of one"


@pytest.mark.parametrize(
    ("command", "field"),
    [("measure", "evidence.*.basis"), ("recommend", "expected.source"), ("validate", "verdict"), ("deps", "packages[].builds.*.status")],
)  # fmt: skip
def test_every_word_of_a_field_that_decides_is_explained(command: str, field: str) -> None:
    schema = published(command)
    told = dict(ROWS)[command]
    assert field in told
    for kind in resolved(schema, field, schema["$defs"]):
        assert set(kind.get("enum", ())) <= set(told)


def test_whatever_else_is_set_as_code_means_something() -> None:
    schemas = [published(name) for name in OUTPUTS]
    names = {
        name for command in every_command(cli) for name in (command.name, *(o for p in command.params for o in p.opts))
    }
    prose = re.sub(r"(?ms)^```.*?^```$|^\|.*?$", "", TEXT)
    fields = {name for schema in schemas for part in schema["$defs"].values() for name in part.get("properties", ())}
    for word in {each.split()[0] for each in codes(prose)} - NO_FIELD - names - fields:
        found = [schema for schema in schemas if resolved(schema, word, schema["$defs"]) or word in enums_in(schema)]
        assert found, word
