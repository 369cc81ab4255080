"""The files that migration guides are made of, read and checked: `rules/migration/` and the effort table beside it.

What is wrong in one of them is said with the file and the place in it. What comes of them is plain data, as JSON has
it, because the knowledge cache keeps it for recommendations; building models there would cost more than all the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast, get_args

from selector.approaches import Approach, Effort, Engine, load_approaches
from selector.decision import DecisionTable, load_table
from selector.decision.source import load_yaml, read_text
from selector.errors import SelectorError
from selector.files import find_rules
from selector.migration.compose import SERVED, WORDS
from selector.text import quoted, suggestion
from selector.workload.profile import APPROACHES, ApproachId

EFFORTS: tuple[Effort, ...] = get_args(Effort)
ENGINES: tuple[Engine, ...] = get_args(Engine)
_SECTIONS = ("needs", "steps", "pitfalls", "measure", "rollback")
_FILE_NAME = re.compile(r"\w[\w.-]*")  # of a file in migration/code, and no path to another place


class Parts:
    """What guides are made of, taken from the first folder that has it; each file is read when asked for, and once.

    Every method and property raises SelectorError for a missing or broken file.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._ends: dict[ApproachId, dict[str, Any]] = {}

    @cached_property
    def approaches(self) -> dict[ApproachId, Approach]:
        """The catalogue of approaches, which has their titles and traits."""
        return load_approaches(self._file("approaches.yaml"))

    def end(self, approach: ApproachId) -> dict[str, Any]:
        """What an approach says of leaving it and arriving at it."""
        if approach not in self._ends:
            self._ends[approach] = self._read(f"migration/{approach}.yaml").end(approach)
        return self._ends[approach]

    @cached_property
    def pairs(self) -> dict[str, Any]:
        """What is part of every guide (`always`), and `notes` for pairs."""
        part = self._read("migration/pairs.yaml")
        part.keys(optional=("always", "notes"))
        notes = part.child("notes").items() if "notes" in part.data else []
        always = part.child("always") if "always" in part.data else part._replace(data={})
        always.keys(optional=_SECTIONS)
        said = {section: always.texts_of(section) for section in _SECTIONS}
        return {"always": said, "notes": [note.note() for note in notes]}

    @cached_property
    def engines(self) -> dict[Engine, dict[str, Any]]:
        """The engines of the distributed approach."""
        part = self._read("migration/engines.yaml")
        part.keys(*ENGINES)
        return {name: part.child(name).engine() for name in ENGINES}

    def effort(self, origin: ApproachId, target: ApproachId) -> tuple[Effort, str]:
        """The effort of a move and its reason, by the table `migration_effort.yaml`."""
        table = self._effort_table
        decision = table.decide({"from": origin, "to": target, "same": origin == target})
        effort = decision.output.get("effort") if isinstance(decision.output, dict) else None
        if effort not in EFFORTS:
            raise SelectorError(
                f"{table.source}: gives no effort from {origin} to {target}",
                f"every pair needs a row whose effort is one of {', '.join(EFFORTS)}",
            )
        return cast(Effort, effort), decision.rules[0].because if decision.rules else ""

    @cached_property
    def _effort_table(self) -> DecisionTable:
        return load_table(self._file("migration_effort.yaml"))

    def code(self, name: str) -> str:
        """The text of a file in migration/code."""
        return read_text(self._file(f"migration/code/{name}"))

    def _read(self, name: str) -> _Part:
        path = self._file(name)
        return _Part(path, load_yaml(path))

    def _file(self, name: str) -> Path:
        return find_rules(self._folders, name)


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

    def file_name(self) -> str:
        """The name of a file in migration/code: a name in a rules file leads to no other place."""
        if not _FILE_NAME.fullmatch(self.text()):
            self.fail(
                f"is {quoted(self.data)}, not the name of a file", "name a file in migration/code, without a path"
            )
        return self.text()

    def items(self) -> list[_Part]:
        """The entries of a list."""
        if not isinstance(self.data, list) or not self.data:
            self.fail(f"is {quoted(self.data)}, not a list of at least one item")
        return [self.child(index) for index in range(len(self.data))]

    def texts(self) -> list[str]:
        """A list of sentences."""
        return [item.text() for item in self.items()]

    def texts_of(self, key: str) -> list[str]:
        """The sentences under a key that may be absent."""
        return self.child(key).texts() if key in self.data else []

    def words(self, known: Sequence[str]) -> list[str]:
        """One word, or a list of them, all of them known."""
        found = [self.data] if isinstance(self.data, str) else self.texts()
        for word in found:
            if word not in known:
                self.fail(f"has {quoted(word)}{suggestion(word, known)}", f"one of {', '.join(known)}")
        return found

    def end(self, approach: ApproachId) -> dict[str, Any]:
        """The whole file of an approach."""
        self.keys("approach", "needs", "leaving", "arriving", optional=("sources",))
        if self.data["approach"] != approach:
            self.child("approach").fail(f"is {quoted(self.data['approach'])}, and the file is {self.path.name}")
        return {
            "needs": self.child("needs").texts(),
            "leaving": self.child("leaving").side("steps", "pitfalls", "rollback"),
            "arriving": self.child("arriving").side("steps", "pitfalls", "rollback", "measure"),
            "sources": self.texts_of("sources"),
        }

    def side(self, *sections: str) -> dict[str, Any]:
        """What leaving or arriving takes."""
        self.keys(*sections)
        return {section: [item.line() for item in self.child(section).items()] for section in sections}

    def line(self, known: Sequence[str] = WORDS) -> dict[str, Any]:
        """A sentence for guides of whose other end one of the words in `only` is true, if any, and none of `unless`."""
        if not isinstance(self.data, dict):
            return {"text": self.text(), "only": [], "unless": []}
        self.keys("text", optional=("only", "unless"))
        asked = {key: self.child(key).words(known) if key in self.data else [] for key in ("only", "unless")}
        return {"text": self.child("text").text(), **asked}

    def note(self) -> dict[str, Any]:
        """The sentences of a pair, and which it is: both ends are known, so they ask only whether it is served."""
        self.keys("from", "to", optional=_SECTIONS)
        pair = {end: self.child(end).words(APPROACHES) for end in ("from", "to")}
        lists = {section: self.child(section).items() if section in self.data else [] for section in _SECTIONS}
        return {**pair, **{section: [item.line((SERVED,)) for item in items] for section, items in lists.items()}}

    def engine(self) -> dict[str, Any]:
        """When to choose an engine, and what is its own."""
        self.keys("title", "choose_when", "needs", "steps", "pitfalls", "code")
        sentences = {key: self.child(key).texts() for key in ("needs", "steps", "pitfalls")}
        said = {key: self.child(key).text() for key in ("title", "choose_when")}
        return {**said, **sentences, "code": self.child("code").file_name()}
