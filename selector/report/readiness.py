"""Which dependencies stand in the way, as a document: what blocks, every package, the loop, and whether it matters."""

from __future__ import annotations

from selector.readiness.models import DepsReport, PackageReadiness, Readiness
from selector.readiness.verdicts import named
from selector.report.blocks import Block, Bullets, Document, Fields, Paragraph, Section, Table, bullets
from selector.text import counted, measured_duration, measured_memory, sentence

_WORDS = {
    "ready": "ready",
    "gil": "GIL on",
    "not_installable": "no wheel",
    "fails": "fails",
    "unknown": "unknown",
}
_BLOCKED = ("gil", "not_installable", "fails")
_SETTINGS: dict[Readiness, str] = {"free_threading_ready": "Free threads", "subinterpreter_ready": "Subinterpreters"}


def readiness_document(report: DepsReport) -> Document:
    """What was found, the obstacles first."""
    sections = [_summary(report)]
    if blocked := _obstacles(report):
        sections.append(Section("What stands in the way", (Bullets(tuple(blocked)),)))
    sections.append(_packages(report))
    if stay := _unpicklable(report):
        sections.append(Section("For processes and subinterpreters", (bullets(*stay),)))
    if report.loop or report.loop_checked_by is not None:
        sections.append(_loop(report))
    if report.worth:
        sections.append(Section("Is it worth it", (bullets(*(gain.text for gain in report.worth)),)))
    if report.notes:
        sections.append(Section("To know", (bullets(*map(sentence, report.notes)),)))
    return Document(tuple(sections))


def _summary(report: DepsReport) -> Section:
    """Where it was looked, and the three answers."""
    pythons = ", ".join(f"{tag} ({path})" for tag, path in report.interpreters.items())
    pairs = [("Packages", f"{len(report.packages)}, of {report.source}"), ("Pythons", pythons)]
    for field, title in _SETTINGS.items():
        known = report.settings.get(field)
        word = "unknown" if known is None else "ready" if known else "not ready"
        why = report.why.get(field) or _why_unknown(report, field)
        pairs.append((title, f"{word}{f': {why}' if why else ''}"))
    if report.loop_checked_by is None:
        pairs.append(("Event loop", "not looked at"))
    else:
        blocking = counted(len(report.loop), "blocking call")
        pairs.append(("Event loop", f"{blocking if report.loop else 'no blocking call'} found in async def"))
    return Section("Dependencies", (Fields(tuple(pairs)),))


def _why_unknown(report: DepsReport, field: Readiness) -> str:
    """How much is known of what is not known as a whole."""
    if field in report.settings or not report.packages:
        return ""
    if field == "subinterpreter_ready":
        open_ones = [p for p in report.packages if p.subinterpreters.status == "unknown"]
        return f"{len(open_ones)} of {counted(len(report.packages), 'package')} could not be tried"
    tags = [tag for tag in report.interpreters if tag.endswith("t")]
    if not tags:
        return "there is no free-threaded build to try it in"
    open_ones = [p for p in report.packages if tags[0] in p.builds and p.builds[tags[0]].status == "unknown"]
    are = "is" if len(open_ones) == 1 else "are"
    return f"{len(open_ones)} of {counted(len(report.packages), 'package')} {are} not known under {tags[0]}"


def _obstacles(report: DepsReport) -> list[tuple[str, tuple[str, ...]]]:
    """The guilty packages, each once, with the chains that lead to it and what is wrong; those that need them are not told again."""
    found = []
    for package in report.packages:
        told = [
            sentence(f"{tag}: {build.reason}")
            for tag, build in package.builds.items()
            if build.status in _BLOCKED and build.package in (None, package.name)
        ]
        apart = package.subinterpreters
        if apart.status == "fails" and apart.package in (None, package.name) and not _same(package):
            told.append(sentence(f"Subinterpreters ({apart.build}): {apart.reason}"))
        if told:
            chain = f"Needed by: {' -> '.join(package.chain)}" if len(package.chain) > 1 else "Needed directly."
            fixed = f"First version with a wheel: {package.fixed_in}." if package.fixed_in else ""
            points = [chain, *told, *([fixed] if fixed else [])]
            version = f" {package.version}" if package.version else ""
            found.append((f"{package.name}{version}", tuple(points)))
    return found


def _same(package: PackageReadiness) -> bool:
    """Whether the subinterpreters fail for what fails outside of them, too."""
    build = package.builds.get(package.subinterpreters.build or "")
    return build is not None and build.status == "fails"


def _packages(report: DepsReport) -> Section:
    """A row for each package."""
    tags = list(report.interpreters)
    header = ("package", "version", *tags, "subinterpreters", "import", "memory")
    rows = []
    for package in report.packages:
        first = next((b for b in package.builds.values() if b.import_ms is not None), None)
        took = "" if first is None or first.import_ms is None else measured_duration(first.import_ms / 1000)
        memory = "" if first is None or first.memory_mb is None else measured_memory(first.memory_mb)
        states = [_state(package, tag) for tag in tags]
        rows.append((package.name, package.version or "", *states, package.subinterpreters.status, took, memory))
    blocks: list[Block] = [Table(header, tuple(rows), "l" * len(header), ("memory", "import"))]
    if not rows:
        blocks = [Paragraph("Nothing is required.")]
    elif any(build.status == "unknown" for package in report.packages for build in package.builds.values()):
        told = "Unknown is what could not be tried: install it for that Python, and name that by --interpreter PATH."
        blocks += [Paragraph(told), *([bullets(*wheels)] if (wheels := _wheels(report)) else [])]
    return Section("Packages", tuple(blocks))


def _wheels(report: DepsReport) -> list[str]:
    """Under each build, of which unknown packages a wheel fits and of which none does, as far as that is known."""
    told = []
    for tag in report.interpreters:
        unknown = [(p.name, b) for p in report.packages if (b := p.builds.get(tag)) and b.status == "unknown"]
        fits, not_one = ([name for name, build in unknown if build.wheel is known] for known in (True, False))
        of = [f"a wheel fits of {named(fits)}"] if fits else []
        of += [f"none does of {named(not_one)}" if fits else f"no wheel fits of {named(not_one)}"] if not_one else []
        told += [f"{tag}: {', '.join(of)}."] if of else []
    return told


def _state(package: PackageReadiness, tag: str) -> str:
    """A cell: how it is under a build, and the version there if it is another; empty where it is not needed there."""
    build = package.builds.get(tag)
    if build is None:
        return ""
    other = build.installed is not None and package.version is not None and build.installed != package.version
    return _WORDS[build.status] + (f" ({build.installed})" if other else "")


def _unpicklable(report: DepsReport) -> list[str]:
    """Of each package, what cannot be sent to a worker, under the first build of which there is something to say."""
    seen = {
        package.name: next((build.unpicklable for build in package.builds.values() if build.unpicklable), ())
        for package in report.packages
    }
    return [
        f"{name}: instances of {named(list(classes))} cannot be pickled: make them in the worker."
        for name, classes in seen.items()
        if classes
    ]


def _loop(report: DepsReport) -> Section:
    """The blocking calls, with what to do instead."""
    if not report.loop:
        told = f"{report.loop_checked_by} finds no blocking call inside async def."
        return Section("The event loop", (Paragraph(f"{told} It does not see calls one function further down."),))
    items = [(f"{each.file}:{each.line} ({each.rule}): {each.text}", (each.remedy,)) for each in report.loop]
    return Section("Calls that block the event loop", (Bullets(tuple(items)),))
