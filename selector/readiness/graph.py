"""Which package needs which, and the way from a requirement to a package. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_Place = tuple[str, frozenset[str]]  # a package with the extras that it is wanted with


class Graph:
    """What needs what, by canonical names: a need counts where its marker holds in one of the environments."""

    def __init__(self, requires: Mapping[str, Sequence[Requirement]], markers: Sequence[Mapping[str, str]]) -> None:
        self._requires, self._markers = requires, tuple(markers)

    def ways(self, requirements: Iterable[Requirement]) -> dict[str, tuple[str, ...]]:
        """Every package that requirements lead to, with the shortest way from one of them to it, both included."""
        starts = [_place(each) for each in requirements if self._holds(each, frozenset())]
        came: dict[_Place, _Place | None] = dict.fromkeys(starts)
        found: dict[str, tuple[str, ...]] = {}
        ahead = deque(came)
        while ahead:
            place = ahead.popleft()
            if place[0] not in found:
                found[place[0]] = _way(place, came)
            for need in self._requires.get(place[0], ()):
                there = _place(need)
                if there not in came and self._holds(need, place[1]):
                    came[there] = place
                    ahead.append(there)
        return found

    def way(self, start: str, end: str) -> tuple[str, ...]:
        """The shortest way from a package to another; the two alone where no metadata tell of one."""
        return self.ways([Requirement(start)]).get(end, (start, end) if start != end else (start,))

    def needs(self, name: str) -> list[str]:
        """What a package needs itself, without any extra."""
        return [canonicalize_name(n.name) for n in self._requires.get(name, ()) if self._holds(n, frozenset())]

    def _holds(self, need: Requirement, extras: frozenset[str]) -> bool:
        if need.marker is None:
            return True
        for environment in self._markers or ({},):
            for extra in extras or ("",):
                try:
                    if need.marker.evaluate({**environment, "extra": extra}):
                        return True
                except (UndefinedComparison, UndefinedEnvironmentName, KeyError):
                    return True  # nobody can say: rather one package too many
        return False


def _place(need: Requirement) -> _Place:
    return canonicalize_name(need.name), frozenset(map(canonicalize_name, need.extras))


def _way(place: _Place, came: Mapping[_Place, _Place | None]) -> tuple[str, ...]:
    way: list[str] = []
    at: _Place | None = place
    while at is not None:
        way.append(at[0])
        at = came[at]
    return tuple(dict.fromkeys(reversed(way)))
