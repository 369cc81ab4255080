"""The JSON Schemas: they accept all that the loaders accept, refuse what a schema can, and are the files we ship."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemas import FILES, HEADER, RULES, SCHEMAS, TABLES, complaints, loads, words_of
from shared import check_golden

from selector.cli import cli
from selector.decision import load_table
from selector.decision.source import load_yaml
from selector.decision.table import Aggregate, HitPolicy
from selector.errors import SelectorError

# The schemas themselves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SCHEMAS)
def test_it_is_a_schema(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind])


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_command_prints_it_and_the_file_we_ship_is_the_same(kind: str) -> None:
    result = CliRunner().invoke(cli, ["schema", kind])
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == SCHEMAS[kind]
    check_golden(FILES[kind], result.stdout, "tests/test_schema.py")
    assert result.stdout.isascii()


def test_another_schema_is_a_usage_error() -> None:
    result = CliRunner().invoke(cli, ["schema", "tables"])
    assert result.exit_code == 2
    assert "'tables' is not one of 'table', 'profile'" in result.stderr


def test_an_editor_is_offered_every_key_and_word_with_what_it_means() -> None:
    schema = SCHEMAS["table"]
    policies, aggregates = schema["properties"]["hit_policy"], schema["properties"]["aggregate"]
    assert words_of(policies) == list(get_args(HitPolicy))
    assert words_of(aggregates) == list(get_args(Aggregate))
    for choice in (*policies["anyOf"], *aggregates["anyOf"]):
        assert len(choice["description"]) > 10 if "const" in choice else choice == {"type": "null"}
    for shape in (schema, *schema["$defs"].values(), SCHEMAS["profile"]):
        for key, value in shape.get("properties", {}).items():
            assert len(value.get("description", "")) > 10 or "$ref" in value, key


# The loader names the keys it knows in its hints: the schema knows the same.
KEYS: dict[str, tuple[dict[str, Any], Any]] = {
    "table": (SCHEMAS["table"], lambda t: t.update(odd=1)),
    "input": (SCHEMAS["table"]["$defs"]["input"], lambda t: t["inputs"]["length"].update(odd=1)),
    "output": (SCHEMAS["table"]["$defs"]["output"], lambda t: t["outputs"]["fee"].update(odd=1)),
    "rule": (SCHEMAS["table"]["$defs"]["rule"], lambda t: t["rules"][0].update(odd=1)),
    "example": (SCHEMAS["table"]["$defs"]["example"], lambda t: t["examples"][0].update(odd=1)),
}


@pytest.mark.parametrize("place", KEYS)
def test_the_keys_are_those_of_the_loader(place: str) -> None:
    schema, add_odd_key = KEYS[place]
    data = copy.deepcopy(BERTHS)
    add_odd_key(data)
    with pytest.raises(SelectorError) as caught:
        load_table("\n" + json.dumps(data))
    assert caught.value.hint == f"keys: {', '.join(schema['properties'])}"
    assert complaints("table", data)


# Tables: what loads is accepted ---------------------------------------------------------------------------------------

BERTHS: dict[str, Any] = {
    "table": "berths",
    "title": "Which berth a boat gets",
    "hit_policy": "first",
    "inputs": {
        "kind": {"type": "string", "values": ["sail", "motor", "rowing"]},
        "length": {"type": "number", "values": "> 0"},
        "insured": {"type": "boolean"},
        "flag": {"type": "string", "optional": True},
    },
    "outputs": {"berth": {"type": "string", "values": ["pier", "buoy", "beach"]}, "fee": {"type": "number"}},
    "rules": [
        {"id": "dinghy", "when": {"kind": "rowing", "length": "<= 4"}, "then": {"berth": "beach", "fee": 0}},
        {"when": {"kind": ["sail", "motor"], "flag": None, "insured": True}, "then": {"berth": "pier", "fee": 25.5}},
    ],
    "default": {"berth": "buoy", "fee": 9},
    "examples": [{"given": {"kind": "rowing", "length": 3}, "expect": {"berth": "beach", "fee": 0}}],
}
SUM: dict[str, Any] = {
    "table": "sum",
    "hit_policy": "collect",
    "aggregate": "sum",
    "inputs": {"x": {"type": "number", "values": [1, 2, 3.5]}},
    "outputs": {"points": None},
    "rules": [{"when": {"x": [1, "> 2"]}, "then": {"points": 5}}, {"when": None, "then": {"points": 1}}],
    "default": 0,
}
ORDER: dict[str, Any] = {
    "table": 5,
    "hit_policy": "output_order",
    "aggregate": None,
    "inputs": {"x": {"type": "boolean", "values": True}},
    "outputs": {"o": {"values": [2, 1]}, "p": {}},
    "rules": [{"when": {"x": "-"}, "then": {"o": 1, "p": None}}],
    "default": [],
    "examples": None,
}
SEEDS = {"berths": BERTHS, "sum": SUM, "order": ORDER}


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_our_tables_are_accepted_and_name_the_schema_beside_them(file: Path) -> None:
    assert complaints("table", load_yaml(file)) == []
    assert file.read_text("utf-8").startswith(HEADER)
    assert (file.parent / "table.schema.json").is_file()


def test_the_catalogues_are_no_tables_and_do_not_say_so() -> None:
    for file in set(RULES.rglob("*.yaml")) - set(TABLES):
        assert "yaml-language-server" not in file.read_text("utf-8"), file


@pytest.mark.parametrize("data", SEEDS.values(), ids=SEEDS)
def test_tables_of_every_shape_are_accepted(data: dict[str, Any]) -> None:
    assert loads(data)
    assert complaints("table", data) == []


def test_the_loader_takes_other_spellings_and_an_editor_offers_one() -> None:
    for key, word, other in (("hit_policy", "first", " First "), ("hit_policy", "rule_order", "Rule-Order")):
        good, odd = (without(BERTHS, "default") | {key: spelling} for spelling in (word, other))
        assert loads(good) and loads(odd), word
        assert complaints("table", good) == [], word
        assert complaints("table", odd), other


def places(data: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value in some data."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [here, *(place for key, value in items for place in places(value, (*here, key)))]


ODD_VALUES = (
    None, True, False, 0, 1, 2.5, -3, "", "-", " - ", "sail", "pier", "5", '"5"', "> 2", "[1..5]", "not(null)", "null", "true",
    "number", "string", "boolean", "unique", "any", "priority", "rule_order", "output_order", "collect", "sum", "min", "max",
    "count", [], [1], [1, 1], [1, 1.0], ["a", "b"], ["a", 1], [True, False], ["-"], [["sail"], "motor"], [None], {}, {"x": 1},
    {"type": "number"}, {"values": [1, 2]}, {"values": ["a"]}, {"berth": "buoy", "fee": 9}, [{"berth": "buoy", "fee": 9}],
    {"points": 3}, {"o": 2, "p": "x"}, [{"o": 1, "p": True}],
)  # fmt: skip


def mutated(rng: random.Random) -> Any:
    """A good table with a few values replaced, removed or added, most of which is still a table."""
    data = copy.deepcopy(rng.choice(list(SEEDS.values())))
    for _ in range(rng.choice((1, 1, 1, 2))):
        path = rng.choice(places(data)[1:])
        parent = data
        for step in path[:-1]:
            parent = parent[step]
        if rng.random() < 0.2:
            del parent[path[-1]]
        elif isinstance(parent, dict) and rng.random() < 0.2:
            parent[rng.choice(("values", "optional", "type", "aggregate", "default", "title", "when", "odd"))] = (
                rng.choice(ODD_VALUES)
            )
        else:
            parent[path[-1]] = copy.deepcopy(rng.choice(ODD_VALUES))
    return data


def test_what_loads_is_accepted_and_most_of_what_does_not_is_refused() -> None:
    rng = random.Random(6)
    loaded = refused = missed = 0
    for _ in range(350):
        data = mutated(rng)
        problems = complaints("table", data)
        if loads(data):
            loaded += 1
            assert problems == [], json.dumps(data)
        else:
            refused += bool(problems)
            missed += not problems
    assert loaded > 30
    assert refused > 2 * missed, "what is left spans several places of the table"


@given(st.recursive(st.sampled_from(ODD_VALUES), st.lists, max_leaves=8))
def test_a_cell_or_value_that_loads_is_accepted(value: object) -> None:
    for kind in ("string", "number", "boolean"):
        for spec in ({"type": kind, "optional": True}, {"type": kind, "values": value}):
            data = {"table": "t", "hit_policy": "any", "inputs": {"x": spec}, "outputs": {"o": {}}}
            data["rules"] = [{"when": {"x": value} if "values" not in spec else {}, "then": {"o": 1}}]
            if loads(data):
                assert complaints("table", data) == []


# Tables: what a schema can refuse is refused --------------------------------------------------------------------------


def without(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in data.items() if k != key}


def with_input(**spec: Any) -> dict[str, Any]:
    return BERTHS | {"inputs": BERTHS["inputs"] | {"insured": {"type": "boolean"} | spec}}


BAD_TABLES: dict[str, Any] = {
    "a list": [],
    "text": "table",
    "unknown key": BERTHS | {"titel": "x"},
    **{f"no {key}": without(BERTHS, key) for key in ("table", "hit_policy", "inputs", "outputs", "rules")},
    "title a mapping": BERTHS | {"title": {}},
    "unknown policy": BERTHS | {"hit_policy": "frist"},
    "a policy's letter": BERTHS | {"hit_policy": "F"},
    "unknown aggregate": SUM | {"aggregate": "avg"},
    "an aggregate elsewhere": SUM | {"hit_policy": "first", "default": None},
    "priority without an order": without(BERTHS, "default") | {"hit_policy": "priority", "outputs": {"berth": {}, "fee": None}},
    "inputs a list": BERTHS | {"inputs": ["kind"]},
    "no inputs": BERTHS | {"inputs": {}},
    "an input a word": BERTHS | {"inputs": {"kind": "string"}},
    "an input without type": BERTHS | {"inputs": {"kind": {}}},
    "unknown type": with_input(type="bool"),
    "unknown key of an input": with_input(value=1),
    "optional a word": with_input(optional="yes"),
    "values empty": with_input(values=[]),
    "values twice": with_input(values=[True, True]),
    "values of another type": with_input(values=["true"]),
    "a domain of another type": with_input(values=1),
    "a domain null": with_input(values=None),
    "values a mapping": with_input(values={}),
    "no outputs": BERTHS | {"outputs": {}},
    "an output a word": SUM | {"outputs": {"points": "number"}},
    "unknown type of an output": SUM | {"outputs": {"points": {"type": "int"}}},
    "values of an output of several types": ORDER | {"outputs": {"o": {"values": [1, "a"]}, "p": {}}},
    "values of an output of another type": ORDER | {"outputs": {"o": {"type": "string", "values": [1]}, "p": {}}},
    "a domain as a test of an output": ORDER | {"outputs": {"o": {"values": "> 0"}, "p": {"values": [1]}}},
    "no rules": BERTHS | {"rules": []},
    "a rule a word": BERTHS | {"rules": ["nothing"]},
    "a rule without then": BERTHS | {"rules": [{"id": "x"}]},
    "unknown key of a rule": BERTHS | {"rules": [BERTHS["rules"][0] | {"reason": "x"}]},
    "when a list": BERTHS | {"rules": [BERTHS["rules"][0] | {"when": ["rowing"]}]},
    "then empty": BERTHS | {"rules": [{"then": {}}]},
    "an output a list": BERTHS | {"rules": [{"then": {"berth": ["pier"], "fee": 1}}]},
    "a cell a mapping": BERTHS | {"rules": [BERTHS["rules"][0] | {"when": {"length": {"min": 4}}}]},
    "a cell an empty list": BERTHS | {"rules": [BERTHS["rules"][0] | {"when": {"length": []}}]},
    "a dash in a list": BERTHS | {"rules": [BERTHS["rules"][0] | {"when": {"length": ["-", 4]}}]},
    "a dash in a list in a list": BERTHS | {"rules": [BERTHS["rules"][0] | {"when": {"length": [4, ["-"]]}}]},
    "a default a number": BERTHS | {"default": 9},
    "a default a list": BERTHS | {"default": []},
    "a default a mapping under an aggregate": SUM | {"default": {"points": 1}},
    "a default a word under an aggregate": SUM | {"default": "none"},
    "a default a number under a list policy": ORDER | {"default": 2},
    "a sum of two outputs": SUM | {"outputs": {"points": {}, "more": {}}},
    "a sum of text": SUM | {"outputs": {"points": {"type": "string"}}},
    "a sum of text in rows": SUM | {"rules": [{"then": {"points": "many"}}]},
    "a smallest boolean": SUM | {"aggregate": "min", "outputs": {"points": {"type": "boolean"}}},
    "examples a mapping": BERTHS | {"examples": {}},
    "an example without expect": BERTHS | {"examples": [{"given": {}}]},
    "an example with more": BERTHS | {"examples": [BERTHS["examples"][0] | {"why": "x"}]},
    "given a list": BERTHS | {"examples": [{"given": [], "expect": None}]},
}  # fmt: skip


@pytest.mark.parametrize("data", BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_table_that_is_none_is_refused_by_both(data: object) -> None:
    assert not loads(data)
    assert complaints("table", data)


def test_a_key_without_a_value_is_accepted_where_the_loader_takes_it_for_an_empty_text() -> None:
    """To an editor `because:` is null, to our reader an empty text."""
    text = "table:\ntitle:\nhit_policy: first\ninputs: {x: {type: number}}\noutputs: {o: {}}\nrules:\n  - then: {o: 1}\n    id:\n    because:\n"
    table = load_table(text)
    assert (table.name, table.title, table.rules[0].because) == ("", "", "")
    seen = {
        "table": None, "title": None, "hit_policy": "first", "inputs": {"x": {"type": "number"}}, "outputs": {"o": {}},
        "rules": [{"then": {"o": 1}, "id": None, "because": None}],
    }  # fmt: skip
    assert complaints("table", seen) == []
