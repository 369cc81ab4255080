"""The harness: fresh processes, random rounds, a time budget, every failure a result. Nothing here needs changing."""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from approaches import APPROACHES_BY_ID, Done, Job

if TYPE_CHECKING:
    import argparse
    import subprocess

SCHEMA = 1
SHORT_SECONDS = 0.1  # steady work below this is mostly noise
_MB = 1024 * 1024


class Workload(NamedTuple):
    """What is measured. A number of tasks of None means: as many as make a measurement long enough.

    `work`, `work_async`, `start` and the items must pickle. `variants` (name to tasks) are measured and compared each by
    itself; settings["variant"] tells which one it is. `protocol` makes the asyncio protocol of the server that the work
    waits for, at settings["port"] of 127.0.0.1; without one, the server answers each line, a number of ms, after that time.
    """

    name: str
    approaches: tuple[str, ...]
    tasks: int | None
    cpus: int
    work: Callable[[Any], Any]
    work_async: Callable[[Any], Awaitable[Any]]
    items: Callable[[int], list[Any]]
    calibrate: Callable[[], dict[str, Any]]  # settings that make the work as long as it should be
    configure: Callable[[dict[str, Any]], None]  # take the settings, in every process
    start: Callable[[dict[str, Any]], None]  # configure, and the costly start of a worker
    close_async: Callable[[], Awaitable[None]]
    merge: Callable[[list[Any]], Any]  # the values of all tasks to the state they leave
    workers: dict[str, int] = {}  # noqa: RUF012  # pool size by approach; cpus for the others
    recommended: str | None = None
    scaling: tuple[int, ...] = ()  # further pool sizes for the recommended approach
    concurrency: int | None = None
    memory_budget_mb: float | None = None
    assumed: tuple[str, ...] = ()
    budget_seconds: float = 60.0
    variants: dict[str, int | None] = {}  # noqa: RUF012
    protocol: Callable[[], Any] | None = None


def main(workload: Workload) -> int:
    """Run the command line; returns the exit code: 0 done, 130 interrupted (argparse exits with 2 for bad usage)."""
    options = _arguments(workload)
    if options.keeper:
        _keep(workload.protocol or _wait_protocol)
    if options.child is not None:
        return _child(workload, json.loads(options.child[0]), options.child[1])
    _interrupt_on_signals()
    show = _Events() if options.json else _Table(workload)
    run = _Run(workload, options, show.event)
    try:
        reason = run.measure_all()
    except KeyboardInterrupt:
        reason = "interrupted"
    finally:
        run.close()
    show.event(event="end", reason=reason, detail=run.detail, seconds=run.elapsed())
    return 130 if reason == "interrupted" else 1 if reason == "failed" else 0


def _arguments(workload: Workload) -> argparse.Namespace:
    import argparse

    parser = argparse.ArgumentParser(description=workload.name.replace("%", "%%"))
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, as it happens")
    parser.add_argument("--budget", type=float, default=workload.budget_seconds, metavar="SECONDS")
    parser.add_argument("--interpreter", action="append", default=[], metavar="PATH", help="default: this Python")
    parser.add_argument("--io", choices=("socket", "sleep"), default="socket", help="wait for a server, or just sleep")
    parser.add_argument("--tasks", type=int, default=workload.tasks, metavar="N", help="tasks in one measurement")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="of the order of the measurements")
    parser.add_argument("--approach", action="append", choices=sorted(APPROACHES_BY_ID), help="only these")
    parser.add_argument("--parent", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--keeper", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.budget > 0:
        parser.error("--budget: a number of seconds over 0")
    if options.tasks is not None and options.tasks < 1:
        parser.error("--tasks: a whole number from 1")
    return options


def _interrupt_on_signals() -> None:
    """Being told to stop is the same as Ctrl-C: stop what runs, say what was measured."""
    import signal

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)


# One measurement, in a process of its own ---------------------------------------------------------------------------


def _child(workload: Workload, order: dict[str, Any], out: str) -> int:
    """Do what the order says and leave the result as JSON in a file: `probe`, `calibrate` or `measure`."""
    kinds: dict[str, Callable[[Workload, dict[str, Any]], dict[str, Any]]] = {
        "probe": _probe,
        "calibrate": _calibrate,
        "measure": _measure,
    }
    try:
        result = {"status": "ok", "reason": "", **kinds[order["kind"]](workload, order)}
    except Exception as error:  # noqa: BLE001  # a failure is a result, whatever it is
        status, reason = _failure(error)
        result = {"status": status, "reason": reason[:400]}
    with open(f"{out}.part", "w", encoding="utf-8") as stream:
        json.dump(result, stream)
    os.replace(f"{out}.part", out)
    return 0


