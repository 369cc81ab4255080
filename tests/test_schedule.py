"""What is measured when: reckoned by a virtual clock, without any process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from template_modules import HERE, template_module, workload


@pytest.fixture(scope="module")
def schedule() -> Iterator[ModuleType]:
    with template_module("schedule") as module:
        yield module


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def planned(schedule: ModuleType) -> Callable[..., Any]:
    """A schedule that has been calibrated and not begun: `planned(wall_ms, cpu_ms, budget_seconds, **workload)`."""

    def make(wall_ms: float, cpu_ms: float, budget_seconds: float = 60.0, **changes: Any) -> Any:
        changes = {"variants": {"": changes.get("tasks", 100)}, "budget_seconds": budget_seconds} | changes
        made = schedule._Schedule(workload(schedule.Workload, **changes), seed=1, clock=Clock())
        cost = {"wall_seconds": wall_ms / 1000, "cpu_seconds": cpu_ms / 1000, "startup_seconds": 0.0}
        for variant in made.workload.variants:
            made.costs[variant], made.tasks[variant], made.fewer[variant] = cost, 100, 10**9
        return made

    return make


def arms_of(schedule: ModuleType, made: Any, *tags: str) -> list[Any]:
    pythons = [schedule._Python(tag, f"/{tag}", (3, int(tag[2:].rstrip("t"))), tag.endswith("t")) for tag in tags]
    arms: list[Any] = schedule._arms(made.workload, pythons, made.costs)
    return arms


class Race:
    """A run of a schedule in which an arm takes `seconds_of(arm)`, or ends with a status."""

    def __init__(self, made: Any, arms: list[Any], outcome_of: Callable[[Any], float | str]) -> None:
        self.made, self.outcome_of = made, outcome_of
        self.measured: list[tuple[int, Any]] = []
        self.limits: list[float] = []
        self.dropped: dict[int, str] = {}
        self.reason = made.rounds(arms, self.measure, lambda arm, why: self.dropped.update({arm.arm: why}))

    def measure(self, arm: Any, number: int, limit_seconds: float) -> None:
        outcome = self.outcome_of(arm)
        took = outcome if isinstance(outcome, float) else 0.1
        self.made.clock.now += min(took, limit_seconds)
        status = outcome if isinstance(outcome, str) else "ok" if took <= limit_seconds else "timeout"
        self.made.note(arm, {"status": status, "seconds": took})
        self.measured.append((number, arm))
        self.limits.append(limit_seconds)

    def rounds_of(self, approach: str) -> int:
        return sum(arm.approach == approach for _, arm in self.measured)


def test_a_free_threaded_build_runs_what_it_is_for(schedule: ModuleType) -> None:
    old, new, free = (schedule._Python(tag, tag, (3, int(tag[2:4])), "t" in tag) for tag in ("3.10", "3.14", "3.14t"))
    can = schedule._can_run
    assert all(can(name, new, new) for name in (*HERE[1:], "subinterpreters"))
    assert not can("subinterpreters", old, old)
    assert not can("single_threaded", new, new)  # there it is the baseline
    assert not can("free_threaded", new, new)
    assert can("free_threaded", free, new)
    assert can("single_threaded", free, new)
    assert not can("threads", free, new)
    assert can("threads", old, new)
    assert can("threads", free, free)  # where there is no other build


def test_arms_are_the_baseline_twice_what_runs_and_other_sizes_of_what_is_recommended(
    schedule: ModuleType, planned: Callable[..., Any]
) -> None:
    made = planned(1, 1, workers={"threads": 8}, recommended="threads", scaling=(2, 8), variants={"a": 5, "b": None})
    arms = arms_of(schedule, made, "3.14", "3.14t")
    assert [arm.arm for arm in arms] == list(range(len(arms)))
    a, b = ([arm[1:5] for arm in arms if arm.variant == variant] for variant in "ab")
    assert a == b
    assert a[:2] == [("single_threaded", "3.14", 1, "baseline"), ("single_threaded", "3.14", 1, "control")]
    assert ("single_threaded", "3.14t", 1, "candidate") in a  # it computes: what that costs there
    assert [arm for arm in a if arm[0] == "threads"] == [
        ("threads", "3.14", 8, "candidate"),
        ("threads", "3.14", 2, "scaling"),
    ]
    waiting = planned(10, 1)
    assert not [arm for arm in arms_of(schedule, waiting, "3.14", "3.14t") if arm.interpreter == "3.14t"]


def test_where_nothing_is_recommended_all_approaches_compete_with_all_sizes(
    schedule: ModuleType, planned: Callable[..., Any]
) -> None:
    made = planned(1, 1, workers={"threads": 8}, scaling=(1, 4), approaches=("asyncio", "threads", "multiprocessing"))
    assert [arm[1:5] for arm in arms_of(schedule, made, "3.14")[2:]] == [
        ("asyncio", "3.14", 1, "candidate"),
        *((name, "3.14", size, "candidate") for name in ("threads", "multiprocessing") for size in (1, 4)),
    ]


def test_nothing_is_dropped_as_slow_before_so_many_rounds(schedule: ModuleType, planned: Callable[..., Any]) -> None:
    made = planned(1, 1, rounds=3)
    arms = arms_of(schedule, made, "3.14")
    slow = next(arm for arm in arms if arm.approach == "threads")
    for measured in (1, 2, 3):
        for arm in arms:
            made.note(arm, {"status": "ok", "seconds": 9.0 if arm is slow else 1.0})
        assert ([arm for arm, _ in made._losers(arms)] == [slow]) == (measured == 3)


def test_estimates_overlap_waits_and_share_computing(schedule: ModuleType, planned: Callable[..., Any]) -> None:
    made = planned(wall_ms=15, cpu_ms=10, workers={"threads": 5, "multiprocessing": 2})
    seconds = {arm.approach: made.estimate(arm, 100) - 0.2 for arm in arms_of(schedule, made, "3.14")}
    assert seconds["single_threaded"] == pytest.approx(1.5)
    assert seconds["threads"] == pytest.approx(1.0 + 0.5 / 5)
    assert seconds["asyncio"] == pytest.approx(1.0 + 0.5 / 1000)
    assert seconds["multiprocessing"] == pytest.approx(0.5 + 0.5 / 2)


@pytest.mark.parametrize("wall_ms", [0.0, 0.001, 1.0, 100.0, 1e6])
@pytest.mark.parametrize("budget_seconds", [0.5, 5.0, 600.0])
def test_the_number_of_tasks_fits_the_budget(
    schedule: ModuleType, planned: Callable[..., Any], wall_ms: float, budget_seconds: float
) -> None:
    for tasks in (None, 1, 7, 100, 10_000_000):
        for cpu_ms in (0.0, wall_ms):
            made = planned(wall_ms, cpu_ms, budget_seconds, tasks=tasks)
            arms = arms_of(schedule, made, "3.14")
            made.set_tasks(arms)
            number = made.tasks[""]
            assert 1 <= number <= (tasks or 10**6 * 2), (tasks, cpu_ms)
            if number > made.workload.cpus:
                one_round = sum(made.estimate(arm, made.tasks_of(arm, number)) for arm in arms)
                assert one_round <= budget_seconds * 0.51, (tasks, cpu_ms)


def test_waiting_one_after_the_other_is_measured_with_fewer_tasks(
    schedule: ModuleType, planned: Callable[..., Any]
) -> None:
    made = planned(wall_ms=100, cpu_ms=1, tasks=1000)
    arms = arms_of(schedule, made, "3.14")
    made.set_tasks(arms)
    tasks = {arm.approach: made.tasks_of(arm, made.tasks[""]) for arm in arms}
    assert tasks["single_threaded"] == 30  # 3 of 60 s
    assert tasks["asyncio"] == made.tasks[""] > 30


def test_losers_are_dropped_and_accidents_forgiven_once(schedule: ModuleType, planned: Callable[..., Any]) -> None:
    outcomes: dict[str, float | str] = {
        "threads": 1.0,
        "multiprocessing": 2.5,
        "asyncio": 9.0,
        "native_parallel": "crash",
        "asyncio_threads": "error",
        "single_threaded": 3.0,
    }
    made = planned(20, 20, budget_seconds=200.0, approaches=tuple(outcomes), recommended="asyncio")
    arms = arms_of(schedule, made, "3.14")
    race = Race(made, arms, lambda arm: outcomes[arm.approach])
    why = {arms[arm].approach: reason for arm, reason in race.dropped.items()}
    assert why == {
        "multiprocessing": "2.5x as long as threads",
        "native_parallel": "failed: crash",
        "asyncio_threads": "failed: error",
        "single_threaded": "3.0x as long as threads",
    }
    rounds = {approach: race.rounds_of(approach) for approach in outcomes}
    assert (rounds["multiprocessing"], rounds["asyncio_threads"]) == (1, 1)
    assert rounds["native_parallel"] == 2  # a crash may have been an accident
    assert rounds["single_threaded"] == 2 * 3  # baseline and control: the speedups need them three times
    assert rounds["asyncio"] > 3  # recommended: never dropped
    assert race.reason == "budget"


def test_every_arm_has_its_turn_the_baseline_first_and_the_budget_is_kept(
    schedule: ModuleType, planned: Callable[..., Any]
) -> None:
    for budget, seconds in ((60.0, 1.0), (60.0, 20.0), (5.0, 0.05), (2.0, 1000.0)):
        made = planned(1, 1, budget_seconds=budget, recommended="threads", scaling=(3, 4))
        arms = arms_of(schedule, made, "3.14")
        race = Race(made, arms, lambda arm, seconds=seconds: seconds)  # type: ignore[misc]
        case = budget, seconds
        assert race.measured[0][1].role == "baseline", case
        first = [arm for number, arm in race.measured if number == 0]
        assert len(first) == len(set(first)) and not [arm for arm in first if arm.role == "scaling"], case
        assert made.clock.now <= budget * 1.02 + 0.5, case
        assert all(limit >= 0.5 for limit in race.limits), case
        tried = {arm for _, arm in race.measured}
        assert set(made.never_measured(arms)) == set(arms) - tried, case
        if seconds < budget / 20:
            assert tried == set(arms), case
    assert race.limits[0] < 2.0 / 2  # what hangs leaves time for the others


def test_a_run_is_done_where_nobody_is_left(schedule: ModuleType, planned: Callable[..., Any]) -> None:
    made = planned(1, 1)
    race = Race(made, arms_of(schedule, made, "3.14"), lambda arm: "error")
    assert race.reason == "done"
    assert {number for number, _ in race.measured} == {0}


def test_the_order_is_drawn_from_the_seed(schedule: ModuleType, planned: Callable[..., Any]) -> None:
    def order(seed: int) -> list[int]:
        made = planned(1, 1)
        made.random.seed(seed)
        return [arm.arm for _, arm in Race(made, arms_of(schedule, made, "3.14"), lambda arm: 1.0).measured]

    assert order(1) == order(1) != order(2)


def test_what_shows_the_scaling_runs_after_all_else_once_or_thrice_if_cheap(
    schedule: ModuleType, planned: Callable[..., Any]
) -> None:
    for seconds, rounds in ((0.1, {1, 2, 3}), (2.0, {1})):
        made = planned(1, 1, approaches=("threads",), recommended="threads", scaling=(4,))
        race = Race(made, arms_of(schedule, made, "3.14"), lambda arm, seconds=seconds: seconds)  # type: ignore[misc]
        assert {number for number, arm in race.measured if arm.role == "scaling"} == rounds


def test_beside_others_a_measurement_may_take_longer(schedule: ModuleType, planned: Callable[..., Any]) -> None:
    def first_limit(taken: float | None, elapsed: float = 0.0) -> float:
        made = planned(wall_ms=10, cpu_ms=10, budget_seconds=600.0, approaches=())
        made.note_cpus(taken)
        made.clock.now = elapsed
        limits = Race(made, arms_of(schedule, made, "3.14"), lambda arm: 1.0).limits
        return limits[0]

    alone = first_limit(None)
    assert first_limit(1.0) == pytest.approx(2 * alone)  # of 2 CPUs
    assert first_limit(2.0) == pytest.approx(10 * alone)
    assert first_limit(2.0, elapsed=595.0) < 20  # the budget holds all the same


def test_a_process_may_overrun_the_budget_by_a_moment_only(planned: Callable[..., Any]) -> None:
    made = planned(1, 1, budget_seconds=100.0)
    assert made.at_most(30.0) == 30.0
    assert made.at_most(1000.0) == 105.0
    made.clock.now = 200.0
    assert made.at_most(1000.0) == 0.1
