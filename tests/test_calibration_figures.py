"""How samples become figures, and what disturbs a sample, in the calibration probe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from calibration_probe import modules
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def probe() -> Iterator[SimpleNamespace]:
    with modules() as found:
        yield found


# Figures --------------------------------------------------------------------------------------------------------------


@given(samples=st.lists(st.floats(-10, 1e6), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_figure_lies_within_its_range_and_its_samples(probe, samples):
    for summary in set(probe.figures.COSTS.values()):
        figure = probe.figures.summarised(samples, summary)
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"]
        assert figure["high"] <= max(0, *samples) * 1.0001
        assert figure["samples"] == len(samples)


def test_figures_are_quartiles(probe):
    samples = [4.0, 2.0, 3.0, 1.0, 5.0]
    assert probe.figures.summarised(samples, probe.figures.TIME) == {
        "value": 2.0,
        "low": 1.0,
        "high": 4.0,
        "samples": 5,
    }
    assert probe.figures.summarised(samples, probe.figures.MIDDLE) == {
        "value": 3.0,
        "low": 2.0,
        "high": 4.0,
        "samples": 5,
    }
    assert probe.figures.summarised(samples, probe.figures.RATE) == {
        "value": 4.0,
        "low": 2.0,
        "high": 5.0,
        "samples": 5,
    }
    assert probe.figures.summarised([7.0], probe.figures.TIME) == {"value": 7.0, "low": 7.0, "high": 7.0, "samples": 1}


def clean(*samples: float) -> list[tuple[float, float]]:
    """Samples that nothing disturbed."""
    return [(sample, 0.01) for sample in samples]


def disturbed(*samples: float) -> list[tuple[float, float]]:
    return [(sample, 0.4) for sample in samples]


def test_only_undisturbed_samples_make_a_figure(probe):
    key = "thread_dispatch_ms"
    found = probe.figures.figures({key: [*clean(1.0, 1.1, 1.2), *disturbed(7.0, 8.0)]}, 2)[key]
    assert (found["value"], found["samples"], found["quality"], found["note"]) == (1.1, 3, "usable", "")
    found = probe.figures.figures({key: [*clean(1.0), *disturbed(7.0, 8.0)]}, 2)[key]
    assert (found["value"], found["quality"], found["note"]) == (1.0, "noisy", "1 of 3 undisturbed")
    found = probe.figures.figures({key: disturbed(7.0, 8.0)}, 2)[key]
    assert (found["value"], found["quality"], found["note"]) == (7.5, "noisy", "0 of 2 undisturbed")


def test_samples_that_do_not_agree_make_a_noisy_figure(probe):
    def quality(key: str, *samples: float) -> Any:
        return probe.figures.figures({key: clean(*samples)}, 2)[key]["quality"]

    assert quality("thread_dispatch_ms", 1.0, 1.2, 1.4) == "usable"
    found = probe.figures.figures({"thread_dispatch_ms": clean(1.0, 2.0, 5.0)}, 2)["thread_dispatch_ms"]
    assert (found["quality"], found["note"]) == ("noisy", "1.5 to 3.5")
    assert (
        quality("subinterpreter_more_ms", 0.0, 1.0, 3.0) == "usable"
    )  # the difference of two times: some ms are noise
    assert quality("subinterpreter_more_ms", 0.0, 10.0, 30.0) == "noisy"
    assert quality("process_pool_spawn_ms", 90.0) == "usable"  # a program has one first pool
    assert quality("process_dispatch_ms", 0.1) == "noisy"


def test_a_time_of_all_is_told_by_those_of_one_beside_it_as_cpus_change_their_speed(probe, monkeypatch):
    """Alone 20 ms; then all CPUs are 1.5x slower: nobody knows of that time; then two that are known, in which nothing is lost."""
    times = iter([20, 20, 20, 20, 30, 30, 30])
    clock = SimpleNamespace(now=0.0)

    class Pool:
        def map(self, _, items):
            items = list(items)
            clock.now += next(times) / 1000
            return [0.0] * len(items)

    monkeypatch.setattr(probe.parts, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(probe.parts, "milliseconds", lambda *_: 80)
    monkeypatch.setattr(probe.parts, "run_all", lambda *_: None)
    found = list(probe.parts.efficiency(Pool(), 2, "efficiency_processes", None))
    assert [(round(ratio, 3), disturbance) for _, ratio, disturbance in found] == [(1.0, 0.0), (1.25, 1.0), (1.0, 0.0)]
    samples = {"efficiency_processes": [(ratio, disturbance) for _, ratio, disturbance in found]}
    figure = probe.figures.figures(samples, 2)["efficiency_processes"]
    assert (figure["value"], figure["samples"], figure["quality"]) == (1.0, 2, "usable")


def test_what_is_impossible_is_no_figure(probe, monkeypatch):
    key = "efficiency_processes"
    found = probe.figures.figures({key: clean(1.01, 1.02, 2.0)}, 2)[key]
    assert (found["high"], found["samples"], found["quality"]) == (1.0, 2, "usable")  # 1.02 is chance, 2 is nonsense
    found = probe.figures.figures({key: clean(2.0, 2.5)}, 2)[key]
    assert (found["quality"], found["note"]) == ("noisy", "beyond what is possible")
    turns = {"efficiency_threads_python": clean(0.5, 0.499, 0.83)}
    monkeypatch.setattr(probe.figures, "gil_enabled", lambda: True)
    assert (
        probe.figures.figures(turns, 2)["efficiency_threads_python"]["samples"] == 2
    )  # with a GIL, 0.83 of 2 CPUs is nonsense
    monkeypatch.setattr(probe.figures, "gil_enabled", lambda: False)
    assert probe.figures.figures(turns, 2)["efficiency_threads_python"]["samples"] == 3


def test_noise_is_the_part_of_the_measurements_that_was_disturbed(probe):
    assert probe.figures.noise({"x": clean(1.0, 2.0), "y": [*clean(1.0), *disturbed(2.0)]}) == 0.25


class FakeSystem:
    """What the system says of time and CPUs, to be set by a test."""

    def __init__(self, probe: Any, monkeypatch: pytest.MonkeyPatch, cpus: int = 2) -> None:
        self.now = self.cpu = 0.0
        self.delay: float | None = 0.0
        self.others: tuple[int, float] | None = (cpus, 0.0)
        clocks = SimpleNamespace(perf_counter=lambda: self.now, thread_time=lambda: self.cpu)
        monkeypatch.setattr(probe.watch, "time", clocks)
        monkeypatch.setattr(probe.watch, "cpu_delay", lambda: self.delay)
        monkeypatch.setattr(probe.watch, "cpus_of_others", lambda: self.others)

    def passes(self, seconds: float, *, cpu: float = 0.0, delay: float = 0.0, others: float = 0.0) -> None:
        self.now += seconds
        self.cpu += cpu
        self.delay = None if self.delay is None else self.delay + delay
        self.others = None if self.others is None else (self.others[0], self.others[1] + others)


def test_a_sample_in_which_the_thread_waited_for_a_cpu_is_disturbed(probe, monkeypatch):
    system = FakeSystem(probe, monkeypatch)
    watch = probe.watch.Watch(2, 2)
    system.passes(0.1, delay=0.005)
    assert watch.take(("asyncio_task_ms", 1.0)) == []  # the window is still open
    system.passes(0.2, delay=0.1)
    assert watch.take(("asyncio_task_ms", 2.0)) == [("asyncio_task_ms", 1.0, 0.05), ("asyncio_task_ms", 2.0, 0.5)]


def test_where_workers_share_the_cpus_with_the_thread_that_feeds_them_it_may_wait(probe, monkeypatch):
    system = FakeSystem(probe, monkeypatch)
    watch = probe.watch.Watch(2, 2)
    system.passes(0.3, delay=0.1)
    assert watch.take(("thread_dispatch_ms", 1.0)) == [("thread_dispatch_ms", 1.0, 0.0)]


def test_a_sample_beside_others_that_use_the_cpus_is_disturbed_if_it_takes_all_of_them(probe, monkeypatch):
    system = FakeSystem(probe, monkeypatch)
    watch = probe.watch.Watch(2, 2)
    system.passes(0.3, others=0.3 * 1.05)
    watch.take(("asyncio_task_ms", 1.0))
    assert watch.lacked == pytest.approx(0.5)
    for key, disturbance in {
        "efficiency_hot": 0.5,
        "thread_dispatch_ms": 0.5,
        "asyncio_task_ms": 0.0,
        "base_memory_mb": 0.0,
    }.items():
        assert watch.disturbance(key, 0.0) == pytest.approx(disturbance)


def test_others_do_no_harm_where_there_are_cpus_for_all(probe, monkeypatch):
    system = FakeSystem(probe, monkeypatch, cpus=64)
    watch = probe.watch.Watch(4, 4)  # a container's part of a large machine
    system.passes(0.3, others=0.3 * 50)
    assert watch.take(("thread_dispatch_ms", 1.0)) == [("thread_dispatch_ms", 1.0, 0.0)]


def test_workers_say_themselves_how_long_they_waited(probe, monkeypatch):
    system = FakeSystem(probe, monkeypatch)
    watch = probe.watch.Watch(2, 2)
    system.passes(0.3)
    assert watch.take(("efficiency_hot", 1.0, 0.2)) == [("efficiency_hot", 1.0, 0.2)]


def test_where_the_system_does_not_say_computing_that_lost_time_tells(probe, monkeypatch):
    system = FakeSystem(probe, monkeypatch)
    system.delay = system.others = None
    watch = probe.watch.Watch(2, 2)
    system.passes(0.1, cpu=0.04)
    watch.take(("python_arithmetic_ns", 1.0))
    system.passes(0.2)
    assert watch.take(("thread_dispatch_ms", 1.0)) == [
        ("python_arithmetic_ns", 1.0, 0.6),
        ("thread_dispatch_ms", 1.0, 0.3),
    ]


def test_what_is_left_at_the_end_is_told_by_the_window_before(probe, monkeypatch):
    system = FakeSystem(probe, monkeypatch)
    watch = probe.watch.Watch(2, 2)
    system.passes(0.3, others=0.3 * 1.05)
    watch.take(("thread_dispatch_ms", 1.0))
    system.passes(0.01, others=0.0)
    watch.take(("thread_dispatch_ms", 2.0))
    assert watch.close() == [("thread_dispatch_ms", 2.0, 0.5)]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say")
def test_the_system_is_asked(probe):
    assert probe.work.watched_work(probe.work.loops, 1) <= 1
    delay, others = probe.work.cpu_delay(), probe.watch.cpus_of_others()
    assert delay is None or delay >= 0
    if others is not None:
        assert others[0] == len(os.sched_getaffinity(0))
        probe.work.loops(2)
        assert probe.watch.cpus_of_others()[1] >= others[1] - 0.05
    assert next(iter(probe.tree.family())) == os.getpid()
