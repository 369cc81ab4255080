"""A system of several parts as a document: drawn, part by part, joint by joint; and what its skeleton measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selector.recommend.facts import EXPERIMENTAL_FREE_THREADING
from selector.report.blocks import Block, Bullets, Code, Document, Fields, Paragraph, Section, Table, bullets
from selector.report.recommendation import recommendation_document
from selector.system.diagram import KIND_NAMES, drawing, rate
from selector.system.models import Joint, Process, SystemRecommendation
from selector.system.verdict import PartMeasured, SystemReport
from selector.text import duration, listed, measured_times, memory, number, one_line, percent, significant, some

_NAME = 30  # characters of a name in a table


def system_document(result: SystemRecommendation, command: str | None, *, form: str, whole: bool) -> Document:
    """The answer to a system: drawn (for Markdown as Mermaid), its parts, its joints; `whole` adds each part's own answer.

    `command` puts it to the test.
    """
    picture = Code(result.diagram, "mermaid") if form == "markdown" else Code(_drawn(result), "text")
    title = f"System: {one_line(result.name, 60)}" if result.name else "System"
    command_pair = [("Next", command)] if command is not None else []
    facts = (*pace_facts(result), *process_facts(result), *fit_facts(result), *command_pair)
    head = Section(title, (picture, Fields(facts)))
    sections = [head, Section("Parts", (parts_table(result), shares_list(result)))]
    if result.joints:
        sections.append(Section("Joints", (joints_list(result.joints),)))
    return Document((*sections, *(sections_of_parts(result) if whole else ())))


def sections_of_parts(result: SystemRecommendation) -> Iterator[Section]:
    """The whole recommendation of each part."""
    for part in result.parts:
        own = recommendation_document(part).sections
        yield from (Section(f"{short(part.name)}: {section.title}", section.blocks) for section in own)


def joints_list(joints: Sequence[Joint]) -> Bullets:
    """The joints, those of one kind together, as they have one reason."""
    kinds = dict.fromkeys((joint.kind, joint.why) for joint in joints)
    items = []
    for kind, why in kinds:
        alike = [joint for joint in joints if (joint.kind, joint.why) == (kind, why)]
        points = tuple(
            f"{short(j.from_part)} -> {short(j.to)}{f': {j.bound_why}' if j.bound_why else ''}" for j in alike
        )
        items.append((f"{KIND_NAMES[kind]}: {why}", points))
    return Bullets(tuple(items))


def _drawn(result: SystemRecommendation) -> str:
    return drawing(result.parts, result.joints, result.bottleneck)


def short(name: str) -> str:
    """A name as a table has room for it."""
    return one_line(name, _NAME)


def pace_facts(result: SystemRecommendation) -> Iterator[tuple[str, str]]:
    """What holds the system up, and how fast it is."""
    expected = result.expected
    yield "Bottleneck", _bottleneck(result)
    if expected.saturation_per_s is not None:
        yield "Throughput", _throughput(result)
    if expected.seconds is not None:
        yield "Expected time", duration(expected.seconds)


def process_facts(result: SystemRecommendation) -> Iterator[tuple[str, str]]:
    """Which parts are in which process."""
    for place, process in enumerate(result.processes):
        yield ("Processes", "")[place > 0], _process(process)


def fit_facts(result: SystemRecommendation) -> Iterator[tuple[str, str]]:
    """Whether it meets what is asked for."""
    if result.expected.memory_mb is not None:
        yield "Memory", _memory(result)
    words = {True: "yes", False: "no", None: "not known"}
    if result.fits.throughput is not None:
        yield "Keeps up", words[result.fits.throughput]


def _process(process: Process) -> str:
    """`api and clean on Python 3.14; api and store share one loop`."""
    experimental = " (an experimental build)" if process.python in EXPERIMENTAL_FREE_THREADING else ""
    python = f" on Python {process.python}{experimental}" if process.python else ""
    loop = f"; {listed([short(name) for name in process.on_one_loop])} share one loop" if process.on_one_loop else ""
    return f"{listed([short(name) for name in process.parts])}{python}{loop}"


def _bottleneck(result: SystemRecommendation) -> str:
    if result.bottleneck is None:
        named = some([short_field(field) for field in result.unknown], 4)
        return f"not known, as {named} is not given" if named else "not known: a GPU, or a cluster, is not predicted"
    return f"{short(result.bottleneck)}: the limit is {result.expected.limited_by}"


def short_field(field: str) -> str:
    """`PART.FIELD` with a short name."""
    part, _, name = field.rpartition(".")
    return f"{short(part)}.{name}"


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


def parts_table(result: SystemRecommendation) -> Table:
    """Each part with its approach, its share and its pace."""
    rows = []
    for part in result.parts:
        workers = f"{part.workers:,}" if part.workers > 1 else ""
        share = part.share.memory_mb
        rows.append(
            (
                short(part.name),
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


def shares_list(result: SystemRecommendation) -> Block:
    """Why each part has its share."""
    return bullets(*(f"{short(part.name)}: {part.share.why}" for part in result.parts))


def systems_section(entries: Sequence[tuple[str, SystemRecommendation]]) -> Section:
    """The systems that ship, with the approach of each part and the bottleneck."""
    items = []
    for stem, result in entries:
        parts = ", ".join(f"{short(part.name)} {part.approach}" for part in result.parts)
        items.append((f"{stem}: {parts}", (f"The bottleneck is {result.bottleneck}." if result.bottleneck else "",)))
    return Section("Example systems of several parts", (Bullets(tuple(items)),))


# What was measured ----------------------------------------------------------------------------------------------------


def trial_document(report: SystemReport) -> Document:
    """The verdict, predicted beside measured for each part and the whole, and what to bear in mind."""
    facts = [("Verdict", f"{report.verdict}: {report.reason}"), ("Python", report.python)]
    if report.bottleneck_measured is not None:
        predicted = short(report.bottleneck_predicted) if report.bottleneck_predicted is not None else "not known"
        facts.append(("Bottleneck", f"predicted {predicted}, measured {short(report.bottleneck_measured)}"))
    facts.append(("Whole", beside(report.saturation_predicted_per_s, report.saturation_measured_per_s)))
    title = f"System: {one_line(report.name, 60)}" if report.name else "System"
    sections = [
        Section(title, (Fields(tuple(facts)),)),
        Section("Predicted and measured", (measured_table(report), LEGEND)),
    ]
    notes = [*report.warnings, *(failed(part) for part in report.parts if part.errors)]
    if notes:
        sections.append(Section("To bear in mind", (bullets(*notes),)))
    return Document(tuple(sections))


LEGEND = Paragraph(
    "Items a second, with as many to do as a part takes: alone, then in the whole. A part is busy that works on as many"
    " items as it can at a time; the busiest one is the bottleneck."
)


def failed(part: PartMeasured) -> str:
    """How many items failed, and what the last of them said."""
    return f"{short(part.name)} failed on {part.errors:,} items: {one_line(part.last_error, 100)}"


def beside(predicted: float | None, measured: float | None) -> str:
    """`predicted 60/s, measured 57/s (0.95x)`."""
    said = "nothing predicted" if predicted is None else f"predicted {rate(predicted)}"
    if measured is None:
        return f"{said}, nothing measured"
    ratio = f" ({measured_times(measured / predicted)})" if predicted else ""
    return f"{said}, measured {_figure(measured)}/s{ratio}"


def _figure(value: float | None, digits: int = 3) -> str:
    return "" if value is None else number(significant(value, digits))


def measured_table(report: SystemReport) -> Table:
    """Each part alone and in the whole, predicted and measured."""
    rows = []
    for part in report.parts:
        predicted, measured = part.alone_predicted_per_s, part.alone_measured_per_s
        ratio = measured_times(measured / predicted) if predicted and measured is not None else ""
        rows.append(
            (
                short(part.name),
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
