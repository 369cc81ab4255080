"""Decision tables written short, and the findings about them."""

from __future__ import annotations

import math
from typing import Any

from selector.decision import DecisionTable, load_table
from selector.decision.proofs.findings import Finding, Verification
from selector.decision.proofs.verify import verify_table

NEXT = math.nextafter(0.3, 1)


def table_of(
    inputs: str, *rows: str, policy: str = "first", outputs: str = "o: {}", more: str = "", name: str = "t"
) -> DecisionTable:
    """A table of rows `id: when -> then`, in YAML's short form."""
    lines = []
    for row in rows:
        row_id, _, rest = row.partition(": ")
        when, _, then = rest.partition("-> ")
        lines.append(f"  - {{id: {row_id}, when: {{{when}}}, then: {{{then}}}}}\n")
    return load_table(
        f"table: {name}\nhit_policy: {policy}\ninputs: {{{inputs}}}\noutputs: {{{outputs}}}\n{more}rules:\n{''.join(lines)}"
    )


def only(found: Verification, kind: str) -> Finding:
    findings = [finding for finding in found.findings if finding.kind == kind]
    assert len(findings) == 1, [finding.message for finding in found.findings]
    return findings[0]


def kinds(table: DecisionTable, **options: Any) -> list[tuple[str, str]]:
    return [(finding.severity, finding.kind) for finding in verify_table(table, **options).findings]
