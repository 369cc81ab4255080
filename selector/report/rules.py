"""What `rules check`, `rules test` and `rules diff` say: as lines, and as data for JSON.

They are lines as a compiler prints them, not a Document: never wrapped, so that an editor or `grep` finds file and line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence

from selector.decision import DecisionTable
from selector.decision.proofs.diff import TableAnswer, TableChange
from selector.decision.proofs.examples import TableTest
from selector.decision.proofs.findings import Finding, Verification, given_text, region_text
from selector.recommend.witnesses import Workload
from selector.report.rules_data import (
    AnswerTold,
    ChangeTold,
    FindingTold,
    RulesCompared,
    TableListed,
    TableProven,
    TableTested,
)
from selector.text import count_text, cut

_MOST_FAILURES = 10  # of a table, that are shown
_MOST_REGIONS = 5
_MOST_ROWS = 50


# rules list -----------------------------------------------------------------------------------------------------------


def list_data(tables: Sequence[DecisionTable]) -> list[TableListed]:
    """The tables in use."""
    return [
        {
            "table": table.name,
            "title": table.title,
            "hit_policy": table.hit_policy,
            "rules": len(table.rules),
            "inputs": list(table.input_names),
            "outputs": [column.name for column in table.outputs],
            "file": table.source,
        }
        for table in tables
    ]


# rules check ----------------------------------------------------------------------------------------------------------


def check_lines(
    label: str, table: DecisionTable, found: Verification, shown: Sequence[tuple[Finding, Workload]]
) -> Iterator[str]:
    """A line about the table, and below it the findings to show."""
    counts = {
        word: sum(finding.severity == word for finding in found.findings) for word in ("error", "warning", "note")
    }
    parts = [f"{len(table.rules)} rules", f"{len(table.inputs)} inputs", f"{count_text(found.size)} cells"]
    parts.append("proven" if found.proven else "not proven")
    parts += [f"{count} {word}{'s' * (count != 1)}" for word, count in counts.items() if count]
    yield f"{'FAIL' if counts['error'] else 'ok'}  {label}: {', '.join(parts)}"
    for finding, workload in shown:
        yield from (f"      {line}" for line in _finding_lines(finding, workload))


def _finding_lines(finding: Finding, workload: Workload) -> Iterator[str]:
    yield f"{finding.severity}: {finding.message}{_more_time(finding.kind)}"
    if finding.rules:
        rows = zip(finding.rules, finding.places, strict=False)
        yield f"  rows {', '.join(f'{rule} ({place})' for rule, place in rows)}"
    else:
        yield f"  in {', '.join(finding.places)}"
    region = region_text(finding.region)
    if region and region not in finding.message:
        yield f"  where {region}"
    if finding.witness is not None:
        yield f"  given {given_text(finding.witness)}"
        yield from _workload_lines(workload)


def _more_time(kind: str) -> str:
    """How to learn what there was no time for."""
    return " (allow more by --budget)" if kind == "not_proven" else ""


def _workload_lines(workload: Workload) -> Iterator[str]:
    """A workload that has the facts in question, or that there is none known; nothing if this is not about workloads."""
    if workload.profile is not None:
        yield f"  for example the workload {json.dumps(workload.profile)}"
    elif workload.sought:
        yield "  no workload was found that has these facts"


def check_data(
    label: str, table: DecisionTable, found: Verification, shown: Sequence[tuple[Finding, Workload]]
) -> TableProven:
    """All that was found out about a table."""
    return {
        "table": table.name,
        "file": label if label != table.name else table.source,
        "rules": len(table.rules),
        "inputs": len(table.inputs),
        "cells": _number(found.size),
        "proven": found.proven,
        "findings": [_finding_data(finding, workload) for finding, workload in shown],
    }


def _finding_data(finding: Finding, workload: Workload) -> FindingTold:
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "table": finding.table,
        "message": finding.message,
        "rules": list(finding.rules),
        "places": list(finding.places),
        "witness": finding.witness,
        "region": finding.region,
        "pairs": list(finding.pairs),
        "workload": workload.profile,
    }


# rules test -----------------------------------------------------------------------------------------------------------


def test_lines(label: str, test: TableTest) -> Iterator[str]:
    """A line about the table, and below it each failure and the rows that no example reaches."""
    examples = test.examples
    parts = [f"{examples.passed} of {examples.passed + len(examples.failures)} examples"]
    if examples.passed or examples.failures:
        parts.append(f"rows {test.rows - len(examples.unreached)} of {test.rows}")
    parts.append(f"{test.boundaries} boundary cases")
    if test.recorded is not None:
        parts.append(f"{test.recorded} recorded")
    yield f"{'FAIL' if test.failed else 'ok'}  {label}: {', '.join(parts)}"
    for failures in (examples.failures, test.boundary_failures, test.recorded_failures):
        yield from (f"      {failure}" for failure in failures[:_MOST_FAILURES])
        if len(failures) > _MOST_FAILURES:
            yield f"      and {len(failures) - _MOST_FAILURES} more"
    if test.left_out:
        yield f"      no time to try the cases of: {'; '.join(test.left_out)} (allow more by --budget)"
    if examples.unreached:
        yield f"      rows no example reaches: {cut(', '.join(examples.unreached), 2000)}"


def test_data(label: str, test: TableTest) -> TableTested:
    """All that testing a table came to."""
    return {
        "table": label,
        "failed": test.failed,
        "rules": test.rows,
        "examples": {"passed": test.examples.passed, "failures": list(test.examples.failures)},
        "rules_without_example": list(test.examples.unreached),
        "boundary_cases": {
            "tried": test.boundaries,
            "failures": list(test.boundary_failures),
            "left_out": list(test.left_out),
        },
        "recorded": None
        if test.recorded is None
        else {"cases": test.recorded, "failures": list(test.recorded_failures)},
    }


def failure_text(tests: Sequence[TableTest]) -> tuple[str, str]:
    """How many of what failed, and what to do."""
    failed = {
        "examples": sum(len(test.examples.failures) for test in tests),
        "boundary cases": sum(len(test.boundary_failures) for test in tests),
        "recorded cases": sum(len(test.recorded_failures) for test in tests),
    }
    what = "; ".join(f"{name} that failed: {count}" for name, count in failed.items() if count)
    remedies = ["mend the table or the example"]
    if failed["recorded cases"]:
        remedies.append("if the new answers are right, record them: --record")
    return what, "; ".join(remedies)


# rules diff -----------------------------------------------------------------------------------------------------------


def diff_lines(label: str, shown: Sequence[tuple[TableChange, Workload]]) -> Iterator[str]:
    """A line about the table, and below it what changed: the largest regions, the others counted."""
    if not shown:
        yield f"same     {label}"
        return
    if shown[0][0].kind == "table":
        yield f"changed  {label}: {shown[0][0].message}"
        return
    answers = [(change, workload) for change, workload in shown if change.kind == "answer"]
    others = [change for change, _ in shown if change.kind != "answer"]
    mark = "changed" if any(change.matters for change, _ in shown) else "same   "
    unknown = any(change.kind == "not_proven" for change in others)
    regions = "no other answers were found" if unknown and not answers else _regions([change for change, _ in answers])
    yield f"{mark}  {label}: {regions}"
    for change in others[:_MOST_ROWS]:
        yield f"         {change.message}{_more_time(change.kind)}"
    if more := others[_MOST_ROWS:]:
        yield f"         and {len(more):,} more such lines (--json has all)"
    for change, workload in answers[:_MOST_REGIONS]:
        yield from (f"         {line}" for line in _change_lines(change, workload))
    if smaller := [change for change, _ in answers[_MOST_REGIONS:]]:
        yield f"         and {_regions(smaller)}"


def _regions(changes: Sequence[TableChange]) -> str:
    if not changes:
        return "the same answers"
    size = count_text(sum(change.size for change in changes))
    return f"{len(changes)} region{'s' * (len(changes) != 1)} of input with other answers, {size} cells"


def _change_lines(change: TableChange, workload: Workload) -> Iterator[str]:
    assert change.given is not None and change.old is not None and change.new is not None
    yield change.message
    yield f"  given {given_text(change.given)}"
    yield f"  was {_answer(change.old)}"
    yield f"  is  {_answer(change.new)}"
    yield from _workload_lines(workload)


def _answer(answer: TableAnswer) -> str:
    if answer.error:
        return f"refused: {answer.error}"
    return f"{json.dumps(answer.output)} from {', '.join(answer.rules) or 'no row'}"


def diff_data(
    found: Sequence[tuple[str, Sequence[tuple[TableChange, Workload]]]], flips: Mapping[str, tuple[str, str]]
) -> RulesCompared:
    """All changes of all tables, and the examples with another answer."""
    return {
        "tables": [
            {"table": label, "changes": [_change_data(change, workload) for change, workload in shown]}
            for label, shown in found
        ],
        "examples": {name: {"old": was, "new": now} for name, (was, now) in flips.items()},
    }


def _change_data(change: TableChange, workload: Workload) -> ChangeTold:
    return {
        "kind": change.kind,
        "message": change.message,
        "region": change.region,
        "cells": _number(change.size),
        "given": change.given,
        "old": _answer_data(change.old),
        "new": _answer_data(change.new),
        "workload": workload.profile,
    }


def _answer_data(answer: TableAnswer | None) -> AnswerTold | None:
    if answer is None:
        return None
    return {"output": answer.output, "rules": list(answer.rules), "error": answer.error}


def _number(count: int) -> int | None:
    """A count as JSON can carry it: none beyond the largest float, which readers of JSON would take for infinity."""
    return count if count.bit_length() < sys.float_info.max_exp else None


def flip_lines(flips: Mapping[str, tuple[str, str]], count: int) -> Iterator[str]:
    """The example workloads that get another recommendation."""
    yield f"{'changed' if flips else 'same   '}  recommendations: {len(flips)} of {count} example workloads get another one"
    yield from (f"         {name}: {was}, now {now}" for name, (was, now) in flips.items())
