"""When workers were busy, as a script tells it: true to the times of the tasks, and never long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from template_modules import template_module

from selector.benchmark.events import Busy

Done = tuple[Any, int, float, float]


@pytest.fixture(scope="module")
def busy() -> Iterator[ModuleType]:
    with template_module("busy") as module:
        yield module


def told(busy: ModuleType, done: list[Done], begun: float = 0.0, ended: float = 10.0) -> Busy:
    return Busy.model_validate_json(json.dumps(busy._busy(done, begun, ended)))


def test_each_worker_has_its_tasks_from_when_to_when(busy: ModuleType) -> None:
    done: list[Done] = [("a", 7, 101, 103), ("b", 8, 102, 104), ("c", 7, 103.01, 105), ("d", 7, 108, 109)]
    found = told(busy, done, 100.0, 110.0)
    assert (found.seconds, found.more_workers) == (10, 0)
    one, two = found.workers
    assert one.spans == ((1, 5), (8, 9)) and two.spans == ((2, 4),)  # 0.01 of 10 s is no gap
    assert (one.tasks, one.seconds, two.tasks, two.seconds) == (3, pytest.approx(4.99), 1, 2)
    assert one.at_once == two.at_once == 1


def test_tasks_of_an_event_loop_are_in_flight_together(busy: ModuleType) -> None:
    (loop,) = told(busy, [(n, 1, 1.0, 6.0) for n in range(9)] + [(9, 1, 2.0, 7.0)]).workers
    assert (loop.tasks, loop.seconds, loop.spans) == (10, 6, ((1, 7),))
    assert loop.at_once == pytest.approx(50 / 6, abs=0.01)


def test_of_many_workers_some_are_told_and_how_many_more_there_are(busy: ModuleType) -> None:
    found = told(busy, [("", n, n / 20, 9.0) for n in range(100)])
    assert (len(found.workers), found.more_workers) == (24, 76)
    begun = [worker.spans[0][0] for worker in found.workers]
    assert begun[0] == 0 and begun[-1] > 4.7 and begun == sorted(begun)  # from the first to begin to the last


def test_of_many_gaps_the_longest_are_told(busy: ModuleType) -> None:
    done = [("", worker, n / 50, n / 50 + (0.001 if n % 5 else 0.0001)) for worker in range(4) for n in range(450)]
    done += [("", 2, 9.5, 9.6)]
    found = told(busy, done)
    assert sum(len(worker.spans) for worker in found.workers) <= 240
    assert found.workers[2].spans[-1] == (9.5, 9.6)  # after the longest gap of all
    assert found.workers[1].seconds == pytest.approx(360 * 0.001 + 90 * 0.0001)  # whatever is drawn


def test_of_very_many_tasks_there_is_no_timeline(busy: ModuleType) -> None:
    assert busy._busy([(None, 0, 0.0, 1.0)] * 50_001, 0.0, 1.0) is None


@given(
    st.lists(
        st.tuples(st.none(), st.integers(0, 40), st.floats(0, 1), st.floats(0, 1)).map(
            lambda t: (*t[:2], *sorted(t[2:]))
        ),
        min_size=1,
        max_size=300,
    )
)
def test_spans_hold_every_task_and_no_more_time_than_there_is(busy: ModuleType, done: list[Done]) -> None:
    found = told(busy, done, 0.0, 1.0)
    if not found.more_workers:
        assert sum(worker.tasks for worker in found.workers) == len(done)
    for worker in found.workers:
        flat = [time for span in worker.spans for time in span]
        assert flat == sorted(flat) and 0 <= flat[0] <= flat[-1] <= 1
        assert worker.seconds <= sum(until - since for since, until in worker.spans) + 1e-5
    assert sum(len(worker.spans) for worker in found.workers) <= 240
