"""What a run took, and what that says: time, CPU, memory, who was idle; and the workload that it was."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

from coordinator import Report
from executions import ENGINES
from shared import shared

FREE_THREADED = "Free threads"
_TITLES = {
    "sequential": "Sequential",
    "threads": "Threads (GIL)",
    "processes": "Processes",
    "subinterpreters": "Subinterpreters",
    "asyncio": "asyncio",
    "agents": "Agents (asyncio)",
    "celery": "Celery",
    "rq": "RQ",
    "dask": "Dask",
    "dramatiq": "Dramatiq",
}
_MB = 1024 * 1024
_LONGEST_PAUSE = 0.5  # between two looks at the memory
_PAUSE_FOR_COST = 100  # a look that took 1 ms is followed by a pause of 100: looking costs about 1 % of a CPU

_meters = shared("meter")
_tree: Callable[[int], list[int]] = _meters.process_tree
_pss_mb: Callable[[int], float] = _meters.pss_mb
_read: Callable[[str], str] = _meters.read_proc


class Run(NamedTuple):
    """One measured run of an execution. What is not known is None; times are in seconds."""

    execution: str  # an id of executions.EXECUTIONS
    title: str  # for people
    processors: int
    schedule: str
    collect: str
    tasks: int  # that were to be done
    seconds: float  # until all that was started had ended
    cpu_percent: float | None  # of one CPU: 200 is two CPUs busy; with all processes
    peak_memory_mb: float | None  # of the process tree
    memory_metric: str | None  # pss, rss or None
    speedup: float | None  # against the sequential run
    efficiency: float | None  # speedup / processors
    overhead: float  # part of the wall time x processors in which no processor worked, 0 to 1
    idle_seconds: dict[int, float]  # by processor
    critical_seconds: float  # busy time of the busiest processor: with that split it cannot be faster
    report: Report


def measure(
    run: Callable[[], Report],
    *,
    execution: str,
    processors: int,
    schedule: str = "queue",
    collect: str = "queue",
    tasks: int | None = None,
    baseline_seconds: float | None = None,
) -> Run:
    """Call `run` once, and say what it took. `tasks`: how many there were (else those that the report knows);
    `baseline_seconds`: of the sequential run, for the speedup.

    What the measuring itself computes is not counted. An exception of `run` goes on, and nothing is left behind.
    """
    with _Memory() as memory:
        cpu, looking, begun = _cpu_seconds(), memory.cpu_seconds, time.perf_counter()
        report = run()
        seconds = max(1e-9, time.perf_counter() - begun)
        cpu = _cpu_seconds() - cpu - (memory.cpu_seconds - looking)
    busy = sum(share.busy_seconds for share in report.shares.values())
    if sys.platform == "win32" and execution == "processes":  # which does not count children that have ended
        cpu += sum(share.cpu_seconds for share in report.shares.values())
    speedup = baseline_seconds / seconds if baseline_seconds else None
    return Run(
        execution=execution,
        title=title_of(execution),
        processors=processors,
        schedule=schedule,
        collect=collect,
        tasks=report.done + report.failed + len(report.not_processed) if tasks is None else tasks,
        seconds=seconds,
        # what an engine's processes started and did not wait for is in nobody's account
        cpu_percent=None if execution in ENGINES else 100 * max(0.0, cpu) / seconds,
        peak_memory_mb=memory.peak_mb,
        memory_metric=memory.metric,
        speedup=speedup,
        efficiency=speedup / processors if speedup else None,
        overhead=min(1.0, max(0.0, 1 - busy / (seconds * max(processors, len(report.shares), 1)))),
        idle_seconds={number: max(0.0, seconds - share.busy_seconds) for number, share in report.shares.items()},
        critical_seconds=max((share.busy_seconds for share in report.shares.values()), default=0.0),
        report=report,
    )


def title_of(execution: str) -> str:
    """What to call an execution under this Python: whether threads have a GIL is the difference that matters."""
    if execution == "threads" and not getattr(sys, "_is_gil_enabled", lambda: True)():
        return FREE_THREADED
    return _TITLES.get(execution, execution)


# CPU and memory of this process and all that it started ---------------------------------------------------------------


def _cpu_seconds() -> float:
    """CPU time of this process and its children that have ended; on Linux also of those that live, and of theirs.

    Only so are workers counted that a fork server started: they are its children, not ours, and it lives on.
    """
    times = os.times()
    living = sum(_cpu_of(pid) for pid in _tree(os.getpid())[1:])
    return time.process_time() + times.children_user + times.children_system + living


def _cpu_of(pid: int) -> float:
    """From /proc: user and system time of a process, and of its children that have ended."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()  # its name, before that, may have spaces
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


