"""The coordinator: hands out batches, takes what comes back, and answers for every task.

Each task ends exactly once: done, failed with its error, or not processed. What a processor had when it was lost comes
again; a batch that a processor was lost with comes again task by task, so that the one that did it is found.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from crew import NO_ROOM, Crew, Message, why_no_room
from mixed import flow_of
from scheduling import SCHEDULES, ByKind, Schedule
from tasks import Batch, CannotGoOn, Malformed, Outcome, ProcessingResult, Task

_WINDOW = 2  # times as many batches as processors have are read from the source before they are needed
_MOST_SPANS = 20_000  # of the timeline
_POLL_SECONDS = 0.25  # to look whether somebody told us to stop
_DRY_SECONDS = 0.02  # to look whether the source has something, where it had nothing yet
_STARTS = 3  # how often a processor may end before it began, one after the other
_END = object()


class Options(NamedTuple):
    """How to run. `timeout_seconds` is for a batch; `attempts` is how often a task is tried, at each kind.

    `kinds`: how many processors there are of each kind, where they are of several; `arrangement`: how tasks go through.
    """

    processors: int = 2
    schedule: str = "queue"
    timeout_seconds: float | None = None
    attempts: int = 2
    kinds: tuple[tuple[str, int], ...] = ()
    arrangement: str = "pipeline"


class Span(NamedTuple):
    """When a processor did a batch, in seconds since the run began, and since when the batch was there to be done."""

    processor: int
    began: float
    ended: float
    tasks: int
    ready: float = 0.0
    after: int | None = None  # the place, in the spans, of what made it ready: the kind before, or a try that failed
    held: str = ""  # it was read so late because so much waited for this kind


class _Origin(NamedTuple):
    """What a span will say of how its batch came."""

    ready: float
    after: int | None = None
    held: str = ""


@dataclass
class Share:
    """What one processor did."""

    tasks: int = 0
    batches: int = 0
    busy_seconds: float = 0.0
    cpu_seconds: float = 0.0
    lost: int = 0  # how often it was killed, hung or crashed
    kind: str = ""  # what it does, where processors are of several kinds


@dataclass
class Report:
    """How a run went. `not_processed` are tasks that were read and did not end, `unread` how many were not read.

    So done, failed, not processed and unread are all tasks of the source, each in one of the counts.
    """

    done: int = 0
    failed: int = 0
    not_processed: list[int] = field(default_factory=list)
    retried: int = 0
    stolen: int = 0
    seconds: float = 0.0
    shares: dict[int, Share] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    stopped: bool = False
    unread: int | None = 0  # None: the source was not read to its end, and nobody knows what it has left


class Coordinator:
    """Runs one set of batches on a crew. `record` gets the outcomes of every batch that ended, each task's once."""

    def __init__(self, crew: Crew, options: Options, record: Callable[[list[Outcome]], None]) -> None:
        self._crew, self._options, self._record = crew, options, record
        self._given: dict[int, deque[Batch]] = {}
        self._head_since: dict[int, float] = {}
        self._leaving: set[int] = set()
        self._missed: Counter[int] = Counter()  # how often a processor could not be started, since it last could
        self._given_up: dict[int, str] = {}  # processors that cannot be replaced, and why
        self._kinds = [kind for kind, count in options.kinds for _ in range(count)]  # of each processor
        self._flow = flow_of([kind for kind, _ in options.kinds], options.arrangement)
        self._origins: dict[tuple[str, int, int], _Origin] = {}  # of the batches that are there
        self._held = ""  # the kind because of which nothing more could be read
        self._at_once = self._dry = self._read_all = False
        self.begun = time.perf_counter()
        self._sized = options.processors  # for so many is the schedule
        self.resize(options.processors)
        self.report = Report()

    def stop(self, *, at_once: bool = False) -> None:
        """Give out nothing more, and come to an end: what is being done is waited for, the rest is not processed.

        `at_once`: what is being done is given up, too. May be called by a signal handler.
        """
        self.report.stopped = True
        if at_once:
            self._at_once = True
            self._crew.halt()

    def resize(self, processors: int) -> None:
        """From now on so many processors: new ones start, those that are too many end after what they have."""
        if processors < 1:
            raise ValueError(f"{processors} processors cannot do anything")
        if self._kinds and processors != len(self._kinds):
            raise ValueError(f"a crew of several kinds has {len(self._kinds)} processors, and not {processors}")
        self._wanted = processors

    def run(self, source: Iterable[Batch | None], batches: int | None = None) -> Report:
        """Do all batches of a source (`batches`: how many, if that is known); it is read as they are needed.

        None from the source means that it has nothing yet. What it raises ends the run, as CannotGoOn does.
        """
        schedule = self._scheduled(batches)
        stream = iter(source)
        self.begun = time.perf_counter()
        try:
            while self._continues(schedule, stream, batches):
                self._hire_and_release(schedule)
                self._hand_out(schedule)
                if any(self._given.values()) or not self._dry:
                    self._check_that_somebody_can(schedule)
                    self._take(schedule)
                else:
                    time.sleep(_DRY_SECONDS)
        finally:
            self.report.seconds = time.perf_counter() - self.begun
            self.report.not_processed += sorted(self._left(schedule))
            self.report.unread = 0 if self._read_all else None
            self.report.stolen = getattr(schedule, "stolen", 0)
            self._crew.close()
        return self.report

    def _scheduled(self, batches: int | None) -> Schedule:
        make = SCHEDULES[self._options.schedule]
        return ByKind(make, self._options.kinds, batches) if self._kinds else make(self._options.processors, batches)

    # What is there to do --------------------------------------------------------------------------------------------

    def _continues(self, schedule: Schedule, stream: Iterator[Batch | None], batches: int | None) -> bool:
        """Read ahead, and say whether something is left: to hand out, or to come back."""
        if not self.report.stopped:
            # parts that are blocks can only be made when all is there
            all_at_once = batches is not None and self._options.schedule != "queue"
            self._read(schedule, stream, math.inf if all_at_once else _WINDOW * self._crew.ahead * self._wanted)
        if any(self._given.values()):
            return not self._at_once
        return (schedule.waiting > 0 or not self._read_all) and not self.report.stopped

    def _read(self, schedule: Schedule, stream: Iterator[Batch | None], window: float) -> None:
        """Take from the source until so many batches wait, it ends, or it has nothing yet."""
        self._dry = False
        while schedule.waiting < window and not self._read_all and not self._dry:
            batch = next(stream, _END)
            if isinstance(batch, Batch):
                origin = _Origin(self._now(), held=self._held)
                for begun in self._flow.begin(batch):
                    self._add(schedule, begun, origin)
            else:
                self._read_all, self._dry = batch is _END, batch is None
        self._held = schedule.longest if isinstance(schedule, ByKind) and schedule.waiting >= window else ""

    def _now(self) -> float:
        return time.perf_counter() - self.begun

    def _add(self, schedule: Schedule, batch: Batch, origin: _Origin) -> None:
        self._origins[_key(batch)] = origin
        schedule.add(batch)

    def _left(self, schedule: Schedule) -> set[int]:
        """The tasks that have not ended: several kinds may have the same one."""
        given = [batch for batches in self._given.values() for batch in batches]
        return {task.number for batch in [*given, *schedule.drain()] for task in batch.tasks}

    def _hire_and_release(self, schedule: Schedule) -> None:
        """As many processors as are wanted."""
        wanted = self._wanted  # another thread may change it meanwhile
        if wanted != self._sized:
            schedule.resize(wanted)
            self._sized = wanted
        for processor in range(wanted):
            self._leaving.discard(processor)
            if processor not in self._given and processor not in self._given_up and not self._hire(processor):
                break  # there will be no room for the next one either
        too_many = [processor for processor in self._given if processor >= wanted]
        self._leaving.update(too_many)
        for processor in too_many:
            if not self._given[processor]:
                self._release(processor)

    def _hire(self, processor: int) -> bool:
        """Whether there is a new one. Who was told to stop needs none."""
        if self.report.stopped:
            return False
        self.report.shares.setdefault(processor, Share(kind=self._kinds[processor] if self._kinds else ""))
        try:
            self._crew.hire(processor)
        except NO_ROOM as error:
            self._not_started(processor, why_no_room(error))
            return False
        self._given[processor] = deque()
        return True

    def _not_started(self, processor: int, reason: str) -> None:
        """It is tried again, and then the run ends: with fewer it would not be what was asked for.

        One that has worked before, and cannot be replaced, is done without.
        """
        self._missed[processor] += 1
        if self._missed[processor] >= _STARTS:
            self._given_up[processor] = reason
            if not self.report.shares[processor].batches:
                raise self._no_room(processor)

    def _no_room(self, processor: int) -> CannotGoOn:
        return CannotGoOn(
            f"processor {processor + 1:,} of {self._wanted:,} cannot be started ({self._given_up[processor]}): take fewer with"
            " --processors, or raise the limit on processes, threads, open files or memory"
        )

    def _check_that_somebody_can(self, schedule: Schedule) -> None:
        """CannotGoOn if batches wait for a processor that is not there and cannot be replaced."""
        if self._given_up and schedule.waiting and not any(self._given.values()) and not self.report.stopped:
            raise self._no_room(min(self._given_up))

    def _release(self, processor: int) -> None:
        self._crew.discharge(processor)
        del self._given[processor]
        self._leaving.discard(processor)

    def _hand_out(self, schedule: Schedule) -> None:
        """The next batches to those who have room: first one for everybody, then one more."""
        if self.report.stopped:
            for processor, batch in self._crew.take_back():
                self._given[processor].remove(batch)
                schedule.add(batch)
            return
        for room in range(1, self._crew.ahead + 1):
            if not schedule.waiting:
                return
            for processor, given in self._given.items():
                if len(given) < room and processor not in self._leaving:
                    batch = schedule.next(processor)
                    if batch is not None:
                        if not given:
                            self._head_since[processor] = time.monotonic()
                        given.append(batch)
                        self._crew.give(processor, batch)

    # What comes back ------------------------------------------------------------------------------------------------

    def _take(self, schedule: Schedule) -> None:
        message = self._crew.next_message(self._patience())
        if message is None:
            self._end_what_hangs(schedule)
        elif message.result is None and not message.began:
            for batch in self._given.pop(message.processor):
                schedule.add(batch)  # as it was
            self._not_started(message.processor, message.reason)
        elif message.result is None:
            self._lost(message.processor, message.reason, schedule, message.place)
        else:
            self._done(message, message.result, schedule)

    def _patience(self) -> float:
        """Until the first batch is overdue, or until somebody may have told us to stop."""
        poll = 2 * _DRY_SECONDS if self._dry else _POLL_SECONDS
        if self._options.timeout_seconds is None:
            return poll
        ends = [self._since(p) + self._options.timeout_seconds for p, given in self._given.items() if given]
        return max(0.0, min(poll, min(ends, default=math.inf) - time.monotonic()))

    def _since(self, processor: int) -> float:
        """Since when a processor does its first batch: its time begins when it can work."""
        return max(self._head_since[processor], self._crew.ready_since.get(processor, -math.inf))

    def _done(self, message: Message, result: ProcessingResult, schedule: Schedule) -> None:
        batch = self._given[message.processor][message.place or 0]
        again = {o.number for o in result.outcomes if o.status == "failed"}
        if batch.attempt >= self._options.attempts:
            again.clear()
        if again:  # what could not be read will not be better
            again -= {task.number for task in batch.tasks if isinstance(task, Malformed)}
        ended = [outcome for outcome in result.outcomes if outcome.number not in again]
        further = self._ended(batch, ended)  # if that fails, the batch is still given: its tasks did not end
        del self._given[message.processor][message.place or 0]
        self._missed[message.processor] = 0
        self._head_since[message.processor] = time.monotonic()
        origin = _Origin(self._now(), self._note(_by(message), result, self._origins.pop(_key(batch))))
        answered = {outcome.number for outcome in result.outcomes}
        for more in further:
            self._add(schedule, more, origin)
        for task in batch.tasks:
            if task.number in again:
                self._retry(batch, task, schedule, origin)
            elif task.number not in answered:  # it was told to stop in the middle
                self._add(schedule, batch._replace(tasks=[task]), origin)

    def _note(self, processor: int, result: ProcessingResult, origin: _Origin) -> int | None:
        """Count it; returns its place in the spans, if it is there."""
        share = self.report.shares[processor]
        share.tasks += len(result.outcomes)
        share.batches += 1
        share.busy_seconds += result.ended - result.began
        share.cpu_seconds += result.cpu_seconds
        if len(self.report.spans) >= _MOST_SPANS:
            return None
        began, ended = result.began - self.begun, result.ended - self.begun
        self.report.spans.append(Span(processor, began, ended, len(result.outcomes), *origin))
        return len(self.report.spans) - 1

    def _ended(self, batch: Batch, outcomes: list[Outcome]) -> list[Batch]:
        """For this kind; keep what has ended altogether, and return what is to be done now."""
        ended, further = self._flow.go_on(batch, outcomes)
        if ended:
            self._record(ended)
            done = sum(outcome.status == "done" for outcome in ended)
            self.report.done += done
            self.report.failed += len(ended) - done
        return further

    def _retry(self, batch: Batch, task: Task, schedule: Schedule, origin: _Origin) -> None:
        self.report.retried += 1
        self._add(schedule, batch._replace(tasks=[task], attempt=batch.attempt + 1), origin)

    # What goes wrong ------------------------------------------------------------------------------------------------

    def _end_what_hangs(self, schedule: Schedule) -> None:
        limit, now, turn = self._options.timeout_seconds, time.monotonic(), self._crew.turn
        for processor, given in list(self._given.items()):
            if turn is not None:  # who waits for another's turn to end does not hang
                began = max(turn[1], self._head_since.get(processor, now))
                self._head_since[processor] = began if processor == turn[0] else now
            if limit is not None and given and now - self._since(processor) >= limit:
                self._crew.discharge(processor)
                self._lost(processor, f"no answer within {limit:g} s", schedule)

    def _lost(self, processor: int, reason: str, schedule: Schedule, place: int | None = None) -> None:
        """A processor is gone: its first batch is what it was doing, the others it had not begun. `place`: only that batch is."""
        if place is None:
            given = self._given.pop(processor)
        else:
            given = deque([self._given[processor][place]])
            del self._given[processor][place]
        self.report.shares[processor].lost += 1
        if not given:
            return
        batch = given.popleft()
        origin = _Origin(self._now())
        for waiting in given:
            schedule.add(waiting)
        del self._origins[_key(batch)]
        if batch.attempt < self._options.attempts or len(batch.tasks) > 1:
            for task in batch.tasks:
                self._retry(batch, task, schedule, origin)
        else:
            self._ended(batch, [Outcome(batch.tasks[0].number, "failed", None, reason)])


def _by(message: Message) -> int:
    return message.processor if message.by is None else message.by


def _key(batch: Batch) -> tuple[str, int, int]:
    """What no two batches that are there have in common."""
    return batch.kind, batch.tasks[0].number, batch.attempt
