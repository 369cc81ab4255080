"""Which parts of a system share a process, and on which Python each process runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from selector.recommend.chain import Situation
from selector.recommend.facts import version_key


class Place(NamedTuple):
    """Where a part runs: in the main process or one of its own, and the Python of that."""

    own_process: bool
    python: str | None


_BUSY_CPUS = 0.5  # kept busy by a part alone: two of them would come to more than the one thread at a time
_LONG_MS = 50.0  # on a loop, which does nothing else meanwhile


def places_of(situations: Mapping[str, Situation], loads: Mapping[str, float]) -> dict[str, Place]:
    """The place of each part: together in one process, but for those that cannot be, or would hold the others up.

    A part holds others up that computes much under the GIL, or much or for long on the loop: they would take turns.
    `loads` are the CPUs that each part keeps busy.
    """
    pythons = {name: s.interpreter(s.choice.chosen.approach) for name, s in situations.items()}
    main = _main_python(situations, pythons)
    others = len(situations) > 1
    found = {}
    for name, situation in situations.items():
        python = pythons[name]
        if situation.choice.chosen.traits.runs_in == "cluster" or not _runs_on(situation, python, main):
            found[name] = Place(True, python)
        else:
            found[name] = Place(others and _holds_up(situation, main, loads[name]), main)
    return found


def _main_python(situations: Mapping[str, Situation], pythons: Mapping[str, str | None]) -> str | None:
    """The Python of the main process: one that a part needs, if any needs one, else the one that all run on."""
    for needs in ("free_threaded", "subinterpreters"):
        asked = [python for name, python in pythons.items() if python and _needs(situations[name]) == needs]
        if asked:
            return max(asked, key=version_key)
    return next(iter(pythons.values()))


def _needs(situation: Situation) -> str:
    return str(situation.choice.chosen.traits.needs)


def _runs_on(situation: Situation, python: str | None, main: str | None) -> bool:
    """Whether a part runs on the Python of the main process."""
    if python == main or main is None:
        return True
    listed = situation.profile.interpreters
    if listed is not None and main not in listed:
        return False
    if _needs(situation) == "free_threaded":
        return main.endswith("t")
    return not main.endswith("t") or situation.facts["free_threading"] != "ruled_out"


def _holds_up(situation: Situation, main: str | None, load: float) -> bool:
    """Whether its computing keeps others of its process from running, for much of the time or for long at a time."""
    traits, work = situation.choice.chosen.traits, situation.work
    if traits.blocks_loop:
        return load >= _BUSY_CPUS or (work.cpu_ms or 0.0) >= _LONG_MS
    if work.library_parallel or load < _BUSY_CPUS:
        return False
    under_gil = main is None or not main.endswith("t")
    return under_gil and traits.runs_in == "own" and not traits.parallel_python and work.gil_share > 0.5
