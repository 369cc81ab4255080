"""Lock files of uv, poetry and pdm: every package with its version, what it needs, and its files. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, canonicalize_name

from selector.errors import SelectorError
from selector.text import printable, quoted

LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")


class Locked(NamedTuple):
    """A package of a lock: what it needs, and the names of its files (empty: the lock does not say).

    One without a version is a project that was locked, or a member of its workspace: no index has it to install.
    """

    version: str | None
    requires: tuple[Requirement, ...]
    files: tuple[str, ...]


def locked_in(file: Path, data: dict[str, Any]) -> tuple[dict[str, Locked], tuple[Requirement, ...]]:
    """The packages by canonical name, and the requirements of the project as far as the lock tells.

    A project that is in the lock itself (uv) says what it requires; without one, all packages are required.
    """
    packages = data.get("package", [])
    if not isinstance(packages, list) or not all(isinstance(each, dict) for each in packages):
        raise SelectorError(f"{printable(str(file))}: package is {quoted(packages)}", "a lock of uv, poetry or pdm")
    found: dict[str, Locked] = {}
    roots: list[Requirement] = []
    for number, package in enumerate(packages, start=1):
        name, version = package.get("name"), package.get("version")
        if not isinstance(name, str) or not isinstance(version, str | None):
            raise SelectorError(
                f"{printable(str(file))}: package {number} has the name {quoted(name)} and the version {quoted(version)}",
                "a lock of uv, poetry or pdm",
            )
        try:
            canonical = canonicalize_name(name, validate=True)
        except InvalidName:
            raise SelectorError(
                f"{printable(str(file))}: package {number} has the name {quoted(name)}", "a lock of uv, poetry or pdm"
            ) from None
        if _is_project(package):
            found[canonical] = Locked(None, tuple(_requires(package)), ())
            roots += found[canonical].requires
        elif version is not None:
            known = found.get(canonical, Locked(version, (), ()))
            requires, files = (*known.requires, *_requires(package)), (*known.files, *_files(package))
            found[canonical] = Locked(version, requires, files)
    projects = any(lock.version is None for lock in found.values())
    return found, tuple(roots) if projects else _roots(found)


def _roots(found: dict[str, Locked]) -> tuple[Requirement, ...]:
    """What leads to every package of a lock: first what no other needs, then what they do not lead to.

    A need with an extra leads nowhere, as the lock does not say who asks for the extra.
    """
    needs = {
        name: {canonicalize_name(need.name) for need in lock.requires if not _of_extra(need)}
        for name, lock in found.items()
    }
    needed = {need for name, own in needs.items() for need in own if need != name}
    roots: list[str] = []
    reached: set[str] = set()
    for name in (*(n for n in found if n not in needed), *found):
        if name not in reached:
            roots.append(name)
            ahead = [name]
            while ahead:
                if (each := ahead.pop()) not in reached:
                    reached.add(each)
                    ahead += needs.get(each, ())
    return tuple(map(Requirement, roots))


def _of_extra(need: Requirement) -> bool:
    """Whether a need holds with some extra alone, as far as its marker tells."""
    return need.marker is not None and "extra" in str(need.marker)


def _is_project(package: dict[str, Any]) -> bool:
    """Whether this is the project that was locked, or a member of its workspace (uv)."""
    source = package.get("source")
    return isinstance(source, dict) and bool({"editable", "virtual"} & set(source))


def _requires(package: dict[str, Any]) -> Iterator[Requirement]:
    """What a package needs: a list of tables (uv) or of texts (pdm), or a table by name (poetry); with an extra where it says so."""
    own = package.get("extras")
    for_extras = own if isinstance(own, list) else []  # of pdm: what the package needs with these extras
    yield from _needs(package.get("dependencies"), [each for each in for_extras if isinstance(each, str)])
    more = package.get("optional-dependencies")
    for extra, needs in more.items() if isinstance(more, dict) else ():
        yield from _needs(needs, [extra])
    named = own if isinstance(own, dict) else {}  # of poetry: what an extra adds, as text
    for extra, texts in named.items():
        yield from _needs(
            [t.partition(" ")[0] for t in texts if isinstance(t, str)] if isinstance(texts, list) else [], [extra]
        )


def _needs(needs: Any, extras: list[str]) -> Iterator[Requirement]:
    """Some needs, which hold with one of these extras, if there are any."""
    if isinstance(needs, dict):
        needs = [{"name": name, **(how if isinstance(how, dict) else {})} for name, how in needs.items()]
    for need in needs if isinstance(needs, list) else []:
        if isinstance(need, dict) and need.get("optional") is True:
            continue
        try:
            found = Requirement(_text(need) if isinstance(need, dict) else str(need))
            if extras:
                of_extra = " or ".join(f"extra == '{each}'" for each in extras)
                found.marker = Marker(f"({of_extra}) and ({found.marker})" if found.marker else of_extra)
        except (InvalidRequirement, InvalidMarker):
            continue  # a marker of the tool's own: what it needs is in the lock all the same
        yield found


def _text(need: dict[str, Any]) -> str:
    """A need of a table as the text of a requirement, without its version, which the lock has."""
    extras, marker = need.get("extra", need.get("extras")), need.get("marker", need.get("markers"))
    text = str(need.get("name"))
    text += f"[{','.join(map(str, extras))}]" if isinstance(extras, list) and extras else ""
    return text + (f" ; {marker}" if isinstance(marker, str) and marker else "")


def _files(package: dict[str, Any]) -> Iterator[str]:
    """The names of its wheels and of its source."""
    wheels, sdist = package.get("wheels", package.get("files", [])), package.get("sdist")
    for each in [*(wheels if isinstance(wheels, list) else []), sdist]:
        place = (each.get("file") or each.get("url") or each.get("path")) if isinstance(each, dict) else None
        if isinstance(place, str):
            yield PurePosixPath(place.partition("#")[0]).name
