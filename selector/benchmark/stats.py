"""The statistics of a benchmark: medians and ratios with bootstrap intervals, the noise of a host, a law of scaling.

Pure functions of positive numbers (seconds, or speedups). The bootstrap asks how far the answer would move had chance
picked other samples: each arm is drawn again with replacement, some thousand times. It knows no more than the samples
do: from one it says nothing, and from two to four it is too sure of itself, so their intervals are widened by the noise
that two arms of the same thing showed on this host.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from typing import NamedTuple

#: Resamples: the ends of a 95 % interval then vary by about a percent of its width from seed to seed.
RESAMPLES = 2000
#: No host is quieter than this (0.5 %), whatever a lucky pair of arms says.
LEAST_NOISE = 0.005
#: From so many samples on, the bootstrap of a median is trusted by itself.
ENOUGH = 5
_TAIL_PERCENT = 2.5  # on each side of a 95 % interval
_SMALLEST, _LARGEST = 1e-9, 1e12  # a clock that shows 0 s saw less than a nanosecond; ratios stay finite
#: 97.5 % quantiles of Student's t for 1, 2, ... degrees of freedom: how much less a few samples know of their scatter.
_T_QUANTILES = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)
_T_OF_MANY = 2.0
_MEDIAN_PENALTY = math.sqrt(math.pi / 2)  # the median of many normal samples scatters 1.25 times as much as their mean
_NO_PEAK = 1e-9  # a coherence under this puts the peak past 30,000 workers: rounding, not a law


class Interval(NamedTuple):
    """A value with the ends of its 95 % interval; low <= mid <= high."""

    low: float
    mid: float
    high: float


class ScalingFit(NamedTuple):
    """Gunther's universal scalability law, C(N) = N / (1 + contention (N - 1) + coherence N (N - 1)).

    `contention` is the share of work that queues for something, `coherence` the cost of keeping each pair of workers in
    step. `best_workers` is where the law peaks, None where it has no peak. All are None where nothing could be fitted.
    """

    contention: float | None
    coherence: float | None
    best_workers: float | None


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent of the others lie, between neighbours by distance; not of nothing."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(
    samples: Sequence[float], *, noise: float = LEAST_NOISE, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The median of at least one sample, with its interval; `noise` (0.03 is 3 %) widens that of fewer than five."""
    values = _usable(samples)
    drawn = _resampled_medians(values, random.Random(seed), resamples)  # noqa: S311  # chance, not secrets
    return _interval(drawn, statistics.median(values), noise if len(values) < ENOUGH else 0.0)


