"""The JSON Schema of a table file: for editors, which complete and check with it while one writes.

It accepts every table that `load_table` does, if its words are written as here; the loader also takes `First` or
`rule-order`. What spans several places it cannot say: that a cell is a test of its input's type and domain, that `when`
and `then` name the table's own columns, that ids are unique.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from selector.decision.load import AGGREGATES, POLICIES, TABLE_KEYS, TYPES
from selector.decision.table import LIST_POLICIES
from selector.models import DIALECT, Schema

#: What each hit policy does where several rows match.
POLICY_MEANINGS = {
    "unique": "Only one row may match; else an error that names them.",
    "any": "Several rows may match if they give the same output; else an error.",
    "priority": "The output that comes first in the `values` of the outputs.",
    "first": "The first row that matches.",
    "rule_order": "All rows that match, in the order of the rows.",
    "output_order": "All rows that match, in the order of the outputs' `values`.",
    "collect": "All rows that match, in no promised order; with an aggregate, one number of them.",
}
#: What each aggregate makes of the rows that match.
AGGREGATE_MEANINGS = {
    "sum": "The sum of the outputs.",
    "min": "The smallest output.",
    "max": "The largest output.",
    "count": "How many rows matched.",
}
_LITERAL = ["string", "number", "boolean"]
_TEXT = [*_LITERAL, "null"]  # a key without a value is an empty text to us and null to an editor
_ROW: Schema = {"$ref": "#/$defs/outputs_of_a_row"}


def table_schema() -> Schema:
    """The JSON Schema of a table file as `load_table` accepts it."""
    keys = _keys()
    return {
        "$schema": DIALECT,
        "title": "A decision table of concurrency-selector",
        "type": "object",
        "properties": {key: keys[key] for key in TABLE_KEYS},
        "required": ["table", "hit_policy", "inputs", "outputs", "rules"],
        "additionalProperties": False,
        "allOf": _laws(),
        "$defs": {
            "input": _input(), "output": _output(), "rule": _rule(), "cell": _cell(), "example": _example(),
            "outputs_of_a_row": _object("The value of every output.", {}, {"type": _TEXT}, minProperties=1),
        },
    }  # fmt: skip


def _keys() -> dict[str, Schema]:
    """The schema of each key of a table by itself."""
    aggregate = "With hit_policy collect only: one value out of the rows that match."
    inputs = "What the table asks: name, then type, and perhaps values and optional."
    outputs = "What the table answers: name, then perhaps type and values."
    rules = "The rows, from top to bottom."
    default = "The output where no row matches, in the shape that the hit policy gives."
    examples = "Cases that `rules test` holds the table to."
    return {
        "table": _text("The table's name; of a table of the chain, the name of the file."),
        "title": _text("One line for people: what the table decides."),
        "hit_policy": _word("What happens when several rows match.", POLICIES, POLICY_MEANINGS),
        "aggregate": _word(aggregate, AGGREGATES, AGGREGATE_MEANINGS, {"type": "null"}),
        "inputs": _object(inputs, {}, {"$ref": "#/$defs/input"}, minProperties=1),
        "outputs": _object(outputs, {}, {"$ref": "#/$defs/output"}, minProperties=1),
        "rules": {"description": rules, "type": "array", "items": {"$ref": "#/$defs/rule"}, "minItems": 1},
        "default": {
            "description": default,
            "anyOf": [_ROW, {"type": "array", "items": _ROW}, {"type": ["number", "string", "null"]}],
        },
        "examples": {"description": examples, "type": ["array", "null"], "items": {"$ref": "#/$defs/example"}},
    }


def _input() -> Schema:
    fields = {
        "type": {"description": "The type of its values.", **_is(TYPES)},
        "values": {
            "description": "Its domain: a list of literals, or a test such as '> 0'. Left out: every value of the type.",
            "examples": ["> 0", "[0..1]"],
        },
        "optional": {"description": "Whether the value may be missing (null, unknown).", "type": "boolean"},
    }
    laws = [_law({"type": _is((kind,))}, {"values": _domain(kind)}) for kind in TYPES]
    return _object("One input column.", fields, required=["type"], allOf=laws)


def _domain(kind: str) -> Schema:
    """A list of literals of one type, or a test in text or as the one literal that it accepts."""
    tests = list(dict.fromkeys((kind, "string")))
    return {"anyOf": [_literals([kind]), {"type": tests, "minLength": 1}]}


def _output() -> Schema:
    fields = {
        "type": {"description": "The type of its values.", **_is(TYPES)},
        "values": {
            "description": "The values it may have; their order is their priority, best first.",
            **_literals(_LITERAL),
        },
    }
    laws = [_law({"type": _is((kind,))}, {"values": _literals([kind])}) for kind in TYPES]
    one_type = {"anyOf": [_literals([kind]) for kind in TYPES]}
    return _object("One output column.", fields, allOf=[*laws, {"properties": {"values": one_type}}]) | {
        "type": ["object", "null"]
    }


def _rule() -> Schema:
    when = "A cell for each input that the row asks about; one that is left out may be anything."
    fields = {
        "id": _text("The row's name in explanations; `rule-1`, `rule-2`, ... without one."),
        "when": _object(when, {}, {"$ref": "#/$defs/cell"}) | {"type": ["object", "null"]},
        "then": _ROW,
        "because": _text("The reason, in a sentence that a user can read."),
    }
    return _object("One row: when its cells match, then its outputs.", fields, required=["then"])


def _cell() -> Schema:
    item = {"allOf": [{"$ref": "#/$defs/cell"}, {"not": {"const": "-"}}]}
    return {
        "description": "A test of the input: a literal, a comparison, an interval, a list of them (any may match), "
        "not(...), null for a missing value, - for anything. Put tests in single quotes.",
        "examples": ["-", ">= 2", "[1..5)", '"a","b"', 'not("a","b")', "not(null)", "< 5, null"],
        "anyOf": [{"type": _TEXT}, {"type": "array", "items": item, "minItems": 1}],
    }


def _example() -> Schema:
    fields: dict[str, Schema] = {
        "given": _object("The inputs; one that is left out is missing.", {}, {}),
        "expect": {"description": "The output, as `decide` gives it; null where no row matches."},
    }
    return _object("A case: these inputs give this output.", fields, required=list(fields))


def _laws() -> list[Schema]:
    """What the keys of a table ask of each other."""
    any_aggregate = _is(AGGREGATES)
    ordered = {"not": {"additionalProperties": {"not": {"type": "object", "required": ["values"]}}}}
    numbers: Schema = {"then": {"additionalProperties": {"type": "number"}}}
    others = [policy for policy in POLICIES if policy not in LIST_POLICIES]
    return [
        _law({"aggregate": any_aggregate}, {"hit_policy": _is(("collect",))}),
        _law({"hit_policy": _is(("priority", "output_order"))}, {"outputs": ordered}),
        _law(
            {"aggregate": _is(("sum",))}, {"outputs": _single(["number"]), "rules": {"items": {"properties": numbers}}}
        ),
        _law({"aggregate": _is(("min", "max"))}, {"outputs": _single(["number", "string"])}),
        _law({"aggregate": _is(("sum", "count"))}, {"default": {"type": ["number", "null"]}}),
        _law({"aggregate": _is(("min", "max"))}, {"default": {"type": ["number", "string", "null"]}}),
        _law({"hit_policy": _is(others)}, {"default": {"type": ["object", "null"]}}),
        {
            "if": {"not": {"properties": {"aggregate": any_aggregate}, "required": ["aggregate"]}},
            "then": {"properties": {"default": {"type": ["object", "array", "null"]}}},
        },
    ]


def _single(kinds: list[str]) -> Schema:
    """The one output of a table whose aggregate takes these types."""
    fields = {"type": _is(kinds), "values": {"items": {"type": kinds}}}
    return {"maxProperties": 1, "additionalProperties": {"properties": fields}}


def _law(given: Mapping[str, Schema], then: Mapping[str, Schema]) -> Schema:
    """Where the key in `given` is there and like that, those in `then` are like this."""
    return {"if": {"properties": given, "required": list(given)}, "then": {"properties": then}}


def _is(words: Iterable[str]) -> Schema:
    """One of the words."""
    return {"enum": list(words)}


def _text(description: str) -> Schema:
    return {"description": description, "type": _TEXT}


def _word(description: str, words: Iterable[str], meanings: Mapping[str, str], *also: Schema) -> Schema:
    """One of the words, each with its meaning for the editor to show."""
    choices = [{"const": word, "description": meanings[word]} for word in words]
    return {"description": description, "anyOf": [*choices, *also]}


def _literals(kinds: list[str]) -> Schema:
    return {"type": "array", "items": {"type": kinds}, "minItems": 1, "uniqueItems": True}


def _object(description: str, fields: Mapping[str, Schema], others: Schema | bool = False, **more: object) -> Schema:
    """A mapping with these fields, and others only of this schema."""
    shape: Schema = {"type": "object", "properties": dict(fields)} if fields else {"type": "object"}
    return {"description": description, **shape, "additionalProperties": others, **more}
