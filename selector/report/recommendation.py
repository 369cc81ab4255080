"""A recommendation as a document, with its explanation where one is asked for; and the examples, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from selector.recommend.explain import Crossover, Explanation, RowReport, TableReport
from selector.recommend.recommendation import InputChange, Reason, Recommendation
from selector.report.blocks import Bands, Block, Bullets, Code, Document, Fields, Paragraph, Section, Table, bullets
from selector.report.figures import expected_of_all, speedup_bars
from selector.report.summary import Command, answer_fields, summary_section
from selector.report.turns import turns_sections
from selector.report.wording import alternative_title, first_eligible, guide_command, python_text
from selector.text import duration, memory, number, significant, times, value_words

_MOST_CHANGES = 6
_COUNTED = 100  # counts below that are not rounded
_BESIDE = 0.05  # so near to what is given, two digits may not tell which side of it is meant
_GROUP = 4  # rows of a table that one value keeps out, from which on they are told together


def recommendation_document(
    result: Recommendation,
    explanation: Explanation | None = None,
    *,
    validate: Command | None = None,
    measured: bool = False,
) -> Document:
    """The answer first, then the alternatives, what would change it, and (if asked) every row of every table.

    With `validate`, the command that puts it to the test, a summary stands above it all; `measured` says that it was.
    """
    sections = [summary_section(result, validate, measured=measured)] if validate is not None else []
    sections.append(_answer(result, explained=explanation is not None))
    if result.alternatives:
        items = tuple((alternative_title(a), a.tradeoffs) for a in result.alternatives)
        bars = speedup_bars(expected_of_all(result, explanation))
        sections.append(Section("Alternatives", (Bullets(items, numbered=True), *bars)))
    sections += turns_sections(result)
    if result.would_change:
        lines = _changes(result, exactly=explanation is not None)
        sections.append(Section("What would change the answer", (bullets(*lines),)))
    if explanation is not None:
        sections += explained_sections(explanation)
    return Document(tuple(sections))


def _answer(result: Recommendation, *, explained: bool) -> Section:
    instead = " (or take the first alternative)" if not result.runs_here.available and first_eligible(result) else ""
    python = f"{python_text(result)}{instead if result.interpreter else ''}"
    reasons = (_reason(reason, with_rule=explained) for reason in result.reasons)
    blocks: list[Block] = [answer_fields(result, python, reasons, whole=True)]
    if guide := guide_command(result):
        blocks += [Paragraph("First steps:"), bullets(*result.migration.steps, numbered=True)]
        blocks += [Paragraph("All of them, with code, pitfalls and the way back:"), Code(guide, "bash")]
    return Section("Recommendation", tuple(blocks))


def _reason(reason: Reason, *, with_rule: bool) -> str:
    return f"{reason.text} [{reason.rule}]" if with_rule else reason.text


def changes_of(result: Recommendation) -> list[str]:
    """What would change the answer, a line each, as the short documents tell it."""
    return _changes(result, exactly=False)


def _changes(result: Recommendation, *, exactly: bool) -> list[str]:
    """A line each; where numbers were only narrowed down, some of them, rounded, and how to see exactly where it is."""
    found = result.would_change or ()
    if exactly:
        return [_change(change, f"= {value_words(change.to)}") for change in found]
    shown = found[:_MOST_CHANGES]
    more = f"{len(found) - len(shown)} more" if len(shown) < len(found) else ""
    where = "where exactly the answer turns" if any(_is_near(change.to) for change in shown) else ""
    words = ", and ".join(filter(None, (more, where)))
    lines = [_change(change, _place(change.to, getattr(result.profile, change.input))) for change in shown]
    return [*lines, *([f"{words}: recommend --explain"] if words else [])]


def _place(to: Any, given: Any) -> str:
    """`= disk`, `near 37`, and where rounding could make it the number that is given, `just over the 229 given`."""
    if not _is_near(to):
        return f"= {value_words(to)}"
    if given is not None and abs(to - given) <= _BESIDE * given:
        return f"just {'over' if to > given else 'under'} the {number(given)} given"
    return f"near {number(significant(to, 2))}"


def _is_near(value: object) -> TypeGuard[float]:
    """Whether a value of the fast way is a number that was narrowed down to 2 %: small counts are found as they are."""
    return isinstance(value, float) or (type(value) is int and value >= _COUNTED)


def _change(change: InputChange, place: str) -> str:
    engine = f" ({change.engine})" if change.engine else ""
    return f"{change.input} {place}: {change.approach}{engine}"


def explained_sections(explanation: Explanation) -> list[Section]:
    """All predictions, where the answer turns, the facts, and the fate of every row."""
    known = tuple((name, value_words(value)) for name, value in sorted(explanation.facts.items()))
    sections = [Section("Predictions", (predictions_table(explanation),))]
    if explanation.crossovers:
        sections.append(Section("Where the answer changes", tuple(map(bands_of, explanation.crossovers))))
    sections.append(Section("Facts", (Fields(known),)))
    return sections + [_table_report(report) for report in explanation.tables]


def predictions_table(explanation: Explanation) -> Table:
    """Every approach with what is predicted for it; what is not known stays empty."""
    rows = []
    for prediction in explanation.predictions:
        e = prediction.expected
        s = e.speedup
        speed = f"{times(s.mid)} ({times(s.low)[:-1]}-{times(s.high)[:-1]})" if s else ""
        most = e.throughput if e.utilisation is None else e.saturation_per_s  # all that keep up do what arrives
        rate = f"{number(significant(most, 2))}/s" if most is not None else ""
        time = duration(e.seconds) if e.seconds is not None else rate
        latency = duration(e.latency_ms / 1000) if e.latency_ms is not None else ""
        used = memory(e.memory_mb) if e.memory_mb is not None else ""
        pool = f" x{prediction.workers}" if prediction.workers > 1 else ""
        several = f"{prediction.processes} x " if prediction.processes > 1 else ""
        rows.append((f"{several}{prediction.approach}{pool}", time, speed, latency, used, e.dominant or ""))
    return Table(("approach x workers", "time", "speedup", "latency", "memory", "mostly"), tuple(rows), "lrrrrl")


def bands_of(crossover: Crossover) -> Bands:
    """The answers along one input."""
    now = "unknown" if crossover.current is None else number(crossover.current)
    stretches = tuple(
        (s.low, s.high, f"{s.approach} ({s.engine})" if s.engine else s.approach) for s in crossover.spans
    )
    return Bands(f"{crossover.input} (now {now})", crossover.current, stretches)


def _table_report(report: TableReport) -> Section:
    """What each row did; rows that one value keeps out are told together, so that the others can be found."""
    about = f" for {report.approach}" if report.approach else ""
    kept_out: dict[tuple[str | None, object], list[RowReport]] = {}
    for row in report.rows:
        if not row.matched:
            kept_out.setdefault((row.input, row.value), []).append(row)
    rows = []
    for row in report.rows:
        group = kept_out.get((row.input, row.value), []) if not row.matched else []
        if row.fired:
            rows.append((row.rule, "fired", row.because))
        elif row.matched:
            rows.append((row.rule, "matched", "an earlier or better row won"))
        elif len(group) < _GROUP:
            rows.append((row.rule, "no", f"{row.input} is {_seen(row.value)}, needs {row.cell}"))
        elif row is group[0]:
            needs = ", ".join(dict.fromkeys(str(other.cell) for other in group))
            rows.append(
                (f"{row.rule} and {len(group) - 1} more", "no", f"{row.input} is {_seen(row.value)}, needs {needs}")
            )
    return Section(f"Table {report.table}{about}", (Table(("row", "fate", "why"), tuple(rows)),))


def _seen(value: bool | float | str | None) -> str:
    return "unknown" if value is None else value_words(value)


def examples_document(entries: Sequence[tuple[str, Recommendation]]) -> Document:
    """The example workloads with the approach the tables give and the row that gave it."""
    items = tuple((f"{stem}: {r.approach}", (r.reasons[min(1, len(r.reasons) - 1)].text,)) for stem, r in entries)
    where = Paragraph("To start from one: concurrency-selector examples web-scraper > workload.json")
    return Document((Section("Example workloads", (Bullets(items), where)),))
