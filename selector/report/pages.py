"""What an HTML page tells, in the order in which a reader asks: the answer, how sure it is, what it rests on, what next.

The pages are made of the sections that the other documents have, with pictures, and begin with an answer of a few lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from selector.measure.models import MeasureReport
from selector.recommend.explain import Explanation
from selector.recommend.recommendation import Recommendation
from selector.report import figures
from selector.report.blocks import Block, Bullets, Code, Document, Fields, Paragraph, Path, Section, bullets
from selector.report.measure import found_section, unknown_section
from selector.report.recommendation import bands_of, changes_of, explained_sections, predictions_table
from selector.report.summary import answer_fields, why_text
from selector.report.timelines import timeline_blocks
from selector.report.turns import turns_sections
from selector.report.validation import (
    how_measured,
    judged_text,
    measurement_blocks,
    measurement_of,
    predicted_sections,
    requirement_pairs,
    scalability_sections,
)
from selector.report.wording import (
    alternative_title,
    approach_text,
    basis_text,
    guide_command,
    named,
    python_text,
    requirements_text,
    speedup_text,
    time_text,
    workers_text,
)
from selector.text import measured_range, measured_times
from selector.validation import ValidationReport
from selector.workload.profile import ApproachId

_TABLES = {
    "classify": "What kind of work is it?",
    "strategy": "Which approach suits it?",
    "speedup_bands": "Is the gain worth it?",
    "eligibility": "What rules others out?",
    "engine": "Which engine?",
    "sizing": "How many workers?",
    "advice": "What else matters?",
}
_NOTHING_TO_CHANGE = "nothing to change: the code has this approach already"
_NO_VERDICT = " (recommended; this run gives no verdict)"


def recommendation_page(
    result: Recommendation,
    explanation: Explanation,
    validate: str,
    measured: ValidationReport | None = None,
    *,
    whole: bool = False,
) -> Document:
    """A recommendation, with what was measured where there is that; `whole` has every row of every table as well.

    `validate` is the command that puts it to the test.
    """
    sections = [_answer(result, validate, measured), *(_measured_sections(measured) if measured is not None else ())]
    sections += _predicted(result, explanation)
    sections += [*_turning(result, explanation), *_decided(result), *_others(result), *_first_steps(result)]
    sections.append(_figures_rest_on(result))
    if measured is not None:
        sections.append(_how_measured(measured))
    return Document((*sections, *(explained_sections(explanation) if whole else ())))


def measure_page(report: MeasureReport, validate: str, explanation: Explanation | None) -> Document:
    """What measuring a function found, and what that recommends."""
    found = _found_sections(report)
    result = report.recommendation
    if result is None or explanation is None:
        told = [problem.text for problem in report.problems] or ["no recommendation"]
        return Document((Section("Answer", (Fields((("Answer", told[0]),)),)), *found))
    sections = [_answer(result, validate, None), *_predicted(result, explanation)]
    sections += [*_turning(result, explanation), *found, *_decided(result), *_others(result), *_first_steps(result)]
    sections += [Section("To prove it on the function itself", (Code(validate, "bash"),)), _figures_rest_on(result)]
    return Document(tuple(sections))


def validation_page(
    report: ValidationReport, result: Recommendation | None = None, explanation: Explanation | None = None
) -> Document:
    """What a benchmark showed of a recommendation; with `result`, how that was come to, and the first steps."""
    sections = [_verdict(report, result), *_measured_sections(report)]
    if result is not None and explanation is not None:
        sections += _turning(result, explanation)
    if report.analysis:
        sections.append(Section("What was found, and how", (bullets(*report.analysis),)))
    if report.advice:
        sections.append(Section("What to change", (bullets(*report.advice),)))
    if result is not None:
        sections += [*_decided(result), *_others(result)]
        sections += _first_steps(result) if report.verdict in ("confirmed", "tie") else []
    return Document((*sections, _how_measured(report)))


# The answer -----------------------------------------------------------------------------------------------------------


def _answer(result: Recommendation, validate: str, measured: ValidationReport | None) -> Section:
    """What to use, what to expect of it, why, how sure that is, what to do next."""
    pool = f", {workers_text(result)} workers" if result.workers > 1 else ""
    expected = result.expected
    time = f", {time_text(expected)}" if expected.seconds is not None else ""
    sure = judged_text(measured) if measured is not None else basis_text(expected)
    pairs = [
        ("Use", f"{approach_text(result)}{pool}, Python: {python_text(result, where=False)}"),
        ("Expect", f"{speedup_text(expected, result.profile)}{time}; {requirements_text(result)}"),
        ("Why", why_text(result)),
        ("How sure", sure or "nothing is known that a prediction could rest on"),
        ("Next", guide_command(result) or _NOTHING_TO_CHANGE if measured is not None else validate),
    ]
    return Section("Answer", (Fields(tuple(pairs)),))


def _verdict(report: ValidationReport, result: Recommendation | None) -> Section:
    """The same of a benchmark: what it says to use is the winner, where the recommendation lost to it."""
    settled = report.verdict != "inconclusive"
    lost = report.verdict == "refuted" or (report.verdict == "tie" and report.winner not in (None, report.recommended))
    pairs = [("Use", f"{_used(report, lost=lost)}{'' if settled else _NO_VERDICT}")]
    why = why_text(result) if result is not None and not lost else next(iter(report.analysis), "")
    gain = _gain(report, lost=lost) if settled else ""
    pairs += [(label, text) for label, text in (("Why", why), ("Gain", gain)) if text]
    advice = report.advice[0] if report.advice and report.verdict in ("refuted", "inconclusive") else ""
    guide = guide_command(result) if result is not None and not lost else None
    (best, _), origin = _to_use(report, lost=lost), report.profile.origin
    move = f"concurrency-selector migrate {origin} {best}" if best not in (None, origin) else _NOTHING_TO_CHANGE
    pairs += [("How sure", judged_text(report)), ("Next", advice or guide or move)]
    whose = f" of {report.recommended}" if lost else ""
    unmet = [(f"{what}{whose}", told) for what, told in requirement_pairs(report) if told.startswith("NOT")]
    return Section("Answer", (Fields((*pairs, *unmet)),))


def _to_use(report: ValidationReport, *, lost: bool) -> tuple[ApproachId | None, str | None]:
    """The approach and its Python: the winner, if what was recommended lost to it."""
    if lost:
        return report.winner, report.winner_interpreter
    return report.recommended, report.recommended_interpreter


def _gain(report: ValidationReport, *, lost: bool) -> str:
    """`1.8x (1.4x to 2.2x) as fast as plain sequential code`, as it was measured."""
    m = measurement_of(report, *_to_use(report, lost=lost))
    if m is None or m.role == "baseline" or m.speedup is None:
        return ""
    middle, span = measured_times(m.speedup), ""
    if m.speedup_range is not None and m.speedup_range.low < m.speedup_range.high:
        middle, ends = measured_range(m.speedup_range.low, m.speedup, m.speedup_range.high)
        span = f" ({ends})"
    what = "as many requests a second as" if report.requests_per_second is not None else "as fast as"
    return f"{middle}{span} {what} plain sequential code"


def _used(report: ValidationReport, *, lost: bool) -> str:
    """`Threads on Python 3.14, 16 workers`: the winner, if what was recommended lost to it."""
    approach, interpreter = _to_use(report, lost=lost)
    m = measurement_of(report, approach, interpreter)
    if m is None:
        return str(approach or report.recommended)
    pool = f", {m.workers:,} workers" if m.workers > 1 else ""
    instead = f", not {report.recommended}, which was recommended" if lost else ""
    return f"{named(m.title, m.approach)} on Python {m.interpreter}{pool}{instead}"


# What was measured ----------------------------------------------------------------------------------------------------


def _measured_sections(report: ValidationReport) -> list[Section]:
    """Predicted against measured, then each approach, a growing pool, memory, latency, workers."""
    predicted: list[Block] = [*figures.predicted_and_measured(report)]
    predicted += [block for section in predicted_sections(report) for block in section.blocks]
    scaling = [block for section in scalability_sections(report) for block in section.blocks]
    sections: list[tuple[str, Sequence[Block]]] = [
        ("Measured against predicted", predicted),
        ("Each approach and Python", [*figures.time_bars(report), *measurement_blocks(report)]),
        ("Scaling", [*figures.scaling_curve(report), *scaling] if scaling else []),
        ("Memory", [*figures.memory_bars(report)]),
        ("Latency", [*figures.latency_bars(report)]),
        ("Who worked when", timeline_blocks(report)),
    ]
    return [Section(title, tuple(blocks)) for title, blocks in sections if blocks]


def _how_measured(report: ValidationReport) -> Section:
    """The warnings first, then how it was done."""
    warnings = (Paragraph("Mind:"), bullets(*report.warnings)) if report.warnings else ()
    facts = Fields((*requirement_pairs(report), *how_measured(report)))
    return Section("How it was measured", (*warnings, facts))


def _found_sections(report: MeasureReport) -> list[Section]:
    """What to mind, then each field with its evidence, then what could not be measured."""
    told = [*(f"Problem: {problem.text}" for problem in report.problems), *report.notes]
    sections = [Section("What to know about it", (bullets(*told),))] if told else []
    sections.append(found_section(report))
    return [*sections, *([unknown_section(report)] if report.unknown else [])]


# What was predicted and decided ---------------------------------------------------------------------------------------


def _predicted(result: Recommendation, explanation: Explanation) -> list[Section]:
    known = figures.expected_of_all(result, explanation)
    speed = figures.speedup_bars(known)
    memory = figures.predicted_memory_bars(known, result.profile.memory_budget_mb)
    sections = [Section("What is predicted for each approach", (*speed, predictions_table(explanation)))]
    return [*sections, *([Section("Predicted memory", tuple(memory))] if memory else [])]


def _turning(result: Recommendation, explanation: Explanation) -> list[Section]:
    """Where the answer would be another one."""
    lines = changes_of(result)
    blocks: Sequence[Block] = (*map(bands_of, explanation.crossovers), *((bullets(*lines),) if lines else ()))
    return [Section("Where the answer would change", tuple(blocks))] if blocks else []


def _decided(result: Recommendation) -> list[Section]:
    """Each table that was asked, the row that answered, and its reason."""
    steps = []
    for reason in result.reasons:
        table, _, row = reason.rule.partition("/")
        steps.append((_TABLES.get(table, table), row, reason.text))
    return [Section("How it was decided", (Path((*steps, ("Answer", approach_text(result), ""))),))]


def _others(result: Recommendation) -> list[Section]:
    items = tuple((alternative_title(a), a.tradeoffs) for a in result.alternatives)
    return [*([Section("Alternatives", (Bullets(items, numbered=True),))] if items else []), *turns_sections(result)]


def _first_steps(result: Recommendation) -> list[Section]:
    guide = guide_command(result)
    if guide is None:
        return []
    rest = Paragraph(f"All of them, with code, pitfalls and the way back: {guide}")
    return [Section("The first steps to get there", (bullets(*result.migration.steps, numbered=True), rest))]


def _figures_rest_on(result: Recommendation) -> Section:
    python = python_text(result)
    return Section("The recommendation in full", (answer_fields(result, python, (), whole=True),))
