"""Migration guides: how to get from one approach to another.

A guide is composed from what both ends say of themselves (`rules/migration/APPROACH.yaml`: leaving and arriving), the
notes of the pair (`pairs.yaml`), the effort table (`rules/migration_effort.yaml`) and the same program written in both
approaches (`rules/migration/code/`). Which sentence goes into which guide is settled by the traits of the ends, in the
files; there is no rule about any approach in here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from selector.approaches import Effort, Engine
from selector.migration.compose import joined, way_between
from selector.migration.parts import Parts
from selector.models import Frozen
from selector.workload.profile import ApproachId


class EngineChoice(Frozen):
    """One engine of the distributed approach: when to choose it, and what is its own."""

    engine: Engine
    title: str
    choose_when: str
    needs: tuple[str, ...]
    steps: tuple[str, ...]
    pitfalls: tuple[str, ...]
    code: str


class MigrationGuide(Frozen):
    """The whole guide for one ordered pair. `engines` is filled only where the way leads to `distributed`."""

    from_approach: ApproachId = Field(alias="from")
    to_approach: ApproachId = Field(alias="to")
    from_title: str
    to_title: str
    effort: Effort
    effort_reason: str
    needs: tuple[str, ...]
    steps: tuple[str, ...]
    before_code: str
    after_code: str
    pitfalls: tuple[str, ...]
    measure: tuple[str, ...]
    rollback: tuple[str, ...]
    engines: tuple[EngineChoice, ...] = ()
    sources: tuple[str, ...] = ()


def migration_guide(from_: ApproachId, to: ApproachId, rules_dirs: Sequence[Path]) -> MigrationGuide:
    """The guide from one approach to another, its parts taken from the first of `rules_dirs` that has them.

    From an approach to itself it says that nothing changes. Raises SelectorError for a missing or broken part.
    """
    return guide_of(from_, to, Parts(rules_dirs))


def guide_of(from_: ApproachId, to: ApproachId, parts: Parts) -> MigrationGuide:
    """The guide from one approach to another, of these parts."""
    ends = {approach: parts.end(approach) for approach in (from_, to)}
    way = way_between(parts.approaches[from_], parts.approaches[to], ends, parts.pairs)
    effort, reason = parts.effort(from_, to)
    return MigrationGuide(
        from_approach=from_,
        to_approach=to,
        from_title=way.old.title,
        to_title=way.new.title,
        effort=effort,
        effort_reason=reason,
        needs=way.needs(),
        steps=way.steps(),
        before_code=parts.code(f"classify_{from_}.py"),
        after_code=parts.code(f"classify_{to}.py"),
        pitfalls=way.section("pitfalls"),
        measure=way.section("measure"),
        rollback=way.section("rollback"),
        engines=_engines(parts) if from_ != to and "queue" in way.new.traits else (),
        sources=joined(ends[to]["sources"], ends[from_]["sources"]),
    )


def _engines(parts: Parts) -> tuple[EngineChoice, ...]:
    return tuple(
        EngineChoice(engine=name, **{**engine, "code": parts.code(engine["code"])})
        for name, engine in parts.engines.items()
    )