def _gil_enabled() -> bool:
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def _probe(_: Workload, order: dict[str, Any]) -> dict[str, Any]:
    """What this Python is; it also compiles the script, as every worker that is spawned would do otherwise."""
    import py_compile
    import sysconfig

    if order["compiled"]:
        py_compile.compile(_script(), cfile=order["compiled"], doraise=True)
    return {
        "version": sys.version.split()[0],
        "free_threaded_build": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil_enabled": _gil_enabled(),
    }


def _calibrate(workload: Workload, order: dict[str, Any]) -> dict[str, Any]:
    """The settings that make the work right, what the costly start takes, and one task's time and CPU time."""
    workload.configure(order["settings"])
    settings = {**order["settings"], **workload.calibrate()}
    begun = time.perf_counter()
    workload.start(settings)
    startup = time.perf_counter() - begun
    items = workload.items(8)
    workload.work(items[0])  # opens its connection
    walls: list[float] = []
    cpus: list[float] = []
    while items and sum(walls) < 0.2:
        begun, cpu = time.perf_counter(), time.process_time()
        workload.work(items.pop())
        walls.append(time.perf_counter() - begun)
        cpus.append(time.process_time() - cpu)
    walls.sort()
    cpus.sort()
    middle = len(walls) // 2
    return {
        "settings": settings,
        "startup_seconds": startup,
        "wall_seconds": walls[middle],
        "cpu_seconds": min(cpus[middle], walls[middle]),
    }


def _measure(workload: Workload, order: dict[str, Any]) -> dict[str, Any]:
    """One approach once: the clock runs from before its pool is made until that is shut down."""
    approach = APPROACHES_BY_ID[order["approach"]]
    for module in approach.imports:
        importlib.import_module(module)
    gil = _gil_enabled()
    if approach.free_threaded and gil:
        return {"status": "gil_enabled", "reason": "the GIL is on: an extension module, or PYTHON_GIL, turned it on"}
    settings = {
        **order["settings"],
        "library_threads": workload.cpus if approach.library_threads else 1,
        "shares_memory": approach.shares_memory,
    }
    workload.configure(settings)
    items = workload.items(order["tasks"])
    _more_files()
    job = Job(
        items=items,
        work=workload.work,
        work_async=workload.work_async,
        start=workload.start,
        close_async=workload.close_async,
        settings=settings,
        workers=order["workers"],
        concurrency=workload.concurrency,
    )
    cpu_begun, begun = _cpu_seconds(), time.perf_counter()
    done = approach.run(job)
    state = workload.merge([value for value, *_ in done])
    ended, cpu_ended = time.perf_counter(), _cpu_seconds()
    return {
        **_times(done, begun, ended),
        **_balance(done, order["workers"] if approach.pool and not approach.loop else 1),
        "begun": begun,
        "cpu_seconds": None if cpu_begun is None or cpu_ended is None else cpu_ended - cpu_begun,
        "own_peak_mb": _own_peak_mb(),
        "gil_enabled": gil,
        "checksum": f"{_checksum([[value for value, *_ in done], state]):08x}",
    }


def _times(done: list[Done], begun: float, ended: float) -> dict[str, Any]:
    first, last = min(end for *_, end in done), max(end for *_, end in done)
    latencies = sorted((end - start) * 1000 for _, _, start, end in done)

    def percentile(part: float) -> float:
        """By linear interpolation between the two nearest tasks."""
        place = part * (len(latencies) - 1)
        low = int(place)
        high = min(low + 1, len(latencies) - 1)
        return latencies[low] + (latencies[high] - latencies[low]) * (place - low)

    return {
        "seconds": ended - begun,
        "startup_seconds": min(start for _, _, start, _ in done) - begun,
        "first_result_seconds": first - begun,
        "steady_seconds": last - first,
        "task_latency_ms": {"p50": percentile(0.5), "p95": percentile(0.95), "p99": percentile(0.99)},
        "short": last - first < SHORT_SECONDS,
    }


def _balance(done: list[Done], workers: int) -> dict[str, Any]:
    """How many workers took part, and how much more the busiest did than the average of all."""
    counts: dict[int, int] = {}
    for _, worker, *_ in done:
        counts[worker] = counts.get(worker, 0) + 1
    return {"workers_seen": len(counts), "imbalance": max(counts.values()) * min(workers, len(done)) / len(done)}


def _more_files() -> None:
    """Thousands of connections need as many file descriptors as are allowed."""
    try:
        import resource
    except ImportError:  # Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _cpu_seconds() -> float | None:
    """User and system time of this process and of its children that have ended."""
    try:
        import resource
    except ImportError:  # Windows: the children's time is not known
        return None
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _own_peak_mb() -> float | None:
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MB


def _checksum(value: Any, crc: int = 0) -> int:
    """A checksum of what the tasks returned: the same for the same values, whoever computed them."""
    if isinstance(value, (bytes, bytearray)):
        return zlib.crc32(value, crc)
    if isinstance(value, (list, tuple)):
        for part in value:
            crc = _checksum(part, crc)
        return zlib.crc32(b"%d" % len(value), crc)
    return zlib.crc32(repr(value).encode("utf-8", "backslashreplace"), crc)


