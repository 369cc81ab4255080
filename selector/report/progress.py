"""How far a run is, from its events, and how its arms, their outcomes and its end are called."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

from selector.benchmark.events import (
    Arm,
    CellEvent,
    DroppedEvent,
    EndEvent,
    Event,
    InterpreterEvent,
    PlanEvent,
    RunningEvent,
    StartEvent,
)
from selector.text import counted, cut, measured_duration, one_line, printable

_ENDS = {"budget": "the time budget is used up", "done": "everything is measured"}


class Standing(NamedTuple):
    """One row of the ranking; `ratio` is how many times the seconds of the fastest, `note` what went wrong."""

    arm: Arm
    median_seconds: float | None
    ratio: float | None
    samples: int
    note: str


class RunProgress:
    """How far a run is, from its events. Times are seconds of any one clock, given with each event."""

    def __init__(self) -> None:
        self.name = ""
        self.arms: dict[int, Arm] = {}
        self.running: RunningEvent | None = None
        self.ended: EndEvent | None = None
        self.cells = 0
        self._seconds: dict[int, list[float]] = {}
        self._notes: dict[int, str] = {}
        self._began = self._ends = 0.0

    def feed(self, event: Event, now: float) -> None:
        """Take in the next event."""
        match event:
            case StartEvent():
                self.name = inert(event.name)
                self._began, self._ends = now, now + event.budget_seconds
            case PlanEvent():
                self.arms = {arm.arm: arm for arm in event.arms}
            case RunningEvent():
                self.running = event
                self._began, self._ends = now - event.elapsed_seconds, now + event.seconds_left
            case CellEvent():
                self._count(event)
            case DroppedEvent():
                self._notes[event.arm] = "dropped"
            case EndEvent():
                self.running, self.ended = None, event
            case InterpreterEvent():
                pass

    def _count(self, cell: CellEvent) -> None:
        self.cells += 1
        if cell.status == "ok" and cell.seconds is not None:
            self._seconds.setdefault(cell.arm, []).append(cell.seconds)
        else:
            self._notes[cell.arm] = outcome_text(cell)

    def elapsed_seconds(self, now: float) -> float:
        """Seconds since the run began."""
        return max(now - self._began, 0.0)

    def seconds_left(self, now: float) -> float:
        """Seconds until the budget is used up."""
        return max(self._ends - now, 0.0)

    def standings(self) -> list[Standing]:
        """The arms that compete with each other, fastest first; those without a time last."""
        times = {arm: median(found) for arm, found in self._seconds.items()}
        ranked = [arm for arm in self.arms.values() if arm.role in ("baseline", "candidate")]
        seen = [arm for arm in ranked if arm.arm in times or arm.arm in self._notes]
        seen.sort(key=lambda arm: times.get(arm.arm, float("inf")))
        fastest = times.get(seen[0].arm) if seen else None
        return [
            Standing(
                arm,
                times.get(arm.arm),
                times[arm.arm] / fastest if fastest and arm.arm in times else None,
                len(self._seconds.get(arm.arm, ())),
                self._notes.get(arm.arm, ""),
            )
            for arm in seen
        ]


# Words ----------------------------------------------------------------------------------------------------------------


def inert(text: str) -> str:
    """Somebody's text as one harmless line of bounded length."""
    return one_line(printable(cut(text)))


def arm_text(arm: Arm | CellEvent) -> str:
    """`threads on 3.14, 2 workers`; with `control` or `scaling` for what is no candidate."""
    extra = [inert(arm.variant)] if arm.variant else []
    extra += [arm.role] if arm.role in ("control", "scaling") else []
    return ", ".join([f"{arm.approach} on {inert(arm.interpreter)}", counted(arm.workers, "worker"), *extra])


def outcome_text(cell: CellEvent) -> str:
    """`412 ms`, or `crash: killed by signal 9`."""
    if cell.status == "ok":
        return seconds_text(cell.seconds)
    reason = inert(cell.reason)
    return f"{cell.status.replace('_', ' ')}{': ' if reason else ''}{reason}"


def ending_text(event: EndEvent) -> str:
    """Why the run ended."""
    detail = inert(event.detail)
    return f"{_ENDS.get(event.reason, event.reason)}{': ' if detail else ''}{detail}"


def seconds_text(seconds: float | None) -> str:
    """Three digits: `412 ms`, `1.34 s`, `2 min 18 s`."""
    return "-" if seconds is None else measured_duration(seconds)
