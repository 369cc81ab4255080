"""The tasks, and the three kinds of processors that work on them. Nothing here knows of threads or processes.

A processor looks at one task and says what comes of it: plain data that depends on the task and the settings alone. So
every execution, every way to divide the work and every repetition after a failure gives the same results.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

TODAY = 739_500  # the day of the reports, as date.toordinal(): a fixed one, so that results can be compared
_LONGEST_TITLE = 200
_LONGEST_ERROR = 300


@dataclass(frozen=True)
class Task:
    """A todo: its place in the input is its identity, and nothing changes it. Days are those of date.toordinal()."""

    number: int
    title: str
    priority: int = 5  # from 1, the most urgent, to 10
    done: bool = False
    due: int | None = None
    created: int = TODAY - 30
    estimate: int = 30  # minutes
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Malformed(Task):
    """A todo that could not be read: `fault` says where and what is wrong. It fails, alone, whoever gets it."""

    fault: str = ""


class CannotGoOn(Exception):  # noqa: N818  # it says what the run cannot do
    """What ends a run as a whole and is no fault of a task or the input: a full disk, a locked journal, no room.

    Its text is for the user: what happened, and what to do.
    """


class Outcome(NamedTuple):
    """What came of one task: `value` if it is done, else what went wrong, in a line."""

    number: int
    status: str  # done or failed
    value: Any
    error: str = ""


class Batch(NamedTuple):
    """Tasks that go to a processor together; after a failure they come again, with another attempt."""

    number: int
    tasks: list[Task]
    attempt: int = 1
    kind: str = ""  # what is to be done with them, where processors are of several kinds

    @property
    def priority(self) -> int:
        """That of its most urgent task; malformed ones have none."""
        return min((t.priority for t in self.tasks if type(t.priority) is int), default=10)


class ProcessingResult(NamedTuple):
    """What came of a batch: an outcome for every task of it, in order, and what it took.

    Times are of time.perf_counter(), which all processes of a machine share.
    """

    batch: int
    attempt: int
    outcomes: list[Outcome]
    began: float
    ended: float
    cpu_seconds: float


class Settings(NamedTuple):
    """What a worker has to know. `effort` adjusts what a task costs; `trouble` is for tests: what befalls which task.

    The first `heavy` tasks cost `weight` times as much as the others. `efforts`: of each kind, where there are several.
    """

    kind: str = "validate"
    effort: int = 1
    trouble: dict[int, str] = {}  # noqa: RUF012  # nobody writes to it
    heavy: int = 0
    weight: int = 1
    efforts: dict[str, int] = {}  # noqa: RUF012  # likewise
    answer_ms: float = 0.0  # that the service of agents waits before it answers

    def effort_of(self, task: Task, kind: str) -> int:
        """What this task is to cost."""
        effort = self.efforts.get(kind, self.effort)
        return effort * self.weight if task.number < self.heavy else effort


class Processor(Protocol):
    """One kind of work. `process` depends on the task and `effort` alone, and raises what it cannot do."""

    def __init__(self, effort: int) -> None:
        """What it needs for tasks that cost so much; a kind whose tasks cost what they cost need not look at it."""

    def process(self, task: Task) -> Any:
        """What comes of a task, as plain data."""

    @staticmethod
    def counted(value: Any) -> dict[str, int]:
        """What such a value adds to the numbers of a report."""


# The kinds ------------------------------------------------------------------------------------------------------------

_VERBS = ("Buy", "Call", "Write", "Review", "Plan", "Send", "Book", "Fix", "Clean", "Read", "Update", "Pay")
_THINGS = ("milk", "the plumber", "the report", "slides", "a birthday", "invoices", "the flight", "the bike", "notes")
_WHERE = ("", " today", " for the team", " with Ana", " before Friday", " at home", " online")


def _title(number: int) -> str:
    """One of many titles, a different one for neighbours."""
    verb, thing = _VERBS[number % len(_VERBS)], _THINGS[number // 5 % len(_THINGS)]
    return f"{verb} {thing}{_WHERE[number // 3 % len(_WHERE)]} #{number % 97}"


class TaskValidator:
    """Says what is wrong with a task, and which known title it is nearest to (a possible duplicate).

    For each unit of effort it compares the title with 10 known ones, by the pairs of letters they have in common; after
    all 200, without its first letter, and so on.
    """

    def __init__(self, effort: int) -> None:
        self.rounds = effort
        groups = min(effort, _GROUPS)
        self.known = [[_pairs(_title(7 * place + 3)) for place in range(10 * g, 10 * g + 10)] for g in range(groups)]

    def process(self, task: Task) -> tuple[tuple[str, ...], int, int]:
        """(What is wrong, the place of the nearest known title, how near it is: 0 to 100)."""
        return tuple(_problems(task)), *self.nearest(task.title)

    @staticmethod
    def counted(value: Any) -> dict[str, int]:
        """Valid or not, and how near to known titles."""
        return {"invalid" if value[0] else "valid": 1, "nearness": value[2]}

    def nearest(self, title: str) -> tuple[int, int]:
        """The place of the known title that has most pairs of letters in common, and how many percent."""
        nearest, most, pairs = 0, -1, _pairs(title)
        for turn in range(self.rounds):
            group = turn % _GROUPS
            if turn and not group:
                pairs = _pairs(title[turn // _GROUPS % (len(title) or 1) :])
            # percent, and not per mille: free threads need not count numbers up to 256, which they share
            shares = [200 * len(pairs & other) // (len(pairs) + len(other) or 1) for other in self.known[group]]
            best = max(shares)
            if best > most:
                nearest, most = 10 * group + shares.index(best), best
        return nearest, most


_GROUPS = 20  # of ten known titles: half a megabyte, which each processor has for itself


def _pairs(text: str) -> frozenset[str]:
    return frozenset(a + b for a, b in pairwise(text.casefold()))


def _problems(task: Task) -> Iterator[str]:
    if not task.title.strip() or len(task.title) > _LONGEST_TITLE or not task.title.isprintable():
        yield "title"
    if not 1 <= task.priority <= 10:
        yield "priority"
    if task.due is not None and task.due < task.created:
        yield "due"
    if task.estimate <= 0:
        yield "estimate"
    if any(not tag.isidentifier() for tag in task.tags):
        yield "tags"


class TaskProcessor:
    """Moves a task through its states day by day, and recalculates its priority on each of them.

    It looks 30 days ahead for each unit of effort.
    """

    def __init__(self, effort: int) -> None:
        self.days = 30 * effort

    def process(self, task: Task) -> tuple[str, int, int]:
        """(The state it ends in, its priority then, how often the state changed)."""
        state, priority, changes = "done" if task.done else "open", task.priority, 0
        # Days from today: the numbers are this thread's own, or small ones, which free threads need not count. Those of
        # the task belong to the thread that read it.
        due, age = None if task.due is None else task.due - TODAY, TODAY - task.created
        left, wait = task.estimate, 3 + priority
        for day in range(self.days):
            before = state
            state, left = _next_state(state, left, day, due, wait)
            priority = _next_priority(state, priority, due, age + day)
            changes += state != before
        return state, priority, changes

    @staticmethod
    def counted(value: Any) -> dict[str, int]:
        """The state it ends in, and the changes."""
        return {value[0]: 1, "changes": value[2]}


def _next_state(state: str, left: int, day: int, due: int | None, wait: int) -> tuple[str, int]:
    """The state on the next day, and the minutes of work that are left; a task is begun every so many days."""
    if state == "done":
        return state, 0
    if state == "started":
        left -= 5 + day % 7
        return ("done", 0) if left <= 0 else (state, left)
    if due is not None and day > due:
        return "overdue" if (day - due) % 14 else "started", left
    return "open" if day % wait else "started", left


def _next_priority(state: str, priority: int, due: int | None, age: int) -> int:
    """More urgent as the day comes nearer, less where nothing has happened for long."""
    if state == "done":
        return 10
    if due is not None and state == "overdue" and priority > 1:
        return priority - 1
    return priority + 1 if age % 60 == 59 and priority < 10 else priority


class TaskReporter:
    """Counts what a report shows of a task: the groups it belongs to, and a profile of its words.

    For each unit of effort it counts the pieces of its text of one more length, up to 24 letters, and again.
    """

    def __init__(self, effort: int) -> None:
        self.rounds = effort

    def process(self, task: Task) -> tuple[str, int, int, tuple[int, ...]]:
        """(Group, priority, minutes, the numbers of text pieces in 8 classes)."""
        text = f"{task.title} {' '.join(task.tags)}".casefold()
        counts = [0] * 8
        for turn in range(self.rounds):
            length = 1 + turn % 24
            for place in range(max(1, len(text) - length + 1)):
                counts[zlib.crc32(text[place : place + length].encode()) % 8] += 1
        late = not task.done and task.due is not None and task.due < TODAY
        return "done" if task.done else "late" if late else "open", task.priority, task.estimate, tuple(counts)

    @staticmethod
    def counted(value: Any) -> dict[str, int]:
        """Its group, minutes and pieces."""
        return {value[0]: 1, "minutes": value[2], "pieces": sum(value[3])}


KINDS: dict[str, type[Processor]] = {
    "validate": TaskValidator,
    "process": TaskProcessor,
    "report": TaskReporter,
}


def summary(kind: str, values: Iterable[Any]) -> dict[str, Any]:
    """What all values of a kind come to: the numbers of a report, the same in whatever order they come."""
    found: Counter[str] = Counter()
    for value in values:
        found.update(KINDS[kind].counted(value))
    return dict(sorted(found.items()))


# One batch ------------------------------------------------------------------------------------------------------------


class Trouble(Exception):  # noqa: N818  # what befalls a task in a test
    """A processor that was told to raise."""


def process_batch(settings: Settings, batch: Batch, stopped: Any = None) -> ProcessingResult:
    """Do a batch where the worker is. What a task does never ends it: a failure is an outcome, too.

    `stopped` is asked before each task, if it is there (a function): the rest is then left out.
    """
    began, cpu = time.perf_counter(), time.thread_time()
    outcomes = []
    for task in batch.tasks:
        if stopped is not None and stopped():
            break
        outcomes.append(outcome_of(task, settings, batch.kind or settings.kind, batch.attempt))
    return ProcessingResult(batch.number, batch.attempt, outcomes, began, time.perf_counter(), time.thread_time() - cpu)


def outcome_of(task: Task, settings: Settings, kind: str, attempt: int) -> Outcome:
    """Do one task, by this thread's own processor of that kind."""
    if isinstance(task, Malformed):
        return Outcome(task.number, "failed", None, task.fault)
    try:
        if settings.trouble:
            _befall(settings.trouble.get(task.number, ""), attempt)
        return Outcome(task.number, "done", _processor(kind, settings.effort_of(task, kind)).process(task))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this task's alone
        return Outcome(task.number, "failed", None, described(error))


