"""A service as measured, in tables: what each approach keeps up with, how long its clients wait, and what was predicted."""

from __future__ import annotations

from selector.report.blocks import Block, Paragraph, Section, Table
from selector.text import (
    MEMORY,
    column_figure,
    column_times,
    counted,
    duration,
    in_processes,
    measured_duration,
    measured_memory,
    memory,
    unit_for,
)
from selector.validation import Measurement, ValidationReport

_NOTHING = "-"
_PARTS = "0.5, 0.8, 1 and 1.2 of them"


def measured_service(report: ValidationReport) -> str:
    """`100 requests a second at random, and 0.5, 0.8, 1 and 1.2 of them, on 2 CPUs, seed 1`."""
    each = f" of {measured_duration(report.task_wall_ms / 1000)} each" if report.task_wall_ms else ""
    rate = f"{report.requests_per_second:g} requests a second{each}, at random, by {_PARTS}"
    by = f", served by {report.server} where it can" if report.server else ""
    return f"{rate}{by}, on {counted(report.cpus, 'CPU')}, seed {report.seed}"


def service_table(report: ValidationReport, compared: list[Measurement]) -> list[Block]:
    """A row for each approach, and what the columns mean."""
    unit = unit_for((m.peak_memory_mb for m in compared), MEMORY[:2])
    rows = tuple(_row(m, report, unit[1]) for m in compared)
    header = ("", "Approach", "Python", "Workers", "Most/s", "p50 (ms)", "p95 (ms)", "p99 (ms)", "CPU %", f"Memory ({unit[0]})", "Decision")  # fmt: skip
    metrics = " or ".join(dict.fromkeys(m.memory_metric for m in compared if m.status == "ok" and m.memory_metric))
    legend = (
        "> recommended, * winner. Most/s: requests a second that it does at most. p50, p95, p99: from the planned arrival of"
        f" a request to its answer, at {report.requests_per_second:g} a second."
        + (f" Memory: peak of the process tree ({metrics})." if metrics else "")
    )
    return [Table(header, rows, "llrrrrrrrrl", ("p50 (ms)", "p99 (ms)", "CPU %")), Paragraph(legend)]


def _row(m: Measurement, report: ValidationReport, megabytes: float) -> tuple[str, ...]:
    here = (m.approach, m.interpreter)
    mark = ">" if here == (report.recommended, report.recommended_interpreter) else ""
    settled = report.verdict != "inconclusive"
    mark += "*" if settled and here == (report.winner, report.winner_interpreter) else ""
    named = (mark, m.title.partition(" (")[0].removesuffix(" Python"), m.interpreter, _sizes(m))
    if m.status != "ok" or m.service is None:
        return (*named, *(_NOTHING,) * 6, m.status.replace("_", " "))
    full = [row for row in m.service.arrivals_per_s if row.rate == report.requests_per_second]
    waits = [full[0].p50_ms, full[0].p95_ms, full[0].p99_ms] if full and m.service.keeps_up else [None] * 3
    return (
        *named,
        column_figure(m.service.saturation_per_s),
        *(_NOTHING if ms is None else column_figure(ms) for ms in waits),
        _NOTHING if m.cpu_percent is None else f"{m.cpu_percent:.0f}",
        _NOTHING if m.peak_memory_mb is None else column_figure(m.peak_memory_mb, megabytes),
        "keeps up" if m.service.keeps_up else "falls behind",
    )


def _sizes(m: Measurement) -> str:
    """`16`, or `2 x 16` where two processes have so many workers each."""
    return f"{m.processes} x {m.workers}" if m.processes > 1 else str(m.workers)


def latencies_section(report: ValidationReport) -> list[Section]:
    """The p95 at each rate that was kept up with, and the most that is done, beside what the cost model predicts."""
    rows: list[tuple[str, str, str, str]] = []
    for m in report.measurements:
        if m.service is None:
            continue
        name = f"{m.title.partition(' (')[0]}{in_processes(m.processes)} on {m.interpreter}"
        rows += [
            (
                f"{name}: p95 at {at.rate:g}/s",
                duration(at.predicted_p95_ms / 1000),
                measured_duration(at.p95_ms / 1000),
                column_times(at.p95_ms / at.predicted_p95_ms),
            )
            for at in m.service.arrivals_per_s
            if at.kept_up and not at.late and at.p95_ms and at.predicted_p95_ms
        ]
        if most := m.service.predicted_saturation_per_s:
            found = m.service.saturation_per_s
            rows.append((f"{name}: most, per s", f"{most:.3g}", column_figure(found), column_times(found / most)))
        if (m.approach, m.interpreter) == (report.recommended, report.recommended_interpreter):
            rows += _promised_memory(name, m, report.expected.memory_mb)
    header = ("", "Predicted", "Measured", "Ratio")
    return [Section("Predicted and measured", (Table(header, tuple(rows), "lrrr"),))] if rows else []


def _promised_memory(name: str, m: Measurement, promised: float | None) -> list[tuple[str, str, str, str]]:
    """The memory of the recommended approach, as it was promised."""
    if not promised or m.peak_memory_mb is None:
        return []
    ratio = column_times(m.peak_memory_mb / promised)
    return [(f"{name}: memory", memory(promised), measured_memory(m.peak_memory_mb), ratio)]