def _failure(error: BaseException) -> tuple[str, str]:
    """What kind of failure an exception is, and a line about it."""
    while isinstance(getattr(error, "exceptions", None), tuple):  # a TaskGroup's
        error = error.exceptions[0]  # type: ignore[attr-defined]
    line = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    names = {kind.__name__ for kind in type(error).__mro__}
    if "MemoryError" in line:
        return "out_of_memory", line
    if "BrokenExecutor" in names:
        return "crash", f"a worker ended abruptly ({line})"
    if "ImportError" in names or "ModuleNotFoundError" in line:
        return "missing_dependency", line
    if "PicklingError" in names or "pickle" in line.lower() or "NotShareable" in line:
        return "unpicklable", line
    return "error", line


# The run: what is measured when, within the budget -------------------------------------------------------------------


class _Arm(NamedTuple):
    """One thing that is measured again and again."""

    arm: int
    approach: str
    interpreter: str
    workers: int
    role: str  # baseline, control (the baseline once more), candidate, scaling
    variant: str
    python: str


class _Python(NamedTuple):
    tag: str
    path: str
    version: tuple[int, int]
    free_threaded: bool


class _Run:
    """Measures every arm in random rounds until the budget is spent; clear losers are dropped on the way."""

    def __init__(self, workload: Workload, options: argparse.Namespace, event: Callable[..., None]) -> None:
        import random
        import tempfile

        self.begun = time.monotonic()
        self.workload, self.options, self.event = workload, options, event
        self.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
        self.random = random.Random(self.seed)
        self.folder = tempfile.mkdtemp(prefix="concurrency-")
        self.budget: float = options.budget
        self.detail = ""
        self.memory_limit_mb = _memory_limit_mb(workload.memory_budget_mb)
        self.keeper: _Keeper | None = None
        self.scripts: dict[str, str] = {}  # by interpreter: the compiled script
        self.variants = workload.variants or {"": workload.tasks}
        self.tasks: dict[str, int] = {}  # of each variant
        self.costs: dict[str, dict[str, Any]] = {}  # of each variant: what _calibrate found
        self.seconds: dict[int, list[float]] = {}  # of each arm: what it took, successful ones only
        self.failed: dict[int, str] = {}  # of each arm: how it failed last
        self.failures: dict[int, int] = {}
        self.dropped: set[int] = set()
        self.checksums: dict[str, str] = {}  # of each variant: what the baseline's results come to

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.begun

    def left(self) -> float:
        """Seconds of the budget."""
        return self.budget - self.elapsed()

    def close(self) -> None:
        """Stop the keeper, which stops everything that is left, and remove the files."""
        import shutil

        if self.keeper is not None:
            self.keeper.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def measure_all(self) -> str:
        """The whole run; returns why it ended."""
        _adopt_orphans()
        self.keeper = _Keeper()
        self.event(
            event="start",
            schema=SCHEMA,
            name=self.workload.name,
            seed=self.seed,
            budget_seconds=self.budget,
            io=self.options.io,
            cpus=self.workload.cpus,
            recommended=self.workload.recommended,
            assumed=list(self.workload.assumed),
            memory_limit_mb=round(self.memory_limit_mb, 1),
            python=sys.version.split()[0],
        )
        pythons = self._pythons()
        if not pythons:
            self.detail = "no interpreter can run this script"
            return "failed"
        for variant in self.variants:
            if not self._calibrate(pythons[0], variant):
                return "failed"
        arms = [arm for variant in self.variants for arm in self._arms(pythons, variant)]
        arms = [arm._replace(arm=number) for number, arm in enumerate(arms)]
        for variant in self.variants:
            self.tasks[variant] = self._tasks([arm for arm in arms if arm.variant == variant], variant)
        self._announce(arms)
        return self._rounds(arms)

    def _pythons(self) -> list[_Python]:
        """The interpreters that run this script, the reference first: one with a GIL, as the figures are of one."""
        found = []
        for number, path in enumerate(self.options.interpreter or [sys.executable]):
            compiled = os.path.join(self.folder, f"script-{number}.pyc") if __name__ == "__main__" else ""
            answer = self._child(path, {"kind": "probe", "compiled": compiled}, min(30.0, max(self.left(), 5.0)))
            if answer["status"] == "ok" and compiled:
                self.scripts[path] = compiled
            version = answer.get("version", "0.0")
            numbers = (int(version.split(".")[0]), int(version.split(".")[1]))
            free_threaded = answer.get("free_threaded_build", False)
            found.append(
                (_Python(f"{numbers[0]}.{numbers[1]}{'t' * free_threaded}", path, numbers, free_threaded), answer)
            )
        usable = [python for python, answer in found if answer["status"] == "ok"]
        usable.sort(key=lambda python: (python.free_threaded, [-number for number in python.version]))
        for python, answer in found:
            self.event(
                event="interpreter",
                interpreter=python.tag,
                path=python.path,
                version=answer.get("version", ""),
                free_threaded_build=python.free_threaded,
                gil_enabled=answer.get("gil_enabled", True),
                reference=python in usable[:1],
                status=answer["status"],
                reason=answer["reason"],
            )
        return usable

    def _calibrate(self, python: _Python, variant: str) -> bool:
        """How much work makes a task, on the reference interpreter: every arm then does the same."""
        assert self.keeper is not None
        settings = {"io": self.options.io, "port": self.keeper.port, "variant": variant}
        settings |= {"library_threads": 1, "shares_memory": True}
        answer = self._child(python.path, {"kind": "calibrate", "settings": settings}, max(self.left() / 3, 5.0))
        self.costs[variant] = answer
        if answer["status"] != "ok":
            self.detail = f"the work could not be tried out: {answer['status']}: {answer['reason']}"
        return bool(answer["status"] == "ok")

    def _arms(self, pythons: list[_Python], variant: str) -> Iterator[_Arm]:
        """The baseline and its double on the reference, then every approach on every interpreter that can run it."""
        ids = self.options.approach or self.workload.approaches
        recommended = self.workload.recommended
        for role in ("baseline", "control"):
            yield _Arm(0, "single_threaded", pythons[0].tag, 1, role, variant, pythons[0].path)
        for name in ids:
            approach = APPROACHES_BY_ID[name]
            size = self.workload.workers.get(name, self.workload.cpus) if approach.pool else 1
            for python in pythons:
                if not _can_run(name, python, pythons[0]):
                    continue
                yield _Arm(0, name, python.tag, size, "candidate", variant, python.path)
                for workers in self.workload.scaling if name == recommended and approach.pool else ():
                    if workers != size:
                        yield _Arm(0, name, python.tag, workers, "scaling", variant, python.path)

    def _tasks(self, arms: list[_Arm], variant: str) -> int:
        """As many tasks as asked for if one round of them takes up to half the budget, else so many that three fit."""
        asked, cpus = self.options.tasks or self.variants[variant], self.workload.cpus
        left = self.left() / len(self.variants)
        fixed = sum(self._estimate(arm, 0) for arm in arms)
        slope = (sum(self._estimate(arm, 1000) for arm in arms) - fixed) / 1000
        if asked is None:
            asked = self._long_enough(arms)
        if fixed + slope * asked <= left / 2:
            return int(asked)
        affordable = int((left / 3 - fixed) / max(slope, 1e-9))
        evenly = 8 if affordable >= 16 else cpus  # so that no worker is left with one task more
        return max(1, min(asked, max(affordable - affordable % evenly, cpus)))

    def _long_enough(self, arms: list[_Arm]) -> int:
        """So many tasks that even the fastest approach works for several tenths of a second."""
        tasks = 2
        while tasks < 1_000_000 and any(
            self._estimate(a, tasks) - self._estimate(a, 0) < 3 * SHORT_SECONDS for a in arms
        ):
            tasks *= 2
        return tasks

    def _estimate(self, arm: _Arm, tasks: int) -> float:
        """What a measurement of that many tasks might take, before there is one: waits overlap, computing may not."""
        cost, approach = self.costs[arm.variant], APPROACHES_BY_ID[arm.approach]
        cpu, wait = cost["cpu_seconds"], cost["wall_seconds"] - cost["cpu_seconds"]
        in_flight = self.workload.concurrency or 1000
        width = arm.workers if approach.pool and not approach.loop else in_flight
        overlap = min(width, in_flight) if approach.overlaps else 1
        at_once = (
            min(arm.workers if approach.pool else self.workload.cpus, self.workload.cpus) if approach.parallel else 1
        )
        return 0.2 + float(cost["startup_seconds"] + tasks * cpu / at_once + tasks * wait / overlap)

    def _announce(self, arms: list[_Arm]) -> None:
        variant = next(iter(self.variants))
        first = self.costs[variant]
        self.event(
            event="plan",
            tasks=self.tasks[variant],
            tasks_asked=self.options.tasks or self.variants[variant],
            task_wall_ms=first["wall_seconds"] * 1000,
            task_cpu_ms=first["cpu_seconds"] * 1000,
            arms=[{k: v for k, v in arm._asdict().items() if k != "python"} for arm in arms],
        )

    def _rounds(self, arms: list[_Arm]) -> str:
        """Round after round in random order while there is time; what no round had time for is reported as not run."""
        number = 0
        while True:
            wanted = self._wanted(arms, number)
            self.random.shuffle(wanted)
            ran = 0
            for place, arm in enumerate(wanted):
                if self._fits(arm, number):
                    self._one(arm, number, waiting=len(wanted) - place)
                    ran += 1
            if not ran:
                break
            number += 1
            self._drop_losers(arms)
        for arm in arms:
            if arm.arm not in self.seconds and arm.arm not in self.failed:
                self._report(arm, 0, {"status": "not_run", "reason": "the budget ended before its turn"}, 0.0)
        return "budget" if self._wanted(arms, number) else "done"

    def _wanted(self, arms: list[_Arm], number: int) -> list[_Arm]:
        """Who is in the next round: not the dropped; pool sizes that only show the scaling three times."""

        def wanted(arm: _Arm) -> bool:
            if arm.arm in self.dropped:
                return False
            return number < 3 or arm.role != "scaling"

        return [arm for arm in arms if wanted(arm)]

    def _fits(self, arm: _Arm, number: int) -> bool:
        """Whether there is time for it: what it took before, or in the first round a fair chance."""
        if number == 0:
            return self.left() > 0.5
        known = self.seconds.get(arm.arm)
        expected = max(known) + 0.15 if known else self._estimate(arm, self.tasks[arm.variant])
        return expected < self.left()

    def _limit(self, arm: _Arm, waiting: int) -> float:
        """After how many seconds a measurement is stopped: well over what it should take, and no more than its share."""
        sequential = self._estimate(arm._replace(approach="single_threaded", workers=1), self.tasks[arm.variant])
        share = 3 * self.left() / max(waiting, 1)
        return max(min(5 + 3 * sequential, share, self.left() + 0.02 * self.budget), 0.5)

    def _one(self, arm: _Arm, number: int, waiting: int) -> None:
        """Measure one arm once and report it."""
        self.event(
            event="running",
            arm=arm.arm,
            round=number,
            elapsed_seconds=self.elapsed(),
            seconds_left=max(0.0, self.left()),
        )
        order = {
            "kind": "measure",
            "approach": arm.approach,
            "workers": arm.workers,
            "tasks": self.tasks[arm.variant],
            "settings": self.costs[arm.variant]["settings"],
        }
        launched = time.perf_counter()
        self._report(arm, number, self._child(arm.python, order, self._limit(arm, waiting)), launched)

    def _report(self, arm: _Arm, number: int, answer: dict[str, Any], launched: float) -> None:
        """Keep what came of a measurement, and tell."""
        if answer["status"] == "ok" and arm.role == "baseline":
            self.checksums.setdefault(arm.variant, answer["checksum"])
        if answer["status"] == "ok" and answer["checksum"] != self.checksums.get(arm.variant, answer["checksum"]):
            answer |= {"status": "mismatch", "reason": "its results differ from those of single-threaded code"}
        if answer["status"] == "ok":
            self.seconds.setdefault(arm.arm, []).append(answer["seconds"])
        else:
            self.failed[arm.arm] = answer["status"]
            self.failures[arm.arm] = self.failures.get(arm.arm, 0) + 1
        if "begun" in answer:
            answer["launch_seconds"] = answer["begun"] - launched
        if answer.get("cpu_seconds") is not None:
            answer["cpu_percent"] = 100 * answer["cpu_seconds"] / answer["seconds"]
        known = {k: v for k, v in arm._asdict().items() if k != "python"}
        fields = {name: answer.get(name) for name in _CELL_FIELDS}
        self.event(
            event="cell",
            round=number,
            status=answer["status"],
            reason=answer["reason"],
            tasks=self.tasks[arm.variant],
            **known,
            **fields,
        )

    def _drop_losers(self, arms: list[_Arm]) -> None:
        """Leave out what failed and is not worth another try, and what is clearly slower than the fastest."""
        for variant in self.variants:
            racing = [arm for arm in arms if arm.variant == variant and arm.arm not in self.dropped]
            medians = {arm.arm: _median(self.seconds[arm.arm]) for arm in racing if arm.arm in self.seconds}
            best = min(
                (a for a in racing if a.arm in medians and a.role != "scaling"),
                key=lambda a: medians[a.arm],
                default=None,
            )
            for arm in racing:
                reason = self._why_drop(arm, best, medians)
                if reason:
                    self.dropped.add(arm.arm)
                    self.event(event="dropped", arm=arm.arm, reason=reason)

    def _why_drop(self, arm: _Arm, best: _Arm | None, medians: dict[int, float]) -> str:
        if self.failures.get(arm.arm, 0) > (self.failed.get(arm.arm) == "crash"):  # a crash may have been an accident
            return f"failed: {self.failed[arm.arm]}"
        samples = self.seconds.get(arm.arm)
        if best is None or not samples or arm.role == "scaling" or arm.approach == self.workload.recommended:
            return ""
        again = 1 if min(samples) > 0.08 * self.budget else 3
        if arm.role in ("baseline", "control") and len(samples) < again:
            return ""
        ratio = min(samples) / medians[best.arm]
        limit = 2.0 if len(samples) == 1 else 1.4 if len(samples) < 4 else 1.25
        return f"{ratio:.1f}x as long as {best.approach}" if ratio > limit else ""

    def _child(self, python: str, order: dict[str, Any], limit_seconds: float) -> dict[str, Any]:
        """A fresh process that does what the order says; a result whatever happens to it."""
        assert self.keeper is not None
        out = os.path.join(self.folder, "result.json")
        errors = os.path.join(self.folder, "errors.txt")
        if os.path.exists(out):
            os.unlink(out)
        command = [python, self.scripts.get(python, _script()), "--child", json.dumps(order), out]
        group = _Group(command, errors, self.keeper)
        stopped = group.watch(limit_seconds, self.memory_limit_mb, self.options.parent)
        try:
            with open(out, encoding="utf-8") as stream:
                answer: dict[str, Any] = json.load(stream)
        except (OSError, ValueError):
            answer = dict(zip(("status", "reason"), stopped or group.obituary(errors), strict=True))
        if answer.get("cpu_seconds") is not None:
            answer["cpu_seconds"] += group.orphans_cpu_seconds
        answer["peak_memory_mb"], answer["memory_metric"] = group.peak_mb, group.metric
        if group.metric is None and answer.get("own_peak_mb") is not None:
            answer["peak_memory_mb"], answer["memory_metric"] = answer["own_peak_mb"], "peak_rss_of_main_process"
        return answer


