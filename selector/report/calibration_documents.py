"""What a calibration found, as a document: each cost under each Python, with the range in which it was met."""

from __future__ import annotations

from collections.abc import Sequence

from selector.cost.calibrate import Calibration, InterpreterCosts
from selector.report.document import Block, Document, Fields, Paragraph, Section, Table, bullets
from selector.validation.folding import Fold


def calibration_document(found: Calibration) -> Document:
    """The machine, the costs side by side, and what to bear in mind."""
    machine = Fields(
        (("CPU", found.cpu_model or "unknown"), ("Usable CPUs", str(found.cpus)), ("System", found.system))
    )
    names = dict.fromkeys(name for python in found.interpreters for name in python.costs)
    header = ("cost", *(column for python in found.interpreters for column in (f"Python {python.version}", "range")))
    rows = tuple((name, *(cell for python in found.interpreters for cell in _cells(python, name))) for name in names)
    blocks: list[Block] = [machine, Table(header, rows, "l" + "rl" * len(found.interpreters))]
    sections = [Section("What concurrency costs here", tuple(blocks))]
    notes = [note for python in found.interpreters for note in _notes(python)]
    if notes:
        sections.append(Section("Warnings", (bullets(*notes),)))
    return Document(tuple(sections))


def folds_document(changed: Sequence[Fold]) -> Document:
    """Which costs a benchmark corrected, and why."""
    if not changed:
        nothing = "No cost makes up enough of a time that was predicted wrong: nothing was changed."
        return Document((Section("What was measured", (Paragraph(nothing),)),))
    rows = tuple((f.interpreter, f.cost, f"{f.before:.3g}", f"{f.after:.3g}", f.why) for f in changed)
    table = Table(("Python", "cost", "before", "now", "because"), rows, "llrrl")
    return Document((Section("Costs corrected by what was measured", (table,)),))


def _cells(python: InterpreterCosts, name: str) -> tuple[str, str]:
    cost = python.costs.get(name)
    return (f"{cost.value:.3g}", f"{cost.low:.3g} to {cost.high:.3g}") if cost else ("-", "")


def _notes(python: InterpreterCosts) -> list[str]:
    noisy = f"{python.noise:.0%} of the time was lost to other programs: close them and use --force to measure again"
    return [f"Python {python.tag}: {note}" for note in ([noisy] if python.noisy else []) + list(python.warnings)]
