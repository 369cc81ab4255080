"""How a function holds the GIL: calls for whoever looks from outside, a thread beside it, and two threads that run it."""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from .channel import Channel
from .clocks import LINUX, Delay, Meter, resource
from .extensions import gil_on
from .solo import Sample, sample_of
from .subject import Subject

MOST_LATE_SECONDS = 1.0  # that a waking under way is waited for
NAP_SECONDS = 0.001  # of the thread beside it
LATE_SECONDS = 0.0003
SWITCH_SECONDS = 0.001  # the interval meanwhile: Python code is told from native code that holds the GIL longer
WAITS_FOR_THE_GIL = (
    5  # in one waking: the nap is one, and each switch interval that the GIL is not handed over is one more
)
IDLE_SECONDS = 0.08
MOST_ROUNDS = 6
_LONGEST_ROUND = 6  # times what a thread alone takes for one share
MOST_FREE_ROUNDS = 3  # long ones: threads that get in each other's way must really run at the same time
HELD_SECONDS = 6.0  # that calls go on for whoever looks, if nobody says that it is enough


# For whoever looks from outside ---------------------------------------------------------------------------------------


def call_until(subject: Subject, channel: Channel, meter: Meter, stop: str, latest: float) -> dict[str, Any]:
    """Call again and again until a file is there: the message `held_run`."""
    begun, calls, looked = meter(), 0, 0.0
    end = min(time.monotonic() + HELD_SECONDS, latest)
    while True:
        number = calls % len(subject.items)
        subject.attempt(number)
        calls += 1
        now = time.monotonic()
        if now - looked > 0.005:
            channel.beat()
            looked = now
            if now > end or os.path.exists(stop):
                break
    went = sample_of(begun, meter())
    share = max(0.0, 1 - (max(went.cpu, went.process) + went.delay) / max(went.wall, 1e-9))
    return {
        "calls": calls,
        "wall_s": round(went.wall, 4),
        "cpu_s": round(went.cpu, 4),
        "delay_s": round(went.delay, 4),
        "wait_share": round(share, 4),
    }


# A thread beside it ---------------------------------------------------------------------------------------------------


def waits_of_thread() -> int:
    """How often this thread gave up its CPU to wait (Linux); else 0."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw if LINUX and resource is not None else 0


class _Napper:
    """A thread that sleeps a little, again and again, and notes how late it got to run."""

    def __init__(self, watched: int) -> None:
        self.late: list[tuple[float, float]] = []  # seconds: without those it had no CPU itself; nor the watched thread
        self._watched, self._stop, self._ready = watched, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(5)

    def _run(self) -> None:
        own, other = Delay(), Delay(self._watched)
        self._ready.set()
        while not self._stop.is_set():
            begun, lacked, others, waits = time.perf_counter(), own(), other(), waits_of_thread()
            time.sleep(NAP_SECONDS)
            late = time.perf_counter() - begun - NAP_SECONDS
            if waits_of_thread() - waits < WAITS_FOR_THE_GIL:  # else it waited for the GIL while it also had no CPU
                late -= own() - lacked
            self.late.append((max(0.0, late), max(0.0, late - (other() - others))))
        own.close()
        other.close()

    def taken(self) -> list[tuple[float, float]]:
        """What it noted since it was asked the last time."""
        found, self.late = self.late, []
        return found

    def next_ones(self) -> list[tuple[float, float]]:
        """What it notes next: where it has not come to run since, the waking under way is the one that counts."""
        end = time.monotonic() + MOST_LATE_SECONDS
        while not self.late and time.monotonic() < end:
            time.sleep(NAP_SECONDS)
        return self.taken()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(1)


def beside(subject: Subject, channel: Channel, meter: Meter, seconds: float, least: int) -> dict[str, Any]:
    """The message `probe`: how late a thread wakes beside calls that go on for some time, so many at least."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    napper = _Napper(threading.get_native_id())
    try:
        time.sleep(IDLE_SECONDS)
        idle = napper.taken()
        begun, calls = meter(), 0
        end = time.monotonic() + seconds
        while time.monotonic() < end or calls < least:
            channel.beat()
            subject.attempt(calls % len(subject.items))
            calls += 1
        went = sample_of(begun, meter())
        late = napper.taken() or napper.next_ones()
    finally:
        napper.stop()
        sys.setswitchinterval(interval)
    return {**lateness(late, idle, calls), "cpu_share": round(went.cpu / max(went.wall - went.delay, 1e-9), 3)}


def lateness(wakings: Sequence[tuple[float, float]], idle: Sequence[tuple[float, float]], calls: int) -> dict[str, Any]:
    """What the wakings come to. The longest hold is the second longest of many: one alone may be an accident.

    A waking is late by (seconds without its own lack of a CPU, those without that of the thread that computes, too): a
    thread that holds the GIL and has no CPU makes others late, but holds it no longer by itself.
    """
    longest = sorted((hold for _, hold in wakings), reverse=True)[:5]
    late = [each for each, _ in wakings]
    second = len(longest) > 1 and calls >= 10
    return {
        "late_share": round(sum(each > LATE_SECONDS for each in late) / len(late), 3) if late else None,
        "idle_late_share": round(sum(each > LATE_SECONDS for each, _ in idle) / len(idle), 3) if idle else None,
        "hold_ms": round(1000 * longest[1 if second else 0], 2) if longest else None,
        "holds_ms": [round(1000 * each, 2) for each in longest],
        "switch_ms": 1000 * SWITCH_SECONDS,
        "samples": len(wakings),
        "calls": calls,
    }


