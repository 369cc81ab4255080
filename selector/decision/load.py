"""Loads decision tables from YAML: every key, type, domain and cell is checked, and every error names its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from selector.decision.cells import (
    ANYTHING,
    Cell,
    CellError,
    Compare,
    Not,
    OneOf,
    Scalar,
    kind_of,
    literals,
)
from selector.decision.compiled import line_of
from selector.decision.nodes import Node, NodeReader
from selector.decision.parser import parse_cell
from selector.decision.source import parse_yaml, read_text
from selector.decision.table import (
    LIST_POLICIES,
    Aggregate,
    DecisionTable,
    Example,
    HitPolicy,
    Input,
    Output,
    OutputColumn,
    Outputs,
    Rule,
    ValueType,
)
from selector.text import cut, quoted, suggestion

TABLE_KEYS = ("table", "title", "hit_policy", "aggregate", "inputs", "outputs", "rules", "default", "examples")
TYPES: tuple[str, ...] = get_args(ValueType)
POLICIES: tuple[str, ...] = get_args(HitPolicy)
AGGREGATES: tuple[str, ...] = get_args(Aggregate)
MAX_CELLS = 2_000_000  # rows times inputs: 8 bytes each, in some of the steps 100
MAX_BOUNDS = 600_000_000  # rows times values that cells mention: 2 bits each, and as many again in some of the steps
_ARTICLE = {"string": "a string", "number": "a number", "boolean": "true or false", "null": "null"}


def load_table(path_or_text: str | Path) -> DecisionTable:
    """A decision table from a YAML file, or from the YAML text itself (recognised by a line break or a brace).

    Raises SelectorError naming file, line and column, what is wrong, and what to write instead.
    """
    is_text = isinstance(path_or_text, str) and ("\n" in path_or_text or path_or_text.lstrip().startswith("{"))
    name = "table" if is_text else str(path_or_text)
    text = str(path_or_text) if is_text else read_text(Path(path_or_text))
    return _Loader(name).table(parse_yaml(text, name))


class _Loader(NodeReader):
    """Turns nodes into a table."""

    def table(self, root: Node) -> DecisionTable:
        """The whole table."""
        entries = self.mapping(root, "a table", TABLE_KEYS)
        policy_node = self.required(entries, "hit_policy", root, "the table")
        policy: Any = self.word(policy_node, "hit_policy", POLICIES)
        aggregate: Any = None
        if (node := entries.get("aggregate")) and node.value is not None:
            aggregate = self.word(node, "aggregate", AGGREGATES)
            if policy != "collect":
                self.fail(node, f"an aggregate goes with hit_policy collect, not {policy}", "remove it")
        inputs = self.inputs(self.required(entries, "inputs", root, "the table"))
        outputs_node = self.required(entries, "outputs", root, "the table")
        outputs = self.outputs(outputs_node)
        outputs = self.fit_to_policy(outputs_node, policy, aggregate, outputs)
        table = DecisionTable(
            name=self.text(self.required(entries, "table", root, "the table"), "table"),
            title=self.text(entries.get("title"), "title"),
            hit_policy=policy,
            aggregate=aggregate,
            inputs=inputs,
            outputs=outputs,
            rules=self.rules(self.required(entries, "rules", root, "the table"), inputs, outputs),
            default=self.default(entries.get("default"), outputs, policy, aggregate),
            examples=self.examples(entries.get("examples"), inputs),
            source=self.file,
        )
        self.refuse_too_large(root, table)
        return table

    def refuse_too_large(self, root: Node, table: DecisionTable) -> None:
        """Tables take room for each cell, empty ones too, and for each row at each bound of a cell."""
        rows = len(table.rules)
        bounds = sum(len(line_of(c, [rule.cells[i] for rule in table.rules]).bounds)
                     for i, c in enumerate(table.inputs) if c.type != "boolean")  # fmt: skip
        if rows * bounds > MAX_BOUNDS:
            what = f"{rows:,} rows and {bounds:,} different values in their cells: more than {MAX_BOUNDS:,} together"
            self.fail(root, what, "the product counts: split the table")

    def fit_to_policy(
        self, node: Node, policy: str, aggregate: str | None, outputs: tuple[OutputColumn, ...]
    ) -> tuple[OutputColumn, ...]:
        """The outputs, if the policy finds in them what it needs; what is summed or compared is a number by default."""
        if policy in ("priority", "output_order") and all(c.values is None for c in outputs):
            self.fail(node, f"hit_policy {policy} needs an order of outputs", "give an output its `values`, best first")
        if aggregate in ("sum", "min", "max"):
            if len(outputs) > 1:
                self.fail(node, f"{aggregate} needs a single output, not {len(outputs)}", "keep one output")
            allowed = ("number",) if aggregate == "sum" else ("number", "string")
            if outputs[0].type not in (*allowed, None):
                self.fail(node, f"{aggregate} needs {' or '.join(allowed)} outputs", f"`type: {allowed[0]}`")
            return (replace(outputs[0], type=outputs[0].type or "number"),)
        return outputs

    def inputs(self, node: Node) -> tuple[Input, ...]:
        """The input columns, at least one."""
        columns = []
        for name, spec in self.mapping(node, "inputs").items():
            what = f"input {name}"
            entries = self.mapping(spec, what, ("type", "values", "optional"))
            kind: Any = self.word(self.required(entries, "type", spec, what), f"{what}: type", TYPES)
            optional = entries["optional"].value if "optional" in entries else False
            if not isinstance(optional, bool):
                self.fail(entries["optional"], f"{what}: optional is {quoted(optional)}", "true or false")
            columns.append(Input(name, kind, self.domain(entries.get("values"), kind, what), optional))
        if not columns:
            self.fail(node, "a table needs at least one input")
        return tuple(columns)

    def domain(self, node: Node | None, kind: str, what: str) -> tuple[Scalar, ...] | Cell | None:
        """The values an input may have: a list of literals, or a test such as '>= 0'."""
        if node is None:
            return None
        if isinstance(node.value, list):
            return self.values(node, kind, what)
        cell = self.cell(node, Input(what, kind, None, False), f"{what}: values")  # type: ignore[arg-type]
        return None if cell is ANYTHING else cell

    def values(self, node: Node, kind: str | None, what: str) -> tuple[Scalar, ...]:
        """A domain as a list of literals of one type, none twice."""
        found: dict[Scalar, None] = {}
        for item in self.items(node, f"{what}: values"):
            value = self.scalar(item, f"{what}: values")
            kind = kind or kind_of(value)  # without a type, the first value sets it
            if value is None or kind_of(value) != kind:
                wanted = _ARTICLE[kind] if value is not None else "a value"
                self.fail(item, f"{what}: the value {quoted(value)} is not {wanted}", _quote_hint(value))
            if value in found:
                self.fail(item, f"{what}: the value {quoted(value)} appears twice", "keep one")
            found[value] = None
        if not found:
            self.fail(node, f"{what}: values is empty", "list what it may be, or leave values out")
        return tuple(found)

    def scalar(self, node: Node, what: str) -> Scalar:
        """A literal as YAML has it; a string may also be written as in a cell, in double quotes of its own."""
        value = node.value
        if isinstance(value, dict | list):
            self.fail(node, f"{what}: expected one value, not {quoted(node.plain())}")
        if value == "" and not node.quoted:
            self.fail(node, f"{what}: an empty value", "quote an empty string: ''")
        if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
            parsed = self.parse(node, what)
            if isinstance(parsed, Compare) and parsed.operator == "=":
                return parsed.value
        return value  # type: ignore[no-any-return]

    def outputs(self, node: Node) -> tuple[OutputColumn, ...]:
        """The output columns, at least one."""
        columns = []
        for name, spec in self.mapping(node, "outputs").items():
            what = f"output {name}"
            entries = {} if spec.value is None else self.mapping(spec, what, ("type", "values"))
            kind: Any = self.word(entries["type"], f"{what}: type", TYPES) if "type" in entries else None
            values = self.values(entries["values"], kind, what) if "values" in entries else None
            if values is not None and kind is None:
                kind = kind_of(values[0])
            columns.append(OutputColumn(name, kind, values))
        if not columns:
            self.fail(node, "a table needs at least one output")
        return tuple(columns)

    def rules(self, node: Node, inputs: tuple[Input, ...], outputs: tuple[OutputColumn, ...]) -> tuple[Rule, ...]:
        """The rows, at least one, each with an id of its own."""
        rules: list[Rule] = []
        ids: set[str] = set()
        items = self.items(node, "rules")
        if (rows := len(items)) * len(inputs) > MAX_CELLS:
            what = f"{rows:,} rows of {len(inputs):,} inputs: more than {MAX_CELLS:,} cells"
            self.fail(node, what, "cells that are left out count too: split the table")
        for number, item in enumerate(items, start=1):
            rule = self.rule(item, number, inputs, outputs)
            if rule.id in ids:
                self.fail(
                    item, f"two rules have the id {quoted(rule.id)}", "ids name rows in explanations: make them unique"
                )
            ids.add(rule.id)
            rules.append(rule)
        if not rules:
            self.fail(node, "a table needs at least one rule")
        return tuple(rules)

    def rule(self, node: Node, number: int, inputs: tuple[Input, ...], outputs: tuple[OutputColumn, ...]) -> Rule:
        """One row: its cells in the order of the inputs, its outputs, its reason."""
        entries = self.mapping(node, f"rule {number}", ("id", "when", "then", "because"))
        rule_id = self.text(entries.get("id"), "id") or f"rule-{number}"
        what = f"rule {rule_id}"
        names = {column.name: column for column in inputs}
        tests: dict[str, Node] = {}
        if (when := entries.get("when")) is not None and when.value is not None:
            tests = self.mapping(when, f"{what}: when", names)
        cells = tuple(
            self.cell(tests[c.name], c, f"{what}, input {c.name}") if c.name in tests else ANYTHING for c in inputs
        )
        then = self.required(entries, "then", node, what)
        return Rule(
            rule_id, cells, self.row(then, outputs, what), self.text(entries.get("because"), "because"), node.line
        )

    def row(self, node: Node, outputs: tuple[OutputColumn, ...], what: str) -> Outputs:
        """The outputs of a rule or of the default: every one of them, each of its type and domain."""
        entries = self.mapping(node, f"{what}: then", [c.name for c in outputs])
        result: Outputs = {}
        for column in outputs:
            item = self.required(entries, column.name, node, f"{what}: then")
            where = f"{what}, output {column.name}"
            value = self.scalar(item, where)
            if column.type is not None and kind_of(value) != column.type:
                self.fail(item, f"{where}: {quoted(value)} is not {_ARTICLE[column.type]}", _quote_hint(value))
            if column.values is not None and value not in column.order:
                near = suggestion(str(value), [str(v) for v in column.values])
                self.fail(item, f"{where}: {quoted(value)} is not one of its values{near}", _one_of(column.values))
            result[column.name] = value
        return result

    def default(
        self, node: Node | None, outputs: tuple[OutputColumn, ...], policy: str, aggregate: str | None
    ) -> Output:
        """The output where nothing matches, of the shape that the policy gives where something does."""
        if node is None or node.value is None:
            return None
        if aggregate is not None:
            kind = outputs[0].type if aggregate != "count" else "number"
            value = self.scalar(node, "default")
            if isinstance(value, bool) or value is None or kind_of(value) != kind:
                self.fail(node, f"default is {quoted(value)}", f"under {aggregate} it is {_ARTICLE[str(kind)]}")
            return value
        if isinstance(node.value, list) and policy in LIST_POLICIES:
            return [self.row(item, outputs, "default") for item in node.value]
        if not isinstance(node.value, dict):
            self.fail(
                node, f"default is {quoted(node.plain())}", f"under {policy} it is a mapping of outputs to values"
            )
        return self.row(node, outputs, "default")

    def examples(self, node: Node | None, inputs: tuple[Input, ...]) -> tuple[Example, ...]:
        """The cases that the table carries; their inputs must exist."""
        found = []
        for item in self.items(node, "examples") if node is not None and node.value is not None else ():
            entries = self.mapping(item, "example", ("given", "expect"))
            given = self.required(entries, "given", item, "an example")
            self.mapping(given, "example: given", [c.name for c in inputs])
            expect = self.required(entries, "expect", item, "an example")
            found.append(Example(given.plain(), expect.plain(), item.line))
        return tuple(found)

    def cell(self, node: Node, column: Input, what: str) -> Cell:
        """One cell: native YAML literals and lists of them, or a quoted test; checked against its input."""
        value = node.value
        if isinstance(value, list):
            if not value:
                self.fail(node, f"{what}: an empty list matches nothing", "list the values, or write -")
            tests = tuple(self.cell(item, column, what) for item in value)
            if ANYTHING in tests:
                self.fail(node, f"{what}: - stands alone", "write - as the whole cell for any value")
            return tests[0] if len(tests) == 1 else OneOf(tests)
        if isinstance(value, dict):
            self.fail(node, f"{what}: a cell is a test, not a mapping", "for example '>= 2'")
        if not isinstance(value, str):
            cell: Cell = Compare("=", value)
        elif isinstance(column.values, tuple) and value in column.listed and value != "-" and (value or node.quoted):
            return Compare("=", value)
        else:
            cell = self.parse(node, what)
        self.check(cell, node, column, what)
        return cell

    def parse(self, node: Node, what: str) -> Cell:
        """The cell in a text; an error points at the character."""
        try:
            return parse_cell(node.value)
        except CellError as error:
            column = node.column + node.quoted + error.offset
            self.fail((node.line, column), f"{what}: cell {quoted(node.value)}: {error.problem}", error.hint)

    def check(self, cell: Cell, node: Node, column: Input, what: str) -> None:
        """The literals of a cell must be of the input's type and inside its domain."""
        for value in literals(cell):
            if value is None:
                if not column.optional:
                    self.fail(
                        node, f"{what}: null can never match: the input is not optional", "add `optional: true` to it"
                    )
                continue
            if kind_of(value) != column.type:
                self.fail(
                    node, f"{what}: cell {quoted(node.plain())}: {quoted(value)} is not {_ARTICLE[column.type]}",
                    self.type_hint(value, column),
                )  # fmt: skip
        for value in _equalities(cell):
            if isinstance(column.values, tuple) and value is not None and value not in column.listed:
                near = suggestion(str(value), [str(v) for v in column.values])
                problem = f"{what}: cell {quoted(node.plain())}: {quoted(value)} is not a value of the input{near}"
                self.fail(node, problem, _one_of(column.values))

    def type_hint(self, value: Scalar, column: Input) -> str:
        """What to write for a literal of the wrong type."""
        if column.type == "string":
            return f"did you mean '\"{_yaml_text(value)}\"'?"
        if column.type == "boolean":
            return "write true or false"
        return f"{column.name} takes numbers: '>= 2', '[1..5]' or 3"


def _equalities(cell: Cell) -> list[Scalar]:
    """The literals a cell compares by equality: they must be values of the domain (the bounds of an order need not)."""
    match cell:
        case Compare(operator="=" | "!=", value=value):
            return [value]
        case OneOf(tests=tests):
            return [value for test in tests for value in _equalities(test)]
        case Not(test=test):
            return _equalities(test)
    return []


def _one_of(values: tuple[Scalar, ...]) -> str:
    return cut(f"one of {', '.join(quoted(value) for value in values)}", 1000)


def _quote_hint(value: Scalar) -> str:
    if isinstance(value, str):
        return ""
    return f'did you mean "{_yaml_text(value)}"? YAML reads it as {kind_of(value)}: quote it'


def _yaml_text(value: Scalar) -> str:
    """A constant as it was written: true, not True."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
