"""One task, tried out: the settings that make the work right, and what it takes."""

from __future__ import annotations

import time
from typing import Any

from here import _queued_seconds
from workload import Workload


def _calibrate(workload: Workload, order: dict[str, Any]) -> dict[str, Any]:
    """The settings that make the work right, what the costly start takes, and one task's time and CPU time.

    A time is without what its thread waited for a CPU, which says nothing of the work. `stand_in` among the settings,
    where work is made: the milliseconds of CPU that a task should take, and those that it was found to take.
    """
    workload.configure(order["settings"])
    settings = {**order["settings"], **workload.calibrate()}
    stand_in = settings.pop("stand_in", None)
    begun = time.perf_counter()
    workload.start(settings)
    startup = time.perf_counter() - begun
    walls: list[float] = []
    cpus: list[float] = []
    for item in workload.items(8):
        queued, begun, cpu = _queued_seconds(), time.perf_counter(), time.process_time()
        workload.work(item)
        took, cpu = time.perf_counter() - begun, time.process_time() - cpu
        walls.append(max(took - (_queued_seconds() - queued), min(cpu, took)))
        cpus.append(cpu)
        if sum(walls) > 0.2:
            break
    if len(walls) > 2:  # the first one opened its connection
        del walls[0], cpus[0]
    walls.sort()
    cpus.sort()
    middle = len(walls) // 2
    return {
        "settings": settings,
        "startup_seconds": startup,
        "wall_seconds": walls[middle],
        "cpu_seconds": min(cpus[middle], walls[middle]),
        "stand_in": stand_in,
    }
