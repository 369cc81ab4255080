"""Ray: started by the submitter with a worker for each task at a time, or a cluster that is there. All is in memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import ray
from ray.exceptions import LocalRayletDiedError, RayError

from engine_jobs.plan import MARK, VARIABLE, Plan, Ready, Record, Task
from engine_jobs.work import called, clean, do

BROKER = "own"
GENTLY = signal.SIGTERM
_LOOK_SECONDS = 0.02
_RETRIES = 3


def version() -> str:
    """Which one is installed."""
    return str(ray.__version__)


def processes(plan: Plan) -> list[int]:
    """None where the submitter starts it all; on another machine one, which joins a cluster."""
    return [1] if plan.foreign else []


def is_worker(pid: int) -> bool:
    """Whether one of Ray's processes runs tasks, by the name that it has given itself; a node does not outlive its agents."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            name = stream.read().partition(b"\0")[0]
            return name.startswith(b"ray::") and not name.endswith(b"Agent")
    except OSError:
        return False


def serve(plan: Plan, _: int, ready: Ready) -> None:
    """A machine of a cluster: `ray start`, until it is told to end."""
    where = plan.broker.partition("://")[2].rpartition(":")[0]
    words = ["start", f"--address={where}:6379", f"--num-cpus={plan.workers}", "--block"]
    ready()
    raise SystemExit(subprocess.run([sys.executable, "-m", "ray.scripts.scripts", *words], check=False).returncode)


def _do_and_say_nothing(key: str, payload: str) -> None:
    """The task on one machine: workers keep results themselves."""
    do(key, payload)


class sender:  # noqa: N801  # as the other modules' functions
    """The submitter's end, and on one machine all of Ray."""

    errors: tuple[type[Exception], ...] = (ConnectionError,)

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._out: dict[Any, str] = {}
        self._looked = 0.0
        self._begin()

    def _begin(self) -> None:
        plan, self._has_fallen = self._plan, False
        names = (VARIABLE, MARK, "PYTHONPATH")
        known = plan.environment()
        runtime = {"env_vars": {name: known[name] for name in names}}
        if plan.foreign:
            ray.init(address=plan.broker, runtime_env=runtime, log_to_driver=False)
        else:
            os.environ.update({name: known[name] for name in names})  # of what it starts, too
            ray.init(
                num_cpus=plan.workers, _temp_dir=os.path.join(plan.folder, "ray"), include_dashboard=False,
                log_to_driver=False, logging_level="ERROR",
            )  # fmt: skip
        more: dict[str, Any] = {"max_retries": _RETRIES} if plan.safe else {}
        self._do = ray.remote(num_cpus=1, **more)(called if plan.foreign else _do_and_say_nothing)

    def submit(self, tasks: list[Task]) -> None:
        """One by one; it has no priorities. A node that has fallen is started again first."""
        if self._has_fallen:
            ray.shutdown()
            self._begin()
        for task in tasks:
            self._out[self._do.remote(task.key, task.payload)] = task.key

    def waiting(self) -> int:
        """What has not come back, whether it runs or not: Ray knows who has died."""
        return len(self._out)

    def arrived(self) -> list[Record]:
        """What came back, or cannot."""
        if time.monotonic() - self._looked < _LOOK_SECONDS or not self._out:
            return []
        self._looked = time.monotonic()
        done, _ = ray.wait(list(self._out), num_returns=len(self._out), timeout=0)
        records = []
        for reference in done:
            key = self._out.pop(reference)
            try:
                record = ray.get(reference)
            except LocalRayletDiedError as error:
                self._has_fallen = True  # with safe settings the desk finds what it took with it
                record = None if self._plan.safe else _failed(key, error)
            except RayError as error:
                record = _failed(key, error)
            if record is not None:
                records.append(record)
        return records

    def close(self) -> None:
        """End what was started here; a cluster stays."""
        ray.shutdown()


def _failed(key: str, error: Exception) -> Record:
    """Ray gave it up: its workers died."""
    return Record(key, False, clean(f"{type(error).__name__}: {error}"), time.time())


def forget(_: Plan) -> None:
    """A cluster forgets what nobody refers to."""