_CELL_FIELDS = (
    "seconds", "launch_seconds", "startup_seconds", "first_result_seconds", "steady_seconds", "cpu_seconds", "cpu_percent",
    "peak_memory_mb", "memory_metric", "task_latency_ms", "gil_enabled", "checksum", "workers_seen", "imbalance", "short",
)  # fmt: skip


def _can_run(name: str, python: _Python, reference: _Python) -> bool:
    """On a free-threaded build only what it is for, and plain code to compare with; unless there is no other build."""
    approach = APPROACHES_BY_ID[name]
    if python.version < approach.since or approach.free_threaded > python.free_threaded:
        return False
    if name == "single_threaded":
        return python is not reference  # there it is the baseline
    return python is reference or approach.free_threaded == python.free_threaded


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _script() -> str:
    return os.path.abspath(sys.argv[0])


def _memory_limit_mb(budget_mb: float | None) -> float:
    """Above this a measurement is stopped: four times the budget, and never most of what the machine has."""
    try:
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _MB
    except (AttributeError, ValueError, OSError):  # Windows
        available = 4096.0
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as stream:
            available = min(available, int(stream.read()) / _MB)
    except (OSError, ValueError):
        pass
    return min(0.8 * available, max(4 * budget_mb, 512.0) if budget_mb is not None else 0.5 * available)


