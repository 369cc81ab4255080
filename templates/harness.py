"""The harness: fresh processes, random rounds, a time budget, every failure a result. Nothing here needs changing."""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TextIO

from approaches import APPROACHES_BY_ID, Done, Job

if TYPE_CHECKING:
    import argparse
    import subprocess

SCHEMA = 1
SHORT_SECONDS = 0.1  # steady work below this is mostly noise
_MB = 1024 * 1024
_MARK = "CONCURRENCY_BENCHMARK"  # in the environment of every process of a run: its folder
_SERVING = "the keeper serves on port "


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
    calibrate: Callable[[], dict[str, Any]]  # settings that make the work as long as it should be; see _calibrate
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
    """Run the command line; returns the exit code: 0 done, 1 failed, 130 interrupted (argparse: 2 for bad usage)."""
    options = _arguments(workload)
    if options.keeper:
        _keep(workload.protocol or _wait_protocol)
    if options.child is not None:
        return _child(workload, json.loads(options.child[0]), options.child[1])
    _listen_to_signals()
    show = _Events() if options.json else _Table(workload)
    run = _Run(workload, options, show.event)
    try:
        reason = run.measure_all()
    except KeyboardInterrupt:
        reason = "interrupted"
    except Exception as error:  # noqa: BLE001  # such as a full disk: there is still something to report
        reason, run.detail = "failed", _failure(error)[1]
    finally:
        run.close()
    show.event(event="end", reason=reason, detail=run.detail, seconds=run.elapsed())
    return 1 if _unsaid or reason == "failed" else 130 if reason == "interrupted" else 0


def _arguments(workload: Workload) -> argparse.Namespace:
    import argparse

    about = _printable(workload.name)  # argparse fills in "%(prog)s", and then takes "%%" for "%"
    parser = argparse.ArgumentParser(description=about.replace("%", "%%") if "%(prog)" in about else about)
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
    if not 0 < options.budget < 1e9:
        parser.error("--budget: a number of seconds over 0")
    if options.tasks is not None and options.tasks < 1:
        parser.error("--tasks: a whole number from 1")
    return options


_told: list[int] = []  # the signals that told us to stop


def _listen_to_signals() -> None:
    """Being told to stop is the same as Ctrl-C: stop what runs, say what was measured.

    A signal is only noted, and obeyed at the next `_obey`: no process can slip away between its start and the entry in
    our books. Told three times, we leave at once, and the rest to the keeper.
    """
    import signal

    def note(number: int, _: object) -> None:
        _told.append(number)
        if len(_told) > 2:
            os._exit(130)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and (name != "SIGHUP" or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN):
            signal.signal(getattr(signal, name), note)  # under nohup, hanging up is no reason to stop


def _obey(parent: int | None) -> None:
    """Stop if a signal said so, or if whoever wanted to know is gone."""
    if _told or (parent is not None and os.getppid() != parent):
        raise KeyboardInterrupt


# One measurement, in a process of its own ---------------------------------------------------------------------------


