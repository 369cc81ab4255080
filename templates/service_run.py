"""The run of a service: which Pythons there are, how long a request takes, then round after round of arrivals."""

from __future__ import annotations

import contextlib
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from arms import _Arm, _described, _Python, _pythons_told
from launcher import _Launcher
from meter import MemoryMeter, _cpus_taken, _look_at_cpus, tree_cpu_seconds
from processes import _obey
from real_servers import real_server
from servers import SERVERS
from sessions import _Session
from workload import Workload

if TYPE_CHECKING:
    import argparse

_SCHEMA = 1
_FULL = 1.0
#: Parts of the rate, in the order that they are sent, each with its share of the time that a visit has for its loads.
_SHARES = {0.5: 0.12, 0.8: 0.18, _FULL: 0.45, 1.2: 0.12}  # at first; the rest: see below
_AGAIN = {_FULL: 0.85}  # the rate that is judged, again and again
_WARMING, _SATURATING = 0.03, 0.1
_ROUNDS = 6  # to aim at: from five on, the scatter of an arm tells itself how far chance may have put it off
_FIRST_SHARE = 0.35  # of what is left of the budget, for the first round, in which losers still take part
_LONGEST_VISIT = 60.0  # of loads in one visit
_SHORTEST_VISIT = 0.8
_LOST = 2.5  # times the p95 of the best: an approach that is so far behind is not looked at again
_ALWAYS_BUSY = 10  # times as many as compute while one waits: on a loop, those that come together wait together
_FEW, _BEYOND = 50, 1.1  # requests, and times the most that was done
_CANNOT = 0.85  # of the rate: one that saturates below it will not keep up on a better day


