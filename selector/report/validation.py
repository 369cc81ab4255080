"""What a validation says, as a document: the verdict, what was measured, who won and why, what to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from selector.report.blocks import Block, Document, Fields, Paragraph, Section, Table, bullets
from selector.report.figures import time_bars
from selector.report.service import latencies_section, measured_service, service_table
from selector.report.wording import named, short_title
from selector.text import (
    MEASURED,
    MEMORY,
    MILLISECONDS,
    Units,
    beside,
    column_figure,
    column_times,
    counted,
    duration,
    given,
    listed,
    measured_duration,
    measured_memory,
    memory,
    one_line,
    part_of,
    percent,
    times,
    unit_for,
)
from selector.validation import Measurement, Requirement, Scalability, ValidationReport

_WORKLOADS = {"cpu": "CPU-bound work", "io": "I/O-bound work", "hybrid": "work that computes and waits"}
_BANDS = {"avoid": "slower", "stay_simple": "stay simple", "consider": "consider", "use": "use"}
_METRICS = {
    "pss": "proportional set size of the process tree",
    "uss": "unique set size of the process tree, without what its processes share",
    "rss": "resident set size of the process tree, in which shared pages count more than once",
    "peak_rss_of_main_process": "resident set size of the main process, without its workers",
}
_STATUS = {"gil_enabled": "GIL enabled"}
_NOTHING = "-"
_LONGEST_REASON = 300


def validation_document(report: ValidationReport) -> Document:
    """The verdict first, then the figures it rests on, the winner, and what follows from it."""
    sections = [
        *_no_verdict(report),
        Section("Verdict", (_verdict(report),)),
        Section("Measurements", (*measurement_blocks(report), *time_bars(report))),
        *_winner(report),
        *scalability_sections(report),
        *predicted_sections(report),
    ]
    for title, lines in (("What to change", report.advice), ("Warnings", report.warnings)):
        if lines:
            sections.append(Section(title, (bullets(*lines),)))
    return Document(tuple(sections))


def _no_verdict(report: ValidationReport) -> list[Section]:
    """Where there is no verdict, that stands first: why, and what to do."""
    if report.verdict != "inconclusive":
        return []
    return [Section("", (Paragraph(" ".join((f"No verdict: {report.reason}", *report.advice[:1]))),))]


def measured_section(report: ValidationReport) -> Section:
    """What was measured, short enough to stand beside a recommendation."""
    winner = measurement_of(report, report.winner, report.winner_interpreter)
    pairs = [
        ("Verdict", judged_text(report)),
        *([("Winner", _placed(winner))] if winner else []),
        *how_measured(report),
    ]
    return Section("Measured", (Fields(tuple(pairs)), *measurement_blocks(report)))


# The verdict ----------------------------------------------------------------------------------------------------------


def _verdict(report: ValidationReport) -> Fields:
    profile = report.profile
    recommended = measurement_of(report, report.recommended, report.recommended_interpreter)
    title = recommended.title if recommended else report.recommended
    said = named(title, report.recommended)
    on = f" on Python {report.recommended_interpreter}" if report.recommended_interpreter else ""
    pairs = [
        ("Workload", profile.name or _WORKLOADS[profile.workload_type]),
        ("Recommended", f"{said}{on}"),
        ("Verdict", judged_text(report) if report.verdict != "inconclusive" else "INCONCLUSIVE: see above"),
    ]
    return Fields((*pairs, *requirement_pairs(report), *how_measured(report)))


def requirement_pairs(report: ValidationReport) -> list[tuple[str, str]]:
    """Each requirement, and whether it was met."""
    profile = report.profile
    pairs = []
    if profile.latency_requirement_ms is not None:
        latency = required_text(report.latency, profile.latency_requirement_ms, MILLISECONDS, "95th percentile")
        if profile.mode == "service" and report.requests_per_second is None:
            allowed = given(profile.latency_requirement_ms, MILLISECONDS)
            latency = f"not judged: {allowed} allowed, and what was measured is a batch"
        pairs.append(("Latency", latency))
    if report.throughput is not None:
        pairs.append(("Throughput", _throughput(report.throughput)))
    if profile.memory_budget_mb is not None:
        pairs.append(("Memory", required_text(report.memory, profile.memory_budget_mb, MEMORY, "peak")))
    return pairs


def _throughput(requirement: Requirement) -> str:
    """`met: 120 requests a second, 100 required`."""
    if requirement.measured is None:
        return f"not known: nothing measured, {requirement.required:g} a second required"
    words = "met" if requirement.met else "NOT met"
    return f"{words}: {requirement.measured:.3g} requests a second at most, {requirement.required:g} required"


def judged_text(report: ValidationReport) -> str:
    """`CONFIRMED: Threads took 100 ms ...`."""
    return f"{report.verdict.upper()}: {report.reason}"


def required_text(requirement: Requirement | None, asked: float, units: Units, what: str) -> str:
    """`NOT met: 118 MB, over 64 MB (measured peak)`."""
    if requirement is not None and requirement.measured is None and requirement.met is False:
        return f"NOT met: it does not keep up, and its queue grows; {given(asked, units)} allowed"
    if requirement is None or requirement.measured is None:
        return f"not known: nothing measured, {given(asked, units)} allowed"
    words = {True: "met", False: "NOT met", None: "not known"}[requirement.met]
    over = None if requirement.met is None else not requirement.met
    figures = beside(requirement.measured, requirement.required, units, over=over, digits=MEASURED)
    return f"{words}: {figures} (measured {what})"


def how_measured(report: ValidationReport) -> list[tuple[str, str]]:
    """How it was measured, so that it can be judged and done again; the lines after the first have no label."""
    lines = [
        measured_service(report) if report.requests_per_second is not None else _tasks(report),
        f"{part_of(report.used_seconds, report.budget_seconds)} used{'' if report.complete else ', incomplete'}",
    ]
    if report.io == "sleep" and report.requests_per_second is None:
        lines.append("I/O is plain sleeps, no sockets")
    if report.noise_floor is not None:
        lines.append(f"a difference under {percent(report.noise_floor)} is noise on this host")
    if report.assumed:
        lines.append(f"assumed, because the profile does not say: {', '.join(map(str.lower, report.assumed))}")
    return [("Measured" if not n else "", line) for n, line in enumerate(lines)]


def _tasks(report: ValidationReport) -> str:
    """`64 of 100 tasks of 5.1 ms on 2 CPUs, seed 123`."""
    cpus = f"on {counted(report.cpus, 'CPU')}"
    seed = f", seed {report.seed}" if report.seed is not None else ""
    if report.tasks is None:
        return f"nothing, {cpus}{seed}"
    asked = f" of {report.tasks_asked:,}" if report.tasks_asked not in (None, report.tasks) else ""
    each = f" of {measured_duration(report.task_wall_ms / 1000)} each" if report.task_wall_ms else ""
    return f"{report.tasks:,}{asked} tasks{each}, {cpus}{seed}"


# The measurements -----------------------------------------------------------------------------------------------------

_SECONDS: Units = (("ms", 0.001), ("s", 1.0))
_LATENCIES: Units = (("ms", 1.0), ("s", 1000.0))
_MEMORY: Units = MEMORY[:2]


class _Scale(NamedTuple):
    """The units of the columns that are compared."""

    time: tuple[str, float]
    memory: tuple[str, float]
    latency: tuple[str, float]
    waits: tuple[str, ...]  # the title of the column of the time without a CPU, where that was measured

    def header(self) -> tuple[str, ...]:
        """The titles of all columns."""
        time, memory_, p95 = (
            f"{title} ({unit[0]})" for title, unit in zip(("Time", "Memory", "p95"), self[:3], strict=True)
        )
        return ("", "Approach", "Python", "Workers", time, "Speedup", "CPU %", *self.waits, memory_, p95, "Decision")


def _scale(compared: list[Measurement]) -> _Scale:
    return _Scale(
        unit_for((m.seconds.median for m in compared if m.seconds), _SECONDS),
        unit_for((m.peak_memory_mb for m in compared), _MEMORY),
        unit_for((m.task_latency_ms.p95 for m in compared if m.task_latency_ms), _LATENCIES),
        ("No CPU %",) if any(m.no_cpu_percent is not None for m in compared) else (),
    )


def measurement_blocks(report: ValidationReport) -> tuple[Block, ...]:
    """The table of arms, what its columns mean, and why some have no result."""
    compared = [m for m in report.measurements if m.role in ("baseline", "candidate")]
    blocks: list[Block]
    if not compared:
        return (Paragraph("Nothing was measured."),)
    if report.requests_per_second is not None:
        blocks = [
            *service_table(report, compared),
            *([bullets(*failures)] if (failures := _failures(compared)) else []),
        ]
        return tuple(blocks)
    scale = _scale(compared)
    rows = tuple(_row(m, report, scale) for m in compared)
    aligned = "llrrrrr" + "r" * len(scale.waits) + "rrl"
    header = scale.header()
    spare = (header[-2], "CPU %") if report.profile.latency_requirement_ms is None else ("CPU %",)
    blocks = [Table(header, rows, aligned, spare), _legend(compared)]
    if failures := _failures(compared):
        blocks.append(bullets(*failures))
    return tuple(blocks)


def _row(m: Measurement, report: ValidationReport, scale: _Scale) -> tuple[str, ...]:
    here = (m.approach, m.interpreter)
    mark = ">" if here == (report.recommended, report.recommended_interpreter) else ""
    settled = report.verdict != "inconclusive"
    mark += "*" if settled and here == (report.winner, report.winner_interpreter) else ""
    if m.status != "ok":
        figures = [_NOTHING] * (5 + len(scale.waits)) + [_status(m)]
    else:
        figures = [
            _time(m, scale.time[1]),
            _cell(m.speedup, column_times),
            _cell(m.cpu_percent, "{:.0f}".format),
            *(_cell(m.no_cpu_percent, "{:.0f}".format) for _ in scale.waits),
            _cell(m.peak_memory_mb, lambda mb: column_figure(mb, scale.memory[1])),
            _cell(m.task_latency_ms.p95 if m.task_latency_ms else None, lambda ms: column_figure(ms, scale.latency[1])),
            "baseline"
            if m.role == "baseline" and m.speedup in (None, 1)
            else _BANDS.get(m.band or "", m.band or _NOTHING)
            if settled
            else _NOTHING,
        ]
    name = short_title(m.title) if m.engine is None else f"Queue on {m.engine}"
    return (mark, name, m.interpreter, str(m.workers), *figures)


def _time(m: Measurement, unit: float) -> str:
    """`412 ±3%`: the median, and how far the range goes either way; a wide range leaves two digits that mean much."""
    if m.seconds is None:
        return _NOTHING
    middle = m.seconds.median
    if m.seconds.low == m.seconds.high or not middle:
        return column_figure(middle, unit)
    hundredths = round(100 * max(m.seconds.high - middle, middle - m.seconds.low) / middle)
    far = f"±{max(hundredths, 1)}%" if hundredths < 100 else "±>99%"
    return f"{column_figure(middle, unit, MEASURED if hundredths < 10 else 2)} {far}"


def _legend(compared: list[Measurement]) -> Paragraph:
    metrics = dict.fromkeys(m.memory_metric for m in compared if m.status == "ok" and m.memory_metric)
    memory = " or ".join(f"{_METRICS[metric]} ({metric})" if metric in _METRICS else metric for metric in metrics)
    return Paragraph(
        "> recommended, * winner. Time: median and its 95 % interval. CPU %: 200 is two CPUs busy."
        + (
            " No CPU %: how long workers were ready to run and got none."
            if any(m.no_cpu_percent is not None for m in compared)
            else ""
        )
        + (f" Memory: peak {memory}." if memory else "")
        + " p95: what 95 of 100 tasks stay within."
    )


def _failures(compared: list[Measurement]) -> list[str]:
    """`Multiprocessing (3.14): crash: a worker was killed by signal 9`; once for all that it is the same of."""
    told: dict[str, dict[str, list[str]]] = {}
    for m in compared:
        if m.status != "ok":
            what = ": ".join(filter(None, (_status(m), one_line(m.reason, _LONGEST_REASON))))
            told.setdefault(what, {}).setdefault(short_title(m.title), []).append(m.interpreter)
    names = {what: [f"{title} ({', '.join(tags)})" for title, tags in who.items()] for what, who in told.items()}
    return [f"{listed(who)}: {what}" for what, who in names.items()]


def _status(m: Measurement) -> str:
    return _STATUS.get(m.status, m.status.replace("_", " "))


# The winner and what follows ------------------------------------------------------------------------------------------


def _winner(report: ValidationReport) -> list[Section]:
    winner = measurement_of(report, report.winner, report.winner_interpreter)
    title = f"Winner: {winner.title}" if winner else "No winner"
    if report.verdict == "inconclusive":
        title = "What was seen"
    return [Section(title, (bullets(*report.analysis),))] if report.analysis else []


def scalability_sections(report: ValidationReport) -> list[Section]:
    """How the recommended approach scales, if that was measured."""
    found = report.scalability
    if found is None:
        return []
    unit = unit_for((point.seconds for point in found.points), _SECONDS)
    rows = tuple(
        (
            str(point.workers),
            column_figure(point.seconds, unit[1]),
            _cell(point.speedup, column_times),
            "oversubscribed" if point.oversubscribed else "",
        )
        for point in found.points
    )
    blocks: list[Block] = [Table(("Workers", f"Time ({unit[0]})", "Speedup", "Note"), rows, "rrrl")] if rows else []
    told = " ".join(filter(None, (found.text, _law(found))))
    return [Section("Scalability", (*blocks, *((Paragraph(told),) if told else ())))]


def _law(found: Scalability) -> str:
    if found.contention is None or found.coherence is None:
        return ""
    best = f", fastest with {counted(round(found.best_workers), 'worker')}" if found.best_workers else ""
    return (
        f"Universal scalability law: contention {percent(found.contention)},"
        f" coherence {percent(found.coherence)}{best}."
    )


def predicted_sections(report: ValidationReport) -> list[Section]:
    """Predicted beside measured: the times of this many tasks, and what the recommendation promised."""
    if report.requests_per_second is not None:
        return latencies_section(report)
    rows = [
        (
            f"{short_title(m.title)} on {m.interpreter}: time",
            duration(m.predicted_seconds),
            measured_duration(m.seconds.median),
            column_times(m.seconds.median / m.predicted_seconds),
        )
        for m in report.measurements
        if m.role in ("baseline", "candidate") and m.seconds and m.predicted_seconds
    ]
    recommended = measurement_of(report, report.recommended, report.recommended_interpreter)
    if recommended is not None:
        rows += _promised(report, recommended)
    header = ("", "Predicted", "Measured", "Ratio")
    return [Section("Predicted and measured", (Table(header, tuple(rows), "lrrr"),))] if rows else []


def _promised(report: ValidationReport, m: Measurement) -> list[tuple[str, str, str, str]]:
    """Speedup and memory of the recommended approach."""
    expected, rows = report.expected, []
    if expected.speedup and expected.speedup.mid and m.speedup is not None and m.role != "baseline":
        s = expected.speedup
        promised = f"{times(s.mid)} ({times(s.low)} to {times(s.high)})"
        rows.append(
            (f"{short_title(m.title)}: speedup", promised, column_times(m.speedup), column_times(m.speedup / s.mid))
        )
    if expected.memory_mb and m.peak_memory_mb is not None:
        ratio = column_times(m.peak_memory_mb / expected.memory_mb)
        figures = memory(expected.memory_mb), measured_memory(m.peak_memory_mb)
        rows.append((f"{short_title(m.title)}: memory", *figures, ratio))
    return rows


# Words and figures ----------------------------------------------------------------------------------------------------


def measurement_of(report: ValidationReport, approach: str | None, interpreter: str | None) -> Measurement | None:
    """The measurement of that approach on that Python; of the approach alone where the Python was not measured."""
    found = [m for m in report.measurements if m.approach == approach and m.role in ("baseline", "candidate")]
    return next((m for m in found if m.interpreter == interpreter), found[0] if found else None)


def _placed(m: Measurement) -> str:
    return f"{m.title} on Python {m.interpreter}"


def _cell(value: float | None, say: Callable[[float], str]) -> str:
    """What a column says of a value, which may be unknown."""
    return _NOTHING if value is None else say(value)
