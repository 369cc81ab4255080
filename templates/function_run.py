"""The run: which Pythons import the function, what a call takes, then round after round. Each step is an event."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from arms import _Arm, _described, _Python, _pythons_told
from competing import (
    ONE_THREAD,
    Subject,
    at_once,
    batch_size,
    competitors,
    first_guess,
    losers,
    target_seconds,
    whole_job,
    why_left_out,
    with_its_cpus,
)
from launcher import _Launcher
from sessions import _Session
from ways import WAYS

if TYPE_CHECKING:
    import argparse

_SCHEMA = 1
_LONGEST_DETAIL = 1500
_MOST_ROUNDS = 20
_WARM = 4  # calls before the first batch: the same for all
_MOST_AT_ONCE = 1000  # calls in flight on an event loop
_STARTS, _MUCH = 4, 0.1  # at least, of an approach whose start is more than that share of its work
_NO_ITEMS_TASKS = 200  # of a function that takes no item, where nobody says how many


class _Kept:
    """What is known of a competitor: its session, while it has one, and its place among the items."""

    def __init__(self) -> None:
        self.session: _Session | None = None
        self.starts: list[dict[str, Any]] = []  # what each start came to
        self.open_seconds = 0.0
        self.batches = self.first = 0
        self.launched: float | None = None  # seconds, until it has been told
        self.each: float | None = None  # seconds a call
        self.slots = 1  # calls in flight that keep it busy
        self.took: list[float] = []  # a batch


class _FunctionRun:
    """Measures every approach with the function in random rounds until the budget is spent, and tells by `event`."""

    def __init__(self, subject: Subject, options: argparse.Namespace, event: Callable[..., None]) -> None:
        import random

        self.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
        self.random = random.Random(self.seed)
        self.subject, self.options, self.event = subject, options, event
        self.begun = time.monotonic()
        self.crowding = 1.0  # how much longer things may take as others take CPUs
        self.launcher = _Launcher(subject.memory_budget_mb, subject.cpus, self._note_cpus, options.parent)
        self.settings = subject.settings()
        self.detail = ""
        self.cost: dict[str, Any] = {}
        self.tasks = 1
        self.target = 1.0
        self.kept: dict[int, _Kept] = {}
        self.seconds: dict[int, list[float]] = {}  # of each competitor: of the whole job
        self.quiet: dict[int, list[float]] = {}  # and what it might have been with a CPU for each worker
        self.failed: dict[int, str] = {}
        self.sums: dict[int, int] = {}  # of plain code: what results come to
        self.raised: set[int] = set()  # of plain code: the items that it raises for
        self.settled = True  # plain code gives the same results each time
        self.plain_python = ""

    def elapsed(self) -> float:
        return time.monotonic() - self.begun

    def left(self) -> float:
        return self.subject.budget_seconds - self.elapsed()

    def _note_cpus(self, taken: float | None) -> None:
        cpus = self.subject.cpus
        self.crowding = cpus / max(cpus - (taken or 0.0), 0.1 * cpus)

    def measure_all(self) -> str:
        """The whole run; returns why it ended."""
        self.launcher.begin()
        self._tell_start()
        pythons = self._pythons()
        if not pythons:
            self.detail = self.detail or "no interpreter can run this script"
            return "failed"
        if not self._try_out(pythons[0]):
            return "failed"
        running = competitors(self.subject, pythons, self.cost, self.tasks)
        self.target = target_seconds(self.left(), len(running))
        self.kept = {c.arm: _Kept() for c in running}
        self._announce(running)
        try:
            reason = self._rounds(running)
        finally:
            for kept in self.kept.values():
                self._close(kept)
        for one in running:
            if one.arm not in self.quiet and one.arm not in self.failed:
                self._report(one, 0, {"status": "not_run", "reason": "the budget ended before its turn"})
        return reason

    def _tell_start(self) -> None:
        self.event(
            event="start",
            schema=_SCHEMA,
            name=self.subject.name,
            seed=self.seed,
            budget_seconds=self.subject.budget_seconds,
            io="function",
            cpus=self.subject.cpus,
            recommended=self.subject.recommended,
            assumed=[],
            memory_limit_mb=round(self.launcher.memory_limit_mb, 1),
            python=sys.version.split()[0],
        )

    # Before the rounds ------------------------------------------------------------------------------------------------

    def _pythons(self) -> list[_Python]:
        """The interpreters that import the function, the reference first: the first one named, if it has a GIL."""

        def probe(path: str) -> dict[str, Any]:
            return self.launcher.probe(path, max(5.0, min(60.0, self.left() / 2)), self.settings)

        paths = self.options.interpreter or [sys.executable]
        usable, why = _pythons_told(paths, probe, lambda python: python.free_threaded, self.event)
        self.detail = why[:_LONGEST_DETAIL] or self.detail
        return usable

    def _try_out(self, python: _Python) -> bool:
        """What a call takes on the reference, and how many items there are; whether it can be called at all."""
        order = {
            "kind": "try",
            "settings": self.settings,
            "items_seconds": max(1.0, 0.05 * self.left()),
            "items_mb": min(300.0, self.launcher.memory_limit_mb / 20),
            "calls_seconds": min(1.0, 0.03 * self.left()),
        }
        answer = self.launcher.ask(python.path, order, self._most(max(10.0, 0.6 * self.left())))
        if answer["status"] == "ok" and answer["native_parallel"]:  # every approach but one gets a single thread of it
            single = self.launcher.ask(python.path, order, self._most(self.left()), ONE_THREAD)
            answer = {**single, "native_parallel": True} if single["status"] == "ok" else answer
        if answer["status"] != "ok":
            if answer["status"] == "crash":
                answer["reason"] = f"a call ended its process ({answer['reason']})"
            hang = ": a call may hang, or needs more time (--budget)" if answer["status"] == "timeout" else ""
            self.detail = f"the function could not be tried out: {answer['reason']}{hang}"[:_LONGEST_DETAIL]
            return False
        self.cost = answer
        self.settings |= {"coroutine": answer["coroutine"], "copies": answer["mutated"]}
        known = answer["items"] if self.subject.items is not None else _NO_ITEMS_TASKS
        self.tasks = self.options.tasks or self.subject.tasks or known
        return True

    def _most(self, seconds: float) -> float:
        return max(2.0, seconds)

    def _announce(self, running: list[_Arm]) -> None:
        left_out = {name: why_left_out(name, self.subject, self.cost) for name in self.subject.approaches}
        self.event(
            event="plan",
            tasks=self.tasks,
            tasks_asked=self.tasks,
            task_wall_ms=self.cost["wall_seconds"] * 1000,
            task_cpu_ms=self.cost["cpu_seconds"] * 1000,
            stand_in=None,
            arms=[_described(one) for one in running],
            left_out={name: why for name, why in left_out.items() if why and _is_told(name, self.subject)},
            variables=ONE_THREAD if self.cost["native_parallel"] else {},
        )

    # Rounds -----------------------------------------------------------------------------------------------------------

    def _rounds(self, running: list[_Arm]) -> str:
        """Round after round in random order while there is time; clear losers are dropped on the way."""
        number = 0
        while number < _MOST_ROUNDS:
            self.random.shuffle(running)
            if number == 0:  # first what the others' results are compared with, then what is to be proved
                running.sort(key=lambda one: (_ROLES.index(one.role), one.approach != self.subject.recommended))
            ran = 0
            for one in list(running):
                if self._fits(one, number):
                    self._measure(one, number)
                    ran += 1
            if not ran:
                return "budget" if running else "done"
            number += 1
            dropped = losers(running, self.seconds, self.quiet, self.subject.recommended)
            dropped += [(one, f"failed: {self.failed[one.arm]}") for one in running if one.arm in self.failed]
            for one, why in dropped:
                running.remove(one)
                self._close(self.kept[one.arm])
                self.event(event="dropped", arm=one.arm, reason=why)
        return "done"

    def _fits(self, one: _Arm, number: int) -> bool:
        """Whether there is time for it: what it took before, or in the first round a fair chance."""
        kept = self.kept[one.arm]
        if number == 0 or not kept.took:
            return self.left() > 0.5
        return max(kept.took) + (kept.open_seconds if self._stale(kept) else 0.0) < self.left()

    def _stale(self, kept: _Kept) -> bool:
        """Whether it is to start anew: another start is another sample, if cheap, and what is cached is gone.

        A start that counts in its time is sampled again and again, where there is time for that in all approaches.
        """
        if kept.session is None or (self.cost["cached"] and kept.first >= self.cost["items"]):
            return True
        if kept.starts[-1]["start_seconds"] > _MUCH * (kept.each or 0.0) * self.tasks:
            share = 0.4 if len(kept.starts) < _STARTS else 0.15
            return (
                kept.open_seconds * sum(each.session is not None for each in self.kept.values()) < share * self.left()
            )
        return kept.batches >= 5 and kept.open_seconds < 0.02 * self.left()

    def _measure(self, one: _Arm, number: int) -> None:
        """Let one competitor do a batch, in the round of that number, and report it."""
        kept = self.kept[one.arm]
        left = max(0.0, self.left())
        self.event(event="running", arm=one.arm, round=number, elapsed_seconds=self.elapsed(), seconds_left=left)
        if WAYS[one.approach].pickles and self.cost["unpicklable"]:
            self._report(one, number, {"status": "unpicklable", "reason": self.cost["unpicklable"]})
            return
        if self._stale(kept) and not self._open(one, number):
            return
        assert kept.session is not None
        count = batch_size(kept.slots, kept.each or self.cost["wall_seconds"], self.target, self.tasks)
        if self.cost["cached"]:
            count = min(count, self.cost["items"])
        expected = count * (kept.each or self.cost["wall_seconds"])
        limit = 5 + 10 * expected * self.crowding
        answer = kept.session.answer(limit, {"first": kept.first, "count": count})
        self._note_cpus(answer["cpus_taken"])
        if answer["status"] == "ok":
            start = kept.starts[len(kept.took) % len(kept.starts)]  # its own, or each of those that are known in turn
            kept.first += count
            kept.batches += 1
            kept.took.append(answer["seconds"])
            kept.each = answer["seconds"] / count
            answer = whole_job(answer, start, count, self.tasks)
            answer["launch_seconds"], kept.launched = kept.launched, None
            subject, way = self.subject, WAYS[one.approach]
            answer["quiet_seconds"] = with_its_cpus(answer, start, way, subject.cpus, subject.gil_share)
            self._compare(one, answer)
        elif answer["status"] == "timeout" and self.left() <= 0:
            return  # the end of the budget cut it off: that says nothing of it
        self._report(one, number, answer)

    def _open(self, one: _Arm, number: int) -> bool:
        """Start its process and workers; whether they are ready."""
        kept = self.kept[one.arm]
        self._close(kept)
        self._make_room()
        way, most = WAYS[one.approach], min(self.subject.concurrency or _MOST_AT_ONCE, self.tasks, _MOST_AT_ONCE)
        order = {
            "kind": "ready",
            "approach": one.approach,
            "workers": one.workers,
            "at_once": most,
            "settings": self.settings,
            "items": self.cost["items"],
            "warm": _WARM,
        }
        variables = ONE_THREAD if self.cost["native_parallel"] and not way.own_threads else {}
        begun = time.monotonic()
        kept.session = _Session(self.launcher, one.python, order, variables)
        limit = self._open_limit(one)
        answer = kept.session.answer(limit)
        kept.open_seconds = time.monotonic() - begun
        if answer["status"] == "ok":
            kept.starts.append(answer)
            kept.first = kept.batches = 0
            kept.launched = kept.open_seconds - answer["start_seconds"] - answer["warm_seconds"]
            in_flight = at_once(one.approach, one.workers, self.cost["coroutine"], most)
            each, kept.slots = first_guess(answer, in_flight, one.workers, self.cost["cpu_seconds"])
            kept.each = kept.each or each
            return True
        kept.session = None
        if answer["status"] == "timeout" and (self.left() <= 0 or number):
            if not number:
                told = f"the budget ended {kept.open_seconds:.0f} s after its workers began to start: --budget"
                self._report(one, number, {"status": "not_run", "reason": told})
            return False
        self._report(one, number, answer)
        return False

    def _open_limit(self, one: _Arm) -> float:
        """Seconds for imports, items and set-up, in each worker; beyond them something hangs. The budget ends it, too."""
        cost, way = self.cost, WAYS[one.approach]
        alone = cost["import_seconds"] + cost["setup_seconds"]
        starts = 1 + (one.workers / max(1, self.subject.cpus) + 1) * way.pickles
        expected = alone * starts + cost["items_seconds"] + _WARM * cost["wall_seconds"] + cost["first_seconds"]
        return self._most(min(15 + 5 * expected * self.crowding, self.left() + 2.0))

    def _make_room(self) -> None:
        """End the sessions that are kept, where one more of them might be too much memory."""
        kept = [each for each in self.kept.values() if each.session is not None]
        sizes = [each.session.group.peak_mb or 0.0 for each in kept if each.session and each.session.group]
        if sizes and sum(sizes) + max(sizes) > self.launcher.memory_limit_mb:
            for each in kept:
                self._close(each)

    def _close(self, kept: _Kept) -> None:
        if kept.session is not None:
            kept.session.close()
            kept.session = None

    def _compare(self, one: _Arm, answer: dict[str, Any]) -> None:
        """Whether its results are those of plain code, as far as they are the same items."""
        found = {int(number): value for number, value in answer["sums"].items()}
        raised = {int(number): said for number, said in answer["raised_items"].items()}
        differ = any(self.sums.get(number, value) != value for number, value in found.items())
        if one.role == "baseline":
            self.plain_python = one.interpreter
            self.sums |= {number: value for number, value in found.items() if number not in self.sums}
            self.raised |= set(raised)
        if differ and one.role in ("baseline", "control"):
            self.settled = False
        elif differ and self.settled:
            alone = [said for number, said in raised.items() if number in self.sums and number not in self.raised]
            other = (
                _OF_TWIN
                if one.approach == "asyncio" and self.subject.async_function
                else _why_other(one.interpreter, self.plain_python)
            )
            answer |= {"status": "mismatch", "reason": _raises_alone(alone, len(found)) if alone else other}

    def _report(self, one: _Arm, number: int, answer: dict[str, Any]) -> None:
        """Keep what came of a measurement, and tell."""
        if answer["status"] == "ok":
            quiet = answer["quiet_seconds"]
            self.seconds.setdefault(one.arm, []).append(answer["seconds"])
            self.quiet.setdefault(one.arm, []).append(answer["seconds"] if quiet is None else quiet)
            some = answer["raised"]
            answer["reason"] = (
                f"{some} of {answer['batch']} calls raise, such as {answer['raised_first']}" if some else ""
            )
        else:
            self.failed[one.arm] = answer["status"]
            if (kept := self.kept[one.arm]).session is not None:
                self._close(kept)
        self.event(
            event="cell",
            round=number,
            status=answer["status"],
            reason=answer["reason"],
            tasks=self.tasks,
            **_described(one),
            **{name: answer.get(name) for name in _FIELDS},
        )


_ROLES = ("baseline", "control", "candidate")
_OF_TWIN = "the results of the asynchronous twin are not those of the function"
_OTHER_RESULTS = "its results differ from those of single-threaded code: the function keeps something from call to call"


def _why_other(python: str, of_plain_code: str) -> str:
    """What may have made the results of an approach others than those of plain code, which ran on that Python."""
    if python == of_plain_code:
        return _OTHER_RESULTS
    return (
        f"{_OTHER_RESULTS}, or Python {python} computes otherwise than {of_plain_code} (sums of floats do from 3.12 on)"
    )


def _raises_alone(said: list[str], calls: int) -> str:
    return f"{len(said)} of {calls} calls raise here that do not in single-threaded code, such as {said[0]}"


_FIELDS = (
    "seconds", "launch_seconds", "startup_seconds", "first_result_seconds", "steady_seconds", "cpu_seconds", "cpu_percent",
    "peak_memory_mb", "memory_metric", "task_latency_ms", "gil_enabled", "checksum", "workers_seen", "imbalance", "short",
    "extrapolated_from", "cpus_taken", "batch", "no_cpu_percent", "quiet_seconds", "raised", "raised_first", "busy",
)  # fmt: skip


def _is_told(name: str, subject: Subject) -> bool:
    """Whether it needs a word why it is not measured: a library's own threads only where they are recommended."""
    return name != "native_parallel" or name == subject.recommended