# Processes: watched while they live, gone when they should be --------------------------------------------------------


def _adopt_orphans() -> None:
    """On Linux, descendants whose parent has died become ours (PR_SET_CHILD_SUBREAPER), so that we can wait for them."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


class _Keeper:
    """A helper process that outlives us by a moment: it answers waits, and kills what we started when we are gone."""

    def __init__(self) -> None:
        import subprocess

        self.process = subprocess.Popen(
            [sys.executable, _script(), "--keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline() or 0)

    def tell(self, line: str) -> None:
        """`+GROUP` to guard a process group, `-GROUP` when it has ended."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        except OSError:  # it was killed: we go on without it
            pass

    def close(self) -> None:
        """End it, by what would also happen if we died: its input ends."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.close()
            self.process.wait(5)
        except Exception:  # noqa: BLE001  # whatever it is: it must not live on
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def _keep(protocol: Callable[[], Any]) -> NoReturn:
    """The keeper's own life: serve on a loopback port; when standard input ends, kill the guarded groups and go."""
    import asyncio
    import signal

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    _more_files()
    guarded: set[int] = set()

    def guard() -> None:
        """Read what to guard until the parent is gone."""
        for line in sys.stdin:
            (guarded.add if line[0] == "+" else guarded.discard)(int(line[1:]))
        for group in guarded:
            _kill_group(group)
        os._exit(0)

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, backlog=4096)
        print(server.sockets[0].getsockname()[1], flush=True)
        threading.Thread(target=guard, daemon=True).start()
        await asyncio.Event().wait()

    asyncio.run(serve())
    raise SystemExit


