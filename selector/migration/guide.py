"""Migration guides: how to get from one approach to another.

A guide is composed from what both ends say of themselves (`rules/migration/APPROACH.yaml`: leaving and arriving), the
notes of the pair (`pairs.yaml`), the effort table (`rules/migration_effort.yaml`) and the same program written in both
approaches (`rules/migration/code/`). Which sentence goes into which guide is settled by the traits of the ends, in the
files; there is no rule about any approach in here. Files are read into named tuples by hand, not by pydantic: every
recommendation carries a summary, and building models would cost it more than reading the files does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast, get_args

from pydantic import BaseModel, ConfigDict, Field

from selector.approaches import Effort, Engine
from selector.decision import DecisionTable, load_table
from selector.decision.source import load_yaml, read_text
from selector.errors import SelectorError
from selector.recommend.knowledge import find_rules
from selector.text import quoted, suggestion
from selector.workload.profile import APPROACHES, ApproachId

#: What a sentence of one end may ask about the other: `loop` it runs an event loop, `threads` workers share objects,
#: `copies` workers get copies, `processes` of the operating system, `no_gil` a free-threaded build, `queue` a broker or
#: scheduler, `serial` one thread of ours, `native` the library's own threads.
TRAITS = ("loop", "threads", "copies", "processes", "no_gil", "queue", "serial", "native")
EFFORTS: tuple[str, ...] = get_args(Effort)
ENGINES: tuple[Engine, ...] = get_args(Engine)
SUMMARY_LENGTH = 3  # sentences of each kind in a summary


class MigrationSummary(BaseModel):
    """What a recommendation says of the move: the effort, and the sentences that matter most."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    from_approach: ApproachId = Field(alias="from")
    to_approach: ApproachId = Field(alias="to")
    effort: Effort
    steps: tuple[str, ...]
    pitfalls: tuple[str, ...]


class EngineChoice(BaseModel):
    """One engine of the distributed approach: when to choose it, and what is its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    engine: Engine
    title: str
    choose_when: str
    needs: tuple[str, ...]
    steps: tuple[str, ...]
    pitfalls: tuple[str, ...]
    code: str


class MigrationGuide(BaseModel):
    """The whole guide for one ordered pair. `engines` is filled only where the way leads to `distributed`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True, defer_build=True
    )

    from_approach: ApproachId = Field(alias="from")
    to_approach: ApproachId = Field(alias="to")
    from_title: str
    to_title: str
    effort: Effort
    effort_reason: str
    needs: tuple[str, ...]
    steps: tuple[str, ...]
    before_code: str
    after_code: str
    pitfalls: tuple[str, ...]
    measure: tuple[str, ...]
    rollback: tuple[str, ...]
    engines: tuple[EngineChoice, ...] = ()
    sources: tuple[str, ...] = ()


def migration_guide(from_: ApproachId, to: ApproachId, rules_dirs: Sequence[Path]) -> MigrationGuide:
    """The guide from one approach to another, its parts taken from the first of `rules_dirs` that has them.

    From an approach to itself it says that nothing changes. Raises SelectorError for a missing or broken part.
    """
    folders = tuple(rules_dirs)
    way = _way(from_, to, folders)
    effort, reason = migration_effort(from_, to, folders)
    has_engines = from_ != to and "queue" in way.new.traits
    return MigrationGuide.model_validate(
        {
            "from_approach": from_,
            "to_approach": to,
            "from_title": way.old.title,
            "to_title": way.new.title,
            "effort": effort,
            "effort_reason": reason,
            "needs": way.needs(),
            "steps": way.steps(),
            "before_code": _code(f"classify_{from_}.py", folders),
            "after_code": _code(f"classify_{to}.py", folders),
            "pitfalls": way.pitfalls(),
            "measure": way.measure(),
            "rollback": way.rollback(),
            "engines": _engines(folders) if has_engines else (),
            "sources": _joined(way.new.sources, way.old.sources),
        }
    )


@lru_cache(maxsize=512)
def migration_summary(from_: ApproachId, to: ApproachId, rules_dirs: tuple[Path, ...]) -> MigrationSummary:
    """Effort, first steps and first pitfalls, for a recommendation: the pair's own sentences, then the target's.

    Reads the files of both ends, the pairs and the effort table, once a process. Raises SelectorError as the guide does.
    """
    way = _way(from_, to, rules_dirs)
    return MigrationSummary.model_validate(
        {
            "from_approach": from_,
            "to_approach": to,
            "effort": migration_effort(from_, to, rules_dirs)[0],
            "steps": way.main_steps()[:SUMMARY_LENGTH],
            "pitfalls": way.pitfalls()[:SUMMARY_LENGTH],
        }
    )