def _child(workload: Workload, order: dict[str, Any], out: str) -> NoReturn:
    """Do what the order says and leave the result as JSON in a file: `probe`, `calibrate` or `measure`."""
    kinds: dict[str, Callable[[Workload, dict[str, Any]], dict[str, Any]]] = {
        "probe": _probe,
        "calibrate": _calibrate,
        "measure": _measure,
    }
    process = os.getpid()
    try:
        text = json.dumps({"status": "ok", "reason": "", **kinds[order["kind"]](workload, order)}, allow_nan=False)
    except BaseException as error:  # noqa: BLE001  # a failure is a result, whatever it is: SystemExit, too
        status, reason = _failure(error)
        text = json.dumps({"status": status, "reason": reason[:400]})
    if os.getpid() == process:  # and not a copy of it that the work has forked
        with open(f"{out}.part", "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(f"{out}.part", out)
    os._exit(0)  # threads that the work left behind do not keep us


def _gil_enabled() -> bool:
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def _probe(_: Workload, order: dict[str, Any]) -> dict[str, Any]:
    """What this Python is; it also compiles the script, as every worker that is spawned would do otherwise."""
    import py_compile
    import sysconfig

    if order["compiled"]:
        if clash := _defined_twice(_script()):
            return {"status": "error", "reason": f"{clash} means two things in this script: give yours another name"}
        py_compile.compile(_script(), cfile=order["compiled"], doraise=True)
    return {
        "version": sys.version.split()[0],
        "free_threaded_build": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil_enabled": _gil_enabled(),
    }


def _defined_twice(script: str) -> str:
    """A name that the script gives to two functions, classes or modules: ours and the user's are in one file."""
    import ast

    meanings: dict[str, str] = {}
    with open(script, encoding="utf-8") as stream:
        tree = ast.parse(stream.read())
    for node in tree.body:
        found = []
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            origin = getattr(node, "module", "")
            found = [(a.asname or a.name.partition(".")[0], f"{origin}.{a.name.partition('.')[0]}") for a in node.names]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found = [(node.name, f"line {node.lineno}")]
        for name, meaning in found:
            if meanings.setdefault(name, meaning) != meaning:
                return name
    return ""


def _calibrate(workload: Workload, order: dict[str, Any]) -> dict[str, Any]:
    """The settings that make the work right, what the costly start takes, and one task's time and CPU time.

    A time is without what its thread waited for a CPU, which says nothing of the work. `stand_in` among the settings,
    where work is made: the milliseconds of CPU that a task should take, and those that it was found to take.
    """
    workload.configure(order["settings"])
    settings = {**order["settings"], **workload.calibrate()}
    stand_in = settings.pop("stand_in", None)
    begun = time.perf_counter()
    workload.start(settings)
    startup = time.perf_counter() - begun
    walls: list[float] = []
    cpus: list[float] = []
    for item in workload.items(8):
        queued, begun, cpu = _queued_seconds(), time.perf_counter(), time.process_time()
        workload.work(item)
        took, cpu = time.perf_counter() - begun, time.process_time() - cpu
        walls.append(max(took - (_queued_seconds() - queued), min(cpu, took)))
        cpus.append(cpu)
        if sum(walls) > 0.2:
            break
    if len(walls) > 2:  # the first one opened its connection
        del walls[0], cpus[0]
    walls.sort()
    cpus.sort()
    middle = len(walls) // 2
    return {
        "settings": settings,
        "startup_seconds": startup,
        "wall_seconds": walls[middle],
        "cpu_seconds": min(cpus[middle], walls[middle]),
        "stand_in": stand_in,
    }


def _queued_seconds() -> float:
    """How long this thread has been ready to run without getting a CPU, since it began (Linux; else 0)."""
    fields = _read("/proc/thread-self/schedstat").split()
    return int(fields[1]) / 1e9 if len(fields) > 1 else 0.0


def _measure(workload: Workload, order: dict[str, Any]) -> dict[str, Any]:
    """One approach once: the clock runs from before its pool is made until that is shut down."""
    approach = APPROACHES_BY_ID[order["approach"]]
    for module in approach.imports:
        importlib.import_module(module)
    with_gil = {"status": "gil_enabled", "reason": "the GIL is on: an extension module, or PYTHON_GIL, turned it on"}
    if approach.free_threaded and _gil_enabled():
        return with_gil
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
    gil = _gil_enabled()
    if approach.free_threaded and gil:  # since something was imported by the work
        return with_gil
    return {
        **_times(done, begun, ended),
        **_balance(done, order["workers"] if approach.pool and not approach.loop else 1),
        "begun": begun,
        "cpu_seconds": None if cpu_begun is None or cpu_ended is None else cpu_ended - cpu_begun,
        "own_peak_mb": _own_peak_mb(),
        "gil_enabled": gil,
        "checksum": f"{_checksum([value for value, *_ in done[: order['checked']]]):08x}",
        "state_checksum": f"{_checksum(state):08x}",
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

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ImportError, OSError, ValueError):  # Windows; and macOS says "unlimited", but does not take it
        pass


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
        return zlib.crc32(value, zlib.crc32(b"bytes", crc))
    if isinstance(value, (set, frozenset)):  # whose order is another one in each process
        value = sorted(_checksum(part) for part in value)
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, (list, tuple)):
        for part in value:
            crc = _checksum(part, crc)
        return zlib.crc32(b"list of %d" % len(value), crc)
    return zlib.crc32(_without_addresses(repr(value)).encode("utf-8", "backslashreplace"), crc)


