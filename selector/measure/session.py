"""The whole measurement: which children are started, one after the other, within the time there is; and what they found.

First `main`, which finds most; the rest is asked in the order of what it is worth, and left out where time is over. What
takes no times (the order of calls, memory, other Pythons, subinterpreters) runs several at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

from selector.host import find_interpreters
from selector.measure.builds import digests, one_thread_will_do
from selector.measure.children import Enough, Job, Said, Tell, can_be_looked_at
from selector.measure.evidence import uses_helpers
from selector.measure.findings import Findings, findings_from, number
from selector.measure.models import Request
from selector.measure.problems import problem_of
from selector.measure.python import OLDEST, SUBINTERPRETERS, ChosenPython, release_of
from selector.text import listed

PINNED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_MAIN_PART = 0.6  # of the budget, at most
_AT_ONCE = 3  # of those that take no times: starting is half of what they do
_LARGE_MB = 1000.0  # of a child: several at once may be too much
_MOST_FOUND = 3  # Pythons that nobody named
_RESERVE_SECONDS, _RESERVE = 0.4, 0.06  # and part of the budget: to start, to end the last child, to say what was found
_FAIR = 5.0  # times what it takes to start: a child that had less, and did not come to its end, tells nothing
_WORKER_SECONDS = 1.0  # of calls in a child that only compares results
_LEAST_SECONDS = 1.0
_FORWARD, _REVERSE, _MEMORY = "a worker process", "the reverse order", "memory"
_SUBINTERPRETER = "a subinterpreter"


class Runs(Protocol):
    """Whatever runs jobs: the laboratory, or a fake of the tests."""

    def run(self, job: Job, tell: Tell = ..., enough: Enough = ...) -> Said:
        """Run one mode to its end, or until it has said enough."""
        ...

    def run_together(self, jobs: list[Job]) -> list[Said]:
        """Run several whose times do not matter."""
        ...


@dataclass
class Record:
    """What the children said, by what they were for; `left_out` names what there was no time for.

    Where threads of a library compute, `main` was run with one such thread, and `unpinned` has the calls with as many as
    the library takes by itself.
    """

    main: Said
    found: Findings
    unpinned: Said | None = None
    memory: Said | None = None
    forward: Said | None = None
    reverse: Said | None = None
    again: Said | None = None
    subinterpreter: Said | None = None
    free_threaded: Said | None = None
    looked: Said | None = None  # at the GIL, in another Python
    twin: Said | None = None
    others: dict[str, Said] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[Said]:
        """Every child that was run."""
        named = (self.main, self.unpinned, self.memory, self.forward, self.reverse, self.again, self.subinterpreter)
        more = (self.free_threaded, self.looked, self.twin, *self.others.values())
        return [said for said in (*named, *more) if said is not None]


def call_seconds(budget_seconds: float) -> float:
    """How long one call may take before it counts as hanging."""
    return max(2.0, budget_seconds / 2)


def measure_in_children(
    request: Request, runs: Runs, tell: Tell, begun: float, clock: Callable[[], float] = time.monotonic
) -> Record:
    """Run every child there is time for; the budget counts from `begun`, by the clock."""
    return _Session(request, runs, tell, begun, clock).record()


class _Session:
    def __init__(self, request: Request, runs: Runs, tell: Tell, begun: float, clock: Callable[[], float]) -> None:
        self._request, self._runs, self._tell, self._clock = request, runs, tell, clock
        self._end = begun + request.budget_seconds * (1 - _RESERVE) - _RESERVE_SECONDS
        self._environment: dict[str, str] = {}
        self._start_seconds = 0.0  # what a child takes before its first call

    def record(self) -> Record:
        record = self._main()
        if not record.main.done or record.main.cut or record.found.calls is None:
            return record
        self._start_seconds = _start_seconds(record.main)
        self._timed(record)
        self._compared(record)
        return record

    def _main(self) -> Record:
        """The child that finds most; once more with one thread of the library's own, where it has several."""
        budget = self._request.budget_seconds
        job = Job("main", self._request.python, _MAIN_PART * budget, {"seconds": min(1.0, budget / 20)})
        first = self._runs.run(self._within(job, min(job.seconds, self._left())), self._tell, _computes_in_threads)
        if not first.stopped:
            return Record(first, findings_from(first.facts))
        self._environment = {**PINNED}
        self._tell("one thread of the library's own")
        main = self._runs.run(self._within(job, max(_LEAST_SECONDS, min(job.seconds, self._left()))), self._tell)
        if not main.done and _kind_of_problem(main) in ("hangs", "too_slow"):  # what the first said must do
            self._environment = {}
            return Record(first, findings_from(first.facts), left_out=["one thread of the library's own"])
        record = Record(main, findings_from(main.facts), first)
        if not one_thread_will_do(findings_from(first.facts), record.found):
            self._environment = {}
        return record

    def _timed(self, record: Record) -> None:
        """What measures times, alone: the GIL in another Python, free threads, the twin."""
        python = self._request.python
        if _is_worth_a_look(record.found) and not can_be_looked_at(python):
            there = [other for other in (*self._others(), *self._found) if can_be_looked_at(other)]
            if there:
                nearest = min(there, key=lambda other: release_of(other.tag))
                record.looked = self._one(f"the GIL, in Python {nearest.tag}", record, Job("look", nearest, 0))
        free = next((other for other in self._others() if other.interpreter.free_threaded), None)
        if free is not None and not python.interpreter.free_threaded:
            free_threads = {"seconds": min(0.8, self._request.budget_seconds / 25)}
            record.free_threaded = self._one(f"free threads ({free.tag})", record, Job("again", free, 0, free_threads))
        if self._request.async_function is not None:
            twin = {"target": str(self._request.async_function), "seconds": 0.5}
            record.twin = self._one("the asynchronous twin", record, Job("again", python, 0, twin))

    def _compared(self, record: Record) -> None:
        """What takes no times: the order of calls, memory, subinterpreters, other Pythons."""
        python, calls = self._request.python, record.found.calls
        assert calls is not None
        each_seconds = max(calls.wall_ms / 1000, 1e-4)
        count = max(2, min(12, int(_WORKER_SECONDS / each_seconds)))
        few = {"count": count}
        jobs = {
            _FORWARD: Job("worker", python, 0, {**few, "order": "forward"}),
            _REVERSE: Job("worker", python, 0, {**few, "order": "reverse"}),
        }
        if not record.found.has_items:
            del jobs[_REVERSE]
        jobs[_MEMORY] = Job("memory", python, 0)
        if (where := self._with_subinterpreters()) is not None and not record.found.coroutine:
            jobs[_SUBINTERPRETER] = Job("subinterpreter", where, 0, few)
        for other in self._others():
            jobs[f"Python {other.tag}"] = Job("worker", other, 0, {**few, "order": "forward"})
        found = self._several(jobs, record, count * each_seconds)
        record.forward, record.reverse = found.pop(_FORWARD, None), found.pop(_REVERSE, None)
        record.memory, record.subinterpreter = found.pop(_MEMORY, None), found.pop(_SUBINTERPRETER, None)
        record.others = {name.removeprefix("Python "): said for name, said in found.items()}
        first, second = digests(record.forward), digests(record.reverse)
        if first and second and first != second:
            record.again = self._one("the order of calls", record, jobs[_FORWARD])

    def _several(self, jobs: dict[str, Job], record: Record, calls_seconds: float) -> dict[str, Said]:
        """Run jobs by name, some at a time, as long as there is time for them."""
        names = list(jobs)
        found: dict[str, Said] = {}
        large = (
            number(record.main.facts, "rss_setup_mb") or number(record.main.facts, "rss_items_mb") or 0.0
        ) > _LARGE_MB
        at_once = 1 if large or self._request.setup is not None else _AT_ONCE  # set-ups may want the same file, or port
        for place in range(0, len(names), at_once):
            batch = names[place : place + at_once]
            seconds = self._left()
            if seconds < 0.5 + self._start_seconds + calls_seconds:
                record.left_out += names[place:]
                break
            self._tell(listed(batch))
            said = self._runs.run_together([self._within(jobs[name], seconds) for name in batch])
            whole = [self._unless_cut_short(each, seconds) for each in said]
            found |= {name: each for name, each in zip(batch, whole, strict=True) if each is not None}
            record.left_out += [name for name, each in zip(batch, whole, strict=True) if each is None]
        return found

    def _one(self, name: str, record: Record, job: Job) -> Said | None:
        """Run a job with the time that is left, if that is enough to come to a call."""
        seconds = self._left()
        if seconds < _LEAST_SECONDS + self._start_seconds:
            record.left_out.append(name)
            return None
        self._tell(name)
        said = self._unless_cut_short(self._runs.run(self._within(job, seconds)), seconds)
        record.left_out += [name] if said is None else []
        return said

    def _unless_cut_short(self, said: Said, seconds: float) -> Said | None:
        """What a child said; None where it was ended before it had a fair time, though the function does come to its end."""
        cut = not said.done and _kind_of_problem(said) in ("hangs", "too_slow")
        return None if cut and seconds < _FAIR * (_LEAST_SECONDS + self._start_seconds) else said

    def _within(self, job: Job, seconds: float) -> Job:
        """The job with its time, and the time of one call."""
        budget = self._request.budget_seconds
        options = {"call_seconds": min(call_seconds(budget), seconds), "seconds": min(0.4, budget / 40), **job.options}
        most = max(seconds, self._left())
        return replace(job, seconds=seconds, options=options, environment=self._environment, most_seconds=most)

    def _left(self) -> float:
        return self._end - self._clock()

    def _others(self) -> list[ChosenPython]:
        """The further Pythons: those given, else free-threaded ones found here, and newer ones where its own lacks something."""
        given = self._request.interpreters
        return self._found if given is None else list(given)

    @cached_property
    def _found(self) -> list[ChosenPython]:
        python = self._request.python
        # what a newer one has; nobody is sent to another without need
        lacks = release_of(python.tag) < SUBINTERPRETERS
        found: dict[str, ChosenPython] = {}
        for each in find_interpreters():
            wanted = each.free_threaded or (lacks and release_of(each.tag) > release_of(python.tag))
            if (
                each.implementation == "CPython"
                and release_of(each.tag) >= OLDEST
                and wanted
                and each.tag != python.tag
            ):
                found[each.tag] = ChosenPython(each.path, "found here", each)
        newest = sorted(found.values(), key=lambda p: (not p.interpreter.free_threaded, -release_of(p.tag)[1]))
        return newest[:_MOST_FOUND]

    def _with_subinterpreters(self) -> ChosenPython | None:
        """The Python that subinterpreters are tried in: its own, if it has them."""
        python = self._request.python
        return python if release_of(python.tag) >= SUBINTERPRETERS else None


def _start_seconds(main: Said) -> float:
    """What a child takes before its first call: import, items, set-up."""
    times = [main.facts.get(key) for key in ("import_ms", "items_ms", "setup_ms", "first_ms")]
    return sum(t for t in times if isinstance(t, int | float)) / 1000


def _computes_in_threads(message: Mapping[str, Any]) -> bool:
    """Whether a child says that other threads of its process computed."""
    calls = findings_from(message).calls if "solo" in message else None
    return calls is not None and uses_helpers(calls)


def _is_worth_a_look(found: Findings) -> bool:
    """Whether another Python could tell how the GIL is held: there is one, and it computes enough, and often enough."""
    calls = found.calls
    return found.gil is not None and calls is not None and calls.cpu_ms > 0.02 * calls.wall_ms and calls.wall_ms < 1000


def _kind_of_problem(said: Said) -> str:
    problem = problem_of(said)
    return problem.kind if problem is not None else ""
