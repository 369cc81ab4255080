"""Why this answer and not another: the rows of every table, and the inputs that would change it."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict

from selector.decision import DecisionTable
from selector.knowledge import Knowledge
from selector.profile import WorkloadProfile
from selector.recommend.choose import Candidate, Choice, choose
from selector.recommend.facts import FACTS, HostFacts
from selector.recommend.recommendation import Change

Answer = tuple[str, str | None]


class RowReport(BaseModel):
    """What became of one row: fired, matched without firing, or the first cell that failed and the value seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    fired: bool
    matched: bool
    because: str
    input: str | None = None
    cell: str | None = None
    value: bool | int | float | str | None = None


class TableReport(BaseModel):
    """One table as it was asked: about which approach (None: about the workload), and its rows in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    title: str
    source: str
    approach: str | None
    rows: tuple[RowReport, ...]


class Explanation(BaseModel):
    """The facts that were known and every table with the fate of its rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    facts: dict[str, bool | int | float | str]
    tables: tuple[TableReport, ...]


def explain(choice: Choice, knowledge: Knowledge) -> Explanation:
    """The whole chain for one choice, row by row."""
    tables = knowledge.tables
    candidates = (choice.chosen, *choice.others)
    reports = [_report(tables["classify"], choice.facts), _report(tables["strategy"], choice.facts)]
    reports += [_report(tables["eligibility"], c.facts, c.approach) for c in candidates]
    reports.append(_report(tables["sizing"], choice.chosen.facts, choice.chosen.approach))
    if choice.fastest is not None:
        reports.append(_report(tables["speedup_bands"], _band_facts(choice.chosen, choice.fastest), choice.chosen.approach))
    if choice.engine is not None:
        reports.append(_report(tables["engine"], choice.facts))
    reports.append(_report(tables["advice"], choice.chosen.facts, choice.chosen.approach))
    known = {k: v for k, v in choice.facts.items() if v is not None and isinstance(v, bool | int | float | str)}
    return Explanation(facts=known, tables=tuple(reports))


def _band_facts(chosen: Candidate, fastest: Candidate) -> dict[str, Any]:
    return {**chosen.facts, "speedup": (chosen.predicted.seconds or 0.0) / max(fastest.predicted.seconds or 0.0, 1e-9)}


def _report(table: DecisionTable, facts: Mapping[str, Any], approach: str | None = None) -> TableReport:
    trace = table.decide({name: facts.get(name) for name in table.input_names}, trace=True).trace
    rows = tuple(
        RowReport(
            rule=row.rule, fired=row.fired, matched=row.matched, because=rule.because,
            input=row.input, cell=row.cell, value=row.value,
        )
        for row, rule in zip(trace, table.rules, strict=True)
    )  # fmt: skip
    return TableReport(table=table.name, title=table.title, source=table.source, approach=approach, rows=rows)


# --- which inputs matter -------------------------------------------------------------------------------------------

#: Numbers are tried on this ladder; where an answer changes between two rungs, the place is found by bisection.
_LADDER = tuple(m * 10.0**e for e in range(-2, 7) for m in (1, 3))
_NOT_INPUTS = ("name", "description", "current_approach")
_INTERPRETER_CHOICES = (("3.14",), ("3.14", "3.14t"))


def input_names() -> list[str]:
    """The fields of a profile that the tables can see."""
    return [f for f in WorkloadProfile.model_fields if f not in _NOT_INPUTS and (f in FACTS or f == "interpreters")]


def alternatives_of(field: str) -> tuple[Any, ...]:
    """Values a field may have: every id of a fixed set, both booleans, or the ladder for numbers."""
    annotation: Any = WorkloadProfile.model_fields[field].annotation
    options = [a for a in _parts(annotation) if a is not type(None)]
    kind = options[0]
    if field == "interpreters":
        return _INTERPRETER_CHOICES
    if get_origin(kind) is Literal:
        return get_args(kind)
    if kind is bool:
        return (True, False)
    return tuple(dict.fromkeys(int(v) for v in _LADDER if v >= 1)) if kind is int else _LADDER


def _parts(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, without Annotated around them."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(part for a in get_args(annotation) for part in _parts(a))
    if hasattr(annotation, "__metadata__"):
        return _parts(annotation.__origin__)
    return (annotation,)


def outcomes(profile: WorkloadProfile, field: str, host: HostFacts, knowledge: Knowledge) -> list[tuple[Any, Answer]]:
    """The answer for each value one field may have, everything else as it is."""
    answer = _answerer(profile, field, host, knowledge)
    return [(value, answer(value)) for value in alternatives_of(field)]


def _answerer(profile: WorkloadProfile, field: str, host: HostFacts, knowledge: Knowledge) -> Callable[[Any], Answer]:
    return lambda value: choose(profile.model_copy(update={field: value}), host, knowledge).answer


def would_change(
    profile: WorkloadProfile, choice: Choice, host: HostFacts, knowledge: Knowledge
) -> tuple[Change, ...]:
    """For each input, the nearest values at which the answer is another one; every other answer is named once an input."""
    found = []
    for field in input_names():
        current = choice.facts.get(field, getattr(profile, field))
        tried = [(v, a) for v, a in outcomes(profile, field, host, knowledge) if v != current]
        if tried and isinstance(tried[0][0], int | float) and not isinstance(tried[0][0], bool):
            places = _nearest_numbers(tried, current, choice.answer, _answerer(profile, field, host, knowledge))
        else:
            places = _first_of_each(tried, choice.answer)
        found += [Change(input=field, to=value, approach=_said(answer)) for value, answer in places]
    return tuple(found)


def _said(answer: Answer) -> str:
    return f"{answer[0]} ({answer[1]})" if answer[1] else answer[0]


def _first_of_each(tried: list[tuple[Any, Answer]], answer: Answer) -> Iterator[tuple[Any, Answer]]:
    seen = {answer}
    for value, other in tried:
        if other not in seen:
            seen.add(other)
            yield value, other


def _nearest_numbers(
    tried: list[tuple[Any, Answer]], current: float | None, answer: Answer, ask: Callable[[Any], Answer]
) -> Iterator[tuple[Any, Answer]]:
    """The nearest change below and above the current number; for an unknown number, the first value of each answer."""
    if current is None:
        yield from _first_of_each(tried, answer)
        return
    for rungs in ([t for t in reversed(tried) if t[0] < current], [t for t in tried if t[0] > current]):
        inside: Any = current
        for value, other in rungs:
            if other != answer:
                yield _bisect(inside, value, answer, ask)
                break
            inside = value


def _bisect(inside: Any, outside: Any, answer: Answer, ask: Callable[[Any], Answer]) -> tuple[Any, Answer]:
    """The number nearest to `inside`, to 2 %, that gives another answer; whole numbers exactly where they are small."""
    whole = isinstance(outside, int)
    while abs(outside - inside) > (max(1, abs(outside) * 0.02) if whole else max(abs(outside), 1e-9) * 0.02):
        middle = (inside + outside) // 2 if whole else _round((inside + outside) / 2)
        if middle in (inside, outside):
            break
        if ask(middle) == answer:
            inside = middle
        else:
            outside = middle
    return outside, ask(outside)


def _round(value: float) -> float:
    return float(f"{value:.3g}")
