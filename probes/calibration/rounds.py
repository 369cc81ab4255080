"""Rounds of all parts until the budget is used up, each part in a fresh process with a session of its own."""

from __future__ import annotations

import contextlib
import json
import os
import py_compile
import signal
import subprocess
import sys
import time

from figures import figures
from parts import Part, all_parts
from work import Watched

FIRST_ROUND_SECONDS = 20.0  # or the budget, if that is longer: then a part that was not begun is left out
PART_SECONDS = 20.0  # a part that takes longer hangs; a second or less is usual

told: list[int] = []  # the signals that told this program to stop: it obeys where no process can slip away


class Rounds:
    """The rounds so far: what was found, how often each part ran, and how long it took the last time."""

    def __init__(self, parts: list[Part], budget_seconds: float, cpus: int) -> None:
        """Nothing yet."""
        self.parts, self.budget_seconds, self.cpus = parts, budget_seconds, cpus
        self.samples: dict[str, list[tuple[float, float]]] = {}
        self.keys: dict[str, set[str]] = {}  # the figures of each part
        self.runs, self.took = [0] * len(parts), [0.0] * len(parts)
        self.warnings: list[str] = []
        self.begun = time.monotonic()

    def passed(self) -> float:
        """The seconds since the beginning."""
        return time.monotonic() - self.begun

    def next_part(self) -> int | None:
        """The place of the part to measure now, if there is time for one: the first round is completed, if that can be.

        Afterwards whatever was measured least comes first, and parts whose figures are not good yet a round sooner.
        """
        passed = self.passed()
        if 0 in self.runs:
            return self.runs.index(0) if passed <= max(FIRST_ROUND_SECONDS, self.budget_seconds) else None
        costs = figures(self.samples, self.cpus)
        noisy = {key for key, cost in costs.items() if cost["quality"] != "usable"}
        found = [
            (runs - bool(noisy & self.keys[part.name]), place)
            for place, (part, runs) in enumerate(zip(self.parts, self.runs, strict=True))
            if runs < part.rounds and passed + self.took[place] <= self.budget_seconds
        ]
        return min(found)[1] if found else None

    def add(self, place: int, found: list[Watched], problem: str, seconds: float) -> None:
        """What one run of a part came to. One that failed is not tried again."""
        part = self.parts[place]
        keys = self.keys.setdefault(part.name, set())
        for key, sample, disturbance in found:
            self.samples.setdefault(key, []).append((sample, disturbance))
            keys.add(key)
        self.runs[place] += 1
        self.took[place] = float("inf") if problem else seconds
        if problem:
            self.warnings.append(f"{part.name}: {problem}")


def measure_all(budget_seconds: float, cpus: int, folder: str) -> Rounds:
    """Measure rounds of all parts until the budget is used up; `folder` is for what they leave and load."""
    script = compiled(folder)
    rounds = Rounds(all_parts(), budget_seconds, cpus)
    while (place := rounds.next_part()) is not None:
        part, passed = rounds.parts[place], rounds.passed()
        most = place / len(rounds.parts) if 0 in rounds.runs else 1.0
        say(part=part.name, round=rounds.runs[place] + 1, done=round(min(most, passed / budget_seconds), 3))
        found, problem = run_part(script, part.name, cpus)
        rounds.add(place, found, problem, rounds.passed() - passed)
        if problem:
            print(rounds.warnings[-1], file=sys.stderr, flush=True)
    late = dict.fromkeys(part.name for part in rounds.parts if part.name not in rounds.keys)
    rounds.warnings += [f"{name}: not measured, as everything else took so long" for name in late]
    return rounds


def compiled(folder: str) -> str:
    """Put what a part runs into a folder, compiled, so that no sample has the time of that; returns the script."""
    for name in ("figures", "parts", "tree", "watch", "work"):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
        py_compile.compile(source, cfile=os.path.join(folder, f"{name}.pyc"), doraise=True)
    return os.path.join(folder, "work.pyc")


def run_part(script: str, name: str, cpus: int) -> tuple[list[Watched], str]:
    """The samples of a part, and what went wrong. However this ends, no process of the part is left behind."""
    folder = os.path.dirname(script)
    out = os.path.join(folder, "part.json")
    command = [sys.executable, script, out, name, str(cpus)]
    with open(f"{out}.err", "w+b") as errors:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
            cwd=folder,  # where nothing of the user's can be imported by mistake
        )
        try:
            problem = wait_for(child)
        finally:
            end_group(child)
        errors.seek(0)
        last_words = errors.read()[-400:].decode("utf-8", "replace").strip().splitlines()
    try:
        with open(out, encoding="utf-8") as stream:
            result = json.load(stream)
        os.remove(out)
    except FileNotFoundError:
        return [], problem or f"it ended with exit code {child.returncode}: {(last_words or [''])[-1]}"
    return [(key, value, disturbance) for key, value, disturbance in result["samples"]], problem or result["problem"]


def wait_for(child: subprocess.Popen[bytes]) -> str:
    """Wait until a part has ended, or too long, or until somebody tells us to stop. Says what went wrong."""
    until = time.monotonic() + PART_SECONDS
    while time.monotonic() < until:
        if told:
            raise KeyboardInterrupt
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.25)
            return ""
    return f"it did not end within {PART_SECONDS:g} s"


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End a part and its workers: they are in a session of their own."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.wait()


def say(**fields: object) -> None:
    """A line of JSON on standard output. Where nobody reads it, the file is still wanted."""
    try:
        print(json.dumps(fields), flush=True)
    except BrokenPipeError:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