def migration_effort(from_: ApproachId, to: ApproachId, rules_dirs: tuple[Path, ...]) -> tuple[Effort, str]:
    """The effort and its reason, by the table `migration_effort.yaml`."""
    table = _effort_table(find_rules(rules_dirs, "migration_effort.yaml"))
    decision = table.decide({"from": from_, "to": to, "same": from_ == to})
    effort = decision.output.get("effort") if isinstance(decision.output, dict) else None
    if effort not in EFFORTS:
        raise SelectorError(
            f"{table.source}: gives no effort from {from_} to {to}",
            f"every pair needs a row whose effort is one of {', '.join(EFFORTS)}",
        )
    return cast(Effort, effort), decision.rules[0].because if decision.rules else ""


class _Line(NamedTuple):
    """A sentence for guides whose other end has one of the traits in `only`, if there are any, and none of `unless`."""

    text: str
    only: frozenset[str]
    unless: frozenset[str]

    def fits(self, other: frozenset[str]) -> bool:
        """Whether the sentence belongs into a guide whose other end has these traits."""
        return (not self.only or not self.only.isdisjoint(other)) and self.unless.isdisjoint(other)


class _Side(NamedTuple):
    """What leaving an approach takes, or arriving at it."""

    steps: tuple[_Line, ...]
    pitfalls: tuple[_Line, ...]
    rollback: tuple[_Line, ...]
    measure: tuple[_Line, ...]


class _End(NamedTuple):
    """The file of one approach."""

    title: str
    traits: frozenset[str]
    needs: tuple[str, ...]
    leaving: _Side
    arriving: _Side
    sources: tuple[str, ...]


class _Note(NamedTuple):
    """What some pairs need beside the parts of their ends."""

    from_: tuple[str, ...]
    to: tuple[str, ...]
    needs: tuple[str, ...]
    steps: tuple[str, ...]
    pitfalls: tuple[str, ...]
    measure: tuple[str, ...]
    rollback: tuple[str, ...]


class _Way(NamedTuple):
    """Both ends and the notes between them; each method gives one section of the guide, in reading order."""

    same: bool
    old: _End
    new: _End
    notes: tuple[_Note, ...]
    always: _Note

    def needs(self) -> tuple[str, ...]:
        """What must be installed or true before."""
        return _joined(self.new.needs, self.always.needs, *(n.needs for n in self.notes))

    def steps(self) -> tuple[str, ...]:
        """In the order in which they are done."""
        if self.same:
            return self.main_steps()
        leaving, arriving = self._leaving("steps"), self._arriving("steps")
        return _joined(self.always.steps, leaving, *(n.steps for n in self.notes), arriving)

    def main_steps(self) -> tuple[str, ...]:
        """The most telling first."""
        if self.same:
            return (f"Nothing changes: the code already uses {self.new.title}.",)
        return _joined(*(n.steps for n in self.notes), self._arriving("steps"), self._leaving("steps"))

    def pitfalls(self) -> tuple[str, ...]:
        """What goes wrong on the way."""
        return self._section("pitfalls")

    def measure(self) -> tuple[str, ...]:
        """What tells whether it paid."""
        return self._section("measure")

    def rollback(self) -> tuple[str, ...]:
        """The way back."""
        return self._section("rollback")

    def _section(self, name: str) -> tuple[str, ...]:
        if self.same:
            return ()
        of_pair = (getattr(note, name) for note in self.notes)
        return _joined(*of_pair, self._arriving(name), self._leaving(name), getattr(self.always, name))

    def _leaving(self, name: str) -> tuple[str, ...]:
        return tuple(line.text for line in getattr(self.old.leaving, name) if line.fits(self.new.traits))

    def _arriving(self, name: str) -> tuple[str, ...]:
        return tuple(line.text for line in getattr(self.new.arriving, name) if line.fits(self.old.traits))


def _way(from_: str, to: str, rules_dirs: tuple[Path, ...]) -> _Way:
    always, notes = _pairs(find_rules(rules_dirs, "migration/pairs.yaml"))
    between = tuple(note for note in notes if from_ in note.from_ and to in note.to and from_ != to)
    old, new = (_end(find_rules(rules_dirs, f"migration/{approach}.yaml")) for approach in (from_, to))
    return _Way(from_ == to, old, new, between, always)


