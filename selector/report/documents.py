"""What each result says, as a document: recommendation, explanation, migration guide, host, tables, examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from selector.decision import DecisionTable
from selector.decision.cells import ANYTHING, Cell, cell_text
from selector.decision.table import Input, Output
from selector.host import Host, Interpreter
from selector.recommend.crossover import Crossover
from selector.recommend.explain import Explanation, RowReport, TableReport
from selector.recommend.migration import MigrationGuide
from selector.recommend.recommendation import Alternative, Change, Expected, Reason, Recommendation
from selector.report.document import Bands, Block, Bullets, Code, Document, Fields, Paragraph, Section, Table, bullets

_MOST_CHANGES = 6
_GROUP = 4  # rows of a table that one value keeps out, from which on they are told together


def recommendation_document(result: Recommendation, explanation: Explanation | None = None) -> Document:
    """The answer first, then the alternatives, what would change it, and (if asked) every row of every table."""
    sections = [_answer(result, explained=explanation is not None)]
    if result.alternatives:
        sections.append(
            Section("Alternatives", (Bullets(tuple(map(_alternative, result.alternatives)), numbered=True),))
        )
    if result.would_change:
        shown = result.would_change if explanation else result.would_change[:_MOST_CHANGES]
        lines = [_change(change) for change in shown]
        if len(shown) < len(result.would_change):
            lines.append(f"{len(result.would_change) - len(shown)} more inputs: add --explain")
        sections.append(Section("What would change the answer", (bullets(*lines),)))
    if explanation is not None:
        sections += _explanation(explanation)
    return Document(tuple(sections))


def _answer(result: Recommendation, *, explained: bool) -> Section:
    engine = f" with {result.engine.capitalize() if result.engine != 'rq' else 'RQ'}" if result.engine else ""
    pairs = [
        ("Workload", result.profile.name) if result.profile.name else None,
        ("Approach", f"{_named(result.title, result.approach)}{engine}"),
        ("Workers", _workers(result)) if result.workers > 1 else None,
        ("Python", _python(result)),
        *((("Reasoning", "")[n > 0], _reason(reason, with_rule=explained)) for n, reason in enumerate(result.reasons)),
        ("Expected speedup", speedup_text(result.expected, result.profile.mode)),
        ("Expected time", _time_text(result.expected)) if result.expected.seconds is not None else None,
        ("Throughput", _throughput(result.expected)) if result.expected.throughput is not None else None,
        ("Memory overhead", memory_text(result.expected, at_least=result.profile.task_memory_mb is None)),
        ("Requirements", _requirements(result)),
        ("Migration effort", _migration(result)),
    ]
    blocks: list[Block] = [Fields(tuple(pair for pair in pairs if pair is not None))]
    if result.migration.effort != "none":
        blocks.append(Paragraph("First steps:"))
        blocks.append(bullets(*result.migration.steps, numbered=True))
    return Section("Recommendation", tuple(blocks))


def _named(title: str, approach: str) -> str:
    """The title, with the id where it says something else."""
    return title if title == approach else f"{title} ({approach})"


def _workers(result: Recommendation) -> str:
    return f"{result.workers} on each machine" if result.engine else str(result.workers)


def _reason(reason: Reason, *, with_rule: bool) -> str:
    return f"{reason.text} [{reason.rule}]" if with_rule else reason.text


def _python(result: Recommendation) -> str:
    tag, here = result.interpreter, result.runs_here
    if tag is None:
        return "any"
    if here.available:
        return f"{tag} (found here: {here.interpreter})"
    instead = " or take the first alternative" if _first_is_eligible(result) else ""
    return f"{tag}, which is not on this machine: install it (uv python install {tag}){instead}"


def _first_is_eligible(result: Recommendation) -> bool:
    return bool(result.alternatives) and result.alternatives[0].rejected_by is None


def speedup_text(expected: Expected, mode: str) -> str:
    """The expected speedup in words, with what it rests on."""
    if expected.speedup is None and mode == "service":
        return "unknown: it needs concurrency, cpu_ms_per_task and io_wait_ms_per_task of a service"
    if expected.speedup is None:
        return "unknown: it needs tasks, cpu_ms_per_task and io_wait_ms_per_task of a batch"
    s = expected.speedup
    if s.low == s.high == 1:
        return "none: it is the sequential baseline"
    return f"{s.mid:g}x vs sequential ({s.low:g}x to {s.high:g}x, from {expected.source} costs)"


def memory_text(expected: Expected, *, at_least: bool = False) -> str:
    """The expected memory in words: what the approach adds, and the whole (`at_least`: as far as it is known)."""
    if expected.memory_overhead_mb is None:
        return "unknown: it depends on the cluster"
    added = f"about {expected.memory_overhead_mb:.2g} MB" if expected.memory_overhead_mb >= 1 else "under 1 MB"
    if expected.memory_overhead_mb >= 100:
        added = f"about {expected.memory_overhead_mb:.0f} MB"
    beside = " beside a task's own" if at_least else ""
    return f"{added}, {expected.memory_mb:g} MB in all{beside} ({expected.source} costs)"


def _time(expected: Expected) -> str:
    seconds = expected.seconds or 0.0
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def _time_text(expected: Expected) -> str:
    return f"{_time(expected)}, most of it {_MOSTLY[expected.dominant]}" if expected.dominant else _time(expected)


_MOSTLY = {
    "computing": "computing",
    "GIL": "computing in turns, for the GIL",
    "waiting": "waiting",
    "pool start": "the start of the pool",
    "expensive start": "the expensive start",
    "dispatch": "handing tasks over",
    "pickling": "copying data",
}


def _throughput(expected: Expected) -> str:
    latency = f", each within {expected.latency_ms:g} ms (95th percentile)" if expected.latency_ms is not None else ""
    return f"{expected.throughput:g} requests per second{latency}"


def _requirements(result: Recommendation) -> str:
    words = {True: "met", False: "NOT met", None: "not known"}
    profile = result.profile
    parts = []
    if profile.latency_requirement_ms is not None:
        parts.append(f"latency {profile.latency_requirement_ms:g} ms {words[result.fits.latency]}")
    if profile.memory_budget_mb is not None:
        parts.append(f"memory {profile.memory_budget_mb:g} MB {words[result.fits.memory]}")
    return ", ".join(parts) if parts else "none given"


def _migration(result: Recommendation) -> str:
    move = result.migration
    if move.effort == "none":
        return "None (the code is there already)"
    guide = f"concurrency-selector migrate {move.from_approach} {result.approach}"
    return f"{move.effort.capitalize()} (from {move.from_approach}; the guide: {guide})"


def _alternative(alternative: Alternative) -> tuple[str, tuple[str, ...]]:
    title = _named(alternative.title, alternative.approach)
    if alternative.rejected_by:
        return f"{title}: ruled out by {alternative.rejected_by}", alternative.tradeoffs
    speedup = alternative.expected.speedup
    return f"{title}: {speedup.mid:g}x predicted" if speedup else title, alternative.tradeoffs


def _change(change: Change) -> str:
    value = ", ".join(change.to) if isinstance(change.to, tuple) else _value(change.to)
    engine = f" ({change.engine})" if change.engine else ""
    return f"{change.input} = {value}: {change.approach}{engine}"


def _value(value: bool | float | str | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _explanation(explanation: Explanation) -> list[Section]:
    known = tuple((name, _value(value)) for name, value in sorted(explanation.facts.items()))
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
        speed = f"{e.speedup.mid:.2g} ({e.speedup.low:.2g}-{e.speedup.high:.2g})" if e.speedup else ""
        rate = f"{e.throughput:g}/s" if e.throughput is not None else ""
        time = _time(e) if e.seconds is not None else rate
        latency = f"{e.latency_ms:g}" if e.latency_ms is not None else ""
        memory = f"{e.memory_mb:g}" if e.memory_mb is not None else ""
        pool = f" x{prediction.workers}" if prediction.workers > 1 else ""
        rows.append((f"{prediction.approach}{pool}", time, speed, latency, memory, e.dominant or ""))
    return Table(("approach x workers", "time", "speedup", "latency ms", "MB", "mostly"), tuple(rows), "lrrrrl")


def _bands(crossover: Crossover) -> Bands:
    now = "unknown" if crossover.current is None else f"{crossover.current:g}"
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
    return "unknown" if value is None else _value(value)


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
    cpus, memory = host.cpus, host.memory
    quota = f", quota {cpus.quota:g} from {cpus.quota_from}" if cpus.quota is not None else ", no quota"
    limit = f", limit {memory.limit_mb:,} MB" if memory.limit_mb is not None else ", no limit"
    machine = Fields(
        (
            ("Platform", f"{host.platform} ({host.system})"),
            ("CPU", host.cpu_model or "unknown"),
            ("Usable CPUs", f"{cpus.count} (logical {cpus.logical}, affinity {cpus.affinity}{quota})"),
            ("Memory", f"{_mb(memory.usable_mb)} usable (total {_mb(memory.total_mb)}{limit})"),
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


def _mb(figure: int | None) -> str:
    return "unknown" if figure is None else f"{figure:,} MB"


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
