"""What each result says, as a document: recommendation, explanation, migration guide, host, tables, examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from selector.decision import DecisionTable
from selector.decision.cells import ANYTHING, Cell, cell_text
from selector.decision.table import Input, Output
from selector.host import Host, Interpreter
from selector.migration.guide import MigrationGuide
from selector.recommend.explain import Crossover, Explanation, RowReport, TableReport
from selector.recommend.recommendation import InputChange, Reason, Recommendation
from selector.report.blocks import Bands, Block, Bullets, Code, Document, Fields, Paragraph, Section, Table, bullets
from selector.report.summary import Command, summary_section
from selector.report.wording import (
    alternative_title,
    approach_text,
    basis_text,
    effort_text,
    first_eligible,
    guide_command,
    memory_basis_text,
    memory_text,
    mostly_text,
    python_text,
    requirements_text,
    speedup_text,
    throughput_text,
    time_text,
    workers_text,
)
from selector.text import MEASURED, duration, memory, number, significant, times

_MOST_CHANGES = 6
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
        sections.append(Section("Alternatives", (Bullets(items, numbered=True),)))
    if result.would_change:
        shown = result.would_change if explanation else result.would_change[:_MOST_CHANGES]
        lines = [_change(change) for change in shown]
        if len(shown) < len(result.would_change):
            lines.append(f"{len(result.would_change) - len(shown)} more: add --explain")
        sections.append(Section("What would change the answer", (bullets(*lines),)))
    if explanation is not None:
        sections += _explanation(explanation)
    return Document(tuple(sections))


def _answer(result: Recommendation, *, explained: bool) -> Section:
    expected, profile = result.expected, result.profile
    instead = " (or take the first alternative)" if not result.runs_here.available and first_eligible(result) else ""
    pairs = [
        ("Workload", profile.name or ""),
        ("Approach", approach_text(result)),
        ("Workers", workers_text(result) if result.workers > 1 else ""),
        ("Python", f"{python_text(result)}{instead if result.interpreter else ''}"),
        *((("Reasoning", "")[n > 0], _reason(reason, with_rule=explained)) for n, reason in enumerate(result.reasons)),
        ("Expected speedup", speedup_text(expected, profile)),
        ("", basis_text(expected)),
        ("Expected time", _joined(time_text(expected), mostly_text(expected)) if expected.seconds is not None else ""),
        ("Throughput", throughput_text(expected) if expected.throughput is not None else ""),
        ("Assumed", "; ".join(expected.assumed)),
        ("Memory overhead", memory_text(expected, profile)),
        ("", memory_basis_text(expected)),
        ("Requirements", requirements_text(result)),
        ("Migration effort", effort_text(result)),
    ]
    blocks: list[Block] = [Fields(tuple(pair for pair in pairs if pair[1]))]
    if guide := guide_command(result):
        blocks += [Paragraph("First steps:"), bullets(*result.migration.steps, numbered=True)]
        blocks += [Paragraph("All of them, with code, pitfalls and the way back:"), Code(guide, "bash")]
    return Section("Recommendation", tuple(blocks))


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _reason(reason: Reason, *, with_rule: bool) -> str:
    return f"{reason.text} [{reason.rule}]" if with_rule else reason.text


def _change(change: InputChange) -> str:
    value = ", ".join(change.to) if isinstance(change.to, tuple) else _told(change.to)
    engine = f" ({change.engine})" if change.engine else ""
    return f"{change.input} = {value}: {change.approach}{engine}"


def _value(value: bool | float | str | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _told(value: bool | float | str | None) -> str:
    """A value for people, with separators; `_value` is what a table's cell says."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _value(value)
    return number(value if value == int(value) else significant(value, 6))


def _explanation(explanation: Explanation) -> list[Section]:
    known = tuple((name, _told(value)) for name, value in sorted(explanation.facts.items()))
    sections = [Section("Predictions", (_predictions(explanation),))]
    if explanation.crossovers:
        sections.append(Section("Where the answer changes", tuple(map(_bands, explanation.crossovers))))
    sections.append(Section("Facts", (Fields(known),)))
    return sections + [_table_report(report) for report in explanation.tables]


