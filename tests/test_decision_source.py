"""YAML as data with places: files that cannot be read, texts that would exhaust the machine, and what stays text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from berths import BASE, failure

from selector.decision import load_table
from selector.decision.cells import Compare
from selector.decision.source import MAX_BYTES, MAX_DEPTH, MAX_NODES, load_yaml, parse_yaml, read_text
from selector.errors import SelectorError

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
        (b"\n".join(b"k%d: 1" % i for i in range(30_000)), "unknown key"),
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


WORDS: list[tuple[str, Any]] = [
    *[(word, word) for word in ("yes", "no", "on", "off", "y", "n", "Yes", "NO", "tRue", "nULL", "None")],
    *[(word, word) for word in ("2024-01-01", "12:30", "1:2:3", "2024-01-01T00:00:00Z", "1_000", "0x1F", "0b1")],
    *[(word, word) for word in (".inf", "-.inf", ".nan", "NaN", "inf", "1e", ".", "+", "--1", "1.2.3", "\u0663")],
    *[("<<", "<<"), ("=", "="), ("'5'", "5"), ('"true"', "true"), ("'~'", "~"), ("! '5'", "5"), ("", "")],
    *[("5", 5), ("-5", -5), ("+5", 5), ("007", 7), ("0", 0), ("100000000000000000005", 10**20 + 5)],
    *[("5.5", 5.5), (".5", 0.5), ("5.", 5.0), ("-1.5e3", -1500.0), ("1E-2", 0.01), ("1e3", 1000.0)],
    *[("true", True), ("True", True), ("FALSE", False), ("null", None), ("~", None), ("Null", None)],
]


def test_plain_words_are_resolved_by_the_core_schema_of_yaml_1_2() -> None:
    for text, value in WORDS:
        assert repr(parse_yaml(f"a: {text}\n", "t").plain()["a"]) == repr(value), text


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
