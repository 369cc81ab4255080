"""What a skeleton measured, beside what was predicted for it: per part, for the whole, and the bottleneck. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from selector.host.checks import tells_of_others
from selector.models import Frozen, Saved
from selector.system.models import PartAnswer, SystemRecommendation
from selector.text import cut, measured_times, number, percent, significant, some
from selector.validation.models import Verdict

CLOSE = 1.3  # predicted against measured: up to so many times a throughput is as predicted
_ALIKE = 1.2  # two parts that could do as much as that of each other: which of them is the bottleneck is chance
_AS_BUSY = 0.1  # of its time
_LEAST_ITEMS = 10  # that must have come through a part to tell its pace


class Row(Saved):
    """What a part did in the seconds that counted, as a skeleton says it."""

    name: str
    done: int
    errors: int
    per_second: float
    busy: float
    last_error: str


class TrialEvent(Saved):
    """A line of a skeleton: parts that ran by themselves, or together."""

    event: Literal["alone", "together"]
    seconds: float
    parts: tuple[Row, ...]


class PartMeasured(Frozen):
    """A part: predicted and measured, items a second. `alone`: by itself with as much to do as it takes; else in the whole.

    `busy` is the share of the time in which its workers worked, in the whole. None where it was not known or measured.
    """

    name: str
    approach: str
    workers: int
    alone_predicted_per_s: float | None
    alone_measured_per_s: float | None
    whole_predicted_per_s: float | None
    whole_measured_per_s: float | None
    busy: float | None
    errors: int
    last_error: str


class SystemReport(Frozen):
    """A system judged by what its skeleton did on this host, with as many items as it took (flat out).

    `saturation_*` are the items that entered in a second, at all sources together. `recommendation` is the answer for
    this host, which may have fewer CPUs than the file says.
    """

    schema_version: Literal[1] = Field(1, alias="schema")
    name: str | None
    verdict: Verdict
    reason: str
    bottleneck_predicted: str | None
    bottleneck_measured: str | None
    saturation_predicted_per_s: float | None
    saturation_measured_per_s: float | None
    parts: tuple[PartMeasured, ...]
    python: str
    complete: bool
    warnings: tuple[str, ...]
    recommendation: SystemRecommendation


class _Judged(NamedTuple):
    verdict: Verdict
    reason: str


def judge_system(
    answer: SystemRecommendation, events: Sequence[TrialEvent], python: str, warnings: Sequence[str] = ()
) -> SystemReport:
    """The report of a run, finished or not."""
    alone = {row.name: row for event in events if event.event == "alone" for row in event.parts}
    together = {row.name: row for event in events if event.event == "together" for row in event.parts}
    sources = {part.name for part in answer.parts} - {joint.to for joint in answer.joints}
    entered = sum(together[name].per_second for name in sources) if together else None
    busiest = max(together.values(), key=lambda row: row.busy).name if together else None
    judged = _verdict(answer, together, entered, warnings)
    return SystemReport(
        name=answer.name,
        verdict=judged.verdict,
        reason=judged.reason,
        bottleneck_predicted=answer.bottleneck,
        bottleneck_measured=busiest,
        saturation_predicted_per_s=answer.expected.saturation_per_s,
        saturation_measured_per_s=None if entered is None else significant(entered, 3),
        parts=tuple(_part(part, answer, alone.get(part.name), together.get(part.name)) for part in answer.parts),
        python=python,
        complete=bool(together) and len(alone) == len(answer.parts),
        warnings=tuple(dict.fromkeys(warnings)),
        recommendation=answer,
    )


def _part(part: PartAnswer, answer: SystemRecommendation, alone: Row | None, whole: Row | None) -> PartMeasured:
    errors = sum(row.errors for row in (alone, whole) if row)
    return PartMeasured(
        name=part.name,
        approach=part.approach,
        workers=part.workers,
        alone_predicted_per_s=part.most_per_s,
        alone_measured_per_s=significant(alone.per_second, 3) if alone else None,
        whole_predicted_per_s=_at_saturation(part, answer),
        whole_measured_per_s=significant(whole.per_second, 3) if whole else None,
        busy=whole.busy if whole else None,
        errors=errors,
        last_error=next((row.last_error for row in (whole, alone) if row and row.last_error), ""),
    )


def _at_saturation(part: PartAnswer, answer: SystemRecommendation) -> float | None:
    """What a part does when as many items enter as the system takes."""
    expected = answer.expected
    if part.throughput_per_s is None or not expected.throughput_per_s or expected.saturation_per_s is None:
        return None
    return significant(part.throughput_per_s * expected.saturation_per_s / expected.throughput_per_s, 3)


# The verdict ----------------------------------------------------------------------------------------------------------


def _verdict(
    answer: SystemRecommendation,
    together: Mapping[str, Row],
    entered: float | None,
    warnings: Sequence[str],
) -> _Judged:
    if doubt := _doubt(answer, together):
        return _Judged("inconclusive", doubt)
    predicted, bottleneck = answer.expected.saturation_per_s, answer.bottleneck
    assert predicted is not None and bottleneck is not None and entered is not None, "else there is a doubt"
    busiest = max(together.values(), key=lambda row: row.busy)
    disturbed = next((text for text in warnings if tells_of_others(text, watched=True)), "")
    ratio = entered / predicted
    pace = (
        f"{number(significant(entered, 3))} items a second entered,"
        f" {measured_times(ratio)} what was predicted ({number(significant(predicted, 2))})"
    )
    expected = together[bottleneck]
    if busiest.busy - expected.busy > _AS_BUSY:
        named = f"{_name(busiest.name)} was the busiest ({percent(busiest.busy)}), not {_name(bottleneck)} ({percent(expected.busy)})"
        if _could_be_either(answer, bottleneck, busiest.name):
            return _Judged("tie", f"{named}: both were predicted to be near their limit. {pace}.")
        if disturbed:
            return _Judged("inconclusive", f"{named}, but other programs took CPUs meanwhile. {pace}.")
        return _Judged("refuted", f"{named}. {pace}.")
    named = f"{_name(bottleneck)} was the bottleneck, as predicted (busy {percent(expected.busy)} of its time)"
    if ratio * CLOSE >= 1:
        return _Judged("confirmed", f"{named}. {pace}{': more than that' if ratio > CLOSE else ''}.")
    if disturbed:
        return _Judged("inconclusive", f"{named}. {pace}, but other programs took CPUs meanwhile.")
    return _Judged("refuted", f"{named}. {pace}: too little.")


def _doubt(answer: SystemRecommendation, together: Mapping[str, Row]) -> str:
    """Why there can be no verdict; empty if there can."""
    if answer.bottleneck is None or answer.expected.saturation_per_s is None:
        return f"Nothing is predicted for the whole: {_not_predicted(answer)}."
    if not together:
        return "The run ended before all parts had run together."
    if failed := next((row for row in together.values() if row.errors), None):
        return f"{_name(failed.name)} failed on {failed.errors:,} items: {cut(failed.last_error, 80)}."
    if together[answer.bottleneck].done < _LEAST_ITEMS:
        done = together[answer.bottleneck].done
        return f"Only {done} items came through {_name(answer.bottleneck)}: give a longer --budget."
    return ""


def _not_predicted(answer: SystemRecommendation) -> str:
    """Why there is no prediction for the whole."""
    if answer.unknown:
        return f"not known is {some(answer.unknown, 5)}"
    for part in answer.parts:
        if part.engine:
            asks = [
                f"{name}={value}"
                for name, value in (("durable", "false"), ("machines", "1"))
                if name in part.profile.given()
            ]
            without = f" (without: {' '.join(f'--set {part.name}.{ask}' for ask in asks)})" if asks else ""
            return f"{_name(part.name)} runs on a cluster, of which one machine tells nothing{without}"
    return "what a GPU does is not known"


def _could_be_either(answer: SystemRecommendation, one: str, other: str) -> bool:
    """Whether two parts were predicted to come to their limits at about the same pace."""
    used = []
    for part in (answer.part(one), answer.part(other)):
        if not part.most_per_s or part.throughput_per_s is None:
            return False
        used.append(part.throughput_per_s / part.most_per_s)
    return min(used) > 0 and max(used) / min(used) <= _ALIKE


def _name(name: str) -> str:
    return f'"{cut(name, 40)}"'
