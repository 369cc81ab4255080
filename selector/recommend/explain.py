"""Why this answer and not another: the rows of every table, all predictions, and where the answer turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from selector.approaches import Engine
from selector.decision import DecisionTable
from selector.recommend.along import Stretch, stretches
from selector.recommend.chain import Situation
from selector.recommend.expected import Expected, expected_of, outlook_of
from selector.recommend.facts import FACTS
from selector.recommend.line import Line
from selector.workload.profile import ApproachId

#: The inputs that are looked along, with the powers of ten between which: from what is nothing to what is a lot.
AXES = {"cpu_ms_per_task": (-3, 4), "tasks": (0, 6), "payload_kb_per_task": (-1, 6), "requests_per_second": (-1, 5)}
_ARRIVALS: Final = "requests_per_second"
_A_DECADE = 6  # values that are looked at in any case
_SAME_PLACE = 1.02  # two values whose ratio is below that: what is narrower is left out


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
    processes: int = 1
    expected: Expected


class Span(BaseModel):
    """A stretch of values that all have the same answer, from `low` up to `high`, where the next one begins."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    low: float
    high: float
    approach: ApproachId
    engine: Engine | None = None


class Crossover(BaseModel):
    """The answers along one input, and its value in the profile (None: not known)."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    input: str
    current: float | None
    spans: tuple[Span, ...]


class Explanation(BaseModel):
    """The facts that were known, what is predicted, where the answer changes, and every table with its rows' fate."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    facts: dict[str, bool | int | float | str]
    predictions: tuple[Prediction, ...]
    crossovers: tuple[Crossover, ...]
    tables: tuple[TableReport, ...]


def explain(situation: Situation) -> Explanation:
    """The whole chain for one situation, row by row, with all predictions."""
    tables, facts, choice = situation.knowledge.tables, situation.facts, situation.choice
    chosen = choice.chosen
    reports = [_report(tables["classify"], facts), _report(tables["strategy"], facts)]
    reports += [_report(tables["eligibility"], c.facts, c.approach) for c in (chosen, *choice.others)]
    reports += [_report(tables[name], chosen.facts, chosen.approach) for name in ("sizing", "replicas")]
    if (weighing := choice.weighing) is not None:
        reports.append(_report(tables["speedup_bands"], weighing.facts, weighing.simpler.approach))
    if choice.engine is not None:
        reports.append(_report(tables["engine"], facts))
    reports.append(_report(tables["advice"], chosen.facts, chosen.approach))
    return Explanation(
        facts={k: v for k, v in facts.items() if k in FACTS and isinstance(v, bool | int | float | str)},
        predictions=predictions(situation),
        crossovers=crossovers(situation),
        tables=tuple(reports),
    )


def predictions(situation: Situation) -> tuple[Prediction, ...]:
    """What is predicted for every approach that runs on one machine, simplest first."""
    outlook = outlook_of(situation)
    candidates = [
        situation.candidate(a) for a, e in situation.knowledge.approaches.items() if e.traits.runs_in != "cluster"
    ]
    return tuple(
        Prediction(
            approach=candidate.approach,
            interpreter=situation.interpreter(candidate.approach),
            workers=candidate.workers,
            processes=candidate.processes,
            expected=Expected.model_validate(expected_of(candidate, outlook)),
        )
        for candidate in candidates
    )


def crossovers(situation: Situation) -> tuple[Crossover, ...]:
    """From which size of a task, payload, number of tasks or requests on the answer is another one, as far as it changes there."""
    found = []
    for field, powers in AXES.items():
        if field == _ARRIVALS and situation.facts[_ARRIVALS] is None:
            continue  # it is a batch, or of a service something else is known
        line = Line(situation, field)
        low, *through, high = (
            line.axis.as_number(10 ** (step / _A_DECADE))
            for step in range(powers[0] * _A_DECADE, powers[1] * _A_DECADE + 1)
        )
        spans = _spans(stretches(line, low, high, through))
        if len(spans) > 1:
            current: Any = getattr(situation.profile, field)
            found.append(Crossover(input=field, current=current, spans=spans))
    return tuple(found)


def _spans(along: Sequence[Stretch]) -> tuple[Span, ...]:
    """The stretches that are wide enough to see, joined where that makes neighbours of those with the same answer."""
    ends = [stretch.low for stretch in along[1:]] + [along[-1].high]
    wide = [s for s, end in zip(along, ends, strict=True) if end >= s.low * _SAME_PLACE]
    kept = [next(same) for _, same in groupby(wide, key=lambda stretch: stretch.answer)]
    ends = [stretch.low for stretch in kept[1:]] + [along[-1].high]
    return tuple(
        Span.model_validate(
            {"low": _rounded(s.low), "high": _rounded(end), "approach": s.answer[0], "engine": s.answer[1]}
        )
        for s, end in zip(kept, ends, strict=True)
    )


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.3g}")


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
