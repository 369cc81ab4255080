"""What a service was measured to do under one approach: its visits put together, with what was predicted beside."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence

from selector.benchmark.events import Arm, CellEvent, ServedRate, ServiceLoad, TaskLatency
from selector.validation.case import QUIET_CPUS, Case
from selector.validation.models import ServedAt, ServiceFigures

_SAME_RATE = 1e-6


def most_done(cells: Iterable[CellEvent]) -> tuple[float, ...]:
    """The most requests a second that each visit saw done; none of cells of a batch."""
    return tuple(
        cell.service.saturation_per_s
        for cell in cells
        if cell.status == "ok" and cell.service is not None and cell.service.saturation_per_s
    )


def served_figures(case: Case, arm: Arm, good: Sequence[CellEvent]) -> ServiceFigures | None:
    """The figures of an arm over all its visits; None of a batch, or where nothing was measured."""
    loads = [cell.service for cell in good if cell.service is not None]
    if not loads or case.rate is None:
        return None
    rates = sorted({row.rate for load in loads for row in load.arrivals_per_s})
    rows = [
        _served_at(case, arm, [row for load in loads for row in load.arrivals_per_s if row.rate == r]) for r in rates
    ]
    full = [row for row in rows if abs(row.rate - case.rate) <= _SAME_RATE * case.rate]
    predicted = case.predicted_service(arm, case.rate)
    return ServiceFigures(
        arrivals_per_s=tuple(rows),
        saturation_per_s=statistics.median(load.saturation_per_s for load in loads),
        open_loop=True,
        keeps_up=bool(full) and full[0].kept_up and _mostly_there(loads, case.rate),
        cpu_ms_per_request=_median(load.cpu_ms_per_request for load in loads),
        sender_cpus=statistics.median(load.sender_cpus for load in loads),
        predicted_saturation_per_s=predicted.capacity if predicted is not None else None,
    )


def _mostly_there(loads: Sequence[ServiceLoad], rate: float) -> bool:
    """Whether most visits came as far as that rate: one that fell behind before is not sent more."""
    there = [any(row.rate >= rate * (1 - _SAME_RATE) for row in load.arrivals_per_s) for load in loads]
    return 2 * sum(there) > len(there)


def _served_at(case: Case, arm: Arm, rows: Sequence[ServedRate]) -> ServedAt:
    """One rate over all visits, with the percentiles of all their requests together.

    A visit is short, and a queue is seldom long: the percentiles of the visits by themselves are mostly too low (by 14 %
    at 60 % of what a server can do and by 24 % at 75 %, simulated with six visits of 60 to 75 requests each).
    """
    rate, together = rows[0].rate, sorted(_weighted(rows))
    predicted = case.predicted_service(arm, rate)
    return ServedAt(
        rate=rate,
        p50_ms=_percentile(together, 50) or _median(row.p50_ms for row in rows),
        p95_ms=_percentile(together, 95) or _median(row.p95_ms for row in rows),
        p99_ms=_percentile(together, 99) or _median(row.p99_ms for row in rows),
        done_per_s=statistics.fmean(row.done_per_s for row in rows),
        errors=sum(row.errors for row in rows),
        requests=sum(row.requests for row in rows),
        kept_up=2 * sum(row.kept_up for row in rows) > len(rows),
        late=2 * sum(row.late for row in rows) > len(rows),
        late_ms=statistics.median(row.late_ms for row in rows),
        predicted_p95_ms=predicted.queued_ms if predicted is not None else None,
    )


def _weighted(rows: Sequence[ServedRate]) -> Iterator[tuple[float, float]]:
    """The latencies of all visits, each with how many requests it stands for."""
    for row in rows:
        yield from ((each, row.requests / len(row.latencies_ms)) for each in row.latencies_ms)


def _percentile(weighted: Sequence[tuple[float, float]], percent: float) -> float | None:
    """The value that so many percent of the weight, in order, do not exceed; None of nothing."""
    left = percent / 100 * sum(weight for _, weight in weighted)
    for value, weight in weighted:
        left -= weight
        if left <= 0:
            return value
    return None


def levelled(samples: tuple[float, ...], served: ServiceFigures | None, rate: float | None) -> tuple[float, ...]:
    """The 95th percentiles of the visits, in seconds, brought to the level of that of all requests together.

    They tell how it scatters, but are mostly too low by themselves.
    """
    together = latency_at(served, rate)
    if not samples or together is None:
        return samples
    level = together.p95 / 1000 / statistics.median(samples)
    return tuple(level * each for each in samples)


def latency_at(served: ServiceFigures | None, rate: float | None) -> TaskLatency | None:
    """The percentiles of all requests together at that rate, of a service that keeps up with it."""
    rows = [row for row in served.arrivals_per_s if row.rate == rate] if served and served.keeps_up else []
    if not rows or rows[0].p50_ms is None or not rows[0].p95_ms or rows[0].p99_ms is None:
        return None
    return TaskLatency(p50=rows[0].p50_ms, p95=rows[0].p95_ms, p99=rows[0].p99_ms)


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def held_back(case: Case, taken: float | None, samples: Sequence[float]) -> float:
    """The share of its 95th percentile, at most, that a service would not have had, had nobody else taken CPUs.

    A queue grows out of all proportion to what is taken; but no request takes less than one that nothing holds up.
    """
    plan = case.session.plan
    if taken is None or taken <= QUIET_CPUS or not samples or plan is None or not plan.task_wall_ms:
        return 0.0
    return max(0.0, 1 - plan.task_wall_ms / 1000 / statistics.median(samples))


def most_alone(case: Case, arm: Arm, measured: float, taken: float | None) -> float:
    """The most requests a second that it may do where nobody else takes CPUs: in proportion to those that it had.

    But no more than its workers have time for, which each hold one request while it waits, nor than the CPUs that it can use.
    """
    plan = case.session.plan
    if taken is None or taken <= QUIET_CPUS or plan is None or not plan.task_wall_ms:
        return measured
    traits, bounds = case.traits(arm), [measured * case.cpus / max(case.cpus - taken, 0.1 * case.cpus)]
    if traits.overlaps_waits == "none":
        bounds.append(1000 * arm.processes / plan.task_wall_ms)
    elif traits.overlaps_waits == "pool" or (case.profile.async_library is False and traits.pool != "none"):
        bounds.append(1000 * arm.processes * arm.workers / plan.task_wall_ms)
    if plan.task_cpu_ms:
        bounds.append(1000 * case.computes_on(arm) / plan.task_cpu_ms)
    return max(measured, min(bounds))