def _without_addresses(text: str) -> str:
    """`<Page object at 0x7f0c>` is `<Page object>` wherever it lies."""
    if " at 0x" not in text:
        return text
    import re

    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _failure(error: BaseException) -> tuple[str, str]:
    """What kind of failure an exception is, and a line about it."""
    while isinstance(parts := getattr(error, "exceptions", None), tuple) and parts:  # a TaskGroup's
        error = parts[0]
    name = type(error).__name__
    try:
        line = f"{name}: {error}".splitlines()[0].strip(" :")
    except Exception:  # noqa: BLE001  # it is the user's, and may be broken
        line = name
    names = {kind.__name__ for kind in type(error).__mro__}
    if "MemoryError" in line:
        return "out_of_memory", line
    if "BrokenExecutor" in names:
        cause = str(error.__cause__ or "").strip(" \n\"'")
        if "_ForkingPickler.loads" in cause:
            return "unpicklable", f"a result did not unpickle ({cause.splitlines()[-1]})"
        return "crash", f"a worker ended abruptly ({line})"
    if "ImportError" in names or "ModuleNotFoundError" in line:
        return "missing_dependency", line
    if "PickleError" in names or "NotShareable" in line:
        return "unpicklable", line
    if ("TypeError" in names or "AttributeError" in names) and "pickle" in line.lower():
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
        self.budget: float = options.budget
        self.detail = ""
        self.memory_limit_mb = _memory_limit_mb(workload.memory_budget_mb)
        self.before = set(_tree(os.getpid()))  # what the user's part may have started: it is not ours to end
        self.folder = tempfile.mkdtemp(prefix="concurrency-")
        self.keeper: _Keeper | None = None
        self.scripts: dict[str, str] = {}  # by interpreter: the compiled script
        self.variants = workload.variants or {"": workload.tasks}
        self.tasks: dict[str, int] = {}  # of each variant
        self.fewer: dict[str, int] = {}  # of each variant: how many are measured where tasks wait one after the other
        self.costs: dict[str, dict[str, Any]] = {}  # of each variant: what _calibrate found
        self.seconds: dict[int, list[float]] = {}  # of each arm: what it took, successful ones only
        self.took: dict[int, list[float]] = {}  # the same, without what was extrapolated
        self.failed: dict[int, str] = {}  # of each arm: how it failed last
        self.failures: dict[int, int] = {}
        self.dropped: set[int] = set()
        self.checksums: dict[str, str] = {}  # of each variant: what the baseline's results come to
        self.crowding = 1.0  # how much longer things may take as others take CPUs, by the last that was looked at

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.begun

    def left(self) -> float:
        """Seconds of the budget."""
        return self.budget - self.elapsed()

    def _at_most(self, seconds: float) -> float:
        """That long, if the budget is not over by more than a moment then."""
        return max(0.1, min(seconds, self.left() + max(1.0, 0.05 * self.budget)))

    def close(self) -> None:
        """Stop the keeper, which stops everything that is left, and remove the files."""
        import shutil

        if self.keeper is not None:
            self.keeper.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def measure_all(self) -> str:
        """The whole run; returns why it ended."""
        _adopt_orphans()
        self._kept()
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

    def _kept(self) -> _Keeper:
        """The keeper, or a new one if somebody has killed it."""
        if self.keeper is not None and self.keeper.process.poll() is not None:
            self.keeper.close()
            self.keeper = None
        if self.keeper is None:
            self.keeper = _Keeper(self.scripts.get(sys.executable, _script()), self.folder)
        return self.keeper

    def _pythons(self) -> list[_Python]:
        """The interpreters that run this script, the reference first: one with a GIL, as the figures are of one."""
        found = []
        for number, path in enumerate(self.options.interpreter or [sys.executable]):
            compiled = os.path.join(self.folder, f"script-{number}.pyc") if __name__ == "__main__" else ""
            limit = self._at_most(min(max(self.left() / 3, 2.0), 30.0))
            answer = self._child(path, {"kind": "probe", "compiled": compiled}, limit)
            if answer["status"] == "ok" and compiled:
                self.scripts[path] = compiled
            elif answer["status"] == "crash":
                answer |= {"status": "error", "reason": f"this does not run the script: {answer['reason']}"}
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
                interpreter=python.tag if "version" in answer else None,
                path=python.path,
                version=answer.get("version"),
                free_threaded_build=answer.get("free_threaded_build"),
                gil_enabled=answer.get("gil_enabled"),
                reference=python in usable[:1],
                status=answer["status"],
                reason=answer["reason"],
            )
        return usable

    def _calibrate(self, python: _Python, variant: str) -> bool:
        """How much work makes a task, on the reference interpreter: every arm then does the same."""
        settings = {"io": self.options.io, "port": 0, "variant": variant, "library_threads": 1, "shares_memory": True}
        limit = self._at_most(max(self.left() / 3, 5.0) * self.crowding)
        answer = self._child(python.path, {"kind": "calibrate", "settings": settings}, limit)
        self.costs[variant] = answer
        if answer["status"] != "ok":
            more = "; give it more time by --budget" if answer["status"] == "timeout" else ""
            self.detail = f"the work could not be tried out: {answer['status']}: {answer['reason']}{more}"
        return bool(answer["status"] == "ok")

    def _arms(self, pythons: list[_Python], variant: str) -> Iterator[_Arm]:
        """The baseline and its double on the reference, then every approach on every interpreter that can run it."""
        ids = self.options.approach or self.workload.approaches
        computes = self.costs[variant]["cpu_seconds"] > 0.5 * self.costs[variant]["wall_seconds"]
        recommended = self.workload.recommended
        for role in ("baseline", "control"):
            yield _Arm(0, "single_threaded", pythons[0].tag, 1, role, variant, pythons[0].path)
        for name in ids:
            approach = APPROACHES_BY_ID[name]
            if name == "single_threaded" and not computes:
                continue  # plain code on another build shows what computing costs there
            size = self.workload.workers.get(name, self.workload.cpus) if approach.pool else 1
            for python in pythons:
                if not _can_run(name, python, pythons[0]):
                    continue
                yield _Arm(0, name, python.tag, size, "candidate", variant, python.path)
                for workers in self.workload.scaling if name == recommended and approach.pool else ():
                    if workers != size:
                        yield _Arm(0, name, python.tag, workers, "scaling", variant, python.path)

    def _tasks(self, arms: list[_Arm], variant: str) -> int:
        """As many tasks as asked for if three rounds of them fit the budget, else so many that three or four do."""
        asked, cpus = self.options.tasks or self.variants[variant], self.workload.cpus
        left = self.left() / len(self.variants)
        self.fewer[variant] = fewer = self._fewer(variant, left)
        asked = asked or self._long_enough(arms)

        def round_seconds(tasks: int) -> float:
            """What the first round takes with so many."""
            racing = (arm for arm in arms if arm.role != "scaling")
            return sum(self._estimate(a, tasks if self._overlaps(a) else min(fewer, tasks)) for a in racing)

        if round_seconds(asked) <= left / 3:
            return int(asked)
        affordable, too_many = 0, int(asked)
        while too_many - affordable > 1:
            middle = (affordable + too_many) // 2
            affordable, too_many = (middle, too_many) if round_seconds(middle) <= 0.28 * left else (affordable, middle)
        evenly = 8 if affordable >= 16 else cpus  # so that no worker is left with one task more
        return max(1, min(asked, max(affordable - affordable % evenly, cpus)))

    def _overlaps(self, arm: _Arm) -> bool:
        return APPROACHES_BY_ID[arm.approach].overlaps

    def _fewer(self, variant: str, left_seconds: float) -> int:
        """How many tasks to measure where they wait one after the other: the time of more follows from that.

        All of them where computing prevails, or where that takes up to a twentieth of the budget.
        """
        cost = self.costs[variant]
        if cost["cpu_seconds"] > 0.5 * cost["wall_seconds"]:
            return 1_000_000_000
        return max(1, int(0.05 * left_seconds / max(cost["wall_seconds"], 1e-9)))

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
            stand_in=first.get("stand_in"),
            arms=[{k: v for k, v in arm._asdict().items() if k != "python"} for arm in arms],
        )

    def _rounds(self, arms: list[_Arm]) -> str:
        """Round after round in random order while there is time; what no round had time for is reported as not run."""
        number = 0
        while True:
            wanted = self._wanted(arms, number)
            self.random.shuffle(wanted)
            if number == 0:  # what the others' results are compared with
                wanted.sort(key=lambda arm: arm.role != "baseline")
            ran = 0
            for place, arm in enumerate(wanted):
                if self._fits(arm, number):
                    self._one(arm, number, waiting=1 if number else len(wanted) - place)
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
        """Who is in the next round: not the dropped; what only shows the scaling once, after all else, or thrice if cheap."""

        def wanted(arm: _Arm) -> bool:
            if arm.arm in self.dropped or (arm.role == "scaling" and number == 0):
                return False
            return (
                arm.role != "scaling"
                or number < 2
                or (number < 4 and min(self.took.get(arm.arm, [0.0])) < 0.01 * self.budget)
            )

        return [arm for arm in arms if wanted(arm)]

    def _fits(self, arm: _Arm, number: int) -> bool:
        """Whether there is time for it: what it took before, or in the first round a fair chance."""
        if number == 0:
            return self.left() > 0.5
        known = self.took.get(arm.arm)
        expected = max(known) + 0.15 if known else self._estimate(arm, self.tasks[arm.variant])
        return expected < self.left()

    def _limit(self, arm: _Arm, waiting: int) -> float:
        """After how many seconds a measurement is stopped: well over what it should take, and no more than its share.

        What it should take is that of a quiet machine; beside others it may take longer in proportion.
        """
        sequential = self._estimate(arm._replace(approach="single_threaded", workers=1), self.tasks[arm.variant])
        share = 3 * self.left() / waiting
        return max(min((5 + 3 * sequential) * self.crowding, share, self.left() + 0.02 * self.budget), 0.5)

    def _one(self, arm: _Arm, number: int, waiting: int) -> None:
        """Measure one arm once and report it."""
        self.event(
            event="running",
            arm=arm.arm,
            round=number,
            elapsed_seconds=self.elapsed(),
            seconds_left=max(0.0, self.left()),
        )
        tasks, fewer = self.tasks[arm.variant], min(self.tasks[arm.variant], self.fewer[arm.variant])
        order = {
            "kind": "measure",
            "approach": arm.approach,
            "workers": arm.workers,
            "tasks": tasks if self._overlaps(arm) else fewer,
            "checked": fewer,
            "settings": self.costs[arm.variant]["settings"],
        }
        launched = time.perf_counter()
        answer = self._child(arm.python, order, self._limit(arm, waiting))
        if answer["status"] == "timeout" and number and self.left() <= 0:
            return  # the end of the budget cut it off: that says nothing of it
        if order["tasks"] < tasks:
            answer = _for_tasks(answer, order["tasks"], tasks)
        self._report(arm, number, answer, launched)

    def _report(self, arm: _Arm, number: int, answer: dict[str, Any], launched: float) -> None:
        """Keep what came of a measurement, and tell."""
        if answer["status"] == "ok" and self._differs(arm, answer):
            answer |= {"status": "mismatch", "reason": "its results differ from those of single-threaded code"}
        if answer["status"] == "ok":
            self.seconds.setdefault(arm.arm, []).append(answer["seconds"])
            self.took.setdefault(arm.arm, []).append(answer.get("took_seconds", answer["seconds"]))
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

    def _differs(self, arm: _Arm, answer: dict[str, Any]) -> bool:
        """Whether its results are others than the baseline's (of those tasks that the baseline did, too)."""
        if answer.get("extrapolated_from") is None:
            answer["checksum"] += answer["state_checksum"]
        known = self.checksums.get(arm.variant)
        if known is None and arm.role == "baseline":
            self.checksums[arm.variant] = known = answer["checksum"]
        return known is not None and answer["checksum"][: len(known)] != known[: len(answer["checksum"])]

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
        share = min(self.took[arm.arm]) / self.budget
        again = 1 if share > 0.08 else 2 if share > 0.03 else 3
        if arm.role in ("baseline", "control") and len(samples) < again:
            return ""
        ratio = min(samples) / medians[best.arm]
        limit = 2.0 if len(samples) == 1 else 1.4 if len(samples) < 4 else 1.25
        return f"{ratio:.1f}x as long as {best.approach}" if ratio > limit else ""

    def _child(self, python: str, order: dict[str, Any], limit_seconds: float) -> dict[str, Any]:
        """A fresh process that does what the order says; a result whatever happens to it."""
        keeper = self._kept()
        if "settings" in order:
            order["settings"]["port"] = keeper.port
        out = os.path.join(self.folder, "result.json")
        command = [python, self.scripts.get(python, _script()), "--child", json.dumps(order), out]
        _obey(self.options.parent)
        before = _look_at_cpus(keeper.process.pid)
        try:
            if os.path.exists(out):
                os.unlink(out)
            group = _Group(command, self.folder, keeper, self.before)
        except OSError as error:
            status = "missing_dependency" if error.filename == python else "error"
            return {"status": status, "reason": f"{error.filename or python}: {error.strerror}"}
        stopped = group.watch(limit_seconds, self.memory_limit_mb, self.options.parent)
        after = _look_at_cpus(keeper.process.pid)
        try:
            with open(out, encoding="utf-8") as stream:
                answer: dict[str, Any] = json.load(stream)
        except (OSError, ValueError):
            answer = dict(zip(("status", "reason"), stopped or group.obituary(), strict=True))
        if answer["status"] == "crash":
            answer |= group.last_words()
        if answer.get("cpu_seconds") is not None:
            answer["cpu_seconds"] += group.orphans_cpu_seconds
        answer["cpus_taken"] = taken = _cpus_taken(before, after, group.cpu_seconds, self.workload.cpus)
        cpus = self.workload.cpus
        self.crowding = cpus / max(cpus - (taken or 0.0), 0.1 * cpus)
        answer["peak_memory_mb"], answer["memory_metric"] = group.peak_mb, group.metric
        if group.metric is None and answer.get("own_peak_mb") is not None:
            answer["peak_memory_mb"], answer["memory_metric"] = answer["own_peak_mb"], "peak_rss_of_main_process"
        return answer


