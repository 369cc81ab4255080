"""How items flow through a system: how many each part gets, and how many a part passes on to each that it feeds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from selector.workload.system import SystemProfile

_MOST_EACH = 1e9  # items for each of a part that has next to none: a number that JSON can say


class Flow(NamedTuple):
    """What flows through a system.

    `volumes` are the items of each part (None: not known): a second for a service, in all for a batch; where nobody says
    how many there are, for each item that enters at a source. `passes` is how many items a part hands to another for each
    that it has done. `amounts` tells whether the volumes are amounts, or only relative to each other.
    """

    volumes: Mapping[str, float | None]
    passes: Mapping[tuple[str, str], float]
    amounts: bool

    def entering(self, system: SystemProfile) -> float | None:
        """The items that enter the system, at all of its sources together."""
        found = [self.volumes[part.name] for part in system.parts if not system.feeders(part.name)]
        known = [volume for volume in found if volume is not None]
        return sum(known) if len(known) == len(found) else None


def flow_of(system: SystemProfile) -> Flow:
    """The flow of a system: a part that says how many items it gets, gets as many, spread over those that feed it alike.

    Else it gets each item of each part that feeds it.
    """
    field = "requests_per_second" if system.mode == "service" else "tasks"
    said = {part.name: getattr(part.profile, field) for part in system.parts}
    amounts = any(value is not None for value in said.values())
    volumes: dict[str, float | None] = {}
    passes: dict[tuple[str, str], float] = {}
    for part in system.in_order():
        feeders, own = system.feeders(part.name), said[part.name]
        before = [volumes[feeder.name] for feeder in feeders]
        known = [volume for volume in before if volume is not None]
        inflow = sum(known) if feeders and len(known) == len(before) else None
        start = None if feeders or amounts else 1.0
        volumes[part.name] = float(own) if own is not None else inflow if feeders else start
        each = min(own / inflow, _MOST_EACH) if own is not None and inflow else 1.0
        passes.update({(feeder.name, part.name): each for feeder in feeders})
    return Flow(volumes, passes, amounts)
