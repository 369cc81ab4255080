"""What a table does, found by trying: a dense grid of values, and no knowledge of how `selector.decision.proofs.verify` works.

Each literal of a column is tried with its nearest neighbours and what lies between it and the next. Values that the
same cells pass (by `matches`, one at a time) stand for each other, so the grid of a large table is folded column by
column to the sets of rows that match somewhere: all of it is looked at, and nothing twice.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise, product
from random import Random
from typing import Any

from selector.decision import DecisionTable
from selector.decision.cells import Cell, Not, OneOf, Scalar, kind_of, literals, matches
from selector.decision.parser import parse_cell
from selector.decision.proofs.verify import Finding, Verification
from selector.decision.table import Input
from selector.errors import SelectorError

LIST_POLICIES = ("rule_order", "output_order", "collect")
_FULL_GRID = 500  # points that are all decided; of a larger grid as many at random


def disagreements(table: DecisionTable, found: Verification, whole: frozenset[str] = frozenset()) -> list[str]:
    """Everything in which the findings and the brute force differ."""
    brute = Brute(table, whole)
    wrong = [] if found.proven else ["not proven"]
    for finding in found.findings:
        wrong += [f"{finding.kind} {finding.message}: {problem}" for problem in brute.witness_problems(finding)]
    expected, reported = brute.facts(), facts_of(found)
    for kind in expected.keys() | reported.keys():
        if expected[kind] != reported[kind]:
            wrong.append(f"{kind}: expected {expected[kind]}, reported {reported[kind]}")
    gaps = [finding for finding in found.findings if finding.kind == "gap"]
    return wrong + brute.gap_problems(gaps) + brute.hidden_problems(found) + brute.decided_problems(found)


def facts_of(found: Verification) -> Counter[Any]:
    """The findings as facts that a brute force can find too."""
    facts: Counter[Any] = Counter()
    for finding in found.findings:
        match finding.kind:
            case "gap":
                facts["gap", finding.severity] = 1
            case "overlap":
                facts |= Counter({("overlap", *pair) for pair in finding.pairs})
            case "conflict" | "duplicate":
                facts[finding.kind, *finding.rules] += 1
            case "never_fires" | "never_matches_value":
                facts[finding.kind, finding.severity, finding.rules[0]] += 1
            case _:
                facts[finding.kind, finding.message.rpartition(" ")[2] * (finding.kind == "output_never_produced")] += 1
    return facts


class Brute:
    """A table and the sets of its rows that match together somewhere."""

    def __init__(self, table: DecisionTable, whole: frozenset[str]) -> None:
        self.table = table
        self.rows = range(len(table.rules))
        self.values = [
            values_of(column, [rule.cells[i] for rule in table.rules], column.name in whole)
            for i, column in enumerate(table.inputs)
        ]
        self.passing = [
            [(v, sum(1 << r for r in self.rows if matches(table.rules[r].cells[i], v))) for v in values]
            for i, values in enumerate(self.values)
        ]
        self.together = folded([[mask for _, mask in column] for column in self.passing])
        self.winners = {self.winner(rows) for rows in self.together if rows}

    def rank(self, row: int) -> list[int]:
        outputs = self.table.rules[row].outputs
        return [c.values.index(outputs[c.name]) for c in self.table.outputs if c.values is not None]

    def typed(self, row: int) -> list[tuple[str, Scalar]]:
        return [(kind_of(value), value) for value in self.table.rules[row].outputs.values()]

    def winner(self, rows: int) -> int:
        """The row that decides among those that match, where only one does."""
        hits = [row for row in self.rows if rows >> row & 1]
        return min(hits, key=self.rank) if self.table.hit_policy == "priority" else hits[0]

    def facts(self) -> Counter[Any]:
        """What should be reported."""
        facts: Counter[Any] = Counter()
        table, names = self.table, [rule.id for rule in self.table.rules]
        if 0 in self.together:
            fine = table.default is not None or table.hit_policy in LIST_POLICIES
            facts["gap", "note" if fine else "error"] = 1
        firing = self.firing()
        facts.update(("never_fires", "error", names[row]) for row in self.rows if row not in firing)
        facts.update(self.pairs())
        facts.update(self.unmatched_values())
        produced = [table.rules[row].outputs for row in firing]
        produced += [table.default] if 0 in self.together and isinstance(table.default, dict) else []
        for column in table.outputs:
            for value in column.values or ():
                if all(outputs[column.name] != value for outputs in produced):
                    facts["output_never_produced", f'"{value}"'] += 1
        last = max(self.rows, key=lambda row: (self.rank(row) if table.hit_policy == "priority" else [], row))
        alone = self.together and all(rows >> last & 1 for rows in self.together) and 1 << last in self.together
        if alone and table.hit_policy not in LIST_POLICIES:
            facts["catch_all", ""] = 1
        return facts

    def firing(self) -> set[int]:
        if self.table.hit_policy in ("first", "priority"):
            return self.winners
        return {row for row in self.rows if any(rows >> row & 1 for rows in self.together)}

    def pairs(self) -> Iterator[Any]:
        """Conflicts, overlaps and duplicates."""
        policy = self.table.hit_policy
        for one, other in combinations(self.rows, 2):
            names = self.table.rules[one].id, self.table.rules[other].id
            differ = self.typed(one) != self.typed(other)
            meet = [rows for rows in self.together if rows >> one & 1 and rows >> other & 1]
            if policy == "priority":
                rank = self.rank(one)
                meet = [rows for rows in meet if self.rank(other) == rank == self.rank(self.winner(rows))]
            if meet and (policy == "unique" or (differ and policy in ("any", "priority"))):
                yield "conflict", *names
            if meet and differ and policy == "first":
                yield "overlap", *names
        if policy in LIST_POLICIES:
            yield from self.duplicates()

    def duplicates(self) -> Iterator[Any]:
        seen: dict[Any, int] = {}
        for row in sorted(self.firing()):
            cells = [tuple(mask >> row & 1 for _, mask in column) for column in self.passing]
            same = seen.setdefault((tuple(cells), tuple(self.typed(row))), row)
            if same != row:
                yield "duplicate", self.table.rules[same].id, self.table.rules[row].id

    def unmatched_values(self) -> Iterator[Any]:
        for rule in self.table.rules:
            for cell, values in zip(rule.cells, self.values, strict=True):
                if not any(matches(cell, value) for value in values):
                    yield "never_matches_value", "error", rule.id
                for part in parts_of(cell) if isinstance(cell, OneOf | Not) else ():
                    if not any(matches(part, value) for value in values):
                        yield "never_matches_value", "warning", rule.id

    def gap_problems(self, gaps: Sequence[Finding]) -> list[str]:
        """Regions in which a row matches after all, and gaps that no region holds though none is said to be left."""
        tests = [[parse_cell(gap.region.get(name, "-")) for name in self.table.input_names] for gap in gaps]
        first = len(self.rows)
        masks = [
            [mask | sum(1 << (first + g) for g, test in enumerate(tests) if matches(test[i], v)) for v, mask in column]
            for i, column in enumerate(self.passing)
        ]
        everyone = (1 << first) - 1
        wrong = []
        for rows in folded(masks):
            if rows & everyone and rows >> first:
                wrong.append("a row matches in the region of a gap")
            if not rows and not (gaps and "there are more" in gaps[-1].message):
                wrong.append("a gap lies in no region")
        return wrong

    def hidden_problems(self, found: Verification) -> list[str]:
        """Rows named as hiding another which do not, or of which one is not needed."""
        number = {rule.id: row for row, rule in enumerate(self.table.rules)}
        wrong = []
        for finding in found.findings:
            if finding.kind != "never_fires" or len(finding.rules) == 1:
                continue
            row, *hiding = (number[name] for name in finding.rules)
            where = [rows for rows in self.together if rows >> row & 1]
            if not all(any(rows >> other & 1 for other in hiding) for rows in where):
                wrong.append(f"{finding.message}: they do not hide it")
            for other in hiding:
                rest = [each for each in hiding if each != other]
                if rest and all(any(rows >> each & 1 for each in rest) for rows in where):
                    wrong.append(f"{finding.message}: {other} is not needed")
                if self.winner(1 << row | 1 << other) != other:
                    wrong.append(f"{finding.message}: {other} does not win")
        return wrong

    def witness_problems(self, finding: Finding) -> Iterator[str]:
        """How the table's answer to the witness is not what the finding says."""
        if finding.witness is None:
            needs = finding.kind in ("gap", "conflict", "overlap", "catch_all", "duplicate")
            yield from ["it has no witness"] if needs else []
            return
        if tuple(finding.witness) != self.table.input_names:
            yield "the witness is not complete"
        for name, text in finding.region.items():
            if not matches(parse_cell(text), finding.witness[name]):
                yield f"the witness is not in the region: {name}"
        try:
            decision = self.table.decide(finding.witness, trace=True)
        except SelectorError as error:
            expected = finding.kind == "conflict" and all(rule in error.message for rule in finding.rules)
            yield from [] if expected or finding.kind == "never_fires" else [error.message]
            return
        matched = {row.rule for row in decision.trace if row.matched}
        if not self.as_said(finding, matched, decision.matched):
            yield f"the table decides otherwise: {decision}"

    def as_said(self, finding: Finding, matched: set[str], fired: list[str]) -> bool:
        named = set(finding.rules)
        match finding.kind:
            case "gap":
                return not matched and not fired
            case "conflict":
                ranks = [self.rank(row) for row in self.rows if self.table.rules[row].id in named | set(fired)]
                return self.table.hit_policy == "priority" and named <= matched and ranks[0] == max(ranks) == min(ranks)
            case "overlap":
                return named <= matched and fired == [finding.rules[0]]
            case "never_fires":
                return finding.rules[0] in matched and finding.rules[0] not in fired
            case "catch_all":
                return matched == named
        return named <= matched

    def decided_problems(self, found: Verification) -> list[str]:
        """Points of the grid, all or a sample, where `decide` does what the findings say it never does."""
        gap = any(finding.kind == "gap" for finding in found.findings)
        conflict = any(finding.kind == "conflict" for finding in found.findings)
        never = {finding.rules[0] for finding in found.findings if finding.kind == "never_fires"}
        wrong = []
        for values in grid_points(self.values, _FULL_GRID):
            point = dict(zip(self.table.input_names, values, strict=True))
            try:
                decision = self.table.decide(point)
            except SelectorError:
                wrong += [] if conflict else [f"{point} is refused"]
                continue
            if not decision.matched and not gap:
                wrong.append(f"{point} is a gap")
            if never & set(decision.matched):
                wrong.append(f"{point} fires {decision.matched}")
        return wrong