_CELL_FIELDS = (
    "seconds", "launch_seconds", "startup_seconds", "first_result_seconds", "steady_seconds", "cpu_seconds", "cpu_percent",
    "peak_memory_mb", "memory_metric", "task_latency_ms", "gil_enabled", "checksum", "workers_seen", "imbalance", "short", "extrapolated_from",
    "cpus_taken",
)  # fmt: skip


def _for_tasks(answer: dict[str, Any], measured: int, tasks: int) -> dict[str, Any]:
    """What so many tasks take when they are done one after the other, from a measurement of fewer."""
    if answer["status"] != "ok":
        return answer
    factor = tasks / measured
    start = answer["startup_seconds"]
    return {
        **answer,
        "took_seconds": answer["seconds"],
        "seconds": start + (answer["seconds"] - start) * factor,
        "steady_seconds": answer["steady_seconds"] * factor,
        "cpu_seconds": None if answer["cpu_seconds"] is None else answer["cpu_seconds"] * factor,
        "extrapolated_from": measured,
    }


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
    return os.path.abspath(__file__ if __name__ == "__main__" else sys.argv[0])


def _environment(folder: str) -> dict[str, str]:
    """For all that we start: modules beside the script, a mark to find it by, our folder for its temporary files."""
    beside = [os.path.dirname(_script()), os.environ.get("PYTHONPATH", "")]
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP", _MARK), folder)
    return {**os.environ, **places, "PYTHONPATH": os.pathsep.join(filter(None, beside))}