def bootstrap_ratio(
    slow: Sequence[float],
    fast: Sequence[float],
    *,
    noise: float = LEAST_NOISE,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """How many times as long the median of one arm is as that of another, each with at least one sample.

    The other way round it is the inverse, of arms that differ. `noise` widens the interval if an arm has fewer than
    five samples.
    """
    arms = [_usable(slow), _usable(fast)]
    swapped = arms[0] > arms[1]
    first, second = sorted(arms)
    chance = random.Random(seed)  # noqa: S311  # chance, not secrets
    above, below = (_resampled_medians(arm, chance, resamples) for arm in (first, second))
    mid = statistics.median(first) / statistics.median(second)
    drawn = [a / b for a, b in zip(above, below, strict=True)]
    found = _interval(drawn, mid, noise if min(map(len, arms)) < ENOUGH else 0.0)
    return Interval(1 / found.high, 1 / found.mid, 1 / found.low) if swapped else found


def noise_floor(a: Sequence[float], b: Sequence[float], *, seed: int = 0) -> float | None:
    """How far apart two arms of the same thing may come out: 0.03 if the medians may differ by 3 %; None if unknown.

    With enough samples it is the farther end of the interval of their ratio. With fewer, all of them are pooled, being
    samples of one thing, and Student's t allows for how little a few of them tell. One or two tell nothing.
    """
    if len(a) + len(b) < 3:
        return None
    if not a or not b:
        return _scatter((*a, *b), len(a) + len(b), len(a) + len(b))
    ratio = bootstrap_ratio(a, b, noise=0.0, seed=seed)
    if min(len(a), len(b)) >= ENOUGH:
        return max(LEAST_NOISE, ratio.high - 1, 1 / ratio.low - 1)
    return max(_scatter((*a, *b), len(a), len(b)), ratio.mid - 1, 1 / ratio.mid - 1)


def _scatter(samples: Sequence[float], count_a: int, count_b: int) -> float:
    """How far apart chance may put medians of so many samples each, from the scatter of samples of one thing."""
    freedom = len(samples) - 1
    t = _T_QUANTILES[freedom - 1] if freedom <= len(_T_QUANTILES) else _T_OF_MANY
    deviation = statistics.stdev(map(math.log, _usable(samples)))
    penalty = _MEDIAN_PENALTY if min(count_a, count_b) > 2 else 1.0  # of one or two, the median is the mean
    return max(LEAST_NOISE, math.expm1(min(t * penalty * deviation * math.sqrt(1 / count_a + 1 / count_b), 10.0)))


def _usable(samples: Sequence[float]) -> list[float]:
    """The samples in order, each positive and finite enough to divide by."""
    return sorted(min(max(value, _SMALLEST), _LARGEST) for value in samples)


def _resampled_medians(ordered: list[float], chance: random.Random, resamples: int) -> list[float]:
    """The medians of that many samples of the same size, drawn with replacement."""
    size = len(ordered)
    if ordered[0] == ordered[-1]:
        return [ordered[0]] * resamples
    middle, lower = size // 2, (size - 1) // 2
    draws = (sorted(chance.choices(ordered, k=size)) for _ in range(resamples))
    return [(draw[lower] + draw[middle]) / 2 for draw in draws]


def _interval(drawn: list[float], mid: float, widen: float) -> Interval:
    """The percentile interval around `mid`, which it always includes."""
    low, high = percentile(drawn, _TAIL_PERCENT), percentile(drawn, 100 - _TAIL_PERCENT)
    return Interval(min(low, mid) / (1 + widen), mid, max(high, mid) * (1 + widen))


def fit_scaling(points: Sequence[tuple[int, float]]) -> ScalingFit:
    """The law fitted to (workers, speedup over one worker), with neither share below zero.

    The law is linear in its shares when written as N/C = 1 + contention (N - 1) + coherence N (N - 1), so that least
    squares (of relative errors: a slow point counts no more than a fast one) need no search. One worker says nothing,
    as the law gives it 1 by definition; from one other pool size, all that is lost is taken for contention. No more than
    everything can queue: where a larger pool is slower than one worker, the law of waiting in line explains nothing.
    """
    useful = [(n, c) for n, c in points if n > 1 and c > _SMALLEST]
    rows = [((n - 1) * c / n, (n - 1) * c, 1 - c / n) for n, c in useful]
    if not rows:
        return ScalingFit(None, None, None)
    one_size = len({n for n, _ in useful}) == 1
    contention, coherence = (_one_share(rows, 0), 0.0) if one_size else _two_shares(rows)
    if contention > 1.001 or coherence > 1:  # but for rounding
        return ScalingFit(None, None, None)
    return ScalingFit(contention, coherence, best_workers(contention, coherence))


def _two_shares(rows: list[tuple[float, float, float]]) -> tuple[float, float]:
    """Least squares of a x + b y = z with a, b >= 0: the free optimum if it is allowed, else the better edge."""
    xx, yy, xy = (sum(row[i] * row[j] for row in rows) for i, j in ((0, 0), (1, 1), (0, 1)))
    xz, yz = (sum(row[i] * row[2] for row in rows) for i in (0, 1))
    determinant = xx * yy - xy * xy
    if determinant > 0:
        free = ((xz * yy - yz * xy) / determinant, (yz * xx - xz * xy) / determinant)
        if min(free) >= 0:
            return free
    edges = ((_one_share(rows, 0), 0.0), (0.0, _one_share(rows, 1)))
    return min(edges, key=lambda ab: sum((ab[0] * x + ab[1] * y - z) ** 2 for x, y, z in rows))


def _one_share(rows: list[tuple[float, float, float]], column: int) -> float:
    """Least squares with that share alone."""
    return max(0.0, sum(row[column] * row[2] for row in rows) / sum(row[column] ** 2 for row in rows))


def best_workers(contention: float, coherence: float) -> float | None:
    """Where the law peaks; None where more workers always help, or nothing is lost or gained by them."""
    if contention >= 1:
        return 1.0
    return max(1.0, math.sqrt((1 - contention) / coherence)) if coherence > _NO_PEAK else None


def scaling_law(workers: float, contention: float, coherence: float) -> float:
    """The speedup over one worker that the law gives so many."""
    return workers / (1 + contention * (workers - 1) + coherence * workers * (workers - 1))


def stops_paying(points: Sequence[tuple[int, float]], gain: float = 1.05) -> int | None:
    """The smallest pool that no larger one measured beats by `gain`; None if the largest one still pays."""
    ordered = sorted(points)
    for place, (workers, speedup) in enumerate(ordered[:-1]):
        if all(larger < gain * speedup for _, larger in ordered[place + 1 :]):
            return workers
    return None
