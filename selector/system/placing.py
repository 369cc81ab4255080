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


_BUSY_CPUS = 0.5  # kept busy by a part alone: others of its process would wait for it too often
_FULL = 0.8  # of the one thread at a time that computes in a process
_LONG_MS = 50.0  # on a loop, which does nothing else meanwhile


def places_of(situations: Mapping[str, Situation], loads: Mapping[str, float], cores: int) -> dict[str, Place]:
    """The place of each part: together in one process, but for those that cannot be, or would hold the others up.

    `loads` are the CPUs that each part keeps busy, of so many.
    """
    pythons = {name: s.interpreter(s.choice.chosen.approach) for name, s in situations.items()}
    main = _main_python(situations, pythons)
    found = {}
    for name, situation in situations.items():
        together = situation.choice.chosen.traits.runs_in != "cluster" and _runs_on(situation, pythons[name], main)
        found[name] = Place(not together, main if together else pythons[name])
    if len(situations) > 1:
        in_main = {name: situations[name] for name, place in found.items() if not place.own_process}
        found.update(dict.fromkeys(_in_the_way(in_main, loads, cores, main), Place(True, main)))
    return found


def _in_the_way(
    situations: Mapping[str, Situation], loads: Mapping[str, float], cores: int, main: str | None
) -> set[str]:
    """The parts of the main process that would hold the others up: that compute much under the GIL, or much or long on a loop.

    Where many that compute a little come to too much for one process, those that compute most, one for each CPU.
    """
    turns = {name: loads[name] for name, situation in situations.items() if _takes_turns(situation, main)}
    found = {name for name, load in turns.items() if load >= _BUSY_CPUS or _stops_the_loop(situations[name])}
    for name in sorted(turns.keys() - found, key=lambda name: (-turns[name], name)):
        left = sum(load for other, load in turns.items() if other not in found)
        if left <= _FULL or len(found) + 1 >= cores:
            break
        found.add(name)
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


def _takes_turns(situation: Situation, main: str | None) -> bool:
    """Whether it computes where one at a time does: on a loop, or in a thread with a GIL."""
    traits, work = situation.choice.chosen.traits, situation.work
    if traits.blocks_loop:
        return True
    under_gil = main is None or not main.endswith("t")
    in_thread = traits.runs_in == "own" and not traits.parallel_python and not work.library_parallel
    return under_gil and in_thread and work.gil_share > 0.5


def _stops_the_loop(situation: Situation) -> bool:
    return situation.choice.chosen.traits.blocks_loop and (situation.work.cpu_ms or 0.0) >= _LONG_MS