def _memory_limit_mb(budget_mb: float | None) -> float:
    """Above this a measurement is stopped: four times the budget, and never most of what the machine has."""
    known = [line.split()[1] for line in _read("/proc/meminfo").splitlines() if line.startswith("MemAvailable:")]
    if known:
        available = int(known[0]) / 1024
    elif hasattr(os, "sysconf"):
        available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _MB
    else:  # Windows
        available = 4096.0
    group = _read("/sys/fs/cgroup/memory.max").strip()
    if group.isdigit():
        available = min(available, int(group) / _MB)
    return min(0.8 * available, max(4 * budget_mb, 512.0) if budget_mb is not None else 0.5 * available)


# Processes: watched while they live, gone when they should be --------------------------------------------------------


def _adopt_orphans() -> None:
    """On Linux, descendants whose parent has died become ours (PR_SET_CHILD_SUBREAPER), so that we can wait for them."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


class _Keeper:
    """A helper process that outlives us by a moment: it answers waits, and clears away what we left when we are gone."""

    def __init__(self, script: str, folder: str) -> None:
        import subprocess

        self.port = 0
        self.process = subprocess.Popen(
            [sys.executable, script, "--keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            env=_environment(folder),
            start_new_session=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:  # the user's part may print, too
            _, found, port = line.partition(_SERVING)
            if found:
                self.port = int(port)
                break

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
            self.process.wait(3)
        except Exception:  # noqa: BLE001  # whatever it is: it must not live on
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def _keep(protocol: Callable[[], Any]) -> NoReturn:
    """The keeper's own life: serve on a loopback port; when standard input ends, clear away and go."""
    import signal

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    _more_files()
    threading.Thread(target=_serve, args=(protocol,), daemon=True).start()
    guarded: set[int] = set()
    try:
        for line in sys.stdin:
            if line.endswith("\n"):  # it is whole
                (guarded.add if line[0] == "+" else guarded.discard)(int(line[1:]))
    finally:
        _clear_away(guarded, os.environ.get(_MARK, ""))
        os._exit(0)


