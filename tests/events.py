"""Made-up benchmark events, runs and measurements: the one place where tests build them.

Each event begins as the line that the contract shows (docs/benchmark-script.md), and whoever asks for one names what is
different. A run is written as a list of rows: an arm, and the times of its cells or what they failed with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from selector.approaches import load_approaches
from selector.benchmark.events import (
    Arm,
    CellEvent,
    DroppedEvent,
    EndEvent,
    Event,
    InterpreterEvent,
    PlanEvent,
    RunningEvent,
    Session,
    StartEvent,
    TaskLatency,
    collect,
)
from selector.files import resource_dir
from selector.recommend.expected import Expected
from selector.report.progress import PlainLines, RunProgress
from selector.validation import Measurement, ValidationReport
from selector.workload.profile import WorkloadProfile

# Lines as a script prints them ----------------------------------------------------------------------------------------

START = {
    "event": "start", "schema": 1, "name": "images", "seed": 123, "budget_seconds": 60.0, "io": "socket", "cpus": 2,
    "recommended": "free_threaded", "assumed": ["CPU_MS_PER_TASK"], "memory_limit_mb": 18000.0, "python": "3.14.10",
    "server": None,
}  # fmt: skip
INTERPRETER = {
    "event": "interpreter", "interpreter": "3.14", "path": "/usr/local/bin/python3.14", "version": "3.14.10",
    "free_threaded_build": False, "gil_enabled": True, "reference": True, "status": "ok", "reason": "",
}  # fmt: skip
ARM = {
    "approach": "single_threaded",
    "interpreter": "3.14",
    "workers": 1,
    "role": "baseline",
    "variant": "",
    "processes": 1,
}
PLAN = {
    "event": "plan", "tasks": 64, "tasks_asked": None, "task_wall_ms": 5.1, "task_cpu_ms": 5.0,
    "stand_in": {"cpu_ms": 5.0, "made_cpu_ms": 5.04},
    "arms": [{"arm": 0, **ARM, "engine": None}, {"arm": 1, **ARM, "role": "control", "engine": None}],
    "requests_per_second": None, "left_out": {}, "variables": {},
}  # fmt: skip
RUNNING = {"event": "running", "arm": 0, "round": 0, "elapsed_seconds": 1.2, "seconds_left": 58.8}
CELL = {
    "event": "cell", "arm": 0, "round": 0, **ARM, "status": "ok", "reason": "", "tasks": 64, "seconds": 0.41,
    "launch_seconds": 0.05, "startup_seconds": 0.01, "first_result_seconds": 0.02, "steady_seconds": 0.38,
    "cpu_seconds": 0.4, "cpu_percent": 98.1, "peak_memory_mb": 14.2, "memory_metric": "pss",
    "task_latency_ms": {"p50": 5.0, "p95": 5.4, "p99": 6.0}, "gil_enabled": True, "checksum": "9f3a",
    "workers_seen": 1, "imbalance": 1.0, "short": False, "extrapolated_from": None, "cpus_taken": 0.04,
    "figures": None, "batch": None, "no_cpu_percent": None, "quiet_seconds": None, "raised": None, "raised_first": None,
    "service": None,
    "busy": {
        "seconds": 0.41, "more_workers": 0,
        "workers": [{"tasks": 64, "seconds": 0.39, "at_once": 1.0, "spans": [[0.01, 0.2], [0.21, 0.41]]}],
    },
}  # fmt: skip
DROPPED = {"event": "dropped", "arm": 1, "reason": "2.4x slower than asyncio"}
END = {"event": "end", "reason": "budget", "detail": "", "seconds": 59.1}
RUN = [START, INTERPRETER, PLAN, RUNNING, CELL, DROPPED, END]
#: The fields of a cell that say what was measured.
MEASURED = list(CELL)[list(CELL).index("tasks") :]


# Events ---------------------------------------------------------------------------------------------------------------


def start(**changes: Any) -> StartEvent:
    return StartEvent.model_validate({**START, "assumed": (), "memory_limit_mb": None, **changes})


def interpreter(tag: str | None, **changes: Any) -> InterpreterEvent:
    """One that runs, and is not the reference."""
    return InterpreterEvent.model_validate(
        {**INTERPRETER, "interpreter": tag, "path": f"/x/python{tag}", "reference": False, **changes}
    )


def arm(number: int, approach: str, interpreter: str = "3.14", workers: int = 1, role: str = "candidate", variant: str = "") -> Arm:  # fmt: skip
    return Arm.model_validate(
        {"arm": number, "approach": approach, "interpreter": interpreter, "workers": workers, "role": role, "variant": variant}
    )  # fmt: skip


def plan(arms: Sequence[Arm], **changes: Any) -> PlanEvent:
    """A plan for the user's own work, where no `stand_in` is given."""
    return PlanEvent.model_validate({**PLAN, "stand_in": None, "arms": tuple(arms), **changes})


