"""What a calibration found, as a document: each cost under each Python with its range, how sure that is, what it changes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from selector.calibration.models import AnswerChanges, Calibration, InterpreterCosts
from selector.models import Frozen
from selector.report.blocks import Block, Bullets, Document, Fields, Paragraph, Section, Table
from selector.text import printable
from selector.validation.learning import Fold

_DISTURBED = 0.15  # of the measurements: from there on it is worth a word


def calibration_document(found: Calibration) -> Document:
    """The machine, the costs side by side, and, what matters to people, last: how sure they are and what they change."""
    machine = [("CPU", found.cpu_model or "unknown"), ("Usable CPUs", str(found.cpus)), ("System", found.system)]
    machine += [(f"Python {python.tag}", _origin(found, python)) for python in found.interpreters]
    names = dict.fromkeys(name for python in found.interpreters for name in python.costs)
    header = ("cost", *(column for python in found.interpreters for column in (f"Python {python.version}", "range")))
    rows = tuple((name, *(cell for python in found.interpreters for cell in _cells(python, name))) for name in names)
    blocks: list[Block] = [Fields(tuple(machine)), Table(header, rows, "l" + "rl" * len(found.interpreters))]
    sections = [Section("What concurrency costs here", tuple(blocks))]
    sections.append(Section("How sure that is", (_sure(found),)))
    if found.answers is not None:
        sections.append(_changes(found.answers))
    return Document(tuple(sections))


class Learned(Frozen):
    """Which costs a benchmark corrected, and what that changes."""

    schema_version: Literal[1] = Field(1, alias="schema")
    changed: tuple[Fold, ...]
    answers: AnswerChanges


def learned_document(learned: Learned) -> Document:
    """The same as a document."""
    if not learned.changed:
        nothing = (
            "Nothing was changed: of the costs that are known well, none makes up enough of a time that was predicted"
            " wrong and measured at least three times."
        )
        return Document((Section("What was measured", (Paragraph(nothing),)),))
    rows = tuple((f.interpreter, f.cost, f"{f.before:.3g}", f"{f.after:.3g}", f.why) for f in learned.changed)
    table = Table(("Python", "cost", "before", "now", "because"), rows, "llrrl")
    return Document((Section("Costs corrected by what was measured", (table,)), _changes(learned.answers)))


def _origin(found: Calibration, python: InterpreterCosts) -> str:
    """Where the figures of one Python come from."""
    day = f"{python.measured_at:%Y-%m-%d}"
    if python.tag in found.kept:
        return f"{python.version}, kept since {day}: nothing was measured now, --force measures again"
    return f"{python.version}, measured on {day} in {python.seconds:.0f} s"


def _cells(python: InterpreterCosts, name: str) -> tuple[str, str]:
    """The figure and its range, or that it is not used; why would not fit here, JSON has it."""
    cost = python.costs.get(name)
    if cost is None:
        return "-", ""
    if cost.quality == "noisy":
        return f"{cost.value:.3g}", "noisy: not used"
    return f"{cost.value:.3g}", f"{cost.low:.3g} to {cost.high:.3g}"


def _sure(found: Calibration) -> Bullets:
    """For each Python: how many of its costs can be used, which not, and what stood in the way."""
    return Bullets(tuple((_counted(python), tuple(_notes(python))) for python in found.interpreters))


def _counted(python: InterpreterCosts) -> str:
    total, noisy = len(python.costs), len(python.noisy)
    return f"Python {python.tag}: {f'{total - noisy} of' if noisy else 'all'} {total} costs were measured well."


def _notes(python: InterpreterCosts) -> list[str]:
    corrected = [
        f"{name} was corrected ({c.note})" for name, c in python.costs.items() if c.quality == "usable" and c.note
    ]
    busy = f"other programs disturbed {python.noise:.0%} of the measurements: close them, then `calibrate --force`"
    disturbed = [busy] if python.noisy and python.noise > _DISTURBED else []
    return [printable(note) for note in (*disturbed, *python.warnings, *corrected)]


def _changes(answers: AnswerChanges) -> Section:
    """Which of the examples get another answer."""
    if not answers.changed:
        text = f"None of the {answers.examples} examples that ship gets another answer."
        return Section("What that changes", (Paragraph(text),))
    changed = tuple((f"{each.example}: {each.before} -> {each.now}", ()) for each in answers.changed)
    verb = "gets" if len(changed) == 1 else "get"
    text = f"{len(changed)} of the {answers.examples} examples that ship {verb} another answer:"
    return Section("What that changes", (Paragraph(text), Bullets(changed)))