def _serve(protocol: Callable[[], Any]) -> None:
    import asyncio

    async def serve() -> None:
        try:
            server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, backlog=4096)
            port = server.sockets[0].getsockname()[1]
        except OSError:  # no network at all: work that does not wait can still be measured
            port = 0
        print(f"{_SERVING}{port}", flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


def _clear_away(groups: set[int], folder: str) -> None:
    """End what is still there of a run, and remove its folder. In the usual case there is nothing left."""
    import shutil

    begun = time.monotonic()
    for group in groups:
        _end_group(group, gently=True)
    while any(map(_is_alive, groups)) or _marked(folder):
        passed = time.monotonic() - begun
        if passed > 1:
            break
        if passed > 0.3:
            for group in groups:
                _end_group(group)
            for pid in _marked(folder):
                _kill(pid)
        time.sleep(0.01)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _marked(folder: str) -> list[int]:
    """Everybody else who has the mark of this run, wherever they have gone (Linux)."""
    mark = os.fsencode(f"{_MARK}={folder}").decode("ascii", "replace")
    known = folder and sys.platform == "linux" and os.path.isdir("/proc")
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()] if known else []
    return [pid for pid in pids if pid != os.getpid() and mark in _read(f"/proc/{pid}/environ").split("\0")]


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


def _kill(pid: int) -> None:
    """Only where there is /proc: elsewhere nobody knows of processes outside the group."""
    try:
        import signal

        os.kill(pid, signal.SIGKILL)
    except OSError:  # gone already
        pass


def _end_group(group: int, *, gently: bool = False) -> None:
    """Kill a process group; gently, its members may still tidy up."""
    import signal

    try:
        if hasattr(os, "killpg"):
            os.killpg(group, signal.SIGTERM if gently else signal.SIGKILL)
        else:  # Windows
            os.system(f"taskkill /F /T /PID {group}")
    except OSError:  # gone already
        pass


def _is_alive(group: int) -> bool:
    if not hasattr(os, "killpg"):  # Windows, where ending it has waited for that
        return False
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