class _ServiceRun:
    """Lets every arm serve in random rounds until the budget is spent, and tells what happens by `event`."""

    def __init__(self, workload: Workload, options: argparse.Namespace, event: Callable[..., None]) -> None:
        import random

        self.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
        self.random = random.Random(self.seed)
        self.workload, self.options, self.event, self.rate = workload, options, event, float(options.rate)
        self.launcher = _Launcher(workload.memory_budget_mb, workload.cpus, lambda _: None, options.parent)
        self.begun = time.monotonic()
        self.detail = ""
        self.cost: dict[str, Any] = {}  # what _calibrate found
        self.beside: dict[int, float] = {}  # of each arm: what its last visit took beside its loads
        self.p95: dict[int, list[float]] = {}  # of each arm: at the rate, or where it kept up no more
        self.saturation: dict[int, float] = {}
        self.failures: dict[int, int] = {}
        self.dropped: set[int] = set()

    def elapsed(self) -> float:
        return time.monotonic() - self.begun

    def left(self) -> float:
        """Seconds of the budget."""
        return self.workload.budget_seconds - self.elapsed()

    def measure_all(self) -> str:
        """The whole run; returns why it ended."""
        self.launcher.begin()
        self._tell_start()
        pythons = self._pythons()
        if not pythons:
            self.detail = "no interpreter can run this script"
            return "failed"
        self.cost = self._tried(pythons[0])
        if self.cost["status"] != "ok":
            self.detail = f"the work could not be tried out: {self.cost['status']}: {self.cost['reason']}"
            return "failed"
        arms = [arm._replace(arm=number) for number, arm in enumerate(_served_arms(self.workload, pythons))]
        self._announce(arms)
        reason = self._rounds(arms, pythons[0])
        for arm in arms:
            if arm.arm not in self.p95 and arm.arm not in self.failures:
                self._report(arm, 0, {"status": "not_run", "reason": "the budget ended before its turn"})
        return reason

    def _tried(self, python: _Python) -> dict[str, Any]:
        """What the work of a request takes, and with how much of it that stands in."""
        settings = {"io": "sleep", "variant": "", "library_threads": 1}
        limit = min(max(self.left() / 3, 5.0), self.left() + 1)
        return self.launcher.ask(python.path, {"kind": "calibrate", "settings": settings}, limit)

    def _tell_start(self) -> None:
        self.event(
            event="start",
            schema=_SCHEMA,
            name=self.workload.name,
            seed=self.seed,
            budget_seconds=self.workload.budget_seconds,
            io="sleep",
            cpus=self.workload.cpus,
            recommended=self.workload.recommended,
            assumed=list(self.workload.assumed),
            memory_limit_mb=round(self.launcher.memory_limit_mb, 1),
            python=sys.version.split()[0],
            server=self.options.server,
        )

    def _pythons(self) -> list[_Python]:
        """The interpreters that run this script, the reference first: one with a GIL, as the figures are of one."""

        def probe(path: str) -> dict[str, Any]:
            return self.launcher.probe(path, min(max(self.left() / 3, 2.0), 30.0))

        def newest_first(python: _Python) -> tuple[bool, list[int]]:
            return python.free_threaded, [-number for number in python.version]

        return _pythons_told(self.options.interpreter or [sys.executable], probe, newest_first, self.event)[0]

    def _announce(self, arms: list[_Arm]) -> None:
        self.event(
            event="plan",
            tasks=1,
            tasks_asked=None,
            task_wall_ms=self.cost["wall_seconds"] * 1000,
            task_cpu_ms=self.cost["cpu_seconds"] * 1000,
            stand_in=self.cost.get("stand_in"),
            requests_per_second=self.rate,
            arms=[_described(arm) for arm in arms],
        )

    # Rounds ----------------------------------------------------------------------------------------------------------

    def _rounds(self, arms: list[_Arm], reference: _Python) -> str:
        """Round after round in random order while there is time; clear losers are dropped after each.

        What stands in is made anew for each: a rented CPU is faster at one minute than at the next, and a request is to take
        as long as was said.
        """
        number, seconds = 0, 0.0
        while True:
            wanted = [arm for arm in arms if arm.arm not in self.dropped]
            self.random.shuffle(wanted)
            if not wanted:
                return "done"
            if number and "steps" in self.cost["settings"] and (again := self._tried(reference))["status"] == "ok":
                self.cost = again
            starts = sum(map(self._beside, wanted))
            if number < _ROUNDS:
                share = _FIRST_SHARE if number == 0 else 1 / (_ROUNDS - number)
                seconds = min((share * self.left() - starts) / len(wanted), _LONGEST_VISIT)
                seconds = max(seconds, _SHORTEST_VISIT)
            ran = self._round(wanted, number, seconds, reference)
            if not ran:
                return "budget"
            number += 1
            for arm, why in self._losers(arms):
                self.dropped.add(arm.arm)
                self.event(event="dropped", arm=arm.arm, reason=why)

    def _round(self, wanted: list[_Arm], number: int, seconds: float, reference: _Python) -> int:
        """A visit of so many seconds to each arm while there is time; to how many."""
        ran = 0
        with contextlib.closing(_Session(self.launcher, reference.path, {"kind": "load"}, {})) as sender:
            ready = sender.answer(10.0)
            if ready["status"] != "ok":
                raise RuntimeError(f"what sends the requests did not start: {ready['reason']}")
            for arm in wanted:
                needed = self._beside(arm) + seconds if number else _SHORTEST_VISIT
                if needed > self.left() + 0.02 * self.workload.budget_seconds and (number or ran):
                    continue
                begun = self.elapsed()
                self._visit(arm, number, seconds, sender)
                self.beside[arm.arm] = max(0.0, self.elapsed() - begun - seconds)
                ran += 1
        return ran

    def _beside(self, arm: _Arm) -> float:
        """What a visit of an arm takes beside its loads: its start and its end, and what it was late with."""
        return self.beside.get(arm.arm, 0.7 + float(self.cost["startup_seconds"]))

    def _losers(self, arms: list[_Arm]) -> Iterator[tuple[_Arm, str]]:
        """What failed, or can neither keep up nor is near the best; not the recommended approach."""
        racing = [arm for arm in arms if arm.arm not in self.dropped]
        medians = {arm.arm: statistics.median(self.p95[arm.arm]) for arm in racing if arm.arm in self.p95}
        best = min(medians.values(), default=0.0)
        some_can = any(self.saturation.get(arm.arm, 0.0) >= self.rate for arm in racing)
        for arm in racing:
            if self.failures.get(arm.arm, 0) > 1:
                yield arm, "failed"
            elif arm.approach != self.workload.recommended and arm.arm in medians:
                can = self.saturation.get(arm.arm, 0.0)
                if some_can and can < _CANNOT * self.rate:
                    yield arm, f"does {can:.3g} requests a second at most"
                elif medians[arm.arm] > _LOST * best:
                    yield arm, f"p95 is {medians[arm.arm] / best:.1f}x that of the best"

    # One visit -------------------------------------------------------------------------------------------------------

    def _visit(self, arm: _Arm, number: int, seconds: float, sender: _Session) -> None:
        """Start the server of an arm, send it requests for that long, end it, and report what came of it."""
        self.event(
            event="running",
            arm=arm.arm,
            round=number,
            elapsed_seconds=self.elapsed(),
            seconds_left=max(0.0, self.left()),
        )
        order = {
            "kind": "serve",
            "approach": arm.approach,
            "workers": arm.workers,
            "processes": arm.processes,
            "server": self.options.server,
            "settings": self.cost["settings"],
        }
        launched = time.perf_counter()
        server = _Session(self.launcher, arm.python, order, {})
        try:
            answer = server.answer(15 + 3 * float(self.cost["startup_seconds"]))
            if answer["status"] == "ok":
                answer |= {"launch_seconds": time.perf_counter() - launched}
                answer |= self._loads(arm, number, seconds, answer["port"], server, sender)
        finally:
            server.close()
        self._report(arm, number, answer)

    def _loads(
        self, arm: _Arm, number: int, seconds: float, port: int, server: _Session, sender: _Session
    ) -> dict[str, Any]:
        """Warm a server, send it the rates one after the other up to the first that it cannot keep up with, saturate it.

        Once it has been through all that, the full rate alone: that is what the verdict rests on.
        """
        assert server.group is not None
        watch = _Watch(server.group.process.pid, self.launcher.kept().process.pid, self.workload.cpus)
        http = real_server(self.options.server, arm.approach) is not None

        def send(order: dict[str, Any], limit: float) -> dict[str, Any]:
            _obey(self.launcher.parent)
            before = watch.cpu_seconds()
            found = sender.answer(limit, {**order, "port": port, "http": http}, watch.look)
            if found["status"] != "ok":
                raise RuntimeError(f"the requests could not be sent: {found['reason']}")
            used = watch.cpu_seconds()
            found["server_cpu_seconds"] = None if used is None or before is None else used - before
            return found

        warming = {"kind": "closed", "in_flight": 2 * arm.processes * arm.workers, "seconds": _WARMING * seconds}
        send({**warming, "limit_seconds": 2.0}, 30.0)
        watch.begin()
        rows: list[dict[str, Any]] = []
        saturated: dict[str, Any] = {}
        for part, share in _AGAIN.items() if arm.arm in self.saturation else _SHARES.items():
            if part > _FULL:
                watch.finish(rows)
                saturated = send(self._saturating(arm, seconds), seconds + 30)
            if rows and not rows[-1].get("kept_up"):
                continue
            limit = min(1.0 + 0.5 * share * seconds + 5 * self.cost["wall_seconds"], max(1.0, self.left()))
            order = {
                "rate": part * self.rate,
                "seconds": share * seconds,
                "seed": self.seed + number,
                "limit_seconds": limit,
            }
            rows.append(send({"kind": "open", **order}, share * seconds + limit + 30))
        if not saturated:
            watch.finish(rows)
            saturated = send(self._saturating(arm, seconds), seconds + 30)
        if fate := server.died():
            return fate
        return {**watch.found, "service": _served(rows, saturated), "seconds": sum(row["seconds"] for row in rows)}

    def _saturating(self, arm: _Arm, seconds: float) -> dict[str, Any]:
        """The order to keep a server of an arm busy for a part of the seconds that a visit has."""
        ramp = max(0.05, float(self.cost["wall_seconds"]))
        last = 2 * ramp + max(_SATURATING * seconds, min(0.5, 0.3 * seconds))
        order = {"kind": "closed", "in_flight": self._in_flight(arm), "seconds": last}
        return {**order, "limit_seconds": 2.0, "ramp_seconds": ramp}

    def _in_flight(self, arm: _Arm) -> int:
        """So many requests under way that a server has always enough to do, if it can have them in flight."""
        kind = SERVERS[arm.approach]
        workers = arm.processes * (arm.workers if kind.pool else 1)
        if kind.slots:
            return 2 * workers + 2
        cpu = max(float(self.cost["cpu_seconds"]), 0.0002)
        at_once = min(workers, self.workload.cpus)
        return min(1000, 4 + math.ceil(_ALWAYS_BUSY * at_once * float(self.cost["wall_seconds"]) / cpu))

    def _report(self, arm: _Arm, number: int, answer: dict[str, Any]) -> None:
        """Keep what came of a visit, and tell."""
        if answer["status"] == "ok":
            rows = answer["service"]["arrivals_per_s"]
            upto = [row for row in rows if row["rate"] <= self.rate * 1.001] or rows
            self.p95.setdefault(arm.arm, []).append(upto[-1]["p95_ms"] or math.inf)
            self.saturation[arm.arm] = max(self.saturation.get(arm.arm, 0.0), answer["service"]["saturation_per_s"])
            answer["task_latency_ms"] = {p: upto[-1][f"{p}_ms"] for p in ("p50", "p95", "p99")}
            if None in answer["task_latency_ms"].values():
                answer |= {"status": "error", "reason": "no request was answered", "task_latency_ms": None}
        if answer["status"] not in ("ok", "not_run"):
            self.failures[arm.arm] = self.failures.get(arm.arm, 0) + 1
        self.event(
            event="cell",
            round=number,
            status=answer["status"],
            reason=answer["reason"],
            tasks=None,
            **_described(arm),
            **{name: answer.get(name) for name in _SERVED_FIELDS},
        )


