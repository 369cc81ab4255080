"""Which Python a user's function runs under: the one that has its dependencies, and never silently the tool's own."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from selector.errors import SelectorError
from selector.host import environment_python, find_interpreters, interpreter_at
from selector.host.interpreters import Interpreter
from selector.host.places import is_ours, made_for_us
from selector.text import quoted

OLDEST = (3, 10)  # that the probe runs on
SUBINTERPRETERS = (3, 14)  # the first that has a pool of them
_HINT = "give the path of the Python that has its dependencies: --python PATH"
_ROOTS = ("pyproject.toml", "setup.py", ".git")  # what lies in the top folder of a project


class ChosenPython(NamedTuple):
    """A Python to measure under: its path as it was named (a virtual environment has packages of its own), and why it."""

    path: str
    why: str
    interpreter: Interpreter

    @property
    def tag(self) -> str:
        """Such as 3.14, or 3.13t."""
        return self.interpreter.tag

    def __str__(self) -> str:
        return f"Python {self.interpreter.version} ({self.path}, {self.why})"


def choose_python(given: str | None, environ: Mapping[str, str], folder: Path) -> ChosenPython:
    """The Python that a function is measured under; SelectorError where there is none that can be.

    `given`, else that of the active environment, else the .venv of the project that the folder is in, else python3 on PATH.
    An environment that uvx or pre-commit made for this tool is none of these, where there is another.
    """
    if given is not None:
        return named_python(given)
    path, why = _found(environ, folder)
    return checked(path, f"{why}, which this tool runs in, too" if is_ours(path) else why)


def named_python(given: str) -> ChosenPython:
    """The Python that an option names by its path, the folder of its environment or its version; SelectorError for none."""
    tag = given.strip().casefold()
    if re.fullmatch(r"3\.\d{1,2}t?", tag, re.ASCII):
        found = [each for each in find_interpreters() if each.tag == tag and each.implementation == "CPython"]
        if not found:
            hint = "give its path, or one of: concurrency-selector host"
            raise SelectorError(f"no interpreter {quoted(given)} on this machine", hint)
        return checked(found[-1].path, "as given")
    return checked(*_named(given))


def checked(path: str, why: str) -> ChosenPython:
    """A Python by its path; SelectorError where it is none that the probe runs on."""
    interpreter = interpreter_at(path)
    if interpreter.implementation != "CPython" or release_of(interpreter.tag) < OLDEST:
        what = f"{interpreter.implementation} {interpreter.version}"
        raise SelectorError(f"{path} is {what}: measuring takes CPython {OLDEST[0]}.{OLDEST[1]} or later", _HINT)
    return ChosenPython(path, why, interpreter)


def release_of(tag: str) -> tuple[int, int]:
    """The release that a tag such as 3.13t stands for."""
    return 3, int(tag.removeprefix("3.").rstrip("t"))


def _named(given: str) -> tuple[str, str]:
    """The Python that an option names; a folder is taken for a virtual environment."""
    path = os.path.expanduser(given)
    if os.path.isdir(path):
        path = environment_python(path)
    return os.path.abspath(shutil.which(path) or path), "as given"  # not resolved: it is an environment


def _found(environ: Mapping[str, str], folder: Path) -> tuple[str, str]:
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        path = environment_python(environ.get(variable) or "")
        if environ.get(variable) and os.path.isfile(path) and not made_for_us(path, environ):
            return path, "the active environment's"
    for place in _up_to_the_root(folder):
        path = environment_python(str(place / ".venv"))
        if os.path.isfile(path):
            return path, "the project's .venv"
    on_path = list(_on_path(environ))
    if not on_path:
        raise SelectorError(
            "there is no Python to run the function: no active environment, no .venv, no python3", _HINT
        )
    path, name = next((each for each in on_path if not made_for_us(each[0], environ)), on_path[0])
    return path, f"{name} on PATH"


def _on_path(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every Python on PATH, with the name by which it is found."""
    for name in ("python3", "python"):
        for place in environ.get("PATH", os.defpath).split(os.pathsep):
            if found := shutil.which(name, path=place):
                yield os.path.abspath(found), name


def _up_to_the_root(folder: Path) -> list[Path]:
    """The folder, and those above it up to the top of the project; without a project the folder alone."""
    above = [folder, *folder.parents]
    for number, place in enumerate(above):
        if any((place / mark).exists() for mark in _ROOTS):
            return above[: number + 1]
    return [folder]
