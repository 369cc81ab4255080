"""Processors of several kinds: what of each there is, and the way of a task through the kinds.

In a pipeline a task goes through the kinds one after the other; side by side, all kinds have it at the same time. Each
kind looks at the task as it was read, so both ways give the same: a value for each kind, in their order. A task that
fails at one kind fails as a whole, with the error of the first kind in their order at which it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from tasks import KINDS, Batch, Malformed, Outcome, summary

ARRANGEMENTS = ("pipeline", "side-by-side")
_MOST_PROCESSORS = 10_000  # of a kind


class Part(NamedTuple):
    """Of one kind: how many processors there are, and what a task costs them (None: as everywhere)."""

    kind: str
    processors: int
    task_ms: float | None = None


def parts_of(text: str) -> tuple[Part, ...]:
    """`validate=2,process=1:0.5`: two validators, and a processor whose tasks cost half a millisecond; else ValueError."""
    parts = tuple(_part(word.strip()) for word in text.split(","))
    kinds = [part.kind for part in parts]
    if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
        raise ValueError(f"{twice} is there twice: name a kind once, with all its processors")
    return parts


def _part(word: str) -> Part:
    kind, _, rest = word.partition("=")
    number, colon, cost = rest.partition(":")
    if kind not in KINDS:
        raise ValueError(f"{word!r} has no kind that there is ({', '.join(KINDS)}): write KIND=N, such as validate=2")
    if not (number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= _MOST_PROCESSORS):
        raise ValueError(f"{word!r} does not say how many processors: write {kind}=N, N from 1 to {_MOST_PROCESSORS:,}")
    return Part(kind, int(number), _cost(word, cost) if colon else None)


def _cost(word: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise ValueError(f"{word!r}: what a task costs is a number of milliseconds above 0, such as :0.5")
    return value


class Flow(Protocol):
    """What becomes of a batch that was read, and of one that was done."""

    def begin(self, batch: Batch) -> list[Batch]:
        """What there is to do for a batch that was read."""

    def go_on(self, batch: Batch, outcomes: Sequence[Outcome]) -> tuple[list[Outcome], list[Batch]]:
        """Outcomes of tasks of a batch, none of which is tried again: which tasks have ended, and what is to be done now."""


class OneKind:
    """A task is done by one processor, and has ended then."""

    def begin(self, batch: Batch) -> list[Batch]:
        """The batch."""
        return [batch]

    def go_on(self, batch: Batch, outcomes: Sequence[Outcome]) -> tuple[list[Outcome], list[Batch]]:  # noqa: ARG002
        """All have ended."""
        return [*outcomes], []


class Pipeline:
    """One kind after the other. What the kinds before have found is kept here, and does not travel."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds = kinds
        self._values: dict[int, tuple[Any, ...]] = {}

    def begin(self, batch: Batch) -> list[Batch]:
        """To the first kind."""
        return [batch._replace(kind=self._kinds[0])]

    def go_on(self, batch: Batch, outcomes: Sequence[Outcome]) -> tuple[list[Outcome], list[Batch]]:
        """What is done goes to the next kind, if there is one; what failed, and what the last kind has done, has ended."""
        place = self._kinds.index(batch.kind)
        last = place == len(self._kinds) - 1
        ended, further = [], set()
        for outcome in outcomes:
            values = self._values.pop(outcome.number, ())
            if outcome.status != "done":
                ended.append(_failed(batch, outcome))
            elif last:
                ended.append(outcome._replace(value=(*values, outcome.value)))
            else:
                self._values[outcome.number] = (*values, outcome.value)
                further.add(outcome.number)
        tasks = [task for task in batch.tasks if task.number in further]
        return ended, [Batch(batch.number, tasks, 1, self._kinds[place + 1])] if tasks else []


class SideBySide:
    """All kinds at once: a task has ended when each of them has said what came of it."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds = kinds
        self._found: dict[int, dict[str, Outcome]] = {}

    def begin(self, batch: Batch) -> list[Batch]:
        """To every kind."""
        return [batch._replace(kind=kind) for kind in self._kinds]

    def go_on(self, batch: Batch, outcomes: Sequence[Outcome]) -> tuple[list[Outcome], list[Batch]]:
        """Those of which this was the last kind that had not answered."""
        ended = []
        for outcome in outcomes:
            found = self._found.setdefault(outcome.number, {})
            found[batch.kind] = outcome if outcome.status == "done" else _failed(batch, outcome)
            if len(found) == len(self._kinds):
                ended.append(self._joined(outcome.number))
        return ended, []

    def _joined(self, number: int) -> Outcome:
        found = self._found.pop(number)
        ordered = [found[kind] for kind in self._kinds]
        values = tuple(outcome.value for outcome in ordered)
        return next((it for it in ordered if it.status != "done"), Outcome(number, "done", values))


def _failed(batch: Batch, outcome: Outcome) -> Outcome:
    """With the kind at which it failed; a todo that could not be read has failed before."""
    unread = any(task.number == outcome.number and isinstance(task, Malformed) for task in batch.tasks)
    return outcome if unread else outcome._replace(error=f"{batch.kind}: {outcome.error}")


def flow_of(kinds: Sequence[str], arrangement: str) -> Flow:
    """The way through these kinds; without kinds, or with one, there is none."""
    if not kinds:
        return OneKind()
    return Pipeline(kinds) if arrangement == "pipeline" else SideBySide(kinds)


def summary_of(kinds: Sequence[str], values: Iterable[Any]) -> dict[str, int]:
    """What the values of a crew of several kinds come to: the numbers of each kind, after its name."""
    rows = list(values)
    columns = {kind: [row[place] for row in rows] for place, kind in enumerate(kinds)}
    return {
        f"{kind} {name}": count for kind, column in columns.items() for name, count in summary(kind, column).items()
    }
