"""How far a run is, from its events; the lines that tell it in a log, and the words that these and the display share."""

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
from selector.text import counted, cut, duration, in_processes, measured_duration, one_line, printable

_SECONDS_BETWEEN_LINES = 5.0
_ENDS = {"budget": "the time budget is used up", "done": "everything is measured"}


class RankedArm(NamedTuple):
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
        if cell.status == "ok" and cell.compared_seconds is not None:
            self._seconds.setdefault(cell.arm, []).append(cell.compared_seconds)
        else:
            self._notes[cell.arm] = outcome_text(cell)

    def elapsed_seconds(self, now: float) -> float:
        """Seconds since the run began."""
        return max(now - self._began, 0.0)

    def seconds_left(self, now: float) -> float:
        """Seconds until the budget is used up."""
        return max(self._ends - now, 0.0)

    def ranked_arms(self) -> list[RankedArm]:
        """The arms that compete with each other, fastest first; those without a time last."""
        times = {arm: median(found) for arm, found in self._seconds.items()}
        ranked = [arm for arm in self.arms.values() if arm.role in ("baseline", "candidate")]
        seen = [arm for arm in ranked if arm.arm in times or arm.arm in self._notes]
        seen.sort(key=lambda arm: times.get(arm.arm, float("inf")))
        fastest = times.get(seen[0].arm) if seen else None
        return [
            RankedArm(
                arm,
                times.get(arm.arm),
                times[arm.arm] / fastest if fastest and arm.arm in times else None,
                len(self._seconds.get(arm.arm, ())),
                self._notes.get(arm.arm, ""),
            )
            for arm in seen
        ]


# Lines in a log -------------------------------------------------------------------------------------------------------


class PlainLines:
    """The lines that tell a run in a log: every cell of the first round, then a ranking every five seconds at most."""

    def __init__(self) -> None:
        self.progress = RunProgress()
        self._round: int | None = None
        self._rounds_done = 0
        self._told_at = 0.0
        self._gone: list[str] = []

    def lines(self, event: Event, now: float) -> list[str]:
        """What to say after this event."""
        progress = self.progress
        progress.feed(event, now)
        match event:
            case StartEvent():
                self._told_at = now
                named = f" {progress.name}" if progress.name else ""
                return [f"measuring{named} for at most {duration(event.budget_seconds, None)}"]
            case InterpreterEvent() if event.status != "ok":
                return [
                    f"Python {inert(event.interpreter or event.path)} left out: {inert(event.reason or event.status)}"
                ]
            case RunningEvent() | CellEvent():
                lines = self._ranking(event.round, now)
                if isinstance(event, CellEvent) and not self._rounds_done:
                    lines.append(f"{self._stamp(now)} {arm_text(event)}: {outcome_text(event)}")
                elif isinstance(event, CellEvent) and event.status != "ok":
                    self._gone.append(f"{arm_text(event)}: {outcome_text(event)}")
                if lines:
                    self._told_at = now
                return lines
            case DroppedEvent() if event.arm in progress.arms:
                self._gone.append(f"dropped: {arm_text(progress.arms[event.arm])}: {inert(event.reason)}")
            case EndEvent():
                return [f"[{clock_text(event.seconds)}] {progress.cells:,} runs: {ending_text(event)}"]
        return []

    def _ranking(self, number: int, now: float) -> list[str]:
        """The three fastest, where a round after the first has just ended and the last line is old enough."""
        if self._round is None or number == self._round:
            self._round = number
            return []
        done, self._round = self._round, number
        self._rounds_done += 1
        if self._rounds_done == 1 or now - self._told_at < _SECONDS_BETWEEN_LINES:
            return []
        best = [
            f"{s.arm.approach} on {inert(s.arm.interpreter)} {seconds_text(s.median_seconds)}"
            + (f" ({s.ratio:.2f}x)" if s.ratio and n else "")
            for n, s in enumerate(self.progress.ranked_arms()[:3])
            if s.median_seconds is not None
        ]
        lines, self._gone = [", ".join(best) or "nothing has worked so far", *self._gone], []
        return [f"{self._stamp(now)} round {done + 1}: {'; '.join(lines)}"]

    def _stamp(self, now: float) -> str:
        used, left = self.progress.elapsed_seconds(now), self.progress.seconds_left(now)
        return f"[{clock_text(used)}, {clock_text(left)} left]"


# Words ----------------------------------------------------------------------------------------------------------------


def inert(text: str) -> str:
    """Somebody's text as one harmless line of bounded length."""
    return one_line(printable(cut(text)))


def arm_text(arm: Arm | CellEvent) -> str:
    """`threads on 3.14, 2 workers`, `asyncio in 2 processes on 3.14, 1 worker`; with `control` or `scaling` for what is no candidate."""
    extra = [inert(arm.variant)] if arm.variant else []
    extra += [arm.role] if arm.role in ("control", "scaling") else []
    name = f"{arm.approach}{in_processes(arm.processes)} on {inert(arm.interpreter)}"
    return ", ".join([name, counted(arm.workers, "worker"), *extra])


def outcome_text(cell: CellEvent) -> str:
    """`412 ms`, or `crash: killed by signal 9`."""
    if cell.status == "ok":
        return seconds_text(cell.compared_seconds)
    reason = inert(cell.reason)
    return f"{cell.status.replace('_', ' ')}{': ' if reason else ''}{reason}"


def ending_text(event: EndEvent) -> str:
    """Why the run ended."""
    detail = inert(event.detail)
    return f"{_ENDS.get(event.reason, event.reason)}{': ' if detail else ''}{detail}"


def seconds_text(seconds: float | None) -> str:
    """Three digits: `412 ms`, `1.34 s`, `2 min 18 s`."""
    return "-" if seconds is None else measured_duration(seconds)


def clock_text(seconds: float) -> str:
    """A time that passes, in whole seconds: `48 s`, `2 min 12 s`."""
    return duration(round(seconds), None)
