"""A system of several parts as a document: drawn, part by part, joint by joint; and what its skeleton measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selector.recommend.facts import EXPERIMENTAL_FREE_THREADING
from selector.report.blocks import Block, Bullets, Code, Document, Fields, Paragraph, Section, Table, bullets
from selector.report.recommendation import recommendation_document
from selector.system.diagram import KIND_NAMES, drawing, rate
from selector.system.models import Joint, Process, SystemRecommendation
from selector.system.verdict import PartMeasured, SystemReport
from selector.text import duration, listed, measured_times, memory, number, one_line, percent, significant

_NAME = 30  # characters of a name in a table


def system_document(result: SystemRecommendation, command: str | None, *, form: str, whole: bool) -> Document:
    """The answer to a system: drawn (for Markdown as Mermaid), its parts, its joints; `whole` adds each part's own answer.

    `command` puts it to the test.
    """
    picture = Code(result.diagram, "mermaid") if form == "markdown" else Code(_drawn(result), "text")
    title = f"System: {one_line(result.name, 60)}" if result.name else "System"
    head = Section(title, (picture, Fields(tuple(_facts(result, command)))))
    sections = [head, Section("Parts", (_parts(result), _shares(result)))]
    if result.joints:
        sections.append(Section("Joints", (_joints(result.joints),)))
    for part in result.parts if whole else ():
        own = recommendation_document(part).sections
        sections += [Section(f"{_short(part.name)}: {section.title}", section.blocks) for section in own]
    return Document(tuple(sections))


def _joints(joints: Sequence[Joint]) -> Bullets:
    """The joints, those of one kind together, as they have one reason."""
    kinds = dict.fromkeys((joint.kind, joint.why) for joint in joints)
    items = []
    for kind, why in kinds:
        alike = [joint for joint in joints if (joint.kind, joint.why) == (kind, why)]
        points = tuple(
            f"{_short(j.from_part)} -> {_short(j.to)}{f': {j.bound_why}' if j.bound_why else ''}" for j in alike
        )
        items.append((f"{KIND_NAMES[kind]}: {why}", points))
    return Bullets(tuple(items))


def _drawn(result: SystemRecommendation) -> str:
    return drawing(result.parts, result.joints, result.bottleneck)


def _short(name: str) -> str:
    return one_line(name, _NAME)


def _facts(result: SystemRecommendation, command: str | None) -> Iterator[tuple[str, str]]:
    expected, fits = result.expected, result.fits
    yield "Bottleneck", _bottleneck(result)
    if expected.saturation_per_s is not None:
        yield "Throughput", _throughput(result)
    if expected.seconds is not None:
        yield "Expected time", duration(expected.seconds)
    for place, process in enumerate(result.processes):
        yield ("Processes", "")[place > 0], _process(process)
    if expected.memory_mb is not None:
        yield "Memory", _memory(result)
    words = {True: "yes", False: "no", None: "not known"}
    if fits.throughput is not None:
        yield "Keeps up", words[fits.throughput]
    if command is not None:
        yield "Next", command


def _process(process: Process) -> str:
    """`api and clean on Python 3.14; api and store share one loop`."""
    experimental = " (an experimental build)" if process.python in EXPERIMENTAL_FREE_THREADING else ""
    python = f" on Python {process.python}{experimental}" if process.python else ""
    loop = f"; {listed([_short(name) for name in process.on_one_loop])} share one loop" if process.on_one_loop else ""
    return f"{listed([_short(name) for name in process.parts])}{python}{loop}"


def _bottleneck(result: SystemRecommendation) -> str:
    if result.bottleneck is None:
        named = listed([_short_field(field) for field in result.unknown[:4]])
        return f"not known, as {named} is not given" if named else "not known: a GPU, or a cluster, is not predicted"
    return f"{_short(result.bottleneck)}: the limit is {result.expected.limited_by}"


def _short_field(field: str) -> str:
    part, _, name = field.rpartition(".")
    return f"{_short(part)}.{name}"


def _throughput(result: SystemRecommendation) -> str:
    expected = result.expected
    most = f"at most {rate(expected.saturation_per_s or 0.0)} enter"
    if expected.utilisation is None:
        return f"{most}; the slowest part sets the pace"
    arriving = rate((expected.saturation_per_s or 0.0) * expected.utilisation)
    return f"{arriving} arrive, {most} ({percent(expected.utilisation)} of it is used)"


def _memory(result: SystemRecommendation) -> str:
    budget, needed = result.system.memory_budget_mb, result.expected.memory_mb or 0.0
    if budget is None:
        return f"{memory(needed)} for all processes"
    return f"{memory(needed)} for all processes, of {memory(budget, None)}{'' if result.fits.memory else ': too much'}"


def _parts(result: SystemRecommendation) -> Table:
    rows = []
    for part in result.parts:
        workers = f"{part.workers:,}" if part.workers > 1 else ""
        share = part.share.memory_mb
        rows.append(
            (
                _short(part.name),
                part.approach,
                workers,
                str(part.share.cpu_cores),
                memory(share) if share is not None else "",
                rate(part.most_per_s) if part.most_per_s is not None else "",
                rate(part.throughput_per_s) if part.throughput_per_s is not None else "",
            )
        )
    header = ("part", "approach", "workers", "CPUs", "memory share", "at most", "does")
    return Table(header, tuple(rows), "llrrrrr", spare=("memory share",))


def _shares(result: SystemRecommendation) -> Block:
    return bullets(*(f"{_short(part.name)}: {part.share.why}" for part in result.parts))


def systems_section(entries: Sequence[tuple[str, SystemRecommendation]]) -> Section:
    """The systems that ship, with the approach of each part and the bottleneck."""
    items = []
    for stem, result in entries:
        parts = ", ".join(f"{_short(part.name)} {part.approach}" for part in result.parts)
        items.append((f"{stem}: {parts}", (f"The bottleneck is {result.bottleneck}." if result.bottleneck else "",)))
    return Section("Example systems of several parts", (Bullets(tuple(items)),))


# What was measured ----------------------------------------------------------------------------------------------------


def trial_document(report: SystemReport) -> Document:
    """The verdict, predicted beside measured for each part and the whole, and what to bear in mind."""
    facts = [("Verdict", f"{report.verdict}: {report.reason}"), ("Python", report.python)]
    if report.bottleneck_measured is not None:
        predicted = _short(report.bottleneck_predicted) if report.bottleneck_predicted is not None else "not known"
        facts.append(("Bottleneck", f"predicted {predicted}, measured {_short(report.bottleneck_measured)}"))
    facts.append(("Whole", _beside(report.saturation_predicted_per_s, report.saturation_measured_per_s)))
    title = f"System: {one_line(report.name, 60)}" if report.name else "System"
    sections = [
        Section(title, (Fields(tuple(facts)),)),
        Section("Predicted and measured", (_measured(report), _LEGEND)),
    ]
    notes = [*report.warnings, *(_failed(part) for part in report.parts if part.errors)]
    if notes:
        sections.append(Section("To bear in mind", (bullets(*notes),)))
    return Document(tuple(sections))


_LEGEND = Paragraph(
    "Items a second, with as many to do as a part takes: alone, then in the whole. A part is busy that works on as many"
    " items as it can at a time; the busiest one is the bottleneck."
)


def _failed(part: PartMeasured) -> str:
    return f"{_short(part.name)} failed on {part.errors:,} items: {one_line(part.last_error, 100)}"


def _beside(predicted: float | None, measured: float | None) -> str:
    said = "nothing predicted" if predicted is None else f"predicted {rate(predicted)}"
    if measured is None:
        return f"{said}, nothing measured"
    ratio = f" ({measured_times(measured / predicted)})" if predicted else ""
    return f"{said}, measured {_figure(measured)}/s{ratio}"


def _figure(value: float | None, digits: int = 3) -> str:
    return "" if value is None else number(significant(value, digits))


def _measured(report: SystemReport) -> Table:
    rows = []
    for part in report.parts:
        predicted, measured = part.alone_predicted_per_s, part.alone_measured_per_s
        ratio = measured_times(measured / predicted) if predicted and measured is not None else ""
        rows.append(
            (
                _short(part.name),
                part.approach,
                _figure(predicted, 2),
                _figure(measured),
                ratio,
                _figure(part.whole_predicted_per_s, 2),
                _figure(part.whole_measured_per_s),
                "" if part.busy is None else percent(part.busy),
            )
        )
    header = (
        "part",
        "approach",
        "alone predicted",
        "alone measured",
        "ratio",
        "whole predicted",
        "whole measured",
        "busy",
    )
    return Table(header, tuple(rows), "llrrrrrr", spare=("approach",))