def running(arm: Arm, number: int, now: float, budget: float = 60.0) -> RunningEvent:
    return RunningEvent(arm=arm.arm, round=number, elapsed_seconds=now, seconds_left=budget - now)


def cell(arm: Arm, number: int, seconds: float | None, status: str = "ok", reason: str = "", **figures: Any) -> CellEvent:  # fmt: skip
    """A cell of which nothing is known but its time, and the figures that are given."""
    known = {"round": number, "status": status, "reason": reason, "seconds": seconds, **figures}
    return CellEvent.model_validate({**CELL, **dict.fromkeys(MEASURED), **arm.model_dump(exclude={"engine"}), **known})


def dropped(arm: Arm, reason: str = "2.0x slower than free_threaded") -> DroppedEvent:
    return DroppedEvent(arm=arm.arm, reason=reason)


def end(seconds: float, reason: str = "budget", detail: str = "") -> EndEvent:
    return EndEvent.model_validate({**END, "reason": reason, "detail": detail, "seconds": seconds})


# Runs -----------------------------------------------------------------------------------------------------------------

_STEADY = (1.0, 1.01, 0.99, 1.0, 1.01, 0.99)  # a quiet host, as shares of a median


class Row(NamedTuple):
    """An arm of a run: its times, or the failures that it ends in (a status each), and whatever else it says."""

    approach: str
    seconds: Sequence[float | str] = ()
    role: str = "candidate"
    interpreter: str = "3.14"
    workers: int = 1
    variant: str = ""
    figures: Mapping[str, Any] = {}

    def arm(self, number: int = 0) -> Arm:
        return arm(number, self.approach, self.interpreter, self.workers, self.role, self.variant)

    def cell(self, number: int, of: int, value: float | str) -> CellEvent:
        """The cell of that round of arm `of`: so many seconds, or a status."""
        if isinstance(value, str):
            return cell(self.arm(of), number, None, value, f"reason {number}")
        return cell(self.arm(of), number, value, **{"tasks": 64, **self.figures})


def steady(approach: str, middle: float, **others: Any) -> Row:
    """An arm with six times around a middle."""
    return Row(approach, tuple(middle * share for share in _STEADY), **others)


def baseline(middle: float = 1.0, **others: Any) -> Row:
    return steady("single_threaded", middle, role="baseline", **others)


def control(middle: float = 1.0) -> Row:
    return steady("single_threaded", middle, role="control")


def figures(
    cpu: float = 100.0, memory: float = 15.0, start: float = 0.001, p95: float = 60.0, **more: Any
) -> dict[str, Any]:
    """What a good cell says beside its time."""
    latency = TaskLatency(p50=p95 * 0.8, p95=p95, p99=p95 * 1.2)
    return {
        "cpu_percent": cpu, "peak_memory_mb": memory, "memory_metric": "pss", "startup_seconds": start,
        "task_latency_ms": latency, "gil_enabled": True, "short": False, **more,
    }  # fmt: skip