def _joined(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """All sentences in order, each of them once."""
    return tuple(dict.fromkeys(text for group in groups for text in group))


def _code(name: str, folders: Sequence[Path]) -> str:
    return read_text(find_rules(folders, f"migration/code/{name}"))


@lru_cache(maxsize=8)
def _effort_table(path: Path) -> DecisionTable:
    return load_table(path)


@lru_cache(maxsize=64)
def _end(path: Path) -> _End:
    part = _Part(path, load_yaml(path))
    part.keys("approach", "title", "traits", "needs", "leaving", "arriving", optional=("sources",))
    if part.data["approach"] != path.stem:
        part.child("approach").fail(f"is {quoted(part.data['approach'])}, and the file is {path.name}")
    return _End(
        title=part.child("title").text(),
        traits=frozenset(part.child("traits").words(TRAITS)),
        needs=part.child("needs").texts(),
        leaving=part.child("leaving").side(),
        arriving=part.child("arriving").side("measure"),
        sources=part.texts_of("sources"),
    )


@lru_cache(maxsize=8)
def _pairs(path: Path) -> tuple[_Note, tuple[_Note, ...]]:
    """What is part of every guide, and the notes."""
    part = _Part(path, load_yaml(path))
    part.keys(optional=("always", "notes"))
    notes = part.child("notes").items() if "notes" in part.data else []
    always = part.child("always").note() if "always" in part.data else _Note(*((),) * 7)
    return always, tuple(note.note("from", "to") for note in notes)


def _engines(folders: Sequence[Path]) -> tuple[EngineChoice, ...]:
    path = find_rules(folders, "migration/engines.yaml")
    part = _Part(path, load_yaml(path))
    part.keys(*ENGINES)
    choices = []
    for name in ENGINES:
        engine = part.child(name)
        engine.keys("title", "choose_when", "needs", "steps", "pitfalls", "code")
        choices.append(
            EngineChoice(
                engine=name,
                title=engine.child("title").text(),
                choose_when=engine.child("choose_when").text(),
                needs=engine.child("needs").texts(),
                steps=engine.child("steps").texts(),
                pitfalls=engine.child("pitfalls").texts(),
                code=_code(engine.child("code").text(), folders),
            )
        )
    return tuple(choices)


class _Part(NamedTuple):
    """A piece of a file and its place there; its methods take it as this or that, or say what is wrong with it."""

    path: Path
    data: Any
    place: str = ""

    def fail(self, problem: str, hint: str = "see docs/migration.md for what these files hold") -> NoReturn:
        """Stop, naming the file and the key."""
        raise SelectorError(f"{self.path}: {self.place or 'the file'} {problem}", hint)

    def child(self, key: str | int) -> _Part:
        """The value below a key, knowing its place."""
        name = key if isinstance(key, str) else str(key + 1)  # people count from 1
        return _Part(self.path, self.data[key], f"{self.place}.{name}" if self.place else name)

    def keys(self, *required: str, optional: Sequence[str] = ()) -> None:
        """The entries of a mapping with exactly these keys allowed."""
        if not isinstance(self.data, dict):
            self.fail(f"is {quoted(self.data)}, not a mapping")
        known = (*required, *optional)
        for key in self.data:
            if key not in known:
                self.fail(f"has an unknown key {quoted(key)}{suggestion(key, known)}", f"keys: {', '.join(known)}")
        for key in required:
            if key not in self.data:
                self.fail(f"has no {quoted(key)}", f"keys: {', '.join(known)}")

    def text(self) -> str:
        """A sentence."""
        if not isinstance(self.data, str) or not self.data.strip():
            self.fail(f"is {quoted(self.data)}, not text", "put a sentence with a colon in it in quotes")
        return self.data

    def items(self) -> list[_Part]:
        """The entries of a list."""
        if not isinstance(self.data, list) or not self.data:
            self.fail(f"is {quoted(self.data)}, not a list of at least one item")
        return [self.child(index) for index in range(len(self.data))]

    def texts(self) -> tuple[str, ...]:
        """A list of sentences."""
        return tuple(item.text() for item in self.items())

    def texts_of(self, key: str) -> tuple[str, ...]:
        """The sentences under a key that may be absent."""
        return self.child(key).texts() if key in self.data else ()

    def words(self, known: Sequence[str]) -> tuple[str, ...]:
        """One word, or a list of them, all of them known."""
        found = (self.data,) if isinstance(self.data, str) else self.texts()
        for word in found:
            if word not in known:
                self.fail(f"has {quoted(word)}{suggestion(word, known)}", f"one of {', '.join(known)}")
        return found

    def side(self, *also: str) -> _Side:
        """What leaving or arriving takes."""
        self.keys("steps", "pitfalls", "rollback", *also)
        return _Side(*(self.child(n).lines() if n in self.data else () for n in _Side._fields))

    def lines(self) -> tuple[_Line, ...]:
        """Sentences, with or without conditions."""
        return tuple(item.line() for item in self.items())

    def line(self) -> _Line:
        """One sentence, with or without conditions."""
        if not isinstance(self.data, dict):
            return _Line(self.text(), frozenset(), frozenset())
        self.keys("text", optional=("only", "unless"))
        only, unless = (frozenset(self.child(k).words(TRAITS) if k in self.data else ()) for k in ("only", "unless"))
        return _Line(self.child("text").text(), only, unless)

    def note(self, *ends: str) -> _Note:
        """The sentences of a pair; `ends` are the keys that say which pair."""
        self.keys(*ends, optional=("needs", "steps", "pitfalls", "measure", "rollback"))
        from_, to = (self.child(e).words(APPROACHES) for e in ends) if ends else ((), ())
        return _Note(from_, to, *(self.texts_of(name) for name in _Note._fields[2:]))
