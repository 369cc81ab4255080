"""The run: which Pythons there are, how long a task takes, then round after round. Each step is an event."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from arms import _Arm, _described, _Python, _pythons_told
from launcher import _Launcher
from schedule import _arms, _Schedule
from workload import Workload

if TYPE_CHECKING:
    import argparse

SCHEMA = 1


class _Run:
    """Measures every arm in random rounds until the budget is spent, and tells what happens by `event`."""

    def __init__(self, workload: Workload, options: argparse.Namespace, event: Callable[..., None]) -> None:
        import random

        self.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
        self.schedule = _Schedule(workload, self.seed)
        self.workload, self.options, self.event = workload, options, event
        noted = self.schedule.note_cpus
        self.launcher = _Launcher(workload.memory_budget_mb, workload.cpus, noted, options.parent)
        self.detail = ""
        self.checksums: dict[str, str] = {}  # of each variant: what the baseline's results come to

    def elapsed(self) -> float:
        return self.schedule.elapsed()

    def measure_all(self) -> str:
        """The whole run; returns why it ended."""
        self.launcher.begin()
        self.event(
            event="start",
            schema=SCHEMA,
            name=self.workload.name,
            seed=self.seed,
            budget_seconds=self.schedule.budget,
            io=self.options.io,
            cpus=self.workload.cpus,
            recommended=self.workload.recommended,
            assumed=list(self.workload.assumed),
            memory_limit_mb=round(self.launcher.memory_limit_mb, 1),
            python=sys.version.split()[0],
        )
        pythons = self._pythons()
        if not pythons:
            self.detail = "no interpreter can run this script"
            return "failed"
        for variant in self.workload.variants:
            if not self._calibrate(pythons[0], variant):
                return "failed"
        arms = _arms(self.workload, pythons, self.schedule.costs)
        self.schedule.set_tasks(arms)
        self._announce(arms)
        reason = self.schedule.rounds(arms, self._measure, self._drop)
        for arm in self.schedule.never_measured(arms):
            self._report(arm, 0, {"status": "not_run", "reason": "the budget ended before its turn"}, 0.0)
        return reason

    def _pythons(self) -> list[_Python]:
        """The interpreters that run this script, the reference first: one with a GIL, as the figures are of one."""

        def probe(path: str) -> dict[str, Any]:
            return self.launcher.probe(path, self.schedule.at_most(min(max(self.schedule.left() / 3, 2.0), 30.0)))

        def newest_first(python: _Python) -> tuple[bool, list[int]]:
            return python.free_threaded, [-number for number in python.version]

        return _pythons_told(self.options.interpreter or [sys.executable], probe, newest_first, self.event)[0]

    def _calibrate(self, python: _Python, variant: str) -> bool:
        """How much work makes a task, on the reference interpreter: every arm then does the same."""
        settings = {
            **self.workload.settings,
            "io": self.options.io,
            "port": 0,
            "variant": variant,
            "library_threads": 1,
            "shares_memory": True,
        }
        limit = self.schedule.at_most(max(self.schedule.left() / 3, 5.0) * self.schedule.crowding)
        answer = self.launcher.ask(python.path, {"kind": "calibrate", "settings": settings}, limit)
        self.schedule.costs[variant] = answer
        if answer["status"] != "ok":
            more = "; give it more time by --budget" if answer["status"] == "timeout" else ""
            self.detail = f"the work could not be tried out: {answer['status']}: {answer['reason']}{more}"
        return bool(answer["status"] == "ok")

    def _announce(self, arms: list[_Arm]) -> None:
        variant, asked = next(iter(self.workload.variants.items()))
        first = self.schedule.costs[variant]
        self.event(
            event="plan",
            tasks=self.schedule.tasks[variant],
            tasks_asked=asked,
            task_wall_ms=first["wall_seconds"] * 1000,
            task_cpu_ms=first["cpu_seconds"] * 1000,
            stand_in=first.get("stand_in"),
            arms=[_described(arm) for arm in arms],
        )

    def _drop(self, arm: _Arm, why: str) -> None:
        self.event(event="dropped", arm=arm.arm, reason=why)

    def _measure(self, arm: _Arm, number: int, limit_seconds: float) -> None:
        """Measure one arm once, in the round of that number, and report it."""
        schedule = self.schedule
        self.event(
            event="running",
            arm=arm.arm,
            round=number,
            elapsed_seconds=schedule.elapsed(),
            seconds_left=max(0.0, schedule.left()),
        )
        tasks = schedule.tasks[arm.variant]
        order = {
            "kind": "measure",
            "approach": arm.approach,
            "workers": arm.workers,
            "tasks": schedule.tasks_of(arm, tasks),
            "checked": min(tasks, schedule.fewer[arm.variant]),
            "settings": schedule.costs[arm.variant]["settings"],
        }
        launched = time.perf_counter()
        answer = self.launcher.ask(arm.python, order, limit_seconds)
        if answer["status"] == "timeout" and number and schedule.left() <= 0:
            return  # the end of the budget cut it off: that says nothing of it
        if order["tasks"] < tasks:
            answer = _for_tasks(answer, order["tasks"], tasks)
        self._report(arm, number, answer, launched)

    def _report(self, arm: _Arm, number: int, answer: dict[str, Any], launched: float) -> None:
        """Keep what came of a measurement, and tell."""
        if answer["status"] == "ok" and self._differs(arm, answer):
            answer |= {"status": "mismatch", "reason": "its results differ from those of single-threaded code"}
        self.schedule.note(arm, answer)
        if "begun" in answer:
            answer["launch_seconds"] = answer["begun"] - launched
        if answer.get("cpu_seconds") is not None:
            answer["cpu_percent"] = 100 * answer["cpu_seconds"] / answer["seconds"]
        self.event(
            event="cell",
            round=number,
            status=answer["status"],
            reason=answer["reason"],
            tasks=self.schedule.tasks[arm.variant],
            **_described(arm),
            **{name: answer.get(name) for name in _CELL_FIELDS},
        )

    def _differs(self, arm: _Arm, answer: dict[str, Any]) -> bool:
        """Whether its results are others than the baseline's (of those tasks that the baseline did, too)."""
        if answer.get("extrapolated_from") is None:
            answer["checksum"] += answer["state_checksum"]
        known = self.checksums.get(arm.variant)
        if known is None and arm.role == "baseline":
            self.checksums[arm.variant] = known = answer["checksum"]
        return known is not None and answer["checksum"][: len(known)] != known[: len(answer["checksum"])]


_CELL_FIELDS = (
    "seconds", "launch_seconds", "startup_seconds", "first_result_seconds", "steady_seconds", "cpu_seconds", "cpu_percent",
    "peak_memory_mb", "memory_metric", "task_latency_ms", "gil_enabled", "checksum", "workers_seen", "imbalance", "short", "extrapolated_from",
    "cpus_taken", "figures", "busy",
)  # fmt: skip


def _for_tasks(answer: dict[str, Any], measured: int, tasks: int) -> dict[str, Any]:
    """What so many tasks take when they are done one after the other, from a measurement of fewer."""
    if answer["status"] != "ok":
        return answer
    factor = tasks / measured
    start = answer["startup_seconds"]
    return {
        **answer,
        "took_seconds": answer["seconds"],
        "seconds": start + (answer["seconds"] - start) * factor,
        "steady_seconds": answer["steady_seconds"] * factor,
        "cpu_seconds": None if answer["cpu_seconds"] is None else answer["cpu_seconds"] * factor,
        "extrapolated_from": measured,
    }