def run(
    rows: Sequence[Row],
    *,
    tasks: int = 64,
    tasks_asked: int | None = 64,
    task_ms: tuple[float | None, float | None] = (10.0, 10.0),
    own_code: bool = False,
    made_cpu_ms: float | None = None,
    ended: str | None = "done",
    detail: str = "",
    drops: Mapping[int, str] = {},
    interpreters: Sequence[InterpreterEvent] = (),
    **beginning: Any,
) -> Session:
    """The session of a run with these arms, `beginning` with a start event; `ended` None: it was cut off.

    The work is the user's own, or made: a task that should compute for 10 ms, and does but for `made_cpu_ms`.
    """
    arms = [row.arm(number) for number, row in enumerate(rows)]
    wall, cpu = task_ms
    made = None if own_code else {"cpu_ms": 10.0, "made_cpu_ms": 10.0 if made_cpu_ms is None else made_cpu_ms}
    events: list[Event] = [
        start(**{"name": "a", "seed": 3, "io": "sleep", "recommended": None, **beginning}),
        *(interpreters or [interpreter("3.14", reference=True), interpreter("3.14t")]),
        plan(arms, tasks=tasks, tasks_asked=tasks_asked, task_wall_ms=wall, task_cpu_ms=cpu, stand_in=made),
        *(row.cell(n, number, value) for number, row in enumerate(rows) for n, value in enumerate(row.seconds)),
        *(dropped(arms[number], reason) for number, reason in drops.items()),
    ]
    return collect(events if ended is None else [*events, end(42.0, ended, detail)])


# A run on a clock ------------------------------------------------------------------------------------------------------

Timed = tuple[float, Event]
_ARMS = (
    ("single_threaded", "3.14", 1, "baseline", 0.41),
    ("single_threaded", "3.14", 1, "control", 0.42),
    ("free_threaded", "3.13t", 2, "candidate", 0.21),
    ("multiprocessing", "3.14", 2, "candidate", 0.30),
    ("threads", "3.14", 2, "candidate", 0.43),
    ("asyncio_processes", "3.14", 2, "candidate", 0.31),
    ("free_threaded", "3.13t", 4, "scaling", 0.22),
)
ARMS = tuple(arm(n, *fields) for n, (*fields, _) in enumerate(_ARMS))
_SECONDS = [seconds for *_, seconds in _ARMS]
KILLED = "a worker was killed by signal 9"


@cache
def timed_run(pause_seconds: float = 0.1) -> tuple[Timed, ...]:
    """A run of a minute with so much between two cells."""
    return tuple(_timed_run(pause_seconds))


def _timed_run(pause_seconds: float) -> Iterator[Timed]:
    """Rounds until the budget is used, each in an order of its own; processes crash, threads are dropped in round 2."""
    now = 2.0
    yield 0.0, start()
    yield 0.1, interpreter("3.14", reference=True)
    yield 0.2, interpreter("3.15t", status="error", reason="it does not start")
    yield now, plan(ARMS, task_wall_ms=6.4)
    left = list(ARMS)
    for number in range(100):
        for each in sorted(left, key=lambda a: (a.arm + number) % 4):
            if now > 59:
                break
            yield now, running(each, number, now)
            now += _SECONDS[each.arm] + pause_seconds
            if each.approach == "asyncio_processes":
                left.remove(each)
                yield now, cell(each, number, None, "crash", KILLED)
            else:
                yield now, cell(each, number, _SECONDS[each.arm])
            if each.approach == "threads" and number == 1:
                left.remove(each)
                yield now, dropped(each)
    yield now, end(now)


def until(events: Iterable[Timed], stop: Callable[[Event], bool]) -> list[Timed]:
    """The events up to the first that is asked for, it included."""
    found = []
    for timed in events:
        found.append(timed)
        if stop(timed[1]):
            return found
    raise AssertionError("no such event")


HOSTILE = (
    "\x1b[31mred\x1b]0;t\x07\x1b[2J\x9b1m\nsecond line\r\u202eexe\u2066 [bold]x[/bold] [/] :skull: 日本語" + "x" * 900
)


