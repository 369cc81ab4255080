# /// script
# requires-python = ">=3.10"
# dependencies = []
# ///
"""Agents that reason at the same time and share what they find out: where threads without the GIL win, and lose.

    python agents.py                          every approach that this Python can run, as a table
    python agents.py --interpreter python3.14 --interpreter python3.14t
    python agents.py --json                   one JSON object a line, as it happens

Every agent gets clues, matches each with the hypotheses that it knows, and notes which of them the clue speaks for. The
reasoning and the notes are the same in three variants; where the notes are kept is not:

    none      every agent keeps its notes to itself
    disjoint  one board that all can see; every agent writes only to its own part of it
    hot       one dictionary of beliefs that all agents write to, under one lock

Put your own reasoning into `Agent.step`. Agents add to what is shared and never act on it, so that whoever comes first,
the results are the same and can be compared.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from harness import main
from workload import workload_of

# --- parameters: begin ---
NAME = "Agents that share what they find out"
RECOMMENDED: str | None = None
APPROACHES: tuple[str, ...] = (
    "single_threaded",  # one agent after the other
    "asyncio",  # the agents take turns, a step each
    "threads",
    "free_threaded",
    "subinterpreters",
    "multiprocessing",
)
WORKERS: dict[str, int] = {}  # pool sizes; the others have CPUS workers
SCALING: tuple[int, ...] = ()  # further pool sizes for the recommended approach
CPUS = 2
VARIANTS: tuple[str, ...] = ("none", "disjoint", "hot")
AGENTS: int | None = 64
STEPS = 6  # of an agent
STEP_MS = 1.0  # of computing in a step
CLUES_PER_UPDATE = 8  # clues that an agent thinks about (some 8 us) before it shares what they say: try 64, and 256
MEMORY_BUDGET_MB: float | None = None
ASSUMED: tuple[str, ...] = ()  # parameters that nobody gave
BUDGET_SECONDS = 60.0
# --- parameters: end ---

Notes = dict[int, int]  # for each hypothesis, how many clues speak for it
Result = tuple[int, int, Notes]  # the agent, how many clues it understood, the notes that it brings along

# --- your code: begin ---
# One agent is one task. All must be functions and classes of this file, and a result must pickle.

HYPOTHESES = 8
MULTIPLIER = 1_103_515_245  # makes patterns that differ in 11 bits or more, and numbers that look random


class Agent:
    """An agent: the hypotheses it knows, as patterns of bits, a source of clues, and where it writes its notes.

    Each makes patterns of its own, though all are the same: threads without the GIL count the references to an object
    that they share one at a time, even if they only read it.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.random = number  # the last of a series of numbers up to 2**31
        self.patterns = [MULTIPLIER * (hypothesis + 1) % 2**31 for hypothesis in range(HYPOTHESES)]
        self.understood = 0
        self.notes, self.lock = place_for_notes(number)

    def step(self) -> None:
        """Think about clues, and share what they say after every few of them."""
        patterns, random = self.patterns, self.random
        found: list[int] = []
        for _ in range(worker.settings["clues"]):
            random = (random * MULTIPLIER + 12_345) % 2**31
            truth = (random >> 24) % HYPOTHESES
            clue = patterns[truth] ^ 1 << (random >> 9) % 31 ^ 1 << (random >> 16) % 31  # two of its bits are wrong
            fits = [(clue ^ pattern).bit_count() for pattern in patterns]  # the fewer bits differ, the better
            guess = fits.index(min(fits))
            self.understood += guess == truth
            found.append(guess)
            if len(found) == CLUES_PER_UPDATE:
                self.share(found)
                found.clear()
        self.share(found)
        self.random = random

    def share(self, found: list[int]) -> None:
        """Add to the notes. There is always a lock; only with `hot` does another agent ever hold it."""
        with self.lock:
            for hypothesis in found:
                self.notes[hypothesis] = self.notes.get(hypothesis, 0) + 1

    def result(self) -> Result:
        """What the agent comes back with: notes that nobody can see yet, it brings along."""
        seen = worker.settings["variant"] != "none" and worker.settings["shares_memory"]
        return self.number, self.understood, {} if seen else self.notes


def work(number: int) -> Result:
    """One agent from its first step to its last."""
    agent = Agent(number)
    for _ in range(STEPS):
        agent.step()
    return agent.result()


async def work_async(number: int) -> Result:
    """The same for an event loop: after each step the other agents have their turn."""
    import asyncio

    agent = Agent(number)
    for _ in range(STEPS):
        agent.step()
        await asyncio.sleep(0)
    return agent.result()


def items(count: int) -> list[int]:
    """The tasks: numbers of agents."""
    return list(range(count))


# --- your code: end ---


class _Process:
    """What the agents of one process (or subinterpreter) have in common: settings, and the state that they share."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.board: dict[int, Notes] = {}  # disjoint: each agent's part
        self.beliefs: Notes = {}  # hot: everybody's
        self.lock = threading.Lock()  # of the beliefs


worker = _Process()


def configure(settings: dict[str, Any]) -> None:
    """Take the settings of this run: `variant`, `shares_memory`, `clues` in a step. Starting a worker takes no more."""
    worker.settings = settings


start = configure


def place_for_notes(number: int) -> tuple[Notes, threading.Lock]:
    """Where an agent writes its notes, and the lock that guards the place."""
    notes: Notes = {}
    if worker.settings["variant"] == "hot" and worker.settings["shares_memory"]:
        return worker.beliefs, worker.lock
    if worker.settings["variant"] == "disjoint":
        worker.board[number] = notes
    return notes, threading.Lock()


def merge(results: list[Result]) -> Any:
    """The state that all agents leave. Notes that they had to bring along move to where the others find them."""
    variant = worker.settings["variant"]
    if variant == "none":
        return None  # every agent keeps its own
    for number, _, notes in results:
        if notes and variant == "disjoint":
            worker.board[number] = notes.copy()
        for hypothesis, count in notes.items() if variant == "hot" else ():
            worker.beliefs[hypothesis] = worker.beliefs.get(hypothesis, 0) + count
        notes.clear()
    shared: dict[int, Any] = worker.board if variant == "disjoint" else worker.beliefs
    return sorted(shared.items())


def calibrate() -> dict[str, Any]:
    """How many clues make a step of STEP_MS on this Python, for an agent that is alone."""
    clues = CLUES_PER_UPDATE
    while (took := seconds_of_step(clues)) < min(STEP_MS / 1000, 0.01):
        clues *= 2
    return {"clues": max(1, round(clues * STEP_MS / 1000 / took))}


def seconds_of_step(clues: int) -> float:
    """The least CPU time of several tries: whatever disturbs a measurement makes it longer."""
    worker.settings = {**worker.settings, "clues": clues}
    agent = Agent(0)
    tries = []
    for _ in range(9):
        begun = time.thread_time()
        agent.step()
        tries.append(time.thread_time() - begun)
    return max(min(tries), 1e-6)


async def close_async() -> None:
    """Nothing is open."""


if __name__ == "__main__":
    sys.exit(main(workload_of(globals(), tasks=AGENTS, variants=dict.fromkeys(VARIANTS, AGENTS))))
