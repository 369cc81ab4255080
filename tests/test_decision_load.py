"""Loading decision tables: every mistake is told with its place and a remedy, and no text can do anything else."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from berths import BASE, DINGHY, changed, failure, outcome
from hypothesis import strategies as st
from properties import property_test

from selector.decision import DecisionTable, load_table, source
from selector.decision.cells import ANYTHING, Compare, cell_text
from selector.errors import SelectorError

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


def assert_told(case: str, error: SelectorError, file: str, *, at_its_place: bool = True) -> None:
    _, _, line, column, problem, hint = ERRORS[case]
    place = f"{line}:{column}" if at_its_place else r"\d+:\d+"
    assert re.match(rf"{re.escape(file)}:{place}: ", error.message), (case, error.message)
    assert problem in error.message, case
    assert hint in error.hint, case


def test_a_mistake_is_told_with_its_place_and_a_remedy() -> None:
    for case, (old, new, *_) in ERRORS.items():
        assert_told(case, failure(changed(old, new)), "table")


def test_a_mistake_in_a_file_is_told_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "berths.yaml"
    for case, (old, new, *_) in ERRORS.items():
        file.write_bytes(changed(old, new).encode("utf-8", "surrogatepass"))
        if case == "lone surrogate":
            assert "not UTF-8 text" in failure(file).message
        else:
            assert_told(case, failure(file), str(file))


def test_the_parser_written_in_python_finds_the_same_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_Loader", yaml.SafeLoader)
    for case, (old, new, *_) in ERRORS.items():
        assert_told(case, failure(changed(old, new)), "table", at_its_place=False)


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


@property_test(st.lists(MUTATION, min_size=1, max_size=4), few=120, many=1200)
def test_any_mutation_of_a_table_gives_a_table_or_a_selector_error(mutations: list[tuple[int, int, str]]) -> None:
    assert_table_or_error(mutated(mutations) + "\n")


@property_test(st.lists(MUTATION, min_size=1, max_size=4), few=20, many=300)
def test_the_parser_written_in_python_is_as_safe(mutations: list[tuple[int, int, str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_Loader", yaml.SafeLoader)
        assert_table_or_error(mutated(mutations) + "\n")


@property_test(st.integers(0, len(BASE)), st.integers(0, len(BASE)), few=30, many=400)
def test_any_part_of_a_table_gives_a_table_or_a_selector_error(start: int, end: int) -> None:
    assert_table_or_error(BASE[: min(start, end)] + BASE[max(start, end) :] + "\n")
    assert_table_or_error("\n" + BASE[min(start, end) : max(start, end)])


def test_a_truncated_table_gives_a_table_or_a_selector_error() -> None:
    for end in range(0, len(BASE), 7):
        assert_table_or_error(BASE[:end] + "\n")


CUT = st.tuples(st.integers(0, len(BASE)), st.integers(0, len(BASE))).map(sorted)
NOISE = st.binary(max_size=20)


@property_test(CUT, NOISE, st.booleans(), few=40, many=400)
def test_random_bytes_in_a_file_give_a_table_or_a_selector_error(cut: list[int], noise: bytes, alone: bool) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "noise.yaml"
        file.write_bytes(noise if alone else BASE[: cut[0]].encode() + noise + BASE[cut[1] :].encode())
        assert_table_or_error(file)


@property_test(st.text(st.characters(), max_size=30), few=50, many=500)
def test_random_text_gives_a_table_or_a_selector_error(text: str) -> None:
    assert_table_or_error(text + "\n")
    assert_table_or_error("{" + text)
