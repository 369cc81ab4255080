"""Guides as the tests read them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from selector.migration.guide import MigrationGuide, guide_of
from selector.migration.parts import Parts
from selector.workload.profile import ApproachId

ROOT = Path(__file__).resolve().parent.parent


RULES = ROOT / "rules"


ENDS = ROOT / "rules" / "migration" / "code"
OURS = Parts((RULES,))


@cache
def guide(from_: ApproachId, to: ApproachId) -> MigrationGuide:
    return guide_of(from_, to, OURS)
