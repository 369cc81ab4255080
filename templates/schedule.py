"""What is measured when, and for how long at most. It reckons with what is known, and starts nothing itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from approaches import APPROACHES_BY_ID
from arms import _Arm, _Python
from outcome import SHORT_SECONDS
from workload import Workload


def _arms(workload: Workload, pythons: list[_Python], costs: dict[str, dict[str, Any]]) -> list[_Arm]:
    """What is measured of each variant, numbered. The first Python is the reference; `costs` is what was calibrated."""
    arms = [arm for variant in workload.variants for arm in _arms_of(workload, pythons, variant, costs[variant])]
    return [arm._replace(arm=number) for number, arm in enumerate(arms)]


def _arms_of(workload: Workload, pythons: list[_Python], variant: str, cost: dict[str, Any]) -> Iterator[_Arm]:
    """The baseline and its double on the reference, then every approach on every interpreter that can run it."""
    for role in ("baseline", "control"):
        yield _Arm(0, "single_threaded", pythons[0].tag, 1, role, variant, pythons[0].path)
    for name in workload.approaches:
        if name == "single_threaded" and not _computes(cost):
            continue  # plain code on another build shows what computing costs there
        for python in pythons:
            if _can_run(name, python, pythons[0]):
                for workers, role in _sizes(workload, name):
                    yield _Arm(0, name, python.tag, workers, role, variant, python.path)


def _sizes(workload: Workload, name: str) -> list[tuple[int, str]]:
    """(Workers, role) of an approach: its own size, and those that show how the recommended one scales.

    Where nothing is recommended, every approach is a candidate with each size that is asked for.
    """
    if not APPROACHES_BY_ID[name].pool:
        return [(1, "candidate")]
    if workload.recommended is None and workload.scaling:
        return [(workers, "candidate") for workers in workload.scaling]
    size = workload.workers.get(name, workload.cpus)
    more = workload.scaling if name == workload.recommended else ()
    return [(size, "candidate"), *((workers, "scaling") for workers in more if workers != size)]


def _can_run(name: str, python: _Python, reference: _Python) -> bool:
    """On a free-threaded build only what it is for, and plain code to compare with; unless there is no other build."""
    approach = APPROACHES_BY_ID[name]
    if python.version < approach.since or approach.free_threaded > python.free_threaded:
        return False
    if name == "single_threaded":
        return python is not reference  # there it is the baseline
    return python is reference or approach.free_threaded == python.free_threaded


def _computes(cost: dict[str, Any]) -> bool:
    """Whether a task computes for more than half of its time."""
    return bool(cost["cpu_seconds"] > 0.5 * cost["wall_seconds"])


def _overlaps(arm: _Arm) -> bool:
    return APPROACHES_BY_ID[arm.approach].overlaps


class _Schedule:
    """Who is measured next, with how many tasks, and for how long at most; it keeps what came of those before.

    The budget (`workload.budget_seconds`) runs from now, by a clock in seconds.
    """

    def __init__(self, workload: Workload, seed: int, clock: Callable[[], float] = time.monotonic) -> None:
        import random

        self.workload, self.clock = workload, clock
        self.begun = clock()
        self.budget = workload.budget_seconds
        self.random = random.Random(seed)
        self.tasks: dict[str, int] = {}  # of each variant
        self.fewer: dict[str, int] = {}  # of each variant: how many are measured where tasks wait one after the other
        self.costs: dict[str, dict[str, Any]] = {}  # of each variant: what _calibrate found
        self.seconds: dict[int, list[float]] = {}  # of each arm: what it took, successful ones only
        self.took: dict[int, list[float]] = {}  # the same, without what was extrapolated
        self.failed: dict[int, str] = {}  # of each arm: how it failed last
        self.failures: dict[int, int] = {}
        self.dropped: set[int] = set()
        self.crowding = 1.0  # how much longer things may take as others take CPUs, by the last that was looked at

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self.begun

    def left(self) -> float:
        """Seconds of the budget."""
        return self.budget - self.elapsed()

    def at_most(self, seconds: float) -> float:
        """That long, if the budget is not over by more than a moment then."""
        return max(0.1, min(seconds, self.left() + max(1.0, 0.05 * self.budget)))

    def note_cpus(self, taken: float | None) -> None:
        """How many of the CPUs others took just now, if that is known."""
        cpus = self.workload.cpus
        self.crowding = cpus / max(cpus - (taken or 0.0), 0.1 * cpus)

    def note(self, arm: _Arm, answer: dict[str, Any]) -> None:
        """Keep what came of a measurement."""
        if answer["status"] == "ok":
            self.seconds.setdefault(arm.arm, []).append(answer["seconds"])
            self.took.setdefault(arm.arm, []).append(answer.get("took_seconds", answer["seconds"]))
        else:
            self.failed[arm.arm] = answer["status"]
            self.failures[arm.arm] = self.failures.get(arm.arm, 0) + 1

    # How many tasks --------------------------------------------------------------------------------------------------

    def set_tasks(self, arms: list[_Arm]) -> None:
        """As many tasks as asked for if three rounds of them fit the budget, else so many that three or four do."""
        for variant in self.workload.variants:
            self.tasks[variant] = self._affordable([arm for arm in arms if arm.variant == variant], variant)

    def _affordable(self, arms: list[_Arm], variant: str) -> int:
        left, cpus = self.left() / len(self.workload.variants), self.workload.cpus
        self.fewer[variant] = self._fewer(variant, left)
        asked = self.workload.variants[variant] or self._long_enough(arms)

        def round_seconds(tasks: int) -> float:
            """What the first round takes with so many."""
            return sum(self.estimate(a, self.tasks_of(a, tasks)) for a in arms if a.role != "scaling")

        if round_seconds(asked) <= left / 3:
            return int(asked)
        affordable, too_many = 0, int(asked)
        while too_many - affordable > 1:
            middle = (affordable + too_many) // 2
            affordable, too_many = (middle, too_many) if round_seconds(middle) <= 0.28 * left else (affordable, middle)
        evenly = 8 if affordable >= 16 else cpus  # so that no worker is left with one task more
        return max(1, min(asked, max(affordable - affordable % evenly, cpus)))

    def _fewer(self, variant: str, left_seconds: float) -> int:
        """How many tasks to measure where they wait one after the other: the time of more follows from that.

        All of them where computing prevails, or where that takes up to a twentieth of the budget.
        """
        cost = self.costs[variant]
        return 1_000_000_000 if _computes(cost) else max(1, int(0.05 * left_seconds / max(cost["wall_seconds"], 1e-9)))

    def _long_enough(self, arms: list[_Arm]) -> int:
        """So many tasks that even the fastest approach works for several tenths of a second."""
        tasks = 2
        while tasks < 1_000_000 and any(
            self.estimate(a, tasks) - self.estimate(a, 0) < 3 * SHORT_SECONDS for a in arms
        ):
            tasks *= 2
        return tasks

    def tasks_of(self, arm: _Arm, tasks: int) -> int:
        """How many of the tasks an arm really does."""
        return tasks if _overlaps(arm) else min(tasks, self.fewer[arm.variant])

    def estimate(self, arm: _Arm, tasks: int) -> float:
        """What a measurement of that many tasks might take, before there is one: waits overlap, computing may not."""
        cost, approach = self.costs[arm.variant], APPROACHES_BY_ID[arm.approach]
        cpu, wait = cost["cpu_seconds"], cost["wall_seconds"] - cost["cpu_seconds"]
        in_flight = self.workload.concurrency or 1000
        width = arm.workers if approach.pool and not approach.loop else in_flight
        overlap = min(width, in_flight) if approach.overlaps else 1
        at_once = (
            min(arm.workers if approach.pool else self.workload.cpus, self.workload.cpus) if approach.parallel else 1
        )
        return 0.2 + float(cost["startup_seconds"] + tasks * cpu / at_once + tasks * wait / overlap)

    # Rounds ----------------------------------------------------------------------------------------------------------

    def rounds(
        self,
        arms: list[_Arm],
        measure: Callable[[_Arm, int, float], None],
        drop: Callable[[_Arm, str], None],
    ) -> str:
        """Round after round in random order while there is time; clear losers are dropped on the way.

        `measure(arm, number of the round, limit in seconds)` is to `note` what came of it, `drop(arm, why)` to tell it.
        Returns why it ended: "budget", or "done" where nobody was left.
        """
        number = 0
        while True:
            wanted = self._wanted(arms, number)
            self.random.shuffle(wanted)
            if number == 0:  # what the others' results are compared with
                wanted.sort(key=lambda arm: arm.role != "baseline")
            ran = 0
            for place, arm in enumerate(wanted):
                if self._fits(arm, number):
                    measure(arm, number, self._limit(arm, waiting=1 if number else len(wanted) - place))
                    ran += 1
            if not ran:
                return "budget" if wanted else "done"
            number += 1
            for arm, why in self._losers(arms):
                self.dropped.add(arm.arm)
                drop(arm, why)

    def never_measured(self, arms: list[_Arm]) -> list[_Arm]:
        """Those that no round had time for."""
        return [arm for arm in arms if arm.arm not in self.seconds and arm.arm not in self.failed]

    def _wanted(self, arms: list[_Arm], number: int) -> list[_Arm]:
        """Who is in the next round: not the dropped; what only shows the scaling once, after all else, or thrice if cheap."""

        def wanted(arm: _Arm) -> bool:
            if arm.arm in self.dropped or (arm.role == "scaling" and number == 0):
                return False
            return (
                arm.role != "scaling"
                or number < 2
                or (number < 4 and min(self.took.get(arm.arm, [0.0])) < 0.01 * self.budget)
            )

        return [arm for arm in arms if wanted(arm)]

    def _fits(self, arm: _Arm, number: int) -> bool:
        """Whether there is time for it: what it took before, or in the first round a fair chance."""
        if number == 0:
            return self.left() > 0.5
        known = self.took.get(arm.arm)
        expected = max(known) + 0.15 if known else self.estimate(arm, self.tasks[arm.variant])
        return expected < self.left()

    def _limit(self, arm: _Arm, waiting: int) -> float:
        """After how many seconds a measurement is stopped: well over what it should take, and no more than its share.

        What it should take is that of a quiet machine; beside others it may take longer in proportion.
        """
        sequential = self.estimate(arm._replace(approach="single_threaded", workers=1), self.tasks[arm.variant])
        share = 3 * self.left() / waiting
        return max(min((5 + 3 * sequential) * self.crowding, share, self.left() + 0.02 * self.budget), 0.5)

    def _losers(self, arms: list[_Arm]) -> Iterator[tuple[_Arm, str]]:
        """What failed and is not worth another try, and what is clearly slower than the fastest; and why."""
        import statistics

        for variant in self.workload.variants:
            racing = [arm for arm in arms if arm.variant == variant and arm.arm not in self.dropped]
            medians = {arm.arm: statistics.median(self.seconds[arm.arm]) for arm in racing if arm.arm in self.seconds}
            best = min(
                (a for a in racing if a.arm in medians and a.role != "scaling"),
                key=lambda a: medians[a.arm],
                default=None,
            )
            for arm in racing:
                if why := self._why_drop(arm, best, medians):
                    yield arm, why

    def _why_drop(self, arm: _Arm, best: _Arm | None, medians: dict[int, float]) -> str:
        if self.failures.get(arm.arm, 0) > (self.failed.get(arm.arm) == "crash"):  # a crash may have been an accident
            return f"failed: {self.failed[arm.arm]}"
        samples = self.seconds.get(arm.arm)
        if best is None or not samples or arm.role == "scaling" or arm.approach == self.workload.recommended:
            return ""
        if len(samples) < self.workload.rounds:
            return ""
        share = min(self.took[arm.arm]) / self.budget
        again = 1 if share > 0.08 else 2 if share > 0.03 else 3
        if arm.role in ("baseline", "control") and len(samples) < again:
            return ""
        ratio = min(samples) / medians[best.arm]
        limit = 2.0 if len(samples) == 1 else 1.4 if len(samples) < 4 else 1.25
        return f"{ratio:.1f}x as long as {best.approach}" if ratio > limit else ""
