"""DecisionTable: inputs, outputs, rules and a hit policy; `decide` finds the rules that fire.

Policies and aggregates are those of DMN. Inputs are checked on every decision: a value outside its domain, of another
type, unknown or missing is an error, never the default row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from selector.decision import compiled
from selector.decision.cells import ANYTHING, Cell, Scalar, cell_text, kind_of, literals, matches
from selector.errors import SelectorError
from selector.text import cut, quoted, suggestion

ValueType = Literal["string", "number", "boolean"]
HitPolicy = Literal["unique", "any", "priority", "first", "rule_order", "output_order", "collect"]
Aggregate = Literal["sum", "min", "max", "count"]
Outputs = dict[str, Scalar]
Output = Outputs | list[Outputs] | int | float | str | None

LIST_POLICIES: tuple[HitPolicy, ...] = ("rule_order", "output_order", "collect")  # which give all rows that match
ONE_WINS: tuple[HitPolicy, ...] = ("first", "priority")  # under which the first of `winning_order` that matches answers
_MAX_REMEMBERED = 4096  # settled decisions kept by the set of rules that matched
_MOST_ROWS_REMEMBERED = 256  # of one decision: 30 MB in all
_MOST_NAMED = 20  # rows named in an error


@dataclass(frozen=True)
class Input:
    """One input column: `values` is its domain (literals in order, or a test), None where every value will do."""

    name: str
    type: ValueType
    values: tuple[Scalar, ...] | Cell | None = None
    optional: bool = False

    @cached_property
    def listed(self) -> frozenset[Scalar]:
        """The values of a domain that is a list."""
        return frozenset(self.values) if isinstance(self.values, tuple) else frozenset()

    def problem(self, value: object) -> str | None:
        """Why `value` is not accepted, in words, or None if it is."""
        if value is None:
            return None if self.optional else "is missing"
        if not isinstance(value, str | int | float) or kind_of(value) != self.type:
            return f"is {quoted(value)}, not a {self.type}"
        if isinstance(value, float) and not math.isfinite(value):
            return f"is {value}, not a finite number"
        if isinstance(self.values, tuple) and value not in self.listed:
            near = suggestion(value, [str(v) for v in self.values]) if isinstance(value, str) else ""
            return f"is {quoted(value)}, not one of {cut(', '.join(map(quoted, self.values)), 1000)}{near}"
        if isinstance(self.values, Cell) and not matches(self.values, value):
            return f"is {quoted(value)}, outside {cell_text(self.values)}"
        return None


@dataclass(frozen=True)
class OutputColumn:
    """One output column; the order of `values` is its priority, best first."""

    name: str
    type: ValueType | None = None
    values: tuple[Scalar, ...] | None = None

    @cached_property
    def order(self) -> dict[Scalar, int]:
        """The place of each of its values."""
        return {value: place for place, value in enumerate(self.values or ())}


@dataclass(frozen=True)
class Rule:
    """One row: its cells in the order of the inputs, its outputs, and why it is there."""

    id: str
    cells: tuple[Cell, ...]
    outputs: Outputs
    because: str = ""
    line: int = 0


@dataclass(frozen=True)
class Example:
    """A case stored in the table: these inputs give this output (`rules test` holds the table to it)."""

    given: dict[str, Any]
    expect: Any
    line: int = 0


class RowTrace(NamedTuple):
    """What became of one rule: it fired, it matched but another won, or the first cell that failed and the value seen."""

    rule: str
    matched: bool
    fired: bool
    input: str | None = None
    cell: str | None = None
    value: Scalar = None


_new_row = tuple.__new__  # a third of the time of RowTrace(...), and a trace makes one for every rule


class Decision:
    """What a table decided. Decisions are shared between calls, so `output` and `matched` hand out copies."""

    __slots__ = ("_matched", "_output", "rules", "trace")

    def __init__(self, output: Output, rules: tuple[Rule, ...], trace: tuple[RowTrace, ...] = ()) -> None:
        self._output = output
        self._matched = tuple(rule.id for rule in rules)
        self.rules = rules
        self.trace = trace

    @property
    def output(self) -> Any:
        """A dict of outputs; a list of dicts under a list policy; a number under an aggregate; or None."""
        if isinstance(self._output, dict):
            return dict(self._output)
        return [dict(o) for o in self._output] if isinstance(self._output, list) else self._output

    @property
    def matched(self) -> list[str]:
        """The ids of the rules whose outputs were used, in the order of the output."""
        return list(self._matched)

    def with_trace(self, trace: tuple[RowTrace, ...]) -> Decision:
        """The same decision with what became of every rule."""
        return Decision(self._output, self.rules, trace)

    def __repr__(self) -> str:
        return f"Decision(output={self._output!r}, matched={list(self._matched)!r})"


@dataclass(frozen=True, eq=False)
class DecisionTable:
    """A table, checked and ready to decide. Make one with `load_table`."""

    name: str
    hit_policy: HitPolicy
    inputs: tuple[Input, ...]
    outputs: tuple[OutputColumn, ...]
    rules: tuple[Rule, ...]
    title: str = ""
    aggregate: Aggregate | None = None
    default: Output = None
    examples: tuple[Example, ...] = ()
    source: str = ""
    _settled: dict[int, Decision] = field(default_factory=dict, init=False, repr=False)  # of these rows, not of others

    def __getstate__(self) -> dict[str, Any]:
        """What a copy is made from: the checked table with its compiled columns, without generated functions."""
        self._columns  # noqa: B018  # compiles them, so that the copy need not
        return {k: v for k, v in self.__dict__.items() if k not in ("_match", "_match_among", "_settled")} | {
            "_settled": {}
        }

    @cached_property
    def input_names(self) -> tuple[str, ...]:
        """The names of the inputs, in order."""
        return tuple(column.name for column in self.inputs)

    def decide(self, inputs: Mapping[str, Any], trace: bool = False) -> Decision:
        """Which rules match `inputs` and what follows under the hit policy.

        Raises SelectorError for an input that is unknown, missing though not optional, of the wrong type or outside
        its domain, and where UNIQUE or ANY is violated (the message names the rules).
        """
        if trace:
            return self._traced(inputs)
        match = self._match
        try:
            matched = match(inputs)
        except (LookupError, TypeError, ValueError):
            matched = match(self._checked(inputs))
        try:
            return self._settled[matched]
        except KeyError:
            return self._settle(matched, inputs)

    def decide_among(self, facts: Mapping[str, Any]) -> Decision:
        """Like `decide`, where `facts` may hold more than this table's inputs: one set of facts for a chain of tables."""
        match = self._match_among
        try:
            matched = match(facts)
        except (LookupError, TypeError, ValueError):
            return self.decide(self.inputs_among(facts))
        try:
            return self._settled[matched]
        except KeyError:
            return self._settle(matched, self.inputs_among(facts))

    def part(self, names: Iterable[str]) -> Callable[[Mapping[str, Any]], int]:
        """What some of the inputs let through: facts to rules, as bits; raises for facts that are not plainly right.

        The parts of a decision are joined with `&` and settled by `decision_of`: whoever asks a table about many things
        that have most inputs in common need not look at those each time.
        """
        wanted = set(names)
        chosen = [
            (name, column) for name, column in zip(self.input_names, self._columns, strict=True) if name in wanted
        ]
        return compiled.matcher([n for n, _ in chosen], [c for _, c in chosen], False, others_allowed=True)

    def decision_of(self, matched: int, facts: Mapping[str, Any]) -> Decision:
        """The decision where just these rules match, as the parts joined say; `facts` are for its errors."""
        if self.hit_policy == "first":
            matched &= -matched
        try:
            return self._settled[matched]
        except KeyError:
            return self._settle(matched & ((1 << len(self.rules)) - 1), self.inputs_among(facts))

    def rules_without(self, names: Iterable[str]) -> int:
        """The rules that ask nothing about these inputs, as bits."""
        places = [i for i, name in enumerate(self.input_names) if name in set(names)]
        return sum(1 << n for n, r in enumerate(self.rules) if all(r.cells[i] is ANYTHING for i in places))

    def inputs_among(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """This table's inputs, out of a larger set of facts."""
        return {name: facts.get(name) for name in self.input_names}

    @cached_property
    def _match(self) -> Callable[[Mapping[str, Any]], int]:
        """Inputs to the set of rules that match, as bits; raises for any input that is not plainly right."""
        return compiled.matcher(self.input_names, self._columns, self.hit_policy == "first")

    @cached_property
    def _match_among(self) -> Callable[[Mapping[str, Any]], int]:
        return compiled.matcher(self.input_names, self._columns, self.hit_policy == "first", others_allowed=True)

    @cached_property
    def _columns(self) -> list[compiled.Column]:
        return [
            compiled.compile_column(column, [rule.cells[i] for rule in self.rules])
            for i, column in enumerate(self.inputs)
        ]

    def rows_passing(self, position: int, value: Scalar) -> int:
        """The rows whose cell in one column lets a value of its domain through, as bits."""
        return self._columns[position].rules_passing(value)

    def _checked(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs as plain values, or a SelectorError that names the first thing wrong with them."""
        if not isinstance(inputs, Mapping):
            raise SelectorError(f"table {self.name}: inputs are a mapping of names to values, not {quoted(inputs)}")
        for name in inputs:
            if name not in self.input_names:
                known = list(self.input_names)
                raise SelectorError(
                    f"table {self.name}: unknown input {quoted(name)}{suggestion(str(name), known)}",
                    f"inputs: {', '.join(known)}",
                )
        for column in self.inputs:
            if problem := column.problem(inputs.get(column.name)):
                hint = "it is optional: leave it out" if column.optional else f"{column.name} takes a {column.type}"
                raise SelectorError(f"table {self.name}: input {column.name} {problem}", hint)
        return {name: _plain(value) for name, value in inputs.items()}

    def _settle(self, matched: int, inputs: Mapping[str, Any]) -> Decision:
        """The decision for a set of matching rules, remembered for the next time."""
        rules = [rule for i, rule in enumerate(self.rules) if matched >> i & 1]
        decision = Decision(*self.apply_policy(rules, inputs))
        if len(self._settled) < _MAX_REMEMBERED and len(rules) <= _MOST_ROWS_REMEMBERED:
            self._settled[matched] = decision
        return decision

    def apply_policy(self, rules: list[Rule], inputs: Mapping[str, Any]) -> tuple[Output, tuple[Rule, ...]]:
        """The output where just these rules match, and those of them that made it.

        Raises SelectorError where UNIQUE or ANY is violated; `inputs` are for its message.
        """
        if not rules:
            return self.default, ()
        match self.hit_policy:
            case "first":
                return rules[0].outputs, (rules[0],)
            case "unique":
                if len(rules) > 1:
                    raise self._violation(rules, inputs, "only one rule may match")
                return rules[0].outputs, (rules[0],)
            case "any":
                if any(typed(rule.outputs) != typed(rules[0].outputs) for rule in rules):
                    raise self._violation(rules, inputs, "all rules that match must give the same output")
                return rules[0].outputs, tuple(rules)
            case "priority":
                best = min(rules, key=self.rank)
                return best.outputs, (best,)
            case "output_order":
                rules = sorted(rules, key=self.rank)
            case "collect":
                if self.aggregate:
                    return self._aggregated([next(iter(r.outputs.values())) for r in rules]), tuple(rules)
        return [rule.outputs for rule in rules], tuple(rules)

    @cached_property
    def winning_order(self) -> tuple[int, ...]:
        """The numbers of the rows in the order in which they win: by rank under priority, else as they stand."""
        rows = range(len(self.rules))
        ranked = self.hit_policy == "priority"
        return tuple(sorted(rows, key=lambda row: self.rank(self.rules[row])) if ranked else rows)

    def rank(self, rule: Rule) -> tuple[int, ...]:
        """Place in the output order: by the first output that has an order, then the next."""
        return tuple(c.order[rule.outputs[c.name]] for c in self.outputs if c.values is not None)

    def _aggregated(self, values: list[Any]) -> int | float | str:
        if self.aggregate == "count":
            return len(values)
        if self.aggregate == "sum":
            try:
                return _sum(values)
            except OverflowError:
                raise SelectorError(f"table {self.name}: the sum of its outputs is too large for a number") from None
        return min(values) if self.aggregate == "min" else max(values)  # type: ignore[no-any-return]

    def _violation(self, rules: list[Rule], inputs: Mapping[str, Any], law: str) -> SelectorError:
        named = [f"{rule.id} (line {rule.line})" if rule.line else rule.id for rule in rules[:_MOST_NAMED]]
        more = f" and {len(rules) - _MOST_NAMED} more" if len(rules) > _MOST_NAMED else ""
        names = ", ".join(named) + more
        given = ", ".join(f"{k}={quoted(v)}" for k, v in inputs.items() if v is not None)
        where = f" in {self.source}" if self.source else ""
        return SelectorError(
            f"table {self.name}{where}: under {self.hit_policy}, {law}; here {names} match {given}",
            "make the rules exclude each other, or choose another hit policy",
        )

    def _traced(self, inputs: Mapping[str, Any]) -> Decision:
        """Like `decide`, with what became of every rule."""
        settled = self.decide(inputs)
        rows, texts, columns = list(self._all_matched), self._cell_texts, self._columns
        left = (1 << len(rows)) - 1
        for position, name in enumerate(self.input_names):
            value = inputs.get(name)
            passed = left & columns[position].rules_passing(value)
            failing = left ^ passed
            while failing:
                row = failing.bit_length() - 1
                failing ^= 1 << row
                rule_id, text = texts[row][position]
                rows[row] = _new_row(RowTrace, (rule_id, False, False, name, text, value))
            left = passed
        for rule in settled.rules:
            rows[self._position[rule.id]] = RowTrace(rule.id, True, True)
        return settled.with_trace(tuple(rows))

    @cached_property
    def _all_matched(self) -> list[RowTrace]:
        return [RowTrace(rule.id, True, False) for rule in self.rules]

    @cached_property
    def _cell_texts(self) -> list[list[tuple[str, str]]]:
        """For each rule, for each input: the rule's id and the text of its cell."""
        return [[(rule.id, cell_text(cell)) for cell in rule.cells] for rule in self.rules]

    @cached_property
    def _position(self) -> dict[str, int]:
        return {rule.id: i for i, rule in enumerate(self.rules)}

    def thresholds(self, name: str) -> list[Scalar]:
        """The literals that the cells of one input mention: where the table's answer to it can change."""
        position = self.input_names.index(name)
        found = [
            v for rule in self.rules if rule.cells[position] is not ANYTHING for v in literals(rule.cells[position])
        ]
        return list(dict.fromkeys(found))


def typed(outputs: Outputs) -> dict[str, tuple[str, Scalar]]:
    """Outputs that differ where their types do: 1 == True, but a table that says both contradicts itself."""
    return {name: (kind_of(value), value) for name, value in outputs.items()}


def _sum(values: list[int | float]) -> int | float:
    """The exact sum, rounded once if it has fractions: no drift (0.1 + 0.2), no digit of a large integer lost."""
    if all(isinstance(value, int) for value in values):
        return sum(values)
    from fractions import Fraction  # 5 ms to import, and few tables sum fractions

    return float(sum(map(Fraction, values)))


def _plain(value: Any) -> Scalar:
    """A subclass (a string enum, a NumPy float) as the plain value the compiled form expects."""
    for kind in (bool, str, int, float):
        if isinstance(value, kind):
            return kind(value) if kind is not str else str.__str__(value)
    return None
