"""The servers that run a service as a web service: which of the catalogue fit, with how many workers and threads."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from selector.approaches import ServerEntry
from selector.models import Saved
from selector.recommend.candidates import Candidate
from selector.recommend.chain import Situation
from selector.recommend.expected import short


class Server(Saved):
    """A server with what to give it: its own workers, and the threads that each has (None: no pool of threads).

    `command` is for each machine. `worker_memory_mb` is the memory of one worker: what was measured of an empty
    application, with the start-up and the tasks in flight, as far as the profile gives them. `checked` says with which
    version that was tried, `source` where its options are described.
    """

    name: str
    command: str
    workers: int
    threads: int | None
    worker_memory_mb: float
    note: str
    checked: str
    source: str


class _Needs(NamedTuple):
    """What the recommended way needs of a server."""

    asgi: bool
    workers: int  # on each machine
    threads: int | None
    pool: int | None  # of processes in each worker


_APP = "app:app"  # module:attribute
#: The pools of threads that a loop has by itself: concurrent.futures (docs: min(32, CPUs + 4)) and anyio (docs: 40).
_THREADS = (
    "asyncio.to_thread has min(32, CPUs + 4) threads, `def` endpoints of FastAPI and Starlette 40: set both to {}."
)


def servers_for(
    situation: Situation, processes: int | None, workers: int | None, machines: int | None, flight: float | None
) -> list[dict[str, Any]]:
    """The servers that fit the recommended way, the first to be tried first, as the fields of Server.

    None where it is not known how many it takes, and where no server runs it as it is.
    """
    chosen = situation.choice.chosen
    if processes is None or workers is None or machines is None:
        return []
    if chosen.traits.runs_in == "cluster" or chosen.traits.needs == "subinterpreters":
        return []
    needs = _needs(chosen, processes, workers, machines)
    windows = situation.facts["platform"] == "windows"
    return [
        _server(entry, needs, chosen, flight if flight is None else flight / machines)
        for entry in situation.knowledge.servers
        if _fits(entry, needs, chosen) and (entry.windows or not windows)
    ]


def _needs(chosen: Candidate, processes: int, workers: int, machines: int) -> _Needs:
    """An application with a loop speaks ASGI, any other WSGI.

    The workers of a server are the pool of processes, but where that stands beside a loop.
    """
    traits = chosen.traits
    asgi = traits.runs_loop or chosen.workload["event_loop"] is True
    prefork = traits.runs_in == "workers" and not traits.runs_loop
    in_threads = traits.pool != "none" and traits.runs_in == "own"
    each = max(-(-workers // machines), chosen.workers) if prefork else -(-processes // machines)
    beside = chosen.workers if traits.runs_in == "workers" and not prefork else None
    return _Needs(asgi, each, chosen.workers if in_threads else None, beside)


def _fits(entry: ServerEntry, needs: _Needs, chosen: Candidate) -> bool:
    if entry.interface != ("asgi" if needs.asgi else "wsgi"):
        return False
    if chosen.traits.needs == "free_threaded" and not entry.free_threaded:
        return False
    if needs.workers > 1 and "{workers}" not in entry.command:
        return False
    return needs.asgi or entry.threads == (needs.threads is not None)


def _server(entry: ServerEntry, needs: _Needs, chosen: Candidate, flight: float | None) -> dict[str, Any]:
    values = {"app": _APP, "workers": str(needs.workers), "threads": str(needs.threads)}
    command = entry.command
    for name, value in values.items():
        command = command.replace(f"{{{name}}}", value)
    return {
        "name": entry.name,
        "command": command,
        "workers": needs.workers,
        "threads": needs.threads,
        "worker_memory_mb": short(entry.worker_mb + _own_mb(needs, chosen, flight)),
        "note": " ".join(filter(None, (_pool_note(needs), entry.note))),
        "checked": entry.checked,
        "source": entry.source,
    }


def _pool_note(needs: _Needs) -> str:
    """What to mind of the pool that an application with a loop has beside it."""
    if not needs.asgi:
        return ""
    if needs.threads is not None:
        return _THREADS.format(needs.threads)
    return f"Each has a pool of {needs.pool} processes in it, whose memory comes on top." if needs.pool else ""


def _own_mb(needs: _Needs, chosen: Candidate, flight: float | None) -> float:
    """The start-up and the tasks of one worker, as far as they are given."""
    facts = chosen.workload
    most = needs.threads or (1 if not needs.asgi else math.inf)
    at_work = min(most, math.ceil((flight or 1.0) / needs.workers))
    return (facts["startup_memory_mb"] or 0.0) + at_work * (facts["task_memory_mb"] or 0.0)
