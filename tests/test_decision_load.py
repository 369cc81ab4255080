"""Loading decision tables: every mistake is told with its place and a remedy, and no text can do anything else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selector.decision import DecisionTable, load_table, source
from selector.decision.cells import ANYTHING, Compare, cell_text
from selector.decision.source import MAX_BYTES, MAX_DEPTH, MAX_NODES, load_yaml, parse_yaml, read_text
from selector.errors import SelectorError

BASE = """\
table: berths
title: Which berth a boat gets
hit_policy: first
inputs:
  kind: {type: string, values: [sail, motor, rowing]}
  length: {type: number, values: '> 0'}
  insured: {type: boolean}
  flag: {type: string, optional: true}
outputs:
  berth: {type: string, values: [pier, buoy, beach]}
  fee: {type: number}
rules:
  - id: dinghy
    when: {kind: rowing, length: '<= 4'}
    then: {berth: beach, fee: 0}
    because: It is carried up by hand.
  - id: big
    when:
      kind: '"sail","motor"'
      length: '[10..30)'
      insured: true
      flag: 'not(null)'
    then: {berth: pier, fee: 25.5}
default: {berth: buoy, fee: 9}
examples:
  - {given: {kind: rowing, length: 3, insured: false}, expect: {berth: beach, fee: 0}}
