"""The costs of the model from what was measured on this host: documented where it was not.

Pure. What the script measured is in the terms of one Python (templates/calibration.py) and mostly under the name that
the model has for it; what compares two Pythons, or depends on how many CPUs there are, is reckoned here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from selector.cost.terms import Builds, Costs

_Measured = Mapping[str, float]

_LEAST = 1e-6  # a cost is over 0
_MOST_WORKERS = 16  # that efficiencies are measured with (templates/calibration.py)
_SLOWDOWNS = ("free_threaded_slowdown", "free_threaded_slowdown_313")


def documented_builds(costs: Costs) -> Builds:
    """Documented costs under both builds: they differ in the slowdown, which the model adds, and in memory."""
    more = costs["base_memory_mb"] * costs["free_threaded_memory_factor"]
    return Builds(costs, {**costs, "base_memory_mb": more})


def calibrated_builds(documented: Costs, cpus: int, gil: _Measured, free: _Measured) -> Builds:
    """The documented costs, replaced by those measured under a Python with a GIL and under a free-threaded one.

    Either may be empty: nothing of it was measured. `cpus` is how many CPUs could be used.
    """
    builds = documented_builds(documented)
    compared = dict(_compared(gil, free))
    return Builds({**_replaced(builds.gil, cpus, gil), **compared}, {**_replaced(builds.free, cpus, free), **compared})


def _replaced(costs: Costs, cpus: int, measured: _Measured) -> dict[str, float]:
    found = {**measured, **dict(_contentions(cpus, measured))}
    return {name: max(found.get(name, documented), _LEAST) for name, documented in costs.items()}


def _contentions(cpus: int, measured: _Measured) -> Iterator[tuple[str, float]]:
    """What an efficiency with a worker for each CPU comes to for any number of them (see costs.yaml)."""
    others = min(cpus, _MOST_WORKERS) - 1
    for name, efficiency in measured.items():
        if name.startswith("efficiency_") and others and efficiency > 0:
            yield name.replace("efficiency", "contention"), (1 / max(efficiency, 0.01) - 1) / others


def _compared(gil: _Measured, free: _Measured) -> Iterator[tuple[str, float]]:
    """How much longer pure Python takes on the free-threaded build: arithmetic, and as the spread work with objects."""
    ratios = [_ratio(free, gil, f"python_{kind}_ns") for kind in ("arithmetic", "objects")]
    if ratios[0] is not None:
        yield from dict.fromkeys(_SLOWDOWNS, ratios[0]).items()
    if ratios[0] is not None and ratios[1] is not None:
        yield "free_threaded_spread", max(ratios[1] / ratios[0], 1.0)


def _ratio(free: _Measured, gil: _Measured, name: str) -> float | None:
    return min(max(1.0, free[name] / gil[name]), 100.0) if gil.get(name) and free.get(name) else None