def grid_points(values: Sequence[Sequence[Scalar]], most: int) -> Iterator[tuple[Scalar, ...]]:
    """All combinations, or as many of them as asked for."""
    if math.prod(map(len, values)) <= most:
        yield from product(*values)
    else:
        rng = Random(0)
        for _ in range(most):
            yield tuple(rng.choice(column) for column in values)


def folded(masks: Sequence[Sequence[int]]) -> set[int]:
    """The sets of rows that all columns let through together, for every combination of their values."""
    together = {-1}
    for column in masks:
        together = {rows & mask for rows in together for mask in set(column)}
    return together


def parts_of(cell: Cell) -> list[Cell]:
    """The tests of a list, also inside not(...)."""
    if isinstance(cell, OneOf):
        return [part for test in cell.tests for part in parts_of(test)]
    return parts_of(cell.test) if isinstance(cell, Not) else [cell]


def values_of(column: Input, cells: Sequence[Cell], whole: bool) -> list[Scalar]:
    """Values the input accepts: each literal, its nearest neighbours, and between two literals; missing if it may be."""
    domain = [column.values] if isinstance(column.values, Cell) else []
    mentioned: list[Any] = sorted({v for cell in [*cells, *domain] for v in literals(cell) if v is not None})
    tried: list[Any] = [True, False, 0, 1, "", "a", None, *(column.values if isinstance(column.values, tuple) else ())]
    for value in mentioned:
        tried += string_neighbours(value) if isinstance(value, str) else number_neighbours(value)
    tried += [(low + high) / 2 for low, high in pairwise(mentioned) if not isinstance(low, str)]
    tried += [(low + high) // 2 for low, high in pairwise(mentioned) if not isinstance(low, str)]
    accepted = [value for value in tried if column.problem(value) is None]
    if whole and column.type == "number":
        accepted = [value for value in accepted if value is None or value == math.floor(value)]
    return list({(kind_of(value), repr(value)): value for value in accepted}.values())


def number_neighbours(value: Any) -> list[Any]:
    near = [math.nextafter(value, -math.inf), math.nextafter(value, math.inf)]
    return [value, value - 1, value + 1, math.floor(value), math.ceil(value), math.ceil(value) + 1, *near]


def string_neighbours(value: str) -> list[str]:
    """With its successor and what nearly is its predecessor (there is none, unless it ends in a NUL)."""
    if not value:
        return ["", "\0", "a"]
    before = value[:-1] if value[-1] == "\0" else value[:-1] + chr(ord(value[-1]) - 1) + "\U0010ffff"
    return [value, f"{value}\0", f"{value}a", before, value[:-1]]
