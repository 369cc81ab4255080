"""What a call takes in memory: the peak of the process and of the child processes it starts."""

from __future__ import annotations

import sysconfig
import threading
import time

from .channel import Channel
from .clocks import children_mb, forget_peak, give_back, peak_mb, resident_mb
from .loading import load
from .settings import Settings, guard_start
from .subject import Subject

ITEMS = 200
MOST_CALLS = 6
LOOK_SECONDS = 0.01


class Children:
    """Watches what child processes take; a context that knows the most afterwards."""

    def __init__(self) -> None:
        self.most = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Children:  # noqa: PYI034  # typing.Self is of 3.11
        self.most = 0.0
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(1)

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.most = max(self.most, children_mb())


def memory(settings: Settings, channel: Channel) -> None:
    """The mode memory: calls one after the other, each weighed; with count 0 none."""
    subject = load(settings, channel, settings.count or ITEMS)
    channel.phase("memory")
    guard_start(settings, channel)
    calls = 0 if settings.count == 0 else min(MOST_CALLS, max(2, len(subject.items)))
    end, taken = time.monotonic() + settings.seconds, []
    give_back()
    base = resident_mb()
    for number in range(calls):
        channel.beat()
        if number > 1 and time.monotonic() > end:
            break
        taken.append(weigh(subject, number % len(subject.items)))
        if number == 0:
            channel.guard()
    give_back()
    left = resident_mb()
    channel.say(
        **figures(taken, free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED"))),
        kept_mb=None if base is None or left is None else round(max(0.0, left - base), 2),
        peak_mb=peak_mb(),
        calls=len(taken),
    )


def figures(taken: list[float | None], *, free_threaded: bool) -> dict[str, float | None]:
    """The first call's memory and that of later ones. Free-threaded builds keep what was freed, so their first counts, too."""
    known = [each for each in taken if each is not None]
    if len(known) < 2 or len(known) < len(taken):
        return {"first_mb": None, "task_mb": None}
    later = max(known[0 if free_threaded else 1 :])
    return {"first_mb": round(known[0], 2), "task_mb": round(later, 2)}


def weigh(subject: Subject, number: int) -> float | None:
    """The peak of a call over what was there before it, in MB; None where the system does not tell."""
    item = subject.fresh(number)
    give_back()
    with Children() as children:
        before, can = resident_mb(), forget_peak()
        subject.attempt_with(item, number)
        after = peak_mb()
    if not can or before is None or after is None:
        return None
    return max(0.0, after - before) + children.most
