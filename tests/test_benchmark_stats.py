"""The statistics: laws that any samples keep, curves whose shares are known, and intervals that hold what they say."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from selector.benchmark.stats import (
    LEAST_NOISE,
    Interval,
    ScalingFit,
    best_workers,
    bootstrap_ratio,
    fit_scaling,
    median,
    noise_floor,
    percentile,
    stops_paying,
)

pytestmark = pytest.mark.one_python

seconds = st.floats(1e-6, 1e6)
samples = st.lists(seconds, min_size=1, max_size=12)
FEW = 100  # resamples, where only the laws are looked at


def normal(rng: random.Random, middle: float, share: float, count: int) -> list[float]:
    """Times around a middle, with a relative standard deviation."""
    return [middle * math.exp(rng.gauss(0, share)) for _ in range(count)]


# Percentiles ----------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(samples, st.floats(0, 100))
def test_a_percentile_lies_among_the_values(values: list[float], percent: float) -> None:
    assert min(values) <= percentile(values, percent) <= max(values) * (1 + 1e-12)


def test_percentiles_by_hand() -> None:
    assert [percentile([4, 1, 3, 2, 5], p) for p in (0, 25, 50, 90, 100)] == [1, 2, 3, pytest.approx(4.6), 5]
    assert percentile([7], 95) == 7


# Medians and ratios ---------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(samples, st.floats(0, 1), st.integers(0, 3))
def test_an_interval_holds_the_median(values: list[float], noise: float, seed: int) -> None:
    found = median(values, noise=noise, seed=seed, resamples=FEW)
    assert found.low <= found.mid <= found.high
    assert found.mid == statistics.median(values)
    assert found == median(values[::-1], noise=noise, seed=seed, resamples=FEW)


@settings(max_examples=40)
@given(samples, samples, st.floats(0, 1), st.integers(0, 3))
def test_a_ratio_the_other_way_round_is_its_inverse(a: list[float], b: list[float], noise: float, seed: int) -> None:
    assume(sorted(a) != sorted(b))  # which of two equal arms is drawn first, their values do not say
    one = bootstrap_ratio(a, b, noise=noise, seed=seed, resamples=FEW)
    other = bootstrap_ratio(b, a, noise=noise, seed=seed, resamples=FEW)
    assert one.low <= one.mid <= one.high
    assert one.mid == pytest.approx(statistics.median(a) / statistics.median(b))
    assert other == pytest.approx((1 / one.high, 1 / one.mid, 1 / one.low))
    assert one == bootstrap_ratio(a, b, noise=noise, seed=seed, resamples=FEW)


@settings(max_examples=40)
@given(samples, samples, st.floats(0.01, 100))
def test_a_ratio_does_not_depend_on_the_unit(a: list[float], b: list[float], unit: float) -> None:
    one = bootstrap_ratio(a, b, resamples=FEW)
    other = bootstrap_ratio([unit * x for x in a], [unit * x for x in b], resamples=FEW)
    assert other == pytest.approx(one)


@settings(max_examples=40)
@given(samples, samples)
def test_a_ratio_stays_between_the_farthest_samples(a: list[float], b: list[float]) -> None:
    found = bootstrap_ratio(a, b, noise=0.0, resamples=FEW)
    assert found.low >= min(a) / max(b) * (1 - 1e-9)
    assert found.high <= max(a) / min(b) * (1 + 1e-9)


def test_one_sample_is_widened_by_the_noise() -> None:
    assert median([2.0], noise=0.25) == (1.6, 2.0, 2.5)
    assert bootstrap_ratio([3.0], [2.0], noise=0.25) == pytest.approx((1.2, 1.5, 1.875))


def test_few_samples_are_widened_and_enough_are_not() -> None:
    four, five = [1.0, 1.1, 1.2, 1.3], [1.0, 1.1, 1.2, 1.3, 1.4]
    assert median(four, noise=0.5).high > 1.3 * 1.4
    assert median(five, noise=0.5) == median(five, noise=0.0)
    assert bootstrap_ratio(five, four, noise=0.5).high > bootstrap_ratio(five, four, noise=0.0).high * 1.4
    assert bootstrap_ratio(five, five, noise=0.5) == bootstrap_ratio(five, five, noise=0.0)


def test_another_seed_gives_about_the_same() -> None:
    a, b = normal(random.Random(1), 2.0, 0.1, 10), normal(random.Random(2), 1.0, 0.1, 10)
    one, other = bootstrap_ratio(a, b, seed=1), bootstrap_ratio(a, b, seed=2)
    assert one != other
    assert one == pytest.approx(other, rel=0.03)


def test_a_clock_that_shows_nothing_gives_a_finite_ratio() -> None:
    assert bootstrap_ratio([0.0], [0.0], noise=0.0) == (1, 1, 1)
    assert all(math.isfinite(end) for end in bootstrap_ratio([1e300], [0.0]))


@pytest.mark.parametrize(
    ("count", "at_least"),
    [
        (3, 0.90),
        (8, 0.90),
        pytest.param(5, 0.88, marks=pytest.mark.slow),
        pytest.param(20, 0.91, marks=pytest.mark.slow),
    ],
)
def test_the_interval_of_a_ratio_holds_the_truth_about_as_often_as_it_says(count: int, at_least: float) -> None:
    rng, inside, runs = random.Random(20240607), 0, 300
    for seed in range(runs):
        slow, fast = normal(rng, 1.3, 0.05, count), normal(rng, 1.0, 0.05, count)
        found = bootstrap_ratio(slow, fast, noise=0.05, seed=seed, resamples=200)
        inside += found.low <= 1.3 <= found.high
    assert at_least <= inside / runs


# Noise ----------------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(samples, samples)
def test_noise_is_never_less_than_the_quietest_host_has(a: list[float], b: list[float]) -> None:
    found = noise_floor(a, b)
    if found is None:
        assert len(a) + len(b) < 3
        return
    assert math.isfinite(found)
    assert found >= LEAST_NOISE
    ratio = statistics.median(a) / statistics.median(b)
    if min(len(a), len(b)) < 5:
        assert found >= min(max(ratio, 1 / ratio) - 1, math.expm1(10)) * (1 - 1e-9)


@pytest.mark.parametrize("count", [2, 4, 5, 10])
def test_identical_times_are_as_quiet_as_it_gets(count: int) -> None:
    assert noise_floor([1.0] * count, [1.0] * count) == LEAST_NOISE


@pytest.mark.parametrize(
    ("count", "runs"), [(3, 50), (8, 50), *(pytest.param(n, 200, marks=pytest.mark.slow) for n in (3, 5, 8, 15))]
)
def test_the_noise_of_two_equal_arms_is_what_others_like_them_differ_by(count: int, runs: int) -> None:
    rng, exceeded = random.Random(7), 0
    for seed in range(runs):
        floor = noise_floor(normal(rng, 1.0, 0.03, count), normal(rng, 1.0, 0.03, count), seed=seed)
        ratio = statistics.median(normal(rng, 5.0, 0.03, count)) / statistics.median(normal(rng, 5.0, 0.03, count))
        exceeded += floor is not None and max(ratio, 1 / ratio) - 1 > floor
    assert exceeded / runs <= 0.15


def test_three_samples_know_little_of_their_noise() -> None:
    one_percent = noise_floor([1.0, 1.0], [1.01])
    assert one_percent is not None
    assert 0.02 < one_percent < 0.05


def test_without_a_control_the_scatter_of_one_arm_tells() -> None:
    assert noise_floor([1.0, 1.01, 0.99], []) == pytest.approx(0.044, abs=0.005)
    assert noise_floor([], [1.0, 1.01, 0.99]) == noise_floor([1.0, 1.01, 0.99], [])
    assert noise_floor([1.0] * 30, []) == LEAST_NOISE


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], []), ([], [1.0, 1.1]), ([1.0], [1.1])])
def test_too_little_tells_nothing(a: list[float], b: list[float]) -> None:
    assert noise_floor(a, b) is None


# Scaling --------------------------------------------------------------------------------------------------------------


def law(workers: int, contention: float, coherence: float) -> float:
    return workers / (1 + contention * (workers - 1) + coherence * workers * (workers - 1))


shares = st.floats(0, 0.5)


@settings(max_examples=40)
@given(shares, st.floats(0, 0.1), st.sets(st.integers(2, 64), min_size=2, max_size=6))
def test_an_exact_curve_gives_its_shares_back(contention: float, coherence: float, sizes: set[int]) -> None:
    found = fit_scaling([(1, 1.0), *((n, law(n, contention, coherence)) for n in sizes)])
    assert found.contention == pytest.approx(contention, abs=1e-6)
    assert found.coherence == pytest.approx(coherence, abs=1e-6)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 256), st.floats(0, 300)), max_size=8))
def test_any_points_give_shares_that_are_not_negative(points: list[tuple[int, float]]) -> None:
    found = fit_scaling(points)
    if found.contention is None or found.coherence is None:
        larger = [(n, c) for n, c in points if n > 1 and c > 1e-9]
        assert not larger or any(c < 1 for _, c in larger)  # slower than one worker alone: no law of waiting in line
        assert found == (None, None, None)
    else:
        assert 0 <= found.contention <= 1.001
        assert 0 <= found.coherence <= 1
        assert found.best_workers is None or 1 <= found.best_workers < math.inf


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], (None, None, None)),
        ([(1, 1.0)], (None, None, None)),
        ([(4, 0.0)], (None, None, None)),
        ([(1, 1.0), (2, 2.0), (4, 4.0)], (0, 0, None)),  # perfect
        ([(1, 1.0), (2, 2.2)], (0, 0, None)),  # better than perfect
        ([(1, 1.0), (2, 2 / 1.1)], (0.1, 0, None)),  # one size: all of it is contention
        ([(2, 2 / 1.1)], (0.1, 0, None)),  # one worker would say nothing anyway
        ([(1, 1.0), (2, 1.0), (4, 1.0), (8, 1.0)], (1, 0, 1)),  # the GIL
        ([(1, 1.0), (2, 0.54)], (None, None, None)),  # "contention 185 %" would be no share of anything
        ([(2, 1.1e-9), (256, 300.0)], (0, 0, None)),  # so far apart that one of them is lost in rounding
    ],
)
def test_curves_by_hand(points: list[tuple[int, float]], expected: ScalingFit) -> None:
    assert fit_scaling(points) == pytest.approx(expected, abs=1e-9)


def test_more_workers_that_cost_time_peak_where_the_law_says() -> None:
    retrograde = [(n, law(n, 0.0, 0.01)) for n in (1, 2, 4, 8, 16, 32)]
    found = fit_scaling(retrograde)
    assert found.best_workers == pytest.approx(10)
    assert best_workers(0.36, 0.01) == pytest.approx(8)
    assert best_workers(0.5, 3.0) == 1
    assert best_workers(1.5, 0.0) == 1
    assert best_workers(0.5, 0.0) is None


def test_one_share_takes_all_where_the_other_would_be_negative() -> None:
    falls_late = fit_scaling([(2, 2.0), (4, 3.9), (8, 4.0)])  # contention alone would hurt two workers already
    assert falls_late.contention == 0
    assert falls_late.coherence is not None and falls_late.coherence > 0
    saturates_early = fit_scaling([(2, 1.2), (4, 1.4), (8, 1.6)])
    assert saturates_early.coherence == 0
    assert saturates_early.contention == pytest.approx(0.6, abs=0.07)


@pytest.mark.parametrize(
    ("points", "gain", "stop"),
    [
        ([], 1.05, None),
        ([(4, 3.0)], 1.05, None),
        ([(1, 1.0), (2, 1.9), (4, 3.5)], 1.05, None),
        ([(1, 1.0), (2, 1.9), (4, 1.95), (8, 1.8)], 1.05, 2),
        ([(8, 1.8), (4, 1.95), (2, 1.9), (1, 1.0)], 1.05, 2),
        ([(1, 1.0), (2, 1.0), (4, 0.9)], 1.05, 1),
        ([(1, 1.0), (2, 1.0), (4, 2.0)], 1.05, None),  # the step at 4 counts against 1 and 2
        ([(1, 1.0), (2, 1.9), (4, 2.2)], 1.2, 2),
    ],
)
def test_where_more_workers_stop_paying(points: list[tuple[int, float]], gain: float, stop: int | None) -> None:
    assert stops_paying(points, gain) == stop


def test_an_interval_is_three_numbers() -> None:
    assert Interval(1.0, 2.0, 3.0)._asdict() == {"low": 1.0, "mid": 2.0, "high": 3.0}
