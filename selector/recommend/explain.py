"""Why this answer and not another: the rows of every table, all predictions, and the inputs that would change it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict

from selector.decision import DecisionTable
from selector.profile import ApproachId, WorkloadProfile, field_kind
from selector.recommend.choose import Choice, choose, consider, interpreter_for
from selector.recommend.critical import Stretch, admitted, plain_number, rounded_away, stretches
from selector.recommend.crossover import Crossover, crossovers
from selector.recommend.facts import FACTS, HostFacts
from selector.recommend.knowledge import Knowledge
from selector.recommend.recommendation import Change, Expected, baseline_of, expected_of

Answer = tuple[str, str | None]


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
    baseline = baseline_of(choice, knowledge)
    found = []
    for approach, entry in knowledge.approaches.items():
        if entry.traits.runs_in != "cluster":
            candidate = consider(approach, None, dict(choice.facts), choice.work, knowledge)
            found.append(
                Prediction(
                    approach=approach,
                    interpreter=interpreter_for(entry.traits, profile, host),
                    workers=candidate.workers,
                    expected=Expected.model_validate(expected_of(candidate, choice, baseline, knowledge)),
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


# --- which inputs matter -------------------------------------------------------------------------------------------

#: Numbers that stand for what people may answer: a fair sample, to rank questions by. What a number can change is
#: not found by trying them (see `critical`).
_LADDER = tuple(10.0**exponent for exponent in range(-2, 7))
_FAR = 1000  # a number that far off is another workload, not a change of this one
_NOT_INPUTS = ("name", "description", "current_approach")
_INTERPRETER_CHOICES = (("3.14",), ("3.14", "3.14t"))


def input_names() -> list[str]:
    """The fields of a profile that the tables can see."""
    return [f for f in WorkloadProfile.model_fields if f not in _NOT_INPUTS and (f in FACTS or f == "interpreters")]


def alternatives_of(field: str) -> tuple[Any, ...]:
    """Values a field may have: every id of a fixed set, both booleans, or the ladder for numbers."""
    kind = field_kind(field)
    if kind.kind == "versions":
        return _INTERPRETER_CHOICES
    if kind.kind == "flag":
        return (True, False)
    if kind.kind == "count":
        return tuple(int(v) for v in _LADDER if v >= 1)
    return kind.choices or _LADDER


def _answerer(profile: WorkloadProfile, field: str, host: HostFacts, knowledge: Knowledge) -> Callable[[Any], Answer]:
    return lambda value: choose(profile.model_copy(update={field: value}), host, knowledge).answer


def would_change(profile: WorkloadProfile, choice: Choice, host: HostFacts, knowledge: Knowledge) -> tuple[Change, ...]:
    """For each input, the nearest values at which the answer is another one (see `critical` for how exact they are).

    For a known number that is the nearest change below and above it, up to a factor of 1,000; for an unknown number,
    where it would begin to matter; for anything else, the first value that gives each other answer. Numbers are as a
    person would write them, on the side where the answer is the other one.
    """
    found: list[dict[str, Any]] = []
    for field in input_names():
        current = choice.facts.get(field, getattr(profile, field))
        ask = _answerer(profile, field, host, knowledge)
        if field_kind(field).kind not in ("count", "number"):
            places = _first_of_each([v for v in alternatives_of(field) if v != current], choice.answer, ask)
        elif current is None:
            along = stretches(profile, field, host, knowledge, *admitted(field))
            places = _boundaries(along, choice.answer, ask)
        else:
            low, high = _near(field, current)
            along = stretches(profile, field, host, knowledge, low, high)
            places = _nearest(along, current, choice.answer, ask)
        found += [{"input": field, "to": value, "approach": answer[0], "engine": answer[1]} for value, answer in places]
    return tuple(map(Change.model_validate, found))


def _near(field: str, current: float) -> tuple[float, float]:
    """The numbers that are changes of the same workload, not another one."""
    least, largest = admitted(field)
    if field_kind(field).kind == "count":
        return max(least, math.ceil(current / _FAR)), min(largest, int(current * _FAR))
    return max(least, current / _FAR), min(largest, current * _FAR)


def _first_of_each(values: list[Any], answer: Answer, ask: Callable[[Any], Answer]) -> list[tuple[Any, Answer]]:
    seen = {answer}
    found = []
    for value in values:
        if (other := ask(value)) not in seen:
            seen.add(other)
            found.append((value, other))
    return found


def _nearest(
    along: tuple[Stretch, ...], current: float, answer: Answer, ask: Callable[[Any], Answer]
) -> list[tuple[Any, Answer]]:
    """The change next below a known number, and the one next above it."""
    below = [s for s in along if s.high < current and s.answer != answer][-1:]
    above = [s for s in along if s.low > current and s.answer != answer][:1]
    return [_written(s, s.high, current, ask) for s in below] + [_written(s, s.low, current, ask) for s in above]


def _boundaries(along: tuple[Stretch, ...], answer: Answer, ask: Callable[[Any], Answer]) -> list[tuple[Any, Answer]]:
    """For an unknown number: the value nearest to where the answer stays, on each side where it does not."""
    if all(stretch.answer != answer for stretch in along):  # knowing it at all changes the answer
        plain = [plain_number(s.low, s.high, whole=isinstance(s.low, int)) for s in along]
        return _first_of_each(plain, answer, ask)
    found = []
    for one, other in pairwise(along):
        if one.answer == answer:
            found.append(_written(other, other.low, one.high, ask))
        elif other.answer == answer:
            found.append(_written(one, one.high, other.low, ask))
    return list(dict.fromkeys(found))  # a stretch of one number is met from both sides


def _written(stretch: Stretch, edge: float, inside: float, ask: Callable[[Any], Answer]) -> tuple[Any, Answer]:
    """A stretch by its edge, rounded away from `inside`, where the answer is another one."""

    def holds(value: float) -> bool:
        """Whether a rounded edge is still in the stretch."""
        return stretch.low <= value <= stretch.high and ask(value) == stretch.answer

    return rounded_away(edge, inside, holds), stretch.answer
