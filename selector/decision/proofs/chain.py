"""Tables of a chain against each other: outputs that the table below does not accept, and tables that need themselves.

A table feeds another if it has an output with the name of an input of the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from selector.decision.cells import Scalar, kind_of
from selector.decision.proofs.cover import is_empty, uncovered
from selector.decision.proofs.examine import Proof, default_rows
from selector.decision.proofs.findings import Finding, Severity, finding_at
from selector.decision.proofs.limits import OutOfSteps, Steps
from selector.decision.proofs.space import Box, TableSpace
from selector.decision.table import DecisionTable, typed
from selector.text import quoted

_WITNESS_STEPS = 100_000
_Produced = dict[tuple[str, Scalar], int | None]  # an output value by type and value; the first row that gives it


def chain_findings(proofs: Sequence[Proof]) -> dict[str, list[Finding]]:
    """The findings between tables, by the name of the table whose output or place in the chain is wrong."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for upper in proofs:
        for lower in proofs:
            if upper is not lower:
                found[upper.space.table.name] += _not_accepted(upper, lower)
    for finding in _cycles([proof.space.table for proof in proofs]):
        found[finding.table].append(finding)
    return found


def _not_accepted(upper: Proof, lower: Proof) -> Iterator[Finding]:
    """Values that a table gives and the one below refuses, or that no row there is made for."""
    below = lower.space.table
    for name in (column.name for column in upper.space.table.outputs if column.name in below.input_names):
        position = below.input_names.index(name)
        own_rows = _rows_of_their_own(lower.space, position)
        for (_, value), row in _produced(upper, name).items():
            if problem := below.inputs[position].problem(value):
                message = f"output {name} {problem}: table {below.name} does not accept it"
                yield _given_finding(upper, "error", message, row)
            elif own_rows is not None and not own_rows & below.rows_passing(position, value):
                message = f"output {name} is {quoted(value)}, for which table {below.name} has no row of its own"
                yield _given_finding(upper, "warning", message, row)


def _produced(proof: Proof, name: str) -> _Produced:
    """The values of one output that rows which fire give, or a default that is reached."""
    table = proof.space.table
    produced: _Produced = {}
    if table.aggregate in ("sum", "count"):
        return produced  # the answer is a new number, not one of the outputs
    for row, (rule, fate) in enumerate(zip(table.rules, proof.fates, strict=True)):
        if not fate.never:
            value = rule.outputs[name]
            produced.setdefault((kind_of(value), value), row)
    for outputs in default_rows(table) if proof.gaps else ():
        produced.setdefault((kind_of(outputs[name]), outputs[name]), None)
    return produced


def _rows_of_their_own(space: TableSpace, position: int) -> int | None:
    """The rows that ask for something, as bits; None if none of them asks about this input."""
    if all(box[position] == space.everything[position] for box in space.boxes):
        return None
    asking = (box != space.everything and not is_empty(box) for box in space.boxes)
    return sum(1 << row for row, asks in enumerate(asking) if asks)


def _given_finding(upper: Proof, severity: Severity, message: str, row: int | None) -> Finding:
    """A finding about what a row gives, or the default where there is no row."""
    where = upper.gaps[0] if row is None else _where_it_answers(upper, row)
    return finding_at(upper.space, "not_accepted", severity, message, () if row is None else (row,), where)


def _where_it_answers(proof: Proof, row: int) -> Box | None:
    """A box where the output of a row is (among) the answer; None if the hit policy forbids it everywhere."""
    space, fires = proof.space, proof.fates[row].fires
    if fires is None or space.table.hit_policy not in ("unique", "any"):
        return fires
    outputs = space.table.rules[row].outputs
    clashing = sum(
        1 << i
        for i, rule in enumerate(space.table.rules)
        if i != row and (space.table.hit_policy == "unique" or typed(rule.outputs) != typed(outputs))
    )
    try:
        return uncovered(space.masks, fires, clashing, Steps(_WITNESS_STEPS))
    except OutOfSteps:
        return None


def _cycles(tables: Sequence[DecisionTable]) -> Iterator[Finding]:
    """Tables that need, directly or through others, what they give."""
    by_name = {table.name: table for table in tables}
    needs = {
        table.name: {
            other.name for other in tables if {column.name for column in other.outputs} & set(table.input_names)
        }
        for table in tables
    }
    while True:
        try:
            TopologicalSorter(needs).prepare()
        except CycleError as error:
            names: list[str] = error.args[1]
        else:
            return
        needs[names[1]].discard(names[0])  # what is found once is cut, so that the next cycle is found too
        shown = " needs ".join(reversed(names))
        message = f"tables that need each other: {shown}"
        places = tuple(by_name[name].source for name in names[:-1])
        yield Finding("cycle", "error", names[0], message, places=places)
