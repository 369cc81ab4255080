"""The user's function and items, found by the text that names them.

Standard library only, and no import of ours: the probe has it beside it, and generated scripts get it put in.
"""

from __future__ import annotations

import csv
import glob
import importlib
import json
import operator
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

_SUFFIXES = (".json", ".jsonl", ".csv", ".txt")


class TargetError(Exception):
    """What a user named cannot be had.

    `kind` is one of bad_target, no_such_file, no_such_name, cannot_import, import_exits, bad_items, items_fail;
    `text` says what and where, and what to do.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


def load_target(text: str, folder: str) -> Any:
    """What `package.module:name` or `path/file.py:name` names, seen from a folder; the name may be dotted.

    A file is imported under its stem, with its folder on sys.path, so that workers can import it by name. Raises
    TargetError.
    """
    place, _, name = text.rpartition(":")
    if not place or not name or not all(part.isidentifier() for part in name.split(".")):
        raise TargetError("bad_target", f"{text}: give module:function or path/file.py:function")
    module = _import_file(place, folder) if place.endswith(".py") else _import_module(place, folder)
    try:
        return operator.attrgetter(name)(module)
    except AttributeError as error:
        near = _near(error.name or name, module if error.obj is None else error.obj)
        raise TargetError("no_such_name", f"{place} has no {name}" + (f"; it has {near}" if near else "")) from None


def module_of(text: str) -> str:
    """The name that the module of a target is imported by."""
    place = text.rpartition(":")[0]
    return os.path.basename(place)[:-3] if place.endswith(".py") else place


def _near(name: str, owner: Any) -> str:
    """The names of an object that resemble one, else those that can be called."""
    import difflib

    public = [known for known in dir(owner) if not known.startswith("_")]
    alike = difflib.get_close_matches(name, public, 3)
    return ", ".join(alike or [known for known in public if callable(getattr(owner, known, None))][:8])


def _on_path(folder: str) -> None:
    """Let modules of a folder be found first."""
    folder = os.path.abspath(folder)
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)


def _import_file(path: str, folder: str) -> Any:
    """A file as a module; what is found under its name must be that file."""
    file = os.path.abspath(os.path.join(folder, path))
    if not os.path.isfile(file):
        raise TargetError("no_such_file", f"{path}: no such file in {os.path.abspath(folder)}")
    stem = module_of(f"{file}:")
    if "." in stem:
        raise TargetError("bad_target", f"{path}: a module's name cannot have a dot; rename the file")
    _on_path(folder)
    _on_path(os.path.dirname(file))
    module = _imported(stem, path)
    found = getattr(module, "__file__", None)
    if not found or not os.path.samefile(found, file):
        raise TargetError("cannot_import", f"{path}: another module is called {stem}, too; rename the file")
    return module


def _import_module(name: str, folder: str) -> Any:
    """A module by its dotted name."""
    if not all(part.isidentifier() for part in name.split(".")):
        raise TargetError(
            "bad_target", f"{name}: neither a module nor a .py file; give module:function or file.py:function"
        )
    _on_path(folder)
    return _imported(name, name)


def _imported(name: str, shown: str) -> Any:
    """Import a module of the user; whatever happens then is told as one error."""
    here = f"in {sys.executable} ({sys.version.split()[0]})"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or "a module"
        named = f"{name}.".startswith(f"{missing}.")  # or the package that it is said to be in
        what = f"there is no module {missing}" if named else f"it needs {missing}, which is not installed"
        kind = "no_such_module" if named else "cannot_import"
        raise TargetError(kind, f"cannot import {shown}: {what} {here}") from error
    except SyntaxError as error:
        where = f"{error.filename}, line {error.lineno}"
        raise TargetError("cannot_import", f"cannot import {shown}: {where}: {error.msg} ({here})") from error
    except SystemExit as error:
        what = "it exits when it is imported; put what it runs under: if __name__ == '__main__':"
        raise TargetError("import_exits", f"cannot import {shown}: {what}") from error
    except Exception as error:
        hint = ""
        if "relative import" in str(error):
            hint = "; it is part of a package: name it package.module:function, from the folder the package lies in"
        what = f"{type(error).__name__}: {error}{_line_of(error)}"
        raise TargetError("cannot_import", f"cannot import {shown}: {what}{hint} ({here})") from error


def _line_of(error: BaseException) -> str:
    """Where an error was raised, the import machinery apart."""
    where, step = "", error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not file.startswith("<frozen") and file != __file__ and os.sep + "importlib" + os.sep not in file:
            where = f" in {file}, line {step.tb_lineno}"
        step = step.tb_next
    return where


def iterate_items(source: str, folder: str) -> Iterator[Any]:
    """The items that a text names, one by one, so that an endless source gives what is taken. Raises TargetError.

    A number N (0 to N - 1), FILE.json (an array), FILE.jsonl, FILE.csv (rows as dicts), FILE.txt (lines), a glob (paths,
    in order), or module:name and file.py:name: an iterable, or a function that gives one.
    """
    if re.fullmatch(r"\d[\d_]*", source):
        return iter(range(int(source.replace("_", ""))))
    file = os.path.join(folder, source)
    if source.endswith(_SUFFIXES) and (os.path.isfile(file) or not glob.has_magic(source)):
        if not os.path.isfile(file):
            raise TargetError("no_such_file", f"{source}: no such file in {os.path.abspath(folder)}")
        return iter(list(_rows(source, file))) if source.endswith(".json") else _rows(source, file)
    if glob.has_magic(source) and ".py:" not in source:
        pattern = source if os.path.abspath(folder) == os.getcwd() else file
        paths = sorted(glob.glob(pattern, recursive=True))
        if not paths:
            raise TargetError("bad_items", f"{source}: no file matches in {os.path.abspath(folder)}")
        return iter(paths)
    if ":" not in source:
        accepted = "module:name, file.py:name, FILE.json, FILE.jsonl, FILE.csv, FILE.txt, a quoted glob, or a number"
        raise TargetError("bad_items", f"{source}: is none of these: {accepted}")
    return _given(source, load_target(source, folder))


def _rows(source: str, file: str) -> Iterator[Any]:
    """The items in a file of data, by the end of its name."""
    try:
        with open(file, encoding="utf-8-sig", newline="" if file.endswith(".csv") else None) as stream:
            if file.endswith(".json"):
                found = json.load(stream)
                if not isinstance(found, list):
                    raise TargetError("bad_items", f"{source}: holds no array; .json must be [item, item, ...]")
                yield from found
            elif file.endswith(".csv"):
                yield from csv.DictReader(stream)
            elif file.endswith(".txt"):
                yield from (line.rstrip("\n") for line in stream)
            else:
                yield from _lines(source, stream)
    except (OSError, ValueError, csv.Error) as error:
        raise TargetError("bad_items", f"{source}: cannot be read: {error}") from error


def _lines(source: str, stream: Any) -> Iterator[Any]:
    """One item a line of JSON; empty lines are none."""
    for number, line in enumerate(stream, 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise TargetError("bad_items", f"{source}, line {number}: no JSON: {error}") from error


def _given(source: str, found: Any) -> Iterator[Any]:
    """The items that an object of the user gives: it is iterable, or gives such a one when it is called."""
    if callable(found) and not hasattr(type(found), "__iter__"):
        try:
            found = found()
        except Exception as error:
            raise TargetError(
                "items_fail", f"{source} raises {type(error).__name__}: {error}{_line_of(error)}"
            ) from error
    if isinstance(found, (str, bytes)):
        raise TargetError("bad_items", f"{source} is a text, not a list of items; put it into a list")
    if hasattr(found, "__aiter__") or hasattr(found, "__await__"):
        raise TargetError("bad_items", f"{source} is asynchronous; give an iterable, or a function that gives one")
    try:
        stream = iter(found)
    except TypeError:
        raise TargetError("bad_items", f"{source} gives {type(found).__name__}, not an iterable of items") from None
    return _Given(source, stream, len(found) if hasattr(found, "__len__") else None)


class _Given(Iterator[Any]):
    """Items one by one; an error on the way says after how many. Its length hint is how many are left, if known."""

    def __init__(self, source: str, stream: Iterator[Any], size: int | None) -> None:
        self._source, self._stream, self._size, self._taken = source, stream, size, 0

    def __next__(self) -> Any:
        try:
            item = next(self._stream)
        except StopIteration:
            raise
        except Exception as error:
            what = f"{type(error).__name__}: {error}{_line_of(error)}"
            raise TargetError("items_fail", f"{self._source} raises after {self._taken} items: {what}") from error
        self._taken += 1
        return item

    def __length_hint__(self) -> Any:
        return NotImplemented if self._size is None else max(0, self._size - self._taken)