def _wait_protocol() -> Any:
    """A server that answers each line, a number of milliseconds, after that time."""
    import asyncio

    class WaitProtocol(asyncio.Protocol):
        """One connection."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            self.rest = b""

        def data_received(self, data: bytes) -> None:
            *lines, self.rest = (self.rest + data).split(b"\n")
            for line in lines:
                asyncio.get_running_loop().call_later(float(line) / 1000, self.transport.write, b"ok\n")

    return WaitProtocol()


def _kill_group(group: int) -> None:
    import signal

    try:
        if hasattr(os, "killpg"):
            os.killpg(group, signal.SIGKILL)
        else:  # Windows
            os.system(f"taskkill /F /T /PID {group}")
    except OSError:  # gone already
        pass


class _Group:
    """A process and all that it starts, in a process group of their own, so that they can be ended together."""

    def __init__(self, command: list[str], errors: str, keeper: _Keeper) -> None:
        import subprocess

        self.keeper = keeper
        beside = [os.path.dirname(_script()), os.environ.get("PYTHONPATH", "")]
        with open(errors, "wb") as stream:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, beside))},  # modules beside the script
                start_new_session=True,
            )
        keeper.tell(f"+{self.process.pid}")
        self.code: int | None = None  # of the main process, negative for a signal
        self.peak_mb: float | None = None
        self.metric: str | None = None
        self.orphans_cpu_seconds = 0.0

    def watch(self, limit_seconds: float, limit_mb: float, parent: int | None) -> tuple[str, str] | None:
        """Wait until it has ended, or end it; returns (status, reason) if we did."""
        begun = time.monotonic()
        meter = _Meter(self.process.pid)
        stopped = None
        try:
            while self.code is None and stopped is None:
                self._reap()
                if self.code is not None:
                    break
                passed = time.monotonic() - begun
                self.peak_mb, self.metric = meter.sample(passed), meter.metric
                if passed > limit_seconds:
                    stopped = "timeout", f"stopped after {passed:.1f} s"
                elif (self.peak_mb or 0) > limit_mb:
                    stopped = "out_of_memory", f"stopped at {self.peak_mb:.0f} MB (limit {limit_mb:.0f} MB)"
                elif parent is not None and os.getppid() != parent:
                    raise KeyboardInterrupt  # whoever wanted to know is gone
                time.sleep(min(0.02, max(0.001, passed / 20)))
        finally:
            self._end(grace_seconds=0.0 if self.code is None else 2.0)
        return stopped

    def _reap(self) -> None:
        """Take note of every member of the group that has ended."""
        if not hasattr(os, "wait4"):  # Windows
            self.code = self.process.poll()
            return
        while True:
            try:
                pid, status, usage = os.wait4(-self.process.pid, os.WNOHANG)
            except ChildProcessError:
                if self.code is None:
                    self.code = self.process.returncode = -9
                return
            if pid == 0:
                return
            if pid == self.process.pid:
                self.code = self.process.returncode = os.waitstatus_to_exitcode(status)
            else:  # such as the fork server, whose children's time nobody else has counted
                self.orphans_cpu_seconds += usage.ru_utime + usage.ru_stime

    def _end(self, grace_seconds: float) -> None:
        """Let what is left end by itself for a moment (a fork server does), then kill it, and wait until it is gone."""
        deadline = time.monotonic() + grace_seconds
        while time.monotonic() < deadline and self._alive():
            time.sleep(0.002)
        while self._alive():
            _kill_group(self.process.pid)
            time.sleep(0.002)
        self.keeper.tell(f"-{self.process.pid}")

    def _alive(self) -> bool:
        self._reap()
        if not hasattr(os, "killpg"):
            return self.code is None
        try:
            os.killpg(self.process.pid, 0)
        except OSError:
            return False
        return True

    def obituary(self, errors: str) -> tuple[str, str]:
        """What a process that left no result died of."""
        with open(errors, encoding="utf-8", errors="backslashreplace") as stream:
            lines = [line.strip() for line in stream.read()[-20_000:].splitlines() if line.strip()]
        last = lines[-1][:300] if lines else ""
        if "ModuleNotFoundError" in last or "ImportError" in last:
            return "missing_dependency", last
        if "MemoryError" in last:
            return "out_of_memory", last
        if self.code is not None and self.code < 0:
            return "crash", f"killed by signal {-self.code}"
        return "crash", f"ended with code {self.code}: {last}" if last else f"ended with code {self.code} and no result"


class _Meter:
    """Peak memory of a process tree: proportional set size on Linux; else with psutil, if that is installed.

    Resident size is cheap to read, so it is read often; the proportional one when that has grown, or has not been read
    for a while (pages that were shared may no longer be).
    """

    def __init__(self, root: int) -> None:
        self.root = root
        self.metric: str | None = None
        self.peak_mb: float | None = None
        self.members = [root]
        self.looked = self.read = -1.0
        self.resident = 0
        if os.path.exists(f"/proc/{root}/smaps_rollup"):
            self.metric = "pss"
        else:
            try:
                import psutil  # type: ignore[import-untyped,unused-ignore]  # noqa: F401

                self.metric = "uss"
            except ImportError:
                pass

    def sample(self, passed_seconds: float) -> float | None:
        """Look at the tree as it is now; returns the highest so far in MB."""
        if self.metric == "uss":
            if passed_seconds - self.read > 0.1:
                self.read = passed_seconds
                self._note(_psutil_mb(self.root))
        elif self.metric == "pss":
            if passed_seconds - self.looked > min(0.1, passed_seconds / 10):
                self.looked = passed_seconds
                self.members = _tree(self.root)
            resident = sum(_pages(pid) for pid in self.members)
            if resident > self.resident * 1.005 or passed_seconds - self.read > 0.1:
                self.read, self.resident = passed_seconds, max(resident, self.resident)
                self._note(sum(_pss_mb(pid) for pid in self.members))
        return self.peak_mb

    def _note(self, megabytes: float) -> None:
        self.peak_mb = max(self.peak_mb or 0.0, megabytes)


def _tree(root: int) -> list[int]:
    """A process and all its descendants, from /proc."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            tasks = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for task in tasks:
            todo += [int(child) for child in _read(f"/proc/{pid}/task/{task}/children").split()]
    return found


