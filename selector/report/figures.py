"""What is predicted and what was measured, as pictures: bars with their ranges, and the curve of a pool that grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from selector.benchmark.stats import scaling_law
from selector.recommend.expected import Expected
from selector.recommend.explain import Explanation
from selector.recommend.recommendation import Recommendation
from selector.report.blocks import Bar, Bars, Curve
from selector.report.wording import short_title
from selector.text import (
    MEMORY,
    Units,
    column_figure,
    measured_duration,
    measured_memory,
    measured_times,
    memory,
    times,
    unit_for,
)
from selector.validation import Measurement, ValidationReport

PREDICTED, MEASURED = "predicted", "measured"
_SECONDS: Units = (("ms", 0.001), ("s", 1.0))
_LATENCIES: Units = (("ms", 1.0), ("s", 1000.0))
_MOST_BARS = 24

# Predicted ------------------------------------------------------------------------------------------------------------

Named = tuple[str, Expected]


def expected_of_all(result: Recommendation, explanation: Explanation | None = None) -> list[Named]:
    """The answer and every other approach with what is predicted for it, by its id."""
    found: dict[str, Expected] = {result.approach: result.expected}
    found |= {a.approach: a.expected for a in result.alternatives if a.approach != result.approach}
    for prediction in explanation.predictions if explanation is not None else ():
        found.setdefault(prediction.approach, prediction.expected)
    return list(found.items())


def speedup_bars(known: Iterable[Named]) -> list[Bars]:
    """The speedups that are predicted; none where fewer than two are."""
    bars = [Bar(name, s.mid, times(s.mid), s.low, s.high) for name, e in known if (s := e.speedup) is not None]
    return _compared(Bars("Predicted speedup", "times as fast as sequential code", tuple(bars)))


def predicted_memory_bars(known: Iterable[Named], budget_mb: float | None) -> list[Bars]:
    """The memory that is predicted, and the budget."""
    sizes = [(name, e.memory_mb) for name, e in known if e.memory_mb is not None]
    unit = unit_for((mb for _, mb in sizes), MEMORY)
    bars = tuple(Bar(name, mb / unit[1], memory(mb)) for name, mb in sizes)
    return _compared(Bars("Predicted memory", f"{unit[0]} in all", bars, _limit(budget_mb, unit, "memory budget")))


# Measured -------------------------------------------------------------------------------------------------------------


def compared(report: ValidationReport) -> list[Measurement]:
    """The measurements that compete and have a result."""
    return [m for m in report.measurements if m.role in ("baseline", "candidate") and m.status == "ok"]


def name_of(m: Measurement) -> str:
    """`Threads 3.14`."""
    return f"{short_title(m.title)} {m.interpreter}"


def time_bars(report: ValidationReport) -> list[Bars]:
    """How long each took, or of a service the most that it does in a second."""
    found = compared(report)
    if report.requests_per_second is not None:
        most = [(m, m.service.saturation_per_s) for m in found if m.service is not None]
        bars = tuple(Bar(name_of(m), per_s, f"{column_figure(per_s)}/s") for m, per_s in most)
        asked = (report.requests_per_second, "asked for")
        return _compared(Bars("Measured: what each does at most", "requests a second", bars, asked))
    timed = [(m, m.seconds) for m in found if m.seconds is not None]
    name, size = unit_for((s.median for _, s in timed), _SECONDS)
    bars = tuple(
        Bar(name_of(m), s.median / size, measured_duration(s.median), s.low / size, s.high / size) for m, s in timed
    )
    return _compared(Bars("Measured time", name, bars))


def predicted_and_measured(report: ValidationReport) -> list[Bars]:
    """The time of each beside what was predicted for just these tasks."""
    both = [(m, m.seconds, m.predicted_seconds) for m in compared(report) if m.seconds and m.predicted_seconds]
    name, size = unit_for((seconds.median for _, seconds, _ in both), _SECONDS)
    bars = []
    for m, seconds, predicted in both:
        bars.append(Bar(name_of(m), (predicted or 0.0) / size, measured_duration(predicted or 0.0), kind=PREDICTED))
        low, high = seconds.low / size, seconds.high / size
        bars.append(Bar(name_of(m), seconds.median / size, measured_duration(seconds.median), low, high, MEASURED))
    return [Bars("Time: predicted and measured", name, tuple(bars[:_MOST_BARS]))] if bars else []


def memory_bars(report: ValidationReport) -> list[Bars]:
    """The peak of each, and the budget."""
    sizes = [(m, m.peak_memory_mb) for m in compared(report) if m.peak_memory_mb is not None]
    unit = unit_for((mb for _, mb in sizes), MEMORY[:2])
    bars = tuple(Bar(name_of(m), mb / unit[1], measured_memory(mb)) for m, mb in sizes)
    budget = _limit(report.profile.memory_budget_mb, unit, "memory budget")
    return _compared(Bars("Measured memory", f"{unit[0]} at most", bars, budget))


def latency_bars(report: ValidationReport) -> list[Bars]:
    """What half, 95 and 99 of 100 tasks stay within, and what is asked for."""
    waits = [(m, m.task_latency_ms) for m in compared(report) if m.task_latency_ms is not None]
    unit = unit_for((wait.p50 for _, wait in waits), _LATENCIES)
    bars = tuple(
        Bar(name_of(m), ms / unit[1], measured_duration(ms / 1000), kind=kind)
        for m, wait in waits[: _MOST_BARS // 3]
        for kind, ms in (("p50", wait.p50), ("p95", wait.p95), ("p99", wait.p99))
    )
    limit = _limit(report.profile.latency_requirement_ms, unit, "latency allowed")
    return [Bars("Latency of a task", unit[0], bars, limit)] if bars else []


def scaling_curve(report: ValidationReport) -> list[Curve]:
    """The speedup of each size of pool over one worker, the law fitted to it, and the CPUs of the machine."""
    found = report.scalability
    points = [] if found is None else [p for p in found.points if p.speedup is not None]
    if found is None or len(points) < 2:
        return []
    law: tuple[tuple[float, float], ...] = ()
    if found.contention is not None and found.coherence is not None:
        most = max(point.workers for point in points)
        sizes = sorted({p.workers for p in points} | {max(1, round(most * part / 24)) for part in range(1, 25)})
        law = tuple((float(n), scaling_law(n, found.contention, found.coherence)) for n in sizes)
    return [
        Curve(
            "Speedup by the number of workers, with the law fitted to it",
            "workers",
            "speedup over one worker",
            tuple((float(p.workers), p.speedup or 0.0, "oversubscribed" if p.oversubscribed else "") for p in points),
            law,
            (float(report.cpus), f"{report.cpus} CPUs" if report.cpus > 1 else "1 CPU"),
        )
    ]


def ratio_bars(title: str, rows: Sequence[tuple[str, float, float, float]]) -> list[Bars]:
    """(Name, low, ratio, high): how many times as long each took, and where nothing has changed."""
    bars = tuple(Bar(name, mid, measured_times(mid), low, high) for name, low, mid, high in rows)
    return [Bars(title, "times as long", bars[:_MOST_BARS], (1.0, "unchanged"))] if bars else []


def _limit(value: float | None, unit: tuple[str, float], name: str) -> tuple[float, str] | None:
    return (value / unit[1], name) if value is not None else None


def _compared(bars: Bars) -> list[Bars]:
    """Bars that there are two of at least: one alone compares nothing."""
    return [Bars(bars.title, bars.axis, bars.bars[:_MOST_BARS], bars.limit)] if len(bars.bars) > 1 else []
