"""Runs a system: lets items in, waits for the end or Ctrl-C, lets what is on its way be done, and tells what each part did."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from stages import Count, LoopStage, Part, Stage, Work, _leave, stage_for
from standing_in import steps_for

_WARM_UP = 0.2  # of a run of some seconds, before it counts: queues fill up first
_GRACE_SECONDS = 20.0  # for what is on its way
_LOOK_SECONDS = 0.05
_ALONE_SHARE = 0.5  # of --measure, for all parts one after the other


class Pace(NamedTuple):
    """How long to run (None: to the end), and whether as many items enter as the parts can take."""

    seconds: float | None
    flat_out: bool


class Row(NamedTuple):
    """What a part did in the time that counts: `busy` is the share of that time in which its workers worked."""

    name: str
    done: int
    errors: int
    per_second: float
    busy: float
    last_error: str


class Measured(NamedTuple):
    """A run: the seconds that count, and what each part did in them."""

    seconds: float
    rows: list[Row]
    drained: bool  # what was on its way has been done


async def run_parts(parts: Sequence[Part], work: Work, pace: Pace, stop: threading.Event) -> Measured:
    """Run parts together, those that no other of them feeds being the sources."""
    stages = {part.name: stage_for(part, work) for part in parts}
    fed = set()
    for part in parts:
        for name, each in part.feeds:
            if name in stages:
                stages[part.name].out.append((stages[name], each))
                fed.add(name)
    for stage in stages.values():
        await stage.start()
    ended = threading.Event()
    feeds = [asyncio.create_task(_let_in(s, pace, ended)) for name, s in stages.items() if name not in fed]
    ordered = list(stages.values())
    begun, before = time.perf_counter(), [stage.count for stage in ordered]
    if pace.seconds is not None:
        await _wait(stop, feeds, pace.seconds * _WARM_UP)
        begun, before = time.perf_counter(), [stage.count for stage in ordered]
    left = None if pace.seconds is None else pace.seconds * (1 - _WARM_UP)
    all_in = await _wait(stop, feeds, left)
    seconds, after = time.perf_counter() - begun, [stage.count for stage in ordered]
    ended.set()
    for stage in ordered:
        stage.skipping = pace.flat_out and not all_in
    for feed in feeds:
        feed.cancel()  # one that waits for the next arrival; what a thread lets in ends by itself
    await asyncio.gather(*feeds, return_exceptions=True)
    drained = await _drain(ordered)
    if all_in or pace.seconds is None:  # then all of it counts
        seconds, after = time.perf_counter() - begun, [stage.count for stage in ordered]
    return Measured(seconds, [_row(*each, seconds) for each in zip(ordered, before, after, strict=True)], drained)


async def _wait(stop: threading.Event, feeds: Sequence[asyncio.Task[None]], seconds: float | None) -> bool:
    """Wait until it is time, or told to stop; whether all items were let in before."""
    end = None if seconds is None else time.perf_counter() + seconds
    while not stop.is_set() and (end is None or time.perf_counter() < end):
        if all(feed.done() for feed in feeds):
            for feed in feeds:
                feed.result()  # what went wrong there is told
            return True
        await asyncio.sleep(_LOOK_SECONDS)
    return False


def _arrivals(part: Part, pace: Pace, ended: threading.Event) -> Iterator[tuple[float, int]]:
    """When the items of a source come (time.perf_counter): at random at its rate, or at once; with their numbers."""
    due, number = time.perf_counter(), 0
    measuring = pace.flat_out and pace.seconds is not None
    while not ended.is_set() and (part.items is None or number < part.items or measuring):
        if part.per_second and not pace.flat_out:
            due += random.expovariate(part.per_second)
        yield due, number
        number += 1


async def _let_in(stage: Stage, pace: Pace, ended: threading.Event) -> None:
    """Let items in at a source as long as there are any: on the loop, or from a thread for one that has threads."""
    if not isinstance(stage, LoopStage):
        await asyncio.to_thread(_let_in_blocking, stage, pace, ended)
        return
    for due, number in _arrivals(stage.part, pace, ended):
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await stage.put_async(stage.work.first_item(stage.part, number))
        if number % 100 == 0:
            await asyncio.sleep(0)  # a queue with room does not make it wait


def _let_in_blocking(stage: Stage, pace: Pace, ended: threading.Event) -> None:
    for due, number in _arrivals(stage.part, pace, ended):
        if not ended.wait(max(0.0, due - time.perf_counter())):
            stage.put(stage.work.first_item(stage.part, number))


async def _drain(stages: Sequence[Stage]) -> bool:
    """Let each part finish, after those that feed it; whether that was done in time."""

    async def finish_all() -> None:
        """One after the other."""
        for stage in stages:
            await stage.finish()

    try:
        await asyncio.wait_for(finish_all(), _GRACE_SECONDS)
    except asyncio.TimeoutError:
        return False
    return True


def _row(stage: Stage, before: Count, after: Count, seconds: float) -> Row:
    done, errors = after.done - before.done, after.errors - before.errors
    busy = min(1.0, (after.busy - before.busy) / (seconds * stage.part.at_once)) if seconds else 0.0
    return Row(stage.part.name, done, errors, done / seconds if seconds else 0.0, busy, stage.last_error)


# What is told ---------------------------------------------------------------------------------------------------------


def _shown(text: str) -> str:
    """Text in one line without what a terminal would act on."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)[:60]


