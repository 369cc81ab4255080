"""The race between threads that hand in results: a collector without a lock loses some, those of `collecting` lose none.

It is shown beside the system and is no part of it: a coordinator would wait for what was lost.
"""

from __future__ import annotations

import json
import sys
import sysconfig
import textwrap
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from collecting import COLLECTORS
from text import WIDTH, plural, print_whole

_SWITCH_SECONDS = 1e-5  # with the GIL, threads change places after so long
_PATIENCE_SECONDS = 0.05  # for the next result, before the reader looks whether there will be more


class UnguardedResults:
    """A place for every result, and nobody who guards them.

    Two threads may read the same free place: both write there, and the result of the first is gone.
    """

    def __init__(self, places: int) -> None:
        self._places: list[Any] = [None] * places
        self._free = 0

    def add(self, processor: int, message: Any) -> None:  # noqa: ARG002  # all share the places
        """Read which place is free, write there, say that the next one is free: three steps."""
        place = self._free
        self._places[place] = message
        self._free = place + 1

    def arrived(self) -> Iterator[Any]:
        """What is there, when all have ended."""
        return (message for message in self._places if message is not None)


class UnguardedWithACall(UnguardedResults):
    """The same with a call between reading and writing, where the GIL, too, may let another thread go on."""

    def add(self, processor: int, message: Any) -> None:  # noqa: ARG002  # all share the places
        """Read, call, write."""
        place = self._free
        self._places[place] = message
        self._free = _following(place)


def _following(place: int) -> int:
    return place + 1


class Raced(NamedTuple):
    """What came of one collector: how many results were handed in, how many of them arrived, and how long it took."""

    collector: str
    handed_in: int
    arrived: int
    seconds: float

    @property
    def lost(self) -> int:
        """Those that never arrived; one that arrives twice would be less than none."""
        return self.handed_in - self.arrived


UNGUARDED: dict[str, type[UnguardedResults]] = {"no lock": UnguardedResults, "no lock, a call": UnguardedWithACall}


def race(options: Namespace) -> int:
    """Race with every collector, and say what was lost; returns the exit code: 0 unless a guarded one lost some."""
    with _changing_places_often():
        raced = [unguarded(name, options.processors, options.results) for name in UNGUARDED]
        raced += [guarded(name, options.processors, options.results) for name in COLLECTORS]
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    if options.json:
        rows = [{**it._asdict(), "lost": it.lost} for it in raced]
        print_whole(json.dumps({"python": _version(), "gil": gil, "threads": options.processors, "collectors": rows}))
    else:
        print("\n".join(_told(raced, options.processors, gil=gil)))
    return int(any(it.lost for it in raced if it.collector in COLLECTORS))


def unguarded(name: str, threads: int, results: int) -> Raced:
    """Let threads hand in so many results each, without a lock."""
    collector = UNGUARDED[name](threads * results)
    began = time.perf_counter()
    for thread in _started(collector.add, threads, results):
        thread.join()
    seconds = time.perf_counter() - began
    return Raced(name, threads * results, len(set(collector.arrived())), seconds)


def guarded(name: str, threads: int, results: int) -> Raced:
    """The same with a collector of the system, and a reader who takes them meanwhile, as the coordinator does."""
    collector = COLLECTORS[name]()
    began = time.perf_counter()
    running = _started(collector.add, threads, results)
    arrived: list[Any] = []
    while True:
        ended = not any(thread.is_alive() for thread in running)  # before looking: what is not there now, never will be
        message = collector.next(_PATIENCE_SECONDS if not ended else 0.0)
        if message is not None:
            arrived.append(message)
        elif ended:
            break
    seconds = time.perf_counter() - began
    distinct = len(set(arrived))
    return Raced(name, threads * results, distinct - (len(arrived) - distinct), seconds)


def _started(add: Callable[[int, Any], None], threads: int, results: int) -> list[threading.Thread]:
    """Threads that begin together; each hands in its number and that of the result."""
    ready = threading.Barrier(threads)

    def hand_in(processor: int) -> None:
        ready.wait()
        for number in range(results):
            add(processor, (processor, number))

    running = [threading.Thread(target=hand_in, args=(processor,), daemon=True) for processor in range(threads)]
    for thread in running:
        thread.start()
    return running


@contextmanager
def _changing_places_often() -> Iterator[None]:
    """With the GIL a thread goes on for 5 ms before another may: what happens between two steps is rare. Here it is less so."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _version() -> str:
    return sys.version.split()[0] + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")


_NO_LOCK = (
    "No lock: a thread reads which place is free, writes there, and says that the next one is. Where another reads in "
    "between, both write to the same place, and one result is gone. Nobody sees an error."
)
_LOCKS = "A lock makes the three steps one; a queue has a lock of its own; with merge, each thread has its own place."


def _told(raced: list[Raced], threads: int, *, gil: bool) -> Iterator[str]:
    yield f"Python {_version()}, the GIL is {'on' if gil else 'off'}"
    yield f"{plural(threads, 'thread')} hand in {plural(raced[0].handed_in // threads, 'result')} each, and change places every 0.01 ms:"
    for it in raced:
        yield f"  {it.collector:16} {it.lost:9,} of {it.handed_in:,} lost   {it.seconds:.2f} s"
    for said in (_NO_LOCK, _why(raced[0].lost, raced[1].lost, gil=gil), _LOCKS):
        yield textwrap.fill(said, WIDTH)


def _why(without: int, with_a_call: int, *, gil: bool) -> str:
    """Why the two collectors without a lock lost what they did."""
    if gil:
        return (
            "With the GIL, threads change places only at calls and between the rounds of a loop, and every 5 ms if nobody "
            f"changes that. The first collector has neither between its steps: it lost {without:,}, which is luck, as no "
            f"documentation promises it. The second has a call there: it lost {with_a_call:,}, rarely at 5 ms, and many "
            "then, as all that others put in meanwhile is written over. A free-threaded Python shows both."
        )
    if without:
        return (
            "Without the GIL, threads are between these steps at the same time, all the time: what worked with the GIL, "
            "by luck, loses results here."
        )
    return "This time nothing was lost: threads meet only where each has a CPU. Try again, with more --results."
