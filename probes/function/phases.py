"""The modes main and again: one phase after the other, each as long as there is time for it."""

from __future__ import annotations

import collections
import functools
import itertools
import statistics
import sys
import time
from typing import Any

from . import audit, gil, solo
from .channel import Channel
from .clocks import Meter, clock_tick_seconds
from .extensions import gil_module
from .loading import load
from .settings import Settings, guard_start
from .state import State, changed
from .values import Pickled, pickled

ITEMS = 200
WARM_CALLS = 3  # that are not among the solo calls, where there are other items
PICKLED = 8  # items and results
LONG_SECONDS = 1.0
QUICK_SECONDS = 0.0001  # a call that takes less needs no long run to be known
AFTER_START = 1 / 3  # of the budget, that calls have after the first of them
_TWO_RUNS = 2.0  # times as long as other runs: rounds of one thread and of two take four times what a share does


class Session:
    """A function that is measured, and the time there is for it."""

    def __init__(self, settings: Settings, channel: Channel) -> None:
        self.settings, self.channel = settings, channel
        begun = time.monotonic() - channel.passed
        self.latest, self.end = begun + settings.budget, begun + (settings.most or settings.budget)
        self.subject = load(settings, channel, settings.count or ITEMS)
        self.meter = Meter()
        self.call_seconds = 0.0
        self.solo: solo.Solo | None = None
        self.warm: list[solo.Sample] = []
        self.skipped: list[str] = []
        self.more_calls = 0  # of threads, whose errors are not counted
        self.state = State(self.subject.function)

    @property
    def slow(self) -> bool:
        """Whether each phase can have one call only."""
        return self.call_seconds > 1.0

    def started(self) -> None:
        """The first call is over: where it took long, there is some time for the others all the same, if there is any."""
        self.channel.guard()
        self.latest = min(self.end, max(self.latest, time.monotonic() + AFTER_START * self.settings.budget))

    def time_for(self, phase: str, seconds: float) -> bool:
        """Begin a phase if so many seconds are left, and the time of a call beside."""
        if time.monotonic() + seconds + self.call_seconds > self.latest:
            self.skipped.append(phase)
            return False
        self.channel.phase(phase)
        return True


def main(settings: Settings, channel: Channel) -> None:
    """Everything that one process can find."""
    session = Session(settings, channel)
    subject = session.subject
    pickle_items(session)
    looks = [session.state.look()]
    result = first_calls(session, looks)
    pickle_result(session, result)
    solo_calls(session)
    globals_written(session, looks)
    on_a_loop(session)
    beside_others(session)
    solo_calls_again(session)
    if session.time_for("audit", 0.0):
        channel.say(**audit.measure(subject, channel, 0.2 * settings.seconds))
    finish(session)


def again(settings: Settings, channel: Channel) -> None:
    """Calls alone and by two threads, under another Python or with other variables."""
    session = Session(settings, channel)
    first_calls(session, [])
    solo_calls(session)
    two_threads(session)
    solo_calls_again(session)
    finish(session)


def look(settings: Settings, channel: Channel) -> None:
    """Calls for whoever looks at the GIL from outside, and nothing else."""
    session = Session(settings, channel)
    first_calls(session, [])
    solo.hopeless(session.subject, 1)  # what only raises here does not show how it computes
    held(session)
    solo.hopeless(session.subject, 1)
    finish(session)


def finish(session: Session) -> None:
    """Say what is known at the end only."""
    errors = session.subject.errors
    session.channel.say(
        gil_after_run=gil.gil_on(),
        gil_module=gil_module(),
        errors=errors.kinds,
        errors_items=sorted(errors.items)[:50],
        attempts=errors.attempts,
        calls=errors.attempts + session.more_calls,
        skipped=session.skipped,
    )


# Pickling -------------------------------------------------------------------------------------------------------------


def pickle_items(session: Session) -> None:
    """The function and its items, as they would go to a worker."""
    session.channel.phase("pickle")
    subject = session.subject
    function = pickled(subject.function, session.settings.target)
    session.channel.say(
        function_pickles=function.error is None, function_pickle_error=function.error, function_pickle_kb=function.kb
    )
    found = []
    for number in range(min(PICKLED, len(subject.items) if subject.has_items else 0)):
        session.channel.beat()
        found.append(pickled(subject.items[number], f"item {number}", 0.2 / PICKLED))
    session.channel.say(**pickles("item", found), items_pickle=pickle_at_all(found) if found else True)


def pickle_result(session: Session, results: list[Any]) -> None:
    """What comes back from a worker."""
    session.channel.phase("pickle")
    found = [pickled(result, "result", 0.1) for result in results]
    types = {type(result).__name__ for result in results}
    session.channel.say(
        **pickles("result", found),
        result_pickles=pickle_at_all(found),
        result_type=", ".join(sorted(types)) or None,
    )


