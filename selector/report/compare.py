"""Several runs of `validate` side by side, as a document."""

from __future__ import annotations

from selector.report.blocks import Block, Document, Fields, Paragraph, Section, Table, bullets
from selector.report.figures import ratio_bars
from selector.report.wording import short_title
from selector.text import column_times, counted, listed, measured_duration, measured_range, one_line
from selector.validation.comparing import ArmCompared, Comparison

_NAME = 60
_OF = {
    "seconds": "the time of a run, median and 95 % interval",
    "seconds_per_task": "the time of a task, median and 95 % interval",
    "p95_seconds": "what 95 of 100 requests stay within",
}
_NOTHING = "-"


def comparison_document(found: Comparison) -> Document:
    """What has changed since the first run, in a sentence and in a table, and where the runs are not alike."""
    pairs = [("Changed", _told(found)), ("Compared", _OF[found.of])]
    pairs += [(f"Run {place}", _run(found, place)) for place in range(len(found.runs))]
    sections = [Section("Comparison", (Fields(tuple(pairs)),))]
    rows = [(_name(a, found), a.ratio.low, a.ratio.mid, a.ratio.high) for a in found.arms if a.ratio is not None]
    blocks: list[Block] = [_table(found), *ratio_bars("Against the first run", rows)]
    if not found.arms:
        blocks = [Paragraph("No approach was measured in both: there is nothing to compare.")]
    sections.append(Section("Against run 0", tuple(blocks)))
    notes = [*found.notes, *([f"Measured in one of them alone: {listed(found.left_out)}."] if found.left_out else [])]
    return Document((*sections, *([Section("Mind", (bullets(*notes),))] if notes else [])))


def _told(found: Comparison) -> str:
    """`1 slower (threads 3.14), 2 within the noise`."""
    said = []
    for change, words in (
        ("slower", "slower"),
        ("faster", "faster"),
        ("noise", "within the noise"),
        ("unknown", "not known"),
    ):
        arms = [arm for arm in found.arms if arm.change == change]
        names = f" ({listed([_name(arm, found) for arm in arms])})" if change in ("slower", "faster") and arms else ""
        said += [f"{len(arms)} {words}{names}"] if arms else []
    return ", ".join(said) or "nothing can be said"


def _run(found: Comparison, place: int) -> str:
    run = found.runs[place]
    tasks = f", {counted(run.tasks, 'task')}" if run.tasks is not None else ""
    return f"{one_line(run.source, _NAME)}: {run.verdict}, on {counted(run.cpus, 'CPU')}{tasks}"


def _name(arm: ArmCompared, found: Comparison) -> str:
    """`Threads 3.14`, `Threads 3.13 -> 3.14`; with the run where there are several."""
    python = arm.interpreters[0] if len(set(arm.interpreters)) == 1 else " -> ".join(arm.interpreters)
    return f"{short_title(arm.title)} {python}{f', run {arm.run}' if len(found.runs) > 2 else ''}"


def _table(found: Comparison) -> Table:
    rows = tuple(_row(arm, found) for arm in found.arms)
    return Table(("", "Workers", "Run 0", "Later", "Ratio", "Range", "Change"), rows, "lrrrrrl", ("Workers",))


def _row(arm: ArmCompared, found: Comparison) -> tuple[str, ...]:
    workers = " -> ".join(dict.fromkeys(map(str, arm.workers)))
    times = [_NOTHING if s is None else measured_duration(s.median) for s in arm.seconds]
    ratio, spread = _NOTHING, ""
    if arm.ratio is not None:
        ratio, spread = column_times(arm.ratio.mid), measured_range(arm.ratio.low, arm.ratio.mid, arm.ratio.high)[1]
    return (_name(arm, found), workers, *times, ratio, spread, arm.change)
