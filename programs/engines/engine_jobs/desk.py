"""Tasks that are out, and what has become of them: what was lost is put out again, so that none is."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine_jobs.crew import CannotGoOnError
from engine_jobs.keeping import Begun, Keeping
from engine_jobs.plan import Plan, Record, Sender, Task
from engine_jobs.work import MOST_BEGINS, clean, given_up, is_gone

_ENGINES_TURN_SECONDS = 1.0  # in which the engine itself may give a lost task to another worker
_IDLE_SECONDS = 2.0  # in which nothing waits, nobody works and nothing comes: what is missing has gone
_LOOK_SECONDS = 0.25
_BROKER_SECONDS = 30.0  # for a broker to be there again
_AT_A_TIME = 50


class Desk:
    """The submitter's books. `now` is a clock in Unix seconds; `pause` waits; `revive` starts a broker again that has ended."""

    def __init__(
        self,
        plan: Plan,
        kept: Keeping,
        sender: Sender,
        *,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], object] = time.sleep,
        gone: Callable[[str], bool] = is_gone,
        revive: Callable[[], object] = lambda: None,
    ) -> None:
        self.plan, self.kept, self.sender = plan, kept, sender
        self._now, self._pause, self._gone, self._revive = now, pause, gone, revive
        self._away: tuple[type[Exception], ...] = (OSError, *sender.errors)
        self.out: dict[str, Task] = {}
        self.submitted_again = 0
        self.submit_seconds = 0.0
        self._again: dict[str, int] = {}  # how often what nobody had begun was submitted again
        self._suspects: dict[tuple[str, int], float] = {}  # begun by somebody who is gone: seen first when
        self._stirred = now()  # when something happened
        self._looked = 0.0

    def submit(self, tasks: list[Task], between: Callable[[], object] = lambda: None) -> None:
        """Put tasks out, some at a time; `between` is called before each of these parts."""
        for start in range(0, len(tasks), _AT_A_TIME):
            between()
            part = tasks[start : start + _AT_A_TIME]
            self.out.update((task.key, task) for task in part)
            begun = time.perf_counter()
            self._send(part)
            self.submit_seconds += time.perf_counter() - begun
            self._stirred = self._now()

    def news(self) -> list[Record]:
        """What has come of tasks that are out, each once; they are no longer out then."""
        for record in self.sender.arrived():
            self.kept.put(record)
        found = [record for record in self.kept.news() if self.out.pop(record.key, None) is not None]
        if found:
            self._stirred = self._now()
        return found

    def look_after(self) -> int:
        """With safe settings, put out again what was lost; how many that are. To be called often: it looks now and then."""
        now = self._now()
        if now - self._looked < _LOOK_SECONDS or not self.plan.safe or not self.out:
            return 0
        self._looked = now
        lost = self._lost_with_workers(now)
        if not lost and self._is_idle(now, _IDLE_SECONDS):
            lost = self._never_begun()
        if lost:
            self._send(lost)
            self._stirred = now
            self.submitted_again += len(lost)
        return len(lost)

    def nothing_more_comes(self, seconds: float) -> bool:
        """Whether nothing has happened, nor waits or is worked on, for as long as that."""
        return bool(self.out) and self._is_idle(self._now(), seconds)

    def _lost_with_workers(self, now: float) -> list[Task]:
        """What was begun by a process that is gone, and not taken up by another since."""
        suspects = {(b.key, b.times): b for b in self.kept.begun() if b.key in self.out and self._is_lost(b, now)}
        self._suspects = {which: self._suspects.get(which, now) for which in suspects}
        lost = []
        for (key, times), since in list(self._suspects.items()):
            if now - since < _ENGINES_TURN_SECONDS:
                continue
            if times >= MOST_BEGINS:
                self.kept.put(given_up(key))
            else:
                lost.append(self.out[key])
                self._suspects[key, times] = now + self.plan.visibility_seconds  # it is out again: give it time
        return lost

    def _is_lost(self, begun: Begun, now: float) -> bool:
        return self._gone(begun.owner) or now - begun.at > self.plan.visibility_seconds

    def _is_idle(self, now: float, seconds: float) -> bool:
        """Whether nothing has come for a while, nothing waits, and nobody alive has begun a task that is out."""
        if now - self._stirred < seconds:
            return False
        if self._waits() or any(b.key in self.out and not self._is_lost(b, now) for b in self.kept.begun()):
            self._stirred = now
            return False
        return True

    def _waits(self) -> bool:
        """Whether something is in the broker; one that is away may have all of it."""
        try:
            return self.sender.waiting() > 0
        except self._away:
            return True

    def _never_begun(self) -> list[Task]:
        """All that is out. What was so three times before is given up."""
        for key in self.out:
            self._again[key] = self._again.get(key, 0) + 1
            if self._again[key] > MOST_BEGINS:
                said = f"it was submitted {self._again[key]} times, and no worker began it"
                self.kept.put(Record(key, False, said, self._now()))
        return [task for key, task in self.out.items() if self._again[key] <= MOST_BEGINS]

    def _send(self, tasks: list[Task]) -> None:
        """Through a broker that may be away for a moment; then some may get there twice, which does no harm."""
        until = self._now() + _BROKER_SECONDS
        while (error := self._sent(tasks)) is not None:
            if self._now() > until:
                raise CannotGoOnError(clean(f"the broker cannot be reached: {error}"))
            self._revive()  # nobody else looks after it while we wait
            self._pause(0.2)

    def _sent(self, tasks: list[Task]) -> Exception | None:
        try:
            self.sender.submit(tasks)
        except self._away as error:
            return error
        return None
