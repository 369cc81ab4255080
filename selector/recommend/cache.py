"""Keeps checked, compiled knowledge between runs, because reading the YAML again takes a third of a start.

The cache belongs to one state of the rule files: any file added, removed or touched makes it void. It is JSON with a
checksum: whatever it holds, nothing but plain values and the few frozen classes of tables and catalogues comes of it.
It does not say where rules, guides and templates are; that is looked up anew. A cache that is missing, broken, possibly
somebody else's or cannot be written is no error: the YAML is read instead.

The file is a line with the checksum and one JSON array: the state it is for, values, and nodes. Values and nodes are
numbered through. A node is the numbers of its parts, which come before it; nodes of one kind stand together. Equal
parts are there once, which makes the file small and quick to read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from pydantic_core import from_json, to_json

from selector.approaches import Approach, ServerEntry, Traits
from selector.cost.sheet import HostCosts
from selector.decision.cells import ANYTHING, Anything, Compare, Interval, Not, OneOf
from selector.decision.compiled import Column
from selector.decision.table import DecisionTable, Example, Input, OutputColumn, Rule
from selector.errors import SelectorError
from selector.files import cache_dir, find_rules, read_own_file, write_own_file
from selector.recommend.knowledge import CHAIN, Knowledge
from selector.version import VERSION

_PACKAGE = Path(__file__).parent.parent
_CODE = (".py", ".pyc")  # compiled files stand beside no sources where an installation has none
_NO_CODE = ("__pycache__", "_data")
_MAX_BYTES = 50_000_000  # ours take some 100,000
_LARGEST = 2**63  # of the numbers that JSON carries everywhere; a set of rules is a larger one

#: What knowledge is made of, beside plain values. A new class goes in here, or nothing is kept; a test says so.
CLASSES: tuple[type, ...] = (
    Knowledge, Approach, Traits, ServerEntry, HostCosts,
    DecisionTable, Input, OutputColumn, Rule, Example, Column,
    Anything, Compare, Interval, OneOf, Not,
)  # fmt: skip
#: What is looked up anew, not read.
_DERIVED: dict[type, str] = {Knowledge: "folders", DecisionTable: "source"}
#: What a table has worked out for itself.
_COMPILED = "_columns"


class State(NamedTuple):
    """What the knowledge depends on: this code, this Python, and every rule file with its time and size."""

    folders: tuple[str, ...]
    written_by: tuple[str, int, str]
    files: tuple[_Stamp, ...]


def state_of(folders: tuple[Path, ...]) -> State:
    """The state of now."""
    files = [stamp for folder in folders for below in (folder, folder / "migration") for stamp in _stamps(below)]
    return State(tuple(map(str, folders)), (VERSION, code_stamp(_PACKAGE), sys.version), tuple(sorted(files)))


@cache
def code_stamp(package: Path) -> int:
    """A number that tells the code in a folder, and below, from any other: in a checkout it changes without a new version.

    All of it counts, so that none can be forgotten. Code that is no file (in an archive) has its version.
    """
    stamps: list[_Stamp] = []
    open_folders = [package]
    while open_folders:
        stamps += _stamps(open_folders.pop(), _CODE, open_folders)
    return crc32(repr(sorted(stamps)).encode("utf-8", "surrogatepass"))


_Stamp = tuple[str, int, int, int]


def _stamps(folder: Path | str, suffixes: tuple[str, ...] = (".yaml",), below: list[Any] | None = None) -> list[_Stamp]:
    """What tells the state of each file of a folder from another; the folders in it are added to `below`."""
    found: list[_Stamp] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(suffixes):
                with suppress(OSError):  # a link to nothing, as some editors leave
                    status = entry.stat()
                    found.append((entry.path, status.st_mtime_ns, status.st_size, status.st_ino))
            elif below is not None and entry.is_dir(follow_symlinks=False) and entry.name not in _NO_CODE:
                below.append(entry.path)
    return found


def recall(state: State) -> Knowledge | None:
    """The knowledge kept for this state, or None."""
    data = read_own_file(_file(state), _MAX_BYTES) or b""
    head, _, body = data.partition(b"\n")
    if head != _checksum(body):
        return None
    try:
        kept_for, values, groups = from_json(body)
        found = _Builder(tuple(map(Path, state.folders))).build(values, groups) if kept_for == repr(state) else None
    except (ValueError, TypeError, LookupError, SelectorError):
        return None
    return found if isinstance(found, Knowledge) else None


def keep(state: State, knowledge: Knowledge) -> None:
    """Keep the knowledge for the next run, if the cache folder can be written and is the user's alone."""
    try:
        body = to_json([repr(state), *flattened(knowledge)])
        write_own_file(_file(state), _checksum(body) + b"\n" + body)
    except (OSError, ValueError):
        return


def _checksum(body: bytes) -> bytes:
    return b"concurrency-selector rules %08x" % crc32(body)


def _file(state: State) -> Path:
    """One file for each set of folders, so that editing rules replaces it instead of adding to it."""
    return cache_dir() / f"rules-{crc32(repr(state.folders).encode('utf-8', 'surrogatepass')):08x}.json"


# Writing --------------------------------------------------------------------------------------------------------------

_PLAIN: tuple[type, ...] = (tuple, list, dict, frozenset, int)  # those that JSON has not; an int is a large one
_KINDS: dict[type, int] = {kind: number for number, kind in enumerate((*_PLAIN, *CLASSES))}
_MAY_CHANGE = (list, dict)
_Group = tuple[int, list[list[int]]]  # the number of a kind, and for each of its nodes the numbers of its parts