class _Memory:
    """The peak memory of the process tree while it is open. A thread looks: often at first, then as cheap as it can be.

    On Linux it is the proportional set size, which counts shared pages once; elsewhere the resident size, if psutil is
    there; else nothing is known.
    """

    def __init__(self) -> None:
        self.peak_mb: float | None = None
        self.cpu_seconds = 0.0  # that looking took
        self.metric, self._size = _meter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> _Memory:  # noqa: PYI034  # Self is of Python 3.11
        self._look()
        if self.metric is not None:
            try:
                self._thread.start()
            except RuntimeError:  # there is no room for a thread: then it is not known
                self.peak_mb = self.metric = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self.metric is not None:
            self._thread.join()
        self._look()  # what results take is most at the end

    def _watch(self) -> None:
        begun, pause = time.perf_counter(), 0.002
        while not self._ended.wait(pause):
            cpu, since = time.thread_time(), time.perf_counter()
            self._look()
            now = time.perf_counter()
            pause = min(_LONGEST_PAUSE, _PAUSE_FOR_COST * (now - since), max(0.002, (now - begun) / 4))
            self.cpu_seconds += time.thread_time() - cpu

    def _look(self) -> None:
        if self.metric is not None:
            self.peak_mb = max(self.peak_mb or 0.0, self._size())


def _meter() -> tuple[str | None, Callable[[], float]]:
    """What can be read here, and how."""
    if _pss_mb(os.getpid()):
        return "pss", lambda: sum(_pss_mb(pid) for pid in _tree(os.getpid()))
    try:
        import psutil  # type: ignore[import-untyped,unused-ignore]  # here, so that the thread imports nothing
    except ImportError:
        return None, lambda: 0.0
    me = psutil.Process()

    def resident_mb() -> float:
        """Of all processes that are still there when we look."""
        total = 0.0
        for process in [me, *me.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):  # it has ended
                total += process.memory_info().rss / _MB
        return total

    return "rss", resident_mb


def processes_of_session(session: int) -> int | None:
    """How many processes of a session there are, by the number of its leader; None where there is no /proc to tell."""
    if not os.path.isdir("/proc/self"):
        return None
    fields = (_read(f"/proc/{pid}/stat").rpartition(")")[2].split() for pid in os.listdir("/proc") if pid.isdigit())
    return sum(len(found) > 3 and int(found[3]) == session and found[0] != "Z" for found in fields)


# What kind of work it is ----------------------------------------------------------------------------------------------


def profile_of(run: Run, payload_kb: float, cores: int, kind: str = "validate") -> dict[str, Any]:
    """The workload of a run as `concurrency-selector recommend` takes it: what a task computes is what it was measured.

    What was not measured, because no task was done, is left out.
    """
    shares = run.report.shares.values()
    done = sum(share.tasks for share in shares)
    measured = {"cpu_ms_per_task": _rounded(1000 * sum(share.cpu_seconds for share in shares) / done)} if done else {}
    return {
        "name": f"Todo batch: {kind}",
        "workload_type": "cpu",
        "cpu_cores": cores,
        **({"tasks": run.tasks} if run.tasks else {}),
        **measured,
        "io_wait_ms_per_task": 0,
        "payload_kb_per_task": _rounded(payload_kb),
        "picklable": True,
        "free_threading_ready": True,  # these modules are, and so are those of the standard library that they use
        "subinterpreter_ready": True,
        "shared_state": "none",
    }


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")  # more digits than that no measurement has
