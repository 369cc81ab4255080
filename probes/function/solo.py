"""Calls one after the other: what one takes, by every clock. The plan and the summary are pure."""

from __future__ import annotations

import operator
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .channel import Channel, ProblemError
from .clocks import Meter, Reading
from .subject import Subject

BATCH_SECONDS = 0.002  # a sample takes at least this long, or so many ticks of the CPU clock
TICKS = 20
FAR_TOO_LONG_SECONDS = 0.1  # for a unit of many calls
MOST_PASSES = 60  # in a visit
LOW = 0.05  # of the samples of a unit have less CPU time than what counts
CACHED = 0.5  # repeated calls that take less than this part of the first ones: something is kept for each item
HOPELESS = 12  # calls that all raise


class Unit(NamedTuple):
    """A sample: these items, each so many times."""

    numbers: tuple[int, ...]
    repeat: int = 1

    @property
    def calls(self) -> int:
        """Calls in it."""
        return len(self.numbers) * self.repeat


class Sample(NamedTuple):
    """Seconds of a unit, as differences of readings."""

    wall: float
    cpu: float
    process: float
    children: float
    delay: float

    @property
    def helper(self) -> float:
        """CPU of other threads of the process."""
        return max(0.0, self.process - self.cpu)

    @property
    def wait(self) -> float:
        """What is neither computing nor lack of a CPU. It may come out a little under 0."""
        return self.wall - max(self.cpu, self.process) - self.delay

    @property
    def taken(self) -> float:
        """What it took, without lack of a CPU."""
        return max(self.cpu, self.wall - self.delay)

    @property
    def busy(self) -> float:
        """Computing and waiting."""
        return self.cpu + max(0.0, self.wait)


def sample_of(before: Reading, after: Reading) -> Sample:
    """What went by between two readings."""
    return Sample(*(b - a for a, b in zip(before, after)))  # noqa: B905  # Python 3.10 has strict, but this is hot


