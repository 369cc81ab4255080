"""Why this answer and not another: the rows of every table, all predictions, and where the answer turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from selector.decision import DecisionTable
from selector.recommend.chain import Choice, consider
from selector.recommend.crossover import Crossover, crossovers
from selector.recommend.facts import FACTS, HostFacts, tag_for
from selector.recommend.knowledge import Knowledge
from selector.recommend.recommendation import Expected, expected_of, outlook_of
from selector.workload.profile import ApproachId, WorkloadProfile


class RowReport(BaseModel):
    """What became of one row: fired, matched without firing, or the first cell that failed and the value seen."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    rule: str
    fired: bool
    matched: bool
    because: str
    input: str | None = None
    cell: str | None = None
    value: bool | int | float | str | None = None


class TableReport(BaseModel):
    """One table as it was asked: about which approach (None: about the workload), and its rows in order."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    table: str
    title: str
    source: str
    approach: str | None
    rows: tuple[RowReport, ...]


class Prediction(BaseModel):
    """What is predicted for one approach, whether the tables named it or not."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    approach: ApproachId
    interpreter: str | None
    workers: int
    expected: Expected


class Explanation(BaseModel):
    """The facts that were known, what is predicted, where the answer changes, and every table with its rows' fate."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    facts: dict[str, bool | int | float | str]
    predictions: tuple[Prediction, ...]
    crossovers: tuple[Crossover, ...]
    tables: tuple[TableReport, ...]


def explain(profile: WorkloadProfile, choice: Choice, host: HostFacts, knowledge: Knowledge) -> Explanation:
    """The whole chain for one choice, row by row, with all predictions."""
    tables = knowledge.tables
    candidates = (choice.chosen, *choice.others)
    reports = [_report(tables["classify"], choice.facts), _report(tables["strategy"], choice.facts)]
    reports += [_report(tables["eligibility"], c.facts, c.approach) for c in candidates]
    reports.append(_report(tables["sizing"], choice.chosen.facts, choice.chosen.approach))
    if (compared := choice.compared) is not None:
        reports.append(_report(tables["speedup_bands"], compared.facts, compared.simpler.approach))
    if choice.engine is not None:
        reports.append(_report(tables["engine"], choice.facts))
    reports.append(_report(tables["advice"], choice.chosen.facts, choice.chosen.approach))
    known = {k: v for k, v in choice.facts.items() if k in FACTS and isinstance(v, bool | int | float | str)}
    return Explanation(
        facts=known,
        predictions=predictions(profile, choice, host, knowledge),
        crossovers=crossovers(profile, host, knowledge),
        tables=tuple(reports),
    )


def predictions(
    profile: WorkloadProfile, choice: Choice, host: HostFacts, knowledge: Knowledge
) -> tuple[Prediction, ...]:
    """What is predicted for every approach that runs on one machine, simplest first."""
    outlook = outlook_of(profile, choice, host, knowledge)
    found = []
    for approach, entry in knowledge.approaches.items():
        if entry.traits.runs_in != "cluster":
            candidate = consider(approach, None, dict(choice.facts), choice.work, knowledge)
            found.append(
                Prediction(
                    approach=approach,
                    interpreter=tag_for(entry.traits.needs, profile, host),
                    workers=candidate.workers,
                    expected=Expected.model_validate(expected_of(candidate, outlook)),
                )
            )
    return tuple(found)


def _report(table: DecisionTable, facts: Mapping[str, Any], approach: str | None = None) -> TableReport:
    trace = table.decide(table.inputs_among(facts), trace=True).trace
    rows = tuple(
        RowReport(
            rule=row.rule, fired=row.fired, matched=row.matched, because=rule.because,
            input=row.input, cell=row.cell, value=row.value,
        )
        for row, rule in zip(trace, table.rules, strict=True)
    )  # fmt: skip
    return TableReport(table=table.name, title=table.title, source=table.source, approach=approach, rows=rows)