class _Group:
    """A process and all that it starts, in a process group of their own, so that they can be ended together."""

    def __init__(self, command: list[str], folder: str, keeper: _Keeper, spared: set[int]) -> None:
        import subprocess

        self.keeper = keeper
        self.spared = {*spared, keeper.process.pid}  # of our children
        self.errors = os.path.join(folder, "errors.txt")
        if os.path.exists(self.errors):
            os.unlink(self.errors)
        with open(self.errors, "ab") as stream:  # appending: it may be cut while they write
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                env=_environment(folder),
                start_new_session=True,
            )
        keeper.tell(f"+{self.process.pid}")
        self.code: int | None = None  # of the main process, negative for a signal
        self.peak_mb: float | None = None
        self.metric: str | None = None
        self.orphans_cpu_seconds = 0.0
        self.cpu_seconds = 0.0  # of all that have ended

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
                _obey(parent)
                self._cut_errors()
                time.sleep(min(0.02, max(0.001, passed / 20)))
        finally:
            self._end(grace_seconds=0.0 if self.code is None else 1.0)
        return stopped

    def _reap(self) -> None:
        """Take note of every member of the group that has ended."""
        if not hasattr(os, "wait4"):  # Windows
            self.code = self.process.poll()
            return
        while self._reap_one(-self.process.pid):
            pass

    def _reap_one(self, which: int) -> bool:
        """Whether there was one to take note of: a child, or of a group for a number below zero."""
        try:
            pid, status, usage = os.wait4(which, os.WNOHANG)
        except ChildProcessError:
            if self.code is None and which == -self.process.pid:  # somebody else has taken it
                self.code = self.process.returncode = -9
            return False
        if pid:
            self.cpu_seconds += usage.ru_utime + usage.ru_stime
        if pid == self.process.pid:
            self.code = self.process.returncode = os.waitstatus_to_exitcode(status)
        elif pid:  # such as the fork server, whose children's time nobody else has counted
            self.orphans_cpu_seconds += usage.ru_utime + usage.ru_stime
        return pid != 0

    def _cut_errors(self) -> None:
        """Standard error must not fill the disk; what matters is its end."""
        try:
            if os.path.getsize(self.errors) > 16 * _MB:
                os.truncate(self.errors, 0)
        except OSError:  # removed by somebody
            pass

    def _end(self, grace_seconds: float) -> None:
        """Let what is left end by itself for a moment (a fork server does), then kill it, and wait until it is gone.

        Before that, a gentle signal: the tracker of multiprocessing lives on to remove the semaphores of the others.
        """
        self._wait_for_end(grace_seconds)
        if self._alive():
            _end_group(self.process.pid, gently=True)
            self._wait_for_end(0.3)
        deadline = time.monotonic() + 5  # what cannot be killed is left to the kernel
        while (self._alive() or self._strays()) and time.monotonic() < deadline:
            _end_group(self.process.pid)
            for pid in self._strays():
                _kill(pid)
                self._reap_one(pid)
            time.sleep(0.002)
        self.keeper.tell(f"-{self.process.pid}")

    def _wait_for_end(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._alive() and time.monotonic() < deadline:
            time.sleep(0.002)

    def _alive(self) -> bool:
        self._reap()
        return _is_alive(self.process.pid) if hasattr(os, "killpg") else self.code is None

    def _strays(self) -> list[int]:
        """What has left the group, and is ours since its parent has ended (Linux)."""
        return [pid for pid in _tree(os.getpid(), self.spared) if pid not in self.spared]

    def obituary(self) -> tuple[str, str]:
        """What a process that left no result died of."""
        if self.code is not None and self.code < 0:
            return "crash", f"killed by signal {-self.code}"
        last = self._last_line()
        return "crash", f"ended with code {self.code}: {last}" if last else f"ended with code {self.code} and no result"

    def last_words(self) -> dict[str, str]:
        """What a crash really was, if standard error tells."""
        _, failed_start, said = self._said().partition("Exception in initializer:\n")  # of a pool, which is just broken
        causes = [line for line in said.splitlines() if not line.startswith((" ", "Traceback"))]
        cause = causes[0][:300] if causes else self._last_line()
        if cause.startswith(("ModuleNotFoundError", "ImportError")):
            return {"status": "missing_dependency", "reason": cause}
        if cause.startswith("MemoryError"):
            return {"status": "out_of_memory", "reason": cause}
        return {"status": "error", "reason": f"a worker did not start ({cause})"} if failed_start else {}

    def _last_line(self) -> str:
        return next((line.strip()[:300] for line in reversed(self._said().splitlines()) if line.strip()), "")

    def _said(self) -> str:
        """The end of standard error."""
        try:
            with open(self.errors, encoding="utf-8", errors="backslashreplace") as stream:
                return stream.read()[-20_000:]
        except OSError:  # removed by somebody
            return ""


class _CpuLook(NamedTuple):
    """What the CPUs that we may use have done, up to one moment."""

    at: float  # time.monotonic
    cpus: int
    used: float  # CPU seconds, by processes or taken by the hypervisor
    ours: float  # by this process and the keeper: neither what is measured nor somebody else


def _look_at_cpus(keeper: int) -> _CpuLook | None:
    """A look now; None where the system does not say (elsewhere than on Linux)."""
    if sys.platform != "linux":
        return None
    names = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    rows = [line.split() for line in _read("/proc/stat").splitlines() if line.partition(" ")[0] in names]
    if not rows or any(len(row) < 9 for row in rows):
        return None
    tick = 1 / os.sysconf("SC_CLK_TCK")  # rows: user, nice, system, idle, iowait, irq, softirq, steal
    used = sum(int(row[column]) for row in rows for column in (1, 2, 3, 8)) * tick
    of_keeper = _read(f"/proc/{keeper}/stat").rpartition(")")[2].split()
    kept = sum(map(int, of_keeper[11:13])) * tick if len(of_keeper) > 12 else 0.0
    return _CpuLook(time.monotonic(), len(rows), used, kept + time.process_time())


def _cpus_taken(before: _CpuLook | None, after: _CpuLook | None, own_seconds: float, usable: int) -> float | None:
    """How many of the CPUs to plan for others took meanwhile, on average; None if that is not known.

    `own_seconds` is what was measured. CPUs beyond those to plan for are out of the way (a quota of 2 on 64 CPUs).
    """
    if before is None or after is None or before.cpus != after.cpus or after.at <= before.at:
        return None
    others = after.used - before.used - (after.ours - before.ours) - own_seconds
    taken = others / (after.at - before.at) - max(0, after.cpus - usable)
    return round(min(max(taken, 0.0), usable), 3)


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


def _tree(root: int, without: Iterable[int] = ()) -> list[int]:
    """A process and all its descendants, from /proc; some of them, and theirs, can be left out."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            tasks = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for task in tasks:
            children = [int(child) for child in _read(f"/proc/{pid}/task/{task}/children").split()]
            todo += [child for child in children if child not in without]
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
        _say(json.dumps(_plain(fields)), sys.stdout)


def _plain(value: Any) -> Any:
    """What every reader of JSON takes: no infinite numbers, and no half characters."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


_unsaid: list[str] = []  # why standard output could not be written


def _say(text: str, stream: TextIO | None) -> None:
    """Print a line. If nobody reads any more, or the results cannot be written, that is a reason to stop."""
    if stream is None:  # closed by whoever started us
        return
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            _told.append(0)
        elif stream is sys.stdout:
            _told.append(0)
            _unsaid.append(f"error: the results cannot be written to standard output: {error.strerror}")
            _say(_unsaid[0], sys.stderr)


class _Table:
    """A line for each first measurement as it comes, and a table at the end."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.cells: dict[int, list[dict[str, Any]]] = {}
        self.lines: list[str] = []
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # whatever it cannot show is no reason to fail
                stream.reconfigure(errors="backslashreplace")

    def event(self, **fields: Any) -> None:
        """Take note; what is worth a line is told on standard error."""
        match fields["event"]:
            case "interpreter":
                gil = "GIL on" if fields["gil_enabled"] else "GIL off"
                told = f"Python {fields['version']}, {gil}" if fields["status"] == "ok" else fields["reason"]
                self._tell(f"{fields['path']}: {told}")
            case "plan":
                self._tell(f"{fields['tasks']} tasks in each measurement; order by seed")
            case "cell":
                self.cells.setdefault(fields["arm"], []).append(fields)
                if len(self.cells[fields["arm"]]) == 1:
                    told = f"{fields['seconds']:.3f} s" if fields["status"] == "ok" else fields["status"]
                    self._tell(f"  {_label(fields)}: {told}")
            case "end":
                self._print(fields)

    def _tell(self, line: str) -> None:
        _say(_printable(line), sys.stderr)

    def _print(self, end: dict[str, Any]) -> None:
        self.lines = ["", _printable(self.workload.name)]
        for variant in dict.fromkeys(cells[0]["variant"] for cells in self.cells.values()):
            rows = [cells for cells in self.cells.values() if cells[0]["variant"] == variant]
            if variant:
                self.lines += ["", variant]
            self._print_rows(rows)
        spent = f"{end['seconds']:.0f} s"
        if end["reason"] in ("interrupted", "failed"):
            spent += f", {end['reason']}" + f": {_printable(end['detail'])}" * bool(end["detail"])
        if self.cells:
            self.lines += ["", "Speedup is against single-threaded code on the first Python. CPU: 100 % is one CPU."]
        _say("\n".join([*self.lines, f"Measured for {spent}."]), sys.stdout)

    def _print_rows(self, rows: list[list[dict[str, Any]]]) -> None:
        self.lines.append(
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
                self.lines.append(f"{head}  {cells[-1]['status']}: {_printable(cells[-1]['reason'])}")
                continue
            seconds = _median([cell["seconds"] for cell in good])
            speedup = f"{_median(base) / seconds:.2f}x" if base else "-"
            cpu = _median([cell["cpu_percent"] or 0.0 for cell in good])
            memory = max(cell["peak_memory_mb"] or 0.0 for cell in good)
            latency = _median([cell["task_latency_ms"]["p95"] for cell in good])
            self.lines.append(f"{head}{seconds:>10.4f}{speedup:>9}{cpu:>7.0f}{memory:>8.1f}{latency:>9.2f}")


def _label(cell: dict[str, Any]) -> str:
    return f"{cell['approach']} on {cell['interpreter']}, {cell['workers']} worker{'s' * (cell['workers'] > 1)}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
