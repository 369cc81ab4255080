"""How processors can run, by name: one after the other (here), or as the crews beside this file do."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable

from crew import Crew, Message
from crew_agents import Agents
from crew_asyncio import Asyncio
from crew_processes import Processes
from crew_threads import Subinterpreters, Threads
from tasks import Batch, Settings, process_batch


class Sequential(Crew):
    """One processor after the other, here and now: the baseline. It cannot end what hangs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._halted = False
        self._given: deque[tuple[int, Batch]] = deque()

    def hire(self, processor: int) -> None:
        """Nothing to start."""

    def give(self, processor: int, batch: Batch) -> None:
        """Note it; the work is done when its message is asked for."""
        self._given.append((processor, batch))

    def next_message(self, timeout: float | None) -> Message | None:  # noqa: ARG002  # it never waits
        """Do the next batch."""
        if not self._given:
            return None
        processor, batch = self._given.popleft()
        return Message(processor, process_batch(self._settings, batch, lambda: self._halted))

    def halt(self) -> None:
        """End before the next task."""
        self._halted = True

    def discharge(self, processor: int) -> None:
        """Forget what it was given."""
        self._given = deque(entry for entry in self._given if entry[0] != processor)

    def close(self) -> None:
        """Nothing to end."""
        self._given.clear()


#: What can run the processors; what each needs is checked by `crew_for`.
EXECUTIONS = ("sequential", "threads", "processes", "subinterpreters", "asyncio")

#: What waits for somebody else to do the work: the same results, but nothing to compare the time of those above with.
AWAITING = ("agents",)

#: What has a broker hand out the batches to workers of its own; each must be installed.
ENGINES = ("celery", "rq", "dask", "dramatiq", "huey")

#: Those that need the settings alone.
_PLAIN: dict[str, Callable[[Settings], Crew]] = {
    "sequential": Sequential,
    "processes": Processes,
    "asyncio": Asyncio,
    "agents": Agents,
}


def crew_for(
    execution: str,
    settings: Settings,
    collect: str = "queue",
    *,
    broker: str = "",
    timeout_seconds: float | None = None,
) -> Crew:
    """The crew of an execution, without processors yet; ValueError for one that this Python does not have.

    `broker`: the URL of one that is there, for an engine; `timeout_seconds`: for a batch, which an engine ends by itself.
    """
    if execution in ENGINES:
        from crew_engines import Engine  # nobody else needs it

        return Engine(settings, execution, broker, timeout_seconds)
    if execution == "subinterpreters" and sys.version_info < (3, 14):
        raise ValueError("subinterpreters need Python 3.14 or later")
    if execution in ("threads", "subinterpreters"):
        return (Threads if execution == "threads" else Subinterpreters)(settings, collect)
    if execution not in _PLAIN:
        raise ValueError(f"no execution {execution!r}: there are {', '.join([*EXECUTIONS, *AWAITING, *ENGINES])}")
    return _PLAIN[execution](settings)
