"""What a project requires: of pyproject.toml, a lock beside it, or requirements files. Nothing of it is run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from selector.errors import SelectorError
from selector.files import read_regular_file
from selector.readiness.locks import LOCKS, Locked, locked_in
from selector.text import one_line, printable, quoted, suggestion

ACCEPTED = "a folder with pyproject.toml, uv.lock, poetry.lock, pdm.lock or requirements.txt; -r FILE; --python ENV"
BUILT = "{} says that its dependencies are worked out when it is built: give -r FILE or --python ENV."
_MOST_BYTES = 50_000_000
_DEEPEST = 10  # requirements files that name one another
_HASH = re.compile(r"\s--(?:hash|config-settings?|global-option)[= ].*")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_INCLUDES = re.compile(r"(?:-r|--requirement)(?:\s+|=|(?=\S))(.+)")
_NO_NAME = re.compile(r"(?:-e\s|--editable[\s=]|\.|/|file:|git\+|https?:)|[^@]*\.(?:whl|tar\.gz|zip)$")


class Asked(NamedTuple):
    """What a project asks for: its own requirements, what a lock makes of them (by canonical name), and what was left out."""

    source: str
    requirements: tuple[Requirement, ...]
    locked: Mapping[str, Locked] = {}
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The canonical names of the requirements, each once."""
        return list(dict.fromkeys(canonicalize_name(each.name) for each in self.requirements))


def read_project(folder: Path, groups: tuple[str, ...] = ()) -> Asked:
    """The requirements of the project in a folder, with its lock if there is one; SelectorError where there are none."""
    if not folder.is_dir():
        raise SelectorError(f"{printable(str(folder))}: this is no folder", ACCEPTED)
    project, lock = folder / "pyproject.toml", next((folder / n for n in LOCKS if (folder / n).is_file()), None)
    locked, roots = locked_in(lock, read_toml(lock)) if lock is not None else ({}, ())
    if project.is_file():
        own, built = _of_pyproject(read_toml(project), project, groups)
        if own or lock is None:
            notes = (BUILT.format(project.name),) if built and lock is None else ()
            own = (*roots, *own) if built else own
            return Asked(f"{project.name}{f' and {lock.name}' if lock else ''}", own, locked, notes)
    if groups:
        raise SelectorError(f"--group {groups[0]}: only pyproject.toml has groups", f"there is none in {folder}")
    if lock is not None:
        return Asked(lock.name, roots, locked)
    if (folder / "requirements.txt").is_file():
        return read_requirements((folder / "requirements.txt",))
    raise SelectorError(f"{printable(str(folder))}: nothing in it says what the project requires", ACCEPTED)


def read_toml(file: Path) -> dict[str, Any]:
    """A TOML file as it is; SelectorError, with the place, for one that is none."""
    try:
        return tomllib.loads(_text_of(file))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SelectorError(f"{printable(str(file))}: no TOML: {one_line(str(error), 200)}", ACCEPTED) from None


def _text_of(file: Path) -> str:
    """The text of a file that somebody else wrote."""
    name = printable(str(file))
    data = read_regular_file(file, _MOST_BYTES)
    if data is None:
        what = "there is no such file" if not file.exists() else f"no file of at most {_MOST_BYTES:,} bytes to read"
        raise SelectorError(f"{name}: {what}", ACCEPTED)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SelectorError(f"{name}: not UTF-8 text (byte {error.start})", ACCEPTED) from None


# pyproject.toml -------------------------------------------------------------------------------------------------------


