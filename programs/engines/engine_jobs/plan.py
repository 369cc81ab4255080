"""What a run is to be, as its workers have to know it."""

from __future__ import annotations

import importlib
import json
import os
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

VARIABLE = "ENGINE_JOBS_PLAN"  # of the environment of workers
MARK = "ENGINE_JOBS_MARK"  # by it the processes of a run are found, wherever they have gone (Linux)
READY = "ENGINE_JOBS_READY"  # the file to which a worker adds its number when it is ready
#: What pip installs for each engine.
REQUIREMENTS = {
    "celery": "celery[redis]",
    "rq": "rq",
    "dask": "dask[distributed]",
    "ray": "ray",
    "dramatiq": "dramatiq[redis]",
    "huey": "huey",
}


@dataclass(frozen=True)
class Plan:
    """An engine, its settings and its places.

    `broker` is a URL, or the path of huey's queue; `keeping` the path of a database or a Redis URL. `prefix` begins the
    names of all keys in a broker; `folder` is temporary, and goes when the run ends. `foreign`: the broker was there
    before us, and others may use it. `yours`: the file of the user's part, if it is not yours.py beside this one.
    """

    engine: str
    workers: int = 2
    safe: bool = True
    broker: str = ""
    keeping: str = ""
    prefix: str = "jobs"
    folder: str = ""
    task_limit_seconds: float = 600.0
    foreign: bool = False
    yours: str = ""

    @property
    def visibility_seconds(self) -> int:
        """After which an unacknowledged task counts as lost: more than the longest may take."""
        return int(self.task_limit_seconds) + 60

    def environment(self) -> dict[str, str]:
        """Our environment with this plan, for a worker; our package is found."""
        paths = [os.path.dirname(os.path.dirname(os.path.abspath(__file__))), os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            VARIABLE: json.dumps(asdict(self)),
            MARK: os.path.basename(self.folder),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }

    @property
    def mark(self) -> str:
        """What the environment of every process of this run has."""
        return f"{MARK}={os.path.basename(self.folder)}"


def planned() -> Plan:
    """The plan of the run that this process works for; KeyError where it works for none."""
    return Plan(**json.loads(os.environ[VARIABLE]))


class Task(NamedTuple):
    """A task as a broker carries it: `payload` is text; of those that wait, the highest `priority` (0 to 9) is first."""

    key: str
    payload: str
    priority: int = 0


class Record(NamedTuple):
    """What came of a task: `text` is the value as `work.encoded` gives it, or what was raised; `at` in Unix seconds."""

    key: str
    ok: bool
    text: str
    at: float


class Ready(Protocol):
    """What a worker calls when work may come to its process, or (`oversees`) to those that it oversees."""

    def __call__(self, *, oversees: bool = False) -> None: ...  # noqa: D102


class Sender(Protocol):
    """The submitter's end of an engine. `errors`: what it raises where the broker is away."""

    errors: tuple[type[Exception], ...]

    def submit(self, tasks: list[Task]) -> None:
        """Put them into the broker; raises what the engine raises where it cannot be reached."""

    def waiting(self) -> int:
        """How many are in the broker that no worker has taken."""

    def arrived(self) -> list[Record]:
        """What came back since the last call: only of engines that bring results back themselves."""

    def close(self) -> None:
        """Let go of the broker."""


def module_of(engine: str) -> Any:
    """The module of an engine; ValueError where the project has none, ImportError where the engine is not installed."""
    here = os.path.dirname(os.path.abspath(__file__))
    there = [name for name in REQUIREMENTS if os.path.exists(os.path.join(here, f"on_{name}.py"))]
    if engine not in there:
        raise ValueError(f"--engine {engine}: this project has {' and '.join(there)}")
    return importlib.import_module(f"engine_jobs.on_{engine}")