_SERVED_FIELDS = (
    "seconds", "launch_seconds", "startup_seconds", "first_result_seconds", "steady_seconds", "cpu_seconds", "cpu_percent",
    "peak_memory_mb", "memory_metric", "task_latency_ms", "gil_enabled", "checksum", "workers_seen", "imbalance", "short", "extrapolated_from",
    "cpus_taken", "service",
)  # fmt: skip
_ROW = ("rate", "p50_ms", "p95_ms", "p99_ms", "done_per_s", "errors", "requests", "kept_up", "late_ms", "latencies_ms")


def _served_arms(workload: Workload, pythons: list[_Python]) -> Iterator[_Arm]:
    """Plain code on the reference, then every approach on every interpreter that it is for."""
    yield _Arm(0, "single_threaded", pythons[0].tag, 1, "baseline", "", pythons[0].path)
    for name in workload.approaches:
        kind = SERVERS.get(name)
        if kind is None or name == "single_threaded":
            continue
        size = workload.workers.get(name, workload.cpus) if kind.pool else 1
        for python in pythons:
            fits = kind.free_threaded == python.free_threaded or (python is pythons[0] and not kind.free_threaded)
            if fits and python.version >= kind.since:
                processes = workload.processes.get(name, 1)
                yield _Arm(0, name, python.tag, size, "candidate", "", python.path, processes)


