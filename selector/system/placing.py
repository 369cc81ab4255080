"""Which parts of a system share a process, and on which Python each process runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from selector.recommend.chain import Situation
from selector.recommend.facts import version_key
from selector.system.sharing import CpuShare


class Place(NamedTuple):
    """Where a part runs: in the main process or one of its own, and the Python of that."""

    own_process: bool
    python: str | None


def places_of(situations: Mapping[str, Situation], shares: Mapping[str, CpuShare]) -> dict[str, Place]:
    """The place of each part: together in one process, but for those that cannot be, or would hold the others up.

    A part holds others up that computes much under the GIL, or on the loop: two of them would take turns.
    """
    pythons = {name: s.interpreter(s.choice.chosen.approach) for name, s in situations.items()}
    main = _main_python(situations, pythons)
    others = len(situations) > 1
    found = {}
    for name, situation in situations.items():
        python = pythons[name]
        if situation.choice.chosen.traits.runs_in == "cluster" or not _runs_on(situation, python, main):
            found[name] = Place(True, python)
        elif others and _holds_up(situation, main) and not shares[name].is_light and _computes(situation):
            found[name] = Place(True, main)
        else:
            found[name] = Place(False, main)
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


def _holds_up(situation: Situation, main: str | None) -> bool:
    """Whether its computing keeps others of its process from running."""
    traits, work = situation.choice.chosen.traits, situation.work
    if traits.blocks_loop:
        return True
    if work.library_parallel:
        return False
    under_gil = main is None or not main.endswith("t")
    return under_gil and traits.runs_in == "own" and not traits.parallel_python and work.gil_share > 0.5


def _computes(situation: Situation) -> bool:
    return bool(situation.work.cpu_ms) if situation.work.cpu_ms is not None else not situation.facts["waits"]
