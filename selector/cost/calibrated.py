"""The costs of the model from what was measured on this host: documented where it was not.

Pure. What the script measured is in the terms of one Python (templates/calibration.py); the model adds some of it up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from selector.cost.predict import Costs

_Measured = Mapping[str, float]

#: Costs that are measured as the model has them: of the Python with a GIL.
_SAME = (
    "thread_start_ms", "thread_dispatch_ms", "loop_handover_ms", "chunked_dispatch_ms", "process_copy_mb_per_s",
    "subinterpreter_dispatch_ms", "base_memory_mb", "thread_memory_mb", "process_memory_mb", "subinterpreter_memory_mb",
)  # fmt: skip
_START_METHODS = ("fork", "forkserver", "spawn")
_LEAST = 1e-6  # a cost is over 0


def with_calibration(documented: Costs, cpus: int, gil: _Measured, free: _Measured) -> Costs:
    """The documented costs, replaced by those measured under a Python with a GIL and under a free-threaded one.

    Either may be empty: nothing of it was measured. `cpus` is how many workers the efficiencies were measured with.
    """
    return {**documented, **{key: max(value, _LEAST) for key, value in _measured(cpus, gil, free) if key in documented}}


def _measured(cpus: int, gil: _Measured, free: _Measured) -> Iterator[tuple[str, float]]:
    yield from ((key, gil[key]) for key in _SAME if key in gil)
    yield from _added_up(gil)
    yield from _builds(gil, free)
    if "efficiency_processes" in gil and cpus > 1:
        speedup = cpus * gil["efficiency_processes"]
        yield "parallel_efficiency", min(1.0, (speedup - 1) / (cpus - 1))


def _added_up(gil: _Measured) -> Iterator[tuple[str, float]]:
    """Costs that the model has for a pool of two, or for a whole way there and back."""
    for method in _START_METHODS:
        pool, more = gil.get(f"process_pool_{method}_ms"), gil.get(f"process_start_{method}_ms")
        if pool is not None and more is not None:
            yield f"process_pool_{method}_ms", pool + more
            yield f"process_start_{method}_ms", gil.get(f"process_extra_{method}_ms", more)
    if "subinterpreter_start_ms" in gil and "subinterpreter_more_ms" in gil:
        yield "subinterpreter_start_ms", gil["subinterpreter_start_ms"] + gil["subinterpreter_more_ms"]
    if "asyncio_sleep_task_ms" in gil:
        yield "asyncio_task_ms", gil["asyncio_sleep_task_ms"]
    if "loop_process_ms" in gil:
        yield "process_dispatch_ms", gil["loop_process_ms"]


def _builds(gil: _Measured, free: _Measured) -> Iterator[tuple[str, float]]:
    """What computing and memory cost more on the free-threaded build than on the other."""
    if "python_loop_ns" in gil and "python_loop_ns" in free:
        slowdown = max(1.0, free["python_loop_ns"] / gil["python_loop_ns"])
        yield from ((key, slowdown) for key in ("free_threaded_slowdown", "free_threaded_slowdown_313"))
    if "base_memory_mb" in gil and "base_memory_mb" in free:
        yield "free_threaded_memory_factor", max(1.0, free["base_memory_mb"] / gil["base_memory_mb"])