def _predictions(explanation: Explanation) -> Table:
    """Every approach with what is predicted for it; what is not known stays empty."""
    rows = []
    for prediction in explanation.predictions:
        e = prediction.expected
        s = e.speedup
        speed = f"{times(s.mid)} ({times(s.low)[:-1]}-{times(s.high)[:-1]})" if s else ""
        rate = f"{number(significant(e.throughput, 2))}/s" if e.throughput is not None else ""
        time = duration(e.seconds) if e.seconds is not None else rate
        latency = duration(e.latency_ms / 1000) if e.latency_ms is not None else ""
        used = memory(e.memory_mb) if e.memory_mb is not None else ""
        pool = f" x{prediction.workers}" if prediction.workers > 1 else ""
        rows.append((f"{prediction.approach}{pool}", time, speed, latency, used, e.dominant or ""))
    return Table(("approach x workers", "time", "speedup", "latency", "memory", "mostly"), tuple(rows), "lrrrrl")


def _bands(crossover: Crossover) -> Bands:
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
    return "unknown" if value is None else _told(value)


def migration_document(guide: MigrationGuide) -> Document:
    """The whole guide from one approach to another."""
    title = f"From {guide.from_title} to {guide.to_title}"
    effort = Fields((("Effort", guide.effort.capitalize()), ("Why", guide.effort_reason)))
    if guide.effort == "none":
        return Document((Section(title, (effort, bullets(*guide.steps))),))
    head = Section(title, (effort, *_list_if("Needs:", guide.needs)))
    sections = [head, Section("Steps", (bullets(*guide.steps, numbered=True),))]
    if guide.engines:
        rows = tuple((e.title, e.choose_when) for e in guide.engines)
        sections.append(Section("Which engine", (Table(("engine", "when"), rows),)))
    for heading, lines in (
        ("Pitfalls", guide.pitfalls),
        ("How to roll back", guide.rollback),
        ("What to measure", guide.measure),
        ("Sources", guide.sources),
    ):
        if lines:
            sections.append(Section(heading, (bullets(*lines),)))
    sections.append(Section(f"Before: {guide.from_title}", (Code(guide.before_code),)))
    sections.append(Section(f"After: {guide.to_title}", (Code(guide.after_code),)))
    return Document(tuple(sections))


def _list_if(title: str, lines: Iterable[str]) -> tuple[Block, ...]:
    found = tuple(lines)
    return (Paragraph(title), bullets(*found)) if found else ()


def host_document(host: Host) -> Document:
    """What was found on this machine."""
    cpus, ram = host.cpus, host.memory
    quota = f", quota {cpus.quota:g} from {cpus.quota_from}" if cpus.quota is not None else ", no quota"
    limit = f", limit {_ram(ram.limit_mb)}" if ram.limit_mb is not None else ", no limit"
    machine = Fields(
        (
            ("Platform", f"{host.platform} ({host.system})"),
            ("CPU", host.cpu_model or "unknown"),
            ("Usable CPUs", f"{cpus.count} (logical {cpus.logical}, affinity {cpus.affinity}{quota})"),
            ("Memory", f"{_ram(ram.usable_mb)} usable (total {_ram(ram.total_mb)}{limit})"),
            (
                "Start methods",
                f"{', '.join(host.start_methods)}; default of Python {host.python}: {host.default_start_method}",
            ),
        )
    )
    found = tuple((_interpreter_line(i), (i.path,)) for i in host.interpreters)
    interpreters: list[Block] = [Bullets(found)]
    if host.interpreter_problems:
        interpreters += [Paragraph("Left out:"), bullets(*host.interpreter_problems)]
    return Document((Section("This host", (machine,)), Section("Python interpreters", tuple(interpreters))))


def _ram(megabytes: int | None) -> str:
    return "unknown" if megabytes is None else memory(megabytes, MEASURED)


