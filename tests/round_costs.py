"""Costs in round numbers, so that a reader can follow the sums, and the work that is predicted with them."""

from __future__ import annotations

from typing import Any

from selector.cost.batch import Batch, batch_of, batch_seconds
from selector.cost.predict import estimate
from selector.cost.sheet import HostCosts
from selector.cost.terms import Builds, Quantities
from selector.recommend.knowledge import load_knowledge
from selector.workload.profile import APPROACHES

#: Costs in round numbers, so that a reader can follow the sums.
COSTS = {
    "thread_start_ms": 1.0, "thread_dispatch_ms": 0.1, "thread_wait_ms": 0.15, "asyncio_start_ms": 3.0,
    "asyncio_task_ms": 0.2, "asyncio_wait_ms": 0.25, "loop_handover_ms": 0.3, "loop_process_ms": 0.5,
    "process_pool_fork_ms": 10.0, "process_pool_forkserver_ms": 100.0, "process_pool_spawn_ms": 200.0,
    "process_start_fork_ms": 5.0, "process_start_forkserver_ms": 50.0, "process_start_spawn_ms": 60.0,
    "process_pool_unused_ms": 7.0, "process_dispatch_ms": 0.5, "chunked_dispatch_ms": 0.01,
    "process_copy_mb_per_s": 100.0, "subinterpreter_start_ms": 40.0, "subinterpreter_more_ms": 2.0,
    "subinterpreter_extra_ms": 30.0, "subinterpreter_dispatch_ms": 0.4, "subinterpreter_copy_mb_per_s": 1000.0,
    "sleep_overshoot_ms": 0.1, "gil_switch_ms": 5.0,
    "free_threaded_slowdown": 1.1, "free_threaded_slowdown_313": 1.5, "free_threaded_spread": 1.2,
    "free_threaded_memory_factor": 1.25,
    "contention_processes": 0.2, "contention_subinterpreters": 0.2, "contention_threads_python": 0.2,
    "contention_threads_native": 0.2, "contention_read_only": 0.4, "contention_hot": 3.0,
    "contention_hot_reads": 1.5,
    "base_memory_mb": 20.0, "thread_memory_mb": 0.5, "process_pool_memory_mb": 30.0, "process_memory_mb": 10.0,
    "subinterpreter_memory_mb": 8.0,
}  # fmt: skip
#: Of each engine the same; huey has no broker.
ENGINE = {
    "submit_ms": 1.0, "dispatch_ms": 0.5, "task_ms": 4.0, "kb_ms": 0.1, "start_s": 2.0, "first_s": 0.1, "worker_mb": 40.0,
    "broker_mb": 10.0,
}  # fmt: skip
COSTS |= {
    f"{engine}_{name}": value
    for engine in ("celery", "rq", "dramatiq", "huey", "dask", "ray")
    for name, value in ENGINE.items()
}
del COSTS["huey_broker_mb"]
COSTS |= {f"{engine}_recovery_s": 1.0 for engine in ("celery", "rq", "dramatiq", "huey", "dask")}


PLAIN = COSTS | {"scaling_known_to": 2.0, "scaling_growth": 0.0}


BUILDS = Builds(PLAIN, PLAIN | {"base_memory_mb": 25.0}, PLAIN)


SHEET = HostCosts(COSTS).sheet("3.14", "3.14", "linux")


WORK = Quantities(
    serves=False, tasks=100, cpu_ms=10.0, wait_ms=0.0, in_flight=None, arrivals_per_ms=None, cores=4, payload_kb=0.0, data_kb=0.0, task_mb=0.0,
    pickle_ms=None, import_ms=0.0, gil_hold_ms=None, free_threaded_ratio=None,
    startup_ms=0.0, startup_mb=0.0, startup_shared=False, gil_share=1.0, library_parallel=False, blocks=False,
    isolated=False, shared_state=None, start_method="fork", gil_build=True, builds=BUILDS,
)  # fmt: skip


WAITS = WORK._replace(cpu_ms=0.0, wait_ms=50.0, in_flight=20)


TRAITS = {key: approach.traits for key, approach in load_knowledge().approaches.items()}


POOLS = [a for a in APPROACHES if TRAITS[a].pool != "none" and a != "distributed"]


def seconds(approach: str, workers: int = 4, work: Quantities = WORK, **changes: Any) -> float:
    found = batch_seconds(TRAITS[approach], workers, work._replace(**changes))
    assert found is not None
    return found


def batch(approach: str, work: Quantities) -> Batch:
    found = batch_of(TRAITS[approach], work)
    assert found is not None
    return found


def latency(approach: str, workers: int, work: Quantities) -> float | None:
    return estimate(TRAITS[approach], workers, work).latency_ms