def hostile_run(text: str) -> list[Timed]:
    one = arm(0, "threads", text[:200], 2, variant=text[:200])
    return [
        (0, start(name=text)),
        (0, interpreter(text[:200], status="error", reason=text)),
        (0, interpreter(None, path=text, status="error")),
        (1, plan((one,))),
        (1, running(one, 0, 1.0)),
        (2, cell(one, 0, 0.5)),
        (9, cell(one, 1, None, "crash", text)),
        (17, running(one, 2, 9.0)),
        (17, dropped(one, text)),
        (20, end(10.0, "failed", text)),
    ]


def after(events: Iterable[Timed]) -> RunProgress:
    """How far a run is after these events."""
    progress = RunProgress()
    for now, event in events:
        progress.feed(event, now)
    return progress


def told(events: Iterable[Timed]) -> list[tuple[float, str]]:
    """The lines of a log, each with when it is written."""
    plain = PlainLines()
    return [(now, line) for now, event in events for line in plain.lines(event, now)]


# Measurements and reports ---------------------------------------------------------------------------------------------


@cache
def _titles() -> dict[str, str]:
    rules = resource_dir("rules") / "approaches.yaml"
    return {key: approach.title for key, approach in load_approaches(rules).items()}


def measured(approach: str, interpreter: str, workers: int, seconds: float | None, **changes: Any) -> Measurement:
    """An arm that was measured; `spread` is how far its range goes either way."""
    spread = changes.pop("spread", 0.02)
    times = None
    if seconds is not None:
        times = {"median": seconds, "low": seconds * (1 - spread), "high": seconds * (1 + spread)}
    data = {
        "approach": approach, "title": _titles()[approach], "interpreter": interpreter, "workers": workers,
        "role": "candidate", "status": "ok", "reason": "",
        "seconds": times,
        "speedup": None, "speedup_range": None, "band": None, "cpu_percent": 99.6, "cpu_seconds": seconds,
        "peak_memory_mb": 14.23, "memory_metric": "pss", "task_latency_ms": {"p50": 6.2, "p95": 6.61, "p99": 7.0},
        "launch_seconds": 0.05, "startup_seconds": 0.004, "first_result_seconds": 0.01, "steady_seconds": seconds,
        "samples": 9, "failures": 0, "gil_enabled": not interpreter.endswith("t"), "workers_seen": workers,
        "imbalance": 1.0, "oversubscribed": False, "short": False, "predicted_seconds": None,
    }  # fmt: skip
    return Measurement.model_validate(data | changes)


def failed(approach: str, interpreter: str, workers: int, status: str, reason: str) -> Measurement:
    """An arm without a result."""
    unknown = dict.fromkeys(
        ("cpu_percent", "cpu_seconds", "peak_memory_mb", "memory_metric", "task_latency_ms", "launch_seconds",
         "startup_seconds", "first_result_seconds", "steady_seconds", "gil_enabled", "workers_seen", "imbalance")
    )  # fmt: skip
    found = {"samples": 0, "failures": int(status != "not_run"), "status": status, "reason": reason}
    return measured(approach, interpreter, workers, None, **unknown | found)


def latency(p95: float) -> dict[str, float]:
    return {"p50": p95 * 0.9, "p95": p95, "p99": p95 * 1.2}


def report(**changes: Any) -> ValidationReport:
    """A report on which nothing much is known, with changes."""
    data = {
        "verdict": "confirmed", "reason": "It is as it is.", "recommended": "threads", "recommended_interpreter": "3.14",
        "winner": None, "winner_interpreter": None, "measurements": (), "latency": None, "memory": None,
        "noise_floor": None, "analysis": (), "advice": (), "scalability": None, "warnings": (), "tasks": 64,
        "tasks_asked": None, "task_wall_ms": None, "task_cpu_ms": None, "budget_seconds": 60.0, "used_seconds": 41.2,
        "complete": True, "io": "socket", "seed": 1234, "assumed": (), "cpus": 2,
        "profile": WorkloadProfile(workload_type="cpu"), "expected": Expected(), "workload_class": "cpu_parallel",
    }  # fmt: skip
    return ValidationReport.model_validate(data | changes)