def _told(what: str, measured: Measured, as_json: bool) -> None:
    if as_json:
        rows = [row._asdict() for row in measured.rows]
        print(json.dumps({"event": what, "seconds": measured.seconds, "parts": rows}), flush=True)
        return
    print(f"\n{what}, {measured.seconds:.1f} s:\n{'':2}{'done':>9} {'errors':>7} {'per second':>11} {'busy':>6}  part")
    for row in measured.rows:
        figures = f"{row.done:>9,} {row.errors:>7,} {row.per_second:>11,.1f} {row.busy:>6.0%}"
        print(
            f"{'':2}{figures}  {_shown(row.name)}{f': {_shown(row.last_error)}' if row.last_error else ''}", flush=True
        )


# The command line -----------------------------------------------------------------------------------------------------


def run_command(name: str, described: Sequence[dict[str, Any]], work: Work, arguments: list[str] | None = None) -> int:
    """Run the system as the command line says; returns the exit code: 0 done, 1 it failed, 130 interrupted."""
    parser = argparse.ArgumentParser(description="Run a system of several parts; see the head of this file.")
    parser.add_argument("--seconds", type=float, help="run for so long")
    parser.add_argument("--flat-out", action="store_true", help="let in as many items as there is room for")
    parser.add_argument("--measure", type=float, metavar="SECONDS", help="each part by itself, then all together")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    _on_signals(stop)
    parts = _with_steps([Part(**each) for each in described])
    if not options.json:
        print(f"{_shown(name)}: {len(parts)} parts on Python {sys.version.split()[0]}. Ctrl-C ends it.", flush=True)
    drained = True
    for what, together, pace in _runs(parts, options):
        if not stop.is_set():
            measured = asyncio.run(run_parts(together, work, pace, stop))
            _told(what, measured, options.json)
            drained = drained and measured.drained
    code = 130 if stop.is_set() else 0
    if not drained:
        print("not all of what was on its way could be done in time", file=sys.stderr)
        _leave(code or 1)
    return code


def _runs(parts: Sequence[Part], options: Any) -> list[tuple[str, Sequence[Part], Pace]]:
    """What is run one after the other: what it is called, the parts, and how long."""
    if options.measure is None:
        return [("together", parts, Pace(options.seconds, options.flat_out))]
    each = Pace(options.measure * _ALONE_SHARE / len(parts), flat_out=True)
    whole = Pace(options.measure * (1 - _ALONE_SHARE), flat_out=True)
    return [*(("alone", [part], each) for part in parts), ("together", parts, whole)]


def _with_steps(parts: Sequence[Part]) -> list[Part]:
    """The parts with as many steps of computing as take the time that they should."""
    return [part._replace(steps=steps_for(part.cpu_ms, part.gil_share)) for part in parts]


def _on_signals(stop: threading.Event) -> None:
    """Ctrl-C (or `kill`) lets no more items in; the second time it ends at once."""

    def asked(_number: int, _frame: object) -> None:
        """The first time, stop; then leave."""
        if stop.is_set():
            _leave(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, asked)
