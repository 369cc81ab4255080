"""From the texts that a user gives to a request: everything is read and checked before anything is run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from selector.errors import SelectorError
from selector.host import find_interpreters
from selector.measure.python import ChosenPython, choose_python, named_python, release_of
from selector.readiness.reading import ACCEPTED, Asked, read_project, read_requirements

_OLDEST = (3, 10)  # that the probe runs on


@dataclass(frozen=True)
class Request:
    """What is to be looked at: the project's folder, what it asks for (None: all that is installed), and the Pythons.

    The first Python is the one that the packages are in; each is of another tag. `loop` is whether the code in the folder
    is looked at, too; `offline`: no index is asked; `fresh`: nothing that was found out before is used.
    """

    folder: Path
    asked: Asked | None
    pythons: tuple[ChosenPython, ...]
    loop: bool = True
    offline: bool = False
    fresh: bool = False


def request_of(
    project: str | None,
    *,
    files: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
    python: str | None = None,
    interpreters: tuple[str, ...] = (),
    loop: bool = False,
    offline: bool = False,
    fresh: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Request:
    """The request; SelectorError, with what is accepted, for anything that cannot be meant.

    A Python alone means what is installed for it; then its loop is only looked at where that is asked for.
    """
    folder = Path(project or ".").absolute()
    if project is not None and not folder.is_dir():
        raise SelectorError(f"{project}: this is no folder", ACCEPTED)
    asked = None
    if files:
        asked = read_requirements(tuple(map(Path, files)))
        if groups:
            raise SelectorError("--group: requirements files have no groups", "leave -r or --group out")
    elif project is not None or python is None or groups:
        asked = read_project(folder, groups)
    return Request(
        folder=folder,
        asked=asked,
        pythons=_pythons(python, interpreters, folder, environ),
        loop=loop or asked is not None,
        offline=offline,
        fresh=fresh,
    )


def _pythons(
    python: str | None, interpreters: tuple[str, ...], folder: Path, environ: Mapping[str, str]
) -> tuple[ChosenPython, ...]:
    """The Python that has the packages, and further ones: those given, else the free-threaded ones found here."""
    further = [named_python(each) for each in interpreters]
    home = further[0] if further and python is None else choose_python(python, environ, folder)
    found = {home.tag: home}
    for each in further:
        known = found.setdefault(each.tag, each)
        if known.path != each.path:
            raise SelectorError(
                f"--interpreter {each.path}: this is a {each.tag}, and so is {known.path}",
                "name one Python for each version; run it once more for the other",
            )
    if not interpreters:
        for other in find_interpreters():
            if other.free_threaded and other.implementation == "CPython" and release_of(other.tag) >= _OLDEST:
                found.setdefault(other.tag, ChosenPython(other.path, "found here", other))
    return tuple(found.values())
