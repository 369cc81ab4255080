"""What is installed for a Python: asked in a child of it, and read as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, canonicalize_name

from selector.errors import SelectorError
from selector.measure.children import Job, Laboratory, Said
from selector.measure.python import ChosenPython
from selector.text import one_line, printable, quoted

SECONDS = 60.0  # to read what is installed
#: What is in each environment to install others with, and asked for by nobody.
INSTALLERS = ("pip", "setuptools", "wheel")


class Distribution(NamedTuple):
    """An installed package: its modules, the extension modules that it may import late, the tags of its wheel.

    `stamp` changes whenever a file of it does.
    """

    name: str  # canonical
    version: str
    requires: tuple[Requirement, ...]
    python: str  # the versions of Python that it is for, such as >=3.10
    tags: tuple[str, ...]
    modules: tuple[str, ...]
    late: tuple[str, ...]
    native: bool
    editable: bool
    stamp: str


class Environment(NamedTuple):
    """A Python with what is installed for it, by canonical name; `markers` are the variables of markers there."""

    python: ChosenPython
    markers: Mapping[str, str]
    packages: Mapping[str, Distribution]
    problem: str = ""  # why metadata of something could not be read

    @property
    def tag(self) -> str:
        """Such as 3.14, or 3.13t."""
        return self.python.tag

    def owner(self, module: str) -> str | None:
        """The package that a module belongs to; of a short name, the one that has such an extension module."""
        parts = module.split(".")
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            for each in self.packages.values():
                if name in each.modules or name in each.late:
                    return each.name
        if len(parts) > 1:  # private modules, and those of namespaces
            tops = (p.name for p in self.packages.values() if parts[0] in {m.partition(".")[0] for m in p.modules})
            return next(tops, None)
        ends = (p.name for p in self.packages.values() if any(m.endswith(f".{module}") for m in p.late))
        return next(ends, None)

    def roots(self) -> list[str]:
        """What no other package needs, apart from what installs others."""
        needed = {canonicalize_name(n.name) for p in self.packages.values() for n in p.requires if n.marker is None}
        needed |= {
            canonicalize_name(need.name)
            for package in self.packages.values()
            for need in package.requires
            if need.marker is not None and need.marker.evaluate({**self.markers, "extra": ""})
        }
        own = [name for name in self.packages if name not in needed and name not in INSTALLERS]
        return own or [name for name in self.packages if name not in INSTALLERS]


def read_environments(pythons: Sequence[ChosenPython], laboratory: Laboratory, at_once: int) -> list[Environment]:
    """What is installed for each; SelectorError for a Python that cannot say so."""
    jobs = [Job("installed", python, SECONDS, most_seconds=SECONDS) for python in pythons]
    return [environment_of(said) for said in laboratory.run_all(jobs, at_once)]


def environment_of(said: Said) -> Environment:
    """What a child said is installed. Pure."""
    markers = said.facts.get("markers")
    if not said.done or not isinstance(markers, dict):
        problem = said.facts.get("problem")
        why = problem.get("text") if isinstance(problem, dict) else said.fault
        why = f"that takes more than {SECONDS:g} s" if said.timed_out else why
        raise SelectorError(
            f"{said.python.path}: what is installed there cannot be read: {printable(one_line(str(why or said.errors), 200))}",
            "name a Python that runs: --python ENV, --interpreter PATH",
            1,
        )
    packages = {}
    broken = said.facts.get("broken")
    for key, told in said.facts.items():
        if key.startswith("dist ") and isinstance(told, dict):
            try:
                each = _distribution(told)
            except InvalidName:  # what stands there may become the argument of a resolver
                broken = f"the name {quoted(told.get('name'))}"
                continue
            packages[each.name] = each
    note = f"{said.python.tag}: metadata that cannot be read: {printable(one_line(str(broken), 200))}" if broken else ""
    return Environment(said.python, {str(k): str(v) for k, v in markers.items()}, dict(sorted(packages.items())), note)


def _distribution(told: Mapping[str, Any]) -> Distribution:
    return Distribution(
        name=canonicalize_name(str(told.get("name")), validate=True),
        version=_word(told.get("version")),
        requires=tuple(_requirements(_words(told.get("requires")))),
        python=_word(told.get("python") or ""),
        tags=_words(told.get("tags")),
        modules=_words(told.get("modules")),
        late=_words(told.get("late")),
        native=told.get("native") is True,
        editable=told.get("editable") is True,
        stamp=_word(told.get("stamp")),
    )


def _requirements(texts: Sequence[str]) -> list[Requirement]:
    """Those that are requirements: metadata of old packages hold others, too."""
    found = []
    for text in texts:
        try:
            found.append(Requirement(text))
        except InvalidRequirement:
            continue
    return found


def _word(value: object) -> str:
    return printable(one_line(str(value), 200))


def _words(value: object) -> tuple[str, ...]:
    return tuple(map(_word, value)) if isinstance(value, list) else ()
