"""Which dependencies stand in the way: of free threads, of subinterpreters, of the event loop; and whether that matters."""

from selector.readiness.models import (
    GOALS,
    BuildReadiness,
    DepsReport,
    Gain,
    Goal,
    LoopFinding,
    PackageReadiness,
    SubinterpreterReadiness,
)
from selector.readiness.survey import check_dependencies

__all__ = [
    "GOALS",
    "BuildReadiness",
    "DepsReport",
    "Gain",
    "Goal",
    "LoopFinding",
    "PackageReadiness",
    "SubinterpreterReadiness",
    "check_dependencies",
]
