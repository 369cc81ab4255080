"""What measuring a function found, as a document: the advice, every field with its evidence, the answer, what is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selector.measure.models import Evidence, MeasureReport
from selector.report.blocks import Block, Bullets, Code, Document, Fields, Paragraph, Section, Table, bullets
from selector.report.recommendation import recommendation_document
from selector.report.summary import Command, summary_section
from selector.text import number, value_words
from selector.workload.fields import accepted

_EXAMPLES = {
    "latency_requirement_ms": "what one task may take at most, in ms",
    "memory_budget_mb": "memory for the whole process tree, in MB",
}


def measure_document(report: MeasureReport, validate: str, *, whole: bool = True) -> Document:
    """What was found, what it recommends (a summary, or the whole of it), and what is still unknown.

    `validate` is the command that proves it.
    """
    return Document((*_found(report), *_recommended(report, validate, whole=whole), *_left(report, validate)))


def answer_first(report: MeasureReport, validate: str) -> Document:
    """The same with the answer before what it rests on, as a page has it."""
    return Document((*_recommended(report, validate, whole=True), *_found(report), *_left(report, validate)))


def _found(report: MeasureReport) -> list[Section]:
    told = [*report.notes, *(f"Problem: {problem.text}" for problem in report.problems)]
    return [found_section(report), *([Section("What to know about it", (bullets(*told),))] if told else [])]


def _recommended(report: MeasureReport, validate: str, *, whole: bool) -> Sequence[Section]:
    if report.recommendation is None:
        return ()
    command = Command(validate, "the command at the end")
    if whole:
        return recommendation_document(report.recommendation, validate=command).sections
    return (summary_section(report.recommendation, command),)


def _left(report: MeasureReport, validate: str) -> Iterator[Section]:
    """What is unknown, and the proof."""
    if report.unknown:
        yield unknown_section(report)
    if report.recommendation is not None:
        yield Section("To prove it on the function itself", (Code(validate, "bash"),))


def found_section(report: MeasureReport) -> Section:
    """Where it was measured, and a row for each field."""
    pairs = [("Function", report.target), ("Items", report.items or "none"), ("Python", report.python)]
    pairs.append(("Measured", f"{number(report.calls)} calls in {report.seconds:g} s"))
    failed = [f"{each.tag} ({each.why})" for each in report.tried if not each.imports]
    blocks: list[Block] = [Fields(tuple(pairs))]
    rows = tuple((name, _value(each), _sure(each), each.how) for name, each in report.evidence.items())
    blocks.append(Table(("field", "value", "how sure", "how"), rows, align="llll"))
    if failed:
        blocks += [Paragraph("It does not run under:"), Bullets(tuple((why, ()) for why in failed))]
    return Section("What was found", tuple(blocks))


def _value(evidence: Evidence) -> str:
    return value_words(evidence.value)


def _sure(evidence: Evidence) -> str:
    """How it is known, and the range of a figure that is not sure."""
    if evidence.low is None or evidence.high is None:
        return evidence.basis
    return f"{number(evidence.low)} to {number(evidence.high)}"


def unknown_section(report: MeasureReport) -> Section:
    """What could not be measured, and how to give it."""
    items = [f"--set {name}=...: {_EXAMPLES.get(name, accepted(name))}" for name in report.unknown]
    text = "The answer may change with these, which measuring did not find. Give what you know:"
    return Section("What could not be measured", (Paragraph(text), bullets(*items)))