def flattened(root: object) -> tuple[list[object], list[_Group]]:
    """The values and groups of nodes of an object, its own node last; ValueError for a part of another class."""
    found = _Parts()
    found.add(root)
    order = sorted(range(len(found.nodes)), key=lambda node: found.nodes[node][:2])
    numbers = {~node: len(found.values) + place for place, node in enumerate(order)}
    groups: list[_Group] = []
    for place, node in enumerate(order):
        depth, kind, parts = found.nodes[node]
        if not place or (depth, kind) != found.nodes[order[place - 1]][:2]:
            groups.append((kind, []))
        groups[-1][1].append([numbers.get(part, part) for part in parts])
    return found.values, groups


class _Parts:
    """The parts of an object: the values that JSON has, and nodes, each with its depth and kind.

    A value is named by its place, a node by the complement of its place, as it is moved later.
    """

    def __init__(self) -> None:
        self.values: list[object] = []
        self.nodes: list[tuple[int, int, list[int]]] = []
        self._met: dict[object, int] = {}

    def add(self, part: object) -> int:
        """The name of a part, which is added where there is no such one."""
        if _in_json(part):
            value = (type(part), repr(part))
            if value not in self._met or isinstance(part, _MAY_CHANGE):
                self._met[value] = len(self.values)
                self.values.append(part)
            return self._met[value]
        parts = [self.add(inner) for inner in _made_of(part)]
        depth = 1 + max((self.nodes[~inner][0] for inner in parts if inner < 0), default=0)
        node = (_KINDS[type(part)], *parts)
        if node not in self._met or isinstance(part, _MAY_CHANGE):
            self._met[node] = ~len(self.nodes)
            self.nodes.append((depth, node[0], parts))
        return self._met[node]


def _in_json(part: object) -> bool:
    """Whether JSON gives this very value back."""
    if type(part) is dict:
        return all(type(key) is str and _in_json(value) for key, value in part.items())
    if type(part) is list:
        return all(map(_in_json, part))
    return part is None or type(part) in (bool, float, str) or (type(part) is int and abs(part) < _LARGEST)


def _made_of(part: object) -> Iterable[object]:
    """What an object is made of, in the order that makes it again."""
    if type(part) not in _KINDS:
        raise ValueError(f"{type(part).__qualname__} has no place in a rules cache")
    if isinstance(part, dict):
        return [half for pair in part.items() for half in pair]
    if isinstance(part, int):
        return [f"{part:x}"]
    if isinstance(part, (tuple, list, frozenset)):
        return part
    return [getattr(part, name) for name in _ATTRIBUTES[type(part)]]


def _attributes(kind: Any) -> tuple[str, ...]:
    """The attributes of a class that are kept: its fields but for those that are derived or its own business."""
    names = [field.name for field in fields(kind)]
    kept = [name for name in names if not name.startswith("_") and name != _DERIVED.get(kind)]
    return (*kept, _COMPILED) if kind is DecisionTable else tuple(kept)


_ATTRIBUTES: dict[type, tuple[str, ...]] = {kind: _attributes(kind) for kind in CLASSES if is_dataclass(kind)}


# Reading --------------------------------------------------------------------------------------------------------------

_Maker = Callable[[list[Any]], Any]


class _Builder:
    """Makes knowledge of values and nodes, for the folders that rules are looked up in now."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = folders
        self._own: dict[type, _Maker] = {
            tuple: tuple, list: list, dict: _dict, frozenset: frozenset, int: _large_int,
            DecisionTable: self._table, Knowledge: self._knowledge, Anything: lambda _: ANYTHING,
        }  # fmt: skip

    def build(self, values: list[Any], groups: list[_Group]) -> object:
        """The last node."""
        built, kinds = values, list(_KINDS)
        for number, nodes in groups:
            make = self._own.get(kinds[number]) or _maker(kinds[number])
            part = built.__getitem__
            built += [make(list(map(part, node))) for node in nodes]
        return built[-1]

    def _table(self, parts: list[Any]) -> DecisionTable:
        values = dict(zip(_ATTRIBUTES[DecisionTable], parts, strict=True))
        columns = values.pop(_COMPILED)
        if values["name"] not in CHAIN:
            raise ValueError("no table of the chain")
        table = DecisionTable(**values, source=str(find_rules(self._folders, f"{values['name']}.yaml")))
        table.__dict__[_COMPILED] = columns  # where functools.cached_property looks
        return table

    def _knowledge(self, parts: list[Any]) -> Knowledge:
        values = dict(zip(_ATTRIBUTES[Knowledge], parts, strict=True))
        if list(values["tables"]) != list(CHAIN):
            raise ValueError("not the tables of the chain")
        return Knowledge(**values, folders=self._folders)


def _maker(kind: Any) -> _Maker:
    """What makes an instance of one of our classes of its parts; a NamedTuple has no names to give."""
    if kind not in _ATTRIBUTES:
        return lambda parts: kind(*parts)
    names = _ATTRIBUTES[kind]
    return lambda parts: kind(**dict(zip(names, parts, strict=True)))


def _dict(parts: list[Any]) -> dict[Any, Any]:
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _large_int(parts: list[str]) -> int:
    return int(parts[0], 16)
