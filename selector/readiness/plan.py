"""What is to be looked at: the packages that requirements lead to, and the way to each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from selector.readiness.environments import Distribution, Environment
from selector.readiness.graph import Graph
from selector.readiness.locks import Locked
from selector.readiness.reading import Asked
from selector.readiness.wheels import is_native


@dataclass(frozen=True)
class Plan:
    """The requirements, where they stand, what a lock says, and what needs what; the first environment is their own."""

    source: str
    requirements: tuple[Requirement, ...]
    locked: Mapping[str, Locked]
    environments: tuple[Environment, ...]

    @cached_property
    def graph(self) -> Graph:
        """What needs what under one of the Pythons."""
        return Graph(self._requires, [environment.markers for environment in self.environments])

    @cached_property
    def under(self) -> dict[str, tuple[Graph, frozenset[str]]]:
        """By tag: what needs what under that Python alone, and the packages that the requirements lead to there."""
        graphs = {e.tag: Graph(self._requires, [e.markers]) for e in self.environments}
        return {tag: (graph, frozenset(self._packages(graph))) for tag, graph in graphs.items()}

    @cached_property
    def _requires(self) -> dict[str, tuple[Requirement, ...]]:
        """What each package needs: by what is installed, else by the lock."""
        requires = {name: lock.requires for name, lock in self.locked.items()}
        for environment in reversed(self.environments):
            requires |= {name: package.requires for name, package in environment.packages.items()}
        return requires

    @cached_property
    def ways(self) -> dict[str, tuple[str, ...]]:
        """The packages by canonical name, in the order that they are reached in, with the way to each."""
        return self._packages(self.graph)

    def _packages(self, graph: Graph) -> dict[str, tuple[str, ...]]:
        """The way to each package; the project itself and members of its workspace count where they are installed."""
        ways = graph.ways(self.requirements)
        own = {n for n in ways if n in self.locked and self.locked[n].version is None and self.anywhere(n) is None}
        return {name: tuple(each for each in way if each not in own) for name, way in ways.items() if name not in own}

    def anywhere(self, name: str) -> Distribution | None:
        """A package as it is installed in the first environment that has it."""
        return next((e.packages[name] for e in self.environments if name in e.packages), None)

    def version(self, name: str) -> str | None:
        """The version that is installed, else that of the lock."""
        package, lock = self.anywhere(name), self.locked.get(name)
        return package.version if package is not None else lock.version if lock is not None else None

    def specifier(self, name: str) -> str:
        """What the requirements ask of a package: versions such as >=2."""
        asked = (r for r in self.requirements if canonicalize_name(r.name) == name)
        return ",".join(filter(None, (str(each.specifier) for each in asked)))

    def is_native(self, name: str) -> bool:
        """Whether a package is known to have native code: by what is installed, or by the wheels of the lock."""
        package, lock = self.anywhere(name), self.locked.get(name)
        if package is not None:
            return package.native or is_native(package.tags)
        wheels = [file for file in (lock.files if lock is not None else ()) if file.endswith(".whl")]
        return any(not file.endswith("-any.whl") for file in wheels)

    def goes_anywhere(self, name: str, python: str) -> bool:
        """Whether a package is pure Python, as it is installed, and for a version of Python, such as 3.13.15."""
        package = self.anywhere(name)
        if package is None or package.native or package.editable or not package.tags or is_native(package.tags):
            return False
        try:
            return SpecifierSet(package.python).contains(python, prereleases=True)
        except InvalidSpecifier:
            return False

    def provides(self, module: str) -> str | None:
        """The package that a module of this name belongs to, in any of the environments."""
        return next((owner for e in self.environments if (owner := e.owner(module)) is not None), None)


def plan_of(asked: Asked | None, environments: Sequence[Environment]) -> Plan:
    """The plan for what is asked; None: for all that is installed for the first Python."""
    home = environments[0]
    if asked is None:
        requirements = tuple(Requirement(name) for name in home.roots())
        return Plan(f"what is installed for {home.python.path}", requirements, {}, tuple(environments))
    return Plan(asked.source, asked.requirements, asked.locked, tuple(environments))
