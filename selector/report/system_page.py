"""A system of several parts as a page: the answer, how sure it is, predicted beside measured, its parts and joints."""

from __future__ import annotations

from collections.abc import Iterable

from selector.report.blocks import Bar, Bars, Block, Code, Document, Fields, Paragraph, Section, bullets
from selector.report.figures import MEASURED, PREDICTED
from selector.report.system import (
    LEGEND,
    beside,
    failed,
    fit_facts,
    joints_list,
    measured_table,
    pace_facts,
    parts_table,
    process_facts,
    sections_of_parts,
    shares_list,
    short,
    short_field,
)
from selector.system.diagram import drawing
from selector.system.models import SystemRecommendation
from selector.system.verdict import SystemReport
from selector.text import counted, number, percent, significant, some

_NEXT_IN_SKELETON = "put your own code into `system.py`, beside this page: into start, wait, wait_async and compute"
_LISTED = 8  # parts that the answer names


def system_page(result: SystemRecommendation, command: str, *, whole: bool) -> Document:
    """The answer to a system; `command` puts it to the test, `whole` adds the recommendation of each part."""
    pairs = (
        ("Use", _used(result)),
        *pace_facts(result),
        *fit_facts(result),
        ("How sure", "predicted; nothing of it was measured"),
        ("Next", command),
    )
    sections = [Section("Answer", (Fields(pairs),)), *_built(result)]
    return Document((*sections, *(sections_of_parts(result) if whole else ())))


def trial_page(report: SystemReport) -> Document:
    """What the skeleton of a system measured, and the answer that it was made from."""
    result = report.recommendation
    bottleneck = [] if report.bottleneck_measured is None else [("Bottleneck", _bottleneck(report))]
    pairs = (
        ("Use", _used(result)),
        ("How sure", f"{report.verdict.upper()}: {report.reason}"),
        *bottleneck,
        ("Items that enter", beside(report.saturation_predicted_per_s, report.saturation_measured_per_s)),
        ("Next", _next(report)),
    )
    measured: list[Block] = [*_pace_bars(report), measured_table(report), LEGEND]
    busy = _busy_bars(report)
    return Document(
        (
            Section("Answer", (Fields(pairs),)),
            Section("Measured against predicted", tuple(measured)),
            *([Section("Where the bottleneck is", tuple(busy))] if busy else []),
            *_built(result),
            _how_measured(report),
        )
    )


def _used(result: SystemRecommendation) -> str:
    """`fetch by asyncio, parse by multiprocessing with 4 workers`."""
    parts = []
    for part in result.parts:
        pool = f" with {counted(part.workers, 'worker')}" if part.workers > 1 else ""
        parts.append(f"{short(part.name)} by {part.approach}{pool}")
    more = len(parts) - _LISTED
    return f"{', '.join(parts[:_LISTED])}{f', and {more} more parts' if more > 0 else ''}"


def _bottleneck(report: SystemReport) -> str:
    measured, predicted = short(report.bottleneck_measured or ""), report.bottleneck_predicted
    if predicted == report.bottleneck_measured:
        return f"{measured}, as predicted"
    return f"{measured}; predicted was {short(predicted) if predicted is not None else 'nothing'}"


def _next(report: SystemReport) -> str:
    """What to do after that verdict."""
    if report.verdict in ("confirmed", "tie"):
        return _NEXT_IN_SKELETON
    busiest = short(report.bottleneck_measured or "")
    if report.verdict == "refuted":
        return (
            f"correct what the file says of {busiest} (cpu_ms_per_task, io_wait_ms_per_task) to what its code takes, and"
            " validate again; if it is right, more CPUs or another approach for it"
        )
    if unknown := report.recommendation.unknown:
        return f"say in the file {some([short_field(field) for field in unknown], 4)}, and validate again"
    if any(part.errors for part in report.parts):
        return "see below what failed, mend it, and validate again"
    return "close what else computes, or give it more time (--budget), and validate again"


# Pictures -------------------------------------------------------------------------------------------------------------


def _pace_bars(report: SystemReport) -> list[Bars]:
    """Items a second of each part in the whole, predicted and measured."""
    bars = []
    for part in report.parts:
        for kind, pace in ((PREDICTED, part.whole_predicted_per_s), (MEASURED, part.whole_measured_per_s)):
            if pace is not None:
                bars.append(Bar(short(part.name), pace, f"{number(significant(pace, 3))}/s", kind=kind))
    return [Bars("All parts together: predicted and measured", "items a second", tuple(bars))] if bars else []


def _busy_bars(report: SystemReport) -> list[Bars]:
    """How much of what it can do each part does, where the whole does all it can: the one with the most is the bottleneck."""
    bars = []
    for part in report.parts:
        predicted, most = part.whole_predicted_per_s, part.alone_predicted_per_s
        if predicted is not None and most:
            bars.append(_share(part.name, predicted / most, PREDICTED))
        if part.busy is not None:
            bars.append(_share(part.name, part.busy, MEASURED))
    return [Bars("How busy each part is, the whole at its limit", "% of what it can do", tuple(bars))] if bars else []


def _share(name: str, share: float, kind: str) -> Bar:
    return Bar(short(name), 100 * share, percent(share), kind=kind)


# Of both --------------------------------------------------------------------------------------------------------------


def _built(result: SystemRecommendation) -> list[Section]:
    """How the parts are joined, and what each has."""
    joined: Iterable[Block] = (joints_list(result.joints),) if result.joints else ()
    picture = Code(drawing(result.parts, result.joints, result.bottleneck), "text")
    return [
        Section("How the parts are joined", (picture, *joined, Fields(tuple(process_facts(result))))),
        Section("The parts", (parts_table(result), shares_list(result))),
    ]


def _how_measured(report: SystemReport) -> Section:
    """The warnings first."""
    notes = [*report.warnings, *(failed(part) for part in report.parts if part.errors)]
    how = (
        f"The skeleton ran on Python {report.python} with as much to do as it takes: each part by itself, then all"
        f" together, on {counted(report.recommendation.cpu_cores, 'CPU')}. Its parts wait and compute as long as the file"
        " says, in place of your code. Memory is predicted only."
    )
    ended = "" if report.complete else " The run ended before all of it was measured."
    mind: list[Block] = [Paragraph("Mind:"), bullets(*notes)] if notes else []
    return Section("How it was measured", (*mind, Paragraph(how + ended)))