# Two threads ----------------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """What one thread did: a sample of all its calls, how many they were, and how many raised."""

    sample: Sample
    calls: int
    errors: int = 0


Round = tuple[list[Run], list[Run]]  # one thread, then two


class Stint(NamedTuple):
    """The calls of one thread in a round: so many, from a place in the items on, or all of one item where that is fixed."""

    start: int
    count: int
    fixed: bool


def two_threads(
    subject: Subject, channel: Channel, call_seconds: float, seconds: float, *, same: bool
) -> tuple[dict[str, Any], int]:
    """One half of the message `two`, and the calls that it took: rounds of one thread, then two that share its calls.

    Both have the same items, as some may take longer than others, and each round has the next ones.
    """
    most = MOST_ROUNDS if gil_on() else MOST_FREE_ROUNDS
    span = min(max(seconds / (4 * most), 2.5 * call_seconds), 2.0 + call_seconds)
    count = max(1, int(span / max(call_seconds, 1e-7)))
    rounds: list[Round] = []
    end, start = time.monotonic() + seconds, 0
    while not rounds or (time.monotonic() + 4 * (span + call_seconds) < end and len(rounds) < most):
        first, second = (Stint(start + offset, count, same) for offset in (0, 0 if same else count))
        alone = _together(subject, channel, call_seconds, span, [first._replace(count=2 * count)])
        rounds.append((alone, _together(subject, channel, call_seconds, span, [first, second])))
        start += 0 if same else 2 * count
    runs = [run for alone, two in rounds for run in (*alone, *two)]
    return {**compared(rounds), "errors": sum(run.errors for run in runs)}, sum(run.calls for run in runs)


def compared(rounds: Sequence[Round]) -> dict[str, Any]:
    """What two threads take against one, call by call: medians over that half of the rounds that had most of the CPUs."""
    apart = sorted(rounds, key=_lack)[: -(-len(rounds) // 2)]
    blocked, ratios, speedups = [], [], []
    for (one,), two in apart:
        calls = sum(run.calls for run in two)
        cpu_alone, cpu = one.sample.cpu / one.calls, sum(run.sample.cpu for run in two) / calls
        wait_alone = _blocked(one) / one.calls
        wait = sum(map(_blocked, two)) / calls
        blocked.append((wait - wait_alone) / max(cpu, 1e-9))
        ratios.append(cpu / max(cpu_alone, 1e-9))
        speedups.append(2 * (cpu_alone + wait_alone) / max(cpu + wait, 1e-9))
    return {
        "blocked_share": round(statistics.median(blocked), 3),
        "cpu_ratio": round(statistics.median(ratios), 3),
        "speedup": round(statistics.median(speedups), 3),
        "lack": round(statistics.median(map(_lack, apart)), 3),
        "rounds": len(rounds),
    }


def _blocked(run: Run) -> float:
    """Seconds that a thread neither computed nor lacked a CPU."""
    return max(0.0, run.sample.wall - run.sample.cpu - run.sample.delay)


def _lack(both: Round) -> float:
    """The part of their time that the two threads lacked a CPU: then they hardly ran at the same time."""
    two = both[1]
    return sum(run.sample.delay for run in two) / max(1e-9, sum(run.sample.wall for run in two))


def _together(
    subject: Subject, channel: Channel, call_seconds: float, span: float, stints: Sequence[Stint]
) -> list[Run]:
    """Threads that each do their stint; after six times what it should take they stop where they are."""
    barrier, stop = threading.Barrier(len(stints) + 1), threading.Event()
    runs: list[Run] = []
    batch = max(1, int(0.001 / max(call_seconds, 1e-7)))

    def run(stint: Stint) -> None:
        call, meter, calls, errors, size = subject.caller(), Meter(), 0, 0, 1
        barrier.wait()
        before = meter()
        while calls < stint.count and not (calls and stop.is_set()):
            for step in range(calls, min(calls + size, stint.count)):
                number = stint.start if stint.fixed else stint.start + step
                try:
                    call(subject.fresh(number % len(subject.items)))
                except Exception:
                    errors += 1
            calls = min(calls + size, stint.count)
            size = min(batch, 2 * size)  # there may be items that take long
        runs.append(Run(sample_of(before, meter()), calls, errors))
        meter.delay.close()

    threads = [threading.Thread(target=run, args=(stint,), daemon=True) for stint in stints]
    for thread in threads:
        thread.start()
    barrier.wait()
    channel.guard(_LONGEST_ROUND * span + channel.call_seconds)
    end = time.monotonic() + _LONGEST_ROUND * span
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    stop.set()
    for thread in threads:
        thread.join()
    channel.beat()
    return runs