def pickle_at_all(found: list[Pickled]) -> bool | None:
    """Whether values pickle; None where they are too large to find out, or where there are none."""
    if any(each.error for each in found):
        return False
    return True if any(not each.large for each in found) else None


def pickles(name: str, found: list[Pickled]) -> dict[str, Any]:
    """Means over those that pickle, and the first error."""
    good = [each for each in found if each.error is None]
    good = [each for each in good if not each.large]
    means = {
        f"{name}_{key}": round(statistics.fmean(getattr(each, key) for each in good), 5) if good else None
        for key in ("kb", "buffers_kb", "dump_ms", "load_ms")
    }
    return {**means, f"{name}_pickle_error": next((each.error for each in found if each.error), None)}


# Calls alone ----------------------------------------------------------------------------------------------------------


def first_calls(session: Session, looks: list[Any]) -> list[Any]:
    """The first call, and as many as make it warm; their results. Sees which items calls change, and how long one takes."""
    subject, channel, meter = session.subject, session.channel, session.meter
    warm = min(WARM_CALLS, len(subject.items)) if subject.has_items else 1
    before = subject.digests(range(warm))
    subject.keep(range(warm))
    results, took = first_call(session)
    if looks:
        looks.append(session.state.look())
    if took[0] > LONG_SECONDS:
        first_was_long(session)
    for number in range(1, WARM_CALLS):
        channel.beat()
        if number > 1 and (took[0] > LONG_SECONDS or time.monotonic() + took[0] > session.latest):
            break
        start = meter()
        good, result = subject.attempt(number % len(subject.items))
        spent = solo.sample_of(start, meter())
        took.append(spent.taken)
        session.warm += [spent] if good else []
        results += [result] if good else []
    tried_if_all_raise(session, min(took))
    after = subject.digests(range(warm))
    changes = [number for number in range(warm) if after[number] != before[number]]
    if changes:
        subject.changes_items(warm)
    channel.say(mutated=changes, mutated_checked=warm if subject.has_items else 0)
    session.call_seconds = min(took[1:] or took)
    if session.call_seconds < QUICK_SECONDS:
        session.settings = session.settings._replace(seconds=session.settings.seconds / 2)
    solo.hopeless(subject)
    return results


def tried_if_all_raise(session: Session, call_seconds: float) -> None:
    """Where no call came to a result yet, call with each further item once: enough of them tell that there is nothing to measure."""
    subject, errors = session.subject, session.subject.errors
    while errors.failed == errors.attempts < min(solo.HOPELESS, len(subject.items)):
        session.channel.beat()
        if time.monotonic() + call_seconds > session.latest:
            break
        subject.attempt(errors.attempts)


def first_call(session: Session) -> tuple[list[Any], list[float]]:
    """The very first, in the way that its result asks for: its result, if it came to one, and the seconds that it took."""
    subject, channel, meter = session.subject, session.channel, session.meter
    channel.phase("first call")
    guard_start(session.settings, channel)
    loaded, start = set(sys.modules), meter()
    good, result = subject.attempt(0)
    if good and subject.understand(result):
        start = meter()
        good, result = subject.attempt(0)
    spent = solo.sample_of(start, meter())
    session.started()
    session.warm = [spent] if good else []
    channel.say(
        first_ms=round(1000 * spent.taken, 4),
        first_cpu_ms=round(1000 * max(spent.cpu, spent.process), 4),
        first_ok=good,
        first_imports=imported_since(loaded),
        coroutine=subject.coroutine,
        lazy="generator" if subject.lazy else None,
    )
    return [result] if good else [], [spent.taken]


def first_was_long(session: Session) -> None:
    """The first call may have imported, or warmed up: the next tells, whatever it takes. What is known is said before."""
    found = solo.summary([solo.Unit((0,))], [session.warm], delay_known=session.meter.delay.known)
    session.channel.say(solo={**found, "calls": 1} if found else None)
    session.channel.phase("second call")
    guard_start(session.settings, session.channel)


def imported_since(loaded: set[str]) -> list[str]:
    """Packages and modules that were imported since others were, the largest first, those of the standard library last."""
    names = collections.Counter(name.partition(".")[0] for name in sys.modules.keys() - loaded)

    def place(name: str) -> tuple[bool, int, str]:
        """Those of the standard library last; how many modules belong to it; the name."""
        return name in sys.stdlib_module_names or name.startswith("_"), -names[name], name

    return sorted(names, key=place)[:20]


