"""Verifies decision tables before anyone decides with them: one, or all tables of a chain.

>>> from selector.decision import load_table
>>> for finding in verify_table(load_table("shipping.yaml")).findings:
...     print(finding.severity, finding.kind, finding.message, finding.witness)
"""

from __future__ import annotations

from collections.abc import Sequence

from selector.decision.proofs.chain import chain_findings
from selector.decision.proofs.examine import Proof, prove
from selector.decision.proofs.findings import SEVERITIES, Finding, Verification
from selector.decision.proofs.limits import LIMIT_STEPS, Steps
from selector.decision.table import DecisionTable


def verify_table(
    table: DecisionTable, *, whole: frozenset[str] = frozenset(), limit: int = LIMIT_STEPS, seconds: float | None = None
) -> Verification:
    """Everything that can be proven about one table. Inputs named in `whole` are counts, which take no fractions.

    `limit` is the number of steps that the search may take; `seconds`, where given, ends it instead.
    """
    return _report(prove(table, whole=whole, steps=Steps.of(limit, seconds)), ())


def verify_tables(
    tables: Sequence[DecisionTable], *, whole: frozenset[str] = frozenset(), limit: int = LIMIT_STEPS,
    seconds: float | None = None,
) -> tuple[Verification, ...]:  # fmt: skip
    """One verification for each table of a chain, and whether outputs fit the inputs of the same name in the others.

    `limit` is for each table, `seconds` for all together: each takes what it needs of its part, and leaves the rest.
    """
    whole_time = Steps.of(limit, seconds)
    proofs = []
    for left in range(len(tables), 0, -1):
        share = None if seconds is None else max(0.0, whole_time.seconds_left) / left
        proofs.append(prove(tables[-left], whole=whole, steps=Steps.of(limit, share)))
    names = {table.name for table in tables}
    found = chain_findings(proofs) if len(names) == len(tables) else {}  # versions of one table are no chain
    return tuple(_report(proof, found.get(proof.space.table.name, ())) for proof in proofs)


def _report(proof: Proof, between_tables: Sequence[Finding]) -> Verification:
    """The findings, errors first."""
    found = sorted((*proof.findings, *between_tables), key=lambda finding: SEVERITIES.index(finding.severity))
    return Verification(proof.space.table.name, tuple(found), proof.space.size, proof.proven)