def described(error: BaseException) -> str:
    """An error in one printable line, also one that cannot say what it is."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001
        text = "(it has no text)"
    return in_a_line(f"{type(error).__name__}: {text}")


def in_a_line(text: str) -> str:
    """Text as one printable line of bounded length: what an outcome may carry."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))[:_LONGEST_ERROR]


_ready = threading.local()  # what a kind needs is made once for each thread: free threads that share it would wait for
# each other at every look, because they count the references to an object one at a time


def _processor(kind: str, effort: int) -> Processor:
    made: dict[Any, Processor] = _ready.__dict__  # of this thread
    if (kind, effort) not in made:
        made[kind, effort] = KINDS[kind](effort)
    return made[kind, effort]


def _befall(trouble: str, attempt: int) -> None:
    """What a test has in store for a task: raise, hang or kill, on its first attempt only, or always (with `!`)."""
    if not trouble or (attempt > 1 and not trouble.endswith("!")):
        return
    what = trouble.rstrip("!")
    if what == "raise":
        raise Trouble("told to raise")
    if what == "hang":
        time.sleep(3600)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


# Where tasks come from ------------------------------------------------------------------------------------------------


def make_tasks(count: int) -> Iterator[Task]:
    """So many tasks that look like people's, always the same; about one in 50 has something wrong with it."""
    for number in range(count):
        mixed = zlib.crc32(number.to_bytes(8, "little"))
        created = TODAY - mixed % 200
        yield Task(
            number=number,
            title=_title(number) if mixed % 97 else "",
            priority=mixed // 7 % 10 + 1 if mixed % 101 else 0,
            done=mixed % 5 == 0,
            due=None if mixed % 3 == 0 else created + mixed // 11 % 120 - 2,
            created=created,
            estimate=5 * (mixed // 13 % 24 + 1),
            tags=tuple(sorted({_VERBS[mixed // 17 % len(_VERBS)].lower(), f"list{mixed % 4}"})),
        )


def batches(tasks: Iterable[Task], size: int) -> Iterator[Batch]:
    """The tasks in batches, as they come."""
    collected: list[Task] = []
    number = 0
    for task in tasks:
        collected.append(task)
        if len(collected) == size:
            yield Batch(number, collected)
            collected, number = [], number + 1
    if collected:
        yield Batch(number, collected)


_LARGEST_EFFORT = 4**10  # that is tried: of each kind here it takes minutes


def effort_for(kind: str, task_ms: float) -> int:
    """The effort with which a task costs so much on this Python; 1 for a kind whose tasks cost what they cost."""
    (batch,) = batches(make_tasks(20), 20)
    effort, took = 1, 0.0
    while took < 0.02:
        effort *= 4
        if effort > _LARGEST_EFFORT:
            return 1
        took = min(process_batch(Settings(kind, effort), batch).cpu_seconds for _ in range(2))
    return max(1, round(effort * task_ms / (took * 1000 / 20)))