"""
DINGHY = {"kind": "rowing", "length": 3, "insured": False}


def failure(text: str | Path) -> SelectorError:
    with pytest.raises(SelectorError) as caught:
        load_table(text)
    assert caught.value.exit_code == 2
    return caught.value


def changed(old: str, new: str) -> str:
    assert BASE.count(old) == 1, "the change must hit exactly one place"
    return BASE.replace(old, new)


# --- what loads -------------------------------------------------------------------------------------------------------


def test_a_table_loads_from_text_and_holds_what_was_written() -> None:
    table = load_table(BASE)
    assert (table.name, table.title, table.hit_policy) == ("berths", "Which berth a boat gets", "first")
    assert table.input_names == ("kind", "length", "insured", "flag")
    assert [column.type for column in table.inputs] == ["string", "number", "boolean", "string"]
    assert table.inputs[0].values == ("sail", "motor", "rowing")
    assert table.inputs[1].values == Compare(">", 0)
    assert [column.optional for column in table.inputs] == [False, False, False, True]
    assert table.outputs[0].values == ("pier", "buoy", "beach")
    assert [rule.id for rule in table.rules] == ["dinghy", "big"]
    assert [rule.line for rule in table.rules] == [13, 17]
    assert table.rules[0].because == "It is carried up by hand."
    assert [cell_text(cell) for cell in table.rules[1].cells] == ['"sail", "motor"', "[10..30)", "true", "not(null)"]
    assert table.default == {"berth": "buoy", "fee": 9}
    assert table.examples[0].given == DINGHY
    assert table.examples[0].line == 26
    assert table.decide(DINGHY).output == table.examples[0].expect


@pytest.mark.parametrize("as_path", [Path, str], ids=["Path", "str"])
def test_a_table_loads_from_a_file(tmp_path: Path, as_path: Any) -> None:
    file = tmp_path / "berths.yaml"
    file.write_text(BASE, encoding="utf-8")
    table = load_table(as_path(file))
    assert table.decide(DINGHY).matched == ["dinghy"]
    assert table.source == str(file)


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (BASE.encode(), "Which berth a boat gets"),
        (b"\xef\xbb\xbf" + BASE.encode(), "Which berth a boat gets"),
        (BASE.replace("\n", "\r\n").encode(), "Which berth a boat gets"),
        (("%YAML 1.2\n---\n" + BASE + "...\n").encode(), "Which berth a boat gets"),
        (
            BASE.replace("Which", "W\u00e4hle \u2693 \U0001f6a4").encode(),
            "W\u00e4hle \u2693 \U0001f6a4 berth a boat gets",
        ),
    ],
    ids=["plain", "byte order mark", "CRLF", "document markers", "unicode"],
)
def test_a_file_may_be_utf8_in_the_ways_editors_write_it(tmp_path: Path, data: bytes, title: str) -> None:
    file = tmp_path / "t.yaml"
    file.write_bytes(data)
    table = load_table(file)
    assert table.title == title
    assert table.decide(DINGHY).matched == ["dinghy"]


def test_json_is_yaml_and_text_that_starts_with_a_brace_is_no_path() -> None:
    table = load_table(
        '{"table": "t", "hit_policy": "first", "inputs": {"x": {"type": "number"}}, "outputs": {"o": {}}, '
        '"rules": [{"when": {"x": ">= 2"}, "then": {"o": "tab\\tand \\u00e9"}}]}'
    )
    assert table.decide({"x": 2}).output == {"o": "tab\tand \u00e9"}


def test_ids_reasons_titles_defaults_and_examples_may_be_absent() -> None:
    table = load_table(
        "table: t\nhit_policy: first\ninputs: {x: {type: number}}\noutputs: {o: {}}\nrules: [{then: {o: 1}}]\n"
    )
    assert (table.title, table.default, table.examples) == ("", None, ())
    assert (table.rules[0].id, table.rules[0].because, table.rules[0].cells) == ("rule-1", "", (ANYTHING,))


def test_aliases_repeat_what_they_name() -> None:
    text = changed("when: {kind: rowing, length: '<= 4'}", "when: &w {kind: rowing, length: '<= 4'}")
    table = load_table(text.replace("default:", "  - {id: again, when: *w, then: {berth: buoy, fee: 1}}\ndefault:"))
    assert table.rules[2].cells == table.rules[0].cells


# --- every kind of mistake: (old, new, line, column, problem, hint) --------------------------------------------------

INPUTS = BASE[BASE.index("inputs:") : BASE.index("outputs:")]
RULES = BASE[BASE.index("rules:") : BASE.index("default:")]
ERRORS: dict[str, tuple[str, str, int, int, str, str]] = {
    # the table
    "unknown key": ("title:", "titel:", 2, 1, 'unknown key "titel" (did you mean "title"?)', "keys: table, title"),
    "no name": ("table: berths\n", "", 1, 1, "no 'table'", "add table:"),
    "no policy": ("hit_policy: first\n", "", 1, 1, "no 'hit_policy'", "add hit_policy:"),
    "unknown policy": ("first", "frist", 3, 13, 'hit_policy is "frist" (did you mean "first"?)', "one of unique, any"),
    "policy a list": ("hit_policy: first", "hit_policy: [first]", 3, 13, "hit_policy is", "one of"),
    "policy a letter of DMN": ("hit_policy: first", "hit_policy: F", 3, 13, 'hit_policy is "F"', "one of"),
    "aggregate elsewhere": ("first\n", "first\naggregate: sum\n", 4, 12, "goes with hit_policy collect", "remove it"),
    "unknown aggregate": ("first\n", "collect\naggregate: avg\n", 4, 12, 'aggregate is "avg"', "one of sum, min"),
    "empty aggregate": ("first\n", "collect\naggregate:\n", 4, 11, 'aggregate is ""', "one of sum"),
    "sum of two outputs": ("first\n", "collect\naggregate: sum\n", 11, 3, "a single output, not 2", "keep one"),
    "title a mapping": ("title: Which", "title: {a: b} #", 2, 8, "title must be text", ""),
    "title null": ("title: Which berth a boat gets", "title: ~", 2, 8, "title must be text, not null", ""),
    # inputs
    "inputs a list": (INPUTS, "inputs: [kind]\n", 4, 9, "inputs must be a mapping", ""),
    "input a word": ("{type: boolean}", "boolean", 7, 12, "input insured must be a mapping", ""),
    "input without type": ("{type: boolean}", "{}", 7, 12, "input insured has no 'type'", "add type:"),
    "unknown type": ("type: boolean", "type: bool", 7, 19, '(did you mean "boolean"?)', "one of string, number"),
    "unknown input key": ("{type: boolean}", "{type: boolean, value: 1}", 7, 28, '"values"', "keys: type, values"),
    "optional a word": ("optional: true", "optional: yes", 8, 34, 'optional is "yes"', "true or false"),
    "values twice": ("[sail, motor, rowing]", "[sail, sail]", 5, 39, "appears twice", "keep one"),
    "values empty": ("[sail, motor, rowing]", "[]", 5, 32, "values is empty", "leave values out"),
    "values of another type": ("[sail, motor, rowing]", "[sail, 2]", 5, 39, "2 is not a string", '"2"'),
    "values a boolean": ("[sail, motor, rowing]", "[sail, true]", 5, 39, "true is not a string", '"true"'),
    "values null": ("[sail, motor, rowing]", "[sail, null]", 5, 39, "null is not a value", '"null"'),
    "values nested": ("[sail, motor, rowing]", "[[sail]]", 5, 33, "expected one value", ""),
    "values a mapping": ("[sail, motor, rowing]", "{sail: motor}", 5, 32, "a cell is a test, not a mapping", ""),
    "domain of another type": ("'> 0'", "'> a'", 6, 34, '"a" is not a number', "takes numbers"),
    "domain no test": ("'> 0'", "'>> 0'", 6, 36, "expected a value", "a number"),
    # outputs
    "output a word": ("fee: {type: number}", "fee: number", 11, 8, "output fee must be a mapping", ""),
    "unknown output type": ("fee: {type: number}", "fee: {type: int}", 11, 15, 'type is "int"', "one of string"),
    "output values empty": ("[pier, buoy, beach]", "[]", 10, 33, "values is empty", ""),
    "output missing": ("then: {berth: beach, fee: 0}", "then: {berth: beach}", 15, 11, "has no 'fee'", "add fee:"),
    "output unknown": ("fee: 25.5}", "fees: 25.5}", 23, 25, 'unknown key "fees" (did you mean "fee"?)', "berth, fee"),
    "output of another type": ("fee: 25.5}", "fee: much}", 23, 30, '"much" is not a number', ""),
    "output text as number": ("{berth: pier, fee", "{berth: 5, fee", 23, 19, "5 is not a string", '"5"'),
    "output outside its values": ("berth: pier, fee", "berth: peer, fee", 23, 19, '(did you mean "pier"?)', "one of"),
    "output empty": ("{berth: beach, fee: 0}\n", "{berth: , fee: 0}\n", 15, 19, "an empty value", "''"),
    "output a list": ("fee: 25.5}", "fee: [1]}", 23, 30, "expected one value", ""),
    "output a block that is empty": ("then: {berth: pier, fee: 25.5}", "then:\n      berth: >5\n      fee: 1", 24, 14, "empty value", "''"),
    # rules
    "rules a number": (RULES, "rules: 1.5\n", 12, 8, "rules must be a list", ""),
    "rules a mapping": (RULES, "rules: {dinghy: beach}\n", 12, 8, "rules must be a list", ""),
    "rule a word": ("default:", "  - nothing\ndefault:", 24, 5, "rule 3 must be a mapping", ""),
    "unknown rule key": ("because:", "reason:", 16, 5, 'unknown key "reason"', "keys: id, when, then, because"),
    "no then": ("    then: {berth: beach, fee: 0}\n", "", 13, 5, "rule dinghy has no 'then'", "add then:"),
    "then empty": ("then: {berth: beach, fee: 0}", "then:", 15, 10, "must be a mapping", ""),
    "when empty": ("when: {kind: rowing, length: '<= 4'}", "when:", 14, 10, "must be a mapping", ""),
    "when a list": ("when: {kind: rowing, length: '<= 4'}", "when: [rowing]", 14, 11, "must be a mapping", ""),
    "unknown input": ("length: '<= 4'", "lenght: 4", 14, 26, '(did you mean "length"?)', "keys: kind, length"),
    "id twice": ("id: big", "id: dinghy", 17, 5, 'two rules have the id "dinghy"', "unique"),
    "id a list": ("id: big", "id: [big]", 17, 9, "id must be text", ""),
    # cells
    "cell empty": ("length: '<= 4'", "length: ", 14, 34, "an empty cell", "write - for any value"),
    "cell empty in quotes": ("length: '<= 4'", "length: ''", 14, 35, "an empty cell", "write - for any value"),
    "cell an unquoted >5": ("length: '[10..30)'", "length: >5", 20, 15, "an empty cell", "quote the test: '> 5'"),
    "cell an unquoted >": ("length: '[10..30)'", "length: >", 20, 15, "an empty cell", "quote the test: '> 5'"),
    "cell an unquoted |": ("length: '[10..30)'", "length: |", 20, 15, "an empty cell", "quote the test: '> 5'"),
    "cell an unquoted >=": ("length: '[10..30)'", "length: >= 5", 20, 16, "not valid YAML", "single quotes"),
    "cell an unquoted !=": ("length: '[10..30)'", "length: != 5", 20, 15, "the tag != is not accepted", "'!= 5'"),
    "cell an unquoted interval": ("length: '[10..30)'", "length: [10..30]", 20, 18, "unexpected '..'", "in quotes"),
    "cell an unquoted half-open interval": ("length: '[10..30)'", "length: [10..30)", 21, 14, "not valid YAML", "quotes"),
    "cell an unquoted list of strings": ("kind: '\"sail\",\"motor\"'", 'kind: "sail","motor"', 19, 19, "not valid YAML", "quotes"),
    "cell an unquoted -": ("insured: true", "insured: -", 21, 16, "not valid YAML", "'-'"),
    "cell an unquoted *": ("insured: true", "insured: *", 21, 17, "not valid YAML", ""),
    "cell an unquoted > in braces": ("length: '<= 4'", "length: >4", 14, 34, "not valid YAML", "single quotes"),
    "cell a mistake in the middle": ("'[10..30)'", "'[10..30'", 20, 23, 'cell "[10..30"', "close it"),
    "cell a word for a number": ("length: '<= 4'", "length: short", 14, 34, '"short" is not a number', "'>= 2'"),
    "cell a boolean for a number": ("length: '<= 4'", "length: true", 14, 34, "true is not a number", "'>= 2'"),
    "cell a number for a string": ("kind: rowing, length: '", "kind: 5, length: '", 14, 18, "5 is not a string", "'\"5\"'"),
    "cell a boolean for a string": ("kind: rowing, length: '", "kind: true, length: '", 14, 18, "is not a string", "'\"true\"'"),
    "cell a number for a boolean": ("insured: true", "insured: 1", 21, 16, "1 is not true or false", "true or false"),
    "cell a word for a boolean": ("insured: true", "insured: yes", 21, 16, '"yes" is not true or false', "true or false"),
    "cell of a list of another type": ("length: '<= 4'", "length: [1, x]", 14, 38, '"x" is not a number', "'>= 2'"),
    "cell outside the domain": ("kind: rowing, length: '", "kind: roving, length: '", 14, 18, '"rowing"?', "one of"),
    "cell outside the domain in a list": ("'\"sail\",\"motor\"'", "sail, mtor", 19, 13, '"motor"?', 'one of "sail"'),
    "cell outside the domain beside an order": ("'\"sail\",\"motor\"'", "'\"sale\", > \"m\"'", 19, 13, '"sail"?', "one of"),
    "cell null of a required input": ("insured: true", "insured: null", 21, 16, "null can never match", "optional: true"),
    "cell a mapping": ("length: '<= 4'", "length: {min: 4}", 14, 34, "a cell is a test, not a mapping", "'>= 2'"),
    "cell an empty list": ("length: '<= 4'", "length: []", 14, 34, "matches nothing", "write -"),
    "cell a dash in a list": ("length: '<= 4'", "length: [-, 4]", 14, 34, "- stands alone", "the whole cell"),
    "cell a date": ("length: '<= 4'", "length: 2024-01-01", 14, 38, "unexpected '-01'", ""),
    # default and examples
    "default a number": ("default: {berth: buoy, fee: 9}", "default: 9", 24, 10, "default is 9", "a mapping"),
    "default a list": ("default: {berth: buoy, fee: 9}", "default: []", 24, 10, "default is []", "a mapping"),
    "default empty": ("default: {berth: buoy, fee: 9}", "default:", 24, 9, 'default is ""', "a mapping"),
    "default incomplete": ("default: {berth: buoy, fee: 9}", "default: {berth: buoy}", 24, 10, "no 'fee'", "add fee:"),
    "default outside": ("default: {berth: buoy, fee: 9}", "default: {berth: bay, fee: 9}", 24, 18, "is not one of", "one of"),
    "examples a mapping": ("  - {given:", "  {given:", 26, 3, "examples must be a list", ""),
    "example a word": ("  - {given:", "  - none\n  - {given:", 26, 5, "example must be a mapping", ""),
    "example without expect": (", expect: {berth: beach, fee: 0}}", "}", 26, 5, "no 'expect'", "add expect:"),
    "example of an unknown input": ("length: 3,", "long: 3,", 26, 28, 'unknown key "long"', "keys: kind"),
    # YAML
    "key twice": ("title: W", "table: W", 2, 1, 'the key "table" appears twice', "keep one"),
    "input twice": ("  insured: {", "  kind: {", 7, 3, 'the key "kind" appears twice', "keep one"),
    "cell twice": ("      insured: true\n", "      kind: sail\n", 21, 7, 'the key "kind" appears twice', "keep one"),
    "tag": ("table: berths", "table: !!str berths", 1, 8, "the tag tag:yaml.org,2002:str", "leave the tag out"),
    "tag of Python": ("table: berths", "table: !!python/object/apply:os.system [x]", 1, 8, "the tag", "leave"),
    "tag on a key": ("table: berths", "!x table: berths", 1, 1, "the tag !x", "leave the tag out"),
    "alias to nothing": ("table: berths", "table: *b", 1, 8, "*b has no finished anchor", "before"),
    "alias to itself": ("table: berths", "table: &b [*b]", 1, 12, "*b has no finished anchor", "before"),
    "merge key": ("    because:", "    <<: {id: x}\n    because:", 16, 5, 'unknown key "<<"', "keys: id"),
    "key a list": ("table: berths", "[a]: berths", 1, 1, "a key that is not text", "plain words"),
    "second document": ("default:", "---\ndefault:", 24, 1, "a second document", "one table in a file"),
    "bracket left open": ("[sail, motor, rowing]", "[sail, motor, rowing", 5, 52, "not valid YAML", ""),
    "quote left open": ("'<= 4'", "'<= 4", 19, 14, "not valid YAML", ""),
    "tab for indentation": ("  insured: {", "\tinsured: {", 7, 1, "not valid YAML", "not tabs"),
    "NUL": ("Which berth", "Which\0berth", 2, 13, "U+0000 is not allowed", "UTF-8"),
    "control character": ("Which berth", "Which\x1bberth", 2, 13, "U+001B is not allowed", "UTF-8"),
    "lone surrogate": ("Which berth", "Which\ud800berth", 2, 13, "U+D800 is not allowed", "UTF-8"),
    "number of too many digits": ("fee: 25.5}", f"fee: {'9' * 301}}}", 23, 30, "too many digits", "300"),
    "number too large": ("fee: 25.5}", "fee: 1e999}", 23, 30, "too large", "smaller"),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.parametrize("in_file", [False, True], ids=["text", "file"])
def test_a_mistake_is_told_with_its_place_and_a_remedy(case: str, in_file: bool, tmp_path: Path) -> None:
    old, new, line, column, problem, hint = ERRORS[case]
    text, name = changed(old, new), "table"
    if in_file:
        name = str(tmp_path / "berths.yaml")
        Path(name).write_bytes(text.encode("utf-8", "surrogatepass"))
    error = failure(Path(name) if in_file else text)
    if "surrogate" in case and in_file:
        assert "not UTF-8 text" in error.message
        return
    assert re.match(rf"{re.escape(name)}:\d+:\d+: ", error.message), error.message
    assert error.message.startswith(f"{name}:{line}:{column}: "), error.message
    assert problem in error.message
    assert hint in error.hint


@pytest.mark.parametrize("case", ERRORS)
def test_the_parser_written_in_python_finds_the_same_mistakes(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_Loader", yaml.SafeLoader)
    old, new, _, _, problem, hint = ERRORS[case]
    error = failure(changed(old, new))
    assert re.match(r"table:\d+:\d+: ", error.message), error.message
    assert problem in error.message
    assert hint in error.hint


def test_the_message_of_a_cell_names_rule_input_and_cell() -> None:
    error = failure(changed("'[10..30)'", "'10..30'"))
    assert error.message == "table:20:18: rule big, input length: cell \"10..30\": unexpected '..'"


@pytest.mark.parametrize(
    ("aggregate", "outputs", "then", "default", "problem"),
    [
        ("sum", "{type: string}", "x", "", "sum needs number outputs"),
        ("min", "{type: boolean}", "true", "", "min needs number or string outputs"),
        ("max", "{values: [true, false]}", "true", "", "max needs number or string outputs"),
        ("sum", "{}", "x", "", '"x" is not a number'),
        ("min", "{}", "null", "", "null is not a number"),
        ("sum", "{}", "true", "", "true is not a number"),
        ("sum", "{}", "1", "default: {o: 1}", "expected one value"),
        ("sum", "{}", "1", "default: none", 'default is "none"'),
        ("count", "{type: string}", "x", "default: true", "default is true"),
        ("min", "{type: string}", "x", "default: 1", "default is 1"),
    ],
)
def test_an_aggregate_finds_what_it_needs_or_says_so(
    aggregate: str, outputs: str, then: str, default: str, problem: str
) -> None:
    error = failure(
        f"table: t\nhit_policy: collect\naggregate: {aggregate}\ninputs: {{x: {{type: number}}}}\n"
        f"outputs: {{o: {outputs}}}\nrules: [{{then: {{o: {then}}}}}]\n{default}\n"
    )
    assert problem in error.message


@pytest.mark.parametrize("policy", ["priority", "output_order"])
def test_a_policy_by_output_needs_outputs_with_an_order(policy: str) -> None:
    text = changed("values: [pier, buoy, beach]", "").replace("first", policy)
    error = failure(text)
    assert f"hit_policy {policy} needs an order of outputs" in error.message
    assert "`values`, best first" in error.hint


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\n", "not null"),
        ("# nothing but a remark\n", "not null"),
        ("---\n", 'not ""'),
        ("- a\n- b\n", 'not ["a", "b"]'),
        ("just words\nand more\n", 'not "just words and more"'),
        ("5\n", "not 5"),
        ("{}", "no 'hit_policy'"),
        ("table: t\nhit_policy: first\ninputs: {}\noutputs: {o: {}}\nrules: [{then: {o: 1}}]\n", "at least one input"),
        ("table: t\nhit_policy: first\ninputs: {x: {type: number}}\noutputs: {}\nrules: []\n", "at least one output"),
        ("table: t\nhit_policy: first\ninputs: {x: {type: number}}\noutputs: {o: {}}\nrules: []\n", "at least one rule"),
        ("table: t\nhit_policy: first\ninputs: {x: {type: number}}\noutputs: {o: {}}\nrules:\n", "rules must be a list"),
        ("table: t\nhit_policy: first\ninputs: {x: {type: number}}\noutputs: {o: {values: [1, x]}}\nrules: []\n", "is not a number"),
        ("table: t\nhit_policy: first\ninputs: {x: {type: number}}\noutputs: {o: {values: [1, true]}}\nrules: []\n", "is not a number"),
        ("table: t\nhit_policy: first\ninputs: {x: {type: number}}\noutputs: {o: {values: [null]}}\nrules: []\n", "is not a value"),
    ],
)  # fmt: skip
def test_what_is_no_table_says_what_a_table_needs(text: str, problem: str) -> None:
    assert problem in failure(text).message


# --- files that cannot be read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "a table must be a mapping"),
        (b"\xef\xbb\xbf", "a table must be a mapping"),
        (BASE.encode("utf-16"), "not UTF-8 text (byte 0)"),
        (BASE.encode("utf-16-le"), "U+0000 is not allowed"),
        (BASE.encode("utf-32"), "not UTF-8 text (byte 0)"),
        (BASE.replace("Which", "W\u00e4hle").encode("latin-1"), "not UTF-8 text (byte 22)"),
        (b"\x00" * 1000, "U+0000 is not allowed"),
        (b"\x89PNG\r\n\x1a\n", "not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), "larger than 1,000,000 bytes"),
        (b"[" * 100_000, "nested more than 32 deep"),
        (b"{a: " * 100_000, "nested more than 32 deep"),
        (b"- " * 100_000, "nested more than 32 deep"),
        (b"[" + b"1," * (MAX_NODES + 5) + b"]", "more than 100,000 values"),
        (b"\n".join(b"k%d: 1" % i for i in range(90_000)), "unknown key"),
    ],
    ids=[
        "empty", "only a byte order mark", "UTF-16", "UTF-16 without a mark", "UTF-32", "Latin-1", "zeros", "an image",
        "too large", "brackets", "braces", "dashes", "too many values", "very many keys",
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused_by_name(tmp_path: Path, data: bytes, problem: str) -> None:
    file = tmp_path / "odd.yaml"
    file.write_bytes(data)
    error = failure(file)
    assert error.message.startswith(str(file))
    assert problem in error.message
    assert len(str(error)) < 2000


@pytest.mark.parametrize("name", ["missing.yaml", "", "x" * 5000, "a\0b", "a\ud800b"], ids=ascii)
def test_a_path_that_leads_nowhere_is_refused_by_name(tmp_path: Path, name: str) -> None:
    file = f"{tmp_path}/{name}"
    error = failure(file)
    assert "cannot be read" in error.message or "not the name of a file" in error.message


def test_text_without_a_line_break_is_taken_for_a_path() -> None:
    assert "cannot be read" in failure("table: t").message


def test_text_is_limited_like_a_file() -> None:
    assert "larger than 1,000,000 characters" in failure("#\n" + "x" * MAX_BYTES).message


def test_a_reader_drops_the_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "t.txt"
    file.write_bytes(b"\xef\xbb\xbfa\r\n")
    assert read_text(file) == "a\r\n"


@pytest.mark.parametrize("limit", [10, 11])
def test_a_reader_may_set_its_own_limit(tmp_path: Path, limit: int) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("x" * 10)
    assert read_text(file, limit) == "x" * 10
    with pytest.raises(SelectorError, match="larger than 9 bytes"):
        read_text(file, 9)


# --- bombs ------------------------------------------------------------------------------------------------------------

LAUGHS = "\n".join(["a0: &a0 [lol, lol]"] + [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)])
LONG = "a: &a " + "x" * 500_000 + "\nrules: [" + "*a," * 90_000 + "]\n"
TALL = "- &a0 " + "[" * 20 + "]" * 20 + "".join(f"\n- &a{i} {'[' * 20}*a{i - 1}{']' * 20}" for i in range(1, 90))


@pytest.mark.parametrize(
    ("text", "problem"),
    [(LAUGHS, "more than 100,000 values"), (LONG, "more than 100,000 values"), (TALL, "nested more than 32 deep")],
    ids=["a billion laughs", "a long text many times", "a tower of aliases"],
)
def test_aliases_cannot_be_used_to_exhaust_the_machine(text: str, problem: str) -> None:
    assert problem in failure(text).message


def test_depth_is_counted_through_aliases() -> None:
    def lists(deep: int, innermost: str = "") -> str:
        return "[" * deep + innermost + "]" * deep

    half = MAX_DEPTH // 2
    parse_yaml(f"a: {lists(MAX_DEPTH)}\n", "t")
    parse_yaml(f"a: &a {lists(half)}\nb: {lists(half, '*a')}\n", "t")
    for text in (f"a: {lists(MAX_DEPTH + 1)}\n", f"a: &a {lists(half)}\nb: {lists(half + 1, '*a')}\n"):
        with pytest.raises(SelectorError, match="nested more than 32 deep"):
            parse_yaml(text, "t")


# --- YAML 1.2: what stays text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, word) for word in ("yes", "no", "on", "off", "y", "n", "Yes", "NO", "tRue", "nULL", "None")],
        *[(word, word) for word in ("2024-01-01", "12:30", "1:2:3", "2024-01-01T00:00:00Z", "1_000", "0x1F", "0b1")],
        *[(word, word) for word in (".inf", "-.inf", ".nan", "NaN", "inf", "1e", ".", "+", "--1", "1.2.3", "\u0663")],
        *[("<<", "<<"), ("=", "="), ("'5'", "5"), ('"true"', "true"), ("'~'", "~"), ("! '5'", "5"), ("", "")],
        *[("5", 5), ("-5", -5), ("+5", 5), ("007", 7), ("0", 0), ("100000000000000000005", 10**20 + 5)],
        *[("5.5", 5.5), (".5", 0.5), ("5.", 5.0), ("-1.5e3", -1500.0), ("1E-2", 0.01), ("1e3", 1000.0)],
        *[("true", True), ("True", True), ("FALSE", False), ("null", None), ("~", None), ("Null", None)],
    ],
    ids=repr,
)
def test_plain_words_are_resolved_by_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    found = parse_yaml(f"a: {text}\n", "t").plain()["a"]
    assert repr(found) == repr(value)


def test_keys_are_always_text() -> None:
    assert load_keys("1: a\ntrue: b\nnull: c\n2024-01-01: d\nno: e\n") == ["1", "true", "null", "2024-01-01", "no"]


def load_keys(text: str) -> list[str]:
    return list(parse_yaml(text, "t").plain())


def test_words_that_older_yaml_reads_as_booleans_are_values_of_a_domain() -> None:
    table = load_table(
        "table: t\nhit_policy: first\ninputs: {answer: {type: string, values: [yes, no, on, 12:30, 2024-01-01]}}\n"
        "outputs: {o: {type: string}}\nrules:\n"
        "  - {when: {answer: no}, then: {o: off}}\n  - {when: {answer: [12:30, 2024-01-01]}, then: {o: on}}\n"
    )
    assert table.decide({"answer": "no"}).output == {"o": "off"}
    assert table.decide({"answer": "2024-01-01"}).output == {"o": "on"}
    assert table.decide({"answer": "yes"}).output is None


@pytest.mark.parametrize("value", ["> 5", "a, b", "[1..5]", "not(a)", "null", "true", "", "a b", "\u2265"])
def test_a_value_of_the_domain_means_itself_even_if_it_looks_like_a_test(value: str) -> None:
    table = load_table(
        f"table: t\nhit_policy: first\ninputs: {{s: {{type: string, values: ['{value}', other]}}}}\n"
        f"outputs: {{o: {{type: number}}}}\nrules: [{{when: {{s: '{value}'}}, then: {{o: 1}}}}]\n"
    )
    assert table.rules[0].cells == (Compare("=", value),)
    assert table.decide({"s": value}).matched == ["rule-1"]
    assert table.decide({"s": "other"}).matched == []


def test_a_dash_is_any_value_even_where_it_is_a_value_and_in_double_quotes_itself() -> None:
    table = load_table(
        "table: t\nhit_policy: collect\ninputs: {s: {type: string, values: ['-', a]}}\noutputs: {o: {}}\n"
        "rules: [{id: any, when: {s: '-'}, then: {o: 1}}, {id: dash, when: {s: '\"-\"'}, then: {o: 2}}]\n"
    )
    assert table.decide({"s": "a"}).matched == ["any"]
    assert table.decide({"s": "-"}).matched == ["any", "dash"]


def test_an_empty_block_is_an_error_even_where_the_empty_text_is_a_value() -> None:
    text = (
        "table: t\nhit_policy: first\ninputs: {s: {type: string, values: ['', a]}}\noutputs: {o: {}}\n"
        "rules:\n  - when:\n      s: >5\n    then: {o: 1}\n"
    )
    assert failure(text).message.startswith('table:7:10: rule rule-1, input s: cell "": an empty cell')


def test_plain_data_of_other_files_is_read_under_the_same_limits(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("a: [1, {b: null}]\nc: yes\n")
    assert load_yaml(file) == {"a": [1, {"b": None}], "c": "yes"}


# --- deciding: a wrong input is an error and never the default row ----------------------------------------------------


class Kind(StrEnum):
    SAIL = "sail"
    ROWING = "rowing"


class Size(IntEnum):
    SMALL = 3


HUGE = 10**400
WRONG: dict[str, tuple[Any, str]] = {
    "unknown": ({**DINGHY, "colour": "red"}, 'unknown input "colour"'),
    "misspelt, in the place of an optional one": ({**DINGHY, "flagg": "x"}, 'unknown input "flagg" (did you mean "flag"?)'),
    "unknown and null": ({**DINGHY, "colour": None}, 'unknown input "colour"'),
    "a name that is no text": ({**DINGHY, 5: 1}, "unknown input 5"),
    "missing": ({"kind": "rowing", "length": 3}, "input insured is missing"),
    "missing, with a stranger in its place": ({"kind": "rowing", "length": 3, "x": 1}, 'unknown input "x"'),
    "null": ({**DINGHY, "insured": None}, "input insured is missing"),
    "nothing": ({}, "input kind is missing"),
    "outside the values": ({**DINGHY, "kind": "moter"}, 'is "moter", not one of "sail", "motor", "rowing" (did you mean "motor"?)'),
    "other case": ({**DINGHY, "kind": "Sail"}, "not one of"),
    "outside the test": ({**DINGHY, "length": 0}, "input length is 0, outside > 0"),
    "text for a number": ({**DINGHY, "length": "3"}, 'input length is "3", not a number'),
    "boolean for a number": ({**DINGHY, "length": True}, "input length is true, not a number"),
    "number for a boolean": ({**DINGHY, "insured": 1}, "input insured is 1, not a boolean"),
    "text for a boolean": ({**DINGHY, "insured": "true"}, 'input insured is "true", not a boolean'),
    "number for text": ({**DINGHY, "flag": 5}, "input flag is 5, not a string"),
    "boolean for text": ({**DINGHY, "kind": True}, "input kind is true, not a string"),
    "list": ({**DINGHY, "kind": ["sail"]}, 'input kind is ["sail"], not a string'),
    "mapping": ({**DINGHY, "length": {}}, "input length is {}, not a number"),
    "bytes": ({**DINGHY, "kind": b"sail"}, "not a string"),
    "nan": ({**DINGHY, "length": float("nan")}, "input length is nan, not a finite number"),
    "inf": ({**DINGHY, "length": float("inf")}, "input length is inf, not a finite number"),
    "minus inf": ({**DINGHY, "length": float("-inf")}, "not a finite number"),
    "decimal": ({**DINGHY, "length": Decimal(3)}, "not a number"),
    "fraction": ({**DINGHY, "length": Fraction(3)}, "not a number"),
    "complex": ({**DINGHY, "length": 3 + 0j}, "not a number"),
    "object": ({**DINGHY, "kind": SimpleNamespace()}, "not a string"),
    "huge integer beside a mistake": ({**DINGHY, "length": HUGE, "insured": 1}, "input insured is 1"),
    "huge negative integer": ({**DINGHY, "length": -HUGE}, "outside > 0"),
    "no mapping": ([("kind", "sail")], "inputs are a mapping"),
    "none": (None, "inputs are a mapping"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("trace", [False, True], ids=["", "traced"])
def test_a_wrong_input_is_an_error_and_never_the_default(case: str, trace: bool) -> None:
    inputs, problem = WRONG[case]
    table = load_table(BASE)
    for _ in range(2):
        with pytest.raises(SelectorError) as caught:
            table.decide(inputs, trace=trace)
        assert caught.value.message.startswith("table berths: ")
        assert problem in caught.value.message
    assert table.decide(DINGHY).matched == ["dinghy"]


@pytest.mark.parametrize("value", [True, 1.5, "1", Decimal(1), 1 + 0j, float("nan"), None, 3, [1]], ids=repr)
def test_a_list_of_numbers_takes_its_numbers_only(value: Any) -> None:
    table = load_table(
        "table: t\nhit_policy: first\ninputs: {x: {type: number, values: [0, 1, 2.5]}}\noutputs: {o: {}}\n"
        "rules: [{when: {x: 1}, then: {o: 1}}]\ndefault: {o: 0}\n"
    )
    assert [table.decide({"x": x}).output["o"] for x in (0, 1, 1.0, 2.5)] == [0, 1, 1, 0]
    with pytest.raises(SelectorError):
        table.decide({"x": value})


@pytest.mark.parametrize("values", ["[true]", "'true'", "'not(false)'", "true"])
def test_a_boolean_may_be_held_to_one_value(values: str) -> None:
    table = load_table(
        f"table: t\nhit_policy: first\ninputs: {{x: {{type: boolean, values: {values}}}}}\noutputs: {{o: {{}}}}\n"
        "rules: [{then: {o: 1}}]\n"
    )
    assert table.decide({"x": True}).matched == ["rule-1"]
    for trace in (False, True):
        with pytest.raises(SelectorError, match="input x is false"):
            table.decide({"x": False}, trace)


@pytest.mark.parametrize(
    "inputs",
    [
        {**DINGHY, "flag": None},
        {**DINGHY, "kind": Kind.ROWING},
        {**DINGHY, "length": Size.SMALL},
        {**DINGHY, "length": 3.0},
        MappingProxyType(DINGHY),
        dict(reversed(DINGHY.items())),
    ],
    ids=["an optional null", "a string enum", "an int enum", "a float", "a mapping proxy", "another order"],
)
def test_the_usual_kinds_of_right_inputs_are_accepted(inputs: Mapping[str, Any]) -> None:
    table = load_table(BASE)
    assert table.decide(inputs).matched == ["dinghy"]
    assert table.decide(inputs, trace=True).matched == ["dinghy"]


def test_a_huge_integer_is_a_number() -> None:
    assert load_table(BASE).decide({**DINGHY, "length": HUGE}).matched == []


@given(
    st.dictionaries(
        st.sampled_from(["kind", "length", "insured", "flag", "x"]) | st.text(max_size=3),
        st.sampled_from(["sail", "motor", "rowing"])
        | st.integers()
        | st.floats()
        | st.booleans()
        | st.none()
        | st.text(max_size=3)
        | st.binary(max_size=2)
        | st.lists(st.integers(), max_size=2),
    )
)
@settings(max_examples=300, deadline=None, database=None)
def test_any_inputs_at_all_give_a_decision_or_a_selector_error(inputs: dict[str, Any]) -> None:
    outcome(load_table(BASE), inputs)


def outcome(table: DecisionTable, inputs: dict[str, Any]) -> str:
    try:
        return "decided" if table.decide(inputs, trace=True).trace else "no trace"
    except SelectorError as error:
        return error.message


# --- no text does anything but load or fail with a SelectorError ------------------------------------------------------

PIECES = st.sampled_from(
    [
        *["", "\n", " ", "  ", ":", ": ", "- ", "-", ",", "{", "}", "[", "]", "(", ")", "'", '"', "#", "&a ", "*a", "!", "!!str "],
        *["|", ">", ">5", "%", "@", "`", "?", "? ", "~", "null", "true", "yes", "5", "-1.5e3", "1e999", "\0", "\ufeff"],
        *["\ud800", "\x85", "\u2028", "\t", "\r", "---\n", "...\n", "<<: ", "not(", "..", "'> 5'", "values: ", "type: "],
        *["then: ", "when: ", "default: 5\n", "aggregate: sum\n", "hit_policy: collect\n", "optional: true", "\x1b[31m"],
    ]
)  # fmt: skip
MUTATION = st.tuples(
    st.integers(0, len(BASE)), st.sampled_from([0, 0, 0, 1, 1, 2, 5, 20, 200]), PIECES | st.text(st.characters(), max_size=4)
)  # fmt: skip


def mutated(mutations: list[tuple[int, int, str]]) -> str:
    text = BASE
    for place, length, piece in mutations:
        text = text[:place] + piece + text[place + length :]
    return text


def assert_table_or_error(text: str | Path) -> None:
    try:
        table = load_table(text)
    except SelectorError as error:
        found = f"{error.message}\n{error.hint}"
    else:
        assert isinstance(table, DecisionTable)
        found = outcome(table, DINGHY)
        outcome(table, {})
        for rule in table.rules:
            assert len([cell_text(cell) for cell in rule.cells]) == len(table.inputs)
    assert found.strip()


@given(st.lists(MUTATION, min_size=1, max_size=4))
@settings(max_examples=800, deadline=None, database=None)
def test_any_mutation_of_a_table_gives_a_table_or_a_selector_error(mutations: list[tuple[int, int, str]]) -> None:
    assert_table_or_error(mutated(mutations) + "\n")


@given(st.lists(MUTATION, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None, database=None)
def test_the_parser_written_in_python_is_as_safe(mutations: list[tuple[int, int, str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_Loader", yaml.SafeLoader)
        assert_table_or_error(mutated(mutations) + "\n")


@given(st.integers(0, len(BASE)), st.integers(0, len(BASE)))
@settings(max_examples=200, deadline=None, database=None)
def test_any_part_of_a_table_gives_a_table_or_a_selector_error(start: int, end: int) -> None:
    assert_table_or_error(BASE[: min(start, end)] + BASE[max(start, end) :] + "\n")
    assert_table_or_error("\n" + BASE[min(start, end) : max(start, end)])


@pytest.mark.parametrize("end", range(0, len(BASE), 7))
def test_a_truncated_table_gives_a_table_or_a_selector_error(end: int) -> None:
    assert_table_or_error(BASE[:end] + "\n")


@given(st.data())
@settings(max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_in_a_file_give_a_table_or_a_selector_error(tmp_path: Path, data: st.DataObject) -> None:
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(BASE)), st.integers(0, len(BASE)))))
    noise = data.draw(st.binary(max_size=20))
    file = tmp_path / "noise.yaml"
    file.write_bytes(data.draw(st.sampled_from([noise, BASE[:start].encode() + noise + BASE[end:].encode()])))
    assert_table_or_error(file)


@given(st.text(st.characters(), max_size=30))
@settings(max_examples=300, deadline=None, database=None)
def test_random_text_gives_a_table_or_a_selector_error(text: str) -> None:
    assert_table_or_error(text + "\n")
    assert_table_or_error("{" + text)
