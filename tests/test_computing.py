"""The stand-in for work: found by a virtual clock, and by a real one."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from template_modules import TEMPLATES, template_module

from selector.benchmark.render import render


@pytest.fixture(scope="module")
def computing() -> Iterator[ModuleType]:
    with template_module("computing") as module:
        yield module


@pytest.fixture(scope="module")
def template() -> Iterator[ModuleType]:
    """The template whose work it stands in for."""
    with template_module("compare_approaches") as module:
        yield module


def seconds_by(
    per_step: float, beside: Callable[[], float] = float
) -> tuple[Callable[[int], float], Callable[[int], float]]:
    return lambda steps: beside() + steps * per_step, lambda steps: steps * per_step


def test_the_steps_take_the_time_of_the_task(computing: ModuleType) -> None:
    for target in (0.001, 0.04, 3.0, 400.0):
        for beside in (0.0, 0.0005):
            steps, found = computing._StandIn(target, *seconds_by(1e-7, lambda beside=beside: beside)).made()
            assert steps == pytest.approx((target - beside) / 1e-7, rel=1e-3), (target, beside)
            assert found == pytest.approx(target, rel=1e-3)


def test_what_is_shorter_than_a_task_without_steps_has_none(computing: ModuleType) -> None:
    assert computing._StandIn(0.0, *seconds_by(1e-7, lambda: 1e-6)).made() == (0, 1e-6)
    assert computing._StandIn(0.001, *seconds_by(1e-7, lambda: 0.002)).made() == (0, 0.002)


def test_a_stand_in_that_came_out_wrong_is_mended(computing: ModuleType) -> None:
    """The CPU is three times as slow as soon as the first steps have been counted."""
    speeds = iter([1e-7] * 20)
    found: list[float] = []

    def task_seconds(steps: int) -> float:
        found.append(steps * 3e-7)
        return found[-1]

    steps, made = computing._StandIn(0.05, task_seconds, lambda steps: steps * next(speeds, 3e-7)).made()
    assert made == found[-1] == pytest.approx(0.05, rel=0.1)
    assert steps == pytest.approx(0.05 / 3e-7, rel=0.1)
    endless = iter(range(10**6))
    steps, made = computing._StandIn(
        0.05, lambda steps: steps * 1e-7 * (1 + next(endless) % 2), seconds_by(1e-7)[1]
    ).made()
    assert made > 0  # it gives up and says what was found


def test_memory_that_a_task_touches_is_not_taken_for_its_computing(
    template: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Touching 100 MB takes longer than the first steps that calibration tries, and now longer, now shorter."""
    touching = random.Random(1)

    def task_seconds(steps: int) -> float:
        return steps * 1e-6 + (0 if template.worker.settings["keeps_memory"] else touching.uniform(0.03, 0.06))

    monkeypatch.setattr(template, "task_seconds", task_seconds)
    monkeypatch.setattr(sys.modules["computing"], "_OFF", 0.5)  # what is found to be made varies as much
    monkeypatch.setattr(template, "CPU_MS_PER_TASK", 200.0)
    monkeypatch.setattr(template, "TASK_MEMORY_MB", 100.0)
    steps = sorted(template.calibrate()["steps"] for _ in range(60))
    assert steps[0] > 138_000 and steps[-1] < 172_000, (steps[0], steps[-1])
    monkeypatch.setattr(template, "CPU_MS_PER_TASK", 2.0)
    assert template.calibrate()["keeps_memory"]  # touching it takes longer than the task


def test_the_clock_repeats_what_is_short_and_takes_the_least(
    computing: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    calls = 0

    def run() -> None:
        nonlocal now, calls
        calls += 1
        now += 1e-5 if calls % 3 else 2e-5

    monkeypatch.setattr(computing.time, "thread_time", lambda: now)
    assert 1e-5 <= computing._least_cpu_seconds(run) < 1.5e-5
    assert calls < 200

    def long() -> None:
        nonlocal now
        now += 5.0

    assert computing._least_cpu_seconds(long) == 5.0
    assert now < 11  # twice


def work_of_ones_own(item: object) -> list[str]:
    return [repr(part) for part in (item,)]


def work_that_calls(item: object) -> object:
    return [work_of_ones_own(each) for each in (item, item)]


def test_a_function_uses_what_it_or_those_that_it_calls_name(computing: ModuleType) -> None:
    def calls_it_in_two_steps(item: object) -> object:
        return work_that_calls(item)

    assert computing._uses(work_that_calls, work_of_ones_own)
    assert computing._uses(calls_it_in_two_steps, work_of_ones_own)
    assert not computing._uses(work_of_ones_own, work_that_calls)
    assert not computing._uses(print, work_of_ones_own)


def test_no_stand_in_is_made_where_the_work_is_your_own(template: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "CPU_MS_PER_TASK", 0.0)
    assert template.calibrate()["steps"] == 0
    monkeypatch.setattr(template, "work", work_of_ones_own)
    assert template.calibrate() == {}


CASES: list[dict[str, Any]] = [
    {"CPU_MS_PER_TASK": 3.0, "RELEASES_GIL": True},
    {"CPU_MS_PER_TASK": 3.0, "SHARED_STATE": "hot_writes"},
    {"CPU_MS_PER_TASK": 0.0001},
    {"CPU_MS_PER_TASK": 40.0},
    {"CPU_MS_PER_TASK": 400.0, "TASK_MEMORY_MB": 30.0},
    {"CPU_MS_PER_TASK": 2.0, "TASK_MEMORY_MB": 100.0},
]


@pytest.mark.parametrize(
    "values",
    [pytest.param(case, marks=[pytest.mark.slow] * (number > 2)) for number, case in enumerate(CASES)],
    ids="-".join,
)
def test_the_stand_in_takes_the_cpu_time_of_the_task_and_has_been_looked_at(
    template: ModuleType, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]
) -> None:
    for name, value in values.items():
        monkeypatch.setattr(template, name, value)
    found = template.calibrate()
    wanted, made = found["stand_in"]["cpu_ms"], found["stand_in"]["made_cpu_ms"]
    assert wanted == values["CPU_MS_PER_TASK"]
    assert abs(made - wanted) <= max(0.1 * wanted, 0.005)
    assert found["keeps_memory"] == (values.get("TASK_MEMORY_MB") == 100.0)  # touching it takes longer than the task


def test_a_script_with_work_of_ones_own_makes_no_stand_in(tmp_path: Path) -> None:
    text = render(TEMPLATES / "compare_approaches.py", {"CPU_MS_PER_TASK": 400_000.0})
    (tmp_path / "bench.py").write_text(
        text.replace("    wait()\n    return compute(item)\n", "    return []\n"), "utf-8"
    )
    code = "import bench; print(bench.calibrate())"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "{}\n"
