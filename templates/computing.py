"""How much of it makes a task. As many steps as take the CPU time that the task should take, found by trying."""

from __future__ import annotations

import time
import types
from collections.abc import Callable
from typing import Any, NamedTuple

_OFF = 0.1  # a stand-in that computes for so much more or less than it should is made again
_LEAST_SECONDS = 5e-6  # a call of a function takes a part of that: what is off by less is as right as it can be
_LONG_SECONDS = 0.15  # of computing are enough to tell how long more takes
_MOST_MENDED = 7
_USUAL_SECONDS, _PAUSE_SECONDS = 0.3, 0.001


class _StandIn(NamedTuple):
    """A task that should compute for `target_seconds`: `task_seconds(steps)` tries one out, `steps_seconds` its steps alone."""

    target_seconds: float
    task_seconds: Callable[[int], float]
    steps_seconds: Callable[[int], float]

    def made(self) -> tuple[int, float]:
        """(The steps, the seconds that they were found to take once more): mended up to seven times, until both agree."""
        steps = self._first_steps()
        seconds = self._found_seconds(steps)
        for _ in range(_MOST_MENDED):
            if abs(seconds - self.target_seconds) <= max(_OFF * self.target_seconds, _LEAST_SECONDS):
                break
            steps = self._mended(steps, seconds)
            seconds = self._found_seconds(steps)
        return steps, seconds

    def _first_steps(self) -> int:
        """How many steps make a task of that CPU time: twice as many again and again, then by proportion."""
        room = self.target_seconds - self.task_seconds(0)  # a task computes beside its steps, as it touches its memory
        if room <= 0:
            return 0
        steps, took = 1, self.steps_seconds(1)
        while took < min(room, 0.01):
            steps *= 2
            took = self.steps_seconds(steps)
        near = min(room, _LONG_SECONDS)  # measured near the right number: numbers that grow make later steps slower
        steps = max(1, round(steps * near / took))
        took = max(self.steps_seconds(steps), near / 2)  # what is shorter than that was not measured well
        return max(1, round(steps * room / took))

    def _mended(self, steps: int, found: float) -> int:
        """As many steps as would have made it, by what some were just found to take: CPUs have more than one speed."""
        beside, target = self.task_seconds(0), self.target_seconds
        return max(1, round(steps * (target - beside) / (found - beside))) if beside < min(found, target) else steps

    def _found_seconds(self, steps: int) -> float:
        """The CPU time of a task of that many steps; of one that computes for long, reckoned from a part of the steps."""
        part = min(1.0, _LONG_SECONDS / max(self.target_seconds, 1e-9))
        if part == 1.0:
            return self.task_seconds(steps)
        return self.task_seconds(0) + self.steps_seconds(round(steps * part)) / part


def _least_cpu_seconds(run: Callable[[], object]) -> float:
    """The CPU time of this thread for a call: the least of several tries, as whatever disturbs one makes it longer.

    What is short for the clock is done several times in each try.
    """
    least = max(1e-4, 10 * time.get_clock_info("thread_time").resolution)
    tries: list[float] = []
    repeats, spent = 1, 0.0
    while len(tries) < 7 and (len(tries) < 2 or spent < 0.1):
        begun = time.thread_time()
        for _ in range(repeats):
            run()
        took = time.thread_time() - begun
        if took < least:
            repeats *= 2
            continue
        spent += took
        tries.append(took / repeats)
    return min(tries)


def _usual_cpu_seconds(run: Callable[[], object]) -> float:
    """The same as it mostly is: the mean of what calls take within some time, each after a pause."""
    took: list[float] = []
    until = time.perf_counter() + _USUAL_SECONDS
    while not took or time.perf_counter() < until:
        time.sleep(_PAUSE_SECONDS)
        begun = time.thread_time()
        run()
        took.append(time.thread_time() - begun)
    return sum(took) / len(took)


def _uses(function: Any, wanted: Any) -> bool:
    """Whether a function names another one of its file, by itself or in the functions of the file that it names."""
    import dis

    names_there = getattr(function, "__globals__", {})
    found, codes = [function], [getattr(function, "__code__", None)]
    while codes:
        code = codes.pop()
        if not isinstance(code, types.CodeType):
            continue
        codes += code.co_consts  # functions in the function
        names = [step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"]
        new = [each for name in names if (each := names_there.get(name)) not in found]
        found += new
        codes += [getattr(each, "__code__", None) for each in new]
    return wanted in found