class _Watch:
    """What the processes of one server take, beside the sender and others: CPU time, peak memory."""

    def __init__(self, server: int, keeper: int, cpus: int) -> None:
        self.server, self.keeper, self.cpus = server, keeper, cpus
        self.meter = MemoryMeter(server)
        self.opened = time.perf_counter()
        self.found: dict[str, Any] = {}

    def cpu_seconds(self) -> float | None:
        """CPU time of the server so far (Linux)."""
        return tree_cpu_seconds(self.server)

    def look(self) -> None:
        """See how much memory it has."""
        self.meter.sample(time.perf_counter() - self.opened)

    def begin(self) -> None:
        """The loads that count begin."""
        self.before, self.used, self.at = _look_at_cpus(self.keeper), self.cpu_seconds(), time.perf_counter()

    def finish(self, rows: list[dict[str, Any]]) -> None:
        """They are over: what was found meanwhile. What the sender computed is none of the others'."""
        used, after, took = self.cpu_seconds(), _look_at_cpus(self.keeper), time.perf_counter() - self.at
        self.look()
        self.found = {"peak_memory_mb": self.meter.peak_mb, "memory_metric": self.meter.metric}
        if used is None or self.used is None:
            return
        own = used - self.used
        sent = sum(row["cpu_seconds"] for row in rows)
        last = rows[-1]
        percent = 100 * (last["server_cpu_seconds"] or 0.0) / last["seconds"]
        self.found |= {"cpu_seconds": own, "cpu_percent": percent}
        self.found["cpus_taken"] = _cpus_taken(self.before, after, own + sent, self.cpus) if took > 0 else None


def _served(rows: list[dict[str, Any]], saturated: dict[str, Any]) -> dict[str, Any]:
    """The figures of a visit. It keeps up with no more than it did where it fell behind, and with what it kept up with.

    A few requests do not show that a queue grows: there what it did at most tells.
    """
    for row in rows:
        if row["requests"] < _FEW and row["rate"] > _BEYOND * saturated["done_per_s"]:
            row["kept_up"] = False
    most = [saturated["done_per_s"], *(row["done_per_s"] for row in rows if not row["kept_up"])]
    kept = [row["rate"] for row in rows if row["kept_up"]]
    first = rows[0]
    cpu = first["server_cpu_seconds"]
    return {
        "arrivals_per_s": [{name: row[name] for name in _ROW} for row in rows],
        "saturation_per_s": max([min(most), *kept]),
        "open_loop": True,
        "cpu_ms_per_request": None if cpu is None else 1000 * cpu / first["requests"],
        "sender_cpus": sum(row["cpu_seconds"] for row in rows) / sum(row["seconds"] for row in rows),
    }
