"""Composes what there is to say about a move: of what both ends say of themselves, of the pair, and of every move.

Pure, on plain data that `parts` has checked: a recommendation needs a few sentences of it, and no models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from selector.approaches import Approach, Effort, Traits
from selector.workload.profile import ApproachId

#: What a sentence of one end may ask about the other, by the traits of its approach: it runs an event loop, its workers
#: share objects, or get copies, are processes of the operating system, run without a GIL, are behind a broker or
#: scheduler; or there is one thread of ours, or the threads are a library's own.
TRAITS: dict[str, Callable[[Traits], bool]] = {
    "loop": lambda its: its.runs_loop,
    "threads": lambda its: its.pool != "none" and not its.pickles,
    "copies": lambda its: its.pickles,
    "processes": lambda its: its.runs_in == "workers",
    "no_gil": lambda its: its.needs == "free_threaded",
    "queue": lambda its: its.runs_in == "cluster",
    "serial": lambda its: its.pool == "none" and not its.runs_loop,
    "native": lambda its: its.pool == "none" and its.parallel_native,
}
SERVED = "served"  # not a trait: a server such as gunicorn runs it, and starts its workers, threads or loop
WORDS = (*TRAITS, SERVED)
SUMMARY_LENGTH = 3  # sentences of each kind

Plain = Mapping[str, Any]


class Move(NamedTuple):
    """How to get from one approach to another, in short: effort (none, low, medium, high), first steps, pitfalls."""

    effort: Effort
    steps: tuple[str, ...]
    pitfalls: tuple[str, ...]


class End(NamedTuple):
    """One end of a move: its title, its traits as sentences ask for them, and what its file says."""

    title: str
    traits: frozenset[str]
    part: Plain

    def says(self, side: str, section: str, other: End) -> tuple[str, ...]:
        """The sentences about leaving it, or arriving at it, that fit the other end."""
        return _of(self.part[side].get(section, ()), other.traits)


def _fits(line: Plain, other: frozenset[str]) -> bool:
    """Whether one of the words in `only` is true of the other end, if there are any, and none of `unless`."""
    return (not line["only"] or not other.isdisjoint(line["only"])) and other.isdisjoint(line["unless"])


class Way(NamedTuple):
    """Both ends and what the notes between them say; each method gives one section of the guide, in reading order."""

    old: End
    new: End
    notes: tuple[Mapping[str, tuple[str, ...]], ...]
    always: Plain
    same: bool

    def needs(self) -> tuple[str, ...]:
        """What must be installed or true before."""
        return joined(self.new.part["needs"], self.always["needs"], *(note["needs"] for note in self.notes))

    def steps(self) -> tuple[str, ...]:
        """In the order in which they are done."""
        if self.same:
            return self.main_steps()
        of_pair = (note["steps"] for note in self.notes)
        return joined(self.always["steps"], self._leaving("steps"), *of_pair, self._arriving("steps"))

    def main_steps(self) -> tuple[str, ...]:
        """The most telling first."""
        if self.same:
            return (f"Nothing changes: the code already uses {self.new.title}.",)
        return joined(*(note["steps"] for note in self.notes), self._arriving("steps"), self._leaving("steps"))

    def section(self, name: str) -> tuple[str, ...]:
        """What goes wrong on the way (pitfalls), what tells whether it paid (measure), the way back (rollback)."""
        if self.same:
            return ()
        of_pair = (note[name] for note in self.notes)
        return joined(*of_pair, self._arriving(name), self._leaving(name), self.always[name])

    def summary(self, effort: Effort) -> Move:
        """What a recommendation says of the move: the pair's own sentences, then those of the new approach."""
        return Move(effort, self.main_steps()[:SUMMARY_LENGTH], self.section("pitfalls")[:SUMMARY_LENGTH])

    def _leaving(self, section: str) -> tuple[str, ...]:
        return self.old.says("leaving", section, self.new)

    def _arriving(self, section: str) -> tuple[str, ...]:
        return self.new.says("arriving", section, self.old)


def way_between(
    old: Approach, new: Approach, ends: Mapping[ApproachId, Plain], pairs: Plain, *, served: bool = False
) -> Way:
    """The way from one approach to another; `ends` has the parts of both, `pairs` those of all pairs."""
    both = frozenset((SERVED,) if served else ())
    between = (note for note in pairs["notes"] if old.id in note["from"] and new.id in note["to"] and old is not new)
    notes = tuple({section: _of(note[section], both) for section in pairs["always"]} for note in between)
    return Way(_end(old, ends, both), _end(new, ends, both), notes, pairs["always"], old is new)


def _end(approach: Approach, ends: Mapping[ApproachId, Plain], both: frozenset[str]) -> End:
    traits = frozenset(word for word, has in TRAITS.items() if has(approach.traits))
    return End(approach.title, traits | both, ends[approach.id])


def _of(lines: Sequence[Plain], words: frozenset[str]) -> tuple[str, ...]:
    return tuple(line["text"] for line in lines if _fits(line, words))


def joined(*groups: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """All sentences in order, each of them once."""
    return tuple(dict.fromkeys(text for group in groups for text in group))
