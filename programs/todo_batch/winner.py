"""Which run is the fastest, and why: what the figures of runs beside each other say, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from measures import FREE_THREADED, Run
from text import clipped

CLOSE = 1.05  # a difference of one run to another below that says nothing

_WHY = {
    "sequential": "one task after the other",
    "threads": "the GIL lets one thread compute at a time",
    FREE_THREADED: "free threads compute at the same time, on the same objects: no copies",
    "processes": "processes compute at the same time; starting and copying is their price",
    "subinterpreters": "interpreters compute at the same time, a GIL each; tasks are copied",
    "asyncio": "one event loop computes one batch at a time",
}
_LEAD = {  # what it means when one that computes nothing at the same time is the fastest
    "sequential": "more processors cost more than they gave",
    "threads": "its lead is chance",
    "asyncio": "its lead is chance",
}
_BUSY_PERCENT = 90  # a sequential run that got less of its CPU shared it with other programs


def winner(runs: Sequence[Run]) -> Run | None:
    """The fastest of those that came to the end; of all, if none did."""
    whole = [run for run in runs if not run.report.stopped and not run.report.not_processed]
    return min(whole or runs, key=lambda run: run.seconds, default=None)


def why(run: Run) -> str:
    """What makes this execution as fast as it is, when it computes."""
    return _WHY.get(_way(run), "no more is known of it")


def _way(run: Run) -> str:
    free = run.execution == "threads" and run.title.startswith(FREE_THREADED)
    return FREE_THREADED if free else run.execution


def why_fastest(best: Run) -> str:
    """Why the winner is as fast as it is, and what that is worth where it computes nothing at the same time."""
    return ": ".join(filter(None, [why(best), _LEAD.get(_way(best), "")]))


def warning_of_other_programs(runs: Iterable[Run]) -> str:
    """A warning, if other programs had the CPU while this was measured."""
    used = [run.cpu_percent for run in runs if run.execution == "sequential" and run.cpu_percent is not None]
    if not used or min(used) >= _BUSY_PERCENT:
        return ""
    return f"Other programs were busy: sequential got {min(used):.0f} % of a CPU. Measure again."


def takes_turns(run: Run) -> bool:
    """Whether its processors compute one after the other: they were never to be as many times as fast."""
    return _way(run) in _LEAD


def short_title(run: Run, width: int = 24, *, utf8: bool = True) -> str:
    """The title of a run, which may be of any length."""
    return clipped(run.title, width, utf8=utf8)