def _interpreter_line(found: Interpreter) -> str:
    build = "free-threaded build" if found.free_threaded else "standard build"
    gil = "on" if found.gil_enabled else "off"
    return f"{found.tag}: {found.implementation} {found.version}, {build}, GIL {gil} ({found.found_in})"


def tables_document(tables: Sequence[DecisionTable]) -> Document:
    """The tables in use, a line each, and the folders they come from."""
    folders = list(dict.fromkeys(str(Path(t.source).parent) for t in tables))
    many = len(folders) > 1
    rows = tuple(
        (
            t.name,
            t.hit_policy,
            str(len(t.rules)),
            *((str(folders.index(str(Path(t.source).parent)) + 1),) if many else ()),
            t.title,
        )
        for t in tables
    )
    header = ("table", "policy", "rules", *(("folder",) if many else ()), "title")
    where = bullets(*folders, numbered=many)
    return Document((Section("Decision tables", (Table(header, rows),)), Section("Folders", (where,))))


def table_document(table: DecisionTable, meanings: Mapping[str, str] | None = None) -> Document:
    """One table: inputs (with their meanings, if given), outputs, and each rule with its tests, outputs and reason."""
    policy = f"{table.hit_policy}, {table.aggregate}" if table.aggregate else table.hit_policy
    head = Fields((("Title", table.title), ("Hit policy", policy), ("File", table.source)))
    inputs = Table(
        ("input", "type", "values", *(("meaning",) if meanings else ())),
        tuple(
            (c.name, c.type + _optional(c), _domain(c), *((meanings.get(c.name, ""),) if meanings else ()))
            for c in table.inputs
        ),
    )
    outputs = Table(
        ("output", "values"),
        tuple((c.name, ", ".join(map(str, c.values)) if c.values else c.type or "any") for c in table.outputs),
    )
    default = (Fields((("Where no row matches", _output(table.default)),)),) if table.default is not None else ()
    rules = tuple(
        (
            f"{rule.id}: {_then(rule.outputs)}",
            (f"when {_when(table, rule.cells)}", *((rule.because,) if rule.because else ())),
        )
        for rule in table.rules
    )
    return Document(
        (
            Section(f"Table {table.name}", (head,)),
            Section("Inputs", (inputs,)),
            Section("Outputs", (outputs, *default)),
            Section("Rules", (Bullets(rules, numbered=True),)),
        )
    )


def _optional(column: Input) -> str:
    return ", may be unknown" if column.optional else ""


def _domain(column: Input) -> str:
    if column.values is None:
        return "any"
    return ", ".join(map(str, column.values)) if isinstance(column.values, tuple) else cell_text(column.values)


def _then(outputs: dict[str, bool | int | float | str | None]) -> str:
    return ", ".join(f"{name} = {_value(value)}" for name, value in outputs.items())


def _output(output: Output) -> str:
    """What a table answers, in the shape that its hit policy gives."""
    if isinstance(output, dict):
        return _then(output)
    return "; ".join(map(_then, output)) or "none" if isinstance(output, list) else _value(output)


def _when(table: DecisionTable, cells: tuple[Cell, ...]) -> str:
    tests = [f"{c.name}: {cell_text(t)}" for c, t in zip(table.inputs, cells, strict=True) if t is not ANYTHING]
    return "; ".join(tests) if tests else "always"


def facts_document(facts: dict[str, str]) -> Document:
    """Every fact that a table may ask about."""
    return Document((Section("Facts", (Table(("fact", "meaning"), tuple(facts.items())),)),))


def examples_document(entries: Sequence[tuple[str, Recommendation]]) -> Document:
    """The example workloads with the approach the tables give and the row that gave it."""
    items = tuple((f"{stem}: {r.approach}", (r.reasons[min(1, len(r.reasons) - 1)].text,)) for stem, r in entries)
    where = Paragraph("To start from one: concurrency-selector examples web-scraper > workload.json")
    return Document((Section("Example workloads", (Bullets(items), where)),))