def _of_pyproject(data: dict[str, Any], file: Path, groups: tuple[str, ...]) -> tuple[tuple[Requirement, ...], bool]:
    """The dependencies of the project, and of the groups and extras that are named; whether a build works out its own."""
    project = _table(data, "project", file)
    found = [_requirement(text, f"{file}: project.dependencies") for text in _texts(project, "dependencies", file)]
    extras = _table(project, "optional-dependencies", file)
    shared = _table(data, "dependency-groups", file)
    for name in groups:
        known = {canonicalize_name(each): each for each in (*extras, *shared)}
        meant = known.get(canonicalize_name(name))
        if meant is None:
            hint = f"one of {', '.join(known.values())}" if known else "it has none"
            raise SelectorError(f"--group {quoted(name)}: {file.name} has no such group{suggestion(name, known)}", hint)
        if meant in extras:
            found += [_requirement(t, f"{file}: {meant}") for t in _texts(extras, meant, file)]
        else:
            found += _of_group(shared, meant, file, ())
    poetry = _table(_table(_table(data, "tool", file), "poetry", file), "dependencies", file)
    if not found and poetry:
        found = [_requirement(name, f"{file}: tool.poetry.dependencies") for name in poetry if name != "python"]
    dynamic = project.get("dynamic")
    built = not poetry and isinstance(dynamic, list) and "dependencies" in dynamic
    return tuple(found), built


def _of_group(groups: dict[str, Any], name: str, file: Path, above: tuple[str, ...]) -> list[Requirement]:
    """A dependency group, with those that it includes (PEP 735)."""
    place = f"{file}: dependency-groups.{name}"
    if name in above:
        raise SelectorError(f"{place}: it includes itself", "take that out")
    entries = groups.get(name)
    if not isinstance(entries, list):
        raise SelectorError(f"{place}: {quoted(entries)} is no list of requirements", 'such as ["numpy>=2"]')
    found: list[Requirement] = []
    for entry in entries:
        if isinstance(entry, str):
            found.append(_requirement(entry, place))
        elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
            found += _of_group(groups, entry["include-group"], file, (*above, name))
        else:
            raise SelectorError(f"{place}: {quoted(entry)} is no requirement", 'such as "numpy>=2"')
    return found


def _table(data: dict[str, Any], key: str, file: Path) -> dict[str, Any]:
    found = data.get(key, {})
    if not isinstance(found, dict):
        raise SelectorError(f"{printable(str(file))}: {key} is {quoted(found)}", "a table, as in pyproject.toml")
    return found


def _texts(table: dict[str, Any], key: str, file: Path) -> list[str]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise SelectorError(f"{printable(str(file))}: {key} is {quoted(found)}", 'a list such as ["numpy>=2"]')
    return found


# Requirements files ---------------------------------------------------------------------------------------------------


def read_requirements(files: tuple[Path, ...]) -> Asked:
    """The requirements of files as pip takes them; what has no name (a path, a URL) is left out, which is noted."""
    found: list[Requirement] = []
    notes: list[str] = []
    for file in files:
        for line, where in _lines(file, ()):
            if _NO_NAME.match(line):
                notes.append(f"{where}: {printable(one_line(line, 100))} has no name and is left out.")
            else:
                found.append(_requirement(line, where))
    return Asked(", ".join(printable(file.name) for file in files), tuple(found), {}, tuple(notes))


def _lines(file: Path, above: tuple[Path, ...]) -> Iterator[tuple[str, str]]:
    """The requirements of a file and of those that it names, each with its place; options of pip are left out."""
    if file.resolve() in above or len(above) >= _DEEPEST:
        return
    text, start = "", 1
    for number, raw in enumerate(f"{_text_of(file)}\n".split("\n"), start=1):
        start = start if text else number
        text += _COMMENT.sub("", raw.rstrip("\r"))
        if raw.rstrip().endswith("\\"):
            text = text.rstrip().removesuffix("\\") + " "
            continue
        line, where, text = _HASH.sub("", text).strip(), f"{printable(str(file))}:{start}", ""
        if included := _INCLUDES.match(line):
            yield from _lines(file.parent / included[1].strip(" \"'"), (*above, file.resolve()))
        elif line and (not line.startswith("-") or _NO_NAME.match(line)):
            yield line, where


def _requirement(text: str, where: str) -> Requirement:
    """One requirement (PEP 508); SelectorError, with its place, for what is none."""
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        why = one_line(str(error).partition("\n")[0], 200)
        raise SelectorError(
            f"{printable(where)}: {quoted(text)} is no requirement: {printable(why)}",
            "a name with versions, such as numpy>=2",
        ) from None