def solo_calls(session: Session) -> None:
    """One call after the other."""
    subject, settings = session.subject, session.settings
    session.channel.phase("solo")
    tick = clock_tick_seconds()
    session.channel.say(clock_tick_ms=round(1000 * tick, 6))
    start = WARM_CALLS if len(subject.items) >= 2 * WARM_CALLS else 0
    numbers = range(start, len(subject.items))
    units_for = functools.partial(solo.plan, numbers, seconds=settings.seconds / 2, tick_seconds=tick)
    session.solo = solo.Solo(subject, session.channel, session.meter, units_for, session.call_seconds)
    if session.call_seconds > settings.seconds:
        found = slow_calls(session)
    else:
        found = session.solo.visit(settings.seconds / 2, session.latest - 2 * session.call_seconds)
        solo.hopeless(subject)
    if found:
        session.call_seconds = max(1e-8, found["cpu_ms"] / 1000, (found["wall_ms"] - found["delay_ms"]) / 1000)
    session.channel.say(solo=found or None, errors=subject.errors.kinds, attempts=subject.errors.attempts)


def slow_calls(session: Session) -> dict[str, Any]:
    """The figures where a call takes long: those after the first count, and one more if there is none."""
    samples = session.warm[1:]
    if len(samples) < 2 and time.monotonic() + 3 * session.call_seconds < session.latest:
        sample = solo.run_unit(session.subject, session.meter, solo.Unit((len(session.subject.items) - 1,)))
        samples += [sample] if sample is not None else []
    samples = samples or session.warm
    units = [solo.Unit((number,)) for number in range(len(samples))]
    found = solo.summary(units, [[each] for each in samples], delay_known=session.meter.delay.known)
    return {**found, "calls": len(samples)} if found else {}


def solo_calls_again(session: Session) -> None:
    """More of them, at another moment, where calls are short enough for it."""
    seconds = session.settings.seconds / 4
    if session.solo is not None and session.call_seconds < seconds / 2 and session.time_for("solo", seconds):
        session.channel.say(solo=session.solo.visit(seconds, session.latest - session.call_seconds) or None)


def globals_written(session: Session, looks: list[Any]) -> None:
    """Which globals the first call changed, which later ones, and which again."""
    subject = session.subject
    session.channel.phase("globals")
    looks.append(session.state.look())
    for number in range(1 if session.slow else 2):  # two windows: one alone may write what was there before
        if time.monotonic() + 2 * session.call_seconds < session.latest:
            session.channel.beat()
            subject.attempt((WARM_CALLS + number) % len(subject.items))
            looks.append(session.state.look())
    left = session.state.left_out
    first, later, *again = (changed(a, b, left) for a, b in itertools.pairwise(looks))
    session.channel.say(
        globals_first=first,
        globals_later=later,
        globals_again={name: how for each in again for name, how in each.items()} if again else None,
        globals_left_out=sorted(left)[:20],
    )


# Beside others --------------------------------------------------------------------------------------------------------


def on_a_loop(session: Session) -> None:
    """What a coroutine function does to its loop."""
    if session.subject.coroutine and session.time_for("loop", 4 * session.call_seconds):
        from . import awaits

        session.channel.say(steps=awaits.measure(session.subject, session.channel, 0.6 * session.settings.seconds))


def beside_others(session: Session) -> None:
    """How it holds the GIL, if there is one, and what two threads come to."""
    subject, channel, settings = session.subject, session.channel, session.settings
    if held(session):
        solo_calls_again(session)
    least = 1 if session.slow else 3
    if gil.gil_on() and session.time_for("probe", 0.4 * settings.seconds + least * session.call_seconds):
        channel.say(probe=gil.beside(subject, channel, session.meter, 0.4 * settings.seconds, least))
    two_threads(session)


def held(session: Session) -> bool:
    """Calls while somebody looks at the GIL from outside; whether there were any."""
    stop = session.settings.stop
    if not stop or not gil.gil_on() or not session.time_for("held", 1.0 + session.call_seconds):
        return False
    latest = session.latest - session.call_seconds
    session.channel.say(held_run=gil.call_until(session.subject, session.channel, session.meter, stop, latest))
    return True


def two_threads(session: Session) -> None:
    """Two threads against one: on items of their own, and, where no GIL makes them take turns, on the same item."""
    subject, channel, call_seconds = session.subject, session.channel, session.call_seconds
    found: dict[str, Any] = {}
    ways: tuple[bool, ...] = (False,) if gil.gil_on() or subject.mutates or not subject.has_items else (False, True)
    seconds = _TWO_RUNS * session.settings.seconds / len(ways)
    for same in ways:
        name = "same" if same else "own"
        if session.time_for("two threads", seconds + 6 * call_seconds):
            found[name], calls = gil.two_threads(subject, channel, call_seconds, seconds, same=same)
            session.more_calls += calls
    channel.say(two=found)
