"""Several runs of `validate` side by side: what takes longer than in the first, and what is only noise. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from selector.benchmark.stats import Interval, bootstrap_ratio
from selector.models import Saved
from selector.text import counted, listed
from selector.validation.evidence import ASSUMED_NOISE
from selector.validation.models import Measurement, SecondsRange, ValidationReport, Verdict
from selector.workload.profile import ApproachId

Change = Literal["slower", "faster", "noise", "unknown"]
_APART = {"name", "description", "cpu_cores", "platform", "interpreters", "current_approach", "memory_budget_mb", "latency_requirement_ms"}  # fmt: skip


class RunCompared(Saved):
    """A run: the file it was read from, and what it came to."""

    source: str
    verdict: Verdict
    recommended: ApproachId
    winner: ApproachId | None
    cpus: int
    tasks: int | None
    noise_floor: float | None


class Ratio(Saved):
    """How many times as long it took as in the first run, with the ends of the 95 % interval."""

    low: float
    mid: float
    high: float


class ArmCompared(Saved):
    """An approach in the first run and in a later one (`run`, from 1 on): times in seconds, their ratio, what to make of it.

    Where the runs had another number of tasks, seconds are those of a task. `unknown`: one of them has no result.
    """

    approach: ApproachId
    title: str
    run: int
    interpreters: tuple[str, str]
    workers: tuple[int, int]
    seconds: tuple[SecondsRange | None, SecondsRange | None]
    ratio: Ratio | None
    change: Change


class Comparison(Saved):
    """Runs and what has changed from the first one on. `of` is what is compared; `notes` say where that is not alike.

    Approaches that are in one run alone are in `left_out`.
    """

    schema_version: Literal[1] = Field(1, alias="schema")
    of: Literal["seconds", "seconds_per_task", "p95_seconds"]
    runs: tuple[RunCompared, ...]
    arms: tuple[ArmCompared, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    def slower_by(self, share: float) -> tuple[ArmCompared, ...]:
        """Those that are slower by more than that (0.1: by 10 %), beyond what is noise."""
        return tuple(arm for arm in self.arms if arm.change == "slower" and arm.ratio and arm.ratio.mid > 1 + share)


def compare_reports(named: Sequence[tuple[str, ValidationReport]]) -> Comparison:
    """At least two reports, each with where it is from, the first being what the others are held against."""
    reports = [report for _, report in named]
    served = any(report.requests_per_second is not None for report in reports)
    each = not served and len({report.tasks for report in reports}) > 1
    first, *others = reports
    arms: list[ArmCompared] = []
    left_out: dict[str, None] = {}
    for place, other in enumerate(others, start=1):
        pairs, alone = _paired(first, other)
        noise = max(ASSUMED_NOISE if r.noise_floor is None else r.noise_floor for r in (first, other))
        scales = tuple(1 / (r.tasks or 1) if each else 1.0 for r in (first, other))
        arms += [_compared(a, b, place, (scales[0], scales[1]), noise) for a, b in pairs]
        left_out |= dict.fromkeys(f"{m.title} on {m.interpreter}" for m in alone)
    return Comparison(
        of="p95_seconds" if served else "seconds_per_task" if each else "seconds",
        runs=tuple(_run(source, report) for source, report in named),
        arms=tuple(arms),
        left_out=tuple(left_out),
        notes=tuple(_notes(reports, each=each)),
    )


def _run(source: str, report: ValidationReport) -> RunCompared:
    return RunCompared(
        source=source,
        verdict=report.verdict,
        recommended=report.recommended,
        winner=report.winner,
        cpus=report.cpus,
        tasks=report.tasks,
        noise_floor=report.noise_floor,
    )


def _paired(
    a: ValidationReport, b: ValidationReport
) -> tuple[list[tuple[Measurement, Measurement]], list[Measurement]]:
    """The arms of both that are the same thing, and those without a fellow.

    The same approach on the same Python; else the same approach, where it ran on one other Python in each.
    """
    ours, theirs = ([m for m in r.measurements if m.role in ("baseline", "candidate")] for r in (a, b))
    pairs = []
    for with_python in (True, False):
        for m in list(ours):
            mine = [o for o in ours if _same(m, o, with_python=with_python)]
            fellows = [o for o in theirs if _same(m, o, with_python=with_python)]
            if len(mine) == len(fellows) == 1:
                pairs.append((m, fellows[0]))
                ours.remove(m)
                theirs.remove(fellows[0])
    return pairs, [*ours, *theirs]


def _same(a: Measurement, b: Measurement, *, with_python: bool) -> bool:
    alike = (a.approach, a.title) == (b.approach, b.title)
    return alike and (not with_python or a.interpreter == b.interpreter)


def _compared(a: Measurement, b: Measurement, run: int, scales: tuple[float, float], noise: float) -> ArmCompared:
    ratio = _ratio(a, b, scales, noise)
    change: Change = "unknown"
    if ratio is not None:
        slower, faster = ratio.low > 1 and ratio.mid > 1 + noise, ratio.high < 1 and ratio.mid < 1 / (1 + noise)
        change = "slower" if slower else "faster" if faster else "noise"
    return ArmCompared(
        approach=a.approach,
        title=a.title,
        run=run,
        interpreters=(a.interpreter, b.interpreter),
        workers=(a.workers, b.workers),
        seconds=(_scaled(a, scales[0]), _scaled(b, scales[1])),
        ratio=None if ratio is None else Ratio(low=ratio.low, mid=ratio.mid, high=ratio.high),
        change=change,
    )


def _seconds(m: Measurement) -> SecondsRange | None:
    """The time of a batch, or the 95th percentile of a service, which has no range of its own."""
    if m.seconds is not None or m.service is None or m.task_latency_ms is None:
        return m.seconds
    p95 = m.task_latency_ms.p95 / 1000
    return SecondsRange(median=p95, low=p95, high=p95)


def _scaled(m: Measurement, scale: float) -> SecondsRange | None:
    s = _seconds(m)
    return s and SecondsRange(median=s.median * scale, low=s.low * scale, high=s.high * scale)


def _ratio(a: Measurement, b: Measurement, scales: tuple[float, float], noise: float) -> Interval | None:
    """By the samples of both; by the ends of their ranges where an older version has kept no samples."""
    old, new = _scaled(a, scales[0]), _scaled(b, scales[1])
    if old is None or new is None or not old.low or not new.low:
        return None
    if a.samples_seconds and b.samples_seconds:
        samples = ([each * scale for each in m.samples_seconds] for m, scale in zip((b, a), (scales[1], scales[0]), strict=True))  # fmt: skip
        return bootstrap_ratio(*samples, noise=noise)
    return Interval(new.low / old.high, new.median / old.median, new.high / old.low)


def _notes(reports: Sequence[ValidationReport], *, each: bool) -> list[str]:
    """Where the runs are not alike."""
    first, *others = reports
    profiles = [report.profile for report in reports]
    fields = [name for name in type(first.profile).model_fields if name not in _APART]
    apart = [name for name in fields if any(getattr(p, name) != getattr(profiles[0], name) for p in profiles)]
    notes = [f"The workloads differ in {listed(apart)}."] if apart else []
    if each:
        tasks = listed([str(report.tasks) for report in reports])
        notes.append(f"The runs had {tasks} tasks: what a task took is compared, with its part of the start.")
    if any(report.cpus != first.cpus for report in others):
        notes.append(f"They had {listed([counted(report.cpus, 'CPU') for report in reports])}.")
    if any(not report.complete for report in reports):
        notes.append("A run was cut off: what was measured until then is compared.")
    if any(report.noise_floor is None for report in reports):
        notes.append(f"A run could not tell its noise: {ASSUMED_NOISE:.0%} is assumed.")
    return notes
