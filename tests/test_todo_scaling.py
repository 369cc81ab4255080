"""The laws of scaling find what they were made of, and the chart shows it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from todo_program import make_run, modules

todo = pytest.fixture(scope="module")(modules)

COUNTS = st.lists(st.integers(2, 100), min_size=2, max_size=6, unique=True)


@given(serial=st.floats(0, 1), counts=COUNTS)
def test_amdahls_serial_part_is_found(todo: Any, serial: float, counts: list[int]) -> None:
    points = [(n, 1 / (serial + (1 - serial) / n)) for n in [1, *counts]]
    assert todo.scaling.amdahl(points) == pytest.approx(serial, abs=1e-9)


@given(contention=st.floats(0, 1), coherence=st.floats(0, 0.1), counts=COUNTS)
def test_contention_and_coherence_are_found(todo: Any, contention: float, coherence: float, counts: list[int]) -> None:
    points = [(n, n / (1 + contention * (n - 1) + coherence * n * (n - 1))) for n in [1, *counts]]
    found = todo.scaling.usl(points)
    for n, speedup in points:
        assert n / (1 + found[0] * (n - 1) + found[1] * n * (n - 1)) == pytest.approx(speedup, rel=1e-6)
    assert found == pytest.approx((contention, coherence), abs=1e-5)


@given(points=st.lists(st.tuples(st.integers(-2, 100), st.floats(-1, 200) | st.just(math.inf) | st.just(math.nan))))
def test_laws_stay_in_their_bounds_whatever_was_measured(todo: Any, points: list[tuple[int, float]]) -> None:
    kept = [(n, speedup) for n, speedup in points if not speedup > 0 or speedup > 1e-3]
    assert 0 <= todo.scaling.amdahl(kept) <= 1
    assert min(todo.scaling.usl(kept)) >= 0
    assert todo.scaling.stops_paying_at(kept) in {None, *(n for n, _ in kept)}
    text = todo.scaling.scalability(make_run(todo), kept, todo.scaling.usl(kept))
    assert max(map(len, text.splitlines())) <= 80


@given(points=st.lists(st.tuples(st.integers(2, 64), st.floats(0.5, 64)), min_size=1, max_size=6))
def test_no_other_law_with_both_parts_at_least_0_fits_better(todo: Any, points: list[tuple[int, float]]) -> None:
    def error(contention: float, coherence: float) -> float:
        return sum((contention * (n - 1) + coherence * n * (n - 1) - (n / s - 1)) ** 2 for n, s in points)

    a, b = todo.scaling.usl(points)
    least = error(a, b)
    for other in ((a + 1e-3, b), (a, b + 1e-3), (max(0, a - 1e-3), b), (a, max(0, b - 1e-3)), (0.0, 0.0)):
        assert least <= error(*other) * (1 + 1e-9) + 1e-9


def test_one_count_gives_contention_alone(todo: Any) -> None:
    assert todo.scaling.usl([(1, 1.0), (4, 2.0)]) == pytest.approx((1 / 3, 0.0))
    assert todo.scaling.usl([]) == todo.scaling.usl([(1, 1.0)]) == (0.0, 0.0)
    assert todo.scaling.amdahl([(1, 1.0)]) == 0.0


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(1, 1.0), (2, 1.9), (4, 1.92), (8, 1.8)], 2),
        ([(8, 1.8), (1, 1.0), (4, 1.92), (2, 1.9)], 2),  # in any order
        ([(1, 1.0), (2, 2.0), (4, 4.0)], None),
        ([(1, 1.0), (2, 0.9)], 1),
        ([(1, 1.0), (2, 1.04), (4, 3.0)], None),  # a hump is no end
        ([(1, 1.0)], None),
        ([], None),
    ],
)
def test_where_it_stops_paying(todo: Any, points: list[tuple[int, float]], expected: int | None) -> None:
    assert todo.scaling.stops_paying_at(points) == expected


def test_the_chart_has_bars_the_ideal_and_the_laws_in_words(todo: Any) -> None:
    points = [(1, 1.0), (2, 1.9), (4, 1.92), (8, 1.8)]
    processes = make_run(todo, execution="processes", title="Processes")
    lines = todo.scaling.scalability(processes, points, todo.scaling.usl(points)).splitlines()
    one, two, four, eight = lines[1:5]
    assert one.endswith("1.00x") and "|" in one and "|" in two and ">" in four and ">" in eight
    assert two.count("#") > 1.8 * one.count("#")
    assert lines[-1] == "It stops paying at 2 processors: from there on, one more adds under 5 %."
    assert any(line.startswith("Amdahl's law: ") for line in lines)
    assert todo.scaling.scalability(processes, [], (0, 0)) == "No scaling was measured."


def test_the_serial_part_is_that_up_to_the_cpus(todo: Any) -> None:
    points = [(1, 1.0), (2, 1.9), (100, 0.5)]
    free = make_run(todo, title=todo.measures.FREE_THREADED)
    lines = todo.scaling.scalability(free, points, todo.scaling.usl(points), cpus=2).splitlines()
    assert "Amdahl's law up to 2 processors: 5.3 % of it is serial: never faster than 19.0x" in lines
    assert "Amdahl" not in todo.scaling.scalability(free, points, (0.1, 0.0), cpus=1)


def test_what_takes_turns_has_no_ideal_and_what_is_one_has_no_chart(todo: Any) -> None:
    points = [(1, 1.0), (2, 1.02)]
    for execution, title in (("threads", "Threads (GIL)"), ("asyncio", "asyncio")):
        run = make_run(todo, execution=execution, title=title)
        text = todo.scaling.scalability(run, points, todo.scaling.usl(points))
        assert "chance" in text and "|" not in text and ">" not in text and "ideal" not in text and "law" not in text
    free = make_run(todo, title=todo.measures.FREE_THREADED)
    assert "the ideal (|)" in todo.scaling.scalability(free, points, todo.scaling.usl(points))
    sequential = make_run(todo, execution="sequential", title="Sequential", processors=1)
    assert not todo.scaling.can_have_more(sequential)
    assert (
        todo.scaling.scalability(sequential, [], (0, 0)) == "Sequential has one processor: there is nothing to scale."
    )