def _pages(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) if len(fields) > 1 else 0


def _pss_mb(pid: int) -> float:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read()
    except OSError:  # it has ended
        return ""


def _psutil_mb(root: int) -> float:
    import psutil

    total = 0
    try:
        for process in [psutil.Process(root), *psutil.Process(root).children(recursive=True)]:
            total += process.memory_full_info().uss
    except psutil.Error:  # one of them has ended
        pass
    return total / _MB


# What is shown -------------------------------------------------------------------------------------------------------


class _Events:
    """One JSON object a line."""

    def event(self, **fields: Any) -> None:
        """Print it at once, whole."""
        print(json.dumps(fields), flush=True)


class _Table:
    """A line for each first measurement as it comes, and a table at the end."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.cells: dict[int, list[dict[str, Any]]] = {}

    def event(self, **fields: Any) -> None:
        """Take note; what is worth a line is told on standard error."""
        match fields["event"]:
            case "interpreter":
                gil = "GIL on" if fields["gil_enabled"] else "GIL off"
                told = f"Python {fields['version']}, {gil}" if fields["status"] == "ok" else fields["reason"]
                print(f"{fields['path']}: {told}", file=sys.stderr)
            case "plan":
                print(f"{fields['tasks']} tasks in each measurement; order by seed", file=sys.stderr)
            case "cell":
                self.cells.setdefault(fields["arm"], []).append(fields)
                if len(self.cells[fields["arm"]]) == 1:
                    told = f"{fields['seconds']:.3f} s" if fields["status"] == "ok" else fields["status"]
                    print(f"  {_label(fields)}: {told}", file=sys.stderr)
            case "end":
                self._print(fields)

    def _print(self, end: dict[str, Any]) -> None:
        print(f"\n{_printable(self.workload.name)}")
        for variant in dict.fromkeys(cells[0]["variant"] for cells in self.cells.values()):
            rows = [cells for cells in self.cells.values() if cells[0]["variant"] == variant]
            if variant:
                print(f"\n{variant}")
            self._print_rows(rows)
        spent = f"{end['seconds']:.0f} s" + {"budget": "", "done": ""}.get(
            end["reason"], f", {end['reason']} {end['detail']}"
        )
        print(
            f"\nSpeedup is against single-threaded code on the first Python. CPU: 100 % is one CPU. Measured for {spent}."
        )

    def _print_rows(self, rows: list[list[dict[str, Any]]]) -> None:
        print(
            f"{'approach':<23}{'Python':>7}{'workers':>8}{'seconds':>10}{'speedup':>9}{'CPU %':>7}{'MB':>8}{'p95 ms':>9}"
        )
        base = [
            c["seconds"]
            for cells in rows
            for c in cells
            if c["role"] in ("baseline", "control") and c["status"] == "ok"
        ]
        for cells in rows:
            good = [cell for cell in cells if cell["status"] == "ok"]
            head = f"{cells[0]['approach']:<23}{cells[0]['interpreter']:>7}{cells[0]['workers']:>8}"
            if not good:
                print(f"{head}  {cells[-1]['status']}: {_printable(cells[-1]['reason'])}")
                continue
            seconds = _median([cell["seconds"] for cell in good])
            speedup = f"{_median(base) / seconds:.2f}x" if base else "-"
            cpu = _median([cell["cpu_percent"] or 0.0 for cell in good])
            memory = max(cell["peak_memory_mb"] or 0.0 for cell in good)
            latency = _median([cell["task_latency_ms"]["p95"] for cell in good])
            print(f"{head}{seconds:>10.4f}{speedup:>9}{cpu:>7.0f}{memory:>8.1f}{latency:>9.2f}")


def _label(cell: dict[str, Any]) -> str:
    return f"{cell['approach']} on {cell['interpreter']}, {cell['workers']} worker{'s' * (cell['workers'] > 1)}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