def plan(numbers: Sequence[int], call_seconds: float, seconds: float, tick_seconds: float) -> list[Unit]:
    """Units of items in an order that says nothing of them, few enough to be passed three times in the time given."""
    numbers = random.Random(0).sample(numbers, len(numbers))
    least = max(BATCH_SECONDS, TICKS * tick_seconds)
    if call_seconds >= least / 4:
        units = [Unit((number,)) for number in numbers]
    else:
        size = max(1, round(least / max(call_seconds, 1e-8)))
        if size >= len(numbers):
            return [Unit(tuple(numbers), -(-size // len(numbers)))]
        units = [Unit(tuple(numbers[at : at + size])) for at in range(0, len(numbers) - size + 1, size)]
    fit = seconds / (3 * max(call_seconds * units[0].calls, 1e-6))
    most = 4
    while most * 2 <= fit:
        most *= 2  # in steps, so that the next run takes the same items
    return units[:most]


def careful_seconds(subject: Subject, channel: Channel, unit: Unit) -> float | None:
    """The calls of a unit, each looked at: what one takes, where they take far longer than a unit should; else None."""
    begun = time.monotonic()
    for calls, number in enumerate(unit.numbers * unit.repeat, 1):
        channel.beat()
        subject.attempt(number)
        if (passed := time.monotonic() - begun) > FAR_TOO_LONG_SECONDS:
            return passed / calls
    return None


class Solo:
    """Calls alone, in several visits: a machine that is busy now may be quiet later."""

    def __init__(
        self, subject: Subject, channel: Channel, meter: Meter, units_for: Callable[[float], list[Unit]], seconds: float
    ) -> None:
        self._subject, self._channel, self._meter = subject, channel, meter
        self._units = self._warmed_up(units_for(seconds), units_for)
        self._taken: list[list[Sample]] = [[] for _ in self._units]
        self._calls = self._visits = 0

    def _warmed_up(self, units: list[Unit], units_for: Callable[[float], list[Unit]]) -> list[Unit]:
        """Units that take about as long as they should: the calls that their size comes from may have been easy ones.

        Python code gets faster by being run.
        """
        first = units[0]
        if first.calls == 1:
            return units
        tried = [Unit((0,), first.calls), *(units if len(units) == 1 else ())]
        for unit in tried:
            if (seconds := careful_seconds(self._subject, self._channel, unit)) is not None:
                return units_for(seconds)
        return units

    def visit(self, seconds: float, latest: float) -> dict[str, Any]:
        """Pass over the units for some time; the figures of the message `solo` so far, {} where every call raised.

        The first visit takes up to twice as long to have three samples, two of them of one unit if that may be; `latest`
        ends it in any case.
        """
        before = self._subject.errors.attempts
        end, last = time.monotonic() + seconds, time.monotonic() + 2 * seconds
        for _ in range(MOST_PASSES):
            if not self._pass(end, last, latest):
                break
        self._visits += 1
        self._calls += self._subject.errors.attempts - before
        found = summary(self._units, self._taken, delay_known=self._meter.delay.known)
        return {**found, "calls": self._calls} if found else {}

    def _pass(self, end: float, last: float, latest: float) -> bool:
        """One sample of each unit; whether there is time for more."""
        for unit, samples in zip(self._units, self._taken):  # noqa: B905
            self._channel.beat()
            sample = run_unit(self._subject, self._meter, unit)
            if sample is not None:
                samples.append(sample)
            hopeless(self._subject)
            now = time.monotonic()
            again = self._visits > 0 or any(len(each) > 1 for each in self._taken)
            enough = again or sum(map(len, self._taken)) >= 3
            if (now > end and again) or (now > last and enough) or now > latest:
                return False
        return True


def hopeless(subject: Subject, least: int = HOPELESS) -> None:
    """Raise ProblemError where there is no call that does not raise, among so many at least."""
    errors = subject.errors
    if errors.failed == errors.attempts and errors.attempts >= min(least, max(2, len(subject.items))):
        kind, first = next(iter(errors.kinds.items()))
        text = f"{subject.name} raises {kind} for every item tried ({errors.attempts})"
        text += f": {first['message']}" if first["message"] else ""
        raise ProblemError("raises_always", text, first["item"])


def run_unit(subject: Subject, meter: Meter, unit: Unit) -> Sample | None:
    """One sample; None where its only call raised."""
    if unit.calls == 1:
        number = unit.numbers[0]
        item = subject.fresh(number)
        before = meter()
        good, _ = subject.attempt_with(item, number)
        after = meter()
        return sample_of(before, after) if good else None
    items = [subject.fresh(number) for _ in range(unit.repeat) for number in unit.numbers]
    before = meter()
    failed = _run_all(subject.call, items, subject, unit.numbers)
    after = meter()
    return sample_of(before, after) if failed < unit.calls else None


def _run_all(call: Callable[[Any], Any], items: list[Any], subject: Subject, numbers: Sequence[int]) -> int:
    """Call with each; how many raised. The items are those of the numbers, again and again."""
    failed = 0
    ahead = iter(items)
    for item in ahead:
        try:
            call(item)
        except Exception as error:
            place = len(items) - operator.length_hint(ahead) - 1
            subject.errors.note(error, numbers[place % len(numbers)])
            failed += 1
    subject.errors.attempts += len(items)
    return failed


# What the samples come to ---------------------------------------------------------------------------------------------


def quantile(values: Sequence[float], part: float) -> float:
    """The value a part of the way up."""
    ordered = sorted(values)
    at = part * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def summary(units: Sequence[Unit], taken: Sequence[Sequence[Sample]], *, delay_known: bool) -> dict[str, Any]:
    """Per call, in ms. A unit counts by the middle of its passes, and all units as they are: a mean over items.

    CPU time is near the least, as what disturbs only makes it longer, by up to a half where a neighbour shares the core:
    `noise` is how far the middle lies above. The first pass is left out where there
    are others, unless those take far less: then it is the one that tells what a new item takes.
    """
    pairs = [(unit, list(samples)) for unit, samples in zip(units, taken) if samples]  # noqa: B905
    if not pairs:
        return {}
    cached = keeps_results(pairs)
    used = [(unit, samples[:1] if cached or len(samples) == 1 else samples[1:]) for unit, samples in pairs]
    calls = sum(unit.calls for unit, _ in used)

    def mean(part: float, read: Callable[[Sample], float]) -> float:
        return 1000 * sum(quantile([read(s) for s in samples], part) for _, samples in used) / calls

    def across(part: float, read: Callable[[Sample], float]) -> float:
        return 1000 * quantile([max(0.0, read(s)) / unit.calls for unit, samples in used for s in samples], part)

    figures = {
        "wall_ms": mean(0.5, lambda s: s.wall),
        "cpu_ms": mean(LOW, lambda s: s.cpu),
        "helper_ms": mean(0.25, lambda s: s.helper),
        "children_cpu_ms": mean(0.5, lambda s: s.children),
        "delay_ms": mean(0.5, lambda s: s.delay),
        "wait_ms": max(0.0, mean(0.5, lambda s: s.wait)),
        "cpu_p10_ms": across(0.1, lambda s: s.cpu),
        "cpu_p90_ms": across(0.9, lambda s: s.cpu),
        "wait_p10_ms": across(0.1, lambda s: s.wait),
        "wait_p90_ms": across(0.9, lambda s: s.wait),
    }
    noise = mean(0.5, lambda s: s.cpu) / max(figures["cpu_ms"], 1e-9) - 1
    counts = {"batch": max(unit.calls for unit, _ in used), "items": len({n for unit, _ in used for n in unit.numbers})}
    return {
        **{key: round(value, 6) for key, value in figures.items()},
        **counts,
        "passes": max(len(samples) for _, samples in pairs),
        "noise": round(noise, 4),
        "spread": _spread([samples for _, samples in used]),
        "cached": cached,
        "delay_known": delay_known,
    }


def keeps_results(pairs: Sequence[tuple[Unit, list[Sample]]]) -> bool:
    """Whether nearly all later calls on an item take far less than the first, for nearly all items."""
    twice = [samples for unit, samples in pairs if len(samples) > 1 and unit.repeat == 1]
    less = [quantile([s.busy for s in samples[1:]], 0.9) < CACHED * samples[0].busy for samples in twice]
    return sum(less) > 0.8 * len(less)


def _spread(taken: Sequence[Sequence[Sample]]) -> float | None:
    """How far repeated calls on the same items lie apart; None where nothing was repeated often enough."""
    found = []
    for samples in taken:
        busy = [sample.busy for sample in samples]
        if len(busy) >= 3 and statistics.median(busy) > 0:
            found.append((quantile(busy, 0.75) - quantile(busy, 0.25)) / statistics.median(busy))
    return round(statistics.median(found), 4) if found else None
