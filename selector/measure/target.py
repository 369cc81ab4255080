"""What a user names on the command line, read as text: a function, and where its items come from. Nothing is imported."""

from __future__ import annotations

import ast
import glob
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selector.errors import SelectorError
from selector.files import read_regular_file
from selector.text import listed, quoted, suggestion

DATA_FILES = (".json", ".jsonl", ".csv", ".txt")
ITEMS_HINT = (
    "give module:name or file.py:name (an iterable, or a function that gives one), FILE.json, .jsonl, .csv or .txt,"
    " a quoted glob such as 'img/*.png', a number, or - (JSON lines)"
)
_TARGET_HINT = "give module:function or path/file.py:function"
_UNSEEN = (
    r"import\s*\*|__getattr__|__dict__|\b(?:globals|vars|exec|eval|setattr)\b"  # how a module gets a name elsewhere
)
_MAX_SOURCE_BYTES = 5_000_000
_MOST_NAMES = 6


@dataclass(frozen=True)
class Target:
    """A function by its name: `place` is a module's dotted name or the path of a `.py` file, `name` may be dotted."""

    place: str
    name: str

    def __str__(self) -> str:
        return f"{self.place}:{self.name}"

    @property
    def is_file(self) -> bool:
        """Whether the place is a file, not a module."""
        return self.place.endswith(".py")

    @property
    def module(self) -> str:
        """The name that its module is imported by."""
        return Path(self.place).stem if self.is_file else self.place


@dataclass(frozen=True)
class ItemsSource:
    """Where the items come from: the text as it is given to the probe."""

    text: str
    kind: Literal["number", "file", "glob", "target", "stdin"]


def parse_target(text: str, folder: Path, option: str = "TARGET") -> Target:
    """The function that a text names, seen from a folder; SelectorError where it cannot be one, or there is no such file."""
    place, colon, name = text.rpartition(":")
    if not colon or (sys.platform == "win32" and name.startswith(("\\", "/"))):
        raise SelectorError(f"{option} {quoted(text)} names no function", _without_name(text, folder))
    if not name or not all(part.isidentifier() for part in name.split(".")):
        raise SelectorError(f"{option} {quoted(text)}: {quoted(name)} is no function's name", _TARGET_HINT)
    target = Target(place, name)
    if target.is_file:
        _check_file(target, folder, option)
    elif not place or not all(part.isidentifier() for part in place.split(".")):
        raise SelectorError(
            f"{option} {quoted(text)}: {quoted(place)} is neither a module nor a .py file", _TARGET_HINT
        )
    return target


def _check_file(target: Target, folder: Path, option: str) -> None:
    """SelectorError where the file is not there, or could not be imported by name."""
    file = folder / target.place
    if not file.is_file():
        there = [path.name for path in sorted(file.parent.glob("*.py"))] if file.parent.is_dir() else []
        near = suggestion(file.name, there)
        what = "it is a folder" if file.is_dir() else f"there is no such file in {folder}{near}"
        raise SelectorError(f"{option} {quoted(str(target))}: {quoted(target.place)}: {what}", _TARGET_HINT)
    if not target.module.isidentifier():
        raise SelectorError(
            f"{option} {quoted(str(target))}: workers import a file by its name, and"
            f" {quoted(target.module)} is no name of a module",
            "rename the file: letters, digits and underscores",
        )
    _check_name(target, folder, option)


def _check_name(target: Target, folder: Path, option: str) -> None:
    """SelectorError where a file has no such name: its text has it nowhere, nor anything that makes names unseen."""
    name, file = target.name.partition(".")[0], folder / target.place
    try:
        text = (read_regular_file(file, _MAX_SOURCE_BYTES) or b"").decode()
    except ValueError:
        return
    if not text or not name.isascii() or re.search(rf"\b{name}\b|{_UNSEEN}", text):
        return
    near = suggestion(name, functions_in(file))
    problem = f"{option} {quoted(str(target))}: {target.place} has no {quoted(name)}{near}"
    raise SelectorError(problem, _without_name(target.place, folder))


def _without_name(text: str, folder: Path) -> str:
    """What to write where only a file or a module was named: with a function that the file has."""
    names = functions_in(folder / text) if text.endswith(".py") else []
    if not names:
        return _TARGET_HINT
    shown = [f"{text}:{name}" for name in names[:_MOST_NAMES]]
    return f"its functions: {listed(shown, 'or')}" if len(names) <= _MOST_NAMES else f"one of {', '.join(shown)}, ..."


def functions_in(file: Path) -> list[str]:
    """The public functions that stand at the top level of a file, read and not run; none where it cannot be read."""
    try:
        tree = ast.parse(read_regular_file(file, _MAX_SOURCE_BYTES) or b"")
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    found: Iterable[ast.stmt] = (n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [n.name for n in found if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name[0] != "_"]


def parse_items(text: str, folder: Path) -> ItemsSource:
    """Where the items come from, seen from a folder; SelectorError for anything that is no source of items."""
    if text == "-":
        return ItemsSource(text, "stdin")
    if re.fullmatch(r"\d[\d_]*", text):
        if int(text.replace("_", "")) == 0:
            raise SelectorError("--items 0: there is no item then", "give a number from 1")
        return ItemsSource(text, "number")
    if ":" in text and _is_target(text):
        target = parse_target(text, folder, "--items")
        return ItemsSource(str(target), "target")
    if glob.has_magic(text) and not (folder / text).is_file():
        return ItemsSource(_matched(text, folder), "glob")
    if text.casefold().endswith(DATA_FILES):
        if not (folder / text).is_file():
            raise SelectorError(f"--items {quoted(text)}: there is no such file in {folder}", ITEMS_HINT)
        return ItemsSource(text, "file")
    what = "a file that this tool cannot read items from" if (folder / text).is_file() else "no source of items"
    raise SelectorError(f"--items {quoted(text)}: this is {what}", ITEMS_HINT)


def _is_target(text: str) -> bool:
    """Whether it is meant as module:name or file.py:name (a glob may have a colon as well)."""
    place, _, name = text.rpartition(":")
    return place.endswith(".py") or not (glob.has_magic(place) or glob.has_magic(name))


def _matched(pattern: str, folder: Path) -> str:
    """The pattern, if a file matches it."""
    if next(glob.iglob(pattern, root_dir=folder, recursive=True), None) is None:  # noqa: PTH207  # absolute ones, too
        raise SelectorError(
            f"--items {quoted(pattern)}: no file matches it in {folder}", "check the folder and pattern"
        )
    return pattern
